//! OSV records: one JSON object per advisory, in zips per ecosystem or in directories.
//!
//! Shape: [`read`] takes one record, [`read_zip`] an archive of them; a directory's files are handed to [`read`] by whoever walks it.
//! Errors: a record that cannot be read, or an archive beyond its limits, is an error with the entry's name. JSON files that are no records
//! (they have no `id`) are named in the [`Summary`], as are ecosystems that we have no order of versions for.
//! Source: ossf/osv-schema `docs/schema.md`; google/osv.dev for the layout of the archives.

mod severity;
mod wire;
mod zips;

use std::collections::BTreeMap;

use signet_model::{Cvss, DataSource, Severity, Status, Timestamp};

pub use zips::{ZipLimits, read_zip};

use super::{FeedError, time};
use crate::order::{self, Order};
use crate::record::{Advisory, Affected, Detail, Feed, GoImport, Named, Op, Qualifiers, Range, Record, Sink, Trust};
use crate::{names, streams};

/// What the records are, for the table of feeds. `licence` and `attribution` differ by ecosystem (<https://google.github.io/osv.dev/data/>).
pub fn feed(url: &str, data_time: Option<Timestamp>, trust: Trust) -> Feed {
    Feed {
        name: "osv".to_owned(),
        url: url.to_owned(),
        data_time,
        licence: "CC-BY-4.0".to_owned(),
        redistributable: true,
        attribution: "Contains advisories of the databases named per finding, as collected by OSV, https://osv.dev"
            .to_owned(),
        trust,
    }
}

/// What was read, by number, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Advisories compiled from them.
    pub advisories: u64,
    /// Records that were withdrawn.
    pub withdrawn: u64,
    /// Parts of records that speak of commits only.
    pub git_only: u64,
    /// Parts of records that name neither ranges nor versions: by the schema they affect nothing.
    pub without_versions: u64,
    /// Ecosystems that we cannot compare versions of -> parts of records.
    pub unknown_ecosystems: BTreeMap<String, u64>,
    /// JSON files that are no OSV records.
    pub skipped: Vec<String>,
    /// Records of an archive that cannot be read, and why. Whoever compiles them must say so.
    pub malformed: Vec<(String, String)>,
    /// Time of the newest change.
    pub newest: Option<Timestamp>,
}

/// Reads one record; `place` is its file name, for errors.
pub fn read(place: &str, json: &[u8], summary: &mut Summary, sink: &mut Sink<'_>) -> Result<(), FeedError> {
    let record: wire::Record = match serde_json::from_slice(json) {
        Ok(record) => record,
        Err(err) => {
            let is_other =
                serde_json::from_slice::<serde_json::Value>(json).is_ok_and(|value| value.get("id").is_none());
            if is_other {
                summary.skipped.push(place.to_owned());
                return Ok(());
            }
            return Err(FeedError::Json { place: place.to_owned(), err });
        }
    };
    summary.records += 1;
    let mut put = |record| sink(record).map_err(FeedError::Build);
    // Withdrawn at the end of time is how some exporters write "not".
    if record.withdrawn.is_some() {
        summary.withdrawn += 1;
        return put(Record::Withdrawn(record.id));
    }
    // golang/vulndb writes year 1 where a time is filled in on publication.
    let real = |text: &Option<String>| text.as_deref().and_then(time).filter(|time| time.as_second() > 0);
    let (published, modified) = (real(&record.published), real(&record.modified));
    summary.newest = summary.newest.max(modified);

    let source = data_source(&record.id);
    let malicious = record.id.starts_with("MAL-");
    let stated = severity::of_record(&record, malicious);
    let cves = cves(&record);
    let mut by_cve = false;
    for part in &record.affected {
        let Some(package) = &part.package else {
            summary.git_only += 1;
            continue;
        };
        let Some((stream, named)) = streams::of_osv(&package.ecosystem) else {
            let ecosystem = package.ecosystem.split(':').next().unwrap_or_default();
            *summary.unknown_ecosystems.entry(ecosystem.to_owned()).or_default() += 1;
            continue;
        };
        let Some(rules) = streams::rules(&stream) else { continue };
        let (affected, fixed) = affected(rules.order, part);
        if affected.vulnerable.is_empty() && affected.versions.is_empty() {
            let git = part.ranges.iter().any(|range| range.kind == "GIT");
            *(if git { &mut summary.git_only } else { &mut summary.without_versions }) += 1;
            continue;
        }
        let base = Advisory {
            package: names::normal(&stream, &package.name).into_owned(),
            stream,
            named,
            id: record.id.clone(),
            vendor_ids: Vec::new(),
            status: Status::Unknown,
            severity: if malicious { Some(Severity::Critical) } else { severity::of_part(part) },
            affected,
            fixed,
            arches: Vec::new(),
            products: Vec::new(),
            malicious,
            source: source.clone(),
        };
        let imports = go_imports(&part.ecosystem_specific.imports);
        if !imports.is_empty() {
            let qualifiers = Qualifiers { imports, ..Qualifiers::default() };
            put(Record::Qualified(Box::new(base), Box::new(qualifiers)))?;
            summary.advisories += 1;
            continue;
        }
        // Distributions publish under ids of their own what the world knows as CVEs.
        let ids = if named == Named::Library { &[][..] } else { cves.as_slice() };
        by_cve |= !ids.is_empty();
        for id in ids {
            let advisory = Advisory { id: id.clone(), vendor_ids: vec![record.id.clone()], ..base.clone() };
            put(Record::Advisory(Box::new(advisory)))?;
        }
        if ids.is_empty() {
            put(Record::Advisory(Box::new(base)))?;
        }
        summary.advisories += ids.len().max(1) as u64;
    }

    let severities: Vec<(String, Severity)> =
        stated.map(|severity| (source.id.clone(), severity)).into_iter().collect();
    let whole = Detail {
        aliases: record.aliases.clone(),
        title: record.summary.clone().unwrap_or_default(),
        description: record.details.clone().unwrap_or_default(),
        severity: stated,
        severities: severities.clone(),
        cvss: cvss(&record, &source.id),
        cwes: severity::strings(&record.database_specific.cwe_ids),
        references: record
            .references
            .iter()
            .map(|reference| reference.url.clone())
            .filter(|url| !url.is_empty())
            .collect(),
        published,
        modified,
    };
    if by_cve {
        // An advisory about one CVE describes it; one about several only rates them.
        let one = cves.len() == 1;
        for id in cves {
            let bare = Detail { severity: stated, severities: severities.clone(), ..Detail::default() };
            let detail = if one { Detail { aliases: Vec::new(), ..whole.clone() } } else { bare };
            put(Record::Detail(id, Box::new(detail)))?;
        }
        return Ok(());
    }
    put(Record::Detail(record.id, Box::new(whole)))
}

/// Source: golang/vulndb `doc/format.md`, `ecosystem_specific.imports`. A list of which a part cannot be read is none: the whole module counts.
fn go_imports(value: &serde_json::Value) -> Vec<GoImport> {
    let import = |import: &serde_json::Value| {
        let path = import.get("path")?.as_str().filter(|path| !path.is_empty())?.to_owned();
        let symbols = match import.get("symbols") {
            None | Some(serde_json::Value::Null) => Vec::new(),
            Some(symbols) => {
                let symbols = symbols.as_array()?.iter().map(|symbol| Some(symbol.as_str()?.to_owned()));
                symbols.collect::<Option<Vec<String>>>()?
            }
        };
        Some(GoImport { path, symbols })
    };
    value.as_array().into_iter().flatten().map(import).collect::<Option<Vec<GoImport>>>().unwrap_or_default()
}

/// The CVEs that the record is about.
fn cves(record: &wire::Record) -> Vec<String> {
    // `DEBIAN-CVE-2024-1`, `ALPINE-CVE-...`, `UBUNTU-CVE-...`: the CVE stands in the id.
    if let Some(at) = record.id.find("-CVE-") {
        return record.id.get(at + 1..).map(str::to_owned).into_iter().collect();
    }
    let mut cves: Vec<String> =
        record.upstream.iter().chain(&record.aliases).filter(|id| id.starts_with("CVE-")).cloned().collect();
    cves.sort();
    cves.dedup();
    cves
}

/// Vulnerable versions and the fixes.
fn affected(order: Order, part: &wire::Affected) -> (Affected, Vec<String>) {
    let mut vulnerable = Vec::new();
    let mut fixed: Vec<String> = Vec::new();
    for range in part.ranges.iter().filter(|range| range.kind == "SEMVER" || range.kind == "ECOSYSTEM") {
        for event in &range.events {
            if let Some(version) = event.fixed.as_ref().filter(|version| !fixed.contains(version)) {
                fixed.push(version.clone());
            }
        }
        vulnerable.extend(intervals(order, &range.events));
    }
    (Affected { vulnerable, versions: part.versions.clone(), ..Affected::default() }, fixed)
}

/// Sorts the events and pairs them. Source: osv-schema, "Evaluation".
fn intervals(order: Order, events: &[wire::Event]) -> Vec<Range> {
    let mut sorted: Vec<(&str, Option<Op>)> = events
        .iter()
        .flat_map(|event| {
            let opens = event.introduced.as_deref().map(|version| (version, None));
            let fixed = event.fixed.as_deref().or(event.limit.as_deref().filter(|limit| *limit != "*"));
            let closes = fixed.map(|version| (version, Some(Op::Less)));
            let last = event.last_affected.as_deref().map(|version| (version, Some(Op::LessOrEqual)));
            [opens, closes, last].into_iter().flatten()
        })
        .collect();
    // At the same version an end stands before a new beginning. What cannot be compared stays where the author put it.
    sorted.sort_by(|(a, a_op), (b, b_op)| {
        let zero = |version: &str| version == "0";
        let versions = match (zero(a), zero(b)) {
            (true, true) => std::cmp::Ordering::Equal,
            (true, false) => std::cmp::Ordering::Less,
            (false, true) => std::cmp::Ordering::Greater,
            (false, false) => order::compare(order, a, b).unwrap_or(std::cmp::Ordering::Equal),
        };
        // `introduced` and `last_affected` of one version are a range of one.
        let rank = |op: &Option<Op>| match op {
            Some(Op::Less) => 0,
            None => 1,
            Some(_) => 2,
        };
        versions.then_with(|| rank(a_op).cmp(&rank(b_op)))
    });
    let mut ranges = Vec::new();
    let mut open: Option<&str> = None;
    for (version, op) in sorted {
        match (op, open) {
            (None, None) => open = Some(version),
            (None, Some(_)) => {}
            (Some(op), Some(from)) => {
                ranges.push(between(from, Some((op, version))));
                open = None;
            }
            // An end without a beginning: OSV lets it pass, and the beginning of time is the safe reading.
            (Some(op), None) if ranges.is_empty() => ranges.push(between("0", Some((op, version)))),
            (Some(_), None) => {}
        }
    }
    if let Some(from) = open {
        ranges.push(between(from, None));
    }
    ranges
}

fn between(from: &str, to: Option<(Op, &str)>) -> Range {
    let from = (from != "0").then(|| (Op::GreaterOrEqual, from.to_owned()));
    Range::All(from.into_iter().chain(to.map(|(op, version)| (op, version.to_owned()))).collect())
}

fn cvss(record: &wire::Record, source: &str) -> Vec<(String, Cvss)> {
    let mut cvss = Cvss::default();
    for severity in &record.severity {
        let vector = Some(severity.score.clone());
        let score = crate::cvss::base_score(&severity.score);
        match severity.kind.as_str() {
            "CVSS_V2" => cvss.v2 = (vector, score),
            "CVSS_V3" => cvss.v3 = (vector, score),
            "CVSS_V4" => cvss.v4 = (vector, score),
            _ => {}
        }
    }
    if cvss == Cvss::default() { Vec::new() } else { vec![(source.to_owned(), cvss)] }
}

/// Who publishes records with such ids. Source: osv-schema `docs/schema.md`, "id" (database prefixes).
fn data_source(id: &str) -> DataSource {
    const SOURCES: &[(&str, &str, &str)] = &[
        ("GHSA-", "ghsa", "GitHub Security Advisories"),
        ("GO-", "govulndb", "The Go Vulnerability Database"),
        ("PYSEC-", "pysec", "Python Packaging Advisory Database"),
        ("RUSTSEC-", "rustsec", "RustSec Advisory Database"),
        ("MAL-", "ossf-malicious", "OpenSSF Malicious Packages"),
        ("BIT-", "bitnami", "Bitnami Vulnerability Database"),
        ("DEBIAN-", "debian", "Debian Security Tracker"),
        ("DSA-", "debian", "Debian Security Tracker"),
        ("DLA-", "debian", "Debian Security Tracker"),
        ("DTSA-", "debian", "Debian Security Tracker"),
        ("UBUNTU-", "ubuntu", "Ubuntu Security Notices"),
        ("USN-", "ubuntu", "Ubuntu Security Notices"),
        ("LSN-", "ubuntu", "Ubuntu Security Notices"),
        ("ALPINE-", "alpine", "Alpine Secdb"),
        ("RHSA-", "redhat", "Red Hat Security Data"),
        ("RHBA-", "redhat", "Red Hat Security Data"),
        ("RHEA-", "redhat", "Red Hat Security Data"),
        ("RLSA-", "rocky", "Rocky Linux"),
        ("RXSA-", "rocky", "Rocky Linux"),
        ("ALSA-", "alma", "AlmaLinux"),
        ("ALBA-", "alma", "AlmaLinux"),
        ("ALEA-", "alma", "AlmaLinux"),
        ("SUSE-", "suse", "SUSE Security"),
        ("openSUSE-", "suse", "SUSE Security"),
        ("CGA-", "chainguard", "Chainguard Security Advisories"),
        ("MINI-", "minimos", "MinimOS Security Advisories"),
        ("ECHO-", "echo", "Echo Security Advisories"),
        ("AZL-", "azure", "Azure Linux"),
        ("PHSA-", "photon", "Photon OS"),
    ];
    let known = SOURCES.iter().find(|(start, ..)| id.starts_with(start));
    let (source, name) = known.map_or(("osv", "OSV"), |(_, source, name)| (*source, *name));
    DataSource {
        id: source.to_owned(),
        name: name.to_owned(),
        url: "https://osv.dev/".to_owned(),
        base_id: (source != "osv").then(|| "osv".to_owned()),
    }
}

#[cfg(test)]
mod tests;
