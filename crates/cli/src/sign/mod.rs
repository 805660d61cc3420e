//! `signet sign`, `attest`, `sign-blob`, `attest-blob`: signatures and claims, by key or by identity, beside images and files.
//!
//! ```text
//!   flags ──▶ sealer (key or token, services, trusted root) ─┐
//!   IMAGE ──▶ pinned digests ──▶ statement or payload ───────┼─▶ draft ──▶ verified layouts ──▶ registry, files
//!   FILE ───▶ bytes ─────────────────────────────────────────┘
//! ```
//!
//! What is written was verified before (room `trust`, `seal`); what cannot be verified is not written anywhere.

pub(crate) mod args;
mod beside;
pub(crate) mod blob;
mod consent;
pub(crate) mod image;
pub(crate) mod scanned;
pub(crate) mod sealer;

use std::path::Path;

use anyhow::{Context as _, Result};

use self::args::{AttestBlobArgs, OwnAttestArgs, SignArgs, SignBlobArgs};
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;

/// Whose lines are said while signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// Our own.
    Signet,
    /// Cosign's, which scripts look for and `--quiet` does not silence.
    Cosign,
}

impl Voice {
    /// Says something that both say, each in its words.
    #[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
    pub(crate) fn say(self, settings: &Settings, own: &str, cosigns: &str) {
        match self {
            Voice::Signet if !own.is_empty() => settings.say(own),
            Voice::Cosign if !cosigns.is_empty() => eprintln!("{cosigns}"),
            _ => {}
        }
    }
}

/// Which layouts are written.
pub(crate) use signet_keys::sigstore::Layouts;

/// `signet sign`.
pub(crate) fn sign(args: &SignArgs, settings: &Settings) -> Result<Exit> {
    let layouts = if args.legacy_tags { Layouts::Both } else { Layouts::Bundle };
    let access = crate::verify::demand::access(&args.reach);
    image::sign(args, layouts, &access, Voice::Signet, settings)?;
    Ok(Exit::Well)
}

/// `signet attest`.
pub(crate) fn attest(args: &OwnAttestArgs, settings: &Settings) -> Result<Exit> {
    let OwnAttestArgs { wanted: args, provenance } = args;
    let layouts = if args.legacy_tags { Layouts::Both } else { Layouts::Bundle };
    let access = crate::verify::demand::access(&args.reach);
    image::attest(args, provenance, layouts, &access, Voice::Signet, settings)?;
    Ok(Exit::Well)
}

/// `signet sign-blob`.
pub(crate) fn sign_blob(args: &SignBlobArgs, settings: &Settings) -> Result<Exit> {
    blob::sign(args, blob::Style::own(), settings)?;
    Ok(Exit::Well)
}

/// `signet attest-blob`.
pub(crate) fn attest_blob(args: &AttestBlobArgs, settings: &Settings) -> Result<Exit> {
    blob::attest(args, blob::Style::own(), settings)?;
    Ok(Exit::Well)
}

/// Writes a result as a whole.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    output::replace(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}
