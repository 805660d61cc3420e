//! `signet db diff` and `apply`: what changed between two databases, carried by file.

use std::io::{BufWriter, Write as _};

use anyhow::{Context as _, Result, ensure};
use signet_advisories::delta;
use signet_sources::MappedFile;

use super::take::{settle, unpack};
use super::{DELTA_LEVEL, folder_of};
use crate::args::{DbApplyArgs, DbDiffArgs};
use crate::database::origin::Origin;
use crate::database::{install, open, place};
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;

/// Largest difference, unpacked, in bytes: it is held in memory.
const MOST: u64 = 1 << 30;
/// Largest database that is made.
const MOST_DATABASE: u64 = 16 << 30;

/// `signet db diff`.
pub(crate) fn diff_command(args: &DbDiffArgs, settings: &Settings) -> Result<Exit> {
    let (old, new) = (MappedFile::open(&args.old)?, MappedFile::open(&args.new)?);
    for (path, bytes) in [(&args.old, &old), (&args.new, &new)] {
        let checked = signet_advisories::Database::open(bytes).and_then(|database| database.verify());
        checked.with_context(|| format!("cannot use the database `{}`", path.display()))?;
    }
    let difference = delta::diff(&old, &new)?;
    let packed = zstd::stream::encode_all(difference.as_slice(), DELTA_LEVEL).context("cannot pack the difference")?;
    output::replace(&args.output, &packed).with_context(|| format!("cannot write `{}`", args.output.display()))?;
    settings.say(format!("{} bytes, for a database of {} bytes", packed.len(), new.len()));
    Ok(Exit::Well)
}

/// `signet db apply`.
pub(crate) fn apply_command(args: &DbApplyArgs, settings: &Settings) -> Result<Exit> {
    let base = args.db.clone().unwrap_or_else(|| place(settings));
    ensure!(base.exists(), "there is no database `{}` that could be changed", base.display());
    let target = args.output.clone().unwrap_or_else(|| base.clone());
    let packed = MappedFile::open(&args.file)?;
    let failed = || format!("cannot apply `{}`", args.file.display());
    let mut difference = Vec::new();
    unpack(&mut &packed[..], MOST, &mut difference).with_context(failed)?;
    let old = MappedFile::open(&base)?;
    let folder = folder_of(&target)?;
    let file = tempfile::NamedTempFile::new_in(folder).context("cannot make a temporary file for the database")?;
    let mut out = BufWriter::with_capacity(1 << 20, file.reopen()?);
    let info = delta::apply(&old, &difference, MOST_DATABASE, &mut out).with_context(failed)?;
    out.flush().context("cannot write the database")?;
    let file = settle(out, file, &info.result)?;
    // Nobody vouches for a difference more than for a file that the user gave.
    let origin = Origin {
        database: info.result,
        ..Origin::new(&args.file.display().to_string(), info.result, signet_advisories::Trust::LocalFile)
    };
    install(file, &target, args.allow_rollback, Some(&origin)).with_context(failed)?;
    let contents = open(&target)?.database()?.contents();
    settings.say(format!("database: {} advisories, {}", contents.advisories, info.result));
    Ok(Exit::Well)
}
