//! Rules about signed images, with the answers of a registry made up, and with hostile ones.

use serde_json::{Value, json};
use signet_yaml::{Limits, parse};

use super::*;
use crate::kyverno::{Operation as Op, Snapshot};

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const KEY: &str = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";

fn surroundings() -> Surroundings {
    Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

fn load(entry: &str) -> Result<Policy, String> {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p, annotations: {{pod-policies.kyverno.io/autogen-controllers: none}}}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{entry}]"
    );
    let documents = parse(&text, &Limits::default()).expect("YAML");
    Policy::load(&documents[0].root).map_err(|problems| format!("{problems:?}"))
}

fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "default"}, "spec": {"containers": [{"name": "a", "image": image}]}})
}

/// Answers each question by its name, until none is left.
fn ask(policy: &Policy, object: Value, answer: impl Fn(&ImageNeed) -> Option<Answer>) -> Verified {
    let input = Input::of(object, Op::Create);
    let mut evidence = Evidence::new();
    loop {
        let verified = policy.verify_images(&input, &[], &Snapshot::new(), &evidence, &surroundings());
        let known = evidence.len();
        evidence.extend(verified.images.iter().filter_map(|need| Some((need.clone(), answer(need)?))));
        if evidence.len() == known {
            return verified;
        }
    }
}

fn key_of(need: &ImageNeed) -> String {
    match need {
        ImageNeed::Signed(signed) => match &signed.authority {
            Authority::Key { key, .. } => key.clone(),
            _ => String::new(),
        },
        ImageNeed::Digest { .. } => String::new(),
        other => unreachable!("Kyverno asks no `{other}`"),
    }
}

/// The tag has a digest, and the holders of these keys signed it.
fn signed_by<'k>(keys: &'k [&str]) -> impl Fn(&ImageNeed) -> Option<Answer> + 'k {
    move |need| {
        Some(match need {
            ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
            need if keys.contains(&key_of(need).as_str()) => Answer::Signed { digest: DIGEST.to_owned() },
            _ => Answer::Refused("no matching signatures".to_owned()),
        })
    }
}

#[track_caller]
fn check(
    entry: &str,
    image: &str,
    answer: impl Fn(&ImageNeed) -> Option<Answer>,
    status: Status,
    message: &str,
) -> Option<Value> {
    let verified = ask(&load(entry).expect("a policy"), pod(image), answer);
    let [response] = verified.responses.as_slice() else { panic!("one response: {:?}", verified.responses) };
    assert_eq!(response.status, status, "{}", response.message);
    assert!(response.message.contains(message), "{}", response.message);
    verified.object
}

fn entries(rest: &str, keys: &[&str]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("{{keys: {{kms: '{key}'}}}}")).collect();
    format!("{{imageReferences: ['ghcr.io/org/*'], attestors: [{{{rest} entries: [{}]}}]}}", keys.join(", "))
}

#[test]
fn the_digest_that_was_verified_is_written_beside_the_tag() {
    let object = check(
        &entries("", &["a"]),
        "ghcr.io/org/app:1",
        signed_by(&["a"]),
        Status::Pass,
        "verified image signatures for ghcr.io/org/app:1",
    );
    let object = object.expect("changed");
    assert_eq!(object["spec"]["containers"][0]["image"], json!(format!("ghcr.io/org/app:1@{DIGEST}")));
    let said = object["metadata"]["annotations"]["kyverno.io/verify-images"].as_str().expect("an annotation");
    assert_eq!(said, json!({format!("ghcr.io/org/app@{DIGEST}"): "pass"}).to_string());
    let refused = check(
        &entries("", &["a"]),
        "ghcr.io/org/app:1",
        signed_by(&[]),
        Status::Fail,
        ".attestors[0].entries[0].keys: no matching signatures",
    );
    assert_eq!(refused, None);
}

#[test]
fn nothing_is_asked_twice_and_everything_by_digest() {
    let policy = load(&entries("", &["a", "b"])).expect("a policy");
    let input = Input::of(pod("ghcr.io/org/app:1"), Op::Create);
    let first = policy.verify_images(&input, &[], &Snapshot::new(), &Evidence::new(), &surroundings());
    let needs: Vec<String> = first.images.iter().map(ToString::to_string).collect();
    assert_eq!(needs, ["the digest of `ghcr.io/org/app:1`"]);
    assert_eq!(first.responses[0].status, Status::Error);
    let digest = first.images.first().expect("a need").clone();
    let evidence = Evidence::from([(digest, Answer::Digest(DIGEST.to_owned()))]);
    let second = policy.verify_images(&input, &[], &Snapshot::new(), &evidence, &surroundings());
    let needs: Vec<String> = second.images.iter().map(ToString::to_string).collect();
    let want = ["a", "b"].map(|key| format!("the signatures of `ghcr.io/org/app@{DIGEST}` by key `{key}`"));
    assert_eq!(needs, want);
}

#[test]
fn an_answer_about_another_digest_is_none() {
    // CVE-2022-47633: a registry that answers differently the second time.
    let moved = |need: &ImageNeed| {
        Some(match need {
            ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
            ImageNeed::Signed(_) => Answer::Signed { digest: OTHER.to_owned() },
            other => unreachable!("Kyverno asks no `{other}`"),
        })
    };
    check(&entries("", &["a"]), "ghcr.io/org/app:1", moved, Status::Fail, "not about sha256:1111");
    let evil = |_: &ImageNeed| Some(Answer::Digest("sha256:1\",\"evil".to_owned()));
    check(&entries("", &["a"]), "ghcr.io/org/app:1", evil, Status::Error, "is no digest");
}

#[test]
fn the_annotation_of_a_user_is_not_believed() {
    // CVE class: `kyverno.io/verify-images` written by whoever makes the Pod.
    let mut object = pod(&format!("ghcr.io/org/app@{DIGEST}"));
    object["metadata"]["annotations"] = json!({"kyverno.io/verify-images": json!({format!("ghcr.io/org/app@{DIGEST}"): "pass", "evil": "pass"}).to_string()});
    let policy = load(&entries("", &["a"])).expect("a policy");
    let refused = ask(&policy, object.clone(), signed_by(&[]));
    assert_eq!(refused.responses[0].status, Status::Fail);
    let unknown = ask(&policy, object.clone(), |_| None);
    assert_eq!(unknown.responses[0].status, Status::Error);
    let overwritten = ask(&policy, object, signed_by(&["a"])).object.expect("changed");
    let said = overwritten["metadata"]["annotations"]["kyverno.io/verify-images"].as_str().expect("an annotation");
    assert!(!said.contains("evil"), "{said}");
}

#[test]
fn sets_count_their_entries() {
    let two = entries("count: 2,", &["a", "b", "c"]);
    check(&two, "ghcr.io/org/app:1", signed_by(&["a", "c"]), Status::Pass, "verified");
    check(&two, "ghcr.io/org/app:1", signed_by(&["b"]), Status::Fail, "no matching signatures");
    check(&entries("", &["a", "b"]), "ghcr.io/org/app:1", signed_by(&["a"]), Status::Fail, "entries[1]");
    let sets = "{imageReferences: ['*'], attestors: [{entries: [{keys: {kms: a}}]}, {entries: [{keys: {kms: b}}]}]}";
    check(sets, "app:1", signed_by(&["a"]), Status::Fail, ".attestors[1]");
    check(sets, "app:1", signed_by(&["a", "b"]), Status::Pass, "docker.io/app:1");
    let nested = "{imageReferences: ['*'], attestors: [{count: 1, entries: [{keys: {kms: a}}, {attestor: {entries: [{keys: {kms: b}}, {keys: {kms: c}}]}}]}]}";
    check(nested, "app:1", signed_by(&["b"]), Status::Fail, "entries[1].attestor.entries[1].keys");
    check(nested, "app:1", signed_by(&["b", "c"]), Status::Pass, "verified");
    let several = format!(
        "{{imageReferences: ['*'], attestors: [{{count: 1, entries: [{{keys: {{publicKeys: {}}}}}]}}]}}",
        json!(format!("{KEY}\n{}\n", KEY.replace("AAAA", "BBBB")))
    );
    check(&several, "app:1", signed_by(&[&KEY.replace("AAAA", "BBBB")]), Status::Pass, "verified");
}

#[test]
fn what_is_not_known_is_an_error_only_where_it_matters() {
    let one = entries("count: 1,", &["a", "b"]);
    let half = |known: &'static str, held: bool| {
        move |need: &ImageNeed| match need {
            ImageNeed::Digest { .. } => Some(Answer::Digest(DIGEST.to_owned())),
            need if key_of(need) == known && held => Some(Answer::Signed { digest: DIGEST.to_owned() }),
            need if key_of(need) == known => Some(Answer::Refused("no".to_owned())),
            _ => Some(Answer::Unknown("the registry cannot be reached".to_owned())),
        }
    };
    check(&one, "ghcr.io/org/app:1", half("b", true), Status::Pass, "verified");
    check(&one, "ghcr.io/org/app:1", half("b", false), Status::Error, "cannot be reached");
    check(&entries("", &["a", "b"]), "ghcr.io/org/app:1", half("b", false), Status::Fail, "no");
    check(&entries("", &["a"]), "ghcr.io/org/app:1", |_| None, Status::Error, "is needed and was not given");
}

#[test]
fn references_name_images_in_their_canonical_form() {
    let about = |references: &str, image: &str| {
        let policy = load(&format!(
            "{{imageReferences: [{references}], required: false, verifyDigest: false, mutateDigest: false}}"
        ));
        !ask(&policy.expect("a policy"), pod(image), |_| None).responses.is_empty()
    };
    assert!(about("'docker.io/nginx:*'", "nginx"));
    assert!(about(
        "'ghcr.io/org/*'",
        "ghcr.io/org/app@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    ));
    // The tag brings it under the rule although there is a digest.
    assert!(about("'ghcr.io/org/app:1'", &format!("ghcr.io/org/app:1@{DIGEST}")));
    assert!(!about("'ghcr.io/org/*'", "ghcr.io/organ/app:1"));
    let skipping = "{imageReferences: ['*'], skipImageReferences: ['ghcr.io/org/app:dev*'], attestors: [{entries: [{keys: {kms: a}}]}]}";
    check(skipping, "ghcr.io/org/app:dev1", |_| None, Status::Skip, "image skipped");
    // It does not bring it out of one.
    check(skipping, &format!("ghcr.io/org/app:dev1@{DIGEST}"), |_| None, Status::Error, "needed");
    let odd = ask(&load("{imageReferences: ['*']}").expect("a policy"), pod("ghcr.io/оrg/app:1"), |_| None);
    assert_eq!(odd.responses[0].status, Status::Error);
}

#[test]
fn each_container_is_looked_at_also_those_of_one_name() {
    let mut object = pod("ghcr.io/org/app:1");
    object["spec"]["initContainers"] = json!([{"name": "a", "image": "ghcr.io/org/app:1"}]);
    object["spec"]["containers"] =
        json!([{"name": "a", "image": "ghcr.io/org/evil:1"}, {"name": "a", "image": "ghcr.io/org/app:1"}]);
    object["spec"]["volumes"] = json!([{"name": "v", "image": {"reference": "ghcr.io/org/model:1"}}]);
    let answer = |need: &ImageNeed| match need {
        ImageNeed::Signed(signed) if !signed.reference.starts_with("ghcr.io/org/app@") => {
            Some(Answer::Refused("no".to_owned()))
        }
        need => signed_by(&["a"])(need),
    };
    let verified = ask(&load(&entries("", &["a"])).expect("a policy"), object, answer);
    let message = &verified.responses[0].message;
    assert!(message.contains("org/evil") && message.contains("org/model"), "{message}");
}

#[test]
fn images_of_other_kinds_are_where_extractors_say() {
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: ['tekton.dev/v1/Task']}}]}\n    imageExtractors: {Task: [{path: /spec/steps/*, value: image, key: name, name: steps}, {path: /spec/boxes/*/side/image}]}\n    verifyImages: [{imageReferences: ['ghcr.io/*'], attestors: [{entries: [{keys: {kms: a}}]}]}]";
    let documents = parse(text, &Limits::default()).expect("YAML");
    let policy = Policy::load(&documents[0].root).expect("a policy");
    let task = |spec: Value| json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "t", "namespace": "n"}, "spec": spec});
    let object = task(
        json!({"steps": [{"name": "s", "image": "ghcr.io/a:1"}], "boxes": {"x": {"side": {"image": "ghcr.io/b:1"}}}}),
    );
    let made = ask(&policy, object, signed_by(&["a"])).object.expect("changed");
    assert_eq!(made["spec"]["steps"][0]["image"], json!(format!("ghcr.io/a:1@{DIGEST}")));
    assert_eq!(made["spec"]["boxes"]["x"]["side"]["image"], json!(format!("ghcr.io/b:1@{DIGEST}")));
    let odd = ask(&policy, task(json!({"steps": ["ghcr.io/a:1"]})), signed_by(&["a"]));
    assert_eq!(odd.responses[0].status, Status::Error, "{:?}", odd.responses);
}

#[test]
fn digests_and_requirements() {
    let plain = |rest: &str| format!("{{imageReferences: ['*'], {rest}}}");
    let digest = |need: &ImageNeed| signed_by(&[])(need);
    check(
        &plain("mutateDigest: false, required: false"),
        "app:1",
        digest,
        Status::Fail,
        "missing digest for docker.io/app:1",
    );
    check(&plain("mutateDigest: false, required: false"), &format!("app@{DIGEST}"), digest, Status::Pass, "verified");
    check(&plain("mutateDigest: false, verifyDigest: false"), "app:1", digest, Status::Fail, "unverified image");
    let object = check(&plain("required: false"), "app", digest, Status::Pass, "verified").expect("changed");
    assert_eq!(object["spec"]["containers"][0]["image"], json!(format!("docker.io/app:latest@{DIGEST}")));
    assert_eq!(object["metadata"].get("annotations"), None);
}

#[test]
fn statements_of_the_type_must_exist_and_all_be_as_conditions_say() {
    let entry = "{imageReferences: ['*'], attestations: [{type: 'https://slsa.dev/provenance/v1', attestors: [{entries: [{keys: {kms: a}}]}], conditions: [{all: [{key: '{{ builder.id }}', operator: Equals, value: good}]}]}]}";
    let statements = |kinds: &'static [(&'static str, &'static str)]| {
        move |need: &ImageNeed| {
            Some(match need {
                ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
                ImageNeed::Signed(_) => Answer::Statements {
                    digest: DIGEST.to_owned(),
                    statements: kinds
                        .iter()
                        .map(
                            |(kind, builder)| json!({"predicateType": kind, "predicate": {"builder": {"id": builder}}}),
                        )
                        .collect(),
                },
                other => unreachable!("Kyverno asks no `{other}`"),
            })
        }
    };
    const SLSA: &str = "https://slsa.dev/provenance/v1";
    check(
        entry,
        "app:1",
        statements(&[(SLSA, "good")]),
        Status::Pass,
        "verified image attestations for docker.io/app:1",
    );
    check(entry, "app:1", statements(&[(SLSA, "good"), (SLSA, "evil")]), Status::Fail, "attestation checks failed");
    check(entry, "app:1", statements(&[]), Status::Fail, "not found");
    // CVE-2022-35930: one of another type says nothing.
    check(entry, "app:1", statements(&[("https://example.com/other", "good")]), Status::Fail, "not found");
    let unknown = entry.replace("builder.id", "builder.none");
    check(&unknown, "app:1", statements(&[(SLSA, "good")]), Status::Error, "builder.none");
    let named = "{imageReferences: ['*'], attestations: [{name: slsa, type: 'https://slsa.dev/provenance/v1', attestors: [{entries: [{keys: {kms: a}}]}]}], validate: {message: 'by {{ slsa.builder.id }}', deny: {conditions: {any: [{key: '{{ slsa.builder.id }}', operator: Equals, value: evil}]}}}}";
    check(named, "app:1", statements(&[(SLSA, "good")]), Status::Pass, "verified");
    check(named, "app:1", statements(&[(SLSA, "evil")]), Status::Fail, "by evil");
}

/// Statements of type `T` with these predicates, whoever asks.
fn predicates(found: Value) -> impl Fn(&ImageNeed) -> Option<Answer> {
    move |need| {
        let statements = found.as_array().into_iter().flatten();
        Some(match need {
            ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
            ImageNeed::Signed(_) => Answer::Statements {
                digest: DIGEST.to_owned(),
                statements: statements.map(|predicate| json!({"predicateType": "T", "predicate": predicate})).collect(),
            },
            other => unreachable!("Kyverno asks no `{other}`"),
        })
    }
}

#[test]
fn each_statement_of_a_name_is_held_to_the_deny() {
    let entry = "{imageReferences: ['*'], attestations: [{name: vuln, type: T, attestors: [{entries: [{keys: {kms: a}}]}]}], validate: {deny: {conditions: {any: [{key: '{{ vuln.critical }}', operator: GreaterThan, value: 0}]}}}}";
    let says = |found: Value, status, message: &str| {
        check(entry, "app:1", predicates(found), status, message);
    };
    says(json!([{"critical": 0}, {"critical": 0}]), Status::Pass, "verified");
    says(json!([{"critical": 0}, {"critical": 3}]), Status::Fail, "attestations verification failed");
    says(json!([{"critical": 3}, {"critical": 0}]), Status::Fail, "attestations verification failed");
    says(json!([null]), Status::Error, "it is no mapping");
    says(json!([{"critical": 0}, [{"critical": 0}]]), Status::Error, "it is no mapping");
    says(json!([{"critical": 0}, {}]), Status::Error, "vuln.critical");
    let two = "{imageReferences: ['*'], attestations: [{name: a, type: T}, {name: b, type: T}], validate: {deny: {conditions: {all: [{key: '{{ a.n }}', operator: Equals, value: 1}, {key: '{{ b.n }}', operator: Equals, value: 2}]}}}}";
    check(two, "app:1", predicates(json!([{"n": 1}, {"n": 2}])), Status::Fail, "attestations verification failed");
    check(two, "app:1", predicates(json!([{"n": 1}, {"n": 1}])), Status::Pass, "verified");
    let many: Vec<Value> = (0..40).map(|_| json!({"n": 0})).collect();
    check(two, "app:1", predicates(json!(many)), Status::Error, "more than 1000 combinations");
}

#[test]
fn fields_of_a_predicate_say_nothing_of_the_context() {
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    context: [{name: allowed, configMap: {name: c, namespace: ns}}]\n    verifyImages: [{imageReferences: ['*'], attestations: [{type: T, conditions: [{all: [{key: '{{ builder.id }}', operator: AnyIn, value: '{{ allowed.data.ids }}'}]}]}]}]";
    let documents = parse(text, &Limits::default()).expect("YAML");
    let policy = Policy::load(&documents[0].root).expect("a policy");
    let need = Need::ConfigMap { namespace: "ns".to_owned(), name: "c".to_owned() };
    let snapshot = Snapshot::from([(need.clone(), json!({"data": {"ids": "good"}}))]);
    let input = Input::of(pod(&format!("app@{DIGEST}")), Op::Create);
    let says = |predicate: Value, snapshot: &Snapshot| {
        let answer = predicates(json!([predicate]));
        let mut evidence = Evidence::new();
        let asked = policy.verify_images(&input, &[], snapshot, &evidence, &surroundings());
        evidence.extend(asked.images.into_iter().filter_map(|need| Some((need.clone(), answer(&need)?))));
        policy.verify_images(&input, &[], snapshot, &evidence, &surroundings())
    };
    assert_eq!(says(json!({"builder": {"id": "good"}}), &snapshot).responses[0].status, Status::Pass);
    assert_eq!(says(json!({"builder": {"id": "evil"}}), &snapshot).responses[0].status, Status::Fail);
    assert_eq!(says(json!({"builder": {"id": "good"}}), &Snapshot::new()).needs, BTreeSet::from([need]));
    for name in ["allowed", "request", "images", "serviceAccountName"] {
        let found = says(json!({"builder": {"id": "evil"}, name: {"data": {"ids": "evil"}}}), &snapshot);
        let response = &found.responses[0];
        assert_eq!(response.status, Status::Error, "{name}");
        assert!(response.message.contains("the name of something else"), "{}", response.message);
    }
}

#[test]
fn a_failure_means_what_the_entries_that_failed_say() {
    let failing =
        "{failureAction: Enforce, imageReferences: ['ghcr.io/prod/*'], attestors: [{entries: [{keys: {kms: a}}]}]}";
    let other =
        "{failureAction: Audit, imageReferences: ['ghcr.io/dev/*'], attestors: [{entries: [{keys: {kms: a}}]}]}";
    let action = |entries: &str| {
        let verified = ask(&load(entries).expect("a policy"), pod("ghcr.io/prod/app:1"), signed_by(&[]));
        (verified.responses[0].status, verified.responses[0].action)
    };
    assert_eq!(action(&format!("{failing}, {other}")), (Status::Fail, Action::Enforce));
    assert_eq!(action(&format!("{other}, {failing}")), (Status::Fail, Action::Enforce));
    let both = other.replace("ghcr.io/dev/*", "*");
    assert_eq!(action(&format!("{failing}, {both}")), (Status::Fail, Action::Enforce));
    assert_eq!(action(&both), (Status::Fail, Action::Audit));
    let unresolved = failing.replace("kms: a", "kms: '{{ request.none }}'");
    assert_eq!(action(&unresolved), (Status::Error, Action::Enforce));
    // An override for the namespace counts more.
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureActionOverrides: [{{action: Audit, namespaces: [default]}}]\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{failing}]"
    );
    let documents = parse(&text, &Limits::default()).expect("YAML");
    let policy = Policy::load(&documents[0].root).expect("a policy");
    assert_eq!(ask(&policy, pod("ghcr.io/prod/app:1"), signed_by(&[])).responses[0].action, Action::Audit);
}

#[test]
fn a_variable_that_says_nothing_is_no_demand_left_out() {
    let says = |entry: &str, value: Value, status, message: &str| {
        let mut object = pod("app:1");
        object["spec"]["x"] = value;
        let verified = ask(&load(entry).expect("a policy"), object, |need| match need {
            ImageNeed::Digest { .. } => Some(Answer::Digest(DIGEST.to_owned())),
            ImageNeed::Signed(_) => Some(Answer::Signed { digest: DIGEST.to_owned() }),
            other => unreachable!("Kyverno asks no `{other}`"),
        });
        let response = &verified.responses[0];
        assert_eq!(response.status, status, "{}", response.message);
        assert!(response.message.contains(message), "{}", response.message);
    };
    let keyless = |rest: &str| {
        format!("{{imageReferences: ['*'], attestors: [{{entries: [{{keyless: {{subject: s, {rest}}}}}]}}]}}")
    };
    let variable = "'{{ request.object.spec.x }}'";
    for entry in [
        keyless(&format!("additionalExtensions: {{githubWorkflowRunAttempt: {variable}}}")),
        keyless(&format!("issuer: {variable}")),
        format!(
            "{{imageReferences: ['*'], annotations: {{build: {variable}}}, attestors: [{{entries: [{{keys: {{kms: a}}}}]}}]}}"
        ),
        format!("{{imageReferences: ['*', {variable}], attestors: [{{entries: [{{keys: {{kms: a}}}}]}}]}}"),
    ] {
        says(&entry, json!("1"), Status::Pass, "verified");
        for value in [json!(1), json!(null), json!(true), json!(["*"]), json!({"a": "b"})] {
            says(&entry, value, Status::Error, "is no text");
        }
        says(&entry, json!(""), Status::Error, "an empty text");
    }
    let twice = format!(
        "{{imageReferences: ['*'], annotations: {{a: b, {variable}: c}}, attestors: [{{entries: [{{keys: {{kms: a}}}}]}}]}}"
    );
    says(&twice, json!("z"), Status::Pass, "verified");
    says(&twice, json!("a"), Status::Error, "comes out twice");
    says(&twice, json!(""), Status::Error, "an empty key");
}

#[test]
fn a_tag_has_one_digest_in_a_policy() {
    // A registry that tells who asks with credentials of one thing, and everybody else of another.
    let answer = |need: &ImageNeed| {
        Some(match need {
            ImageNeed::Digest { credentials, .. } if credentials.secrets.is_empty() => Answer::Digest(OTHER.to_owned()),
            ImageNeed::Digest { .. } => Answer::Digest(DIGEST.to_owned()),
            ImageNeed::Signed(_) => Answer::Signed { digest: DIGEST.to_owned() },
            other => unreachable!("Kyverno asks no `{other}`"),
        })
    };
    let signed = "{imageReferences: ['*'], imageRegistryCredentials: {secrets: [a]}, attestors: [{entries: [{keys: {kms: a}}]}]}";
    let plain = "{imageReferences: ['*'], required: false}";
    let object = check(&format!("{signed}, {plain}"), "app:1", answer, Status::Pass, "verified").expect("changed");
    assert_eq!(object["spec"]["containers"][0]["image"], json!(format!("docker.io/app:1@{DIGEST}")));
    check(&format!("{plain}, {signed}"), "app:1", answer, Status::Fail, "not about sha256:2222");
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{}]\n  - name: s\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{plain}]",
        signed.replace("attestors", "mutateDigest: false, verifyDigest: false, attestors")
    );
    let documents = parse(&text, &Limits::default()).expect("YAML");
    let object = ask(&Policy::load(&documents[0].root).expect("a policy"), pod("app:1"), answer).object;
    let object = object.expect("changed");
    assert_eq!(object["spec"]["containers"][0]["image"], json!(format!("docker.io/app:1@{DIGEST}")));
}

#[test]
fn other_names_of_a_registry_do_not_lead_out_of_a_rule() {
    let about = |reference: &str, rest: &str, image: &str| {
        let entry = format!(
            "{{imageReferences: ['{reference}'], {rest} required: false, verifyDigest: false, mutateDigest: false}}"
        );
        let verified = ask(&load(&entry).expect("a policy"), pod(image), |_| None);
        verified.responses.first().map(|response| response.status)
    };
    for (reference, image) in [
        ("ghcr.io/acme/*", "GHCR.IO/acme/evil:1"),
        ("ghcr.io/acme/*", "ghcr.io:443/acme/evil:1"),
        ("ghcr.io/acme/*", "Ghcr.io:443/acme/evil:1"),
        ("ghcr.io:443/acme/*", "ghcr.io/acme/evil:1"),
        ("docker.io/acme/*", "index.docker.io/acme/evil:1"),
        ("docker.io/acme/*", "registry-1.docker.io/acme/evil:1"),
        ("index.docker.io/acme/*", "acme/evil:1"),
        ("docker.io/nginx*", "docker.io/library/nginx"),
        ("docker.io/library/nginx*", "nginx"),
        ("docker.io/nginx*", "INDEX.docker.io:443/library/nginx"),
    ] {
        assert_eq!(about(reference, "", image), Some(Status::Pass), "{reference} {image}");
    }
    assert_eq!(about("ghcr.io/acme/*", "", "ghcr.io:5000/acme/app:1"), None);
    assert_eq!(about("docker.io/nginx*", "", "quay.io/library/nginx"), None);
    assert_eq!(about("docker.io/library/*", "", "acme/app"), None);
    // Only the name as written leads out of one.
    assert_eq!(about("*", "skipImageReferences: ['ghcr.io/*'],", "ghcr.io/app:1"), Some(Status::Skip));
    assert_eq!(about("*", "skipImageReferences: ['ghcr.io/*'],", "GHCR.IO/app:1"), Some(Status::Pass));
}

#[test]
fn no_annotation_of_a_user_survives_and_rules_keep_what_others_said() {
    const NAME: &str = "kyverno.io/verify-images";
    let mut object = pod(&format!("ghcr.io/org/app@{DIGEST}"));
    object["metadata"]["annotations"] =
        json!({"mine": "a", NAME: json!({format!("ghcr.io/org/app@{DIGEST}"): "pass"}).to_string()});
    let annotations = |verified: Verified| verified.object.expect("changed")["metadata"]["annotations"].clone();
    let policy = load(&entries("", &["a"])).expect("a policy");
    assert_eq!(annotations(ask(&policy, object.clone(), signed_by(&[]))), json!({"mine": "a"}));
    assert_eq!(annotations(ask(&policy, object.clone(), |_| None)), json!({"mine": "a"}));
    let nothing = load("{imageReferences: ['quay.io/*']}").expect("a policy");
    assert_eq!(annotations(ask(&nothing, object.clone(), |_| None)), json!({"mine": "a"}));
    let rule = |name: &str, image: &str| {
        format!(
            "  - name: {name}\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{{imageReferences: ['{image}'], attestors: [{{entries: [{{keys: {{kms: a}}}}]}}]}}]\n"
        )
    };
    let rules = |rules: &[String]| {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n{}",
            rules.concat()
        );
        let documents = parse(&text, &Limits::default()).expect("YAML");
        Policy::load(&documents[0].root).expect("a policy")
    };
    object["spec"]["containers"].as_array_mut().expect("a list").push(json!({"name": "b", "image": "quay.io/b:1"}));
    let (app, other) = (format!("ghcr.io/org/app@{DIGEST}"), format!("quay.io/b@{DIGEST}"));
    let two = rules(&[rule("r", "ghcr.io/*"), rule("s", "quay.io/*")]);
    let said = annotations(ask(&two, object.clone(), signed_by(&["a"])));
    assert_eq!(said[NAME], json!(json!({&app: "pass", &other: "pass"}).to_string()));
    // What one rule lets through and another does not is not let through.
    let other_key = rule("s", "*").replace("kms: a", "kms: b");
    let said = annotations(ask(&rules(&[rule("r", "ghcr.io/*"), other_key]), object, signed_by(&["a"])));
    assert_eq!(said, json!({"mine": "a"}));
}

#[test]
fn statements_lie_where_the_entry_says() {
    let entry = "{imageReferences: ['*'], repository: example.com/signatures, attestations: [{type: T}]}";
    let policy = load(entry).expect("a policy");
    let verified = ask(&policy, pod(&format!("app@{DIGEST}")), |_| None);
    let needs: Vec<&ImageNeed> = verified.images.iter().collect();
    assert!(
        matches!(needs.as_slice(), [ImageNeed::Signed(signed)] if signed.repository == "example.com/signatures" && signed.authority == Authority::Anybody),
        "{needs:?}"
    );
}

#[test]
fn a_rule_asks_so_much_and_no_more() {
    let containers = |count: usize| -> Value {
        let images =
            (0..count).map(|at| json!({"name": format!("c{at}"), "image": format!("ghcr.io/org/a@sha256:{at:064x}")}));
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "default"}, "spec": {"containers": images.collect::<Vec<_>>()}})
    };
    let keys: Vec<String> = (0..10).map(|at| format!("k{at}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (count, message) in [(15_000, "more than 256 images"), (200, "")] {
        let verified = ask(&load(&entries("", &keys)).expect("a policy"), containers(count), |_| None);
        let response = &verified.responses[0];
        assert_eq!(response.status, Status::Error);
        assert!(verified.images.len() <= 1_024, "{}", verified.images.len());
        assert!(response.message.len() < 9 << 10, "{}", response.message.len());
        let one = load(&entries("", &["k"])).expect("a policy");
        let answer = |need: &ImageNeed| match need {
            ImageNeed::Signed(signed) => {
                Some(Answer::Signed { digest: signed.reference.split_once('@').expect("a digest").1.to_owned() })
            }
            ImageNeed::Digest { .. } => None,
            other => unreachable!("Kyverno asks no `{other}`"),
        };
        let verified = ask(&one, containers(count), answer);
        assert!(verified.responses[0].message.contains(message), "{}", verified.responses[0].message);
        assert_eq!(verified.responses[0].status, if message.is_empty() { Status::Pass } else { Status::Error });
    }
}

#[test]
fn keys_may_come_from_variables() {
    let entry =
        "{imageReferences: ['*'], attestors: [{entries: [{keys: {kms: 'k8s://{{ request.namespace }}/keys'}}]}]}";
    check(entry, "app:1", signed_by(&["k8s://default/keys"]), Status::Pass, "verified");
    check(
        &entry.replace("request.namespace", "request.none"),
        "app:1",
        signed_by(&[]),
        Status::Error,
        "failed to substitute variables",
    );
}

#[test]
fn what_would_trust_anybody_is_refused_at_load() {
    let refused = |entry: &str, message: &str| {
        let problems = load(entry).expect_err("refused");
        assert!(problems.contains(message), "{problems}");
    };
    let attestor = |attestor: &str| format!("{{imageReferences: ['*'], attestors: [{{entries: [{attestor}]}}]}}");
    refused(&attestor("{keyless: {rekor: {url: 'https://rekor.example'}}}"), "names nobody");
    refused(&attestor("{keyless: {subjectRegExp: '('}}"), "no regular expression");
    refused(&attestor("{keyless: {subject: a, subjectRegex: b}}"), "did you mean");
    refused(&attestor("{}"), "is one of");
    refused(&attestor("{keys: {kms: a}, keyless: {subject: b}}"), "is one of");
    refused(&attestor("{keys: {signatureAlgorithm: md5, kms: a}}"), "signatureAlgorithm");
    refused("{imageReferences: ['*'], attestors: [{count: 2, entries: [{keys: {kms: a}}]}]}", "`count` is 2");
    refused("{imageReferences: ['*'], attestors: [{count: -1, entries: [{keys: {kms: a}}]}]}", "`count` is -1");
    refused("{imageReferences: ['*'], attestors: [{count: 1}]}", "needs `entries`");
    refused("{attestors: [{entries: [{keys: {kms: a}}]}]}", "needs `imageReferences`");
    refused("{imageReferences: ['*'], type: Sigstore}", "is no `type`");
    refused("{imageReferences: ['*'], attestations: [{name: a}]}", "needs a `type`");
    refused("null", "holds an empty entry");
    let older = |rest: &str| format!("{{imageReferences: ['*'], {rest}}}");
    for name in ["issuer: a", "subject: a", "roots: a", "additionalExtensions: {a: b}"] {
        refused(&older(&format!("key: k, {name}")), "name different signers");
    }
    let newer = "attestors: [{entries: [{keys: {kms: a}}]}]";
    refused(&older(&format!("additionalExtensions: {{a: b}}, {newer}")), "belong to `issuer`");
    let attestations = "attestations: [{type: T, attestors: [{entries: [{keys: {kms: a}}]}]}]";
    refused(&older(&format!("annotations: {{a: b}}, {attestations}")), "are asked of attestors");
    load(&older(&format!("annotations: {{a: b}}, {newer}, {attestations}"))).expect("a policy");
    load(&older("image: x, subject: a, issuer: b, additionalExtensions: {a: b}")).expect("a policy");
}
