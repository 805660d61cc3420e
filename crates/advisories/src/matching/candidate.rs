//! An advisory that holds for a package, before several of them are merged into one finding.

use std::cmp::Ordering;
use std::collections::HashMap;

use signet_model::{Finding, Fix, Package, PackageIndex, Severity, Status, Suppression, SuppressionKind, Why};

use super::qualified::Linked;
use super::{MatchOptions, kernel, severity};
use crate::database::{AdvisoryRow, Database, DatabaseError, VulnerabilityRow};
use crate::order::{self, Order};
use crate::record::Named;
use crate::streams;

/// One row that holds.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    pub(super) row: AdvisoryRow<'a>,
    pub(super) vulnerability: VulnerabilityRow<'a>,
    pub(super) id: &'a str,
    /// Ids that mean the same vulnerability: aliases, and vendor ids of registries that give one id per vulnerability.
    pub(super) also: Vec<String>,
    pub(super) vendor_ids: Vec<String>,
    pub(super) fixed: Vec<String>,
    pub(super) order: Order,
    /// Less is better.
    pub(super) rank: u8,
    pub(super) stream: &'a str,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) notes: Vec<String>,
    /// Of a channel that only repairs what the base release discloses.
    pub(super) channel: bool,
    /// Whether the program holds the functions that the advisory names.
    pub(super) linked: Linked,
}

impl<'a> Candidate<'a> {
    /// Reads what merging needs. `None`: withdrawn or rejected.
    #[allow(
        clippy::too_many_arguments,
        reason = "one caller per kind of package; a struct of the same fields would say nothing more"
    )]
    pub(super) fn new(
        row: AdvisoryRow<'a>,
        order: Order,
        stream: &'a str,
        name: &str,
        version: &str,
        package: &Package,
    ) -> Result<Option<Candidate<'a>>, DatabaseError> {
        let vulnerability = row.vulnerability()?;
        if vulnerability.withdrawn() {
            return Ok(None);
        }
        let id = vulnerability.id()?;
        let vendor_ids = row.vendor_ids()?;
        let mut also: Vec<String> = vendor_ids.iter().filter(|id| names_one_vulnerability(id)).cloned().collect();
        if row.named() == Named::Library {
            for alias in vulnerability.aliases()? {
                also.push(alias?.to_owned());
            }
        }
        let mut notes = Vec::new();
        if matches!(row.named(), Named::Source | Named::Any) && name != package.name {
            notes.push(format!("looked up by the source package `{name}`"));
        }
        let rank = rank(row.source_id()?, id);
        Ok(Some(Candidate {
            vulnerability,
            id,
            also,
            vendor_ids,
            fixed: row.fixed()?.into_iter().map(|version| shown(order, version).to_owned()).collect(),
            order,
            rank,
            stream,
            name: name.to_owned(),
            version: version.to_owned(),
            notes,
            channel: streams::is_channel(stream),
            linked: Linked::Unknown,
            row,
        }))
    }

    /// Takes another row about the same vulnerability of the same package in.
    fn absorb(&mut self, mut other: Candidate<'a>) {
        let highest = |one: &Candidate<'_>| one.fixed.first().cloned();
        let better = other.rank < self.rank
            || (other.rank == self.rank
                && match (highest(self), highest(&other)) {
                    (None, Some(_)) => true,
                    // "In case two advisories resolve the same CVE-ID, e.g. the first fix might be incomplete": the newer fix counts.
                    (Some(mine), Some(theirs)) => order::compare(self.order, &mine, &theirs) == Ok(Ordering::Less),
                    (_, None) => false,
                });
        if better {
            std::mem::swap(self, &mut other);
        }
        self.linked = std::mem::take(&mut self.linked).and(std::mem::take(&mut other.linked));
        if self.fixed.is_empty() {
            self.fixed = other.fixed;
        }
        let others =
            other.vendor_ids.into_iter().map(|id| (true, id)).chain(other.also.into_iter().map(|id| (false, id)));
        for (vendor, id) in others.chain([(false, other.id.to_owned())]) {
            let list = if vendor { &mut self.vendor_ids } else { &mut self.also };
            if id != self.id && !list.contains(&id) {
                list.push(id);
            }
        }
    }

    pub(super) fn finding(
        self,
        database: &Database<'a>,
        place: PackageIndex,
        package: &Package,
        options: &MatchOptions,
    ) -> Result<Finding, DatabaseError> {
        let mut vulnerability = self.vulnerability.read(options.details)?;
        for id in self.also {
            if id != vulnerability.id && !vulnerability.aliases.contains(&id) {
                vulnerability.aliases.push(id);
            }
        }
        vulnerability.aliases.sort();
        // Some databases (Go's) rate nothing; who describes the same thing under another id may.
        if vulnerability.severities.is_empty() {
            for alias in &vulnerability.aliases {
                let rated = database.severities(alias)?;
                vulnerability.severities.extend(rated);
            }
        }
        let data_source = self.row.source()?;
        let malicious = self.row.malicious() || self.id.starts_with("MAL-");
        let own = self.row.severity();
        if let Some(own) = own {
            vulnerability.severities.insert(severity::vendor(&data_source).to_owned(), own);
        }
        let (severity, severity_source) = if malicious {
            (Severity::Critical, Some(data_source.id.clone()))
        } else {
            severity::choose(&vulnerability, self.vulnerability.overall(), own, &data_source, &options.severity_sources)
        };
        let status = match self.row.status() {
            _ if !self.fixed.is_empty() => Status::Fixed,
            // A fix that this host cannot reach is none.
            Status::Unknown | Status::Fixed => Status::Affected,
            stated => stated,
        };
        let range = self.row.ranges()?.words().unwrap_or_default();
        let unlinked = self.linked.suppression(&data_source.name).filter(|_| !malicious && !options.go_unlinked);
        let headers = !options.kernel_headers && kernel::is_headers_only(package);
        Ok(Finding {
            vulnerability,
            package: place,
            severity,
            severity_source,
            status,
            fix: Fix { available: self.row.available().filter(|_| !self.fixed.is_empty()), versions: self.fixed },
            vendor_ids: self.vendor_ids,
            data_source,
            malicious,
            why: Why {
                matched_name: self.name,
                matched_version: self.version,
                range,
                stream: self.stream.to_owned(),
                notes: self.notes,
            },
            suppressed: unlinked.or_else(|| {
                headers.then(|| Suppression {
                    kind: SuppressionKind::Filter,
                    source: "built-in".to_owned(),
                    status: "kernel-headers".to_owned(),
                    statement: Some("the package holds headers of the kernel, not its code".to_owned()),
                })
            }),
        })
    }
}

/// One candidate per vulnerability, by id: those that share an id, directly or over others, are one.
///
/// The kernel of a distribution has thousands of advisories, so each id is looked up instead of compared with all others.
pub(super) fn merge<'a>(candidates: &mut Vec<Candidate<'a>>) -> Vec<Candidate<'a>> {
    if candidates.len() < 2 {
        return std::mem::take(candidates);
    }
    // Distributions give one id per vulnerability: equal ids are neighbours once they are sorted.
    if candidates.iter().all(|candidate| candidate.also.is_empty()) {
        candidates.sort_by(|a, b| a.id.cmp(b.id));
        let mut merged: Vec<Candidate<'a>> = Vec::with_capacity(candidates.len());
        for candidate in candidates.drain(..) {
            match merged.last_mut() {
                Some(last) if last.id == candidate.id => last.absorb(candidate),
                _ => merged.push(candidate),
            }
        }
        return merged;
    }
    let mut merged: Vec<Option<Candidate<'a>>> = Vec::with_capacity(candidates.len());
    let mut by_id: HashMap<String, usize> = HashMap::with_capacity(candidates.len());
    for mut candidate in candidates.drain(..) {
        let ids: Vec<String> = std::iter::once(candidate.id.to_owned()).chain(candidate.also.iter().cloned()).collect();
        let mut known: Vec<usize> = ids.iter().filter_map(|id| by_id.get(id).copied()).collect();
        known.sort_unstable();
        known.dedup();
        // Two CVEs are two vulnerabilities, even where one advisory of another database speaks of both.
        known.retain(|place| match merged.get(*place) {
            Some(Some(other)) => !(is_cve(other.id) && is_cve(candidate.id)) || other.id == candidate.id,
            _ => false,
        });
        // A candidate may join what stood apart until now.
        let home = known.first().copied().unwrap_or(merged.len());
        for place in known {
            let both = merged
                .get(place)
                .and_then(Option::as_ref)
                .is_some_and(|other| is_cve(other.id) && is_cve(candidate.id) && other.id != candidate.id);
            if both {
                continue;
            }
            let Some(mut other) = merged.get_mut(place).and_then(Option::take) else { continue };
            other.absorb(candidate);
            candidate = other;
        }
        let all = ids.into_iter().chain(std::iter::once(candidate.id.to_owned())).chain(candidate.also.iter().cloned());
        for id in all {
            let elsewhere =
                by_id.get(&id).is_some_and(|place| *place != home && merged.get(*place).is_some_and(Option::is_some));
            if !elsewhere {
                by_id.insert(id, home);
            }
        }
        match merged.get_mut(home) {
            Some(place) => *place = Some(candidate),
            None => merged.push(Some(candidate)),
        }
    }
    let mut merged: Vec<Candidate<'a>> = merged.into_iter().flatten().collect();
    merged.sort_by(|a, b| a.id.cmp(b.id));
    merged
}

fn is_cve(id: &str) -> bool {
    id.starts_with("CVE-")
}

/// DSA and RHSA stand for many vulnerabilities each, these for one.
fn names_one_vulnerability(id: &str) -> bool {
    ["CVE-", "GHSA-", "GO-", "PYSEC-", "RUSTSEC-", "MAL-", "GMS-", "OSV-"].iter().any(|start| id.starts_with(start))
}

/// GitHub reviews its advisories against the package's code; GitLab's are made from NVD's by rules. Between equals, the CVE.
fn rank(source: &str, id: &str) -> u8 {
    let source = match source {
        "ghsa" => 0,
        "glad" => 4,
        _ => 2,
    };
    source + u8::from(!id.starts_with("CVE-"))
}

/// An RPM epoch of 0 is no epoch: `0:1.2-3` is shown as `1.2-3`.
pub(super) fn shown(order: Order, version: &str) -> &str {
    match order {
        Order::Rpm => version.strip_prefix("0:").unwrap_or(version),
        _ => version,
    }
}
