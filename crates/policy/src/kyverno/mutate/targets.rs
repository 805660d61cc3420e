//! `targets`: resources that a rule changes besides the one that it is about (`mutateExisting`).
//!
//! Who evaluates hands them in, as the answer to [`Need::Objects`]. Source: kyverno/kyverno:pkg/engine/handlers/mutation/load_targets.go.

use serde_json::{Value, json};

use super::{Mutation, told};
use crate::kyverno::conditions::Conditions;
use crate::kyverno::context::{Entry, Need};
use crate::kyverno::evaluate::{Run, Status};
use crate::kyverno::rule::{entries, text};
use crate::kyverno::variables::{demands_kept, substitute, wildcards_kept};

/// Resources that one rule may change in one request.
const MAX_TARGETS: usize = 10_000;

/// Which resources are meant.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// `apiVersion`, `kind`, `namespace`, `name` and `selector`, with variables.
    selector: Value,
    context: Vec<Entry>,
    preconditions: Option<Conditions>,
}

impl Target {
    pub(super) fn compile(value: &Value) -> Result<Target, String> {
        for key in ["apiVersion", "kind"] {
            text(value, key).filter(|found| !found.is_empty()).ok_or_else(|| format!("a target needs `{key}`"))?;
        }
        let part = |key: &str| value.get(key).cloned().unwrap_or(Value::Null);
        Ok(Target {
            selector: json!({
                "apiVersion": part("apiVersion"),
                "kind": part("kind"),
                "namespace": part("namespace"),
                "name": part("name"),
                "uid": part("uid"),
                "selector": part("selector"),
            }),
            context: entries(value)?,
            preconditions: value
                .get("preconditions")
                .filter(|found| !found.is_null())
                .map(Conditions::compile)
                .transpose()?,
        })
    }

    /// What the caller must look up.
    fn need(&self, run: &mut Run<'_>) -> Result<Need, String> {
        let resolved = substitute(&self.selector, &mut run.scope)
            .map_err(|err| format!("failed to substitute variables in target: {err}"))?;
        demands_kept(&self.selector, &resolved, "targets")?;
        wildcards_kept(&self.selector, &resolved, "targets")?;
        let part = |key: &str| text(&resolved, key).unwrap_or_default();
        // A policy of one namespace changes nothing in another.
        let namespace = run.policy.namespace.clone().unwrap_or_else(|| part("namespace"));
        let selector = resolved.get("selector").filter(|selector| !selector.is_null());
        Ok(Need::Objects {
            api_version: part("apiVersion"),
            kind: part("kind"),
            namespace,
            name: part("name"),
            uid: part("uid"),
            selector: selector.map(Value::to_string).unwrap_or_default(),
        })
    }
}

impl Mutation {
    /// Changes all targets: for each a status, a message, and what it is now.
    pub(super) fn targets<'a>(&'a self, run: &mut Run<'a>) -> Vec<(Status, String, Option<Value>)> {
        let mut found = Vec::new();
        for target in &self.targets {
            let objects = match target.need(run) {
                Err(message) => {
                    found.push((Status::Error, message, None));
                    continue;
                }
                Ok(need) => match run.scope.fetched(&need) {
                    Ok(Value::Array(objects)) => objects.clone(),
                    Ok(_) => {
                        found.push((Status::Error, format!("the answer about {need} is no list"), None));
                        continue;
                    }
                    Err(err) => {
                        found.push((Status::Error, format!("failed to load targets: {err}"), None));
                        continue;
                    }
                },
            };
            if objects.len() > MAX_TARGETS {
                found.push((Status::Error, format!("the rule has more than {MAX_TARGETS} targets"), None));
                continue;
            }
            for object in objects {
                let mark = run.scope.mark();
                found.push(self.target(target, object, run));
                run.scope.back_to(mark);
            }
        }
        found
    }

    fn target<'a>(&'a self, target: &'a Target, object: Value, run: &mut Run<'a>) -> (Status, String, Option<Value>) {
        if let Err(err) = run.scope.set_target(object.clone()) {
            return (Status::Error, format!("failed to add target resource to the context: {err}"), None);
        }
        run.scope.declare(&target.context);
        if let Some(conditions) = &target.preconditions {
            match conditions.hold(&mut run.scope) {
                Ok((true, _)) => {}
                Ok((false, message)) => {
                    let message = if message.is_empty() { message } else { format!("; {message}") };
                    return (Status::Skip, format!("preconditions not met{message}"), Some(object));
                }
                Err(err) => return (Status::Error, format!("failed to evaluate preconditions: {err}"), Some(object)),
            }
        }
        match self.change.apply(object.clone(), &mut run.scope, true) {
            Ok((Status::Pass, _, patched)) => (Status::Pass, told(&patched), Some(patched)),
            Ok((status, message, patched)) => (status, message, Some(patched)),
            Err(message) => (Status::Error, message, Some(object)),
        }
    }
}
