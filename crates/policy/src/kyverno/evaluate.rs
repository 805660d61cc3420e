//! A policy against a request: a response for each rule that the request is meant by.
//!
//! Source: kyverno/kyverno:pkg/engine/engine.go, pkg/engine/handlers/validation/validate_resource.go; the messages are Kyverno's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::context::{Need, Snapshot};
use super::exception::Exception;
use super::input::{Input, Operation, ResourceView};
use super::pattern::{Mismatch, MismatchKind, Pattern};
use super::podsecurity::Control;
use super::policy::Policy;
use super::rule::{Action, Body, Check, Foreach, Patterns, Rule};
use super::scope::{Given, QueryError, Scope};
use super::variables::{substitute, substitute_text};
use super::work::walk_cost;
use crate::jmespath::Surroundings;

/// How a rule ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// What it asks holds.
    Pass,
    /// It does not.
    Fail,
    /// The rule turned out not to be about this request.
    Skip,
    /// It could not be decided.
    Error,
    /// It does not hold, and the policy is not scored.
    Warn,
}

impl Status {
    /// As reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Skip => "skip",
            Status::Error => "error",
            Status::Warn => "warn",
        }
    }
}

/// What one rule says.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The rule.
    pub rule: String,
    /// How it ended.
    pub status: Status,
    /// Why.
    pub message: String,
    /// Where in the resource, as `/spec/containers/0/image/`.
    pub path: Option<String>,
    /// What a failure means for this request.
    pub action: Action,
    /// Another resource that the rule is about (`targets` of a mutate rule), as it is now.
    pub target: Option<Value>,
}

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// One response for each rule that is about the request; none if none is.
    pub responses: Vec<Response>,
    /// What must be fetched before the rules that ended in an error can be decided.
    pub needs: BTreeSet<Need>,
    /// What reports say of a failure besides, by the rule's name.
    pub properties: BTreeMap<String, BTreeMap<String, String>>,
}

/// A result on the way: status, message, path. Nothing if the rule has nothing to say.
pub(super) type Outcome = Option<(Status, String, Option<String>)>;

impl Policy {
    /// Evaluates the rules that validate, on one request. Nothing is fetched: what is missing is in [`Evaluation::needs`], and its rule is an error.
    ///
    /// Rules that change resources, verify images or make objects have stages of their own ([`Policy::mutate`], [`Policy::verify_images`],
    /// [`Policy::generate`]), and who judges a request asks all of them, in that order, this one before the last.
    pub fn evaluate(
        &self,
        input: &Input,
        exceptions: &[Exception],
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Evaluation {
        let mut evaluation = Evaluation::default();
        let Some(resource) = input.resource() else { return evaluation };
        let view = input.view(resource);
        if self.namespace.as_deref().is_some_and(|namespace| namespace != view.namespace) {
            return evaluation;
        }
        for rule in self.rules().iter().filter(|rule| !rule.has_stage()) {
            if !rule.is_about(input, &view) {
                continue;
            }
            let given = Given {
                expressions: &rule.expressions,
                snapshot,
                surroundings,
                extractors: &rule.extractors,
                namespace: self.namespace.as_deref(),
            };
            let request = input.request_for(&rule.name);
            let mut run = Run {
                policy: self,
                rule,
                input,
                scope: Scope::new(input, request, &rule.name, given),
                properties: BTreeMap::new(),
            };
            let action = run.action(&view);
            let mut outcome = run.rule(resource, exceptions);
            evaluation.needs.append(&mut run.scope.needs);
            let properties = std::mem::take(&mut run.properties);
            if !properties.is_empty() {
                evaluation.properties.insert(rule.name.clone(), properties);
            }
            if action == Action::Enforce
                && rule.allow_existing
                && input.operation == Operation::Update
                && matches!(outcome, Some((Status::Fail, ..)))
                && self.failed_before(rule, input, given)
            {
                let message = "skipping modified resource as validation results have not changed".to_owned();
                outcome = Some((Status::Skip, message, None));
            }
            let Some((status, message, path)) = outcome else { continue };
            let status = if status == Status::Fail && !self.scored { Status::Warn } else { status };
            evaluation.responses.push(Response {
                rule: rule.name.clone(),
                status,
                message,
                path,
                action,
                target: None,
            });
            if self.apply_one && matches!(status, Status::Pass | Status::Fail | Status::Warn) {
                break;
            }
        }
        evaluation
    }

    /// Whether the rule failed already for the resource as it was.
    fn failed_before(&self, rule: &Rule, input: &Input, given: Given<'_>) -> bool {
        let Some(old) = input.old_object() else { return false };
        let mut before = input.clone();
        before.operation = Operation::Create;
        if let Some(request) = before.request.as_object_mut() {
            request.insert("object".to_owned(), old.clone());
            request.insert("oldObject".to_owned(), Value::Null);
            // Rules that ask what is done must see the same, or a rule about changes fails for what was there and lets every change through.
            request.insert("operation".to_owned(), Value::String(Operation::Create.as_str().to_owned()));
        }
        let view = before.view(old);
        if !rule.is_about(&before, &view) {
            return false;
        }
        let scope = Scope::new(&before, Cow::Borrowed(&before.request), &rule.name, given);
        let mut run = Run { policy: self, rule, input: &before, scope, properties: BTreeMap::new() };
        matches!(run.rule(old, &[]), Some((Status::Fail, ..)))
    }
}

/// What exceptions allow in a rule that holds otherwise.
#[derive(Debug, Default)]
pub(super) struct Excepted {
    /// Controls of Pod security.
    controls: Vec<Control>,
    /// The exceptions that say so.
    by: Vec<String>,
}

/// One rule on one request.
pub(super) struct Run<'a> {
    pub(super) policy: &'a Policy,
    pub(super) rule: &'a Rule,
    pub(super) input: &'a Input,
    pub(super) scope: Scope<'a>,
    /// What a report says of a failure besides.
    pub(super) properties: BTreeMap<String, String>,
}

impl<'a> Run<'a> {
    /// What a failure means here: the rule's own action before the policy's, and an override for the namespace before both.
    pub(super) fn action(&self, view: &ResourceView<'_>) -> Action {
        self.overridden(view).or(self.rule.failure_action).unwrap_or(self.policy.failure_action)
    }

    /// What an override for the namespace says.
    pub(super) fn overridden(&self, view: &ResourceView<'_>) -> Option<Action> {
        let namespace = if view.kind == "Namespace" { view.name } else { view.namespace };
        let labels: Vec<(&str, &str)> =
            self.input.namespace_labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let of_rule = self.rule.failure_action.is_some() || !self.rule.overrides.is_empty();
        let overrides = if of_rule { &self.rule.overrides } else { &self.policy.overrides };
        let fits = overrides.iter().find(|entry| {
            let named = entry.namespaces.iter().any(|pattern| crate::wildcard::matches(pattern, namespace));
            match &entry.selector {
                None => named,
                Some(selector) => (entry.namespaces.is_empty() || named) && selector.matches(&labels),
            }
        });
        fits.map(|entry| entry.action)
    }

    /// What comes before every rule: context, preconditions and exceptions. Gives what alone is excepted, or how the
    /// rule ended here already.
    pub(super) fn prelude(&mut self, exceptions: &[Exception]) -> Result<Excepted, Outcome> {
        let rule = self.rule;
        self.scope.declare(&rule.context);
        if let Some(conditions) = &rule.preconditions {
            match conditions.hold(&mut self.scope) {
                Err(err) => return Err(error("failed to evaluate preconditions", &err)),
                Ok((false, message)) => {
                    return Err(Some((Status::Skip, joined("preconditions not met", &message), None)));
                }
                Ok((true, _)) => {}
            }
        }
        let mut excepted = Excepted::default();
        let mut excepting: Vec<String> = Vec::new();
        for exception in exceptions {
            if exception.excepts(&self.policy.key(), &rule.name, self.input, &mut self.scope) {
                if exception.controls().is_empty() || !matches!(rule.body, Body::PodSecurity(_)) {
                    excepting.push(exception.key());
                } else {
                    excepted.controls.extend_from_slice(exception.controls());
                    excepted.by.push(exception.key());
                }
            }
        }
        if excepting.is_empty() {
            return Ok(excepted);
        }
        let message = format!("rule is skipped due to policy exceptions {}", excepting.join(", "));
        Err(Some((Status::Skip, message, None)))
    }

    fn rule(&mut self, resource: &Value, exceptions: &[Exception]) -> Outcome {
        let rule = self.rule;
        let Excepted { controls, by } = match self.prelude(exceptions) {
            Ok(excepted) => excepted,
            Err(outcome) => return outcome,
        };
        match &rule.body {
            // They have stages of their own.
            Body::Mutate(_) | Body::VerifyImages(_) | Body::Generate(_) => None,
            Body::NotEvaluated(kind) => Some((Status::Error, format!("not evaluated: {kind}"), None)),
            Body::Cel(cel) => Some(self.scope.cel(cel, self.policy.namespace.as_deref())),
            Body::PodSecurity(security) => match security.check(resource, &controls) {
                Ok(None) if !controls.is_empty() && security.check(resource, &[]) != Ok(None) => {
                    let message = format!("rule is skipped due to policy exceptions {}", by.join(", "));
                    Some((Status::Skip, message, None))
                }
                Err(message) => Some((Status::Error, format!("Error while getting new resource: {message}"), None)),
                Ok(None) => Some((Status::Pass, format!("Validation rule '{}' passed.", rule.name), None)),
                Ok(Some(message)) => {
                    self.properties = security.properties(resource, &controls);
                    Some((Status::Fail, format!("Validation rule '{}' failed. {message}", rule.name), None))
                }
            },
            Body::Validate(check) => self.check(check, None, 0),
        }
    }

    fn check(&mut self, check: &'a Check, element: Option<&Value>, nesting: usize) -> Outcome {
        match check {
            Check::Deny(conditions) => match conditions.hold(&mut self.scope) {
                Err(err) => error("failed to check deny conditions", &err),
                Ok((true, message)) => Some((Status::Fail, self.deny_message(&message), None)),
                Ok((false, _)) => Some((Status::Pass, format!("validation rule '{}' passed.", self.rule.name), None)),
            },
            Check::Pattern(patterns) => self.patterns(patterns, element, false, nesting),
            Check::AnyPattern(patterns) => self.patterns(patterns, element, true, nesting),
            Check::Foreach(list) => self.foreach_all(list, nesting),
        }
    }

    fn deny_message(&mut self, of_conditions: &str) -> String {
        let written = joined(&self.rule.message, of_conditions);
        if written.is_empty() {
            return format!("validation error: rule {} failed", self.rule.name);
        }
        match substitute_text(&written, &mut self.scope) {
            Ok(Value::String(text)) => text,
            Ok(_) => "the produced message didn't resolve to a string, check your policy definition.".to_owned(),
            Err(_) => written,
        }
    }

    fn patterns(&mut self, patterns: &'a Patterns, element: Option<&Value>, any: bool, nesting: usize) -> Outcome {
        // Patterns are about what will be: nothing, where something is deleted.
        let input = self.input;
        let resource = match element {
            Some(element) => Some(element),
            None => input.object(),
        };
        let compiled: Cow<'a, [Pattern]> = match patterns {
            Patterns::Broken(message) => {
                return Some((Status::Error, format!("variable substitution failed: {message}"), None));
            }
            Patterns::Ready(patterns) => {
                // Once for a request costs what it costs; for each element of a list that somebody sends it adds up.
                if nesting > 0
                    && let Some(resource) = resource
                    && let Err(err) = self.scope.work.steps(walk_cost(None, resource))
                {
                    return error("failed to check the pattern", &err);
                }
                Cow::Borrowed(patterns)
            }
            Patterns::Dynamic(values) => {
                let mut compiled = Vec::with_capacity(values.len());
                for value in values {
                    let value = match substitute(value, &mut self.scope) {
                        Ok(value) => value,
                        Err(err) => return error("variable substitution failed", &err),
                    };
                    if let Some(resource) = resource
                        && let Err(err) = self.scope.work.steps(walk_cost(Some(&value), resource))
                    {
                        return error("failed to check the pattern", &err);
                    }
                    compiled.push(Pattern::compile(&value));
                }
                Cow::Owned(compiled)
            }
        };
        if any { self.any_pattern(&compiled, resource?) } else { self.pattern(&compiled, resource?) }
    }

    fn pattern(&mut self, patterns: &[Pattern], resource: &Value) -> Outcome {
        match patterns.iter().try_for_each(|pattern| pattern.check(resource)) {
            Ok(()) => Some((Status::Pass, format!("validation rule '{}' passed.", self.rule.name), None)),
            Err(found) if found.kind == MismatchKind::Skips => Some((Status::Skip, found.message, None)),
            Err(found) if found.path.is_empty() => Some((Status::Error, self.failure_message(&found), None)),
            Err(found) => {
                let message = self.failure_message(&found);
                Some((Status::Fail, message, Some(found.path)))
            }
        }
    }

    fn failure_message(&mut self, found: &Mismatch) -> String {
        let name = &self.rule.name;
        let end = if found.path.is_empty() {
            format!("execution error: {}", found.message)
        } else {
            format!("failed at path {}", found.path)
        };
        if self.rule.message.is_empty() {
            return format!("validation error: rule {name} {end}");
        }
        match substitute_text(&self.rule.message, &mut self.scope) {
            Err(_) => format!(
                "validation error: variables substitution error in rule {name} execution error: {}",
                found.message
            ),
            Ok(written) => {
                let mut written = match written {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                if !written.ends_with('.') {
                    written.push('.');
                }
                format!("validation error: {written} rule {name} {end}")
            }
        }
    }

    fn any_pattern(&mut self, patterns: &[Pattern], resource: &Value) -> Outcome {
        let name = &self.rule.name;
        let (mut failed, mut skipped) = (Vec::new(), Vec::new());
        let mut path = None;
        for (index, pattern) in patterns.iter().enumerate() {
            match pattern.check(resource) {
                Ok(()) => {
                    let message = format!("validation rule '{name}' anyPattern[{index}] passed.");
                    return Some((Status::Pass, message, None));
                }
                Err(found) if found.kind == MismatchKind::Skips => {
                    skipped.push(format!("rule {name}[{index}] skipped: {}", found.message));
                }
                Err(found) if found.path.is_empty() => {
                    failed.push(format!("rule {name}[{index}] failed: {}", found.message))
                }
                Err(found) => {
                    failed.push(format!("rule {name}[{index}] failed at path {}", found.path));
                    path = Some(found.path);
                }
            }
        }
        if failed.is_empty() && !skipped.is_empty() {
            return Some((Status::Skip, skipped.join(" "), None));
        }
        if failed.is_empty() {
            // An empty list of patterns asks nothing that could hold.
            return Some((Status::Error, format!("rule {name} has no anyPattern to hold"), None));
        }
        let failed = failed.join(" ");
        let mut written = match substitute_text(&self.rule.message, &mut self.scope) {
            Ok(Value::String(text)) => text,
            _ => self.rule.message.clone(),
        };
        if written.is_empty() {
            return Some((Status::Fail, format!("validation error: {failed}"), path));
        }
        if !written.ends_with('.') {
            written.push('.');
        }
        Some((Status::Fail, format!("validation error: {written} {failed}"), path))
    }

    fn foreach_all(&mut self, list: &'a [Foreach], nesting: usize) -> Outcome {
        let mut applied = 0_usize;
        for foreach in list {
            let elements = match self.elements(foreach) {
                Ok(elements) => elements,
                // A list that is not there has no elements.
                Err(err) if err.is_absence() => continue,
                Err(err) => return error("failed to evaluate list", &err),
            };
            match self.foreach(foreach, &elements, nesting) {
                (Some((Status::Pass, ..)) | None, count) => applied += count,
                (other, _) => return other,
            }
        }
        Some(if applied == 0 {
            (Status::Skip, "rule skipped".to_owned(), None)
        } else {
            (Status::Pass, "rule passed".to_owned(), None)
        })
    }

    /// The elements of a list expression; what is no list is its own only element.
    fn elements(&mut self, foreach: &Foreach) -> Result<Vec<Arc<Value>>, QueryError> {
        let list = if self.scope.deleting() {
            Cow::Owned(foreach.list.replace("request.object", "request.oldObject"))
        } else {
            Cow::Borrowed(&foreach.list)
        };
        Ok(match self.scope.query(&list)? {
            Value::Array(items) => items.into_iter().map(Arc::new).collect(),
            other => vec![Arc::new(other)],
        })
    }

    fn foreach(&mut self, foreach: &'a Foreach, elements: &[Arc<Value>], nesting: usize) -> (Outcome, usize) {
        let mark = self.scope.mark();
        let mut applied = 0;
        let mut undecided: Outcome = None;
        for (index, element) in elements.iter().enumerate() {
            if element.is_null() {
                continue;
            }
            let outcome = self.element(foreach, element, index, nesting);
            self.scope.back_to(mark);
            if self.scope.work.is_spent() {
                return (error("failed to process foreach", &QueryError::TooLarge), applied);
            }
            match outcome {
                None | Some((Status::Skip, ..)) => {}
                Some((Status::Pass, ..)) => applied += 1,
                // Kyverno passes over an element that it cannot judge, unless it is the last one; then what stands behind it decides, and a
                // list can be ordered so that nothing does. Here the others are judged, and if none fails, the rule is an error.
                Some((Status::Error, message, path)) => {
                    undecided.get_or_insert((Status::Error, format!("validation failure: {message}"), path));
                }
                Some((status, message, path)) => {
                    return (Some((status, format!("validation failure: {message}"), path)), applied);
                }
            }
        }
        (undecided, applied)
    }

    fn element(&mut self, foreach: &'a Foreach, element: &Arc<Value>, index: usize, nesting: usize) -> Outcome {
        if let Err(err) = self.scope.set_element(Arc::clone(element), index, nesting) {
            return error("failed to process foreach", &err);
        }
        let scoped = match foreach.element_scope {
            None => element.is_object(),
            Some(true) if !element.is_object() => {
                let message = "failed to process foreach: cannot use elementScope=true foreach rules for elements that are not maps, \
                               expected type=map";
                return Some((Status::Error, format!("{message} got type={}", super::printed::go_type(element)), None));
            }
            Some(scoped) => scoped,
        };
        self.scope.declare(&foreach.context);
        if let Some(conditions) = &foreach.preconditions {
            match conditions.hold(&mut self.scope) {
                // A precondition about something that is not there does not hold.
                Err(err) if err.is_absence() => {
                    return Some((Status::Skip, format!("failed to evaluate preconditions: {err}"), None));
                }
                Err(err) => return error("failed to evaluate preconditions", &err),
                Ok((false, message)) => return Some((Status::Skip, joined("preconditions not met", &message), None)),
                Ok((true, _)) => {}
            }
        }
        self.check(&foreach.check, scoped.then_some(&**element), nesting + 1)
    }
}

fn error(what: &str, err: &dyn std::fmt::Display) -> Outcome {
    Some((Status::Error, format!("{what}: {err}"), None))
}

fn joined(one: &str, other: &str) -> String {
    match (one.is_empty(), other.is_empty()) {
        (_, true) => one.to_owned(),
        (true, false) => other.to_owned(),
        (false, false) => format!("{one}; {other}"),
    }
}
