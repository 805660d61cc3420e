//! `cosign attach`, `copy`, `save`, `load`, `clean`: Cosign's lines over `crate::artifacts`.
//!
//! Source: sigstore/cosign:cmd/cosign/cli, version 2 for what version 3 says it will remove.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_oci_client::{BlockingClient, NewLayer, TagConfig};
use signet_trust::{Envelope, IN_TOTO, Statement};

use super::args::{
    AttachAttestationArgs, AttachCommand, AttachSbomArgs, AttachSignatureArgs, CleanArgs, CopyArgs, LoadArgs, SaveArgs,
};
use crate::artifacts::clean::{Gone, clean as remove};
use crate::artifacts::moves;
use crate::consent::{CONTINUE, confirmed};
use crate::net;
use crate::settings::Settings;
use crate::verify::args::ReachArgs;
use crate::verify::demand::{access, file_within};
use crate::verify::discover::{Pinned, Registry, repository, repository_at, tag};

/// Bytes of a file that is attached.
const MAX_FILE: u64 = 256 << 20;
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

pub(super) fn attach(wanted: &AttachCommand, settings: &Settings) -> Result<u8> {
    match wanted {
        AttachCommand::Sbom(args) => sbom(args, settings),
        AttachCommand::Signature(args) => signature(args, settings),
        AttachCommand::Attestation(args) => attestation(args, settings),
    }
}

fn open(image: &str, reach: &ReachArgs, settings: &Settings) -> Result<(Registry, Pinned)> {
    let registry = Registry::new(&access(reach), settings)?;
    let pinned = registry.pin(image)?;
    Ok((registry, pinned))
}

/// A file, or standard input for `-`.
fn content(path: &Path) -> Result<Vec<u8>> {
    if path != Path::new("-") {
        return file_within(path, MAX_FILE);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
    ensure!(bytes.len() as u64 <= MAX_FILE, "standard input is larger than {MAX_FILE} bytes");
    Ok(bytes)
}

fn sbom(args: &AttachSbomArgs, settings: &Settings) -> Result<u8> {
    let media_type = sbom_type(&args.kind, args.input_format.as_deref(), &args.sbom)?;
    say(
        "WARNING: SBOM attachments are deprecated and support will be removed in a Cosign release soon after 2024-02-22 (see https://github.com/sigstore/cosign/issues/2755). Instead, please use SBOM attestations.",
    );
    say(&format!(
        "WARNING: Attaching SBOMs this way does not sign them. To sign them, use 'cosign attest --predicate {} --key <key path>'.",
        args.sbom.display()
    ));
    let bytes = content(&args.sbom)?;
    let (registry, pinned) = open(&args.reference.image, &args.reference.reach, settings)?;
    let place = repository_at(&repository(&pinned)?, Some(&tag(&pinned.digest, "sbom")), None)?;
    say(&format!("Uploading SBOM file for [{}] to [{place}] with mediaType [{media_type}].", pinned.reference));
    // One SBOM is there at a time, as with Cosign.
    let layer = NewLayer { media_type: media_type.to_owned(), bytes: bytes.into(), annotations: BTreeMap::new() };
    registry.client().append_to_tag(&place, &[layer], &TagConfig::Layers, &|_| true)?;
    Ok(0)
}

/// The media type of an SBOM. A name that ends with `.json` is taken for JSON unless the format is given.
fn sbom_type(kind: &str, format: Option<&str>, path: &Path) -> Result<&'static str> {
    let json =
        format.map_or_else(|| path.extension().is_some_and(|ending| ending == "json"), |format| format == "json");
    let (formats, plain, as_json): (&[&str], _, _) = match kind {
        "spdx" => (&["json", "text"], "text/spdx", "text/spdx+json"),
        "cyclonedx" => (&["json", "xml"], "application/vnd.cyclonedx+xml", "application/vnd.cyclonedx+json"),
        "syft" => (&["json"], "application/vnd.syft+json", "application/vnd.syft+json"),
        other => bail!("unknown SBOM type: \"{other}\", expected (spdx|cyclonedx|syft)"),
    };
    if let Some(format) = format.filter(|format| !formats.contains(format)) {
        bail!("invalid SBOM input format: \"{format}\", expected ({})", formats.join("|"));
    }
    Ok(if json { as_json } else { plain })
}

fn signature(args: &AttachSignatureArgs, settings: &Settings) -> Result<u8> {
    let signature = String::from_utf8(content(&args.signature)?).context("the signature is no base64")?;
    let signature = signature.trim();
    ensure!(!signature.is_empty(), "empty signature");
    ensure!(STANDARD.decode(signature).is_ok(), "the signature is no base64");
    let (registry, pinned) = open(&args.reference.image, &args.reference.reach, settings)?;
    let payload = match &args.payload {
        Some(path) => content(path)?,
        None => {
            let payload = json!({
                "critical": {
                    "identity": {"docker-reference": pinned.reference.name()},
                    "image": {"docker-manifest-digest": pinned.digest.to_string()},
                    "type": "cosign container image signature",
                },
                "optional": null,
            });
            payload.to_string().into_bytes()
        }
    };
    let mut annotations = BTreeMap::from([("dev.cosignproject.cosign/signature".to_owned(), signature.to_owned())]);
    for (path, name) in
        [(&args.certificate, "dev.sigstore.cosign/certificate"), (&args.certificate_chain, "dev.sigstore.cosign/chain")]
    {
        if let Some(path) = path {
            let text = String::from_utf8(content(path)?).with_context(|| format!("`{}` is no PEM", path.display()))?;
            annotations.insert(name.to_owned(), text);
        }
    }
    if let Some(path) = &args.time_stamped_signature_response {
        let stamp = json!({"SignedRFC3161Timestamp": STANDARD.encode(content(path)?)});
        annotations.insert("dev.sigstore.cosign/rfc3161timestamp".to_owned(), stamp.to_string());
    }
    let layer = NewLayer { media_type: SIMPLE_SIGNING.to_owned(), bytes: payload.into(), annotations };
    append(registry.client(), &pinned, "sig", layer)?;
    Ok(0)
}

fn attestation(args: &AttachAttestationArgs, settings: &Settings) -> Result<u8> {
    let mut layers = Vec::new();
    for path in &args.attestation {
        say(&format!("Using payload from: {}", path.display()));
        let bytes = content(path)?;
        ensure!(!bytes.is_empty(), "{} payload is empty", path.display());
        let envelope: Value =
            serde_json::from_slice(&bytes).with_context(|| format!("`{}` is no JSON", path.display()))?;
        let kind = envelope.get("payloadType").and_then(Value::as_str).unwrap_or_default();
        ensure!(kind == IN_TOTO, "invalid payloadType {kind} on envelope. Expected {IN_TOTO}");
        let signatures = envelope.get("signatures").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(signatures > 0, "could not attach attestation without having signatures");
        let mut annotations = BTreeMap::from([("dev.cosignproject.cosign/signature".to_owned(), String::new())]);
        let statement = Envelope::parse(&bytes).and_then(|envelope| Statement::of(&envelope));
        if let Ok(statement) = statement {
            annotations.insert("predicateType".to_owned(), statement.predicate_type().to_owned());
        }
        layers.push(NewLayer { media_type: ENVELOPE.to_owned(), bytes: bytes.into(), annotations });
    }
    let (registry, pinned) = open(&args.reference.image, &args.reference.reach, settings)?;
    for layer in layers {
        append(registry.client(), &pinned, "att", layer)?;
    }
    Ok(0)
}

fn append(client: &BlockingClient, pinned: &Pinned, suffix: &str, layer: NewLayer) -> Result<()> {
    let place = repository_at(&repository(pinned)?, Some(&tag(&pinned.digest, suffix)), None)?;
    client.append_to_tag(&place, &[layer], &TagConfig::Layers, &|_| false)?;
    Ok(())
}

pub(super) fn copy(args: &CopyArgs, settings: &Settings) -> Result<u8> {
    let client = net::client(&access(&args.reach), settings)?;
    let mut only = args.only.clone();
    if args.sig_only {
        only.push(crate::artifacts::transfer::Only::Sig);
    }
    let moved = moves::copy(&client, &args.from, &args.to, &only, args.force)?;
    for (from, to) in moved.names() {
        say(&format!("Copying {from} to {to}..."));
    }
    say(&format!("Copying {} to {}...", args.from, args.to));
    Ok(0)
}

pub(super) fn save(args: &SaveArgs, settings: &Settings) -> Result<u8> {
    let client = net::client(&access(&args.reference.reach), settings)?;
    moves::save(&client, &args.reference.image, &args.dir)?;
    Ok(0)
}

pub(super) fn load(args: &LoadArgs, settings: &Settings) -> Result<u8> {
    let client = net::client(&access(&args.reference.reach), settings)?;
    moves::load(&client, &args.dir, &args.reference.image, true)?;
    Ok(0)
}

pub(super) fn clean(args: &CleanArgs, settings: &Settings) -> Result<u8> {
    if !args.force {
        say(&format!("WARNING: {}", args.kind.prompt()));
        if !confirmed(CONTINUE)? {
            bail!("user declined the prompt");
        }
    }
    let (_, pinned) = open(&args.reference.image, &args.reference.reach, settings)?;
    let image = &args.reference.image;
    let mut code = 0;
    // Who fills a list with more than is ever verified must not keep it from being emptied.
    let client = net::client(&access(&args.reference.reach), settings)?;
    for Gone { place, kept } in remove(&client, &pinned, args.kind)? {
        match kept {
            None => say(&format!("Removed {place} from {image}")),
            // Cosign goes on with 0; what was to go and stays is a failure here.
            Some(err) => {
                say(&format!("could not delete {place} from {image}\n: {err}"));
                code = 1;
            }
        }
    }
    Ok(code)
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sbom_has_the_type_that_cosign_gives_it() {
        for (kind, format, path, wanted) in [
            ("spdx", None, "a.json", Some("text/spdx+json")),
            ("spdx", None, "a.spdx", Some("text/spdx")),
            ("spdx", Some("json"), "-", Some("text/spdx+json")),
            ("spdx", Some("text"), "a.json", Some("text/spdx")),
            ("spdx", Some("xml"), "a", None),
            ("cyclonedx", None, "a.xml", Some("application/vnd.cyclonedx+xml")),
            ("cyclonedx", None, "a.json", Some("application/vnd.cyclonedx+json")),
            ("syft", None, "a", Some("application/vnd.syft+json")),
            ("other", None, "a", None),
        ] {
            assert_eq!(sbom_type(kind, format, Path::new(path)).ok(), wanted, "{kind} {format:?} {path}");
        }
    }
}
