//! The JSON of a table of contents, and the rules that it must keep to be usable.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use signet_model::Digest;

use super::LazyError;
use crate::path::normalize;
use crate::{EntryKind, Limits};

/// Most entries that are read; a larger layer is read whole.
const MOST_ENTRIES: usize = 1_000_000;

/// One entry of the archive as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Normal path.
    pub(super) path: String,
    pub(super) kind: EntryKind,
    pub(super) size: u64,
    pub(super) mode: u32,
    /// As [`crate::Entry::link`].
    pub(super) link: Option<String>,
    /// First and last + 1 of its chunks. None for what has no content.
    pub(super) chunks: (u32, u32),
}

/// A stretch of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Where the member or frame begins that holds it.
    pub(super) offset: u64,
    /// How many unpacked bytes of the member stand before it.
    pub(super) inner: u64,
    /// Where the member or frame ends, if the table says so (zstd:chunked, last chunk of a file).
    pub(super) end: Option<u64>,
    /// Unpacked bytes; never 0.
    pub(super) size: u64,
    /// Of the unpacked bytes.
    pub(super) digest: Digest,
    /// Whether more of the file follows in the next chunk.
    pub(super) goes_on: bool,
}

/// A table of contents that keeps the rules: every file's chunks cover it without a gap, and all chunks follow each other in the blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) files: Vec<File>,
    pub(super) chunks: Vec<Chunk>,
}

impl Table {
    /// Reads the JSON. Errors: `Contents`, `TooLarge`.
    pub(super) fn parse(json: &[u8], limits: &Limits) -> Result<Table, LazyError> {
        let mut reader = Reader { table: Table::default(), limits, names: 0, open: None, failure: None };
        let mut from = serde_json::Deserializer::from_slice(json);
        let read = Document(&mut reader).deserialize(&mut from).and_then(|()| from.end());
        if let Some(failure) = reader.failure {
            return Err(failure);
        }
        read.map_err(|_| LazyError::Contents { why: "is no JSON of that kind" })?;
        reader.close()?;
        Ok(reader.table)
    }
}

/// One entry. Source: stargz-snapshotter `estargz/types.go`, containers/storage `pkg/chunked/internal/minimal/compression.go`. Both are read alike.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    link_name: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    mode: i64,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: u64,
    #[serde(default)]
    inner_offset: u64,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(default)]
    chunk_digest: String,
}

/// The file whose chunks are being collected.
struct Open {
    name: String,
    covered: u64,
    size: u64,
    /// Where its last chunk ends.
    end: Option<u64>,
}

struct Reader<'l> {
    table: Table,
    limits: &'l Limits,
    /// Bytes of all paths and links.
    names: usize,
    open: Option<Open>,
    failure: Option<LazyError>,
}

const fn wrong(why: &'static str) -> LazyError {
    LazyError::Contents { why }
}

impl Reader<'_> {
    fn take(&mut self, wire: Wire) -> Result<(), LazyError> {
        if self.table.files.len() + self.table.chunks.len() >= MOST_ENTRIES {
            return Err(LazyError::TooLarge { limit: "its table of contents has too many entries" });
        }
        if wire.kind == "chunk" {
            return self.chunk(&wire);
        }
        self.close()?;
        let kind = match &*wire.kind {
            "reg" => EntryKind::File,
            "dir" => EntryKind::Directory,
            "symlink" => EntryKind::Symlink,
            "hardlink" => EntryKind::Hardlink,
            "char" | "block" | "fifo" => EntryKind::Special,
            _ => return Err(wrong("has an entry of an unknown type")),
        };
        self.names = self.names.saturating_add(wire.name.len()).saturating_add(wire.link_name.len());
        if wire.name.len() > self.limits.path_bytes || wire.link_name.len() > self.limits.path_bytes {
            return Err(LazyError::TooLarge { limit: "a name in its table of contents is too long" });
        }
        if self.names > self.limits.index_bytes {
            return Err(LazyError::TooLarge { limit: "the names in its table of contents take too much memory" });
        }
        let first = self.table.chunks.len() as u32;
        let size = if kind == EntryKind::File { wire.size } else { 0 };
        self.table.files.push(File {
            path: normalize(wire.name.as_bytes()),
            kind,
            size,
            mode: (wire.mode & 0o7777) as u32,
            link: match kind {
                EntryKind::Symlink => Some(wire.link_name.clone()),
                EntryKind::Hardlink => Some(normalize(wire.link_name.as_bytes())),
                EntryKind::File | EntryKind::Directory | EntryKind::Special => None,
            },
            chunks: (first, first),
        });
        if size == 0 {
            return Ok(());
        }
        let end = (wire.end_offset > 0).then_some(wire.end_offset);
        self.open = Some(Open { name: wire.name.clone(), covered: 0, size, end });
        self.chunk(&wire)
    }

    fn chunk(&mut self, wire: &Wire) -> Result<(), LazyError> {
        let Some(open) = &mut self.open else { return Err(wrong("has a chunk of no file")) };
        if open.name != wire.name {
            return Err(wrong("has a chunk of another file than the one before it"));
        }
        let left = open.size - open.covered;
        let size = if wire.chunk_size == 0 { left } else { wire.chunk_size };
        if wire.chunk_offset != open.covered || left == 0 || size > left {
            return Err(wrong("has chunks that do not cover their file"));
        }
        let digest = match (&*wire.chunk_digest, wire.kind == "reg" && size == open.size) {
            // A file of one chunk has that chunk's digest.
            ("", true) => &wire.digest,
            (digest, _) => digest,
        };
        let digest = digest.parse().map_err(|_| wrong("has a chunk without a digest"))?;
        // Chunks in another order than the archive's, and such as overlap, end here.
        let follows = match self.table.chunks.last() {
            None => wire.offset > 0,
            Some(Chunk { end: Some(end), .. }) => wire.offset >= *end,
            Some(last) => {
                wire.offset > last.offset
                    || (wire.offset == last.offset
                        && last.inner.checked_add(last.size).is_some_and(|behind| wire.inner_offset >= behind))
            }
        };
        if !follows {
            return Err(wrong("has chunks that overlap or stand out of order"));
        }
        open.covered += size;
        let goes_on = open.covered < open.size;
        let end = if goes_on { None } else { open.end };
        if end.is_some_and(|end| end <= wire.offset) {
            return Err(wrong("has a chunk that ends before it begins"));
        }
        self.table.chunks.push(Chunk { offset: wire.offset, inner: wire.inner_offset, end, size, digest, goes_on });
        let count = self.table.chunks.len() as u32;
        if let Some(file) = self.table.files.last_mut() {
            file.chunks.1 = count;
        }
        Ok(())
    }

    /// No more chunks of the last file come.
    fn close(&mut self) -> Result<(), LazyError> {
        match self.open.take() {
            Some(open) if open.covered < open.size => Err(wrong("has chunks that do not cover their file")),
            _ => Ok(()),
        }
    }
}

/// `{"version": 1, "entries": [...]}`, entry by entry, so that a large table is never twice in memory.
struct Document<'r, 'l>(&'r mut Reader<'l>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of contents")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut version, mut entries) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "version" => version = Some(map.next_value::<u64>()?),
                "entries" if entries => return Err(de::Error::duplicate_field("entries")),
                "entries" => {
                    entries = true;
                    map.next_value_seed(Entries(self.0))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if version != Some(1) {
            self.0.failure.get_or_insert(wrong("is of an unknown version"));
        }
        Ok(())
    }
}

struct Entries<'r, 'l>(&'r mut Reader<'l>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(wire) = list.next_element::<Wire>()? {
            if let Err(failure) = self.0.take(wire) {
                self.0.failure = Some(failure);
                return Err(de::Error::custom("it breaks a rule"));
            }
        }
        Ok(())
    }
}
