//! A policy document, loaded and compiled.

use serde_json::Value;
use signet_yaml::{Node, to_json};

use super::input::Input;
use super::matching::Filter;
use super::rule::{Action, Override, Rule, overrides, text};
use super::{autogen, schema};
use crate::admission::WebhookConditions;
use crate::jmespath::Surroundings;
use crate::trust_policy::PolicyError;

/// A `ClusterPolicy` or a `Policy`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its namespace, if it is a `Policy`: it is then only about resources of that namespace.
    pub namespace: Option<String>,
    /// Whether requests are judged by it. If not, only background scans are.
    pub admission: bool,
    /// Whether background scans use it.
    pub background: bool,
    /// What happens when it cannot be evaluated in time: `true` refuses the request.
    pub fails_closed: bool,
    /// How long an evaluation may take, in seconds.
    pub timeout_seconds: u32,
    /// Whether failures count, or are warnings (annotation `policies.kyverno.io/scored`).
    pub scored: bool,
    pub(crate) apply_one: bool,
    pub(crate) failure_action: Action,
    pub(crate) overrides: Vec<Override>,
    conditions: WebhookConditions,
    rules: Vec<Rule>,
}

impl Policy {
    /// Whether a document is a policy that this module reads.
    pub fn is(node: &Node) -> bool {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
        text("apiVersion").starts_with("kyverno.io/") && matches!(text("kind"), "ClusterPolicy" | "Policy")
    }

    /// Reads a policy and compiles its rules, those that are made for Pod controllers included.
    ///
    /// Errors: everything that is wrong with it, with its place. A policy with one wrong rule is no policy.
    pub fn load(node: &Node) -> Result<Policy, Vec<PolicyError>> {
        let mut problems = Vec::new();
        schema::check(node, &schema::POLICY, "the policy", &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let json = to_json(node);
        let metadata = json.get("metadata").unwrap_or(&Value::Null);
        let spec = json.get("spec").unwrap_or(&Value::Null);
        let one = |message: String| vec![schema::problem(node, message, None)];
        let name = text(metadata, "name")
            .filter(|name| !name.is_empty())
            .ok_or_else(|| one("the policy needs a name".to_owned()))?;
        let namespace = (text(&json, "kind").as_deref() == Some("Policy")).then(|| {
            text(metadata, "namespace")
                .filter(|namespace| !namespace.is_empty())
                .unwrap_or_else(|| "default".to_owned())
        });
        let declared = spec.get("rules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let annotations = metadata.get("annotations");
        let mut rules = Vec::new();
        for (index, rule) in declared.iter().enumerate() {
            match Rule::compile(rule) {
                Ok(rule) => rules.push(rule),
                Err(message) => {
                    let at = node.path(&["spec", "rules", &index.to_string()]).unwrap_or(node);
                    problems.push(schema::problem(at, message, None));
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for rule in autogen::rules(annotations, declared) {
            rules.push(Rule::compile(&rule).map_err(one)?);
        }
        let action = |key: &str| -> Result<Action, Vec<PolicyError>> {
            match text(spec, key) {
                None => Ok(Action::Audit),
                Some(action) => Action::parse(&action)
                    .ok_or_else(|| one(format!("`{action}` is no `{key}`; there are Audit and Enforce"))),
            }
        };
        let timeout =
            spec.pointer("/webhookConfiguration/timeoutSeconds").or_else(|| spec.get("webhookTimeoutSeconds"));
        let failure = spec.pointer("/webhookConfiguration/failurePolicy").or_else(|| spec.get("failurePolicy"));
        let scored = annotations.and_then(|annotations| annotations.get("policies.kyverno.io/scored"));
        Ok(Policy {
            namespace,
            admission: spec.get("admission").and_then(Value::as_bool).unwrap_or(true),
            conditions: WebhookConditions::compile(spec.pointer("/webhookConfiguration/matchConditions"))
                .map_err(|message| one(format!("`webhookConfiguration`: {message}")))?,
            background: spec.get("background").and_then(Value::as_bool).unwrap_or(true),
            fails_closed: failure.and_then(Value::as_str) != Some("Ignore"),
            timeout_seconds: timeout.and_then(Value::as_u64).map_or(10, |seconds| seconds.clamp(1, 30) as u32),
            scored: scored.and_then(Value::as_str) != Some("false"),
            apply_one: text(spec, "applyRules").as_deref() == Some("One"),
            failure_action: action("validationFailureAction")?,
            overrides: overrides(spec.get("validationFailureActionOverrides")).map_err(one)?,
            rules,
            name,
        })
    }

    /// Whether it has conditions of its own for its webhook.
    pub fn has_conditions(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// Whether the policy is to be asked about a request at all, by `webhookConfiguration.matchConditions`.
    ///
    /// Errors: a condition cannot be evaluated, in the API server's words. Then the request is refused, unless the policy does not fail closed.
    pub fn is_asked(&self, input: &Input, surroundings: &Surroundings) -> Result<bool, String> {
        self.conditions.hold(input, surroundings)
    }

    /// The rules, declared ones first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether what it says hangs on labels of the request's namespace.
    pub(crate) fn selects_namespaces(&self) -> bool {
        let overrides = |all: &[Override]| all.iter().any(|one| one.selector.is_some());
        overrides(&self.overrides)
            || self.rules.iter().any(|rule| {
                rule.matches.selects_namespaces()
                    || rule.excludes.as_ref().is_some_and(Filter::selects_namespaces)
                    || overrides(&rule.overrides)
            })
    }

    /// Whether a rule asks for nothing but who asks.
    pub(crate) fn selects_users_alone(&self) -> bool {
        self.rules.iter().any(|rule| rule.matches.selects_users_alone())
    }

    /// Whether a rule may be about a request of this kind, subresource and operation, whatever its names, labels and users.
    pub(crate) fn may_concern(&self, input: &Input) -> bool {
        self.rules.iter().any(|rule| rule.matches.may_concern(input))
    }

    /// Whether a failure may refuse a request: nowhere, if all of it is audited.
    pub fn may_refuse(&self) -> bool {
        let enforces = |action: Option<Action>, overrides: &[Override]| {
            action == Some(Action::Enforce) || overrides.iter().any(|entry| entry.action == Action::Enforce)
        };
        // Entries of `verifyImages` have actions of their own.
        self.verifies_images()
            || enforces(Some(self.failure_action), &self.overrides)
            || self.rules.iter().any(|rule| enforces(rule.failure_action, &rule.overrides))
    }

    /// `name`, or `namespace/name`.
    pub fn key(&self) -> String {
        match &self.namespace {
            None => self.name.clone(),
            Some(namespace) => format!("{namespace}/{}", self.name),
        }
    }
}
