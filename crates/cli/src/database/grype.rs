//! Grype's database as it is passed around: `vulnerability.db`, an archive that holds it, a directory that Grype keeps it in, or what its
//! publisher lists in `latest.json`; and the records of vunnel that it is made of.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use signet_advisories::Trust;
use signet_advisories::feeds::{grype_db, vunnel};
use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer};
use signet_oci_client::{BlockingClient, FetchRequest};
use signet_sources::MappedFile;

use super::files;
use super::segments::Intake;

/// Largest database that is unpacked, in bytes; today's has less than two gigabytes.
const MOST: u64 = 16 << 30;
/// Largest archive that is fetched, in bytes; today's has about a hundred megabytes.
const MOST_FETCHED: u64 = 4 << 30;
/// Largest `latest.json`, in bytes.
const MOST_LISTED: u64 = 1 << 20;

/// Name of the database in archives and directories.
const NAME: &str = "vulnerability.db";

/// A database to compile from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The unpacked file.
    pub(crate) file: PathBuf,
    /// Where from.
    pub(crate) url: String,
    /// How its bytes came.
    pub(crate) trust: Trust,
}

/// A database that the user named. An archive is unpacked into `scratch`.
pub(crate) fn local(path: &Path, scratch: &Path) -> Result<Source> {
    let url = path.display().to_string();
    let path = if path.is_dir() { path.join(NAME) } else { path.to_owned() };
    let mut file = File::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut magic = [0; 6];
    let plain = file.read_exact(&mut magic).is_ok() && &magic == b"SQLite";
    if plain {
        return Ok(Source { file: path, url, trust: Trust::LocalFile });
    }
    file.seek(SeekFrom::Start(0)).with_context(|| format!("cannot read `{}`", path.display()))?;
    unpack(file, url, scratch, Trust::LocalFile)
}

/// A `latest.json`, as it is and read.
pub(super) fn listing(client: &BlockingClient, url: &str) -> Result<(serde_json::Value, grype_db::Latest)> {
    let mut bytes = Vec::new();
    let request = FetchRequest { url: url.to_owned(), most: MOST_LISTED, known: None, expect: None };
    client.fetch(&request, &mut bytes).with_context(|| format!("cannot fetch `{url}`"))?;
    let latest = grype_db::Latest::parse(&bytes).with_context(|| format!("cannot use `{url}`"))?;
    Ok((serde_json::from_slice(&bytes).with_context(|| format!("cannot use `{url}`"))?, latest))
}

/// Where the archive lies that a listing names.
pub(crate) fn address(listing: &str, latest: &grype_db::Latest) -> Result<String> {
    let folder = listing.rsplit_once('/').map_or(listing, |(folder, _)| folder);
    ensure!(
        !latest.path.contains("://") && !latest.path.split('/').any(|part| part == ".."),
        "`{listing}` names a path that is not below it: `{}`",
        latest.path
    );
    Ok(format!("{folder}/{}", latest.path))
}

/// Fetches what a `latest.json` lists. Its checksum is checked over all of the archive.
pub(crate) fn fetch(client: &BlockingClient, listing: &str, scratch: &Path) -> Result<Source> {
    let (_, latest) = self::listing(client, listing)?;
    let url = address(listing, &latest)?;
    let packed = scratch.join("grype-db.packed");
    let file = File::create(&packed).with_context(|| format!("cannot make the file `{}`", packed.display()))?;
    let mut out = BufWriter::new(file);
    let request = FetchRequest { url: url.clone(), most: MOST_FETCHED, known: None, expect: Some(latest.digest) };
    client.fetch(&request, &mut out).with_context(|| format!("cannot fetch `{url}`"))?;
    out.flush().context("cannot write what was fetched")?;
    drop(out);
    // The digest stands in a listing that only TLS vouches for: it pins nothing.
    let file = File::open(&packed).with_context(|| format!("cannot read `{}`", packed.display()))?;
    unpack(file, url, scratch, Trust::TlsOnly)
}

/// Unpacks `vulnerability.db` into `scratch`. No name of the archive becomes a path.
fn unpack(archive: impl Read, url: String, scratch: &Path, trust: Trust) -> Result<Source> {
    let file = scratch.join(NAME);
    let mut unpacked = Unpack { database: &file, found: false };
    let limits = Limits { layer_bytes: MOST, ..Limits::default() };
    walk_layer(BufReader::with_capacity(256 << 10, archive), &limits, &mut unpacked)
        .with_context(|| format!("cannot unpack the Grype database of `{url}`"))?;
    ensure!(unpacked.found, "there is no `{NAME}` in the archive of `{url}`");
    Ok(Source { file, url, trust })
}

struct Unpack<'a> {
    database: &'a Path,
    found: bool,
}

impl Visitor for Unpack<'_> {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        if entry.kind == EntryKind::File && entry.path.rsplit('/').next() == Some(NAME) {
            let mut file = File::create(self.database)?;
            io::copy(content, &mut file)?;
            file.flush()?;
            self.found = true;
        }
        Ok(())
    }
}

/// Reads a database into a database.
pub(super) fn read(source: &Source, intake: &mut Intake<'_>) -> Result<()> {
    let bytes = MappedFile::open(&source.file)?;
    let summary = grype_db::read(&bytes, &mut |record| intake.put(record))
        .with_context(|| format!("cannot read the Grype database `{}`", source.url))?;
    intake.feed(grype_db::feed(&source.url, summary.built, source.trust.clone()));
    intake.detail(format!("Grype database: {} advisories, {} descriptions", summary.advisories, summary.details));
    without_rules(&summary.unknown, intake);
    Ok(())
}

/// Reads the records of vunnel below a directory into a database.
pub(super) fn read_records(path: &Path, intake: &mut Intake<'_>) -> Result<()> {
    let mut found = Vec::new();
    files::list(path, &["json"], &mut found)?;
    let mut summary = vunnel::Summary::default();
    for file in &found {
        let bytes = MappedFile::open(file)?;
        vunnel::read(&file.display().to_string(), &bytes, &mut summary, &mut |record| intake.put(record))
            .with_context(|| format!("cannot read the record `{}`", file.display()))?;
    }
    if summary.records == 0 {
        bail!("there is no record of vunnel in `{}`", path.display());
    }
    intake.feed(vunnel::feed(&path.display().to_string(), summary.newest, Trust::LocalFile));
    intake.detail(format!("`{}`: {} records, {} advisories", path.display(), summary.records, summary.advisories));
    without_rules(&summary.unknown_namespaces, intake);
    for (schema, count) in &summary.unknown_schemas {
        intake.warn(format!("{count} records of the kind `{schema}` were not read: it is not known"));
    }
    Ok(())
}

fn without_rules(unknown: &std::collections::BTreeMap<String, u64>, intake: &mut Intake<'_>) {
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.keys().map(String::as_str).collect();
        intake.warn(format!("without rules, so they cannot match: {}", names.join(", ")));
    }
}
