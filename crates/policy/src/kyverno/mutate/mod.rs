//! `mutate` rules: what they are, and what they make of a resource.
//!
//! ```text
//!   Mutation ─▶ patch (patchStrategicMerge | patchesJson6902) ─▶ resource ─▶ next rule ─▶ next policy ─▶ validate
//!          └─▶ foreach, nested: the same for each element
//!          └─▶ targets: the same for other resources, which the caller hands in
//! ```
//!
//! Rules see what the rules before them made. A patch is applied whole or not at all, and a rule that cannot be evaluated changes nothing.
//! Source: kyverno/kyverno:pkg/engine/handlers/mutation/, pkg/engine/mutate/.

mod foreach;
pub mod json_patch;
mod merge;
mod schema;
mod strategic;
mod targets;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use self::foreach::Foreach;
use self::targets::Target;
use self::text::PatchText;
use super::context::{Need, Snapshot};
use super::evaluate::{Response, Run, Status};
use super::exception::Exception;
use super::input::Input;
use super::policy::Policy;
use super::rule::{Body, text};
use super::scope::{Given, Scope, weigh};
use super::variables::{resolve_references, substitute};
use super::work::walk_cost;
use crate::jmespath::Surroundings;

/// `mutate`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Mutation {
    change: Change,
    /// Other resources that are changed; none, if the rule changes the one that it is about.
    targets: Vec<Target>,
}

/// How a resource is changed.
#[derive(Clone, Debug)]
enum Change {
    Patch(Patch),
    Foreach(Vec<Foreach>),
}

/// One patch.
#[derive(Clone, Debug)]
enum Patch {
    Strategic(Value),
    Operations(PatchText),
    /// A reference in it leads nowhere; the message.
    Broken(String),
}

/// What all mutate rules of a policy made of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mutated {
    /// One response for each rule that is about the request, and one for each target of such a rule.
    pub responses: Vec<Response>,
    /// What must be fetched before the rules that ended in an error can be decided.
    pub needs: BTreeSet<Need>,
    /// The object as it is now; `None` if no rule changed it.
    pub object: Option<Value>,
}

/// How a change ended: a patched resource, or the same one.
type Outcome = Result<(Status, String, Value), String>;

impl Mutation {
    pub(crate) fn compile(value: &Value) -> Result<Mutation, String> {
        let targets = value.get("targets").and_then(Value::as_array).into_iter().flatten();
        Ok(Mutation {
            change: Change::compile(value)?,
            targets: targets.map(Target::compile).collect::<Result<_, _>>()?,
        })
    }

    /// Whether other resources are changed.
    pub(crate) fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }
}

impl Change {
    fn compile(value: &Value) -> Result<Change, String> {
        let each = value.get("foreach").filter(|each| !each.is_null());
        match (Patch::compile(value)?, each) {
            (Some(patch), None) => Ok(Change::Patch(patch)),
            (None, Some(Value::Array(items))) => {
                Ok(Change::Foreach(items.iter().map(Foreach::compile).collect::<Result<_, _>>()?))
            }
            _ => Err("`mutate` needs one of `patchStrategicMerge`, `patchesJson6902` and `foreach`".to_owned()),
        }
    }
}

impl Patch {
    /// `None` if there is none.
    fn compile(value: &Value) -> Result<Option<Patch>, String> {
        let strategic = value.get("patchStrategicMerge").filter(|patch| !patch.is_null());
        let operations = text(value, "patchesJson6902").filter(|patch| !patch.is_empty());
        Ok(match (strategic, operations) {
            (Some(_), Some(_)) => {
                return Err("only one of `patchStrategicMerge` and `patchesJson6902` is allowed".to_owned());
            }
            (Some(patch), None) => Some(match resolve_references(patch) {
                Ok(patch) => Patch::Strategic(patch.into_owned()),
                Err(message) => Patch::Broken(message),
            }),
            (None, Some(text)) => Some(Patch::Operations(PatchText::compile(&text)?)),
            (None, None) => None,
        })
    }

    /// The patched resource.
    fn apply(&self, resource: &Value, scope: &mut Scope<'_>) -> Outcome {
        scope.work.bytes(weigh(resource)).map_err(|err| format!("failed to patch resource: {err}"))?;
        let patched = match self {
            Patch::Broken(message) => return Err(format!("variable substitution failed: {message}")),
            Patch::Strategic(patch) => {
                let written = patch;
                let patch = substitute(patch, scope).map_err(|err| format!("variable substitution failed: {err}"))?;
                if let Cow::Owned(patch) = &patch {
                    strategic::anchors_kept(written, patch)
                        .map_err(|err| format!("failed to patch resource: {err}"))?;
                }
                let cost = walk_cost(Some(&patch), resource);
                scope.work.steps(cost).map_err(|err| format!("failed to patch resource: {err}"))?;
                let patched =
                    strategic::apply(resource, &patch).map_err(|err| format!("failed to patch resource: {err}"))?;
                patched.ok_or("failed to patch resource: the patch deletes the resource")?
            }
            Patch::Operations(text) => {
                let patch = text.resolve(scope)?;
                let wrong = |err: json_patch::PatchError| format!("failed to patch resource: {err}");
                let operations = json_patch::read(&patch).map_err(wrong)?;
                // Each operation may move every element of a list.
                let cost = operations.len().saturating_mul(16).saturating_add(weigh(&patch) / 64);
                scope.work.steps(cost).map_err(|err| format!("failed to patch resource: {err}"))?;
                json_patch::apply(resource, &operations, json_patch::Options::KYVERNO).map_err(wrong)?
            }
        };
        if !patched.is_object() {
            return Err("failed to patch resource: what is left is no resource".to_owned());
        }
        Ok(if patched == *resource {
            (Status::Skip, "no patches applied".to_owned(), patched)
        } else {
            (Status::Pass, String::new(), patched)
        })
    }
}

impl Policy {
    /// Whether any rule changes resources.
    pub fn mutates(&self) -> bool {
        self.rules().iter().any(|rule| matches!(rule.body, Body::Mutate(_)))
    }

    /// Lets all mutate rules change the request's object, one after the other. The others are left to [`Policy::evaluate`], which is then asked
    /// about the object as it is now ([`Input::with_object`]).
    pub fn mutate(
        &self,
        input: &Input,
        exceptions: &[Exception],
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Mutated {
        let mut mutated = Mutated::default();
        let mut current = Cow::Borrowed(input);
        for rule in self.rules() {
            let Body::Mutate(mutation) = &rule.body else { continue };
            let Some(resource) = current.resource() else { break };
            let view = current.view(resource);
            if self.namespace.as_deref().is_some_and(|namespace| namespace != view.namespace)
                || !rule.is_about(&current, &view)
            {
                continue;
            }
            let given = Given {
                expressions: &rule.expressions,
                snapshot,
                surroundings,
                extractors: &rule.extractors,
                namespace: self.namespace.as_deref(),
            };
            let request = current.request_for(&rule.name);
            let mut run = Run {
                policy: self,
                rule,
                input: &current,
                scope: Scope::new(&current, request, &rule.name, given),
                properties: std::collections::BTreeMap::new(),
            };
            let respond = |status, message, target| Response {
                rule: rule.name.clone(),
                status,
                message,
                path: None,
                action: self.failure_action,
                target,
            };
            let mut changed = None;
            let mut responses = Vec::new();
            match run.prelude(exceptions) {
                Err(None) => {}
                Err(Some((status, message, _))) => responses.push(respond(status, message, None)),
                Ok(_) if !mutation.targets.is_empty() => {
                    for (status, message, target) in mutation.targets(&mut run) {
                        responses.push(respond(status, message, target));
                    }
                }
                // What is deleted is not changed.
                Ok(_) => {
                    if let Some(object) = current.object() {
                        match mutation.change.apply(object.clone(), &mut run.scope, false) {
                            Err(message) => responses.push(respond(Status::Error, message, None)),
                            Ok((Status::Pass, _, patched)) => {
                                responses.push(respond(Status::Pass, told(&patched), None));
                                changed = Some(patched);
                            }
                            Ok((status, message, _)) => responses.push(respond(status, message, None)),
                        }
                    }
                }
            }
            mutated.needs.append(&mut run.scope.needs);
            drop(run);
            let applied = responses.iter().any(|response| matches!(response.status, Status::Pass | Status::Fail));
            mutated.responses.append(&mut responses);
            if let Some(patched) = changed {
                let next = current.with_object(patched.clone());
                current = Cow::Owned(next);
                mutated.object = Some(patched);
            }
            if self.apply_one && applied {
                break;
            }
        }
        mutated
    }
}

/// What was changed, in Kyverno's words.
fn told(resource: &Value) -> String {
    let part = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let named = format!("mutated {}/{}", part("/kind"), part("/metadata/name"));
    match part("/metadata/namespace") {
        "" => named,
        namespace => format!("{named} in namespace {namespace}"),
    }
}
