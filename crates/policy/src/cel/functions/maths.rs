//! `math.*`. Source: cel-go:ext/math.go; kyverno/sdk:cel/libs/math (`math.round` with digits).

use std::cmp::Ordering;

use super::Called;
use crate::cel::budget::Budget;
use crate::cel::error::Error;
use crate::cel::operators::compare;
use crate::cel::value::Value;

pub(super) fn call<'a>(name: &str, args: &[Value<'a>], budget: &Budget) -> Called<'a> {
    Ok(match (name, args) {
        ("greatest", args) => extreme(args, Ordering::Greater, budget)?,
        ("least", args) => extreme(args, Ordering::Less, budget)?,
        ("ceil", [Value::Double(value)]) => Value::Double(value.ceil()),
        ("floor", [Value::Double(value)]) => Value::Double(value.floor()),
        ("round", [Value::Double(value)]) => Value::Double(value.round()),
        ("round", [Value::Double(value), Value::Int(digits)]) => {
            let digits = i32::try_from(*digits).ok().filter(|digits| digits.abs() <= 300);
            let factor = 10_f64.powi(digits.ok_or_else(|| Error::new("too many digits to round to"))?);
            Value::Double((value * factor).round() / factor)
        }
        ("trunc", [Value::Double(value)]) => Value::Double(value.trunc()),
        ("isNaN", [Value::Double(value)]) => Value::Bool(value.is_nan()),
        ("isInf", [Value::Double(value)]) => Value::Bool(value.is_infinite()),
        ("isFinite", [Value::Double(value)]) => Value::Bool(value.is_finite()),
        ("abs", [Value::Double(value)]) => Value::Double(value.abs()),
        ("abs", [Value::Int(value)]) => Value::Int(value.checked_abs().ok_or_else(|| Error::new("integer overflow"))?),
        ("abs", [Value::Uint(value)]) => Value::Uint(*value),
        ("sign", [Value::Int(value)]) => Value::Int(value.signum()),
        ("sign", [Value::Uint(value)]) => Value::Uint(u64::from(*value > 0)),
        ("sign", [Value::Double(value)]) => {
            Value::Double(if *value == 0.0 || value.is_nan() { *value } else { value.signum() })
        }
        ("sqrt", [Value::Double(value)]) => Value::Double(value.sqrt()),
        ("sqrt", [Value::Int(value)]) => Value::Double((*value as f64).sqrt()),
        ("sqrt", [Value::Uint(value)]) => Value::Double((*value as f64).sqrt()),
        ("bitAnd", [Value::Int(one), Value::Int(other)]) => Value::Int(one & other),
        ("bitOr", [Value::Int(one), Value::Int(other)]) => Value::Int(one | other),
        ("bitXor", [Value::Int(one), Value::Int(other)]) => Value::Int(one ^ other),
        ("bitNot", [Value::Int(value)]) => Value::Int(!value),
        ("bitAnd", [Value::Uint(one), Value::Uint(other)]) => Value::Uint(one & other),
        ("bitOr", [Value::Uint(one), Value::Uint(other)]) => Value::Uint(one | other),
        ("bitXor", [Value::Uint(one), Value::Uint(other)]) => Value::Uint(one ^ other),
        ("bitNot", [Value::Uint(value)]) => Value::Uint(!value),
        ("bitShiftLeft" | "bitShiftRight", [_, Value::Int(by)]) if *by < 0 => {
            return Err(Error::new(format!("math.{name}() negative offset: {by}")));
        }
        ("bitShiftLeft", [Value::Int(value), Value::Int(by)]) => {
            Value::Int(u32::try_from(*by).ok().and_then(|by| value.checked_shl(by)).unwrap_or(0))
        }
        // The sign is shifted along as any bit.
        ("bitShiftRight", [Value::Int(value), Value::Int(by)]) => {
            let shifted = u32::try_from(*by).ok().and_then(|by| value.cast_unsigned().checked_shr(by));
            Value::Int(shifted.unwrap_or(0).cast_signed())
        }
        ("bitShiftLeft", [Value::Uint(value), Value::Int(by)]) => {
            Value::Uint(u32::try_from(*by).ok().and_then(|by| value.checked_shl(by)).unwrap_or(0))
        }
        ("bitShiftRight", [Value::Uint(value), Value::Int(by)]) => {
            Value::Uint(u32::try_from(*by).ok().and_then(|by| value.checked_shr(by)).unwrap_or(0))
        }
        _ => return Err(Error::no_such_overload()),
    })
}

/// The greatest or the least number of the arguments, or of the one list that they are.
fn extreme<'a>(args: &[Value<'a>], wanted: Ordering, budget: &Budget) -> Called<'a> {
    let listed = match args {
        [only] => only.listed(),
        _ => None,
    };
    let mut found: Option<&Value<'a>> = None;
    for item in listed.as_deref().unwrap_or(args) {
        if !matches!(item, Value::Int(_) | Value::Uint(_) | Value::Double(_)) {
            return Err(Error::no_such_overload());
        }
        let better = match found {
            None => true,
            Some(found) => compare(item, found, budget)? == wanted,
        };
        if better {
            found = Some(item);
        }
    }
    found.cloned().ok_or_else(|| Error::new("math.@max(list) argument must not be empty"))
}
