//! Oracle Linux: one OVAL document of all errata, or `vuln-list`'s copies of its definitions.
//!
//! An erratum (ELSA) may be about several releases and architectures. Its ids go to the vendor's; findings get the CVEs, or the erratum's id where it
//! names no CVE. Fixes of other flavours (`ksplice1`, `_fips`) keep that word in their version, and only match packages of the same flavour.
//! Source: <https://linux.oracle.com/security/oval/>.

use signet_model::Status;

use super::FeedError;
use super::oval::{Definition, Index, Loose, definitions};
use super::slices::definition_of;
use super::source::{Reading, Source, in_module, severity};
use crate::record::{Affected, Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "oracle",
    name: "Oracle Linux OVAL definitions",
    urls: &["https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2"],
    licence: "none stated",
    redistributable: false,
    attribution: "",
    run,
};

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.tree.paths().to_vec() {
        if path.split('/').any(|part| part.starts_with('.')) {
            continue;
        }
        let bytes = reading.tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
        if bytes.trim_ascii_start().starts_with(b"<") {
            let index = match Index::read(&bytes) {
                Ok(index) => index,
                Err(why) => {
                    reading.malformed(&path, why);
                    continue;
                }
            };
            definitions::<FeedError>(&bytes, &mut |definition| one(reading, &path, &index, &definition))?;
        } else if path.ends_with(".json") {
            let Some(value) = reading.json::<serde_json::Value>(&path)? else { continue };
            one(reading, &path, &Index::default(), &definition_of(&value))?;
        } else {
            reading.skip(&path, "no file of this feed");
        }
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, path: &str, index: &Index, definition: &Definition) -> Result<(), FeedError> {
    let elsa = definition.references.iter().find(|(source, ..)| source.eq_ignore_ascii_case("elsa"));
    let Some(elsa) = elsa.map(|(_, id, _)| id.clone()) else {
        reading.malformed(path, "a definition without an erratum's id");
        return Ok(());
    };
    reading.tally.records += 1;
    let time = reading.dated(&definition.issued);
    let mut loose = Loose::default();
    let hits = definition.hits(index, &mut loose);
    if loose.dangling + loose.missing > 0 {
        reading.skip(&elsa, format!("{} tests that are nowhere defined", loose.dangling + loose.missing));
    }
    let stated = severity(&definition.severity);
    let ids = if definition.cves.is_empty() { std::slice::from_ref(&elsa) } else { definition.cves.as_slice() };

    // The same fix for several architectures is one row.
    let mut rows: Vec<(String, super::oval::Hit)> = Vec::new();
    for hit in hits {
        let platforms = if hit.platforms.is_empty() { &definition.platforms } else { &hit.platforms };
        for platform in platforms {
            let Some(release) = platform.strip_prefix("Oracle Linux ") else {
                reading.unknown(platform);
                continue;
            };
            let stream = format!("Oracle Linux {}", release.split('.').next().unwrap_or(release));
            let same = rows.iter_mut().find(|(held, row)| {
                *held == stream
                    && row.package == hit.package
                    && row.comparisons == hit.comparisons
                    && row.module == hit.module
            });
            match same {
                Some((_, row)) => {
                    for arch in &hit.arches {
                        if !row.arches.contains(arch) {
                            row.arches.push(arch.clone());
                        }
                    }
                }
                None => rows.push((stream, hit.clone())),
            }
        }
    }
    for (stream, hit) in rows {
        for id in ids {
            let Some(mut advisory) = reading.blank(&stream, &hit.package, id) else { continue };
            in_module(&mut advisory, hit.module.as_deref());
            advisory.vendor_ids = vec![elsa.clone()];
            advisory.severity = stated;
            advisory.affected = Affected { vulnerable: vec![hit.range()], ..Affected::default() };
            advisory.fixed = hit.fixed().map(str::to_owned).into_iter().collect();
            advisory.status = Status::Fixed;
            advisory.arches.clone_from(&hit.arches);
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    for id in ids {
        let whole = ids.len() == 1;
        let detail = Detail {
            title: definition.title.trim().to_owned(),
            description: if whole { definition.description.trim().to_owned() } else { String::new() },
            severities: stated.map(|severity| (SOURCE.id.to_owned(), severity)).into_iter().collect(),
            modified: time,
            ..Detail::default()
        };
        reading.put(Record::Detail(id.clone(), Box::new(detail)))?;
    }
    Ok(())
}
