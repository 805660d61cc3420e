//! What a `TrustPolicy` asks about an image, and what may be answered: plain values, by digest.
//!
//! Nothing is fetched here and no signature is verified. Who answers hands in what `trust` verified; what it did not verify has no [`Seal`].

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Digest, Timestamp};

use super::check_data::CheckData;
use super::document::{Authority, KeySource};
use super::evaluate::FeedAge;
use super::wire;
use crate::expr::FindingData;

/// Who made a signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// The identity of a certificate, as it was verified.
    Keyless {
        /// Who vouched for it.
        issuer: String,
        /// The identity.
        subject: String,
    },
    /// The holder of a key.
    Key {
        /// SHA-256 of the public key's DER `SubjectPublicKeyInfo`.
        fingerprint: Digest,
        /// Where the policy has the key that verified it.
        source: KeySource,
    },
}

/// A signature that holds: over the image, or over a statement about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seal {
    /// The sealed bytes.
    pub evidence: Digest,
    /// Who made it.
    pub signer: Signer,
    /// When, as a log or a timestamp authority vouches; `None` if nobody does.
    pub signed_at: Option<Timestamp>,
}

/// One manifest that a reference can lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// `linux/arm64`; empty where none is stated.
    pub platform: String,
    /// When the image says that it was made.
    pub created: Option<Timestamp>,
}

/// A provenance whose signer is the builder that it names; made from what `trust` verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its signature.
    pub seal: Seal,
    /// The builder's id.
    pub builder: String,
    /// The repository that it was built from; behind `@` the reference, where the provenance has one.
    pub source: String,
    /// The SLSA build level that the builder is known to reach; `None` if nothing is known of it.
    pub level: Option<u32>,
}

/// A verification summary beside an image (SLSA), signed by somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its signature.
    pub seal: Seal,
    /// Who verified; empty where it does not say.
    pub verifier: String,
    /// What it says that it is about.
    pub resource: String,
    /// The policy, by its digest.
    pub policy: Option<Digest>,
    /// `PASSED` or `FAILED`.
    pub result: String,
    /// `SLSA_BUILD_LEVEL_3`, ..
    pub levels: Vec<String>,
    /// When.
    pub verified_at: Option<Timestamp>,
}

impl Summary {
    /// What a signed predicate says. A field that is missing or of another form is left empty, and the summary counts for nothing.
    #[must_use]
    pub fn of(seal: Seal, predicate: &serde_json::Value) -> Summary {
        let text = |route: &str| predicate.pointer(route).and_then(serde_json::Value::as_str);
        let levels = predicate.get("verifiedLevels").and_then(serde_json::Value::as_array).into_iter().flatten();
        Summary {
            seal,
            verifier: text("/verifier/id").unwrap_or_default().to_owned(),
            resource: text("/resourceUri").unwrap_or_default().to_owned(),
            policy: text("/policy/digest/sha256").and_then(|hex| format!("sha256:{hex}").parse().ok()),
            result: text("/verificationResult").unwrap_or_default().to_owned(),
            levels: levels.filter_map(|level| level.as_str().map(str::to_owned)).collect(),
            verified_at: text("/timeVerified").and_then(|at| at.parse().ok()),
        }
    }
}

/// An SBOM beside an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// Its bytes.
    pub content: Digest,
    /// Who vouches for it.
    pub seal: Option<Seal>,
    /// `cyclonedx`, `spdx`.
    pub format: String,
    /// When it was made, as it says itself.
    pub made_at: Option<Timestamp>,
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<T> {
    /// The bytes of the report.
    pub content: Digest,
    /// Who vouches for it, if it was found beside the image. What was made just now needs no seal.
    pub seal: Option<Seal>,
    /// When it was made.
    pub made_at: Option<Timestamp>,
    /// What it was made with.
    pub feeds: Vec<FeedAge>,
    /// Databases that it was made with.
    pub databases: Vec<Digest>,
    /// What could not be examined; then no findings do not mean clean.
    pub incomplete: Option<String>,
    /// What was found.
    pub findings: Vec<T>,
}

/// What an image stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// What was looked at to find out.
    pub content: Digest,
    /// Its reference, or `scratch`; `None` if it is not known.
    pub name: Option<String>,
    /// Its layers are the image's first ones. A base that the image only claims counts for nothing.
    pub proven: bool,
    /// When the base, or the distribution in it, is looked after no more.
    pub end_of_life: EndOfLife,
}

/// The end of a base's support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndOfLife {
    /// It has no stated end.
    None,
    /// At this instant.
    At(Timestamp),
    /// It is not known, and why.
    Unknown(String),
}

/// What a workload runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The manifest.
    pub digest: Digest,
    /// When it says that it was made.
    pub created: Option<Timestamp>,
}

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Known vulnerabilities.
    Vulnerabilities,
    /// Secrets.
    Secrets,
    /// Misconfiguration.
    Config,
}

impl What {
    /// The section of the policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            What::Vulnerabilities => "vulnerabilities",
            What::Secrets => "secrets",
            What::Config => "config",
        }
    }
}

/// Where findings come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Reports beside the image that one of these sealed.
    Sealed(Vec<Authority>),
    /// The packages of this SBOM, matched now.
    Sbom(Digest),
    /// A scan of the image, now.
    Scan,
}

/// One question. `name` is registry and repository, `digest` the manifest or index that it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the fields are said above, or are types of their own")]
pub enum Question {
    /// Which digest a tag has now. Asked once for an image; everything else is asked of that digest.
    Digest { reference: String },
    /// Which manifests it serves: itself, or those of an index. Manifests that no platform runs (attestations) are left out.
    Manifests { name: String, digest: Digest },
    /// Which manifests a digest serves that is revoked: none if it does not lie in this repository.
    Serves { name: String, digest: Digest },
    /// Which signatures of these hold over it.
    Signatures { name: String, digest: Digest, authorities: Vec<Authority> },
    /// Which verification summaries of it these signed.
    Summaries { name: String, digest: Digest, authorities: Vec<Authority> },
    /// Which provenances hold, each signed by the builder that it names.
    Provenance { name: String, digest: Digest },
    /// Which SBOMs lie beside it; sealed ones verified against these.
    Sboms { name: String, digest: Digest, authorities: Vec<Authority> },
    /// What was found in it.
    Findings { name: String, digest: Digest, what: What, from: Origin },
    /// What it stands on.
    Base { name: String, digest: Digest },
    /// What the workload runs of this repository.
    Running { name: String, workload: String },
}

/// An answer. An answer of another kind than the question's is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Question::Digest`].
    Digest(Digest),
    /// To [`Question::Manifests`] and [`Question::Serves`].
    Manifests(Vec<Manifest>),
    /// To [`Question::Signatures`]; empty if there are none.
    Signatures(Vec<Seal>),
    /// To [`Question::Summaries`]; empty if there are none.
    Summaries(Vec<Summary>),
    /// To [`Question::Provenance`]; empty if there are none.
    Provenance(Vec<Build>),
    /// To [`Question::Sboms`]; empty if there are none.
    Sboms(Vec<Sbom>),
    /// To [`Question::Findings`] about vulnerabilities; empty if there is no report.
    Vulnerabilities(Vec<Report<FindingData>>),
    /// To [`Question::Findings`] about secrets and configuration; empty if there is no report.
    Checks(Vec<Report<CheckData>>),
    /// To [`Question::Base`].
    Base(Base),
    /// To [`Question::Running`]; empty if it runs nothing of it.
    Running(Vec<Running>),
    /// It could not be found out, and why.
    Unknown(String),
}

/// What was answered so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(BTreeMap<Question, Answer>);

impl Facts {
    /// With nothing known.
    #[must_use]
    pub fn new() -> Facts {
        Facts::default()
    }

    /// Takes an answer; a later one to the same question replaces the earlier.
    pub fn insert(&mut self, question: Question, answer: Answer) {
        self.0.insert(question, answer);
    }

    /// The answer to a question.
    #[must_use]
    pub fn get(&self, question: &Question) -> Option<&Answer> {
        self.0.get(question)
    }

    /// Questions and answers, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Question, &Answer)> {
        self.0.iter()
    }

    /// What was asked, in order.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.0.keys()
    }

    /// The digest of what was answered to these questions: SHA-256 of a JSON text with sorted keys, the same for the same answers.
    #[must_use]
    pub fn digest(&self, of: &BTreeSet<Question>) -> Digest {
        let entries: Vec<serde_json::Value> =
            self.0.iter().filter(|(question, _)| of.contains(question)).map(wire::fact).collect();
        Digest::sha256(serde_json::Value::Array(entries).to_string().as_bytes())
    }
}

impl std::fmt::Display for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Signer::Keyless { issuer, subject } => write!(f, "`{subject}` of `{issuer}`"),
            Signer::Key { fingerprint, source: KeySource::File(file) } => write!(f, "key `{file}` ({fingerprint})"),
            Signer::Key { fingerprint, .. } => write!(f, "key {fingerprint}"),
        }
    }
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Question::Digest { reference } => write!(f, "the digest of `{reference}`"),
            Question::Manifests { name, digest } => write!(f, "the platforms of `{name}@{digest}`"),
            Question::Serves { name, digest } => write!(f, "what the revoked `{name}@{digest}` serves"),
            Question::Signatures { name, digest, .. } => write!(f, "the signatures of `{name}@{digest}`"),
            Question::Summaries { name, digest, .. } => write!(f, "the verification summaries of `{name}@{digest}`"),
            Question::Provenance { name, digest } => write!(f, "the provenance of `{name}@{digest}`"),
            Question::Sboms { name, digest, .. } => write!(f, "the SBOM of `{name}@{digest}`"),
            Question::Findings { name, digest, what, from } => {
                let from = match from {
                    Origin::Sealed(_) => "sealed ",
                    Origin::Sbom(_) => "matched ",
                    Origin::Scan => "scanned ",
                };
                write!(f, "the {from}{} of `{name}@{digest}`", what.name())
            }
            Question::Base { name, digest } => write!(f, "the base image of `{name}@{digest}`"),
            Question::Running { name, workload } => write!(f, "what `{workload}` runs of `{name}`"),
        }
    }
}
