//! The model itself: what it does with objects, whatever policies say.

use serde_json::{Value, json};

use super::Cluster;
use super::store::part;

fn cluster() -> Cluster {
    Cluster::new("model")
}

fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "model"}, "data": data})
}

fn generating(synchronize: bool) -> Value {
    json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "make"}, "spec": {"rules": [{
        "name": "r", "match": {"any": [{"resources": {"kinds": ["Namespace"], "names": ["made-*"]}}]},
        "generate": {"apiVersion": "v1", "kind": "ConfigMap", "name": "zone", "namespace": "{{request.object.metadata.name}}",
            "synchronize": synchronize, "data": {"data": {"a": "1"}}},
    }]}})
}

#[track_caller]
fn data(cluster: &Cluster, want: Option<Value>) {
    let found = cluster.store.get("", "ConfigMap", "made-a", "zone").and_then(|object| object.get("data")).cloned();
    assert_eq!(found, want);
}

#[test]
fn an_object_is_made_once_changed_and_deleted() {
    let mut cluster = cluster();
    cluster.create(&map("a", json!({"x": "1"}))).expect("made");
    assert!(cluster.create(&map("a", json!({}))).expect_err("it is there").contains("already exists"));
    cluster.apply(&map("a", json!({"y": "2"}))).expect("changed");
    let found = cluster.store.get("", "ConfigMap", "model", "a").cloned().expect("there");
    assert_eq!(found.get("data"), Some(&json!({"x": "1", "y": "2"})));
    cluster.delete(&json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a"})).expect("deleted");
    assert!(cluster.store.get("", "ConfigMap", "model", "a").is_none());
    let nowhere = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "nowhere"}});
    assert!(cluster.create(&nowhere).expect_err("no namespace").contains("not found"));
}

#[test]
fn what_is_generated_is_kept_as_the_rule_says() {
    for synchronize in [true, false] {
        let mut cluster = cluster();
        cluster.create(&generating(synchronize)).expect("the policy");
        cluster
            .create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made-a"}}))
            .expect("the trigger");
        data(&cluster, Some(json!({"a": "1"})));
        let change = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "zone", "namespace": "made-a"}, "data": {"a": "2"}});
        cluster.apply(&change).expect("changed");
        data(&cluster, Some(if synchronize { json!({"a": "1"}) } else { json!({"a": "2"}) }));
        cluster.delete(&change).expect("deleted");
        data(&cluster, synchronize.then(|| json!({"a": "1"})));
        cluster
            .delete(&json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "name": "make"}))
            .expect("deleted");
        data(&cluster, None);
    }
}

#[test]
fn pods_are_filled_in_and_bound() {
    let mut cluster = cluster();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "a:1", "env": []}]}});
    cluster.create(&pod).expect("made");
    let found = cluster.store.get("", "Pod", "model", "p").cloned().expect("there");
    assert_eq!(part(&found, "/spec/nodeName"), "kind-control-plane");
    assert_eq!(part(&found, "/spec/serviceAccountName"), "default");
    assert_eq!(part(&found, "/spec/containers/0/imagePullPolicy"), "IfNotPresent");
    assert_eq!(found.pointer("/spec/containers/0/env"), None);
}

#[test]
fn a_policy_refuses_from_the_moment_that_it_is_there() {
    let mut cluster = cluster();
    cluster.create(&map("before", json!({}))).expect("made");
    let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "no"}, "spec": {"rules": [{
        "name": "r", "match": {"any": [{"resources": {"kinds": ["ConfigMap"]}}]}, "validate": {"failureAction": "Enforce", "message": "none", "deny": {}},
    }]}});
    cluster.create(&policy).expect("the policy");
    let error = cluster.create(&map("after", json!({}))).expect_err("refused");
    assert!(error.starts_with("admission webhook \"validate.kyverno.svc-fail\" denied the request:"), "{error}");
    assert!(cluster.store.get("", "ConfigMap", "model", "after").is_none());
    let seen = cluster.seen();
    let reports = seen.of("wgpolicyk8s.io", "PolicyReport");
    assert!(reports.iter().any(|report| part(report, "/scope/name") == "before"), "{reports:?}");
    let status = seen.get("kyverno.io", "ClusterPolicy", "", "no").and_then(|policy| policy.pointer("/status/ready"));
    assert_eq!(status, Some(&json!(true)));
}

#[test]
fn a_policy_that_cannot_be_is_refused() {
    let mut cluster = cluster();
    let wrong = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "w"}, "spec": {"admission": false, "background": false,
        "rules": [{"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "validate": {"deny": {}}}]}});
    let error = cluster.create(&wrong).expect_err("refused");
    assert!(error.contains("validate-policy.kyverno.svc") && error.contains("disabling both"), "{error}");
}
