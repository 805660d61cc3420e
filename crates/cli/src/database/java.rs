//! The index of Java archives by SHA-1 that Trivy publishes: fetched, installed, and asked for archives that do not say what they are.
//!
//! It lies beside the database as it is published (`java-db/trivy-java.db` and `metadata.json`), so a folder of Trivy's serves as well. It is
//! large and few need it: nothing but `signet db update --java-db` and Trivy's own command line fetches it for the first time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use signet_catalog::java::{JavaIndex, name_by_index};
use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer};
use signet_model::{Inventory, PackageKind, Presence, Timestamp};
use signet_sources::MappedFile;

use super::update::layer_of;
use crate::net::{self, Access};
use crate::output;
use crate::progress::Progress;
use crate::settings::Settings;

/// Media type of the layer that holds the index.
const LAYER: &str = "application/vnd.aquasec.trivy.javadb.layer.v1.tar+gzip";
/// Name of the index in archives and folders.
const NAME: &str = "trivy-java.db";
/// Schema of the index.
const SCHEMA: u64 = 1;
/// Largest index that is unpacked, in bytes; today's has less than two gigabytes.
const MOST: u64 = 16 << 30;
/// Seconds after which another look at the repository is worth it, whatever the index says.
const SOON: i64 = 3600;

/// Where the index of this cache lies.
pub(crate) fn place(cache: &Path) -> PathBuf {
    cache.join("java-db").join(NAME)
}

/// Names archives of the inventory that lack a group or a version. `given`: an index that the user named, else the one at `kept` is asked, if any.
///
/// An archive that stays nameless stays `Unexamined` when it is matched; so do all of them without an index.
pub(crate) fn name_archives(
    inventory: &mut Inventory,
    given: Option<&Path>,
    kept: &Path,
    settings: &Settings,
) -> Result<()> {
    let nameless = nameless(inventory);
    if nameless == 0 {
        return Ok(());
    }
    let path = match given {
        Some(path) => path,
        None if kept.is_file() => kept,
        None => {
            settings.detail(format!(
                "{nameless} Java archives do not say what they are: `signet db update --java-db` fetches an index that may know them"
            ));
            return Ok(());
        }
    };
    let named = MappedFile::open(path).map_err(anyhow::Error::from).and_then(|bytes| {
        let index = JavaIndex::open(&bytes)?;
        Ok(name_by_index(inventory, &index)?)
    });
    match named.with_context(|| format!("cannot use the index of Java archives `{}`", path.display())) {
        Ok(named) => settings.detail(format!("{named} of {nameless} Java archives were named by their SHA-1")),
        Err(err) if given.is_some() => return Err(err),
        Err(err) => settings.warn(format!("{err:#}; `signet db update --java-db` replaces it")),
    }
    Ok(())
}

/// Archives that lack a group or a version.
pub(crate) fn nameless(inventory: &Inventory) -> usize {
    let nameless = inventory.packages.iter().filter(|package| {
        package.kind == PackageKind::Java
            && package.presence == Presence::Installed
            && (!package.name.contains(':') || package.version.is_empty())
    });
    nameless.count()
}

/// What to fetch, and how.
pub(crate) struct Wanted<'a> {
    pub(crate) repositories: &'a [String],
    pub(crate) access: &'a Access,
    /// Accept data that is older than what is kept.
    pub(crate) allow_rollback: bool,
}

/// Whether the index at `kept` is there and no newer one can be expected.
pub(crate) fn is_fresh(kept: &Path, settings: &Settings) -> bool {
    let Ok(metadata) = read_metadata(&kept.with_file_name("metadata.json")) else { return false };
    let since = time(&metadata, "DownloadedAt").map(|time| settings.now.as_second() - time.as_second());
    kept.is_file()
        && (time(&metadata, "NextUpdate").is_some_and(|next| next > settings.now)
            || since.is_some_and(|since| (0..SOON).contains(&since)))
}

/// Fetches the index and installs it at `kept`. What is kept stays when anything fails.
pub(crate) fn fetch(wanted: &Wanted<'_>, kept: &Path, settings: &Settings) -> Result<()> {
    let client = net::client(wanted.access, settings)?;
    let progress = Progress::spinner(settings.progress, "fetching the index of Java archives");
    let mut failures = Vec::new();
    let mut outcome = Err(anyhow!("no repository was named"));
    for name in wanted.repositories {
        let fetched = layer_of(&client, name, LAYER, "index of Java archives")
            .and_then(|(blob, _)| install(blob, name, kept, wanted.allow_rollback, settings));
        match fetched {
            Ok(()) => {
                outcome = Ok(());
                break;
            }
            Err(err) => failures.push(format!("{err:#}")),
        }
        outcome = Err(anyhow!("no repository gave the index of Java archives: {}", failures.join("; ")));
    }
    progress.finish();
    outcome
}

/// Installs an index that the user named: the file itself, or the archive that holds it.
pub(crate) fn import(path: &Path, kept: &Path, allow_rollback: bool, settings: &Settings) -> Result<()> {
    let shown = path.display().to_string();
    let mut magic = [0; 2];
    let mut file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    if file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b] {
        let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
        return install(file, &shown, kept, allow_rollback, settings);
    }
    let mut unpacked = Unpack::beside(kept)?;
    let mut from = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    io::copy(&mut from, unpacked.index.as_file_mut()).with_context(|| format!("cannot copy `{shown}`"))?;
    unpacked.found = true;
    unpacked.metadata = std::fs::read(path.with_file_name("metadata.json")).unwrap_or_default();
    unpacked.keep(&shown, kept, allow_rollback, settings)
}

fn install(archive: impl Read, url: &str, kept: &Path, allow_rollback: bool, settings: &Settings) -> Result<()> {
    let mut unpacked = Unpack::beside(kept)?;
    let limits = Limits { layer_bytes: MOST, ..Limits::default() };
    walk_layer(BufReader::with_capacity(256 << 10, archive), &limits, &mut unpacked)
        .with_context(|| format!("cannot unpack the index of Java archives of `{url}`"))?;
    unpacked.keep(url, kept, allow_rollback, settings)
}

/// An index on its way into the cache. No name of the archive becomes a path.
struct Unpack {
    index: tempfile::NamedTempFile,
    found: bool,
    metadata: Vec<u8>,
}

impl Unpack {
    fn beside(kept: &Path) -> Result<Unpack> {
        let folder = kept.parent().context("the index lies in a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the directory `{}`", folder.display()))?;
        let index = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("cannot make a temporary file in `{}`", folder.display()))?;
        Ok(Unpack { index, found: false, metadata: Vec::new() })
    }

    /// The one place where an index becomes the one in use.
    fn keep(mut self, url: &str, kept: &Path, allow_rollback: bool, settings: &Settings) -> Result<()> {
        ensure!(self.found, "there is no `{NAME}` in `{url}`");
        self.index.as_file_mut().flush().context("cannot write the index")?;
        self.index.as_file().sync_all().context("cannot bring the index to disk")?;
        let bytes = MappedFile::open(self.index.path())?;
        JavaIndex::open(&bytes).with_context(|| format!("`{url}` holds no index of Java archives"))?;
        drop(bytes);
        let mut metadata: serde_json::Value = match self.metadata.is_empty() {
            true => serde_json::json!({ "Version": SCHEMA }),
            false => serde_json::from_slice(&self.metadata)
                .with_context(|| format!("cannot read `metadata.json` of `{url}`"))?,
        };
        let version = metadata.get("Version").and_then(serde_json::Value::as_f64);
        ensure!(version == Some(SCHEMA as f64), "the index of `{url}` is not of schema {SCHEMA}");
        let beside = kept.with_file_name("metadata.json");
        if !allow_rollback
            && kept.is_file()
            && let Ok(old) = read_metadata(&beside)
            && let Some(before) = time(&old, "UpdatedAt")
            && time(&metadata, "UpdatedAt").is_none_or(|now| now < before)
        {
            bail!(
                "the index of Java archives of `{url}` is older than the installed of {before}: refused without `--allow-rollback`"
            );
        }
        if let Some(object) = metadata.as_object_mut() {
            object.insert("DownloadedAt".to_owned(), serde_json::json!(settings.now.to_string()));
        }
        // Without its metadata an index is fetched anew, so they are gone while it is replaced.
        match std::fs::remove_file(&beside) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                return Err(err).with_context(|| format!("cannot replace `{}`", beside.display()));
            }
            _ => {}
        }
        self.index
            .persist(kept)
            .map_err(|err| err.error)
            .with_context(|| format!("cannot replace `{}`", kept.display()))?;
        output::replace(&beside, metadata.to_string().as_bytes())
            .with_context(|| format!("cannot write `{}`", beside.display()))?;
        settings.say(format!("the index of Java archives of `{url}` is installed"));
        Ok(())
    }
}

impl Visitor for Unpack {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        match (entry.kind, entry.path.as_str()) {
            (EntryKind::File, NAME) => {
                let file = self.index.as_file_mut();
                file.set_len(0)?;
                io::Seek::rewind(file)?;
                io::copy(content, file)?;
                self.found = true;
            }
            (EntryKind::File, "metadata.json") => {
                self.metadata.clear();
                content.take(1 << 20).read_to_end(&mut self.metadata)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn read_metadata(path: &Path) -> Result<serde_json::Value> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn time(metadata: &serde_json::Value, name: &str) -> Option<Timestamp> {
    // Go's zero time, year 1, means that nothing is known.
    metadata.get(name)?.as_str()?.parse::<Timestamp>().ok().filter(|time| time.as_second() > 0)
}
