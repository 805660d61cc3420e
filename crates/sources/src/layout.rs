//! What all sources of OCI blobs share: from an index to the one image that is meant, every blob verified on the way.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use signet_image::manifest::{
    Config, Descriptor, Document, Index, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, Manifest, ManifestError,
    platform_matches, select_platform,
};
use signet_model::{Algorithm, Digest, ImageInfo, ImageRef, Platform};

use crate::{SourceError, SourceErrorKind};

/// What the user wants of a source that may hold several images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOptions {
    /// `--platform`.
    pub platform: Option<Platform>,
    /// The platform that is taken where the user says nothing.
    pub host: Platform,
}

impl Default for ImageOptions {
    /// Linux on the processor of this machine.
    fn default() -> ImageOptions {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "x86" => "386",
            other => other,
        };
        let host = Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None };
        ImageOptions { platform: None, host }
    }
}

/// Which image of a layout or archive is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// By tag or reference.
    Tag(String),
    /// By the digest of its manifest or index.
    Digest(Digest),
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Selection::Tag(tag) => f.write_str(tag),
            Selection::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

/// A place with blobs.
pub(crate) trait Blobs {
    /// The place, for messages: "OCI layout `x`".
    fn name(&self) -> String;
    /// A blob from its start; an error names the blob where it is missing.
    fn open_blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, SourceError>;
}

/// Depth of indexes within indexes, and manifests that are listed in all of them.
const MAX_DEPTH: usize = 4;
const MAX_MANIFESTS: usize = 10_000;

pub(crate) fn error(kind: SourceErrorKind, doing: impl Into<String>) -> SourceError {
    SourceError { doing: doing.into(), kind, cause: None }
}

pub(crate) fn caused(
    kind: SourceErrorKind,
    doing: impl Into<String>,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> SourceError {
    SourceError { doing: doing.into(), kind, cause: Some(Box::new(cause)) }
}

pub(crate) fn manifest_error(doing: impl Into<String>, cause: ManifestError) -> SourceError {
    let kind = match &cause {
        ManifestError::Unsupported(_) => SourceErrorKind::Unsupported,
        ManifestError::TooLarge { .. } => SourceErrorKind::TooLarge,
        _ => SourceErrorKind::Malformed,
    };
    caused(kind, doing, cause)
}

/// Classes of I/O errors.
pub(crate) fn io_kind(cause: &std::io::Error) -> SourceErrorKind {
    match cause.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => SourceErrorKind::NotFound,
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => SourceErrorKind::Malformed,
        std::io::ErrorKind::FileTooLarge => SourceErrorKind::TooLarge,
        _ => SourceErrorKind::Unreachable,
    }
}

/// Opens a regular file for reading. A pipe or device in its place is an error at once: opening one would wait for a writer.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file"))
}

/// Reads a small thing whole, at most `limit` bytes of it.
pub(crate) fn read_small(reader: impl Read, limit: usize, what: &str) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    reader
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| caused(io_kind(&cause), format!("cannot read {what}"), cause))?;
    if bytes.len() > limit {
        return Err(error(SourceErrorKind::TooLarge, format!("{what} is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads a small blob and compares its bytes with its digest.
pub(crate) fn read_blob(
    blobs: &dyn Blobs,
    digest: &Digest,
    size: Option<u64>,
    limit: usize,
    what: &str,
) -> Result<Vec<u8>, SourceError> {
    let what = format!("the {what} {digest} of {}", blobs.name());
    let bytes = read_small(blobs.open_blob(digest)?, limit, &what)?;
    let found = Digest::of(digest.algorithm(), &bytes);
    if found != *digest {
        return Err(error(SourceErrorKind::Malformed, format!("{what} holds other bytes: they hash to {found}")));
    }
    if size.is_some_and(|size| size != bytes.len() as u64) {
        let doing = format!("{what} has {} bytes, and its descriptor says {}", bytes.len(), size.unwrap_or_default());
        return Err(error(SourceErrorKind::Malformed, doing));
    }
    Ok(bytes)
}

/// A manifest that an index lists, and the innermost index blob through which it was found.
struct Candidate {
    descriptor: Descriptor,
    index: Option<Digest>,
    ref_name: Option<String>,
}

/// Finds the image that is meant in the `index.json` of a layout and reads its manifest and configuration, both verified.
pub(crate) fn find_image(
    blobs: &dyn Blobs,
    index_json: &[u8],
    selection: Option<&Selection>,
    options: &ImageOptions,
) -> Result<ImageInfo, SourceError> {
    let name = blobs.name();
    let doing = || format!("cannot read `index.json` of {name}");
    let index = match Document::parse(index_json, None, Algorithm::Sha256).map_err(|e| manifest_error(doing(), e))? {
        Document::Index(index) => index,
        Document::Manifest(_) => {
            let doing = format!("`index.json` of {name} is an image manifest, and must be an index");
            return Err(error(SourceErrorKind::Malformed, doing));
        }
    };
    let roots = select_roots(index, selection, &name)?;
    let mut candidates = Vec::new();
    for root in roots {
        let ref_name = root.image_name().or(root.ref_name()).map(str::to_owned);
        flatten(blobs, root, None, ref_name, 0, &mut candidates)?;
    }
    // What was named by digest is taken as it is; else the platform decides among all that is listed.
    let descriptors: Vec<Descriptor> = candidates.iter().map(|candidate| candidate.descriptor.clone()).collect();
    let at = select_platform(&descriptors, options.platform.as_ref(), &options.host).map_err(|cause| {
        let doing = format!("cannot choose an image of {name}");
        caused(SourceErrorKind::NotFound, doing, cause)
    })?;
    let Some(candidate) = candidates.get(at) else {
        return Err(error(SourceErrorKind::NotFound, format!("{name} holds no image")));
    };
    let mut info = read_image(blobs, &candidate.descriptor, candidate.index)?;
    if let Some(wanted) = &options.platform
        && !platform_matches(wanted, &info.platform)
    {
        let doing = format!("the image of {name} is for {}, not for {wanted}", info.platform);
        return Err(error(SourceErrorKind::NotFound, doing));
    }
    // A tag alone (`1.2`) is no reference; podman and containerd write whole references into layouts.
    if let Some(reference) = candidate.ref_name.as_deref().filter(|text| text.contains(['/', ':'])) {
        info.tags.extend(reference.parse::<ImageRef>());
    }
    Ok(info)
}

/// The descriptors of `index.json` that may be meant.
fn select_roots(index: Index, selection: Option<&Selection>, name: &str) -> Result<Vec<Descriptor>, SourceError> {
    let images = |descriptor: &Descriptor| !descriptor.is_attestation();
    match selection {
        Some(Selection::Digest(digest)) => {
            // Not listed at the top may still be listed below: the blob itself is asked for then.
            let listed = index.manifests.into_iter().find(|descriptor| descriptor.digest == *digest);
            let descriptor = listed.ok_or_else(|| {
                error(SourceErrorKind::NotFound, format!("{name} lists no image with the digest {digest}"))
            })?;
            Ok(vec![descriptor])
        }
        Some(Selection::Tag(tag)) => {
            let names: Vec<String> = ref_names(&index.manifests);
            // `app:1` in a layout of podman is named by `1`; whole references and their tags alone both count.
            let is_meant = |descriptor: &Descriptor| {
                descriptor.ref_name().is_some_and(|name| {
                    name == tag || name.rsplit_once(':').is_some_and(|(_, short)| short == tag && !short.contains('/'))
                })
            };
            let exact = |descriptor: &Descriptor| {
                descriptor.ref_name() == Some(tag.as_str())
                    || descriptor.image_name().is_some_and(|name| same_reference(name, tag))
            };
            let found: Vec<Descriptor> = if index.manifests.iter().any(exact) {
                index.manifests.into_iter().filter(exact).collect()
            } else {
                index.manifests.into_iter().filter(is_meant).collect()
            };
            if found.is_empty() {
                let known = if names.is_empty() {
                    "it has no tags".to_owned()
                } else {
                    format!("it has: {}", names.join(", "))
                };
                return Err(error(
                    SourceErrorKind::NotFound,
                    format!("{name} holds no image with the tag `{tag}`; {known}"),
                ));
            }
            Ok(found)
        }
        None => {
            let found: Vec<Descriptor> = index.manifests.into_iter().filter(images).collect();
            let names = ref_names(&found);
            if names.len() > 1 {
                let doing = format!("{name} holds several images: {}; say which one with `:TAG`", names.join(", "));
                return Err(error(SourceErrorKind::NotFound, doing));
            }
            if found.is_empty() {
                return Err(error(SourceErrorKind::NotFound, format!("{name} holds no image")));
            }
            Ok(found)
        }
    }
}

/// Whether two texts name the same image (`app:1` and `docker.io/library/app:1`).
pub(crate) fn same_reference(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<ImageRef>(), b.parse::<ImageRef>()), (Ok(a), Ok(b)) if a == b)
}

/// The different tags, in order, without repetition.
fn ref_names(descriptors: &[Descriptor]) -> Vec<String> {
    let mut names: Vec<String> = descriptors
        .iter()
        .filter_map(|descriptor| descriptor.image_name().or(descriptor.ref_name()).map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn flatten(
    blobs: &dyn Blobs,
    descriptor: Descriptor,
    index: Option<Digest>,
    ref_name: Option<String>,
    depth: usize,
    out: &mut Vec<Candidate>,
) -> Result<(), SourceError> {
    let name = blobs.name();
    if out.len() >= MAX_MANIFESTS {
        return Err(error(SourceErrorKind::TooLarge, format!("{name} lists more than {MAX_MANIFESTS} manifests")));
    }
    if !descriptor.is_index() {
        out.push(Candidate { descriptor, index, ref_name });
        return Ok(());
    }
    if depth >= MAX_DEPTH {
        return Err(error(SourceErrorKind::TooLarge, format!("{name} nests more than {MAX_DEPTH} indexes")));
    }
    let raw = read_blob(blobs, &descriptor.digest, Some(descriptor.size), MAX_MANIFEST_BYTES, "image index")?;
    let doing = || format!("cannot read the image index {} of {name}", descriptor.digest);
    match Document::parse(&raw, Some(&descriptor.media_type), descriptor.digest.algorithm())
        .map_err(|cause| manifest_error(doing(), cause))?
    {
        Document::Index(inner) => {
            let digest = inner.digest;
            for one in inner.manifests {
                flatten(blobs, one, Some(digest), ref_name.clone(), depth + 1, out)?;
            }
            Ok(())
        }
        Document::Manifest(_) => Err(error(SourceErrorKind::Malformed, format!("{}: it is no index", doing()))),
    }
}

/// Reads manifest and configuration of the image that a descriptor names.
fn read_image(blobs: &dyn Blobs, descriptor: &Descriptor, index: Option<Digest>) -> Result<ImageInfo, SourceError> {
    let name = blobs.name();
    let raw = read_blob(blobs, &descriptor.digest, Some(descriptor.size), MAX_MANIFEST_BYTES, "manifest")?;
    let doing = || format!("cannot use the manifest {} of {name}", descriptor.digest);
    let manifest = match Document::parse(&raw, Some(&descriptor.media_type), descriptor.digest.algorithm())
        .map_err(|cause| manifest_error(doing(), cause))?
    {
        Document::Manifest(manifest) => manifest,
        Document::Index(_) => return Err(error(SourceErrorKind::Malformed, format!("{}: it is an index", doing()))),
    };
    manifest.check_image().map_err(|cause| manifest_error(doing(), cause))?;
    join_config(blobs, &manifest, index)
}

/// Reads the configuration of a manifest and joins the two.
fn join_config(blobs: &dyn Blobs, manifest: &Manifest, index: Option<Digest>) -> Result<ImageInfo, SourceError> {
    let digest = manifest.config.digest;
    let raw = read_blob(blobs, &digest, Some(manifest.config.size), MAX_CONFIG_BYTES, "configuration")?;
    let doing = || format!("cannot use the configuration {digest} of {}", blobs.name());
    let config = Config::parse(&raw, digest.algorithm()).map_err(|cause| manifest_error(doing(), cause))?;
    manifest.image_info(config, index).map_err(|cause| manifest_error(doing(), cause))
}

/// Compares what one pass over a layer computed with what manifest and configuration state. Whoever reads a layer calls this before believing
/// anything that was found in it.
pub fn verify_layer(info: &ImageInfo, index: usize, read: &signet_image::LayerRead) -> Result<(), SourceError> {
    let Some(layer) = info.layers.get(index) else {
        return Err(error(SourceErrorKind::NotFound, format!("the image has no layer {}", index + 1)));
    };
    let number = index + 1;
    let malformed = |doing: String| Err(error(SourceErrorKind::Malformed, doing));
    if let Some(digest) = layer.digest {
        if digest != read.digest {
            return malformed(format!("layer {number} ({digest}) holds other bytes: they hash to {}", read.digest));
        }
        if layer.size != read.size {
            return malformed(format!(
                "layer {number} ({digest}) has {} bytes, and the manifest says {}",
                read.size, layer.size
            ));
        }
    }
    if layer.diff_id != read.diff_id {
        return malformed(format!(
            "layer {number} unpacks to other bytes than the configuration states: diffID {}, and they hash to {}",
            layer.diff_id, read.diff_id
        ));
    }
    Ok(())
}

/// The hash algorithms with which a layer must be walked, so that [`verify_layer`] can compare.
pub fn layer_algorithms(info: &ImageInfo, index: usize) -> signet_image::Algorithms {
    let mut algorithms = signet_image::Algorithms::default();
    if let Some(layer) = info.layers.get(index) {
        algorithms.diff_id = layer.diff_id.algorithm();
        algorithms.digest = layer.digest.map_or(algorithms.diff_id, |digest| digest.algorithm());
    }
    algorithms
}
