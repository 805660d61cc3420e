//! A signer with a key, who asks a stack as a client would: in process, or by bare HTTP.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use signet_authority::{KeyKind, Options, Possession, SigningKey, Stack};

/// 2026-01-16T00:00:00Z.
pub(crate) const NOW: i64 = 1_768_521_600;
pub(crate) const EMAIL: &str = "person@example.com";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub(crate) fn options() -> Options {
    Options::new(Arc::new(now))
}

pub(crate) fn stack() -> Stack {
    Stack::new(options()).unwrap()
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn b64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", b64(der))
}

/// Who signs.
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
}

impl Signer {
    pub(crate) fn new() -> Self {
        Self { key: SigningKey::generate(KeyKind::P256).unwrap() }
    }

    /// A certificate chain for a person.
    pub(crate) fn certificate(&self, stack: &Stack) -> Vec<Vec<u8>> {
        let token = stack.issuer().mint_email(&stack.issuer_name(), EMAIL, stack.now()).unwrap();
        let signature = self.key.sign(EMAIL.as_bytes()).unwrap();
        stack.certify(&token, Possession::Proof { spki: self.key.spki(), signature: &signature }, stack.now()).unwrap()
    }

    /// The request for a log entry, with a certificate or the bare key.
    pub(crate) fn request(&self, content: &[u8], certificate: Option<&[u8]>) -> (Vec<u8>, Value) {
        let signature = self.key.sign(content).unwrap();
        let verifier = match certificate {
            Some(der) => json!({"x509Certificate": {"rawBytes": b64(der)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}),
            None => json!({"publicKey": {"rawBytes": b64(self.key.spki())}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}),
        };
        let request = json!({"hashedRekordRequestV002": {
            "digest": b64(sha256(content)),
            "signature": {"content": b64(&signature), "verifier": verifier},
        }});
        (signature, request)
    }

    /// A bundle over a file.
    pub(crate) fn bundle(&self, stack: &Stack, content: &[u8], certificate: &[u8]) -> Value {
        let (signature, request) = self.request(content, Some(certificate));
        let entry = stack.log().answer(request.to_string().as_bytes()).unwrap();
        let timestamp = stack.stamp(&sha256(&signature), stack.now()).unwrap();
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate)},
                "tlogEntries": [entry],
                "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": b64(timestamp)}]},
            },
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(content))},
                "signature": b64(&signature),
            },
        })
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|err| panic!("{err}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Sends bytes as they are, and reads until the server closes.
pub(crate) fn raw(url: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may answer and close before it has read all.
    let _sent = stream.write_all(request);
    let mut bytes = Vec::new();
    let _read = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

pub(crate) fn send(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    raw(url, &[format!("{request}\r\n").as_bytes(), body].concat())
}

pub(crate) fn get(url: &str, path: &str) -> Answer {
    send(url, "GET", path, &[], b"")
}

pub(crate) fn post(url: &str, path: &str, body: &Value) -> Answer {
    send(url, "POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}
