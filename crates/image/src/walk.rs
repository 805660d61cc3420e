//! One pass over a layer: hash the stored bytes, unpack, hash the tar stream, walk its entries, show each to a visitor.

use std::io::{self, BufRead, Read};

use signet_model::{Algorithm, Digest, Hasher, Location, Unexamined, UnexaminedKind};

use crate::compression::{Compression, MAGIC, Unpacked};
use crate::index::{IndexFull, LayerIndex, LayerIndexBuilder};
use crate::path::{normalize, normalize_into, push_text, split};
use crate::tar::{TarError, TarKind, TarReader};
use crate::{Entry, EntryKind, Limits, Visitor};

/// What one pass over a layer found. Both digests are over all bytes up to the end of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRead {
    /// Digest of the bytes as stored.
    pub digest: Digest,
    /// Digest of the uncompressed tar stream.
    pub diff_id: Digest,
    /// Bytes as stored.
    pub size: u64,
    /// Bytes of the uncompressed tar stream.
    pub uncompressed_size: u64,
    /// What the layer was packed with.
    pub compression: Compression,
    /// Every path of the layer.
    pub index: LayerIndex,
    /// Entries and stretches of the stream that could not be looked at. `layer` is set to the diffID.
    pub unexamined: Vec<Unexamined>,
}

/// Why a layer could not be read to its end. Nothing that was seen of it may be believed: its digest is not known.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The stored bytes could not be had.
    #[error("cannot read the stored bytes of the layer at offset {offset}")]
    Read {
        /// Offset in the stored bytes.
        offset: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The compressed stream is broken or cut.
    #[error(
        "the {} stream of the layer is broken or cut at offset {offset}, after {unpacked} bytes of tar",
        compression.name()
    )]
    Compression {
        /// The format.
        compression: Compression,
        /// Offset in the stored bytes: at most one buffer behind the place.
        offset: u64,
        /// How many bytes were unpacked before.
        unpacked: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The tar stream is broken, cut or over a limit.
    #[error(transparent)]
    Tar(TarError),
    /// The uncompressed layer is larger than the limit.
    #[error("the layer unpacks to more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The paths of the layer take more memory than the limit.
    #[error(transparent)]
    Index(IndexFull),
    /// The visitor gave up.
    #[error("cannot examine `{path}`")]
    Visit {
        /// The entry that it looked at.
        path: String,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

impl LayerError {
    /// The class of the failure.
    pub fn kind(&self) -> UnexaminedKind {
        match self {
            LayerError::Read { .. } => UnexaminedKind::Unreadable,
            LayerError::Compression { .. } => UnexaminedKind::Malformed,
            LayerError::Tar(TarError::TooLarge { .. }) => UnexaminedKind::TooLarge,
            LayerError::Tar(TarError::Read { .. }) => UnexaminedKind::Unreadable,
            LayerError::Tar(_) => UnexaminedKind::Malformed,
            LayerError::TooLarge { .. } | LayerError::Index(_) => UnexaminedKind::TooLarge,
            LayerError::Visit { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => {
                UnexaminedKind::TooLarge
            }
            LayerError::Visit { .. } => UnexaminedKind::Unreadable,
        }
    }
}

/// Walks a layer in one pass, with SHA-256 for both digests.
pub fn walk_layer(reader: impl Read, limits: &Limits, visitor: &mut dyn Visitor) -> Result<LayerRead, LayerError> {
    walk_layer_with(reader, Algorithms::default(), limits, visitor)
}

/// The hash algorithms by which a layer will be compared with what its manifest and configuration state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// For the stored bytes.
    pub digest: Algorithm,
    /// For the tar stream.
    pub diff_id: Algorithm,
}

impl Default for Algorithms {
    fn default() -> Algorithms {
        Algorithms { digest: Algorithm::Sha256, diff_id: Algorithm::Sha256 }
    }
}

/// Walks a layer in one pass: the stored bytes are read once, to their end; nothing is kept but the index.
///
/// The visitor sees every entry but whiteouts, whose effect is in the index, in the order of the stream. Memory: two buffers of 128 KiB, the
/// decoder's window, and the index.
pub fn walk_layer_with(
    reader: impl Read,
    algorithms: Algorithms,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<LayerRead, LayerError> {
    let stored = Stored::new(reader, algorithms.digest);
    let unpacked = match Unpacked::new(stored) {
        Ok(unpacked) => unpacked,
        Err(source) => return Err(LayerError::Read { offset: 0, source }),
    };
    let mut stream = TarStream::new(unpacked, algorithms, limits.layer_bytes);
    let mut walk = Walk::new(limits);
    let walked = walk.run(&mut stream, limits, visitor);
    // A failure of the stream is the reason, however it came up through the tar reader or the visitor.
    let tar_end = match (stream.failure.take(), walked) {
        (Some(failure), _) => return Err(failure),
        (None, walked) => walked?,
    };
    let trailing = match stream.drain() {
        Ok(trailing) => trailing,
        Err(error) => return Err(stream.failure.take().unwrap_or(LayerError::Read { offset: 0, source: error })),
    };
    if let Some(offset) = trailing {
        walk.note(
            UnexaminedKind::Malformed,
            "",
            format!(
                "the layer goes on at offset {offset}, behind the end of its archive at {tar_end}; container runtimes do not read that"
            ),
        );
    }
    if stream.unpacked.has_trailing() {
        walk.note(
            UnexaminedKind::Malformed,
            "",
            format!("bytes that are no gzip member follow the last one, before offset {}", stream.stored_offset()),
        );
    }
    let uncompressed_size = stream.total;
    let compression = stream.unpacked.compression();
    let (digest, size, diff_id) = stream.finish()?;
    let (index, mut unexamined) = walk.finish();
    for one in &mut unexamined {
        one.location.layer = Some(diff_id);
    }
    Ok(LayerRead { digest, diff_id, size, uncompressed_size, compression, index, unexamined })
}

/// How large the buffers are: big enough for few calls, small enough to stay in the second-level cache.
const BUFFER: usize = 128 << 10;

/// The stored bytes: buffered, and hashed as they come.
struct Stored<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    read: u64,
    hasher: Hasher,
    failed: bool,
}

impl<R: Read> Stored<R> {
    fn new(inner: R, algorithm: Algorithm) -> Stored<R> {
        Stored {
            inner,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            read: 0,
            hasher: Hasher::new(algorithm),
            failed: false,
        }
    }
}

impl<R: Read> BufRead for Stored<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            // Filled whole where the reader gives small pieces: hashing and sniffing like large ones.
            while self.end < self.buffer.len() {
                match self.inner.read(&mut self.buffer[self.end..]) {
                    Ok(0) => break,
                    Ok(len) => {
                        self.end += len.min(self.buffer.len() - self.end);
                        if self.end >= MAGIC.max(self.buffer.len() / 2) {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.failed = true;
                        return Err(error);
                    }
                }
            }
            self.hasher.update(&self.buffer[..self.end]);
            self.read += self.end as u64;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

impl<R: Read> Read for Stored<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.consume(len);
        Ok(len)
    }
}

/// The tar stream: unpacked into one buffer and hashed there. A layer that is not packed is read from the buffer of the stored bytes, and its
/// two digests are one.
struct TarStream<R: Read> {
    unpacked: Unpacked<Stored<R>>,
    plain: bool,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    total: u64,
    limit: u64,
    hasher: Hasher,
    failure: Option<LayerError>,
}

impl<R: Read> TarStream<R> {
    fn new(unpacked: Unpacked<Stored<R>>, algorithms: Algorithms, limit: u64) -> TarStream<R> {
        let plain = unpacked.compression() == Compression::None && algorithms.digest == algorithms.diff_id;
        TarStream {
            unpacked,
            plain,
            buffer: vec![0; if plain { 0 } else { BUFFER }].into_boxed_slice(),
            start: 0,
            end: 0,
            total: 0,
            limit,
            hasher: Hasher::new(algorithms.diff_id),
            failure: None,
        }
    }

    fn stored_offset(&mut self) -> u64 {
        self.unpacked.get_mut().map_or(0, |stored| stored.read - (stored.end - stored.start) as u64)
    }

    /// Unpacks the next piece of the stream. Keeps the reason of a failure, because the error travels up through the tar reader and visitors.
    fn refill(&mut self) -> io::Result<()> {
        self.start = 0;
        self.end = 0;
        while self.end < self.buffer.len() {
            match self.unpacked.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(len) => self.end += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    let unpacked = self.total + self.end as u64;
                    let offset = self.stored_offset();
                    let failed = self.unpacked.get_mut().is_none_or(|stored| stored.failed);
                    self.failure = Some(match self.unpacked.compression() {
                        Compression::None => LayerError::Read { offset, source: error },
                        _ if failed => LayerError::Read { offset, source: error },
                        compression => LayerError::Compression { compression, offset, unpacked, source: error },
                    });
                    self.end = 0;
                    return Err(kind.into());
                }
            }
        }
        self.hasher.update(&self.buffer[..self.end]);
        self.count(self.end as u64)
    }

    fn count(&mut self, bytes: u64) -> io::Result<()> {
        self.total += bytes;
        if self.total > self.limit {
            self.failure = Some(LayerError::TooLarge { limit: self.limit });
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(())
    }

    /// Reads on to the end of the stream. Gives the offset of the first byte that is not zero.
    fn drain(&mut self) -> io::Result<Option<u64>> {
        let mut found = None;
        let mut at = self.total - (self.end - self.start) as u64;
        if self.plain {
            at = self.total;
        }
        loop {
            let buffer = self.fill_buf()?;
            if buffer.is_empty() {
                return Ok(found);
            }
            let len = buffer.len();
            if found.is_none()
                && let Some(nonzero) = buffer.iter().position(|byte| *byte != 0)
            {
                found = Some(at + nonzero as u64);
            }
            at += len as u64;
            self.consume(len);
        }
    }

    fn finish(mut self) -> Result<(Digest, u64, Digest), LayerError> {
        let plain = self.plain;
        let diff_id = self.hasher.finish();
        let Some(stored) = self.unpacked.get_mut() else {
            // Cannot be: a broken gzip stream has failed before. An error all the same, not a panic.
            return Err(LayerError::Read { offset: 0, source: io::ErrorKind::InvalidData.into() });
        };
        // What lies behind the last gzip member still belongs to the blob.
        loop {
            let len = match stored.fill_buf() {
                Ok([]) => break,
                Ok(buffer) => buffer.len(),
                Err(source) => return Err(LayerError::Read { offset: stored.read, source }),
            };
            stored.consume(len);
        }
        let digest = stored.hasher.clone().finish();
        Ok((digest, stored.read, if plain { digest } else { diff_id }))
    }
}

impl<R: Read> BufRead for TarStream<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.plain {
            if self.start == self.end {
                self.refill()?;
            }
            return Ok(&self.buffer[self.start..self.end]);
        }
        if self.total > self.limit {
            self.count(0)?;
        }
        let Some(stored) = self.unpacked.get_mut() else { return Ok(&[]) };
        match stored.fill_buf() {
            Ok(buffer) => Ok(buffer),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(LayerError::Read { offset: self.total, source: error });
                Err(kind.into())
            }
        }
    }

    fn consume(&mut self, amount: usize) {
        if !self.plain {
            self.start = (self.start + amount).min(self.end);
            return;
        }
        self.total += amount as u64;
        if let Some(stored) = self.unpacked.get_mut() {
            stored.consume(amount);
        }
    }
}

impl<R: Read> Read for TarStream<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.consume(len);
        Ok(len)
    }
}

/// Marks a file that removes the file of that name in lower layers. Source: OCI image-spec, `layer.md`, "Whiteouts".
const WHITEOUT: &str = ".wh.";
/// Begins the names of AUFS's own files, which mean nothing outside AUFS.
const AUFS: &str = ".wh..wh.";
/// Hides all that lower layers have in its directory.
const OPAQUE: &str = ".wh..wh..opq";

/// Turns tar entries into what the visitor and the index see.
pub(crate) struct Walk {
    entry: Entry,
    index: LayerIndexBuilder,
    unexamined: Vec<Unexamined>,
    /// Notes beyond the cap are counted, not kept: a hostile layer can ask for millions.
    more_unexamined: u64,
}

/// How many things that could not be looked at are named one by one.
const MAX_NOTES: usize = 1000;

impl Walk {
    pub(crate) fn new(limits: &Limits) -> Walk {
        Walk {
            entry: Entry { path: String::new(), kind: EntryKind::File, size: 0, mode: 0, link: None },
            index: LayerIndexBuilder::new(limits.index_bytes),
            unexamined: Vec::new(),
            more_unexamined: 0,
        }
    }

    fn note(&mut self, kind: UnexaminedKind, path: &str, why: String) {
        if self.unexamined.len() >= MAX_NOTES {
            self.more_unexamined += 1;
            return;
        }
        self.unexamined.push(Unexamined { location: Location::of_path(path), kind, by: "image", why });
    }

    /// Walks the archive to its end marker, and gives the offset of that.
    fn run<R: BufRead>(&mut self, stream: R, limits: &Limits, visitor: &mut dyn Visitor) -> Result<u64, LayerError> {
        let mut tar = TarReader::new(stream, limits);
        while tar.advance().map_err(LayerError::Tar)? {
            self.take(&mut tar, visitor)?;
        }
        Ok(tar.offset())
    }

    /// What was found: the index, and what could not be looked at.
    pub(crate) fn finish(mut self) -> (LayerIndex, Vec<Unexamined>) {
        if self.more_unexamined > 0 {
            let why = format!("{} more entries could not be looked at", self.more_unexamined);
            self.unexamined.push(Unexamined {
                location: Location::default(),
                kind: UnexaminedKind::Malformed,
                by: "image",
                why,
            });
        }
        (self.index.finish(), self.unexamined)
    }

    /// Takes the entry that the reader stands at.
    pub(crate) fn take<R: BufRead>(
        &mut self,
        tar: &mut TarReader<'_, R>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), LayerError> {
        let header = tar.entry();
        let offset = header.header_offset;
        normalize_into(&mut self.entry.path, &header.name);
        self.entry.kind = match header.kind {
            TarKind::File => EntryKind::File,
            TarKind::Directory => EntryKind::Directory,
            TarKind::Symlink => EntryKind::Symlink,
            TarKind::Hardlink => EntryKind::Hardlink,
            TarKind::Special => EntryKind::Special,
            TarKind::Global(false) => return Ok(()),
            TarKind::Global(true) => {
                let why = format!(
                    "a global PAX header at offset {offset} renames or resizes entries; container runtimes ignore that, and so did we"
                );
                self.note(UnexaminedKind::Unsupported, "", why);
                return Ok(());
            }
            TarKind::Unknown(flag) => {
                let path = std::mem::take(&mut self.entry.path);
                let why = format!("the entry at offset {offset} is of the unknown type {:?}", char::from(flag));
                self.note(UnexaminedKind::Unsupported, &path, why);
                return Ok(());
            }
        };
        self.entry.size = if self.entry.kind == EntryKind::File { header.size } else { 0 };
        self.entry.mode = header.mode;
        self.entry.link = match self.entry.kind {
            EntryKind::Symlink => {
                let mut target = String::new();
                push_text(&mut target, &header.link);
                Some(target)
            }
            EntryKind::Hardlink => Some(normalize(&header.link)),
            _ => None,
        };
        if self.entry.path.is_empty() {
            // `./` itself: every layer of tar(1) has it, and it says nothing. Anything else in its place is no layer that can be unpacked.
            if self.entry.kind != EntryKind::Directory {
                let why =
                    format!("the entry at offset {offset} would replace the root by something that is no directory");
                self.note(UnexaminedKind::Malformed, "", why);
            }
            return Ok(());
        }
        if self.entry.path.contains(WHITEOUT) && self.marker(offset)? {
            return Ok(());
        }
        self.index.push(&self.entry).map_err(LayerError::Index)?;
        let mut content = tar.content();
        let visited = visitor.visit(&self.entry, &mut content);
        match visited {
            Ok(()) => Ok(()),
            Err(source) => Err(match tar.cut() {
                Some(cut) => LayerError::Tar(cut),
                None => LayerError::Visit { path: self.entry.path.clone(), source },
            }),
        }
    }

    /// Takes an entry that may be a marker. `false`: it is a plain entry.
    fn marker(&mut self, offset: u64) -> Result<bool, LayerError> {
        let path = self.entry.path.as_str();
        let (directory, name) = split(path);
        if name == OPAQUE {
            self.index.opaque(directory).map_err(LayerError::Index)?;
            return Ok(true);
        }
        // AUFS keeps its bookkeeping under such names, files in its directories included. Runtimes skip them.
        if path.split('/').any(|part| part.starts_with(AUFS)) {
            return Ok(true);
        }
        match name.strip_prefix(WHITEOUT) {
            None => Ok(false),
            Some("" | "." | "..") => {
                let why = format!("the whiteout at offset {offset} names nothing that could be removed");
                let path = path.to_owned();
                self.note(UnexaminedKind::Malformed, &path, why);
                Ok(true)
            }
            Some(removed) => {
                let target = if directory.is_empty() { removed.to_owned() } else { format!("{directory}/{removed}") };
                self.index.whiteout(&target).map_err(LayerError::Index)?;
                Ok(true)
            }
        }
    }
}
