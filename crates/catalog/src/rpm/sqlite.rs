//! SQLite, as much of it as rpm's database needs: one table, read from bytes.

use super::{Sink, array};

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

const INTERIOR: u8 = 0x05;
const LEAF: u8 = 0x0d;
/// A B-tree of 2^32 pages is not deeper.
const MAX_DEPTH: usize = 32;

/// Takes the header blobs out of the table `Packages(hnum INTEGER PRIMARY KEY, blob BLOB)`.
///
/// Errors: a page or row that cannot be read costs the packages on it. No page is read twice, so circles end and the whole takes no longer than
/// one pass over the file.
/// Source: sqlite.org, `fileformat2.html`, sections 1.3 to 1.6 and 2.1; rpm, `lib/backend/sqlite.cc`.
pub(super) fn blobs(bytes: &[u8], sink: Sink<'_>) {
    let Some(mut database) = Database::open(bytes) else {
        return sink(Err("the header of the SQLite database is damaged".to_owned()));
    };
    let mut root = None;
    // The schema is itself a table: type, name, tbl_name, rootpage, sql.
    database.rows(1, &mut |row| match row {
        Ok(row) => {
            let columns = columns(&row);
            if let Some([Value::Bytes(b"table"), Value::Bytes(b"Packages"), _, Value::Integer(page), ..]) =
                columns.as_deref()
            {
                root = usize::try_from(*page).ok();
            }
        }
        Err(why) => sink(Err(why)),
    });
    let Some(root) = root else { return sink(Err("the database has no table `Packages`".to_owned())) };
    database.rows(root, &mut |row| {
        sink(row.and_then(|row| match columns(&row).as_deref() {
            Some([_, Value::Bytes(blob), ..]) => Ok(blob.to_vec()),
            _ => Err("a row of the table `Packages` holds no package".to_owned()),
        }));
    });
}

struct Database<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// Bytes of a page that hold content: some are reserved for extensions.
    usable: usize,
    seen: Vec<bool>,
    /// Bytes that the parts of rows in their cells may still have: cells cannot overlap, so together they are not longer than the file.
    room: usize,
}

impl<'a> Database<'a> {
    fn open(bytes: &'a [u8]) -> Option<Database<'a>> {
        let page_size = match u16::from_be_bytes(array(bytes, 16)?) {
            1 => 65536,
            size => usize::from(size),
        };
        let usable = page_size.checked_sub(usize::from(*bytes.get(20)?))?;
        if !page_size.is_power_of_two() || page_size < 512 || usable < 480 {
            return None;
        }
        Some(Database {
            bytes,
            page_size,
            usable,
            seen: vec![false; bytes.len().div_ceil(page_size)],
            room: bytes.len(),
        })
    }

    /// A page by its number from 1, once.
    fn page(&mut self, number: usize) -> Result<&'a [u8], String> {
        let place = number.checked_sub(1).ok_or("a page has the number 0")?;
        match self.seen.get_mut(place) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return Err(format!("page {number} is used twice")),
            None => return Err(format!("page {number} lies behind the end of the file")),
        }
        // In bounds, because `place` is.
        let start = place * self.page_size;
        self.bytes.get(start..start + self.page_size).ok_or_else(|| format!("page {number} is cut off"))
    }

    /// The payloads of all rows of a table, in the order of its tree.
    fn rows(&mut self, root: usize, sink: Sink<'_>) {
        let mut open = vec![(root, 0)];
        while let Some((number, depth)) = open.pop() {
            let page = match self.page(number) {
                Ok(page) if depth < MAX_DEPTH => page,
                Ok(_) => {
                    sink(Err(format!("the tree is too deep at page {number}")));
                    continue;
                }
                Err(why) => {
                    sink(Err(why));
                    continue;
                }
            };
            // The first page begins with the file's header.
            let start = if number == 1 { 100 } else { 0 };
            let cells = usize::from(array(page, start + 3).map_or(0, u16::from_be_bytes));
            if cells > page.len() / 2 {
                sink(Err(format!("page {number} is damaged: it claims {cells} cells")));
                continue;
            }
            let cell = |header: usize, place: usize| {
                array(page, start + header + place * 2).map(|at| usize::from(u16::from_be_bytes(at)))
            };
            match page.get(start) {
                Some(&INTERIOR) => {
                    let word = |at: usize| array(page, at).map(|word| u32::from_be_bytes(word) as usize);
                    let children = (0..cells).map(|place| word(cell(12, place)?)).chain([word(start + 8)]);
                    let children: Vec<Option<usize>> = children.collect();
                    if children.contains(&None) {
                        sink(Err(format!("page {number} is damaged")));
                    }
                    open.extend(children.into_iter().rev().flatten().map(|child| (child, depth + 1)));
                }
                Some(&LEAF) => {
                    for place in 0..cells {
                        let row = cell(8, place).ok_or_else(|| format!("page {number} is damaged"));
                        sink(
                            row.and_then(|at| self.payload(page, at))
                                .map_err(|why| format!("row {place} of page {number}: {why}")),
                        );
                    }
                }
                kind => {
                    sink(Err(format!("page {number} is of type {}, which no table has", kind.copied().unwrap_or(0))))
                }
            }
        }
    }

    /// The payload of a row: the part in the cell, then its overflow pages. Source: section 1.6, "Cell payload overflow pages".
    fn payload(&mut self, page: &[u8], at: usize) -> Result<Vec<u8>, String> {
        let damaged = || "it is damaged".to_owned();
        let cell = page.get(at..self.usable.min(page.len())).ok_or_else(damaged)?;
        let (length, used) = varint(cell).ok_or_else(damaged)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.bytes.len());
        let length = length.ok_or_else(|| "it claims more bytes than the file has".to_owned())?;
        let rest = cell.get(used..).unwrap_or_default();
        let (_, used) = varint(rest).ok_or_else(damaged)?;
        let rest = rest.get(used..).unwrap_or_default();

        let most = self.usable - 35;
        let local = if length <= most {
            length
        } else {
            let least = (self.usable - 12) * 32 / 255 - 23;
            let fit = least + (length - least) % (self.usable - 4);
            if fit <= most { fit } else { least }
        };
        self.room = self.room.checked_sub(local).ok_or_else(|| "its cells overlap".to_owned())?;
        let mut payload = rest.get(..local).ok_or_else(damaged)?.to_vec();
        if payload.len() == length {
            return Ok(payload);
        }
        payload.reserve_exact(length - local);
        let mut next = array(rest, local).map(u32::from_be_bytes).ok_or_else(damaged)?;
        while payload.len() < length {
            let page = self.page(next as usize)?;
            let content = page.get(4..self.usable).ok_or_else(damaged)?;
            payload.extend(content.iter().take(length - payload.len()));
            next = array(page, 0).map_or(0, u32::from_be_bytes);
        }
        Ok(payload)
    }
}

/// A column of a row.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Null,
    Integer(i64),
    /// Text or blob.
    Bytes(&'a [u8]),
    Float,
}

/// The columns of a row, at most eight. Source: section 2.1, "Record format".
fn columns(row: &[u8]) -> Option<Vec<Value<'_>>> {
    let (size, used) = varint(row)?;
    let size = usize::try_from(size).ok()?;
    let mut types = row.get(used..size)?;
    let mut body = row.get(size..)?;
    let mut columns = Vec::new();
    while !types.is_empty() && columns.len() < 8 {
        let (kind, used) = varint(types)?;
        types = types.get(used..)?;
        let len = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        let (content, rest) = body.split_at_checked(usize::try_from(len).ok()?)?;
        body = rest;
        columns.push(match kind {
            0 => Value::Null,
            1..=6 => Value::Integer(integer(content)),
            7 => Value::Float,
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            _ => Value::Bytes(content),
        });
    }
    Some(columns)
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
