//! The certificate authority: a verified token and a proved key go in, a certificate for ten minutes comes out.
//!
//! Sources: sigstore/fulcio `docs/certificate-specification.md`, `docs/how-certificate-issuing-works.md`, API v2 (`fulcio.proto`).

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ct::{CertificateLog, POISON};
use crate::der::{self, Reader, tag};
use crate::error::{Error, Refusal};
use crate::identity::Identity;
use crate::key::SigningKey;
use crate::public::{Hash, PublicKey, Scheme};
use crate::text::{pem, unb64, unpem};
use crate::token::{self, AUDIENCE, TrustedIssuer};
use crate::x509::{self, CODE_SIGNING, Draft, Parts, Usage};

/// For how long certificates are valid.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// For how long authorities are: "10 years" and "3 years" of the certificate specification, in days.
const ROOT_DAYS: i64 = 3650;
const INTERMEDIATE_DAYS: i64 = 1095;
/// Bytes of a proof of possession or of a request in PKCS#10.
const LONGEST: usize = 16 << 10;

/// A certificate authority with one intermediate.
#[derive(Debug)]
pub struct Authority {
    key: SigningKey,
    /// DER of the intermediate, then of the root.
    chain: [Vec<u8>; 2],
    issuers: Vec<TrustedIssuer>,
}

/// How the holder shows that the key is theirs.
#[derive(Clone, Copy, Debug)]
pub enum Possession<'a> {
    /// A public key (SubjectPublicKeyInfo in DER) and its signature over the token's challenge claim.
    Proof {
        /// The key.
        spki: &'a [u8],
        /// The signature, by the algorithm that is natural for the key.
        signature: &'a [u8],
    },
    /// A request in PKCS#10 (RFC 2986), in DER, signed with the key itself.
    Request(&'a [u8]),
}

impl Authority {
    /// A new root with a new intermediate, both P-384 or what the keys are. `random` are two serial numbers.
    ///
    /// # Errors
    /// When the keys cannot sign, or the time cannot stand in a certificate.
    pub fn found(
        organization: &str,
        root: &SigningKey,
        key: SigningKey,
        now: Timestamp,
        random: [[u8; 20]; 2],
    ) -> Result<Self, Error> {
        let above = x509::name(Some((organization, &format!("{organization} root"))));
        let below = x509::name(Some((organization, &format!("{organization} intermediate"))));
        let [first, second] = random.map(x509::serial);
        let first = Draft {
            serial: first,
            issuer: &above,
            subject: &above,
            from: now,
            until: later(now, ROOT_DAYS)?,
            spki: root.spki(),
            extensions: vec![
                x509::key_usage(Usage::Authority),
                x509::authority(Some(1)),
                x509::subject_key(root.spki()),
                x509::authority_key(root.spki()),
            ],
        };
        let second = Draft {
            serial: second,
            issuer: &above,
            subject: &below,
            from: now,
            until: later(now, INTERMEDIATE_DAYS)?,
            spki: key.spki(),
            extensions: vec![
                x509::key_usage(Usage::Authority),
                x509::extended_usage(CODE_SIGNING, false),
                x509::authority(Some(0)),
                x509::subject_key(key.spki()),
                x509::authority_key(root.spki()),
            ],
        };
        let chain = [second.sign(root)?, first.sign(root)?];
        Ok(Self { key, chain, issuers: Vec::new() })
    }

    /// An authority that was founded before: its intermediate's key and certificates in DER, the intermediate first.
    ///
    /// # Errors
    /// When the key is not the intermediate's.
    pub fn resume(key: SigningKey, chain: [Vec<u8>; 2]) -> Result<Self, Error> {
        let same = chain.first().and_then(|der| Parts::of(der)).is_some_and(|parts| parts.spki == key.spki());
        if !same {
            return Err(Error::Setting("the authority's key is not the one in its certificate".to_owned()));
        }
        Ok(Self { key, chain, issuers: Vec::new() })
    }

    /// Exchanges the tokens of these issuers, and of no others.
    pub fn trust(&mut self, issuers: Vec<TrustedIssuer>) {
        self.issuers = issuers;
    }

    /// DER of the intermediate, then of the root.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Verifies the token and the possession of the key, has the certificate logged, and issues it: DER, the leaf first, the root last.
    ///
    /// `random` becomes the serial number.
    ///
    /// # Errors
    /// A refusal when the token or the proof is wrong; an internal one when the log cannot be written.
    pub fn certify(
        &self,
        token: &str,
        possession: Possession<'_>,
        log: &CertificateLog,
        now: Timestamp,
        random: [u8; 20],
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        // 1. Who asks? 2. Is the key theirs? 3. Only then anything is signed.
        let (claims, issuer) = token::verify(token, &self.issuers, now)?;
        let identity = Identity::of(&claims, &issuer.kind)?;
        let key = match possession {
            Possession::Proof { spki, signature } => {
                let key = PublicKey::from_spki(spki)?;
                if !key.verifies(Scheme::natural(&key), identity.challenge.as_bytes(), signature) {
                    return Err(Refusal::invalid(format!(
                        "the proof of possession does not verify: it is a signature over the token's `{}` with the key of the request",
                        issuer.kind.challenge_claim()
                    )));
                }
                key
            }
            Possession::Request(der) => requested(der)?,
        };
        self.issue(&identity, &key, log, now, random)
    }

    fn issue(
        &self,
        identity: &Identity,
        key: &PublicKey,
        log: &CertificateLog,
        now: Timestamp,
        random: [u8; 20],
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let [intermediate, _] = &self.chain;
        let Some(above) = Parts::of(intermediate) else {
            return Err(Error::Setting("the intermediate is no certificate".to_owned()).into());
        };
        let subject = x509::name(None);
        let mut extensions = vec![
            x509::key_usage(Usage::Signature),
            x509::extended_usage(CODE_SIGNING, false),
            x509::subject_key(key.spki()),
            x509::authority_key(self.key.spki()),
        ];
        extensions.extend(identity.in_certificate());
        let mut draft = Draft {
            serial: x509::serial(random),
            issuer: above.subject,
            subject: &subject,
            from: now,
            until: now.checked_add(LIFETIME).map_err(|_| Error::Time(now))?,
            spki: key.spki(),
            extensions,
        };
        // The log sees the certificate with a poison in place of its promise (RFC 6962, 3.1).
        draft.extensions.push(x509::extension(POISON, true, &der::tlv(tag::NULL, &[])));
        let before = draft.sign(&self.key)?;
        let promise = log.add(&[&before, intermediate], now)?;
        draft.extensions.pop();
        draft.extensions.push(promise.in_certificate());
        let leaf = draft.sign(&self.key)?;
        Ok([vec![leaf], self.chain.to_vec()].concat())
    }

    /// Answers `POST /api/v2/signingCert`. `bearer` is the token of the `Authorization` header, which Fulcio takes as well.
    ///
    /// # Errors
    /// A refusal, as for [`certify`](Self::certify), and when the body is malformed.
    pub fn answer(
        &self,
        body: &[u8],
        bearer: Option<&str>,
        log: &CertificateLog,
        now: Timestamp,
        random: [u8; 20],
    ) -> Result<Value, Refusal> {
        let wanted = Wanted::parse(body)?;
        let token = wanted
            .credentials
            .as_ref()
            .map(|credentials| credentials.oidc_identity_token.as_str())
            .filter(|token| !token.is_empty())
            .or(bearer)
            .ok_or_else(|| {
                Refusal::stranger("there is no identity token: give it as `credentials.oidcIdentityToken`")
            })?;
        let spki;
        let bytes;
        let possession = match (&wanted.public_key_request, &wanted.certificate_signing_request) {
            (Some(asked), None) => {
                spki = unpem("PUBLIC KEY", &asked.public_key.content)
                    .ok_or_else(|| Refusal::invalid("`publicKey.content` is no `PUBLIC KEY` in PEM"))?;
                bytes = unb64(&asked.proof_of_possession)
                    .ok_or_else(|| Refusal::invalid("`proofOfPossession` is no base64"))?;
                Possession::Proof { spki: &spki, signature: &bytes }
            }
            (None, Some(text)) => {
                let text = unb64(text).and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
                bytes = unpem("CERTIFICATE REQUEST", &text).ok_or_else(|| {
                    Refusal::invalid("`certificateSigningRequest` is no base64 of a `CERTIFICATE REQUEST` in PEM")
                })?;
                Possession::Request(&bytes)
            }
            _ => {
                return Err(Refusal::invalid(
                    "exactly one of `publicKeyRequest` and `certificateSigningRequest` must be given",
                ));
            }
        };
        let chain = self.certify(token, possession, log, now, random)?;
        let certificates: Vec<String> = chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
        Ok(json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}}))
    }

    /// Answers `GET /api/v2/trustBundle`.
    #[must_use]
    pub fn trust_bundle(&self) -> Value {
        let certificates: Vec<String> = self.chain.iter().map(|der| pem("CERTIFICATE", der)).collect();
        json!({"chains": [{"certificates": certificates}]})
    }

    /// Answers `GET /api/v2/configuration`.
    #[must_use]
    pub fn configuration(&self) -> Value {
        let issuers: Vec<Value> = self
            .issuers
            .iter()
            .map(|issuer| {
                json!({
                    "issuerUrl": issuer.url,
                    "audience": AUDIENCE,
                    "challengeClaim": issuer.kind.challenge_claim(),
                    "issuerType": issuer.kind.name(),
                })
            })
            .collect();
        json!({"issuers": issuers})
    }
}

/// So many days later.
pub(crate) fn later(now: Timestamp, days: i64) -> Result<Timestamp, Error> {
    now.checked_add(SignedDuration::from_hours(days.saturating_mul(24))).map_err(|_| Error::Time(now))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    credentials: Option<Credentials>,
    public_key_request: Option<KeyRequest>,
    certificate_signing_request: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credentials {
    #[serde(default)]
    oidc_identity_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyRequest {
    public_key: Key,
    proof_of_possession: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Key {
    /// Informative: the key's own type counts.
    #[serde(default, rename = "algorithm")]
    _algorithm: Value,
    content: String,
}

impl Wanted {
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        // The parser's own message may repeat what stood in the body, a token for example.
        serde_json::from_slice(body).map_err(|err| {
            Refusal::invalid(format!("the body is no signing request: line {}, column {}", err.line(), err.column()))
        })
    }
}

/// The key of a request in PKCS#10 whose signature verifies. What else it asks for is ignored: the token alone says whom the certificate names.
fn requested(der: &[u8]) -> Result<PublicKey, Refusal> {
    let malformed = || Refusal::invalid("the certificate signing request is no PKCS#10 in DER");
    if der.len() > LONGEST {
        return Err(malformed());
    }
    let mut outer = Reader::new(Reader::only(der, tag::SEQUENCE).ok_or_else(malformed)?);
    let info = outer.element().filter(|info| info.tag == tag::SEQUENCE).ok_or_else(malformed)?;
    let mut algorithm = Reader::new(outer.take(tag::SEQUENCE).ok_or_else(malformed)?);
    let signature = outer.bits().filter(|_| outer.is_empty()).ok_or_else(malformed)?;
    let mut inner = Reader::new(info.content);
    inner.uint().ok_or_else(malformed)?;
    inner.take(tag::SEQUENCE).ok_or_else(malformed)?;
    let spki = inner.element().filter(|spki| spki.tag == tag::SEQUENCE).ok_or_else(malformed)?;
    let key = PublicKey::from_spki(spki.whole)?;
    // RFC 5758, 3.2; RFC 4055, 5; RFC 8410, 3.
    let scheme = match algorithm.oid().ok_or_else(malformed)?.to_string().as_str() {
        "1.2.840.10045.4.3.2" => Scheme::Ecdsa(Hash::Sha256),
        "1.2.840.10045.4.3.3" => Scheme::Ecdsa(Hash::Sha384),
        "1.2.840.10045.4.3.4" => Scheme::Ecdsa(Hash::Sha512),
        "1.2.840.113549.1.1.11" => Scheme::RsaPkcs1(Hash::Sha256),
        "1.2.840.113549.1.1.12" => Scheme::RsaPkcs1(Hash::Sha384),
        "1.2.840.113549.1.1.13" => Scheme::RsaPkcs1(Hash::Sha512),
        "1.3.101.112" => Scheme::Ed25519,
        _ => {
            return Err(Refusal::invalid(
                "the certificate signing request is signed by an algorithm that is not accepted",
            ));
        }
    };
    if !key.verifies(scheme, info.whole, signature) {
        return Err(Refusal::invalid("the certificate signing request's signature does not verify with its own key"));
    }
    Ok(key)
}

/// Whether the bytes are read as a signing request: for fuzzers, which have no token.
pub(crate) fn reads_request(bytes: &[u8]) -> bool {
    Wanted::parse(bytes).is_ok() || requested(bytes).is_ok()
}
