//! Signing: what is made here is what `verify` reads.
//!
//! A [`Document`] is signed elsewhere (by a [`crate::Signer`], over [`Document::message`]); the signature and what logs and timestamp authorities answer are
//! gathered in a [`Draft`]; and nothing comes out of a draft that was not read and verified again first, with the same order of checks that everyone else's
//! evidence meets. So a service that lies, or damage on the way, is found out before anything is handed out.
//!
//! ```text
//!   statement, payload, blob ─▶ Document ─(signer)─▶ Draft ─┬─▶ bundle()       Sigstore bundle 0.3
//!                  log entries, timestamps (raw answers) ───┘   layer()        layer of `.sig` or `.att`
//!                                                               blob_bundle()  file of Cosign 1 and 2
//! ```
//!
//! What this module never does: it asks no service, reads no clock, and invents no field of a log entry.

mod certificate;
mod predicate;
mod rekor;
mod stamp;
mod statement;
mod write;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signet_model::Timestamp;

pub use self::predicate::{Predicate, PredicateError};
pub use self::statement::{NewSubject, StatementVersion, simple_signing_payload, statement};
pub use self::write::Layer;

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::dsse::{IN_TOTO, pae};
use crate::evidence::{ENTRIES, Material, TIMESTAMPS};
use crate::key::PublicKey;
use crate::root::TrustRoot;
use crate::{pem, root};

/// Which services the public instance signs with, as it was when this program was built (`signing_config.v0.2.json`).
pub const PUBLIC_GOOD_SIGNING_CONFIG: &str = sigstore_trust_root::SIGSTORE_PRODUCTION_SIGNING_CONFIG;

/// What is signed.
#[derive(Clone, Debug)]
pub enum Document<'a> {
    /// A file, as it is.
    Blob(Cow<'a, [u8]>),
    /// A simple signing payload, as [`simple_signing_payload`] writes it.
    Payload(Vec<u8>),
    /// An in-toto statement, as [`statement()`] writes it; it is signed in a DSSE envelope.
    Statement(Vec<u8>),
}

impl Document<'_> {
    /// The bytes that the signature covers.
    #[must_use]
    pub fn message(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Blob(bytes) => Cow::Borrowed(bytes),
            Self::Payload(bytes) => Cow::Borrowed(bytes),
            Self::Statement(bytes) => Cow::Owned(pae(IN_TOTO, bytes)),
        }
    }
}

/// Who signs, as the evidence will say.
#[derive(Clone, Debug)]
pub struct Author {
    key: PublicKey,
    certificate: Option<Certificate>,
    chain: Vec<Vec<u8>>,
}

impl Author {
    /// The holder of a key that verifiers know.
    #[must_use]
    pub fn key(key: PublicKey) -> Self {
        Self { key, certificate: None, chain: Vec::new() }
    }

    /// The person or workflow that a certificate names. `chain` are the certificates above it; a root among them goes into old layouts only.
    ///
    /// # Errors
    /// When the certificate cannot be read, names nobody, or is for another key: such a certificate would make every signature worthless.
    pub fn certified(key: PublicKey, leaf: &[u8], chain: Vec<Vec<u8>>) -> Result<Self, VerifyError> {
        let certificate = Certificate::from_der(leaf)?;
        if certificate.key().der() != key.der() {
            return Err(VerifyError::new(
                Check::Signature,
                format!("a certificate for the key {}", key.fingerprint()),
                format!("one for the key {}", certificate.key().fingerprint()),
            ));
        }
        if certificate.names().is_empty() {
            return Err(VerifyError::new(Check::Identity, "a certificate that names who signs", "one without a name"));
        }
        if chain.len() > crate::evidence::CHAIN {
            return Err(VerifyError::new(Check::Limits, "at most 16 certificates", chain.len().to_string()));
        }
        for der in &chain {
            Certificate::from_der(der)?;
        }
        Ok(Self { key, certificate: Some(certificate), chain })
    }

    /// The same from PEM: the leaf first, then what stands above it, which must lead from the leaf to its last certificate (as
    /// `cosign: cmd/cosign/cli/sign/sign.go`, "unable to validate certificate chain").
    ///
    /// # Errors
    /// As [`certified`](Self::certified), when a text holds anything but certificates, and when the chain is not that of the certificate.
    pub fn certified_by_pem(key: PublicKey, certificate: &str, chain: &str) -> Result<Self, VerifyError> {
        let mut ders = root::chain_of(certificate)?;
        if !chain.trim().is_empty() {
            ders.extend(root::chain_of(chain)?);
        }
        if ders.is_empty() {
            return Err(VerifyError::form("a certificate in PEM", "none"));
        }
        let leaf = ders.remove(0);
        // A chain file may begin with the leaf itself.
        ders.retain(|der| *der != leaf);
        let author = Self::certified(key, &leaf, ders)?;
        if let (false, Some(certificate)) = (chain.trim().is_empty(), &author.certificate) {
            let above: String = author.chain_pem();
            let root = TrustRoot::empty().with_chain(&above)?;
            // Whether it was valid when something is signed is told later; a chain that never held is told now.
            let time = certificate.validity().0;
            certificate.chain(root.between(), &root.anchors(time), time)?;
        }
        Ok(author)
    }

    /// Whoever a certificate names, by the certificate's own key: for signatures that were made before, which [`Draft::new`] holds to that key. `text` is PEM,
    /// or base64 of PEM as Cosign writes it; what follows the leaf stands above it.
    ///
    /// # Errors
    /// As [`certified`](Self::certified), and when the text holds anything but certificates.
    pub fn of_certificate(text: &str) -> Result<Self, VerifyError> {
        match crate::legacy::certificate_of(text, None)? {
            Material::Certificate(leaf, chain) => Self::certified(leaf.key().clone(), leaf.der(), chain),
            Material::Key { .. } => Err(VerifyError::form("a certificate in PEM", "none")),
        }
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The certificate, if one is used. What it says was not held against any authority yet.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<String> {
        self.certificate.as_ref().map(|certificate| pem::encode("CERTIFICATE", certificate.der()))
    }

    /// The certificates above it in PEM, one after the other; empty when there are none.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|der| pem::encode("CERTIFICATE", der)).collect()
    }

    /// What logs call the verifier: the certificate in PEM, else the key.
    fn verifier_pem(&self) -> String {
        self.certificate_pem().unwrap_or_else(|| self.key.to_pem())
    }

    /// By which a verifier may choose among its keys: SHA-256 of the key, in base64, as Cosign writes it.
    fn hint(&self) -> String {
        STANDARD.encode(self.key.fingerprint().as_bytes())
    }
}

/// What the answers of services are held to.
#[derive(Clone, Copy, Debug)]
pub enum Against<'a> {
    /// Everything: certificate, log entries and timestamps must be by those who are trusted.
    Root(&'a TrustRoot),
    /// Nobody is known. Checked is what can be checked then: the signature, and that certificate, log entries and timestamps are about it.
    NobodyKnown,
}

/// What a timestamp covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamped {
    /// The signature: in bundles and simple signing layers.
    Signature,
    /// The envelope's text: in layers of `.att`, which Cosign stamps so.
    Envelope,
}

/// A signature on its way to becoming evidence.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    document: Document<'a>,
    author: Author,
    signature: Vec<u8>,
    /// The envelope as it is submitted to logs and stored in `.att` layers.
    envelope: Option<String>,
    entries: Vec<rekor::Entry>,
    stamps: Vec<(Stamped, Vec<u8>)>,
}

impl<'a> Draft<'a> {
    /// A signature over [`Document::message`].
    ///
    /// # Errors
    /// When the signature is not the author's over this document, and when a payload or statement is malformed.
    pub fn new(document: Document<'a>, author: Author, signature: Vec<u8>) -> Result<Self, VerifyError> {
        author.key.verify(&document.message(), &signature).map_err(|error| {
            VerifyError::new(Check::Signature, "a signature by the signer's own key", error.to_string())
        })?;
        let envelope = match &document {
            Document::Statement(payload) => {
                crate::statement::Statement::parse(payload)?;
                Some(write::envelope(payload, &signature))
            }
            _ => None,
        };
        Ok(Self { document, author, signature, envelope, entries: Vec::new(), stamps: Vec::new() })
    }

    /// Who signs.
    #[must_use]
    pub fn author(&self) -> &Author {
        &self.author
    }

    /// The signature's bytes; it was verified with the author's key.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The DSSE envelope, for statements.
    #[must_use]
    pub fn envelope(&self) -> Option<&str> {
        self.envelope.as_deref()
    }

    /// The request that enters this signature into a Rekor v1 log (`POST /api/v1/log/entries`): `hashedrekord` 0.0.1, for statements `dsse` 0.0.1.
    ///
    /// # Errors
    /// For a blob that Ed25519 signed: such logs take hashes, and Ed25519 signs the message itself.
    pub fn rekor_v1_request(&self) -> Result<Vec<u8>, VerifyError> {
        rekor::v1_request(self)
    }

    /// The request that enters this signature into a Rekor v2 log (`POST /api/v2/log/entries`): `hashedrekord` 0.0.2; statements are logged as the hash of
    /// what the envelope's signature covers.
    ///
    /// # Errors
    /// For Ed25519, as [`rekor_v1_request`](Self::rekor_v1_request), and here for statements too.
    pub fn rekor_v2_request(&self) -> Result<Vec<u8>, VerifyError> {
        rekor::v2_request(self)
    }

    /// Adds what a Rekor v1 log answered. It is held to be about this signature at once.
    ///
    /// # Errors
    /// When it is no answer of such a log, or about something else.
    pub fn add_rekor_v1(&mut self, answer: &[u8]) -> Result<(), VerifyError> {
        self.add_entry(rekor::v1_answer(answer)?)
    }

    /// Adds what a Rekor v2 log answered, as it came.
    ///
    /// # Errors
    /// As [`add_rekor_v1`](Self::add_rekor_v1).
    pub fn add_rekor_v2(&mut self, answer: &[u8]) -> Result<(), VerifyError> {
        self.add_entry(rekor::v2_answer(answer)?)
    }

    fn add_entry(&mut self, entry: rekor::Entry) -> Result<(), VerifyError> {
        if self.entries.len() >= ENTRIES {
            return Err(VerifyError::new(Check::Limits, "at most 8 log entries", "more"));
        }
        self.entries.push(entry);
        // What comes later in the draft is not needed to tell that the entry is about this signature.
        if let Err(error) = self.bind_last() {
            self.entries.pop();
            return Err(error);
        }
        Ok(())
    }

    /// The places of the entries in their logs, in the order in which they were added.
    #[must_use]
    pub fn log_indices(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.index).collect()
    }

    /// The request for an RFC 3161 timestamp over [`Stamped`]. `nonce` must be random.
    ///
    /// # Errors
    /// When the envelope is to be stamped and there is none.
    pub fn timestamp_request(&self, over: Stamped, nonce: [u8; 8]) -> Result<Vec<u8>, VerifyError> {
        Ok(stamp::request(self.stamped(over)?, nonce))
    }

    /// Adds a timestamp authority's answer, as it came.
    ///
    /// # Errors
    /// When it is a refusal, no timestamp, about something else, or an answer to another request.
    pub fn add_timestamp(&mut self, over: Stamped, nonce: [u8; 8], answer: &[u8]) -> Result<(), VerifyError> {
        if self.stamps.len() >= TIMESTAMPS {
            return Err(VerifyError::new(Check::Limits, "at most 8 timestamps", "more"));
        }
        stamp::answer(answer, self.stamped(over)?, nonce)?;
        self.stamps.push((over, answer.to_vec()));
        Ok(())
    }

    /// Adds a timestamp that was got before. Nobody knows its nonce any more; it must be over the same bytes.
    ///
    /// # Errors
    /// When it is no timestamp, or about something else.
    pub fn add_kept_timestamp(&mut self, over: Stamped, answer: &[u8]) -> Result<(), VerifyError> {
        if self.stamps.len() >= TIMESTAMPS {
            return Err(VerifyError::new(Check::Limits, "at most 8 timestamps", "more"));
        }
        stamp::kept(answer, self.stamped(over)?)?;
        self.stamps.push((over, answer.to_vec()));
        Ok(())
    }

    /// Whether anybody vouches for the time of signing: a log by its promise, or a timestamp authority.
    #[must_use]
    pub fn has_time(&self) -> bool {
        !self.stamps.is_empty() || self.entries.iter().any(|entry| entry.promise.is_some())
    }

    fn stamped(&self, over: Stamped) -> Result<&[u8], VerifyError> {
        match (over, &self.envelope) {
            (Stamped::Signature, _) => Ok(&self.signature),
            (Stamped::Envelope, Some(envelope)) => Ok(envelope.as_bytes()),
            (Stamped::Envelope, None) => Err(VerifyError::form("an envelope to be stamped", "none")),
        }
    }
}

/// What a Rekor v1 log answers about one entry, as bundles hold it (`TransparencyLogEntry` in ProtoJSON). Nothing of it is verified.
///
/// # Errors
/// When it is no answer of such a log about exactly one entry.
pub fn entry_of_rekor_v1(answer: &[u8]) -> Result<serde_json::Value, VerifyError> {
    Ok(rekor::v1_answer(answer)?.bundled)
}

/// How far the clocks of services may be ahead of ours.
const SKEW_SECONDS: i64 = 120;

/// The latest time that a service's answer may bear.
fn latest(now: Timestamp) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(SKEW_SECONDS)).unwrap_or(now)
}
