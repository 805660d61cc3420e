//! Values at run time, how they compare, and keys of maps.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use signet_model::Severity;

use super::Type;

/// A value. Cheap to clone.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each variant is its own name; see `Type`")]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Duration(SignedDuration),
    Timestamp(Timestamp),
    Severity(Severity),
    List(Arc<[Value]>),
    Map(Arc<BTreeMap<Key, Value>>),
}

/// A key of a map. Signed and unsigned integers of one value are one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is its own name")]
pub enum Key {
    Bool(bool),
    Int(i128),
    String(Arc<str>),
}

impl Key {
    /// The key that a value is; `None` for what cannot be one.
    pub fn of(value: &Value) -> Option<Key> {
        Some(match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int((*value).into()),
            Value::Uint(value) => Key::Int((*value).into()),
            // A double with an integral value finds the integer key, as in CEL.
            Value::Double(value) if value.fract() == 0.0 && value.abs() < 1e19 => Key::Int(*value as i128),
            Value::String(value) => Key::String(value.clone()),
            _ => return None,
        })
    }

    pub(crate) fn value(&self) -> Value {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => match i64::try_from(*value) {
                Ok(value) => Value::Int(value),
                Err(_) => Value::Uint(u64::try_from(*value).unwrap_or(u64::MAX)),
            },
            Key::String(value) => Value::String(value.clone()),
        }
    }
}

impl Value {
    /// A string.
    pub fn string(text: impl AsRef<str>) -> Value {
        Value::String(Arc::from(text.as_ref()))
    }

    /// A list of strings.
    pub fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Value {
        Value::List(texts.into_iter().map(Value::string).collect())
    }

    /// The name of the value's kind, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Duration(_) => "duration",
            Value::Timestamp(_) => "timestamp",
            Value::Severity(_) => "severity",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }

    /// Whether the value is of the type. Of lists and maps only the outside is looked at; what is inside is checked where it is used.
    pub(crate) fn is(&self, ty: &Type) -> bool {
        matches!(
            (self, ty),
            (_, Type::Dyn)
                | (Value::Null, Type::Null)
                | (Value::Bool(_), Type::Bool)
                | (Value::Int(_), Type::Int)
                | (Value::Uint(_), Type::Uint)
                | (Value::Double(_), Type::Double)
                | (Value::String(_), Type::String)
                | (Value::Bytes(_), Type::Bytes)
                | (Value::Duration(_), Type::Duration)
                | (Value::Timestamp(_), Type::Timestamp)
                | (Value::Severity(_), Type::Severity)
                | (Value::List(_), Type::List(_))
                | (Value::Map(_), Type::Map(..))
        )
    }

    /// Order, where there is one: numbers of all kinds among each other, and values of one ordered type.
    pub(crate) fn order(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
            (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
            (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
            (Value::Severity(left), Value::Severity(right)) => Some(left.cmp(right)),
            (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
            (Value::Double(left), right) => compare(right.whole()?, *left).map(Ordering::reverse),
            (left, Value::Double(right)) => compare(left.whole()?, *right),
            (left, right) => Some(left.whole()?.cmp(&right.whole()?)),
        }
    }

    fn whole(&self) -> Option<i128> {
        match self {
            Value::Int(value) => Some((*value).into()),
            Value::Uint(value) => Some((*value).into()),
            _ => None,
        }
    }
}

/// Exact, also where an integer has more digits than a double can hold.
fn compare(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Beyond 2^65 no 64-bit integer can follow.
    if double.abs() > 36_893_488_147_419_103_232.0 {
        return Some(if double > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let floor = double.floor();
    Some(whole.cmp(&(floor as i128)).then(if double > floor { Ordering::Less } else { Ordering::Equal }))
}

impl PartialEq for Value {
    /// CEL's `==`: numbers by their value whatever their kind, lists and maps by their parts, different kinds are unequal.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::List(left), Value::List(right)) => left == right,
            (Value::Map(left), Value::Map(right)) => left == right,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }
}
