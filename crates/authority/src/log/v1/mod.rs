//! Rekor v1: a log that answers each entry at once with its promise and a time, beside the proof.
//!
//! Sources: sigstore/rekor `openapi.yaml`, the schemas of `pkg/types/hashedrekord/v0.0.1` and `pkg/types/dsse/v0.0.1`, `pkg/api/entries.go` for what is
//! compared and refused; RFC 8785 for the text under a promise.
//!
//! ```text
//!   request ─▶ entry (verified, canonical) ─▶ tree, and the time beside the leaf
//!                                               └─▶ {ID: {body, integratedTime, logID, logIndex, verification}}
//! ```
//! The ID of an entry is that of the tree (sixteen digits) and the hash of its leaf. Its index counts the entries of earlier shards, that in its proof does not.

mod entry;
mod routes;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

pub(crate) use self::routes::{answer, is_ours};

use crate::error::{Error, Refusal};
use crate::key::{KeyKind, SigningKey};
use crate::note::NoteSigner;
use crate::store::Place;
use crate::text::{b64, hex};
use crate::tree::{Hash, TileName, Tree, leaf_hash};

/// Entries of a bundle of the tree, and so of a file of times.
const BUNDLE: u64 = 256;
/// Bytes of a time: seconds since 1970, big endian.
const TIME: usize = 8;

/// A log that promises entries, and says when it took them.
#[derive(Debug)]
pub struct PromisingLog {
    host: String,
    tree_id: u64,
    earlier: u64,
    signer: NoteSigner,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    /// Where each leaf stands: no leaf twice.
    known: HashMap<Hash, u64>,
    /// The hash of each leaf, by index: an entry's ID is told without reading it.
    hashes: Vec<Hash>,
    /// Entries by what they are searched for, the oldest first.
    found_by: BTreeMap<String, Vec<u64>>,
}

/// What became of a request for an entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    /// The ID of the entry.
    pub id: String,
    /// `LogEntry`, with the ID as its one member; `None` when the log has had the entry before.
    pub entry: Option<Value>,
}

impl PromisingLog {
    /// Opens a log. `host` is its address without the scheme; the key is ECDSA over P-256; `earlier` counts the entries of shards before this one, which are
    /// kept elsewhere.
    ///
    /// # Errors
    /// When the name or the key cannot be used, or the place is damaged or another's.
    pub fn open(host: &str, key: SigningKey, earlier: u64, place: &Place) -> Result<Self, Error> {
        if key.kind() != KeyKind::P256 {
            return Err(Error::Setting("the key of a Rekor v1 log is ECDSA over P-256".to_owned()));
        }
        // Like the IDs of Trillian's trees: a positive number of 63 bits.
        let tree_id = (u64::from_be_bytes(key.id().first_chunk().copied().unwrap_or_default()) >> 1) | 1;
        let signer = NoteSigner::shard(host, tree_id, key)?;
        let tree = Tree::open(place, |text| signer.read(text), |size, root| signer.sign(size, root))?;
        let (mut known, mut hashes) = (HashMap::new(), Vec::new());
        let mut found_by = BTreeMap::<String, Vec<u64>>::new();
        for bundle in 0..tree.size().div_ceil(BUNDLE) {
            let first = bundle.saturating_mul(BUNDLE);
            let last = first.saturating_add(BUNDLE).min(tree.size()).saturating_sub(1);
            // A file of times has no holes: with the last one, all are there.
            time(&tree, last)?;
            let leaves = tree.leaves(bundle)?;
            if !(first..=last).zip(&leaves).any(|(index, _)| index == last) {
                return Err(tree.damaged(format!("entry {last} is missing")));
            }
            for (index, body) in (first..=last).zip(leaves) {
                let hash = leaf_hash(&body);
                known.insert(hash, index);
                hashes.push(hash);
                for name in entry::names(&body) {
                    found_by.entry(name).or_default().push(index);
                }
            }
        }
        let state = Mutex::new(State { tree, known, hashes, found_by });
        Ok(Self { host: host.to_owned(), tree_id, earlier, signer, state })
    }

    /// The log's key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        self.signer.key()
    }

    /// The log's address without the scheme.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The log's ID: SHA-256 of its key.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        self.signer.id()
    }

    /// Takes an entry, as `POST /api/v1/log/entries` asks for it.
    ///
    /// # Errors
    /// A refusal when the request is malformed or a signature does not verify; then nothing was logged.
    pub fn enter(&self, request: &[u8], now: Timestamp) -> Result<Entered, Refusal> {
        let body = entry::canonical(request)?;
        let hash = leaf_hash(&body);
        let mut state = self.state.lock();
        if state.known.contains_key(&hash) {
            return Ok(Entered { id: self.entry_id(&hash), entry: None });
        }
        // The entry before may be on the disk, and its time with it.
        state.tree.whole()?;
        let index = state.tree.size();
        // The time first: what the checkpoint does not cover has not happened.
        let name = times(index);
        let mut kept = match index % BUNDLE {
            0 => Vec::new(),
            _ => state.tree.attached(&name)?.unwrap_or_default(),
        };
        let before = (index % BUNDLE) as usize * TIME;
        if kept.len() < before {
            // Made up, the missing ones would be promised.
            return Err(state.tree.damaged(format!("`{name}` lacks times of entries before {index}")).into());
        }
        // What stands behind them was not committed.
        kept.truncate(before);
        kept.extend(now.as_second().to_be_bytes());
        state.tree.attach(&name, &kept)?;
        state.tree.append(&[&body], |size, root| self.signer.sign(size, root))?;
        state.known.insert(hash, index);
        state.hashes.push(hash);
        for name in entry::names(&body) {
            state.found_by.entry(name).or_default().push(index);
        }
        Ok(Entered { id: self.entry_id(&hash), entry: Some(self.tell(&state, index)?) })
    }

    /// The entry with this index, earlier shards counted; none of an earlier shard is known here.
    pub(crate) fn at(&self, index: u64) -> Result<Option<Value>, Error> {
        let state = self.state.lock();
        match index.checked_sub(self.earlier).filter(|index| *index < state.tree.size()) {
            Some(index) => Ok(Some(self.tell(&state, index)?)),
            None => Ok(None),
        }
    }

    /// The entry with this leaf.
    pub(crate) fn with_leaf(&self, hash: &Hash) -> Result<Option<Value>, Error> {
        let state = self.state.lock();
        match state.known.get(hash) {
            Some(index) => Ok(Some(self.tell(&state, *index)?)),
            None => Ok(None),
        }
    }

    /// IDs of the entries that are found by all of the names, or else by any of them, the oldest first; `None` when there are more than `most`.
    ///
    /// Nothing is read: whoever asks holds up those who log.
    pub(crate) fn named(&self, names: &[String], all: bool, most: usize) -> Option<Vec<String>> {
        let state = self.state.lock();
        let enough = most.saturating_add(1);
        let mut lists: Vec<&[u64]> =
            names.iter().map(|name| state.found_by.get(name).map(Vec::as_slice).unwrap_or_default()).collect();
        lists.sort_by_key(|list| list.len());
        let found: BTreeSet<u64> = match lists.split_first() {
            Some((shortest, others)) if all => {
                let in_all = |index: &u64| others.iter().all(|list| list.binary_search(index).is_ok());
                shortest.iter().copied().filter(in_all).take(enough).collect()
            }
            _ => lists.iter().flat_map(|list| list.iter().take(enough)).copied().collect(),
        };
        if found.len() > most {
            return None;
        }
        let hash = |index: &u64| usize::try_from(*index).ok().and_then(|index| state.hashes.get(index));
        Some(found.iter().filter_map(hash).map(|hash| self.entry_id(hash)).collect())
    }

    /// `LogInfo`.
    pub(crate) fn info(&self) -> Result<Value, Error> {
        let state = self.state.lock();
        Ok(json!({
            "rootHash": hex(&state.tree.root()?),
            "treeSize": state.tree.size(),
            "signedTreeHead": state.tree.checkpoint(),
            "treeID": self.tree_id.to_string(),
            "inactiveShards": [],
        }))
    }

    /// The signed size and root.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.state.lock().tree.checkpoint().to_owned()
    }

    fn entry_id(&self, hash: &Hash) -> String {
        format!("{:016x}{}", self.tree_id, hex(hash))
    }

    /// `LogEntry`: what was logged, the promise over it, and the proof under the newest checkpoint.
    fn tell(&self, state: &State, index: u64) -> Result<Value, Error> {
        let tree = &state.tree;
        let body = leaf(tree, index)?;
        let (log, text, time) = (hex(&self.id()), b64(&body), time(tree, index)?);
        let counted = index.checked_add(self.earlier).ok_or_else(|| Error::Setting("the log is full".to_owned()))?;
        // RFC 8785: members in order, no space; base64 and hexadecimal digits need no escape.
        let promised = format!(r#"{{"body":"{text}","integratedTime":{time},"logID":"{log}","logIndex":{counted}}}"#);
        let hashes: Vec<String> = tree.inclusion(index)?.iter().map(|hash| hex(hash)).collect();
        let entry = json!({
            "body": text,
            "integratedTime": time,
            "logID": log,
            "logIndex": counted,
            "verification": {
                "inclusionProof": {
                    "checkpoint": tree.checkpoint(),
                    "hashes": hashes,
                    "logIndex": index,
                    "rootHash": hex(&tree.root()?),
                    "treeSize": tree.size(),
                },
                "signedEntryTimestamp": b64(self.key().sign(promised.as_bytes())?),
            },
        });
        Ok(json!({(self.entry_id(&leaf_hash(&body))): entry}))
    }
}

/// Whether the bytes are read as a request for an entry.
pub(crate) fn reads(bytes: &[u8]) -> bool {
    entry::canonical(bytes).is_ok() || !entry::names(bytes).is_empty()
}

/// The file with the time of an entry.
fn times(index: u64) -> String {
    let bundle = TileName { level: None, index: index / BUNDLE, partial: None };
    bundle.path().replacen("tile/entries", "times", 1)
}

fn time(tree: &Tree, index: u64) -> Result<i64, Error> {
    let name = times(index);
    let from = (index % BUNDLE) as usize * TIME;
    let kept = tree.attached(&name)?.unwrap_or_default();
    match kept.get(from..).and_then(|rest| rest.first_chunk::<TIME>()) {
        Some(seconds) => Ok(i64::from_be_bytes(*seconds)),
        None => Err(tree.damaged(format!("`{name}` lacks the time of entry {index}"))),
    }
}

fn leaf(tree: &Tree, index: u64) -> Result<Vec<u8>, Error> {
    tree.leaf(index)?.ok_or_else(|| tree.damaged(format!("entry {index} is missing")))
}

#[cfg(test)]
mod tests;
