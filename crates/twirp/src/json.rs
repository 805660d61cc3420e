//! What protobuf's JSON has that serde's has not: two spellings of a name, names of enumerations, times, and numbers as texts.
//!
//! Source: protobuf's documentation, "ProtoJSON Format"; twitchtv/twirp writes the names of the definition and every field.

use serde::de::{self, Deserialize as _, Deserializer};
use serde::ser::{self, Serializer};
use serde_json::{Map, Value};

/// Fields' names as in the definition: `blobInfo` may be written for `blob_info`. Names that have no upper case stay, so keys of maps do too.
pub(crate) fn with_proto_names(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            // `null` is a field that is not there.
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (snake(&name), with_proto_names(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(with_proto_names).collect()),
        other => other,
    }
}

fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for sign in name.chars() {
        if sign.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(sign.to_ascii_lowercase());
    }
    out
}

/// A value of an enumeration, by name or number.
fn enumerated<'de, D: Deserializer<'de>>(from: D, names: &[&str]) -> Result<i32, D::Error> {
    match Value::deserialize(from)? {
        Value::Number(number) => number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| de::Error::custom("no value of an enumeration")),
        Value::String(name) => names
            .iter()
            .position(|known| *known == name)
            .and_then(|place| i32::try_from(place).ok())
            .ok_or_else(|| de::Error::custom(format!("`{name}` is no value of the enumeration"))),
        _ => Err(de::Error::custom("no value of an enumeration")),
    }
}

fn named<S: Serializer>(value: i32, names: &[&str], to: S) -> Result<S::Ok, S::Error> {
    match usize::try_from(value).ok().and_then(|place| names.get(place)) {
        Some(name) => to.serialize_str(name),
        None => to.serialize_i32(value),
    }
}

macro_rules! enumeration {
    ($module:ident, $names:expr) => {
        pub(crate) mod $module {
            pub(crate) const NAMES: &[&str] = $names;

            pub(crate) fn serialize<S: serde::Serializer>(value: &i32, to: S) -> Result<S::Ok, S::Error> {
                super::named(*value, NAMES, to)
            }

            pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
                super::enumerated(from, NAMES)
            }
        }
    };
}

enumeration!(severity, &["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]);
enumeration!(
    category,
    &["UNSPECIFIED", "FORBIDDEN", "RESTRICTED", "RECIPROCAL", "NOTICE", "PERMISSIVE", "UNENCUMBERED", "UNKNOWN"]
);
enumeration!(license_type, &["UNSPECIFIED", "DPKG", "HEADER", "LICENSE_FILE"]);

/// Severities by who says them.
pub(crate) mod severities {
    use std::collections::BTreeMap;

    use serde::ser::SerializeMap as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(values: &BTreeMap<String, i32>, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(values.len()))?;
        for (name, value) in values {
            match usize::try_from(*value).ok().and_then(|place| super::severity::NAMES.get(place)) {
                Some(text) => map.serialize_entry(name, text)?,
                None => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, i32>, D::Error> {
        let values = BTreeMap::<String, serde_json::Value>::deserialize(from)?;
        values
            .into_iter()
            .map(|(name, value)| {
                let value = super::enumerated(value, super::severity::NAMES).map_err(serde::de::Error::custom)?;
                Ok((name, value))
            })
            .collect()
    }
}

/// 64-bit numbers, which JSON has as texts.
pub(crate) mod long {
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use serde_json::Value;

    pub(crate) fn serialize<S: Serializer>(value: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&value.to_string())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let value = Value::deserialize(from)?;
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        number.ok_or_else(|| de::Error::custom("no whole number"))
    }
}

/// What is only passed on has no JSON here: empty, or an error.
pub(crate) mod raw {
    use super::{Deserializer, Serializer, Value, de, ser};
    use serde::Deserialize as _;

    pub(crate) trait Empty: Default {
        fn is_nothing(&self) -> bool;
    }

    impl Empty for Vec<u8> {
        fn is_nothing(&self) -> bool {
            self.is_empty()
        }
    }

    impl Empty for Vec<Vec<u8>> {
        fn is_nothing(&self) -> bool {
            self.is_empty()
        }
    }

    const WHY: &str = "what is passed on as it came (secrets, causes, custom resources) is understood as protobuf only";

    pub(crate) fn serialize<S: Serializer, T: Empty>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        if value.is_nothing() { to.serialize_none() } else { Err(ser::Error::custom(WHY)) }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Empty>(from: D) -> Result<T, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(T::default()),
            Value::Array(items) if items.is_empty() => Ok(T::default()),
            _ => Err(de::Error::custom(WHY)),
        }
    }
}
