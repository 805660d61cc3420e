//! Feeds in their publishers' own formats: `--feed NAME=PATH`. A path is a file, a directory, or an archive of either.

use std::borrow::Cow;
use std::io::{BufRead, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use signet_advisories::feeds::{self, Files, Source, Tree};
use signet_advisories::{BuildError, Record, Trust};
use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer};
use signet_sources::MappedFile;

use super::record_json;
use super::segments::Intake;
use super::unpack;

/// Folders below the one that was named.
const MAX_DEPTH: usize = 24;
/// Bytes that are unpacked of one archive.
const UNPACKED: u64 = 4 << 30;

/// A feed and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) source: &'static Source,
    pub(crate) path: PathBuf,
    /// Where it was fetched from; `None`: the user gave the file.
    pub(crate) fetched: Option<(String, Trust)>,
}

impl Given {
    /// Where its bytes came from, as the table of feeds will say.
    pub(super) fn origin(&self) -> String {
        match &self.fetched {
            Some((url, trust)) => format!("{url} {trust:?}"),
            None => self.path.display().to_string(),
        }
    }
}

/// Reads `NAME=PATH`.
pub(crate) fn parse(text: &str) -> Result<Given> {
    let (name, path) = text.split_once('=').with_context(|| format!("`{text}` is not of the form NAME=PATH"))?;
    let source = by_name(name)?;
    let path = PathBuf::from(path);
    ensure!(path.exists(), "there is no `{}`", path.display());
    Ok(Given { source, path, fetched: None })
}

/// The feed of this name.
pub(crate) fn by_name(name: &str) -> Result<&'static Source> {
    feeds::source(name).ok_or_else(|| {
        let known: Vec<&str> = feeds::SOURCES.iter().map(|source| source.id).collect();
        anyhow!("there is no feed `{name}`; known are {}", known.join(", "))
    })
}

/// Files of a directory that are read when they are asked for.
struct Disk {
    root: PathBuf,
    paths: Vec<String>,
}

impl Tree for Disk {
    fn paths(&self) -> &[String] {
        &self.paths
    }

    fn bytes(&self, path: &str) -> std::io::Result<Cow<'_, [u8]>> {
        std::fs::read(self.root.join(path)).map(Cow::Owned)
    }
}

/// Reads one feed into a database; each record is also a line in `records`, if that is given.
pub(super) fn read(given: &Given, intake: &mut Intake<'_>, records: Option<&mut dyn Write>) -> Result<()> {
    let (source, path) = (given.source, given.path.as_path());
    let tree = tree(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut failed = None;
    let mut records = records;
    let tally = source.read(tree.as_ref(), &mut |record: Record| {
        if let Some(out) = records.as_deref_mut() {
            let line = record_json::line(&record);
            if let Err(err) = out.write_all(line.as_bytes()) {
                failed.get_or_insert(err);
                return Err(BuildError::Write(std::io::Error::other("the list of records cannot be written")));
            }
        }
        intake.put(record)
    });
    if let Some(err) = failed {
        return Err(err).context("cannot write the list of records");
    }
    let tally = tally.with_context(|| format!("cannot read the feed `{}` of `{}`", source.id, path.display()))?;
    intake.detail(format!("`{}`: {} records, {} advisories", path.display(), tally.records, tally.advisories));
    let named = |list: &[(String, String)]| -> String {
        let rows: Vec<String> = list.iter().take(10).map(|(place, why)| format!("{place} ({why})")).collect();
        rows.join("; ")
    };
    if tally.malformed_count > 0 {
        intake.warn(format!(
            "feed `{}`: {} records cannot be read: {}",
            source.id,
            tally.malformed_count,
            named(&tally.malformed)
        ));
    }
    if tally.skipped_count > 0 {
        intake.warn(format!("feed `{}`: {} parts left out: {}", source.id, tally.skipped_count, named(&tally.skipped)));
    }
    if !tally.unknown.is_empty() {
        let total: u64 = tally.unknown.values().sum();
        let names: Vec<&str> = tally.unknown.keys().take(20).map(String::as_str).collect();
        intake.detail(format!("feed `{}`: {total} parts are of what is not judged: {}", source.id, names.join(", ")));
    }
    let (url, trust) = match &given.fetched {
        Some((url, trust)) => (url.clone(), trust.clone()),
        None => (path.display().to_string(), Trust::LocalFile),
    };
    intake.feed(source.feed(&url, tally.newest, trust));
    Ok(())
}

/// The files at a path.
fn tree(path: &Path) -> Result<Box<dyn Tree>> {
    if path.is_dir() {
        let mut paths = Vec::new();
        list(path, "", 0, &mut paths)?;
        paths.sort();
        return Ok(Box::new(Disk { root: path.to_owned(), paths }));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = MappedFile::open(path)?;
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let tar = |name: &str| [".tar", ".tgz", ".tar.gz", ".tar.zst"].iter().any(|ending| name.ends_with(ending));
    let files: Files = if let Some((name, reader)) = unpack::stream(&name, &bytes) {
        if tar(&name) {
            untar(std::io::BufReader::with_capacity(256 << 10, reader))?
        } else {
            let mut out = Vec::new();
            reader.take(UNPACKED + 1).read_to_end(&mut out).context("cannot unpack it")?;
            ensure!(out.len() as u64 <= UNPACKED, "more than 4 GiB are in it");
            [(name, out)].into_iter().collect()
        }
    } else if tar(&name) {
        untar(&bytes[..])?
    } else if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") || (starts(&[0x1f, 0x8b]) && !name.ends_with(".csv.gz")) {
        Files::unpack(&name, &bytes)?
    } else {
        [(name, bytes.to_vec())].into_iter().collect()
    };
    Ok(Box::new(files))
}

/// The files of a tar archive.
fn untar(archive: impl BufRead) -> Result<Files> {
    let mut untar = Untar::default();
    walk_layer(archive, &Limits::default(), &mut untar).context("cannot read the archive")?;
    Ok(untar.files.into_iter().collect())
}

/// Regular files; no link is followed.
fn list(root: &Path, below: &str, depth: usize, paths: &mut Vec<String>) -> Result<()> {
    ensure!(depth < MAX_DEPTH, "`{below}` lies more than {MAX_DEPTH} folders deep");
    let folder = root.join(below);
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().with_context(|| format!("cannot look at `{path}`"))?;
        if kind.is_dir() {
            list(root, &path, depth + 1, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Untar {
    files: Vec<(String, Vec<u8>)>,
    total: u64,
}

impl Visitor for Untar {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> std::io::Result<()> {
        if entry.kind != EntryKind::File {
            return Ok(());
        }
        let mut bytes = Vec::new();
        content.take(UNPACKED.saturating_sub(self.total).saturating_add(1)).read_to_end(&mut bytes)?;
        self.total = self.total.saturating_add(bytes.len() as u64);
        if self.total > UNPACKED {
            return Err(std::io::Error::other("more than 4 GiB are in the archive"));
        }
        self.files.push((entry.path.clone(), bytes));
        Ok(())
    }
}

/// `signet db feeds`: all feeds that can be given.
pub(crate) fn table() -> String {
    let mut text = String::new();
    for source in feeds::SOURCES {
        let pass = if source.redistributable { "may be passed on" } else { "not to be passed on" };
        text += &format!("{:13} {}  {} ({pass})\n", source.id, source.name, source.licence);
        for url in source.urls {
            text += &format!("{:13} {url}\n", "");
        }
    }
    text
}
