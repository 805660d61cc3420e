//! Trivy's formats, each written from its report.

use anyhow::{Result, bail};
use serde_json::json;
use signet_model::Timestamp;
use signet_sbom::Uuid;
use signet_sbom::cyclonedx::{Findings, trivy};

use super::model::{self, Native};
use super::table;
use super::wire::Report;
use crate::report::{Format, Look};

/// What `--format` may say here.
pub(super) const FORMATS: &[&str] = &["table", "json", "sarif", "cyclonedx", "spdx-json", "cosign-vuln", "template"];

/// The report as the bytes of a file.
pub(super) fn render(report: &Report, format: &str, table: &table::Options, now: Timestamp) -> Result<Vec<u8>> {
    if format == "json" {
        return json_bytes(report);
    }
    if format == "cosign-vuln" {
        return cosign_vuln(report);
    }
    if format == "table" {
        return Ok(table::write(report, table).into_bytes());
    }
    let native = model::native(report, now);
    match format {
        "sarif" => native.report.render(Format::Sarif, Look::default()),
        "spdx-json" => super::spdx::write(report, now),
        "cyclonedx" => Ok(cyclonedx(report, &native)),
        other => bail!("unknown format: `{other}`: {}", FORMATS.join(", ")),
    }
}

fn json_bytes(report: &Report) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(report)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn cyclonedx(from: &Report, native: &Native) -> Vec<u8> {
    let Native { report, groups } = native;
    let os = from.metadata.os.as_ref().map(|os| (os.family.as_str(), os.name.as_str()));
    let mut root = Vec::new();
    if !from.metadata.reference.is_empty() {
        root.push(("Reference", from.metadata.reference.clone()));
    }
    if from.metadata.size > 0 {
        root.push(("Size", from.metadata.size.to_string()));
    }
    // No random number: the same report gives the same document.
    let mut count = 0;
    let seed = format!("{} {} {}", from.report_id, from.artifact_name, from.created_at);
    let mut uuids = || {
        count += 1;
        Uuid::of_content(format!("{seed} {count}").as_bytes())
    };
    // The first link of a finding is its primary one.
    let primary_url = |finding: &signet_model::Finding| finding.vulnerability.references.first().cloned();
    let findings: Vec<_> = report.active().cloned().collect();
    trivy::write(trivy::Document {
        subject: &report.subject,
        inventory: &report.inventory,
        groups,
        os,
        root: &root,
        findings: Some(Findings { findings: &findings, primary_url: &primary_url }),
        trivy_version: env!("CARGO_PKG_VERSION"),
        timestamp: report.created.unwrap_or(report.now),
        uuids: &mut uuids,
    })
}

/// Source: aquasecurity/trivy:pkg/report/predicate/vuln.go.
fn cosign_vuln(report: &Report) -> Result<Vec<u8>> {
    let document = json!({
        "invocation": {"parameters": null, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": format!("pkg:github/signet/signet@{}", env!("CARGO_PKG_VERSION")),
            "version": env!("CARGO_PKG_VERSION"),
            "db": {"uri": "", "version": ""},
            "result": report,
        },
        "metadata": {"scanStartedOn": report.created_at, "scanFinishedOn": report.created_at},
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}
