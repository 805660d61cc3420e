//! A configuration merged into an object as server-side apply merges it: maps by their keys, lists of named things by their names, other lists
//! as a whole.
//!
//! Source: sigs.k8s.io/structured-merge-diff; the keys are those of the API's own schema (`x-kubernetes-list-map-keys`).

use std::collections::HashMap;

use serde_json::Value as Json;

/// How deep objects may nest.
const DEEPEST: usize = 128;
/// Most items of one list that is merged.
const ITEMS: usize = 20_000;

/// Merges `patch` into `object`. `kubernetes`: as the API server does it, which lets nothing be set that would be replaced as a whole; Kyverno lets
/// lists.
///
/// Errors: an entry of a list lacks the key that the list is merged by, or something is set that must not be.
pub(super) fn apply(object: &mut Json, patch: &Json, kubernetes: bool) -> Result<(), String> {
    let group = object.get("apiVersion").and_then(Json::as_str).and_then(|version| version.split_once('/'));
    // Of what is no built-in kind the schema is not known, and each list is taken as a whole.
    let built_in = group.is_none_or(|(group, _)| !group.contains('.') || group.ends_with(".k8s.io"));
    merge(object, patch, "", Rules { built_in, kubernetes }, 0)
}

/// How it is merged.
#[derive(Clone, Copy)]
struct Rules {
    /// The schema of the kind is known.
    built_in: bool,
    kubernetes: bool,
}

/// The keys by which a list is merged; empty for one that is replaced.
fn keys(field: &str, items: &[Json]) -> &'static [&'static str] {
    let has = |key: &str| items.iter().any(|item| item.get(key).is_some());
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "schedulingGates"
        | "resourceClaims"
        | "claims" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        "ownerReferences" => &["uid"],
        "conditions" => &["type"],
        "ports" if has("containerPort") => &["containerPort", "protocol"],
        "ports" if has("port") => &["port", "protocol"],
        "secrets" if has("name") => &["name"],
        _ => &[],
    }
}

/// Maps that are replaced as a whole.
fn is_atomic(field: &str) -> bool {
    matches!(
        field,
        "selector"
            | "labelSelector"
            | "namespaceSelector"
            | "podSelector"
            | "nodeSelector"
            | "configMapKeyRef"
            | "secretKeyRef"
            | "fieldRef"
            | "resourceFieldRef"
            | "secretRef"
            | "target"
            | "scaleTargetRef"
            | "claimRef"
            | "involvedObject"
    )
}

fn merge(object: &mut Json, patch: &Json, field: &str, rules: Rules, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("the configuration nests deeper than {DEEPEST} levels"));
    }
    let atomic = |what: &str| {
        Err(format!("invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: `{field}` is {what}"))
    };
    match (object, patch) {
        (_, Json::Object(_)) if rules.built_in && is_atomic(field) && depth > 1 => atomic("replaced as a whole"),
        (Json::Object(have), Json::Object(new)) => {
            for (key, value) in new {
                // What is not there yet is merged into nothing: below it the same rules hold.
                let place = have.entry(key.clone()).or_insert(Json::Null);
                if place.is_null() {
                    *place = empty(value);
                }
                merge(place, value, key, rules, depth + 1)?;
            }
            Ok(())
        }
        (Json::Array(have), Json::Array(new)) => {
            let by = if rules.built_in { keys(field, new) } else { &[] };
            let set = rules.built_in && field == "finalizers";
            if by.is_empty() && !set {
                if rules.built_in && rules.kubernetes {
                    return atomic("a list without keys");
                }
                *have = new.clone();
                return Ok(());
            }
            if have.len().saturating_add(new.len()) > ITEMS {
                return Err(format!("`{field}` has more than {ITEMS} items"));
            }
            let same = |item: &Json| if set { Some(item.to_string()) } else { identity(item, by) };
            let mut places = HashMap::with_capacity(have.len());
            for (index, item) in have.iter().enumerate() {
                if let Some(known) = same(item) {
                    places.entry(known).or_insert(index);
                }
            }
            for value in new {
                let wanted = same(value).ok_or_else(|| {
                    format!("associative list with keys `{}` has an element that omits one: {field}", by.join(", "))
                })?;
                match places.get(&wanted).and_then(|index| have.get_mut(*index)) {
                    Some(_) if set => {}
                    Some(item) => merge(item, value, "", rules, depth + 1)?,
                    None => {
                        places.insert(wanted, have.len());
                        let mut item = empty(value);
                        merge(&mut item, value, "", rules, depth + 1)?;
                        have.push(item);
                    }
                }
            }
            Ok(())
        }
        (place, value) => {
            *place = value.clone();
            Ok(())
        }
    }
}

/// Something of the kind of a value, with nothing in it.
fn empty(value: &Json) -> Json {
    match value {
        Json::Object(_) => Json::Object(serde_json::Map::new()),
        Json::Array(_) => Json::Array(Vec::new()),
        _ => Json::Null,
    }
}

/// The values of the keys, as one text; the protocol of a port is TCP where it is not said.
fn identity(item: &Json, by: &[&str]) -> Option<String> {
    let mut text = String::new();
    for key in by {
        match item.get(*key) {
            Some(value) if !value.is_null() => text.push_str(&value.to_string()),
            _ if *key == "protocol" => text.push_str("\"TCP\""),
            _ => return None,
        }
        text.push('\n');
    }
    Some(text)
}
