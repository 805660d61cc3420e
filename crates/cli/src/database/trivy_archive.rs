//! A Trivy database as it is passed around: `trivy.db` with `metadata.json` beside it, or both in `db.tar.gz`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use signet_advisories::feeds::trivy_db::{self, Metadata};
use signet_advisories::{Feed, Trust};
use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer};

/// Largest database that is unpacked, in bytes; today's has less than one gigabyte.
const MOST: u64 = 16 << 30;

/// A database that the user named: the path of `trivy.db` and its feed row. An archive is unpacked into `scratch`.
pub(crate) fn local(path: &Path, scratch: &Path) -> Result<(PathBuf, Feed)> {
    let shown = path.display().to_string();
    let mut magic = [0; 2];
    let mut file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    let packed = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    if !packed {
        let beside = path.with_file_name("metadata.json");
        let metadata = match beside.exists() {
            true => Some(
                Metadata::parse(&std::fs::read(&beside)?)
                    .with_context(|| format!("cannot read `{}`", beside.display()))?,
            ),
            false => None,
        };
        return Ok((path.to_owned(), trivy_db::feed(&shown, metadata.as_ref(), Trust::LocalFile)));
    }
    let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    unpack(file, &shown, scratch, Trust::LocalFile)
}

/// Unpacks `trivy.db` and `metadata.json` out of a gzip archive into `scratch`. No name of the archive becomes a path.
pub(crate) fn unpack(archive: impl Read, url: &str, scratch: &Path, trust: Trust) -> Result<(PathBuf, Feed)> {
    let database = scratch.join("trivy.db");
    let mut unpacked = Unpack { database: &database, found: false, metadata: None };
    let limits = Limits { layer_bytes: MOST, ..Limits::default() };
    walk_layer(BufReader::with_capacity(256 << 10, archive), &limits, &mut unpacked)
        .with_context(|| format!("cannot unpack the Trivy database of `{url}`"))?;
    ensure!(unpacked.found, "there is no `trivy.db` in the archive of `{url}`");
    let metadata = match &unpacked.metadata {
        Some(bytes) => Some(Metadata::parse(bytes).with_context(|| format!("cannot read `metadata.json` of `{url}`"))?),
        None => None,
    };
    Ok((database.clone(), trivy_db::feed(url, metadata.as_ref(), trust)))
}

struct Unpack<'a> {
    database: &'a Path,
    found: bool,
    metadata: Option<Vec<u8>>,
}

impl Visitor for Unpack<'_> {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        if entry.kind != EntryKind::File {
            return Ok(());
        }
        match entry.path.as_str() {
            "trivy.db" => {
                let mut file = File::create(self.database)?;
                io::copy(content, &mut file)?;
                file.flush()?;
                self.found = true;
            }
            "metadata.json" => {
                let mut bytes = Vec::new();
                content.take(1 << 20).read_to_end(&mut bytes)?;
                self.metadata = Some(bytes);
            }
            _ => {}
        }
        Ok(())
    }
}
