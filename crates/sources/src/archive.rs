//! A tar archive that holds an image: its members are found once and then read in place. Nothing is unpacked to disk.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signet_image::path::normalize;
use signet_image::tar::{TarError, TarKind, TarReader};
use signet_image::{Compression, Limits, Unpacked};

use crate::layout::{caused, error, io_kind, open_file};
use crate::{SourceError, SourceErrorKind, Stored};

/// An archive whose members are known.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    file: Arc<File>,
    compression: Compression,
    members: HashMap<String, Member>,
}

#[derive(Debug)]
enum Member {
    /// Where the content lies in the tar stream.
    File { offset: u64, size: u64 },
    /// A small file of a compressed archive, kept because getting at it again means unpacking from the start.
    Kept(Arc<[u8]>),
    /// The normal path that a link names.
    Link(String),
}

/// Members of an image archive: a file per layer and a few documents.
const MAX_MEMBERS: u64 = 200_000;
/// Largest member of a compressed archive that is kept, and all of them together.
const KEPT_MEMBER: u64 = 1 << 20;
const KEPT_TOTAL: u64 = 32 << 20;
/// Links that are followed from one member to another.
const MAX_LINKS: usize = 10;
const BUFFER: usize = 128 << 10;

impl Archive {
    /// Finds the members of an archive. An archive that is not packed is only read at its headers.
    pub(crate) fn open(path: &Path) -> Result<Archive, SourceError> {
        let doing = || format!("cannot read the archive `{}`", path.display());
        let io = |cause: io::Error| caused(io_kind(&cause), doing(), cause);
        let file = Arc::new(open_file(path).map_err(io)?);
        let metadata = file.metadata().map_err(io)?;
        let mut reader =
            BufReader::with_capacity(BUFFER, Range { file: Arc::clone(&file), at: 0, end: metadata.len() });
        let compression = Compression::sniff(reader.fill_buf().map_err(io)?);
        let limits = Limits { entries: MAX_MEMBERS, ..Limits::default() };
        let members = match compression {
            Compression::None => index_plain(reader, &limits, metadata.len()),
            _ => Unpacked::new(reader)
                .map_err(|source| TarError::Read { offset: 0, source })
                .and_then(|unpacked| index_packed(BufReader::with_capacity(BUFFER, unpacked), &limits)),
        };
        let members = members.map_err(|cause| {
            let kind = match &cause {
                TarError::TooLarge { .. } => SourceErrorKind::TooLarge,
                TarError::Read { source, .. } => io_kind(source),
                _ => SourceErrorKind::Malformed,
            };
            caused(kind, doing(), cause)
        })?;
        Ok(Archive { path: path.to_owned(), file, compression, members })
    }

    /// The archive's own path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How the archive looks now.
    pub(crate) fn stored(&self) -> Stored {
        Stored::of(self.file.metadata())
    }

    /// Whether there is a member of this name, links followed.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// Size of a member in bytes, links followed.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        match self.member(name)? {
            Member::File { size, .. } => Some(*size),
            Member::Kept(bytes) => Some(bytes.len() as u64),
            Member::Link(_) => None,
        }
    }

    /// The content of a member, links followed. `None`: there is no such member.
    pub(crate) fn open_member(&self, name: &str) -> Option<Result<Box<dyn Read + Send>, SourceError>> {
        match self.member(name)? {
            Member::Kept(bytes) => Some(Ok(Box::new(io::Cursor::new(Arc::clone(bytes))))),
            Member::File { offset, size } if self.compression == Compression::None => {
                let range = Range { file: Arc::clone(&self.file), at: *offset, end: offset.saturating_add(*size) };
                Some(Ok(Box::new(range)))
            }
            Member::File { offset, size } => Some(self.unpack_to(*offset, *size)),
            Member::Link(_) => None,
        }
    }

    fn member(&self, name: &str) -> Option<&Member> {
        let mut member = self.members.get(name)?;
        for _ in 0..MAX_LINKS {
            match member {
                Member::Link(target) => member = self.members.get(target)?,
                member => return Some(member),
            }
        }
        None
    }

    /// Unpacks a compressed archive from its start up to a member.
    fn unpack_to(&self, offset: u64, size: u64) -> Result<Box<dyn Read + Send>, SourceError> {
        let doing = || format!("cannot read the archive `{}`", self.path.display());
        let io = |cause: io::Error| caused(io_kind(&cause), doing(), cause);
        let range = Range { file: Arc::clone(&self.file), at: 0, end: u64::MAX };
        let mut unpacked = Unpacked::new(BufReader::with_capacity(BUFFER, range)).map_err(io)?;
        let skipped = io::copy(&mut (&mut unpacked).take(offset), &mut io::sink()).map_err(io)?;
        if skipped < offset {
            return Err(error(SourceErrorKind::Malformed, format!("{}: it became shorter meanwhile", doing())));
        }
        Ok(Box::new(unpacked.take(size)))
    }
}

fn index_plain(reader: BufReader<Range>, limits: &Limits, length: u64) -> Result<HashMap<String, Member>, TarError> {
    let mut members = HashMap::new();
    let mut tar = TarReader::new(reader, limits);
    while tar.advance()? {
        take_member(&mut members, &tar);
        let entry = tar.entry();
        let (at, end) = (entry.header_offset, entry.data_offset.unwrap_or_default().saturating_add(entry.size));
        if entry.data_offset.is_some() && end > length {
            return Err(TarError::Truncated { offset: length, inside: "the content of an entry" });
        }
        let skip = i64::try_from(tar.forget_content())
            .map_err(|_| TarError::Malformed { offset: at, why: "an entry ends beyond 63 bits" })?;
        let offset = tar.offset();
        tar.inner_mut().seek_relative(skip).map_err(|source| TarError::Read { offset, source })?;
    }
    Ok(members)
}

fn index_packed<R: BufRead>(reader: R, limits: &Limits) -> Result<HashMap<String, Member>, TarError> {
    let mut members = HashMap::new();
    let mut kept = 0;
    let mut tar = TarReader::new(reader, limits);
    while tar.advance()? {
        take_member(&mut members, &tar);
        let entry = tar.entry();
        if entry.kind == TarKind::File && entry.size <= KEPT_MEMBER && kept + entry.size <= KEPT_TOTAL {
            kept += entry.size;
            let name = normalize(&entry.name);
            let mut bytes = Vec::new();
            let offset = tar.offset();
            tar.content().read_to_end(&mut bytes).map_err(|source| TarError::Read { offset, source })?;
            members.insert(name, Member::Kept(bytes.into()));
        }
    }
    Ok(members)
}

/// Notes a member; the last one of a name counts, as for tools that unpack.
fn take_member<R: BufRead>(members: &mut HashMap<String, Member>, tar: &TarReader<'_, R>) {
    let entry = tar.entry();
    let name = normalize(&entry.name);
    let member = match (entry.kind, entry.data_offset) {
        (TarKind::File, Some(offset)) => Member::File { offset, size: entry.size },
        (TarKind::Hardlink, _) => Member::Link(normalize(&entry.link)),
        (TarKind::Symlink, _) if entry.link.starts_with(b"/") => Member::Link(normalize(&entry.link)),
        (TarKind::Symlink, _) => {
            let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
            let mut target = directory.as_bytes().to_vec();
            target.push(b'/');
            target.extend_from_slice(&entry.link);
            Member::Link(normalize(&target))
        }
        _ => return,
    };
    members.insert(name, member);
}

/// A stretch of a file, read by position: several readers may share the file.
#[derive(Debug)]
struct Range {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Range {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = left.min(out.len());
        let read = self.file.read_at(&mut out[..len], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl io::Seek for Range {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let at = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
            io::SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
