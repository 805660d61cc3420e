//! Kubernetes asks whether an object may be stored: `AdmissionReview` in, decision out.
//!
//! ```text
//!   bytes ─▶ review ─▶ Request ─▶ Engine::judge ─▶ Judged ─┬─ decided ──▶ answer ─▶ bytes, in one write
//!            (bounded)               ▲                     └─ Needs ─▶ Outside (bounded, once for all who ask) ─┐
//!                                    └──────────────────── Known ◀────────────────────────────────────────────┘
//! ```
//!
//! Beside it: [`Events`] tells of what policies say, [`scan`] judges what is there already and writes reports, [`record`] keeps requests for policies to come.
//!
//! What this room never does: it lets nothing pass that it could not judge, unless the policy itself says so; it believes no annotation and
//! nothing that its own mutating pass wrote; it keeps no answer about an image by its tag; it asks no clock and reads no file; it never depends
//! on another service. A request without an answer in time is an answer that says what was missing.
#![forbid(unsafe_code)]

mod answer;
pub mod authority;
mod blocks;
mod cache;
mod clients;
mod codec;
mod desk;
mod engine;
mod events;
mod images;
mod memory;
mod metrics;
mod outside;
mod peers;
mod policies;
pub mod record;
mod request;
mod roles;
pub mod scan;
mod server;
mod stall;
mod tls;
mod weigh;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Denial};
pub use blocks::{BlockList, MAX_AGE as BLOCKS_MAX_AGE};
pub use cache::{CacheLimits, Cached};
pub use clients::Clients;
pub use desk::{Clock, Desk, DeskLimits, Outcome, Reply, Seen, Witness};
pub use engine::{Engine, Pass};
pub use events::Events;
pub use images::{Image, Images};
pub use memory::{KEY as MEMORY_KEY, Memory, fresh_key};
pub use metrics::{Metrics, Told};
pub use outside::{Asked, Nobody, Outside};
pub use policies::{LoadError, Loader, PolicySet, runs_images};
pub use request::{BadReview, Request, ReviewLimits, Version};
pub use server::{ServeError, Server, ServerLimits};
pub use tls::{Certificates, TlsError};
