//! A certificate authority, a certificate log, a transparency log and a timestamp authority, small enough to be made for each test.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_model::Timestamp;
use signet_trust::{PublicKey, TrustRoot, Window};

pub(crate) const NAME: &str = "signer@example.com";
pub(crate) const ISSUER: &str = "https://issuer.example.com";
/// When everything is signed, and the ten minutes for which certificates are valid.
pub(crate) const SIGNED: i64 = 1_750_000_100;
const FROM: &str = "250615150640Z";
const UNTIL: &str = "250615151640Z";
/// Authorities last longer.
pub(crate) const EARLY: &str = "240101000000Z";
pub(crate) const LATE: &str = "340101000000Z";

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key that signs.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        self.0.public_key().as_der().unwrap().as_ref().to_vec()
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::from_der(&self.spki()).unwrap()
    }

    pub(crate) fn pem(&self) -> String {
        self.public().to_pem()
    }
}

/// DER: tag, length, content.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 128 => out.push(length),
        Ok(length) => out.extend([0x81, length]),
        Err(_) => {
            out.push(0x82);
            out.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(content);
    out
}

fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

/// An object identifier from its text.
fn oid(text: &str) -> Vec<u8> {
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

fn name(text: &str) -> Vec<u8> {
    if text.is_empty() {
        return seq(&[]);
    }
    seq(&[&tlv(0x31, &[&seq(&[&oid("2.5.4.3"), &tlv(0x0c, &[text.as_bytes()])])])])
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { tlv(0x01, &[&[0xff]]) } else { Vec::new() };
    seq(&[&oid(id), &flag, &tlv(0x04, &[value])])
}

/// What a certificate says.
#[derive(Clone)]
pub(crate) struct Says {
    pub(crate) name: String,
    pub(crate) issuer: Option<String>,
    /// What it is for; nothing is said when this is empty.
    pub(crate) usage: &'static str,
    pub(crate) logged: bool,
    /// The log signs for a certificate of another issuer.
    pub(crate) logged_elsewhere: bool,
    /// The name is a URI and no address.
    pub(crate) uri: bool,
    /// Texts of Fulcio's extensions 1.3.6.1.4.1.57264.1.N.
    pub(crate) claims: Vec<(u8, String)>,
}

impl Default for Says {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            issuer: Some(ISSUER.to_owned()),
            usage: "1.3.6.1.5.5.7.3.3",
            logged: true,
            logged_elsewhere: false,
            uri: false,
            claims: Vec::new(),
        }
    }
}

pub(crate) struct World {
    pub(crate) authority: Key,
    pub(crate) root: Vec<u8>,
    pub(crate) certificates: Key,
    pub(crate) log: Key,
}

impl World {
    pub(crate) fn new() -> Self {
        let authority = Key::new();
        let extensions = [
            extension("2.5.29.19", true, &seq(&[&tlv(0x01, &[&[0xff]])])),
            extension("2.5.29.15", true, &tlv(0x03, &[&[1, 0x06]])),
        ];
        let root = certificate(&authority, "root", "root", (EARLY, LATE), &authority.spki(), &extensions.concat());
        Self { authority, root, certificates: Key::new(), log: Key::new() }
    }

    /// An authority under this one, with the same logs, and its certificate. It is valid from and until then, as UTCTime.
    pub(crate) fn under(self, validity: (&str, &str)) -> (Self, Vec<u8>) {
        self.under_for(validity, None)
    }

    /// The same, and for what its certificates may be used.
    pub(crate) fn under_for(self, validity: (&str, &str), usage: Option<&str>) -> (Self, Vec<u8>) {
        let key = Key::new();
        let extensions = [
            extension("2.5.29.19", true, &seq(&[&tlv(0x01, &[&[0xff]])])),
            extension("2.5.29.15", true, &tlv(0x03, &[&[1, 0x06]])),
            usage.map(|usage| extension("2.5.29.37", false, &seq(&[&oid(usage)]))).unwrap_or_default(),
        ];
        let middle = certificate(&self.authority, "root", "root", validity, &key.spki(), &extensions.concat());
        (Self { authority: key, ..self }, middle)
    }

    /// The logs alone.
    pub(crate) fn logs(&self, root: TrustRoot) -> TrustRoot {
        root.with_certificate_log(self.certificates.public(), Window::default()).with_log(
            self.log.public(),
            None,
            Window::default(),
        )
    }

    pub(crate) fn trusted(&self) -> TrustRoot {
        TrustRoot::empty()
            .with_authority(&pem("CERTIFICATE", &self.root), Window::default())
            .unwrap()
            .with_certificate_log(self.certificates.public(), Window::default())
            .with_log(self.log.public(), None, Window::default())
    }

    /// The same as a file, of which the other verifier reads too.
    pub(crate) fn trusted_file(&self) -> TrustRoot {
        let log = |key: &Key| {
            json!({
                "baseUrl": "https://log.example.com", "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(sha256(&key.spki()))},
                "publicKey": {"rawBytes": b64(key.spki()), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": {"start": "2024-01-01T00:00:00Z"}},
            })
        };
        let text = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log)],
            "ctlogs": [log(&self.certificates)],
            "certificateAuthorities": [{
                "subject": {"organization": "example.com", "commonName": "root"}, "uri": "https://ca.example.com",
                "certChain": {"certificates": [{"rawBytes": b64(&self.root)}]}, "validFor": {"start": "2024-01-01T00:00:00Z"},
            }],
        });
        TrustRoot::from_json(text.to_string().as_bytes()).unwrap()
    }

    /// A certificate for a key.
    pub(crate) fn issue(&self, key: &Key, says: &Says) -> Vec<u8> {
        self.issue_for(&key.spki(), says)
    }

    /// The same for a key of which only the public half is here.
    pub(crate) fn issue_for(&self, key: &[u8], says: &Says) -> Vec<u8> {
        let mut extensions = extension("2.5.29.15", true, &tlv(0x03, &[&[7, 0x80]]));
        if !says.usage.is_empty() {
            extensions.extend(extension("2.5.29.37", false, &seq(&[&oid(says.usage)])));
        }
        extensions.extend(extension(
            "2.5.29.17",
            true,
            &seq(&[&tlv(if says.uri { 0x86 } else { 0x81 }, &[says.name.as_bytes()])]),
        ));
        if let Some(issuer) = &says.issuer {
            extensions.extend(extension("1.3.6.1.4.1.57264.1.8", false, &tlv(0x0c, &[issuer.as_bytes()])));
        }
        for (number, text) in &says.claims {
            let id = format!("1.3.6.1.4.1.57264.1.{number}");
            extensions.extend(extension(&id, false, &tlv(0x0c, &[text.as_bytes()])));
        }
        let of = |extensions: &[u8]| tbs("root", "", (FROM, UNTIL), key, extensions);
        if says.logged {
            let before = of(&extensions);
            let issuer = if says.logged_elsewhere { Key::new().spki() } else { self.authority.spki() };
            let time = u64::try_from(SIGNED).unwrap() * 1000;
            let mut signed = vec![0, 0];
            signed.extend(time.to_be_bytes());
            signed.extend([0, 1]);
            signed.extend(sha256(&issuer));
            signed.extend(&u32::try_from(before.len()).unwrap().to_be_bytes()[1..]);
            signed.extend(&before);
            signed.extend([0, 0]);
            let signature = self.certificates.sign(&signed);
            let mut sct = vec![0];
            sct.extend(sha256(&self.certificates.spki()));
            sct.extend(time.to_be_bytes());
            sct.extend([0, 0, 4, 3]);
            sct.extend(u16::try_from(signature.len()).unwrap().to_be_bytes());
            sct.extend(signature);
            let mut list = u16::try_from(sct.len() + 2).unwrap().to_be_bytes().to_vec();
            list.extend(u16::try_from(sct.len()).unwrap().to_be_bytes());
            list.extend(sct);
            extensions.extend(extension("1.3.6.1.4.1.11129.2.4.2", false, &tlv(0x04, &[&list])));
        }
        sealed(&self.authority, &of(&extensions))
    }

    /// The log takes an entry: signs for it, and puts it beside another one.
    pub(crate) fn enter(&self, body: &Value, time: i64) -> Entry {
        self.enter_bytes(body.to_string().into_bytes(), time)
    }

    pub(crate) fn enter_bytes(&self, body: Vec<u8>, time: i64) -> Entry {
        let log = sha256(&self.log.spki());
        let other = sha256(&[&[0_u8][..], b"another entry"].concat());
        let leaf = sha256(&[&[0_u8][..], &body].concat());
        let root = sha256(&[&[1_u8][..], &other, &leaf].concat());
        let head = format!("log.example.com\n2\n{}\n", b64(root));
        let mut line = log[..4].to_vec();
        line.extend(self.log.sign(head.as_bytes()));
        let promise =
            format!(r#"{{"body":"{}","integratedTime":{time},"logID":"{}","logIndex":1}}"#, b64(&body), hex(&log));
        let promise = self.log.sign(promise.as_bytes());
        let checkpoint = format!("{head}\n\u{2014} log.example.com {}\n", b64(line));
        Entry { body, time, log, promise, sibling: other, root, checkpoint }
    }
}

/// An entry with all that the log gives out for it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) body: Vec<u8>,
    pub(crate) time: i64,
    pub(crate) log: [u8; 32],
    pub(crate) promise: Vec<u8>,
    sibling: [u8; 32],
    root: [u8; 32],
    checkpoint: String,
}

impl Entry {
    /// As bundles hold it.
    pub(crate) fn in_bundle(&self, proof: bool) -> Value {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let mut entry = json!({
            "logIndex": "1",
            "logId": {"keyId": b64(self.log)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": self.time.to_string(),
            "inclusionPromise": {"signedEntryTimestamp": b64(&self.promise)},
            "canonicalizedBody": b64(&self.body),
        });
        if proof {
            entry["inclusionProof"] = json!({
                "logIndex": "1",
                "treeSize": "2",
                "rootHash": b64(self.root),
                "hashes": [b64(self.sibling)],
                "checkpoint": {"envelope": self.checkpoint},
            });
        }
        entry
    }

    /// As annotations and blob bundles hold it.
    pub(crate) fn in_annotation(&self) -> Value {
        json!({
            "SignedEntryTimestamp": b64(&self.promise),
            "Payload": {
                "body": b64(&self.body),
                "integratedTime": self.time,
                "logIndex": 1,
                "logID": hex(&self.log),
            },
        })
    }
}

fn tbs(issuer: &str, subject: &str, validity: (&str, &str), spki: &[u8], extensions: &[u8]) -> Vec<u8> {
    seq(&[
        &tlv(0xa0, &[&tlv(0x02, &[&[2]])]),
        &tlv(0x02, &[&[7]]),
        &ecdsa_sha256(),
        &name(issuer),
        &seq(&[&tlv(0x17, &[validity.0.as_bytes()]), &tlv(0x17, &[validity.1.as_bytes()])]),
        &name(subject),
        spki,
        &tlv(0xa3, &[&seq(&[extensions])]),
    ])
}

fn sealed(by: &Key, tbs: &[u8]) -> Vec<u8> {
    seq(&[tbs, &ecdsa_sha256(), &tlv(0x03, &[&[0], &by.sign(tbs)])])
}

fn certificate(
    by: &Key,
    issuer: &str,
    subject: &str,
    validity: (&str, &str),
    spki: &[u8],
    extensions: &[u8],
) -> Vec<u8> {
    sealed(by, &tbs(issuer, subject, validity, spki, extensions))
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = b64(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(SIGNED + 86_400).unwrap()
}
