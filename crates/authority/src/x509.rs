//! Certificates (RFC 5280): their parts in DER, and a signature over them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::der::{self, Reader, tag};
use crate::error::Error;
use crate::key::{SigningKey, sha256};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
/// Code signing (RFC 5280, 4.2.1.12).
pub(crate) const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
/// Timestamping (RFC 3161, 2.3).
pub(crate) const TIMESTAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Sign certificates and revocation lists.
    Authority,
    /// Sign.
    Signature,
}

/// The serial number of a certificate: positive, 160 bits, from 20 random bytes.
pub(crate) fn serial(mut random: [u8; 20]) -> [u8; 20] {
    if let Some(first) = random.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    random
}

/// A distinguished name of an organization and a common name; an empty one without either.
pub(crate) fn name(parts: Option<(&str, &str)>) -> Vec<u8> {
    let part = |id, text: &str| der::tlv(tag::SET, &der::seq(&[&der::oid(id), &der::utf8(text)]));
    parts.map_or_else(
        || der::seq(&[]),
        |(organization, common)| der::seq(&[&part(ORGANIZATION, organization), &part(COMMON_NAME, common)]),
    )
}

/// `Time` (RFC 5280, 4.1.2.5): UTCTime through 2049, then GeneralizedTime. Whole seconds.
pub(crate) fn time(at: Timestamp) -> Result<Vec<u8>, Error> {
    let civil = at.to_zoned(TimeZone::UTC);
    match civil.year() {
        1950..=2049 => Ok(der::tlv(tag::UTC_TIME, civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())),
        2050..=9999 => general_time(at),
        _ => Err(Error::Time(at)),
    }
}

/// `GeneralizedTime` of whole seconds.
pub(crate) fn general_time(at: Timestamp) -> Result<Vec<u8>, Error> {
    let civil = at.to_zoned(TimeZone::UTC);
    if !(0..=9999).contains(&civil.year()) {
        return Err(Error::Time(at));
    }
    Ok(der::tlv(tag::GENERAL_TIME, civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes()))
}

/// One extension.
pub(crate) fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { der::tlv(tag::BOOLEAN, &[0xff]) } else { Vec::new() };
    der::seq(&[&der::oid(id), &flag, &der::octets(value)])
}

pub(crate) fn key_usage(usage: Usage) -> Vec<u8> {
    // Bit 0 is digitalSignature, bits 5 and 6 are keyCertSign and cRLSign; the first byte counts the unused bits.
    let bits: &[u8] = match usage {
        Usage::Authority => &[1, 0x06],
        Usage::Signature => &[7, 0x80],
    };
    extension(KEY_USAGE, true, &der::tlv(tag::BIT_STRING, bits))
}

pub(crate) fn extended_usage(purpose: ObjectIdentifier, critical: bool) -> Vec<u8> {
    extension(EXTENDED_KEY_USAGE, critical, &der::seq(&[&der::oid(purpose)]))
}

/// `CA:TRUE`, with at most so many authorities below.
pub(crate) fn authority(below: Option<u8>) -> Vec<u8> {
    let length = below.map_or_else(Vec::new, |below| der::uint(&[below]));
    extension(BASIC_CONSTRAINTS, true, &der::seq(&[&der::tlv(tag::BOOLEAN, &[0xff]), &length]))
}

/// The key identifier: the first 160 bits of SHA-256 over the key (RFC 7093, 2, method 1).
fn identifier(spki: &[u8]) -> Vec<u8> {
    let key = Reader::only(spki, tag::SEQUENCE).and_then(|content| {
        let mut reader = Reader::new(content);
        reader.take(tag::SEQUENCE)?;
        reader.bits()
    });
    sha256(key.unwrap_or(spki)).get(..20).unwrap_or(&[]).to_vec()
}

pub(crate) fn subject_key(spki: &[u8]) -> Vec<u8> {
    extension(SUBJECT_KEY, false, &der::octets(&identifier(spki)))
}

pub(crate) fn authority_key(spki: &[u8]) -> Vec<u8> {
    extension(AUTHORITY_KEY, false, &der::seq(&[&der::tlv(tag::context(0), &identifier(spki))]))
}

/// What a certificate says, all in DER.
#[derive(Clone)]
pub(crate) struct Draft<'a> {
    pub(crate) serial: [u8; 20],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) spki: &'a [u8],
    pub(crate) extensions: Vec<Vec<u8>>,
}

impl Draft<'_> {
    /// The certificate, signed.
    pub(crate) fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, Error> {
        let extensions: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let algorithm = key.signature_algorithm();
        let tbs = der::seq(&[
            &der::tlv(tag::outer(0), &der::uint(&[2])),
            &der::uint(&self.serial),
            &algorithm,
            self.issuer,
            &der::seq(&[&time(self.from)?, &time(self.until)?]),
            self.subject,
            self.spki,
            &der::tlv(tag::outer(3), &der::seq(&extensions)),
        ]);
        let signature = key.sign(&tbs)?;
        Ok(der::seq(&[&tbs, &algorithm, &der::bits(&signature)]))
    }
}

/// A certificate that was taken apart; nothing of it is judged here.
#[derive(Clone, Debug)]
pub(crate) struct Parts<'a> {
    /// TBSCertificate, whole.
    pub(crate) tbs: &'a [u8],
    /// The issuer's name, whole.
    pub(crate) issuer: &'a [u8],
    /// The serial number as it is encoded, whole.
    pub(crate) serial: &'a [u8],
    /// The subject's name, whole.
    pub(crate) subject: &'a [u8],
    /// SubjectPublicKeyInfo, whole.
    pub(crate) spki: &'a [u8],
    /// What stands before the extensions in TBSCertificate.
    pub(crate) before: &'a [u8],
    /// Extensions, each whole.
    pub(crate) extensions: Vec<&'a [u8]>,
    /// The signature.
    pub(crate) signature: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes a certificate of version 3 apart.
    pub(crate) fn of(certificate: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(Reader::only(certificate, tag::SEQUENCE)?);
        let tbs = outer.element().filter(|tbs| tbs.tag == tag::SEQUENCE)?;
        outer.take(tag::SEQUENCE)?;
        let signature = outer.bits().filter(|_| outer.is_empty())?;
        let mut inner = Reader::new(tbs.content);
        let element =
            |inner: &mut Reader<'a>, tag: u8| inner.element().filter(|found| found.tag == tag).map(|found| found.whole);
        element(&mut inner, tag::outer(0))?;
        let serial = element(&mut inner, tag::INTEGER)?;
        element(&mut inner, tag::SEQUENCE)?;
        let issuer = element(&mut inner, tag::SEQUENCE)?;
        element(&mut inner, tag::SEQUENCE)?;
        let subject = element(&mut inner, tag::SEQUENCE)?;
        let spki = element(&mut inner, tag::SEQUENCE)?;
        let list = inner.element().filter(|list| list.tag == tag::outer(3) && inner.is_empty())?;
        let before = tbs.content.get(..tbs.content.len().checked_sub(list.whole.len())?)?;
        let mut each = Reader::new(Reader::only(list.content, tag::SEQUENCE)?);
        let mut extensions = Vec::new();
        while !each.is_empty() {
            extensions.push(element(&mut each, tag::SEQUENCE)?);
        }
        Some(Self { tbs: tbs.whole, issuer, serial, subject, spki, before, extensions, signature })
    }

    /// Its TBSCertificate without one extension.
    pub(crate) fn without(&self, id: ObjectIdentifier) -> Vec<u8> {
        let kept: Vec<&[u8]> = self.extensions.iter().copied().filter(|one| identifier_of(one) != Some(id)).collect();
        der::seq(&[self.before, &der::tlv(tag::outer(3), &der::seq(&kept))])
    }

    /// Whether it has an extension.
    pub(crate) fn has(&self, id: ObjectIdentifier) -> bool {
        self.extensions.iter().any(|one| identifier_of(one) == Some(id))
    }
}

fn identifier_of(extension: &[u8]) -> Option<ObjectIdentifier> {
    Reader::new(Reader::only(extension, tag::SEQUENCE)?).oid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(at: &str, tag: u8, text: &str) {
        let at: Timestamp = at.parse().unwrap();
        assert_eq!(time(at).unwrap(), der::tlv(tag, text.as_bytes()));
    }

    #[test]
    fn times() {
        check("2026-11-21T19:41:19Z", tag::UTC_TIME, "261121194119Z");
        check("2049-12-31T23:59:59.999Z", tag::UTC_TIME, "491231235959Z");
        check("2050-01-01T00:00:00Z", tag::GENERAL_TIME, "20500101000000Z");
        assert!(time("1949-12-31T23:59:59Z".parse().unwrap()).is_err());
    }

    #[test]
    fn serial_numbers_have_160_bits_and_are_positive() {
        for random in [[0; 20], [0xff; 20]] {
            let written = der::uint(&serial(random));
            assert_eq!(&written[..2], &[2, 20]);
            assert!(written[2] < 0x80);
        }
    }
}
