//! An image with all that lies beside it, from one place to another: registries and layouts, byte for byte.
//!
//! ```text
//!   place + reference ─▶ gather (image, platforms, tags, referrers, and what lies beside those) ─▶ Cargo ─▶ put (blobs, manifests, tags) ─▶ read back
//! ```
//!
//! Nothing is verified but digests: who signed is another question.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::sync::mpsc;

use anyhow::{Context as _, Result, bail, ensure};
use parking_lot::Mutex;
use serde_json::Value;
use signet_model::{Digest, ImageRef};
use signet_oci_client::{
    BlobSource, BlockingClient, Descriptor, ErrorKind, ImageManifest, Manifest, ManifestBody, media_type,
};

use super::layout::{Layout, subject_of};
use crate::verify::discover::{repository_at, tag};

/// Manifests that belong to one image, its platforms and all beside them.
const MAX_MANIFESTS: usize = 10_000;
/// Bytes of them.
const MAX_BYTES: usize = 256 << 20;
/// Things beside things beside an image.
const MAX_DEPTH: usize = 6;
/// Blobs that travel at once.
const WORKERS: usize = 4;

/// Where images lie.
pub(crate) enum Place {
    /// A repository.
    Registry { client: BlockingClient, repository: ImageRef },
    /// A directory.
    Layout(Mutex<Layout>),
}

/// Bytes of a blob that are read at once, and how many such pieces are read ahead.
const CHUNK: u64 = 256 << 10;
const READ_AHEAD: usize = 4;

/// What a manifest is in a cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Part of the image: a platform, or the image itself, which is the last.
    Image,
    /// Under one of Cosign's tags of this manifest.
    Tag { of: Digest, suffix: &'static str },
    /// Beside this manifest, by its subject.
    Referrer { of: Digest },
}

/// One manifest on its way.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) manifest: Manifest,
    pub(crate) role: Role,
}

/// An image with what lies beside it; children before parents, the image before what is beside it.
#[derive(Debug)]
pub(crate) struct Cargo {
    pub(crate) root: Digest,
    pub(crate) items: Vec<Item>,
}

/// What of the things beside an image is taken along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(crate) enum Only {
    /// Signatures.
    #[value(alias = "signature")]
    Sig,
    /// Attestations.
    #[value(alias = "attestation")]
    Att,
    /// SBOMs.
    Sbom,
}

impl Place {
    fn manifest(&self, digest: &Digest) -> Result<Manifest> {
        match self {
            Place::Registry { client, repository } => Ok(client.manifest(&repository.at(*digest))?),
            Place::Layout(layout) => layout.lock().manifest(digest),
        }
    }

    fn tagged(&self, of: &Digest, suffix: &str) -> Result<Option<Manifest>> {
        match self {
            Place::Registry { client, repository } => {
                match client.manifest(&repository_at(repository, Some(&tag(of, suffix)), None)?) {
                    Ok(manifest) => Ok(Some(manifest)),
                    Err(err) if err.kind == ErrorKind::NotFound => Ok(None),
                    Err(err) => Err(err.into()),
                }
            }
            Place::Layout(layout) => layout.lock().tagged(of, suffix),
        }
    }

    fn referrers(&self, of: &Digest) -> Result<Vec<Manifest>> {
        match self {
            Place::Registry { client, repository } => {
                let mut digests: Vec<Digest> =
                    client.referrers(repository, of, None)?.into_iter().map(|entry| entry.digest).collect();
                digests.sort();
                digests.dedup();
                ensure!(digests.len() <= MAX_MANIFESTS, "more than {MAX_MANIFESTS} manifests refer to {of}");
                digests.iter().map(|digest| self.manifest(digest)).collect()
            }
            Place::Layout(layout) => layout.lock().referrers(of),
        }
    }

    pub(crate) fn blob(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>> {
        match self {
            Place::Registry { client, repository } => {
                Ok(Box::new(client.blob(repository, &blob.digest, Some(blob.size))?))
            }
            Place::Layout(layout) => Ok(Box::new(layout.lock().open_blob(&blob.digest)?)),
        }
    }

    /// What opens a blob later, on another thread.
    fn opener(&self, blob: &Descriptor) -> Open {
        let (digest, size) = (blob.digest, blob.size);
        match self {
            Place::Registry { client, repository } => {
                let (client, repository) = (client.clone(), repository.clone());
                Box::new(move || Ok(Box::new(client.blob(&repository, &digest, Some(size))?)))
            }
            Place::Layout(layout) => {
                let blobs = layout.lock().blobs();
                Box::new(move || Ok(Box::new(blobs.open(&digest)?)))
            }
        }
    }

    /// Everything that belongs to the image `root`. `only` chooses among the things beside it; empty takes all of them.
    pub(crate) fn gather(&self, root: Manifest, only: &[Only]) -> Result<Cargo> {
        let mut cargo = Cargo { root: root.digest, items: Vec::new() };
        let mut seen = HashSet::new();
        let mut bytes = 0usize;
        self.image(root, 0, &mut seen, &mut bytes, &mut cargo.items)?;
        let mut from = 0;
        for depth in 0.. {
            let to = cargo.items.len();
            if from == to {
                break;
            }
            ensure!(depth < MAX_DEPTH, "things lie beside things beside the image more than {MAX_DEPTH} deep");
            // What is under a tag has nothing beside it that anybody looks for.
            let subjects: Vec<Digest> =
                cargo.items.get(from..to).unwrap_or_default().iter().map(|item| item.manifest.digest).collect();
            from = to;
            for of in subjects {
                for (suffix, kind) in [("sig", Only::Sig), ("att", Only::Att), ("sbom", Only::Sbom)] {
                    if (only.is_empty() || only.contains(&kind))
                        && let Some(manifest) = self.tagged(&of, suffix)?
                    {
                        keep(manifest, Role::Tag { of, suffix }, &mut seen, &mut bytes, &mut cargo.items)?;
                    }
                }
                for manifest in self.referrers(&of)? {
                    ensure!(
                        subject_of(&manifest).is_some_and(|subject| subject.digest == of),
                        "{} is listed as referring to {of} and does not",
                        manifest.digest
                    );
                    if only.is_empty() || kind_of(&manifest).is_some_and(|kind| only.contains(&kind)) {
                        if let ManifestBody::Index(index) = &manifest.body {
                            for child in index.manifests.clone() {
                                let child = self.manifest(&child.digest)?;
                                self.image(child, 1, &mut seen, &mut bytes, &mut cargo.items)?;
                            }
                        }
                        keep(manifest, Role::Referrer { of }, &mut seen, &mut bytes, &mut cargo.items)?;
                    }
                }
            }
        }
        Ok(cargo)
    }

    /// A manifest and, before it, those that it lists.
    fn image(
        &self,
        manifest: Manifest,
        depth: usize,
        seen: &mut HashSet<(Digest, bool)>,
        bytes: &mut usize,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        ensure!(depth < MAX_DEPTH, "the indexes of the image lie more than {MAX_DEPTH} deep in each other");
        if seen.contains(&(manifest.digest, false)) {
            return Ok(());
        }
        if let ManifestBody::Index(index) = &manifest.body {
            for child in &index.manifests {
                let read = self
                    .manifest(&child.digest)
                    .with_context(|| format!("the image's index names {}, which cannot be read", child.digest))?;
                self.image(read, depth + 1, seen, bytes, items)?;
            }
        }
        keep(manifest, Role::Image, seen, bytes, items)
    }

    /// Brings a cargo here, and the image under `name`. `from` is where its blobs are. `force` lets a tag that holds something else move.
    ///
    /// Gives how many manifests were put.
    pub(crate) fn put(&self, cargo: &Cargo, from: &Place, name: Option<&str>, force: bool) -> Result<usize> {
        if let Place::Registry { client, repository } = self
            && !force
        {
            refuse_to_move(client, repository, cargo, name)?;
        }
        self.blobs(cargo, from)?;
        match self {
            Place::Registry { client, repository } => {
                for Item { manifest, role } in &cargo.items {
                    let bytes = manifest.bytes.clone();
                    match role {
                        Role::Image => {
                            let place = repository.at(manifest.digest);
                            client.push_manifest(&place, &manifest.media_type, bytes)?;
                        }
                        Role::Tag { of, suffix } => {
                            let place = repository_at(repository, Some(&tag(of, suffix)), None)?;
                            client.push_manifest(&place, &manifest.media_type, bytes)?;
                        }
                        Role::Referrer { of } => {
                            client.attach_manifest(repository, of, &listed(manifest), bytes)?;
                        }
                    }
                }
                let root = cargo.root()?;
                let place = match name {
                    Some(name) => repository_at(repository, Some(name), None)?,
                    None => repository.at(cargo.root),
                };
                client.push_manifest(&place, &root.media_type, root.bytes.clone())?;
                let back = client.manifest(&place).with_context(|| format!("cannot read `{place}` back"))?;
                ensure!(
                    back.digest == cargo.root && back.bytes == root.bytes,
                    "`{place}` holds {} after {} was written: somebody else writes there",
                    back.digest,
                    cargo.root
                );
            }
            Place::Layout(layout) => {
                let mut layout = layout.lock();
                for Item { manifest, .. } in &cargo.items {
                    layout.blobs().put(&manifest.digest, manifest.bytes.as_ref())?;
                }
                let root = cargo.root()?;
                layout.change(|layout| {
                    for Item { manifest, role } in &cargo.items {
                        match role {
                            Role::Image => {}
                            Role::Tag { of, suffix } => {
                                layout.list(manifest, Some(&tag(of, suffix)), Some(&format!("{suffix}s")), true);
                            }
                            Role::Referrer { .. } => layout.list(manifest, None, None, false),
                        }
                    }
                    let kind = if matches!(root.body, ManifestBody::Index(_)) { "imageIndex" } else { "image" };
                    layout.list(root, name, Some(kind), false);
                })?;
            }
        }
        Ok(cargo.items.len())
    }

    /// All blobs, a few at a time, each once.
    fn blobs(&self, cargo: &Cargo, from: &Place) -> Result<()> {
        let mut blobs: BTreeMap<Digest, &Descriptor> = BTreeMap::new();
        for item in &cargo.items {
            let ManifestBody::Image(image) = &item.manifest.body else { continue };
            blobs.extend(blobs_of(image).map(|blob| (blob.digest, blob)));
        }
        let queue = Mutex::new(blobs.into_values());
        let next = || queue.lock().next();
        let work = || -> Result<()> {
            while let Some(blob) = next() {
                self.blob_from(blob, from).with_context(|| format!("cannot copy blob {}", blob.digest))?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(_) => bail!("a thread that copied blobs broke"),
            })
        })
    }

    fn blob_from(&self, blob: &Descriptor, from: &Place) -> Result<()> {
        match self {
            Place::Registry { client, repository } => {
                let (neighbour, same) = match from {
                    Place::Registry { repository: source, .. } if source.registry() == repository.registry() => {
                        (Some(source.repository()), source.repository() == repository.repository())
                    }
                    _ => (None, false),
                };
                if same || client.blob_head(repository, &blob.digest)?.is_some() {
                    return Ok(());
                }
                let mut bytes = Lazy::new(from.opener(blob));
                client.push_blob(repository, &blob.digest, blob.size, neighbour, BlobSource::Stream(&mut bytes))?;
                Ok(())
            }
            Place::Layout(layout) => {
                let blobs = layout.lock().blobs();
                if blobs.holds(&blob.digest)? {
                    return Ok(());
                }
                let bytes = from.blob(blob)?.take(blob.size.saturating_add(1));
                blobs.put(&blob.digest, bytes)
            }
        }
    }
}

impl Cargo {
    pub(crate) fn root(&self) -> Result<&Manifest> {
        let root = self.items.iter().find(|item| item.role == Role::Image && item.manifest.digest == self.root);
        root.map(|item| &item.manifest).context("the image itself is not there")
    }
}

type Open = Box<dyn FnOnce() -> Result<Box<dyn Read + Send>> + Send>;

/// A blob that is opened when it is needed: what is mounted is never read. It is read on a thread of its own, because whoever pushes reads inside the
/// client's runtime, where its own readers may not wait.
struct Lazy {
    open: Option<Open>,
    chunks: Option<mpsc::Receiver<io::Result<Vec<u8>>>>,
    chunk: io::Cursor<Vec<u8>>,
}

impl Lazy {
    fn new(open: Open) -> Lazy {
        Lazy { open: Some(open), chunks: None, chunk: io::Cursor::default() }
    }
}

impl Read for Lazy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(open) = self.open.take() {
            let (sender, chunks) = mpsc::sync_channel(READ_AHEAD);
            std::thread::Builder::new().name("signet-copy".to_owned()).spawn(move || pump(open, &sender))?;
            self.chunks = Some(chunks);
        }
        loop {
            let length = self.chunk.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            // The end of the thread is the end of the blob: it says before what went wrong.
            match self.chunks.as_ref().and_then(|chunks| chunks.recv().ok()) {
                Some(chunk) => self.chunk = io::Cursor::new(chunk?),
                None => return Ok(0),
            }
        }
    }
}

/// Reads to the end or to the first error. A receiver that went away needs nothing more.
fn pump(open: Open, sender: &mpsc::SyncSender<io::Result<Vec<u8>>>) {
    let read = || -> io::Result<()> {
        let mut reader = open().map_err(|err| io::Error::other(format!("{err:#}")))?;
        loop {
            let mut chunk = Vec::new();
            reader.by_ref().take(CHUNK).read_to_end(&mut chunk)?;
            if chunk.is_empty() || sender.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
    };
    if let Err(err) = read() {
        let _gone = sender.send(Err(err));
    }
}

fn keep(
    manifest: Manifest,
    role: Role,
    seen: &mut HashSet<(Digest, bool)>,
    bytes: &mut usize,
    items: &mut Vec<Item>,
) -> Result<()> {
    // The same manifest may lie under several tags, and be an image besides.
    let beside = role != Role::Image;
    let again = items.iter().any(|item| item.manifest.digest == manifest.digest && item.role == role);
    if again || (!seen.insert((manifest.digest, beside)) && !beside) {
        return Ok(());
    }
    *bytes = bytes.saturating_add(manifest.bytes.len());
    ensure!(items.len() < MAX_MANIFESTS, "more than {MAX_MANIFESTS} manifests belong to the image");
    ensure!(*bytes <= MAX_BYTES, "the manifests that belong to the image are larger than {MAX_BYTES} bytes together");
    items.push(Item { manifest, role });
    Ok(())
}

/// Configuration and layers, but for those that lie elsewhere by their type and are nobody's to pass on.
fn blobs_of(image: &ImageManifest) -> impl Iterator<Item = &Descriptor> {
    std::iter::once(&image.config).chain(&image.layers).filter(|blob| {
        !blob.media_type.contains("nondistributable")
            && blob.media_type != "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    })
}

/// What a list of referrers says about a manifest. Source: OCI distribution-spec, "Listing Referrers".
pub(crate) fn listed(manifest: &Manifest) -> Descriptor {
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or(Value::Null);
    let annotations = document.get("annotations").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let own = document.get("artifactType").and_then(text).filter(|kind| !kind.is_empty());
    let config = || document.get("config").and_then(|config| config.get("mediaType")).and_then(text);
    Descriptor {
        media_type: manifest.media_type.clone(),
        digest: manifest.digest,
        size: manifest.bytes.len() as u64,
        platform: None,
        artifact_type: own.or_else(config),
        annotations: annotations
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), text(value)?)))
            .collect(),
    }
}

/// What a referrer seems to be, by what it says of itself; `None` for what is none of the three.
pub(crate) fn kind_of(manifest: &Manifest) -> Option<Only> {
    let entry = listed(manifest);
    let says = |key: &str| entry.annotations.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str());
    let kind = entry.artifact_type.as_deref().unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if is(&["notary.signature", "cosign.artifact.sig"])
        || says("dev.sigstore.bundle.content") == Some("message-signature")
        || says("dev.sigstore.bundle.predicateType") == Some(crate::verify::judge::SIGNED)
    {
        return Some(Only::Sig);
    }
    if is(&["sigstore.bundle", "in-toto", "dsse"]) {
        return Some(Only::Att);
    }
    is(&["spdx", "cyclonedx", "syft", "sbom"]).then_some(Only::Sbom)
}

/// Tags that hold something else stay as they are, and nothing is written at all.
fn refuse_to_move(client: &BlockingClient, repository: &ImageRef, cargo: &Cargo, name: Option<&str>) -> Result<()> {
    let tags = cargo.items.iter().filter_map(|item| match &item.role {
        Role::Tag { of, suffix } => Some((tag(of, suffix), item.manifest.digest)),
        _ => None,
    });
    for (name, digest) in tags.chain(name.map(|name| (name.to_owned(), cargo.root))) {
        let place = repository_at(repository, Some(&name), None)?;
        // What is there is read, not asked for by HEAD: its digest must not depend on a header.
        match client.manifest(&place) {
            Ok(there) if there.digest != digest => {
                let err = anyhow::anyhow!("`{place}` holds {} already, which is something else", there.digest);
                return Err(crate::hint(err, "`--force` writes over it; what it held beside stays under its digest"));
            }
            Ok(_) => {}
            Err(err) if err.kind == ErrorKind::NotFound => {}
            Err(err) => return Err(err.into()),
        }
    }
    Ok(())
}

/// Whether a manifest is a list of images.
pub(crate) fn is_index(manifest: &Manifest) -> bool {
    matches!(&*manifest.media_type, media_type::OCI_INDEX | media_type::DOCKER_LIST)
}
