//! The operators of conditions: `key`, `operator`, `value`.
//!
//! Names count without case. Four of them Kyverno does not have (`Contains`, `NotContains`, `StartsWith`, `EndsWith`): they stand in published
//! policies, where Kyverno takes them for "never"; here they are the tests that they name. Any other name is an error at load.
//! Source: kyverno/kyverno:pkg/engine/variables/operator/.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

use super::printed::{Num, sprint, whole};
use super::scalar::{Prefix, TextPattern, operator_of};
use super::scope::{QueryError, weigh};
use super::work::Work;
use crate::go::duration;
use crate::quantity::Quantity;
use crate::wildcard;

/// How a key is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equals,
    NotEquals,
    In,
    NotIn,
    AnyIn,
    AllIn,
    AnyNotIn,
    AllNotIn,
    Order(Order),
    DurationOrder(Order),
    Contains,
    NotContains,
    StartsWith,
    EndsWith,
}

/// The four orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// All names, for messages.
pub(crate) const NAMES: [&str; 22] = [
    "Equals",
    "Equal",
    "NotEquals",
    "NotEqual",
    "In",
    "NotIn",
    "AnyIn",
    "AllIn",
    "AnyNotIn",
    "AllNotIn",
    "GreaterThan",
    "GreaterThanOrEquals",
    "LessThan",
    "LessThanOrEquals",
    "DurationGreaterThan",
    "DurationGreaterThanOrEquals",
    "DurationLessThan",
    "DurationLessThanOrEquals",
    "Contains",
    "NotContains",
    "StartsWith",
    "EndsWith",
];

impl Operator {
    /// `None` for a name that nobody knows.
    pub(crate) fn parse(name: &str) -> Option<Operator> {
        Some(match name.to_lowercase().as_str() {
            "equals" | "equal" => Operator::Equals,
            "notequals" | "notequal" => Operator::NotEquals,
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            "anyin" => Operator::AnyIn,
            "allin" => Operator::AllIn,
            "anynotin" => Operator::AnyNotIn,
            "allnotin" => Operator::AllNotIn,
            "greaterthan" => Operator::Order(Order::Greater),
            "greaterthanorequals" => Operator::Order(Order::GreaterOrEqual),
            "lessthan" => Operator::Order(Order::Less),
            "lessthanorequals" => Operator::Order(Order::LessOrEqual),
            "durationgreaterthan" => Operator::DurationOrder(Order::Greater),
            "durationgreaterthanorequals" => Operator::DurationOrder(Order::GreaterOrEqual),
            "durationlessthan" => Operator::DurationOrder(Order::Less),
            "durationlessthanorequals" => Operator::DurationOrder(Order::LessOrEqual),
            "contains" => Operator::Contains,
            "notcontains" => Operator::NotContains,
            "startswith" => Operator::StartsWith,
            "endswith" => Operator::EndsWith,
            _ => return None,
        })
    }

    /// Whether the condition holds. Both sides may come from the request, so that what is compared is paid for.
    pub(crate) fn holds(self, key: &Value, value: &Value, work: &mut Work) -> Result<bool, QueryError> {
        Ok(match self {
            Operator::Equals => !key.is_null() && equal(key, value, work)?,
            Operator::NotEquals => !key.is_null() && !equal(key, value, work)?,
            Operator::In | Operator::NotIn => {
                let negative = self == Operator::NotIn;
                match key {
                    Value::Array(keys) => match Set::of(value, work)? {
                        Some(set) => set.has_all(keys) != negative,
                        None => false,
                    },
                    key => one_is_in(key, value, work)?.is_some_and(|found| found != negative),
                }
            }
            Operator::AnyIn | Operator::AllIn | Operator::AnyNotIn | Operator::AllNotIn => {
                self.sets(key, value, work)?
            }
            Operator::Order(order) => ordered(key, value).is_some_and(|found| order.holds(found)),
            Operator::DurationOrder(order) => {
                matches!((seconds(key), seconds(value)), (Some(key), Some(value)) if order.holds(key.cmp(&value)))
            }
            Operator::Contains => contains(key, value, work)?,
            Operator::NotContains => !contains(key, value, work)?,
            Operator::StartsWith => text_test(key, value, work, |key, value| key.starts_with(value))?,
            Operator::EndsWith => text_test(key, value, work, |key, value| key.ends_with(value))?,
        })
    }

    fn sets(self, key: &Value, value: &Value, work: &mut Work) -> Result<bool, QueryError> {
        let negative = matches!(self, Operator::AnyNotIn | Operator::AllNotIn);
        let Value::Array(keys) = key else {
            return Ok(one_is_in(key, value, work)?.is_some_and(|found| found != negative));
        };
        let range = match value {
            Value::String(text) if matches!(operator_of(text), Prefix::Within(..)) => Some(TextPattern::new(text)),
            _ => None,
        };
        let set = match range {
            Some(_) => Set::default(),
            None => match Set::of(value, work)? {
                Some(set) => set,
                None => return Ok(false),
            },
        };
        // `Any` is decided by the first key that is (not) in the set, `All` by the first one that is not (is).
        let any = matches!(self, Operator::AnyIn | Operator::AnyNotIn);
        for key in keys {
            let key = sprint(key);
            work.steps(1 + key.len() / 64)?;
            let is_in = match &range {
                Some(range) => range.accepts(&Value::String(key)),
                None => set.has_like(&key, work)?,
            };
            if (is_in != negative) == any {
                return Ok(any);
            }
        }
        Ok(!any)
    }
}

impl Order {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Order::Greater => found == Ordering::Greater,
            Order::GreaterOrEqual => found != Ordering::Less,
            Order::Less => found == Ordering::Less,
            Order::LessOrEqual => found != Ordering::Greater,
        }
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)).then(|| sprint(value))
}

/// The set that a value stands for.
#[derive(Default)]
struct Set {
    items: Vec<String>,
    /// The same, to be found at once.
    exact: HashSet<String>,
}

impl Set {
    /// Of a list, a list written as JSON, or one scalar; `None` for what is no set.
    fn of(value: &Value, work: &mut Work) -> Result<Option<Set>, QueryError> {
        let Some(items) = set(value) else { return Ok(None) };
        work.steps(items.iter().map(|item| 1 + item.len() / 64).sum())?;
        let exact = items.iter().cloned().collect();
        Ok(Some(Set { items, exact }))
    }

    /// Whether each key is in the set, letter by letter.
    fn has_all(&self, keys: &[Value]) -> bool {
        keys.iter().all(|key| self.exact.contains(&sprint(key)))
    }

    /// Whether a key is in the set; both may be wildcards.
    fn has_like(&self, key: &str, work: &mut Work) -> Result<bool, QueryError> {
        if self.exact.contains(key) {
            return Ok(true);
        }
        let wild = wildcard::is_pattern(key);
        for item in &self.items {
            if wild {
                work.steps(wildcard::cost(key, item))?;
                if wildcard::matches(key, item) {
                    return Ok(true);
                }
            }
            if wildcard::is_pattern(item) {
                work.steps(wildcard::cost(item, key))?;
                if wildcard::matches(item, key) {
                    return Ok(true);
                }
            }
            work.steps(1)?;
        }
        Ok(false)
    }
}

fn set(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => Some(items.iter().map(sprint).collect()),
        Value::Number(_) | Value::Bool(_) => Some(vec![sprint(value)]),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(items)) => {
                items.into_iter().map(|item| if let Value::String(text) = item { Some(text) } else { None }).collect()
            }
            Ok(Value::Object(_)) => None,
            Ok(_) | Err(_) => Some(vec![text.clone()]),
        },
        Value::Null | Value::Object(_) => None,
    }
}

/// Whether one key is in the set. `None` if the key is no scalar or the value no set.
fn one_is_in(key: &Value, value: &Value, work: &mut Work) -> Result<Option<bool>, QueryError> {
    let Some(key) = scalar_text(key) else { return Ok(None) };
    let Value::String(text) = value else {
        return match Set::of(value, work)? {
            Some(set) => set.has_like(&key, work).map(Some),
            None => Ok(None),
        };
    };
    work.steps(wildcard::cost(text, &key))?;
    if wildcard::matches(text, &key) {
        return Ok(Some(true));
    }
    if matches!(operator_of(text), Prefix::Within(..)) {
        return Ok(Some(TextPattern::new(text).accepts(&Value::String(key))));
    }
    Ok(Set::of(value, work)?.map(|set| set.exact.contains(&key)))
}

/// Whether a text has more digits than a quantity keeps apart: a modulus of a key, not an amount of anything.
fn beyond_quantities(text: &str) -> bool {
    text.len() > 19 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Nanoseconds of a duration that is written as one; `0` alone is a number.
fn written_duration(value: &Value) -> Option<i64> {
    value.as_str().filter(|text| *text != "0").and_then(duration::parse)
}

/// Nanoseconds of a duration or of a number of seconds.
fn seconds(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => duration::parse(text).map(i128::from),
        Value::Number(number) => Some(match Num::of(number) {
            Num::Int(value) => i128::from(value) * 1_000_000_000,
            // Kyverno cuts the fraction.
            Num::Float(value) => (value.trunc() as i128).saturating_mul(1_000_000_000),
        }),
        _ => None,
    }
}

/// Both as durations, if at least one is written as one and the other can be taken for one.
fn durations(key: &Value, value: &Value) -> Option<Ordering> {
    if written_duration(key).is_none() && written_duration(value).is_none() {
        return None;
    }
    let read = |value: &Value| match value {
        Value::String(_) => written_duration(value).map(i128::from),
        other => seconds(other),
    };
    Some(read(key)?.cmp(&read(value)?))
}

fn equal(key: &Value, value: &Value, work: &mut Work) -> Result<bool, QueryError> {
    Ok(match key {
        Value::Bool(_) => key == value,
        Value::Number(number) => match (Num::of(number), value) {
            (Num::Int(key), Value::String(text)) => text.parse::<i64>() == Ok(key),
            (Num::Float(key), Value::String(text)) => text.parse::<f64>() == Ok(key),
            (key, Value::Number(number)) => match (key, Num::of(number)) {
                (Num::Int(key), Num::Int(value)) => key == value,
                (Num::Float(key), Num::Float(value)) => key == value,
                (Num::Int(one), Num::Float(other)) | (Num::Float(other), Num::Int(one)) => whole(other) == Some(one),
            },
            _ => false,
        },
        Value::String(text) => {
            if let Some(order) = durations(key, value) {
                return Ok(order == Ordering::Equal);
            }
            let Value::String(wanted) = value else { return Ok(false) };
            if let Some(key) = Quantity::parse(text).filter(|_| !beyond_quantities(text) && !beyond_quantities(wanted))
            {
                let wanted = Quantity::parse(wanted);
                return Ok(wanted.is_some_and(|value| key.partial_cmp(&value) == Some(Ordering::Equal)));
            }
            work.steps(wildcard::cost(wanted, text))?;
            wildcard::matches(wanted, text)
        }
        Value::Object(_) | Value::Array(_) => {
            work.steps(weigh(key) / 64)?;
            key == value
        }
        Value::Null => false,
    })
}

fn ordered(key: &Value, value: &Value) -> Option<Ordering> {
    if let Some(order) = durations(key, value) {
        return Some(order);
    }
    let number = |value: &Value| match value {
        Value::Number(number) => Some(Num::of(number).as_f64()),
        Value::String(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    if let (Value::String(key), Value::String(value)) = (key, value) {
        if let (Some(key), Some(value)) = (Quantity::parse(key), Quantity::parse(value)) {
            return key.partial_cmp(&value);
        }
        if let (Some(key), Some(value)) = (Version::parse(key), Version::parse(value)) {
            return Some(key.cmp(&value));
        }
    }
    if let (Value::Number(one), Value::Number(other)) = (key, value)
        && let (Num::Int(one), Num::Int(other)) = (Num::of(one), Num::of(other))
    {
        return Some(one.cmp(&other));
    }
    number(key)?.partial_cmp(&number(value)?)
}

/// A text in a text, or an element of a list.
fn contains(key: &Value, value: &Value, work: &mut Work) -> Result<bool, QueryError> {
    match key {
        Value::Array(items) => {
            work.steps(1 + items.len() + weigh(key) / 64 + weigh(value) / 64)?;
            let items: HashSet<String> = items.iter().map(sprint).collect();
            Ok(match value {
                Value::Array(wanted) => wanted.iter().all(|wanted| items.contains(&sprint(wanted))),
                wanted => items.contains(&sprint(wanted)),
            })
        }
        key => text_test(key, value, work, |key, value| key.contains(value)),
    }
}

/// One of the texts of a list counts, as does the text alone.
fn text_test(key: &Value, value: &Value, work: &mut Work, test: fn(&str, &str) -> bool) -> Result<bool, QueryError> {
    let Some(key) = scalar_text(key) else { return Ok(false) };
    let wanted = match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    for text in wanted.iter().filter_map(scalar_text) {
        work.steps(1 + (key.len() + text.len()) / 64)?;
        if test(&key, &text) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A version by semver.org 2.0, strictly.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    pre: Vec<Identifier>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Text(String),
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let (text, build) = match text.split_once('+') {
            Some((text, build)) => (text, Some(build)),
            None => (text, None),
        };
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse::<u64>().ok()).flatten()
        };
        let named =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let mut parts = core.split('.');
        let numbers = [number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?];
        if parts.next().is_some() || build.is_some_and(|build| !build.split('.').all(named)) {
            return None;
        }
        let mut found = Vec::new();
        for part in pre.into_iter().flat_map(|pre| pre.split('.')) {
            if !named(part) {
                return None;
            }
            found.push(if part.bytes().all(|byte| byte.is_ascii_digit()) {
                Identifier::Number(number(part)?)
            } else {
                Identifier::Text(part.to_owned())
            });
        }
        Some(Version { numbers, pre: found })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
