//! Area `admit`: policies that decide what may run.

pub(crate) mod kyverno;
