//! `vuln-list`'s copies of SUSE's CVRF documents. Product references are `<package>-<version>-<release>` and a product's name.

use serde::Deserialize;
use signet_model::Status;

use super::super::source::{before, nvr, severity};
use super::{FeedError, Reading, stream};
use crate::record::{Detail, Record};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default)]
    title: String,
    tracking: Tracking,
    #[serde(default)]
    product_tree: ProductTree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tracking {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    current_release_date: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ProductTree {
    relationships: Vec<Relationship>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Relationship {
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Vulnerability {
    #[serde(alias = "CVE")]
    cve: String,
    description: String,
    threats: Vec<Threat>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Threat {
    #[serde(rename = "Type")]
    kind: String,
    severity: String,
}

pub(super) fn document(reading: &mut Reading<'_>, path: &str, value: serde_json::Value) -> Result<(), FeedError> {
    let document: Document = match serde_json::from_value(value) {
        Ok(document) => document,
        Err(err) => {
            reading.malformed(path, err);
            return Ok(());
        }
    };
    reading.tally.records += 1;
    let time = reading.dated(&document.tracking.current_release_date);
    for vulnerability in &document.vulnerabilities {
        let stated = vulnerability.threats.iter().filter(|t| t.kind == "Impact" || t.kind.is_empty());
        let stated = stated.filter_map(|threat| severity(&threat.severity)).max();
        for relation in &document.product_tree.relationships {
            let product = &relation.relates_to_product_reference;
            let Some(stream) = stream(product) else {
                reading.unknown(product);
                continue;
            };
            let Some((name, version, _)) = nvr(&relation.product_reference, false) else {
                reading.skip(path, format!("`{}` is no name, version and release", relation.product_reference));
                continue;
            };
            let Some(mut advisory) = reading.blank(&stream, name, &vulnerability.cve) else { continue };
            (advisory.affected, advisory.fixed) = before(Some(version));
            advisory.status = Status::Fixed;
            advisory.severity = stated;
            advisory.vendor_ids = vec![document.tracking.id.clone()];
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
        let detail = Detail {
            title: document.title.clone(),
            description: vulnerability.description.clone(),
            severities: stated.map(|severity| ("suse".to_owned(), severity)).into_iter().collect(),
            modified: time,
            ..Detail::default()
        };
        reading.put(Record::Detail(vulnerability.cve.clone(), Box::new(detail)))?;
    }
    Ok(())
}
