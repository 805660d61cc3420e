//! `TrustPolicy`, our own policy document: DESIGN section 6.
//!
//! ```text
//!   YAML ─ reader ─▶ TrustPolicy (plain values, expressions compiled) ─ decide(findings, feeds, now) ─▶ Decision
//!            └─ Vec<PolicyError>: line, column, message, hint
//! ```
//!
//! The whole document is read, and what is unknown in it is refused: a misspelt section would be a gate that never closes. Judged today is
//! `vulnerabilities`; every other section that the document has is listed as not judged.

mod builtin;
mod document;
mod evaluate;
mod exception;
mod purl_glob;
mod reader;
mod sections;

#[cfg(test)]
mod tests;

pub use builtin::{RECOMMENDED, builtin};
pub use document::{
    Acceptance, Action, Authority, BaseSection, Debug, DigestRule, Freshness, KeySource, Otherwise, Provenance,
    Revoked, Runtime, SbomRule, Signatures, TrustPolicy, UncheckedRule, VulnerabilitySection,
};
pub use evaluate::{FeedAge, Judgement, evaluate_vulnerabilities};
pub use purl_glob::purl_matches;
pub use reader::PolicyError;
