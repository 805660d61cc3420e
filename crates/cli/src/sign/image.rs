//! Signing images, and attesting something about them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signet_keys::sigstore::Layouts;
use signet_model::ImageRef;
use signet_oci_client::{BlockingClient, Limits};
use signet_trust::Artifact;
use signet_trust::seal::{
    Document, Draft, Layer, NewSubject, Predicate, StatementVersion, simple_signing_payload, statement,
};

use super::args::{AttestArgs, ProvenanceArgs, SealArgs, SignArgs};
use super::beside::{self, Target};
use super::blob::Claim;
use super::sealer::Seal;
use super::{Voice, write};
use crate::net::{self, Access};
use crate::output;
use crate::settings::Settings;
use crate::verify::args::ReachArgs;
use crate::verify::demand::annotations;

/// Bundles and manifests that are read back while writing.
const LARGEST: u64 = 128 << 20;

/// Signs images.
pub(crate) fn sign(
    args: &SignArgs,
    layouts: Layouts,
    access: &Access,
    voice: Voice,
    settings: &Settings,
) -> Result<()> {
    let annotations = annotations(&args.annotations)?;
    let client = client(access, settings)?;
    let targets = all(&client, &args.images, args.recursive, settings)?;
    let seal = Seal::new(&args.seal, &args.reach, voice, settings)?;
    seal.check(layouts)?;
    let several = targets.len() > 1;
    for target in &targets {
        let digest = target.digest();
        let made = signed(&seal, target, &annotations, layouts, settings)?;
        if let Some(path) = &args.bundle {
            let path = named(path, target, several);
            write(&path, made.bundle.as_ref().or(made.payload.as_ref()).map_or(&[][..], Vec::as_slice))?;
            voice.say(settings, "", &format!("Wrote bundle to file {}", path.display()));
        }
        if let Some(path) = &args.output_signature {
            write(&named(path, target, several), made.signature.as_bytes())?;
        }
        if let (Some(path), Some(pem)) = (&args.output_certificate, seal.author().certificate_pem()) {
            write(path, pem.as_bytes())?;
            voice.say(settings, "", &format!("Certificate wrote in the file {}", path.display()));
        }
        if !args.upload {
            let elsewhere = args.bundle.is_some() || args.output_signature.is_some();
            if let (Voice::Signet, false, Some(bundle)) = (voice, elsewhere, &made.bundle) {
                output::to_stdout(&[&bundle[..], b"\n"].concat())?;
            }
            continue;
        }
        if layouts != Layouts::Bundle {
            voice.say(settings, "", &format!("Pushing signature to: {}", target.cosigns_place()));
        }
        if let Some(bundle) = made.bundle {
            beside::attach(&client, target, bundle, Predicate::signature().kind(), settings)?;
        }
        if let Some(layer) = made.layer {
            beside::append(&client, target, "sig", layer, false)?;
        }
        voice.say(settings, &format!("signed `{}@{digest}`", target.image.name()), "");
    }
    Ok(())
}

/// What was made of one image.
struct Made {
    bundle: Option<Vec<u8>>,
    layer: Option<Layer>,
    /// The signature (base64) of the layout that comes first.
    signature: String,
    /// `--bundle` where only the old layout is written: the payload's own annotations.
    payload: Option<Vec<u8>>,
}

fn signed(
    seal: &Seal,
    target: &Target,
    annotations: &[(String, String)],
    layouts: Layouts,
    settings: &Settings,
) -> Result<Made> {
    let digest = target.digest();
    let (artifact, now) = (Artifact::Digest(&digest), crate::settings::now());
    let mut made = Made { bundle: None, layer: None, signature: String::new(), payload: None };
    if layouts != Layouts::Old {
        let mut subject = NewSubject::new("", digest);
        subject.annotations = annotations.to_vec();
        let text = statement(StatementVersion::V1, &[subject], &Predicate::signature())?;
        let draft = seal.draft(Document::Statement(text), Layouts::Bundle, settings)?;
        made.bundle = Some(verified(draft.bundle(artifact, seal.against(), now))?);
        made.signature = STANDARD.encode(draft.signature());
    }
    if layouts != Layouts::Bundle {
        let payload = simple_signing_payload(&target.cosigns_name(), &digest, annotations);
        let draft = seal.draft(Document::Payload(payload), Layouts::Old, settings)?;
        let layer = verified(draft.layer(artifact, seal.against(), now))?;
        if made.signature.is_empty() {
            made.signature = STANDARD.encode(draft.signature());
            made.payload = Some(old_bundle(&draft, &layer));
        }
        made.layer = Some(layer);
    }
    Ok(made)
}

/// The file of `sign --bundle` in Cosign 2: what the annotations say.
fn old_bundle(draft: &Draft<'_>, layer: &Layer) -> Vec<u8> {
    let mut bundle = serde_json::json!({"base64Signature": STANDARD.encode(draft.signature())});
    if let Some(members) = bundle.as_object_mut() {
        if let Some(pem) = draft.author().certificate_pem() {
            members.insert("cert".to_owned(), STANDARD.encode(pem).into());
        }
        let entry = layer.annotations.get("dev.sigstore.cosign/bundle");
        if let Some(entry) = entry.and_then(|text| serde_json::from_str(text).ok()) {
            members.insert("rekorBundle".to_owned(), entry);
        }
    }
    bundle.to_string().into_bytes()
}

/// Attests something about images.
pub(crate) fn attest(
    args: &AttestArgs,
    provenance: &ProvenanceArgs,
    layouts: Layouts,
    access: &Access,
    voice: Voice,
    settings: &Settings,
) -> Result<()> {
    let read = if provenance.provenance { None } else { Some(Claim::read(&args.claim, voice, settings)?) };
    let client = client(access, settings)?;
    let targets = all(&client, &args.images, args.recursive, settings)?;
    let seal = Seal::new(&args.seal, &args.reach, voice, settings)?;
    seal.check(layouts)?;
    // Provenance is written from the very token that signs.
    let claim = match read {
        Some(claim) => claim,
        None => seal.provenance(provenance, settings)?,
    };
    let several = targets.len() > 1;
    for target in &targets {
        let digest = target.digest();
        let (artifact, now) = (Artifact::Digest(&digest), crate::settings::now());
        // Engines that look under the old tag know the old statement.
        let version = if layouts == Layouts::Bundle { StatementVersion::V1 } else { StatementVersion::V01 };
        let text = claim.statement(version, &NewSubject::new(&target.cosigns_name(), digest))?;
        let kind = signet_trust::Statement::parse(&text)?.predicate_type().to_owned();
        let draft = seal.draft(Document::Statement(text), layouts, settings)?;
        let bundle = match layouts {
            Layouts::Old => None,
            _ => Some(verified(draft.bundle(artifact, seal.against(), now))?),
        };
        let layer = match layouts {
            Layouts::Bundle => None,
            _ => Some(verified(draft.layer(artifact, seal.against(), now))?),
        };
        let envelope = draft.envelope().unwrap_or_default();
        if let Some(path) = &args.bundle {
            let path = named(path, target, several);
            write(&path, bundle.as_deref().unwrap_or(envelope.as_bytes()))?;
            voice.say(settings, "", &format!("Wrote bundle to file {}", path.display()));
        }
        if !args.upload {
            let text = match (voice, &bundle) {
                (Voice::Signet, Some(bundle)) if args.bundle.is_none() => bundle.as_slice(),
                (Voice::Cosign, _) => envelope.as_bytes(),
                _ => continue,
            };
            output::to_stdout(&[text, b"\n"].concat())?;
            continue;
        }
        if let Some(bundle) = bundle {
            // Only what lay there before ours goes: two who replace at once would take away each other's.
            let earlier = if args.replace { beside::earlier(&client, target, &kind)? } else { Vec::new() };
            let attached = beside::attach(&client, target, bundle, &kind, settings)?;
            beside::take_away(&client, target, &earlier, &attached, settings)?;
        }
        if let Some(layer) = layer {
            beside::append(&client, target, "att", layer, args.replace)?;
        }
        voice.say(settings, &format!("attested `{kind}` of `{}@{digest}`", target.image.name()), "");
    }
    Ok(())
}

/// Attests a result of our own about the image at this digest.
pub(crate) fn attest_result(
    image: &ImageRef,
    kind: &str,
    predicate: &[u8],
    seal: &SealArgs,
    reach: &ReachArgs,
    voice: Voice,
    settings: &Settings,
) -> Result<()> {
    let predicate = Predicate::read(kind, predicate, settings.now).context("the result cannot be attested")?;
    let client = client(&crate::verify::demand::access(reach), settings)?;
    let targets = all(&client, &[image.to_string()], false, settings)?;
    let seal = Seal::new(seal, reach, voice, settings)?;
    for target in &targets {
        let digest = target.digest();
        let subject = NewSubject::new(&target.cosigns_name(), digest);
        let document = Document::Statement(statement(StatementVersion::V1, &[subject], &predicate)?);
        let draft = seal.draft(document, Layouts::Bundle, settings)?;
        let bundle = verified(draft.bundle(Artifact::Digest(&digest), seal.against(), crate::settings::now()))?;
        beside::attach(&client, target, bundle, predicate.kind(), settings)?;
        settings.say(format!("attested `{}` of `{}@{digest}`", predicate.kind(), target.image.name()));
    }
    Ok(())
}

fn verified<T>(made: Result<T, signet_trust::VerifyError>) -> Result<T> {
    made.context("what was made does not verify, and is written nowhere")
}

fn client(access: &Access, settings: &Settings) -> Result<BlockingClient> {
    net::client_within(access, settings, Limits { small_blob: LARGEST, ..Limits::default() })
}

fn all(client: &BlockingClient, images: &[String], recursive: bool, settings: &Settings) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for image in images {
        targets.extend(beside::targets(client, image, recursive, settings)?);
    }
    Ok(targets)
}

/// With several images, each file bears the digest of its own.
fn named(path: &Path, target: &Target, several: bool) -> PathBuf {
    if !several {
        return path.to_owned();
    }
    let digest = target.digest();
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-{}-{}", digest.algorithm().name(), digest.hex()));
    PathBuf::from(name)
}
