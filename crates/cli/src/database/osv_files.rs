//! OSV records from files: a zip, a directory of JSON files (and zips), or one JSON file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use signet_advisories::feeds::osv;
use signet_advisories::{Builder, Trust};
use signet_sources::MappedFile;

use crate::settings::Settings;

/// Folders below the one that was named.
const MAX_DEPTH: usize = 16;

/// Reads all records at `path` into the builder.
pub(super) fn read(path: &Path, builder: &mut Builder<BufWriter<File>>, settings: &Settings) -> Result<()> {
    let mut files = Vec::new();
    list(path, 0, &mut files)?;
    ensure!(!files.is_empty(), "there is no OSV record (`.json` or `.zip`) in `{}`", path.display());
    let mut newest = None;
    for file in &files {
        let mut summary = osv::Summary::default();
        let bytes = MappedFile::open(file)?;
        let read = if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            osv::read_zip(&bytes, osv::ZipLimits::default(), &mut |record| builder.put(record))
                .map(|read| summary = read)
        } else {
            osv::read(&file.display().to_string(), &bytes, &mut summary, &mut |record| builder.put(record))
        };
        read.with_context(|| format!("cannot read the OSV records of `{}`", file.display()))?;
        newest = newest.max(summary.newest);
        settings.detail(format!(
            "`{}`: {} records, {} advisories",
            file.display(),
            summary.records,
            summary.advisories
        ));
        if !summary.skipped.is_empty() {
            settings.warn(format!("no OSV records in: {}", summary.skipped.join(", ")));
        }
    }
    builder.feed(osv::feed(&path.display().to_string(), newest, Trust::LocalFile));
    Ok(())
}

/// Regular files in a stable order; no link is followed but the path that was named.
fn list(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    ensure!(depth < MAX_DEPTH, "`{}` lies more than {MAX_DEPTH} folders deep", path.display());
    let mut entries: Vec<_> = std::fs::read_dir(path)
        .with_context(|| format!("cannot list `{}`", path.display()))?
        .collect::<Result<_, _>>()
        .with_context(|| format!("cannot list `{}`", path.display()))?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let kind = entry.file_type().with_context(|| format!("cannot look at `{}`", entry.path().display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            list(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && (name.ends_with(".json") || name.ends_with(".zip")) {
            files.push(entry.path());
        }
    }
    Ok(())
}
