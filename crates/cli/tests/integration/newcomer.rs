//! What somebody who is new to the program runs into: slips, missing networks, questions, and the text of the help.

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet_model::Digest;
use signet_yaml::{Limits, parse, to_json};

use crate::harness::{Room, Run};
use crate::pushable::standin::{MANIFEST, Reply, Standin, manifest};
use crate::pushable::writable::{Faults, Writable};
use crate::seal::run;

/// With a key pair (`k.key`, `k.pub`) that has no password.
fn with_key() -> Room {
    let room = Room::new();
    by_key(&room, "key generate k", 0, &[]);
    room
}

/// Runs it with the empty password.
#[track_caller]
fn by_key(room: &Room, line: &str, code: i32, needles: &[&str]) -> Run {
    let output = room.command(line).env("COSIGN_PASSWORD", "").output().unwrap();
    let run = Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr);
    assert_eq!(run.code, code, "{run}");
    for needle in needles {
        assert!(run.out.contains(needle) || run.talk.contains(needle), "no `{needle}` in\n{run}");
    }
    run
}

#[test]
fn every_question_ends_its_line_and_needs_a_yes() {
    let room = with_key();
    room.file("cosign.key", "here already");
    let registry = Writable::start(Faults::default());
    registry.image("1", &[]);
    let app = format!("{}/app:1", registry.standin.host);
    for (line, refusal) in [
        (format!("clean {app}"), "nothing was removed: nobody said yes"),
        (format!("cosign clean {app}"), "user declined the prompt"),
        ("cosign generate-key-pair".to_owned(), "user declined the prompt"),
    ] {
        let question = "Are you sure you would like to continue? [y/N] \n";
        let done = by_key(&room, &line, 1, &[question, refusal]);
        assert!(done.talk.to_ascii_lowercase().starts_with("warning: "), "{done}");
        for (answer, code) in [("n\n", 1), ("yess\n", 1), ("\u{ff}\n", 1), ("Y\n", 0), ("yes", 0)] {
            let mut command = room.command(&line);
            command.env("COSIGN_PASSWORD", "").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), answer.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            let talk = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{line} {answer:?}: {talk}");
            assert!(talk.contains(question), "{line} {answer:?}: {talk}");
        }
    }
    assert_ne!(room.read("cosign.key"), "here already");
}

#[test]
fn cosign_cleans_a_list_that_is_longer_than_what_is_verified() {
    let room = Room::new();
    let registry = Writable::start(Faults { lists: true, ..Faults::default() });
    let image = registry.image("1", &[]);
    let subject = json!({"mediaType": MANIFEST, "digest": image.to_string(), "size": 1});
    let config = json!({"mediaType": "a/b", "digest": Digest::sha256(b"{}").to_string(), "size": 2});
    for number in 0..130 {
        let beside = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "subject": subject,
            "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json", "annotations": {"number": number.to_string()},
        });
        registry.put(&Digest::sha256(beside.to_string().as_bytes()).to_string(), MANIFEST, &beside);
    }
    let done = run(&room, &format!("cosign clean -f {}/app:1", registry.standin.host), 0, &[]);
    assert_eq!(done.talk.matches("Removed ").count(), 130, "{done}");
    assert_eq!(registry.contents.lock().manifests.len(), 2, "the image under its two names");
}

#[test]
fn an_equal_sbom_of_another_image_stays() {
    for only_digests in [true, false] {
        let room = Room::new();
        let registry = Writable::start(Faults { only_digests, ..Faults::default() });
        let host = &registry.standin.host;
        let one = registry.image("1", &[]);
        let two = registry.image("2", &[b"other"]);
        room.file("sbom.json", "{\"spdxVersion\":\"SPDX-2.3\"}");
        for tag in ["1", "2"] {
            run(&room, &format!("cosign attach sbom --sbom sbom.json {host}/app:{tag}"), 0, &[]);
        }
        let other = format!("is also under `sha256-{}.sbom`", two.hex());
        let needles: &[&str] = if only_digests { &["deletes no tags", &other, "hint: "] } else { &["removed "] };
        run(&room, &format!("clean --type sbom -f {host}/app:1"), i32::from(only_digests), needles);
        run(&room, &format!("cosign download sbom {host}/app:2"), 0, &["SPDX-2.3"]);
        let first = registry.contents.lock().manifests.contains_key(&format!("sha256-{}.sbom", one.hex()));
        assert_eq!(first, only_digests);
        // With the other one gone it can go.
        registry.contents.lock().manifests.remove(&format!("sha256-{}.sbom", two.hex()));
        run(&room, &format!("clean --type sbom -f {host}/app:1"), 0, &[]);
        assert!(!registry.contents.lock().manifests.contains_key(&format!("sha256-{}.sbom", one.hex())));
    }
}

#[test]
fn a_password_on_the_command_line_is_for_the_images_registry_alone() {
    let room = with_key();
    let wanted = format!("Basic {}", STANDARD.encode("me:s3cret"));
    let challenge = || Reply::new(401, "{}").with("WWW-Authenticate", "Basic realm=\"r\"");
    let own = wanted.clone();
    let images = Standin::start(move |request| match request.header("authorization") {
        Some(text) if text == own => match request.target.contains("/manifests/1") {
            true => Reply::new(200, manifest(b"{}", &[])).with("Content-Type", MANIFEST),
            false => Reply::new(404, "{}"),
        },
        _ => challenge(),
    });
    let signatures = Standin::start(move |_| challenge());
    let line = format!(
        "cosign sign --key k.key --tlog-upload=false --registry-username me --registry-password s3cret {}/app:1",
        images.host
    );
    let output = room
        .command(&line)
        .env("COSIGN_PASSWORD", "")
        .env("COSIGN_REPOSITORY", format!("{}/sigs", signatures.host))
        .output()
        .unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{talk}");
    assert!(images.log().iter().any(|request| request.header("authorization") == Some(&wanted)), "{talk}");
    let seen = signatures.log();
    assert!(!seen.is_empty() && seen.iter().all(|request| request.header("authorization").is_none()), "{talk}");
    assert!(!talk.contains("s3cret"), "{talk}");
}

#[test]
fn what_lies_here_is_no_image_of_a_registry() {
    let room = with_key();
    for (line, place) in [
        ("verify --key k.pub oci-dir:build", "build"),
        ("verify --key nowhere.pub ./build", "./build"),
        ("verify-attestation --key k.pub oci-archive:a.tar", "a.tar"),
        ("sign --key k.key ./build", "./build"),
        ("attest --key k.key --type custom --predicate k.pub /srv/build", "/srv/build"),
        ("copy oci-dir:build localhost:1/app:1", "build"),
        ("copy localhost:1/app:1 ./build", "./build"),
        ("tree ../build", "../build"),
        ("save --dir d ./build", "./build"),
        ("download sbom ./build", "./build"),
        ("clean -f ./build", "./build"),
        ("attach --artifact-type a/b k.pub ./build", "./build"),
    ] {
        let needle = format!("`--local-image {place}`");
        by_key(&room, line, 2, &["lies on this machine", &needle, &format!("`signet load --dir {place} IMAGE`")]);
    }
}

#[test]
fn an_unknown_type_is_a_slip() {
    let room = with_key();
    room.file("b.json", "{}");
    for line in [
        "verify-attestation --key k.pub --type vulnerabilities localhost:1/app:1",
        "verify-blob-attestation --key k.pub --type vulnerabilities --bundle b.json k.pub",
    ] {
        by_key(&room, line, 2, &["`--type vulnerabilities`", "slsaprovenance1", "openvex", "URI"]);
    }
    // Known, and of the network.
    by_key(&room, "verify-attestation --offline --key k.pub --type vuln localhost:1/app:1", 1, &["--offline"]);
    by_key(&room, "verify-attestation --offline --key k.pub --type urn:x:y localhost:1/app:1", 1, &["--offline"]);
}

#[test]
fn without_a_network_it_is_said_how_to_sign() {
    let room = with_key();
    let both = ["hint: `--tlog-upload=false` signs without the log", "`--insecure-ignore-tlog`"];
    by_key(&room, "sign-blob --key k.key --offline k.pub", 1, &both);
    let done = by_key(&room, "sign-blob --key k.key --rekor-url http://127.0.0.1:1 k.pub", 1, &both);
    // What the HTTP library says of every failure is not repeated.
    assert!(done.talk.contains("no connection to `127.0.0.1:1`: Connection refused"), "{done}");
    by_key(&room, "sign-blob --yes --offline k.pub", 1, &["hint: ", "`--key KEY --tlog-upload=false`"]);
    by_key(&room, "sign-blob --key k.key --offline --tlog-upload=false --bundle b.json k.pub", 0, &[]);
    by_key(&room, "verify-blob --key k.pub --offline --insecure-ignore-tlog --bundle b.json k.pub", 0, &[]);
    // Errors of others that bear their advice in their text look the same.
    let done = by_key(&room, "trust init --mirror http://127.0.0.1:1/", 1, &["\n\nhint: "]);
    assert_eq!(done.talk.matches("hint: ").count(), 1, "{done}");
}

#[test]
fn no_key_without_a_password_that_nobody_chose() {
    let room = Room::new();
    room.check("key generate k", 1, &["there is no password for the key", "SIGNET_KEY_PASSWORD"]);
    assert!(!room.path("k.key").exists() && !room.path("k.pub").exists());
    by_key(&room, "key generate k", 0, &["warning: the key has an empty password"]);
    room.check("key import k.key other", 1, &[]);
    room.file("empty", "\n");
    room.check("key generate --password-file empty filed", 0, &["warning: the key has an empty password"]);
    let mut child = room.command("key generate piped").stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"secret").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_slip_in_a_path_fetches_nothing() {
    let room = Room::new();
    for (source, what) in [
        ("oci-dir:nosuch", "OCI layout `nosuch`"),
        ("oci-dir:nosuch:1", "OCI layout `nosuch`"),
        ("oci-archive:a.tar", "archive `a.tar`"),
        ("docker-archive:a.tar", "archive `a.tar`"),
        ("dir:nosuch", "directory `nosuch`"),
    ] {
        let run = room.check(&format!("scan {source}"), 1, &[&format!("cannot read the {what}"), "is the path right?"]);
        assert!(!run.talk.contains("database"), "{run}");
    }
    let run = room.check("scan docker://alpine", 2, &["form of skopeo"]);
    assert!(!run.talk.contains("database"), "{run}");
}

#[test]
fn help_is_in_order() {
    let room = Room::new();
    let help =
        room.check("attach --help", 0, &["attach [OPTIONS] --artifact-type <TYPE> <FILE[:MEDIA-TYPE]>... <IMAGE>\n"]);
    assert!(help.out.contains("application/vnd.example.report \\\n      report.json"), "{help}");
    let help = room.check("verify --help", 0, &["\nOptions of every command:\n"]);
    let (own, common) = help.out.split_once("\nOptions of every command:\n").unwrap();
    let (common, examples) = common.split_once("\nExamples:\n").unwrap();
    assert!(examples.contains("--certificate-identity-regexp '^https://github.com/my-org/' \\\n      "), "{help}");
    for (flag, among) in [("--key", own), ("--insecure-ignore-sct", own), ("--quiet", common), ("--offline", common)] {
        assert!(among.contains(flag), "{flag} in {help}");
    }
    assert!(!own.contains("--quiet") && !common.contains("--key"), "{help}");
    room.check("schema nonsense", 2, &["there is no schema `nonsense`; there is `report`"]);
}

#[test]
fn a_policy_report_is_yaml_where_yaml_is_promised() {
    let room = Room::new();
    room.file(
        "policy.yaml",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: labels}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: app\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate:\n      message: 'the label `app`: is needed'\n      pattern: {metadata: {labels: {app: '?*'}}}\n",
    );
    room.file("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: []}\n");
    let yaml = room.run("kyverno apply policy.yaml -r pod.yaml -p");
    assert!(yaml.out.starts_with("apiVersion: wgpolicyk8s.io/v1alpha2\nkind: ClusterPolicyReport\n"), "{yaml}");
    let json = room.run("kyverno apply policy.yaml -r pod.yaml -p --output-format json");
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["summary"]["fail"], 1);
    let documents = parse(&yaml.out, &Limits::default()).unwrap();
    assert_eq!(to_json(&documents[0].root), json, "{yaml}");
}
