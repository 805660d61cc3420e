//! Notary Project signatures: envelopes in JWS and COSE, trust policies and trust stores, timestamps and revocation.
//!
//! Sources, by name in the comments: `signature-specification.md`, `signature-envelope-jws.md`, `signature-envelope-cose.md` and
//! `trust-store-trust-policy.md` of notaryproject/specifications 1.1. Everything that a judgement needs is given: the envelope's bytes, the
//! document, the certificates of the stores, revocation lists and responses that the caller fetched, and the time.

mod certificate;
mod chain;
mod cose;
mod envelope;
mod jws;
mod name;
mod policy;
mod revocation;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod timestamp;
mod verify;

pub use envelope::{Envelope, EnvelopeKind, Scheme};
pub use policy::{Action, BlobPolicy, Level, OciPolicy, PolicyError, Statement, TimestampUse, Validation};
pub use revocation::Revocations;
pub use store::{StoreKind, TrustStores};
pub use verify::{Outcome, Target, Verdict, verify};

/// Why something of the Notary Project's cannot be used: what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationError {
    /// What would have done.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl NotationError {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

impl std::fmt::Display for NotationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What was found comes from a stranger: its control characters do not reach a terminal.
        let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
        write!(f, "expected {}, found {}", plain(&self.expected), plain(&self.found))
    }
}

impl std::error::Error for NotationError {}
