//! Azure Linux and CBL-Mariner: OVAL documents per release, or `vuln-list`'s slices of them (`mariner/2.0/...`, `azure/3.0/...`).
//!
//! `patchable` says more than the tests: `false` is unfixed (the range ends with the newest build that was looked at), `Not Applicable` affects nothing.
//! Source: <https://github.com/microsoft/AzureLinuxVulnerabilityData>.

use std::collections::BTreeMap;

use signet_model::Status;

use super::FeedError;
use super::oval::{Definition, Index, Loose, definitions};
use super::slices::{Slices, definition_of};
use super::source::{Reading, Source, severity};
use crate::record::{Affected, Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "azure",
    name: "Azure Linux Vulnerability Data",
    urls: &[
        "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/azurelinux-3.0-oval.xml",
        "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/cbl-mariner-2.0-oval.xml",
    ],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains Azure Linux vulnerability data, © Microsoft Corporation",
    run,
};

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    let mut folders: BTreeMap<String, Slices> = BTreeMap::new();
    for path in reading.paths(&[".xml", ".json"]) {
        if path.ends_with(".json") {
            Slices::sort(&path, &mut folders);
            continue;
        }
        let bytes = reading.tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
        let index = match Index::read(&bytes) {
            Ok(index) => index,
            Err(why) => {
                reading.malformed(&path, why);
                continue;
            }
        };
        definitions::<FeedError>(&bytes, &mut |definition| {
            let stream = stream(&definition, &index, &path);
            one(reading, &path, &index, &definition, &stream)
        })?;
    }
    for (folder, slices) in folders {
        let Some(index) = slices.index(reading)? else { continue };
        for path in &slices.definitions {
            let Some(value) = reading.json(path)? else { continue };
            let definition = definition_of(&value);
            let mut parts = folder.rsplit('/');
            let (release, system) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let name = if system.starts_with("azure") { "Azure Linux" } else { "CBL-Mariner" };
            one(reading, path, &index, &definition, &format!("{name} {release}"))?;
        }
    }
    Ok(())
}

/// The document names its system; the release stands in the builds' `.cm2` or `.azl3`, else in the file's name.
fn stream(definition: &Definition, index: &Index, path: &str) -> String {
    let azure = definition.platforms.iter().any(|name| name.starts_with("Azure"));
    let name = if azure { "Azure Linux" } else { "CBL-Mariner" };
    let mark = if azure { ".azl" } else { ".cm" };
    let hits = definition.hits(index, &mut Loose::default());
    let build = hits.iter().flat_map(|hit| &hit.comparisons).find_map(|(_, version)| {
        let (_, release) = version.rsplit_once(mark)?;
        release.chars().all(|sign| sign.is_ascii_digit()).then(|| format!("{release}.0"))
    });
    let of_path = || {
        path.split(['-', '/', '_']).find(|part| part.len() == 3 && part.ends_with(".0")).unwrap_or_default().to_owned()
    };
    format!("{name} {}", build.unwrap_or_else(of_path))
}

fn one(
    reading: &mut Reading<'_>,
    path: &str,
    index: &Index,
    definition: &Definition,
    stream: &str,
) -> Result<(), FeedError> {
    let place = if definition.id.is_empty() { path.to_owned() } else { definition.id.clone() };
    let unbound = definition.criteria.criterions.iter().any(|criterion| {
        let test = index.tests.get(&criterion.test);
        criterion.test.is_empty() || test.is_some_and(|(object, state)| object.is_empty() || state.is_empty())
    });
    let mut loose = Loose::default();
    let hits = definition.hits(index, &mut loose);
    if unbound || definition.cves.is_empty() || (definition.criteria.criterions.is_empty() && hits.is_empty()) {
        reading.malformed(&place, "the definition names no CVE, or its tests no package and version");
        return Ok(());
    }
    reading.tally.records += 1;
    if loose.dangling + loose.missing > 0 {
        reading.skip(&place, "tests that are nowhere defined");
    }
    reading.dated(&definition.issued);
    if definition.patchable.eq_ignore_ascii_case("not applicable") {
        return Ok(());
    }
    let unfixed = definition.patchable.eq_ignore_ascii_case("false");
    for hit in hits {
        for cve in &definition.cves {
            let Some(mut advisory) = reading.blank(stream, &hit.package, cve) else { continue };
            advisory.severity = severity(&definition.severity);
            advisory.affected = Affected { vulnerable: vec![hit.range()], ..Affected::default() };
            advisory.fixed = if unfixed { Vec::new() } else { hit.fixed().map(str::to_owned).into_iter().collect() };
            advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    for cve in &definition.cves {
        let severities = severity(&definition.severity).map(|severity| (SOURCE.id.to_owned(), severity));
        let detail = Detail {
            description: definition.description.clone(),
            severities: severities.into_iter().collect(),
            ..Detail::default()
        };
        reading.put(Record::Detail(cve.clone(), Box::new(detail)))?;
    }
    Ok(())
}
