//! Policies that are written in CEL: those of Kubernetes (`admissionregistration.k8s.io`) and those of Kyverno (`policies.kyverno.io`).
//!
//! ```text
//!   YAML or JSON ─▶ schema ─▶ Policy ─▶ Definition, and those made of it for what makes Pods
//!                               ▲            │
//!   Binding, Exception ─────────┘            │
//!   Input (request, namespace) ── evaluate ──┤
//!   Snapshot (what was fetched before) ──────┴─▶ Judgement { responses, needs, annotations, patched }
//! ```
//!
//! What this module never does: it fetches nothing and knows no clock; what it cannot evaluate is an error and never a pass; a kind of policy
//! that it does not know it does not load.

mod autogen;
mod document;
mod evaluate;
mod exception;
mod host;
mod images;
mod json_patch;
mod matching;
mod merge;
mod mutate;
mod native;
mod rule;
mod schema;

#[cfg(test)]
mod tests;

pub use document::{Binding, Kind, Policy};
pub use evaluate::Judgement;
pub use exception::Exception;
pub use images::Evidence;
pub(crate) use native::{Complaint, Native};
pub(crate) use rule::CelRule;
pub(crate) use schema::{CEL, CONDITIONS};
