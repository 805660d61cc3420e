//! `clean`: what lies beside an image goes, by tag and by list.

use anyhow::{Result, anyhow};
use signet_model::Digest;
use signet_oci_client::{BlockingClient, Error, ErrorKind};

use super::args::CleanArgs;
use super::layout::subject_of;
use super::transfer::{Only, kind_of};
use crate::consent::{CONTINUE, confirmed};
use crate::exit::Exit;
use crate::net;
use crate::settings::Settings;
use crate::verify::demand::access;
use crate::verify::discover::{Pinned, Registry, repository, repository_at, tag};

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Everything.
    All,
    /// Signatures.
    #[value(alias = "sig")]
    Signature,
    /// Attestations.
    #[value(alias = "att")]
    Attestation,
    /// SBOMs.
    Sbom,
}

/// What became of one thing.
pub(crate) struct Gone {
    /// Its reference.
    pub(crate) place: String,
    /// Why it is still there.
    pub(crate) kept: Option<Error>,
}

pub(super) fn command(args: &CleanArgs, settings: &Settings) -> Result<Exit> {
    if !args.force {
        settings.warn(args.kind.prompt());
        if !confirmed(CONTINUE)? {
            let err = anyhow!("nothing was removed: nobody said yes");
            return Err(crate::hint(err, "give `--force` where nobody can answer, such as in CI"));
        }
    }
    let registry = Registry::new(&access(&args.reach), settings)?;
    let pinned = registry.pin(&args.image)?;
    let mut exit = Exit::Well;
    // Who fills a list with more than is ever verified must not keep it from being emptied.
    let client = net::client(&access(&args.reach), settings)?;
    let gone = clean(&client, &pinned, args.kind)?;
    for Gone { place, kept } in &gone {
        match kept {
            None => settings.say(format!("removed {place}")),
            Some(err) => {
                let hint = err.hint.as_deref().map(|hint| format!("\n\nhint: {hint}")).unwrap_or_default();
                settings.warn(format!("{err}{hint}"));
                exit = Exit::Failed;
            }
        }
    }
    if gone.is_empty() {
        settings.say(format!("nothing of that kind lies beside `{}`", args.image));
    }
    Ok(exit)
}

impl Kind {
    fn takes(self, kind: Only) -> bool {
        match self {
            Kind::All => true,
            Kind::Signature => kind == Only::Sig,
            Kind::Attestation => kind == Only::Att,
            Kind::Sbom => kind == Only::Sbom,
        }
    }

    pub(crate) fn prompt(self) -> &'static str {
        match self {
            Kind::All => "this will remove all signatures, SBOMs and attestations from the image",
            Kind::Signature => "this will remove all signatures from the image",
            Kind::Attestation => "this will remove all attestations from the image",
            Kind::Sbom => "this will remove all SBOMs from the image",
        }
    }
}

/// Removes tags and referrers of this kind. What cannot be removed is told, and the rest goes all the same.
pub(crate) fn clean(client: &BlockingClient, image: &Pinned, kind: Kind) -> Result<Vec<Gone>> {
    let repository = repository(image)?;
    let mut gone = Vec::new();
    // Before anything goes: from then on no error may hide what went.
    let mut listed: Vec<Digest> =
        client.referrers(&repository, &image.digest, None)?.into_iter().map(|entry| entry.digest).collect();
    listed.sort();
    listed.dedup();
    let stays = |place: &str, why: &str| {
        let (doing, what) = (format!("remove `{place}`"), why.to_owned());
        Some(Error { kind: ErrorKind::Conflict, doing, what, hint: None, status: None, cause: None })
    };
    for (suffix, what) in [("sig", Only::Sig), ("att", Only::Att), ("sbom", Only::Sbom)] {
        if !kind.takes(what) {
            continue;
        }
        let at = repository_at(&repository, Some(&tag(&image.digest, suffix)), None)?;
        let place = at.familiar();
        let kept = match client.manifest(&at) {
            // Where tags alone cannot be deleted, the manifest under them is.
            Ok(manifest) if manifest.digest == image.digest => stays(&place, "it is the image itself"),
            Ok(_) => client.delete_manifest(&at).err(),
            Err(err) if err.kind == ErrorKind::NotFound => continue,
            Err(err) => Some(err),
        };
        gone.push(Gone { place, kept });
    }
    for digest in listed {
        let at = repository_at(&repository, None, Some(digest))?;
        let place = at.familiar();
        let kept = match client.manifest(&at) {
            // A report or a chart beside the image is none of the three, and stays unless all is to go.
            Ok(manifest) if kind != Kind::All && !kind_of(&manifest).is_some_and(|found| kind.takes(found)) => continue,
            Ok(manifest) if subject_of(&manifest).is_none_or(|subject| subject.digest != image.digest) => {
                stays(&place, "it is listed beside the image and is not about it")
            }
            // What is gone already leaves its entry in the list.
            Err(err) if err.kind == ErrorKind::NotFound && kind != Kind::All => continue,
            Err(err) if err.kind != ErrorKind::NotFound => Some(err),
            Ok(_) | Err(_) => client.detach(&repository, &image.digest, &digest).err(),
        };
        gone.push(Gone { place, kept });
    }
    Ok(gone)
}
