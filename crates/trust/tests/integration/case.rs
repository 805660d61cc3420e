//! One signature in each layout, in parts of which a test changes one before they are written down.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use signet_model::Digest;
use signet_trust::{
    Artifact, CertificateIdentity, Check, Evidence, Requirements, Signature, TrustedKey, Verified, VerifyError, pae,
    verify,
};

use crate::world::{Entry, ISSUER, Key, NAME, SIGNED, Says, World, b64, hex, now, pem, sha256};

pub(crate) const ARTIFACT: &[u8] = b"the artifact";

/// Ways in which evidence is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A bundle of 0.1 with a promise only, over the artifact.
    Bundle01,
    /// A bundle of 0.3 over the artifact.
    Bundle03,
    /// A bundle of 0.3 with a statement, logged as dsse 0.0.1.
    BundleDsse,
    /// A bundle of 0.3 with a statement, logged as intoto 0.0.2.
    BundleIntoto,
    /// A layer of a `.sig` tag.
    Sig,
    /// A layer of an `.att` tag, logged as dsse 0.0.1.
    Att,
    /// A layer of an `.att` tag, logged as intoto 0.0.1.
    AttIntoto,
    /// The old blob bundle.
    Blob,
}

pub(crate) const ALL: &[Layout] = &[
    Layout::Bundle01,
    Layout::Bundle03,
    Layout::BundleDsse,
    Layout::BundleIntoto,
    Layout::Sig,
    Layout::Att,
    Layout::AttIntoto,
    Layout::Blob,
];

impl Layout {
    pub(crate) fn is_envelope(self) -> bool {
        matches!(self, Self::BundleDsse | Self::BundleIntoto | Self::Att | Self::AttIntoto)
    }

    pub(crate) fn is_bundle(self) -> bool {
        matches!(self, Self::Bundle01 | Self::Bundle03 | Self::BundleDsse | Self::BundleIntoto)
    }
}

/// All parts of one signature, before they are written down; tests change one.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Payload of the envelope or of simple signing; unused where the artifact itself is signed.
    pub(crate) payload: Vec<u8>,
    pub(crate) payload_type: String,
    pub(crate) signature: Vec<u8>,
    /// PEM of certificate; `None` for a signature by key.
    pub(crate) signer: Option<String>,
    pub(crate) entry: Option<Entry>,
}

pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) key: Key,
    pub(crate) layout: Layout,
    pub(crate) parts: Parts,
}

pub(crate) fn statement(digest: &str) -> Vec<u8> {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {"sha256": digest}, "annotations": {"env": "prod"}}],
        "predicateType": "https://example.com/predicate/v1",
        "predicate": {},
    })
    .to_string()
    .into_bytes()
}

pub(crate) fn simple_signing(digest: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": {"docker-reference": "ignored"},
            "image": {"docker-manifest-digest": format!("sha256:{digest}")},
            "type": "cosign container image signature",
        },
        "optional": {"env": "prod"},
    })
    .to_string()
    .into_bytes()
}

impl Case {
    pub(crate) fn new(layout: Layout, keyless: bool) -> Self {
        let digest = hex(&sha256(ARTIFACT));
        let payload = match layout {
            Layout::Sig => simple_signing(&digest),
            layout if layout.is_envelope() => statement(&digest),
            _ => ARTIFACT.to_vec(),
        };
        Self::over(layout, keyless, payload, &Says::default())
    }

    pub(crate) fn over(layout: Layout, keyless: bool, payload: Vec<u8>, says: &Says) -> Self {
        let (world, key) = (World::new(), Key::new());
        let signer = keyless.then(|| pem("CERTIFICATE", &world.issue(&key, says)));
        let mut case = Self {
            world,
            key,
            layout,
            parts: Parts {
                payload,
                payload_type: "application/vnd.in-toto+json".to_owned(),
                signature: Vec::new(),
                signer,
                entry: None,
            },
        };
        case.sign();
        case.enter(SIGNED);
        case
    }

    pub(crate) fn covered(&self) -> Vec<u8> {
        if self.layout.is_envelope() {
            pae(&self.parts.payload_type, &self.parts.payload)
        } else {
            self.parts.payload.clone()
        }
    }

    pub(crate) fn sign(&mut self) {
        self.parts.signature = self.key.sign(&self.covered());
    }

    pub(crate) fn enter(&mut self, time: i64) {
        let entry = self.world.enter(&self.body(), time);
        self.parts.entry = Some(entry);
    }

    /// The body of the log entry for the parts as they are.
    pub(crate) fn body(&self) -> Value {
        let signer = b64(self.parts.signer.clone().unwrap_or_else(|| self.key.pem()));
        let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex(&sha256(bytes))});
        let signature = b64(&self.parts.signature);
        match self.layout {
            Layout::Bundle01 | Layout::Bundle03 | Layout::Sig | Layout::Blob => json!({
                "apiVersion": "0.0.1",
                "kind": "hashedrekord",
                "spec": {
                    "data": {"hash": hash(&self.covered())},
                    "signature": {"content": signature, "publicKey": {"content": signer}},
                },
            }),
            Layout::BundleDsse | Layout::Att => json!({
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": hash(&self.envelope()),
                    "payloadHash": hash(&self.parts.payload),
                    "signatures": [{"signature": signature, "verifier": signer}],
                },
            }),
            Layout::BundleIntoto => json!({
                "apiVersion": "0.0.2",
                "kind": "intoto",
                "spec": {"content": {
                    "envelope": {
                        "payloadType": self.parts.payload_type,
                        "signatures": [{"publicKey": signer, "sig": b64(signature)}],
                    },
                    "hash": hash(&self.envelope()),
                    "payloadHash": hash(&self.parts.payload),
                }},
            }),
            Layout::AttIntoto => json!({
                "apiVersion": "0.0.1",
                "kind": "intoto",
                "spec": {"content": {"hash": hash(&self.envelope())}, "publicKey": signer},
            }),
        }
    }

    pub(crate) fn envelope(&self) -> Vec<u8> {
        json!({
            "payloadType": self.parts.payload_type,
            "payload": b64(&self.parts.payload),
            "signatures": [{"keyid": "", "sig": b64(&self.parts.signature)}],
        })
        .to_string()
        .into_bytes()
    }

    pub(crate) fn bundle(&self) -> Value {
        let version = if self.layout == Layout::Bundle01 { "0.1" } else { "0.3" };
        let mut bundle = json!({
            "mediaType": format!("application/vnd.dev.sigstore.bundle+json;version={version}"),
            "verificationMaterial": {"tlogEntries": []},
        });
        let material = &mut bundle["verificationMaterial"];
        let der = self.parts.signer.as_deref().map(der_of);
        match (der, self.layout) {
            (Some(der), Layout::Bundle01) => {
                material["x509CertificateChain"] = json!({"certificates": [{"rawBytes": b64(der)}]});
            }
            (Some(der), _) => material["certificate"] = json!({"rawBytes": b64(der)}),
            (None, _) => material["publicKey"] = json!({"hint": ""}),
        }
        if let Some(entry) = &self.parts.entry {
            material["tlogEntries"] = json!([entry.in_bundle(self.layout != Layout::Bundle01)]);
        }
        if self.layout.is_envelope() {
            bundle["dsseEnvelope"] = serde_json::from_slice(&self.envelope()).unwrap();
        } else {
            bundle["messageSignature"] = json!({
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(&self.parts.payload))},
                "signature": b64(&self.parts.signature),
            });
        }
        bundle
    }

    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::new();
        let signature = if self.layout == Layout::Sig { b64(&self.parts.signature) } else { String::new() };
        annotations.insert("dev.cosignproject.cosign/signature".to_owned(), signature);
        if let Some(signer) = &self.parts.signer {
            annotations.insert("dev.sigstore.cosign/certificate".to_owned(), signer.clone());
            annotations.insert("dev.sigstore.cosign/chain".to_owned(), pem("CERTIFICATE", &self.world.root));
        }
        if let Some(entry) = &self.parts.entry {
            annotations.insert("dev.sigstore.cosign/bundle".to_owned(), entry.in_annotation().to_string());
        }
        annotations
    }

    /// Written down.
    pub(crate) fn text(&self) -> Vec<u8> {
        match self.layout {
            Layout::Sig => self.parts.payload.clone(),
            Layout::Att | Layout::AttIntoto => self.envelope(),
            Layout::Blob => {
                let mut blob = json!({
                    "base64Signature": b64(&self.parts.signature),
                    "cert": self.parts.signer.clone().map(b64).unwrap_or_default(),
                });
                if let Some(entry) = &self.parts.entry {
                    blob["rekorBundle"] = entry.in_annotation();
                }
                blob.to_string().into_bytes()
            }
            _ => self.bundle().to_string().into_bytes(),
        }
    }

    pub(crate) fn read(&self, text: &[u8]) -> Result<Evidence, VerifyError> {
        match self.layout {
            Layout::Sig => Evidence::simple_signing(text, &self.annotations()),
            Layout::Att | Layout::AttIntoto => Evidence::attestation(text, &self.annotations()),
            Layout::Blob => Evidence::blob_bundle(text),
            _ => Evidence::bundle(text),
        }
    }

    pub(crate) fn requirements(&self) -> Requirements {
        match self.parts.signer {
            Some(_) => Requirements::keyless(vec![CertificateIdentity::exact(NAME, ISSUER)]),
            None => Requirements::keys(vec![TrustedKey::always(self.key.public())]),
        }
    }

    pub(crate) fn verify(&self) -> Result<Verified<Signature>, VerifyError> {
        self.verify_with(&self.requirements())
    }

    pub(crate) fn verify_with(&self, requirements: &Requirements) -> Result<Verified<Signature>, VerifyError> {
        let digest = Digest::sha256(ARTIFACT);
        let evidence = self.read(&self.text())?;
        let trusted = self.world.trusted();
        let by_digest = verify(&evidence, Artifact::Digest(&digest), &trusted, requirements, now());
        let by_bytes = verify(&evidence, Artifact::Bytes(ARTIFACT), &trusted, requirements, now());
        // The two must never differ.
        assert_eq!(by_digest.as_ref().err(), by_bytes.as_ref().err(), "{:?}", self.layout);
        by_bytes
    }

    #[track_caller]
    pub(crate) fn refused(&self, check: Check) {
        self.refused_with(&self.requirements(), check);
    }

    #[track_caller]
    pub(crate) fn refused_with(&self, requirements: &Requirements, check: Check) {
        match self.verify_with(requirements) {
            Ok(_) => panic!("{:?} was accepted and must fail: {check}", self.layout),
            Err(error) => assert_eq!(error.check, check, "{:?}: {error}", self.layout),
        }
    }
}

pub(crate) fn der_of(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

/// Each layout, keyless and by key.
pub(crate) fn every(test: impl Fn(Case)) {
    for layout in ALL {
        for keyless in [true, false] {
            test(Case::new(*layout, keyless));
        }
    }
}
