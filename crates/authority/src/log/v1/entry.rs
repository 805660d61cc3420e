//! Requests to Rekor v1, and the entries that they become: `hashedrekord` 0.0.1 and `dsse` 0.0.1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, Refusal};
use crate::key::sha256;
use crate::public::{Hash, PublicKey, Scheme, Type};
use crate::text::{b64, hex, pem, unb64, unhex, unpem};
use crate::x509::Parts;

/// Bytes of a signature: RSA of 4096 bits makes 512.
const LONGEST_SIGNATURE: usize = 1024;
/// Bytes of a certificate or key in PEM.
const LONGEST_VERIFIER: usize = 24 << 10;
/// Signatures of an envelope, and verifiers.
const MOST: usize = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proposed {
    kind: String,
    api_version: String,
    spec: Value,
}

#[derive(Deserialize)]
struct RecordSpec {
    data: Data,
    signature: RecordSignature,
}

#[derive(Deserialize, Serialize)]
struct Data {
    hash: Digest,
}

#[derive(Deserialize, Serialize)]
struct Digest {
    algorithm: String,
    value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordSignature {
    content: String,
    public_key: Content,
}

#[derive(Deserialize, Serialize)]
struct Content {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeSpec {
    proposed_content: ProposedEnvelope,
}

#[derive(Deserialize)]
struct ProposedEnvelope {
    envelope: String,
    verifiers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

/// What is logged, its members in the order of RFC 8785.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, T> {
    api_version: &'a str,
    kind: &'a str,
    spec: T,
}

#[derive(Serialize)]
struct LoggedRecord {
    data: Data,
    signature: RecordSignature,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct LoggedEnvelope {
    envelope_hash: Digest,
    payload_hash: Digest,
    signatures: Vec<LoggedSignature>,
}

#[derive(Deserialize, Serialize)]
struct LoggedSignature {
    signature: String,
    verifier: String,
}

/// Somebody who signs, and the one form in which the log writes them.
struct Verifier {
    key: PublicKey,
    canonical: String,
}

/// The canonical body of the entry that a request asks for, all its signatures verified.
///
/// # Errors
/// A refusal when the request is malformed, of a kind that is not taken, or a signature does not verify.
pub(super) fn canonical(request: &[u8]) -> Result<Vec<u8>, Refusal> {
    let proposed: Proposed = serde_json::from_slice(request).map_err(|err| {
        Refusal::invalid(format!("the body is no proposed entry: line {}, column {}", err.line(), err.column()))
    })?;
    let body = match (proposed.kind.as_str(), proposed.api_version.as_str()) {
        ("hashedrekord", "0.0.1") => record(spec(proposed.spec)?)?,
        ("dsse", "0.0.1") => envelope(spec(proposed.spec)?)?,
        _ => {
            return Err(Refusal::invalid(
                "entries of this kind and version are not taken: log `hashedrekord` 0.0.1 or `dsse` 0.0.1",
            ));
        }
    };
    body.map_err(|_| Refusal::new(Code::Internal, "the entry could not be written"))
}

fn spec<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    // Which member it is, not what it holds.
    serde_json::from_value(value)
        .map_err(|_| Refusal::invalid("`spec` is none of such an entry: a member is missing, or of another type"))
}

/// `hashedrekord`: a digest, and a signature over what has it.
fn record(spec: RecordSpec) -> Result<serde_json::Result<Vec<u8>>, Refusal> {
    let wanted = &spec.data.hash;
    let hash = match wanted.algorithm.as_str() {
        "sha256" => Hash::Sha256,
        "sha384" => Hash::Sha384,
        "sha512" => Hash::Sha512,
        _ => return Err(Refusal::invalid("`data.hash.algorithm` is none of `sha256`, `sha384` and `sha512`")),
    };
    let digest = unhex(&wanted.value)
        .filter(|digest| digest.len() == hash.length())
        .ok_or_else(|| Refusal::invalid("`data.hash.value` is no digest of its algorithm in hexadecimal digits"))?;
    let signature = signature("signature.content", &spec.signature.content)?;
    let verifier = Verifier::read("signature.publicKey.content", &spec.signature.public_key.content)?;
    let scheme = match verifier.key.kind {
        Type::P256 | Type::P384 | Type::P521 => Scheme::Ecdsa(hash),
        Type::Rsa(_) => Scheme::RsaPkcs1(hash),
        // Such a signature covers the artifact, which the log does not see.
        Type::Ed25519 => {
            return Err(Refusal::invalid(
                "a `hashedrekord` cannot be signed with pure Ed25519, whose signatures do not cover a digest: use ECDSA",
            ));
        }
    };
    if !verifier.key.verifies_digest(scheme, &digest, &signature) {
        return Err(Refusal::invalid("verifying signature: it was not made over this digest with this key"));
    }
    let signature = RecordSignature { content: b64(signature), public_key: Content { content: verifier.canonical } };
    let spec = LoggedRecord { data: spec.data, signature };
    Ok(serde_json::to_vec(&Body { api_version: "0.0.1", kind: "hashedrekord", spec }))
}

/// `dsse`: hashes of an envelope and its payload, and who made each of its signatures.
fn envelope(spec: EnvelopeSpec) -> Result<serde_json::Result<Vec<u8>>, Refusal> {
    let ProposedEnvelope { envelope: text, verifiers } = spec.proposed_content;
    let envelope: Envelope = serde_json::from_str(&text).map_err(|err| {
        Refusal::invalid(format!("`envelope` is no DSSE envelope: line {}, column {}", err.line(), err.column()))
    })?;
    let payload = unb64(&envelope.payload).ok_or_else(|| Refusal::invalid("`payload` is no base64"))?;
    if !(1..=MOST).contains(&envelope.signatures.len()) || !(1..=MOST).contains(&verifiers.len()) {
        return Err(Refusal::invalid(format!("an envelope has 1 to {MOST} signatures and as many verifiers")));
    }
    // DSSE 1.0.2, "PAE": lengths in bytes, decimal.
    let kind = &envelope.payload_type;
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(&payload);
    let mut by: BTreeMap<&str, String> = BTreeMap::new();
    for verifier in &verifiers {
        let verifier = Verifier::read("verifiers", verifier)?;
        let mut made = false;
        for one in &envelope.signatures {
            if verifier.made(&message, &signature("sig", &one.sig)?) {
                by.insert(&one.sig, verifier.canonical.clone());
                made = true;
            }
        }
        if !made {
            return Err(Refusal::invalid("could not verify envelope: a verifier made none of its signatures"));
        }
    }
    if envelope.signatures.iter().any(|one| !by.contains_key(one.sig.as_str())) {
        return Err(Refusal::invalid("all signatures must have a key that verifies it"));
    }
    let digest = |bytes: &[u8]| Digest { algorithm: "sha256".to_owned(), value: hex(&sha256(bytes)) };
    let spec = LoggedEnvelope {
        envelope_hash: digest(text.as_bytes()),
        payload_hash: digest(&payload),
        signatures: by
            .into_iter()
            .map(|(signature, verifier)| LoggedSignature { signature: signature.to_owned(), verifier })
            .collect(),
    };
    Ok(serde_json::to_vec(&Body { api_version: "0.0.1", kind: "dsse", spec }))
}

fn signature(name: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    unb64(text)
        .filter(|bytes| (1..=LONGEST_SIGNATURE).contains(&bytes.len()))
        .ok_or_else(|| Refusal::invalid(format!("`{name}` is no base64 of 1 to {LONGEST_SIGNATURE} bytes")))
}

impl Verifier {
    /// Reads base64 of one PEM block: a public key or a certificate.
    fn read(name: &str, text: &str) -> Result<Self, Refusal> {
        let malformed = || Refusal::invalid(format!("`{name}` is no base64 of one public key or certificate in PEM"));
        let text = Some(text)
            .filter(|text| text.len() <= LONGEST_VERIFIER)
            .and_then(unb64)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(malformed)?;
        let (key, label, der) = if let Some(der) = unpem("PUBLIC KEY", &text) {
            (PublicKey::from_spki(&der)?, "PUBLIC KEY", der)
        } else {
            let der = unpem("CERTIFICATE", &text).ok_or_else(malformed)?;
            let parts = Parts::of(&der).ok_or_else(malformed)?;
            (PublicKey::from_spki(parts.spki)?, "CERTIFICATE", der)
        };
        Ok(Self { key, canonical: b64(pem(label, &der)) })
    }

    /// Whether the signature over an envelope is theirs: with the key's natural hash, or SHA-256 as older clients signed.
    fn made(&self, message: &[u8], signature: &[u8]) -> bool {
        let natural = Scheme::natural(&self.key);
        let older = matches!(natural, Scheme::Ecdsa(_)).then_some(Scheme::Ecdsa(Hash::Sha256));
        self.key.verifies(natural, message, signature)
            || older.is_some_and(|scheme| self.key.verifies(scheme, message, signature))
    }
}

/// What an entry is searched for: digests as `sha256:HEX`, and who signed, as the hash of their PEM. None for what is no body of ours.
pub(super) fn names(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Read {
        kind: String,
        spec: Value,
    }
    let signer = |text: &str| unb64(text).map(|bytes| hex(&sha256(&bytes)));
    let digest = |digest: &Digest| format!("{}:{}", digest.algorithm, digest.value).to_ascii_lowercase();
    let Ok(read) = serde_json::from_slice::<Read>(body) else { return Vec::new() };
    match read.kind.as_str() {
        "hashedrekord" => serde_json::from_value::<RecordSpec>(read.spec).map_or_else(
            |_| Vec::new(),
            |spec| signer(&spec.signature.public_key.content).into_iter().chain([digest(&spec.data.hash)]).collect(),
        ),
        "dsse" => serde_json::from_value::<LoggedEnvelope>(read.spec).map_or_else(
            |_| Vec::new(),
            |spec| {
                let signers = spec.signatures.iter().filter_map(|one| signer(&one.verifier));
                signers.chain([digest(&spec.payload_hash), digest(&spec.envelope_hash)]).collect()
            },
        ),
        _ => Vec::new(),
    }
}

/// The name under which the entries of a key or certificate in PEM are found; base64 of it, in one of its forms.
///
/// # Errors
/// When it is no key or certificate.
pub(super) fn signers_name(text: &str) -> Result<String, Refusal> {
    let verifier = Verifier::read("publicKey.content", text)?;
    let canonical = unb64(&verifier.canonical).unwrap_or_default();
    Ok(hex(&sha256(&canonical)))
}
