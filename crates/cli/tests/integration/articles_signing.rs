//! The signing lines that articles about image security print, run as they are printed: under the name `cosign`, against a real registry, with a private
//! Sigstore in the place of the public one. It is chosen as a user chooses it, by `cosign initialize`; no line has a flag for it. Only host names differ.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::json;
use signet_authority::{Options, Serving, Stack};
use signet_model::Timestamp;

use crate::harness::Room;
use crate::peers::{Registry, peers};
use crate::signing::push;

/// The identity of the articles.
pub(crate) const WHO: &str = "ci-sa@company.com";

/// A machine with `cosign` in its PATH, a registry with an image, and a Sigstore.
pub(crate) struct Machine {
    pub(crate) room: Room,
    pub(crate) registry: Registry,
    pub(crate) serving: Serving,
    /// `HOST/team/app`.
    pub(crate) image: String,
    /// Of the index; its tag is `1`.
    pub(crate) digest: String,
    /// Of the image for the first platform, which is not signed with the index.
    pub(crate) child: String,
}

impl Machine {
    fn new() -> Machine {
        Machine::of("my-org/payments-api")
    }

    /// A machine whose jobs run in this repository of GitHub's.
    pub(crate) fn of(repository: &str) -> Machine {
        let (owner, _) = repository.split_once('/').unwrap();
        let workflow = format!("{repository}/.github/workflows/release.yml@refs/heads/main");
        let clock = Arc::new(|| Timestamp::try_from(std::time::SystemTime::now()).unwrap());
        let mut options = Options::new(clock);
        options.email = WHO.to_owned();
        options.job = json!({
            "sub": format!("repo:{repository}:ref:refs/heads/main"),
            "repository": repository,
            "repository_owner": owner,
            "job_workflow_ref": workflow,
            "workflow_ref": workflow,
        });
        let serving = Stack::new(options).unwrap().listen().unwrap();
        let (room, registry) = (Room::new(), Registry::start());
        std::fs::create_dir_all(room.path("bin")).unwrap();
        for name in ["cosign", "signet"] {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signet"), room.path("bin").join(name)).unwrap();
        }
        std::fs::write(room.path("tuf-root.json"), serving.tuf_root()).unwrap();
        let (digest, child) = push(&registry.host);
        let image = format!("{}/team/app", registry.host);
        let machine = Machine { room, registry, serving, image, digest: digest.to_string(), child: child.to_string() };
        let line = format!("cosign initialize --mirror {} --root tuf-root.json", machine.serving.tuf_url());
        machine.check(&line, &[], &[]);
        machine
    }

    /// Gives a line to a shell, with these variables around it.
    pub(crate) fn run(&self, line: &str, around: &[(&str, &str)]) -> Output {
        let system = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            std::iter::once(self.room.path("bin")).chain(std::env::split_paths(&system)).collect::<Vec<PathBuf>>(),
        );
        Command::new("sh")
            .args(["-c", line])
            .env_clear()
            .env("PATH", path.unwrap())
            .env("HOME", self.room.path("home"))
            .env("COSIGN_PASSWORD", "a password")
            .envs(around.iter().copied())
            .current_dir(self.room.folder())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A line that succeeds; each text stands in what it prints or says.
    #[track_caller]
    pub(crate) fn check(&self, line: &str, around: &[(&str, &str)], needles: &[&str]) -> String {
        let output = self.run(line, around);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.status.code(), Some(0), "$ {line}\n{text}");
        for needle in needles {
            assert!(text.contains(needle), "no `{needle}` from\n$ {line}\n{text}");
        }
        text
    }

    /// A line as a job of GitHub's runs it.
    #[track_caller]
    pub(crate) fn job(&self, line: &str) {
        let (url, secret) = (self.serving.request_url(), "request-token");
        let job = [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", secret)];
        self.check(line, &job, &[]);
    }

    #[track_caller]
    pub(crate) fn refused(&self, line: &str, code: i32) {
        let output = self.run(line, &[]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "$ {line}\n{text}");
    }
}

#[test]
fn lines_of_cosign() {
    if !peers("lines_of_cosign", &["docker-registry"]) {
        return;
    }
    let machine = Machine::new();
    let Machine { image, digest, serving, .. } = &machine;
    assert!(image.starts_with(&machine.registry.host));

    // By key.
    machine.check("cosign generate-key-pair", &[], &["Private key written to cosign.key", "cosign.pub"]);
    machine.refused(&format!("cosign verify --key cosign.pub {image}:1"), 10);
    machine.check(&format!("cosign sign --key cosign.key {image}@{digest}"), &[], &["tlog entry created with index: "]);
    machine.check(&format!("cosign verify --key cosign.pub {image}:1"), &[], &[digest]);

    // Keyless in CI, as a workflow of GitHub's.
    let (url, secret) = (serving.request_url(), "request-token");
    let job = [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", secret)];
    machine.check(&format!("cosign sign --yes {image}@{digest}"), &job, &["tlog entry created with index: "]);
    let workflow = "https://github.com/my-org/payments-api/.github/workflows/release.yml@refs/heads/main";
    machine.check(
        &format!("cosign verify --certificate-identity-regexp=\".*github.com/my-org.*\" --certificate-oidc-issuer=https://token.actions.githubusercontent.com {image}:1"),
        &[],
        &[workflow],
    );
    let exact = format!(
        "cosign verify --certificate-identity-regexp \"https://github.com/my-org/payments-api/.github/workflows/.*\" --certificate-oidc-issuer \"https://token.actions.githubusercontent.com\" {image}:1"
    );
    machine.check(&exact, &[], &[workflow]);
    machine.refused(&exact.replace("payments-api", "other-api"), 12);
    machine.refused(&exact.replace("token.actions.githubusercontent.com", "accounts.google.com"), 12);

    // By the identity of a service account, from the issuer that the line names.
    let token = serving.token(WHO).unwrap();
    let account = [("SIGSTORE_ID_TOKEN", token.as_str()), ("COSIGN_YES", "true")];
    let issuer = serving.issuer_url();
    machine.check(&format!("cosign sign --oidc-issuer={issuer} {image}@{digest}"), &account, &["tlog entry created"]);
    machine.check(
        &format!("cosign verify --certificate-identity={WHO} --certificate-oidc-issuer={issuer} {image}:1"),
        &[],
        &[WHO, &issuer],
    );

    // Attestations.
    machine.room.file("sbom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    machine.room.file(
        "trivy-vuln.json",
        r#"{"invocation":{"parameters":null,"uri":"","event_id":"","builder.id":""},"scanner":{"uri":"pkg:github/aquasecurity/trivy@0.60.0","version":"0.60.0","db":{"uri":"","version":""},"result":{}},"metadata":{"scanStartedOn":"2026-01-15T00:00:00Z","scanFinishedOn":"2026-01-15T00:00:01Z"}}"#,
    );
    machine.check(&format!("cosign attest --predicate sbom.json --type cyclonedx --yes {image}@{digest}"), &job, &[]);
    machine.check(
        &format!("cosign attest --predicate trivy-vuln.json --type https://cosign.sigstore.dev/attestation/vuln/v1 --yes {image}@{digest}"),
        &job,
        &[],
    );
    for kind in ["cyclonedx", "vuln"] {
        let line = format!(
            "cosign verify-attestation --type {kind} --certificate-identity {workflow} --certificate-oidc-issuer https://token.actions.githubusercontent.com {image}:1"
        );
        machine.check(&line, &[], &["\"payloadType\":\"application/vnd.in-toto+json\""]);
    }

    // The printed success of version 2.
    let said = machine.check(
        &format!("cosign verify --certificate-identity-regexp=\".*github.com/my-org.*\" --certificate-oidc-issuer=https://token.actions.githubusercontent.com {image}:1"),
        &[("SIGNET_COSIGN_COMPAT", "2")],
        &[],
    );
    let printed = format!(
        "\nVerification for {image}:1 --\nThe following checks were performed on each of these signatures:\n  - The cosign claims were validated\n  - Existence of the claims in the transparency log was verified online\n  - The code signing certificate claims were validated\n"
    );
    assert!(said.contains(&printed), "{said}");
}
