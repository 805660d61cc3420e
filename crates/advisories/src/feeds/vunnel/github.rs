//! GitHub's advisories.
//!
//! Source: vunnel `schema/vulnerability/github-security-advisory/`; grype `grype/db/v6/build/transformers/github/transform.go`.

use serde::Deserialize;
use signet_model::{Cvss, Severity};

use super::super::grype_common::{Package, constraint, fix_version, order, severity, source};
use super::super::{FeedError, time};
use super::{Out, add_vector, or_default};
use crate::names;
use crate::record::{Detail, Named, Qualifiers, Record};
use crate::streams;

#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(rename = "Advisory")]
    advisory: Advisory,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advisory {
    ghsa_id: String,
    #[serde(default, deserialize_with = "or_default", rename = "Classification")]
    classification: String,
    #[serde(default, deserialize_with = "or_default", rename = "CVE")]
    cve: Vec<String>,
    #[serde(default, deserialize_with = "or_default", rename = "CVSS")]
    cvss: Vector,
    #[serde(default, deserialize_with = "or_default", rename = "cvss_severities")]
    vectors: Vec<Vector>,
    #[serde(default, deserialize_with = "or_default", rename = "FixedIn")]
    fixed_in: Vec<FixedIn>,
    #[serde(default, deserialize_with = "or_default", rename = "Severity")]
    severity: String,
    #[serde(default, deserialize_with = "or_default", rename = "Summary")]
    summary: String,
    #[serde(default, deserialize_with = "or_default")]
    url: String,
    #[serde(default, deserialize_with = "or_default")]
    references: Vec<Reference>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    updated: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
}

#[derive(Default, Deserialize)]
struct Vector {
    #[serde(alias = "vector_string", default, deserialize_with = "or_default")]
    vector: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default, deserialize_with = "or_default")]
    url: String,
}

#[derive(Deserialize)]
struct FixedIn {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    ecosystem: String,
    #[serde(default, deserialize_with = "or_default")]
    namespace: String,
    /// The version that repairs it.
    #[serde(default, deserialize_with = "or_default")]
    identifier: String,
    #[serde(default, deserialize_with = "or_default")]
    range: String,
    #[serde(default, deserialize_with = "or_default")]
    available: Available,
}

#[derive(Default, Deserialize)]
struct Available {
    #[serde(default, deserialize_with = "or_default")]
    date: String,
}

pub(super) fn read(item: Item, out: &mut Out<'_, '_>) -> Result<(), FeedError> {
    let advisory = item.advisory;
    let id = advisory.ghsa_id;
    if advisory.withdrawn.is_some_and(|when| !when.is_empty()) {
        return out.put(Record::Withdrawn(id));
    }
    let source = source("github");
    let malicious = advisory.classification.eq_ignore_ascii_case("malware");
    let rated = if malicious { Some(Severity::Critical) } else { severity(&advisory.severity) };
    for fixed in &advisory.fixed_in {
        let named = fixed.namespace.split_once(':').map_or(fixed.ecosystem.as_str(), |(_, name)| name);
        let found = streams::of_grype_ecosystem(named).or_else(|| streams::of_grype_ecosystem(&fixed.ecosystem));
        let Some((stream, order)) = found.and_then(|stream| Some((stream, order(stream)?))) else {
            out.unknown(&fixed.namespace);
            continue;
        };
        let package = Package {
            stream: stream.to_owned(),
            name: names::normal(stream, &fixed.name).into_owned(),
            vulnerable: constraint(order, &fixed.range),
            fixed: fix_version(&fixed.identifier).map(str::to_owned).into_iter().collect(),
            severity: rated,
            qualifiers: Qualifiers { available: time(&fixed.available.date), ..Qualifiers::default() },
            ..Package::default()
        };
        let mut record = package.record(&id, Named::Library, &source);
        if let Record::Qualified(advisory, _) = &mut record {
            advisory.malicious = malicious;
        }
        out.put(record)?;
    }
    let mut cvss = Cvss::default();
    for vector in advisory.vectors.iter().chain([&advisory.cvss]) {
        add_vector(&mut cvss, &vector.vector);
    }
    let links = std::iter::once(advisory.url).chain(advisory.references.into_iter().map(|reference| reference.url));
    let detail = Detail {
        aliases: advisory.cve,
        title: advisory.summary,
        severity: rated,
        severities: rated.map(|rated| (source.id.clone(), rated)).into_iter().collect(),
        cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(source.id.clone(), cvss)] },
        references: links.filter(|link| !link.is_empty()).collect(),
        published: advisory.published.as_deref().and_then(time),
        modified: advisory.updated.as_deref().and_then(time),
        ..Detail::default()
    };
    out.put(Record::Detail(id, Box::new(detail)))
}
