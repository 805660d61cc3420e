//! What a certificate authority is sent and answers (Fulcio, `fulcio.proto` v2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Author;
use crate::check::{Check, VerifyError};
use crate::json::{self, At};
use crate::key::{Algorithm, PublicKey};
use crate::pem;

/// No answer of an authority is longer.
const LONGEST: usize = 1 << 20;

impl Author {
    /// The request for a certificate (`POST /api/v2/signingCert`): the key, and the proof that we hold it, which is a signature over the identity in the token.
    /// The token itself goes along; the body is as secret as the token.
    #[must_use]
    pub fn certificate_request(token: &str, key: &PublicKey, proof: &[u8]) -> Vec<u8> {
        let algorithm = match key.algorithm() {
            Algorithm::Ed25519 => "ED25519",
            Algorithm::RsaPkcs1Sha256
            | Algorithm::RsaPkcs1Sha384
            | Algorithm::RsaPkcs1Sha512
            | Algorithm::RsaPssSha256
            | Algorithm::RsaPssSha384
            | Algorithm::RsaPssSha512 => "RSA_PSS",
            _ => "ECDSA",
        };
        json!({
            "credentials": {"oidcIdentityToken": token},
            "publicKeyRequest": {
                "publicKey": {"algorithm": algorithm, "content": key.to_pem()},
                "proofOfPossession": STANDARD.encode(proof),
            },
        })
        .to_string()
        .into_bytes()
    }

    /// Reads an authority's answer: `signedCertificateEmbeddedSct.chain.certificates` in PEM, leaf first.
    ///
    /// # Errors
    /// When it is no such answer, or a certificate for another key; and for detached SCTs, for which no layout has room.
    pub fn from_certificate_answer(key: PublicKey, answer: &[u8]) -> Result<Self, VerifyError> {
        let wrong = |found: String| VerifyError::form("an answer of a certificate authority", found);
        if answer.len() > LONGEST {
            return Err(wrong(format!("{} bytes", answer.len())));
        }
        let value = json::parse(answer).map_err(wrong)?;
        let root = At::root(&value);
        if root.get("signedCertificateDetachedSct").is_present() {
            return Err(VerifyError::new(
                Check::Sct,
                "a certificate with its timestamps embedded",
                "one with a detached timestamp, which no layout can hold",
            ));
        }
        let chain = root.get("signedCertificateEmbeddedSct").get("chain").get("certificates");
        let mut ders = Vec::new();
        for item in chain.list(crate::evidence::CHAIN).map_err(wrong)? {
            let blocks = pem::decode(item.str().map_err(wrong)?, crate::certificate::LONGEST)
                .map_err(|error| wrong(error.to_string()))?;
            for block in blocks {
                if block.label != "CERTIFICATE" {
                    return Err(wrong(format!("a `{}`", block.label)));
                }
                ders.push(block.der);
            }
        }
        if ders.is_empty() {
            return Err(wrong("no certificate".to_owned()));
        }
        let leaf = ders.remove(0);
        Self::certified(key, &leaf, ders)
    }
}
