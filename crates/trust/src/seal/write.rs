//! The layouts, written from a draft; each is read and verified before it is handed out.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_model::{Algorithm as Hash, Digest, Timestamp};

use super::{Against, Document, Draft, Stamped, latest};
use crate::binding::{self, Bound, Signer};
use crate::check::{Check, VerifyError};
use crate::dsse::IN_TOTO;
use crate::evidence::{Artifact, Content, Evidence};
use crate::identity::{CertificateIdentity, Issuer, Matcher, NameKind};
use crate::verify::{
    Covered, IdentityRequirement, LogRequirement, Requirements, SctRequirement, SecondOpinion, TimeSource, TrustedKey,
    about, verify,
};

/// What Cosign calls the current version.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A layer of Cosign's `.sig` or `.att` tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes: a payload or an envelope.
    pub bytes: Vec<u8>,
    /// What its descriptor says.
    pub annotations: BTreeMap<String, String>,
}

/// A DSSE envelope with one signature, in the order in which Cosign writes the members.
pub(super) fn envelope(payload: &[u8], signature: &[u8]) -> String {
    format!(
        r#"{{"payloadType":"{IN_TOTO}","payload":"{}","signatures":[{{"keyid":"","sig":"{}"}}]}}"#,
        STANDARD.encode(payload),
        STANDARD.encode(signature)
    )
}

impl Draft<'_> {
    /// A Sigstore bundle 0.3 (`protobuf-specs: protos/sigstore_bundle.proto`, ProtoJSON). `artifact` is what was signed: for a statement, one of its subjects.
    ///
    /// # Errors
    /// When the bundle does not verify: a service answered what does not hold, or the payload is about another artifact. Simple signing has no place in bundles.
    pub fn bundle(&self, artifact: Artifact<'_>, against: Against<'_>, now: Timestamp) -> Result<Vec<u8>, VerifyError> {
        let stamps: Vec<Value> = self
            .stamps
            .iter()
            .filter(|(over, _)| *over == Stamped::Signature)
            .map(|(_, answer)| json!({"signedTimestamp": STANDARD.encode(answer)}))
            .collect();
        let entries: Vec<&Value> = self.entries.iter().map(|entry| &entry.bundled).collect();
        let mut material = match self.author.certificate() {
            Some(certificate) => json!({"certificate": {"rawBytes": STANDARD.encode(certificate.der())}}),
            None => json!({"publicKey": {"hint": self.author.hint()}}),
        };
        if let Some(members) = material.as_object_mut() {
            members.insert("tlogEntries".to_owned(), json!(entries));
            if !stamps.is_empty() {
                members.insert("timestampVerificationData".to_owned(), json!({"rfc3161Timestamps": stamps}));
            }
        }
        let (name, content) = match &self.document {
            Document::Blob(bytes) => {
                let hash = self.author.public_key().algorithm().hash().unwrap_or(Hash::Sha256);
                let digest = STANDARD.encode(Digest::of(hash, bytes).as_bytes());
                let message = json!({
                    "messageDigest": {"algorithm": hash_name(hash), "digest": digest},
                    "signature": STANDARD.encode(&self.signature),
                });
                ("messageSignature", message)
            }
            Document::Statement(payload) => {
                let envelope = json!({
                    "payload": STANDARD.encode(payload),
                    "payloadType": IN_TOTO,
                    "signatures": [{"sig": STANDARD.encode(&self.signature)}],
                });
                ("dsseEnvelope", envelope)
            }
            Document::Payload(_) => {
                return Err(VerifyError::form("a file or a statement, which bundles hold", "a simple signing payload"));
            }
        };
        let bytes =
            json!({"mediaType": BUNDLE, "verificationMaterial": material, name: content}).to_string().into_bytes();
        self.read_back(&Evidence::bundle(&bytes)?, artifact, against, now)?;
        Ok(bytes)
    }

    /// A layer of a `.sig` tag (for payloads) or of an `.att` tag (for statements), with the annotations of `cosign: pkg/oci/static/signature.go`.
    ///
    /// # Errors
    /// As [`bundle`](Self::bundle); for a blob; and when the only log entries are of Rekor v2, which this layout cannot hold.
    pub fn layer(&self, artifact: Artifact<'_>, against: Against<'_>, now: Timestamp) -> Result<Layer, VerifyError> {
        let mut annotations = BTreeMap::new();
        if let Some(pem) = self.author.certificate_pem() {
            annotations.insert("dev.sigstore.cosign/certificate".to_owned(), pem);
            annotations.insert("dev.sigstore.cosign/chain".to_owned(), self.author.chain_pem());
        }
        if let Some(entry) = self.entry_of_v1()? {
            annotations.insert("dev.sigstore.cosign/bundle".to_owned(), entry.to_string());
        }
        let over = if self.envelope.is_some() { Stamped::Envelope } else { Stamped::Signature };
        if let Some((_, answer)) = self.stamps.iter().find(|(stamped, _)| *stamped == over) {
            let value = json!({"SignedRFC3161Timestamp": STANDARD.encode(answer)});
            annotations.insert("dev.sigstore.cosign/rfc3161timestamp".to_owned(), value.to_string());
        }
        let signature = "dev.cosignproject.cosign/signature".to_owned();
        let (media_type, bytes, evidence) = match (&self.document, &self.envelope) {
            (Document::Payload(payload), _) => {
                annotations.insert(signature, STANDARD.encode(&self.signature));
                let evidence = Evidence::simple_signing(payload, &annotations)?;
                ("application/vnd.dev.cosign.simplesigning.v1+json", payload.clone(), evidence)
            }
            (Document::Statement(payload), Some(envelope)) => {
                annotations.insert(signature, String::new());
                let kind = crate::statement::Statement::parse(payload)?.predicate_type().to_owned();
                annotations.insert("predicateType".to_owned(), kind);
                let bytes = envelope.as_bytes().to_vec();
                let evidence = Evidence::attestation(&bytes, &annotations)?;
                ("application/vnd.dsse.envelope.v1+json", bytes, evidence)
            }
            _ => return Err(VerifyError::form("a payload or a statement, which layers hold", "a file")),
        };
        self.read_back(&evidence, artifact, against, now)?;
        Ok(Layer { media_type, bytes, annotations })
    }

    /// The file that Cosign 1 and 2 write for `sign-blob --bundle`: `{"base64Signature", "cert", "rekorBundle"}`.
    ///
    /// # Errors
    /// As [`layer`](Self::layer); for anything but a blob.
    pub fn blob_bundle(
        &self,
        artifact: Artifact<'_>,
        against: Against<'_>,
        now: Timestamp,
    ) -> Result<Vec<u8>, VerifyError> {
        if !matches!(self.document, Document::Blob(_)) {
            return Err(VerifyError::form("a file, which blob bundles are about", "a payload or statement"));
        }
        let mut bundle = json!({"base64Signature": STANDARD.encode(&self.signature)});
        if let Some(members) = bundle.as_object_mut() {
            if let Some(pem) = self.author.certificate_pem() {
                members.insert("cert".to_owned(), STANDARD.encode(pem).into());
            }
            if let Some(entry) = self.entry_of_v1()? {
                members.insert("rekorBundle".to_owned(), entry);
            }
        }
        let bytes = bundle.to_string().into_bytes();
        self.read_back(&Evidence::blob_bundle(&bytes)?, artifact, against, now)?;
        Ok(bytes)
    }

    /// The log entry for old layouts, which have room for one with a promise.
    fn entry_of_v1(&self) -> Result<Option<Value>, VerifyError> {
        match self.entries.iter().find_map(|entry| entry.annotated.clone()) {
            Some(entry) => Ok(Some(entry)),
            None if self.entries.is_empty() => Ok(None),
            None => Err(VerifyError::form(
                "an entry of a Rekor v1 log, the only one that layouts before Cosign 3 hold",
                "entries of Rekor v2",
            )),
        }
    }

    /// Verifies what was written as a stranger would.
    fn read_back(
        &self,
        evidence: &Evidence,
        artifact: Artifact<'_>,
        against: Against<'_>,
        now: Timestamp,
    ) -> Result<(), VerifyError> {
        let requirements = self.requirements(evidence, against);
        match against {
            Against::Root(root) => verify(evidence, artifact, root, &requirements, latest(now)).map(|_| ()),
            Against::NobodyKnown => {
                let content = Covered::of(evidence, artifact);
                content.check_signature(self.author.public_key(), evidence)?;
                self.bind(evidence, &content)?;
                about(evidence, artifact, &requirements).map(|_| ())
            }
        }
    }

    fn requirements(&self, evidence: &Evidence, against: Against<'_>) -> Requirements {
        let logs: std::collections::BTreeSet<&[u8; 32]> = evidence.entries.iter().map(|entry| &entry.log).collect();
        let log = LogRequirement::AtLeast(logs.len());
        let Some(certificate) = self.author.certificate() else {
            return Requirements {
                log,
                ..Requirements::keys(vec![TrustedKey::always(self.author.public_key().clone())])
            };
        };
        let name = certificate.names().first().map_or("", |name| name.value());
        let issuer = match &certificate.claims().issuer {
            Some(issuer) => Issuer::Is(Matcher::Exact(issuer.clone())),
            None => Issuer::NotNamed,
        };
        let identity = CertificateIdentity {
            kind: NameKind::Any,
            name: Matcher::Exact(name.to_owned()),
            issuer,
            claims: Vec::new(),
        };
        let vouched = !evidence.timestamps.is_empty() || evidence.entries.iter().any(|entry| entry.promise.is_some());
        // An authority that logs its certificates is held to it; a private one may have no such log.
        let logged = matches!(against, Against::Root(root) if !root.certificate_logs.is_empty())
            && certificate.claims().issuer.is_some();
        Requirements {
            log,
            identity: IdentityRequirement::Certificate(vec![identity]),
            time: if vouched { TimeSource::LogOrTimestamp } else { TimeSource::InsecureBeginOfCertificate },
            sct: if logged { SctRequirement::Required } else { SctRequirement::InsecureIgnored },
            annotations: Vec::new(),
            predicate_type: None,
            second: SecondOpinion::Required,
        }
    }

    /// That the newest log entry is about this signature: told from the entry alone, before any layout is written.
    pub(super) fn bind_last(&self) -> Result<(), VerifyError> {
        let Some(entry) = self.entries.last() else { return Ok(()) };
        let content = match &self.document {
            Document::Blob(_) => Content::Artifact,
            Document::Payload(payload) => Content::Payload(payload.clone()),
            Document::Statement(_) => {
                let text = self.envelope.as_deref().unwrap_or_default();
                Content::Envelope(crate::dsse::Envelope::parse(text.as_bytes())?)
            }
        };
        let message = self.document.message();
        let envelope = match &content {
            Content::Envelope(envelope) => Some(envelope),
            _ => None,
        };
        binding::verify(
            &entry.read()?,
            &Bound {
                digest: &|algorithm| Some(Digest::of(algorithm, &message)),
                signature: &self.signature,
                signer: self.signer(),
                envelope,
                envelope_text: self.envelope.as_deref().map(str::as_bytes),
            },
        )
    }

    fn bind(&self, evidence: &Evidence, content: &Covered<'_>) -> Result<(), VerifyError> {
        let envelope = match &evidence.content {
            Content::Envelope(envelope) => Some(envelope),
            _ => None,
        };
        for entry in &evidence.entries {
            let bound = Bound {
                digest: &|algorithm| content.digest(algorithm),
                signature: &evidence.signature,
                signer: self.signer(),
                envelope,
                envelope_text: evidence.envelope_text.as_deref(),
            };
            binding::verify(entry, &bound)?;
        }
        Ok(())
    }

    fn signer(&self) -> Signer<'_> {
        match self.author.certificate() {
            Some(certificate) => Signer::Certificate(certificate),
            None => Signer::Key(self.author.public_key()),
        }
    }
}

pub(super) fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha256 => "SHA2_256",
        Hash::Sha384 => "SHA2_384",
        Hash::Sha512 => "SHA2_512",
    }
}

/// Why a signature cannot be logged (rekor-tiles #872: pure Ed25519 is refused for hashedrekord).
pub(super) fn ed25519_is_not_logged() -> VerifyError {
    VerifyError::new(
        Check::Inclusion,
        "a signature over a hash, which is what logs take",
        "one by Ed25519, which signs the message itself: use an ECDSA or RSA key, or do not log it",
    )
}
