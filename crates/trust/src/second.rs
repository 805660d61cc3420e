//! A second opinion: the Sigstore project's own verifier must come to the same result on every bundle. Where the two differ, the signature is refused.

use std::borrow::Cow;

use sigstore_types::{ArtifactDigest, Bundle, DerPublicKey, DigestBytes, HashAlgorithm};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

use crate::check::{Check, VerifyError};
use crate::evidence::{Artifact, Evidence, Layout};
use crate::key::{Algorithm, PublicKey};
use crate::root::TrustRoot;
use crate::stamps::Stamps;
use crate::verify::{LogRequirement, Report, Requirements, SctRequirement, SecondOpinion, TimeSource};

/// Asks the other verifier about a bundle. It knows no other layout, no P-521, and no certificate without a proof of time; then there is no second opinion, and
/// the report says so.
pub(crate) fn opinion(
    evidence: &Evidence,
    artifact: Artifact<'_>,
    root: &TrustRoot,
    requirements: &Requirements,
    key: &PublicKey,
    stamps: &Stamps,
    report: &mut Report,
) -> Result<(), VerifyError> {
    if requirements.second == SecondOpinion::NotAsked {
        report.skipped(Check::SecondOpinion, "not asked for");
        return Ok(());
    }
    let (Some(text), Some(verifier)) = (&evidence.bundle, &root.second) else {
        report.skipped(Check::SecondOpinion, "it knows bundles and trusted root files only");
        return Ok(());
    };
    let unknown = matches!(key.algorithm(), Algorithm::EcdsaP521Sha512 | Algorithm::EcdsaP521Sha256);
    let unproven = requirements.time == TimeSource::InsecureBeginOfCertificate
        // It refuses every bundle without an entry and a timestamp; whether one is needed was judged before.
        || (evidence.entries.is_empty() && stamps.times.is_empty())
        || (requirements.log == LogRequirement::InsecureIgnored && evidence.layout == Layout::Bundle01);
    if unknown || unproven {
        report.skipped(Check::SecondOpinion, "it does not know this kind of key or requirement");
        return Ok(());
    }
    let refused = |found: String| VerifyError::new(Check::SecondOpinion, "the same result", found);
    // It refuses a bundle for any timestamp that is not good; those that do not count are not shown to it.
    let text = without(text, stamps).map_err(refused)?;
    let bundle = Bundle::from_json(&text).map_err(|error| refused(error.to_string()))?;
    let asked = match artifact {
        Artifact::Bytes(bytes) => sigstore_types::Artifact::from_blob(bytes),
        Artifact::Digest(digest) => {
            let algorithm = match digest.algorithm() {
                signet_model::Algorithm::Sha256 => HashAlgorithm::Sha2256,
                signet_model::Algorithm::Sha384 => HashAlgorithm::Sha2384,
                signet_model::Algorithm::Sha512 => HashAlgorithm::Sha2512,
            };
            let digest = ArtifactDigest::new(algorithm, DigestBytes::new(digest.as_bytes().to_vec()));
            sigstore_types::Artifact::from_digest(digest.map_err(|error| refused(error.to_string()))?)
        }
    };
    ask(verifier, asked, &bundle, evidence, requirements, key).map_err(refused)?;
    report.passed(Check::SecondOpinion, "sigstore-verify");
    Ok(())
}

/// The bundle without the timestamps that do not count.
fn without<'a>(text: &'a str, stamps: &Stamps) -> Result<Cow<'a, str>, String> {
    if stamps.uncounted.is_empty() {
        return Ok(text.into());
    }
    let mut value: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = value
        .pointer_mut("/verificationMaterial/timestampVerificationData/rfc3161Timestamps")
        .and_then(serde_json::Value::as_array_mut)
        .ok_or("a bundle whose timestamps lie elsewhere")?;
    let mut at = 0;
    list.retain(|_| {
        let counts = stamps.uncounted.iter().all(|(uncounted, _)| *uncounted != at);
        at += 1;
        counts
    });
    Ok(value.to_string().into())
}

fn ask(
    verifier: &Verifier,
    artifact: sigstore_types::Artifact<'_>,
    bundle: &Bundle,
    evidence: &Evidence,
    requirements: &Requirements,
    key: &PublicKey,
) -> Result<(), String> {
    // Entries that need not be there need no proof; those that are there were checked by us.
    let skip_log = evidence.entries.is_empty() || requirements.log == LogRequirement::InsecureIgnored;
    let result = if evidence.has_certificate() {
        // Who signed was matched before this: the other verifier knows neither globs nor expressions.
        let mut policy = VerificationPolicy::any_identity();
        if skip_log {
            policy = policy.skip_tlog_unsafe();
        }
        if requirements.sct == SctRequirement::InsecureIgnored {
            policy = policy.skip_sct();
        }
        verifier.verify(artifact, bundle, &policy)
    } else {
        let mut policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(key.der().to_vec()));
        if skip_log {
            policy = policy.skip_tlog_unsafe();
        }
        verifier.verify(artifact, bundle, &policy)
    };
    result.map(|_| ()).map_err(|error| error.to_string())
}
