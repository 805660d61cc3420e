//! Types, as the checker knows them.

use std::fmt;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Known only at run time.
    Dyn,
    /// The type of `null`.
    Null,
    /// `true`, `false`.
    Bool,
    /// 64 bits, signed.
    Int,
    /// 64 bits, unsigned.
    Uint,
    /// IEEE 754.
    Double,
    /// Unicode text.
    String,
    /// Bytes.
    Bytes,
    /// A length of time.
    Duration,
    /// A point in time.
    Timestamp,
    /// `unknown < low < medium < high < critical`.
    Severity,
    /// A list of one type.
    List(Box<Type>),
    /// A map from keys (bool, int, uint, string) to values.
    Map(Box<Type>, Box<Type>),
}

impl Type {
    /// A list of these.
    pub fn list(of: Type) -> Type {
        Type::List(Box::new(of))
    }

    /// A map from these to those.
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Box::new(key), Box::new(value))
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }

    /// The one type that both are, if there is one.
    pub(crate) fn join(&self, other: &Type) -> Option<Type> {
        match (self, other) {
            (Type::Dyn, _) | (_, Type::Dyn) => Some(Type::Dyn),
            (Type::List(left), Type::List(right)) => Some(Type::list(left.join(right)?)),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                Some(Type::map(key.join(other_key)?, value.join(other_value)?))
            }
            (left, right) => (left == right).then(|| left.clone()),
        }
    }

    /// Whether `==` between the two makes sense.
    pub(crate) fn comparable(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::List(left), Type::List(right)) => left.comparable(right),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                key.comparable(other_key) && value.comparable(other_value)
            }
            (left, right) => (left.is_number() && right.is_number()) || left.join(right).is_some(),
        }
    }

    /// With its article, for sentences.
    pub(crate) fn a(&self) -> String {
        match self {
            Type::Null => "null".to_owned(),
            Type::Int => "an int".to_owned(),
            Type::Dyn => "a value of unknown type".to_owned(),
            Type::Bytes => "bytes".to_owned(),
            other => format!("a {other}"),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Type::Dyn => "dyn",
            Type::Null => "null",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Duration => "duration",
            Type::Timestamp => "timestamp",
            Type::Severity => "severity",
            Type::List(of) => return write!(f, "list({of})"),
            Type::Map(key, value) => return write!(f, "map({key}, {value})"),
        };
        f.write_str(name)
    }
}
