//! The walk over a layer that is fetched in parts: that of a whole layer, with the table of contents beside it.

use super::contents::File;
use super::locate::{Contents, ESTARGZ_NAME};
use super::pieces::{Piece, cut, plan};
use super::stream::Stream;
use super::{LazyError, LazyRead, OpenRange, Wanted};
use crate::path::{normalize, push_text};
use crate::tar::{TarEntry, TarKind, TarReader};
use crate::walk::{LayerError, Walk};
use crate::{Entry, EntryKind, Limits, Visitor};

impl Contents {
    /// Walks the layer as [`crate::walk_layer`] does; of the contents only those are fetched that the visitor reads, a chunk at a time.
    ///
    /// `wanted` tells what is fetched ahead, several chunks in one range. Errors: see [`LazyError`]; after any of them nothing that the visitor
    /// saw may be believed.
    pub fn walk(
        &self,
        open: &mut OpenRange<'_>,
        limits: &Limits,
        wanted: &dyn Fn(&Entry) -> Wanted,
        visitor: &mut dyn Visitor,
    ) -> Result<LazyRead, LazyError> {
        let pieces = cut(&self.table, self.end)?;
        let plan = plan(&self.table, &pieces, self.cost.0, self.size, wanted)?;
        self.walk_pieces(&pieces, plan, open, limits, visitor)
    }

    /// The same, however much of the layer it takes: for tests of what is believed.
    pub fn walk_all(
        &self,
        open: &mut OpenRange<'_>,
        limits: &Limits,
        visitor: &mut dyn Visitor,
    ) -> Result<LazyRead, LazyError> {
        let pieces = cut(&self.table, self.end)?;
        let plan = vec![true; pieces.len()];
        self.walk_pieces(&pieces, plan, open, limits, visitor)
    }

    fn walk_pieces(
        &self,
        pieces: &[Piece],
        plan: Vec<bool>,
        open: &mut OpenRange<'_>,
        limits: &Limits,
        visitor: &mut dyn Visitor,
    ) -> Result<LazyRead, LazyError> {
        // A borrow of its own, because the reader of the archive keeps it.
        let open: &mut OpenRange<'_> = &mut |range| open(range);
        let stream = Stream::new(self, pieces, plan, open, limits.layer_bytes);
        let mut walk = Walk::new(limits);
        let mut tar = TarReader::new(stream, limits);
        let walked = self.entries(&mut walk, &mut tar, visitor);
        let mut stream = tar.into_inner();
        // The stream's own reason counts, however it came up through the readers above.
        if let Some(failure) = stream.failure() {
            return Err(failure);
        }
        walked?;
        stream.drain()?;
        let (fetched, requests) = stream.cost();
        let (index, unexamined) = walk.finish();
        Ok(LazyRead { index, unexamined, fetched, requests })
    }

    fn entries(
        &self,
        walk: &mut Walk,
        tar: &mut TarReader<'_, Stream<'_>>,
        visitor: &mut dyn Visitor,
    ) -> Result<(), LazyError> {
        let mut files = self.table.files.iter();
        let mut own = !self.own.is_empty();
        while tar.advance().map_err(LayerError::Tar)? {
            let found = tar.entry();
            // Global headers are no entries; what the walk of a whole layer says about them, this one says too.
            if !matches!(found.kind, TarKind::Global(_)) {
                match files.next() {
                    Some(file) if same(file, found) => {
                        if file.size > 0 {
                            tar.inner_mut().enter(file.chunks)?;
                        }
                    }
                    // The table is the last entry of an eStargz archive, and does not list itself.
                    None if own && found.name == ESTARGZ_NAME.as_bytes() && found.kind == TarKind::File => own = false,
                    _ => return Err(LazyError::Disagree { path: normalize(&found.name) }),
                }
            }
            walk.take(tar, visitor)?;
            if let Some(failure) = tar.inner_mut().failure() {
                return Err(failure);
            }
            let rest = tar.forget_content();
            tar.inner_mut().skip(rest)?;
        }
        match files.next() {
            None => Ok(()),
            Some(file) => Err(LazyError::Disagree { path: file.path.clone() }),
        }
    }
}

/// Whether table and header say the same of all that we use. Sparse files lie otherwise in the archive than in the table's chunks.
fn same(file: &File, found: &TarEntry) -> bool {
    let kind = match found.kind {
        TarKind::File => EntryKind::File,
        TarKind::Directory => EntryKind::Directory,
        TarKind::Symlink => EntryKind::Symlink,
        TarKind::Hardlink => EntryKind::Hardlink,
        TarKind::Special => EntryKind::Special,
        TarKind::Global(_) | TarKind::Unknown(_) => return false,
    };
    let link = match kind {
        EntryKind::Symlink => {
            let mut target = String::new();
            push_text(&mut target, &found.link);
            Some(target)
        }
        EntryKind::Hardlink => Some(normalize(&found.link)),
        EntryKind::File | EntryKind::Directory | EntryKind::Special => None,
    };
    let size = if kind == EntryKind::File { found.size } else { 0 };
    found.data_offset.is_some()
        && file.kind == kind
        && file.size == size
        && file.mode == found.mode & 0o7777
        && file.path == normalize(&found.name)
        && file.link == link
}
