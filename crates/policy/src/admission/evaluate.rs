//! A policy against a request.
//!
//! Source: kyverno/kyverno:pkg/cel/policies/{vpol,mpol}/{compiler,engine}, pkg/admissionpolicy; k8s.io/apiserver
//! pkg/admission/plugin/policy/validating/validator.go. The messages are Kyverno's, and the API server's for its own kinds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::document::{Binding, Definition, Kind, Mode, Policy};
use super::exception::Exception;
use super::host::Scope;
use super::images::{self, Evidence};
use super::matching::{namespace, plurals};
use super::rule::{Failure, Missing, conditions_hold};
use crate::cel::{Error, Key, Text, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::{Action, Input, Need, Response, Snapshot, Status};

/// What a policy says of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// One response, if the policy is about the request.
    pub responses: Vec<Response>,
    /// What must be fetched before what ended in an error can be decided.
    pub needs: BTreeSet<Need>,
    /// Annotations for the audit log.
    pub annotations: BTreeMap<String, String>,
    /// The object as the policy changes it.
    pub patched: Option<Json>,
}

/// The object of a request's namespace, as expressions see it; null for what lies in none.
pub(super) fn namespace_object(input: &Input) -> Json {
    let name = namespace(input);
    if name.is_empty() {
        return Json::Null;
    }
    match &input.namespace_object {
        Some(object) => object.clone(),
        None => {
            let mut labels = input.namespace_labels.clone();
            labels.entry("kubernetes.io/metadata.name".to_owned()).or_insert_with(|| name.to_owned());
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        }
    }
}

/// Sets what every expression about a request may name.
pub(super) fn facts<'a>(scope: &mut Scope<'a>, input: &'a Input, namespace: &'a Json) -> Result<(), Error> {
    let object = |found: Option<&'a Json>| found.map_or(Value::Null, Value::of);
    scope.set("object", object(input.object()));
    scope.set("oldObject", object(input.old_object()));
    scope.set("namespaceObject", Value::of(namespace));
    scope.set("request", request(input)?);
    Ok(())
}

/// `request`, with what Kubernetes always gives.
fn request<'a>(input: &'a Input) -> Result<Value<'a>, Error> {
    let key = |name: &'static str| Key::String(Text::Borrowed(name));
    let mut entries = BTreeMap::new();
    for (name, value) in input.request.as_object().into_iter().flatten() {
        entries.insert(Key::String(Text::Borrowed(name)), Value::of(value));
    }
    let resource = plurals(input).into_iter().next().unwrap_or_default();
    let text = |text: &'a str| Value::String(Text::Borrowed(text));
    for (name, value) in [
        (
            "resource",
            Value::named([
                ("group", text(&input.kind.group)),
                ("version", text(&input.kind.version)),
                ("resource", Value::text(resource)),
            ])?,
        ),
        ("subResource", text(&input.subresource)),
        ("dryRun", Value::Bool(false)),
        ("userInfo", Value::map(BTreeMap::new())?),
    ] {
        entries.entry(key(name)).or_insert(value);
    }
    Value::map(entries)
}

fn is_empty(list: &Json) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}

/// A result on the way.
struct Outcome {
    rule: &'static str,
    status: Status,
    message: String,
}

fn outcome(rule: &'static str, status: Status, message: impl Into<String>) -> Outcome {
    Outcome { rule, status, message: message.into() }
}

impl Policy {
    /// Evaluates the policy on a request, with nothing known of images.
    pub fn evaluate(
        &self,
        input: &Input,
        exceptions: &[Exception],
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Judgement {
        self.evaluate_with(input, exceptions, &Evidence::default(), snapshot, surroundings)
    }

    /// Evaluates the policy on a request. Nothing is fetched: what is missing is in [`Judgement::needs`], and what needs it is an error.
    pub fn evaluate_with(
        &self,
        input: &Input,
        exceptions: &[Exception],
        evidence: &Evidence,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Judgement {
        let mut judgement = Judgement::default();
        if self.mode != Mode::Kubernetes || input.resource().is_none() {
            return judgement;
        }
        if self.namespace.as_deref().is_some_and(|own| own != namespace(input)) {
            return judgement;
        }
        let fits =
            |definition: &&Definition| definition.matches.as_ref().is_some_and(|matches| matches.includes(input));
        let Some(definition) = self.definitions.iter().find(fits) else { return judgement };
        if !self.kind.is_kubernetes() {
            let parts = Parts {
                policy: self,
                definition,
                input,
                evidence: Some(evidence),
                snapshot,
                surroundings,
                params: None,
            };
            parts.kyverno(exceptions, &mut judgement);
            return judgement;
        }
        let bound: Vec<(usize, &Binding)> = self.bindings.iter().enumerate().collect();
        if bound.is_empty() {
            self.bound(definition, None, input, snapshot, surroundings, &mut judgement);
            return judgement;
        }
        for (index, binding) in bound {
            if binding.matches.as_ref().is_none_or(|matches| matches.includes(input)) {
                self.bound(definition, Some((index, binding)), input, snapshot, surroundings, &mut judgement);
            }
        }
        judgement
    }

    /// Evaluates a policy of mode `JSON` on a document.
    pub fn evaluate_json(&self, document: &Json, snapshot: &Snapshot, surroundings: &Surroundings) -> Judgement {
        let mut judgement = Judgement::default();
        let Some(definition) = self.definitions.first().filter(|_| self.mode == Mode::Json) else { return judgement };
        let mut scope = Scope::new(&definition.expressions.variables, snapshot, surroundings);
        scope.set("object", Value::of(document));
        let parts = Parts {
            policy: self,
            definition,
            input: &Input::default(),
            evidence: None,
            snapshot,
            surroundings,
            params: None,
        };
        let found = parts.validated(&scope, &mut judgement);
        parts.respond(found, self.action, &mut judgement);
        judgement.needs.append(&mut scope.needs.take());
        judgement
    }

    /// A policy of Kubernetes by one binding: once for each parameter.
    fn bound(
        &self,
        definition: &Definition,
        binding: Option<(usize, &Binding)>,
        input: &Input,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
        judgement: &mut Judgement,
    ) {
        let action = binding.map_or(Action::Enforce, |(_, binding)| binding.action);
        let parts = Parts { policy: self, definition, input, evidence: None, snapshot, surroundings, params: None };
        let parameters = binding.and_then(|(index, _)| self.parameters.get(index)).and_then(Option::as_ref);
        let found = match parameters {
            None if self.has_parameters() => vec![&Json::Null],
            None => vec![],
            Some(parameters) => match parameters.find(input, snapshot) {
                Ok(found) if found.is_empty() => return,
                Ok(found) => found,
                Err(missing) => {
                    let why = match &missing {
                        Missing::Needed(need) => format!("{need} is needed and was not given"),
                        Missing::Refused => {
                            "no params found for policy binding with `Deny` parameterNotFoundAction".to_owned()
                        }
                    };
                    if let Missing::Needed(need) = missing {
                        judgement.needs.insert(*need);
                    }
                    parts.respond(
                        outcome("", Status::Error, format!("failed to configure binding: {why}")),
                        action,
                        judgement,
                    );
                    return;
                }
            },
        };
        if found.is_empty() {
            parts.kubernetes(action, judgement);
        }
        for params in found {
            Parts { params: Some(params), ..parts }.kubernetes(action, judgement);
        }
    }
}

/// Everything that one evaluation looks at.
#[derive(Clone, Copy)]
struct Parts<'a> {
    policy: &'a Policy,
    definition: &'a Definition,
    input: &'a Input,
    evidence: Option<&'a Evidence>,
    snapshot: &'a Snapshot,
    surroundings: &'a Surroundings,
    params: Option<&'a Json>,
}

impl<'a> Parts<'a> {
    fn respond(&self, found: Outcome, action: Action, judgement: &mut Judgement) {
        let rule = if self.policy.kind.is_kubernetes() { self.policy.name.clone() } else { found.rule.to_owned() };
        judgement.responses.push(Response {
            rule,
            status: found.status,
            message: found.message,
            path: None,
            action,
            target: None,
        });
    }

    fn scope(&self, namespace: &'a Json) -> Result<Scope<'a>, Error> {
        let mut scope = Scope::new(&self.definition.expressions.variables, self.snapshot, self.surroundings)
            .confined_to(self.policy.namespace.as_deref());
        if let Some(evidence) = self.evidence {
            scope = scope.with_evidence(evidence);
        }
        facts(&mut scope, self.input, namespace)?;
        if let Some(params) = self.params {
            scope.set("params", Value::of(params));
        }
        Ok(scope)
    }

    /// A policy of Kubernetes.
    fn kubernetes(&self, action: Action, judgement: &mut Judgement) {
        let namespace = namespace_object(self.input);
        // The borrow of the namespace is shorter than that of everything else.
        let parts: Parts<'_> = *self;
        let mut scope = match parts.scope(&namespace) {
            Ok(scope) => scope,
            Err(err) => return self.respond(outcome("", Status::Error, err.to_string()), action, judgement),
        };
        let expressions = &self.definition.expressions;
        let found = match conditions_hold(&expressions.conditions, &scope) {
            Ok(false) => outcome("", Status::Skip, "match conditions aren't met"),
            Err((_, err)) => parts.undecided("", err.to_string()),
            Ok(true) if self.policy.kind.is_mutating() => parts.mutated(&mut scope, judgement),
            Ok(true) => match expressions.first_failure(&scope) {
                Some(Failure::False(message)) => outcome("", Status::Fail, message),
                Some(Failure::Error(message)) => parts.undecided("", message),
                None => match expressions.annotate(&scope) {
                    Ok(annotations) => {
                        let name = &self.policy.name;
                        judgement
                            .annotations
                            .extend(annotations.into_iter().map(|(key, text)| (format!("{name}/{key}"), text)));
                        outcome("", Status::Pass, "")
                    }
                    Err(message) => parts.undecided("", message),
                },
            },
        };
        judgement.needs.append(&mut scope.needs.take());
        self.respond(found, action, judgement);
    }

    /// What cannot be evaluated: an error, and for a policy that ignores failures something that is passed over.
    fn undecided(&self, rule: &'static str, message: String) -> Outcome {
        let status = if self.policy.fails_closed { Status::Error } else { Status::Skip };
        outcome(rule, status, message)
    }

    /// A policy of Kyverno.
    fn kyverno(&self, exceptions: &[Exception], judgement: &mut Judgement) {
        let namespace = namespace_object(self.input);
        let wrong = |err: Error| outcome("evaluation", Status::Error, err.to_string());
        let images = match images::of(
            self.input,
            &self.policy.images,
            &self.policy.extractors,
            self.snapshot,
            self.surroundings,
        ) {
            Ok(images) => images,
            Err(err) => return self.respond(wrong(err), self.policy.action, judgement),
        };
        let parts: Parts<'_> = *self;
        let mut scope = match parts.scope(&namespace) {
            Ok(scope) => scope,
            Err(err) => return self.respond(wrong(err), self.policy.action, judgement),
        };
        scope.set("images", Value::of(&images));
        let (attestors, attestations) = &self.policy.evidence;
        scope.set("attestors", Value::of(attestors));
        scope.set("attestations", Value::of(attestations));
        let found = parts.excepted(exceptions, &mut scope).unwrap_or_else(|| {
            if self.policy.kind.is_about_images()
                && images.as_object().is_some_and(|kinds| kinds.values().all(is_empty))
            {
                return outcome("", Status::Skip, "no image of the request is one that the policy is about");
            }
            if !self.policy.kind.is_mutating() {
                return parts.validated(&scope, judgement);
            }
            match conditions_hold(&self.definition.expressions.conditions, &scope) {
                Ok(true) => parts.mutated(&mut scope, judgement),
                Ok(false) => outcome("", Status::Skip, "skip"),
                Err((_, err)) => parts.undecided("evaluation", format!("failed to evaluate policy: {err}")),
            }
        });
        judgement.needs.append(&mut scope.needs.take());
        self.respond(found, self.policy.action, judgement);
    }

    /// Whether exceptions hold for the whole request; what they allow in parts is told to the expressions.
    fn excepted<'s>(&self, exceptions: &'s [Exception], scope: &mut Scope<'s>) -> Option<Outcome>
    where
        'a: 's,
    {
        let (mut whole, mut images, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut error = None;
        let policy = self.policy;
        let named =
            |exception: &&&'s Exception| exception.names(policy.kind, policy.namespace.as_deref(), &policy.name);
        for exception in exceptions.iter().collect::<Vec<_>>().iter().filter(named) {
            match conditions_hold(&exception.conditions, scope) {
                Ok(true) if exception.images.is_empty() && exception.values.is_empty() => whole.push(*exception),
                Ok(true) => {
                    images.extend_from_slice(&exception.images);
                    values.extend_from_slice(&exception.values);
                }
                Ok(false) => {}
                // What cannot be decided excepts nothing.
                Err((_, err)) => {
                    error.get_or_insert(err);
                }
            }
        }
        let allowed = Value::named([("allowedImages", Value::texts(images)), ("allowedValues", Value::texts(values))]);
        scope.set("exceptions", allowed.unwrap_or(Value::Null));
        let keys: Vec<String> = whole.iter().map(|exception| exception.key()).collect();
        let passes = whole.iter().any(|exception| exception.passes);
        match (keys.is_empty(), error, passes) {
            (false, _, true) => Some(outcome(
                "exception",
                Status::Pass,
                format!("rule is passed due to policy exception: {}", keys.join(", ")),
            )),
            (false, _, false) => Some(outcome(
                "exception",
                Status::Skip,
                format!("rule is skipped due to policy exception: {}", keys.join(", ")),
            )),
            (true, Some(err), _) => {
                Some(outcome("evaluation", Status::Error, format!("failed to load context: {err}")))
            }
            (true, None, _) => None,
        }
    }

    /// Conditions and validations in Kyverno's words: the first that does not hold decides.
    fn validated<'s>(&self, scope: &Scope<'s>, judgement: &mut Judgement) -> Outcome
    where
        'a: 's,
    {
        let expressions = &self.definition.expressions;
        match conditions_hold(&expressions.conditions, scope) {
            Ok(true) => {}
            Ok(false) => return outcome("", Status::Skip, "skip"),
            Err((_, err)) => return self.undecided("evaluation", format!("failed to load context: {err}")),
        }
        for (index, validation) in expressions.validations.iter().enumerate() {
            match validation.program.holds(scope) {
                Ok(true) => {}
                Ok(false) => {
                    let message = match &validation.message_program {
                        None => validation.message.clone(),
                        Some(program) => match program.evaluate(scope) {
                            Ok(Value::String(text)) => text.to_string(),
                            Ok(_) => "failed to convert message expression to string".to_owned(),
                            Err(err) => format!("failed to evaluate message expression: {err}"),
                        },
                    };
                    let message = match message.as_str() {
                        "" => format!("CEL expression validation failed at index {index}"),
                        _ => message,
                    };
                    return outcome("", Status::Fail, message);
                }
                Err(err) => return self.undecided("", format!("error: {err}")),
            }
        }
        match expressions.annotate(scope) {
            Ok(annotations) => {
                judgement.annotations.extend(annotations);
                outcome("", Status::Pass, "success")
            }
            Err(message) => self.undecided("evaluation", format!("failed to load context: {message}")),
        }
    }

    /// All mutations, each on what the one before has made.
    fn mutated<'s>(&self, scope: &mut Scope<'s>, judgement: &mut Judgement) -> Outcome
    where
        'a: 's,
    {
        let kubernetes = matches!(self.policy.kind, Kind::MutatingAdmissionPolicy);
        let Some(original) = self.input.object() else {
            return outcome("", Status::Skip, "there is no object to change");
        };
        // What a mutation before has made: taken on from there.
        let start = judgement.patched.clone();
        let mut current = start.clone().unwrap_or_else(|| original.clone());
        for (index, mutation) in self.definition.mutations.iter().enumerate() {
            if index > 0 || start.is_some() {
                match Value::from_json(current.clone()) {
                    Ok(value) => scope.set("object", value),
                    Err(err) => return self.undecided("evaluation", err.to_string()),
                }
                scope.forget();
            }
            match mutation.apply(&current, scope) {
                Ok(changed) => current = changed,
                Err(err) if kubernetes => return self.undecided("", err),
                Err(err) => return self.undecided("evaluation", format!("failed to evaluate policy: {err}")),
            }
        }
        let changed = start.as_ref().unwrap_or(original) != &current;
        judgement.patched = Some(current);
        match (kubernetes, changed) {
            (true, false) => outcome("", Status::Skip, "mutation had no effect"),
            (true, true) => outcome("", Status::Pass, ""),
            (false, _) => outcome("", Status::Pass, "success"),
        }
    }
}
