//! RFC 3161 timestamps over a signature, by an authority of a `tsa` trust store.
//!
//! The token is read by hand: authorities write fractions of seconds and unsorted sets, which stricter readers refuse, and what is signed are the
//! attributes' bytes as they came (RFC 5652, 5.4).

use aws_lc_rs::digest;
use signet_model::Timestamp;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::NotationError;
use super::certificate::{Cert, SHA256, SHA384, SHA512, check_signature_with};
use super::chain::{self, Purpose};

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// Larger tokens are refused.
const LARGEST: usize = 256 << 10;
/// More certificates in a token are refused.
const CERTIFICATES: usize = 32;

/// A token that an authority of the store made over this signature.
#[derive(Debug)]
pub(super) struct Stamp {
    /// The earliest and latest time that the token can mean, by its stated accuracy.
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// The authority's chain, leaf first.
    pub(super) chain: Vec<Cert>,
}

fn wrong(found: impl std::fmt::Display) -> NotationError {
    NotationError::new("an RFC 3161 timestamp token", found.to_string())
}

/// Verifies a token over `stamped`.
pub(super) fn verify(token: &[u8], stamped: &[u8], anchors: &[&Cert]) -> Result<Stamp, NotationError> {
    if token.len() > LARGEST {
        return Err(wrong(format!("{} bytes", token.len())));
    }
    let signed = SignedData::read(token)?;
    let info = Info::read(signed.content)?;
    let imprint = hash(info.algorithm, stamped)
        .ok_or_else(|| NotationError::new("a hash of SHA-256, SHA-384 or SHA-512", info.algorithm.to_string()))?;
    if imprint != info.imprint {
        return Err(NotationError::new("a timestamp over this signature", "one over something else"));
    }
    let signer = signed.signer(anchors)?;
    let chain = path(signer, &signed.certificates, anchors)?;
    chain::check(&chain, Purpose::TimeStamping)?;
    // The authority was one at the time that it states.
    if let Some(expired) =
        chain.iter().find(|certificate| !certificate.is_valid_at(info.from) || !certificate.is_valid_at(info.until))
    {
        return Err(NotationError::new(
            format!("an authority that was valid at {}", info.from),
            format!("`{}`, valid from {} to {}", expired.subject(), expired.not_before, expired.not_after),
        ));
    }
    Ok(Stamp { from: info.from, until: info.until, chain })
}

/// The nonce of a granted response whose token is about `stamped`. Who made the token is not looked at: whoever asked for it verifies that elsewhere.
pub(crate) fn nonce_of(response: &[u8], stamped: &[u8]) -> Result<Option<Vec<u8>>, NotationError> {
    if response.len() > LARGEST {
        return Err(wrong(format!("{} bytes", response.len())));
    }
    let signed = SignedData::read(response)?;
    let info = Info::read(signed.content)?;
    let imprint = hash(info.algorithm, stamped)
        .ok_or_else(|| NotationError::new("a hash of SHA-256, SHA-384 or SHA-512", info.algorithm.to_string()))?;
    if imprint != info.imprint {
        return Err(NotationError::new("a timestamp over this signature", "one over something else"));
    }
    Ok(info.nonce.map(<[u8]>::to_vec))
}

/// The certificates from the signer to an anchor.
fn path(signer: Cert, bag: &[Cert], anchors: &[&Cert]) -> Result<Vec<Cert>, NotationError> {
    let mut chain = vec![signer];
    while chain.len() <= chain::LONGEST {
        let Some(last) = chain.last() else { break };
        if anchors.contains(&last) {
            return Ok(chain);
        }
        if let Some(anchor) = anchors.iter().find(|anchor| last.is_signed_by(anchor).is_ok()) {
            chain.push((*anchor).clone());
            return Ok(chain);
        }
        let next = bag
            .iter()
            .find(|issuer| !chain.contains(issuer) && issuer.is_authority() && last.is_signed_by(issuer).is_ok());
        match next {
            Some(issuer) => chain.push(issuer.clone()),
            None => break,
        }
    }
    Err(NotationError::new(
        "a timestamp authority of the trust store",
        chain.first().map_or_else(String::new, |signer| format!("`{}`", signer.subject())),
    ))
}

fn hash(oid: ObjectIdentifier, bytes: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match oid {
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        SHA512 => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, bytes).as_ref().to_vec())
}

/// The members of a SEQUENCE or SET.
fn members(bytes: &[u8]) -> Result<Vec<AnyRef<'_>>, NotationError> {
    let mut reader = SliceReader::new(bytes).map_err(wrong)?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        if found.len() > 64 {
            return Err(wrong("more members than any token has"));
        }
        found.push(AnyRef::decode(&mut reader).map_err(wrong)?);
    }
    Ok(found)
}

fn sequence(any: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, NotationError> {
    if any.tag() == Tag::Sequence {
        members(any.value())
    } else {
        Err(wrong(format!("{} instead of a sequence", any.tag())))
    }
}

/// Whether a value has the context-specific tag of this number.
fn is_context(any: AnyRef<'_>, wanted: TagNumber) -> bool {
    matches!(any.tag(), Tag::ContextSpecific { number, .. } if number == wanted)
}

fn oid(any: Option<&AnyRef<'_>>) -> Result<ObjectIdentifier, NotationError> {
    any.ok_or_else(|| wrong("a missing identifier"))?.decode_as().map_err(wrong)
}

/// A time-stamp response holds the token behind its status; a bare token begins with its type.
fn token_of(bytes: &[u8]) -> Result<AnyRef<'_>, NotationError> {
    let whole = AnyRef::from_der(bytes).map_err(wrong)?;
    let parts = sequence(whole)?;
    match parts.first().map(Tagged::tag) {
        Some(Tag::Sequence) => {
            let status = parts.first().copied().map(sequence).transpose()?.and_then(|status| status.first().copied());
            let granted = status.is_some_and(|status| matches!(status.value(), [0 | 1]));
            parts.get(1).copied().filter(|_| granted).ok_or_else(|| wrong("a refusal of the authority's"))
        }
        _ => Ok(whole),
    }
}

struct SignedData<'a> {
    content: &'a [u8],
    certificates: Vec<Cert>,
    signer: Vec<AnyRef<'a>>,
}

impl<'a> SignedData<'a> {
    /// Reads the content info (RFC 5652, 3 and 5.1).
    fn read(bytes: &'a [u8]) -> Result<Self, NotationError> {
        let info = sequence(token_of(bytes)?)?;
        if oid(info.first())? != SIGNED_DATA {
            return Err(wrong("other content than signed data"));
        }
        let content =
            info.get(1).copied().filter(|any| is_context(*any, TagNumber::N0)).ok_or_else(|| wrong("no content"))?;
        let signed = AnyRef::from_der(content.value()).map_err(wrong)?;
        let mut parts = sequence(signed)?.into_iter();
        let (_version, _digests) = parts.next().zip(parts.next()).ok_or_else(|| wrong("a cut structure"))?;
        let encapsulated = sequence(parts.next().ok_or_else(|| wrong("no content"))?)?;
        if oid(encapsulated.first())? != TST_INFO {
            return Err(wrong("content that is no timestamp"));
        }
        let content = encapsulated
            .get(1)
            .copied()
            .filter(|any| is_context(*any, TagNumber::N0))
            .ok_or_else(|| wrong("no timestamp"))?;
        let content = OctetStringRef::from_der(content.value()).map_err(wrong)?.as_bytes();
        let mut certificates = Vec::new();
        let mut signers = None;
        for part in parts {
            if is_context(part, TagNumber::N0) {
                for certificate in members(part.value())?.into_iter().take(CERTIFICATES) {
                    let der = certificate.to_der().map_err(wrong)?;
                    // Others in the bag may be of any kind; only what can be read can serve.
                    certificates.extend(Cert::from_der(&der).ok());
                }
            } else if part.tag() == Tag::Set {
                signers = Some(members(part.value())?);
            }
        }
        match signers.as_deref() {
            Some([signer]) => Ok(Self { content, certificates, signer: sequence(*signer)? }),
            other => Err(NotationError::new("one signer of the timestamp", other.map_or(0, <[_]>::len).to_string())),
        }
    }

    /// The certificate that signed, once its signature holds (RFC 5652, 5.4; RFC 5816).
    fn signer(&self, anchors: &[&Cert]) -> Result<Cert, NotationError> {
        let [_version, sid, digest_algorithm, attributes, signature_algorithm, signature, ..] = self.signer[..] else {
            return Err(wrong("a signer without attributes or signature"));
        };
        let certificate = self.by_id(sid, anchors)?;
        let digest_algorithm = oid(sequence(digest_algorithm)?.first())?;
        if !is_context(attributes, TagNumber::N0) {
            return Err(wrong("a signer without attributes"));
        }
        let (mut kind, mut message, mut reference) = (None, None, None);
        for attribute in members(attributes.value())? {
            let attribute = sequence(attribute)?;
            let values = attribute
                .get(1)
                .filter(|values| values.tag() == Tag::Set)
                .ok_or_else(|| wrong("an attribute without values"))?;
            let values = members(values.value())?;
            let place = match oid(attribute.first())? {
                CONTENT_TYPE => &mut kind,
                MESSAGE_DIGEST => &mut message,
                SIGNING_CERTIFICATE_2 => &mut reference,
                SIGNING_CERTIFICATE if reference.is_none() => &mut reference,
                _ => continue,
            };
            let [value] = values[..] else { return Err(wrong("an attribute with several values")) };
            *place = Some((oid(attribute.first())?, value));
        }
        if kind.map(|(_, value)| value.decode_as::<ObjectIdentifier>()) != Some(Ok(TST_INFO)) {
            return Err(wrong("a signed content type of something else"));
        }
        let message = message.ok_or_else(|| wrong("no digest of the content"))?.1;
        let expected = hash(digest_algorithm, self.content)
            .ok_or_else(|| NotationError::new("a hash of SHA-256, SHA-384 or SHA-512", digest_algorithm.to_string()))?;
        if message.tag() != Tag::OctetString || message.value() != expected {
            return Err(NotationError::new("the content that was signed", "another one"));
        }
        let (kind, reference) = reference.ok_or_else(|| wrong("no reference to the signing certificate"))?;
        check_reference(kind, reference, &certificate)?;
        // The attributes are signed under the tag of a set (RFC 5652, 5.4).
        let mut covered = attributes.to_der().map_err(wrong)?;
        if let Some(tag) = covered.first_mut() {
            *tag = 0x31;
        }
        let algorithm =
            signature_algorithm.to_der().and_then(|der| AlgorithmIdentifierOwned::from_der(&der)).map_err(wrong)?;
        if signature.tag() != Tag::OctetString {
            return Err(wrong("a signature that is none"));
        }
        check_signature_with(&certificate.key, &algorithm, Some(digest_algorithm), &covered, signature.value())?;
        Ok(certificate)
    }

    fn by_id(&self, sid: AnyRef<'_>, anchors: &[&Cert]) -> Result<Cert, NotationError> {
        let known = self.certificates.iter().chain(anchors.iter().copied());
        let id = sid.to_der().map_err(wrong)?;
        let found = if is_context(sid, TagNumber::N0) {
            let matches = |certificate: &&Cert| {
                let identifier = certificate.extension::<x509_cert::ext::pkix::SubjectKeyIdentifier>();
                identifier.is_ok_and(|identifier| {
                    identifier.is_some_and(|(_, identifier)| identifier.0.as_bytes() == sid.value())
                })
            };
            known.clone().find(matches)
        } else {
            let matches = |certificate: &&Cert| {
                let tbs = &certificate.parsed.tbs_certificate;
                let name = cms::cert::IssuerAndSerialNumber {
                    issuer: tbs.issuer.clone(),
                    serial_number: tbs.serial_number.clone(),
                };
                name.to_der().is_ok_and(|name| name == id)
            };
            known.clone().find(matches)
        };
        found.cloned().ok_or_else(|| {
            NotationError::new("the certificate of the timestamp's signer", "none in the token or the trust store")
        })
    }
}

/// The first certificate that the attribute names is the signer's (RFC 5035, 3 and 4; RFC 2634, 5.4).
fn check_reference(kind: ObjectIdentifier, attribute: AnyRef<'_>, certificate: &Cert) -> Result<(), NotationError> {
    let missing = || wrong("an empty reference to the signing certificate");
    let list = *sequence(attribute)?.first().ok_or_else(missing)?;
    let first = sequence(*sequence(list)?.first().ok_or_else(missing)?)?;
    let (value, expected) = if kind == SIGNING_CERTIFICATE {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate.der);
        (first.first(), digest.as_ref().to_vec())
    } else {
        // SHA-256 where no hash is named.
        match first.first().map(Tagged::tag) {
            Some(Tag::Sequence) => {
                let algorithm = oid(first.first().copied().map(sequence).transpose()?.unwrap_or_default().first())?;
                (first.get(1), hash(algorithm, &certificate.der).ok_or_else(|| wrong(algorithm))?)
            }
            _ => (first.first(), hash(SHA256, &certificate.der).unwrap_or_default()),
        }
    };
    if value.is_some_and(|value| value.tag() == Tag::OctetString && value.value() == expected) {
        return Ok(());
    }
    Err(NotationError::new("the signing certificate that the attributes name", format!("`{}`", certificate.subject())))
}

/// `TSTInfo` (RFC 3161, 2.4.2).
struct Info<'a> {
    algorithm: ObjectIdentifier,
    imprint: &'a [u8],
    /// The number of the request, as the bytes of an INTEGER.
    nonce: Option<&'a [u8]>,
    from: Timestamp,
    until: Timestamp,
}

impl<'a> Info<'a> {
    fn read(content: &'a [u8]) -> Result<Self, NotationError> {
        let parts = sequence(AnyRef::from_der(content).map_err(wrong)?)?;
        let [version, _policy, imprint, _serial, time, rest @ ..] = &parts[..] else {
            return Err(wrong("a cut timestamp"));
        };
        if version.tag() != Tag::Integer || version.value() != [1] {
            return Err(wrong("a timestamp of another version"));
        }
        let imprint = sequence(*imprint)?;
        let algorithm = oid(imprint.first().copied().map(sequence).transpose()?.unwrap_or_default().first())?;
        let hashed =
            imprint.get(1).filter(|hashed| hashed.tag() == Tag::OctetString).ok_or_else(|| wrong("no imprint"))?;
        if time.tag() != Tag::GeneralizedTime {
            return Err(wrong("no time"));
        }
        let at =
            std::str::from_utf8(time.value()).ok().and_then(generalized).ok_or_else(|| wrong("a time that is none"))?;
        let accuracy = match rest.first().filter(|next| next.tag() == Tag::Sequence) {
            Some(accuracy) => micros(*accuracy)?,
            None => 0,
        };
        let accuracy = jiff::SignedDuration::from_micros(accuracy);
        let (from, until) = at
            .checked_sub(accuracy)
            .ok()
            .zip(at.checked_add(accuracy).ok())
            .ok_or_else(|| wrong("a time out of range"))?;
        let nonce = rest.iter().find(|next| next.tag() == Tag::Integer).map(|next| next.value());
        Ok(Self { algorithm, imprint: hashed.value(), nonce, from, until })
    }
}

/// `YYYYMMDDhhmmss[.fraction]Z` (RFC 3161, 2.4.2).
fn generalized(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    if whole.len() != 14 || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range| whole.get(range);
    let (date, time) = (part(0..8)?, part(8..14)?);
    let mut iso = format!(
        "{}-{}-{}T{}:{}:{}",
        date.get(0..4)?,
        date.get(4..6)?,
        date.get(6..8)?,
        time.get(0..2)?,
        time.get(2..4)?,
        time.get(4..6)?
    );
    if let Some(fraction) = fraction {
        if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        iso.push('.');
        iso.push_str(fraction);
    }
    iso.push('Z');
    iso.parse().ok()
}

/// The accuracy in microseconds.
fn micros(accuracy: AnyRef<'_>) -> Result<i64, NotationError> {
    let mut total: i64 = 0;
    for part in sequence(accuracy)? {
        let value = match part.value() {
            bytes if bytes.len() <= 5 && bytes.first().is_none_or(|first| *first < 0x80) => {
                bytes.iter().fold(0i64, |number, byte| (number << 8) | i64::from(*byte))
            }
            _ => return Err(wrong("an accuracy out of range")),
        };
        let unit = if part.tag() == Tag::Integer {
            1_000_000
        } else if is_context(part, TagNumber::N0) {
            1_000
        } else {
            1
        };
        total = value
            .checked_mul(unit)
            .and_then(|value| total.checked_add(value))
            .ok_or_else(|| wrong("an accuracy out of range"))?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_fractions() {
        let ok = |text: &str| generalized(text).map(|time| time.to_string());
        assert_eq!(ok("20241231080530Z").as_deref(), Some("2024-12-31T08:05:30Z"));
        assert_eq!(ok("20241231080530.009Z").as_deref(), Some("2024-12-31T08:05:30.009Z"));
        for wrong in [
            "",
            "Z",
            "20241231080530",
            "2024123108053Z",
            "20241331080530Z",
            "20241231080530.Z",
            "20241231080530+01Z",
            "2024123108０530Z",
        ] {
            assert_eq!(ok(wrong), None, "{wrong}");
        }
    }
}
