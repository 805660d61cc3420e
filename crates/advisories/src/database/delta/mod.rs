//! The difference between two compiled databases: what must be sent to somebody who has the older one.
//!
//! It knows nothing of advisories when it is applied: it is a list of pieces, taken from the old file as they are, taken with something added
//! to their bytes, or new. So the result is the very file that it was made for, byte for byte, and its digest is the one of a full build. Only
//! making one ([`diff`]) looks at rows and names, to find for each piece the old one that it is likest to: one new text shifts all later
//! places in the pool, so rows that say the same differ by a small number in some of their columns, over and over, which packs well.
//!
//! ```text
//!    0   8  `SIGNETDD`
//!    8   4  version of the format
//!   12   4  zero
//!   16  32  digest of the database that it applies to (SHA-256 of its header)
//!   48  32  digest of the result
//!   80   8  length of the result
//!   88      pieces, to the end:
//!           1 from, length          as it stands in the old file
//!           2 from, length, bytes   each byte of the old file plus one of these
//!           3 length, bytes         new
//! ```
//!
//! `from` is a signed number (zigzag), counted from where the piece before ended in the old file; all numbers are varints.

mod apply;
mod diff;

pub use apply::{DeltaError, DeltaInfo};
pub use diff::diff;

pub use apply::apply;

pub(super) const MAGIC: &[u8; 8] = b"SIGNETDD";
pub(super) const VERSION: u32 = 1;
/// Bytes before the first piece.
pub(super) const HEAD: usize = 88;

pub(super) const SAME: u8 = 1;
pub(super) const ADD: u8 = 2;
pub(super) const NEW: u8 = 3;

#[cfg(test)]
mod tests;
