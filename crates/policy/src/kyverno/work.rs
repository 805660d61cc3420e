//! What one rule may cost: the searches, comparisons and copies of a rule are paid for together.
//!
//! A policy is written by somebody who is trusted with it, the request is not: a list of ten thousand entries makes a `foreach` of a cheap rule
//! dear. Beyond the limit the rule is an error, never a pass (CVE-2026-23881, CVE-2025-47281).

use serde_json::Value;

use super::scope::QueryError;

/// Steps of one rule: nodes of expressions evaluated, elements looked at, letters compared in units of 64.
const MAX_STEPS: u64 = 4_000_000;
/// Bytes that the expressions of one rule may make, one after the other.
const MAX_BYTES: u64 = 64 << 20;

/// What is left.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) steps: u64,
    pub(crate) bytes: u64,
}

impl Default for Work {
    fn default() -> Work {
        Work { steps: MAX_STEPS, bytes: MAX_BYTES }
    }
}

impl Work {
    /// Pays for steps. What cannot be paid ends the rule.
    pub(crate) fn steps(&mut self, steps: usize) -> Result<(), QueryError> {
        match self.steps.checked_sub(steps as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.end();
                Err(QueryError::TooLarge)
            }
        }
    }

    /// Pays for bytes that were copied or made.
    pub(crate) fn bytes(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.steps(bytes / 64)?;
        match self.bytes.checked_sub(bytes as u64) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => {
                self.end();
                Err(QueryError::TooLarge)
            }
        }
    }

    /// Nothing more is granted: what follows fails at once.
    pub(crate) fn end(&mut self) {
        self.steps = 0;
        self.bytes = 0;
    }

    /// Whether the rule has taken all that it may.
    pub(crate) fn is_spent(&self) -> bool {
        self.steps == 0 || self.bytes == 0
    }
}

/// What a pattern may cost against a resource. Without a pattern: what one walk over the resource costs.
///
/// Each alternative of each text of a pattern can meet each value of the resource; only a part with `?` takes its own length for each letter.
pub(crate) fn walk_cost(pattern: Option<&Value>, resource: &Value) -> usize {
    let mut size = Size::default();
    size.add(resource);
    let Some(pattern) = pattern else { return 1 + size.values / 4 + size.bytes / 64 };
    let mut wanted = Size::default();
    wanted.add(pattern);
    let pairs = wanted.tests.saturating_mul(size.values) / 8;
    pairs.saturating_add(wanted.searched.saturating_mul(size.bytes) / 64).saturating_add(1 + size.bytes / 64)
}

/// How much there is of a value.
#[derive(Default)]
struct Size {
    values: usize,
    bytes: usize,
    /// Alternatives and conjunctions of all texts.
    tests: usize,
    /// The longest part with `?`.
    searched: usize,
}

impl Size {
    fn add(&mut self, value: &Value) {
        self.values += 1;
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(entries) => {
                for (key, value) in entries {
                    self.text(key);
                    self.add(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.tests += 1,
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes += text.len();
        self.tests += 1 + text.bytes().filter(|byte| matches!(byte, b'|' | b'&')).count();
        let part = text.split('*').filter(|part| part.contains('?')).map(str::len).max().unwrap_or(0);
        self.searched = self.searched.max(part);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signet_yaml::{Limits, parse};

    use crate::jmespath::Surroundings;
    use crate::kyverno::{Input, Operation, Policy, Snapshot, Status};

    /// A rule over an object that makes it dear. It must end, and not with a pass.
    #[track_caller]
    fn ends(rule: &str, spec: serde_json::Value) {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n{rule}"
        );
        let documents = parse(&text, &Limits::default()).expect("YAML");
        let policy = Policy::load(&documents[0].root).expect("a policy");
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec});
        let input = Input::of(object, Operation::Create);
        let surroundings = Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [7; 32]);
        let mut responses = policy.evaluate(&input, &[], &Snapshot::new(), &surroundings).responses;
        responses.extend(policy.mutate(&input, &[], &Snapshot::new(), &surroundings).responses);
        let [response] = responses.as_slice() else { panic!("one response: {responses:?}") };
        assert_eq!(response.status, Status::Error, "{}", response.message);
        assert!(response.message.contains("more work or memory"), "{}", response.message);
    }

    fn words(count: usize, ending: &str) -> Vec<String> {
        (0..count).map(|number| format!("{number}{ending}")).collect()
    }

    #[test]
    fn comparing_two_lists_of_wildcards() {
        let rule = "    validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.a }}', operator: OP, value: '{{ request.object.spec.b }}'}]}}}";
        for operator in ["AnyIn", "AllNotIn"] {
            ends(&rule.replace("OP", operator), json!({"a": words(15_000, "*x"), "b": words(15_000, "?y")}));
        }
        for operator in ["AllIn", "AnyNotIn"] {
            let last = words(15_000, "?y").into_iter().chain(["*".to_owned()]).collect::<Vec<_>>();
            ends(&rule.replace("OP", operator), json!({"a": words(15_000, "*x"), "b": last}));
        }
    }

    #[test]
    fn a_wildcard_as_long_as_the_text() {
        let rule = "    validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.a }}', operator: OP, value: '{{ request.object.spec.b }}'}]}}}";
        for operator in ["Equals", "NotEquals", "AnyIn"] {
            let long = json!({"a": "a".repeat(150_000), "b": format!("*{}b", "?".repeat(70_000))});
            ends(&rule.replace("OP", operator), long);
        }
        let pattern = "    validate: {pattern: {spec: {a: '{{ request.object.spec.b }}'}}}";
        ends(pattern, json!({"a": "a".repeat(150_000), "b": format!("*{}b", "?".repeat(70_000))}));
    }

    #[test]
    fn a_pattern_of_many_alternatives() {
        let rule = "    validate: {pattern: {spec: {a: '{{ request.object.spec.b }}'}}}";
        ends(rule, json!({"a": words(30_000, ""), "b": words(30_000, "z").join("|")}));
    }

    #[test]
    fn each_element_looks_at_everything() {
        let list = "    validate: {foreach: [{list: request.object.spec.a, deny: {conditions: {all: [{key: \"{{ request.object.spec.a[?@ == 'x'] | length(@) }}\", operator: GreaterThan, value: 5}]}}}]}";
        ends(list, json!({"a": words(20_000, "")}));
        let copies = "    validate: {foreach: [{list: request.object.spec.a, deny: {conditions: {all: [{key: '{{ request.object }}', operator: Equals, value: 5}]}}}]}";
        ends(copies, json!({"a": words(20_000, "")}));
        let pattern = "    validate: {foreach: [{list: request.object.spec.a, elementScope: false, pattern: {spec: {=(a): '!x'}}}]}";
        ends(pattern, json!({"a": words(20_000, "")}));
        let nested = "    validate: {foreach: [{list: request.object.spec.a, foreach: [{list: request.object.spec.a, deny: {conditions: {all: [{key: '{{ element }}', operator: Equals, value: x}]}}}]}]}";
        ends(nested, json!({"a": words(5_000, "")}));
        let patches = "    mutate: {foreach: [{list: request.object.spec.a, patchesJson6902: '[{op: add, path: /spec/b, value: \"{{ element }}\"}]'}]}";
        ends(patches, json!({"a": words(20_000, "")}));
        let inner = "    mutate: {foreach: [{list: request.object.spec.a, foreach: [{list: element.b, patchesJson6902: '[{op: add, path: /spec/c, value: 1}]'}]}]}";
        ends(inner, json!({"a": vec![json!({"b": []}); 20_000]}));
    }

    #[test]
    fn preconditions_too_dear_to_look_at_are_no_skip() {
        let rule = "    preconditions: {all: [{key: '{{ request.object.spec.a }}', operator: AnyIn, value: '{{ request.object.spec.b }}'}]}\n    validate: {deny: {}}";
        ends(rule, json!({"a": words(15_000, "*x"), "b": words(15_000, "?y")}));
    }

    #[test]
    fn an_empty_block_of_conditions_is_refused() {
        for conditions in ["[null]", "{all: [null]}", "[{any: [null]}]"] {
            let text = format!(
                "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    preconditions: {conditions}\n    validate: {{deny: {{}}}}"
            );
            let documents = parse(&text, &Limits::default()).expect("YAML");
            assert!(Policy::load(&documents[0].root).is_err(), "{conditions}");
        }
    }
}
