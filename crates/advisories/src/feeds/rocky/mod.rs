//! Rocky Linux: OSV records (apollo), `updateinfo.xml` and `vuln-list`'s JSON of it. Source: <https://apollo.build.resf.org>; <https://errata.rockylinux.org>.

use serde::Deserialize;

use super::source::{Reading, Source, cves};
use super::updateinfo::{self, Erratum, WireBuild};
use super::{FeedError, osv_family};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "rocky",
    name: "Rocky Linux errata",
    urls: &["https://apollo.build.resf.org/api/v3/osv/", "https://errata.rockylinux.org/api/v2/advisories"],
    licence: "BSD-3-Clause",
    redistributable: true,
    attribution: "Contains Rocky Linux errata, https://errata.rockylinux.org",
    run,
};

#[derive(Deserialize)]
struct Wire {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    issued: Date,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    packages: Vec<WireBuild>,
    #[serde(default)]
    collections: Vec<Collection>,
    #[serde(default)]
    cveids: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Date {
    #[serde(default)]
    date: String,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(default)]
    module: Option<Module>,
    #[serde(default)]
    packages: Vec<WireBuild>,
}

#[derive(Deserialize)]
struct Module {
    name: String,
    stream: String,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json", ".xml"]) {
        if path.ends_with(".xml") {
            let bytes = reading.tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
            updateinfo::document(reading, &path, &bytes, &stream_of_path(&path))?;
            continue;
        }
        let Some(value) = reading.json::<serde_json::Value>(&path)? else { continue };
        if value.get("affected").is_some() || value.get("schema_version").is_some() {
            osv_family::record(reading, &path)?;
            continue;
        }
        match serde_json::from_value::<Wire>(value) {
            Ok(wire) => erratum(reading, &path, wire)?,
            Err(err) => reading.malformed(&path, err),
        }
    }
    Ok(())
}

/// `rocky/8.5/BaseOS/x86_64/2021/RLSA-2021-1989.json`: the major release.
fn stream_of_path(path: &str) -> String {
    let major = path.split('/').find_map(|part| {
        let number = part.split('.').next()?;
        let short = number.len() <= 2 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        short.then_some(number)
    });
    format!("rocky {}", major.unwrap_or_default())
}

fn erratum(reading: &mut Reading<'_>, path: &str, wire: Wire) -> Result<(), FeedError> {
    let mut packages: Vec<_> = wire.packages.iter().map(|package| package.build(None)).collect();
    for collection in &wire.collections {
        let module = collection.module.as_ref().map(|module| format!("{}:{}", module.name, module.stream));
        packages.extend(collection.packages.iter().map(|package| package.build(module.as_deref())));
    }
    let erratum = Erratum {
        cves: cves(&wire.cveids.join(" ")),
        packages,
        id: wire.id,
        title: wire.title,
        description: wire.description,
        severity: wire.severity,
        date: wire.issued.date,
    };
    updateinfo::put(reading, &stream_of_path(path), &erratum)
}
