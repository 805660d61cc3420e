//! Signatures without keys in a log that promises (Rekor v1): in bundles and in the layouts before Cosign 3. Made, verified, and changed part by part.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use signet_authority::Logs;
use signet_model::{Digest, ImageRef};
use signet_oci_client::{BlockingClient, ClientOptions, CredentialConfig};

use crate::keyless::{Scene, WHO};
use crate::peers::{Registry, peers, unavailable};
use crate::signing::push;

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
const STAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// As the public instance was until Cosign 3: a log that promises, after others that are closed, and no timestamp authority. `full.json` names one all the same.
fn old() -> Scene {
    let scene = Scene::with(|options| {
        options.logs = Logs::V1;
        options.earlier = 4_000;
        // Founded a day ago: what it is asked first is when it begins.
        let (clock, founded) = (Arc::clone(&options.clock), AtomicBool::new(false));
        options.clock = Arc::new(move || match founded.swap(true, Ordering::Relaxed) {
            true => clock(),
            false => clock() - Duration::from_secs(24 * 3600),
        });
    });
    scene.room.file("full.json", &scene.room.read("signing.json"));
    let mut config = scene.serving.signing_config();
    for name in ["tsaUrls", "tsaConfig"] {
        config.as_object_mut().unwrap().remove(name).unwrap();
    }
    scene.room.file("signing.json", &config.to_string());
    scene.room.file("other.bin", "another artifact\n");
    scene
}

/// An entry as annotations and old bundles hold it.
fn annotated(entry: &Value) -> Value {
    json!({
        "SignedEntryTimestamp": entry["verification"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["body"], "integratedTime": entry["integratedTime"],
            "logIndex": entry["logIndex"], "logID": entry["logID"],
        },
    })
}

/// An entry as bundles hold it (`TransparencyLogEntry`).
fn bundled(entry: &Value) -> Value {
    let from_hex = |value: &Value| {
        let text = value.as_str().unwrap();
        let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        STANDARD.encode((0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>())
    };
    let proof = &entry["verification"]["inclusionProof"];
    json!({
        "logIndex": entry["logIndex"].to_string(),
        "logId": {"keyId": from_hex(&entry["logID"])},
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
        "integratedTime": entry["integratedTime"].to_string(),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": proof["logIndex"].to_string(), "treeSize": proof["treeSize"].to_string(),
            "rootHash": from_hex(&proof["rootHash"]), "checkpoint": {"envelope": proof["checkpoint"]},
            "hashes": proof["hashes"].as_array().unwrap().iter().map(from_hex).collect::<Vec<_>>(),
        },
        "canonicalizedBody": entry["body"],
    })
}

/// Enters a signature over the file into the scene's log, as of so many seconds ago.
fn entered(scene: &Scene, signature: &str, certificate: &str, seconds: u64) -> Value {
    let digest = Digest::sha256(scene.room.read("app.bin").as_bytes());
    let request = json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": digest.hex()}},
        "signature": {"content": signature, "publicKey": {"content": STANDARD.encode(certificate)}},
    }});
    let time = scene.stack.now() - Duration::from_secs(seconds);
    let entered = scene.stack.promising().unwrap().enter(request.to_string().as_bytes(), time).unwrap();
    entered.entry.unwrap().as_object().unwrap().values().next().unwrap().clone()
}

/// The line of a report that names the check.
fn failed(check: &str) -> String {
    format!("failed       {check}\n")
}

fn pem(der: &str) -> String {
    let lines: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[test]
fn a_promise_is_the_time_of_a_bundle() {
    const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
    let scene = old();
    let made = "sign-blob --yes --identity-token token";
    // Others before and after: certificates of the first are valid when ours is used, and ours when the entries of the last are made.
    scene.run(&format!("{made} --bundle o.json other.bin"), 0, &["entered into the transparency log at index 4000"]);
    scene.run(&format!("{made} --bundle b.json app.bin"), 0, &["entered into the transparency log at index 4001"]);
    scene.run(&format!("{made} --bundle l.json other.bin"), 0, &[]);
    let (bundle, other, late) = (scene.room.json("b.json"), scene.room.json("o.json"), scene.room.json("l.json"));
    let entry = bundle.pointer(ENTRY).unwrap();
    assert_eq!(entry["kindVersion"], json!({"kind": "hashedrekord", "version": "0.0.1"}));
    assert_eq!((&entry["logIndex"], &entry["inclusionProof"]["logIndex"]), (&json!("4001"), &json!("1")));
    assert!(bundle["verificationMaterial"].get("timestampVerificationData").is_none());
    let verify = |name: &str, code: i32, needles: &[&str]| {
        scene.run(&format!("verify-blob --bundle {name} {} app.bin", scene.person()), code, needles)
    };
    let run = verify("b.json", 0, &["signed entry timestamp of the log", "inclusion in the log", "second verifier"]);
    assert!(!run.out.contains("NOT CHECKED"), "{run}");
    scene.run(&format!("cosign verify-blob --bundle b.json {} app.bin", scene.person()), 0, &["Verified OK"]);
    verify("o.json", 12, &[&failed("signature")]);
    let refused = |change: &dyn Fn(&mut Value), why: &str| {
        let mut changed = bundle.clone();
        change(&mut changed);
        scene.room.file("t.json", &changed.to_string());
        verify("t.json", 12, &[&failed(why)]);
    };
    let of_other = |place: &'static str| {
        let value = other.pointer(place).unwrap().clone();
        move |bundle: &mut Value| *bundle.pointer_mut(place).unwrap() = value.clone()
    };
    let set = |place: &'static str, value: Value| {
        move |bundle: &mut Value| *bundle.pointer_mut(&format!("{ENTRY}/{place}")).unwrap() = value.clone()
    };
    let time: i64 = entry["integratedTime"].as_str().unwrap().parse().unwrap();
    let promise = "signed entry timestamp of the log";
    refused(&of_other("/verificationMaterial/tlogEntries/0/inclusionPromise"), promise);
    refused(&of_other("/verificationMaterial/tlogEntries/0/canonicalizedBody"), promise);
    refused(&set("inclusionPromise/signedEntryTimestamp", json!("AAAA")), promise);
    refused(&set("integratedTime", json!((time + 1).to_string())), promise);
    refused(&set("logIndex", json!("4000")), promise);
    let entries = late["verificationMaterial"]["tlogEntries"].clone();
    refused(&|bundle| bundle["verificationMaterial"]["tlogEntries"] = entries.clone(), "binding of the log entry");
    refused(&of_other("/verificationMaterial/tlogEntries/0/inclusionProof"), "inclusion in the log");
    refused(&of_other("/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint"), "inclusion in the log");
    refused(&set("inclusionProof/logIndex", json!("0")), "inclusion in the log");
    refused(&of_other("/verificationMaterial/certificate"), "signature");
    refused(&of_other("/messageSignature/signature"), "signature");
    refused(&of_other("/messageSignature/messageDigest"), "artifact digest");
}

#[test]
fn a_promise_outside_the_life_of_the_certificate_is_no_time_of_signing() {
    let scene = old();
    let material = "/verificationMaterial";
    for (seconds, why) in [(0, None), (3600, Some(failed("certificate chain")))] {
        // Signed and not logged; then logged as of another time.
        let made =
            "sign-blob --yes --identity-token token --signing-config full.json --tlog-upload=false --bundle b.json";
        scene.run(&format!("{made} app.bin"), 0, &[]);
        let mut bundle = scene.room.json("b.json");
        let certificate = pem(bundle[&material[1..]]["certificate"]["rawBytes"].as_str().unwrap());
        let signature = bundle["messageSignature"]["signature"].as_str().unwrap().to_owned();
        let entry = entered(&scene, &signature, &certificate, seconds);
        bundle.pointer_mut(material).unwrap().as_object_mut().unwrap().remove("timestampVerificationData").unwrap();
        bundle.pointer_mut(material).unwrap()["tlogEntries"] = json!([bundled(&entry)]);
        scene.room.file("new.json", &bundle.to_string());
        let old = json!({"base64Signature": signature, "cert": STANDARD.encode(&certificate), "rekorBundle": annotated(&entry)});
        scene.room.file("old.json", &old.to_string());
        for name in ["new.json", "old.json"] {
            let line = format!("verify-blob --bundle {name} {} app.bin", scene.person());
            scene.run(&line, if why.is_some() { 12 } else { 0 }, &[why.as_deref().unwrap_or("verified")]);
        }
    }
}

#[test]
fn blobs_in_the_files_of_cosign_2() {
    let scene = old();
    let made = |file: &str, name: &str| {
        format!(
            "cosign --compat 2 sign-blob --yes --identity-token token --bundle {name}.json --output-signature {name}.sig --output-certificate {name}.pem {file}"
        )
    };
    scene.run(&made("other.bin", "o"), 0, &["tlog entry created with index: 4000"]);
    scene.run(&made("app.bin", "a"), 0, &["tlog entry created with index: 4001", "Wrote signature to file a.sig"]);
    scene.run(&made("other.bin", "l"), 0, &[]);
    let (bundle, other, late) = (scene.room.json("a.json"), scene.room.json("o.json"), scene.room.json("l.json"));
    assert_eq!(bundle["rekorBundle"]["Payload"]["logIndex"], json!(4_001));
    let person = scene.person();
    scene.run(&format!("verify-blob --bundle a.json {person} app.bin"), 0, &["signed entry timestamp of the log"]);
    for compat in ["2", "3"] {
        scene.run(
            &format!("cosign --compat {compat} verify-blob --bundle a.json {person} app.bin"),
            0,
            &["Verified OK"],
        );
    }
    scene.run(
        &format!("verify-blob --bundle a.json {} app.bin", person.replace(WHO, "else@company.com")),
        12,
        &["certificate identity"],
    );
    scene.run(&format!("verify-blob --bundle a.json {person} other.bin"), 12, &[&failed("signature")]);
    // The two files alone bring no log entry, and so no time: nothing is fetched, and nothing believed.
    let files = format!("verify-blob --signature a.sig --certificate a.pem {person}");
    scene.run(&format!("{files} app.bin"), 12, &[&failed("time of signing")]);
    scene.run(&format!("{files} --insecure-ignore-tlog app.bin"), 12, &[&failed("time of signing")]);
    scene.run(&format!("cosign {} app.bin", files.replace("a.pem", "o.pem")), 1, &[]);
    // There is no tree head in this layout that a witness could have seen.
    let witness = "--witness w.example+c787e437+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
    let line = format!("verify-blob --bundle a.json {person} {witness} app.bin");
    scene.run(&line, 12, &[&failed("witnesses of the log"), "no tree head"]);
    let refused = |change: &dyn Fn(&mut Value), why: &str| {
        let mut changed = bundle.clone();
        change(&mut changed);
        scene.room.file("t.json", &changed.to_string());
        scene.run(&format!("verify-blob --bundle t.json {person} app.bin"), 12, &[&failed(why)]);
        scene.run(&format!("cosign verify-blob --bundle t.json {person} app.bin"), 1, &[]);
    };
    let of_other = |place: &'static str| {
        let value = other.pointer(place).unwrap().clone();
        move |bundle: &mut Value| *bundle.pointer_mut(place).unwrap() = value.clone()
    };
    let promise = "signed entry timestamp of the log";
    refused(&of_other("/rekorBundle/SignedEntryTimestamp"), promise);
    refused(&of_other("/rekorBundle/Payload/body"), promise);
    refused(&of_other("/rekorBundle/Payload"), promise);
    refused(&|bundle| bundle["rekorBundle"]["Payload"]["integratedTime"] = json!(1_700_000_000), promise);
    refused(&|bundle| bundle["rekorBundle"]["Payload"]["logIndex"] = json!(0), promise);
    refused(&|bundle| bundle["rekorBundle"]["Payload"]["logID"] = json!("00".repeat(32)), promise);
    refused(&|bundle| bundle["rekorBundle"] = late["rekorBundle"].clone(), "binding of the log entry");
    refused(&of_other("/base64Signature"), "signature");
    refused(&of_other("/cert"), "signature");
    refused(&|bundle| drop(bundle.as_object_mut().unwrap().remove("rekorBundle")), "time of signing");
    // A bare key in the place of the certificate (GHSA-fx35-mq7g-6g98).
    let key = scene.stack.promising().unwrap().key().spki().to_vec();
    let key = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key));
    refused(&|bundle| bundle["cert"] = json!(STANDARD.encode(&key)), "kind of verification material");
}

/// A registry, and what lies beside an image under Cosign's tags.
struct Shelf {
    registry: Registry,
    client: BlockingClient,
}

impl Shelf {
    fn new() -> Shelf {
        let registry = Registry::start();
        let options = ClientOptions { plain_http: vec![registry.host.clone()], ..ClientOptions::default() };
        Shelf { client: BlockingClient::new(options, CredentialConfig::default()).unwrap(), registry }
    }

    fn image(&self, digest: &Digest) -> String {
        format!("{}/team/app@{digest}", self.registry.host)
    }

    fn place(&self, digest: &Digest, suffix: &str) -> ImageRef {
        format!("{}/team/app:sha256-{}.{suffix}", self.registry.host, digest.hex()).parse().unwrap()
    }

    fn manifest(&self, digest: &Digest, suffix: &str) -> Value {
        serde_json::from_slice(&self.client.manifest(&self.place(digest, suffix)).unwrap().bytes).unwrap()
    }

    fn put(&self, digest: &Digest, suffix: &str, manifest: &Value) {
        let kind = manifest["mediaType"].as_str().unwrap();
        self.client.push_manifest(&self.place(digest, suffix), kind, Bytes::from(manifest.to_string())).unwrap();
    }
}

/// The annotations of a manifest's only layer.
fn annotations(manifest: &mut Value) -> &mut Value {
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    &mut manifest["layers"][0]["annotations"]
}

/// The annotations of another image's two layers: one made before ours, with a certificate that is valid when ours is used, and one made after it.
fn others(manifest: &Value) -> [Value; 2] {
    [0, 1].map(|at: usize| manifest["layers"][at]["annotations"].clone())
}

/// Changes a part of the log entry in the annotations.
fn in_bundle(change: impl FnOnce(&mut Value), annotations: &mut Value) {
    let mut bundle: Value = serde_json::from_str(annotations[BUNDLE].as_str().unwrap()).unwrap();
    change(&mut bundle);
    annotations[BUNDLE] = json!(bundle.to_string());
}

/// What both of the old layouts must refuse: how the annotations are changed, given those of another image, and which check says so.
type Change = fn(&mut Value, &[Value; 2]);
const CHANGES: &[(Change, &str)] = &[
    (|own, other| own[BUNDLE] = other[1][BUNDLE].clone(), "binding of the log entry"),
    (
        |own, other| {
            in_bundle(|bundle| bundle["SignedEntryTimestamp"] = entry(&other[0])["SignedEntryTimestamp"].clone(), own)
        },
        "signed entry timestamp of the log",
    ),
    (
        |own, other| in_bundle(|bundle| bundle["Payload"]["body"] = entry(&other[0])["Payload"]["body"].clone(), own),
        "signed entry timestamp of the log",
    ),
    (
        |own, _| in_bundle(|bundle| bundle["Payload"]["integratedTime"] = json!(1_700_000_000), own),
        "signed entry timestamp of the log",
    ),
    (|own, _| in_bundle(|bundle| bundle["Payload"]["logIndex"] = json!(1), own), "signed entry timestamp of the log"),
    (
        |own, _| in_bundle(|bundle| bundle["SignedEntryTimestamp"] = json!("AAAA"), own),
        "signed entry timestamp of the log",
    ),
    (|own, other| own[CERTIFICATE] = other[0][CERTIFICATE].clone(), "signature"),
    (|own, _| drop(own.as_object_mut().unwrap().remove(BUNDLE)), "time of signing"),
    (|own, _| drop(own.as_object_mut().unwrap().remove(CERTIFICATE)), "kind of verification material"),
];

fn entry(annotations: &Value) -> Value {
    serde_json::from_str(annotations[BUNDLE].as_str().unwrap()).unwrap()
}

#[test]
fn images_in_the_tags_of_cosign_2() {
    if !peers("images_in_the_tags_of_cosign_2", &["docker-registry"]) {
        return;
    }
    let (scene, shelf) = (old(), Shelf::new());
    let (index, child) = push(&shelf.registry.host);
    let person = scene.person();
    for digest in [child, index, child] {
        let line = format!("cosign --compat 2 sign --yes --identity-token token {}", shelf.image(&digest));
        scene.run(&line, 0, &["tlog entry created with index: 400", "Pushing signature to: "]);
    }
    let mut own = shelf.manifest(&index, "sig");
    let other = others(&shelf.manifest(&child, "sig"));
    for name in [SIGNATURE, CERTIFICATE, CHAIN, BUNDLE] {
        assert!(annotations(&mut own)[name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert!(annotations(&mut own).get(STAMP).is_none());
    let verify = format!("verify {person} {}", shelf.image(&index));
    scene.run(&verify, 0, &["simple signing", "signed entry timestamp of the log", "1 of 1 signatures"]);
    for (compat, log, certificate) in [
        ("2", "online", "code signing certificate claims were validated"),
        ("3", "offline", "code-signing certificate was verified using trusted certificate authority certificates"),
    ] {
        let log = format!("  - Existence of the claims in the transparency log was verified {log}\n");
        let lines = ["  - The cosign claims were validated\n", &log, &format!("  - The {certificate}\n"), WHO];
        scene.run(&format!("cosign --compat {compat} {verify}"), 0, &lines);
    }
    scene.run(&verify.replace(WHO, "else@company.com"), 12, &[&failed("certificate identity")]);
    let refused = |manifest: &Value, why: &str| {
        shelf.put(&index, "sig", manifest);
        scene.run(&verify, 12, &[&failed(why)]);
        scene.run(&format!("cosign --compat 2 {verify}"), 12, &["no matching signatures"]);
    };
    for (change, why) in CHANGES {
        let mut manifest = own.clone();
        change(annotations(&mut manifest), &other);
        // Without its certificate it is a signature by a key, for which Cosign has another code.
        if annotations(&mut manifest).get(CERTIFICATE).is_none() {
            shelf.put(&index, "sig", &manifest);
            scene.run(&verify, 12, &[&failed(why)]);
            scene.run(&format!("cosign --compat 2 {verify}"), 13, &[]);
            continue;
        }
        refused(&manifest, why);
    }
    let mut manifest = own.clone();
    annotations(&mut manifest)[SIGNATURE] = other[0][SIGNATURE].clone();
    refused(&manifest, "signature");
    // Another image's signature, whole and true, is about that image.
    refused(&shelf.manifest(&child, "sig"), "artifact digest");
    shelf.put(&index, "sig", &own);
    scene.run(&verify, 0, &[]);
}

#[test]
fn attestations_in_the_tags_of_cosign_2() {
    if !peers("attestations_in_the_tags_of_cosign_2", &["docker-registry"]) {
        return;
    }
    let (scene, shelf) = (old(), Shelf::new());
    let (index, child) = push(&shelf.registry.host);
    scene.room.file("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    let what = "--type cyclonedx";
    for digest in [child, index, child] {
        let image = shelf.image(&digest);
        let line = format!("cosign --compat 2 attest --yes --identity-token token --predicate bom.json {what} {image}");
        scene.run(&line, 0, &["tlog entry created with index: 400"]);
    }
    let mut own = shelf.manifest(&index, "att");
    let other = others(&shelf.manifest(&child, "att"));
    assert_eq!(annotations(&mut own)["predicateType"], "https://cyclonedx.org/bom");
    assert_eq!(entry(annotations(&mut own))["Payload"]["logIndex"], 4_001);
    let verify = format!("verify-attestation {} {what} {}", scene.person(), shelf.image(&index));
    scene.run(&verify, 0, &["attestation layer", "signed entry timestamp of the log"]);
    for compat in ["2", "3"] {
        scene.run(&format!("cosign --compat {compat} {verify}"), 0, &["payloadType"]);
    }
    let vuln = verify.replace("cyclonedx", "vuln");
    scene.run(&vuln, 12, &["is an attestation of type `https://cyclonedx.org/bom`"]);
    scene.run(&format!("cosign {vuln}"), 1, &["no matching attestations"]);
    let refused = |manifest: &Value, why: &str| {
        shelf.put(&index, "att", manifest);
        scene.run(&verify, 12, &[&failed(why)]);
        scene.run(&format!("cosign --compat 2 {verify}"), 1, &["no matching attestations"]);
    };
    for (change, why) in CHANGES {
        let mut manifest = own.clone();
        change(annotations(&mut manifest), &other);
        refused(&manifest, why);
    }
    refused(&shelf.manifest(&child, "att"), "artifact digest");
    shelf.put(&index, "att", &own);
    scene.run(&verify, 0, &[]);
}

#[test]
fn both_layouts_from_both_logs() {
    if !peers("both_layouts_from_both_logs", &["docker-registry"]) {
        return;
    }
    let (scene, shelf) = (Scene::with(|options| options.logs = Logs::Both), Shelf::new());
    let (index, _) = push(&shelf.registry.host);
    let image = shelf.image(&index);
    let keyless = "--yes --identity-token token --legacy-tags";
    scene.run(&format!("sign {keyless} {image}"), 0, &[]);
    // The bundle's entry is of the newer log, the layer's of the one that it can hold; both have timestamps.
    let run = scene.run(
        &format!("verify {} {image}", scene.person()),
        0,
        &["2 of 2 signatures", "simple signing", "Sigstore bundle 0.3"],
    );
    assert!(run.out.contains("RFC 3161 timestamp") && run.out.contains("signed entry timestamp of the log"), "{run}");
    let mut layer = shelf.manifest(&index, "sig");
    assert!(annotations(&mut layer)[STAMP].is_string() && entry(annotations(&mut layer))["Payload"]["logIndex"] == 0);
    scene.room.file("p.json", "{}");
    let what = "--type https://x.example/p";
    scene.run(&format!("attest {keyless} {what} --predicate p.json {image}"), 0, &[]);
    let line = format!("verify-attestation {what} {} {image}", scene.person());
    scene.run(&line, 0, &["attestation layer", "Sigstore bundle 0.3"]);
    scene.run(&format!("cosign {line}"), 0, &["payloadType"]);
}

#[test]
fn the_python_client_verifies_what_a_promise_vouches_for() {
    const TEST: &str = "the_python_client_verifies_what_a_promise_vouches_for";
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain([kept]);
    let Some(sigstore) = folders.find_map(|folder| Some(folder.join("sigstore")).filter(|file| file.is_file())) else {
        unavailable(TEST, "the Python package `sigstore` is neither in PATH nor in target/peers");
        return;
    };
    let scene = old();
    scene.run("sign-blob --yes --identity-token token --bundle b.json app.bin", 0, &[]);
    let verify = |who: &str, file: &str| {
        Command::new(&sigstore)
            .args(["--trust-config"])
            .arg(scene.room.path("trust.json"))
            .args(["verify", "identity", "--offline", "--bundle"])
            .arg(scene.room.path("b.json"))
            .args(["--cert-identity", who, "--cert-oidc-issuer", &scene.serving.issuer_url()])
            .arg(scene.room.path(file))
            .env("HOME", scene.room.path("home"))
            .output()
            .unwrap()
    };
    let said = verify(WHO, "app.bin");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(!verify(WHO, "other.bin").status.success());
    assert!(!verify("someone@company.com", "app.bin").status.success());
}
