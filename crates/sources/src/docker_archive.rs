//! What `docker save` writes. Source: moby `image/spec/v1.2.md` (`manifest.json`), `v1.md` (`repositories`).

mod legacy;

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use signet_image::manifest::{Config, MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES, platform_matches};
use signet_image::path::normalize;
use signet_model::{Algorithm, Digest, ImageInfo, ImageRef, LayerInfo};

use crate::archive::Archive;
use crate::layout::{ImageOptions, Selection, caused, error, manifest_error, read_small, same_reference};
use crate::{ImageSource, SourceError, SourceErrorKind, Stored};

/// An image in an archive of Docker.
#[derive(Debug)]
pub struct DockerArchive {
    archive: Archive,
    info: ImageInfo,
    /// Members that hold the layers, base first.
    layers: Vec<String>,
}

/// One image of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

impl DockerArchive {
    /// Opens the image that is meant; without a selection there must be only one. The configuration's digest is computed; the layers are
    /// verified by their diffIDs when they are walked.
    pub fn open(
        path: &Path,
        selection: Option<&Selection>,
        options: &ImageOptions,
    ) -> Result<DockerArchive, SourceError> {
        DockerArchive::of(Archive::open(path)?, selection, options)
    }

    pub(crate) fn of(
        archive: Archive,
        selection: Option<&Selection>,
        options: &ImageOptions,
    ) -> Result<DockerArchive, SourceError> {
        let name = format!("Docker archive `{}`", archive.path().display());
        let (info, layers) = match archive.open_member("manifest.json") {
            Some(manifest) => {
                let raw = read_small(manifest?, MAX_MANIFEST_BYTES, &format!("`manifest.json` of {name}"))?;
                open_listed(&archive, &name, &raw, selection)?
            }
            None => legacy::open(&archive, &name, selection)?,
        };
        if let Some(wanted) = &options.platform
            && !platform_matches(wanted, &info.platform)
        {
            let doing = format!("the image of {name} is for {}, not for {wanted}", info.platform);
            return Err(error(SourceErrorKind::NotFound, doing));
        }
        Ok(DockerArchive { archive, info, layers })
    }
}

fn open_listed(
    archive: &Archive,
    name: &str,
    raw: &[u8],
    selection: Option<&Selection>,
) -> Result<(ImageInfo, Vec<String>), SourceError> {
    let doing = || format!("cannot use `manifest.json` of {name}");
    let malformed = |why: String| error(SourceErrorKind::Malformed, format!("{}: {why}", doing()));
    let listed: Vec<Listed> =
        serde_json::from_slice(raw).map_err(|cause| caused(SourceErrorKind::Malformed, doing(), cause))?;
    let tags = listed.iter().map(|image| image.repo_tags.clone().unwrap_or_default()).collect();
    let at = choose(name, tags, selection)?;
    let image = listed.into_iter().nth(at).ok_or_else(|| malformed("it lists no image".to_owned()))?;
    let raw = read_member(archive, name, &image.config, MAX_CONFIG_BYTES)?;
    let config = Config::parse(&raw, Algorithm::Sha256).map_err(|cause| manifest_error(doing(), cause))?;
    if let Some(stated) = blob_digest(&image.config)
        && stated != Digest::of(stated.algorithm(), &raw)
    {
        return Err(malformed(format!("the configuration {stated} holds other bytes")));
    }
    let members: Vec<String> = image.layers.unwrap_or_default().iter().map(|path| normalize(path.as_bytes())).collect();
    if members.len() != config.diff_ids.len() {
        let why = format!("it lists {} layers, and the configuration {}", members.len(), config.diff_ids.len());
        return Err(malformed(why));
    }
    let mut layers = Vec::with_capacity(members.len());
    for ((member, diff_id), created_by) in members.iter().zip(&config.diff_ids).zip(config.created_by) {
        let size = archive
            .size(member)
            .ok_or_else(|| error(SourceErrorKind::NotFound, format!("layer `{member}` is missing in {name}")))?;
        let digest = blob_digest(member);
        layers.push(LayerInfo { diff_id: *diff_id, digest, size, media_type: String::new(), created_by });
    }
    let info = ImageInfo {
        manifest_digest: None,
        index_digest: None,
        config_digest: config.digest,
        config: config.raw,
        manifest_media_type: String::new(),
        platform: config.platform,
        tags: image.repo_tags.unwrap_or_default().iter().flat_map(|tag| tag.parse::<ImageRef>()).collect(),
        repo_digests: Vec::new(),
        layers,
    };
    Ok((info, members))
}

/// Which of several images is meant, by position.
fn choose(name: &str, tags: Vec<Vec<String>>, selection: Option<&Selection>) -> Result<usize, SourceError> {
    let all = || {
        let names: Vec<String> = tags.iter().flatten().map(|tag| format!("`{tag}`")).collect();
        if names.is_empty() { "images without tags".to_owned() } else { names.join(", ") }
    };
    let not_found = |doing| Err(error(SourceErrorKind::NotFound, doing));
    match selection {
        None if tags.len() == 1 => Ok(0),
        None if tags.is_empty() => not_found(format!("{name} holds no image")),
        None => not_found(format!("{name} holds several images: {}; say which one with `:REFERENCE`", all())),
        Some(Selection::Digest(digest)) => {
            not_found(format!("{name} knows no digests of manifests, so {digest} cannot be found in it"))
        }
        Some(Selection::Tag(wanted)) => tags
            .iter()
            .position(|tags| tags.iter().any(|tag| same_reference(tag, wanted)))
            .map_or_else(|| not_found(format!("{name} holds no image `{wanted}`; it holds {}", all())), Ok),
    }
}

fn read_member(archive: &Archive, name: &str, member: &str, limit: usize) -> Result<Vec<u8>, SourceError> {
    let path = normalize(member.as_bytes());
    let content = archive
        .open_member(&path)
        .ok_or_else(|| error(SourceErrorKind::NotFound, format!("`{member}` is missing in {name}")))?;
    read_small(content?, limit, &format!("`{member}` of {name}"))
}

/// The digest that a member's path states, in archives that are laid out as OCI too.
fn blob_digest(member: &str) -> Option<Digest> {
    let (algorithm, hex) = member.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

impl ImageSource for DockerArchive {
    fn info(&self) -> &ImageInfo {
        &self.info
    }

    fn open_layer(&self, index: usize) -> Result<Box<dyn Read + Send>, SourceError> {
        self.layers.get(index).and_then(|member| self.archive.open_member(member)).unwrap_or_else(|| {
            let name = self.archive.path().display();
            Err(error(SourceErrorKind::NotFound, format!("Docker archive `{name}` has no layer {}", index + 1)))
        })
    }

    fn stored(&self, _index: usize) -> Stored {
        self.archive.stored()
    }
}
