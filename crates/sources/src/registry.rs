//! Images in registries: manifest and configuration verified when the image is opened, layers while they are read.

use std::io::Read;

use serde::Deserialize;
use signet_image::lazy::Mark;
use signet_model::{Digest, ImageInfo, ImageRef, LayerInfo, Platform};
use signet_oci_client::{BlockingClient, Descriptor, Error, ErrorKind, Manifest, PlatformChoice, media_type};

use crate::image_source::{ImageSource, InParts, SourceError, SourceErrorKind, Stored};

/// An image in a registry. The tag was resolved once, when it was opened; everything after goes by digest.
#[derive(Debug)]
pub struct RegistryImage {
    client: BlockingClient,
    reference: ImageRef,
    info: ImageInfo,
    layers: Vec<Descriptor>,
    manifest: Manifest,
    index: Option<Manifest>,
}

impl RegistryImage {
    /// Reads index, manifest and configuration, and checks each against the digest that named it.
    ///
    /// Errors: [`SourceErrorKind::Unsupported`] for what is no image (a chart, an SBOM), [`SourceErrorKind::NotFound`] when there is no image for the
    /// platform. The cause is the client's own [`signet_oci_client::Error`], with its hint.
    pub fn open(
        client: &BlockingClient,
        reference: &ImageRef,
        choice: &PlatformChoice,
    ) -> Result<RegistryImage, SourceError> {
        let doing = || format!("cannot read image `{}` from its registry", reference.familiar());
        let resolved = client.resolve(reference, choice).map_err(|err| from_client(doing(), err))?;
        let config = &resolved.image.config;
        let is_image = matches!(&*config.media_type, media_type::OCI_CONFIG | media_type::DOCKER_CONFIG)
            // Old tools leave the type out or wrong; the content decides then.
            || matches!(&*config.media_type, "" | "application/octet-stream" | "application/json");
        if !is_image || resolved.image.artifact_type.as_deref().is_some_and(|kind| kind != media_type::OCI_CONFIG) {
            let kind = resolved.image.artifact_type.as_deref().unwrap_or(&config.media_type);
            let text = format!("{}: it is no container image but `{}`", doing(), kind.escape_debug());
            return Err(SourceError { doing: text, kind: SourceErrorKind::Unsupported, cause: None });
        }
        let bytes =
            client.small_blob(reference, &config.digest, Some(config.size)).map_err(|err| from_client(doing(), err))?;
        let read = ImageConfig::read(&bytes).map_err(|what| malformed(format!("{}: {what}", doing())))?;
        if resolved.index.is_none() && !choice.accepts(&read.platform) {
            let text = format!("{}: it is for {}, not for {}", doing(), read.platform, choice.platform());
            return Err(SourceError { doing: text, kind: SourceErrorKind::NotFound, cause: None });
        }
        if read.diff_ids.len() != resolved.image.layers.len() {
            let (layers, ids) = (resolved.image.layers.len(), read.diff_ids.len());
            return Err(malformed(format!(
                "{}: the manifest has {layers} layers and the configuration {ids}",
                doing()
            )));
        }
        let layers = resolved
            .image
            .layers
            .iter()
            .zip(&read.diff_ids)
            .zip(read.created_by)
            .map(|((layer, diff_id), created_by)| LayerInfo {
                diff_id: *diff_id,
                digest: Some(layer.digest),
                size: layer.size,
                media_type: layer.media_type.clone(),
                created_by,
            })
            .collect();
        let named =
            |digest: Digest| ImageRef::new(reference.registry(), reference.repository(), None, Some(digest)).ok();
        let outermost = resolved.index.as_ref().unwrap_or(&resolved.manifest).digest;
        let tag = reference.tag().or_else(|| reference.digest().is_none().then_some("latest"));
        let tags =
            tag.and_then(|tag| ImageRef::new(reference.registry(), reference.repository(), Some(tag), None).ok());
        let info = ImageInfo {
            manifest_digest: Some(resolved.manifest.digest),
            index_digest: resolved.index.as_ref().map(|index| index.digest),
            config_digest: config.digest,
            config: bytes.to_vec(),
            manifest_media_type: resolved.manifest.media_type.clone(),
            platform: read.platform,
            tags: tags.into_iter().collect(),
            repo_digests: named(outermost).into_iter().collect(),
            layers,
        };
        Ok(RegistryImage {
            client: client.clone(),
            reference: reference.clone(),
            info,
            layers: resolved.image.layers,
            manifest: resolved.manifest,
            index: resolved.index,
        })
    }

    /// The image manifest, byte for byte and parsed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The index through which the manifest was chosen.
    pub fn index(&self) -> Option<&Manifest> {
        self.index.as_ref()
    }
}

impl ImageSource for RegistryImage {
    fn info(&self) -> &ImageInfo {
        &self.info
    }

    /// The end of the bytes is only given when size and digest were found right.
    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        let doing = || format!("cannot read layer {index} of `{}` from its registry", self.reference.familiar());
        let layer = self.layers.get(index).ok_or_else(|| SourceError {
            doing: doing(),
            kind: SourceErrorKind::NotFound,
            cause: None,
        })?;
        let reader = self
            .client
            .blob(&self.reference, &layer.digest, Some(layer.size))
            .map_err(|err| from_client(doing(), err))?;
        Ok(Box::new(reader))
    }

    fn stored(&self, _index: usize) -> Stored {
        Stored::Elsewhere
    }

    fn in_parts(&self, index: usize) -> Option<InParts<'_>> {
        let layer = self.layers.get(index)?;
        let annotations = layer.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let mark = Mark::of(annotations, layer.size)?;
        let open = move |range| -> std::io::Result<Box<dyn Read + Send>> {
            let part = self.client.blob_range(&self.reference, &layer.digest, layer.size, range);
            Ok(Box::new(part.map_err(std::io::Error::other)?))
        };
        Some(InParts { mark, size: layer.size, open: Box::new(open) })
    }
}

/// What an image's configuration says, as far as a source needs it. Source: OCI image-spec, `config.md`.
pub(crate) struct ImageConfig {
    pub(crate) platform: Platform,
    pub(crate) diff_ids: Vec<Digest>,
    /// As many as `diff_ids`.
    pub(crate) created_by: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct WireConfig {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
    rootfs: WireRootFs,
    #[serde(default)]
    history: Option<Vec<WireHistory>>,
}

#[derive(Deserialize)]
struct WireRootFs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireHistory {
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    empty_layer: Option<bool>,
}

impl ImageConfig {
    /// Reads a configuration; the error is a clause for a message.
    pub(crate) fn read(bytes: &[u8]) -> Result<ImageConfig, String> {
        let wire: WireConfig = serde_json::from_slice(bytes).map_err(|err| {
            format!("its configuration is no image configuration at line {}, column {}", err.line(), err.column())
        })?;
        let diff_ids: Vec<Digest> = wire
            .rootfs
            .diff_ids
            .unwrap_or_default()
            .iter()
            .map(|text| {
                text.parse().map_err(|_| "its configuration names a layer by something that is no digest".to_owned())
            })
            .collect::<Result<_, String>>()?;
        let history = wire.history.unwrap_or_default();
        let mut created_by: Vec<Option<String>> =
            history.into_iter().filter(|entry| entry.empty_layer != Some(true)).map(|entry| entry.created_by).collect();
        // A history that does not fit the layers says nothing about any of them.
        if created_by.len() != diff_ids.len() {
            created_by = vec![None; diff_ids.len()];
        }
        let platform = Platform {
            os: wire.os,
            architecture: wire.architecture,
            variant: wire.variant.filter(|variant| !variant.is_empty()),
        };
        Ok(ImageConfig { platform, diff_ids, created_by })
    }
}

fn malformed(doing: String) -> SourceError {
    SourceError { doing, kind: SourceErrorKind::Malformed, cause: None }
}

/// The client's failure as a source's; the client's text and hint stay in the cause.
pub(crate) fn from_client(doing: String, err: Error) -> SourceError {
    let kind = match err.kind {
        ErrorKind::NotFound | ErrorKind::NoPlatform => SourceErrorKind::NotFound,
        ErrorKind::Malformed | ErrorKind::DigestMismatch | ErrorKind::SizeMismatch | ErrorKind::Usage => {
            SourceErrorKind::Malformed
        }
        ErrorKind::Unsupported => SourceErrorKind::Unsupported,
        ErrorKind::TooLarge => SourceErrorKind::TooLarge,
        _ => SourceErrorKind::Unreachable,
    };
    SourceError { doing, kind, cause: Some(Box::new(err)) }
}

#[cfg(test)]
mod tests;
