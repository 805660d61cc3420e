//! Grype's JSON, as far as we write and read it. Source: anchore/grype:grype/presenter/models.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Document {
    pub(super) matches: Vec<Match>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ignored_matches: Vec<Ignored>,
    pub(super) source: Option<Source>,
    pub(super) distro: Distro,
    pub(super) descriptor: Value,
    /// Ours: what could not be looked at, so that no findings about it means nothing.
    #[serde(rename = "signet:unexamined", skip_serializing_if = "Vec::is_empty")]
    pub(super) unexamined: Vec<Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Match {
    pub(super) vulnerability: Vulnerability,
    pub(super) related_vulnerabilities: Vec<Metadata>,
    pub(super) match_details: Vec<Detail>,
    pub(super) artifact: Artifact,
}

/// A match that is not reported, and by which rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Ignored {
    #[serde(flatten)]
    pub(super) found: Match,
    pub(super) applied_ignore_rules: Vec<Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Vulnerability {
    #[serde(flatten)]
    pub(super) metadata: Metadata,
    pub(super) fix: Fix,
    pub(super) advisories: Vec<Advisory>,
    pub(super) risk: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) id: String,
    pub(super) data_source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) severity: String,
    pub(super) urls: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    pub(super) cvss: Vec<Cvss>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) known_exploited: Vec<Kev>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) epss: Vec<Epss>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cwes: Vec<Cwe>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Cvss {
    pub(super) source: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) version: String,
    pub(super) vector: String,
    pub(super) metrics: Metrics,
    pub(super) vendor_metadata: Value,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metrics {
    pub(super) base_score: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Kev {
    pub(super) cve: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) date_added: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) required_action: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) due_date: String,
    pub(super) known_ransomware_campaign_use: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Epss {
    pub(super) cve: String,
    pub(super) epss: f64,
    pub(super) percentile: f64,
    pub(super) date: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cwe {
    pub(super) cve: String,
    pub(super) cwe: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Fix {
    pub(super) versions: Vec<String>,
    pub(super) state: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Advisory {
    pub(super) id: String,
    pub(super) link: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Detail {
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) matcher: String,
    pub(super) searched_by: Value,
    pub(super) found: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<SuggestedFix>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SuggestedFix {
    pub(super) suggested_version: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Artifact {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) locations: Vec<Value>,
    pub(super) language: String,
    pub(super) licenses: Vec<String>,
    pub(super) cpes: Vec<String>,
    pub(super) purl: String,
    pub(super) upstreams: Vec<Upstream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Upstream {
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) version: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Source {
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) target: Value,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Distro {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) id_like: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) channels: Vec<String>,
}
