//! Whether a `ClusterPolicy` or `Policy` may be made or changed: what Kyverno refuses at `/policyvalidate`, in its words, and what it warns of.
//!
//! Reading the policy ([`super::Policy::load`]) refuses what has no meaning. This refuses what has one that nobody wants: background scans that
//! need a user, variables where none are replaced, wildcards where only names are allowed. Source: kyverno/kyverno:pkg/validation/policy/,
//! api/kyverno/v1/{spec,rule,match}_types.go.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::autogen;
use super::mutate::json_patch;
use super::operator::Operator;
use crate::jmespath::Expression;
use crate::wildcard;

/// Longest name of a rule, in bytes.
const NAME: usize = 63;
/// What stands for a variable while a patch is read.
const MARK: &str = "a-variable-of-the-policy";
/// Deprecated operators, and what to write.
const DEPRECATED: [(&str, &str); 6] = [
    ("In", "[\"AllIn\" \"AnyIn\"]"),
    ("NotIn", "[\"AllNotIn\" \"AnyNotIn\"]"),
    ("DurationGreaterThanOrEquals", "[\"GreaterThanOrEquals\"]"),
    ("DurationGreaterThan", "[\"GreaterThan\"]"),
    ("DurationLessThanOrEquals", "[\"LessThanOrEquals\"]"),
    ("DurationLessThan", "[\"LessThan\"]"),
];

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\\])(\{\{(?:\{[^{}]*\}|[^{}])*\}\})").expect("because the pattern is a constant that is tested")
});
/// Variables that a scan cannot know.
static OF_USERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[^.](serviceAccountName|serviceAccountNamespace|request\.userInfo|request\.roles|request\.clusterRoles)\b",
    )
    .expect("because the pattern is a constant that is tested")
});
/// Variables that every rule may use.
static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"request\.|serviceAccountName|serviceAccountNamespace|element|@|images|image\.|target\.|globalContext|([a-z_0-9]+\()[^{}]",
    )
    .expect("because the pattern is a constant that is tested")
});

/// Checks a policy that somebody makes, or changes from `old`. Gives warnings for who asked.
///
/// Errors: why it is refused.
pub fn validate(policy: &Value, old: Option<&Value>) -> Result<Vec<String>, String> {
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    let declared = list(spec.get("rules"));
    let background = spec.get("background").and_then(Value::as_bool).unwrap_or(true);
    let admission = spec.get("admission").and_then(Value::as_bool).unwrap_or(true);
    let mut warnings = actions(spec, &declared);
    let made = autogen::rules(
        policy.pointer("/metadata/annotations"),
        spec.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default(),
    );
    let rules: Vec<&Value> = declared.iter().copied().chain(&made).collect();
    if background {
        users(&declared, &rules, spec).map_err(|err| {
            format!(
                "only select variables are allowed in background mode. Set spec.background=false to disable background mode for this policy \
                 rule: {err} "
            )
        })?;
    }
    rules
        .iter()
        .try_for_each(|rule| variables(rule))
        .map_err(|err| format!("policy contains invalid variables: {err}"))?;
    names(&declared)?;
    overrides(spec.get("validationFailureActionOverrides"), "spec.validationFailureActionOverrides")?;
    for (index, rule) in declared.iter().enumerate() {
        let path = format!("spec.rules[{index}].validate.validationFailureActionOverrides");
        overrides(rule.pointer("/validate/failureActionOverrides"), &path)?;
    }
    if !admission && !background {
        return Err("disabling both admission and background processing is not allowed".to_owned());
    }
    let has = |rule: &Value, key: &str| rule.get(key).is_some_and(|found| !found.is_null());
    if !admission
        && declared.iter().any(|rule| ["mutate", "generate", "verifyImages"].into_iter().any(|key| has(rule, key)))
    {
        return Err("disabling admission processing is only allowed with validation policies".to_owned());
    }
    generated(&declared, old)?;
    for (index, rule) in rules.iter().enumerate() {
        kinds(rule, index, background)?;
        sections(rule, index)?;
        warnings.extend(deprecated(rule));
    }
    Ok(warnings)
}

/// Whether what a policy says hangs on who asks, so that it can say nothing of what is there already.
pub fn asks_users(policy: &Value) -> bool {
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    let declared = list(spec.get("rules"));
    users(&declared, &declared, spec).is_err()
}

fn list(value: Option<&Value>) -> Vec<&Value> {
    value.and_then(Value::as_array).into_iter().flatten().collect()
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Failure actions in small letters.
fn actions(spec: &Value, rules: &[&Value]) -> Vec<String> {
    let old = |action: &str| matches!(action, "enforce" | "audit");
    let deprecated = |of: &Value, action: &str, overrides: &str| {
        old(text(of, action)) || list(of.get(overrides)).into_iter().any(|entry| old(text(entry, "action")))
    };
    let mut found = Vec::new();
    let warning = "Validation failure actions enforce/audit are deprecated, use Enforce/Audit instead.";
    if deprecated(spec, "validationFailureAction", "validationFailureActionOverrides") {
        found.push(warning.to_owned());
    }
    for validate in rules.iter().filter_map(|rule| rule.get("validate")) {
        if deprecated(validate, "failureAction", "failureActionOverrides") {
            found.push(warning.to_owned());
        }
    }
    found
}

/// A scan knows no user: neither filters nor variables may ask for one.
fn users(declared: &[&Value], rules: &[&Value], spec: &Value) -> Result<(), String> {
    let asks =
        |block: &Value| ["roles", "clusterRoles", "subjects"].into_iter().find(|key| !list(block.get(*key)).is_empty());
    for (index, rule) in rules.iter().enumerate() {
        for side in ["match", "exclude"] {
            let Some(filter) = rule.get(side) else { continue };
            if let Some(key) = asks(filter) {
                return Err(format!("invalid variable used at path: spec/rules[{index}]/{side}/{key}"));
            }
            for how in ["any", "all"] {
                for (at, block) in list(filter.get(how)).into_iter().enumerate() {
                    if let Some(key) = asks(block) {
                        return Err(format!(
                            "invalid variable used at path: spec/rules[{index}]/{side}/{how}[{at}]/{key}"
                        ));
                    }
                }
            }
        }
    }
    if declared.iter().any(|rule| !list(rule.pointer("/mutate/targets")).is_empty()) {
        return Ok(());
    }
    match in_all(spec, &|found| OF_USERS.is_match(found)) {
        Some(found) => Err(format!("variable {found} is not allowed")),
        None => Ok(()),
    }
}

/// The first variable in any text of a value for which something holds.
fn in_all(value: &Value, holds: &dyn Fn(&str) -> bool) -> Option<String> {
    match value {
        Value::String(text) => VARIABLE
            .captures_iter(text)
            .filter_map(|found| found.get(1))
            .map(|found| found.as_str())
            .find(|found| holds(found))
            .map(str::to_owned),
        Value::Array(items) => items.iter().find_map(|item| in_all(item, holds)),
        Value::Object(entries) => entries
            .iter()
            .find_map(|(key, item)| in_all(&Value::String(key.clone()), holds).or_else(|| in_all(item, holds))),
        _ => None,
    }
}

/// Variables where none are replaced, and names that nobody declares.
fn variables(rule: &Value) -> Result<(), String> {
    let name = text(rule, "name");
    let any = |value: Option<&Value>| value.is_some_and(|value| in_all(value, &|_| true).is_some());
    if let Some(patch) = rule.pointer("/mutate/patchesJson6902").and_then(Value::as_str) {
        for operation in operations(patch).unwrap_or_default() {
            if text(&operation, "path").contains(MARK) {
                return Err(format!("rule \"{name}\" should not have variables in patchesJSON6902 path section"));
            }
        }
    }
    for side in ["exclude", "match"] {
        if any(rule.get(side)) {
            return Err(format!("rule \"{name}\" should not have variables in {side} section"));
        }
    }
    for images in list(rule.get("verifyImages")) {
        if any(images.get("imageReferences")) {
            return Err(format!("rule \"{name}\" should not have variables in image reference section"));
        }
    }
    let mut declared = Vec::new();
    contexts(rule, &mut declared);
    let unknown = |found: &str| {
        let inner = found.trim_start_matches("{{").trim_end_matches("}}").trim();
        // A variable inside of another is told when the outer one is.
        !inner.is_empty()
            && !KNOWN.is_match(inner)
            && !inner.starts_with(['`', '\'', '['])
            && !declared.iter().any(|known| inner.trim_start_matches('"').starts_with(known.as_str()))
    };
    let mut rest = rule.clone();
    if let Some(entries) = rest.as_object_mut() {
        // What stands in statements is only known when they are.
        entries.remove("verifyImages");
    }
    match in_all(&rest, &unknown) {
        Some(found) => Err(format!(
            "variable substitution failed for rule {name}: variable {found} must match regex \"{}\" or be declared in the context",
            KNOWN.as_str()
        )),
        None => Ok(()),
    }
}

/// The names of all context entries below a value.
fn contexts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, item) in entries {
                if key == "context" {
                    found.extend(list(Some(item)).into_iter().map(|entry| text(entry, "name").to_owned()));
                }
                contexts(item, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| contexts(item, found)),
        _ => {}
    }
}

fn names(rules: &[&Value]) -> Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let name = text(rule, "name");
        if seen.contains(&name) {
            return Err(format!("spec.rules[{index}].name: Invalid value: \"{name}\": Duplicate rule name: '{name}'"));
        }
        if name.len() > NAME {
            return Err(format!("spec.rules[{index}].name: Too long: may not be longer than {NAME}"));
        }
        seen.push(name);
    }
    Ok(())
}

/// A namespace must not be told to enforce and to audit.
fn overrides(value: Option<&Value>, path: &str) -> Result<(), String> {
    let mut seen: Vec<(bool, &str)> = Vec::new();
    for (index, entry) in list(value).into_iter().enumerate() {
        let enforce = text(entry, "action").eq_ignore_ascii_case("enforce");
        for namespace in list(entry.get("namespaces")).into_iter().filter_map(Value::as_str) {
            for (_, other) in seen.iter().filter(|(other, _)| *other != enforce) {
                if *other == namespace {
                    return Err(format!(
                        "conflicting namespaces found in path: {path}[{index}].namespaces: {namespace}"
                    ));
                }
                let star = |text: &str| text.contains(['*', '?']);
                let conflict = match (star(other), star(namespace)) {
                    (true, true) if wildcard::matches(other, namespace) || wildcard::matches(namespace, other) => {
                        format!("wildcard pattern '{other}' conflicts with the pattern '{namespace}'")
                    }
                    (true, false) if wildcard::matches(other, namespace) => {
                        format!("wildcard pattern '{other}' matches with namespace '{namespace}'")
                    }
                    (false, true) if wildcard::matches(namespace, other) => {
                        format!("wildcard pattern '{namespace}' matches with namespace '{other}'")
                    }
                    _ => continue,
                };
                return Err(format!("path: {path}[{index}].namespaces: {conflict}"));
            }
            seen.push((enforce, namespace));
        }
    }
    Ok(())
}

/// What a rule that synchronises makes cannot be changed: what it made before would be left behind.
fn generated(rules: &[&Value], old: Option<&Value>) -> Result<(), String> {
    let before = old.map(|old| list(old.pointer("/spec/rules"))).unwrap_or_default();
    for rule in rules {
        let name = text(rule, "name");
        let Some(old) = before.iter().find(|old| text(old, "name") == name) else { continue };
        let (Some(generate), Some(was)) = (rule.get("generate"), old.get("generate")) else { continue };
        if was.get("synchronize").and_then(Value::as_bool) != Some(true) {
            continue;
        }
        let same = ["apiVersion", "kind", "name", "namespace", "clone", "cloneList"]
            .into_iter()
            .all(|key| generate.get(key) == was.get(key));
        if !same || rule.get("match") != old.get("match") && generate.get("clone").is_some() {
            return Err(format!(
                "change of immutable fields for a generate rule is disallowed: rule {name}; make a rule of another name"
            ));
        }
    }
    Ok(())
}

/// The kinds of each block: wildcards stand alone, and not where the shape of a resource matters.
fn kinds(rule: &Value, index: usize, background: bool) -> Result<(), String> {
    for side in ["match", "exclude"] {
        let Some(filter) = rule.get(side) else { continue };
        let mut blocks = vec![(format!("{side}.kinds"), filter)];
        for how in ["any", "all"] {
            let listed = list(filter.get(how)).into_iter().enumerate();
            blocks.extend(listed.map(|(at, block)| (format!("{side}.{how}[{at}].kinds"), block)));
        }
        for (path, block) in blocks {
            let kinds: Vec<&str> =
                list(block.pointer("/resources/kinds")).into_iter().filter_map(Value::as_str).collect();
            of_block(rule, &kinds, background).map_err(|err| format!("path: spec.rules[{index}].{path}: {err}"))?;
        }
    }
    Ok(())
}

fn of_block(rule: &Value, kinds: &[&str], background: bool) -> Result<(), String> {
    let validates = rule.get("validate").is_some_and(|validate| !validate.is_null());
    if !kinds.contains(&"*") {
        let part = |kind: &&&str| {
            super::matching::KindSelector::parse(kind)
                .is_some_and(|selector| !selector.subresource.is_empty() && selector.subresource != "*")
        };
        return match kinds.iter().find(part).filter(|_| background && validates) {
            Some(kind) => Err(format!(
                "the kind defined in the all match resource is invalid: background scan enabled with subresource {kind}"
            )),
            None => Ok(()),
        };
    }
    if background {
        return Err("wildcard policy not allowed in background mode. Set spec.background=false to disable background mode for this \
                    policy rule "
            .to_owned());
    }
    if kinds.len() > 1 {
        return Err("wildcard policy can not deal with more than one kind".to_owned());
    }
    let has = |pointer: &str| rule.pointer(pointer).is_some_and(|found| !found.is_null());
    if has("/generate") || has("/verifyImages") || has("/validate/foreach") {
        return Err("wildcard policy does not support rule type".to_owned());
    }
    let only_metadata = |value: Option<&Value>| {
        value.and_then(Value::as_object).is_none_or(|entries| entries.keys().all(|key| key == "metadata"))
    };
    let patterns = list(rule.pointer("/validate/anyPattern"));
    if !only_metadata(rule.pointer("/validate/pattern"))
        || !patterns.into_iter().all(|pattern| only_metadata(Some(pattern)))
        || !only_metadata(rule.pointer("/mutate/patchStrategicMerge"))
    {
        return Err("policy can only deal with the metadata field of the resource if the rule does not match any kind"
            .to_owned());
    }
    Ok(())
}

/// The operations of a JSON patch in a policy, as YAML or JSON, with variables as they are.
fn operations(patch: &str) -> Result<Vec<Value>, String> {
    // Braces of variables are none of YAML's.
    let plain = VARIABLE.replace_all(patch, |found: &regex::Captures<'_>| {
        let part = |index: usize| found.get(index).map_or("", |found| found.as_str());
        format!("{}{MARK}", part(0).strip_suffix(part(1)).unwrap_or_default())
    });
    let documents = signet_yaml::parse(&plain, &signet_yaml::Limits::default()).map_err(|err| err.to_string())?;
    let value = documents.first().map(|document| signet_yaml::to_json(&document.root)).unwrap_or(Value::Null);
    Ok(value.as_array().cloned().unwrap_or_default())
}

/// Filters, patches, conditions and context of a rule.
fn sections(rule: &Value, index: usize) -> Result<(), String> {
    if let Some(patch) = rule.pointer("/mutate/patchesJson6902").and_then(Value::as_str) {
        let read = operations(patch)?;
        if let Some(wrong) = read.iter().find(|operation| !text(operation, "path").starts_with('/')) {
            let path = text(wrong, "path");
            return Err(format!("path must begin with a forward slash: spec.rules[{index}]: {path}"));
        }
        json_patch::read(&Value::Array(read)).map_err(|err| format!("invalid value: spec.rules[{index}]: {err}"))?;
    }
    for side in ["match", "exclude"] {
        let Some(filter) = rule.get(side) else { continue };
        let (any, all) = (!list(filter.get("any")).is_empty(), !list(filter.get("all")).is_empty());
        let resources =
            filter.get("resources").is_some_and(|found| !found.is_null() && found != &serde_json::json!({}));
        if (any || all) && resources {
            return Err(format!(
                "path: spec.rules[{index}].{side}.: can't specify any/all together with {side} resources"
            ));
        }
        if any && all {
            return Err(format!("path: spec.rules[{index}].{side}.: can't specify any and all together"));
        }
    }
    for (pointer, path) in
        [("/preconditions", "validate.preconditions"), ("/validate/deny/conditions", "validate.deny.conditions")]
    {
        conditions(rule.pointer(pointer))
            .map_err(|(place, err)| format!("path: spec.rules[{index}].{path}{place}: {err}"))?;
    }
    for entry in list(rule.get("context")) {
        context(entry).map_err(|err| format!("path: spec.rules[{index}]: {err}"))?;
    }
    labels(rule)
}

/// Conditions with what they lack, and where.
fn conditions(value: Option<&Value>) -> Result<(), (String, String)> {
    let Some(value) = value else { return Ok(()) };
    let mut found: Vec<(String, &Value)> = Vec::new();
    match value {
        Value::Array(items) => found.extend(items.iter().enumerate().map(|(at, item)| (format!("[{at}]."), item))),
        other => {
            for how in ["any", "all"] {
                let items = list(other.get(how)).into_iter().enumerate();
                found.extend(items.map(|(at, item)| (format!(".{how}[{at}]."), item)));
            }
        }
    }
    for (place, condition) in found {
        if condition.get("any").is_some() || condition.get("all").is_some() {
            continue;
        }
        let operator = text(condition, "operator");
        let absent = |key: &str| condition.get(key).is_none_or(Value::is_null);
        if absent("key") || absent("value") || operator.is_empty() {
            return Err((place, "entered value of `key`, `value` or `operator` is missing or misspelled".to_owned()));
        }
        if Operator::parse(operator).is_none() {
            return Err((place, format!("entered value of `operator` is invalid: {operator}")));
        }
        if text(condition, "key").replace(' ', "") != "{{request.operation}}" {
            continue;
        }
        let values = match condition.get("value") {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(value) => vec![value],
            None => Vec::new(),
        };
        for value in values {
            let known = match value.as_str() {
                Some(value) => matches!(value, "CREATE" | "UPDATE" | "DELETE" | "CONNECT") || value.starts_with("{{"),
                None => false,
            };
            if !known {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                return Err((
                    format!("{place}value"),
                    format!(
                        "unknown value '{value}' found under the 'value' field. Only the following values are allowed: [CREATE, UPDATE, \
                         DELETE, CONNECT]"
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn context(entry: &Value) -> Result<(), String> {
    let name = text(entry, "name");
    if name.is_empty() {
        return Err("a name is required for context entries".to_owned());
    }
    for reserved in ["images", "request", "serviceAccountName", "serviceAccountNamespace", "element", "elementIndex"] {
        if name == reserved || name.strip_prefix(reserved).is_some_and(|rest| rest.starts_with('.')) {
            return Err(format!("entry name {name} is invalid as it conflicts with a pre-defined variable {reserved}"));
        }
    }
    let sources: Vec<&str> = ["configMap", "apiCall", "imageRegistry", "variable", "globalReference"]
        .into_iter()
        .filter(|key| entry.get(*key).is_some_and(|found| !found.is_null()))
        .collect();
    let [source] = sources.as_slice() else {
        return Err("exactly one of configMap or apiCall or imageRegistry or variable is required for context entries"
            .to_owned());
    };
    let given = entry.get(*source).unwrap_or(&Value::Null);
    let path = text(given, "jmesPath");
    if !path.is_empty() && !path.contains("{{") {
        Expression::parse(path).map_err(|err| format!("failed to parse JMESPath {path}: {}", err.message))?;
    }
    match *source {
        "configMap" if text(given, "name").is_empty() => {
            Err("a name is required for configMap context entry".to_owned())
        }
        "configMap" if text(given, "namespace").is_empty() => {
            Err("a namespace is required for configMap context entry".to_owned())
        }
        "apiCall"
            if !text(given, "urlPath").is_empty() && given.get("service").is_some_and(|found| !found.is_null()) =>
        {
            Err("a URLPath cannot be used for service API calls".to_owned())
        }
        "imageRegistry" if text(given, "reference").is_empty() => {
            Err("a ref is required for imageRegistry context entry".to_owned())
        }
        "variable" if given.get("value").is_none() && path.is_empty() => {
            Err("a variable must define a value or a jmesPath expression".to_owned())
        }
        "variable" if given.get("default").is_some_and(|found| !found.is_null()) && path.is_empty() => {
            Err("a variable must define a default value only when a jmesPath expression is defined".to_owned())
        }
        _ => Ok(()),
    }
}

/// Labels and annotations are texts.
fn labels(rule: &Value) -> Result<(), String> {
    let mut patterns: Vec<&Value> = list(rule.pointer("/validate/anyPattern"));
    patterns.extend(rule.pointer("/validate/pattern"));
    patterns.extend(rule.pointer("/mutate/patchStrategicMerge"));
    for pattern in patterns {
        for holder in ["/metadata", "/spec/template/metadata"] {
            for key in ["labels", "annotations"] {
                let found = pattern.pointer(&format!("{holder}/{key}")).and_then(Value::as_object);
                if found.into_iter().flatten().any(|(_, value)| !value.is_string()) {
                    return Err(
                        "labels and annotations supports only string values, \"use double quotes around the non string values\""
                            .to_owned(),
                    );
                }
            }
        }
    }
    Ok(())
}

/// Warnings about operators that will be removed.
fn deprecated(rule: &Value) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                let operator = entries.get("operator").and_then(Value::as_str).unwrap_or_default();
                if let Some((name, instead)) = DEPRECATED.iter().find(|(name, _)| *name == operator) {
                    found.push(format!(
                        "Operator {name} has been deprecated and will be removed soon. Use these instead: {instead}"
                    ));
                }
                entries.values().for_each(|item| walk(item, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if !text(rule, "name").starts_with("autogen-") {
        walk(rule.get("validate").unwrap_or(&Value::Null), &mut found);
    }
    found
}
