//! Verified signatures against the list of blocks.

use signet_policy::trust_policy::Blocked;
use signet_trust::{Check, Signature, VerifyError};

use super::served;
use crate::verify::discover::{Pinned, Registry};
use crate::verify::judge::{Judged, Verdict};

/// Why a signature does not count, if its signer is blocked.
pub(crate) fn signer(blocked: &Blocked, signature: &Signature) -> Option<String> {
    if let Some(why) = blocked.problem() {
        return Some(format!("whether its signer is blocked cannot be told: {why}"));
    }
    if let Some(certificate) = &signature.certificate {
        let issuer = certificate.claims().issuer.clone().unwrap_or_default();
        let named = certificate.names().iter().find_map(|name| blocked.identity(&issuer, name.value()));
        if named.is_some() {
            return named;
        }
    }
    blocked.key(&signature.key.fingerprint())
}

/// Turns verdicts over an image into refusals, where it or a signer is blocked.
pub(crate) fn hold(judged: Vec<Judged>, registry: &Registry, image: &Pinned, blocked: &Blocked) -> Vec<Judged> {
    let stopped = self::image(registry, image, blocked);
    judged
        .into_iter()
        .map(|one| {
            let verified = match &one.verdict {
                Verdict::Verified(verified) | Verdict::Unfit(verified, _) => verified,
                Verdict::Refused(_) | Verdict::Another(_) => return one,
            };
            let refused = |check, expected: &str, found| {
                Verdict::Refused(VerifyError { check, expected: expected.to_owned(), found })
            };
            let verdict = if let Some(why) = &stopped {
                refused(Check::Material, "an image that is not blocked (`signet block list`)", why.clone())
            } else if let Some(why) = signer(blocked, verified) {
                refused(Check::Identity, "a signer that is not blocked (`signet block list`)", why)
            } else {
                return one;
            };
            Judged { verdict, ..one }
        })
        .collect()
}

/// Why the image may not be used, if so.
pub(crate) fn image(registry: &Registry, image: &Pinned, blocked: &Blocked) -> Option<String> {
    if let Some(why) = blocked.problem() {
        return Some(format!("whether it is blocked cannot be told: {why}"));
    }
    if blocked.digests().is_empty() {
        return None;
    }
    if let Some(why) = blocked.digest(&image.digest) {
        return Some(why);
    }
    match served::behind(registry, image) {
        Ok(served) => served.iter().find_map(|digest| blocked.digest(digest)),
        Err(err) => Some(format!("whether what it serves is blocked cannot be told: {err:#}")),
    }
}
