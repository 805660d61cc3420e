//! Private keys in this process: made, imported, and signing with the one cryptographic provider.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use signet_trust::{Algorithm, PublicKey, Signer, SignerFuture};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::pem;
use crate::sealed;
use crate::secret::SecretBytes;

/// What a new key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// ECDSA over P-256: what Cosign makes when nothing else is said.
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// ECDSA over P-521.
    EcdsaP521,
    /// Ed25519. Signs whole messages, so it cannot be logged as a hash.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
}

impl KeyType {
    /// All types with the names of Sigstore's algorithm registry, which Cosign's `--signing-algorithm` takes, then ours.
    pub const NAMES: &[(&str, &str, KeyType)] = &[
        ("ecdsa-sha2-256-nistp256", "ecdsa-p256", KeyType::EcdsaP256),
        ("ecdsa-sha2-384-nistp384", "ecdsa-p384", KeyType::EcdsaP384),
        ("ecdsa-sha2-512-nistp521", "ecdsa-p521", KeyType::EcdsaP521),
        ("ed25519", "ed25519", KeyType::Ed25519),
        ("rsa-sign-pkcs1-2048-sha256", "rsa-2048", KeyType::Rsa2048),
        ("rsa-sign-pkcs1-3072-sha256", "rsa-3072", KeyType::Rsa3072),
        ("rsa-sign-pkcs1-4096-sha256", "rsa-4096", KeyType::Rsa4096),
    ];

    /// The type of either name.
    pub fn named(name: &str) -> Option<KeyType> {
        Self::NAMES.iter().find(|(registry, own, _)| *registry == name || *own == name).map(|row| row.2)
    }
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A private key with its public half. Its bytes never come out but under a password ([`PrivateKey::seal`]).
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({:?})", self.public)
    }
}

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(kind: KeyType) -> Result<PrivateKey, Error> {
        let failed = |_| Error::new("make a key", "the cryptographic provider failed: are there random bytes?");
        let ecdsa = |algorithm| EcdsaKeyPair::generate(algorithm).map(Pair::Ecdsa);
        let rsa = |size| RsaKeyPair::generate(size).map(|pair| Pair::Rsa(Box::new(pair)));
        let pair = match kind {
            KeyType::EcdsaP256 => ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyType::EcdsaP384 => ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyType::EcdsaP521 => ecdsa(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyType::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            KeyType::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyType::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyType::Rsa4096 => rsa(KeySize::Rsa4096),
        }
        .map_err(failed)?;
        PrivateKey::of(pair).map_err(|what| Error::new("make a key", what))
    }

    /// A key from a PKCS#8 structure: EC over P-256, P-384 or P-521, Ed25519, RSA of 2048 to 4096 bits.
    ///
    /// # Errors
    /// With a sentence that quotes nothing of the bytes.
    pub fn from_pkcs8(der: &[u8]) -> Result<PrivateKey, &'static str> {
        // Each reader holds the type and curve against what it is for, so only one can succeed.
        for algorithm in CURVES {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(algorithm, der) {
                return PrivateKey::of(Pair::Ecdsa(pair));
            }
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return PrivateKey::of(Pair::Ed25519(pair));
        }
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return PrivateKey::of(Pair::Rsa(Box::new(pair)));
        }
        Err(UNUSABLE)
    }

    /// A key from any PEM that is read: Cosign's encrypted types, `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` (SEC 1), `RSA PRIVATE KEY` (PKCS#1).
    /// `password` is only asked for when the block is encrypted.
    ///
    /// # Errors
    /// When the text is no such key, or its password is wrong.
    pub fn from_pem(
        text: &[u8],
        name: &str,
        password: impl FnOnce() -> Result<SecretBytes, Error>,
    ) -> Result<PrivateKey, Error> {
        let failed = |what: &str| Error::new(format!("read the private key `{name}`"), what);
        let block = pem::first(text).map_err(failed)?;
        if block.old_encryption {
            return Err(failed("it is encrypted in OpenSSL's old way, with MD5").hint(
                "convert it first: `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW`, and delete NEW after the import",
            ));
        }
        let key = match block.label.as_str() {
            sealed::LABEL | sealed::OLD_LABEL => {
                let password = password()?;
                let pkcs8 = sealed::unseal(&block.bytes, &password).map_err(|what| {
                    let err = failed(what);
                    if what.contains("password") {
                        err.hint("the password comes from `COSIGN_PASSWORD`, `SIGNET_KEY_PASSWORD`, or is asked on a terminal")
                    } else {
                        err
                    }
                })?;
                PrivateKey::from_pkcs8(&pkcs8)
            }
            "PRIVATE KEY" => PrivateKey::from_pkcs8(&block.bytes),
            "EC PRIVATE KEY" => CURVES
                .iter()
                .find_map(|algorithm| EcdsaKeyPair::from_private_key_der(algorithm, &block.bytes).ok())
                .ok_or(UNUSABLE)
                .and_then(|pair| PrivateKey::of(Pair::Ecdsa(pair))),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.bytes)
                .map_err(|_| UNUSABLE)
                .and_then(|pair| PrivateKey::of(Pair::Rsa(Box::new(pair)))),
            "ENCRYPTED PRIVATE KEY" => {
                return Err(failed("encrypted PKCS#8 is not read").hint(
                    "convert it first: `openssl pkcs8 -in OLD -out NEW`, import NEW, and delete it after the import",
                ));
            }
            "OPENSSH PRIVATE KEY" => {
                return Err(failed("it is a key in OpenSSH's own format")
                    .hint("convert a copy first: `ssh-keygen -p -m PKCS8 -f COPY`"));
            }
            label if label.contains("PUBLIC") || label.contains("CERTIFICATE") => {
                return Err(failed("it holds a public key or a certificate, and a private key is needed"));
            }
            _ => Err("its PEM type is none of a private key that is read"),
        };
        key.map_err(failed)
    }

    fn of(pair: Pair) -> Result<PrivateKey, &'static str> {
        let spki = match &pair {
            Pair::Ecdsa(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Pair::Ed25519(pair) => AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()),
            Pair::Rsa(pair) => {
                if pair.public_modulus_len() > 512 {
                    return Err("an RSA key of more than 4096 bits is not used");
                }
                AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key())
            }
        };
        let spki = spki.map_err(|_| UNUSABLE)?;
        let public = PublicKey::from_der(spki.as_ref()).map_err(|_| UNUSABLE)?;
        Ok(PrivateKey { pair, public })
    }

    /// The key as PEM of Cosign's encrypted type.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, password: &SecretBytes) -> Result<Zeroizing<String>, Error> {
        sealed::seal(&self.pkcs8()?, password)
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let failed = |_| Error::new("write the private key", "the cryptographic provider cannot express it");
        let bytes = match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair.as_ref()).map_err(failed)?.as_ref().to_vec(),
        };
        Ok(Zeroizing::new(bytes))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a whole message. ECDSA gives ASN.1 DER, RSA and Ed25519 the plain octets.
    ///
    /// # Errors
    /// When the provider fails.
    pub fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::new("sign", "the cryptographic provider failed");
        match &self.pair {
            Pair::Ecdsa(pair) => {
                pair.sign(&SystemRandom::new(), message).map(|made| made.as_ref().to_vec()).map_err(failed)
            }
            Pair::Ed25519(pair) => pair.try_sign(message).map(|made| made.as_ref().to_vec()).map_err(failed),
            Pair::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match self.public.algorithm() {
                    Algorithm::RsaPkcs1Sha384 => &signature::RSA_PKCS1_SHA384,
                    Algorithm::RsaPkcs1Sha512 => &signature::RSA_PKCS1_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut made).map_err(failed)?;
                Ok(made)
            }
        }
    }
}

const UNUSABLE: &str = "it is damaged, or of a kind that is not used (ECDSA P-256, P-384, P-521, Ed25519 and RSA of 2048 to 4096 bits are)";

const CURVES: [&EcdsaSigningAlgorithm; 3] = [
    &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
    &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
    &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
];

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignerFuture<'a> {
        Box::pin(std::future::ready(self.sign_now(message).map_err(Into::into)))
    }
}
