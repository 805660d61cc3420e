//! What is wrong with a document, in the words of the Policy Controller's webhook: `invalid value: VALUE: spec.mode`.
//!
//! Source: knative.dev/pkg/apis/field_error.go.

use signet_yaml::Node;

use crate::kyverno::schema::problem;
use crate::trust_policy::PolicyError;

/// Letters of a value that are repeated in a message.
const MAX_SHOWN: usize = 200;

/// Problems of one document, with the places of its nodes.
pub(super) struct Fields<'n> {
    root: &'n Node,
    pub(super) problems: Vec<PolicyError>,
}

impl<'n> Fields<'n> {
    pub(super) fn new(root: &'n Node) -> Fields<'n> {
        Fields { root, problems: Vec::new() }
    }

    /// The node at a path such as `spec.images[0].glob`, or the nearest above it.
    pub(super) fn node(&self, path: &str) -> &'n Node {
        let mut node = self.root;
        for part in path.split('.') {
            let (name, indices) = part.split_once('[').map_or((part, ""), |(name, rest)| (name, rest));
            let Some(next) = node.get(name) else { break };
            node = next;
            for index in indices.split('[').filter_map(|index| index.trim_end_matches(']').parse::<usize>().ok()) {
                let Some(item) = node.as_seq().and_then(|items| items.get(index)) else { break };
                node = item;
            }
        }
        node
    }

    fn add(&mut self, path: &str, message: String, hint: Option<String>) {
        self.problems.push(problem(self.node(path), format!("validation failed: {message}"), hint));
    }

    /// A value that must not be.
    pub(super) fn invalid(&mut self, value: &str, path: &str, why: &str) {
        let shown: String = value.chars().take(MAX_SHOWN).collect();
        self.add(path, format!("invalid value: {shown}: {path}"), (!why.is_empty()).then(|| why.to_owned()));
    }

    /// Fields of which all are missing.
    pub(super) fn missing(&mut self, paths: &[String]) {
        self.add(paths.first().map_or("", String::as_str), format!("missing field(s): {}", paths.join(", ")), None);
    }

    /// None of several.
    pub(super) fn neither(&mut self, paths: &[String]) {
        let message = format!("expected exactly one, got neither: {}", paths.join(", "));
        self.add(paths.first().map_or("", String::as_str), message, None);
    }

    /// More than one of several.
    pub(super) fn both(&mut self, paths: &[String]) {
        let message = format!("expected exactly one, got both: {}", paths.join(", "));
        self.add(paths.first().map_or("", String::as_str), message, None);
    }

    /// Fields that have no place there.
    pub(super) fn disallowed(&mut self, path: &str) {
        self.add(path, format!("must not set the field(s): {path}"), None);
    }

    /// Something of another shape than the custom resource has.
    pub(super) fn shape(&mut self, path: &str, found: &str, wanted: &str) {
        let message =
            format!("{path}: Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\"");
        self.problems.push(problem(self.node(path), message, None));
    }
}

/// The paths of fields beside each other, in the order in which they are told.
pub(super) fn beside(path: &str, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("{path}.{name}")).collect()
}
