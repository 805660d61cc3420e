//! `signet policy lint` on files.

use crate::harness::Room;

const LATEST: &str = r#"apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: block-latest-tag}
spec:
  validationFailureAction: Enforce
  rules:
    - name: no-latest
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        message: "no"
        foreach:
          - list: "request.object.spec.containers"
            deny:
              conditions:
                any:
                  - key: "{{ element.image }}"
                    operator: EndsWith
                    value: ":latest"
"#;

#[test]
fn policies_are_told_what_they_do_not_do() {
    let room = Room::new();
    room.file("policies/latest.yaml", LATEST);
    room.file("policies/pod.yaml", "apiVersion: v1\nkind: Pod\n");
    let run = room.check(
        "policy lint policies",
        11,
        &[
            "policies/latest.yaml:10:9: warning: only `containers` are looked at",
            "[containers-only]",
            "[image-volumes]",
            "policies/latest.yaml:17:31: note: Kyverno has no operator `EndsWith`",
            "policies/latest.yaml:18:28: warning: `latest` is refused where it is written",
            "1 policies: 0 errors, 3 warnings, 1 notes",
        ],
    );
    assert!(!run.out.contains("pod.yaml"), "{run}");
    let report =
        room.check("policy lint policies -o json --skip containers-only,image-volumes,untagged", 0, &["1 notes"]);
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["remarks"][0]["check"], "not-kyverno");
    assert_eq!(report["remarks"].as_array().unwrap().len(), 1);

    room.file("bad/a.yaml", &LATEST.replace("foreach:", "foreech:"));
    room.check("policy lint bad", 1, &["bad/a.yaml", "error:", "foreech", "[invalid]"]);
    room.file(
        "trust/a.yaml",
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {name: x}\nspec: {modes: enforce}\n",
    );
    room.check("policy lint trust", 1, &["trust/a.yaml:4", "modes", "[invalid]"]);
    room.file("other/a.yaml", "a: [\n");
    room.check("policy lint other", 13, &["not read", "other/a.yaml"]);
    room.check("policy lint other --allow-incomplete", 3, &["0 policies"]);
    room.check("policy lint nosuch", 1, &["nosuch"]);
    room.check("policy lint policies --skip nosuch", 2, &["no such check"]);
    room.check("policy lint --list", 0, &["unanchored-regexp", "missing-slash"]);
}
