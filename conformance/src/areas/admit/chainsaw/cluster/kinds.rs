//! What the model knows of kinds: how many of them are called, and whether they lie in namespaces. What a CustomResourceDefinition says comes
//! before it.

use serde_json::Value;

/// Kinds of Kubernetes and of Kyverno that lie in no namespace.
const CLUSTER: [&str; 34] = [
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "PriorityClass",
    "RuntimeClass",
    "IngressClass",
    "CSIDriver",
    "CSINode",
    "VolumeAttachment",
    "APIService",
    "CertificateSigningRequest",
    "ClusterPolicy",
    "GlobalContextEntry",
    "ValidatingPolicy",
    "MutatingPolicy",
    "ImageValidatingPolicy",
    "GeneratingPolicy",
    "DeletingPolicy",
    "ClusterPolicyReport",
    "ClusterCleanupPolicy",
    "ClusterEphemeralReport",
    "SubjectAccessReview",
    "SelfSubjectAccessReview",
    "TokenReview",
];

/// Kinds that are not called by their name and an `s`.
const PLURALS: [(&str, &str); 4] =
    [("Endpoints", "endpoints"), ("PodMetrics", "pods"), ("NodeMetrics", "nodes"), ("Gateway", "gateways")];

/// One kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KindInfo {
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

impl KindInfo {
    /// By what is built in.
    pub(super) fn built_in(group: &str, kind: &str) -> KindInfo {
        let knative = group == "serving.knative.dev";
        KindInfo { plural: plural(kind), namespaced: knative || !CLUSTER.contains(&kind) }
    }

    /// By a definition.
    pub(super) fn defined(definition: &Value) -> Option<KindInfo> {
        Some(KindInfo {
            plural: definition.pointer("/spec/names/plural")?.as_str()?.to_owned(),
            namespaced: definition.pointer("/spec/scope")?.as_str()? == "Namespaced",
        })
    }
}

fn plural(kind: &str) -> String {
    if let Some((_, plural)) = PLURALS.iter().find(|(known, _)| *known == kind) {
        return (*plural).to_owned();
    }
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if kind.ends_with('s') || kind.ends_with("ch") || kind.ends_with('x') => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// Group and version of `apps/v1`; the core group is empty.
pub(super) fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Whether the API server has types for a group, and stores nothing else than they say.
pub(super) fn is_typed(group: &str) -> bool {
    matches!(group, "" | "apps" | "batch" | "autoscaling" | "policy")
}
