//! Where private keys live: encrypted files, PKCS#11 tokens, key management services, Kubernetes secrets, GitLab variables; and who we are to a
//! certificate authority, by the tokens that a build finds around it.
//!
//! What this room never does: it shows no secret (no error, no `Debug`, no log has a password, token or private key in it); it writes no private key
//! without encryption, through a link, or for others to read; it asks no service without limits and deadlines; it hands out no signature of a service or
//! token that it did not verify with the public key first. It reads neither the environment nor the clock by itself: both come in by [`Context`].
//!
//! ```text
//!   URI ─▶ Place ─┬─▶ PEM ─▶ sealed (scrypt, secretbox) ─▶ PrivateKey ──┐
//!                 ├─▶ pkcs11 ─┐                                          ├─▶ trust::Signer
//!                 └─▶ kms ────┴─▶ Kept: asks, then checks the signature ─┘
//! ```
#![forbid(unsafe_code)]

mod context;
mod der;
mod error;
mod file;
mod gitlab;
pub mod identity;
mod k8s;
mod kms;
mod pem;
mod pkcs11;
mod remote;
mod sealed;
mod secret;
mod service;
pub mod sigstore;
mod software;
mod uri;

pub use context::{Asking, Context};
pub use error::Error;
pub use file::{Existing, GitView, git_view, write_private, write_public};
pub use k8s::check_kubeconfig;
pub use pkcs11::check_uri as check_pkcs11_uri;
pub use sealed::looks_sealed;
pub use secret::SecretBytes;
pub use software::{KeyType, PrivateKey};
pub use uri::{Place, create, open, public_key, store};
