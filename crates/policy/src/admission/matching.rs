//! `matchConstraints`: which requests a policy is about, by group, version, resource, operation, names and labels.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/policy/matching/matching.go, pkg/admission/plugin/webhook/predicates.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::rule::Lacking;
use crate::kyverno::matching::Selector;
use crate::kyverno::{Input, Need, Snapshot};

/// The label that every namespace carries.
const NAME: &str = "kubernetes.io/metadata.name";

/// What a policy or a binding is about.
#[derive(Clone, Debug, Default)]
pub(super) struct MatchResources {
    pub(super) rules: Vec<ResourceRule>,
    excluded: Vec<ResourceRule>,
    namespaces: Option<Selector>,
    objects: Option<Selector>,
    /// `matchPolicy: Exact`: other versions of a resource are not meant.
    exact: bool,
}

/// Requests by what they ask for. In each list one entry must fit; `*` fits everything.
#[derive(Clone, Debug, Default)]
pub(super) struct ResourceRule {
    pub(super) groups: Vec<String>,
    pub(super) versions: Vec<String>,
    pub(super) operations: Vec<String>,
    pub(super) resources: Vec<String>,
    names: Vec<String>,
    scope: Option<Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Cluster,
    Namespaced,
}

fn texts(of: &Value, key: &str) -> Vec<String> {
    of.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl MatchResources {
    /// Reads `matchConstraints` or `matchResources`.
    pub(super) fn compile(value: &Value) -> Result<MatchResources, String> {
        let rules = |key: &str| -> Result<Vec<ResourceRule>, String> {
            value.get(key).and_then(Value::as_array).into_iter().flatten().map(ResourceRule::compile).collect()
        };
        let selector = |key: &str| -> Result<Option<Selector>, String> {
            value.get(key).filter(|found| !found.is_null()).map(Selector::compile).transpose()
        };
        let exact = match value.get("matchPolicy").and_then(Value::as_str) {
            None | Some("" | "Equivalent") => false,
            Some("Exact") => true,
            Some(other) => return Err(format!("`{other}` is no `matchPolicy`; there are Equivalent and Exact")),
        };
        Ok(MatchResources {
            exact,
            rules: rules("resourceRules")?,
            excluded: rules("excludeResourceRules")?,
            namespaces: selector("namespaceSelector")?,
            objects: selector("objectSelector")?,
        })
    }

    /// Whether rules for what makes Pods can be made of this: it is about Pods by nothing but their kind.
    pub(super) fn is_pods_only(&self) -> bool {
        let asks = |selector: &Option<Selector>| {
            selector.as_ref().is_some_and(|found| !found.labels.is_empty() || !found.expressions.is_empty())
        };
        let [rule] = self.rules.as_slice() else { return false };
        !asks(&self.namespaces)
            && !asks(&self.objects)
            && self.excluded.is_empty()
            && rule.names.is_empty()
            && rule.groups == [""]
            && rule.versions == ["v1"]
            && rule.resources == ["pods"]
    }

    /// The same for other resources, by the same operations.
    pub(super) fn about(&self, targets: &[(&str, &str)]) -> MatchResources {
        let operations = self.rules.first().map(|rule| rule.operations.clone()).unwrap_or_default();
        let rules = targets.iter().map(|(group, resource)| ResourceRule {
            groups: vec![(*group).to_owned()],
            versions: vec!["v1".to_owned()],
            operations: operations.clone(),
            resources: vec![(*resource).to_owned()],
            ..ResourceRule::default()
        });
        MatchResources { rules: rules.collect(), ..MatchResources::default() }
    }

    /// Whether some request of this kind, subresource and operation may be meant.
    pub(super) fn may_concern(&self, input: &Input) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|rule| rule.may_concern(input, self.exact))
    }

    /// Whether a request is meant. Without any rule every resource is, which only bindings may say.
    ///
    /// Errors: it hangs on something that is not known here.
    pub(super) fn includes(&self, input: &Input, snapshot: &Snapshot) -> Result<bool, Lacking> {
        let exactly = self.rules.is_empty() || self.rules.iter().any(|rule| rule.fits(input, true));
        let objects = self.objects.as_ref().is_none_or(|selector| {
            [input.object(), input.old_object()].into_iter().flatten().any(|object| selector.matches(&labels(object)))
        });
        if !(exactly || !self.exact && self.rules.iter().any(|rule| rule.fits(input, false)))
            || self.excluded.iter().any(|rule| rule.fits(input, true))
            || !objects
        {
            return Ok(false);
        }
        let namespace =
            self.namespaces.as_ref().map_or(Ok(true), |selector| namespace_fits(selector, input, snapshot))?;
        if namespace && !exactly {
            // An API server converts the object to the version that the policy speaks of. Here it would be judged by fields of another one.
            let (kind, version) = (&input.kind.kind, &input.kind.version);
            let hint = "name this version in `apiVersions`, or set `matchPolicy: Exact`";
            return Err(Lacking::Other(format!(
                "the policy is about another version of {kind} than `{version}`, and objects are not converted here; {hint}"
            )));
        }
        Ok(namespace)
    }
}

/// The object of a request's namespace, as it is known; null for what lies in none. Errors: what must be fetched to know it.
pub(super) fn namespace_object<'i>(input: &'i Input, snapshot: &'i Snapshot) -> Result<Cow<'i, Value>, Box<Need>> {
    let name = namespace(input);
    if name.is_empty() {
        return Ok(Cow::Owned(Value::Null));
    }
    if let Some(object) = &input.namespace_object {
        return Ok(Cow::Borrowed(object));
    }
    // No namespace is without labels: none at all means that nobody knows them.
    if !input.namespace_labels.is_empty() {
        let mut labels = input.namespace_labels.clone();
        labels.entry(NAME.to_owned()).or_insert_with(|| name.to_owned());
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        return Ok(Cow::Owned(object));
    }
    let need = Need::Objects {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
        uid: String::new(),
        selector: String::new(),
    };
    let found = snapshot.get(&need).and_then(|found| found.get(0));
    found.map(Cow::Borrowed).ok_or_else(|| Box::new(need))
}

/// The namespace of a request; empty for what lies in none.
pub(crate) fn namespace(input: &Input) -> &str {
    if is_namespace(input) {
        return "";
    }
    let of_object = input.resource().and_then(|object| object.pointer("/metadata/namespace")).and_then(Value::as_str);
    let of_request = input.request.get("namespace").and_then(Value::as_str).filter(|namespace| !namespace.is_empty());
    of_request.or(of_object).unwrap_or_default()
}

fn is_namespace(input: &Input) -> bool {
    input.kind.group.is_empty() && input.kind.kind == "Namespace"
}

fn labels(object: &Value) -> Vec<(&str, &str)> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

/// Labels of the namespace that the object lies in, or is. What lies in none is not asked.
fn namespace_fits(selector: &Selector, input: &Input, snapshot: &Snapshot) -> Result<bool, Lacking> {
    let own = if is_namespace(input) {
        let name = input.resource().and_then(|object| object.pointer("/metadata/name")).and_then(Value::as_str);
        name.or_else(|| input.request.get("name").and_then(Value::as_str)).unwrap_or_default()
    } else {
        match namespace(input) {
            "" => return Ok(true),
            name => name,
        }
    };
    let asked = selector.labels.keys().chain(selector.expressions.iter().map(|asked| &asked.key));
    let of_object;
    let mut found: Vec<(&str, &str)> = if is_namespace(input) {
        input.resource().map(labels).unwrap_or_default()
    } else if asked.into_iter().all(|key| key == NAME) {
        Vec::new()
    } else {
        of_object = namespace_object(input, snapshot).map_err(Lacking::Need)?;
        labels(&of_object)
    };
    // Every namespace carries its own name.
    if !found.iter().any(|(key, _)| *key == NAME) {
        found.push((NAME, own));
    }
    Ok(selector.matches(&found))
}

impl ResourceRule {
    fn compile(value: &Value) -> Result<ResourceRule, String> {
        let operations = texts(value, "operations");
        for operation in &operations {
            if !matches!(operation.as_str(), "*" | "CREATE" | "UPDATE" | "DELETE" | "CONNECT") {
                return Err(format!("`{operation}` is no operation; there are CREATE, UPDATE, DELETE, CONNECT and *"));
            }
        }
        let scope = match value.get("scope").and_then(Value::as_str) {
            None | Some("*") => None,
            Some("Cluster") => Some(Scope::Cluster),
            Some("Namespaced") => Some(Scope::Namespaced),
            Some(other) => return Err(format!("`{other}` is no scope; there are Cluster, Namespaced and *")),
        };
        for key in ["apiGroups", "apiVersions", "operations", "resources"] {
            if texts(value, key).is_empty() {
                return Err(format!("a resource rule without `{key}` matches nothing"));
            }
        }
        Ok(ResourceRule {
            groups: texts(value, "apiGroups"),
            versions: texts(value, "apiVersions"),
            operations,
            resources: texts(value, "resources"),
            names: texts(value, "resourceNames"),
            scope,
        })
    }

    /// Whether some request of this kind, subresource and operation may be meant. `versioned`: by its version, too.
    fn may_concern(&self, input: &Input, versioned: bool) -> bool {
        let any = |list: &[String], text: &str| list.iter().any(|entry| entry == "*" || entry == text);
        // An API server compares what the URL names: the object of a subresource may be of another group (`rollouts/scale` takes a `Scale`).
        let (group, version) = input
            .asked_for()
            .map_or((input.kind.group.as_str(), input.kind.version.as_str()), |asked| (asked.group, asked.version));
        any(&self.operations, input.operation.as_str())
            && any(&self.groups, group)
            && (!versioned || any(&self.versions, version))
            && self.resources.iter().any(|pattern| resource_fits(pattern, input))
    }

    fn fits(&self, input: &Input, versioned: bool) -> bool {
        let namespaced = !namespace(input).is_empty();
        let name = input.resource().and_then(|object| object.pointer("/metadata/name")).and_then(Value::as_str);
        let name = name.or_else(|| input.request.get("name").and_then(Value::as_str)).unwrap_or_default();
        self.may_concern(input, versioned)
            && (self.names.is_empty() || self.names.iter().any(|wanted| wanted == name))
            && match self.scope {
                None => true,
                Some(Scope::Namespaced) => namespaced,
                Some(Scope::Cluster) => !namespaced,
            }
    }
}

/// `pods`, `pods/exec`, `pods/*`, `*/scale`, `*`, `*/*`.
fn resource_fits(pattern: &str, input: &Input) -> bool {
    let (resource, subresource) = pattern.split_once('/').map_or((pattern, ""), |(resource, part)| (resource, part));
    let part_fits = match (pattern, subresource) {
        ("*", _) => input.subresource.is_empty(),
        (_, "*") => true,
        (_, part) => part == input.subresource,
    };
    part_fits && (resource == "*" || plurals(input).iter().any(|plural| plural == resource))
}

/// What the API calls many of the request's kind: as the request says, else as its kind may be spelt.
pub(super) fn plurals(input: &Input) -> Vec<String> {
    if let Some(resource) = input.request.pointer("/resource/resource").and_then(Value::as_str) {
        return vec![resource.to_owned()];
    }
    kind_plurals(&input.kind.kind)
}

/// How the API may call many of a kind.
pub(crate) fn kind_plurals(kind: &str) -> Vec<String> {
    let kind = kind.to_lowercase();
    let mut found = vec![format!("{kind}s"), format!("{kind}es")];
    if let Some(stem) = kind.strip_suffix('y') {
        // `policies`, and `gateways`.
        let behind_vowel = stem.ends_with(['a', 'e', 'i', 'o', 'u']);
        found.insert(usize::from(behind_vowel), format!("{stem}ies"));
    }
    if kind.ends_with('s') {
        found.insert(0, format!("{kind}es"));
        found.push(kind);
    }
    found
}
