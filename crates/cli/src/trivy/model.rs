//! Trivy's report read back into our nouns, so that every other format is written from the one report that was shown and filtered.

use std::collections::HashMap;

use signet_model::{
    Checksum, ChecksumAlgorithm, Cvss, DataSource, Directness, Distro, Finding, Fix, ImageInfo, Inventory, LayerInfo,
    License, Location, Package, PackageIndex, PackageKind, Platform, Presence, Purl, Relationship, RelationshipKind,
    Severity, SourcePackage, Status, Subject, SubjectKind, Suppression, SuppressionKind, Timestamp, Unexamined,
    UnexaminedKind, Vulnerability, Why,
};
use signet_sbom::cyclonedx::trivy::Group;

use super::kinds;
use super::wire::{self, PackageRow, ResultRow, VulnerabilityRow};
use crate::report::Report;

/// A report in our nouns, and the results that its packages stand in.
pub(super) struct Native {
    pub(super) report: Report,
    pub(super) groups: Vec<Group>,
}

/// Reads the whole report.
pub(super) fn native(from: &wire::Report, now: Timestamp) -> Native {
    let mut inventory = Inventory {
        distro: from.metadata.os.as_ref().map(|os| Distro {
            id: os.family.clone(),
            version_id: Some(os.name.clone()),
            ..Distro::default()
        }),
        ..Inventory::default()
    };
    let mut findings = Vec::new();
    let mut groups = Vec::new();
    for result in &from.results {
        groups.push(self::result(result, from, &mut inventory, &mut findings));
    }
    inventory.unexamined = from.unexamined.iter().map(unexamined).collect();
    inventory.relationships.sort();
    inventory.relationships.dedup();
    let image = image(from);
    let kind = match from.artifact_type.as_str() {
        "container_image" => SubjectKind::Image,
        "repository" => SubjectKind::Repository,
        "cyclonedx" | "spdx" => SubjectKind::Sbom,
        _ => SubjectKind::Directory,
    };
    let subject = Subject { kind, name: from.artifact_name.clone(), image };
    let report = Report {
        subject,
        inventory,
        findings,
        judged: true,
        database: None,
        decision: None,
        threshold: None,
        notes: Vec::new(),
        created: Some(from.created_at.parse().unwrap_or(now)),
        now,
        views: crate::report::Views::default(),
    };
    Native { report, groups }
}

fn result(from: &ResultRow, report: &wire::Report, inventory: &mut Inventory, findings: &mut Vec<Finding>) -> Group {
    let is_system = from.class == "os-pkgs";
    let kind = kinds::of_type(&from.ty);
    let component = is_system || kind.is_none_or(|kind| kind.gathered.is_empty());
    let mut members = Vec::new();
    let mut by_id: HashMap<&str, PackageIndex> = HashMap::new();
    let mut by_key: HashMap<(String, String, String), PackageIndex> = HashMap::new();
    for row in &from.packages {
        let index = PackageIndex(u32::try_from(inventory.packages.len()).unwrap_or(u32::MAX));
        inventory.packages.push(package(row, from));
        members.push(index);
        if !row.id.is_empty() {
            by_id.insert(&row.id, index);
        }
        by_key.insert((row.identifier.purl.clone(), row.name.clone(), row.file_path.clone()), index);
    }
    for (row, from) in from.packages.iter().zip(&members) {
        let to = row.depends_on.iter().filter_map(|id| by_id.get(id.as_str()));
        let edges = to.map(|to| Relationship { from: *from, to: *to, kind: RelationshipKind::DependsOn });
        inventory.relationships.extend(edges);
    }
    let mut put = |row: &VulnerabilityRow, suppressed: Option<Suppression>| {
        let key = (row.pkg_identifier.purl.clone(), row.pkg_name.clone(), row.pkg_path.clone());
        let index = *by_key.entry(key).or_insert_with(|| {
            // A report that does not list all packages still names those that have a finding.
            let index = PackageIndex(u32::try_from(inventory.packages.len()).unwrap_or(u32::MAX));
            inventory.packages.push(package_of(row, from));
            members.push(index);
            index
        });
        findings.push(finding(row, index, suppressed));
    };
    for row in &from.vulnerabilities {
        put(row, None);
    }
    for modified in from.modified.iter().filter(|modified| modified.ty == "vulnerability") {
        let Ok(row) = serde_json::from_value::<VulnerabilityRow>(modified.finding.clone()) else { continue };
        let kind = if modified.status == "ignored" { SuppressionKind::IgnoreFile } else { SuppressionKind::Vex };
        let reason = Suppression {
            kind,
            source: modified.source.clone(),
            status: modified.status.clone(),
            statement: Some(modified.statement.clone()).filter(|text| !text.is_empty()),
        };
        put(&row, Some(reason));
    }
    let os = report.metadata.os.as_ref();
    Group {
        name: match os {
            Some(os) if is_system => os.family.clone(),
            _ => from.target.clone(),
        },
        version: os.filter(|_| is_system).map(|os| os.name.clone()),
        class: from.class.clone(),
        ty: from.ty.clone(),
        packages: members,
        component,
    }
}

/// The ecosystem of a package: its purl tells, else it is something else.
fn kind(purl: Option<&Purl>) -> PackageKind {
    purl.map_or(PackageKind::Other, |purl| purl.to_package().kind)
}

fn package(row: &PackageRow, result: &ResultRow) -> Package {
    package_of_kind(row, result, kind(Purl::parse_lenient(&row.identifier.purl).ok().as_ref()))
}

/// The package of a row, whose kind is known.
pub(super) fn package_of_kind(row: &PackageRow, result: &ResultRow, kind: PackageKind) -> Package {
    let purl = Purl::parse_lenient(&row.identifier.purl).ok();
    let whole = |epoch: u64, version: &str, release: &str| {
        let mut text = if epoch == 0 { version.to_owned() } else { format!("{epoch}:{version}") };
        if !release.is_empty() {
            text = text + "-" + release;
        }
        text
    };
    let mut package = Package::new(kind, row.name.clone(), whole(row.epoch, &row.version, &row.release));
    package.stated_purl = purl;
    package.arch = some(&row.arch);
    package.source = some(&row.src_name)
        .filter(|_| kind.is_os())
        .map(|name| SourcePackage { name, version: some(&whole(row.src_epoch, &row.src_version, &row.src_release)) });
    package.module = some(&row.modularity_label);
    package.vendor = some(&row.maintainer);
    package.licenses = row.licenses.iter().map(|value| License { value: value.clone() }).collect();
    let installed = result.class == "os-pkgs" || kinds::of_type(&result.ty).is_some_and(|kind| !kind.lock);
    package.presence = if installed { Presence::Installed } else { Presence::Declared };
    package.directness = match row.relationship.as_str() {
        "root" => Directness::Root,
        "workspace" => Directness::Workspace,
        "direct" => Directness::Direct,
        "indirect" => Directness::Indirect,
        _ if row.indirect => Directness::Indirect,
        _ => Directness::Unknown,
    };
    package.dev = row.dev;
    package.found_by = "trivy";
    package.checksums = row.digest.split_once(':').and_then(|(name, hex)| checksum(name, hex)).into_iter().collect();
    let path = if row.file_path.is_empty() && result.class != "os-pkgs" { &result.target } else { &row.file_path };
    package.locations.push(Location {
        path: path.clone(),
        layer: row.layer.diff_id.parse().ok(),
        lines: row.locations.first().map(|lines| (lines.start_line, lines.end_line)),
    });
    package.extra.insert("trivy.pkg_id".to_owned(), row.id.clone());
    package
}

fn checksum(name: &str, hex: &str) -> Option<Checksum> {
    let algorithm = match name {
        "md5" => ChecksumAlgorithm::Md5,
        "sha1" => ChecksumAlgorithm::Sha1,
        "sha256" => ChecksumAlgorithm::Sha256,
        _ => return None,
    };
    Some(Checksum { algorithm, hex: hex.to_owned() })
}

fn package_of(row: &VulnerabilityRow, result: &ResultRow) -> Package {
    let row = PackageRow {
        id: row.pkg_id.clone(),
        name: row.pkg_name.clone(),
        version: row.installed_version.clone(),
        identifier: row.pkg_identifier.clone(),
        file_path: row.pkg_path.clone(),
        layer: row.layer.clone(),
        ..PackageRow::default()
    };
    package(&row, result)
}

/// The finding of a row about a package.
pub(super) fn finding(row: &VulnerabilityRow, package: PackageIndex, suppressed: Option<Suppression>) -> Finding {
    let severity = |number: u8| Severity::ALL.get(usize::from(number)).copied().unwrap_or_default();
    let score = |number: &Option<serde_json::Number>| number.as_ref().and_then(serde_json::Number::as_f64);
    let vulnerability = Vulnerability {
        id: row.id.clone(),
        title: some(&row.title),
        description: some(&row.description),
        severities: row.vendor_severity.iter().map(|(source, number)| (source.clone(), severity(*number))).collect(),
        cvss: row
            .cvss
            .iter()
            .map(|(source, cvss)| {
                let cvss = Cvss {
                    v2: (cvss.v2_vector.clone(), score(&cvss.v2_score)),
                    v3: (cvss.v3_vector.clone(), score(&cvss.v3_score)),
                    v4: (cvss.v4_vector.clone(), score(&cvss.v4_score)),
                };
                (source.clone(), cvss)
            })
            .collect(),
        cwes: row.cwe_ids.clone(),
        references: std::iter::once(&row.primary_url)
            .filter(|url| !url.is_empty())
            .chain(&row.references)
            .cloned()
            .collect(),
        published: row.published_date.parse().ok(),
        modified: row.last_modified_date.parse().ok(),
        ..Vulnerability::default()
    };
    let source = row.data_source.clone().unwrap_or_default();
    Finding {
        vulnerability,
        package,
        severity: row.severity.parse().unwrap_or(Severity::Unknown),
        severity_source: some(&row.severity_source),
        status: Status::from_name(&row.status).unwrap_or_default(),
        fix: Fix {
            versions: row.fixed_version.split(", ").filter(|version| !version.is_empty()).map(str::to_owned).collect(),
            available: None,
        },
        vendor_ids: row.vendor_ids.clone(),
        data_source: DataSource { id: source.id, name: source.name, url: source.url, base_id: some(&source.base_id) },
        malicious: row.malicious,
        why: Why::default(),
        suppressed,
    }
}

fn image(from: &wire::Report) -> Option<ImageInfo> {
    let metadata = &from.metadata;
    let config_digest = metadata.image_id.parse().ok()?;
    let digests: HashMap<&str, &wire::Layer> =
        metadata.layers.iter().map(|layer| (layer.diff_id.as_str(), layer)).collect();
    let layers = metadata.diff_ids.iter().filter_map(|diff_id| {
        let known = digests.get(diff_id.as_str());
        Some(LayerInfo {
            diff_id: diff_id.parse().ok()?,
            digest: known.and_then(|layer| layer.digest.parse().ok()),
            size: known.map(|layer| layer.size).unwrap_or_default(),
            media_type: String::new(),
            created_by: None,
        })
    });
    Some(ImageInfo {
        manifest_digest: None,
        index_digest: None,
        config_digest,
        config: metadata.image_config.as_ref().map(|config| config.to_string().into_bytes()).unwrap_or_default(),
        manifest_media_type: String::new(),
        platform: Platform::default(),
        tags: metadata.repo_tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
        repo_digests: metadata.repo_digests.iter().filter_map(|digest| digest.parse().ok()).collect(),
        layers: layers.collect(),
    })
}

fn unexamined(row: &wire::UnexaminedRow) -> Unexamined {
    let kinds = [
        UnexaminedKind::Malformed,
        UnexaminedKind::TooLarge,
        UnexaminedKind::Unsupported,
        UnexaminedKind::Unreadable,
        UnexaminedKind::Unresolved,
        UnexaminedKind::Missing,
    ];
    Unexamined {
        location: Location::of_path(row.path.clone()),
        kind: kinds.into_iter().find(|kind| kind.name() == row.kind).unwrap_or(UnexaminedKind::Unsupported),
        by: "trivy",
        why: format!("{}: {}", row.by, row.why),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
