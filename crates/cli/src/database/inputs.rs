//! What a database was built from, by hash: files that have not changed are not parsed again.
//!
//! The hash lies beside the database (`NAME.inputs`). It is about the files, their names, the feeds they were given for, and the program itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use signet_advisories::FORMAT_VERSION;
use signet_model::{Algorithm, Digest, Hasher};
use signet_sources::MappedFile;

use super::feeds::Given;
use crate::args::DbBuildArgs;

/// Folders below a path that was named.
const MAX_DEPTH: usize = 24;

/// The hash of all that goes into a database.
pub(super) fn digest(args: &DbBuildArgs, given: &[Given]) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(format!("{FORMAT_VERSION} {}\n", program()).as_bytes());
    let feeds = given.iter().map(|given| (given.source.id, given.path.as_path()));
    let osv = args.osv.iter().map(|path| ("--osv", path.as_path()));
    let vunnel = args.vunnel.iter().map(|path| ("--vunnel", path.as_path()));
    let single =
        [("--trivy-db", &args.trivy_db), ("--grype-db", &args.grype_db), ("--kev", &args.kev), ("--epss", &args.epss)];
    let single = single.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)));
    for (name, path) in feeds.chain(osv).chain(vunnel).chain(single) {
        hasher.update(format!("{name}={}\n", path.display()).as_bytes());
        add(path, 0, &mut hasher)?;
    }
    Ok(hasher.finish())
}

/// Another build of the program may read the same files otherwise.
fn program() -> String {
    let meta = std::env::current_exe().and_then(std::fs::metadata);
    let stamp = meta.ok().map(|meta| (meta.len(), meta.modified().ok()));
    format!("{} {stamp:?}", env!("CARGO_PKG_VERSION"))
}

fn add(path: &Path, depth: usize, hasher: &mut Hasher) -> Result<()> {
    ensure!(depth < MAX_DEPTH, "`{}` lies more than {MAX_DEPTH} folders deep", path.display());
    if !path.is_dir() {
        let bytes = MappedFile::open(path)?;
        hasher.update(format!("{} {}\n", path.display(), bytes.len()).as_bytes());
        hasher.update(&bytes);
        return Ok(());
    }
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .and_then(Iterator::collect::<std::io::Result<_>>)
        .with_context(|| format!("cannot list `{}`", path.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
        // Links are not followed when the files are read either.
        if kind.is_dir() || kind.is_file() {
            add(&entry.path(), depth + 1, hasher)?;
        }
    }
    Ok(())
}

fn beside(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".inputs");
    PathBuf::from(name)
}

/// Whether the database at `target` was built from just these, and is still what was built.
pub(super) fn is_current(target: &Path, inputs: &Digest) -> bool {
    let Ok(text) = std::fs::read_to_string(beside(target)) else { return false };
    let made = super::open(target).and_then(|opened| Ok(opened.info()?.digest.to_string()));
    made.is_ok_and(|made| text.trim() == format!("{inputs} {made}"))
}

/// Notes what the database at `target` was built from.
pub(super) fn remember(target: &Path, inputs: &Digest) -> Result<()> {
    let made = super::open(target)?.info()?.digest;
    let place = beside(target);
    std::fs::write(&place, format!("{inputs} {made}\n")).with_context(|| format!("cannot write `{}`", place.display()))
}
