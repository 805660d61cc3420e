//! What must not slip through: each of these once did.

use super::*;

/// A policy of Kubernetes about Pods that holds everywhere, with these lines.
fn kubernetes(kind: &str, lines: &str) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods]}}]}}\n{lines}"
    )
}

#[track_caller]
fn everywhere(text: &str) -> Policy {
    let mut policy = policy(text);
    policy.hold_everywhere();
    policy
}

fn namespaced(text: &str, namespace: &str) -> String {
    text.replace("kind: ValidatingPolicy", "kind: NamespacedValidatingPolicy")
        .replace("{name: p}", &format!("{{name: p, namespace: {namespace}}}"))
}

fn validating(expression: &str) -> String {
    about_pods(&format!("  validations:\n  - expression: |-\n      {expression}\n    message: refused\n"))
}

#[test]
fn a_false_validation_decides_whatever_errors_stand_before_it() {
    let with = |failure: &str, expressions: &str| {
        let lines = format!("  failurePolicy: {failure}\n  validations: [{expressions}]\n");
        judge(&everywhere(&kubernetes("ValidatingAdmissionPolicy", &lines)), pod(json!({})))
    };
    let broken = "{expression: object.spec.none == 1}";
    for failure in ["Ignore", "Fail"] {
        let found = with(failure, &format!("{broken}, {{expression: 'false', message: refused}}"));
        says(&found, Status::Fail, "refused");
    }
    let message = "expression 'object.spec.none == 1' resulted in error: no such key: none";
    says(&with("Ignore", broken), Status::Skip, message);
    says(&with("Fail", broken), Status::Error, message);
}

#[test]
fn audit_annotations_are_made_whatever_was_decided_and_are_not_endless() {
    let lines = "  validations: [{expression: 'false'}]\n  auditAnnotations: [{key: k, valueExpression: \"lists.range(5000).map(i, 'abc').join()\"}]\n";
    let found = judge(&everywhere(&kubernetes("ValidatingAdmissionPolicy", lines)), pod(json!({})));
    assert_eq!(found.responses[0].status, Status::Fail);
    assert_eq!(found.annotations["p/k"].len(), 10 << 10);
    let long = judge(
        &policy(&about_pods(
            "  validations: [{expression: 'false', messageExpression: \"lists.range(5000).map(i, 'äbc').join()\"}]\n",
        )),
        pod(json!({})),
    );
    assert!((5 << 10) - 2 <= long.responses[0].message.len() && long.responses[0].message.len() <= 5 << 10);
}

#[test]
fn a_namespaced_policy_looks_into_its_own_namespace_only() {
    let pod = || pod(json!({"containers": []}));
    for expression in [
        "resource.List('v1', 'secrets', 'kube-system', {'a': '/namespaces/shop/'}).items.size() == 0",
        "resource.Get('v1', 'secrets', 'kube-system', 's').data.size() == 0",
        "resource.Get('v1', 'pods', 'kube-system', 'p', ['proxy', 'namespaces', 'shop', 'x']).a == 1",
        "resource.Get('v1', 'namespaces', '', 'shop').metadata.name == 'shop'",
        "resource.Get('v1', 'secrets', 'shop', '').items.size() == 0",
        "http.Get('http://169.254.169.254/').a == 1",
    ] {
        let found = judge(&policy(&namespaced(&validating(expression), "shop")), pod());
        assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 0), "{expression}: {found:?}");
    }
    let own = "resource.List('v1', 'secrets', 'shop', {'app.example/name': 'a-b'}).items.size() == 0";
    let found = judge(&policy(&namespaced(&validating(own), "shop")), pod());
    let wanted = Need::Api {
        method: "GET".to_owned(),
        url_path: "/api/v1/namespaces/shop/secrets?labelSelector=app.example/name=a-b".to_owned(),
        body: String::new(),
    };
    assert_eq!(found.needs.into_iter().collect::<Vec<_>>(), [wanted]);
    refuses(&namespaced(&validating("globalContext.Get('x').a == 1"), "shop"), "globalContext");
    // Nor may any policy be led through the API server to others, or let a request write parameters into a query.
    for expression in [
        "resource.Get('v1', 'services', 'shop', 's', ['proxy', 'x']).a == 1",
        "resource.Get('v1', 'pods/proxy', 'shop', 's').a == 1",
        "resource.List('v1', 'secrets', 'shop', {'a': 'b&fieldSelector=metadata.name=x'}).items.size() == 0",
        "resource.List('v1', 'secrets', 'shop', {'a,c=d': 'b'}).items.size() == 0",
        "resource.List('v1', 'secrets', 'shop', {'a': 'b,c=d'}).items.size() == 0",
    ] {
        let found = judge(&policy(&validating(expression)), pod());
        assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 0), "{expression}: {found:?}");
    }
}

#[test]
fn every_expression_of_a_namespaced_policy_is_confined() {
    let elsewhere = "resource.Get('v1', 'configmaps', 'other', 'c')";
    let json = namespaced(
        &format!(
            "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  evaluation: {{mode: JSON}}\n  validations: [{{expression: \"{elsewhere}.data.a == 'b'\"}}]\n"
        ),
        "shop",
    );
    let found = policy(&json).evaluate_json(&json!({}), &Snapshot::new(), &surroundings());
    assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 0), "{found:?}");
    let images = about_pods(&format!(
        "  images: [{{name: more, expression: \"[{elsewhere}.data.image]\"}}]\n  attestors: []\n  validations: [{{expression: 'images.more.size() == 0'}}]\n"
    ))
    .replace("kind: ValidatingPolicy", "kind: NamespacedImageValidatingPolicy")
    .replace("{name: p}", "{name: p, namespace: shop}");
    let found = judge(&policy(&images), pod(json!({})));
    assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 0), "{found:?}");
    // Which images are meant hangs on nothing outside.
    refuses(
        &images.replace(
            "  images:",
            &format!("  matchImageReferences: [{{expression: \"{elsewhere}.a == ref\"}}]\n  images:"),
        ),
        "resource",
    );
}

#[test]
fn patches_do_not_grow_an_object_without_end() {
    let patch = |expression: &str| {
        let text = mutating(
            "MutatingPolicy",
            &format!("  - patchType: JSONPatch\n    jsonPatch:\n      expression: \"{expression}\"\n"),
        );
        let mut object = pod(json!({}));
        object["metadata"]["annotations"] = json!({"a": "0123456789"});
        judge(&policy(&text), object)
    };
    let copies = |count: usize, tail: &str| {
        format!(
            "lists.range({count}).map(i, JSONPatch{{op: 'copy', from: '/metadata/annotations', path: '/metadata/annotations/x'{tail}}})"
        )
    };
    for (expression, wanted) in
        [(copies(40, "+string(i)"), "operations write more than"), (copies(9_999, ""), "operations write more than")]
    {
        let found = patch(&expression);
        assert_eq!((found.responses[0].status, found.patched), (Status::Error, None));
        assert!(found.responses[0].message.contains(wanted), "{}", found.responses[0].message);
    }
    assert!(patch(&copies(5, "+string(i)")).patched.is_some());
}

#[test]
fn long_lists_are_merged_in_one_pass() {
    let text = mutating(
        "MutatingPolicy",
        "  - patchType: ApplyConfiguration\n    applyConfiguration:\n      expression: \"Object{spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, imagePullPolicy: 'Always'})}}\"\n",
    );
    let on = |count: usize| {
        let containers: Vec<Json> = (0..count).map(|index| json!({"name": format!("c{index}")})).collect();
        judge(&policy(&text), pod(json!({"containers": containers})))
    };
    let patched = on(8_000).patched.expect("because it was changed");
    assert_eq!(patched["spec"]["containers"][7_999], json!({"name": "c7999", "imagePullPolicy": "Always"}));
    let many = on(12_000);
    assert_eq!((many.responses[0].status, many.patched), (Status::Error, None), "{:?}", many.responses);
    let twice = merged(
        json!({"containers": [{"name": "a", "image": "x"}]}),
        "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'b', image: 'y'}, Object.spec.containers{name: 'b', tty: true}]}}",
        "MutatingPolicy",
    );
    assert_eq!(
        twice.patched.expect("because it was changed")["spec"]["containers"],
        json!([{"name": "a", "image": "x"}, {"name": "b", "image": "y", "tty": true}])
    );
}

fn merged(spec: Json, expression: &str, kind: &str) -> Judgement {
    let lines = format!(
        "  mutations:\n  - patchType: ApplyConfiguration\n    applyConfiguration:\n      expression: \"{expression}\"\n"
    );
    let text = match kind {
        "MutatingPolicy" => about_pods(&lines).replace("ValidatingPolicy", kind),
        _ => kubernetes(kind, &lines),
    };
    judge(&everywhere(&text), pod(spec))
}

#[test]
fn what_is_replaced_as_a_whole_is_not_set_by_configurations() {
    let spec = || json!({"containers": [{"name": "a", "args": ["x"]}], "nodeSelector": {"a": "b"}});
    let list = "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'a', args: ['y']}]}}";
    let map = "Object{spec: Object.spec{nodeSelector: Object.spec.nodeSelector{c: 'd'}}}";
    let fine = "Object{metadata: Object.metadata{labels: Object.metadata.labels{c: 'd'}}}";
    for (kind, expression, wanted) in [
        ("MutatingAdmissionPolicy", list, Status::Error),
        ("MutatingAdmissionPolicy", map, Status::Error),
        ("MutatingAdmissionPolicy", fine, Status::Pass),
        ("MutatingPolicy", list, Status::Pass),
        ("MutatingPolicy", map, Status::Error),
        ("MutatingPolicy", fine, Status::Pass),
    ] {
        let found = merged(spec(), expression, kind);
        assert_eq!(found.responses[0].status, wanted, "{kind} {expression}: {:?}", found.responses);
    }
}

#[test]
fn a_namespace_that_nobody_knows_is_not_one_without_labels() {
    let bad = || pod(json!({"containers": [{"image": "x"}]}));
    let text = about_pods(&format!("    namespaceSelector: {{matchLabels: {{tier: prod}}}}\n{TAGGED}"));
    let policy = policy(&text);
    let unknown = judge(&policy, bad());
    assert_eq!((unknown.responses[0].status, unknown.needs.len()), (Status::Error, 1), "{unknown:?}");
    let need = unknown.needs.first().cloned().expect("because there is one");
    let with = |labels: &[(&str, &str)]| {
        let mut input = Input::of(bad(), Operation::Create);
        input.namespace_labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        policy.evaluate(&input, &[], &Snapshot::new(), &surroundings())
    };
    says(&with(&[("tier", "prod")]), Status::Fail, "An image tag is required.");
    assert!(with(&[("tier", "dev")]).responses.is_empty());
    let fetched = |labels: Json| {
        let answer = json!([{"metadata": {"name": "shop", "labels": labels}}]);
        let snapshot = Snapshot::from([(need.clone(), answer)]);
        policy.evaluate(&Input::of(bad(), Operation::Create), &[], &snapshot, &surroundings())
    };
    says(&fetched(json!({"tier": "prod"})), Status::Fail, "An image tag is required.");
    assert!(fetched(json!({})).responses.is_empty());
    // `failurePolicy: Ignore` is about the request, not about what we were not told.
    let ignoring = super::policy(&format!("{text}  failurePolicy: Ignore\n"));
    assert_eq!(judge(&ignoring, bad()).responses[0].status, Status::Error);
    let object = super::policy(&validating("namespaceObject.metadata.labels.tier == 'prod'"));
    let found = judge(&object, bad());
    assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 1));
}

#[test]
fn what_we_lack_is_never_passed_over() {
    let ignoring = |expression: &str| {
        let found = judge(&policy(&format!("{}  failurePolicy: Ignore\n", validating(expression))), pod(json!({})));
        found.responses[0].status
    };
    assert_eq!(ignoring("object.none == 1"), Status::Skip);
    for expression in [
        "resource.Get('v1', 'configmaps', 'shop', 'c').data.a == 'b'",
        "timestamp('2024-01-01T00:00:00Z').getHours('Europe/Berlin') == 1",
    ] {
        assert_eq!(ignoring(expression), Status::Error, "{expression}");
    }
    refuses(
        &kubernetes(
            "ValidatingAdmissionPolicy",
            "  validations: [{expression: \"authorizer.group('').resource('pods').check('get').allowed()\"}]\n",
        ),
        "authorizer",
    );
}

#[test]
fn a_policy_does_not_ask_without_end() {
    let expression = "lists.range(200).all(i, resource.Get('v1', 'configmaps', 'shop', 'c' + string(i)).a == 1)";
    let found = judge(&policy(&format!("{}  failurePolicy: Ignore\n", validating(expression))), pod(json!({})));
    assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 64), "{:?}", found.responses);
    let bodies =
        "lists.range(3).all(i, http.Post('http://x/' + string(i), lists.range(40000).map(j, 'aaaaaaaaaa')).a == 1)";
    let found = judge(&policy(&validating(bodies)), pod(json!({})));
    assert_eq!((found.responses[0].status, found.needs.len()), (Status::Error, 2), "{:?}", found.responses);
}

#[test]
fn a_missing_object_is_not_found_and_not_null() {
    let policy = policy(&validating("resource.Get('v1', 'configmaps', 'shop', 'c') == null"));
    let found = judge(&policy, pod(json!({})));
    let need = found.needs.first().cloned().expect("because it is asked for");
    let absent = Snapshot::from([(need, Json::Null)]);
    let found = policy.evaluate(&Input::of(pod(json!({})), Operation::Create), &[], &absent, &surroundings());
    assert_eq!(found.responses[0].status, Status::Error);
    assert!(found.responses[0].message.ends_with("not found"), "{}", found.responses[0].message);
}

#[test]
fn another_version_of_a_resource_is_not_passed_over() {
    let text = about_pods("  validations: [{expression: 'false', message: refused}]\n")
        .replace("{apiGroups: [''], apiVersions: [v1]", "{apiGroups: [autoscaling], apiVersions: [v1]")
        .replace("[pods]", "[horizontalpodautoscalers]");
    let scaler = |version: &str| json!({"apiVersion": format!("autoscaling/{version}"), "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h", "namespace": "shop"}});
    says(&judge(&policy(&text), scaler("v1")), Status::Fail, "refused");
    let other = judge(&policy(&format!("{text}  failurePolicy: Ignore\n")), scaler("v2"));
    assert_eq!(other.responses[0].status, Status::Error);
    assert!(policy(&text).may_concern(&Input::of(scaler("v2"), Operation::Create)));
    let exact = policy(&text.replace("    resourceRules:", "    matchPolicy: Exact\n    resourceRules:"));
    assert!(judge(&exact, scaler("v2")).responses.is_empty());
    says(&judge(&exact, scaler("v1")), Status::Fail, "refused");
    assert!(!exact.may_concern(&Input::of(scaler("v2"), Operation::Create)));
    refuses(
        &text.replace("    resourceRules:", "    matchPolicy: Any\n    resourceRules:"),
        "`Any` is no `matchPolicy`",
    );
}

#[test]
fn a_request_without_an_object_is_judged_too() {
    let text = validating("object != null").replace("[CREATE, UPDATE]", "[CONNECT]").replace("[pods]", "[pods/exec]");
    let mut input = Input::of(pod(json!({})), Operation::Connect);
    input.subresource = "exec".to_owned();
    input.request["object"] = Json::Null;
    says(&policy(&text).evaluate(&input, &[], &Snapshot::new(), &surroundings()), Status::Fail, "refused");
}

#[test]
fn what_is_meant_for_others_does_not_change_the_object_that_triggers_it() {
    let text = mutating(
        "MutatingPolicy",
        "  - patchType: JSONPatch\n    jsonPatch:\n      expression: \"[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]\"\n",
    );
    assert!(judge(&policy(&text), pod(json!({}))).patched.is_some());
    let targets = "  targetMatchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}\n";
    let found = judge(&policy(&format!("{text}{targets}")), pod(json!({})));
    assert_eq!((found.responses[0].status, found.patched), (Status::Skip, None));
}

#[test]
fn what_nobody_bound_holds_nowhere() {
    let lines = "  mutations:\n  - patchType: JSONPatch\n    jsonPatch:\n      expression: \"[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]\"\n";
    let mut mutating = policy(&kubernetes("MutatingAdmissionPolicy", lines));
    assert_eq!(judge(&mutating, pod(json!({}))), Judgement::default());
    mutating.hold_everywhere();
    assert!(judge(&mutating, pod(json!({}))).patched.is_some());
}

#[test]
fn exceptions_for_parts_are_no_exceptions_for_all() {
    let asking =
        policy(&about_pods("  validations: [{expression: \"'v' in exceptions.allowedValues\", message: refused}]\n"));
    let exception = |name: &str, more: &str| {
        exception(&format!(
            "apiVersion: policies.kyverno.io/v1\nkind: PolicyException\nmetadata: {{name: {name}, namespace: ns}}\nspec:\n  policyRefs: [{{name: p, kind: ValidatingPolicy}}]\n{more}"
        ))
    };
    let on = |exceptions: &[Exception]| {
        let input = Input::of(pod(json!({})), Operation::Create);
        asking.evaluate(&input, exceptions, &Snapshot::new(), &surroundings())
    };
    let whole = || exception("whole", "");
    says(&on(&[whole()]), Status::Skip, "rule is skipped due to policy exception: ns/whole");
    says(&on(&[whole(), exception("part", "  allowedValues: [w]\n")]), Status::Fail, "refused");
    let broken = exception("broken", "  matchConditions: [{name: c, expression: object.none == 'x'}]\n");
    says(&on(&[whole(), broken]), Status::Error, "failed to load context: no such key: none");
    let documents = parse(
        "apiVersion: policies.kyverno.io/v1\nkind: PolicyException\nmetadata: {name: e}\nspec:\n  policyRefs: [{name: p, kind: ValidatingPolicy}]\n  matchConditions: [{name: c, expression: \"http.Get('http://x/').a == 1\"}]\n",
        &Limits::default(),
    )
    .expect("because it is YAML");
    assert!(Exception::load(&documents[0].root).is_err(), "exceptions ask nobody");
}

#[test]
fn what_would_match_nothing_or_be_read_by_nobody_is_refused() {
    let valid = "  validations: [{expression: 'true'}]\n";
    for key in ["apiGroups", "apiVersions", "operations", "resources"] {
        let from = match key {
            "apiGroups" => "apiGroups: ['']",
            "apiVersions" => "apiVersions: [v1]",
            "operations" => "operations: [CREATE, UPDATE]",
            _ => "resources: [pods]",
        };
        refuses(&about_pods(valid).replace(from, &format!("{key}: []")), &format!("a resource rule without `{key}`"));
    }
    for line in ["  evaluation: {mode: HTTP}\n", "  attestors: []\n", "  validationActions: [Deny]\n"] {
        refuses(&kubernetes("ValidatingAdmissionPolicy", &format!("{valid}{line}")), "has no place in");
    }
    refuses(&about_pods(&format!("{valid}  attestors: []\n")), "has no place in");
    refuses(&about_pods(&format!("{valid}  paramKind: {{apiVersion: v1, kind: ConfigMap}}\n")), "has no place in");
}

#[test]
fn one_budget_serves_all_expressions_of_a_judgement() {
    // Each of them costs less than one expression may, all together more than a policy may.
    let lines = (0..90)
        .map(|index| format!("  - {{expression: 'lists.range(60000).map(i, [i, i, i]).size() >= {index}'}}\n"))
        .collect::<String>();
    let found = judge(&policy(&about_pods(&format!("  validations:\n{lines}"))), pod(json!({})));
    assert_eq!(found.responses[0].status, Status::Error, "{:?}", found.responses);
    assert!(found.responses[0].message.contains("cost limit"), "{}", found.responses[0].message);
}

#[test]
fn mutations_see_objects_as_deep_as_requests_are() {
    let text = mutating(
        "MutatingPolicy",
        "  - patchType: JSONPatch\n    jsonPatch:\n      expression: \"[JSONPatch{op: 'add', path: '/metadata/labels/a', value: 'b'}]\"\n  - patchType: JSONPatch\n    jsonPatch:\n      expression: \"object.metadata.labels.a == 'b' ? [JSONPatch{op: 'add', path: '/metadata/labels/c', value: 'd'}] : []\"\n",
    );
    let deep = (0..100).fold(json!(1), |inner, _| json!({"a": inner}));
    let patched = judge(&policy(&text), pod(deep)).patched.expect("because it was changed");
    assert_eq!(patched["metadata"]["labels"], json!({"app": "web", "a": "b", "c": "d"}));
}

#[test]
fn rules_for_controllers_follow_each_way_to_write_a_path() {
    let bad = || json!({"containers": [{"image": "x"}]});
    for expression in [
        "object.?spec.?containers.orValue([]).all(c, c.image.contains(':'))",
        "object['spec'].containers.all(c, c.image.contains(':'))",
        "object[?'spec'].containers.orValue([]).all(c, c.image.contains(':'))",
        "request.object.spec.containers.all(c, c.image.contains(':'))",
        "object.metadata.?name.orValue('') != 'web' || object.?spec.containers.orValue([]).all(c, c.image.contains(':'))",
    ] {
        says(&judge(&policy(&validating(expression)), deployment(&bad())), Status::Fail, "refused");
    }
    // What is handed on as a whole cannot be followed.
    refuses(&validating("cel.bind(o, object, o.?spec.?containers.orValue([]).all(c, false))"), "hands on the object");
    says(
        &judge(&policy(&validating("oldObject == null && object != null")), deployment(&bad())),
        Status::Pass,
        "success",
    );
    // The object of the namespace is nobody's template.
    let text = mutating(
        "MutatingPolicy",
        "  - patchType: JSONPatch\n    jsonPatch:\n      expression: \"[JSONPatch{op: 'add', path: '/metadata/labels/tier', value: namespaceObject.metadata.labels.tier}]\"\n",
    );
    let mut input = Input::of(deployment(&bad()), Operation::Create);
    input.namespace_labels = [("tier".to_owned(), "prod".to_owned())].into();
    let found = policy(&text).evaluate(&input, &[], &Snapshot::new(), &surroundings());
    let patched = found.patched.unwrap_or_else(|| panic!("{:?}", found.responses));
    assert_eq!(patched["spec"]["template"]["metadata"]["labels"], json!({"app": "web", "tier": "prod"}));
}
