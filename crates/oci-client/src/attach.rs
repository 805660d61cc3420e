//! Something beside an image: a manifest whose `subject` is the image's.
//!
//! Sources: OCI image-spec `manifest.md`; OCI distribution-spec, "Pushing Manifests with Subject", "Unavailable Referrers API".

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use signet_model::{Digest, ImageRef};

use crate::change::Change;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::list::fallback_tag;
use crate::manifest::{Descriptor, Manifest, ManifestBody, media_type};
use crate::push::{BlobSource, Condition};

/// The configuration of a manifest that has none. Source: OCI image-spec `manifest.md`, "Guidance for an Empty Descriptor".
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// How often a manifest is pushed that does not arrive.
const MOST_PUSHES: u32 = 3;

/// A layer to be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLayer {
    /// Media type of the bytes.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
    /// Annotations of the layer's descriptor.
    pub annotations: BTreeMap<String, String>,
}

/// A manifest to be pushed beside an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReferrer {
    /// What it is. Empty: what the media type of the configuration says.
    pub artifact_type: String,
    /// Media type and bytes of the configuration; `None` is the empty one, `{}`.
    pub config: Option<(String, Bytes)>,
    /// Layers in their order; none is one empty layer, as the specification asks.
    pub layers: Vec<NewLayer>,
    /// Annotations of the manifest, which lists of referrers repeat.
    pub annotations: BTreeMap<String, String>,
}

/// Something that lies beside an image now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// Who lists it.
    pub listed: Listed,
}

/// How a manifest beside an image is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// By the registry's own list.
    ByRegistry,
    /// By the index under the fallback tag.
    ByTag,
}

impl NewLayer {
    pub(crate) fn digest(&self) -> Digest {
        Digest::sha256(&self.bytes)
    }

    /// The descriptor as it stands in a manifest.
    pub(crate) fn wire(&self) -> Value {
        wire(&self.media_type, &self.digest(), self.bytes.len() as u64, &self.annotations)
    }
}

impl Client {
    /// Pushes a manifest whose subject is `subject`, and sees to it that it is found: by the registry's own list where it says that it keeps one
    /// (`OCI-Subject`), else by the index under the fallback tag. Pushing the same again changes nothing.
    ///
    /// # Errors
    /// Also when the fallback tag holds something else than such an index, which is left alone, and when the registry forgets what it is given.
    pub async fn attach(
        &self,
        repository: &ImageRef,
        subject: &Descriptor,
        new: &NewReferrer,
    ) -> Result<Attached, Error> {
        let doing = format!("attach to `{}@{}`", repository.name(), subject.digest);
        let usage = |what: &str| Error::new(ErrorKind::Usage, &*doing, what);
        if new.artifact_type.is_empty() && new.config.as_ref().is_none_or(|(kind, _)| kind.is_empty() || kind == EMPTY)
        {
            return Err(
                usage("it is not said what the artifact is").hint("give its type, such as `application/spdx+json`")
            );
        }
        let (config_type, config) = new.config.clone().unwrap_or_else(|| (EMPTY.to_owned(), Bytes::from_static(b"{}")));
        let nothing =
            NewLayer { media_type: EMPTY.to_owned(), bytes: Bytes::from_static(b"{}"), annotations: BTreeMap::new() };
        let layers = if new.layers.is_empty() { std::slice::from_ref(&nothing) } else { &new.layers };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": wire(&config_type, &Digest::sha256(&config), config.len() as u64, &BTreeMap::new()),
            "layers": layers.iter().map(NewLayer::wire).collect::<Vec<_>>(),
            "subject": wire(&subject.media_type, &subject.digest, subject.size, &BTreeMap::new()),
        });
        if !new.artifact_type.is_empty() {
            manifest["artifactType"] = new.artifact_type.as_str().into();
        }
        if !new.annotations.is_empty() {
            manifest["annotations"] = json!(new.annotations);
        }
        let bytes = Bytes::from(manifest.to_string());
        if bytes.len() as u64 > self.options().limits.manifest {
            return Err(usage("its manifest is larger than registries take"));
        }
        for blob in std::iter::once(&config).chain(layers.iter().map(|layer| &layer.bytes)) {
            let digest = Digest::sha256(blob);
            self.push_blob(repository, &digest, blob.len() as u64, None, BlobSource::Bytes(blob.clone())).await?;
        }
        let kind = if new.artifact_type.is_empty() { config_type } else { new.artifact_type.clone() };
        let descriptor = Descriptor {
            media_type: media_type::OCI_MANIFEST.to_owned(),
            digest: Digest::sha256(&bytes),
            size: bytes.len() as u64,
            platform: None,
            artifact_type: Some(kind),
            annotations: new.annotations.clone().into_iter().collect(),
        };
        let listed = self.refer(repository, &subject.digest, &descriptor, bytes).await?;
        Ok(Attached { descriptor, listed })
    }

    /// Pushes a manifest that was made elsewhere and names `subject` as its subject, byte for byte, and sees to it that it is found, as
    /// [`Client::attach`] does. Its blobs are there already.
    pub async fn attach_manifest(
        &self,
        repository: &ImageRef,
        subject: &Digest,
        descriptor: &Descriptor,
        bytes: Bytes,
    ) -> Result<Listed, Error> {
        self.refer(repository, subject, descriptor, bytes).await
    }

    async fn refer(
        &self,
        repository: &ImageRef,
        subject: &Digest,
        descriptor: &Descriptor,
        bytes: Bytes,
    ) -> Result<Listed, Error> {
        let place = at(repository, None, Some(descriptor.digest))?;
        let mut pushes = 0;
        let found = loop {
            let put = self.put_manifest(&place, &descriptor.media_type, bytes.clone(), &Condition::None).await?;
            pushes += 1;
            if self.manifest_head(&place).await?.is_some() {
                break put;
            }
            if pushes >= MOST_PUSHES {
                let what = format!("the registry took it {pushes} times and does not have it");
                return Err(Error::new(ErrorKind::Conflict, format!("push manifest `{place}`"), what));
            }
        };
        if found.subject.as_ref() == Some(subject) {
            return Ok(Listed::ByRegistry);
        }
        let tag = at(repository, Some(&fallback_tag(subject)), None)?;
        let mut entry = wire(
            &descriptor.media_type,
            &descriptor.digest,
            descriptor.size,
            &descriptor.annotations.iter().cloned().collect(),
        );
        if let Some(kind) = &descriptor.artifact_type {
            entry["artifactType"] = kind.as_str().into();
        }
        let most = self.options().limits.manifest;
        self.change_tag(&tag, &|present| with_entry(present, &descriptor.digest, &entry, &tag, most)).await?;
        Ok(Listed::ByTag)
    }

    /// Takes a manifest away from beside an image: out of the index under the fallback tag where it stands there, then out of the registry.
    ///
    /// # Errors
    /// Registries may refuse to delete at all ([`ErrorKind::Unsupported`]).
    pub async fn detach(&self, repository: &ImageRef, subject: &Digest, gone: &Digest) -> Result<(), Error> {
        let tag = at(repository, Some(&fallback_tag(subject)), None)?;
        let place = at(repository, None, Some(*gone))?;
        // An index under that tag that is no list of referrers does not concern us here.
        let listed = match self.manifest(&tag).await {
            Ok(manifest) => {
                referrers_in(&manifest, &tag).is_ok_and(|entries| entries.iter().any(|entry| entry.digest == *gone))
            }
            Err(err) if err.kind == ErrorKind::NotFound => false,
            Err(err) => return Err(err),
        };
        if listed {
            self.change_tag(&tag, &|present| without_entry(present, gone, &tag)).await?;
        }
        self.delete_manifest(&place).await
    }
}

/// The index under a fallback tag with one more entry. Other entries stay as they are, also those whose `artifactType` is wrong.
fn with_entry(
    present: Option<&Manifest>,
    digest: &Digest,
    entry: &Value,
    tag: &ImageRef,
    most: u64,
) -> Result<Option<Change>, Error> {
    let mut index = match present {
        None => json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": []}),
        Some(manifest) => {
            if referrers_in(manifest, tag)?.iter().any(|known| known.digest == *digest) {
                return Ok(None);
            }
            document(manifest, tag)?
        }
    };
    entries(&mut index, tag)?.push(entry.clone());
    let bytes = Bytes::from(index.to_string());
    if bytes.len() as u64 > most {
        let what = format!("the index would be larger than {most} bytes");
        return Err(Error::new(ErrorKind::TooLarge, format!("add to `{tag}`"), what)
            .hint("remove what is no longer needed: `signet clean`"));
    }
    Ok(Some(Change { media_type: media_type::OCI_INDEX.to_owned(), bytes, blobs: Vec::new() }))
}

fn without_entry(present: Option<&Manifest>, gone: &Digest, tag: &ImageRef) -> Result<Option<Change>, Error> {
    let Some(manifest) = present else { return Ok(None) };
    let known = referrers_in(manifest, tag)?;
    if known.iter().all(|entry| entry.digest != *gone) {
        return Ok(None);
    }
    let mut index = document(manifest, tag)?;
    let gone = gone.to_string();
    entries(&mut index, tag)?.retain(|entry| entry.get("digest").and_then(Value::as_str) != Some(&gone));
    let bytes = Bytes::from(index.to_string());
    Ok(Some(Change { media_type: media_type::OCI_INDEX.to_owned(), bytes, blobs: Vec::new() }))
}

/// The entries of a list of referrers. What is something else (an image, or an index of platforms) is not ours to change.
fn referrers_in<'a>(manifest: &'a Manifest, tag: &ImageRef) -> Result<&'a [Descriptor], Error> {
    match &manifest.body {
        ManifestBody::Index(index)
            if manifest.media_type == media_type::OCI_INDEX
                && index.manifests.iter().all(|entry| entry.platform.is_none()) =>
        {
            Ok(&index.manifests)
        }
        _ => Err(Error::new(
            ErrorKind::Conflict,
            format!("add to `{tag}`"),
            "the tag that keeps lists of referrers holds something else, which is left as it is",
        )
        .hint("find out who pushed it, and give it another tag")),
    }
}

pub(crate) fn document(manifest: &Manifest, tag: &ImageRef) -> Result<Value, Error> {
    serde_json::from_slice(&manifest.bytes)
        .map_err(|err| Error::new(ErrorKind::Malformed, format!("change `{tag}`"), "it is no JSON").cause(err))
}

fn entries<'a>(index: &'a mut Value, tag: &ImageRef) -> Result<&'a mut Vec<Value>, Error> {
    index
        .get_mut("manifests")
        .and_then(Value::as_array_mut)
        .ok_or_else(|| Error::new(ErrorKind::Malformed, format!("change `{tag}`"), "it has no `manifests`"))
}

pub(crate) fn wire(media_type: &str, digest: &Digest, size: u64, annotations: &BTreeMap<String, String>) -> Value {
    let mut wire = json!({"mediaType": media_type, "digest": digest.to_string(), "size": size});
    if !annotations.is_empty() {
        wire["annotations"] = json!(annotations);
    }
    wire
}

pub(crate) fn at(repository: &ImageRef, tag: Option<&str>, digest: Option<Digest>) -> Result<ImageRef, Error> {
    ImageRef::new(repository.registry(), repository.repository(), tag, digest).map_err(|err| {
        Error::new(ErrorKind::Usage, format!("write to `{}`", repository.name()), "there is no such tag").cause(err)
    })
}
