//! Ubuntu's OpenVEX documents: one per CVE, products are purls of source and binary packages with `distro=jammy` or `distro=esm-infra/xenial`.
//!
//! Only source packages are read (the binaries repeat them). `fixed` names the version that repairs; `affected` the newest that is known to be.

use serde::Deserialize;
use signet_model::Status;

use super::super::source::{before, nowhere};
use super::{FeedError, Reading};
use crate::record::Record;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    timestamp: Option<String>,
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    vulnerability: Vulnerability,
    #[serde(default)]
    products: Vec<Product>,
    status: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    name: String,
}

#[derive(Deserialize)]
struct Product {
    #[serde(rename = "@id")]
    id: String,
}

pub(super) fn document(reading: &mut Reading<'_>, path: &str, bytes: &[u8]) -> Result<(), FeedError> {
    let document: Document = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(err) => {
            reading.malformed(path, err);
            return Ok(());
        }
    };
    reading.tally.records += 1;
    if let Some(time) = &document.timestamp {
        reading.dated(time);
    }
    for statement in document.statements {
        for product in &statement.products {
            let Ok(purl) = product.id.parse::<signet_model::Purl>() else {
                reading.skip(path, format!("`{}` is no purl", product.id));
                continue;
            };
            if purl.ty() != "deb" || purl.qualifier("arch") != Some("source") {
                continue;
            }
            let distro = purl.qualifier("distro").unwrap_or_default();
            let Some(stream) = super::tracker::stream(distro) else {
                reading.unknown(distro);
                continue;
            };
            let Some(mut advisory) = reading.blank(&stream, purl.name(), &statement.vulnerability.name) else {
                continue;
            };
            match statement.status.as_str() {
                "not_affected" => (advisory.affected, advisory.status) = (nowhere(), Status::NotAffected),
                "fixed" => {
                    (advisory.affected, advisory.fixed) = before(purl.version());
                    advisory.status = Status::Fixed;
                }
                "affected" => (advisory.affected, advisory.status) = (before(None).0, Status::Affected),
                "under_investigation" => {
                    (advisory.affected, advisory.status) = (before(None).0, Status::UnderInvestigation);
                }
                other => {
                    reading.skip(path, format!("the status `{other}` is none of OpenVEX's"));
                    continue;
                }
            }
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    Ok(())
}
