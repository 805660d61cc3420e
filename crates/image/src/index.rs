//! Every path of one layer, compactly.

use crate::path::{compare, normalize};
use crate::{Entry, EntryKind};

/// Every path of one layer or directory, sorted so that a directory is directly followed by what lies in it.
///
/// About 32 bytes and the path per entry; a path that stands in the layer twice is kept once, as the later entry has it.
///
/// Two indexes are equal when they say the same of the same paths; how their texts lie in memory is no part of that.
#[derive(Clone, Debug, Default)]
pub struct LayerIndex {
    text: String,
    records: Vec<Record>,
    whiteouts: Vec<Span>,
    opaques: Vec<Span>,
    duplicates: Vec<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    size: u64,
    path: Span,
    link: Span,
    sequence: u32,
    mode: u16,
    kind: EntryKind,
}

/// One path of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry<'a> {
    /// Normal path, as in [`Entry::path`].
    pub path: &'a str,
    /// What it is.
    pub kind: EntryKind,
    /// Size of the content in bytes.
    pub size: u64,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Target of a link, as in [`Entry::link`].
    pub link: Option<&'a str>,
}

impl LayerIndex {
    fn slice(&self, span: Span) -> &str {
        slice(&self.text, span)
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no path at all. A layer that only removes has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The path number `at` in the order of [`LayerIndex::entries`].
    pub fn entry(&self, at: usize) -> Option<IndexEntry<'_>> {
        self.records.get(at).map(|record| self.view(record))
    }

    /// All paths in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = IndexEntry<'_>> {
        self.records.iter().map(|record| self.view(record))
    }

    /// The number of a path, if the layer has it.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.records.binary_search_by(|record| compare(self.slice(record.path), path)).ok()
    }

    /// The entry of a normal path, if the layer has it.
    pub fn get(&self, path: &str) -> Option<IndexEntry<'_>> {
        self.position(path).and_then(|at| self.entry(at))
    }

    /// Paths that the layer removes from the layers below it: what `.wh.NAME` names, in order.
    pub fn whiteouts(&self) -> impl ExactSizeIterator<Item = &str> {
        self.whiteouts.iter().map(|span| self.slice(*span))
    }

    /// Directories whose lower content the layer hides (`.wh..wh..opq`), in order.
    pub fn opaques(&self) -> impl ExactSizeIterator<Item = &str> {
        self.opaques.iter().map(|span| self.slice(*span))
    }

    /// Paths that stand in the layer more than once, an earlier time as something that is no directory, in order. The last entry counts, as
    /// runtimes have it.
    pub fn duplicates(&self) -> impl ExactSizeIterator<Item = &str> {
        self.duplicates.iter().map(|span| self.slice(*span))
    }

    /// Whether the path stands in the layer more than once, an earlier time as something that is no directory.
    pub(crate) fn stands_twice(&self, path: &str) -> bool {
        self.duplicates.binary_search_by(|span| compare(self.slice(*span), path)).is_ok()
    }

    /// Bytes of memory that the index takes.
    pub fn memory(&self) -> usize {
        self.text.capacity()
            + self.records.capacity() * size_of::<Record>()
            + (self.whiteouts.capacity() + self.opaques.capacity() + self.duplicates.capacity()) * size_of::<Span>()
    }

    /// Where the entry number `at` stood in the stream: later ones have larger numbers. 0 when there is no such entry.
    pub fn sequence(&self, at: usize) -> u32 {
        self.records.get(at).map_or(0, |record| record.sequence)
    }

    fn view(&self, record: &Record) -> IndexEntry<'_> {
        IndexEntry {
            path: self.slice(record.path),
            kind: record.kind,
            size: record.size,
            mode: u32::from(record.mode),
            link: matches!(record.kind, EntryKind::Symlink | EntryKind::Hardlink).then(|| self.slice(record.link)),
        }
    }
}

impl PartialEq for LayerIndex {
    fn eq(&self, other: &LayerIndex) -> bool {
        let sequences = |index: &LayerIndex| index.records.iter().map(|record| record.sequence).collect::<Vec<u32>>();
        self.entries().eq(other.entries())
            && sequences(self) == sequences(other)
            && self.whiteouts().eq(other.whiteouts())
            && self.opaques().eq(other.opaques())
            && self.duplicates().eq(other.duplicates())
    }
}

impl Eq for LayerIndex {}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.start as usize..span.start as usize + span.len as usize).unwrap_or_default()
}

/// Why an index takes no more entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the paths of the layer take more than {limit} bytes")]
pub struct IndexFull {
    /// The limit in bytes.
    pub limit: usize,
}

/// Collects a [`LayerIndex`] in the order of a stream.
#[derive(Debug)]
pub struct LayerIndexBuilder {
    index: LayerIndex,
    limit: usize,
    sequence: u32,
}

impl LayerIndexBuilder {
    /// A builder whose texts may take `limit` bytes.
    pub fn new(limit: usize) -> LayerIndexBuilder {
        LayerIndexBuilder { index: LayerIndex::default(), limit: limit.min(u32::MAX as usize), sequence: 0 }
    }

    /// Adds an entry; the path must be normal.
    pub fn push(&mut self, entry: &Entry) -> Result<(), IndexFull> {
        let Entry { path, kind, size, mode, link } = entry;
        let link = link.as_deref();
        self.restore(&IndexEntry { path, kind: *kind, size: *size, mode: *mode, link }, self.sequence)?;
        self.sequence = self.sequence.saturating_add(1);
        Ok(())
    }

    /// Adds an entry of an index that was written down and is read back: `sequence` is [`LayerIndex::sequence`] of it. The path must be normal.
    pub fn restore(&mut self, entry: &IndexEntry<'_>, sequence: u32) -> Result<(), IndexFull> {
        let path = self.keep(entry.path)?;
        let link = self.keep(entry.link.unwrap_or_default())?;
        let mode = (entry.mode & 0o7777) as u16;
        self.index.records.push(Record { size: entry.size, path, link, sequence, mode, kind: entry.kind });
        Ok(())
    }

    /// Notes a path of [`LayerIndex::duplicates`] of an index that is read back. Those among the entries pushed are found without.
    pub fn duplicate(&mut self, path: &str) -> Result<(), IndexFull> {
        let span = self.keep(path)?;
        self.index.duplicates.push(span);
        Ok(())
    }

    /// Notes that the layer removes this path of lower layers.
    pub fn whiteout(&mut self, path: &str) -> Result<(), IndexFull> {
        let span = self.keep(&normalize(path.as_bytes()))?;
        self.index.whiteouts.push(span);
        Ok(())
    }

    /// Notes that the layer hides what lower layers have in this directory.
    pub fn opaque(&mut self, directory: &str) -> Result<(), IndexFull> {
        let span = self.keep(&normalize(directory.as_bytes()))?;
        self.index.opaques.push(span);
        Ok(())
    }

    /// Sorts what was collected.
    pub fn finish(self) -> LayerIndex {
        let LayerIndex { mut text, mut records, mut whiteouts, mut opaques, mut duplicates } = self.index;
        text.shrink_to_fit();
        let path = |span: Span| slice(&text, span);
        // An index that is read back comes sorted, and so do some layers.
        if !records.is_sorted_by(|a, b| compare(path(a.path), path(b.path)).is_lt()) {
            records.sort_unstable_by(|a, b| compare(path(a.path), path(b.path)).then(a.sequence.cmp(&b.sequence)));
            records.dedup_by(|later, kept| {
                if path(later.path) != path(kept.path) {
                    return false;
                }
                // A directory that is named again, or replaced, was never anything that an entry below it could have been written through.
                let stood = kept.kind != EntryKind::Directory;
                if stood && duplicates.last().is_none_or(|last| path(*last) != path(kept.path)) {
                    duplicates.push(kept.path);
                }
                *kept = *later;
                true
            });
        }
        for list in [&mut whiteouts, &mut opaques, &mut duplicates] {
            list.sort_unstable_by(|a, b| compare(path(*a), path(*b)));
            list.dedup_by(|a, b| path(*a) == path(*b));
        }
        records.shrink_to_fit();
        LayerIndex { text, records, whiteouts, opaques, duplicates }
    }

    fn keep(&mut self, text: &str) -> Result<Span, IndexFull> {
        let start = self.index.text.len();
        // An entry costs its record too: a million empty names are not free.
        let used = start + text.len() + self.index.records.len() * size_of::<Record>();
        if used > self.limit {
            return Err(IndexFull { limit: self.limit });
        }
        self.index.text.push_str(text);
        Ok(Span { start: start as u32, len: text.len() as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: EntryKind, size: u64) -> Entry {
        let link = (kind == EntryKind::Symlink).then(|| format!("to-{path}"));
        Entry { path: path.to_owned(), kind, size, mode: 0o4755, link }
    }

    #[test]
    fn an_index_is_put_together_again_from_what_it_says() {
        let mut builder = LayerIndexBuilder::new(1 << 20);
        for (path, kind) in [
            ("usr/bin/b", EntryKind::File),
            ("usr", EntryKind::Directory),
            ("usr/bin/a", EntryKind::Symlink),
            ("usr/bin/b", EntryKind::Special),
            ("usr", EntryKind::Directory),
        ] {
            builder.push(&entry(path, kind, 7)).unwrap();
        }
        builder.whiteout("etc/x").unwrap();
        builder.opaque("var").unwrap();
        let index = builder.finish();
        assert_eq!(index.duplicates().collect::<Vec<_>>(), ["usr/bin/b"]);

        let mut again = LayerIndexBuilder::new(1 << 20);
        for (at, entry) in index.entries().enumerate() {
            again.restore(&entry, index.sequence(at)).unwrap();
        }
        index.whiteouts().for_each(|path| again.whiteout(path).unwrap());
        index.opaques().for_each(|path| again.opaque(path).unwrap());
        index.duplicates().for_each(|path| again.duplicate(path).unwrap());
        let again = again.finish();
        assert_eq!(again, index);
        assert_eq!(again.get("usr/bin/b").map(|entry| entry.kind), Some(EntryKind::Special));

        let mut other = LayerIndexBuilder::new(1 << 20);
        index.entries().for_each(|entry| other.restore(&entry, 0).unwrap());
        assert_ne!(other.finish(), index, "the order of the stream and the markers are part of it");
    }
}
