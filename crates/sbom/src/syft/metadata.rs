//! The `metadata` of an artifact: what its own package manager knows. Grype matches by some of it.

use serde::Deserialize;
use serde_json::{Value, json};
use signet_model::{ChecksumAlgorithm, Package, PackageKind, Presence, SourcePackage};

/// The facts that matching needs, out of whichever metadata type. Fields whose type differs between metadata types stay values.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Facts {
    source: Option<Value>,
    source_version: Option<Value>,
    origin_package: Option<Value>,
    architecture: Option<Value>,
    maintainer: Option<Value>,
    vendor: Option<Value>,
    epoch: Option<Value>,
    source_rpm: Option<Value>,
    modularity_label: Option<Value>,
    description: Option<Value>,
    main_module: Option<Value>,
    h1_digest: Option<Value>,
    pom_properties: Option<Pom>,
    digest: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pom {
    group_id: Option<String>,
    artifact_id: Option<String>,
}

fn text(value: &Option<Value>) -> Option<String> {
    value.as_ref().and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Puts the facts into a package of which name, version and purl are known.
pub(super) fn apply(facts: Facts, package: &mut Package) {
    if let Some(arch) = text(&facts.architecture).filter(|_| package.kind.is_os()) {
        package.arch = Some(arch);
    }
    package.vendor = text(&facts.maintainer).or(text(&facts.vendor));
    package.description = text(&facts.description);
    let itself =
        |version: Option<String>| version.or_else(|| (!package.version.is_empty()).then(|| package.version.clone()));
    let source = match package.kind {
        PackageKind::Apk => text(&facts.origin_package).map(|name| SourcePackage { name, version: itself(None) }),
        PackageKind::Deb => {
            text(&facts.source).map(|name| SourcePackage { name, version: itself(text(&facts.source_version)) })
        }
        PackageKind::Rpm => text(&facts.source_rpm).and_then(|file| source_of_rpm(&file, package)),
        _ => None,
    };
    if source.is_some() {
        package.source = source;
    }
    if package.kind == PackageKind::Rpm {
        if let Some(epoch) = facts.epoch.as_ref().and_then(Value::as_u64).filter(|_| package.epoch().is_none()) {
            package.version = format!("{epoch}:{}", package.version);
        }
        package.module = text(&facts.modularity_label).or(package.module.take());
    }
    if let Some(pom) = facts.pom_properties.filter(|_| package.stated_purl.is_none())
        && let (Some(group), Some(artifact)) = (pom.group_id, pom.artifact_id)
        && !group.is_empty()
        && !artifact.is_empty()
    {
        package.name = format!("{group}:{artifact}");
    }
    for (key, value) in [("go.main", text(&facts.main_module)), ("go.h1", text(&facts.h1_digest))] {
        if let Some(value) = value {
            package.extra.insert(key.to_owned(), value);
        }
    }
    for digest in facts.digest.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let field = |name: &str| digest.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(algorithm) = crate::properties::algorithm_of(&field("algorithm")) {
            package.checksums.push(signet_model::Checksum { algorithm, hex: field("value").to_ascii_lowercase() });
        }
    }
}

fn source_of_rpm(file: &str, package: &Package) -> Option<SourcePackage> {
    let qualifiers = [("upstream", file), ("epoch", package.epoch().unwrap_or_default())];
    let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
    // The same rule as for purls, so that both ways give the same package.
    let purl = signet_model::Purl::build("rpm", Some("x"), &package.name, Some(version), qualifiers, None).ok()?;
    purl.to_package().source
}

/// `metadataType` and `metadata` for the kinds whose shape we know.
pub(super) fn of_package(package: &Package) -> Option<(&'static str, Value)> {
    let installed = package.presence == Presence::Installed;
    let extra = |key: &str| package.extra.get(key).cloned().unwrap_or_default();
    let arch = package.arch.clone().unwrap_or_default();
    let vendor = package.vendor.clone().unwrap_or_default();
    let source = package.source.as_ref().filter(|source| source.name != package.name);
    Some(match package.kind {
        PackageKind::Apk => (
            "apk-db-entry",
            json!({
                "package": package.name,
                "originPackage": package.source.as_ref().map(|source| source.name.clone()).unwrap_or_default(),
                "maintainer": vendor,
                "version": package.version,
                "architecture": arch,
                "url": extra("apk.url"),
                "description": package.description.clone().unwrap_or_default(),
                "size": 0,
                "installedSize": 0,
                "pullDependencies": [],
                "provides": [],
                "pullChecksum": extra("apk.checksum"),
                "gitCommitOfApkPort": extra("apk.commit"),
                "files": [],
            }),
        ),
        PackageKind::Deb => {
            let version =
                package.source.as_ref().and_then(|source| source.version.clone()).filter(|v| *v != package.version);
            // Syft leaves the source out only when both name and version are the package's own.
            let named = source.or(package.source.as_ref().filter(|_| version.is_some()));
            (
                "dpkg-db-entry",
                json!({
                    "package": package.name,
                    "source": named.map(|source| source.name.clone()).unwrap_or_default(),
                    "version": package.version,
                    "sourceVersion": version.unwrap_or_default(),
                    "architecture": arch,
                    "maintainer": vendor,
                    "installedSize": 0,
                    "files": [],
                }),
            )
        }
        PackageKind::Rpm => {
            let epoch: Option<u64> = package.epoch().and_then(|epoch| epoch.parse().ok());
            let whole = package
                .version
                .split_once(':')
                .filter(|_| epoch.is_some())
                .map_or(package.version.as_str(), |(_, v)| v);
            let (version, release) = whole.rsplit_once('-').unwrap_or((whole, ""));
            let mut entry = json!({
                "name": package.name,
                "version": version,
                "epoch": epoch,
                "architecture": arch,
                "release": release,
                "sourceRpm": source_rpm(package),
                "size": 0,
                "vendor": vendor,
                "files": [],
            });
            if let (Some(module), Some(object)) = (&package.module, entry.as_object_mut()) {
                object.insert("modularityLabel".to_owned(), json!(module));
            }
            ("rpm-db-entry", entry)
        }
        PackageKind::Go if installed => {
            let mut entry = json!({ "goCompiledVersion": extra("go.version"), "architecture": arch });
            if let Some(object) = entry.as_object_mut() {
                for (from, to) in [("go.h1", "h1Digest"), ("go.main", "mainModule")] {
                    object.extend(package.extra.get(from).map(|value| (to.to_owned(), json!(value))));
                }
            }
            ("go-module-buildinfo-entry", entry)
        }
        PackageKind::Go => ("go-module-entry", json!({ "h1Digest": extra("go.h1") })),
        PackageKind::Java | PackageKind::JenkinsPlugin => {
            let (group, artifact) = package.name.split_once(':').unwrap_or(("", &package.name));
            let digests: Vec<Value> = package
                .checksums
                .iter()
                .filter(|checksum| checksum.algorithm == ChecksumAlgorithm::Sha1)
                .map(|checksum| json!({ "algorithm": "sha1", "value": checksum.hex }))
                .collect();
            let path = package.locations.first().map(|location| location.path.replace("!/", ":")).unwrap_or_default();
            let mut entry = json!({ "virtualPath": format!("/{path}") });
            if let Some(object) = entry.as_object_mut() {
                if !group.is_empty() {
                    let pom = json!({
                        "path": "", "name": "", "groupId": group, "artifactId": artifact, "version": package.version,
                    });
                    object.insert("pomProperties".to_owned(), pom);
                }
                if !digests.is_empty() {
                    object.insert("digest".to_owned(), Value::Array(digests));
                }
            }
            ("java-archive", entry)
        }
        PackageKind::Npm if installed => (
            "javascript-npm-package",
            json!({
                "name": package.name,
                "version": package.version,
                "author": vendor,
                "homepage": extra("npm.homepage"),
                "description": package.description.clone().unwrap_or_default(),
                "url": extra("npm.repository"),
                "private": false,
            }),
        ),
        PackageKind::Npm => (
            "javascript-npm-package-lock-entry",
            json!({ "resolved": extra("npm.resolved"), "integrity": extra("npm.integrity"), "dependencies": {} }),
        ),
        PackageKind::Python if installed => (
            "python-package",
            json!({
                "name": package.name,
                "version": package.version,
                "author": vendor,
                "authorEmail": "",
                "platform": "",
                "sitePackagesRootPath": "",
            }),
        ),
        PackageKind::Cargo => {
            let mut entry =
                json!({ "name": package.name, "version": package.version, "source": extra("cargo.source") });
            if installed {
                ("rust-cargo-audit-entry", entry)
            } else {
                let sha256 = package.checksums.iter().find(|checksum| checksum.algorithm == ChecksumAlgorithm::Sha256);
                if let Some(object) = entry.as_object_mut() {
                    object.insert("checksum".to_owned(), json!(sha256.map(|c| c.hex.clone()).unwrap_or_default()));
                    object.insert("dependencies".to_owned(), json!([]));
                }
                ("rust-cargo-lock-entry", entry)
            }
        }
        PackageKind::Gem if installed => ("ruby-gemspec", json!({ "name": package.name, "version": package.version })),
        _ => return None,
    })
}

/// The file name of the source package.
fn source_rpm(package: &Package) -> String {
    if let Some(file) = package.extra.get("rpm.source") {
        return file.clone();
    }
    match &package.source {
        Some(SourcePackage { name, version: Some(version) }) => {
            let version = version.split_once(':').map_or(version.as_str(), |(_, rest)| rest);
            format!("{name}-{version}.src.rpm")
        }
        _ => String::new(),
    }
}
