//! Records of distributions: one vulnerability in one release, with the packages that repair it.
//!
//! A fix of version `0` means that the package never was vulnerable; `None`, that there is no fix. Red Hat repairs one thing on several minor
//! releases under builds that sort among each other: `Advisories` says which build is which minor's. A host of a minor is judged by the build
//! that reaches it: its own minor's, else the next one's, else the highest.
//! Source: vunnel `schema/vulnerability/os/`; grype `grype/db/v6/build/transformers/os/transform.go`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use signet_model::{Cvss, Severity};

use super::super::grype_common::{Package, constraint, earliest, fix_version, order, provider_of, severity, source};
use super::super::{FeedError, time};
use super::{Out, add_vector, or_default};
use crate::order::{self, Order};
use crate::record::{Detail, Named, Op, Qualifiers, Range, Record};
use crate::streams;

#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(rename = "Vulnerability")]
    vulnerability: Vulnerability,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vulnerability {
    name: String,
    namespace_name: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(default, deserialize_with = "or_default")]
    link: String,
    #[serde(default, deserialize_with = "or_default", rename = "CVSS")]
    cvss: Vec<VendorCvss>,
    #[serde(default, deserialize_with = "or_default")]
    fixed_in: Vec<FixedIn>,
    #[serde(default, deserialize_with = "or_default")]
    metadata: Value,
}

#[derive(Deserialize)]
struct VendorCvss {
    #[serde(default, deserialize_with = "or_default")]
    vector_string: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FixedIn {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default, deserialize_with = "or_default")]
    vulnerable_range: String,
    /// Absent, null and empty differ from a name, and not among each other: the package must be of no module.
    #[serde(default, deserialize_with = "or_default")]
    module: String,
    #[serde(default, deserialize_with = "or_default")]
    arch: String,
    #[serde(default, deserialize_with = "or_default")]
    vendor_advisory: VendorAdvisory,
    #[serde(default, deserialize_with = "or_default")]
    available: Available,
    #[serde(default, deserialize_with = "or_default")]
    advisories: Vec<StreamFix>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VendorAdvisory {
    #[serde(default, deserialize_with = "or_default")]
    no_advisory: bool,
    #[serde(default, deserialize_with = "or_default")]
    advisory_summary: Vec<Summary>,
}

#[derive(Deserialize)]
struct Summary {
    #[serde(rename = "ID", default, deserialize_with = "or_default")]
    id: String,
}

#[derive(Default, Deserialize)]
struct Available {
    #[serde(alias = "Date", default, deserialize_with = "or_default")]
    date: String,
}

/// A build that repairs it on one minor release.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamFix {
    #[serde(default, deserialize_with = "or_default")]
    advisory: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default)]
    minor: Option<u32>,
}

pub(super) fn read(item: &Item, out: &mut Out<'_, '_>) -> Result<(), FeedError> {
    let vulnerability = &item.vulnerability;
    let namespace = vulnerability.namespace_name.as_str();
    let (distro, release) = namespace.split_once(':').unwrap_or((namespace, ""));
    let (release, channel) = release.split_once('+').unwrap_or((release, ""));
    let Some(stream) = streams::of_grype(distro, release, channel) else {
        out.unknown(namespace);
        return Ok(());
    };
    let Some(order) = order(&stream) else {
        out.unknown(namespace);
        return Ok(());
    };
    let source = source(provider_of(namespace));
    let rated = severity(&vulnerability.severity);
    // Amazon and Oracle publish under ids of their own what the world knows as CVEs.
    let cves = cves(&vulnerability.metadata);
    let own = vulnerability.name.clone();
    let ids: Vec<String> = if own.starts_with("CVE-") || cves.is_empty() { vec![own.clone()] } else { cves };

    let mut groups: BTreeMap<(&str, &str), Vec<&FixedIn>> = BTreeMap::new();
    for fixed in &vulnerability.fixed_in {
        groups.entry((&fixed.name, &fixed.module)).or_default().push(fixed);
    }
    for ((name, module), group) in groups {
        let unaffected = group.iter().all(|fixed| fixed.version.trim() == "0");
        let template = Package {
            stream: stream.clone(),
            name: name.to_owned(),
            severity: rated,
            qualifiers: Qualifiers {
                unaffected,
                module: (order == Order::Rpm).then(|| module.to_owned()),
                ..Qualifiers::default()
            },
            ..Package::default()
        };
        let mut packages = Vec::new();
        if unaffected {
            packages.push(Package { vulnerable: vec![Range::everything()], ..template });
        } else {
            packages.extend(by_minor(&group, &template, order));
            if packages.is_empty() {
                packages.extend(group.iter().map(|fixed| coarse(fixed, &template, order, &own)));
            }
        }
        for package in &packages {
            for id in &ids {
                let vendor = if *id == own { Vec::new() } else { vec![own.clone()] };
                let vendor_ids = vendor.into_iter().chain(package.vendor_ids.iter().cloned()).collect();
                let package = Package { vendor_ids, ..package.clone() };
                out.put(package.record(id, Named::Any, &source))?;
            }
        }
    }
    details(vulnerability, &ids, rated, &source.id, out)
}

fn details(
    vulnerability: &Vulnerability,
    ids: &[String],
    rated: Option<Severity>,
    source: &str,
    out: &mut Out<'_, '_>,
) -> Result<(), FeedError> {
    let mut cvss = Cvss::default();
    for vendor in &vulnerability.cvss {
        add_vector(&mut cvss, &vendor.vector_string);
    }
    let when = |field: &str| vulnerability.metadata.get(field).and_then(Value::as_str).and_then(time);
    let severities: Vec<(String, Severity)> = rated.map(|rated| (source.to_owned(), rated)).into_iter().collect();
    for id in ids {
        let bare = Detail { severity: rated, severities: severities.clone(), ..Detail::default() };
        // An advisory about one vulnerability describes it; one about several only rates them.
        let detail = match ids {
            [_] => Detail {
                description: vulnerability.description.trim().to_owned(),
                cvss: if cvss == Cvss::default() { Vec::new() } else { vec![(source.to_owned(), cvss.clone())] },
                references: Some(vulnerability.link.trim().to_owned())
                    .into_iter()
                    .filter(|link| !link.is_empty())
                    .collect(),
                published: when("Issued"),
                modified: when("Updated"),
                ..bare
            },
            _ => bare,
        };
        out.put(Record::Detail(id.clone(), Box::new(detail)))?;
    }
    Ok(())
}

fn cves(metadata: &Value) -> Vec<String> {
    let listed = metadata.get("CVE").and_then(Value::as_array).into_iter().flatten();
    let mut cves: Vec<String> = listed
        .filter_map(|item| item.get("Name").unwrap_or(item).as_str())
        .filter(|name| name.starts_with("CVE-"))
        .map(str::to_owned)
        .collect();
    cves.sort();
    cves.dedup();
    cves
}

/// One fix as it stands, for the whole stream.
fn coarse(fixed: &FixedIn, template: &Package, order: Order, id: &str) -> Package {
    let version = fix_version(&fixed.version).filter(|version| *version != "0");
    let vulnerable = match version {
        _ if !fixed.vulnerable_range.trim().is_empty() => constraint(order, &fixed.vulnerable_range),
        Some(version) => {
            vec![Range::All(kernel_line(id).into_iter().chain([(Op::Less, version.to_owned())]).collect())]
        }
        None => vec![Range::everything()],
    };
    let mut package = template.clone();
    package.qualifiers.available = earliest(None, time(&fixed.available.date));
    Package {
        vulnerable,
        fixed: version.map(str::to_owned).into_iter().collect(),
        vendor_ids: fixed.vendor_advisory.advisory_summary.iter().map(|summary| summary.id.clone()).collect(),
        wont_fix: fixed.vendor_advisory.no_advisory,
        arches: Some(fixed.arch.clone()).into_iter().filter(|arch| !arch.is_empty()).collect(),
        ..package
    }
}

/// Amazon publishes for each line of its kernels: `ALASKERNEL-5.4-2023-048` holds from 5.4 on.
fn kernel_line(id: &str) -> Option<(Op, String)> {
    let mut parts = id.strip_prefix("ALASKERNEL-")?.split('-');
    let line = parts.next()?;
    (parts.count() == 2).then(|| (Op::GreaterOrEqual, line.to_owned()))
}

/// One row for each minor release whose fix is known, and one for the release as a whole; none where builds are not told apart by minor.
fn by_minor(group: &[&FixedIn], template: &Package, order: Order) -> Vec<Package> {
    let major =
        template.stream.strip_prefix("Red Hat ").filter(|major| major.bytes().all(|byte| byte.is_ascii_digit()));
    // Vulnerable ranges of several upstream versions cannot be put as one bound for each minor.
    if major.is_none() || group.iter().any(|fixed| !fixed.vulnerable_range.trim().is_empty()) {
        return Vec::new();
    }
    let stated = || group.iter().flat_map(|fixed| &fixed.advisories);
    let mut known: BTreeMap<u32, &StreamFix> = BTreeMap::new();
    for fix in stated() {
        if let Some(minor) = fix.minor.filter(|minor| *minor < MOST_MINORS) {
            known.insert(minor, fix);
        }
    }
    // A build without a minor (`.el9`) that is newer than all others is the fix of the minor after theirs.
    let mut general: Vec<&StreamFix> = stated().filter(|fix| fix.minor.is_none() && is_general(&fix.version)).collect();
    general.sort_by(|a, b| order::compare(order, &a.version, &b.version).unwrap_or(Ordering::Equal));
    for fix in general {
        if let Some((last, newest)) = known.last_key_value()
            && order::compare(order, &fix.version, &newest.version) == Ok(Ordering::Greater)
        {
            known.insert(last + 1, fix);
        }
    }
    let Some((last, highest)) = known.last_key_value() else { return Vec::new() };
    let available = group.iter().fold(None, |known, fixed| earliest(known, time(&fixed.available.date)));
    let row = |stream: String, fix: &StreamFix| {
        let mut package = template.clone();
        package.qualifiers.available = available;
        Package {
            stream,
            vulnerable: vec![Range::before(None, &fix.version)],
            fixed: vec![fix.version.clone()],
            vendor_ids: Some(fix.advisory.clone()).into_iter().filter(|id| !id.is_empty()).collect(),
            ..package
        }
    };
    let mut rows = vec![row(template.stream.clone(), highest)];
    for minor in 0..=*last {
        if let Some((_, fix)) = known.range(minor..).next() {
            rows.push(row(format!("{}.{minor}", template.stream), fix));
        }
    }
    rows
}

/// Red Hat's releases have eleven minor ones at most.
const MOST_MINORS: u32 = 32;

/// Whether a build is of the release as a whole (`.el9`), not of a minor (`.el9_2`).
fn is_general(version: &str) -> bool {
    version.match_indices(".el").any(|(at, sign)| {
        let rest = version.get(at + sign.len()..).unwrap_or_default();
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < rest.len() && !after.starts_with('_')
    })
}
