//! Signatures, attestations and transparency: what is verified here is what every policy may believe.
//!
//! Bytes, trusted material and a time go in; a [`Verified`] or an explained refusal comes out. See `README.md`.
//!
//! ```text
//!   bundle, .sig layer, .att layer, blob bundle, envelope ──▶ Evidence ─┐
//!   trusted_root.json, keys, certificates ──────────────────▶ TrustRoot ┼─▶ verify ──▶ Verified<Signature> | VerifyError
//!   who, when, which logs ──────────────────────────────▶ Requirements ─┘
//! ```
#![forbid(unsafe_code)]

mod binding;
mod bundle;
mod certificate;
mod check;
mod document;
mod dsse;
mod evidence;
mod identity;
mod json;
mod key;
mod legacy;
mod log;
pub mod merkle;
pub mod notation;
mod note;
mod pem;
mod root;
mod sct;
pub mod seal;
mod second;
mod signer;
pub mod slsa;
mod stamps;
mod statement;
mod tuf;
mod verify;
mod witness;

pub use certificate::{Certificate, Claims, SubjectName};
pub use check::{Check, Checked, Outcome, VerifyError};
pub use document::{TrustedKind, TrustedRootDocument};
pub use dsse::{Envelope, IN_TOTO, pae};
pub use evidence::{Artifact, Evidence, Layout};
pub use identity::{CertificateIdentity, Claim, Issuer, Matcher, NameKind};
pub use key::{Algorithm, BadSignature, KeyError, PublicKey};
pub use note::{Checkpoint, NoteError};
pub use root::{Instance, TrustRoot, Window};
pub use signer::{Signer, SignerError, SignerFuture};
pub use statement::{Statement, Subject, predicate_types};
pub use tuf::{TufClient, TufError, TufFuture, TufMaterial, TufRepository, TufRole, TufState, TufStore};
pub use verify::{
    IdentityRequirement, LogRequirement, Requirements, SctRequirement, SecondOpinion, Signature, Signed, TimeSource,
    TrustedKey, Verified, verify,
};
pub use witness::{Witness, WitnessError, Witnesses};
