//! Where a signature comes from: the trait that `keys` implements for files, tokens and services.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::key::PublicKey;

/// A signature on its way: some signers ask a service, so all of them answer later. No runtime is named here.
pub type SignerFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerError>> + Send + 'a>>;

/// Holds a private key, or knows who holds it, and signs with it. The private key itself never comes out.
pub trait Signer: Send + Sync {
    /// The public half, with the algorithm that signatures are made by.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` (the whole message, not its hash). ECDSA signatures are ASN.1 DER, RSA and Ed25519 the plain octets.
    ///
    /// # Errors
    /// When the key cannot be used: a wrong password, a token that is not there, a service that refuses.
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignerFuture<'a>;
}

/// Why there is no signature: what was asked, of whom, and what to do next. Never holds a secret.
#[derive(Debug)]
pub struct SignerError(Box<str>);

impl SignerError {
    /// An error with its whole explanation.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into_boxed_str())
    }
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SignerError {}
