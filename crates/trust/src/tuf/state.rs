//! What was verified last, as one value: the pinned root and the files that it leads to. Nothing of it is believed when it is read back; the whole chain is
//! verified again, from the pinned root to the targets.
//!
//! It is one value, and one file of whoever keeps it, so that no crash can leave a timestamp of today beside targets of yesterday.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use signet_model::Timestamp;

use super::{TufClient, TufError, TufFuture, TufRepository, TufRole, TufStore};
use crate::json::{self, At};

/// The target that says which authorities and logs are trusted.
const TRUSTED_ROOT: &str = "trusted_root.json";
/// The target that says which services sign.
const SIGNING_CONFIG: &str = "signing_config.v0.2.json";
/// Largest of these targets.
const LARGEST_TARGET: u64 = 4 << 20;
/// Largest state that is read: a root and its successors, three roles, delegated ones, two targets.
const LARGEST: usize = 64 << 20;
/// Most files in a state.
const MOST_FILES: usize = 128;
/// Roles whose expiry can stand in the way of one reading: four, and delegated ones.
const MOST_ROLES: usize = 40;

/// The kept files of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TufState {
    mirror: String,
    pinned: Vec<u8>,
    renewed: Option<Timestamp>,
    files: BTreeMap<String, Vec<u8>>,
}

/// What a repository gives: verified, and how long it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TufMaterial {
    /// `trusted_root.json`.
    pub trusted_root: Vec<u8>,
    /// `signing_config.v0.2.json`, where the repository has one.
    pub signing_config: Option<Vec<u8>>,
    /// Root, timestamp, snapshot and targets.
    pub roles: Vec<TufRole>,
}

impl TufMaterial {
    /// The role that expired first, if one has: the repository may have said something newer since.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> Option<&TufRole> {
        self.roles.iter().filter(|role| role.expires < now).min_by_key(|role| role.expires)
    }
}

impl TufState {
    /// Nothing but a root that a person or this program pins.
    ///
    /// # Errors
    /// When it is no root, or not signed by a threshold of its own keys.
    pub fn begin(mirror: &str, root: &[u8]) -> Result<Self, TufError> {
        TufClient::new(Nowhere, root)?;
        Ok(Self { mirror: mirror.to_owned(), pinned: root.to_vec(), renewed: None, files: BTreeMap::new() })
    }

    /// The same, and files that were kept by someone else, named `timestamp.json`, `snapshot.json`, `targets.json`, `targets/NAME`, `root_history/N.root.json`.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn adopt(mirror: &str, root: &[u8], files: BTreeMap<String, Vec<u8>>) -> Result<Self, TufError> {
        Ok(Self { files, ..Self::begin(mirror, root)? })
    }

    /// The address of the repository.
    #[must_use]
    pub fn mirror(&self) -> &str {
        &self.mirror
    }

    /// The root that trust began with.
    #[must_use]
    pub fn pinned(&self) -> &[u8] {
        &self.pinned
    }

    /// The version of the newest root that the pinned one and the kept ones lead to, each signed by the one before. Expiry is of no matter to it.
    ///
    /// # Errors
    /// When the pinned root does not hold.
    pub fn root_version(&self) -> Result<u64, TufError> {
        let client = TufClient::new(Nowhere, &self.pinned)?.with_store(Files::new(self.files.clone()));
        Ok(client.roles().first().map_or(0, |root| root.version))
    }

    /// When the repository was last asked with success. Not signed by anybody: it decides when to ask again and nothing else.
    #[must_use]
    pub fn renewed(&self) -> Option<Timestamp> {
        self.renewed
    }

    /// The kept files by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// When it is something else, or too large.
    pub fn read(bytes: &[u8]) -> Result<Self, TufError> {
        let wrong = |what: String| TufError::new(format!("what was kept is damaged: {what}"));
        if bytes.len() > LARGEST {
            return Err(wrong(format!("{} bytes", bytes.len())));
        }
        let value = json::parse(bytes).map_err(wrong)?;
        let root = At::root(&value);
        if root.get("version").number().map_err(wrong)? != 1 {
            return Err(wrong("it is of a version that this program does not know".to_owned()));
        }
        let renewed = match root.get("renewed") {
            at if at.is_present() => Some(at.str().map_err(wrong)?.parse().map_err(|_| wrong("`renewed`".to_owned()))?),
            _ => None,
        };
        let named = root.get("files").object().map_err(wrong)?;
        if named.len() > MOST_FILES {
            return Err(wrong(format!("{} files", named.len())));
        }
        let mut files = BTreeMap::new();
        for name in named.keys() {
            files.insert(name.clone(), root.get("files").get(name).bytes().map_err(wrong)?);
        }
        let mirror = root.get("mirror").str().map_err(wrong)?;
        let pinned = root.get("pinned").bytes().map_err(wrong)?;
        Ok(Self { renewed, ..Self::adopt(mirror, &pinned, files)? })
    }

    /// The state as one JSON file, for [`read`](Self::read).
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let files: Map<String, Value> =
            self.files.iter().map(|(name, bytes)| (name.clone(), STANDARD.encode(bytes).into())).collect();
        let mut value = serde_json::json!({
            "version": 1, "mirror": self.mirror, "pinned": STANDARD.encode(&self.pinned), "files": files,
        });
        if let (Some(renewed), Some(map)) = (self.renewed, value.as_object_mut()) {
            map.insert("renewed".to_owned(), renewed.to_string().into());
        }
        let mut text = value.to_string().into_bytes();
        text.push(b'\n');
        text
    }

    /// What the kept files give, verified from the pinned root on, without a network. Expiry does not stop this, since a machine without a network could
    /// then verify nothing; [`TufMaterial::expired`] tells it, and whoever reads must say so.
    ///
    /// # Errors
    /// When the chain does not hold, or a file is missing.
    pub fn open(&self, now: Timestamp) -> Result<TufMaterial, TufError> {
        let kept = Files::new(self.files.clone());
        // Expiry is judged at the last moment at which every role still held, or now: whichever is earlier.
        let mut at = now;
        for _ in 0..MOST_ROLES {
            match at_once(read(Kept(kept.clone()), &self.pinned, &kept, at, Completeness::TrustedRoot)) {
                Err(TufError { expired: Some(expires), .. }) if expires < at => at = expires,
                other => return other,
            }
        }
        Err(TufError::new("its roles expired one before the other, without an end"))
    }

    /// Asks the repository for what is new. Versions never go back behind the kept ones (specification 5.4.3, 5.5.5). The state is left as it is; what comes
    /// back is the next one, and only whole.
    ///
    /// # Errors
    /// When the repository's word is not taken, or it has no `trusted_root.json`.
    pub async fn renew(
        &self,
        repository: impl TufRepository + 'static,
        now: Timestamp,
    ) -> Result<(TufState, TufMaterial), TufError> {
        let files = Files::new(self.files.clone());
        let material = read(repository, &self.pinned, &files, now, Completeness::All).await?;
        let newest = material.roles.first().map_or(0, |root| root.version);
        let state = Self {
            mirror: self.mirror.clone(),
            pinned: self.pinned.clone(),
            renewed: Some(now),
            files: files.used(newest),
        };
        Ok((state, material))
    }
}

/// What must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Completeness {
    /// Both targets, where the repository lists both.
    All,
    /// Verification needs no more; Cosign keeps no more.
    TrustedRoot,
}

/// The one way: root, timestamp, snapshot, targets, then the two targets that matter.
async fn read(
    repository: impl TufRepository + 'static,
    pinned: &[u8],
    files: &Files,
    now: Timestamp,
    completeness: Completeness,
) -> Result<TufMaterial, TufError> {
    let mut client = TufClient::new(repository, pinned)?.with_largest_target(LARGEST_TARGET).with_store(files.clone());
    client.refresh(now).await?;
    let trusted_root = client.target_if_listed(TRUSTED_ROOT, now).await?.ok_or_else(|| {
        TufError::new(format!(
            "the repository has no target `{TRUSTED_ROOT}`: it is no repository of Sigstore material, or one from before 2023"
        ))
    })?;
    let signing_config = match client.target_if_listed(SIGNING_CONFIG, now).await {
        Err(_) if completeness == Completeness::TrustedRoot => None,
        other => other?,
    };
    Ok(TufMaterial { trusted_root, signing_config, roles: client.roles() })
}

/// Files in memory. It notes which were needed, so that what no longer leads anywhere is dropped.
#[derive(Clone, Debug)]
struct Files(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    files: BTreeMap<String, Vec<u8>>,
    needed: BTreeSet<String>,
}

impl Files {
    fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self(Arc::new(Mutex::new(Held { files, needed: BTreeSet::new() })))
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut held = self.0.lock();
        let found = held.files.get(name).cloned();
        if found.is_some() {
            held.needed.insert(name.to_owned());
        }
        found
    }

    /// The files that were needed, without roots beyond the newest that is trusted and without the files' versioned names.
    fn used(&self, newest: u64) -> BTreeMap<String, Vec<u8>> {
        let held = self.0.lock();
        let wanted = |name: &str| match name.strip_prefix("root_history/") {
            Some(rest) => rest
                .split('.')
                .next()
                .and_then(|version| version.parse().ok())
                .is_some_and(|version: u64| version <= newest),
            None => held.needed.contains(name) && unversioned(name) == name,
        };
        held.files.iter().filter(|(name, _)| wanted(name)).map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    }
}

impl TufStore for Files {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.get(name))
    }

    fn save(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let mut held = self.0.lock();
        if held.files.len() >= MOST_FILES && !held.files.contains_key(name) {
            return Err(format!("more than {MOST_FILES} files"));
        }
        held.files.insert(name.to_owned(), bytes.to_vec());
        held.needed.insert(name.to_owned());
        Ok(())
    }
}

/// `3.snapshot.json` is kept as `snapshot.json`: which version it is, its bytes say.
fn unversioned(name: &str) -> &str {
    match name.split_once('.') {
        Some((version, rest)) if !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => name,
    }
}

/// The kept files as a repository. Newer roots come from the store; targets too, so that none is asked for here.
struct Kept(Files);

impl TufRepository for Kept {
    fn metadata<'a>(&'a self, name: &'a str, _most: u64) -> TufFuture<'a> {
        let plain = unversioned(name);
        let found = if plain == "root.json" { None } else { self.0.get(plain) };
        Box::pin(async move { Ok(found) })
    }

    fn target<'a>(&'a self, path: &'a str, _most: u64) -> TufFuture<'a> {
        // Asked for only when the store's copy was looked at before.
        Box::pin(async move { Err(format!("the kept copy of `{path}` is missing, or is not what is signed for")) })
    }
}

/// No repository at all.
struct Nowhere;

impl TufRepository for Nowhere {
    fn metadata<'a>(&'a self, _name: &'a str, _most: u64) -> TufFuture<'a> {
        Box::pin(async { Ok(None) })
    }

    fn target<'a>(&'a self, _path: &'a str, _most: u64) -> TufFuture<'a> {
        Box::pin(async { Ok(None) })
    }
}

/// Files in memory answer at once, so a reading of them is over when it was asked for the first time.
fn at_once<T>(reading: impl Future<Output = Result<T, TufError>>) -> Result<T, TufError> {
    let mut reading = pin!(reading);
    match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(TufError::new("files in memory did not answer")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::root::Instance;

    #[test]
    fn names_without_their_versions() {
        for (name, plain) in [
            ("3.snapshot.json", "snapshot.json"),
            ("timestamp.json", "timestamp.json"),
            ("12.2.root.json", "2.root.json"),
            (".json", ".json"),
            ("a3.json", "a3.json"),
        ] {
            assert_eq!(unversioned(name), plain);
        }
    }

    fn sample() -> TufState {
        let instance = Instance::PublicGood;
        let files = [("timestamp.json".to_owned(), b"{}".to_vec())].into();
        let state = TufState::adopt(instance.mirror(), instance.tuf_root(), files).unwrap();
        TufState { renewed: Some(Timestamp::UNIX_EPOCH), ..state }
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let state = sample();
        assert_eq!(TufState::read(&state.write()).unwrap(), state);
        // It is no proof of anything: the timestamp in it is empty.
        assert!(state.open(Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn a_state_without_its_pinned_root_is_refused() {
        let text = String::from_utf8(sample().write()).unwrap();
        assert!(TufState::read(text.replace("\"pinned\":\"", "\"pinned\":\"AAAA").as_bytes()).is_err());
        assert!(TufState::read(text.replace("\"version\":1", "\"version\":2").as_bytes()).is_err());
        assert!(TufState::read(b"{}").is_err());
    }

    proptest! {
        #[test]
        fn a_damaged_state_is_refused_or_read(at in 0usize..20_000, byte: u8) {
            let mut bytes = sample().write();
            let length = bytes.len();
            bytes[at % length] = byte;
            if let Ok(state) = TufState::read(&bytes) {
                prop_assert!(state.open(Timestamp::UNIX_EPOCH).is_err());
            }
        }
    }
}
