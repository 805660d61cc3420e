//! Certificates (RFC 5280) of an authority for one kind of server, and of the server.

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use x509_cert::der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use super::Error;
use super::der::{self, bits, oid, seq, tlv};

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const SUBJECT_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const AUTHORITY_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const EXTENDED_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
#[cfg(test)]
const CLIENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// Characters of a common name (RFC 5280, upper bound `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;

/// A private key: ECDSA over P-256.
pub(super) struct Key {
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
}

impl Key {
    pub(super) fn generate() -> Result<Self, Error> {
        Self::of(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| Error::Crypto("make a key"))?)
    }

    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
        Self::of(pair.map_err(|_| Error::Crypto("read a private key"))?)
    }

    fn of(pair: EcdsaKeyPair) -> Result<Self, Error> {
        let der: Result<PublicKeyX509Der<'_>, _> = pair.public_key().as_der();
        let spki = der.map_err(|_| Error::Crypto("write a public key"))?.as_ref().to_vec();
        Ok(Self { pair, spki })
    }

    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let der = self.pair.to_pkcs8v1().map_err(|_| Error::Crypto("write a private key"))?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| Error::Crypto("sign"))?;
        Ok(signature.as_ref().to_vec())
    }

    /// The key identifier: the first 160 bits of SHA-256 over the key's own bytes (RFC 7093, 2, method 1).
    fn identifier(&self) -> Vec<u8> {
        digest(&SHA256, self.pair.public_key().as_ref()).as_ref().iter().take(20).copied().collect()
    }
}

/// What both kinds of certificates say.
pub(super) struct Draft<'d> {
    pub(super) issuer: &'d str,
    pub(super) subject: &'d str,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Draft<'_> {
    /// A root for itself, which signs servers and no other authority.
    pub(super) fn root(&self, key: &Key) -> Result<Vec<u8>, Error> {
        let constraints = seq(&[&tlv(der::BOOLEAN, &[0xff]), &tlv(der::INTEGER, &[0])]);
        // Bits 5 and 6: keyCertSign and cRLSign; the first byte counts unused bits.
        let extensions = [
            extension(BASIC_CONSTRAINTS, true, &constraints),
            extension(KEY_USAGE, true, &tlv(der::BIT_STRING, &[1, 0x06])),
            extension(SUBJECT_KEY, false, &tlv(der::OCTET_STRING, &key.identifier())),
        ];
        self.sign(key, key, &extensions)
    }

    /// A server of these names.
    pub(super) fn server(&self, key: &Key, issuer: &Key, names: &[String]) -> Result<Vec<u8>, Error> {
        self.leaf(key, issuer, names, SERVER)
    }

    /// A client.
    #[cfg(test)]
    pub(super) fn client(&self, key: &Key, issuer: &Key) -> Result<Vec<u8>, Error> {
        self.leaf(key, issuer, &["client".to_owned()], CLIENT)
    }

    fn leaf(&self, key: &Key, issuer: &Key, names: &[String], usage: ObjectIdentifier) -> Result<Vec<u8>, Error> {
        let names: Vec<Vec<u8>> = names
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(IpAddr::V4(address)) => tlv(0x87, &address.octets()),
                Ok(IpAddr::V6(address)) => tlv(0x87, &address.octets()),
                Err(_) => tlv(0x82, name.as_bytes()),
            })
            .collect();
        let extensions = [
            extension(BASIC_CONSTRAINTS, true, &seq(&[])),
            // Bit 0: digitalSignature.
            extension(KEY_USAGE, true, &tlv(der::BIT_STRING, &[7, 0x80])),
            extension(EXTENDED_USAGE, false, &seq(&[&oid(usage)])),
            extension(SUBJECT_KEY, false, &tlv(der::OCTET_STRING, &key.identifier())),
            extension(AUTHORITY_KEY, false, &seq(&[&tlv(0x80, &issuer.identifier())])),
            extension(ALTERNATIVE_NAME, false, &tlv(der::SEQUENCE, &names.concat())),
        ];
        self.sign(key, issuer, &extensions)
    }

    fn sign(&self, key: &Key, issuer: &Key, extensions: &[Vec<u8>]) -> Result<Vec<u8>, Error> {
        let algorithm = seq(&[&oid(ECDSA_SHA256)]);
        let tbs = seq(&[
            &tlv(0xa0, &tlv(der::INTEGER, &[2])),
            &tlv(der::INTEGER, &serial()?),
            &algorithm,
            &name(self.issuer),
            &seq(&[&time(self.from)?, &time(self.until)?]),
            &name(self.subject),
            &key.spki,
            &tlv(0xa3, &tlv(der::SEQUENCE, &extensions.concat())),
        ]);
        let signature = issuer.sign(&tbs)?;
        Ok(seq(&[&tbs, &algorithm, &bits(&signature)]))
    }
}

fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { tlv(der::BOOLEAN, &[0xff]) } else { Vec::new() };
    seq(&[&oid(id), &flag, &tlv(der::OCTET_STRING, value)])
}

/// 160 bits, positive, from the provider's random numbers.
fn serial() -> Result<[u8; 20], Error> {
    let mut serial = [0; 20];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::Crypto("make a serial number"))?;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(serial)
}

fn name(common: &str) -> Vec<u8> {
    let part = |id, text: &str| tlv(der::SET, &seq(&[&oid(id), &tlv(der::UTF8, text.as_bytes())]));
    let common: String = common.chars().take(MAX_COMMON_NAME).collect();
    seq(&[&part(ORGANIZATION, "Signet"), &part(COMMON_NAME, &common)])
}

/// `Time` (RFC 5280, 4.1.2.5): UTCTime through 2049, then GeneralizedTime. Whole seconds.
fn time(at: Timestamp) -> Result<Vec<u8>, Error> {
    let civil = at.to_zoned(TimeZone::UTC);
    match civil.year() {
        1950..=2049 => Ok(tlv(der::UTC_TIME, civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())),
        2050..=9999 => Ok(tlv(der::GENERAL_TIME, civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())),
        _ => Err(Error::Time(at)),
    }
}
