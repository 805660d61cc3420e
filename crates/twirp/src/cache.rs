//! `trivy.cache.v1.Cache`: what the client found, kept by the server. Source: aquasecurity/trivy:rpc/cache/service.proto.

use prost::Message;
use serde::{Deserialize, Serialize};

use crate::Body;
use crate::common::{
    Application, BuildInfo, LicenseFile, Misconfiguration, Os, PACKAGE, Package, PackageInfo, Repository, Secret,
    Timestamp,
};
use crate::json;
use crate::weight::{LEAF, Shape};

const SECRET: Shape = Shape(&[(2, &LEAF)]);
const RESULT: Shape = Shape(&[(7, &LEAF), (8, &LEAF)]);
const BLOB: Shape = Shape(&[
    (2, &LEAF),
    (3, &Shape(&[(2, &PACKAGE)])),
    (4, &Shape(&[(3, &PACKAGE)])),
    (9, &Shape(&[(3, &RESULT), (4, &RESULT), (5, &RESULT)])),
    (10, &LEAF),
    (11, &LEAF),
    (12, &SECRET),
    (13, &Shape(&[(4, &LEAF), (5, &LEAF)])),
    (16, &LEAF),
]);

/// `PutArtifact`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PutArtifactRequest {
    /// Its name in the cache.
    #[prost(string, tag = "1")]
    pub artifact_id: String,
    /// What is known of it.
    #[prost(message, optional, tag = "2")]
    pub artifact_info: Option<ArtifactInfo>,
}

impl Body for PutArtifactRequest {
    const SHAPE: &'static Shape = &Shape(&[(2, &Shape(&[(3, &LEAF), (6, &PACKAGE), (7, &SECRET)]))]);
}

/// An image as a whole.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ArtifactInfo {
    /// 1 or 2.
    #[prost(int32, tag = "1")]
    pub schema_version: i32,
    /// The processor.
    #[prost(string, tag = "2")]
    pub architecture: String,
    /// When.
    #[prost(message, optional, tag = "3")]
    pub created: Option<Timestamp>,
    /// With what.
    #[prost(string, tag = "4")]
    pub docker_version: String,
    /// `linux`.
    #[prost(string, tag = "5")]
    pub os: String,
    /// Packages that the image's history names.
    #[prost(message, repeated, tag = "6")]
    pub history_packages: Vec<Package>,
    /// Secrets of its configuration.
    #[prost(message, optional, tag = "7")]
    pub secret: Option<Secret>,
}

/// `PutBlob`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PutBlobRequest {
    /// Its name in the cache.
    #[prost(string, tag = "1")]
    pub diff_id: String,
    /// What is in it.
    #[prost(message, optional, tag = "3")]
    pub blob_info: Option<BlobInfo>,
}

impl Body for PutBlobRequest {
    const SHAPE: &'static Shape = &Shape(&[(3, &BLOB)]);
}

/// A layer, or all of a directory.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct BlobInfo {
    /// 1 or 2.
    #[prost(int32, tag = "1")]
    pub schema_version: i32,
    /// The operating system.
    #[prost(message, optional, tag = "2")]
    pub os: Option<Os>,
    /// Its packages.
    #[prost(message, repeated, tag = "3")]
    pub package_infos: Vec<PackageInfo>,
    /// Packages of languages.
    #[prost(message, repeated, tag = "4")]
    pub applications: Vec<Application>,
    /// Directories that hide what lies below.
    #[prost(string, repeated, tag = "5")]
    pub opaque_dirs: Vec<String>,
    /// Files that are taken away.
    #[prost(string, repeated, tag = "6")]
    pub whiteout_files: Vec<String>,
    /// Digest of the blob.
    #[prost(string, tag = "7")]
    pub digest: String,
    /// Digest of the tar stream.
    #[prost(string, tag = "8")]
    pub diff_id: String,
    /// Files of configuration.
    #[prost(message, repeated, tag = "9")]
    pub misconfigurations: Vec<Misconfiguration>,
    /// Passed on as they came.
    #[prost(bytes = "vec", repeated, tag = "10")]
    #[serde(with = "json::raw")]
    pub custom_resources: Vec<Vec<u8>>,
    /// Where packages come from.
    #[prost(message, optional, tag = "11")]
    pub repository: Option<Repository>,
    /// Files with secrets.
    #[prost(message, repeated, tag = "12")]
    pub secrets: Vec<Secret>,
    /// Files with licences.
    #[prost(message, repeated, tag = "13")]
    pub licenses: Vec<LicenseFile>,
    /// Bytes.
    #[prost(int64, tag = "14")]
    #[serde(with = "json::long")]
    pub size: i64,
    /// The instruction that made it.
    #[prost(string, tag = "15")]
    pub created_by: String,
    /// How a Red Hat image was built.
    #[prost(message, optional, tag = "16")]
    pub build_info: Option<BuildInfo>,
}

/// `MissingBlobs`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct MissingBlobsRequest {
    /// The artifact.
    #[prost(string, tag = "1")]
    pub artifact_id: String,
    /// Its blobs.
    #[prost(string, repeated, tag = "2")]
    pub blob_ids: Vec<String>,
}

impl Body for MissingBlobsRequest {
    const SHAPE: &'static Shape = &LEAF;
}

/// What the server does not have.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct MissingBlobsResponse {
    /// The artifact itself.
    #[prost(bool, tag = "1")]
    pub missing_artifact: bool,
    /// Some of its blobs.
    #[prost(string, repeated, tag = "2")]
    pub missing_blob_ids: Vec<String>,
}

impl Body for MissingBlobsResponse {
    const SHAPE: &'static Shape = &LEAF;
}

/// `DeleteBlobs`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteBlobsRequest {
    /// Their names.
    #[prost(string, repeated, tag = "1")]
    pub blob_ids: Vec<String>,
}

impl Body for DeleteBlobsRequest {
    const SHAPE: &'static Shape = &LEAF;
}

/// `google.protobuf.Empty`.
#[derive(Clone, Copy, PartialEq, Eq, Message, Serialize, Deserialize)]
pub struct Empty {}

impl Body for Empty {
    const SHAPE: &'static Shape = &LEAF;
}
