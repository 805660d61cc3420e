//! Signatures without keys, made through a whole private Sigstore on this machine: issuer, certificate authority, log, timestamps.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use signet_authority::{Options, Serving, Stack};
use signet_model::Timestamp;

use crate::harness::{Room, Run};
use crate::peers::{Registry, peers, unavailable};
use crate::signing::push;

pub(crate) const WHO: &str = "ci-sa@company.com";

/// A room with the material of a running stack.
pub(crate) struct Scene {
    pub(crate) room: Room,
    pub(crate) stack: Stack,
    pub(crate) serving: Serving,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        Scene::with(|_| {})
    }

    /// With a stack of another make.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Scene {
        let clock = Arc::new(|| Timestamp::try_from(std::time::SystemTime::now()).unwrap());
        let mut options = Options::new(clock);
        options.email = WHO.to_owned();
        change(&mut options);
        let stack = Stack::new(options).unwrap();
        let serving = stack.listen().unwrap();
        let room = Room::new();
        room.file("root.json", &stack.trusted_root().to_string());
        room.file("signing.json", &serving.signing_config().to_string());
        room.file("trust.json", &serving.client_trust_config().to_string());
        room.file("token", &serving.token(WHO).unwrap());
        room.file("app.bin", "an artifact\n");
        Scene { room, stack, serving }
    }

    /// The command with the stack named by variables, as a user of a private instance does.
    fn command(&self, line: &str) -> Command {
        let mut command = self.room.command(line);
        command
            .env_remove("SOURCE_DATE_EPOCH")
            .env("SIGNET_SIGNING_CONFIG", self.room.path("signing.json"))
            .env("SIGNET_TRUSTED_ROOT", self.room.path("root.json"));
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, line: &str, code: i32, needles: &[&str]) -> Run {
        checked(line, self.command(line).output().unwrap(), code, needles)
    }

    /// The flags that ask for a person of the stack's issuer.
    pub(crate) fn person(&self) -> String {
        format!("--certificate-identity {WHO} --certificate-oidc-issuer {}", self.serving.issuer_url())
    }
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

#[test]
fn a_file_is_signed_by_a_token_and_verified_with_every_check() {
    let scene = Scene::new();
    scene.run("sign-blob --yes --identity-token token --bundle b.json app.bin", 0, &["signing as `ci-sa@company.com`"]);
    let line = format!("verify-blob --bundle b.json {} app.bin", scene.person());
    let run = scene.run(
        &line,
        0,
        &["signed certificate timestamp", "RFC 3161 timestamp", "inclusion in the log", "second verifier"],
    );
    assert!(!run.out.contains("NOT CHECKED"), "{run}");
    scene.run(&line.replace(WHO, "someone@company.com"), 12, &["certificate identity"]);
    let bundle = scene.room.json("b.json");
    assert_eq!(bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["version"], json!("0.0.2"));
    // An attestation too.
    scene.room.file("p.json", "{}");
    let line = "attest-blob --yes --identity-token token --type https://x.example/p --predicate p.json --bundle a.json app.bin";
    scene.run(line, 0, &[]);
    let line = format!("verify-blob-attestation --type https://x.example/p --bundle a.json {} app.bin", scene.person());
    scene.run(&line, 0, &["second verifier"]);
}

#[test]
fn by_key_and_without_a_log_nobody_else_is_needed() {
    let room = Room::new();
    room.file("app.bin", "an artifact\n");
    let run = |line: &str, code: i32, needles: &[&str]| {
        let output = room.command(line).env("COSIGN_PASSWORD", "").output().unwrap();
        checked(line, output, code, needles)
    };
    run("key generate k", 0, &[]);
    // The public instance is trusted, and not asked.
    run("sign-blob --key k.key --tlog-upload=false --bundle b.json app.bin --offline", 0, &[]);
    let line = "verify-blob --key k.pub --bundle b.json app.bin --offline";
    run(&format!("{line} --insecure-ignore-tlog"), 0, &["verified, 1 of 1 signatures"]);
    run(line, 12, &["no entry: it was made without a log"]);
}

#[test]
fn an_identity_is_not_published_without_consent() {
    let scene = Scene::new();
    let line = "sign-blob --identity-token token --bundle b.json app.bin";
    scene.run(line, 1, &["`ci-sa@company.com` will stand in a public record", "user declined the prompt", "--yes"]);
    assert!(!scene.room.path("b.json").exists());
    let answer = |text: &str, code: i32| {
        let mut child =
            scene.command(line).stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        checked(line, child.wait_with_output().unwrap(), code, &[]);
    };
    answer("no\n", 1);
    answer("y\n", 0);
    assert!(scene.room.path("b.json").exists());
}

#[test]
fn a_job_signs_as_its_workflow() {
    let scene = Scene::new();
    let job = |line: &str| {
        let mut command = scene.command(line);
        command
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", scene.serving.request_url())
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", scene.stack.request_token());
        command.output().unwrap()
    };
    let line = "sign-blob --yes --bundle b.json app.bin";
    let run = checked(line, job(line), 0, &["signing as `https://github.com/"]);
    let name = run.talk.split('`').nth(1).unwrap();
    let bundle = format!(
        "verify-blob --bundle b.json --certificate-identity {name} --certificate-oidc-issuer https://token.actions.githubusercontent.com app.bin"
    );
    scene.run(&bundle, 0, &["second verifier"]);
    // The surroundings' identity is not taken for the one that was asked for.
    let line = format!("sign-blob --yes --oidc-issuer {} --bundle c.json app.bin", scene.serving.issuer_url());
    checked(
        &line,
        job(&line),
        1,
        &["the identity token is by `https://token.actions.githubusercontent.com` and not by"],
    );
    assert!(!scene.room.path("c.json").exists());
}

#[test]
fn a_build_attests_how_it_came_about() {
    const TEST: &str = "a_build_attests_how_it_came_about";
    if !peers(TEST, &["docker-registry"]) {
        return;
    }
    let scene = Scene::new();
    let registry = Registry::start();
    let (index, _) = push(&registry.host);
    let image = format!("{}/team/app@{index}", registry.host);
    let job = |line: &str| {
        let mut command = scene.command(line);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", scene.serving.request_url())
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", scene.stack.request_token());
        command.output().unwrap()
    };
    let line = format!("attest --provenance --yes {image}");
    checked(&line, job(&line), 0, &["attested `https://slsa.dev/provenance/v1`"]);
    let workflow = "https://github.com/example/shop/.github/workflows/release.yml";
    let ask = |source: &str, builder: &str, level: u8| {
        format!(
            "verify-attestation --type slsaprovenance1 --source-uri github.com/{source} --builder-id {builder} --slsa-level {level} {image}"
        )
    };
    // A workflow that attests for itself is level 2: what signs can be reached by what builds.
    scene.run(&ask("example/shop", workflow, 2), 0, &[workflow]);
    scene.run(&ask("example/shop", workflow, 3), 12, &["level"]);
    scene.run(&ask("example/other", workflow, 2), 12, &["source"]);
    scene.run(&ask("example/shop", &workflow.replace("release", "other"), 2), 12, &["builder"]);
    // Signed by a key, the token says nothing to whoever verifies: each claim is marked.
    let mut made = scene.command("key generate k");
    checked("key generate k", made.env("COSIGN_PASSWORD", "").output().unwrap(), 0, &[]);
    let line = format!(
        "attest --provenance --key k.key --builder-id https://ci.example/b --source-uri git+https://git.example/shop@1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c {image}"
    );
    let output = scene.command(&line).env("COSIGN_PASSWORD", "").output().unwrap();
    checked(&line, output, 0, &["nobody but this build itself vouches for"]);
    scene.run(&format!("attest --provenance --predicate p.json {image}"), 2, &["--provenance"]);
}

/// Follows an address as a browser does, to the page at which it ends.
fn browse(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).unwrap();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let location = answer
        .lines()
        .find_map(|line| line.to_ascii_lowercase().starts_with("location: ").then(|| line[10..].trim().to_owned()));
    location.map_or(answer, |location| browse(&location))
}

/// Logs in with a browser or a code, as the program says what to do.
fn logged_in(mut command: Command, act: impl Fn(&str) -> bool) -> (i32, String) {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut talk = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        act(&line);
        talk = talk + &line + "\n";
    }
    (child.wait().unwrap().code().unwrap(), talk)
}

#[test]
fn people_log_in_with_a_browser_or_a_code() {
    let scene = Scene::new();
    let issuer = scene.serving.issuer_url();
    let line = |flow: &str| {
        scene.command(&format!(
            "sign-blob --yes --oidc-issuer {issuer} --fulcio-auth-flow {flow} --bundle {flow}.json app.bin"
        ))
    };
    let (code, talk) = logged_in(line("normal"), |said| {
        let page = said.starts_with("http").then(|| browse(said));
        page.is_some_and(|page| page.contains("You are logged in"))
    });
    assert_eq!(code, 0, "{talk}");
    assert!(talk.contains("code_challenge_method=S256"), "{talk}");
    let (code, talk) = logged_in(line("device"), |said| {
        let url = said.split(" in your browser at: ").nth(1);
        url.map(browse).is_some_and(|page| page.contains("done"))
    });
    assert_eq!(code, 0, "{talk}");
    for flow in ["normal", "device"] {
        scene.run(&format!("verify-blob --bundle {flow}.json {} app.bin", scene.person()), 0, &["second verifier"]);
    }
    // An answer to another login is none: the state is not ours.
    let (code, talk) = logged_in(line("normal"), |said| {
        let Some(redirect) = said.split("redirect_uri=").nth(1).and_then(|rest| rest.split('&').next()) else {
            return false;
        };
        let redirect = redirect.replace("%3A", ":").replace("%2F", "/");
        for _ in 0..16 {
            assert!(browse(&format!("{redirect}?code=stolen&state=forged")).contains("400 Bad Request"));
        }
        true
    });
    assert!(code == 1 && talk.contains("the browser asked for other pages only"), "{talk}");
    // No token, and none may be asked for.
    scene.run("sign-blob --yes --fulcio-auth-flow token app.bin", 1, &["there is no identity token"]);
}

#[test]
fn images_are_signed_by_identity_through_a_real_registry() {
    if !peers("images_are_signed_by_identity_through_a_real_registry", &["docker-registry"]) {
        return;
    }
    let scene = Scene::new();
    let registry = Registry::start();
    let host = &registry.host;
    let (index, _) = push(host);
    let image = format!("{host}/team/app@{index}");
    let keyless = |line: &str| {
        let mut command = scene.command(line);
        command.env("SIGSTORE_ID_TOKEN", scene.serving.token(WHO).unwrap()).env("COSIGN_YES", "true");
        command.output().unwrap()
    };
    // As the articles write it: the issuer on the command line, everything else around.
    let line = format!("cosign sign --oidc-issuer={} {image}", scene.serving.issuer_url());
    checked(
        &line,
        keyless(&line),
        0,
        &["Generating ephemeral keys...", "Retrieving signed certificate...", "tlog entry created with index: "],
    );
    let person = scene.person();
    scene.run(&format!("verify {person} {image}"), 0, &["Sigstore bundle 0.3", "second verifier"]);
    scene.run(
        &format!("cosign verify {person} {image}"),
        0,
        &["  - The code-signing certificate was verified using trusted certificate authority certificates", WHO],
    );
    scene.room.file("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    let line = format!("cosign attest --predicate bom.json --type cyclonedx --yes {image}");
    checked(&line, keyless(&line), 0, &["Using payload from: bom.json"]);
    scene.run(&format!("verify-attestation --type cyclonedx {person} {image}"), 0, &["https://cyclonedx.org/bom"]);
    // The log is of the second version, for which the old layout has no room: said before anything is written.
    let line = format!("sign --yes --legacy-tags {image}");
    let run = checked(&line, keyless(&line), 1, &["layouts before Cosign 3 hold entries of Rekor v1 only"]);
    assert!(!run.talk.contains("signed `"), "{run}");
    // With timestamps and no log, both layouts are written.
    let line = format!("sign --yes --legacy-tags --tlog-upload=false {image}");
    checked(&line, keyless(&line), 0, &[]);
    scene.run(&format!("verify {person} --insecure-ignore-tlog {image}"), 0, &["simple signing"]);
}

#[test]
fn what_the_services_answer_is_held_to_the_trusted_root() {
    let (scene, stranger) = (Scene::new(), Scene::new());
    // Another instance's root: its certificate, log and timestamps are strangers'.
    scene.room.file("root.json", &stranger.room.read("root.json"));
    scene.run(
        "sign-blob --yes --identity-token token --bundle b.json app.bin",
        1,
        &["does not verify, and is not written"],
    );
    assert!(!scene.room.path("b.json").exists());
    // A token of another issuer is refused by the authority, which is said without the token.
    scene.room.file("stolen", &stranger.serving.token(WHO).unwrap());
    let run =
        scene.run("sign-blob --yes --identity-token stolen --bundle b.json app.bin", 1, &["get a certificate from"]);
    assert!(!run.talk.contains("eyJ"), "{run}");
    // Without logs and timestamps a certificate of minutes would be worthless soon.
    let config: Value = scene.serving.signing_config();
    let bare = json!({"mediaType": config["mediaType"], "caUrls": config["caUrls"]});
    scene.room.file("signing.json", &bare.to_string());
    scene.run("sign-blob --yes --identity-token token app.bin", 1, &["nobody vouches for the time"]);
}

#[test]
fn the_python_client_verifies_what_we_sign() {
    const TEST: &str = "the_python_client_verifies_what_we_sign";
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sigstore = root.join("target/peers/bin/sigstore");
    if !sigstore.is_file() {
        unavailable(TEST, "the Python package `sigstore` is not in target/peers");
        return;
    }
    let scene = Scene::new();
    scene.run("sign-blob --yes --identity-token token --bundle b.json app.bin", 0, &[]);
    let verify = |who: &str| {
        Command::new(&sigstore)
            .args(["--trust-config"])
            .arg(scene.room.path("trust.json"))
            .args(["verify", "identity", "--bundle"])
            .arg(scene.room.path("b.json"))
            .args(["--cert-identity", who, "--cert-oidc-issuer", &scene.serving.issuer_url()])
            .arg(scene.room.path("app.bin"))
            .env("HOME", scene.room.path("home"))
            .output()
            .unwrap()
    };
    let said = verify(WHO);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(!verify("someone@company.com").status.success());
}

#[test]
fn a_timestamp_is_the_answer_to_our_request_about_our_signature() {
    use signet_trust::seal::{Against, Author, Document, Draft, Stamped};
    let scene = Scene::new();
    let draft = || {
        let key = crate::world::Key::new();
        let signature = key.sign(b"an artifact\n");
        Draft::new(Document::Blob(b"an artifact\n".into()), Author::key(key.public()), signature).unwrap()
    };
    let (mut ours, theirs) = (draft(), draft());
    let now = scene.stack.now();
    let stamp = |query: &[u8]| scene.stack.timestamps().stamp(query, now, [7; 20]).bytes;
    let over = Stamped::Signature;
    let answer = stamp(&ours.timestamp_request(over, [1; 8]).unwrap());
    let old = ours.add_timestamp(over, [2; 8], &answer).unwrap_err();
    assert!(old.to_string().contains("another nonce"), "{old}");
    let foreign = stamp(&theirs.timestamp_request(over, [1; 8]).unwrap());
    let foreign = ours.add_timestamp(over, [1; 8], &foreign).unwrap_err();
    assert!(foreign.to_string().contains("one over something else"), "{foreign}");
    ours.add_timestamp(over, [1; 8], &answer).unwrap();
    let root = signet_trust::TrustRoot::from_json(scene.stack.trusted_root().to_string().as_bytes()).unwrap();
    let artifact = signet_trust::Artifact::Bytes(b"an artifact\n");
    ours.bundle(artifact, Against::Root(&root), now).unwrap();
    // By an authority that is not trusted, however well made.
    let stranger =
        signet_trust::TrustRoot::from_json(Scene::new().stack.trusted_root().to_string().as_bytes()).unwrap();
    let refused = ours.bundle(artifact, Against::Root(&stranger), now).unwrap_err();
    assert_eq!(refused.check, signet_trust::Check::Timestamp);
}
