//! Packages of language registries.

use signet_model::{Package, PackageKind};

use super::{Candidate, Matcher, Missing};
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
        out: &mut Vec<Candidate<'a>>,
    ) -> Result<(), DatabaseError> {
        let by_purl = || package.stated_purl.as_ref().and_then(|purl| streams::of_purl_type(purl.ty()));
        let Some(stream) = streams::of_kind(package.kind).or_else(by_purl) else {
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
        for row in self.database.advisories(number, &name)? {
            let row = row?;
            match row.ranges()?.contains(&mut probe) {
                Ok(false) => {}
                Ok(true) => out.extend(Candidate::new(row, order, stream, &name, &package.version, package)?),
                Err(Unanswered::Unordered(why)) => {
                    let vulnerability = row.vulnerability()?;
                    if !vulnerability.withdrawn() {
                        self.unresolved(vulnerability.id()?, why.why);
                    }
                }
                Err(Unanswered::Damaged) => return Err(DatabaseError::Damaged { section: "pool", at: 0 }),
            }
        }
        Ok(())
    }
}
