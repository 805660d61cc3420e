//! The database as an OCI artifact: made, written to an archive, pushed, and taken back. Its form is described in `signet_advisories::artifact`.

mod archive;
mod delta;
mod registry;
mod take;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::json;
use signet_advisories::artifact::{ARTIFACT_TYPE, ArtifactConfig, ArtifactDelta, CONFIG, DELTA, LAYER};
use signet_advisories::{Database, Feed};
use signet_model::{Algorithm, Digest, Hasher};
use signet_oci_client::media_type::OCI_MANIFEST;
use signet_sources::MappedFile;

use super::{inputs, segments};
use crate::settings::Settings;

pub(crate) use archive::{export_command, import_command};
pub(crate) use delta::{apply_command, diff_command};
pub(crate) use registry::{pull_command, push_command};

/// How hard the layers are packed: the whole database at the usual level, so that it takes seconds.
const LEVEL: i32 = 3;
/// Differences are small, and mostly zeros.
const DELTA_LEVEL: i32 = 12;

/// An artifact that is ready to be written or pushed.
struct Artifact {
    manifest: Vec<u8>,
    config: Vec<u8>,
    layers: Vec<Layer>,
}

/// A layer in a temporary file.
struct Layer {
    media_type: &'static str,
    digest: Digest,
    size: u64,
    file: tempfile::NamedTempFile,
}

impl Artifact {
    /// Packs a database, and the differences from older ones.
    fn make(path: &Path, since: &[PathBuf], scratch: &Path) -> Result<Artifact> {
        let bytes = MappedFile::open(path)?;
        let database = Database::open(&bytes).with_context(|| format!("cannot use `{}`", path.display()))?;
        database.verify().with_context(|| format!("cannot use `{}`", path.display()))?;
        let (feeds, left_out) = (database.feeds()?, database.left_out()?);
        let mut config = ArtifactConfig::of(database.digest(), bytes.len() as u64, &feeds, &left_out);
        let mut layers = vec![pack(&bytes, LAYER, LEVEL, scratch)?];
        for old in since {
            let base = MappedFile::open(old)?;
            let difference = signet_advisories::delta::diff(&base, &bytes)
                .with_context(|| format!("cannot compare with `{}`", old.display()))?;
            let layer = pack(&difference, DELTA, DELTA_LEVEL, scratch)?;
            config.deltas.push(ArtifactDelta {
                base: Database::open(&base)?.digest(),
                layer: layer.digest,
                size: difference.len() as u64,
            });
            layers.push(layer);
        }
        let config_bytes = config.to_json();
        let entries: Vec<serde_json::Value> = layers
            .iter()
            .map(|layer| json!({"mediaType": layer.media_type, "digest": layer.digest.to_string(), "size": layer.size}))
            .collect();
        let mut annotations = serde_json::Map::new();
        annotations.insert("org.opencontainers.image.title".to_owned(), json!("Signet advisory database"));
        if let Some(time) = config.data_time {
            annotations.insert("org.opencontainers.image.created".to_owned(), json!(time.to_string()));
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": ARTIFACT_TYPE,
            "config": {
                "mediaType": CONFIG, "digest": Digest::sha256(&config_bytes).to_string(), "size": config_bytes.len(),
            },
            "layers": entries, "annotations": annotations,
        });
        Ok(Artifact { manifest: serde_json::to_vec(&manifest)?, config: config_bytes, layers })
    }
}

/// Packs bytes into a temporary file.
fn pack(bytes: &[u8], media_type: &'static str, level: i32, scratch: &Path) -> Result<Layer> {
    let failed = || "cannot pack the database";
    let file = tempfile::NamedTempFile::new_in(scratch).with_context(failed)?;
    let out = Hashed { out: BufWriter::new(file.reopen()?), hasher: Hasher::new(Algorithm::Sha256), size: 0 };
    let mut packer = zstd::stream::write::Encoder::new(out, level).with_context(failed)?;
    packer.include_checksum(true).with_context(failed)?;
    packer.set_pledged_src_size(Some(bytes.len() as u64)).with_context(failed)?;
    packer.write_all(bytes).with_context(failed)?;
    let mut out = packer.finish().with_context(failed)?;
    out.flush().with_context(failed)?;
    Ok(Layer { media_type, digest: out.hasher.finish(), size: out.size, file })
}

/// Counts and hashes what goes through.
struct Hashed<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

// === what may be passed on ===

/// The file that is passed on: the database itself, or one without what may not be passed on.
enum Passed {
    Whole(PathBuf),
    Part(tempfile::NamedTempFile),
}

impl Passed {
    fn path(&self) -> &Path {
        match self {
            Passed::Whole(path) => path,
            Passed::Part(file) => file.path(),
        }
    }
}

/// The database that may be passed on. Without `free_only`, one that holds what may not be is refused.
fn passable(path: &Path, free_only: bool, scratch: &Path, settings: &Settings) -> Result<Passed> {
    let opened = super::open(path).with_context(|| format!("cannot use the database `{}`", path.display()))?;
    let database = opened.database()?;
    let bound: Vec<Feed> = database.feeds()?.into_iter().filter(|feed| !feed.redistributable).collect();
    if bound.is_empty() {
        return Ok(Passed::Whole(path.to_owned()));
    }
    let names: Vec<String> = bound.iter().map(|feed| format!("`{}` ({})", feed.name, feed.licence)).collect();
    if !free_only {
        return Err(crate::hint(
            anyhow!("the database holds data that may not be passed on: {}", names.join(", ")),
            "`--redistributable-only` leaves it out and notes in the database that it is missing",
        ));
    }
    let Some(parts) = inputs::parts(path) else {
        return Err(crate::hint(
            anyhow!(
                "`{}` was not built here, so what may not be passed on cannot be told apart in it: {}",
                path.display(),
                names.join(", ")
            ),
            "build it with `signet db build`, or from feeds that may be passed on alone (`signet db feeds` shows which)",
        ));
    };
    let file = tempfile::NamedTempFile::new_in(scratch).context("cannot make a temporary file")?;
    let mut builder = signet_advisories::Builder::new(BufWriter::with_capacity(1 << 20, file.reopen()?))?;
    for part in parts.iter().filter(|part| part.free) {
        let end = match &part.key {
            Some(key) => segments::replay_kept(key, &mut builder, settings)?,
            None => None,
        };
        let Some(end) = end else {
            bail!("what was read of a feed is not kept any more: build the database anew with `signet db build`")
        };
        // The note beside the database is only about where to look.
        if let Some(feed) = end.feeds.iter().find(|feed| !feed.redistributable) {
            bail!("the note beside the database is wrong about `{}`: build the database anew", feed.name);
        }
        end.feeds.into_iter().for_each(|feed| builder.feed(feed));
    }
    for feed in bound.iter().cloned().chain(database.left_out()?) {
        builder.left_out(feed);
    }
    super::finish(builder)?;
    settings.say(format!("left out, because it may not be passed on: {}", names.join(", ")));
    Ok(Passed::Part(file))
}

// === what was received ===

/// The part of a manifest that counts here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// A reference to content.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl Descriptor {
    fn digest(&self) -> Result<Digest> {
        self.digest.parse().map_err(|_| anyhow!("`{}` is no digest", self.digest.escape_debug()))
    }
}

impl Manifest {
    /// Reads a manifest whose digest was checked.
    fn parse(bytes: &[u8], name: &str) -> Result<Manifest> {
        let manifest: Manifest =
            serde_json::from_slice(bytes).with_context(|| format!("`{name}` is no artifact with a database"))?;
        let other = manifest.artifact_type.as_deref().is_some_and(|of| of != ARTIFACT_TYPE && of != CONFIG);
        if other || manifest.config.media_type != CONFIG {
            bail!("`{name}` holds `{}`, which is no database of Signet", manifest.config.media_type.escape_debug());
        }
        Ok(manifest)
    }

    /// The layer of this kind and digest; without a digest the only one.
    fn layer(&self, media_type: &str, digest: Option<&Digest>) -> Result<Option<&Descriptor>> {
        let mut found = None;
        for layer in self.layers.iter().filter(|layer| layer.media_type == media_type) {
            if digest.is_none_or(|digest| layer.digest().is_ok_and(|this| this == *digest)) {
                if found.is_some() {
                    bail!("the artifact has more than one layer of the kind `{media_type}`");
                }
                found = Some(layer);
            }
        }
        Ok(found)
    }
}

/// The folder in which a database lies, made if it is not there.
fn folder_of(target: &Path) -> Result<PathBuf> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the directory `{}`", folder.display()))?;
    Ok(folder.to_owned())
}

/// Where temporary files go: beside the databases, because /tmp may be memory.
fn scratch(settings: &Settings) -> Result<tempfile::TempDir> {
    let folder = folder_of(&super::place(settings))?;
    tempfile::Builder::new()
        .prefix(".artifact-")
        .tempdir_in(&folder)
        .with_context(|| format!("cannot make a temporary directory in `{}`", folder.display()))
}

fn open_layer(layer: &Layer) -> Result<File> {
    layer.file.reopen().context("cannot read a temporary file")
}
