//! Database files of others, read in place: SQLite and bbolt, both made of pages that point at pages.
//!
//! What this room never does: it opens no file, writes none, runs no query, and copies nothing but values that go on over several pages. Every
//! number in a file is a claim: pages outside of the file, circles and shared pages are errors, and no input makes it panic or take memory by a
//! length that is only stated.
#![forbid(unsafe_code)]

pub mod bbolt;
mod bytes;
pub mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
