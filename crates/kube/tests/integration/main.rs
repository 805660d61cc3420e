//! The client, mirrors and the Lease against a stand-in for an API server.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says where, and a stand-in measures time"
)]

mod cluster;
mod stub;
