//! The webhooks: all policies asked about one request, in the order of the API server.

use std::collections::BTreeSet;

use serde_json::Value;
use signet_policy::kyverno::message::{blocks, denied, refusal, refusal_of_cel, webhook};
use signet_policy::kyverno::verify_images::{Evidence, Outcomes, annotated, join_outcomes};
use signet_policy::kyverno::{Input, Need, Response, Snapshot, Status};
use signet_policy::{admission, kyverno};

use super::policies::{document_of, document_of_cel};
use super::store::{Key, part};
use super::{Cluster, Request};

/// What the policies said of a request that was reviewed, for reports and events.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// By the key of the policy's document.
    pub(super) rules: Vec<(Key, Vec<Response>)>,
    pub(super) blocked: bool,
}

/// How often a policy may ask for more before it is given up.
const ROUNDS: usize = 16;

impl Cluster {
    /// Asks until nothing more is needed that is known here.
    pub(super) fn answered<T>(&self, ask: impl Fn(&Snapshot) -> T, needs: impl Fn(&T) -> &BTreeSet<Need>) -> T {
        let surroundings = self.surroundings();
        self.asked_of(ask, needs, |need| self.store.answer(need, &surroundings))
    }

    /// The same for policies that are written in CEL, for which an entry of the global context that is not there is null.
    pub(super) fn answered_by_cel<T>(&self, ask: impl Fn(&Snapshot) -> T, needs: impl Fn(&T) -> &BTreeSet<Need>) -> T {
        let surroundings = self.surroundings();
        self.asked_of(ask, needs, |need| match (self.store.answer(need, &surroundings), need) {
            (None, Need::Global { .. }) => Some(Value::Null),
            (answer, _) => answer,
        })
    }

    fn asked_of<T>(
        &self,
        ask: impl Fn(&Snapshot) -> T,
        needs: impl Fn(&T) -> &BTreeSet<Need>,
        answer: impl Fn(&Need) -> Option<Value>,
    ) -> T {
        let mut snapshot = Snapshot::new();
        let mut found = ask(&snapshot);
        for _ in 0..ROUNDS {
            let known = snapshot.len();
            let answers = needs(&found).iter().filter_map(|need| {
                let answer = answer(need);
                if answer.is_none() && matches!(need, Need::Image { .. }) {
                    self.lacks_images.set(true);
                }
                Some((need.clone(), answer?))
            });
            snapshot.extend(answers.collect::<Vec<_>>());
            if snapshot.len() == known {
                break;
            }
            found = ask(&snapshot);
        }
        found
    }

    /// What the object is after all webhooks, or why the request is refused.
    pub(super) fn review(&self, request: Request, said: &mut Said) -> Result<Option<Value>, String> {
        let mut current = request;
        let reviewed = self
            .mutate(&mut current)
            .and_then(|()| self.verify(&mut current))
            .and_then(|()| self.mutate_by_cel(&mut current))
            .and_then(|()| self.validate(&current, said));
        said.blocked = reviewed.is_err();
        reviewed.map(|()| current.object)
    }

    /// Whether a policy is asked, or why the request is refused before it is.
    fn asked(&self, request: &Request, asked: Result<bool, String>, fails_closed: bool) -> Result<bool, String> {
        match asked {
            Err(why) if fails_closed => {
                let group = &request.kind.group;
                let dot = if group.is_empty() { "" } else { "." };
                Err(format!("{}{dot}{group} \"{}\" is forbidden: {why}", request.plural, request.key.name))
            }
            asked => Ok(asked.unwrap_or(false)),
        }
    }

    fn mutate(&self, request: &mut Request) -> Result<(), String> {
        let surroundings = self.surroundings();
        for policy in self.policies.kyverno.iter().filter(|policy| policy.mutates() && policy.admission) {
            let input = self.input(request);
            if !self.asked(request, policy.is_asked(&input, &surroundings), policy.fails_closed)? {
                continue;
            }
            let ask = |snapshot: &Snapshot| policy.mutate(&input, &self.policies.exceptions, snapshot, &surroundings);
            let mutated = self.answered(ask, |mutated| &mutated.needs);
            let behind = |name: &str| policy.rules().iter().any(|rule| rule.name == name && rule.has_targets());
            let errors: Vec<Response> = mutated
                .responses
                .into_iter()
                .filter(|response| response.status == Status::Error && !behind(&response.rule))
                .collect();
            if !errors.is_empty() && policy.fails_closed {
                let object = request.object.as_ref().or(request.old.as_ref()).unwrap_or(&Value::Null);
                let message = refusal(object, &[(&policy.name, &errors)]);
                return Err(denied(&webhook("mutate", policy.fails_closed, None), &message));
            }
            if let Some(object) = mutated.object {
                request.object = Some(object);
            }
        }
        Ok(())
    }

    fn verify(&self, request: &mut Request) -> Result<(), String> {
        let surroundings = self.surroundings();
        let mut outcomes = Outcomes::new();
        let evidence = Evidence::new();
        for policy in self.policies.kyverno.iter().filter(|policy| policy.verifies_images() && policy.admission) {
            let input = self.input(request);
            if !self.asked(request, policy.is_asked(&input, &surroundings), policy.fails_closed)? {
                continue;
            }
            let ask = |snapshot: &Snapshot| {
                policy.verify_images(&input, &self.policies.exceptions, snapshot, &evidence, &surroundings)
            };
            let verified = self.answered(ask, |verified| &verified.needs);
            if blocks(policy, &verified.responses) {
                let object = request.object.as_ref().or(request.old.as_ref()).unwrap_or(&Value::Null);
                let message = refusal(object, &[(&policy.name, &verified.responses)]);
                return Err(denied(&webhook("mutate", policy.fails_closed, None), &message));
            }
            if let (Some(of_policy), Some(object)) = (verified.outcomes, request.object.clone()) {
                join_outcomes(&mut outcomes, &of_policy);
                request.object = Some(annotated(verified.object.unwrap_or(object), &outcomes));
            }
        }
        Ok(())
    }

    fn mutate_by_cel(&self, request: &mut Request) -> Result<(), String> {
        let surroundings = self.surroundings();
        for policy in self.policies.cel.iter().filter(|policy| policy.kind.is_mutating() && judges(policy)) {
            let input = self.input(request);
            if !self.asked(request, policy.is_asked(&input, &surroundings), policy.fails_closed)? {
                continue;
            }
            let ask =
                |snapshot: &Snapshot| policy.evaluate(&input, &self.policies.cel_exceptions, snapshot, &surroundings);
            let judged = self.answered_by_cel(ask, |judged| &judged.needs);
            if judged.responses.iter().any(|response| response.status == Status::Error) && policy.fails_closed {
                let message = refusal_of_cel(&[(&policy.name, &judged.responses)]);
                let own = policy.has_conditions().then_some(policy.name.as_str());
                return Err(denied(&webhook("mpol.mutate", policy.fails_closed, own), &message));
            }
            if let Some(object) = judged.patched.filter(|_| request.object.is_some()) {
                request.object = Some(object);
            }
        }
        Ok(())
    }

    fn validate(&self, request: &Request, all: &mut Said) -> Result<(), String> {
        let input = self.input(request);
        for fails_closed in [true, false] {
            self.validate_by_rules(request, &input, fails_closed, all)?;
        }
        let surroundings = self.surroundings();
        for policy in self.policies.cel.iter().filter(|policy| !policy.kind.is_mutating() && judges(policy)) {
            if !self.asked(request, policy.is_asked(&input, &surroundings), policy.fails_closed)? {
                continue;
            }
            let ask =
                |snapshot: &Snapshot| policy.evaluate(&input, &self.policies.cel_exceptions, snapshot, &surroundings);
            let judged = self.answered_by_cel(ask, |judged| &judged.needs);
            let message = refusal_of_cel(&[(&policy.name, &judged.responses)]);
            all.rules.push((document_of_cel(policy), judged.responses.clone()));
            if message.is_empty() {
                continue;
            }
            let own = policy.has_conditions().then_some(policy.name.as_str());
            if policy.kind.as_str() == "ValidatingAdmissionPolicy" {
                let group = &request.kind.group;
                let dot = if group.is_empty() { "" } else { "." };
                let said = judged.responses.iter().find(|response| !response.message.is_empty());
                let said = said.map_or("", |response| response.message.as_str());
                let (plural, name) = (&request.plural, &request.key.name);
                return Err(format!(
                    "{plural}{dot}{group} \"{name}\" is forbidden: ValidatingAdmissionPolicy '{}' denied request: {said}",
                    policy.name
                ));
            }
            let prefix = if policy.verifies_images() { "ivpol.validate" } else { "vpol.validate" };
            return Err(denied(&webhook(prefix, policy.fails_closed, own), &message));
        }
        Ok(())
    }

    /// All policies of one webhook are asked, and named together.
    fn validate_by_rules(
        &self,
        request: &Request,
        input: &Input,
        fails_closed: bool,
        all: &mut Said,
    ) -> Result<(), String> {
        let surroundings = self.surroundings();
        let mut said: Vec<(&str, Vec<Response>)> = Vec::new();
        let mut blocked = false;
        let of_webhook = |policy: &&kyverno::Policy| policy.fails_closed == fails_closed && policy.admission;
        for policy in self.policies.kyverno.iter().filter(of_webhook) {
            if !self.asked(request, policy.is_asked(input, &surroundings), fails_closed)? {
                continue;
            }
            let ask = |snapshot: &Snapshot| policy.evaluate(input, &self.policies.exceptions, snapshot, &surroundings);
            let evaluation = self.answered(ask, |evaluation| &evaluation.needs);
            blocked |= blocks(policy, &evaluation.responses);
            all.rules.push((document_of(policy), evaluation.responses.clone()));
            said.push((&policy.name, evaluation.responses));
        }
        if !blocked {
            return Ok(());
        }
        let said: Vec<(&str, &[Response])> =
            said.iter().map(|(name, responses)| (*name, responses.as_slice())).collect();
        let object = request.object.as_ref().or(request.old.as_ref()).unwrap_or(&Value::Null);
        debug_assert!(!part(object, "/kind").is_empty(), "a request is about something");
        Err(denied(&webhook("validate", fails_closed, None), &refusal(object, &said)))
    }
}

/// Whether a policy judges requests.
fn judges(policy: &&admission::Policy) -> bool {
    policy.is_evaluated() && policy.admission
}
