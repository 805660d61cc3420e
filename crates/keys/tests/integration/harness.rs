//! Surroundings made for a test, and the tools that judge us.

use std::collections::HashMap;
use std::future::Future;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use signet_keys::{Context, SecretBytes};
use signet_oci_client::{Client, ClientOptions, CredentialConfig};
use signet_trust::{PublicKey, Signer};

/// 2026-01-16T00:00:00Z.
pub(crate) const NOW: i64 = 1_768_521_600;

/// A context with these variables, the password `sesame`, and no network but loopback.
pub(crate) fn context(variables: &[(&str, &str)]) -> Context {
    context_at(variables, Timestamp::from_second(NOW).unwrap())
}

pub(crate) fn context_at(variables: &[(&str, &str)], now: Timestamp) -> Context {
    let variables: Arc<HashMap<String, String>> =
        Arc::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    let options = ClientOptions { retries: 0, use_proxy_from_environment: false, ..ClientOptions::default() };
    Context::new(
        Client::new(options, CredentialConfig::default()),
        move |name| variables.get(name).cloned(),
        |_| Ok(SecretBytes::new("sesame")),
        move || now,
    )
}

/// Waits for a future on a small runtime.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Signs and holds the signature against the key by our own verifier and by OpenSSL.
#[track_caller]
pub(crate) fn check_signer(signer: &dyn Signer) {
    for message in [&b""[..], b"a message", &[7; 3000]] {
        let signature = wait(signer.sign(message)).unwrap();
        signer.public_key().verify(message, &signature).unwrap();
        openssl_verifies(signer.public_key(), message, &signature);
    }
}

/// `openssl` says that the signature is good, and that it is none over another message.
#[track_caller]
pub(crate) fn openssl_verifies(key: &PublicKey, message: &[u8], signature: &[u8]) {
    if !tool("openssl") {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let place = |name: &str| room.path().join(name);
    std::fs::write(place("key"), key.to_pem()).unwrap();
    std::fs::write(place("signature"), signature).unwrap();
    let ask = |message: &[u8]| {
        std::fs::write(place("message"), message).unwrap();
        let mut command = Command::new("openssl");
        match key.algorithm().hash() {
            Some(hash) => {
                command.arg("dgst").arg(format!("-{}", hash.name())).arg("-verify").arg(place("key"));
                if key.algorithm().name().contains("PSS") {
                    command.args(["-sigopt", "rsa_padding_mode:pss"]);
                }
                command.arg("-signature").arg(place("signature")).arg(place("message"))
            }
            None => command
                .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"])
                .arg(place("key"))
                .arg("-sigfile")
                .arg(place("signature"))
                .arg("-in")
                .arg(place("message")),
        };
        command.output().unwrap()
    };
    // OpenSSL 3.0 cannot map an empty file for `pkeyutl -rawin`.
    if !(message.is_empty() && key.algorithm().hash().is_none()) {
        let said = ask(message);
        assert!(said.status.success(), "{}: {}", key.algorithm(), String::from_utf8_lossy(&said.stderr));
    }
    assert!(!ask(b"another message").status.success(), "{}", key.algorithm());
}

/// Whether a program is installed. Where the peers are required, a missing one fails the test.
#[track_caller]
pub(crate) fn tool(name: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    if !found {
        assert!(std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "`{name}` is required and not installed");
        println!("skipped: `{name}` is not installed");
    }
    found
}

/// Whether Python has a package, with the same rule.
#[track_caller]
pub(crate) fn python_has(package: &str) -> bool {
    let found = Command::new("python3")
        .args(["-c", &format!("import {package}")])
        .output()
        .is_ok_and(|run| run.status.success());
    if !found {
        assert!(
            std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(),
            "Python's `{package}` is required and not installed"
        );
        println!("skipped: Python's `{package}` is not installed");
    }
    found
}
