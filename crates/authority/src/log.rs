//! The transparency log: Rekor v2 over tiles; in `v1` the one before it.

pub(crate) mod v1;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::entry;
use crate::error::{Error, Refusal};
use crate::key::SigningKey;
use crate::note::NoteSigner;
use crate::store::Place;
use crate::text::b64;
use crate::tree::{Hash, TileName, Tree};

/// A log of signatures.
#[derive(Debug)]
pub struct TransparencyLog {
    signer: NoteSigner,
    tree: Mutex<Tree>,
}

/// Where an entry stands, and the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub index: u64,
    /// Entries of the tree that the proof is for.
    pub size: u64,
    /// The root of that tree.
    pub root: Hash,
    /// The way from the entry to the root, the lowest hash first.
    pub proof: Vec<Hash>,
    /// The signed size and root.
    pub checkpoint: String,
    /// What was logged.
    pub body: Vec<u8>,
}

impl TransparencyLog {
    /// Opens a log. `origin` is its address without the scheme; the key is Ed25519 or ECDSA over P-256.
    ///
    /// # Errors
    /// When the name or the key cannot be used, or the place is damaged or another's.
    pub fn open(origin: &str, key: SigningKey, place: &Place) -> Result<Self, Error> {
        let signer = NoteSigner::new(origin, key)?;
        let tree = Tree::open(place, |text| signer.read(text), |size, root| signer.sign(size, root))?;
        Ok(Self { signer, tree: Mutex::new(tree) })
    }

    /// The log's key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        self.signer.key()
    }

    /// The log's name on its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.signer.origin()
    }

    /// The log's ID: the whole key ID of its checkpoints.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        self.signer.id()
    }

    /// Logs a canonical body and proves it. Bodies are not looked at: requests go through [`answer`](Self::answer).
    ///
    /// # Errors
    /// When the body is longer than 65,535 bytes or the log cannot be written; then nothing was logged.
    pub fn append(&self, body: Vec<u8>) -> Result<Entry, Error> {
        let mut tree = self.tree.lock();
        let index = tree.append(&[&body], |size, root| self.signer.sign(size, root))?;
        Ok(Entry {
            index,
            size: tree.size(),
            root: tree.root()?,
            proof: tree.inclusion(index)?,
            checkpoint: tree.checkpoint().to_owned(),
            body,
        })
    }

    /// Answers `POST /api/v2/log/entries` with a `TransparencyLogEntry`, as bundles hold it.
    ///
    /// # Errors
    /// A refusal when the request is malformed or its signature does not verify.
    pub fn answer(&self, body: &[u8]) -> Result<Value, Refusal> {
        let body = entry::canonical(body)?;
        let entry = self.append(body)?;
        let hashes: Vec<String> = entry.proof.iter().map(b64).collect();
        Ok(json!({
            "logIndex": entry.index.to_string(),
            "logId": {"keyId": b64(self.id())},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {
                "logIndex": entry.index.to_string(),
                "rootHash": b64(entry.root),
                "treeSize": entry.size.to_string(),
                "hashes": hashes,
                "checkpoint": {"envelope": entry.checkpoint},
            },
            "canonicalizedBody": b64(&entry.body),
        }))
    }

    /// The signed size and root.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.tree.lock().checkpoint().to_owned()
    }

    /// A tile, or a bundle of entries, if the log is large enough.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn tile(&self, name: TileName) -> Result<Option<Vec<u8>>, Error> {
        self.tree.lock().read(name)
    }
}
