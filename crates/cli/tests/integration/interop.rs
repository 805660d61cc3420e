//! Clients that others wrote and the program, over the same private Sigstore on a port of this machine.
//!
//! The clients ask the wall clock, so the stack and the program do, too.

use std::process::{Command, Stdio};
use std::sync::Arc;

use jiff::Timestamp;
use signet_authority::{Options, Serving, Stack};

use crate::harness::{Room, Run};
use crate::peers::{run, unavailable};

const EMAIL: &str = "ci-sa@company.com";

/// A private Sigstore, and a room with a file `app` and what clients need to know of it.
pub(crate) struct Lab {
    pub(crate) room: Room,
    pub(crate) stack: Stack,
    pub(crate) serving: Serving,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        let stack = Stack::new(Options::new(Arc::new(Timestamp::now))).unwrap();
        let serving = stack.listen().unwrap();
        let room = Room::new();
        room.file("app", "what is signed");
        room.file("other", "what is not");
        room.file("trusted_root.json", &stack.trusted_root().to_string());
        room.file("client.json", &serving.client_trust_config().to_string());
        Lab { room, stack, serving }
    }

    /// The Python client, if it is installed.
    pub(crate) fn python(&self, test: &str, words: &[&str]) -> Option<Command> {
        let found = Command::new("sigstore").arg("--version").output().is_ok_and(|run| run.status.success());
        if !found && !unavailable(test, "Python's `sigstore` is not installed") {
            return None;
        }
        let mut command = Command::new("sigstore");
        command
            .args(["--trust-config", "client.json"])
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.room.path("home"))
            .current_dir(self.room.folder())
            .stdin(Stdio::null());
        Some(command)
    }

    /// The program, now.
    #[track_caller]
    pub(crate) fn signet(&self, line: &str, code: i32) -> Run {
        let output = self.room.command(line).env_remove("SOURCE_DATE_EPOCH").output().unwrap();
        let run = Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr);
        assert_eq!(run.code, code, "{run}");
        run
    }
}

/// What Python's client signs for a file is what the program verifies, and nothing else is.
#[test]
fn python_signs_a_file_and_the_program_verifies_it() {
    let lab = Lab::new();
    let token = lab.serving.token(EMAIL).unwrap();
    let words = ["sign", "--identity-token", &token, "--bundle", "app.json", "app"];
    let Some(mut sign) = lab.python("python_signs_a_file_and_the_program_verifies_it", &words) else { return };
    run(&mut sign);
    let issuer = lab.serving.issuer_url();
    lab.signet(&verify_blob(EMAIL, &issuer, "app"), 0);
    lab.signet(&verify_blob(EMAIL, &issuer, "other"), 12);
    lab.signet(&verify_blob("else@company.com", &issuer, "app"), 12);
    lab.signet(&verify_blob(EMAIL, "https://accounts.google.com", "app"), 12);
    let line = format!(
        "cosign verify-blob --bundle app.json --trusted-root trusted_root.json --certificate-identity {EMAIL} --certificate-oidc-issuer {issuer} app"
    );
    assert!(lab.signet(&line, 0).talk.contains("Verified OK"));
    // Another private Sigstore is another's.
    let strange = Lab::new();
    lab.room.file("trusted_root.json", &strange.stack.trusted_root().to_string());
    lab.signet(&verify_blob(EMAIL, &issuer, "app"), 12);
}

fn verify_blob(email: &str, issuer: &str, file: &str) -> String {
    format!(
        "verify-blob --bundle app.json --trusted-root trusted_root.json --certificate-identity {email} --certificate-oidc-issuer {issuer} {file}"
    )
}

/// An attestation by Python's client: Rekor v2 holds it as the digest of its encoding.
#[test]
fn python_attests_a_file_and_the_program_verifies_it() {
    let lab = Lab::new();
    let token = lab.serving.token(EMAIL).unwrap();
    lab.room.file(
        "predicate.json",
        r#"{"buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {}}, "runDetails": {"builder": {"id": "https://example.com/builder"}}}"#,
    );
    let words = [
        "attest",
        "--identity-token",
        &token,
        "--predicate",
        "predicate.json",
        "--predicate-type",
        "https://slsa.dev/provenance/v1",
        "--bundle",
        "app.json",
        "app",
    ];
    let Some(mut attest) = lab.python("python_attests_a_file_and_the_program_verifies_it", &words) else { return };
    run(&mut attest);
    let issuer = lab.serving.issuer_url();
    let line = |file: &str, kind: &str| {
        format!(
            "verify-blob-attestation --type {kind} --bundle app.json --trusted-root trusted_root.json --certificate-identity {EMAIL} --certificate-oidc-issuer {issuer} {file}"
        )
    };
    lab.signet(&line("app", "slsaprovenance1"), 0);
    lab.signet(&line("other", "slsaprovenance1"), 12);
    lab.signet(&line("app", "cyclonedx"), 12);
}
