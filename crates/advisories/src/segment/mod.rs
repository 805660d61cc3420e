//! What was read of one feed, kept: so that a build parses only the feeds that changed.
//!
//! A segment is the feed's records in their order, what was said while it was read, and its row in the table of feeds. Building from it gives
//! the bytes that building from the feed gave. It stays on the machine that made it and has no stable format: another version is made anew.
//!
//! ```text
//!   `SIGNETSG`, version (4)
//!   per record: length (varint, not 0), bytes
//!   0, number of records (varint), length (varint) and bytes of the rest: feeds, remarks
//! ```
//!
//! A segment without its end is damaged: a build that stopped half way leaves none that could be taken for whole.

mod read;
mod write;

pub use read::{SegmentError, read};
pub use write::SegmentWriter;

use crate::record::Feed;

/// Version of the format, and of what the feeds' readers make of their input: whoever changes one raises it.
pub const SEGMENT_VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"SIGNETSG";

/// Largest record, in bytes: the longest descriptions have some hundred thousand.
const MOST: u64 = 64 << 20;

/// What stands behind the records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegmentEnd {
    /// Rows in the table of feeds.
    pub feeds: Vec<Feed>,
    /// What was said of the feed while it was read, and whether it is a warning.
    pub remarks: Vec<(bool, String)>,
}

const ADVISORY: u8 = 1;
const QUALIFIED: u8 = 2;
const DETAIL: u8 = 3;
const WITHDRAWN: u8 = 4;
const PRODUCTS: u8 = 5;
const KEV: u8 = 6;
const EPSS: u8 = 7;
const STREAM: u8 = 8;
const LIFECYCLE: u8 = 9;

#[cfg(test)]
mod tests;
