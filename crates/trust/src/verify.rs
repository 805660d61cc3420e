//! The verification: one order of checks for every layout (Sigstore client specification, section 4; `rekor-v2-spec` 6.1.4).

use signet_model::{Algorithm as Hash, Digest, Timestamp};

use crate::binding::{self, Bound, Signer};
use crate::certificate::Certificate;
use crate::check::{Check, Checked, Outcome, VerifyError};
use crate::evidence::{Artifact, Content, Evidence, Layout, Material};
use crate::identity::CertificateIdentity;
use crate::json::{self, At};
use crate::key::{Algorithm, PublicKey};
use crate::root::{TrustRoot, Window};
use crate::stamps::{self, Stamps};
use crate::statement::{self, Statement};
use crate::{sct, second, witness};

/// A value that a verification vouches for. Only this room makes one; there is no other way to come by it, and none to read it from a file.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, without the seal.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Who must have signed. There is no default and no "anybody".
#[derive(Clone, Debug)]
pub enum IdentityRequirement {
    /// One of these, by certificate.
    Certificate(Vec<CertificateIdentity>),
    /// The holder of one of these keys.
    Keys(Vec<TrustedKey>),
}

/// A key that a person configured.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// When its signatures count. Anything but the open window needs a verified time of signing.
    pub window: Window,
    /// The name that evidence may choose it by.
    pub hint: Option<String>,
}

impl TrustedKey {
    /// A key whose signatures always count.
    #[must_use]
    pub fn always(key: PublicKey) -> Self {
        Self { key, window: Window::default(), hint: None }
    }
}

/// Who must vouch for the time of signing. No default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// A log that promised the entry, or a timestamp authority.
    LogOrTimestamp,
    /// This many timestamp authorities, each counted once.
    Timestamps(usize),
    /// Nobody: for keys, which do not expire by themselves. A certificate, or a key with a window, is refused under it.
    NotNeeded,
    /// Nobody: the certificate is believed to have been used when it was issued. Insecure, for envelopes that were made without any proof of time.
    InsecureBeginOfCertificate,
}

/// What must be in a transparency log. No default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRequirement {
    /// The signature is in at least this many logs, each counted once. With zero, none is needed, and what is there must still be right.
    AtLeast(usize),
    /// Log entries are not looked at, and give no time. Insecure.
    InsecureIgnored,
}

/// Whether the certificate must stand in a certificate log. No default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SctRequirement {
    /// It must.
    Required,
    /// Not looked at: for authorities without such a log.
    InsecureIgnored,
}

/// Whether the Sigstore project's own verifier must agree. It makes every check of a bundle again, so it costs as much as the verification itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondOpinion {
    /// It must, wherever it knows the layout.
    Required,
    /// It is not asked: for gates that verify thousands of signatures a second.
    NotAsked,
}

/// All that a signature is held to.
#[derive(Clone, Debug)]
pub struct Requirements {
    /// By whom.
    pub identity: IdentityRequirement,
    /// When.
    pub time: TimeSource,
    /// Where it is logged.
    pub log: LogRequirement,
    /// Where its certificate is logged.
    pub sct: SctRequirement,
    /// Annotations that must stand in the signed payload, each equal byte for byte.
    pub annotations: Vec<(String, String)>,
    /// The type of the attestation; `None` takes any. See [`Statement::is_a`].
    pub predicate_type: Option<String>,
    /// By which verifiers.
    pub second: SecondOpinion,
}

impl Requirements {
    /// A certificate of one of these signers, in one log, with a verified time, from an authority with a certificate log: Sigstore's public instance. Both
    /// verifiers must agree.
    #[must_use]
    pub fn keyless(identities: Vec<CertificateIdentity>) -> Self {
        Self {
            identity: IdentityRequirement::Certificate(identities),
            time: TimeSource::LogOrTimestamp,
            log: LogRequirement::AtLeast(1),
            sct: SctRequirement::Required,
            annotations: Vec::new(),
            predicate_type: None,
            second: SecondOpinion::Required,
        }
    }

    /// One of these keys, in one log. Both verifiers must agree.
    #[must_use]
    pub fn keys(keys: Vec<TrustedKey>) -> Self {
        Self {
            identity: IdentityRequirement::Keys(keys),
            time: TimeSource::NotNeeded,
            log: LogRequirement::AtLeast(1),
            sct: SctRequirement::InsecureIgnored,
            annotations: Vec::new(),
            predicate_type: None,
            second: SecondOpinion::Required,
        }
    }
}

/// What was signed, as far as it is more than the artifact itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Signed {
    /// The artifact.
    Artifact,
    /// A simple signing payload, byte for byte.
    Payload(Vec<u8>),
    /// A statement about the artifact.
    Statement(Box<Statement>),
}

/// Who signed what, when, and what was checked to know it.
#[derive(Clone, Debug)]
pub struct Signature {
    /// What was signed.
    pub signed: Signed,
    /// The certificate and its claims, when keyless.
    pub certificate: Option<Certificate>,
    /// The key that made the signature.
    pub key: PublicKey,
    /// Every verified time of signing.
    pub times: Vec<Timestamp>,
    /// Every check, done or not.
    pub report: Vec<Checked>,
    /// How the evidence was written.
    pub layout: Layout,
}

/// Holds a signature to all requirements. `now` only refuses times that have not come.
///
/// # Errors
/// The first check that fails, with what was expected and what was found.
pub fn verify(
    evidence: &Evidence,
    artifact: Artifact<'_>,
    root: &TrustRoot,
    requirements: &Requirements,
    now: Timestamp,
) -> Result<Verified<Signature>, VerifyError> {
    let mut report = Report(Vec::new());
    // Keys never come from the evidence: which kind is asked for decides, not which kind is there (GHSA-fx35-mq7g-6g98).
    match (&requirements.identity, &evidence.material) {
        (IdentityRequirement::Certificate(_), Material::Certificate(..))
        | (IdentityRequirement::Keys(_), Material::Key { .. }) => {}
        (IdentityRequirement::Certificate(_), Material::Key { .. }) => {
            return Err(VerifyError::new(Check::Material, "a certificate", "a signature by a bare key"));
        }
        (IdentityRequirement::Keys(_), Material::Certificate(..)) => {
            return Err(VerifyError::new(Check::Material, "a signature by a configured key", "a certificate"));
        }
    }
    let ignore_log = requirements.log == LogRequirement::InsecureIgnored;

    // (0) Times: only those that somebody signed for.
    let mut times = Vec::new();
    if !ignore_log {
        for entry in &evidence.entries {
            times.extend(entry.promised(&root.logs, now)?);
        }
    }
    let promised = times.len();
    let stamps = stamps::verify(evidence, root, now)?;
    let authorities = stamps.authorities;
    times.extend(&stamps.times);
    report.times(promised, &stamps, &times, evidence);

    // (1)-(3) Who signed.
    let content = Covered::of(evidence, artifact);
    let (key, certificate) = match (&requirements.identity, &evidence.material) {
        (IdentityRequirement::Certificate(identities), Material::Certificate(leaf, chain)) => {
            if matches!(evidence.layout, Layout::Bundle01 | Layout::Bundle02 | Layout::Bundle03) {
                no_foreign_root(chain, root)?;
            }
            let at = signing_times(requirements.time, &times, authorities, leaf)?;
            let between: std::borrow::Cow<'_, [Vec<u8>]> = match root.between() {
                [] => chain.into(),
                more => [chain.as_slice(), more].concat().into(),
            };
            let mut issuer = None;
            for time in &at {
                issuer = Some(leaf.chain(&between, &root.anchors(*time), *time)?);
            }
            let issuer = issuer.ok_or_else(|| VerifyError::new(Check::Time, "a verified time of signing", "none"))?;
            report.passed(Check::Chain, "issued by a trusted authority, and valid at every verified time");
            match requirements.sct {
                SctRequirement::Required => {
                    sct::verify(leaf, &issuer, &root.certificate_logs)?;
                    report.passed(Check::Sct, "a trusted certificate log vouches for the certificate");
                }
                SctRequirement::InsecureIgnored => report.skipped(Check::Sct, "certificate logs are not asked for"),
            }
            let refusals: Vec<VerifyError> =
                identities.iter().map(|identity| identity.check(leaf)).map_while(Result::err).collect();
            if refusals.len() == identities.len() {
                // The last failed farthest along when there is one; with none asked for, nobody is accepted.
                let none = VerifyError::new(Check::Identity, "an identity", "no identity is accepted");
                return Err(refusals.into_iter().max_by_key(|refusal| refusal.check).unwrap_or(none));
            }
            report.passed(Check::Identity, format!("`{}`", leaf.names().first().map_or("", |name| name.value())));
            content.check_signature(leaf.key(), evidence)?;
            (leaf.key().clone(), Some(leaf.as_ref().clone()))
        }
        (IdentityRequirement::Keys(keys), Material::Key { hint }) => {
            (by_key(keys, hint, &content, evidence, &times, requirements.time, authorities)?, None)
        }
        _ => return Err(VerifyError::new(Check::Material, "what was asked for", "something else")),
    };
    report.passed(Check::Signature, key.algorithm().name());

    // (4)-(6), (8) The log: that it has the entry, and that the entry is about this.
    match requirements.log {
        LogRequirement::InsecureIgnored => report.skipped(Check::Inclusion, "transparency logs are not asked for"),
        LogRequirement::AtLeast(wanted) => {
            let mut logs: Vec<&[u8; 32]> = Vec::new();
            let mut proven = 0_usize;
            for entry in &evidence.entries {
                proven += usize::from(entry.included(&root.logs, &times, now)?);
                let envelope = match &evidence.content {
                    Content::Envelope(envelope) => Some(envelope),
                    _ => None,
                };
                let signer = certificate.as_ref().map_or(Signer::Key(&key), Signer::Certificate);
                binding::verify(
                    entry,
                    &Bound {
                        digest: &|algorithm| content.digest(algorithm),
                        signature: &evidence.signature,
                        signer,
                        envelope,
                        envelope_text: evidence.envelope_text.as_deref(),
                    },
                )?;
                // Two entries of one log count once.
                if !logs.contains(&&entry.log) {
                    logs.push(&entry.log);
                }
            }
            if logs.len() < wanted {
                return Err(VerifyError::new(
                    Check::Inclusion,
                    format!("entries in {wanted} transparency {}", if wanted == 1 { "log" } else { "logs" }),
                    match evidence.entries.len() {
                        0 => "no entry: it was made without a log".to_owned(),
                        all => format!("{} with {all} entries", logs.len()),
                    },
                ));
            }
            if evidence.entries.is_empty() {
                report.skipped(Check::Inclusion, "there is no log entry, and none is asked for");
            } else {
                let (all, noun) =
                    (evidence.entries.len(), if evidence.entries.len() == 1 { "entry" } else { "entries" });
                let how = match all.saturating_sub(proven) {
                    0 => format!("{all} {noun}, by proof"),
                    promised if promised == all => format!("{all} {noun}, by the log's promise"),
                    promised => format!("{all} {noun}, {proven} by proof and {promised} by the log's promise"),
                };
                report.passed(Check::Inclusion, how);
                report.passed(Check::Binding, "the entries are about this content, signature and signer");
            }
        }
    }

    witness::verify(evidence, root, requirements, now, &mut report)?;

    // (7) What was signed is about the artifact.
    let signed = about(evidence, artifact, requirements)?;
    report.passed(Check::Artifact, artifact.to_string());
    second::opinion(evidence, artifact, root, requirements, &key, &stamps, &mut report)?;
    Ok(Verified(Signature { signed, certificate, key, times, report: report.0, layout: evidence.layout }))
}

/// The checks so far.
pub(crate) struct Report(Vec<Checked>);

impl Report {
    pub(crate) fn passed(&mut self, check: Check, what: impl Into<String>) {
        self.0.push(Checked { check, outcome: Outcome::Passed(what.into()) });
    }

    pub(crate) fn skipped(&mut self, check: Check, why: impl Into<String>) {
        self.0.push(Checked { check, outcome: Outcome::NotChecked(why.into()) });
    }

    fn times(&mut self, promised: usize, stamps: &Stamps, times: &[Timestamp], evidence: &Evidence) {
        if times.is_empty() {
            self.skipped(Check::Time, "nobody vouches for the time of signing");
        } else {
            let list: Vec<String> = times.iter().map(Timestamp::to_string).collect();
            self.passed(Check::Time, list.join(", "));
        }
        if promised > 0 {
            self.passed(Check::Promise, format!("{promised} of {} log entries", evidence.entries.len()));
        }
        if stamps.authorities > 0 {
            let noun = if stamps.authorities == 1 { "authority" } else { "authorities" };
            self.passed(Check::Timestamp, format!("by {} timestamp {noun}", stamps.authorities));
        }
        if let Some((at, why)) = stamps.uncounted.first() {
            let (all, others) = (evidence.timestamps.len(), stamps.uncounted.len());
            self.skipped(Check::Timestamp, format!("{others} of {all} do not count; number {}: {why}", at + 1));
        }
    }
}

/// sigstore_bundle.proto: a bundle's chain must not hold a root. Old npm bundles do, and theirs is the trusted one; another one wants to be trusted for being
/// there.
fn no_foreign_root(chain: &[Vec<u8>], root: &TrustRoot) -> Result<(), VerifyError> {
    for der in chain {
        if Certificate::from_der(der)?.is_self_issued() && !root.holds(der) {
            return Err(VerifyError::new(Check::Chain, "no root certificate in the bundle", "one that is not trusted"));
        }
    }
    Ok(())
}

/// The times at which a certificate must have been valid: all that were verified, and at least as many as are asked for.
fn signing_times(
    source: TimeSource,
    times: &[Timestamp],
    authorities: usize,
    leaf: &Certificate,
) -> Result<Vec<Timestamp>, VerifyError> {
    let wrong = |expected: String| VerifyError::new(Check::Time, expected, format!("{} verified times", times.len()));
    match source {
        TimeSource::LogOrTimestamp if times.is_empty() => {
            Err(wrong("a time that a log or a timestamp authority vouches for".to_owned()))
        }
        TimeSource::Timestamps(wanted) if authorities < wanted.max(1) => {
            Err(wrong(format!("timestamps by {} authorities", wanted.max(1))))
        }
        TimeSource::NotNeeded => {
            Err(wrong("a policy that asks for the time of signing, since certificates expire".to_owned()))
        }
        TimeSource::InsecureBeginOfCertificate if times.is_empty() => Ok(vec![leaf.validity().0]),
        _ => Ok(times.to_vec()),
    }
}

/// The configured key that made the signature, in use when it was made.
fn by_key(
    keys: &[TrustedKey],
    hint: &str,
    content: &Covered<'_>,
    evidence: &Evidence,
    times: &[Timestamp],
    source: TimeSource,
    authorities: usize,
) -> Result<PublicKey, VerifyError> {
    match source {
        TimeSource::Timestamps(wanted) if authorities < wanted => {
            return Err(VerifyError::new(
                Check::Time,
                format!("timestamps by {wanted} authorities"),
                authorities.to_string(),
            ));
        }
        TimeSource::LogOrTimestamp if times.is_empty() => {
            return Err(VerifyError::new(
                Check::Time,
                "a time that a log or a timestamp authority vouches for",
                "none",
            ));
        }
        _ => {}
    }
    // The hint selects among the configured keys; one that names none of them leaves the choice open.
    let named: Vec<&TrustedKey> =
        keys.iter().filter(|trusted| !hint.is_empty() && trusted.hint.as_deref() == Some(hint)).collect();
    let candidates = if named.is_empty() { keys.iter().collect() } else { named };
    let mut refusal = VerifyError::new(Check::Signature, "a signature by a configured key", "no key is configured");
    for trusted in candidates {
        if let Err(error) = content.check_signature(&trusted.key, evidence) {
            refusal = error;
            continue;
        }
        let window = trusted.window;
        if window == Window::default() {
            return Ok(trusted.key.clone());
        }
        // GHSA-wqqc-jjcq-vfxm: a window is checked against the verified time, and without one it cannot be.
        let expected = format!(
            "a verified time from {} to {}",
            window.start.map_or_else(|| "ever".to_owned(), |time| time.to_string()),
            window.end.map_or_else(|| "ever".to_owned(), |time| time.to_string())
        );
        if times.is_empty() {
            refusal = VerifyError::new(Check::KeyWindow, expected, "no verified time");
        } else if let Some(time) = times.iter().find(|time| !window.contains(**time)) {
            refusal = VerifyError::new(Check::KeyWindow, expected, time.to_string());
        } else {
            return Ok(trusted.key.clone());
        }
    }
    Err(refusal)
}

/// What the signature covers.
pub(crate) struct Covered<'a> {
    bytes: Option<std::borrow::Cow<'a, [u8]>>,
    artifact: Artifact<'a>,
}

impl<'a> Covered<'a> {
    pub(crate) fn of(evidence: &'a Evidence, artifact: Artifact<'a>) -> Self {
        let bytes = match (&evidence.content, artifact) {
            (Content::Payload(payload), _) => Some(payload.as_slice().into()),
            (Content::Envelope(envelope), _) => Some(envelope.pae().into()),
            (Content::Artifact, Artifact::Bytes(bytes)) => Some(bytes.into()),
            (Content::Artifact, Artifact::Digest(_)) => None,
        };
        Self { bytes, artifact }
    }

    pub(crate) fn digest(&self, algorithm: Hash) -> Option<Digest> {
        match &self.bytes {
            Some(bytes) => Some(Digest::of(algorithm, bytes)),
            None => self.artifact.digest(algorithm),
        }
    }

    /// Checks the signature by the key's own algorithm, or by the ones that older clients used with such keys.
    pub(crate) fn check_signature(&self, key: &PublicKey, evidence: &Evidence) -> Result<(), VerifyError> {
        let wrong = |found: String| {
            VerifyError::new(Check::Signature, format!("a signature by the key {}", key.fingerprint()), found)
        };
        let mut candidates = vec![key.algorithm()];
        let named = evidence.message_digest.map(|digest| digest.algorithm());
        candidates.extend(match (key.algorithm(), named) {
            (Algorithm::EcdsaP256Sha256, Some(Hash::Sha384)) => Some(Algorithm::EcdsaP256Sha384),
            (Algorithm::EcdsaP384Sha384, _) => Some(Algorithm::EcdsaP384Sha256),
            (Algorithm::EcdsaP521Sha512, _) => Some(Algorithm::EcdsaP521Sha256),
            (Algorithm::RsaPkcs1Sha256, Some(Hash::Sha384)) => Some(Algorithm::RsaPkcs1Sha384),
            (Algorithm::RsaPkcs1Sha256, Some(Hash::Sha512)) => Some(Algorithm::RsaPkcs1Sha512),
            _ => None,
        });
        let mut refusal = wrong("none".to_owned());
        for algorithm in candidates {
            let key = key.clone().with_algorithm(algorithm).map_err(|error| wrong(error.to_string()))?;
            let made = match (&self.bytes, algorithm.hash()) {
                (Some(bytes), _) => key.verify(bytes, &evidence.signature),
                (None, Some(hash)) => match self.artifact.digest(hash) {
                    Some(digest) => key.verify_digest(&digest, &evidence.signature),
                    None => {
                        refusal =
                            wrong(format!("no {} digest of the artifact to verify with: give the file", hash.name()));
                        continue;
                    }
                },
                (None, None) => {
                    refusal = wrong("only a digest, and Ed25519 signs the message itself: give the file".to_owned());
                    continue;
                }
            };
            match made {
                Ok(()) => return Ok(()),
                Err(error) => refusal = wrong(error.to_string()),
            }
        }
        Err(refusal)
    }
}

/// Establishes that what was signed is about the artifact, of the type and with the annotations asked for.
pub(crate) fn about(
    evidence: &Evidence,
    artifact: Artifact<'_>,
    requirements: &Requirements,
) -> Result<Signed, VerifyError> {
    if !requirements.annotations.is_empty() && matches!(evidence.content, Content::Artifact) {
        return Err(VerifyError::new(Check::Annotations, "a payload with annotations", "content without any"));
    }
    if let (Some(wanted), false) = (&requirements.predicate_type, matches!(evidence.content, Content::Envelope(_))) {
        return Err(VerifyError::new(
            Check::PredicateType,
            format!("an attestation of type {wanted}"),
            "no attestation",
        ));
    }
    match &evidence.content {
        Content::Artifact => {
            if let Some(claimed) = evidence.message_digest {
                match artifact.digest(claimed.algorithm()) {
                    Some(digest) if digest == claimed => {}
                    Some(digest) => {
                        return Err(VerifyError::new(Check::Artifact, digest.to_string(), claimed.to_string()));
                    }
                    None => {
                        let expected = format!("a {} digest of the artifact", claimed.algorithm().name());
                        return Err(VerifyError::new(Check::Artifact, expected, artifact.to_string()));
                    }
                }
            }
            Ok(Signed::Artifact)
        }
        Content::Payload(payload) => {
            simple_signing(payload, artifact, &requirements.annotations)?;
            Ok(Signed::Payload(payload.clone()))
        }
        Content::Envelope(envelope) => {
            let statement = Statement::of(envelope)?;
            // The type first: an attestation of another type is no answer, whatever it says (CVE-2022-35929).
            if let Some(wanted) = &requirements.predicate_type {
                statement.is_a(wanted)?;
            }
            statement.is_about(&artifact)?;
            statement.bears(&artifact, &requirements.annotations)?;
            Ok(Signed::Statement(Box::new(statement)))
        }
    }
}

/// `critical.image.docker-manifest-digest` names the artifact (SIGNATURE_SPEC.md). The reference beside it is not believed by anybody.
fn simple_signing(payload: &[u8], artifact: Artifact<'_>, annotations: &[(String, String)]) -> Result<(), VerifyError> {
    const TYPE: &str = "cosign container image signature";
    let wrong = |found: String| VerifyError::form("a simple signing payload", found);
    let value = json::parse(payload).map_err(wrong)?;
    let root = At::root(&value);
    let critical = root.get("critical");
    let kind = critical.get("type").str().map_err(wrong)?;
    if kind != TYPE {
        return Err(wrong(format!("the type `{kind}`")));
    }
    let text = critical.get("image").get("docker-manifest-digest").str().map_err(wrong)?;
    let named = statement::digest_of(text).ok_or_else(|| wrong(format!("the digest `{text}`")))?;
    if artifact.digest(named.algorithm()) != Some(named) {
        return Err(VerifyError::new(Check::Artifact, artifact.to_string(), text));
    }
    for (name, wanted) in annotations {
        let found = root.get("optional").value().and_then(|optional| optional.get(name));
        if found.and_then(serde_json::Value::as_str) != Some(wanted) {
            let found = found.map_or_else(|| "no such annotation".to_owned(), ToString::to_string);
            return Err(VerifyError::new(Check::Annotations, format!("`{name}` = `{wanted}`"), found));
        }
    }
    Ok(())
}
