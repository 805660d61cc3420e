//! CycloneDX 1.2 to 1.7 in JSON, as far as we read or write it. Source: CycloneDX/specification, `schema/bom-1.*.schema.json`.

use serde::{Deserialize, Serialize};

/// Only written: documents are read part by part. `C`: the components, as a list or one by one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bom<C> {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<String>,
    pub(crate) bom_format: Option<String>,
    pub(crate) spec_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) serial_number: Option<String>,
    pub(crate) version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Metadata>,
    pub(crate) components: C,
    pub(crate) dependencies: Option<Vec<Dependency>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compositions: Option<Vec<Composition>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vulnerabilities: Option<Vec<Vulnerability>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<Vec<Property>>,
}

impl Bom<()> {
    /// The document with its components.
    pub(crate) fn with<C>(self, components: C) -> Bom<C> {
        Bom {
            schema: self.schema,
            bom_format: self.bom_format,
            spec_version: self.spec_version,
            serial_number: self.serial_number,
            version: self.version,
            metadata: self.metadata,
            components,
            dependencies: self.dependencies,
            compositions: self.compositions,
            vulnerabilities: self.vulnerabilities,
            properties: self.properties,
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub(crate) tools: Option<Tools>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<Component>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<Vec<Property>>,
}

/// Only written.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Tools {
    /// Since 1.5.
    Components { components: Vec<Component> },
    /// Before 1.5.
    List(Vec<Tool>),
}

#[derive(Debug, Serialize)]
pub(crate) struct Tool {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Component {
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub(crate) bom_ref: Option<String>,
    #[serde(rename = "type")]
    pub(crate) ty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manufacturer: Option<Organization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supplier: Option<Organization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hashes: Option<Vec<Hash>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) licenses: Option<Vec<LicenseChoice>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) components: Option<Vec<Component>>,
    #[serde(skip_serializing_if = "Option::is_none", skip_serializing)]
    pub(crate) evidence: Option<Evidence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) properties: Option<Vec<Property>>,
}

/// Only its id: something that the artifact talks to, not a part of it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    #[serde(rename = "bom-ref")]
    pub(crate) bom_ref: Option<String>,
    pub(crate) services: Option<Vec<Service>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Organization {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hash {
    pub(crate) alg: String,
    pub(crate) content: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LicenseChoice {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) license: Option<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct License {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Evidence {
    pub(crate) occurrences: Option<Vec<Occurrence>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Occurrence {
    pub(crate) location: Option<String>,
    pub(crate) line: Option<u32>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Property {
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
}

impl Property {
    pub(crate) fn new(name: impl Into<String>, value: impl Into<String>) -> Property {
        Property { name: Some(name.into()), value: Some(value.into()) }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Dependency {
    #[serde(rename = "ref")]
    pub(crate) from: Option<String>,
    pub(crate) depends_on: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Composition {
    pub(crate) aggregate: &'static str,
    pub(crate) assemblies: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Vulnerability {
    pub(crate) id: String,
    pub(crate) source: Source,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ratings: Vec<Rating>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cwes: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recommendation: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) advisories: Vec<Advisory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) analysis: Option<Analysis>,
    pub(crate) affects: Vec<Affects>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Rating {
    pub(crate) source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<serde_json::Number>,
    pub(crate) severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vector: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Advisory {
    pub(crate) url: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Analysis {
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Affects {
    #[serde(rename = "ref")]
    pub(crate) to: String,
    pub(crate) versions: Vec<AffectedVersion>,
}

#[derive(Debug, Serialize)]
pub(crate) struct AffectedVersion {
    pub(crate) version: String,
    pub(crate) status: &'static str,
}
