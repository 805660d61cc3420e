//! X.509 certificates as the Notary Project uses them.

use signet_model::Timestamp;
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::NotationError;
use crate::key::{Algorithm, PublicKey};
use crate::pem;

/// No certificate that is read is longer.
pub(super) const LONGEST: usize = 64 << 10;

/// A certificate with what is asked of it again and again.
#[derive(Clone, Debug)]
pub(super) struct Cert {
    pub(super) der: Vec<u8>,
    pub(super) parsed: X509,
    pub(super) key: PublicKey,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl PartialEq for Cert {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Cert {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, NotationError> {
        let wrong = |found: String| NotationError::new("an X.509 certificate", found);
        if der.len() > LONGEST {
            return Err(wrong(format!("{} bytes", der.len())));
        }
        let parsed = X509::from_der(der).map_err(|error| wrong(error.to_string()))?;
        let tbs = &parsed.tbs_certificate;
        let spki = tbs.subject_public_key_info.to_der().map_err(|error| wrong(error.to_string()))?;
        let key = PublicKey::from_der(&spki).map_err(|error| wrong(error.to_string()))?;
        let time = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs())
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
        };
        let (not_before, not_after) = time(tbs.validity.not_before)
            .zip(time(tbs.validity.not_after))
            .ok_or_else(|| wrong("a time out of range".to_owned()))?;
        let extensions = tbs.extensions.as_deref().unwrap_or_default();
        let twice = extensions
            .iter()
            .enumerate()
            .any(|(place, extension)| extensions.iter().take(place).any(|other| other.extn_id == extension.extn_id));
        if twice {
            return Err(wrong("an extension twice (RFC 5280, 4.2)".to_owned()));
        }
        Ok(Self { der: der.to_vec(), key, not_before, not_after, parsed })
    }

    /// All certificates of a file: PEM blocks, or DER one after the other.
    pub(super) fn many(bytes: &[u8]) -> Result<Vec<Self>, NotationError> {
        if let Ok(text) = std::str::from_utf8(bytes)
            && text.contains("-----BEGIN")
        {
            let blocks = pem::decode(text, LONGEST)
                .map_err(|error| NotationError::new("certificates in PEM", error.to_string()))?;
            return blocks
                .iter()
                .map(|block| match block.label.as_str() {
                    "CERTIFICATE" => Self::from_der(&block.der),
                    other => Err(NotationError::new("a block `CERTIFICATE`", format!("`{other}`"))),
                })
                .collect();
        }
        let mut rest = bytes;
        let mut found = Vec::new();
        while !rest.is_empty() {
            let wrong =
                |error: x509_cert::der::Error| NotationError::new("certificates in PEM or DER", error.to_string());
            let mut reader = x509_cert::der::SliceReader::new(rest).map_err(wrong)?;
            let header = x509_cert::der::Header::decode(&mut reader).map_err(wrong)?;
            let total = (header.encoded_len() + header.length).and_then(usize::try_from).map_err(wrong)?;
            let (first, tail) =
                rest.split_at_checked(total).ok_or_else(|| NotationError::new("whole certificates", "a cut one"))?;
            found.push(Self::from_der(first)?);
            if found.len() > 32 {
                return Err(NotationError::new("at most 32 certificates in a file", "more"));
            }
            rest = tail;
        }
        if found.is_empty() {
            Err(NotationError::new("certificates in PEM or DER", "an empty file"))
        } else {
            Ok(found)
        }
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.parsed.tbs_certificate.issuer == self.parsed.tbs_certificate.subject
    }

    /// Whether it names itself as its issuer and its own key signed it.
    pub(super) fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.is_signed_by(self).is_ok()
    }

    /// The issuer named is `issuer`'s subject, and its key signed (RFC 5280, 6.1.3 a).
    pub(super) fn is_signed_by(&self, issuer: &Self) -> Result<(), NotationError> {
        if self.parsed.tbs_certificate.issuer != issuer.parsed.tbs_certificate.subject {
            return Err(NotationError::new(
                format!("a certificate issued by `{}`", issuer.parsed.tbs_certificate.subject),
                format!("one issued by `{}`", self.parsed.tbs_certificate.issuer),
            ));
        }
        if self.parsed.signature_algorithm != self.parsed.tbs_certificate.signature {
            return Err(NotationError::new("one signature algorithm in the certificate", "two"));
        }
        let message = self
            .parsed
            .tbs_certificate
            .to_der()
            .map_err(|error| NotationError::new("a certificate", error.to_string()))?;
        let signature =
            self.parsed.signature.as_bytes().ok_or_else(|| NotationError::new("a signature in whole bytes", "bits"))?;
        check_signature(&issuer.key, &self.parsed.signature_algorithm, &message, signature)
    }

    pub(super) fn is_valid_at(&self, time: Timestamp) -> bool {
        self.not_before <= time && time <= self.not_after
    }

    /// An extension, and whether it is critical.
    pub(super) fn extension<T: for<'a> Decode<'a> + AssociatedOid>(&self) -> Result<Option<(bool, T)>, NotationError> {
        let extensions = self.parsed.tbs_certificate.extensions.as_deref().unwrap_or_default();
        let Some(extension) = extensions.iter().find(|extension| extension.extn_id == T::OID) else { return Ok(None) };
        let value = T::from_der(extension.extn_value.as_bytes())
            .map_err(|error| NotationError::new(format!("the extension {}", T::OID), error.to_string()))?;
        Ok(Some((extension.critical, value)))
    }

    pub(super) fn key_usage(&self) -> Result<Option<(bool, KeyUsage)>, NotationError> {
        self.extension::<KeyUsage>()
    }

    pub(super) fn extended_key_usage(&self) -> Result<Option<(bool, Vec<ObjectIdentifier>)>, NotationError> {
        Ok(self.extension::<ExtendedKeyUsage>()?.map(|(critical, usage)| (critical, usage.0)))
    }

    pub(super) fn basic_constraints(&self) -> Result<Option<(bool, BasicConstraints)>, NotationError> {
        self.extension::<BasicConstraints>()
    }

    /// Whether it may issue others.
    pub(super) fn is_authority(&self) -> bool {
        self.basic_constraints().is_ok_and(|constraints| constraints.is_some_and(|(_, constraints)| constraints.ca))
    }

    /// The subject, for messages.
    pub(super) fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }
}

const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
pub(super) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub(super) const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// Checks a signature by the algorithm that a certificate, a list or a token names. SHA-1 and shorter are refused.
pub(super) fn check_signature(
    key: &PublicKey,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), NotationError> {
    check_signature_with(key, algorithm, None, message, signature)
}

/// As [`check_signature`]; `digest` is the hash that a CMS signer names beside a bare `rsaEncryption` or a key algorithm (RFC 5652, 5.3).
pub(super) fn check_signature_with(
    key: &PublicKey,
    algorithm: &AlgorithmIdentifierOwned,
    digest: Option<ObjectIdentifier>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), NotationError> {
    let unsupported =
        || NotationError::new("a signature algorithm with SHA-256, SHA-384 or SHA-512", format!("{}", algorithm.oid));
    let curve = key.algorithm();
    let ecdsa = |hash: ObjectIdentifier| match (curve, hash) {
        (Algorithm::EcdsaP256Sha256, SHA256) => Some(Algorithm::EcdsaP256Sha256),
        (Algorithm::EcdsaP256Sha256, SHA384) => Some(Algorithm::EcdsaP256Sha384),
        (Algorithm::EcdsaP384Sha384, SHA384) => Some(Algorithm::EcdsaP384Sha384),
        (Algorithm::EcdsaP384Sha384, SHA256) => Some(Algorithm::EcdsaP384Sha256),
        (Algorithm::EcdsaP521Sha512, SHA512) => Some(Algorithm::EcdsaP521Sha512),
        (Algorithm::EcdsaP521Sha512, SHA256) => Some(Algorithm::EcdsaP521Sha256),
        _ => None,
    };
    let rsa = |hash: ObjectIdentifier| match hash {
        SHA256 => Some(Algorithm::RsaPkcs1Sha256),
        SHA384 => Some(Algorithm::RsaPkcs1Sha384),
        SHA512 => Some(Algorithm::RsaPkcs1Sha512),
        _ => None,
    };
    let wanted = match algorithm.oid {
        SHA256_RSA => Some(Algorithm::RsaPkcs1Sha256),
        SHA384_RSA => Some(Algorithm::RsaPkcs1Sha384),
        SHA512_RSA => Some(Algorithm::RsaPkcs1Sha512),
        RSA => digest.and_then(rsa),
        PSS => pss(algorithm),
        ECDSA_SHA256 => ecdsa(SHA256),
        ECDSA_SHA384 => ecdsa(SHA384),
        ECDSA_SHA512 => ecdsa(SHA512),
        _ => None,
    }
    .ok_or_else(unsupported)?;
    let key = key
        .clone()
        .with_algorithm(wanted)
        .map_err(|error| NotationError::new("a key for the signature's algorithm", error.to_string()))?;
    key.verify(message, signature)
        .map_err(|error| NotationError::new("a signature by the issuer's key", error.to_string()))
}

/// RSASSA-PSS (RFC 8017, A.2.3): the hash that its parameters name. One hash for message and mask, as every certificate in use has.
fn pss(algorithm: &AlgorithmIdentifierOwned) -> Option<Algorithm> {
    let parameters = algorithm.parameters.as_ref()?.to_der().ok()?;
    let names = |oid: ObjectIdentifier| {
        let bytes = oid.as_bytes();
        parameters.windows(bytes.len()).filter(|window| *window == bytes).count()
    };
    match (names(SHA256), names(SHA384), names(SHA512)) {
        (2, 0, 0) => Some(Algorithm::RsaPssSha256),
        (0, 2, 0) => Some(Algorithm::RsaPssSha384),
        (0, 0, 2) => Some(Algorithm::RsaPssSha512),
        _ => None,
    }
}
