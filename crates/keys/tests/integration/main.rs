//! Keys where they live: files against OpenSSL and NaCl, tokens against SoftHSM, services against moto and stand-ins of their published APIs.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says where, one that is skipped says so, and one that waits for a peer needs the time"
)]

mod clouds;
mod files;
mod harness;
mod identities;
mod interop;
mod moto;
mod standin;
mod stores;
mod token;
