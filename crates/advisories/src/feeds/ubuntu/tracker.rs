//! Entries of Ubuntu's CVE tracker: the text of its repository, and two JSON forms of it.
//!
//! | status | we say |
//! |---|---|
//! | `released (1.2)` | vulnerable before 1.2 |
//! | `needed`, `needs-triage`, `active`, `in-progress` | affected |
//! | `pending (1.2)` | affected: 1.2 is not out yet |
//! | `deferred` | fix deferred |
//! | `ignored` | will not fix; end of life where the note says so |
//! | `not-affected` | not affected |
//! | `DNE` | the release does not have the package |

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::Status;

use super::super::source::{before, nowhere, severity};
use super::{FeedError, Reading};
use crate::record::{Detail, Record};

/// Release by its adjective. Source: Ubuntu, "Releases"; distro-info-data.
const RELEASES: &[(&str, &str)] = &[
    ("dapper", "6.06"),
    ("edgy", "6.10"),
    ("feisty", "7.04"),
    ("gutsy", "7.10"),
    ("hardy", "8.04"),
    ("intrepid", "8.10"),
    ("jaunty", "9.04"),
    ("karmic", "9.10"),
    ("lucid", "10.04"),
    ("maverick", "10.10"),
    ("natty", "11.04"),
    ("oneiric", "11.10"),
    ("precise", "12.04"),
    ("quantal", "12.10"),
    ("raring", "13.04"),
    ("saucy", "13.10"),
    ("trusty", "14.04"),
    ("utopic", "14.10"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("disco", "19.04"),
    ("eoan", "19.10"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
];

/// The stream of `jammy`, `esm-infra/xenial`, `trusty/esm`. `None`: `upstream`, `devel`, FIPS and other products.
pub(super) fn stream(name: &str) -> Option<String> {
    let find = |name: &str| RELEASES.iter().find(|(adjective, _)| *adjective == name).map(|(_, version)| *version);
    match name.split_once('/') {
        None => Some(format!("ubuntu {}", find(name)?)),
        Some((first, release)) if first.starts_with("esm-") || first == "esm" => {
            Some(format!("ubuntu {}-ESM", find(release)?))
        }
        Some((release, "esm")) => Some(format!("ubuntu {}-ESM", find(release)?)),
        Some(_) => None,
    }
}

/// One row of an entry, whatever form it came in.
struct Row<'a> {
    package: &'a str,
    release: &'a str,
    status: &'a str,
    note: &'a str,
    priority: &'a str,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    /// The form that vunnel keeps.
    Flat {
        name: String,
        #[serde(default)]
        priority: Option<String>,
        patches: Vec<Patch>,
        #[serde(default)]
        ignored_patches: Vec<Patch>,
        #[serde(default)]
        description: Option<String>,
    },
    /// `vuln-list`'s.
    Nested {
        #[serde(rename = "Candidate")]
        candidate: String,
        #[serde(rename = "Priority", default)]
        priority: String,
        #[serde(rename = "Description", default)]
        description: String,
        #[serde(rename = "Patches", default)]
        patches: BTreeMap<String, BTreeMap<String, Status2>>,
    },
}

#[derive(Deserialize)]
struct Patch {
    distro: String,
    package: String,
    status: String,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    priority: Option<String>,
}

#[derive(Deserialize)]
struct Status2 {
    #[serde(rename = "Status")]
    status: String,
    #[serde(rename = "Note", default)]
    note: String,
}

pub(super) fn json(reading: &mut Reading<'_>, path: &str, bytes: &[u8]) -> Result<(), FeedError> {
    match serde_json::from_slice::<Entry>(bytes) {
        Ok(Entry::Flat { name, priority, patches, ignored_patches, description }) => {
            let all = patches.iter().chain(&ignored_patches);
            let rows: Vec<Row<'_>> = all
                .map(|patch| Row {
                    package: &patch.package,
                    release: &patch.distro,
                    status: &patch.status,
                    note: patch.version.as_deref().unwrap_or_default(),
                    priority: patch.priority.as_deref().or(priority.as_deref()).unwrap_or_default(),
                })
                .collect();
            entry(reading, &name, &rows, description.unwrap_or_default(), priority.as_deref().unwrap_or_default())
        }
        Ok(Entry::Nested { candidate, priority, description, patches }) => {
            let mut rows = Vec::new();
            for (package, releases) in &patches {
                rows.extend(releases.iter().map(|(release, status)| Row {
                    package,
                    release,
                    status: &status.status,
                    note: &status.note,
                    priority: &priority,
                }));
            }
            entry(reading, &candidate, &rows, description, &priority)
        }
        Err(err) => {
            reading.malformed(path, err);
            Ok(())
        }
    }
}

/// `Candidate: CVE-2020-1234`, `Priority: medium`, `jammy_openssl: released (3.0.2-0ubuntu1.1)`.
pub(super) fn text(reading: &mut Reading<'_>, path: &str, bytes: &[u8]) -> Result<(), FeedError> {
    let text = String::from_utf8_lossy(bytes);
    let (mut id, mut priority) = ("", "");
    let mut rows = Vec::new();
    let mut priorities: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with([' ', '\t', '#'])) {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key {
            "Candidate" => id = value,
            "Priority" => priority = value.split_whitespace().next().unwrap_or_default(),
            _ => {
                if let Some(package) = key.strip_prefix("Priority_") {
                    priorities.insert(package, value);
                } else if let Some((release, package)) = key.split_once('_') {
                    let (status, note) = value.split_once(' ').unwrap_or((value, ""));
                    let note = note.trim().trim_start_matches('(').trim_end_matches(')');
                    rows.push(Row { package, release, status, note, priority: "" });
                }
            }
        }
    }
    if id.is_empty() || priority.is_empty() {
        reading.malformed(path, "the entry names no candidate or no priority");
        return Ok(());
    }
    for row in &mut rows {
        row.priority = priorities.get(row.package).copied().unwrap_or(priority);
    }
    rows.retain(|row| !["Tags", "Patches", "Assigned", "Discovered"].contains(&row.release));
    entry(reading, id, &rows, String::new(), priority)
}

fn entry(
    reading: &mut Reading<'_>,
    id: &str,
    rows: &[Row<'_>],
    description: String,
    priority: &str,
) -> Result<(), FeedError> {
    reading.tally.records += 1;
    for row in rows {
        let Some(stream) = stream(row.release) else {
            if !["upstream", "devel"].contains(&row.release) {
                reading.unknown(row.release);
            }
            continue;
        };
        let (affected, status) = match row.status {
            "released" => (None, Status::Fixed),
            "needed" | "needs-triage" | "active" | "in-progress" | "pending" => {
                (Some(before(None).0), Status::Affected)
            }
            "deferred" => (Some(before(None).0), Status::FixDeferred),
            "ignored" if row.note.contains("end of") || row.note.contains("end-of-life") => {
                (Some(before(None).0), Status::EndOfLife)
            }
            "ignored" => (Some(before(None).0), Status::WillNotFix),
            "not-affected" => (Some(nowhere()), Status::NotAffected),
            "DNE" | "" => continue,
            other => {
                reading.unknown(other);
                continue;
            }
        };
        let Some(mut advisory) = reading.blank(&stream, row.package, id) else { continue };
        advisory.severity = severity(row.priority);
        advisory.status = status;
        match affected {
            Some(affected) => advisory.affected = affected,
            None => {
                let version = row.note.split_whitespace().next().unwrap_or_default();
                (advisory.affected, advisory.fixed) = before(Some(version));
                if version.is_empty() {
                    advisory.status = Status::Affected;
                }
            }
        }
        reading.put(Record::Advisory(Box::new(advisory)))?;
    }
    let severities = severity(priority).map(|severity| ("ubuntu".to_owned(), severity)).into_iter().collect();
    reading.put(Record::Detail(id.to_owned(), Box::new(Detail { description, severities, ..Detail::default() })))
}
