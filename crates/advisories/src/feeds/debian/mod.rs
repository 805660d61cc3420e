//! Debian's security tracker: one JSON object of source packages, CVEs and releases.
//!
//! | the tracker says | we say |
//! |---|---|
//! | `fixed_version` `"0"` | not affected |
//! | `fixed_version` | vulnerable before it |
//! | `open`, `nodsa_reason` `ignored` | will not fix |
//! | `open`, `nodsa_reason` `postponed` | fix deferred |
//! | `open`, urgency `end-of-life` | end of life |
//! | `open`, with or without another `nodsa` | affected |
//! | `undetermined` | nothing yet: counted, no advisory |
//!
//! Also read: rows of releases that the tracker no longer carries, as lists of `{"Vulnerability": ...}`, and `vuln-list`'s copy of the tracker
//! ([`tracker`]). Source: <https://security-tracker.debian.org/tracker/>, security-tracker `doc/security-team.d/security_tracker`.

mod tracker;

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::{Severity, Status};

use super::FeedError;
use super::source::{Reading, Source, before, debian_release, nowhere, severity};
use crate::record::{Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "debian",
    name: "Debian Security Tracker",
    urls: &["https://security-tracker.debian.org/tracker/data/json"],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains data of the Debian Security Tracker, https://security-tracker.debian.org",
    run,
};

type Packages = BTreeMap<String, BTreeMap<String, Cve>>;

#[derive(Deserialize)]
struct Cve {
    #[serde(default)]
    description: Option<String>,
    #[serde(deserialize_with = "map_or_nothing")]
    releases: BTreeMap<String, Release>,
}

/// The tracker writes an empty map as an empty list.
fn map_or_nothing<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Release>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Map(BTreeMap<String, Release>),
        Empty([(); 0]),
    }
    Ok(match Either::deserialize(from)? {
        Either::Map(map) => map,
        Either::Empty([]) => BTreeMap::new(),
    })
}

#[derive(Deserialize)]
struct Release {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

/// What stands first in a file tells its kind.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Retired(Vec<Retired>),
    Tracker(BTreeMap<String, serde_json::Value>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Retired {
    vulnerability: Vulnerability,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    name: String,
    namespace_name: String,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    fixed_in: Vec<FixedIn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FixedIn {
    name: String,
    version: String,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    let paths = reading.paths(&["json"]);
    if paths.iter().any(|path| path.ends_with("tracker/distributions.json")) {
        return tracker::run(reading, &paths);
    }
    for path in paths {
        match reading.json::<File>(&path)? {
            Some(File::Tracker(packages)) => {
                for (package, value) in packages {
                    match serde_json::from_value::<BTreeMap<String, Cve>>(value) {
                        Ok(cves) => source_package(reading, Packages::from([(package, cves)]))?,
                        Err(err) => reading.malformed(&format!("{path}: {package}"), err),
                    }
                }
            }
            Some(File::Retired(rows)) => {
                for row in rows {
                    retired(reading, row.vulnerability)?;
                }
            }
            None => {}
        }
    }
    Ok(())
}

fn source_package(reading: &mut Reading<'_>, packages: Packages) -> Result<(), FeedError> {
    for (package, cves) in packages {
        for (id, cve) in cves {
            reading.tally.records += 1;
            // `TEMP-0000000-ABCDEF` changes with every run of the tracker, yet it is all that an issue without CVE has.
            for (codename, release) in &cve.releases {
                row(reading, &package, &id, codename, release)?;
            }
            if let Some(description) = cve.description.filter(|text| !text.is_empty()) {
                reading.put(Record::Detail(id, Box::new(Detail { description, ..Detail::default() })))?;
            }
        }
    }
    Ok(())
}

fn row(reading: &mut Reading<'_>, package: &str, id: &str, codename: &str, release: &Release) -> Result<(), FeedError> {
    let Some(version) = debian_release(codename) else {
        reading.unknown(codename);
        return Ok(());
    };
    let Some(mut advisory) = reading.blank(&format!("debian {version}"), package, id) else { return Ok(()) };
    let urgency = release.urgency.as_deref().unwrap_or_default().trim_end_matches('*');
    advisory.severity = severity(urgency);
    match (release.status.as_str(), release.fixed_version.as_deref()) {
        ("undetermined", _) => {
            reading.unknown("undetermined");
            return Ok(());
        }
        (_, Some("0")) => {
            advisory.affected = nowhere();
            advisory.status = Status::NotAffected;
        }
        (_, Some(version)) => {
            (advisory.affected, advisory.fixed) = before(Some(version));
            advisory.status = Status::Fixed;
        }
        (_, None) => {
            (advisory.affected, advisory.fixed) = before(None);
            advisory.status = match (release.nodsa_reason.as_deref(), urgency) {
                (_, "end-of-life") => Status::EndOfLife,
                (Some("ignored"), _) => Status::WillNotFix,
                (Some("postponed"), _) => Status::FixDeferred,
                _ => Status::Affected,
            };
        }
    }
    reading.put(Record::Advisory(Box::new(advisory)))
}

fn retired(reading: &mut Reading<'_>, row: Vulnerability) -> Result<(), FeedError> {
    reading.tally.records += 1;
    let Some(release) = row.namespace_name.strip_prefix("debian:") else {
        reading.unknown(&row.namespace_name);
        return Ok(());
    };
    let stream = format!("debian {release}");
    let stated = row.severity.as_deref().and_then(severity);
    reading.put(Record::Stream(stream.clone()))?;
    for fixed in &row.fixed_in {
        let Some(mut advisory) = reading.blank(&stream, &fixed.name, &row.name) else { continue };
        advisory.severity = stated;
        match fixed.version.as_str() {
            "0" => (advisory.affected, advisory.status) = (nowhere(), Status::NotAffected),
            "None" | "" => {
                (advisory.affected, advisory.fixed) = before(None);
                advisory.status = Status::Affected;
            }
            version => {
                (advisory.affected, advisory.fixed) = before(Some(version));
                advisory.status = Status::Fixed;
            }
        }
        reading.put(Record::Advisory(Box::new(advisory)))?;
    }
    let severities: Vec<(String, Severity)> =
        stated.map(|severity| ("debian".to_owned(), severity)).into_iter().collect();
    let detail = Detail { description: row.description.unwrap_or_default(), severities, ..Detail::default() };
    reading.put(Record::Detail(row.name, Box::new(detail)))
}
