//! Archives of OSV records: `all.zip` of an ecosystem.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::{Summary, read};
use crate::feeds::FeedError;
use crate::record::Sink;

/// How much of an archive is read. npm's of 2026 has 400,000 entries and 2 GB unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipLimits {
    /// Entries.
    pub entries: u64,
    /// Unpacked bytes of one entry.
    pub entry_bytes: u64,
    /// Unpacked bytes of all entries together.
    pub total_bytes: u64,
}

impl Default for ZipLimits {
    fn default() -> ZipLimits {
        ZipLimits { entries: 2_000_000, entry_bytes: 32 << 20, total_bytes: 16 << 30 }
    }
}

/// Records that may be unreadable before the archive as a whole is.
const MALFORMED: usize = 100;

/// Reads every `.json` entry of an archive as one record. The bytes may be a memory map.
pub fn read_zip(bytes: &[u8], limits: ZipLimits, sink: &mut Sink<'_>) -> Result<Summary, FeedError> {
    let whole = "the archive";
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|err| FeedError::Zip { place: whole.to_owned(), err })?;
    let entries = archive.len() as u64;
    if entries > limits.entries {
        return Err(FeedError::TooLarge { place: whole.to_owned(), limit: limits.entries, unit: "entries" });
    }
    let mut summary = Summary::default();
    let mut json = Vec::new();
    let mut total = 0u64;
    for n in 0..archive.len() {
        let mut entry = archive.by_index(n).map_err(|err| FeedError::Zip { place: format!("entry {n}"), err })?;
        let place = String::from_utf8_lossy(entry.name_raw()).into_owned();
        if !entry.is_file() || !place.ends_with(".json") {
            continue;
        }
        json.clear();
        let read_bytes = entry.by_ref().take(limits.entry_bytes.saturating_add(1)).read_to_end(&mut json);
        let length = read_bytes.map_err(|err| FeedError::Unpack { place: place.clone(), err })? as u64;
        if length > limits.entry_bytes {
            return Err(FeedError::TooLarge { place, limit: limits.entry_bytes, unit: "bytes" });
        }
        total = total.saturating_add(length);
        if total > limits.total_bytes {
            return Err(FeedError::TooLarge { place: whole.to_owned(), limit: limits.total_bytes, unit: "bytes" });
        }
        match read(&place, &json, &mut summary, sink) {
            // One broken record among hundreds of thousands must not keep a database from being refreshed; many mean a broken archive.
            Err(FeedError::Json { place, err }) if summary.malformed.len() < MALFORMED => {
                summary.malformed.push((place, err.to_string()));
            }
            result => result?,
        }
    }
    Ok(summary)
}
