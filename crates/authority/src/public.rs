//! Public keys that others send: read strictly, and used to check what they signed.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::ObjectIdentifier;

use crate::der::{Reader, tag};
use crate::error::Refusal;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// No key that is accepted is longer (RSA of 4096 bits takes 550 bytes).
const LONGEST: usize = 1024;

/// Types of keys. Source: Fulcio's `certificate-specification.md`, "Issued Certificate".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    P256,
    P384,
    P521,
    Ed25519,
    /// With the bits of its modulus, which are 2048 to 4096.
    Rsa(usize),
}

/// Hashes that are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// As the provider knows it.
    pub(crate) fn provider(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    /// As Sigstore's `HashAlgorithm` names it.
    pub(crate) fn sigstore(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
            Self::Sha512 => "SHA2_512",
        }
    }

    /// Bytes of a digest.
    pub(crate) fn length(self) -> usize {
        self.provider().output_len()
    }
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// ECDSA in ASN.1 DER.
    Ecdsa(Hash),
    /// RSA PKCS#1 v1.5.
    RsaPkcs1(Hash),
    /// RSA PSS.
    RsaPss(Hash),
    /// Ed25519 over the message itself.
    Ed25519,
}

impl Scheme {
    /// What is natural for the key: SHA-256, -384 or -512 for the three curves, PKCS#1 v1.5 with SHA-256 for RSA.
    pub(crate) fn natural(key: &PublicKey) -> Self {
        match key.kind {
            Type::P256 => Self::Ecdsa(Hash::Sha256),
            Type::P384 => Self::Ecdsa(Hash::Sha384),
            Type::P521 => Self::Ecdsa(Hash::Sha512),
            Type::Ed25519 => Self::Ed25519,
            Type::Rsa(_) => Self::RsaPkcs1(Hash::Sha256),
        }
    }

    fn provider(self, kind: Type) -> Option<&'static dyn VerificationAlgorithm> {
        Some(match (kind, self) {
            (Type::P256, Self::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P256_SHA256_ASN1,
            (Type::P256, Self::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P256_SHA384_ASN1,
            (Type::P256, Self::Ecdsa(Hash::Sha512)) => &signature::ECDSA_P256_SHA512_ASN1,
            (Type::P384, Self::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P384_SHA256_ASN1,
            (Type::P384, Self::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P384_SHA384_ASN1,
            (Type::P384, Self::Ecdsa(Hash::Sha512)) => &signature::ECDSA_P384_SHA512_ASN1,
            (Type::P521, Self::Ecdsa(Hash::Sha256)) => &signature::ECDSA_P521_SHA256_ASN1,
            (Type::P521, Self::Ecdsa(Hash::Sha384)) => &signature::ECDSA_P521_SHA384_ASN1,
            (Type::P521, Self::Ecdsa(Hash::Sha512)) => &signature::ECDSA_P521_SHA512_ASN1,
            (Type::Rsa(_), Self::RsaPkcs1(Hash::Sha256)) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Type::Rsa(_), Self::RsaPkcs1(Hash::Sha384)) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Type::Rsa(_), Self::RsaPkcs1(Hash::Sha512)) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Type::Rsa(_), Self::RsaPss(Hash::Sha256)) => &signature::RSA_PSS_2048_8192_SHA256,
            (Type::Rsa(_), Self::RsaPss(Hash::Sha384)) => &signature::RSA_PSS_2048_8192_SHA384,
            (Type::Rsa(_), Self::RsaPss(Hash::Sha512)) => &signature::RSA_PSS_2048_8192_SHA512,
            (Type::Ed25519, Self::Ed25519) => &signature::ED25519,
            _ => return None,
        })
    }
}

/// A public key.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    pub(crate) kind: Type,
    spki: Vec<u8>,
}

impl PublicKey {
    /// From SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7).
    ///
    /// Errors: another structure, bytes after it, a type that is not accepted, a value that is not on its curve, RSA outside 2048 to 4096 bits or with
    /// another exponent than 65537.
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, Refusal> {
        if spki.len() > LONGEST {
            return Err(Refusal::invalid(format!("the public key has {} bytes, more than {LONGEST}", spki.len())));
        }
        let kind = type_of(spki)?;
        let key = Self { kind, spki: spki.to_vec() };
        let provider = Scheme::natural(&key).provider(kind);
        match provider.map(|provider| ParsedPublicKey::new(provider, spki)) {
            Some(Ok(_)) => Ok(key),
            _ => Err(Refusal::invalid("the public key's value is not valid for its type")),
        }
    }

    /// As it came.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn parsed(&self, scheme: Scheme) -> Option<ParsedPublicKey> {
        ParsedPublicKey::new(scheme.provider(self.kind)?, &self.spki).ok()
    }

    /// Whether the key made this signature over this message.
    pub(crate) fn verifies(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
        self.parsed(scheme).is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }

    /// Whether the key made this signature over a message with this digest. Never for Ed25519, which signs the message itself.
    pub(crate) fn verifies_digest(&self, scheme: Scheme, digest: &[u8], signature: &[u8]) -> bool {
        let (Scheme::Ecdsa(hash) | Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash)) = scheme else { return false };
        let Ok(digest) = Digest::import_less_safe(digest, hash.provider()) else { return false };
        self.parsed(scheme).is_some_and(|key| key.verify_digest_sig(&digest, signature).is_ok())
    }
}

fn type_of(spki: &[u8]) -> Result<Type, Refusal> {
    let malformed = || Refusal::invalid("the public key is no SubjectPublicKeyInfo in DER");
    let mut info = Reader::new(Reader::only(spki, tag::SEQUENCE).ok_or_else(malformed)?);
    let mut algorithm = Reader::new(info.take(tag::SEQUENCE).ok_or_else(malformed)?);
    let value = info.bits().filter(|_| info.is_empty()).ok_or_else(malformed)?;
    match algorithm.oid().ok_or_else(malformed)? {
        EC => match algorithm.oid().filter(|_| algorithm.is_empty()) {
            Some(P256) => Ok(Type::P256),
            Some(P384) => Ok(Type::P384),
            Some(P521) => Ok(Type::P521),
            _ => Err(Refusal::invalid("the public key is on another curve than P-256, P-384 or P-521")),
        },
        ED25519 if algorithm.is_empty() => Ok(Type::Ed25519),
        RSA => {
            let mut numbers = Reader::new(Reader::only(value, tag::SEQUENCE).ok_or_else(malformed)?);
            let modulus = numbers.uint().ok_or_else(malformed)?;
            let exponent = numbers.uint().filter(|_| numbers.is_empty()).ok_or_else(malformed)?;
            let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
            if !(2048..=4096).contains(&bits) || bits % 8 != 0 || exponent != [1, 0, 1] {
                return Err(Refusal::invalid(format!(
                    "the public key is RSA of {bits} bits: 2048 to 4096 with the exponent 65537 are accepted"
                )));
            }
            Ok(Type::Rsa(bits))
        }
        _ => Err(Refusal::invalid("the public key is of another type than ECDSA, RSA or Ed25519")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyKind, SigningKey};

    #[test]
    fn damaged_keys_are_refused() {
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, KeyKind::Rsa] {
            let spki = SigningKey::generate(kind).unwrap().spki().to_vec();
            assert!(PublicKey::from_spki(&spki).is_ok(), "{kind:?}");
            assert!(PublicKey::from_spki(&[&spki[..], &[0]].concat()).is_err(), "bytes after a key of {kind:?}");
            for at in 0..spki.len().min(30) {
                let mut other = spki.clone();
                other[at] ^= 0x40;
                let _read = PublicKey::from_spki(&other);
            }
            assert!(PublicKey::from_spki(&spki[..spki.len() - 1]).is_err());
        }
    }

    #[test]
    fn a_signature_over_a_digest() {
        let key = SigningKey::generate(KeyKind::P256).unwrap();
        let public = PublicKey::from_spki(key.spki()).unwrap();
        let (digest, signature) = (crate::key::sha256(b"m"), key.sign(b"m").unwrap());
        assert!(public.verifies_digest(Scheme::Ecdsa(Hash::Sha256), &digest, &signature));
        assert!(!public.verifies_digest(Scheme::Ecdsa(Hash::Sha256), &crate::key::sha256(b"n"), &signature));
        assert!(!public.verifies_digest(Scheme::Ecdsa(Hash::Sha256), &digest[1..], &signature));
        assert!(!public.verifies_digest(Scheme::Ed25519, &digest, &signature));
        assert!(!public.verifies_digest(Scheme::RsaPkcs1(Hash::Sha256), &digest, &signature));
    }
}
