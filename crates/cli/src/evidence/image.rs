//! What a registry says of an image, as Kyverno's `imageRegistry` context and `image.GetMetadata` show it.
//!
//! Source: kyverno/kyverno:pkg/engine/adapters/rclient.go, pkg/engine/context/loaders/imagedata.go. Of an index it is the manifest for linux/amd64 that
//! Kyverno shows; the index stands beside it.

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};
use signet_model::ImageRef;
use signet_oci_client::{Descriptor, ManifestBody};

use crate::verify::discover::{Registry, repository_at};

/// Platform of the manifest that is shown of an index.
const PLATFORM: (&str, &str) = ("linux", "amd64");

/// Manifests of one index that are looked into.
pub(super) const MAX_PLATFORMS: usize = 128;

/// Bytes of a configuration.
const MAX_CONFIG: u64 = 4 << 20;

/// The configuration of an image.
pub(super) fn config(registry: &Registry, image: &ImageRef, config: &Descriptor) -> Result<Value> {
    ensure!(config.size <= MAX_CONFIG, "the image's configuration is larger than {} MiB", MAX_CONFIG >> 20);
    let bytes = registry.client().small_blob(&repository_at(image, None, None)?, &config.digest, Some(config.size))?;
    serde_json::from_slice(&bytes).context("the image's configuration is no JSON")
}

pub(super) fn facts(reference: &str, registry: &Registry) -> Result<Value> {
    let named = crate::image_name::image(reference)?;
    let client = registry.client();
    let top = client.manifest(&named).with_context(|| format!("cannot resolve the image `{reference}`"))?;
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).context("a manifest is no JSON");
    // Docker Hub has this name where policies compare it. Source: google/go-containerregistry:pkg/name/registry.go, `DefaultRegistry`.
    let host = if named.registry() == "docker.io" { "index.docker.io" } else { named.registry() };
    let mut shown = json!({
        "image": reference,
        "resolvedImage": format!("{host}/{}@{}", named.repository(), top.digest),
        "registry": host,
        "repository": named.repository(),
        "identifier": named.digest().map_or_else(|| named.tag().unwrap_or("latest").to_owned(), ToString::to_string),
        "tag": named.tag(),
        "digest": top.digest.to_string(),
    });
    let manifest = match &top.body {
        ManifestBody::Index(index) => {
            shown["imageIndex"] = parsed(&top.bytes)?;
            let entry = index
                .manifests
                .iter()
                .find(|entry| {
                    entry
                        .platform
                        .as_ref()
                        .is_some_and(|found| (found.os.as_str(), found.architecture.as_str()) == PLATFORM)
                })
                .ok_or_else(|| anyhow!("the index `{reference}` has no manifest for linux/amd64"))?;
            client.manifest(&repository_at(&named, None, Some(entry.digest))?)?
        }
        ManifestBody::Image(_) => top,
    };
    let ManifestBody::Image(image) = &manifest.body else {
        return Err(anyhow!("an index of the index `{reference}` is not looked into"));
    };
    let config = config(registry, &named, &image.config)?;
    shown["manifest"] = parsed(&manifest.bytes)?;
    shown["configData"] = config.clone();
    shown["config"] = config;
    Ok(shown)
}

/// The configurations of an image by platform, as `linux/amd64`.
pub(super) fn configs(reference: &str, registry: &Registry) -> Result<Value> {
    let named = crate::image_name::image(reference)?;
    let client = registry.client();
    let top = client.manifest(&named).with_context(|| format!("cannot resolve the image `{reference}`"))?;
    let manifests = match top.body {
        ManifestBody::Image(image) => vec![(None, image)],
        ManifestBody::Index(index) => {
            ensure!(
                index.manifests.len() <= MAX_PLATFORMS,
                "the index `{reference}` has {} manifests, and at most {MAX_PLATFORMS} are looked into",
                index.manifests.len()
            );
            let runs = |entry: &&Descriptor| entry.platform.as_ref().is_none_or(|platform| platform.os != "unknown");
            let mut found = Vec::new();
            for entry in index.manifests.iter().filter(runs) {
                match client.manifest(&repository_at(&named, None, Some(entry.digest))?)?.body {
                    ManifestBody::Image(image) => {
                        let platform = entry.platform.as_ref();
                        found.push((platform.map(|found| format!("{}/{}", found.os, found.architecture)), image));
                    }
                    ManifestBody::Index(_) => {
                        return Err(anyhow!("an index of the index `{reference}` is not looked into"));
                    }
                }
            }
            found
        }
    };
    let mut shown = serde_json::Map::new();
    for (stated, image) in manifests {
        let config = config(registry, &named, &image.config)?;
        let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
        let mut platform = stated.unwrap_or_else(|| format!("{}/{}", text("os"), text("architecture")));
        if !text("variant").is_empty() {
            platform = format!("{platform}/{}", text("variant"));
        }
        // One that stands for another would hide it from the policy.
        ensure!(!shown.contains_key(&platform), "`{reference}` has several images for `{platform}`");
        shown.insert(platform, config);
    }
    Ok(Value::Object(shown))
}
