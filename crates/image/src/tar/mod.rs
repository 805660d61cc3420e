//! Our own reader of tar streams: ustar, V7, STAR, GNU and PAX, sparse files included, without unpacking anything.
//!
//! Where dialects leave room, it does what the reader of container runtimes does (Go's `archive/tar`), because two readers that disagree
//! about where an entry ends see two different file systems (the class of CVE-2025-62518).

mod header;
mod pax;
mod sparse;

use std::io::{self, BufRead};

use self::header::{BLOCK, Block};
use self::pax::{Pax, decimal};
use self::sparse::{Piece, Segment, Sparse};
use crate::Limits;

/// Why a tar stream cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The bytes are no tar stream, or a broken one.
    #[error("the tar stream is broken at offset {offset}: {why}")]
    Malformed {
        /// Offset in the tar stream.
        offset: u64,
        /// What is wrong: one clause.
        why: &'static str,
    },
    /// The stream ends inside an entry or a header.
    #[error("the tar stream ends at offset {offset}, inside {inside}")]
    Truncated {
        /// Offset in the tar stream.
        offset: u64,
        /// What is cut.
        inside: &'static str,
    },
    /// A limit was reached.
    #[error("the tar stream goes over a limit at offset {offset}: {limit}")]
    TooLarge {
        /// Offset in the tar stream.
        offset: u64,
        /// Which limit: one clause.
        limit: &'static str,
    },
    /// The bytes could not be had.
    #[error("cannot read the tar stream at offset {offset}")]
    Read {
        /// Offset in the tar stream.
        offset: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// What kind of thing a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TarKind {
    /// A regular file, sparse or not.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A hard link.
    Hardlink,
    /// A device or pipe.
    Special,
    /// The records of a global PAX header; container runtimes ignore them. `true` when they would rename or resize entries.
    Global(bool),
    /// A type that the reader does not know.
    Unknown(u8),
}

/// One entry as its headers state it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarEntry {
    /// The name as written.
    pub name: Vec<u8>,
    /// The link target as written; empty for all but links.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: TarKind,
    /// Size of the content in bytes, holes included.
    pub size: u64,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Offset of the entry's header block in the stream.
    pub header_offset: u64,
    /// Offset of the content in the stream; `None` for sparse files, whose content lies in pieces.
    pub data_offset: Option<u64>,
}

/// Reads a tar stream entry by entry, without copying contents: they are handed out as pieces of the underlying buffer.
#[derive(Debug)]
pub struct TarReader<'l, R> {
    inner: R,
    limits: &'l Limits,
    entry: TarEntry,
    offset: u64,
    /// Stored bytes of the current entry that were not read yet.
    remaining: u64,
    padding: u64,
    sparse: Option<Sparse>,
    entries: u64,
    zeros_left: u64,
    /// Whether a reader of contents met the end of the stream.
    cut: bool,
    finished: bool,
}

/// What is cut when the stream ends in a content.
const CONTENT: &str = "the content of an entry";
/// What holes read as.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl<'l, R: BufRead> TarReader<'l, R> {
    /// A reader at the start of a tar stream.
    pub fn new(inner: R, limits: &'l Limits) -> TarReader<'l, R> {
        TarReader {
            inner,
            limits,
            entry: TarEntry {
                name: Vec::new(),
                link: Vec::new(),
                kind: TarKind::File,
                size: 0,
                mode: 0,
                header_offset: 0,
                data_offset: None,
            },
            offset: 0,
            remaining: 0,
            padding: 0,
            sparse: None,
            entries: 0,
            zeros_left: limits.sparse_zero_bytes,
            cut: false,
            finished: false,
        }
    }

    /// Bytes of the stream consumed so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The entry that [`TarReader::advance`] reached last.
    pub fn entry(&self) -> &TarEntry {
        &self.entry
    }

    /// The content of the current entry, from where it was left.
    pub fn content(&mut self) -> Content<'_, 'l, R> {
        Content { reader: self }
    }

    /// The error that a reader of the current content met and could only hand on as `UnexpectedEof`.
    pub(crate) fn cut(&self) -> Option<TarError> {
        self.cut.then_some(TarError::Truncated { offset: self.offset, inside: CONTENT })
    }

    /// Takes the rest of the current content as read, and gives the number of bytes that the caller must skip in the underlying reader before
    /// the next [`TarReader::advance`]: for readers that can seek.
    pub fn forget_content(&mut self) -> u64 {
        let bytes = self.remaining + std::mem::take(&mut self.padding);
        self.remaining = 0;
        self.sparse = None;
        self.offset = self.offset.saturating_add(bytes);
        bytes
    }

    /// The underlying reader.
    pub fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The underlying reader: right behind the end marker once `advance` has said `false`.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Skips what is left of the current entry and reads the headers of the next one. `false`: the archive ends here, at two zero blocks or at
    /// the end of the stream.
    pub fn advance(&mut self) -> Result<bool, TarError> {
        if self.finished {
            return Ok(false);
        }
        self.skip(self.remaining, CONTENT)?;
        self.remaining = 0;
        self.sparse = None;
        if !self.skip_padding()? {
            self.finished = true;
            return Ok(false);
        }
        let mut pax: Option<Pax> = None;
        let mut long_name: Option<Vec<u8>> = None;
        let mut long_link: Option<Vec<u8>> = None;
        let mut block = [0; BLOCK];
        loop {
            let at = self.offset;
            let malformed = |why| TarError::Malformed { offset: at, why };
            if !self.read_header(&mut block)? {
                self.finished = true;
                if pax.is_some() || long_name.is_some() || long_link.is_some() {
                    return Err(malformed("an extended header is followed by no entry"));
                }
                return Ok(false);
            }
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(TarError::TooLarge { offset: at, limit: "it has too many entries" });
            }
            let header = Block(&block);
            if !header.checksum_holds() {
                return Err(malformed("the checksum of a header is wrong"));
            }
            let size = header.size().ok_or(malformed("the size in a header is no number"))?;
            match header.typeflag() {
                b'x' | b'X' => {
                    let bytes = self.read_extended(size)?;
                    read_pax(pax.get_or_insert_default(), &bytes, at, self.limits)?;
                }
                b'g' => {
                    let bytes = self.read_extended(size)?;
                    let mut global = Pax::default();
                    read_pax(&mut global, &bytes, at, self.limits)?;
                    // Go hands global headers to its caller and applies them to nothing; runtimes then drop them.
                    self.set_plain(at, TarKind::Global(global.changes_entries()));
                    if pax.is_some() || long_name.is_some() || long_link.is_some() {
                        return Err(malformed("a global header stands between an entry and its extended header"));
                    }
                    return Ok(true);
                }
                b'L' => long_name = Some(text_of(self.read_extended(size)?)),
                b'K' => long_link = Some(text_of(self.read_extended(size)?)),
                _ => {
                    self.entry.header_offset = at;
                    self.take_entry(&block, size, pax.unwrap_or_default(), long_name, long_link)?;
                    return Ok(true);
                }
            }
        }
    }

    /// Sets the current entry from its header block and the extended headers before it.
    fn take_entry(
        &mut self,
        block: &[u8; BLOCK],
        header_size: u64,
        pax: Pax,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<(), TarError> {
        let at = self.entry.header_offset;
        let malformed = |why| TarError::Malformed { offset: at, why };
        let header = Block(block);
        header.name_into(&mut self.entry.name);
        self.entry.link.clear();
        self.entry.link.extend_from_slice(header.link_name());
        self.entry.mode = header.mode().ok_or(malformed("the mode in a header is no number"))?;
        // The size of a PAX record is the size; the field of the header may hold 0 or anything (CVE-2025-62518).
        let size = pax.size.unwrap_or(header_size);
        if let Some(path) = pax.path {
            self.entry.name = path;
        }
        if let Some(link) = pax.link {
            self.entry.link = link;
        }
        if let Some(name) = long_name {
            self.entry.name = name;
        }
        if let Some(link) = long_link {
            self.entry.link = link;
        }
        let typeflag = header.typeflag();
        self.entry.kind = match typeflag {
            // V7 knows directories only by the slash at the end.
            0 if self.entry.name.ends_with(b"/") => TarKind::Directory,
            0 | b'0' | b'7' | b'S' => TarKind::File,
            b'1' => TarKind::Hardlink,
            b'2' => TarKind::Symlink,
            b'3' | b'4' | b'6' => TarKind::Special,
            b'5' => TarKind::Directory,
            other => TarKind::Unknown(other),
        };
        if !matches!(self.entry.kind, TarKind::Symlink | TarKind::Hardlink) {
            self.entry.link.clear();
        }
        // Only files have content; a size in the header of anything else is ignored by Go's reader, so the next header follows at once.
        let has_content = matches!(self.entry.kind, TarKind::File | TarKind::Unknown(_));
        self.remaining = if has_content { size } else { 0 };
        self.entry.size = self.remaining;
        self.padding = padding(self.remaining);
        self.entry.data_offset = Some(self.offset);
        if size > i64::MAX as u64 {
            return Err(malformed("the size in a header is beyond 63 bits"));
        }
        if typeflag == b'S' {
            let (segments, real_size) = self.read_gnu_map(block)?;
            self.set_sparse(segments, real_size)?;
        } else if let Some((segments, real_size, name)) = self.pax_map(pax.sparse)? {
            if self.entry.kind != TarKind::File {
                return Err(malformed("something that is no file is said to be sparse"));
            }
            if let Some(name) = name {
                self.entry.name = name;
            }
            self.set_sparse(segments, real_size)?;
        }
        if self.entry.name.len() > self.limits.path_bytes || self.entry.link.len() > self.limits.path_bytes {
            return Err(TarError::TooLarge { offset: at, limit: "a name is too long" });
        }
        if self.entry.name.contains(&0) || self.entry.link.contains(&0) {
            return Err(malformed("a name holds a NUL"));
        }
        Ok(())
    }

    fn set_plain(&mut self, at: u64, kind: TarKind) {
        self.entry.name.clear();
        self.entry.link.clear();
        self.entry.kind = kind;
        self.entry.size = 0;
        self.entry.mode = 0;
        self.entry.header_offset = at;
        self.entry.data_offset = Some(self.offset);
        self.remaining = 0;
        self.padding = 0;
    }

    fn set_sparse(&mut self, segments: Vec<Segment>, real_size: u64) -> Result<(), TarError> {
        let offset = self.entry.header_offset;
        let sparse =
            Sparse::new(segments, real_size, self.remaining).map_err(|why| TarError::Malformed { offset, why })?;
        self.entry.size = sparse.real_size();
        self.entry.data_offset = None;
        self.sparse = Some(sparse);
        Ok(())
    }

    /// The map of an old GNU sparse file: four segments in the header, then blocks of 21. They are no part of the stored size.
    fn read_gnu_map(&mut self, block: &[u8; BLOCK]) -> Result<(Vec<Segment>, u64), TarError> {
        let at = self.entry.header_offset;
        let malformed = |why| TarError::Malformed { offset: at, why };
        let (first, mut extended, real_size) = Block(block).gnu_sparse();
        let real_size = real_size.ok_or(malformed("the real size of a sparse file is no number"))?;
        let mut segments = Vec::new();
        let mut take = |pairs: &[u8]| -> Result<(), TarError> {
            for pair in pairs.chunks_exact(24) {
                // The first empty slot ends the list.
                if pair[0] == 0 {
                    break;
                }
                if segments.len() >= self.limits.sparse_segments {
                    return Err(TarError::TooLarge { offset: at, limit: "a sparse file has too many segments" });
                }
                let offset = header::number(&pair[..12]).ok_or(malformed("a sparse segment holds no number"))?;
                let len = header::number(&pair[12..]).ok_or(malformed("a sparse segment holds no number"))?;
                segments.push(Segment { offset, len });
            }
            Ok(())
        };
        take(first)?;
        let mut blocks = 0;
        while extended {
            let mut more = [0; BLOCK];
            if !read_block(&mut self.inner, &mut self.offset, &mut more)? {
                return Err(TarError::Truncated { offset: self.offset, inside: "the map of a sparse file" });
            }
            blocks += 1;
            if blocks > self.limits.sparse_segments {
                return Err(TarError::TooLarge { offset: at, limit: "a sparse file has too many segments" });
            }
            take(&more[..504])?;
            extended = more[504] != 0;
        }
        self.entry.data_offset = None;
        Ok((segments, real_size))
    }

    /// The map of a PAX sparse file, if the records say that it is one: segments, real size, real name.
    #[allow(clippy::type_complexity, reason = "used once, right above")]
    fn pax_map(&mut self, sparse: pax::PaxSparse) -> Result<Option<(Vec<Segment>, u64, Option<Vec<u8>>)>, TarError> {
        let at = self.entry.header_offset;
        let malformed = |why| TarError::Malformed { offset: at, why };
        let segments = match (sparse.major, sparse.minor) {
            (Some(1), Some(0)) => None,
            (None | Some(0), None | Some(0 | 1)) => match sparse.segments {
                Some(segments) => Some(segments),
                None => return Ok(None),
            },
            _ => return Err(malformed("a sparse file has a format version that nobody defined")),
        };
        let real_size = sparse.real_size.ok_or(malformed("a sparse file states no real size"))?;
        let segments = match segments {
            Some(segments) => segments,
            None => self.read_map_in_content()?,
        };
        Ok(Some((segments, real_size, sparse.name)))
    }

    /// The map of format 1.0: decimal numbers, one per line, at the start of the content, filled up to a block.
    fn read_map_in_content(&mut self) -> Result<Vec<Segment>, TarError> {
        let at = self.entry.header_offset;
        let malformed = |why| TarError::Malformed { offset: at, why };
        let mut numbers: Vec<u64> = Vec::new();
        let mut digits: Vec<u8> = Vec::new();
        let mut wanted: Option<usize> = None;
        let mut block = [0; BLOCK];
        while wanted.is_none_or(|wanted| numbers.len() < wanted) {
            if self.remaining < BLOCK as u64 {
                return Err(malformed("the map of a sparse file is cut"));
            }
            if !read_block(&mut self.inner, &mut self.offset, &mut block)? {
                return Err(TarError::Truncated { offset: self.offset, inside: "the map of a sparse file" });
            }
            self.remaining -= BLOCK as u64;
            for byte in block {
                if wanted.is_some_and(|wanted| numbers.len() >= wanted) {
                    break;
                }
                if byte != b'\n' {
                    if digits.len() >= 20 {
                        return Err(malformed("the map of a sparse file holds no number"));
                    }
                    digits.push(byte);
                    continue;
                }
                let number = decimal(&digits).ok_or(malformed("the map of a sparse file holds no number"))?;
                digits.clear();
                if wanted.is_some() {
                    numbers.push(number);
                    continue;
                }
                let count = usize::try_from(number).unwrap_or(usize::MAX);
                if count > self.limits.sparse_segments {
                    return Err(TarError::TooLarge { offset: at, limit: "a sparse file has too many segments" });
                }
                wanted = Some(count * 2);
            }
        }
        Ok(numbers.chunks_exact(2).map(|pair| Segment { offset: pair[0], len: pair[1] }).collect())
    }

    /// Reads the content of an extended header.
    fn read_extended(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        const INSIDE: &str = "an extended header";
        if size > self.limits.header_bytes as u64 {
            return Err(TarError::TooLarge { offset: self.offset, limit: "an extended header is too large" });
        }
        let mut bytes = Vec::new();
        let mut left = size as usize;
        while left > 0 {
            let offset = self.offset;
            let buffer = fill(&mut self.inner, offset)?;
            if buffer.is_empty() {
                return Err(TarError::Truncated { offset, inside: INSIDE });
            }
            let len = buffer.len().min(left);
            bytes.extend_from_slice(&buffer[..len]);
            self.inner.consume(len);
            self.offset += len as u64;
            left -= len;
        }
        self.skip(padding(size), INSIDE)?;
        Ok(bytes)
    }

    /// Reads a header block. `false` at the end marker or at the end of the stream.
    fn read_header(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, TarError> {
        if !read_block(&mut self.inner, &mut self.offset, block)? {
            return Ok(false);
        }
        if block.iter().any(|byte| *byte != 0) {
            return Ok(true);
        }
        // Two zero blocks end an archive. A lone one does not for GNU tar, which goes on with a warning; neither do we.
        if !read_block(&mut self.inner, &mut self.offset, block)? {
            return Ok(false);
        }
        Ok(block.iter().any(|byte| *byte != 0))
    }

    /// Skips the zeros behind a content. `false`: the stream ends in them, which writers do that save the last block.
    fn skip_padding(&mut self) -> Result<bool, TarError> {
        let wanted = std::mem::take(&mut self.padding);
        match self.skip(wanted, "padding") {
            Ok(()) => Ok(true),
            Err(TarError::Truncated { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn skip(&mut self, mut bytes: u64, inside: &'static str) -> Result<(), TarError> {
        while bytes > 0 {
            let buffer = fill(&mut self.inner, self.offset)?;
            if buffer.is_empty() {
                return Err(TarError::Truncated { offset: self.offset, inside });
            }
            let len = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
            self.inner.consume(len);
            self.offset += len as u64;
            bytes -= len as u64;
        }
        Ok(())
    }
}

/// The content of one entry: pieces of the underlying buffer, or zeros for holes.
#[derive(Debug)]
pub struct Content<'a, 'l, R> {
    reader: &'a mut TarReader<'l, R>,
}

impl<R: BufRead> BufRead for Content<'_, '_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let reader = &mut *self.reader;
        let wanted = match &mut reader.sparse {
            None => reader.remaining,
            Some(sparse) => match sparse.piece() {
                Piece::Data(len) => len,
                Piece::Hole(0) | Piece::End => 0,
                Piece::Hole(len) => {
                    let len = len.min(reader.zeros_left).min(ZEROS.len() as u64) as usize;
                    if len == 0 {
                        return Err(io::Error::new(
                            io::ErrorKind::FileTooLarge,
                            "the holes of sparse files give more zeros than the limit",
                        ));
                    }
                    return Ok(&ZEROS[..len]);
                }
            },
        };
        if wanted == 0 {
            return Ok(&[]);
        }
        let buffer = reader.inner.fill_buf()?;
        if buffer.is_empty() {
            reader.cut = true;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let len = usize::try_from(wanted).unwrap_or(usize::MAX).min(buffer.len());
        Ok(&buffer[..len])
    }

    fn consume(&mut self, amount: usize) {
        let reader = &mut *self.reader;
        let amount = amount as u64;
        if let Some(sparse) = &mut reader.sparse {
            let hole = match sparse.piece() {
                Piece::Hole(len) => Some(len),
                Piece::Data(_) => None,
                Piece::End => return,
            };
            sparse.advance(amount);
            if let Some(len) = hole {
                reader.zeros_left = reader.zeros_left.saturating_sub(amount.min(len));
                return;
            }
        }
        let amount = amount.min(reader.remaining);
        reader.inner.consume(amount as usize);
        reader.offset += amount;
        reader.remaining -= amount;
    }
}

impl<R: BufRead> io::Read for Content<'_, '_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.consume(len);
        Ok(len)
    }
}

fn read_pax(pax: &mut Pax, bytes: &[u8], at: u64, limits: &Limits) -> Result<(), TarError> {
    pax.read(bytes, limits.sparse_segments)
        .map_err(|(inside, why)| TarError::Malformed { offset: at + BLOCK as u64 + inside as u64, why })
}

fn text_of(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(header::text(&bytes).len());
    bytes
}

/// Bytes between a content and the next block.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

fn fill<R: BufRead>(inner: &mut R, offset: u64) -> Result<&[u8], TarError> {
    inner.fill_buf().map_err(|source| TarError::Read { offset, source })
}

/// Reads one block. `false` at the end of the stream, or where only zeros are left of a cut block.
fn read_block<R: BufRead>(inner: &mut R, offset: &mut u64, block: &mut [u8; BLOCK]) -> Result<bool, TarError> {
    let mut filled = 0;
    while filled < BLOCK {
        let buffer = fill(inner, *offset)?;
        if buffer.is_empty() {
            if block[..filled].iter().all(|byte| *byte == 0) {
                return Ok(false);
            }
            return Err(TarError::Truncated { offset: *offset, inside: "a header" });
        }
        let len = buffer.len().min(BLOCK - filled);
        block[filled..filled + len].copy_from_slice(&buffer[..len]);
        inner.consume(len);
        *offset += len as u64;
        filled += len;
    }
    Ok(true)
}
