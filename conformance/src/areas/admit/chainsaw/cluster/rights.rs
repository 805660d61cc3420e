//! Who may do what: roles and bindings of the store.

use serde_json::Value;
use signet_policy::kyverno::User;

use super::store::{Store, part};
use crate::areas::admit::chainsaw::suite::list;

/// One thing that somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access<'a> {
    pub(super) verb: &'a str,
    pub(super) group: &'a str,
    /// With its part: `pods/exec`.
    pub(super) resource: &'a str,
    pub(super) namespace: &'a str,
}

impl Store {
    /// The roles of a user, as requests show them: `namespace:name`, and cluster roles.
    pub(super) fn roles(&self, username: &str, groups: &[String]) -> (Vec<String>, Vec<String>) {
        let (mut roles, mut cluster_roles) = (Vec::new(), Vec::new());
        for binding in self.bindings(username, groups) {
            let name = part(binding, "/roleRef/name").to_owned();
            if part(binding, "/roleRef/kind") == "Role" {
                roles.push(format!("{}:{name}", part(binding, "/metadata/namespace")));
            } else if !cluster_roles.contains(&name) {
                cluster_roles.push(name);
            }
        }
        (roles, cluster_roles)
    }

    /// The user with the roles that he has now.
    pub(super) fn user(&self, username: &str, groups: &[&str]) -> User {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        let (roles, cluster_roles) = self.roles(username, &groups);
        User { username: username.to_owned(), groups, roles, cluster_roles, roles_unknown: false }
    }

    fn bindings(&self, username: &str, groups: &[String]) -> Vec<&Value> {
        let account = username.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        let named = |binding: &&Value| {
            list(binding.get("subjects")).into_iter().any(|subject| match part(subject, "/kind") {
                "User" => part(subject, "/name") == username,
                "Group" => groups.iter().any(|group| group == part(subject, "/name")),
                "ServiceAccount" => account.is_some_and(|(namespace, name)| {
                    part(subject, "/name") == name && part(subject, "/namespace") == namespace
                }),
                _ => false,
            })
        };
        let group = "rbac.authorization.k8s.io";
        let mut found = self.of(group, "ClusterRoleBinding");
        found.extend(self.of(group, "RoleBinding"));
        found.into_iter().filter(named).collect()
    }

    /// Whether a user may do something.
    pub(super) fn allows(&self, username: &str, groups: &[String], access: Access<'_>) -> bool {
        let group = "rbac.authorization.k8s.io";
        self.bindings(username, groups).into_iter().any(|binding| {
            let within = part(binding, "/metadata/namespace");
            if part(binding, "/kind") == "RoleBinding" && within != access.namespace {
                return false;
            }
            let name = part(binding, "/roleRef/name");
            let role = match part(binding, "/roleRef/kind") {
                "Role" => self.get(group, "Role", within, name),
                _ => self.get(group, "ClusterRole", "", name),
            };
            role.is_some_and(|role| self.role_allows(role, access, 0))
        })
    }

    /// Rules of the role, and of the roles that it collects by labels.
    fn role_allows(&self, role: &Value, access: Access<'_>, depth: usize) -> bool {
        let any = |rule: &Value, key: &str, wanted: &str| {
            list(rule.get(key)).into_iter().filter_map(Value::as_str).any(|found| found == "*" || found == wanted)
        };
        let own = list(role.get("rules")).into_iter().any(|rule| {
            any(rule, "apiGroups", access.group)
                && any(rule, "resources", access.resource)
                && any(rule, "verbs", access.verb)
        });
        own || depth < 4
            && list(role.pointer("/aggregationRule/clusterRoleSelectors")).into_iter().any(|selector| {
                let roles = self.of("rbac.authorization.k8s.io", "ClusterRole");
                roles.into_iter().any(|other| {
                    signet_policy::kyverno::selects(&selector.to_string(), other)
                        && self.role_allows(other, access, depth + 1)
                })
            })
    }
}
