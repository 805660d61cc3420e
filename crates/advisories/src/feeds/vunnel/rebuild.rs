//! Advisories of a distribution that rebuilds another's packages: they say which builds are repaired, not what is vulnerable.
//!
//! AlmaLinux's come in OSV's form, marked as `record_type: advisory`. A build from the fix on is not vulnerable to the CVEs that the advisory is
//! about; what is vulnerable, the other distribution's records say.
//! Source: grype `grype/db/v6/build/transformers/osv/transform.go`, `grype/matcher/rpm/almalinux.go`.

use serde::Deserialize;
use serde_json::Value;

use super::super::grype_common::{Package, order, provider_of, source};
use super::super::{FeedError, time};
use super::{Out, or_default};
use crate::record::{Named, Op, Qualifiers, Range, Record};
use crate::streams;

#[derive(Deserialize)]
pub(super) struct Item {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    related: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    aliases: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    upstream: Vec<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Affected {
    package: Name,
    #[serde(default, deserialize_with = "or_default")]
    ranges: Vec<Ranges>,
    #[serde(default, deserialize_with = "or_default")]
    ecosystem_specific: Value,
}

#[derive(Deserialize)]
struct Name {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Ranges {
    #[serde(default, deserialize_with = "or_default")]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    fixed: Option<String>,
}

/// Whether a record in OSV's form is such an advisory.
pub(super) fn is_one(item: &Value) -> bool {
    item["database_specific"]["anchore"]["record_type"] == "advisory"
}

pub(super) fn read(item: &Item, out: &mut Out<'_, '_>) -> Result<(), FeedError> {
    if item.withdrawn.as_deref().is_some_and(|when| !when.is_empty()) {
        return Ok(());
    }
    let all = item.related.iter().chain(&item.aliases).chain(&item.upstream);
    let mut cves: Vec<&String> = all.filter(|id| id.starts_with("CVE-")).collect();
    cves.sort();
    cves.dedup();
    let available = item.published.as_deref().and_then(time);
    for affected in &item.affected {
        let ecosystem = affected.package.ecosystem.as_str();
        let known = streams::of_osv(ecosystem).and_then(|(stream, _)| order(&stream).map(|_| stream));
        let Some(stream) = known else {
            out.unknown(ecosystem);
            continue;
        };
        let source = source(provider_of(&stream));
        let fixes: Vec<&String> =
            affected.ranges.iter().flat_map(|range| &range.events).filter_map(|event| event.fixed.as_ref()).collect();
        let package = Package {
            stream,
            name: affected.package.name.clone(),
            vulnerable: fixes.iter().map(|fix| Range::All(vec![(Op::GreaterOrEqual, (*fix).clone())])).collect(),
            fixed: fixes.into_iter().cloned().collect(),
            vendor_ids: vec![item.id.clone()],
            qualifiers: Qualifiers {
                unaffected: true,
                module: Some(affected.ecosystem_specific["rpm_modularity"].as_str().unwrap_or_default().to_owned()),
                available,
                ..Qualifiers::default()
            },
            ..Package::default()
        };
        if package.vulnerable.is_empty() {
            continue;
        }
        for cve in &cves {
            out.put(package.record(cve, Named::Any, &source))?;
            out.put(Record::Detail((*cve).clone(), Box::default()))?;
        }
    }
    Ok(())
}
