//! A configuration merged into an object as server-side apply merges it: maps by their keys, lists of named things by their names, other lists
//! as a whole.
//!
//! Source: sigs.k8s.io/structured-merge-diff; the keys are those of the API's own schema (`x-kubernetes-list-map-keys`).

use serde_json::Value as Json;

/// How deep objects may nest.
const DEEPEST: usize = 128;

/// Merges `patch` into `object`. Errors: an entry of a list lacks the key that the list is merged by.
pub(super) fn apply(object: &mut Json, patch: &Json) -> Result<(), String> {
    let group = object.get("apiVersion").and_then(Json::as_str).and_then(|version| version.split_once('/'));
    // Of what is no built-in kind the schema is not known, and each list is taken as a whole.
    let built_in = group.is_none_or(|(group, _)| !group.contains('.') || group.ends_with(".k8s.io"));
    merge(object, patch, "", built_in, 0)
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

fn merge(object: &mut Json, patch: &Json, field: &str, built_in: bool, depth: usize) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("the configuration nests deeper than {DEEPEST} levels"));
    }
    match (object, patch) {
        (Json::Object(have), Json::Object(new)) if !(built_in && is_atomic(field) && depth > 1) => {
            for (key, value) in new {
                match have.get_mut(key) {
                    Some(place) => merge(place, value, key, built_in, depth + 1)?,
                    None => {
                        have.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Json::Array(have), Json::Array(new)) => {
            let by = if built_in { keys(field, new) } else { &[] };
            if by.is_empty() && !(built_in && field == "finalizers") {
                *have = new.clone();
                return Ok(());
            }
            for value in new {
                if by.is_empty() {
                    if !have.contains(value) {
                        have.push(value.clone());
                    }
                    continue;
                }
                let wanted = identity(value, by).ok_or_else(|| {
                    format!("associative list with keys `{}` has an element that omits one: {field}", by.join(", "))
                })?;
                match have.iter_mut().find(|item| identity(item, by).as_ref() == Some(&wanted)) {
                    Some(item) => merge(item, value, "", built_in, depth + 1)?,
                    None => have.push(value.clone()),
                }
            }
        }
        (place, value) => *place = value.clone(),
    }
    Ok(())
}

/// The values of the keys; the protocol of a port is TCP where it is not said.
fn identity(item: &Json, by: &[&str]) -> Option<Vec<Json>> {
    by.iter()
        .map(|key| match item.get(*key) {
            Some(value) if !value.is_null() => Some(value.clone()),
            _ if *key == "protocol" => Some(Json::from("TCP")),
            _ => None,
        })
        .collect()
}
