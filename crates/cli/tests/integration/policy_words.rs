//! `signet policy explain` and `signet policy convert` on files.

use crate::harness::Room;

const LABELS: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: require-team}
spec:
  validationFailureAction: Audit
  rules:
    - name: team
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        message: "each Pod has a team"
        pattern: {metadata: {labels: {team: "?*"}}}
"#;

#[test]
fn policies_are_told_in_words() {
    let room = Room::new();
    room.file("policies/team.yaml", LABELS);
    room.file("policies/pod.yaml", "apiVersion: v1\nkind: Pod\n");
    room.check(
        "policy explain policies",
        0,
        &[
            "ClusterPolicy `require-team` (policies/team.yaml:1)",
            "  - what fails is reported, and admitted",
            "Rule `team` (policies/team.yaml:7)",
            "    - `metadata.labels.team` must hold at least one letter",
        ],
    );
    let report = room.check("policy explain policies -o json", 0, &[]);
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["policies"][0]["paragraphs"][1]["heading"], "Rule `team`");
    room.check("policy explain policies/pod.yaml", 3, &[]);
    room.file("broken/a.yaml", "a: [\n");
    room.check("policy explain broken", 13, &["not read", "broken/a.yaml"]);
    room.check("policy explain broken --allow-incomplete", 3, &[]);
}

#[test]
fn a_policy_becomes_policies_in_cel_that_refuse_the_same() {
    let room = Room::new();
    room.file("team.yaml", LABELS);
    room.file(
        "pods.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a, labels: {team: x}}}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n",
    );
    let run = room.check(
        "policy convert team.yaml --resource pods.yaml",
        0,
        &[
            "kind: ValidatingPolicy",
            "name: require-team",
            "name: require-team-autogen-cronjob-team",
            "1 policies became 3 in CEL",
            "both forms agree on 2 resources, made, changed and deleted (6 requests)",
        ],
    );
    // What was written is what Kyverno reads.
    room.file("cel.yaml", &run.out);
    room.check("policy lint team.yaml", 0, &[]);
    room.check("policy explain cel.yaml", 0, &["ValidatingPolicy `require-team`", "What must hold"]);
    room.check("policy convert team.yaml -o made.yaml", 0, &["became 3"]);
    assert_eq!(std::fs::read_to_string(room.path("made.yaml")).unwrap(), run.out);

    room.file("amount.yaml", &LABELS.replace("?*", ">=2"));
    room.check("policy convert amount.yaml", 1, &["amount.yaml:11:", "compared as an amount", "nothing is converted"]);
    room.check("policy convert pods.yaml", 3, &["holds no ClusterPolicy"]);
}
