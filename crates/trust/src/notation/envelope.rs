//! A signature envelope of either kind, read and not yet believed (`signature-specification.md`, "Signature envelope").

use serde::Deserialize;
use signet_model::Timestamp;

use super::certificate::Cert;
use super::{NotationError, cose, jws};
use crate::json;
use crate::key::Algorithm;

/// The payload's media type.
pub(super) const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
pub(super) const SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub(super) const PLUGIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
pub(super) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
/// Larger envelopes are refused; the specification allows 4 MiB of signature.
const LARGEST: usize = 4 << 20;

/// How an envelope is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// `application/jose+json`: one flattened JSON Web Signature.
    Jws,
    /// `application/cose`: one COSE_Sign1.
    Cose,
}

impl EnvelopeKind {
    /// By the media type of the layer.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/jose+json" => Some(Self::Jws),
            "application/cose" => Some(Self::Cose),
            _ => None,
        }
    }
}

/// Who vouches for the time of signing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Nobody but a timestamp authority (`notary.x509`).
    X509,
    /// The signing authority (`notary.x509.signingAuthority`).
    SigningAuthority,
}

/// An envelope. Its signature is checked by [`verify`](super::verify()); until then nothing in it is worth anything.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub(super) payload: Vec<u8>,
    pub(super) algorithm: Algorithm,
    pub(super) content_type: String,
    pub(super) scheme: Scheme,
    pub(super) authentic_time: Option<Timestamp>,
    pub(super) expiry: Option<Timestamp>,
    pub(super) plugin: Option<String>,
    /// Critical attributes that only somebody else understands.
    pub(super) unknown_critical: Vec<String>,
    pub(super) chain: Vec<Cert>,
    pub(super) timestamp: Option<Vec<u8>>,
    /// What the signature covers.
    pub(super) message: Vec<u8>,
    /// ASN.1 for ECDSA, plain octets for RSA.
    pub(super) signature: Vec<u8>,
    /// The signature as the envelope holds it: what a timestamp covers.
    pub(super) stamped: Vec<u8>,
}

/// What both kinds of envelope hold before the rules that they share.
pub(super) struct Parts {
    pub(super) payload: Vec<u8>,
    pub(super) algorithm: Algorithm,
    pub(super) content_type: String,
    pub(super) scheme: String,
    pub(super) critical: Vec<String>,
    pub(super) signing_time: Option<Timestamp>,
    pub(super) authentic_time: Option<Timestamp>,
    pub(super) expiry: Option<Timestamp>,
    pub(super) plugin: Option<String>,
    pub(super) plugin_version: bool,
    /// Names of all protected attributes.
    pub(super) protected: Vec<String>,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) timestamp: Option<Vec<u8>>,
    pub(super) message: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// The artifact that a payload names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetArtifact {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default)]
    pub(super) annotations: std::collections::BTreeMap<String, String>,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// When it is malformed, or breaks a rule on its attributes.
    pub fn parse(bytes: &[u8], kind: EnvelopeKind) -> Result<Self, NotationError> {
        if bytes.len() > LARGEST {
            return Err(NotationError::new(
                format!("an envelope of at most {LARGEST} bytes"),
                format!("{} bytes", bytes.len()),
            ));
        }
        let parts = match kind {
            EnvelopeKind::Jws => jws::read(bytes)?,
            EnvelopeKind::Cose => cose::read(bytes)?,
        };
        let wrong = |expected: &str, found: &str| Err(NotationError::new(expected, found));
        let scheme = match parts.scheme.as_str() {
            "notary.x509" => Scheme::X509,
            "notary.x509.signingAuthority" => Scheme::SigningAuthority,
            other => return wrong("a known signing scheme", other),
        };
        // What decides must be marked as critical, so that no verifier passes over it ("Signed attributes").
        let mut must = vec![SCHEME];
        match (scheme, parts.signing_time, parts.authentic_time) {
            (Scheme::X509, Some(_), None) => {}
            (Scheme::SigningAuthority, None, Some(_)) => must.push(AUTHENTIC_TIME),
            _ => return wrong("the one time of signing that the scheme has", "another, none or both"),
        }
        must.extend(parts.expiry.map(|_| EXPIRY));
        must.extend(parts.plugin.as_ref().map(|_| PLUGIN));
        must.extend(parts.plugin_version.then_some(PLUGIN_VERSION));
        if let Some(missing) = must.iter().find(|name| !parts.critical.iter().any(|critical| critical == *name)) {
            return wrong("an attribute that is marked critical", missing);
        }
        if let Some(absent) = parts.critical.iter().find(|name| !parts.protected.contains(name)) {
            return wrong("only protected attributes among the critical ones", absent);
        }
        let repeated = parts
            .critical
            .iter()
            .enumerate()
            .any(|(place, name)| parts.critical.iter().take(place).any(|other| other == name));
        if repeated {
            return wrong("each critical attribute once", "one twice");
        }
        if parts.plugin_version && parts.plugin.is_none() {
            return wrong("a plugin for the plugin's version", "none");
        }
        if let (Some(expiry), Some(time)) = (parts.expiry, parts.signing_time.or(parts.authentic_time))
            && expiry <= time
        {
            return wrong("an expiry after the time of signing", "one before");
        }
        let known = [SCHEME, AUTHENTIC_TIME, SIGNING_TIME, EXPIRY, PLUGIN, PLUGIN_VERSION, "alg", "cty", "crit"];
        let unknown_critical = parts.critical.iter().filter(|name| !known.contains(&name.as_str())).cloned().collect();
        if parts.chain.is_empty() {
            return wrong("the signing certificate's chain", "none");
        }
        if parts.chain.len() > super::chain::LONGEST {
            return wrong("a shorter chain", &format!("{} certificates", parts.chain.len()));
        }
        let chain = parts.chain.iter().map(|der| Cert::from_der(der)).collect::<Result<Vec<_>, _>>()?;
        let stamped = parts.signature.clone();
        let signature = match parts.algorithm {
            Algorithm::EcdsaP256Sha256 => asn1(&parts.signature, 32)?,
            Algorithm::EcdsaP384Sha384 => asn1(&parts.signature, 48)?,
            Algorithm::EcdsaP521Sha512 => asn1(&parts.signature, 66)?,
            _ => parts.signature,
        };
        Ok(Self {
            payload: parts.payload,
            algorithm: parts.algorithm,
            content_type: parts.content_type,
            scheme,
            authentic_time: parts.authentic_time,
            expiry: parts.expiry,
            plugin: parts.plugin,
            unknown_critical,
            chain,
            timestamp: parts.timestamp,
            message: parts.message,
            signature,
            stamped,
        })
    }

    /// The payload as signed, whatever it is. Not believed before [`verify`](super::verify()).
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// When it says that it expires.
    #[must_use]
    pub fn unverified_expiry(&self) -> Option<Timestamp> {
        self.expiry
    }

    /// Checks the signature with the key of the chain's first certificate, whose type and size decide the algorithm ("Signature algorithm
    /// requirements"), so that an envelope cannot choose a weaker one.
    pub(super) fn check_signature(&self) -> Result<(), NotationError> {
        let leaf = self.chain.first().ok_or_else(|| NotationError::new("a signing certificate", "none"))?;
        let fits = match (leaf.key.algorithm(), self.algorithm) {
            (key, named) if key == named => true,
            (Algorithm::RsaPkcs1Sha256, named) => match rsa_bits(leaf) {
                2048..3072 => named == Algorithm::RsaPssSha256,
                3072..4096 => named == Algorithm::RsaPssSha384,
                _ => named == Algorithm::RsaPssSha512,
            },
            _ => false,
        };
        if !fits {
            return Err(NotationError::new(
                format!("the algorithm of the certificate's key ({})", leaf.key.algorithm()),
                self.algorithm.to_string(),
            ));
        }
        let key = leaf
            .key
            .clone()
            .with_algorithm(self.algorithm)
            .map_err(|error| NotationError::new("a key for the signature's algorithm", error.to_string()))?;
        key.verify(&self.message, &self.signature)
            .map_err(|error| NotationError::new("a signature by the certificate's key", error.to_string()))
    }

    /// The artifact that the payload names.
    pub(super) fn target(&self) -> Result<TargetArtifact, NotationError> {
        let wrong = |found: String| NotationError::new("a payload that names the target artifact", found);
        if self.content_type != PAYLOAD {
            return Err(NotationError::new(format!("content type `{PAYLOAD}`"), format!("`{}`", self.content_type)));
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload {
            target_artifact: TargetArtifact,
        }
        let value = json::parse(&self.payload).map_err(wrong)?;
        let payload: Payload = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        Ok(payload.target_artifact)
    }
}

/// The size of an RSA modulus in bits.
fn rsa_bits(cert: &Cert) -> usize {
    use x509_cert::der::asn1::{AnyRef, UintRef};
    use x509_cert::der::{Decode, Reader, SliceReader};
    let bits = cert.parsed.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
    let modulus = |bytes| -> x509_cert::der::Result<usize> {
        let mut reader = SliceReader::new(bytes)?;
        reader.sequence(|reader| {
            let modulus = UintRef::decode(reader)?;
            let _exponent = AnyRef::decode(reader)?;
            Ok(modulus.as_bytes().len())
        })
    };
    modulus(bits).unwrap_or_default() * 8
}

/// `r || s` of equal length (RFC 7518, 3.4; RFC 9053, 2.1) as ASN.1.
fn asn1(signature: &[u8], length: usize) -> Result<Vec<u8>, NotationError> {
    use x509_cert::der::Encode;
    use x509_cert::der::asn1::UintRef;
    let wrong =
        || NotationError::new(format!("a signature of {} bytes", 2 * length), format!("{} bytes", signature.len()));
    let (r, s) = signature.split_at_checked(length).filter(|(_, s)| s.len() == length).ok_or_else(wrong)?;
    let number = |bytes| UintRef::new(bytes).and_then(|number| number.to_der()).map_err(|_| wrong());
    let mut body = number(r)?;
    body.extend(number(s)?);
    let mut out = vec![0x30];
    match u8::try_from(body.len()) {
        Ok(short @ 0..128) => out.push(short),
        Ok(long) => out.extend([0x81, long]),
        Err(_) => return Err(wrong()),
    }
    out.extend(body);
    Ok(out)
}
