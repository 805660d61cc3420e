//! `K8sNativeValidation` of Gatekeeper's templates: the CEL of a ValidatingAdmissionPolicy, with `variables.params` and `variables.anyObject`.
//!
//! Source: open-policy-agent/gatekeeper:pkg/drivers/k8scel/{schema/schema.go,transform/cel_snippets.go}.

use serde_json::{Value as Json, json};

use super::host::{Scope, Session};
use super::rule::{Expressions, Failure, conditions_hold, list};
use crate::cel::{Environment, Value};
use crate::jmespath::Surroundings;
use crate::kyverno::{Input, Snapshot};

/// What every template may use: the object that is there, and the constraint's parameters.
const PRELUDE: [(&str, &str); 2] = [("anyObject", "object != null ? object : oldObject"), ("params", "params")];

/// The source of one engine of a template, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    expressions: Expressions,
    fails_closed: bool,
}

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// An expression is false.
    Violation(String),
    /// One cannot be evaluated.
    Error(String),
}

impl Native {
    /// Reads `variables`, `matchConditions`, `validations` and `failurePolicy`. The message says what is wrong.
    pub(crate) fn compile(source: &Json) -> Result<Native, String> {
        let fails_closed = match source.get("failurePolicy").and_then(Json::as_str) {
            None | Some("" | "Fail") => true,
            Some("Ignore") => false,
            Some(other) => return Err(format!("`{other}` is no `failurePolicy`; there are Fail and Ignore")),
        };
        let prelude = PRELUDE.map(|(name, expression)| json!({"name": name, "expression": expression}));
        let variables: Vec<Json> = prelude.into_iter().chain(list(source, "variables").cloned()).collect();
        let spec = json!({"variables": variables, "validations": source.get("validations").cloned()});
        let conditions: Vec<Json> = list(source, "matchConditions").cloned().collect();
        let environment = Environment::kubernetes(["object", "oldObject", "request", "namespaceObject"])
            .with_authorizer()
            .with("params");
        let before = environment.clone();
        let (expressions, _) = Expressions::compile(&spec, "validations", &conditions, environment, Some(&before))?;
        if expressions.validations.is_empty() {
            return Err("`K8sNativeValidation` asks nothing; it needs `validations`".to_owned());
        }
        Ok(Native { expressions, fails_closed })
    }

    /// Everything that does not hold; nothing if the request is not meant.
    pub(crate) fn complaints(&self, input: &Input, params: &Json, surroundings: &Surroundings) -> Vec<Complaint> {
        let snapshot = Snapshot::new();
        let namespace = super::matching::namespace_object(input, &snapshot);
        let session = Session::new(&snapshot, surroundings, None, None);
        let mut scope = Scope::new(&session, &self.expressions.variables);
        scope.set("params", Value::of(params));
        let undecided = |message: String| if self.fails_closed { vec![Complaint::Error(message)] } else { Vec::new() };
        if let Err(err) = super::evaluate::facts(&mut scope, input, &namespace) {
            return undecided(err.to_string());
        }
        match conditions_hold(&self.expressions.conditions, &scope) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err((name, err)) => return undecided(format!("match condition `{name}`: {err}")),
        }
        let mut found = Vec::new();
        for failure in self.expressions.failures(&scope) {
            match failure {
                Failure::False(message) => found.push(Complaint::Violation(message)),
                // What we were not told is no failure of the policy's, and nothing passes over it.
                Failure::Error(err) if err.is_lack() => found.push(Complaint::Error(err.to_string())),
                Failure::Error(err) => found.append(&mut undecided(err.to_string())),
            }
        }
        found
    }
}
