//! One value against one written scalar: `!nginx | >=10Gi & <20Gi`, `1-10`, `*`.
//!
//! A text pattern is split once: `|` gives alternatives, `&` gives what must hold together, a prefix gives the operator, and what can be read as a
//! duration or a quantity is read then. Source: kyverno/kyverno:pkg/engine/pattern/pattern.go, pkg/engine/operator/operator.go.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::printed::{Num, scientific, whole};
use crate::go::duration;
use crate::quantity::Quantity;
use crate::wildcard;

/// A scalar pattern, ready to compare.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(TextPattern),
}

/// A text pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextPattern {
    pub(crate) raw: String,
    alternatives: Vec<Vec<Test>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    One(Compare),
    Within(Compare, Compare),
    Outside(Compare, Compare),
}

#[derive(Clone, Debug, PartialEq)]
struct Compare {
    operator: Operator,
    text: String,
    duration: Option<i64>,
    quantity: Option<Quantity>,
}

/// What stands before a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    More,
    MoreOrEqual,
    Less,
    LessOrEqual,
}

impl Scalar {
    /// `None` for lists and mappings, which are no scalars.
    pub(crate) fn of(value: &Value) -> Option<Scalar> {
        Some(match value {
            Value::Null => Scalar::Nothing,
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(number) => match Num::of(number) {
                Num::Int(value) => Scalar::Int(value),
                Num::Float(value) => Scalar::Float(value),
            },
            Value::String(text) => Scalar::Text(TextPattern::new(text)),
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// Whether a value is as the pattern says.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        match self {
            Scalar::Nothing => match value {
                Value::Null => true,
                Value::Bool(value) => !value,
                Value::Number(number) => Num::of(number).as_f64() == 0.0,
                Value::String(text) => text.is_empty(),
                Value::Array(_) | Value::Object(_) => false,
            },
            Scalar::Bool(wanted) => value.as_bool() == Some(*wanted),
            Scalar::Int(wanted) => match value {
                Value::Number(number) => match Num::of(number) {
                    Num::Int(value) => value == *wanted,
                    Num::Float(value) => whole(value) == Some(*wanted),
                },
                Value::String(text) => text.parse::<i64>() == Ok(*wanted),
                _ => false,
            },
            Scalar::Float(wanted) => match value {
                Value::Number(number) => match Num::of(number) {
                    Num::Int(value) => whole(*wanted) == Some(value),
                    Num::Float(value) => value == *wanted,
                },
                Value::String(text) => text.parse::<f64>() == Ok(*wanted),
                _ => false,
            },
            Scalar::Text(pattern) => pattern.accepts(value),
        }
    }
}

impl TextPattern {
    pub(crate) fn new(raw: &str) -> TextPattern {
        let part =
            |text: &str| -> Vec<Test> { text.split('&').map(|test| Test::new(test.trim_matches(' '))).collect() };
        TextPattern {
            raw: raw.to_owned(),
            alternatives: raw.split('|').map(|text| part(text.trim_matches(' '))).collect(),
        }
    }

    pub(crate) fn accepts(&self, value: &Value) -> bool {
        value.as_str() == Some(self.raw.as_str())
            || self.alternatives.iter().any(|tests| tests.iter().all(|test| test.accepts(value)))
    }
}

impl Test {
    fn new(text: &str) -> Test {
        let compare = |operator, text: &str| Compare::new(operator, text.trim());
        match operator_of(text) {
            Prefix::None => Test::One(compare(Operator::Equal, text)),
            Prefix::Operator(operator, rest) => Test::One(compare(operator, rest)),
            Prefix::Within(low, high) => {
                Test::Within(compare(Operator::MoreOrEqual, low), compare(Operator::LessOrEqual, high))
            }
            Prefix::Outside(low, high) => Test::Outside(compare(Operator::Less, low), compare(Operator::More, high)),
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        match self {
            Test::One(compare) => compare.accepts(value),
            Test::Within(low, high) => low.accepts(value) && high.accepts(value),
            Test::Outside(low, high) => low.accepts(value) || high.accepts(value),
        }
    }
}

/// The operator of a text, and what it stands before.
pub(crate) enum Prefix<'t> {
    None,
    Operator(Operator, &'t str),
    Within(&'t str, &'t str),
    Outside(&'t str, &'t str),
}

/// Texts shorter than two bytes have none.
pub(crate) fn operator_of(text: &str) -> Prefix<'_> {
    if text.len() < 2 {
        return Prefix::None;
    }
    for (prefix, operator) in [
        (">=", Operator::MoreOrEqual),
        ("<=", Operator::LessOrEqual),
        (">", Operator::More),
        ("<", Operator::Less),
        ("!", Operator::NotEqual),
    ] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return Prefix::Operator(operator, rest);
        }
    }
    let Some(low) = endpoint(text) else { return Prefix::None };
    let Some((low, rest)) = text.split_at_checked(low) else { return Prefix::None };
    let (outside, high) = match (rest.strip_prefix("!-"), rest.strip_prefix('-')) {
        (Some(high), _) => (true, high),
        (None, Some(high)) => (false, high),
        (None, None) => return Prefix::None,
    };
    match endpoint(high) {
        Some(length) if length == high.len() && outside => Prefix::Outside(low, high),
        Some(length) if length == high.len() => Prefix::Within(low, high),
        _ => Prefix::None,
    }
}

/// The ends of a text that is a range, and whether what lies outside is meant.
pub(crate) fn range_of(text: &str) -> Option<(&str, &str, bool)> {
    match operator_of(text) {
        Prefix::Within(low, high) => Some((low, high, false)),
        Prefix::Outside(low, high) => Some((low, high, true)),
        _ => None,
    }
}

/// Length of `[-|+]?\d+(\.\d+)?[A-Za-z]*` at the beginning.
fn endpoint(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let run = |from: usize, wanted: fn(&u8) -> bool| {
        bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|byte| wanted(byte)).count())
    };
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'|' | b'+')));
    let digits = run(sign, u8::is_ascii_digit);
    if digits == 0 {
        return None;
    }
    let mut end = sign + digits;
    if bytes.get(end) == Some(&b'.') {
        let fraction = run(end + 1, u8::is_ascii_digit);
        if fraction > 0 {
            end += 1 + fraction;
        }
    }
    Some(end + run(end, u8::is_ascii_alphabetic))
}

impl Compare {
    fn new(operator: Operator, text: &str) -> Compare {
        Compare { operator, text: text.to_owned(), duration: duration::parse(text), quantity: Quantity::parse(text) }
    }

    /// As durations, else as quantities, else as texts: each may say yes.
    fn accepts(&self, value: &Value) -> bool {
        if (self.duration.is_some() || self.quantity.is_some())
            && let Some(text) = numeric_text(value)
        {
            let durations = || Some(duration::parse(&text)?.cmp(&self.duration?));
            let quantities = || Quantity::parse(&text)?.partial_cmp(&self.quantity?);
            if durations().is_some_and(|order| self.operator.holds(order))
                || quantities().is_some_and(|order| self.operator.holds(order))
            {
                return true;
            }
        }
        let text: Cow<'_, str> = match value {
            Value::String(text) => Cow::Borrowed(text),
            Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Value::Number(number) => Cow::Owned(match Num::of(number) {
                Num::Int(value) => value.to_string(),
                Num::Float(value) => scientific(value),
            }),
            _ => return false,
        };
        match self.operator {
            Operator::Equal => wildcard::matches(&self.text, &text),
            Operator::NotEqual => !wildcard::matches(&self.text, &text),
            _ => false,
        }
    }
}

impl Operator {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::More => order == Ordering::Greater,
            Operator::MoreOrEqual => order != Ordering::Less,
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
        }
    }
}

/// What is compared as a duration or a quantity: nothing counts as `0`, doubles have six places.
fn numeric_text(value: &Value) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::Null => Cow::Borrowed("0"),
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(match Num::of(number) {
            Num::Int(value) => value.to_string(),
            Num::Float(value) => format!("{value:.6}"),
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(pattern: Value, value: Value, want: bool) {
        let scalar = Scalar::of(&pattern).expect("a scalar");
        assert_eq!(scalar.accepts(&value), want, "{pattern} against {value}");
    }

    #[test]
    fn texts() {
        check(json!("a | b"), json!("b"), true);
        check(json!("a | b"), json!("c"), false);
        check(json!("!a & !b"), json!("c"), true);
        check(json!("!a & !b"), json!("b"), false);
        check(json!("!*:latest"), json!("nginx:1"), true);
        check(json!("!*:latest"), json!("nginx:latest"), false);
        check(json!("!a"), json!(null), false);
        check(json!("?*"), json!(""), false);
        check(json!("true"), json!(true), true);
        check(json!("5"), json!(5), true);
        check(json!("a-b"), json!("a-b"), true);
        check(json!("|"), json!(""), true);
        check(json!("|"), json!("|"), true);
    }

    #[test]
    fn numbers_quantities_and_durations() {
        check(json!(">=1Gi"), json!("1024Mi"), true);
        check(json!(">1Gi"), json!("1024Mi"), false);
        check(json!("<=10"), json!(null), true);
        check(json!(">0"), json!(null), false);
        check(json!("1-10"), json!(5), true);
        check(json!("1-10"), json!(11), false);
        check(json!("1!-10"), json!(11), true);
        check(json!("1!-10"), json!(10), false);
        check(json!("-5-5"), json!(-3), true);
        check(json!("1h-2h"), json!("90m"), true);
        check(json!(">1h"), json!("61m"), true);
        check(json!("<1h"), json!("abc"), false);
        check(json!(10), json!("10"), true);
        check(json!(10), json!(10.0), true);
        check(json!(10), json!(10.5), false);
        check(json!(1.5), json!("1.5"), true);
        check(json!(null), json!(0), true);
        check(json!(null), json!("x"), false);
        check(json!(false), json!(null), false);
    }
}
