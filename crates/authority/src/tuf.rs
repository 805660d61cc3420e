//! A TUF repository as static files (TUF specification 1.0.33), with consistent snapshots.
//!
//! ```text
//!   N.root.json  timestamp.json  N.snapshot.json  N.targets.json  targets/<sha256>.<name>
//! ```
//! The root and targets keys are for people, and can be offline: nothing but [`Repository::publish`] and [`Repository::rotate`] needs them. The online key
//! signs snapshots and timestamps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ca::later;
use crate::error::Error;
use crate::key::{KeyKind, SigningKey, sha256};
use crate::material::seconds;
use crate::text::hex;

/// Days for which each role is valid.
const ROOT_DAYS: i64 = 365;
const TARGETS_DAYS: i64 = 180;
const SNAPSHOT_DAYS: i64 = 30;
const TIMESTAMP_DAYS: i64 = 7;

/// The keys of a repository.
#[derive(Debug)]
pub struct RootKeys {
    /// Sign root and targets; so many of them must.
    pub offline: Vec<SigningKey>,
    /// How many.
    pub threshold: usize,
    /// Signs snapshot and timestamp.
    pub online: SigningKey,
}

impl RootKeys {
    /// Three offline keys of which two must sign, and an online one; all Ed25519.
    ///
    /// # Errors
    /// When the provider has no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let key = || SigningKey::generate(KeyKind::Ed25519);
        Ok(Self { offline: vec![key()?, key()?, key()?], threshold: 2, online: key()? })
    }
}

/// A repository: its files by name, and what the next ones need to know.
#[derive(Clone, Debug)]
pub struct Repository {
    files: BTreeMap<String, Vec<u8>>,
    root: u64,
    targets: u64,
    snapshot: u64,
    timestamp: u64,
}

impl Repository {
    /// Before the first root.
    pub(crate) fn empty() -> Self {
        Self { files: BTreeMap::new(), root: 0, targets: 0, snapshot: 0, timestamp: 0 }
    }

    /// A new one with these targets.
    ///
    /// # Errors
    /// When the keys are not Ed25519, too few, or cannot sign.
    pub fn found(keys: &RootKeys, targets: &BTreeMap<String, Vec<u8>>, now: Timestamp) -> Result<Self, Error> {
        let mut new = Self::empty();
        new.root_by(keys, &[keys], now)?;
        new.publish(keys, targets, now)?;
        Ok(new)
    }

    /// All files by name.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    /// The first root, with which clients begin.
    #[must_use]
    pub fn initial_root(&self) -> &[u8] {
        self.files.get("1.root.json").map_or(&[], Vec::as_slice)
    }

    /// Replaces the targets.
    ///
    /// # Errors
    /// When a name cannot be one, or a key cannot sign.
    pub fn publish(
        &mut self,
        keys: &RootKeys,
        targets: &BTreeMap<String, Vec<u8>>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut list = Map::new();
        for (name, bytes) in targets {
            if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
                return Err(Error::Setting(format!("`{name}` cannot be the name of a target")));
            }
            let digest = hex(&sha256(bytes));
            self.files.insert(format!("targets/{digest}.{name}"), bytes.clone());
            list.insert(name.clone(), json!({"length": bytes.len(), "hashes": {"sha256": digest}}));
        }
        self.targets += 1;
        let body = json!({
            "_type": "targets", "spec_version": "1.0.31", "version": self.targets,
            "expires": seconds(later(now, TARGETS_DAYS)?), "targets": list,
        });
        let signers: Vec<&SigningKey> = keys.offline.iter().collect();
        self.files.insert(format!("{}.targets.json", self.targets), signed(body, &signers)?);
        self.refresh(keys, now)
    }

    /// Signs snapshot and timestamp anew, with the online key alone.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn refresh(&mut self, keys: &RootKeys, now: Timestamp) -> Result<(), Error> {
        self.snapshot += 1;
        let body = json!({
            "_type": "snapshot", "spec_version": "1.0.31", "version": self.snapshot,
            "expires": seconds(later(now, SNAPSHOT_DAYS)?),
            "meta": {"targets.json": {"version": self.targets}},
        });
        let snapshot = signed(body, &[&keys.online])?;
        self.timestamp += 1;
        let body = json!({
            "_type": "timestamp", "spec_version": "1.0.31", "version": self.timestamp,
            "expires": seconds(later(now, TIMESTAMP_DAYS)?),
            "meta": {"snapshot.json": {
                "version": self.snapshot, "length": snapshot.len(), "hashes": {"sha256": hex(&sha256(&snapshot))},
            }},
        });
        self.files.insert(format!("{}.snapshot.json", self.snapshot), snapshot);
        self.files.insert("timestamp.json".to_owned(), signed(body, &[&keys.online])?);
        Ok(())
    }

    /// Goes over to new keys: the next root is signed by the old ones and by the new ones (5.3.4), and everything else anew.
    ///
    /// # Errors
    /// When a key cannot sign.
    pub fn rotate(
        &mut self,
        old: &RootKeys,
        new: &RootKeys,
        targets: &BTreeMap<String, Vec<u8>>,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.root_by(new, &[old, new], now)?;
        self.publish(new, targets, now)
    }

    fn root_by(&mut self, keys: &RootKeys, signers: &[&RootKeys], now: Timestamp) -> Result<(), Error> {
        if keys.threshold == 0 || keys.offline.len() < keys.threshold {
            return Err(Error::Setting(format!(
                "{} of {} keys cannot sign a TUF root",
                keys.threshold,
                keys.offline.len()
            )));
        }
        let mut all = Map::new();
        for key in keys.offline.iter().chain([&keys.online]) {
            all.insert(key_id(key)?, public(key)?);
        }
        let offline = keys.offline.iter().map(key_id).collect::<Result<Vec<_>, _>>()?;
        let online = [key_id(&keys.online)?];
        self.root += 1;
        let body = json!({
            "_type": "root", "spec_version": "1.0.31", "version": self.root, "consistent_snapshot": true,
            "expires": seconds(later(now, ROOT_DAYS)?),
            "keys": all,
            "roles": {
                "root": {"keyids": offline, "threshold": keys.threshold},
                "targets": {"keyids": offline, "threshold": keys.threshold},
                "snapshot": {"keyids": online, "threshold": 1},
                "timestamp": {"keyids": online, "threshold": 1},
            },
        });
        let signers: Vec<&SigningKey> = signers.iter().flat_map(|keys| &keys.offline).collect();
        self.files.insert(format!("{}.root.json", self.root), signed(body, &signers)?);
        Ok(())
    }
}

/// `KEY` (4.2).
fn public(key: &SigningKey) -> Result<Value, Error> {
    if key.kind() != KeyKind::Ed25519 {
        return Err(Error::Setting("the keys of a TUF repository are Ed25519".to_owned()));
    }
    Ok(json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(key.raw())}}))
}

fn key_id(key: &SigningKey) -> Result<String, Error> {
    Ok(hex(&sha256(canonical(&public(key)?).as_bytes())))
}

/// The metadata file: what is signed, and a signature by each key.
fn signed(body: Value, keys: &[&SigningKey]) -> Result<Vec<u8>, Error> {
    let text = canonical(&body);
    let mut signatures = Vec::new();
    for key in keys {
        signatures.push(json!({"keyid": key_id(key)?, "sig": hex(&key.sign(text.as_bytes())?)}));
    }
    Ok(json!({"signatures": signatures, "signed": body}).to_string().into_bytes())
}

/// OLPC canonical JSON: names in order, no space, and in texts only `"` and `\` are escaped. There are no fractions here.
fn canonical(value: &Value) -> String {
    match value {
        Value::String(text) => {
            format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let ordered: BTreeMap<&String, &Value> = map.iter().collect();
            let members: Vec<String> = ordered
                .into_iter()
                .map(|(name, value)| format!("{}:{}", canonical(&Value::String(name.clone())), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_is_olpcs() {
        let value = json!({"b": [1, true, null], "a": "x\n\"\\ü", "B": {}});
        assert_eq!(canonical(&value), "{\"B\":{},\"a\":\"x\n\\\"\\\\ü\",\"b\":[1,true,null]}");
    }

    #[test]
    fn targets_cannot_leave_their_folder() {
        let keys = RootKeys::generate().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        for name in ["", "../x", "a/b", ".x", "a\\b"] {
            let targets = BTreeMap::from([(name.to_owned(), Vec::new())]);
            assert!(Repository::found(&keys, &targets, now).is_err(), "{name}");
        }
    }
}
