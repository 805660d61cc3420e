//! What is trusted: logs, certificate logs, authorities for certificates and for timestamps, each with the time for which it is trusted.

use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde_json::Value;
use signet_model::Timestamp;
use sigstore_types::{DerCertificate, TimeRange, TsaAuthority};
use sigstore_verify::Verifier;

use crate::certificate::Certificate;
use crate::check::{Check, VerifyError};
use crate::evidence::CHAIN;
use crate::key::{Algorithm, PublicKey};
use crate::witness::Witnesses;
use crate::{json, note, pem};

/// Largest trusted root that is read.
const LONGEST: usize = 4 << 20;
/// Most entries of a kind.
const MOST: usize = 256;

/// A span of time, closed at both ends; absent ends are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// First moment.
    pub start: Option<Timestamp>,
    /// Last moment.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether the time lies within.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }

    /// The time that lies in both.
    fn within(self, other: Self) -> Self {
        Self {
            start: self.start.max(other.start),
            end: match (self.end, other.end) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
        }
    }

    fn of(range: Option<TimeRange>) -> Self {
        range.map_or_else(Self::default, |range| Self { start: Some(range.start), end: range.end })
    }
}

/// A well-known instance of Sigstore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    /// sigstore.dev.
    PublicGood,
    /// sigstage.dev, for tests.
    Staging,
    /// GitHub's own, for attestations of private repositories.
    Github,
}

/// A log: its key, the ID that evidence names it by, and when it was in use.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) id: [u8; 32],
    pub(crate) key: PublicKey,
    pub(crate) window: Window,
}

#[derive(Clone, Debug)]
struct Authority {
    certificates: Vec<Vec<u8>>,
    anchors: Vec<TrustAnchor<'static>>,
    window: Window,
}

/// Trusted material. There is no default: it comes from a file, from TUF, or from keys and certificates that a person names.
pub struct TrustRoot {
    pub(crate) logs: Vec<Log>,
    pub(crate) certificate_logs: Vec<Log>,
    authorities: Vec<Authority>,
    /// Certificates that may stand between a trusted authority and a signing certificate. They are looked through and not trusted.
    between: Vec<Vec<u8>>,
    pub(crate) timestamps: Vec<TsaAuthority>,
    /// Who must have seen the tree heads of logs; nobody, unless somebody is named.
    pub(crate) witnesses: Option<Witnesses>,
    /// The project's own verifier over the same material; absent for material that is not from a `trusted_root.json`.
    pub(crate) second: Option<Verifier>,
}

impl std::fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "TrustRoot({} logs, {} certificate logs, {} certificate authorities, {} timestamp authorities)",
            self.logs.len(),
            self.certificate_logs.len(),
            self.authorities.len(),
            self.timestamps.len()
        )
    }
}

impl TrustRoot {
    /// Reads a `trusted_root.json` (`application/vnd.dev.sigstore.trustedroot+json;version=0.1` or `0.2`, also under the newer name). Keys of algorithms
    /// that Signet does not use are left out: nothing verifies by them.
    ///
    /// # Errors
    /// When the document is malformed, of another type, names a log twice, or has an authority without certificates or a window that ends before it begins.
    pub fn from_json(bytes: &[u8]) -> Result<Self, VerifyError> {
        let wrong = |found: String| VerifyError::form("a Sigstore trusted root", found);
        if bytes.len() > LONGEST {
            return Err(wrong(format!("{} bytes", bytes.len())));
        }
        let value = json::parse(bytes).map_err(wrong)?;
        let root = json::At::root(&value);
        let media = root.get("mediaType").str().map_err(wrong)?;
        let known = [
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
            "application/vnd.dev.sigstore.trustedroot.v0.1+json",
            "application/vnd.dev.sigstore.trustedroot.v0.2+json",
        ];
        if !known.contains(&media) {
            return Err(wrong(format!("the media type `{media}`")));
        }
        for name in ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"] {
            root.get(name).list(MOST).map_err(wrong)?;
        }
        let text = with_addresses(value).to_string();
        let parsed = sigstore_trust_root::TrustedRoot::from_json(&text).map_err(|error| wrong(error.to_string()))?;
        let second = Verifier::new(&parsed).map_err(|error| wrong(error.to_string()))?;
        let mut trusted = Self::empty();
        for log in &parsed.tlogs {
            let id = <[u8; 32]>::try_from(log.log_id.key_id.as_bytes())
                .map_err(|_| wrong("a log ID of another length".to_owned()))?;
            if let Ok(key) = key_of(log.public_key.raw_bytes.as_bytes()) {
                trusted.logs.push(Log { id, key, window: Window::of(log.public_key.valid_for) });
            }
        }
        for log in &parsed.ctlogs {
            let id = <[u8; 32]>::try_from(log.log_id.key_id.as_bytes())
                .map_err(|_| wrong("a log ID of another length".to_owned()))?;
            if let Ok(key) = key_of(log.public_key.raw_bytes.as_bytes()) {
                trusted.certificate_logs.push(Log { id, key, window: Window::of(log.public_key.valid_for) });
            }
        }
        for authority in &parsed.certificate_authorities {
            let chain: Vec<Vec<u8>> =
                authority.cert_chain.certificates.iter().map(|entry| entry.raw_bytes.as_bytes().to_vec()).collect();
            trusted.push_authority(&chain, Window::of(authority.valid_for))?;
        }
        for authority in &parsed.timestamp_authorities {
            let chain: Vec<Vec<u8>> =
                authority.cert_chain.certificates.iter().map(|entry| entry.raw_bytes.as_bytes().to_vec()).collect();
            trusted.push_timestamps(&chain, Window::of(authority.valid_for))?;
        }
        trusted.second = Some(second);
        Ok(trusted)
    }

    /// The root of a well-known instance as it was when this program was built: where TUF begins, and what is used without a network.
    ///
    /// # Errors
    /// Never, unless the built-in file is damaged.
    pub fn embedded(instance: Instance) -> Result<Self, VerifyError> {
        Self::from_json(instance.trusted_root())
    }

    /// Nothing is trusted; the `with_` functions add what a person names.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            logs: Vec::new(),
            certificate_logs: Vec::new(),
            authorities: Vec::new(),
            between: Vec::new(),
            timestamps: Vec::new(),
            witnesses: None,
            second: None,
        }
    }

    /// Trusts a transparency log by its key. `origin` is the name on a Rekor v2 log's checkpoints, which is part of its ID; v1 logs have none.
    #[must_use]
    pub fn with_log(mut self, key: PublicKey, origin: Option<&str>, window: Window) -> Self {
        let id = match origin {
            Some(origin) if key.algorithm() == Algorithm::Ed25519 => note::key_id(origin, 0x01, &key),
            _ => key.fingerprint(),
        };
        self.logs.push(Log { id: array(id.as_bytes()), key, window });
        self.changed()
    }

    /// Trusts a certificate log by its key.
    #[must_use]
    pub fn with_certificate_log(mut self, key: PublicKey, window: Window) -> Self {
        let id = array(key.fingerprint().as_bytes());
        self.certificate_logs.push(Log { id, key, window });
        self.changed()
    }

    /// Demands cosignatures of witnesses under every log entry, whatever else is asked for. An entry without a tree head, which the layouts before Cosign 3
    /// hold, has none.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: Witnesses) -> Self {
        self.witnesses = Some(witnesses);
        self
    }

    /// Trusts every certificate of the PEM as an authority for signing certificates, each while it is valid itself.
    ///
    /// # Errors
    /// When the text is no PEM of certificates.
    pub fn with_authority(mut self, pem: &str, window: Window) -> Result<Self, VerifyError> {
        let chain = chain_of(pem)?;
        if chain.is_empty() {
            return Err(VerifyError::form("certificates of an authority", "none"));
        }
        for der in &chain {
            self.push_authority(std::slice::from_ref(der), window.within(validity(der)?))?;
        }
        Ok(self.changed())
    }

    /// Trusts the last certificate of the PEM as the one authority for signing certificates; those before it may stand between. Every other authority is no
    /// longer trusted (`cosign: cmd/cosign/cli/verify/verify.go`, `--certificate-chain`).
    ///
    /// # Errors
    /// When the text is no PEM of certificates, or of more than 16.
    pub fn with_chain(mut self, pem: &str) -> Result<Self, VerifyError> {
        let mut chain = chain_of(pem)?;
        let last = chain.pop().ok_or_else(|| VerifyError::form("certificates of an authority", "none"))?;
        self.authorities.clear();
        self.between.clear();
        self.push_authority(std::slice::from_ref(&last), validity(&last)?)?;
        self.push_between(chain)?;
        Ok(self.changed())
    }

    /// The same without any authority for signing certificates, to be named anew.
    #[must_use]
    pub fn without_authorities(mut self) -> Self {
        self.authorities.clear();
        self.between.clear();
        self.changed()
    }

    /// The same without any transparency log.
    #[must_use]
    pub fn without_logs(mut self) -> Self {
        self.logs.clear();
        self.changed()
    }

    /// The same without any certificate log.
    #[must_use]
    pub fn without_certificate_logs(mut self) -> Self {
        self.certificate_logs.clear();
        self.changed()
    }

    /// The same without any timestamp authority.
    #[must_use]
    pub fn without_timestamp_authorities(mut self) -> Self {
        self.timestamps.clear();
        self.changed()
    }

    /// Certificates of the PEM may stand between a trusted authority and a signing certificate.
    ///
    /// # Errors
    /// When the text is no PEM of certificates, or of more than 16.
    pub fn with_intermediates(mut self, pem: &str) -> Result<Self, VerifyError> {
        self.push_between(chain_of(pem)?)?;
        Ok(self.changed())
    }

    fn push_between(&mut self, chain: Vec<Vec<u8>>) -> Result<(), VerifyError> {
        let all = self.between.len().saturating_add(chain.len());
        if all > CHAIN {
            return Err(VerifyError::new(Check::Limits, format!("at most {CHAIN} certificates"), all.to_string()));
        }
        self.between.extend(chain);
        Ok(())
    }

    /// The other verifier was made over what was trusted before, so from here on it is not asked: it would judge by other material.
    fn changed(self) -> Self {
        Self { second: None, ..self }
    }

    /// Trusts a timestamp authority by its chain in PEM: its own certificate first, the root last.
    ///
    /// # Errors
    /// When the text is no PEM of certificates.
    pub fn with_timestamp_authority(mut self, pem: &str, window: Window) -> Result<Self, VerifyError> {
        self.push_timestamps(&chain_of(pem)?, window)?;
        Ok(self.changed())
    }

    fn push_authority(&mut self, chain: &[Vec<u8>], window: Window) -> Result<(), VerifyError> {
        let wrong = |found: String| VerifyError::form("certificates of an authority", found);
        if chain.is_empty() {
            return Err(wrong("none".to_owned()));
        }
        let mut anchors = Vec::new();
        for der in chain {
            let der = CertificateDer::from(der.as_slice());
            anchors.push(webpki::anchor_from_trusted_cert(&der).map_err(|error| wrong(error.to_string()))?.to_owned());
        }
        self.authorities.push(Authority { certificates: chain.to_vec(), anchors, window });
        Ok(())
    }

    fn push_timestamps(&mut self, chain: &[Vec<u8>], window: Window) -> Result<(), VerifyError> {
        let wrong = |found: &str| VerifyError::form("certificates of a timestamp authority", found);
        let (leaf, middle, root) = match chain {
            [] => return Err(wrong("none")),
            [one] => (one, &[][..], one),
            [leaf, middle @ .., root] => (leaf, middle, root),
        };
        let der = |bytes: &Vec<u8>| DerCertificate::new(bytes.clone());
        // A window without a start has been open for ever.
        let range = match (window.start, window.end) {
            (None, None) => None,
            (start, end) => Some(TimeRange::new(start.unwrap_or(Timestamp::MIN), end)),
        };
        self.timestamps.push(TsaAuthority::new(der(leaf), middle.iter().map(der).collect(), der(root), range));
        Ok(())
    }

    /// What may stand between an authority and a signing certificate, beside what comes with the evidence.
    pub(crate) fn between(&self) -> &[Vec<u8>] {
        &self.between
    }

    /// Whether the certificate is one that is trusted already, byte for byte.
    pub(crate) fn holds(&self, der: &[u8]) -> bool {
        self.authorities.iter().flat_map(|authority| &authority.certificates).any(|certificate| certificate == der)
    }

    /// The anchors of all authorities that are trusted at `time`.
    /// Establishes that an authority of this material issued a certificate for code signing, when it began to be valid: for one that is named
    /// beside its chain, and not found beside a signature (`cosign: pkg/cosign/verify.go`, `ValidateAndUnpackCertWithChain`).
    ///
    /// # Errors
    /// No authority did, or the certificate is for another use.
    pub fn issued(&self, certificate: &Certificate) -> Result<(), VerifyError> {
        let from = certificate.validity().0;
        certificate.chain(self.between(), &self.anchors(from), from).map(|_issuer| ())
    }

    pub(crate) fn anchors(&self, time: Timestamp) -> Vec<TrustAnchor<'static>> {
        self.authorities
            .iter()
            .filter(|authority| authority.window.contains(time))
            .flat_map(|authority| authority.anchors.iter().cloned())
            .collect()
    }
}

/// The addresses of certificate authorities are optional in the specification (`sigstore_trustroot.proto`) and required by the parser; nothing reads them.
fn with_addresses(mut root: Value) -> Value {
    if let Some(list) = root.get_mut("certificateAuthorities").and_then(Value::as_array_mut) {
        for authority in list.iter_mut().filter_map(Value::as_object_mut) {
            authority.entry("uri").or_insert_with(|| Value::String(String::new()));
        }
    }
    root
}

fn array(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

/// When a certificate says that it is valid. The path builder does not look at that of an anchor.
fn validity(der: &[u8]) -> Result<Window, VerifyError> {
    let (start, end) = crate::certificate::validity_of(der)?;
    Ok(Window { start: Some(start), end: Some(end) })
}

/// Keys stand in trusted roots as SubjectPublicKeyInfo or, for RSA, as PKCS#1.
fn key_of(bytes: &[u8]) -> Result<PublicKey, crate::key::KeyError> {
    PublicKey::from_der(bytes).or_else(|error| PublicKey::from_pkcs1(bytes).map_err(|_| error))
}

/// The certificates of a PEM text, in order.
pub(crate) fn chain_of(text: &str) -> Result<Vec<Vec<u8>>, VerifyError> {
    let wrong = |found: String| VerifyError::form("certificates in PEM", found);
    let blocks = pem::decode(text, crate::certificate::LONGEST).map_err(|error| wrong(error.to_string()))?;
    blocks
        .into_iter()
        .map(|block| match block.label.as_str() {
            "CERTIFICATE" => Ok(block.der),
            other => Err(wrong(format!("a `{other}`"))),
        })
        .collect()
}
