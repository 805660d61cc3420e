//! `foreach` of mutate rules: one patch for each element of a list, each applied to what the one before it made.
//!
//! Without an `order`, strategic patches go from the last element to the first: each puts its elements first, so that the list keeps its order.
//! Source: kyverno/kyverno:pkg/engine/handlers/mutation/common.go.

use std::sync::Arc;

use serde_json::Value;

use super::{Change, Outcome, Patch};
use crate::kyverno::conditions::Conditions;
use crate::kyverno::context::Entry;
use crate::kyverno::evaluate::Status;
use crate::kyverno::rule::{entries, text};
use crate::kyverno::scope::{QueryError, Scope, weigh};

/// Levels of `foreach` in `foreach`.
const MAX_NESTING: usize = 8;

/// One `foreach`.
#[derive(Clone, Debug)]
pub(super) struct Foreach {
    list: String,
    descending: bool,
    context: Vec<Entry>,
    preconditions: Option<Conditions>,
    change: Change,
}

impl Foreach {
    pub(super) fn compile(value: &Value) -> Result<Foreach, String> {
        Foreach::compile_nested(value, 0)
    }

    fn compile_nested(value: &Value, nesting: usize) -> Result<Foreach, String> {
        let list = text(value, "list").filter(|list| !list.trim().is_empty()).ok_or("`foreach` needs a `list`")?;
        let inner = value.get("foreach").filter(|inner| !inner.is_null());
        let change = match (Patch::compile(value)?, inner) {
            (Some(patch), None) => Change::Patch(patch),
            (None, Some(Value::Array(items))) if nesting < MAX_NESTING => {
                let items = items.iter().map(|item| Foreach::compile_nested(item, nesting + 1));
                Change::Foreach(items.collect::<Result<_, _>>()?)
            }
            (None, Some(Value::Array(_))) => return Err(format!("`foreach` stands in more than {MAX_NESTING} others")),
            _ => {
                return Err(format!(
                    "`foreach` over `{list}` needs one of `patchStrategicMerge`, `patchesJson6902` and `foreach`"
                ));
            }
        };
        let descending = match text(value, "order").as_deref() {
            Some("Ascending") => false,
            Some("Descending") => true,
            None => matches!(change, Change::Patch(Patch::Strategic(_))),
            Some(other) => return Err(format!("`{other}` is no order; there are Ascending and Descending")),
        };
        Ok(Foreach {
            list,
            descending,
            context: entries(value)?,
            preconditions: value
                .get("preconditions")
                .filter(|found| !found.is_null())
                .map(Conditions::compile)
                .transpose()?,
            change,
        })
    }

    /// Applies the change for each element. An error leaves nothing changed.
    fn apply<'a>(
        &'a self,
        mut resource: Value,
        scope: &mut Scope<'a>,
        on_target: bool,
        nesting: usize,
    ) -> Result<Value, String> {
        let elements = match scope.query(&self.list) {
            Ok(Value::Array(items)) => items,
            Ok(other) => vec![other],
            Err(err) => return Err(format!("failed to evaluate list {}: {err}", self.list)),
        };
        let mut numbered: Vec<(usize, Value)> = elements.into_iter().enumerate().collect();
        if self.descending {
            numbered.reverse();
        }
        let mark = scope.mark();
        for (index, element) in numbered.iter().filter(|(_, element)| !element.is_null()) {
            let outcome = self.element(&resource, scope, on_target, nesting, *index, element);
            scope.back_to(mark);
            if scope.work.is_spent() {
                return Err(format!("failed to mutate elements: {}", QueryError::TooLarge));
            }
            if let Some(patched) = outcome.map_err(|message| format!("failed to mutate elements: {message}"))? {
                resource = patched;
            }
        }
        Ok(resource)
    }

    /// What one element makes of the resource; `None` if it is left out.
    fn element<'a>(
        &'a self,
        resource: &Value,
        scope: &mut Scope<'a>,
        on_target: bool,
        nesting: usize,
        index: usize,
        element: &Value,
    ) -> Result<Option<Value>, String> {
        let place =
            |what: &str, err: &dyn std::fmt::Display| format!("failed to {what} mutate.foreach[{index}]: {err}");
        scope.set_element(Arc::new(element.clone()), index, nesting).map_err(|err| place("add element to", &err))?;
        scope.declare(&self.context);
        if let Some(conditions) = &self.preconditions {
            match conditions.hold(scope) {
                Ok((true, _)) => {}
                Ok((false, _)) => return Ok(None),
                // Also where a value is not there: left out, the element would go without its patch.
                Err(err) => return Err(place("evaluate preconditions of", &err)),
            }
        }
        match &self.change {
            Change::Patch(patch) => patch.apply(resource, scope).map(|(_, _, patched)| Some(patched)),
            Change::Foreach(list) => {
                scope.work.bytes(weigh(resource)).map_err(|err| place("copy the resource for", &err))?;
                let mut resource = resource.clone();
                for foreach in list {
                    resource = foreach.apply(resource, scope, on_target, nesting + 1)?;
                }
                Ok(Some(resource))
            }
        }
    }
}

impl Change {
    /// Changes a resource. `on_target`: it is a target, and expressions find it under `target`.
    pub(super) fn apply<'a>(&'a self, resource: Value, scope: &mut Scope<'a>, on_target: bool) -> Outcome {
        match self {
            Change::Patch(patch) => patch.apply(&resource, scope),
            Change::Foreach(list) => {
                let before = resource.clone();
                let mut resource = resource;
                for foreach in list {
                    resource = foreach.apply(resource, scope, on_target, 0)?;
                    // The lists of those that follow are looked up in what was made so far.
                    if on_target {
                        scope.set_target(resource.clone()).map_err(|err| err.to_string())?;
                    } else {
                        scope.set_object(resource.clone());
                    }
                }
                Ok(if resource == before {
                    (Status::Skip, "no patches applied".to_owned(), resource)
                } else {
                    (Status::Pass, format!("{} elements processed", list.len()), resource)
                })
            }
        }
    }
}
