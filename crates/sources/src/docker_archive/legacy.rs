//! Archives from before Docker 1.10: no `manifest.json`, but `repositories` and a chain of layers that each know their parent.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_image::manifest::{MAX_CONFIG_BYTES, MAX_MANIFEST_BYTES};
use signet_image::{Limits, walk_layer};
use signet_model::{Digest, ImageInfo, ImageRef, LayerInfo, Platform};

use super::{choose, read_member};
use crate::archive::Archive;
use crate::layout::{Selection, caused, error};
use crate::{SourceError, SourceErrorKind};

/// `ID/json` of a layer.
#[derive(Deserialize)]
struct Layer {
    parent: Option<String>,
    os: Option<String>,
    architecture: Option<String>,
}

/// Layers in one chain.
const MAX_LAYERS: usize = 1000;

/// Opens an image by its chain of layers. Such an image states no diffIDs, so they are computed here, in one more pass over the layers.
pub(super) fn open(
    archive: &Archive,
    name: &str,
    selection: Option<&Selection>,
) -> Result<(ImageInfo, Vec<String>), SourceError> {
    if !archive.has("repositories") {
        let doing = format!("{name} holds no image: there is neither `manifest.json` nor `repositories` in it");
        return Err(error(SourceErrorKind::Malformed, doing));
    }
    let raw = read_member(archive, name, "repositories", MAX_MANIFEST_BYTES)?;
    let repositories: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_slice(&raw)
        .map_err(|cause| caused(SourceErrorKind::Malformed, format!("cannot use `repositories` of {name}"), cause))?;
    let mut images: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (repository, tags) in repositories {
        for (tag, id) in tags {
            images.entry(id).or_default().push(format!("{repository}:{tag}"));
        }
    }
    let (ids, tags): (Vec<String>, Vec<Vec<String>>) = images.into_iter().unzip();
    let at = choose(name, tags.clone(), selection)?;
    let (Some(top), Some(tags)) = (ids.into_iter().nth(at), tags.into_iter().nth(at)) else {
        return Err(error(SourceErrorKind::Malformed, format!("{name} holds no image")));
    };
    let mut members = Vec::new();
    let mut layers = Vec::new();
    let mut config = None;
    let mut next = Some(top);
    while let Some(id) = next {
        if layers.len() >= MAX_LAYERS {
            let doing = format!("{name} has more than {MAX_LAYERS} layers, or layers in a circle");
            return Err(error(SourceErrorKind::TooLarge, doing));
        }
        let raw = read_member(archive, name, &format!("{id}/json"), MAX_CONFIG_BYTES)?;
        let layer: Layer = serde_json::from_slice(&raw)
            .map_err(|cause| caused(SourceErrorKind::Malformed, format!("cannot use `{id}/json` of {name}"), cause))?;
        let member = format!("{id}/layer.tar");
        layers.push(layer_info(archive, name, &member)?);
        members.push(member);
        next = layer.parent.clone().filter(|parent| !parent.is_empty());
        config.get_or_insert((raw, layer));
    }
    members.reverse();
    layers.reverse();
    let Some((config, layer)) = config else {
        return Err(error(SourceErrorKind::Malformed, format!("{name} holds no image")));
    };
    let platform = Platform {
        os: layer.os.unwrap_or_default(),
        architecture: layer.architecture.unwrap_or_default(),
        variant: None,
    };
    let info = ImageInfo {
        manifest_digest: None,
        index_digest: None,
        config_digest: Digest::sha256(&config),
        config,
        manifest_media_type: String::new(),
        platform,
        tags: tags.iter().flat_map(|tag| tag.parse::<ImageRef>()).collect(),
        repo_digests: Vec::new(),
        layers,
    };
    Ok((info, members))
}

fn layer_info(archive: &Archive, name: &str, member: &str) -> Result<LayerInfo, SourceError> {
    let missing = || error(SourceErrorKind::NotFound, format!("layer `{member}` is missing in {name}"));
    let content = archive.open_member(member).ok_or_else(missing)??;
    let read = walk_layer(content, &Limits::default(), &mut crate::reread::Ignore).map_err(|cause| {
        caused(SourceErrorKind::Malformed, format!("cannot read layer `{member}` of {name}"), cause)
    })?;
    Ok(LayerInfo { diff_id: read.diff_id, digest: None, size: read.size, media_type: String::new(), created_by: None })
}
