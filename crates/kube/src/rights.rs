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
    }
}
