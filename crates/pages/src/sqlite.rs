//! SQLite files, read in place: rows of a table in the order of its tree, and single rows by their row id.
//!
//! Tables with row ids only (the data lie in those of every database that we read; `WITHOUT ROWID` tables and indexes are not needed, and
//! asking for one is an error). The bytes may be a memory map of any size: nothing is copied but values that continue on overflow pages.
//! Write-ahead logs are not read: published databases carry none.
//! Errors: every page number, offset and length is checked; a scan visits no more pages than the file has, so circles end.
//! Source: sqlite.org, `fileformat2.html`, sections 1.3 to 1.6 and 2.1 to 2.6.

use std::borrow::Cow;

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

const MAGIC: &[u8] = b"SQLite format 3\0";
const INTERIOR: u8 = 0x05;
const LEAF: u8 = 0x0d;
/// A B-tree of 2^32 pages is not deeper.
const MAX_DEPTH: usize = 32;
/// Longest single row, in bytes: SQLite's own limit is 1 GB, and the longest advisory known has 2 MB.
const MAX_PAYLOAD: u64 = 64 << 20;

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
}

/// One row: its id and its record.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    id: i64,
    record: Cow<'a, [u8]>,
    /// Place of the column whose value is the row id.
    alias: Option<usize>,
    page: u64,
}

/// A column's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'r> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text.
    Text(&'r str),
    /// Bytes.
    Blob(&'r [u8]),
}

impl<'a> Sqlite<'a> {
    /// Reads the header of a file.
    pub fn open(bytes: &'a [u8]) -> Result<Sqlite<'a>, SqliteError> {
        if !bytes.starts_with(MAGIC) {
            return Err(SqliteError::Foreign);
        }
        let word = |at: usize| be(bytes, at, 2).map(|word| word as usize);
        let page_size = match word(16) {
            Some(1) => 65536,
            Some(size) => size,
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

    /// The table of this name.
    pub fn table(&self, name: &str) -> Result<Table<'a>, SqliteError> {
        self.find_table(name)?.ok_or_else(|| SqliteError::Missing(format!("table `{name}`")))
    }

    /// The table of this name, if there is one.
    pub fn find_table(&self, name: &str) -> Result<Option<Table<'a>>, SqliteError> {
        // The schema is itself a table: type, name, tbl_name, rootpage, sql.
        let schema = Table { database: *self, root: 1, name: "schema".to_owned(), columns: Vec::new(), id: None };
        for row in schema.rows() {
            let row = row?;
            let values = row.values()?;
            if let [Value::Text("table"), Value::Text(found), _, Value::Integer(root), Value::Text(sql), ..] =
                values.as_slice()
                && found.eq_ignore_ascii_case(name)
            {
                let without = sql.to_ascii_uppercase().contains("WITHOUT ROWID");
                let root = u64::try_from(*root).ok().filter(|_| !without);
                let root = root.ok_or_else(|| SqliteError::Missing(format!("table `{name}` with row ids")))?;
                let (columns, id) = columns(sql);
                return Ok(Some(Table { database: *self, root, name: name.to_owned(), columns, id }));
            }
        }
        Ok(None)
    }

    fn page(&self, number: u64) -> Result<Page<'a>, SqliteError> {
        let damaged = SqliteError::Damaged { page: number, why: "it lies outside of the file" };
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let start = place.and_then(|place| place.checked_mul(self.page_size)).ok_or(damaged.clone())?;
        let end = start.checked_add(self.page_size).ok_or(damaged.clone())?;
        let bytes = self.bytes.get(start..end).ok_or(damaged)?;
        // The first page begins with the file's header.
        let header = if number == 1 { 100 } else { 0 };
        Ok(Page { number, bytes, header })
    }

    fn pages(&self) -> u64 {
        (self.bytes.len() / self.page_size) as u64
    }

    /// A row id and its record, from a cell of a leaf.
    fn cell(&self, page: &Page<'a>, at: usize) -> Result<(i64, Cow<'a, [u8]>), SqliteError> {
        let damaged = |why| SqliteError::Damaged { page: page.number, why };
        let cell = page.bytes.get(at..self.usable).ok_or_else(|| damaged("a cell lies outside of it"))?;
        let (length, used) = varint(cell).ok_or_else(|| damaged("a cell is cut"))?;
        if length > MAX_PAYLOAD.min(self.bytes.len() as u64) {
            return Err(damaged("a row claims more bytes than it may have"));
        }
        let length = length as usize;
        let rest = cell.get(used..).unwrap_or_default();
        let (id, used) = varint(rest).ok_or_else(|| damaged("a cell is cut"))?;
        let rest = rest.get(used..).unwrap_or_default();
        let most = self.usable - 35;
        let local = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let fit = least + (length - least) % (self.usable - 4);
            if fit <= most { fit } else { least }
        };
        let head = rest.get(..local).ok_or_else(|| damaged("a cell is cut"))?;
        if local == length {
            return Ok((id as i64, Cow::Borrowed(head)));
        }
        let mut record = head.to_vec();
        let mut next = be(rest, local, 4).ok_or_else(|| damaged("a cell is cut"))?;
        // Each overflow page brings bytes, so their number is bounded by the length.
        while record.len() < length {
            let overflow = self.page(next)?;
            let content = overflow.bytes.get(4..self.usable).unwrap_or_default();
            let take = content.len().min(length - record.len());
            record.extend_from_slice(content.get(..take).unwrap_or_default());
            next = be(overflow.bytes, 0, 4).unwrap_or(0);
        }
        Ok((id as i64, Cow::Owned(record)))
    }
}

/// A page and where its B-tree header begins.
#[derive(Clone, Copy, Debug)]
struct Page<'a> {
    number: u64,
    bytes: &'a [u8],
    header: usize,
}

impl Page<'_> {
    fn kind(&self) -> u8 {
        self.bytes.get(self.header).copied().unwrap_or(0)
    }

    fn cells(&self) -> Result<usize, SqliteError> {
        let cells = be(self.bytes, self.header + 3, 2).unwrap_or(0) as usize;
        if cells > self.bytes.len() / 2 {
            return Err(SqliteError::Damaged { page: self.number, why: "it claims more cells than fit" });
        }
        Ok(cells)
    }

    /// Offset of a cell.
    fn cell(&self, n: usize) -> Result<usize, SqliteError> {
        let header = self.header + if self.kind() == INTERIOR { 12 } else { 8 };
        be(self.bytes, header + n * 2, 2)
            .map(|at| at as usize)
            .ok_or(SqliteError::Damaged { page: self.number, why: "its list of cells is cut" })
    }

    /// Child page and the greatest row id below it.
    fn child(&self, n: usize, cells: usize) -> Result<(u64, i64), SqliteError> {
        let damaged = SqliteError::Damaged { page: self.number, why: "a child is cut" };
        if n == cells {
            return Ok((be(self.bytes, self.header + 8, 4).ok_or(damaged)?, i64::MAX));
        }
        let at = self.cell(n)?;
        let child = be(self.bytes, at, 4).ok_or(damaged.clone())?;
        let (id, _) = self.bytes.get(at + 4..).and_then(varint).ok_or(damaged)?;
        Ok((child, id as i64))
    }
}

impl<'a> Table<'a> {
    /// All rows, by id.
    pub fn rows(&self) -> Rows<'a> {
        Rows { database: self.database, alias: self.id, open: vec![(self.root, 0)], left: self.database.pages() + 1 }
    }

    /// The row with this id.
    pub fn get(&self, id: i64) -> Result<Option<Row<'a>>, SqliteError> {
        let mut number = self.root;
        for _ in 0..MAX_DEPTH {
            let page = self.database.page(number)?;
            let cells = page.cells()?;
            match page.kind() {
                INTERIOR => {
                    let (mut low, mut high) = (0, cells);
                    while low < high {
                        let middle = low + (high - low) / 2;
                        if page.child(middle, cells)?.1 < id { low = middle + 1 } else { high = middle }
                    }
                    number = page.child(low, cells)?.0;
                }
                LEAF => {
                    let (mut low, mut high) = (0, cells);
                    while low < high {
                        let middle = low + (high - low) / 2;
                        let at = page.cell(middle)?;
                        let cell = page.bytes.get(at..).unwrap_or_default();
                        let key = varint(cell).and_then(|(_, used)| varint(cell.get(used..)?)).map(|(id, _)| id as i64);
                        let key = key.ok_or(SqliteError::Damaged { page: number, why: "a cell is cut" })?;
                        match key.cmp(&id) {
                            std::cmp::Ordering::Less => low = middle + 1,
                            std::cmp::Ordering::Greater => high = middle,
                            std::cmp::Ordering::Equal => {
                                let (id, record) = self.database.cell(&page, at)?;
                                return Ok(Some(Row { id, record, alias: self.id, page: number }));
                            }
                        }
                    }
                    return Ok(None);
                }
                _ => return Err(SqliteError::Damaged { page: number, why: "it is no page of a table" }),
            }
        }
        Err(SqliteError::Damaged { page: number, why: "the tree is too deep" })
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

/// An iterator over the rows of a table. After an error it ends.
#[derive(Debug)]
pub struct Rows<'a> {
    database: Sqlite<'a>,
    alias: Option<usize>,
    /// Page and next cell, root first.
    open: Vec<(u64, usize)>,
    /// Pages that may still be opened.
    left: u64,
}

impl<'a> Rows<'a> {
    fn step(&mut self) -> Result<Option<Row<'a>>, SqliteError> {
        while let Some((number, cell)) = self.open.last_mut() {
            let (number, n) = (*number, *cell);
            *cell += 1;
            let page = self.database.page(number)?;
            let cells = page.cells()?;
            match page.kind() {
                LEAF if n < cells => {
                    let (id, record) = self.database.cell(&page, page.cell(n)?)?;
                    return Ok(Some(Row { id, record, alias: self.alias, page: number }));
                }
                INTERIOR if n <= cells => {
                    let (child, _) = page.child(n, cells)?;
                    self.left = self
                        .left
                        .checked_sub(1)
                        .filter(|_| self.open.len() < MAX_DEPTH)
                        .ok_or(SqliteError::Damaged { page: number, why: "its tree goes in circles" })?;
                    self.open.push((child, 0));
                }
                LEAF | INTERIOR => {
                    self.open.pop();
                }
                _ => return Err(SqliteError::Damaged { page: number, why: "it is no page of a table" }),
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>, SqliteError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.open.clear();
        }
        step.transpose()
    }
}

impl Row<'_> {
    /// The row id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// All values. Source: section 2.1, "Record format".
    pub fn values(&self) -> Result<Vec<Value<'_>>, SqliteError> {
        self.read().ok_or(SqliteError::Damaged { page: self.page, why: "a record is cut, or its text is no UTF-8" })
    }

    fn read(&self) -> Option<Vec<Value<'_>>> {
        let record: &[u8] = &self.record;
        let (size, used) = varint(record)?;
        let size = usize::try_from(size).ok()?;
        let mut types = record.get(used..size)?;
        let mut body = record.get(size..)?;
        let mut values = Vec::with_capacity(types.len());
        while !types.is_empty() {
            let (kind, used) = varint(types)?;
            types = types.get(used..)?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return None,
                _ => (kind - 12) / 2,
            };
            let (content, rest) = body.split_at_checked(usize::try_from(length).ok()?)?;
            body = rest;
            values.push(match kind {
                0 if self.alias == Some(values.len()) => Value::Integer(self.id),
                0 => Value::Null,
                1..=6 => Value::Integer(integer(content)),
                7 => Value::Real(f64::from_bits(be(content, 0, 8)?)),
                8 => Value::Integer(0),
                9 => Value::Integer(1),
                _ if kind % 2 == 0 => Value::Blob(content),
                _ => Value::Text(std::str::from_utf8(content).ok()?),
            });
        }
        Some(values)
    }
}

impl<'r> Value<'r> {
    /// The text, if it is one.
    pub fn text(self) -> Option<&'r str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is whole.
    pub fn integer(self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// The number.
    pub fn real(self) -> Option<f64> {
        match self {
            Value::Real(number) => Some(number),
            Value::Integer(number) => Some(number as f64),
            _ => None,
        }
    }
}

/// Names of the columns in a `CREATE TABLE`, and which of them is the row id.
fn columns(sql: &str) -> (Vec<String>, Option<usize>) {
    let inside = sql.split_once('(').map_or("", |(_, inside)| inside);
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0usize, None);
    for sign in inside.chars() {
        match (quote, sign) {
            (Some(end), _) if sign == end => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '\'') => quote = Some(sign),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => break,
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(sign);
        }
    }
    let (mut names, mut id) = (Vec::new(), None);
    for part in &parts {
        let part = part.trim();
        let (name, rest) = match part.chars().next() {
            Some(open @ ('"' | '`' | '[')) => {
                let close = if open == '[' { ']' } else { open };
                part.get(1..).and_then(|inner| inner.split_once(close)).unwrap_or((part, ""))
            }
            _ => part.split_once(char::is_whitespace).unwrap_or((part, "")),
        };
        let upper = name.to_ascii_uppercase();
        let quoted = part.starts_with(['"', '`', '[']);
        if !quoted && matches!(upper.as_str(), "CONSTRAINT" | "PRIMARY" | "UNIQUE" | "CHECK" | "FOREIGN" | "") {
            continue;
        }
        let rest = rest.trim().to_ascii_uppercase();
        if rest.starts_with("INTEGER PRIMARY KEY") || (rest.starts_with("INTEGER") && primary(sql) == Some(name)) {
            id = Some(names.len());
        }
        names.push(name.to_owned());
    }
    (names, id)
}

/// The single column of a `PRIMARY KEY (...)` that stands apart.
fn primary(sql: &str) -> Option<&str> {
    let at = sql.to_ascii_uppercase().find("PRIMARY KEY (")?;
    let inside = sql.get(at + "PRIMARY KEY (".len()..)?.split(')').next()?;
    (!inside.contains(',')).then(|| inside.trim_matches(|sign: char| sign.is_whitespace() || "\"`[]".contains(sign)))
}

/// A big-endian number of up to eight bytes.
fn be(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(count)?)?;
    Some(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A big-endian integer in two's complement, of one to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes.iter().fold(if negative { -1 } else { 0 }, |value, byte| value << 8 | i64::from(*byte))
}

/// An integer of one to nine bytes, seven bits each, the ninth with eight; and its length.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        if place == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &[u8] = include_bytes!("testdata/tables.sqlite");

    #[test]
    fn rows_come_in_order_and_by_id() {
        let database = Sqlite::open(FILE).unwrap();
        let table = database.table("Words").unwrap();
        let (id, word, number) =
            (table.column("id").unwrap(), table.column("word").unwrap(), table.column("number").unwrap());
        assert_eq!((id, table.find_column("nothing")), (0, None));
        let mut count = 0;
        for (row, n) in table.rows().zip(1i64..) {
            let row = row.unwrap();
            let values = row.values().unwrap();
            assert_eq!((values[id].integer(), values[word].text()), (Some(n), Some(format!("word {n}").as_str())));
            assert_eq!(values[number].real(), Some(n as f64 / 2.0));
            let text = values[table.column("text").unwrap()].text().unwrap();
            let n = n as usize;
            assert_eq!(text.len(), if n.is_multiple_of(50) { (n * 37) % 5000 } else { n % 20 }, "row {n}");
            let n = n as i64;
            count = n;
        }
        assert_eq!(count, 700);
        for n in [1, 2, 350, 699, 700] {
            let row = table.get(n).unwrap().unwrap();
            assert_eq!((row.id(), row.values().unwrap()[word].text()), (n, Some(format!("word {n}").as_str())));
        }
        assert!(table.get(0).unwrap().is_none() && table.get(701).unwrap().is_none());
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let database = Sqlite::open(FILE).unwrap();
        assert_eq!(database.table("none").unwrap_err(), SqliteError::Missing("table `none`".to_owned()));
        assert!(matches!(database.table("bare"), Err(SqliteError::Missing(_))), "without row ids");
        assert_eq!(Sqlite::open(b"SQLite format 4\0").unwrap_err(), SqliteError::Foreign);
        assert!(database.table("words").unwrap().column("x").is_err());
    }

    #[test]
    fn columns_are_read_from_the_statement() {
        let sql = "CREATE TABLE `t` (`id` integer PRIMARY KEY AUTOINCREMENT,`a b` text NOT NULL DEFAULT 'x,y',[c] decimal(3,2), plain int, CONSTRAINT `fk` FOREIGN KEY (`c`) REFERENCES `u`(`id`))";
        assert_eq!(columns(sql), (["id", "a b", "c", "plain"].map(str::to_owned).to_vec(), Some(0)));
        let apart = "CREATE TABLE t(x text, `id` integer, PRIMARY KEY (`id`))";
        assert_eq!(columns(apart), (["x", "id"].map(str::to_owned).to_vec(), Some(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn changed_files_never_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = FILE.to_vec();
            for (place, byte) in changes {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() * 4).max(600));
            if let Ok(database) = Sqlite::open(&bytes)
                && let Ok(Some(table)) = database.find_table("words")
            {
                for row in table.rows().flatten() {
                    let _ = row.values();
                }
                let _ = table.get(350);
            }
        }
    }
}
