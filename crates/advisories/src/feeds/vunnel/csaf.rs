//! CSAF VEX documents of Red Hat's form, for distributions that publish nothing else (Hardened Images).
//!
//! Products are named by purl; the platform that each belongs to, by CPE (`cpe:/a:redhat:hummingbird:1`). A source package stands beside the
//! binaries built from it; where a binary of the same name is listed too, the list is of binaries, and others built from that source are not meant.
//! Source: OASIS CSAF 2.0, sections 3.2.2 and 3.2.3; grype `grype/db/v6/build/transformers/csafvex/`, `grype/matcher/rpm/hummingbird_test.go`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use signet_model::{Cvss, Purl, Severity};

use super::super::grype_common::{Package, order, severity, source};
use super::super::{FeedError, time};
use super::{Out, add_vector, or_default};
use crate::cpe::Cpe;
use crate::record::{Detail, Named, Op, Qualifiers, Range, Record};
use crate::streams;

/// Branches below each other in a product tree; Red Hat's have three.
const MAX_DEPTH: usize = 32;

#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(default, deserialize_with = "or_default")]
    document: Document,
    #[serde(default, deserialize_with = "or_default")]
    product_tree: Tree,
    #[serde(default, deserialize_with = "or_default")]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Default, Deserialize)]
struct Document {
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    aggregate_severity: Words,
}

#[derive(Default, Deserialize)]
struct Words {
    #[serde(default, deserialize_with = "or_default")]
    text: String,
}

#[derive(Default, Deserialize)]
struct Tree {
    #[serde(default, deserialize_with = "or_default")]
    branches: Vec<Branch>,
    #[serde(default, deserialize_with = "or_default")]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, deserialize_with = "or_default")]
    branches: Vec<Branch>,
    #[serde(default)]
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    #[serde(default, deserialize_with = "or_default")]
    product_identification_helper: Helper,
}

#[derive(Default, Deserialize)]
struct Helper {
    #[serde(default, deserialize_with = "or_default")]
    purl: String,
    #[serde(default, deserialize_with = "or_default")]
    cpe: String,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "or_default")]
    cve: String,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default, deserialize_with = "or_default")]
    cwe: Cwe,
    #[serde(default, deserialize_with = "or_default")]
    notes: Vec<Note>,
    #[serde(default, deserialize_with = "or_default")]
    product_status: BTreeMap<String, Vec<String>>,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "or_default")]
    remediations: Vec<Remediation>,
    #[serde(default, deserialize_with = "or_default")]
    scores: Vec<Score>,
    #[serde(default)]
    release_date: Option<String>,
}

#[derive(Default, Deserialize)]
struct Cwe {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
}

#[derive(Deserialize)]
struct Note {
    #[serde(default, deserialize_with = "or_default")]
    category: String,
    #[serde(default, deserialize_with = "or_default")]
    text: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default, deserialize_with = "or_default")]
    url: String,
}

#[derive(Deserialize)]
struct Remediation {
    #[serde(default, deserialize_with = "or_default")]
    category: String,
    #[serde(default)]
    date: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Score {
    #[serde(default)]
    cvss_v3: Option<Vector>,
    #[serde(default)]
    cvss_v2: Option<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    #[serde(default, deserialize_with = "or_default")]
    vector_string: String,
}

/// Products by id: their purls, and for composed ones the stream of their platform.
#[derive(Default)]
struct Products {
    purls: BTreeMap<String, Purl>,
    cpes: BTreeMap<String, String>,
    streams: BTreeMap<String, String>,
}

impl Products {
    fn of(tree: &Tree) -> Products {
        let mut products = Products::default();
        let mut open: Vec<(&Branch, usize)> = tree.branches.iter().map(|branch| (branch, 0)).collect();
        while let Some((branch, depth)) = open.pop() {
            if let Some(product) = &branch.product {
                let helper = &product.product_identification_helper;
                if let Ok(purl) = Purl::parse_lenient(&helper.purl) {
                    products.purls.insert(product.product_id.clone(), purl);
                }
                if !helper.cpe.is_empty() {
                    products.cpes.insert(product.product_id.clone(), helper.cpe.clone());
                }
            }
            if depth < MAX_DEPTH {
                open.extend(branch.branches.iter().map(|branch| (branch, depth + 1)));
            }
        }
        for relationship in &tree.relationships {
            let id = relationship.full_product_name.product_id.clone();
            if let Some(purl) = products.purls.get(&relationship.product_reference).cloned() {
                products.purls.insert(id.clone(), purl);
            }
            let platform = products.cpes.get(&relationship.relates_to_product_reference);
            if let Some(stream) = platform.and_then(|cpe| stream_of(cpe)) {
                products.streams.insert(id, stream);
            }
        }
        products
    }
}

fn stream_of(cpe: &str) -> Option<String> {
    let cpe = Cpe::parse(cpe)?;
    let name = if cpe.product == "enterprise_linux" { "rhel" } else { cpe.product.as_str() };
    streams::of_grype(name, &cpe.version, "")
}

pub(super) fn read(item: &Item, identifier: &str, out: &mut Out<'_, '_>) -> Result<(), FeedError> {
    let products = Products::of(&item.product_tree);
    let provider = identifier.split_once('/').map_or(identifier, |(provider, _)| provider);
    let source = source(provider);
    let rated = severity(&item.document.aggregate_severity.text);
    for vulnerability in &item.vulnerabilities {
        let list = |status: &str| vulnerability.product_status.get(status).map(Vec::as_slice).unwrap_or_default();
        let named: BTreeSet<(Option<&String>, &str)> = list("known_affected")
            .iter()
            .chain(list("fixed"))
            .filter_map(|id| Some((products.streams.get(id), products.purls.get(id)?)))
            .filter(|(_, purl)| purl.qualifier("arch") != Some("src"))
            .map(|(stream, purl)| (stream, purl.name()))
            .collect();
        for status in ["known_affected", "fixed", "known_not_affected"] {
            for id in list(status) {
                let (Some(purl), Some(stream)) = (products.purls.get(id), products.streams.get(id)) else {
                    out.unknown(id.split(':').next().unwrap_or(id));
                    continue;
                };
                let is_source = purl.qualifier("arch") == Some("src");
                if order(stream).is_none() || is_source && named.contains(&(Some(stream), purl.name())) {
                    continue;
                }
                let package = package(status, purl, stream, rated, available(vulnerability, id));
                out.put(package.record(
                    &vulnerability.cve,
                    if is_source { Named::Source } else { Named::Binary },
                    &source,
                ))?;
            }
        }
        details(vulnerability, &item.document.title, rated, &source.id, out)?;
    }
    Ok(())
}

fn available(vulnerability: &Vulnerability, id: &String) -> Option<signet_model::Timestamp> {
    let fix = |remediation: &&Remediation| remediation.category == "vendor_fix" && remediation.product_ids.contains(id);
    vulnerability.remediations.iter().find(fix).and_then(|remediation| time(remediation.date.as_deref()?))
}

fn package(
    status: &str,
    purl: &Purl,
    stream: &str,
    severity: Option<Severity>,
    available: Option<signet_model::Timestamp>,
) -> Package {
    let version = purl.version().filter(|version| !version.is_empty()).map(|version| match purl.qualifier("epoch") {
        Some(epoch) => format!("{epoch}:{version}"),
        None => version.to_owned(),
    });
    let range = match (status, &version) {
        ("fixed", Some(version)) => Range::before(None, version),
        ("known_not_affected", Some(version)) => Range::All(vec![(Op::Equal, version.clone())]),
        _ => Range::everything(),
    };
    // Architectures but the source's, which says what kind of package is meant.
    let arches = purl.qualifier("arch").filter(|arch| *arch != "src" && *arch != "noarch").map(str::to_owned);
    Package {
        stream: stream.to_owned(),
        name: purl.name().to_owned(),
        vulnerable: vec![range],
        fixed: version.filter(|_| status == "fixed").into_iter().collect(),
        severity,
        arches: arches.into_iter().collect(),
        qualifiers: Qualifiers { unaffected: status == "known_not_affected", available, ..Qualifiers::default() },
        ..Package::default()
    }
}

fn details(
    vulnerability: &Vulnerability,
    title: &str,
    rated: Option<Severity>,
    source: &str,
    out: &mut Out<'_, '_>,
) -> Result<(), FeedError> {
    let mut cvss = Cvss::default();
    for vector in vulnerability.scores.iter().flat_map(|score| [&score.cvss_v3, &score.cvss_v2]).flatten() {
        add_vector(&mut cvss, &vector.vector_string);
    }
    let text = vulnerability.notes.iter().find(|note| note.category == "description").map(|note| note.text.clone());
    let detail = Detail {
        title: if vulnerability.title.is_empty() { title.to_owned() } else { vulnerability.title.clone() },
        description: text.unwrap_or_default(),
        severity: rated,
        severities: rated.map(|rated| (source.to_owned(), rated)).into_iter().collect(),
        cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(source.to_owned(), cvss)] },
        cwes: Some(vulnerability.cwe.id.clone()).into_iter().filter(|id| !id.is_empty()).collect(),
        references: vulnerability.references.iter().map(|r| r.url.clone()).filter(|url| !url.is_empty()).collect(),
        published: vulnerability.release_date.as_deref().and_then(time),
        ..Detail::default()
    };
    out.put(Record::Detail(vulnerability.cve.clone(), Box::new(detail)))
}
