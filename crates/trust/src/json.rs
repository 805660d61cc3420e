//! JSON of evidence, strictly: a member named twice is refused, since two readers may take different ones; so is anything after the value.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Parses one JSON value. Nesting is bounded by the parser (128).
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict.deserialize(&mut reader).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

/// Standard base64 with padding, and only the one canonical text for each value.
pub(crate) fn base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| format!("not canonical base64: {error}"))
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict)?;
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("the member `{name}` stands there twice")));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// A value and where it stands, so that a refusal can say which member is wrong.
#[derive(Clone)]
pub(crate) struct At<'a> {
    value: Option<&'a Value>,
    path: String,
}

impl<'a> At<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value: Some(value), path: String::new() }
    }

    /// A member; `null` counts as absent, as in ProtoJSON.
    pub(crate) fn get(&self, name: &str) -> At<'a> {
        let value = self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null());
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        At { value, path }
    }

    pub(crate) fn is_present(&self) -> bool {
        self.value.is_some()
    }

    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.value
    }

    fn wrong(&self, expected: &str) -> String {
        match self.value {
            None => format!("`{}` is missing: expected {expected}", self.path),
            Some(_) => format!("`{}` is not {expected}", self.path),
        }
    }

    /// An object.
    pub(crate) fn object(&self) -> Result<&'a Map<String, Value>, String> {
        self.value.and_then(Value::as_object).ok_or_else(|| self.wrong("an object"))
    }

    pub(crate) fn str(&self) -> Result<&'a str, String> {
        self.value.and_then(Value::as_str).ok_or_else(|| self.wrong("a string"))
    }

    /// The items of a list of at most `most`; an absent list is empty.
    pub(crate) fn list(&self, most: usize) -> Result<Vec<At<'a>>, String> {
        let Some(value) = self.value else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.wrong("a list"))?;
        if list.len() > most {
            return Err(format!("`{}` has {} items, at most {most} are accepted", self.path, list.len()));
        }
        Ok(list
            .iter()
            .enumerate()
            .map(|(at, item)| At { value: Some(item), path: format!("{}[{at}]", self.path) })
            .collect())
    }

    /// Bytes in base64.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, String> {
        base64(self.str()?).map_err(|error| format!("`{}` is {error}", self.path))
    }

    /// A whole number from zero, as a number or (ProtoJSON, int64) as a string; absent is zero.
    pub(crate) fn number(&self) -> Result<u64, String> {
        match self.value {
            None => Ok(0),
            Some(Value::Number(number)) => number.as_u64().ok_or_else(|| self.wrong("a whole number from zero")),
            Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
                text.parse().map_err(|_| self.wrong("a whole number from zero"))
            }
            Some(_) => Err(self.wrong("a whole number from zero")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readings_are_refused() {
        assert!(parse(br#"{"a":1,"b":{"c":[1,2.5,null,true,"x"]}}"#).is_ok());
        assert!(parse(br#"{"a":1,"a":1}"#).unwrap_err().contains("twice"));
        assert!(parse(br#"[{"x":{"a":1,"\u0061":2}}]"#).unwrap_err().contains("twice"));
        assert!(parse(b"{} {}").is_err());
        assert!(parse(b"{}x").is_err());
        assert!(parse("[".repeat(200_000).as_bytes()).is_err());
        assert!(base64("AB==").is_err());
        assert!(base64("AA").is_err());
        assert!(base64("AA==\n").is_err());
        assert!(base64("-_8=").is_err());
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        let value = parse(br#"{"a":"12","b":-1,"c":"-1","d":1.5,"e":7,"f":"","g":null}"#).unwrap();
        let root = At::root(&value);
        assert_eq!(root.get("a").number(), Ok(12));
        assert_eq!(root.get("e").number(), Ok(7));
        assert_eq!(root.get("g").number(), Ok(0));
        for name in ["b", "c", "d", "f"] {
            assert!(root.get(name).number().is_err(), "{name}");
        }
    }
}
