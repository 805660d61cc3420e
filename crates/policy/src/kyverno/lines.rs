//! Lines that Kyverno draws and that are easy to draw elsewhere; each was found by a case of its chainsaw suites.

use serde_json::{Value, json};
use signet_yaml::{Limits, parse};

use super::*;
use crate::jmespath::Surroundings;

fn surroundings() -> Surroundings {
    Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

fn policy(spec: &str) -> Policy {
    let text = format!("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec: {spec}");
    let documents = parse(&text, &Limits::default()).expect("YAML");
    Policy::load(&documents[0].root).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn pod(metadata: Value, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}

#[track_caller]
fn check(policy: &Policy, input: &Input, exceptions: &[Exception], want: &[(Status, &str)]) {
    let found = policy.evaluate(input, exceptions, &Snapshot::new(), &surroundings());
    let found: Vec<(Status, &str)> =
        found.responses.iter().map(|response| (response.status, response.message.as_str())).collect();
    assert_eq!(found.len(), want.len(), "{found:?}");
    for ((status, message), (wanted, part)) in found.iter().zip(want) {
        assert!(status == wanted && message.contains(part), "{found:?} is not {want:?}");
    }
}

#[test]
fn a_negation_that_names_nothing_leaves_a_failure_one() {
    let policy = policy(
        "{rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {pattern: {metadata: {'=(annotations)': {'=(a/b)': '!bad', X(c/d): 'null'}}}}}]}",
    );
    let input = |annotations: Value| {
        Input::of(pod(json!({"name": "x", "annotations": annotations}), json!({})), Operation::Create)
    };
    check(&policy, &input(json!({"a/b": "bad"})), &[], &[(Status::Fail, "failed at path /metadata/annotations/a/b/")]);
    check(&policy, &input(json!({"a/b": "good"})), &[], &[(Status::Pass, "")]);
    check(&policy, &input(json!({"c/d": "x"})), &[], &[(Status::Fail, "")]);
}

#[test]
fn a_namespace_selector_is_not_about_namespaces() {
    let policy = policy(
        "{background: false, rules: [{name: r, match: {any: [{resources: {kinds: ['*'], namespaceSelector: {matchLabels: {freeze: 'true'}}}}]}, validate: {deny: {}}}]}",
    );
    let mut input = Input::of(pod(json!({"name": "x", "namespace": "n"}), json!({})), Operation::Create);
    input.namespace_labels.insert("freeze".to_owned(), "true".to_owned());
    check(&policy, &input, &[], &[(Status::Fail, "")]);
    let labels = json!({"freeze": "true"});
    let mut input = Input::of(
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": labels}}),
        Operation::Create,
    );
    input.namespace_labels.insert("freeze".to_owned(), "true".to_owned());
    check(&policy, &input, &[], &[]);
}

#[test]
fn the_current_value_is_found_behind_keys_with_slashes() {
    let policy = policy(
        "{rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, mutate: {patchStrategicMerge: {metadata: {labels: {a.io/b: \"{{ to_upper('{{ @ }}') }}\"}}}}}]}",
    );
    let input = Input::of(pod(json!({"name": "x", "labels": {"a.io/b": "small"}}), json!({})), Operation::Create);
    let found = policy.mutate(&input, &[], &Snapshot::new(), &surroundings());
    let object = found.object.unwrap_or_else(|| panic!("{:?}", found.responses));
    assert_eq!(object.pointer("/metadata/labels/a.io~1b"), Some(&json!("SMALL")));
    let input = Input::of(pod(json!({"name": "x"}), json!({})), Operation::Create);
    let found = policy.mutate(&input, &[], &Snapshot::new(), &surroundings());
    assert!(found.responses[0].message.contains("at path /metadata/labels/a.io/b:"), "{:?}", found.responses);
}

#[test]
fn what_changed_is_not_judged_as_if_it_had_been_so_before() {
    let policy = policy(
        "{background: false, rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, preconditions: {all: [{key: '{{ request.operation }}', operator: Equals, value: UPDATE}]}, validate: {failureAction: Enforce, deny: {conditions: {any: [{key: \"{{ request.object.metadata.labels.owner || '' }}\", operator: NotEquals, value: \"{{ request.oldObject.metadata.labels.owner || 'nobody' }}\"}]}}}}]}",
    );
    let mut input = Input::of(pod(json!({"name": "x", "labels": {"owner": "eve"}}), json!({})), Operation::Update);
    input.request["oldObject"] = pod(json!({"name": "x", "labels": {"owner": "ann"}}), json!({}));
    check(&policy, &input, &[], &[(Status::Fail, "")]);
}

fn exception(controls: &str) -> Exception {
    let text = format!(
        "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: ns}}\nspec: {{exceptions: [{{policyName: p, ruleNames: [r]}}], match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, podSecurity: {controls}}}"
    );
    let documents = parse(&text, &Limits::default()).expect("YAML");
    Exception::load(&documents[0].root).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn pod_security_says_what_is_required_and_who_excepted_it() {
    let policy = policy(
        "{rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {podSecurity: {level: restricted, version: latest}}}]}",
    );
    let security =
        json!({"allowPrivilegeEscalation": false, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let bare =
        pod(json!({"name": "x"}), json!({"containers": [{"name": "c", "image": "a:1", "securityContext": security}]}));
    let input = Input::of(bare, Operation::Create);
    check(
        &policy,
        &input,
        &[],
        &[(Status::Fail, "[spec.containers[0].securityContext.capabilities.drop: Required value]")],
    );
    let evaluation = policy.evaluate(&input, &[], &Snapshot::new(), &surroundings());
    let properties = evaluation.properties.get("r").expect("properties of the failure");
    assert_eq!(properties.get("controls").map(String::as_str), Some("capabilities_restricted"));
    assert_eq!(
        properties.get("controlsJSON").map(String::as_str),
        Some("[{\"ID\":\"capabilities_restricted\",\"Name\":\"Capabilities\",\"Images\":[\"docker.io/a:1\"]}]")
    );
    let mut security = security;
    security["capabilities"] = json!({"drop": ["ALL"]});
    let flexible = |volume: Value| {
        let spec = json!({"containers": [{"name": "c", "image": "a:1", "securityContext": security}], "volumes": [{"name": "v", "flexVolume": volume}]});
        Input::of(pod(json!({"name": "x"}), spec), Operation::Create)
    };
    let excepted =
        [exception("[{controlName: Volume Types, restrictedField: 'spec.volumes[*].flexVolume', values: [driver]}]")];
    let skipped = [(Status::Skip, "rule is skipped due to policy exceptions ns/e")];
    check(&policy, &flexible(json!({"driver": "d"})), &excepted, &skipped);
    check(
        &policy,
        &flexible(json!({"driver": "d", "options": {}})),
        &excepted,
        &[(Status::Fail, "restricted volume types")],
    );
}

#[test]
fn conditions_of_the_webhook_are_asked_first() {
    let policy = policy(
        "{webhookConfiguration: {matchConditions: [{name: a, expression: \"object.metadata.name == 'x'\"}]}, rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {deny: {}}}]}",
    );
    let input = |name: &str| Input::of(pod(json!({"name": name}), json!({})), Operation::Create);
    assert!(policy.has_conditions());
    assert_eq!(policy.is_asked(&input("x"), &surroundings()), Ok(true));
    assert_eq!(policy.is_asked(&input("y"), &surroundings()), Ok(false));
    let nameless = Input::of(json!({"apiVersion": "v1", "kind": "Pod"}), Operation::Create);
    let error = policy.is_asked(&nameless, &surroundings()).expect_err("no such key");
    assert!(error.contains("resulted in error"), "{error}");
}
