//! The client against a stand-in registry with faults (written from the distribution specification), and against Debian's real one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests fail by panic, and say what was skipped"
)]

mod attach;
mod auth;
mod calls;
mod downloads;
mod faults;
mod ranges;
mod real;
mod standin;
mod writable;
