//! An OCI image layout in a directory as a place of images with all that lies beside them, for reading and for writing.
//!
//! What refers to an image is found by looking through the blobs: Cosign 3 lists referrers nowhere, ORAS and we list them in `index.json`, and all of
//! them keep the manifest as a blob. Cosign's tags are entries with the annotation `kind`, or with the tag as `org.opencontainers.image.ref.name`.
//! Sources: OCI image-spec `image-layout.md`; sigstore/cosign `pkg/oci/layout`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use serde_json::{Value, json};
use signet_model::{Digest, Hasher};
use signet_oci_client::{Bytes, Descriptor, Manifest, ManifestBody, media_type};

use crate::output;
use crate::verify::discover::tag;

/// Entries of `index.json`, and files among the blobs, that are looked at.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of a manifest.
const MAX_MANIFEST: u64 = 4 << 20;
/// Bytes of all blobs that are read to find out what refers to an image.
const MAX_SCANNED: u64 = 256 << 20;

pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
const KIND: &str = "kind";

/// The blobs of a layout.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: PathBuf,
}

/// A layout.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    /// Manifests with a subject among the blobs, once they were looked for.
    scanned: OnceLock<Vec<Manifest>>,
    /// `manifests` of `index.json`: each entry as it is written, and as it is read.
    entries: Vec<(Value, Descriptor)>,
}

impl Layout {
    /// Opens a layout.
    pub(crate) fn open(root: &Path) -> Result<Layout> {
        let shown = root.display();
        let not = || format!("`{shown}` is no OCI image layout");
        let version = read(&root.join("oci-layout"), 64 << 10).with_context(not)?;
        let version: Value = serde_json::from_slice(&version).with_context(not)?;
        let version = version.get("imageLayoutVersion").and_then(Value::as_str).unwrap_or_default();
        ensure!(
            version.starts_with("1."),
            "the OCI image layout `{shown}` is of a version that is not known: `{version}`"
        );
        let bytes = Bytes::from(read(&root.join("index.json"), MAX_MANIFEST).with_context(not)?);
        let index = Manifest::of(bytes.clone(), None, &format!("read the index of OCI layout `{shown}`"))?;
        let ManifestBody::Index(index) = index.body else { bail!("`index.json` of OCI layout `{shown}` is no index") };
        let document: Value = serde_json::from_slice(&bytes).with_context(not)?;
        let written = document.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default();
        ensure!(
            index.manifests.len() <= MAX_ENTRIES,
            "`index.json` of OCI layout `{shown}` has more than {MAX_ENTRIES} entries"
        );
        Ok(Layout {
            root: root.to_owned(),
            entries: written.into_iter().zip(index.manifests).collect(),
            scanned: OnceLock::new(),
        })
    }

    /// Opens a layout, or makes an empty one where there is nothing.
    pub(crate) fn create(root: &Path) -> Result<Layout> {
        if root.join("index.json").exists() {
            return Layout::open(root);
        }
        let made = || format!("cannot make the OCI layout `{}`", root.display());
        let empty = !root.exists() || std::fs::read_dir(root).with_context(made)?.next().is_none();
        ensure!(
            empty,
            "`{}` holds something else, and no OCI layout: give an empty or a new directory",
            root.display()
        );
        std::fs::create_dir_all(root.join("blobs")).with_context(made)?;
        output::replace(&root.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).with_context(made)?;
        let layout = Layout { root: root.to_owned(), entries: Vec::new(), scanned: OnceLock::new() };
        layout.save()?;
        Ok(layout)
    }

    /// The directory.
    pub(crate) fn name(&self) -> String {
        format!("OCI layout `{}`", self.root.display())
    }

    /// The blobs alone, which can be written while the index is not.
    pub(crate) fn blobs(&self) -> Blobs {
        Blobs { root: self.root.clone() }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().path(digest)
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// A blob from its start. It is as good as whoever reads it checks.
    pub(crate) fn open_blob(&self, digest: &Digest) -> Result<File> {
        self.blobs().open(digest)
    }

    /// A blob of at most `most` bytes, held against its digest.
    pub(crate) fn blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>> {
        let bytes =
            read(&self.path(digest), most).with_context(|| format!("cannot read blob {digest} of {}", self.name()))?;
        let found = Digest::of(digest.algorithm(), &bytes);
        ensure!(found == *digest, "blob {digest} of {} holds other bytes: they hash to {found}", self.name());
        Ok(bytes)
    }

    /// A manifest, held against its digest.
    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        let bytes = self.blob(digest, MAX_MANIFEST)?;
        Ok(Manifest::of(bytes.into(), Some(digest), &format!("read manifest {digest} of {}", self.name()))?)
    }

    /// The image that is meant: by tag or digest, or the only one.
    pub(crate) fn image(&self, wanted: Option<&str>) -> Result<Digest> {
        let images: Vec<&(Value, Descriptor)> = self.entries.iter().filter(|(_, entry)| is_image(entry)).collect();
        if let Some(wanted) = wanted {
            if let Ok(digest) = wanted.parse::<Digest>() {
                ensure!(self.has(&digest), "{} holds no {digest}", self.name());
                return Ok(digest);
            }
            let named = |entry: &Descriptor| {
                let name = annotation(entry, REF_NAME)?;
                Some(
                    name == wanted || name.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted && !tag.contains('/')),
                )
            };
            let found = images.iter().find(|(_, entry)| named(entry) == Some(true));
            return found
                .map(|(_, entry)| entry.digest)
                .ok_or_else(|| anyhow!("{} holds no image with the tag `{wanted}`", self.name()));
        }
        let mut found: Vec<Digest> = images.iter().map(|(_, entry)| entry.digest).collect();
        found.sort();
        found.dedup();
        // Referrers that are listed beside their images are images of their own by their form alone.
        if found.len() > 1 {
            found.retain(|digest| self.manifest(digest).is_ok_and(|manifest| subject_of(&manifest).is_none()));
        }
        match found.as_slice() {
            [only] => Ok(*only),
            [] => bail!("{} holds no image", self.name()),
            _ => {
                bail!("{} holds several images: say which one by `:TAG` or `@DIGEST` after the directory", self.name())
            }
        }
    }

    /// The manifest that one of Cosign's tags (`sig`, `att`, `sbom`) holds for an image.
    pub(crate) fn tagged(&self, image: &Digest, suffix: &str) -> Result<Option<Manifest>> {
        let name = tag(image, suffix);
        let by_name = self.entries.iter().find(|(_, entry)| {
            annotation(entry, REF_NAME).is_some_and(|found| found == name || found.ends_with(&format!(":{name}")))
        });
        // Cosign's own layouts hold one image, and say what is its signature only by the kind.
        let kind = format!("dev.cosignproject.cosign/{suffix}s");
        let alone = self.entries.iter().filter(|(_, entry)| is_image(entry)).count() == 1
            && self.entries.iter().any(|(_, entry)| is_image(entry) && entry.digest == *image);
        let by_kind = || {
            let mut found = self.entries.iter().filter(|(_, entry)| annotation(entry, KIND) == Some(&kind));
            found.next().filter(|_| alone)
        };
        let Some((_, entry)) = by_name.or_else(by_kind) else { return Ok(None) };
        self.manifest(&entry.digest).map(Some)
    }

    /// All manifests among the blobs whose subject is this one, in the order of their digests.
    pub(crate) fn referrers(&self, subject: &Digest) -> Result<Vec<Manifest>> {
        let all = match self.scanned.get() {
            Some(all) => all,
            None => {
                let all = self.scan()?;
                self.scanned.get_or_init(|| all)
            }
        };
        let about = |manifest: &&Manifest| subject_of(manifest).is_some_and(|found| found.digest == *subject);
        Ok(all.iter().filter(about).cloned().collect())
    }

    fn scan(&self) -> Result<Vec<Manifest>> {
        let mut found = Vec::new();
        let mut scanned = 0u64;
        let mut missing: BTreeSet<Digest> = self.entries.iter().map(|(_, entry)| entry.digest).collect();
        for algorithm in ["sha256", "sha384", "sha512"] {
            let folder = self.root.join("blobs").join(algorithm);
            let listing = match std::fs::read_dir(&folder) {
                Ok(listing) => listing,
                Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
                Err(err) => return Err(err).with_context(|| format!("cannot list the blobs of {}", self.name())),
            };
            let mut digests: Vec<Digest> = Vec::new();
            for entry in listing {
                let entry = entry.with_context(|| format!("cannot list the blobs of {}", self.name()))?;
                let Ok(digest) = format!("{algorithm}:{}", entry.file_name().to_string_lossy()).parse() else {
                    continue;
                };
                digests.push(digest);
                ensure!(digests.len() <= MAX_ENTRIES, "{} has more than {MAX_ENTRIES} blobs", self.name());
            }
            digests.sort();
            for digest in digests {
                let begins = may_be_manifest(&self.path(&digest))
                    .with_context(|| format!("cannot read blob {digest} of {}", self.name()))?;
                // What the index lists is a manifest, whatever it looks like.
                let length = match (begins, missing.remove(&digest)) {
                    (Some(length), _) => length,
                    (None, true) => MAX_MANIFEST,
                    (None, false) => continue,
                };
                scanned = scanned.saturating_add(length);
                ensure!(
                    scanned <= MAX_SCANNED,
                    "the blobs of {} that may be manifests are larger than {MAX_SCANNED} bytes",
                    self.name()
                );
                // Most blobs are no manifests, and are none of our business here. Other bytes than the name says may have been one.
                let bytes = Bytes::from(self.blob(&digest, MAX_MANIFEST)?);
                let Ok(manifest) = Manifest::of(bytes, Some(&digest), "read a blob") else { continue };
                if subject_of(&manifest).is_some() {
                    found.push(manifest);
                }
            }
        }
        if let Some(digest) = missing.first() {
            bail!("`index.json` of {} lists {digest}, which is not there", self.name());
        }
        Ok(found)
    }

    /// Lists a manifest in `index.json`, in the place of what had its name before, or once if it has none. `kind` is Cosign's word for what it is.
    pub(crate) fn list(&mut self, manifest: &Manifest, name: Option<&str>, kind: Option<&str>) {
        let mut entry = json!({
            "mediaType": manifest.media_type, "digest": manifest.digest.to_string(), "size": manifest.bytes.len(),
        });
        if let Some(name) = name {
            entry["annotations"][REF_NAME] = name.into();
        }
        if let Some(kind) = kind {
            entry["annotations"][KIND] = format!("dev.cosignproject.cosign/{kind}").into();
        }
        if let ManifestBody::Image(image) = &manifest.body
            && image.subject.is_some()
            && let Some(kind) = &image.artifact_type
        {
            entry["artifactType"] = kind.as_str().into();
        }
        self.entries.retain(|(_, old)| match name {
            Some(name) => annotation(old, REF_NAME) != Some(name),
            None => old.digest != manifest.digest || annotation(old, REF_NAME).is_some(),
        });
        let read = Descriptor {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest,
            size: manifest.bytes.len() as u64,
            platform: None,
            artifact_type: None,
            annotations: name
                .map(|name| (REF_NAME.to_owned(), name.to_owned()))
                .into_iter()
                .chain(kind.map(|kind| (KIND.to_owned(), format!("dev.cosignproject.cosign/{kind}"))))
                .collect(),
        };
        self.entries.push((entry, read));
        self.scanned = OnceLock::new();
    }

    /// Writes `index.json`.
    pub(crate) fn save(&self) -> Result<()> {
        let manifests: Vec<&Value> = self.entries.iter().map(|(written, _)| written).collect();
        let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests});
        output::replace(&self.root.join("index.json"), index.to_string().as_bytes())
            .with_context(|| format!("cannot write the index of {}", self.name()))
    }
}

impl Blobs {
    fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// A blob from its start, unchecked.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File> {
        open(&self.path(digest))
            .with_context(|| format!("cannot read blob {digest} of OCI layout `{}`", self.root.display()))
    }

    /// Whether a blob is there, with the bytes that its name says: a write that broke off, or a disk, may have left others.
    pub(crate) fn holds(&self, digest: &Digest) -> Result<bool> {
        let path = self.path(digest);
        if !path.is_file() {
            return Ok(false);
        }
        let mut file = self.open(digest)?;
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; 256 << 10];
        loop {
            let length =
                file.read(&mut buffer).with_context(|| format!("cannot read blob {digest} in `{}`", path.display()))?;
            if length == 0 {
                return Ok(hasher.finish() == *digest);
            }
            hasher.update(buffer.get(..length).unwrap_or_default());
        }
    }

    /// Writes a blob; other bytes than the digest says are not kept.
    pub(crate) fn put(&self, digest: &Digest, mut from: impl Read) -> Result<()> {
        if self.holds(digest)? {
            return Ok(());
        }
        let path = self.path(digest);
        let failed = || format!("cannot write blob {digest} of OCI layout `{}`", self.root.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(failed)?;
        }
        output::replace_with(&path, |sink| {
            let mut hasher = Hasher::new(digest.algorithm());
            let mut buffer = vec![0; 256 << 10];
            loop {
                let length = from.read(&mut buffer)?;
                if length == 0 {
                    break;
                }
                let bytes = buffer.get(..length).unwrap_or_default();
                hasher.update(bytes);
                sink.write_all(bytes)?;
            }
            let found = hasher.finish();
            if found == *digest {
                Ok(())
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidData, format!("its bytes hash to {found}")))
            }
        })
        .with_context(failed)
    }
}

/// `DIR`, `DIR:TAG` or `DIR@DIGEST`. A directory of that name goes before.
pub(crate) fn split(text: &str) -> (&Path, Option<&str>) {
    if Path::new(text).is_dir() {
        return (Path::new(text), None);
    }
    if let Some((folder, digest)) = text.split_once('@') {
        return (Path::new(folder), Some(digest));
    }
    match text.rsplit_once(':') {
        Some((folder, tag)) if !tag.contains('/') => (Path::new(folder), Some(tag)),
        _ => (Path::new(text), None),
    }
}

/// The manifest that a manifest is about.
pub(crate) fn subject_of(manifest: &Manifest) -> Option<&Descriptor> {
    match &manifest.body {
        ManifestBody::Image(image) => image.subject.as_ref(),
        ManifestBody::Index(index) => index.subject.as_ref(),
    }
}

/// Whether an entry may be an image: no signature or attestation of Cosign's, by kind or by tag, and no list of referrers.
fn is_image(entry: &Descriptor) -> bool {
    let kind = annotation(entry, KIND).and_then(|kind| kind.strip_prefix("dev.cosignproject.cosign/"));
    let name = annotation(entry, REF_NAME).map(|name| name.rsplit_once(':').map_or(name, |(_, tag)| tag));
    let beside = name.is_some_and(|name| name.starts_with("sha256-") || name.starts_with("sha512-"));
    !beside && kind.is_none_or(|kind| kind == "image" || kind == "imageIndex") && entry.artifact_type.is_none()
}

fn annotation<'a>(entry: &'a Descriptor, key: &str) -> Option<&'a str> {
    entry.annotations.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
}

/// Opens a regular file; a pipe in its place would wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file"));
    }
    File::open(path)
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = || format!("cannot read `{}`", path.display());
    let mut bytes = Vec::new();
    open(path).with_context(failed)?.take(most.saturating_add(1)).read_to_end(&mut bytes).with_context(failed)?;
    ensure!(bytes.len() as u64 <= most, "`{}` is larger than {most} bytes", path.display());
    Ok(bytes)
}

/// The length of a file that is small enough for a manifest and begins as one, after blanks.
fn may_be_manifest(path: &Path) -> io::Result<Option<u64>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > MAX_MANIFEST {
        return Ok(None);
    }
    for byte in io::BufReader::with_capacity(512, file).bytes() {
        match byte? {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            byte => return Ok((byte == b'{').then_some(length)),
        }
    }
    Ok(None)
}
