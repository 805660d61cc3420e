//! `cosign signing-config create`: a `SigningConfig` of version 0.2 from services on the command line.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/{options/signingconfig.go,signingconfig/signingconfig.go};
//! shape: sigstore/protobuf-specs:protos/sigstore_trustroot.proto, `SigningConfig`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::service::{Spec, hand_out, window};
use crate::net::Access;
use crate::settings::Settings;
use crate::trust::{Renewal, in_use};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

#[derive(Debug, Subcommand)]
pub(super) enum SigningConfigCommand {
    /// Create a Sigstore protobuf signing config by supplying services.
    Create(CreateArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Fulcio service: url, api-version, start-time, operator, and optionally end-time, as key=value,key=value.
    #[arg(long, value_name = "SERVICE")]
    fulcio: Vec<String>,
    /// Rekor service, of the same form.
    #[arg(long, value_name = "SERVICE")]
    rekor: Vec<String>,
    /// OIDC provider, of the same form.
    #[arg(long, value_name = "SERVICE")]
    oidc_provider: Vec<String>,
    /// Timestamping authority, of the same form.
    #[arg(long, value_name = "SERVICE")]
    tsa: Vec<String>,
    /// How many timestamping authorities are used: ANY, ALL or EXACT:COUNT. Required with --tsa.
    #[arg(long, value_name = "CHOICE")]
    tsa_config: Option<String>,
    /// How many logs are used: ANY, ALL or EXACT:COUNT. Required with --rekor.
    #[arg(long, value_name = "CHOICE")]
    rekor_config: Option<String>,
    /// Begin with the services of the trusted instance.
    #[arg(long)]
    with_default_services: bool,
    /// Leave out its Fulcio.
    #[arg(long)]
    no_default_fulcio: bool,
    /// Leave out its Rekor.
    #[arg(long)]
    no_default_rekor: bool,
    /// Leave out its OIDC providers.
    #[arg(long)]
    no_default_oidc: bool,
    /// Leave out its timestamping authorities.
    #[arg(long)]
    no_default_tsa: bool,
    /// Path to output signing config.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn command(wanted: &SigningConfigCommand, settings: &Settings) -> Result<u8> {
    let SigningConfigCommand::Create(args) = wanted;
    let before = if args.with_default_services {
        let current = in_use(&Access::default(), Renewal::Never, settings)?;
        let bytes = current.signing_config.context("getting default signing config: the trusted instance has none")?;
        serde_json::from_slice(&bytes).context("getting default signing config: it cannot be read")?
    } else {
        json!({})
    };
    hand_out(&create(args, &before)?, args.out.as_deref())
}

/// The document. `before` is that of the trusted instance, or empty.
fn create(args: &CreateArgs, before: &Value) -> Result<Value> {
    if !args.rekor.is_empty() && args.rekor_config.is_none() {
        bail!("--rekor-config must be provided when --rekor is specified");
    }
    if !args.tsa.is_empty() && args.tsa_config.is_none() {
        bail!("--tsa-config must be provided when --tsa is specified");
    }
    let mut document = Map::new();
    document.insert("mediaType".to_owned(), MEDIA_TYPE.into());
    let kinds = [
        ("fulcio", "caUrls", &args.fulcio, args.no_default_fulcio),
        ("oidc-provider", "oidcUrls", &args.oidc_provider, args.no_default_oidc),
        ("rekor", "rekorTlogUrls", &args.rekor, args.no_default_rekor),
        ("tsa", "tsaUrls", &args.tsa, args.no_default_tsa),
    ];
    for (what, member, given, without) in kinds {
        let mut services: Vec<Value> = match before.get(member) {
            Some(Value::Array(list)) if !without => list.clone(),
            _ => Vec::new(),
        };
        for text in given {
            services.push(service(what, text)?);
        }
        if !services.is_empty() {
            document.insert(member.to_owned(), services.into());
        }
    }
    let choices = [
        ("rekorTlogConfig", "rekor-config", &args.rekor_config, args.no_default_rekor),
        ("tsaConfig", "tsa-config", &args.tsa_config, args.no_default_tsa),
    ];
    for (member, flag, given, without) in choices {
        let value = match given {
            Some(text) => choice(text).with_context(|| format!("parsing {flag}"))?,
            None if without => json!({}),
            None => before.get(member).cloned().unwrap_or_else(|| json!({})),
        };
        document.insert(member.to_owned(), value);
    }
    Ok(document.into())
}

fn service(what: &'static str, text: &str) -> Result<Value> {
    let spec = Spec::parse(what, text, &["url", "api-version", "start-time", "operator"], &["end-time"])?;
    let start = spec.time("start-time")?.context("start-time")?;
    Ok(json!({
        "url": spec.text("url"), "majorApiVersion": spec.number("api-version")?,
        "validFor": window(start, spec.time("end-time")?)?, "operator": spec.text("operator"),
    }))
}

/// `ServiceConfiguration`: how many of the services are used.
fn choice(text: &str) -> Result<Value> {
    let (mode, count) = match text.split_once(':') {
        Some((mode, count)) => (mode, Some(count)),
        None => (text, None),
    };
    match (mode.to_ascii_uppercase().as_str(), count) {
        (mode @ ("ANY" | "ALL"), None) => Ok(json!({"selector": mode})),
        (mode @ ("ANY" | "ALL"), Some(_)) => bail!("mode {mode} does not accept a count"),
        ("EXACT", Some(count)) => {
            let count: u32 = count.parse().context("invalid count for EXACT mode")?;
            if count == 0 {
                bail!("invalid count for EXACT mode: none would be used");
            }
            Ok(json!({"selector": "EXACT", "count": count}))
        }
        ("EXACT", None) => bail!("mode EXACT requires a count, e.g. EXACT:2"),
        (other, _) => bail!("invalid service config mode: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_are_used() {
        for (text, wanted) in [
            ("any", Ok(json!({"selector": "ANY"}))),
            ("ALL", Ok(json!({"selector": "ALL"}))),
            ("EXACT:2", Ok(json!({"selector": "EXACT", "count": 2}))),
            ("ANY:1", Err("mode ANY does not accept a count")),
            ("EXACT", Err("mode EXACT requires a count, e.g. EXACT:2")),
            ("EXACT:x", Err("invalid count for EXACT mode")),
            ("EXACT:0", Err("invalid count for EXACT mode: none would be used")),
            ("", Err("invalid service config mode: ")),
        ] {
            match (choice(text), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(found), Err(wanted)) => assert_eq!(found.to_string(), wanted),
                (found, wanted) => panic!("{text}: {found:?}, {wanted:?}"),
            }
        }
    }
}
