//! Images with Notation signatures that are made here, verified by the program under trust policies.

use serde_json::{Value, json};
use signet_model::Digest;

use crate::harness::Room;
use crate::made::{Key, Plan, jws, list};
use crate::shelf::{EMPTY, INDEX, MANIFEST, Shelf};

const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// A root, a signer below it.
struct Signer {
    root_key: Key,
    root: Vec<u8>,
    key: Key,
    leaf: Vec<u8>,
}

impl Signer {
    fn new() -> Signer {
        let (root_key, key) = (Key::new(), Key::new());
        let root = Plan::root().issue(&root_key, "root", &root_key);
        Signer { leaf: Plan::leaf().issue(&key, "root", &root_key), root, root_key, key }
    }

    /// An envelope about a manifest.
    fn sign(&self, digest: &Digest, size: usize, expiry: Option<&str>) -> Vec<u8> {
        let payload = json!({"targetArtifact": {"mediaType": MANIFEST, "digest": digest.to_string(), "size": size}});
        let mut protected = json!({
            "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json", "crit": ["io.cncf.notary.signingScheme"],
            "io.cncf.notary.signingScheme": "notary.x509", "io.cncf.notary.signingTime": "2026-01-01T00:00:00Z",
        });
        if let Some(expiry) = expiry {
            protected["crit"] = json!(["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]);
            protected["io.cncf.notary.expiry"] = json!(expiry);
        }
        jws(&self.key, &[self.leaf.clone(), self.root.clone()], &protected, payload.to_string().as_bytes(), None)
    }

    /// The trust store and a policy of this level.
    fn trusted(&self, room: &Room, level: &str, scope: &str) -> &'static str {
        std::fs::create_dir_all(room.path("truststore/x509/ca/acme")).unwrap();
        std::fs::write(room.path("truststore/x509/ca/acme/root.der"), &self.root).unwrap();
        let statement = json!({
            "name": "p", "registryScopes": [scope], "signatureVerification": {"level": level}, "trustStores": ["ca:acme"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
        });
        room.file("trustpolicy.json", &json!({"version": "1.0", "trustPolicies": [statement]}).to_string());
        "verify --notation-trust-policy trustpolicy.json --notation-trust-store truststore"
    }
}

/// Puts envelopes beside an image, as referrers.
fn refer(shelf: &Shelf, image: &Digest, envelopes: &[Vec<u8>]) {
    let subject = json!({"mediaType": MANIFEST, "digest": image.to_string(), "size": 1});
    let entries: Vec<Value> = envelopes
        .iter()
        .map(|envelope| {
            let layer = shelf.blob("application/jose+json", envelope);
            let config = shelf.blob(EMPTY, b"{}");
            let members = json!({"artifactType": NOTATION, "subject": subject, "config": config});
            let mut entry = shelf.layers(None, &[layer], &members);
            entry["artifactType"] = json!(NOTATION);
            entry
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    shelf.put(&format!("referrers/{image}"), INDEX, index.to_string().as_bytes());
}

/// The length of the manifest that the shelf keeps.
fn size(shelf: &Shelf, image: &Digest) -> usize {
    shelf.length(&format!("manifests/{image}"))
}

#[test]
fn an_image_is_verified_by_a_trust_policy() {
    let (room, shelf, signer) = (Room::new(), Shelf::start(), Signer::new());
    let image = shelf.image("1");
    let envelope = signer.sign(&image, size(&shelf, &image), None);
    refer(&shelf, &image, &[envelope]);
    let line = signer.trusted(&room, "strict", "*");
    let place = format!("{}/app:1", shelf.host);
    room.check(
        &format!("{line} {place}"),
        0,
        &[
            "verified, 1 of 1 signatures",
            "statement `p`",
            "checked      integrity",
            "checked      authenticity",
            "O=acme",
        ],
    );
    let done = room.check(&format!("{line} {place} -o json"), 0, &[]);
    let report: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        report["candidates"][0]["checks"][1],
        json!({
            "check": "authenticity", "outcome": "checked", "detail": report["candidates"][0]["checks"][1]["detail"],
        })
    );

    // The same image under another trust, another scope, and by flags that do not belong.
    let other = Signer::new();
    other.trusted(&room, "strict", "*");
    std::fs::write(room.path("truststore/x509/ca/acme/root.der"), &other.root).unwrap();
    room.check(&format!("{line} {place}"), 12, &["NOT VERIFIED", "failed       authenticity"]);
    signer.trusted(&room, "strict", "registry.example.com/other");
    room.check(&format!("{line} {place}"), 12, &["no statement of the trust policy is for"]);
    room.check(&format!("{line} --key k.pub {place}"), 2, &["--key"]);
    room.check(&format!("verify --notation-trust-policy trustpolicy.json {place}"), 2, &["--notation-trust-store"]);
    // Without a trust policy, a Notation signature is none that was asked for.
    room.file("k.pub", "");
    room.check(
        &format!("verify --notation-trust-policy absent.json --notation-trust-store truststore {place}"),
        1,
        &["absent.json"],
    );
}

#[test]
fn signatures_that_do_not_fit_are_refused() {
    let (room, shelf, signer) = (Room::new(), Shelf::start(), Signer::new());
    let (image, other) = (shelf.image("1"), shelf.image("2"));
    let length = size(&shelf, &image);
    let line = signer.trusted(&room, "strict", "*");
    let place = format!("{}/app:1", shelf.host);
    room.check(&format!("{line} {place}"), 12, &["there is no Notation signature of it"]);
    let mut broken = signer.sign(&image, length, None);
    let at = broken.len() - 20;
    broken[at] ^= 1;
    for (envelope, needle) in [
        (signer.sign(&other, length, None), "failed       integrity"),
        (signer.sign(&image, length + 1, None), "failed       integrity"),
        (broken, "failed       integrity"),
        (b"\x1f\x8b a tar".to_vec(), "failed       integrity"),
        (signer.sign(&image, length, Some("2026-01-02T00:00:00Z")), "failed       expiry"),
    ] {
        refer(&shelf, &image, &[envelope]);
        room.check(&format!("{line} {place}"), 12, &["NOT VERIFIED", needle]);
    }
    // A good one beside a bad one counts, and the bad one is shown.
    refer(&shelf, &image, &[signer.sign(&other, length, None), signer.sign(&image, length, None)]);
    room.check(&format!("{line} {place}"), 0, &["verified, 1 of 2 signatures", "refused: referrer"]);
    // What a level only logs is logged.
    refer(&shelf, &image, &[signer.sign(&image, length, Some("2026-01-02T00:00:00Z"))]);
    signer.trusted(&room, "permissive", "*");
    room.check(&format!("{line} {place}"), 0, &["failed, only logged expiry"]);
    // Nothing is looked at: that is said, and it is never called verified.
    room.file(
        "trustpolicy.json",
        &json!({"version": "1.0", "trustPolicies": [{
            "name": "p", "registryScopes": [format!("{}/app", shelf.host)], "signatureVerification": {"level": "skip"},
        }]})
        .to_string(),
    );
    let done = room.check(&format!("{line} {place}"), 0, &["NOT CHECKED", "`skip`"]);
    assert!(!done.out.contains(": verified"), "{done}");
}

#[test]
fn revocation_lists_are_given_as_files() {
    let (room, shelf, signer) = (Room::new(), Shelf::start(), Signer::new());
    let image = shelf.image("1");
    refer(&shelf, &image, &[signer.sign(&image, size(&shelf, &image), None)]);
    let line = signer.trusted(&room, "strict", "*");
    let place = format!("{}/app:1", shelf.host);
    let validity = ("250101000000Z", "400101000000Z");
    std::fs::write(room.path("good.crl"), list(&signer.root_key, validity, &[], &[])).unwrap();
    std::fs::write(room.path("bad.crl"), list(&signer.root_key, validity, &[(7, &[])], &[])).unwrap();
    room.check(&format!("{line} {place} --notation-revocation good.crl"), 0, &[]);
    room.check(&format!("{line} {place} --notation-revocation bad.crl"), 12, &["failed       revocation"]);
    room.file("odd.crl", "odd");
    room.check(&format!("{line} {place} --notation-revocation odd.crl"), 1, &["neither a revocation list"]);
    // A link in a store is not followed.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(room.path("good.crl"), room.path("truststore/x509/ca/acme/link.pem")).unwrap();
        room.check(&format!("{line} {place}"), 1, &["is no plain file"]);
    }
}

/// A document that refers to an image: what it is about, its type, and what it says.
fn attach(shelf: &Shelf, about: &Digest, kind: &str, content: &str) -> (Digest, Value) {
    let layer = shelf.blob("application/json", content.as_bytes());
    let subject = json!({"mediaType": MANIFEST, "digest": about.to_string(), "size": 1});
    let mut entry = shelf.layers(None, &[layer], &json!({"artifactType": kind, "subject": subject}));
    entry["artifactType"] = json!(kind);
    (entry["digest"].as_str().unwrap().parse().unwrap(), entry)
}

/// What a registry lists as referring to an image.
fn list_referrers(shelf: &Shelf, image: &Digest, entries: &[Value]) {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    shelf.put(&format!("referrers/{image}"), INDEX, index.to_string().as_bytes());
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[test]
fn documents_that_refer_to_an_image_are_read_by_policies() {
    let (room, shelf, signer, stranger) = (Room::new(), Shelf::start(), Signer::new(), Signer::new());
    let (image, other) = (shelf.image("1"), shelf.image("2"));
    let kind = "sbom/cyclone-dx";
    let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "sbom"}, "spec": {"rules": [{
        "name": "attested", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
        "verifyImages": [{"type": "Notary", "imageReferences": [format!("{}/*", shelf.host)], "mutateDigest": false, "verifyDigest": false, "attestations": [{
            "type": kind,
            "attestors": [{"entries": [{"certificates": {"cert": pem(&signer.root)}}]}],
            "conditions": [{"all": [{"key": "{{ bomFormat }}", "operator": "Equals", "value": "CycloneDX"}]}],
        }]}],
    }]}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": format!("{}/app:1", shelf.host)}]}});
    room.file("policy.json", &policy.to_string());
    room.file("pod.json", &pod.to_string());
    let line = "kyverno apply policy.json -r pod.json --detailed-results";
    let good = r#"{"bomFormat":"CycloneDX"}"#;
    // By whom, about what, of which type and content, listed as what; and what is said of it.
    let check = |by: &Signer, about: &Digest, (own, listed): (&str, &str), content: &str, code: i32, needle: &str| {
        let (document, mut entry) = attach(&shelf, about, own, content);
        entry["artifactType"] = json!(listed);
        refer(&shelf, &document, &[by.sign(&document, size(&shelf, &document), None)]);
        list_referrers(&shelf, &image, &[entry]);
        room.check(&format!("{line} --registry"), code, &[needle]);
    };
    list_referrers(&shelf, &image, &[]);
    room.check(&format!("{line} --registry"), 1, &["no document of type `sbom/cyclone-dx` refers to the image"]);
    check(&signer, &image, (kind, kind), good, 0, "pass: 1");
    check(&signer, &image, (kind, kind), r#"{"bomFormat":"SPDX"}"#, 1, "fail: 1");
    check(&stranger, &image, (kind, kind), good, 1, "is signed as the policy demands");
    // What is signed is another image's, or something else than the list says.
    check(&signer, &other, (kind, kind), good, 1, &format!("it is about {other}"));
    check(&signer, &image, ("x/y", kind), good, 1, "it is of type `x/y`");
    check(&signer, &image, (kind, "x/y"), good, 1, "no document of type");
    check(&signer, &image, (kind, kind), "[1]", 1, "the document is no JSON object");
    // Nobody asks a registry unless it is said.
    check(&signer, &image, (kind, kind), good, 0, "pass: 1");
    room.check(line, 1, &["is needed and was not given"]);
}
