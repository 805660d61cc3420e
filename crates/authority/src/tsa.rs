//! The timestamp authority (RFC 3161, with RFC 5652 and RFC 5816).

use jiff::Timestamp;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::ca::later;
use crate::der::{self, Element, Reader, tag};
use crate::error::{Error, Refusal};
use crate::key::{KeyKind, SigningKey, sha256};
use crate::public::Hash;
use crate::x509::{self, Draft, Parts, TIMESTAMPING, Usage};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// The policy of Sigstore's timestamp authorities (sigstore/fulcio `oid-info.md`).
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2");
/// For how long the signing certificate and its root are valid, in days.
const LEAF_DAYS: i64 = 1095;
const ROOT_DAYS: i64 = 3650;
/// Bytes of a query; the longest legal ones have about 150.
const LONGEST: usize = 4096;
/// Bytes of a nonce. OpenSSL makes 8.
const LONGEST_NONCE: usize = 64;

/// Why a query is refused: bits of `PKIFailureInfo` (RFC 3161, 2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    BadAlgorithm = 0,
    BadRequest = 2,
    BadDataFormat = 5,
    UnacceptedPolicy = 15,
    UnacceptedExtension = 16,
    /// `systemFailure`.
    OfOurs = 25,
}

/// `TimeStampResp` in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whether there is a timestamp in it.
    pub granted: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A timestamp authority.
#[derive(Debug)]
pub struct TimestampAuthority {
    key: SigningKey,
    /// DER of the signing certificate, then of its root.
    chain: [Vec<u8>; 2],
}

/// What a query asks.
struct Query<'a> {
    /// `MessageImprint`, whole.
    imprint: &'a [u8],
    /// The nonce as it came, whole.
    nonce: Option<&'a [u8]>,
    certificates: bool,
}

impl<'a> Query<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, (Failure, &'static str)> {
        let malformed = (Failure::BadDataFormat, "the query is no TimeStampReq in DER");
        if bytes.len() > LONGEST {
            return Err(malformed);
        }
        let mut query = Reader::new(Reader::only(bytes, tag::SEQUENCE).ok_or(malformed)?);
        if query.uint().ok_or(malformed)? != [1] {
            return Err((Failure::BadRequest, "the query's version is not 1"));
        }
        let imprint = query.element().filter(|imprint| imprint.tag == tag::SEQUENCE).ok_or(malformed)?;
        let mut parts = Reader::new(imprint.content);
        let mut algorithm = Reader::new(parts.take(tag::SEQUENCE).ok_or(malformed)?);
        let digest = parts.take(tag::OCTET_STRING).filter(|_| parts.is_empty()).ok_or(malformed)?;
        // Identifiers are compared as they are encoded: what is no known one may be any.
        let id = algorithm.take(tag::OID).ok_or(malformed)?;
        let known = [(SHA256, Hash::Sha256), (SHA384, Hash::Sha384), (SHA512, Hash::Sha512)];
        let hash = known.into_iter().find(|(known, _)| known.as_bytes() == id).map(|(_, hash)| hash);
        let hash =
            hash.ok_or((Failure::BadAlgorithm, "the digest is by another hash than SHA-256, SHA-384 or SHA-512"))?;
        let parameters = algorithm.optional(tag::NULL).map_err(|()| malformed)?;
        if parameters.is_some_and(|content| !content.is_empty()) || !algorithm.is_empty() {
            return Err(malformed);
        }
        if digest.len() != hash.length() {
            return Err((Failure::BadDataFormat, "the digest has another length than its hash makes"));
        }
        let policy = query.optional(tag::OID).map_err(|()| malformed)?;
        if policy.is_some_and(|policy| policy != POLICY.as_bytes()) {
            return Err((Failure::UnacceptedPolicy, "timestamps are made under the policy 1.3.6.1.4.1.57264.2 only"));
        }
        let nonce = if query.peek() == Some(tag::INTEGER) {
            let Element { content, whole, .. } = query.element().ok_or(malformed)?;
            let shortest = match content {
                [] => false,
                [0, next, ..] => *next >= 0x80,
                [0xff, next, ..] => *next < 0x80,
                _ => true,
            };
            Some(whole).filter(|_| shortest && content.len() <= LONGEST_NONCE).map(Some).ok_or(malformed)?
        } else {
            None
        };
        let certificates = match query.optional(tag::BOOLEAN).map_err(|()| malformed)? {
            None | Some([0]) => false,
            Some([0xff]) => true,
            Some(_) => return Err(malformed),
        };
        if query.peek() == Some(tag::outer(0)) {
            return Err((Failure::UnacceptedExtension, "extensions of queries are not understood"));
        }
        if !query.is_empty() {
            return Err(malformed);
        }
        Ok(Self { imprint: imprint.whole, nonce, certificates })
    }
}

impl TimestampAuthority {
    /// A new root and a signing certificate under it, for a key over P-256 or P-384. `random` are two serial numbers.
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
        let above = x509::name(Some((organization, &format!("{organization} timestamp root"))));
        let below = x509::name(Some((organization, &format!("{organization} timestamping"))));
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
                x509::authority(Some(0)),
                x509::subject_key(root.spki()),
                x509::authority_key(root.spki()),
            ],
        };
        let second = Draft {
            serial: second,
            issuer: &above,
            subject: &below,
            from: now,
            until: later(now, LEAF_DAYS)?,
            spki: key.spki(),
            extensions: vec![
                x509::key_usage(Usage::Signature),
                // The only purpose, and critical (RFC 3161, 2.3).
                x509::extended_usage(TIMESTAMPING, true),
                x509::subject_key(key.spki()),
                x509::authority_key(root.spki()),
            ],
        };
        let chain = [second.sign(root)?, first.sign(root)?];
        Self::resume(key, chain)
    }

    /// An authority that was founded before: its signing key and certificates in DER, the signing one first.
    ///
    /// # Errors
    /// When the key is not the certificate's, or of a kind that timestamps are not signed with.
    pub fn resume(key: SigningKey, chain: [Vec<u8>; 2]) -> Result<Self, Error> {
        if !matches!(key.kind(), KeyKind::P256 | KeyKind::P384) {
            return Err(Error::Setting("a timestamp authority's key is ECDSA over P-256 or P-384".to_owned()));
        }
        let same = chain.first().and_then(|der| Parts::of(der)).is_some_and(|parts| parts.spki == key.spki());
        if !same {
            return Err(Error::Setting("the timestamp authority's key is not the one in its certificate".to_owned()));
        }
        Ok(Self { key, chain })
    }

    /// DER of the signing certificate, then of its root.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Answers a query (`TimeStampReq` in DER). `random` becomes the serial number. A refusal is a reply, too.
    #[must_use]
    pub fn stamp(&self, query: &[u8], now: Timestamp, random: [u8; 20]) -> Reply {
        match Query::parse(query) {
            Ok(query) => match self.token(&query, now, random) {
                Ok(token) => {
                    let status = der::seq(&[&der::uint(&[0])]);
                    Reply { granted: true, bytes: der::seq(&[&status, &token]) }
                }
                Err(_) => refused(Failure::OfOurs, "the timestamp could not be signed"),
            },
            Err((failure, why)) => refused(failure, why),
        }
    }

    /// A timestamp over a SHA-256 digest, with the signing certificate in it: `TimeStampResp` in DER.
    ///
    /// # Errors
    /// When the key cannot sign, or the time cannot stand in a timestamp.
    pub fn stamp_sha256(&self, digest: &[u8; 32], now: Timestamp, random: [u8; 20]) -> Result<Vec<u8>, Refusal> {
        let imprint = der::seq(&[&der::seq(&[&der::oid(SHA256)]), &der::octets(digest)]);
        let token = self.token(&Query { imprint: &imprint, nonce: None, certificates: true }, now, random)?;
        Ok(der::seq(&[&der::seq(&[&der::uint(&[0])]), &token]))
    }

    /// `TimeStampToken`: CMS SignedData over TSTInfo (RFC 3161, 2.4.2).
    fn token(&self, query: &Query<'_>, now: Timestamp, random: [u8; 20]) -> Result<Vec<u8>, Error> {
        let broken = || Error::Setting("the timestamp authority's certificate cannot be read".to_owned());
        let [leaf, _] = &self.chain;
        let parts = Parts::of(leaf).ok_or_else(broken)?;
        let info = der::seq(&[
            &der::uint(&[1]),
            &der::oid(POLICY),
            query.imprint,
            &der::uint(&x509::serial(random)),
            &x509::general_time(now)?,
            // Whole seconds: right to one.
            &der::seq(&[&der::uint(&[1])]),
            query.nonce.unwrap_or(&[]),
        ]);
        let (digest, hash) = match self.key.kind() {
            KeyKind::P384 => (der::oid(SHA384), Hash::Sha384),
            _ => (der::oid(SHA256), Hash::Sha256),
        };
        let digest_algorithm = der::seq(&[&digest]);
        let over = aws_lc_rs::digest::digest(hash.provider(), &info);
        let attribute = |id, value: Vec<u8>| der::seq(&[&der::oid(id), &der::tlv(tag::SET, &value)]);
        // ESSCertIDv2 with SHA-256, its default (RFC 5816, 2.2.1; RFC 5035, 4): which certificate signs cannot be exchanged.
        let general = der::seq(&[&der::tlv(tag::outer(4), parts.issuer)]);
        let this = der::seq(&[&der::octets(&sha256(leaf)), &der::seq(&[&general, parts.serial])]);
        let attributes = der::set_of(vec![
            attribute(CONTENT_TYPE, der::oid(TST_INFO)),
            attribute(SIGNING_TIME, x509::time(now)?),
            attribute(MESSAGE_DIGEST, der::octets(over.as_ref())),
            attribute(SIGNING_CERTIFICATE_V2, der::seq(&[&der::seq(&[&this])])),
        ]);
        // Signed as a SET, written as `[0]` (RFC 5652, 5.4).
        let signature = self.key.sign(&attributes)?;
        let content = Reader::only(&attributes, tag::SET).ok_or_else(broken)?;
        let signer = der::seq(&[
            &der::uint(&[1]),
            &der::seq(&[parts.issuer, parts.serial]),
            &digest_algorithm,
            &der::tlv(tag::outer(0), content),
            &self.key.signature_algorithm(),
            &der::octets(&signature),
        ]);
        let certificates = if query.certificates { der::tlv(tag::outer(0), leaf) } else { Vec::new() };
        let data = der::seq(&[
            &der::uint(&[3]),
            &der::set_of(vec![digest_algorithm.clone()]),
            &der::seq(&[&der::oid(TST_INFO), &der::tlv(tag::outer(0), &der::octets(&info))]),
            &certificates,
            &der::set_of(vec![signer]),
        ]);
        Ok(der::seq(&[&der::oid(SIGNED_DATA), &der::tlv(tag::outer(0), &data)]))
    }
}

/// `TimeStampResp` without a token: `rejection`, with words and one bit.
fn refused(failure: Failure, why: &str) -> Reply {
    let bit = failure as u8;
    let mut bits = vec![7 - bit % 8];
    bits.resize(usize::from(bit / 8) + 1, 0);
    bits.push(0x80 >> (bit % 8));
    let status = der::seq(&[&der::uint(&[2]), &der::seq(&[&der::utf8(why)]), &der::tlv(tag::BIT_STRING, &bits)]);
    Reply { granted: false, bytes: der::seq(&[&status]) }
}

/// Whether the bytes are read as a query: for fuzzers.
pub(crate) fn reads_query(bytes: &[u8]) -> bool {
    Query::parse(bytes).is_ok()
}
