//! Which lists of Kubernetes' own types are merged by key: what `patchMergeKey` and `patchStrategy` say in the API's types.
//!
//! A type that is not here, a custom resource above all, has no such lists: its lists are replaced, as Kubernetes and kustomize do.
//! Source: kubernetes/kubernetes:api/openapi-spec/swagger.json, `x-kubernetes-patch-merge-key`, `x-kubernetes-list-map-keys` and
//! `x-kubernetes-patch-strategy` (`merge`); kustomize takes all keys of the map where there are several.

/// What stands in a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    /// A mapping with fields of its own that matter.
    Object(&'static Type),
    /// A list whose elements are known by these keys.
    Keyed(&'static [&'static str], &'static Type),
    /// A list of scalars that is a set.
    Set,
    /// A list that is replaced, or anything else.
    Plain,
}

/// The fields of a type that matter.
#[derive(Debug)]
pub(super) struct Type(&'static [(&'static str, Field)]);

impl Type {
    pub(super) fn field(&self, name: &str) -> Field {
        self.0.iter().find(|(known, _)| *known == name).map_or(Field::Plain, |(_, field)| *field)
    }
}

use Field::{Keyed, Object, Set};

pub(super) static NONE: Type = Type(&[]);
static NAMED: &[&str] = &["name"];
static TYPED: &[&str] = &["type"];

static METADATA: Type = Type(&[("finalizers", Set), ("ownerReferences", Keyed(&["uid"], &NONE))]);
static CONDITIONS: Type = Type(&[("conditions", Keyed(TYPED, &NONE))]);
static CONTAINER: Type = Type(&[
    ("env", Keyed(NAMED, &NONE)),
    ("ports", Keyed(&["containerPort", "protocol"], &NONE)),
    ("volumeDevices", Keyed(&["devicePath"], &NONE)),
    ("volumeMounts", Keyed(&["mountPath"], &NONE)),
]);
static POD_SPEC: Type = Type(&[
    ("containers", Keyed(NAMED, &CONTAINER)),
    ("ephemeralContainers", Keyed(NAMED, &CONTAINER)),
    ("hostAliases", Keyed(&["ip"], &NONE)),
    ("imagePullSecrets", Keyed(NAMED, &NONE)),
    ("initContainers", Keyed(NAMED, &CONTAINER)),
    ("resourceClaims", Keyed(NAMED, &NONE)),
    ("schedulingGates", Keyed(NAMED, &NONE)),
    ("topologySpreadConstraints", Keyed(&["topologyKey", "whenUnsatisfiable"], &NONE)),
    ("volumes", Keyed(NAMED, &NONE)),
]);
static POD_STATUS: Type = Type(&[
    ("conditions", Keyed(TYPED, &NONE)),
    ("hostIPs", Keyed(&["ip"], &NONE)),
    ("podIPs", Keyed(&["ip"], &NONE)),
    ("resourceClaimStatuses", Keyed(NAMED, &NONE)),
]);
static POD: Type =
    Type(&[("metadata", Object(&METADATA)), ("spec", Object(&POD_SPEC)), ("status", Object(&POD_STATUS))]);
static TEMPLATE: Type = Type(&[("metadata", Object(&METADATA)), ("spec", Object(&POD_SPEC))]);
static WORKLOAD_SPEC: Type = Type(&[("template", Object(&TEMPLATE))]);
static WORKLOAD: Type =
    Type(&[("metadata", Object(&METADATA)), ("spec", Object(&WORKLOAD_SPEC)), ("status", Object(&CONDITIONS))]);
static JOB_TEMPLATE: Type = Type(&[("metadata", Object(&METADATA)), ("spec", Object(&WORKLOAD_SPEC))]);
static CRON_JOB_SPEC: Type = Type(&[("jobTemplate", Object(&JOB_TEMPLATE))]);
static CRON_JOB: Type = Type(&[("metadata", Object(&METADATA)), ("spec", Object(&CRON_JOB_SPEC))]);
static POD_TEMPLATE: Type = Type(&[("metadata", Object(&METADATA)), ("template", Object(&TEMPLATE))]);
static SERVICE_SPEC: Type = Type(&[("ports", Keyed(&["port", "protocol"], &NONE))]);
static SERVICE: Type =
    Type(&[("metadata", Object(&METADATA)), ("spec", Object(&SERVICE_SPEC)), ("status", Object(&CONDITIONS))]);
static SERVICE_ACCOUNT: Type = Type(&[("metadata", Object(&METADATA)), ("secrets", Keyed(NAMED, &NONE))]);
static NODE_SPEC: Type = Type(&[("podCIDRs", Set)]);
static NODE_STATUS: Type = Type(&[("addresses", Keyed(TYPED, &NONE)), ("conditions", Keyed(TYPED, &NONE))]);
static NODE: Type =
    Type(&[("metadata", Object(&METADATA)), ("spec", Object(&NODE_SPEC)), ("status", Object(&NODE_STATUS))]);
static WEBHOOK: Type = Type(&[("matchConditions", Keyed(NAMED, &NONE))]);
static WEBHOOKS: Type = Type(&[("metadata", Object(&METADATA)), ("webhooks", Keyed(NAMED, &WEBHOOK))]);
static ADMISSION_SPEC: Type = Type(&[("matchConditions", Keyed(NAMED, &NONE)), ("variables", Keyed(NAMED, &NONE))]);
static ADMISSION_POLICY: Type = Type(&[("metadata", Object(&METADATA)), ("spec", Object(&ADMISSION_SPEC))]);
static CLAIM_TEMPLATE: Type = Type(&[("metadata", Object(&METADATA)), ("status", Object(&CONDITIONS))]);
/// Every type of the API has metadata.
static ANY: Type = Type(&[("metadata", Object(&METADATA))]);

/// The groups whose types are Kubernetes' own.
const GROUPS: [&str; 20] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// The type of a resource by its group and kind.
pub(super) fn of(group: &str, kind: &str) -> &'static Type {
    if !GROUPS.contains(&group) {
        return &NONE;
    }
    match (group, kind) {
        ("", "Pod") => &POD,
        ("", "PodTemplate") => &POD_TEMPLATE,
        ("", "Service") => &SERVICE,
        ("", "ServiceAccount") => &SERVICE_ACCOUNT,
        ("", "Node") => &NODE,
        ("", "Namespace" | "PersistentVolumeClaim" | "PersistentVolume") => &CLAIM_TEMPLATE,
        ("", "ReplicationController")
        | ("apps", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => &WORKLOAD,
        ("batch", "CronJob") => &CRON_JOB,
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => {
            &WEBHOOKS
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy") => &ADMISSION_POLICY,
        ("apiregistration.k8s.io", "APIService") | ("policy", "PodDisruptionBudget") => &CLAIM_TEMPLATE,
        _ => &ANY,
    }
}
