//! Policies as users write them, against resources; and hostile ones.

use proptest::prelude::*;
use serde_json::{Value, json};
use signet_yaml::{Limits, parse};

use super::*;
use crate::jmespath::Surroundings;

fn surroundings() -> Surroundings {
    Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [7; 32])
}

#[track_caller]
fn load(text: &str) -> Policy {
    let documents = parse(text, &Limits::default()).expect("YAML");
    Policy::load(&documents[0].root).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// A policy with one rule about Pods whose `validate` is `body`, indented by six.
fn policy(body: &str) -> Policy {
    load(&format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n{body}"
    ))
}

#[track_caller]
fn evaluate(policy: &Policy, input: &Input) -> Vec<(String, Status, String)> {
    let evaluation = policy.evaluate(input, &[], &Snapshot::new(), &surroundings());
    evaluation.responses.into_iter().map(|response| (response.rule, response.status, response.message)).collect()
}

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "default", "labels": {"app": "a"}}, "spec": spec})
}

/// One rule about Pods on one Pod.
#[track_caller]
fn check(body: &str, spec: Value, status: Status, message: &str) {
    let input = Input::of(pod(spec.clone()), Operation::Create);
    let found = evaluate(&policy(body), &input);
    let want = vec![("r".to_owned(), status, message.to_owned())];
    assert_eq!(found, want, "{spec}");
}

#[test]
fn images_of_one_name_are_an_error_of_the_rule() {
    let deny = "{deny: {conditions: {any: [{key: '{{ images.KIND.*.registry }}', operator: AnyIn, value: evil.io}]}}}";
    let body = format!("    validate: {}", deny.replace("KIND", "containers"));
    let status = |policy: &Policy, object: Value| {
        let input = Input::of(object, Operation::Create);
        let found = policy.evaluate(&input, &[], &Snapshot::new(), &surroundings());
        (found.responses[0].status, found.responses[0].message.clone())
    };
    let containers = |names: [&str; 2]| {
        pod(json!({"containers": [{"name": names[0], "image": "evil.io/a"}, {"name": names[1], "image": "ghcr.io/a"}]}))
    };
    assert_eq!(status(&policy(&body), containers(["a", "b"])).0, Status::Fail);
    let (found, message) = status(&policy(&body), containers(["a", "a"]));
    assert_eq!(found, Status::Error);
    assert!(message.contains("two images are named `a`"), "{message}");
    let task = load(&format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: ['tekton.dev/v1/Task']}}}}]}}\n    imageExtractors: {{Task: [{{path: /spec/steps/*, value: image, key: name, name: steps}}]}}\n    validate: {}",
        deny.replace("KIND", "steps")
    ));
    let steps = |names: [&str; 2]| json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "t", "namespace": "n"}, "spec": {"steps": [{"name": names[0], "image": "evil.io/a"}, {"name": names[1], "image": "ghcr.io/a"}]}});
    assert_eq!(status(&task, steps(["a", "b"])).0, Status::Fail);
    assert_eq!(status(&task, steps(["a", "a"])).0, Status::Error);
}

#[test]
fn a_rule_does_one_thing() {
    let images = "verifyImages: [{imageReferences: ['*'], attestors: [{entries: [{keys: {kms: a}}]}]}]";
    let bodies = ["validate: {deny: {}}", "mutate: {patchStrategicMerge: {a: b}}", images];
    for (at, one) in bodies.iter().enumerate() {
        for other in bodies.iter().skip(at + 1) {
            let text = format!(
                "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    {one}\n    {other}"
            );
            let documents = parse(&text, &Limits::default()).expect("YAML");
            let problems = Policy::load(&documents[0].root).expect_err("refused");
            assert!(format!("{problems:?}").contains("only one of them is allowed in a rule"), "{problems:?}");
        }
    }
}

#[test]
fn a_pattern_fails_at_its_path_and_says_so_as_kyverno_does() {
    let body = "    validate: {message: No latest, pattern: {spec: {containers: [{image: '!*:latest'}]}}}";
    check(body, json!({"containers": [{"image": "a:1"}]}), Status::Pass, "validation rule 'r' passed.");
    check(
        body,
        json!({"containers": [{"image": "a:1"}, {"image": "a:latest"}]}),
        Status::Fail,
        "validation error: No latest. rule r failed at path /spec/containers/1/image/",
    );
}

#[test]
fn anchors() {
    let conditional = "    validate: {pattern: {spec: {containers: [{(image): 'a*', imagePullPolicy: Always}]}}}";
    check(
        conditional,
        json!({"containers": [{"image": "abc", "imagePullPolicy": "Always"}, {"image": "b"}]}),
        Status::Pass,
        "validation rule 'r' passed.",
    );
    check(
        conditional,
        json!({"containers": [{"image": "b"}]}),
        Status::Skip,
        "conditional anchor mismatch: resource value 'b' does not match 'a*' at path /spec/containers/0/image/",
    );
    let negation = "    validate: {pattern: {spec: {=(volumes): [{X(hostPath): 'null'}]}}}";
    check(negation, json!({}), Status::Pass, "validation rule 'r' passed.");
    check(negation, json!({"volumes": [{"name": "a"}]}), Status::Pass, "validation rule 'r' passed.");
    check(
        negation,
        json!({"volumes": [{"hostPath": {}}]}),
        Status::Fail,
        "validation error: rule r failed at path /spec/volumes/0/hostPath/",
    );
    let existence = "    validate: {pattern: {spec: {^(containers): [{name: main}, {name: side}]}}}";
    check(
        existence,
        json!({"containers": [{"name": "side"}, {"name": "main"}]}),
        Status::Pass,
        "validation rule 'r' passed.",
    );
    check(
        existence,
        json!({"containers": [{"name": "main"}]}),
        Status::Fail,
        "validation error: rule r failed at path /spec/containers/",
    );
    let global = "    validate: {pattern: {spec: {containers: [{<(image): 'a*'}], hostNetwork: false}}}";
    check(
        global,
        json!({"containers": [{"image": "b"}], "hostNetwork": true}),
        Status::Skip,
        "global anchor mismatch: resource value 'b' does not match 'a*' at path /spec/containers/0/image/",
    );
}

#[test]
fn any_pattern_names_each_pattern_that_failed() {
    let body = "    validate: {message: Non-root., anyPattern: [{spec: {a: true}}, {spec: {b: true}}]}";
    check(body, json!({"b": true}), Status::Pass, "validation rule 'r' anyPattern[1] passed.");
    check(
        body,
        json!({}),
        Status::Fail,
        "validation error: Non-root. rule r[0] failed at path /spec/a/ rule r[1] failed at path /spec/b/",
    );
}

#[test]
fn deny_with_variables_and_operators() {
    let body = "    validate: {message: '{{ request.object.metadata.name }} is too many', deny: {conditions: {any: [{key: '{{ request.object.spec.n }}', operator: GreaterThan, value: 3}]}}}";
    check(body, json!({"n": 3}), Status::Pass, "validation rule 'r' passed.");
    check(body, json!({"n": 4}), Status::Fail, "x is too many");
    let missing = policy(body);
    let found = evaluate(&missing, &Input::of(pod(json!({})), Operation::Create));
    assert_eq!(found[0].1, Status::Error, "a key that is missing decides nothing: {found:?}");
    check("    validate: {deny: {}}", json!({}), Status::Fail, "validation error: rule r failed");
}

#[test]
fn operators_that_kyverno_lacks_are_the_tests_that_they_name() {
    for (operator, value, fails) in [
        ("NotContains", "evil", true),
        ("NotContains", "good", false),
        ("Contains", "good", true),
        ("EndsWith", ":1", true),
        ("StartsWith", "good", true),
        ("startswith", "bad", false),
    ] {
        let body = format!(
            "    validate: {{deny: {{conditions: {{all: [{{key: '{{{{ request.object.spec.image }}}}', operator: {operator}, value: '{value}'}}]}}}}}}"
        );
        let status = if fails { Status::Fail } else { Status::Pass };
        let message = if fails { "validation error: rule r failed" } else { "validation rule 'r' passed." };
        check(&body, json!({"image": "good:1"}), status, message);
    }
}

#[test]
fn foreach_stops_at_the_first_that_fails() {
    let body = "    validate: {message: 'bad {{ element.name }}', foreach: [{list: request.object.spec.containers, preconditions: {all: [{key: '{{ element.name }}', operator: NotEquals, value: skip}]}, deny: {conditions: {all: [{key: '{{ element.image }}', operator: Equals, value: 'evil*'}]}}}]}";
    check(
        body,
        json!({"containers": [{"name": "a", "image": "b"}, {"name": "skip", "image": "evil"}]}),
        Status::Pass,
        "rule passed",
    );
    check(
        body,
        json!({"containers": [{"name": "a", "image": "b"}, {"name": "c", "image": "evil"}]}),
        Status::Fail,
        "validation failure: bad c",
    );
    check(body, json!({}), Status::Skip, "rule skipped");
}

#[test]
fn an_element_that_cannot_be_judged_is_not_passed_over() {
    let body = "    validate: {message: bad, foreach: [{list: request.object.spec.containers, deny: {conditions: {all: [{key: '{{ element.image }}', operator: Equals, value: 'evil*'}]}}}]}";
    let judge = |containers: Value| {
        let input = Input::of(pod(json!({"containers": containers})), Operation::Create);
        evaluate(&policy(body), &input)[0].1
    };
    assert_eq!(judge(json!([{"name": "a"}, {"image": "b"}])), Status::Error);
    assert_eq!(judge(json!([{"image": "b"}, {"name": "a"}])), Status::Error);
    assert_eq!(judge(json!([{"name": "a"}, {"image": "evil"}])), Status::Fail);
}

#[test]
fn data_is_never_read_as_an_expression() {
    let body = "    validate: {message: 'is {{ request.object.spec.name }}', deny: {conditions: {all: [{key: '{{ request.object.spec.name }}', operator: Equals, value: '*'}]}}}";
    check(
        body,
        json!({"name": "{{ request.object.metadata.name }}"}),
        Status::Fail,
        "is {{ request.object.metadata.name }}",
    );
    let nested = "    validate: {message: '{{ request.object.spec.{{ request.object.spec.key }} }}', deny: {}}";
    check(nested, json!({"key": "value", "value": "found"}), Status::Fail, "found");
}

#[test]
fn references_inside_a_pattern() {
    let body =
        "    validate: {pattern: {spec: {limits: {memory: '?*'}, requests: {memory: '<=$(./../../limits/memory)'}}}}";
    // The reference is to the pattern's own text, `?*`, which no order can be told of.
    let found = evaluate(
        &policy(body),
        &Input::of(pod(json!({"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}})), Operation::Create),
    );
    assert_eq!(found[0].1, Status::Fail, "{found:?}");
}

#[test]
fn controllers_are_judged_by_their_templates() {
    let policy = policy("    validate: {pattern: {spec: {hostNetwork: false}}}");
    let names: Vec<&str> = policy.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["r", "autogen-r", "autogen-cronjob-r"]);
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"hostNetwork": true}}}});
    let found = evaluate(&policy, &Input::of(deployment, Operation::Create));
    assert_eq!(found[0].2, "validation error: rule autogen-r failed at path /spec/template/spec/hostNetwork/");
    let job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": {"hostNetwork": false}}}}}});
    assert_eq!(evaluate(&policy, &Input::of(job, Operation::Create))[0].1, Status::Pass);
}

#[test]
fn what_is_not_evaluated_is_an_error() {
    let found =
        evaluate(&policy("    validate: {manifests: {attestors: []}}"), &Input::of(pod(json!({})), Operation::Create));
    assert_eq!(found, [("r".to_owned(), Status::Error, "not evaluated: validate.manifests".to_owned())]);
}

#[test]
fn a_rule_in_cel_holds_for_pods_and_for_what_makes_them() {
    let cel = |lines: &str| policy(&format!("    validate:\n      message: of the rule\n      cel:\n{lines}"));
    let tagged = cel("        expressions: [{expression: \"object.spec.hostNetwork != true\"}]\n");
    let deployment = |host: bool| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": {"spec": {"hostNetwork": host}}}});
    let on = |policy: &Policy, resource: Value| evaluate(policy, &Input::of(resource, Operation::Create));
    assert_eq!(on(&tagged, pod(json!({"hostNetwork": true})))[0].1, Status::Fail);
    assert_eq!(on(&tagged, pod(json!({"hostNetwork": true})))[0].2, "of the rule");
    assert_eq!(on(&tagged, pod(json!({"hostNetwork": false})))[0].2, "Validation rule 'r' passed.");
    assert_eq!(on(&tagged, deployment(true))[0], ("autogen-r".to_owned(), Status::Fail, "of the rule".to_owned()));
    assert_eq!(on(&tagged, deployment(false))[0].1, Status::Pass);
    // What cannot be evaluated is refused, as Kubernetes refuses it.
    let found = on(&cel("        expressions: [{expression: object.spec.none == 1}]\n"), pod(json!({})));
    let told = "expression 'object.spec.none == 1' resulted in error: no such key: none";
    assert_eq!(found, [("r".to_owned(), Status::Fail, told.to_owned())]);
    let found = on(
        &cel(
            "        paramKind: {apiVersion: v1, kind: ConfigMap}\n        paramRef: {name: c, namespace: ns}\n        expressions: [{expression: params.data.a == 'b'}]\n",
        ),
        pod(json!({})),
    );
    assert_eq!(found[0].1, Status::Error);
}

#[test]
fn what_must_be_fetched_is_named_and_decides_nothing_until_then() {
    let body = "    context: [{name: allowed, configMap: {name: c, namespace: ns}}]\n    validate: {deny: {conditions: {all: [{key: '{{ request.object.spec.image }}', operator: AnyNotIn, value: '{{ allowed.data.images }}'}]}}}";
    let policy = policy(body);
    let input = Input::of(pod(json!({"image": "a"})), Operation::Create);
    let first = policy.evaluate(&input, &[], &Snapshot::new(), &surroundings());
    assert_eq!(first.responses[0].status, Status::Error);
    let need = Need::ConfigMap { namespace: "ns".to_owned(), name: "c".to_owned() };
    assert_eq!(first.needs.iter().collect::<Vec<_>>(), [&need]);
    let snapshot = Snapshot::from([(need, json!({"data": {"images": "[\"a\", \"b\"]"}}))]);
    assert_eq!(policy.evaluate(&input, &[], &snapshot, &surroundings()).responses[0].status, Status::Pass);
}

#[test]
fn a_list_that_must_be_fetched_is_not_an_empty_one() {
    let body =
        "    context: [{name: list, globalReference: {name: g}}]\n    validate: {foreach: [{list: list, deny: {}}]}";
    let found = evaluate(&policy(body), &Input::of(pod(json!({})), Operation::Create));
    assert_eq!(found[0].1, Status::Error, "{found:?}");
}

#[track_caller]
fn refused(text: &str, want: &str) {
    let documents = parse(text, &Limits::default()).expect("YAML");
    let problems = Policy::load(&documents[0].root).expect_err("must be refused");
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains(want)), "{said:?}");
}

#[test]
fn what_nobody_knows_is_refused_with_its_place() {
    let head = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod]}}]}\n";
    refused(
        &format!("{head}    validate:\n      patern: {{}}\n"),
        "line 9, column 7: `validate` has no field `patern` (hint: did you mean `pattern`?)",
    );
    let operator = "    validate: {deny: {conditions: {all: [{key: a, operator: Equls, value: b}]}}}\n";
    refused(&format!("{head}{operator}"), "there is no operator `Equls` (hint: did you mean `Equals`?)");
    refused(&format!("{head}    validate: {{}}\n"), "asks nothing");
    refused(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{name: r, validate: {deny: {}}}]}\n",
        "needs `match`",
    );
    refused(&format!("{head}    validate: {{failureAction: Block, deny: {{}}}}\n"), "`Block` is no failure action");
}

#[test]
fn values_grow_to_a_limit() {
    // Each entry doubles the one before it: 2^30 bytes, if nobody counted.
    let mut entries = String::from("[{name: v0, variable: {value: xxxxxxxxxxxxxxxx}}");
    for index in 1..30 {
        let before = index - 1;
        entries
            .push_str(&format!(", {{name: v{index}, variable: {{value: '{{{{ v{before} }}}}{{{{ v{before} }}}}'}}}}"));
    }
    let body = format!(
        "    context: {entries}]\n    validate: {{deny: {{conditions: {{all: [{{key: '{{{{ v29 }}}}', operator: Equals, value: a}}]}}}}}}"
    );
    let found = evaluate(&policy(&body), &Input::of(pod(json!({})), Operation::Create));
    assert_eq!(found[0].1, Status::Error);
    assert!(found[0].2.contains("2 MiB"), "{}", found[0].2);
    // The same without any long text: lists of lists.
    let lists = body.replace("value: xxxxxxxxxxxxxxxx", "value: [x]");
    let lists = (0..29).fold(lists, |lists, index| {
        lists.replace(
            &format!("'{{{{ v{index} }}}}{{{{ v{index} }}}}'"),
            &format!("['{{{{ v{index} }}}}', '{{{{ v{index} }}}}']"),
        )
    });
    let found = evaluate(&policy(&lists), &Input::of(pod(json!({})), Operation::Create));
    assert!(found[0].1 == Status::Error && found[0].2.contains("2 MiB"), "{found:?}");
}

#[test]
fn a_wildcard_bomb_ends() {
    let pattern = format!("{}b", "*a".repeat(1_000));
    let body = format!("    validate: {{pattern: {{spec: {{image: '{pattern}'}}}}}}");
    let found = evaluate(&policy(&body), &Input::of(pod(json!({"image": "a".repeat(20_000)})), Operation::Create));
    assert_eq!(found[0].1, Status::Fail);
}

#[test]
fn pod_security() {
    let body = "    validate: {podSecurity: {level: baseline, version: latest, exclude: [{controlName: Capabilities, images: ['trusted/*']}]}}";
    check(
        body,
        json!({"containers": [{"image": "trusted/a", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}),
        Status::Pass,
        "Validation rule 'r' passed.",
    );
    let two = json!({"containers": [
        {"image": "trusted/a", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {"image": "other/a", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
    ]});
    let found = evaluate(&policy(body), &Input::of(pod(two), Operation::Create));
    assert_eq!(found[0].1, Status::Fail, "what is excluded for one image is not excluded for another");
    assert!(found[0].2.contains("spec.containers[1].securityContext.capabilities.add"), "{}", found[0].2);
}

#[test]
fn exceptions_skip_only_whom_they_name() {
    let text = "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e, namespace: n}\nspec: {exceptions: [{policyName: p, ruleNames: ['r*']}], match: {any: [{resources: {kinds: [Pod], names: [x]}}]}}";
    let documents = parse(text, &Limits::default()).expect("YAML");
    let exception = Exception::load(&documents[0].root).expect("an exception");
    let policy = policy("    validate: {deny: {}}");
    let judge = |name: &str| {
        let mut pod = pod(json!({}));
        pod["metadata"]["name"] = json!(name);
        let input = Input::of(pod, Operation::Create);
        policy.evaluate(&input, std::slice::from_ref(&exception), &Snapshot::new(), &surroundings()).responses[0].status
    };
    assert_eq!(judge("x"), Status::Skip);
    assert_eq!(judge("y"), Status::Fail);
}

#[track_caller]
fn kind(selector: &str, api_version: &str, kind: &str, subresource: &str, want: bool) {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec: {{rules: [{{name: r, match: {{any: [{{resources: {{kinds: ['{selector}']}}}}]}}, validate: {{deny: {{}}}}}}]}}"
    );
    let mut input =
        Input::of(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}}), Operation::Create);
    input.subresource = subresource.to_owned();
    assert_eq!(
        !evaluate(&load(&text), &input).is_empty(),
        want,
        "{selector} against {api_version}/{kind}/{subresource}"
    );
}

#[test]
fn kinds() {
    kind("Pod", "v1", "Pod", "", true);
    kind("Pod", "v1", "Pod", "exec", false);
    kind("Pod", "v1", "Pod", "ephemeralcontainers", true);
    kind("Pod/exec", "v1", "Pod", "exec", true);
    kind("Pod.status", "v1", "Pod", "status", true);
    kind("apps/v1/Deployment", "apps/v1", "Deployment", "", true);
    kind("apps/v1/Deployment", "apps/v1beta1", "Deployment", "", false);
    kind("apps/*/Deployment", "apps/v1beta1", "Deployment", "", true);
    kind("v1/Pod", "v1", "Pod", "", true);
    kind("*", "apps/v1", "Deployment", "", true);
    kind("*/*", "apps/v1", "Deployment", "scale", true);
    kind("*", "apps/v1", "Deployment", "scale", false);
}

#[test]
fn an_image_that_is_none_is_an_error_where_images_are_asked_for() {
    let body = "    validate: {message: m, foreach: [{list: 'images.containers.*', deny: {conditions: {all: [{key: '{{ element.registry }}', operator: NotEquals, value: ghcr.io}]}}}]}";
    let digest = format!("ghcr.io/a@sha256:{}", "a".repeat(64));
    let short = format!("ghcr.io/a@sha256:{}", "a".repeat(32));
    for (image, status) in [
        ("ghcr.io/a/b:1", Status::Pass),
        (&digest, Status::Pass),
        ("evil.io/a:1", Status::Fail),
        ("nginx", Status::Fail),
        ("", Status::Skip),
        ("evil.io/a:", Status::Error),
        ("evil.io/ngi nx:1", Status::Error),
        ("evil.io/A:1", Status::Error),
        ("a@sha256:abc", Status::Error),
        ("ghcr.io/a:b:c", Status::Error),
        ("ghcr.io//x", Status::Error),
        ("ghcr.io/../evil", Status::Error),
        (&short, Status::Error),
    ] {
        let input = Input::of(pod(json!({"containers": [{"name": "c", "image": image}]})), Operation::Create);
        let found = evaluate(&policy(body), &input);
        assert_eq!(found[0].1, status, "{image}: {found:?}");
        assert!(status != Status::Error || found[0].2.contains("invalid image `"), "{found:?}");
    }
}

/// A policy with one rule whose filters are `filters`, written in flow style.
fn filtered(filters: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec: {{rules: [{{name: r, {filters}, validate: {{deny: {{}}}}}}]}}"
    )
}

#[test]
fn filters_with_holes_are_refused() {
    let exclude = |block: &str| {
        filtered(&format!("match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, exclude: {{any: [{block}]}}"))
    };
    for (block, want) in [
        ("{resources: {namespaces: [null]}}", "`namespaces` holds an empty entry"),
        ("{resources: {kinds: [Pod, null]}}", "`kinds` holds an empty entry"),
        ("{resources: {annotations: {a: null}}}", "`a` holds an empty entry"),
        ("{resources: {selector: {matchLabels: {b: null}}}}", "`b` holds an empty entry"),
        ("null", "`any` holds an empty entry"),
        ("{resources: {selector: {matchExpressions: [{key: k, operator: In}]}}}", "`k` needs `values`"),
        ("{resources: {selector: {matchExpressions: [{key: k, operator: NotIn, values: []}]}}}", "`k` needs `values`"),
        ("{resources: {selector: {matchExpressions: [{key: k, operator: Exists, values: [a]}]}}}", "takes no `values`"),
        (
            "{resources: {namespaceSelector: {matchExpressions: [{key: k, operator: DoesNotExist, values: [a]}]}}}",
            "takes no `values`",
        ),
    ] {
        refused(&exclude(block), want);
    }
    load(&exclude("{resources: {namespaces: null, names: [a]}}"));
}

#[test]
fn exceptions_are_no_wider_than_they_say() {
    let policy = policy("    validate: {deny: {}}");
    let judge = |rules: &str, block: &str, input: &Input| {
        let text = format!(
            "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: n}}\nspec: {{exceptions: [{{policyName: p, ruleNames: ['{rules}']}}], match: {{any: [{block}]}}}}"
        );
        let documents = parse(&text, &Limits::default()).expect("YAML");
        let exception = Exception::load(&documents[0].root).expect("an exception");
        policy.evaluate(input, &[exception], &Snapshot::new(), &surroundings()).responses[0].status
    };
    let made = Input::of(pod(json!({})), Operation::Create);
    let pods = "{resources: {kinds: [Pod]}}";
    assert_eq!(judge("r", pods, &made), Status::Skip);
    let admins = "{resources: {kinds: [Pod]}, subjects: [{kind: User, name: admin}]}";
    let roles = "{resources: {kinds: [Pod]}, clusterRoles: [admin]}";
    assert_eq!(judge("r", admins, &made), Status::Fail, "nobody knows who asks");
    assert_eq!(judge("r", roles, &made), Status::Fail, "nobody knows who asks");
    let user = User { username: "admin".to_owned(), cluster_roles: vec!["admin".to_owned()], ..User::default() };
    assert_eq!(judge("r", admins, &made.clone().by(user.clone())), Status::Skip);
    assert_eq!(judge("r", roles, &made.clone().by(user)), Status::Skip);
    let mut added = made;
    added.subresource = "ephemeralcontainers".to_owned();
    assert_eq!(judge("r", pods, &added), Status::Fail);
    assert_eq!(judge("r", "{resources: {kinds: [Pod/ephemeralcontainers]}}", &added), Status::Skip);
    let deployment = Input::of(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {}}),
        Operation::Create,
    );
    let deployments = "{resources: {kinds: [Deployment]}}";
    assert_eq!(judge("r", deployments, &deployment), Status::Fail);
    assert_eq!(judge("autogen-r", deployments, &deployment), Status::Skip);
    assert_eq!(judge("*r", deployments, &deployment), Status::Skip);
}

#[test]
fn roles_are_compared_as_they_stand() {
    let with = |block: &str| load(&filtered(&format!("match: {{any: [{{resources: {{kinds: [Pod]}}, {block}}}]}}")));
    let user = User {
        username: "dev".to_owned(),
        roles: vec!["ns:edit".to_owned()],
        cluster_roles: vec!["edit".to_owned()],
        ..User::default()
    };
    let input = Input::of(pod(json!({})), Operation::Create).by(user);
    for (block, meant) in [
        ("clusterRoles: [edit]", true),
        ("clusterRoles: ['e*']", false),
        ("roles: ['ns:edit']", true),
        ("roles: ['ns:*']", false),
        ("subjects: [{kind: User, name: 'd*'}]", true),
    ] {
        assert_eq!(!evaluate(&with(block), &input).is_empty(), meant, "{block}");
    }
}

#[test]
fn rules_for_controllers_are_made_of_rules_about_pods_alone() {
    for (filters, made) in [
        ("match: {any: [{resources: {kinds: [Pod]}}]}", 3),
        ("match: {any: [{resources: {kinds: [Pod/exec]}}]}", 1),
        ("match: {any: [{resources: {kinds: [Pod, Pod/exec]}}]}", 1),
        ("match: {any: [{resources: {kinds: [Pod]}}]}, exclude: {any: [{resources: {kinds: [Pod/exec]}}]}", 3),
    ] {
        assert_eq!(load(&filtered(filters)).rules().len(), made, "{filters}");
    }
}

#[test]
fn a_wildcard_key_means_every_key_that_it_matches() {
    let judge = |key: &str, labels: Value| {
        let policy = policy(&format!("    validate: {{pattern: {{metadata: {{labels: {{'{key}': good}}}}}}}}"));
        let mut pod = pod(json!({}));
        pod["metadata"]["labels"] = labels;
        evaluate(&policy, &Input::of(pod, Operation::Create))[0].1
    };
    for key in ["team/*", "=(team/*)"] {
        assert_eq!(judge(key, json!({"team/a": "good", "team/b": "good", "x": "bad"})), Status::Pass, "{key}");
        assert_eq!(judge(key, json!({"team/a": "good", "team/b": "bad"})), Status::Fail, "{key}");
    }
    assert_eq!(judge("team/*", json!({})), Status::Fail);
    assert_eq!(judge("=(team/*)", json!({})), Status::Pass);
}

#[test]
fn a_connection_is_opened_in_the_namespace_of_its_request() {
    let text = filtered("match: {any: [{resources: {kinds: [Pod/exec], namespaces: [prod]}}]}");
    let policy = load(&text);
    for (namespace, meant) in [("prod", true), ("dev", false)] {
        let mut input = Input::of(json!({"apiVersion": "v1", "kind": "PodExecOptions"}), Operation::Connect);
        input.kind = Kind { group: String::new(), version: "v1".to_owned(), kind: "Pod".to_owned() };
        input.subresource = "exec".to_owned();
        input.request["namespace"] = json!(namespace);
        assert_eq!(!evaluate(&policy, &input).is_empty(), meant, "{namespace}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("*".to_owned()),
        Just("!a | >=1Gi & <2h".to_owned()),
        Just("1-10".to_owned()),
        Just("{{ request.object }}".to_owned()),
        Just("$(./../a)".to_owned()),
        "[-!<>=|&*?a-c0-9{}$()./ ]{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![
            Just("(a)"),
            Just("=(b)"),
            Just("X(c)"),
            Just("^(d)"),
            Just("<(e)"),
            Just("metadata"),
            Just("labels"),
            Just("a"),
            Just("*"),
            Just("(")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4).prop_map(|entries| Value::Object(
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pattern_and_no_resource_breaks_anything(pattern in any_json(), resource in any_json(), operator in 0..22_usize) {
        let _walked = super::pattern::Pattern::compile(&pattern).check(&resource);
        let _held = super::operator::Operator::parse(super::operator::NAMES[operator]).map(|operator| operator.holds(&pattern, &resource, &mut Default::default()));
        let rule = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"}, "spec": {"rules": [
            {"name": "r", "match": {"any": [{"resources": {"kinds": ["*"]}}]}, "validate": {"message": "{{ request.object }}", "pattern": pattern}}]}});
        let documents = parse(&rule.to_string(), &Limits::default()).expect("JSON is YAML");
        if let Ok(policy) = Policy::load(&documents[0].root) {
            for operation in [Operation::Create, Operation::Update, Operation::Delete] {
                let _evaluated = policy.evaluate(&Input::of(json!({"kind": "A", "spec": resource.clone()}), operation), &[], &Snapshot::new(), &surroundings());
            }
        }
    }

    #[test]
    fn damaged_policies_load_or_are_refused(position in 0..600_usize, letter in any::<char>()) {
        let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {any: [{resources: {kinds: [Pod], namespaces: ['a*'], selector: {matchLabels: {a: b}}}}]}\n    preconditions: {all: [{key: '{{ request.operation }}', operator: In, value: [CREATE]}]}\n    context: [{name: c, variable: {jmesPath: request.object.spec, default: 1}}]\n    validate: {message: m, foreach: [{list: 'request.object.spec.containers[]', pattern: {image: '!*:latest'}}]}\n";
        let mut damaged: Vec<char> = text.chars().collect();
        let place = position % damaged.len();
        damaged[place] = letter;
        let damaged: String = damaged.into_iter().collect();
        if let Ok(documents) = parse(&damaged, &Limits::default())
            && let Some(Ok(policy)) = documents.first().map(|document| Policy::load(&document.root))
        {
            let _evaluated = policy.evaluate(&Input::of(pod(json!({"containers": [{"image": "a"}]})), Operation::Create), &[], &Snapshot::new(), &surroundings());
        }
    }
}
