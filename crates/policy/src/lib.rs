//! What must hold, and whether it does: policies are compiled once and evaluated on borrowed data into a decision.
//!
//! ```text
//!   expression ─▶ expr::Program ─┐
//!   TrustPolicy (YAML) ──────────┴─▶ compiled policy ── findings, ages, now ─▶ Decision
//! ```
//!
//! What this room never does: it fetches nothing, asks no clock (`now` is handed in), and never takes what it does not know for good news:
//! a term whose data is missing is *unknown*, and an unknown `deny` denies and names what is missing.
#![forbid(unsafe_code)]

mod duration;
pub mod expr;
pub mod licences;
mod suggest;
pub mod trust_policy;

pub use duration::parse_duration;
