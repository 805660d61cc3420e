//! The stored layer cut into pieces that can be unpacked each for itself.

use std::ops::Range;

use super::contents::Table;
use super::{LazyError, Wanted};
use crate::{Entry, EntryKind};

/// Pieces that lie so near to each other are fetched in one range, with what is between: a request costs more than that many bytes.
const GAP: u64 = 32 << 10;
/// Largest piece as stored: it is held in memory while it is unpacked. Writers make them of at most 4 MiB of content.
const MOST_PIECE: u64 = 32 << 20;
/// From this share of the layer on the whole of it is read instead, in percent.
const WORTH: u64 = 80;

/// One gzip member or zstd frame, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<u64>,
    /// First and last + 1 of the chunks in it.
    pub(super) chunks: (u32, u32),
    /// It holds one chunk and, says the table, nothing else: it need not be fetched when nobody reads the chunk.
    pub(super) alone: bool,
}

/// Cuts the bytes before `end`.
pub(super) fn cut(table: &Table, end: u64) -> Result<Vec<Piece>, LazyError> {
    let mut pieces: Vec<Piece> = Vec::new();
    // Where the next piece begins.
    let mut at = 0;
    let mut push = |range: Range<u64>, chunks, alone| -> Result<(), LazyError> {
        if range.is_empty() {
            return Ok(());
        }
        if range.end > end {
            return Err(LazyError::Contents { why: "has chunks outside the archive" });
        }
        if range.end - range.start > MOST_PIECE {
            return Err(LazyError::TooLarge { limit: "a chunk of it is too large" });
        }
        pieces.push(Piece { range, chunks, alone });
        Ok(())
    };
    let chunks = &table.chunks;
    let mut first = 0;
    while let Some(chunk) = chunks.get(first) {
        let count = chunks.get(first..).unwrap_or_default().iter().take_while(|other| other.offset == chunk.offset);
        let behind = first + count.count();
        let last = chunks.get(behind.saturating_sub(1)).unwrap_or(chunk);
        push(at..chunk.offset, (first as u32, first as u32), false)?;
        let next = chunks.get(behind).map_or(end, |next| next.offset);
        let until = last.end.unwrap_or(next);
        let alone = behind == first + 1 && chunk.inner == 0 && (chunk.end.is_some() || chunk.goes_on);
        if until <= chunk.offset {
            return Err(LazyError::Contents { why: "has chunks outside the archive" });
        }
        push(chunk.offset..until, (first as u32, behind as u32), alone)?;
        at = until;
        first = behind;
    }
    let count = chunks.len() as u32;
    push(at..end, (count, count), false)?;
    Ok(pieces)
}

/// Which pieces will be read: all that may hold headers, and of the others those with chunks that the visitor wants.
///
/// Errors: `NotWorth`.
pub(super) fn plan(
    table: &Table,
    pieces: &[Piece],
    spent: u64,
    size: u64,
    wanted: &dyn Fn(&Entry) -> Wanted,
) -> Result<Vec<bool>, LazyError> {
    let mut read = vec![false; table.chunks.len()];
    for file in table.files.iter().filter(|file| file.kind == EntryKind::File && file.size > 0) {
        let entry = Entry { path: file.path.clone(), kind: file.kind, size: file.size, mode: file.mode, link: None };
        let (first, behind) = (file.chunks.0 as usize, file.chunks.1 as usize);
        let behind = match wanted(&entry) {
            Wanted::Nothing => first,
            Wanted::Start => behind.min(first + 1),
            Wanted::Whole => behind,
        };
        read.get_mut(first..behind).unwrap_or_default().fill(true);
    }
    let wants = |piece: &Piece| !piece.alone || read.get(piece.chunks.0 as usize).copied().unwrap_or(true);
    let plan: Vec<bool> = pieces.iter().map(wants).collect();
    let mut planned = spent;
    let mut at = 0;
    while at < pieces.len() {
        if !plan.get(at).copied().unwrap_or(true) {
            at += 1;
            continue;
        }
        let (range, behind) = extent(pieces, &plan, at);
        planned = planned.saturating_add(range.end - range.start);
        at = behind;
    }
    if planned.saturating_mul(100) >= size.saturating_mul(WORTH) {
        return Err(LazyError::NotWorth { planned, size });
    }
    Ok(plan)
}

/// The range in which the piece number `at` is fetched together with planned ones behind it, and the number of the first piece behind that.
pub(super) fn extent(pieces: &[Piece], plan: &[bool], at: usize) -> (Range<u64>, usize) {
    let Some(first) = pieces.get(at) else { return (0..0, at + 1) };
    let mut range = first.range.clone();
    let mut behind = at + 1;
    for (place, piece) in pieces.iter().enumerate().skip(at + 1) {
        if piece.range.start - range.end > GAP {
            break;
        }
        if plan.get(place).copied().unwrap_or(true) {
            range.end = piece.range.end;
            behind = place + 1;
        }
    }
    (range, behind)
}
