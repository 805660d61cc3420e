//! `cosign download`, `triangulate`, `tree`: what lies beside an image, as it came. Nothing of it is verified.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_oci_client::{ErrorKind, Manifest, ManifestBody};
use signet_trust::Statement;

use super::args::{DownloadAttestationArgs, DownloadCommand, ReferenceArgs, TriangulateArgs};
use crate::output;
use crate::settings::Settings;
use crate::verify::demand::access;
use crate::verify::discover::{Candidate, Pinned, Registry, Shape, Tags, repository, repository_at, tag};
use crate::verify::judge::SIGNED;
use crate::verify::show::clean;

pub(super) fn command(wanted: &DownloadCommand, settings: &Settings) -> Result<u8> {
    match wanted {
        DownloadCommand::Signature(args) => signatures(args, settings),
        DownloadCommand::Attestation(args) => attestations(args, settings),
        DownloadCommand::Sbom(args) => sboms(args, settings),
    }
}

fn open(args: &ReferenceArgs, settings: &Settings) -> Result<(Registry, Pinned)> {
    let registry = Registry::new(&access(&args.reach), settings)?;
    let pinned = registry.pin(&args.image)?;
    Ok((registry, pinned))
}

/// The envelope of a candidate as it was written, whatever it lies in.
pub(super) fn envelope(candidate: &Candidate) -> Option<Value> {
    let value: Value = serde_json::from_slice(&candidate.bytes).ok()?;
    match candidate.shape {
        Shape::Envelope => Some(value),
        Shape::Bundle => value.get("dsseEnvelope").cloned(),
        _ => None,
    }
}

fn signatures(args: &ReferenceArgs, settings: &Settings) -> Result<u8> {
    let (registry, pinned) = open(args, settings)?;
    let lines = signature_lines(&registry, &pinned, settings)?;
    if lines.is_empty() {
        bail!("no signatures associated with {}", args.image);
    }
    print(&lines)
}

fn print(lines: &[Value]) -> Result<u8> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    output::to_stdout(text.as_bytes())?;
    Ok(0)
}

/// Signatures as Cosign describes them: what lies under the tag with capital names, bundles as they are.
pub(crate) fn signature_lines(registry: &Registry, pinned: &Pinned, settings: &Settings) -> Result<Vec<Value>> {
    let mut lines = Vec::new();
    for candidate in registry.candidates(pinned, Tags::Signatures, settings)? {
        let parsed = |name: &str| {
            let text = candidate.annotations.get(name).filter(|text| !text.is_empty());
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
        };
        match candidate.shape {
            Shape::Payload => {
                let signature = candidate.annotations.get("dev.cosignproject.cosign/signature");
                lines.push(json!({
                    "Base64Signature": signature, "Payload": STANDARD.encode(&candidate.bytes),
                    "Cert": candidate.annotations.get("dev.sigstore.cosign/certificate"),
                    "Chain": candidate.annotations.get("dev.sigstore.cosign/chain"),
                    "Bundle": parsed("dev.sigstore.cosign/bundle"),
                    "RFC3161Timestamp": parsed("dev.sigstore.cosign/rfc3161timestamp"),
                }));
            }
            Shape::Bundle => {
                let statement = candidate.evidence.as_ref().ok().and_then(|evidence| evidence.unverified_envelope());
                let signs = statement.is_none_or(|envelope| {
                    Statement::of(envelope).is_ok_and(|statement| statement.predicate_type() == SIGNED)
                });
                if let (true, Ok(value)) = (signs, serde_json::from_slice::<Value>(&candidate.bytes)) {
                    lines.push(value);
                }
            }
            _ => {}
        }
    }
    Ok(lines)
}

fn attestations(args: &DownloadAttestationArgs, settings: &Settings) -> Result<u8> {
    let (registry, pinned) = open(&args.reference, settings)?;
    let lines = attestation_lines(&registry, &pinned, args.predicate_type.as_deref(), settings)?;
    if lines.is_empty() {
        match &args.predicate_type {
            Some(kind) => bail!("no attestations with predicate type '{kind}' found"),
            None => bail!("found no attestations"),
        }
    }
    print(&lines)
}

/// The envelopes of attestations, of one type or of all.
pub(crate) fn attestation_lines(
    registry: &Registry,
    pinned: &Pinned,
    wanted: Option<&str>,
    settings: &Settings,
) -> Result<Vec<Value>> {
    let mut lines = Vec::new();
    for candidate in registry.candidates(pinned, Tags::Attestations, settings)? {
        let Ok(evidence) = &candidate.evidence else { continue };
        let Some(found) = evidence.unverified_envelope() else { continue };
        let statement = Statement::of(found).ok();
        let kind = statement.as_ref().map(Statement::predicate_type);
        let fits = match (wanted, &statement) {
            (Some(wanted), Some(statement)) => statement.is_a(wanted).is_ok(),
            (Some(_), None) => false,
            (None, _) => kind != Some(SIGNED),
        };
        if let (true, Some(envelope)) = (fits, envelope(&candidate)) {
            lines.push(envelope);
        }
    }
    Ok(lines)
}

fn beside(registry: &Registry, pinned: &Pinned, suffix: &str) -> Result<Option<Manifest>> {
    let reference = repository_at(&repository(pinned)?, Some(&tag(&pinned.digest, suffix)), None)?;
    match registry.client().manifest(&reference) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(err) if err.kind == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("cannot read `{reference}`")),
    }
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
fn sboms(args: &ReferenceArgs, settings: &Settings) -> Result<u8> {
    let (registry, pinned) = open(args, settings)?;
    eprintln!(
        "WARNING: SBOM attachments are deprecated, and this one is not verified: anybody who may push could have put it there."
    );
    let Some(manifest) = beside(&registry, &pinned, "sbom")? else { bail!("no sbom attached to reference") };
    let ManifestBody::Image(image) = &manifest.body else { bail!("no sbom attached to reference") };
    let Some(layer) = image.layers.first() else { bail!("no sbom attached to reference") };
    eprintln!("Found SBOM of media type: {}", clean(&layer.media_type));
    let bytes = registry.client().small_blob(&repository(&pinned)?, &layer.digest, Some(layer.size))?;
    output::to_stdout(&bytes)?;
    Ok(0)
}

pub(super) fn triangulate(args: &TriangulateArgs, settings: &Settings) -> Result<u8> {
    let (_, pinned) = open(&args.reference, settings)?;
    let suffix = match args.kind.as_str() {
        "signature" => "sig",
        "attestation" => "att",
        "sbom" => "sbom",
        "digest" => {
            let place = repository_at(&pinned.reference, None, Some(pinned.digest))?;
            output::to_stdout(format!("{}\n", place.familiar()).as_bytes())?;
            return Ok(0);
        }
        other => bail!("unknown attachment type {other}"),
    };
    let place = repository_at(&repository(&pinned)?, Some(&tag(&pinned.digest, suffix)), None)?;
    output::to_stdout(format!("{}\n", place.familiar()).as_bytes())?;
    Ok(0)
}

pub(super) fn tree(args: &ReferenceArgs, settings: &Settings) -> Result<u8> {
    let (registry, pinned) = open(args, settings)?;
    let place = repository(&pinned)?;
    let mut text = format!("📦 Supply Chain Security Related artifacts for an image: {}\n", args.image);
    let mut any = false;
    for (suffix, title) in [("att", "💾 Attestations"), ("sig", "🔐 Signatures"), ("sbom", "📦 SBOMs")] {
        let Some(manifest) = beside(&registry, &pinned, suffix)? else { continue };
        let ManifestBody::Image(image) = &manifest.body else { continue };
        any = true;
        let name = repository_at(&place, Some(&tag(&pinned.digest, suffix)), None)?.familiar();
        let _ = writeln!(text, "└── {title} for an image tag: {name}");
        for (at, layer) in image.layers.iter().enumerate() {
            let mark = if at + 1 == image.layers.len() { "└" } else { "├" };
            let _ = writeln!(text, "   {mark}── 🍒 {}", layer.digest);
        }
    }
    for entry in registry.client().referrers(&place, &pinned.digest, None)? {
        any = true;
        let kind = entry.artifact_type.as_deref().unwrap_or("unknown type");
        let name = repository_at(&place, None, Some(entry.digest))?.familiar();
        let _ = writeln!(text, "└── 🔗 {} artifacts via OCI referrer: {name}\n   └── 🍒 {}", clean(kind), entry.digest);
    }
    if !any {
        let _ = writeln!(text, "No Supply Chain Security Related Artifacts found for image {}", args.image);
    }
    output::to_stdout(text.as_bytes())?;
    Ok(0)
}
