//! How bad an OSV record says it is: in words of its database, else by its vectors.

use signet_model::Severity;

use super::wire;
use crate::cvss;

/// Severity of the whole record.
pub(super) fn of_record(record: &wire::Record, malicious: bool) -> Option<Severity> {
    if malicious {
        return Some(Severity::Critical);
    }
    words(&record.database_specific.severity).or_else(|| vectors(&record.severity))
}

/// Severity of one package of the record, where it has its own.
pub(super) fn of_part(part: &wire::Affected) -> Option<Severity> {
    [&part.ecosystem_specific.severity, &part.ecosystem_specific.urgency, &part.database_specific.severity]
        .into_iter()
        .find_map(words)
        .or_else(|| vectors(&part.severity))
}

/// The words of GitHub, Bitnami, Debian, Ubuntu, Red Hat and SUSE.
fn words(value: &serde_json::Value) -> Option<Severity> {
    word(value.as_str()?)
}

fn word(text: &str) -> Option<Severity> {
    match text.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "important" => Some(Severity::High),
        "medium" | "moderate" => Some(Severity::Medium),
        "low" | "minor" | "negligible" | "unimportant" => Some(Severity::Low),
        _ => None,
    }
}

/// The worst of the vectors that give a score; Ubuntu states its priority as a severity of its own kind.
fn vectors(severities: &[wire::Severity]) -> Option<Severity> {
    severities
        .iter()
        .filter_map(|severity| match severity.kind.as_str() {
            "CVSS_V3" | "CVSS_V4" => cvss::base_score(&severity.score).map(Severity::from_cvss),
            "CVSS_V2" => None,
            _ => word(&severity.score),
        })
        .max()
        .or_else(|| {
            let old = severities.iter().find(|severity| severity.kind == "CVSS_V2")?;
            cvss::base_score(&old.score).map(Severity::from_cvss)
        })
}

/// The strings of a JSON list; anything else is none.
pub(super) fn strings(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str()).map(str::to_owned).collect()
}
