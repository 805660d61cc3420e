//! Rules about Pods, made to hold for what makes Pods: Deployments, Jobs, CronJobs and the others.
//!
//! Patterns are wrapped into the template; everything else is rewritten as text, as Kyverno does: `request.object.spec` becomes
//! `request.object.spec.template.spec`. Source: kyverno/kyverno:pkg/autogen/v1/.

use serde_json::{Map, Value, json};

use super::matching::KindSelector;

const CONTROLLERS: [&str; 6] = ["DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"];
const ANNOTATION: &str = "pod-policies.kyverno.io/autogen-controllers";

/// The rules that are made of a policy's own, as JSON.
pub(crate) fn rules(annotations: Option<&Value>, rules: &[Value]) -> Vec<Value> {
    if !possible(rules) {
        return Vec::new();
    }
    let wanted = annotations.and_then(|annotations| annotations.get(ANNOTATION)).and_then(Value::as_str);
    let (mut controllers, cron_job): (Vec<&str>, bool) = match wanted {
        None | Some("all") => (CONTROLLERS.to_vec(), true),
        Some(list) => {
            let names: Vec<&str> = list.split(',').map(str::trim).collect();
            (names.iter().copied().filter(|name| CONTROLLERS.contains(name)).collect(), names.contains(&"CronJob"))
        }
    };
    controllers.sort_unstable();
    let mut made = Vec::new();
    for rule in rules {
        let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.starts_with("autogen-") || !about_pods(rule) {
            continue;
        }
        if !controllers.is_empty()
            && let Some(rule) = generate(rule, &format!("autogen-{name}"), &["template"], &controllers)
        {
            made.push(rewritten(rule, ".spec.template"));
        }
        if cron_job {
            let route = ["jobTemplate", "spec", "template"];
            if let Some(rule) = generate(rule, &format!("autogen-cronjob-{name}"), &route, &["CronJob"]) {
                made.push(rewritten(rule, ".spec.jobTemplate.spec.template"));
            }
        }
    }
    made
}

/// Each block of `match` and `exclude`.
fn blocks(rule: &Value) -> impl Iterator<Item = &Value> {
    ["match", "exclude"].into_iter().filter_map(|key| rule.get(key)).flat_map(|filter| {
        let listed = ["any", "all"].into_iter().filter_map(|key| filter.get(key)).filter_map(Value::as_array).flatten();
        std::iter::once(filter).chain(listed)
    })
}

/// The kinds of a block, with subresources.
fn selectors(block: &Value) -> impl Iterator<Item = KindSelector> {
    let kinds = block.pointer("/resources/kinds").and_then(Value::as_array).into_iter().flatten();
    kinds.filter_map(|kind| KindSelector::parse(kind.as_str()?))
}

/// The kinds that are meant themselves: `Pod/exec` is not about what a controller makes.
fn kinds(block: &Value) -> impl Iterator<Item = String> {
    selectors(block).filter(|selector| selector.subresource.is_empty()).map(|selector| selector.kind)
}

/// Whether rules can be made at all: every rule's filters must mean the same for a controller as for its Pods.
fn possible(rules: &[Value]) -> bool {
    let mut needed = false;
    for rule in rules {
        if rule.get("generate").is_some_and(|generate| !generate.is_null()) {
            return false;
        }
        let json_patch =
            |of: &Value| of.get("patchesJson6902").and_then(Value::as_str).is_some_and(|patch| !patch.is_empty());
        if let Some(mutate) = rule.get("mutate") {
            let mut open = vec![mutate];
            while let Some(one) = open.pop() {
                if json_patch(one) {
                    return false;
                }
                open.extend(one.get("foreach").and_then(Value::as_array).into_iter().flatten());
            }
        }
        for block in blocks(rule) {
            let Some(resources) = block.get("resources") else { continue };
            let given = |key: &str| match resources.get(key) {
                None | Some(Value::Null) => false,
                Some(Value::Array(items)) => !items.is_empty(),
                Some(Value::String(text)) => !text.is_empty(),
                Some(_) => true,
            };
            if given("name") || given("names") || given("selector") || given("annotations") {
                return false;
            }
            let written: Vec<KindSelector> = selectors(block).collect();
            if written.len() > 1 && written.iter().any(|selector| selector.kind == "Pod") {
                return false;
            }
            needed |= kinds(block).any(|kind| kind == "Pod" || kind == "CronJob" || CONTROLLERS.contains(&&*kind));
        }
    }
    needed
}

/// Whether the rule matches Pods, and excludes nothing but Pods.
fn about_pods(rule: &Value) -> bool {
    let all = |key: &str| -> Vec<String> {
        let holder = json!({"match": rule.get(key).cloned().unwrap_or(Value::Null)});
        blocks(&holder).flat_map(|block| kinds(block).collect::<Vec<_>>()).collect()
    };
    let excluded = all("exclude");
    all("match").iter().any(|kind| kind == "Pod") && (excluded.is_empty() || excluded.iter().any(|kind| kind == "Pod"))
}

/// The rule for other kinds; `None` if there is nothing in it that can be carried over.
fn generate(rule: &Value, name: &str, route: &[&str], kinds: &[&str]) -> Option<Value> {
    let mut made = rule.as_object()?.clone();
    made.insert("name".to_owned(), Value::String(name.chars().take(63).collect()));
    for key in ["match", "exclude"] {
        if let Some(filter) = made.get_mut(key) {
            set_kinds(filter, kinds, key == "match");
        }
    }
    let wrap = |pattern: &Value| {
        let inner = route.iter().rev().fold(pattern.clone(), |inner, key| json!({*key: inner}));
        json!({"spec": inner})
    };
    if let Some(Value::Object(mutate)) = made.get_mut("mutate") {
        if let Some(patch) = mutate.get("patchStrategicMerge").filter(|patch| !patch.is_null()) {
            let patch = wrap(patch);
            *mutate = Map::from_iter([("patchStrategicMerge".to_owned(), patch)]);
            return Some(Value::Object(made));
        }
        if let Some(Value::Array(each)) = mutate.get("foreach") {
            let mut each = each.clone();
            wrap_foreach(&mut each, &wrap);
            *mutate = Map::from_iter([("foreach".to_owned(), Value::Array(each))]);
            return Some(Value::Object(made));
        }
    }
    if let Some(Value::Object(validate)) = made.get_mut("validate") {
        if let Some(pattern) = validate.get_mut("pattern").filter(|pattern| !pattern.is_null()) {
            *pattern = wrap(pattern);
        } else if let Some(Value::Array(patterns)) = validate.get_mut("anyPattern") {
            for pattern in patterns {
                *pattern = wrap(pattern);
            }
        } else if validate.contains_key("manifests") {
            return None;
        }
        return Some(Value::Object(made));
    }
    made.get("verifyImages").is_some_and(|images| !images.is_null()).then_some(Value::Object(made))
}

/// The patches of `foreach`, and of those inside of it.
fn wrap_foreach(each: &mut [Value], wrap: &dyn Fn(&Value) -> Value) {
    for foreach in each {
        if let Some(patch) = foreach.get_mut("patchStrategicMerge").filter(|patch| !patch.is_null()) {
            *patch = wrap(patch);
        }
        if let Some(Value::Array(inner)) = foreach.get_mut("foreach") {
            wrap_foreach(inner, wrap);
        }
    }
}

fn set_kinds(filter: &mut Value, kinds: &[&str], always: bool) {
    let mut listed = false;
    for key in ["any", "all"] {
        for block in filter.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            listed = true;
            let pods = self::kinds(block).any(|kind| kind == "Pod");
            if let (true, Some(resources)) = (pods, block.get_mut("resources").and_then(Value::as_object_mut)) {
                resources.insert("kinds".to_owned(), json!(kinds));
            }
        }
    }
    if listed {
        return;
    }
    let has_kinds = self::kinds(filter).next().is_some();
    if let (true, Some(object)) = (always || has_kinds, filter.as_object_mut()) {
        let resources = object.entry("resources").or_insert_with(|| json!({}));
        if let Some(resources) = resources.as_object_mut() {
            resources.insert("kinds".to_owned(), json!(kinds));
        }
    }
}

/// Every text of the rule, with paths into the object leading into its template.
fn rewritten(value: Value, route: &str) -> Value {
    match value {
        Value::String(text) => Value::String(rewrite(&text, route)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| rewritten(item, route)).collect()),
        Value::Object(entries) => {
            let cel = entries.get("validate").and_then(|validate| validate.get("cel")).is_some();
            if cel {
                return rewritten_cel(Value::Object(entries), route);
            }
            Value::Object(
                entries.into_iter().map(|(key, item)| (rewrite(&key, route), rewritten(item, route))).collect(),
            )
        }
        other => other,
    }
}

fn rewrite(text: &str, route: &str) -> String {
    let mut text = text.to_owned();
    for part in ["spec", "metadata"] {
        for object in ["object", "oldObject"] {
            let from = format!("request.{object}.{part}");
            if text.contains(&from) {
                // `spec` first, so that what leads into the template is not rewritten again.
                text = text.replace(&from, &format!("request.{object}{route}.{part}"));
            }
        }
    }
    text
}

/// The same for CEL, where the object is also named without `request.`.
fn rewritten_cel(value: Value, route: &str) -> Value {
    match value {
        Value::String(text) => {
            let mut text = text;
            for part in ["spec", "metadata"] {
                // `oldObject` does not end in `object` with a small `o`; both are told apart by their letters.
                for object in ["object", "oldObject"] {
                    text = text.replace(&format!("{object}.{part}"), &format!("{object}{route}.{part}"));
                }
            }
            Value::String(text)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| rewritten_cel(item, route)).collect()),
        Value::Object(entries) => {
            Value::Object(entries.into_iter().map(|(key, item)| (key, rewritten_cel(item, route))).collect())
        }
        other => other,
    }
}
