//! What becomes of objects that `generate` rules made: which labels they carry, and when they are made again, changed or deleted.
//!
//! ```text
//!   trigger ── rule ──▶ wanted object, labelled ── step(what is there) ──▶ Make | Change | Leave
//!   trigger deleted, policy deleted ── falls() ──▶ the downstream goes with it, or stays
//! ```
//!
//! Nothing is written here. Source: kyverno/kyverno:pkg/background/generate/{generate,cleanup,labels}.go, pkg/background/common/labels.go.

use serde_json::{Map, Value, json};

/// Who manages an object.
const MANAGED: &str = "app.kubernetes.io/managed-by";
/// Before the labels that name policy, rule and trigger.
const PREFIX: &str = "generate.kyverno.io/";
/// Longest value of a label.
const LABEL: usize = 63;

/// How a generate rule treats what it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// It is kept as the rule says.
    pub synchronize: bool,
    /// It stays when its policy goes.
    pub orphan: bool,
    /// It is also made for triggers that are older than the policy.
    pub existing: bool,
    /// It is copied from another object.
    pub copied: bool,
}

/// Why an object may have to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// What it was made for is gone, or is no longer meant by the rule.
    Trigger,
    /// The policy or the rule is gone.
    Policy,
}

/// What is to be done about an object that should be there.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is not there: make it.
    Make(Value),
    /// It differs: write it.
    Change(Value),
    /// Nothing.
    Leave,
}

impl Treatment {
    /// Of a rule of a policy's document; `None`, if it makes nothing.
    pub fn of(policy: &Value, rule: &str) -> Option<Treatment> {
        let rules = policy.pointer("/spec/rules").and_then(Value::as_array)?;
        let rule = rules.iter().find(|found| found.get("name").and_then(Value::as_str) == Some(rule))?;
        let generate = rule.get("generate").filter(|found| !found.is_null())?;
        let yes = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
        let each = generate.get("foreach").and_then(Value::as_array).into_iter().flatten();
        let copied = std::iter::once(generate)
            .chain(each)
            .any(|part| part.get("clone").or_else(|| part.get("cloneList")).is_some_and(|found| !found.is_null()));
        Some(Treatment {
            synchronize: yes(generate.get("synchronize")),
            orphan: yes(generate.get("orphanDownstreamOnPolicyDelete")),
            existing: yes(generate.get("generateExisting")) || yes(policy.pointer("/spec/generateExisting")),
            copied,
        })
    }

    /// Whether an object goes because something else is gone.
    ///
    /// What is not kept up to date stays. A copy outlives its policy: it may be somebody's only one.
    pub fn falls(self, gone: Gone) -> bool {
        self.synchronize
            && match gone {
                Gone::Trigger => true,
                Gone::Policy => !self.orphan && !self.copied,
            }
    }
}

/// The labels of what a rule makes because of a trigger.
///
/// `policy` is `name` or `namespace/name`. Names that are too long for a label are cut, which is why the trigger is told by its UID.
pub fn labels(policy: &str, rule: &str, trigger: &Value) -> Map<String, Value> {
    let text = |pointer: &str| trigger.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = policy.split_once('/').unwrap_or(("", policy));
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let cut = |value: &str| json!(value.chars().take(LABEL).collect::<String>());
    let mut labels = Map::new();
    labels.insert(MANAGED.to_owned(), json!("kyverno"));
    for (key, value) in [
        ("policy-name", name),
        ("policy-namespace", namespace),
        ("rule-name", rule),
        ("trigger-group", group),
        ("trigger-version", version),
        ("trigger-kind", text("/kind")),
        ("trigger-namespace", text("/metadata/namespace")),
        ("trigger-uid", text("/metadata/uid")),
    ] {
        labels.insert(format!("{PREFIX}{key}"), cut(value));
    }
    labels
}

/// Whether an object was made by a rule (any rule, where `rule` is `None`) of a policy.
pub fn is_of(object: &Value, policy: &str, rule: Option<&str>) -> bool {
    let wanted = labels(policy, rule.unwrap_or_default(), &Value::Null);
    let same = |key: &str| {
        let key = format!("{PREFIX}{key}");
        let found = object.get("metadata").and_then(|metadata| metadata.get("labels")).and_then(|all| all.get(&key));
        found.is_some() && found == wanted.get(&key)
    };
    same("policy-name") && same("policy-namespace") && (rule.is_none() || same("rule-name"))
}

/// The UID of what an object was made for.
pub fn trigger_of(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("labels")?.get(format!("{PREFIX}trigger-uid"))?.as_str().filter(|uid| !uid.is_empty())
}

/// What is to be done about an object that a rule asks for. `there` is the object of that name as it is now.
///
/// Fields that the rule does not name are left to others, in mappings; lists are the rule's.
pub fn step(wanted: &Value, labels: &Map<String, Value>, there: Option<&Value>, treatment: Treatment) -> Step {
    let mut object = wanted.clone();
    let named = object.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = named {
        let own = metadata.entry("labels").or_insert_with(|| json!({}));
        if !own.is_object() {
            *own = json!({});
        }
        if let Some(own) = own.as_object_mut() {
            own.extend(labels.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    let Some(there) = there else { return Step::Make(object) };
    if !treatment.synchronize {
        return Step::Leave;
    }
    let mut next = there.clone();
    lay_over(&mut next, &object);
    if next == *there { Step::Leave } else { Step::Change(next) }
}

/// Data of ConfigMaps and Secrets is the rule's whole; of other mappings it is what the rule names.
fn lay_over(place: &mut Value, wanted: &Value) {
    match (place, wanted) {
        (Value::Object(place), Value::Object(wanted)) => {
            for (key, value) in wanted {
                let whole = matches!(key.as_str(), "data" | "stringData" | "binaryData" | "spec" | "rules");
                match place.get_mut(key) {
                    Some(found) if !whole => lay_over(found, value),
                    _ => {
                        place.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (place, wanted) => *place = wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger() -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "uid": "u-1"}})
    }

    fn wanted() -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, "data": {"a": "1"}})
    }

    #[track_caller]
    fn check(there: Option<Value>, synchronize: bool, want: &str) {
        let treatment = Treatment { synchronize, orphan: false, existing: false, copied: false };
        let found = step(&wanted(), &labels("p", "r", &trigger()), there.as_ref(), treatment);
        let told = match &found {
            Step::Make(_) => "make",
            Step::Change(_) => "change",
            Step::Leave => "leave",
        };
        assert_eq!(told, want, "{found:?}");
        if let Step::Make(object) | Step::Change(object) = &found {
            assert!(is_of(object, "p", Some("r")) && is_of(object, "p", None), "{object}");
            assert!(!is_of(object, "p", Some("other")) && !is_of(object, "q", None) && !is_of(object, "s/p", None));
            assert_eq!(trigger_of(object), Some("u-1"));
            assert_eq!(object.pointer("/data"), Some(&json!({"a": "1"})));
        }
    }

    #[test]
    fn objects_are_made_kept_and_left() {
        check(None, false, "make");
        check(None, true, "make");
        check(Some(wanted()), false, "leave");
        check(Some(json!({"metadata": {"name": "c"}, "data": {"a": "2", "b": "3"}})), true, "change");
        let mut same = wanted();
        same["metadata"]["labels"] = Value::Object(labels("p", "r", &trigger()));
        same["metadata"]["uid"] = json!("x");
        check(Some(same), true, "leave");
    }

    #[test]
    fn what_falls_is_what_is_kept_up_to_date() {
        let policy = |generate: Value| json!({"spec": {"rules": [{"name": "r", "generate": generate}]}});
        let of = |generate: Value| Treatment::of(&policy(generate), "r").expect("a generate rule");
        let data = of(json!({"synchronize": true, "data": {}}));
        assert!(data.falls(Gone::Trigger) && data.falls(Gone::Policy));
        let clone = of(json!({"synchronize": true, "clone": {"name": "a"}}));
        assert!(clone.falls(Gone::Trigger) && !clone.falls(Gone::Policy));
        let orphan = of(json!({"synchronize": true, "orphanDownstreamOnPolicyDelete": true, "data": {}}));
        assert!(!orphan.falls(Gone::Policy));
        let once = of(json!({"data": {}}));
        assert!(!once.falls(Gone::Trigger) && !once.falls(Gone::Policy));
        assert_eq!(Treatment::of(&policy(Value::Null), "r"), None);
    }

    #[test]
    fn long_names_fit_into_labels() {
        let found = labels(&"p".repeat(90), "r", &trigger());
        let name = found.get("generate.kyverno.io/policy-name").and_then(Value::as_str).map(str::len);
        assert_eq!(name, Some(63));
    }
}
