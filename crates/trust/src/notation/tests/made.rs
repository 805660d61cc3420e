//! Keys, certificates, envelopes, tokens and lists, made for each test from the specifications with a DER writer of its own.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use coset::cbor::Value as Cbor;
use coset::{CoseSign1Builder, HeaderBuilder, Label, RegisteredLabelWithPrivate, TaggedCborSerializable as _, iana};
use serde_json::{Value, json};

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// A P-256 key in both of the forms that sign here.
pub(super) struct Key {
    asn1: EcdsaKeyPair,
    fixed: EcdsaKeyPair,
}

impl Key {
    pub(super) fn new() -> Self {
        let asn1 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let pkcs8 = asn1.to_pkcs8v1().unwrap();
        Self { fixed: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap(), asn1 }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.asn1.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    /// `r || s`.
    fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        self.fixed.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    fn spki(&self) -> Vec<u8> {
        self.asn1.public_key().as_der().unwrap().as_ref().to_vec()
    }

    /// The bits of the public key alone.
    fn point(&self) -> Vec<u8> {
        self.asn1.public_key().as_ref().to_vec()
    }
}

pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..128 => out.push(u8::try_from(length).unwrap()),
        length @ 128..256 => out.extend([0x81, u8::try_from(length).unwrap()]),
        length => {
            out.push(0x82);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    out.extend(content);
    out
}

pub(super) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

pub(super) fn oid(text: &str) -> Vec<u8> {
    let numbers: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
    let mut out = vec![u8::try_from(numbers[0] * 40 + numbers[1]).unwrap()];
    for number in &numbers[2..] {
        let mut digits = vec![u8::try_from(number & 127).unwrap()];
        let mut rest = number >> 7;
        while rest > 0 {
            digits.push(u8::try_from(rest & 127).unwrap() | 128);
            rest >>= 7;
        }
        out.extend(digits.iter().rev());
    }
    tlv(0x06, &[&out])
}

fn ecdsa_sha256() -> Vec<u8> {
    seq(&[&oid("1.2.840.10045.4.3.2")])
}

fn sha256_id() -> Vec<u8> {
    seq(&[&oid("2.16.840.1.101.3.4.2.1")])
}

/// `C=US, ST=WA, O=acme, CN=..`.
fn name(common: &str) -> Vec<u8> {
    let part = |id: &str, text: &str| tlv(0x31, &[&seq(&[&oid(id), &tlv(0x0c, &[text.as_bytes()])])]);
    seq(&[&part("2.5.4.6", "US"), &part("2.5.4.8", "WA"), &part("2.5.4.10", "acme"), &part("2.5.4.3", common)])
}

pub(super) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { tlv(0x01, &[&[0xff]]) } else { Vec::new() };
    seq(&[&oid(id), &flag, &tlv(0x04, &[value])])
}

/// A certificate to be: what tests change of it.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) subject: &'static str,
    pub(super) validity: (&'static str, &'static str),
    pub(super) serial: u8,
    pub(super) extensions: Vec<Vec<u8>>,
}

pub(super) fn key_usage(bits: [u8; 2]) -> Vec<u8> {
    extension("2.5.29.15", true, &tlv(0x03, &[&bits]))
}

pub(super) fn authority(limit: Option<u8>) -> Vec<u8> {
    let limit = limit.map(|limit| tlv(0x02, &[&[limit]])).unwrap_or_default();
    extension("2.5.29.19", true, &seq(&[&tlv(0x01, &[&[0xff]]), &limit]))
}

pub(super) fn extended(critical: bool, ids: &[&str]) -> Vec<u8> {
    let ids: Vec<Vec<u8>> = ids.iter().map(|id| oid(id)).collect();
    extension("2.5.29.37", critical, &seq(&ids.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

pub(super) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub(super) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
pub(super) const LONG: (&str, &str) = ("200101000000Z", "400101000000Z");

impl Plan {
    pub(super) fn root() -> Self {
        Self { subject: "root", validity: LONG, serial: 1, extensions: vec![authority(None), key_usage([1, 0x06])] }
    }

    pub(super) fn leaf() -> Self {
        Self {
            subject: "signer",
            validity: LONG,
            serial: 7,
            extensions: vec![key_usage([7, 0x80]), extended(false, &[CODE_SIGNING])],
        }
    }

    pub(super) fn stamper() -> Self {
        Self {
            subject: "stamper",
            extensions: vec![key_usage([7, 0x80]), extended(true, &[TIME_STAMPING])],
            ..Self::leaf()
        }
    }

    /// The certificate, by an issuer of this name.
    pub(super) fn issue(&self, key: &Key, issuer: &str, by: &Key) -> Vec<u8> {
        self.issue_for(&key.spki(), issuer, by)
    }

    /// The certificate of a key of any kind.
    pub(super) fn issue_for(&self, spki: &[u8], issuer: &str, by: &Key) -> Vec<u8> {
        let tbs = seq(&[
            &tlv(0xa0, &[&tlv(0x02, &[&[2]])]),
            &tlv(0x02, &[&[self.serial]]),
            &ecdsa_sha256(),
            &name(issuer),
            &seq(&[&tlv(0x17, &[self.validity.0.as_bytes()]), &tlv(0x17, &[self.validity.1.as_bytes()])]),
            &name(self.subject),
            spki,
            &tlv(0xa3, &[&seq(&self.extensions.iter().map(Vec::as_slice).collect::<Vec<_>>())]),
        ]);
        sealed(by, &tbs)
    }
}

/// What an authority signs: certificates and lists.
pub(super) fn sealed(by: &Key, tbs: &[u8]) -> Vec<u8> {
    seq(&[tbs, &ecdsa_sha256(), &tlv(0x03, &[&[0], &by.sign(tbs)])])
}

/// A revocation list of the authority `root`.
pub(super) fn list(by: &Key, validity: (&str, &str), revoked: &[(u8, &[u8])], extensions: &[u8]) -> Vec<u8> {
    list_naming(&ecdsa_sha256(), by, validity, revoked, extensions)
}

/// A list that names this algorithm where the signature covers it; beside the signature stands the one that was used.
pub(super) fn list_naming(
    algorithm: &[u8],
    by: &Key,
    validity: (&str, &str),
    revoked: &[(u8, &[u8])],
    extensions: &[u8],
) -> Vec<u8> {
    let entries: Vec<u8> = revoked
        .iter()
        .flat_map(|(serial, extensions)| seq(&[&tlv(0x02, &[&[*serial]]), &tlv(0x17, &[b"250101000000Z"]), extensions]))
        .collect();
    let entries = if revoked.is_empty() { Vec::new() } else { seq(&[&entries]) };
    let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0xa0, &[&seq(&[extensions])]) };
    let tbs = seq(&[
        &tlv(0x02, &[&[1]]),
        algorithm,
        &name("root"),
        &tlv(0x17, &[validity.0.as_bytes()]),
        &tlv(0x17, &[validity.1.as_bytes()]),
        &entries,
        &extensions,
    ]);
    sealed(by, &tbs)
}

/// An OCSP response about serial number 7 of the authority `root`; `status` is the choice in DER.
pub(super) fn response(issuer: &Key, by: &Key, status: &[u8], certificates: &[Vec<u8>]) -> Vec<u8> {
    let time = tlv(0x18, &[b"20260101000000Z"]);
    let until = tlv(0xa0, &[&tlv(0x18, &[b"20270101000000Z"])]);
    let id = seq(&[
        &sha256_id(),
        &tlv(0x04, &[&sha256(&name("root"))]),
        &tlv(0x04, &[&sha256(&issuer.point())]),
        &tlv(0x02, &[&[7]]),
    ]);
    let data = seq(&[&tlv(0xa1, &[&name("root")]), &time, &seq(&[&seq(&[&id, status, &time, &until])])]);
    let certificates = if certificates.is_empty() {
        Vec::new()
    } else {
        tlv(0xa0, &[&seq(&certificates.iter().map(Vec::as_slice).collect::<Vec<_>>())])
    };
    let basic = seq(&[&data, &ecdsa_sha256(), &tlv(0x03, &[&[0], &by.sign(&data)]), &certificates]);
    let bytes = tlv(0xa0, &[&seq(&[&oid("1.3.6.1.5.5.7.48.1.1"), &tlv(0x04, &[&basic])])]);
    seq(&[&tlv(0x0a, &[&[0]]), &bytes])
}

/// A timestamp token over `stamped` at `time` by an authority that `root` issued.
pub(super) fn token(by: &Key, certificate: &[u8], stamped: &[u8], time: &str) -> Vec<u8> {
    token_with(by, certificate, 7, certificate, stamped, time)
}

/// The same with any certificates inside; `serial` is that of the certificate that signs.
pub(super) fn token_with(by: &Key, certificate: &[u8], serial: u8, bag: &[u8], stamped: &[u8], time: &str) -> Vec<u8> {
    let imprint = seq(&[&sha256_id(), &tlv(0x04, &[&sha256(stamped)])]);
    let accuracy = seq(&[&tlv(0x02, &[&[1]])]);
    let info = seq(&[
        &tlv(0x02, &[&[1]]),
        &oid("1.2.3.4"),
        &imprint,
        &tlv(0x02, &[&[5]]),
        &tlv(0x18, &[time.as_bytes()]),
        &accuracy,
    ]);
    let attribute = |id: &str, value: &[u8]| seq(&[&oid(id), &tlv(0x31, &[value])]);
    let attributes = [
        attribute("1.2.840.113549.1.9.3", &oid("1.2.840.113549.1.9.16.1.4")),
        attribute("1.2.840.113549.1.9.4", &tlv(0x04, &[&sha256(&info)])),
        attribute("1.2.840.113549.1.9.16.2.47", &seq(&[&seq(&[&seq(&[&tlv(0x04, &[&sha256(certificate)])])])])),
    ]
    .concat();
    let signature = by.sign(&tlv(0x31, &[&attributes]));
    let sid = seq(&[&name("root"), &tlv(0x02, &[&[serial]])]);
    let signer = seq(&[
        &tlv(0x02, &[&[1]]),
        &sid,
        &sha256_id(),
        &tlv(0xa0, &[&attributes]),
        &ecdsa_sha256(),
        &tlv(0x04, &[&signature]),
    ]);
    let content = seq(&[&oid("1.2.840.113549.1.9.16.1.4"), &tlv(0xa0, &[&tlv(0x04, &[&info])])]);
    let signed =
        seq(&[&tlv(0x02, &[&[3]]), &tlv(0x31, &[&sha256_id()]), &content, &tlv(0xa0, &[bag]), &tlv(0x31, &[&signer])]);
    seq(&[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &[&signed])])
}

/// Makes a signature over a message, or a token over a signature.
pub(super) type Stamp<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// A JSON Web Signature with these protected attributes.
pub(super) fn jws(
    key: &Key,
    chain: &[Vec<u8>],
    protected: &Value,
    payload: &[u8],
    stamp: Option<Stamp<'_>>,
) -> Vec<u8> {
    jws_by(&|message| key.sign_fixed(message), chain, protected, payload, stamp)
}

/// The same, signed by a key of any kind.
pub(super) fn jws_by(
    sign: Stamp<'_>,
    chain: &[Vec<u8>],
    protected: &Value,
    payload: &[u8],
    stamp: Option<Stamp<'_>>,
) -> Vec<u8> {
    let protected = URL_SAFE_NO_PAD.encode(protected.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = sign(format!("{protected}.{payload}").as_bytes());
    let chain: Vec<String> = chain.iter().map(|certificate| STANDARD.encode(certificate)).collect();
    let mut header = json!({ "x5c": chain, "io.cncf.notary.signingAgent": "a test" });
    if let Some(stamp) = stamp {
        header["io.cncf.notary.timestampSignature"] = json!(STANDARD.encode(stamp(&signature)));
    }
    let signature = URL_SAFE_NO_PAD.encode(signature);
    serde_json::to_vec(&json!({ "payload": payload, "protected": protected, "header": header, "signature": signature }))
        .unwrap()
}

/// A COSE_Sign1 with the scheme `notary.x509`.
pub(super) fn cose(key: &Key, chain: &[Vec<u8>], critical: &[&str], payload: &[u8]) -> Vec<u8> {
    let mut protected = HeaderBuilder::new()
        .algorithm(iana::Algorithm::ES256)
        .content_type("application/vnd.cncf.notary.payload.v1+json".to_owned())
        .text_value("io.cncf.notary.signingScheme".to_owned(), Cbor::from("notary.x509"))
        .text_value("io.cncf.notary.signingTime".to_owned(), Cbor::Tag(1, Box::new(Cbor::from(1_767_225_600))))
        .build();
    protected.crit = critical.iter().map(|name| RegisteredLabelWithPrivate::Text((*name).to_owned())).collect();
    let mut unprotected = HeaderBuilder::new().build();
    unprotected.rest.push((Label::Int(33), Cbor::Array(chain.iter().cloned().map(Cbor::Bytes).collect())));
    CoseSign1Builder::new()
        .protected(protected)
        .unprotected(unprotected)
        .payload(payload.to_vec())
        .create_signature(&[], |message| key.sign_fixed(message))
        .build()
        .to_tagged_vec()
        .unwrap()
}
