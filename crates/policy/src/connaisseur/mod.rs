//! Connaisseur: validators, and a list of patterns that says which of them an image must pass.
//!
//! ```text
//!   config.yaml, or the values of its Helm chart ─▶ Config { validators, rules }
//!   images of the request ─▶ the rule that fits best ─▶ its validator ─▶ digest (once) ─▶ trust roots ─▶ Judgement
//!                                                                          └── questions by that digest ──▶ Evidence
//! ```
//!
//! What this module never does: it asks no registry and verifies no signature; it lets no image pass that no rule names; it verifies no Docker Content
//! Trust (`notaryv1`): such a validator loads, and refuses with the reason.
//!
//! Source: sse-secure-systems/connaisseur v3.10: internal/{config,policy,validator}, docs/basics.md.

mod config;
mod evaluate;
mod reader;
mod rules;
mod validator;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use evaluate::Judgement;
pub use validator::Validator;
