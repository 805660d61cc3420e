//! What a signature brings along, in one shape for every layout: so one verification, with no path that forgets a check.

use signet_model::{Algorithm as Hash, Digest};

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::dsse::Envelope;
use crate::merkle;

/// Largest bundle or signature blob (an attestation may be an SBOM; the caller's own limit on what it fetches stands before this one).
pub(crate) const LARGEST: usize = 128 << 20;
/// Most log entries of one signature.
pub(crate) const ENTRIES: usize = 8;
/// Most timestamps of one signature.
pub(crate) const TIMESTAMPS: usize = 8;
/// Most certificates that come along.
pub(crate) const CHAIN: usize = 16;

/// Where the evidence lay and how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A Sigstore bundle 0.1.
    Bundle01,
    /// A Sigstore bundle 0.2.
    Bundle02,
    /// A Sigstore bundle 0.3.
    Bundle03,
    /// A layer of a `.sig` tag or of the OCI 1.1 experiment: simple signing with annotations.
    SimpleSigning,
    /// A layer of an `.att` tag: a DSSE envelope with annotations.
    Attestation,
    /// The file that `sign-blob --bundle` wrote before Cosign 3.
    BlobBundle,
    /// A signature file, perhaps with a certificate file.
    Detached,
    /// A DSSE envelope whose signature brings its certificate and nothing else, as the SLSA generator wrote it.
    EnvelopeWithCertificate,
    /// A bare DSSE envelope.
    Envelope,
}

/// What was signed.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// The artifact itself.
    Artifact,
    /// A simple signing payload about the artifact, byte for byte.
    Payload(Vec<u8>),
    /// A DSSE envelope; the signature covers its PAE.
    Envelope(Envelope),
}

/// What the evidence says it is verified with.
#[derive(Clone, Debug)]
pub(crate) enum Material {
    /// A certificate, and others that may lead to a trusted authority.
    Certificate(Box<Certificate>, Vec<Vec<u8>>),
    /// A key that the verifier must have; the hint only selects among those that it has.
    Key { hint: String },
}

/// An entry of a transparency log.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    pub(crate) index: u64,
    pub(crate) log: [u8; 32],
    pub(crate) kind: String,
    pub(crate) version: String,
    /// Seconds since the epoch; zero when the log gives none.
    pub(crate) time: i64,
    pub(crate) promise: Option<Vec<u8>>,
    pub(crate) proof: Option<Proof>,
    pub(crate) body: Vec<u8>,
}

impl LogEntry {
    /// Rekor v2 knows one kind, and gives no time and no promise.
    pub(crate) fn is_v2(&self) -> bool {
        self.kind == "hashedrekord" && self.version == "0.0.2"
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) hashes: Vec<merkle::Hash>,
    pub(crate) checkpoint: String,
}

/// A signature with all that came along with it. Read, and not yet believed.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub(crate) layout: Layout,
    pub(crate) content: Content,
    /// What the evidence says the artifact's digest is; never a substitute for computing it.
    pub(crate) message_digest: Option<Digest>,
    pub(crate) signature: Vec<u8>,
    pub(crate) material: Material,
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) timestamps: Vec<Vec<u8>>,
    /// What the timestamps cover: the signature, but for `.att` layers the envelope's text.
    pub(crate) stamped: Vec<u8>,
    /// The envelope as it was submitted to the log, where the layout keeps it.
    pub(crate) envelope_text: Option<Vec<u8>>,
    /// A Sigstore bundle as it came, for the second verifier.
    pub(crate) bundle: Option<String>,
}

impl Evidence {
    /// How it was written.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether it brings a certificate (else the verifier must have the key).
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        matches!(self.material, Material::Certificate(..))
    }

    /// The envelope that is signed, if one is. Not verified: good for showing and for choosing candidates, never for deciding.
    #[must_use]
    pub fn unverified_envelope(&self) -> Option<&Envelope> {
        match &self.content {
            Content::Envelope(envelope) => Some(envelope),
            _ => None,
        }
    }

    /// Signature and content without anything else.
    pub(crate) fn bare(layout: Layout, content: Content, signature: Vec<u8>, material: Material) -> Self {
        Self {
            layout,
            content,
            message_digest: None,
            stamped: signature.clone(),
            signature,
            material,
            entries: Vec::new(),
            timestamps: Vec::new(),
            envelope_text: None,
            bundle: None,
        }
    }

    /// A signature over an artifact, as `sign-blob` writes it: raw bytes, or base64 of them. With the certificate in PEM (or base64 of PEM) when keyless.
    ///
    /// # Errors
    /// When the certificate cannot be read; a bare public key in its place is refused (GHSA-fx35-mq7g-6g98).
    pub fn detached(signature: &[u8], certificate: Option<&str>) -> Result<Self, VerifyError> {
        if signature.len() > 64 << 10 {
            return Err(VerifyError::new(
                Check::Limits,
                "a signature of at most 64 KiB",
                format!("{} bytes", signature.len()),
            ));
        }
        let text = std::str::from_utf8(signature).ok().map(str::trim);
        let bytes = text.and_then(|text| crate::json::base64(text).ok()).unwrap_or_else(|| signature.to_vec());
        let material = match certificate {
            Some(pem) => crate::legacy::certificate_of(pem, None)?,
            None => Material::Key { hint: String::new() },
        };
        Ok(Self::bare(Layout::Detached, Content::Artifact, bytes, material))
    }

    /// A DSSE envelope alone. When its one signature brings a certificate (`signatures[].cert`, PEM, as the SLSA generator wrote it), that is the material.
    ///
    /// # Errors
    /// When the envelope is malformed or has not exactly one signature.
    pub fn envelope(bytes: &[u8]) -> Result<Self, VerifyError> {
        let envelope = Envelope::parse(bytes)?;
        let signature = envelope.only_signature()?.clone();
        let (layout, material) = match &signature.certificate {
            Some(pem) => (Layout::EnvelopeWithCertificate, crate::legacy::certificate_of(pem, None)?),
            None => (Layout::Envelope, Material::Key { hint: signature.key_id.clone() }),
        };
        Ok(Self::bare(layout, Content::Envelope(envelope), signature.signature, material))
    }
}

/// The artifact that is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Artifact<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digest: for images, the pinned digest of the manifest.
    Digest(&'a Digest),
}

impl Artifact<'_> {
    /// The artifact's digest by this algorithm, if it can be had.
    pub(crate) fn digest(&self, algorithm: Hash) -> Option<Digest> {
        match self {
            Self::Bytes(bytes) => Some(Digest::of(algorithm, bytes)),
            Self::Digest(digest) => (digest.algorithm() == algorithm).then_some(**digest),
        }
    }
}

impl std::fmt::Display for Artifact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{}", Digest::sha256(bytes)),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}
