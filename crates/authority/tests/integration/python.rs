//! The Python `sigstore` client, which others wrote, signs and verifies against the stack.
//!
//! It asks the wall clock, so the stack does, too.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use signet_authority::{KeyKind, Logs, Options, Serving, Stack};
use signet_trust::{Artifact, CertificateIdentity, Evidence, Requirements, TimeSource, TrustRoot, verify};

use crate::client::{EMAIL, Signer, get};

const CONTENT: &[u8] = b"what Python signs";

/// The program of `sigstore`, if it is installed.
fn sigstore(folder: &Path) -> Option<Command> {
    let found = Command::new("sigstore").arg("--version").output().is_ok_and(|run| run.status.success());
    if !found {
        assert!(
            std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(),
            "Python's `sigstore` is required and not installed"
        );
        println!("skipped: Python's `sigstore` is not installed");
        return None;
    }
    let mut command = Command::new("sigstore");
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", folder).current_dir(folder).stdin(Stdio::null());
    Some(command)
}

#[track_caller]
fn runs(command: &mut Command, good: bool) -> Output {
    let output = command.output().unwrap();
    let said = [output.stdout.clone(), output.stderr.clone()].concat();
    assert_eq!(output.status.success(), good, "{command:?}: {}", String::from_utf8_lossy(&said));
    output
}

fn judge(stack: &Stack, bundle: &[u8], issuer: &str) {
    let root = TrustRoot::from_json(stack.trusted_root().to_string().as_bytes()).unwrap();
    let evidence = Evidence::bundle(bundle).unwrap();
    let mut requirements = Requirements::keyless(vec![CertificateIdentity::exact(EMAIL, issuer)]);
    requirements.time = TimeSource::Timestamps(1);
    verify(&evidence, Artifact::Bytes(CONTENT), &root, &requirements, Timestamp::now()).unwrap();
}

struct Room {
    folder: tempfile::TempDir,
    stack: Stack,
    serving: Serving,
}

impl Room {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(Arc::new(Timestamp::now));
        change(&mut options);
        let stack = Stack::new(options).unwrap();
        let serving = stack.listen().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), CONTENT).unwrap();
        std::fs::write(folder.path().join("other"), b"another").unwrap();
        std::fs::write(folder.path().join("config.json"), serving.client_trust_config().to_string()).unwrap();
        std::fs::write(folder.path().join("root.json"), serving.tuf_root()).unwrap();
        Self { folder, stack, serving }
    }

    fn sigstore(&self, line: &str) -> Option<Command> {
        let mut command = sigstore(self.folder.path())?;
        command.args(line.split(' '));
        Some(command)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }
}

#[track_caller]
fn signs(change: impl FnOnce(&mut Options)) {
    let room = Room::new(change);
    let token = room.serving.token(EMAIL).unwrap();
    let line = format!("--trust-config config.json sign --identity-token {token} --bundle out.json file");
    let Some(mut sign) = room.sigstore(&line) else { return };
    runs(&mut sign, true);
    judge(&room.stack, &room.read("out.json"), &room.serving.issuer_url());
    let verify = |file: &str, email: &str| {
        let issuer = room.serving.issuer_url();
        let line = format!(
            "--trust-config config.json verify identity --offline --bundle out.json --cert-identity {email} --cert-oidc-issuer {issuer} {file}"
        );
        room.sigstore(&line).unwrap()
    };
    runs(&mut verify("file", EMAIL), true);
    runs(&mut verify("other", EMAIL), false);
    runs(&mut verify("file", "else@example.com"), false);
}

#[test]
fn python_signs_and_we_verify() {
    signs(|_| {});
}

#[test]
fn python_signs_with_other_kinds_of_keys() {
    signs(|options| {
        options.log_key = KeyKind::P256;
        options.timestamp_key = KeyKind::P384;
    });
}

#[test]
fn python_signs_into_a_log_that_promises() {
    signs(|options| {
        options.logs = Logs::V1;
        options.earlier = 4_000;
    });
}

#[test]
fn python_verifies_what_the_stack_made() {
    let room = Room::new(|_| {});
    let signer = Signer::new();
    for n in 0..3_u8 {
        let other = Signer::new();
        other.bundle(&room.stack, &[n], &other.certificate(&room.stack)[0]);
    }
    let chain = signer.certificate(&room.stack);
    let bundle = signer.bundle(&room.stack, CONTENT, &chain[0]);
    std::fs::write(room.folder.path().join("made.json"), bundle.to_string()).unwrap();
    let issuer = room.stack.issuer_name();
    for (file, good) in [("file", true), ("other", false)] {
        let line = format!(
            "--trust-config config.json verify identity --offline --bundle made.json --cert-identity {EMAIL} --cert-oidc-issuer {issuer} {file}"
        );
        let Some(mut verify) = room.sigstore(&line) else { return };
        runs(&mut verify, good);
    }
}

#[test]
fn python_finds_everything_by_tuf() {
    let room = Room::new(|_| {});
    let url = room.serving.tuf_url();
    let Some(mut trust) = room.sigstore(&format!("--instance {url} trust-instance root.json")) else { return };
    runs(&mut trust, true);
    let token = room.serving.token(EMAIL).unwrap();
    runs(
        &mut room.sigstore(&format!("--instance {url} sign --identity-token {token} --bundle out.json file")).unwrap(),
        true,
    );
    judge(&room.stack, &room.read("out.json"), &room.serving.issuer_url());
}

#[test]
fn python_signs_in_as_a_person_does() {
    let room = Room::new(|_| {});
    let line =
        "--trust-config config.json sign --oidc-disable-ambient-providers --oauth-force-oob --bundle out.json file";
    let Some(mut sign) = room.sigstore(line) else { return };
    let mut child = sign.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    for line in lines {
        if let Some(path) = line.trim().strip_prefix(&room.serving.url()) {
            let code = get(&room.serving.url(), path).text();
            let mut input = child.stdin.take().unwrap();
            writeln!(input, "{code}").unwrap();
        }
        said.push(line);
    }
    assert!(child.wait().unwrap().success(), "{said:?}");
    judge(&room.stack, &room.read("out.json"), &room.serving.issuer_url());
}

#[test]
fn python_is_a_job() {
    let room = Room::new(|_| {});
    let line = "--trust-config config.json sign --bundle out.json file";
    let Some(mut sign) = room.sigstore(line) else { return };
    sign.env("GITHUB_ACTIONS", "true")
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", room.serving.request_url())
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", room.stack.request_token());
    runs(&mut sign, true);
    let bundle: Value = serde_json::from_slice(&room.read("out.json")).unwrap();
    assert!(bundle["verificationMaterial"]["certificate"]["rawBytes"].is_string());
    let name = "https://github.com/example/shop/.github/workflows/release.yml@refs/heads/main";
    let line = format!(
        "--trust-config config.json verify identity --offline --bundle out.json --cert-identity {name} --cert-oidc-issuer {} file",
        signet_authority::GITHUB
    );
    runs(&mut room.sigstore(&line).unwrap(), true);
}
