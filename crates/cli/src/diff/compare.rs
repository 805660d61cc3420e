//! What differs between two reports.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use signet_model::{Finding, Severity};

use crate::baseline::{names, place};
use crate::report::{Report, fixed_in};

/// The whole of it, in a stable order.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) before: Name,
    pub(super) after: Name,
    pub(super) packages: Changes<PackageRow, PackageChange>,
    /// `None`: findings were not compared.
    pub(super) findings: Option<Changes<FindingRow, FindingChange>>,
    /// Places in the later report's findings of those that came.
    pub(super) came_indexes: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) digest: Option<String>,
}

#[derive(Debug)]
pub(super) struct Changes<T, C> {
    pub(super) came: Vec<T>,
    pub(super) went: Vec<T>,
    pub(super) changed: Vec<C>,
    /// How many are the same.
    pub(super) same: usize,
}

impl<T, C> Default for Changes<T, C> {
    fn default() -> Changes<T, C> {
        Changes { came: Vec::new(), went: Vec::new(), changed: Vec::new(), same: 0 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackageRow {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) version: String,
}

/// Another version, or several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackageChange {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FindingRow {
    pub(super) severity: Severity,
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) fixed_in: String,
    pub(super) exploited: bool,
    pub(super) malicious: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FindingChange {
    pub(super) finding: FindingRow,
    /// What is told differently: the matter, before, after.
    pub(super) changes: Vec<(&'static str, String, String)>,
}

/// Compares two reports; findings only where both were judged.
pub(super) fn compare(before: &Report, after: &Report, findings: bool) -> Difference {
    let name = |report: &Report| Name {
        name: report.subject.name.clone(),
        digest: report.digest().map(|digest| digest.to_string()),
    };
    let mut difference = Difference {
        before: name(before),
        after: name(after),
        packages: packages(before, after),
        ..Difference::default()
    };
    if findings {
        let (changes, came) = self::findings(before, after);
        difference.findings = Some(changes);
        difference.came_indexes = came;
    }
    difference
}

fn packages(before: &Report, after: &Report) -> Changes<PackageRow, PackageChange> {
    let versions = |report: &Report| {
        let mut names: BTreeMap<(&'static str, String), BTreeSet<String>> = BTreeMap::new();
        for package in &report.inventory.packages {
            names.entry((package.kind.name(), package.name.clone())).or_default().insert(package.version.clone());
        }
        names
    };
    let (before, after) = (versions(before), versions(after));
    let mut changes = Changes::default();
    let rows = |kind: &'static str, name: &str, versions: &BTreeSet<String>| -> Vec<PackageRow> {
        versions.iter().map(|version| PackageRow { kind, name: name.to_owned(), version: version.clone() }).collect()
    };
    let nothing = BTreeSet::new();
    let keys: BTreeSet<&(&'static str, String)> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (kind, name) = (key.0, &key.1);
        let (old, new) = (before.get(key).unwrap_or(&nothing), after.get(key).unwrap_or(&nothing));
        changes.same += old.intersection(new).count();
        let only_old: BTreeSet<String> = old.difference(new).cloned().collect();
        let only_new: BTreeSet<String> = new.difference(old).cloned().collect();
        match (only_old.is_empty(), only_new.is_empty()) {
            (true, true) => {}
            (true, false) => changes.came.extend(rows(kind, name, &only_new)),
            (false, true) => changes.went.extend(rows(kind, name, &only_old)),
            (false, false) => changes.changed.push(PackageChange {
                kind,
                name: name.clone(),
                before: only_old.into_iter().collect(),
                after: only_new.into_iter().collect(),
            }),
        }
    }
    changes
}

fn row(report: &Report, finding: &Finding) -> FindingRow {
    let package = report.package(finding.package);
    FindingRow {
        severity: finding.severity,
        id: finding.vulnerability.id.clone(),
        kind: package.kind.name(),
        name: package.name.clone(),
        version: package.version.clone(),
        fixed_in: fixed_in(finding),
        exploited: finding.vulnerability.kev.is_some(),
        malicious: finding.malicious,
    }
}

/// Findings that count on either side. One that is suppressed on one side only came or went, which is what a reader sees of it; why stands in
/// the change.
fn findings(before: &Report, after: &Report) -> (Changes<FindingRow, FindingChange>, Vec<usize>) {
    // Without a version, and by package first: an upgrade that keeps a vulnerability is a change of its finding. Where a file moved, the
    // name alone decides.
    let mut exact: HashMap<_, usize> = HashMap::new();
    let mut loose: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, finding) in before.findings.iter().enumerate().filter(|(_, finding)| finding.suppressed.is_none()) {
        let place = place(before.package(finding.package));
        for name in names(finding) {
            exact.entry((name, place)).or_insert(at);
            loose.entry((name, place.0, place.1)).or_default().push(at);
        }
    }
    let mut changes = Changes::default();
    let mut came_indexes = Vec::new();
    let mut matched: HashSet<usize> = HashSet::new();
    // First those that stand where they stood, so that a moved one cannot take their place.
    let active: Vec<(usize, &Finding)> =
        after.findings.iter().enumerate().filter(|(_, finding)| finding.suppressed.is_none()).collect();
    let mut pairs: Vec<(usize, Option<usize>)> = Vec::with_capacity(active.len());
    for (at, finding) in &active {
        let place = place(after.package(finding.package));
        let found = names(finding).find_map(|name| exact.get(&(name, place)).copied());
        matched.extend(found);
        pairs.push((*at, found));
    }
    for (at, pair) in &mut pairs {
        let Some(finding) = after.findings.get(*at).filter(|_| pair.is_none()) else { continue };
        let place = place(after.package(finding.package));
        let candidates = names(finding).filter_map(|name| loose.get(&(name, place.0, place.1))).flatten();
        *pair = candidates.copied().find(|old| !matched.contains(old));
        matched.extend(*pair);
    }
    for (at, pair) in pairs {
        let Some(new) = after.findings.get(at) else { continue };
        let Some(old) = pair.and_then(|old| before.findings.get(old)) else {
            came_indexes.push(at);
            changes.came.push(row(after, new));
            continue;
        };
        let (was, is) = (row(before, old), row(after, new));
        let mut told = Vec::new();
        let mut tell = |what: &'static str, was: &str, is: &str| {
            if was != is {
                told.push((what, was.to_owned(), is.to_owned()));
            }
        };
        tell("severity", was.severity.name(), is.severity.name());
        tell("version", &was.version, &is.version);
        tell("fixed in", &was.fixed_in, &is.fixed_in);
        tell("status", old.status.name(), new.status.name());
        tell("exploited", yes(was.exploited), yes(is.exploited));
        match told.is_empty() {
            true => changes.same += 1,
            false => changes.changed.push(FindingChange { finding: is, changes: told }),
        }
    }
    let went = before
        .findings
        .iter()
        .enumerate()
        .filter(|(at, finding)| finding.suppressed.is_none() && !matched.contains(at));
    changes.went = went.map(|(_, finding)| row(before, finding)).collect();
    let order = |row: &FindingRow| {
        (std::cmp::Reverse(row.severity), row.kind, row.name.clone(), row.id.clone(), row.version.clone())
    };
    changes.came.sort_by_cached_key(order);
    changes.went.sort_by_cached_key(order);
    changes.changed.sort_by_cached_key(|change| order(&change.finding));
    (changes, came_indexes)
}

fn yes(yes: bool) -> &'static str {
    if yes { "known" } else { "no" }
}
