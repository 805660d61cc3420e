//! The official schemas, embedded, and whether a document follows the one of its version.

mod formats;
pub(crate) mod json;
pub(crate) mod pattern;
pub(crate) mod xsd;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::lint::Problem;
use crate::xml::{self, Element};

macro_rules! embedded {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("../../data/schemas/", $name)))),*] };
}

/// Where they come from and under which licence: `data/README.md`.
const FILES: &[(&str, &str)] = embedded! {
    "bom-1.0.xsd" "bom-1.1.xsd" "bom-1.2.xsd" "bom-1.3.xsd" "bom-1.4.xsd" "bom-1.5.xsd" "bom-1.6.xsd" "bom-1.7.xsd" "spdx.xsd"
    "bom-1.2.schema.json" "bom-1.3.schema.json" "bom-1.4.schema.json" "bom-1.5.schema.json" "bom-1.6.schema.json" "bom-1.7.schema.json"
    "spdx.schema.json" "jsf-0.82.schema.json" "cryptography-defs.schema.json"
    "spdx-2.2.2.schema.json" "spdx-2.3.schema.json" "spdx-3.0.1.schema.json"
    "syft-json-latest.schema.json"
};

fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

fn load(names: &[&'static str]) -> Vec<(&'static str, Value)> {
    // The files are our own; a test reads all of them.
    names.iter().filter_map(|name| Some((*name, serde_json::from_str(text(name)?).ok()?))).collect()
}

/// A schema that documents can be held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// CycloneDX in JSON: the minor version of 1.x, 2 to 7.
    CycloneDx(u32),
    Spdx22,
    Spdx23,
    Spdx30,
    /// Syft's 16.1.
    Syft,
}

/// The problems of a document in JSON.
pub(crate) fn check_json(schema: Schema, document: &Value) -> Vec<Problem> {
    let files: &[&'static str] = match schema {
        Schema::CycloneDx(2) => &["bom-1.2.schema.json", "spdx.schema.json"],
        Schema::CycloneDx(3) => &["bom-1.3.schema.json", "spdx.schema.json"],
        Schema::CycloneDx(4) => &["bom-1.4.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"],
        Schema::CycloneDx(5) => &["bom-1.5.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"],
        Schema::CycloneDx(6) => &["bom-1.6.schema.json", "spdx.schema.json", "jsf-0.82.schema.json"],
        Schema::CycloneDx(_) => {
            &["bom-1.7.schema.json", "spdx.schema.json", "jsf-0.82.schema.json", "cryptography-defs.schema.json"]
        }
        Schema::Spdx22 => &["spdx-2.2.2.schema.json"],
        Schema::Spdx23 => &["spdx-2.3.schema.json"],
        Schema::Spdx30 => &["spdx-3.0.1.schema.json"],
        Schema::Syft => &["syft-json-latest.schema.json"],
    };
    json::Checker::new(&load(files)).check(document)
}

/// The schema of SPDX 2 documents of a version, for readers that must know which members are lists and numbers.
pub(crate) fn spdx2(version: &str) -> Value {
    let name = if version.ends_with("2.3") { "spdx-2.3.schema.json" } else { "spdx-2.2.2.schema.json" };
    load(&[name]).pop().map(|(_, schema)| schema).unwrap_or_default()
}

/// The problems of a CycloneDX document in XML. `minor`: of version 1.x, 0 to 7.
pub(crate) fn check_xml(minor: u32, root: &Element) -> Vec<Problem> {
    let schemas: Vec<Element> = [format!("bom-1.{minor}.xsd"), "spdx.xsd".to_owned()]
        .iter()
        .filter_map(|name| xml::parse(text(name)?).ok())
        .collect();
    if schemas.len() != 2 {
        return vec![Problem { at: root.name.clone(), what: format!("there is no schema of version 1.{minor}") }];
    }
    xsd::Checker::new(schemas.iter().collect()).check(root)
}

/// Whether a text is a date and time of RFC 3339.
pub(crate) fn is_date_time(text: &str) -> bool {
    formats::is("date-time", text)
}
