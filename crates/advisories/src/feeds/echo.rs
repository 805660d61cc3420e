//! Echo: one JSON object of packages, or (in `vuln-list`) a file per package: CVE -> `{fixed_version, severity}`. Source: <https://advisory.echohq.com/data.json>.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::Status;

use super::FeedError;
use super::source::{Reading, Source, before, nowhere, severity};
use crate::record::Record;

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "echo",
    name: "Echo Security Advisories",
    urls: &["https://advisory.echohq.com/data.json"],
    licence: "none stated",
    redistributable: false,
    attribution: "",
    run,
};

#[derive(Deserialize)]
struct Fix {
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    severity: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Package(BTreeMap<String, Fix>),
    All(BTreeMap<String, BTreeMap<String, Fix>>),
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        let value = reading.json::<serde_json::Value>(&path)?;
        // Which of the two it is, the keys tell: every object is a map to both.
        let is_package = value
            .as_ref()
            .and_then(serde_json::Value::as_object)
            .is_some_and(|object| object.keys().all(|key| key.contains("CVE-") || key.contains("ECHO-")));
        let Some(value) = value else { continue };
        let read = if is_package {
            serde_json::from_value(value).map(File::Package)
        } else {
            serde_json::from_value(value).map(File::All)
        };
        match read {
            Ok(File::Package(rows)) => {
                let file = path.rsplit('/').next().unwrap_or_default();
                let package = file.strip_suffix(".json").unwrap_or(file).to_owned();
                one(reading, &package, rows)?;
            }
            Ok(File::All(all)) => {
                for (package, rows) in all {
                    one(reading, &package, rows)?;
                }
            }
            Err(err) => reading.malformed(&path, err),
        }
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, package: &str, rows: BTreeMap<String, Fix>) -> Result<(), FeedError> {
    for (id, fix) in rows {
        reading.tally.records += 1;
        let Some(mut advisory) = reading.blank("echo", package, &id) else { continue };
        advisory.severity = fix.severity.as_deref().and_then(severity);
        if fix.fixed_version == "0" {
            (advisory.affected, advisory.status) = (nowhere(), Status::NotAffected);
        } else {
            (advisory.affected, advisory.fixed) = before(Some(&fix.fixed_version));
            advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
        }
        reading.put(Record::Advisory(Box::new(advisory)))?;
    }
    Ok(())
}
