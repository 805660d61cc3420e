//! `--vex oci`: statements that lie beside the image in its registry, as referrers of its manifest or its index, and under Cosign's tag `.att`.
//!
//! They are read and not verified: whoever may write to the repository may write them. So they are used only when `oci` was asked for by name,
//! and every finding that they suppress says that nobody checked who says so. What verifies them gives [`Standing::Verified`] to
//! [`standing`], the one place that decides.
//! Sources: OCI distribution-spec, "Listing Referrers"; sigstore/cosign `specs/ATTESTATION_SPEC.md`; openvex/discovery.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use signet_advisories::{Standing, VexDocument, may_be_vex};
use signet_model::{Digest, ImageRef, Subject};
use signet_oci_client::{BlockingClient, Descriptor, ErrorKind, ImageManifest, ManifestBody};

use crate::net::{self, Access};
use crate::settings::Settings;

/// Manifests beside an image that are looked into.
const MAX_MANIFESTS: usize = 1000;
/// Layers of one of them.
const MAX_LAYERS: usize = 1000;
/// Largest statement, in bytes.
const MOST: u64 = 16 << 20;

/// Kinds of artifacts that may hold a statement; what says nothing of itself is looked into as well.
const KINDS: &[&str] = &[
    "application/vnd.dev.sigstore.bundle",
    "application/vnd.dev.cosign.artifact.att",
    "application/vnd.dsse.envelope",
    "application/vnd.in-toto",
    "application/vnd.oci.image.config",
    "application/vnd.oci.empty",
    "application/vnd.oci.image.manifest",
];

/// The documents about an image in its own repository.
///
/// Errors: the subject is no image of a registry; the registry cannot be asked; a statement that is VEX cannot be read.
pub(super) fn documents(subject: &Subject, access: &Access, settings: &Settings) -> Result<Vec<VexDocument>> {
    let nowhere = || crate::usage(anyhow!("`--vex oci` is for images of a registry, and `{}` is none", subject.name));
    let image = subject.image.as_ref().ok_or_else(nowhere)?;
    let repository = image.repo_digests.iter().chain(&image.tags).next().ok_or_else(nowhere)?;
    let mut digests: Vec<Digest> = image.manifest_digest.into_iter().chain(image.index_digest).collect();
    // A daemon names the digest only with the repository.
    digests.extend(image.repo_digests.iter().filter_map(|reference| reference.digest().copied()));
    digests.sort();
    digests.dedup();
    ensure!(!digests.is_empty(), nowhere());
    let client = net::client(access, settings)?;
    let mut found = Vec::new();
    for digest in &digests {
        let failed = || format!("cannot look for statements about `{}@{digest}`", repository.name());
        let beside = client.referrers(repository, digest, None).with_context(failed)?;
        let wanted: Vec<&Descriptor> = beside.iter().filter(|entry| may_hold(entry)).collect();
        ensure!(wanted.len() <= MAX_MANIFESTS, "more than {MAX_MANIFESTS} attestations lie beside the image");
        for entry in wanted {
            let reference = ImageRef::new(repository.registry(), repository.repository(), None, Some(entry.digest))?;
            let manifest = client.manifest(&reference).with_context(failed)?;
            // An index beside an image is a list of further artifacts; nobody keeps statements there.
            if let ManifestBody::Image(image) = &manifest.body {
                read(&client, repository, image, &digests, &mut found)?;
            }
        }
        let tag = format!("{}-{}.att", digest.algorithm().name(), digest.hex());
        let reference = ImageRef::new(repository.registry(), repository.repository(), Some(&tag), None)?;
        match client.manifest(&reference) {
            Ok(manifest) => match &manifest.body {
                ManifestBody::Image(image) => read(&client, repository, image, &digests, &mut found)?,
                ManifestBody::Index(_) => bail!("`{reference}` is an index, and attestations are layers of a manifest"),
            },
            Err(err) if err.kind == ErrorKind::NotFound => {}
            Err(err) => return Err(err).with_context(failed),
        }
    }
    // Cosign writes one statement in both layouts.
    let mut documents: Vec<VexDocument> = Vec::new();
    for (layer, document) in found {
        settings.detail(format!("{layer}: {} statements", document.statements.len()));
        if !documents.contains(&document) {
            documents.push(document);
        }
    }
    if documents.is_empty() {
        settings.say(format!("note: no VEX statement lies beside `{}`", repository.name()));
    } else {
        settings.warn(format!(
            "{} VEX documents from beside `{}` are used, and nobody checked who signed them",
            documents.len(),
            repository.name()
        ));
    }
    Ok(documents)
}

fn may_hold(entry: &Descriptor) -> bool {
    let predicate = entry.annotations.iter().find(|(name, _)| name == "dev.sigstore.bundle.predicateType");
    if let Some((_, predicate)) = predicate {
        return may_be_vex(predicate);
    }
    // Some registries put the media type of the configuration or of the manifest here.
    let kind = entry.artifact_type.as_deref().unwrap_or_default();
    kind.is_empty() || may_be_vex(kind) || KINDS.iter().any(|known| kind.starts_with(known))
}

fn read(
    client: &BlockingClient,
    repository: &ImageRef,
    manifest: &ImageManifest,
    images: &[Digest],
    found: &mut Vec<(Digest, VexDocument)>,
) -> Result<()> {
    ensure!(manifest.layers.len() <= MAX_LAYERS, "an attestation has more than {MAX_LAYERS} layers");
    for layer in &manifest.layers {
        let told = layer.annotations.iter().find(|(name, _)| {
            matches!(name.as_str(), "predicateType" | "in-toto.io/predicate-type" | "dev.sigstore.bundle.predicateType")
        });
        let known = ["dsse", "in-toto", "sigstore.bundle"].iter().any(|kind| layer.media_type.contains(kind));
        if !known
            || told.is_some_and(|(_, predicate)| !may_be_vex(predicate))
            || found.iter().any(|(of, _)| *of == layer.digest)
        {
            continue;
        }
        let place = format!("attestation {} of {}", layer.digest, repository.name());
        ensure!(layer.size <= MOST, "the {place} is larger than {MOST} bytes");
        let bytes = client
            .small_blob(repository, &layer.digest, Some(layer.size))
            .with_context(|| format!("cannot read the {place}"))?;
        let standing = standing();
        match VexDocument::parse_attested(&place, &bytes, images, &standing) {
            Ok(Some(document)) => found.push((layer.digest, document)),
            Ok(None) => {}
            Err(err) => return Err(err).with_context(|| format!("cannot read the {place}")),
        }
    }
    Ok(())
}

/// Who vouches for a statement.
fn standing() -> Standing {
    Standing::Unverified
}
