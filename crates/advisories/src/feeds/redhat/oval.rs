//! OVAL version 2: XML documents per stream, and `vuln-list`'s slices of them (`oval/8/rhel-8/{definitions,tests,objects,states}`).

use std::collections::BTreeMap;

use signet_model::Status;

use super::super::oval::{Definition, Index, Loose, definitions};
use super::super::slices::{Slices, definition_of};
use super::super::source::{before, in_module, severity};
use super::{FeedError, Reading, stream};
use crate::record::{Affected, Detail, Record};

/// A file of `vuln-list`'s slices.
pub(super) fn is_slice(path: &str) -> bool {
    format!("/{path}").contains("/oval/") && path.ends_with(".json")
}

pub(super) fn slices(reading: &mut Reading<'_>, paths: &[String]) -> Result<(), FeedError> {
    let mut folders: BTreeMap<String, Slices> = BTreeMap::new();
    for path in paths {
        Slices::sort(path, &mut folders);
    }
    for (folder, slices) in folders {
        let Some(index) = slices.index(reading)? else { continue };
        let release = folder.rsplit('/').find(|part| part.starts_with(|sign: char| sign.is_ascii_digit()));
        let release = release.unwrap_or_default().to_owned();
        if slices.definitions.is_empty() {
            reading.skip(&folder, "no definition is there");
        }
        for path in &slices.definitions {
            let Some(value) = reading.json(path)? else { continue };
            one(reading, path, &index, &definition_of(&value), &release)?;
        }
    }
    Ok(())
}

pub(super) fn document(reading: &mut Reading<'_>, path: &str) -> Result<(), FeedError> {
    let bytes = reading.tree.bytes(path).map_err(|err| FeedError::Unpack { place: path.to_owned(), err })?;
    let index = match Index::read(&bytes) {
        Ok(index) => index,
        Err(why) => {
            reading.malformed(path, why);
            return Ok(());
        }
    };
    definitions::<FeedError>(&bytes, &mut |definition| one(reading, path, &index, &definition, ""))
}

fn one(
    reading: &mut Reading<'_>,
    path: &str,
    index: &Index,
    definition: &Definition,
    release: &str,
) -> Result<(), FeedError> {
    reading.tally.records += 1;
    if definition.title.contains("** REJECT **") {
        return Ok(());
    }
    let mut loose = Loose::default();
    let hits = definition.hits(index, &mut loose);
    if loose.dangling + loose.missing > 0 {
        reading.skip(path, format!("{}: tests that are nowhere defined", definition.id));
    }
    reading.dated(&definition.updated);
    let stated = severity(&definition.severity);
    let vendor = definition.references.iter().find(|(source, id, _)| source.starts_with("RH") || id.starts_with("RH"));
    let is_unfixed = definition.class == "vulnerability" || definition.id.starts_with("oval:com.redhat.cve");
    for hit in hits {
        let platform = hit.platforms.first().map_or("", String::as_str);
        let major: String = platform
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .chars()
            .take_while(|sign| sign.is_ascii_digit() || *sign == '.')
            .collect();
        let version = if major.is_empty() { release } else { &major };
        let Some(stream) = stream(&format!("cpe:/o:redhat:enterprise_linux:{version}")) else {
            reading.unknown(platform);
            continue;
        };
        for cve in &definition.cves {
            let Some(mut advisory) = reading.blank(&stream, &hit.package, cve) else { continue };
            in_module(&mut advisory, hit.module.as_deref());
            advisory.arches.clone_from(&hit.arches);
            advisory.severity = stated;
            advisory.vendor_ids = vendor.map(|(_, id, _)| id.clone()).into_iter().collect();
            if hit.comparisons.is_empty() {
                (advisory.affected, _) = before(None);
                advisory.status = if is_unfixed { Status::Affected } else { Status::Unknown };
            } else {
                advisory.affected = Affected { vulnerable: vec![hit.range()], ..Affected::default() };
                advisory.fixed = hit.fixed().map(str::to_owned).into_iter().collect();
                advisory.status = Status::Fixed;
            }
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    for cve in &definition.cves {
        let detail = Detail { title: definition.title.clone(), ..Detail::default() };
        reading.put(Record::Detail(cve.clone(), Box::new(detail)))?;
    }
    Ok(())
}
