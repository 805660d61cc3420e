//! Writing into an OCI image layout: one program at a time changes `index.json`, and keeps what it does not understand of it.
//!
//! Blobs are named by what they hold, so any number of programs may write those. Source: OCI image-spec `image-layout.md`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use signet_oci_client::{Descriptor, Manifest, ManifestBody, media_type};

use super::layout::{KIND, Layout, REF_NAME, annotation};
use crate::output;

/// Held while `index.json` changes. It stays: a lock file that is removed is one that two programs can hold.
const LOCK: &str = ".signet-lock";
/// An index is written in milliseconds; who holds the lock for longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the lock is tried.
const STEP: Duration = Duration::from_millis(20);
/// What a layout that is being made may hold before its index.
const BEFORE_THE_INDEX: [&str; 3] = [LOCK, "blobs", "oci-layout"];

impl Layout {
    /// Opens a layout, or makes an empty one where there is nothing.
    pub(crate) fn create(root: &Path) -> Result<Layout> {
        if root.join("index.json").exists() {
            return Layout::open(root);
        }
        let made = || format!("cannot make the OCI layout `{}`", root.display());
        // Before anything is written there.
        refuse_other_things(root)?;
        std::fs::create_dir_all(root).with_context(made)?;
        let _lock = lock(root)?;
        // Somebody else may have been faster.
        if root.join("index.json").exists() {
            return Layout::open(root);
        }
        refuse_other_things(root)?;
        refuse_link(&root.join("blobs")).with_context(made)?;
        std::fs::create_dir_all(root.join("blobs")).with_context(made)?;
        refuse_link(&root.join("oci-layout")).with_context(made)?;
        output::replace(&root.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).with_context(made)?;
        let document = Map::from_iter([
            ("schemaVersion".to_owned(), 2.into()),
            ("mediaType".to_owned(), media_type::OCI_INDEX.into()),
        ]);
        let layout = Layout { root: root.to_owned(), document, entries: Vec::new(), scanned: OnceLock::new() };
        layout.save()?;
        Ok(layout)
    }

    /// Changes `index.json` as it is now, not as it was when it was opened, while nobody else does.
    pub(crate) fn change(&mut self, work: impl FnOnce(&mut Layout)) -> Result<()> {
        let _lock = lock(&self.root)?;
        let mut current = Layout::open(&self.root)?;
        work(&mut current);
        current.save()?;
        *self = current;
        Ok(())
    }

    /// Lists a manifest. `kind` is Cosign's word for what it is.
    ///
    /// A name belongs to one manifest. What had it before stays in the list without it, as other programs may mean it by its digest; but what lay under
    /// one of Cosign's tags (`replaces`) was gone with the tag in a registry too. What another program says in the manifest's entry stays there.
    pub(crate) fn list(&mut self, manifest: &Manifest, name: Option<&str>, kind: Option<&str>, replaces: bool) {
        if let Some(name) = name {
            self.release(manifest, name, replaces);
        }
        let kind = kind.map(|kind| format!("dev.cosignproject.cosign/{kind}"));
        let wanted: Vec<(&str, &str)> = [(REF_NAME, name), (KIND, kind.as_deref())]
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        self.scanned = OnceLock::new();
        // The same manifest under this name, or under none yet.
        let same = |(_, old): &&mut (Value, Descriptor)| {
            old.digest == manifest.digest && annotation(old, REF_NAME).is_none_or(|held| Some(held) == name)
        };
        if let Some((written, old)) = self.entries.iter_mut().find(same) {
            for (key, value) in wanted.into_iter().filter(|(key, _)| annotation(old, key).is_none()).collect::<Vec<_>>()
            {
                annotate(written, key, value);
                old.annotations.push((key.to_owned(), value.to_owned()));
            }
            return;
        }
        let mut entry = json!({
            "mediaType": manifest.media_type, "digest": manifest.digest.to_string(), "size": manifest.bytes.len(),
        });
        for (key, value) in &wanted {
            annotate(&mut entry, key, value);
        }
        if let ManifestBody::Image(image) = &manifest.body
            && image.subject.is_some()
            && let Some(kind) = &image.artifact_type
        {
            entry["artifactType"] = kind.as_str().into();
        }
        let read = Descriptor {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest,
            size: manifest.bytes.len() as u64,
            platform: None,
            artifact_type: None,
            annotations: wanted.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        };
        self.entries.push((entry, read));
    }

    /// Takes a name from every other manifest.
    fn release(&mut self, manifest: &Manifest, name: &str, replaces: bool) {
        let others = |old: &Descriptor| annotation(old, REF_NAME) == Some(name) && old.digest != manifest.digest;
        if replaces {
            self.entries.retain(|(_, old)| !others(old));
            return;
        }
        for (written, old) in self.entries.iter_mut().filter(|(_, old)| others(old)) {
            old.annotations.retain(|(key, _)| key != REF_NAME);
            if let Some(annotations) = written.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(REF_NAME);
            }
        }
    }

    /// Writes `index.json`, under the lock.
    fn save(&self) -> Result<()> {
        let failed = || format!("cannot write the index of {}", self.name());
        let manifests: Vec<&Value> = self.entries.iter().map(|(written, _)| written).collect();
        let mut document = self.document.clone();
        document.insert("manifests".to_owned(), json!(manifests));
        let path = self.root.join("index.json");
        refuse_link(&path).with_context(failed)?;
        output::replace(&path, Value::Object(document).to_string().as_bytes()).with_context(failed)
    }
}

fn annotate(entry: &mut Value, key: &str, value: &str) {
    let Some(members) = entry.as_object_mut() else { return };
    let annotations = members.entry("annotations").or_insert(Value::Null);
    if !annotations.is_object() {
        *annotations = Value::Object(Map::new());
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(key.to_owned(), value.into());
    }
}

/// Waits until nobody else changes the index, and keeps others out until it is dropped.
fn lock(root: &Path) -> Result<File> {
    let path = root.join(LOCK);
    let failed = || format!("cannot lock the OCI layout `{}`", root.display());
    refuse_link(&path).with_context(failed)?;
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).with_context(failed)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(err)) => return Err(err).with_context(failed),
            Err(TryLockError::WouldBlock) if waited >= PATIENCE => {
                bail!("another program has held `{}` for {} s", path.display(), PATIENCE.as_secs())
            }
            Err(TryLockError::WouldBlock) => {
                std::thread::sleep(STEP);
                waited = waited.saturating_add(STEP);
            }
        }
    }
}

/// An existing directory without an index is only made a layout when nothing of somebody else's is in it.
fn refuse_other_things(root: &Path) -> Result<()> {
    let listing = match std::fs::read_dir(root) {
        Ok(listing) => listing,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(err).with_context(|| format!("cannot make the OCI layout `{}`", root.display())),
    };
    for entry in listing {
        let name = entry.with_context(|| format!("cannot list `{}`", root.display()))?.file_name();
        // `output::replace` writes beside what it replaces.
        let ours = BEFORE_THE_INDEX.iter().any(|known| name == *known) || name.to_string_lossy().starts_with(".tmp");
        ensure!(ours, "`{}` holds something else, and no OCI layout: give an empty or a new directory", root.display());
    }
    Ok(())
}

/// A link would lead a write to wherever whoever made the directory wants. Whoever may change the directory while we write in it can do worse anyhow.
pub(super) fn refuse_link(path: &Path) -> Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink() => {
            bail!("`{}` is a symbolic link, through which nothing is written", path.display())
        }
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot look at `{}`", path.display()))
        }
        _ => Ok(()),
    }
}
