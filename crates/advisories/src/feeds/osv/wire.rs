//! The JSON of one OSV record. Source: ossf/osv-schema `docs/schema.md`, version 1.7.

use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    #[serde(default)]
    pub(super) modified: Option<String>,
    #[serde(default)]
    pub(super) published: Option<String>,
    #[serde(default)]
    pub(super) withdrawn: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) upstream: Vec<String>,
    #[serde(default)]
    pub(super) summary: Option<String>,
    #[serde(default)]
    pub(super) details: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) severity: Vec<Severity>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) affected: Vec<Affected>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) references: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) database_specific: Specific,
}

#[derive(Debug, Deserialize)]
pub(super) struct Severity {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) score: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Affected {
    #[serde(default)]
    pub(super) package: Option<Package>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) severity: Vec<Severity>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ranges: Vec<Range>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) versions: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) ecosystem_specific: Specific,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) database_specific: Specific,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) ecosystem: String,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    /// Some databases leave it out; what has no repository is no range of commits.
    #[serde(rename = "type", default = "ecosystem")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) introduced: Option<String>,
    pub(super) fixed: Option<String>,
    pub(super) last_affected: Option<String>,
    pub(super) limit: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    #[serde(default)]
    pub(super) url: String,
}

/// What databases add in their own words. Anything may stand here, so the values are taken as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Specific {
    pub(super) severity: serde_json::Value,
    pub(super) urgency: serde_json::Value,
    pub(super) cwe_ids: serde_json::Value,
    /// Packages of a Go module with the vulnerable code (golang/vulndb).
    pub(super) imports: serde_json::Value,
}

fn ecosystem() -> String {
    "ECOSYSTEM".to_owned()
}

/// `null` is the default.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}
