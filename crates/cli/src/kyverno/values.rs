//! What is handed in beside resources: Kyverno's `Values` and `UserInfo` files, mocked answers, and objects of a cluster that is not there.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use signet_policy::kyverno::{self, Input, Kind, Need, Operation, User};
use signet_policy::wildcard;

/// A `Values` document. Source: kyverno/kyverno:cmd/cli/kubectl-kyverno/apis/v1alpha1/values.go.
#[derive(Debug, Default)]
pub(super) struct Values(Value);

impl Values {
    /// Of a file's document, or of what stands inline; `Null` for none.
    pub(super) fn of(value: Value) -> Values {
        Values(value)
    }

    /// Sets one value for all, as `--set` does.
    pub(super) fn set(&mut self, path: &str, value: Value) {
        if !self.0.is_object() {
            self.0 = json!({});
        }
        if let Some(object) = self.0.as_object_mut() {
            let global = object.entry("globalValues").or_insert_with(|| json!({}));
            if let Some(global) = global.as_object_mut() {
                global.insert(path.to_owned(), value);
            }
        }
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.0.get(key).and_then(Value::as_array).into_iter().flatten()
    }

    /// The values for a policy on a resource, by path; the more special ones last.
    fn for_resource(&self, policy: &str, resource: &str) -> Vec<(&String, &Value)> {
        let mut found: Vec<(&String, &Value)> =
            self.0.get("globalValues").and_then(Value::as_object).into_iter().flatten().collect();
        for entry in self.list("policies").filter(|entry| named(entry, policy)) {
            let resources = entry.get("resources").and_then(Value::as_array).into_iter().flatten();
            for entry in resources.filter(|entry| named(entry, resource)) {
                found.extend(entry.get("values").and_then(Value::as_object).into_iter().flatten());
            }
        }
        found
    }

    fn namespace_labels(&self, namespace: &str) -> BTreeMap<String, String> {
        let texts = |labels: Option<&Value>| -> BTreeMap<String, String> {
            let labels = labels.and_then(Value::as_object).into_iter().flatten();
            labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        let of_object = self
            .list("namespaces")
            .find(|entry| entry.pointer("/metadata/name").and_then(Value::as_str) == Some(namespace));
        match of_object {
            Some(entry) => texts(entry.pointer("/metadata/labels")),
            None => texts(
                self.list("namespaceSelector")
                    .find(|entry| named(entry, namespace))
                    .and_then(|entry| entry.get("labels")),
            ),
        }
    }

    /// The input that a policy judges for a resource.
    pub(super) fn input(&self, policy: &str, resource: &Value, user: Option<&User>) -> Input {
        let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let values = self.for_resource(policy, text("/metadata/name"));
        let operation =
            values.iter().rev().find(|(path, _)| *path == "request.operation").and_then(|(_, value)| value.as_str());
        let operation = operation.and_then(Operation::parse).unwrap_or_default();
        let mut input = Input::of(resource.clone(), operation);
        if let Some(user) = user {
            input = input.by(user.clone());
        }
        for (path, value) in values {
            input.set(path, value.clone());
        }
        input.namespace_labels = self.namespace_labels(text("/metadata/namespace"));
        // A namespace that no file tells of has the one label that every namespace carries.
        let namespace = text("/metadata/namespace");
        if !namespace.is_empty() {
            let name = input.namespace_labels.entry("kubernetes.io/metadata.name".to_owned());
            name.or_insert_with(|| namespace.to_owned());
        }
        input.namespace_object = self
            .list("namespaces")
            .find(|entry| entry.pointer("/metadata/name").and_then(Value::as_str) == Some(text("/metadata/namespace")))
            .cloned();
        for entry in self.list("subresources") {
            let kind = |key: &str| {
                let of = entry.get(key).unwrap_or(&Value::Null);
                let part = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                Kind { group: part("group"), version: part("version"), kind: part("kind") }
            };
            if kind("subresource") == input.kind {
                let name = entry.pointer("/subresource/name").and_then(Value::as_str).unwrap_or_default();
                input.kind = kind("parentResource");
                input.subresource = name.split_once('/').map_or("", |(_, part)| part).to_owned();
                break;
            }
        }
        for entry in self.list("policies").filter(|entry| named(entry, policy)) {
            for rule in entry.get("rules").and_then(Value::as_array).into_iter().flatten() {
                let name = rule.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                for (path, value) in rule.get("values").and_then(Value::as_object).into_iter().flatten() {
                    input.set_for_rule(&name, path, value.clone());
                }
                for (key, list) in rule.get("foreachValues").and_then(Value::as_object).into_iter().flatten() {
                    let list = list.as_array().cloned().unwrap_or_default();
                    input.element_roots.entry(name.clone()).or_default().insert(key.clone(), list);
                }
            }
        }
        input
    }
}

fn named(entry: &Value, name: &str) -> bool {
    entry.get("name").and_then(Value::as_str) == Some(name)
}

/// A `UserInfo` document: who asks.
pub(super) fn user(value: &Value) -> User {
    let texts = |of: &Value, key: &str| -> Vec<String> {
        of.get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let info = value.get("userInfo").unwrap_or(&Value::Null);
    User {
        username: info.get("username").and_then(Value::as_str).unwrap_or_default().to_owned(),
        groups: texts(info, "groups"),
        roles: texts(value, "roles"),
        cluster_roles: texts(value, "clusterRoles"),
        roles_unknown: false,
    }
}

/// What stands for the cluster and for services.
#[derive(Debug, Default)]
pub(crate) struct Mocks {
    /// `{urlPath | url, method, response: {statusCode, body}}`
    pub(crate) calls: Vec<Value>,
    /// Global context entries, by name.
    pub(crate) globals: BTreeMap<String, Value>,
    /// Objects of the cluster, if there is said to be one.
    pub(crate) objects: Vec<Value>,
    /// What a registry says of images, by `image`.
    pub(crate) images: Vec<Value>,
    /// Objects that rules may change besides the one that they judge; `None` if nobody said which there are.
    pub(crate) targets: Option<Vec<Value>>,
}

impl Mocks {
    /// The answer to a need, if one is known.
    pub(crate) fn answer(&self, need: &Need) -> Option<Value> {
        match need {
            Need::ConfigMap { namespace, name } => {
                let wanted = |object: &&Value| {
                    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                    text("/kind") == "ConfigMap"
                        && text("/metadata/name") == name
                        && text("/metadata/namespace") == namespace
                };
                self.objects.iter().find(wanted).cloned()
            }
            Need::Api { method, url_path, .. } => self
                .call("urlPath", url_path, method)
                .or_else(|| (method == "GET").then(|| self.served(url_path)).flatten()),
            Need::Service { method, url, .. } => self.call("url", url, method),
            Need::Global { name, projection } if projection.is_empty() => self.globals.get(name).cloned(),
            Need::Global { name, projection } => self.globals.get(name)?.get(projection).cloned(),
            Need::Image { reference } => {
                let image = |entry: &&Value| entry.get("image").and_then(Value::as_str) == Some(reference);
                self.images.iter().find(image).cloned()
            }
            Need::Objects { api_version, kind, namespace, name, uid, selector } => {
                if self.targets.is_none() && self.objects.is_empty() {
                    return None;
                }
                let fits = |object: &&Value, anywhere: bool| {
                    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                    let like = |pattern: &str, text: &str| pattern.is_empty() || wildcard::matches(pattern, text);
                    wildcard::matches(api_version, text("/apiVersion"))
                        && wildcard::matches(kind, text("/kind"))
                        && (like(namespace, text("/metadata/namespace"))
                            || anywhere && text("/metadata/namespace").is_empty())
                        && like(name, text("/metadata/name"))
                        && (uid.is_empty() || uid == text("/metadata/uid"))
                        && (selector.is_empty() || kyverno::selects(selector, object))
                };
                let targets = self.targets.iter().flatten().filter(|object| fits(object, false));
                let mut found: Vec<Value> = targets.cloned().collect();
                // What no rule may change is looked for among the objects of the cluster; of them, what lies in no namespace is meant whatever
                // namespace is asked about.
                if found.is_empty() {
                    found = self.objects.iter().filter(|object| fits(object, true)).cloned().collect();
                }
                Some(Value::Array(found))
            }
        }
    }

    fn call(&self, key: &str, place: &str, method: &str) -> Option<Value> {
        let call = self.calls.iter().find(|call| {
            call.get(key).and_then(Value::as_str) == Some(place)
                && call.get("method").and_then(Value::as_str).unwrap_or("GET").eq_ignore_ascii_case(method)
        })?;
        let response = call.get("response")?;
        let code = response.get("statusCode").and_then(Value::as_u64).unwrap_or(200);
        if code >= 400 {
            return None;
        }
        Some(match response.get("body")? {
            Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
            other => other.clone(),
        })
    }

    /// A list or one object, by the path that an API server would answer.
    fn served(&self, url_path: &str) -> Option<Value> {
        if self.objects.is_empty() {
            return None;
        }
        let path = url_path.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        let (namespace, plural, name) = match rest {
            ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
            ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
            [plural] => (None, *plural, None),
            [plural, name] => (None, *plural, Some(*name)),
            _ => return None,
        };
        let fits = |object: &&Value| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            text("/apiVersion") == version
                && plurals(text("/kind")).iter().any(|known| known == plural)
                && namespace.is_none_or(|namespace| text("/metadata/namespace") == namespace)
                && name.is_none_or(|name| text("/metadata/name") == name)
        };
        let found: Vec<Value> = self.objects.iter().filter(fits).cloned().collect();
        match name {
            Some(_) => found.into_iter().next(),
            None => Some(json!({"apiVersion": version, "kind": "List", "metadata": {}, "items": found})),
        }
    }
}

/// How the API may call many of a kind.
fn plurals(kind: &str) -> [String; 3] {
    let kind = kind.to_lowercase();
    let ies = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
    [format!("{kind}s"), format!("{kind}es"), ies]
}
