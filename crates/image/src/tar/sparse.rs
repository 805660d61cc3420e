//! Sparse files: where the data lies, and the zeros between.

/// A run of data of a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// The map of one sparse file and how far it was read.
#[derive(Debug)]
pub(crate) struct Sparse {
    segments: Vec<Segment>,
    real_size: u64,
    next: usize,
    at: u64,
}

/// What stands at the current position of a sparse file.
pub(crate) enum Piece {
    /// This many bytes of the archive.
    Data(u64),
    /// This many zeros.
    Hole(u64),
    /// Nothing: the file ends.
    End,
}

impl Sparse {
    /// Checks a map: in order, without overlap, inside the real size, and together not more than the archive stores.
    pub(crate) fn new(segments: Vec<Segment>, real_size: u64, stored: u64) -> Result<Sparse, &'static str> {
        let mut end = 0;
        let mut sum = 0u64;
        for segment in &segments {
            if segment.offset < end {
                return Err("the segments of a sparse file overlap or are out of order");
            }
            end = segment.offset.checked_add(segment.len).ok_or("a sparse segment ends beyond 64 bits")?;
            sum = sum.checked_add(segment.len).ok_or("a sparse segment ends beyond 64 bits")?;
        }
        if end > real_size {
            return Err("a sparse segment lies behind the end of its file");
        }
        if sum > stored {
            return Err("a sparse file claims more data than the archive holds");
        }
        Ok(Sparse { segments, real_size, next: 0, at: 0 })
    }

    pub(crate) fn real_size(&self) -> u64 {
        self.real_size
    }

    pub(crate) fn piece(&mut self) -> Piece {
        while let Some(segment) = self.segments.get(self.next) {
            let end = segment.offset + segment.len;
            if self.at < segment.offset {
                return Piece::Hole(segment.offset - self.at);
            }
            if self.at < end {
                return Piece::Data(end - self.at);
            }
            self.next += 1;
        }
        match self.real_size - self.at {
            0 => Piece::End,
            rest => Piece::Hole(rest),
        }
    }

    pub(crate) fn advance(&mut self, bytes: u64) {
        self.at = self.at.saturating_add(bytes).min(self.real_size);
    }
}
