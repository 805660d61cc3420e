//! Where a layer's table of contents lies, and whether it is the one that the manifest names.

use std::io::{BufReader, Read};
use std::ops::Range;

use signet_model::Digest;

use super::contents::Table;
use super::{LazyError, OpenRange};
use crate::Limits;
use crate::compression::{Compression, Unpacked};
use crate::tar::TarReader;

/// Most bytes of a table of contents, packed and unpacked. The one of 300,000 files has 60 MB.
const MOST_PACKED: u64 = 32 << 20;
const MOST_UNPACKED: u64 = 96 << 20;

/// Name of the table in an eStargz archive.
pub(super) const ESTARGZ_NAME: &str = "stargz.index.json";
/// The last bytes of an eStargz layer: an empty gzip member whose extra field says where the member of the table begins.
const ESTARGZ_FOOTER: u64 = 51;
/// The header of a zstd skippable frame. Source: RFC 8878, section 3.1.2.
const SKIPPABLE_HEADER: u64 = 8;

/// What a layer's annotations say about its table of contents. They stand in the manifest, whose digest was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// eStargz: the digest of the JSON.
    Estargz {
        /// Digest of the unpacked table.
        toc: Digest,
    },
    /// zstd:chunked: the digest of the packed JSON, and where it lies.
    ZstdChunked {
        /// Digest of the table as stored.
        toc: Digest,
        /// Where in the stored layer.
        position: Range<u64>,
    },
}

impl Mark {
    /// Reads the annotations of a layer of `size` bytes. `None`: it has no table of contents that we could use.
    pub fn of<'a>(annotations: impl IntoIterator<Item = (&'a str, &'a str)>, size: u64) -> Option<Mark> {
        let (mut estargz, mut digest, mut position) = (None, None, None);
        for (key, value) in annotations {
            match key {
                "containerd.io/snapshot/stargz/toc.digest" => estargz = Some(value),
                // The second spelling is older; tools of today still read it, and some write it.
                "io.github.containers.zstd-chunked.manifest-checksum"
                | "io.containers.zstd-chunked.manifest-checksum" => digest = Some(value),
                "io.github.containers.zstd-chunked.manifest-position"
                | "io.containers.zstd-chunked.manifest-position" => position = Some(value),
                _ => {}
            }
        }
        // Layers of stargz-snapshotter in zstd have both kinds; theirs is the second.
        if let (Some(digest), Some(position)) = (digest, position) {
            return Some(Mark::ZstdChunked { toc: digest.parse().ok()?, position: place(position, size)? });
        }
        Some(Mark::Estargz { toc: estargz?.parse().ok()? })
    }

    /// The digest by which the manifest names the table.
    pub fn toc(&self) -> &Digest {
        match self {
            Mark::Estargz { toc } | Mark::ZstdChunked { toc, .. } => toc,
        }
    }
}

/// `OFFSET:LENGTH:UNPACKED:TYPE`; 1 is the only type.
fn place(text: &str, size: u64) -> Option<Range<u64>> {
    let mut numbers = text.split(':').map(|number| number.parse::<u64>().ok());
    let (offset, length, _unpacked, kind) = (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
    let end = offset.checked_add(length)?;
    (numbers.next().is_none() && kind == 1 && offset > SKIPPABLE_HEADER && length > 0 && end <= size)
        .then_some(offset..end)
}

/// A layer's table of contents, verified against the digest that the manifest names.
#[derive(Clone, Debug)]
pub struct Contents {
    pub(super) table: Table,
    /// What the chunks are packed with.
    pub(super) compression: Compression,
    /// Bytes of the stored layer.
    pub(super) size: u64,
    /// Where the archive ends as far as the table speaks of it.
    pub(super) end: u64,
    /// The table as the archive's own last entry, packed: eStargz.
    pub(super) own: Vec<u8>,
    /// Bytes that were fetched for it, and in how many ranges.
    pub(super) cost: (u64, u32),
}

impl Contents {
    /// Fetches the table of a layer of `size` bytes and verifies it.
    ///
    /// Errors: `Fetch`; `Digest` and `Contents` for a table that is not the one named or cannot be used; `TooLarge`.
    pub fn fetch(mark: &Mark, size: u64, open: &mut OpenRange<'_>, limits: &Limits) -> Result<Contents, LazyError> {
        match mark {
            Mark::Estargz { toc } => estargz(toc, size, open, limits),
            Mark::ZstdChunked { toc, position } => {
                let packed = whole(open, position.clone())?;
                verify(toc, &packed)?;
                let json = unpack(&packed, Compression::Zstd)?;
                let end = position.start.saturating_sub(SKIPPABLE_HEADER);
                let cost = (packed.len() as u64, 1);
                let table = Table::parse(&json, limits)?;
                Ok(Contents { table, compression: Compression::Zstd, size, end, own: Vec::new(), cost })
            }
        }
    }
}

fn estargz(toc: &Digest, size: u64, open: &mut OpenRange<'_>, limits: &Limits) -> Result<Contents, LazyError> {
    let footer_at = size.checked_sub(ESTARGZ_FOOTER).ok_or(LazyError::Contents { why: "does not fit into it" })?;
    let footer = whole(open, footer_at..size)?;
    let offset = footer_offset(&footer).filter(|offset| *offset > 0 && *offset < footer_at);
    let offset = offset.ok_or(LazyError::Contents { why: "is not where an eStargz layer has it" })?;
    let own = whole(open, offset..footer_at)?;
    let archive = unpack(&own, Compression::Gzip)?;
    let mut tar = TarReader::new(archive.as_slice(), limits);
    let found = tar.advance().unwrap_or(false) && tar.entry().name == ESTARGZ_NAME.as_bytes();
    let mut json = Vec::new();
    if !found || tar.content().read_to_end(&mut json).is_err() {
        return Err(LazyError::Contents { why: "is no archive of that kind" });
    }
    verify(toc, &json)?;
    let cost = (ESTARGZ_FOOTER + own.len() as u64, 2);
    let table = Table::parse(&json, limits)?;
    Ok(Contents { table, compression: Compression::Gzip, size, end: offset, own, cost })
}

/// Offset of the member that holds the table. Source: stargz-snapshotter `docs/estargz.md`, "Footer"; RFC 1952, section 2.3.1.1.
fn footer_offset(footer: &[u8]) -> Option<u64> {
    // ID, method, flags (an extra field and nothing else); then time, extra flags and system, which say nothing.
    let rest = footer.strip_prefix(&[0x1F, 0x8B, 8, 4])?.get(6..)?;
    let rest = rest.strip_prefix(&[26, 0, b'S', b'G', 22, 0])?;
    let (digits, rest) = rest.split_at_checked(16)?;
    if !rest.starts_with(b"STARGZ") || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn verify(stated: &Digest, bytes: &[u8]) -> Result<(), LazyError> {
    let found = Digest::of(stated.algorithm(), bytes);
    if found == *stated { Ok(()) } else { Err(LazyError::Digest { found: Box::new(found), stated: Box::new(*stated) }) }
}

/// All bytes of a range that holds a table or a part of one.
fn whole(open: &mut OpenRange<'_>, range: Range<u64>) -> Result<Vec<u8>, LazyError> {
    let length = range.end.saturating_sub(range.start);
    if length > MOST_PACKED {
        return Err(LazyError::TooLarge { limit: "its table of contents is too large" });
    }
    let mut bytes = Vec::new();
    open(range).and_then(|reader| reader.take(length).read_to_end(&mut bytes)).map_err(LazyError::Fetch)?;
    if bytes.len() as u64 != length {
        return Err(LazyError::Fetch(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

fn unpack(packed: &[u8], expected: Compression) -> Result<Vec<u8>, LazyError> {
    const WHY: LazyError = LazyError::Contents { why: "cannot be unpacked" };
    let mut unpacked = Unpacked::new(BufReader::new(packed)).map_err(|_| WHY)?;
    if unpacked.compression() != expected {
        return Err(WHY);
    }
    let mut bytes = Vec::new();
    unpacked.by_ref().take(MOST_UNPACKED + 1).read_to_end(&mut bytes).map_err(|_| WHY)?;
    if bytes.len() as u64 > MOST_UNPACKED {
        return Err(LazyError::TooLarge { limit: "its table of contents is too large" });
    }
    Ok(bytes)
}
