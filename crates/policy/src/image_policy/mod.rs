//! `ClusterImagePolicy` of Sigstore's Policy Controller (`policy.sigstore.dev`, v1alpha1 and v1beta1), and what belongs to it.
//!
//! ```text
//!   ClusterImagePolicy ─▶ Policy ┐
//!   TrustRoot ──────────▶ names  ├─ images of the request ─▶ digest (once) ─▶ authorities (one suffices) ─▶ `policy` ─▶ Judgement
//!   ConfigMap ──────────▶ Settings┘                              └── questions by that digest ──▶ Evidence
//! ```
//!
//! Every policy that matches an image must hold (AND); in a policy one authority suffices (OR); of an authority every attestation must be there.
//!
//! What this module never does: it asks no registry and verifies no signature; it takes no answer about another digest than the one that the tag had
//! when it was first asked for, and no attestation of another type (CVE-2022-35930); it does not evaluate CUE: a policy in CUE refuses each image that it
//! matches. An image is matched by what it is, not by how somebody spelt it.
//!
//! Source: sigstore/policy-controller v0.15.1: pkg/apis/{policy,glob,config}, pkg/config, pkg/webhook/{validator,validator_result}.go.

mod authority;
mod document;
mod evaluate;
mod fields;
mod glob;
mod language;
mod settings;
mod trust_root;

#[cfg(test)]
mod tests;

pub(crate) use authority::is_public_key;
pub use document::{Mode, Policy};
pub use evaluate::{Judgement, Known, judge};
pub use settings::{NoMatch, Settings};
pub use trust_root::TrustRoot;
