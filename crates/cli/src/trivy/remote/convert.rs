//! Between the rows of a report and the messages of the protocol.

use std::collections::BTreeMap;

use serde_json::Number;
use signet_model::{Package, PackageKind, Severity, Status};
use signet_twirp::common::{self, PkgIdentifier};

use super::super::model;
use super::super::wire::{Cvss, DataSource, Identifier, Layer, Lines, PackageRow, ResultRow, VulnerabilityRow};

/// What the matcher asks of a package beside the fields that the protocol has.
const FACTS: &[&str] = &["go.main", "go.packages"];

const RELATIONSHIPS: &[&str] = &["", "root", "workspace", "direct", "indirect"];

fn short(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn long(number: i32) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(super) fn layer(row: &Layer) -> common::Layer {
    common::Layer {
        digest: row.digest.clone(),
        diff_id: row.diff_id.clone(),
        size: i64::try_from(row.size).unwrap_or_default(),
        ..common::Layer::default()
    }
}

pub(super) fn layer_row(layer: Option<&common::Layer>) -> Layer {
    let layer = layer.cloned().unwrap_or_default();
    Layer { digest: layer.digest, diff_id: layer.diff_id, ..Layer::default() }
}

fn identifier(row: &Identifier) -> Option<PkgIdentifier> {
    (*row != Identifier::default()).then(|| PkgIdentifier {
        purl: row.purl.clone(),
        bom_ref: row.bom_ref.clone(),
        uid: row.uid.clone(),
    })
}

fn identifier_row(identifier: Option<&PkgIdentifier>) -> Identifier {
    let from = identifier.cloned().unwrap_or_default();
    Identifier { purl: from.purl, bom_ref: from.bom_ref, uid: from.uid, ..Identifier::default() }
}

/// A row as message. `package` is what it was made of, where that is known.
pub(super) fn package(row: &PackageRow, package: Option<&Package>) -> common::Package {
    let relationship = RELATIONSHIPS.iter().position(|known| *known == row.relationship).unwrap_or_default();
    let facts: BTreeMap<String, String> =
        FACTS.iter().filter_map(|name| Some(((*name).to_owned(), package?.extra.get(*name)?.clone()))).collect();
    common::Package {
        id: row.id.clone(),
        name: row.name.clone(),
        version: row.version.clone(),
        release: row.release.clone(),
        epoch: short(row.epoch),
        arch: row.arch.clone(),
        src_name: row.src_name.clone(),
        src_version: row.src_version.clone(),
        src_release: row.src_release.clone(),
        src_epoch: short(row.src_epoch),
        layer: Some(layer(&row.layer)),
        file_path: row.file_path.clone(),
        depends_on: row.depends_on.clone(),
        licenses: row.licenses.clone(),
        digest: row.digest.clone(),
        dev: row.dev,
        indirect: row.indirect,
        identifier: identifier(&row.identifier),
        locations: row
            .locations
            .iter()
            .map(|lines| common::Location {
                start_line: short(lines.start_line.into()),
                end_line: short(lines.end_line.into()),
            })
            .collect(),
        maintainer: row.maintainer.clone(),
        relationship: i32::try_from(relationship).unwrap_or_default(),
        analyzed_by: row.analyzed_by.clone(),
        repository: None,
        modularitylabel: row.modularity_label.clone(),
        build_info: None,
        installed_files: Vec::new(),
        facts,
    }
}

/// A message as row.
pub(super) fn row(from: &common::Package) -> PackageRow {
    let line = |number: i32| u32::try_from(number).unwrap_or_default();
    PackageRow {
        id: from.id.clone(),
        name: from.name.clone(),
        identifier: identifier_row(from.identifier.as_ref()),
        version: from.version.clone(),
        release: from.release.clone(),
        epoch: long(from.epoch),
        arch: from.arch.clone(),
        dev: from.dev,
        src_name: from.src_name.clone(),
        src_version: from.src_version.clone(),
        src_release: from.src_release.clone(),
        src_epoch: long(from.src_epoch),
        licenses: from.licenses.clone(),
        maintainer: from.maintainer.clone(),
        modularity_label: from.modularitylabel.clone(),
        indirect: from.indirect,
        relationship: usize::try_from(from.relationship)
            .ok()
            .and_then(|place| RELATIONSHIPS.get(place))
            .map(|name| (*name).to_owned())
            .unwrap_or_default(),
        depends_on: from.depends_on.clone(),
        layer: layer_row(from.layer.as_ref()),
        file_path: from.file_path.clone(),
        digest: from.digest.clone(),
        locations: from
            .locations
            .iter()
            .map(|at| Lines { start_line: line(at.start_line), end_line: line(at.end_line) })
            .collect(),
        installed_files: from.installed_files.clone(),
        analyzed_by: from.analyzed_by.clone(),
        ..PackageRow::default()
    }
}

/// What the matcher looks at. `ty` is the family of the system or the type of the application; clients of Trivy send no package URL at all.
pub(super) fn native(from: &common::Package, row: &PackageRow, result: &ResultRow) -> Package {
    let stated = signet_model::Purl::parse_lenient(&row.identifier.purl).ok().map(|purl| purl.to_package().kind);
    let kind = stated.filter(|kind| *kind != PackageKind::Other).unwrap_or_else(|| kind_of(&result.class, &result.ty));
    let mut package = model::package_of_kind(row, result, kind);
    // Without a label the matcher must know whether that means "of no module" or "nobody looked". Clients that send no labels are known by releases
    // that belong to a module all the same.
    let unlabelled = row.modularity_label.is_empty() && row.release.contains(".module");
    if row.analyzed_by == "rpm" && !unlabelled {
        package.found_by = "rpm";
    }
    for name in FACTS {
        if let Some(value) = from.facts.get(*name) {
            package.extra.insert((*name).to_owned(), value.clone());
        }
    }
    package
}

fn kind_of(class: &str, ty: &str) -> PackageKind {
    if class == "os-pkgs" {
        return match ty {
            "alpine" | "wolfi" | "chainguard" | "minimos" => PackageKind::Apk,
            "debian" | "ubuntu" | "echo" | "seal" => PackageKind::Deb,
            "arch" | "archlinux" => PackageKind::Alpm,
            _ => PackageKind::Rpm,
        };
    }
    match ty {
        "npm" | "yarn" | "pnpm" | "bun" | "node-pkg" | "javascript" => PackageKind::Npm,
        "pip" | "pipenv" | "poetry" | "uv" | "pylock" | "python-pkg" => PackageKind::Python,
        "conda-pkg" | "conda-environment" => PackageKind::Conda,
        "gomod" | "gobinary" => PackageKind::Go,
        "cargo" | "rustbinary" => PackageKind::Cargo,
        "pom" | "gradle" | "sbt" | "jar" => PackageKind::Java,
        "bundler" | "gemspec" => PackageKind::Gem,
        "composer" | "composer-vendor" => PackageKind::Composer,
        "nuget" | "dotnet-core" | "packages-props" => PackageKind::Nuget,
        "cocoapods" => PackageKind::CocoaPods,
        "swift" => PackageKind::Swift,
        "pub" => PackageKind::Pub,
        "hex" => PackageKind::Hex,
        "conan" => PackageKind::Conan,
        "julia" => PackageKind::Julia,
        "bitnami" => PackageKind::Bitnami,
        "wordpress" => PackageKind::WordpressPlugin,
        _ => PackageKind::Other,
    }
}

fn number_of(severity: &str) -> i32 {
    let severity = severity.parse::<Severity>().unwrap_or_default();
    Severity::ALL.iter().position(|known| *known == severity).and_then(|place| i32::try_from(place).ok()).unwrap_or(0)
}

fn severity_of(number: i32) -> Severity {
    usize::try_from(number).ok().and_then(|place| Severity::ALL.get(place)).copied().unwrap_or_default()
}

fn time(text: &str) -> Option<common::Timestamp> {
    let time: signet_model::Timestamp = text.parse().ok()?;
    Some(common::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
}

fn time_row(time: Option<&common::Timestamp>) -> String {
    time.and_then(|time| signet_model::Timestamp::new(time.seconds, time.nanos).ok())
        .map(|time| time.to_string())
        .unwrap_or_default()
}

/// A finding as message.
pub(super) fn vulnerability(row: &VulnerabilityRow) -> common::Vulnerability {
    let status = Status::from_name(&row.status).unwrap_or_default();
    let score = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    common::Vulnerability {
        vulnerability_id: row.id.clone(),
        pkg_name: row.pkg_name.clone(),
        installed_version: row.installed_version.clone(),
        fixed_version: row.fixed_version.clone(),
        title: row.title.clone(),
        description: row.description.clone(),
        severity: number_of(&row.severity),
        references: row.references.clone(),
        layer: Some(layer(&row.layer)),
        severity_source: row.severity_source.clone(),
        cvss: row
            .cvss
            .iter()
            .map(|(source, cvss)| {
                let message = common::Cvss {
                    v2_vector: text(&cvss.v2_vector),
                    v3_vector: text(&cvss.v3_vector),
                    v2_score: score(&cvss.v2_score),
                    v3_score: score(&cvss.v3_score),
                    v40_vector: text(&cvss.v4_vector),
                    v40_score: score(&cvss.v4_score),
                };
                (source.clone(), message)
            })
            .collect(),
        cwe_ids: row.cwe_ids.clone(),
        primary_url: row.primary_url.clone(),
        published_date: time(&row.published_date),
        last_modified_date: time(&row.last_modified_date),
        vendor_ids: row.vendor_ids.clone(),
        data_source: row.data_source.as_ref().map(|source| common::DataSource {
            id: source.id.clone(),
            name: source.name.clone(),
            url: source.url.clone(),
            base_id: source.base_id.clone(),
        }),
        vendor_severity: row
            .vendor_severity
            .iter()
            .map(|(source, number)| (source.clone(), i32::from(*number)))
            .collect(),
        pkg_path: row.pkg_path.clone(),
        pkg_id: row.pkg_id.clone(),
        status: Status::ALL
            .iter()
            .position(|known| *known == status)
            .and_then(|place| i32::try_from(place).ok())
            .unwrap_or_default(),
        pkg_identifier: identifier(&row.pkg_identifier),
        malicious: row.malicious,
    }
}

/// A message as finding.
pub(super) fn vulnerability_row(from: &common::Vulnerability) -> VulnerabilityRow {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let score = |score: f64| if score == 0.0 { None } else { Number::from_f64(score) };
    VulnerabilityRow {
        id: from.vulnerability_id.clone(),
        vendor_ids: from.vendor_ids.clone(),
        pkg_id: from.pkg_id.clone(),
        pkg_name: from.pkg_name.clone(),
        pkg_path: from.pkg_path.clone(),
        pkg_identifier: identifier_row(from.pkg_identifier.as_ref()),
        installed_version: from.installed_version.clone(),
        fixed_version: from.fixed_version.clone(),
        status: usize::try_from(from.status)
            .ok()
            .and_then(|place| Status::ALL.get(place))
            .copied()
            .unwrap_or_default()
            .name()
            .to_owned(),
        layer: layer_row(from.layer.as_ref()),
        severity_source: from.severity_source.clone(),
        primary_url: from.primary_url.clone(),
        data_source: from.data_source.as_ref().map(|source| DataSource {
            id: source.id.clone(),
            base_id: source.base_id.clone(),
            name: source.name.clone(),
            url: source.url.clone(),
            ..DataSource::default()
        }),
        title: from.title.clone(),
        description: from.description.clone(),
        severity: severity_of(from.severity).upper().to_owned(),
        cwe_ids: from.cwe_ids.clone(),
        vendor_severity: from
            .vendor_severity
            .iter()
            .map(|(source, number)| (source.clone(), u8::try_from(*number).unwrap_or_default()))
            .collect(),
        cvss: from
            .cvss
            .iter()
            .map(|(source, cvss)| {
                let row = Cvss {
                    v2_vector: text(&cvss.v2_vector),
                    v3_vector: text(&cvss.v3_vector),
                    v4_vector: text(&cvss.v40_vector),
                    v2_score: score(cvss.v2_score),
                    v3_score: score(cvss.v3_score),
                    v4_score: score(cvss.v40_score),
                    ..Cvss::default()
                };
                (source.clone(), row)
            })
            .collect(),
        references: from.references.clone(),
        published_date: time_row(from.published_date.as_ref()),
        last_modified_date: time_row(from.last_modified_date.as_ref()),
        malicious: from.malicious,
        ..VulnerabilityRow::default()
    }
}
