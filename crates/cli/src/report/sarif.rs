//! SARIF 2.1.0, for code-scanning pages. Source: OASIS sarif-v2.1.0, sections 3.13 to 3.49.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};
use signet_model::{Finding, Severity, SuppressionKind};

use crate::report::{Report, fixed_in, primary_url};

/// The document. Suppressed findings are results with a `suppressions` entry, so that a viewer can show them greyed out.
pub(crate) fn render(report: &Report) -> Result<Vec<u8>> {
    let mut rules: BTreeMap<&str, (usize, Value)> = BTreeMap::new();
    for finding in &report.findings {
        let next = rules.len();
        rules.entry(&finding.vulnerability.id).or_insert_with(|| (next, rule(finding)));
    }
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(report, finding, rules.get(finding.vulnerability.id.as_str()).map_or(0, |(at, _)| *at)))
        .collect();
    let mut results = results;
    let mut ordered: Vec<(usize, Value)> = rules.into_values().collect();
    licences(report, &mut ordered, &mut results);
    ordered.sort_by_key(|(at, _)| *at);
    let mut run = json!({
        "tool": { "driver": {
            "name": "Signet",
            "version": env!("CARGO_PKG_VERSION"),
            "informationUri": "https://signet.dev",
            "rules": ordered.into_iter().map(|(_, rule)| rule).collect::<Vec<_>>(),
        }},
        "results": results,
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": { "ROOTPATH": { "uri": "file:///" } },
        "properties": { "subject": report.subject.name },
    });
    if let Some(baseline) = &report.views.baseline {
        let fixed: Vec<String> =
            baseline.fixed.iter().map(|gone| format!("{} in {} {}", gone.id, gone.name, gone.version)).collect();
        run["properties"]["baseline"] = json!({ "report": baseline.file, "known": baseline.known, "fixed": fixed });
    }
    if let Some(digest) = report.digest() {
        run["properties"]["digest"] = json!(digest.to_string());
    }
    let notifications: Vec<Value> = report
        .inventory
        .unexamined
        .iter()
        .map(|what| {
            json!({
                "level": "warning",
                "message": { "text": format!("not examined: {} ({}): {}", what.location, what.by, what.why) },
                "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&what.location.path), "uriBaseId": "ROOTPATH" } } }],
            })
        })
        .collect();
    run["invocations"] = json!([{
        "executionSuccessful": true,
        "toolExecutionNotifications": notifications,
    }]);
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn rule(finding: &Finding) -> Value {
    let vulnerability = &finding.vulnerability;
    let title = vulnerability.title.as_deref().unwrap_or(&vulnerability.id);
    let text = vulnerability.description.as_deref().unwrap_or(title);
    let mut rule = json!({
        "id": vulnerability.id,
        "name": if finding.malicious { "MaliciousPackage" } else { "VulnerablePackage" },
        "shortDescription": { "text": title },
        "fullDescription": { "text": text.chars().take(1024).collect::<String>() },
        "defaultConfiguration": { "level": level(finding.severity) },
        "help": { "text": format!("{}\nSeverity: {}\nFixed in: {}", vulnerability.id, finding.severity, or_none(&fixed_in(finding))) },
        "properties": {
            "precision": "very-high",
            // GitHub sorts by this number; a finding without a score gets the middle of its severity's range.
            "security-severity": format!("{:.1}", score(finding)),
            "tags": ["vulnerability", "security", finding.severity.upper()],
        },
    });
    if let Some(url) = primary_url(finding) {
        rule["helpUri"] = json!(url);
    }
    rule
}

fn result(report: &Report, finding: &Finding, rule: usize) -> Value {
    let package = report.package(finding.package);
    let fixed = fixed_in(finding);
    let advice = match (fixed.is_empty(), finding.malicious) {
        (_, true) => "this package is malicious: remove it".to_owned(),
        (true, _) => format!("no fix yet ({})", finding.status.name()),
        (false, _) => format!("upgrade to {fixed}"),
    };
    let text = format!("{} {}: {}; {advice}", package.name, package.version, finding.vulnerability.id);
    let locations: Vec<Value> = package
        .locations
        .iter()
        .take(10)
        .map(|location| {
            let (first, last) = location.lines.unwrap_or((1, 1));
            json!({
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(&location.path), "uriBaseId": "ROOTPATH" },
                    "region": { "startLine": first, "startColumn": 1, "endLine": last, "endColumn": 1 },
                },
                "message": { "text": format!("{}@{}", package.name, package.version) },
            })
        })
        .collect();
    let mut result = json!({
        "ruleId": finding.vulnerability.id,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": locations,
        "partialFingerprints": { "signet/v1": fingerprint(report, finding) },
    });
    if let Some(origin) = report.origin(finding) {
        result["properties"] = json!({ "origin": origin });
    }
    if report.views.baseline.is_some() {
        let known = finding.suppressed.as_ref().is_some_and(|suppressed| suppressed.kind == SuppressionKind::Baseline);
        result["baselineState"] = json!(if known { "unchanged" } else { "new" });
    }
    if let Some(suppressed) = &finding.suppressed {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": suppressed.statement.clone().unwrap_or_else(|| format!("{} ({})", suppressed.status, suppressed.source)),
        }]);
    }
    result
}

/// A rule for each category of licences, a result for each licence that counts and asks for something, or is denied.
fn licences(report: &Report, rules: &mut Vec<(usize, Value)>, results: &mut Vec<Value>) {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for licence in report.active_licences().filter(|licence| licence.denied || licence.severity != Severity::Low) {
        let next = rules.len();
        let category = licence.category.name();
        let at = *known.entry(category).or_insert(next);
        if at == next {
            let rule = json!({
                "id": format!("licence-{category}"),
                "name": "Licence",
                "shortDescription": { "text": format!("A licence of the category {category}") },
                "defaultConfiguration": { "level": level(licence.severity) },
                "properties": { "tags": ["license", licence.severity.upper()] },
            });
            rules.push((at, rule));
        }
        let package = report.package(licence.package);
        let stated = if licence.licence.is_empty() { "no licence stated" } else { &licence.licence };
        let denied = if licence.denied { ", which is denied" } else { "" };
        let path = package.locations.first().map(|location| location.path.as_str()).unwrap_or_default();
        let name = ["licence", stated, package.kind.name(), &package.name, &package.version, path].join("\0");
        let mut result = json!({
            "ruleId": format!("licence-{category}"),
            "ruleIndex": at,
            "level": if licence.denied { "error" } else { level(licence.severity) },
            "message": { "text": format!("{} {}: {stated} ({category}){denied}", package.name, package.version) },
            "partialFingerprints": { "signet/v1": signet_model::Digest::sha256(name.as_bytes()).hex() },
        });
        if !path.is_empty() {
            result["locations"] =
                json!([{ "physicalLocation": { "artifactLocation": { "uri": uri(path), "uriBaseId": "ROOTPATH" } } }]);
        }
        results.push(result);
    }
}

/// Stays the same while the finding does: vulnerability, package and path, but not the version of the report.
fn fingerprint(report: &Report, finding: &Finding) -> String {
    let package = report.package(finding.package);
    let path = package.locations.first().map(|location| location.path.as_str()).unwrap_or_default();
    let text =
        [finding.vulnerability.id.as_str(), package.kind.name(), &package.name, &package.version, path].join("\0");
    signet_model::Digest::sha256(text.as_bytes()).hex()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Unknown => "note",
    }
}

fn score(finding: &Finding) -> f64 {
    let stated = finding
        .severity_source
        .iter()
        .chain(["nvd".to_owned(), "ghsa".to_owned()].iter())
        .filter_map(|source| finding.vulnerability.cvss.get(source))
        .find_map(|cvss| cvss.v4.1.or(cvss.v3.1).or(cvss.v2.1));
    stated.unwrap_or(match finding.severity {
        Severity::Critical => 9.5,
        Severity::High => 8.0,
        Severity::Medium => 5.5,
        Severity::Low => 2.0,
        Severity::Unknown => 0.0,
    })
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// A path as a relative URI reference (RFC 3986): everything outside the unreserved set and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(byte as char);
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
