//! What a signature says of itself: whose it is and what it is about. Good for showing, never for deciding, and shown as such.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use signet_trust::{Certificate, Evidence, Statement};

use crate::verify::discover::Shape;
use crate::verify::judge::SIGNED;

/// What is claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// What it is, for people.
    pub(crate) what: String,
    /// The type of a statement.
    pub(crate) predicate_type: Option<String>,
    /// The names in the certificate.
    pub(crate) names: Vec<String>,
    /// Who vouched for them.
    pub(crate) issuer: Option<String>,
    /// The hint at a key, where there is no certificate.
    pub(crate) key_hint: Option<String>,
}

impl Claims {
    /// In one line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.what.clone();
        match (&self.names.first(), &self.issuer) {
            (Some(name), Some(issuer)) => line += &format!(", says it is by {name}, vouched for by {issuer}"),
            (Some(name), None) => line += &format!(", says it is by {name}"),
            (None, _) => match self.key_hint.as_deref().filter(|hint| !hint.is_empty()) {
                Some(hint) => line += &format!(", made by a key (hint: {hint})"),
                None => line += ", made by a key",
            },
        }
        line
    }
}

/// Reads the claims of a layer. What cannot be read is said so.
pub(crate) fn claims(shape: Shape, bytes: &[u8], annotations: &BTreeMap<String, String>) -> Claims {
    match shape {
        Shape::Bundle => of_bundle(bytes),
        Shape::Payload | Shape::Envelope => {
            let certificate = annotations.get("dev.sigstore.cosign/certificate").and_then(|pem| der_of(pem));
            let evidence = match shape {
                Shape::Payload => Evidence::simple_signing(bytes, annotations),
                _ => Evidence::attestation(bytes, annotations),
            };
            with_certificate(kind(&evidence.ok()), certificate.as_deref())
        }
        Shape::Notation => Claims { what: "Notation signature".to_owned(), ..Claims::default() },
        Shape::Unknown => Claims { what: "something unknown".to_owned(), ..Claims::default() },
    }
}

fn of_bundle(bytes: &[u8]) -> Claims {
    let Ok(bundle) = serde_json::from_slice::<Value>(bytes) else {
        return Claims { what: "a bundle that is no JSON".to_owned(), ..Claims::default() };
    };
    let material = bundle.get("verificationMaterial").cloned().unwrap_or(Value::Null);
    let raw = material
        .pointer("/certificate/rawBytes")
        .or_else(|| material.pointer("/x509CertificateChain/certificates/0/rawBytes"));
    let certificate = raw.and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
    let hint = material.pointer("/publicKey/hint").and_then(Value::as_str).map(str::to_owned);
    let evidence = Evidence::bundle(bytes).ok();
    let readable = evidence.is_some();
    let mut claims = with_certificate(kind(&evidence), certificate.as_deref());
    if !readable {
        claims.what = "a bundle that cannot be understood".to_owned();
    }
    Claims { key_hint: hint, ..claims }
}

fn kind(evidence: &Option<Evidence>) -> Claims {
    let Some(evidence) = evidence else {
        return Claims { what: "a signature that cannot be understood".to_owned(), ..Claims::default() };
    };
    let Some(envelope) = evidence.unverified_envelope() else {
        return Claims { what: "signature".to_owned(), ..Claims::default() };
    };
    match Statement::of(envelope) {
        Ok(statement) if statement.predicate_type() == SIGNED => {
            Claims { what: "signature".to_owned(), predicate_type: Some(SIGNED.to_owned()), ..Claims::default() }
        }
        Ok(statement) => Claims {
            what: format!("attestation of type {}", statement.predicate_type()),
            predicate_type: Some(statement.predicate_type().to_owned()),
            ..Claims::default()
        },
        Err(_) => {
            Claims { what: "an attestation whose statement cannot be understood".to_owned(), ..Claims::default() }
        }
    }
}

fn with_certificate(claims: Claims, der: Option<&[u8]>) -> Claims {
    let Some(certificate) = der.and_then(|der| Certificate::from_der(der).ok()) else { return claims };
    Claims {
        names: certificate.names().iter().map(|name| name.value().to_owned()).collect(),
        issuer: certificate.claims().issuer.clone(),
        ..claims
    }
}

/// The first certificate of a PEM text.
fn der_of(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let text: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300), text in ".{0,80}") {
            let annotations = BTreeMap::from([("dev.sigstore.cosign/certificate".to_owned(), text)]);
            for shape in [Shape::Bundle, Shape::Payload, Shape::Envelope, Shape::Notation, Shape::Unknown] {
                let _ = claims(shape, &bytes, &annotations).line();
            }
        }
    }

    #[test]
    fn a_certificate_is_found_in_its_text() {
        assert_eq!(der_of("x\n-----BEGIN CERTIFICATE-----\nAQ\nI=\n-----END CERTIFICATE-----\n"), Some(vec![1, 2]));
        assert_eq!(der_of("-----BEGIN CERTIFICATE-----"), None);
    }
}
