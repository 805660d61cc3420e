//! Manifests, indexes and configurations: the bytes received, their digest, and what they say, side by side.

mod select;
mod wire;

use std::collections::BTreeMap;

use signet_model::{Algorithm, Digest, ImageInfo, LayerInfo, Platform};

pub use select::{SelectError, platform_matches, select_platform};

/// Largest manifest or index that is read. Source: OCI distribution-spec, "Pushing Manifests": registries should take 4 MiB.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// Largest configuration that is read.
pub const MAX_CONFIG_BYTES: usize = 16 << 20;
/// Most descriptors in one document, and most layers of one image.
const MAX_DESCRIPTORS: usize = 10_000;

/// Media types of image indexes: OCI, Docker.
pub const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// Media types of image manifests: OCI, Docker schema 2.
pub const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// Media types of image configurations: OCI, Docker.
pub const CONFIG_TYPES: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// Why a document is not what an image needs.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Larger than the limit.
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge {
        /// Which document.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// No JSON of the expected shape.
    #[error("the {what} is not the JSON that it should be")]
    Json {
        /// Which document.
        what: &'static str,
        /// The cause, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// JSON, and still wrong.
    #[error("the {what} is malformed: {why}")]
    Malformed {
        /// Which document.
        what: &'static str,
        /// What is wrong: one clause.
        why: String,
    },
    /// Known, and not supported; or no image at all.
    #[error("{0}")]
    Unsupported(String),
}

impl ManifestError {
    /// Whether the thing is whole, but of a kind that is not supported.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, ManifestError::Unsupported(_))
    }
}

/// Names a blob by digest, size and media type. Source: OCI image-spec, `descriptor.md`. Its `urls` are dropped on purpose: nothing is ever
/// fetched from where a manifest says (CVE-2026-10517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type; empty where the document names none.
    pub media_type: String,
    /// Digest of the blob.
    pub digest: Digest,
    /// Size of the blob in bytes.
    pub size: u64,
    /// The platform that an index states for a manifest.
    pub platform: Option<Platform>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Artifact type, for manifests that are no images.
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// Whether it names an index.
    pub fn is_index(&self) -> bool {
        INDEX_TYPES.contains(&self.media_type.as_str())
    }

    /// Whether it names a manifest that is no image but says something about one: BuildKit's attestations have the platform `unknown/unknown`.
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
            || self
                .platform
                .as_ref()
                .is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
    }

    /// The tag or reference that a layout gives it.
    pub fn ref_name(&self) -> Option<&str> {
        self.annotations.get("org.opencontainers.image.ref.name").map(String::as_str)
    }

    /// The whole reference that containerd and new versions of `docker save` write beside the tag.
    pub fn image_name(&self) -> Option<&str> {
        self.annotations.get("io.containerd.image.name").map(String::as_str)
    }
}

/// An image index or manifest list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The bytes.
    pub raw: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// Media type, stated or inferred.
    pub media_type: String,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
}

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The bytes.
    pub raw: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// Media type, stated or inferred.
    pub media_type: String,
    /// Artifact type, for manifests that are no images.
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, base first.
    pub layers: Vec<Descriptor>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// What it is attached to.
    pub subject: Option<Descriptor>,
}

/// An index or a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// An image index or manifest list.
    Index(Index),
    /// An image manifest.
    Manifest(Box<Manifest>),
}

impl Document {
    /// Reads an index or manifest. `media_type` is what the descriptor or the `Content-Type` says, and `algorithm` how the digest is computed.
    ///
    /// A document that could be read both ways is refused, and so is one whose own media type contradicts the one by which it was found
    /// (CVE-2021-41190).
    pub fn parse(raw: &[u8], media_type: Option<&str>, algorithm: Algorithm) -> Result<Document, ManifestError> {
        const WHAT: &str = "manifest";
        let malformed = |why: &str| ManifestError::Malformed { what: WHAT, why: why.to_owned() };
        if raw.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { what: WHAT, limit: MAX_MANIFEST_BYTES });
        }
        let wire: wire::Document =
            serde_json::from_slice(raw).map_err(|source| ManifestError::Json { what: WHAT, source })?;
        if wire.fs_layers.is_some() || wire.schema_version == Some(1) {
            return Err(ManifestError::Unsupported(
                "the manifest is of Docker's schema 1, which was withdrawn; push the image again with a current tool"
                    .to_owned(),
            ));
        }
        if wire.manifests.is_some() && (wire.layers.is_some() || wire.config.is_some()) {
            return Err(malformed("it has the fields of an index and of an image manifest"));
        }
        // Generic types say nothing; some servers and layouts have them.
        let stated = [wire.media_type.as_deref(), media_type].into_iter().flatten().find(|text| is_specific(text));
        let is_index = wire.manifests.is_some();
        if let Some(stated) = stated {
            let expected = if is_index { INDEX_TYPES } else { MANIFEST_TYPES };
            if !expected.contains(&stated) {
                if [INDEX_TYPES, MANIFEST_TYPES].concat().contains(&stated) {
                    return Err(malformed("its fields are not those of its media type"));
                }
                return Err(ManifestError::Unsupported(format!("`{stated}` is no media type of an image or index")));
            }
        }
        if let (Some(own), Some(outer)) = (wire.media_type.as_deref(), media_type)
            && is_specific(own)
            && is_specific(outer)
            && own != outer
        {
            return Err(malformed(&format!("it says `{own}`, and is found as `{outer}`")));
        }
        let digest = Digest::of(algorithm, raw);
        let raw = raw.to_vec();
        let media_type = stated.unwrap_or(if is_index { INDEX_TYPES[0] } else { MANIFEST_TYPES[0] }).to_owned();
        if let Some(manifests) = wire.manifests {
            return Ok(Document::Index(Index { raw, digest, media_type, manifests: descriptors(manifests)? }));
        }
        let config = wire.config.ok_or_else(|| malformed("it is neither an index nor an image manifest"))?;
        Ok(Document::Manifest(Box::new(Manifest {
            raw,
            digest,
            media_type,
            artifact_type: wire.artifact_type,
            config: descriptor(config)?,
            layers: descriptors(wire.layers.unwrap_or_default())?,
            annotations: wire.annotations.unwrap_or_default(),
            subject: wire.subject.map(descriptor).transpose()?,
        })))
    }
}

fn is_specific(media_type: &str) -> bool {
    !matches!(media_type, "" | "application/json" | "text/plain" | "application/octet-stream")
}

fn descriptors(wire: Vec<wire::Descriptor>) -> Result<Vec<Descriptor>, ManifestError> {
    if wire.len() > MAX_DESCRIPTORS {
        let why = format!("it lists more than {MAX_DESCRIPTORS} blobs");
        return Err(ManifestError::Malformed { what: "manifest", why });
    }
    wire.into_iter().map(descriptor).collect()
}

fn descriptor(wire: wire::Descriptor) -> Result<Descriptor, ManifestError> {
    let digest =
        wire.digest.parse().map_err(|error| ManifestError::Malformed { what: "manifest", why: format!("{error}") })?;
    Ok(Descriptor {
        media_type: wire.media_type,
        digest,
        size: wire.size,
        platform: wire.platform.map(|platform| Platform {
            os: platform.os,
            architecture: platform.architecture,
            variant: platform.variant.filter(|variant| !variant.is_empty()),
        }),
        annotations: wire.annotations.unwrap_or_default(),
        artifact_type: wire.artifact_type,
    })
}

/// Checks that a media type is one of a layer that can be read; whatever it says about compression, the bytes decide.
///
/// Errors: `Unsupported`, naming the type.
pub fn check_layer_type(media_type: &str) -> Result<(), ManifestError> {
    const PLAIN: [&str; 3] = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
    ];
    // `.gzip` and `.zstd` are Docker's and BuildKit's spelling, `+gzip` and `+zstd` the one of OCI; `foreign` is Docker's nondistributable.
    let base = ["+gzip", "+zstd", ".gzip", ".zstd"]
        .iter()
        .find_map(|suffix| media_type.strip_suffix(suffix))
        .unwrap_or(media_type);
    let base = if base == "application/vnd.docker.image.rootfs.foreign.diff.tar" { PLAIN[2] } else { base };
    if PLAIN.contains(&base) {
        return Ok(());
    }
    Err(ManifestError::Unsupported(if media_type.ends_with("+encrypted") {
        format!("the layer is encrypted (`{media_type}`); decrypt the image first")
    } else if media_type.ends_with(".squashfs") {
        format!("squashfs layers are not supported (`{media_type}`)")
    } else {
        format!("`{media_type}` is no media type of an image layer")
    }))
}

/// What an image configuration says, as far as it concerns the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The bytes.
    pub raw: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// Operating system and processor.
    pub platform: Platform,
    /// Digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
    /// For each layer the command that made it, where the history can be matched with the layers.
    pub created_by: Vec<Option<String>>,
}

impl Config {
    /// Reads a configuration of OCI or Docker.
    pub fn parse(raw: &[u8], algorithm: Algorithm) -> Result<Config, ManifestError> {
        const WHAT: &str = "image configuration";
        if raw.len() > MAX_CONFIG_BYTES {
            return Err(ManifestError::TooLarge { what: WHAT, limit: MAX_CONFIG_BYTES });
        }
        let wire: wire::Config =
            serde_json::from_slice(raw).map_err(|source| ManifestError::Json { what: WHAT, source })?;
        let diff_ids: Vec<Digest> = wire
            .rootfs
            .and_then(|rootfs| rootfs.diff_ids)
            .unwrap_or_default()
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()
            .map_err(|error| ManifestError::Malformed { what: WHAT, why: format!("{error}") })?;
        if diff_ids.len() > MAX_DESCRIPTORS {
            let why = format!("it lists more than {MAX_DESCRIPTORS} layers");
            return Err(ManifestError::Malformed { what: WHAT, why });
        }
        let history = wire.history.unwrap_or_default();
        let mut created_by: Vec<Option<String>> = history
            .into_iter()
            .filter(|entry| entry.empty_layer != Some(true))
            .map(|entry| entry.created_by.filter(|text| !text.is_empty()))
            .collect();
        // History is for people: where it does not fit the layers, it says nothing about any of them.
        if created_by.len() != diff_ids.len() {
            created_by = vec![None; diff_ids.len()];
        }
        Ok(Config {
            raw: raw.to_vec(),
            digest: Digest::of(algorithm, raw),
            platform: Platform {
                os: wire.os.unwrap_or_default(),
                architecture: wire.architecture.unwrap_or_default(),
                variant: wire.variant.filter(|variant| !variant.is_empty()),
            },
            diff_ids,
            created_by,
        })
    }
}

impl Manifest {
    /// Refuses manifests that are no images, and images with layers that cannot be read, before anything large is fetched.
    pub fn check_image(&self) -> Result<(), ManifestError> {
        let config = self.config.media_type.as_str();
        if !CONFIG_TYPES.contains(&config) {
            let kind = self.artifact_type.as_deref().unwrap_or(config);
            return Err(ManifestError::Unsupported(format!("this is no container image but `{kind}`")));
        }
        for (index, layer) in self.layers.iter().enumerate() {
            check_layer_type(&layer.media_type).map_err(|error| {
                ManifestError::Unsupported(format!("layer {} ({}): {error}", index + 1, layer.digest))
            })?;
        }
        Ok(())
    }

    /// Joins manifest and configuration; their numbers of layers must agree. Names are left empty: only the source knows them.
    pub fn image_info(&self, config: Config, index_digest: Option<Digest>) -> Result<ImageInfo, ManifestError> {
        if config.diff_ids.len() != self.layers.len() {
            return Err(ManifestError::Malformed {
                what: "image configuration",
                why: format!("it lists {} layers, and the manifest has {}", config.diff_ids.len(), self.layers.len()),
            });
        }
        let layers =
            self.layers.iter().zip(config.diff_ids).zip(config.created_by).map(|((layer, diff_id), created_by)| {
                LayerInfo {
                    diff_id,
                    digest: Some(layer.digest),
                    size: layer.size,
                    media_type: layer.media_type.clone(),
                    created_by,
                }
            });
        Ok(ImageInfo {
            manifest_digest: Some(self.digest),
            index_digest,
            config_digest: config.digest,
            manifest_media_type: self.media_type.clone(),
            platform: config.platform,
            tags: Vec::new(),
            repo_digests: Vec::new(),
            layers: layers.collect(),
            config: config.raw,
        })
    }
}
