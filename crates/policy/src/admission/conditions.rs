//! `matchConditions` of a webhook: whether the API server asks the policy about a request at all.
//!
//! Source: kubernetes/kubernetes:staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go.

use serde_json::Value as Json;

use super::host::{Scope, Session};
use super::rule::{conditions_hold, conditions_of, text};
use crate::cel::{Environment, Program};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Snapshot};

/// Conditions, compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebhookConditions {
    conditions: Vec<(String, Program)>,
    /// Their texts, in the same order.
    expressions: Vec<String>,
}

impl WebhookConditions {
    /// Reads a list of `{name, expression}`. The message says what is wrong.
    pub(crate) fn compile(list: Option<&Json>) -> Result<WebhookConditions, String> {
        let list = list.and_then(Json::as_array).cloned().unwrap_or_default();
        let environment = Environment::kubernetes(["object", "oldObject", "request"]).with_authorizer();
        let conditions = conditions_of(&list, &environment)?;
        let expressions = list.iter().map(|condition| text(condition, "expression").to_owned()).collect();
        Ok(WebhookConditions { conditions, expressions })
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether all hold. One that is false decides, whatever errors stand beside it; else an error is one, in the API server's words.
    pub(crate) fn hold(&self, input: &Input, surroundings: &Surroundings) -> Result<bool, String> {
        if self.conditions.is_empty() {
            return Ok(true);
        }
        let snapshot = Snapshot::new();
        let namespace = super::matching::namespace_object(input, &snapshot);
        let session = Session::new(&snapshot, surroundings, None, None);
        let mut scope = Scope::new(&session, &[]);
        super::evaluate::facts(&mut scope, input, &namespace).map_err(|err| err.to_string())?;
        conditions_hold(&self.conditions, &scope).map_err(|(name, err)| {
            let index = self.conditions.iter().position(|(known, _)| known == name);
            let expression = index.and_then(|index| self.expressions.get(index)).map_or(name, String::as_str);
            format!("expression '{expression}' resulted in error: {err}")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kyverno::Operation;

    #[track_caller]
    fn check(expressions: &[&str], want: Result<bool, &str>) {
        let list: Vec<Json> = expressions
            .iter()
            .enumerate()
            .map(|(index, text)| json!({"name": index.to_string(), "expression": text}))
            .collect();
        let conditions = WebhookConditions::compile(Some(&json!(list))).expect("conditions");
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}});
        let surroundings = Surroundings::kyverno(jiff::Timestamp::UNIX_EPOCH, [0; 32]);
        let found = conditions.hold(&Input::of(pod, Operation::Create), &surroundings);
        assert_eq!(found.as_ref().map_err(String::as_str), want.as_ref().map_err(|text| *text), "{expressions:?}");
    }

    #[test]
    fn what_is_false_decides_before_what_fails() {
        check(&[], Ok(true));
        check(&["object.metadata.namespace == 'n'", "true"], Ok(true));
        check(&["2 / 0 == 1", "false"], Ok(false));
        check(&["2 / 0 == 1", "true"], Err("expression '2 / 0 == 1' resulted in error: division by zero"));
    }

    #[test]
    fn an_expression_of_the_wrong_type_is_refused_when_it_is_read() {
        assert!(WebhookConditions::compile(Some(&json!([{"name": "a", "expression": "1"}]))).is_err());
    }
}
