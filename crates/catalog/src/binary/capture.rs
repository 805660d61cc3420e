//! One pass over a large program that keeps what its readers are likely to ask for.

use std::ops::Range;

use super::functions::{self, FunctionTable};
use super::layout::Layout;
use super::parts::Parts;

/// Go's mark of build information, 16-byte aligned in the file. Source: golang/go, `src/debug/buildinfo/buildinfo.go`.
const GO_MARK: &[u8] = b"\xff Go buildinf:";

/// Kept from the start (headers), from the end (tables of sections), and from each mark on.
const KEPT: usize = 1 << 20;

/// Kept from the start of the writable data: as much as the Go leaf searches.
const DATA: u64 = 4 << 20;

/// The headers of a program lie within so many first bytes.
const HEADERS: usize = 4096;

/// So many marks are followed; a program has one, and a Go toolchain's own programs have the text in a few more places.
const MAX_MARKS: usize = 8;

/// So many tables of functions are followed: a program has one, and debuggers hold the mark of one in their code.
const MAX_TABLES: usize = 4;

/// Most bytes that are kept of the names of a program's functions. Those of `kubelet` have 7 MB.
const MAX_NAMES: usize = 32 << 20;

/// Takes a program's bytes as they come and keeps a bounded part of them.
#[derive(Debug)]
pub(crate) struct Capture {
    position: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    marked: Vec<(u64, Vec<u8>)>,
    /// Tables of a Go program's functions, as far as their names reach.
    tables: Vec<(u64, Vec<u8>)>,
    /// The start of what may be the mark of such a table, at the end of the last block.
    cut: (u64, Vec<u8>),
    /// Ranges that were asked for after an earlier pass.
    wanted: Vec<(u64, u64, Vec<u8>)>,
    /// The last, not yet searched bytes: the mark may lie across two blocks.
    seam: Vec<u8>,
    /// The headers at the start were looked at.
    planned: bool,
}

impl Capture {
    /// A capture that also keeps these ranges. `limit` bounds the sum of their lengths in bytes; what goes beyond is not kept.
    pub(crate) fn new(wanted: &[Range<u64>], limit: u64) -> Capture {
        let mut left = limit;
        let mut kept = Vec::new();
        for range in wanted {
            let len = range.end.saturating_sub(range.start);
            if len <= left {
                left -= len;
                kept.push((range.start, range.end, Vec::new()));
            }
        }
        Capture {
            position: 0,
            head: Vec::new(),
            tail: Vec::new(),
            marked: Vec::new(),
            tables: Vec::new(),
            cut: (0, Vec::new()),
            wanted: kept,
            seam: Vec::new(),
            planned: false,
        }
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let start = self.position;
        let end = start.saturating_add(bytes.len() as u64);
        let room = KEPT.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(room));
        if !self.planned && self.head.len() >= HEADERS {
            self.planned = true;
            self.plan();
        }
        for (offset, kept) in &mut self.marked {
            if *offset + kept.len() as u64 == start {
                kept.extend(bytes.iter().take(KEPT.saturating_sub(kept.len())));
            }
        }
        for (from, to, kept) in &mut self.wanted {
            let (first, last) = ((*from).max(start), (*to).min(end));
            if first < last {
                // In bounds, because both ends lie in `start..end`.
                kept.extend(bytes.get((first - start) as usize..(last - start) as usize).unwrap_or_default());
            }
        }
        self.tables(start, bytes);
        self.search(start, bytes);
        self.tail.extend(bytes);
        if self.tail.len() > 2 * KEPT {
            self.tail.drain(..self.tail.len() - KEPT);
        }
        self.position = end;
    }

    /// Keeps the start of the writable data, too: Go's record is looked for there when no section has its name, so every large program that is
    /// not written in Go would else need a second pass (measured: `node`, `libLLVM`).
    fn plan(&mut self) {
        let head = Parts::new(u64::MAX / 2, vec![(0, self.head.clone())]);
        let Some(layout) = Layout::read(&head) else { return };
        if let Some(data) = layout.segments.iter().find(|segment| segment.writable && segment.size > 0) {
            let end = data.offset.saturating_add(data.size.min(DATA));
            self.wanted.push((data.offset, end, Vec::new()));
        }
    }

    /// Follows the tables of functions that were found, and looks for more where they may begin.
    fn tables(&mut self, start: u64, bytes: &[u8]) {
        for (offset, kept) in &mut self.tables {
            let place = *offset + kept.len() as u64;
            let new = place.checked_sub(start).and_then(|skip| bytes.get(usize::try_from(skip).ok()?..));
            let Some(mut new) = new else { continue };
            // How far the names reach stands in the header.
            let head = FunctionTable::HEADER.saturating_sub(kept.len()).min(new.len());
            kept.extend(new.get(..head).unwrap_or_default());
            new = new.get(head..).unwrap_or_default();
            let end = FunctionTable::read(kept).map_or(0, |table| table.end()).min(MAX_NAMES);
            kept.extend(new.iter().take(end.saturating_sub(kept.len())));
        }
        if self.tables.len() >= MAX_TABLES {
            return;
        }
        let (offset, cut) = &mut self.cut;
        if !cut.is_empty() {
            let more = functions::MARK.saturating_sub(cut.len()).min(bytes.len());
            cut.extend(bytes.get(..more).unwrap_or_default());
            if cut.len() >= functions::MARK {
                let (offset, kept) = (*offset, std::mem::take(cut));
                if functions::is_mark(&kept) {
                    self.tables.push((offset, kept));
                    self.tables(start, bytes);
                    return;
                }
            }
        }
        let first = start.next_multiple_of(functions::ALIGNED as u64) - start;
        let places = (usize::try_from(first).unwrap_or(usize::MAX)..bytes.len()).step_by(functions::ALIGNED);
        for place in places {
            let rest = bytes.get(place..).unwrap_or_default();
            if rest.len() < functions::MARK {
                self.cut = (start + place as u64, rest.to_vec());
            } else if functions::is_mark(rest) {
                let kept = rest.get(..FunctionTable::HEADER).unwrap_or(rest).to_vec();
                let end = FunctionTable::read(&kept).map_or(0, |table| table.end()).min(MAX_NAMES);
                let kept = if end > 0 { rest.get(..end).unwrap_or(rest).to_vec() } else { kept };
                self.tables.push((start + place as u64, kept));
                if self.tables.len() >= MAX_TABLES {
                    return;
                }
            }
        }
    }

    /// Looks for the mark in the new bytes and across the seam to the former ones.
    fn search(&mut self, start: u64, bytes: &[u8]) {
        let seam_len = self.seam.len();
        let overlap = bytes.len().min(GO_MARK.len() - 1);
        self.seam.extend(bytes.iter().take(overlap));
        for place in
            memchr::memmem::find_iter(&self.seam, GO_MARK).filter(|place| *place < seam_len).collect::<Vec<_>>()
        {
            let offset = start - (seam_len - place) as u64;
            let kept: Vec<u8> =
                self.seam.get(place..seam_len).unwrap_or_default().iter().chain(bytes).take(KEPT).copied().collect();
            self.mark(offset, kept);
        }
        for place in memchr::memmem::find_iter(bytes, GO_MARK).collect::<Vec<_>>() {
            let kept = bytes.iter().skip(place).take(KEPT).copied().collect();
            self.mark(start + place as u64, kept);
        }
        if bytes.len() >= GO_MARK.len() - 1 {
            self.seam.clear();
            self.seam.extend(bytes.iter().skip(bytes.len() - (GO_MARK.len() - 1)));
        } else if self.seam.len() > GO_MARK.len() - 1 {
            self.seam.drain(..self.seam.len() - (GO_MARK.len() - 1));
        }
    }

    fn mark(&mut self, offset: u64, kept: Vec<u8>) {
        if offset.is_multiple_of(16) && self.marked.len() < MAX_MARKS {
            self.marked.push((offset, kept));
        }
    }

    /// What was kept.
    pub(crate) fn finish(self) -> Parts {
        let size = self.position;
        let mut parts = vec![(0, self.head), (size - self.tail.len() as u64, self.tail)];
        parts.extend(self.marked);
        parts.extend(self.tables);
        parts.extend(self.wanted.into_iter().map(|(from, _, kept)| (from, kept)));
        Parts::new(size, parts)
    }
}
