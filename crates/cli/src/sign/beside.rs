//! The images that are signed, and writing beside them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use signet_model::{Digest, ImageRef};
use signet_oci_client::{
    BlockingClient, Descriptor, ErrorKind, Manifest, ManifestBody, NewLayer, NewReferrer, TagConfig,
};
use signet_trust::seal::Layer;
use signet_trust::{Evidence, Statement};

use crate::settings::Settings;
use crate::verify::discover::{self, Pinned};

/// Cosign's type of bundles in registries.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Images of one index that are signed.
const MOST: usize = 256;
/// Indexes inside indexes.
const DEEPEST: usize = 3;

/// An image that is signed: always by its digest.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its own repository.
    pub(super) image: ImageRef,
    /// Where what belongs to it is written: there, or where `COSIGN_REPOSITORY` says.
    repository: ImageRef,
    subject: Descriptor,
}

impl Target {
    pub(super) fn digest(&self) -> Digest {
        self.subject.digest
    }

    /// The repository as Cosign names it, which calls Docker Hub by its old name.
    pub(super) fn cosigns_name(&self) -> String {
        cosigns(&self.image)
    }

    /// Where to, as Cosign says it.
    pub(super) fn cosigns_place(&self) -> String {
        if self.repository.name() == self.image.name() {
            cosigns(&self.repository)
        } else {
            self.repository.repository().to_owned()
        }
    }
}

fn cosigns(image: &ImageRef) -> String {
    let name = image.name();
    match name.strip_prefix("docker.io/") {
        Some(rest) => format!("index.docker.io/{rest}"),
        None => name,
    }
}

/// Resolves an image, once. With `recursive`, an index and all that it names.
pub(super) fn targets(
    client: &BlockingClient,
    image: &str,
    recursive: bool,
    settings: &Settings,
) -> Result<Vec<Target>> {
    let reference = crate::image_name::image(image)?;
    if reference.digest().is_none() {
        settings.warn(format!("`{image}` is named by a tag, which may have moved: name the digest"));
    }
    let manifest = client.manifest(&reference).with_context(|| format!("cannot resolve the image `{image}`"))?;
    let mut found = Vec::new();
    collect(client, &reference, &manifest, recursive, 0, &mut found)?;
    Ok(found)
}

fn collect(
    client: &BlockingClient,
    image: &ImageRef,
    manifest: &Manifest,
    recursive: bool,
    depth: usize,
    found: &mut Vec<Target>,
) -> Result<()> {
    if found.iter().any(|target| target.subject.digest == manifest.digest) {
        return Ok(());
    }
    ensure!(found.len() < MOST, "`{}` names more than {MOST} images", image.name());
    let pinned = Pinned { reference: image.clone(), digest: manifest.digest, local: None };
    found.push(Target {
        image: image.clone(),
        repository: discover::repository(&pinned)?,
        subject: Descriptor {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest,
            size: manifest.bytes.len() as u64,
            platform: None,
            artifact_type: None,
            annotations: Vec::new(),
        },
    });
    if let (true, ManifestBody::Index(index)) = (recursive, &manifest.body) {
        ensure!(depth < DEEPEST, "the indexes of `{}` lie too deep in each other", image.name());
        for entry in &index.manifests {
            let place = discover::repository_at(image, None, Some(entry.digest))?;
            let child = client
                .manifest(&place)
                .with_context(|| format!("cannot read `{}`, which the index names", entry.digest))?;
            collect(client, image, &child, recursive, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Puts a bundle beside the image, as a referrer (`cosign: specs/BUNDLE_SPEC.md`). Gives the digest of its manifest.
pub(super) fn attach(
    client: &BlockingClient,
    target: &Target,
    bundle: Vec<u8>,
    kind: &str,
    settings: &Settings,
) -> Result<Digest> {
    let annotations = [
        ("dev.sigstore.bundle.content", "dsse-envelope".to_owned()),
        ("dev.sigstore.bundle.predicateType", kind.to_owned()),
        ("org.opencontainers.image.created", seconds(settings)),
    ];
    let layer = NewLayer { media_type: BUNDLE.to_owned(), bytes: Bytes::from(bundle), annotations: BTreeMap::new() };
    let new = NewReferrer {
        artifact_type: BUNDLE.to_owned(),
        config: None,
        layers: vec![layer],
        annotations: annotations.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    };
    let attached = client.attach(&target.repository, &target.subject, &new);
    Ok(attached
        .with_context(|| format!("cannot write beside `{}@{}`", target.repository.name(), target.digest()))?
        .descriptor
        .digest)
}

fn seconds(settings: &Settings) -> String {
    signet_model::Timestamp::from_second(settings.now.as_second()).unwrap_or(settings.now).to_string()
}

/// Adds a layer to Cosign's tag (`sig` or `att`); with `replace`, in the place of those with the same predicate type.
pub(super) fn append(
    client: &BlockingClient,
    target: &Target,
    suffix: &str,
    layer: Layer,
    replace: bool,
) -> Result<()> {
    let tag = discover::tag(&target.digest(), suffix);
    let place = discover::repository_at(&target.repository, Some(&tag), None)?;
    let kind = layer.annotations.get("predicateType").cloned();
    let layer = NewLayer {
        media_type: layer.media_type.to_owned(),
        bytes: Bytes::from(layer.bytes),
        annotations: layer.annotations,
    };
    let same = |old: &Descriptor| {
        replace
            && kind.is_some()
            && old.annotations.iter().any(|(name, value)| name == "predicateType" && Some(value) == kind.as_ref())
    };
    client
        .append_to_tag(&place, &[layer], &TagConfig::Layers, &same)
        .with_context(|| format!("cannot write the tag `{place}`"))?;
    Ok(())
}

/// The bundles of a predicate type that lie beside the image. What a bundle is, its own statement says: annotations and lists are anybody's.
pub(super) fn earlier(client: &BlockingClient, target: &Target, kind: &str) -> Result<Vec<Digest>> {
    let beside =
        client.referrers(&target.repository, &target.digest(), None).context("cannot list the earlier attestations")?;
    let mut found = Vec::new();
    for entry in &beside {
        if kind_of(client, target, entry)?.as_deref() == Some(kind) {
            found.push(entry.digest);
        }
    }
    Ok(found)
}

/// Takes away what lay beside the image, but for `keep`, which may be the same.
pub(super) fn take_away(
    client: &BlockingClient,
    target: &Target,
    earlier: &[Digest],
    keep: &Digest,
    settings: &Settings,
) -> Result<()> {
    for digest in earlier.iter().filter(|digest| *digest != keep) {
        match client.detach(&target.repository, &target.digest(), digest) {
            Ok(()) => settings.detail(format!("took away {digest}")),
            Err(err) if err.kind == ErrorKind::NotFound => {}
            Err(err) if err.kind == ErrorKind::Unsupported => {
                settings.warn(format!(
                    "the registry does not let anything be deleted: the earlier attestation {digest} stays there, no longer listed where the list is a tag"
                ));
            }
            Err(err) => {
                return Err(err).with_context(|| format!("cannot take away the earlier attestation {digest}"));
            }
        }
    }
    Ok(())
}

/// The predicate type of a referrer that is a bundle; what cannot be read is none of ours.
fn kind_of(client: &BlockingClient, target: &Target, entry: &Descriptor) -> Result<Option<String>> {
    let repository = &target.repository;
    let place = discover::repository_at(repository, None, Some(entry.digest))?;
    let manifest = match client.manifest(&place) {
        Ok(manifest) => manifest,
        Err(err) if err.kind == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err).with_context(|| format!("cannot read {}", entry.digest)),
    };
    let ManifestBody::Image(image) = &manifest.body else { return Ok(None) };
    // A list may name what is about another image, or is one.
    if image.subject.as_ref().is_none_or(|subject| subject.digest != target.digest()) {
        return Ok(None);
    }
    let [layer] = image.layers.as_slice() else { return Ok(None) };
    if !layer.media_type.starts_with("application/vnd.dev.sigstore.bundle") {
        return Ok(None);
    }
    let bytes = client
        .small_blob(repository, &layer.digest, Some(layer.size))
        .with_context(|| format!("cannot read {}", entry.digest))?;
    let statement =
        Evidence::bundle(&bytes).ok().and_then(|evidence| Statement::of(evidence.unverified_envelope()?).ok());
    Ok(statement.map(|statement| statement.predicate_type().to_owned()))
}
