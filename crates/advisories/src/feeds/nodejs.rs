//! The Node.js security working group's list: JSON files of npm packages and of Node.js itself (no `module_name`: counted).
//! Source: <https://github.com/nodejs/security-wg/tree/main/vuln>.

use serde::Deserialize;
use signet_model::{Severity, Status};

use super::FeedError;
use super::source::{Reading, Source};
use crate::order::Order;
use crate::ranges;
use crate::record::{Affected, Detail, Record};

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "nodejs",
    name: "Node.js Ecosystem Security Working Group",
    urls: &["https://github.com/nodejs/security-wg/archive/refs/heads/main.tar.gz"],
    licence: "MIT",
    redistributable: true,
    attribution: "",
    run,
};

#[derive(Deserialize)]
struct Advisory {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    module_name: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    overview: Option<String>,
    #[serde(default, alias = "cve")]
    cves: Option<Vec<String>>,
    #[serde(default, alias = "vulnerable")]
    vulnerable_versions: Option<String>,
    #[serde(default, alias = "patched")]
    patched_versions: Option<String>,
    #[serde(default)]
    references: Option<serde_json::Value>,
    /// A number, or `6.5 (High)`.
    #[serde(default)]
    cvss_score: Option<serde_json::Value>,
}

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        if path.ends_with("/index.json") {
            reading.skip(&path, "an index");
            continue;
        }
        let Some(row) = reading.json::<Advisory>(&path)? else { continue };
        reading.tally.records += 1;
        let Some(module) = row.module_name.filter(|name| !name.is_empty()) else {
            reading.unknown("Node.js itself");
            continue;
        };
        let ids: Vec<String> = match row.cves.filter(|ids| !ids.is_empty()) {
            Some(ids) => ids,
            None => vec![format!("NSWG-ECO-{}", row.id.unwrap_or_default())],
        };
        let score = match &row.cvss_score {
            Some(serde_json::Value::Number(number)) => number.as_f64(),
            Some(serde_json::Value::String(text)) => text.split_whitespace().next().and_then(|text| text.parse().ok()),
            _ => None,
        };
        for id in ids {
            let Some(mut advisory) = reading.blank("npm", &module, &id) else { continue };
            let read = |text: &Option<String>| {
                let text = text
                    .as_deref()
                    .map(str::trim)
                    .filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("none"));
                text.map(|text| ranges::parse(Some(Order::Npm), text)).unwrap_or_default()
            };
            advisory.affected = Affected {
                vulnerable: read(&row.vulnerable_versions),
                safe: read(&row.patched_versions),
                ..Affected::default()
            };
            advisory.affected.always = advisory.affected.vulnerable.is_empty() && advisory.affected.safe.is_empty();
            advisory.fixed = row.patched_versions.iter().filter(|text| !text.trim().is_empty()).cloned().collect();
            advisory.status = if advisory.fixed.is_empty() { Status::Affected } else { Status::Fixed };
            reading.put(Record::Advisory(Box::new(advisory)))?;
            let references = match &row.references {
                Some(serde_json::Value::Array(list)) => {
                    list.iter().filter_map(|item| item.as_str()).map(str::to_owned).collect()
                }
                Some(serde_json::Value::String(text)) => vec![text.clone()],
                _ => Vec::new(),
            };
            let detail = Detail {
                title: row.title.clone().unwrap_or_default(),
                description: row.overview.clone().unwrap_or_default(),
                severity: score.map(Severity::from_cvss),
                references,
                ..Detail::default()
            };
            reading.put(Record::Detail(id, Box::new(detail)))?;
        }
    }
    Ok(())
}
