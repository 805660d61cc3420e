//! What one layer holds: its paths, and what the leaves found in it.

use signet_catalog::{ExecutableRecord, FileRecord, Found, LateLink, LateParts, LayerRecord, Manifest, Need, Owner};
use signet_image::path::compare;
use signet_image::{EntryKind, IndexEntry, LayerIndex, LayerIndexBuilder};

use super::RecordError;
use super::codes::{Coded, OwnerForm};
use super::nouns::{
    put_distro, put_license, put_package, put_paths, put_texts, put_unexamined, sorted, take_distro, take_license,
    take_package, take_paths, take_texts, take_unexamined,
};
use super::owned::{ReadOwned, WriteOwned};
use super::reader::Reader;
use super::writer::Writer;

type Put = Result<(), RecordError>;
type Take<T> = Result<T, RecordError>;

pub(super) fn put_index<'v>(to: &mut Writer<'v>, index: &'v LayerIndex) {
    to.count(index.len());
    let mut previous = "";
    let mut last = 0;
    for (at, IndexEntry { path, kind, size, mode, link }) in index.entries().enumerate() {
        to.path(&mut previous, path);
        to.number(u64::from(mode & 0o7777) << 3 | u64::from(kind.code()));
        to.number(size);
        if has_link(kind) {
            to.text(link.unwrap_or_default());
        }
        // Most tar writers walk in order, so most steps are small.
        let sequence = i64::from(index.sequence(at));
        to.signed(sequence - last);
        last = sequence;
    }
    put_paths(to, index.whiteouts());
    put_paths(to, index.opaques());
    put_paths(to, index.duplicates());
}

/// The paths come back strictly in order and normal, or not at all: lookups and the squashed view build on both.
pub(super) fn take_index(from: &mut Reader<'_>) -> Take<LayerIndex> {
    let limit = from.limit();
    let mut builder = LayerIndexBuilder::new(limit);
    let full = |_| RecordError::TooLarge { limit };
    let count = from.count()?;
    let mut path = String::new();
    let mut previous = String::new();
    let mut last: i64 = 0;
    for at in 0..count {
        previous.clone_from(&path);
        let shared = from.next_path(&mut path)?;
        let new = path.get(shared..).unwrap_or_default();
        if at > 0 && compare(previous.get(shared..).unwrap_or_default(), new).is_ge() {
            return Err(from.damaged("the paths are not in order"));
        }
        if !is_normal_after(&path, shared) {
            return Err(from.damaged("a path leads out of the root"));
        }
        let head = from.number()?;
        let (Some(kind), Ok(mode @ 0..=0o7777)) = (EntryKind::of_code((head & 7) as u8), u32::try_from(head >> 3))
        else {
            return Err(from.damaged("it has a file of an unknown kind"));
        };
        let size = from.number()?;
        let link = if has_link(kind) { Some(from.str()?) } else { None };
        let step = from.signed()?;
        let sequence = last.checked_add(step).and_then(|sequence| u32::try_from(sequence).ok());
        let sequence = sequence.ok_or_else(|| from.damaged("a place in the stream is no number"))?;
        last = i64::from(sequence);
        builder.restore(&IndexEntry { path: &path, kind, size, mode, link }, sequence).map_err(full)?;
    }
    for path in take_paths(from)? {
        builder.whiteout(&path).map_err(full)?;
    }
    for path in take_paths(from)? {
        builder.opaque(&path).map_err(full)?;
    }
    for path in take_paths(from)? {
        builder.duplicate(&path).map_err(full)?;
    }
    Ok(builder.finish())
}

fn has_link(kind: EntryKind) -> bool {
    match kind {
        EntryKind::Symlink | EntryKind::Hardlink => true,
        EntryKind::File | EntryKind::Directory | EntryKind::Special => false,
    }
}

/// Whether a path is normal whose first `shared` bytes begin a normal path. The root, `""`, is.
fn is_normal_after(path: &str, shared: usize) -> bool {
    if path.is_empty() {
        return true;
    }
    let from = path.get(..shared).and_then(|begin| begin.rfind('/')).map_or(0, |slash| slash + 1);
    path.get(from..).unwrap_or_default().split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Writes what was found in the layer of this index.
pub(super) fn put_record<'v>(to: &mut Writer<'v>, index: &'v LayerIndex, record: &'v LayerRecord) -> Put {
    let LayerRecord { files, executables, links, parts, hardlinks, unexamined } = record;
    let mut owned = WriteOwned::new(index, record);
    to.list(files, |to, FileRecord { path, link, leaf, found }| {
        to.text(path);
        to.maybe_text(link.as_deref());
        to.name(leaf)?;
        put_found(to, &mut owned, found)
    })?;
    let mut previous = "";
    to.list(executables, |to, ExecutableRecord { path, digest, size }| {
        to.path(&mut previous, path);
        to.digest(digest);
        to.number(*size);
        Ok(())
    })?;
    to.list(links, |to, LateLink { path, target, hard, leaf }| {
        to.text(path);
        to.text(target);
        to.flag(*hard);
        to.name(leaf)
    })?;
    to.list(parts, |to, LateParts { path, leaf, ranges }| {
        to.text(path);
        to.name(leaf)?;
        to.list(ranges, |to, range| {
            to.number(range.start);
            to.number(range.end);
            Ok(())
        })
    })?;
    to.list(hardlinks, |to, (path, target)| {
        to.text(path);
        to.text(target);
        Ok(())
    })?;
    to.list(unexamined, put_unexamined)
}

pub(super) fn take_record(from: &mut Reader<'_>, index: &LayerIndex) -> Take<LayerRecord> {
    let mut owned = ReadOwned::new(index);
    let mut path = String::new();
    Ok(LayerRecord {
        files: from.list(|from| {
            Ok(FileRecord {
                path: from.text()?,
                link: from.maybe_text()?,
                leaf: from.name()?,
                found: take_found(from, &mut owned)?,
            })
        })?,
        executables: from.list(|from| {
            Ok(ExecutableRecord { path: from.path(&mut path)?, digest: from.digest()?, size: from.number()? })
        })?,
        links: from.list(|from| {
            Ok(LateLink { path: from.text()?, target: from.text()?, hard: from.flag()?, leaf: from.name()? })
        })?,
        parts: from.list(|from| {
            Ok(LateParts {
                path: from.text()?,
                leaf: from.name()?,
                ranges: from.list(|from| Ok(from.number()?..from.number()?))?,
            })
        })?,
        hardlinks: from.list(|from| Ok((from.text()?, from.text()?)))?,
        unexamined: from.list(take_unexamined)?,
    })
}

fn put_found<'v>(to: &mut Writer<'v>, owned: &mut WriteOwned<'v>, found: &'v Found) -> Put {
    let Found { packages, edges, requires, provides, owns, licenses, distro, facts, manifest, unexamined } = found;
    to.list(packages, put_package)?;
    to.list(edges, |to, (start, end, kind)| {
        to.count(*start);
        to.count(*end);
        to.code(*kind);
        Ok(())
    })?;
    for names in [requires, provides] {
        to.list(names, |to, (package, name)| {
            to.count(*package);
            to.text(name);
            Ok(())
        })?;
    }
    to.list(owns, |to, (owner, files)| {
        put_owner(to, owner);
        owned.put(to, files)
    })?;
    to.list(licenses, |to, (owner, licenses)| {
        put_owner(to, owner);
        to.list(licenses, put_license)
    })?;
    to.maybe(distro.as_ref(), |to, (rank, distro)| {
        to.byte(*rank);
        put_distro(to, distro)
    })?;
    to.count(facts.len());
    for (fact, values) in facts {
        to.name(fact)?;
        put_texts(to, values)?;
    }
    to.maybe(manifest.as_ref(), |to, Manifest { name, needs, members }| {
        to.text(name);
        to.list(needs, |to, Need { name, range, dev }| {
            to.text(name);
            to.text(range);
            to.flag(*dev);
            Ok(())
        })?;
        put_texts(to, members)
    })?;
    to.list(unexamined, put_unexamined)
}

fn take_found(from: &mut Reader<'_>, owned: &mut ReadOwned<'_>) -> Take<Found> {
    Ok(Found {
        packages: from.list(take_package)?,
        edges: from.list(|from| Ok((from.small()?, from.small()?, from.code()?)))?,
        requires: from.list(|from| Ok((from.small()?, from.text()?)))?,
        provides: from.list(|from| Ok((from.small()?, from.text()?)))?,
        owns: from.list(|from| Ok((take_owner(from)?, owned.take(from)?)))?,
        licenses: from.list(|from| Ok((take_owner(from)?, from.list(take_license)?)))?,
        distro: from.maybe(|from| Ok((from.byte()?, take_distro(from)?)))?,
        facts: {
            let facts = from.list(|from| Ok((from.name()?, take_texts(from)?)))?;
            sorted(from, facts)?
        },
        manifest: from.maybe(|from| {
            Ok(Manifest {
                name: from.text()?,
                needs: from.list(|from| Ok(Need { name: from.text()?, range: from.text()?, dev: from.flag()? }))?,
                members: take_texts(from)?,
            })
        })?,
        unexamined: from.list(take_unexamined)?,
    })
}

fn put_owner<'v>(to: &mut Writer<'v>, owner: &'v Owner) {
    to.code(OwnerForm::of(owner));
    match owner {
        Owner::Here(place) => to.count(*place),
        Owner::Named { kind, name, arch } => {
            to.code(*kind);
            to.text(name);
            to.maybe_text(arch.as_deref());
        }
    }
}

fn take_owner(from: &mut Reader<'_>) -> Take<Owner> {
    Ok(match from.code()? {
        OwnerForm::Here => Owner::Here(from.small()?),
        OwnerForm::Named => Owner::Named { kind: from.code()?, name: from.text()?, arch: from.maybe_text()? },
    })
}
