//! Text that is read as JSON or YAML. Each value is paid for before it is made, so that a short text cannot become a large value.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use signet_yaml::{Limits, Node, Value as Yaml, parse, to_json};

use super::Called;
use crate::cel::budget::Budget;
use crate::cel::error::Error;
use crate::cel::value::{Key, Text, Value};

/// Longest text, in bytes.
const LONGEST: usize = 4 << 20;
/// Most values that a text may hold.
const VALUES: usize = 200_000;

fn fits(text: &str) -> Result<(), Error> {
    if text.len() > LONGEST {
        return Err(Error::limit(format!("a text of more than {LONGEST} bytes is not read")));
    }
    Ok(())
}

/// Reads JSON. Errors: it is none, or it costs more than is left.
pub(super) fn json<'a>(text: &str, budget: &Budget) -> Called<'a> {
    fits(text)?;
    let failed = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Reader { budget, failed: &failed, made: PhantomData }.deserialize(&mut reader);
    match (read.and_then(|value| reader.end().map(|()| value)), failed.take()) {
        (Ok(value), None) => Ok(value),
        (_, Some(err)) => Err(err),
        (Err(_), None) => Err(Error::new("failed to unmarshal JSON: the text is none")),
    }
}

/// One value of a JSON text.
struct Reader<'b, 'a> {
    budget: &'b Budget,
    /// Why reading ended, if it was not the text.
    failed: &'b RefCell<Option<Error>>,
    made: PhantomData<Value<'a>>,
}

impl<'b, 'a> Reader<'b, 'a> {
    fn again(&self) -> Reader<'b, 'a> {
        Reader { budget: self.budget, failed: self.failed, made: PhantomData }
    }

    fn passed<T, E: serde::de::Error>(&self, result: Result<T, Error>) -> Result<T, E> {
        result.map_err(|err| {
            let shown = E::custom(&err);
            self.failed.borrow_mut().get_or_insert(err);
            shown
        })
    }

    fn pay<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        self.passed(self.budget.spend(1).and_then(|()| self.budget.spend_bytes(bytes)))
    }
}

impl<'de, 'a> DeserializeSeed<'de> for Reader<'_, 'a> {
    type Value = Value<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'a> Visitor<'de> for Reader<'_, 'a> {
    type Value = Value<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value<'a>, E> {
        self.pay(0).map(|()| Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value<'a>, E> {
        self.pay(0).map(|()| Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value<'a>, E> {
        self.pay(0).map(|()| Value::Int(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value<'a>, E> {
        // As numbers of the request: what is no `int` is a `double`.
        self.pay(0).map(|()| i64::try_from(value).map_or(Value::Double(value as f64), Value::Int))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value<'a>, E> {
        self.pay(0).map(|()| Value::Double(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value<'a>, E> {
        self.pay(text.len()).map(|()| Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'a>, A::Error> {
        self.pay(0)?;
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(self.again())? {
            found.push(item);
        }
        self.passed(Value::list(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'a>, A::Error> {
        self.pay(0)?;
        let mut found = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.pay(key.len())?;
            let value = entries.next_value_seed(self.again())?;
            found.insert(Key::String(Text::Made(key.into())), value);
        }
        self.passed(Value::map(found))
    }
}

/// Reads the first document of a YAML text. Errors: it is none, or it costs more than is left, the copies that its aliases make included.
pub(super) fn yaml<'a>(text: &str, budget: &Budget) -> Called<'a> {
    fits(text)?;
    let left = usize::try_from(budget.left()).unwrap_or(usize::MAX);
    let defaults = Limits::default();
    let limits = Limits {
        max_bytes: LONGEST,
        max_nodes: VALUES.min(left),
        max_copied_bytes: defaults.max_copied_bytes.min(left.saturating_mul(10)),
        ..defaults
    };
    let documents = parse(text, &limits).map_err(|err| match err.too_large {
        true => Error::limit(format!("a YAML text is not read: {}", err.message)),
        false => Error::new("failed to parse YAML: the text is none"),
    })?;
    let Some(first) = documents.first() else { return Ok(Value::Null) };
    weigh(&first.root, budget)?;
    Value::from_json(to_json(&first.root))
}

/// Pays for a tree before it is copied. Its depth has a bound, [`Limits::DEPTH_CEILING`].
fn weigh(node: &Node, budget: &Budget) -> Result<(), Error> {
    budget.spend(1)?;
    match &node.value {
        Yaml::String(text) => budget.spend_bytes(text.len()),
        Yaml::Binary(bytes) => budget.spend_bytes(bytes.len().saturating_mul(2)),
        Yaml::Sequence(items) => items.iter().try_for_each(|item| weigh(item, budget)),
        Yaml::Mapping(entries) => entries.iter().try_for_each(|(key, value)| {
            weigh(key, budget)?;
            weigh(value, budget)
        }),
        _ => Ok(()),
    }
}
