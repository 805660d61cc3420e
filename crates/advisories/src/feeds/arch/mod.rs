//! Arch Linux's security tracker: vulnerability groups (AVG) with packages, states and CVEs. Source: <https://security.archlinux.org/>, `/issues/all.json`.

use serde::Deserialize;
use signet_model::Status;

use super::FeedError;
use super::source::{Reading, Source, before, nowhere, severity};
use crate::record::{Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "arch",
    name: "Arch Linux Security Tracker",
    urls: &["https://security.archlinux.org/issues/all.json"],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains data of the Arch Linux security tracker, https://security.archlinux.org",
    run,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Many(Vec<serde_json::Value>),
    One(serde_json::Value),
}

#[derive(Deserialize)]
struct Group {
    name: String,
    packages: Vec<String>,
    status: String,
    #[serde(default)]
    severity: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    issues: Vec<String>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        let groups = match reading.json::<File>(&path)? {
            Some(File::Many(groups)) => groups,
            Some(File::One(group)) => vec![group],
            None => continue,
        };
        for value in groups {
            match serde_json::from_value::<Group>(value) {
                Ok(group) => one(reading, &group)?,
                Err(err) => reading.malformed(&path, err),
            }
        }
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, group: &Group) -> Result<(), FeedError> {
    reading.tally.records += 1;
    let ids = if group.issues.is_empty() { std::slice::from_ref(&group.name) } else { group.issues.as_slice() };
    let stated = severity(&group.severity);
    for package in &group.packages {
        for id in ids {
            let Some(mut advisory) = reading.blank("archlinux", package, id) else { continue };
            advisory.vendor_ids = vec![group.name.clone()];
            advisory.severity = stated;
            advisory.status = match group.status.as_str() {
                "Not affected" => Status::NotAffected,
                "Unknown" => Status::UnderInvestigation,
                _ if group.fixed.is_some() => Status::Fixed,
                _ => Status::Affected,
            };
            if advisory.status == Status::NotAffected {
                advisory.affected = nowhere();
            } else {
                (advisory.affected, advisory.fixed) = before(group.fixed.as_deref());
            }
            reading.put(Record::Advisory(Box::new(advisory)))?;
        }
    }
    for id in ids {
        let severities = stated.map(|severity| (SOURCE.id.to_owned(), severity)).into_iter().collect();
        let detail = Detail { title: group.kind.clone(), severities, ..Detail::default() };
        reading.put(Record::Detail(id.clone(), Box::new(detail)))?;
    }
    Ok(())
}
