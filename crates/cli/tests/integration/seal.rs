//! Images and files that an authority of our own signed, verified by the program: in every layout, whole, broken and hostile.

use serde_json::{Value, json};
use signet_model::Digest;
use signet_trust::pae;

use crate::harness::{Room, Run};
use crate::shelf::{INDEX, Shelf};
use crate::world::{ISSUER, Key, NAME, SIGNED, Says, World, b64, hex, pem, sha256};

const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Who signs: a key, and its certificate when keyless.
pub(crate) struct Author {
    world: World,
    pub(crate) key: Key,
    certificate: Option<Vec<u8>>,
}

impl Author {
    /// Who signs with a certificate that says this.
    pub(crate) fn who(says: &Says) -> Author {
        let (world, key) = (World::new(), Key::new());
        let certificate = Some(world.issue(&key, says));
        Author { world, key, certificate }
    }

    pub(crate) fn new(keyless: bool) -> Author {
        let (world, key) = (World::new(), Key::new());
        let certificate = keyless.then(|| world.issue(&key, &Says::default()));
        Author { world, key, certificate }
    }

    /// The flags that ask for this author, and the files that they name.
    pub(crate) fn flags(&self, room: &Room) -> String {
        room.file("key.pub", &self.key.pem());
        room.file("root.pem", &pem("CERTIFICATE", &self.world.root));
        room.file("rekor.pub", &self.world.log.pem());
        room.file("ctfe.pub", &self.world.certificates.pem());
        match self.certificate {
            Some(_) => format!("--certificate-identity {NAME} --certificate-oidc-issuer {ISSUER}"),
            None => "--key key.pub".to_owned(),
        }
    }

    fn signer(&self) -> String {
        self.certificate.as_ref().map_or_else(|| self.key.pem(), |der| pem("CERTIFICATE", der))
    }

    fn hash(bytes: &[u8]) -> Value {
        json!({"algorithm": "sha256", "value": hex(&sha256(bytes))})
    }

    pub(crate) fn envelope(&self, payload: &[u8]) -> Value {
        let signature = self.key.sign(&pae(IN_TOTO, payload));
        json!({"payloadType": IN_TOTO, "payload": b64(payload), "signatures": [{"keyid": "", "sig": b64(signature)}]})
    }

    fn dsse_entry(&self, envelope: &Value, payload: &[u8]) -> Value {
        json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {
                "envelopeHash": Self::hash(envelope.to_string().as_bytes()),
                "payloadHash": Self::hash(payload),
                "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": b64(self.signer())}],
            },
        })
    }

    pub(crate) fn record(&self, content: &[u8], signature: &[u8]) -> Value {
        json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": Self::hash(content)},
                "signature": {"content": b64(signature), "publicKey": {"content": b64(self.signer())}},
            },
        })
    }

    fn material(&self, entry: &Value) -> Value {
        let entry = self.world.enter(entry, SIGNED).in_bundle(true);
        match &self.certificate {
            Some(der) => json!({"certificate": {"rawBytes": b64(der)}, "tlogEntries": [entry]}),
            None => json!({"publicKey": {"hint": ""}, "tlogEntries": [entry]}),
        }
    }

    /// A Sigstore bundle with a statement.
    pub(crate) fn bundle(&self, payload: &[u8]) -> Vec<u8> {
        let envelope = self.envelope(payload);
        let material = self.material(&self.dsse_entry(&envelope, payload));
        let bundle = json!({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope});
        bundle.to_string().into_bytes()
    }

    /// A Sigstore bundle over a file.
    fn blob_bundle(&self, content: &[u8]) -> String {
        let signature = self.key.sign(content);
        let material = self.material(&self.record(content, &signature));
        let message = json!({
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(content))}, "signature": b64(&signature),
        });
        json!({"mediaType": BUNDLE, "verificationMaterial": material, "messageSignature": message}).to_string()
    }

    pub(crate) fn annotations(&self, signature: &str, entry: &Value) -> Value {
        let mut annotations = json!({
            "dev.cosignproject.cosign/signature": signature,
            "dev.sigstore.cosign/bundle": self.world.enter(entry, SIGNED).in_annotation().to_string(),
        });
        if self.certificate.is_some() {
            annotations["dev.sigstore.cosign/certificate"] = json!(self.signer());
            annotations["dev.sigstore.cosign/chain"] = json!(pem("CERTIFICATE", &self.world.root));
        }
        annotations
    }

    /// A layer of simple signing.
    pub(crate) fn sig(&self, shelf: &Shelf, payload: &[u8]) -> Value {
        let signature = self.key.sign(payload);
        let mut layer = shelf.blob(SIMPLE, payload);
        layer["annotations"] = self.annotations(&b64(&signature), &self.record(payload, &signature));
        layer
    }

    /// A layer with an envelope.
    pub(crate) fn att(&self, shelf: &Shelf, payload: &[u8]) -> Value {
        let envelope = self.envelope(payload);
        let mut layer = shelf.blob(DSSE, envelope.to_string().as_bytes());
        layer["annotations"] = self.annotations("", &self.dsse_entry(&envelope, payload));
        layer
    }
}

pub(crate) fn statement(digest: &Digest, kind: &str) -> Vec<u8> {
    let subject = json!([{"name": "app", "digest": {"sha256": digest.hex()}}]);
    let text = json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": kind, "predicate": {"a": 1},
    });
    text.to_string().into_bytes()
}

pub(crate) fn payload(digest: &Digest) -> Vec<u8> {
    let text = json!({
        "critical": {
            "identity": {"docker-reference": "ignored"}, "image": {"docker-manifest-digest": digest.to_string()},
            "type": "cosign container image signature",
        },
        "optional": {"env": "prod"},
    });
    text.to_string().into_bytes()
}

/// Puts a bundle beside an image: in the list of the registry, or under the fallback tag with the type that broken registries show.
pub(crate) fn refer(shelf: &Shelf, image: &Digest, bundle: &[u8], listed: bool) {
    let subject = json!({"mediaType": crate::shelf::MANIFEST, "digest": image.to_string(), "size": 1});
    let layer = shelf.blob(BUNDLE, bundle);
    let mut entry = shelf.layers(None, &[layer], &json!({"artifactType": BUNDLE, "subject": subject}));
    entry["artifactType"] = json!(if listed { BUNDLE } else { crate::shelf::EMPTY });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
    match listed {
        true => shelf.put(&format!("referrers/{image}"), INDEX, index.to_string().as_bytes()),
        false => {
            shelf.manifest(Some(&format!("sha256-{}", image.hex())), &index);
        }
    }
}

/// Runs the program with the trusted material that [`Author::flags`] wrote.
#[track_caller]
pub(crate) fn run(room: &Room, line: &str, code: i32, needles: &[&str]) -> Run {
    let output = room
        .command(line)
        .env("SIGSTORE_ROOT_FILE", room.path("root.pem"))
        .env("SIGSTORE_REKOR_PUBLIC_KEY", room.path("rekor.pub"))
        .env("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", room.path("ctfe.pub"))
        .output()
        .unwrap();
    let run = Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr);
    assert_eq!(run.code, code, "{run}");
    for needle in needles {
        assert!(run.out.contains(needle) || run.talk.contains(needle), "no `{needle}` in\n{run}");
    }
    run
}

/// How an image is signed here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Tag,
    Listed,
    Fallback,
}

pub(crate) fn sign(shelf: &Shelf, author: &Author, image: &Digest, way: Way) {
    match way {
        Way::Tag => {
            let layer = author.sig(shelf, &payload(image));
            shelf.layers(Some(&format!("sha256-{}.sig", image.hex())), &[layer], &json!({}));
        }
        Way::Listed | Way::Fallback => {
            refer(shelf, image, &author.bundle(&statement(image, SIGN)), matches!(way, Way::Listed));
        }
    }
}

#[test]
fn images_signed_in_each_layout_verify() {
    for keyless in [false, true] {
        for way in [Way::Tag, Way::Listed, Way::Fallback] {
            let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(keyless));
            let image = shelf.image("1");
            sign(&shelf, &author, &image, way);
            let flags = author.flags(&room);
            let line = format!("verify {flags} {}/app:1", shelf.host);
            let done =
                run(&room, &line, 0, &[": verified, 1 of 1 signatures", "binding of the log entry", "artifact digest"]);
            let left_out: Vec<&str> = done.out.lines().filter(|line| line.contains("NOT CHECKED")).collect();
            // The second verifier knows only bundles of a whole trusted root.
            assert!(!keyless || left_out.iter().all(|line| line.contains("second verifier")), "{way:?}: {done}");
            run(&room, &format!("verify {flags} {}/app@{image}", shelf.host), 0, &[]);

            // Somebody else, and another name.
            room.file("other.pub", &Key::new().pem());
            run(
                &room,
                &format!("verify --key other.pub {}/app:1", shelf.host),
                12,
                &["NOT VERIFIED", "failed", "expected", "found"],
            );
            let evil = "--certificate-identity other@example.com --certificate-oidc-issuer https://issuer.example.com";
            run(&room, &format!("verify {evil} {}/app:1", shelf.host), 12, &["NOT VERIFIED"]);
            // A signature is no attestation.
            run(&room, &format!("verify-attestation {flags} {}/app:1", shelf.host), 12, &["there is no attestation"]);
        }
    }
}

#[test]
fn attestations_are_found_by_their_type() {
    let kind = "https://example.com/p/v1";
    for keyless in [false, true] {
        for way in [Way::Tag, Way::Listed, Way::Fallback] {
            let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(keyless));
            let image = shelf.image("1");
            match way {
                Way::Tag => {
                    let layer = author.att(&shelf, &statement(&image, kind));
                    shelf.layers(Some(&format!("sha256-{}.att", image.hex())), &[layer], &json!({}));
                }
                _ => refer(&shelf, &image, &author.bundle(&statement(&image, kind)), matches!(way, Way::Listed)),
            }
            let flags = author.flags(&room);
            let line = format!("verify-attestation {flags} {}/app:1", shelf.host);
            run(&room, &line, 0, &[kind, "1 of 1 attestations"]);
            run(&room, &format!("{line} --type {kind}"), 0, &[]);
            // CVE-2022-35929: a valid attestation of another type is none.
            run(&room, &format!("{line} --type vuln"), 12, &["left out", kind, "there is no attestation"]);
            let done = run(&room, &format!("{line} -o json"), 0, &[]);
            let report: Value = serde_json::from_str(&done.out).unwrap();
            assert_eq!(report["candidates"][0]["statement"]["predicate"], json!({"a": 1}), "{done}");
            // And it is no signature.
            run(&room, &format!("verify {flags} {}/app:1", shelf.host), 12, &["there is no signature"]);
        }
    }
}

#[test]
fn a_signature_of_another_image_is_refused() {
    for way in [Way::Tag, Way::Listed] {
        let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
        let (image, other) = (shelf.image("1"), shelf.image("2"));
        match way {
            Way::Tag => {
                let layer = author.sig(&shelf, &payload(&other));
                shelf.layers(Some(&format!("sha256-{}.sig", image.hex())), &[layer], &json!({}));
            }
            _ => refer(&shelf, &image, &author.bundle(&statement(&other, SIGN)), true),
        }
        let flags = author.flags(&room);
        let line = format!("verify {flags} {}/app:1", shelf.host);
        let (wanted, found) = (image.hex(), other.hex());
        run(&room, &line, 12, &["failed       artifact digest", wanted.as_str(), found.as_str()]);
        run(&room, &format!("{line} --insecure-ignore-tlog"), 12, &["artifact digest", "warning: transparency logs"]);
        let done = run(&room, &format!("{line} -o json"), 12, &[]);
        let report: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(report["verified"], json!(false));
        assert_eq!(report["candidates"][0]["failed"]["check"], "artifact digest");
    }
}

#[test]
fn what_is_not_asked_for_is_said() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(true));
    let image = shelf.image("1");
    sign(&shelf, &author, &image, Way::Tag);
    let flags = author.flags(&room);
    let place = format!("{}/app:1", shelf.host);
    run(
        &room,
        &format!("verify {flags} {place} --insecure-ignore-sct=true"),
        0,
        &["NOT CHECKED  signed certificate timestamp"],
    );
    run(&room, &format!("verify {flags} {place} -a env=prod"), 0, &[]);
    run(&room, &format!("verify {flags} {place} -a env=test"), 12, &["annotations", "`env` = `test`"]);
    run(&room, &format!("verify {flags} {place} -a env"), 2, &["KEY=VALUE"]);
    run(
        &room,
        &format!("verify {flags} {place} --certificate-github-workflow-ref refs/heads/main"),
        12,
        &["certificate claims"],
    );
    run(&room, &format!("verify {flags} {place} --use-signed-timestamps"), 12, &["time of signing"]);
    let loose = format!("--certificate-identity-regexp example --certificate-oidc-issuer {ISSUER}");
    run(&room, &format!("verify {loose} {place}"), 0, &["warning: `example` is not anchored"]);
    run(&room, &format!("verify {place}"), 2, &["--key"]);
    run(&room, &format!("verify --certificate-identity {NAME} {place}"), 2, &["--certificate-oidc-issuer"]);
    run(
        &room,
        &format!("verify --certificate-identity-regexp ( --certificate-oidc-issuer {ISSUER} {place}"),
        2,
        &["no regular expression"],
    );
    // Without our authority, nothing of this is trusted.
    room.check(&format!("verify {flags} {place}"), 12, &["NOT VERIFIED"]);
    room.check(&format!("--offline verify {flags} {place}"), 1, &["forbidden by `--offline`"]);
}

#[test]
fn a_hostile_registry_verifies_nothing() {
    let (room, author) = (Room::new(), Author::new(false));
    let flags = author.flags(&room);
    let whole = |tag: &str| {
        let shelf = Shelf::start();
        let image = shelf.image(tag);
        sign(&shelf, &author, &image, Way::Tag);
        let line = format!("verify {flags} {}/app:{tag}", shelf.host);
        (shelf, image, line)
    };
    // The same, undisturbed.
    let (_shelf, _, line) = whole("1");
    run(&room, &line, 0, &[]);

    // Nothing is there.
    let shelf = Shelf::start();
    shelf.image("1");
    run(&room, &format!("verify {flags} {}/app:1", shelf.host), 12, &["there is no signature"]);
    run(&room, &format!("verify {flags} {}/app:2", shelf.host), 1, &["cannot resolve the image"]);

    // The list of referrers is endless.
    let (shelf, image, line) = whole("1");
    let entries: Vec<Value> = (0..10_000_u32)
        .map(|at| {
            let digest = Digest::sha256(&at.to_be_bytes()).to_string();
            json!({"mediaType": crate::shelf::MANIFEST, "digest": digest, "size": 100})
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    shelf.put(&format!("referrers/{image}"), INDEX, index.as_bytes());
    run(&room, &line, 1, &["more than 100 entries"]);

    // A tag with signatures without end.
    let (shelf, image, line) = whole("1");
    let layers: Vec<Value> = (0..65).map(|_| author.sig(&shelf, &payload(&image))).collect();
    shelf.layers(Some(&format!("sha256-{}.sig", image.hex())), &layers, &json!({}));
    run(&room, &line, 1, &["more than 64 signatures"]);

    // A signature that says it is huge.
    let (shelf, image, line) = whole("1");
    let tag = format!("sha256-{}.sig", image.hex());
    let mut layer = author.sig(&shelf, &payload(&image));
    layer["size"] = json!(200_u64 << 20);
    shelf.layers(Some(&tag), &[layer], &json!({}));
    run(&room, &line, 12, &["limits", "at most 10485760 bytes"]);
    let layer = json!({"mediaType": SIMPLE, "digest": Digest::sha256(b"x").to_string(), "size": u64::MAX});
    shelf.layers(Some(&tag), &[layer], &json!({}));
    run(&room, &line, 1, &["larger than"]);

    // Other bytes than the digest says: of the signature, and of the image when it is read by digest.
    let (shelf, image, line) = whole("1");
    shelf.put(&format!("blobs/{}", Digest::sha256(&payload(&image))), "application/octet-stream", b"{}");
    run(&room, &line, 12, &["refused"]);
    let (shelf, image, _) = whole("1");
    shelf.put(&format!("manifests/{image}"), crate::shelf::MANIFEST, b"{\"schemaVersion\":2,\"config\":{}}");
    run(&room, &format!("verify {flags} {}/app@{image}", shelf.host), 1, &["hash to"]);

    // What is no signature where signatures belong, and a signature that lost its meaning.
    let (shelf, image, line) = whole("1");
    let tag = format!("sha256-{}.sig", image.hex());
    let layer = shelf.blob("application/x-tar", b"tar");
    shelf.layers(Some(&tag), &[layer], &json!({}));
    run(&room, &line, 12, &["form of the evidence", "application/x-tar"]);
    refer(&shelf, &image, b"{}", true);
    run(&room, &line, 12, &["0 of 2 signatures"]);
    // A notation signature is named, and verifies nothing here.
    let layer = shelf.blob("application/jose+json", b"{}");
    let entry = shelf.layers(None, &[layer], &json!({"artifactType": "application/vnd.cncf.notary.signature"}));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    shelf.put(&format!("referrers/{image}"), INDEX, index.as_bytes());
    run(&room, &line, 12, &["a Notation signature"]);
}

#[test]
fn a_bad_signature_beside_a_good_one_is_shown_and_hides_nothing() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    let other = Author::new(false);
    let layers = [other.sig(&shelf, &payload(&image)), author.sig(&shelf, &payload(&image))];
    shelf.layers(Some(&format!("sha256-{}.sig", image.hex())), &layers, &json!({}));
    let flags = author.flags(&room);
    run(&room, &format!("verify {flags} {}/app:1", shelf.host), 0, &["verified, 1 of 2 signatures", "refused: tag"]);
}

#[test]
fn signatures_may_lie_in_another_repository() {
    let (room, shelf, signatures, author) = (Room::new(), Shelf::start(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    sign(&signatures, &author, &image, Way::Tag);
    let line = format!("verify {} {}/app:1", author.flags(&room), shelf.host);
    run(&room, &line, 12, &[]);
    let output = room
        .command(&line)
        .env("COSIGN_REPOSITORY", format!("{}/app", signatures.host))
        .env("SIGSTORE_REKOR_PUBLIC_KEY", room.path("rekor.pub"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn files_verify_by_bundle_signature_or_digest() {
    for keyless in [false, true] {
        let (room, author) = (Room::new(), Author::new(keyless));
        let flags = author.flags(&room);
        room.file("app", "the content");
        room.file("other", "another content");
        room.file("app.json", &author.blob_bundle(b"the content"));
        run(&room, &format!("verify-blob {flags} --bundle app.json app"), 0, &["verified, 1 of 1"]);
        let digest = Digest::sha256(b"the content");
        run(&room, &format!("verify-blob {flags} --bundle app.json {digest}"), 0, &[]);
        run(&room, &format!("verify-blob {flags} --bundle app.json other"), 12, &["NOT VERIFIED", "signature"]);
        run(&room, &format!("verify-blob {flags} app"), 2, &["--bundle"]);
        run(&room, &format!("verify-blob {flags} --bundle app app"), 12, &["form of the evidence"]);
        run(&room, &format!("verify-blob {flags} --bundle nowhere app"), 1, &["nowhere"]);
        run(&room, &format!("verify-blob-attestation {flags} --bundle app.json app"), 12, &["an attestation"]);

        let attested = author.bundle(&statement(&digest, "https://example.com/p/v1"));
        room.file("att.json", std::str::from_utf8(&attested).unwrap());
        let line = format!("verify-blob-attestation {flags} --bundle att.json");
        run(&room, &format!("{line} app"), 0, &["https://example.com/p/v1"]);
        run(&room, &format!("{line} --digest {} --digestAlg sha256", digest.hex()), 0, &[]);
        run(&room, &format!("{line} other"), 12, &["artifact digest"]);
        // CVE-2026-39395.
        run(&room, &format!("{line} --type vuln app"), 12, &["predicate type"]);
        run(&room, &format!("verify-blob {flags} --bundle att.json app"), 12, &["an attestation about it"]);
    }
    let (room, author) = (Room::new(), Author::new(false));
    let flags = author.flags(&room);
    room.file("app", "the content");
    let signature = b64(author.key.sign(b"the content"));
    room.file("app.sig", &signature);
    let line = format!("verify-blob {flags} app --insecure-ignore-tlog --signature");
    run(&room, &format!("{line} app.sig"), 0, &["NOT CHECKED  inclusion in the log"]);
    run(&room, &format!("{line} {signature}"), 0, &[]);
    run(&room, &format!("verify-blob {flags} app --signature app.sig"), 12, &["inclusion in the log"]);
}

#[test]
fn cosigns_command_line_has_its_lines_and_exit_codes() {
    for (keyless, way) in [(false, Way::Tag), (true, Way::Tag), (true, Way::Listed)] {
        let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(keyless));
        let image = shelf.image("1");
        sign(&shelf, &author, &image, way);
        shelf.image("2");
        let flags = author.flags(&room);
        let place = format!("{}/app:1", shelf.host);
        let checks = [
            format!("\nVerification for {place} --\nThe following checks were performed on each of these signatures:\n"),
            "  - The cosign claims were validated\n  - Existence of the claims in the transparency log was verified offline"
                .to_owned(),
        ];
        let done = run(&room, &format!("cosign verify {flags} {place}"), 0, &[checks[0].as_str(), checks[1].as_str()]);
        let printed: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(printed[0]["critical"]["image"]["docker-manifest-digest"], image.to_string(), "{done}");
        if keyless {
            assert_eq!(printed[0]["optional"]["Subject"], NAME, "{done}");
            assert_eq!(printed[0]["optional"]["Issuer"], ISSUER, "{done}");
            let older = format!("cosign verify --compat 2 {flags} {place}");
            run(&room, &older, 0, &["verified online\n  - The code signing certificate claims were validated"]);
        } else {
            let bare =
                format!("cosign verify --certificate-identity {NAME} --certificate-oidc-issuer {ISSUER} {place}");
            run(&room, &bare, 13, &["no certificate found on signature"]);
        }
        room.file("other.pub", &Key::new().pem());
        let other = if keyless { "--certificate-identity x --certificate-oidc-issuer y" } else { "--key other.pub" };
        run(&room, &format!("cosign verify {other} {place}"), 12, &["Error: no matching signatures: "]);
        run(&room, &format!("cosign verify {flags} {}/app:2", shelf.host), 10, &["no signatures found"]);
        run(&room, &format!("cosign verify {flags} {}/app:3", shelf.host), 11, &["image tag not found"]);
        run(&room, &format!("cosign verify --check-claims=false {flags} {place}"), 1, &["refused"]);
        run(&room, &format!("cosign verify-attestation {flags} {place}"), 1, &["no matching attestations"]);
        run(
            &room,
            &format!("cosign verify-attestation --type nothing {flags} {place}"),
            1,
            &["invalid predicate type"],
        );
        let tag = format!("{}/app:sha256-{}.sig", shelf.host, image.hex());
        run(&room, &format!("cosign triangulate {place}"), 0, &[tag.as_str()]);
        run(&room, &format!("cosign tree {place}"), 0, &["Supply Chain Security Related artifacts"]);
        let downloaded = run(&room, &format!("cosign download signature {place}"), 0, &[]);
        assert!(serde_json::from_str::<Value>(&downloaded.out).is_ok(), "{downloaded}");
        run(&room, &format!("cosign download sbom {place}"), 1, &["no sbom attached"]);

        room.file("app", "the content");
        room.file("app.json", &author.blob_bundle(b"the content"));
        let blob = run(&room, &format!("cosign verify-blob {flags} --bundle app.json app"), 0, &[]);
        assert!(blob.talk.contains("Verified OK") && blob.out.is_empty(), "{blob}");
        room.file("app", "other content");
        run(&room, &format!("cosign verify-blob {flags} --bundle app.json app"), 1, &["failed to verify signature"]);
    }
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    refer(&shelf, &image, &author.bundle(&statement(&image, "https://example.com/p/v1")), true);
    let flags = author.flags(&room);
    let line = format!("cosign verify-attestation {flags} {}/app:1", shelf.host);
    let done = run(&room, &format!("{line} --type https://example.com/p/v1"), 0, &["Verification for"]);
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(printed["payloadType"], IN_TOTO);
    // The type is `custom` unless it is said.
    run(&room, &line, 1, &["no matching attestations"]);
    run(&room, &format!("cosign download attestation {}/app:1", shelf.host), 0, &["payloadType"]);
}
