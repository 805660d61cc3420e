//! What a `verifyImages` rule asks of registries, and what may be answered.
//!
//! Nothing is fetched here, and no signature is verified. Who evaluates answers with what verification found, by digest.

use std::collections::BTreeMap;

use serde_json::Value;

/// How signatures lie beside an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Cosign's tags and referrers.
    #[default]
    Cosign,
    /// Sigstore bundles among the referrers.
    SigstoreBundle,
    /// Notary Project signatures.
    Notary,
}

/// Which logs must know of a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Logs {
    /// Empty for the public one.
    pub rekor_url: String,
    /// Its key, PEM; empty for the one of the trust root.
    pub rekor_key: String,
    /// No entry in a transparency log is needed.
    pub ignore_rekor: bool,
    /// The key of the certificate log, PEM; empty for those of the trust root.
    pub certificate_log_key: String,
    /// No proof of a certificate log is needed.
    pub ignore_certificate_log: bool,
    /// Certificates of a timestamp authority, PEM.
    pub timestamp_chain: String,
}

/// Who signs without a key of their own. Empty fields ask for nothing, all others must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyless {
    /// A wildcard.
    pub issuer: String,
    /// A regular expression.
    pub issuer_pattern: String,
    /// A wildcard.
    pub subject: String,
    /// A regular expression.
    pub subject_pattern: String,
    /// Certificates that are trusted instead of the public ones, PEM.
    pub roots: String,
    /// Extensions of the certificate that must have these values.
    pub extensions: Vec<(String, String)>,
    /// Logs.
    pub logs: Logs,
}

/// Who must have signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// The holder of a key.
    Key {
        /// PEM, or where the key lives: `k8s://NAMESPACE/SECRET`, or the URI of a key service.
        key: String,
        /// `sha256`, ...
        algorithm: String,
        /// Logs.
        logs: Logs,
    },
    /// The holder of a certificate.
    Certificate {
        /// PEM; may be empty.
        certificate: String,
        /// PEM; may be empty.
        chain: String,
        /// Logs.
        logs: Logs,
    },
    /// Somebody whom an issuer vouches for.
    Keyless(Box<Keyless>),
    /// Anybody: the statements are taken as they are, signed or not. Kyverno's meaning of an attestation without attestors.
    Anybody,
}

/// How to reach the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credentials {
    /// Plain HTTP and unknown certificates are accepted.
    pub allow_insecure: bool,
    /// `default`, `amazon`, `azure`, `google`, `github`.
    pub providers: Vec<String>,
    /// Secrets of the cluster.
    pub secrets: Vec<String>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageNeed {
    /// Which digest a tag has now. Asked once for an image; everything else is asked of that digest.
    Digest {
        /// `registry/path:tag`
        reference: String,
        /// How to reach it.
        credentials: Credentials,
    },
    /// Whether somebody signed it, or which statements about it they signed.
    Signed(Box<Signed>),
    /// The same for policies that ask for more than Kyverno's: several identities, trust roots of their own, timestamps, Notary Project.
    Verified(Box<Demand>),
    /// The configurations of the image, one for each platform.
    Configs {
        /// `registry/path@digest`
        reference: String,
        /// How to reach it.
        credentials: Credentials,
    },
}

/// Who must have signed an image, and what must be trusted for that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand {
    /// `registry/path@digest`
    pub reference: String,
    /// How signatures lie.
    pub layout: Layout,
    /// Who.
    pub signer: DemandedSigner,
    /// Which transparency log must know of it.
    pub log: DemandedLog,
    /// A signed time is needed, by an authority of this trust root.
    pub timestamp: Option<RootRef>,
    /// Annotations that the signature must have.
    pub annotations: Vec<(String, String)>,
    /// Where the signatures lie, if not beside the image.
    pub source: Option<SignatureSource>,
    /// The type of the statements that are asked for; `None` for a signature.
    pub predicate_type: Option<String>,
    /// How to reach it.
    pub credentials: Credentials,
}

impl Demand {
    /// What must be trusted for certificates, logs and timestamps, as far as it is said.
    pub fn roots(&self) -> impl Iterator<Item = &RootRef> {
        let authority = match &self.signer {
            DemandedSigner::Keyless { authority, .. } => Some(authority),
            _ => None,
        };
        let log = match &self.log {
            DemandedLog::Required(root) => Some(root),
            DemandedLog::Ignored => None,
        };
        [authority, log, self.timestamp.as_ref()].into_iter().flatten()
    }
}

/// Whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DemandedSigner {
    /// The holder of a key.
    Key {
        /// PEM, or where the key lives: `k8s://NAMESPACE/SECRET`, or the URI of a key service.
        key: String,
        /// `sha256`, ...
        algorithm: String,
    },
    /// One of these identities, by a certificate of this authority.
    Keyless {
        /// One suffices; never empty.
        identities: Vec<Identity>,
        /// Who issued the certificate.
        authority: RootRef,
        /// No proof of a certificate log is needed.
        ignore_certificate_log: bool,
        /// The key of the certificate log, PEM; empty for those of the trust root.
        certificate_log_key: String,
    },
    /// A certificate below one of these, as the Notary Project verifies it.
    Notation {
        /// Certificates of authorities, PEM.
        roots: Vec<String>,
        /// Certificates of timestamp authorities, PEM.
        timestamp_roots: Vec<String>,
        /// `strict`, `permissive` or `audit`.
        level: String,
        /// Whether a timestamp is verified `always`, or only `afterCertExpiry`.
        verify_timestamp: String,
    },
}

/// Who signs, by what their certificate says. Empty fields ask for nothing; all others must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// As it is.
    pub issuer: String,
    /// A regular expression.
    pub issuer_pattern: String,
    /// As it is.
    pub subject: String,
    /// A regular expression.
    pub subject_pattern: String,
}

/// What is trusted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootRef {
    /// The program's own trust root.
    Default,
    /// A service, whose certificates or keys the program's own trust root must hold.
    Url(String),
    /// A key or certificates, PEM, or where they live.
    Material(String),
    /// A `TrustRoot` document.
    Named {
        /// Its name.
        name: String,
        /// Its `spec` as JSON, so that an answer is worth nothing when the document changes. Empty: the document is not there.
        spec: std::sync::Arc<str>,
    },
}

/// Which transparency log must know of a signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DemandedLog {
    /// None.
    Ignored,
    /// This one.
    Required(RootRef),
}

/// Another place of signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignatureSource {
    /// A repository, or empty for that of the image.
    pub repository: String,
    /// What stands before the digest in the tags of signatures.
    pub tag_prefix: String,
}

/// Whether somebody signed an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signed {
    /// `registry/path@digest`
    pub reference: String,
    /// How signatures lie.
    pub layout: Layout,
    /// Who.
    pub authority: Authority,
    /// Annotations that the signature must have.
    pub annotations: Vec<(String, String)>,
    /// Where the signatures lie, if not beside the image.
    pub repository: String,
    /// The type of the statements that are asked for; `None` for a signature.
    pub predicate_type: Option<String>,
    /// How to reach it.
    pub credentials: Credentials,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The digest of the tag.
    Digest(String),
    /// The image of this digest is signed as asked.
    Signed {
        /// The digest that the signature is about.
        digest: String,
    },
    /// The statements of the type asked for, signed as asked; none if there are none.
    Statements {
        /// The digest that they are about.
        digest: String,
        /// in-toto statements, with `predicateType` and `predicate`.
        statements: Vec<Value>,
    },
    /// What was found to be as demanded.
    Found(Box<Found>),
    /// Configurations by platform, as `linux/amd64`.
    Configs(Value),
    /// It is not signed so, or it is not there. The rule fails.
    Refused(String),
    /// It could not be found out. The rule is an error.
    Unknown(String),
}

/// Signatures or statements that are as demanded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The digest that they are about.
    pub digest: String,
    /// One object for each signature: `id`, and of certificates `subject`, `issuer` and `githubWorkflow...`.
    pub signatures: Vec<Value>,
    /// One for each statement: the same, with `predicateType`, and the in-toto statement itself.
    pub statements: Vec<(Value, Value)>,
}

/// What was answered.
pub type Evidence = BTreeMap<ImageNeed, Answer>;

impl std::fmt::Display for ImageNeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImageNeed::Digest { reference, .. } => write!(f, "the digest of `{reference}`"),
            ImageNeed::Configs { reference, .. } => write!(f, "the configuration of `{reference}`"),
            ImageNeed::Verified(demand) => {
                match &demand.predicate_type {
                    None => write!(f, "the signatures of `{}`", demand.reference)?,
                    Some(kind) => write!(f, "the attestations `{kind}` of `{}`", demand.reference)?,
                }
                match &demand.signer {
                    DemandedSigner::Key { key, .. } if !key.contains("-----") => write!(f, " by key `{key}`"),
                    DemandedSigner::Key { .. } => f.write_str(" by a key of the policy"),
                    DemandedSigner::Notation { .. } => f.write_str(" by a certificate of the policy"),
                    DemandedSigner::Keyless { identities, .. } => {
                        let either = |plain: &String, pattern: &String| {
                            if plain.is_empty() { pattern.clone() } else { plain.clone() }
                        };
                        let shown = identities.iter().map(|who| {
                            let subject = either(&who.subject, &who.subject_pattern);
                            format!("`{subject}` of `{}`", either(&who.issuer, &who.issuer_pattern))
                        });
                        write!(f, " by {}", shown.collect::<Vec<_>>().join(" or "))
                    }
                }
            }
            ImageNeed::Signed(signed) => {
                match &signed.predicate_type {
                    None => write!(f, "the signatures of `{}`", signed.reference)?,
                    Some(kind) => write!(f, "the attestations `{kind}` of `{}`", signed.reference)?,
                }
                match &signed.authority {
                    Authority::Key { key, .. } if !key.contains("-----") => write!(f, " by key `{key}`"),
                    Authority::Key { .. } => f.write_str(" by a key of the policy"),
                    Authority::Certificate { .. } => f.write_str(" by a certificate of the policy"),
                    Authority::Keyless(who) => {
                        let either = |plain: &String, pattern: &String| {
                            if plain.is_empty() { pattern.clone() } else { plain.clone() }
                        };
                        let subject = either(&who.subject, &who.subject_pattern);
                        write!(f, " by `{subject}` of `{}`", either(&who.issuer, &who.issuer_pattern))
                    }
                    Authority::Anybody => Ok(()),
                }
            }
        }
    }
}
