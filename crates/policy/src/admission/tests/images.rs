//! ImageValidatingPolicy: what is asked about images, and what answers are worth.

use super::*;
use crate::kyverno::verify_images::{Answer, Authority, Evidence, ImageNeed, Layout};

const LOOSE: &str = "  validationConfigurations: {mutateDigest: false, verifyDigest: false, required: false}\n";
const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const SIGNED: &str = "images.containers.map(i, verifyImageSignatures(i, [attestors.cosign])).all(e, e > 0)";
const ATTESTORS: &str = "  attestors: [{name: cosign, cosign: {key: {data: k}}}, {name: other, cosign: {key: {data: o}}}]\n  attestations: [{name: sbom, intoto: {type: t}}, {name: blob, referrer: {type: r}}]\n";

fn ivp(lines: &str, validation: &str) -> String {
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: ivp}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}}]}}\n  matchImageReferences: [{{glob: 'ghcr.io/*'}}]\n{lines}  validations:\n  - expression: {validation}\n    message: not so\n"
    )
}

fn input(image: &str) -> Input {
    Input::of(pod(json!({"containers": [{"name": "c", "image": image}]})), Operation::Create)
}

fn on(policy: &Policy, input: &Input, evidence: &Evidence) -> Judgement {
    let mut found = policy.evaluate_with(input, &[], evidence, &Snapshot::new(), &surroundings());
    let verified = found.verified.clone();
    found.settle(&verified);
    found
}

/// Answers each question that a policy asks until it asks no more.
fn answered(policy: &Policy, input: &Input, answer: impl Fn(&ImageNeed) -> Answer) -> (Judgement, Evidence) {
    let mut evidence = Evidence::new();
    for _ in 0..5 {
        let found = on(policy, input, &evidence);
        if found.images.is_empty() {
            return (found, evidence);
        }
        assert_eq!(found.responses[0].status, Status::Error, "what is not answered is an error: {found:?}");
        evidence.extend(found.images.into_iter().map(|need| (need.clone(), answer(&need))));
    }
    panic!("it asks without end");
}

fn key_of(need: &ImageNeed) -> &str {
    match need {
        ImageNeed::Signed(signed) => match &signed.authority {
            Authority::Key { key, .. } => key,
            _ => "",
        },
        _ => "",
    }
}

/// Signed by the holder of key `k`, and the tag is A.
fn by_k(need: &ImageNeed) -> Answer {
    match need {
        ImageNeed::Digest { .. } => Answer::Digest(A.to_owned()),
        ImageNeed::Signed(_) if key_of(need) == "k" => Answer::Signed { digest: A.to_owned() },
        _ => Answer::Refused("nobody signed it".to_owned()),
    }
}

#[test]
fn image_policies_pass_nothing_without_evidence() {
    let policy = policy(&ivp(&format!("{LOOSE}{ATTESTORS}"), SIGNED));
    let image = input("ghcr.io/a/b:1");
    let first = on(&policy, &image, &Evidence::new());
    let [ImageNeed::Digest { reference, .. }] = first.images.iter().collect::<Vec<_>>()[..] else {
        panic!("the digest is asked for first, and once: {:?}", first.images)
    };
    assert_eq!(reference, "ghcr.io/a/b:1");
    let (found, evidence) = answered(&policy, &image, by_k);
    says(&found, Status::Pass, "success");
    // Everything else is asked by the digest.
    let signed = evidence.keys().find_map(|need| match need {
        ImageNeed::Signed(signed) => Some(signed),
        _ => None,
    });
    let signed = signed.expect("because it was asked");
    assert_eq!((signed.reference.as_str(), signed.layout), (format!("ghcr.io/a/b@{A}").as_str(), Layout::Cosign));
    for (answer, wanted) in [
        (Answer::Refused("no".to_owned()), Status::Fail),
        (Answer::Unknown("the registry is away".to_owned()), Status::Error),
        // About another digest: the tag moved between two questions.
        (Answer::Signed { digest: B.to_owned() }, Status::Fail),
        (Answer::Digest(A.to_owned()), Status::Error),
    ] {
        let (found, _) = answered(&policy, &image, |need| match need {
            ImageNeed::Digest { .. } => Answer::Digest(A.to_owned()),
            _ => answer.clone(),
        });
        assert_eq!(found.responses[0].status, wanted, "{answer:?}: {found:?}");
    }
    let (found, _) = answered(&policy, &image, |_| Answer::Digest("latest".to_owned()));
    assert_eq!(found.responses[0].status, Status::Error, "what is no digest is none");
    // Of images that the policy is not about none is bad, and what it says of the object itself holds all the same.
    says(&on(&policy, &input("nginx"), &evidence), Status::Pass, "success");
    let named = super::policy(&ivp(&format!("{LOOSE}{ATTESTORS}"), "object.metadata.name == 'other'"));
    assert_eq!(on(&named, &input("nginx"), &evidence).responses[0].status, Status::Fail);
    // What nobody can read is meant, and nothing is known of it.
    for text in ["A B", ""] {
        assert_eq!(on(&policy, &input(text), &evidence).responses[0].status, Status::Error, "`{text}`");
    }
}

#[test]
fn what_is_not_answered_is_an_error_whatever_the_policy_says_of_failures() {
    let policy = policy(&ivp(&format!("  failurePolicy: Ignore\n{LOOSE}{ATTESTORS}"), SIGNED));
    assert_eq!(on(&policy, &input("ghcr.io/a/b:1"), &Evidence::new()).responses[0].status, Status::Error);
    let (found, _) = answered(&policy, &input("ghcr.io/a/b:1"), |need| match need {
        ImageNeed::Digest { .. } => Answer::Digest(A.to_owned()),
        _ => Answer::Unknown("the log is away".to_owned()),
    });
    assert_eq!(found.responses[0].status, Status::Error);
}

#[test]
fn digests_are_demanded_and_written() {
    let policy_of = |line: &str| policy(&ivp(&format!("  validationConfigurations: {line}\n{ATTESTORS}"), SIGNED));
    let strict = policy_of("{}");
    says(
        &on(&strict, &input("ghcr.io/a/b:1"), &Evidence::new()),
        Status::Fail,
        "image ghcr.io/a/b:1 does not have a digest",
    );
    let (found, evidence) = answered(&strict, &input(&format!("ghcr.io/a/b:1@{A}")), by_k);
    says(&found, Status::Pass, "success");
    assert!(evidence.keys().all(|need| matches!(need, ImageNeed::Signed(_))), "its digest is known");
    let pin = |policy: &Policy, image: &str, evidence: &Evidence| {
        policy.pin(&input(image), &[], evidence, &Snapshot::new(), &surroundings())
    };
    let asked = pin(&strict, "ghcr.io/a/b:1", &Evidence::new());
    assert_eq!((asked.responses[0].status, asked.images.len(), asked.patched.is_none()), (Status::Error, 1, true));
    let known: Evidence = asked.images.into_iter().map(|need| (need, Answer::Digest(A.to_owned()))).collect();
    let pinned = pin(&strict, "ghcr.io/a/b:1", &known);
    assert!(pinned.responses.is_empty(), "{:?}", pinned.responses);
    let object = pinned.patched.expect("because it was pinned");
    assert_eq!(object["spec"]["containers"][0]["image"], json!(format!("ghcr.io/a/b:1@{A}")));
    for image in ["nginx:1", &format!("ghcr.io/a/b@{A}")] {
        assert_eq!(pin(&strict, image, &Evidence::new()), Judgement::default(), "{image}");
    }
    assert_eq!(pin(&policy_of("{mutateDigest: false}"), "ghcr.io/a/b:1", &Evidence::new()), Judgement::default());
}

#[test]
fn images_that_nobody_verified_are_refused() {
    let strict = policy(&ivp(ATTESTORS, SIGNED));
    let image = format!("ghcr.io/a/b@{A}");
    let both = Input::of(
        pod(json!({"containers": [{"image": image}], "initContainers": [{"image": format!("ghcr.io/x/y@{B}")}]})),
        Operation::Create,
    );
    let (found, _) = answered(&strict, &both, by_k);
    assert_eq!(found.responses[0].status, Status::Fail);
    assert!(found.responses[0].message.starts_with(&format!("image ghcr.io/x/y@{B} is not verified")));
    // Another policy of the same request may have verified it.
    let (_, evidence) = answered(&strict, &both, by_k);
    let mut found = strict.evaluate_with(&both, &[], &evidence, &Snapshot::new(), &surroundings());
    let mut verified = found.verified.clone();
    verified.insert(format!("ghcr.io/x/y@{B}"));
    found.settle(&verified);
    assert_eq!(found.responses[0].status, Status::Pass);
    let asks_nothing = policy(&ivp(ATTESTORS, "'true'").replace("'true'", "\"true\""));
    assert_eq!(on(&asks_nothing, &input(&image), &Evidence::new()).responses[0].status, Status::Fail);
    let optional = policy(&ivp(&format!("  validationConfigurations: {{required: false}}\n{ATTESTORS}"), SIGNED));
    assert_eq!(answered(&optional, &both, by_k).0.responses[0].status, Status::Pass);
}

#[test]
fn payloads_are_those_of_attestors_that_were_asked_and_hold() {
    let statement = |of: &str, format: &str| json!({"predicateType": of, "predicate": {"bomFormat": format}});
    let said = move |statements: Vec<Json>| Answer::Statements { digest: A.to_owned(), statements };
    // Both keys signed a statement, each another one.
    let answer = |need: &ImageNeed| match (need, key_of(need)) {
        (ImageNeed::Digest { .. }, _) => Answer::Digest(A.to_owned()),
        (_, "k") => said(vec![statement("t", "good"), statement("x", "other type")]),
        _ => said(vec![statement("t", "bad")]),
    };
    let image = input("ghcr.io/a:1");
    let with = |validation: &str| {
        let policy = policy(&ivp(&format!("{LOOSE}{ATTESTORS}"), &format!("\"{validation}\"")));
        answered(&policy, &image, answer).0
    };
    let asked = |attestors: &str| {
        with(&format!(
            "images.containers.all(i, verifyAttestationSignatures(i, attestations.sbom, [{attestors}]) > 0 && extractPayload(i, attestations.sbom).predicate.bomFormat == 'good')"
        ))
    };
    says(&asked("attestors.cosign"), Status::Pass, "success");
    says(&asked("attestors.other"), Status::Fail, "not so");
    // Which of two is meant, nobody can tell.
    assert_eq!(asked("attestors.cosign, attestors.other").responses[0].status, Status::Error);
    let unasked = with("images.containers.all(i, extractPayload(i, 'sbom').predicate.bomFormat == 'good')");
    assert_eq!(unasked.responses[0].status, Status::Error);
    // Statements of another type, or about another digest, are none.
    for (digest, kind) in [(A, "x"), (B, "t")] {
        let policy = policy(&ivp(
            &format!("{LOOSE}{ATTESTORS}"),
            "images.containers.all(i, verifyAttestationSignatures(i, 'sbom', [attestors.cosign]) > 0)",
        ));
        let (found, _) = answered(&policy, &image, |need| match need {
            ImageNeed::Digest { .. } => Answer::Digest(A.to_owned()),
            _ => Answer::Statements { digest: digest.to_owned(), statements: vec![statement(kind, "good")] },
        });
        says(&found, Status::Fail, "not so");
    }
}

#[test]
fn of_several_identities_one_must_hold_and_names_are_no_wildcards() {
    let attestors = "  attestors: [{name: cosign, cosign: {keyless: {identities: [{issuer: 'https://i', subject: 'a*'}, {issuerRegExp: '^https://j$', subject: b}]}, ctlog: {insecureIgnoreSCT: true}}}]\n";
    let policy = policy(&ivp(&format!("{LOOSE}{attestors}"), SIGNED));
    let image = input(&format!("ghcr.io/a@{A}"));
    let asked = on(&policy, &image, &Evidence::new()).images;
    let mut identities = Vec::new();
    for need in &asked {
        let ImageNeed::Signed(signed) = need else { panic!("{need:?}") };
        let Authority::Keyless(who) = &signed.authority else { panic!("{need:?}") };
        assert!(who.logs.ignore_certificate_log);
        identities.push((
            who.issuer.as_str(),
            who.issuer_pattern.as_str(),
            who.subject.as_str(),
            who.subject_pattern.as_str(),
        ));
    }
    identities.sort_unstable();
    assert_eq!(identities, [("", "^https://j$", "b", ""), ("https://i", "", "", "^a\\*$")]);
    let holds = |wanted: &str| {
        answered(&policy, &image, |need| match need {
            ImageNeed::Signed(signed) => match &signed.authority {
                Authority::Keyless(who) if who.subject == wanted => Answer::Signed { digest: A.to_owned() },
                _ => Answer::Refused("no".to_owned()),
            },
            _ => Answer::Unknown("it has one".to_owned()),
        })
        .0
    };
    says(&holds("b"), Status::Pass, "success");
    says(&holds("nobody"), Status::Fail, "not so");
}

#[test]
fn keys_may_be_found_by_expressions() {
    let attestors = "  variables: [{name: key, expression: object.metadata.labels.app}]\n  attestors: [{name: cosign, cosign: {key: {expression: variables.key, hashAlgorithm: sha512}}}]\n";
    let policy = policy(&ivp(&format!("{LOOSE}{attestors}"), SIGNED));
    let asked = on(&policy, &input(&format!("ghcr.io/a@{A}")), &Evidence::new()).images;
    assert_eq!(asked.iter().map(key_of).collect::<Vec<_>>(), ["web"]);
}

#[test]
fn images_stand_where_the_kind_keeps_them() {
    let policy = policy(&ivp(&format!("{LOOSE}{ATTESTORS}"), "images.containers.size() == 1"));
    let mut decoy = input("ghcr.io/a:1");
    decoy.request["object"]["template"] = json!({"spec": {}});
    decoy.request["object"]["spec"]["template"] = json!({"spec": {"containers": []}});
    says(&on(&policy, &decoy, &Evidence::new()), Status::Pass, "success");
}

#[test]
fn images_of_other_kinds_are_found_where_the_policy_says() {
    let lines =
        format!("{LOOSE}  images: [{{name: steps, expression: 'object.spec.steps.map(s, s.image)'}}]\n{ATTESTORS}");
    let text = ivp(&lines, SIGNED).replace("[pods]", "[tasks]").replace("images.containers", "images.steps");
    let policy = policy(&text);
    let task = |spec: Json| {
        let task =
            json!({"apiVersion": "v1", "kind": "Task", "metadata": {"name": "t", "namespace": "shop"}, "spec": spec});
        Input::of(task, Operation::Create)
    };
    let (found, _) = answered(&policy, &task(json!({"steps": [{"image": "ghcr.io/a/b:1"}]})), by_k);
    says(&found, Status::Pass, "success");
    let nowhere = on(&policy, &task(json!({})), &Evidence::new());
    assert_eq!(nowhere.responses[0].status, Status::Error, "what cannot be looked for is not absent");
    // A condition that does not hold comes before the extractors.
    let conditional =
        text.replace("  validations:", "  matchConditions: [{name: c, expression: 'false'}]\n  validations:");
    says(&on(&super::policy(&conditional), &task(json!({})), &Evidence::new()), Status::Skip, "skip");
}

#[test]
fn attestors_that_name_nobody_are_refused() {
    let refused = |attestors: &str, wanted: &str| {
        refuses(&ivp(&format!("  attestors: [{attestors}]\n"), "\"true\""), wanted);
    };
    refused("{cosign: {key: {data: k}}}", "needs a name of its own");
    refused("{name: a, cosign: {key: {data: k}}}, {name: a, cosign: {key: {data: o}}}", "needs a name of its own");
    refused("{name: a}", "one of `cosign` and `notary`");
    refused("{name: a, cosign: {}}", "one of `key`, `keyless` and `certificate`");
    refused("{name: a, cosign: {key: {}}}", "`key` needs one of");
    refused("{name: a, cosign: {keyless: {identities: []}}}", "names nobody");
    refused("{name: a, cosign: {keyless: {identities: [{}]}}}", "is anybody");
    refused("{name: a, cosign: {keyless: {identities: [{subjectRegExp: '('}]}}}", "no regular expression");
    refused("{name: a, cosign: {certificate: {}}}", "names nobody");
    refused("{name: a, notary: {}}", "names nobody");
    refused("{name: a, cosign: {key: {data: k}, tuf: {mirror: x}}}", "has no field `tuf`");
    refused("{name: a, cosign: {key: {data: k, hashAlgorithm: md5}}}", "no `hashAlgorithm`");
    refuses(&ivp("  attestors: []\n  attestations: [{name: a}]\n", "\"true\""), "one of `intoto` and `referrer`");
}
