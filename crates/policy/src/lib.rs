//! What must hold, and whether it does: policies are compiled once and evaluated on borrowed data into a decision.
//!
//! ```text
//!   expression ─▶ expr::Program ─┐
//!   TrustPolicy (YAML) ──────────┴─▶ compiled policy ── findings, ages, now ─▶ Decision
//!   Rego, CEL ─▶ statement::Policies ── a verified statement, now ─▶ allowed, or why not
//!
//!   JMESPath ─▶ jmespath::Expression ── JSON, now, seed ─▶ a value (what Kyverno's policies are written in)
//!   ValidatingPolicy, MutatingAdmissionPolicy, .. (YAML) ─▶ admission::Policy over cel ── request, what was fetched ─▶ Judgement
//!   Connaisseur's configuration (YAML) ─▶ connaisseur::Config ── request, evidence of its images ─▶ Judgement, or what is needed
//!   ClusterImagePolicy, TrustRoot (YAML) ─▶ image_policy::Policy ── request, evidence of its images ─▶ Judgement, or what is needed
//!   ConstraintTemplate and constraint (YAML) ─▶ gatekeeper::Policy over rego or cel ── request, inventory ─▶ Judgement
//!   ClusterPolicy, Policy (YAML) ─▶ kyverno::Policy ── request, what was fetched ─▶ Evaluation, or what is needed
//!   all of them ─▶ engine::Set ── request, what was fetched ─▶ one Decision with its reasons ─▶ report: reports and events
//! ```
//!
//! What this room never does: it fetches nothing, asks no clock (`now` is handed in), and never takes what it does not know for good news:
//! a term whose data is missing is *unknown*, and an unknown `deny` denies and names what is missing.
#![forbid(unsafe_code)]

pub mod admission;
pub mod cel;
pub mod connaisseur;
pub mod convert;
pub mod cue;
mod duration;
pub mod engine;
pub mod explain;
pub mod expr;
pub mod gatekeeper;
pub mod go;
pub mod image_policy;
pub mod images;
pub mod jmespath;
pub mod kyverno;
pub mod licences;
pub mod lint;
pub mod quantity;
pub mod rego;
pub mod report;
pub mod statement;
mod suggest;
pub mod trust_policy;
pub mod wildcard;

pub use duration::parse_duration;
