//! Mutate rules as users write them, the patches on their own, and hostile ones.

use proptest::prelude::*;
use serde_json::{Value, json};
use signet_yaml::{Limits, parse};

use super::json_patch::{self, Options, PatchError};
use super::{merge, strategic};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Mutated, Need, Operation, Policy, Snapshot, Status};

fn surroundings() -> Surroundings {
    Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

fn rules(text: &str) -> Result<Policy, String> {
    let text =
        format!("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n{text}");
    let documents = parse(&text, &Limits::default()).expect("YAML");
    Policy::load(&documents[0].root).map_err(|problems| format!("{problems:?}"))
}

/// A policy with one rule about Pods; `mutate` is indented by six.
fn policy(mutate: &str) -> Policy {
    let text = format!("  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    mutate:\n{mutate}");
    rules(&text).expect("a policy")
}

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "default", "labels": {"app": "a"}}, "spec": spec})
}

#[track_caller]
fn mutate(policy: &Policy, resource: Value) -> Mutated {
    policy.mutate(&Input::of(resource, Operation::Create), &[], &Snapshot::new(), &surroundings())
}

/// What a rule makes of the `spec` of a Pod.
#[track_caller]
fn check(body: &str, spec: Value, want: Value) {
    let mutated = mutate(&policy(body), pod(spec.clone()));
    let statuses: Vec<_> = mutated.responses.iter().map(|found| (found.status, found.message.clone())).collect();
    let changed = spec != want;
    let found = mutated.object.map_or(spec, |object| object["spec"].clone());
    assert_eq!(found, want, "{statuses:?}");
    assert_eq!(statuses[0].0, if changed { Status::Pass } else { Status::Skip }, "{statuses:?}");
}

#[track_caller]
fn fails(body: &str, spec: Value, message: &str) {
    let mutated = mutate(&policy(body), pod(spec));
    assert_eq!(mutated.object, None);
    let response = &mutated.responses[0];
    assert_eq!(response.status, Status::Error);
    assert!(response.message.contains(message), "{}", response.message);
}

#[test]
fn lists_of_kubernetes_types_are_merged_by_their_keys() {
    let body = "      patchStrategicMerge: {spec: {hostNetwork: false, containers: [{name: b, image: new}, {name: c, image: c}]}}";
    check(
        body,
        json!({"containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "b", "tty": true}]}),
        json!({"hostNetwork": false, "containers": [{"name": "b", "image": "new", "tty": true}, {"name": "c", "image": "c"}, {"name": "a", "image": "a"}]}),
    );
    let tolerations = "      patchStrategicMerge: {spec: {tolerations: [{key: b}]}}";
    check(tolerations, json!({"tolerations": [{"key": "a"}]}), json!({"tolerations": [{"key": "b"}]}));
    let ports = "      patchStrategicMerge: {spec: {containers: [{name: a, ports: [{containerPort: 80, name: web}]}]}}";
    check(
        ports,
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]}]}),
        json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP", "name": "web"}, {"containerPort": 80, "protocol": "UDP"}]}]}),
    );
}

#[test]
fn null_and_directives_take_away() {
    let null = "      patchStrategicMerge: {spec: {hostNetwork: null}}";
    check(null, json!({"hostNetwork": true, "a": 1}), json!({"a": 1}));
    let delete = "      patchStrategicMerge: {spec: {containers: [{name: b, $patch: delete}]}}";
    check(delete, json!({"containers": [{"name": "a"}, {"name": "b"}]}), json!({"containers": [{"name": "a"}]}));
    let replace = "      patchStrategicMerge: {spec: {containers: [{$patch: replace}, {name: c}]}}";
    check(replace, json!({"containers": [{"name": "a"}]}), json!({"containers": [{"name": "c"}]}));
    let whole = "      patchStrategicMerge: {spec: {securityContext: {$patch: replace, runAsUser: 1}}}";
    check(whole, json!({"securityContext": {"runAsGroup": 2}}), json!({"securityContext": {"runAsUser": 1}}));
}

#[track_caller]
fn merged(below: Value, patch: Value, want: Value) {
    assert_eq!(merge::merge(&below, &patch), Ok(Some(want)));
}

#[test]
fn the_other_directives_of_kubernetes() {
    let object = |rest: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "Pod"});
        object.as_object_mut().expect("a map").extend(rest.as_object().expect("a map").clone());
        object
    };
    merged(
        object(json!({"metadata": {"finalizers": ["a", "b"]}})),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}),
        object(json!({"metadata": {"finalizers": ["c", "b"]}})),
    );
    merged(
        object(json!({"spec": {"a": 1, "b": 2}})),
        json!({"spec": {"$retainKeys": ["b", "c"], "c": 3}}),
        object(json!({"spec": {"b": 2, "c": 3}})),
    );
    merged(
        object(json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}})),
        json!({"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}}),
        object(json!({"spec": {"containers": [{"name": "c"}, {"name": "a"}, {"name": "b"}]}})),
    );
    // A custom resource has no lists with keys.
    merged(
        json!({"apiVersion": "x.io/v1", "kind": "Pod", "spec": {"containers": [{"name": "a"}]}}),
        json!({"spec": {"containers": [{"name": "b"}]}}),
        json!({"apiVersion": "x.io/v1", "kind": "Pod", "spec": {"containers": [{"name": "b"}]}}),
    );
    assert_eq!(merge::merge(&object(json!({"spec": {}})), &json!({"$patch": "delete"})), Ok(None));
    let misfit = merge::merge(&object(json!({"spec": "x"})), &json!({"spec": {"a": 1}}));
    assert_eq!(misfit, Err("wrong Node Kind for spec expected: MappingNode was ScalarNode".to_owned()));
}

#[test]
fn conditions_let_a_patch_through_for_each_element() {
    let body = "      patchStrategicMerge: {spec: {containers: [{(image): '*:latest', imagePullPolicy: Always}]}}";
    check(
        body,
        json!({"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:latest"}]}),
        json!({"containers": [{"name": "b", "image": "b:latest", "imagePullPolicy": "Always"}, {"name": "a", "image": "a:1"}]}),
    );
    check(
        body,
        json!({"containers": [{"name": "a", "image": "a:1"}]}),
        json!({"containers": [{"name": "a", "image": "a:1"}]}),
    );
    let whole = "      patchStrategicMerge: {spec: {(hostNetwork): true, dnsPolicy: ClusterFirstWithHostNet}}";
    check(whole, json!({"hostNetwork": true}), json!({"hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"}));
    check(whole, json!({"hostNetwork": false}), json!({"hostNetwork": false}));
    check(whole, json!({"a": 1}), json!({"a": 1}));
    // Scalars are compared as texts.
    let text = "      patchStrategicMerge: {spec: {(priority): '>5', a: 1}}";
    check(text, json!({"priority": 7}), json!({"priority": 7, "a": 1}));
}

#[test]
fn global_conditions_leave_the_whole_patch_out() {
    let body = "      patchStrategicMerge: {spec: {a: 1, volumes: [{<(emptyDir): {}}]}}";
    check(
        body,
        json!({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "w"}]}),
        json!({"a": 1, "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w"}]}),
    );
    check(body, json!({"volumes": [{"name": "w"}]}), json!({"volumes": [{"name": "w"}]}));
}

#[test]
fn add_if_absent_overwrites_nothing_in_any_element() {
    let body = "      patchStrategicMerge: {spec: {+(a): 1, containers: [{(name): '*', resources: {+(cpu): 2}}]}}";
    check(
        body,
        json!({"a": 7, "containers": [{"name": "x"}, {"name": "y", "resources": {"cpu": 9}}]}),
        json!({"a": 7, "containers": [{"name": "x", "resources": {"cpu": 2}}, {"name": "y", "resources": {"cpu": 9}}]}),
    );
    check(body, json!({"containers": []}), json!({"a": 1, "containers": []}));
}

#[test]
fn an_anchor_of_patterns_is_no_patch() {
    fails("      patchStrategicMerge: {spec: {X(hostNetwork): true}}", json!({}), "`X(hostNetwork)`");
}

#[test]
fn operations_forgive_what_kyverno_forgives() {
    let body = "      patchesJson6902: |-\n        - {op: add, path: /spec/a/b/-, value: 1}\n        - {op: remove, path: /spec/none/x}\n        - {op: replace, path: /spec/list/-1, value: z}\n        - {op: copy, from: /spec/list/0, path: /spec/c}";
    check(body, json!({"list": ["x", "y"]}), json!({"list": ["x", "z"], "a": {"b": [1]}, "c": "x"}));
    fails(
        "      patchesJson6902: '[{op: replace, path: /spec/none, value: 1}]'",
        json!({}),
        "missing path: \"/spec/none\"",
    );
    fails(
        "      patchesJson6902: '[{op: test, path: /spec/a, value: 1}, {op: add, path: /spec/b, value: 1}]'",
        json!({"a": 2}),
        "testing value /spec/a failed",
    );
    fails("      patchesJson6902: '[{op: add, path: /spec/a/100000000/b, value: 1}]'", json!({}), "too large");
}

#[test]
fn operations_forgive_nothing_else() {
    let patch = |operations: &str| format!("      patchesJson6902: '[{operations}]'");
    let list = json!({"list": [1], "b": 1});
    // Only a list that the operation makes itself is filled up, or one on the way to something inside.
    check(&patch("{op: add, path: /spec/new/2, value: x}"), json!({}), json!({"new": [null, null, "x"]}));
    check(
        &patch("{op: add, path: /spec/list/2/a, value: x}"),
        json!({"list": [1]}),
        json!({"list": [1, null, {"a": "x"}]}),
    );
    check(&patch("{op: add, path: /spec/list/1, value: x}"), json!({"list": [1]}), json!({"list": [1, "x"]}));
    fails(&patch("{op: add, path: /spec/list/2, value: x}"), list.clone(), "`/spec/list/2` is no place of the list");
    let many = (0..3).map(|at| format!("{{op: add, path: /spec/n{at}/400, value: 1}}")).collect::<Vec<_>>();
    check(
        &patch(&many[..1].join(", ")),
        json!({}),
        json!({"n0": vec![Value::Null; 400].into_iter().chain([json!(1)]).collect::<Vec<_>>()}),
    );
    fails(&patch(&many.join(", ")), json!({}), "too large");
    fails(&patch("{op: remove, path: /spec/list/foo}"), list.clone(), "`/spec/list/foo` is no place of the list");
    check(&patch("{op: remove, path: /spec/list/7}"), list.clone(), list.clone());
    fails(&patch("{op: move, from: /spec/b, path: /spec/none/b}"), list.clone(), "missing path: \"/spec/none/b\"");
    fails(&patch("{op: copy, from: /spec/b, path: /spec/none/b}"), list.clone(), "missing path: \"/spec/none/b\"");
    check(&patch("{op: test, path: /spec/none, value: null}"), list.clone(), list.clone());
    fails(&patch("{op: test, path: /spec/none/b, value: null}"), list.clone(), "missing path: \"/spec/none/b\"");
    fails(&patch("{op: test, path: /spec/list/7, value: null}"), list, "missing path: \"/spec/list/7\"");
}

#[test]
fn all_elements_of_one_key_are_one() {
    let env = |value: Value| json!({"containers": [{"name": "a", "env": value}]});
    let body = "      patchStrategicMerge: {spec: {containers: [{name: a, env: [{name: HTTP_PROXY, value: safe}]}]}}";
    let proxy = |value: &str| json!({"name": "HTTP_PROXY", "value": value});
    let other = json!({"name": "B", "value": "b"});
    check(body, env(json!([proxy("a"), other, proxy("evil")])), env(json!([proxy("safe"), other])));
    let gone = body.replace("value: safe", "$patch: delete");
    check(&gone, env(json!([proxy("a"), other, proxy("evil")])), env(json!([other])));
    // Ports of two protocols are two.
    let ports = |ports: Value| json!({"containers": [{"name": "a", "ports": ports}]});
    let body = "      patchStrategicMerge: {spec: {containers: [{name: a, ports: [{containerPort: 80, name: web}]}]}}";
    check(
        body,
        ports(json!([{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}])),
        ports(
            json!([{"containerPort": 80, "protocol": "TCP", "name": "web"}, {"containerPort": 80, "protocol": "UDP"}]),
        ),
    );
}

#[test]
fn what_a_request_says_is_no_operation() {
    let body = "      patchesJson6902: |-\n        - op: add\n          path: /spec/b\n          value: {{ request.object.spec.a }}\n        - op: add\n          path: /spec/c\n          value: \"x-{{ request.object.spec.a }}\"";
    let evil = "1\n- op: remove\n  path: /spec/safe";
    check(
        body,
        json!({"a": evil, "safe": true}),
        json!({"a": evil, "safe": true, "b": evil, "c": format!("x-{evil}")}),
    );
    check(body, json!({"a": "3"}), json!({"a": "3", "b": 3, "c": "x-3"}));
    check(body, json!({"a": {"k": [1]}}), json!({"a": {"k": [1]}, "b": {"k": [1]}, "c": "x-{\"k\":[1]}"}));
    let whole =
        "      patchesJson6902: \"{{ [{op: 'add', path: '/spec/b', value: request.object.spec.a}] | to_string(@) }}\"";
    check(whole, json!({"a": evil}), json!({"a": evil, "b": evil}));
}

#[test]
fn each_element_patches_what_the_one_before_it_made() {
    let body = "      foreach:\n      - list: request.object.spec.containers\n        preconditions: {all: [{key: '{{ element.skip || `false` }}', operator: Equals, value: false}]}\n        patchStrategicMerge: {spec: {containers: [{name: '{{ element.name }}', index: '{{ elementIndex }}'}]}}";
    check(
        body,
        json!({"containers": [{"name": "a"}, {"name": "b", "skip": true}, {"name": "c"}]}),
        json!({"containers": [{"name": "a", "index": 0}, {"name": "c", "index": 2}, {"name": "b", "skip": true}]}),
    );
    let ascending = body.replace("- list:", "- order: Ascending\n        list:");
    check(
        &ascending,
        json!({"containers": [{"name": "a"}, {"name": "c"}]}),
        json!({"containers": [{"name": "c", "index": 1}, {"name": "a", "index": 0}]}),
    );
    let nested = "      foreach:\n      - list: request.object.spec.a\n        foreach:\n        - list: element.b\n          patchesJson6902: '[{op: add, path: \"/spec/a/{{ elementIndex0 }}/b/{{ elementIndex1 }}/x\", value: \"{{ element }}\"}]'";
    check(
        &nested.replace("element }}\"", "element.n }}\""),
        json!({"a": [{"b": [{"n": "p"}, {"n": "q"}]}, {"b": [{"n": "r"}]}]}),
        json!({"a": [{"b": [{"n": "p", "x": "p"}, {"n": "q", "x": "q"}]}, {"b": [{"n": "r", "x": "r"}]}]}),
    );
    fails(
        "      foreach: [{list: request.object.spec.none, patchStrategicMerge: {a: 1}}]",
        json!({}),
        "failed to evaluate list",
    );
}

#[test]
fn an_element_whose_precondition_is_not_known_is_not_left_out() {
    let body = |conditions: &str| {
        format!(
            "      foreach: [{{list: request.object.spec.containers, preconditions: {conditions}, patchStrategicMerge: {{spec: {{containers: [{{name: '{{{{ element.name }}}}', safe: true}}]}}}}}}]"
        )
    };
    let absent = "{key: '{{ element.mode }}', operator: Equals, value: a}";
    let containers = json!({"containers": [{"name": "a", "mode": "a"}, {"name": "b"}]});
    let message = "failed to evaluate preconditions of mutate.foreach[1]";
    fails(&body(&format!("{{all: [{absent}]}}")), containers.clone(), message);
    let one = "{key: '{{ element.name }}', operator: Equals, value: b}";
    fails(&body(&format!("{{any: [{absent}, {one}]}}")), containers.clone(), message);
    let want = json!({"containers": [{"name": "a", "mode": "a", "safe": true}, {"name": "b"}]});
    check(&body(&format!("{{all: [{}]}}", absent.replace("element.mode", "element.mode || `0`"))), containers, want);
}

#[test]
fn the_list_of_the_next_foreach_sees_what_was_made() {
    let body = "      foreach:\n      - list: request.object.spec.a\n        patchesJson6902: '[{op: add, path: /spec/b/-, value: {m: 1}}]'\n      - list: request.object.spec.b\n        patchesJson6902: '[{op: add, path: \"/spec/b/{{ elementIndex }}/m\", value: 2}]'";
    check(body, json!({"a": [1, 2]}), json!({"a": [1, 2], "b": [{"m": 2}, {"m": 2}]}));
}

#[test]
fn rules_see_what_the_rules_before_them_made() {
    let found = rules(
        "  - name: one\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    mutate: {patchStrategicMerge: {metadata: {labels: {made: 'yes'}}}}\n  - name: two\n    match: {any: [{resources: {kinds: [Pod], selector: {matchLabels: {made: 'yes'}}}}]}\n    mutate: {patchStrategicMerge: {spec: {b: '{{ request.object.metadata.labels.made }}'}}}\n",
    );
    let mutated = mutate(&found.expect("a policy"), pod(json!({})));
    assert_eq!(mutated.object.expect("changed")["spec"], json!({"b": "yes"}));
    let messages: Vec<_> = mutated.responses.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(messages, ["mutated Pod/x in namespace default"; 2]);
}

#[test]
fn a_rule_that_cannot_be_evaluated_changes_nothing() {
    fails(
        "      patchStrategicMerge: {spec: {a: '{{ request.object.spec.none }}'}}",
        json!({}),
        "variable substitution failed",
    );
    fails("      patchStrategicMerge: {spec: {a: {b: 1}}}", json!({"a": 1}), "wrong Node Kind for spec.a");
}

#[test]
fn targets_are_handed_in_and_the_request_stays() {
    let found = rules(
        "  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    mutate:\n      targets: [{apiVersion: v1, kind: Secret, name: '{{ request.object.metadata.name }}', preconditions: {all: [{key: '{{ target.metadata.namespace }}', operator: NotEquals, value: b}]}}]\n      patchStrategicMerge: {metadata: {labels: {of: '{{ request.object.metadata.labels.app }}', was: '{{ @ }}'}}}\n",
    );
    let policy = found.expect("a policy");
    let input = Input::of(pod(json!({})), Operation::Create);
    let before = policy.mutate(&input, &[], &Snapshot::new(), &surroundings());
    let need = before.needs.first().expect("a need").clone();
    assert!(matches!(&need, Need::Objects { kind, name, .. } if kind == "Secret" && name == "x"));
    assert_eq!(before.responses[0].status, Status::Error);
    let secret = |namespace: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": namespace, "labels": {"was": "it"}}});
    let snapshot = Snapshot::from([(need, json!([secret("a"), secret("b")]))]);
    let after = policy.mutate(&input, &[], &snapshot, &surroundings());
    let statuses: Vec<_> = after.responses.iter().map(|found| found.status).collect();
    assert_eq!(statuses, [Status::Pass, Status::Skip], "{:?}", after.responses);
    let labels = &after.responses[0].target.as_ref().expect("a target")["metadata"]["labels"];
    assert_eq!(labels, &json!({"of": "a", "was": "it"}));
    assert_eq!(after.object, None);
}

#[test]
fn a_target_that_a_variable_names_is_one_object() {
    let target = |name: &str, cfg: Value| {
        let policy = rules(&format!(
            "  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    mutate:\n      targets: [{{apiVersion: v1, kind: ConfigMap, namespace: ns, name: '{name}'}}]\n      patchStrategicMerge: {{data: {{a: b}}}}\n"
        ));
        let input = Input::of(pod(json!({"cfg": cfg})), Operation::Create);
        let mutated = policy.expect("a policy").mutate(&input, &[], &Snapshot::new(), &surroundings());
        (mutated.needs.into_iter().next(), mutated.responses[0].message.clone())
    };
    let variable = "{{ request.object.spec.cfg }}";
    let named = |need: Option<Need>| match need {
        Some(Need::Objects { name, .. }) => Some(name),
        _ => None,
    };
    assert_eq!(named(target(variable, json!("one")).0).as_deref(), Some("one"));
    assert_eq!(named(target("*", json!("one")).0).as_deref(), Some("*"));
    assert_eq!(named(target(&format!("cm-{variable}-*"), json!("one")).0).as_deref(), Some("cm-one-*"));
    for (name, cfg, message) in [
        (variable, json!(7), "is no text"),
        (variable, json!(null), "is no text"),
        (variable, json!(""), "an empty text"),
        (variable, json!("*"), "a wildcard"),
        (&format!("cm-{variable}-*"), json!("?"), "a wildcard"),
    ] {
        let (need, said) = target(name, cfg);
        assert_eq!(need, None);
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn what_a_variable_brings_is_neither_anchor_nor_directive() {
    let body = "      patchStrategicMerge: {spec: {sandbox: true, limits: '{{ request.object.spec.limits }}', '+({{ request.object.spec.key }})': x, '{{ request.object.spec.other }}': z}}";
    let spec = |limits: Value, other: &str| json!({"limits": limits, "key": "k", "other": other});
    let mut want = spec(json!({"cpu": 1}), "o");
    want["sandbox"] = json!(true);
    want["k"] = json!("x");
    want["o"] = json!("z");
    check(body, spec(json!({"cpu": 1}), "o"), want);
    for limits in [
        json!({"<(nope)": 1}),
        json!({"(nope)": 1}),
        json!({"a": [{"+(b)": 1}]}),
        json!({"$patch": "delete"}),
        json!({"$retainKeys": []}),
        json!({"$setElementOrder/a": []}),
        json!({"$deleteFromPrimitiveList/a": []}),
    ] {
        fails(body, spec(limits, "o"), "a variable brought");
    }
    fails(body, spec(json!({}), "<(sandbox)"), "a variable brought");
    fails(body, spec(json!({}), "$patch"), "a variable brought");
}

#[test]
fn controllers_are_changed_in_their_templates() {
    let policy = policy("      patchStrategicMerge: {spec: {containers: [{(name): '*', tty: true}]}}");
    let resource = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}});
    let mutated = mutate(&policy, resource);
    assert_eq!(mutated.responses[0].rule, "autogen-r");
    let object = mutated.object.expect("changed");
    assert_eq!(object["spec"]["template"]["spec"]["containers"], json!([{"name": "a", "tty": true}]));
}

#[test]
fn nested_foreach_of_controllers_leads_into_their_templates() {
    let body = |patch: &str| {
        format!(
            "      foreach: [{{list: request.object.spec.containers, foreach: [{{list: 'element.ports', {patch}}}]}}]"
        )
    };
    let resource = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}}}});
    let mutated = mutate(&policy(&body("patchStrategicMerge: {spec: {hostNetwork: false}}")), resource.clone());
    assert_eq!(mutated.responses[0].rule, "autogen-r");
    let object = mutated.object.expect("changed");
    assert_eq!(object["spec"]["template"]["spec"]["hostNetwork"], json!(false));
    assert_eq!(object["spec"].get("hostNetwork"), None);
    // Operations lead to places of Pods; no rule is made of them.
    let operations = policy(&body("patchesJson6902: '[{op: add, path: /spec/x, value: 1}]'"));
    assert_eq!(mutate(&operations, resource), Mutated::default());
}

#[test]
fn what_is_wrong_is_refused_at_load() {
    let refused = |mutate: &str, message: &str| {
        let text = format!("  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    mutate: {mutate}");
        let problems = rules(&text).expect_err("refused");
        assert!(problems.contains(message), "{problems}");
    };
    refused("{}", "needs one of");
    refused("{patchStrategicMerge: {a: 1}, patchesJson6902: '[]'}", "only one of");
    refused("{patchesJson6902: 'a: [}'}", "is no YAML");
    refused("{patchStrategicMerg: {a: 1}}", "did you mean `patchStrategicMerge`?");
    refused("{foreach: [{list: a, order: Up, patchStrategicMerge: {a: 1}}]}", "is no order");
    refused("{foreach: [null]}", "holds an empty entry");
    refused("{targets: [{kind: Pod}], patchStrategicMerge: {a: 1}}", "a target needs `apiVersion`");
}

#[test]
fn a_patch_that_grows_by_copies_ends() {
    let mut operations = vec![json!({"op": "add", "path": "/a", "value": {"x": "y".repeat(1000)}})];
    for at in 0..30 {
        operations.push(json!({"op": "copy", "from": "", "path": format!("/c{at}")}));
    }
    let read = json_patch::read(&json!(operations)).expect("a patch");
    assert_eq!(json_patch::apply(&json!({}), &read, Options::KYVERNO), Err(PatchError::TooLarge));
    let deep = json!([{"op": "add", "path": "/a".repeat(200), "value": 1}]);
    let read = json_patch::read(&deep).expect("a patch");
    assert_eq!(json_patch::apply(&json!({}), &read, Options::KYVERNO), Err(PatchError::TooLarge));
}

#[test]
fn strict_operations_are_those_of_the_specification() {
    let check = |document: Value, patch: Value, want: Result<Value, ()>| {
        let read = json_patch::read(&patch).expect("a patch");
        let found = json_patch::apply(&document, &read, Options::default()).map_err(|_| ());
        assert_eq!(found, want, "{patch}");
    };
    // RFC 6902, appendix A.
    check(
        json!({"foo": ["bar", "baz"]}),
        json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
        Ok(json!({"foo": ["bar", "qux", "baz"]})),
    );
    check(json!({"foo": "bar"}), json!([{"op": "add", "path": "/baz/bat", "value": "qux"}]), Err(()));
    check(
        json!({"/": 9, "~1": 10}),
        json!([{"op": "test", "path": "/~01", "value": 10}]),
        Ok(json!({"/": 9, "~1": 10})),
    );
    check(
        json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {}}),
        json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
        Ok(json!({"foo": {"bar": "baz"}, "qux": {"thud": "fred"}})),
    );
    check(json!({"foo": [1]}), json!([{"op": "remove", "path": "/foo/-1"}]), Err(()));
    check(json!({"foo": [1]}), json!([{"op": "add", "path": "/foo/3", "value": 1}]), Err(()));
    check(json!({"a": {"b": 1}}), json!([{"op": "move", "from": "/a", "path": "/a/b"}]), Err(()));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..5_i64).prop_map(Value::from),
        prop_oneof![Just("a"), Just("b/~"), Just("*"), Just("$patch"), Just("replace")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("a"),
        Just("b/~"),
        Just("name"),
        Just("containers"),
        Just("(a)"),
        Just("+(a)"),
        Just("<(name)"),
        Just("spec"),
        Just("$patch"),
        Just("$setElementOrder/containers"),
        Just("$retainKeys")
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_difference_makes_the_one_of_the_other(before in any_json(), after in any_json()) {
        let operations = json_patch::patch(&before, &after);
        let written = Value::Array(operations.iter().map(json_patch::Operation::to_json).collect());
        let read = json_patch::read(&written).expect("what is written is read");
        prop_assert_eq!(&read, &operations);
        prop_assert_eq!(json_patch::apply(&before, &read, Options::default()), Ok(after));
    }

    #[test]
    fn no_patch_panics(mut resource in any_json(), patch in any_json(), path in "(/(a|name|-1|-|7|~1)){0,4}") {
        if let Some(object) = resource.as_object_mut() {
            object.insert("apiVersion".to_owned(), json!("v1"));
            object.insert("kind".to_owned(), json!("Pod"));
        }
        let _patched = strategic::apply(&resource, &patch);
        for operation in ["add", "remove", "replace", "move", "copy", "test"] {
            let one = json!({"op": operation, "path": path, "from": "/a", "value": patch});
            if let Ok(read) = json_patch::read(&one) {
                let _applied = json_patch::apply(&resource, &read, Options::KYVERNO);
            }
        }
    }

    #[test]
    fn no_text_of_a_patch_panics(text in "[-{}\\[\\]: a\"\n\u{e003}0]{0,60}", value in any_json()) {
        if let Ok(policy) = rules(&format!("  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    mutate: {{patchesJson6902: {}}}", json!(text))) {
            let _mutated = mutate(&policy, pod(value));
        }
    }
}
