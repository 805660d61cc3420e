//! Writing a `trusted_root.json`, for those who run authorities and logs of their own.
//!
//! Shape: sigstore/protobuf-specs:protos/sigstore_trustroot.proto, `TrustedRoot` 0.1, as ProtoJSON. What is written is read once before it is handed out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use signet_model::Timestamp;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::ext::pkix::BasicConstraints;

use crate::certificate::Certificate;
use crate::check::VerifyError;
use crate::key::{Algorithm, PublicKey};
use crate::root::{TrustRoot, Window, chain_of};
use crate::{json as strict, note};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");

/// The lists of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedKind {
    /// Authorities that certify signers.
    CertificateAuthorities,
    /// Logs of certificates.
    CertificateLogs,
    /// Logs of signatures.
    TransparencyLogs,
    /// Authorities that tell when something was signed.
    TimestampAuthorities,
}

impl TrustedKind {
    fn member(self) -> &'static str {
        match self {
            Self::CertificateAuthorities => "certificateAuthorities",
            Self::CertificateLogs => "ctlogs",
            Self::TransparencyLogs => "tlogs",
            Self::TimestampAuthorities => "timestampAuthorities",
        }
    }
}

/// A trusted root in the making.
#[derive(Clone, Debug, Default)]
pub struct TrustedRootDocument(Map<String, Value>);

impl TrustedRootDocument {
    /// Takes over one list of another trusted root.
    ///
    /// # Errors
    /// When the other one is no trusted root.
    pub fn take(&mut self, kind: TrustedKind, other: &[u8]) -> Result<(), VerifyError> {
        TrustRoot::from_json(other)?;
        let other = strict::parse(other).map_err(|found| VerifyError::form("a Sigstore trusted root", found))?;
        for entry in other.get(kind.member()).and_then(Value::as_array).into_iter().flatten() {
            self.push(kind, entry.clone());
        }
        Ok(())
    }

    /// An authority for signing certificates by its chain in PEM: what issues certificates first, the root last. Without a window it is trusted from the
    /// root certificate's first moment on.
    ///
    /// # Errors
    /// When the text is no PEM of certificates.
    pub fn certificate_authority(&mut self, pem: &str, uri: &str, window: Option<Window>) -> Result<(), VerifyError> {
        let chain = certificates(pem)?;
        let from = chain.last().map(|root| root.validity().0);
        self.push(TrustedKind::CertificateAuthorities, authority(&chain, uri, window, from)?);
        Ok(())
    }

    /// A timestamp authority by its chain in PEM: its own certificate first, the root last. Without a window it is trusted from its certificate's first moment
    /// on.
    ///
    /// # Errors
    /// When the text is no PEM of two or more certificates, or the first is an authority's.
    pub fn timestamp_authority(&mut self, pem: &str, uri: &str, window: Option<Window>) -> Result<(), VerifyError> {
        let wrong =
            |found: &str| VerifyError::form("the chain of a timestamp authority, its own certificate first", found);
        let chain = certificates(pem)?;
        let leaf = chain.first().ok_or_else(|| wrong("none"))?;
        if is_authority(leaf) {
            return Err(wrong("first certificate in chain must be a leaf certificate"));
        }
        if chain.len() < 2 {
            return Err(wrong("certificate chain must have at least two certificates"));
        }
        let from = Some(leaf.validity().0);
        self.push(TrustedKind::TimestampAuthorities, authority(&chain, uri, window, from)?);
        Ok(())
    }

    /// A log by its key. `origin` is the name on a Rekor v2 log's checkpoints, which is part of the ID of an Ed25519 key.
    ///
    /// # Errors
    /// When the document format has no name for such a key.
    pub fn log(
        &mut self,
        kind: TrustedKind,
        key: &PublicKey,
        url: &str,
        origin: Option<&str>,
        window: Window,
    ) -> Result<(), VerifyError> {
        let id = match origin {
            Some(origin) if key.algorithm() == Algorithm::Ed25519 => note::key_id(origin, 0x01, key),
            _ => key.fingerprint(),
        };
        self.push(
            kind,
            json!({
                "baseUrl": url, "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(key.der()), "keyDetails": details(key)?, "validFor": range(window),
                },
                "logId": {"keyId": STANDARD.encode(id.as_bytes())},
            }),
        );
        Ok(())
    }

    fn push(&mut self, kind: TrustedKind, entry: Value) {
        match self.0.entry(kind.member()).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(list) => list.push(entry),
            other => *other = Value::Array(vec![entry]),
        }
    }

    /// The document, which verifiers of ours read.
    ///
    /// # Errors
    /// When two logs have one ID, or a window ends before it begins.
    pub fn finish(mut self) -> Result<Value, VerifyError> {
        self.0.insert("mediaType".to_owned(), MEDIA_TYPE.into());
        let document = Value::Object(self.0);
        TrustRoot::from_json(document.to_string().as_bytes())?;
        Ok(document)
    }
}

fn certificates(pem: &str) -> Result<Vec<Certificate>, VerifyError> {
    let chain: Vec<Certificate> =
        chain_of(pem)?.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(VerifyError::form("certificates in PEM", "none"));
    }
    Ok(chain)
}

/// `CertificateAuthority` of the format, which timestamp authorities are too. The subject is the root's.
fn authority(
    chain: &[Certificate],
    uri: &str,
    window: Option<Window>,
    from: Option<Timestamp>,
) -> Result<Value, VerifyError> {
    let root = chain.last().ok_or_else(|| VerifyError::form("certificates in PEM", "none"))?;
    let listed: Vec<Value> = chain.iter().map(|one| json!({"rawBytes": STANDARD.encode(one.der())})).collect();
    Ok(json!({
        "subject": {"organization": attribute(root, ORGANIZATION), "commonName": attribute(root, COMMON_NAME)},
        "uri": uri,
        "certChain": {"certificates": listed},
        "validFor": range(window.map_or(Window { start: from, end: None }, |window| Window { start: window.start.or(from), ..window })),
    }))
}

/// The first value of an attribute of the subject, empty when there is none.
fn attribute(certificate: &Certificate, oid: ObjectIdentifier) -> String {
    let subject = &certificate.parsed.tbs_certificate.subject;
    let found = subject.0.iter().flat_map(|relative| relative.0.iter()).find(|attribute| attribute.oid == oid);
    let Some(attribute) = found else { return String::new() };
    let utf8 = attribute.value.decode_as::<Utf8StringRef<'_>>().map(|text| text.as_str().to_owned());
    let printable = || attribute.value.decode_as::<PrintableStringRef<'_>>().map(|text| text.as_str().to_owned());
    utf8.or_else(|_| printable()).unwrap_or_default()
}

fn is_authority(certificate: &Certificate) -> bool {
    let extensions = certificate.parsed.tbs_certificate.extensions.iter().flatten();
    let mut found = extensions.filter(|extension| extension.extn_id == BASIC_CONSTRAINTS);
    found.any(|extension| BasicConstraints::from_der(extension.extn_value.as_bytes()).is_ok_and(|basic| basic.ca))
}

fn range(window: Window) -> Value {
    let mut range = Map::new();
    range.insert("start".to_owned(), window.start.unwrap_or(Timestamp::UNIX_EPOCH).to_string().into());
    if let Some(end) = window.end {
        range.insert("end".to_owned(), end.to_string().into());
    }
    range.into()
}

/// `PublicKeyDetails` (sigstore_common.proto).
fn details(key: &PublicKey) -> Result<&'static str, VerifyError> {
    // SubjectPublicKeyInfo of RSA with the exponent 65537: 38 bytes around the modulus.
    let rsa = |found: usize| match found {
        290..=300 => Some("PKIX_RSA_PKCS1V15_2048_SHA256"),
        418..=428 => Some("PKIX_RSA_PKCS1V15_3072_SHA256"),
        546..=556 => Some("PKIX_RSA_PKCS1V15_4096_SHA256"),
        _ => None,
    };
    let name = match key.algorithm() {
        Algorithm::EcdsaP256Sha256 => Some("PKIX_ECDSA_P256_SHA_256"),
        Algorithm::EcdsaP384Sha384 => Some("PKIX_ECDSA_P384_SHA_384"),
        Algorithm::EcdsaP521Sha512 => Some("PKIX_ECDSA_P521_SHA_512"),
        Algorithm::Ed25519 => Some("PKIX_ED25519"),
        Algorithm::RsaPkcs1Sha256 => rsa(key.der().len()),
        _ => None,
    };
    name.ok_or_else(|| {
        VerifyError::form(
            "a key on P-256, P-384 or P-521, Ed25519, or RSA of 2048, 3072 or 4096 bits",
            key.algorithm().name(),
        )
    })
}
