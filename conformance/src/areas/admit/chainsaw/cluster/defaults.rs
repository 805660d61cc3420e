//! What the API server fills in before anybody is asked, and what lies in a new cluster.
//!
//! Source: kubernetes/kubernetes:pkg/apis/core/v1/defaults.go, pkg/apis/apps/v1/defaults.go, plugin/pkg/admission/serviceaccount.

use serde_json::{Map, Value, json};

use super::store::part;

/// Where tokens of service accounts are mounted.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Fills in what an object does not say.
pub(super) fn fill(object: &mut Value) {
    match (part(object, "/apiVersion"), part(object, "/kind")) {
        ("v1", "Pod") => {
            if let Some(spec) = object.get_mut("spec") {
                pod(spec);
                account(spec);
            }
        }
        ("v1", "Namespace") => {
            let name = part(object, "/metadata/name").to_owned();
            set(object, &["metadata", "labels"], "kubernetes.io/metadata.name", json!(name));
            set(object, &["spec"], "finalizers", json!(["kubernetes"]));
        }
        ("v1", "Service") => service(object),
        ("v1", "Secret") => set(object, &[], "type", json!("Opaque")),
        (_, "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "DaemonSet") => {
            let kind = part(object, "/kind").to_owned();
            if kind != "DaemonSet" {
                set(object, &["spec"], "replicas", json!(1));
            }
            if kind == "Deployment" {
                set(object, &["spec"], "progressDeadlineSeconds", json!(600));
                set(object, &["spec"], "revisionHistoryLimit", json!(10));
                let rolling =
                    json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
                set(object, &["spec"], "strategy", rolling);
            }
            template(object, "/spec/template/spec");
        }
        ("batch/v1", "Job") => {
            for (key, value) in [("completions", 1), ("parallelism", 1), ("backoffLimit", 6)] {
                set(object, &["spec"], key, json!(value));
            }
            template(object, "/spec/template/spec");
        }
        (_, "CronJob") => {
            set(object, &["spec"], "concurrencyPolicy", json!("Allow"));
            set(object, &["spec"], "suspend", json!(false));
            set(object, &["spec"], "successfulJobsHistoryLimit", json!(3));
            set(object, &["spec"], "failedJobsHistoryLimit", json!(1));
            template(object, "/spec/jobTemplate/spec/template/spec");
        }
        // Defaults of Kyverno's own definitions. Source: kyverno/api:api/policies.kyverno.io/v1beta1, `+kubebuilder:default`.
        (version, "ImageValidatingPolicy" | "NamespacedImageValidatingPolicy")
            if version.starts_with("policies.kyverno.io/") =>
        {
            for key in ["mutateDigest", "verifyDigest", "required"] {
                set(object, &["spec", "validationConfigurations"], key, json!(true));
            }
        }
        (_, "GlobalContextEntry") if object.pointer("/spec/apiCall").is_some() => {
            set(object, &["spec", "apiCall"], "method", json!("GET"));
        }
        _ => {}
    }
}

/// Why the API server stores no such object: two containers of one Pod have one name.
/// Source: kubernetes/kubernetes:pkg/apis/core/validation/validation.go, `validateContainers`.
pub(super) fn invalid(object: &Value) -> Option<String> {
    let spec = match (part(object, "/apiVersion"), part(object, "/kind")) {
        ("v1", "Pod") => "/spec",
        ("apps/v1", _) | ("batch/v1", "Job") => "/spec/template/spec",
        ("batch/v1", "CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    let mut names = std::collections::BTreeSet::new();
    for list in ["containers", "initContainers"] {
        let containers = object.pointer(&format!("{spec}/{list}")).and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let name = part(container, "/name");
            if !name.is_empty() && !names.insert(name.to_owned()) {
                let route = format!("{spec}/{list}").trim_start_matches('/').replace('/', ".");
                let (kind, own) = (part(object, "/kind"), part(object, "/metadata/name"));
                return Some(format!(
                    "{kind} \"{own}\" is invalid: {route}[{index}].name: Duplicate value: \"{name}\""
                ));
            }
        }
    }
    None
}

/// What the API server does not store of a kind that it has types for: empty lists, nulls, and ports of the host that are none.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|key, value| {
                let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
                let is_no_port = key == "hostPort" && value.as_i64() == Some(0);
                !(is_empty || is_no_port)
            });
            entries.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Sets a key that is not there, in a mapping that is made where it is missing.
pub(super) fn set(object: &mut Value, route: &[&str], key: &str, value: Value) {
    let mut place = object;
    for name in route {
        let Some(entries) = place.as_object_mut() else { return };
        place = entries.entry(*name).or_insert_with(|| json!({}));
        if place.is_null() {
            *place = json!({});
        }
    }
    if let Some(entries) = place.as_object_mut() {
        entries.entry(key).or_insert(value);
    }
}

fn template(object: &mut Value, pointer: &str) {
    // Metadata of templates are written even where they say nothing.
    for holder in [pointer.trim_end_matches("/spec"), "/spec/jobTemplate"] {
        if let Some(template) = object.pointer_mut(holder) {
            set(template, &[], "metadata", json!({}));
        }
    }
    if let Some(spec) = object.pointer_mut(pointer) {
        pod(spec);
    }
}

fn pod(spec: &mut Value) {
    for (key, value) in [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("securityContext", json!({})),
    ] {
        set(spec, &[], key, value);
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let image = part(container, "/image");
            let tag = image.rsplit('/').next().unwrap_or_default();
            let latest = !image.contains('@') && (!tag.contains(':') || tag.ends_with(":latest"));
            let pull = if latest { "Always" } else { "IfNotPresent" };
            for (key, value) in [
                ("imagePullPolicy", json!(pull)),
                ("resources", json!({})),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
            ] {
                set(container, &[], key, value);
            }
            for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                set(port, &[], "protocol", json!("TCP"));
            }
            // Limits are also requests, where nothing else is requested.
            if let Some(Value::Object(limits)) = container.pointer("/resources/limits").cloned() {
                for (key, value) in limits {
                    set(container, &["resources", "requests"], &key, value);
                }
            }
        }
    }
}

/// The account of a Pod, and its token where that is not declined.
fn account(spec: &mut Value) {
    set(spec, &[], "enableServiceLinks", json!(true));
    set(spec, &[], "preemptionPolicy", json!("PreemptLowerPriority"));
    set(spec, &[], "priority", json!(0));
    let given = part(spec, "/serviceAccountName").to_owned();
    let name = if given.is_empty() { part(spec, "/serviceAccount").to_owned() } else { given };
    let name = if name.is_empty() { "default".to_owned() } else { name };
    if let Some(entries) = spec.as_object_mut() {
        entries.insert("serviceAccountName".to_owned(), json!(name));
        entries.insert("serviceAccount".to_owned(), json!(name));
    }
    let tolerations = spec.get("tolerations").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all = tolerations.clone();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let has = |toleration: &Value| {
            let of = part(toleration, "/key");
            of == key || (of.is_empty() && part(toleration, "/operator") == "Exists")
        };
        if !tolerations.iter().any(has) {
            all.push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
    if let Some(entries) = spec.as_object_mut() {
        entries.insert("tolerations".to_owned(), Value::Array(all));
    }
    if spec.get("automountServiceAccountToken") == Some(&json!(false)) {
        return;
    }
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(container) = container.as_object_mut() else { continue };
            let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
            let Some(mounts) = mounts.as_array_mut() else { continue };
            if !mounts.iter().any(|mount| part(mount, "/mountPath") == TOKEN) {
                mounts.push(json!({"name": "kube-api-access-model", "mountPath": TOKEN, "readOnly": true}));
                mounted = true;
            }
        }
    }
    if mounted && let Some(spec) = spec.as_object_mut() {
        let volumes = spec.entry("volumes").or_insert_with(|| json!([]));
        if let Some(volumes) = volumes.as_array_mut()
            && !volumes.iter().any(|volume| part(volume, "/name") == "kube-api-access-model")
        {
            volumes.push(json!({"name": "kube-api-access-model", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
            ]}}));
        }
    }
}

fn service(object: &mut Value) {
    set(object, &["spec"], "type", json!("ClusterIP"));
    set(object, &["spec"], "sessionAffinity", json!("None"));
    for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        set(port, &[], "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or(json!(80));
        set(port, &[], "targetPort", number);
    }
}

/// What an object is after it was stored, as controllers would leave it: what runs is ready.
pub(super) fn ready(object: &mut Value) {
    let status = match (part(object, "/apiVersion"), part(object, "/kind")) {
        ("v1", "Pod") => json!({"phase": "Running"}),
        ("v1", "Namespace") => json!({"phase": "Active"}),
        ("apps/v1", "Deployment" | "StatefulSet" | "ReplicaSet") => {
            let replicas = object.pointer("/spec/replicas").cloned().unwrap_or(json!(1));
            let generation = object.pointer("/metadata/generation").cloned().unwrap_or(json!(1));
            json!({"observedGeneration": generation, "replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas})
        }
        (version, "CustomResourceDefinition") if version.starts_with("apiextensions.k8s.io/") => {
            let names = object.pointer("/spec/names").cloned().unwrap_or(Value::Null);
            let mut accepted = names.clone();
            let list = format!("{}List", part(&names, "/kind"));
            set(&mut accepted, &[], "listKind", json!(list));
            set(&mut accepted, &[], "singular", json!(part(&names, "/kind").to_lowercase()));
            let versions = object.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
            let stored: Vec<&Value> = versions
                .filter(|version| version.get("storage") == Some(&json!(true)))
                .filter_map(|version| version.get("name"))
                .collect();
            json!({"acceptedNames": accepted, "storedVersions": stored, "conditions": [
                {"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"},
            ]})
        }
        _ => return,
    };
    if let Some(entries) = object.as_object_mut() {
        entries.insert("status".to_owned(), status);
    }
}

/// What lies in a new cluster with Kyverno.
pub(super) fn objects(namespace: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for name in ["default", "kube-system", "kube-public", "kube-node-lease", "local-path-storage", "kyverno", namespace]
    {
        found.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
        found.extend(within_namespace(name));
    }
    let labels = json!({
        "kubernetes.io/hostname": "kind-control-plane", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
        "node-role.kubernetes.io/control-plane": "",
    });
    found.push(
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "kind-control-plane", "labels": labels}}),
    );
    let kubeadm = "apiVersion: kubeadm.k8s.io/v1beta3\nclusterName: kind\nkind: ClusterConfiguration\nkubernetesVersion: v1.33.1\n";
    found.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": kubeadm}}));
    for (namespace, name) in [
        ("kube-system", "coredns"),
        ("local-path-storage", "local-path-provisioner"),
        ("kyverno", "kyverno-admission-controller"),
        ("kyverno", "kyverno-background-controller"),
        ("kyverno", "kyverno-cleanup-controller"),
        ("kyverno", "kyverno-reports-controller"),
    ] {
        let labels = json!({"app": name});
        found.push(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [{"name": name, "image": format!("registry.example/{name}:v1")}],
            }}}}));
    }
    let group = "rbac.authorization.k8s.io";
    let version = format!("{group}/v1");
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let read = ["get", "list", "watch"];
    let core = [
        "configmaps",
        "endpoints",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "serviceaccounts",
        "services",
        "events",
        "limitranges",
        "namespaces",
        "pods/log",
        "pods/status",
        "resourcequotas",
        "namespaces/status",
        "bindings",
    ];
    let view = [
        rule(&[""], &core, &read),
        rule(
            &["apps"],
            &[
                "daemonsets",
                "deployments",
                "replicasets",
                "statefulsets",
                "controllerrevisions",
                "deployments/scale",
                "replicasets/scale",
                "statefulsets/scale",
            ],
            &read,
        ),
        rule(&["batch"], &["cronjobs", "jobs"], &read),
        rule(&["autoscaling"], &["horizontalpodautoscalers"], &read),
        rule(&["networking.k8s.io"], &["ingresses", "networkpolicies"], &read),
        rule(&["policy"], &["poddisruptionbudgets"], &read),
    ];
    let roles: [(&str, Vec<Value>); 4] = [
        ("cluster-admin", vec![rule(&["*"], &["*"], &["*"])]),
        ("view", view.to_vec()),
        (
            "system:basic-user",
            vec![rule(
                &["authorization.k8s.io"],
                &["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
                &["create"],
            )],
        ),
        (
            "kyverno:reports-controller:core",
            vec![
                rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &read),
                rule(&["kyverno.io", "policies.kyverno.io", "wgpolicyk8s.io"], &["*"], &["*"]),
                rule(
                    &["admissionregistration.k8s.io"],
                    &[
                        "validatingadmissionpolicies",
                        "validatingadmissionpolicybindings",
                        "mutatingadmissionpolicies",
                        "mutatingadmissionpolicybindings",
                    ],
                    &read,
                ),
                rule(&[""], &["configmaps", "namespaces", "secrets"], &read),
            ],
        ),
    ];
    for (name, rules) in roles {
        found.push(json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}));
    }
    // Roles that users add to Kyverno's by their labels.
    found.push(
        json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": "kyverno:reports-controller"},
        "aggregationRule": {"clusterRoleSelectors": [
            {"matchLabels": {"rbac.kyverno.io/aggregate-to-reports-controller": "true"}},
        ]}}),
    );
    let reports = json!({"kind": "ServiceAccount", "name": "kyverno-reports-controller", "namespace": "kyverno"});
    let group_of = |name: &str| json!({"kind": "Group", "name": name, "apiGroup": group});
    for (name, role, subject) in [
        ("kubeadm:cluster-admins", "cluster-admin", group_of("kubeadm:cluster-admins")),
        ("cluster-admin", "cluster-admin", group_of("system:masters")),
        ("system:basic-user", "system:basic-user", group_of("system:authenticated")),
        ("kyverno:reports-controller:view", "view", reports.clone()),
        ("kyverno:reports-controller:core", "kyverno:reports-controller:core", reports.clone()),
        ("kyverno:reports-controller", "kyverno:reports-controller", reports),
    ] {
        let reference = json!({"apiGroup": group, "kind": "ClusterRole", "name": role});
        found.push(json!({"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}));
    }
    found
}

/// What controllers put into every namespace.
pub(super) fn within_namespace(name: &str) -> Vec<Value> {
    let metadata = |own: &str| -> Value {
        Value::Object(Map::from_iter([("name".to_owned(), json!(own)), ("namespace".to_owned(), json!(name))]))
    };
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("default")}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("kube-root-ca.crt"), "data": {"ca.crt": "a certificate"}}),
    ]
}
