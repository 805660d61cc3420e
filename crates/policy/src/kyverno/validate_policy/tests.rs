//! Policies that may be made, and others that may not.

use serde_json::json;
use signet_yaml::{Limits, parse, to_json};

use super::*;

fn policy(spec: &str) -> Value {
    let documents = parse(&format!("metadata: {{name: p}}\nspec: {spec}"), &Limits::default()).expect("YAML");
    to_json(&documents[0].root)
}

#[track_caller]
fn check(spec: &str, want: &str) {
    match validate(&policy(spec), None) {
        Ok(_) => assert_eq!(want, "", "allowed: {spec}"),
        Err(err) => assert!(!want.is_empty() && err.contains(want), "{spec}: {err}"),
    }
}

const PODS: &str = "match: {any: [{resources: {kinds: [Pod]}}]}";

#[test]
fn scans_know_no_users() {
    check(
        "{rules: [{name: a, match: {any: [{resources: {kinds: [Pod]}, roles: [x]}]}, validate: {pattern: {}}}]}",
        "spec/rules[0]/match/any[0]/roles",
    );
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, validate: {{message: '{{{{ request.userInfo.username }}}}', pattern: {{}}}}}}]}}"
        ),
        "background mode",
    );
    check(
        &format!(
            "{{background: false, rules: [{{name: a, {PODS}, validate: {{message: '{{{{ request.userInfo.username }}}}', pattern: {{}}}}}}]}}"
        ),
        "",
    );
}

#[test]
fn variables_stand_where_they_are_replaced_and_are_declared() {
    check(
        "{rules: [{name: a, match: {any: [{resources: {kinds: [Pod], names: ['{{ request.name }}']}}]}, validate: {pattern: {}}}]}",
        "variables in match section",
    );
    check(
        &format!("{{rules: [{{name: a, {PODS}, validate: {{message: '{{{{ nobody }}}}', pattern: {{}}}}}}]}}"),
        "nobody",
    );
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, context: [{{name: somebody, variable: {{value: 1}}}}], validate: {{message: '{{{{ somebody }}}}', pattern: {{}}}}}}]}}"
        ),
        "",
    );
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, validate: {{message: '{{{{ element.name }}}} {{{{ to_upper(@) }}}}', pattern: {{}}}}}}]}}"
        ),
        "",
    );
}

#[test]
fn modes_and_names_are_checked() {
    check(
        &format!("{{admission: false, background: false, rules: [{{name: a, {PODS}, validate: {{pattern: {{}}}}}}]}}"),
        "disabling both",
    );
    check(
        &format!("{{admission: false, rules: [{{name: a, {PODS}, mutate: {{patchStrategicMerge: {{}}}}}}]}}"),
        "only allowed with validation",
    );
    check(&format!("{{rules: [{{name: a, {PODS}}}, {{name: a, {PODS}}}]}}"), "Duplicate rule name");
    check(
        "{validationFailureActionOverrides: [{action: Enforce, namespaces: [a]}, {action: Audit, namespaces: ['*']}]}",
        "wildcard pattern '*' matches with namespace 'a'",
    );
}

#[test]
fn wildcards_stand_alone_and_outside_of_scans() {
    let all = "match: {any: [{resources: {kinds: ['*']}}]}";
    check(&format!("{{rules: [{{name: a, {all}, validate: {{deny: {{}}}}}}]}}"), "not allowed in background mode");
    check(&format!("{{background: false, rules: [{{name: a, {all}, validate: {{deny: {{}}}}}}]}}"), "");
    check(
        &format!("{{background: false, rules: [{{name: a, {all}, validate: {{pattern: {{spec: {{}}}}}}}}]}}"),
        "metadata field",
    );
    check(
        "{rules: [{name: a, match: {any: [{resources: {kinds: [Pod/exec]}}]}, validate: {deny: {}}}]}",
        "subresource Pod/exec",
    );
}

#[test]
fn conditions_contexts_and_patches_are_whole() {
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, preconditions: {{all: [{{key: '{{{{request.operation}}}}', operator: Equals, value: MAKE}}]}}, validate: {{pattern: {{}}}}}}]}}"
        ),
        "unknown value 'MAKE'",
    );
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, preconditions: {{all: [{{key: a, operator: Same, value: b}}]}}, validate: {{pattern: {{}}}}}}]}}"
        ),
        "`operator` is invalid",
    );
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, context: [{{name: element.x, variable: {{value: 1}}}}], validate: {{pattern: {{}}}}}}]}}"
        ),
        "conflicts with a pre-defined variable",
    );
    check(
        &format!(
            "{{rules: [{{name: a, {PODS}, mutate: {{patchesJson6902: '[{{op: add, path: metadata/labels/a, value: b}}]'}}}}]}}"
        ),
        "forward slash",
    );
    check(
        &format!("{{rules: [{{name: a, {PODS}, validate: {{pattern: {{metadata: {{labels: {{a: 1}}}}}}}}}}]}}"),
        "only string values",
    );
    check(
        "{rules: [{name: a, match: {any: [{resources: {kinds: [Pod]}}], resources: {kinds: [Pod]}}, validate: {pattern: {}}}]}",
        "any/all together",
    );
}

#[test]
fn what_a_rule_keeps_up_to_date_stays_what_it_is() {
    let rule = |kind: &str| {
        policy(&format!(
            "{{rules: [{{name: a, {PODS}, generate: {{kind: {kind}, name: x, synchronize: true, data: {{}}}}}}]}}"
        ))
    };
    assert!(validate(&rule("Secret"), Some(&rule("ConfigMap"))).is_err());
    assert_eq!(validate(&rule("Secret"), Some(&rule("Secret"))), Ok(Vec::new()));
}

#[test]
fn old_words_are_warned_of() {
    let found = validate(
        &policy(&format!(
            "{{validationFailureAction: enforce, rules: [{{name: a, {PODS}, validate: {{deny: {{conditions: [{{key: a, operator: In, value: [b]}}]}}}}}}]}}"
        )),
        None,
    );
    assert_eq!(found.map(|found| found.len()), Ok(2));
    assert_eq!(validate(&json!({}), None), Ok(Vec::new()));
}
