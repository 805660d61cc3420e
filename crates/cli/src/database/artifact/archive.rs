//! `signet db export` and `import`: the artifact in one file, an OCI image layout in a tar archive, as `skopeo copy oci-archive:FILE ...` reads it.

use std::io::{self, Read, Write};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::json;
use signet_advisories::Trust;
use signet_advisories::artifact::ARTIFACT_TYPE;
use signet_model::Digest;
use signet_oci_client::media_type::{OCI_INDEX, OCI_MANIFEST};
use signet_sources::LayoutArchive;

use super::take::{self, MOST_CONFIG};
use super::{Artifact, Descriptor, Manifest, open_layer, passable, scratch};
use crate::args::{DbExportArgs, DbImportArgs};
use crate::database::origin::Origin;
use crate::database::place;
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;

/// Bytes of a tar block.
const BLOCK: usize = 512;

/// `signet db export`.
pub(crate) fn export_command(args: &DbExportArgs, settings: &Settings) -> Result<Exit> {
    let path = args.passed.db.clone().unwrap_or_else(|| place(settings));
    ensure!(path.exists(), "there is no database `{}`", path.display());
    let scratch = scratch(settings)?;
    let passed = passable(&path, args.passed.redistributable_only, scratch.path(), settings)?;
    let artifact = Artifact::make(passed.path(), &args.passed.since, scratch.path())?;
    output::replace_with(&args.file, |out| write(&artifact, out))
        .with_context(|| format!("cannot write `{}`", args.file.display()))?;
    settings.say(format!("{}  {}", Digest::sha256(&artifact.manifest), args.file.display()));
    Ok(Exit::Well)
}

/// Writes the archive; the same bytes for the same artifact.
fn write(artifact: &Artifact, out: &mut dyn Write) -> io::Result<()> {
    let manifest = Digest::sha256(&artifact.manifest);
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{
            "mediaType": OCI_MANIFEST, "digest": manifest.to_string(), "size": artifact.manifest.len(),
            "artifactType": ARTIFACT_TYPE,
        }],
    });
    member(out, "oci-layout", 30, &mut &br#"{"imageLayoutVersion":"1.0.0"}"#[..])?;
    let index = index.to_string();
    member(out, "index.json", index.len() as u64, &mut index.as_bytes())?;
    for blob in [&artifact.manifest, &artifact.config] {
        member(out, &place_of(&Digest::sha256(blob)), blob.len() as u64, &mut blob.as_slice())?;
    }
    for layer in &artifact.layers {
        let mut file = open_layer(layer).map_err(io::Error::other)?;
        member(out, &place_of(&layer.digest), layer.size, &mut file)?;
    }
    out.write_all(&[0; 2 * BLOCK])
}

fn place_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// One file of a tar archive. Source: POSIX.1-1988 `ustar`; all names here are short, and a size has eleven octal digits.
fn member(out: &mut dyn Write, name: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
    if size >= 1 << 33 {
        return Err(io::Error::other("a layer of more than 8 GiB cannot be written to an archive: push it instead"));
    }
    let mut head = [0u8; BLOCK];
    let mut put = |at: usize, text: &str| {
        if let Some(place) = head.get_mut(at..at + text.len()) {
            place.copy_from_slice(text.as_bytes());
        }
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = head.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    out.write_all(&head)?;
    let written = io::copy(&mut content.take(size), out)?;
    if written != size {
        return Err(io::Error::other("a layer changed while it was written"));
    }
    let rest = (BLOCK - (size % BLOCK as u64) as usize) % BLOCK;
    out.write_all(&vec![0; rest])
}

/// `signet db import`.
pub(crate) fn import_command(args: &DbImportArgs, settings: &Settings) -> Result<Exit> {
    let name = args.file.display().to_string();
    let archive = LayoutArchive::open(&args.file)?;
    let manifest = manifest(&archive).with_context(|| format!("cannot read the artifact in `{name}`"))?;
    let parsed = Manifest::parse(&manifest, &name)?;
    let origin = Origin::new(&name, Digest::sha256(&manifest), Trust::LocalFile);
    let target = args.output.clone().unwrap_or_else(|| place(settings));
    let mut blobs = |digest: &Digest, _size: u64| -> Result<Box<dyn Read>> { Ok(archive.blob(digest)?) };
    take::take(&parsed, &mut blobs, &origin, &target, args.allow_rollback, settings)?;
    Ok(Exit::Well)
}

/// The verified bytes of the only manifest in an archive.
fn manifest(archive: &LayoutArchive) -> Result<Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Index {
        manifests: Vec<Descriptor>,
    }
    let index: Index = serde_json::from_slice(&archive.index()?).context("`index.json` is no index")?;
    let [entry] = index.manifests.as_slice() else {
        return Err(anyhow!("it holds {} manifests, and a database is one", index.manifests.len()));
    };
    ensure!(entry.size <= MOST_CONFIG, "its manifest is larger than {MOST_CONFIG} bytes");
    let digest = entry.digest()?;
    let mut bytes = Vec::new();
    archive.blob(&digest)?.take(MOST_CONFIG).read_to_end(&mut bytes).context("cannot read its manifest")?;
    let found = Digest::of(digest.algorithm(), &bytes);
    ensure!(found == digest, "its manifest hashes to {found} instead of {digest}");
    Ok(bytes)
}
