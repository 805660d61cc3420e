//! The one place where a log entry is tied to a signature: same content, same signature byte for byte, same key or certificate. Every layout passes here.
//!
//! An entry that is in the log proves nothing about *this* signature before that (CVE-2022-23649, CVE-2022-36056, CVE-2026-22703).

use signet_model::{Algorithm as Hash, Digest};

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::dsse::Envelope;
use crate::evidence::LogEntry;
use crate::json::{self, At};
use crate::key::PublicKey;
use crate::pem;

/// What the entry must be about.
pub(crate) struct Bound<'a> {
    /// The digest of what the signature covers, by an algorithm.
    pub(crate) digest: &'a dyn Fn(Hash) -> Option<Digest>,
    pub(crate) signature: &'a [u8],
    /// The certificate that the evidence brings, or else the key that verified the signature.
    pub(crate) signer: Signer<'a>,
    pub(crate) envelope: Option<&'a Envelope>,
    /// The envelope as it was submitted, where the layout keeps it.
    pub(crate) envelope_text: Option<&'a [u8]>,
}

pub(crate) enum Signer<'a> {
    Certificate(&'a Certificate),
    Key(&'a PublicKey),
}

fn malformed(found: String) -> VerifyError {
    VerifyError::form("the body of a log entry", found)
}

fn mismatch(expected: &str, found: &str) -> VerifyError {
    VerifyError::new(Check::Binding, expected, found)
}

/// Establishes that the entry is about this content, signature and signer (rekor-v2-spec 6.1.4; `rekor: pkg/types`).
pub(crate) fn verify(entry: &LogEntry, bound: &Bound<'_>) -> Result<(), VerifyError> {
    let value = json::parse(&entry.body).map_err(malformed)?;
    let body = At::root(&value);
    let (kind, version) =
        (body.get("kind").str().map_err(malformed)?, body.get("apiVersion").str().map_err(malformed)?);
    if kind != entry.kind || version != entry.version {
        return Err(mismatch(&format!("a body of {} {}", entry.kind, entry.version), &format!("{kind} {version}")));
    }
    let spec = body.get("spec");
    match (kind, version) {
        ("hashedrekord" | "rekord", "0.0.1") => {
            // A DSSE envelope is logged as such by v1 logs, and its digest there would be of something else.
            if bound.envelope.is_some() {
                return Err(mismatch("an entry for a DSSE envelope", kind));
            }
            hash(&spec.get("data").get("hash"), bound.digest, "the entry's digest is of this content")?;
            let signature = spec.get("signature");
            same(&signature.get("content").bytes().map_err(malformed)?, bound)?;
            signer_in_pem(&signature.get("publicKey").get("content"), bound)
        }
        ("hashedrekord", "0.0.2") => {
            let spec = spec.get("hashedRekordV002");
            let algorithm = match spec.get("data").get("algorithm").str().map_err(malformed)? {
                "SHA2_256" => Hash::Sha256,
                "SHA2_384" => Hash::Sha384,
                "SHA2_512" => Hash::Sha512,
                other => return Err(malformed(format!("the hash algorithm `{other}`"))),
            };
            let found = spec.get("data").get("digest").bytes().map_err(malformed)?;
            let expected = (bound.digest)(algorithm).ok_or_else(|| needs(algorithm))?;
            if found != expected.as_bytes() {
                return Err(mismatch(&format!("the digest {expected}"), &crate::log::hex(&found)));
            }
            let signature = spec.get("signature");
            same(&signature.get("content").bytes().map_err(malformed)?, bound)?;
            let verifier = signature.get("verifier");
            let (certificate, key) = (verifier.get("x509Certificate"), verifier.get("publicKey"));
            match (certificate.is_present(), key.is_present()) {
                (true, false) => signer(&certificate.get("rawBytes").bytes().map_err(malformed)?, true, bound),
                (false, true) => signer(&key.get("rawBytes").bytes().map_err(malformed)?, false, bound),
                _ => Err(malformed("not exactly one of certificate and key".to_owned())),
            }
        }
        ("dsse", "0.0.1") => {
            let envelope =
                bound.envelope.ok_or_else(|| mismatch("an entry for a blob", "an entry for a DSSE envelope"))?;
            payload(&spec.get("payloadHash"), envelope)?;
            if let Some(text) = bound.envelope_text {
                hash(
                    &spec.get("envelopeHash"),
                    &|algorithm| Some(Digest::of(algorithm, text)),
                    "the entry's envelope is this one",
                )?;
            }
            let signatures = spec.get("signatures").list(16).map_err(malformed)?;
            let [one] = signatures.as_slice() else {
                return Err(mismatch("an entry with exactly one signature", &format!("{}", signatures.len())));
            };
            same(&one.get("signature").bytes().map_err(malformed)?, bound)?;
            signer_in_pem(&one.get("verifier"), bound)
        }
        ("intoto", "0.0.2") => {
            let envelope =
                bound.envelope.ok_or_else(|| mismatch("an entry for a blob", "an entry for a DSSE envelope"))?;
            let content = spec.get("content");
            payload(&content.get("payloadHash"), envelope)?;
            let logged = content.get("envelope");
            let payload_type = logged.get("payloadType").str().map_err(malformed)?;
            if payload_type != envelope.payload_type() {
                return Err(mismatch(&format!("the payload type `{}`", envelope.payload_type()), payload_type));
            }
            let signatures = logged.get("signatures").list(16).map_err(malformed)?;
            let [one] = signatures.as_slice() else {
                return Err(mismatch("an entry with exactly one signature", &format!("{}", signatures.len())));
            };
            // This kind holds the signature in base64 twice.
            let inner = one.get("sig").bytes().map_err(malformed)?;
            let inner =
                String::from_utf8(inner).map_err(|_| malformed("a signature that is not base64 twice".to_owned()))?;
            same(&json::base64(&inner).map_err(malformed)?, bound)?;
            signer_in_pem(&one.get("publicKey"), bound)
        }
        ("intoto", "0.0.1") => {
            // The entry holds the hash of the whole submitted envelope, signatures included, so only a layout that keeps that text can be tied to it.
            let text =
                bound.envelope_text.ok_or_else(|| mismatch("an entry that names the signature", "intoto 0.0.1"))?;
            hash(
                &spec.get("content").get("hash"),
                &|algorithm| Some(Digest::of(algorithm, text)),
                "the entry's envelope is this one",
            )?;
            signer_in_pem(&spec.get("publicKey"), bound)
        }
        _ => Err(malformed(format!("the kind {kind} {version}"))),
    }
}

fn needs(algorithm: Hash) -> VerifyError {
    mismatch(
        &format!("the artifact itself or its {} digest, to compare with the log entry", algorithm.name()),
        "a digest by another algorithm",
    )
}

/// `{algorithm, value}` with a value in hexadecimal.
fn hash(at: &At<'_>, digest: &dyn Fn(Hash) -> Option<Digest>, what: &str) -> Result<(), VerifyError> {
    let algorithm = match at.get("algorithm").str().map_err(malformed)? {
        "sha256" => Hash::Sha256,
        "sha384" => Hash::Sha384,
        "sha512" => Hash::Sha512,
        other => return Err(malformed(format!("the hash algorithm `{other}`"))),
    };
    let found = at.get("value").str().map_err(malformed)?;
    let expected = digest(algorithm).ok_or_else(|| needs(algorithm))?;
    if found.to_ascii_lowercase() == expected.hex() {
        Ok(())
    } else {
        Err(mismatch(&format!("that {what}: {expected}"), &format!("{}:{found}", algorithm.name())))
    }
}

fn payload(at: &At<'_>, envelope: &Envelope) -> Result<(), VerifyError> {
    hash(at, &|algorithm| Some(Digest::of(algorithm, envelope.payload())), "the entry's payload is this one")
}

fn same(found: &[u8], bound: &Bound<'_>) -> Result<(), VerifyError> {
    if found == bound.signature {
        Ok(())
    } else {
        Err(mismatch("an entry for this signature", "an entry for another signature"))
    }
}

/// Base64 of PEM: a certificate or a key.
fn signer_in_pem(at: &At<'_>, bound: &Bound<'_>) -> Result<(), VerifyError> {
    let text = at.bytes().map_err(malformed)?;
    let text = std::str::from_utf8(&text).map_err(|error| malformed(error.to_string()))?;
    let blocks = pem::decode(text, crate::certificate::LONGEST).map_err(|error| malformed(error.to_string()))?;
    match blocks.first() {
        // Some clients logged the whole chain; its first certificate is the signer's.
        Some(block) if block.label == "CERTIFICATE" => signer(&block.der, true, bound),
        Some(block) if block.label == "PUBLIC KEY" && blocks.len() == 1 => signer(&block.der, false, bound),
        _ => Err(malformed("a signer that is neither certificate nor key".to_owned())),
    }
}

fn signer(der: &[u8], is_certificate: bool, bound: &Bound<'_>) -> Result<(), VerifyError> {
    let fits = match (&bound.signer, is_certificate) {
        (Signer::Certificate(certificate), true) => certificate.der() == der,
        // A log entry with the bare key says nothing about the certificate.
        (Signer::Certificate(_), false) => false,
        (Signer::Key(key), false) => key.der() == der,
        (Signer::Key(key), true) => Certificate::from_der(der)?.key().der() == key.der(),
    };
    if fits { Ok(()) } else { Err(mismatch("an entry by this certificate or key", "an entry by another one")) }
}
