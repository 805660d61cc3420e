//! Files and images that the program signs itself: verified by it, under both of its names, and by programs of others.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use signet_model::{Digest, ImageRef};
use signet_oci_client::{BlobSource, BlockingClient, ClientOptions, CredentialConfig};

use crate::harness::{Room, Run};
use crate::peers::{Registry, peers, tool};
use crate::world::{SIGNED, World, b64, hex};

/// How a log may behave.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Log {
    Honest,
    /// Promises another time than it signs for.
    Lying,
    /// Answers about the entry of somebody else.
    Elsewhere,
    /// Has every entry already.
    Known,
}

/// A Rekor v1 log of a few lines over the world's log key.
pub(crate) fn rekor(world: &Arc<World>, how: Log) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::clone(world);
    std::thread::spawn(move || {
        let mut last = None;
        for stream in listener.incoming().flatten() {
            if let Some(answer) = serve(&world, how, &stream, last.take()) {
                last = Some(answer);
            }
        }
    });
    url
}

fn serve(world: &World, how: Log, mut stream: &TcpStream, known: Option<Value>) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    for line in reader.by_ref().lines().map_while(Result::ok) {
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut answer = |status: &str, extra: &str, body: &str| {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{extra}content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    };
    if first.starts_with("GET /api/v1/log/entries/24296fb24b8ad77a ") {
        answer("200 OK", "", &known.unwrap_or_default().to_string());
        return None;
    }
    assert!(first.starts_with("POST /api/v1/log/entries "), "{first}");
    let entry = entered(world, how, &serde_json::from_slice(&body).unwrap());
    if how == Log::Known {
        answer("409 Conflict", "location: /api/v1/log/entries/24296fb24b8ad77a\r\n", "{\"code\":409}");
    } else {
        answer("201 Created", "", &entry.to_string());
    }
    Some(entry)
}

/// What the log enters, and how it says so (`rekor: openapi.yaml`).
pub(crate) fn entered(world: &World, how: Log, request: &Value) -> Value {
    let mut body = match request["kind"].as_str().unwrap() {
        "dsse" => {
            let text = request["spec"]["proposedContent"]["envelope"].as_str().unwrap();
            let envelope: Value = serde_json::from_str(text).unwrap();
            let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
            let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": Digest::sha256(bytes).hex()});
            let verifier = &request["spec"]["proposedContent"]["verifiers"][0];
            json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
                "envelopeHash": hash(text.as_bytes()), "payloadHash": hash(&payload),
                "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": verifier}],
            }})
        }
        _ => request.clone(),
    };
    if how == Log::Elsewhere {
        body["spec"]["signature"]["content"] = json!("AAAA");
        body["spec"]["signatures"] = json!([{"signature": "AAAA", "verifier": "AAAA"}]);
    }
    let entry = world.enter(&body, SIGNED);
    let bundled = entry.in_bundle(true);
    let from_b64 = |value: &Value| hex(&STANDARD.decode(value.as_str().unwrap()).unwrap());
    let proof = &bundled["inclusionProof"];
    let time = if how == Log::Lying { entry.time - 1 } else { entry.time };
    json!({"24296fb24b8ad77a": {
        "body": b64(&entry.body), "integratedTime": time, "logID": hex(&entry.log), "logIndex": 1,
        "verification": {
            "signedEntryTimestamp": b64(&entry.promise),
            "inclusionProof": {
                "logIndex": 1, "treeSize": 2, "rootHash": from_b64(&proof["rootHash"]),
                "hashes": [from_b64(&proof["hashes"][0])], "checkpoint": proof["checkpoint"]["envelope"],
            },
        },
    }})
}

/// A room with a key pair (`key.key`, `key.pub`) and a log that is trusted.
pub(crate) struct Scene {
    pub(crate) room: Room,
    pub(crate) world: Arc<World>,
}

impl Scene {
    pub(crate) fn new(algorithm: &str) -> Scene {
        let scene = Scene { room: Room::new(), world: Arc::new(World::new()) };
        scene.room.file("rekor.pub", &scene.world.log.pem());
        scene.room.file("app.bin", "an artifact\n");
        scene.run(&format!("key generate --algorithm {algorithm} key"), 0, &[]);
        scene
    }

    #[track_caller]
    pub(crate) fn run(&self, line: &str, code: i32, needles: &[&str]) -> Run {
        let output = self.command(line).output().unwrap();
        let run = Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr);
        assert_eq!(run.code, code, "{run}");
        for needle in needles {
            assert!(run.out.contains(needle) || run.talk.contains(needle), "no `{needle}` in\n{run}");
        }
        run
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.room.command(line);
        command.env("COSIGN_PASSWORD", "secret").env("SIGSTORE_REKOR_PUBLIC_KEY", self.room.path("rekor.pub"));
        command
    }
}

#[test]
fn a_file_is_signed_and_logged_and_verifies() {
    let scene = Scene::new("ecdsa-p256");
    let log = rekor(&scene.world, Log::Honest);
    let made = format!("sign-blob --key key.key --rekor-url {log} --bundle b.json app.bin");
    scene.run(&made, 0, &["entered into the transparency log at index 1"]);
    scene.run("verify-blob --key key.pub --bundle b.json app.bin", 0, &["app.bin", "verified", "inclusion in the log"]);
    scene.room.file("other.bin", "another one");
    scene.run("verify-blob --key key.pub --bundle b.json other.bin", 12, &["NOT VERIFIED"]);
    // Without a file for it, the bundle is what is printed.
    let run = scene.run(&format!("sign-blob --key key.key --rekor-url {log} app.bin"), 0, &[]);
    assert!(run.out.contains("application/vnd.dev.sigstore.bundle.v0.3+json"), "{run}");
    // Under Cosign's name: its lines, and the signature on standard output.
    let line = format!("cosign sign-blob --key key.key --rekor-url {log} --bundle c.json app.bin");
    let run = scene.run(
        &line,
        0,
        &["Using payload from: app.bin", "tlog entry created with index: 1", "Wrote bundle to file c.json"],
    );
    assert!(STANDARD.decode(run.out.trim_end()).is_ok_and(|bytes| bytes.starts_with(&[0x30])), "{run}");
    scene.run("cosign verify-blob --key key.pub --bundle c.json app.bin", 0, &["Verified OK"]);
    let line = format!(
        "cosign --compat 2 sign-blob --key key.key --rekor-url {log} --bundle d.json --output-signature d.sig app.bin"
    );
    let run = scene.run(&line, 0, &["Wrote signature to file d.sig"]);
    assert_eq!(run.out, "");
    assert!(scene.room.json("d.json")["rekorBundle"]["Payload"]["logIndex"] == json!(1));
    scene.run("cosign verify-blob --key key.pub --bundle d.json app.bin", 0, &["Verified OK"]);
    // A log that has the entry already says where, and is asked for it.
    let log = rekor(&scene.world, Log::Known);
    scene.run(&format!("sign-blob --key key.key --rekor-url {log} --bundle e.json app.bin"), 0, &[]);
    scene.run("verify-blob --key key.pub --bundle e.json app.bin", 0, &["inclusion in the log"]);
}

#[test]
fn what_a_lying_log_vouches_for_is_not_written() {
    let scene = Scene::new("ecdsa-p256");
    for (how, why) in [(Log::Lying, "signed entry timestamp"), (Log::Elsewhere, "binding of the log entry")] {
        let log = rekor(&scene.world, how);
        scene.run(&format!("sign-blob --key key.key --rekor-url {log} --bundle b.json app.bin"), 1, &[why]);
        assert!(!scene.room.path("b.json").exists());
    }
    // Nobody is known: told, and the log's answer must still be about this signature.
    let log = rekor(&scene.world, Log::Elsewhere);
    let mut command = scene.command(&format!("sign-blob --key key.key --rekor-url {log} --bundle b.json app.bin"));
    let output = command.env_remove("SIGSTORE_REKOR_PUBLIC_KEY").output().unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && talk.contains("no trusted root is named"), "{talk}");
    assert!(talk.contains("binding of the log entry"), "{talk}");
}

#[test]
fn openssl_verifies_what_each_kind_of_key_signs() {
    if !peers("openssl_verifies_what_each_kind_of_key_signs", &["openssl"]) {
        return;
    }
    for algorithm in ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "ed25519"] {
        let scene = Scene::new(algorithm);
        let line =
            "cosign sign-blob --key key.key --tlog-upload=false --output-signature sig.b64 --bundle b.json app.bin";
        scene.run(line, 0, &[]);
        scene.run("verify-blob --key key.pub --bundle b.json --insecure-ignore-tlog app.bin", 0, &["verified"]);
        let signature = STANDARD.decode(scene.room.read("sig.b64")).unwrap();
        std::fs::write(scene.room.path("sig"), signature).unwrap();
        let path = |name: &str| scene.room.path(name).to_str().unwrap().to_owned();
        let (public, signature, file) = (path("key.pub"), path("sig"), path("app.bin"));
        let said = match algorithm {
            "ed25519" => tool(
                "openssl",
                &["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-rawin", "-in", &file, "-sigfile", &signature],
            ),
            other => {
                let hash = match other {
                    "ecdsa-p384" => "-sha384",
                    "ecdsa-p521" => "-sha512",
                    _ => "-sha256",
                };
                tool("openssl", &["dgst", hash, "-verify", &public, "-signature", &signature, &file])
            }
        };
        assert!(said.contains("Verified OK") || said.contains("Verified Successfully"), "{algorithm}: {said}");
    }
}

#[test]
fn ed25519_is_not_sent_to_a_log_of_hashes() {
    let scene = Scene::new("ed25519");
    let log = rekor(&scene.world, Log::Honest);
    let line = format!("sign-blob --key key.key --rekor-url {log} --bundle b.json app.bin");
    scene.run(&line, 1, &["Ed25519, which signs the message itself"]);
    // Envelopes are logged whole.
    let line = format!(
        "attest-blob --key key.key --rekor-url {log} --type https://x.example/p --predicate p.json --bundle b.json app.bin"
    );
    scene.room.file("p.json", "{}");
    scene.run(&line, 0, &[]);
    scene.run(
        "verify-blob-attestation --key key.pub --bundle b.json --type https://x.example/p app.bin",
        0,
        &["verified"],
    );
}

#[test]
fn attestations_of_files_are_of_their_type() {
    let scene = Scene::new("ecdsa-p256");
    scene.room.file("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    let log = rekor(&scene.world, Log::Honest);
    let line = |kind: &str, file: &str| {
        format!("attest-blob --key key.key --rekor-url {log} --type {kind} --predicate {file} --bundle a.json app.bin")
    };
    scene.run(&line("nonsense", "bom.json"), 2, &["invalid predicate type: nonsense"]);
    scene.run(
        &line("spdxjson", "bom.json"),
        1,
        &["cannot be attested as `spdxjson`", "required field spdxVersion missing"],
    );
    scene.run(&line("cyclonedx", "app.bin"), 1, &["no JSON document"]);
    assert!(!scene.room.path("a.json").exists());
    scene.run(&line("cyclonedx", "bom.json"), 0, &[]);
    scene.run(
        "verify-blob-attestation --key key.pub --bundle a.json --type cyclonedx app.bin",
        0,
        &["https://cyclonedx.org/bom"],
    );
    scene.run("verify-blob-attestation --key key.pub --bundle a.json --type spdx app.bin", 12, &[]);
    // A statement of somebody's own about something else is not written, nor signed and logged before.
    let other = json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": "00"}}], "predicateType": "https://x.example/p", "predicate": {}});
    scene.room.file("statement.json", &other.to_string());
    let line =
        format!("attest-blob --key key.key --rekor-url {log} --statement statement.json --bundle s.json app.bin");
    scene.run(&line, 1, &["artifact digest failed", "a subject sha256:"]);
    assert!(!scene.room.path("s.json").exists());
}

/// An image of two platforms in a registry, by the tag `1`. Gives the digests of the index and of its first image.
pub(crate) fn push(host: &str) -> (Digest, Digest) {
    let options = ClientOptions { plain_http: vec![host.to_owned()], ..ClientOptions::default() };
    let client = BlockingClient::new(options, CredentialConfig::default()).unwrap();
    let repository: ImageRef = format!("{host}/team/app").parse().unwrap();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let config = json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
            .to_string();
        let digest = Digest::sha256(config.as_bytes());
        let size = config.len() as u64;
        client.push_blob(&repository, &digest, size, None, BlobSource::Bytes(Bytes::from(config))).unwrap();
        let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.to_string(), "size": size});
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []}).to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        entries.push(json!({"mediaType": kind, "digest": digest.to_string(), "size": manifest.len(), "platform": {"os": "linux", "architecture": architecture}}));
        client.push_manifest(&repository.at(digest), kind, Bytes::from(manifest)).unwrap();
    }
    let first = entries[0]["digest"].as_str().unwrap().parse().unwrap();
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).to_string();
    let tagged: ImageRef = format!("{host}/team/app:1").parse().unwrap();
    (client.push_manifest(&tagged, kind, Bytes::from(index)).unwrap(), first)
}

#[test]
fn images_are_signed_in_both_layouts_through_a_real_registry() {
    if !peers("images_are_signed_in_both_layouts_through_a_real_registry", &["docker-registry"]) {
        return;
    }
    let registry = Registry::start();
    let host = &registry.host;
    let (index, child) = push(host);
    let scene = Scene::new("ecdsa-p256");
    let log = rekor(&scene.world, Log::Honest);
    let place = format!("--plain-http {host}");
    let image = format!("{host}/team/app@{index}");
    let keys = format!("--key key.key --rekor-url {log}");

    // By tag, with a warning; the other platforms' images are not signed by that.
    let line = format!("sign {keys} {place} -a env=prod {host}/team/app:1");
    scene.run(&line, 0, &["named by a tag", &format!("signed `{host}/team/app@{index}`")]);
    scene.run(&format!("verify --key key.pub {place} {image}"), 0, &["Sigstore bundle 0.3", "1 of 1 signatures"]);
    scene.run(&format!("verify --key key.pub {place} -a env=prod {image}"), 0, &[]);
    scene.run(&format!("verify --key key.pub {place} -a env=test {image}"), 12, &["annotations"]);
    scene.run(&format!("verify --key key.pub {place} {host}/team/app@{child}"), 12, &["there is no signature of it"]);
    scene.run(
        &format!("cosign verify --key key.pub {place} -a env=prod {image}"),
        0,
        &["The cosign claims were validated"],
    );

    // Both layouts, and all platforms.
    let run = scene.run(&format!("sign {keys} {place} --legacy-tags -r {image}"), 0, &[&format!("app@{child}")]);
    assert!(!run.talk.contains("named by a tag"), "{run}");
    for digest in [index, child] {
        let line = format!("verify --key key.pub {place} {host}/team/app@{digest}");
        scene.run(&line, 0, &["Sigstore bundle 0.3", "simple signing"]);
    }
    // As Cosign 2.
    let run = scene.run(&format!("cosign --compat 2 sign {keys} {place} --yes {image}"), 0, &[]);
    assert_eq!(run.talk, format!("tlog entry created with index: 1\nPushing signature to: {host}/team/app\n"), "{run}");
    scene.run(&format!("verify --key key.pub {place} {image}"), 0, &["sha256-", "layer 2"]);
    // Another key's signature verifies nothing.
    let stranger = Scene::new("ecdsa-p256");
    scene.room.file("stranger.pub", &stranger.room.read("key.pub"));
    scene.run(&format!("verify --key stranger.pub {place} {image}"), 12, &["NOT VERIFIED"]);

    // Not uploaded: nothing new beside the image.
    let before = scene.run(&format!("verify --key key.pub {place} -o json {image}"), 0, &[]).out;
    scene.run(&format!("sign {keys} {place} --upload=false --bundle b.json {image}"), 0, &[]);
    assert_eq!(scene.room.json("b.json")["mediaType"], json!("application/vnd.dev.sigstore.bundle.v0.3+json"));
    assert_eq!(scene.run(&format!("verify --key key.pub {place} -o json {image}"), 0, &[]).out, before);
}

#[test]
fn attestations_are_added_replaced_and_never_lost() {
    if !peers("attestations_are_added_replaced_and_never_lost", &["docker-registry"]) {
        return;
    }
    let registry = Registry::start();
    let host = &registry.host;
    let (index, _) = push(host);
    let scene = Scene::new("ecdsa-p256");
    let log = rekor(&scene.world, Log::Honest);
    let image = format!("--plain-http {host} {host}/team/app@{index}");
    let sign = format!("--key key.key --rekor-url {log}");
    for number in 0..4 {
        scene.room.file(&format!("{number}.json"), &format!(r#"{{"n":{number}}}"#));
    }
    let attest = |number: u8, more: &str| {
        format!("attest {sign} --type https://x.example/p --predicate {number}.json {more} {image}")
    };
    let numbers = |kind: &str| {
        let run = scene.run(&format!("verify-attestation --key key.pub --type {kind} -o json {image}"), 0, &[]);
        let report: Value = serde_json::from_str(&run.out).unwrap();
        let mut found: Vec<(String, u64)> = report["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["verdict"] == "verified")
            .map(|row| {
                (row["layout"].as_str().unwrap().to_owned(), row["statement"]["predicate"]["n"].as_u64().unwrap())
            })
            .collect();
        found.sort();
        found
    };
    let (new, old) = ("Sigstore bundle 0.3", "attestation layer");
    let row = |layout: &str, number: u64| (layout.to_owned(), number);

    // Two at once lose nothing, in neither layout.
    let both: Vec<_> =
        [0, 1].into_iter().map(|number| scene.command(&attest(number, "--legacy-tags")).spawn().unwrap()).collect();
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(numbers("https://x.example/p"), [row(new, 0), row(new, 1), row(old, 0), row(old, 1)]);

    // Another type stays when one is replaced.
    scene.run(&format!("attest {sign} --type https://x.example/q --predicate 3.json --legacy-tags {image}"), 0, &[]);
    scene.run(&attest(2, "--replace --legacy-tags"), 0, &[]);
    assert_eq!(numbers("https://x.example/p"), [row(new, 2), row(old, 2)]);
    assert_eq!(numbers("https://x.example/q"), [row(new, 3), row(old, 3)]);
    scene.run(
        &format!("cosign verify-attestation --key key.pub --type https://x.example/p {image}"),
        0,
        &["payloadType"],
    );
    scene.run(
        &format!("cosign verify-attestation --key key.pub --type vuln {image}"),
        1,
        &["no matching attestations"],
    );
    scene.run(
        &format!("cosign attest {sign} --type nonsense --predicate 3.json --yes {image}"),
        1,
        &["invalid predicate type: nonsense"],
    );
}
