//! Arithmetic and membership on values. Everything is checked: what overflows is an error, as in CEL.

use super::ast::BinaryOp;
use super::eval::{Fault, Meter};
use super::{Key, Type, Value};

type Result<T = Value> = std::result::Result<T, Fault>;

/// The type of an arithmetic operation; `None` where there is no such overload.
pub(super) fn arithmetic_type(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use BinaryOp::{Add, Divide, Multiply, Remainder, Subtract};
    if matches!((left, right), (Type::Dyn, _) | (_, Type::Dyn)) {
        return Some(Type::Dyn);
    }
    match (op, left, right) {
        (Add | Subtract | Multiply | Divide | Remainder, Type::Int, Type::Int) => Some(Type::Int),
        (Add | Subtract | Multiply | Divide | Remainder, Type::Uint, Type::Uint) => Some(Type::Uint),
        (Add | Subtract | Multiply | Divide, Type::Double, Type::Double) => Some(Type::Double),
        (Add, Type::String, Type::String) => Some(Type::String),
        (Add, Type::Bytes, Type::Bytes) => Some(Type::Bytes),
        (Add, Type::List(left), Type::List(right)) => Some(Type::list(left.join(right).unwrap_or(Type::Dyn))),
        (Add | Subtract, Type::Duration, Type::Duration) => Some(Type::Duration),
        (Add | Subtract, Type::Timestamp, Type::Duration) | (Add, Type::Duration, Type::Timestamp) => {
            Some(Type::Timestamp)
        }
        (Subtract, Type::Timestamp, Type::Timestamp) => Some(Type::Duration),
        _ => None,
    }
}

pub(super) fn arithmetic(op: BinaryOp, left: &Value, right: &Value, meter: &mut Meter) -> Result {
    let overflow = || Fault::Message("the result is out of range".to_owned());
    let zero = || Fault::Message("division by zero".to_owned());
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => {
            if matches!(op, BinaryOp::Divide | BinaryOp::Remainder) && *right == 0 {
                return Err(zero());
            }
            let value = match op {
                BinaryOp::Add => left.checked_add(*right),
                BinaryOp::Subtract => left.checked_sub(*right),
                BinaryOp::Multiply => left.checked_mul(*right),
                BinaryOp::Divide => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            value.map(Value::Int).ok_or_else(overflow)
        }
        (Value::Uint(left), Value::Uint(right)) => {
            if matches!(op, BinaryOp::Divide | BinaryOp::Remainder) && *right == 0 {
                return Err(zero());
            }
            let value = match op {
                BinaryOp::Add => left.checked_add(*right),
                BinaryOp::Subtract => left.checked_sub(*right),
                BinaryOp::Multiply => left.checked_mul(*right),
                BinaryOp::Divide => left.checked_div(*right),
                _ => left.checked_rem(*right),
            };
            value.map(Value::Uint).ok_or_else(overflow)
        }
        (Value::Double(left), Value::Double(right)) => match op {
            BinaryOp::Add => Ok(Value::Double(left + right)),
            BinaryOp::Subtract => Ok(Value::Double(left - right)),
            BinaryOp::Multiply => Ok(Value::Double(left * right)),
            BinaryOp::Divide => Ok(Value::Double(left / right)),
            _ => Err(Fault::Message("`%` is not for doubles".to_owned())),
        },
        (Value::Duration(left), Value::Duration(right)) => match op {
            BinaryOp::Add => left.checked_add(*right).map(Value::Duration).ok_or_else(overflow),
            BinaryOp::Subtract => left.checked_sub(*right).map(Value::Duration).ok_or_else(overflow),
            _ => Err(no_overload(op, &Value::Duration(*left), &Value::Duration(*right))),
        },
        (Value::Timestamp(time), Value::Duration(length)) if op == BinaryOp::Add => {
            time.checked_add(*length).map(Value::Timestamp).map_err(|_| overflow())
        }
        (Value::Duration(length), Value::Timestamp(time)) if op == BinaryOp::Add => {
            time.checked_add(*length).map(Value::Timestamp).map_err(|_| overflow())
        }
        (Value::Timestamp(time), Value::Duration(length)) if op == BinaryOp::Subtract => {
            time.checked_sub(*length).map(Value::Timestamp).map_err(|_| overflow())
        }
        (Value::Timestamp(left), Value::Timestamp(right)) if op == BinaryOp::Subtract => {
            Ok(Value::Duration(left.duration_since(*right)))
        }
        (Value::String(left), Value::String(right)) if op == BinaryOp::Add => {
            meter.bytes(left.len() + right.len())?;
            Ok(Value::string(format!("{left}{right}")))
        }
        (Value::Bytes(left), Value::Bytes(right)) if op == BinaryOp::Add => {
            meter.bytes(left.len() + right.len())?;
            Ok(Value::Bytes(left.iter().chain(right.iter()).copied().collect()))
        }
        (Value::List(left), Value::List(right)) if op == BinaryOp::Add => {
            meter.charge(left.len() + right.len())?;
            Ok(Value::List(left.iter().chain(right.iter()).cloned().collect()))
        }
        (left, right) => Err(no_overload(op, left, right)),
    }
}

pub(super) fn negate(value: &Value) -> Result {
    match value {
        Value::Int(value) => {
            value.checked_neg().map(Value::Int).ok_or_else(|| Fault::Message("the result is out of range".to_owned()))
        }
        Value::Double(value) => Ok(Value::Double(-value)),
        other => Err(Fault::wrong_type("an int or a double", Some(other))),
    }
}

pub(super) fn compare(op: BinaryOp, left: &Value, right: &Value, meter: &mut Meter) -> Result {
    meter.charge(weight(left).min(weight(right)))?;
    if op == BinaryOp::Equal || op == BinaryOp::NotEqual {
        return Ok(Value::Bool((left == right) == (op == BinaryOp::Equal)));
    }
    let both_numbers = matches!(left, Value::Int(_) | Value::Uint(_) | Value::Double(_))
        && matches!(right, Value::Int(_) | Value::Uint(_) | Value::Double(_));
    match left.order(right) {
        Some(order) => Ok(Value::Bool(match op {
            BinaryOp::Less => order.is_lt(),
            BinaryOp::LessOrEqual => order.is_le(),
            BinaryOp::Greater => order.is_gt(),
            _ => order.is_ge(),
        })),
        // Not a number: every comparison is false.
        None if both_numbers => Ok(Value::Bool(false)),
        None => Err(no_overload(op, left, right)),
    }
}

/// What looking at the whole value costs.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / 10,
        Value::Bytes(bytes) => bytes.len() / 10,
        Value::List(items) => items.iter().map(|item| weight(item).saturating_add(1)).fold(0, usize::saturating_add),
        Value::Map(entries) => {
            entries.values().map(|item| weight(item).saturating_add(2)).fold(0, usize::saturating_add)
        }
        _ => 0,
    }
}

pub(super) fn member(element: &Value, of: &Value, meter: &mut Meter) -> Result {
    match of {
        Value::List(items) => {
            for item in items.iter() {
                meter.charge(1 + weight(item).min(weight(element)))?;
                if item == element {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        Value::Map(entries) => Ok(Value::Bool(Key::of(element).is_some_and(|key| entries.contains_key(&key)))),
        other => Err(Fault::wrong_type("a list or a map", Some(other))),
    }
}

pub(super) fn index(of: &Value, index: &Value) -> Result {
    match (of, index) {
        (Value::List(items), index) => {
            let Some(Key::Int(at)) = Key::of(index) else { return Err(Fault::wrong_type("an int", Some(index))) };
            usize::try_from(at)
                .ok()
                .and_then(|at| items.get(at))
                .cloned()
                .ok_or_else(|| Fault::Message(format!("index {at} is outside of a list of {}", items.len())))
        }
        (Value::Map(entries), index) => {
            let key = Key::of(index).ok_or_else(|| Fault::wrong_type("a key", Some(index)))?;
            entries.get(&key).cloned().ok_or_else(|| Fault::Message("the map has no such key".to_owned()))
        }
        (other, _) => Err(Fault::wrong_type("a list or a map", Some(other))),
    }
}

fn no_overload(op: BinaryOp, left: &Value, right: &Value) -> Fault {
    Fault::Message(format!("`{}` is not defined between {} and {}", op.sign(), left.kind(), right.kind()))
}
