//! NVD's records: vulnerabilities of products that are named by CPE.
//!
//! A configuration of several nodes joined by AND names the products in one and the platforms that they must run on in another: matches that
//! are not `vulnerable` themselves are such platforms.
//! Source: NVD `API 2.0` schema; vunnel `schema/vulnerability/nvd/` (adds `fix`); grype `grype/db/v6/build/transformers/nvd/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use signet_model::{Cvss, Severity};

use super::super::grype_common::{Package, earliest, severity, source};
use super::super::{FeedError, time};
use super::{Out, add_vector, or_default};
use crate::cpe::Cpe;
use crate::record::{Detail, Named, Op, Qualifiers, Range, Record};
use crate::streams;

#[derive(Deserialize)]
pub(super) struct Item {
    cve: Cve,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    vuln_status: String,
    #[serde(default, deserialize_with = "or_default")]
    descriptions: Vec<Text>,
    #[serde(default, deserialize_with = "or_default")]
    metrics: BTreeMap<String, serde_json::Value>,
    #[serde(default, deserialize_with = "or_default")]
    weaknesses: Vec<Weakness>,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    configurations: Vec<Configuration>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    last_modified: Option<String>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default, deserialize_with = "or_default")]
    lang: String,
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(default, deserialize_with = "or_default")]
    description: Vec<Text>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default, deserialize_with = "or_default")]
    url: String,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default, deserialize_with = "or_default")]
    operator: String,
    #[serde(default, deserialize_with = "or_default")]
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default, deserialize_with = "or_default")]
    cpe_match: Vec<Match>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    criteria: String,
    #[serde(default, deserialize_with = "or_default")]
    vulnerable: bool,
    #[serde(default)]
    version_start_including: Option<String>,
    #[serde(default)]
    version_start_excluding: Option<String>,
    #[serde(default)]
    version_end_including: Option<String>,
    #[serde(default)]
    version_end_excluding: Option<String>,
    #[serde(default)]
    fix: Option<Fix>,
}

#[derive(Deserialize)]
struct Fix {
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default, deserialize_with = "or_default")]
    date: String,
}

pub(super) fn read(item: Item, out: &mut Out<'_, '_>) -> Result<(), FeedError> {
    let cve = item.cve;
    let status = cve.vuln_status.to_ascii_lowercase();
    let description =
        cve.descriptions.iter().find(|text| text.lang == "en").map(|text| text.value.clone()).unwrap_or_default();
    // "Rejected reason: ..." is how NVD writes it in the text too.
    if status == "rejected" || description.starts_with("Rejected reason:") || description.contains("** REJECT **") {
        return out.put(Record::Withdrawn(cve.id));
    }
    let source = source("nvd");
    let mut packages: BTreeMap<(String, Vec<String>), Package> = BTreeMap::new();
    for configuration in &cve.configurations {
        products(configuration, &mut packages);
    }
    for package in packages.values() {
        out.put(package.record(&cve.id, Named::Product, &source))?;
    }
    let (cvss, rated) = scores(&cve.metrics);
    let detail = Detail {
        description,
        severity: rated,
        severities: rated.map(|rated| (source.id.clone(), rated)).into_iter().collect(),
        cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(source.id.clone(), cvss)] },
        cwes: cve
            .weaknesses
            .iter()
            .flat_map(|weakness| &weakness.description)
            .filter(|text| text.value.starts_with("CWE-"))
            .map(|text| text.value.clone())
            .collect(),
        references: cve.references.into_iter().map(|reference| reference.url).filter(|url| !url.is_empty()).collect(),
        published: cve.published.as_deref().and_then(time),
        modified: cve.last_modified.as_deref().and_then(time),
        ..Detail::default()
    };
    out.put(Record::Detail(cve.id, Box::new(detail)))
}

/// Adds the products of a configuration, one for each name without a version, with all its ranges.
fn products(configuration: &Configuration, packages: &mut BTreeMap<(String, Vec<String>), Package>) {
    let all = || configuration.nodes.iter().flat_map(|node| &node.cpe_match);
    let joined = configuration.operator.eq_ignore_ascii_case("and");
    let mut platforms: Vec<String> = Vec::new();
    if joined {
        platforms = all()
            .filter(|found| !found.vulnerable)
            .filter_map(|found| Cpe::parse(&found.criteria))
            .map(|cpe| cpe.text())
            .collect();
        platforms.sort();
        platforms.dedup();
    }
    for found in all().filter(|found| found.vulnerable) {
        let Some(cpe) = Cpe::parse(&found.criteria).filter(|cpe| cpe.part != "h") else { continue };
        let name = Cpe { version: String::new(), update: String::new(), ..cpe.clone() };
        let package = packages.entry((name.text(), platforms.clone())).or_insert_with(|| Package {
            stream: streams::PRODUCTS.to_owned(),
            name: name.key(),
            qualifiers: Qualifiers { cpe: Some(name.text()), platforms: platforms.clone(), ..Qualifiers::default() },
            ..Package::default()
        });
        let range = Range::All(bounds(found, &cpe));
        if !package.vulnerable.contains(&range) {
            package.vulnerable.push(range);
        }
        let stated = found.fix.as_ref().map(|fix| fix.version.as_str());
        if let Some(fixed) = stated.or(found.version_end_excluding.as_deref()).filter(|fixed| !fixed.is_empty())
            && !package.fixed.iter().any(|known| known == fixed)
        {
            package.fixed.push(fixed.to_owned());
        }
        let date = found.fix.as_ref().and_then(|fix| time(&fix.date));
        package.qualifiers.available = earliest(package.qualifiers.available, date);
    }
}

fn bounds(found: &Match, cpe: &Cpe) -> Vec<(Op, String)> {
    let stated = [
        (Op::GreaterOrEqual, &found.version_start_including),
        (Op::Greater, &found.version_start_excluding),
        (Op::LessOrEqual, &found.version_end_including),
        (Op::Less, &found.version_end_excluding),
    ];
    let bounds: Vec<(Op, String)> =
        stated.into_iter().filter_map(|(op, version)| Some((op, version.clone()?))).collect();
    if !bounds.is_empty() || matches!(cpe.version.as_str(), "" | "-") {
        return bounds;
    }
    let version = cpe.whole_version().unwrap_or_default();
    let whole = match cpe.update.as_str() {
        "" | "-" => version,
        _ if version.contains('_') => version,
        update => format!("{version}-{update}"),
    };
    vec![(Op::Equal, whole)]
}

/// The first vector of each version, the primary source's before others', and the severity of the newest.
fn scores(metrics: &BTreeMap<String, serde_json::Value>) -> (Cvss, Option<Severity>) {
    let mut cvss = Cvss::default();
    let mut rated = None;
    for name in ["cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2"] {
        let Some(rows) = metrics.get(name).and_then(serde_json::Value::as_array) else { continue };
        let primary = |row: &&serde_json::Value| row["type"] == "Primary";
        for row in rows.iter().filter(primary).chain(rows.iter().filter(|row| !primary(row))) {
            let data = &row["cvssData"];
            add_vector(&mut cvss, data["vectorString"].as_str().unwrap_or_default());
            let word = data["baseSeverity"].as_str().or(row["baseSeverity"].as_str()).unwrap_or_default();
            rated = rated.or_else(|| severity(word));
        }
    }
    (cvss, rated)
}
