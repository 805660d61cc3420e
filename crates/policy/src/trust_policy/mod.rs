//! `TrustPolicy`, our own policy document: DESIGN section 6.
//!
//! ```text
//!   YAML ─ reader ─▶ TrustPolicy (plain values, expressions compiled)
//!            │          ├─ decide(findings, feeds, now) ─▶ what its `vulnerabilities` say of a scan
//!            │          └─ judge(policies, image, facts, circumstances) ─▶ Decision: every section, or what must be found out first
//!            └─ Vec<PolicyError>: line, column, message, hint
//! ```
//!
//! The whole document is read, and what is unknown in it is refused: a misspelt section would be a gate that never closes. Facts are plain values:
//! signatures were verified by `trust` before they came here, and what nobody verified has no seal.

mod blocked;
mod break_glass;
mod builtin;
mod check_data;
mod decision;
mod document;
mod evaluate;
mod exception;
pub mod facts;
mod judge;
mod names;
mod purl_glob;
mod reader;
mod sections;
mod wire;

#[cfg(test)]
mod tests;

pub use blocked::{Block, Blocked, Notice, Target};
pub use break_glass::{BreakGlass, Override};
pub use builtin::{RECOMMENDED, builtin};
pub use check_data::{CONFIDENCES, CheckData, config_environment, secret_environment};
pub use decision::{Decision, OverrideReport, Reason, Ruling, Scanned};
pub use document::{
    Acceptance, Action, Approver, Authority, BaseSection, BreakGlassRule, CheckRule, Debug, DigestRule, Freshness,
    KeySource, Otherwise, Place, Provenance, Revoked, Runtime, SbomRule, Signatures, SummaryRule, TrustPolicy,
    VulnerabilitySection,
};
pub use evaluate::{FeedAge, Judgement, evaluate_vulnerabilities};
pub use judge::{Asked, Circumstances, Role, blocks, judge};
pub use names::{ImagePattern, canonical_name, identity_matches};
pub use purl_glob::purl_matches;
pub use reader::PolicyError;
