//! Packages of language registries.

use signet_model::{Directness, Package, PackageKind};

use super::{Candidate, Matcher, Missing, Verdicts, qualified};
use crate::database::{Database, DatabaseError};
use crate::names;
use crate::order::{Order, Probe};
use crate::ranges::Unanswered;
use crate::streams;

/// The ecosystems' places in the database, looked up once per inventory.
pub(super) struct Ecosystems<'m, 'a> {
    database: &'m Database<'a>,
    known: Vec<(&'static str, Option<(u32, Order)>)>,
}

impl<'m, 'a> Ecosystems<'m, 'a> {
    pub(super) fn new(database: &'m Database<'a>) -> Ecosystems<'m, 'a> {
        Ecosystems { database, known: Vec::new() }
    }

    fn place(&mut self, stream: &'static str) -> Result<Option<(u32, Order)>, DatabaseError> {
        if let Some((_, place)) = self.known.iter().find(|(name, _)| *name == stream) {
            return Ok(*place);
        }
        let place = self.database.stream(stream)?.map(|row| (row.number, row.order));
        self.known.push((stream, place));
        Ok(place)
    }
}

impl<'a> Matcher<'_, 'a> {
    pub(super) fn library(
        &mut self,
        ecosystems: &mut Ecosystems<'_, 'a>,
        package: &Package,
        out: &mut Verdicts<'a>,
    ) -> Result<(), DatabaseError> {
        let by_purl = || package.stated_purl.as_ref().and_then(|purl| streams::of_purl_type(purl.ty()));
        let Some(stream) = streams::of_kind(package.kind).or_else(by_purl) else {
            if !package.cpes.is_empty() && self.database.stream(streams::PRODUCTS)?.is_some() {
                return Ok(());
            }
            *self.out.without_feed.entry(package.kind).or_default() += 1;
            return Ok(());
        };
        let Some((number, order)) = ecosystems.place(stream)? else {
            self.miss(Missing::Ecosystem(stream));
            return Ok(());
        };
        if package.kind == PackageKind::Java && !package.name.contains(':') {
            self.miss(Missing::NoGroup);
            return Ok(());
        }
        let name = names::normal(stream, &package.name);
        let mut probe = Probe::new(order, &package.version);
        let main = self.main_module_without_version(package);
        for row in self.database.advisories(number, &name)? {
            let row = row?;
            if let Some(why) = main {
                self.unresolved(row.vulnerability()?.id()?, why.to_owned());
                continue;
            }
            match row.ranges()?.contains(&mut probe) {
                Ok(false) => {}
                Ok(true) if row.unaffected() => out.unaffected(row)?,
                Ok(true) => {
                    let mut candidate = Candidate::new(row, order, stream, &name, &package.version, package)?;
                    if let Some(candidate) = &mut candidate {
                        candidate.linked = qualified::linked(row, package)?;
                        // Whoever looks at the finding must know that a name was not read in the archive.
                        if package.extra.contains_key("java.index") {
                            candidate.notes.push("the archive was named by its SHA-1 through an index".to_owned());
                        }
                    }
                    out.held.extend(candidate);
                }
                Err(Unanswered::Unordered(why)) => {
                    let vulnerability = row.vulnerability()?;
                    if !vulnerability.withdrawn() {
                        self.unresolved(vulnerability.id()?, why.why);
                    }
                }
                Err(Unanswered::Damaged) => return Err(DatabaseError::Damaged { section: "pool", at: 0 }),
            }
        }
        out.drop_unaffected();
        Ok(())
    }

    /// Why the version of a Go program's own module says nothing. `None`: it does, or the package is another.
    ///
    /// The compiler writes `(devel)`, or a pseudo-version that no advisory was written against (golang/go#50603; grype `golang/matcher.go`).
    fn main_module_without_version(&self, package: &Package) -> Option<&'static str> {
        let main = package.extra.get("go.main").is_some_and(|main| *main == package.name);
        if package.kind != PackageKind::Go || !(main || package.directness == Directness::Root) {
            return None;
        }
        if package.version.starts_with("(devel)") {
            return Some("the program does not state the version of its own module");
        }
        let pseudo = package.version.trim_start_matches('v').starts_with("0.0.0-");
        (pseudo && !self.options.main_pseudo_versions)
            .then_some("the version of the program's own module is one of a commit, which advisories do not speak of")
    }
}
