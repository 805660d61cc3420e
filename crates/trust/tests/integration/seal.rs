//! What `seal` writes is what `verify` accepts; and services that lie are found out before anything is handed out.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};
use signet_model::Digest;
use signet_trust::seal::{
    Against, Author, Document, Draft, NewSubject, Predicate, Stamped, StatementVersion, simple_signing_payload,
    statement,
};
use signet_trust::{
    Artifact, CertificateIdentity, Check, Evidence, Requirements, TrustRoot, TrustedKey, VerifyError, verify,
};

use crate::world::{Entry, ISSUER, Key, NAME, SIGNED, Says, World, b64, hex, now, pem};

const FILE: &[u8] = b"an artifact";

/// What is signed, and in which layout it comes out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    BlobBundle,
    OldBlobBundle,
    StatementBundle,
    AttLayer,
    SigLayer,
}

const WAYS: [Way; 5] = [Way::BlobBundle, Way::OldBlobBundle, Way::StatementBundle, Way::AttLayer, Way::SigLayer];

struct Scene {
    world: World,
    key: Key,
    keyless: bool,
}

impl Scene {
    fn new(keyless: bool) -> Scene {
        Scene { world: World::new(), key: Key::new(), keyless }
    }

    fn author(&self) -> Author {
        if !self.keyless {
            return Author::key(self.key.public());
        }
        let leaf = self.world.issue(&self.key, &Says::default());
        Author::certified(self.key.public(), &leaf, vec![self.world.root.clone()]).unwrap()
    }

    fn document(way: Way) -> Document<'static> {
        let digest = Digest::sha256(FILE);
        match way {
            Way::BlobBundle | Way::OldBlobBundle => Document::Blob(Cow::Borrowed(FILE)),
            Way::SigLayer => Document::Payload(simple_signing_payload(
                "r.example/a",
                &digest,
                &[("env".to_owned(), "prod".to_owned())],
            )),
            Way::StatementBundle | Way::AttLayer => {
                let mut subject = NewSubject::new("a", digest);
                subject.annotations.push(("env".to_owned(), "prod".to_owned()));
                let predicate = Predicate::new("https://x.example/p", br#"{"n": 1.50}"#).unwrap();
                Document::Statement(statement(StatementVersion::V1, &[subject], &predicate).unwrap())
            }
        }
    }

    fn draft(&self, way: Way) -> Draft<'static> {
        let document = Self::document(way);
        let signature = self.key.sign(&document.message());
        Draft::new(document, self.author(), signature).unwrap()
    }

    /// What an honest log would enter for the request: proposals become their hashes.
    fn enter(&self, draft: &Draft<'_>) -> Entry {
        let request: Value = serde_json::from_slice(&draft.rekor_v1_request().unwrap()).unwrap();
        let body = match request["kind"].as_str().unwrap() {
            "dsse" => {
                let text = request["spec"]["proposedContent"]["envelope"].as_str().unwrap();
                let envelope: Value = serde_json::from_str(text).unwrap();
                let payload = base64::Engine::decode(
                    &base64::engine::general_purpose::STANDARD,
                    envelope["payload"].as_str().unwrap(),
                );
                let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": Digest::sha256(bytes).hex()});
                let verifier = &request["spec"]["proposedContent"]["verifiers"][0];
                json!({
                    "apiVersion": "0.0.1", "kind": "dsse",
                    "spec": {
                        "envelopeHash": hash(text.as_bytes()), "payloadHash": hash(&payload.unwrap()),
                        "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": verifier}],
                    },
                })
            }
            _ => request,
        };
        self.world.enter(&body, SIGNED)
    }

    fn requirements(&self) -> Requirements {
        let mut requirements = match self.keyless {
            true => Requirements::keyless(vec![CertificateIdentity::exact(NAME, ISSUER)]),
            false => Requirements::keys(vec![TrustedKey::always(self.key.public())]),
        };
        requirements.annotations = Vec::new();
        requirements
    }
}

/// `POST /api/v1/log/entries` answers so (`rekor: openapi.yaml`).
fn answer(entry: &Entry) -> Value {
    let bundled = entry.in_bundle(true);
    let from_b64 = |value: &Value| {
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value.as_str().unwrap());
        hex(&bytes.unwrap())
    };
    let proof = &bundled["inclusionProof"];
    json!({"24296fb24b8ad77a": {
        "body": b64(&entry.body), "integratedTime": entry.time, "logID": hex(&entry.log), "logIndex": 1,
        "verification": {
            "signedEntryTimestamp": b64(&entry.promise),
            "inclusionProof": {
                "logIndex": 1, "treeSize": 2, "rootHash": from_b64(&proof["rootHash"]),
                "hashes": [from_b64(&proof["hashes"][0])], "checkpoint": proof["checkpoint"]["envelope"],
            },
        },
    }})
}

fn write(draft: &Draft<'_>, way: Way, against: Against<'_>) -> Result<Evidence, VerifyError> {
    let artifact = Artifact::Bytes(FILE);
    match way {
        Way::BlobBundle | Way::StatementBundle => Evidence::bundle(&draft.bundle(artifact, against, now())?),
        Way::OldBlobBundle => Evidence::blob_bundle(&draft.blob_bundle(artifact, against, now())?),
        Way::AttLayer => {
            let layer = draft.layer(artifact, against, now())?;
            Evidence::attestation(&layer.bytes, &layer.annotations)
        }
        Way::SigLayer => {
            let layer = draft.layer(artifact, against, now())?;
            Evidence::simple_signing(&layer.bytes, &layer.annotations)
        }
    }
}

#[test]
fn what_is_written_verifies_in_every_layout() {
    for keyless in [false, true] {
        for way in WAYS {
            let scene = Scene::new(keyless);
            let mut draft = scene.draft(way);
            draft.add_rekor_v1(answer(&scene.enter(&draft)).to_string().as_bytes()).unwrap();
            assert_eq!((draft.log_indices(), draft.has_time()), (vec![1], true));
            let root = scene.world.trusted();
            for against in [Against::Root(&root), Against::NobodyKnown] {
                let evidence = write(&draft, way, against).unwrap_or_else(|err| panic!("{keyless} {way:?}: {err}"));
                let mut requirements = scene.requirements();
                if matches!(way, Way::SigLayer | Way::StatementBundle | Way::AttLayer) {
                    requirements.annotations.push(("env".to_owned(), "prod".to_owned()));
                }
                let verified = verify(&evidence, Artifact::Bytes(FILE), &root, &requirements, now());
                verified.unwrap_or_else(|err| panic!("{keyless} {way:?}: {err}"));
            }
        }
    }
}

#[test]
fn annotations_are_asked_of_the_subject_itself() {
    let scene = Scene::new(false);
    let digest = Digest::sha256(FILE);
    let mut other = NewSubject::new("b", Digest::sha256(b"other"));
    other.annotations.push(("env".to_owned(), "prod".to_owned()));
    let subjects = [NewSubject::new("a", digest), other];
    let text = statement(StatementVersion::V1, &subjects, &Predicate::signature()).unwrap();
    let document = Document::Statement(text);
    let signature = scene.key.sign(&document.message());
    let mut draft = Draft::new(document, scene.author(), signature).unwrap();
    draft.add_rekor_v1(answer(&scene.enter(&draft)).to_string().as_bytes()).unwrap();
    let root = scene.world.trusted();
    let evidence = write(&draft, Way::StatementBundle, Against::Root(&root)).unwrap();
    let mut requirements = scene.requirements();
    verify(&evidence, Artifact::Bytes(FILE), &root, &requirements, now()).unwrap();
    requirements.annotations.push(("env".to_owned(), "prod".to_owned()));
    let refused = verify(&evidence, Artifact::Bytes(FILE), &root, &requirements, now()).unwrap_err();
    assert_eq!(refused.check, Check::Annotations);
}

/// A draft is made, the log's answer changed, and nothing must come out.
#[track_caller]
fn lie(way: Way, change: impl FnOnce(&Scene, &mut Value), check: Check) {
    let scene = Scene::new(true);
    let mut draft = scene.draft(way);
    let mut answered = answer(&scene.enter(&draft));
    change(&scene, answered.as_object_mut().unwrap().values_mut().next().unwrap());
    let root = scene.world.trusted();
    let made =
        draft.add_rekor_v1(answered.to_string().as_bytes()).and_then(|()| write(&draft, way, Against::Root(&root)));
    assert_eq!(made.map(|_| ()).unwrap_err().check, check, "{way:?}");
}

#[test]
fn a_log_that_lies_is_found_out() {
    for way in WAYS {
        // A promise for another time.
        lie(way, |_, entry| entry["integratedTime"] = json!(SIGNED - 1), Check::Promise);
        // An entry for the signature of somebody else.
        lie(
            way,
            |_, entry| {
                let other = Scene::new(true);
                let theirs = answer(&other.enter(&other.draft(way)));
                *entry = theirs.as_object().unwrap().values().next().unwrap().clone();
            },
            Check::Binding,
        );
    }
    for way in [Way::BlobBundle, Way::StatementBundle] {
        // A tree head that nobody signed.
        lie(
            way,
            |_, entry| {
                let head = entry["verification"]["inclusionProof"]["checkpoint"].as_str().unwrap().to_owned();
                entry["verification"]["inclusionProof"]["checkpoint"] =
                    json!(head.replacen("log.example", "log.exomple", 1));
            },
            Check::Inclusion,
        );
        lie(way, |_, entry| entry["verification"]["inclusionProof"]["hashes"] = json!(["00"]), Check::Form);
    }
}

#[test]
fn a_certificate_that_does_not_hold_is_found_out() {
    let scene = Scene::new(true);
    let other = Key::new();
    let theirs = scene.world.issue(&other, &Says::default());
    let refused = Author::certified(scene.key.public(), &theirs, Vec::new()).unwrap_err();
    assert_eq!(refused.check, Check::Signature);

    // By an authority that nobody trusts, and by one without its log's word.
    let stranger = World::new();
    let unlogged = Says { logged: false, ..Says::default() };
    for (leaf, check) in [
        (stranger.issue(&scene.key, &Says::default()), Check::Chain),
        (scene.world.issue(&scene.key, &unlogged), Check::Sct),
    ] {
        let author = Author::certified(scene.key.public(), &leaf, Vec::new()).unwrap();
        let mut draft = Draft::new(Document::Blob(Cow::Borrowed(FILE)), author, scene.key.sign(FILE)).unwrap();
        draft.add_rekor_v1(answer(&scene.enter(&draft)).to_string().as_bytes()).unwrap();
        let root = scene.world.trusted();
        assert_eq!(draft.bundle(Artifact::Bytes(FILE), Against::Root(&root), now()).unwrap_err().check, check);
    }
}

#[test]
fn a_signature_of_something_else_never_becomes_a_draft() {
    let scene = Scene::new(false);
    let refused = Draft::new(Document::Blob(Cow::Borrowed(FILE)), scene.author(), scene.key.sign(b"else")).unwrap_err();
    assert_eq!(refused.check, Check::Signature);
    // A payload about another image than the one that it is handed out for.
    let draft = scene.draft(Way::SigLayer);
    let other = Digest::sha256(b"other");
    let root = TrustRoot::empty();
    for against in [Against::Root(&root), Against::NobodyKnown] {
        let refused = draft.layer(Artifact::Digest(&other), against, now()).unwrap_err();
        assert_eq!(refused.check, Check::Artifact);
    }
}

#[test]
fn the_answer_of_an_authority_is_a_certificate_for_our_key() {
    let scene = Scene::new(true);
    let leaf = pem("CERTIFICATE", &scene.world.issue(&scene.key, &Says::default()));
    let root = pem("CERTIFICATE", &scene.world.root);
    let good = json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": [leaf, root]}}});
    let author = Author::from_certificate_answer(scene.key.public(), good.to_string().as_bytes()).unwrap();
    assert_eq!((author.certificate_pem(), author.chain_pem()), (Some(leaf.clone()), root.clone()));
    for bad in [
        json!({}),
        json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": []}}}),
        json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": [scene.key.pem()]}}}),
        json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": [root]}}}),
        json!({"signedCertificateDetachedSct": {"chain": {"certificates": [leaf]}}}),
    ] {
        assert!(Author::from_certificate_answer(scene.key.public(), bad.to_string().as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_v2_request_names_hash_signature_and_verifier() {
    let scene = Scene::new(true);
    for way in [Way::BlobBundle, Way::StatementBundle] {
        let draft = scene.draft(way);
        let request: Value = serde_json::from_slice(&draft.rekor_v2_request().unwrap()).unwrap();
        let request = &request["hashedRekordRequestV002"];
        let message = Scene::document(way).message().into_owned();
        assert_eq!(request["digest"], json!(b64(Digest::sha256(&message).as_bytes())), "{way:?}");
        assert_eq!(request["signature"]["content"], json!(b64(draft.signature())));
        assert_eq!(request["signature"]["verifier"]["keyDetails"], json!("PKIX_ECDSA_P256_SHA_256"));
        assert!(request["signature"]["verifier"]["x509Certificate"]["rawBytes"].is_string());
    }
}

#[track_caller]
fn predicate(name: &str, file: &str, expected: Result<(&str, &str), &str>) {
    let made = Predicate::read(name, file.as_bytes(), now());
    match (made, expected) {
        (Ok(made), Ok((kind, json))) => {
            assert_eq!((made.kind(), std::str::from_utf8(made.json()).unwrap()), (kind, json), "{name}");
        }
        (Err(err), Err(why)) => assert!(err.to_string().contains(why), "{name}: {err}"),
        (made, _) => panic!("{name} {file}: {made:?}"),
    }
}

#[test]
fn predicates_are_what_they_say() {
    predicate(
        "custom",
        "any text",
        Ok(("https://cosign.sigstore.dev/attestation/v1", r#"{"Data":"any text","Timestamp":"2025-06-16T15:08:20Z"}"#)),
    );
    predicate("nonsense", "{}", Err("invalid predicate type: nonsense"));
    predicate("https:// x", "{}", Err("invalid predicate type"));
    predicate("https://x.example/p", " {\"a\": 1.10}\n", Ok(("https://x.example/p", "{\"a\": 1.10}")));
    predicate("https://x.example/p", "[]", Err("no JSON object"));
    predicate("https://x.example/p", r#"{"a":1,"a":2}"#, Err("twice"));
    let bom = r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#;
    predicate("cyclonedx", bom, Ok(("https://cyclonedx.org/bom", bom)));
    predicate("cyclonedx", r#"{"spdxVersion":"SPDX-2.3"}"#, Err("required field bomFormat missing"));
    predicate("cyclonedx", "<bom/>", Err("no JSON document"));
    predicate(
        "spdxjson",
        r#"{"spdxVersion":"SPDX-2.3"}"#,
        Ok(("https://spdx.dev/Document", r#"{"spdxVersion":"SPDX-2.3"}"#)),
    );
    predicate("spdxjson", bom, Err("required field spdxVersion missing"));
    predicate("spdx", "SPDXVersion: SPDX-2.3\n", Ok(("https://spdx.dev/Document", r#""SPDXVersion: SPDX-2.3\n""#)));
    predicate("spdx", "hello", Err("neither SPDX JSON nor tag-value"));
    predicate("slsaprovenance", r#"{"builder":{"id":"x"}}"#, Err("required field buildType missing"));
    predicate(
        "slsaprovenance1",
        r#"{"buildDefinition":{},"runDetails":{}}"#,
        Err("required field runDetails.builder.id missing"),
    );
    predicate("link", "{}", Err("required field name missing"));
    predicate("openvex", r#"{"@context":"https://x.example","statements":[]}"#, Err("@context is not OpenVEX"));
    let vuln = r#"{"invocation":{},"scanner":{},"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:00:00Z"}}"#;
    predicate("vuln", vuln, Ok(("https://cosign.sigstore.dev/attestation/vuln/v1", vuln)));
    predicate("vuln", &vuln.replacen("2026-01-01", "yesterday", 1), Err("is no time"));
    predicate("vuln", bom, Err("required field invocation missing"));
}

#[test]
fn a_certificate_whose_timestamps_lie_beside_it_is_refused() {
    let scene = Scene::new(true);
    let leaf = pem("CERTIFICATE", &scene.world.issue(&scene.key, &Says::default()));
    let chain = json!({"certificates": [leaf, pem("CERTIFICATE", &scene.world.root)]});
    let read = |answer: Value| Author::from_certificate_answer(scene.key.public(), answer.to_string().as_bytes());
    read(json!({"signedCertificateEmbeddedSct": {"chain": chain}})).unwrap();
    // No layout has room for it, so what would be written could not be verified by anybody.
    let both =
        json!({"signedCertificateEmbeddedSct": {"chain": chain}, "signedCertificateDetachedSct": {"chain": chain}});
    assert_eq!(read(both).unwrap_err().check, Check::Sct);
    assert_eq!(read(json!({"signedCertificateDetachedSct": {"chain": chain}})).unwrap_err().check, Check::Sct);
    let other = Author::from_certificate_answer(
        Key::new().public(),
        json!({"signedCertificateEmbeddedSct": {"chain": chain}}).to_string().as_bytes(),
    );
    assert_eq!(other.unwrap_err().check, Check::Signature);
}

#[test]
fn answers_and_documents_have_one_reading_and_an_end() {
    // A log answers with the one entry that was asked for.
    let scene = Scene::new(true);
    let mut draft = scene.draft(Way::BlobBundle);
    let one = answer(&scene.enter(&draft));
    let entry = one.as_object().unwrap().values().next().unwrap().clone();
    let two = json!({"a": entry, "b": entry});
    assert_eq!(draft.add_rekor_v1(two.to_string().as_bytes()).unwrap_err().check, Check::Form);
    assert_eq!(draft.add_rekor_v1(b"{}").unwrap_err().check, Check::Form);
    // More entries than verifiers read are not gathered.
    for _ in 0..8 {
        draft.add_rekor_v1(one.to_string().as_bytes()).unwrap();
    }
    assert_eq!(draft.add_rekor_v1(one.to_string().as_bytes()).unwrap_err().check, Check::Limits);
    assert_eq!(draft.log_indices().len(), 8);
    // A statement is about something, and not about everything.
    let predicate = Predicate::signature();
    let subject = NewSubject::new("x", Digest::sha256(FILE));
    for (count, good) in [(0, false), (1, true), (1024, true), (1025, false)] {
        let made = statement(StatementVersion::V1, &vec![subject.clone(); count], &predicate);
        assert_eq!(made.is_ok(), good, "{count} subjects");
    }
    let other = br#"{"bomFormat": "SPDX", "specVersion": "1.6"}"#;
    assert!(Predicate::read("cyclonedx", other, now()).is_err());
}

#[test]
fn the_query_for_a_timestamp_is_rfc_3161s() {
    let draft = Scene::new(false).draft(Way::BlobBundle);
    let query = draft.timestamp_request(Stamped::Signature, [0, 0x80, 1, 2, 3, 4, 5, 6]).unwrap();
    let digest = Digest::sha256(draft.signature());
    let expected = [
        &[0x30, 67, 2, 1, 1, 0x30, 49, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32][..],
        digest.as_bytes(),
        &[2, 8, 0, 0x80, 1, 2, 3, 4, 5, 6, 1, 1, 0xff],
    ]
    .concat();
    assert_eq!(query, expected);
    assert!(draft.timestamp_request(Stamped::Envelope, [1; 8]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_answers_never_panic(at in 0_usize..2000, byte in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let scene = Scene::new(true);
        let mut draft = scene.draft(Way::BlobBundle);
        let mut text = answer(&scene.enter(&draft)).to_string().into_bytes();
        if let Some(place) = text.get_mut(at) {
            *place = byte;
        }
        for hostile in [&text, &bytes] {
            let _v1 = draft.add_rekor_v1(hostile);
            let _v2 = draft.add_rekor_v2(hostile);
            let _stamp = draft.add_timestamp(Stamped::Signature, [1; 8], hostile);
            let _certificate = Author::from_certificate_answer(scene.key.public(), hostile);
            let _predicate = Predicate::read("vuln", hostile, now());
        }
    }
}
