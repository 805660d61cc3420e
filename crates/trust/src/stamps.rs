//! RFC 3161 timestamps: which authority made each, and which of them count.

use signet_model::Timestamp;
use sigstore_types::{SignatureBytes, TimestampToken};

use crate::check::{Check, VerifyError};
use crate::evidence::Evidence;
use crate::root::TrustRoot;

/// The timestamps of a signature, judged.
pub(crate) struct Stamps {
    /// Every verified time.
    pub(crate) times: Vec<Timestamp>,
    /// How many authorities made them, each counted once.
    pub(crate) authorities: usize,
    /// Those that are no timestamp of this signature by a trusted authority: their place in the evidence, and why. They give no time, and nothing depends on them.
    pub(crate) uncounted: Vec<(usize, String)>,
}

/// Judges every timestamp. Each token is held to one authority, chain and window together.
///
/// One that does not verify counts as absent: anybody can add a stranger's token beside a good one, and nobody gains by it. Where none is left, there is no
/// signature with an explained absence of time but a refusal, so that a broken token never passes for one that was not asked for.
///
/// # Errors
/// When a token stands there twice, when one is from the future, and when there are timestamps and none is good.
pub(crate) fn verify(evidence: &Evidence, root: &TrustRoot, now: Timestamp) -> Result<Stamps, VerifyError> {
    let wrong = |found: String| {
        VerifyError::new(Check::Timestamp, "a timestamp of this signature by a trusted authority", found)
    };
    let mut made_by: Vec<usize> = Vec::new();
    let mut stamps = Stamps { times: Vec::new(), authorities: 0, uncounted: Vec::new() };
    let stamped = SignatureBytes::from_bytes(&evidence.stamped);
    for (at, token) in evidence.timestamps.iter().enumerate() {
        if evidence.timestamps.iter().take(at).any(|other| other == token) {
            return Err(wrong("the same timestamp twice".to_owned()));
        }
        let token = TimestampToken::new(token.clone());
        let mut last = "no trusted authority".to_owned();
        let mut good = None;
        for (which, authority) in root.timestamps.iter().enumerate() {
            match sigstore_verify::tsa::verify_timestamp_for_authority(&token, &stamped, authority) {
                Ok(time) => {
                    good = Some((which, time));
                    break;
                }
                Err(error) => last = error.to_string(),
            }
        }
        let Some((which, time)) = good else {
            stamps.uncounted.push((at, last));
            continue;
        };
        if time > now {
            return Err(VerifyError::new(
                Check::Time,
                format!("a time not after {now}"),
                format!("the timestamp {time}"),
            ));
        }
        stamps.times.push(time);
        if !made_by.contains(&which) {
            made_by.push(which);
        }
    }
    stamps.authorities = made_by.len();
    match stamps.uncounted.pop() {
        Some((_, why)) if stamps.authorities == 0 => Err(wrong(why)),
        Some(last) => {
            stamps.uncounted.push(last);
            Ok(stamps)
        }
        None => Ok(stamps),
    }
}
