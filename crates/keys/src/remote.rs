//! A key that a service or token keeps: its public half is read once, a signature is asked for and checked before it is handed out.

use std::future::Future;
use std::pin::Pin;

use signet_trust::{Algorithm, PublicKey, Signer, SignerFuture};

use crate::error::Error;

/// A signature or whatever else is on its way.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Who keeps the key.
pub(crate) trait Keeper: Send + Sync {
    /// Signs; the algorithm is the public key's. ECDSA in ASN.1 DER.
    fn ask<'a>(&'a self, public: &'a PublicKey, message: &'a [u8]) -> Pending<'a, Vec<u8>>;

    /// The name for messages: "AWS KMS".
    fn name(&self) -> &'static str;
}

/// A signer over a keeper.
pub(crate) struct Kept<K> {
    public: PublicKey,
    keeper: K,
}

impl<K: Keeper> Kept<K> {
    pub(crate) fn new(public: PublicKey, keeper: K) -> Kept<K> {
        Kept { public, keeper }
    }
}

impl<K: Keeper> Signer for Kept<K> {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignerFuture<'a> {
        Box::pin(async move {
            let signature = self.keeper.ask(&self.public, message).await?;
            // What leaves here will be verified by others with this key; a service that signs with another one (a rotated version, a wrong
            // answer, damage on the way) is found out now and not at the gate.
            self.public.verify(message, &signature).map_err(|_| {
                Error::new(
                    format!("sign with {}", self.keeper.name()),
                    "its signature does not verify with the public key that it gave",
                )
                .hint("was the key rotated in between? try again, and name the key's version where the URI can")
            })?;
            Ok(signature)
        })
    }
}

/// The message's hash for the algorithm; Ed25519 has none.
pub(crate) fn hashed(algorithm: Algorithm, message: &[u8]) -> Option<(signet_model::Algorithm, Vec<u8>)> {
    let hash = algorithm.hash()?;
    Some((hash, signet_model::Digest::of(hash, message).as_bytes().to_vec()))
}

/// A public key from its SubjectPublicKeyInfo.
pub(crate) fn public_from_der(spki: &[u8], doing: &str) -> Result<PublicKey, Error> {
    PublicKey::from_der(spki).map_err(|err| Error::new(doing, "its public key is none that is used").cause(err))
}

/// A public key from PEM.
pub(crate) fn public_from_pem(pem: &str, doing: &str) -> Result<PublicKey, Error> {
    PublicKey::from_pem(pem).map_err(|err| Error::new(doing, "its public key is none that is used").cause(err))
}
