//! All policies on all resources.

use serde_json::{Value, json};
use signet_policy::jmespath::Surroundings;
use signet_policy::kyverno::{Action, Exception, Snapshot, User};

use super::documents::{Loaded, Policies};
use super::values::{Mocks, Values};

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
}

/// What one rule says.
#[derive(Debug)]
pub(super) struct RuleVerdict {
    pub(super) rule: String,
    pub(super) status: &'static str,
    pub(super) message: String,
    pub(super) audit: bool,
}

impl Verdict {
    pub(super) fn to_json(&self) -> Value {
        let rules: Vec<Value> = self
            .rules
            .iter()
            .map(|rule| json!({"rule": rule.rule, "status": rule.status, "message": rule.message, "action": if rule.audit { "Audit" } else { "Enforce" }}))
            .collect();
        json!({
            "policy": self.policy,
            "policyNamespace": self.policy_namespace,
            "kind": self.kind,
            "namespace": self.namespace,
            "resource": self.resource,
            "rules": rules,
        })
    }
}

/// Everything that judging takes besides policies and resources.
#[derive(Debug)]
pub(super) struct Given<'g> {
    pub(super) values: &'g Values,
    pub(super) user: Option<&'g User>,
    pub(super) mocks: &'g Mocks,
    pub(super) surroundings: &'g Surroundings,
}

/// Judges, resource by resource and policy by policy, in the order in which they were given.
pub(super) fn all(policies: &Policies, resources: &[Value], given: &Given<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for resource in resources {
        for policy in &policies.policies {
            verdicts.push(one(policy, resource, &policies.exceptions, given));
        }
    }
    verdicts
}

fn one(policy: &Loaded, resource: &Value, exceptions: &[Exception], given: &Given<'_>) -> Verdict {
    let text = |pointer: &str| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rules = match policy {
        Loaded::NotEvaluated { kind, .. } => vec![RuleVerdict {
            rule: String::new(),
            status: "error",
            message: format!("not evaluated: {kind}"),
            audit: false,
        }],
        Loaded::Policy(policy) => {
            let input = given.values.input(&policy.name, resource, given.user);
            let mut snapshot = Snapshot::new();
            let mut evaluation = policy.evaluate(&input, exceptions, &snapshot, given.surroundings);
            for _ in 0..ROUNDS {
                let known = snapshot.len();
                let answers =
                    evaluation.needs.iter().filter_map(|need| Some((need.clone(), given.mocks.answer(need)?)));
                snapshot.extend(answers);
                if snapshot.len() == known {
                    break;
                }
                evaluation = policy.evaluate(&input, exceptions, &snapshot, given.surroundings);
            }
            let responses = evaluation.responses.into_iter();
            responses
                .map(|response| RuleVerdict {
                    rule: response.rule,
                    status: response.status.as_str(),
                    message: response.message,
                    audit: response.action == Action::Audit,
                })
                .collect()
        }
    };
    Verdict {
        policy: policy.name().to_owned(),
        policy_namespace: policy.namespace().map(str::to_owned),
        kind: text("/kind"),
        namespace: text("/metadata/namespace"),
        resource: {
            let name = text("/metadata/name");
            if name.is_empty() { text("/metadata/generateName") } else { name }
        },
        rules,
    }
}
