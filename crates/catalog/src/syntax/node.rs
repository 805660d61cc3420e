//! One tree for JSON and YAML, with lines.

/// A value and the lines on which it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// First and last line, counted from 1.
    pub(crate) lines: (u32, u32),
    /// The value.
    pub(crate) value: Value,
}

/// A value. Objects keep their order and their duplicates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// A number as written.
    Number(String),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// The member of this name; the last one when there are several, as JavaScript takes it.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Object(members) => members.iter().rev().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The member of this name, if it is a text.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The text.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text, number or truth value as written.
    pub(crate) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// Whether the member of this name is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name).map(|node| &node.value), Some(Value::Bool(true)))
    }

    /// Members of an object; none for anything else.
    pub(crate) fn members(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// Members of the object that the member of this name is.
    pub(crate) fn members_of(&self, name: &str) -> &[(String, Node)] {
        self.get(name).map_or(&[], Node::members)
    }

    /// Items of an array; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }
}
