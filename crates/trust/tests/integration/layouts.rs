//! Every layout verifies when it is whole, and is refused, by the check that it is about, in each of the ways in which verifiers were fooled before.

use serde_json::{Value, json};
use signet_model::{Digest, Timestamp};
use signet_trust::{
    Artifact, CertificateIdentity, Check, Evidence, Issuer, LogRequirement, Outcome, Requirements, SecondOpinion,
    Signed, TimeSource, TrustedKey, Window, verify,
};

use crate::case::{ALL, ARTIFACT, Case, Layout, every, simple_signing};
use crate::world::{ISSUER, Key, NAME, SIGNED, Says, World, b64, hex, now, pem, sha256};

#[test]
fn whole_signatures_verify_and_say_what_was_checked() {
    every(|case| {
        let verified = case.verify().unwrap_or_else(|error| panic!("{:?}: {error}", case.layout));
        assert_eq!(verified.certificate.is_some(), case.parts.signer.is_some());
        assert_eq!(verified.times, [Timestamp::from_second(SIGNED).unwrap()]);
        for check in [Check::Signature, Check::Binding, Check::Artifact, Check::Promise] {
            let passed = |entry: &&signet_trust::Checked| matches!(entry.outcome, signet_trust::Outcome::Passed(_));
            assert!(
                verified.report.iter().filter(passed).any(|entry| entry.check == check),
                "{:?} {check}",
                case.layout
            );
        }
        if case.layout.is_envelope() {
            assert!(matches!(&verified.signed, Signed::Statement(_)));
        }
    });
}

#[test]
fn an_entry_for_another_signature_is_refused() {
    // CVE-2022-23649: the promise of another signature is a promise, too.
    every(|mut case| {
        let mut other = Case::over(case.layout, false, case.parts.payload.clone(), &Says::default());
        other.parts.signer.clone_from(&case.parts.signer);
        let body = other.body();
        case.parts.entry = Some(case.world.enter(&body, SIGNED));
        case.refused(Check::Binding);
    });
}

#[test]
fn an_entry_for_other_content_is_refused() {
    // CVE-2026-22703: signature and key are those of the entry, the digest is not.
    every(|mut case| {
        let (payload, signature) = (case.parts.payload.clone(), case.parts.signature.clone());
        case.parts.payload.push(b' ');
        let body = case.body();
        case.parts.payload = payload;
        case.parts.signature = signature;
        case.parts.entry = Some(case.world.enter(&body, SIGNED));
        case.refused(Check::Binding);
    });
}

#[test]
fn an_entry_by_another_signer_is_refused() {
    every(|mut case| {
        let own = case.parts.signer.take();
        let other = Key::new();
        // By the bare key of the certificate as well: a certificate is more than its key.
        let signers = match &own {
            Some(_) => vec![pem("CERTIFICATE", &case.world.issue(&other, &Says::default())), case.key.pem()],
            None => vec![other.pem()],
        };
        for signer in signers {
            case.parts.signer = Some(signer);
            let body = case.body();
            case.parts.signer.clone_from(&own);
            case.parts.entry = Some(case.world.enter(&body, SIGNED));
            case.refused(Check::Binding);
        }
    });
}

#[test]
fn a_changed_entry_is_refused() {
    every(|mut case| {
        let whole = case.parts.entry.clone().unwrap();
        let mut entry = whole.clone();
        entry.time += 1;
        case.parts.entry = Some(entry);
        case.refused(Check::Promise);
        let mut entry = whole.clone();
        entry.body.push(b' ');
        case.parts.entry = Some(entry);
        case.refused(Check::Promise);
        let mut entry = whole;
        entry.log[0] ^= 1;
        case.parts.entry = Some(entry);
        case.refused(Check::Promise);
    });
}

#[test]
fn times_outside_are_refused() {
    every(|mut case| {
        case.enter(now().as_second() + 1);
        case.refused(Check::Time);
        case.enter(0);
        case.refused(Check::Promise);
    });
    for layout in ALL {
        let mut case = Case::new(*layout, true);
        for time in [SIGNED - 101, SIGNED + 501] {
            case.enter(time);
            case.refused(Check::Chain);
        }
        // Both ends of the certificate's validity count as within.
        for time in [SIGNED - 100, SIGNED + 500] {
            case.enter(time);
            assert!(case.verify().is_ok(), "{layout:?} {time}");
        }
    }
}

#[test]
fn a_missing_entry_is_refused() {
    every(|mut case| {
        case.parts.entry = None;
        let check = if case.parts.signer.is_some() { Check::Time } else { Check::Inclusion };
        case.refused(check);
        let mut lenient = case.requirements();
        lenient.log = LogRequirement::InsecureIgnored;
        lenient.time = match case.parts.signer {
            Some(_) => TimeSource::InsecureBeginOfCertificate,
            None => TimeSource::NotNeeded,
        };
        assert!(case.verify_with(&lenient).is_ok(), "{:?}", case.layout);
    });
}

#[test]
fn certificates_that_are_not_good_are_refused() {
    for layout in ALL {
        let case = |says: Says| {
            let payload = Case::new(*layout, true).parts.payload;
            Case::over(*layout, true, payload, &says)
        };
        case(Says { usage: "1.3.6.1.5.5.7.3.1", ..Says::default() }).refused(Check::Chain);
        case(Says { logged: false, ..Says::default() }).refused(Check::Sct);
        case(Says { logged_elsewhere: true, ..Says::default() }).refused(Check::Sct);
        case(Says { issuer: None, ..Says::default() }).refused(Check::Issuer);
        case(Says { issuer: Some("https://issuer.example.com.evil".into()), ..Says::default() }).refused(Check::Issuer);
        // That the certificate names no issuer must be asked for, and then it must name none.
        let mut unnamed = CertificateIdentity::exact(NAME, "");
        unnamed.issuer = Issuer::NotNamed;
        let unnamed = Requirements::keyless(vec![unnamed]);
        assert!(case(Says { issuer: None, ..Says::default() }).verify_with(&unnamed).is_ok(), "{layout:?}");
        case(Says::default()).refused_with(&unnamed, Check::Issuer);
        case(Says { name: "Signer@example.com".into(), ..Says::default() }).refused(Check::Identity);
        // By an authority that nobody trusts.
        let mut foreign = Case::new(*layout, true);
        foreign.parts.signer = Some(pem("CERTIFICATE", &World::new().issue(&foreign.key, &Says::default())));
        foreign.enter(SIGNED);
        foreign.refused(Check::Chain);
    }
}

#[test]
fn keys_never_come_from_the_evidence() {
    every(|mut case| {
        let keyless = Requirements::keyless(vec![CertificateIdentity::exact(NAME, ISSUER)]);
        let by_key = Requirements::keys(vec![TrustedKey::always(case.key.public())]);
        let other = if case.parts.signer.is_some() { &by_key } else { &keyless };
        case.refused_with(other, Check::Material);
        // GHSA-fx35-mq7g-6g98: a bare key where a certificate belongs.
        if !case.layout.is_bundle() {
            case.parts.signer = Some(case.key.pem());
            case.enter(SIGNED);
            case.refused_with(&keyless, Check::Material);
            case.refused_with(&by_key, Check::Material);
        }
        let strangers = Requirements::keys(vec![TrustedKey::always(Key::new().public())]);
        case.parts.signer = None;
        case.enter(SIGNED);
        case.refused_with(&strangers, Check::Signature);
        case.refused_with(&Requirements::keys(Vec::new()), Check::Signature);
    });
    for layout in ALL {
        Case::new(*layout, true).refused_with(&Requirements::keyless(Vec::new()), Check::Identity);
    }
}

#[test]
fn keys_count_while_they_are_in_use() {
    // GHSA-wqqc-jjcq-vfxm.
    for layout in ALL {
        let mut case = Case::new(*layout, false);
        let time = |seconds| Some(Timestamp::from_second(seconds).unwrap());
        let within = |start, end| {
            let key = TrustedKey { key: case.key.public(), window: Window { start, end }, hint: None };
            Requirements::keys(vec![key])
        };
        let (open, over, early) =
            (within(time(SIGNED), time(SIGNED)), within(None, time(SIGNED - 1)), within(time(SIGNED + 1), None));
        assert!(case.verify_with(&open).is_ok(), "{layout:?}");
        case.refused_with(&over, Check::KeyWindow);
        case.refused_with(&early, Check::KeyWindow);
        case.parts.entry = None;
        let mut unlogged = open;
        unlogged.log = LogRequirement::AtLeast(0);
        case.refused_with(&unlogged, Check::KeyWindow);
    }
}

#[test]
fn signatures_over_something_else_are_refused() {
    every(|mut case| {
        let signature = case.parts.signature.clone();
        case.parts.signature = case.key.sign(b"something else");
        case.enter(SIGNED);
        case.refused(Check::Signature);
        case.parts.signature = signature;
        case.enter(SIGNED);
        // The whole signature is about the artifact, and about no other one.
        let evidence = case.read(&case.text()).unwrap();
        let (trusted, wanted) = (case.world.trusted(), case.requirements());
        let other = Digest::sha256(b"another artifact");
        let refusal = verify(&evidence, Artifact::Digest(&other), &trusted, &wanted, now()).unwrap_err();
        let expected =
            if case.layout.is_envelope() || case.layout == Layout::Sig { Check::Artifact } else { Check::Signature };
        assert_eq!(refusal.check, expected, "{:?}: {refusal}", case.layout);
    });
}

#[test]
fn attestations_of_another_type_or_shape_are_refused() {
    // CVE-2022-35929, CVE-2026-39395.
    for layout in ALL.iter().filter(|layout| layout.is_envelope()) {
        let case = Case::new(*layout, true);
        let mut wanted = case.requirements();
        wanted.predicate_type = Some("https://example.com/predicate/v1".to_owned());
        assert!(case.verify_with(&wanted).is_ok());
        wanted.predicate_type = Some("https://example.com/predicate/v2".to_owned());
        case.refused_with(&wanted, Check::PredicateType);
        for payload in [&b"no json"[..], b"{}", b"[]", b"null"] {
            Case::over(*layout, true, payload.to_vec(), &Says::default()).refused(Check::Form);
        }
        let mut typed = Case::new(*layout, true);
        typed.parts.payload_type = "application/json".to_owned();
        typed.sign();
        typed.enter(SIGNED);
        typed.refused(Check::Form);
    }
    for layout in ALL.iter().filter(|layout| !layout.is_envelope()) {
        let case = Case::new(*layout, true);
        let mut wanted = case.requirements();
        wanted.predicate_type = Some("https://example.com/predicate/v1".to_owned());
        case.refused_with(&wanted, Check::PredicateType);
    }
}

#[test]
fn simple_signing_is_about_its_digest_and_annotations() {
    let digest = hex(&sha256(b"another artifact"));
    Case::over(Layout::Sig, true, simple_signing(&digest), &Says::default()).refused(Check::Artifact);
    let text = String::from_utf8(simple_signing(&hex(&sha256(ARTIFACT)))).unwrap();
    let other = text.replace("cosign container image signature", "something");
    Case::over(Layout::Sig, true, other.into_bytes(), &Says::default()).refused(Check::Form);
}

#[test]
fn a_second_verifier_is_asked_unless_the_caller_says_otherwise() {
    every(|case| {
        let asked = |second: SecondOpinion| {
            let mut wanted = case.requirements();
            wanted.second = second;
            let evidence = case.read(&case.text()).unwrap();
            let root = case.world.trusted_file();
            let verified = verify(&evidence, Artifact::Bytes(ARTIFACT), &root, &wanted, now()).unwrap();
            let opinion = verified.report.iter().find(|checked| checked.check == Check::SecondOpinion).unwrap();
            opinion.outcome.clone()
        };
        let agreed = matches!(asked(SecondOpinion::Required), Outcome::Passed(_));
        assert_eq!(agreed, case.layout.is_bundle(), "{:?}", case.layout);
        assert_eq!(asked(SecondOpinion::NotAsked), Outcome::NotChecked("not asked for".to_owned()));
    });
}

/// By key, without a log and without a timestamp: there is nothing that the second verifier would look at, and it refuses such bundles for it.
#[test]
fn a_signature_by_key_needs_nobody_else_where_none_is_asked_for() {
    for layout in [Layout::Bundle03, Layout::BundleDsse] {
        let mut case = Case::new(layout, false);
        case.parts.entry = None;
        let ask = |log: LogRequirement| {
            let mut wanted = case.requirements();
            wanted.log = log;
            let evidence = case.read(&case.text()).unwrap();
            verify(&evidence, Artifact::Bytes(ARTIFACT), &case.world.trusted_file(), &wanted, now())
        };
        for log in [LogRequirement::AtLeast(0), LogRequirement::InsecureIgnored] {
            ask(log).unwrap();
        }
        assert_eq!(ask(LogRequirement::AtLeast(1)).unwrap_err().check, Check::Inclusion);
    }
}

#[test]
fn annotations_asked_for_must_have_been_signed() {
    every(|case| {
        let mut wanted = case.requirements();
        wanted.annotations = vec![("env".to_owned(), "prod".to_owned())];
        if case.layout == Layout::Sig || case.layout.is_envelope() {
            assert!(case.verify_with(&wanted).is_ok(), "{:?}", case.layout);
        } else {
            case.refused_with(&wanted, Check::Annotations);
        }
        for (name, value) in [("env", "test"), ("other", "prod")] {
            wanted.annotations = vec![("env".to_owned(), "prod".to_owned()), (name.to_owned(), value.to_owned())];
            case.refused_with(&wanted, Check::Annotations);
        }
    });
}

#[test]
fn evidence_with_two_readings_is_refused() {
    every(|case| {
        let text = String::from_utf8(case.text()).unwrap();
        let refused = |text: String| {
            let read = case.read(text.as_bytes());
            let read = read.and_then(|evidence| {
                verify(&evidence, Artifact::Bytes(ARTIFACT), &case.world.trusted(), &case.requirements(), now())
            });
            assert!(read.is_err(), "{:?}: {text}", case.layout);
        };
        refused(format!("{text} {{}}"));
        refused(format!("{text}x"));
        refused(text.replacen('{', r#"{"twice":1,"twice":2,"#, 1));
        if case.layout.is_envelope() {
            let one = b64(&case.parts.signature);
            refused(text.replacen(&one, &format!("{one}\"}},{{\"sig\":\"{one}"), 1));
        }
    });
}

#[test]
fn more_than_is_needed_is_refused() {
    let case = Case::new(Layout::Bundle03, true);
    let mut bundle = case.bundle();
    let entry = bundle["verificationMaterial"]["tlogEntries"][0].clone();
    bundle["verificationMaterial"]["tlogEntries"] = json!(vec![entry.clone(); 9]);
    assert_eq!(Evidence::bundle(bundle.to_string().as_bytes()).unwrap_err().check, Check::Limits);
    // The same entry twice is one log, whoever asks for two.
    bundle["verificationMaterial"]["tlogEntries"] = json!([entry.clone(), entry]);
    let evidence = Evidence::bundle(bundle.to_string().as_bytes()).unwrap();
    let mut wanted = case.requirements();
    let ask =
        |wanted: &Requirements| verify(&evidence, Artifact::Bytes(ARTIFACT), &case.world.trusted(), wanted, now());
    assert!(ask(&wanted).is_ok());
    wanted.log = LogRequirement::AtLeast(2);
    assert_eq!(ask(&wanted).unwrap_err().check, Check::Inclusion);
    let stamps = json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": "AAAA"}); 9]});
    bundle["verificationMaterial"]["timestampVerificationData"] = stamps;
    assert_eq!(Evidence::bundle(bundle.to_string().as_bytes()).unwrap_err().check, Check::Limits);
}

#[test]
fn proofs_of_inclusion_are_checked() {
    for layout in [Layout::Bundle03, Layout::BundleDsse, Layout::BundleIntoto] {
        let case = Case::new(layout, true);
        let refused = |at: &str, value: Value| {
            let mut bundle = case.bundle();
            *bundle.pointer_mut(&format!("/verificationMaterial/tlogEntries/0/inclusionProof{at}")).unwrap() = value;
            let read = Evidence::bundle(bundle.to_string().as_bytes());
            let read = read.and_then(|evidence| {
                verify(&evidence, Artifact::Bytes(ARTIFACT), &case.world.trusted(), &case.requirements(), now())
            });
            let error = read.map(|_| ()).unwrap_err();
            assert!(matches!(error.check, Check::Inclusion | Check::Form), "{at}: {error}");
        };
        refused("", Value::Null);
        refused("/hashes", json!([]));
        refused("/hashes/0", json!(b64([0; 32])));
        refused("/rootHash", json!(b64([0; 32])));
        refused("/treeSize", json!("3"));
        refused("/logIndex", json!("0"));
        refused("/logIndex", json!("-1"));
        refused("/checkpoint", Value::Null);
        let other = World::new().enter_bytes(case.parts.entry.clone().unwrap().body, SIGNED);
        refused("/checkpoint", other.in_bundle(true)["inclusionProof"]["checkpoint"].clone());
    }
}

/// No single changed byte of the written evidence is accepted with a meaning other than the whole one's.
#[test]
fn changed_bytes_never_change_the_meaning() {
    for layout in ALL {
        let case = Case::new(*layout, true);
        let whole = case.verify().unwrap();
        let text = case.text();
        let (trusted, wanted) = (case.world.trusted(), case.requirements());
        for at in (0..text.len()).step_by(3) {
            let mut changed = text.clone();
            changed[at] ^= 1;
            let Ok(evidence) = case.read(&changed) else { continue };
            let Ok(seen) = verify(&evidence, Artifact::Bytes(ARTIFACT), &trusted, &wanted, now()) else { continue };
            assert_eq!(seen.signed, whole.signed, "{layout:?} at {at}");
            assert_eq!(seen.times, whole.times, "{layout:?} at {at}");
            assert_eq!(seen.key, whole.key, "{layout:?} at {at}");
        }
    }
}
