//! `preconditions` and `deny.conditions`: all of `all`, one of `any`.
//!
//! Source: kyverno/kyverno:pkg/engine/variables/evaluate.go.

use serde_json::Value;

use super::operator::Operator;
use super::scope::{QueryError, Scope};
use super::variables::{Unresolved, substitute};

/// Conditions of a rule; blocks must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conditions(Vec<AnyAll>);

#[derive(Clone, Debug, Default, PartialEq)]
struct AnyAll {
    any: Option<Vec<Condition>>,
    all: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    key: Value,
    operator: Operator,
    value: Value,
    message: String,
}

impl Conditions {
    /// Compiles `{any: [..], all: [..]}`, a list of those, or the older list of conditions.
    pub(crate) fn compile(value: &Value) -> Result<Conditions, String> {
        let list = |value: &Value| -> Result<Vec<Condition>, String> {
            value.as_array().into_iter().flatten().map(Condition::compile).collect()
        };
        let block = |value: &Value| -> Result<AnyAll, String> {
            Ok(AnyAll {
                any: value.get("any").filter(|any| !any.is_null()).map(list).transpose()?,
                all: value.get("all").map(list).transpose()?.unwrap_or_default(),
            })
        };
        Ok(Conditions(match value {
            Value::Null => Vec::new(),
            Value::Array(items) if items.iter().all(|item| item.get("operator").is_none()) => {
                items.iter().map(block).collect::<Result<_, _>>()?
            }
            Value::Array(_) => vec![AnyAll { any: None, all: list(value)? }],
            other => vec![block(other)?],
        }))
    }

    /// Whether they hold, and the messages of the conditions that decided.
    pub(crate) fn hold(&self, scope: &mut Scope<'_>) -> Result<(bool, String), ConditionError> {
        let mut held = Vec::new();
        for block in &self.0 {
            let (holds, messages) = block.holds(scope)?;
            if !holds {
                return Ok((false, messages));
            }
            held.push(messages);
        }
        Ok((true, join(held)))
    }
}

/// Why a condition cannot be decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConditionError {
    /// A part of it could not be resolved.
    #[error("failed to substitute variables in condition {part}: {err}")]
    Part { part: &'static str, err: Unresolved },
    /// It could not be compared.
    #[error("failed to compare key and value of a condition: {0}")]
    Compare(QueryError),
}

impl ConditionError {
    /// Whether nothing is wrong but that a value is not there.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, ConditionError::Part { err, .. } if err.err.is_absence())
    }
}

impl AnyAll {
    fn holds(&self, scope: &mut Scope<'_>) -> Result<(bool, String), ConditionError> {
        let (mut met, mut missed) = (Vec::new(), Vec::new());
        let mut any = self.any.is_none();
        for condition in self.any.iter().flatten() {
            if condition.holds(scope)? {
                any = true;
                met.push(condition.message.clone());
                break;
            }
            missed.push(condition.message.clone());
        }
        let mut all = true;
        for condition in &self.all {
            if !condition.holds(scope)? {
                all = false;
                missed.push(condition.message.clone());
                break;
            }
            met.push(condition.message.clone());
        }
        Ok(if any && all { (true, join(met)) } else { (false, join(missed)) })
    }
}

impl Condition {
    fn compile(value: &Value) -> Result<Condition, String> {
        let name = value.get("operator").and_then(Value::as_str).unwrap_or_default();
        let operator = Operator::parse(name).ok_or_else(|| format!("there is no operator `{name}`"))?;
        let part = |key: &str| value.get(key).cloned().unwrap_or(Value::Null);
        let message = value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Condition { key: part("key"), operator, value: part("value"), message })
    }

    fn holds(&self, scope: &mut Scope<'_>) -> Result<bool, ConditionError> {
        let key = substitute(&self.key, scope).map_err(|err| ConditionError::Part { part: "key", err })?;
        let value = substitute(&self.value, scope).map_err(|err| ConditionError::Part { part: "value", err })?;
        self.operator.holds(&key, &value, &mut scope.work).map_err(ConditionError::Compare)
    }
}

fn join(messages: Vec<String>) -> String {
    messages.into_iter().filter(|message| !message.is_empty()).collect::<Vec<_>>().join("; ")
}
