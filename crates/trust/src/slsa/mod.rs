//! Build provenance: was this artifact built by the builder, from the source, that its user expects?
//!
//! The signature comes first and elsewhere: what is read here are statements whose envelope was verified, with what the verified signing
//! certificate says of the workflow that signed. The rules are those of SLSA's verification summary (<https://slsa.dev/spec/v1.0/verifying-artifacts>)
//! and of the builders' own contracts; the check that failed is named in every refusal.

mod builder;
pub mod claim;
pub mod gcb;
pub mod github;
pub mod npm;
mod provenance;
mod source;
#[cfg(test)]
mod tests;
pub mod vsa;

use std::fmt;

pub use builder::{BuilderId, BuilderRefs};

/// Which requirement a provenance does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// The certificate was issued for a token of another issuer than the builder's platform.
    Issuer,
    /// The workflow that signed is no builder that is trusted, or not the one expected.
    Builder,
    /// A builder identifier that cannot be read, or that this kind of provenance cannot have.
    BuilderForm,
    /// The builder that the provenance names is not the one that signed, or not the one expected.
    BuilderId,
    /// The builder was used at a mutable reference: only release tags `vX.Y.Z` are trusted.
    BuilderRef,
    /// No verifier is known for this builder.
    Platform,
    /// Built from another repository.
    Source,
    /// A source identifier that cannot be read.
    SourceForm,
    /// None of the subjects is the artifact.
    Digest,
    /// The source reference is of another kind (a branch where a tag is expected, or the reverse), or malformed.
    RefKind,
    /// Built from another branch.
    Branch,
    /// Built from another tag.
    Tag,
    /// Built from a tag of another version.
    VersionedTag,
    /// A version that is no semantic version with a leading `v`.
    Semver,
    /// The workflow was started with other inputs.
    WorkflowInputs,
    /// The statement is not what its type says.
    Payload,
    /// The document around the statement is not of the expected form.
    Format,
    /// The readable text beside the statement differs from what was signed.
    Text,
    /// A claim contradicts the signing certificate.
    Certificate,
    /// A claim that nothing vouches for.
    Unverifiable,
    /// Another package name.
    PackageName,
    /// Another package version.
    PackageVersion,
    /// A signature does not verify with the key that its identifier names.
    Signature,
    /// No signature by a key that is known.
    NoSignature,
    /// What was asked cannot be told from this kind of provenance.
    Unsupported,
    /// The verification summary does not attest what is required.
    Result,
}

impl Requirement {
    /// What is required, as a noun.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer of the certificate's identity",
            Self::Builder => "builder that signed",
            Self::BuilderForm => "form of the builder's identifier",
            Self::BuilderId => "builder",
            Self::BuilderRef => "release of the builder",
            Self::Platform => "build platform",
            Self::Source => "source repository",
            Self::SourceForm => "form of the source",
            Self::Digest => "digest of the artifact",
            Self::RefKind => "kind of the source reference",
            Self::Branch => "source branch",
            Self::Tag => "source tag",
            Self::VersionedTag => "version of the source tag",
            Self::Semver => "semantic version",
            Self::WorkflowInputs => "inputs of the workflow",
            Self::Payload => "statement",
            Self::Format => "document",
            Self::Text => "readable text beside the statement",
            Self::Certificate => "agreement with the certificate",
            Self::Unverifiable => "claims that something vouches for",
            Self::PackageName => "package name",
            Self::PackageVersion => "package version",
            Self::Signature => "signature",
            Self::NoSignature => "signature by a known key",
            Self::Unsupported => "what this provenance can tell",
            Self::Result => "verification summary",
        }
    }
}

/// Why a provenance does not show what was asked of it.
#[derive(Debug, PartialEq, Eq)]
pub struct SlsaError {
    /// Which requirement is not met.
    pub requirement: Requirement,
    /// What would have met it.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl SlsaError {
    pub(crate) fn new(requirement: Requirement, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let short = |text: String| {
            if text.chars().count() > 300 { text.chars().take(300).chain("...".chars()).collect() } else { text }
        };
        Self { requirement, expected: short(expected.into()), found: short(found.into()) }
    }

    fn payload(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(Requirement::Payload, expected, found)
    }
}

impl fmt::Display for SlsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What was found comes from a stranger: its control characters do not reach a terminal.
        let plain = |text: &str| text.replace(char::is_control, "\u{fffd}");
        write!(f, "{}: expected {}, found {}", self.requirement.name(), plain(&self.expected), plain(&self.found))
    }
}

impl std::error::Error for SlsaError {}

/// What the user requires of a build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expectation<'a> {
    /// The repository, as `github.com/ORG/REPO` or with a leading `git+https://`.
    pub source: &'a str,
    /// The artifact's digest in lower-case hexadecimal, at least 256 bits; its length says the algorithm (SHA-256, SHA-384, SHA-512).
    pub digest: &'a str,
    /// The builder, as `NAME` or `NAME@VERSION`. Without one the builders of the SLSA project are trusted.
    pub builder: Option<&'a str>,
    /// The branch that the source was taken from.
    pub branch: Option<&'a str>,
    /// The tag that the source was taken from.
    pub tag: Option<&'a str>,
    /// A version that the tag belongs to: `v1` covers every `v1.x.y`, `v1.2` every `v1.2.y`.
    pub versioned_tag: Option<&'a str>,
    /// Inputs that the workflow was started with by hand.
    pub workflow_inputs: &'a [(String, String)],
}

/// The level of the build track (<https://slsa.dev/spec/v1.0/levels>) that a builder's provenance can show at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Provenance exists.
    L1,
    /// Signed by a hosted build platform.
    L2,
    /// Signed by a platform that the build itself cannot reach.
    L3,
}

impl Level {
    /// The level as a number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::L1 => 1,
            Self::L2 => 2,
            Self::L3 => 3,
        }
    }
}

/// What a provenance was found to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Who built.
    pub builder: BuilderId,
    /// The level that this builder's provenance shows.
    pub level: Level,
    /// The source as the provenance writes it, with its reference.
    pub source: String,
    /// The commit, where certificate or provenance name one.
    pub commit: Option<String>,
}
