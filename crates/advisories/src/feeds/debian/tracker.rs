//! `vuln-list`'s copy of Debian's tracker: `distributions.json`, `CVE/*.json` (and `DSA/`, `DLA/`) with the annotations of the tracker's lists, and
//! `source/<codename>/...` with the versions that a release has.
//!
//! An annotation without a release speaks of unstable. A release whose version of the package is older than unstable's fix is affected; unless an
//! annotation of its own says otherwise. Source: security-tracker `data/CVE/list`; aquasecurity/vuln-list-update `debian/tracker`.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::Status;

use super::{FeedError, Reading, before, nowhere, severity};
use crate::order::{self, Order};
use crate::record::{Detail, Record};

#[derive(Deserialize)]
struct Distribution {
    #[serde(rename = "major-version")]
    major: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bug {
    header: Header,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Header {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Annotation {
    #[serde(rename = "Type")]
    kind_of: String,
    release: String,
    package: String,
    kind: String,
    version: String,
    severity: String,
    bugs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sources {
    package: Vec<String>,
    version: Vec<String>,
}

/// Package -> release -> what is said of it.
type Rows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Annotation>>;

pub(super) fn run(reading: &mut Reading<'_>, paths: &[String]) -> Result<(), FeedError> {
    let mut releases: BTreeMap<String, String> = BTreeMap::new();
    let mut versions: BTreeMap<(String, String), String> = BTreeMap::new();
    for path in paths {
        if path.ends_with("tracker/distributions.json") {
            let read: Option<BTreeMap<String, Distribution>> = reading.json(path)?;
            releases.extend(read.into_iter().flatten().map(|(name, row)| (name, row.major)));
        } else if let Some(codename) = codename(path) {
            let Some(sources) = reading.json::<Sources>(path)? else { continue };
            for (package, version) in sources.package.into_iter().zip(sources.version) {
                let held = versions.entry((codename.to_owned(), package)).or_default();
                let newer = order::compare(Order::Deb, held, &version).is_ok_and(|order| order.is_lt());
                if held.is_empty() || newer {
                    *held = version;
                }
            }
        }
    }
    releases.retain(|_, major| !major.is_empty());
    for path in paths.iter().filter(|path| ["/CVE/", "/DSA/", "/DLA/"].iter().any(|part| path.contains(part))) {
        let Some(bug) = reading.json::<Bug>(path)? else { continue };
        reading.tally.records += 1;
        let mut rows = Rows::new();
        for annotation in bug.annotations.iter().filter(|annotation| annotation.kind_of == "package") {
            rows.entry(&annotation.package).or_default().insert(&annotation.release, annotation);
        }
        let notice = path.contains("/DSA/") || path.contains("/DLA/");
        for (package, by_release) in &rows {
            let stated = by_release.values().find_map(|row| severity(&row.severity));
            for (codename, major) in &releases {
                let own = by_release.get(codename.as_str()).copied();
                let Some(row) = own.or_else(|| by_release.get("").copied().filter(|_| !notice)) else { continue };
                let ids: &[String] = if notice { &row.bugs } else { std::slice::from_ref(&bug.header.id) };
                let held = versions.get(&(codename.clone(), (*package).to_owned()));
                for id in ids {
                    let Some(mut advisory) = reading.blank(&format!("debian {major}"), package, id) else { continue };
                    if notice {
                        advisory.vendor_ids = vec![bug.header.id.clone()];
                    }
                    advisory.severity = stated;
                    let Some((affected, fixed, status)) = judge(row, own.is_some(), held) else { continue };
                    (advisory.affected, advisory.fixed, advisory.status) = (affected, fixed, status);
                    reading.put(Record::Advisory(Box::new(advisory)))?;
                }
            }
        }
        if !notice {
            let detail = Detail { description: bug.header.description, ..Detail::default() };
            reading.put(Record::Detail(bug.header.id, Box::new(detail)))?;
        }
    }
    Ok(())
}

/// `None`: the release does not have the package, or nobody knows yet.
fn judge(row: &Annotation, own: bool, held: Option<&String>) -> Option<(crate::Affected, Vec<String>, Status)> {
    let open = |status| {
        let (affected, fixed) = before(None);
        Some((affected, fixed, status))
    };
    match row.kind.as_str() {
        "fixed" if own => {
            let (affected, fixed) = before(Some(&row.version));
            Some((affected, fixed, Status::Fixed))
        }
        "fixed" => {
            let held = held?;
            if order::compare(Order::Deb, held, &row.version).is_ok_and(|order| order.is_lt()) {
                return open(Status::Affected);
            }
            let (affected, fixed) = before(Some(&row.version));
            Some((affected, fixed, Status::Fixed))
        }
        "not-affected" => Some((nowhere(), Vec::new(), Status::NotAffected)),
        "removed" | "undetermined" | "itp" => None,
        "ignored" => open(Status::WillNotFix),
        "postponed" => open(Status::FixDeferred),
        "end-of-life" => open(Status::EndOfLife),
        _ if own || held.is_some() => open(Status::Affected),
        _ => None,
    }
}

/// The code name in `.../source/<codename>/...` and `.../updates-source/<codename>/...`.
fn codename(path: &str) -> Option<&str> {
    let mut parts = path.split('/');
    parts.find(|part| *part == "source" || *part == "updates-source")?;
    parts.next()
}
