//! A tag that several writers change: read, modify, write, look again.
//!
//! Registries have no compare-and-swap: conditional requests were proposed (distribution-spec pull request 251, open since 2021) and are honoured by few.
//! `If-Match` goes along where there is an `ETag`, and everything else is done as if nobody heeded it. What a writer can lose is a write that another
//! one, who had read before, puts over its own. So each writer looks again after it wrote: at once, and after a while that is longer than the way from
//! somebody's reading to their writing. Where its entry is gone, it waits a random time and does it again. Writers that do not look again (Cosign, ORAS)
//! can still lose their own entries to each other, never ours.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use signet_model::{Digest, ImageRef};
use tokio::time::Instant;

use crate::backoff;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind};
use crate::manifest::Manifest;
use crate::push::{BlobSource, Condition};

/// How often a manifest is written before we give up.
const MOST_WRITES: u32 = 16;
/// How often the tag is read, all together.
const MOST_READS: u32 = 200;
/// What was read longer ago than this is read again before it is written over.
const FRESH: Duration = Duration::from_millis(100);
/// The second look comes not before this, ...
const SETTLE_LEAST: Duration = Duration::from_millis(300);
/// ... and not later.
const SETTLE_MOST: Duration = Duration::from_secs(3);
/// The first pause after a lost write.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What is to stand under the tag.
pub(crate) struct Change {
    /// Media type of the manifest.
    pub(crate) media_type: String,
    /// The manifest.
    pub(crate) bytes: Bytes,
    /// Blobs that it needs and that are not there yet.
    pub(crate) blobs: Vec<Bytes>,
}

/// Tells from what a tag holds what it is to hold; `None` when that is already so.
pub(crate) type Plan<'a> = dyn Fn(Option<&Manifest>) -> Result<Option<Change>, Error> + Sync + 'a;

/// What the tag holds now.
struct Seen {
    manifest: Option<Manifest>,
    etag: Option<String>,
    at: Instant,
}

impl Seen {
    fn digest(&self) -> Option<Digest> {
        self.manifest.as_ref().map(|manifest| manifest.digest)
    }
}

impl Client {
    /// Makes `change` until it finds nothing left to change, a while after the last write. `change` gets what the tag holds and gives what it is to hold,
    /// `None` when that is already so. Gives the digest of what the tag holds at the end.
    pub(crate) async fn change_tag(&self, tag: &ImageRef, change: &Plan<'_>) -> Result<Option<Digest>, Error> {
        let queue = self.queue(tag);
        let mut turn = queue.lock().await;
        let (mut writes, mut reads) = (0u32, 0u32);
        let (mut settled, mut rested) = (None, true);
        let mut seen = self.see(tag, &mut reads).await?;
        loop {
            let Some(wanted) = change(seen.manifest.as_ref())? else {
                let Some(until) = settled.filter(|until| Instant::now() < *until) else { return Ok(seen.digest()) };
                // Others of this process need not wait for our second look.
                drop(turn);
                tokio::time::sleep_until(until).await;
                turn = queue.lock().await;
                seen = self.see(tag, &mut reads).await?;
                continue;
            };
            if writes >= MOST_WRITES {
                return Err(conflict(tag, writes));
            }
            if !rested {
                tokio::time::sleep(self.pause(writes, &wanted)).await;
                rested = true;
                seen = self.see(tag, &mut reads).await?;
                continue;
            }
            for blob in &wanted.blobs {
                let digest = Digest::sha256(blob);
                self.push_blob(tag, &digest, blob.len() as u64, None, BlobSource::Bytes(blob.clone())).await?;
            }
            if seen.at.elapsed() > FRESH {
                let again = self.see(tag, &mut reads).await?;
                let moved = again.digest() != seen.digest();
                seen = again;
                if moved {
                    continue;
                }
            }
            let condition = match (&seen.manifest, &seen.etag) {
                (Some(_), Some(etag)) => Condition::Still(etag.clone()),
                (Some(_), None) => Condition::None,
                (None, _) => Condition::Absent,
            };
            match self.put_manifest(tag, &wanted.media_type, wanted.bytes, &condition).await {
                Ok(_) => {}
                // Somebody was faster, or an earlier attempt of ours arrived after all.
                Err(err) if err.status == Some(412) && !speaks_of_rule(&err) && condition != Condition::None => {}
                Err(err) => return Err(immutable(err, seen.manifest.is_some(), tag)),
            }
            writes = writes.saturating_add(1);
            let while_ = seen.at.elapsed().saturating_mul(3).clamp(SETTLE_LEAST, SETTLE_MOST);
            settled = Some(Instant::now() + while_);
            rested = false;
            seen = self.see(tag, &mut reads).await?;
        }
    }

    /// Reads what the tag holds, from the registry itself: a mirror may be behind.
    async fn see(&self, tag: &ImageRef, reads: &mut u32) -> Result<Seen, Error> {
        *reads = reads.saturating_add(1);
        if *reads > MOST_READS {
            return Err(conflict(tag, *reads));
        }
        match self.manifest_at(&Endpoint::origin(tag, self.options()), tag).await {
            Ok((manifest, etag)) => Ok(Seen { manifest: Some(manifest), etag, at: Instant::now() }),
            Err(err) if err.kind == ErrorKind::NotFound => Ok(Seen { manifest: None, etag: None, at: Instant::now() }),
            Err(err) => Err(err),
        }
    }

    /// Longer with each lost write, and another length for each writer: what it writes takes part in the choice, as many programs begin with one seed.
    fn pause(&self, writes: u32, wanted: &Change) -> Duration {
        let own = Digest::sha256(&wanted.bytes);
        let own = own.as_bytes().iter().take(8).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let mut state = backoff::next_random(&mut self.shared.random.lock()) ^ own;
        backoff::pause(FIRST_PAUSE, writes, backoff::next_random(&mut state)).min(SETTLE_MOST)
    }

    /// Writers of one process take turns.
    fn queue(&self, tag: &ImageRef) -> Arc<tokio::sync::Mutex<()>> {
        let mut queues = self.shared.queues.lock();
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        Arc::clone(queues.entry(tag.to_string()).or_default())
    }
}

fn conflict(tag: &ImageRef, times: u32) -> Error {
    let what = format!("after {times} attempts the registry still does not hold what was written");
    Error::new(ErrorKind::Conflict, format!("change `{tag}`"), what)
        .hint("others write to the same tag, or the registry forgets what it is given: try again, with fewer writers at a time")
}

/// Whether a refusal is about a rule that tags do not move. Amazon, Harbor, Quay, Azure and Google say so in their own words.
fn speaks_of_rule(err: &Error) -> bool {
    let said = err.what.to_ascii_lowercase();
    ["immutab", "overwrit", "already exists", "locked", "cannot be updated"].iter().any(|word| said.contains(word))
}

fn immutable(err: Error, moves: bool, tag: &ImageRef) -> Error {
    let refused = match err.status {
        Some(409 | 412) => true,
        Some(400 | 403 | 405) => speaks_of_rule(&err),
        _ => false,
    };
    if !(moves && refused) {
        return err;
    }
    let name = tag.tag().unwrap_or_default();
    let hint = format!(
        "the registry does not let the tag `{name}` move: leave tags that begin with `sha256-` out of its rule; where the registry lists referrers (OCI 1.1), no such tag is needed"
    );
    Error { kind: ErrorKind::Immutable, ..err }.hint(hint)
}
