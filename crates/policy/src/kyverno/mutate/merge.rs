//! Strategic merge: a patch laid over a resource, lists of known types by their keys.
//!
//! Elements of the patch come first in a merged list, as kustomize puts them. Directives: `$patch` (`replace`, `delete`, `merge`) in mappings and
//! lists, `$retainKeys`, `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`.
//! Source: kubernetes-sigs/kustomize:kyaml/yaml/merge2/merge2.go, kyaml/yaml/walk/; kubernetes/apimachinery:pkg/util/strategicpatch/patch.go.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::schema::{self, Field, Type};
use crate::kyverno::input::Kind;
use crate::kyverno::printed::sprint;

const PATCH: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// The directive that a key is.
pub(super) fn directive_kind(key: &str) -> Option<&'static str> {
    match key {
        PATCH => Some(PATCH),
        RETAIN => Some(RETAIN),
        key if key.starts_with(ORDER) => Some(ORDER),
        key if key.starts_with(DELETE) => Some(DELETE),
        _ => None,
    }
}

/// Lays a patch over a resource. `None`: the patch deletes it. The message says what does not fit, and where.
pub(super) fn merge(resource: &Value, patch: &Value) -> Result<Option<Value>, String> {
    let kind = Kind::of(resource);
    let known = schema::of(&kind.group, &kind.kind);
    lay(Some(resource.clone()), patch, Field::Object(known), &mut Vec::new())
}

/// One value over another; `None` if nothing is left.
fn lay<'p>(
    below: Option<Value>,
    patch: &'p Value,
    field: Field,
    path: &mut Vec<&'p str>,
) -> Result<Option<Value>, String> {
    let below = below.filter(|below| !below.is_null());
    match patch {
        Value::Null => Ok(None),
        Value::Object(patch) => {
            let known = match field {
                Field::Object(known) => known,
                _ => &schema::NONE,
            };
            match below {
                None => lay_map(Map::new(), patch, known, path),
                Some(Value::Object(below)) => lay_map(below, patch, known, path),
                Some(other) => Err(misfit(path, "MappingNode", &other)),
            }
        }
        Value::Array(items) => match below {
            None => lay_list(Vec::new(), items, field, path),
            Some(Value::Array(below)) => lay_list(below, items, field, path),
            Some(other) => Err(misfit(path, "SequenceNode", &other)),
        },
        scalar => match below {
            Some(other @ (Value::Object(_) | Value::Array(_))) => Err(misfit(path, "ScalarNode", &other)),
            _ => Ok(Some(scalar.clone())),
        },
    }
}

fn misfit(path: &[&str], wanted: &str, found: &Value) -> String {
    let found = match found {
        Value::Object(_) => "MappingNode",
        Value::Array(_) => "SequenceNode",
        _ => "ScalarNode",
    };
    format!("wrong Node Kind for {} expected: {wanted} was {found}", path.join("."))
}

/// The `$patch` of a mapping.
fn directive<'p>(patch: &'p Map<String, Value>, path: &[&str]) -> Result<&'p str, String> {
    match patch.get(PATCH) {
        None => Ok("merge"),
        Some(Value::String(text)) if matches!(text.as_str(), "merge" | "replace" | "delete") => Ok(text),
        Some(other) => Err(format!("`{PATCH}` at {} is merge, replace or delete, not {other}", path.join("."))),
    }
}

fn lay_map<'p>(
    below: Map<String, Value>,
    patch: &'p Map<String, Value>,
    known: &'static Type,
    path: &mut Vec<&'p str>,
) -> Result<Option<Value>, String> {
    let mut below = match directive(patch, path)? {
        "delete" => return Ok(None),
        "replace" => Map::new(),
        _ => below,
    };
    let texts = |key: &str, value: &'p Value| -> Result<&'p Vec<Value>, String> {
        value.as_array().ok_or_else(|| format!("`{key}` is a list"))
    };
    if let Some(kept) = patch.get(RETAIN) {
        let kept = texts(RETAIN, kept)?;
        below.retain(|key, _| kept.iter().any(|name| name.as_str() == Some(key)));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix(DELETE) {
            let gone: Vec<String> = texts(key, value)?.iter().map(sprint).collect();
            if let Some(Value::Array(items)) = below.get_mut(list) {
                items.retain(|item| !gone.contains(&sprint(item)));
            }
        }
    }
    for (key, value) in patch {
        if key == PATCH || key == RETAIN || key.starts_with(ORDER) || key.starts_with(DELETE) {
            continue;
        }
        path.push(key);
        let laid = lay(below.remove(key), value, known.field(key), path)?;
        path.pop();
        if let Some(laid) = laid {
            below.insert(key.clone(), laid);
        }
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix(ORDER)
            && let Some(Value::Array(items)) = below.get_mut(list)
        {
            order(items, texts(key, value)?, known.field(list));
        }
    }
    Ok(Some(Value::Object(below)))
}

/// Elements that the order names come in that order, the others behind them as they stood.
fn order(items: &mut [Value], wanted: &[Value], field: Field) {
    let name = |item: &Value| match (field, item) {
        (Field::Keyed(keys, _), Value::Object(entries)) => {
            keys.first().and_then(|key| entries.get(*key)).map(sprint).unwrap_or_default()
        }
        (_, item) => sprint(item),
    };
    let wanted: HashMap<String, usize> = wanted.iter().map(name).zip(0..).collect();
    items.sort_by_cached_key(|item| wanted.get(&name(item)).copied().unwrap_or(usize::MAX));
}

fn lay_list<'p>(
    below: Vec<Value>,
    patch: &'p [Value],
    field: Field,
    path: &mut Vec<&'p str>,
) -> Result<Option<Value>, String> {
    let (mut below, mut replacing) = (below, false);
    // `{$patch: replace}` as an element of its own is about the list.
    for alone in patch.iter().filter_map(Value::as_object).filter(|item| item.len() == 1) {
        match alone.get(PATCH).and_then(Value::as_str) {
            Some("replace") => replacing = true,
            Some("delete") => return Ok(None),
            _ => {}
        }
    }
    if replacing {
        below.clear();
    }
    let items =
        patch.iter().filter(|item| !item.as_object().is_some_and(|item| item.len() == 1 && item.contains_key(PATCH)));
    match field {
        Field::Keyed(keys, known) => lay_keyed(below, items, keys, known, path).map(Some),
        Field::Set => {
            let mut seen = HashSet::new();
            let all = items.cloned().chain(below);
            Ok(Some(Value::Array(all.filter(|item| seen.insert(item.to_string())).collect())))
        }
        Field::Object(_) | Field::Plain => Ok(Some(Value::Array(items.cloned().collect()))),
    }
}

fn lay_keyed<'p>(
    below: Vec<Value>,
    items: impl Iterator<Item = &'p Value>,
    keys: &[&'static str],
    known: &'static Type,
    path: &mut Vec<&'p str>,
) -> Result<Value, String> {
    let mut index: HashMap<(&str, String), Vec<usize>> = HashMap::new();
    for (at, item) in below.iter().enumerate() {
        for key in keys {
            if let Some(value) = item.get(*key) {
                index.entry((key, sprint(value))).or_default().push(at);
            }
        }
    }
    let mut below: Vec<Option<Value>> = below.into_iter().map(Some).collect();
    let mut laid: Vec<Option<Value>> = Vec::new();
    let mut earlier: HashMap<Vec<(&str, String)>, usize> = HashMap::new();
    for item in items {
        let Some(entries) = item.as_object() else {
            return Err(format!("an element of {} is no mapping", path.join(".")));
        };
        let wanted: Vec<(&str, String)> =
            keys.iter().filter_map(|key| Some((*key, sprint(entries.get(*key)?)))).collect();
        // Without its key nobody can tell which element is meant; kustomize leaves it out, too.
        let Some(first) = wanted.first() else { continue };
        let fits = |other: &Option<Value>| {
            let has = |key: &str, value: &String| {
                other.as_ref().and_then(|other| other.get(key)).is_some_and(|found| sprint(found) == *value)
            };
            wanted.iter().all(|(key, value)| has(key, value))
        };
        // Two elements of the patch about the same: the second one is laid over the first.
        let again = earlier.get(&wanted).copied();
        let found = match again {
            Some(at) => laid.get_mut(at).and_then(Option::take),
            None => {
                let candidates = index.get(first).into_iter().flatten();
                let fitting: Vec<usize> = candidates.copied().filter(|at| below.get(*at).is_some_and(fits)).collect();
                let found = fitting.first().and_then(|at| below.get_mut(*at)?.take());
                // Others of the same keys are the same element, and where Kubernetes reads the last one, it would be the one that counts.
                let of = |item: &Value| -> Vec<Option<String>> {
                    keys.iter().map(|key| item.get(*key).map(sprint)).collect()
                };
                if let Some(keys) = found.as_ref().map(of) {
                    for at in fitting.iter().skip(1) {
                        if let Some(place) = below.get_mut(*at)
                            && place.as_ref().is_some_and(|item| of(item) == keys)
                        {
                            *place = None;
                        }
                    }
                }
                found
            }
        };
        let result = lay(found, item, Field::Object(known), path)?;
        let result = result.filter(|result| result.as_object().is_none_or(|entries| !entries.is_empty()));
        match again.and_then(|at| laid.get_mut(at)) {
            Some(place) => *place = result,
            None => {
                earlier.insert(wanted, laid.len());
                laid.push(result);
            }
        }
    }
    Ok(Value::Array(laid.into_iter().chain(below).flatten().collect()))
}
