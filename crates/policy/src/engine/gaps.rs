//! Tests of what must not slip through between the languages: what nobody knows, whose exceptions count, and what no policy sees by its kind alone.

use serde_json::{Value, json};
use signet_model::Timestamp;
use signet_yaml::{Limits, parse};

use super::{Builder, Consequence, Exceptions, Judged, Known, Set, Stages, Taken};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Kind, Operation, User};

fn taken(builder: &mut Builder, text: &str) -> Result<Taken, String> {
    let mut last = Taken::Other;
    for document in parse(text, &Limits::default()).unwrap() {
        last = builder.take("p.yaml", &document.root).map_err(|errors| errors[0].message.clone())?;
    }
    Ok(last)
}

#[track_caller]
fn set_of(whose: Exceptions, text: &str) -> Set {
    let mut builder = Builder::default().with_exceptions(whose);
    assert_eq!(taken(&mut builder, text), Ok(Taken::Policy), "{text}");
    builder.finish().unwrap()
}

#[track_caller]
fn set(text: &str) -> Set {
    set_of(Exceptions::Nobodys, text)
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": {"containers": [{"name": "c", "image": "r.example.com/a:1"}]}})
}

fn judged(set: &Set, input: &Input, stages: Stages) -> Judged {
    set.judge(input, &Known::default(), &Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]), stages)
}

#[track_caller]
fn check(set: &Set, input: &Input, allowed: bool) -> Judged {
    let judged = judged(set, input, Stages::All);
    assert_eq!(judged.decision.allowed, allowed, "{:#}", judged.decision.to_json());
    judged
}

fn by(name: &str, roles: Option<&[&str]>) -> Input {
    Input::of(pod(), Operation::Create).by(User {
        username: name.to_owned(),
        cluster_roles: roles.unwrap_or_default().iter().map(|role| (*role).to_owned()).collect(),
        roles_unknown: roles.is_none(),
        ..User::default()
    })
}

/// A rule that refuses every Pod that it is about.
fn refusing(filters: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n{filters}\n    validate: {{message: refused, deny: {{}}}}\n"
    )
}

#[test]
fn a_rule_about_somebody_is_not_passed_over_where_nobody_knows_who_asks() {
    let unknown = Input::of(pod(), Operation::Create);
    let eve = "subjects: [{kind: User, name: eve}]";
    for filters in [
        format!("    match: {{any: [{{{eve}}}]}}"),
        format!("    match: {{all: [{{resources: {{kinds: [Pod]}}}}, {{{eve}}}]}}"),
        format!("    match: {{any: [{{resources: {{kinds: [Secret]}}}}, {{{eve}}}]}}"),
        format!("    match: {{any: [{{resources: {{kinds: [Pod]}}, {eve}}}]}}"),
        format!("    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    exclude: {{any: [{{{eve}}}]}}"),
    ] {
        check(&set(&refusing(&filters)), &unknown, false);
    }
    // Known, they decide.
    let alone = set(&refusing(&format!("    match: {{any: [{{{eve}}}]}}")));
    check(&alone, &by("eve", Some(&[])), false);
    check(&alone, &by("anna", Some(&[])), true);
    let excluded = set(&refusing(&format!(
        "    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    exclude: {{any: [{{{eve}}}]}}"
    )));
    check(&excluded, &by("eve", Some(&[])), true);
    check(&excluded, &by("anna", Some(&[])), false);
    // An audited policy reports it.
    let audited = set(&refusing(&format!("    match: {{any: [{{{eve}}}]}}")).replace("Enforce", "Audit"));
    let judged = check(&audited, &unknown, true);
    assert_eq!(judged.decision.with(Consequence::Reported).count(), 1);
}

#[test]
fn a_rule_about_roles_is_not_passed_over_where_nobody_knows_them() {
    let alone = set(&refusing("    match: {any: [{clusterRoles: [edit]}]}"));
    let beside = set(&refusing("    match: {any: [{resources: {kinds: [Pod]}, roles: ['d:edit']}]}"));
    let lifted = set(&refusing(
        "    match: {any: [{resources: {kinds: [Pod]}}]}\n    exclude: {any: [{clusterRoles: [admin]}]}",
    ));
    for policy in [&alone, &beside, &lifted] {
        check(policy, &by("eve", None), false);
        check(policy, &Input::of(pod(), Operation::Create), false);
    }
    check(&alone, &by("eve", Some(&[])), true);
    check(&alone, &by("eve", Some(&["edit"])), false);
    check(&beside, &by("eve", Some(&["edit"])), true);
    check(&lifted, &by("eve", Some(&["admin"])), true);
    check(&lifted, &by("eve", Some(&[])), false);
    // What roles there are is no value either.
    let variable = set(&refusing("    match: {any: [{resources: {kinds: [Pod]}}]}").replace(
        "deny: {}",
        "deny: {conditions: {any: [{key: edit, operator: AnyIn, value: '{{ request.clusterRoles }}'}]}}",
    ));
    check(&variable, &by("eve", None), false);
    check(&variable, &by("eve", Some(&["view"])), true);
}

#[test]
fn an_expression_about_who_asks_says_nothing_where_nobody_knows() {
    let cel = |failure: &str| {
        format!(
            "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  validationActions: [Deny]\n  failurePolicy: {failure}\n  matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}}]}}\n  validations: [{{expression: \"!has(request.userInfo.username) || request.userInfo.username != 'eve'\", message: refused}}]\n"
        )
    };
    check(&set(&cel("Fail")), &Input::of(pod(), Operation::Create), false);
    check(&set(&cel("Fail")), &by("eve", None), false);
    check(&set(&cel("Fail")), &by("anna", None), true);
    let told = check(&set(&cel("Ignore")), &Input::of(pod(), Operation::Create), true);
    assert_eq!(told.decision.with(Consequence::Warns).count(), 1, "{:#}", told.decision.to_json());
    let variable = refusing("    match: {any: [{resources: {kinds: [Pod]}}]}").replace(
        "deny: {}",
        "deny: {conditions: {any: [{key: \"{{ request.userInfo.username || '' }}\", operator: Equals, value: eve}]}}",
    );
    check(&set(&variable), &Input::of(pod(), Operation::Create), false);
    check(&set(&variable), &by("anna", None), true);
}

const EXCEPTED: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: refused, deny: {}}
---
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: e, namespace: theirs}
spec:
  exceptions: [{policyName: p, ruleNames: [r]}]
  match: {any: [{resources: {kinds: [Pod]}}]}
";
const CEL_EXCEPTED: &str = "
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: p}
spec:
  validationActions: [Deny]
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: 'false', message: refused}]
---
apiVersion: policies.kyverno.io/v1
kind: PolicyException
metadata: {name: e, namespace: theirs}
spec:
  policyRefs: [{name: p, kind: ValidatingPolicy}]
";

/// CVE-2024-48921: whoever may write an exception in some namespace lifted policies everywhere.
#[test]
fn exceptions_count_where_they_are_allowed_and_nowhere_else() {
    let of = |names: &[&str]| Exceptions::Of(names.iter().map(|name| (*name).to_owned()).collect());
    let input = Input::of(pod(), Operation::Create);
    for text in [EXCEPTED, CEL_EXCEPTED] {
        for (whose, allowed) in [
            (Exceptions::Nobodys, false),
            (of(&[]), false),
            (of(&["ours"]), false),
            (of(&["default"]), false),
            (of(&["ours", "theirs"]), true),
            (of(&["*"]), true),
        ] {
            let set = set_of(whose.clone(), text);
            check(&set, &input, allowed);
            let told: &[String] = if allowed { &[] } else { &["theirs/e".to_owned()] };
            assert_eq!(set.exceptions_that_do_not_count(), told, "{whose:?}");
        }
        // One that names no namespace is made in `default`.
        let homeless = text.replace(", namespace: theirs", "");
        check(&set_of(of(&["default"]), &homeless), &input, true);
        check(&set_of(of(&["theirs"]), &homeless), &input, false);
        assert_ne!(set(text).digest(), set_of(of(&["*"]), text).digest(), "other answers, another digest");
    }
}

#[test]
fn what_changes_the_view_of_policies_is_refused_and_what_sets_gatekeeper_up_is_not() {
    let take = |version: &str, kind: &str| {
        taken(&mut Builder::default(), &format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n"))
    };
    for (version, kind) in [
        ("mutations.gatekeeper.sh/v1", "Assign"),
        ("mutations.gatekeeper.sh/v1alpha1", "AssignImage"),
        ("expansion.gatekeeper.sh/v1beta1", "ExpansionTemplate"),
        ("templates.gatekeeper.sh/v1", "Template"),
    ] {
        assert!(take(version, kind).unwrap_err().contains("no kind of policy"), "{version} {kind}");
    }
    for (version, kind) in [
        ("externaldata.gatekeeper.sh/v1beta1", "Provider"),
        ("config.gatekeeper.sh/v1alpha1", "Config"),
        ("syncset.gatekeeper.sh/v1alpha1", "SyncSet"),
    ] {
        assert_eq!(take(version, kind), Ok(Taken::Apart), "{version} {kind}");
    }
}

/// `.../rollouts/a/scale`: the object is a `Scale` of another group.
fn scaled(group: &str, plural: &str) -> Input {
    let mut input = Input::of(
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a", "namespace": "d"}}),
        Operation::Create,
    );
    input.subresource = "scale".to_owned();
    input.set("request.resource", json!({"group": group, "version": "v1alpha1", "resource": plural}));
    input.set("request.subResource", json!("scale"));
    input
}

#[test]
fn subresources_of_custom_kinds_are_found_by_what_the_url_names() {
    let cel = |group: &str, resource: &str| {
        format!(
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {{name: p}}\nspec:\n  matchConstraints: {{resourceRules: [{{apiGroups: ['{group}'], apiVersions: ['*'], operations: ['*'], resources: ['{resource}']}}]}}\n  validations: [{{expression: 'false', message: refused}}]\n---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {{name: b}}\nspec: {{policyName: p, validationActions: [Deny]}}\n"
        )
    };
    let kyverno = |kind: &str| refusing(&format!("    match: {{any: [{{resources: {{kinds: ['{kind}']}}}}]}}"));
    let rollout = scaled("argoproj.io", "rollouts");
    for text in [
        cel("argoproj.io", "rollouts/scale"),
        cel("*", "*/scale"),
        cel("argoproj.io", "rollouts/*"),
        kyverno("Rollout/scale"),
        kyverno("argoproj.io/v1alpha1/Rollout/scale"),
        kyverno("argoproj.io/*/Rollout/*"),
        kyverno("*/*/Roll*/scale"),
        kyverno("*/scale"),
    ] {
        let set = set(&text);
        // Another resource of the same kind of object comes first, and must not be remembered for this one.
        check(&set, &scaled("apps", "widgets"), !text.contains("*/scale") || text.contains("Roll"));
        check(&set, &rollout, false);
    }
    for text in [
        cel("autoscaling", "rollouts/scale"),
        cel("argoproj.io", "rollouts"),
        cel("argoproj.io", "rollouts/status"),
        kyverno("Rollout"),
        kyverno("Rollout/status"),
        kyverno("apps/*/Rollout/scale"),
        kyverno("Widget/scale"),
    ] {
        check(&set(&text), &rollout, true);
    }
    // The status of a custom kind is of the kind itself.
    let mut status = Input::of(
        json!({"apiVersion": "a.example/v1", "kind": "MyCrd", "metadata": {"name": "a", "namespace": "d"}}),
        Operation::Create,
    );
    status.subresource = "status".to_owned();
    status.set("request.resource", json!({"group": "a.example", "version": "v1", "resource": "mycrds"}));
    check(&set(&kyverno("MyCrd/status")), &status, false);
    check(&set(&kyverno("MyCrd")), &status, true);
    check(&set(&cel("a.example", "mycrds/status")), &status, false);
    assert_eq!(status.kind, Kind { group: "a.example".into(), version: "v1".into(), kind: "MyCrd".into() });
}

const CONSTRAINED: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: odd}
spec:
  crd: {spec: {names: {kind: Odd}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package odd
      violation[{\"msg\": \"no pods\"}] { input.review.object.kind == \"Pod\" }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Odd
metadata: {name: c}
spec: {enforcementAction: warn}
";

#[test]
fn a_constraint_that_warns_tells_who_asks_also_of_errors() {
    let input = Input::of(pod(), Operation::Create);
    let told = |text: &str| {
        let judged = check(&set(text), &input, true);
        judged.decision.with(Consequence::Warns).map(|reason| reason.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(CONSTRAINED), ["no pods"]);
    let broken =
        CONSTRAINED.replace("input.review.object.kind == \"Pod\"", "input.review.userInfo.username == \"eve\"");
    assert!(told(&broken)[0].contains("nobody said who"));
    let selecting = CONSTRAINED.replace("spec: {enf", "spec: {match: {namespaceSelector: {matchLabels: {a: b}}}, enf");
    assert!(told(&selecting)[0].contains("labels of namespace"));
    assert_eq!(told(&CONSTRAINED.replace("warn}", "dryrun}")), Vec::<String>::new());
    // A call that failed is for the author.
    let failed = CONSTRAINED.replace("input.review.object.kind == \"Pod\"", "to_number(\"x\") == 1");
    let judged = check(&set(&failed), &input, true);
    let notes: Vec<_> = judged.decision.with(Consequence::Reported).map(|reason| reason.message.clone()).collect();
    assert!(notes.len() == 1 && notes[0].contains("taken for undefined"), "{notes:?}");
}

/// A namespaced policy looks into its own namespace alone (CVE-2026-22039, CVE-2026-41068), and asks of no image that is none of the request's.
#[test]
fn a_policy_of_a_namespace_looks_nowhere_else() {
    let kyverno = |namespace: &str, context: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: {}\nmetadata: {{name: p{namespace}}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    context: [{{name: c, {context}}}]\n    validate: {{message: refused, deny: {{conditions: {{any: [{{key: '{{{{ c }}}}', operator: Equals, value: b}}]}}}}}}\n",
            if namespace.is_empty() { "ClusterPolicy" } else { "Policy" }
        )
    };
    let cel = |namespace: &str, expression: &str| {
        format!(
            "apiVersion: policies.kyverno.io/v1\nkind: {}\nmetadata: {{name: p{namespace}}}\nspec:\n  validationActions: [Deny]\n  matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}}]}}\n  validations: [{{expression: '{expression} != null', message: refused}}]\n",
            if namespace.is_empty() { "ValidatingPolicy" } else { "NamespacedValidatingPolicy" }
        )
    };
    let input = Input::of(pod(), Operation::Create);
    let own = |rest: &str| rest.replace("NS", "d");
    let other = |rest: &str| rest.replace("NS", "kube-system");
    let places = [
        ("configMap: {name: m, namespace: NS}", ""),
        ("apiCall: {urlPath: /api/v1/namespaces/NS/secrets/s}", ""),
        ("", "resource.Get(\"v1\", \"secrets\", \"NS\", \"s\")"),
    ];
    for (context, expression) in places {
        let text = |namespace: &str, of: &dyn Fn(&str) -> String| match expression {
            "" => kyverno(namespace, &of(context)),
            _ => cel(namespace, &of(expression)),
        };
        let needs = |text: &str| check(&set(text), &input, false).needs;
        assert_eq!(needs(&text(", namespace: d", &own)).context.len(), 1, "{context}{expression}");
        assert!(needs(&text(", namespace: d", &other)).is_empty(), "{context}{expression}");
        assert_eq!(needs(&text("", &other)).context.len(), 1, "{context}{expression}");
    }
    for context in [
        "apiCall: {urlPath: /api/v1/nodes}",
        "apiCall: {service: {url: 'http://a.d.svc'}, method: GET}",
        "globalReference: {name: g}",
    ] {
        assert!(check(&set(&kyverno(", namespace: d", context)), &input, false).needs.is_empty(), "{context}");
    }
    for (reference, asked) in [("r.example.com/a:1", 1), ("internal.example/secret:1", 0)] {
        for text in [
            kyverno(", namespace: d", &format!("imageRegistry: {{reference: '{reference}'}}")),
            cel(", namespace: d", &format!("image.GetMetadata(\"{reference}\")")),
        ] {
            let needs = check(&set(&text), &input, false).needs;
            assert_eq!(needs.context.len(), asked, "{text}");
        }
    }
}

fn trust(mode: &str) -> Set {
    let mut builder = Builder::default();
    let text = format!(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{name: t}}\nspec: {{images: ['r.example.com/**'], mode: {mode}, digest: require}}\n"
    );
    for taken in builder.take_text("t.yaml", &text) {
        assert_eq!(taken, Ok(Taken::Policy));
    }
    builder.finish().unwrap()
}

#[test]
fn what_is_no_image_is_refused_as_strictly_as_the_strictest_policy_refuses() {
    let with = |image: Value| {
        let mut object = pod();
        object["spec"]["containers"][0]["image"] = image;
        Input::of(object, Operation::Create)
    };
    for (mode, allowed, consequence) in [
        ("enforce", false, Consequence::Denies),
        ("warn", true, Consequence::Warns),
        ("audit", true, Consequence::Reported),
    ] {
        for image in [json!("r.example.com/A B"), json!("r.example.com/a@sha256:0"), json!(7)] {
            for stages in [Stages::Mutate, Stages::Validate, Stages::All] {
                let judged = judged(&trust(mode), &with(image.clone()), stages);
                assert_eq!(judged.decision.allowed, allowed, "{mode} {image}");
                assert_eq!(judged.decision.with(consequence).count(), 1, "{mode} {image}");
            }
        }
    }
    // What a webhook behind us may still write is judged when all have written.
    for image in [json!(""), Value::Null] {
        assert!(judged(&trust("enforce"), &with(image.clone()), Stages::Mutate).decision.allowed, "{image}");
        assert!(!judged(&trust("enforce"), &with(image.clone()), Stages::Validate).decision.allowed, "{image}");
    }
}
