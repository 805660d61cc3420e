//! What clients sent, kept in the cache: one file each under the hash of its name, with a sum over its bytes, the longest unused going first.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use signet_model::Digest;

use crate::output;

/// Most bytes that are kept.
const MOST: u64 = 2 << 30;

/// A folder of blobs.
pub(super) struct Blobs {
    folder: PathBuf,
    most: u64,
    held: Mutex<Held>,
}

/// What is in the folder, by use.
#[derive(Default)]
struct Held {
    by_name: HashMap<String, (u64, u64)>,
    by_use: BTreeMap<u64, String>,
    bytes: u64,
    uses: u64,
}

impl Held {
    fn put(&mut self, name: &str, size: u64) {
        self.remove(name);
        self.uses += 1;
        self.bytes += size;
        self.by_use.insert(self.uses, name.to_owned());
        self.by_name.insert(name.to_owned(), (self.uses, size));
    }

    fn remove(&mut self, name: &str) -> bool {
        let Some((used, size)) = self.by_name.remove(name) else { return false };
        self.by_use.remove(&used);
        self.bytes -= size;
        true
    }

    /// Whether it is held; it is in use now.
    fn touch(&mut self, name: &str) -> bool {
        let Some((_, size)) = self.by_name.get(name).copied() else { return false };
        self.put(name, size);
        true
    }
}

impl Blobs {
    /// Opens the folder, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Blobs> {
        Blobs::with_most(folder, MOST)
    }

    fn with_most(folder: &Path, most: u64) -> Result<Blobs> {
        let context = || format!("cannot use `{}` for what clients send", folder.display());
        std::fs::create_dir_all(folder).with_context(context)?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            let (Ok(about), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
            if about.is_file() && name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                found.push((about.modified().ok(), name, about.len()));
            }
        }
        found.sort();
        let mut held = Held::default();
        for (_, name, size) in found {
            held.put(&name, size);
        }
        Ok(Blobs { folder: folder.to_owned(), most, held: Mutex::new(held) })
    }

    /// Keeps a blob, and lets others go that were not used for long.
    pub(super) fn put(&self, id: &str, bytes: &[u8]) -> Result<()> {
        let size = bytes.len() as u64 + 65;
        ensure!(size <= self.most, "`{id}` is larger than all that is kept");
        let name = name(id);
        let path = self.folder.join(&name);
        let mut whole = format!("{}\n", Digest::sha256(bytes).hex()).into_bytes();
        whole.extend_from_slice(bytes);
        output::replace(&path, &whole).with_context(|| format!("cannot write `{}`", path.display()))?;
        let mut held = self.held.lock();
        held.put(&name, size);
        while held.bytes > self.most {
            let Some(oldest) = held.by_use.values().next().cloned() else { break };
            held.remove(&oldest);
            // One that is gone already takes no place either.
            let _gone = std::fs::remove_file(self.folder.join(&oldest));
        }
        Ok(())
    }

    /// Whether it is kept.
    pub(super) fn has(&self, id: &str) -> bool {
        self.held.lock().touch(&name(id))
    }

    /// A blob as it came. `None`: it is not kept, or was damaged since, and must be sent again.
    pub(super) fn get(&self, id: &str) -> Option<Vec<u8>> {
        let name = name(id);
        if !self.held.lock().touch(&name) {
            return None;
        }
        let whole = std::fs::read(self.folder.join(&name)).ok();
        let bytes = whole.and_then(|mut whole| {
            let bytes = whole.split_off(whole.len().min(65));
            (whole == format!("{}\n", Digest::sha256(&bytes).hex()).into_bytes()).then_some(bytes)
        });
        if bytes.is_none() {
            self.delete(id);
        }
        bytes
    }

    /// Lets a blob go.
    pub(super) fn delete(&self, id: &str) {
        let name = name(id);
        if self.held.lock().remove(&name) {
            let _gone = std::fs::remove_file(self.folder.join(&name));
        }
    }
}

/// Names come from clients, so no path is made of them.
fn name(id: &str) -> String {
    Digest::sha256(id.as_bytes()).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_kept_bounded_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::with_most(folder.path(), 400).unwrap();
        for id in ["../one", "two", "three"] {
            blobs.put(id, &[7; 50]).unwrap();
        }
        assert_eq!(blobs.get("../one").as_deref(), Some(&[7; 50][..]));
        // `two` was not used since.
        blobs.put("four", &[8; 60]).unwrap();
        let has = |blobs: &Blobs| ["../one", "two", "three", "four"].map(|id| blobs.has(id));
        assert_eq!(has(&blobs), [true, false, true, true]);
        assert!(blobs.put("huge", &[0; 400]).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);

        // The next server has them too, and a damaged one is sent again.
        std::fs::write(folder.path().join(name("four")), b"rubbish").unwrap();
        let blobs = Blobs::with_most(folder.path(), 400).unwrap();
        assert_eq!(has(&blobs), [true, false, true, true]);
        assert_eq!(blobs.get("four"), None);
        assert!(!blobs.has("four"));
        blobs.delete("three");
        assert_eq!(blobs.get("three"), None);
    }
}
