//! What lies beside an image in its registry and may be a signature or an attestation.
//!
//! Nothing that a list says about an entry is believed: each manifest is read, and what its layers are decides (registries that keep referrers under the
//! fallback tag show Cosign's bundles with the type of the empty configuration). A candidate that cannot be read stays a candidate, and is refused.
//! Sources: OCI distribution-spec, "Listing Referrers"; sigstore/cosign `specs/SIGNATURE_SPEC.md`, `specs/BUNDLE_SPEC.md`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use signet_model::{Digest, ImageRef};
use signet_oci_client::{BlockingClient, Descriptor, ErrorKind, ImageManifest, Limits, ManifestBody};
use signet_trust::{Check, Evidence, VerifyError};

use crate::net::{self, Access};
use crate::settings::Settings;

/// Manifests that refer to the image.
const MAX_REFERRERS: usize = 100;
/// Candidates beside one image.
const MAX_CANDIDATES: usize = 64;
/// Bytes of all candidates together.
const MAX_TOTAL: u64 = 256 << 20;
/// Bytes of one candidate, unless `COSIGN_MAX_ATTACHMENT_SIZE` says otherwise; attestations may hold whole SBOMs.
const MAX_ATTACHMENT: u64 = 128 << 20;
/// Bytes of a signature, which holds no document.
const MAX_SIGNATURE: u64 = 10 << 20;

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// How a candidate is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A Sigstore bundle.
    Bundle,
    /// A simple signing layer.
    Payload,
    /// An envelope with annotations.
    Envelope,
    /// A Notation envelope.
    Notation,
    /// Unknown, where only signatures belong.
    Unknown,
}

/// Something that may be a signature of the image.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Where it lies, for people.
    pub(crate) place: String,
    /// How it is written.
    pub(crate) shape: Shape,
    /// Whether it lies where attestations lie.
    pub(crate) attests: bool,
    /// Its bytes, as far as they could be read.
    pub(crate) bytes: Vec<u8>,
    /// The annotations beside it.
    pub(crate) annotations: BTreeMap<String, String>,
    /// What a verification starts from, or why it cannot.
    pub(crate) evidence: Result<Evidence, VerifyError>,
}

/// Which of Cosign's tags is looked at, beside all referrers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `.sig`.
    Signatures,
    /// `.att`.
    Attestations,
}

/// An image whose tag was resolved, once.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// As it was asked for.
    pub(crate) reference: ImageRef,
    /// What everything else is about.
    pub(crate) digest: Digest,
}

/// The way to a registry.
pub(crate) struct Registry {
    client: BlockingClient,
    attachment: u64,
}

impl Registry {
    pub(crate) fn new(access: &Access, settings: &Settings) -> Result<Registry> {
        let attachment = attachment_limit(std::env::var("COSIGN_MAX_ATTACHMENT_SIZE").ok().as_deref())?;
        let limits = Limits { entries: MAX_REFERRERS, small_blob: attachment, ..Limits::default() };
        Ok(Registry { client: net::client_within(access, settings, limits)?, attachment })
    }

    pub(crate) fn client(&self) -> &BlockingClient {
        &self.client
    }

    /// Resolves the reference. A digest in it is held against the bytes of the manifest.
    pub(crate) fn pin(&self, image: &str) -> Result<Pinned> {
        let reference: ImageRef = image.parse().map_err(|err| crate::usage(anyhow!("{err}")))?;
        let manifest =
            self.client.manifest(&reference).with_context(|| format!("cannot resolve the image `{image}`"))?;
        Ok(Pinned { digest: manifest.digest, reference })
    }

    /// Everything beside the image that may be a signature or an attestation, in a fixed order.
    ///
    /// Errors: a list cannot be read, or holds more than is looked at. A single entry that cannot be read is no error but a refused candidate.
    pub(crate) fn candidates(&self, image: &Pinned, tags: Tags, settings: &Settings) -> Result<Vec<Candidate>> {
        let repository = repository(image)?;
        let mut found = Found { candidates: Vec::new(), total: 0 };
        let beside = self
            .client
            .referrers(&repository, &image.digest, None)
            .with_context(|| format!("cannot list the signatures of `{}@{}`", repository.name(), image.digest))?;
        ensure!(
            beside.len() <= MAX_REFERRERS,
            "more than {MAX_REFERRERS} manifests refer to `{}@{}`, and no more are looked into",
            repository.name(),
            image.digest
        );
        let mut seen = Vec::new();
        for entry in &beside {
            if seen.contains(&entry.digest) {
                continue;
            }
            seen.push(entry.digest);
            let place = format!("referrer {}", entry.digest);
            let reference = repository_at(&repository, None, Some(entry.digest))?;
            match self.client.manifest(&reference) {
                Ok(manifest) => match &manifest.body {
                    ManifestBody::Image(manifest) => self.layers(&repository, manifest, &place, None, &mut found)?,
                    ManifestBody::Index(_) => settings.detail(format!("{place} is an index and no signature")),
                },
                Err(err) => found.unreadable(place, Shape::Unknown, false, &err)?,
            }
        }
        let (suffix, attests) = match tags {
            Tags::Signatures => ("sig", false),
            Tags::Attestations => ("att", true),
        };
        let tag = tag(&image.digest, suffix);
        let place = format!("tag {tag}");
        match self.client.manifest(&repository_at(&repository, Some(&tag), None)?) {
            Ok(manifest) => match &manifest.body {
                ManifestBody::Image(manifest) => {
                    self.layers(&repository, manifest, &place, Some(attests), &mut found)?;
                }
                ManifestBody::Index(_) => {
                    found.add(refused(place, Shape::Unknown, attests, "a manifest of signatures", "an index"))?;
                }
            },
            Err(err) if err.kind == ErrorKind::NotFound => {}
            Err(err) => return Err(err).with_context(|| format!("cannot read the {place} of `{}`", repository.name())),
        }
        Ok(found.candidates)
    }

    /// The layers that may be signatures. In a tag for signatures (`attests` is given), nothing else belongs.
    fn layers(
        &self,
        repository: &ImageRef,
        manifest: &ImageManifest,
        place: &str,
        attests: Option<bool>,
        found: &mut Found,
    ) -> Result<()> {
        let notation = manifest.artifact_type.as_deref() == Some(NOTATION) || manifest.config.media_type == NOTATION;
        for (at, layer) in manifest.layers.iter().enumerate() {
            let shape = match layer.media_type.as_str() {
                _ if notation => Shape::Notation,
                kind if kind.starts_with(BUNDLE) => Shape::Bundle,
                SIMPLE_SIGNING => Shape::Payload,
                ENVELOPE => Shape::Envelope,
                _ if attests.is_some() => Shape::Unknown,
                _ => continue,
            };
            let place =
                if manifest.layers.len() == 1 { place.to_owned() } else { format!("{place}, layer {}", at + 1) };
            let attests = attests.unwrap_or(shape == Shape::Envelope);
            if shape == Shape::Unknown {
                let kind = format!("the type `{}`", layer.media_type);
                found.add(refused(place, shape, attests, "a layer with a signature", &kind))?;
                continue;
            }
            found.room_for(layer.size)?;
            let limit = if shape == Shape::Payload { MAX_SIGNATURE.min(self.attachment) } else { self.attachment };
            if layer.size > limit {
                found.add(Candidate {
                    evidence: Err(VerifyError {
                        check: Check::Limits,
                        expected: format!("at most {limit} bytes"),
                        found: format!("{} bytes", layer.size),
                    }),
                    ..refused(place, shape, attests, "", "")
                })?;
                continue;
            }
            match self.client.small_blob(repository, &layer.digest, Some(layer.size)) {
                Ok(bytes) => found.add(read(place, shape, attests, bytes.to_vec(), layer))?,
                Err(err) => found.unreadable(place, shape, attests, &err)?,
            }
        }
        Ok(())
    }
}

struct Found {
    candidates: Vec<Candidate>,
    total: u64,
}

impl Found {
    fn add(&mut self, candidate: Candidate) -> Result<()> {
        ensure!(
            self.candidates.len() < MAX_CANDIDATES,
            "more than {MAX_CANDIDATES} signatures and attestations lie beside the image, and no more are looked into"
        );
        self.candidates.push(candidate);
        Ok(())
    }

    /// Counts bytes before they are fetched.
    fn room_for(&mut self, bytes: u64) -> Result<()> {
        self.total = self.total.saturating_add(bytes);
        if self.total > MAX_TOTAL {
            bail!("the signatures and attestations beside the image are larger than {MAX_TOTAL} bytes together");
        }
        Ok(())
    }

    fn unreadable(&mut self, place: String, shape: Shape, attests: bool, err: &signet_oci_client::Error) -> Result<()> {
        self.add(refused(place, shape, attests, "something that can be read", &err.to_string()))
    }
}

fn read(place: String, shape: Shape, attests: bool, bytes: Vec<u8>, layer: &Descriptor) -> Candidate {
    let annotations: BTreeMap<String, String> = layer.annotations.iter().cloned().collect();
    let evidence = match shape {
        Shape::Bundle => Evidence::bundle(&bytes),
        Shape::Payload => Evidence::simple_signing(&bytes, &annotations),
        Shape::Envelope => Evidence::attestation(&bytes, &annotations),
        Shape::Notation => Err(VerifyError {
            check: Check::Material,
            expected: "a Sigstore signature".to_owned(),
            found: "a Notation signature, which is verified by a trust policy".to_owned(),
        }),
        Shape::Unknown => Err(form("a signature", "something else")),
    };
    Candidate { place, shape, attests, bytes, annotations, evidence }
}

fn form(expected: &str, found: &str) -> VerifyError {
    VerifyError { check: Check::Form, expected: expected.to_owned(), found: found.to_owned() }
}

fn refused(place: String, shape: Shape, attests: bool, expected: &str, found: &str) -> Candidate {
    Candidate {
        place,
        shape,
        attests,
        bytes: Vec::new(),
        annotations: BTreeMap::new(),
        evidence: Err(form(expected, found)),
    }
}

/// `sha256-HEX.SUFFIX`.
pub(crate) fn tag(digest: &Digest, suffix: &str) -> String {
    format!("{}-{}.{suffix}", digest.algorithm().name(), digest.hex())
}

/// Where signatures lie: the image's repository, or the one of `COSIGN_REPOSITORY`.
pub(crate) fn repository(image: &Pinned) -> Result<ImageRef> {
    match std::env::var("COSIGN_REPOSITORY").ok().filter(|text| !text.is_empty()) {
        Some(text) => {
            let named: ImageRef =
                text.parse().map_err(|err| crate::usage(anyhow!("COSIGN_REPOSITORY names no repository: {err}")))?;
            repository_at(&named, None, None)
        }
        None => repository_at(&image.reference, None, None),
    }
}

pub(crate) fn repository_at(repository: &ImageRef, tag: Option<&str>, digest: Option<Digest>) -> Result<ImageRef> {
    Ok(ImageRef::new(repository.registry(), repository.repository(), tag, digest)?)
}

/// Reads `COSIGN_MAX_ATTACHMENT_SIZE`: bytes, or with one of the usual units.
fn attachment_limit(text: Option<&str>) -> Result<u64> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(MAX_ATTACHMENT) };
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "kib" | "ki" => 1 << 10,
        "mib" | "mi" => 1 << 20,
        "gib" | "gi" => 1 << 30,
        _ => return Err(crate::usage(anyhow!("COSIGN_MAX_ATTACHMENT_SIZE is no size: `{text}`"))),
    };
    let number: u64 =
        number.parse().map_err(|_| crate::usage(anyhow!("COSIGN_MAX_ATTACHMENT_SIZE is no size: `{text}`")))?;
    Ok(number.saturating_mul(unit).clamp(1, MAX_TOTAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_attachments_is_read_as_people_write_it() {
        for (text, wanted) in [
            (None, Some(MAX_ATTACHMENT)),
            (Some(""), Some(MAX_ATTACHMENT)),
            (Some("1024"), Some(1024)),
            (Some("2MiB"), Some(2 << 20)),
            (Some("3 MB"), Some(3_000_000)),
            (Some("99999999999999999999"), None),
            (Some("9999999999 GB"), Some(MAX_TOTAL)),
            (Some("big"), None),
            (Some("1 parsec"), None),
        ] {
            assert_eq!(attachment_limit(text).ok(), wanted, "{text:?}");
        }
    }
}
