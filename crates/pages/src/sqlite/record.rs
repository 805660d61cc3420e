//! Records: the values of a row, and how numbers are written.

use std::borrow::Cow;

use super::SqliteError;

/// SQLite's own limit of columns. Source: sqlite.org, `limits.html`, "Maximum Number Of Columns".
pub(super) const MAX_COLUMNS: usize = 32767;

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

impl<'a> Row<'a> {
    pub(super) fn of(id: i64, record: Cow<'a, [u8]>, alias: Option<usize>, page: u64) -> Row<'a> {
        Row { id, record, alias, page }
    }

    /// The row id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// All values.
    pub fn values(&self) -> Result<Vec<Value<'_>>, SqliteError> {
        let alias = self.alias.map(|place| (place, self.id));
        let why = "a record is cut, or its text is no UTF-8";
        values(&self.record, alias).ok_or(SqliteError::Damaged { page: self.page, why })
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

/// The values of a record; `alias` is the place of the column that is the row id, and the id. `None`: it is cut, has text that is no UTF-8, or
/// more columns than SQLite allows. Source: section 2.1, "Record Format".
pub(super) fn values(record: &[u8], alias: Option<(usize, i64)>) -> Option<Vec<Value<'_>>> {
    let (size, used) = varint(record)?;
    let size = usize::try_from(size).ok()?;
    let mut types = record.get(used..size)?;
    let mut body = record.get(size..)?;
    let mut values = Vec::with_capacity(types.len().min(MAX_COLUMNS));
    while !types.is_empty() {
        if values.len() == MAX_COLUMNS {
            return None;
        }
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
        values.push(match (kind, alias) {
            (0, Some((place, id))) if place == values.len() => Value::Integer(id),
            (0, _) => Value::Null,
            (1..=6, _) => Value::Integer(integer(content)),
            (7, _) => Value::Real(f64::from_bits(be(content, 0, 8)?)),
            (8, _) => Value::Integer(0),
            (9, _) => Value::Integer(1),
            _ if kind % 2 == 0 => Value::Blob(content),
            _ => Value::Text(std::str::from_utf8(content).ok()?),
        });
    }
    Some(values)
}

/// A big-endian number of up to eight bytes.
pub(super) fn be(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(count)?)?;
    Some(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A big-endian integer in two's complement, of one to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes.iter().fold(if negative { -1 } else { 0 }, |value, byte| value << 8 | i64::from(*byte))
}

/// An integer of one to nine bytes, seven bits each, the ninth with eight; and its length.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
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
