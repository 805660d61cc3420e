use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::kyverno::verify_images::{
    Answer, Demand, DemandedLog, DemandedSigner, Evidence, Found, ImageNeed, Layout, RootRef,
};
use crate::kyverno::{Action, Input, Operation, Status};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "sha256:f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn document(text: &str) -> signet_yaml::Document {
    signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap().remove(0)
}

const STATIC: &str =
    "validators:\n- {name: default, type: static, approve: true}\n- {name: deny, type: static, approve: false}\n";
const ROOTS: &str = "validators:\n- name: default\n  type: cosign\n  trustRoots:\n  - {name: default, key: 'k8s://a/default'}\n  - {name: one, key: 'k8s://a/one'}\n  - {name: two, key: 'k8s://a/two'}\n";

#[track_caller]
fn config(validators: &str, rules: &str) -> Config {
    Config::load(&document(&format!("{validators}policy:\n{rules}")).root).unwrap()
}

fn pod(image: &str) -> Input {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns"},
        "spec": {"containers": [{"name": "c", "image": image}]}});
    Input::of(pod, Operation::Create)
}

fn decided(config: &Config, input: &Input, answer: &dyn Fn(&Demand) -> Answer) -> Judgement {
    let mut evidence = Evidence::new();
    loop {
        let judgement = config.judge(input, &evidence);
        if judgement.images.is_empty() {
            return judgement;
        }
        for need in judgement.images {
            let said = match &need {
                ImageNeed::Verified(demand) => answer(demand),
                _ => Answer::Digest(DIGEST.to_owned()),
            };
            evidence.insert(need, said);
        }
    }
}

fn signed(digest: &str) -> Answer {
    Answer::Found(Box::new(Found {
        digest: digest.to_owned(),
        signatures: vec![json!({"id": "1"})],
        statements: Vec::new(),
    }))
}

/// Signed by these of the keys `one`, `two`, `default`; for the others nobody knows it, if `unknown`.
fn by<'a>(names: &'a [&'a str], unknown: bool) -> impl Fn(&Demand) -> Answer + 'a {
    move |demand| match &demand.signer {
        DemandedSigner::Key { key, .. } if names.iter().any(|name| key.ends_with(&format!("/{name}"))) => {
            signed(DIGEST)
        }
        _ if unknown => Answer::Unknown("the registry is down".to_owned()),
        _ => Answer::Refused("no matching signatures".to_owned()),
    }
}

#[track_caller]
fn check_rule(rules: &[&str], image: &str, wanted: Option<&str>) {
    let text: String = rules.iter().map(|rule| format!("- pattern: '{rule}'\n")).collect();
    assert_eq!(config(STATIC, &text).pattern_for(image), wanted, "{image}");
}

#[test]
fn the_rule_that_fits_best_counts() {
    let rules = [
        "*:*",
        "docker.io/*:*",
        "registry.k8s.io/*:*",
        "docker.io/acme/sample",
        "docker.io/acme/sample:v1",
        "my.registry/*",
        "my.registry/test",
    ];
    check_rule(&rules, "docker.io/library/image:tag", Some("docker.io/*:*"));
    check_rule(&rules, "registry.io/image:tag", Some("*:*"));
    check_rule(&rules, "registry.k8s.io/image:latest", Some("registry.k8s.io/*:*"));
    check_rule(&rules, "docker.io/acme/sample:v1", Some("docker.io/acme/sample:v1"));
    check_rule(&rules, "docker.io/acme/sample:v2", Some("docker.io/acme/sample"));
    check_rule(&rules, "my.registry/test:tag", Some("my.registry/test"));
    check_rule(&rules, "MY.registry/abc:tag", Some("my.registry/*"));
    check_rule(&["acme/*"], "docker.io/acme/x:1", Some("acme/*"));
    check_rule(&["acme/[ab]*:{x,y}"], "docker.io/acme/az:y", Some("acme/[ab]*:{x,y}"));
    check_rule(&["acme/[!ab]*"], "docker.io/acme/az:y", None);
    // Of equals the later one.
    check_rule(&["a*:*", "b*:*"], "docker.io/ab:1", Some("b*:*"));
    check_rule(&["my.registry/"], "", None);
}

#[track_caller]
fn check(validators: &str, rule: &str, answer: &dyn Fn(&Demand) -> Answer, wanted: Status, why: &str) {
    let judgement = decided(&config(validators, rule), &pod("reg.example/app:1"), answer);
    assert_eq!(judgement.responses[0].status, wanted, "{rule}: {judgement:?}");
    assert!(judgement.responses[0].message.contains(why), "{rule}: {judgement:?}");
}

#[test]
fn static_validators_and_those_that_are_not_there() {
    let none = |_: &Demand| Answer::Unknown("nobody asks".to_owned());
    check(STATIC, "- pattern: '*:*'", &none, Status::Pass, "");
    check(STATIC, "- {pattern: '*:*', validator: deny}", &none, Status::Fail, "static deny");
    check(STATIC, "- {pattern: '*:*', validator: x}", &none, Status::Fail, "validator \"x\" not found");
    check(STATIC, "- pattern: 'other/*'", &none, Status::Fail, "no matching rule");
    let bad = config(STATIC, "- pattern: '*:*'").judge(&pod("a@b"), &Evidence::new());
    assert_eq!(bad.responses[0].status, Status::Error);
    let notary = "validators:\n- {name: default, type: notaryv1, host: notary.docker.io, trustRoots: [{name: default, key: k}]}\n";
    check(notary, "- pattern: '*:*'", &none, Status::Fail, "Docker Content Trust is not verified");
}

#[test]
fn trust_roots_thresholds_and_required_signatures() {
    let rule = |with: &str| format!("- pattern: '*:*'\n  with: {with}");
    check(ROOTS, "- pattern: '*:*'", &by(&["default"], false), Status::Pass, "");
    check(ROOTS, "- pattern: '*:*'", &by(&["one", "two"], false), Status::Fail, "no matching signatures");
    check(ROOTS, &rule("{trustRoot: one}"), &by(&["one"], false), Status::Pass, "");
    check(ROOTS, &rule("{trustRoot: none}"), &by(&["one"], false), Status::Fail, "unable to find trust root none");
    // All of them, unless less is asked.
    check(ROOTS, &rule("{trustRoot: '*'}"), &by(&["one", "two"], false), Status::Fail, "threshold not reached (2/3)");
    check(ROOTS, &rule("{trustRoot: '*'}"), &by(&["one", "two", "default"], false), Status::Pass, "");
    check(ROOTS, &rule("{trustRoot: '*', threshold: 2}"), &by(&["one", "two"], false), Status::Pass, "");
    check(
        ROOTS,
        &rule("{trustRoot: '*', threshold: 2}"),
        &by(&["one"], false),
        Status::Fail,
        "threshold not reached (1/2)",
    );
    check(ROOTS, &rule("{trustRoot: '*', threshold: 2}"), &by(&["one"], true), Status::Error, "the registry is down");
    check(ROOTS, &rule("{trustRoot: '*', required: [one]}"), &by(&["one"], false), Status::Pass, "");
    check(
        ROOTS,
        &rule("{trustRoot: '*', required: [one]}"),
        &by(&["two"], false),
        Status::Fail,
        "missing required signatures from [one]",
    );
    check(
        ROOTS,
        &rule("{trustRoot: '*', required: [one], threshold: 2}"),
        &by(&["one", "two"], false),
        Status::Pass,
        "",
    );
    check(
        ROOTS,
        &rule("{trustRoot: '*', required: [one], threshold: 2}"),
        &by(&["two", "default"], false),
        Status::Fail,
        "missing required signatures from [one]",
    );
    check(ROOTS, "- pattern: '*:*'", &|_| signed(OTHER), Status::Fail, "ambiguous digests");
}

#[test]
fn what_is_asked_says_what_is_trusted() {
    let asked = |validators: &str, with: &str| {
        let seen = std::cell::RefCell::new(None);
        decided(
            &config(validators, &format!("- pattern: '*:*'\n  with: {with}")),
            &pod("reg.example/app:1"),
            &|demand| {
                *seen.borrow_mut() = Some(demand.clone());
                signed(DIGEST)
            },
        );
        seen.into_inner().unwrap()
    };
    let usual = asked(ROOTS, "{trustRoot: one}");
    assert_eq!((usual.layout, usual.log), (Layout::Cosign, DemandedLog::Required(RootRef::Default)));
    assert_eq!(usual.reference, format!("reg.example/app@{DIGEST}"));
    assert_eq!(asked(ROOTS, "{trustRoot: one, verifyInTransparencyLog: false}").log, DemandedLog::Ignored);
    let own = "validators:\n- name: default\n  type: cosign\n  host: {rekor: rekor.example}\n  trustRoots:\n  - name: default\n    keyless: {issuer: i, subjectRegex: 's.*'}\n";
    let keyless = asked(own, "{verifySCT: false}");
    assert_eq!(keyless.log, DemandedLog::Required(RootRef::Url("rekor.example".to_owned())));
    assert!(
        matches!(&keyless.signer, DemandedSigner::Keyless { identities, ignore_certificate_log: true, .. } if identities[0].subject_pattern == "s.*")
    );
    let notation =
        "validators:\n- {name: default, type: notation, trustRoots: [{name: default, cert: c, tsCert: t}]}\n";
    let found = asked(notation, "{verificationLevel: permissive}");
    assert_eq!(found.layout, Layout::Notary);
    assert!(
        matches!(&found.signer, DemandedSigner::Notation { level, verify_timestamp, .. } if level == "permissive" && verify_timestamp == "always")
    );
}

#[test]
fn digests_are_pinned_unless_only_validation_is_asked() {
    let pinned = |with: &str| {
        let config = config(ROOTS, &format!("- pattern: '*:*'\n  with: {with}"));
        decided(&config, &pod("reg.example/app:1"), &by(&["default"], false)).pinned
    };
    assert_eq!(pinned("{mode: mutate}")["/spec/containers/0/image"], format!("reg.example/app:1@{DIGEST}"));
    assert!(pinned("{mode: insecureValidateOnly}").is_empty());
}

#[test]
fn detection_mode_warns() {
    let text = "application:\n  features: {detectionMode: true}\n  validators: [{name: default, type: static, approve: false}]\n  policy: [{pattern: '*:*'}]\n";
    let judgement = Config::load(&document(text).root).unwrap().judge(&pod("x"), &Evidence::new());
    assert_eq!((judgement.responses[0].status, judgement.responses[0].action), (Status::Fail, Action::Audit));
    assert_eq!(judgement.warnings.len(), 1);
}

#[track_caller]
fn refused(text: &str, wanted: &str) {
    let problems = Config::load(&document(text).root).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains(wanted)), "{text}: {problems:?}");
}

#[test]
fn configurations_are_refused_in_connaisseurs_words() {
    let rule = "policy: [{pattern: a}]\n";
    let one = |validator: &str| format!("validators: [{validator}]\n{rule}");
    refused(rule, "Validators must contain at least 1 item");
    refused(STATIC, "Rules must contain at least 1 item");
    refused(&one("{type: static}"), "validator is missing a name");
    refused(&one("{name: a}"), "validator is missing a type");
    refused(&one("{name: a, type: stati}"), "unsupported type \"stati\" for validator");
    refused(&one("[]"), "cannot unmarshal !!seq into map[string]interface {}");
    refused(&one("{name: a, type: static, approve: {}}"), "cannot unmarshal !!map into bool");
    refused(&one("{name: a, type: static, other: 1}"), "field other not found in type staticvalidator");
    refused(&one("{name: a, type: cosign}"), "no trust roots provided for validator a");
    refused(&one("{name: a, type: cosign, host: {rekor: {}}, trustRoots: [{}]}"), "cannot unmarshal !!map into string");
    refused(&one("{name: a, type: cosign, host: {rekor: ':\\'}, trustRoots: [{}]}"), "unable to create Rekor client");
    refused(&one("{name: a, type: cosign, trustRoots: [{}]}"), "Name is a required field");
    refused(&one("{name: a, type: cosign, trustRoots: [{name: b}]}"), "Key is a required field");
    refused(
        &one("{name: a, type: cosign, trustRoots: [{name: b, keyless: {issuer: i}}]}"),
        "Subject is a required field",
    );
    refused(&one("{name: a, type: static}, {name: a, type: static}"), "two validators are named a");
    refused(&format!("{STATIC}policy: [{{pattern: ''}}]"), "Pattern is a required field");
    refused(&format!("{STATIC}policy: [{{pattern: '['}}]"), "is no pattern");
    refused(
        &format!("{STATIC}policy: [{{pattern: a, with: {{mode: x}}}}]"),
        "mode must be one of [mutate insecureValidateOnly]",
    );
    refused(&format!("{STATIC}policy: [{{pattern: a, with: {{threshold: -1}}}}]"), "must be 0 or greater");
    refused(
        &format!("{STATIC}policy: [{{pattern: a, with: {{required: [b], delegations: [c]}}}}]"),
        "Required must not be set if Delegations is",
    );
    refused(&format!("{STATIC}{rule}other: 1\n"), "field other not found in type config.Config");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn mutated_configurations_never_panic(at in 0_usize..400, with in "[ -~\n]{0,4}", image in "[a-zA-Z0-9./:@*-]{0,40}") {
        let mut text = format!("{ROOTS}policy:\n- pattern: 'a/[bc]*:{{x,y}}'\n  with: {{trustRoot: '*', threshold: 1}}\n");
        let end = text.len().min(at.saturating_add(3));
        text.replace_range(at.min(text.len())..end, &with);
        if let Ok(documents) = signet_yaml::parse(&text, &signet_yaml::Limits::default()) {
            for document in &documents {
                if let Ok(config) = Config::load(&document.root) {
                    let _rule = config.pattern_for(&image);
                    let _judged = config.judge(&pod(&image), &Evidence::new());
                }
            }
        }
    }

    #[test]
    fn values_of_any_shape_are_read(value in prop_oneof![Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!("x"))]) {
        let text = format!("validators: {value}\npolicy: {value}\n");
        prop_assert!(Config::load(&document(&text).root).is_err());
    }
}
