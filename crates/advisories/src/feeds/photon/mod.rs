//! VMware's Photon OS: one JSON list per release, or `vuln-list`'s single entries.
//!
//! `res_ver` `NA` with `aff_ver` `NA` says nothing yet, a release that is not affected says so in `status`. Source: <https://packages.vmware.com/photon/photon_cve_metadata/>.

use serde::Deserialize;
use signet_model::{Cvss, Severity, Status};

use super::FeedError;
use super::source::{Reading, Source, before, by_source, nowhere};
use crate::record::{Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "photon",
    name: "Photon OS CVE metadata",
    urls: &["https://packages.vmware.com/photon/photon_cve_metadata/cve_data_photon{}.json"],
    licence: "none stated",
    redistributable: false,
    attribution: "",
    run,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Many(Vec<Entry>),
    One(Entry),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    os_version: Option<String>,
    cve_id: String,
    pkg: String,
    #[serde(default)]
    cve_score: Option<f64>,
    #[serde(default)]
    aff_ver: String,
    res_ver: String,
    #[serde(default)]
    status: Option<String>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        if path.ends_with("photon_versions.json") {
            continue;
        }
        let entries = match reading.json::<File>(&path)? {
            Some(File::Many(entries)) => entries,
            Some(File::One(entry)) => vec![entry],
            None => continue,
        };
        let of_path =
            path.rsplit('/').next().and_then(|name| name.strip_prefix("cve_data_photon")?.strip_suffix(".json"));
        for entry in entries {
            let Some(release) = entry.os_version.as_deref().or(of_path) else {
                reading.malformed(&path, "no release is named");
                continue;
            };
            one(reading, release, &entry)?;
        }
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, release: &str, entry: &Entry) -> Result<(), FeedError> {
    reading.tally.records += 1;
    let known = |version: &str| !version.is_empty() && version != "NA";
    let Some(mut advisory) = reading.blank(&format!("Photon OS {release}"), &entry.pkg, &entry.cve_id) else {
        return Ok(());
    };
    by_source(&mut advisory);
    let score = entry.cve_score.filter(|score| *score > 0.0);
    advisory.severity = score.map(Severity::from_cvss);
    if entry.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("not affected")) {
        (advisory.affected, advisory.status) = (nowhere(), Status::NotAffected);
    } else if known(&entry.res_ver) {
        (advisory.affected, advisory.fixed) = before(Some(&entry.res_ver));
        advisory.status = Status::Fixed;
    } else if known(&entry.aff_ver) || entry.status.is_some() {
        (advisory.affected, advisory.status) = (before(None).0, Status::Affected);
    } else {
        reading.unknown("entries that name neither an affected nor a repaired version");
        return Ok(());
    }
    reading.put(Record::Advisory(Box::new(advisory)))?;
    let cvss = score.map(|score| (SOURCE.id.to_owned(), Cvss { v3: (None, Some(score)), ..Cvss::default() }));
    let detail = Detail { cvss: cvss.into_iter().collect(), ..Detail::default() };
    reading.put(Record::Detail(entry.cve_id.clone(), Box::new(detail)))
}
