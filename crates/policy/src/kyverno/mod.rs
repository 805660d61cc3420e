//! Kyverno's policy language: `ClusterPolicy`, `Policy` and `PolicyException` of `kyverno.io`.
//!
//! ```text
//!   YAML or JSON ─▶ schema (unknown fields, with their places) ─▶ Policy ─▶ rules, and rules made for controllers
//!                                                                   │
//!   Input (request, user, values handed in) ── evaluate ────────────┤
//!   Snapshot (what was fetched before) ─────────────────────────────┴─▶ Evaluation { responses, needs }
//! ```
//!
//! What this module never does: it fetches nothing, it knows no clock, and a rule that it cannot decide is an error and never a pass. Rules of a
//! kind that is not evaluated here (`validate.manifests`, `validate.assert`) load, and say so.

pub(crate) mod anchors;
mod autogen;
mod conditions;
pub(crate) mod confines;
mod context;
pub mod downstream;
mod evaluate;
mod exception;
mod generate;
pub(crate) mod images;
mod input;
pub(crate) mod matching;
pub mod message;
pub mod mutate;
pub(crate) mod operator;
mod pattern;
mod podsecurity;
mod policy;
mod printed;
pub(crate) mod rule;
mod scalar;
pub(crate) mod schema;
mod scope;
pub mod status;
pub mod validate_policy;
mod variables;
pub mod verify_images;
mod work;

#[cfg(test)]
mod lines;
#[cfg(test)]
mod tests;

pub(crate) use anchors::bare as bare_key;
pub(crate) use autogen::rules as autogen_rules;
pub use context::{Need, Snapshot};
pub use evaluate::{Evaluation, Response, Status};
pub use exception::Exception;
pub use generate::Generated;
pub(crate) use input::declared;
pub use input::{Input, Kind, Operation, User};
pub use matching::selects;
pub use mutate::Mutated;
pub use policy::Policy;
pub use rule::{Action, Rule};
pub(crate) use scalar::range_of;
pub use verify_images::Verified;
