//! What is answered, and why.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use signet_model::Digest;

use super::set::Origin;
use crate::kyverno::Status;

/// What a reason does to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consequence {
    /// Nothing: the rule holds, or is not about the request.
    Nothing,
    /// It is in reports.
    Reported,
    /// The request passes with a warning.
    Warns,
    /// The request is refused.
    Denies,
}

impl Consequence {
    /// As our JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Consequence::Nothing => "nothing",
            Consequence::Reported => "reported",
            Consequence::Warns => "warns",
            Consequence::Denies => "denies",
        }
    }
}

/// What one rule of one policy says.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// `name`, or `namespace/name`.
    pub policy: String,
    /// Its kind.
    pub kind: &'static str,
    /// The rule; empty for kinds that have none.
    pub rule: String,
    /// How it ended.
    pub status: Status,
    /// What that does to the request.
    pub consequence: Consequence,
    /// Why; one sentence or more, as the policy says it.
    pub message: String,
    /// Where in the object, if the rule knows.
    pub path: Option<String>,
    /// Where the rule stands.
    pub origin: Origin,
}

impl Reason {
    /// `POLICY`, or `POLICY/RULE`.
    pub fn name(&self) -> String {
        if self.rule.is_empty() || self.rule == self.policy {
            self.policy.clone()
        } else {
            format!("{}/{}", self.policy, self.rule)
        }
    }

    /// Our JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "policy": self.policy,
            "kind": self.kind,
            "rule": self.rule,
            "status": self.status.as_str(),
            "consequence": self.consequence.as_str(),
            "message": self.message,
            "path": self.path,
            "file": &*self.origin.file,
            "line": self.origin.line,
        })
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Whether nothing refuses the request.
    pub allowed: bool,
    /// What every rule said that is about the request, in the order in which they were asked.
    pub reasons: Vec<Reason>,
    /// Annotations for the audit log.
    pub annotations: BTreeMap<String, String>,
    /// The policies: the digest of all their documents, in their order.
    pub policies: Digest,
    /// What was fetched for it: with the same policies, request and snapshot, the same answer comes again.
    pub snapshot: Digest,
}

impl Decision {
    /// The reasons with this consequence.
    pub fn with(&self, consequence: Consequence) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(move |reason| reason.consequence == consequence)
    }

    /// Our JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "allowed": self.allowed,
            "reasons": self.reasons.iter().map(Reason::to_json).collect::<Vec<_>>(),
            "annotations": self.annotations,
            "policies": self.policies.to_string(),
            "snapshot": self.snapshot.to_string(),
        })
    }
}
