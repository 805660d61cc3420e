//! A policy against a request: which of its definitions is about it, what the expressions see, and what is said of the outcome.
//!
//! Source: kyverno/kyverno:pkg/cel/policies/{vpol,mpol}/{compiler,engine}, pkg/admissionpolicy; k8s.io/apiserver
//! pkg/admission/plugin/policy/validating/validator.go. The messages are Kyverno's, and the API server's for its own kinds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::document::{Definition, Kind, Mode, Policy};
use super::exception::Exception;
use super::host::{Scope, Session};
use super::json_patch;
use super::matching::{namespace, namespace_object, plurals};
use super::rule::{Lacking, MESSAGE, shortened};
use super::verify::Verification;
use crate::cel::{Error, Key, Text, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::confines::Confines;
use crate::kyverno::verify_images::{Evidence, ImageNeed};
use crate::kyverno::{Action, Input, Need, Response, Snapshot, Status};

/// What a policy says of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// One response for each binding and parameter, or one, if the policy is about the request.
    pub responses: Vec<Response>,
    /// What must be fetched before what ended in an error can be decided.
    pub needs: BTreeSet<Need>,
    /// What must be asked of registries before that.
    pub images: BTreeSet<ImageNeed>,
    /// Annotations for the audit log.
    pub annotations: BTreeMap<String, String>,
    /// The object as the policy changes it.
    pub patched: Option<Json>,
    /// Images, as the request writes them, of which a signature or an attestation was found to hold.
    pub verified: BTreeSet<String>,
    /// Images that must be in [`Judgement::verified`] of this policy or of another one that judges the same request. See [`Judgement::settle`].
    pub required: BTreeSet<String>,
}

impl Judgement {
    /// Holds the policy to `required`: an image that no policy of the request has verified is refused. `verified`: what all of them together have.
    pub fn settle(&mut self, verified: &BTreeSet<String>) {
        let Some(image) = std::mem::take(&mut self.required).into_iter().find(|image| !verified.contains(image)) else {
            return;
        };
        for response in self.responses.iter_mut().filter(|response| response.status == Status::Pass) {
            response.status = Status::Fail;
            response.message = format!(
                "image {} is not verified: no policy found a signature or attestation of it that holds",
                super::verify::shown(&image)
            );
        }
    }

    pub(super) fn take(&mut self, session: &Session<'_>) {
        self.needs.append(&mut session.take_needs());
        if let Some(verification) = &session.verification {
            self.images.append(&mut verification.take_needs());
            self.verified.append(&mut verification.verified());
        }
    }
}

/// Sets what every expression about a request may name.
pub(super) fn facts<'a>(
    scope: &mut Scope<'a>,
    input: &'a Input,
    namespace: &'a Result<Cow<'_, Json>, Box<Need>>,
) -> Result<(), Error> {
    let object = |found: Option<&'a Json>| found.map_or(Value::Null, Value::of);
    scope.set("object", object(input.object()));
    scope.set("oldObject", object(input.old_object()));
    match namespace {
        Ok(namespace) => scope.set("namespaceObject", Value::of(namespace)),
        Err(need) => scope.set_needed("namespaceObject", (**need).clone()),
    }
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

/// A result on the way.
pub(super) struct Outcome {
    pub(super) rule: &'static str,
    pub(super) status: Status,
    pub(super) message: String,
}

pub(super) fn outcome(rule: &'static str, status: Status, message: impl Into<String>) -> Outcome {
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
        let evidence = Evidence::new();
        let mut judgement = self.evaluate_with(input, exceptions, &evidence, snapshot, surroundings);
        let verified = judgement.verified.clone();
        judgement.settle(&verified);
        judgement
    }

    /// Evaluates the policy on a request. Nothing is fetched: what is missing is in [`Judgement::needs`] and [`Judgement::images`], and what needs
    /// it is an error. Whoever calls this must call [`Judgement::settle`] when all policies were asked.
    pub fn evaluate_with(
        &self,
        input: &Input,
        exceptions: &[Exception],
        evidence: &Evidence,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Judgement {
        self.on(input, exceptions, evidence, snapshot, surroundings, false)
    }

    /// Writes digests beside the tags of images, if the policy asks for it. No signature is asked for: that is what
    /// [`Policy::evaluate_with`] does with the outcome.
    pub fn pin(
        &self,
        input: &Input,
        exceptions: &[Exception],
        evidence: &Evidence,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
    ) -> Judgement {
        if !self.kind.is_about_images() {
            return Judgement::default();
        }
        self.on(input, exceptions, evidence, snapshot, surroundings, true)
    }

    fn on(
        &self,
        input: &Input,
        exceptions: &[Exception],
        evidence: &Evidence,
        snapshot: &Snapshot,
        surroundings: &Surroundings,
        pins: bool,
    ) -> Judgement {
        let mut judgement = Judgement::default();
        if self.mode != Mode::Kubernetes || self.namespace.as_deref().is_some_and(|own| own != namespace(input)) {
            return judgement;
        }
        let known = Given { evidence, snapshot, surroundings };
        let mut chosen = None;
        for definition in &self.definitions {
            match definition.matches.as_ref().map_or(Ok(false), |matches| matches.includes(input, snapshot)) {
                Ok(true) => chosen = Some(definition),
                Ok(false) => continue,
                Err(lacking) => self.unknown(lacking, &mut judgement),
            }
            break;
        }
        let Some(definition) = chosen else { return judgement };
        let namespace = namespace_object(input, snapshot);
        let parts = Parts { policy: self, definition, input, namespace: &namespace, given: known, params: None };
        if !self.kind.is_kubernetes() {
            parts.kyverno(exceptions, pins, &mut judgement);
            return judgement;
        }
        // Without a binding a policy of Kubernetes holds nowhere.
        if self.bindings.is_empty() && self.everywhere {
            parts.bound(None, &mut judgement);
        }
        for (index, binding) in self.bindings.iter().enumerate() {
            match binding.matches.as_ref().map_or(Ok(true), |matches| matches.includes(input, snapshot)) {
                Ok(true) => parts.bound(Some((index, binding)), &mut judgement),
                Ok(false) => {}
                Err(lacking) => self.unknown(lacking, &mut judgement),
            }
        }
        judgement
    }

    /// Whether the policy is about the request is not known.
    fn unknown(&self, lacking: Lacking, judgement: &mut Judgement) {
        let (message, need) = lacking.into_parts();
        judgement.needs.extend(need);
        let message = format!("whether the policy is about the request is not known: {message}");
        let rule = if self.kind.is_kubernetes() { self.name.clone() } else { "evaluation".to_owned() };
        judgement.responses.push(Response {
            rule,
            status: Status::Error,
            message,
            path: None,
            action: self.action,
            target: None,
        });
    }

    /// Evaluates a policy of mode `JSON` on a document.
    pub fn evaluate_json(&self, document: &Json, snapshot: &Snapshot, surroundings: &Surroundings) -> Judgement {
        let mut judgement = Judgement::default();
        let Some(definition) = self.definitions.first().filter(|_| self.mode == Mode::Json) else { return judgement };
        let (evidence, input) = (Evidence::new(), Input::default());
        let session = Session::new(snapshot, surroundings, Confines::of(self.namespace.as_deref(), document), None);
        let mut scope = Scope::new(&session, &definition.expressions.variables);
        scope.set("object", Value::of(document));
        let given = Given { evidence: &evidence, snapshot, surroundings };
        let namespace = Ok(Cow::Owned(Json::Null));
        let parts = Parts { policy: self, definition, input: &input, namespace: &namespace, given, params: None };
        let found = match parts.conditions(&scope) {
            Ok(()) => parts.validated(&scope, &mut judgement),
            Err(outcome) => outcome,
        };
        parts.respond(found, self.action, &mut judgement);
        judgement.take(&session);
        judgement
    }
}

/// What was handed in.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) snapshot: &'a Snapshot,
    pub(super) surroundings: &'a Surroundings,
}

/// Everything that one evaluation looks at.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) policy: &'a Policy,
    pub(super) definition: &'a Definition,
    pub(super) input: &'a Input,
    pub(super) namespace: &'a Result<Cow<'a, Json>, Box<Need>>,
    pub(super) given: Given<'a>,
    pub(super) params: Option<&'a Json>,
}

impl<'a> Parts<'a> {
    /// What one judgement has in common. Each parameter of a policy is one.
    pub(super) fn session(&self) -> Session<'a> {
        let rules = self.definition.images.as_ref();
        let verification = rules.map(|rules| Verification::new(rules, self.given.evidence));
        let confined = Confines::of(self.policy.namespace.as_deref(), &self.input.request);
        Session::new(self.given.snapshot, self.given.surroundings, confined, verification)
    }

    pub(super) fn respond(&self, found: Outcome, action: Action, judgement: &mut Judgement) {
        let rule = if self.policy.kind.is_kubernetes() { self.policy.name.clone() } else { found.rule.to_owned() };
        judgement.responses.push(Response {
            rule,
            status: found.status,
            message: shortened(&found.message, MESSAGE),
            path: None,
            action,
            target: None,
        });
    }

    /// What the expressions of the policy see.
    pub(super) fn scope<'s>(&self, session: &'s Session<'s>) -> Result<Scope<'s>, Error>
    where
        'a: 's,
    {
        let parts: Parts<'s> = *self;
        let mut scope = Scope::new(session, &parts.definition.expressions.variables);
        facts(&mut scope, parts.input, parts.namespace)?;
        if let Some(params) = parts.params {
            scope.set("params", Value::of(params));
        }
        Ok(scope)
    }

    /// What cannot be evaluated: an error, and for a policy that ignores failures something that is passed over, unless it is we who lack something.
    pub(super) fn undecided(&self, rule: &'static str, err: &Error) -> Outcome {
        let status = if self.policy.fails_closed || err.is_lack() { Status::Error } else { Status::Skip };
        outcome(rule, status, err.to_string())
    }

    /// All mutations, each on what the one before has made. `named`: what expressions see besides the request.
    pub(super) fn mutated(
        &self,
        session: &Session<'_>,
        named: &[(&'static str, &Json)],
        judgement: &mut Judgement,
    ) -> Outcome {
        let kubernetes = matches!(self.policy.kind, Kind::MutatingAdmissionPolicy);
        let Some(original) = self.input.object() else {
            return outcome("", Status::Skip, "there is no object to change");
        };
        // What a mutation before has made: taken on from there.
        let start = judgement.patched.clone().unwrap_or_else(|| original.clone());
        let mut current = start.clone();
        let mut room = json_patch::Room::default();
        for mutation in &self.definition.mutations {
            // Variables are what they are of the object as it is now.
            let changed = self.scope(session).and_then(|mut scope| {
                scope.set("object", Value::of(&current));
                for (name, value) in named {
                    scope.set(name, Value::of(value));
                }
                mutation.apply(&current, kubernetes, &scope, &mut room)
            });
            match changed {
                Ok(changed) => current = changed,
                Err(err) if kubernetes => return self.undecided("", &err),
                Err(err) => return self.undecided("evaluation", &err.within("failed to evaluate policy")),
            }
        }
        let changed = start != current;
        judgement.patched = Some(current);
        match (kubernetes, changed) {
            (true, false) => outcome("", Status::Skip, "mutation had no effect"),
            (true, true) => outcome("", Status::Pass, ""),
            (false, _) => outcome("", Status::Pass, "success"),
        }
    }
}
