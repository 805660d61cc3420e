//! One file of a layer or a directory, as a visitor sees it.

use std::io::{self, BufRead};

/// What an entry is. Whiteout markers never reach a visitor: they are kept in the layer's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file; sparse ones read as if they were not.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; `Entry::link` is its target as written.
    Symlink,
    /// A hard link; `Entry::link` is the normalised path of the file that it names. It has no content of its own.
    Hardlink,
    /// A device, pipe or socket. Never opened.
    Special,
}

/// One file of a layer or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path from the root: no leading slash, no `.` or `..`, one `/` between parts. Bytes that are not UTF-8 are written `\xNN`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Size of the content in bytes; 0 for all but files.
    pub size: u64,
    /// Permission bits with set-uid, set-gid and sticky (`0o7777`).
    pub mode: u32,
    /// Target of a link.
    pub link: Option<String>,
}

/// Sees every entry of a layer or directory once, in the order of the stream.
pub trait Visitor {
    /// Looks at an entry. `content` is the file's bytes, empty for all but [`EntryKind::File`]. What is left unread is skipped (and hashed for the
    /// layer's digest all the same). An error ends the walk.
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()>;
}
