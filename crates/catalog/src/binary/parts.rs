//! The bytes of a program that are at hand: all of them, or the parts that one pass could keep.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use object::ReadRef;

/// Longest name (section, segment) that is looked for; the formats' own tables have a dozen bytes.
const MAX_NAME: u64 = 1024;

/// Most distinct missing ranges that are remembered, so that a hostile table of sections cannot make the list grow.
const MAX_MISSING: usize = 64;

/// Parts of a file by offset. What is asked for and not at hand is remembered, so that a second pass can bring it.
#[derive(Debug)]
pub struct Parts {
    size: u64,
    parts: Vec<(u64, Vec<u8>)>,
    missing: RefCell<BTreeSet<(u64, u64)>>,
}

impl Parts {
    /// The parts `(offset, bytes)` of a file of `size` bytes.
    pub fn new(size: u64, parts: Vec<(u64, Vec<u8>)>) -> Parts {
        Parts { size, parts, missing: RefCell::new(BTreeSet::new()) }
    }

    /// The whole file.
    pub fn whole(bytes: Vec<u8>) -> Parts {
        Parts::new(bytes.len() as u64, vec![(0, bytes)])
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Gives the bytes back, so that a whole file's buffer can be used again.
    pub fn into_parts(self) -> Vec<(u64, Vec<u8>)> {
        self.parts
    }

    /// Ranges that lie in the file, were asked for, and are not at hand.
    pub fn missing(&self) -> Vec<Range<u64>> {
        self.missing.borrow().iter().map(|&(start, end)| start..end).collect()
    }

    /// Forgets what was missing, so that the next reader is not charged with what another one asked for.
    pub(crate) fn forget_missing(&self) {
        self.missing.borrow_mut().clear();
    }

    /// What is at hand from an offset on, in one piece; `None`: nothing. Not remembered as missing.
    pub(super) fn rest(&self, offset: u64) -> Option<&[u8]> {
        let rest = |(start, bytes): &'_ (u64, Vec<u8>)| {
            let skip = usize::try_from(offset.checked_sub(*start)?).ok()?;
            bytes.len().checked_sub(skip).filter(|len| *len > 0).map(|len| (skip, len))
        };
        let longest = self.parts.iter().filter_map(|part| Some((part, rest(part)?))).max_by_key(|(_, (_, len))| *len);
        longest.and_then(|((_, bytes), (skip, _))| bytes.get(skip..))
    }

    /// All parts that are at hand.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.parts.iter().map(|(start, bytes)| (*start, bytes.as_slice()))
    }

    /// The bytes of a range; `None` when it reaches past the end of the file or is not at hand.
    pub(super) fn get(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let end = offset.checked_add(len).filter(|end| *end <= self.size)?;
        if len == 0 {
            return Some(&[]);
        }
        let found = self.parts.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(offset.checked_sub(*start)?).ok()?;
            bytes.get(from..from.checked_add(usize::try_from(len).ok()?)?)
        });
        if found.is_none() {
            let mut missing = self.missing.borrow_mut();
            if missing.len() < MAX_MISSING {
                missing.insert((offset, end));
            }
        }
        found
    }
}

/// Lets `object` read from the parts, from `base` on (programs for several processors lie one behind the other in one file).
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) parts: &'a Parts,
    pub(super) base: u64,
    pub(super) len: u64,
}

impl<'a> ReadRef<'a> for Window<'a> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        offset.checked_add(size).filter(|end| *end <= self.len).ok_or(())?;
        self.parts.get(self.base.checked_add(offset).ok_or(())?, size).ok_or(())
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        // Not to the end of the table: a name without an end, for each of a million sections, would cost the square of the file's size.
        let end = range.end.min(self.len).min(range.start.saturating_add(MAX_NAME));
        let bytes = self.read_bytes_at(range.start, end.checked_sub(range.start).ok_or(())?)?;
        let len = bytes.iter().position(|byte| *byte == delimiter).ok_or(())?;
        bytes.get(..len).ok_or(())
    }
}
