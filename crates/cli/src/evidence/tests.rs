//! Questions about images, asked of a registry of a few lines that says what each test wants, and may say another thing the second time.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;
use signet_policy::kyverno::verify_images::{
    Answer, Authority, Credentials, Demand, DemandedLog, DemandedSigner, ImageNeed, Layout, Logs, RootRef, Signed,
};
use signet_policy::trust_policy::facts::{self, Question};

use super::{Bench, Outside, question};
use crate::args::DatabaseArgs;
use crate::settings::tests::plain;
use crate::verify::args::ReachArgs;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Status, type and body.
type Said = (u16, String, Vec<u8>);

/// What a registry says, by path; of several answers each but the last is given once. Source: OCI distribution-spec 1.1, "Endpoints".
#[derive(Clone, Default)]
pub(crate) struct Stub {
    says: Arc<Mutex<BTreeMap<String, VecDeque<Said>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    pub(crate) host: String,
}

impl Stub {
    pub(crate) fn start() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stub = Stub { host: listener.local_addr().unwrap().to_string(), ..Stub::default() };
        let own = stub.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().ok()?);
                    let mut first = String::new();
                    reader.read_line(&mut first).ok()?;
                    let mut line = first.clone();
                    while !line.trim().is_empty() {
                        line.clear();
                        reader.read_line(&mut line).ok()?;
                    }
                    let path = first.split(' ').nth(1)?.split('?').next()?.to_owned();
                    let (status, kind, body) = own.answer(&path);
                    own.asked.lock().push(path);
                    let head = format!(
                        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok()
                });
            }
        });
        stub
    }

    fn answer(&self, path: &str) -> Said {
        let mut says = self.says.lock();
        let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not here"}]}"#;
        match says.get_mut(path) {
            None => (404, "application/json".to_owned(), unknown.into()),
            Some(all) if all.len() > 1 => all.pop_front().unwrap(),
            Some(all) => all.front().cloned().unwrap(),
        }
    }

    /// From now on, behind what it says already, this.
    fn say(&self, path: &str, status: u16, kind: &str, body: &[u8]) {
        let said = (status, kind.to_owned(), body.to_vec());
        self.says.lock().entry(format!("/v2/team/app/{path}")).or_default().push_back(said);
    }

    fn times(&self, path: &str) -> usize {
        let path = format!("/v2/team/app/{path}");
        self.asked.lock().iter().filter(|asked| **asked == path).count()
    }

    /// `HOST/team/app`
    pub(crate) fn name(&self) -> String {
        format!("{}/team/app", self.host)
    }

    /// Puts a blob there; its descriptor.
    pub(crate) fn blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = Digest::sha256(bytes);
        self.say(&format!("blobs/{digest}"), 200, "application/octet-stream", bytes);
        json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// Puts a manifest there, by its digest; its descriptor.
    pub(crate) fn manifest(&self, manifest: &Value) -> (Digest, Value) {
        let bytes = manifest.to_string();
        let digest = Digest::sha256(bytes.as_bytes());
        let kind = manifest["mediaType"].as_str().unwrap();
        self.say(&format!("manifests/{digest}"), 200, kind, bytes.as_bytes());
        (digest, json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()}))
    }

    /// An image that was made at this time.
    pub(crate) fn image(&self, created: &str) -> (Digest, Value) {
        let config = json!({"os": "linux", "architecture": "amd64", "created": created}).to_string();
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.as_bytes());
        self.manifest(&image_of(config, Vec::new()))
    }

    fn index(&self, entries: Vec<Value>) -> (Digest, Value) {
        self.manifest(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))
    }

    /// Lays these layers beside an image, under one of Cosign's tags.
    pub(crate) fn beside(&self, image: &Digest, suffix: &str, layers: Vec<Value>) {
        let config = self.blob("application/vnd.oci.image.config.v1+json", b"{}");
        let bytes = image_of(config, layers).to_string();
        self.say(&format!("manifests/sha256-{}.{suffix}", image.hex()), 200, MANIFEST, bytes.as_bytes());
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.asked.lock().len()
    }

    pub(crate) fn outside(&self) -> Outside {
        let reach = ReachArgs { plain_http: vec![self.host.clone()], ca_cert: None };
        // Trusts nobody: whoever is trusted here is named by the question.
        let root = tempfile::NamedTempFile::new().unwrap();
        let text = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[],"certificateAuthorities":[],"ctlogs":[],"timestampAuthorities":[]}"#;
        std::fs::write(root.path(), text).unwrap();
        let (_, path) = root.keep().unwrap();
        Outside::new(&reach, Some(path), &plain()).unwrap().forgetful()
    }

    /// The answer to a question of a TrustPolicy.
    fn told(&self, question: impl FnOnce(String) -> Question) -> facts::Answer {
        let outside = self.outside();
        let database = DatabaseArgs { db: None, skip_db_update: true, java_db: None };
        let answer = Bench::new(&outside, &database).answer(&question(self.name()));
        answer.unwrap_or_else(|err| facts::Answer::Unknown(format!("{err:#}")))
    }

    fn manifests(&self, digest: Digest) -> facts::Answer {
        self.told(|name| Question::Manifests { name, digest })
    }

    fn signed(&self, digest: Digest, key: &Key, predicate_type: Option<&str>) -> Answer {
        self.outside().answer(&by_key(format!("{}@{digest}", self.name()), &key.pem(), predicate_type))
    }
}

fn image_of(config: Value, layers: Vec<Value>) -> Value {
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})
}

/// What a rule of Kyverno asks: whether the holder of a key signed, without a log.
fn by_key(reference: String, pem: &str, predicate_type: Option<&str>) -> ImageNeed {
    let logs = Logs { ignore_rekor: true, ..Logs::default() };
    ImageNeed::Signed(Box::new(Signed {
        reference,
        layout: Layout::Cosign,
        authority: Authority::Key { key: pem.to_owned(), algorithm: String::new(), logs },
        annotations: Vec::new(),
        repository: String::new(),
        predicate_type: predicate_type.map(str::to_owned),
        credentials: Credentials::default(),
    }))
}

/// Somebody who signs.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn new() -> Key {
        Key(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    fn pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.0.sign(&aws_lc_rs::rand::SystemRandom::new(), bytes).unwrap())
    }

    /// A layer with a signature of an image. Source: sigstore/cosign `specs/SIGNATURE_SPEC.md`.
    pub(crate) fn signature(&self, at: &Stub, of: &Digest) -> Value {
        let payload = json!({
            "critical": {
                "identity": {"docker-reference": ""},
                "image": {"docker-manifest-digest": of.to_string()},
                "type": "cosign container image signature",
            },
            "optional": {},
        })
        .to_string();
        let mut layer = at.blob("application/vnd.dev.cosign.simplesigning.v1+json", payload.as_bytes());
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": self.sign(payload.as_bytes())});
        layer
    }

    /// A layer with a statement about an image. Source: in-toto attestation v1, DSSE v1.
    pub(crate) fn attestation(&self, at: &Stub, of: &Digest, kind: &str, predicate: &Value) -> Value {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "app", "digest": {"sha256": of.hex().to_string()}}],
            "predicateType": kind,
            "predicate": predicate,
        })
        .to_string();
        let payload_type = "application/vnd.in-toto+json";
        let covered = format!("DSSEv1 {} {payload_type} {} {statement}", payload_type.len(), statement.len());
        let envelope = json!({
            "payloadType": payload_type,
            "payload": STANDARD.encode(&statement),
            "signatures": [{"keyid": "", "sig": self.sign(covered.as_bytes())}],
        });
        let mut layer = at.blob("application/vnd.dsse.envelope.v1+json", envelope.to_string().as_bytes());
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": "", "predicateType": kind});
        layer
    }
}

#[track_caller]
fn unknown(answer: &facts::Answer, needle: &str) {
    let facts::Answer::Unknown(why) = answer else { panic!("{answer:?}") };
    assert!(why.contains(needle), "no `{needle}` in: {why}");
}

#[test]
fn every_platform_of_an_index_is_looked_into_once() {
    let stub = Stub::start();
    let (amd, mut first) = stub.image("2026-01-01T00:00:00Z");
    let (arm, mut second) = stub.image("2026-02-01T00:00:00Z");
    let (beside, mut attestation) = stub.image("2020-01-01T00:00:00Z");
    first["platform"] = json!({"os": "linux", "architecture": "amd64"});
    second["platform"] = json!({"os": "linux", "architecture": "arm64"});
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    let (whole, _) = stub.index(vec![first, second, attestation]);
    let facts::Answer::Manifests(found) = stub.manifests(whole) else { panic!("they are there") };
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.digest, one.platform.as_str(), one.created.map(|created| created.to_string())))
        .collect();
    let at = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [(amd, "linux/amd64", at("2026-01-01T00:00:00Z")), (arm, "linux/arm64", at("2026-02-01T00:00:00Z"))]
    );
    // Each once: a registry that forgets, or says another thing the second time, has no second time.
    for digest in [whole, amd, arm] {
        assert_eq!(stub.times(&format!("manifests/{digest}")), 1, "{digest}");
    }
    assert_eq!(stub.times(&format!("manifests/{beside}")), 0);
    let facts::Answer::Manifests(alone) = stub.manifests(arm) else { panic!("it is there") };
    assert_eq!((alone.len(), alone[0].digest), (1, arm));
}

#[test]
fn an_index_that_cannot_be_judged_whole_is_not_judged() {
    let stub = Stub::start();
    let (_, image) = stub.image("2026-01-01T00:00:00Z");
    let (_, inner) = stub.index(vec![image.clone()]);
    unknown(&stub.manifests(stub.index(vec![image.clone(), inner]).0), "holds an index of its own");
    // One of its images is gone, and one is another than the index says.
    let gone = json!({"mediaType": MANIFEST, "digest": Digest::sha256(b"gone").to_string(), "size": 4});
    let gone = stub.manifests(stub.index(vec![image.clone(), gone]).0);
    assert!(matches!(gone, facts::Answer::Unknown(_)), "{gone:?}");
    let false_digest = Digest::sha256(b"another");
    let other = image_of(stub.blob("c", b"{}"), Vec::new()).to_string();
    stub.say(&format!("manifests/{false_digest}"), 200, MANIFEST, other.as_bytes());
    let entry = json!({"mediaType": MANIFEST, "digest": false_digest.to_string(), "size": other.len()});
    let other = stub.manifests(stub.index(vec![image.clone(), entry]).0);
    assert!(matches!(other, facts::Answer::Unknown(_)), "{other:?}");
    // More than are looked into, and nobody is asked about any of them.
    let before = stub.requests();
    let (many, _) = stub.index(vec![image; 129]);
    unknown(&stub.manifests(many), "at most 128 are looked into");
    assert_eq!(stub.requests(), before + 1);
    let reference = format!("{}@{}", stub.name(), many);
    let configs = stub.outside().answer(&ImageNeed::Configs { reference, credentials: Credentials::default() });
    assert!(matches!(&configs, Answer::Unknown(why) if why.contains("at most 128")), "{configs:?}");
}

#[test]
fn a_configuration_is_read_up_to_a_size() {
    let stub = Stub::start();
    let config = json!({"mediaType": "c", "digest": Digest::sha256(b"large").to_string(), "size": (4 << 20) + 1});
    let (large, _) = stub.manifest(&image_of(config, Vec::new()));
    unknown(&stub.manifests(large), "larger than 4 MiB");
    // One that says that it is smaller than it is.
    let bytes = vec![b' '; 5 << 20];
    let digest = Digest::sha256(&bytes);
    stub.say(&format!("blobs/{digest}"), 200, "application/octet-stream", &bytes);
    let (liar, _) =
        stub.manifest(&image_of(json!({"mediaType": "c", "digest": digest.to_string(), "size": 2}), vec![]));
    assert!(matches!(stub.manifests(liar), facts::Answer::Unknown(_)));
    assert_eq!(stub.times(&format!("blobs/{}", Digest::sha256(b"large"))), 0, "it is not asked for");
    // The same for what conditions look at.
    for digest in [large, liar] {
        let name = format!("{}@{digest}", stub.name());
        assert!(stub.outside().facts(&name).is_err());
        let need = ImageNeed::Configs { reference: name, credentials: Credentials::default() };
        assert!(matches!(stub.outside().answer(&need), Answer::Unknown(_)));
    }
}

#[test]
fn a_registry_that_forgets_is_not_believed() {
    let stub = Stub::start();
    let (digest, _) = stub.image("2026-01-01T00:00:00Z");
    let bytes = stub.answer(&format!("/v2/team/app/manifests/{digest}"));
    stub.say("manifests/1", 200, MANIFEST, &bytes.2);
    let reference = format!("{}:1", stub.name());
    let tag = stub.told(|_| Question::Digest { reference: reference.clone() });
    assert_eq!(tag, facts::Answer::Digest(digest));
    // By its digest it is there once, and then gone, or another.
    let place = format!("/v2/team/app/manifests/{digest}");
    for second in [(404, String::new(), Vec::new()), (200, MANIFEST.to_owned(), b"{}".to_vec())] {
        stub.says.lock().insert(place.clone(), VecDeque::from([bytes.clone(), second]));
        assert!(matches!(stub.manifests(digest), facts::Answer::Manifests(_)));
        assert!(matches!(stub.manifests(digest), facts::Answer::Unknown(_)));
    }
    // What was not there for a moment was looked for and not found: nothing is remembered of it.
    stub.says.lock().insert(place, VecDeque::from([bytes]));
    assert!(matches!(stub.manifests(digest), facts::Answer::Manifests(_)));
}

#[test]
fn what_a_revoked_index_serves_is_told_or_not_known() {
    let stub = Stub::start();
    let serves = |digest: Digest| stub.told(|name| Question::Serves { name, digest });
    let (image, entry) = stub.image("2026-01-01T00:00:00Z");
    let (index, _) = stub.index(vec![entry]);
    let facts::Answer::Manifests(found) = serves(index) else { panic!("it is there") };
    assert_eq!(found.iter().map(|one| one.digest).collect::<Vec<_>>(), [image]);
    assert_eq!(serves(image), facts::Answer::Manifests(Vec::new()), "an image serves nothing but itself");
    assert_eq!(serves(Digest::sha256(b"elsewhere")), facts::Answer::Manifests(Vec::new()));
    let closed = Digest::sha256(b"closed");
    stub.say(&format!("manifests/{closed}"), 403, "application/json", b"{}");
    assert!(matches!(serves(closed), facts::Answer::Unknown(_)), "what may not be read is not absent");
}

#[test]
fn a_signature_counts_for_its_image_and_by_its_key() {
    let stub = Stub::start();
    let (key, stranger) = (Key::new(), Key::new());
    let (image, _) = stub.image("2026-01-01T00:00:00Z");
    let (other, _) = stub.image("2026-02-01T00:00:00Z");
    assert!(matches!(stub.signed(image, &key, None), Answer::Refused(why) if why.contains("no signatures found")));
    stub.beside(&image, "sig", vec![key.signature(&stub, &image)]);
    assert_eq!(stub.signed(image, &key, None), Answer::Signed { digest: image.to_string() });
    assert!(matches!(stub.signed(image, &stranger, None), Answer::Refused(_)));
    // The signature of one image, laid beside another.
    stub.beside(&other, "sig", vec![key.signature(&stub, &image)]);
    assert!(matches!(stub.signed(other, &key, None), Answer::Refused(_)));
    // A tag is never asked about signatures: what was resolved before is meant.
    let bytes = stub.answer(&format!("/v2/team/app/manifests/{image}")).2;
    stub.say("manifests/1", 200, MANIFEST, &bytes);
    let need = by_key(format!("{}:1", stub.name()), &key.pem(), None);
    assert!(matches!(stub.outside().answer(&need), Answer::Unknown(why) if why.contains("names no digest")));
}

#[test]
fn what_cannot_be_read_is_not_known_and_not_refused() {
    let stub = Stub::start();
    let key = Key::new();
    let (image, _) = stub.image("2026-01-01T00:00:00Z");
    let lost = json!({
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "digest": Digest::sha256(b"lost").to_string(),
        "size": 4, "annotations": {"dev.cosignproject.cosign/signature": "AAAA"},
    });
    stub.beside(&image, "sig", vec![lost.clone()]);
    let answer = stub.signed(image, &key, None);
    assert!(matches!(&answer, Answer::Unknown(why) if why.contains("could not be read")), "{answer:?}");
    // One good signature is enough, whatever else lies there; of statements all count.
    let (image, _) = stub.image("2026-02-01T00:00:00Z");
    stub.beside(&image, "sig", vec![lost, key.signature(&stub, &image)]);
    assert!(matches!(stub.signed(image, &key, None), Answer::Signed { .. }));
    let lost = json!({
        "mediaType": "application/vnd.dsse.envelope.v1+json", "digest": Digest::sha256(b"lost too").to_string(), "size": 4,
    });
    let kind = "https://example.com/p/v1";
    let good = key.attestation(&stub, &image, kind, &json!({"good": true}));
    stub.beside(&image, "att", vec![good, lost]);
    let answer = stub.signed(image, &key, Some(kind));
    assert!(matches!(&answer, Answer::Unknown(why) if why.contains("could not be read")), "{answer:?}");
    // The same where anybody may attest.
    let ImageNeed::Signed(mut need) = by_key(format!("{}@{image}", stub.name()), "", Some(kind)) else { panic!() };
    need.authority = Authority::Anybody;
    let answer = stub.outside().answer(&ImageNeed::Signed(need));
    assert!(matches!(&answer, Answer::Unknown(why) if why.contains("could not be read")), "{answer:?}");
    // The list cannot be had at all.
    let (image, _) = stub.image("2026-03-01T00:00:00Z");
    stub.say(&format!("referrers/{image}"), 403, "application/json", b"{}");
    assert!(matches!(stub.signed(image, &key, None), Answer::Unknown(_)));
}

#[test]
fn a_statement_about_another_image_is_none_about_this() {
    let stub = Stub::start();
    let (key, stranger) = (Key::new(), Key::new());
    let (image, _) = stub.image("2026-01-01T00:00:00Z");
    let (other, _) = stub.image("2026-02-01T00:00:00Z");
    let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []});
    let kind = "https://cyclonedx.org/bom";
    let predicates = |answer: Answer| match answer {
        Answer::Statements { statements, .. } => {
            statements.into_iter().map(|statement| statement["predicate"].clone()).collect::<Vec<_>>()
        }
        Answer::Refused(_) => Vec::new(),
        other => panic!("{other:?}"),
    };
    stub.beside(&image, "att", vec![key.attestation(&stub, &image, kind, &sbom)]);
    assert_eq!(predicates(stub.signed(image, &key, Some(kind))), std::slice::from_ref(&sbom));
    assert!(predicates(stub.signed(image, &stranger, Some(kind))).is_empty());
    assert!(predicates(stub.signed(image, &key, Some("https://example.com/p/v1"))).is_empty(), "of another type");
    // The SBOM of one image, laid beside another: by its key, and by anybody.
    stub.beside(&other, "att", vec![key.attestation(&stub, &image, kind, &sbom)]);
    assert!(predicates(stub.signed(other, &key, Some(kind))).is_empty());
    let anybody = |digest: &Digest| {
        let ImageNeed::Signed(mut need) = by_key(format!("{}@{digest}", stub.name()), "", Some(kind)) else { panic!() };
        need.authority = Authority::Anybody;
        predicates(stub.outside().answer(&ImageNeed::Signed(need)))
    };
    assert_eq!(anybody(&image), [sbom]);
    assert!(anybody(&other).is_empty());
}

#[test]
fn a_certificate_counts_below_the_chain_beside_it() {
    let [root, middle, leaf, plain, other] = [
        include_str!("testdata/root.pem"),
        include_str!("testdata/middle.pem"),
        include_str!("testdata/leaf.pem"),
        include_str!("testdata/plain.pem"),
        include_str!("testdata/other.pem"),
    ];
    let check = |certificate: &str, chain: &str, wanted: Option<&str>| {
        let found = question::by_certificate(certificate, chain).map(|_| ()).map_err(|err| format!("{err:#}"));
        match wanted {
            None => assert_eq!(found, Ok(())),
            Some(needle) => assert!(found.clone().is_err_and(|err| err.contains(needle)), "{needle}: {found:?}"),
        }
    };
    check(leaf, "", None);
    check(leaf, &format!("{middle}{root}"), None);
    // The last of a chain is the root.
    check(leaf, middle, None);
    let foreign = Some("the policy's certificate is not of the chain beside it");
    check(leaf, root, foreign);
    check(leaf, other, foreign);
    check(leaf, &format!("{middle}{other}"), foreign);
    check(leaf, &format!("{root}{middle}{other}"), foreign);
    check(root, &format!("{middle}{root}"), foreign);
    // For servers alone.
    check(plain, &format!("{middle}{root}"), foreign);
    check(leaf, "no certificate", Some("the policy's chain of certificates"));
    check("no certificate", &format!("{middle}{root}"), Some("no PEM"));
}

#[test]
fn a_trust_root_is_used_or_its_name_is_told() {
    let stub = Stub::start();
    let (image, _) = stub.image("2026-01-01T00:00:00Z");
    let refused = |spec: &str| {
        let demand = Demand {
            reference: format!("{}@{image}", stub.name()),
            layout: Layout::Cosign,
            signer: DemandedSigner::Key { key: Key::new().pem(), algorithm: String::new() },
            log: DemandedLog::Required(RootRef::Named { name: "ours".to_owned(), spec: spec.into() }),
            timestamp: None,
            annotations: Vec::new(),
            source: None,
            predicate_type: None,
            credentials: Credentials::default(),
        };
        match stub.outside().answer(&ImageNeed::Verified(Box::new(demand))) {
            Answer::Unknown(why) | Answer::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused("").contains("trust root `ours` is not there"));
    let remote = refused(r#"{"remote": {"mirror": "https://example.com"}}"#);
    assert!(remote.contains("trust root `ours`: it lies in a TUF repository"), "{remote}");
    assert!(refused(r#"{"trustedRootJSON": "{"}"#).contains("trust root `ours`"));
    // One that can be read is used: nobody signed.
    let empty = r#"{"sigstoreKeys": {}}"#;
    assert!(refused(empty).contains("no signatures found"), "{}", refused(empty));
}

#[test]
fn secrets_that_are_not_read_are_told_with_the_failure() {
    let stub = Stub::start();
    let credentials = Credentials { secrets: vec!["ns/pull".to_owned()], ..Credentials::default() };
    let need = ImageNeed::Digest { reference: format!("{}:closed", stub.name()), credentials };
    let answer = stub.outside().answer(&need);
    assert!(
        matches!(&answer, Answer::Unknown(why) if why.contains("the secrets `ns/pull` are not read")),
        "{answer:?}"
    );
    // Who succeeds without them needs no word about them.
    let (_, entry) = stub.image("2026-01-01T00:00:00Z");
    let bytes = stub.answer(&format!("/v2/team/app/manifests/{}", entry["digest"].as_str().unwrap())).2;
    stub.say("manifests/closed", 200, MANIFEST, &bytes);
    assert!(matches!(stub.outside().answer(&need), Answer::Digest(_)));
}
