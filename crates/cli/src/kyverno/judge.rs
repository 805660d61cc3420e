//! All policies on all resources.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use signet_policy::admission;
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::verify_images::{Evidence, ImageNeed, Outcomes, annotated, join_outcomes};
use signet_policy::kyverno::{Action, Exception, Need, Policy, Response, Snapshot, User};

use super::documents::{Loaded, Policies};
use super::values::{Mocks, Values};
use crate::evidence::Outside;

/// How often a rule may ask for more before it is given up.
const ROUNDS: usize = 16;

/// What one policy says of one resource.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) policy: String,
    pub(super) policy_namespace: Option<String>,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) resource: String,
    /// None, if no rule is about the resource.
    pub(super) rules: Vec<RuleVerdict>,
    /// The resource as it is after the policy's mutate rules, and after those of the policies before it; `None` if the policy has none.
    pub(super) patched: Option<Value>,
    /// Whether this policy changed it.
    pub(super) changed: bool,
}

/// What one rule says.
#[derive(Debug)]
pub(super) struct RuleVerdict {
    pub(super) rule: String,
    pub(super) status: &'static str,
    pub(super) message: String,
    pub(super) audit: bool,
    /// Another resource that the rule changed, as it is now.
    pub(super) target: Option<Value>,
    /// Objects that should be there because of the rule.
    pub(super) generated: Vec<Value>,
}

impl RuleVerdict {
    fn of(response: Response) -> RuleVerdict {
        RuleVerdict {
            rule: response.rule,
            status: response.status.as_str(),
            message: response.message,
            audit: response.action == Action::Audit,
            target: response.target,
            generated: Vec::new(),
        }
    }
}

impl Verdict {
    pub(super) fn to_json(&self) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|rule| {
                let action = if rule.audit { "Audit" } else { "Enforce" };
                let mut said =
                    json!({"rule": rule.rule, "status": rule.status, "message": rule.message, "action": action});
                if let (Some(said), Some(target)) = (said.as_object_mut(), &rule.target) {
                    said.insert("target".to_owned(), target.clone());
                }
                if let (Some(said), false) = (said.as_object_mut(), rule.generated.is_empty()) {
                    said.insert("generated".to_owned(), json!(rule.generated));
                }
                said
            })
            .collect();
        json!({
            "policy": self.policy,
            "policyNamespace": self.policy_namespace,
            "kind": self.kind,
            "namespace": self.namespace,
            "resource": self.resource,
            "rules": rules,
            "patched": self.patched,
        })
    }
}

/// Everything that judging takes besides policies and resources.
pub(super) struct Given<'g> {
    pub(super) values: &'g Values,
    pub(super) user: Option<&'g User>,
    pub(super) mocks: &'g Mocks,
    pub(super) surroundings: &'g Surroundings,
    /// `None`: no registry is asked, and what a policy asks of one is an error.
    pub(super) registries: Option<&'g Outside>,
}

impl Given<'_> {
    /// What a rule needs, if it is known here or a registry says it.
    fn answer(&self, need: &Need) -> Option<Value> {
        self.mocks.answer(need).or_else(|| match (need, self.registries) {
            (Need::Image { reference }, Some(registries)) => registries.facts(reference).ok(),
            _ => None,
        })
    }
}

/// Judges, resource by resource and policy by policy, in the order in which they were given.
///
/// First all policies change the resource, each what the ones before it made, then their images are verified, and then all of them judge what
/// came of it.
pub(super) fn all(policies: &Policies, resources: &[Value], given: &Given<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for resource in resources {
        let mut current = resource.clone();
        let mut judged: Vec<Verdict> = policies.policies.iter().map(|policy| open(policy, resource)).collect();
        for (policy, verdict) in policies.policies.iter().zip(&mut judged) {
            if let Loaded::Policy(policy) = policy
                && policy.mutates()
            {
                mutate(policy, &mut current, &policies.exceptions, given, verdict);
            }
        }
        let mut outcomes = Outcomes::new();
        for (policy, verdict) in policies.policies.iter().zip(&mut judged) {
            if let Loaded::Policy(policy) = policy
                && policy.verifies_images()
            {
                verify_images(policy, &mut current, &mut outcomes, &policies.exceptions, given, verdict);
            }
        }
        for (policy, verdict) in policies.policies.iter().zip(&mut judged) {
            match policy {
                Loaded::Policy(policy) => evaluate(policy, &current, &policies.exceptions, given, verdict),
                Loaded::NotEvaluated { kind, .. } => verdict.rules.push(not_evaluated(kind)),
                Loaded::Admission(policy) if !policy.is_evaluated() => {
                    let kind = policy.kind.as_str();
                    verdict.rules.push(not_evaluated(&format!("{kind} for requests of a proxy")));
                }
                Loaded::Admission(_) => {}
            }
        }
        // Policies that are written in CEL come behind the others, and of them first those that change things.
        for mutating in [true, false] {
            for (policy, verdict) in policies.policies.iter().zip(&mut judged) {
                if let Loaded::Admission(policy) = policy
                    && policy.kind.is_mutating() == mutating
                {
                    admit(policy, &mut current, &policies.cel_exceptions, given, verdict);
                }
            }
        }
        for (policy, verdict) in policies.policies.iter().zip(&mut judged) {
            if let Loaded::Policy(policy) = policy
                && policy.generates()
            {
                generate(policy, &current, &policies.exceptions, given, verdict);
            }
        }
        verdicts.append(&mut judged);
    }
    verdicts
}

/// Judges documents that are no resources, by the policies that are about such.
pub(super) fn documents(policies: &Policies, documents: &[Value], given: &Given<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for document in documents {
        for loaded in &policies.policies {
            let Loaded::Admission(policy) = loaded else { continue };
            if !policy.is_for_json() {
                continue;
            }
            let ask = |snapshot: &Snapshot| policy.evaluate_json(document, snapshot, given.surroundings);
            let judged = answered(given, ask, |judged| &judged.needs);
            let mut verdict = open(loaded, document);
            verdict.rules.extend(judged.responses.into_iter().map(RuleVerdict::of));
            verdicts.push(verdict);
        }
    }
    verdicts
}

fn not_evaluated(kind: &str) -> RuleVerdict {
    RuleVerdict {
        rule: String::new(),
        status: "error",
        message: format!("not evaluated: {kind}"),
        audit: false,
        target: None,
        generated: Vec::new(),
    }
}

/// Whose verdict on what.
fn open(policy: &Loaded, resource: &Value) -> Verdict {
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Verdict {
        policy: policy.name().to_owned(),
        policy_namespace: policy.namespace().map(str::to_owned),
        kind: text("/kind"),
        namespace: text("/metadata/namespace"),
        resource: {
            let name = text("/metadata/name");
            if name.is_empty() { text("/metadata/generateName") } else { name }
        },
        rules: Vec::new(),
        patched: None,
        changed: false,
    }
}

/// Asks until nothing more is needed that is known here.
fn answered<T>(given: &Given<'_>, ask: impl Fn(&Snapshot) -> T, needs: impl Fn(&T) -> &BTreeSet<Need>) -> T {
    let mut snapshot = Snapshot::new();
    let mut found = ask(&snapshot);
    for _ in 0..ROUNDS {
        let known = snapshot.len();
        let answers = needs(&found).iter().filter_map(|need| Some((need.clone(), given.answer(need)?)));
        let answers: Vec<_> = answers.collect();
        snapshot.extend(answers);
        if snapshot.len() == known {
            break;
        }
        found = ask(&snapshot);
    }
    found
}

/// The same for policies that ask about signatures.
fn answered_by_registries<T>(
    given: &Given<'_>,
    ask: impl Fn(&Snapshot, &Evidence) -> T,
    needs: impl Fn(&T) -> (&BTreeSet<Need>, &BTreeSet<ImageNeed>),
) -> T {
    let mut evidence = Evidence::new();
    for _ in 0..ROUNDS {
        let found = answered(given, |snapshot| ask(snapshot, &evidence), |found| needs(found).0);
        let Some(registries) = given.registries else { return found };
        let (_, images) = needs(&found);
        let open: Vec<ImageNeed> = images.iter().filter(|need| !evidence.contains_key(need)).cloned().collect();
        if open.is_empty() {
            return found;
        }
        evidence.extend(open.into_iter().map(|need| {
            let answer = registries.answer(&need);
            (need, answer)
        }));
    }
    answered(given, |snapshot| ask(snapshot, &evidence), |found| needs(found).0)
}

fn mutate(policy: &Policy, current: &mut Value, exceptions: &[Exception], given: &Given<'_>, verdict: &mut Verdict) {
    let input = given.values.input(&policy.name, current, given.user);
    let ask = |snapshot: &Snapshot| policy.mutate(&input, exceptions, snapshot, given.surroundings);
    let mutated = answered(given, ask, |mutated| &mutated.needs);
    verdict.rules.extend(mutated.responses.into_iter().map(RuleVerdict::of));
    if let Some(object) = mutated.object {
        *current = object;
        verdict.changed = true;
    }
    verdict.patched = Some(current.clone());
}

/// What is not known is an error that names it.
fn verify_images(
    policy: &Policy,
    current: &mut Value,
    outcomes: &mut Outcomes,
    exceptions: &[Exception],
    given: &Given<'_>,
    verdict: &mut Verdict,
) {
    let input = given.values.input(&policy.name, current, given.user);
    let ask = |snapshot: &Snapshot, evidence: &Evidence| {
        policy.verify_images(&input, exceptions, snapshot, evidence, given.surroundings)
    };
    let verified = answered_by_registries(given, ask, |verified| (&verified.needs, &verified.images));
    verdict.rules.extend(verified.responses.into_iter().map(RuleVerdict::of));
    if let Some(of_policy) = verified.outcomes {
        join_outcomes(outcomes, &of_policy);
        // The policy wrote what it found itself; what those before it found stays beside it.
        let object = annotated(verified.object.unwrap_or_else(|| current.clone()), outcomes);
        verdict.changed |= object != *current;
        *current = object;
    }
    verdict.patched = Some(current.clone());
}

fn generate(policy: &Policy, current: &Value, exceptions: &[Exception], given: &Given<'_>, verdict: &mut Verdict) {
    let input = given.values.input(&policy.name, current, given.user);
    let ask = |snapshot: &Snapshot| policy.generate(&input, exceptions, snapshot, given.surroundings);
    let made = answered(given, ask, |made| &made.needs);
    for (response, generated) in made.responses.into_iter().zip(made.objects) {
        verdict.rules.push(RuleVerdict { generated, ..RuleVerdict::of(response) });
    }
}

fn evaluate(policy: &Policy, current: &Value, exceptions: &[Exception], given: &Given<'_>, verdict: &mut Verdict) {
    let input = given.values.input(&policy.name, current, given.user);
    let ask = |snapshot: &Snapshot| policy.evaluate(&input, exceptions, snapshot, given.surroundings);
    let evaluation = answered(given, ask, |evaluation| &evaluation.needs);
    verdict.rules.extend(evaluation.responses.into_iter().map(RuleVerdict::of));
}

fn admit(
    policy: &admission::Policy,
    current: &mut Value,
    exceptions: &[admission::Exception],
    given: &Given<'_>,
    verdict: &mut Verdict,
) {
    let input = given.values.input(&policy.name, current, given.user);
    let ask = |snapshot: &Snapshot, evidence: &Evidence| {
        policy.evaluate_with(&input, exceptions, evidence, snapshot, given.surroundings)
    };
    let mut judged = answered_by_registries(given, ask, |judged| (&judged.needs, &judged.images));
    let verified = judged.verified.clone();
    judged.settle(&verified);
    verdict.rules.extend(judged.responses.into_iter().map(RuleVerdict::of));
    if let Some(object) = judged.patched {
        verdict.changed = *current != object;
        *current = object;
    }
    if policy.kind.is_mutating() {
        verdict.patched = Some(current.clone());
    }
}
