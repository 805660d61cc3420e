//! What an expression is, after its macros were told apart from calls.

use std::fmt;

use super::pattern::Pattern;

/// Where something stands in an expression's text, in bytes.
pub(crate) type At = u32;

/// One node. `depth` counts the levels below it, so that evaluation can be bounded before it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub(crate) at: At,
    pub(crate) depth: u16,
    pub(crate) kind: Kind,
}

/// A value that is written in the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
}

/// An operator between two operands that are both evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl Operator {
    /// The name under which messages know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operator::Add => "_+_",
            Operator::Subtract => "_-_",
            Operator::Multiply => "_*_",
            Operator::Divide => "_/_",
            Operator::Modulo => "_%_",
            Operator::Equal => "_==_",
            Operator::NotEqual => "_!=_",
            Operator::Less => "_<_",
            Operator::LessOrEqual => "_<=_",
            Operator::Greater => "_>_",
            Operator::GreaterOrEqual => "_>=_",
            Operator::In => "@in",
        }
    }
}

/// What a macro over a list or a map does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    All,
    Exists,
    ExistsOne,
    /// A list of what the body gives; with a filter before it, if there are two bodies.
    Map,
    Filter,
    TransformList,
    TransformMap,
    TransformMapEntry,
    SortBy,
    OptMap,
    OptFlatMap,
}

impl fmt::Display for Macro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Macro::All => "all",
            Macro::Exists => "exists",
            Macro::ExistsOne => "exists_one",
            Macro::Map => "map",
            Macro::Filter => "filter",
            Macro::TransformList => "transformList",
            Macro::TransformMap => "transformMap",
            Macro::TransformMapEntry => "transformMapEntry",
            Macro::SortBy => "sortBy",
            Macro::OptMap => "optMap",
            Macro::OptFlatMap => "optFlatMap",
        })
    }
}

/// An entry of a literal; `?` before it leaves it out if its value is an empty optional.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<K> {
    pub(crate) optional: bool,
    pub(crate) key: K,
    pub(crate) value: Expr,
}

/// The kinds of nodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Literal(Literal),
    Ident(String),
    /// `of.field`, or `of.?field`.
    Select {
        of: Box<Expr>,
        field: String,
        optional: bool,
    },
    /// `has(of.field)`.
    Has {
        of: Box<Expr>,
        field: String,
    },
    /// `of[index]`, or `of[?index]`.
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
        optional: bool,
    },
    /// `function(args)`, or `target.function(args)`. The checker moves the namespace of a function into its name, and compiles a regular
    /// expression that stands there as a literal.
    Call {
        target: Option<Box<Expr>>,
        function: String,
        args: Vec<Expr>,
        pattern: Option<Pattern>,
    },
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Conditional {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    List(Vec<Entry<()>>),
    Map(Vec<Entry<Expr>>),
    /// `Object.spec{field: value}`.
    Struct {
        name: String,
        fields: Vec<Entry<String>>,
    },
    /// A macro with its variables, one or two, and its bodies, one or two.
    Macro {
        kind: Macro,
        of: Box<Expr>,
        variables: Vec<String>,
        bodies: Vec<Expr>,
    },
    /// `cel.bind(name, value, body)`.
    Bind {
        name: String,
        value: Box<Expr>,
        body: Box<Expr>,
    },
}

impl Expr {
    /// The name that a chain of plain selections spells: `a.b.c`.
    pub(crate) fn path(&self) -> Option<String> {
        match &self.kind {
            Kind::Ident(name) => Some(name.clone()),
            Kind::Select { of, field, optional: false } => Some(format!("{}.{field}", of.path()?)),
            _ => None,
        }
    }

    /// The identifier that such a chain begins with.
    pub(crate) fn root(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            Kind::Select { of, optional: false, .. } => of.root(),
            _ => None,
        }
    }
}
