//! An OCI image layout in a directory as a place of images with all that lies beside them: reading. Writing is `layout_write`.
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
use serde_json::{Map, Value};
use signet_model::Digest;
use signet_oci_client::{Bytes, Descriptor, Manifest, ManifestBody};

use super::blobs::{Blobs, open};
use crate::verify::discover::tag;

/// Entries of `index.json`, and files among the blobs, that are looked at.
const MAX_ENTRIES: usize = 100_000;
/// Bytes of a manifest.
const MAX_MANIFEST: u64 = 4 << 20;
/// Bytes of all blobs that are read to find out what refers to an image.
const MAX_SCANNED: u64 = 256 << 20;

pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(super) const KIND: &str = "kind";

/// A layout.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(super) root: PathBuf,
    /// Manifests with a subject among the blobs, once they were looked for.
    pub(super) scanned: OnceLock<Vec<Manifest>>,
    /// `index.json` as it is written, but for its `manifests`.
    pub(super) document: Map<String, Value>,
    /// `manifests` of `index.json`: each entry as it is written, and as it is read.
    pub(super) entries: Vec<(Value, Descriptor)>,
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
        let mut document: Map<String, Value> = serde_json::from_slice(&bytes).with_context(not)?;
        let written = match document.remove("manifests") {
            Some(Value::Array(written)) => written,
            _ => Vec::new(),
        };
        ensure!(
            index.manifests.len() <= MAX_ENTRIES,
            "`index.json` of OCI layout `{shown}` has more than {MAX_ENTRIES} entries"
        );
        Ok(Layout {
            root: root.to_owned(),
            document,
            entries: written.into_iter().zip(index.manifests).collect(),
            scanned: OnceLock::new(),
        })
    }

    /// The directory.
    pub(crate) fn name(&self) -> String {
        format!("OCI layout `{}`", self.root.display())
    }

    /// The blobs alone, which can be written while the index is not.
    pub(crate) fn blobs(&self) -> Blobs {
        Blobs::of(&self.root)
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
            let found = images.iter().filter(|(_, entry)| named(entry) == Some(true)).map(|(_, entry)| entry.digest);
            return self
                .only(found, &format!("the name `{wanted}`"))?
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
        let by_name = self.entries.iter().filter(|(_, entry)| {
            annotation(entry, REF_NAME).is_some_and(|found| found == name || found.ends_with(&format!(":{name}")))
        });
        if let Some(digest) = self.only(by_name.map(|(_, entry)| entry.digest), &format!("the name `{name}`"))? {
            return self.manifest(&digest).map(Some);
        }
        // Cosign's own layouts hold one image, and say what is its signature only by the kind.
        let alone = self.entries.iter().filter(|(_, entry)| is_image(entry)).count() == 1
            && self.entries.iter().any(|(_, entry)| is_image(entry) && entry.digest == *image);
        if !alone {
            return Ok(None);
        }
        let kind = format!("dev.cosignproject.cosign/{suffix}s");
        let by_kind = self.entries.iter().filter(|(_, entry)| annotation(entry, KIND) == Some(&kind));
        let Some(digest) = self.only(by_kind.map(|(_, entry)| entry.digest), &format!("the kind `{kind}`"))? else {
            return Ok(None);
        };
        self.manifest(&digest).map(Some)
    }

    /// The one manifest of these entries. Two of one name would mean whichever somebody put first.
    fn only(&self, found: impl Iterator<Item = Digest>, what: &str) -> Result<Option<Digest>> {
        let found: Vec<Digest> = found.collect::<BTreeSet<_>>().into_iter().collect();
        match found.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            [one, two, ..] => Err(crate::hint(
                anyhow!(
                    "`index.json` of {} gives {what} to {} manifests, {one} and {two} among them",
                    self.name(),
                    found.len()
                ),
                "say which one is meant by its digest: DIR@DIGEST",
            )),
        }
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

pub(super) fn annotation<'a>(entry: &'a Descriptor, key: &str) -> Option<&'a str> {
    entry.annotations.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
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
