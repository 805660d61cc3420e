//! Syft's JSON, as far as we read or write it. Source: anchore/syft:schema/json/schema-16.1.10.json.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bounded::Bounded;
use crate::{PACKAGES, RELATIONSHIPS};

/// Artifacts and relationships are lists, or made one by one while they are written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "A: Deserialize<'de> + Default, R: Deserialize<'de> + Default")
)]
pub(super) struct Document<A = Bounded<Artifact, PACKAGES>, R = Bounded<Relationship, RELATIONSHIPS>> {
    pub(super) artifacts: A,
    pub(super) artifact_relationships: R,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<Vec<File>>,
    pub(super) source: Option<Source>,
    pub(super) distro: Option<Distro>,
    pub(super) descriptor: Option<Descriptor>,
    pub(super) schema: Option<Schema>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Artifact {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: Option<String>,
    pub(super) found_by: Option<String>,
    pub(super) locations: Option<Vec<Location>>,
    pub(super) licenses: Option<Vec<License>>,
    pub(super) language: Option<String>,
    pub(super) cpes: Option<Vec<Cpe>>,
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata_type: Option<String>,
    /// Written from a table, see `metadata.rs`.
    #[serde(skip_serializing_if = "Option::is_none", rename = "metadata", skip_deserializing)]
    pub(super) written: Option<Value>,
    #[serde(skip_serializing, rename = "metadata")]
    pub(super) facts: Option<super::metadata::Facts>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Location {
    pub(super) path: Option<String>,
    #[serde(rename = "layerID", skip_serializing_if = "Option::is_none")]
    pub(super) layer_id: Option<String>,
    #[serde(rename = "accessPath")]
    pub(super) access_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<Annotations>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Annotations {
    pub(super) evidence: Option<String>,
    /// Ours: `FIRST-LAST`.
    #[serde(rename = "signet:lines", skip_serializing_if = "Option::is_none")]
    pub(super) lines: Option<String>,
}

/// An object since schema 9, a plain text before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum License {
    Object(LicenseObject),
    Text(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LicenseObject {
    pub(super) value: Option<String>,
    pub(super) spdx_expression: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: Option<String>,
    pub(super) urls: Option<Vec<String>>,
    pub(super) locations: Option<Vec<Location>>,
}

/// An object since schema 16.0.3, a plain text before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Cpe {
    Object { cpe: String, source: Option<String> },
    Text(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Relationship {
    pub(super) parent: Option<String>,
    pub(super) child: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(super) metadata: Option<Overlap>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Overlap {
    pub(super) files: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub(super) id: Option<String>,
    pub(super) location: Option<Coordinates>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digests: Option<Vec<Digest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unknowns: Option<Vec<String>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Coordinates {
    pub(super) path: Option<String>,
    #[serde(rename = "layerID", skip_serializing_if = "Option::is_none")]
    pub(super) layer_id: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Digest {
    pub(super) algorithm: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Source {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: Option<String>,
    pub(super) metadata: Option<Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Distro {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pretty_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_like: Option<IdLike>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(rename = "versionID", skip_serializing_if = "Option::is_none")]
    pub(super) version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version_codename: Option<String>,
    #[serde(rename = "buildID", skip_serializing_if = "Option::is_none")]
    pub(super) build_id: Option<String>,
    #[serde(rename = "imageID", skip_serializing_if = "Option::is_none")]
    pub(super) image_id: Option<String>,
    #[serde(rename = "variantID", skip_serializing_if = "Option::is_none")]
    pub(super) variant_id: Option<String>,
    #[serde(rename = "homeURL", skip_serializing_if = "Option::is_none")]
    pub(super) home_url: Option<String>,
    #[serde(rename = "supportURL", skip_serializing_if = "Option::is_none")]
    pub(super) support_url: Option<String>,
    #[serde(rename = "bugReportURL", skip_serializing_if = "Option::is_none")]
    pub(super) bug_report_url: Option<String>,
    #[serde(rename = "privacyPolicyURL", skip_serializing_if = "Option::is_none")]
    pub(super) privacy_policy_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpe_name: Option<String>,
}

/// A list, in old documents a text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum IdLike {
    List(Vec<String>),
    Text(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Descriptor {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Schema {
    pub(super) version: Option<String>,
    pub(super) url: Option<String>,
}
