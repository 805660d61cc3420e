//! From an artifact to the installed database: which layer is needed, what it unpacks to, whether it is what the manifest says.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use signet_advisories::artifact::{ArtifactConfig, DELTA, LAYER};
use signet_advisories::{Database, delta};
use signet_model::{Digest, Hasher};
use signet_sources::MappedFile;

use super::{Descriptor, Manifest, folder_of};
use crate::database::origin::Origin;
use crate::database::{install, open};
use crate::settings::Settings;

/// Largest database, in bytes.
const MOST: u64 = 16 << 30;
/// Largest difference, in bytes; it is held in memory.
const MOST_DELTA: u64 = 1 << 30;
/// Largest configuration, in bytes.
pub(super) const MOST_CONFIG: u64 = 4 << 20;
/// Largest window of a packed layer, as a power of two of bytes.
const WINDOW: u32 = 27;

/// Gives the stored bytes of a blob; they are verified here.
pub(super) type Blobs<'b> = dyn FnMut(&Digest, u64) -> Result<Box<dyn Read>> + 'b;

/// Installs the database of an artifact at `target`. `manifest` was verified as far as anybody vouches for it, which `origin` tells.
pub(super) fn take(
    manifest: &Manifest,
    blobs: &mut Blobs<'_>,
    origin: &Origin,
    target: &Path,
    allow_rollback: bool,
    settings: &Settings,
) -> Result<()> {
    let from = &origin.from;
    let mut bytes = Vec::new();
    ensure!(manifest.config.size <= MOST_CONFIG, "the configuration of `{from}` is larger than {MOST_CONFIG} bytes");
    let mut config = checked(&manifest.config, blobs)?;
    config.read_to_end(&mut bytes).with_context(|| format!("cannot read the configuration of `{from}`"))?;
    config.finish().with_context(|| format!("cannot use the configuration of `{from}`"))?;
    let config = ArtifactConfig::parse(&bytes).with_context(|| format!("cannot use `{from}`"))?;
    ensure!(config.size <= MOST, "the database of `{from}` has {} bytes, and at most {MOST} are taken", config.size);
    let installed = if target.exists() { open(target).ok() } else { None };
    let present = installed.as_ref().and_then(|opened| Some(opened.database().ok()?.digest()));
    let origin = Origin { database: config.database, ..origin.clone() };
    if present == Some(config.database)
        && let Some(opened) = &installed
        && opened.database()?.verify().is_ok()
    {
        settings.say("the database is the one that is installed");
        return Ok(());
    }
    let folder = folder_of(target)?;
    let mut made = None;
    let step = config.deltas.iter().find(|step| Some(step.base) == present);
    if let Some(step) = step
        && let Some(layer) = manifest.layer(DELTA, Some(&step.layer))?
    {
        match by_difference(layer, step.size, &config, blobs, target, &folder) {
            Ok(file) => {
                settings.detail(format!("the difference from the installed database was taken: {} bytes", layer.size));
                made = Some(file);
            }
            // The whole database is there too, and is checked in the same way.
            Err(err) => settings.warn(format!("the difference of `{from}` cannot be used: {err:#}")),
        }
    }
    let file = match made {
        Some(file) => file,
        None => {
            let layer =
                manifest.layer(LAYER, None)?.with_context(|| format!("`{from}` has no layer with a database"))?;
            whole(layer, &config, blobs, &folder).with_context(|| format!("cannot take the database of `{from}`"))?
        }
    };
    install(file, target, allow_rollback, Some(&origin))?;
    let opened = open(target)?;
    let contents = opened.database()?.contents();
    settings.say(format!(
        "database: {} advisories of {} vulnerabilities for {} packages, {}, {}",
        contents.advisories,
        contents.vulnerabilities,
        contents.packages,
        config.database,
        origin.trust.name()
    ));
    opened.notes.iter().for_each(|note| settings.say(format!("note: {note}")));
    Ok(())
}

/// Unpacks the whole database.
fn whole(
    layer: &Descriptor,
    config: &ArtifactConfig,
    blobs: &mut Blobs<'_>,
    folder: &Path,
) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new_in(folder).context("cannot make a temporary file for the database")?;
    let mut out = BufWriter::with_capacity(1 << 20, file.reopen()?);
    let mut packed = checked(layer, blobs)?;
    let written = unpack(&mut packed, config.size, &mut out)?;
    packed.finish()?;
    ensure!(written == config.size, "it unpacks to {written} bytes instead of {}", config.size);
    settle(out, file, &config.database)
}

/// Makes the database of the installed one.
fn by_difference(
    layer: &Descriptor,
    size: u64,
    config: &ArtifactConfig,
    blobs: &mut Blobs<'_>,
    target: &Path,
    folder: &Path,
) -> Result<tempfile::NamedTempFile> {
    ensure!(size <= MOST_DELTA, "it has {size} bytes, and at most {MOST_DELTA} are taken");
    let mut packed = checked(layer, blobs)?;
    let mut difference = Vec::new();
    unpack(&mut packed, size, &mut difference)?;
    packed.finish()?;
    let base = MappedFile::open(target)?;
    let file = tempfile::NamedTempFile::new_in(folder).context("cannot make a temporary file for the database")?;
    let mut out = BufWriter::with_capacity(1 << 20, file.reopen()?);
    delta::apply(&base, &difference, config.size, &mut out)?;
    settle(out, file, &config.database)
}

/// Brings a file to disk and compares its digest.
pub(super) fn settle(
    out: BufWriter<File>,
    file: tempfile::NamedTempFile,
    digest: &Digest,
) -> Result<tempfile::NamedTempFile> {
    let written = out.into_inner().map_err(|err| err.into_error()).context("cannot write the database")?;
    written.sync_all().context("cannot bring the database to disk")?;
    let bytes = MappedFile::open(file.path())?;
    let found = Database::open(&bytes)?.digest();
    ensure!(found == *digest, "the database is {found}, and {digest} was promised");
    drop(bytes);
    Ok(file)
}

/// Unpacks zstd, and gives the number of bytes; one more than `most` is an error.
pub(super) fn unpack(packed: &mut dyn Read, most: u64, out: &mut dyn io::Write) -> Result<u64> {
    let mut reader = zstd::stream::read::Decoder::new(packed).context("cannot unpack it")?;
    reader.window_log_max(WINDOW).context("cannot unpack it")?;
    let mut reader = reader.take(most.saturating_add(1));
    let written = io::copy(&mut reader, out).context("cannot unpack it")?;
    ensure!(written <= most, "it unpacks to more than the stated {most} bytes");
    out.flush().context("cannot write what was unpacked")?;
    Ok(written)
}

/// A blob whose size and digest are compared at its end.
pub(super) struct Checked<'b> {
    from: io::Take<Box<dyn Read + 'b>>,
    hasher: Hasher,
    digest: Digest,
    size: u64,
    came: u64,
}

fn checked(descriptor: &Descriptor, blobs: &mut Blobs<'_>) -> Result<Checked<'static>> {
    let digest = descriptor.digest()?;
    let from = blobs(&digest, descriptor.size)?;
    Ok(Checked {
        from: from.take(descriptor.size.saturating_add(1)),
        hasher: Hasher::new(digest.algorithm()),
        digest,
        size: descriptor.size,
        came: 0,
    })
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.came += count as u64;
        Ok(count)
    }
}

impl Checked<'_> {
    /// Reads what nobody wanted, and compares.
    fn finish(mut self) -> Result<()> {
        io::copy(&mut self, &mut io::sink()).context("cannot read it to its end")?;
        ensure!(self.came == self.size, "{} has another size than the stated {} bytes", self.digest, self.size);
        let found = self.hasher.finish();
        ensure!(found == self.digest, "the bytes hash to {found} instead of {}", self.digest);
        Ok(())
    }
}
