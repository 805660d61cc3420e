//! `cosign bundle`: what older versions wrote becomes a Sigstore bundle 0.3, if it belongs together.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::attested::{Build, WHO};
use crate::pushable::standin::{Reply, Standin};
use crate::seal::run as with_material;
use crate::signing::{Log, Scene, entered, rekor};
use crate::world::{ISSUER, Key, NAME, Says, World, b64, pem};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A log of Rekor v1 that is only read: it has one entry, or with `None` whatever it is asked for by its content.
fn reads(world: &Arc<World>, entry: Option<Value>, how: Log) -> Standin {
    let world = Arc::clone(world);
    Standin::start(move |request| match (&*request.method, &*request.target) {
        ("GET", "/api/v1/log/entries?logIndex=1") => match &entry {
            Some(body) => Reply::new(200, entered(&world, how, body).to_string()),
            None => Reply::new(404, "{}"),
        },
        ("POST", "/api/v1/log/entries/retrieve") => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let found = match asked["entries"].as_array().unwrap().as_slice() {
                [one] if entry.is_none() => vec![entered(&world, how, one)],
                _ => Vec::new(),
            };
            Reply::new(200, json!(found).to_string())
        }
        other => panic!("{other:?} would write"),
    })
}

/// The entry that an old bundle's promise is about.
fn logged(bundle: &Value) -> Value {
    let body = bundle["rekorBundle"]["Payload"]["body"].as_str().unwrap();
    serde_json::from_slice(&STANDARD.decode(body).unwrap()).unwrap()
}

#[test]
fn an_old_bundle_becomes_a_new_one() {
    let scene = Scene::new("ecdsa-p256");
    let log = rekor(&scene.world, Log::Honest);
    let sign = format!("cosign --compat 2 sign-blob --key key.key --rekor-url {log}");
    scene.run(&format!("{sign} --bundle old.json --output-signature old.sig app.bin"), 0, &[]);
    let old = scene.room.json("old.json");
    let reader = reads(&scene.world, Some(logged(&old)), Log::Honest);
    let create =
        |more: &str| format!("cosign bundle create --artifact app.bin --rekor-url http://{} {more}", reader.host);
    scene.run(&create("--bundle old.json --key key.pub --out new.json"), 0, &[]);
    assert_eq!(scene.room.json("new.json")["mediaType"], BUNDLE);
    for program in ["verify-blob", "cosign verify-blob"] {
        scene.run(&format!("{program} --key key.pub --bundle new.json app.bin"), 0, &[]);
    }
    scene.run("verify-blob --key key.pub --bundle new.json app.bin", 0, &["inclusion in the log"]);
    scene.run("cosign bundle inspect new.json", 0, &["NOT VERIFIED", "log entry"]);

    // What does not belong together is not put together.
    scene.room.file("other.bin", "something else");
    scene.run("key generate other", 0, &[]);
    let mute = |more: &str| format!("cosign bundle create --artifact app.bin --out no.json {more}");
    for (line, why) in [
        (create("--bundle old.json --key key.pub --out no.json --ignore-tlog"), "cannot ignore transparency log"),
        (create("--bundle old.json --out no.json"), "who signed is not said"),
        (create("--bundle old.json --key other.pub --out no.json"), "the signature is not of `app.bin`"),
        (
            create("--bundle old.json --key key.pub --out no.json").replace("app.bin", "other.bin"),
            "is not of `other.bin`",
        ),
        (create("--bundle key.pub --key key.pub --out no.json"), "no bundle of Cosign 1 or 2"),
        (mute("--key key.pub"), "must at least supply signature via --bundle or --signature"),
        (mute("--key key.pub --signature old.sig --sk"), "pkcs11:"),
        (mute("--key key.pub --signature old.sig --rekor-url http://127.0.0.1:1"), "no connection"),
    ] {
        scene.run(&line, 1, &[why]);
        assert!(!scene.room.path("no.json").exists(), "{line}");
    }
    // A log that tells of somebody else's entry at that place.
    let lying = reads(&scene.world, Some(logged(&old)), Log::Elsewhere);
    let line = create("--bundle old.json --key key.pub --out no.json").replace(&reader.host, &lying.host);
    scene.run(&line, 1, &["the log's entry is not about this signature"]);
    assert!(!scene.room.path("no.json").exists());
}

#[test]
fn a_signature_is_looked_up_in_the_log_and_never_entered() {
    let scene = Scene::new("ecdsa-p256");
    let log = rekor(&scene.world, Log::Honest);
    let sign = format!("cosign --compat 2 sign-blob --key key.key --rekor-url {log}");
    scene.run(&format!("{sign} --bundle old.json --output-signature old.sig app.bin"), 0, &[]);
    let known = reads(&scene.world, None, Log::Honest);
    let create = "cosign bundle create --artifact app.bin --signature old.sig --key key.pub";
    scene.run(&format!("{create} --rekor-url http://{} --out new.json", known.host), 0, &[]);
    scene.run("verify-blob --key key.pub --bundle new.json app.bin", 0, &["inclusion in the log"]);
    // It prints where no file is named.
    let printed = scene.run(&format!("{create} --rekor-url http://{}", known.host), 0, &[]);
    assert_eq!(serde_json::from_str::<Value>(&printed.out).unwrap()["mediaType"], BUNDLE);
    // A log that does not know it.
    let empty = reads(&scene.world, Some(json!({})), Log::Honest);
    scene.run(
        &format!("{create} --rekor-url http://{} --out no.json", empty.host),
        1,
        &["unable to find tlog entry", "--ignore-tlog"],
    );
    assert!(!scene.room.path("no.json").exists());
    scene.run(&format!("{create} --ignore-tlog --out bare.json"), 0, &[]);
    scene.run("verify-blob --key key.pub --bundle bare.json app.bin", 12, &["made without a log"]);
    scene.run("verify-blob --key key.pub --insecure-ignore-tlog --bundle bare.json app.bin", 0, &[]);
}

#[test]
fn a_certificate_says_who_signed() {
    let scene = Scene::new("ecdsa-p256");
    let (key, stranger) = (Key::new(), Key::new());
    let certificate = pem("CERTIFICATE", &scene.world.issue(&key, &Says::default()));
    scene.room.file("cert.pem", &certificate);
    // As `--output-certificate` of Cosign 2 wrote it.
    scene.room.file("cert.b64", &b64(&certificate));
    scene.room.file("stranger.pem", &pem("CERTIFICATE", &scene.world.issue(&stranger, &Says::default())));
    scene.room.file("sig", &b64(key.sign(b"an artifact\n")));
    scene.room.file("root.pem", &pem("CERTIFICATE", &scene.world.root));
    scene.room.file("ctfe.pub", &scene.world.certificates.pem());
    let known = reads(&scene.world, None, Log::Honest);
    for name in ["cert.pem", "cert.b64"] {
        let line = format!(
            "cosign bundle create --artifact app.bin --signature sig --certificate {name} --rekor-url http://{} --out new.json",
            known.host
        );
        scene.run(&line, 0, &[]);
        let who = format!("--certificate-identity {NAME} --certificate-oidc-issuer {ISSUER}");
        with_material(
            &scene.room,
            &format!("verify-blob {who} --bundle new.json app.bin"),
            0,
            &["inclusion in the log"],
        );
        scene.run(&line.replace(name, "stranger.pem").replace("new.json", "no.json"), 1, &["the signature is not of"]);
        // A key in the place of a certificate would be believed for having come along.
        scene.run(&line.replace(name, "key.pub").replace("new.json", "no.json"), 1, &["certificate cannot be used"]);
    }
    assert!(!scene.room.path("no.json").exists());
}

#[test]
fn an_attestation_becomes_a_bundle_of_its_subject() {
    let scene = Scene::new("ecdsa-p256");
    scene.room.file("p.json", "{\"a\":1}");
    let kind = "https://example.com/p/v1";
    let line = format!(
        "attest-blob --key key.key --tlog-upload=false --type {kind} --predicate p.json --output-signature envelope.json --bundle b.json app.bin"
    );
    scene.run(&line, 0, &[]);
    let create = "cosign bundle create --attestation envelope.json --key key.pub --ignore-tlog --out new.json";
    scene.run(&format!("{create} --artifact app.bin"), 0, &[]);
    let verify =
        format!("verify-blob-attestation --key key.pub --insecure-ignore-tlog --type {kind} --bundle new.json app.bin");
    scene.run(&verify, 0, &[]);
    scene.room.file("other.bin", "something else");
    scene.run(&format!("{create} --artifact other.bin"), 1, &["no bundle about `other.bin`"]);
    scene
        .room
        .file("envelope.json", "{\"payloadType\":\"text/plain\",\"payload\":\"\",\"signatures\":[{\"sig\":\"AAAA\"}]}");
    scene.run(&format!("{create} --artifact app.bin"), 1, &["`envelope.json` is no attestation"]);
}

#[test]
fn older_bundles_are_brought_up_to_date() {
    let scene = Scene::new("ecdsa-p256");
    let log = rekor(&scene.world, Log::Honest);
    scene.run(&format!("sign-blob --key key.key --rekor-url {log} --bundle b.json app.bin"), 0, &[]);
    scene.run("cosign bundle upgrade --in b.json --out same.json", 0, &["already at v0.3"]);
    assert_eq!(scene.room.json("same.json"), scene.room.json("b.json"));
    // As it was before inclusion proofs.
    let mut old = scene.room.json("b.json");
    old["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1");
    let entry = &mut old["verificationMaterial"]["tlogEntries"][0];
    entry.as_object_mut().unwrap().remove("inclusionProof");
    let body: Value =
        serde_json::from_slice(&STANDARD.decode(entry["canonicalizedBody"].as_str().unwrap()).unwrap()).unwrap();
    scene.room.file("old.json", &old.to_string());
    let reader = reads(&scene.world, Some(body.clone()), Log::Honest);
    let upgrade = |host: &str, more: &str| format!("cosign bundle upgrade --rekor-url http://{host} {more}");
    let said = ["Upgrading from v0.1 to v0.3", "inclusion proof from Rekor for log index 1", "written to new.json"];
    scene.run(&upgrade(&reader.host, "--in old.json --out new.json"), 0, &said);
    assert_eq!(scene.room.json("new.json")["mediaType"], BUNDLE);
    scene.run("verify-blob --key key.pub --bundle new.json app.bin", 0, &["inclusion in the log"]);
    // Another entry does not take its place, and what was there stays.
    let lying = reads(&scene.world, Some(body), Log::Elsewhere);
    scene.run(&upgrade(&lying.host, "--in-place old.json"), 1, &["has another entry at 1", "canonicalizedBody"]);
    assert_eq!(scene.room.json("old.json"), old);
    scene.run(&upgrade(&reader.host, "--in-place old.json"), 0, &["written to old.json"]);
    assert_eq!(scene.room.json("old.json")["mediaType"], BUNDLE);
    scene.run("verify-blob --key key.pub --bundle old.json app.bin", 0, &["inclusion in the log"]);
    for (text, why) in [("{}", "no Sigstore bundle"), ("nonsense", "no Sigstore bundle")] {
        scene.room.file("bad.json", text);
        scene.run(&upgrade(&reader.host, "--in bad.json"), 1, &[why]);
    }
    scene.run("cosign bundle upgrade", 1, &["--in"]);
}

#[test]
fn a_timestamp_comes_along_if_it_is_of_this_signature() {
    let build = Build::new();
    build.room.file("app.bin", "an artifact\n");
    build.room.file("token", &build.serving.token(WHO).unwrap());
    for name in ["one", "two"] {
        build.run(&format!("sign-blob --yes --identity-token token --bundle {name}.json app.bin"), &[], 0, &[]);
        let bundle = build.room.json(&format!("{name}.json"));
        let material = &bundle["verificationMaterial"];
        let stamp = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
        build.room.file(&format!("{name}.stamp"), &json!({"SignedRFC3161Timestamp": stamp}).to_string());
        build.room.file(&format!("{name}.sig"), bundle["messageSignature"]["signature"].as_str().unwrap());
        let der = STANDARD.decode(material["certificate"]["rawBytes"].as_str().unwrap()).unwrap();
        build.room.file(&format!("{name}.pem"), &pem("CERTIFICATE", &der));
    }
    let create = "cosign bundle create --artifact app.bin --signature one.sig --certificate one.pem --ignore-tlog";
    build.run(&format!("{create} --rfc3161-timestamp one.stamp --out new.json"), &[], 0, &[]);
    let who = format!("--certificate-identity {WHO} --certificate-oidc-issuer {}", build.serving.issuer_url());
    let line = format!("verify-blob {who} --insecure-ignore-tlog --use-signed-timestamps --bundle new.json app.bin");
    build.run(&line, &[], 0, &["RFC 3161 timestamp"]);
    build.run(
        &format!("{create} --rfc3161-timestamp two.stamp --out no.json"),
        &[],
        1,
        &["no timestamp of this signature"],
    );
    build.run(&format!("{create} --rfc3161-timestamp one.sig --out no.json"), &[], 1, &["no timestamp file of Cosign"]);
    assert!(!build.room.path("no.json").exists());
}
