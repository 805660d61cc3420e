//! Messages of both services. Source: aquasecurity/trivy:rpc/common/service.proto.
//!
//! Fields from 10001 on are ours: Trivy has no place for them and skips what it does not know.

use std::collections::BTreeMap;

use prost::Message;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::weight::{LEAF, Shape};

pub(crate) const PACKAGE: Shape =
    Shape(&[(19, &LEAF), (20, &LEAF), (11, &LEAF), (24, &LEAF), (26, &LEAF), (10_001, &LEAF)]);

/// An operating system.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Os {
    /// `debian`, `redhat`, ...
    #[prost(string, tag = "1")]
    pub family: String,
    /// Its release.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether it gets no fixes any more.
    #[prost(bool, tag = "3")]
    pub eosl: bool,
    /// Whether it has extended support.
    #[prost(bool, tag = "4")]
    pub extended: bool,
    /// Ours: the channel beside the release, such as `eus`.
    #[prost(string, tag = "10001")]
    #[serde(skip)]
    pub channel: String,
}

/// Where an Alpine system gets its packages.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Repository {
    /// `alpine`.
    #[prost(string, tag = "1")]
    pub family: String,
    /// `3.20`, `edge`.
    #[prost(string, tag = "2")]
    pub release: String,
}

/// Packages of an operating system, by the file that lists them.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageInfo {
    /// The file.
    #[prost(string, tag = "1")]
    pub file_path: String,
    /// What it lists.
    #[prost(message, repeated, tag = "2")]
    pub packages: Vec<Package>,
}

/// Packages of a language, by the file that lists them.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// `npm`, `jar`, ...
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// The file.
    #[prost(string, tag = "2")]
    pub file_path: String,
    /// What it lists; clients before 0.51 called it `libraries`.
    #[prost(message, repeated, tag = "3")]
    #[serde(alias = "libraries")]
    pub packages: Vec<Package>,
}

/// One package.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Package {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The version, of distributions' packages without epoch and release.
    #[prost(string, tag = "2")]
    pub version: String,
    /// The release of a distribution's package.
    #[prost(string, tag = "3")]
    pub release: String,
    /// The epoch of a distribution's package.
    #[prost(int32, tag = "4")]
    pub epoch: i32,
    /// The architecture.
    #[prost(string, tag = "5")]
    pub arch: String,
    /// The package that it was built from.
    #[prost(string, tag = "6")]
    pub src_name: String,
    /// Version of it.
    #[prost(string, tag = "7")]
    pub src_version: String,
    /// Release of it.
    #[prost(string, tag = "8")]
    pub src_release: String,
    /// Epoch of it.
    #[prost(int32, tag = "9")]
    pub src_epoch: i32,
    /// The layer that brought it.
    #[prost(message, optional, tag = "11")]
    pub layer: Option<Layer>,
    /// The file that it was found in.
    #[prost(string, tag = "12")]
    pub file_path: String,
    /// Its id among its neighbours.
    #[prost(string, tag = "13")]
    pub id: String,
    /// Ids of what it needs.
    #[prost(string, repeated, tag = "14")]
    pub depends_on: Vec<String>,
    /// Its licences.
    #[prost(string, repeated, tag = "15")]
    pub licenses: Vec<String>,
    /// `sha1:HEX` of the file.
    #[prost(string, tag = "16")]
    pub digest: String,
    /// Only needed to develop.
    #[prost(bool, tag = "17")]
    pub dev: bool,
    /// Needed by something else only.
    #[prost(bool, tag = "18")]
    pub indirect: bool,
    /// Its names.
    #[prost(message, optional, tag = "19")]
    pub identifier: Option<PkgIdentifier>,
    /// Lines of the file.
    #[prost(message, repeated, tag = "20")]
    pub locations: Vec<Location>,
    /// Who maintains it.
    #[prost(string, tag = "21")]
    pub maintainer: String,
    /// 1 root, 2 workspace, 3 direct, 4 indirect.
    #[prost(int32, tag = "22")]
    pub relationship: i32,
    /// The analyzer that found it.
    #[prost(string, tag = "23")]
    pub analyzed_by: String,
    /// Where it was installed from.
    #[prost(message, optional, tag = "24")]
    pub repository: Option<PackageRepository>,
    /// The module of an RPM package.
    #[prost(string, tag = "25")]
    pub modularitylabel: String,
    /// How a Red Hat image was built.
    #[prost(message, optional, tag = "26")]
    pub build_info: Option<BuildInfo>,
    /// The files that it owns.
    #[prost(string, repeated, tag = "27")]
    pub installed_files: Vec<String>,
    /// Ours: what else the matcher asks for.
    #[prost(btree_map = "string, string", tag = "10001")]
    #[serde(skip)]
    pub facts: BTreeMap<String, String>,
}

/// Names of a package.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PkgIdentifier {
    /// Package URL.
    #[prost(string, tag = "1")]
    pub purl: String,
    /// Its name in a CycloneDX document.
    #[prost(string, tag = "2")]
    pub bom_ref: String,
    /// A hash over what is known of it.
    #[prost(string, tag = "3")]
    pub uid: String,
}

/// Lines of a file, both included.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// From 1.
    #[prost(int32, tag = "1")]
    pub start_line: i32,
    /// From 1.
    #[prost(int32, tag = "2")]
    pub end_line: i32,
}

/// Where a package was installed from.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PackageRepository {
    /// `official`, `third-party`.
    #[prost(string, tag = "1")]
    pub class: String,
}

/// How a Red Hat image was built.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildInfo {
    /// Repositories.
    #[prost(string, repeated, tag = "1")]
    pub content_sets: Vec<String>,
    /// Name, version, release.
    #[prost(string, tag = "2")]
    pub nvr: String,
    /// Architecture.
    #[prost(string, tag = "3")]
    pub arch: String,
}

/// A layer of an image.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Layer {
    /// Digest of the blob.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// Digest of the tar stream.
    #[prost(string, tag = "2")]
    pub diff_id: String,
    /// The instruction that made it.
    #[prost(string, tag = "3")]
    pub created_by: String,
    /// Bytes.
    #[prost(int64, tag = "4")]
    #[serde(with = "json::long")]
    pub size: i64,
}

/// What a file of configuration does right and wrong, as the client found it.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Misconfiguration {
    /// `dockerfile`, `kubernetes`, ...
    #[prost(string, tag = "1")]
    pub file_type: String,
    /// The file.
    #[prost(string, tag = "2")]
    pub file_path: String,
    /// Right.
    #[prost(message, repeated, tag = "3")]
    pub successes: Vec<MisconfResult>,
    /// Doubtful.
    #[prost(message, repeated, tag = "4")]
    pub warnings: Vec<MisconfResult>,
    /// Wrong.
    #[prost(message, repeated, tag = "5")]
    pub failures: Vec<MisconfResult>,
}

/// What one check says.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct MisconfResult {
    /// The check's package.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// What it says.
    #[prost(string, tag = "2")]
    pub message: String,
    /// The check.
    #[prost(message, optional, tag = "7")]
    pub policy_metadata: Option<PolicyMetadata>,
    /// Where: passed on as it came.
    #[prost(bytes = "vec", tag = "8")]
    #[serde(with = "json::raw")]
    pub cause_metadata: Vec<u8>,
}

/// A check.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyMetadata {
    /// Its id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its id in Aqua's database.
    #[prost(string, tag = "2")]
    pub adv_id: String,
    /// What it is about.
    #[prost(string, tag = "3")]
    pub r#type: String,
    /// In a line.
    #[prost(string, tag = "4")]
    pub title: String,
    /// In full.
    #[prost(string, tag = "5")]
    pub description: String,
    /// `HIGH`, ...
    #[prost(string, tag = "6")]
    pub severity: String,
    /// What to do.
    #[prost(string, tag = "7")]
    pub recommended_actions: String,
    /// Links.
    #[prost(string, repeated, tag = "8")]
    pub references: Vec<String>,
}

/// What one check says, in a result.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DetectedMisconfiguration {
    /// What it is about.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// The check's id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// In a line.
    #[prost(string, tag = "3")]
    pub title: String,
    /// In full.
    #[prost(string, tag = "4")]
    pub description: String,
    /// What it says.
    #[prost(string, tag = "5")]
    pub message: String,
    /// The check's package.
    #[prost(string, tag = "6")]
    pub namespace: String,
    /// What to do.
    #[prost(string, tag = "7")]
    pub resolution: String,
    /// How bad.
    #[prost(int32, tag = "8")]
    #[serde(with = "json::severity")]
    pub severity: i32,
    /// The first link.
    #[prost(string, tag = "9")]
    pub primary_url: String,
    /// Links.
    #[prost(string, repeated, tag = "10")]
    pub references: Vec<String>,
    /// `PASS`, `FAIL`.
    #[prost(string, tag = "11")]
    pub status: String,
    /// The layer.
    #[prost(message, optional, tag = "12")]
    pub layer: Option<Layer>,
    /// Where: passed on as it came.
    #[prost(bytes = "vec", tag = "13")]
    #[serde(with = "json::raw")]
    pub cause_metadata: Vec<u8>,
    /// The check's id in Aqua's database.
    #[prost(string, tag = "14")]
    pub avd_id: String,
    /// The rule.
    #[prost(string, tag = "15")]
    pub query: String,
}

/// A finding.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Vulnerability {
    /// `CVE-...`.
    #[prost(string, tag = "1")]
    pub vulnerability_id: String,
    /// The package.
    #[prost(string, tag = "2")]
    pub pkg_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub installed_version: String,
    /// Versions without the flaw, `, ` between.
    #[prost(string, tag = "4")]
    pub fixed_version: String,
    /// In a line.
    #[prost(string, tag = "5")]
    pub title: String,
    /// In full.
    #[prost(string, tag = "6")]
    pub description: String,
    /// How bad.
    #[prost(int32, tag = "7")]
    #[serde(with = "json::severity")]
    pub severity: i32,
    /// Links.
    #[prost(string, repeated, tag = "8")]
    pub references: Vec<String>,
    /// The layer that brought the package.
    #[prost(message, optional, tag = "10")]
    pub layer: Option<Layer>,
    /// Who says how bad.
    #[prost(string, tag = "11")]
    pub severity_source: String,
    /// Scores by who says them.
    #[prost(btree_map = "string, message", tag = "12")]
    pub cvss: BTreeMap<String, Cvss>,
    /// Kinds of flaw.
    #[prost(string, repeated, tag = "13")]
    pub cwe_ids: Vec<String>,
    /// The first link.
    #[prost(string, tag = "14")]
    pub primary_url: String,
    /// When it was published.
    #[prost(message, optional, tag = "15")]
    pub published_date: Option<Timestamp>,
    /// When it last changed.
    #[prost(message, optional, tag = "16")]
    pub last_modified_date: Option<Timestamp>,
    /// Ids of the distribution's advisories.
    #[prost(string, repeated, tag = "19")]
    pub vendor_ids: Vec<String>,
    /// Where the advisory is from.
    #[prost(message, optional, tag = "20")]
    pub data_source: Option<DataSource>,
    /// How bad, by who says it.
    #[prost(btree_map = "string, int32", tag = "21")]
    #[serde(with = "json::severities")]
    pub vendor_severity: BTreeMap<String, i32>,
    /// The file that the package was found in.
    #[prost(string, tag = "22")]
    pub pkg_path: String,
    /// The package's id.
    #[prost(string, tag = "23")]
    pub pkg_id: String,
    /// 0 unknown, 1 not affected, 2 affected, 3 fixed, 4 under investigation, 5 will not fix, 6 fix deferred, 7 end of life.
    #[prost(int32, tag = "24")]
    pub status: i32,
    /// Names of the package.
    #[prost(message, optional, tag = "25")]
    pub pkg_identifier: Option<PkgIdentifier>,
    /// Ours: the package itself is the flaw.
    #[prost(bool, tag = "10001")]
    #[serde(skip)]
    pub malicious: bool,
}

/// Where an advisory is from.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DataSource {
    /// Short.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Long.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where it is published.
    #[prost(string, tag = "3")]
    pub url: String,
    /// Ours: the source that it is built on.
    #[prost(string, tag = "10001")]
    #[serde(skip)]
    pub base_id: String,
}

/// Scores of one source.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Cvss {
    /// Version 2.
    #[prost(string, tag = "1")]
    pub v2_vector: String,
    /// Version 3.
    #[prost(string, tag = "2")]
    pub v3_vector: String,
    /// Version 2.
    #[prost(double, tag = "3")]
    pub v2_score: f64,
    /// Version 3.
    #[prost(double, tag = "4")]
    pub v3_score: f64,
    /// Version 4.
    #[prost(string, tag = "5")]
    pub v40_vector: String,
    /// Version 4.
    #[prost(double, tag = "6")]
    pub v40_score: f64,
}

/// A file that the client found secrets in. The findings are passed on as they came.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// The file.
    #[prost(string, tag = "1")]
    pub filepath: String,
    /// `SecretFinding`s.
    #[prost(bytes = "vec", repeated, tag = "2")]
    #[serde(with = "json::raw")]
    pub findings: Vec<Vec<u8>>,
}

/// A licence, in a result.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct DetectedLicense {
    /// How much it asks.
    #[prost(int32, tag = "1")]
    #[serde(with = "json::severity")]
    pub severity: i32,
    /// What it asks.
    #[prost(int32, tag = "2")]
    #[serde(with = "json::category")]
    pub category: i32,
    /// The package.
    #[prost(string, tag = "3")]
    pub pkg_name: String,
    /// The file.
    #[prost(string, tag = "4")]
    pub file_path: String,
    /// Its name.
    #[prost(string, tag = "5")]
    pub name: String,
    /// From 0 to 1.
    #[prost(float, tag = "6")]
    pub confidence: f32,
    /// Where it stands.
    #[prost(string, tag = "7")]
    pub link: String,
    /// What it says.
    #[prost(string, tag = "8")]
    pub text: String,
}

/// A file with licences, as the client found it.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LicenseFile {
    /// 1 of a Debian package, 2 a header, 3 a file of its own.
    #[prost(int32, tag = "1")]
    #[serde(with = "json::license_type")]
    pub license_type: i32,
    /// The file.
    #[prost(string, tag = "2")]
    pub file_path: String,
    /// The package.
    #[prost(string, tag = "3")]
    pub pkg_name: String,
    /// What is in it (the definition has the slip).
    #[prost(message, repeated, tag = "4")]
    pub fingings: Vec<LicenseFinding>,
    /// The layer.
    #[prost(message, optional, tag = "5")]
    pub layer: Option<Layer>,
}

/// A licence in a file.
#[derive(Clone, PartialEq, Message, Serialize, Deserialize)]
#[serde(default)]
pub struct LicenseFinding {
    /// What it asks.
    #[prost(int32, tag = "1")]
    #[serde(with = "json::category")]
    pub category: i32,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// From 0 to 1.
    #[prost(float, tag = "3")]
    pub confidence: f32,
    /// Where it stands.
    #[prost(string, tag = "4")]
    pub link: String,
}

/// `google.protobuf.Timestamp`; RFC 3339 in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Timestamp {
    /// Since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Within the second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::new(self.seconds, self.nanos) {
            Ok(time) => to.serialize_str(&time.to_string()),
            Err(_) => to.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let time: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
    }
}
