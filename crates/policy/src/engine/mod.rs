//! All policies together on one request: whichever language each is written in, one answer with its reasons.
//!
//! ```text
//!   documents ─▶ Builder ─▶ Set (compiled once; which policies a kind of request concerns is remembered)
//!                            │
//!   Input, Known ── judge ───┤   changes ─▶ images ─▶ questions to what came of it
//!                            └─▶ Judged { decision, object, needs }: what must be fetched is asked for, and it is judged again
//! ```
//!
//! What this module never does: it fetches nothing; a policy that could not be decided never counts as one that holds, unless the policy itself says
//! so (`failurePolicy: Ignore`), and then the answer says it too; a document that looks like a policy and is none that is known here is an error.

mod about;
mod blocks;
mod decision;
mod judge;
mod plan;
mod set;

#[cfg(test)]
mod bypasses;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod tests;

pub use about::{About, RuleKind};
pub use decision::{Consequence, Decision, Reason};
pub use judge::{Judged, Known, Needs, Stages};
pub use set::{Builder, Exceptions, Origin, Set, Taken};
