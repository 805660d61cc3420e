//! Kyverno's command line: resources judged by policies, and suites of tests.

use crate::harness::Room;

const POLICY: &str = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: no-latest}\nspec:\n  rules:\n  - name: tag\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate:\n      message: A tag that can move.\n      pattern: {spec: {containers: [{image: '!*:latest'}]}}\n";
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {containers: [{name: a, image: nginx:1}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {containers: [{name: a, image: nginx:latest}]}\n";

fn room() -> Room {
    let room = Room::new();
    room.file("policy.yaml", POLICY);
    room.file("pods.yaml", POD);
    room
}

fn suite(room: &Room, results: &str) {
    let head = "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {name: t}\npolicies: [../policy.yaml]\nresources: [../pods.yaml]\nresults:\n";
    room.file("suite/kyverno-test.yaml", &format!("{head}{results}"));
}

#[test]
fn a_violation_is_told_and_is_exit_code_1() {
    let room = room();
    let run = room.check("kyverno apply policy.yaml --resource pods.yaml", 1, &["exit as there are policy violations"]);
    let told = "policy no-latest -> resource default/Pod/bad failed:\n1 - tag validation error: A tag that can move. rule tag failed at path /spec/containers/0/image/\n";
    assert!(run.out.contains(told), "{run}");
    assert!(run.out.contains("pass: 1, fail: 1, warn: 0, error: 0, skip: 0"), "{run}");
    let run = room.check("kyverno apply policy.yaml -r pods.yaml --audit-warn --warn-exit-code 3", 3, &[]);
    assert!(run.out.contains("pass: 1, fail: 0, warn: 1, error: 0, skip: 0"), "{run}");
}

#[test]
fn a_rule_that_is_not_evaluated_never_passes() {
    let room = room();
    room.file(
        "later.yaml",
        "apiVersion: policies.kyverno.io/v1\nkind: GeneratingPolicy\nmetadata: {name: v}\nspec: {}\n",
    );
    let run = room.check("kyverno apply later.yaml -r pods.yaml", 1, &["exit as there are policy errors"]);
    assert!(run.out.contains("not evaluated: GeneratingPolicy"), "{run}");
}

const CEL: &str = "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: tagged}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n  validations:\n  - expression: object.spec.containers.all(c, !c.image.endsWith(':latest'))\n    message: A tag that can move.\n";

#[test]
fn a_policy_in_cel_is_judged_and_refused_when_it_is_wrong() {
    let room = room();
    room.file("cel.yaml", CEL);
    let run = room.check("kyverno apply cel.yaml -r pods.yaml", 1, &["exit as there are policy violations"]);
    assert!(
        run.out.contains("policy tagged -> resource default/Pod/bad failed:\n1 -  A tag that can move.\n"),
        "{run}"
    );
    assert!(run.out.contains("pass: 1, fail: 1, warn: 0, error: 0, skip: 0"), "{run}");
    room.file("wrong.yaml", &CEL.replace("object.spec", "objet.spec"));
    room.check(
        "kyverno apply wrong.yaml -r pods.yaml",
        1,
        &["wrong.yaml", "undeclared reference to 'objet'", "did you mean `object`?"],
    );
}

#[test]
fn a_suite_compares_what_a_policy_in_cel_changes() {
    let room = room();
    room.file("policy.yaml", "apiVersion: policies.kyverno.io/v1\nkind: MutatingPolicy\nmetadata: {name: label}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n  mutations:\n  - patchType: ApplyConfiguration\n    applyConfiguration: {expression: \"Object{metadata: Object.metadata{labels: {'a': 'b'}}}\"}\n");
    room.file("suite/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {}\n");
    room.file("suite/patched.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: b}}\nspec: {}\n");
    room.file("suite/other.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: c}}\nspec: {}\n");
    let suite = |patched: &str| {
        let text = format!(
            "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {{name: t}}\npolicies: [../policy.yaml]\nresources: [pod.yaml]\nresults:\n- {{policy: label, kind: Pod, resources: [p], result: pass, isMutatingPolicy: true, patchedResources: {patched}}}\n"
        );
        room.file("suite/kyverno-test.yaml", &text);
    };
    suite("patched.yaml");
    room.check("kyverno test suite", 0, &[]);
    suite("other.yaml");
    room.check("kyverno test suite", 1, &["1 tests failed"]);
}

#[test]
fn a_policy_with_a_field_that_nobody_knows_is_refused_with_its_place() {
    let room = room();
    room.file("typo.yaml", &POLICY.replace("pattern:", "patern:"));
    room.check(
        "kyverno apply typo.yaml -r pods.yaml",
        1,
        &["typo.yaml", "line 10, column 7: `validate` has no field `patern`"],
    );
}

#[test]
fn a_suite_passes_or_names_what_differs() {
    let room = room();
    let good = "- {policy: no-latest, rule: tag, kind: Pod, resources: [good], result: pass}\n";
    suite(
        &room,
        &format!("{good}- {{policy: no-latest, rule: tag, kind: Pod, resources: [default/bad], result: fail}}\n"),
    );
    let run = room.check("kyverno test suite", 0, &[]);
    assert!(run.out.contains("Test Summary: 2 tests passed and 0 tests failed"), "{run}");
    suite(&room, &format!("{good}- {{policy: no-latest, rule: tag, kind: Pod, resources: [bad], result: pass}}\n"));
    let run = room.check("kyverno test suite", 1, &["1 tests failed"]);
    assert!(run.out.contains("Want pass, got fail"), "{run}");
}

#[test]
fn an_empty_match_is_no_success() {
    let room = room();
    suite(&room, "- {policy: no-latest, rule: other, kind: Pod, resources: [good], result: pass}\n");
    let run = room.check("kyverno test suite", 1, &[]);
    assert!(run.out.contains("Excluded: want pass"), "{run}");
    room.check("kyverno test suite --require-tests -f none.yaml", 1, &["no tests found"]);
}

#[test]
fn a_suite_with_an_input_that_nobody_reads_is_refused() {
    let room = room();
    suite(&room, "- {policy: no-latest, rule: tag, resources: [good], result: pass}\nresourcez: [a.yaml]\n");
    room.check("kyverno test suite", 1, &["`resourcez`"]);
}

const MUTATE: &str = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: pull}\nspec:\n  rules:\n  - name: always\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    mutate: {patchStrategicMerge: {spec: {containers: [{(image): '*:latest', imagePullPolicy: Always}]}}}\n";

#[test]
fn what_a_rule_makes_is_printed_or_written() {
    let room = room();
    room.file("mutate.yaml", MUTATE);
    let run = room.check("kyverno apply mutate.yaml -r pods.yaml", 0, &[]);
    let made = "policy pull applied to default/Pod/bad:\napiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\n  namespace: default\nspec:\n  containers:\n    - image: nginx:latest\n      imagePullPolicy: Always\n      name: a\n\n---\n";
    assert!(run.out.contains(made), "{run}");
    assert!(!run.out.contains("applied to default/Pod/good"), "{run}");
    assert!(run.out.contains("pass: 1, fail: 0, warn: 0, error: 0, skip: 1"), "{run}");
    room.check("kyverno apply mutate.yaml -r pods.yaml -o made.yaml", 0, &[]);
    room.file("must.yaml", &POLICY.replace("'!*:latest'", "'*'").replace("image: '*'", "imagePullPolicy: Always"));
    room.check("kyverno apply must.yaml -r made.yaml", 0, &[]);
    room.check("kyverno apply must.yaml -r pods.yaml", 1, &["exit as there are policy violations"]);
    room.file("out/keep", "");
    room.check("kyverno apply mutate.yaml -r pods.yaml -o out", 0, &[]);
    room.check("kyverno apply must.yaml -r out/bad-mutated.yaml", 0, &[]);
}

#[test]
fn what_is_made_is_judged_by_the_policies_behind() {
    let room = room();
    room.file("mutate.yaml", &MUTATE.replace("imagePullPolicy: Always", "image: 'nginx:1'"));
    room.check("kyverno apply policy.yaml mutate.yaml -r pods.yaml", 0, &[]);
}

#[test]
fn a_suite_compares_what_a_rule_makes() {
    let room = room();
    room.file("mutate.yaml", MUTATE);
    let suite = |expected: &str, result: &str| {
        room.file("suite/kyverno-test.yaml", &format!("apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {{name: t}}\npolicies: [../mutate.yaml]\nresources: [../pods.yaml]\nresults:\n- {{policy: pull, rule: always, kind: Pod, resources: [bad], patchedResources: patched.yaml, result: {result}}}\n"));
        room.file("suite/patched.yaml", expected);
    };
    let made = "apiVersion: v1\nkind: Pod\nmetadata: {name: bad, labels: {}}\nspec: {containers: [{name: a, image: 'nginx:latest', imagePullPolicy: Always}]}\n";
    suite(made, "pass");
    room.check("kyverno test suite", 0, &[]);
    suite(&made.replace("Always", "Never"), "pass");
    let run = room.check("kyverno test suite", 1, &["1 tests failed"]);
    assert!(run.out.contains("/spec/containers/0/imagePullPolicy"), "{run}");
    suite(&made.replace("Always", "Never"), "fail");
    room.check("kyverno test suite", 0, &[]);
    suite(&made.replace("name: bad", "name: other"), "pass");
    room.check("kyverno test suite", 1, &[]);
}

#[test]
fn targets_are_those_that_are_named() {
    let room = room();
    room.file(
        "existing.yaml",
        &MUTATE.replace("mutate: {", "mutate: {targets: [{apiVersion: v1, kind: Secret, name: s*}], ").replace(
            "{spec: {containers: [{(image): '*:latest', imagePullPolicy: Always}]}}",
            "{metadata: {labels: {a: b}}}",
        ),
    );
    room.file(
        "secrets.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s1}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: t1}\n",
    );
    let run = room.check("kyverno apply existing.yaml -r pods.yaml", 1, &["exit as there are policy errors"]);
    assert!(run.out.contains("the objects v1/Secret `*/s*` is needed and was not given"), "{run}");
    let run = room.check("kyverno apply existing.yaml -r pods.yaml --target-resource secrets.yaml", 0, &[]);
    assert!(
        run.out.contains("patched targets") && run.out.contains("  name: s1") && !run.out.contains("name: t1"),
        "{run}"
    );
}

#[test]
fn images_are_not_verified_by_what_the_object_says_of_itself() {
    let room = room();
    let digest = "1".repeat(64);
    room.file("verify.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: signed}\nspec:\n  rules:\n  - name: keys\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    verifyImages: [{imageReferences: ['ghcr.io/*'], attestors: [{entries: [{keyless: {issuer: 'https://issuer', subject: 'me@*'}}]}]}]\n");
    room.file("signed.yaml", &format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  annotations: {{kyverno.io/verify-images: '{{\"ghcr.io/a@sha256:{digest}\":\"pass\"}}'}}\nspec: {{containers: [{{name: a, image: 'ghcr.io/a@sha256:{digest}'}}]}}\n"));
    let run = room.check("kyverno apply verify.yaml -r signed.yaml", 1, &["exit as there are policy errors"]);
    assert!(run.out.contains("the signatures of `ghcr.io/a@sha256:1111"), "{run}");
    room.file("none.yaml", &POD.replace("nginx", "docker.io/nginx"));
    let run = room.check("kyverno apply verify.yaml -r none.yaml", 0, &[]);
    assert!(run.out.contains("pass: 0, fail: 0, warn: 0, error: 0, skip: 0"), "{run}");
}

#[test]
fn a_suite_compares_what_should_be_there() {
    let room = room();
    room.file("generate.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: quota}\nspec:\n  rules:\n  - name: copy\n    match: {any: [{resources: {kinds: [Namespace]}}]}\n    generate: {apiVersion: v1, kind: Secret, name: t, namespace: '{{ request.object.metadata.name }}', synchronize: true, clone: {name: s, namespace: from}}\n");
    room.file("suite/ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: 'n'}\n");
    room.file(
        "suite/source.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: from}\ndata: {a: b}\n",
    );
    room.file("suite/kyverno-test.yaml", "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {name: t}\npolicies: [../generate.yaml]\nresources: [ns.yaml]\nresults:\n- {policy: quota, rule: copy, kind: Namespace, resources: ['n'], cloneSourceResource: source.yaml, generatedResource: made.yaml, result: pass}\n");
    room.file("suite/made.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: t, namespace: 'n'}\ndata: {a: b}\n");
    room.check("kyverno test suite", 0, &[]);
    room.file("suite/made.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: t, namespace: 'n'}\ndata: {a: c}\n");
    let run = room.check("kyverno test suite", 1, &["1 tests failed"]);
    assert!(run.out.contains("/data/a"), "{run}");
}
