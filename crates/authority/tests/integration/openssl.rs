//! OpenSSL, which others wrote, judges timestamps and chains.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use signet_authority::{KeyKind, Options, Stack, TimestampAuthority};

use crate::client::{NOW, Signer, now, options, pem};

fn openssl(folder: &Path, line: &str) -> Output {
    Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap()
}

#[track_caller]
fn runs(folder: &Path, line: &str, good: bool) {
    let output = openssl(folder, line);
    let said = [output.stdout, output.stderr].concat();
    assert_eq!(output.status.success(), good, "openssl {line}: {}", String::from_utf8_lossy(&said));
}

fn present() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok();
    assert!(found || std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "`openssl` is required and not installed");
    if !found {
        println!("skipped: `openssl` is not installed");
    }
    found
}

/// A timestamp that the authority gives for OpenSSL's own query, back to OpenSSL.
#[track_caller]
fn stamps(authority: &TimestampAuthority, hash: &str, flags: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("file"), b"content").unwrap();
    fs::write(folder.join("other"), b"other").unwrap();
    fs::write(folder.join("leaf.pem"), pem("CERTIFICATE", &authority.chain()[0])).unwrap();
    fs::write(folder.join("root.pem"), pem("CERTIFICATE", &authority.chain()[1])).unwrap();
    runs(folder, &format!("ts -query -data file -{hash} -out query.tsq{flags}"), true);
    let reply = authority.stamp(&fs::read(folder.join("query.tsq")).unwrap(), now(), [9; 20]);
    assert!(reply.granted);
    fs::write(folder.join("reply.tsr"), &reply.bytes).unwrap();
    let verify = format!("ts -verify -in reply.tsr -CAfile root.pem -untrusted leaf.pem -attime {NOW}");
    runs(folder, &format!("{verify} -queryfile query.tsq"), true);
    runs(folder, &format!("{verify} -data file"), true);
    runs(folder, &format!("{verify} -data other"), false);
    // Nonce, digest and policy are those of this query.
    runs(folder, &format!("ts -query -data file -{hash} -out another.tsq"), true);
    runs(folder, &format!("{verify} -queryfile another.tsq"), false);
    let text = openssl(folder, "ts -reply -in reply.tsr -text").stdout;
    let text = String::from_utf8(text).unwrap();
    for needle in ["Status: Granted.", "Jan 16 00:00:00 2026 GMT", "1.3.6.1.4.1.57264.2", "Accuracy: 0x01 seconds"] {
        assert!(text.contains(needle), "no `{needle}` in {text}");
    }
}

#[test]
fn openssl_verifies_timestamps() {
    if !present() {
        return;
    }
    for kind in [KeyKind::P256, KeyKind::P384] {
        let stack = Stack::new(Options { timestamp_key: kind, ..options() }).unwrap();
        for hash in ["sha256", "sha384", "sha512"] {
            stamps(stack.timestamps(), hash, " -cert");
        }
        stamps(stack.timestamps(), "sha256", "");
        stamps(stack.timestamps(), "sha256", " -cert -tspolicy 1.3.6.1.4.1.57264.2");
    }
}

#[test]
fn openssl_verifies_chains() {
    if !present() {
        return;
    }
    let stack = crate::client::stack();
    let chain = Signer::new().certificate(&stack);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, der) in [("leaf", &chain[0]), ("middle", &chain[1]), ("root", &chain[2])] {
        fs::write(folder.join(format!("{name}.pem")), pem("CERTIFICATE", der)).unwrap();
    }
    let verify = "verify -x509_strict -CAfile root.pem -untrusted middle.pem";
    runs(folder, &format!("{verify} -attime {} leaf.pem", NOW + 300), true);
    runs(folder, &format!("{verify} -attime {} leaf.pem", NOW + 601), false);
    runs(folder, &format!("{verify} -attime {} leaf.pem", NOW - 1), false);
    runs(folder, &format!("verify -x509_strict -CAfile root.pem -attime {NOW} middle.pem"), true);
    runs(folder, &format!("verify -x509_strict -CAfile root.pem -attime {NOW} root.pem"), true);
    let text = String::from_utf8(openssl(folder, "x509 -in leaf.pem -noout -text").stdout).unwrap();
    for needle in [
        "X509v3 Subject Alternative Name: critical\n                email:person@example.com",
        "X509v3 Key Usage: critical\n                Digital Signature",
        "Code Signing",
        "CT Precertificate SCTs",
        "Timestamp : Jan 16 00:00:00.000 2026 GMT",
        "Signature : ecdsa-with-SHA256",
        "Subject: \n",
    ] {
        assert!(text.contains(needle), "no `{needle}` in {text}");
    }
}

/// Queries that are not granted: each is answered by a reply that OpenSSL reads, with the reason.
#[test]
fn queries_that_are_not_granted() {
    let stack = crate::client::stack();
    let imprint = [
        &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
            0x20,
        ][..],
        &[7; 32],
    ]
    .concat();
    let query = |version: u8, imprint: &[u8], rest: &[u8]| {
        let content = [&[2, 1, version], imprint, rest].concat();
        [&[0x30, u8::try_from(content.len()).unwrap()][..], &content].concat()
    };
    assert!(stack.timestamps().stamp(&query(1, &imprint, &[]), now(), [1; 20]).granted);
    let md5 =
        [
            &[
                0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04,
                0x10,
            ][..],
            &[7; 16],
        ]
        .concat();
    let mut short = imprint.clone();
    short.truncate(50);
    short[1] = 0x30;
    short[18] = 0x1f;
    for (query, reason) in [
        (Vec::new(), "wrong format"),
        (b"no DER".to_vec(), "wrong format"),
        (query(2, &imprint, &[]), "transaction not permitted or supported"),
        (query(1, &md5, &[]), "unrecognized or unsupported algorithm identifier"),
        (query(1, &short, &[]), "wrong format"),
        (query(1, &imprint, &[6, 2, 0x2a, 3]), "policy"),
        (query(1, &imprint, &[0xa0, 0]), "extension"),
        (query(1, &imprint, &[2, 2, 0, 1]), "wrong format"),
        (query(1, &imprint, &[1, 1, 7]), "wrong format"),
        (query(1, &imprint, &[5, 0]), "wrong format"),
        ([query(1, &imprint, &[]), vec![0]].concat(), "wrong format"),
        (vec![0x30; 5000], "wrong format"),
    ] {
        let reply = stack.timestamps().stamp(&query, now(), [1; 20]);
        assert!(!reply.granted, "{query:?}");
        if present() {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("reply.tsr"), &reply.bytes).unwrap();
            let output = openssl(folder.path(), "ts -reply -in reply.tsr -text");
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(
                text.contains("Status: Rejected.") && text.to_lowercase().contains(reason),
                "no `{reason}` in {text}"
            );
        }
    }
}
