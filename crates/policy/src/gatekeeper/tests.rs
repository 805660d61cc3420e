use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::jmespath::Surroundings;
use crate::kyverno::{Action, Input, Operation, Status};

fn document(text: &str) -> signet_yaml::Document {
    signet_yaml::parse(text, &signet_yaml::Limits::default()).unwrap().remove(0)
}

fn surroundings() -> Surroundings {
    Surroundings::kyverno("2026-01-16T00:00:00Z".parse().unwrap(), [7; 32])
}

fn template(source: &str) -> String {
    let source = source.lines().map(|line| format!("      {line}\n")).collect::<String>();
    format!(
        "apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{ name: testkind }}
spec:
  crd:
    spec:
      names: {{ kind: TestKind }}
      validation:
        openAPIV3Schema:
          type: object
          required: [prefix]
          properties:
            prefix: {{ type: string, pattern: '^[a-z./]+$' }}
            most: {{ type: integer, minimum: 1, default: 3 }}
            mode: {{ type: string, enum: [soft, hard] }}
            size: {{ x-kubernetes-int-or-string: true }}
  targets:
    - target: admission.k8s.gatekeeper.sh
{source}"
    )
}

const REGO: &str = r#"rego: |
  package testkind
  violation[{"msg": msg}] {
    container := input.review.object.spec.containers[_]
    not startswith(container.image, input.parameters.prefix)
    msg := sprintf("%v is not of %v", [container.image, input.parameters.prefix])
  }"#;

const CEL: &str = r#"code:
- engine: K8sNativeValidation
  source:
    variables:
    - name: bad
      expression: variables.anyObject.spec.containers.filter(c, !c.image.startsWith(variables.params.prefix))
    validations:
    - expression: size(variables.bad) == 0
      messageExpression: 'variables.bad[0].image + " is not of " + variables.params.prefix'
    - expression: size(variables.anyObject.spec.containers) <= variables.params.most
      message: too many containers"#;

fn constraint(spec: &str) -> String {
    format!(
        "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: TestKind\nmetadata: {{ name: c }}\nspec:\n  parameters: {{ prefix: good.example/ }}\n{spec}"
    )
}

#[track_caller]
fn policy(source: &str, spec: &str) -> Policy {
    let template = Template::load(&document(&template(source)).root).unwrap();
    let constraint = Constraint::load(&document(&constraint(spec)).root).unwrap();
    Policy::new(Arc::new(template), constraint).unwrap()
}

fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "own", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": image}]}})
}

fn said(policy: &Policy, input: &Input) -> Vec<(Status, String)> {
    let judgement = policy.judge(input, &Outside::default(), &surroundings());
    judgement.responses.into_iter().map(|response| (response.status, response.message)).collect()
}

#[track_caller]
fn check(policy: &Policy, object: Value, operation: Operation, wanted: &[(Status, &str)]) {
    let found = said(policy, &Input::of(object, operation));
    let found: Vec<(Status, &str)> = found.iter().map(|(status, message)| (*status, message.as_str())).collect();
    assert_eq!(found, wanted);
}

#[test]
fn both_engines_say_the_same() {
    for source in [REGO, CEL] {
        let policy = policy(source, "");
        check(&policy, pod("good.example/a"), Operation::Create, &[(Status::Pass, "")]);
        let bad = [(Status::Fail, "evil.example/a is not of good.example/")];
        check(&policy, pod("evil.example/a"), Operation::Create, &bad);
        check(&policy, pod("evil.example/a"), Operation::Update, &bad);
        // What is deleted stands in the place of what would be.
        check(&policy, pod("evil.example/a"), Operation::Delete, &bad);
        assert_eq!(policy.template().is_cel(), source == CEL);
    }
    let mut many = pod("good.example/a");
    many["spec"]["containers"] = (0..4).map(|_| json!({"name": "c", "image": "good.example/a"})).collect();
    check(&policy(CEL, ""), many, Operation::Create, &[(Status::Fail, "too many containers")]);
}

#[test]
fn what_is_missing_in_a_negation_is_undefined_as_in_opa() {
    let mut object = pod("x");
    object["spec"]["containers"] = json!([{"name": "c"}]);
    check(&policy(REGO, ""), object, Operation::Create, &[(Status::Pass, "")]);
    let notes = &policy(REGO, "").template().notes.clone();
    assert!(notes.iter().any(|note| note.contains("container.image")), "{notes:?}");
}

#[track_caller]
fn check_match(spec: &str, object: &Value, wanted: bool) {
    let spec = format!("  match:\n{}", spec.lines().map(|line| format!("    {line}\n")).collect::<String>());
    let mut input = Input::of(object.clone(), Operation::Create);
    input.namespace_labels.insert("team".to_owned(), "red".to_owned());
    assert_eq!(!said(&policy(REGO, &spec), &input).is_empty(), wanted, "{spec}");
}

#[test]
fn constraints_are_about_what_they_match() {
    let pod = pod("x");
    let cluster =
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "labels": {"team": "blue"}}});
    check_match("kinds: [{apiGroups: [''], kinds: [Pod]}]", &pod, true);
    check_match("kinds: [{apiGroups: ['*'], kinds: ['*']}]", &cluster, true);
    check_match("kinds: [{apiGroups: [apps], kinds: [Pod]}, {apiGroups: [''], kinds: [Service]}]", &pod, false);
    check_match("kinds: [{kinds: [Pod]}]", &pod, true);
    check_match("namespaces: [own]", &pod, true);
    check_match("namespaces: [kube-*]", &pod, false);
    check_match("namespaces: [own]", &cluster, true);
    check_match("namespaces: ['*-system']", &namespace, true);
    check_match("excludedNamespaces: [own]", &pod, false);
    check_match("excludedNamespaces: ['*be-sys*']", &namespace, false);
    check_match("excludedNamespaces: [own]", &cluster, true);
    check_match("scope: Cluster", &pod, false);
    check_match("scope: Cluster", &namespace, true);
    check_match("scope: Namespaced", &pod, true);
    check_match("scope: Namespaced", &cluster, false);
    check_match("labelSelector: {matchLabels: {a: b}}", &pod, true);
    // Nothing in it is a wildcard.
    check_match("labelSelector: {matchLabels: {a: '*'}}", &pod, false);
    check_match("labelSelector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", &pod, false);
    check_match("namespaceSelector: {matchLabels: {team: red}}", &pod, true);
    check_match("namespaceSelector: {matchLabels: {team: blue}}", &pod, false);
    check_match("namespaceSelector: {matchLabels: {team: blue}}", &namespace, true);
    check_match("namespaceSelector: {matchLabels: {team: blue}}", &cluster, true);
    check_match("name: p", &pod, true);
    check_match("name: q*", &pod, false);
    check_match("source: Generated", &pod, false);
    check_match("source: Original", &pod, true);
}

#[test]
fn what_follows_is_as_the_constraint_says() {
    let found = |spec: &str| {
        let judgement =
            policy(REGO, spec).judge(&Input::of(pod("x"), Operation::Create), &Outside::default(), &surroundings());
        (judgement.responses.first().map(|response| response.action), judgement.warnings.len())
    };
    assert_eq!(found(""), (Some(Action::Enforce), 0));
    assert_eq!(found("  enforcementAction: dryrun"), (Some(Action::Audit), 0));
    assert_eq!(found("  enforcementAction: warn"), (Some(Action::Audit), 1));
    let scoped = |action: &str, point: &str| {
        found(&format!(
            "  enforcementAction: scoped\n  scopedEnforcementActions:\n  - action: {action}\n    enforcementPoints: [{{name: {point}}}]"
        ))
    };
    assert_eq!(scoped("deny", "validation.gatekeeper.sh"), (Some(Action::Enforce), 0));
    assert_eq!(scoped("warn", "'*'"), (Some(Action::Audit), 1));
    assert_eq!(scoped("deny", "audit.gatekeeper.sh"), (None, 0));
}

#[track_caller]
fn refused(template_source: &str, wanted: &str) {
    let problems = Template::load(&document(&template(template_source)).root).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains(wanted)), "{problems:?}");
}

#[test]
fn templates_that_cannot_decide_do_not_load() {
    refused("rego: |\n  package a\n  allow { true }", "missing required rule: violation");
    refused("rego: |\n  package a\n  violation[{\"msg\": m}] { m := data.other.x }", "asks for `data.other`");
    refused("rego: |\n  package a\n  violation[{\"msg\": m}] { m := data[\"x\"] }", "asks for `data.x`");
    refused("rego: |\n  package a\n  violation[", "cannot be read as Rego");
    refused("operations: [CREATE]", "needs `code` or `rego`");
    refused("code: [{engine: Wasm, source: {}}]", "no engine of the target is known here: Wasm");
    refused("code: [{engine: K8sNativeValidation, source: {validations: []}}]", "asks nothing");
    refused("code: [{engine: K8sNativeValidation, source: {validations: [{expression: '1'}]}}]", "bool");
    refused("rego: x\nlibraries: []", "has no field `libraries`");
    let named = template(REGO).replace("name: testkind", "name: other");
    let problems = Template::load(&document(&named).root).unwrap_err();
    assert!(problems[0].message.contains("is not equal to the lowercase of CRD's Kind: testkind"), "{problems:?}");
}

#[test]
fn parameters_must_fit_the_schema() {
    let load = |parameters: &str| {
        let text = constraint("").replace("{ prefix: good.example/ }", parameters);
        let template = Arc::new(Template::load(&document(&template(REGO)).root).unwrap());
        Policy::new(template, Constraint::load(&document(&text).root).unwrap())
    };
    let problem = |parameters: &str| load(parameters).unwrap_err()[0].message.clone();
    assert!(problem("{}").contains("spec.parameters.prefix: Required value"));
    assert!(problem("{prefix: 1}").contains("must be of type string"));
    assert!(problem("{prefix: A}").contains("should match"));
    assert!(problem("{prefix: a, most: 0}").contains("should be at least 1"));
    assert!(problem("{prefix: a, mode: x}").contains("supported values"));
    assert!(problem("{prefix: a, size: []}").contains("integer or string"));
    let policy = load("{prefix: a, size: 1Gi, other: 1}").unwrap();
    assert_eq!(policy.constraint().parameters, json!({"prefix": "a", "size": "1Gi", "most": 3}));
    assert_eq!(policy.dropped, ["spec.parameters.other"]);
    let foreign = constraint("").replace("TestKind", "Other");
    let template = Arc::new(Template::load(&document(&template(REGO)).root).unwrap());
    assert!(Policy::new(template, Constraint::load(&document(&foreign).root).unwrap()).is_err());
}

#[test]
fn an_inventory_must_be_given_to_who_looks_at_it() {
    let source = "rego: |\n  package testkind\n  violation[{\"msg\": \"taken\"}] {\n    data.inventory.namespace[n][_].Pod[name]\n    n != input.review.object.metadata.namespace\n    name == input.review.object.metadata.name\n  }";
    let policy = policy(source, "");
    let input = Input::of(pod("x"), Operation::Create);
    assert!(policy.template().uses_inventory());
    let judge = |inventory: Option<&[Value]>| {
        let inventory = inventory.map(|objects| Inventory::of(objects).unwrap());
        let outside = Outside { inventory, ..Outside::default() };
        policy.judge(&input, &outside, &surroundings()).responses[0].status
    };
    let mut other = pod("y");
    other["metadata"]["namespace"] = json!("m");
    assert_eq!(judge(None), Status::Error);
    assert_eq!(judge(Some(&[])), Status::Pass);
    assert_eq!(judge(Some(&[pod("x")])), Status::Pass);
    assert_eq!(judge(Some(&[pod("x"), other])), Status::Fail);
    assert!(Inventory::of(&[json!({"kind": "Pod"})]).is_err());
}

/// What is not there is undefined in Rego, and what is undefined violates nothing.
#[test]
fn what_a_template_looks_at_must_be_given() {
    let source = |condition: &str| {
        format!("rego: |\n  package testkind\n  violation[{{\"msg\": \"m\"}}] {{\n    {condition}\n  }}")
    };
    let namespace = policy(&source("input.review._unstable.namespace.metadata.labels.team == \"red\""), "");
    let by_text = policy(&source("input.review[\"_unstable\"].namespace.metadata.labels.team == \"red\""), "");
    let user = policy(&source("input.review.userInfo.username == \"eve\""), "");
    let mut input = Input::of(pod("x"), Operation::Create);
    let statuses =
        |policy: &Policy, input: &Input| said(policy, input).iter().map(|(status, _)| *status).collect::<Vec<_>>();
    for policy in [&namespace, &by_text, &user] {
        assert_eq!(statuses(policy, &input), [Status::Error]);
    }
    // What lies in no namespace has none.
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}});
    assert_eq!(statuses(&namespace, &Input::of(node, Operation::Create)), [Status::Pass]);
    for (team, wanted) in [("red", Status::Fail), ("blue", Status::Pass)] {
        input.namespace_object = Some(json!({"metadata": {"name": "own", "labels": {"team": team}}}));
        assert_eq!(statuses(&namespace, &input), [wanted]);
    }
    for (name, wanted) in [("eve", Status::Fail), ("anna", Status::Pass)] {
        let by = input.clone().by(crate::kyverno::User { username: name.to_owned(), ..Default::default() });
        assert_eq!(statuses(&user, &by), [wanted]);
    }
}

const EXTERNAL: &str = "rego: |\n  package testkind\n  violation[{\"msg\": msg}] {\n    images := [image | image := input.review.object.spec.containers[_].image]\n    response := external_data({\"provider\": \"p\", \"keys\": images})\n    found := response.responses[_]\n    found[1] != true\n    msg := sprintf(\"%v is not verified\", [found[0]])\n  }\n  violation[{\"msg\": msg}] {\n    images := [image | image := input.review.object.spec.containers[_].image]\n    response := external_data({\"provider\": \"p\", \"keys\": images})\n    count(response.errors) > 0\n    msg := response.errors[0][1]\n  }";

#[test]
fn what_a_provider_says_is_a_declared_need() {
    let policy = policy(EXTERNAL, "");
    let input = Input::of(pod("x"), Operation::Create);
    let unknown = policy.judge(&input, &Outside::default(), &surroundings());
    assert_eq!(unknown.responses[0].status, Status::Error);
    let need = ExternalNeed { provider: "p".to_owned(), key: "x".to_owned() };
    assert_eq!(unknown.needs.iter().collect::<Vec<_>>(), [&need]);
    let judge = |value: Result<Value, String>| {
        let mut outside = Outside::default();
        outside.answered("p", &[Item { key: "x".to_owned(), value }]);
        let judgement = policy.judge(&input, &outside, &surroundings());
        assert!(judgement.needs.is_empty());
        (judgement.responses[0].status, judgement.responses[0].message.clone())
    };
    assert_eq!(judge(Ok(json!(true))), (Status::Pass, String::new()));
    assert_eq!(judge(Ok(json!(false))), (Status::Fail, "x is not verified".to_owned()));
    assert_eq!(judge(Err("no such image".to_owned())), (Status::Fail, "no such image".to_owned()));
}

#[test]
fn what_breaks_in_a_policy_is_an_error_and_never_a_pass() {
    for body in [
        // Endless, and no function of the evaluator's.
        "count({n | n := numbers.range(1, 1000000)[_]; m := numbers.range(1, 1000000)[_]; n * m == 7}) > 0",
        "crypto.x509.parse_certificates(\"x\")",
        "f(1)",
    ] {
        let source = format!(
            "rego: |\n  package testkind\n  f(x) = y {{ y := f(x + 1) }}\n  violation[{{\"msg\": \"m\"}}] {{\n    {body}\n  }}"
        );
        match Template::load(&document(&template(&source)).root) {
            Err(_) => {}
            Ok(_) => {
                let found = said(&policy(&source, ""), &Input::of(pod("x"), Operation::Create));
                assert_eq!(found[0].0, Status::Error, "{body}: {found:?}");
            }
        }
    }
    let wrong = "rego: |\n  package testkind\n  violation[\"text\"] { true }";
    let found = said(&policy(wrong, ""), &Input::of(pod("x"), Operation::Create));
    assert_eq!(found[0].0, Status::Error, "{found:?}");
}

#[test]
fn a_provider_answers_each_key() {
    let body = br#"{"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": ["a", "b"]}}"#;
    let request = ProviderRequest::parse(body).unwrap();
    let answer = request.answer(&[Item { key: "a".to_owned(), value: Ok(json!({"isSuccess": true})) }]);
    assert_eq!(answer["kind"], "ProviderResponse");
    assert_eq!(answer["response"]["items"][0], json!({"key": "a", "value": {"isSuccess": true}}));
    assert_eq!(answer["response"]["items"][1], json!({"key": "b", "error": "nothing is known of it"}));
    assert_eq!(respond("v", &[], "down")["response"]["systemError"], "down");
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": [1]}}"#,
    ] {
        assert!(ProviderRequest::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let many = json!({"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": {"keys": vec!["k"; 1001]}});
    assert_eq!(ProviderRequest::parse(many.to_string().as_bytes()), Err(ProviderError::Keys(1001)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mutated_documents_never_panic(at in 0_usize..1200, with in "[ -~\n]{0,4}", cel in any::<bool>()) {
        let mut text = template(if cel { CEL } else { REGO });
        let end = text.len().min(at.saturating_add(3));
        text.replace_range(at.min(text.len())..end, &with);
        if let Ok(documents) = signet_yaml::parse(&text, &signet_yaml::Limits::default()) {
            for document in &documents {
                let _loaded = Template::load(&document.root).is_ok();
                let _constraint = Constraint::load(&document.root).is_ok();
            }
        }
    }
}
