//! The authority as its clients see it: called directly and over HTTP, judged by the room that verifies, by OpenSSL and by hostile requests.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says where, and one that waits for a peer needs the time"
)]

mod client;
mod entries;
mod files;
mod flows;
mod openssl;
mod promising;
mod python;
mod server;
mod tokens;
mod verified;
