//! What others made we read, and what we make others read.

use std::process::Command;

use signet_keys::{KeyType, PrivateKey, SecretBytes};
use signet_trust::Algorithm;

use crate::harness::{check_signer, openssl_verifies, python_has, tool};

fn none() -> Result<SecretBytes, signet_keys::Error> {
    panic!("no password is needed")
}

#[test]
fn openssl_verifies_what_every_kind_of_key_signs() {
    for (_, name, kind) in KeyType::NAMES {
        let key = PrivateKey::generate(*kind).unwrap();
        check_signer(&key);
        let pem = key.seal(&SecretBytes::new("")).unwrap();
        let back = PrivateKey::from_pem(pem.as_bytes(), name, || Ok(SecretBytes::new(""))).unwrap();
        assert_eq!(back.public_key(), key.public_key(), "{name}");
        openssl_verifies(key.public_key(), b"x", &back.sign_now(b"x").unwrap());
    }
}

#[test]
fn keys_of_openssl_are_imported_in_each_form() {
    if !tool("openssl") {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let run = Command::new("openssl").args(line.split_whitespace()).current_dir(room.path()).output().unwrap();
        assert!(run.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&run.stderr));
    };
    let curves = [
        ("P-256", Algorithm::EcdsaP256Sha256),
        ("P-384", Algorithm::EcdsaP384Sha384),
        ("P-521", Algorithm::EcdsaP521Sha512),
    ];
    let mut expected = Vec::new();
    for (curve, algorithm) in curves {
        run(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out {curve}.p8"));
        run(&format!("ec -in {curve}.p8 -out {curve}.sec1"));
        run(&format!("ecparam -name {curve} -genkey -out {curve}.with-parameters"));
        for form in ["p8", "sec1", "with-parameters"] {
            expected.push((format!("{curve}.{form}"), algorithm));
        }
    }
    run("genpkey -algorithm ED25519 -out ed.p8");
    expected.push(("ed.p8".to_owned(), Algorithm::Ed25519));
    for bits in [2048, 3072, 4096] {
        run(&format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -out {bits}.p8"));
        run(&format!("rsa -traditional -in {bits}.p8 -out {bits}.p1"));
        expected.extend([format!("{bits}.p8"), format!("{bits}.p1")].map(|name| (name, Algorithm::RsaPkcs1Sha256)));
    }
    for (name, algorithm) in expected {
        let text = std::fs::read(room.path().join(&name)).unwrap();
        let key = PrivateKey::from_pem(&text, &name, none).unwrap();
        assert_eq!(key.public_key().algorithm(), algorithm, "{name}");
        run(&format!("pkey -in {name} -pubout -out {name}.pub"));
        let theirs = std::fs::read_to_string(room.path().join(format!("{name}.pub"))).unwrap();
        assert_eq!(key.public_key().to_pem(), theirs, "{name}");
        check_signer(&key);
    }
    for (line, why) in [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out bad", "damaged"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out bad", "damaged"),
        ("genpkey -algorithm X25519 -out bad", "damaged"),
        ("genpkey -algorithm ED25519 -aes256 -pass pass:x -out bad", "encrypted PKCS#8"),
    ] {
        run(line);
        let err = PrivateKey::from_pem(&std::fs::read(room.path().join("bad")).unwrap(), "bad", none).unwrap_err();
        assert!(err.what.contains(why), "{line}: {err}");
    }
}

/// Made by another implementation of Cosign's format (Python's hashlib.scrypt and libsodium), see `testdata/README.md`.
#[test]
fn files_of_another_implementation_open() {
    for (name, password, algorithm) in [
        ("sigstore-65536.key", "sesame", Algorithm::EcdsaP256Sha256),
        ("cosign-32768.key", "", Algorithm::EcdsaP384Sha384),
        ("sigstore-ed25519.key", "pässword with spaces", Algorithm::Ed25519),
    ] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata");
        let text = std::fs::read(folder.join(name)).unwrap();
        let key = PrivateKey::from_pem(&text, name, || Ok(SecretBytes::new(password))).unwrap();
        assert_eq!(key.public_key().algorithm(), algorithm);
        let public = std::fs::read_to_string(folder.join(name.replace(".key", ".pub"))).unwrap();
        assert_eq!(key.public_key().to_pem(), public, "{name}");
        let err = PrivateKey::from_pem(&text, name, || Ok(SecretBytes::new("wrong"))).unwrap_err();
        assert!(err.what.contains("password"), "{err}");
    }
}

/// Files of ours, opened by Python's hashlib and libsodium, where PyNaCl is installed.
#[test]
fn another_implementation_opens_our_files() {
    if !tool("python3") || !python_has("nacl.secret") {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/sealed.py");
    for kind in [KeyType::EcdsaP256, KeyType::Rsa2048, KeyType::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let place = room.path().join("k");
        std::fs::write(&place, key.seal(&SecretBytes::new("sesame")).unwrap().as_bytes()).unwrap();
        let run = Command::new("python3").arg(&script).args(["open", "sesame"]).arg(&place).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let back = PrivateKey::from_pem(&run.stdout, "opened", none).unwrap();
        assert_eq!(back.public_key(), key.public_key());
    }
}
