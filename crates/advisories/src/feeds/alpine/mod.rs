//! Alpine's secdb: per release and repository, which version of a source package repairs what.
//!
//! Version `"0"`: never affected. An entry may hold several ids with spaces between them. What is not repaired is not in it, so an Alpine scan by
//! it alone reports fixed issues only. Source: <https://secdb.alpinelinux.org/>; JSON, and YAML in older copies.
//! The same shape carries Wolfi's and Chainguard's feeds, see [`super::wolfi`].

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::Status;

use super::FeedError;
use super::source::{Reading, Source, before, nowhere};
use super::yaml;
use crate::record::Record;

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "alpine",
    name: "Alpine Secdb",
    urls: &["https://secdb.alpinelinux.org/{}/main.json", "https://secdb.alpinelinux.org/{}/community.json"],
    licence: "MIT",
    redistributable: true,
    attribution: "Contains data of Alpine Linux's security database, https://secdb.alpinelinux.org",
    run,
};

#[derive(Deserialize)]
pub(super) struct Secdb {
    #[serde(default)]
    distroversion: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) packages: Vec<Entry>,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) pkg: Package,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    #[serde(default)]
    pub(super) secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json", ".yaml", ".yml"]) {
        let Some(db) = file::<Secdb>(reading, &path)? else { continue };
        let stated = match &db.distroversion {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        // Older copies say the release only by their folder.
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        let release = if stated.is_empty() { folder } else { &stated }.trim_start_matches('v');
        if release != "edge" && !release.starts_with(|sign: char| sign.is_ascii_digit()) {
            reading.skip(&path, "no release is named");
            continue;
        }
        packages(reading, &format!("alpine {release}"), db.packages)?;
    }
    Ok(())
}

/// A JSON or YAML file.
pub(super) fn file<T: serde::de::DeserializeOwned>(
    reading: &mut Reading<'_>,
    path: &str,
) -> Result<Option<T>, FeedError> {
    if path.ends_with(".json") {
        return reading.json(path);
    }
    let read = yaml::one::<T>(&reading.bytes(path)?);
    match read {
        Ok(value) => Ok(Some(value)),
        Err(why) => {
            reading.malformed(path, why);
            Ok(None)
        }
    }
}

/// The rows of a stream.
pub(super) fn packages(reading: &mut Reading<'_>, stream: &str, packages: Vec<Entry>) -> Result<(), FeedError> {
    reading.put(Record::Stream(stream.to_owned()))?;
    for Entry { pkg } in packages {
        reading.tally.records += 1;
        for (version, ids) in pkg.secfixes.into_iter().flatten() {
            for id in ids.iter().flatten().flat_map(|ids| ids.split_whitespace()) {
                let Some(mut advisory) = reading.blank(stream, &pkg.name, id) else { continue };
                if version == "0" {
                    (advisory.affected, advisory.status) = (nowhere(), Status::NotAffected);
                } else {
                    (advisory.affected, advisory.fixed) = before(Some(&version));
                    advisory.status = Status::Fixed;
                }
                reading.put(Record::Advisory(Box::new(advisory)))?;
            }
        }
    }
    Ok(())
}
