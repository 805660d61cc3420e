//! Gatekeeper: templates (Rego, or CEL) and the constraints that use them.
//!
//! ```text
//!   ConstraintTemplate ─▶ Template ┐
//!   constraint ─────────▶ Constraint ┴─▶ Policy ── request, inventory, answers of providers, now ─▶ Judgement { responses, needs, warnings }
//! ```
//!
//! What this module never does: it fetches nothing; it takes no error, limit or panic of a policy for "no violations"; it believes that an inventory
//! is empty only when it was handed an empty one.
//!
//! Source: open-policy-agent/gatekeeper:pkg/{target,mutation/match,gator}; open-policy-agent/frameworks/constraint:pkg/{apis,client,schema}.

mod constraint;
mod evaluate;
mod inventory;
mod provider;
mod schema;
mod template;

#[cfg(test)]
mod tests;

pub use constraint::{Constraint, Enforcement};
pub use evaluate::{ExternalNeed, Judgement, Outside, Policy};
pub use inventory::Inventory;
pub use provider::{Item, ProviderError, ProviderRequest, respond};
pub use template::Template;
