//! `clean`: what lies beside an image goes, by tag and by list.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::{Result, bail};
use signet_oci_client::{BlockingClient, Error, ErrorKind};

use super::args::CleanArgs;
use super::transfer::{Only, kind_of};
use crate::exit::Exit;
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
        ask(args.kind)?;
    }
    let registry = Registry::new(&access(&args.reach), settings)?;
    let pinned = registry.pin(&args.image)?;
    let mut exit = Exit::Well;
    let gone = clean(registry.client(), &pinned, args.kind)?;
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
    for (suffix, what) in [("sig", Only::Sig), ("att", Only::Att), ("sbom", Only::Sbom)] {
        if !kind.takes(what) {
            continue;
        }
        let place = repository_at(&repository, Some(&tag(&image.digest, suffix)), None)?;
        match client.manifest(&place) {
            Ok(_) => gone.push(Gone { place: place.familiar(), kept: client.delete_manifest(&place).err() }),
            Err(err) if err.kind == ErrorKind::NotFound => {}
            Err(err) => return Err(err.into()),
        }
    }
    let mut seen = Vec::new();
    for entry in client.referrers(&repository, &image.digest, None)? {
        if seen.contains(&entry.digest) {
            continue;
        }
        seen.push(entry.digest);
        let place = repository_at(&repository, None, Some(entry.digest))?;
        let manifest = client.manifest(&place)?;
        // A report or a chart beside the image is none of the three, and stays unless all is to go.
        if kind == Kind::All || kind_of(&manifest).is_some_and(|found| kind.takes(found)) {
            let kept = client.detach(&repository, &image.digest, &entry.digest).err();
            gone.push(Gone { place: place.familiar(), kept });
        }
    }
    Ok(gone)
}

/// Only `y` or `yes` is consent; the end of input is none.
#[allow(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn ask(kind: Kind) -> Result<()> {
    eprint!("{}\ncontinue? [y/N] ", kind.prompt());
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().take(1024).read_line(&mut line)?;
    if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(crate::hint(anyhow::anyhow!("nothing was removed: nobody said yes"), "`--force` does not ask"));
    }
    bail!("nothing was removed")
}
