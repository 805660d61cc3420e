//! The ways around a gate that others found: the same request before a policy of every language. `docs/threat-model.md`, "Bypasses of admission", names
//! the test of each, and the last test here holds that those tests exist.

use serde_json::{Value, json};
use signet_model::Timestamp;

use super::{Builder, Judged, Known, Set, Stages, Taken};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Operation, User};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Each refuses images of `evil.example`, and says nothing against those of `good.example`.
const LANGUAGES: [(&str, &str); 6] = [
    (
        "Kyverno",
        "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate:
      message: refused
      deny: {conditions: {any: [{key: \"{{ contains(to_string(request.object.spec), 'evil.example') }}\", operator: Equals, value: true}]}}
",
    ),
    (
        "CEL of Kubernetes",
        "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: p}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [pods, pods/ephemeralcontainers]}]}
  variables:
  - name: all
    expression: \"object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : []) + (has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers : [])\"
  validations:
  - {expression: \"variables.all.all(c, !c.image.startsWith('evil.example')) && (!has(object.spec.volumes) || object.spec.volumes.all(v, !has(v.image) || !v.image.reference.startsWith('evil.example')))\", message: refused}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: b}
spec: {policyName: p, validationActions: [Deny]}
",
    ),
    (
        "Gatekeeper",
        "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: evil}
spec:
  crd: {spec: {names: {kind: Evil}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package evil
      violation[{\"msg\": \"refused\"}] { contains(json.marshal(input.review.object.spec), \"evil.example\") }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Evil
metadata: {name: c}
spec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}
",
    ),
    (
        "ClusterImagePolicy",
        "
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: good}
spec: {images: [{glob: 'good.example/**'}], authorities: [{static: {action: pass}}]}
---
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: evil}
spec: {images: [{glob: 'evil.example/**'}], authorities: [{static: {action: fail}}]}
",
    ),
    (
        "Connaisseur",
        "
validators:
- {name: default, type: static, approve: true}
- {name: deny, type: static, approve: false}
policy:
- pattern: '*:*'
- {pattern: 'evil.example/*:*', validator: deny}
",
    ),
    (
        "TrustPolicy",
        "apiVersion: signet.dev/v1
kind: TrustPolicy
metadata: {name: t}
spec: {images: ['good.example/**'], mode: enforce, digest: require}
",
    ),
];

fn sets() -> Vec<(&'static str, Set)> {
    let built = LANGUAGES.iter().map(|(language, text)| {
        let mut builder = Builder::default();
        for taken in builder.take_text("p.yaml", text) {
            assert_eq!(taken, Ok(Taken::Policy), "{language}");
        }
        (*language, builder.finish().unwrap())
    });
    built.collect()
}

fn image(host: &str) -> String {
    format!("{host}/app@{DIGEST}")
}

fn pod(host: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "d"},
        "spec": {"containers": [{"name": "c", "image": image(host)}]}})
}

fn judged(set: &Set, input: &Input, stages: Stages) -> Judged {
    set.judge(input, &Known::default(), &Surroundings::kyverno(Timestamp::UNIX_EPOCH, [7; 32]), stages)
}

/// Every language refuses the request with the evil image, and the image alone is why.
#[track_caller]
fn check(what: &str, request: impl Fn(&str) -> Input) {
    for (language, set) in sets() {
        for stages in [Stages::All, Stages::Validate] {
            let evil = judged(&set, &request("evil.example"), stages).decision;
            assert!(!evil.allowed, "{what}, {language}, {stages:?}: {:#}", evil.to_json());
            let good = judged(&set, &request("good.example"), stages).decision;
            assert!(good.allowed, "{what}, {language}, {stages:?}: {:#}", good.to_json());
        }
    }
}

fn created(change: impl Fn(&mut Value)) -> impl Fn(&str) -> Input {
    move |host| {
        let mut object = pod(host);
        change(&mut object);
        Input::of(object, Operation::Create)
    }
}

fn updated(change: impl Fn(&mut Value, &mut Value)) -> impl Fn(&str) -> Input {
    move |host| {
        let (mut object, mut old) = (pod(host), pod("good.example"));
        change(&mut object, &mut old);
        let mut input = Input::of(old, Operation::Update);
        input.set("request.object", Value::Null);
        input.set("request.object", object);
        input
    }
}

#[test]
fn every_place_of_a_pod_is_looked_at_in_every_language() {
    check("container", created(|_| {}));
    for (key, entry) in [("initContainers", "image"), ("ephemeralContainers", "image")] {
        check(key, move |host| {
            let mut object = pod("good.example");
            object["spec"][key] = json!([{"name": "x", (entry): image(host)}]);
            Input::of(object, Operation::Create)
        });
    }
    check("image volume", |host| {
        let mut object = pod("good.example");
        object["spec"]["volumes"] = json!([{"name": "v", "image": {"reference": image(host)}}]);
        Input::of(object, Operation::Create)
    });
    check("second container of one name", |host| {
        let mut object = pod("good.example");
        object["spec"]["containers"] =
            json!([{"name": "c", "image": image("good.example")}, {"name": "d", "image": image(host)}]);
        Input::of(object, Operation::Create)
    });
}

/// A Pod says itself who made it. Connaisseur believed it, and asked about the parent's images.
#[test]
fn a_forged_owner_lets_nothing_pass() {
    for (kind, version) in [("ReplicaSet", "apps/v1"), ("Job", "batch/v1"), ("Node", "v1")] {
        check(
            kind,
            created(move |object| {
                object["metadata"]["ownerReferences"] =
                    json!([{"apiVersion": version, "kind": kind, "name": "approved", "uid": "1", "controller": true}]);
            }),
        );
    }
}

/// The annotation of a mirror Pod, the kubelet's group and the namespace of the system are claims, and except nothing.
#[test]
fn a_mirror_pod_and_a_kubelet_are_judged_as_any_other() {
    check("mirror", |host| {
        let mut object = pod(host);
        object["metadata"]["annotations"] =
            json!({"kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file"});
        object["metadata"]["namespace"] = json!("kube-system");
        Input::of(object, Operation::Create).by(User {
            username: "system:node:n1".to_owned(),
            groups: vec!["system:nodes".to_owned(), "system:authenticated".to_owned()],
            ..User::default()
        })
    });
}

#[test]
fn what_an_object_says_of_its_verification_is_not_believed() {
    for key in [
        "kyverno.io/verify-images",
        "policy.sigstore.dev/verified",
        "connaisseur.io/validated",
        "signet.dev/verified",
        "gatekeeper.sh/exempt",
    ] {
        check(
            key,
            created(move |object| {
                let all = json!({(key): format!("{{\"{}\":\"pass\"}}", image("evil.example"))});
                object["metadata"]["annotations"] = all.clone();
                object["metadata"]["labels"] = json!({(key): "true"});
            }),
        );
    }
}

/// CVE-2023-34091: what is being deleted was judged by nobody, and may still bring another image.
#[test]
fn what_is_on_its_way_out_is_judged_when_it_brings_an_image() {
    let going = || json!("2026-01-01T00:00:00Z");
    check("created with a time of deletion", created(move |object| object["metadata"]["deletionTimestamp"] = going()));
    check("changed with one", updated(move |object, _| object["metadata"]["deletionTimestamp"] = going()));
    check(
        "changed when it had one",
        updated(move |object, old| {
            object["metadata"]["deletionTimestamp"] = going();
            old["metadata"]["deletionTimestamp"] = going();
        }),
    );
}

#[test]
fn an_update_is_judged_by_what_it_brings() {
    check("only the image", updated(|_, _| {}));
    check(
        "the image and an annotation",
        updated(|object, _| object["metadata"]["annotations"] = json!({"kyverno.io/verify-images": "{}"})),
    );
    check("an image beside one that stays", |host| {
        let mut old = pod("good.example");
        let mut object = old.clone();
        object["spec"]["initContainers"] = json!([{"name": "i", "image": image(host)}]);
        old["spec"]["initContainers"] = json!([]);
        let mut input = Input::of(old, Operation::Update);
        input.set("request.object", Value::Null);
        input.set("request.object", object);
        input
    });
}

#[test]
fn a_container_that_is_added_to_a_running_pod_is_judged() {
    check("ephemeral container", |host| {
        let old = pod("good.example");
        let mut object = old.clone();
        object["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": image(host)}]);
        let mut input = Input::of(old, Operation::Update);
        input.set("request.object", Value::Null);
        input.set("request.object", object);
        input.set("request.subResource", json!("ephemeralcontainers"));
        input.set("request.resource", json!({"group": "", "version": "v1", "resource": "pods"}));
        input.subresource = "ephemeralcontainers".to_owned();
        input
    });
}

#[test]
fn a_name_that_is_still_to_be_made_leads_around_nothing() {
    check("generateName", created(|object| object["metadata"] = json!({"generateName": "p-", "namespace": "d"})));
    check("no name", created(|object| object["metadata"] = json!({"namespace": "d"})));
}

/// A dry run is answered as the request itself would be.
#[test]
fn a_dry_run_is_judged_as_any_other() {
    check("dry run", |host| {
        let mut input = Input::of(pod(host), Operation::Create);
        input.set("request.dryRun", json!(true));
        input
    });
}

/// One host, however it is written; and another one that only looks like it.
#[test]
fn a_host_is_itself_however_it_is_written() {
    let named = |set: &Set, image: &str| {
        let mut object = pod("good.example");
        object["spec"]["containers"][0]["image"] = json!(image);
        judged(set, &Input::of(object, Operation::Create), Stages::Validate).decision.allowed
    };
    for (language, set) in sets() {
        if !matches!(language, "ClusterImagePolicy" | "Connaisseur" | "TrustPolicy") {
            continue;
        }
        for host in ["evil.example", "EVIL.example", "evil.example:443", "evil.example:0443", "Evil.Example:00443"] {
            assert!(!named(&set, &image(host)), "{language} {host}");
        }
        if language == "TrustPolicy" {
            for host in ["good.example", "GOOD.example", "good.example:443", "good.example:0443"] {
                assert!(named(&set, &image(host)), "{language} {host}");
            }
            for host in
                ["good.example.evil.io", "good.example-evil.io", "xgood.example", "good.example:8443", "good:443"]
            {
                assert!(!named(&set, &image(host)), "{language} {host}");
            }
        }
    }
}

/// What is no reference by the grammar of distribution is refused by whoever asks about images.
#[test]
fn odd_strings_are_no_images() {
    let hex = "0123456789abcdef".repeat(4);
    for odd in [
        format!("good.example/app@{DIGEST}@{DIGEST}"),
        hex,
        "good.example/app:1\u{0}".to_owned(),
        "good.example/app:1\u{200b}".to_owned(),
        "g\u{43e}od.example/app:1".to_owned(),
        "good.example/../app:1".to_owned(),
        "good.example//app:1".to_owned(),
        "https://good.example/app:1".to_owned(),
        "user@good.example/app:1".to_owned(),
        "good.example:x/app:1".to_owned(),
        "good.example/App:1".to_owned(),
        "good.example/app:1 ".to_owned(),
        "good.example/app:".to_owned(),
        "[::1/app:1".to_owned(),
    ] {
        for (language, set) in sets() {
            if !matches!(language, "ClusterImagePolicy" | "Connaisseur" | "TrustPolicy") {
                continue;
            }
            let mut object = pod("good.example");
            object["spec"]["containers"][0]["image"] = json!(odd);
            let found = judged(&set, &Input::of(object, Operation::Create), Stages::Validate).decision;
            assert!(!found.allowed, "{language} {odd:?}: {:#}", found.to_json());
        }
    }
}

/// Reversec, July 2025: `host:443/img` was taken for an image with a tag.
#[test]
fn a_port_is_no_tag() {
    let text = LANGUAGES[0].1.replace(
        "{{ contains(to_string(request.object.spec), 'evil.example') }}\", operator: Equals, value: true",
        "{{ images.containers.c.tag }}\", operator: Equals, value: latest",
    );
    let mut builder = Builder::default();
    assert!(builder.take_text("p.yaml", &text).iter().all(Result::is_ok));
    let set = builder.finish().unwrap();
    for (image, allowed) in
        [("good.example:443/app", false), ("good.example:443/app:1", true), ("good.example:443/app:latest", false)]
    {
        let mut object = pod("good.example");
        object["spec"]["containers"][0]["image"] = json!(image);
        let found = judged(&set, &Input::of(object, Operation::Create), Stages::All).decision;
        assert_eq!(found.allowed, allowed, "{image}: {:#}", found.to_json());
    }
}

/// CVE-2026-41485: a `foreach` over something else than a list of mappings took Kyverno down.
#[test]
fn a_foreach_over_anything_ends_in_an_answer() {
    for rule in [
        "mutate: {foreach: [{list: request.object.spec.list, patchStrategicMerge: {spec: {list: [{(name): '{{ element.name }}', seen: true}]}}}]}",
        "mutate: {foreach: [{list: request.object.spec.list, patchesJson6902: '[{\"op\": \"add\", \"path\": \"/spec/list/{{ elementIndex }}/seen\", \"value\": true}]'}]}",
        "mutate: {foreach: [{list: request.object.spec.list, foreach: [{list: element.inner, patchStrategicMerge: {spec: {x: '{{ element.y }}'}}}]}]}",
        "validate: {message: refused, foreach: [{list: request.object.spec.list, deny: {conditions: {any: [{key: '{{ element.name }}', operator: Equals, value: x}]}}}]}",
    ] {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Odd]}}}}]}}\n    {rule}\n"
        );
        let mut builder = Builder::default();
        for taken in builder.take_text("p.yaml", &text) {
            assert_eq!(taken, Ok(Taken::Policy), "{rule}");
        }
        let set = builder.finish().unwrap();
        for list in [
            json!(null),
            json!(true),
            json!(7),
            json!("text"),
            json!({"a": {"name": "x"}}),
            json!([]),
            json!([null]),
            json!([[]]),
            json!([1, "a", null, {"name": 7}, {"inner": 7}, {"inner": [null, 1]}]),
            json!([{"name": {"a": []}}]),
        ] {
            let object = json!({"apiVersion": "x.example/v1", "kind": "Odd", "metadata": {"name": "o", "namespace": "d"}, "spec": {"list": list}});
            let found = judged(&set, &Input::of(object, Operation::Create), Stages::All).decision;
            let whole = list.as_array().is_some_and(Vec::is_empty);
            assert!(found.allowed || !whole, "{rule} {list}: {:#}", found.to_json());
            assert!(!found.reasons.is_empty(), "{rule} {list}: nothing is passed over in silence");
        }
    }
}

/// Every test that the table of bypasses names is there.
#[test]
fn the_tests_of_the_table_exist() {
    fn walk(folder: &std::path::Path, text: &mut String) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "testdata") {
                walk(&path, text);
            } else if path.extension().is_some_and(|end| end == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let table = page.split("## Bypasses of admission").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut code = std::collections::BTreeMap::new();
    let mut named = 0;
    for line in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| way around |")) {
        let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(cell.contains('`'), "a line without a test: {line}");
        for part in cell.split("; ") {
            let (room, tests) = part.split_once(": ").unwrap_or_else(|| panic!("no room in {part}"));
            let text = code.entry(room.to_owned()).or_insert_with(|| {
                let mut text = String::new();
                for folder in ["src", "tests"].map(|folder| root.join("crates").join(room).join(folder)) {
                    if folder.is_dir() {
                        walk(&folder, &mut text);
                    }
                }
                text
            });
            for test in tests.split('`').skip(1).step_by(2) {
                named += 1;
                assert!(text.contains(&format!("fn {test}()")), "{room}: there is no test `{test}`");
            }
        }
    }
    assert!(named >= 60, "only {named} tests are named");
}
