//! The header blob: one package of any rpm database.

use std::collections::BTreeMap;

use super::array;

/// Largest header, in bytes. Source: rpm, `lib/header.c`, `HEADER_DATA_MAX`.
const MAX_SIZE: usize = 256 << 20;
/// Most entries of an index. Source: the same, `HEADER_TAGS_MAX`.
const MAX_ENTRIES: usize = 0x00ff_ffff;

const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// The entries of a header by tag.
///
/// Shape: `il` and `dl` as big-endian u32; `il` entries of 16 bytes `{tag, type, offset, count}`; `dl` bytes of data. Entries behind the region
/// ("dribbles") override those in it, so the last one of a tag counts.
/// Source: rpm, `docs/manual/hregions.md`, `lib/header.c`.
#[derive(Debug)]
pub(super) struct Header<'a> {
    entries: BTreeMap<u32, Entry>,
    data: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: u32,
    offset: usize,
    count: usize,
}

impl<'a> Header<'a> {
    /// Reads the index. The data of an entry is checked when it is asked for.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Header<'a>, String> {
        let word = |at: usize| array(bytes, at).map(u32::from_be_bytes);
        let (Some(entries), Some(size)) = (word(0), word(4)) else { return Err("it is cut off".to_owned()) };
        let (count, size) = (entries as usize, size as usize);
        if count == 0 || count > MAX_ENTRIES || size > MAX_SIZE {
            return Err(format!("it claims {count} entries and {size} bytes of data"));
        }
        let start = 8 + count * 16;
        let Some(data) = bytes.get(start..).and_then(|rest| rest.get(..size)) else {
            return Err(format!("it claims {count} entries and {size} bytes of data, and has {} bytes", bytes.len()));
        };
        let mut header = Header { entries: BTreeMap::new(), data };
        for place in 0..count {
            let at = 8 + place * 16;
            let (Some(tag), Some(kind), Some(offset), Some(count)) =
                (word(at), word(at + 4), word(at + 8), word(at + 12))
            else {
                break;
            };
            // The region's own entry points backwards; whatever points out of the data holds nothing.
            if offset as usize <= size {
                header.entries.insert(tag, Entry { kind, offset: offset as usize, count: count as usize });
            }
        }
        Ok(header)
    }

    fn at(&self, tag: u32, kinds: &[u32]) -> Option<(Entry, &'a [u8])> {
        let entry = self.entries.get(&tag).filter(|entry| kinds.contains(&entry.kind))?;
        Some((*entry, self.data.get(entry.offset..)?))
    }

    /// A string, the first of several.
    pub(super) fn string(&self, tag: u32) -> Option<String> {
        let (_, data) = self.at(tag, &[STRING, STRING_ARRAY, I18N_STRING])?;
        let end = data.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(data.get(..end)?).into_owned()).filter(|text| !text.is_empty())
    }

    /// All strings; what lies behind the end of the data is left out.
    pub(super) fn strings(&self, tag: u32) -> Vec<String> {
        let Some((entry, data)) = self.at(tag, &[STRING, STRING_ARRAY, I18N_STRING]) else { return Vec::new() };
        data.split_inclusive(|byte| *byte == 0)
            .filter_map(|text| text.strip_suffix(&[0]))
            .take(entry.count)
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect()
    }

    /// 32-bit integers.
    pub(super) fn numbers(&self, tag: u32) -> Vec<u32> {
        const INT32: u32 = 4;
        let Some((entry, data)) = self.at(tag, &[INT32]) else { return Vec::new() };
        let words = data.as_chunks::<4>().0.iter().take(entry.count);
        words.map(|word| u32::from_be_bytes(*word)).collect()
    }

    /// Raw bytes.
    pub(super) fn binary(&self, tag: u32) -> Option<&'a [u8]> {
        let (entry, data) = self.at(tag, &[BINARY])?;
        data.get(..entry.count)
    }

    /// Whether there is such an entry.
    pub(super) fn has(&self, tag: u32) -> bool {
        self.entries.contains_key(&tag)
    }
}
