//! A `ClusterPolicy` as policies in CEL, where they say the same; where they would not, the place and why.
//!
//! ```text
//!   ClusterPolicy, Policy ─▶ each rule, and each that is made of it for controllers
//!        ├─ match, exclude ─▶ matchConstraints and matchConditions
//!        ├─ preconditions  ─▶ matchConditions
//!        └─ pattern, anyPattern, deny, cel ─▶ validations
//!   both forms + a request ── proof::compare ─▶ the same, or what each says
//! ```
//!
//! Nothing is approximated: a rule that cannot be expressed exactly makes the whole policy an [`Obstacle`], because half of a policy admits what the
//! whole one refuses. "The same" means what is refused: CEL knows no difference between a rule that passes and one that does not apply.

mod conditions;
mod matching;
mod pattern;
mod proof;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use signet_yaml::{Node, to_json};

use crate::kyverno::{Policy, autogen_rules};

pub use proof::{Agreement, Converted, compare};

/// Longest expression of a rule, in bytes.
const LONGEST: usize = 48 << 10;

/// Why a policy is not converted, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// What cannot be expressed; one sentence without a full stop.
    pub message: String,
}

/// What a part of a rule cannot be said in, and where below the rule it stands.
struct Cannot {
    route: Vec<String>,
    why: String,
}

fn cannot<T>(route: &[&str], why: impl Into<String>) -> Result<T, Cannot> {
    Err(Cannot { route: route.iter().map(|key| (*key).to_owned()).collect(), why: why.into() })
}

/// The policies in CEL that say what this one says, in the order of its rules.
///
/// # Errors
/// Everything that keeps it from being converted: what is wrong with it, or what has no exact equal.
pub fn convert(root: &Node) -> Result<Vec<Value>, Vec<Obstacle>> {
    let at = |node: &Node, message: String| Obstacle { line: node.span.line, column: node.span.column, message };
    if !Policy::is(root) {
        return Err(vec![at(root, "this is no ClusterPolicy or Policy of kyverno.io".to_owned())]);
    }
    Policy::load(root).map_err(|problems| {
        let obstacle = |problem: crate::trust_policy::PolicyError| Obstacle {
            line: problem.line,
            column: problem.column,
            message: problem.message,
        };
        problems.into_iter().map(obstacle).collect::<Vec<_>>()
    })?;
    let json = to_json(root);
    let spec = json.get("spec").cloned().unwrap_or(Value::Null);
    let declared = spec.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut obstacles = Vec::new();
    for (key, why) in of_spec(&json, &spec, declared.len()) {
        let node = root.path(&["spec", key]).or_else(|| root.get("metadata")).unwrap_or(root);
        obstacles.push(at(node, why));
    }
    let annotations = json.pointer("/metadata/annotations");
    let mut made = Vec::new();
    for (index, rule) in declared.iter().enumerate() {
        match document(&json, &spec, rule, declared.len()) {
            Ok(found) => made.push(found),
            Err(err) => obstacles.push(place(root, index, &err)),
        }
    }
    if obstacles.is_empty() {
        for rule in autogen_rules(annotations, &declared) {
            let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
            match document(&json, &spec, &rule, usize::MAX) {
                Ok(found) => made.push(found),
                Err(err) => {
                    let node = root.path(&["spec", "rules"]).unwrap_or(root);
                    obstacles.push(at(node, format!("the rule `{name}`, which is made for controllers: {}", err.why)));
                }
            }
        }
    }
    let mut names: Vec<&str> = made.iter().filter_map(|found| found.pointer("/metadata/name")?.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        obstacles.push(at(root, "two of its rules would get the same name: give them names that differ".to_owned()));
    }
    if made.is_empty() && obstacles.is_empty() {
        obstacles.push(at(root, "the policy has no rules".to_owned()));
    }
    if obstacles.is_empty() { Ok(made) } else { Err(obstacles) }
}

/// The place of an obstacle: the deepest part of its route that the document has.
fn place(root: &Node, index: usize, err: &Cannot) -> Obstacle {
    let index = index.to_string();
    let mut route = vec!["spec", "rules", index.as_str()];
    let mut node = root.path(&route).unwrap_or(root);
    for key in &err.route {
        route.push(key);
        match root.path(&route) {
            Some(found) => node = found,
            None => break,
        }
    }
    Obstacle { line: node.span.line, column: node.span.column, message: err.why.clone() }
}

/// What of the whole policy has no equal.
fn of_spec(json: &Value, spec: &Value, rules: usize) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let is_given = |key: &str| spec.get(key).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()));
    if is_given("validationFailureActionOverrides") {
        let why = "a policy in CEL has one action for all namespaces: write one policy for each action";
        found.push(("validationFailureActionOverrides", why.to_owned()));
    }
    if rules > 1 && spec.get("applyRules").and_then(Value::as_str) == Some("One") {
        let why =
            "`applyRules: One` stops at the first rule that applies, and policies in CEL do not know of each other";
        found.push(("applyRules", why.to_owned()));
    }
    let scored = json.pointer("/metadata/annotations/policies.kyverno.io~1scored").and_then(Value::as_str);
    if scored == Some("false") {
        found.push((
            "metadata",
            "`policies.kyverno.io/scored: false` makes failures warnings, which CEL cannot".to_owned(),
        ));
    }
    found
}

/// One rule as a policy.
fn document(json: &Value, spec: &Value, rule: &Value, rules: usize) -> Result<Value, Cannot> {
    let name = rule.get("name").and_then(Value::as_str).unwrap_or_default();
    for (key, why) in [
        ("mutate", "rules that change resources are not converted"),
        ("generate", "rules that make resources are not converted"),
        ("verifyImages", "rules that verify images are not converted"),
        ("context", "what is looked up for a rule has no equal that is known to be the same"),
        ("imageExtractors", "extractors of images are not converted"),
    ] {
        let is_there =
            rule.get(key).is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
        if is_there {
            return cannot(&[key], why);
        }
    }
    let Some(validate) = rule.get("validate") else { return cannot(&[], "the rule validates nothing") };
    if validate.get("failureActionOverrides").and_then(Value::as_array).is_some_and(|list| !list.is_empty()) {
        let why = "a policy in CEL has one action for all namespaces: write one policy for each action";
        return cannot(&["validate", "failureActionOverrides"], why);
    }
    let action = validate.get("failureAction").or_else(|| spec.get("validationFailureAction")).and_then(Value::as_str);
    let is_enforced = action.is_some_and(|action| action.eq_ignore_ascii_case("enforce"));
    let tolerates = validate.get("allowExistingViolations").and_then(Value::as_bool) != Some(false);
    let message = validate.get("message").and_then(Value::as_str).unwrap_or_default();
    if message.contains("{{") || message.contains("$(") {
        return cannot(&["validate", "message"], "a message with variables has no equal: write one without");
    }
    let matched = matching::matched(rule)?;
    let mut conditions = matched.conditions;
    for (index, condition) in listed(spec, &["webhookConfiguration", "matchConditions"]).enumerate() {
        let expression = condition.get("expression").and_then(Value::as_str).unwrap_or_default();
        conditions.push((format!("webhook-{index}"), expression.to_owned()));
    }
    if let Some(found) = rule.get("preconditions").filter(|found| !found.is_null()) {
        let expression =
            conditions::holds(found).map_err(|why| Cannot { route: vec!["preconditions".to_owned()], why })?;
        conditions.push(("preconditions".to_owned(), expression));
    }
    for (index, condition) in listed(rule, &["celPreconditions"]).enumerate() {
        let expression = condition.get("expression").and_then(Value::as_str).unwrap_or_default();
        conditions.push((format!("precondition-{index}"), expression.to_owned()));
    }
    let (validations, variables, is_simple) = validations(validate, message)?;
    // An update of what fails already is let through under `Enforce`; to say so, what failed before must be told from what could not be judged.
    let updates = matched.operations.iter().any(|operation| operation == "UPDATE");
    if is_enforced && tolerates && updates {
        let why = "under `Enforce`, an update of what fails already is let through (`allowExistingViolations`), and a policy in CEL cannot say so: \
                   write `allowExistingViolations: false`, or match CREATE alone";
        return cannot(&["validate"], why);
    }
    let longest = conditions.iter().map(|(_, expression)| expression.len()).sum::<usize>() + is_simple;
    if longest > LONGEST {
        return cannot(
            &["validate"],
            format!("its expressions have {longest} bytes, more than the {LONGEST} that are written"),
        );
    }
    let mut made = Map::new();
    made.insert("validationActions".to_owned(), json!([if is_enforced { "Deny" } else { "Audit" }]));
    let failure = spec.pointer("/webhookConfiguration/failurePolicy").or_else(|| spec.get("failurePolicy"));
    made.insert(
        "failurePolicy".to_owned(),
        failure.filter(|found| found.is_string()).cloned().unwrap_or(json!("Fail")),
    );
    let timeout = spec.pointer("/webhookConfiguration/timeoutSeconds").or_else(|| spec.get("webhookTimeoutSeconds"));
    if let Some(timeout) = timeout.filter(|found| found.is_number()) {
        made.insert("webhookConfiguration".to_owned(), json!({"timeoutSeconds": timeout}));
    }
    let mut evaluation = Map::new();
    for key in ["background", "admission"] {
        if let Some(enabled) = spec.get(key).filter(|found| found.is_boolean()) {
            evaluation.insert(key.to_owned(), json!({"enabled": enabled}));
        }
    }
    if !evaluation.is_empty() {
        made.insert("evaluation".to_owned(), Value::Object(evaluation));
    }
    // The rules for controllers are policies of their own.
    made.insert("autogen".to_owned(), json!({"podControllers": {"controllers": []}}));
    made.insert("matchConstraints".to_owned(), json!({"resourceRules": matched.rules}));
    let named = |(name, expression): &(String, String)| json!({"name": name, "expression": expression});
    made.insert("matchConditions".to_owned(), conditions.iter().map(named).collect());
    if !variables.is_empty() {
        made.insert("variables".to_owned(), Value::Array(variables));
    }
    made.insert("validations".to_owned(), Value::Array(validations));
    let mut metadata = Map::new();
    let policy = json.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let full = if rules == 1 { policy.to_owned() } else { format!("{policy}-{}", plain(name)) };
    metadata.insert("name".to_owned(), Value::String(full));
    for key in ["labels", "annotations"] {
        let found = json.pointer(&format!("/metadata/{key}")).and_then(Value::as_object);
        let kept: Map<String, Value> = found
            .into_iter()
            .flatten()
            .filter(|(key, _)| !key.starts_with("pod-policies.kyverno.io/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !kept.is_empty() {
            metadata.insert(key.to_owned(), Value::Object(kept));
        }
    }
    let is_namespaced = json.get("kind").and_then(Value::as_str) == Some("Policy");
    if is_namespaced {
        let namespace = json.pointer("/metadata/namespace").cloned().unwrap_or(json!("default"));
        metadata.insert("namespace".to_owned(), namespace);
    }
    Ok(json!({
        "apiVersion": "policies.kyverno.io/v1",
        "kind": if is_namespaced { "NamespacedValidatingPolicy" } else { "ValidatingPolicy" },
        "metadata": metadata,
        "spec": made,
    }))
}

fn listed<'v>(of: &'v Value, route: &[&str]) -> impl Iterator<Item = &'v Value> + use<'v> {
    let found = route.iter().try_fold(of, |value, key| value.get(key));
    found.and_then(Value::as_array).into_iter().flatten()
}

/// What must hold, variables, and how long it all is.
fn validations(validate: &Value, message: &str) -> Result<(Vec<Value>, Vec<Value>, usize), Cannot> {
    let present = |key: &str| validate.get(key).filter(|found| !found.is_null());
    let one = |expression: String| {
        let length = expression.len();
        let mut entry = json!({"expression": expression});
        if let (false, Some(entry)) = (message.is_empty(), entry.as_object_mut()) {
            entry.insert("message".to_owned(), Value::String(message.to_owned()));
        }
        (vec![entry], Vec::new(), length)
    };
    let at = |key: &'static str| move |why: String| Cannot { route: vec!["validate".to_owned(), key.to_owned()], why };
    if let Some(found) = present("pattern") {
        return Ok(one(pattern::holds(std::slice::from_ref(found)).map_err(at("pattern"))?));
    }
    if let Some(found) = present("anyPattern").and_then(Value::as_array) {
        return Ok(one(pattern::holds(found).map_err(at("anyPattern"))?));
    }
    if let Some(found) = present("deny") {
        let expression = match found.get("conditions").filter(|found| !found.is_null()) {
            None => "false".to_owned(),
            Some(found) => format!("!({})", conditions::holds(found).map_err(at("deny"))?),
        };
        return Ok(one(expression));
    }
    if let Some(cel) = present("cel") {
        for key in ["paramKind", "paramRef", "auditAnnotations"] {
            if cel.get(key).is_some_and(|found| !found.is_null()) {
                return cannot(&["validate", "cel", key], format!("`{key}` is not converted"));
            }
        }
        let mut found: Vec<Value> = listed(cel, &["expressions"]).cloned().collect();
        for entry in found.iter_mut().filter_map(Value::as_object_mut) {
            if !message.is_empty() && !entry.contains_key("message") {
                entry.insert("message".to_owned(), Value::String(message.to_owned()));
            }
        }
        let variables: Vec<Value> = listed(cel, &["variables"]).cloned().collect();
        return Ok((found, variables, 0));
    }
    for key in ["foreach", "podSecurity", "manifests", "assert"] {
        if present(key).is_some() {
            return cannot(&["validate", key], format!("`{key}` is not converted"));
        }
    }
    cannot(&["validate"], "the rule asks nothing")
}

/// A name as Kubernetes has them.
fn plain(name: &str) -> String {
    let letters =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    letters.collect::<String>().trim_matches('-').to_owned()
}

/// A text as a literal of CEL. JSON's escapes are among those of CEL.
fn literal(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// Whether a text expression is as a wildcard says.
fn like(expression: &str, pattern: &str) -> String {
    if pattern == "*" {
        return "true".to_owned();
    }
    if !crate::wildcard::is_pattern(pattern) {
        return format!("{expression} == {}", literal(pattern));
    }
    let mut regexp = String::from("(?s)^");
    for letter in pattern.chars() {
        match letter {
            '*' => regexp.push_str(".*"),
            '?' => regexp.push('.'),
            other => regexp.push_str(&regex_syntax::escape(&other.to_string())),
        }
    }
    regexp.push('$');
    format!("{expression}.matches({})", literal(&regexp))
}
