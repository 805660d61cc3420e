//! Policies on a request, in the order in which an API server would ask: what changes it, what its images are, what is asked of the outcome.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use signet_model::Digest;

use super::decision::{Consequence, Decision, Reason};
use super::set::{Body, Entry, Set};
use crate::jmespath::Surroundings;
use crate::kyverno::verify_images::{Evidence, ImageNeed, Outcomes, annotated, join_outcomes};
use crate::kyverno::{Action, Input, Need, Response, Snapshot, Status};

/// What was fetched.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Of clusters, services and registries.
    pub context: Snapshot,
    /// Of images: digests, signatures, attestations.
    pub images: Evidence,
}

impl Known {
    /// Its digest: the same questions with the same answers have the same.
    pub fn digest(&self) -> Digest {
        let mut text = String::new();
        for (need, answer) in &self.context {
            let _ = writeln!(text, "{need:?} = {answer}");
        }
        for (need, answer) in &self.images {
            let _ = writeln!(text, "{need:?} = {answer:?}");
        }
        Digest::sha256(text.as_bytes())
    }
}

/// What must be fetched before it can be decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// Of clusters, services and registries.
    pub context: BTreeSet<Need>,
    /// Of images.
    pub images: BTreeSet<ImageNeed>,
}

impl Needs {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.context.is_empty() && self.images.is_empty()
    }
}

/// Which part of the way a request is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stages {
    /// Everything, one after the other.
    All,
    /// What changes it, and the digests of its images.
    Mutate,
    /// What is asked of it, as it is. Nothing that the other stage found is believed: images are asked about again, by the digests that stand there.
    Validate,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The answer, as far as it is known: final when nothing is needed.
    pub decision: Decision,
    /// The object as policies change it; `None` if none does.
    pub object: Option<Value>,
    /// What must be fetched first.
    pub needs: Needs,
}

impl Set {
    /// Judges a request. Nothing is fetched: while [`Judged::needs`] is not empty and something of it can be fetched, fetch it and ask again. What
    /// stays unknown is an error of its rule, and refuses unless its policy says that errors do not.
    pub fn judge(&self, input: &Input, known: &Known, surroundings: &Surroundings, stages: Stages) -> Judged {
        let concerned = self.plan.of(input, &self.entries);
        let mut judge = Judge {
            set: self,
            entries: concerned.iter().filter_map(|index| self.entries.get(*index)).collect(),
            input: Cow::Borrowed(input),
            known,
            surroundings,
            reasons: Vec::new(),
            annotations: std::collections::BTreeMap::new(),
            needs: Needs::default(),
            object: None,
        };
        if stages != Stages::Validate {
            judge.mutate();
        }
        judge.verify_images(stages);
        if stages != Stages::Mutate {
            judge.validate();
        }
        let allowed = judge.reasons.iter().all(|reason| reason.consequence != Consequence::Denies);
        Judged {
            decision: Decision {
                allowed,
                reasons: judge.reasons,
                annotations: judge.annotations,
                policies: self.digest(),
                snapshot: known.digest(),
            },
            object: judge.object,
            needs: judge.needs,
        }
    }
}

struct Judge<'a> {
    set: &'a Set,
    /// The policies that such a request concerns.
    entries: Vec<&'a Entry>,
    /// The request, about the object as it is now.
    input: Cow<'a, Input>,
    known: &'a Known,
    surroundings: &'a Surroundings,
    reasons: Vec<Reason>,
    annotations: std::collections::BTreeMap<String, String>,
    needs: Needs,
    object: Option<Value>,
}

impl<'a> Judge<'a> {
    fn mutate(&mut self) {
        for entry in self.entries.clone() {
            let Body::Kyverno(policy) = &entry.body else { continue };
            if !policy.mutates() {
                continue;
            }
            let mutated = policy.mutate(&self.input, &self.set.exceptions, &self.known.context, self.surroundings);
            self.needs.context.extend(mutated.needs);
            // A change that could not be made leaves an object that the policy did not mean.
            self.say(entry, unmade(mutated.responses), policy.fails_closed);
            self.change(mutated.object);
        }
        for entry in self.entries.clone() {
            let Body::Admission(policy) = &entry.body else { continue };
            if policy.kind.is_mutating() && self.is_in_force(policy) {
                let judged =
                    policy.evaluate(&self.input, &self.set.cel_exceptions, &self.known.context, self.surroundings);
                self.needs.context.extend(judged.needs);
                self.annotations.extend(judged.annotations);
                self.say(entry, unmade(judged.responses), policy.fails_closed);
                self.change(judged.patched);
            }
        }
    }

    fn verify_images(&mut self, stages: Stages) {
        let mut outcomes = Outcomes::new();
        for entry in self.entries.clone() {
            let Body::Kyverno(policy) = &entry.body else { continue };
            if !policy.verifies_images() {
                continue;
            }
            let verified = policy.verify_images(
                &self.input,
                &self.set.exceptions,
                &self.known.context,
                &self.known.images,
                self.surroundings,
            );
            self.needs.context.extend(verified.needs);
            self.needs.images.extend(verified.images);
            self.say(entry, verified.responses, policy.fails_closed);
            if stages == Stages::Validate {
                continue;
            }
            if let Some(of_policy) = verified.outcomes {
                join_outcomes(&mut outcomes, &of_policy);
                let before = verified.object.or_else(|| self.input.object().cloned());
                self.change(before.map(|object| annotated(object, &outcomes)));
            }
        }
    }

    fn validate(&mut self) {
        for entry in self.entries.clone() {
            match &entry.body {
                Body::Kyverno(policy) => {
                    let judged =
                        policy.evaluate(&self.input, &self.set.exceptions, &self.known.context, self.surroundings);
                    self.needs.context.extend(judged.needs);
                    self.say(entry, judged.responses, policy.fails_closed);
                }
                Body::Admission(policy) if !policy.kind.is_mutating() && self.is_in_force(policy) => {
                    let judged =
                        policy.evaluate(&self.input, &self.set.cel_exceptions, &self.known.context, self.surroundings);
                    self.needs.context.extend(judged.needs);
                    self.annotations.extend(judged.annotations);
                    self.say(entry, judged.responses, policy.fails_closed);
                }
                Body::Admission(_) => {}
            }
        }
    }

    /// A policy of Kubernetes holds where it is bound.
    fn is_in_force(&self, policy: &crate::admission::Policy) -> bool {
        policy.is_bound() || self.set.unbound
    }

    fn change(&mut self, object: Option<Value>) {
        if let Some(object) = object.filter(|object| self.input.object() != Some(object)) {
            self.input = Cow::Owned(self.input.with_object(object.clone()));
            self.object = Some(object);
        }
    }

    fn say(&mut self, entry: &Entry, responses: Vec<Response>, fails_closed: bool) {
        for response in responses {
            let (consequence, message) = match (response.status, response.action) {
                (Status::Pass | Status::Skip, _) => (Consequence::Nothing, response.message),
                (Status::Warn, _) => (Consequence::Warns, response.message),
                (Status::Fail, Action::Enforce) => (Consequence::Denies, response.message),
                (Status::Fail | Status::Error, Action::Audit) => (Consequence::Reported, response.message),
                (Status::Error, Action::Enforce) if fails_closed => (Consequence::Denies, response.message),
                (Status::Error, Action::Enforce) => {
                    let message = format!(
                        "{} (it could not be judged, and `failurePolicy: Ignore` lets it pass)",
                        response.message
                    );
                    (Consequence::Warns, message)
                }
            };
            self.reasons.push(Reason {
                policy: entry.body.key(),
                kind: entry.body.kind(),
                origin: entry.origin_of(&response.rule),
                rule: response.rule,
                status: response.status,
                consequence,
                message,
                path: response.path,
            });
        }
    }
}

/// What rules say that change the object: one that could not is as one that could not be judged, and there is no audit of a change.
fn unmade(mut responses: Vec<Response>) -> Vec<Response> {
    for response in &mut responses {
        response.action = Action::Enforce;
        if response.status == Status::Fail {
            response.status = Status::Error;
        }
    }
    responses
}
