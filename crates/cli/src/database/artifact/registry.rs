//! `signet db push` and `pull`: the artifact in a registry.

use std::io::Read;

use anyhow::{Context as _, Result, ensure};
use signet_advisories::Trust;
use signet_model::{Digest, ImageRef};
use signet_oci_client::media_type::OCI_MANIFEST;
use signet_oci_client::{BlobSource, BlockingClient, ManifestBody, Pushed};

use super::{Artifact, Manifest, open_layer, passable, scratch, take};
use crate::args::{DbPullArgs, DbPushArgs, RegistryArgs};
use crate::database::origin::Origin;
use crate::database::place;
use crate::exit::Exit;
use crate::net::{self, Access};
use crate::output;
use crate::progress::Progress;
use crate::settings::Settings;

fn client(args: &RegistryArgs, settings: &Settings) -> Result<BlockingClient> {
    let access = Access { plain_http: args.plain_http.clone(), ca_cert: args.ca_cert.clone(), ..Access::default() };
    net::client(&access, settings)
}

/// `signet db push`. Prints the reference by digest.
pub(crate) fn push_command(args: &DbPushArgs, settings: &Settings) -> Result<Exit> {
    let path = args.passed.db.clone().unwrap_or_else(|| place(settings));
    ensure!(path.exists(), "there is no database `{}`", path.display());
    let reference: ImageRef = args.reference.parse().map_err(|err| crate::usage(anyhow::Error::new(err)))?;
    ensure!(reference.digest().is_none(), "`{reference}`: what is pushed gets its digest from its bytes; give a tag");
    let client = client(&args.registry, settings)?;
    let scratch = scratch(settings)?;
    let passed = passable(&path, args.passed.redistributable_only, scratch.path(), settings)?;
    let artifact = Artifact::make(passed.path(), &args.passed.since, scratch.path())?;
    let progress = Progress::spinner(settings.progress, "pushing the advisory database");
    let pushed = push(&client, &reference, &artifact, settings);
    progress.finish();
    let digest = pushed?;
    output::to_stdout(format!("{}@{digest}\n", reference.name()).as_bytes())?;
    Ok(Exit::Well)
}

fn push(client: &BlockingClient, reference: &ImageRef, artifact: &Artifact, settings: &Settings) -> Result<Digest> {
    for layer in &artifact.layers {
        let mut file = open_layer(layer)?;
        let done = client.push_blob(reference, &layer.digest, layer.size, None, BlobSource::Stream(&mut file))?;
        let what = if done == Pushed::AlreadyThere { "was there" } else { "pushed" };
        settings.detail(format!("{} {} bytes: {what}", layer.digest, layer.size));
    }
    let config = Digest::sha256(&artifact.config);
    let bytes = BlobSource::Bytes(artifact.config.clone().into());
    client.push_blob(reference, &config, artifact.config.len() as u64, None, bytes)?;
    // A reference without a tag means `latest`, as everywhere else.
    let tagged = ImageRef::new(reference.registry(), reference.repository(), Some(reference.tag_or_latest()), None)?;
    Ok(client.push_manifest(&tagged, OCI_MANIFEST, artifact.manifest.clone().into())?)
}

/// `signet db pull`.
pub(crate) fn pull_command(args: &DbPullArgs, settings: &Settings) -> Result<Exit> {
    let reference: ImageRef = args.reference.parse().map_err(|err| crate::usage(anyhow::Error::new(err)))?;
    let client = client(&args.registry, settings)?;
    let manifest = client.manifest(&reference)?;
    ensure!(
        matches!(manifest.body, ManifestBody::Image(_)),
        "`{reference}` is an index of images, which is no database of Signet"
    );
    let parsed = Manifest::parse(&manifest.bytes, &reference.to_string())?;
    // Whoever verifies a signature over the manifest raises this; nothing else does.
    let trust = match reference.digest() {
        Some(digest) => Trust::DigestPinned(digest.to_string()),
        None => Trust::TlsOnly,
    };
    let origin = Origin::new(&reference.to_string(), manifest.digest, trust);
    let target = args.output.clone().unwrap_or_else(|| place(settings));
    let mut blobs = |digest: &Digest, size: u64| -> Result<Box<dyn Read>> {
        let blob = client.blob(&reference, digest, Some(size)).context("cannot fetch the database")?;
        Ok(Box::new(blob))
    };
    let progress = Progress::spinner(settings.progress, "fetching the advisory database");
    let taken = take::take(&parsed, &mut blobs, &origin, &target, args.allow_rollback, settings);
    progress.finish();
    taken?;
    Ok(Exit::Well)
}
