//! Public keys: what a signature is checked with, and by which algorithm.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use signet_model::{Algorithm as Hash, Digest};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::pem;

/// How a key signs: the key type, the hash and, for RSA, the padding. Source: Sigstore `algorithm-registry.md`.
///
/// Ed25519ph is missing: the cryptographic provider offers it only by unsafe calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256: what Cosign makes.
    EcdsaP256Sha256,
    /// ECDSA over P-256 with SHA-384. Legacy.
    EcdsaP256Sha384,
    /// ECDSA over P-384 with SHA-384.
    EcdsaP384Sha384,
    /// ECDSA over P-384 with SHA-256: what Cosign 1 and 2 make with such a key. Legacy.
    EcdsaP384Sha256,
    /// ECDSA over P-521 with SHA-512.
    EcdsaP521Sha512,
    /// ECDSA over P-521 with SHA-256: what Cosign 1 and 2 make with such a key. Legacy.
    EcdsaP521Sha256,
    /// RSA of 2048 bits or more, PKCS#1 v1.5, SHA-256.
    RsaPkcs1Sha256,
    /// RSA of 2048 bits or more, PKCS#1 v1.5, SHA-384.
    RsaPkcs1Sha384,
    /// RSA of 2048 bits or more, PKCS#1 v1.5, SHA-512.
    RsaPkcs1Sha512,
    /// RSA of 2048 bits or more, PSS, SHA-256.
    RsaPssSha256,
    /// RSA of 2048 bits or more, PSS, SHA-384.
    RsaPssSha384,
    /// RSA of 2048 bits or more, PSS, SHA-512.
    RsaPssSha512,
    /// Ed25519 over the message itself.
    Ed25519,
}

impl Algorithm {
    /// The hash that the algorithm signs; `None` for Ed25519, which signs the message itself and so cannot verify by digest.
    #[must_use]
    pub fn hash(self) -> Option<Hash> {
        match self {
            Self::EcdsaP256Sha256
            | Self::EcdsaP384Sha256
            | Self::EcdsaP521Sha256
            | Self::RsaPkcs1Sha256
            | Self::RsaPssSha256 => Some(Hash::Sha256),
            Self::EcdsaP256Sha384 | Self::EcdsaP384Sha384 | Self::RsaPkcs1Sha384 | Self::RsaPssSha384 => {
                Some(Hash::Sha384)
            }
            Self::EcdsaP521Sha512 | Self::RsaPkcs1Sha512 | Self::RsaPssSha512 => Some(Hash::Sha512),
            Self::Ed25519 => None,
        }
    }

    /// The name in messages, e.g. `ECDSA P-256 with SHA-256`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256",
            Self::EcdsaP256Sha384 => "ECDSA P-256 with SHA-384",
            Self::EcdsaP384Sha384 => "ECDSA P-384 with SHA-384",
            Self::EcdsaP384Sha256 => "ECDSA P-384 with SHA-256",
            Self::EcdsaP521Sha512 => "ECDSA P-521 with SHA-512",
            Self::EcdsaP521Sha256 => "ECDSA P-521 with SHA-256",
            Self::RsaPkcs1Sha256 => "RSA PKCS#1 v1.5 with SHA-256",
            Self::RsaPkcs1Sha384 => "RSA PKCS#1 v1.5 with SHA-384",
            Self::RsaPkcs1Sha512 => "RSA PKCS#1 v1.5 with SHA-512",
            Self::RsaPssSha256 => "RSA PSS with SHA-256",
            Self::RsaPssSha384 => "RSA PSS with SHA-384",
            Self::RsaPssSha512 => "RSA PSS with SHA-512",
            Self::Ed25519 => "Ed25519",
        }
    }

    fn provider(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP256Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
            Self::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
            Self::EcdsaP521Sha512 => &signature::ECDSA_P521_SHA512_ASN1,
            Self::EcdsaP521Sha256 => &signature::ECDSA_P521_SHA256_ASN1,
            Self::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::RsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::Ed25519 => &signature::ED25519,
        }
    }

    /// Which keys the algorithm can be used with.
    fn kind(self) -> Kind {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP256Sha384 => Kind::P256,
            Self::EcdsaP384Sha384 | Self::EcdsaP384Sha256 => Kind::P384,
            Self::EcdsaP521Sha512 | Self::EcdsaP521Sha256 => Kind::P521,
            Self::RsaPkcs1Sha256
            | Self::RsaPkcs1Sha384
            | Self::RsaPkcs1Sha512
            | Self::RsaPssSha256
            | Self::RsaPssSha384
            | Self::RsaPssSha512 => Kind::Rsa,
            Self::Ed25519 => Kind::Ed25519,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    P521,
    Rsa,
    Ed25519,
}

impl Kind {
    fn natural(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::EcdsaP256Sha256,
            Self::P384 => Algorithm::EcdsaP384Sha384,
            Self::P521 => Algorithm::EcdsaP521Sha512,
            Self::Rsa => Algorithm::RsaPkcs1Sha256,
            Self::Ed25519 => Algorithm::Ed25519,
        }
    }
}

/// Why bytes are no key that Signet uses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no PEM, or not exactly one block of it.
    #[error("no public key in PEM: {0}")]
    Pem(String),
    /// The bytes are no SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
    #[error("no SubjectPublicKeyInfo in DER: {0}")]
    Der(String),
    /// A key type that Signet does not use.
    #[error("keys of type {0} are not supported (ECDSA P-256, P-384, P-521, RSA and Ed25519 are)")]
    Unsupported(String),
    /// An RSA modulus outside 2048 to 8192 bits.
    #[error("an RSA key of {0} bits: at least 2048 and at most 8192 are accepted")]
    RsaSize(usize),
    /// The key's numbers are not on its curve, or otherwise wrong.
    #[error("the key's value is not valid for {0}")]
    Value(Algorithm),
    /// The algorithm does not fit the key.
    #[error("{wanted} cannot be used with a key for {key}")]
    Mismatch {
        /// What was asked.
        wanted: Algorithm,
        /// What the key is for.
        key: Algorithm,
    },
}

/// A signature that the key did not make over the message. Says nothing more on purpose: there is nothing more to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify with the key ({0})")]
pub struct BadSignature(pub Algorithm);

/// A public key and the one algorithm that its signatures are checked by.
///
/// Never made from evidence for deciding what to trust: keys come from the person's configuration or from a verified certificate.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    spki: Box<[u8]>,
    parsed: ParsedPublicKey,
}

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// No key that is accepted is longer (RSA of 8192 bits takes about 1,060 bytes).
const LONGEST: usize = 4096;

impl PublicKey {
    /// A key from its SubjectPublicKeyInfo in DER (RFC 5280, 4.1.2.7), with the algorithm that is natural for its type: SHA-256, -384 or -512 for the
    /// three curves, PKCS#1 v1.5 with SHA-256 for RSA. Bytes after the structure are refused.
    ///
    /// # Errors
    /// When the bytes are no such structure, or the key is of a type, size or value that is not accepted.
    pub fn from_der(spki: &[u8]) -> Result<Self, KeyError> {
        if spki.len() > LONGEST {
            return Err(KeyError::Der(format!("{} bytes, more than {LONGEST}", spki.len())));
        }
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|error| KeyError::Der(error.to_string()))?;
        let kind = kind_of(&info)?;
        Self::build(spki, kind.natural())
    }

    /// A key from PEM: `PUBLIC KEY` (SubjectPublicKeyInfo) or `RSA PUBLIC KEY` (PKCS#1). Exactly one block, and nothing after it.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), and when the text is no such PEM.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = pem::decode(text, LONGEST).map_err(|error| KeyError::Pem(error.to_string()))?;
        match blocks.as_slice() {
            [block] if block.label == "PUBLIC KEY" => Self::from_der(&block.der),
            [block] if block.label == "RSA PUBLIC KEY" => Self::from_pkcs1(&block.der),
            [block] => Err(KeyError::Pem(format!("the block is a `{}`, not a `PUBLIC KEY`", block.label))),
            blocks => Err(KeyError::Pem(format!("{} blocks where one is expected", blocks.len()))),
        }
    }

    /// An RSA key from PKCS#1 `RSAPublicKey` (RFC 8017, A.1.1), as some trusted roots hold it.
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der).
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_der(&rsa_spki(der)?)
    }

    /// The same key, with its signatures checked by another algorithm of its type.
    ///
    /// # Errors
    /// When the algorithm is for another type of key.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm == self.algorithm {
            return Ok(self);
        }
        if algorithm.kind() != self.algorithm.kind() {
            return Err(KeyError::Mismatch { wanted: algorithm, key: self.algorithm });
        }
        Self::build(&self.spki, algorithm)
    }

    fn build(spki: &[u8], algorithm: Algorithm) -> Result<Self, KeyError> {
        let parsed = ParsedPublicKey::new(algorithm.provider(), spki).map_err(|_| KeyError::Value(algorithm))?;
        Ok(Self { algorithm, spki: spki.into(), parsed })
    }

    /// How its signatures are checked.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SubjectPublicKeyInfo in DER, as it was given.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.spki
    }

    /// The key as a `PUBLIC KEY` block, as Cosign and OpenSSL write it, with a newline at the end.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.spki)
    }

    /// SHA-256 of the SubjectPublicKeyInfo: what Sigstore calls the key's (or log's) ID.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(&self.spki)
    }

    /// Checks a signature over the whole message. ECDSA signatures are ASN.1 DER, RSA and Ed25519 the plain octets.
    ///
    /// # Errors
    /// When the key did not make this signature over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.parsed.verify_sig(message, signature).map_err(|_| BadSignature(self.algorithm))
    }

    /// Checks a signature when only the message's digest is at hand.
    ///
    /// # Errors
    /// When the key did not make this signature, when the digest is by another hash, and always for Ed25519.
    pub fn verify_digest(&self, digest: &Digest, signature: &[u8]) -> Result<(), BadSignature> {
        let refused = BadSignature(self.algorithm);
        let hash = match digest.algorithm() {
            Hash::Sha256 => &aws_lc_rs::digest::SHA256,
            Hash::Sha384 => &aws_lc_rs::digest::SHA384,
            Hash::Sha512 => &aws_lc_rs::digest::SHA512,
        };
        if self.algorithm.hash() != Some(digest.algorithm()) {
            return Err(refused);
        }
        let digest = aws_lc_rs::digest::Digest::import_less_safe(digest.as_bytes(), hash).map_err(|_| refused)?;
        self.parsed.verify_digest_sig(&digest, signature).map_err(|_| refused)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm, self.fingerprint())
    }
}

fn kind_of(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Kind, KeyError> {
    let oid = info.algorithm.oid;
    if oid == EC {
        let curve = info
            .algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok())
            .ok_or_else(|| KeyError::Unsupported("EC without a named curve".to_owned()))?;
        return match curve {
            P256 => Ok(Kind::P256),
            P384 => Ok(Kind::P384),
            P521 => Ok(Kind::P521),
            other => Err(KeyError::Unsupported(format!("EC over curve {other}"))),
        };
    }
    if oid == ED25519 {
        return Ok(Kind::Ed25519);
    }
    if oid == RSA {
        let bits = info
            .subject_public_key
            .as_bytes()
            .and_then(rsa_bits)
            .ok_or_else(|| KeyError::Der("the RSA key is no PKCS#1 RSAPublicKey".to_owned()))?;
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::RsaSize(bits));
        }
        return Ok(Kind::Rsa);
    }
    Err(KeyError::Unsupported(oid.to_string()))
}

/// Bits of the modulus of a PKCS#1 `RSAPublicKey` (RFC 8017, A.1.1).
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(der).ok()?;
    let modulus = reader
        .sequence(|inner| {
            let modulus = UintRef::decode(inner)?;
            let _exponent = UintRef::decode(inner)?;
            Ok(modulus)
        })
        .ok()?;
    let bytes = modulus.as_bytes();
    let first = bytes.first()?;
    Some(bytes.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

/// Wraps a PKCS#1 key as SubjectPublicKeyInfo.
fn rsa_spki(pkcs1: &[u8]) -> Result<Vec<u8>, KeyError> {
    use x509_cert::der::asn1::{AnyRef, BitStringRef};
    let wrong = |error: x509_cert::der::Error| KeyError::Der(error.to_string());
    SubjectPublicKeyInfoRef {
        algorithm: x509_cert::spki::AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) },
        subject_public_key: BitStringRef::from_bytes(pkcs1).map_err(wrong)?,
    }
    .to_der()
    .map_err(wrong)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
    use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaKeyPair};
    use proptest::prelude::*;

    use super::*;

    fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
        key.as_der().unwrap().as_ref().to_vec()
    }

    #[track_caller]
    fn check_ecdsa(signing: &'static EcdsaSigningAlgorithm, natural: Algorithm, used: Algorithm) {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let key = PublicKey::from_der(&spki(pair.public_key())).unwrap();
        assert_eq!(key.algorithm(), natural);
        let key = key.with_algorithm(used).unwrap();
        let made = pair.sign(&SystemRandom::new(), b"message").unwrap();
        key.verify(b"message", made.as_ref()).unwrap();
        key.verify_digest(&Digest::of(used.hash().unwrap(), b"message"), made.as_ref()).unwrap();
        assert_eq!(key.verify(b"massage", made.as_ref()), Err(BadSignature(used)));
        let other = if used.hash() == Some(Hash::Sha256) { Hash::Sha512 } else { Hash::Sha256 };
        assert_eq!(key.verify_digest(&Digest::of(other, b"message"), made.as_ref()), Err(BadSignature(used)));
        assert_eq!(PublicKey::from_pem(&key.to_pem()).unwrap().der(), key.der());
    }

    #[test]
    fn curves_sign_and_verify() {
        use Algorithm::{EcdsaP256Sha256, EcdsaP384Sha384, EcdsaP521Sha256, EcdsaP521Sha512};
        check_ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaP256Sha256, EcdsaP256Sha256);
        check_ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaP384Sha384, EcdsaP384Sha384);
        check_ecdsa(&signature::ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaP521Sha512, EcdsaP521Sha512);
        check_ecdsa(&signature::ECDSA_P521_SHA256_ASN1_SIGNING, EcdsaP521Sha512, EcdsaP521Sha256);
    }

    #[test]
    fn ed25519_signs_messages_and_never_digests() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = PublicKey::from_der(&spki(pair.public_key())).unwrap();
        let made = pair.sign(b"message");
        key.verify(b"message", made.as_ref()).unwrap();
        assert!(key.verify(b"massage", made.as_ref()).is_err());
        assert!(key.verify_digest(&Digest::sha256(b"message"), made.as_ref()).is_err());
        assert_eq!(key.fingerprint(), Digest::sha256(key.der()));
    }

    #[test]
    fn rsa_verifies_in_both_paddings_and_never_across() {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = private.as_der().unwrap();
        let pair = RsaKeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let mut made = vec![0; pair.public_modulus_len()];
        pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut made).unwrap();
        let pkcs1 = pem::encode("RSA PUBLIC KEY", pair.public_key().as_ref());
        let key = PublicKey::from_pem(&pkcs1).unwrap();
        assert_eq!(key.der(), spki(pair.public_key()));
        key.verify(b"message", &made).unwrap();
        let pss = key.clone().with_algorithm(Algorithm::RsaPssSha256).unwrap();
        assert!(pss.verify(b"message", &made).is_err());
        pair.sign(&signature::RSA_PSS_SHA256, &SystemRandom::new(), b"message", &mut made).unwrap();
        pss.verify(b"message", &made).unwrap();
        assert!(key.verify(b"message", &made).is_err());
        assert!(matches!(key.with_algorithm(Algorithm::Ed25519), Err(KeyError::Mismatch { .. })));
    }

    #[test]
    fn what_is_no_single_good_key_is_refused() {
        let pair = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der = spki(pair.public_key());
        let key = PublicKey::from_der(&der).unwrap();
        let twice = format!("{0}{0}", key.to_pem());
        assert!(matches!(PublicKey::from_pem(&twice), Err(KeyError::Pem(_))));
        assert!(matches!(PublicKey::from_pem(&format!("{}tail", key.to_pem())), Err(KeyError::Pem(_))));
        assert!(matches!(PublicKey::from_pem(""), Err(KeyError::Pem(_))));
        assert!(matches!(PublicKey::from_pem(&pem::encode("CERTIFICATE", &der)), Err(KeyError::Pem(_))));
        let mut tail = der.clone();
        tail.push(0);
        assert!(matches!(PublicKey::from_der(&tail), Err(KeyError::Der(_))));
        // The last byte is part of the point's y: off the curve.
        let mut off = der;
        *off.last_mut().unwrap() ^= 1;
        assert_eq!(PublicKey::from_der(&off), Err(KeyError::Value(Algorithm::EcdsaP256Sha256)));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
            let _der = PublicKey::from_der(&bytes);
            let _pem = PublicKey::from_pem(&text);
            let _block = PublicKey::from_pem(&pem::encode("PUBLIC KEY", &bytes));
        }
    }
}
