//! SUSE: OVAL documents per product, CSAF documents, and `vuln-list`'s copies of the older CVRF.
//!
//! One release is published as many products (server, modules, long-term support). Server, modules and Micro are judged; desktop, SAP, high
//! performance and other products are counted. Source: <https://www.suse.com/support/security/>; <https://ftp.suse.com/pub/projects/security/>.

mod csaf;
mod cvrf;

use std::collections::BTreeSet;

use signet_model::{Cvss, Status};

use super::FeedError;
use super::oval::{Definition, Index, Loose, definitions};
use super::source::{Reading, Source, nowhere, severity};
use crate::record::{Affected, Detail, Record};
use crate::streams;

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "suse",
    name: "SUSE Security",
    urls: &[
        "https://ftp.suse.com/pub/projects/security/oval/{}.xml.gz",
        "https://ftp.suse.com/pub/projects/security/csaf-vex.tar.bz2",
    ],
    licence: "CC-BY-NC-4.0",
    redistributable: false,
    attribution: "Contains security data of SUSE, https://www.suse.com/support/security/, CC-BY-NC-4.0",
    run,
};

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".xml", ".json"]) {
        if path.ends_with(".xml") {
            oval(reading, &path)?;
            continue;
        }
        let Some(value) = reading.json::<serde_json::Value>(&path)? else { continue };
        if value.get("document").is_some() {
            csaf::document(reading, &path, value)?;
        } else {
            cvrf::document(reading, &path, value)?;
        }
    }
    Ok(())
}

fn oval(reading: &mut Reading<'_>, path: &str) -> Result<(), FeedError> {
    let bytes = reading.tree.bytes(path).map_err(|err| FeedError::Unpack { place: path.to_owned(), err })?;
    let index = match Index::read(&bytes) {
        Ok(index) => index,
        Err(why) => {
            reading.malformed(path, why);
            return Ok(());
        }
    };
    definitions::<FeedError>(&bytes, &mut |definition| one(reading, &index, &definition))
}

/// The stream of a product's name. `None`: a product that we do not judge.
fn stream(product: &str) -> Option<String> {
    const OTHERS: [&str; 9] = [
        "for SAP",
        "Desktop",
        "High Performance",
        "Workstation",
        "High Availability",
        "Real Time",
        "Storage",
        "Manager",
        "Live Patching",
    ];
    if OTHERS.iter().any(|other| product.contains(other)) {
        return None;
    }
    let ecosystem = if let Some(rest) = product.strip_prefix("SUSE ") {
        format!("SUSE:{rest}")
    } else if let Some(rest) = product.strip_prefix("openSUSE ") {
        format!("openSUSE:{rest}")
    } else {
        return None;
    };
    streams::of_osv(&ecosystem).map(|(stream, _)| stream)
}

fn one(reading: &mut Reading<'_>, index: &Index, definition: &Definition) -> Result<(), FeedError> {
    let Some(cve) =
        definition.cves.first().cloned().or_else(|| Some(definition.title.clone())).filter(|id| !id.is_empty())
    else {
        reading.malformed(&definition.id, "the definition has no id");
        return Ok(());
    };
    reading.tally.records += 1;
    reading.dated(&definition.updated);
    let mut loose = Loose::default();
    let hits = definition.hits(index, &mut loose);
    if loose.dangling + loose.missing > 0 {
        reading.skip(&definition.id, format!("{} tests that are nowhere defined", loose.dangling + loose.missing));
    }
    let stated = severity(&definition.severity);
    let mut seen = BTreeSet::new();
    for hit in hits {
        let platforms = if hit.platforms.is_empty() { &definition.platforms } else { &hit.platforms };
        for platform in platforms {
            let Some(stream) = stream(platform) else {
                reading.unknown(platform);
                continue;
            };
            if !seen.insert((
                stream.clone(),
                hit.package.clone(),
                hit.comparisons.len(),
                hit.fixed().map(str::to_owned),
            )) {
                continue;
            }
            let Some(mut advisory) = reading.blank(&stream, &hit.package, &cve) else { continue };
            advisory.severity = stated;
            if hit.not_affected {
                (advisory.affected, advisory.status) = (nowhere(), Status::NotAffected);
            } else {
                advisory.affected = Affected { vulnerable: vec![hit.range()], ..Affected::default() };
                advisory.fixed = hit.fixed().map(str::to_owned).into_iter().collect();
                advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
            }
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    let cvss = definition.cvss3.clone().map(|vector| {
        let score = crate::cvss::base_score(&vector);
        (SOURCE.id.to_owned(), Cvss { v3: (Some(vector), score), ..Cvss::default() })
    });
    let detail = Detail {
        description: definition.description.clone(),
        severities: stated.map(|severity| (SOURCE.id.to_owned(), severity)).into_iter().collect(),
        cvss: cvss.into_iter().collect(),
        references: definition.references.iter().map(|(.., url)| url.clone()).filter(|url| !url.is_empty()).collect(),
        published: super::time(&definition.issued),
        modified: super::time(&definition.updated),
        ..Detail::default()
    };
    reading.put(Record::Detail(cve, Box::new(detail)))
}
