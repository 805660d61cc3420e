//! What a policy that lies in a namespace may look at: that namespace, and the images that the request names.
//!
//! Who may write such a policy has rights in one namespace, and must not use those of whoever evaluates it (CVE-2026-22039, CVE-2026-41068,
//! CVE-2026-4789). Source: kyverno/kyverno:pkg/engine/apicall (a path without a namespace is refused, too).

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::Value;

use super::context::Need;
use super::images::Parts;

/// The bounds of one evaluation.
pub(crate) struct Confines<'a> {
    pub(crate) namespace: &'a str,
    request: &'a Value,
    /// The references in the request, found when the first is asked for.
    named: OnceCell<BTreeSet<String>>,
}

impl<'a> Confines<'a> {
    /// `None` for a policy of the cluster, which may look everywhere.
    pub(crate) fn of(namespace: Option<&'a str>, request: &'a Value) -> Option<Confines<'a>> {
        namespace.map(|namespace| Confines { namespace, request, named: OnceCell::new() })
    }

    /// Whether this may be asked for. Errors: why not.
    pub(crate) fn allow(&self, need: &Need) -> Result<(), String> {
        let own = self.namespace;
        let refused = |what: String| Err(format!("a policy of namespace `{own}` may not {what}"));
        match need {
            Need::Api { url_path, .. } if leads_into(url_path, own) => Ok(()),
            Need::Api { url_path, .. } => refused(format!("look at `{}`", url_path.escape_debug())),
            Need::Service { .. } => refused("ask other services".to_owned()),
            Need::Global { .. } => refused("read the global context".to_owned()),
            Need::ConfigMap { namespace, .. } | Need::Objects { namespace, .. } if namespace != own => {
                refused(format!("look into namespace `{}`", namespace.escape_debug()))
            }
            Need::ConfigMap { .. } | Need::Objects { .. } => Ok(()),
            Need::Image { reference } if self.names(reference) => Ok(()),
            Need::Image { reference } => {
                refused(format!("ask about image `{}`, which the request does not name", reference.escape_debug()))
            }
        }
    }

    fn names(&self, reference: &str) -> bool {
        let named = self.named.get_or_init(|| {
            let mut found = BTreeSet::new();
            references(self.request, &mut found);
            found
        });
        Parts::parse(reference).is_some_and(|parts| named.contains(&parts.reference()))
    }
}

/// Every text that may be an image, in full.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(Parts::parse(text).map(|parts| parts.reference())),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a path leads into a namespace and nowhere else, whoever reads it: an escape, an empty part or `..` may mean another place to an API server,
/// and `proxy` leads out of it.
fn leads_into(url_path: &str, namespace: &str) -> bool {
    let path = url_path.split('?').next().unwrap_or_default();
    let plain = |part: &&str| {
        let odd =
            |letter: char| matches!(letter, '%' | '\\' | '#' | ';') || letter.is_control() || letter.is_whitespace();
        !part.is_empty() && *part != "." && *part != ".." && !part.contains(odd) && !part.eq_ignore_ascii_case("proxy")
    };
    let Some(rest) = path.strip_prefix('/') else { return false };
    let parts: Vec<&str> = rest.split('/').collect();
    if !parts.iter().all(plain) {
        return false;
    }
    match parts.as_slice() {
        ["api", _, "namespaces", own, ..] | ["apis", _, _, "namespaces", own, ..] => *own == namespace,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(url_path: &str, allowed: bool) {
        let request = json!({"object": {"spec": {"containers": [{"image": "nginx"}, {"image": "r.example/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}]}}});
        let confines = Confines::of(Some("own"), &request).unwrap();
        let need = Need::Api { method: "GET".to_owned(), url_path: url_path.to_owned(), body: String::new() };
        assert_eq!(confines.allow(&need).is_ok(), allowed, "{url_path}");
    }

    #[test]
    fn paths_lead_into_the_own_namespace_alone() {
        check("/api/v1/namespaces/own/configmaps/a", true);
        check("/api/v1/namespaces/own/pods?limit=5&labelSelector=a%3Db", true);
        check("/apis/apps/v1/namespaces/own/deployments", true);
        check("/api/v1/namespaces/own", true);
        for elsewhere in [
            "/api/v1/namespaces/other/secrets/a",
            "/api/v1/namespaces/own/../other/secrets",
            "/api/v1/namespaces/own/./secrets",
            "/api/v1/namespaces/own/%2e%2e/other/secrets",
            "/api/v1/namespaces/own//secrets",
            "/api/v1/namespaces/own/services/a/proxy/x",
            "/api/v1/namespaces/own/services/a/Proxy",
            "//api/v1/namespaces/own/pods",
            "/api/v1/namespaces/own\\..\\other/secrets",
            "/api/v1/pods",
            "/api/v1/nodes",
            "/apis/x/namespaces/own/pods",
            "/apis/apps/v1/deployments?x=/namespaces/own",
            "api/v1/namespaces/own/pods",
            "/api/v1/watch/namespaces/own/pods",
            "",
        ] {
            check(elsewhere, false);
        }
    }

    #[test]
    fn images_are_those_that_the_request_names() {
        let request = json!({"object": {"spec": {"containers": [{"image": "nginx"}]}}});
        let asked = |namespace: Option<&'static str>, reference: &str| {
            let confines = Confines::of(namespace, &request)?;
            Some(confines.allow(&Need::Image { reference: reference.to_owned() }).is_ok())
        };
        assert_eq!(asked(Some("own"), "nginx"), Some(true));
        assert_eq!(asked(Some("own"), "docker.io/nginx:latest"), Some(true));
        for other in ["nginx:1", "internal.example/secret", "", "http://10.0.0.1/x"] {
            assert_eq!(asked(Some("own"), other), Some(false), "{other}");
        }
        assert_eq!(asked(None, "nginx"), None);
    }

    #[test]
    fn maps_and_objects_are_those_of_the_own_namespace() {
        let request = json!({});
        let confines = Confines::of(Some("own"), &request).unwrap();
        let map = |namespace: &str| Need::ConfigMap { namespace: namespace.to_owned(), name: "a".to_owned() };
        assert!(confines.allow(&map("own")).is_ok());
        for other in ["other", "", "own/../other", "*"] {
            assert!(confines.allow(&map(other)).is_err(), "{other}");
        }
        assert!(confines.allow(&Need::Global { name: "g".to_owned(), projection: String::new() }).is_err());
    }
}
