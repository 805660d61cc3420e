//! Berkeley DB hash: `Packages` of rpm before 4.16.

use super::{Sink, array};

const HASH_MAGIC: u32 = 0x0006_1561;
const PAGE_HEADER: usize = 26;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
const HASH: u8 = 13;
/// A value that lies on overflow pages. Inline values hold no packages.
const OFF_PAGE: u8 = 3;

/// Whether the bytes are a hash database of either byte order.
pub(super) fn is_hash(bytes: &[u8]) -> bool {
    Database::open(bytes).is_some()
}

struct Database<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    page_size: usize,
}

/// Takes the header blobs out of the database.
///
/// Shape: page 0 is the hash's metadata (magic at 12, page size at 20, encryption at 24, type at 25, last page at 32). Pages of type 2 and 13 hold
/// u16 offsets of keys and values in turn behind their 26-byte header; a value that begins with 3 is `{3, pad, u32 page, u32 length}` and
/// continues over pages of type 7 by their `next`.
/// Errors: a value that cannot be read costs that package. A chain that leaves the file, meets a page of another type or a page that was read
/// before is broken: no page is followed twice, so circles end.
/// Source: Berkeley DB, `src/dbinc/db_page.h`.
pub(super) fn blobs(bytes: &[u8], sink: Sink<'_>) {
    let Some(database) = Database::open(bytes) else { return sink(Err("it is no Berkeley DB hash".to_owned())) };
    if bytes.get(24) != Some(&0) {
        return sink(Err("the database is encrypted".to_owned()));
    }
    let pages = bytes.len().div_ceil(database.page_size);
    let last = database.word(32).map_or(0, |last| last as usize);
    if last >= pages {
        sink(Err(format!("it claims {} pages and has {pages}", last.saturating_add(1))));
    }
    let mut seen = vec![false; pages];
    for number in 1..pages.min(last.saturating_add(1)) {
        let Some(page) = database.page(number) else { continue };
        if !matches!(page.get(25), Some(&(HASH_UNSORTED | HASH))) {
            continue;
        }
        let entries = database.half(page, 20).unwrap_or(0) as usize;
        // Keys and values in turn: each second one is a value.
        for place in (1..entries).step_by(2) {
            let Some(at) = database.half(page, PAGE_HEADER + place * 2).map(usize::from) else {
                sink(Err(format!("page {number} claims {entries} entries")));
                break;
            };
            match page.get(at) {
                Some(&OFF_PAGE) => sink(database.value(page, at, &mut seen)),
                Some(_) => {}
                None => sink(Err(format!("an entry of page {number} lies outside the page"))),
            }
        }
    }
}

impl<'a> Database<'a> {
    fn open(bytes: &'a [u8]) -> Option<Database<'a>> {
        let big_endian = match array(bytes, 12).map(u32::from_le_bytes)? {
            HASH_MAGIC => false,
            magic if magic.swap_bytes() == HASH_MAGIC => true,
            _ => return None,
        };
        let mut database = Database { bytes, big_endian, page_size: 512 };
        let page_size = database.word(20)?;
        if !(512..=65536).contains(&page_size) || !page_size.is_power_of_two() || bytes.get(25) != Some(&HASH_META) {
            return None;
        }
        database.page_size = page_size as usize;
        Some(database)
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.word_of(self.bytes, at)
    }

    fn word_of(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let word = array(bytes, at)?;
        Some(if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
    }

    fn half(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let half = array(bytes, at)?;
        Some(if self.big_endian { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) })
    }

    /// The last page may be cut off.
    fn page(&self, number: usize) -> Option<&'a [u8]> {
        let start = number.checked_mul(self.page_size)?;
        self.bytes.get(start..self.bytes.len().min(start.checked_add(self.page_size)?))
    }

    fn value(&self, page: &[u8], at: usize, seen: &mut [bool]) -> Result<Vec<u8>, String> {
        let (Some(mut next), Some(length)) = (self.word_of(page, at + 4), self.word_of(page, at + 8)) else {
            return Err("the place of a package is cut off".to_owned());
        };
        let length = length as usize;
        if length > self.bytes.len() {
            return Err(format!("a package claims {length} bytes; the database has {}", self.bytes.len()));
        }
        let mut value = Vec::with_capacity(length);
        while value.len() < length {
            let number = next as usize;
            let page = self.page(number).filter(|page| number > 0 && page.get(25) == Some(&OVERFLOW));
            let Some(page) = page else {
                return Err(format!("a package goes on in page {number}, which is no part of one"));
            };
            match seen.get_mut(number) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(format!("a package goes on in page {number}, which belongs to a package already")),
            }
            let content = page.get(PAGE_HEADER..).unwrap_or_default();
            if content.is_empty() {
                return Err(format!("page {number} is cut off"));
            }
            value.extend(content.iter().take(length - value.len()));
            next = self.word_of(page, 16).unwrap_or(0);
        }
        Ok(value)
    }
}
