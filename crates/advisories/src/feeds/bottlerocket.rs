//! Bottlerocket: `updateinfo.xml` of its repository, and `vuln-list`'s JSON of it. Source: <https://advisories.bottlerocket.aws>.

use serde::Deserialize;

use super::FeedError;
use super::source::{Reading, Source, cves};
use super::updateinfo::{self, Erratum, WireBuild};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "bottlerocket",
    name: "Bottlerocket Security Advisories",
    urls: &["https://advisories.bottlerocket.aws/updateinfo.xml.gz"],
    licence: "Apache-2.0",
    redistributable: true,
    attribution: "",
    run,
};

#[derive(Deserialize)]
struct Wire {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    packages: Vec<WireBuild>,
    #[serde(default)]
    cveids: Vec<String>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json", ".xml"]) {
        if path.ends_with(".xml") {
            let tree = reading.tree;
            let bytes = tree.bytes(&path).map_err(|err| FeedError::Unpack { place: path.clone(), err })?;
            updateinfo::document(reading, &path, &bytes, "bottlerocket")?;
            continue;
        }
        let Some(wire) = reading.json::<Wire>(&path)? else { continue };
        let ids: Vec<&str> =
            wire.references.iter().map(|row| row.id.as_str()).chain(wire.cveids.iter().map(String::as_str)).collect();
        let erratum = Erratum {
            cves: cves(&ids.join(" ")),
            packages: wire.packages.iter().map(|package| package.build(None)).collect(),
            id: wire.id,
            title: wire.title,
            description: wire.description,
            severity: wire.severity,
            date: String::new(),
        };
        updateinfo::put(reading, "bottlerocket", &erratum)?;
    }
    Ok(())
}
