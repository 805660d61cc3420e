//! An inventory as SPDX 2.3.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{
    ChecksumAlgorithm, Digest, Distro, ImageInfo, Inventory, License, Package, PackageKind, RelationshipKind, Subject,
    SubjectKind, Timestamp,
};

use super::OWNERSHIP;
use super::wire::{self, CreationInfo, Document, ExternalRef, Extracted, Relationship};
use crate::cpe::is_cpe23;
use crate::license::{self, Choice};
use crate::{Serial, TOOL, WriteOptions, identity, properties};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-DocumentRoot";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
const NOBODY_SAID: &str = "NOASSERTION";

/// The inventory as an SPDX 2.3 document in JSON.
///
/// The document describes the artifact, which contains every package (and file); `DEPENDS_ON` is a dependency, `CONTAINS` between packages
/// is one inside another, ownership is `OTHER` with Syft's comment. Facts without a field are in `attributionTexts` as `NAME: VALUE`, by the
/// property names of our CycloneDX. The creation time is required; without one in the options it is the Unix epoch.
pub fn write(subject: &Subject, inventory: &Inventory, options: &WriteOptions) -> Vec<u8> {
    let ids = identity::package_ids(inventory);
    let refs: Vec<String> = inventory.packages.iter().zip(&ids).map(|(package, id)| reference(package, id)).collect();
    let serial = match options.serial {
        Serial::Given(uuid) => uuid,
        Serial::ContentDerived => identity::serial_of(inventory, &ids, "spdx"),
    };
    let mut extracted = BTreeMap::new();
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", ROOT)];
    let mut packages = vec![root(subject)];
    if let Some(distro) = &inventory.distro {
        packages.push(operating_system(distro));
        relationships.push(relationship(ROOT, "CONTAINS", SYSTEM));
    }
    for (package, id) in inventory.packages.iter().zip(&refs) {
        let id = id.clone();
        relationships.push(relationship(ROOT, "CONTAINS", &id));
        packages.push(one(package, inventory.distro.as_ref(), id, &mut extracted));
    }
    if options.files {
        packages.extend(files(inventory, &mut relationships));
    }
    for edge in &inventory.relationships {
        let (Some(from), Some(to)) = (refs.get(edge.from.get()), refs.get(edge.to.get())) else { continue };
        relationships.push(match edge.kind {
            RelationshipKind::DependsOn => relationship(from, "DEPENDS_ON", to),
            RelationshipKind::ContainedIn => relationship(to, "CONTAINS", from),
            RelationshipKind::OwnedBy => Relationship {
                comment: Some(format!("{OWNERSHIP}: the files of the related package belong to this one")),
                ..relationship(to, "OTHER", from)
            },
        });
    }

    let created = options.timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
    let created = Timestamp::from_second(created.as_second()).unwrap_or(created);
    let name = if subject.name.is_empty() { "." } else { &subject.name };
    let document = Document {
        spdx_version: Some("SPDX-2.3".to_owned()),
        data_license: Some("CC0-1.0".to_owned()),
        id: Some(DOCUMENT.to_owned()),
        name: Some(name.to_owned()),
        document_namespace: Some(format!("https://signet.dev/spdx/{serial}")),
        creation_info: Some(CreationInfo {
            license_list_version: Some("3.28".to_owned()),
            creators: Some(vec!["Organization: Signet".to_owned(), tool(options)]),
            created: Some(created.to_string()),
        }),
        comment: unexamined(inventory),
        document_describes: None,
        external_document_refs: None,
        packages: Some(packages),
        files: None,
        has_extracted_licensing_infos: (!extracted.is_empty()).then(|| extracted.into_values().collect()),
        relationships: Some(relationships),
    };
    let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn tool(options: &WriteOptions) -> String {
    match options.tool_version.as_str() {
        "" => format!("Tool: {TOOL}"),
        version => format!("Tool: {TOOL}-{version}"),
    }
}

fn relationship(from: &str, kind: &str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: Some(from.to_owned()),
        related_spdx_element: Some(to.to_owned()),
        relationship_type: Some(kind.to_owned()),
        comment: None,
    }
}

/// `SPDXRef-Package-npm-left-pad-0123456789abcdef`: letters, digits, `.` and `-` only.
fn reference(package: &Package, id: &str) -> String {
    format!("SPDXRef-Package-{}-{}-{id}", idstring(package.kind.name()), idstring(&package.name))
}

fn idstring(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

fn blank(name: &str, id: &str) -> wire::Package {
    wire::Package {
        name: Some(name.to_owned()),
        id: Some(id.to_owned()),
        download_location: Some(NOBODY_SAID.to_owned()),
        files_analyzed: false,
        license_concluded: Some(NOBODY_SAID.to_owned()),
        license_declared: Some(NOBODY_SAID.to_owned()),
        copyright_text: Some(NOBODY_SAID.to_owned()),
        ..wire::Package::default()
    }
}

fn root(subject: &Subject) -> wire::Package {
    let name = if subject.name.is_empty() { "." } else { &subject.name };
    let image = subject.image.as_ref();
    // A directory is a `FILE` as in Syft's documents: its readers take any other purpose for a package.
    let purpose = match subject.kind {
        _ if image.is_some() => "CONTAINER",
        SubjectKind::Image => "CONTAINER",
        SubjectKind::Repository => "SOURCE",
        SubjectKind::File | SubjectKind::Directory | SubjectKind::RootFs | SubjectKind::Sbom | SubjectKind::Purl => {
            "FILE"
        }
    };
    let digest = image.and_then(|image| image.manifest_digest);
    wire::Package {
        version_info: digest.map(|digest| digest.to_string()),
        checksums: digest.as_ref().and_then(checksum_of).map(|checksum| vec![checksum]),
        primary_package_purpose: Some(purpose.to_owned()),
        attribution_texts: image.map(image_texts),
        ..blank(name, ROOT)
    }
}

fn image_texts(image: &ImageInfo) -> Vec<String> {
    let mut texts = vec![format!("ImageID: {}", image.config_digest)];
    texts.extend(image.layers.iter().map(|layer| format!("DiffID: {}", layer.diff_id)));
    texts.extend(image.tags.iter().map(|tag| format!("RepoTag: {}", tag.familiar())));
    texts.extend(image.repo_digests.iter().map(|name| format!("RepoDigest: {}", name.familiar())));
    texts
}

fn checksum_of(digest: &Digest) -> Option<wire::Checksum> {
    let name = digest.algorithm().name().to_ascii_uppercase();
    Some(wire::Checksum { algorithm: Some(name), checksum_value: Some(digest.hex()) })
}

fn operating_system(distro: &Distro) -> wire::Package {
    let name = if distro.id.is_empty() { "unknown" } else { &distro.id };
    wire::Package {
        version_info: distro.version_id.clone(),
        summary: distro.pretty_name.clone(),
        primary_package_purpose: Some("OPERATING_SYSTEM".to_owned()),
        ..blank(name, SYSTEM)
    }
}

fn one(
    package: &Package,
    distro: Option<&Distro>,
    id: String,
    extracted: &mut BTreeMap<String, Extracted>,
) -> wire::Package {
    let mut external = Vec::new();
    let mut put = |category: &str, ty: &str, locator: String| {
        external.push(ExternalRef {
            reference_category: Some(category.to_owned()),
            reference_type: Some(ty.to_owned()),
            reference_locator: Some(locator),
        });
    };
    for cpe in package.cpes.iter().filter(|cpe| is_cpe23(cpe)) {
        put("SECURITY", "cpe23Type", cpe.clone());
    }
    if let Some(purl) = package.purl(distro) {
        put("PACKAGE-MANAGER", "purl", purl.to_string());
    }
    let checksums: Vec<wire::Checksum> = package
        .checksums
        .iter()
        .filter(|checksum| is_hash(checksum.algorithm, &checksum.hex))
        .map(|checksum| wire::Checksum {
            algorithm: Some(match checksum.algorithm {
                ChecksumAlgorithm::Blake2b256 => "BLAKE2b-256".to_owned(),
                other => other.name().to_ascii_uppercase(),
            }),
            checksum_value: Some(checksum.hex.clone()),
        })
        .collect();
    // Ownership and containment are relationships here.
    let texts: Vec<String> = properties::of_package(package, distro, [])
        .into_iter()
        .filter(|(name, value)| name != "syft:cpe23" || !is_cpe23(value))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let name = if package.name.is_empty() { "unknown" } else { &package.name };
    wire::Package {
        version_info: (!package.version.is_empty()).then(|| package.version.clone()),
        supplier: Some(match package.vendor.as_deref().map(one_line).filter(|vendor| !vendor.is_empty()) {
            Some(vendor) => format!("Organization: {vendor}"),
            None => NOBODY_SAID.to_owned(),
        }),
        checksums: (!checksums.is_empty()).then_some(checksums),
        source_info: source_info(package),
        license_declared: Some(declared(&package.licenses, extracted)),
        summary: package.description.clone(),
        external_refs: (!external.is_empty()).then_some(external),
        primary_package_purpose: Some(purpose(package.kind).to_owned()),
        attribution_texts: (!texts.is_empty()).then_some(texts),
        ..blank(name, &id)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn purpose(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Binary | PackageKind::Snap | PackageKind::Flatpak => "APPLICATION",
        PackageKind::Container => "CONTAINER",
        _ => "LIBRARY",
    }
}

fn is_hash(algorithm: ChecksumAlgorithm, hex: &str) -> bool {
    let length = match algorithm {
        ChecksumAlgorithm::Md5 => 32,
        ChecksumAlgorithm::Sha1 => 40,
        ChecksumAlgorithm::Sha224 => 56,
        ChecksumAlgorithm::Sha256 | ChecksumAlgorithm::Blake2b256 => 64,
        ChecksumAlgorithm::Sha384 => 96,
        ChecksumAlgorithm::Sha512 => 128,
    };
    hex.len() == length && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn source_info(package: &Package) -> Option<String> {
    let paths: BTreeSet<String> = package.locations.iter().map(|location| format!("/{}", location.path)).collect();
    let paths: Vec<String> = paths.into_iter().collect();
    (!paths.is_empty()).then(|| format!("acquired package info from the following paths: {}", paths.join(", ")))
}

/// All licences joined by `AND`, each compound one in parentheses. What is no id of the list becomes a `LicenseRef` with its text.
fn declared(licenses: &[License], extracted: &mut BTreeMap<String, Extracted>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let several = licenses.len() > 1;
    for license in licenses.iter().filter(|license| !license.value.trim().is_empty()) {
        let part = match license::classify(&license.value) {
            Choice::Id(id) => match license::modern(id) {
                Some(expression) if several => format!("({expression})"),
                Some(expression) => expression.to_owned(),
                None => id.to_owned(),
            },
            Choice::Expression(expression) if several || expression.contains(" AND ") => format!("({expression})"),
            Choice::Expression(expression) => expression,
            Choice::Name(name) => {
                let mut hash = Digest::sha256(name.as_bytes()).hex();
                hash.truncate(16);
                let id = format!("LicenseRef-{hash}");
                extracted.entry(id.clone()).or_insert_with(|| Extracted {
                    license_id: Some(id.clone()),
                    extracted_text: Some(name.clone()),
                    name: Some(one_line(&name)),
                });
                id
            }
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() { NOBODY_SAID.to_owned() } else { parts.join(" AND ") }
}

/// Executables and libraries, as packages of one file: a file element must have a SHA-1, and nothing here computes one.
fn files(inventory: &Inventory, relationships: &mut Vec<Relationship>) -> Vec<wire::Package> {
    let mut packages = Vec::with_capacity(inventory.executables.len());
    for executable in &inventory.executables {
        let mut hash = Digest::sha256(executable.path.as_bytes()).hex();
        hash.truncate(16);
        let id = format!("SPDXRef-File-{}-{hash}", idstring(&executable.path));
        relationships.push(relationship(ROOT, "CONTAINS", &id));
        packages.push(wire::Package {
            checksums: checksum_of(&executable.digest).map(|checksum| vec![checksum]),
            primary_package_purpose: Some("FILE".to_owned()),
            ..blank(&format!("/{}", executable.path), &id)
        });
    }
    packages
}

/// One line for each part that was not examined.
fn unexamined(inventory: &Inventory) -> Option<String> {
    let lines: Vec<String> = inventory
        .unexamined
        .iter()
        .map(|part| format!("signet:unexamined: {}: {}: {}", part.kind.name(), part.location, one_line(&part.why)))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
