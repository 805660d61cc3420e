//! Where something was found, and what could not be looked at.

use std::fmt;

use crate::Digest;

/// A place inside an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Path from the root without a leading slash, `/` between parts. Bytes that are not UTF-8 are written `\xNN`.
    /// A file inside an archive follows a `!`: `app/app.jar!/lib/inner.jar`.
    pub path: String,
    /// diffID of the layer that brought the file; `None` outside images.
    pub layer: Option<Digest>,
    /// First and last line, counted from 1, where the format has lines.
    pub lines: Option<(u32, u32)>,
}

impl Location {
    /// The file at `path`, in no layer.
    pub fn of_path(path: impl Into<String>) -> Location {
        Location { path: path.into(), ..Location::default() }
    }

    /// The same file at these lines.
    pub fn at_lines(&self, first: u32, last: u32) -> Location {
        Location { lines: Some((first, last)), ..self.clone() }
    }

    /// A file inside the archive at this place.
    pub fn inside(&self, inner: &str) -> Location {
        Location { path: format!("{}!/{}", self.path, inner), layer: self.layer, lines: None }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some((first, _)) = self.lines {
            write!(f, ":{first}")?;
        }
        Ok(())
    }
}

/// The class of reason why something was not examined. Policies and conformance tell refusals apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnexaminedKind {
    /// The bytes are not of the format that the file's name promises.
    Malformed,
    /// A limit was reached: bytes, entries, depth.
    TooLarge,
    /// The format or feature is known and not supported.
    Unsupported,
    /// The file could not be read: permission, dangling link, I/O.
    Unreadable,
    /// A version, parent or reference could not be resolved with what is at hand.
    Unresolved,
    /// Something that was to be there is not: a feed, a database, a layer.
    Missing,
}

impl UnexaminedKind {
    /// The name in our JSON.
    pub fn name(self) -> &'static str {
        match self {
            UnexaminedKind::Malformed => "malformed",
            UnexaminedKind::TooLarge => "too-large",
            UnexaminedKind::Unsupported => "unsupported",
            UnexaminedKind::Unreadable => "unreadable",
            UnexaminedKind::Unresolved => "unresolved",
            UnexaminedKind::Missing => "missing",
        }
    }
}

/// What could not be read, where and why. Never dropped in silence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unexamined {
    /// The file, or the part of it.
    pub location: Location,
    /// The class of reason.
    pub kind: UnexaminedKind,
    /// The leaf that claimed the file (`dpkg`, `npm-lock`, ...), or the room that gave up (`image`, `advisories`).
    pub by: &'static str,
    /// One sentence for a person, without a full stop: what was wrong, with the offset where there is one.
    pub why: String,
}
