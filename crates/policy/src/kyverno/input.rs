//! What is judged: one admission request, or a resource on its own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What is done to the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operation {
    /// It is made.
    #[default]
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A connection to it is opened (`exec`, `attach`).
    Connect,
}

impl Operation {
    /// Reads `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    pub fn parse(text: &str) -> Option<Operation> {
        Some(match text {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            _ => return None,
        })
    }

    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
        }
    }
}

/// Group, version and kind of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// Empty for the core group.
    pub group: String,
    /// `v1`
    pub version: String,
    /// `Pod`
    pub kind: String,
}

impl Kind {
    /// Of a resource's `apiVersion` and `kind`.
    pub fn of(resource: &Value) -> Kind {
        let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = match text("apiVersion").split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", text("apiVersion")),
        };
        Kind { group: group.to_owned(), version: version.to_owned(), kind: text("kind").to_owned() }
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Name, as `system:serviceaccount:ns:name`.
    pub username: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Roles, as `namespace:name`.
    pub roles: Vec<String>,
    /// Cluster roles.
    pub cluster_roles: Vec<String>,
    /// Nobody looked which roles there are: then a rule is about whoever has the ones that it names, and nobody is left out of it by having one.
    pub roles_unknown: bool,
}

/// What a request asks for, as its URL names it (`request.resource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AskedFor<'i> {
    /// Empty for the core group.
    pub(crate) group: &'i str,
    pub(crate) version: &'i str,
    /// `deployments`
    pub(crate) plural: &'i str,
}

/// One request with everything that was handed in with it. Nothing here is fetched.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// `request` as policies see it: `object`, `oldObject`, `operation`, `userInfo`, `namespace`, ...
    pub request: Value,
    /// What is done.
    pub operation: Operation,
    /// Kind of the resource; of the parent, where a subresource is asked for.
    pub kind: Kind,
    /// `exec`, `status`, or empty.
    pub subresource: String,
    /// Labels of the resource's namespace.
    pub namespace_labels: BTreeMap<String, String>,
    /// The namespace itself, if more of it is known than its labels.
    pub namespace_object: Option<Value>,
    /// Who asks; `None` if that is not known, and then no rule asks for it.
    pub user: Option<User>,
    /// Values that stand for context entries and other roots, by name.
    pub roots: Map<String, Value>,
    /// The same for single rules, by the rule's name.
    pub rule_roots: BTreeMap<String, Map<String, Value>>,
    /// The same for single elements of a rule's `foreach`.
    pub element_roots: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
}

impl Input {
    /// A resource that is made, changed to what it is, or deleted, with nothing known of who asks.
    pub fn of(resource: Value, operation: Operation) -> Input {
        let kind = Kind::of(&resource);
        let namespace = resource.pointer("/metadata/namespace").cloned().unwrap_or_else(|| json!(""));
        let name = resource.pointer("/metadata/name").cloned().unwrap_or_else(|| json!(""));
        let mut request = json!({
            "operation": operation.as_str(),
            "namespace": namespace,
            "name": name,
            "kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        });
        if let Some(request) = request.as_object_mut() {
            match operation {
                Operation::Create | Operation::Connect => {
                    request.insert("object".to_owned(), resource);
                }
                Operation::Update => {
                    request.insert("oldObject".to_owned(), resource.clone());
                    request.insert("object".to_owned(), resource);
                }
                Operation::Delete => {
                    request.insert("oldObject".to_owned(), resource);
                    request.insert("object".to_owned(), Value::Null);
                }
            }
        }
        Input { request, operation, kind, ..Input::default() }
    }

    /// The same request about another object: the one that a rule made of it.
    #[must_use]
    pub fn with_object(&self, object: Value) -> Input {
        let mut next = self.clone();
        if let Some(request) = next.request.as_object_mut() {
            request.insert("object".to_owned(), object);
        }
        next
    }

    /// Names who asks, also to expressions.
    #[must_use]
    pub fn by(mut self, user: User) -> Input {
        if let Some(request) = self.request.as_object_mut() {
            if !user.roles_unknown {
                request.insert("roles".to_owned(), json!(user.roles));
                request.insert("clusterRoles".to_owned(), json!(user.cluster_roles));
            }
            request.insert("userInfo".to_owned(), json!({"username": user.username, "groups": user.groups}));
        }
        let account = user.username.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        let (namespace, name) = account.unwrap_or(("", ""));
        self.roots.insert("serviceAccountName".to_owned(), json!(name));
        self.roots.insert("serviceAccountNamespace".to_owned(), json!(namespace));
        self.user = Some(user);
        self
    }

    /// Sets a value by a path of names (`request.object.spec.replicas`), as Kyverno's value files do.
    pub fn set(&mut self, path: &str, value: Value) {
        let names = route(path);
        let Some((first, rest)) = names.split_first() else { return };
        let target =
            if *first == "request" { &mut self.request } else { self.roots.entry(*first).or_insert(Value::Null) };
        set_at(target, rest, value);
    }

    /// The same for one rule, and for what was made of it for controllers.
    pub fn set_for_rule(&mut self, rule: &str, path: &str, value: Value) {
        let names = route(path);
        let Some((first, rest)) = names.split_first() else { return };
        let roots = self.rule_roots.entry(rule.to_owned()).or_default();
        set_at(roots.entry(*first).or_insert(Value::Null), rest, value);
    }

    /// What was handed in for a rule, by its name or by the name of the rule that it was made of.
    pub(crate) fn roots_of(&self, rule: &str) -> Option<&Map<String, Value>> {
        self.rule_roots.get(rule).or_else(|| self.rule_roots.get(declared(rule)))
    }

    /// What was handed in for the elements of a rule.
    pub(crate) fn elements_of(&self, rule: &str) -> Option<&BTreeMap<String, Vec<Value>>> {
        self.element_roots.get(rule).or_else(|| self.element_roots.get(declared(rule)))
    }

    /// The request as one rule sees it.
    pub(crate) fn request_for(&self, rule: &str) -> Cow<'_, Value> {
        match self.roots_of(rule).and_then(|roots| roots.get("request")) {
            None => Cow::Borrowed(&self.request),
            Some(more) => {
                let mut request = self.request.clone();
                merge(&mut request, more.clone());
                Cow::Owned(request)
            }
        }
    }

    /// What is asked for by its group, version and plural. Nothing if the request does not say it.
    pub(crate) fn asked_for(&self) -> Option<AskedFor<'_>> {
        let resource = self.request.get("resource")?;
        let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default();
        let plural = Some(text("resource")).filter(|plural| !plural.is_empty())?;
        Some(AskedFor { group: text("group"), version: text("version"), plural })
    }

    /// What is made or changed; nothing for a deletion.
    pub fn object(&self) -> Option<&Value> {
        self.request.get("object").filter(|object| !object.is_null())
    }

    /// What was there before.
    pub fn old_object(&self) -> Option<&Value> {
        self.request.get("oldObject").filter(|object| !object.is_null())
    }

    /// The resource that rules are matched with.
    pub fn resource(&self) -> Option<&Value> {
        self.object().or_else(|| self.old_object())
    }

    /// What filters see of a resource. Options of a connection carry no metadata; their namespace is the request's.
    pub(crate) fn view<'r>(&'r self, resource: &'r Value) -> ResourceView<'r> {
        let mut view = ResourceView::of(resource);
        if view.namespace.is_empty() && view.kind != "Namespace" && self.kind.kind != "Namespace" {
            view.namespace = self.request.get("namespace").and_then(Value::as_str).unwrap_or_default();
        }
        view
    }
}

/// The name of the rule that a rule for controllers was made of.
pub(crate) fn declared(rule: &str) -> &str {
    rule.strip_prefix("autogen-cronjob-").or_else(|| rule.strip_prefix("autogen-")).unwrap_or(rule)
}

/// The names of a path: `a.b."c.d/e"`.
fn route(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (name, behind) = match rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
            Some((name, behind)) => (name, behind.strip_prefix('.').unwrap_or(behind)),
            None => rest.split_once('.').unwrap_or((rest, "")),
        };
        names.push(name);
        rest = behind;
    }
    names
}

/// Merges a value in at the end of a route of names.
fn set_at(target: &mut Value, names: &[&str], value: Value) {
    let mut place = target;
    for name in names {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Some(object) = place.as_object_mut() else { return };
        place = object.entry(*name).or_insert(Value::Null);
    }
    merge(place, value);
}

/// Mappings are joined, everything else is replaced.
fn merge(place: &mut Value, value: Value) {
    match (place, value) {
        (Value::Object(have), Value::Object(new)) => {
            for (key, value) in new {
                merge(have.entry(key).or_insert(Value::Null), value);
            }
        }
        (place, value) => *place = value,
    }
}

/// The parts of a resource that filters look at.
pub(crate) struct ResourceView<'r> {
    pub(crate) kind: &'r str,
    pub(crate) name: &'r str,
    pub(crate) namespace: &'r str,
    metadata: Option<&'r Value>,
}

impl<'r> ResourceView<'r> {
    fn of(resource: &'r Value) -> ResourceView<'r> {
        let metadata = resource.get("metadata");
        let text =
            |key: &str| metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        ResourceView {
            kind: resource.get("kind").and_then(Value::as_str).unwrap_or_default(),
            name: if name.is_empty() { text("generateName") } else { name },
            namespace: text("namespace"),
            metadata,
        }
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
        texts(self.metadata, "labels")
    }

    pub(crate) fn annotations(&self) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
        texts(self.metadata, "annotations")
    }
}

fn texts<'r>(metadata: Option<&'r Value>, key: &str) -> impl Iterator<Item = (&'r str, &'r str)> + use<'r> {
    let entries = metadata.and_then(|metadata| metadata.get(key)).and_then(Value::as_object);
    entries.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}
