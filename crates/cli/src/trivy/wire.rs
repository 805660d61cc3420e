//! Trivy's JSON report, schema version 2: the fields and their order, nothing else. What we do not know of is kept as it came.
//!
//! Source: aquasecurity/trivy:pkg/types/report.go, pkg/types/vulnerability.go, pkg/fanal/types/artifact.go.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};

fn none<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Go writes an empty list as `null` where it has none.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// The whole report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Report {
    #[serde(skip_serializing_if = "none")]
    pub(crate) schema_version: u32,
    #[serde(skip_serializing_if = "none")]
    pub(crate) trivy: Tool,
    #[serde(rename = "ReportID", skip_serializing_if = "none")]
    pub(crate) report_id: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) created_at: String,
    #[serde(rename = "ArtifactID", skip_serializing_if = "none")]
    pub(crate) artifact_id: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) artifact_name: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) artifact_type: String,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) metadata: Metadata,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) results: Vec<ResultRow>,
    /// Ours: what could not be examined. Trivy has no place for it, and its readers skip what they do not know.
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) unexamined: Vec<UnexaminedRow>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Tool {
    #[serde(skip_serializing_if = "none")]
    pub(crate) version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Metadata {
    #[serde(skip_serializing_if = "none")]
    pub(crate) size: u64,
    #[serde(rename = "OS", skip_serializing_if = "Option::is_none")]
    pub(crate) os: Option<Os>,
    #[serde(rename = "ImageID", skip_serializing_if = "none")]
    pub(crate) image_id: String,
    #[serde(rename = "DiffIDs", skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) diff_ids: Vec<String>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) repo_digests: Vec<String>,
    #[serde(skip_serializing_if = "none")]
    pub(crate) reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_config: Option<Value>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) layers: Vec<Layer>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Os {
    pub(crate) family: String,
    pub(crate) name: String,
    #[serde(rename = "EOSL", skip_serializing_if = "none")]
    pub(crate) eosl: bool,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Layer {
    #[serde(skip_serializing_if = "none")]
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "none")]
    pub(crate) digest: String,
    #[serde(rename = "DiffID", skip_serializing_if = "none")]
    pub(crate) diff_id: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// One lock file, operating system, or group of packages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ResultRow {
    pub(crate) target: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) class: String,
    #[serde(rename = "Type", skip_serializing_if = "none")]
    pub(crate) ty: String,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) packages: Vec<PackageRow>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) vulnerabilities: Vec<VulnerabilityRow>,
    #[serde(rename = "ExperimentalModifiedFindings", skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) modified: Vec<ModifiedRow>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct PackageRow {
    #[serde(rename = "ID", skip_serializing_if = "none")]
    pub(crate) id: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) name: String,
    pub(crate) identifier: Identifier,
    #[serde(skip_serializing_if = "none")]
    pub(crate) version: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) release: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) epoch: u64,
    #[serde(skip_serializing_if = "none")]
    pub(crate) arch: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) dev: bool,
    #[serde(skip_serializing_if = "none")]
    pub(crate) src_name: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) src_version: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) src_release: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) src_epoch: u64,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) licenses: Vec<String>,
    #[serde(skip_serializing_if = "none")]
    pub(crate) maintainer: String,
    #[serde(rename = "Modularitylabel", skip_serializing_if = "none")]
    pub(crate) modularity_label: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) indirect: bool,
    #[serde(skip_serializing_if = "none")]
    pub(crate) relationship: String,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) depends_on: Vec<String>,
    #[serde(skip_serializing_if = "none")]
    pub(crate) layer: Layer,
    #[serde(skip_serializing_if = "none")]
    pub(crate) file_path: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) digest: String,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) locations: Vec<Lines>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) installed_files: Vec<String>,
    #[serde(skip_serializing_if = "none")]
    pub(crate) analyzed_by: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
    /// The package's place in the inventory that the report was made of.
    #[serde(skip)]
    pub(crate) place: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Lines {
    #[serde(skip_serializing_if = "none")]
    pub(crate) start_line: u32,
    #[serde(skip_serializing_if = "none")]
    pub(crate) end_line: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Identifier {
    #[serde(rename = "PURL", skip_serializing_if = "none")]
    pub(crate) purl: String,
    #[serde(rename = "UID", skip_serializing_if = "none")]
    pub(crate) uid: String,
    #[serde(rename = "BOMRef", skip_serializing_if = "none")]
    pub(crate) bom_ref: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct VulnerabilityRow {
    #[serde(rename = "VulnerabilityID", skip_serializing_if = "none")]
    pub(crate) id: String,
    #[serde(rename = "VendorIDs", skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) vendor_ids: Vec<String>,
    #[serde(rename = "PkgID", skip_serializing_if = "none")]
    pub(crate) pkg_id: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) pkg_name: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) pkg_path: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) pkg_identifier: Identifier,
    #[serde(skip_serializing_if = "none")]
    pub(crate) installed_version: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) fixed_version: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) status: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) layer: Layer,
    #[serde(skip_serializing_if = "none")]
    pub(crate) severity_source: String,
    #[serde(rename = "PrimaryURL", skip_serializing_if = "none")]
    pub(crate) primary_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_source: Option<DataSource>,
    #[serde(skip_serializing_if = "none")]
    pub(crate) fingerprint: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) title: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) description: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) severity: String,
    #[serde(rename = "CweIDs", skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) cwe_ids: Vec<String>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) vendor_severity: BTreeMap<String, u8>,
    #[serde(rename = "CVSS", skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) cvss: BTreeMap<String, Cvss>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) references: Vec<String>,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) published_date: String,
    #[serde(skip_serializing_if = "none", deserialize_with = "nullable")]
    pub(crate) last_modified_date: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
    /// A VEX statement that covers it; said only once the other filters have left it in.
    #[serde(skip)]
    pub(crate) vex: Option<Box<Statement>>,
    /// A malicious package: no filter for fixes hides it.
    #[serde(skip)]
    pub(crate) malicious: bool,
}

/// Who says what of a finding.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statement {
    pub(crate) status: String,
    pub(crate) statement: String,
    pub(crate) source: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DataSource {
    #[serde(rename = "ID", skip_serializing_if = "none")]
    pub(crate) id: String,
    #[serde(rename = "BaseID", skip_serializing_if = "none")]
    pub(crate) base_id: String,
    #[serde(rename = "Name", skip_serializing_if = "none")]
    pub(crate) name: String,
    #[serde(rename = "URL", skip_serializing_if = "none")]
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cvss {
    #[serde(rename = "V2Vector", skip_serializing_if = "Option::is_none")]
    pub(crate) v2_vector: Option<String>,
    #[serde(rename = "V3Vector", skip_serializing_if = "Option::is_none")]
    pub(crate) v3_vector: Option<String>,
    #[serde(rename = "V40Vector", skip_serializing_if = "Option::is_none")]
    pub(crate) v4_vector: Option<String>,
    #[serde(rename = "V2Score", skip_serializing_if = "Option::is_none")]
    pub(crate) v2_score: Option<Number>,
    #[serde(rename = "V3Score", skip_serializing_if = "Option::is_none")]
    pub(crate) v3_score: Option<Number>,
    #[serde(rename = "V40Score", skip_serializing_if = "Option::is_none")]
    pub(crate) v4_score: Option<Number>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A finding that something took out of sight.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ModifiedRow {
    #[serde(rename = "Type")]
    pub(crate) ty: String,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) statement: String,
    #[serde(skip_serializing_if = "none")]
    pub(crate) source: String,
    /// Of any kind of finding: only vulnerabilities are understood here, the others are passed on.
    pub(crate) finding: Value,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UnexaminedRow {
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) by: String,
    pub(crate) why: String,
}
