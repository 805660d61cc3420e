//! `PolicyException` of `policies.kyverno.io`. Source: kyverno/api:api/policies.kyverno.io/v1/policy_exception.go.

use serde_json::Value as Json;
use signet_yaml::{Node, to_json};

use super::document::Kind;
use super::rule::{list, text};
use super::schema;
use crate::cel::{Environment, Program};
use crate::kyverno::schema::{check, problem};
use crate::trust_policy::PolicyError;

/// An exception.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    policies: Vec<(String, String)>,
    pub(super) conditions: Vec<(String, Program)>,
    pub(super) images: Vec<String>,
    pub(super) values: Vec<String>,
    /// Whether what it excepts is reported as passed, not as skipped.
    pub(super) passes: bool,
}

impl Exception {
    /// Whether a document is such an exception.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        text("kind") == "PolicyException" && text("apiVersion").starts_with("policies.kyverno.io/")
    }

    /// Reads an exception. Errors: everything that is wrong with it, with its place.
    pub fn load(node: &Node) -> Result<Exception, Vec<PolicyError>> {
        let mut problems = Vec::new();
        check(node, &schema::EXCEPTION, "the exception", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        Exception::compile(&to_json(node)).map_err(|message| vec![problem(node, message, None)])
    }

    fn compile(value: &Json) -> Result<Exception, String> {
        let metadata = value.get("metadata").unwrap_or(&Json::Null);
        let spec = value.get("spec").unwrap_or(&Json::Null);
        let policies: Vec<(String, String)> = list(spec, "policyRefs")
            .map(|entry| (text(entry, "kind").to_owned(), text(entry, "name").to_owned()))
            .collect();
        if policies.is_empty() {
            return Err("the exception names no policy in `policyRefs`".to_owned());
        }
        // Whoever may write an exception must not make the policy engine ask others in its name.
        let environment = Environment::kubernetes(["object", "oldObject", "request", "namespaceObject"])
            .with_kyverno()
            .without_fetching();
        let mut conditions = Vec::new();
        for condition in list(spec, "matchConditions") {
            let name = text(condition, "name");
            let program = Program::compile_bool(text(condition, "expression"), &environment)
                .map_err(|err| format!("match condition `{name}`: {err}"))?;
            conditions.push((name.to_owned(), program));
        }
        let texts = |key: &str| list(spec, key).filter_map(Json::as_str).map(str::to_owned).collect();
        Ok(Exception {
            name: text(metadata, "name").to_owned(),
            namespace: text(metadata, "namespace").to_owned(),
            policies,
            conditions,
            images: texts("images"),
            values: texts("allowedValues"),
            passes: match text(spec, "reportResult") {
                "pass" => true,
                "skip" | "" => false,
                other => return Err(format!("`{other}` is no `reportResult`; there are pass and skip")),
            },
        })
    }

    /// Whether it names the policy. Namespaced policies are excepted by exceptions of their own namespace only.
    pub(super) fn names(&self, kind: Kind, namespace: Option<&str>, name: &str) -> bool {
        namespace.is_none_or(|namespace| namespace == self.namespace)
            && self.policies.iter().any(|(of, wanted)| of == kind.as_str() && wanted == name)
    }

    /// `namespace/name`, as messages write it.
    pub(super) fn key(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }
}
