//! The JSON of manifests, indexes and configurations as it stands in the specifications, and nothing else.
//! Sources: OCI image-spec `manifest.md`, `image-index.md`, `config.md`, `descriptor.md`; Docker "Image Manifest Version 2, Schema 2".

use std::collections::BTreeMap;

use serde::Deserialize;

/// Any of the documents: which one it is shows in the fields that are there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) schema_version: Option<u64>,
    pub(super) media_type: Option<String>,
    pub(super) artifact_type: Option<String>,
    pub(super) config: Option<Descriptor>,
    pub(super) layers: Option<Vec<Descriptor>>,
    pub(super) manifests: Option<Vec<Descriptor>>,
    pub(super) fs_layers: Option<serde::de::IgnoredAny>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) subject: Option<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) platform: Option<Platform>,
    pub(super) annotations: Option<BTreeMap<String, String>>,
    pub(super) artifact_type: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) architecture: String,
    pub(super) variant: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) os: Option<String>,
    #[serde(default)]
    pub(super) architecture: Option<String>,
    pub(super) variant: Option<String>,
    pub(super) rootfs: Option<RootFs>,
    pub(super) history: Option<Vec<History>>,
}

#[derive(Deserialize)]
pub(super) struct RootFs {
    pub(super) diff_ids: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub(super) struct History {
    pub(super) created_by: Option<String>,
    pub(super) empty_layer: Option<bool>,
}
