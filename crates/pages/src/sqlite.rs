//! SQLite files, read in place: rows of a table in the order of its tree, single rows by their row id, and row ids by what an index holds.
//!
//! Tables with row ids only (the data lie in those of every database that we read; asking for a `WITHOUT ROWID` table is an error). The bytes may
//! be a memory map of any size: nothing is copied but values that continue on overflow pages. Write-ahead logs are not read: published databases
//! carry none.
//! Errors: every page number, offset and length is checked. A scan reads no page twice, and the cells of a page have together no more bytes than
//! the page: circles end, and a scan takes no longer than one pass over the file, whatever the file says. Look-ups have a budget of bytes.
//! Source: sqlite.org, `fileformat2.html`, sections 1.3 to 1.6 and 2.1 to 2.6.

mod index;
mod record;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

pub use index::Index;
pub use record::{Row, Value};
pub use rows::Rows;

use record::{be, varint};

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqliteError {
    /// Another kind of file.
    #[error("this is no SQLite database of UTF-8 text")]
    Foreign,
    /// A page, cell or record is damaged.
    #[error("page {page} of the SQLite database is damaged: {why}")]
    Damaged {
        /// Its number, from 1.
        page: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A table, or a column of it, is not there.
    #[error("the SQLite database has no {0}")]
    Missing(String),
}

/// How every file begins.
pub const MAGIC: &[u8] = b"SQLite format 3\0";
/// Pages of a table: children and the greatest row id below each; rows.
const INTERIOR: u8 = 0x05;
const LEAF: u8 = 0x0d;
/// Pages of an index: children and the entries between them; entries.
const INDEX_INTERIOR: u8 = 0x02;
const INDEX_LEAF: u8 = 0x0a;
/// A B-tree of 2^32 pages is not deeper.
const MAX_DEPTH: usize = 32;
/// Longest single row, in bytes: SQLite's own limit is 1 GB. The longest advisory known has 2 MB, the longest package header of rpm some 20 MB.
const MAX_PAYLOAD: usize = 64 << 20;
/// How often the rows that are looked up by id may together be as long as the file: more than any reader of ours needs.
const LOOKUP_FACTOR: u64 = 64;
/// Bytes that may be looked up in a file of any size: many questions to a small file are no attack.
const LOOKUP_FLOOR: u64 = 1 << 30;

/// A database over bytes.
#[derive(Clone, Copy, Debug)]
pub struct Sqlite<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// Bytes of a page that hold content.
    usable: usize,
}

/// A table of it.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    database: Sqlite<'a>,
    root: u64,
    name: String,
    columns: Vec<String>,
    /// The column that is the row id itself.
    id: Option<usize>,
    /// Bytes that look-ups may still give.
    budget: Cell<u64>,
}

// === impl Sqlite ===

impl<'a> Sqlite<'a> {
    /// Reads the header of a file.
    pub fn open(bytes: &'a [u8]) -> Result<Sqlite<'a>, SqliteError> {
        if !bytes.starts_with(MAGIC) {
            return Err(SqliteError::Foreign);
        }
        let page_size = match be(bytes, 16, 2) {
            Some(1) => 65536,
            Some(size) => size as usize,
            None => return Err(SqliteError::Foreign),
        };
        let reserved = bytes.get(20).copied().map_or(0, usize::from);
        let usable = page_size.checked_sub(reserved).filter(|usable| *usable >= 480).ok_or(SqliteError::Foreign)?;
        // 1: UTF-8. 0 stands in a database without any table.
        let utf8 = matches!(be(bytes, 56, 4), Some(0 | 1));
        if !page_size.is_power_of_two() || page_size < 512 || !utf8 {
            return Err(SqliteError::Foreign);
        }
        Ok(Sqlite { bytes, page_size, usable })
    }

    /// Whole pages of the file.
    fn pages(&self) -> usize {
        self.bytes.len() / self.page_size
    }

    /// The bytes of a page.
    fn bytes_of(&self, number: u64) -> Result<&'a [u8], SqliteError> {
        let damaged = |why| SqliteError::Damaged { page: number, why };
        let place = number.checked_sub(1).ok_or_else(|| damaged("no page has the number 0"))?;
        let start = usize::try_from(place).ok().and_then(|place| place.checked_mul(self.page_size));
        let end = start.and_then(|start| start.checked_add(self.page_size));
        let bytes = start.zip(end).and_then(|(start, end)| self.bytes.get(start..end));
        bytes.ok_or_else(|| damaged("it lies behind the end of the file"))
    }

    /// A page of a tree. Source: section 1.6.
    fn page(&self, number: u64) -> Result<Page<'a>, SqliteError> {
        let bytes = self.bytes_of(number)?;
        // The first page begins with the file's header.
        let header = if number == 1 { 100 } else { 0 };
        let cells = be(bytes, header + 3, 2).unwrap_or(0) as usize;
        if cells > bytes.len() / 2 {
            return Err(SqliteError::Damaged { page: number, why: "it claims more cells than fit" });
        }
        let kind = bytes.get(header).copied().unwrap_or(0);
        Ok(Page { database: *self, number, bytes, header, kind, cells })
    }
}

// === impl Table ===

impl<'a> Table<'a> {
    /// The tree of this root; its columns are known by place only.
    fn of(database: Sqlite<'a>, root: u64, name: &str) -> Table<'a> {
        let size = database.bytes.len() as u64;
        let budget = Cell::new(size.saturating_mul(LOOKUP_FACTOR).saturating_add(LOOKUP_FLOOR));
        Table { database, root, name: name.to_owned(), columns: Vec::new(), id: None, budget }
    }

    /// All rows, by id.
    pub fn rows(&self) -> Rows<'a> {
        Rows::of(self.database, self.root, self.id)
    }

    /// The row with this id.
    pub fn get(&self, id: i64) -> Result<Option<Row<'a>>, SqliteError> {
        let mut number = self.root;
        for _ in 0..MAX_DEPTH {
            let page = self.database.page(number)?;
            match page.kind {
                INTERIOR => {
                    let place = page.search(|place| Ok(page.greatest(place)?.cmp(&id)))?;
                    number = page.child(place)?;
                }
                LEAF => {
                    let place = page.search(|place| Ok(page.leaf_cell(place)?.id.cmp(&id)))?;
                    if place >= page.cells {
                        return Ok(None);
                    }
                    let cell = page.leaf_cell(place)?;
                    if cell.id != id {
                        return Ok(None);
                    }
                    let left = self.budget.get().checked_sub(cell.length as u64);
                    let why = "its rows are asked for too often: many rows of another table name the same long one";
                    self.budget.set(left.ok_or(SqliteError::Damaged { page: number, why })?);
                    let record = page.record(&cell, |_| Ok(()))?;
                    return Ok(Some(Row::of(id, record, self.id, number)));
                }
                _ => return Err(page.damaged("it is of a type that no table has")),
            }
        }
        Err(SqliteError::Damaged { page: number, why: "its tree is too deep" })
    }

    /// Place of a column.
    pub fn column(&self, name: &str) -> Result<usize, SqliteError> {
        self.find_column(name).ok_or_else(|| SqliteError::Missing(format!("column `{name}` in `{}`", self.name)))
    }

    /// Place of a column, if there is one: later schemas have more.
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }
}

/// A page of a tree.
#[derive(Clone, Copy, Debug)]
struct Page<'a> {
    database: Sqlite<'a>,
    number: u64,
    bytes: &'a [u8],
    /// Where its header begins.
    header: usize,
    kind: u8,
    /// Number of its cells.
    cells: usize,
}

/// A cell of a table's leaf.
#[derive(Clone, Copy, Debug)]
struct LeafCell<'a> {
    id: i64,
    /// Bytes of the whole record.
    length: usize,
    /// The part of the record that stands in the cell.
    local: &'a [u8],
    /// The page on which it goes on.
    overflow: Option<u64>,
}

impl<'a> Page<'a> {
    fn damaged(&self, why: &'static str) -> SqliteError {
        SqliteError::Damaged { page: self.number, why }
    }

    /// The bytes of a cell, and what follows it.
    fn cell(&self, place: usize) -> Result<&'a [u8], SqliteError> {
        let header = self.header + if matches!(self.kind, INTERIOR | INDEX_INTERIOR) { 12 } else { 8 };
        let at = be(self.bytes, header + place * 2, 2).ok_or_else(|| self.damaged("its list of cells is cut"))?;
        let cell = self.bytes.get(at as usize..self.database.usable);
        cell.ok_or_else(|| self.damaged("a cell lies outside of it"))
    }

    /// A child's number; the last has no cell.
    fn child(&self, place: usize) -> Result<u64, SqliteError> {
        let number = if place == self.cells { be(self.bytes, self.header + 8, 4) } else { be(self.cell(place)?, 0, 4) };
        number.ok_or_else(|| self.damaged("a child is cut"))
    }

    /// The greatest row id below a child of a table's page.
    fn greatest(&self, place: usize) -> Result<i64, SqliteError> {
        let id = self.cell(place)?.get(4..).and_then(varint);
        id.map(|(id, _)| id as i64).ok_or_else(|| self.damaged("a child is cut"))
    }

    /// A row's cell. Source: section 1.6, "Table B-Tree Leaf Cell" and "Cell Payload Overflow Pages".
    fn leaf_cell(&self, place: usize) -> Result<LeafCell<'a>, SqliteError> {
        let cell = self.cell(place)?;
        let cut = || self.damaged("a cell is cut");
        let (length, used) = varint(cell).ok_or_else(cut)?;
        let longest = MAX_PAYLOAD.min(self.database.bytes.len());
        let length = usize::try_from(length).ok().filter(|length| *length <= longest);
        let length = length.ok_or_else(|| self.damaged("a row claims more bytes than it may have"))?;
        let rest = cell.get(used..).unwrap_or_default();
        let (id, used) = varint(rest).ok_or_else(cut)?;
        let rest = rest.get(used..).unwrap_or_default();
        // `open` makes sure of 480 bytes.
        let usable = self.database.usable;
        let most = usable - 35;
        let local = if length <= most {
            length
        } else {
            let least = (usable - 12) * 32 / 255 - 23;
            let fit = least + (length - least) % (usable - 4);
            if fit <= most { fit } else { least }
        };
        let overflow = match local == length {
            true => None,
            false => Some(be(rest, local, 4).ok_or_else(cut)?),
        };
        let local = rest.get(..local).ok_or_else(cut)?;
        Ok(LeafCell { id: id as i64, length, local, overflow })
    }

    /// A cell's record: the part in the cell, then its overflow pages, each of which `visit` may refuse. Source: section 1.6.
    fn record(
        &self,
        cell: &LeafCell<'a>,
        mut visit: impl FnMut(u64) -> Result<(), SqliteError>,
    ) -> Result<Cow<'a, [u8]>, SqliteError> {
        let Some(mut next) = cell.overflow else { return Ok(Cow::Borrowed(cell.local)) };
        let mut record = cell.local.to_vec();
        // Each overflow page brings bytes, so their number is bounded by the length.
        while record.len() < cell.length {
            visit(next)?;
            let overflow = self.database.bytes_of(next)?;
            let content = overflow.get(4..self.database.usable).unwrap_or_default();
            let take = content.len().min(cell.length - record.len());
            record.extend_from_slice(content.get(..take).unwrap_or_default());
            next = be(overflow, 0, 4).unwrap_or(0);
        }
        Ok(Cow::Owned(record))
    }

    /// The first place whose key is not less than what is looked for, by halving; the number of cells when all are less.
    fn search(&self, order: impl Fn(usize) -> Result<Ordering, SqliteError>) -> Result<usize, SqliteError> {
        let (mut low, mut high) = (0, self.cells);
        while low < high {
            let middle = low + (high - low) / 2;
            if order(middle)? == Ordering::Less { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }
}
