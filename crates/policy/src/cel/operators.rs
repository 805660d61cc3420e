//! Equality, order and arithmetic. Source: cel-spec:doc/langdef.md, "Equality", "Ordering", "Numeric Values"; Kubernetes compares numbers
//! across their types (`cel.CrossTypeNumericComparisons`).

use std::cmp::Ordering;

use super::ast::Operator;
use super::budget::Budget;
use super::error::Error;
use super::value::{Key, Text, Value};

/// Whether two values are the same. Values of different kinds are not, and that is no error.
pub(crate) fn equal(one: &Value<'_>, other: &Value<'_>, budget: &Budget) -> Result<bool, Error> {
    budget.spend(1)?;
    if let (Some(length), Some(other_length)) = (one.length(), other.length()) {
        if length != other_length {
            return Ok(false);
        }
        for index in 0..length {
            let (Some(left), Some(right)) = (one.item(index), other.item(index)) else { return Ok(false) };
            if !equal(&left, &right, budget)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if let (Some(length), Some(other_length)) = (one.entries(), other.entries()) {
        if length != other_length {
            return Ok(false);
        }
        for (key, left) in one.each_pair().into_iter().flatten() {
            budget.spend_bytes(key.bytes())?;
            match other.lookup(&key).flatten() {
                Some(right) if equal(&left, &right, budget)? => {}
                _ => return Ok(false),
            }
        }
        return Ok(true);
    }
    Ok(match (one, other) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::String(one), Value::String(other)) => {
            budget.spend_bytes(one.len().min(other.len()))?;
            **one == **other
        }
        (Value::Bytes(one), Value::Bytes(other)) => {
            budget.spend_bytes(one.len().min(other.len()))?;
            one == other
        }
        (Value::Timestamp(one), Value::Timestamp(other)) => one == other,
        (Value::Duration(one), Value::Duration(other)) => one == other,
        (Value::Type(one), Value::Type(other)) => **one == **other,
        (Value::Opaque(one), Value::Opaque(other)) => {
            budget.spend_bytes(one.bytes().min(other.bytes()))?;
            one == other
        }
        (Value::Optional(None), Value::Optional(None)) => true,
        (Value::Optional(Some(one)), Value::Optional(Some(other))) => equal(one, other, budget)?,
        (one, other) => numbers(one, other) == Some(Some(Ordering::Equal)),
    })
}

/// The order of two numbers. `None`: one of them is none; inner `None`: one of them is not a number (NaN).
fn numbers(one: &Value<'_>, other: &Value<'_>) -> Option<Option<Ordering>> {
    let whole = |value: &Value<'_>| match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::Uint(value) => Some(i128::from(*value)),
        _ => None,
    };
    match (one, other) {
        (Value::Double(one), Value::Double(other)) => Some(one.partial_cmp(other)),
        (Value::Double(one), other) => Some(mixed(*one, whole(other)?)),
        (one, Value::Double(other)) => Some(mixed(*other, whole(one)?).map(Ordering::reverse)),
        (one, other) => Some(Some(whole(one)?.cmp(&whole(other)?))),
    }
}

/// The order of a floating point number and a whole one, exact also where the first has no room for the second.
fn mixed(double: f64, whole: i128) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double.abs() > 1e20 {
        return Some(if double > 0.0 { Ordering::Greater } else { Ordering::Less });
    }
    let below = double.floor();
    match (below as i128).cmp(&whole) {
        Ordering::Equal if double > below => Some(Ordering::Greater),
        order => Some(order),
    }
}

/// The order of two values of one kind. Errors: they are of none that has one, or one of them is not a number.
pub(crate) fn compare(one: &Value<'_>, other: &Value<'_>, budget: &Budget) -> Result<Ordering, Error> {
    budget.spend_bytes(one.weight().1.min(other.weight().1))?;
    order(one, other)
}

/// The same without what it costs.
pub(crate) fn order(one: &Value<'_>, other: &Value<'_>) -> Result<Ordering, Error> {
    Ok(match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::String(one), Value::String(other)) => (**one).cmp(&**other),
        (Value::Bytes(one), Value::Bytes(other)) => one.cmp(other),
        (Value::Timestamp(one), Value::Timestamp(other)) => one.cmp(other),
        (Value::Duration(one), Value::Duration(other)) => one.cmp(other),
        (one, other) => match numbers(one, other).ok_or_else(Error::no_such_overload)? {
            Some(order) => order,
            None => return Err(Error::new("NaN values cannot be ordered")),
        },
    })
}

/// An operator on two values.
pub(crate) fn apply<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &Budget,
) -> Result<Value<'a>, Error> {
    let ordered = |wanted: fn(Ordering) -> bool| -> Result<Value<'a>, Error> {
        Ok(Value::Bool(wanted(compare(left, right, budget)?)))
    };
    match operator {
        Operator::Equal => equal(left, right, budget).map(Value::Bool),
        Operator::NotEqual => equal(left, right, budget).map(|same| Value::Bool(!same)),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::In => within(left, right, budget).map(Value::Bool),
        Operator::Add => add(left, right, budget),
        Operator::Subtract => subtract(left, right),
        Operator::Multiply | Operator::Divide | Operator::Modulo => multiply(operator, left, right),
    }
}

/// Whether a value is an item of a list or a key of a map.
fn within(value: &Value<'_>, of: &Value<'_>, budget: &Budget) -> Result<bool, Error> {
    if let Some(length) = of.length() {
        for index in 0..length {
            if let Some(item) = of.item(index)
                && equal(&item, value, budget)?
            {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if of.entries().is_some() {
        budget.spend_bytes(value.weight().1)?;
        return Ok(Key::of(value).and_then(|key| of.lookup(&key)).flatten().is_some());
    }
    Err(Error::no_such_overload())
}

fn overflow(kind: &str) -> Error {
    Error::new(format!("{kind} overflow"))
}

fn add<'a>(left: &Value<'a>, right: &Value<'a>, budget: &Budget) -> Result<Value<'a>, Error> {
    if let (Some(one), Some(other)) = (left.length(), right.length()) {
        budget.spend_items(one.saturating_add(other))?;
        let mut items = left.items().unwrap_or_default();
        items.extend(right.items().unwrap_or_default());
        return Value::list(items);
    }
    Ok(match (left, right) {
        (Value::Int(one), Value::Int(other)) => Value::Int(one.checked_add(*other).ok_or_else(|| overflow("integer"))?),
        (Value::Uint(one), Value::Uint(other)) => {
            Value::Uint(one.checked_add(*other).ok_or_else(|| overflow("unsigned integer"))?)
        }
        (Value::Double(one), Value::Double(other)) => Value::Double(one + other),
        (Value::String(one), Value::String(other)) => {
            if one.is_empty() {
                return Ok(right.clone());
            }
            budget.spend_bytes(one.len().saturating_add(other.len()))?;
            Value::String(Text::Made([&**one, &**other].concat().into()))
        }
        (Value::Bytes(one), Value::Bytes(other)) => {
            budget.spend_bytes(one.len().saturating_add(other.len()))?;
            Value::Bytes([&**one, &**other].concat().into())
        }
        (Value::Duration(one), Value::Duration(other)) => {
            Value::Duration(one.checked_add(*other).ok_or_else(|| overflow("duration"))?)
        }
        (Value::Timestamp(moment), Value::Duration(by)) | (Value::Duration(by), Value::Timestamp(moment)) => {
            moved(*moment, *by)?
        }
        _ => return Err(Error::no_such_overload()),
    })
}

fn moved<'a>(moment: jiff::Timestamp, by: i64) -> Result<Value<'a>, Error> {
    let moment = moment.checked_add(jiff::SignedDuration::from_nanos(by)).map_err(|_| overflow("timestamp"))?;
    super::convert::in_range(moment).map(Value::Timestamp)
}

fn subtract<'a>(left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, Error> {
    Ok(match (left, right) {
        (Value::Int(one), Value::Int(other)) => Value::Int(one.checked_sub(*other).ok_or_else(|| overflow("integer"))?),
        (Value::Uint(one), Value::Uint(other)) => {
            Value::Uint(one.checked_sub(*other).ok_or_else(|| overflow("unsigned integer"))?)
        }
        (Value::Double(one), Value::Double(other)) => Value::Double(one - other),
        (Value::Duration(one), Value::Duration(other)) => {
            Value::Duration(one.checked_sub(*other).ok_or_else(|| overflow("duration"))?)
        }
        (Value::Timestamp(moment), Value::Duration(by)) => {
            moved(*moment, by.checked_neg().ok_or_else(|| overflow("duration"))?)?
        }
        (Value::Timestamp(one), Value::Timestamp(other)) => {
            let nanoseconds = one.as_nanosecond().checked_sub(other.as_nanosecond());
            let nanoseconds = nanoseconds.and_then(|value| i64::try_from(value).ok());
            Value::Duration(nanoseconds.ok_or_else(|| overflow("duration"))?)
        }
        _ => return Err(Error::no_such_overload()),
    })
}

fn multiply<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, Error> {
    let zero = || Error::new(if operator == Operator::Modulo { "modulus by zero" } else { "division by zero" });
    Ok(match (operator, left, right) {
        (Operator::Multiply, Value::Int(one), Value::Int(other)) => {
            Value::Int(one.checked_mul(*other).ok_or_else(|| overflow("integer"))?)
        }
        (Operator::Multiply, Value::Uint(one), Value::Uint(other)) => {
            Value::Uint(one.checked_mul(*other).ok_or_else(|| overflow("unsigned integer"))?)
        }
        (Operator::Multiply, Value::Double(one), Value::Double(other)) => Value::Double(one * other),
        (Operator::Divide, Value::Double(one), Value::Double(other)) => Value::Double(one / other),
        (_, Value::Int(_), Value::Int(0)) | (_, Value::Uint(_), Value::Uint(0)) => return Err(zero()),
        (Operator::Divide, Value::Int(one), Value::Int(other)) => {
            Value::Int(one.checked_div(*other).ok_or_else(|| overflow("integer"))?)
        }
        (Operator::Divide, Value::Uint(one), Value::Uint(other)) => {
            Value::Uint(one.checked_div(*other).ok_or_else(zero)?)
        }
        (Operator::Modulo, Value::Int(one), Value::Int(other)) => {
            Value::Int(one.checked_rem(*other).ok_or_else(|| overflow("integer"))?)
        }
        (Operator::Modulo, Value::Uint(one), Value::Uint(other)) => {
            Value::Uint(one.checked_rem(*other).ok_or_else(zero)?)
        }
        _ => return Err(Error::no_such_overload()),
    })
}
