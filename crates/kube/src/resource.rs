//! What is asked for: a kind of object, and the path under which an API server serves it.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris>.

use std::borrow::Cow;

/// A kind of object as an API server serves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// `apps`; empty for the core group.
    pub group: Cow<'static, str>,
    /// `v1`
    pub version: Cow<'static, str>,
    /// `deployments`
    pub plural: Cow<'static, str>,
    /// `Deployment`
    pub kind: Cow<'static, str>,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// A kind whose objects lie in namespaces.
    #[must_use]
    pub const fn namespaced(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            plural: Cow::Borrowed(plural),
            kind: Cow::Borrowed(kind),
            namespaced: true,
        }
    }

    /// A kind whose objects lie in none.
    #[must_use]
    pub const fn cluster(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str) -> Self {
        let mut resource = Self::namespaced(group, version, plural, kind);
        resource.namespaced = false;
        resource
    }

    /// The same in another version.
    #[must_use]
    pub fn at(&self, version: impl Into<Cow<'static, str>>) -> Self {
        Self { version: version.into(), ..self.clone() }
    }

    /// `apps/v1`, as it stands in an object.
    #[must_use]
    pub fn api_version(&self) -> String {
        match self.group.as_ref() {
            "" => self.version.to_string(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The path of all its objects, of a namespace or of all, or of one of them. Each part is escaped, so that no name leads elsewhere.
    pub(crate) fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = match self.group.as_ref() {
            "" => format!("/api/{}", escaped(&self.version)),
            group => format!("/apis/{}/{}", escaped(group), escaped(&self.version)),
        };
        if let Some(namespace) = namespace.filter(|_| self.namespaced) {
            path.push_str("/namespaces/");
            path.push_str(&escaped(namespace));
        }
        // `clusterpolicies/status`: the subresource stands behind the name.
        let (plural, part) = match self.plural.split_once('/') {
            Some((plural, part)) => (plural, Some(part)),
            None => (self.plural.as_ref(), None),
        };
        path.push('/');
        path.push_str(&escaped(plural));
        if let Some(name) = name {
            path.push('/');
            path.push_str(&escaped(name));
            if let Some(part) = part {
                path.push('/');
                path.push_str(&escaped(part));
            }
        }
        path
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.group.as_ref() {
            "" => f.write_str(&self.plural),
            group => write!(f, "{}.{group}", self.plural),
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3). A part that is nothing but dots would be a step in the tree.
pub(crate) fn escaped(text: &str) -> String {
    let dots = text.bytes().all(|byte| byte == b'.');
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') || (byte == b'.' && !dots) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Namespaces.
pub const NAMESPACES: Resource = Resource::cluster("", "v1", "namespaces", "Namespace");
/// ConfigMaps.
pub const CONFIG_MAPS: Resource = Resource::namespaced("", "v1", "configmaps", "ConfigMap");
/// Secrets. What an API server says about one stands in no message.
pub const SECRETS: Resource = Resource::namespaced("", "v1", "secrets", "Secret");
/// Leases.
pub const LEASES: Resource = Resource::namespaced("coordination.k8s.io", "v1", "leases", "Lease");
/// Webhooks that may refuse.
pub const VALIDATING_WEBHOOKS: Resource = Resource::cluster(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
);
/// Webhooks that may change.
pub const MUTATING_WEBHOOKS: Resource = Resource::cluster(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
);
/// Roles given in a namespace.
pub const ROLE_BINDINGS: Resource =
    Resource::namespaced("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
/// Roles given everywhere.
pub const CLUSTER_ROLE_BINDINGS: Resource =
    Resource::cluster("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(resource: &Resource, namespace: Option<&str>, name: Option<&str>, expected: &str) {
        assert_eq!(resource.path(namespace, name), expected);
    }

    #[test]
    fn paths_are_those_of_the_api_concepts() {
        let deployments = Resource::namespaced("apps", "v1", "deployments", "Deployment");
        let policies = Resource::cluster("kyverno.io", "v1", "clusterpolicies/status", "ClusterPolicy");
        check(&NAMESPACES, None, None, "/api/v1/namespaces");
        check(&NAMESPACES, Some("ignored"), Some("shop"), "/api/v1/namespaces/shop");
        check(&deployments, None, None, "/apis/apps/v1/deployments");
        check(&deployments, Some("shop"), Some("web"), "/apis/apps/v1/namespaces/shop/deployments/web");
        check(&policies, None, Some("a"), "/apis/kyverno.io/v1/clusterpolicies/a/status");
    }

    #[test]
    fn no_name_leads_elsewhere() {
        check(&SECRETS, Some("a/../../b"), Some(".."), "/api/v1/namespaces/a%2F..%2F..%2Fb/secrets/%2E%2E");
        check(&SECRETS, Some("a"), Some("x?y#z"), "/api/v1/namespaces/a/secrets/x%3Fy%23z");
    }
}
