//! Inventory and database in, findings out.
//!
//! Each package is looked up in the streams that govern it: an operating-system package in those of its distribution, under its source or its
//! binary name as the distribution publishes; a language package in its ecosystem's. The verdict on a version is in [`crate::ranges`], the
//! order of versions in [`crate::order`].
//!
//! Nothing is unmatched in silence: a distribution or ecosystem without data, and a version that cannot be compared, each give an
//! [`Unexamined`]. Kinds of package that nobody publishes advisories for are counted in [`MatchResult::without_feed`].

mod candidate;
mod cleared;
mod kernel;
mod language;
mod os;
mod product;
mod qualified;
mod severity;
mod vendors;

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{
    Distro, Finding, Inventory, Location, Package, PackageIndex, PackageKind, RelationshipKind, Suppression,
    SuppressionKind, Timestamp, Unexamined, UnexaminedKind,
};

use crate::database::{Database, DatabaseError};
use crate::streams;
use candidate::Candidate;
use cleared::Verdicts;

/// What may be left to its default when an inventory is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchOptions {
    /// Read titles, texts, links and scores too. Off for fleets; [`Database::fill`] reads them later for what is shown.
    pub details: bool,
    /// Sources whose severity counts, the first that has one; `auto` stands for the vendor's order. Empty: `auto`.
    pub severity_sources: Vec<String>,
    /// Report vulnerabilities of the kernel for packages that hold its headers only. Off: they are reported as suppressed.
    pub kernel_headers: bool,
    /// Who judges a language package whose files a distribution package owns.
    pub owned: Owned,
    /// Report vulnerabilities of Go functions that the program does not hold. Off: they are reported as suppressed.
    pub go_unlinked: bool,
    /// Report as suppressed what advisories say is *not* vulnerable: repaired versions and packages that never were affected.
    pub cleared: bool,
    /// Match the packages of a distribution release that has ended by product (CPE) too: nobody publishes advisories for it any more.
    pub ended_by_product: bool,
    /// Compare the pseudo-version of a Go program's own module. Off: it says when the program was built, and is seldom what advisories mean.
    pub main_pseudo_versions: bool,
    /// The time by which releases have ended; `None`: none has.
    pub now: Option<Timestamp>,
}

impl Default for MatchOptions {
    fn default() -> MatchOptions {
        MatchOptions {
            details: true,
            severity_sources: Vec::new(),
            kernel_headers: false,
            owned: Owned::default(),
            go_unlinked: false,
            cleared: false,
            ended_by_product: false,
            main_pseudo_versions: false,
            now: None,
        }
    }
}

/// Who judges a language package whose files a distribution package owns. A distribution ports fixes back and keeps the version, so its
/// ecosystem's advisories call much vulnerable that is not; but only some distributions also tell what they have not repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owned {
    /// As [`Owned::Distribution`] where the distribution's advisories also list what is not repaired, as [`Owned::Stated`] elsewhere, and for
    /// a package of the owner's own name and another version: somebody has put it in the place of the distribution's.
    #[default]
    Auto,
    /// The distribution: all that the ecosystem says is reported as suppressed.
    Distribution,
    /// The ecosystem, unless the distribution's advisories say that the owner is not vulnerable.
    Stated,
    /// The ecosystem.
    Ecosystem,
}

/// What came out of matching one inventory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatchResult {
    /// By package, then by id.
    pub findings: Vec<Finding>,
    /// What could not be judged, in the same order.
    pub unexamined: Vec<Unexamined>,
    /// Packages of kinds that no feed exists for anywhere, by kind. A fact to show, not a failure.
    pub without_feed: BTreeMap<PackageKind, u32>,
    /// When the distribution's release ended, if it has by [`MatchOptions::now`].
    pub ended: Option<Timestamp>,
}

/// The name under which this room reports what it could not examine.
pub(crate) const ROOM: &str = "advisories";

impl<'a> Database<'a> {
    /// Finds the vulnerabilities of an inventory's packages.
    pub fn match_inventory(&self, inventory: &Inventory, options: &MatchOptions) -> MatchResult {
        let mut matcher = Matcher {
            database: self,
            inventory,
            options,
            out: MatchResult::default(),
            missing: BTreeMap::new(),
            doubt: None,
            not_vulnerable: BTreeMap::new(),
            owners: owners(inventory, options),
            is_owner: false,
        };
        if let Err(err) = matcher.run() {
            matcher.out.unexamined.push(matcher.damage(&err));
        }
        matcher.finish()
    }
}

struct Matcher<'m, 'a> {
    database: &'m Database<'a>,
    inventory: &'m Inventory,
    options: &'m MatchOptions,
    out: MatchResult,
    /// Streams without data -> number of packages that wanted them.
    missing: BTreeMap<Missing, u32>,
    /// What could not be told about the package at hand.
    doubt: Option<Doubt>,
    /// Packages of the distribution -> ids that its advisories say they do not have. Kept where somebody asks.
    not_vulnerable: BTreeMap<PackageIndex, BTreeSet<String>>,
    /// Packages that own others, where it counts what their advisories say that they do not have.
    owners: BTreeSet<PackageIndex>,
    /// Whether the package at hand is one of them.
    is_owner: bool,
}

/// Advisories that could not be judged for one package.
#[derive(Clone, Debug)]
struct Doubt {
    /// The first of them.
    id: String,
    why: String,
    count: u32,
}

/// Why packages could not be judged, where one sentence covers many of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Missing {
    NoDistro(PackageKind),
    Distro(String),
    Ecosystem(&'static str),
    Products,
    OtherFormat(PackageKind),
    Modules(String),
    NoGroup,
    ThirdParty,
}

impl<'a> Matcher<'_, 'a> {
    fn run(&mut self) -> Result<(), DatabaseError> {
        let distro = os::Governing::of(self.database, self.inventory)?;
        self.out.ended = distro.ended().filter(|end| self.options.now.is_some_and(|now| *end < now));
        let mut ecosystems = language::Ecosystems::new(self.database);
        for (n, package) in self.inventory.packages.iter().enumerate() {
            let mut verdicts = Verdicts::default();
            self.is_owner = self.owners.contains(&PackageIndex(n as u32));
            let verdict = if package.kind.is_os() {
                self.os_package(&distro, package, &mut verdicts)
            } else {
                self.library(&mut ecosystems, package, &mut verdicts)
            };
            let verdict = verdict.and_then(|()| self.products(package, &mut verdicts));
            self.report_doubt(package);
            if let Err(err) = verdict {
                self.report_damage(package, &err);
            }
            self.report(PackageIndex(n as u32), package, verdicts);
        }
        self.suppress_owned(&distro);
        Ok(())
    }

    /// Whether anybody asks for what does not hold.
    fn keeps_cleared(&self) -> bool {
        self.options.cleared || self.is_owner
    }

    /// What holds for a package becomes findings; what does not, where it was asked for.
    fn report(&mut self, place: PackageIndex, package: &Package, mut verdicts: Verdicts<'a>) {
        let mut held: BTreeSet<String> = BTreeSet::new();
        for candidate in candidate::merge(&mut verdicts.held) {
            match candidate.finding(self.database, place, package, self.options) {
                Ok(finding) => {
                    held.extend(
                        [finding.vulnerability.id.clone()].into_iter().chain(finding.vulnerability.aliases.clone()),
                    );
                    self.out.findings.push(finding);
                }
                Err(err) => self.report_damage(package, &err),
            }
        }
        if !self.keeps_cleared() {
            return;
        }
        let mut reported: BTreeSet<&str> = BTreeSet::new();
        for cleared in verdicts.cleared {
            // Another row about the same may hold all the same: the vulnerability is there.
            if held.contains(cleared.id) || !reported.insert(cleared.id) {
                continue;
            }
            if self.is_owner {
                self.not_vulnerable.entry(place).or_default().insert(cleared.id.to_owned());
            }
            if self.options.cleared {
                match cleared.finding(self.database, place, package, self.options) {
                    Ok(finding) => self.out.findings.extend(finding),
                    Err(err) => self.report_damage(package, &err),
                }
            }
        }
    }

    fn report_damage(&mut self, package: &Package, err: &DatabaseError) {
        let damage = Unexamined { location: place(package), ..self.damage(err) };
        self.out.unexamined.push(damage);
    }

    /// A language package whose files a distribution package owns is judged by the distribution, which ports fixes back.
    fn suppress_owned(&mut self, distro: &os::Governing<'a>) {
        if !distro.has_data() || self.options.owned == Owned::Ecosystem {
            return;
        }
        let mut owners: BTreeMap<PackageIndex, PackageIndex> = BTreeMap::new();
        for edge in &self.inventory.relationships {
            if edge.kind == RelationshipKind::OwnedBy {
                owners.entry(edge.from).or_insert(edge.to);
            }
        }
        for finding in &mut self.out.findings {
            let Some(owner) = owners.get(&finding.package).and_then(|owner| self.inventory.packages.get(owner.get()))
            else {
                continue;
            };
            // Malicious code is malicious whoever packs it; and no distribution advisory covers a third party's package.
            if finding.suppressed.is_some()
                || finding.malicious
                || vendors::is_third_party(owner, self.inventory.distro.as_ref())
            {
                continue;
            }
            let package = self.inventory.packages.get(finding.package.get());
            let decides = match self.options.owned {
                Owned::Distribution => true,
                Owned::Auto => distro.lists_open() && !package.is_some_and(|package| replaces(package, owner)),
                Owned::Stated | Owned::Ecosystem => false,
            };
            if !decides {
                let vulnerability = &finding.vulnerability;
                let said = owners.get(&finding.package).and_then(|owner| self.not_vulnerable.get(owner));
                let mut names = std::iter::once(&vulnerability.id).chain(&vulnerability.aliases);
                if !said.is_some_and(|ids| names.any(|id| ids.contains(id))) {
                    continue;
                }
            }
            finding.suppressed = Some(Suppression {
                kind: SuppressionKind::Owned,
                source: format!("{} {}", owner.name, owner.version),
                status: "owned".to_owned(),
                statement: Some(format!(
                    "its files belong to the package `{}`, which the distribution's advisories judge",
                    owner.name
                )),
            });
        }
    }

    fn miss(&mut self, why: Missing) {
        *self.missing.entry(why).or_default() += 1;
    }

    fn unresolved(&mut self, id: &str, why: String) {
        match &mut self.doubt {
            Some(doubt) => doubt.count += 1,
            None => self.doubt = Some(Doubt { id: id.to_owned(), why, count: 1 }),
        }
    }

    /// One row for all advisories that could not be judged for a package.
    fn report_doubt(&mut self, package: &Package) {
        let Some(Doubt { id, why, count }) = self.doubt.take() else { return };
        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        self.out.unexamined.push(Unexamined {
            location: place(package),
            kind: UnexaminedKind::Unresolved,
            by: ROOM,
            why: format!("cannot tell whether {id}{more} affects `{}` {}: {why}", package.name, package.version),
        });
    }

    fn damage(&self, err: &DatabaseError) -> Unexamined {
        Unexamined {
            location: Location::of_path("advisory database"),
            kind: UnexaminedKind::Malformed,
            by: ROOM,
            why: err.to_string(),
        }
    }

    fn finish(mut self) -> MatchResult {
        for (why, count) in std::mem::take(&mut self.missing) {
            let packages = if count == 1 { "1 package was".to_owned() } else { format!("{count} packages were") };
            let (kind, why) = match why {
                Missing::NoDistro(kind) => (
                    UnexaminedKind::Missing,
                    format!("{packages} not judged: {} packages, but no distribution is known", kind.name()),
                ),
                Missing::Distro(name) => (
                    UnexaminedKind::Missing,
                    format!("{packages} not judged: the database has no advisories for {name}"),
                ),
                Missing::Ecosystem(name) => (
                    UnexaminedKind::Missing,
                    format!("{packages} not judged: the database has no advisories for `{name}` packages"),
                ),
                Missing::Products => (
                    UnexaminedKind::Unresolved,
                    format!("{packages} not judged: none of the image's content sets stands in the database"),
                ),
                Missing::OtherFormat(kind) => (
                    UnexaminedKind::Unsupported,
                    format!(
                        "{packages} not judged: this distribution publishes no advisories for {} packages",
                        kind.name()
                    ),
                ),
                Missing::Modules(distro) => (
                    UnexaminedKind::Unsupported,
                    format!("{packages} not judged: the advisories of {distro} do not name module streams"),
                ),
                Missing::NoGroup => (
                    UnexaminedKind::Unresolved,
                    format!("{packages} not judged: Java archives whose group id is not known"),
                ),
                Missing::ThirdParty => (
                    UnexaminedKind::Unsupported,
                    format!(
                        "{packages} not judged: built by a third party, whose packages the distribution's advisories do not cover"
                    ),
                ),
            };
            self.out.unexamined.push(Unexamined { location: Location::of_path("packages"), kind, by: ROOM, why });
        }
        self.out
    }
}

/// Packages of the distribution that own others, if what they do not have decides anything.
fn owners(inventory: &Inventory, options: &MatchOptions) -> BTreeSet<PackageIndex> {
    if !matches!(options.owned, Owned::Auto | Owned::Stated) {
        return BTreeSet::new();
    }
    let owned = inventory.relationships.iter().filter(|edge| edge.kind == RelationshipKind::OwnedBy);
    owned.map(|edge| edge.to).collect()
}

/// Whether a package cannot be what its owner brought: it has the owner's name, and not its version (`npm install -g npm` over the system's).
fn replaces(package: &Package, owner: &Package) -> bool {
    let same = |name: &str| {
        let name = name.to_ascii_lowercase();
        let own = package.name.rsplit(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
        let plain = ["python3-", "python-", "py3-", "rubygem-", "ruby-", "node-", "nodejs-", "perl-"]
            .iter()
            .find_map(|start| name.strip_prefix(start))
            .unwrap_or(&name);
        plain.replace('_', "-") == own.replace('_', "-")
    };
    let brought = owner.version.split_once(':').map_or(owner.version.as_str(), |(_, rest)| rest);
    let found = package.version.trim_start_matches('v');
    // `1.2` is `1.2.0`, and not the beginning of `1.20` or `1.2.1`.
    let short = |text: &str| text.strip_suffix(".0").map(str::to_owned);
    let found = &std::iter::successors(Some(found.to_owned()), |text| short(text)).last().unwrap_or_default();
    let begins = brought.strip_prefix(found.as_str()).is_some_and(|mut rest| {
        while let Some(more) = rest.strip_prefix(".0") {
            rest = more;
        }
        !rest.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit())
    });
    // Distributions write `1.0~rc1` for `1.0rc1`.
    let squeezed = |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect::<String>();
    let early = found.contains(|c: char| c.is_ascii_alphabetic()) && squeezed(brought).starts_with(&squeezed(found));
    let agrees = begins || early;
    same(&owner.name) && !agrees
}

fn place(package: &Package) -> Location {
    package.locations.first().cloned().unwrap_or_else(|| Location::of_path(&package.name))
}

/// How a distribution is called in sentences.
fn distro_name(distro: &Distro) -> String {
    match &distro.version_id {
        Some(version) => format!("`{} {version}`", distro.id),
        None => format!("`{}`", distro.id),
    }
}

/// Rows that hold for a looked-up name become candidates.
pub(crate) fn governing_streams(distro: &Distro) -> Vec<String> {
    streams::of_distro(distro)
}

#[cfg(test)]
mod tests;
