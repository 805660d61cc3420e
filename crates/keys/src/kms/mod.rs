//! Key management services, each over its published HTTP API: no vendor's library, one client with limits and deadlines.

pub(crate) mod aws;
pub(crate) mod azure;
pub(crate) mod gcp;
pub(crate) mod vault;
