//! What a database was built from, by hash: files that have not changed are not parsed again.
//!
//! `NAME.inputs` lies beside the database. Its first line is the hash of everything that went in and the digest of what came out; each further one
//! is a part: hash of what it was read from (`-`: nothing was kept of it), whether all of it may be passed on, names of its feeds. The hashes
//! are about the files, their names, the feeds they were given for, and the program itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use signet_advisories::FORMAT_VERSION;
use signet_advisories::segment::SEGMENT_VERSION;
use signet_model::{Algorithm, Digest, Hasher};
use signet_sources::MappedFile;

use super::feeds::Given;
use super::segments::{self, Made};
use crate::args::DbBuildArgs;
use crate::settings::Settings;

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
        add(path, "", 0, &mut hasher)?;
    }
    Ok(hasher.finish())
}

/// What a part is read from.
pub(super) enum Content<'a> {
    /// A file or a directory.
    Path(&'a Path),
    /// Bytes in memory.
    Bytes(&'a [u8]),
}

/// The hash of one part: as which feed it is read, where it says that it came from, its bytes.
pub(super) fn key(kind: &str, origin: &str, content: &Content<'_>) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let head = format!("{SEGMENT_VERSION} {FORMAT_VERSION} {}\n{kind}\n{origin}\n", program());
    hasher.update(head.as_bytes());
    match content {
        Content::Path(path) => add(path, "", 0, &mut hasher)?,
        Content::Bytes(bytes) => hasher.update(bytes),
    }
    Ok(hasher.finish())
}

/// Another build of the program may read the same files otherwise.
fn program() -> String {
    let meta = std::env::current_exe().and_then(std::fs::metadata);
    let stamp = meta.ok().map(|meta| (meta.len(), meta.modified().ok()));
    format!("{} {stamp:?}", env!("CARGO_PKG_VERSION"))
}

/// Names are those below what was named, and of a lone file its own: feeds read them.
fn add(path: &Path, below: &str, depth: usize, hasher: &mut Hasher) -> Result<()> {
    ensure!(depth < MAX_DEPTH, "`{}` lies more than {MAX_DEPTH} folders deep", path.display());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !path.is_dir() {
        let bytes = MappedFile::open(path)?;
        hasher.update(format!("{below}{name} {}\n", bytes.len()).as_bytes());
        hasher.update(&bytes);
        return Ok(());
    }
    let below = if depth == 0 { String::new() } else { format!("{below}{name}/") };
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .and_then(Iterator::collect::<std::io::Result<_>>)
        .with_context(|| format!("cannot list `{}`", path.display()))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
        // Links are not followed when the files are read either.
        if kind.is_dir() || kind.is_file() {
            add(&entry.path(), &below, depth + 1, hasher)?;
        }
    }
    Ok(())
}

fn beside(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".inputs");
    PathBuf::from(name)
}

fn made(target: &Path) -> Result<Digest> {
    Ok(super::open(target)?.info()?.digest)
}

/// Whether the database at `target` was built from just these, and is still what was built.
pub(super) fn is_current(target: &Path, inputs: &Digest) -> bool {
    let Ok(text) = std::fs::read_to_string(beside(target)) else { return false };
    made(target).is_ok_and(|made| text.lines().next() == Some(&format!("{inputs} {made}")))
}

/// Notes what the database at `target` was built from, and forgets what was kept of feeds that are not of it any more.
pub(super) fn remember(target: &Path, inputs: Option<&Digest>, parts: &[Made], settings: &Settings) -> Result<()> {
    let inputs = inputs.map_or("-".to_owned(), Digest::to_string);
    let mut text = format!("{inputs} {}\n", made(target)?);
    for part in parts {
        let key = part.key.as_ref().map_or("-".to_owned(), Digest::to_string);
        let free = if part.feeds.iter().all(|feed| feed.redistributable) { "free" } else { "bound" };
        let names: Vec<&str> = part.feeds.iter().map(|feed| feed.name.as_str()).collect();
        text += &format!("{key} {free} {}\n", names.join(","));
    }
    let old: Vec<Kept> = std::fs::read_to_string(beside(target)).map(|text| read(&text)).unwrap_or_default();
    let stale: Vec<Digest> = old
        .iter()
        .filter_map(|kept| kept.key)
        .filter(|key| !parts.iter().any(|part| part.key.as_ref() == Some(key)))
        .collect();
    segments::forget(&stale, settings);
    crate::output::replace(&beside(target), text.as_bytes())
        .with_context(|| format!("cannot write `{}`", beside(target).display()))
}

/// A part of a database that was built here.
pub(super) struct Kept {
    /// What it was read from; `None`: nothing was kept of it.
    pub(super) key: Option<Digest>,
    /// All of it may be passed on.
    pub(super) free: bool,
}

/// The parts that the database at `target` was built from; `None`: it was not built here, or not of what is noted.
pub(super) fn parts(target: &Path) -> Option<Vec<Kept>> {
    let text = std::fs::read_to_string(beside(target)).ok()?;
    let noted = text.lines().next()?.split(' ').nth(1)?;
    (noted == made(target).ok()?.to_string()).then(|| read(&text))
}

fn read(text: &str) -> Vec<Kept> {
    let parts = text.lines().skip(1).filter_map(|line| {
        let mut words = line.split(' ');
        Some(Kept { key: words.next()?.parse().ok(), free: words.next()? == "free" })
    });
    parts.collect()
}
