//! What several advisories come to for one package: which hold, which say that it is not vulnerable, and which of them counts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Finding, Package, PackageIndex, Suppression, SuppressionKind};

use super::candidate::shown;
use super::{Candidate, MatchOptions};
use crate::database::{AdvisoryRow, Database, DatabaseError};
use crate::order::{self, Order};

/// A row that was compared, and with what.
#[derive(Debug, Clone)]
pub(super) struct Seen<'a, 'p> {
    pub(super) row: AdvisoryRow<'a>,
    pub(super) id: &'a str,
    pub(super) order: Order,
    pub(super) stream: &'a str,
    pub(super) name: &'p str,
    pub(super) version: &'p str,
}

/// A row that says that the package is not vulnerable.
#[derive(Debug, Clone)]
pub(super) struct Cleared<'a> {
    pub(super) id: &'a str,
    row: AdvisoryRow<'a>,
    order: Order,
    stream: &'a str,
    name: String,
    version: String,
}

/// The judgements on one package.
#[derive(Debug, Default)]
pub(super) struct Verdicts<'a> {
    /// What holds.
    pub(super) held: Vec<Candidate<'a>>,
    /// What does not, where somebody wants to know.
    pub(super) cleared: Vec<Cleared<'a>>,
    /// Ids that a stream before the current one decided.
    before: BTreeSet<&'a str>,
    /// Ids that the current stream decided.
    decided: BTreeSet<&'a str>,
    /// Ids that the base release calls repaired.
    repaired: BTreeSet<&'a str>,
    /// Ids that a row of unaffected versions decides, whatever other rows say.
    not_vulnerable: BTreeSet<&'a str>,
    /// Fixes of a rebuild that the package has not got yet, and the ids under which they were published.
    rebuilt: BTreeMap<&'a str, (Vec<&'a str>, Vec<String>)>,
}

impl<'a> Verdicts<'a> {
    /// What was decided so far stands before what comes.
    pub(super) fn next_stream(&mut self) {
        self.before.append(&mut self.decided);
    }

    pub(super) fn decided_before(&self, id: &str) -> bool {
        self.before.contains(id)
    }

    /// The current stream decides; a channel of extended support leaves the last word to the base release.
    pub(super) fn decide(&mut self, id: &'a str, channel: bool) {
        if !channel {
            self.decided.insert(id);
        }
    }

    /// A vulnerable range that the version is not in. `keep`: somebody asks for what does not hold.
    pub(super) fn clear(&mut self, seen: Seen<'a, '_>, keep: bool) {
        self.decided.insert(seen.id);
        self.repaired.insert(seen.id);
        if keep {
            self.cleared.push(seen.into());
        }
    }

    /// A range of versions that are not vulnerable, with the version in it.
    ///
    /// Red Hat's rows without module speak of one of several modules, so alone they overrule nothing (`decisive` off).
    pub(super) fn clear_by_row(&mut self, seen: Seen<'a, '_>, decisive: bool) -> Result<(), DatabaseError> {
        let everything = seen.row.ranges()?.words().is_none_or(|words| words == "every version");
        if decisive || !everything || seen.row.qualifiers()?.module().is_some() {
            self.not_vulnerable.insert(seen.id);
        }
        self.decided.insert(seen.id);
        self.cleared.push(seen.into());
        Ok(())
    }

    /// A row of unaffected versions of a library.
    pub(super) fn unaffected(&mut self, row: AdvisoryRow<'a>) -> Result<(), DatabaseError> {
        self.not_vulnerable.insert(row.vulnerability()?.id()?);
        Ok(())
    }

    /// A rebuild's fix that is newer than the package.
    pub(super) fn rebuilt(&mut self, row: AdvisoryRow<'a>, id: &'a str) -> Result<(), DatabaseError> {
        let (fixes, vendor_ids) = self.rebuilt.entry(id).or_default();
        fixes.extend(row.fixed()?);
        vendor_ids.extend(row.vendor_ids()?);
        Ok(())
    }

    pub(super) fn drop_unaffected(&mut self) {
        if !self.not_vulnerable.is_empty() {
            self.held.retain(|candidate| !self.not_vulnerable.contains(candidate.id));
        }
    }

    /// Brings the streams of a distribution together. `update_support`: the minor release whose extended updates the host gets.
    pub(super) fn settle(&mut self, update_support: Option<(u32, u32)>) {
        self.drop_unaffected();
        // Extended support repairs what the base release leaves open; what that has repaired, the package has.
        let based: BTreeSet<&str> = self.held.iter().filter(|held| !held.channel).map(|held| held.id).collect();
        self.held.retain(|held| !held.channel || based.contains(held.id) || !self.repaired.contains(held.id));
        for held in &mut self.held {
            if let Some((fixes, vendor_ids)) = self.rebuilt.get(held.id) {
                let first = fixes.iter().min_by(|a, b| order::compare(held.order, a, b).unwrap_or(Ordering::Equal));
                held.fixed = first.map(|fix| shown(held.order, fix).to_owned()).into_iter().collect();
                held.vendor_ids.clone_from(vendor_ids);
                held.vendor_ids.dedup();
            }
            if let Some(host) = update_support {
                held.fixed.retain(|fix| is_reachable(fix, host));
            }
        }
    }
}

/// Whether a host of a minor release with extended updates can get a build: it is of that minor or an earlier one (grype `rpm/rhel_eus.go`).
fn is_reachable(fix: &str, (major, minor): (u32, u32)) -> bool {
    let Some((_, after)) = fix.split_once(".el") else { return true };
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (built_major, rest) = after.split_at(digits(after));
    if built_major.parse() != Ok(major) {
        return true;
    }
    match rest.strip_prefix('_').map(|rest| rest.split_at(digits(rest)).0) {
        Some(built_minor) => built_minor.parse().is_ok_and(|built: u32| built <= minor),
        None => true,
    }
}

impl<'a> From<Seen<'a, '_>> for Cleared<'a> {
    fn from(seen: Seen<'a, '_>) -> Cleared<'a> {
        let Seen { row, id, order, stream, name, version } = seen;
        Cleared { id, row, order, stream, name: name.to_owned(), version: version.to_owned() }
    }
}

impl<'a> Cleared<'a> {
    /// As a finding that is none: suppressed by the advisory itself. `None`: withdrawn or rejected.
    pub(super) fn finding(
        self,
        database: &Database<'a>,
        place: PackageIndex,
        package: &Package,
        options: &MatchOptions,
    ) -> Result<Option<Finding>, DatabaseError> {
        let candidate = Candidate::new(self.row, self.order, self.stream, &self.name, &self.version, package)?;
        let Some(candidate) = candidate else { return Ok(None) };
        let unaffected = self.row.unaffected();
        let mut finding = candidate.finding(database, place, package, options)?;
        let range = &finding.why.range;
        let (status, statement): (_, Cow<'_, str>) = match (unaffected, finding.fix.versions.is_empty()) {
            (true, true) => ("not_affected", "the advisory says that the package never was affected".into()),
            (true, false) => ("fixed", format!("{} is among the repaired versions: {range}", self.version).into()),
            (false, _) => ("fixed", format!("{} is not among the vulnerable versions: {range}", self.version).into()),
        };
        finding.suppressed = Some(Suppression {
            kind: SuppressionKind::Advisory,
            source: finding.data_source.name.clone(),
            status: status.to_owned(),
            statement: Some(statement.into_owned()),
        });
        Ok(Some(finding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fix: &str, host: (u32, u32), expected: bool) {
        assert_eq!(is_reachable(fix, host), expected, "{fix} for {host:?}");
    }

    #[test]
    fn builds_of_later_minor_releases_cannot_be_had() {
        check("3.1.3-23.el8_10", (8, 4), false);
        check("0:5.14.0-427.68.1.el9_4", (9, 4), true);
        check("5.14.0-162.el9_2.1", (9, 4), true);
        check("1.1.1k-5.el8", (8, 4), true);
        check("1.1.1k-5", (8, 4), true);
        check("1.1.1k-5.el9_6", (8, 4), true);
    }
}
