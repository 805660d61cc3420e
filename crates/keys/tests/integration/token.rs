//! PKCS#11 against SoftHSM, a real token in software.

use std::path::{Path, PathBuf};
use std::process::Command;

use signet_keys::{KeyType, create, open, public_key};

use crate::harness::{check_signer, context, tool, wait};

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

/// SoftHSM reads its configuration from the environment of its process, so each test runs itself again as a child.
fn in_child(name: &str) -> Option<()> {
    if std::env::var_os("SIGNET_TEST_TOKEN").is_some() {
        return Some(());
    }
    if !tool("softhsm2-util") {
        return None;
    }
    let room = tempfile::tempdir().unwrap();
    let tokens = room.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = room.path().join("softhsm2.conf");
    std::fs::write(
        &configuration,
        format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display()),
    )
    .unwrap();
    for (label, pin) in [("first token", "12345678"), ("second", "87654321")] {
        let run = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "00000000"])
            .env("SOFTHSM2_CONF", &configuration)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("token::{name}"), "--nocapture"])
        .env("SOFTHSM2_CONF", &configuration)
        .env("SIGNET_TEST_TOKEN", "1")
        .output()
        .unwrap();
    assert!(
        run.status.success() && String::from_utf8_lossy(&run.stdout).contains("1 passed"),
        "{}\n{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
    None
}

fn module() -> PathBuf {
    MODULES.iter().map(PathBuf::from).find(|path| path.exists()).unwrap()
}

fn uri(object: &str, pin: &str) -> String {
    format!("pkcs11:token=first%20token;object={object}?module-path={}{pin}", module().display())
}

#[test]
fn a_token_makes_keys_and_signs_with_them() {
    if in_child("a_token_makes_keys_and_signs_with_them").is_none() {
        return;
    }
    let context = context(&[("COSIGN_PKCS11_PIN", "12345678")]);
    for (name, kind) in [
        ("p256", KeyType::EcdsaP256),
        ("p384", KeyType::EcdsaP384),
        ("p521", KeyType::EcdsaP521),
        ("ed", KeyType::Ed25519),
        ("rsa", KeyType::Rsa2048),
    ] {
        let uri = uri(name, "");
        let made = wait(create(&uri, kind, &context)).unwrap();
        let signer = wait(open(&uri, &context)).unwrap();
        assert_eq!(signer.public_key(), &made, "{name}");
        check_signer(&*signer);
        assert_eq!(wait(public_key(&uri, &context)).unwrap(), made);
        let again = wait(create(&uri, kind, &context)).unwrap_err();
        assert!(again.what.contains("already"), "{again}");
    }
}

#[test]
fn a_pin_comes_from_uri_file_or_variable_and_shows_nowhere() {
    if in_child("a_pin_comes_from_uri_file_or_variable_and_shows_nowhere").is_none() {
        return;
    }
    let with_pin =
        context(&[("COSIGN_PKCS11_PIN", "12345678"), ("COSIGN_PKCS11_MODULE_PATH", module().to_str().unwrap())]);
    wait(create("pkcs11:token=first%20token;object=k", KeyType::EcdsaP256, &with_pin)).unwrap();
    let room = tempfile::tempdir().unwrap();
    std::fs::write(room.path().join("pin"), "12345678\n").unwrap();
    let bare = context(&[]);
    let source = format!("&pin-source=file:{}", room.path().join("pin").display());
    // SoftHSM keeps a user logged in for the whole process, so the refusals need sessions of their own: they come first.
    for (pin, why) in [("", "wants a PIN"), ("&pin-value=sesame99", "the PIN is wrong")] {
        if std::env::var_os("SIGNET_TEST_LOGGED_IN").is_some() {
            break;
        }
        let err = wait(open(&uri("k", pin).replace("first%20token", "second"), &bare)).map(|_| ()).unwrap_err();
        assert!(err.explain().contains(why), "{}", err.explain());
        assert!(!err.explain().contains("sesame99"), "{}", err.explain());
    }
    wait(open(&uri("k", &source), &bare)).unwrap();
    wait(open(&uri("k", "&pin-value=12345678"), &bare)).unwrap();
    for (uri, why) in [
        (uri("missing", "&pin-value=12345678"), "holds no such key"),
        (uri("k", "&pin-value=12345678").replace("first%20token", "third"), "no token fits"),
        (format!("pkcs11:object=k?module-path={}&pin-value=12345678", module().display()), "more than one token"),
    ] {
        let err = wait(open(&uri, &bare)).map(|_| ()).unwrap_err();
        assert!(err.what.contains(why), "{err}");
        assert!(!err.explain().contains("12345678"), "{}", err.explain());
    }
}

#[test]
fn a_module_that_cannot_be_loaded_is_named() {
    let context = context(&[]);
    let room = tempfile::tempdir().unwrap();
    std::fs::write(room.path().join("text.so"), "no library").unwrap();
    let check = |path: &Path| {
        let uri = format!("pkcs11:object=k?module-path={}&pin-value=sesame", path.display());
        let err = wait(open(&uri, &context)).map(|_| ()).unwrap_err().explain();
        assert!(err.contains("cannot be loaded") && err.contains("hint:") && !err.contains("sesame"), "{err}");
    };
    check(&room.path().join("text.so"));
    check(Path::new("/nowhere/module.so"));
    let err = wait(open("pkcs11:object=k", &context)).map(|_| ()).unwrap_err();
    assert!(err.what.contains("no PKCS#11 module"), "{err}");
}
