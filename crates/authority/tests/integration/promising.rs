//! The log that promises, Rekor v1: what it takes, what it answers over HTTP, and what the room that verifies says to its entries.

use serde_json::{Value, json};
use signet_authority::{Code, KeyKind, Logs, Options, Place, SigningKey, Stack};
use signet_trust::{
    Artifact, CertificateIdentity, Check, Evidence, PublicKey, Requirements, TrustRoot, TrustedKey, VerifyError, verify,
};

use crate::client::{Answer, EMAIL, NOW, Signer, b64, get, now, options, pem, post, send, sha256, unb64};

const CONTENT: &[u8] = b"content";
const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"f","digest":{"sha256":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}}],"predicateType":"https://x.example/p","predicate":{}}"#;

fn stack() -> Stack {
    Stack::new(Options { logs: Logs::V1, earlier: 4_000, ..options() }).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn record(signer: &Signer, content: &[u8], verifier: &str) -> Value {
    json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
        "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(content))}},
        "signature": {"content": b64(signer.key.sign(content).unwrap()), "publicKey": {"content": b64(verifier)}},
    }})
}

fn pae(payload: &[u8]) -> Vec<u8> {
    let kind = "application/vnd.in-toto+json";
    [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), payload].concat()
}

fn envelope(keys: &[&SigningKey], payload: &[u8]) -> Value {
    let signatures: Vec<Value> =
        keys.iter().map(|key| json!({"keyid": "", "sig": b64(key.sign(&pae(payload)).unwrap())})).collect();
    json!({"payloadType": "application/vnd.in-toto+json", "payload": b64(payload), "signatures": signatures})
}

fn proposed(envelope: &Value, verifiers: &[String]) -> Value {
    let verifiers: Vec<String> = verifiers.iter().map(b64).collect();
    json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
        "proposedContent": {"envelope": envelope.to_string(), "verifiers": verifiers},
    }})
}

fn key_pem(key: &SigningKey) -> String {
    // As Go writes it: lines of 64, and a newline at the end.
    let text = b64(key.spki());
    let lines: Vec<String> = text.as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

/// The one entry of an answer, with its ID.
fn only(entry: &Value) -> (String, Value) {
    let all = entry.as_object().unwrap();
    assert_eq!(all.len(), 1);
    let (id, entry) = all.iter().next().unwrap();
    (id.clone(), entry.clone())
}

/// `TransparencyLogEntry`, from what the log answered.
fn bundled(entry: &Value, kind: &str) -> Value {
    let from_hex = |value: &Value| {
        let text = value.as_str().unwrap();
        let bytes: Vec<u8> =
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect();
        b64(bytes)
    };
    let proof = &entry["verification"]["inclusionProof"];
    json!({
        "logIndex": entry["logIndex"].to_string(),
        "logId": {"keyId": from_hex(&entry["logID"])},
        "kindVersion": {"kind": kind, "version": "0.0.1"},
        "integratedTime": entry["integratedTime"].to_string(),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": proof["logIndex"].to_string(),
            "rootHash": from_hex(&proof["rootHash"]),
            "treeSize": proof["treeSize"].to_string(),
            "hashes": proof["hashes"].as_array().unwrap().iter().map(from_hex).collect::<Vec<_>>(),
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    })
}

fn judge(stack: &Stack, bundle: &Value, requirements: &Requirements) -> Result<Vec<i64>, VerifyError> {
    let root = TrustRoot::from_json(stack.trusted_root().to_string().as_bytes())?;
    let evidence = Evidence::bundle(bundle.to_string().as_bytes())?;
    let found = verify(&evidence, Artifact::Bytes(CONTENT), &root, requirements, now())?;
    Ok(found.get().times.iter().map(|time| time.as_second()).collect())
}

#[test]
fn a_keyless_signature_needs_no_other_time_than_the_promise() {
    let stack = stack();
    let log = stack.promising().unwrap();
    for n in 0..5_u8 {
        let other = Signer::new();
        log.enter(record(&other, &[n], &key_pem(&other.key)).to_string().as_bytes(), now()).unwrap();
    }
    let signer = Signer::new();
    let chain = signer.certificate(&stack);
    let request = record(&signer, CONTENT, &pem("CERTIFICATE", &chain[0]));
    let entered = log.enter(request.to_string().as_bytes(), now()).unwrap();
    let (id, entry) = only(&entered.entry.unwrap());
    assert_eq!((id.len(), &id), (80, &entered.id));
    assert_eq!((&entry["logIndex"], &entry["verification"]["inclusionProof"]["logIndex"]), (&json!(4_005), &json!(5)));
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": b64(&chain[0])},
            "tlogEntries": [bundled(&entry, "hashedrekord")],
        },
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(CONTENT))},
            "signature": request["spec"]["signature"]["content"],
        },
    });
    let requirements = Requirements::keyless(vec![CertificateIdentity::exact(EMAIL, &stack.issuer_name())]);
    assert_eq!(judge(&stack, &bundle, &requirements).unwrap(), [NOW]);
    // Each part of the answer counts.
    let entry = "/verificationMaterial/tlogEntries/0";
    for (place, value, check) in [
        ("integratedTime", json!((NOW + 1).to_string()), Check::Promise),
        ("logIndex", json!("4004"), Check::Promise),
        ("inclusionPromise/signedEntryTimestamp", json!(b64([0; 70])), Check::Promise),
        ("inclusionProof/treeSize", json!("7"), Check::Inclusion),
        ("inclusionProof/logIndex", json!("4"), Check::Inclusion),
        ("inclusionProof/hashes", json!([]), Check::Inclusion),
    ] {
        let mut other = bundle.clone();
        *other.pointer_mut(&format!("{entry}/{place}")).unwrap() = value;
        assert_eq!(judge(&stack, &other, &requirements).unwrap_err().check, check, "{place}");
    }
    // Another stack of the same make is another's.
    let strange = self::stack();
    let root = TrustRoot::from_json(strange.trusted_root().to_string().as_bytes()).unwrap();
    let evidence = Evidence::bundle(bundle.to_string().as_bytes()).unwrap();
    assert!(verify(&evidence, Artifact::Bytes(CONTENT), &root, &requirements, now()).is_err());
}

#[test]
fn envelopes_are_logged_by_their_hashes() {
    let stack = stack();
    let log = stack.promising().unwrap();
    let signer = Signer::new();
    let envelope = envelope(&[&signer.key], STATEMENT.as_bytes());
    let request = proposed(&envelope, &[key_pem(&signer.key)]);
    let entered = log.enter(request.to_string().as_bytes(), now()).unwrap();
    let (_, entry) = only(&entered.entry.unwrap());
    let body = String::from_utf8(unb64(entry["body"].as_str().unwrap())).unwrap();
    let wanted = format!(
        concat!(
            r#"{{"apiVersion":"0.0.1","kind":"dsse","spec":{{"envelopeHash":{{"algorithm":"sha256","value":"{}"}},"#,
            r#""payloadHash":{{"algorithm":"sha256","value":"{}"}},"signatures":[{{"signature":"{}","verifier":"{}"}}]}}}}"#
        ),
        hex(&sha256(envelope.to_string().as_bytes())),
        hex(&sha256(STATEMENT.as_bytes())),
        envelope["signatures"][0]["sig"].as_str().unwrap(),
        b64(key_pem(&signer.key)),
    );
    assert_eq!(body, wanted);
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": [bundled(&entry, "dsse")]},
        "dsseEnvelope": {
            "payload": envelope["payload"], "payloadType": envelope["payloadType"],
            "signatures": [{"sig": envelope["signatures"][0]["sig"]}],
        },
    });
    let key = PublicKey::from_der(signer.key.spki()).unwrap();
    let requirements = Requirements::keys(vec![TrustedKey::always(key)]);
    assert_eq!(judge(&stack, &bundle, &requirements).unwrap(), [NOW]);
    // Two that sign: the signatures are in order, whatever that of the envelope.
    let (one, other) = (SigningKey::generate(KeyKind::P384).unwrap(), SigningKey::generate(KeyKind::Ed25519).unwrap());
    let both = self::envelope(&[&one, &other], b"x");
    let entered = log.enter(proposed(&both, &[key_pem(&other), key_pem(&one)]).to_string().as_bytes(), now()).unwrap();
    let body: Value =
        serde_json::from_slice(&unb64(only(&entered.entry.unwrap()).1["body"].as_str().unwrap())).unwrap();
    let signatures: Vec<&str> =
        body["spec"]["signatures"].as_array().unwrap().iter().map(|one| one["signature"].as_str().unwrap()).collect();
    assert!(signatures.len() == 2 && signatures.is_sorted(), "{signatures:?}");
    // Each signature needs its verifier, and each verifier a signature.
    for (verifiers, why) in [
        (vec![key_pem(&one)], "all signatures must have a key"),
        (vec![key_pem(&one), key_pem(&other), key_pem(&signer.key)], "made none of its signatures"),
        (vec![], "1 to 16"),
    ] {
        let refusal = log.enter(proposed(&both, &verifiers).to_string().as_bytes(), now()).unwrap_err();
        assert!(refusal.message.contains(why), "{refusal}");
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Value), why: &str) {
    let stack = stack();
    let log = stack.promising().unwrap();
    let signer = Signer::new();
    let mut request = record(&signer, CONTENT, &pem("CERTIFICATE", &signer.certificate(&stack)[0]));
    let before = log.checkpoint();
    change(&mut request);
    let refusal = log.enter(request.to_string().as_bytes(), now()).unwrap_err();
    assert_eq!(refusal.code, Code::Invalid, "{refusal}");
    assert!(refusal.message.contains(why), "`{why}` is not in: {refusal}");
    assert_eq!(log.checkpoint(), before, "the log has grown");
}

#[test]
fn entries_that_are_not_taken() {
    refused(|all| all["spec"]["data"]["hash"]["value"] = json!(hex(&sha256(b"another"))), "verifying signature");
    refused(|all| all["spec"]["data"]["hash"]["value"] = json!("ab"), "data.hash.value");
    refused(|all| all["spec"]["data"]["hash"]["value"] = json!("zz".repeat(32)), "data.hash.value");
    refused(|all| all["spec"]["data"]["hash"]["algorithm"] = json!("sha512"), "data.hash.value");
    refused(|all| all["spec"]["data"]["hash"]["algorithm"] = json!("md5"), "data.hash.algorithm");
    refused(|all| all["spec"]["signature"]["content"] = json!(b64([0; 70])), "verifying signature");
    refused(|all| all["spec"]["signature"]["content"] = json!(""), "signature.content");
    refused(|all| all["spec"]["signature"]["content"] = json!(b64([0; 2000])), "signature.content");
    refused(|all| all["spec"]["signature"]["publicKey"]["content"] = json!(b64("x")), "publicKey.content");
    refused(
        |all| all["spec"]["signature"]["publicKey"]["content"] = json!(b64(pem("CERTIFICATE", b"x"))),
        "publicKey.content",
    );
    let stranger = key_pem(&Signer::new().key);
    refused(|all| all["spec"]["signature"]["publicKey"]["content"] = json!(b64(&stranger)), "verifying signature");
    let pure = key_pem(&SigningKey::generate(KeyKind::Ed25519).unwrap());
    refused(|all| all["spec"]["signature"]["publicKey"]["content"] = json!(b64(&pure)), "pure Ed25519");
    refused(|all| all["spec"] = json!({"data": 1}), "`spec`");
    refused(|all| all["apiVersion"] = json!("0.0.2"), "not taken");
    refused(|all| all["kind"] = json!("rpm"), "not taken");
    refused(|all| *all = json!([]), "line 1");
    refused(|all| drop(all.as_object_mut().unwrap().remove("spec")), "line 1");
}

/// `Error` of the API.
#[track_caller]
fn is_error(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["code"], status);
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()) && body.get("details").is_none());
}

#[test]
fn the_interface_over_http() {
    const ENTRIES: &str = "/api/v1/log/entries";
    let stack = stack();
    let serving = stack.listen().unwrap();
    let url = serving.url();
    let signer = Signer::new();
    let request = record(&signer, CONTENT, &key_pem(&signer.key));
    let answer = post(&url, ENTRIES, &request);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let (id, entry) = only(&answer.json());
    assert_eq!((&answer.headers["etag"], &answer.headers["location"]), (&id, &format!("{ENTRIES}/{id}")));
    assert_eq!(entry["integratedTime"], NOW);
    // The same again is a conflict, which says where the entry is.
    let again = post(&url, ENTRIES, &request);
    is_error(&again, 409);
    assert_eq!(again.headers["location"], format!("{ENTRIES}/{id}"));
    let other = Signer::new();
    assert_eq!(post(&url, ENTRIES, &record(&other, b"other", &key_pem(&other.key))).status, 201);
    // Later, the same entry has another proof and another promise over the same.
    let kept = |path: &str| only(&get(&url, path).json());
    for path in [
        format!("{ENTRIES}/{id}"),
        format!("{ENTRIES}/{}", &id[16..]),
        format!("{ENTRIES}/{}", id.to_ascii_uppercase()),
        format!("{ENTRIES}?logIndex=4000"),
    ] {
        let (found, later) = kept(&path);
        assert_eq!((&found, &later["body"], &later["integratedTime"]), (&id, &entry["body"], &entry["integratedTime"]));
        assert_eq!(later["verification"]["inclusionProof"]["treeSize"], 2, "{path}");
    }
    is_error(&get(&url, &format!("{ENTRIES}?logIndex=4002")), 404);
    is_error(&get(&url, &format!("{ENTRIES}?logIndex=0")), 404);
    is_error(&get(&url, &format!("{ENTRIES}?logIndex=-1")), 400);
    is_error(&get(&url, ENTRIES), 400);
    is_error(&get(&url, &format!("{ENTRIES}/{}", "0".repeat(80))), 404);
    is_error(&get(&url, &format!("{ENTRIES}/{}", "0".repeat(64))), 404);
    is_error(&get(&url, &format!("{ENTRIES}/zz")), 400);
    is_error(&send(&url, "PUT", ENTRIES, &[], b""), 404);
    is_error(&post(&url, ENTRIES, &json!({})), 400);
    // Searches.
    let search = |body: &Value| post(&url, &format!("{ENTRIES}/retrieve"), body);
    for body in [json!({"entryUUIDs": [id]}), json!({"logIndexes": [4_000]}), json!({"entries": [request]})] {
        let found = search(&body).json();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{body}");
        assert_eq!(only(&found[0]).0, id);
    }
    assert_eq!(search(&json!({"logIndexes": [1]})).json(), json!([]));
    is_error(&search(&json!({})), 400);
    is_error(&search(&json!({"logIndexes": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]})), 400);
    let index = |body: &Value| post(&url, "/api/v1/index/retrieve", body);
    let (hash, key) = (hex(&sha256(CONTENT)), json!({"format": "x509", "content": b64(key_pem(&signer.key))}));
    assert_eq!(index(&json!({"hash": hash})).json(), json!([id]));
    assert_eq!(index(&json!({"hash": format!("sha256:{hash}")})).json(), json!([id]));
    assert_eq!(index(&json!({"publicKey": key})).json(), json!([id]));
    let other = hex(&sha256(b"other"));
    assert_eq!(index(&json!({"publicKey": key, "hash": other, "operator": "and"})).json(), json!([]));
    assert_eq!(index(&json!({"publicKey": key, "hash": other})).json().as_array().map(Vec::len), Some(2));
    is_error(&index(&json!({})), 400);
    is_error(&index(&json!({"email": EMAIL})), 501);
    // State and key.
    let info = get(&url, "/api/v1/log").json();
    assert_eq!(
        (&info["treeSize"], info["signedTreeHead"].as_str()),
        (&json!(2), Some(&*stack.promising().unwrap().checkpoint()))
    );
    let key = get(&url, "/api/v1/log/publicKey");
    assert_eq!(
        (key.headers["content-type"].as_str(), key.text()),
        ("application/x-pem-file", key_pem(stack.promising().unwrap().key()))
    );
    // A stack without such a log has none of this.
    let bare = crate::client::stack();
    let bare = bare.listen().unwrap();
    assert_eq!(get(&bare.url(), "/api/v1/log").status, 404);
    assert_eq!(post(&bare.url(), ENTRIES, &request).status, 404);
}

#[test]
fn clients_are_told_of_the_logs_that_sign() {
    for (logs, versions) in [(Logs::V2, vec![2]), (Logs::V1, vec![1]), (Logs::Both, vec![2, 1])] {
        let stack = Stack::new(Options { logs, ..options() }).unwrap();
        let serving = stack.listen().unwrap();
        let config = serving.signing_config();
        let named: Vec<&Value> =
            config["rekorTlogUrls"].as_array().unwrap().iter().map(|log| &log["majorApiVersion"]).collect();
        assert_eq!(named, versions.iter().map(|version| json!(version)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
        let root = stack.trusted_root();
        let ids: Vec<&str> =
            root["tlogs"].as_array().unwrap().iter().map(|log| log["logId"]["keyId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), if logs == Logs::V2 { 1 } else { 2 });
        assert_eq!(ids.last().copied(), stack.promising().map(|log| b64(log.id())).as_deref().or(ids.last().copied()));
        TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
    }
}

#[test]
fn a_promising_log_in_a_directory_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Directory(folder.path().join("stack"));
    let open = |logs| Stack::new(Options { logs, place: place.clone(), ..options() });
    // A stack comes to have the log later, and keeps its other keys.
    let first = open(Logs::V2).unwrap().trusted_root();
    let signer = Signer::new();
    let mut entries = Vec::new();
    // Opened again in the middle of a bundle of entries, at its end and behind it.
    for (from, until) in [(0_u16, 1), (1, 100), (100, 256), (256, 257), (257, 300)] {
        let stack = open(Logs::Both).unwrap();
        for n in from..until {
            let later = now() + jiff::SignedDuration::from_secs(i64::from(n));
            let request = record(&signer, &n.to_be_bytes(), &key_pem(&signer.key)).to_string();
            let entered = stack.promising().unwrap().enter(request.as_bytes(), later).unwrap();
            entries.push((request, entered));
        }
    }
    let stack = open(Logs::Both).unwrap();
    assert_eq!(stack.trusted_root()["tlogs"][0], first["tlogs"][0]);
    let log = stack.promising().unwrap();
    assert_eq!(entries.len(), 300);
    for (request, entered) in &entries {
        let again = log.enter(request.as_bytes(), now()).unwrap();
        assert_eq!((&again.id, &again.entry), (&entered.id, &None));
    }
    let serving = stack.listen().unwrap();
    for n in [0, 255, 256, 299] {
        let (id, entry) = only(&get(&serving.url(), &format!("/api/v1/log/entries?logIndex={n}")).json());
        assert_eq!((id, &entry["integratedTime"]), (entries[n].1.id.clone(), &json!(NOW + n as i64)));
    }
    drop((serving, stack));
    // A time that is gone is not made up.
    std::fs::write(folder.path().join("stack/log-v1/times/001"), [0; 8 * 43]).unwrap();
    let err = open(Logs::Both).map(|_| ()).unwrap_err();
    assert!(err.to_string().contains("lacks the time of entry 299"), "{err}");
    // Without the log, the stack still opens.
    open(Logs::V2).unwrap();
}

proptest::proptest! {
    #[test]
    fn hostile_requests_change_nothing(at in 0_usize..900, byte: u8) {
        static STACK: std::sync::LazyLock<(Stack, Vec<u8>)> = std::sync::LazyLock::new(|| {
            let signer = Signer::new();
            let request = record(&signer, CONTENT, &key_pem(&signer.key)).to_string().into_bytes();
            (stack(), request)
        });
        let (stack, request) = &*STACK;
        let mut request = request.clone();
        if let Some(place) = request.get_mut(at) {
            *place = byte;
        }
        // What is taken all the same says the same: an entry is the canonical one.
        if let Ok(entered) = stack.promising().unwrap().enter(&request, now()) {
            proptest::prop_assert!(entered.id.len() == 80);
        }
    }
}
