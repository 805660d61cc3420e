//! The objects that there are, by group, kind, namespace and name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kinds::{KindInfo, split};
use crate::areas::admit::chainsaw::tree::{self, Bindings};

/// What names an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::areas::admit::chainsaw) struct Key {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// All objects.
#[derive(Clone, Debug, Default)]
pub(in crate::areas::admit::chainsaw) struct Store {
    pub(super) objects: BTreeMap<Key, Value>,
}

/// The text at a pointer; empty, if there is none.
pub(super) fn part<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Store {
    /// What is known of a kind.
    pub(super) fn kind(&self, group: &str, kind: &str) -> KindInfo {
        let definitions = self.of("apiextensions.k8s.io", "CustomResourceDefinition");
        let defined = definitions.into_iter().find(|definition| {
            part(definition, "/spec/group") == group && part(definition, "/spec/names/kind") == kind
        });
        defined.and_then(KindInfo::defined).unwrap_or_else(|| KindInfo::built_in(group, kind))
    }

    /// The key of an object, which lies in `namespace` if it does not say where.
    pub(super) fn key(&self, object: &Value, namespace: &str) -> Key {
        let (group, _) = split(part(object, "/apiVersion"));
        let kind = part(object, "/kind");
        let namespace = match (self.kind(group, kind).namespaced, part(object, "/metadata/namespace")) {
            (false, _) => "",
            (true, "") => namespace,
            (true, own) => own,
        };
        Key {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: part(object, "/metadata/name").to_owned(),
        }
    }

    pub(super) fn get(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        let [group, kind, namespace, name] = [group, kind, namespace, name].map(str::to_owned);
        self.objects.get(&Key { group, kind, namespace, name })
    }

    /// All objects of a kind.
    pub(super) fn of(&self, group: &str, kind: &str) -> Vec<&Value> {
        let of_kind = |(key, _): &(&Key, &Value)| key.group == group && key.kind == kind;
        self.objects.iter().filter(of_kind).map(|(_, object)| object).collect()
    }

    /// All objects of what the API calls `plural`, with the apiVersion that was asked for.
    pub(super) fn called(&self, api_version: &str, plural: &str, namespace: Option<&str>) -> Vec<Value> {
        let (group, _) = split(api_version);
        let fits = |(key, _): &(&Key, &Value)| {
            key.group == group
                && namespace.is_none_or(|namespace| key.namespace == namespace)
                && self.kind(group, &key.kind).plural == plural
        };
        self.objects.iter().filter(fits).map(|(_, object)| versioned(object, api_version)).collect()
    }

    /// Whether a partial object holds for one that is there: the one of its name, or any of its kind and labels.
    pub(in crate::areas::admit::chainsaw) fn holds(
        &self,
        tree: &Value,
        namespace: &str,
        bindings: &Bindings,
    ) -> Result<(), String> {
        // The names by which an object is found may be expressions; what is compared may not be evaluated before.
        let named = tree::resolved(
            &json!({"metadata": tree.get("metadata"), "apiVersion": tree.get("apiVersion"), "kind": tree.get("kind")}),
            bindings,
        );
        let api_version = part(tree, "/apiVersion");
        let key = self.key(&named, namespace);
        let labels = named.pointer("/metadata/labels").and_then(Value::as_object);
        let candidates = self.objects.iter().filter(|(found, object)| {
            found.group == key.group
                && found.kind == key.kind
                && found.namespace == key.namespace
                && if key.name.is_empty() {
                    labels.into_iter().flatten().all(|(label, value)| {
                        label.starts_with('(')
                            || object.pointer("/metadata/labels").and_then(|all| all.get(label)) == Some(value)
                    })
                } else {
                    found.name == key.name
                }
        });
        let mut why = format!("there is no {} `{}/{}`", key.kind, key.namespace, key.name);
        for (_, object) in candidates {
            match tree::check(&without_place(tree), &versioned(object, api_version), bindings) {
                Ok(()) => return Ok(()),
                Err(found) => why = format!("{} `{}`{found}", key.kind, part(object, "/metadata/name")),
            }
        }
        Err(why)
    }
}

/// A partial object without the namespace that it was found in.
fn without_place(tree: &Value) -> Value {
    let mut tree = tree.clone();
    if let Some(metadata) = tree.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| key != "namespace" && key != "creationTimestamp");
    }
    tree
}

/// The object as the API serves it in another version.
fn versioned(object: &Value, api_version: &str) -> Value {
    let mut object = object.clone();
    if !api_version.is_empty()
        && let Some(entries) = object.as_object_mut()
    {
        entries.insert("apiVersion".to_owned(), json!(api_version));
    }
    object
}

/// A merge patch. Source: RFC 7386.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(target) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
