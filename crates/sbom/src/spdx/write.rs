//! An inventory as SPDX 2.3 or 2.2.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{
    ChecksumAlgorithm, Digest, Distro, Executable, ImageInfo, Inventory, License, Package, PackageKind,
    RelationshipKind, Subject, SubjectKind, Timestamp,
};

use super::wire::{self, CreationInfo, Document, ExternalRef, Extracted, Relationship};
use super::{OWNERSHIP, forms};
use crate::bounded::Bounded;
use crate::cpe::is_cpe23;
use crate::lazy::Lazy;
use crate::license::{self, Choice};
use crate::{Serial, TOOL, WriteOptions, identity, properties};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-DocumentRoot";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
pub(super) const NOBODY_SAID: &str = "NOASSERTION";

/// A version of SPDX 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SPDX-2.2.
    V2_2,
    /// SPDX-2.3.
    V2_3,
}

/// A form of SPDX 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Form {
    Json,
    TagValue,
    Yaml,
    Xml,
}

/// The inventory as an SPDX 2 document in any form and version. What 2.2 has no place for is left out.
pub fn write_as(
    version: Version,
    form: Form,
    subject: &Subject,
    inventory: &Inventory,
    options: &WriteOptions,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _written = write_to(version, form, subject, inventory, options, &mut bytes);
    bytes
}

/// The same into a sink; JSON and tag-value text piece by piece.
///
/// Errors: those of the sink.
pub fn write_to(
    version: Version,
    form: Form,
    subject: &Subject,
    inventory: &Inventory,
    options: &WriteOptions,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let parts = Parts::new(version, subject, inventory, options);
    let head = parts.head();
    match form {
        Form::Json => {
            let document = head.with(Lazy(|| parts.packages()), Lazy(|| parts.relationships()));
            serde_json::to_writer_pretty(&mut *sink, &document)?;
            sink.write_all(b"\n")
        }
        Form::TagValue => forms::tag_value(&head, parts.packages(), parts.relationships(), sink),
        Form::Yaml => forms::yaml(&head, parts.packages(), parts.relationships(), sink),
        Form::Xml => forms::xml(&head, parts.packages(), parts.relationships(), sink),
    }
}

/// A package as of SPDX 2.2: no purpose, fewer hash algorithms.
fn older(package: &mut wire::Package) {
    package.primary_package_purpose = None;
    if let Some(checksums) = &mut package.checksums {
        checksums.retain(|checksum| checksum.algorithm.as_deref().is_some_and(|name| !name.starts_with("BLAKE")));
        if checksums.is_empty() {
            package.checksums = None;
        }
    }
}

/// The inventory as an SPDX 2.3 document in JSON.
///
/// The document describes the artifact, which contains every package (and file); `DEPENDS_ON` is a dependency, `CONTAINS` between packages
/// is one inside another, ownership is `OTHER` with Syft's comment. Facts without a field are in `attributionTexts` as `NAME: VALUE`, by the
/// property names of our CycloneDX. The creation time is required; without one in the options it is the Unix epoch.
pub fn write(subject: &Subject, inventory: &Inventory, options: &WriteOptions) -> Vec<u8> {
    write_as(Version::V2_3, Form::Json, subject, inventory, options)
}

/// An inventory with the ids that its packages have in a document.
struct Parts<'a> {
    version: Version,
    subject: &'a Subject,
    inventory: &'a Inventory,
    options: &'a WriteOptions,
    refs: Vec<String>,
    serial: crate::Uuid,
}

impl<'a> Parts<'a> {
    fn new(version: Version, subject: &'a Subject, inventory: &'a Inventory, options: &'a WriteOptions) -> Parts<'a> {
        let ids = identity::package_ids(inventory);
        let refs = inventory.packages.iter().zip(&ids).map(|(package, id)| reference(package, id)).collect();
        let serial = match options.serial {
            Serial::Given(uuid) => uuid,
            Serial::ContentDerived => identity::serial_of(inventory, &ids, "spdx"),
        };
        Parts { version, subject, inventory, options, refs, serial }
    }

    /// The document without packages and relationships.
    fn head(&self) -> Document<(), ()> {
        let mut extracted = BTreeMap::new();
        for package in &self.inventory.packages {
            declared(&package.licenses, &mut extracted);
        }
        let created = self.options.timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
        let created = Timestamp::from_second(created.as_second()).unwrap_or(created);
        let name = if self.subject.name.is_empty() { "." } else { &self.subject.name };
        let version = if self.version == Version::V2_2 { "SPDX-2.2" } else { "SPDX-2.3" };
        Document {
            spdx_version: Some(version.to_owned()),
            data_license: Some("CC0-1.0".to_owned()),
            id: Some(DOCUMENT.to_owned()),
            name: Some(name.to_owned()),
            document_namespace: Some(format!("https://signet.dev/spdx/{}", self.serial)),
            creation_info: Some(CreationInfo {
                license_list_version: Some("3.28".to_owned()),
                creators: Some(vec!["Organization: Signet".to_owned(), tool(self.options)]),
                created: Some(created.to_string()),
            }),
            comment: unexamined(self.inventory),
            document_describes: None,
            external_document_refs: None,
            packages: (),
            files: Bounded::default(),
            has_extracted_licensing_infos: (!extracted.is_empty()).then(|| extracted.into_values().collect()),
            relationships: (),
        }
    }

    /// The artifact, its operating system, every package, and every executable if asked for.
    fn packages(&self) -> impl Iterator<Item = wire::Package> {
        let distro = self.inventory.distro.as_ref();
        let listed = self.inventory.packages.iter().zip(&self.refs);
        let listed = listed.map(move |(package, id)| one(package, distro, id.clone(), &mut BTreeMap::new()));
        std::iter::once(root(self.subject))
            .chain(distro.map(operating_system))
            .chain(listed)
            .chain(self.executables().map(file))
            .map(|mut package| {
                if self.version == Version::V2_2 {
                    older(&mut package);
                }
                package
            })
    }

    fn executables(&self) -> impl Iterator<Item = &'a Executable> {
        let wanted = self.options.files;
        self.inventory.executables.iter().filter(move |_| wanted)
    }

    fn relationships(&self) -> impl Iterator<Item = Relationship> {
        let contained = |id: &String| relationship(ROOT, "CONTAINS", id);
        let edges = self.inventory.relationships.iter().filter_map(|edge| {
            let (from, to) = (self.refs.get(edge.from.get())?, self.refs.get(edge.to.get())?);
            Some(match edge.kind {
                RelationshipKind::DependsOn => relationship(from, "DEPENDS_ON", to),
                RelationshipKind::ContainedIn => relationship(to, "CONTAINS", from),
                RelationshipKind::OwnedBy => Relationship {
                    comment: Some(format!("{OWNERSHIP}: the files of the related package belong to this one")),
                    ..relationship(to, "OTHER", from)
                },
            })
        });
        let system = self.inventory.distro.iter().map(|_| relationship(ROOT, "CONTAINS", SYSTEM));
        std::iter::once(relationship(DOCUMENT, "DESCRIBES", ROOT))
            .chain(system)
            .chain(self.refs.iter().map(contained))
            .chain(self.executables().map(|executable| relationship(ROOT, "CONTAINS", &file_id(executable))))
            .chain(edges)
    }
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

pub(super) fn root(subject: &Subject) -> wire::Package {
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

pub(super) fn operating_system(distro: &Distro) -> wire::Package {
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
    // Ownership and containment are relationships here.
    let texts: Vec<String> = properties::of_package(package, distro, [])
        .into_iter()
        .filter(|(name, value)| name != "syft:cpe23" || !is_cpe23(value))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let attribution_texts = (!texts.is_empty()).then_some(texts);
    wire::Package { attribution_texts, ..plain(package, distro, id, extracted) }
}

/// A package by its fields, without the facts that SPDX has none for.
pub(super) fn plain(
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
        ..blank(name, &id)
    }
}

/// Sixteen digits that stand for a text in an id.
pub(super) fn short_hash(text: &str) -> String {
    let mut hash = Digest::sha256(text.as_bytes()).hex();
    hash.truncate(16);
    hash
}

/// Whether an expression names this licence.
pub(super) fn names_license(expression: &str, id: &str) -> bool {
    expression.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).any(|word| word == id)
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
                let id = format!("LicenseRef-{}", short_hash(&name));
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

fn file_id(executable: &Executable) -> String {
    format!("SPDXRef-File-{}-{}", idstring(&executable.path), short_hash(&executable.path))
}

/// An executable or library, as a package of one file: a file element must have a SHA-1, and nothing here computes one.
fn file(executable: &Executable) -> wire::Package {
    wire::Package {
        checksums: checksum_of(&executable.digest).map(|checksum| vec![checksum]),
        primary_package_purpose: Some("FILE".to_owned()),
        ..blank(&format!("/{}", executable.path), &file_id(executable))
    }
}

/// One line for each part that was not examined.
pub(super) fn unexamined(inventory: &Inventory) -> Option<String> {
    let lines: Vec<String> = inventory
        .unexamined
        .iter()
        .map(|part| format!("signet:unexamined: {}: {}: {}", part.kind.name(), part.location, one_line(&part.why)))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
