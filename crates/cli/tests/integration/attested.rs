//! What a build says of itself and what was found of an image, sealed beside the image and asked for again: the whole way through the program.

use std::sync::Arc;

use serde_json::{Value, json};
use signet_authority::{IssuerKind, Options, Serving, Stack};
use signet_model::{Digest, Timestamp};

use crate::chunked::{file, header};
use crate::harness::{OS_RELEASE, Room, Run, stanza};
use crate::pushable::standin::{MANIFEST, Reply, Standin, manifest};
use crate::pushable::writable::{Faults, Writable};

pub(crate) const WHO: &str = "ci-sa@company.com";
const GITLAB: &str = "https://gitlab.com";
const BUILDKITE: &str = "https://agent.buildkite.com";
const COMMIT: &str = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c";

/// Puts an image with two packages of Debian on the registry, as `app:1`.
fn packages(registry: &Writable) -> Digest {
    let mut layer = Vec::new();
    for (name, text) in [
        ("etc/os-release", OS_RELEASE.to_owned()),
        ("var/lib/dpkg/status", stanza("sample-tls", "3.0.9-1") + &stanza("sample-zip", "1.2.13-1")),
    ] {
        layer.extend(header(&file(name, 0o644, text.as_bytes())));
        layer.extend(text.as_bytes());
        layer.resize(layer.len().next_multiple_of(512), 0);
    }
    layer.resize(layer.len() + 1024, 0);
    let ids = json!([Digest::sha256(&layer).to_string()]);
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ids}});
    let config = config.to_string().into_bytes();
    let text = manifest(&config, &[&layer]);
    let digest = Digest::sha256(text.as_bytes());
    let mut contents = registry.contents.lock();
    for blob in [config, layer] {
        contents.blobs.insert(Digest::sha256(&blob).to_string(), blob);
    }
    for name in ["1".to_owned(), digest.to_string()] {
        contents.manifests.insert(name, (MANIFEST.to_owned(), text.clone().into_bytes()));
    }
    digest
}

#[track_caller]
fn by_key(room: &Room, line: &str, code: i32, needles: &[&str]) -> Run {
    let output = room.command(line).env("COSIGN_PASSWORD", "").output().unwrap();
    checked(line, output, code, needles)
}

#[track_caller]
fn checked(line: &str, output: std::process::Output, code: i32, needles: &[&str]) -> Run {
    let run = Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr);
    assert_eq!(run.code, code, "{run}");
    for needle in needles {
        assert!(run.out.contains(needle) || run.talk.contains(needle), "no `{needle}` in\n{run}");
    }
    run
}

/// The predicate of the one attestation of a JSON report that verified.
fn predicate(run: &Run) -> Value {
    let report: Value = serde_json::from_str(&run.out).unwrap_or_else(|err| panic!("{err} in\n{run}"));
    let verified: Vec<&Value> =
        report["candidates"].as_array().unwrap().iter().filter(|row| row["verdict"] == "verified").collect();
    assert_eq!(verified.len(), 1, "{run}");
    verified[0]["statement"]["predicate"].clone()
}

#[test]
fn what_was_found_is_sealed_in_one_step() {
    for lists in [true, false] {
        let room = Room::new();
        let registry = Writable::start(Faults { lists, ..Faults::default() });
        let image = packages(&registry);
        let app = format!("{}/app:1", registry.standin.host);
        by_key(&room, "key generate k", 0, &[]);
        by_key(&room, "key generate other", 0, &[]);
        let seal = "--attest --key k.key --tlog-upload=false";
        let told = |kind: &str| format!("attested `{kind}` of `{}/app@{image}`", registry.standin.host);
        let vuln = told("https://cosign.sigstore.dev/attestation/vuln/v1");
        by_key(&room, &format!("scan --db builtin:sample {seal} {app}"), 0, &[&vuln]);
        by_key(
            &room,
            &format!("sbom {seal} -o cyclonedx-json=sbom.json {app}"),
            0,
            &[&told("https://cyclonedx.org/bom")],
        );
        by_key(
            &room,
            &format!("sbom {seal} -o spdx-json=sbom.spdx.json {app}"),
            0,
            &[&told("https://spdx.dev/Document")],
        );

        let ask = |key: &str, kind: &str| {
            format!("verify-attestation --key {key} --insecure-ignore-tlog --type {kind} -o json {app}")
        };
        let found = predicate(&by_key(&room, &ask("k.pub", "vuln"), 0, &[]));
        let text = found.to_string();
        assert!(found["scanner"].is_object() && text.contains("sample-tls"), "{text}");
        let found = predicate(&by_key(&room, &ask("k.pub", "cyclonedx"), 0, &[]));
        assert_eq!(found["bomFormat"], "CycloneDX");
        assert_eq!(found["components"], room.json("sbom.json")["components"], "what was sealed is what was written");
        let found = predicate(&by_key(&room, &ask("k.pub", "spdxjson"), 0, &[]));
        assert_eq!(found["packages"], room.json("sbom.spdx.json")["packages"]);
        // Somebody else's key vouches for nothing, nor does the log that was not asked.
        for kind in ["vuln", "cyclonedx", "spdxjson"] {
            by_key(&room, &ask("other.pub", kind), 12, &[]);
            by_key(&room, &ask("k.pub", kind).replace("--insecure-ignore-tlog ", ""), 12, &[]);
        }
        by_key(&room, &ask("k.pub", "openvex"), 12, &[]);
    }
}

#[test]
fn only_a_whole_result_about_an_image_of_a_registry_is_sealed() {
    let room = Room::with_broken();
    by_key(&room, "key generate k", 0, &[]);
    let seal = "--attest --key k.key --tlog-upload=false";
    by_key(&room, &format!("sbom {seal} dir:broken"), 2, &["`dir:broken` is none", "attest-blob"]);
    by_key(&room, &format!("scan --db builtin:sample {seal} dir:broken"), 2, &["`dir:broken` is none"]);
    // A key that is not there is found out before anything is written beside the image.
    let registry = Writable::start(Faults { lists: true, ..Faults::default() });
    packages(&registry);
    let before = registry.contents.lock().manifests.len();
    let line = format!("sbom --attest --key nowhere.key --tlog-upload=false {}/app:1", registry.standin.host);
    by_key(&room, &line, 1, &["nowhere.key"]);
    assert_eq!(registry.contents.lock().manifests.len(), before);
}

/// A private Sigstore whose authority believes the names of the great platforms, and an image to attest.
pub(crate) struct Build {
    pub(crate) room: Room,
    stack: Stack,
    pub(crate) serving: Serving,
    registry: Writable,
    image: Digest,
}

impl Build {
    pub(crate) fn new() -> Build {
        let clock = Arc::new(|| Timestamp::try_from(std::time::SystemTime::now()).unwrap());
        let mut options = Options::new(clock);
        options.email = WHO.to_owned();
        options.also.push((GITLAB.to_owned(), IssuerKind::Gitlab(GITLAB.to_owned())));
        options.also.push((BUILDKITE.to_owned(), IssuerKind::Buildkite));
        let stack = Stack::new(options).unwrap();
        let serving = stack.listen().unwrap();
        let room = Room::new();
        room.file("root.json", &stack.trusted_root().to_string());
        room.file("signing.json", &serving.signing_config().to_string());
        let registry = Writable::start(Faults { lists: true, ..Faults::default() });
        let image = packages(&registry);
        Build { room, stack, serving, registry, image }
    }

    fn app(&self) -> String {
        format!("{}/app@{}", self.registry.standin.host, self.image)
    }

    /// The token of an issuer with these claims.
    fn token(&self, issuer: &str, claims: &Value) -> String {
        self.stack.issuer().mint(issuer, claims, self.stack.now()).unwrap()
    }

    /// Runs it where these variables are set.
    #[track_caller]
    pub(crate) fn run(&self, line: &str, variables: &[(&str, &str)], code: i32, needles: &[&str]) -> Run {
        let mut command = self.room.command(line);
        command
            .env_remove("SOURCE_DATE_EPOCH")
            .env("SIGNET_SIGNING_CONFIG", self.room.path("signing.json"))
            .env("SIGNET_TRUSTED_ROOT", self.room.path("root.json"))
            .envs(variables.iter().copied());
        checked(line, command.output().unwrap(), code, needles)
    }

    /// The provenance of the image by whoever this certificate names.
    #[track_caller]
    fn provenance(&self, name: &str, issuer: &str) -> Value {
        let line = format!(
            "verify-attestation --type slsaprovenance1 --certificate-identity {name} --certificate-oidc-issuer {issuer} -o json {}",
            self.app()
        );
        let verified = self.run(&line, &[], 0, &[]);
        // Nobody else is taken for them.
        self.run(&line.replace(name, "https://example.com/somebody"), &[], 12, &[]);
        self.run(&line.replace(issuer, "https://issuer.example.com"), &[], 12, &[]);
        predicate(&verified)
    }

    fn attest(&self) -> String {
        format!("attest --provenance --yes {}", self.app())
    }
}

#[test]
fn a_job_of_github_shows_source_builder_and_level() {
    let build = Build::new();
    let (url, token) = (build.serving.request_url(), build.stack.request_token().to_owned());
    let job = [
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", token.as_str()),
    ];
    build.run(&build.attest(), &job, 0, &["attested `https://slsa.dev/provenance/v1`"]);
    let workflow = "https://github.com/example/shop/.github/workflows/release.yml";
    let found = build.provenance(&format!("{workflow}@refs/heads/main"), "https://token.actions.githubusercontent.com");
    assert_eq!(found["runDetails"]["builder"]["id"], format!("{workflow}@refs/heads/main"));
    let dependency = &found["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(dependency["uri"], "git+https://github.com/example/shop@refs/heads/main");
    assert_eq!(dependency["digest"]["gitCommit"], COMMIT);
    assert!(found["buildDefinition"]["internalParameters"].get("signet_unproven").is_none(), "{found}");
    let ask = |flags: &str, code: i32, needle: &str| {
        build.run(&format!("verify-attestation {flags} {}", build.app()), &[], code, &[needle]);
    };
    let source = "--source-uri github.com/example/shop";
    ask(&format!("{source} --builder-id {workflow} --slsa-level 2"), 0, "SLSA build level 2");
    ask(&format!("{source} --builder-id {workflow} --slsa-level 3"), 12, "level 2");
    ask(&format!("{source} --builder-id {workflow} --source-branch main"), 0, "SLSA build level 2");
    ask(&format!("{source} --builder-id {workflow} --source-branch dev"), 12, "NOT VERIFIED");
    ask(&format!("{source} --builder-id {workflow} --source-tag v1"), 12, "NOT VERIFIED");
    ask(&format!("--source-uri github.com/example/other --builder-id {workflow}"), 12, "source repository");
    ask(&format!("{source} --builder-id {}", workflow.replace("release", "other")), 12, "builder");
    ask(source, 12, "since none is named");
}

#[test]
fn a_pipeline_of_gitlab_shows_what_its_token_says() {
    let build = Build::new();
    let config = "gitlab.com/acme/rocket//.gitlab-ci.yml@refs/heads/main";
    let claims = json!({
        "sub": "project_path:acme/rocket:ref_type:branch:ref:main", "project_path": "acme/rocket", "project_id": "7",
        "namespace_path": "acme", "namespace_id": "8", "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main",
        "sha": COMMIT, "ci_config_ref_uri": config, "ci_config_sha": COMMIT, "job_id": "9", "pipeline_source": "push",
        "runner_environment": "gitlab-hosted",
    });
    let token = build.token(GITLAB, &claims);
    // What the environment says besides is the build's own word, and is not written down where the token speaks.
    let job =
        [("GITLAB_CI", "true"), ("SIGSTORE_ID_TOKEN", &*token), ("CI_PROJECT_PATH", "evil/other"), ("CI_JOB_ID", "1")];
    build.run(&build.attest(), &job, 0, &["attested `https://slsa.dev/provenance/v1`"]);
    let found = build.provenance(&format!("https://{config}"), GITLAB);
    assert_eq!(found["runDetails"]["builder"]["id"], format!("https://{config}"));
    assert_eq!(found["runDetails"]["metadata"]["invocationId"], "https://gitlab.com/acme/rocket/-/jobs/9");
    let dependency = &found["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(dependency["uri"], "git+https://gitlab.com/acme/rocket@refs/heads/main");
    assert_eq!(dependency["digest"]["gitCommit"], COMMIT);
    assert!(!found.to_string().contains("evil") && !found.to_string().contains("signet_unproven"), "{found}");
    // The flags of slsa-verifier are about GitHub's workflows: this is none, whoever names it.
    let named = format!("--certificate-identity https://{config} --certificate-oidc-issuer {GITLAB}");
    for flags in ["", &named] {
        build.run(
            &format!("verify-attestation {flags} --source-uri gitlab.com/acme/rocket {}", build.app()),
            &[],
            12,
            &["NOT VERIFIED"],
        );
    }
    // Without a token the job may say what it likes, by key, and every part is marked.
    by_key(&build.room, "key generate k", 0, &[]);
    let line = format!("attest --provenance --key k.key {}", build.app());
    let said = [
        ("GITLAB_CI", "true"),
        ("CI_SERVER_URL", GITLAB),
        ("CI_PROJECT_PATH", "acme/rocket"),
        ("CI_COMMIT_SHA", COMMIT),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_JOB_ID", "9"),
        ("COSIGN_PASSWORD", ""),
    ];
    build.run(&line, &said, 0, &["nobody but this build itself vouches for"]);
    let line = format!("verify-attestation --type slsaprovenance1 --key k.pub -o json {}", build.app());
    let found = predicate(&build.run(&line, &[], 0, &[]));
    let unproven = &found["buildDefinition"]["internalParameters"]["signet_unproven"];
    assert_eq!(unproven, &json!(["buildDefinition", "runDetails"]));
}

#[test]
fn a_job_of_buildkite_shows_what_its_token_says() {
    let build = Build::new();
    let claims = json!({
        "sub": "organization:acme:pipeline:rocket:ref:refs/heads/main:commit:1f2e:step:build", "organization_slug": "acme",
        "pipeline_slug": "rocket", "build_number": 5, "build_branch": "main", "build_commit": COMMIT, "step_key": "build",
        "job_id": "0184", "runner_environment": "self-hosted",
    });
    let token = build.token(BUILDKITE, &claims);
    let agent =
        Standin::start(move |request| match (&*request.method, &*request.target, request.header("authorization")) {
            ("POST", "/jobs/0184/oidc/tokens", Some("Token agent-secret")) => {
                Reply::new(200, json!({"token": token}).to_string())
            }
            _ => Reply::new(404, "{}"),
        });
    let endpoint = format!("http://{}", agent.host);
    let mut job = vec![
        ("BUILDKITE", "true"),
        ("BUILDKITE_JOB_ID", "0184"),
        ("BUILDKITE_AGENT_ACCESS_TOKEN", "agent-secret"),
        ("BUILDKITE_AGENT_ENDPOINT", &*endpoint),
        ("BUILDKITE_REPO", "https://github.com/acme/rocket.git"),
    ];
    let told = build.run(
        &build.attest(),
        &job,
        0,
        &["nobody but this build itself vouches for", "resolvedDependencies[0].uri"],
    );
    assert!(!told.talk.contains("agent-secret"), "{told}");
    let builder = "https://buildkite.com/acme/rocket";
    let found = build.provenance(builder, BUILDKITE);
    assert_eq!(found["runDetails"]["builder"]["id"], builder);
    assert_eq!(found["runDetails"]["metadata"]["invocationId"], format!("{builder}/builds/5#0184"));
    let dependency = &found["buildDefinition"]["resolvedDependencies"][0];
    assert_eq!(dependency["digest"]["gitCommit"], COMMIT);
    let unproven = &found["buildDefinition"]["internalParameters"]["signet_unproven"];
    assert_eq!(unproven, &json!(["buildDefinition.resolvedDependencies[0].uri"]));
    let named = format!("--certificate-identity {builder} --certificate-oidc-issuer {BUILDKITE}");
    let line = format!("verify-attestation {named} --source-uri github.com/acme/rocket {}", build.app());
    build.run(&line, &[], 12, &["NOT VERIFIED"]);
    // An agent that refuses is an error, and no reason to look for another identity.
    job[2].1 = "wrong";
    build.run(&build.attest(), &job, 1, &["buildkite-agent"]);
}

#[test]
fn any_other_build_says_who_it_is_and_is_marked() {
    let build = Build::new();
    let token = build.serving.token(WHO).unwrap();
    let job = [("SIGSTORE_ID_TOKEN", token.as_str())];
    build.run(&build.attest(), &job, 1, &["the builder is not named", "\n\nhint: name it with `--builder-id URI`"]);
    let line = |builder: &str, source: &str| format!("{} --builder-id {builder} --source-uri {source}", build.attest());
    let source = "git+https://git.example.com/acme/rocket";
    build.run(&line("nonsense", source), &job, 1, &["builder"]);
    // The address that a CI clones from may hold its password: it is neither signed nor shown.
    let told =
        build.run(&line("https://ci.example.com/b", "https://me:pa55word@git.example.com/x"), &job, 1, &["password"]);
    assert!(!told.talk.contains("pa55word"), "{told}");
    build.run(
        &line("https://ci.example.com/b", &format!("{source}@{COMMIT}")),
        &job,
        0,
        &["nobody but this build itself"],
    );
    let found = build.provenance(WHO, &build.serving.issuer_url());
    assert_eq!(found["runDetails"]["builder"]["id"], "https://ci.example.com/b");
    assert_eq!(
        found["buildDefinition"]["resolvedDependencies"][0],
        json!({"uri": source, "digest": {"gitCommit": COMMIT}})
    );
    let unproven = &found["buildDefinition"]["internalParameters"]["signet_unproven"];
    assert_eq!(unproven, &json!(["buildDefinition", "runDetails"]));
    // Who is not vouched for by their certificate shows no level at all.
    let line = format!(
        "verify-attestation --certificate-identity {WHO} --certificate-oidc-issuer {} --source-uri git.example.com/acme/rocket --slsa-level 1 {}",
        build.serving.issuer_url(),
        build.app()
    );
    build.run(&line, &[], 12, &["NOT VERIFIED"]);
}
