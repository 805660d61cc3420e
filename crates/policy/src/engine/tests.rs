use jiff::Timestamp;
use serde_json::json;
use signet_yaml::{Limits, parse};

use super::*;
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Operation, Status};
use crate::trust_policy::facts::Question;

const ADD_LABEL: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: add-team}
spec:
  rules:
  - name: add
    match: {any: [{resources: {kinds: [Pod]}}]}
    mutate: {patchStrategicMerge: {metadata: {labels: {+(team): a}}}}
";
const CEL_LABEL: &str = "
apiVersion: policies.kyverno.io/v1
kind: MutatingPolicy
metadata: {name: copy-team}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: '[JSONPatch{op: \"add\", path: \"/metadata/labels/copy\", value: object.metadata.labels.team}]'
";
const NEEDS_COPY: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: needs-copy}
spec:
  validationFailureAction: Enforce
  rules:
  - name: copy
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: no copy, pattern: {metadata: {labels: {copy: a}}}}
";
const UNBOUND: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-pods}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: 'false', message: no pods}]
";
const BINDING: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: b}
spec: {policyName: no-pods, validationActions: [Deny]}
";
/// Asks for what nobody fetched.
const ASKS: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: asks}
spec:
  validationFailureAction: Enforce
  failurePolicy: Fail
  rules:
  - name: config
    match: {any: [{resources: {kinds: [Pod]}}]}
    context: [{name: c, configMap: {name: c, namespace: d}}]
    validate: {message: m, deny: {conditions: {any: [{key: '{{ c.data.a }}', operator: Equals, value: b}]}}}
";

fn set(documents: &[&str]) -> Set {
    built(Builder::default().with_exceptions(Exceptions::Of(vec!["*".to_owned()])), documents)
}

fn built(mut builder: Builder, documents: &[&str]) -> Set {
    for (index, text) in documents.iter().enumerate() {
        for document in parse(text, &Limits::default()).unwrap() {
            assert_eq!(builder.take(&format!("{index}.yaml"), &document.root).unwrap(), Taken::Policy);
        }
    }
    builder.finish().unwrap()
}

fn pod() -> Input {
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"}, "spec": {"containers": [{"name": "c", "image": "r.example.com/a:1"}]}});
    Input::of(object, Operation::Create)
}

fn judge(set: &Set, stages: Stages) -> Judged {
    set.judge(&pod(), &Known::default(), &Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]), stages)
}

/// Names of the rules with their consequences, and whether the request passes.
#[track_caller]
fn check(documents: &[&str], stages: Stages, allowed: bool, expected: &[(&str, Consequence)]) -> Judged {
    let judged = judge(&set(documents), stages);
    let found: Vec<_> = judged.decision.reasons.iter().map(|reason| (reason.name(), reason.consequence)).collect();
    let expected: Vec<_> = expected.iter().map(|(name, consequence)| ((*name).to_owned(), *consequence)).collect();
    assert_eq!(found, expected, "{:#}", judged.decision.to_json());
    assert_eq!(judged.decision.allowed, allowed);
    judged
}

#[test]
fn what_changes_a_request_comes_before_what_is_asked_of_it() {
    use Consequence::{Denies, Nothing};
    // In the opposite order of what must happen.
    let judged = check(
        &[NEEDS_COPY, CEL_LABEL, ADD_LABEL],
        Stages::All,
        true,
        &[("add-team/add", Nothing), ("copy-team", Nothing), ("needs-copy/copy", Nothing)],
    );
    assert_eq!(judged.object.unwrap().pointer("/metadata/labels"), Some(&json!({"team": "a", "copy": "a"})));
    // The validating pass sees what it is given, and takes nobody's word for it.
    check(&[NEEDS_COPY, CEL_LABEL, ADD_LABEL], Stages::Validate, false, &[("needs-copy/copy", Denies)]);
    let judged = check(&[NEEDS_COPY, ADD_LABEL], Stages::Mutate, true, &[("add-team/add", Nothing)]);
    assert!(judged.object.is_some());
}

#[test]
fn a_policy_of_kubernetes_holds_where_it_is_bound() {
    check(&[UNBOUND], Stages::All, true, &[]);
    check(&[UNBOUND, BINDING], Stages::All, false, &[("no-pods", Consequence::Denies)]);
    check(&[BINDING, UNBOUND], Stages::All, false, &[("no-pods", Consequence::Denies)]);
    let unbound = built(Builder::default().with_unbound(), &[UNBOUND]);
    assert!(!judge(&unbound, Stages::All).decision.allowed);
}

#[test]
fn what_is_not_known_refuses_unless_the_policy_says_otherwise() {
    let judged = check(&[ASKS], Stages::All, false, &[("asks/config", Consequence::Denies)]);
    assert_eq!(judged.needs.context.len(), 1);
    check(
        &[&ASKS.replace("failurePolicy: Fail", "failurePolicy: Ignore")],
        Stages::All,
        true,
        &[("asks/config", Consequence::Warns)],
    );
    check(
        &[&ASKS.replace("Action: Enforce", "Action: Audit")],
        Stages::All,
        true,
        &[("asks/config", Consequence::Reported)],
    );
    let mut known = Known::default();
    for (value, allowed) in [("b", false), ("c", true)] {
        for need in &judged.needs.context {
            known.context.insert(need.clone(), json!({"data": {"a": value}}));
        }
        let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
        let answered = set(&[ASKS]).judge(&pod(), &known, &surroundings, Stages::All);
        assert!(answered.needs.is_empty());
        assert_eq!(answered.decision.allowed, allowed);
        assert_ne!(answered.decision.snapshot, judged.decision.snapshot, "another snapshot, another digest");
    }
}

#[test]
fn a_change_that_fails_refuses() {
    let text = ADD_LABEL.replace("+(team): a", "team: '{{ nobody.knows }}'");
    check(&[&text], Stages::All, false, &[("add-team/add", Consequence::Denies)]);
    let text = text.replace("  rules:", "  failurePolicy: Ignore\n  rules:");
    check(&[&text], Stages::All, true, &[("add-team/add", Consequence::Warns)]);
}

#[test]
fn a_reason_names_its_place() {
    let judged = check(
        &[ADD_LABEL, NEEDS_COPY],
        Stages::All,
        false,
        &[("add-team/add", Consequence::Nothing), ("needs-copy/copy", Consequence::Denies)],
    );
    let reason = judged.decision.with(Consequence::Denies).next().unwrap();
    assert_eq!((&*reason.origin.file, reason.origin.line, reason.status), ("1.yaml", 8, Status::Fail));
    assert_eq!(reason.path.as_deref(), Some("/metadata/labels/copy/"));
}

#[test]
fn the_same_policies_have_the_same_digest() {
    let digest = |documents: &[&str]| set(documents).digest();
    let remarked = format!("# For the teams.\n{}", ADD_LABEL.replace("{name: add-team}", "\n  name: 'add-team'"));
    assert_eq!(digest(&[ADD_LABEL, ASKS]), digest(&[&remarked, ASKS]), "what it says counts, not how it is written");
    assert_ne!(digest(&[ADD_LABEL, ASKS]), digest(&[ASKS, ADD_LABEL]), "the order of changes matters");
    assert_ne!(digest(&[ADD_LABEL]), digest(&[&ADD_LABEL.replace("team", "gang")]));
    assert_ne!(digest(&[UNBOUND]), digest(&[UNBOUND, BINDING]));
}

#[test]
fn what_is_no_policy_here_is_refused_and_not_passed_over() {
    let take = |text: &str| {
        let documents = parse(text, &Limits::default()).unwrap();
        Builder::default().take("f", &documents[0].root).map_err(|errors| errors[0].message.clone())
    };
    assert_eq!(take("apiVersion: v1\nkind: Pod\n"), Ok(Taken::Other));
    assert_eq!(take("apiVersion: kyverno.io/v2\nkind: CleanupPolicy\n"), Ok(Taken::Apart));
    for text in ["apiVersion: kyverno.io/v1\nkind: ClusterPolice\n", "apiVersion: signet.dev/v9\nkind: Policy\n"] {
        assert!(take(text).unwrap_err().contains("no kind of policy"), "{text}");
    }
    let list = |inner: &str| format!("apiVersion: v1\nkind: List\nitems: [{inner}]\n");
    let deep = (0..6).fold("{}".to_owned(), |inner, _| format!("{{apiVersion: v1, kind: List, items: [{inner}]}}"));
    assert!(take(&list(&deep)).unwrap_err().contains("deep"));
    assert!(
        take(&list("{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: x}, spec: {rules: [{}]}}"))
            .is_err()
    );
}

/// The plan leaves out policies only where they would have said nothing.
#[test]
fn the_plan_leaves_out_nothing_that_matters() {
    let set = set(&[ADD_LABEL, CEL_LABEL, NEEDS_COPY, UNBOUND, BINDING, ASKS]);
    let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
    for (version, kind) in
        [("v1", "Pod"), ("apps/v1", "Deployment"), ("batch/v1", "CronJob"), ("v1", "Secret"), ("x/v1", "Odd")]
    {
        for operation in [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect] {
            let object =
                json!({"apiVersion": version, "kind": kind, "metadata": {"name": "p", "namespace": "d"}, "spec": {}});
            let input = Input::of(object, operation);
            let planned = set.judge(&input, &Known::default(), &surroundings, Stages::All).decision;
            let again = set.judge(&input, &Known::default(), &surroundings, Stages::All).decision;
            assert_eq!(planned, again);
            let mut all = Vec::new();
            for (index, entry) in set.entries.iter().enumerate() {
                if !set.plan.of(&input, &set.entries).contains(&index) {
                    let responses = match &entry.body {
                        super::set::Body::Kyverno(policy) => {
                            let known = Known::default();
                            let mut found = policy.evaluate(&input, &[], &known.context, &surroundings).responses;
                            found.extend(policy.mutate(&input, &[], &known.context, &surroundings).responses);
                            found
                        }
                        super::set::Body::Admission(policy) => {
                            policy.evaluate(&input, &[], &Known::default().context, &surroundings).responses
                        }
                        super::set::Body::Gatekeeper(_) | super::set::Body::Trust(_) => Vec::new(),
                    };
                    all.extend(responses);
                }
            }
            assert_eq!(all, [], "{kind} {}", operation.as_str());
        }
    }
}

/// Where nobody knows the labels of a namespace, nothing passes because they were taken for none.
#[test]
fn unknown_labels_of_a_namespace_pass_nothing() {
    let selecting =
        NEEDS_COPY.replace("{kinds: [Pod]}", "{kinds: [Pod], namespaceSelector: {matchLabels: {env: prod}}}");
    check(&[&selecting], Stages::All, false, &[("needs-copy", Consequence::Denies)]);
    let exception = "
apiVersion: kyverno.io/v2
kind: PolicyException
metadata: {name: e, namespace: d}
spec:
  exceptions: [{policyName: needs-copy, ruleNames: [copy]}]
  match: {any: [{resources: {kinds: [Pod], namespaceSelector: {matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}}}]}
";
    check(&[NEEDS_COPY, exception], Stages::All, false, &[("needs-copy/copy", Consequence::Denies)]);
    // Known, they decide.
    let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
    for (env, allowed) in [("prod", false), ("test", true)] {
        let mut input = pod();
        input.namespace_labels.insert("env".to_owned(), env.to_owned());
        for documents in [vec![selecting.as_str()], vec![NEEDS_COPY, exception]] {
            let judged = set(&documents).judge(&input, &Known::default(), &surroundings, Stages::All);
            assert_eq!(judged.decision.allowed, allowed, "{env} {:#}", judged.decision.to_json());
        }
    }
}

const TRUST: &str = "
apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: {name: production}
spec:
  images: ['r.example.com/**']
  digest: pin
";

/// Answers the questions of our own policies: every tag is one digest, and every image is a single manifest.
fn told(needs: &Needs) -> Known {
    use crate::trust_policy::facts::{Answer, Manifest};
    let digest = signet_model::Digest::sha256(b"image");
    let mut known = Known::default();
    for question in &needs.questions {
        let answer = match question {
            Question::Digest { .. } => Answer::Digest(digest),
            Question::Manifests { .. } => {
                Answer::Manifests(vec![Manifest { digest, platform: String::new(), created: None }])
            }
            _ => Answer::Unknown("nobody knows".to_owned()),
        };
        known.facts.insert(question.clone(), answer);
    }
    known
}

#[test]
fn our_own_policies_judge_and_pin_every_image() {
    let mut builder = Builder::default();
    // Behind another document: its lines are those of the file.
    for taken in builder.take_text("p.yaml", &format!("{ADD_LABEL}---{TRUST}")) {
        assert_eq!(taken, Ok(Taken::Policy));
    }
    let set = builder.finish().unwrap();
    let open = judge(&set, Stages::All);
    assert!(!open.decision.allowed && !open.needs.questions.is_empty());
    let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
    let judged = set.judge(&pod(), &told(&open.needs), &surroundings, Stages::All);
    assert!(judged.decision.allowed, "{:#}", judged.decision.to_json());
    let digest = signet_model::Digest::sha256(b"image");
    assert_eq!(
        judged.object.unwrap().pointer("/spec/containers/0/image"),
        Some(&json!(format!("r.example.com/a:1@{digest}")))
    );
    let reason = judged.decision.reasons.iter().find(|reason| reason.policy == "production").unwrap();
    assert_eq!((&*reason.origin.file, reason.origin.line), ("p.yaml", 16));
    // An image that it does not name, and text that is no image.
    for image in ["docker.io/library/nginx", "ngi nx", ""] {
        let mut input = pod();
        input.set("request.object.spec", json!({"containers": [{"name": "c", "image": image}]}));
        assert!(!set.judge(&input, &Known::default(), &surroundings, Stages::All).decision.allowed, "{image}");
    }
}

const TEMPLATE: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: nopods}
spec:
  crd: {spec: {names: {kind: NoPods}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package nopods
      violation[{\"msg\": msg}] { input.review.object.kind == \"Pod\"; msg := \"no pods\" }
";
const CONSTRAINT: &str = "
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NoPods
metadata: {name: none}
spec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}
";

#[test]
fn gatekeepers_constraints_find_their_templates() {
    for documents in [[TEMPLATE, CONSTRAINT], [CONSTRAINT, TEMPLATE]] {
        let judged = check(&documents, Stages::All, false, &[("NoPods/none/none", Consequence::Denies)]);
        assert_eq!(judged.decision.reasons[0].message, "no pods");
    }
    let mut builder = Builder::default();
    builder.take("f", &parse(CONSTRAINT, &Limits::default()).unwrap()[0].root).unwrap();
    let errors = builder.finish().unwrap_err();
    assert!(errors[0].1.contains("no ConstraintTemplate for `NoPods`"));
}

const IMAGES: &str = "
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: ours}
spec:
  images: [{glob: 'r.example.com/**'}]
  authorities: [{name: all, static: {action: pass}}]
";

#[test]
fn the_policy_controllers_policies_are_asked_together() {
    check(&[IMAGES], Stages::All, true, &[("ours", Consequence::Nothing)]);
    check(&[&IMAGES.replace("action: pass", "action: fail")], Stages::All, false, &[("ours", Consequence::Denies)]);
    // An image that none of them names.
    check(
        &[&IMAGES.replace("r.example.com", "other.example.com")],
        Stages::All,
        false,
        &[("ClusterImagePolicy", Consequence::Denies)],
    );
}

/// Says something of who asks.
const USERS: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: users}
spec:
  validationFailureAction: Enforce
  rules:
  - name: who
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: m, deny: {conditions: {any: [{key: '{{ request.userInfo.username }}', operator: NotEquals, value: root}]}}}
";

/// What is there already is judged by the policies that look back, and by no other.
#[test]
fn a_scan_asks_the_policies_that_look_at_what_is_there() {
    let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
    let scan = |documents: &[&str], input: &Input| {
        let mut builder = Builder::default();
        for text in documents {
            assert_eq!(builder.take_text("f", text), [Ok(Taken::Policy)]);
        }
        let set = builder.finish().unwrap();
        let judged = set.scan(input, &Known::default(), &surroundings);
        let names: Vec<String> = judged.decision.reasons.iter().map(Reason::name).collect();
        assert_eq!(judged.object, None, "a scan changes nothing");
        (names, set.looks_at(input))
    };
    let never = NEEDS_COPY.replace("spec:", "spec:\n  background: false");
    let roles = NEEDS_COPY.replace("{kinds: [Pod]}}", "{kinds: [Pod]}, clusterRoles: [admin]}");
    for (documents, names, looks) in [
        (vec![NEEDS_COPY], vec!["needs-copy/copy"], true),
        (vec![NEEDS_COPY, never.as_str()], vec!["needs-copy/copy"], true),
        (vec![never.as_str()], vec![], false),
        (vec![USERS], vec![], false),
        (vec![roles.as_str()], vec![], false),
        // What changes requests says nothing of what is there.
        (vec![ADD_LABEL], vec![], false),
        (vec![CEL_LABEL], vec![], false),
        (vec![UNBOUND, BINDING], vec!["no-pods"], true),
        (vec![IMAGES], vec!["ours"], true),
        (vec![TEMPLATE, CONSTRAINT], vec!["NoPods/none/none"], true),
        (vec![TRUST], vec![], true),
    ] {
        let found = scan(&documents, &pod());
        assert_eq!(found.1, looks, "{documents:?}");
        // Of images that nobody asked about our own policies have much to say.
        match documents == [TRUST] {
            true => assert!(found.0.iter().all(|name| name.starts_with("production/")) && !found.0.is_empty()),
            false => assert_eq!(found.0, names, "{documents:?}"),
        }
    }
    // Of a kind that names no images, policies about images say nothing and need not be asked.
    let config =
        Input::of(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}), Operation::Create);
    for documents in [vec![IMAGES], vec![TRUST], vec![TEMPLATE, CONSTRAINT], vec![NEEDS_COPY]] {
        assert!(!scan(&documents, &config).1, "{documents:?}");
    }
}

#[test]
fn policies_say_what_they_are() {
    use super::RuleKind::{ImageVerify, Mutate, Validate};
    let set = set(&[NEEDS_COPY, ADD_LABEL, CEL_LABEL, UNBOUND, BINDING, IMAGES, TEMPLATE, CONSTRAINT]);
    let found: Vec<_> = set
        .abouts()
        .iter()
        .map(|about| (about.kind, about.key.as_str(), about.enforces, about.rule_kind("")))
        .collect();
    assert_eq!(
        found,
        [
            ("ClusterPolicy", "needs-copy", true, Validate),
            ("ClusterPolicy", "add-team", false, Mutate),
            ("MutatingPolicy", "copy-team", true, Mutate),
            ("ValidatingAdmissionPolicy", "no-pods", true, Validate),
            ("Constraint", "NoPods/none", true, Validate),
            ("ClusterImagePolicy", "ours", true, ImageVerify),
        ]
    );
    let about = &set.abouts()[0];
    assert_eq!(about.reference.pointer("/metadata/name"), Some(&json!("needs-copy")));
    assert_eq!(about.rules[0], ("copy".to_owned(), Validate));
    // Every reason finds the policy that it is of.
    for reason in judge(&set, Stages::All).decision.reasons {
        let of = |about: &&super::About| about.kind == reason.kind && about.key == reason.policy;
        assert!(set.abouts().iter().any(|about| of(&about)), "{reason:?}");
    }
}

#[test]
fn each_reason_has_its_time() {
    use std::cell::Cell;
    use std::time::Duration;
    let set = set(&[ADD_LABEL, CEL_LABEL, NEEDS_COPY, IMAGES]);
    let ticks = Cell::new(0);
    let watch = || {
        ticks.set(ticks.get() + 1);
        Duration::from_millis(ticks.get())
    };
    let surroundings = Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]);
    let (judged, times) = set.judge_timed(&pod(), &Known::default(), &surroundings, Stages::All, &watch);
    assert_eq!(times.len(), judged.decision.reasons.len());
    assert!(times.iter().all(|took| *took > Duration::ZERO), "{times:?}");
    assert_eq!(judged.decision, judge(&set, Stages::All).decision, "the watch decides nothing");
}
