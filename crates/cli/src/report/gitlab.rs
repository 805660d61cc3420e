//! GitLab's container scanning report. Source: security-report-schemas 15.0.6, `container-scanning-report-format.json`.

use anyhow::Result;
use serde_json::{Value, json};
use signet_model::{Finding, Severity};

use crate::report::{Report, fixed_in, primary_url, table::printable};

/// The version of the schema that the report follows. GitLab validates against it and refuses reports of versions that it no longer knows.
const SCHEMA_VERSION: &str = "15.0.6";

/// The document. Suppressed findings are left out: GitLab has no place for them, and would open an issue for each.
pub(crate) fn render(report: &Report) -> Result<Vec<u8>> {
    // The format demands times, in UTC without a zone.
    let time = report.created.unwrap_or(report.now).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let tool = json!({
        "id": "signet",
        "name": "Signet",
        "url": "https://signet.dev",
        "vendor": { "name": "Signet" },
        "version": env!("CARGO_PKG_VERSION"),
    });
    let mut messages: Vec<Value> = report
        .inventory
        .unexamined
        .iter()
        .map(|what| {
            let text = format!("not examined: {} ({}): {}", what.location, what.by, what.why);
            json!({ "level": "warn", "value": printable(&text) })
        })
        .collect();
    messages.extend(
        report
            .notes
            .iter()
            .filter(|note| !note.is_empty())
            .map(|note| json!({ "level": "info", "value": printable(note) })),
    );
    if let Some(baseline) = &report.views.baseline {
        messages.push(json!({ "level": "info", "value": baseline.summary() }));
    }
    let document = json!({
        "version": SCHEMA_VERSION,
        "schema": format!(
            "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v{SCHEMA_VERSION}/dist/container-scanning-report-format.json"
        ),
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "container_scanning",
            "start_time": time,
            "end_time": time,
            "status": "success",
            "messages": messages,
        },
        "vulnerabilities": report.active().map(|finding| vulnerability(report, finding)).collect::<Vec<_>>(),
        "remediations": [],
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn vulnerability(report: &Report, finding: &Finding) -> Value {
    let package = report.package(finding.package);
    let known = &finding.vulnerability;
    let title = known.title.as_deref().filter(|title| !title.trim().is_empty()).unwrap_or(&known.id);
    let fixed = fixed_in(finding);
    let solution = match (finding.malicious, fixed.is_empty()) {
        (true, _) => format!("Remove {}: it is malicious", package.name),
        (_, true) => format!("No fix yet ({})", finding.status.name().replace('_', " ")),
        _ => format!("Upgrade {} from {} to {fixed}", package.name, package.version),
    };
    let mut links: Vec<String> = primary_url(finding).into_iter().chain(known.references.iter().cloned()).collect();
    links.retain(|link| is_url(link));
    let mut seen = std::collections::HashSet::new();
    links.retain(|link| seen.insert(link.clone()));
    // An image has a distribution or says so; the field must not be empty.
    let system = match &report.inventory.distro {
        Some(distro) => format!("{} {}", distro.id, distro.version_id.as_deref().unwrap_or("rolling")),
        None => "unknown".to_owned(),
    };
    let image = match report.subject.name.is_empty() {
        true => "unknown",
        false => &report.subject.name,
    };
    let mut details = serde_json::Map::new();
    let mut detail = |key: &str, name: &str, value: String| {
        details.insert(key.to_owned(), json!({ "name": name, "type": "text", "value": value }));
    };
    if let Some(place) = package.locations.first() {
        detail("where", "Where", place.to_string());
        if let Some(layer) = place.layer {
            detail("layer", "Layer", layer.to_string());
        }
    }
    if let Some(origin) = report.origin(finding) {
        detail("origin", "Brought by", if origin == "base" { "the base image" } else { "this image" }.to_owned());
    }
    if let Some(kev) = &known.kev {
        detail("exploited", "Known to be exploited since", kev.date_added.clone());
    }
    if let Some(epss) = known.epss {
        detail("epss", "EPSS", format!("{:.5}", epss.score));
    }
    json!({
        "id": identity(report, finding),
        "name": cut(title, 255),
        "description": cut(known.description.as_deref().unwrap_or(title), 1_048_576),
        "severity": severity(finding.severity),
        "solution": cut(&solution, 7000),
        "identifiers": identifiers(finding),
        "links": links.iter().map(|link| json!({ "url": link })).collect::<Vec<_>>(),
        "details": details,
        "location": {
            "dependency": { "package": { "name": package.name }, "version": package.version },
            "operating_system": system,
            "image": image,
        },
    })
}

/// The first identifier is the primary one; GitLab stores no more than 20.
fn identifiers(finding: &Finding) -> Vec<Value> {
    let known = &finding.vulnerability;
    let mut identifiers = Vec::new();
    for id in std::iter::once(&known.id).chain(&known.aliases).filter(|id| !id.is_empty()) {
        let kind = id.split_once('-').map_or("other", |(kind, _)| kind).to_ascii_lowercase();
        let kind = if kind.is_empty() { "other".to_owned() } else { kind };
        let mut identifier = json!({ "type": kind, "name": id, "value": id });
        let url = match *id == known.id {
            true => primary_url(finding),
            false => id.starts_with("CVE-").then(|| format!("https://nvd.nist.gov/vuln/detail/{id}")),
        };
        if let Some(url) = url.filter(|url| is_url(url)) {
            identifier["url"] = json!(url);
        }
        identifiers.push(identifier);
    }
    for cwe in known.cwes.iter().filter(|cwe| !cwe.is_empty()) {
        let number = cwe.trim_start_matches("CWE-");
        let mut identifier = json!({ "type": "cwe", "name": cwe, "value": cwe });
        if number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty() {
            identifier["value"] = json!(number);
            identifier["url"] = json!(format!("https://cwe.mitre.org/data/definitions/{number}.html"));
        }
        identifiers.push(identifier);
    }
    identifiers.truncate(20);
    if identifiers.is_empty() {
        identifiers.push(json!({ "type": "other", "name": "unnamed", "value": "unnamed" }));
    }
    identifiers
}

/// A UUID (RFC 9562, version 8) made from what the finding is, so that the same finding has the same one in every run.
fn identity(report: &Report, finding: &Finding) -> String {
    let package = report.package(finding.package);
    let path = package.locations.first().map(|place| place.path.as_str()).unwrap_or_default();
    let text =
        [finding.vulnerability.id.as_str(), package.kind.name(), &package.name, &package.version, path].join("\0");
    let hex = signet_model::Digest::sha256(text.as_bytes()).hex();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "Unknown",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

/// What the schema takes for a link.
fn is_url(text: &str) -> bool {
    ["http://", "https://", "ftp://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        && !text.chars().any(|c| c.is_control() || c == ' ')
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(3)).chain("...".chars()).collect(),
    }
}
