//! Cosign's layouts before version 3 (`cosign: specs/SIGNATURE_SPEC.md`, `pkg/oci/static/signature.go`, `pkg/cosign/fetch.go`): read for ever, and held to
//! the same checks as bundles.

use std::collections::BTreeMap;

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::dsse::Envelope;
use crate::evidence::{CHAIN, Content, Evidence, LARGEST, Layout, LogEntry, Material};
use crate::json::{self, At};
use crate::{pem, root};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN_OF: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
/// Largest annotation that is read.
const ANNOTATION: usize = 1 << 20;

impl Evidence {
    /// A layer of a `.sig` tag: the simple signing payload and its annotations.
    ///
    /// # Errors
    /// When payload or annotations are malformed or too large.
    pub fn simple_signing(payload: &[u8], annotations: &BTreeMap<String, String>) -> Result<Self, VerifyError> {
        limit(payload)?;
        let signature = annotation(annotations, SIGNATURE)?
            .ok_or_else(|| VerifyError::form(format!("the annotation `{SIGNATURE}`"), "none"))?;
        let signature = json::base64(signature).map_err(|found| VerifyError::form("a signature", found))?;
        if signature.is_empty() {
            return Err(VerifyError::form("a signature", "an empty one"));
        }
        let material = material(annotations)?;
        let mut evidence = Self::bare(Layout::SimpleSigning, Content::Payload(payload.to_vec()), signature, material);
        evidence.annotated(annotations)?;
        Ok(evidence)
    }

    /// A layer of an `.att` tag: a DSSE envelope and its annotations. Its timestamps cover the envelope's text, not the signature
    /// (`cosign: pkg/cosign/verify.go`, "rely on the signed payload").
    ///
    /// # Errors
    /// When envelope or annotations are malformed or too large.
    pub fn attestation(layer: &[u8], annotations: &BTreeMap<String, String>) -> Result<Self, VerifyError> {
        limit(layer)?;
        let envelope = Envelope::parse(layer)?;
        let signature = envelope.only_signature()?.signature.clone();
        let material = material(annotations)?;
        let mut evidence = Self::bare(Layout::Attestation, Content::Envelope(envelope), signature, material);
        evidence.stamped = layer.to_vec();
        evidence.envelope_text = Some(layer.to_vec());
        evidence.annotated(annotations)?;
        Ok(evidence)
    }

    /// The file that `sign-blob --bundle` wrote: `{"base64Signature", "cert", "rekorBundle"}`.
    ///
    /// # Errors
    /// When it is malformed; when `cert` is a bare public key (GHSA-fx35-mq7g-6g98).
    pub fn blob_bundle(bytes: &[u8]) -> Result<Self, VerifyError> {
        let wrong = |found: String| VerifyError::form("a blob bundle of Cosign 1 or 2", found);
        limit(bytes)?;
        let value = json::parse(bytes).map_err(wrong)?;
        let root = At::root(&value);
        let signature = root.get("base64Signature").bytes().map_err(wrong)?;
        if signature.is_empty() {
            return Err(wrong("an empty signature".to_owned()));
        }
        let certificate = root.get("cert");
        let certificate = if certificate.is_present() { certificate.str().map_err(wrong)? } else { "" };
        let material = match certificate {
            "" => Material::Key { hint: String::new() },
            text => certificate_of(text, None)?,
        };
        let mut evidence = Self::bare(Layout::BlobBundle, Content::Artifact, signature, material);
        let rekor = root.get("rekorBundle");
        if rekor.is_present() {
            evidence.entries.push(rekor_bundle(&rekor)?);
        }
        Ok(evidence)
    }

    /// Adds the log entry and the timestamp that annotations bring.
    fn annotated(&mut self, annotations: &BTreeMap<String, String>) -> Result<(), VerifyError> {
        if let Some(text) = annotation(annotations, BUNDLE)? {
            let value = json::parse(text.as_bytes()).map_err(|found| VerifyError::form("a Rekor bundle", found))?;
            if !value.is_null() {
                self.entries.push(rekor_bundle(&At::root(&value))?);
            }
        }
        if let Some(text) = annotation(annotations, TIMESTAMP)? {
            let wrong = |found| VerifyError::form("an RFC 3161 timestamp", found);
            let value = json::parse(text.as_bytes()).map_err(wrong)?;
            if !value.is_null() {
                self.timestamps.push(At::root(&value).get("SignedRFC3161Timestamp").bytes().map_err(wrong)?);
            }
        }
        Ok(())
    }
}

fn limit(bytes: &[u8]) -> Result<(), VerifyError> {
    if bytes.len() > LARGEST {
        return Err(VerifyError::new(Check::Limits, "at most 128 MiB", format!("{} bytes", bytes.len())));
    }
    Ok(())
}

fn annotation<'a>(annotations: &'a BTreeMap<String, String>, name: &str) -> Result<Option<&'a str>, VerifyError> {
    let text = annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.len() > ANNOTATION => {
            Err(VerifyError::new(Check::Limits, "an annotation of at most 1 MiB", format!("{} bytes", text.len())))
        }
        text => Ok(text),
    }
}

fn material(annotations: &BTreeMap<String, String>) -> Result<Material, VerifyError> {
    match annotation(annotations, CERTIFICATE)? {
        Some(pem) => certificate_of(pem, annotation(annotations, CHAIN_OF)?),
        None => Ok(Material::Key { hint: String::new() }),
    }
}

/// A certificate in PEM, or in base64 of PEM as `sign-blob` wrote it, and the chain beside it. Nothing but certificates is accepted: a key that comes with the
/// evidence would be trusted for having come.
pub(crate) fn certificate_of(text: &str, chain: Option<&str>) -> Result<Material, VerifyError> {
    let unwrapped = json::base64(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = unwrapped.as_deref().unwrap_or(text);
    let blocks = pem::decode(text, crate::certificate::LONGEST)
        .map_err(|error| VerifyError::form("a certificate in PEM", error.to_string()))?;
    if let Some(block) = blocks.iter().find(|block| block.label != "CERTIFICATE") {
        return Err(VerifyError::new(Check::Material, "a certificate", format!("a `{}`", block.label)));
    }
    let mut ders = blocks.into_iter().map(|block| block.der);
    let leaf = ders.next().ok_or_else(|| VerifyError::form("a certificate in PEM", "none"))?;
    let mut rest: Vec<Vec<u8>> = ders.collect();
    if let Some(chain) = chain {
        rest.extend(root::chain_of(chain)?);
    }
    if rest.len() > CHAIN {
        return Err(VerifyError::new(Check::Limits, format!("at most {CHAIN} certificates"), rest.len().to_string()));
    }
    Ok(Material::Certificate(Box::new(Certificate::from_der(&leaf)?), rest))
}

/// `{"SignedEntryTimestamp", "Payload": {"body", "integratedTime", "logIndex", "logID"}}`: a log entry with a promise and no proof.
fn rekor_bundle(at: &At<'_>) -> Result<LogEntry, VerifyError> {
    let wrong = |found: String| VerifyError::form("a Rekor bundle", found);
    let payload = at.get("Payload");
    let body = payload.get("body").bytes().map_err(wrong)?;
    let log = unhex(payload.get("logID").str().map_err(wrong)?)
        .ok_or_else(|| wrong("a log ID that is not 32 bytes".to_owned()))?;
    let value = json::parse(&body).map_err(wrong)?;
    let parsed = At::root(&value);
    let time = payload.get("integratedTime").number().map_err(wrong)?;
    Ok(LogEntry {
        index: payload.get("logIndex").number().map_err(wrong)?,
        log,
        kind: parsed.get("kind").str().map_err(wrong)?.to_owned(),
        version: parsed.get("apiVersion").str().map_err(wrong)?.to_owned(),
        time: i64::try_from(time).map_err(|_| wrong("a time out of range".to_owned()))?,
        promise: Some(at.get("SignedEntryTimestamp").bytes().map_err(wrong)?),
        proof: None,
        body,
    })
}

/// 32 bytes in lower-case hexadecimal: the promise is over this text, so there is one spelling.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
