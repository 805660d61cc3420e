//! Over HTTP: what is found, what is refused and how, and what hostile clients get.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use signet_authority::{Limits, Options, Stack};

use crate::client::{EMAIL, NOW, Signer, b64, get, options, pem, post, raw, send, stack};

/// `google.rpc.Status`.
#[track_caller]
fn refused(answer: &crate::client::Answer, status: u16, code: u64) {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.headers["content-type"], "application/json");
    let body = answer.json();
    assert_eq!(body["code"], code);
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()) && body["details"].is_array());
}

#[test]
fn a_certificate_by_a_proof() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let signer = Signer::new();
    let token = serving.token(EMAIL).unwrap();
    let request = |token: &str, proof: &[u8]| {
        json!({
            "credentials": {"oidcIdentityToken": token},
            "publicKeyRequest": {
                "publicKey": {"algorithm": "ECDSA", "content": pem("PUBLIC KEY", signer.key.spki())},
                "proofOfPossession": b64(signer.key.sign(proof).unwrap()),
            },
        })
    };
    let url = serving.url();
    let answer = post(&url, "/api/v2/signingCert", &request(&token, EMAIL.as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let chain = answer.json();
    let chain = chain["signedCertificateEmbeddedSct"]["chain"]["certificates"].as_array().unwrap();
    assert_eq!(chain.len(), 3);
    let bundle = get(&url, "/api/v2/trustBundle").json();
    assert_eq!(bundle["chains"][0]["certificates"].as_array().unwrap(), &chain[1..]);
    refused(&post(&url, "/api/v2/signingCert", &request(&token, b"else")), 400, 3);
    refused(&post(&url, "/api/v2/signingCert", &request("a.b.c", EMAIL.as_bytes())), 401, 16);
    refused(&post(&url, "/api/v2/signingCert", &request("", EMAIL.as_bytes())), 401, 16);
    for body in [
        json!({}),
        json!({"credentials": {"oidcIdentityToken": token}}),
        json!({"credentials": {"oidcIdentityToken": token}, "certificateSigningRequest": "AAAA"}),
        json!({"credentials": {"oidcIdentityToken": token}, "publicKeyRequest": {"publicKey": {"content": "x"}, "proofOfPossession": ""}}),
        json!({"unknown": 1}),
    ] {
        let answer = post(&url, "/api/v2/signingCert", &body);
        assert!(matches!(answer.status, 400 | 401), "{body}");
        assert!(!answer.text().contains(&token[..40]), "the token is repeated");
    }
    let configuration = get(&url, "/api/v2/configuration").json();
    let issuer = configuration["issuers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["issuerUrl"] == serving.issuer_url().as_str())
        .unwrap();
    assert_eq!(issuer["audience"], "sigstore");
    assert_eq!(issuer["challengeClaim"], "email");
}

#[test]
fn the_log_over_http() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let url = serving.url();
    let mut sizes = Vec::new();
    for n in 0..3_u8 {
        let (_, request) = Signer::new().request(&[n], None);
        let answer = post(&url, "/api/v2/log/entries", &request);
        assert_eq!(answer.status, 201, "{}", answer.text());
        sizes.push(answer.json()["inclusionProof"]["treeSize"].clone());
    }
    assert_eq!(sizes, [json!("1"), json!("2"), json!("3")]);
    let checkpoint = get(&url, "/api/v2/checkpoint").text();
    assert!(checkpoint.starts_with("log.sigstore.test\n3\n"), "{checkpoint}");
    assert_eq!(get(&url, "/api/v2/tile/0/000.p/3").body.len(), 96);
    assert_eq!(get(&url, "/api/v2/tile/0/000.p/2").body.len(), 64);
    assert!(get(&url, "/api/v2/tile/entries/000.p/3").body.len() > 600);
    for path in [
        "/api/v2/tile/0/000",
        "/api/v2/tile/0/000.p/4",
        "/api/v2/tile/0/../checkpoint",
        "/api/v2/tile/9/000",
        "/api/v2/tile/",
        "/",
        "/tuf/../keys/log.p8",
        "/x",
    ] {
        refused(&get(&url, path), 404, 5);
    }
    refused(&post(&url, "/api/v2/log/entries", &json!({"hashedRekordRequestV002": 1})), 400, 3);
    refused(&send(&url, "DELETE", "/api/v2/checkpoint", &[], b""), 404, 5);
    let head = get(&url, "/ct/v1/get-sth").json();
    assert_eq!((&head["tree_size"], &head["timestamp"]), (&json!(0), &json!(NOW * 1000)));
    refused(&post(&url, "/ct/v1/add-pre-chain", &json!({"chain": ["AAAA", "AAAA"]})), 400, 3);
}

#[test]
fn a_timestamp_over_http() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let url = serving.url();
    let ask = |body: &[u8], kind: &str| send(&url, "POST", "/api/v1/timestamp", &[("content-type", kind)], body);
    let answer = ask(b"no query", "application/timestamp-query");
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (400, "application/timestamp-reply"));
    refused(&ask(b"{}", "application/json"), 501, 12);
    assert_eq!(get(&url, "/api/v1/timestamp/certchain").text().matches("BEGIN CERTIFICATE").count(), 2);
}

fn small() -> Stack {
    let limits = Limits {
        body: 4096,
        head_time: Duration::from_millis(300),
        body_time: Duration::from_millis(300),
        connections: 4,
        end_time: Duration::from_millis(500),
    };
    Stack::new(Options { limits, ..options() }).unwrap()
}

#[test]
fn bodies_that_are_too_large_or_too_slow() {
    let stack = small();
    let serving = stack.listen().unwrap();
    let url = serving.url();
    refused(&send(&url, "POST", "/api/v2/log/entries", &[], &[b' '; 5000]), 413, 8);
    // Announced and not sent; not announced and sent in pieces.
    refused(
        &raw(
            &url,
            b"POST /api/v2/log/entries HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\n",
        ),
        413,
        8,
    );
    let piece = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let head =
        "POST /api/v2/log/entries HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    refused(&raw(&url, format!("{head}{piece}{piece}").as_bytes()), 413, 8);
    refused(
        &raw(
            &url,
            b"POST /api/v2/log/entries HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{",
        ),
        408,
        4,
    );
}

#[test]
fn clients_that_say_nothing_keep_nobody_out() {
    let stack = small();
    let serving = stack.listen().unwrap();
    let url = serving.url();
    let silent: Vec<TcpStream> =
        (0..8).map(|_| TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap()).collect();
    let mut half = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    half.write_all(b"GET /api/v2/checkpoint HTTP/1.1\r\nx: ").unwrap();
    assert_eq!(get(&url, "/api/v2/checkpoint").status, 200);
    drop(silent);
}

#[test]
fn the_end_is_in_good_order() {
    let stack = stack();
    let serving = stack.listen().unwrap();
    let url = serving.url();
    let mut idle = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    idle.write_all(b"GET /api/v2/checkpoint HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).unwrap();
    let start = Instant::now();
    drop(serving);
    assert!(start.elapsed() < Duration::from_secs(4), "an idle connection held up the end");
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err());
    // The stack is still there, and can answer again.
    assert_eq!(get(&stack.listen().unwrap().url(), "/api/v2/checkpoint").status, 200);
}

#[test]
fn many_at_once() {
    let stack = stack();
    let serving = Arc::new(stack.listen().unwrap());
    let threads: Vec<_> = (0..16_u8)
        .map(|n| {
            let url = serving.url();
            std::thread::spawn(move || {
                let (_, request) = Signer::new().request(&[n], None);
                post(&url, "/api/v2/log/entries", &request).json()["logIndex"].clone()
            })
        })
        .collect();
    let mut indices: Vec<u64> = threads
        .into_iter()
        .map(|thread| match thread.join().unwrap() {
            Value::String(text) => text.parse().unwrap(),
            other => panic!("{other}"),
        })
        .collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..16).collect::<Vec<u64>>());
}
