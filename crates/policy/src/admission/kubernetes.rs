//! Policies of Kubernetes: by their bindings, once for each parameter.
//!
//! Source: k8s.io/apiserver pkg/admission/plugin/policy/generic/policy_dispatcher.go, pkg/admission/plugin/policy/validating/validator.go.

use serde_json::Value as Json;

use super::document::Binding;
use super::evaluate::{Judgement, Outcome, Parts, outcome};
use super::rule::{Failure, conditions_hold};
use crate::cel::Error;
use crate::kyverno::{Action, Status};

impl Parts<'_> {
    /// By one binding; by none, where the policy is said to hold everywhere.
    pub(super) fn bound(&self, binding: Option<(usize, &Binding)>, judgement: &mut Judgement) {
        let action = binding.map_or(Action::Enforce, |(_, binding)| binding.action);
        let parameters = binding.and_then(|(index, _)| self.policy.parameters.get(index)).and_then(Option::as_ref);
        let found = match parameters {
            None if self.policy.has_parameters() => vec![&Json::Null],
            None => return self.kubernetes(action, judgement),
            Some(parameters) => match parameters.find(self.input, self.given.snapshot) {
                Ok(found) => found,
                Err(missing) => {
                    let refused = matches!(missing, super::rule::Missing::Refused);
                    let (why, need) = missing.into_parts();
                    let why = match refused {
                        true => format!("{why} for policy binding with `Deny` parameterNotFoundAction"),
                        false => why,
                    };
                    judgement.needs.extend(need);
                    let message = format!("failed to configure binding: {why}");
                    return self.respond(outcome("", Status::Error, message), action, judgement);
                }
            },
        };
        for params in found {
            Parts { params: Some(params), ..*self }.kubernetes(action, judgement);
        }
    }

    fn kubernetes(&self, action: Action, judgement: &mut Judgement) {
        let session = self.session();
        let found = self.decided(&session, judgement).unwrap_or_else(|err| self.undecided("", &err));
        judgement.take(&session);
        self.respond(found, action, judgement);
    }

    fn decided(&self, session: &super::host::Session<'_>, judgement: &mut Judgement) -> Result<Outcome, Error> {
        let scope = self.scope(session)?;
        let expressions = &self.definition.expressions;
        if !conditions_hold(&expressions.conditions, &scope).map_err(|(_, err)| err)? {
            return Ok(outcome("", Status::Skip, "match conditions aren't met"));
        }
        if self.policy.kind.is_mutating() {
            return Ok(self.mutated(session, &[], judgement));
        }
        // Annotations are for those who read the log, whatever was decided.
        let annotations = expressions.annotate(&scope);
        if let Ok(annotations) = &annotations {
            let name = &self.policy.name;
            let named = annotations.iter().map(|(key, text)| (format!("{name}/{key}"), text.clone()));
            judgement.annotations.extend(named);
        }
        match (expressions.failure(&scope), annotations) {
            (Some(Failure::False(message)), _) => Ok(outcome("", Status::Fail, message)),
            (Some(Failure::Error(err)), _) | (None, Err(err)) => Err(err),
            (None, Ok(_)) => Ok(outcome("", Status::Pass, "")),
        }
    }
}
