//! Java archives by SHA-1, through the index that Trivy publishes (`trivy-java.db`).
//!
//! The file is a SQLite database of more than a gigabyte, so it is never read whole: a look-up follows the tree of the index on hashes, then
//! two trees of rows, a handful of pages each. The bytes may be those of a mapped file.

use signet_model::{ChecksumAlgorithm, Inventory, PackageKind, Presence};

/// A tree of 2^32 pages is not deeper.
const DEPTH: usize = 32;

/// Longest row that is read: none of the tables has longer ones, and longer ones would lie on pages of their own.
const ROW: usize = 4096;

/// What the index says of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The group.
    pub group: String,
    /// The artifact.
    pub artifact: String,
    /// The version.
    pub version: String,
}

/// Why an index cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// It is not a SQLite database.
    #[error("it is no SQLite database")]
    NoDatabase,
    /// It has no tables of the known form.
    #[error("it has no tables `artifacts` and `indices` with an index on `sha1`")]
    Schema,
    /// A page of it is broken.
    #[error("page {0} is damaged")]
    Damaged(u32),
}

/// An index of Java archives.
///
/// Shape: `artifacts(id INTEGER PRIMARY KEY, group_id, artifact_id)`, `indices(artifact_id, version, sha1 BLOB, archive_type)`, and the index
/// `indices_sha1_idx` on `indices(sha1)`. Source: aquasecurity/trivy-java-db:pkg/db/db.go; sqlite.org, `fileformat2.html`, sections 1.3 to 2.3.
#[derive(Debug)]
pub struct JavaIndex<'a> {
    bytes: &'a [u8],
    page_size: usize,
    usable: usize,
    artifacts: u32,
    indices: u32,
    by_hash: u32,
}

/// A column of a row.
enum Value<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> JavaIndex<'a> {
    /// Opens an index: reads its header and its schema, and nothing else.
    pub fn open(bytes: &'a [u8]) -> Result<JavaIndex<'a>, IndexError> {
        let header = bytes.first_chunk::<100>().filter(|header| header.starts_with(b"SQLite format 3\0"));
        let header = header.ok_or(IndexError::NoDatabase)?;
        let page_size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 65536,
            size => usize::from(size),
        };
        let usable = page_size.saturating_sub(usize::from(header[20]));
        if !page_size.is_power_of_two() || page_size < 512 || usable < 480 {
            return Err(IndexError::NoDatabase);
        }
        let mut index = JavaIndex { bytes, page_size, usable, artifacts: 0, indices: 0, by_hash: 0 };
        // the schema of this database has four rows: its first page holds them all
        let page = index.page(1)?;
        for place in 0..index.cells(page, 100) {
            let row = index.row(page, 100 + 8, place).ok_or(IndexError::Damaged(1))?.1;
            let columns = columns(row).ok_or(IndexError::Damaged(1))?;
            if let [Value::Bytes(_), Value::Bytes(name), _, Value::Integer(root), ..] = columns.as_slice() {
                let root = u32::try_from(*root).unwrap_or(0);
                match *name {
                    b"artifacts" => index.artifacts = root,
                    b"indices" => index.indices = root,
                    b"indices_sha1_idx" => index.by_hash = root,
                    _ => {}
                }
            }
        }
        match [index.artifacts, index.indices, index.by_hash].contains(&0) {
            true => Err(IndexError::Schema),
            false => Ok(index),
        }
    }

    /// The archive of this SHA-1. `None`: the index does not list it.
    pub fn find(&self, sha1: &[u8; 20]) -> Result<Option<Indexed>, IndexError> {
        let Some(row) = self.by_key(sha1)? else { return Ok(None) };
        let Some((number, row)) = self.by_number(self.indices, row)? else { return Ok(None) };
        let damaged = IndexError::Damaged(number);
        let (artifact, version) = match columns(row).ok_or(damaged)?.as_slice() {
            [Value::Integer(artifact), Value::Bytes(version), Value::Bytes(hash), ..] if hash == sha1 => {
                (*artifact, text(version))
            }
            _ => return Err(damaged),
        };
        let Some((number, row)) = self.by_number(self.artifacts, artifact)? else { return Ok(None) };
        match columns(row).ok_or(IndexError::Damaged(number))?.as_slice() {
            [_, Value::Bytes(group), Value::Bytes(artifact), ..] => {
                Ok(Some(Indexed { group: text(group), artifact: text(artifact), version }))
            }
            _ => Err(IndexError::Damaged(number)),
        }
    }

    fn page(&self, number: u32) -> Result<&'a [u8], IndexError> {
        let damaged = IndexError::Damaged(number);
        let start = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)?.checked_mul(self.page_size));
        let start = start.ok_or(damaged)?;
        start.checked_add(self.page_size).and_then(|end| self.bytes.get(start..end)).ok_or(damaged)
    }

    fn cells(&self, page: &[u8], header: usize) -> usize {
        word16(page, header + 3).unwrap_or(0).min(page.len() / 2)
    }

    /// Number and payload of a row of a table's leaf.
    fn row<'p>(&self, page: &'p [u8], pointers: usize, place: usize) -> Option<(i64, &'p [u8])> {
        let cell = page.get(word16(page, pointers + 2 * place)?..)?;
        let (length, used) = varint(cell)?;
        let rest = cell.get(used..)?;
        let (number, used) = varint(rest)?;
        // what does not fit into a page goes on elsewhere: no row of these tables is that long
        let length =
            usize::try_from(length).ok().filter(|length| *length <= ROW.min(self.usable.saturating_sub(35)))?;
        Some((number as i64, rest.get(used..)?.get(..length)?))
    }

    /// The row of this number. Source: section 1.6, "Table B-Trees".
    fn by_number(&self, root: u32, wanted: i64) -> Result<Option<(u32, &'a [u8])>, IndexError> {
        let mut number = root;
        for _ in 0..DEPTH {
            let page = self.page(number)?;
            let damaged = IndexError::Damaged(number);
            let count = self.cells(page, 0);
            match page.first() {
                Some(0x05) => {
                    // keys of the children rise: the first that is not smaller leads on
                    let key = |place: usize| -> Option<i64> {
                        let cell = page.get(word16(page, 12 + 2 * place)?..)?;
                        Some(varint(cell.get(4..)?)?.0 as i64)
                    };
                    let place = search(count, |place| key(place).map(|key| key < wanted)).ok_or(damaged)?;
                    let at = if place < count { word16(page, 12 + 2 * place).ok_or(damaged)? } else { 8 };
                    number = word32(page, at).ok_or(damaged)?;
                }
                Some(0x0d) => {
                    let place = search(count, |place| self.row(page, 8, place).map(|(key, _)| key < wanted));
                    let place = place.ok_or(damaged)?;
                    if place >= count {
                        return Ok(None);
                    }
                    let (key, row) = self.row(page, 8, place).ok_or(damaged)?;
                    return Ok((key == wanted).then_some((number, row)));
                }
                _ => return Err(damaged),
            }
        }
        Err(IndexError::Damaged(number))
    }

    /// The number of the row with this hash. Source: section 1.6, "Index B-Trees"; section 2.5, "Representation of SQL Indices".
    fn by_key(&self, wanted: &[u8]) -> Result<Option<i64>, IndexError> {
        let mut number = self.by_hash;
        for _ in 0..DEPTH {
            let page = self.page(number)?;
            let damaged = IndexError::Damaged(number);
            let (pointers, skip) = match page.first() {
                Some(0x02) => (12, 4),
                Some(0x0a) => (8, 0),
                _ => return Err(damaged),
            };
            let count = self.cells(page, 0);
            let key = |place: usize| -> Option<(&[u8], i64)> {
                let cell = page.get(word16(page, pointers + 2 * place)?.checked_add(skip)?..)?;
                let (length, used) = varint(cell)?;
                let length = usize::try_from(length).ok().filter(|length| *length <= 64)?;
                match columns(cell.get(used..)?.get(..length)?)?.as_slice() {
                    [Value::Bytes(hash), Value::Integer(row)] => Some((hash, *row)),
                    // rows without a hash stand first
                    [_, Value::Integer(row)] => Some((&[], *row)),
                    _ => None,
                }
            };
            let place = search(count, |place| key(place).map(|(hash, _)| hash < wanted)).ok_or(damaged)?;
            if place < count {
                let (hash, row) = key(place).ok_or(damaged)?;
                if hash == wanted {
                    return Ok(Some(row));
                }
            }
            if skip == 0 {
                return Ok(None);
            }
            let at = if place < count { word16(page, 12 + 2 * place).ok_or(damaged)? } else { 8 };
            number = word32(page, at).ok_or(damaged)?;
        }
        Err(IndexError::Damaged(number))
    }
}

/// Names installed Java archives whose group or version neither their descriptors nor their file names tell, by their SHA-1.
///
/// What is stated stays: the index fills in, and is told in `extra` as `java.index`. Gives how many archives were named.
/// Errors: a damaged index; those named before stay named.
pub fn name_by_index(inventory: &mut Inventory, index: &JavaIndex<'_>) -> Result<usize, IndexError> {
    let mut named = 0;
    for package in &mut inventory.packages {
        let whole = package.name.contains(':') && !package.version.is_empty();
        if package.kind != PackageKind::Java || package.presence != Presence::Installed || whole {
            continue;
        }
        let hash = package.checksums.iter().find(|checksum| checksum.algorithm == ChecksumAlgorithm::Sha1);
        let Some(sha1) = hash.and_then(|hash| bytes_of(&hash.hex)) else { continue };
        if let Some(Indexed { group, artifact, version }) = index.find(&sha1)? {
            package.name = format!("{group}:{artifact}");
            package.version = version;
            package.extra.insert("java.index".to_owned(), "sha1".to_owned());
            named += 1;
        }
    }
    Ok(named)
}

fn bytes_of(hex: &str) -> Option<[u8; 20]> {
    let mut bytes = [0; 20];
    if hex.len() != 40 || !hex.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The first place for which `before` does not hold, by halving; `None` when a cell on the way cannot be read.
fn search(count: usize, before: impl Fn(usize) -> Option<bool>) -> Option<usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle)? { low = middle + 1 } else { high = middle }
    }
    Some(low)
}

fn word16(page: &[u8], at: usize) -> Option<usize> {
    page.get(at..at.checked_add(2)?)?.try_into().ok().map(|word| usize::from(u16::from_be_bytes(word)))
}

fn word32(page: &[u8], at: usize) -> Option<u32> {
    page.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The columns of a row, at most eight. Source: section 2.1, "Record Format".
fn columns(row: &[u8]) -> Option<Vec<Value<'_>>> {
    let (size, used) = varint(row)?;
    let size = usize::try_from(size).ok()?;
    let mut types = row.get(used..size)?;
    let mut body = row.get(size..)?;
    let mut columns = Vec::new();
    while !types.is_empty() && columns.len() < 8 {
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
        columns.push(match kind {
            1..=6 => {
                let negative = content.first().is_some_and(|first| first & 0x80 != 0);
                Value::Integer(
                    content.iter().fold(if negative { -1 } else { 0 }, |value, byte| value << 8 | i64::from(*byte)),
                )
            }
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            0 | 7 => Value::Other,
            _ => Value::Bytes(content),
        });
    }
    Some(columns)
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
    use sha1::Digest as _;
    use signet_model::{Checksum, Package};

    use super::*;
    use crate::syntax::testing::mutate;

    /// Two hundred archives `g0:a0` to `g9:a9` of versions `0` to `199`; the hash of each is that of its version's text.
    const INDEX: &[u8] = include_bytes!("testdata/java-index.db");

    fn hash(text: &str) -> [u8; 20] {
        sha1::Sha1::digest(text.as_bytes()).into()
    }

    #[test]
    fn every_archive_is_found() {
        let index = JavaIndex::open(INDEX).unwrap();
        for version in 0..200 {
            let found = index.find(&hash(&version.to_string())).unwrap().unwrap();
            let (group, artifact) = (format!("g{}", version % 10), format!("a{}", version % 10));
            assert_eq!(found, Indexed { group, artifact, version: version.to_string() });
        }
        for other in ["200", "x", "y", "z"] {
            assert_eq!(index.find(&hash(other)), Ok(None));
        }
    }

    #[test]
    fn only_what_is_not_known_is_named() {
        let archive = |name: &str, version: &str, text: &str| {
            let checksum = Checksum::from_bytes(ChecksumAlgorithm::Sha1, &hash(text));
            Package { checksums: vec![checksum], ..Package::new(PackageKind::Java, name, version) }
        };
        let packages = vec![archive("x", "1", "17"), archive("g:known", "1", "17"), archive("y", "2", "no")];
        let mut inventory = Inventory { packages, ..Inventory::default() };
        assert_eq!(name_by_index(&mut inventory, &JavaIndex::open(INDEX).unwrap()), Ok(1));
        let names: Vec<&str> = inventory.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["g7:a7", "g:known", "y"]);
        assert_eq!(inventory.packages[0].version, "17");
    }

    #[test]
    fn what_is_no_index() {
        assert_eq!(JavaIndex::open(b"text").err(), Some(IndexError::NoDatabase));
        assert_eq!(JavaIndex::open(&INDEX[..100]).err(), Some(IndexError::Damaged(1)));
    }

    proptest! {
        #[test]
        fn broken_indexes_never_panic(place: usize, byte: u8, cut in 0usize..3, keep: usize, version in 0u32..300) {
            if let Ok(index) = JavaIndex::open(&mutate(INDEX, place, byte, cut, keep)) {
                let _ = index.find(&hash(&version.to_string()));
            }
        }
    }
}
