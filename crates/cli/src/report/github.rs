//! GitHub's dependency snapshot, for its dependency submission API. Source: the REST API's description, `POST .../dependency-graph/snapshots`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};
use signet_model::{Directness, Package, PackageIndex, RelationshipKind};

use crate::report::Report;

/// What GitHub's runners say of the run, from their variables; all of it may be absent, and the sender fills it in.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The document: one manifest per file that names packages, the operating system's packages under its name.
///
/// Packages without a package URL cannot stand in it; neither can what was not examined, for which the format has no place but `metadata`.
pub(crate) fn render(report: &Report) -> Result<Vec<u8>> {
    let purls: Vec<Option<String>> = report
        .inventory
        .packages
        .iter()
        .map(|package| Some(package.purl(report.inventory.distro.as_ref())?.to_string()))
        .collect();
    let purl = |index: PackageIndex| purls.get(index.get()).and_then(Option::as_deref);
    let mut needs: BTreeMap<PackageIndex, BTreeSet<&str>> = BTreeMap::new();
    for edge in report.inventory.relationships.iter().filter(|edge| edge.kind == RelationshipKind::DependsOn) {
        needs.entry(edge.from).or_default().extend(purl(edge.to));
    }
    let mut manifests: BTreeMap<String, (Option<&str>, BTreeMap<&str, Value>)> = BTreeMap::new();
    for (place, package) in report.inventory.packages.iter().enumerate() {
        let index = PackageIndex(u32::try_from(place).unwrap_or(u32::MAX));
        // The project itself is no dependency of its own.
        let own = matches!(package.directness, Directness::Root | Directness::Workspace);
        let Some(url) = purl(index).filter(|_| !own) else { continue };
        let (name, file) = manifest(report, package);
        let dependencies: Vec<&str> = needs.get(&index).into_iter().flatten().copied().collect();
        let mut entry = json!({
            "package_url": url,
            "relationship": if package.directness == Directness::Indirect { "indirect" } else { "direct" },
            "scope": if package.dev { "development" } else { "runtime" },
        });
        if !dependencies.is_empty() {
            entry["dependencies"] = json!(dependencies);
        }
        manifests.entry(name).or_insert_with(|| (file, BTreeMap::new())).1.insert(url, entry);
    }
    let manifests: serde_json::Map<String, Value> = manifests
        .into_iter()
        .map(|(name, (file, resolved))| {
            let mut manifest = json!({ "name": name, "resolved": resolved });
            if let Some(file) = file {
                manifest["file"] = json!({ "source_location": file });
            }
            (name, manifest)
        })
        .collect();
    // Eight entries at most, none of them nested.
    let mut metadata = serde_json::Map::new();
    metadata.insert("signet:subject".to_owned(), json!(report.subject.name));
    if let Some(digest) = report.digest() {
        metadata.insert("signet:digest".to_owned(), json!(digest.to_string()));
    }
    if let Some(distro) = &report.inventory.distro {
        let version = distro.version_id.as_deref().unwrap_or("rolling");
        metadata.insert("signet:distribution".to_owned(), json!(format!("{} {version}", distro.id)));
    }
    metadata.insert("signet:notExamined".to_owned(), json!(report.inventory.unexamined.len()));
    let correlator: Vec<String> =
        ["GITHUB_WORKFLOW", "GITHUB_JOB"].into_iter().map(variable).filter(|part| !part.is_empty()).collect();
    let document = json!({
        "version": 0,
        "detector": { "name": "signet", "version": env!("CARGO_PKG_VERSION"), "url": "https://signet.dev" },
        "metadata": metadata,
        "ref": variable("GITHUB_REF"),
        "sha": variable("GITHUB_SHA"),
        "job": {
            "correlator": correlator.join("_"),
            "id": variable("GITHUB_RUN_ID"),
        },
        "scanned": report.created.unwrap_or(report.now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "manifests": manifests,
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The manifest that a package belongs to, and its file: packages of the distribution stand together under the image's name.
fn manifest<'a>(report: &'a Report, package: &'a Package) -> (String, Option<&'a str>) {
    let file = package.locations.first().map(|place| place.path.as_str()).filter(|path| !path.is_empty());
    match file {
        _ if package.kind.is_os() => {
            let distro = report.inventory.distro.as_ref().map_or("operating system", |distro| &distro.id);
            (format!("{} ({distro})", report.subject.name), file)
        }
        Some(path) => (path.to_owned(), file),
        None => (report.subject.name.clone(), None),
    }
}
