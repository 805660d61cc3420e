//! A Kubernetes cluster: objects read, watched and written; who leads; the webhook configurations.
//!
//! ```text
//!   API server ◀─ Client ◀─┬─ Mirror: list, then watch ─▶ objects as they are, swapped whole
//!                          ├─ Leader: one Lease, one holder
//!                          └─ webhook configurations, certificates: written by the leader alone
//! ```
//!
//! What this room never does: it judges nothing; it sends our token to nobody but the API server; it takes a list that it could not read whole for
//! no list at all, and never for an empty one; it holds no answer that it did not weigh. It is the only room that speaks with an API server for the
//! webhook.
#![forbid(unsafe_code)]

mod access;
mod backoff;
mod client;
mod error;
pub mod resource;
mod stream;

pub use access::{Access, IN_POD};
pub use client::{Client, ClientLimits, FIELD_MANAGER, ListOptions, Page, Watch, WatchOptions, identity_of, key_of};
pub use error::KubeError;
pub use resource::Resource;
pub use stream::{Event, check_watch, version_of};
