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
mod discovery;
mod error;
mod lease;
mod lookup;
mod mirror;
mod policies;
pub mod resource;
pub mod rights;
mod secret;
mod stream;
mod webhooks;

pub use access::{Access, IN_POD, check_kubeconfig};
pub use client::{Client, ClientLimits, FIELD_MANAGER, ListOptions, Page, Watch, WatchOptions, identity_of, key_of};
pub use discovery::{Discovery, Served};
pub use error::KubeError;
pub use lease::{Clock, Leader, LeaseTimes};
pub use lookup::Lookup;
pub use mirror::{Mirror, Objects, Pulse, Selection, Standing, View};
pub use policies::{Document, KINDS, NATIVE, Policies, PolicyOptions, Snapshot};
pub use resource::Resource;
pub use secret::data_of;
pub use stream::{Event, check_watch, version_of};
pub use webhooks::{Address, Hooks, IGNORE, NAME, Rule, Written};
