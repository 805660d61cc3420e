//! What a database says of an id or of a package name, whatever the inventory: for people who ask why something was found, or was not.

use signet_model::{DataSource, Status, Timestamp};

use super::format::Section;
use super::reader::{AdvisoryRow, Database, DatabaseError};
use crate::bytes::u32_at;
use crate::names;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// A vulnerability's id or alias, a vendor's id, or a package name.
    pub text: String,
    /// Only streams whose name begins with this; empty: all.
    pub stream: String,
    /// At most so many rows are given.
    pub most: usize,
}

/// One advisory about one package of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Distribution release or ecosystem.
    pub stream: String,
    /// Package name; for products `vendor:product`.
    pub package: String,
    /// The vulnerability.
    pub id: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// Ids under which the vendor published it.
    pub vendor_ids: Vec<String>,
    /// The vulnerable versions in words; with [`Hit::unaffected`], those that are not.
    pub range: String,
    /// The ranges name versions that are not vulnerable.
    pub unaffected: bool,
    /// The vulnerability was withdrawn or rejected.
    pub withdrawn: bool,
    /// Versions that repair it.
    pub fixed: Vec<String>,
    /// When the first of them could be had.
    pub available: Option<Timestamp>,
    /// State of the repair.
    pub status: Status,
    /// RPM module, where only packages of it are meant.
    pub module: Option<String>,
    /// Who published it.
    pub source: DataSource,
}

impl<'a> Database<'a> {
    /// Everything that a query names, by stream, package and id. One pass over the groups; an id also takes one over the advisories.
    pub fn look_up(&self, query: &Query) -> Result<Vec<Hit>, DatabaseError> {
        let wanted = query.text.trim();
        let mut ids = Vec::new();
        for n in 0..self.rows(Section::Vulnerabilities) {
            let row = self.vulnerability_row(n)?;
            let mut named = row.id()?.eq_ignore_ascii_case(wanted);
            for alias in row.aliases()? {
                named |= alias?.eq_ignore_ascii_case(wanted);
            }
            if named {
                ids.push(n);
            }
        }
        let mut hits = Vec::new();
        for group in 0..self.rows(Section::Groups) {
            let row = self.row(Section::Groups, group)?;
            let field = |at| u32_at(row, at).unwrap_or(0);
            let stream = self.stream_row(field(0))?;
            if !stream.name.starts_with(&query.stream) {
                continue;
            }
            let package = self.text(field(4))?;
            // `nodejs:12::npm`, `vendor:product`: the last part is a name too.
            let plain = package.rsplit(':').next().unwrap_or(package);
            let by_name = package == wanted || plain == wanted || package == names::normal(stream.name, wanted);
            for n in field(8)..field(8).saturating_add(field(12)) {
                let advisory = self.advisory_row(n)?;
                let by_id = ids.binary_search(&advisory.vulnerability_number()).is_ok();
                if !by_name && !by_id && !advisory.vendor_ids_hold(wanted)? {
                    continue;
                }
                if hits.len() >= query.most {
                    return Ok(hits);
                }
                hits.push(hit(stream.name, package, advisory)?);
            }
        }
        Ok(hits)
    }
}

fn hit(stream: &str, package: &str, row: AdvisoryRow<'_>) -> Result<Hit, DatabaseError> {
    let vulnerability = row.vulnerability()?;
    let aliases: Result<Vec<String>, DatabaseError> =
        vulnerability.aliases()?.map(|alias| alias.map(str::to_owned)).collect();
    Ok(Hit {
        stream: stream.to_owned(),
        package: package.to_owned(),
        id: vulnerability.id()?.to_owned(),
        aliases: aliases?,
        vendor_ids: row.vendor_ids()?,
        range: row.ranges()?.words().unwrap_or_default(),
        unaffected: row.unaffected(),
        withdrawn: vulnerability.withdrawn(),
        fixed: row.fixed()?.into_iter().map(str::to_owned).collect(),
        available: row.available(),
        status: row.status(),
        module: row.qualifiers()?.module().map(str::to_owned),
        source: row.source()?,
    })
}
