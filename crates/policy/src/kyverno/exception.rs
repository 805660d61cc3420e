//! `PolicyException` of `kyverno.io/v2`: which rules do not hold for which requests.
//!
//! Source: kyverno/kyverno:api/kyverno/v2/policy_exception_types.go, pkg/engine/utils/exceptions.go.

use serde_json::Value;
use signet_yaml::{Node, to_json};

use super::conditions::Conditions;
use super::input::Input;
use super::matching::Filter;
use super::podsecurity::Control;
use super::rule::{filter, text};
use super::schema;
use super::scope::Scope;
use crate::trust_policy::PolicyError;
use crate::wildcard;

/// An exception.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    rules: Vec<(String, Vec<String>)>,
    matches: Filter,
    conditions: Option<Conditions>,
    controls: Vec<Control>,
}

impl Exception {
    /// Reads an exception. Errors: everything that is wrong with it, with its place.
    pub fn load(node: &Node) -> Result<Exception, Vec<PolicyError>> {
        let mut problems = Vec::new();
        schema::check(node, &schema::EXCEPTION, "the exception", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Exception::compile(&to_json(node)).map_err(|message| vec![schema::problem(node, message, None)])
    }

    fn compile(value: &Value) -> Result<Exception, String> {
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        let spec = value.get("spec").unwrap_or(&Value::Null);
        let listed = |of: &Value, key: &str| of.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let rules = listed(spec, "exceptions");
        let rules: Vec<(String, Vec<String>)> = rules
            .iter()
            .map(|entry| {
                let names = listed(entry, "ruleNames");
                let names = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                (text(entry, "policyName").unwrap_or_default(), names)
            })
            .collect();
        if rules.is_empty() {
            return Err("the exception names no policy in `exceptions`".to_owned());
        }
        Ok(Exception {
            name: text(metadata, "name").unwrap_or_default(),
            namespace: text(metadata, "namespace").unwrap_or_default(),
            rules,
            matches: filter(spec.get("match").filter(|found| !found.is_null()).ok_or("the exception needs `match`")?)?,
            conditions: spec.get("conditions").filter(|found| !found.is_null()).map(Conditions::compile).transpose()?,
            controls: listed(spec, "podSecurity").iter().map(Control::compile).collect::<Result<_, _>>()?,
        })
    }

    /// Whether it looks at labels of the request's namespace.
    pub(crate) fn selects_namespaces(&self) -> bool {
        self.matches.selects_namespaces()
    }

    /// Whether a rule is excepted for a request. What cannot be decided excepts nothing.
    pub(crate) fn excepts(&self, policy: &str, rule: &str, input: &Input, scope: &mut Scope<'_>) -> bool {
        // By the name that stands there alone: who excepts Pods has not excepted what makes them.
        let named = self
            .rules
            .iter()
            .any(|(name, rules)| name == policy && rules.iter().any(|pattern| wildcard::matches(pattern, rule)));
        let Some(resource) = input.resource().filter(|_| named) else { return false };
        if !self.matches.excepts(input, &input.view(resource)) {
            return false;
        }
        match &self.conditions {
            None => true,
            Some(conditions) => conditions.hold(scope).is_ok_and(|(holds, _)| holds),
        }
    }

    /// Pod security controls that alone are excepted; empty if the whole rule is.
    pub(crate) fn controls(&self) -> &[Control] {
        &self.controls
    }

    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}
