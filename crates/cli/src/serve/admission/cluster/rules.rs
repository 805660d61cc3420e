//! Which requests an API server must ask about: those that a policy may be about, of all kinds that it serves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use signet_admission::{Request, ReviewLimits, runs_images};
use signet_kube::{Discovery, Rule, Served};

use super::broken::Guarded;

/// Groups that are never asked about: who leads would hang on who leads, and whoever asks whether he may would be asked first.
const NEVER: [&str; 4] =
    ["coordination.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "admissionregistration.k8s.io"];
/// Subresources that are connected to.
const CONNECTED: [&str; 4] = ["exec", "attach", "portforward", "proxy"];

/// The operations that a kind can be asked for with.
fn operations(served: &Served) -> Vec<&'static str> {
    if CONNECTED.contains(&served.subresource.as_str()) {
        return vec!["CONNECT"];
    }
    let may = |verbs: &[&str]| served.verbs.iter().any(|verb| verbs.contains(&verb.as_str()));
    [("CREATE", &["create"][..]), ("UPDATE", &["update", "patch"]), ("DELETE", &["delete", "deletecollection"])]
        .into_iter()
        .filter(|(_, verbs)| may(verbs))
        .map(|(operation, _)| operation)
        .collect()
}

/// A request of this kind that says nothing else.
fn request(served: &Served, operation: &str) -> Option<Request> {
    let (group, version, kind) = &served.kind;
    let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
    let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
    let (new, old) = match operation {
        "DELETE" => (Value::Null, object),
        "UPDATE" => (object.clone(), object),
        _ => (object, Value::Null),
    };
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "rules", "operation": operation, "name": "x",
            "namespace": if served.namespaced { "x" } else { "" },
            "kind": {"group": group, "version": version, "kind": kind},
            "resource": {"group": served.group, "version": served.version, "resource": served.plural},
            "subResource": served.subresource, "object": new, "oldObject": old,
        },
    });
    Request::parse(review.to_string().as_bytes(), &ReviewLimits::default()).ok()
}

/// The rules for these policies. Without any policy there are none, but where gates share a list of what is blocked (`stops`): that is about images
/// whatever policies there are.
pub(super) fn rules(engine: &Guarded, discovery: &Discovery, stops: bool) -> Vec<Rule> {
    use signet_admission::Engine as _;
    if engine.policies() == 0 && !stops {
        return Vec::new();
    }
    // Group, version and operations to resources.
    let mut found: BTreeMap<(String, String, Vec<String>), BTreeSet<String>> = BTreeMap::new();
    for served in discovery.served.iter().filter(|served| !NEVER.contains(&served.group.as_str())) {
        let concerns = |operation: &&&str| match request(served, operation) {
            Some(request) => engine.concerns(&request) || (stops && runs_images(&request)),
            // What cannot be imagined is asked about.
            None => true,
        };
        let asked: Vec<String> =
            operations(served).iter().filter(concerns).map(|operation| (*operation).to_owned()).collect();
        if asked.is_empty() {
            continue;
        }
        let resource = match served.subresource.as_str() {
            "" => served.plural.clone(),
            part => format!("{}/{part}", served.plural),
        };
        found.entry((served.group.clone(), served.version.clone(), asked)).or_default().insert(resource);
    }
    let mut rules: Vec<Rule> = found
        .into_iter()
        .map(|((group, version, operations), resources)| Rule {
            group,
            versions: vec![version],
            resources: resources.into_iter().collect(),
            operations,
        })
        .collect();
    // Whose kinds cannot be read now has nothing stored now either; when it comes back it is asked about already.
    let unread: BTreeSet<&(String, String)> =
        discovery.unread.iter().filter(|(group, _)| !NEVER.contains(&group.as_str())).collect();
    rules.extend(unread.into_iter().map(|(group, version)| Rule {
        group: group.clone(),
        versions: vec![version.clone()],
        resources: vec!["*/*".to_owned()],
        operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"].map(str::to_owned).to_vec(),
    }));
    rules
}

#[cfg(test)]
mod tests {
    use signet_kube::Document;

    use super::super::super::files::Policies;
    use super::super::documents::{Good, build};
    use super::*;

    fn served(group: &str, plural: &str, kind: &str, subresource: &str) -> Served {
        Served {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
            subresource: subresource.into(),
            kind: (group.into(), "v1".into(), kind.into()),
            namespaced: true,
            verbs: if subresource.is_empty() {
                vec!["create".into(), "update".into(), "delete".into(), "list".into()]
            } else {
                vec!["create".into(), "update".into()]
            },
        }
    }

    fn discovery() -> Discovery {
        Discovery {
            served: vec![
                served("", "pods", "Pod", ""),
                served("", "pods", "Pod", "ephemeralcontainers"),
                served("", "pods", "PodExecOptions", "exec"),
                served("", "pods", "Pod", "status"),
                served("", "services", "Service", ""),
                served("apps", "deployments", "Deployment", ""),
                served("coordination.k8s.io", "leases", "Lease", ""),
                served("authentication.k8s.io", "tokenreviews", "TokenReview", ""),
            ],
            unread: Vec::new(),
        }
    }

    #[track_caller]
    fn check(document: Value, expected: &[&str]) {
        let name = format!("{}/a", document["kind"].as_str().unwrap());
        let built =
            build(&mut Policies::new(Vec::new(), Vec::new()), &[Document { name, object: document }], &mut Good::new())
                .unwrap();
        let shown: Vec<String> = rules(&built.engine, &discovery(), false)
            .iter()
            .map(|rule| format!("{}:{}:{}", rule.group, rule.resources.join(","), rule.operations.join(",")))
            .collect();
        assert_eq!(shown, expected, "{:?}", built.problems);
    }

    fn kyverno(kinds: Value, rest: Value) -> Value {
        let mut resources = json!({"kinds": kinds});
        for (key, value) in rest.as_object().unwrap() {
            resources[key] = value.clone();
        }
        json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "a"},
            "spec": {"validationFailureAction": "Enforce", "rules": [{"name": "r",
                "match": {"any": [{"resources": resources}]},
                "validate": {"message": "no", "pattern": {"metadata": {"labels": {"a": "?*"}}}}}]}})
    }

    #[test]
    fn what_a_policy_may_be_about_is_asked_about_and_nothing_else() {
        check(kyverno(json!(["Service"]), json!({"operations": ["CREATE"]})), &[":services:CREATE"]);
        check(
            kyverno(json!(["Pod"]), json!({"operations": ["CREATE", "UPDATE"]})),
            &[":pods,pods/ephemeralcontainers:CREATE,UPDATE", "apps:deployments:CREATE,UPDATE"],
        );
        check(
            json!({"apiVersion": "signet.dev/v1", "kind": "TrustPolicy", "metadata": {"name": "a"},
                "spec": {"mode": "enforce", "images": ["**"], "otherwise": "deny", "digest": "require"}}),
            &[":pods,pods/ephemeralcontainers:CREATE,UPDATE", "apps:deployments:CREATE,UPDATE"],
        );
    }

    /// Not even a policy about everything asks about Leases and reviews of tokens.
    #[test]
    fn a_policy_about_everything_leaves_out_what_a_cluster_hangs_on() {
        let built = build(
            &mut Policies::new(Vec::new(), Vec::new()),
            &[Document { name: "x".into(), object: kyverno(json!(["*"]), json!({})) }],
            &mut Good::new(),
        )
        .unwrap();
        let mut with_unread = discovery();
        with_unread.unread = vec![("metrics.k8s.io".into(), "v1".into()), ("coordination.k8s.io".into(), "v2".into())];
        let rules = rules(&built.engine, &with_unread, false);
        assert!(rules.iter().any(|rule| rule.resources.contains(&"services".to_owned())), "{rules:?}");
        assert!(rules.iter().all(|rule| !NEVER.contains(&rule.group.as_str())), "{rules:?}");
        assert!(rules.iter().any(|rule| rule.group == "metrics.k8s.io" && rule.resources == ["*/*"]));
    }

    #[test]
    fn without_a_policy_nothing_is_asked_about() {
        let built = build(&mut Policies::new(Vec::new(), Vec::new()), &[], &mut Good::new()).unwrap();
        assert_eq!(rules(&built.engine, &discovery(), false), []);
        // What is blocked is stopped without a policy, too, and nothing else is asked about.
        let stopping = rules(&built.engine, &discovery(), true);
        let about = |resource: &str| stopping.iter().any(|rule| rule.resources.iter().any(|one| one == resource));
        assert!(about("pods"), "{stopping:?}");
        assert!(!about("services"), "{stopping:?}");
    }
}
