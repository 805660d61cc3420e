//! Fields of a configuration, and what is wrong with them in Connaisseur's words (those of Go's YAML reader).

use signet_yaml::{Node, Value};

use crate::kyverno::schema::problem;
use crate::trust_policy::PolicyError;

/// A mapping whose fields are all known.
pub(super) struct Fields<'n> {
    node: &'n Node,
}

/// What stands at a node, as Go's reader calls it.
fn tag(node: &Node) -> &'static str {
    match &node.value {
        Value::Mapping(_) => "!!map",
        Value::Sequence(_) => "!!seq",
        _ if node.as_bool().is_some() => "!!bool",
        _ if node.as_i64().is_some() => "!!int",
        _ => "!!str",
    }
}

pub(super) fn wrong(node: &Node, message: impl Into<String>) -> PolicyError {
    problem(node, message.into(), None)
}

pub(super) fn unmarshal(node: &Node, into: &str) -> PolicyError {
    wrong(node, format!("cannot unmarshal {} into {into}", tag(node)))
}

impl<'n> Fields<'n> {
    /// Errors: it is no mapping, or has a field that nobody knows.
    pub(super) fn of(node: &'n Node, kind: &str, known: &[&str]) -> Result<Fields<'n>, PolicyError> {
        let entries = node.as_map().ok_or_else(|| unmarshal(node, kind))?;
        for (key, _) in entries {
            let name = key.as_str().ok_or_else(|| unmarshal(key, "string"))?;
            if !known.contains(&name) {
                return Err(wrong(key, format!("field {name} not found in type {kind}")));
            }
        }
        Ok(Fields { node })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// A text, empty if there is none. Other plain scalars are read as they are written.
    pub(super) fn text(&self, key: &str) -> Result<String, PolicyError> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(node) => match &node.value {
                Value::Mapping(_) | Value::Sequence(_) => Err(unmarshal(node, "string")),
                _ => Ok(node.text().unwrap_or_default().to_owned()),
            },
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, PolicyError> {
        self.get(key).map(|node| node.as_bool().ok_or_else(|| unmarshal(node, "bool"))).transpose()
    }

    pub(super) fn count(&self, key: &str) -> Result<usize, PolicyError> {
        let Some(node) = self.get(key) else { return Ok(0) };
        let number = node.as_i64().ok_or_else(|| unmarshal(node, "int"))?;
        usize::try_from(number).map_err(|_| wrong(node, format!("{key} must be 0 or greater")))
    }

    pub(super) fn list(&self, key: &str) -> Result<&'n [Node], PolicyError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(node) => node.as_seq().ok_or_else(|| unmarshal(node, "list")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, PolicyError> {
        self.list(key)?
            .iter()
            .map(|node| node.as_str().map(str::to_owned).ok_or_else(|| unmarshal(node, "string")))
            .collect()
    }
}
