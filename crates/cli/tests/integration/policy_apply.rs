//! `signet policy apply` and `policy test` on files.

use crate::harness::Room;

const NO_LATEST: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: no-latest}
spec:
  validationFailureAction: Enforce
  rules:
  - name: tag
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: a tag is needed, pattern: {spec: {containers: [{image: '!*:latest'}]}}}
";
const AUDIT: &str = "apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: team}
spec:
  validationActions: [Audit]
  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: \"has(object.metadata.labels) && 'team' in object.metadata.labels\", message: no team}]
";

fn pod(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: 'r.example.com/a:{tag}'}}]}}\n"
    )
}

#[test]
fn resources_are_admitted_or_refused_with_the_place_of_the_reason() {
    let room = Room::new();
    room.file("policies/tag.yaml", NO_LATEST);
    room.file("policies/deep/team.yaml", AUDIT);
    room.file("k8s/good.yaml", &pod("good", "1"));
    room.file("k8s/all.yaml", &format!("# a comment\n---\n{}---\n{}", pod("bad", "latest"), pod("fine", "2")));
    let run = room.check(
        "--offline policy apply policies -r k8s",
        10,
        &[
            "refused: Pod default/bad (k8s/all.yaml:3)",
            "  refused by no-latest/tag (policies/tag.yaml:7)",
            "a tag is needed",
            "admitted: Pod default/good (k8s/good.yaml:1)",
            "  audited by team (policies/deep/team.yaml:1)",
            "3 resources: 2 admitted, 1 refused, by 2 policies",
        ],
    );
    assert!(!run.out.contains("pass"), "{run}");
    room.check("--offline policy apply policies -r k8s --detailed", 10, &["pass no-latest/tag"]);
    room.check("--offline policy apply policies -r k8s/good.yaml", 0, &["1 admitted, 0 refused"]);
    room.check("--offline policy apply policies -r k8s/good.yaml --as-enforced", 10, &["refused by team"]);
    room.check("--offline policy apply policies -r k8s/all.yaml --operation delete", 0, &["2 admitted"]);

    let report = room.check("--offline policy apply policies -r k8s -o json", 10, &[]);
    let report: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    let bad = report["resources"].as_array().unwrap().iter().find(|found| found["name"] == "bad").unwrap();
    assert_eq!(bad["decision"]["allowed"], false);
    let reasons = bad["decision"]["reasons"].as_array().unwrap();
    let denies: Vec<_> = reasons.iter().filter(|reason| reason["consequence"] == "denies").collect();
    assert_eq!((denies.len(), &denies[0]["file"]), (1, &"policies/tag.yaml".into()));
    assert_eq!(report["policies"], bad["decision"]["policies"]);
}

#[test]
fn a_gate_with_half_of_its_policies_is_none() {
    let room = Room::new();
    room.file("good.yaml", NO_LATEST);
    room.file("pod.yaml", &pod("p", "1"));
    room.file("bad.yaml", &NO_LATEST.replace("pattern:", "patern:"));
    room.check("policy apply good.yaml bad.yaml -r pod.yaml", 1, &["bad.yaml", "patern"]);
    room.file("odd.yaml", "apiVersion: kyverno.io/v1\nkind: ClusterPolice\nmetadata: {name: x}\n");
    room.check("policy apply good.yaml odd.yaml -r pod.yaml", 1, &["odd.yaml", "ClusterPolice"]);
    room.check("policy apply pod.yaml -r pod.yaml", 1, &["no policy", "everything would be admitted"]);
    room.check("policy apply good.yaml nosuch -r pod.yaml", 1, &["nosuch"]);
    room.file("none.yaml", "a: 1\n");
    room.check("policy apply good.yaml -r none.yaml", 3, &["no resource"]);
    room.check("policy apply good.yaml", 2, &["--resource"]);
    // A policy of Kubernetes needs no binding here.
    room.file(
        "vap.yaml",
        "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: none}\nspec:\n  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n  validations: [{expression: 'false', message: no pods}]\n",
    );
    room.check("--offline policy apply vap.yaml -r pod.yaml", 10, &["no pods"]);
}

#[test]
fn what_is_not_known_refuses() {
    let room = Room::new();
    room.file(
        "signed.yaml",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: signed}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: s\n    match: {any: [{resources: {kinds: [Pod]}}]}\n    verifyImages:\n    - imageReferences: ['*']\n      attestors: [{entries: [{keyless: {issuer: i, subject: s}}]}]\n",
    );
    room.file("pod.yaml", &pod("p", "1"));
    room.check("--offline policy apply signed.yaml -r pod.yaml", 10, &["refused by signed/s", "offline"]);
}

#[test]
fn who_asks_decides_where_a_policy_asks_that() {
    let room = Room::new();
    let rule = |filters: &str| NO_LATEST.replace("match: {any: [{resources: {kinds: [Pod]}}]}", filters);
    room.file("pod.yaml", &pod("p", "latest"));
    room.file("eve.yaml", &rule("match: {any: [{subjects: [{kind: User, name: eve}]}]}"));
    room.check("--offline policy apply eve.yaml -r pod.yaml", 10, &["nobody said who does"]);
    room.check(
        "--offline policy apply eve.yaml -r pod.yaml --user anna",
        0,
        &["1 resource: 1 admitted", "by 1 policy"],
    );
    room.check("--offline policy apply eve.yaml -r pod.yaml --user eve", 10, &["a tag is needed"]);
    room.file("edit.yaml", &rule("match: {any: [{resources: {kinds: [Pod]}, clusterRoles: [edit]}]}"));
    room.check("--offline policy apply edit.yaml -r pod.yaml --user eve", 10, &["a tag is needed"]);
    room.check("--offline policy apply edit.yaml -r pod.yaml --user eve --cluster-role view", 0, &[]);
    room.check("--offline policy apply edit.yaml -r pod.yaml --user eve --cluster-role edit", 10, &[]);
    room.check("--offline policy apply edit.yaml -r pod.yaml --user eve --role d:x", 0, &[]);
}

/// CVE-2024-48921: exceptions count in namespaces that somebody chose.
#[test]
fn exceptions_count_where_they_are_allowed() {
    let room = Room::new();
    room.file("p/tag.yaml", NO_LATEST);
    room.file(
        "p/exception.yaml",
        "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: e, namespace: theirs}\nspec:\n  exceptions: [{policyName: no-latest, ruleNames: [tag]}]\n  match: {any: [{resources: {kinds: [Pod]}}]}\n",
    );
    room.file("pod.yaml", &pod("p", "latest"));
    let run = room.check("--offline policy apply p -r pod.yaml", 10, &["refused by no-latest/tag"]);
    assert!(run.talk.contains("PolicyException `theirs/e` excepts nothing"), "{run}");
    room.check("--offline policy apply p -r pod.yaml --exception-namespace ours", 10, &[]);
    let run = room.check("--offline policy apply p -r pod.yaml --exception-namespace theirs", 0, &[]);
    assert!(!run.talk.contains("excepts nothing"), "{run}");
    room.check("--offline policy apply p -r pod.yaml --exception-namespace '*'", 0, &[]);
}

#[cfg(unix)]
#[test]
fn a_link_among_policies_is_followed_or_an_error() {
    use std::os::unix::fs::symlink;
    let room = Room::new();
    room.file("p/team.yaml", AUDIT);
    room.file("elsewhere/tag.yaml", NO_LATEST);
    room.file("pod.yaml", &pod("p", "latest"));
    room.check("--offline policy apply p -r pod.yaml", 0, &["by 1 policy"]);
    // The same file under two names is one policy.
    symlink(room.path("p/team.yaml"), room.path("p/same.yaml")).unwrap();
    room.check("--offline policy apply p -r pod.yaml", 0, &["by 1 policy"]);
    symlink(room.path("elsewhere/tag.yaml"), room.path("p/tag.yaml")).unwrap();
    room.check("--offline policy apply p -r pod.yaml", 10, &["refused by no-latest/tag"]);
    symlink(room.path("nowhere.yaml"), room.path("p/gone.yaml")).unwrap();
    room.check("--offline policy apply p -r pod.yaml", 1, &["gone.yaml", "leads nowhere"]);
    room.check("policy lint p", 1, &["gone.yaml", "leads nowhere"]);
    std::fs::remove_file(room.path("p/gone.yaml")).unwrap();
    symlink(room.path("elsewhere"), room.path("p/folder")).unwrap();
    room.check("--offline policy apply p -r pod.yaml", 1, &["p/folder", "leads to a directory"]);
}

#[test]
fn suites_are_run() {
    let room = Room::new();
    room.file("t/policy.yaml", NO_LATEST);
    room.file("t/pod.yaml", &pod("p", "1"));
    let suite = |result: &str| {
        format!(
            "apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\nmetadata: {{name: t}}\npolicies: [policy.yaml]\nresources: [pod.yaml]\nresults: [{{policy: no-latest, rule: tag, resources: [p], kind: Pod, result: {result}}}]\n"
        )
    };
    room.file("t/kyverno-test.yaml", &suite("pass"));
    room.check("policy test t", 0, &["Pass"]);
    room.file("t/kyverno-test.yaml", &suite("fail"));
    room.check("policy test t", 1, &[]);
    room.file("empty/a.yaml", "a: 1\n");
    room.check("policy test empty", 1, &["no tests found"]);
}

#[test]
fn reports_are_those_of_a_cluster() {
    let room = Room::new();
    room.file(
        "policies/tag.yaml",
        &NO_LATEST.replace("{name: no-latest}", "{name: no-latest, annotations: {policies.kyverno.io/severity: high}}"),
    );
    room.file("policies/team.yaml", AUDIT);
    room.file("k8s/all.yaml", &format!("{}---\n{}", pod("bad", "latest"), pod("fine", "2")));
    room.file("k8s/node.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n");
    let run = room.check("--offline policy apply policies -r k8s --policy-report", 10, &["3 resources: 2 admitted"]);
    let documents = signet_yaml::parse(&run.out, &signet_yaml::Limits::default()).unwrap();
    assert_eq!(documents.len(), 2, "of what no rule is about there is no report: {run}");
    let report = signet_yaml::to_json(&documents[0].root);
    assert_eq!(
        (report["apiVersion"].as_str(), report["kind"].as_str()),
        (Some("wgpolicyk8s.io/v1alpha2"), Some("PolicyReport"))
    );
    assert_eq!((report["scope"]["name"].as_str(), report["summary"]["fail"].as_u64()), (Some("bad"), Some(2)));
    let result = &report["results"][0];
    assert_eq!((result["policy"].as_str(), result["rule"].as_str()), (Some("no-latest"), Some("tag")));
    assert_eq!((result["severity"].as_str(), result["source"].as_str()), (Some("high"), Some("kyverno")));
    assert_eq!(result["properties"]["consequence"], "denies");
    assert_eq!(report["results"][1]["source"], "KyvernoValidatingPolicy");

    let run = room.check("--offline policy apply policies -r k8s --policy-report=openreports -o json", 10, &[]);
    let list: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let kinds: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|report| report["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Report", "Report"]);
    assert_eq!(list["items"][0]["source"], "signet");
    room.check("--offline policy apply policies -r k8s --policy-report=else", 2, &["policyreports, openreports"]);
}
