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
        "cel.yaml",
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: v}\nspec: {}\n",
    );
    let run = room.check("kyverno apply cel.yaml -r pods.yaml", 1, &["exit as there are policy errors"]);
    assert!(run.out.contains("not evaluated: ValidatingPolicy"), "{run}");
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
