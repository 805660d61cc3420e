//! `quantity()`. Source: k8s.io/apiserver pkg/cel/library/quantity.go.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Called;
use crate::cel::convert::shortened;
use crate::cel::error::Error;
use crate::cel::opaque::Opaque;
use crate::cel::value::Value;
use crate::quantity::Quantity;

pub(super) fn call<'a>(name: &str, args: &[Value<'a>]) -> Called<'a> {
    let [Value::String(text)] = args else { return Err(Error::no_such_overload()) };
    let found = Quantity::parse(text);
    match (name, found) {
        ("isQuantity", found) => Ok(Value::Bool(found.is_some())),
        (_, Some(found)) => Ok(made(found)),
        (_, None) => Err(Error::new(format!(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$': `{}`",
            shortened(text)
        ))),
    }
}

fn made<'a>(quantity: Quantity) -> Value<'a> {
    Value::Opaque(Rc::new(Opaque::Quantity(quantity)))
}

/// The whole number that it is, if it is one.
fn whole(quantity: &Quantity) -> Option<i64> {
    let near = quantity.approximate();
    if near.abs() > 9.3e18 {
        return None;
    }
    // The number in floating point is near; the exact one is found by comparing.
    let guess = near as i64;
    [guess, guess.saturating_sub(1), guess.saturating_add(1)]
        .into_iter()
        .find(|value| quantity.with_value(*value).partial_cmp(quantity) == Some(Ordering::Equal))
        .or_else(|| {
            let rest = quantity.minus(&quantity.with_value(guess))?.approximate();
            let value = guess.checked_add(rest as i64)?;
            (quantity.with_value(value).partial_cmp(quantity) == Some(Ordering::Equal)).then_some(value)
        })
}

pub(super) fn on_quantity<'a>(name: &str, quantity: &Quantity, rest: &[Value<'a>]) -> Called<'a> {
    let other = match rest {
        [Value::Opaque(opaque)] => match &**opaque {
            Opaque::Quantity(other) => Some(*other),
            _ => None,
        },
        [Value::Int(value)] => Some(quantity.with_value(*value)),
        _ => None,
    };
    let order = |wanted: Ordering| Value::Bool(other.and_then(|other| quantity.partial_cmp(&other)) == Some(wanted));
    let overflow = || Error::new("quantity overflow");
    Ok(match (name, rest, other) {
        ("sign", [], _) => Value::Int(match quantity.partial_cmp(&quantity.with_value(0)) {
            Some(Ordering::Less) => -1,
            Some(Ordering::Greater) => 1,
            _ => 0,
        }),
        ("isInteger", [], _) => Value::Bool(whole(quantity).is_some()),
        ("asInteger", [], _) => {
            Value::Int(whole(quantity).ok_or_else(|| Error::new("cannot convert value to integer"))?)
        }
        ("asApproximateFloat", [], _) => Value::Double(quantity.approximate()),
        ("add", _, Some(other)) => made(quantity.plus(&other).ok_or_else(overflow)?),
        ("sub", _, Some(other)) => made(quantity.minus(&other).ok_or_else(overflow)?),
        ("isLessThan", _, Some(_)) => order(Ordering::Less),
        ("isGreaterThan", _, Some(_)) => order(Ordering::Greater),
        ("compareTo", _, Some(other)) => Value::Int(match quantity.partial_cmp(&other) {
            Some(Ordering::Less) => -1,
            Some(Ordering::Greater) => 1,
            _ => 0,
        }),
        _ => return Err(Error::no_such_overload()),
    })
}
