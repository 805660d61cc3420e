//! SUSE's CSAF documents. Product ids are `<product>:<package>-<version>-<release>.<architecture>`; unfixed ones have no version.

use std::collections::BTreeMap;

use signet_model::Status;

use super::super::csaf::Document;
use super::super::source::{before, nowhere, nvr, severity};
use super::{FeedError, Reading, stream};
use crate::record::{Detail, Record};

type Key<'d> = (String, &'d str, Option<&'d str>, Status);

pub(super) fn document(reading: &mut Reading<'_>, path: &str, value: serde_json::Value) -> Result<(), FeedError> {
    let document: Document = match serde_json::from_value(value) {
        Ok(document) => document,
        Err(err) => {
            reading.malformed(path, err);
            return Ok(());
        }
    };
    if document.vulnerabilities.is_empty() {
        reading.malformed(path, "the document is about no vulnerability");
        return Ok(());
    }
    reading.dated(&document.document.tracking.current_release_date);
    let tracking = &document.document.tracking.id;
    let vendor: Vec<String> =
        tracking.to_ascii_lowercase().contains("suse").then(|| tracking.clone()).into_iter().collect();
    for vulnerability in &document.vulnerabilities {
        if vulnerability.cve.is_empty() {
            reading.malformed(path, "a vulnerability has no CVE");
            continue;
        }
        reading.tally.records += 1;
        let stated = vulnerability.threats.iter().filter_map(|threat| severity(&threat.details)).max();
        let status = &vulnerability.product_status;
        let mut rows: BTreeMap<Key<'_>, Vec<String>> = BTreeMap::new();
        let lists = [
            (&status.recommended, Status::Fixed),
            (&status.fixed, Status::Fixed),
            (&status.first_fixed, Status::Fixed),
            (&status.known_affected, Status::Affected),
            (&status.known_not_affected, Status::NotAffected),
            (&status.under_investigation, Status::UnderInvestigation),
        ];
        for (list, state) in lists {
            for id in list {
                let Some((product, component)) = id.split_once(':') else {
                    reading.unknown(id);
                    continue;
                };
                let Some(stream) = stream(product) else {
                    reading.unknown(product);
                    continue;
                };
                let (name, version, arch) = match nvr(component, true).filter(|_| state == Status::Fixed) {
                    Some((name, version, arch)) => (name, Some(version), arch),
                    None if state == Status::Fixed => {
                        reading.skip(path, format!("`{id}` has no version"));
                        continue;
                    }
                    None => (component, None, None),
                };
                let arches = rows.entry((stream, name, version, state)).or_default();
                if let Some(arch) = arch.filter(|arch| *arch != "noarch" && !arches.iter().any(|held| held == arch)) {
                    arches.push(arch.to_owned());
                }
            }
        }
        for ((stream, name, version, state), arches) in rows {
            let Some(mut advisory) = reading.blank(&stream, name, &vulnerability.cve) else { continue };
            if state == Status::NotAffected {
                advisory.affected = nowhere();
            } else {
                (advisory.affected, advisory.fixed) = before(version);
            }
            (advisory.status, advisory.severity, advisory.arches) = (state, stated, arches);
            advisory.vendor_ids.clone_from(&vendor);
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
        let description =
            vulnerability.notes.iter().find(|note| note.category == "general" || note.category == "description");
        let detail = Detail {
            description: description.map(|note| note.text.clone()).unwrap_or_default(),
            severities: stated.map(|severity| ("suse".to_owned(), severity)).into_iter().collect(),
            ..Detail::default()
        };
        reading.put(Record::Detail(vulnerability.cve.clone(), Box::new(detail)))?;
    }
    Ok(())
}
