//! The compiled form: nodes in one flat list, children before parents, so that neither dropping nor copying recurses.

use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

use super::functions::Function;

/// The place of a node in its expression.
pub(super) type NodeId = usize;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
pub(super) enum Node {
    /// The current value.
    Current,
    Field(String),
    Literal(Value),
    Index(i64),
    Slice([Option<i64>; 3]),
    /// `left.right` and `left[n]`: the only nodes through which a missing key passes.
    Child(NodeId, NodeId),
    Flatten(NodeId),
    /// `left[*].right`.
    Projection(NodeId, NodeId),
    /// `left.*.right`.
    Values(NodeId, NodeId),
    /// `left[?condition].right`.
    Filter {
        left: NodeId,
        right: NodeId,
        condition: NodeId,
    },
    List(Vec<NodeId>),
    Hash(Vec<(String, NodeId)>),
    Or(NodeId, NodeId),
    And(NodeId, NodeId),
    Not(NodeId),
    Pipe(NodeId, NodeId),
    Compare(Comparison, NodeId, NodeId),
    /// `&expression`, for functions that apply it.
    Reference(NodeId),
    Call {
        function: &'static Function,
        arguments: Vec<NodeId>,
        pattern: Compiled,
    },
}

/// The regular expression of a call whose pattern does not change, with its text. Compiled at the first use.
pub(super) type Compiled = OnceLock<(String, Regex)>;

/// A compiled expression. Immutable and shared between threads; each search has its own limits.
#[derive(Debug)]
pub struct Expression {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

impl Expression {
    /// The syntax tree, one node a line, in the words of `kyverno jp parse`.
    pub fn tree(&self) -> String {
        let mut out = String::new();
        self.print(self.root, 0, &mut out);
        out
    }

    fn print(&self, id: NodeId, indent: usize, out: &mut String) {
        let Some(node) = self.nodes.get(id) else { return };
        let pad = " ".repeat(indent);
        let quoted = |text: &str| Some(Value::from(text).to_string());
        let (name, value) = match node {
            Node::Current => ("ASTCurrentNode", None),
            Node::Field(name) => ("ASTField", quoted(name)),
            Node::Literal(value) => ("ASTLiteral", Some(value.to_string())),
            Node::Index(index) => ("ASTIndex", Some(index.to_string())),
            Node::Slice(parts) => {
                let part = |part: &Option<i64>| part.map(|part| part.to_string()).unwrap_or_default();
                ("ASTSlice", Some(parts.iter().map(part).collect::<Vec<_>>().join(":")))
            }
            Node::Child(_, right) => match self.nodes.get(*right) {
                Some(Node::Index(_) | Node::Slice(_)) => ("ASTIndexExpression", None),
                _ => ("ASTSubexpression", None),
            },
            Node::Flatten(_) => ("ASTFlatten", None),
            Node::Projection(..) => ("ASTProjection", None),
            Node::Values(..) => ("ASTValueProjection", None),
            Node::Filter { .. } => ("ASTFilterProjection", None),
            Node::List(_) => ("ASTMultiSelectList", None),
            Node::Hash(_) => ("ASTMultiSelectHash", None),
            Node::Or(..) => ("ASTOrExpression", None),
            Node::And(..) => ("ASTAndExpression", None),
            Node::Not(_) => ("ASTNotExpression", None),
            Node::Pipe(..) => ("ASTPipe", None),
            Node::Compare(how, ..) => {
                let sign = match how {
                    Comparison::Equal => "tEQ",
                    Comparison::NotEqual => "tNE",
                    Comparison::Less => "tLT",
                    Comparison::LessOrEqual => "tLTE",
                    Comparison::Greater => "tGT",
                    Comparison::GreaterOrEqual => "tGTE",
                };
                ("ASTComparator", Some(sign.to_owned()))
            }
            Node::Reference(_) => ("ASTExpRef", None),
            Node::Call { function, .. } => ("ASTFunctionExpression", quoted(function.name)),
        };
        out.push_str(&format!("{pad}{name} {{\n"));
        if let Some(value) = value {
            out.push_str(&format!("{pad}  value: {value}\n"));
        }
        if let Node::Hash(pairs) = node {
            out.push_str(&format!("{pad}  children: {{\n"));
            for (key, child) in pairs {
                out.push_str(&format!("{pad}    ASTKeyValPair {{\n{pad}      value: {}\n", Value::from(key.as_str())));
                out.push_str(&format!("{pad}      children: {{\n"));
                self.print(*child, indent + 8, out);
                out.push_str(&format!("{pad}      }}\n{pad}    }}\n"));
            }
            out.push_str(&format!("{pad}  }}\n"));
        } else {
            let children = node.children();
            if !children.is_empty() {
                out.push_str(&format!("{pad}  children: {{\n"));
                for child in children {
                    self.print(child, indent + 4, out);
                }
                out.push_str(&format!("{pad}  }}\n"));
            }
        }
        out.push_str(&format!("{pad}}}\n"));
    }
}

impl Node {
    /// What the node is built of, in upstream's order.
    pub(super) fn children(&self) -> Vec<NodeId> {
        match self {
            Node::Current | Node::Field(_) | Node::Literal(_) | Node::Index(_) | Node::Slice(_) => Vec::new(),
            Node::Flatten(only) | Node::Not(only) | Node::Reference(only) => vec![*only],
            Node::Child(left, right)
            | Node::Projection(left, right)
            | Node::Values(left, right)
            | Node::Or(left, right)
            | Node::And(left, right)
            | Node::Pipe(left, right)
            | Node::Compare(_, left, right) => vec![*left, *right],
            Node::Filter { left, right, condition } => vec![*left, *right, *condition],
            Node::List(items) | Node::Call { arguments: items, .. } => items.clone(),
            Node::Hash(pairs) => pairs.iter().map(|(_, child)| *child).collect(),
        }
    }
}
