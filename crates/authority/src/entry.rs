//! Requests to Rekor v2, and the entries that they become.
//!
//! Sources: sigstore/rekor-tiles `api/proto/rekor/v2`, `CLIENTS.md`; sigstore/architecture-docs `rekor-v2-spec`, 6.1.4, and `algorithm-registry.md`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, Refusal};
use crate::public::{Hash, PublicKey, Scheme, Type};
use crate::text::{b64, unb64};
use crate::x509::Parts;

/// Bytes of a signature: RSA of 4096 bits makes 512.
const LONGEST_SIGNATURE: usize = 1024;
/// Bytes of a certificate.
const LONGEST_CERTIFICATE: usize = 16 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    #[serde(rename = "hashedRekordRequestV002")]
    record: Option<Record>,
    #[serde(rename = "dsseRequestV002")]
    envelope: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    digest: String,
    signature: SignatureRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignatureRequest {
    content: String,
    verifier: Verifier,
}

/// In the order of RFC 8785: this is what is logged.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Verifier {
    key_details: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_certificate: Option<Raw>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    raw_bytes: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec,
}

#[derive(Serialize)]
struct Spec {
    #[serde(rename = "hashedRekordV002")]
    record: Logged,
}

#[derive(Serialize)]
struct Logged {
    data: Data,
    signature: LoggedSignature,
}

#[derive(Serialize)]
struct Data {
    algorithm: &'static str,
    digest: String,
}

#[derive(Serialize)]
struct LoggedSignature {
    content: String,
    verifier: Verifier,
}

/// How the log knows a name of `PublicKeyDetails`: the key that it is for, and its signatures.
fn scheme(details: &str) -> Result<(Option<Type>, Scheme, Hash), Refusal> {
    let rsa = |bits| Some(Type::Rsa(bits));
    let ecdsa = |kind, hash| Ok((Some(kind), Scheme::Ecdsa(hash), hash));
    let pkcs1 = |bits| Ok((rsa(bits), Scheme::RsaPkcs1(Hash::Sha256), Hash::Sha256));
    let pss = |bits| Ok((rsa(bits), Scheme::RsaPss(Hash::Sha256), Hash::Sha256));
    match details {
        "PKIX_ECDSA_P256_SHA_256" => ecdsa(Type::P256, Hash::Sha256),
        "PKIX_ECDSA_P384_SHA_384" => ecdsa(Type::P384, Hash::Sha384),
        "PKIX_ECDSA_P521_SHA_512" => ecdsa(Type::P521, Hash::Sha512),
        "PKIX_RSA_PKCS1V15_2048_SHA256" => pkcs1(2048),
        "PKIX_RSA_PKCS1V15_3072_SHA256" => pkcs1(3072),
        "PKIX_RSA_PKCS1V15_4096_SHA256" => pkcs1(4096),
        "PKIX_RSA_PSS_2048_SHA256" => pss(2048),
        "PKIX_RSA_PSS_3072_SHA256" => pss(3072),
        "PKIX_RSA_PSS_4096_SHA256" => pss(4096),
        // rekor-tiles #872: such a signature covers the artifact, which the log does not see.
        "PKIX_ED25519" => Err(Refusal::invalid(
            "a `hashedrekord` cannot be signed with pure Ed25519, whose signatures do not cover a digest: use ECDSA",
        )),
        "PKIX_ED25519_PH" => Err(Refusal::new(
            Code::Unimplemented,
            "Ed25519ph is not offered by this log's provider of cryptography: use ECDSA",
        )),
        _ => Err(Refusal::invalid(
            "`verifier.keyDetails` is none that this log knows, such as `PKIX_ECDSA_P256_SHA_256`",
        )),
    }
}

/// The canonical body of the entry that a request asks for, its signature verified.
///
/// # Errors
/// A refusal when the body is malformed or its signature does not verify: the log vouches for nothing, but holds no noise either.
pub(crate) fn canonical(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let wanted: Wanted = serde_json::from_slice(body).map_err(|err| {
        Refusal::invalid(format!("the body is no request for an entry: line {}, column {}", err.line(), err.column()))
    })?;
    let record = match (wanted.record, wanted.envelope) {
        (Some(record), None) => record,
        (None, Some(_)) => {
            return Err(Refusal::invalid(
                "entries of envelopes are not taken: log an attestation as `hashedRekordRequestV002` over the digest of its PAE",
            ));
        }
        _ => return Err(Refusal::invalid("exactly `hashedRekordRequestV002` must be given")),
    };
    let bytes = |name: &str, text: &str, most: usize| {
        unb64(text)
            .filter(|bytes| !bytes.is_empty() && bytes.len() <= most)
            .ok_or_else(|| Refusal::invalid(format!("`{name}` is no base64 of 1 to {most} bytes")))
    };
    let verifier = record.signature.verifier;
    let (kind, scheme, hash) = scheme(&verifier.key_details)?;
    let digest = bytes("digest", &record.digest, 64)?;
    if digest.len() != hash.length() {
        return Err(Refusal::invalid(format!(
            "`digest` has {} bytes, and `{}` signs {} of them",
            digest.len(),
            verifier.key_details,
            hash.length()
        )));
    }
    let signature = bytes("signature.content", &record.signature.content, LONGEST_SIGNATURE)?;
    let key = match (&verifier.public_key, &verifier.x509_certificate) {
        (Some(raw), None) => PublicKey::from_spki(&bytes("publicKey.rawBytes", &raw.raw_bytes, 1024)?)?,
        (None, Some(raw)) => {
            let der = bytes("x509Certificate.rawBytes", &raw.raw_bytes, LONGEST_CERTIFICATE)?;
            let parts = Parts::of(&der).ok_or_else(|| {
                Refusal::invalid("`x509Certificate.rawBytes` is no X.509 certificate of version 3 in DER")
            })?;
            PublicKey::from_spki(parts.spki)?
        }
        _ => return Err(Refusal::invalid("exactly one of `publicKey` and `x509Certificate` must be given")),
    };
    if kind != Some(key.kind) {
        return Err(Refusal::invalid(format!("the key is not one for `{}`", verifier.key_details)));
    }
    if !key.verifies_digest(scheme, &digest, &signature) {
        return Err(Refusal::invalid("the signature does not verify over the digest with the given key"));
    }
    let body = Body {
        api_version: "0.0.2",
        kind: "hashedrekord",
        spec: Spec {
            record: Logged {
                data: Data { algorithm: hash.sigstore(), digest: b64(digest) },
                signature: LoggedSignature { content: b64(signature), verifier },
            },
        },
    };
    serde_json::to_vec(&body).map_err(|_| Refusal::new(Code::Internal, "the entry could not be written"))
}
