//! `signet trust status`: which repository, which roots and versions, until when, and what is trusted for what.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use signet_model::{Digest, Timestamp};
use signet_trust::{Instance, TufMaterial, TufState};

use super::args::StatusArgs;
use super::contents::{self, Kind, Trusted};
use super::place::Place;
use super::{Current, current, outdated, span};
use crate::exit::Exit;
use crate::output;
use crate::settings::Settings;
use crate::verify::show::clean;

/// `signet trust status`.
pub(super) fn command(args: &StatusArgs, settings: &Settings) -> Result<Exit> {
    let place = Place::of(settings);
    let mirror = place.mirror()?;
    let now = crate::settings::now();
    let current = current(&place, &mirror, now, settings)?;
    let trusted = contents::of(&current.trusted_root)?;
    let text = match args.output.as_str() {
        "json" => format!("{:#}\n", in_json(&current, &trusted, &place, now)),
        _ => in_text(&current, &trusted, &place, now),
    };
    output::to_stdout(text.as_bytes())?;
    if let Some((role, how_long)) = current.kept.as_ref().and_then(|(_, material)| outdated(material, now)) {
        settings.warn(format!("the `{}` metadata expired {how_long} ago: `signet trust refresh`", role.name));
    }
    Ok(Exit::Well)
}

/// One line after something was fetched.
pub(super) fn summary(state: &TufState, material: &TufMaterial, now: Timestamp) -> String {
    let version = material.roles.first().map_or(0, |root| root.version);
    let until = material.roles.iter().map(|role| role.expires).min().unwrap_or(now);
    format!("trusted: {} with root {version}; to be renewed before {until}", clean(state.mirror()))
}

fn in_text(current: &Current, trusted: &[Trusted], place: &Place, now: Timestamp) -> String {
    let mut text = String::new();
    let of = Instance::at(&current.mirror).map(|instance| format!(" ({})", instance.name())).unwrap_or_default();
    let _ = writeln!(text, "repository  {}{of}", clean(&current.mirror));
    match &current.kept {
        None => {
            let _ = writeln!(
                text,
                "kept in     nowhere: this is what the program was built with; `signet trust refresh` asks for what is newer"
            );
        }
        Some((state, material)) => {
            let _ = writeln!(text, "kept in     {}", place.folder(&current.mirror).display());
            let renewed = match state.renewed() {
                Some(time) => format!("{} ago, at {time}", span(time, now)),
                None => "by another program".to_owned(),
            };
            let _ = writeln!(text, "renewed     {renewed}");
            let _ = writeln!(text, "pinned root {}", Digest::sha256(state.pinned()));
            let _ = writeln!(text, "\n{:<10} {:>7}  {:<20} SIGNED BY", "ROLE", "VERSION", "EXPIRES");
            for role in &material.roles {
                let expired = if role.expires < now { "  EXPIRED" } else { "" };
                let _ = writeln!(
                    text,
                    "{:<10} {:>7}  {:<20} {} of {}{expired}",
                    role.name,
                    role.version,
                    role.expires.to_string(),
                    role.threshold,
                    role.keys
                );
            }
        }
    }
    for kind in [Kind::CertificateAuthority, Kind::CertificateLog, Kind::TransparencyLog, Kind::TimestampAuthority] {
        let _ = writeln!(text, "\n{}: {}", kind.name(), kind.used_for());
        let mut none = true;
        for one in trusted.iter().filter(|one| one.kind == kind) {
            none = false;
            let (from, until) = (one.from.as_deref().unwrap_or("ever"), one.until.as_deref().unwrap_or("now"));
            let _ = writeln!(text, "  {}  from {} until {}", clean(&one.name), clean(from), clean(until));
        }
        if none {
            let _ = writeln!(text, "  none");
        }
    }
    let signs = if current.signing_config.is_some() {
        "its signing configuration is kept too"
    } else {
        "it has no signing configuration"
    };
    let _ = writeln!(text, "\nsigning: {signs}");
    text
}

fn in_json(current: &Current, trusted: &[Trusted], place: &Place, now: Timestamp) -> Value {
    let trusted: Vec<Value> = trusted
        .iter()
        .map(|one| json!({"kind": one.kind.name(), "name": one.name, "from": one.from, "until": one.until}))
        .collect();
    let mut value = json!({
        "version": 1, "mirror": current.mirror, "builtIn": current.kept.is_none(), "trusted": trusted,
        "signingConfig": current.signing_config.is_some(),
    });
    if let (Some((state, material)), Some(map)) = (&current.kept, value.as_object_mut()) {
        let roles: Vec<Value> = material
            .roles
            .iter()
            .map(|role| {
                json!({
                    "name": role.name, "version": role.version, "expires": role.expires.to_string(),
                    "expired": role.expires < now, "threshold": role.threshold, "keys": role.keys,
                })
            })
            .collect();
        map.insert("roles".to_owned(), roles.into());
        map.insert("folder".to_owned(), place.folder(&current.mirror).display().to_string().into());
        map.insert("renewed".to_owned(), state.renewed().map(|time| time.to_string()).into());
        map.insert("pinnedRoot".to_owned(), Digest::sha256(state.pinned()).to_string().into());
    }
    value
}
