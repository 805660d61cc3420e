//! The pipelines under `deploy/`: they parse, pin what they use, and give each job no more than it needs.

use std::path::{Path, PathBuf};

use serde_json::Value;
use signet_yaml::{Limits, Node};

use crate::harness::Room;

fn read(path: &str) -> (String, Vec<Node>) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let documents =
        signet_yaml::parse(&text, &Limits::default()).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    (text, documents.into_iter().map(|document| document.root).collect())
}

/// Jobs of a workflow by name.
fn jobs(root: &Node) -> Vec<(String, &Node)> {
    let jobs = root.get("jobs").and_then(Node::as_map).unwrap();
    jobs.iter().map(|(name, job)| (name.as_str().unwrap().to_owned(), job)).collect()
}

fn permissions(node: &Node) -> Vec<String> {
    let members = node.get("permissions").and_then(Node::as_map).expect("each job says its permissions");
    members.iter().map(|(name, value)| format!("{}: {}", name.as_str().unwrap(), value.as_str().unwrap())).collect()
}

fn steps(job: &Node) -> Vec<&Node> {
    job.get("steps").and_then(Node::as_seq).map(|steps| steps.iter().collect()).unwrap_or_default()
}

/// A job and the permissions that it has.
type Permissions = (&'static str, &'static [&'static str]);

#[test]
fn workflows_pin_what_they_use_and_hold_what_they_need() {
    let wanted: [(&str, &[Permissions]); 2] = [
        (".github/workflows/attest.yml", &[("attest", &["id-token: write", "packages: write"])]),
        (
            "example.yml",
            &[("build", &["contents: read", "packages: write"]), ("attest", &["id-token: write", "packages: write"])],
        ),
    ];
    for (file, expected) in wanted {
        let (_, documents) = read(&format!("github/{file}"));
        let root = documents.first().unwrap();
        assert!(permissions(root).is_empty(), "{file}: nothing is allowed unless a job says so");
        let jobs = jobs(root);
        assert_eq!(jobs.len(), expected.len(), "{file}");
        for ((name, job), (wanted, allowed)) in jobs.iter().zip(expected) {
            assert_eq!(
                (name.as_str(), permissions(job)),
                (*wanted, allowed.iter().map(|text| (*text).to_owned()).collect()),
                "{file}"
            );
            let used = steps(job)
                .into_iter()
                .chain([*job])
                .filter_map(|node| node.get("uses"))
                .map(|uses| uses.as_str().unwrap());
            for uses in used {
                let commit = uses.rsplit_once('@').unwrap().1;
                assert!(
                    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{file}: `{uses}` can move"
                );
            }
            for step in steps(job) {
                let script = step.get("run").and_then(Node::as_str).unwrap_or_default();
                assert!(!script.contains("${{"), "{file}: a value becomes part of a script: {script}");
                assert!(script.is_empty() || script.contains("set -euo pipefail"), "{file}: {script}");
            }
        }
    }
}

/// The isolation that level 3 rests on: who holds the identity runs nothing of the build, and who builds holds no identity.
#[test]
fn who_signs_does_not_build() {
    let (text, documents) = read("github/.github/workflows/attest.yml");
    assert!(!text.contains("checkout") && !text.contains("docker build") && !text.contains("self-hosted"));
    let (_, job) = jobs(documents.first().unwrap()).remove(0);
    assert!(steps(job).iter().all(|step| step.get("uses").is_none()), "the signing job runs no action of others");
    let scripts: String = steps(job).iter().filter_map(|step| step.get("run")?.as_str()).collect();
    assert!(scripts.contains("signet\" attest --provenance --yes \"$IMAGE@$DIGEST\""));
    for checked in ["$IMAGE", "$DIGEST", "$SIGNET_SHA256", "$SIGNET_URL"] {
        assert!(scripts.contains(&format!("[[ \"{checked}\" =~ ")), "{checked} is not checked for its form");
    }
    assert!(scripts.contains("sha256sum --check --strict"));
    let (_, documents) = read("github/example.yml");
    let jobs = jobs(documents.first().unwrap());
    let (_, build) = jobs.iter().find(|(name, _)| name == "build").unwrap();
    assert!(!permissions(build).iter().any(|permission| permission.starts_with("id-token")));
}

#[test]
fn the_template_of_gitlab_holds_one_token_and_no_code() {
    let (_, documents) = read("gitlab/attest.gitlab-ci.yml");
    let [spec, jobs] = documents.as_slice() else { panic!("a header and a body") };
    assert!(spec.path(&["spec", "inputs", "signet-image", "regex"]).unwrap().as_str().unwrap().contains("@sha256:"));
    let job = jobs.get("attest").unwrap();
    assert_eq!(jobs.as_map().unwrap().len(), 1);
    assert_eq!(job.path(&["variables", "GIT_STRATEGY"]).and_then(Node::as_str), Some("none"));
    let tokens = job.get("id_tokens").and_then(Node::as_map).unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(job.path(&["id_tokens", "SIGSTORE_ID_TOKEN", "aud"]).and_then(Node::as_str), Some("sigstore"));
    let script: Vec<&str> =
        job.get("script").and_then(Node::as_seq).unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(script.iter().all(|line| !line.contains("$[[")), "an input becomes part of a script");
    assert!(script.last().unwrap().contains("signet attest --provenance --yes \"$IMAGE@$DIGEST\""));
}

/// The manifests of the webhook: pinned, without rights, watched in both calls alike, and with a policy that can be read.
#[test]
fn the_webhooks_manifests_hold_what_they_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes");
    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let documents = signet_yaml::parse(&text, &Limits::default()).unwrap();
        documents.iter().map(|document| signet_yaml::to_json(&document.root)).collect()
    };
    let room = Room::new();
    let documents = read("webhook.yaml");
    room.file("webhook.yaml", &std::fs::read_to_string(folder.join("webhook.yaml")).unwrap());
    room.check("pin --check webhook.yaml", 0, &[]);
    let of = |kind: &str| documents.iter().find(|document| document["kind"] == kind).unwrap();
    let pod = &of("Deployment")["spec"]["template"]["spec"];
    assert_eq!(of("Deployment")["spec"]["replicas"], 3);
    assert_eq!(pod["serviceAccountName"], "signet-admission");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let container = &pod["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert_eq!(of("PodDisruptionBudget")["spec"]["minAvailable"], 2);
    // The leader makes the webhook configurations, of the policies that there are.
    assert!(!documents.iter().any(|document| document["kind"].as_str().unwrap().ends_with("WebhookConfiguration")));
    // The flags are the program's.
    let mut line: Vec<&str> = container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    line.push("--help");
    room.check(&line.join(" "), 0, &["--kubeconfig"]);
    let policies = read("policies.yaml");
    assert_eq!(policies[0]["kind"], "TrustPolicy");
    room.file("policies.yaml", &std::fs::read_to_string(folder.join("policies.yaml")).unwrap());
    room.check("policy lint policies.yaml", 0, &["0 errors, 0 warnings"]);
    let crd = &read("crds.yaml")[0];
    assert_eq!(crd["metadata"]["name"], "trustpolicies.signet.dev");
    assert_eq!(crd["spec"]["versions"][0]["name"], "v1");
}

/// The account may do what the program names, and nothing else; each right says what for.
#[test]
fn the_rights_of_the_webhook_are_those_that_the_program_names() {
    use std::collections::BTreeSet;

    use signet_kube::rights::{Scope, report_rights, rights};
    for (file, expected) in [("kubernetes/rbac.yaml", rights()), ("kubernetes/reports.yaml", report_rights())] {
        let (text, documents) = read(file);
        let documents: Vec<Value> = documents.iter().map(signet_yaml::to_json).collect();
        let list = |rule: &Value, key: &str| -> Vec<String> {
            rule[key].as_array().into_iter().flatten().map(|entry| entry.as_str().unwrap().to_owned()).collect()
        };
        let mut given = BTreeSet::new();
        for (kind, scope) in [("ClusterRole", Scope::Cluster), ("Role", Scope::Own)] {
            let Some(role) = documents.iter().find(|document| document["kind"] == kind) else { continue };
            for rule in role["rules"].as_array().unwrap() {
                for (group, resource) in list(rule, "apiGroups")
                    .iter()
                    .flat_map(|group| list(rule, "resources").into_iter().map(move |of| (group.clone(), of)))
                {
                    assert!(given.insert((scope, group, resource, list(rule, "verbs"), list(rule, "resourceNames"))));
                }
            }
        }
        let named: BTreeSet<_> = expected
            .iter()
            .map(|right| {
                let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
                (right.scope, right.group.to_owned(), right.resource.to_owned(), texts(right.verbs), texts(right.names))
            })
            .collect();
        assert_eq!(given, named, "{file}");
        for right in &expected {
            let why = right.why.get(1..).unwrap();
            assert!(text.contains(why), "`{}` is not explained: {}", right.resource, right.why);
        }
        let subjects = documents.iter().filter_map(|document| document["subjects"].as_array()).flatten();
        assert!(
            subjects
                .into_iter()
                .all(|subject| subject["name"] == "signet-admission" && subject["namespace"] == "signet-system")
        );
    }
}
