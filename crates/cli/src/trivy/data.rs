//! The advisory database under Trivy's cache directory. `db/trivy.db`, where somebody put one, is compiled once into our own form beside it.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result, bail};
use signet_advisories::feeds::trivy_db::Metadata;
use signet_model::{Digest, Inventory};

use super::args::{Data, Global, Scan};
use crate::database::{self, Opened, Wanted, java};
use crate::net::Access;
use crate::settings::Settings;

/// Where Trivy keeps its data: `--cache-dir`, else `trivy` in the user's cache directory.
pub(super) fn cache(global: &Global, settings: &Settings) -> Result<PathBuf> {
    if let Some(path) = &global.cache_dir {
        return Ok(path.clone());
    }
    if let Some(path) = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path).join("trivy"));
    }
    match &settings.home {
        Some(home) => Ok(home.join(".cache/trivy")),
        None => bail!("there is no place for a cache: set HOME, or give `--cache-dir DIR`"),
    }
}

/// The database that a scan uses. `settings.cache` is our own folder within `cache`.
pub(super) fn open(cache: &Path, args: &Data, access: &Access, settings: &Settings) -> Result<Opened> {
    let theirs = cache.join("db/trivy.db");
    let ours = database::place(settings);
    if theirs.is_file()
        && (args.skip_db_update || settings.offline || !outdated(&theirs, settings))
        && !args.download_db_only
    {
        if outdated(&theirs, settings) {
            settings.warn(format!("the vulnerability database `{}` is past its `NextUpdate`", theirs.display()));
        }
        return compiled(&theirs, &ours, settings);
    }
    let installed = ours.is_file().then(|| database::open(&ours)).and_then(Result::ok);
    if args.skip_db_update {
        return installed.with_context(|| {
            format!(
                "--skip-db-update cannot be specified on the first run: there is no database in `{}`",
                cache.display()
            )
        });
    }
    if let Some(opened) = &installed {
        let age = opened.info()?.built.map(|built| settings.now.as_second() - built.as_second());
        if age.is_some_and(|age| age <= database::FRESH) && !args.download_db_only {
            return database::open(&ours);
        }
    }
    let wanted = Wanted {
        grype: None,
        repositories: args.db_repository.iter().map(|name| with_tag(name, 2)).collect(),
        kev: None,
        epss: None,
        feeds: Vec::new(),
        allow_rollback: false,
        access: access.clone(),
    };
    match (database::update(&wanted, settings), installed) {
        (Ok(()), _) => database::open(&ours),
        // The last good one serves on, and the reader is told.
        (Err(err), _) if theirs.is_file() && !args.download_db_only => {
            settings.warn(format!("the vulnerability database could not be refreshed: {err:#}"));
            compiled(&theirs, &ours, settings)
        }
        (Err(err), Some(opened)) if !args.download_db_only => {
            settings.warn(format!("the vulnerability database could not be refreshed: {err:#}"));
            Ok(opened)
        }
        (Err(err), _) => Err(err).context("failed to download vulnerability DB"),
    }
}

/// Whether a newer one can be expected: its `NextUpdate` has passed, and it was not fetched within the hour. One that does not say is taken as it is.
fn outdated(theirs: &Path, settings: &Settings) -> bool {
    let metadata = std::fs::read(theirs.with_file_name("metadata.json")).ok();
    let Some(metadata) = metadata.and_then(|bytes| Metadata::parse(&bytes).ok()) else { return false };
    let fetched = metadata.downloaded_at.map(|time| settings.now.as_second() - time.as_second());
    metadata.next_update.is_some_and(|next| next <= settings.now) && fetched.is_none_or(|age| !(0..3600).contains(&age))
}

/// A repository without a tag means the tag of the schema that is read.
fn with_tag(name: &str, schema: u8) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') || last.contains('@') { name.to_owned() } else { format!("{name}:{schema}") }
}

/// Names Java archives by the index in Trivy's cache, which is fetched when one needs it. That nothing can be fetched leaves them nameless, and
/// told as such.
pub(super) fn name_archives(
    cache: &Path,
    args: &Scan,
    access: &Access,
    inventory: &mut Inventory,
    settings: &Settings,
) -> Result<()> {
    let kept = java::place(cache);
    if java::nameless(inventory) > 0
        && !(args.skip_java_db_update || args.offline_scan || settings.offline || java::is_fresh(&kept, settings))
        && let Err(err) = fetch_java(cache, args, access, settings)
    {
        settings.warn(format!("the Java index database could not be refreshed: {err:#}"));
    }
    java::name_archives(inventory, None, &kept, settings)
}

/// Fetches the index of Java archives.
pub(super) fn fetch_java(cache: &Path, args: &Scan, access: &Access, settings: &Settings) -> Result<()> {
    let repositories: Vec<String> = args.java_db_repository.iter().map(|name| with_tag(name, 1)).collect();
    let wanted = java::Wanted { repositories: &repositories, access, allow_rollback: false };
    java::fetch(&wanted, &java::place(cache), settings).context("failed to download Java DB")
}

/// Compiles `theirs` unless that was done for these very bytes, as far as size, time and metadata tell.
fn compiled(theirs: &Path, ours: &Path, settings: &Settings) -> Result<Opened> {
    let stamp = ours.with_extension("of");
    let key = key(theirs)?;
    let known = std::fs::read_to_string(&stamp).is_ok_and(|known| known == key);
    if known && let Ok(opened) = database::open(ours) {
        return Ok(opened);
    }
    let written = database::compile_trivy(theirs, ours, settings)
        .and_then(|()| crate::output::replace(&stamp, key.as_bytes()).map_err(Into::into));
    match written {
        Ok(()) => database::open(ours),
        Err(err) => {
            // A cache that cannot be written (a read-only mount) still can be used, once.
            let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
            let target = scratch.path().join("advisories.db");
            database::compile_trivy(theirs, &target, settings)?;
            settings.detail(format!("the compiled database is not kept: {err:#}"));
            // The map keeps the bytes; the folder goes when it is dropped.
            database::open(&target)
        }
    }
}

fn key(theirs: &Path) -> Result<String> {
    let found = std::fs::metadata(theirs).with_context(|| format!("cannot read `{}`", theirs.display()))?;
    let time = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let metadata = std::fs::read(theirs.with_file_name("metadata.json")).unwrap_or_default();
    let version = signet_advisories::FORMAT_VERSION;
    Ok(format!("{version} {} {} {}\n", found.len(), time.as_nanos(), Digest::sha256(&metadata)))
}
