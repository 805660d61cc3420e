//! The document as plain values.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use signet_model::{Digest, Exception, Mode};

use super::names::ImagePattern;
use crate::expr::Program;

/// Where something stands in the policy's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
}

/// A whole policy. A section that is `None` asks for nothing.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    /// `metadata.name`.
    pub name: String,
    /// How far it is in force; `enforce` unless it says otherwise.
    pub mode: Mode,
    /// SHA-256 of the text that it was read from.
    pub content: Digest,
    /// Where its fields stand, by their routes below `spec`: `signatures`, `vulnerabilities.deny`.
    pub places: BTreeMap<String, Place>,
    /// Image patterns: `*` is one path segment, `**` any number. Empty: every image.
    pub images: Vec<ImagePattern>,
    /// What happens to images that no pattern names; `deny` unless it says otherwise.
    pub otherwise: Otherwise,
    /// What is asked of tags.
    pub digest: Option<DigestRule>,
    /// `pullPolicy: IfNotPresent` for what was pinned.
    pub pull_if_not_present: bool,
    /// Who must have signed.
    pub signatures: Option<Signatures>,
    /// Whose verification stands for ours.
    pub summaries: Option<SummaryRule>,
    /// How it must have been built.
    pub provenance: Option<Provenance>,
    /// Whether an SBOM must be attached.
    pub sbom: Option<SbomRule>,
    /// Known vulnerabilities.
    pub vulnerabilities: Option<VulnerabilitySection>,
    /// Secrets in the image: `secrets.deny`.
    pub secrets: Option<CheckRule>,
    /// Misconfiguration: `config.deny`.
    pub config: Option<CheckRule>,
    /// What it may stand on.
    pub base: Option<BaseSection>,
    /// How old it may be.
    pub freshness: Option<Freshness>,
    /// What is trusted no more.
    pub revoked: Option<Revoked>,
    /// Who may attach which ephemeral containers.
    pub debug: Option<Debug>,
    /// What happens at run time.
    pub runtime: Option<Runtime>,
    /// Who may open the gate for a while; without it nobody may.
    pub break_glass: Option<BreakGlassRule>,
}

impl TrustPolicy {
    /// Takes files of keys for lying beside the policy: each gets this folder before its name, unless it begins with `/`.
    pub fn with_keys_in(&mut self, folder: &str) {
        if folder.is_empty() {
            return;
        }
        let signatures = self.signatures.iter_mut().flat_map(|found| &mut found.authorities);
        let approvers = self.break_glass.iter_mut().flat_map(|found| &mut found.approvers);
        let approvers = approvers.map(|approver| &mut approver.authority);
        let summaries = self.summaries.iter_mut().flat_map(|found| &mut found.signers);
        for authority in signatures.chain(approvers).chain(summaries) {
            if let Authority::Key(KeySource::File(name)) = authority
                && !name.starts_with('/')
            {
                *name = format!("{}/{name}", folder.trim_end_matches('/'));
            }
        }
    }
}

/// For images that the policy does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Otherwise {
    #[default]
    Deny,
    Ignore,
}

/// What is asked of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestRule {
    /// Rewrite the reference to the digest.
    Pin,
    /// Refuse references without digest.
    Require,
    /// Anything goes.
    Ignore,
}

/// What follows from a finding of a section without expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Action {
    Deny,
    Warn,
    Alert,
    Ignore,
}

/// `signatures`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// How many of the authorities must have signed; 1 unless it says otherwise.
    pub require: u32,
    /// Who may sign. Never empty.
    pub authorities: Vec<Authority>,
}

/// One who may sign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// A certificate's identity. `*` is any text; both patterns are anchored at both ends.
    Keyless {
        /// The issuer of the identity.
        issuer: String,
        /// The identity.
        subject: String,
    },
    /// A public key.
    Key(KeySource),
}

/// Where a public key is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeySource {
    /// A file beside the policy.
    File(String),
    /// PEM in the policy itself.
    Pem(String),
}

/// `summaries`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRule {
    /// Who may have verified an image for us. Never empty.
    pub signers: Vec<Authority>,
    /// Age of a summary.
    pub max_age: SignedDuration,
    /// Ids of verifiers that count; `https://signet.dev/gate` unless it says otherwise.
    pub verifiers: Vec<String>,
}

/// `provenance`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// SLSA build level, 0 to 4.
    pub level: Option<u32>,
    /// Pattern of the builder's id.
    pub builder: Option<String>,
    /// Pattern of the source repository; with a reference behind `@` also of that.
    pub source: Option<String>,
}

/// `sbom`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SbomRule {
    /// One must be attached.
    pub require: bool,
}

/// `vulnerabilities`.
#[derive(Clone, Debug, Default)]
pub struct VulnerabilitySection {
    /// A finding that fulfils this is denied; so is one for which it cannot be told.
    pub deny: Option<Program>,
    /// Accepted risks of a kind, looked at when `deny` does not hold.
    pub accept: Vec<Acceptance>,
    /// A finding that fulfils this is warned about; so is one for which it cannot be told.
    pub warn: Option<Program>,
    /// Age that no feed, and no scan, may exceed.
    pub max_age: Option<SignedDuration>,
    /// Accepted findings.
    pub exceptions: Vec<Exception>,
}

/// A kind of finding that is accepted, tracked, and looked at again and again. It never overrules `deny`.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// Which findings. What cannot be told is not accepted.
    pub when: Program,
    /// Time between reviews.
    pub review_every: SignedDuration,
    /// Warn about each of them.
    pub alert: bool,
    /// Why they are accepted.
    pub reason: String,
}

/// `secrets` and `config`.
#[derive(Clone, Debug, Default)]
pub struct CheckRule {
    /// A finding that fulfils this is denied; so is one for which it cannot be told, and so is an image that nobody looked at.
    pub deny: Option<Program>,
    /// A finding that fulfils this is warned about.
    pub warn: Option<Program>,
}

/// `breakGlass`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlassRule {
    /// How many different people must have signed an override; never less than two.
    pub require: u32,
    /// Who may sign one.
    pub approvers: Vec<Approver>,
    /// The longest that an override may hold.
    pub max_duration: SignedDuration,
}

/// One who may sign an override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// By what their signature is known.
    pub authority: Authority,
    /// Who holds the key, by the name that their certificates have: one who holds a key and an identity is one person. Always there for a key, and
    /// never for an identity, which is the person's name itself.
    pub person: Option<String>,
}

/// `base`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseSection {
    /// Patterns of base images that are allowed; `scratch` is the empty one. An empty list allows none.
    pub allow: Option<Vec<ImagePattern>>,
    /// When the base is past its end of life.
    pub end_of_life: Option<Action>,
}

/// `freshness`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Age of the image.
    pub max_age: Option<SignedDuration>,
    /// Not older than what runs already.
    pub not_older_than_running: bool,
}

/// `revoked`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Artifacts.
    pub digests: Vec<Digest>,
    /// Keys, by the SHA-256 of their DER `SubjectPublicKeyInfo`.
    pub keys: Vec<Digest>,
    /// Identities; `*` is any text, both ends are anchored. Whoever vouches for them.
    pub identities: Vec<String>,
}

/// `debug`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Debug {
    /// Patterns of images. An empty list allows none.
    pub images: Option<Vec<ImagePattern>>,
    /// Groups of people. An empty list allows nobody.
    pub groups: Option<Vec<String>>,
}

/// `runtime`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// A file that is run was not in the image.
    pub drift: Option<Action>,
    /// A process of an image that passed no gate.
    pub unsealed_process: Option<Action>,
}

impl TrustPolicy {
    /// Where a field stands, by its route below `spec`; the section's place for a field that is not written out.
    #[must_use]
    pub fn place(&self, route: &str) -> Option<Place> {
        let section = route.split('.').next().unwrap_or_default();
        self.places.get(route).or_else(|| self.places.get(section)).copied()
    }

    /// Names of the sections that the document has and that [`TrustPolicy::decide`], which sees findings alone, does not judge.
    pub(super) fn unjudged_sections(&self) -> Vec<&'static str> {
        [
            ("images", !self.images.is_empty()),
            ("digest", self.digest.is_some()),
            ("signatures", self.signatures.is_some()),
            ("summaries", self.summaries.is_some()),
            ("provenance", self.provenance.is_some()),
            ("sbom", self.sbom.is_some()),
            ("secrets", self.secrets.is_some()),
            ("config", self.config.is_some()),
            ("base", self.base.is_some()),
            ("freshness", self.freshness.is_some()),
            ("revoked", self.revoked.is_some()),
            ("debug", self.debug.is_some()),
            ("runtime", self.runtime.is_some()),
            ("breakGlass", self.break_glass.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect()
    }
}
