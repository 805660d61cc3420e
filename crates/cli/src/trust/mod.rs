//! `signet trust`: whose authorities and logs are trusted, where that comes from, and how it stays fresh.
//!
//! ```text
//!   trust init ──▶ repository (address or directory) ─┐
//!   after a verdict, once a day ──────────────────────┼─▶ TufState::renew ─▶ place (one file, replaced as a whole)
//!   trust refresh ────────────────────────────────────┘                         │
//!   verify, sign ◀── TrustRoot ◀── TufState::open (the whole chain, offline) ◀──┘
//! ```
//!
//! A verification never waits for the network here: it reads what is kept, and says when that is old. `--trusted-root` passes by all of this.

pub(crate) mod args;
mod contents;
mod init;
mod place;
mod renewal;
mod repository;
mod status;
mod tuf_client;

use anyhow::{Context as _, Result, anyhow};
use signet_model::Timestamp;
use signet_trust::{Instance, TrustRoot, TufMaterial, TufRole, TufState};

use self::args::TrustCommand;
pub(crate) use self::init::{Wanted, initialize};
use self::place::{Known, Place};
pub(crate) use self::renewal::settle;
use crate::exit::Exit;
use crate::net::Access;
use crate::settings::Settings;

/// `signet trust ...`.
pub(crate) fn command(wanted: &TrustCommand, settings: &Settings) -> Result<Exit> {
    match wanted {
        TrustCommand::Init(args) => init::command(args, settings),
        TrustCommand::Refresh(reach) => renewal::command(reach, settings),
        TrustCommand::Status(args) => status::command(args, settings),
        TrustCommand::TufClient(args) => tuf_client::command(args, settings),
    }
}

/// What is trusted when nobody names anything else.
pub(crate) struct Current {
    /// `trusted_root.json`, which can be read.
    pub(crate) trusted_root: Vec<u8>,
    /// `signing_config.v0.2.json`, where there is one.
    pub(crate) signing_config: Option<Vec<u8>>,
    /// Parsed.
    root: TrustRoot,
    /// Whose it is: the address of the repository.
    mirror: String,
    /// How it came, for `status`; `None`: built into this program.
    kept: Option<(TufState, TufMaterial)>,
}

impl Current {
    /// Whose it is: the address of the repository.
    pub(crate) fn mirror(&self) -> &str {
        &self.mirror
    }

    /// What is believed.
    pub(crate) fn into_root(self) -> TrustRoot {
        self.root
    }
}

/// The trusted root for a verification. What is old is warned about, and asked for anew after the verdict.
pub(crate) fn trusted_root(access: &Access, renewal: Renewal, settings: &Settings) -> Result<TrustRoot> {
    Ok(in_use(access, renewal, settings)?.root)
}

/// Names what is used: the digest of its document.
pub(crate) fn version(access: &Access, settings: &Settings) -> Result<String> {
    let current = in_use(access, Renewal::Never, settings)?;
    Ok(signet_model::Digest::sha256(&current.trusted_root).to_string())
}

/// Whether what is used is asked for anew when it is a day old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// After the command's result.
    Afterwards,
    /// Not by this run.
    Never,
}

/// Trusted root and signing configuration of the chosen instance.
pub(crate) fn in_use(access: &Access, renewal: Renewal, settings: &Settings) -> Result<Current> {
    let place = Place::of(settings);
    let mirror = place.mirror()?;
    let now = crate::settings::now();
    let current = current(&place, &mirror, now, settings)?;
    if let Some((role, how_long)) = current.kept.as_ref().and_then(|(_, material)| outdated(material, now)) {
        settings.warn(format!(
            "the trusted material of `{mirror}` is out of date: its `{}` metadata expired {how_long} ago, on {}; what was revoked since is not known here: `signet trust refresh`",
            role.name, role.expires
        ));
    }
    if renewal == Renewal::Afterwards {
        renewal::plan(&place, &current, access, now, settings);
    }
    Ok(current)
}

/// The role that expired first, and how long ago.
fn outdated(material: &TufMaterial, now: Timestamp) -> Option<(&TufRole, String)> {
    let role = material.expired(now)?;
    Some((role, span(role.expires, now)))
}

/// A span in the largest unit that fits: days, hours or minutes.
fn span(from: Timestamp, to: Timestamp) -> String {
    let minutes = to.as_second().saturating_sub(from.as_second()).max(0) / 60;
    let (count, unit) = match minutes {
        0..120 => (minutes, "minute"),
        120..2880 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What is kept, verified from its pinned root on; what this program was built with, where nothing is kept.
fn current(place: &Place, mirror: &str, now: Timestamp, settings: &Settings) -> Result<Current> {
    let instance = Instance::at(mirror);
    let opened = place.known(mirror).and_then(|known| match known {
        Known::Kept(state) => open(state, now).map(Some),
        // Files of another program that do not lead on from the built-in root are no reason to stop: this program may be the newer one.
        Known::Foreign(state) => match open(state, now) {
            Err(_) if instance.is_some() => Ok(None),
            other => other.map(Some),
        },
        Known::Behind(_) => {
            settings.detail(format!("what is kept of `{mirror}` is older than what this program was built with"));
            Ok(None)
        }
        Known::BuiltIn(_) => Ok(None),
        Known::Unknown => Err(anyhow!("nothing is known of it yet")),
    });
    match (opened, instance) {
        (Ok(Some(current)), _) => Ok(current),
        (Ok(None), Some(instance)) => built_in(instance, mirror),
        (Err(err), Some(instance)) => {
            settings.warn(format!(
                "what is kept of {} in `{}` is not used: {}; it is verified with what this program was built with: `signet trust init` fetches it anew",
                instance.name(),
                place.folder(mirror).display(),
                crate::foreign::chain(&err)
            ));
            built_in(instance, mirror)
        }
        // A private instance is never replaced by another one in silence.
        (Err(err), None) => Err(crate::hint(
            err.context(format!("the trusted material of `{mirror}` cannot be used")),
            format!(
                "`signet trust init --mirror {mirror} --root ROOT.json`, or name what is trusted: `--trusted-root FILE`"
            ),
        )),
        (Ok(None), None) => Err(anyhow!("the trusted material of `{mirror}` is nowhere")),
    }
}

fn open(state: TufState, now: Timestamp) -> Result<Current> {
    let material = state.open(now)?;
    let root = usable(&material)?;
    Ok(Current {
        trusted_root: material.trusted_root.clone(),
        signing_config: material.signing_config.clone(),
        root,
        mirror: state.mirror().to_owned(),
        kept: Some((state, material)),
    })
}

fn built_in(instance: Instance, mirror: &str) -> Result<Current> {
    Ok(Current {
        trusted_root: instance.trusted_root().to_vec(),
        signing_config: instance.signing_config().map(<[u8]>::to_vec),
        root: TrustRoot::embedded(instance)?,
        mirror: mirror.to_owned(),
        kept: None,
    })
}

/// What a repository gives is only taken when it can be read: a mistake of its owner must not replace what worked.
fn usable(material: &TufMaterial) -> Result<TrustRoot> {
    TrustRoot::from_json(&material.trusted_root).context("the `trusted_root.json` of the repository cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_one_unit() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for (seconds, text) in [
            (0, "0 minutes"),
            (60, "1 minute"),
            (7199, "119 minutes"),
            (7200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
            (-5, "0 minutes"),
        ] {
            assert_eq!(span(at(1000), at(1000 + seconds)), text);
        }
    }
}
