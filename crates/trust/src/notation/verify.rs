//! The judgement of one signature by one statement of a policy (`trust-store-trust-policy.md`, "Signature verification").

use signet_model::{Digest, Timestamp};

use super::certificate::Cert;
use super::chain::{self, Purpose};
use super::envelope::{Envelope, Scheme, TargetArtifact};
use super::name::Attributes;
use super::policy::{Action, Statement, TimestampUse, Validation};
use super::revocation::{self, Revocations};
use super::store::{StoreKind, TrustStores};
use super::timestamp::{self, Stamp};
use super::{Level, NotationError};

/// The artifact that a signature is expected to be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The manifest's media type, or the one given for a file.
    pub media_type: Option<String>,
    /// Its digest, computed over the bytes that were received.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// What became of one validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which.
    pub validation: Validation,
    /// What its failing would lead to.
    pub action: Action,
    /// What was established, or why not; nothing when it was not looked at.
    pub result: Option<Result<String, String>>,
}

/// The judgement of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Every validation, done or not.
    pub outcomes: Vec<Outcome>,
    /// The subject of the certificate that signed.
    pub signer: Option<String>,
    /// What the signer said of the artifact besides.
    pub annotations: Vec<(String, String)>,
    /// When it was signed, where an authority vouches for it.
    pub signed: Option<Timestamp>,
}

impl Verdict {
    /// Whether the signature holds: no validation that is enforced failed, and something was verified at all.
    #[must_use]
    pub fn holds(&self) -> bool {
        let failed = |outcome: &Outcome| outcome.action == Action::Enforce && !matches!(outcome.result, Some(Ok(_)));
        !self.outcomes.iter().any(failed) && self.outcomes.iter().any(|outcome| matches!(outcome.result, Some(Ok(_))))
    }

    /// Whether the policy's statement does not want signatures of this artifact to be verified.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.action == Action::Skip)
    }

    /// The first validation that failed and is enforced.
    #[must_use]
    pub fn refusal(&self) -> Option<(Validation, &str)> {
        self.outcomes.iter().find_map(|outcome| match (&outcome.result, outcome.action) {
            (Some(Err(why)), Action::Enforce) => Some((outcome.validation, why.as_str())),
            (None, Action::Enforce) => Some((outcome.validation, "not looked at, since an earlier one failed")),
            _ => None,
        })
    }
}

/// Judges an envelope about `target` by a statement.
///
/// `envelope` is what [`Envelope::parse`] gave, its error included: an envelope that cannot be read fails integrity, which no level forgives.
#[must_use]
pub fn verify(
    envelope: &Result<Envelope, NotationError>,
    target: &Target,
    statement: &Statement,
    stores: &TrustStores,
    revocations: &Revocations,
    now: Timestamp,
) -> Verdict {
    let mut verdict = Verdict {
        outcomes: Validation::ALL
            .into_iter()
            .map(|validation| Outcome { validation, action: statement.action(validation), result: None })
            .collect(),
        signer: None,
        annotations: Vec::new(),
        signed: None,
    };
    if statement.level() == Level::Skip {
        return verdict;
    }
    let integrity =
        envelope.as_ref().map_err(Clone::clone).and_then(|envelope| Ok((envelope, check_integrity(envelope, target)?)));
    let (envelope, artifact) = match integrity {
        Ok(whole) => whole,
        Err(error) => {
            verdict.set(Validation::Integrity, Err(error));
            return verdict;
        }
    };
    let leaf = envelope.chain.first().map(Cert::subject);
    verdict.set(Validation::Integrity, Ok(format!("signed with {} over {}", envelope.algorithm, artifact.digest)));
    verdict.annotations = artifact.annotations.into_iter().collect();
    verdict.signer.clone_from(&leaf);
    verdict.set(Validation::Authenticity, check_authenticity(envelope, statement, stores));
    let stamp = check_time(envelope, statement, stores, now);
    let stamped = match stamp {
        Ok((signed, stamp, text)) => {
            verdict.signed = signed;
            verdict.set(Validation::AuthenticTimestamp, Ok(text));
            stamp
        }
        Err(error) => {
            verdict.set(Validation::AuthenticTimestamp, Err(error));
            None
        }
    };
    let expiry = match envelope.expiry {
        Some(expiry) if now > expiry => Err(NotationError::new(
            format!("a signature that has not expired on {now}"),
            format!("one that expired on {expiry}"),
        )),
        Some(expiry) => Ok(format!("expires on {expiry}")),
        None => Ok("never expires".to_owned()),
    };
    verdict.set(Validation::Expiry, expiry);
    if statement.action(Validation::Revocation) != Action::Skip {
        let mut checked = revocation::check(&envelope.chain, revocations, now, verdict.signed);
        if let Some(stamp) = &stamped {
            checked = checked.and_then(|()| revocation::check(&stamp.chain, revocations, now, None));
        }
        verdict.set(Validation::Revocation, checked.map(|()| "no certificate of the chain is revoked".to_owned()));
    }
    verdict
}

impl Verdict {
    fn set(&mut self, validation: Validation, result: Result<String, NotationError>) {
        if let Some(outcome) = self.outcomes.iter_mut().find(|outcome| outcome.validation == validation)
            && outcome.action != Action::Skip
        {
            outcome.result = Some(result.map_err(|error| error.to_string()));
        }
    }
}

/// The signature is good, the chain is one, and the payload is about the target.
fn check_integrity(envelope: &Envelope, target: &Target) -> Result<TargetArtifact, NotationError> {
    envelope.check_signature()?;
    chain::check(&envelope.chain, Purpose::CodeSigning)?;
    // Only a plugin would understand these, and Signet runs none: to pass over what is critical would be to believe less than was signed.
    if let Some(plugin) = &envelope.plugin {
        return Err(NotationError::new("a signature that needs no plugin", format!("the plugin `{plugin}`")));
    }
    if let Some(attribute) = envelope.unknown_critical.first() {
        return Err(NotationError::new("critical attributes that are understood", format!("`{attribute}`")));
    }
    let artifact = envelope.target()?;
    let digest = target.digest.to_string();
    if artifact.digest != digest {
        return Err(NotationError::new(
            format!("a signature about {digest}"),
            format!("one about `{}`", artifact.digest),
        ));
    }
    if artifact.size != target.size {
        return Err(NotationError::new(format!("{} bytes", target.size), artifact.size.to_string()));
    }
    if let Some(media_type) = &target.media_type
        && artifact.media_type != *media_type
    {
        return Err(NotationError::new(format!("media type `{media_type}`"), format!("`{}`", artifact.media_type)));
    }
    Ok(artifact)
}

/// A certificate of the chain lies in a store of the scheme's kind, and the leaf is a trusted identity.
fn check_authenticity(
    envelope: &Envelope,
    statement: &Statement,
    stores: &TrustStores,
) -> Result<String, NotationError> {
    let kind = match envelope.scheme {
        Scheme::X509 => StoreKind::Authority,
        Scheme::SigningAuthority => StoreKind::SigningAuthority,
    };
    let anchors = stores.of(kind, &statement.stores)?;
    if anchors.is_empty() {
        return Err(NotationError::new(format!("a trust store `{}` in the policy", kind.name()), "none"));
    }
    let anchor = envelope.chain.iter().find(|certificate| anchors.contains(certificate));
    let anchor = anchor.ok_or_else(|| {
        let root = envelope.chain.last().map(Cert::subject).unwrap_or_default();
        NotationError::new("a certificate of the trust stores in the chain", format!("a chain up to `{root}`"))
    })?;
    let leaf = envelope.chain.first().ok_or_else(|| NotationError::new("a signing certificate", "none"))?;
    if let Some(identities) = &statement.identities {
        let subject = Attributes::of(&leaf.parsed.tbs_certificate.subject)?;
        if !identities.iter().any(|identity| identity.is_within(&subject)) {
            return Err(NotationError::new("a trusted identity", format!("`{}`", leaf.subject())));
        }
    }
    Ok(format!("`{}`, trusted through `{}`", leaf.subject(), anchor.subject()))
}

type Times = (Option<Timestamp>, Option<Stamp>, String);

/// The certificates were valid when it was signed.
fn check_time(
    envelope: &Envelope,
    statement: &Statement,
    stores: &TrustStores,
    now: Timestamp,
) -> Result<Times, NotationError> {
    let outside = |certificate: &Cert, when: String| {
        let validity =
            format!("`{}`, valid from {} to {}", certificate.subject(), certificate.not_before, certificate.not_after);
        NotationError::new(format!("certificates that are valid {when}"), validity)
    };
    if let Some(time) = envelope.authentic_time {
        return match envelope.chain.iter().find(|certificate| !certificate.is_valid_at(time)) {
            Some(certificate) => Err(outside(certificate, format!("at the time of signing {time}"))),
            None => Ok((Some(time), None, format!("signed on {time}, by the signing authority's word"))),
        };
    }
    let expired = envelope.chain.iter().find(|certificate| !certificate.is_valid_at(now));
    let has_store = statement.stores.iter().any(|(kind, _)| *kind == StoreKind::Timestamp);
    let wants_stamp = has_store && (statement.timestamps == TimestampUse::Always || expired.is_some());
    if !wants_stamp {
        return match expired {
            Some(certificate) => {
                Err(outside(certificate, format!("now, {now}, since no timestamp vouches for another time")))
            }
            None => Ok((None, None, "the certificates are valid now".to_owned())),
        };
    }
    let anchors = stores.of(StoreKind::Timestamp, &statement.stores)?;
    let token = envelope.timestamp.as_ref().ok_or_else(|| NotationError::new("a timestamp", "none"))?;
    let stamp = timestamp::verify(token, &envelope.stamped, &anchors)?;
    let missed = |certificate: &&Cert| !certificate.is_valid_at(stamp.from) || !certificate.is_valid_at(stamp.until);
    if let Some(certificate) = envelope.chain.iter().find(missed) {
        return Err(outside(certificate, format!("at the timestamp {}", stamp.from)));
    }
    if stamp.from > now {
        return Err(NotationError::new(format!("a timestamp before now, {now}"), stamp.from.to_string()));
    }
    let authority = stamp.chain.first().map(Cert::subject).unwrap_or_default();
    Ok((Some(stamp.until), Some(stamp), format!("a timestamp by `{authority}`")))
}
