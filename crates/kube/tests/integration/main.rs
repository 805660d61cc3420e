//! The client, mirrors and the Lease against a stand-in for an API server.

mod cluster;
mod stub;
