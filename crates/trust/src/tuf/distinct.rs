//! A key counts once towards a threshold, under however many names (TUF specification, 4.2.1 and 6.1: a threshold is of unique keys).
//!
//! The client below takes the declared key IDs as they are, so one key under two IDs would be two signers to it. What a repository or a store hands over is
//! looked at here first: a file that reaches its threshold by names but not by keys is not handed on.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use sigstore_tuf::{Key, Metadata, Role, RoleKeys, Root, Snapshot, Targets, Timestamp, TrustedMetadataSet};

use super::TufError;

/// Most delegations that are remembered; the client visits fewer roles.
const MOST_DELEGATIONS: usize = 4096;
/// Most files of targets metadata that are remembered.
const MOST_FILES: usize = 256;
/// What a delegated role is called in messages, since its file does not say.
const DELEGATED: &str = "of delegated targets";

/// What the client trusts by now, as far as it decides who signs.
#[derive(Debug)]
pub(super) struct Distinct(Mutex<Held>);

#[derive(Debug)]
struct Held {
    /// The root, followed by the client's own rules.
    trusted: TrustedMetadataSet,
    /// Who may sign delegated roles, by those who delegate to them.
    delegated: Vec<(BTreeMap<String, Key>, RoleKeys)>,
    /// Targets metadata that was handed on: the client holds a role to everybody who delegates to it, also to those whom it meets later.
    seen: Vec<Metadata<Targets>>,
}

impl Distinct {
    /// Begins from the pinned root.
    ///
    /// # Errors
    /// When it is no root, or not signed by a threshold of its own keys, each counted once.
    pub(super) fn new(pinned: &[u8]) -> Result<Self, TufError> {
        let trusted = TrustedMetadataSet::from_root(pinned)?;
        let metadata = Metadata::<Root>::from_slice(pinned)?;
        by_root(&metadata, trusted.root(), "root").map_err(TufError::new)?;
        Ok(Self(Mutex::new(Held { trusted, delegated: Vec::new(), seen: Vec::new() })))
    }

    /// Looks at a metadata file before the client does. What is no such file, or does not reach its threshold at all, is the client's to refuse.
    ///
    /// # Errors
    /// When the file reaches its threshold only because a key is counted more than once.
    pub(super) fn look(&self, bytes: &[u8]) -> Result<(), String> {
        let mut held = self.0.lock();
        if let Ok(metadata) = Metadata::<Root>::from_slice(bytes) {
            return held.follow(bytes, &metadata);
        }
        if let Ok(metadata) = Metadata::<Timestamp>::from_slice(bytes) {
            return by_root(&metadata, held.trusted.root(), "timestamp");
        }
        if let Ok(metadata) = Metadata::<Snapshot>::from_slice(bytes) {
            return by_root(&metadata, held.trusted.root(), "snapshot");
        }
        if let Ok(metadata) = Metadata::<Targets>::from_slice(bytes) {
            return held.targets(metadata);
        }
        Ok(())
    }
}

impl Held {
    fn follow(&mut self, bytes: &[u8], metadata: &Metadata<Root>) -> Result<(), String> {
        let mut next = self.trusted.clone();
        if next.update_root(bytes).is_err() {
            return Ok(());
        }
        by_root(metadata, self.trusted.root(), "root")?;
        by_root(metadata, next.root(), "root")?;
        self.trusted = next;
        self.delegated.clear();
        self.seen.clear();
        Ok(())
    }

    fn targets(&mut self, metadata: Metadata<Targets>) -> Result<(), String> {
        by_root(&metadata, self.trusted.root(), "targets")?;
        // A file does not say whose role it is; whoever delegates to it under any name must have it signed by distinct keys.
        for (keys, role) in &self.delegated {
            distinct(&metadata, keys, role, DELEGATED)?;
        }
        for role in metadata.signed().delegations.iter().flat_map(|delegations| &delegations.roles) {
            let role = role.role_keys();
            let keys = metadata.signed().delegations.iter().flat_map(|delegations| &delegations.keys);
            let keys = keys.filter(|(id, _)| role.keyids.contains(id)).map(|(id, key)| (id.clone(), key.clone()));
            let authority = (keys.collect(), role);
            // The same file is handed over by the store and by the repository.
            if self.delegated.contains(&authority) {
                continue;
            }
            for file in self.seen.iter().chain([&metadata]) {
                distinct(file, &authority.0, &authority.1, DELEGATED)?;
            }
            self.delegated.push(authority);
        }
        self.seen.push(metadata);
        if self.delegated.len() > MOST_DELEGATIONS || self.seen.len() > MOST_FILES {
            return Err(format!("more than {MOST_DELEGATIONS} delegations, or {MOST_FILES} files of targets"));
        }
        Ok(())
    }
}

fn by_root<T: Role>(metadata: &Metadata<T>, root: &Root, name: &str) -> Result<(), String> {
    root.role(name).map_or(Ok(()), |role| distinct(metadata, &root.keys, role, name))
}

/// That a threshold which is reached by key IDs is reached by keys.
fn distinct<T: Role>(
    metadata: &Metadata<T>,
    keys: &BTreeMap<String, Key>,
    role: &RoleKeys,
    name: &str,
) -> Result<(), String> {
    let mut names: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for id in &role.keyids {
        if let Some(material) = keys.get(id).and_then(material) {
            let names = names.entry(material).or_default();
            if !names.contains(id) {
                names.push(id.clone());
            }
        }
    }
    if names.values().all(|names| names.len() == 1) || metadata.verify_threshold(keys, role, name).is_err() {
        return Ok(());
    }
    let signed = names.into_values().filter(|ids| {
        let mut one = role.clone();
        one.keyids.clone_from(ids);
        one.threshold = 1;
        metadata.verify_threshold(keys, &one, name).is_ok()
    });
    let found = signed.count();
    if found >= role.threshold {
        return Ok(());
    }
    Err(format!(
        "signature threshold not met for role {name}: {found} keys where {} are needed, one of them under several key IDs",
        role.threshold
    ))
}

/// The key itself, however it is written. One that cannot be used signs nothing.
fn material(key: &Key) -> Option<Vec<u8>> {
    Some(key.verification_key().ok()?.as_bytes().to_vec())
}
