//! `trivy.scanner.v1.Scanner`: what the server finds in kept blobs. Source: aquasecurity/trivy:rpc/scanner/service.proto.

use std::collections::BTreeMap;

use prost::Message;
use serde::{Deserialize, Serialize};

use crate::Body;
use crate::common::{DetectedLicense, DetectedMisconfiguration, Layer, Os, PACKAGE, Package, Vulnerability};
use crate::json;
use crate::weight::{LEAF, Shape};

/// `Scan`.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanRequest {
    /// What the user calls it.
    #[prost(string, tag = "1")]
    pub target: String,
    /// Its name in the cache.
    #[prost(string, tag = "2")]
    pub artifact_id: String,
    /// Its blobs, the lowest layer first.
    #[prost(string, repeated, tag = "3")]
    pub blob_ids: Vec<String>,
    /// What is wanted.
    #[prost(message, optional, tag = "4")]
    pub options: Option<ScanOptions>,
}

impl Body for ScanRequest {
    const SHAPE: &'static Shape = &Shape(&[(4, &Shape(&[(4, &Shape(&[(2, &LEAF)])), (7, &LEAF)]))]);
}

/// What is wanted of a scan.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanOptions {
    /// `os`, `library`; clients before 0.55 called it `vuln_type`.
    #[prost(string, repeated, tag = "1")]
    #[serde(alias = "vuln_type")]
    pub pkg_types: Vec<String>,
    /// `vuln`, `secret`, ...; clients before 0.37 called it `security_checks`.
    #[prost(string, repeated, tag = "2")]
    #[serde(alias = "security_checks")]
    pub scanners: Vec<String>,
    /// Licences that the user puts into categories.
    #[prost(btree_map = "string, message", tag = "4")]
    pub license_categories: BTreeMap<String, Licenses>,
    /// Packages that are only needed to develop too.
    #[prost(bool, tag = "5")]
    pub include_dev_deps: bool,
    /// Only packages that are needed in these ways; none means any.
    #[prost(string, repeated, tag = "6")]
    pub pkg_relationships: Vec<String>,
    /// Another operating system than was found.
    #[prost(message, optional, tag = "7")]
    pub distro: Option<Os>,
    /// Whose severity counts, in order.
    #[prost(string, repeated, tag = "8")]
    pub vuln_severity_sources: Vec<String>,
    /// Licences in loose files too.
    #[prost(bool, tag = "9")]
    pub license_full: bool,
}

/// Names of licences.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Licenses {
    /// The names.
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
}

/// What was found.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanResponse {
    /// The operating system.
    #[prost(message, optional, tag = "1")]
    pub os: Option<Os>,
    /// By file, or ecosystem.
    #[prost(message, repeated, tag = "3")]
    pub results: Vec<ScanResult>,
    /// The layers of the blobs.
    #[prost(message, repeated, tag = "4")]
    pub layers: Vec<Layer>,
    /// Ours: what could not be examined, as lines for a person. Trivy has no place for it.
    #[prost(string, repeated, tag = "10001")]
    #[serde(skip)]
    pub unexamined: Vec<String>,
}

impl Body for ScanResponse {
    const SHAPE: &'static Shape = &Shape(&[
        (1, &LEAF),
        (
            3,
            &Shape(&[
                (
                    2,
                    &Shape(&[
                        (10, &LEAF),
                        (12, &Shape(&[(2, &LEAF)])),
                        (15, &LEAF),
                        (16, &LEAF),
                        (20, &LEAF),
                        (21, &LEAF),
                        (25, &LEAF),
                    ]),
                ),
                (4, &Shape(&[(12, &LEAF)])),
                (5, &PACKAGE),
                (7, &LEAF),
                (8, &LEAF),
                (9, &LEAF),
            ]),
        ),
        (4, &LEAF),
    ]);
}

/// What was found in one file, or ecosystem.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanResult {
    /// Its name.
    #[prost(string, tag = "1")]
    pub target: String,
    /// Flaws.
    #[prost(message, repeated, tag = "2")]
    pub vulnerabilities: Vec<Vulnerability>,
    /// `npm`, `debian`, ...
    #[prost(string, tag = "3")]
    pub r#type: String,
    /// Wrong configuration.
    #[prost(message, repeated, tag = "4")]
    pub misconfigurations: Vec<DetectedMisconfiguration>,
    /// Packages.
    #[prost(message, repeated, tag = "5")]
    pub packages: Vec<Package>,
    /// `os-pkgs`, `lang-pkgs`, ...
    #[prost(string, tag = "6")]
    pub class: String,
    /// Passed on as they came.
    #[prost(bytes = "vec", repeated, tag = "7")]
    #[serde(with = "json::raw")]
    pub custom_resources: Vec<Vec<u8>>,
    /// Passed on as they came.
    #[prost(bytes = "vec", repeated, tag = "8")]
    #[serde(with = "json::raw")]
    pub secrets: Vec<Vec<u8>>,
    /// Licences.
    #[prost(message, repeated, tag = "9")]
    pub licenses: Vec<DetectedLicense>,
}
