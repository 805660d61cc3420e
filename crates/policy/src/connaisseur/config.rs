//! The configuration: a file of Connaisseur's own, or the values of its Helm chart.

use signet_yaml::Node;

use super::reader::{Fields, wrong};
use super::rules::Rule;
use super::validator::Validator;
use crate::trust_policy::PolicyError;

/// Validators and rules of one configuration.
const MAX_ENTRIES: usize = 4_096;

/// A configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its validators.
    pub validators: Vec<Validator>,
    pub(super) rules: Vec<Rule>,
    /// Nothing is refused, who asks is warned (`application.features.detectionMode`).
    pub detects_only: bool,
}

impl Config {
    /// Whether a document is one: validators, and the rules that use them, as they are or below `application`.
    pub fn is(node: &Node) -> bool {
        let found = |node: &Node| node.get("validators").is_some_and(|found| found.as_seq().is_some());
        node.get("apiVersion").is_none() && (found(node) || node.get("application").is_some_and(found))
    }

    /// Reads a configuration.
    ///
    /// Errors: everything that is wrong with its validators and rules, with the places, in Connaisseur's words. That a rule names a validator that is not
    /// there is no such error: it refuses the images of that rule.
    pub fn load(node: &Node) -> Result<Config, Vec<PolicyError>> {
        let (part, detects_only) = match node.get("application") {
            Some(part) => (part, part.path(&["features", "detectionMode"]).and_then(Node::as_bool) == Some(true)),
            None => (node, false),
        };
        // Values of a chart say much more than a configuration does.
        let own = Fields::of(node, "config.Config", &["validators", "policy", "alerting"]);
        let is_chart =
            node.get("application").is_some() || node.get("kubernetes").is_some() || node.get("deployment").is_some();
        if let (Err(problem), false) = (own, is_chart) {
            return Err(vec![problem]);
        }
        let mut problems = Vec::new();
        let list = |key: &str, problems: &mut Vec<PolicyError>| -> Vec<&Node> {
            match part.get(key).filter(|found| !found.is_null()) {
                None => Vec::new(),
                Some(found) => match found.as_seq() {
                    Some(items) => items.iter().collect(),
                    None => {
                        problems.push(super::reader::unmarshal(found, &format!("[]{key}")));
                        Vec::new()
                    }
                },
            }
        };
        let (validators, rules) = (list("validators", &mut problems), list("policy", &mut problems));
        if validators.len() > MAX_ENTRIES || rules.len() > MAX_ENTRIES {
            return Err(vec![wrong(
                part,
                format!("the configuration has more than {MAX_ENTRIES} validators or rules"),
            )]);
        }
        let mut found = Config { validators: Vec::new(), rules: Vec::new(), detects_only };
        for node in validators {
            match Validator::load(node) {
                Ok(validator) if found.validators.iter().any(|known| known.name == validator.name) => {
                    problems.push(wrong(node, format!("two validators are named {}", validator.name)));
                }
                Ok(validator) => found.validators.push(validator),
                Err(problem) => problems.push(problem),
            }
        }
        for node in rules {
            match Rule::load(node) {
                Ok(rule) => found.rules.push(rule),
                Err(problem) => problems.push(problem),
            }
        }
        for (name, is_empty) in [("Validators", found.validators.is_empty()), ("Rules", found.rules.is_empty())] {
            if is_empty && problems.is_empty() {
                problems.push(wrong(part, format!("{name} must contain at least 1 item")));
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    /// The pattern of the rule that is the one for an image's full name, `docker.io/library/nginx:1`.
    pub fn pattern_for(&self, image: &str) -> Option<&str> {
        super::rules::best(&self.rules, image).map(|rule| rule.pattern.as_str())
    }

    pub(super) fn validator(&self, name: &str) -> Option<&Validator> {
        self.validators.iter().find(|validator| validator.name == name)
    }

    /// Rules whose validator is not there: pattern and name.
    pub fn missing_validators(&self) -> Vec<(&str, &str)> {
        let missing = self.rules.iter().filter(|rule| self.validator(&rule.validator).is_none());
        missing.map(|rule| (rule.pattern.as_str(), rule.validator.as_str())).collect()
    }
}
