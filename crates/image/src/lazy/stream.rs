//! The tar stream of a layer that is fetched in parts: contents that nobody reads are passed over, all else is unpacked and verified.

use std::io::{self, BufRead, Cursor, Read};

use signet_model::Hasher;

use super::contents::Chunk;
use super::locate::Contents;
use super::pieces::{Piece, extent};
use super::{LazyError, OpenRange};
use crate::compression::Unpacked;

/// Bytes that are unpacked at once.
const BUFFER: usize = 64 << 10;
/// Most ranges of one layer. Beyond that many round trips the whole layer is there sooner.
const MOST_REQUESTS: u32 = 4096;

/// Fetches pieces in order, several in one range.
struct Fetch<'a> {
    open: &'a mut OpenRange<'a>,
    /// The bytes that follow, where they begin, and where they end.
    running: Option<(Box<dyn Read + Send>, u64, u64)>,
    fetched: u64,
    requests: u32,
}

impl Fetch<'_> {
    /// The bytes of a piece; where a range must be opened for it, all of `ahead` is asked for.
    fn piece(&mut self, piece: &Piece, ahead: std::ops::Range<u64>) -> Result<Vec<u8>, LazyError> {
        let (start, end) = (piece.range.start, piece.range.end);
        let fits = |(_, at, until): &(Box<dyn Read + Send>, u64, u64)| *at <= start && end <= *until;
        let (mut reader, at, until) = match self.running.take().filter(fits) {
            Some(running) => running,
            None => {
                self.requests += 1;
                if self.requests > MOST_REQUESTS {
                    return Err(LazyError::TooLarge { limit: "it would take too many requests" });
                }
                self.fetched += ahead.end - ahead.start;
                let reader = (self.open)(ahead.clone()).map_err(LazyError::Fetch)?;
                (reader, ahead.start, ahead.end)
            }
        };
        let passed = io::copy(&mut reader.by_ref().take(start - at), &mut io::sink()).map_err(LazyError::Fetch)?;
        let mut bytes = Vec::with_capacity(usize::try_from(end - start).unwrap_or_default());
        reader.by_ref().take(end - start).read_to_end(&mut bytes).map_err(LazyError::Fetch)?;
        if passed != start - at || bytes.len() as u64 != end - start {
            return Err(LazyError::Fetch(io::ErrorKind::UnexpectedEof.into()));
        }
        self.running = Some((reader, end, until));
        Ok(bytes)
    }
}

/// See the module. Headers come only from between the chunks, contents only from the chunks that [`Stream::enter`] announced.
pub(super) struct Stream<'a> {
    contents: &'a Contents,
    pieces: &'a [Piece],
    plan: Vec<bool>,
    fetch: Fetch<'a>,
    /// The present piece, and what is left of it once it was opened.
    at: usize,
    piece: Option<Unpacked<Cursor<Vec<u8>>>>,
    /// Unpacked bytes of the piece that were read.
    inner: u64,
    /// The first chunk that was not read to its end, and the one behind the last that may be read now.
    chunk: u32,
    until: u32,
    /// Of the chunk that is being read: what is left, and the hash so far.
    reading: Option<(u64, Hasher)>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    total: u64,
    limit: u64,
    /// Why it cannot be read further. Readers above may swallow an error.
    failure: Option<LazyError>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(
        contents: &'a Contents,
        pieces: &'a [Piece],
        plan: Vec<bool>,
        open: &'a mut OpenRange<'a>,
        limit: u64,
    ) -> Stream<'a> {
        let (fetched, requests) = contents.cost;
        Stream {
            contents,
            pieces,
            plan,
            fetch: Fetch { open, running: None, fetched, requests },
            at: 0,
            piece: None,
            inner: 0,
            chunk: 0,
            until: 0,
            reading: None,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            total: 0,
            limit,
            failure: None,
        }
    }

    /// Bytes asked for and ranges so far.
    pub(super) fn cost(&self) -> (u64, u32) {
        (self.fetch.fetched, self.fetch.requests)
    }

    /// Why it could not be read further, if that happened.
    pub(super) fn failure(&mut self) -> Option<LazyError> {
        self.failure.take()
    }

    /// The content that follows is that of these chunks. They must begin right here: else the archive has the content in another place than the table.
    pub(super) fn enter(&mut self, chunks: (u32, u32)) -> Result<(), LazyError> {
        self.until = chunks.1;
        if self.start < self.end || self.reading.is_some() || self.chunk != chunks.0 {
            return Err(self.part("hold no content where the table of contents has it"));
        }
        if self.is_at_chunk() {
            return Ok(());
        }
        // The piece must end where the chunk's begins.
        self.leave()?;
        if self.is_at_chunk() { Ok(()) } else { Err(self.part("hold no content where the table of contents has it")) }
    }

    /// Passes over that many bytes. Chunks that lie alone in their pieces are not fetched.
    pub(super) fn skip(&mut self, mut bytes: u64) -> Result<(), LazyError> {
        while bytes > 0 {
            if self.start < self.end {
                let count = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.end - self.start);
                self.start += count;
                bytes -= count as u64;
                continue;
            }
            if let Some(size) = self.passable()?.filter(|size| *size <= bytes) {
                self.count(size)?;
                bytes -= size;
                self.chunk += 1;
                self.at += 1;
                self.inner = 0;
                continue;
            }
            self.refill()?;
            if self.start == self.end {
                return Err(self.part("end inside an entry"));
            }
        }
        Ok(())
    }

    /// Reads what is left behind the end of the archive, which must be zeros.
    pub(super) fn drain(&mut self) -> Result<(), LazyError> {
        loop {
            if self.start == self.end {
                self.refill()?;
            }
            let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            if rest.iter().any(|byte| *byte != 0) {
                return Err(self.part("go on behind the end of the archive"));
            }
            self.start = self.end;
        }
    }

    fn part(&self, why: &'static str) -> LazyError {
        LazyError::Part { offset: self.pieces.get(self.at).map_or(self.contents.end, |piece| piece.range.start), why }
    }

    fn next_chunk(&self) -> Option<&'a Chunk> {
        self.contents.table.chunks.get(self.chunk as usize)
    }

    /// Whether the next chunk begins right here.
    fn is_at_chunk(&self) -> bool {
        let Some(piece) = self.pieces.get(self.at) else { return false };
        (piece.chunks.0..piece.chunks.1).contains(&self.chunk)
            && self.next_chunk().is_some_and(|chunk| chunk.inner == self.inner)
    }

    /// The size of the chunk that comes now, if its piece was not opened and need not be.
    fn passable(&mut self) -> Result<Option<u64>, LazyError> {
        if self.chunk >= self.until || self.reading.is_some() {
            return Ok(None);
        }
        if !self.is_at_chunk() {
            // Behind a chunk that was read.
            self.leave()?;
        }
        let alone = self.pieces.get(self.at).is_some_and(|piece| piece.alone);
        Ok((alone && self.piece.is_none() && self.is_at_chunk())
            .then(|| self.next_chunk().map(|chunk| chunk.size))
            .flatten())
    }

    /// Goes on to the next piece; the present one must be read to its end.
    fn leave(&mut self) -> Result<(), LazyError> {
        if self.piece.is_none() {
            self.open()?;
        }
        let mut byte = [0];
        let more = match &mut self.piece {
            Some(piece) => piece.read(&mut byte).map_err(|_| self.part("cannot be unpacked"))?,
            None => 0,
        };
        if more > 0 || self.piece.as_ref().is_some_and(Unpacked::has_trailing) {
            return Err(self.part("hold more than the table of contents says"));
        }
        self.piece = None;
        self.at += 1;
        self.inner = 0;
        Ok(())
    }

    /// Fetches the present piece. Behind the last one comes the table itself, as the archive's own last entry.
    fn open(&mut self) -> Result<(), LazyError> {
        let bytes = match self.pieces.get(self.at) {
            Some(piece) => {
                if !self.plan.get(self.at).copied().unwrap_or(true) {
                    // Whoever reads on behind a file's first chunk mostly reads all of it.
                    for place in self.at..self.pieces.len() {
                        let more = self.pieces.get(place).is_some_and(|other| other.chunks.0 < self.until);
                        match self.plan.get_mut(place) {
                            Some(plan) if more => *plan = true,
                            _ => break,
                        }
                    }
                }
                let (ahead, _) = extent(self.pieces, &self.plan, self.at);
                self.fetch.piece(piece, ahead)?
            }
            None if self.at == self.pieces.len() => self.contents.own.clone(),
            None => Vec::new(),
        };
        if bytes.is_empty() {
            return Ok(());
        }
        let unpacked = Unpacked::new(Cursor::new(bytes)).map_err(|_| self.part("cannot be unpacked"))?;
        if unpacked.compression() != self.contents.compression {
            return Err(self.part("are not packed as the rest of the layer"));
        }
        self.piece = Some(unpacked);
        Ok(())
    }

    fn refill(&mut self) -> Result<(), LazyError> {
        let filled = self.fill();
        if filled.is_err() {
            self.end = self.start;
        }
        filled
    }

    /// Unpacks the next bytes. They never reach over the end of a chunk or into the next one.
    fn fill(&mut self) -> Result<(), LazyError> {
        self.start = 0;
        self.end = 0;
        loop {
            if self.reading.is_none() && self.is_at_chunk() {
                let Some(chunk) = self.next_chunk().filter(|_| self.chunk < self.until) else {
                    return Err(self.part("hold content where the archive has a header"));
                };
                self.reading = Some((chunk.size, Hasher::new(chunk.digest.algorithm())));
            }
            // Inside a file nothing stands between its chunks: no bytes but verified ones may pass for content.
            if self.reading.is_none() && self.chunk < self.until {
                if self.at >= self.pieces.len() {
                    return Err(self.part("end inside a file"));
                }
                self.leave()?;
                continue;
            }
            if self.piece.is_none() {
                if self.at > self.pieces.len() {
                    return Ok(());
                }
                self.open()?;
            }
            let here =
                self.pieces.get(self.at).is_some_and(|piece| (piece.chunks.0..piece.chunks.1).contains(&self.chunk));
            let most = match (&self.reading, self.next_chunk()) {
                (Some((left, _)), _) => *left,
                (None, Some(chunk)) if here => match chunk.inner.checked_sub(self.inner) {
                    Some(before) => before,
                    None => return Err(self.part("hold chunks that overlap")),
                },
                _ => u64::MAX,
            };
            let most = usize::try_from(most).unwrap_or(usize::MAX).min(self.buffer.len());
            let room = self.buffer.get_mut(..most).unwrap_or_default();
            let count = match &mut self.piece {
                Some(piece) => piece.read(room),
                None => Ok(0),
            };
            let count = count.map_err(|_| self.part("cannot be unpacked"))?;
            if count == 0 {
                if self.reading.is_some() || here {
                    return Err(self.part("end inside a chunk"));
                }
                self.leave()?;
                continue;
            }
            self.inner += count as u64;
            self.count(count as u64)?;
            self.end = count;
            return self.hash(count);
        }
    }

    /// Hashes bytes of a chunk; at its end the digest must hold.
    fn hash(&mut self, count: usize) -> Result<(), LazyError> {
        let Some((left, mut hasher)) = self.reading.take() else { return Ok(()) };
        hasher.update(self.buffer.get(..count).unwrap_or_default());
        let left = left.saturating_sub(count as u64);
        if left > 0 {
            self.reading = Some((left, hasher));
            return Ok(());
        }
        if self.next_chunk().is_none_or(|chunk| chunk.digest != hasher.finish()) {
            self.end = 0;
            return Err(self.part("are not those that the table of contents names"));
        }
        self.chunk += 1;
        Ok(())
    }

    fn count(&mut self, bytes: u64) -> Result<(), LazyError> {
        self.total = self.total.saturating_add(bytes);
        if self.total > self.limit {
            return Err(LazyError::TooLarge { limit: "it unpacks to too many bytes" });
        }
        Ok(())
    }
}

impl BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failure.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.start == self.end
            && let Err(failure) = self.refill()
        {
            self.failure = Some(failure);
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}
