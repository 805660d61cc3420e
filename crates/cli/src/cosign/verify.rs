//! `cosign verify`, `verify-attestation`, `verify-blob`, `verify-blob-attestation`: Cosign's lines and exit codes over `crate::verify`.
//!
//! Source: sigstore/cosign:cmd/cosign/cli/verify, `doc/cosign_exit_codes.md`.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Map, Value, json};
use signet_oci_client::ErrorKind;
use signet_trust::{Check, Outcome, Signature, Signed, Verified};

use super::args::VerifyArgs;
use crate::output;
use crate::settings::Settings;
use crate::verify::args::{AttestationArgs, BlobArgs, BlobAttestationArgs, ImageArgs, SlsaArgs};
use crate::verify::beyond::{Beyond, Files};
use crate::verify::demand::{Demand, annotations};
use crate::verify::discover::Registry;
use crate::verify::judge::Wanted;
use crate::verify::place;
use crate::verify::show::{Row, Shown, clean};

/// Marks an error that has an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{1}")]
pub(super) struct Refused(pub(super) u8, pub(super) String);

const NO_SIGNATURES: u8 = 10;
const NO_TAG: u8 = 11;
const NO_MATCH: u8 = 12;
const NO_CERTIFICATE: u8 = 13;

pub(super) fn image(args: &VerifyArgs<ImageArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    let begun = Begun::of(args, settings)?;
    one(args, &args.wanted.image, &begun, compat, settings)
}

/// What is the same for every image of one command line: what is asked, and whom, with what is known of there already.
pub(super) struct Begun {
    demand: Demand,
    registry: Registry,
}

impl Begun {
    pub(super) fn of(args: &VerifyArgs<ImageArgs>, settings: &Settings) -> Result<Begun> {
        claims(args.check_claims)?;
        let wanted = &args.wanted;
        let demand = Demand::of(&wanted.signer, &wanted.reach, settings)?;
        Ok(Begun { demand, registry: place(&wanted.image, wanted.local_image, &wanted.reach, settings)? })
    }
}

/// One image.
pub(super) fn one(
    args: &VerifyArgs<ImageArgs>,
    image: &str,
    begun: &Begun,
    compat: &str,
    settings: &Settings,
) -> Result<u8> {
    let (wanted, Begun { demand, registry }) = (&args.wanted, begun);
    let asked = Wanted::Signature(annotations(&wanted.annotations)?);
    let shown = crate::verify::beside(image, registry, &asked, demand, settings).map_err(not_there)?;
    refuse_signatures(&shown, demand)?;
    checks(image, !wanted.annotations.is_empty(), &shown, demand, compat);
    let payloads: Vec<Value> =
        shown.verified().map(|(row, verified)| payload(row, verified, image, &shown.digest)).collect();
    if wanted.show.output.as_deref() == Some("text") {
        for (at, (_, verified)) in shown.verified().enumerate() {
            certificate_lines(verified);
            let text = match &verified.signed {
                Signed::Payload(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => payloads.get(at).map(ToString::to_string).unwrap_or_default(),
            };
            output::to_stdout(format!("{text}\n").as_bytes())?;
        }
        return Ok(0);
    }
    output::to_stdout(format!("\n{}\n", Value::Array(payloads)).as_bytes())?;
    Ok(0)
}

pub(super) fn attestation(args: &VerifyArgs<AttestationArgs>, compat: &str, settings: &Settings) -> Result<u8> {
    claims(args.check_claims)?;
    let wanted = &args.wanted;
    let kind = kind(wanted.kind.as_deref())?;
    let beyond = Beyond::of(&SlsaArgs::default(), &wanted.policy, Files::Cosign)?;
    let demand = Demand::of(&wanted.signer, &wanted.reach, settings)?;
    let asked = Wanted::Attestation(Some(kind.clone()));
    let registry = place(&wanted.image, wanted.local_image, &wanted.reach, settings)?;
    let mut shown = crate::verify::beside(&wanted.image, &registry, &asked, &demand, settings).map_err(not_there)?;
    policies(&beyond, &wanted.policy, &mut shown, settings)?;
    if shown.verified().next().is_none() {
        return Err(anyhow!("no matching attestations: {}", reasons(&shown)));
    }
    checks(&wanted.image, false, &shown, &demand, compat);
    let mut lines = String::new();
    for (row, _) in shown.verified() {
        if let Some(envelope) = row.candidate.as_ref().and_then(super::download::envelope) {
            lines += &envelope.to_string();
            lines.push('\n');
        }
    }
    output::to_stdout(lines.as_bytes())?;
    Ok(0)
}

/// Cosign's lines about policies. Each attestation of the type must satisfy all of them.
fn policies(beyond: &Beyond, files: &[PathBuf], shown: &mut Shown, settings: &Settings) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    for _ in shown.verified() {
        say(&format!("will be validating against Rego policies: [{}]", names.join(" ")));
    }
    beyond.hold(shown, true, settings)?;
    let errors: Vec<String> =
        shown.unfit().flat_map(|(_, unmet)| unmet).map(|unmet| clean_lines(&unmet.found)).collect();
    if errors.is_empty() {
        return Ok(());
    }
    say(&format!("There are {} number of errors occurred during the validation:\n", errors.len()));
    for error in &errors {
        say(&format!("- {error}"));
    }
    Err(anyhow!("{} validation errors occurred", errors.len()))
}

/// Text of several lines from outside, without what moves the cursor elsewhere.
fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

pub(super) fn blob(args: &VerifyArgs<BlobArgs>, settings: &Settings) -> Result<u8> {
    claims(args.check_claims)?;
    verified_ok(&crate::verify::judge_blob(&args.wanted, settings)?)
}

pub(super) fn blob_attestation(args: &VerifyArgs<BlobAttestationArgs>, settings: &Settings) -> Result<u8> {
    claims(args.check_claims)?;
    let wanted = kind(args.wanted.kind.as_deref())?;
    verified_ok(&crate::verify::judge_blob_attestation(&args.wanted, &args.wanted.signer, Some(wanted), settings)?)
}

fn verified_ok(shown: &Shown) -> Result<u8> {
    if shown.verified().next().is_none() {
        return Err(anyhow!("failed to verify signature: {}", reasons(shown)));
    }
    say("Verified OK");
    Ok(0)
}

/// Signatures are always held to the image that they name.
fn claims(check: bool) -> Result<()> {
    ensure!(check, "`--check-claims=false` is refused: a signature about another image would be accepted");
    Ok(())
}

/// The type asked for, `custom` unless said; anything that is neither a short name nor a URI is refused.
fn kind(text: Option<&str>) -> Result<String> {
    let text = text.unwrap_or("custom");
    let known = signet_trust::predicate_types(text);
    ensure!(known != [text] || text.contains("://"), "invalid predicate type: {text}");
    Ok(text.to_owned())
}

fn not_there(err: anyhow::Error) -> anyhow::Error {
    let absent = err.to_string().starts_with("cannot resolve the image")
        && err.chain().any(|cause| {
            cause.downcast_ref::<signet_oci_client::Error>().is_some_and(|err| err.kind == ErrorKind::NotFound)
        });
    if absent { Refused(NO_TAG, format!("image tag not found: {err:#}")).into() } else { err }
}

fn refuse_signatures(shown: &Shown, demand: &Demand) -> Result<()> {
    if shown.verified().next().is_some() {
        return Ok(());
    }
    if shown.refused().next().is_none() {
        return Err(Refused(NO_SIGNATURES, "no signatures found".to_owned()).into());
    }
    let bare = !demand.is_by_key() && shown.refused().all(|(_, err)| err.check == Check::Material);
    if bare {
        return Err(Refused(NO_CERTIFICATE, "no certificate found on signature".to_owned()).into());
    }
    Err(Refused(NO_MATCH, format!("no matching signatures: {}", reasons(shown))).into())
}

fn reasons(shown: &Shown) -> String {
    let reasons: Vec<String> =
        shown.refused().map(|(row, err)| format!("{}: {}", clean(&row.place), clean(&err.to_string()))).collect();
    reasons.join("\n ")
}

/// The lines above the result. Those of version 2 say what that version did, which asked the log; here its evidence is verified without asking.
fn checks(image: &str, annotated: bool, shown: &Shown, demand: &Demand, compat: &str) {
    let logged = shown.verified().all(|(_, verified)| {
        let done = |checked: &&signet_trust::Checked| matches!(checked.outcome, Outcome::Passed(_));
        verified.report.iter().filter(done).any(|checked| checked.check == Check::Inclusion)
    });
    say(&format!("\nVerification for {image} --"));
    say("The following checks were performed on each of these signatures:");
    if annotated {
        say("  - The specified annotations were verified.");
    }
    say("  - The cosign claims were validated");
    if logged {
        say(match compat {
            "2" => "  - Existence of the claims in the transparency log was verified online",
            _ => "  - Existence of the claims in the transparency log was verified offline",
        });
    }
    say(match (demand.is_by_key(), compat) {
        (true, _) => "  - The signatures were verified against the specified public key",
        (false, "2") => "  - The code signing certificate claims were validated",
        (false, _) => "  - The code-signing certificate was verified using trusted certificate authority certificates",
    });
}

/// A certificate's claims by Cosign's names.
fn certificate_claims(verified: &Verified<Signature>) -> Vec<(&'static str, &'static str, &'static str, String)> {
    let Some(certificate) = &verified.certificate else { return Vec::new() };
    let claims = certificate.claims();
    let rows = [
        ("1.3.6.1.4.1.57264.1.1", "Issuer", "Certificate issuer URL", &claims.issuer),
        ("1.3.6.1.4.1.57264.1.2", "githubWorkflowTrigger", "GitHub Workflow Trigger", &claims.github_workflow_trigger),
        ("1.3.6.1.4.1.57264.1.3", "githubWorkflowSha", "GitHub Workflow SHA", &claims.github_workflow_sha),
        ("1.3.6.1.4.1.57264.1.4", "githubWorkflowName", "GitHub Workflow Name", &claims.github_workflow_name),
        (
            "1.3.6.1.4.1.57264.1.5",
            "githubWorkflowRepository",
            "GitHub Workflow Repository",
            &claims.github_workflow_repository,
        ),
        ("1.3.6.1.4.1.57264.1.6", "githubWorkflowRef", "GitHub Workflow Ref", &claims.github_workflow_ref),
    ];
    rows.into_iter()
        .filter_map(|(oid, name, line, value)| Some((oid, name, line, value.clone().filter(|text| !text.is_empty())?)))
        .collect()
}

fn subject(verified: &Verified<Signature>) -> Option<String> {
    Some(verified.certificate.as_ref()?.names().first().map_or("", |name| name.value()).to_owned())
}

fn certificate_lines(verified: &Verified<Signature>) {
    let Some(subject) = subject(verified) else { return };
    say(&format!("Certificate subject: {}", clean(&subject)));
    for (_, _, line, value) in certificate_claims(verified) {
        say(&format!("{line}: {}", clean(&value)));
    }
}

/// `{"critical", "optional"}`: the payload as it was signed, or what a bundle's statement says in its place.
fn payload(row: &Row, verified: &Verified<Signature>, image: &str, digest: &str) -> Value {
    let critical = |kind: &str| {
        json!({"critical": {
            "identity": {"docker-reference": image}, "image": {"docker-manifest-digest": digest}, "type": kind,
        }})
    };
    let mut value = match &verified.signed {
        Signed::Payload(bytes) => serde_json::from_slice(bytes).unwrap_or(Value::Null),
        Signed::Statement(statement) => critical(statement.predicate_type()),
        Signed::Artifact => critical("cosign container image signature"),
    };
    let mut optional = match &verified.signed {
        // A bundle has what `sign -a` said beside the subject.
        Signed::Statement(statement) => {
            let about = statement.subjects().iter().find(|subject| {
                let named = subject.digests().iter().map(|(algorithm, hex)| format!("{algorithm}:{hex}"));
                named.into_iter().any(|named| named == digest)
            });
            about.map(|subject| subject.annotations().clone()).unwrap_or_default()
        }
        _ => value.get("optional").and_then(Value::as_object).cloned().unwrap_or_else(Map::new),
    };
    if let Some(subject) = subject(verified) {
        optional.insert("Subject".to_owned(), subject.into());
        for (oid, name, _, value) in certificate_claims(verified) {
            optional.insert(oid.to_owned(), value.clone().into());
            optional.insert(name.to_owned(), value.into());
        }
    }
    let annotations = row.candidate.as_ref().map(|candidate| &candidate.annotations);
    for (name, annotation) in
        [("Bundle", "dev.sigstore.cosign/bundle"), ("RFC3161Timestamp", "dev.sigstore.cosign/rfc3161timestamp")]
    {
        let text = annotations.and_then(|annotations| annotations.get(annotation));
        if let Some(parsed) = text.and_then(|text| serde_json::from_str::<Value>(text).ok()).filter(|v| !v.is_null()) {
            optional.insert(name.to_owned(), parsed);
        }
    }
    if let Some(members) = value.as_object_mut() {
        members.insert("optional".to_owned(), Value::Object(optional));
    }
    value
}

#[allow(clippy::print_stderr, reason = "Cosign's messages, which are not silenced by `--quiet`")]
fn say(text: &str) {
    eprintln!("{text}");
}
