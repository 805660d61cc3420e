//! Types as far as they can be known before evaluation. What comes out of a request is `dyn`, and `dyn` fits everything.

use std::fmt;

/// How deep a type may nest; what is deeper is `dyn`. Whoever walks one does so by recursion.
const DEEPEST: usize = 32;

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// The type of a type.
    Meta,
    List(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Optional(Box<Type>),
    /// A type with functions of its own and no literals: `quantity`, `url`, `Object.spec`.
    Named(String),
}

impl Type {
    /// Reads a type as the table of functions writes it: `list(string)`, `map`, `quantity`.
    pub(crate) fn parse(text: &str) -> Type {
        let text = text.trim();
        if let Some((outer, inner)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
            return match outer {
                "list" => Type::List(Box::new(Type::parse(inner))),
                "optional" => Type::Optional(Box::new(Type::parse(inner))),
                _ => match inner.split_once(' ') {
                    Some((key, value)) => Type::Map(Box::new(Type::parse(key)), Box::new(Type::parse(value))),
                    None => Type::Dyn,
                },
            };
        }
        match text {
            "dyn" => Type::Dyn,
            "null" => Type::Null,
            "bool" => Type::Bool,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "double" => Type::Double,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            "type" => Type::Meta,
            "list" => Type::List(Box::new(Type::Dyn)),
            "map" => Type::Map(Box::new(Type::Dyn), Box::new(Type::Dyn)),
            "optional" => Type::Optional(Box::new(Type::Dyn)),
            other => Type::Named(other.to_owned()),
        }
    }

    /// Whether a value of this type may stand where `wanted` is asked for.
    pub(crate) fn fits(&self, wanted: &Type) -> bool {
        match (self, wanted) {
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (Type::List(have), Type::List(want)) | (Type::Optional(have), Type::Optional(want)) => have.fits(want),
            (Type::Map(key, value), Type::Map(want_key, want_value)) => key.fits(want_key) && value.fits(want_value),
            // An object is built field by field, and its fields are not known here.
            (Type::Named(name), Type::Map(..)) | (Type::Map(..), Type::Named(name)) => is_object(name),
            (Type::Named(one), Type::Named(other)) => one == other || (is_object(one) && is_object(other)),
            (Type::Null, Type::Optional(_) | Type::Named(_)) => true,
            (have, want) => have == want,
        }
    }

    /// The type itself, or `dyn` if it nests too deep.
    pub(crate) fn bounded(self) -> Type {
        if self.within(DEEPEST) { self } else { Type::Dyn }
    }

    /// Whether it nests no deeper than so many levels.
    fn within(&self, levels: usize) -> bool {
        let inner = |found: &Type| levels.checked_sub(1).is_some_and(|levels| found.within(levels));
        match self {
            Type::List(item) | Type::Optional(item) => inner(item),
            Type::Map(key, value) => inner(key) && inner(value),
            _ => true,
        }
    }

    /// Whether both are numbers, or one of them may be one.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }

    /// A type that both fit.
    pub(crate) fn join(self, other: Type) -> Type {
        match (self, other) {
            (one, other) if one == other => one,
            (Type::List(one), Type::List(other)) => Type::List(Box::new(one.join(*other))),
            (Type::Optional(one), Type::Optional(other)) => Type::Optional(Box::new(one.join(*other))),
            (Type::Map(key, value), Type::Map(other_key, other_value)) => {
                Type::Map(Box::new(key.join(*other_key)), Box::new(value.join(*other_value)))
            }
            _ => Type::Dyn,
        }
    }
}

/// Whether a type's name is that of a part of the object that a policy mutates.
pub(crate) fn is_object(name: &str) -> bool {
    name == "Object" || name.starts_with("Object.") || name == "JSONPatch"
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Dyn => f.write_str("dyn"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Uint => f.write_str("uint"),
            Type::Double => f.write_str("double"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Timestamp => f.write_str("google.protobuf.Timestamp"),
            Type::Duration => f.write_str("google.protobuf.Duration"),
            Type::Meta => f.write_str("type"),
            Type::List(item) => write!(f, "list({item})"),
            Type::Map(key, value) => write!(f, "map({key}, {value})"),
            Type::Optional(inner) => write!(f, "optional_type({inner})"),
            Type::Named(name) => f.write_str(name),
        }
    }
}
