//! What was checked, what was not, and why a signature is refused: by name, with what was expected and what was found.

use std::fmt;

/// One thing that a verification establishes. Listed in the order in which they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The evidence can be read: its format, its version, one reading only.
    Form,
    /// The evidence keeps the limits on count and size.
    Limits,
    /// The evidence is of the kind that is asked for: a certificate, or a configured key.
    Material,
    /// The time of signing is vouched for by a log or a timestamp authority.
    Time,
    /// RFC 3161 timestamps are by a trusted authority and about this signature.
    Timestamp,
    /// The log's promise (signed entry timestamp) is the log's.
    Promise,
    /// The certificate was issued by a trusted authority and was valid at every verified time.
    Chain,
    /// The certificate stands in a trusted certificate log.
    Sct,
    /// The person or workflow in the certificate is the one asked for.
    Identity,
    /// The one who vouched for that identity is the one asked for.
    Issuer,
    /// Other claims of the certificate are those asked for.
    Claims,
    /// The configured key was in use at the verified time.
    KeyWindow,
    /// The log contains the entry: inclusion proof and signed checkpoint.
    Inclusion,
    /// The configured witnesses saw the log's tree head, so many of them as are asked for.
    Witnesses,
    /// The signature was made by the key over the content.
    Signature,
    /// The log entry is about this content, this signature and this key.
    Binding,
    /// The signed content is about the artifact asked for.
    Artifact,
    /// The attestation is of the type asked for.
    PredicateType,
    /// The annotations asked for stand in the signed content.
    Annotations,
    /// The project's own verifier comes to the same result.
    SecondOpinion,
}

impl Check {
    /// The check in words, for reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form of the evidence",
            Self::Limits => "limits",
            Self::Material => "kind of verification material",
            Self::Time => "time of signing",
            Self::Timestamp => "RFC 3161 timestamp",
            Self::Promise => "signed entry timestamp of the log",
            Self::Chain => "certificate chain",
            Self::Sct => "signed certificate timestamp",
            Self::Identity => "certificate identity",
            Self::Issuer => "certificate OIDC issuer",
            Self::Claims => "certificate claims",
            Self::KeyWindow => "validity of the key",
            Self::Inclusion => "inclusion in the log",
            Self::Witnesses => "witnesses of the log",
            Self::Signature => "signature",
            Self::Binding => "binding of the log entry",
            Self::Artifact => "artifact digest",
            Self::PredicateType => "predicate type",
            Self::Annotations => "annotations",
            Self::SecondOpinion => "second verifier",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of a check in a verification that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and what it established.
    Passed(String),
    /// Not done, and why. A report that hides these is a lie.
    NotChecked(String),
}

/// A check and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Which check.
    pub check: Check,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a signature is refused: the first check that failed, what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The check that failed.
    pub check: Check,
    /// What would have passed.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl VerifyError {
    pub(crate) fn new(check: Check, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check, expected: expected.into(), found: found.into() }
    }

    /// The evidence cannot be read.
    pub(crate) fn form(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(Check::Form, expected, found)
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: expected {}, found {}", self.check, self.expected, self.found)
    }
}

impl std::error::Error for VerifyError {}
