//! Judgements of signatures that are made here, whole and broken.

mod made;

use proptest::prelude::*;
use serde_json::{Value, json};
use signet_model::{Digest, Timestamp};

use super::*;
use made::{Key, LONG, Plan, authority, extended, extension, key_usage, oid, seq, tlv};

const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn target() -> Target {
    Target { media_type: Some(MEDIA_TYPE.to_owned()), digest: Digest::sha256(b"an image"), size: 8 }
}

fn payload() -> Value {
    json!({ "targetArtifact": { "mediaType": MEDIA_TYPE, "digest": Digest::sha256(b"an image").to_string(), "size": 8, "annotations": { "build": "1" } } })
}

fn protected() -> Value {
    json!({
        "alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json", "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509", "io.cncf.notary.signingTime": "2026-01-01T00:00:00Z",
    })
}

/// A root, a signer below it, and what is trusted.
struct World {
    root_key: Key,
    root: Vec<u8>,
    key: Key,
    leaf: Vec<u8>,
}

impl World {
    fn new() -> Self {
        Self::with(&Plan::leaf())
    }

    fn with(leaf: &Plan) -> Self {
        let (root_key, key) = (Key::new(), Key::new());
        let root = Plan::root().issue(&root_key, "root", &root_key);
        Self { leaf: leaf.issue(&key, "root", &root_key), root, root_key, key }
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.clone(), self.root.clone()]
    }

    fn stores(&self) -> TrustStores {
        let mut stores = TrustStores::new();
        for kind in [StoreKind::Authority, StoreKind::SigningAuthority, StoreKind::Timestamp] {
            stores.add(kind, "acme", &self.root).unwrap();
        }
        stores
    }

    fn jws(&self, protected: &Value) -> Result<Envelope, NotationError> {
        Envelope::parse(
            &made::jws(&self.key, &self.chain(), protected, payload().to_string().as_bytes(), None),
            EnvelopeKind::Jws,
        )
    }

    fn judge(&self, envelope: &Result<Envelope, NotationError>, policy: &OciPolicy) -> Verdict {
        let statement = policy.statement_for("registry.example.com/app").unwrap();
        verify(envelope, &target(), statement, &self.stores(), &Revocations::default(), now())
    }

    #[track_caller]
    fn check(&self, envelope: &Result<Envelope, NotationError>, level: &str, wanted: Option<Validation>) {
        let verdict = self.judge(envelope, &policy(level, &["ca:acme"]));
        assert_eq!(verdict.refusal().map(|(validation, _)| validation), wanted, "{verdict:?}");
        assert_eq!(verdict.holds(), wanted.is_none(), "{verdict:?}");
    }
}

fn policy_of(verification: &Value, stores: &[&str], identities: &[&str]) -> OciPolicy {
    let document = json!({ "version": "1.0", "trustPolicies": [{
        "name": "p", "registryScopes": ["*"], "signatureVerification": verification, "trustStores": stores, "trustedIdentities": identities }] });
    OciPolicy::parse(document.to_string().as_bytes()).unwrap()
}

fn policy(level: &str, stores: &[&str]) -> OciPolicy {
    policy_of(&json!({ "level": level }), stores, &["*"])
}

#[test]
fn both_kinds_of_envelope_are_verified() {
    let world = World::new();
    world.check(&world.jws(&protected()), "strict", None);
    let bytes =
        made::cose(&world.key, &world.chain(), &["io.cncf.notary.signingScheme"], payload().to_string().as_bytes());
    let envelope = Envelope::parse(&bytes, EnvelopeKind::Cose);
    world.check(&envelope, "strict", None);
    let verdict = world.judge(&envelope, &policy("strict", &["ca:acme"]));
    assert_eq!(verdict.annotations, [("build".to_owned(), "1".to_owned())]);
    assert!(verdict.signer.unwrap().contains("acme"));
    // Scheme not marked as critical: a reader may pass over it.
    assert!(Envelope::parse(&made::cose(&world.key, &world.chain(), &[], b"{}"), EnvelopeKind::Cose).is_err());
}

#[test]
fn no_level_forgives_broken_integrity() {
    let world = World::new();
    let other = World::new();
    let bytes =
        |key: &Key, payload: &Value| made::jws(key, &world.chain(), &protected(), payload.to_string().as_bytes(), None);
    let mut changed = Vec::new();
    for (pointer, value) in [
        ("/targetArtifact/digest", json!(Digest::sha256(b"another image").to_string())),
        ("/targetArtifact/size", json!(9)),
        ("/targetArtifact/mediaType", json!("application/octet-stream")),
        ("/targetArtifact", json!({})),
    ] {
        let mut payload = payload();
        *payload.pointer_mut(pointer).unwrap() = value;
        changed.push(bytes(&world.key, &payload));
    }
    changed.push(bytes(&other.key, &payload()));
    changed.push(made::jws(
        &world.key,
        std::slice::from_ref(&world.leaf),
        &protected(),
        payload().to_string().as_bytes(),
        None,
    ));
    changed.push(made::jws(
        &world.key,
        &[world.leaf.clone(), other.root.clone()],
        &protected(),
        payload().to_string().as_bytes(),
        None,
    ));
    changed.push(made::jws(
        &world.key,
        &[world.root.clone(), world.leaf.clone()],
        &protected(),
        payload().to_string().as_bytes(),
        None,
    ));
    changed.push(b"{}".to_vec());
    for bytes in &changed {
        for level in ["strict", "permissive", "audit"] {
            world.check(&Envelope::parse(bytes, EnvelopeKind::Jws), level, Some(Validation::Integrity));
        }
    }
}

/// Protected attributes with some changed; `null` takes one away.
fn attributes(changes: Value) -> Value {
    let mut attributes = protected();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            attributes.as_object_mut().unwrap().remove(name);
        } else {
            attributes[name] = value.clone();
        }
    }
    attributes
}

#[test]
fn attributes_that_decide_are_critical_and_known() {
    let world = World::new();
    let scheme = "io.cncf.notary.signingScheme";
    for changes in [
        json!({ "crit": null }),
        json!({ "crit": [] }),
        json!({ "crit": [scheme, scheme] }),
        json!({ "crit": [scheme, "io.cncf.notary.absent"] }),
        json!({ scheme: "notary.x509.other" }),
        json!({ scheme: "notary.x509.signingAuthority" }),
        json!({ "io.cncf.notary.signingTime": null }),
        json!({ "io.cncf.notary.signingTime": "yesterday" }),
        json!({ "io.cncf.notary.expiry": "2030-01-01T00:00:00Z" }),
        json!({ "io.cncf.notary.expiry": "2020-01-01T00:00:00Z", "crit": [scheme, "io.cncf.notary.expiry"] }),
        json!({ "io.cncf.notary.verificationPlugin": "p" }),
        json!({ "io.cncf.notary.verificationPluginMinVersion": "1", "crit": [scheme, "io.cncf.notary.verificationPluginMinVersion"] }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "none" }),
        json!({ "x5c": [] }),
    ] {
        assert!(world.jws(&attributes(changes.clone())).is_err(), "{changes}");
    }
    // What is critical and not understood is refused when it is judged, and so is what only a plugin could verify.
    for changes in [
        json!({ "mine": "x", "crit": [scheme, "mine"] }),
        json!({ "io.cncf.notary.verificationPlugin": "p", "crit": [scheme, "io.cncf.notary.verificationPlugin"] }),
        json!({ "cty": "text/plain" }),
        json!({ "alg": "ES384" }),
    ] {
        let envelope = world.jws(&attributes(changes));
        world.check(&envelope, "audit", Some(Validation::Integrity));
    }
}

#[test]
fn members_that_stand_there_twice_are_refused() {
    let world = World::new();
    let good = made::jws(&world.key, &world.chain(), &protected(), payload().to_string().as_bytes(), None);
    let text = String::from_utf8(good).unwrap();
    let twice = text.replacen('{', r#"{"signature":"AAAA","#, 1);
    assert!(Envelope::parse(twice.as_bytes(), EnvelopeKind::Jws).is_err());
    let both = text.replacen(r#""header":{"#, r#""header":{"alg":"none","#, 1);
    assert!(Envelope::parse(both.as_bytes(), EnvelopeKind::Jws).is_err());
}

#[test]
fn expiry_and_levels() {
    let world = World::new();
    let expired = world.jws(&attributes(json!({
        "io.cncf.notary.expiry": "2026-02-01T00:00:00Z", "crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"] })));
    world.check(&expired, "strict", Some(Validation::Expiry));
    world.check(&expired, "permissive", None);
    world.check(&expired, "audit", None);
    let verdict = world.judge(&expired, &policy("audit", &["ca:acme"]));
    assert!(
        verdict
            .outcomes
            .iter()
            .any(|outcome| outcome.validation == Validation::Expiry && matches!(outcome.result, Some(Err(_)))),
        "said all the same"
    );
    let raised = policy_of(&json!({ "level": "audit", "override": { "expiry": "enforce" } }), &["ca:acme"], &["*"]);
    assert_eq!(world.judge(&expired, &raised).refusal().map(|(validation, _)| validation), Some(Validation::Expiry));
}

#[test]
fn skip_verifies_nothing_and_says_so() {
    let world = World::new();
    let document = json!({ "version": "1.0", "trustPolicies": [{ "name": "p", "registryScopes": ["*"], "signatureVerification": { "level": "skip" } }] });
    let policy = OciPolicy::parse(document.to_string().as_bytes()).unwrap();
    let verdict = world.judge(&world.jws(&protected()), &policy);
    assert!(verdict.is_skipped() && !verdict.holds(), "nothing was verified, so nothing holds");
}

#[test]
fn who_is_trusted() {
    let world = World::new();
    let envelope = world.jws(&protected());
    let stranger = World::new();
    let statement = policy("strict", &["ca:acme"]);
    let statement = statement.statement_for("r/a").unwrap();
    let verdict = verify(&envelope, &target(), statement, &stranger.stores(), &Revocations::default(), now());
    assert_eq!(verdict.refusal().map(|(validation, _)| validation), Some(Validation::Authenticity));
    for (stores, identities, wanted) in [
        (["ca:acme"], ["x509.subject: C=US, ST=WA, O=acme"], None),
        (["ca:acme"], ["x509.subject: CN=signer, C=US, ST=WA, O=acme"], None),
        (["ca:acme"], ["x509.subject: C=US, ST=WA, O=acme2"], Some(Validation::Authenticity)),
        (["ca:acme"], ["x509.subject: C=US, ST=WA, O=acme, OU=x"], Some(Validation::Authenticity)),
        (["ca:absent"], ["*"], Some(Validation::Authenticity)),
        // A store of another kind does not count, though the certificate lies in it.
        (["signingAuthority:acme"], ["*"], Some(Validation::Authenticity)),
    ] {
        let policy = policy_of(&json!({ "level": "strict" }), &stores, &identities);
        let verdict = world.judge(&envelope, &policy);
        assert_eq!(verdict.refusal().map(|(validation, _)| validation), wanted, "{stores:?} {identities:?}");
    }
}

#[test]
fn a_signing_authority_vouches_for_its_time() {
    let world = World::with(&Plan { validity: ("250101000000Z", "251231000000Z"), ..Plan::leaf() });
    let at = |time: &str| {
        world.jws(&attributes(json!({
            "io.cncf.notary.signingScheme": "notary.x509.signingAuthority", "io.cncf.notary.signingTime": null,
            "io.cncf.notary.authenticSigningTime": time,
            "crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.authenticSigningTime"],
        })))
    };
    let policy = policy("strict", &["signingAuthority:acme"]);
    assert!(world.judge(&at("2025-06-01T00:00:00Z"), &policy).holds(), "valid then, expired now");
    let outside = world.judge(&at("2024-06-01T00:00:00Z"), &policy);
    assert_eq!(outside.refusal().map(|(validation, _)| validation), Some(Validation::AuthenticTimestamp));
    // The signer's own time of signing vouches for nothing.
    world.check(&world.jws(&protected()), "strict", Some(Validation::AuthenticTimestamp));
}

/// A signature by a certificate that has expired, with a token made by a plan at a time.
fn stamped(plan: &Plan, time: &str, over: Option<&[u8]>) -> (World, Result<Envelope, NotationError>) {
    let world = World::with(&Plan { validity: ("250101000000Z", "251231000000Z"), ..Plan::leaf() });
    let key = Key::new();
    let certificate = plan.issue(&key, "root", &world.root_key);
    let stamp = |signature: &[u8]| made::token(&key, &certificate, over.unwrap_or(signature), time);
    let bytes = made::jws(&world.key, &world.chain(), &protected(), payload().to_string().as_bytes(), Some(&stamp));
    (world, Envelope::parse(&bytes, EnvelopeKind::Jws))
}

#[track_caller]
fn check_stamp(plan: &Plan, time: &str, over: Option<&[u8]>, holds: bool) {
    let (world, envelope) = stamped(plan, time, over);
    for verification in
        [json!({ "level": "strict" }), json!({ "level": "strict", "verifyTimestamp": "afterCertExpiry" })]
    {
        let verdict = world.judge(&envelope, &policy_of(&verification, &["ca:acme", "tsa:acme"], &["*"]));
        assert_eq!(verdict.holds(), holds, "{verdict:?}");
        if !holds {
            assert_eq!(verdict.refusal().map(|(validation, _)| validation), Some(Validation::AuthenticTimestamp));
        }
    }
    // Without a store of timestamp authorities nobody vouches for the time.
    assert!(!world.judge(&envelope, &policy("strict", &["ca:acme"])).holds());
}

#[test]
fn a_timestamp_carries_a_signature_over_the_end_of_its_certificate() {
    check_stamp(&Plan::stamper(), "20250601000000.5Z", None, true);
    check_stamp(&Plan::stamper(), "20250601000000Z", Some(b"another signature"), false);
    check_stamp(&Plan::stamper(), "20260101000000Z", None, false);
    check_stamp(&Plan::stamper(), "20240101000000Z", None, false);
    let plan = |extensions: Vec<Vec<u8>>| Plan { extensions, ..Plan::stamper() };
    // Constraints on the certificate that signed the token (CVE-2026-39984).
    check_stamp(
        &plan(vec![key_usage([7, 0x80]), extended(false, &[made::TIME_STAMPING])]),
        "20250601000000Z",
        None,
        false,
    );
    check_stamp(
        &plan(vec![key_usage([7, 0x80]), extended(true, &[made::TIME_STAMPING, made::CODE_SIGNING])]),
        "20250601000000Z",
        None,
        false,
    );
    check_stamp(
        &plan(vec![key_usage([7, 0x80]), extended(true, &[made::CODE_SIGNING])]),
        "20250601000000Z",
        None,
        false,
    );
    check_stamp(&plan(vec![key_usage([7, 0x80])]), "20250601000000Z", None, false);
    let expired = Plan { validity: ("200101000000Z", "210101000000Z"), ..Plan::stamper() };
    check_stamp(&expired, "20250601000000Z", None, false);
}

#[test]
fn a_token_by_a_stranger_or_with_one_byte_changed_is_refused() {
    let (world, stranger) = (World::new(), World::new());
    let key = Key::new();
    let certificate = Plan::stamper().issue(&key, "root", &world.root_key);
    let token = made::token(&key, &certificate, b"signature", "20250601000000Z");
    let anchor = |root: &[u8]| certificate::Cert::many(root).unwrap();
    assert!(timestamp::verify(&token, b"signature", &anchor(&world.root).iter().collect::<Vec<_>>()).is_ok());
    assert!(timestamp::verify(&token, b"signature", &anchor(&stranger.root).iter().collect::<Vec<_>>()).is_err());
    assert!(timestamp::verify(&token, b"signature", &[]).is_err());
    let roots = anchor(&world.root);
    let anchors: Vec<_> = roots.iter().collect();
    for place in 0..token.len() {
        let mut changed = token.clone();
        changed[place] ^= 1;
        let accepted = timestamp::verify(&changed, b"signature", &anchors);
        // Versions, digest lists and the certificate's own copy of a name may change without changing what is signed; the time may not.
        if let Ok(stamp) = accepted {
            assert_eq!(stamp.from.to_string(), "2025-05-31T23:59:59Z", "byte {place}");
        }
        assert!(timestamp::verify(token.get(..place).unwrap(), b"signature", &anchors).is_err(), "cut at {place}");
    }
}

/// A certificate of a real authority lies in the token first, and one that may not make timestamps signs it (CVE-2026-39984).
#[test]
fn constraints_are_those_of_the_certificate_that_signed() {
    use base64::Engine as _;
    let world = World::new();
    let (authority, attacker) = (Key::new(), Key::new());
    let real = Plan::stamper().issue(&authority, "root", &world.root_key);
    let other = Plan { serial: 8, ..Plan::leaf() }.issue(&attacker, "root", &world.root_key);
    let roots = certificate::Cert::many(&world.root).unwrap();
    let anchors: Vec<_> = roots.iter().collect();
    let chain = [&real, &world.root].map(|der| crate::pem::encode("CERTIFICATE", der)).concat();
    let trusted = crate::TrustRoot::empty().with_timestamp_authority(&chain, crate::Window::default()).unwrap();
    let judged = |token: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(token);
        let annotations = [
            ("dev.cosignproject.cosign/signature", base64::engine::general_purpose::STANDARD.encode(b"signature")),
            ("dev.sigstore.cosign/rfc3161timestamp", json!({ "SignedRFC3161Timestamp": text }).to_string()),
        ];
        let annotations = annotations.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        let evidence = crate::Evidence::simple_signing(b"{}", &annotations).unwrap();
        let stamps = crate::stamps::verify(&evidence, &trusted, Timestamp::MAX);
        assert_eq!(stamps.is_ok(), timestamp::verify(token, b"signature", &anchors).is_ok(), "two readers differ");
        stamps.is_ok()
    };
    let time = "20250601000000Z";
    // A Sigstore token is a response around what Notary Project embeds bare.
    assert!(judged(&made::token(&authority, &real, b"signature", time)));
    for bag in [[&real[..], &other].concat(), [&other[..], &real].concat()] {
        assert!(judged(&made::token_with(&authority, &real, 7, &bag, b"signature", time)), "a bystander does no harm");
        assert!(!judged(&made::token_with(&attacker, &other, 8, &bag, b"signature", time)));
        // The signer is named as the real authority, by its number or by its hash.
        assert!(!judged(&made::token_with(&attacker, &other, 7, &bag, b"signature", time)));
        assert!(!judged(&made::token_with(&attacker, &real, 8, &bag, b"signature", time)));
        assert!(!judged(&made::token_with(&attacker, &real, 7, &bag, b"signature", time)));
    }
}

#[test]
fn chains_keep_the_rules() {
    let check = |plan: &Plan, wanted| {
        let world = World::with(plan);
        world.check(&world.jws(&protected()), "audit", wanted);
    };
    let leaf = |extensions: Vec<Vec<u8>>| Plan { extensions, ..Plan::leaf() };
    let bad = Some(Validation::Integrity);
    check(&Plan::leaf(), None);
    check(&leaf(vec![key_usage([7, 0x80])]), None);
    check(&leaf(vec![]), bad);
    check(&leaf(vec![key_usage([7, 0x80]), authority(None)]), bad);
    check(&leaf(vec![key_usage([2, 0x84])]), bad);
    check(&leaf(vec![extension("2.5.29.15", false, &tlv(0x03, &[&[7, 0x80]]))]), bad);
    check(&leaf(vec![key_usage([7, 0x80]), extended(false, &["1.3.6.1.5.5.7.3.1"])]), bad);
    check(&leaf(vec![key_usage([7, 0x80]), extended(false, &[made::CODE_SIGNING, "2.5.29.37.0"])]), bad);
    check(&leaf(vec![key_usage([7, 0x80]), key_usage([7, 0x80])]), bad);
    // An authority between, within and beyond the root's limit.
    for (limit, middle, wanted) in [
        (None, vec![authority(Some(0)), key_usage([1, 0x06])], None),
        (Some(0), vec![authority(Some(0)), key_usage([1, 0x06])], bad),
        (None, vec![key_usage([1, 0x06])], bad),
        (None, vec![authority(None), key_usage([7, 0x80])], bad),
    ] {
        let (root_key, middle_key, key) = (Key::new(), Key::new(), Key::new());
        let root = Plan { extensions: vec![authority(limit), key_usage([1, 0x06])], ..Plan::root() }
            .issue(&root_key, "root", &root_key);
        let between = Plan { subject: "between", validity: LONG, serial: 3, extensions: middle }.issue(
            &middle_key,
            "root",
            &root_key,
        );
        let leaf = Plan::leaf().issue(&key, "between", &middle_key);
        let world = World { root_key, root: root.clone(), key, leaf: leaf.clone() };
        let bytes = made::jws(&world.key, &[leaf, between, root], &protected(), payload().to_string().as_bytes(), None);
        world.check(&Envelope::parse(&bytes, EnvelopeKind::Jws), "audit", wanted);
    }
}

/// The size of an RSA key decides the hash ("Signature algorithm requirements"). Each signature is right by the algorithm that it names.
#[test]
fn the_size_of_the_key_decides_the_algorithm() {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{self, KeyPair as _, RsaKeyPair};
    let names = ["PS256", "PS384", "PS512"];
    let paddings = [&signature::RSA_PSS_SHA256, &signature::RSA_PSS_SHA384, &signature::RSA_PSS_SHA512];
    for (place, size) in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096].into_iter().enumerate() {
        let key = RsaKeyPair::generate(size).unwrap();
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let world = World::new();
        let leaf = Plan::leaf().issue_for(spki.as_ref(), "root", &world.root_key);
        let world = World { leaf, ..world };
        for (other, (name, padding)) in names.iter().zip(paddings).enumerate() {
            let sign = |message: &[u8]| {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &aws_lc_rs::rand::SystemRandom::new(), message, &mut signature).unwrap();
                signature
            };
            let attributes = attributes(json!({ "alg": name }));
            let bytes = made::jws_by(&sign, &world.chain(), &attributes, payload().to_string().as_bytes(), None);
            let wanted = if other == place { None } else { Some(Validation::Integrity) };
            world.check(&Envelope::parse(&bytes, EnvelopeKind::Jws), "audit", wanted);
        }
    }
}

#[test]
fn revocation_by_list_and_response() {
    let points = extension(
        "2.5.29.31",
        false,
        &seq(&[&seq(&[&tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://crl.example.com"])])])])]),
    );
    let plan = Plan { extensions: vec![key_usage([7, 0x80]), points], ..Plan::leaf() };
    let world = World::with(&plan);
    let envelope = world.jws(&protected());
    let statement = policy("strict", &["ca:acme"]);
    let statement = statement.statement_for("r/a").unwrap();
    let judge = |lists: Vec<Vec<u8>>, responses: Vec<Vec<u8>>| {
        let verdict =
            verify(&envelope, &target(), statement, &world.stores(), &Revocations { lists, responses }, now());
        verdict.refusal().map(|(validation, _)| validation)
    };
    let bad = Some(Validation::Revocation);
    let current = ("260101000000Z", "270101000000Z");
    let by = &world.root_key;
    assert_eq!(judge(vec![], vec![]), bad, "a certificate that can be revoked, and nothing known");
    assert_eq!(judge(vec![made::list(by, current, &[], &[])], vec![]), None);
    assert_eq!(judge(vec![made::list(by, current, &[(9, &[])], &[])], vec![]), None);
    assert_eq!(judge(vec![made::list(by, current, &[(7, &[])], &[])], vec![]), bad);
    assert_eq!(judge(vec![made::list(by, ("250101000000Z", "260101000000Z"), &[], &[])], vec![]), bad, "an old list");
    assert_eq!(judge(vec![made::list(&Key::new(), current, &[], &[])], vec![]), bad, "a stranger's list");
    // RFC 5280, 5.1.1.2: what stands beside the signature is not signed, and must be what is.
    let sha384 = seq(&[&oid("1.2.840.10045.4.3.3")]);
    assert_eq!(judge(vec![made::list_naming(&sha384, by, current, &[], &[])], vec![]), bad, "another algorithm named");
    let delta = extension("2.5.29.27", true, &tlv(0x02, &[&[1]]));
    assert_eq!(judge(vec![made::list(by, current, &[], &delta)], vec![]), bad, "a list that is only a part");
    assert_eq!(judge(vec![b"list".to_vec()], vec![]), bad);
    let good = tlv(0x80, &[]);
    let revoked = tlv(0xa1, &[&tlv(0x18, &[b"20260101000000Z"])]);
    let unknown = tlv(0x82, &[]);
    assert_eq!(judge(vec![], vec![made::response(by, by, &good, &[])]), None);
    assert_eq!(judge(vec![], vec![made::response(by, by, &revoked, &[])]), bad);
    assert_eq!(judge(vec![], vec![made::response(by, by, &unknown, &[])]), bad);
    assert_eq!(judge(vec![], vec![made::response(by, &Key::new(), &good, &[])]), bad);
    let delegate = |extensions: Vec<Vec<u8>>| {
        let key = Key::new();
        let certificate = Plan { extensions, ..Plan::leaf() }.issue(&key, "root", by);
        made::response(by, &key, &good, &[certificate])
    };
    assert_eq!(
        judge(vec![], vec![delegate(vec![key_usage([7, 0x80]), extended(false, &["1.3.6.1.5.5.7.3.9"])])]),
        None
    );
    assert_eq!(judge(vec![], vec![delegate(vec![key_usage([7, 0x80])])]), bad, "a certificate that may not answer");
    // Revoked by one source is revoked, whatever the other says.
    let both = judge(vec![made::list(by, current, &[(7, &[])], &[])], vec![made::response(by, by, &unknown, &[])]);
    assert_eq!(both, bad);
    let both = judge(vec![made::list(by, current, &[(7, &[])], &[])], vec![made::response(by, by, &good, &[])]);
    assert_eq!(both, bad);
    let either = judge(vec![made::list(by, current, &[], &[])], vec![made::response(by, by, &unknown, &[])]);
    assert_eq!(either, None);
}

/// CVE-2024-56138: the authority that made the timestamp may be revoked as well.
#[test]
fn a_revoked_authority_makes_no_timestamps() {
    let points = extension(
        "2.5.29.31",
        false,
        &seq(&[&seq(&[&tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://crl.example.com"])])])])]),
    );
    let plan = Plan {
        extensions: vec![key_usage([7, 0x80]), extended(true, &[made::TIME_STAMPING]), points],
        ..Plan::stamper()
    };
    let (world, envelope) = stamped(&plan, "20250601000000Z", None);
    let statement = policy("strict", &["ca:acme", "tsa:acme"]);
    let statement = statement.statement_for("r/a").unwrap();
    let judge = |lists: Vec<Vec<u8>>| {
        let revocations = Revocations { lists, ..Revocations::default() };
        let verdict = verify(&envelope, &target(), statement, &world.stores(), &revocations, now());
        verdict.refusal().map(|(validation, _)| validation)
    };
    let current = ("260101000000Z", "270101000000Z");
    assert_eq!(judge(vec![made::list(&world.root_key, current, &[], &[])]), None);
    assert_eq!(judge(vec![]), Some(Validation::Revocation), "nothing is known of the authority");
    // The signer has the same number and would be revoked too, if it said where its revocation is published.
    let listed = made::list(&world.root_key, current, &[(7, &[])], &[]);
    assert_eq!(judge(vec![listed]), Some(Validation::Revocation));
}

#[test]
fn policies_keep_the_rules() {
    let statement = |changes: Value| {
        let mut statement = json!({ "name": "p", "registryScopes": ["*"], "signatureVerification": { "level": "strict" },
            "trustStores": ["ca:acme"], "trustedIdentities": ["*"] });
        for (name, value) in changes.as_object().unwrap() {
            statement[name] = value.clone();
        }
        statement
    };
    let parse = |statements: Vec<Value>| {
        OciPolicy::parse(json!({ "version": "1.0", "trustPolicies": statements }).to_string().as_bytes())
    };
    assert!(parse(vec![statement(json!({}))]).is_ok());
    for wrong in [
        json!({ "name": "" }),
        json!({ "registryScopes": [] }),
        json!({ "registryScopes": ["*", "r.example.com/a"] }),
        json!({ "registryScopes": ["r.example.com/a*"] }),
        json!({ "registryScopes": ["r.example.com/a:tag"] }),
        json!({ "registryScopes": ["r.example.com"] }),
        json!({ "registryScopes": ["r.example.com/A"] }),
        json!({ "registryScopes": ["r.example.com/a___b"] }),
        json!({ "signatureVerification": { "level": "loose" } }),
        json!({ "signatureVerification": { "level": "strict", "override": { "integrity": "log" } } }),
        json!({ "signatureVerification": { "level": "strict", "override": { "authenticity": "skip" } } }),
        json!({ "signatureVerification": { "level": "strict", "override": { "anything": "log" } } }),
        json!({ "signatureVerification": { "level": "strict", "verifyTimestamp": "never" } }),
        json!({ "signatureVerification": { "level": "skip" } }),
        json!({ "trustStores": [] }),
        json!({ "trustStores": ["acme"] }),
        json!({ "trustStores": ["ca:../acme"] }),
        json!({ "trustStores": ["ca:.."] }),
        json!({ "trustStores": ["ca:*"] }),
        json!({ "trustStores": ["tsa:acme"] }),
        json!({ "trustedIdentities": [] }),
        json!({ "trustedIdentities": ["*", "x509.subject: C=US, ST=WA, O=acme"] }),
        json!({ "trustedIdentities": ["x509.subject: C=US"] }),
        json!({ "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme", "x509.subject: C=US, ST=WA, O=acme, CN=a"] }),
        json!({ "trustedIdentities": ["x509.issuer: C=US, ST=WA, O=acme"] }),
        json!({ "globalPolicy": true }),
        json!({ "trustedIdentitys": [] }),
    ] {
        assert!(parse(vec![statement(wrong.clone())]).is_err(), "{wrong}");
    }
    assert!(parse(vec![]).is_err());
    assert!(
        parse(vec![statement(json!({})), statement(json!({ "registryScopes": ["r.example.com/a"] }))]).is_err(),
        "one name twice"
    );
    assert!(parse(vec![statement(json!({})), statement(json!({ "name": "q" }))]).is_err(), "one scope twice");
    assert!(OciPolicy::parse(br#"{"version":"1.0","version":"1.0","trustPolicies":[]}"#).is_err());
    let two = parse(vec![
        statement(json!({})),
        statement(json!({ "name": "q", "registryScopes": ["r.example.com:5000/a/b"] })),
    ])
    .unwrap();
    assert_eq!(two.statement_for("r.example.com:5000/a/b").unwrap().name(), "q");
    assert_eq!(two.statement_for("r.example.com:5000/a/b/c").unwrap().name(), "p");
    let own = parse(vec![statement(json!({ "registryScopes": ["r.example.com/a"] }))]).unwrap();
    assert!(own.statement_for("r.example.com/b").is_none(), "no statement is no permission");
}

#[test]
fn policies_for_files() {
    let blob = |extra: &str| {
        let text = format!(
            r#"{{"version":"1.0","trustPolicies":[
                {{"name":"p","signatureVerification":{{"level":"strict"}},"trustStores":["ca:a"],"trustedIdentities":["*"]}},
                {{"name":"g","globalPolicy":true,"signatureVerification":{{"level":"audit"}},"trustStores":["ca:a"],"trustedIdentities":["*"]}}{extra}]}}"#
        );
        BlobPolicy::parse(text.as_bytes())
    };
    let policy = blob("").unwrap();
    assert_eq!(policy.statement_for(None).unwrap().name(), "g");
    assert_eq!(policy.statement_for(Some("p")).unwrap().name(), "p");
    assert!(policy.statement_for(Some("x")).is_none());
    for extra in [
        r#",{"name":"h","globalPolicy":true,"signatureVerification":{"level":"audit"},"trustStores":["ca:a"],"trustedIdentities":["*"]}"#,
        r#",{"name":"h","registryScopes":["*"],"signatureVerification":{"level":"audit"},"trustStores":["ca:a"],"trustedIdentities":["*"]}"#,
    ] {
        assert!(blob(extra).is_err(), "{extra}");
    }
    let skip = r#"{"version":"1.0","trustPolicies":[{"name":"g","globalPolicy":true,"signatureVerification":{"level":"skip"}}]}"#;
    assert!(BlobPolicy::parse(skip.as_bytes()).is_err());
}

#[test]
fn stores_hold_authorities() {
    let world = World::new();
    let mut stores = TrustStores::new();
    assert!(stores.add(StoreKind::Authority, "a", &world.root).is_ok());
    assert!(stores.add(StoreKind::Authority, "a", &world.leaf).is_err(), "a signing certificate is no authority");
    assert!(stores.add(StoreKind::Authority, "a", b"").is_err());
    assert!(stores.add(StoreKind::Authority, "a", b"text").is_err());
    assert!(stores.add(StoreKind::Authority, "../a", &world.root).is_err());
    let middle_key = Key::new();
    let middle =
        Plan { subject: "between", validity: LONG, serial: 3, extensions: vec![authority(None), key_usage([1, 0x06])] };
    let middle = middle.issue(&middle_key, "root", &world.root_key);
    assert!(stores.add(StoreKind::Authority, "a", &middle).is_ok());
    assert!(stores.add(StoreKind::Timestamp, "a", &middle).is_err(), "timestamps want roots");
    let both = [world.root.clone(), middle].concat();
    assert!(stores.add(StoreKind::Authority, "b", &both).is_ok(), "several in DER");
}

proptest! {
    #[test]
    fn hostile_envelopes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), place in any::<usize>(), flip in 1u8..) {
        let world = World::new();
        let good = payload().to_string();
        for (kind, whole) in [
            (EnvelopeKind::Jws, made::jws(&world.key, &world.chain(), &protected(), good.as_bytes(), None)),
            (EnvelopeKind::Cose, made::cose(&world.key, &world.chain(), &["io.cncf.notary.signingScheme"], good.as_bytes())),
        ] {
            let mut changed = whole.clone();
            let place = place % changed.len();
            changed[place] ^= flip;
            for bytes in [&bytes[..], &changed, &whole[..place]] {
                let envelope = Envelope::parse(bytes, kind);
                let _verdict = world.judge(&envelope, &policy("strict", &["ca:acme"]));
            }
        }
        let _refused = OciPolicy::parse(&bytes);
        let _refused = certificate::Cert::many(&bytes);
        let _refused = timestamp::verify(&bytes, b"", &[]);
    }

    #[test]
    fn deep_cbor_is_refused_and_not_followed(depth in 1usize..5000) {
        let mut bytes = vec![0xd2];
        bytes.resize(depth, 0x81);
        bytes.push(0);
        let _refused = Envelope::parse(&bytes, EnvelopeKind::Cose);
    }
}
