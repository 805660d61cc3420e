//! NVD: pages of its API 2.0 (`vulnerabilities[].cve`), feeds of the same shape, and single records.
//!
//! Products are named by CPE; their advisories go to the stream of products, where only binaries without an ecosystem are looked up. In a
//! configuration with `AND`, matches that are not `vulnerable` are the platforms it needs. Source: NVD, "CVE API", schema 2.0.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::{Cvss, Severity, Status};

use super::FeedError;
use super::source::{Reading, Source};
use crate::cpe::Cpe;
use crate::record::{Affected, Detail, Op, Qualifiers, Range, Record};
use crate::streams;

/// What the feed is.
pub(super) static SOURCE: Source = Source {
    id: "nvd",
    name: "National Vulnerability Database",
    urls: &["https://services.nvd.nist.gov/rest/json/cves/2.0?startIndex={}"],
    licence: "LicenseRef-public-domain",
    redistributable: true,
    attribution: "This product uses data from the NVD API but is not endorsed or certified by the NVD.",
    run,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Page { vulnerabilities: Vec<serde_json::Value> },
    One { cve: serde_json::Value },
    Bare(serde_json::Value),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    #[serde(default)]
    vuln_status: Option<String>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    last_modified: Option<String>,
    #[serde(default)]
    descriptions: Vec<Text>,
    #[serde(default)]
    metrics: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    weaknesses: Vec<Weakness>,
    #[serde(default)]
    references: Vec<Link>,
    #[serde(default)]
    configurations: Vec<Configuration>,
}

#[derive(Deserialize)]
struct Text {
    lang: String,
    value: String,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(default)]
    description: Vec<Text>,
}

#[derive(Deserialize)]
struct Link {
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    base_severity: Option<String>,
    cvss_data: CvssData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CvssData {
    #[serde(default)]
    vector_string: String,
    #[serde(default)]
    base_score: Option<f64>,
    #[serde(default)]
    base_severity: Option<String>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    operator: Option<String>,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    cpe_match: Vec<Match>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerable: bool,
    criteria: String,
    #[serde(default)]
    version_start_including: Option<String>,
    #[serde(default)]
    version_start_excluding: Option<String>,
    #[serde(default)]
    version_end_including: Option<String>,
    #[serde(default)]
    version_end_excluding: Option<String>,
}

/// CPE without its version, and the platforms -> ranges and fixes.
type Products = BTreeMap<(String, Vec<String>), (String, Vec<Range>, Vec<String>)>;

fn run(reading: &mut Reading<'_>) -> Result<(), FeedError> {
    for path in reading.paths(&[".json"]) {
        let items = match reading.json::<File>(&path)? {
            Some(File::Page { vulnerabilities }) => vulnerabilities,
            Some(File::One { cve }) => vec![cve],
            Some(File::Bare(value)) => vec![value],
            None => continue,
        };
        for mut item in items {
            let inner = item.get_mut("cve").map(serde_json::Value::take).unwrap_or(item);
            match serde_json::from_value::<Cve>(inner) {
                Ok(cve) => one(reading, cve)?,
                Err(err) => reading.malformed(&path, err),
            }
        }
    }
    Ok(())
}

fn one(reading: &mut Reading<'_>, cve: Cve) -> Result<(), FeedError> {
    reading.tally.records += 1;
    let english = cve.descriptions.iter().find(|text| text.lang == "en");
    let description = english.map(|text| text.value.clone()).unwrap_or_default();
    let modified = cve.last_modified.as_deref().and_then(|text| reading.dated(text));
    let rejected = cve.vuln_status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("rejected"));
    if rejected || description.starts_with("Rejected reason:") || description.contains("** REJECT **") {
        return reading.put(Record::Withdrawn(cve.id));
    }
    let mut all = Products::new();
    for configuration in &cve.configurations {
        products(reading, &cve.id, configuration, &mut all);
    }
    for ((name, platforms), (key, vulnerable, fixed)) in all {
        let Some(mut advisory) = reading.blank(streams::PRODUCTS, &key, &cve.id) else { continue };
        advisory.status = if fixed.is_empty() { Status::Unknown } else { Status::Fixed };
        advisory.affected = Affected { vulnerable, ..Affected::default() };
        advisory.fixed = fixed;
        let qualifiers = Qualifiers { cpe: Some(name), platforms, ..Qualifiers::default() };
        reading.put(Record::Qualified(Box::new(advisory), Box::new(qualifiers)))?;
    }
    let (cvss, severity) = scores(&cve.metrics);
    let id = SOURCE.id.to_owned();
    let detail = Detail {
        description,
        severity,
        severities: severity.map(|severity| (id.clone(), severity)).into_iter().collect(),
        cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(id, cvss)] },
        cwes: cve
            .weaknesses
            .into_iter()
            .flat_map(|weakness| weakness.description)
            .map(|text| text.value)
            .filter(|value| value.starts_with("CWE-"))
            .collect(),
        references: cve.references.into_iter().map(|link| link.url).collect(),
        published: cve.published.as_deref().and_then(super::time),
        modified,
        ..Detail::default()
    };
    reading.put(Record::Detail(cve.id, Box::new(detail)))
}

fn products(reading: &mut Reading<'_>, id: &str, configuration: &Configuration, all: &mut Products) {
    let matches = || configuration.nodes.iter().flat_map(|node| &node.cpe_match);
    let joined = configuration.operator.as_deref().is_some_and(|operator| operator.eq_ignore_ascii_case("and"));
    let mut platforms: Vec<String> = Vec::new();
    if joined {
        let other = matches().filter(|found| !found.vulnerable).filter_map(|found| Cpe::parse(&found.criteria));
        platforms = other.map(|cpe| cpe.text()).collect();
        platforms.sort();
        platforms.dedup();
    }
    for found in matches().filter(|found| found.vulnerable) {
        let Some(cpe) = Cpe::parse(&found.criteria) else {
            reading.skip(id, format!("`{}` is no CPE", found.criteria));
            continue;
        };
        if cpe.part == "h" {
            continue;
        }
        let stated = [
            (Op::GreaterOrEqual, &found.version_start_including),
            (Op::Greater, &found.version_start_excluding),
            (Op::LessOrEqual, &found.version_end_including),
            (Op::Less, &found.version_end_excluding),
        ];
        let mut bounds: Vec<(Op, String)> =
            stated.into_iter().filter_map(|(op, version)| Some((op, version.clone()?))).collect();
        if bounds.is_empty() && !matches!(cpe.version.as_str(), "" | "-") {
            let version = cpe.whole_version().unwrap_or_default();
            let update =
                Some(cpe.update.as_str()).filter(|update| !matches!(*update, "" | "-") && !version.contains('_'));
            bounds.push((Op::Equal, update.map_or(version.clone(), |update| format!("{version}-{update}"))));
        }
        let name = Cpe { version: String::new(), update: String::new(), ..cpe.clone() };
        let row = all.entry((name.text(), platforms.clone())).or_default();
        row.0 = name.key();
        let range = Range::All(bounds);
        if !row.1.contains(&range) {
            row.1.push(range);
        }
        if let Some(fixed) = found.version_end_excluding.as_ref().filter(|fixed| !row.2.contains(fixed)) {
            row.2.push(fixed.clone());
        }
    }
}

/// Scores by version, NVD's own before others', and the severity of the newest version.
fn scores(metrics: &BTreeMap<String, serde_json::Value>) -> (Cvss, Option<Severity>) {
    let mut cvss = Cvss::default();
    let mut rated: [Option<Severity>; 3] = [None; 3];
    // The map is sorted by name: V31 comes behind V30 and takes its place.
    for (name, value) in metrics {
        let (place, rank) = match name.as_str() {
            "cvssMetricV2" => (&mut cvss.v2, 0),
            "cvssMetricV30" | "cvssMetricV31" => (&mut cvss.v3, 1),
            "cvssMetricV40" => (&mut cvss.v4, 2),
            _ => continue,
        };
        let list: Vec<Metric> = serde_json::from_value(value.clone()).unwrap_or_default();
        let Some(metric) = list.iter().find(|metric| metric.kind == "Primary").or(list.first()) else { continue };
        *place = (Some(metric.cvss_data.vector_string.clone()), metric.cvss_data.base_score);
        let word = metric.cvss_data.base_severity.as_deref().or(metric.base_severity.as_deref());
        if let Some(slot) = rated.get_mut(rank) {
            *slot =
                word.and_then(super::source::severity).or_else(|| metric.cvss_data.base_score.map(Severity::from_cvss));
        }
    }
    let [v2, v3, v4] = rated;
    (cvss, v3.or(v4).or(v2))
}
