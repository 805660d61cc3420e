//! Policies as they are written, on requests.

mod guards;
mod images;

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use signet_yaml::{Limits, parse};

use super::{Binding, Exception, Judgement, Policy};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Need, Operation, Snapshot, Status};

fn surroundings() -> Surroundings {
    Surroundings::kyverno(Timestamp::from_second(1_700_000_000).expect("because it is a time"), [1; 32])
}

fn load(text: &str) -> Result<Policy, String> {
    let documents = parse(text, &Limits::default()).expect("because it is YAML");
    let loaded = Policy::load(&documents[0].root);
    loaded.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[track_caller]
fn policy(text: &str) -> Policy {
    match load(text) {
        Ok(policy) => policy,
        Err(problems) => panic!("{problems}"),
    }
}

#[track_caller]
fn refuses(text: &str, wanted: &str) {
    match load(text) {
        Ok(_) => panic!("it loads, and should be refused with `{wanted}`"),
        Err(message) => assert!(message.contains(wanted), "{message}\nshould say: {wanted}"),
    }
}

fn exception(text: &str) -> Exception {
    let documents = parse(text, &Limits::default()).expect("because it is YAML");
    Exception::load(&documents[0].root).expect("because it is an exception")
}

fn pod(spec: Json) -> Json {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}, "spec": spec})
}

fn deployment(spec: &Json) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})
}

fn judge(policy: &Policy, resource: Json) -> Judgement {
    policy.evaluate(&Input::of(resource, Operation::Create), &[], &Snapshot::new(), &surroundings())
}

#[track_caller]
fn says(judgement: &Judgement, status: Status, message: &str) {
    let [response] = judgement.responses.as_slice() else { panic!("one response is wanted: {judgement:?}") };
    assert_eq!((response.status, response.message.as_str()), (status, message));
}

/// A ValidatingPolicy about Pods with these lines of its specification.
fn about_pods(lines: &str) -> String {
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  matchConstraints:\n    resourceRules:\n    - {{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}}\n{lines}"
    )
}

const TAGGED: &str = "  validations:\n  - expression: object.spec.containers.all(c, c.image.contains(':'))\n    message: An image tag is required.\n";

#[test]
fn a_validating_policy_holds_for_pods_and_for_what_makes_them() {
    let policy = policy(&about_pods(TAGGED));
    let (good, bad) = (json!({"containers": [{"image": "nginx:1"}]}), json!({"containers": [{"image": "nginx"}]}));
    says(&judge(&policy, pod(good.clone())), Status::Pass, "success");
    says(&judge(&policy, pod(bad.clone())), Status::Fail, "An image tag is required.");
    says(&judge(&policy, deployment(&good)), Status::Pass, "success");
    says(&judge(&policy, deployment(&bad)), Status::Fail, "An image tag is required.");
    let cron_job = |spec: &Json| {
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}})
    };
    says(&judge(&policy, cron_job(&good)), Status::Pass, "success");
    says(&judge(&policy, cron_job(&bad)), Status::Fail, "An image tag is required.");
    // What it is not about, it says nothing of.
    let other = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}});
    assert!(judge(&policy, other).responses.is_empty());
    let delete = Input::of(pod(bad), Operation::Delete);
    assert!(policy.evaluate(&delete, &[], &Snapshot::new(), &surroundings()).responses.is_empty());
}

#[test]
fn no_rule_is_made_where_the_filters_mean_only_pods() {
    for more in ["    namespaceSelector: {matchLabels: {a: b}}\n", "    objectSelector: {matchLabels: {app: web}}\n"] {
        let policy = policy(&about_pods(&format!("{more}{TAGGED}")));
        assert!(judge(&policy, deployment(&json!({"containers": [{"image": "x"}]}))).responses.is_empty(), "{more}");
    }
    let chosen = policy(&about_pods(&format!("  autogen: {{podControllers: {{controllers: [jobs]}}}}\n{TAGGED}")));
    assert!(judge(&chosen, deployment(&json!({"containers": [{"image": "x"}]}))).responses.is_empty());
    let misspelt =
        policy(&about_pods(&format!("  autogen: {{podControllers: {{controllers: [Deployment]}}}}\n{TAGGED}")));
    assert_eq!(misspelt.not_made, ["nothing is made for `Deployment`, which is no resource that makes Pods"]);
}

#[test]
fn the_name_and_namespace_of_a_controller_stay_its_own() {
    let policy = policy(&about_pods(
        "  validations:\n  - expression: object.metadata.namespace == 'shop' && object.metadata.name == 'web' && object.metadata.labels.app == 'web'\n",
    ));
    says(&judge(&policy, deployment(&json!({}))), Status::Pass, "success");
}

#[test]
fn what_cannot_be_evaluated_is_an_error_and_never_a_pass() {
    let text = about_pods("  validations:\n  - expression: object.spec.none.all(x, true)\n");
    says(&judge(&policy(&text), pod(json!({}))), Status::Error, "error: no such key: none");
    let ignoring = policy(&format!("{text}  failurePolicy: Ignore\n"));
    assert!(!ignoring.fails_closed);
    says(&judge(&ignoring, pod(json!({}))), Status::Skip, "error: no such key: none");
    let condition =
        policy(&about_pods(&format!("  matchConditions: [{{name: c, expression: object.spec.none == 1}}]\n{TAGGED}")));
    says(&judge(&condition, pod(json!({}))), Status::Error, "failed to load context: no such key: none");
    // A condition that does not hold decides, whatever stands beside it.
    let both = policy(&about_pods(&format!(
        "  matchConditions: [{{name: a, expression: object.spec.none == 1}}, {{name: b, expression: 'false'}}]\n{TAGGED}"
    )));
    says(&judge(&both, pod(json!({}))), Status::Skip, "skip");
    let annotated =
        policy(&about_pods(&format!("  auditAnnotations: [{{key: k, valueExpression: object.none}}]\n{TAGGED}")));
    let found = judge(&annotated, pod(json!({"containers": []})));
    says(&found, Status::Error, "failed to load context: failed to evaluate auditAnnotation 'k': no such key: none");
}

#[test]
fn messages_are_made_of_expressions() {
    let with = |line: &str| policy(&about_pods(&format!("  validations:\n  - expression: 'false'\n{line}")));
    says(
        &judge(&with("    messageExpression: \"'n: ' + object.metadata.name\"\n"), pod(json!({}))),
        Status::Fail,
        "n: web",
    );
    says(&judge(&with(""), pod(json!({}))), Status::Fail, "CEL expression validation failed at index 0");
    let broken = judge(&with("    message: m\n    messageExpression: object.none\n"), pod(json!({})));
    says(&broken, Status::Fail, "failed to evaluate message expression: no such key: none");
}

#[test]
fn variables_use_those_before_them_and_are_evaluated_once() {
    let policy = policy(&about_pods(
        "  variables:\n  - {name: a, expression: random()}\n  - {name: b, expression: variables.a}\n  validations:\n  - expression: variables.a == variables.b && variables.a.size() == 8\n",
    ));
    says(&judge(&policy, pod(json!({}))), Status::Pass, "success");
    refuses(
        &about_pods(
            "  variables:\n  - {name: a, expression: variables.b}\n  - {name: b, expression: '1'}\n  validations: [{expression: 'true'}]\n",
        ),
        "variable `a`: undefined field 'b'",
    );
    refuses(
        &about_pods(
            "  variables:\n  - {name: a, expression: '1'}\n  - {name: a, expression: '2'}\n  validations: [{expression: 'true'}]\n",
        ),
        "variables need names of their own",
    );
}

#[test]
fn what_is_wrong_is_said_when_the_policy_is_loaded() {
    refuses(&about_pods("  validations: [{expression: objet.spec == 1}]\n"), "undeclared reference to 'objet'");
    refuses(&about_pods("  validations: [{expression: '1 + 1'}]\n"), "must evaluate to bool");
    refuses(&about_pods("  validations: []\n"), "the policy asks nothing");
    refuses(&about_pods("  validation: [{expression: 'true'}]\n"), "has no field `validation`");
    refuses(
        &about_pods("  failurePolicy: Maybe\n  validations: [{expression: 'true'}]\n"),
        "`Maybe` is no `failurePolicy`",
    );
    refuses(
        &about_pods("  validationActions: [Enforce]\n  validations: [{expression: 'true'}]\n"),
        "`Enforce` is no validation action",
    );
    refuses(
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: p}\nspec: {validations: [{expression: 'true'}]}\n",
        "the policy matches nothing",
    );
    // The libraries of Kyverno are not those of Kubernetes.
    refuses(
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods]}]}\n  validations: [{expression: 'random() != object.kind'}]\n",
        "undeclared reference to 'random'",
    );
}

#[test]
fn exceptions_hold_for_the_policy_and_the_requests_that_they_name() {
    let named = policy(&about_pods("  validations: [{expression: 'false', message: 'no'}]\n"));
    let on = |text: &str, policy: &Policy| {
        let exception = exception(&format!(
            "apiVersion: policies.kyverno.io/v1\nkind: PolicyException\nmetadata: {{name: e, namespace: ns}}\nspec:\n{text}"
        ));
        policy.evaluate(&Input::of(pod(json!({})), Operation::Create), &[exception], &Snapshot::new(), &surroundings())
    };
    let fits = "  policyRefs: [{name: p, kind: ValidatingPolicy}]\n";
    says(&on(fits, &named), Status::Skip, "rule is skipped due to policy exception: ns/e");
    says(&on("  policyRefs: [{name: p, kind: MutatingPolicy}]\n", &named), Status::Fail, "no");
    says(&on("  policyRefs: [{name: other, kind: ValidatingPolicy}]\n", &named), Status::Fail, "no");
    says(
        &on(&format!("{fits}  matchConditions: [{{name: c, expression: object.metadata.name == 'x'}}]\n"), &named),
        Status::Fail,
        "no",
    );
    // What cannot be decided excepts nothing.
    let broken = on(&format!("{fits}  matchConditions: [{{name: c, expression: object.none == 'x'}}]\n"), &named);
    says(&broken, Status::Error, "failed to load context: no such key: none");
    // An exception for some values is told to the expressions.
    let asking =
        policy(&about_pods("  validations: [{expression: \"'v' in exceptions.allowedValues\", message: 'no'}]\n"));
    says(&on(&format!("{fits}  allowedValues: [v]\n"), &asking), Status::Pass, "success");
    says(&on(&format!("{fits}  allowedValues: [w]\n"), &asking), Status::Fail, "no");
}

#[test]
fn what_lies_outside_is_asked_for_and_only_where_the_policy_may_look() {
    let text = about_pods(
        "  variables: [{name: cm, expression: \"resource.Get('v1', 'configmaps', 'shop', 'c')\"}]\n  validations: [{expression: variables.cm.data.a == 'b'}]\n",
    );
    let cluster = policy(&text);
    let need = Need::Api {
        method: "GET".to_owned(),
        url_path: "/api/v1/namespaces/shop/configmaps/c".to_owned(),
        body: String::new(),
    };
    let found = judge(&cluster, pod(json!({})));
    assert_eq!(found.needs.iter().collect::<Vec<_>>(), [&need]);
    assert_eq!(found.responses[0].status, Status::Error);
    let snapshot = Snapshot::from([(need.clone(), json!({"data": {"a": "b"}}))]);
    let input = Input::of(pod(json!({})), Operation::Create);
    says(&cluster.evaluate(&input, &[], &snapshot, &surroundings()), Status::Pass, "success");
    let namespaced = |namespace: &str| {
        policy(
            &text
                .replace("kind: ValidatingPolicy", "kind: NamespacedValidatingPolicy")
                .replace("{name: p}", &format!("{{name: p, namespace: {namespace}}}")),
        )
    };
    says(&namespaced("shop").evaluate(&input, &[], &snapshot, &surroundings()), Status::Pass, "success");
    assert!(namespaced("other").evaluate(&input, &[], &snapshot, &surroundings()).responses.is_empty());
    let elsewhere = policy(
        &text
            .replace("'shop'", "'secret'")
            .replace("kind: ValidatingPolicy", "kind: NamespacedValidatingPolicy")
            .replace("{name: p}", "{name: p, namespace: shop}"),
    );
    let found = elsewhere.evaluate(&input, &[], &snapshot, &surroundings());
    assert!(found.needs.is_empty(), "nothing is asked for that it may not see: {found:?}");
    assert_eq!(found.responses[0].status, Status::Error);
}

#[test]
fn a_policy_of_kubernetes_speaks_as_the_api_server_does() {
    let text = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: vap}\nspec:\n  paramKind: {apiVersion: v1, kind: ConfigMap}\n  matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}\n  matchConditions: [{name: small, expression: object.spec.replicas < 100}]\n  validations:\n  - expression: object.spec.replicas <= int(params.data.most)\n";
    let binding = |more: &str| {
        let text = format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: b}}\nspec:\n  policyName: vap\n  validationActions: [Deny]\n  paramRef: {{name: limits, namespace: conf{more}}}\n"
        );
        let documents = parse(&text, &Limits::default()).expect("because it is YAML");
        Binding::load(&documents[0].root).expect("because it is a binding")
    };
    let mut bound = policy(text);
    bound.bind(&[binding(", parameterNotFoundAction: Deny")]).expect("because it has parameters");
    let need = Need::Objects {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: "conf".to_owned(),
        name: "limits".to_owned(),
        uid: String::new(),
        selector: String::new(),
    };
    let input = |replicas: i64| {
        let mut resource = deployment(&json!({}));
        resource["spec"]["replicas"] = json!(replicas);
        Input::of(resource, Operation::Create)
    };
    let limits = |most: &str| Snapshot::from([(need.clone(), json!([{"data": {"most": most}}]))]);
    let on = |replicas: i64, snapshot: &Snapshot| bound.evaluate(&input(replicas), &[], snapshot, &surroundings());
    says(&on(2, &limits("5")), Status::Pass, "");
    says(&on(9, &limits("5")), Status::Fail, "failed expression: object.spec.replicas <= int(params.data.most)");
    says(&on(100, &limits("5")), Status::Skip, "match conditions aren't met");
    let unreadable = on(2, &limits("x"));
    assert_eq!(unreadable.responses[0].status, Status::Error);
    assert!(
        unreadable.responses[0]
            .message
            .starts_with("expression 'object.spec.replicas <= int(params.data.most)' resulted in error: ")
    );
    let missing = on(2, &Snapshot::new());
    assert_eq!((missing.responses[0].status, missing.needs.contains(&need)), (Status::Error, true));
    let mut lenient = policy(text);
    lenient.bind(&[binding(", parameterNotFoundAction: Allow")]).expect("because it has parameters");
    let lenient = |snapshot: &Snapshot| lenient.evaluate(&input(9), &[], snapshot, &surroundings());
    // What nobody has looked for is not known to be absent.
    assert_eq!(lenient(&Snapshot::new()).responses[0].status, Status::Error);
    let absent = Snapshot::from([(need.clone(), json!([]))]);
    assert!(lenient(&absent).responses.is_empty());
    assert_eq!(on(2, &absent).responses[0].status, Status::Error);
}

fn mutating(kind: &str, lines: &str) -> String {
    about_pods(&format!("  mutations:\n{lines}")).replace("ValidatingPolicy", kind)
}

#[test]
fn configurations_are_merged_by_the_keys_of_the_api() {
    let text = mutating(
        "MutatingPolicy",
        "  - patchType: ApplyConfiguration\n    applyConfiguration:\n      expression: >-\n        Object{metadata: Object.metadata{labels: {'b': 'c'}}, spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, imagePullPolicy: 'Always'})}}\n",
    );
    let policy = policy(&text);
    let found = judge(&policy, pod(json!({"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]})));
    says(&found, Status::Pass, "success");
    let patched = found.patched.expect("because it was changed");
    assert_eq!(patched["metadata"]["labels"], json!({"app": "web", "b": "c"}));
    assert_eq!(
        patched["spec"]["containers"],
        json!([{"name": "a", "image": "x", "imagePullPolicy": "Always"}, {"name": "b", "image": "y", "imagePullPolicy": "Always"}])
    );
    // In a Deployment it is the template that is changed.
    let found = judge(&policy, deployment(&json!({"containers": [{"name": "a", "image": "x"}]})));
    let patched = found.patched.unwrap_or_else(|| panic!("{:?} {:?}", found.responses, policy.not_made));
    assert_eq!(
        patched["spec"]["template"]["spec"]["containers"],
        json!([{"name": "a", "image": "x", "imagePullPolicy": "Always"}])
    );
    assert_eq!(patched["spec"]["template"]["metadata"]["labels"], json!({"app": "web", "b": "c"}));
    assert_eq!(patched["metadata"], deployment(&json!({}))["metadata"]);
}

#[test]
fn patches_are_applied_one_after_another() {
    let patch = |expression: &str| {
        policy(&mutating(
            "MutatingPolicy",
            &format!(
                "  - patchType: JSONPatch\n    jsonPatch:\n      expression: |\n        {expression}\n  - patchType: JSONPatch\n    jsonPatch:\n      expression: |\n        has(object.metadata.annotations) ? [JSONPatch{{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('x/y'), value: 'z'}}] : []\n"
            ),
        ))
    };
    let found = judge(&patch("[JSONPatch{op: 'add', path: '/metadata/annotations', value: {}}]"), pod(json!({})));
    says(&found, Status::Pass, "success");
    assert_eq!(found.patched.expect("because it was changed")["metadata"]["annotations"], json!({"x/y": "z"}));
    let wrong = judge(&patch("[JSONPatch{op: 'replace', path: '/spec/none', value: 1}]"), pod(json!({})));
    assert_eq!((wrong.responses[0].status, wrong.patched), (Status::Error, None));
    let renaming = judge(&patch("[JSONPatch{op: 'replace', path: '/metadata/name', value: 'other'}]"), pod(json!({})));
    assert_eq!(
        (renaming.responses[0].status, renaming.patched),
        (Status::Error, None),
        "the object stays the one that was asked for"
    );
    let text = judge(&patch("['no patch']"), pod(json!({})));
    assert_eq!(text.responses[0].status, Status::Error);
}

#[test]
fn documents_that_are_no_resources_are_judged_as_json() {
    let policy = policy(
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: j}\nspec:\n  evaluation: {mode: JSON}\n  validations: [{expression: 'object.a.all(x, x > 0)', message: 'no'}]\n",
    );
    assert!(judge(&policy, pod(json!({}))).responses.is_empty());
    let on = |document: &Json| policy.evaluate_json(document, &Snapshot::new(), &surroundings());
    says(&on(&json!({"a": [1]})), Status::Pass, "success");
    says(&on(&json!({"a": [0]})), Status::Fail, "no");
    says(&on(&json!({})), Status::Error, "error: no such key: a");
}

#[test]
fn namespaces_and_objects_are_chosen_by_labels() {
    let text = about_pods(&format!(
        "    namespaceSelector: {{matchExpressions: [{{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}}]}}\n    objectSelector: {{matchLabels: {{app: web}}}}\n{TAGGED}"
    ));
    let policy = policy(&text);
    let bad = json!({"containers": [{"image": "x"}]});
    says(&judge(&policy, pod(bad.clone())), Status::Fail, "An image tag is required.");
    let mut system = pod(bad.clone());
    system["metadata"]["namespace"] = json!("kube-system");
    assert!(judge(&policy, system).responses.is_empty());
    let mut other = pod(bad);
    other["metadata"]["labels"] = json!({"app": "other"});
    assert!(judge(&policy, other).responses.is_empty());
}
