//! Objects with versions, and what is asked about them.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{Answer, Ask, Asked, Kind, State, kind};

/// Group, plural, namespace, name.
pub(crate) type Key = (String, String, String, String);

/// Something that happened.
pub(crate) struct Change {
    version: u64,
    event: &'static str,
    key: Key,
    object: Value,
}

pub(crate) struct Store {
    version: u64,
    /// Versions below are not kept.
    kept: u64,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) objects: BTreeMap<Key, Value>,
    changes: VecDeque<Change>,
}

pub(crate) fn key(kind: &Kind, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced { namespace } else { "" };
    (kind.group.clone(), kind.plural.clone(), namespace.to_owned(), name.to_owned())
}

pub(crate) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Store {
    pub(crate) fn new() -> Store {
        let registration = "admissionregistration.k8s.io";
        let kinds = vec![
            kind("", "v1", "namespaces", "Namespace", false),
            kind("", "v1", "pods", "Pod", true),
            kind("", "v1", "configmaps", "ConfigMap", true),
            kind("", "v1", "secrets", "Secret", true),
            kind("apps", "v1", "deployments", "Deployment", true),
            kind("coordination.k8s.io", "v1", "leases", "Lease", true),
            kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true),
            kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false),
            kind(registration, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false),
            kind(registration, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false),
            kind("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", false),
        ];
        Store { version: 100, kept: 0, kinds, objects: BTreeMap::new(), changes: VecDeque::new() }
    }

    pub(crate) fn kind_of(&self, plural: &str) -> Kind {
        let found = self.kinds.iter().find(|kind| kind.plural == plural);
        found.unwrap_or_else(|| panic!("`{plural}` is not served")).clone()
    }

    pub(crate) fn compact(&mut self) {
        self.version += 1;
        self.kept = self.version;
    }

    /// Writes it with the metadata that a server gives.
    pub(crate) fn write(&mut self, kind: &Kind, mut object: Value) -> Value {
        self.version += 1;
        let key = key(kind, text(&object, "/metadata/namespace"), text(&object, "/metadata/name"));
        let before = self.objects.get(&key);
        let uid = before.map_or_else(|| format!("uid-{}", self.version), |old| text(old, "/metadata/uid").to_owned());
        let api_version = match kind.group.as_str() {
            "" => kind.versions[0].clone(),
            group => format!("{group}/{}", kind.versions[0]),
        };
        object["apiVersion"] = json!(api_version);
        object["kind"] = json!(kind.kind);
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["metadata"]["creationTimestamp"] = json!("2026-01-16T00:00:00Z");
        object["metadata"]["managedFields"] = json!([{"manager": "somebody", "fieldsV1": {"f:spec": {}}}]);
        if kind.kind == "Namespace" {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        let event = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.objects.insert(key.clone(), object.clone());
        self.changes.push_back(Change { version: self.version, event, key, object: object.clone() });
        object
    }

    /// Takes it away, and what it owns.
    pub(crate) fn remove(&mut self, kind: &Kind, namespace: &str, name: &str) -> Option<Value> {
        let key = key(kind, namespace, name);
        let removed = self.gone(&key)?;
        let uid = text(&removed, "/metadata/uid").to_owned();
        let owned = |object: &Value| {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            owners.into_iter().flatten().any(|owner| owner["uid"] == uid.as_str())
        };
        let mut following: Vec<Key> =
            self.objects.iter().filter(|(_, object)| owned(object)).map(|(key, _)| key.clone()).collect();
        if kind.kind == "Namespace" {
            following.extend(self.objects.keys().filter(|key| key.2 == name).cloned());
        }
        for key in following {
            self.gone(&key);
        }
        Some(removed)
    }

    fn gone(&mut self, key: &Key) -> Option<Value> {
        let mut object = self.objects.remove(key)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.changes.push_back(Change {
            version: self.version,
            event: "DELETED",
            key: key.clone(),
            object: object.clone(),
        });
        Some(object)
    }
}

/// What a path names.
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: String,
}

fn target(store: &Store, path: &[String]) -> Option<Target> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, None, ""),
        [plural, name] => (*plural, Some(*name), ""),
        [plural, name, part] => (*plural, Some(*name), *part),
        _ => return None,
    };
    let served = |kind: &&Kind| {
        kind.group == group && kind.plural == plural && kind.versions.iter().any(|known| known == version)
    };
    let kind = store.kinds.iter().find(served)?.clone();
    Some(Target {
        kind,
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        name: name.map(str::to_owned),
        subresource: subresource.to_owned(),
    })
}

fn verb(ask: &Ask, named: bool) -> &'static str {
    match (ask.method.as_str(), named) {
        ("GET", _) if ask.query("watch") == "true" => "watch",
        ("GET", true) => "get",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        _ => "delete",
    }
}

impl State {
    /// Whether who asks may; nothing if he may.
    fn refusal(&self, ask: &Ask, target: &Target) -> Option<Answer> {
        let verb = verb(ask, target.name.is_some());
        let named = ask.query("fieldSelector").strip_prefix("metadata.name=").unwrap_or_default().to_owned();
        self.asked.lock().insert(Asked {
            verb,
            group: target.kind.group.clone(),
            resource: match target.subresource.as_str() {
                "" => target.kind.plural.clone(),
                part => format!("{}/{part}", target.kind.plural),
            },
            namespace: target.namespace.clone(),
            name: target.name.clone().unwrap_or(named),
        });
        let manner = self.manner.lock();
        let action = format!("{verb} {}", target.kind.plural);
        let bearer = ask.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        if !manner.tokens.is_empty() && !manner.tokens.iter().any(|token| token == bearer) {
            return Some(Answer::no(401, "Unauthorized", "Unauthorized"));
        }
        let forbidden = manner.forbidden.contains(&action);
        forbidden.then(|| Answer::no(403, "Forbidden", format!("{} is forbidden: cannot {verb}", target.kind.plural)))
    }

    pub(crate) fn answer(&self, ask: &Ask) -> Answer {
        let parts: Vec<&str> = ask.path.iter().map(String::as_str).collect();
        if let Some(document) = discovery(&self.store.lock().kinds, &parts) {
            return Answer::ok(document);
        }
        let Some(target) = target(&self.store.lock(), &ask.path) else {
            return Answer::no(404, "NotFound", "the server could not find the requested resource");
        };
        // Who asks from within the test is the administrator.
        if !ask.header("host").is_empty()
            && let Some(refusal) = self.refusal(ask, &target)
        {
            return refusal;
        }
        let body: Value = serde_json::from_slice(&ask.body).unwrap_or(Value::Null);
        let answer = match (ask.method.as_str(), &target.name) {
            ("GET", None) => self.list(ask, &target),
            ("GET", Some(name)) => self.get(&target, name),
            ("POST", None) if target.kind.kind == "SubjectAccessReview" => self.access_review(body),
            ("POST", None) => self.create(&target, body),
            ("PUT", Some(name)) => self.replace(&target, name, body),
            ("PATCH", Some(name)) => self.apply(ask, &target, name, body),
            ("DELETE", Some(name)) => self.delete(&target, name),
            _ => Answer::no(405, "MethodNotAllowed", "the server does not allow this method"),
        };
        self.changed.notify_all();
        answer
    }

    fn get(&self, target: &Target, name: &str) -> Answer {
        let store = self.store.lock();
        match store.objects.get(&key(&target.kind, &target.namespace, name)) {
            Some(found) => Answer::ok(found.clone()),
            None => missing(target, name),
        }
    }

    fn list(&self, ask: &Ask, target: &Target) -> Answer {
        let store = self.store.lock();
        let (mut version, mut after) = (store.version, None);
        if !ask.query("continue").is_empty() {
            // The version that the first page had, and the last key of the page before.
            let (of, rest) = ask.query("continue").split_once('|').unwrap_or_default();
            version = of.parse().unwrap_or(0);
            if version < store.kept {
                return Answer::no(410, "Expired", "The provided continue parameter is too old");
            }
            after = rest.split_once('|').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
        }
        let limit = ask.query("limit").parse().ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let chosen = |(key, object): &(&Key, &Value)| selected(ask, target, key, object);
        let mut found = store
            .objects
            .iter()
            .filter(chosen)
            .filter(|(key, _)| after.as_ref().is_none_or(|after| (&key.2, &key.3) > (&after.0, &after.1)));
        let page: Vec<(&Key, &Value)> = found.by_ref().take(limit).collect();
        let next = match (found.next(), page.last()) {
            (Some(_), Some((key, _))) => format!("{version}|{}|{}", key.2, key.3),
            _ => String::new(),
        };
        let metadata_only = ask.header("accept").contains("as=PartialObjectMetadataList");
        let items: Vec<Value> = page
            .into_iter()
            .map(|(_, object)| {
                let mut object = if metadata_only { partial(object) } else { object.clone() };
                // Items of a list do not say what they are.
                if let Some(fields) = object.as_object_mut().filter(|_| !metadata_only) {
                    fields.remove("apiVersion");
                    fields.remove("kind");
                }
                object
            })
            .collect();
        Answer::ok(json!({
            "kind": format!("{}List", target.kind.kind), "apiVersion": target.version,
            "metadata": {"resourceVersion": version.to_string(), "continue": next},
            "items": if items.is_empty() { Value::Null } else { Value::Array(items) },
        }))
    }

    fn create(&self, target: &Target, mut object: Value) -> Answer {
        if object["metadata"]["name"].is_null() {
            let stem = text(&object, "/metadata/generateName").to_owned();
            object["metadata"]["name"] = json!(format!("{stem}x{}", self.store.lock().version));
        }
        if target.kind.namespaced {
            object["metadata"]["namespace"] = json!(target.namespace);
            let store = self.store.lock();
            if !store.objects.contains_key(&key(&store.kind_of("namespaces"), "", &target.namespace)) {
                return Answer::no(404, "NotFound", format!("namespaces \"{}\" not found", target.namespace));
            }
        }
        let name = text(&object, "/metadata/name").to_owned();
        if !text(&object, "/metadata/resourceVersion").is_empty() {
            return Answer::no(400, "BadRequest", "resourceVersion should not be set on objects to be created");
        }
        let object = match self.admit("CREATE", target, Some(object), None) {
            Ok(object) => object.unwrap_or_default(),
            Err(answer) => return answer,
        };
        let mut store = self.store.lock();
        if store.objects.contains_key(&key(&target.kind, &target.namespace, &name)) {
            return Answer::no(409, "AlreadyExists", format!("{} \"{name}\" already exists", target.kind.plural));
        }
        Answer { status: 201, body: store.write(&target.kind, object) }
    }

    fn replace(&self, target: &Target, name: &str, object: Value) -> Answer {
        let Some(old) = self.store.lock().objects.get(&key(&target.kind, &target.namespace, name)).cloned() else {
            return missing(target, name);
        };
        let object = match self.admit("UPDATE", target, Some(object), Some(old)) {
            Ok(object) => object.unwrap_or_default(),
            Err(answer) => return answer,
        };
        let mut store = self.store.lock();
        let Some(old) = store.objects.get(&key(&target.kind, &target.namespace, name)) else {
            return missing(target, name);
        };
        let (said, is) = (text(&object, "/metadata/resourceVersion"), text(old, "/metadata/resourceVersion"));
        if !said.is_empty() && said != is {
            let why = "the object has been modified; please apply your changes to the latest version and try again";
            return Answer::no(409, "Conflict", format!("Operation cannot be fulfilled on \"{name}\": {why}"));
        }
        Answer::ok(store.write(&target.kind, object))
    }

    fn apply(&self, ask: &Ask, target: &Target, name: &str, object: Value) -> Answer {
        if ask.header("content-type") != "application/apply-patch+yaml" {
            return Answer::no(415, "UnsupportedMediaType", "only server-side apply is served here");
        }
        if ask.query("fieldManager").is_empty() || text(&object, "/metadata/name") != name {
            return Answer::no(400, "BadRequest", "fieldManager is required for apply patch");
        }
        let old = self.store.lock().objects.get(&key(&target.kind, &target.namespace, name)).cloned();
        let mut next = old.clone().unwrap_or_else(|| json!({}));
        merge(&mut next, &object);
        if target.kind.namespaced {
            next["metadata"]["namespace"] = json!(target.namespace);
        }
        let operation = if old.is_some() { "UPDATE" } else { "CREATE" };
        let status = if old.is_some() { 200 } else { 201 };
        match self.admit(operation, target, Some(next), old) {
            Ok(object) => Answer { status, body: self.store.lock().write(&target.kind, object.unwrap_or_default()) },
            Err(answer) => answer,
        }
    }

    fn delete(&self, target: &Target, name: &str) -> Answer {
        let old = self.store.lock().objects.get(&key(&target.kind, &target.namespace, name)).cloned();
        let Some(old) = old else { return missing(target, name) };
        if let Err(answer) = self.admit("DELETE", target, None, Some(old)) {
            return answer;
        }
        match self.store.lock().remove(&target.kind, &target.namespace, name) {
            Some(_) => Answer::ok(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
            None => missing(target, name),
        }
    }

    fn access_review(&self, mut review: Value) -> Answer {
        let allowed = self.manner.lock().allowed_users.contains(text(&review, "/spec/user"));
        review["status"] = json!({"allowed": allowed});
        Answer { status: 201, body: review }
    }
}

fn missing(target: &Target, name: &str) -> Answer {
    Answer::no(404, "NotFound", format!("{} \"{name}\" not found", target.kind.plural))
}

fn partial(object: &Value) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
}

fn selected(ask: &Ask, target: &Target, key: &Key, object: &Value) -> bool {
    let labels = ask.query("labelSelector");
    key.0 == target.kind.group
        && key.1 == target.kind.plural
        && (target.namespace.is_empty() || key.2 == target.namespace)
        && ask.query("fieldSelector").strip_prefix("metadata.name=").is_none_or(|name| key.3 == name)
        && labels.split(',').filter(|part| !part.is_empty()).all(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            object["metadata"]["labels"][name] == value
        })
}

fn merge(into: &mut Value, from: &Value) {
    let (Some(fields), Some(from)) = (into.as_object_mut(), from.as_object()) else {
        *into = from.clone();
        return;
    };
    for (key, value) in from {
        let place = fields.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
        if value.is_object() && place.is_object() { merge(place, value) } else { *place = value.clone() }
    }
}

/// The documents that tell what is served.
fn discovery(kinds: &[Kind], path: &[&str]) -> Option<Value> {
    let of = |group: &str, version: &str| {
        let served = kinds.iter().filter(|kind| kind.group == group && kind.versions.iter().any(|one| one == version));
        let mut resources = Vec::new();
        for kind in served {
            let verbs = match kind.plural.as_str() {
                "subjectaccessreviews" => json!(["create"]),
                _ => json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]),
            };
            let (name, namespaced) = (&kind.plural, kind.namespaced);
            resources.push(json!({"name": name, "kind": kind.kind, "namespaced": namespaced, "verbs": verbs}));
            if name == "pods" {
                for (part, kind, verbs) in [
                    ("ephemeralcontainers", "Pod", json!(["get", "patch", "update"])),
                    ("status", "Pod", json!(["get", "patch", "update"])),
                    ("exec", "PodExecOptions", json!(["create", "get"])),
                ] {
                    resources.push(
                        json!({"name": format!("pods/{part}"), "kind": kind, "namespaced": true, "verbs": verbs}),
                    );
                }
            }
        }
        json!({"kind": "APIResourceList", "groupVersion": format!("{group}/{version}"), "resources": resources})
    };
    match path {
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
            for kind in kinds.iter().filter(|kind| !kind.group.is_empty()) {
                let versions = groups.entry(&kind.group).or_default();
                for version in &kind.versions {
                    let entry = json!({"groupVersion": format!("{}/{version}", kind.group), "version": version});
                    if !versions.contains(&entry) {
                        versions.push(entry);
                    }
                }
            }
            let groups: Vec<Value> =
                groups.into_iter().map(|(name, versions)| json!({"name": name, "versions": versions})).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["api", version] => Some(of("", version)),
        ["apis", group, version] => Some(of(group, version)).filter(|found| found["resources"] != json!([])),
        _ => None,
    }
}

/// Events as they happen, one JSON a line, in chunks.
pub(crate) fn watch(state: &State, ask: &Ask, stream: &mut dyn Write) -> std::io::Result<()> {
    let no = |stream: &mut dyn Write, answer: &Answer| {
        let body = answer.body.to_string();
        let head =
            format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.status, body.len());
        stream.write_all((head + &body).as_bytes())?;
        stream.flush()
    };
    let found = target(&state.store.lock(), &ask.path);
    let Some(target) = found else { return no(stream, &Answer::no(404, "NotFound", "no such kind")) };
    if let Some(refusal) = state.refusal(ask, &target) {
        return no(stream, &refusal);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    stream.flush()?;
    let send = |stream: &mut dyn Write, event: &str, object: &Value| -> std::io::Result<()> {
        let line = json!({"type": event, "object": object}).to_string() + "\n";
        stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes())?;
        stream.flush()
    };
    let mut seen: u64 = ask.query("resourceVersion").parse().unwrap_or(0);
    if seen < state.store.lock().kept {
        let gone = Answer::no(410, "Expired", "too old resource version").body;
        send(stream, "ERROR", &gone)?;
        return stream.write_all(b"0\r\n\r\n");
    }
    let asked = Duration::from_secs(ask.query("timeoutSeconds").parse().unwrap_or(60));
    let time = state.manner.lock().watch_time.unwrap_or(asked);
    let (begun, mut marked) = (Instant::now(), Instant::now());
    let partial_only = ask.header("accept").contains("as=PartialObjectMetadata");
    while begun.elapsed() < time {
        if state.manner.lock().gone || state.stop.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(());
        }
        let (mut lines, version) = (Vec::new(), {
            let mut store = state.store.lock();
            if store.version == seen {
                state.changed.wait_for(&mut store, Duration::from_millis(100));
            }
            store.version
        });
        for change in
            state.store.lock().changes.iter().filter(|change| change.version > seen && change.version <= version)
        {
            if selected(ask, &target, &change.key, &change.object) {
                let object = if partial_only { partial(&change.object) } else { change.object.clone() };
                lines.push((change.event, object));
            }
        }
        seen = version;
        for (event, object) in lines {
            send(stream, event, &object)?;
        }
        if ask.query("allowWatchBookmarks") == "true" && marked.elapsed() > Duration::from_millis(500) {
            marked = Instant::now();
            let mark = json!({"kind": target.kind.kind, "metadata": {"resourceVersion": seen.to_string()}});
            send(stream, "BOOKMARK", &mark)?;
        }
    }
    stream.write_all(b"0\r\n\r\n")?;
    stream.flush()
}
