//! Cutting a constraint into operators and operands: the grammar that most ecosystems share.

use std::cmp::Ordering;

use crate::error::Why;

/// An operator before a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `~`
    Tilde,
    /// `~=`
    Compatible,
    /// `~>`
    Pessimistic,
    Caret,
    /// `===`
    Identical,
}

impl Op {
    /// Whether `order` of version and bound satisfies a plain comparison; the other operators never get here.
    pub(crate) fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            _ => order.is_eq(),
        }
    }
}

const OPERATORS: [(&str, Op); 16] = [
    ("===", Op::Identical),
    ("~=", Op::Compatible),
    // apk's older spelling of its fuzzy match
    ("=~", Op::Compatible),
    ("~>", Op::Pessimistic),
    ("==", Op::Equal),
    ("!=", Op::NotEqual),
    ("<>", Op::NotEqual),
    (">=", Op::GreaterOrEqual),
    ("<=", Op::LessOrEqual),
    ("=>", Op::GreaterOrEqual),
    ("=<", Op::LessOrEqual),
    ("~", Op::Tilde),
    ("^", Op::Caret),
    ("=", Op::Equal),
    (">", Op::Greater),
    ("<", Op::Less),
];

/// One operator (none if the version stands bare) with its version.
pub(crate) struct Clause<'a> {
    pub(crate) op: Option<Op>,
    pub(crate) operand: &'a str,
}

/// Cuts one alternative (a piece between `||`) at commas and white space. Quotes around a version are taken off.
pub(crate) fn clauses(text: &str) -> Result<Vec<Clause<'_>>, Why> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return Ok(found);
        }
        let op = OPERATORS.iter().find_map(|(sign, op)| rest.strip_prefix(sign).map(|tail| (*op, tail)));
        let (op, tail) = op.map_or((None, rest), |(op, tail)| (Some(op), tail));
        let tail = tail.trim_start();
        let (operand, after) = match tail.chars().next() {
            Some(quote @ ('\'' | '"')) => tail[1..].split_once(quote).ok_or("a quote is not closed")?,
            _ => tail.split_at(tail.find(|c: char| c.is_whitespace() || ",<>".contains(c)).unwrap_or(tail.len())),
        };
        if operand.is_empty() {
            return Err("an operator has no version");
        }
        found.push(Clause { op, operand });
        rest = after;
    }
}
