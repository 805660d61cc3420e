//! Version 1 of the report: `{"schemaVersion": 1, "subject": ..., "packages": [...], "findings": [...], ...}`.
//!
//! Fields are added, never renamed or removed. The schema is `v1.schema.json`; a test holds the two together.

mod rows;

use anyhow::Result;
use signet_model::{
    Decision, Directness, Finding, Location, Package, Presence, RelationshipKind, SubjectKind, SymbolSet, Unexamined,
};

use self::rows::{
    BaseRow, BaselineRow, CvssRow, DataSource, Database, DecisionRow, Distro, Document, Edge, EpssRow, ExceptionRow,
    ExecutableRow, Executables, Feed, FindingRow, GoneRow, HitRow, Image, Kev, Layer, LicenceRow, NotJudgedRow,
    PackageRow, Place, RuleRow, Source, Subject, SuppressionRow, ThresholdRow, Tool, UnexaminedRow, WhyRow,
};
use crate::report::{self, Report};

/// The JSON schema of this version.
pub(crate) const SCHEMA: &str = include_str!("../v1.schema.json");

/// The document, indented, with a line end.
pub(crate) fn render(report: &Report) -> Result<Vec<u8>> {
    let inventory = &report.inventory;
    let document = Document {
        schema_version: 1,
        tool: Tool { name: "signet", version: env!("CARGO_PKG_VERSION") },
        created: report.created.map(|created| created.to_string()),
        subject: subject(report),
        distro: inventory.distro.as_ref().map(|distro| Distro {
            id: &distro.id,
            version_id: distro.version_id.as_deref(),
            name: distro.name.as_deref(),
            pretty_name: distro.pretty_name.as_deref(),
            codename: distro.codename.as_deref(),
            point_release: distro.point_release.as_deref(),
            channel: distro.channel.as_deref(),
            id_like: &distro.id_like,
            cpe_name: distro.cpe_name.as_deref(),
        }),
        packages: inventory.packages.iter().map(|package| package_row(report, package)).collect(),
        relationships: inventory
            .relationships
            .iter()
            .map(|edge| Edge {
                from: edge.from.0,
                to: edge.to.0,
                kind: match edge.kind {
                    RelationshipKind::DependsOn => "depends-on",
                    RelationshipKind::OwnedBy => "owned-by",
                    RelationshipKind::ContainedIn => "contained-in",
                },
            })
            .collect(),
        executables: Executables {
            total: inventory.executables.len(),
            unidentified: inventory
                .unidentified()
                .map(|file| ExecutableRow { path: &file.path, digest: file.digest.to_string(), size: file.size })
                .collect(),
        },
        findings: report.judged.then(|| report.findings.iter().map(|finding| finding_row(report, finding)).collect()),
        unexamined: inventory.unexamined.iter().map(unexamined_row).collect(),
        database: report.database.as_ref().map(|database| Database {
            digest: database.digest.to_string(),
            built: database.built.map(|time| time.to_string()),
            feeds: database
                .feeds
                .iter()
                .map(|feed| Feed {
                    name: &feed.name,
                    url: &feed.url,
                    data_time: feed.data_time.map(|time| time.to_string()),
                    licence: &feed.licence,
                    redistributable: feed.redistributable,
                    attribution: &feed.attribution,
                    trust: feed.trust,
                    trust_detail: &feed.trust_detail,
                })
                .collect(),
        }),
        fail_on: report.threshold.as_ref().map(|(expression, hits)| ThresholdRow { expression, hits }),
        decision: report.decision.as_ref().map(decision_row),
        notes: report.notes.iter().map(String::as_str).collect(),
        base: report.views.base.as_ref().map(|base| {
            let (own_findings, inherited_findings) = report.own_and_inherited().unwrap_or_default();
            BaseRow { layers: base.layers, known_by: &base.known_by, own_findings, inherited_findings }
        }),
        baseline: report.views.baseline.as_ref().map(|baseline| BaselineRow {
            report: &baseline.file,
            known: baseline.known,
            counted_again: baseline.counted_again,
            fixed: baseline
                .fixed
                .iter()
                .map(|gone| GoneRow {
                    id: &gone.id,
                    kind: gone.kind,
                    name: &gone.name,
                    version: &gone.version,
                    severity: gone.severity.name(),
                })
                .collect(),
        }),
        licenses: report.views.licences.as_ref().map(|licences| {
            licences
                .iter()
                .map(|licence| {
                    let package = report.package(licence.package);
                    LicenceRow {
                        package: licence.package.0,
                        name: &package.name,
                        version: &package.version,
                        license: &licence.licence,
                        category: licence.category.name(),
                        severity: licence.severity.name(),
                        denied: licence.denied,
                        ignored: licence.ignored,
                    }
                })
                .collect()
        }),
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn decision_row(decision: &Decision) -> DecisionRow<'_> {
    let digests = |digests: &[signet_model::Digest]| digests.iter().map(|digest| digest.to_string()).collect();
    DecisionRow {
        verdict: decision.verdict.name(),
        judged: decision.judged.name(),
        mode: decision.mode.name(),
        policy: &decision.policy,
        policy_digest: decision.policy_digest.map(|digest| digest.to_string()),
        databases: digests(&decision.databases),
        rules: decision
            .rules
            .iter()
            .map(|rule| RuleRow {
                rule: &rule.rule,
                expression: rule.expression.as_deref(),
                verdict: rule.verdict.name(),
                looked_at: digests(&rule.looked_at),
                examined: rule.examined,
                hits: rule
                    .hits
                    .iter()
                    .map(|hit| HitRow {
                        subject: &hit.subject,
                        verdict: hit.verdict.name(),
                        why: &hit.why,
                        missing: &hit.missing,
                    })
                    .collect(),
                remedy: rule.remedy.as_deref(),
            })
            .collect(),
        exceptions: decision
            .exceptions
            .iter()
            .map(|report| ExceptionRow {
                ids: &report.exception.ids,
                packages: &report.exception.packages,
                owner: &report.exception.owner,
                reason: &report.exception.reason,
                until: report.exception.until.to_string(),
                state: report.state.name(),
                overdue: report.overdue,
            })
            .collect(),
        not_judged: decision
            .not_judged
            .iter()
            .map(|part| NotJudgedRow { section: &part.section, why: &part.why })
            .collect(),
    }
}

fn subject(report: &Report) -> Subject<'_> {
    Subject {
        kind: kind_name(report.subject.kind),
        name: &report.subject.name,
        digest: report.digest().map(|digest| digest.to_string()),
        image: report.subject.image.as_ref().map(|image| Image {
            manifest_digest: image.manifest_digest.map(|digest| digest.to_string()),
            index_digest: image.index_digest.map(|digest| digest.to_string()),
            config_digest: image.config_digest.to_string(),
            platform: image.platform.to_string(),
            tags: image.tags.iter().map(|tag| tag.to_string()).collect(),
            repo_digests: image.repo_digests.iter().map(|digest| digest.to_string()).collect(),
            layers: image
                .layers
                .iter()
                .map(|layer| Layer {
                    diff_id: layer.diff_id.to_string(),
                    digest: layer.digest.map(|digest| digest.to_string()),
                    size: layer.size,
                    created_by: layer.created_by.as_deref(),
                })
                .collect(),
        }),
    }
}

/// The name of a kind of subject in our JSON.
fn kind_name(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Image => "image",
        SubjectKind::Directory => "directory",
        SubjectKind::RootFs => "rootfs",
        SubjectKind::File => "file",
        SubjectKind::Repository => "repository",
        SubjectKind::Sbom => "sbom",
        SubjectKind::Purl => "purl",
    }
}

fn places(locations: &[Location]) -> Vec<Place<'_>> {
    locations
        .iter()
        .map(|location| Place {
            path: &location.path,
            layer: location.layer.map(|layer| layer.to_string()),
            lines: location.lines,
        })
        .collect()
}

fn package_row<'a>(report: &'a Report, package: &'a Package) -> PackageRow<'a> {
    PackageRow {
        kind: package.kind.name(),
        name: &package.name,
        version: &package.version,
        purl: package.purl(report.inventory.distro.as_ref()).map(|purl| purl.to_string()),
        arch: package.arch.as_deref(),
        source: package.source.as_ref().map(|source| Source { name: &source.name, version: source.version.as_deref() }),
        module: package.module.as_deref(),
        vendor: package.vendor.as_deref(),
        licenses: package.licenses.iter().map(|license| license.value.as_str()).collect(),
        checksums: package
            .checksums
            .iter()
            .map(|checksum| (checksum.algorithm.name(), checksum.hex.as_str()))
            .collect(),
        locations: places(&package.locations),
        presence: match package.presence {
            Presence::Installed => "installed",
            Presence::Declared => "declared",
        },
        directness: match package.directness {
            Directness::Unknown => None,
            Directness::Root => Some("root"),
            Directness::Workspace => Some("workspace"),
            Directness::Direct => Some("direct"),
            Directness::Indirect => Some("indirect"),
        },
        dev: package.dev,
        found_by: package.found_by,
        cpes: &package.cpes,
        // A set of hashes tells a reader nothing.
        extra: (package.extra.iter().filter(|(key, _)| *key != SymbolSet::FACT))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
    }
}

fn finding_row<'a>(report: &'a Report, finding: &'a Finding) -> FindingRow<'a> {
    let package = report.package(finding.package);
    let vulnerability = &finding.vulnerability;
    FindingRow {
        id: &vulnerability.id,
        aliases: &vulnerability.aliases,
        package: finding.package.0,
        name: &package.name,
        version: &package.version,
        severity: finding.severity.name(),
        severity_source: finding.severity_source.as_deref(),
        severities: vulnerability
            .severities
            .iter()
            .map(|(source, severity)| (source.as_str(), severity.name()))
            .collect(),
        status: finding.status.name(),
        fixed_in: &finding.fix.versions,
        title: vulnerability.title.as_deref(),
        description: vulnerability.description.as_deref(),
        cvss: vulnerability
            .cvss
            .iter()
            .map(|(source, cvss)| {
                let row = CvssRow {
                    v2_vector: cvss.v2.0.as_deref(),
                    v2_score: cvss.v2.1,
                    v3_vector: cvss.v3.0.as_deref(),
                    v3_score: cvss.v3.1,
                    v4_vector: cvss.v4.0.as_deref(),
                    v4_score: cvss.v4.1,
                };
                (source.as_str(), row)
            })
            .collect(),
        cwes: &vulnerability.cwes,
        url: report::primary_url(finding),
        references: &vulnerability.references,
        published: vulnerability.published.map(|time| time.to_string()),
        modified: vulnerability.modified.map(|time| time.to_string()),
        kev: vulnerability.kev.as_ref().map(|kev| Kev {
            date_added: &kev.date_added,
            due_date: kev.due_date.as_deref(),
            ransomware: kev.ransomware,
        }),
        epss: vulnerability.epss.map(|epss| EpssRow { score: epss.score, percentile: epss.percentile }),
        vendor_ids: &finding.vendor_ids,
        data_source: DataSource {
            id: &finding.data_source.id,
            name: &finding.data_source.name,
            url: &finding.data_source.url,
        },
        malicious: finding.malicious,
        why: WhyRow {
            matched_name: &finding.why.matched_name,
            matched_version: &finding.why.matched_version,
            range: &finding.why.range,
            stream: &finding.why.stream,
            notes: &finding.why.notes,
        },
        locations: places(&package.locations),
        suppressed: finding.suppressed.as_ref().map(|suppressed| SuppressionRow {
            kind: suppressed.kind.name(),
            source: &suppressed.source,
            status: &suppressed.status,
            statement: suppressed.statement.as_deref(),
        }),
        origin: report.origin(finding),
    }
}

fn unexamined_row(what: &Unexamined) -> UnexaminedRow<'_> {
    UnexaminedRow {
        path: &what.location.path,
        layer: what.location.layer.map(|layer| layer.to_string()),
        kind: what.kind.name(),
        by: what.by,
        why: &what.why,
    }
}
