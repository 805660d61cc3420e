//! CycloneDX documents with `vulnerabilities[].analysis` as statements.
//!
//! `affects[].ref` names a component of the same document, or of another by BOM-Link (`urn:cdx:SERIAL/VERSION#REF`), whose reference is read as a
//! purl, which is what most tools write there. Source: CycloneDX 1.6, "vulnerability exploitability"; <https://cyclonedx.org/capabilities/bomlink/>.

use std::collections::HashMap;

use serde::Deserialize;
use signet_model::Purl;

use super::openvex::{VexDocument, VexError, VexStatement};
use crate::feeds::time;

/// Components in one another.
const DEPTH: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    #[serde(default)]
    serial_number: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    component: Option<Component>,
    #[serde(default)]
    supplier: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref", default)]
    reference: String,
    #[serde(default)]
    purl: String,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    id: String,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
    #[serde(default)]
    updated: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    reference: String,
}

pub(super) fn read(name: &str, value: serde_json::Value) -> Result<VexDocument, VexError> {
    let bom: Bom = serde_json::from_value(value).map_err(|err| VexError::Json { name: name.to_owned(), err })?;
    let foreign = |why: String| VexError::Foreign { name: name.to_owned(), why };
    let vulnerabilities =
        bom.vulnerabilities.ok_or_else(|| foreign("the CycloneDX document has no `vulnerabilities`".to_owned()))?;
    let mut components = HashMap::new();
    collect(&bom.components, 0, &mut components);
    if let Some(root) = &bom.metadata.component {
        collect(std::slice::from_ref(root), 0, &mut components);
    }
    let said = bom.metadata.timestamp.as_deref().and_then(time);
    let mut document = VexDocument {
        name: if name.is_empty() { bom.serial_number } else { name.to_owned() },
        author: bom.metadata.supplier.map(|supplier| supplier.name).unwrap_or_default(),
        statements: Vec::new(),
    };
    for vulnerability in vulnerabilities {
        // Without an analysis nobody has said anything.
        let Some(analysis) = vulnerability.analysis else { continue };
        let status = match analysis.state.as_deref() {
            None => continue,
            Some("not_affected" | "false_positive") => "not_affected",
            Some("resolved" | "resolved_with_pedigree") => "fixed",
            Some("exploitable") => "affected",
            Some("in_triage") => "under_investigation",
            Some(other) => return Err(foreign(format!("`{other}` is no state of an analysis"))),
        };
        let mut ids = vec![vulnerability.id];
        ids.extend(vulnerability.references.into_iter().map(|reference| reference.id));
        ids.retain(|id| !id.is_empty());
        let products: Vec<(Purl, Vec<Purl>)> = vulnerability
            .affects
            .iter()
            .filter_map(|affects| purl(&affects.reference, &components))
            .map(|purl| (purl, Vec::new()))
            .collect();
        let updated = analysis.last_updated.or(vulnerability.updated);
        document.statements.push(VexStatement {
            ids,
            products,
            status: status.to_owned(),
            justification: analysis.detail.filter(|text| !text.is_empty()).or(analysis.justification),
            time: updated.as_deref().and_then(time).or(said),
            platform: None,
        });
    }
    Ok(document)
}

fn collect<'b>(components: &'b [Component], depth: usize, out: &mut HashMap<&'b str, &'b str>) {
    for component in components {
        if !component.reference.is_empty() {
            out.insert(&component.reference, &component.purl);
        }
        if depth < DEPTH {
            collect(&component.components, depth + 1, out);
        }
    }
}

/// The component of the same document, or the purl that the reference itself is.
fn purl(reference: &str, components: &HashMap<&str, &str>) -> Option<Purl> {
    if let Some(purl) = components.get(reference).and_then(|text| text.parse().ok()) {
        return Some(purl);
    }
    let inner = match reference.strip_prefix("urn:cdx:") {
        Some(link) => link.split_once('#')?.1,
        None => reference,
    };
    inner.parse().ok().or_else(|| decode(inner).parse().ok())
}

/// `pkg%3Anpm/a%401.0` of a BOM-Link.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let rest = bytes.clone();
        let digits: Vec<u32> = rest.take(2).filter_map(|byte| (byte as char).to_digit(16)).collect();
        match digits.as_slice() {
            [high, low] => {
                out.push((high * 16 + low) as u8);
                bytes.nth(1);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
