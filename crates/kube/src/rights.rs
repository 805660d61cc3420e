//! What the webhook may do in a cluster, and why: the one table that the manifests and the tests are compared with.

use crate::policies::KINDS;
use crate::webhooks::NAME;

/// Where a right holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everywhere: a ClusterRole.
    Cluster,
    /// In our own namespace: a Role.
    Own,
}

/// A right, as a rule of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// Where it holds.
    pub scope: Scope,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The resource; `*` where its kinds are made by others.
    pub resource: &'static str,
    /// What is done.
    pub verbs: &'static [&'static str],
    /// To objects of these names alone; empty for all. What is made or listed has no name yet.
    pub names: &'static [&'static str],
    /// What for.
    pub why: &'static str,
}

const FOLLOW: &[&str] = &["list", "watch"];
/// The Secret that certificates lie in, by default.
pub const SECRET: &str = "signet-admission-tls";
/// Roles given somewhere are asked for where a policy is about the roles of users.
const ROLES: &str = "policies about the roles of users: read when the first one asks";

const fn right(
    scope: Scope,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    names: &'static [&'static str],
    why: &'static str,
) -> Right {
    Right { scope, group, resource, verbs, names, why }
}

const OTHERS: &[Right] = &[
    right(
        Scope::Cluster,
        "constraints.gatekeeper.sh",
        "*",
        FOLLOW,
        &[],
        "constraints: their kinds are made by templates",
    ),
    right(
        Scope::Cluster,
        "",
        "namespaces",
        &["get", "list", "watch"],
        &[],
        "labels of namespaces, which policies select by; our own, which owns the webhook configurations",
    ),
    right(
        Scope::Cluster,
        "",
        "configmaps",
        FOLLOW,
        &[],
        "values that a policy's context names: each is read when the first policy asks",
    ),
    right(Scope::Cluster, "rbac.authorization.k8s.io", "rolebindings", FOLLOW, &[], ROLES),
    right(Scope::Cluster, "rbac.authorization.k8s.io", "clusterrolebindings", FOLLOW, &[], ROLES),
    right(
        Scope::Cluster,
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        &["create"],
        &[],
        "made by the leader; a right to make bears no name",
    ),
    right(
        Scope::Cluster,
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        &["get", "update", "delete"],
        &[NAME],
        "kept by the leader, and taken away with the last policy",
    ),
    right(
        Scope::Cluster,
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        &["create"],
        &[],
        "made by the leader; a right to make bears no name",
    ),
    right(
        Scope::Cluster,
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        &["get", "update", "delete"],
        &[NAME],
        "kept by the leader, and taken away with the last policy",
    ),
    right(Scope::Own, "coordination.k8s.io", "leases", &["create"], &[], "who leads; a right to make bears no name"),
    right(Scope::Own, "coordination.k8s.io", "leases", &["get", "update"], &[NAME], "who leads"),
    right(
        Scope::Own,
        "",
        "secrets",
        &["create"],
        &[],
        "the authority and the certificate, made by the leader; a right to make bears no name",
    ),
    right(
        Scope::Own,
        "",
        "secrets",
        &["get", "list", "watch", "update"],
        &[SECRET],
        "the authority and the certificate: written by the leader, read by all",
    ),
];

/// All rights.
#[must_use]
pub fn rights() -> Vec<Right> {
    let mut all: Vec<Right> = KINDS
        .iter()
        .map(|(group, _, plural, _, _)| right(Scope::Cluster, group, plural, FOLLOW, &[], "policies"))
        .collect();
    all.extend_from_slice(OTHERS);
    all
}

const LIST: &[&str] = &["list"];
const KEEP: &[&str] = &["list", "create", "patch", "delete"];
/// The scan lists what policies look at; a kind that it may not list is said, and is not scanned.
const SCAN: &str = "what runs already: listed page by page by the scan, as far as a policy looks at it";
const REPORTS: &str = "reports on what is there: named by its UID, made and taken away by the leader";

const REPORTING: &[Right] = &[
    right(Scope::Cluster, "", "pods", LIST, &[], SCAN),
    right(Scope::Cluster, "", "podtemplates", LIST, &[], SCAN),
    right(Scope::Cluster, "", "replicationcontrollers", LIST, &[], SCAN),
    right(Scope::Cluster, "", "services", LIST, &[], SCAN),
    right(Scope::Cluster, "", "serviceaccounts", LIST, &[], SCAN),
    right(Scope::Cluster, "", "persistentvolumeclaims", LIST, &[], SCAN),
    right(Scope::Cluster, "apps", "daemonsets", LIST, &[], SCAN),
    right(Scope::Cluster, "apps", "deployments", LIST, &[], SCAN),
    right(Scope::Cluster, "apps", "replicasets", LIST, &[], SCAN),
    right(Scope::Cluster, "apps", "statefulsets", LIST, &[], SCAN),
    right(Scope::Cluster, "batch", "cronjobs", LIST, &[], SCAN),
    right(Scope::Cluster, "batch", "jobs", LIST, &[], SCAN),
    right(Scope::Cluster, "networking.k8s.io", "ingresses", LIST, &[], SCAN),
    right(Scope::Cluster, "networking.k8s.io", "networkpolicies", LIST, &[], SCAN),
    right(Scope::Cluster, "policy", "poddisruptionbudgets", LIST, &[], SCAN),
    right(Scope::Cluster, "wgpolicyk8s.io", "policyreports", KEEP, &[], REPORTS),
    right(Scope::Cluster, "wgpolicyk8s.io", "clusterpolicyreports", KEEP, &[], REPORTS),
    right(Scope::Cluster, "openreports.io", "reports", KEEP, &[], REPORTS),
    right(Scope::Cluster, "openreports.io", "clusterreports", KEEP, &[], REPORTS),
    right(
        Scope::Cluster,
        "",
        "events",
        &["create"],
        &[],
        "what policies say of requests, on the policy and on the object",
    ),
];

/// What reports and events need besides (`--reports`, `--events`). Secrets and ConfigMaps are not among it: a scan of them is a right that somebody gives.
#[must_use]
pub fn report_rights() -> Vec<Right> {
    REPORTING.to_vec()
}

/// The same as [`allows`] for a process that writes reports and events.
#[must_use]
pub fn allows_reporting(verb: &str, group: &str, resource: &str, name: Option<&str>, own: bool) -> bool {
    let more =
        REPORTING.iter().any(|right| right.group == group && right.resource == resource && right.verbs.contains(&verb));
    more || allows(verb, group, resource, name, own)
}

/// Whether something that was asked of an API server is among the rights. `own` says that it was in our own namespace.
#[must_use]
pub fn allows(verb: &str, group: &str, resource: &str, name: Option<&str>, own: bool) -> bool {
    rights().iter().any(|right| {
        (right.scope == Scope::Cluster || own)
            && right.group == group
            && (right.resource == resource || right.resource == "*")
            && right.verbs.contains(&verb)
            && (right.names.is_empty() || name.is_some_and(|name| right.names.contains(&name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_but_what_is_ours() {
        for right in rights() {
            assert!(!right.why.is_empty() && !right.verbs.is_empty());
            let writes = right.verbs.iter().any(|verb| !matches!(*verb, "get" | "list" | "watch" | "create"));
            assert!(!writes || !right.names.is_empty(), "{right:?} writes over anything");
            assert!(right.scope == Scope::Own || right.resource != "secrets", "{right:?} reads Secrets everywhere");
        }
        assert!(allows("list", "kyverno.io", "clusterpolicies", None, false));
        assert!(!allows("get", "", "secrets", Some(SECRET), false));
        assert!(!allows("update", "", "secrets", Some("other"), true));
        assert!(!allows("create", "", "pods", None, false));
        // Reports are named by what they are about, so their rights bear no name; nothing else is written for them.
        for right in report_rights() {
            let writes = right.verbs.iter().any(|verb| *verb != "list");
            assert!(!writes || right.resource.ends_with("reports") || right.resource == "events", "{right:?}");
            assert!(!["secrets", "configmaps"].contains(&right.resource), "{right:?}");
        }
        assert!(allows_reporting("patch", "wgpolicyk8s.io", "policyreports", Some("uid"), false));
        assert!(!allows_reporting("delete", "", "pods", Some("p"), false));
    }
}
