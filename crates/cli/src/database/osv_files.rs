//! OSV records from files: a zip, a directory of JSON files (and zips), or one JSON file.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use signet_advisories::Trust;
use signet_advisories::feeds::osv;
use signet_sources::MappedFile;

use super::files;
use super::segments::Intake;

/// Reads all records at `path` into a database.
pub(super) fn read(path: &Path, intake: &mut Intake<'_>) -> Result<()> {
    let mut files = Vec::new();
    files::list(path, &["json", "zip"], &mut files)?;
    ensure!(!files.is_empty(), "there is no OSV record (`.json` or `.zip`) in `{}`", path.display());
    let mut newest = None;
    for file in &files {
        let mut summary = osv::Summary::default();
        let bytes = MappedFile::open(file)?;
        let read = if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            osv::read_zip(&bytes, osv::ZipLimits::default(), &mut |record| intake.put(record))
                .map(|read| summary = read)
        } else {
            osv::read(&file.display().to_string(), &bytes, &mut summary, &mut |record| intake.put(record))
        };
        read.with_context(|| format!("cannot read the OSV records of `{}`", file.display()))?;
        newest = newest.max(summary.newest);
        intake.detail(format!("`{}`: {} records, {} advisories", file.display(), summary.records, summary.advisories));
        if !summary.skipped.is_empty() {
            intake.warn(format!("no OSV records in: {}", summary.skipped.join(", ")));
        }
    }
    intake.feed(osv::feed(&path.display().to_string(), newest, Trust::LocalFile));
    Ok(())
}
