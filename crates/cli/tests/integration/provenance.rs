//! Images with the provenance of the SLSA project's generator, verified by the program: what it shows, and each way in which it may be the wrong one.

use serde_json::{Value, json};
use signet_model::Digest;

use crate::harness::Room;
use crate::seal::{Author, refer, run};
use crate::shelf::Shelf;
use crate::world::Says;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WORKFLOWS: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";
const COMMIT: &str = "9f3182061f1e2cca4702c368cbc039b7dc9d4485";

/// The certificate of a workflow that was called by `acme/rocket`.
fn workflow(name: &str, runner: &str) -> Says {
    let claim = |number, text: &str| (number, text.to_owned());
    Says {
        name: name.to_owned(),
        issuer: Some(ISSUER.to_owned()),
        uri: true,
        claims: vec![
            claim(11, runner),
            claim(12, "https://github.com/acme/rocket"),
            claim(13, COMMIT),
            claim(14, "refs/heads/main"),
        ],
        ..Says::default()
    }
}

fn generator(file: &str) -> String {
    format!("{WORKFLOWS}{file}@refs/tags/v2.0.0")
}

fn statement(digest: &Digest, version: &str, predicate: &Value) -> Vec<u8> {
    let kind = format!("https://slsa.dev/provenance/{version}");
    let subject = json!([{"name": "app", "digest": {"sha256": digest.hex()}}]);
    let text = json!({
        "_type": if version == "v1" { "https://in-toto.io/Statement/v1" } else { "https://in-toto.io/Statement/v0.1" }, "subject": subject, "predicateType": kind, "predicate": predicate,
    });
    text.to_string().into_bytes()
}

/// As the generator writes it, in either version.
fn provenance(digest: &Digest, version: &str, builder: &str) -> Vec<u8> {
    let source = "git+https://github.com/acme/rocket@refs/heads/main";
    let build_type = match builder.contains("generator_container") {
        true => "https://github.com/slsa-framework/slsa-github-generator/container@v1",
        false => "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
    };
    let event = json!({"inputs": {"level": "high"}});
    let predicate = match version {
        "v0.2" => json!({
            "builder": {"id": builder}, "buildType": build_type,
            "invocation": {
                "configSource": {"uri": source, "digest": {"sha1": COMMIT}, "entryPoint": ".github/workflows/release.yml"},
                "parameters": {},
                "environment": {
                    "github_event_name": "workflow_dispatch", "github_ref_type": "branch", "github_ref": "refs/heads/main", "github_base_ref": "",
                    "github_event_payload": event,
                },
            },
            "materials": [{"uri": source, "digest": {"sha1": COMMIT}}],
        }),
        _ => json!({
            "buildDefinition": {
                "buildType": build_type, "externalParameters": {"inputs": {}},
                "internalParameters": {
                    "GITHUB_WORKFLOW_REF": "acme/rocket/.github/workflows/release.yml@refs/heads/main", "GITHUB_REF_TYPE": "branch",
                    "GITHUB_REF": "refs/heads/main", "GITHUB_BASE_REF": "", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PAYLOAD": event,
                },
                "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": COMMIT}}],
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {}},
        }),
    };
    statement(digest, version, &predicate)
}

fn put(shelf: &Shelf, author: &Author, image: &Digest, payload: &[u8], tag: bool) {
    if tag {
        let layer = author.att(shelf, payload);
        shelf.layers(Some(&format!("sha256-{}.att", image.hex())), &[layer], &json!({}));
    } else {
        refer(shelf, image, &author.bundle(payload), true);
    }
}

#[test]
fn an_image_of_the_generator_is_of_level_three() {
    let name = generator("generator_container_slsa3.yml");
    let author = Author::who(&workflow(&name, "github-hosted"));
    let room = Room::new();
    author.flags(&room);
    for (version, short) in [("v0.2", "slsaprovenance"), ("v1", "slsaprovenance1")] {
        for tag in [true, false] {
            let shelf = Shelf::start();
            let image = shelf.image("1");
            put(&shelf, &author, &image, &provenance(&image, version, &name), tag);
            let line = format!("verify-attestation --source-uri github.com/acme/rocket {}/app:1", shelf.host);
            let done = run(
                &room,
                &format!("{line} --slsa-level 3"),
                0,
                &[
                    "verified, 1 of 1",
                    "SLSA build level 3",
                    name.as_str(),
                    "git+https://github.com/acme/rocket@refs/heads/main",
                    COMMIT,
                ],
            );
            assert!(done.talk.is_empty(), "{done}");
            run(
                &room,
                &format!(
                    "{line} --type {short} --source-branch main --builder-id {WORKFLOWS}generator_container_slsa3.yml@v2.0.0 --build-workflow-input level=high"
                ),
                0,
                &[],
            );
            let done = run(&room, &format!("{line} -o json"), 0, &[]);
            let report: Value = serde_json::from_str(&done.out).unwrap();
            assert_eq!(report["candidates"][0]["provenance"]["level"], 3, "{done}");

            // Each requirement that is not met, with what was expected and found.
            for (flags, needles) in [
                ("--source-uri github.com/acme/other", ["source repository", "acme/other"]),
                ("--source-uri github.com/acme/rocket --source-branch dev", ["source branch", "`dev`"]),
                ("--source-uri github.com/acme/rocket --source-tag v1.0.0", ["kind of the source reference", "found"]),
                (
                    "--source-uri github.com/acme/rocket --source-versioned-tag v1",
                    ["kind of the source reference", "found"],
                ),
                (
                    "--source-uri github.com/acme/rocket --builder-id https://github.com/acme/builder/.github/workflows/b.yml",
                    ["builder that signed", "acme/builder"],
                ),
                (
                    "--source-uri github.com/acme/rocket --builder-id https://cloudbuild.googleapis.com/GoogleHostedWorker",
                    ["build platform", "cloudbuild"],
                ),
                (
                    "--source-uri github.com/acme/rocket --build-workflow-input level=low",
                    ["inputs of the workflow", "level=low"],
                ),
            ] {
                run(
                    &room,
                    &format!("verify-attestation {flags} {}/app:1", shelf.host),
                    12,
                    &["NOT VERIFIED", needles[0], needles[1]],
                );
            }
            // Of another type, it is no provenance; and a signer who is named is held to that too.
            run(&room, &format!("{line} --type vuln"), 12, &["there is no attestation"]);
            run(&room, &format!("{line} --certificate-identity {name} --certificate-oidc-issuer {ISSUER}"), 0, &[]);
            run(
                &room,
                &format!("{line} --certificate-identity other --certificate-oidc-issuer {ISSUER}"),
                12,
                &["NOT VERIFIED"],
            );
            run(&room, &format!("{line} --key key.pub"), 2, &["--key"]);
            run(&room, &format!("verify-attestation --slsa-level 3 {}/app:1", shelf.host), 2, &["--source-uri"]);
            run(&room, &format!("{line} --slsa-level 4"), 2, &["4"]);
        }
    }
}

#[test]
fn another_workflow_or_runner_is_not_enough() {
    let room = Room::new();
    let own = "https://github.com/acme/rocket/.github/workflows/release.yml@refs/heads/main";
    let container = generator("generator_container_slsa3.yml");
    for (name, runner, builder, flags, code, needle) in [
        // A generator on a machine of the caller's shows level 1.
        (container.as_str(), "self-hosted", container.as_str(), "--slsa-level 2", 12, "level 1 by"),
        (container.as_str(), "self-hosted", container.as_str(), "--slsa-level 1", 0, "SLSA build level 1"),
        // The caller's own workflow claims the generator's name.
        (own, "github-hosted", container.as_str(), "", 12, "builder that signed"),
        // At another reference than a release.
        (
            &format!("{WORKFLOWS}generator_container_slsa3.yml@refs/heads/main"),
            "github-hosted",
            container.as_str(),
            "",
            12,
            "source reference",
        ),
        // The generator for files is not trusted for images.
        (
            &generator("generator_generic_slsa3.yml"),
            "github-hosted",
            &generator("generator_generic_slsa3.yml"),
            "",
            12,
            "builder that signed",
        ),
    ] {
        let author = Author::who(&workflow(name, runner));
        author.flags(&room);
        let shelf = Shelf::start();
        let image = shelf.image("1");
        put(&shelf, &author, &image, &provenance(&image, "v1", builder), false);
        let line = format!("verify-attestation --source-uri github.com/acme/rocket {flags} {}/app:1", shelf.host);
        run(&room, &line, code, &[needle]);
    }
    // Another issuer may write the same name.
    let evil = Says { issuer: Some("https://issuer.example.com".to_owned()), ..workflow(&container, "github-hosted") };
    let author = Author::who(&evil);
    author.flags(&room);
    let shelf = Shelf::start();
    let image = shelf.image("1");
    put(&shelf, &author, &image, &provenance(&image, "v1", &container), false);
    run(
        &room,
        &format!("verify-attestation --source-uri github.com/acme/rocket {}/app:1", shelf.host),
        12,
        &["issuer.example.com"],
    );
}

/// A workflow that attests what it built shows level 2, and one that it called level 3.
#[test]
fn who_attests_for_itself_is_of_level_two() {
    let room = Room::new();
    for (name, level) in [
        ("https://github.com/acme/rocket/.github/workflows/release.yml@refs/heads/main", 2),
        ("https://github.com/acme/signing/.github/workflows/attest.yml@refs/tags/v1.2.3", 3),
    ] {
        let author = Author::who(&workflow(name, "github-hosted"));
        author.flags(&room);
        let shelf = Shelf::start();
        let image = shelf.image("1");
        let predicate = json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": "refs/heads/main", "repository": "https://github.com/acme/rocket", "path": ".github/workflows/release.yml",
                }},
                "internalParameters": {"github": {"event_name": "push", "repository_id": "7", "repository_owner_id": "8"}},
                "resolvedDependencies": [{"uri": "git+https://github.com/acme/rocket@refs/heads/main", "digest": {"gitCommit": COMMIT}}],
            },
            "runDetails": {"builder": {"id": name}, "metadata": {}},
        });
        put(&shelf, &author, &image, &statement(&image, "v1", &predicate), false);
        let builder = name.split('@').next().unwrap();
        let line = format!(
            "verify-attestation --source-uri github.com/acme/rocket --builder-id {builder} {}/app:1",
            shelf.host
        );
        run(&room, &line, 0, &[&format!("SLSA build level {level}")]);
        run(&room, &format!("{line} --slsa-level 3"), if level == 3 { 0 } else { 12 }, &[&format!("level {level}")]);
        // Without being named, nobody's workflow is trusted.
        let line = format!("verify-attestation --source-uri github.com/acme/rocket {}/app:1", shelf.host);
        run(&room, &line, 12, &["since none is named"]);
    }
}

#[test]
fn files_have_provenance_too() {
    let name = generator("generator_generic_slsa3.yml");
    let author = Author::who(&workflow(&name, "github-hosted"));
    let room = Room::new();
    author.flags(&room);
    room.file("app.tar", "the release");
    let digest = Digest::sha256(b"the release");
    let bundle = String::from_utf8(author.bundle(&provenance(&digest, "v0.2", &name))).unwrap();
    room.file("app.intoto.jsonl", &bundle);
    let line = "verify-blob-attestation --bundle app.intoto.jsonl --source-uri github.com/acme/rocket";
    run(&room, &format!("{line} --slsa-level 3 app.tar"), 0, &["SLSA build level 3"]);
    run(&room, &format!("{line} --source-branch dev app.tar"), 12, &["source branch"]);
    room.file("app.tar", "another one");
    run(&room, &format!("{line} app.tar"), 12, &["artifact digest"]);
}
