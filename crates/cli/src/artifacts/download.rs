//! `signet download`, `triangulate`: what lies beside an image, as it came.

use std::fmt::Write as _;

use anyhow::{Result, anyhow, bail};
use signet_oci_client::{ErrorKind, ManifestBody};

use super::args::{DownloadCommand, ImageArgs, TriangulateArgs};
use super::transfer::{Only, kind_of};
use crate::cosign::download::{attestation_lines, signature_lines};
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;
use crate::verify::args::ReachArgs;
use crate::verify::demand::access;
use crate::verify::discover::{Pinned, Registry, repository, repository_at, tag};

pub(super) fn command(wanted: &DownloadCommand, settings: &Settings) -> Result<Exit> {
    let lines = match wanted {
        DownloadCommand::Signature(args) => {
            let (registry, pinned) = open(&args.image, &args.reach, settings)?;
            signature_lines(&registry, &pinned, settings)?
        }
        DownloadCommand::Attestation(args) => {
            let (registry, pinned) = open(&args.image, &args.reach, settings)?;
            attestation_lines(&registry, &pinned, args.kind.as_deref(), settings)?
        }
        DownloadCommand::Sbom(args) => return sbom(args, settings),
    };
    if lines.is_empty() {
        settings.say("nothing of that kind lies beside the image");
        return Ok(Exit::Nothing);
    }
    let mut text = String::new();
    for line in &lines {
        let _ = writeln!(text, "{line}");
    }
    output::to_stdout(text.as_bytes())?;
    Ok(Exit::Well)
}

fn open(image: &str, reach: &ReachArgs, settings: &Settings) -> Result<(Registry, Pinned)> {
    let registry = Registry::new(&access(reach), settings)?;
    let pinned = registry.pin(image)?;
    Ok((registry, pinned))
}

/// The SBOM under the tag, else the one that is a referrer. Several are an error: which one is meant must not depend on an order.
fn sbom(args: &ImageArgs, settings: &Settings) -> Result<Exit> {
    let (registry, pinned) = open(&args.image, &args.reach, settings)?;
    let (client, place) = (registry.client(), repository(&pinned)?);
    let mut manifests = Vec::new();
    match client.manifest(&repository_at(&place, Some(&tag(&pinned.digest, "sbom")), None)?) {
        Ok(manifest) => manifests.push(manifest),
        Err(err) if err.kind == ErrorKind::NotFound => {}
        Err(err) => return Err(err.into()),
    }
    for entry in client.referrers(&place, &pinned.digest, None)? {
        let manifest = client.manifest(&repository_at(&place, None, Some(entry.digest))?)?;
        if kind_of(&manifest) == Some(Only::Sbom) && manifests.iter().all(|known| known.digest != manifest.digest) {
            manifests.push(manifest);
        }
    }
    let layers: Vec<_> = manifests
        .iter()
        .filter_map(|manifest| match &manifest.body {
            ManifestBody::Image(image) => image.layers.first().cloned(),
            ManifestBody::Index(_) => None,
        })
        .collect();
    match layers.as_slice() {
        [] => {
            settings.say("no SBOM lies beside the image as it is; it may be attested: `signet download attestation`");
            Ok(Exit::Nothing)
        }
        [layer] => {
            settings.warn("this SBOM is not verified: whoever may push could have put it there");
            let bytes = client.small_blob(&place, &layer.digest, Some(layer.size))?;
            output::to_stdout(&bytes)?;
            Ok(Exit::Well)
        }
        several => bail!(
            "{} SBOMs lie beside the image, and it is not said which one is meant: `signet tree` shows them",
            several.len()
        ),
    }
}

pub(super) fn triangulate(args: &TriangulateArgs, settings: &Settings) -> Result<Exit> {
    let (_, pinned) = open(&args.image, &args.reach, settings)?;
    let place = repository(&pinned)?;
    let name = match args.kind.as_str() {
        "digest" => repository_at(&pinned.reference, None, Some(pinned.digest))?,
        "signature" => repository_at(&place, Some(&tag(&pinned.digest, "sig")), None)?,
        "attestation" => repository_at(&place, Some(&tag(&pinned.digest, "att")), None)?,
        "sbom" => repository_at(&place, Some(&tag(&pinned.digest, "sbom")), None)?,
        "referrers" => {
            let hex = pinned.digest.hex();
            let tag = format!("{}-{}", pinned.digest.algorithm().name(), hex.get(..64).unwrap_or(&hex));
            repository_at(&place, Some(&tag), None)?
        }
        other => {
            return Err(crate::usage(anyhow!(
                "`--type {other}` is none of signature, attestation, sbom, referrers, digest"
            )));
        }
    };
    output::to_stdout(format!("{}\n", name.familiar()).as_bytes())?;
    Ok(Exit::Well)
}
