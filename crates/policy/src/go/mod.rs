//! How Go reads and writes durations, times, numbers, JSON, paths and regular expressions, for policies that were written against it.

pub mod duration;
pub mod json;
pub(crate) mod layout;
pub(crate) mod path;
pub(crate) mod regex;
