//! `patchStrategicMerge`: anchors are decided against the resource first, what is left is merged.
//!
//! `(key)` lets the patch beside it through where it holds, and leaves an element of a list, or the whole patch, out where it does not. `<(key)`
//! leaves the whole patch out. `+(key)` adds what is not there. An element of a list whose conditions hold for an element of the resource is
//! merged into that one, by its name. Source: kyverno/kyverno:pkg/engine/mutate/patch/strategicPreprocessing.go, strategicMergePatch.go.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::merge;
use crate::kyverno::anchors::{self, Anchor};
use crate::kyverno::pattern::Pattern;
use crate::kyverno::printed::sprint;

/// Elements that conditions may make of one list.
const MAX_ELEMENTS: usize = 20_000;

/// Why a patch is not applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A condition does not hold: this place is left out.
    Condition,
    /// A global condition does not hold: the whole patch is left out.
    Global,
    /// Something is wrong with the patch.
    Wrong(String),
}

/// Applies a patch whose variables are resolved. `None`: the patch deletes the resource.
pub(super) fn apply(resource: &Value, patch: &Value) -> Result<Option<Value>, String> {
    let mut patch = patch.clone();
    match decide(&mut patch, Some(resource)) {
        Ok(false) => {}
        // Nothing of the patch is about this resource.
        Ok(true) | Err(Stop::Condition | Stop::Global) => return Ok(Some(resource.clone())),
        Err(Stop::Wrong(message)) => return Err(format!("failed to preProcess rule: {message}")),
    }
    if strip(&mut patch, false) {
        return Ok(Some(resource.clone()));
    }
    if let Some(key) = left_over(&patch) {
        return Err(format!("the anchor of `{key}` has no meaning in a patch; there are ( ), <( ) and +( )"));
    }
    merge::merge(resource, &patch)
}

/// Whether all anchors and directives of a patch are those that the policy wrote. One that stands in a value of the request would decide what
/// becomes of the patch, and of what it is laid over.
pub(super) fn anchors_kept(written: &Value, found: &Value) -> Result<(), String> {
    fn count<'v>(value: &'v Value, kinds: &mut BTreeMap<&'static str, (usize, &'v str)>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| count(item, kinds)),
            Value::Object(entries) => {
                for (key, value) in entries {
                    if let Some(kind) = anchor_kind(key).or_else(|| merge::directive_kind(key)) {
                        kinds.entry(kind).or_insert((0, key)).0 += 1;
                    }
                    count(value, kinds);
                }
            }
            _ => {}
        }
    }
    let (mut policy, mut all) = (BTreeMap::new(), BTreeMap::new());
    count(written, &mut policy);
    count(found, &mut all);
    for (kind, (number, key)) in all {
        if policy.get(kind).is_none_or(|(known, _)| *known != number) {
            let key = key.escape_debug();
            return Err(format!("a variable brought `{key}` or a key like it; only the policy itself may write one"));
        }
    }
    Ok(())
}

fn anchor_kind(key: &str) -> Option<&'static str> {
    Some(match anchors::parse(key)?.0 {
        Anchor::Condition => "( )",
        Anchor::Global => "<( )",
        Anchor::Equality => "=( )",
        Anchor::Negation => "X( )",
        Anchor::Existence => "^( )",
        Anchor::AddIfAbsent => "+( )",
    })
}

/// A key with an anchor that only patterns know.
fn left_over(patch: &Value) -> Option<&str> {
    match patch {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| match anchors::parse(key) {
            Some(_) => Some(key.as_str()),
            None => left_over(value),
        }),
        Value::Array(items) => items.iter().find_map(left_over),
        _ => None,
    }
}

fn is_condition(key: &str) -> bool {
    matches!(anchors::parse(key), Some((Anchor::Condition | Anchor::Global, _)))
}

fn has_meaning(anchor: Anchor) -> bool {
    matches!(anchor, Anchor::Condition | Anchor::Global | Anchor::AddIfAbsent)
}

fn holds_anchor(patch: &Value, wanted: fn(Anchor) -> bool) -> bool {
    match patch {
        Value::Object(entries) => entries.iter().any(|(key, value)| {
            anchors::parse(key).is_some_and(|(anchor, _)| wanted(anchor)) || holds_anchor(value, wanted)
        }),
        Value::Array(items) => items.iter().any(|item| holds_anchor(item, wanted)),
        _ => false,
    }
}

/// Decides the anchors of a patch. `true`: its lists had elements, and none is left, so that it asks nothing any more.
fn decide(patch: &mut Value, resource: Option<&Value>) -> Result<bool, Stop> {
    match patch {
        Value::Object(entries) => {
            add_if_absent(entries, resource);
            conditions(entries, resource)?;
            let keys: Vec<String> = entries
                .keys()
                .filter(|key| !anchors::parse(key).is_some_and(|(anchor, _)| has_meaning(anchor)))
                .cloned()
                .collect();
            let mut emptied = false;
            for key in keys {
                let inner = resource.and_then(|resource| resource.get(&key));
                if let Some(value) = entries.get_mut(&key)
                    && decide(value, inner)?
                {
                    entries.remove(&key);
                    emptied = true;
                }
            }
            Ok(emptied && entries.is_empty())
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            decide_list(items, resource.and_then(Value::as_array))?;
            Ok(items.is_empty())
        }
        _ => Ok(false),
    }
}

/// Takes the anchor off what the resource does not have, and drops what it has. Gives how many there were.
fn add_if_absent(entries: &mut Map<String, Value>, resource: Option<&Value>) -> usize {
    let anchored: Vec<String> =
        entries.keys().filter(|key| matches!(anchors::parse(key), Some((Anchor::AddIfAbsent, _)))).cloned().collect();
    for raw in &anchored {
        let Some(value) = entries.remove(raw) else { continue };
        let key = anchors::bare(raw);
        if !resource.and_then(Value::as_object).is_some_and(|resource| resource.contains_key(key)) {
            entries.insert(key.to_owned(), value);
        }
    }
    anchored.len()
}

fn conditions(entries: &mut Map<String, Value>, resource: Option<&Value>) -> Result<(), Stop> {
    for wanted in [Anchor::Global, Anchor::Condition] {
        for (raw, value) in entries.iter_mut() {
            let Some((anchor, key)) = anchors::parse(raw) else { continue };
            if anchor != wanted {
                continue;
            }
            let stop = if anchor == Anchor::Global { Stop::Global } else { Stop::Condition };
            let Some(found) = resource.and_then(|resource| resource.get(key)) else { return Err(stop) };
            if let Value::Object(inner) = value
                && add_if_absent(inner, Some(found)) > 0
            {
                continue;
            }
            // Kyverno compares scalars as texts here: `(replicas): "3"` means the number, too.
            if Pattern::compile(&as_text(value)).check(&as_text(found)).is_err() {
                return Err(stop);
            }
        }
    }
    Ok(())
}

fn as_text(value: &Value) -> Value {
    match value {
        Value::Object(_) | Value::Array(_) | Value::String(_) => value.clone(),
        Value::Null => Value::String("null".to_owned()),
        scalar => Value::String(sprint(scalar)),
    }
}

fn decide_list(items: &mut Vec<Value>, resource: Option<&Vec<Value>>) -> Result<(), Stop> {
    let mut kept = Vec::new();
    let mut made = Vec::new();
    for element in std::mem::take(items) {
        if !holds_anchor(&element, has_meaning) {
            kept.push(element);
            continue;
        }
        let global = holds_anchor(&element, |anchor| anchor == Anchor::Global);
        let Some(resource) = resource else {
            match decide(&mut element.clone(), None) {
                Ok(_) | Err(Stop::Condition) => continue,
                Err(stop) => return Err(stop),
            }
        };
        let (mut passed, mut stopped) = (false, false);
        for found in resource {
            let mut copy = element.clone();
            match decide(&mut copy, Some(found)) {
                Err(Stop::Condition) => {}
                Err(Stop::Global) => stopped = true,
                Err(wrong) => return Err(wrong),
                Ok(_) if global => passed = true,
                Ok(emptied) => {
                    if let (false, Some(named)) = (emptied, for_element(copy, found)) {
                        made.push(named);
                    }
                }
            }
            if made.len() > MAX_ELEMENTS {
                return Err(Stop::Wrong("the patch makes too many elements of a list".to_owned()));
            }
        }
        if stopped && !passed {
            return Err(Stop::Global);
        }
    }
    kept.append(&mut made);
    *items = kept;
    Ok(())
}

/// What is left of an element of the patch, under the name of the element of the resource. Without a name nothing could be merged into it.
fn for_element(mut patch: Value, found: &Value) -> Option<Value> {
    let name = found.get("name").filter(|name| !name.is_null() && name.as_str() != Some(""))?.clone();
    if strip(&mut patch, true) {
        return None;
    }
    patch.as_object_mut()?.insert("name".to_owned(), name);
    Some(patch)
}

/// Takes away the conditions, which are decided. `true` if nothing is left but them.
fn strip(patch: &mut Value, scalar: bool) -> bool {
    match patch {
        Value::Object(entries) => {
            if entries.is_empty() {
                return false;
            }
            for raw in entries.keys().filter(|key| is_condition(key)).cloned().collect::<Vec<_>>() {
                let Some(mut value) = entries.remove(&raw) else { continue };
                // What stands below a condition and is no condition itself is a patch, too.
                if !strip(&mut value, true) {
                    entries.insert(anchors::bare(&raw).to_owned(), value);
                }
            }
            entries.retain(|_, value| !strip(value, false));
            entries.is_empty()
        }
        Value::Array(items) => {
            let before = items.len();
            items.retain_mut(|item| !holds_anchor(item, has_meaning) && !strip(item, false));
            items.is_empty() && before > 0
        }
        _ => scalar,
    }
}
