use proptest::prelude::*;
use serde_json::{Value, json};
use signet_yaml::{Limits, parse};

use super::*;
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Operation};

/// A policy about Pods with one rule, from its `match` on. No rules are made for controllers.
fn policy(rule: &str) -> String {
    let rule = rule.replace('\n', "\n    ");
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: p\n  annotations: {{pod-policies.kyverno.io/autogen-controllers: none}}\nspec:\n  rules:\n  - name: r\n    {rule}\n"
    )
}

fn pods(rule: &str) -> String {
    policy(&format!("match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n{rule}"))
}

#[track_caller]
fn converted(text: &str) -> Converted {
    let documents = parse(text, &Limits::default()).unwrap();
    match Converted::new(&documents[0].root) {
        Ok((found, _)) => found,
        Err(obstacles) => panic!("{obstacles:?}\n{text}"),
    }
}

#[track_caller]
fn refused(text: &str, line: u32, why: &str) {
    let documents = parse(text, &Limits::default()).unwrap();
    let obstacles = convert(&documents[0].root).expect_err(text);
    assert!(
        obstacles.iter().any(|found| found.line == line && found.message.contains(why)),
        "{why}: {obstacles:?}\n{text}"
    );
}

fn surroundings() -> Surroundings {
    Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [0; 32])
}

/// What both forms say, which must be the same: whether it is refused.
#[track_caller]
fn both(converted: &Converted, input: &Input) -> bool {
    let found = compare(converted, input, &surroundings());
    assert!(found.is_one(), "{found:#?}\n{}", input.request);
    found.before.is_some()
}

#[track_caller]
fn check(rule: &str, spec: Value, want: bool) {
    let resource =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}, "spec": spec});
    let found = both(&converted(&pods(rule)), &Input::of(resource.clone(), Operation::Create));
    assert_eq!(found, want, "{rule}\n{resource}");
}

/// Patterns and conditions of every kind that is converted. `a` to `d` stand for any fields.
const RULES: [&str; 28] = [
    "validate: {pattern: {spec: {a: x}}}",
    "validate: {pattern: {spec: {a: '*', b: '?*'}}}",
    "validate: {pattern: {spec: {a: '!x', =(b): 5}}}",
    "validate: {pattern: {spec: {a: 'x* | !*y & true'}}}",
    "validate: {pattern: {spec: {a: null, b: true}}}",
    "validate: {pattern: {spec: {a: 0, =(b): -5}}}",
    "validate: {pattern: {spec: {X(a): x, =(b): {c: x}}}}",
    "validate: {pattern: {spec: {(a): x, b: x}}}",
    "validate: {pattern: {spec: {<(a): x, b: x}}}",
    "validate: {pattern: {spec: {b: {<(a): x}, c: x}}}",
    "validate: {pattern: {spec: {(a): {(b): x}, (c): x, d: true}}}",
    "validate: {pattern: {spec: {a: [{(b): x, c: x}], d: x}}}",
    "validate: {pattern: {spec: {a: [{b: x}], =(c): [{d: '?*'}]}}}",
    "validate: {pattern: {spec: {^(a): [{b: x}, {c: x}]}}}",
    "validate: {pattern: {spec: {^(a): [{(b): x}]}}}",
    "validate: {pattern: {spec: {a: [x, y], =(b): ['*x']}}}",
    "validate: {pattern: {spec: {a: [], b: x}}}",
    "validate: {pattern: {spec: {a: {=(b): {=(c): {=(d): false}}}}}}",
    "validate: {pattern: {spec: {a: [{=(b): [{=(c): x}]}]}}}",
    "validate: {anyPattern: [{spec: {a: x}}, {spec: {(b): x, c: x}}, {spec: {=(d): {a: x}}}]}",
    "validate: {anyPattern: [{spec: {(a): x, b: x}}, {spec: {(b): x, c: x}}]}",
    "validate: {deny: {}}",
    "validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.a }}', operator: Equals, value: x}], all: [{key: '{{request.operation}}', operator: AnyIn, value: [CREATE, UPDATE]}]}}}",
    "validate: {deny: {conditions: [{key: '{{ request.object.spec.a }}', operator: NotEquals, value: true}]}}",
    "validate: {deny: {conditions: [{any: [{key: '{{ request.object.spec.a }}', operator: Equals, value: x}, {key: '{{ request.object.spec.b }}', operator: Equals, value: 5}]}, {all: [{key: '{{ request.object.spec.c }}', operator: NotEquals, value: y}]}]}}",
    "validate: {deny: {conditions: {any: [], all: [{key: '{{ request.oldObject.spec.a }}', operator: Equals, value: x}]}}}",
    "preconditions: {all: [{key: '{{ request.operation }}', operator: NotEquals, value: DELETE}]}\nvalidate: {pattern: {spec: {a: x}}}",
    "validate: {cel: {variables: [{name: v, expression: 'object.spec.?a.orValue(1)'}], expressions: [{expression: 'variables.v == 1', message: denied}]}}",
];

#[test]
fn patterns_mean_the_same() {
    check(RULES[0], json!({"a": "x"}), false);
    check(RULES[0], json!({"a": "y"}), true);
    check(RULES[0], json!({}), true);
    check(RULES[0], json!({"a": ["x", "x"]}), false);
    check(RULES[0], json!({"a": {"x": "x"}}), true);
    check(RULES[1], json!({"a": false, "b": 0}), false);
    check(RULES[1], json!({"a": 1, "b": ""}), true);
    check(RULES[2], json!({"a": "y", "b": "05"}), false);
    check(RULES[2], json!({"b": 5}), true);
    check(RULES[7], json!({"a": "y"}), false);
    check(RULES[7], json!({"a": "x", "b": "y"}), true);
    check(RULES[7], json!({"b": "y"}), false);
    check(RULES[8], json!({"b": "y"}), true);
    check(RULES[8], json!({"a": "y", "b": "y"}), false);
    // All elements are left out, and with them the whole rule.
    check(RULES[11], json!({"a": [{"b": "y"}], "d": "y"}), false);
    check(RULES[11], json!({"a": [{"b": "x", "c": "y"}, {"b": "y"}]}), true);
    check(RULES[10], json!({"a": {"b": "x"}, "c": "x", "d": false}), true);
    check(RULES[10], json!({"a": {"b": "x"}, "c": "y", "d": false}), false);
    check(RULES[13], json!({"a": [{"b": "x"}, {"c": "x"}]}), false);
    check(RULES[13], json!({"a": [{"b": "x"}]}), true);
    check(RULES[21], json!({}), true);
}

#[test]
fn matches_mean_the_same() {
    let deny = "validate: {deny: {}}";
    let resource = |kind: &str, metadata: Value| json!({"apiVersion": "v1", "kind": kind, "metadata": metadata});
    for (filter, metadata, want) in [
        ("match: {resources: {kinds: [Pod, v1/ConfigMap]}}", json!({"name": "a"}), true),
        ("match: {resources: {kinds: [apps/v1/Deployment, Service]}}", json!({"name": "a"}), false),
        ("match: {resources: {kinds: ['*']}}", json!({"name": "a"}), true),
        (
            "match: {any: [{resources: {kinds: [Pod], namespaces: ['prod-*', ns1]}}]}",
            json!({"name": "a", "namespace": "prod-1"}),
            true,
        ),
        ("match: {any: [{resources: {kinds: [Pod], namespaces: ['prod-*', ns1]}}]}", json!({"name": "a"}), false),
        ("match: {any: [{resources: {kinds: [Pod], names: ['a?']}}]}", json!({"generateName": "ab"}), true),
        (
            "match: {all: [{resources: {kinds: [Pod]}}, {resources: {kinds: [Pod], selector: {matchLabels: {'app*': '?*'}}}}]}",
            json!({"name": "a", "labels": {"app.x": "y"}}),
            true,
        ),
        (
            "match: {all: [{resources: {kinds: [Pod]}}, {resources: {kinds: [Pod], selector: {matchLabels: {'app*': '?*'}}}}]}",
            json!({"name": "a", "labels": {"app.x": ""}}),
            false,
        ),
        (
            "match: {resources: {kinds: [Pod], selector: {matchExpressions: [{key: t, operator: NotIn, values: [x]}, {key: u, operator: DoesNotExist}]}}}",
            json!({"name": "a", "labels": {"t": "y"}}),
            true,
        ),
        (
            "match: {resources: {kinds: [Pod], annotations: {a/b: 'c*'}}}",
            json!({"name": "a", "annotations": {"a/b": "cd"}}),
            true,
        ),
        (
            "match: {resources: {kinds: [Pod]}}\nexclude: {any: [{resources: {namespaces: [kube-system]}}]}",
            json!({"name": "a", "namespace": "kube-system"}),
            false,
        ),
        ("match: {resources: {kinds: [Pod]}}\nexclude: {resources: {names: [b*]}}", json!({"name": "a"}), true),
        ("match: {resources: {kinds: [Pod], operations: [UPDATE]}}", json!({"name": "a"}), false),
    ] {
        let policy = converted(&policy(&format!("{filter}\n{deny}")));
        assert_eq!(
            both(&policy, &Input::of(resource("Pod", metadata.clone()), Operation::Create)),
            want,
            "{filter} {metadata}"
        );
        for kind in ["Service", "Other", "Namespace"] {
            for operation in [Operation::Create, Operation::Update, Operation::Delete] {
                both(&policy, &Input::of(resource(kind, metadata.clone()), operation));
            }
        }
        let mut ephemeral = Input::of(resource("Pod", metadata), Operation::Update);
        ephemeral.subresource = "ephemeralcontainers".to_owned();
        ephemeral.set("request.subResource", json!("ephemeralcontainers"));
        both(&policy, &ephemeral);
    }
}

#[test]
fn rules_for_controllers_are_policies_of_their_own() {
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p, annotations: {policies.kyverno.io/title: T}}\nspec:\n  background: false\n  validationFailureAction: Audit\n  rules:\n  - name: No Host\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: {message: no host, pattern: {spec: {=(hostNetwork): false}}}\n";
    let documents = parse(text, &Limits::default()).unwrap();
    let (policy, made) = Converted::new(&documents[0].root).unwrap();
    let names: Vec<&str> = made.iter().filter_map(|found| found.pointer("/metadata/name")?.as_str()).collect();
    assert_eq!(names, ["p", "p-autogen-no-host", "p-autogen-cronjob-no-host"]);
    assert_eq!(made[0].pointer("/spec/validationActions"), Some(&json!(["Audit"])));
    assert_eq!(made[0].pointer("/spec/evaluation/background/enabled"), Some(&json!(false)));
    assert_eq!(made[0].pointer("/spec/validations/0/message"), Some(&json!("no host")));
    assert_eq!(made[0].pointer("/metadata/annotations"), Some(&json!({"policies.kyverno.io/title": "T"})));
    let pod = |host: bool| json!({"spec": {"hostNetwork": host}});
    for (version, kind, spec, want) in [
        ("apps/v1", "Deployment", json!({"template": pod(true)}), true),
        ("apps/v1", "Deployment", json!({"template": pod(false)}), false),
        ("batch/v1", "CronJob", json!({"jobTemplate": {"spec": {"template": pod(true)}}}), true),
        ("batch/v1", "CronJob", json!({"template": pod(true)}), true),
        ("v1", "Service", json!({"template": pod(true)}), false),
    ] {
        let resource = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
        assert_eq!(both(&policy, &Input::of(resource.clone(), Operation::Create)), want, "{resource}");
    }
}

#[test]
fn what_has_no_equal_is_refused_with_its_place() {
    refused(&pods("validate: {pattern: {spec: {a: '>=2'}}}"), 10, "compared as an amount");
    refused(&pods("validate: {pattern: {spec: {a: '{{ x }}'}}}"), 10, "holds variables");
    refused(&pods("validate: {pattern: {metadata: {labels: {'a*': x}}}}"), 10, "the key `a*`");
    refused(&pods("validate: {pattern: {spec: {a: 1.5}}}"), 10, "1.5");
    refused(&pods("validate: {pattern: {spec: {a: '1*'}}}"), 10, "text of a number");
    refused(&pods("validate:\n  podSecurity: {level: baseline}"), 11, "`podSecurity` is not converted");
    refused(
        &pods("validate:\n  message: '{{ request.object.metadata.name }}'\n  pattern: {a: x}"),
        11,
        "a message with variables",
    );
    refused(&pods("context: [{name: a, variable: {value: 1}}]\nvalidate: {deny: {}}"), 10, "what is looked up");
    refused(&pods("mutate: {patchStrategicMerge: {a: b}}"), 10, "change resources");
    refused(&pods("validate:\n  failureAction: Enforce\n  deny: {}"), 11, "allowExistingViolations");
    refused(
        &pods("validate: {deny: {conditions: [{key: '{{ request.object.spec.a }}', operator: AnyIn, value: [x]}]}}"),
        10,
        "AnyIn",
    );
    refused(
        &pods("validate: {deny: {conditions: [{key: '{{ request.object.spec.a }}', operator: Equals, value: 5m}]}}"),
        10,
        "as an amount",
    );
    refused(&policy("match: {resources: {kinds: [Widget]}}\nvalidate: {deny: {}}"), 9, "kind `Widget` is not known");
    refused(
        &policy("match: {any: [{resources: {kinds: [Pod]}, subjects: [{kind: User, name: a}]}]}\nvalidate: {deny: {}}"),
        9,
        "who asks",
    );
    refused(
        &pods("validate: {deny: {}}")
            .replace("  rules:", "  validationFailureActionOverrides: [{action: Audit, namespaces: [x]}]\n  rules:"),
        7,
        "one action for all namespaces",
    );
    refused("apiVersion: v1\nkind: Pod\n", 1, "no ClusterPolicy");
    refused(&pods("validate: {pattern: {a: x}}\nextra: 1"), 11, "extra");
    // Under `Enforce` it is converted where it says what CEL says.
    converted(&pods("validate: {failureAction: Enforce, allowExistingViolations: false, deny: {}}"));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(false)),
        Just(json!(0)),
        Just(json!(5)),
        Just(json!(-5)),
        Just(json!(1.5)),
        Just(json!(5.0)),
        Just(json!("")),
        Just(json!("x")),
        Just(json!("y")),
        Just(json!("xy")),
        Just(json!("true")),
        Just(json!("5")),
        Just(json!("+5")),
        Just(json!("x\ny")),
        Just(json!("x* | !*y & true")),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[abcd]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_spec() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[abcd]", any_value(), 0..5)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![4 => Just(Operation::Create), 1 => Just(Operation::Update), 1 => Just(Operation::Delete)]
}

/// Resources that any of the rules may be about, whatever is in their fields.
#[test]
fn both_forms_agree_on_whatever_there_is() {
    let policies: Vec<(Converted, &str)> = RULES.iter().map(|rule| (converted(&pods(rule)), *rule)).collect();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let refused = std::cell::RefCell::new(vec![[0_usize; 2]; RULES.len()]);
    let differences = std::cell::RefCell::new(std::collections::BTreeMap::new());
    runner
        .run(&(any_spec(), any_operation()), |(spec, operation)| {
            let resource = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec});
            let input = Input::of(resource, operation);
            for (index, (policy, rule)) in policies.iter().enumerate() {
                let found = compare(policy, &input, &surroundings());
                if !found.is_one() {
                    differences.borrow_mut().entry(*rule).or_insert_with(|| format!("{}: {found:?}", input.request));
                }
                refused.borrow_mut()[index][usize::from(found.before.is_some())] += 1;
            }
            Ok(())
        })
        .unwrap();
    let differences = differences.into_inner();
    assert!(differences.is_empty(), "{differences:#?}");
    // What is generated tells most of them apart: refused by some, admitted by others.
    let told_apart =
        refused.into_inner().into_iter().filter(|[admitted, refused]| *admitted > 0 && *refused > 0).count();
    assert!(told_apart >= 20, "{told_apart}");
}

proptest! {
    #[test]
    fn a_damaged_policy_never_panics(at in 0_usize..400, byte in any::<u8>(), rule in 0_usize..RULES.len()) {
        let mut bytes = pods(RULES[rule]).into_bytes();
        let length = bytes.len();
        if let Some(found) = bytes.get_mut(at % length) { *found = byte; }
        if let Ok(documents) = signet_yaml::parse_bytes(&bytes, &Limits::default()) {
            for document in &documents {
                let _ = Converted::new(&document.root);
            }
        }
    }
}
