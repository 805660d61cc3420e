//! A model of the API server of a cluster with Kyverno: objects, who writes them, and the webhooks that are called for every write.
//!
//! Nothing is decided here: policies are asked in the order of the API server (mutate, verify images, validate), and what they say is carried out.
//! What Kyverno's controllers do behind a request happens before the next one begins.

mod background;
mod defaults;
mod desk;
mod generate;
mod kinds;
mod kubectl;
mod policies;
mod reporting;
mod review;
mod rights;
mod serve;
mod store;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::{Input, Kind, Operation, Response, User};

use crate::areas::admit::world::World;

use self::desk::Desk;
use self::kinds::split;
use self::policies::Policies;
use self::review::Said;
pub(super) use self::store::{Key, Store};
use self::store::{merge, part};

/// Writes that one write may cause behind it, one after the other.
const ROUNDS: usize = 64;

/// One request of the API server.
#[derive(Clone, Debug)]
struct Request {
    operation: Operation,
    key: Key,
    kind: Kind,
    plural: String,
    subresource: String,
    object: Option<Value>,
    old: Option<Value>,
    user: User,
}

/// The cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    store: Store,
    policies: Policies,
    /// Where objects lie that do not say it.
    namespace: String,
    /// Counts writes; for versions, UIDs and generated names.
    revision: u64,
    now: Timestamp,
    /// Requests that were let through, for what happens behind them.
    admitted: Vec<Request>,
    /// What policies said when an object was last written.
    said: BTreeMap<Key, Vec<(Key, Vec<Response>)>>,
    /// UIDs of what something was made for.
    made_for: BTreeSet<String>,
    /// Events of the webhook.
    events: Vec<Value>,
    /// Whether that is being done.
    settling: bool,
    /// Webhooks that ask registries, in the place of those that are modelled here.
    desk: Option<Desk>,
    /// Whether a policy asked what an image is, and nobody could say.
    lacks_images: Cell<bool>,
}

impl Cluster {
    /// A new cluster, with a namespace for a test.
    pub(super) fn new(namespace: &str) -> Cluster {
        let mut cluster = Cluster {
            store: Store::default(),
            policies: Policies::default(),
            namespace: namespace.to_owned(),
            revision: 0,
            // 2026-06-01T12:00:00Z, a Monday.
            now: Timestamp::from_second(1_780_315_200).unwrap_or(Timestamp::UNIX_EPOCH),
            admitted: Vec::new(),
            said: BTreeMap::new(),
            made_for: BTreeSet::new(),
            events: Vec::new(),
            settling: false,
            desk: None,
            lacks_images: Cell::new(false),
        };
        for object in defaults::objects(namespace) {
            cluster.place(object);
        }
        cluster
    }

    /// The same, beside registries: requests are reviewed by the real webhook.
    pub(super) fn beside(namespace: &str, world: Arc<World>) -> Cluster {
        Cluster { desk: Some(Desk::new(world)), ..Cluster::new(namespace) }
    }

    /// Whether policies asked of a registry what nobody here knows.
    pub(super) fn needs_registry(&self) -> bool {
        self.lacks_images.get()
    }

    /// What a user of the API would see now.
    pub(super) fn seen(&self) -> Store {
        self.reported()
    }

    fn surroundings(&self) -> Surroundings {
        let mut seed = [7; 32];
        for (byte, count) in seed.iter_mut().zip(self.revision.to_le_bytes()) {
            *byte ^= count;
        }
        Surroundings::kyverno(self.now, seed)
    }

    /// The user of tests.
    fn admin(&self) -> User {
        self.store.user("kubernetes-admin", &["kubeadm:cluster-admins", "system:authenticated"])
    }

    /// Makes an object, or changes the one that is there to what is written.
    pub(super) fn apply(&mut self, object: &Value) -> Result<(), String> {
        let key = self.store.key(object, &self.namespace);
        match self.store.objects.get(&key).filter(|_| !key.name.is_empty()).cloned() {
            None => self.create(object),
            Some(old) => self.change(key, old, object),
        }
    }

    /// Makes an object.
    pub(super) fn create(&mut self, object: &Value) -> Result<(), String> {
        let user = self.admin();
        self.create_as(user, object)
    }

    fn create_as(&mut self, user: User, object: &Value) -> Result<(), String> {
        let mut object = object.clone();
        let key = self.store.key(&object, &self.namespace);
        if key.name.is_empty() {
            let prefix = part(&object, "/metadata/generateName").to_owned();
            if prefix.is_empty() {
                return Err("resource name may not be empty".to_owned());
            }
            defaults::set(&mut object, &["metadata"], "name", json!(format!("{prefix}m{:04}", self.revision)));
        }
        let key = self.store.key(&object, &self.namespace);
        if self.store.objects.contains_key(&key) {
            let plural = self.store.kind(&key.group, &key.kind).plural;
            return Err(format!("{plural} \"{}\" already exists", key.name));
        }
        self.write(user, Operation::Create, key, None, object)
    }

    /// Changes an object that is there.
    pub(super) fn patch(&mut self, object: &Value) -> Result<(), String> {
        let key = self.store.key(object, &self.namespace);
        let old = self.store.objects.get(&key).cloned();
        let old = old.ok_or_else(|| format!("{} \"{}\" not found", key.kind, key.name))?;
        self.change(key, old, object)
    }

    fn change(&mut self, key: Key, old: Value, patch: &Value) -> Result<(), String> {
        let mut object = old.clone();
        merge(&mut object, patch);
        let user = self.admin();
        self.write(user, Operation::Update, key, Some(old), object)
    }

    /// Deletes what a reference names, by name or by labels.
    pub(super) fn delete(&mut self, reference: &Value) -> Result<(), String> {
        let wanted = self.store.key(reference, &self.namespace);
        let labels = reference.get("labels").or_else(|| reference.pointer("/metadata/labels"));
        let name = Some(part(reference, "/name")).filter(|name| !name.is_empty()).unwrap_or(&wanted.name).to_owned();
        let namespace = Some(part(reference, "/namespace")).filter(|name| !name.is_empty());
        let namespace = namespace.unwrap_or(&wanted.namespace).to_owned();
        let fits = |(key, object): &(&Key, &Value)| {
            let labelled = || {
                labels.and_then(Value::as_object).into_iter().flatten().all(|(label, value)| {
                    object.pointer("/metadata/labels").and_then(|found| found.get(label)) == Some(value)
                })
            };
            key.group == wanted.group
                && key.kind == wanted.kind
                && (key.namespace.is_empty() || key.namespace == namespace)
                && if name.is_empty() { labelled() } else { key.name == name }
        };
        let keys: Vec<Key> = self.store.objects.iter().filter(fits).map(|(key, _)| key.clone()).collect();
        let user = self.admin();
        keys.into_iter().try_for_each(|key| self.remove(&user, &key))
    }

    /// Deletes one object, and what lies in it or is owned by it.
    fn remove(&mut self, user: &User, key: &Key) -> Result<(), String> {
        let Some(old) = self.store.objects.get(key).cloned() else { return Ok(()) };
        let request = self.request(user.clone(), Operation::Delete, key.clone(), Some(old.clone()), None);
        self.reviewed(&request)?;
        self.store.objects.remove(key);
        self.said.remove(key);
        self.revision += 1;
        if policies::is_policy(&old) {
            self.policies = Policies::of(&self.store);
        }
        self.admitted.push(request);
        let uid = part(&old, "/metadata/uid").to_owned();
        let owned = |(found, object): &(&Key, &Value)| {
            let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
            (key.kind == "Namespace" && key.group.is_empty() && found.namespace == key.name)
                || owners.filter(|_| !uid.is_empty()).any(|owner| part(owner, "/uid") == uid)
        };
        let within: Vec<Key> = self.store.objects.iter().filter(owned).map(|(key, _)| key.clone()).collect();
        for key in within {
            // What the garbage collector may not delete it tries again later; here it stays.
            let collector = self.store.user("system:serviceaccount:kube-system:generic-garbage-collector", &[]);
            let _ = self.remove(&collector, &key);
        }
        self.settle();
        Ok(())
    }

    fn request(
        &self,
        user: User,
        operation: Operation,
        key: Key,
        old: Option<Value>,
        object: Option<Value>,
    ) -> Request {
        let version = object.as_ref().or(old.as_ref()).map(|object| part(object, "/apiVersion")).unwrap_or_default();
        let (group, version) = split(version);
        let kind = Kind { group: group.to_owned(), version: version.to_owned(), kind: key.kind.clone() };
        let plural = self.store.kind(group, &key.kind).plural;
        Request { operation, key, kind, plural, subresource: String::new(), object, old, user }
    }

    /// Asks the webhooks, and keeps what they said.
    fn reviewed(&mut self, request: &Request) -> Result<Option<Value>, String> {
        let mut said = Said::default();
        let reviewed = match &self.desk {
            Some(desk) => self.reviewed_by_desk(desk, request.clone(), &mut said),
            None => self.review(request.clone(), &mut said),
        };
        let object = reviewed.as_ref().ok().and_then(Option::as_ref).or(request.object.as_ref());
        if let Some(object) = object.cloned() {
            self.notice(&object, &said);
        }
        if !said.blocked && request.operation != Operation::Delete && request.subresource.is_empty() {
            self.said.insert(request.key.clone(), said.rules);
        }
        reviewed
    }

    /// One write with all that the API server does for it.
    fn write(
        &mut self,
        user: User,
        operation: Operation,
        key: Key,
        old: Option<Value>,
        mut object: Value,
    ) -> Result<(), String> {
        if !key.namespace.is_empty() {
            if self.store.get("", "Namespace", "", &key.namespace).is_none() {
                return Err(format!("namespaces \"{}\" not found", key.namespace));
            }
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("namespace".to_owned(), json!(key.namespace));
            }
        }
        if old.is_none() {
            defaults::fill(&mut object);
            let uid = format!("00000000-0000-4000-8000-{:012x}", self.revision);
            defaults::set(&mut object, &["metadata"], "uid", json!(uid));
            defaults::set(&mut object, &["metadata"], "creationTimestamp", json!(self.now.to_string()));
            defaults::set(&mut object, &["metadata"], "generation", json!(1));
        }
        if let (Some(old), Some(metadata)) = (&old, object.get("metadata")) {
            let spec = |of: &Value| of.get("spec").cloned();
            if spec(old) != spec(&object) {
                let generation = metadata.get("generation").and_then(Value::as_u64).unwrap_or(1).saturating_add(1);
                merge(&mut object, &json!({"metadata": {"generation": generation}}));
            }
        }
        if let Some(why) = defaults::invalid(&object) {
            return Err(why);
        }
        if policies::is_policy(&object) {
            policies::validate(&object, old.as_ref())?;
        } else if kinds::is_typed(&key.group) {
            defaults::tidy(&mut object);
        }
        let made = old.is_none();
        let mut request = self.request(user, operation, key, old, Some(object));
        let mut object = self.reviewed(&request)?;
        if let Some(object) = object.as_mut().filter(|_| kinds::is_typed(&request.key.group)) {
            defaults::tidy(object);
        }
        if let Some(object) = &object {
            self.place(object.clone());
        }
        request.object = object;
        let key = request.key.clone();
        self.admitted.push(request);
        if made && key.kind == "Pod" && key.group.is_empty() {
            self.schedule(&key);
        }
        self.settle();
        Ok(())
    }

    /// The scheduler binds a Pod to the first node. What policies write into the binding's metadata the Pod gets too.
    fn schedule(&mut self, key: &Key) {
        let Some(pod) = self.store.objects.get(key).cloned() else { return };
        let node = self.store.of("", "Node").first().map(|node| part(node, "/metadata/name").to_owned());
        let Some(node) = node.filter(|_| part(&pod, "/spec/nodeName").is_empty()) else { return };
        let target = json!({"kind": "Node", "name": node});
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": key.name, "namespace": key.namespace}, "target": target});
        let user = self.store.user("system:kube-scheduler", &["system:authenticated"]);
        let mut request = self.request(user, Operation::Create, key.clone(), None, Some(pod));
        request.subresource = "binding".to_owned();
        request.object = Some(binding);
        // A Pod that may not be bound stays as it is.
        let Ok(Some(binding)) = self.reviewed(&request) else { return };
        if let Some(pod) = self.store.objects.get_mut(key) {
            let annotations = binding.pointer("/metadata/annotations").cloned().unwrap_or(json!({}));
            merge(pod, &json!({"spec": {"nodeName": node}, "metadata": {"annotations": annotations}}));
        }
        request.object = Some(binding);
        self.admitted.push(request);
    }

    /// Stores an object as it is, with the status that controllers would give it.
    fn place(&mut self, mut object: Value) {
        let key = self.store.key(&object, &self.namespace);
        if part(&object, "/metadata/uid").is_empty() {
            defaults::fill(&mut object);
            let uid = format!("00000000-0000-4000-8000-{:012x}", self.revision);
            defaults::set(&mut object, &["metadata"], "uid", json!(uid));
        }
        if !key.namespace.is_empty() {
            defaults::set(&mut object, &["metadata"], "namespace", json!(key.namespace));
        }
        self.revision += 1;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), json!(self.revision.to_string()));
        }
        if object.get("status").is_none() || part(&object, "/kind") != "Pod" {
            defaults::ready(&mut object);
        }
        let is_namespace = key.kind == "Namespace" && key.group.is_empty();
        let new = !self.store.objects.contains_key(&key);
        let name = key.name.clone();
        let is_policy = policies::is_policy(&object);
        self.store.objects.insert(key, object);
        if is_policy {
            self.policies = Policies::of(&self.store);
        }
        if is_namespace && new {
            for object in defaults::within_namespace(&name) {
                let key = self.store.key(&object, &name);
                if !self.store.objects.contains_key(&key) {
                    self.place(object);
                }
            }
        }
    }

    /// The request as policies see it.
    fn input(&self, request: &Request) -> Input {
        let resource = request.object.clone().or_else(|| request.old.clone()).unwrap_or(Value::Null);
        let mut input = Input::of(resource, request.operation);
        let (group, version, kind) = (&request.kind.group, &request.kind.version, &request.kind.kind);
        if let Some(fields) = input.request.as_object_mut() {
            fields.insert("uid".to_owned(), json!(format!("request-{}", self.revision)));
            fields
                .insert("resource".to_owned(), json!({"group": group, "version": version, "resource": request.plural}));
            fields.insert("requestKind".to_owned(), json!({"group": group, "version": version, "kind": kind}));
            fields.insert(
                "requestResource".to_owned(),
                json!({"group": group, "version": version, "resource": request.plural}),
            );
            fields.insert("namespace".to_owned(), json!(request.key.namespace));
            fields.insert("name".to_owned(), json!(request.key.name));
            fields.insert("dryRun".to_owned(), json!(false));
            if !request.subresource.is_empty() {
                fields.insert("subResource".to_owned(), json!(request.subresource));
            }
            let given = |value: &Option<Value>| value.clone().unwrap_or(Value::Null);
            fields.insert("object".to_owned(), given(&request.object));
            fields.insert("oldObject".to_owned(), given(&request.old));
        }
        input.kind = request.kind.clone();
        input.subresource = request.subresource.clone();
        // A namespace is in itself.
        let name = if kind == "Namespace" && group.is_empty() { &request.key.name } else { &request.key.namespace };
        let namespace = self.store.get("", "Namespace", "", name);
        if let Some(namespace) = namespace {
            let labels = namespace.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
            input.namespace_labels =
                labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
            input.namespace_object = Some(namespace.clone());
        }
        input.by(request.user.clone())
    }
}
