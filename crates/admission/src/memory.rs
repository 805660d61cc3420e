//! Answers that outlive the process: kept in `store`, believed only under our own MAC.
//!
//! The MAC is HMAC-SHA-256 over what the answer is about (digest, policies, trusted material with the signers that are blocked, question), how long it
//! counts, and the answer itself with the digests of the bundles in it. So a row is worth nothing under another question, policy or root, later than it
//! says, or where somebody else wrote it. What survives a restart is what was made with the same key: who hands in a fresh one starts with nothing.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use signet_model::{Digest, Timestamp};
use signet_store::{DecisionKey, Decisions, KeptDecision};

use crate::cache::Told;
use crate::codec;
use crate::desk::Clock;

/// Bytes of the key.
pub const KEY: usize = 32;

/// A memory on disk.
pub struct Memory {
    store: Arc<dyn Decisions>,
    key: hmac::Key,
    clock: Clock,
}

impl Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

/// What is remembered of a question.
pub(crate) struct Recalled {
    pub(crate) told: Told,
    /// How long it counts without being asked again.
    pub(crate) fresh: Duration,
    /// How long it counts where nobody answers.
    pub(crate) stale: Duration,
}

/// A key that nobody else has.
///
/// # Errors
/// There is no randomness.
pub fn fresh_key() -> Result<[u8; KEY], String> {
    let mut key = [0; KEY];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| "there is no randomness".to_owned())?;
    Ok(key)
}

impl Memory {
    /// Over a store, under a key.
    #[must_use]
    pub fn new(store: Arc<dyn Decisions>, key: &[u8; KEY], clock: Clock) -> Self {
        Self { store, key: hmac::Key::new(hmac::HMAC_SHA256, key), clock }
    }

    /// The answer to a question, if it is ours and not over. Waits for the disk. What cannot be read is not remembered.
    pub(crate) fn recall(&self, key: &DecisionKey) -> Option<Recalled> {
        let now = (self.clock)();
        let kept = self.store.recall(key, now).ok()??;
        hmac::verify(&self.key, &sealed(key, kept.until, &kept.body), &kept.mac).ok()?;
        let value: Value = serde_json::from_slice(&kept.body).ok()?;
        let left = |until: Timestamp| Duration::try_from(until.duration_since(now)).unwrap_or_default();
        let fresh = Timestamp::from_second(value.get("fresh")?.as_i64()?).ok()?;
        // A clock that was set back must not make it young again.
        let made = Timestamp::from_second(value.get("made")?.as_i64()?).ok()?;
        if now < made || kept.until <= now {
            return None;
        }
        Some(Recalled { told: codec::read(value.get("told")?)?, fresh: left(fresh), stale: left(kept.until) })
    }

    /// Remembers an answer. Waits for the disk. What cannot be kept is asked again.
    pub(crate) fn keep(&self, key: &DecisionKey, told: &Told, fresh: Duration, stale: Duration) {
        let now = (self.clock)();
        let (Some(told), Ok(fresh), Ok(until)) = (codec::write(told), now.checked_add(fresh), now.checked_add(stale))
        else {
            return;
        };
        // Whole seconds, as they are kept.
        let Ok(until) = Timestamp::from_second(until.as_second()) else { return };
        let body = json!({"made": now.as_second(), "fresh": fresh.as_second(), "told": told}).to_string().into_bytes();
        let mac = hmac::sign(&self.key, &sealed(key, until, &body)).as_ref().to_vec();
        let _asked_again_otherwise = self.store.keep(key, &KeptDecision { until, mac, body }, now);
    }
}

/// What the MAC is over. Every part but the last has one length, so no two rows have the same bytes.
fn sealed(key: &DecisionKey, until: Timestamp, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"signet decision 1\n".to_vec();
    for digest in [key.digest, key.policies, key.trust, key.question] {
        bytes.extend_from_slice(Digest::sha256(digest.to_string().as_bytes()).as_bytes());
    }
    bytes.extend_from_slice(&until.as_second().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}
