//! `cosign trusted-root create`: a `trusted_root.json` from certificates and keys on the command line.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/{options/trustedroot.go,trustedroot/trustedroot.go}, version 3: one flag a service, and the older flags, which go by
//! their places.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use signet_model::Timestamp;
use signet_trust::{PublicKey, TrustedKind, TrustedRootDocument, Window};

use super::service::{Spec, hand_out, say, time};
use crate::net::Access;
use crate::settings::Settings;
use crate::trust::{Renewal, in_use};
use crate::verify::demand::file;

#[derive(Debug, Subcommand)]
pub(super) enum TrustedRootCommand {
    /// Create a Sigstore protobuf trusted root by supplying verification material.
    Create(Box<CreateArgs>),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Fulcio: url, certificate-chain (file), and optionally start-time, end-time, as key=value,key=value.
    #[arg(long, value_name = "SERVICE")]
    fulcio: Vec<String>,
    /// Certificate log: url, public-key (file), start-time, and optionally end-time.
    #[arg(long, value_name = "SERVICE")]
    ctfe: Vec<String>,
    /// Rekor: url, public-key (file), start-time, and optionally end-time, origin.
    #[arg(long, value_name = "SERVICE")]
    rekor: Vec<String>,
    /// Timestamping authority: url, certificate-chain (file), and optionally start-time, end-time.
    #[arg(long, value_name = "SERVICE")]
    tsa: Vec<String>,
    /// Begin with the services of the trusted instance.
    #[arg(long)]
    with_default_services: bool,
    /// Leave out its Fulcio.
    #[arg(long)]
    no_default_fulcio: bool,
    /// Leave out its certificate logs.
    #[arg(long)]
    no_default_ctfe: bool,
    /// Leave out its timestamping authorities.
    #[arg(long)]
    no_default_tsa: bool,
    /// Leave out its Rekor.
    #[arg(long)]
    no_default_rekor: bool,
    /// Path to output trusted root.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    older: OlderArgs,
}

/// Deprecated flags: the n-th of one belongs to the n-th of the others.
#[derive(Debug, Args)]
struct OlderArgs {
    #[arg(long, hide = true, conflicts_with = "fulcio")]
    certificate_chain: Vec<PathBuf>,
    #[arg(long, hide = true, conflicts_with = "fulcio")]
    fulcio_uri: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "ctfe")]
    ctfe_key: Vec<PathBuf>,
    #[arg(long, hide = true, conflicts_with = "ctfe")]
    ctfe_start_time: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "ctfe")]
    ctfe_end_time: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "ctfe")]
    ctfe_url: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "rekor")]
    rekor_key: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "rekor")]
    rekor_start_time: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "rekor")]
    rekor_end_time: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "rekor")]
    rekor_url: Vec<String>,
    #[arg(long, hide = true, conflicts_with = "tsa")]
    timestamp_certificate_chain: Vec<PathBuf>,
    #[arg(long, hide = true, conflicts_with = "tsa")]
    timestamp_uri: Vec<String>,
}

pub(super) fn command(wanted: &TrustedRootCommand, settings: &Settings) -> Result<u8> {
    let TrustedRootCommand::Create(args) = wanted;
    let mut document = TrustedRootDocument::default();
    if args.with_default_services {
        let current = in_use(&Access::default(), Renewal::Never, settings).context("getting default trusted root")?;
        for (kind, without) in [
            (TrustedKind::CertificateAuthorities, args.no_default_fulcio),
            (TrustedKind::CertificateLogs, args.no_default_ctfe),
            (TrustedKind::TransparencyLogs, args.no_default_rekor),
            (TrustedKind::TimestampAuthorities, args.no_default_tsa),
        ] {
            if !without {
                document.take(kind, &current.trusted_root)?;
            }
        }
    }
    for text in &args.fulcio {
        let spec = Spec::parse("fulcio", text, &["url", "certificate-chain"], &["start-time", "end-time"])?;
        document.certificate_authority(&chain(&spec)?, spec.text("url"), Some(window(&spec)?))?;
    }
    for text in &args.tsa {
        let spec = Spec::parse("tsa", text, &["url", "certificate-chain"], &["start-time", "end-time"])?;
        document.timestamp_authority(&chain(&spec)?, spec.text("url"), Some(window(&spec)?))?;
    }
    for text in &args.ctfe {
        let spec = Spec::parse("ctfe", text, &["url", "public-key", "start-time"], &["end-time"])?;
        let key = key(Path::new(spec.text("public-key")))?;
        document.log(TrustedKind::CertificateLogs, &key, spec.text("url"), None, window(&spec)?)?;
    }
    for text in &args.rekor {
        let spec = Spec::parse("rekor", text, &["url", "public-key", "start-time"], &["end-time", "origin"])?;
        let key = key(Path::new(spec.text("public-key")))?;
        document.log(TrustedKind::TransparencyLogs, &key, spec.text("url"), spec.given("origin"), window(&spec)?)?;
    }
    older(&args.older, &mut document)?;
    hand_out(&document.finish()?, args.out.as_deref())
}

fn older(args: &OlderArgs, document: &mut TrustedRootDocument) -> Result<()> {
    for (flag, instead, given) in [
        ("certificate-chain", "fulcio", !args.certificate_chain.is_empty()),
        ("fulcio-uri", "fulcio", !args.fulcio_uri.is_empty()),
        ("ctfe-key", "ctfe", !args.ctfe_key.is_empty()),
        ("rekor-key", "rekor", !args.rekor_key.is_empty()),
        ("timestamp-certificate-chain", "tsa", !args.timestamp_certificate_chain.is_empty()),
    ] {
        if given {
            say(&format!("Flag --{flag} has been deprecated, use --{instead} instead"));
        }
    }
    let at = |texts: &[String], place: usize| texts.get(place).cloned().unwrap_or_default();
    for (place, path) in args.certificate_chain.iter().enumerate() {
        document.certificate_authority(&text(path)?, &at(&args.fulcio_uri, place), None)?;
    }
    for (place, path) in args.timestamp_certificate_chain.iter().enumerate() {
        document.timestamp_authority(&text(path)?, &at(&args.timestamp_uri, place), None)?;
    }
    let span = |starts: &[String], ends: &[String], place: usize| -> Result<Window> {
        let start = starts.get(place).map_or(Ok(Timestamp::UNIX_EPOCH), |text| time(text))?;
        Ok(Window { start: Some(start), end: ends.get(place).map(|text| time(text)).transpose()? })
    };
    for (place, path) in args.ctfe_key.iter().enumerate() {
        let window = span(&args.ctfe_start_time, &args.ctfe_end_time, place)?;
        document.log(TrustedKind::CertificateLogs, &key(path)?, &at(&args.ctfe_url, place), None, window)?;
    }
    for (place, given) in args.rekor_key.iter().enumerate() {
        let (path, origin) = match given.split_once(',') {
            Some((path, origin)) => (path, Some(origin)),
            None => (given.as_str(), None),
        };
        let window = span(&args.rekor_start_time, &args.rekor_end_time, place)?;
        let key = key(Path::new(path))?;
        document.log(TrustedKind::TransparencyLogs, &key, &at(&args.rekor_url, place), origin, window)?;
    }
    Ok(())
}

fn window(spec: &Spec<'_>) -> Result<Window> {
    let window = Window { start: spec.time("start-time")?, end: spec.time("end-time")? };
    if let (Some(start), Some(end)) = (window.start, window.end)
        && end < start
    {
        bail!("the time ends at {end}, before it begins at {start}");
    }
    Ok(window)
}

fn chain(spec: &Spec<'_>) -> Result<String> {
    text(Path::new(spec.text("certificate-chain")))
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(file(path)?).with_context(|| format!("`{}` is no text", path.display()))
}

fn key(path: &Path) -> Result<PublicKey> {
    PublicKey::from_pem(&text(path)?).with_context(|| format!("`{}` is no public key", path.display()))
}
