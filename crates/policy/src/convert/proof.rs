//! Whether both forms of a policy say the same of a request.

use signet_yaml::Node;

use crate::admission;
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Policy, Response, Snapshot, Status};

/// A policy in both forms, loaded.
#[derive(Clone, Debug)]
pub struct Converted {
    before: Policy,
    after: Vec<admission::Policy>,
}

/// What both forms say of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Why the policy refuses it; `None` if it does not.
    pub before: Option<String>,
    /// Why one of its equals in CEL does.
    pub after: Option<String>,
}

impl Agreement {
    /// Whether both refuse it, or neither.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.before.is_some() == self.after.is_some()
    }
}

impl Converted {
    /// Converts a policy, and loads what came of it.
    ///
    /// # Errors
    /// As [`super::convert`]; and what was made cannot be loaded.
    pub fn new(root: &Node) -> Result<(Converted, Vec<serde_json::Value>), Vec<super::Obstacle>> {
        let made = super::convert(root)?;
        let at = |message: String| vec![super::Obstacle { line: root.span.line, column: root.span.column, message }];
        let before = Policy::load(root).map_err(|problems| at(format!("{problems:?}")))?;
        let mut after = Vec::new();
        for document in &made {
            let text = document.to_string();
            let documents = signet_yaml::parse(&text, &signet_yaml::Limits::default())
                .map_err(|err| at(format!("what was made of it cannot be read: {err}")))?;
            for document in &documents {
                let policy = admission::Policy::load(&document.root).map_err(|problems| {
                    let why: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
                    at(format!("what was made of it cannot be loaded: {}", why.join("; ")))
                })?;
                after.push(policy);
            }
        }
        Ok((Converted { before, after }, made))
    }

    /// The policy as it was.
    #[must_use]
    pub fn before(&self) -> &Policy {
        &self.before
    }
}

/// What both forms say of a request. Nothing was fetched for either.
#[must_use]
pub fn compare(converted: &Converted, input: &Input, surroundings: &Surroundings) -> Agreement {
    let snapshot = Snapshot::new();
    let closed = converted.before.fails_closed;
    let refuses = |response: &Response, closed: bool| match response.status {
        Status::Fail => true,
        Status::Error => closed,
        _ => false,
    };
    let before = converted.before.evaluate(input, &[], &snapshot, surroundings);
    let before = before.responses.iter().find(|response| refuses(response, closed));
    let after = converted.after.iter().find_map(|policy| {
        let judged = policy.evaluate(input, &[], &snapshot, surroundings);
        let found = judged.responses.iter().find(|response| refuses(response, policy.fails_closed))?;
        Some(format!("{}: {}", policy.name, found.message))
    });
    Agreement { before: before.map(|response| format!("{}: {}", response.rule, response.message)), after }
}
