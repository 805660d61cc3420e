//! A directory as a source: walked by descriptor, never out of its root, in a stable order.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use signet_image::path::normalize;
use signet_image::{Entry, EntryKind, LayerIndex, LayerIndexBuilder, Limits, Visitor};
use signet_model::{Location, Unexamined, UnexaminedKind};

use crate::layout::{caused, error, io_kind};
use crate::{SourceError, SourceErrorKind};

/// What to leave out of a walk, and where it stops.
#[derive(Clone, Debug, Default)]
pub struct DirectoryOptions {
    /// Patterns of directories that are not entered, by path from the root: `*` stays in one part, `**` goes through any number.
    pub skip_dirs: Vec<String>,
    /// Patterns of files that are not shown, likewise.
    pub skip_files: Vec<String>,
    /// Whether other mounted file systems are left out.
    pub one_file_system: bool,
    /// Limits on entries and on the memory of the index.
    pub limits: Limits,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryRead {
    /// Every path.
    pub index: LayerIndex,
    /// What could not be read, in the order of the walk.
    pub unexamined: Vec<Unexamined>,
    /// Directories that were left out by rule and not by failure (`proc`, `sys`, `dev` of a running system, other file systems), in order.
    pub skipped: Vec<String>,
}

/// Open directories at a time, which is how deep the walk goes: each costs a descriptor.
const MAX_DEPTH: usize = 200;
/// Names in one directory.
const MAX_NAMES: usize = 5_000_000;
/// Directories of a running system that hold no files of any package.
const KERNEL: [&str; 3] = ["dev", "proc", "sys"];
/// Super-block magics of file systems that the kernel makes up: proc, sysfs, cgroup, cgroup2, debugfs, tracefs, bpf, securityfs.
/// Source: statfs(2).
const KERNEL_FILE_SYSTEMS: [u64; 8] =
    [0x9fa0, 0x6265_6572, 0x27_e0eb, 0x6367_7270, 0x6462_6720, 0x7472_6163, 0xcafe_4a11, 0x7363_6673];

/// Walks a directory and shows each entry to the visitor: sorted by name, a directory before what lies in it.
///
/// No link is followed but the one that `root` itself may be. Devices, pipes and sockets are shown and never opened. What cannot be read is
/// in the result. Content is read only if the visitor reads it.
pub fn walk_directory(
    root: &Path,
    options: &DirectoryOptions,
    visitor: &mut dyn Visitor,
) -> Result<DirectoryRead, SourceError> {
    let doing = || format!("cannot open the directory `{}`", root.display());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptor = rustix::fs::open(root, flags, Mode::empty())
        .map_err(io::Error::from)
        .map_err(|cause| caused(io_kind(&cause), doing(), cause))?;
    let stat = rustix::fs::fstat(&descriptor).map_err(|cause| {
        let cause = io::Error::from(cause);
        caused(io_kind(&cause), doing(), cause)
    })?;
    let is_system_root = std::fs::canonicalize(root).is_ok_and(|path| path == Path::new("/"));
    let mut walk = Walk {
        root,
        skip_dirs: globs(&options.skip_dirs)?,
        skip_files: globs(&options.skip_files)?,
        one_file_system: options.one_file_system.then_some(stat.st_dev),
        is_system_root,
        limits: &options.limits,
        index: LayerIndexBuilder::new(options.limits.index_bytes),
        entries: 0,
        read: DirectoryRead::default(),
        buffer: vec![0; 128 << 10],
    };
    walk.run(descriptor, stat.st_dev, visitor)?;
    let index = walk.index.finish();
    Ok(DirectoryRead { index, ..walk.read })
}

/// Shows a single file to the visitor, under its own name. A link is followed: the user named it.
pub fn walk_file(path: &Path, limits: &Limits, visitor: &mut dyn Visitor) -> Result<DirectoryRead, SourceError> {
    let doing = || format!("cannot read the file `{}`", path.display());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
    let file = opened.map_err(|cause| caused(io_kind(&cause), doing(), cause))?;
    let stat = rustix::fs::fstat(&file).map_err(io::Error::from);
    let stat = stat.map_err(|cause| caused(io_kind(&cause), doing(), cause))?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        let doing = format!("`{}` is no regular file; name a directory as `dir:PATH`", path.display());
        return Err(error(SourceErrorKind::Unsupported, doing));
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    let mut entry = Entry {
        path: normalize(name.as_bytes()),
        kind: EntryKind::File,
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        mode: stat.st_mode & 0o7777,
        link: None,
    };
    if entry.path.is_empty() {
        entry.path = "file".to_owned();
    }
    let mut index = LayerIndexBuilder::new(limits.index_bytes);
    index.push(&entry).map_err(|cause| caused(SourceErrorKind::TooLarge, doing(), cause))?;
    let mut buffer = vec![0; 128 << 10];
    let mut content = Lazy::new(Opener::Open(Some(file)), entry.size, &mut buffer);
    let visited = visitor.visit(&entry, &mut content);
    let failure = content.failure.take().or(visited.err());
    match failure {
        Some(cause) => Err(caused(io_kind(&cause), doing(), cause)),
        None => Ok(DirectoryRead { index: index.finish(), ..DirectoryRead::default() }),
    }
}

fn globs(patterns: &[String]) -> Result<GlobSet, SourceError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let doing = || format!("`{pattern}` is no pattern of paths");
        let relative = pattern.trim_start_matches("./").trim_matches('/');
        let glob = GlobBuilder::new(relative)
            .literal_separator(true)
            .build()
            .map_err(|cause| caused(SourceErrorKind::Malformed, doing(), cause))?;
        set.add(glob);
    }
    set.build().map_err(|cause| caused(SourceErrorKind::Malformed, "cannot compile the patterns of paths", cause))
}

struct Walk<'a> {
    root: &'a Path,
    skip_dirs: GlobSet,
    skip_files: GlobSet,
    one_file_system: Option<u64>,
    is_system_root: bool,
    limits: &'a Limits,
    index: LayerIndexBuilder,
    entries: u64,
    read: DirectoryRead,
    buffer: Vec<u8>,
}

/// A directory that is being walked: its names in reverse order, so that the next one is at the end.
struct Frame {
    descriptor: OwnedFd,
    device: u64,
    path: String,
    names: Vec<CString>,
}

impl Walk<'_> {
    fn run(&mut self, root: OwnedFd, device: u64, visitor: &mut dyn Visitor) -> Result<(), SourceError> {
        let mut stack = Vec::new();
        self.enter(&mut stack, root, device, String::new());
        while let Some(frame) = stack.last_mut() {
            let Some(name) = frame.names.pop() else {
                stack.pop();
                continue;
            };
            let part = normalize(name.as_bytes());
            let path = if frame.path.is_empty() { part } else { format!("{}/{part}", frame.path) };
            self.entries += 1;
            if self.entries > self.limits.entries {
                let doing = format!("`{}` has more than {} entries", self.root.display(), self.limits.entries);
                return Err(error(SourceErrorKind::TooLarge, doing));
            }
            let stat = match rustix::fs::statat(&frame.descriptor, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(cause) => {
                    self.note(&path, UnexaminedKind::Unreadable, io::Error::from(cause).to_string());
                    continue;
                }
            };
            if FileType::from_raw_mode(stat.st_mode).is_dir() {
                if let Some((descriptor, device)) = self.directory(frame, &name, &path, &stat, visitor)? {
                    if stack.len() >= MAX_DEPTH {
                        let why = format!("the directory lies more than {MAX_DEPTH} levels deep");
                        self.note(&path, UnexaminedKind::TooLarge, why);
                    } else {
                        self.enter(&mut stack, descriptor, device, path);
                    }
                }
            } else if !self.skip_files.is_match(&path) {
                self.leaf(frame, &name, path, &stat, visitor)?;
            }
        }
        Ok(())
    }

    /// Lists a directory and puts it on the stack.
    fn enter(&mut self, stack: &mut Vec<Frame>, descriptor: OwnedFd, device: u64, path: String) {
        let mut names = Vec::new();
        let listed = Dir::read_from(&descriptor).and_then(|entries| {
            for entry in entries {
                let name = entry?.file_name().to_owned();
                if !matches!(name.as_bytes(), b"." | b"..") {
                    if names.len() >= MAX_NAMES {
                        return Err(rustix::io::Errno::TOOBIG);
                    }
                    names.push(name);
                }
            }
            Ok(())
        });
        if let Err(cause) = listed {
            self.note(&path, UnexaminedKind::Unreadable, format!("cannot list it: {}", io::Error::from(cause)));
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        stack.push(Frame { descriptor, device, path, names });
    }

    /// Shows a directory and opens it, unless a rule leaves it out.
    fn directory(
        &mut self,
        frame: &Frame,
        name: &CString,
        path: &str,
        stat: &Stat,
        visitor: &mut dyn Visitor,
    ) -> Result<Option<(OwnedFd, u64)>, SourceError> {
        if self.skip_dirs.is_match(path) {
            return Ok(None);
        }
        self.show(
            Entry {
                path: path.to_owned(),
                kind: EntryKind::Directory,
                size: 0,
                mode: stat.st_mode & 0o7777,
                link: None,
            },
            Opener::Open(None),
            visitor,
        )?;
        if (self.is_system_root && KERNEL.contains(&path))
            || self.one_file_system.is_some_and(|device| device != stat.st_dev)
        {
            self.read.skipped.push(path.to_owned());
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&frame.descriptor, name, flags, Mode::empty())
            .and_then(|descriptor| Ok((rustix::fs::fstat(&descriptor)?.st_dev, descriptor)));
        match opened {
            Ok((device, descriptor)) => {
                if device != frame.device
                    && rustix::fs::fstatfs(&descriptor)
                        .is_ok_and(|stat| KERNEL_FILE_SYSTEMS.contains(&(stat.f_type as u64)))
                {
                    self.read.skipped.push(path.to_owned());
                    return Ok(None);
                }
                Ok(Some((descriptor, device)))
            }
            Err(cause) => {
                self.note(path, UnexaminedKind::Unreadable, format!("cannot open it: {}", io::Error::from(cause)));
                Ok(None)
            }
        }
    }

    /// Shows anything but a directory.
    fn leaf(
        &mut self,
        frame: &Frame,
        name: &CString,
        path: String,
        stat: &Stat,
        visitor: &mut dyn Visitor,
    ) -> Result<(), SourceError> {
        let mut entry = Entry { path, kind: EntryKind::Special, size: 0, mode: stat.st_mode & 0o7777, link: None };
        let mut opener = Opener::Open(None);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                entry.kind = EntryKind::File;
                entry.size = u64::try_from(stat.st_size).unwrap_or_default();
                opener = Opener::At(frame.descriptor.as_fd(), name);
            }
            FileType::Symlink => match rustix::fs::readlinkat(&frame.descriptor, name, Vec::new()) {
                Ok(target) => {
                    entry.kind = EntryKind::Symlink;
                    entry.link = Some(text(target.as_bytes()));
                }
                Err(cause) => {
                    let why = format!("cannot read the link: {}", io::Error::from(cause));
                    self.note(&entry.path, UnexaminedKind::Unreadable, why);
                    return Ok(());
                }
            },
            _ => {}
        }
        self.show(entry, opener, visitor)
    }

    fn show(&mut self, entry: Entry, opener: Opener<'_>, visitor: &mut dyn Visitor) -> Result<(), SourceError> {
        self.index.push(&entry).map_err(|cause| {
            caused(SourceErrorKind::TooLarge, format!("cannot keep the paths of `{}`", self.root.display()), cause)
        })?;
        let mut content = Lazy::new(opener, entry.size, &mut self.buffer);
        let visited = visitor.visit(&entry, &mut content);
        // A file that cannot be read is no reason to stop; a visitor that gives up is.
        match (content.failure.take(), visited) {
            (Some(cause), _) => self.note(&entry.path, UnexaminedKind::Unreadable, cause.to_string()),
            (None, Ok(())) => {}
            (None, Err(cause)) => {
                let doing = format!("cannot examine `{}` of `{}`", entry.path, self.root.display());
                return Err(caused(io_kind(&cause), doing, cause));
            }
        }
        Ok(())
    }

    fn note(&mut self, path: &str, kind: UnexaminedKind, why: String) {
        self.read.unexamined.push(Unexamined { location: Location::of_path(path), kind, by: "sources", why });
    }
}

/// Bytes of a link target as text; what is not UTF-8 is written `\xNN`.
fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02X}"));
        }
    }
    out
}

/// How the content of an entry is come by.
enum Opener<'a> {
    /// Open already; `None` has no content.
    Open(Option<OwnedFd>),
    /// By name in an open directory.
    At(std::os::fd::BorrowedFd<'a>, &'a CString),
}

/// Content that is opened when it is first read.
struct Lazy<'a> {
    opener: Option<Opener<'a>>,
    file: Option<File>,
    left: u64,
    buffer: &'a mut [u8],
    start: usize,
    end: usize,
    failure: Option<io::Error>,
}

impl<'a> Lazy<'a> {
    fn new(opener: Opener<'a>, size: u64, buffer: &'a mut [u8]) -> Lazy<'a> {
        Lazy { opener: Some(opener), file: None, left: size, buffer, start: 0, end: 0, failure: None }
    }

    fn refill(&mut self) -> io::Result<()> {
        if let Some(opener) = self.opener.take() {
            self.file = match opener {
                Opener::Open(descriptor) => descriptor.map(File::from),
                Opener::At(directory, name) => Some(open_regular(directory, name)?),
            };
        }
        self.start = 0;
        self.end = 0;
        let Some(file) = &mut self.file else { return Ok(()) };
        // A file that grows while it is read ends where it did when the walk came by.
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.buffer.len());
        while self.end == 0 && wanted > 0 {
            match file.read(&mut self.buffer[..wanted]) {
                Ok(0) => break,
                Ok(len) => self.end = len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.left -= self.end as u64;
        Ok(())
    }
}

/// Opens a file that was one a moment ago: no link is followed, and what has become a pipe meanwhile does not block.
fn open_regular(directory: std::os::fd::BorrowedFd<'_>, name: &CString) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    if !FileType::from_raw_mode(rustix::fs::fstat(&descriptor)?.st_mode).is_file() {
        return Err(io::Error::other("it changed while it was looked at"));
    }
    Ok(File::from(descriptor))
}

impl BufRead for Lazy<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end
            && let Err(error) = self.refill()
        {
            let copy = io::Error::new(error.kind(), error.to_string());
            self.failure = Some(error);
            return Err(copy);
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        self.start = (self.start + amount).min(self.end);
    }
}

impl Read for Lazy<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let buffer = self.fill_buf()?;
        let len = buffer.len().min(out.len());
        out[..len].copy_from_slice(&buffer[..len]);
        self.consume(len);
        Ok(len)
    }
}
