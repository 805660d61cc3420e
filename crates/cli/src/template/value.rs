//! Values: JSON, borrowed from the report where it can be.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

/// A value of a template.
pub(super) type Val<'v> = Cow<'v, Value>;

/// A number as Go's templates know them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(super) fn json(self) -> Value {
        match self {
            Number::Int(number) => Value::from(number),
            Number::Float(number) => Value::from(number),
        }
    }

    /// The number of a value; what is not there is zero.
    pub(super) fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Null => Some(Number::Int(0)),
            Value::Number(number) => Some(match number.as_i64() {
                Some(whole) => Number::Int(whole),
                None => Number::Float(number.as_f64()?),
            }),
            _ => None,
        }
    }

    pub(super) fn float(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

/// A string value.
pub(super) fn text<'v>(text: impl Into<String>) -> Val<'v> {
    Cow::Owned(Value::String(text.into()))
}

/// A value of our own.
pub(super) fn owned<'v>(value: impl Into<Value>) -> Val<'v> {
    Cow::Owned(value.into())
}

/// A field: by its name, else by its name in another case, else nothing.
///
/// Go nests what JSON flattens: Trivy's templates write `.Vulnerability.Title` of a finding whose JSON has `Title` itself. A name that stands
/// for such an embedded part gives the object itself.
pub(super) fn field<'v>(value: &Val<'v>, name: &str) -> Option<Val<'v>> {
    match value {
        Cow::Borrowed(Value::Object(fields)) => Some(match find(fields, name) {
            Some(found) => Cow::Borrowed(found),
            None if EMBEDDED.contains(&name) => value.clone(),
            None => Cow::Owned(Value::Null),
        }),
        Cow::Owned(Value::Object(fields)) => Some(match find(fields, name) {
            Some(found) => Cow::Owned(found.clone()),
            None if EMBEDDED.contains(&name) => value.clone(),
            None => Cow::Owned(Value::Null),
        }),
        Cow::Borrowed(Value::Null) | Cow::Owned(Value::Null) => Some(Cow::Owned(Value::Null)),
        _ => None,
    }
}

/// Parts of Trivy's Go types that have no place of their own in its JSON.
const EMBEDDED: &[&str] = &["Vulnerability", "DetectedVulnerability"];

fn find<'f>(fields: &'f Map<String, Value>, name: &str) -> Option<&'f Value> {
    fields.get(name).or_else(|| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The items of a list; nothing is an empty one.
pub(super) fn items<'v>(value: &Val<'v>) -> Option<Vec<Val<'v>>> {
    match value {
        Cow::Borrowed(Value::Array(items)) => Some(items.iter().map(Cow::Borrowed).collect()),
        Cow::Owned(Value::Array(items)) => Some(items.iter().cloned().map(Cow::Owned).collect()),
        Cow::Borrowed(Value::Null) | Cow::Owned(Value::Null) => Some(Vec::new()),
        _ => None,
    }
}

/// Whether a condition holds: not for nothing, `false`, zero and what is empty.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// As Go prints it with `%v`. What is not there prints nothing.
pub(super) fn print(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => print_float(float),
            None => number.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(print).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            let parts: Vec<String> =
                keys.iter().map(|key| format!("{key}:{}", fields.get(*key).map(print).unwrap_or_default())).collect();
            format!("map[{}]", parts.join(" "))
        }
    }
}

/// Go's `%v` of a float: the shortest digits, with an exponent for what is very large or small.
fn print_float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        let text = format!("{number:e}");
        let Some((digits, exponent)) = text.split_once('e') else { return text };
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{number}")
}

/// Equality as `eq` has it; `None`: the two cannot be compared. Nothing equals whatever is empty.
pub(super) fn equal(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Null, other) | (other, Value::Null) => Some(!truth(other)),
        (Value::Number(_), Value::Number(_)) => Some(order(a, b)? == Ordering::Equal),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        _ => None,
    }
}

/// Order of numbers or of strings.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::Null) => Some(a.as_str().cmp("")),
        (Value::Null, Value::String(b)) => Some("".cmp(b)),
        _ => match (Number::of(a)?, Number::of(b)?) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.float().partial_cmp(&b.float()),
        },
    }
}
