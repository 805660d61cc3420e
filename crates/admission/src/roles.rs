//! Which roles somebody has: what Kyverno's `roles` and `clusterRoles` are matched with.
//!
//! Source: kyverno/kyverno:pkg/userinfo/roleRef.go; k8s.io/api/rbac/v1.

use std::collections::BTreeSet;

use serde_json::Value;
use signet_policy::kyverno::{Need, User};

const GROUP: &str = "rbac.authorization.k8s.io";

/// What must be known of the cluster.
pub(crate) fn needs() -> [Need; 2] {
    ["RoleBinding", "ClusterRoleBinding"].map(|kind| Need::Objects {
        api_version: format!("{GROUP}/v1"),
        kind: kind.to_owned(),
        namespace: String::new(),
        name: String::new(),
        uid: String::new(),
        selector: String::new(),
    })
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The user with the roles that bindings give, `namespace:name` and `name`.
pub(crate) fn with_roles(user: &User, bindings: &[&Value]) -> User {
    let (mut roles, mut cluster_roles) = (BTreeSet::new(), BTreeSet::new());
    for binding in bindings.iter().flat_map(|list| list.as_array().into_iter().flatten()) {
        let Some(reference) = binding.get("roleRef") else { continue };
        let namespace = binding.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let mut subjects = binding.get("subjects").and_then(Value::as_array).into_iter().flatten();
        if !subjects.any(|subject| is(user, subject, namespace)) {
            continue;
        }
        match text(reference, "kind") {
            "Role" => roles.insert(format!("{namespace}:{}", text(reference, "name"))),
            "ClusterRole" => cluster_roles.insert(text(reference, "name").to_owned()),
            _ => false,
        };
    }
    User { roles: roles.into_iter().collect(), cluster_roles: cluster_roles.into_iter().collect(), ..user.clone() }
}

fn is(user: &User, subject: &Value, namespace: &str) -> bool {
    let name = text(subject, "name");
    match text(subject, "kind") {
        "ServiceAccount" => {
            let own = text(subject, "namespace");
            let account = user.username.strip_prefix("system:serviceaccount:").and_then(|text| text.split_once(':'));
            account == Some((if own.is_empty() { namespace } else { own }, name))
        }
        "User" => user.username == name,
        "Group" => user.groups.iter().any(|group| group == name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bindings_give_roles_to_accounts_users_and_groups() {
        let bound = |kind: &str, name: &str, subject: Value| json!({"metadata": {"namespace": "shop"}, "roleRef": {"kind": kind, "name": name}, "subjects": [subject]});
        let bindings = json!([
            bound("Role", "edit", json!({"kind": "ServiceAccount", "name": "bot", "namespace": "ci"})),
            bound("Role", "other", json!({"kind": "ServiceAccount", "name": "bot", "namespace": "shop"})),
            bound("ClusterRole", "view", json!({"kind": "Group", "name": "system:serviceaccounts"})),
            bound("ClusterRole", "admin", json!({"kind": "User", "name": "anna"})),
        ]);
        let user = User {
            username: "system:serviceaccount:ci:bot".into(),
            groups: vec!["system:serviceaccounts".into()],
            ..User::default()
        };
        let found = with_roles(&user, &[&bindings]);
        assert_eq!(found.roles, ["shop:edit"]);
        assert_eq!(found.cluster_roles, ["view"]);
        let anna = with_roles(&User { username: "anna".into(), ..User::default() }, &[&bindings]);
        assert_eq!((anna.roles.len(), anna.cluster_roles), (0, vec!["admin".to_owned()]));
    }
}
