//! The JSON values of Trivy's database, schema 2. Source: trivy-db `pkg/types/types.go`, `pkg/vulnsrc/redhat-oval/types/types.go`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// `data-source/<bucket>`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DataSource {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "Name")]
    pub(super) name: String,
    #[serde(rename = "URL")]
    pub(super) url: String,
    #[serde(rename = "BaseID")]
    pub(super) base_id: String,
}

/// `vulnerability/<id>`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Vulnerability {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) severity: String,
    #[serde(rename = "CweIDs", deserialize_with = "or_default")]
    pub(super) cwe_ids: Vec<String>,
    #[serde(deserialize_with = "whole_map")]
    pub(super) vendor_severity: BTreeMap<String, i64>,
    #[serde(rename = "CVSS", deserialize_with = "or_default")]
    pub(super) cvss: BTreeMap<String, Cvss>,
    #[serde(deserialize_with = "or_default")]
    pub(super) references: Vec<String>,
    pub(super) published_date: Option<String>,
    pub(super) last_modified_date: Option<String>,
}

/// Scores of one source.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cvss {
    #[serde(rename = "V2Vector")]
    pub(super) v2_vector: Option<String>,
    #[serde(rename = "V3Vector")]
    pub(super) v3_vector: Option<String>,
    #[serde(rename = "V40Vector")]
    pub(super) v40_vector: Option<String>,
    #[serde(rename = "V2Score")]
    pub(super) v2_score: Option<f64>,
    #[serde(rename = "V3Score")]
    pub(super) v3_score: Option<f64>,
    #[serde(rename = "V40Score")]
    pub(super) v40_score: Option<f64>,
}

/// `<platform>/<package>/<id>`: every field of every kind of advisory.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Advisory {
    pub(super) fixed_version: String,
    pub(super) affected_version: String,
    #[serde(deserialize_with = "whole")]
    pub(super) status: i64,
    #[serde(deserialize_with = "whole")]
    pub(super) severity: i64,
    #[serde(rename = "VendorIDs", deserialize_with = "or_default")]
    pub(super) vendor_ids: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) arches: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) vulnerable_versions: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) patched_versions: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) unaffected_versions: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) entries: Vec<Entry>,
    pub(super) data_source: Option<DataSource>,
}

/// A part of an advisory: one architecture, or one group of Red Hat's products.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Entry {
    pub(super) fixed_version: String,
    #[serde(deserialize_with = "whole")]
    pub(super) status: i64,
    #[serde(deserialize_with = "whole")]
    pub(super) severity: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) arches: Vec<String>,
    #[serde(alias = "VendorIDs", deserialize_with = "or_default")]
    pub(super) vendor_ids: Vec<String>,
    #[serde(deserialize_with = "whole_list")]
    pub(super) affected: Vec<i64>,
    #[serde(deserialize_with = "or_default")]
    pub(super) cves: Vec<Cve>,
}

/// A vulnerability that a Red Hat advisory repairs. `ID` is empty where the key is the CVE itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cve {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "Severity", deserialize_with = "whole")]
    pub(super) severity: i64,
}

/// `metadata.json` beside the database.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Metadata {
    pub(super) version: i64,
    #[serde(default)]
    pub(super) next_update: Option<String>,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) downloaded_at: Option<String>,
}

/// `null` is the default: Go writes it for an empty list.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// A whole number that may be written as `1.0`: the database's YAML sources make floats of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Whole {
    Int(i64),
    Float(f64),
}

impl Whole {
    fn get(self) -> Option<i64> {
        match self {
            Whole::Int(value) => Some(value),
            Whole::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => Some(value as i64),
            Whole::Float(_) => None,
        }
    }
}

const NOT_WHOLE: &str = "a whole number was expected";

fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    Whole::deserialize(from)?.get().ok_or_else(|| serde::de::Error::custom(NOT_WHOLE))
}

/// A list of whole numbers.
pub(super) fn whole_list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
    let list = Option::<Vec<Whole>>::deserialize(from)?.unwrap_or_default();
    list.into_iter().map(|value| value.get().ok_or_else(|| serde::de::Error::custom(NOT_WHOLE))).collect()
}

fn whole_map<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, i64>, D::Error> {
    let map = Option::<BTreeMap<String, Whole>>::deserialize(from)?.unwrap_or_default();
    map.into_iter()
        .map(|(key, value)| value.get().map(|value| (key, value)).ok_or_else(|| serde::de::Error::custom(NOT_WHOLE)))
        .collect()
}

/// A list of product indices as a whole value.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Indices(#[serde(deserialize_with = "whole_list")] pub(super) Vec<i64>);
