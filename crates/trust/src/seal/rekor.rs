//! What transparency logs are sent, and what they answer.
//!
//! Sources: `rekor: openapi.yaml`, `pkg/types/hashedrekord/v0.0.1`, `pkg/types/dsse/v0.0.1`; `rekor-tiles: api/proto/rekor/v2`, `CLIENTS.md`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_model::Digest;

use super::Draft;
use super::write::ed25519_is_not_logged;
use crate::check::VerifyError;
use crate::evidence::LogEntry;
use crate::json::{self, At};
use crate::key::Algorithm;

/// No answer of a log is longer (an entry may repeat a certificate chain, never an SBOM).
const LONGEST: usize = 4 << 20;

/// A log entry, in the forms that evidence keeps it in.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// As bundles hold it (`TransparencyLogEntry`).
    pub(super) bundled: Value,
    /// As annotations hold it, where the log gave a promise.
    pub(super) annotated: Option<Value>,
    pub(super) promise: Option<String>,
    pub(super) index: u64,
}

impl Entry {
    /// The entry as a bundle's reader sees it.
    pub(super) fn read(&self) -> Result<LogEntry, VerifyError> {
        crate::bundle::log_entry(&self.bundled)
    }
}

pub(super) fn v1_request(draft: &Draft<'_>) -> Result<Vec<u8>, VerifyError> {
    let verifier = STANDARD.encode(draft.author().verifier_pem());
    let body = match draft.envelope() {
        Some(envelope) => json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {"proposedContent": {"envelope": envelope, "verifiers": [verifier]}},
        }),
        None => {
            let hash = draft.author().public_key().algorithm().hash().ok_or_else(ed25519_is_not_logged)?;
            let digest = Digest::of(hash, &draft.document.message());
            json!({
                "apiVersion": "0.0.1",
                "kind": "hashedrekord",
                "spec": {
                    "data": {"hash": {"algorithm": hash.name(), "value": digest.hex()}},
                    "signature": {
                        "content": STANDARD.encode(draft.signature()),
                        "publicKey": {"content": verifier},
                    },
                },
            })
        }
    };
    Ok(body.to_string().into_bytes())
}

pub(super) fn v2_request(draft: &Draft<'_>) -> Result<Vec<u8>, VerifyError> {
    let key = draft.author().public_key();
    let hash = key.algorithm().hash().ok_or_else(ed25519_is_not_logged)?;
    let details = key_details(key.algorithm(), draft.signature().len())?;
    let mut verifier = match draft.author().certificate() {
        Some(certificate) => json!({"x509Certificate": {"rawBytes": STANDARD.encode(certificate.der())}}),
        None => json!({"publicKey": {"rawBytes": STANDARD.encode(key.der())}}),
    };
    if let Some(members) = verifier.as_object_mut() {
        members.insert("keyDetails".to_owned(), details.into());
    }
    let digest = Digest::of(hash, &draft.document.message());
    let body = json!({"hashedRekordRequestV002": {
        "digest": STANDARD.encode(digest.as_bytes()),
        "signature": {"content": STANDARD.encode(draft.signature()), "verifier": verifier},
    }});
    Ok(body.to_string().into_bytes())
}

/// The name of `protobuf-specs: PublicKeyDetails`; an RSA signature is as long as its modulus.
fn key_details(algorithm: Algorithm, signature: usize) -> Result<&'static str, VerifyError> {
    Ok(match (algorithm, signature) {
        (Algorithm::EcdsaP256Sha256, _) => "PKIX_ECDSA_P256_SHA_256",
        (Algorithm::EcdsaP384Sha384, _) => "PKIX_ECDSA_P384_SHA_384",
        (Algorithm::EcdsaP521Sha512, _) => "PKIX_ECDSA_P521_SHA_512",
        (Algorithm::RsaPkcs1Sha256, 256) => "PKIX_RSA_PKCS1V15_2048_SHA256",
        (Algorithm::RsaPkcs1Sha256, 384) => "PKIX_RSA_PKCS1V15_3072_SHA256",
        (Algorithm::RsaPkcs1Sha256, 512) => "PKIX_RSA_PKCS1V15_4096_SHA256",
        (Algorithm::RsaPssSha256, 256) => "PKIX_RSA_PSS_2048_SHA256",
        (Algorithm::RsaPssSha256, 384) => "PKIX_RSA_PSS_3072_SHA256",
        (Algorithm::RsaPssSha256, 512) => "PKIX_RSA_PSS_4096_SHA256",
        (other, _) => {
            return Err(VerifyError::form("an algorithm that Rekor v2 takes", other.name()));
        }
    })
}

fn wrong(found: String) -> VerifyError {
    VerifyError::form("an answer of a transparency log", found)
}

fn read(answer: &[u8]) -> Result<Value, VerifyError> {
    if answer.len() > LONGEST {
        return Err(wrong(format!("{} bytes", answer.len())));
    }
    json::parse(answer).map_err(wrong)
}

/// `{UUID: {body, integratedTime, logID, logIndex, verification{inclusionProof, signedEntryTimestamp}}}`, with hashes in hexadecimal.
pub(super) fn v1_answer(answer: &[u8]) -> Result<Entry, VerifyError> {
    let value = read(answer)?;
    let entries = value.as_object().ok_or_else(|| wrong("no object".to_owned()))?;
    let mut entries = entries.values();
    let (Some(one), None) = (entries.next(), entries.next()) else {
        return Err(wrong("not exactly one entry".to_owned()));
    };
    let entry = At::root(one);
    let body = entry.get("body");
    let body_text = body.str().map_err(wrong)?;
    let parsed = json::parse(&body.bytes().map_err(wrong)?).map_err(wrong)?;
    let kind = At::root(&parsed);
    let (kind, version) = (kind.get("kind").str().map_err(wrong)?, kind.get("apiVersion").str().map_err(wrong)?);
    let log = entry.get("logID").str().map_err(wrong)?;
    let (index, time) =
        (entry.get("logIndex").number().map_err(wrong)?, entry.get("integratedTime").number().map_err(wrong)?);
    let verification = entry.get("verification");
    let promise = verification.get("signedEntryTimestamp").str().map_err(wrong)?.to_owned();
    let proof = verification.get("inclusionProof");
    let mut hashes = Vec::new();
    for hash in proof.get("hashes").list(64).map_err(wrong)? {
        hashes.push(STANDARD.encode(unhex(hash.str().map_err(wrong)?)?));
    }
    let bundled = json!({
        "logIndex": index.to_string(),
        "logId": {"keyId": STANDARD.encode(unhex(log)?)},
        "kindVersion": {"kind": kind, "version": version},
        "integratedTime": time.to_string(),
        "inclusionPromise": {"signedEntryTimestamp": promise},
        "inclusionProof": {
            "logIndex": proof.get("logIndex").number().map_err(wrong)?.to_string(),
            "rootHash": STANDARD.encode(unhex(proof.get("rootHash").str().map_err(wrong)?)?),
            "treeSize": proof.get("treeSize").number().map_err(wrong)?.to_string(),
            "hashes": hashes,
            "checkpoint": {"envelope": proof.get("checkpoint").str().map_err(wrong)?},
        },
        "canonicalizedBody": body_text,
    });
    let annotated = json!({
        "SignedEntryTimestamp": promise,
        "Payload": {"body": body_text, "integratedTime": time, "logIndex": index, "logID": log},
    });
    Ok(Entry { bundled, annotated: Some(annotated), promise: Some(promise), index })
}

/// A `TransparencyLogEntry` in ProtoJSON, kept as it came (rekor-tiles `CLIENTS.md`).
pub(super) fn v2_answer(answer: &[u8]) -> Result<Entry, VerifyError> {
    let bundled = read(answer)?;
    let index = At::root(&bundled).get("logIndex").number().map_err(wrong)?;
    Ok(Entry { bundled, annotated: None, promise: None, index })
}

fn unhex(text: &str) -> Result<Vec<u8>, VerifyError> {
    let bad = || wrong("a hash that is no hexadecimal".to_owned());
    if !text.len().is_multiple_of(2) || text.len() > 256 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            u8::from_str_radix(pair, 16).map_err(|_| bad())
        })
        .collect()
}
