//! A constraint against a request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::constraint::{Constraint, Enforcement};
use super::inventory::Inventory;
use super::provider::Item;
use super::template::{Engine, Looks, Template};
use crate::admission::Complaint;
use crate::jmespath::Surroundings;
use crate::kyverno::{Action, Input, Operation, Response, Status};
use crate::rego::{Data, Query};
use crate::trust_policy::PolicyError;

/// Violations of one constraint that are told one by one.
const MAX_VIOLATIONS: usize = 100;
/// Bytes of one message.
const MAX_MESSAGE: usize = 4 << 10;

/// A template and one of its constraints.
#[derive(Clone, Debug)]
pub struct Policy {
    template: Arc<Template>,
    constraint: Constraint,
    /// Parameters that the schema does not know, which no policy sees.
    pub dropped: Vec<String>,
}

/// What a provider must be asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalNeed {
    /// The provider.
    pub provider: String,
    /// What it is asked about.
    pub key: String,
}

/// What is known beside the request.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Other objects. Without one, a policy that looks at them is an error.
    pub inventory: Option<Inventory>,
    /// Answers of providers.
    pub answers: BTreeMap<ExternalNeed, Result<Json, String>>,
}

impl Outside {
    /// Takes what a provider said.
    pub fn answered(&mut self, provider: &str, items: &[Item]) {
        for item in items {
            let need = ExternalNeed { provider: provider.to_owned(), key: item.key.clone() };
            self.answers.insert(need, item.value.clone());
        }
    }
}

/// What a policy says of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// One response, and one more for each further violation; none if the constraint is not about the request.
    pub responses: Vec<Response>,
    /// What must be asked before what ended in an error can be decided.
    pub needs: BTreeSet<ExternalNeed>,
    /// What who asks is told, though nothing is refused.
    pub warnings: Vec<String>,
    /// What the policy's author should know: calls that failed and were taken for undefined.
    pub notes: Vec<String>,
}

impl Policy {
    /// Joins a constraint with its template: checks its parameters, and fills in their defaults.
    ///
    /// Errors: the constraint is one of another template, or its parameters do not fit.
    pub fn new(template: Arc<Template>, mut constraint: Constraint) -> Result<Policy, Vec<PolicyError>> {
        let (line, column) = (constraint.line, constraint.column);
        let wrong = |message: String| PolicyError { line, column, message, hint: None };
        if template.kind != constraint.kind {
            let message = format!("template `{}` makes no constraint of kind `{}`", template.name, constraint.kind);
            return Err(vec![wrong(message)]);
        }
        match template.schema.apply(&mut constraint.parameters) {
            Ok(dropped) => Ok(Policy { template, constraint, dropped }),
            Err(problems) => Err(problems.into_iter().map(wrong).collect()),
        }
    }

    /// The template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The constraint.
    pub fn constraint(&self) -> &Constraint {
        &self.constraint
    }

    /// `Kind/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.constraint.kind, self.constraint.name)
    }

    /// Whether it may be about objects of a kind, whatever their names and labels.
    pub fn may_concern(&self, group: &str, kind: &str) -> bool {
        self.constraint.may_concern(group, kind)
    }

    /// Whether a violation refuses a request.
    pub fn may_refuse(&self) -> bool {
        self.constraint.enforcement.is_some_and(|enforcement| enforcement.action() == Action::Enforce)
    }

    /// Judges a request. Nothing is fetched: what is missing is in [`Judgement::needs`], and what needs it is an error.
    pub fn judge(&self, input: &Input, outside: &Outside, surroundings: &Surroundings) -> Judgement {
        let mut judgement = Judgement::default();
        let Some(enforcement) = self.constraint.enforcement else { return judgement };
        let operation = input.operation.as_str();
        let operations = &self.template.operations;
        if (!operations.is_empty() && !operations.iter().any(|known| known == operation))
            || !self.constraint.includes(input)
        {
            return judgement;
        }
        if let Some(namespace) = self.constraint.lacks_namespace(input) {
            let message =
                format!("the labels of namespace `{namespace}` are not known, and the constraint selects by them");
            let (rule, action) = (self.constraint.name.clone(), enforcement.action());
            if enforcement == Enforcement::Warn {
                judgement.warnings.push(format!("[{rule}] {message}"));
            }
            judgement.responses.push(Response {
                rule,
                status: Status::Error,
                message,
                path: None,
                action,
                target: None,
            });
            return judgement;
        }
        let (found, notes) = match &self.template.engine {
            Engine::Cel(native) => (native.complaints(input, &self.constraint.parameters, surroundings), Vec::new()),
            Engine::Rego { query, looks } => {
                self.rego(query, *looks, input, outside, surroundings, &mut judgement.needs)
            }
        };
        judgement.notes = notes;
        let name = &self.constraint.name;
        let mut respond = |status: Status, message: String, action: Action| {
            let rule = name.clone();
            judgement.responses.push(Response { rule, status, message, path: None, action, target: None });
        };
        if found.is_empty() {
            respond(Status::Pass, String::new(), enforcement.action());
            return judgement;
        }
        let more = found.len().saturating_sub(MAX_VIOLATIONS);
        let mut told = Vec::new();
        for complaint in found.into_iter().take(MAX_VIOLATIONS) {
            match complaint {
                Complaint::Violation(message) => {
                    told.push(message.clone());
                    respond(Status::Fail, message, enforcement.action());
                }
                Complaint::Error(message) => {
                    told.push(message.clone());
                    respond(Status::Error, message, enforcement.action());
                }
            }
        }
        if more > 0 {
            respond(Status::Fail, format!("and {more} more violations"), enforcement.action());
        }
        if enforcement == Enforcement::Warn {
            judgement.warnings.extend(told.into_iter().map(|message| format!("[{name}] {message}")));
        }
        judgement
    }

    fn rego(
        &self,
        query: &Query,
        looks: Looks,
        input: &Input,
        outside: &Outside,
        surroundings: &Surroundings,
        needs: &mut BTreeSet<ExternalNeed>,
    ) -> (Vec<Complaint>, Vec<String>) {
        let error = |message: String| (vec![Complaint::Error(message)], Vec::new());
        let lies_in = crate::admission::namespace(input);
        if looks.namespace && !lies_in.is_empty() && input.namespace_object.is_none() {
            return error(format!("the template looks at namespace `{lies_in}`, whose object was not given"));
        }
        if looks.user && !input.request.get("userInfo").is_some_and(Json::is_object) {
            return error("the template looks at who asks (`userInfo`), and nobody said who does".to_owned());
        }
        let data = match (&outside.inventory, looks.inventory) {
            (_, false) => None,
            (Some(Inventory(data)), true) => Some(data),
            (None, true) => {
                return error("the inventory of the cluster's objects is needed and was not given".to_owned());
            }
        };
        let asked = json!({"review": review(input), "parameters": self.constraint.parameters});
        let asked = match Data::of(&asked) {
            Ok(asked) => asked,
            Err(denied) => return error(format!("the request cannot be judged: {denied}")),
        };
        let lookup = outside
            .answers
            .iter()
            .map(|(need, said)| ((need.provider.clone(), need.key.clone()), said.clone()))
            .collect();
        match query.ask(&asked, data, &lookup, surroundings.now) {
            Ok(found) => (found.items.iter().map(complaint).collect(), found.warnings),
            Err(unanswered) => {
                needs.extend(unanswered.needs.into_iter().map(|(provider, key)| ExternalNeed { provider, key }));
                error(unanswered.why.to_string())
            }
        }
    }
}

/// One member of `violation`.
fn complaint(item: &Json) -> Complaint {
    match item.get("msg").and_then(Json::as_str) {
        Some(message) => {
            let mut letters = message.chars();
            let mut text: String = letters.by_ref().take(MAX_MESSAGE).collect();
            if letters.next().is_some() {
                text.push_str(" ...");
            }
            Complaint::Violation(text)
        }
        None => Complaint::Error("the policy found a violation without a text `msg`".to_owned()),
    }
}

/// `input.review`: the request, with the object that is deleted in the place of the one that would be.
fn review(input: &Input) -> Json {
    let mut review = input.request.clone();
    let Some(entries) = review.as_object_mut() else { return review };
    entries
        .entry("kind")
        .or_insert_with(|| json!({"group": input.kind.group, "version": input.kind.version, "kind": input.kind.kind}));
    let missing = |value: Option<&Json>| value.is_none_or(Json::is_null);
    if missing(entries.get("object")) {
        entries.remove("object");
        if input.operation == Operation::Delete
            && let Some(old) = entries.get("oldObject").cloned()
        {
            entries.insert("object".to_owned(), old);
        }
    }
    if missing(entries.get("oldObject")) {
        entries.remove("oldObject");
    }
    if let Some(namespace) = &input.namespace_object {
        entries.insert("_unstable".to_owned(), json!({"namespace": namespace}));
    }
    review
}
