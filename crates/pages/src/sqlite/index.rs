//! Look-ups in an index.

use std::cmp::Ordering;

use super::record::{values, varint};
use super::{INDEX_INTERIOR, INDEX_LEAF, MAX_DEPTH, Page, Sqlite, SqliteError, Value};

/// An index whose first column rises.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    pub(super) database: Sqlite<'a>,
    pub(super) root: u64,
}

impl Index<'_> {
    /// The id of the row that the first entry with this blob in its first column names.
    ///
    /// Errors: damage on the way, and a key on the way that continues on overflow pages: what we look up are hashes.
    /// Source: section 1.6, "Index B-Tree"; section 2.5, "Representation Of SQL Indices".
    pub fn find(&self, key: &[u8]) -> Result<Option<i64>, SqliteError> {
        let (mut number, mut found) = (self.root, None);
        for _ in 0..MAX_DEPTH {
            let page = self.database.page(number)?;
            let skip = match page.kind {
                INDEX_INTERIOR => 4,
                INDEX_LEAF => 0,
                _ => return Err(page.damaged("it is of a type that no index has")),
            };
            let place = page.search(|place| Ok(entry(&page, place, skip, key)?.0))?;
            if place < page.cells
                && let (Ordering::Equal, row) = entry(&page, place, skip, key)?
            {
                // Entries of a page on the way count too; an earlier one may stand below.
                found = Some(row);
            }
            if skip == 0 {
                return Ok(found);
            }
            number = page.child(place)?;
        }
        Err(SqliteError::Damaged { page: number, why: "its tree is too deep" })
    }
}

/// How an entry's first column stands to a blob, and the row that it names.
fn entry(page: &Page<'_>, place: usize, skip: usize, key: &[u8]) -> Result<(Ordering, i64), SqliteError> {
    let cut = || page.damaged("an entry is cut");
    let cell = page.cell(place)?.get(skip..).ok_or_else(cut)?;
    let (length, used) = varint(cell).ok_or_else(cut)?;
    let most = (page.database.usable - 12) * 64 / 255 - 23;
    let length = usize::try_from(length).ok().filter(|length| *length <= most);
    let length = length.ok_or_else(|| page.damaged("a key continues on other pages, which none of a hash does"))?;
    let record = cell.get(used..).and_then(|rest| rest.get(..length)).ok_or_else(cut)?;
    let values = values(record, None).ok_or_else(cut)?;
    match values.as_slice() {
        [Value::Blob(first), .., Value::Integer(row)] => Ok(((*first).cmp(key), *row)),
        // Section 2.1, "Record Sort Order": nothing, numbers and text stand before blobs.
        [_, .., Value::Integer(row)] => Ok((Ordering::Less, *row)),
        _ => Err(cut()),
    }
}
