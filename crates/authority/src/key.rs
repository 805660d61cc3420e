//! Private keys that sign for the authority. They live in memory, and leave it only when asked.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use x509_cert::der::asn1::ObjectIdentifier;

use crate::der::{self, Reader, tag};
use crate::error::Error;

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA over P-256 with SHA-256.
    P256,
    /// ECDSA over P-384 with SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits, PKCS#1 v1.5 with SHA-256. For tokens of issuers only.
    Rsa,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A private key.
pub struct SigningKey {
    kind: KeyKind,
    pair: Pair,
    spki: Vec<u8>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({:?})", self.kind)
    }
}

impl SigningKey {
    /// A new one, from the provider's random numbers.
    ///
    /// # Errors
    /// When the provider has none.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        let failed = |_| Error::Crypto { doing: "make a key" };
        let pair = match kind {
            KeyKind::P256 => Pair::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?),
            KeyKind::P384 => Pair::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(failed)?),
            KeyKind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            KeyKind::Rsa => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?),
        };
        Self::of(kind, pair)
    }

    /// From PKCS#8 in DER.
    ///
    /// # Errors
    /// When the bytes are no private key of this kind.
    pub fn from_pkcs8(kind: KeyKind, der: &[u8]) -> Result<Self, Error> {
        let failed = |_| Error::Crypto { doing: "read a private key" };
        let pair = match kind {
            KeyKind::P256 => {
                Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map_err(failed)?)
            }
            KeyKind::P384 => {
                Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der).map_err(failed)?)
            }
            KeyKind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(failed)?),
            KeyKind::Rsa => Pair::Rsa(RsaKeyPair::from_pkcs8(der).map_err(failed)?),
        };
        Self::of(kind, pair)
    }

    fn of(kind: KeyKind, pair: Pair) -> Result<Self, Error> {
        let der: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let spki = der.map_err(|_| Error::Crypto { doing: "write a public key" })?.as_ref().to_vec();
        Ok(Self { kind, pair, spki })
    }

    /// PKCS#8 in DER. A secret, in the clear: for whoever keeps it.
    ///
    /// # Errors
    /// When the provider cannot write the key (RSA keys are never kept).
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Crypto { doing: "write a private key" };
        Ok(match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(_) => return Err(Error::Crypto { doing: "write a private key of RSA" }),
        })
    }

    /// What it signs with.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its public half: SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the public half: what logs and Sigstore call the key's ID.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        sha256(&self.spki)
    }

    /// The public key's own bytes: the point, the 32 bytes of Ed25519, or PKCS#1.
    pub(crate) fn raw(&self) -> &[u8] {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs a message: ECDSA in ASN.1 DER, the others as plain octets.
    ///
    /// # Errors
    /// When the provider cannot.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Crypto { doing: "sign" };
        let random = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.try_sign(message).map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                signature
            }
        })
    }

    /// AlgorithmIdentifier of its signatures. Sources: RFC 5758, 3.2; RFC 8410, 3; RFC 4055, 5.
    pub(crate) fn signature_algorithm(&self) -> Vec<u8> {
        match self.kind {
            KeyKind::P256 => der::seq(&[&der::oid(ECDSA_SHA256)]),
            KeyKind::P384 => der::seq(&[&der::oid(ECDSA_SHA384)]),
            KeyKind::Ed25519 => der::seq(&[&der::oid(ED25519)]),
            KeyKind::Rsa => der::seq(&[&der::oid(RSA_SHA256), &der::tlv(tag::NULL, &[])]),
        }
    }

    /// As Sigstore's `PublicKeyDetails` names it.
    pub(crate) fn details(&self) -> &'static str {
        match self.kind {
            KeyKind::P256 => "PKIX_ECDSA_P256_SHA_256",
            KeyKind::P384 => "PKIX_ECDSA_P384_SHA_384",
            KeyKind::Ed25519 => "PKIX_ED25519",
            KeyKind::Rsa => "PKIX_RSA_PKCS1V15_2048_SHA256",
        }
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// An ECDSA signature as two numbers of `width` bytes each (RFC 7518, 3.4) from `Ecdsa-Sig-Value`.
pub(crate) fn fixed(signature: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut numbers = Reader::new(Reader::only(signature, tag::SEQUENCE)?);
    let mut out = Vec::with_capacity(width.checked_mul(2)?);
    for _ in 0..2 {
        let number = numbers.uint()?;
        out.resize(out.len().checked_add(width.checked_sub(number.len())?)?, 0);
        out.extend_from_slice(number);
    }
    numbers.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public::{PublicKey, Scheme};

    #[test]
    fn keys_sign_and_come_back() {
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519] {
            let key = SigningKey::generate(kind).unwrap();
            let again = SigningKey::from_pkcs8(kind, &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(key.spki(), again.spki());
            let signature = again.sign(b"message").unwrap();
            let public = PublicKey::from_spki(key.spki()).unwrap();
            let scheme = Scheme::natural(&public);
            assert!(public.verifies(scheme, b"message", &signature), "{kind:?}");
            assert!(!public.verifies(scheme, b"another", &signature), "{kind:?}");
            assert!(!format!("{key:?}").contains("Pair"));
        }
    }

    #[test]
    fn signatures_become_two_numbers() {
        let key = SigningKey::generate(KeyKind::P256).unwrap();
        for _ in 0..64 {
            assert_eq!(fixed(&key.sign(b"m").unwrap(), 32).unwrap().len(), 64);
        }
        assert_eq!(fixed(&[0x30, 6, 2, 1, 1, 2, 1, 2], 2), Some(vec![0, 1, 0, 2]));
        assert_eq!(fixed(&[0x30, 7, 2, 2, 1, 1, 2, 1, 2], 1), None);
    }
}
