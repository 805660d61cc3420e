//! Policies that are written in CEL: those of Kubernetes (`admissionregistration.k8s.io`) and those of Kyverno (`policies.kyverno.io`).
//!
//! ```text
//!   YAML or JSON ─▶ schema ─▶ Policy ─▶ Definition, and those made of it for what makes Pods
//!                               ▲            │
//!   Binding, Exception ─────────┘            │
//!   Input (request, namespace) ── evaluate ──┤
//!   Snapshot, Evidence (what was fetched) ───┴─▶ Judgement { responses, needs, images, annotations, patched }
//! ```
//!
//! What this module never does: it fetches nothing and knows no clock; what it cannot evaluate is an error and never a pass; a kind of policy
//! that it does not know it does not load.

mod attestor;
mod autogen;
mod conditions;
mod document;
mod evaluate;
mod exception;
mod host;
mod images;
mod json_patch;
mod kubernetes;
mod kyverno;
mod matching;
mod merge;
mod mutate;
mod native;
mod rule;
mod schema;
pub mod status;
mod verify;

#[cfg(test)]
mod tests;

pub(crate) use conditions::WebhookConditions;
pub use document::{Binding, Kind, Policy};
pub use evaluate::Judgement;
pub use exception::Exception;
pub(crate) use matching::{kind_plurals, namespace};
pub(crate) use native::{Complaint, Native};
pub(crate) use rule::CelRule;
pub(crate) use schema::{CEL, CONDITIONS};
