//! What a layer is packed with: told by its first bytes, whatever the media type says.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// How bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several, skippable ones included.
    Zstd,
}

impl Compression {
    /// Looks at the first bytes of a stream (four suffice).
    pub fn sniff(start: &[u8]) -> Compression {
        match start {
            [0x1F, 0x8B, 8, ..] => Compression::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Compression::Zstd,
            // A skippable frame may come first; its magic has sixteen forms. Source: RFC 8878, section 3.1.2.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// Unpacks a stream, whatever it is packed with. What is not packed passes through.
///
/// Errors: `InvalidData` or `UnexpectedEof` for broken and cut streams, else the errors of the reader below.
pub struct Unpacked<R: BufRead>(Kind<R>);

impl<R: BufRead> std::fmt::Debug for Unpacked<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unpacked({})", self.compression().name())
    }
}

enum Kind<R: BufRead> {
    Plain(R),
    Gzip(Gzip<R>),
    Zstd(Box<zstd::stream::read::Decoder<'static, R>>),
}

enum Gzip<R> {
    Member(Box<GzDecoder<R>>),
    End {
        rest: R,
        /// Whether something that is no gzip member follows the last one.
        trailing: bool,
    },
    Broken,
}

/// How many first bytes [`Compression::sniff`] wants to see.
pub(crate) const MAGIC: usize = 4;

impl<R: BufRead> Unpacked<R> {
    /// Sniffs the stream and prepares to unpack it. The reader's buffer must give its first four bytes in one piece.
    pub fn new(mut inner: R) -> io::Result<Unpacked<R>> {
        let start = inner.fill_buf()?;
        Ok(Unpacked(match Compression::sniff(start) {
            Compression::None => Kind::Plain(inner),
            Compression::Gzip => Kind::Gzip(Gzip::Member(Box::new(GzDecoder::new(inner)))),
            Compression::Zstd => Kind::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(inner)?)),
        }))
    }

    /// What the stream is packed with.
    pub fn compression(&self) -> Compression {
        match self.0 {
            Kind::Plain(_) => Compression::None,
            Kind::Gzip(_) => Compression::Gzip,
            Kind::Zstd(_) => Compression::Zstd,
        }
    }

    /// Whether bytes that belong to no gzip member follow the last member. Known once the end was read.
    pub fn has_trailing(&self) -> bool {
        matches!(self.0, Kind::Gzip(Gzip::End { trailing: true, .. }))
    }

    /// The reader of the stored bytes; `None` after a broken gzip stream.
    pub fn get_mut(&mut self) -> Option<&mut R> {
        match &mut self.0 {
            Kind::Plain(inner) => Some(inner),
            Kind::Gzip(Gzip::Member(member)) => Some(member.get_mut()),
            Kind::Gzip(Gzip::End { rest, .. }) => Some(rest),
            Kind::Gzip(Gzip::Broken) => None,
            Kind::Zstd(decoder) => Some(decoder.get_mut()),
        }
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(inner) => inner.read(out),
            Kind::Zstd(decoder) => decoder.read(out),
            Kind::Gzip(gzip) => gzip.read(out),
        }
    }
}

impl<R: BufRead> Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Gzip::Member(member) = self else { return Ok(0) };
            let len = member.read(out)?;
            if len > 0 || out.is_empty() {
                return Ok(len);
            }
            // RFC 1952, section 2.2: members follow each other with nothing between. What else follows is no data: gzip(1) and pigz ignore it
            // with a warning, Go refuses it; the caller is told.
            let Gzip::Member(member) = std::mem::replace(self, Gzip::Broken) else { return Ok(0) };
            let mut rest = member.into_inner();
            let next = rest.fill_buf()?;
            *self = match next {
                [0x1F, ..] if next.len() < 3 || next.starts_with(&[0x1F, 0x8B, 8]) => {
                    Gzip::Member(Box::new(GzDecoder::new(rest)))
                }
                next => {
                    let trailing = !next.is_empty();
                    Gzip::End { rest, trailing }
                }
            };
        }
    }
}
