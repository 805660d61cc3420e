//! What an expression evaluates to. What comes out of a request is borrowed and never copied.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::{Map as JsonMap, Number, Value as Json};

use super::budget::Budget;
use super::error::Error;
use super::opaque::Opaque;

/// How deep a value may nest that an expression builds.
const DEEPEST: usize = 64;
/// How deep and how large a value may be that is written as JSON.
const JSON_DEPTH: usize = 256;
const JSON_NODES: usize = 200_000;
/// How many bytes of text it may hold.
const JSON_BYTES: usize = 16 << 20;

/// Text, of the request or made.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Of the data or of the policy.
    Borrowed(&'a str),
    /// Made.
    Made(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Made(text) => text,
        }
    }
}

/// What may stand as a key.
#[derive(Clone, Debug)]
pub enum Key<'a> {
    /// True or false.
    Bool(bool),
    /// An `int` or a `uint`: one key by both.
    Number(i128),
    /// Text.
    String(Text<'a>),
}

impl Key<'_> {
    fn rank(&self) -> u8 {
        match self {
            Key::Bool(_) => 0,
            Key::Number(_) => 1,
            Key::String(_) => 2,
        }
    }

    fn order(&self, other: &Key<'_>) -> Ordering {
        match (self, other) {
            (Key::Bool(one), Key::Bool(other)) => one.cmp(other),
            (Key::Number(one), Key::Number(other)) => one.cmp(other),
            (Key::String(one), Key::String(other)) => one.deref().cmp(other.deref()),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Bytes of its text.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Key::String(text) => text.len(),
            _ => 0,
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other)
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key<'_> {}

/// A key of any lifetime, so that what is looked up need not live as long as the map, and is not copied.
trait AnyKey {
    fn key(&self) -> &Key<'_>;
}

impl AnyKey for Key<'_> {
    fn key(&self) -> &Key<'_> {
        self
    }
}

impl<'k, 'a: 'k> Borrow<dyn AnyKey + 'k> for Key<'a> {
    fn borrow(&self) -> &(dyn AnyKey + 'k) {
        self
    }
}

impl Ord for dyn AnyKey + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().order(other.key())
    }
}

impl PartialOrd for dyn AnyKey + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn AnyKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for dyn AnyKey + '_ {}

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// True or false.
    Bool(bool),
    /// 64 bits with a sign.
    Int(i64),
    /// 64 bits without one.
    Uint(u64),
    /// A floating point number.
    Double(f64),
    /// Text.
    String(Text<'a>),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A list or an object of the data; scalars are always taken out of it.
    Json(&'a Json),
    /// A list that was made.
    List(Rc<Made<Vec<Value<'a>>>>),
    /// A map that was made.
    Map(Rc<Made<BTreeMap<Key<'a>, Value<'a>>>>),
    /// `Object.spec{...}` or `JSONPatch{...}`: the type's name and the fields.
    Struct(&'a str, Rc<Made<BTreeMap<&'a str, Value<'a>>>>),
    /// A moment.
    Timestamp(Timestamp),
    /// Nanoseconds.
    Duration(i64),
    /// The name of a type.
    Type(Text<'a>),
    /// What may be missing.
    Optional(Option<Rc<Value<'a>>>),
    /// A value with functions of its own.
    Opaque(Rc<Opaque>),
}

/// Something that was made of other values, and how deep it nests.
#[derive(Debug)]
pub struct Made<T> {
    depth: usize,
    pub(crate) inner: T,
}

impl<T> Deref for Made<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

fn deeper<'v, 'a: 'v>(values: impl Iterator<Item = &'v Value<'a>>) -> Result<usize, Error> {
    let depth = values.map(Value::depth).max().unwrap_or_default() + 1;
    if depth > DEEPEST {
        return Err(Error::limit(format!("a value nests deeper than {DEEPEST} levels")));
    }
    Ok(depth)
}

impl<'a> Value<'a> {
    /// A value of the data.
    pub fn of(json: &'a Json) -> Value<'a> {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Value::Int(value),
                (None, value) => Value::Double(value.unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::String(Text::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => Value::Json(json),
        }
    }

    /// The same of data that is given away.
    pub fn from_json(json: Json) -> Result<Value<'a>, Error> {
        Ok(match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(value), _) => Value::Int(value),
                (None, value) => Value::Double(value.unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::list(items.into_iter().map(Value::from_json).collect::<Result<Vec<_>, _>>()?)?,
            Json::Object(entries) => {
                let mut map = BTreeMap::new();
                for (key, value) in entries {
                    map.insert(Key::String(Text::Made(key.into())), Value::from_json(value)?);
                }
                Value::map(map)?
            }
        })
    }

    /// Text that was made.
    pub fn text(text: impl Into<Rc<str>>) -> Value<'a> {
        Value::String(Text::Made(text.into()))
    }

    /// A list. Errors: it nests too deep.
    pub fn list(items: Vec<Value<'a>>) -> Result<Value<'a>, Error> {
        let depth = deeper(items.iter())?;
        Ok(Value::List(Rc::new(Made { depth, inner: items })))
    }

    /// A list of texts.
    pub(crate) fn texts(items: impl IntoIterator<Item = impl Into<Rc<str>>>) -> Value<'a> {
        let inner: Vec<Value<'a>> = items.into_iter().map(Value::text).collect();
        Value::List(Rc::new(Made { depth: 1, inner }))
    }

    /// A map. Errors: it nests too deep.
    pub fn map(entries: BTreeMap<Key<'a>, Value<'a>>) -> Result<Value<'a>, Error> {
        let depth = deeper(entries.values())?;
        Ok(Value::Map(Rc::new(Made { depth, inner: entries })))
    }

    /// A map with texts as keys.
    pub(crate) fn named<const N: usize>(entries: [(&'a str, Value<'a>); N]) -> Result<Value<'a>, Error> {
        Value::map(entries.into_iter().map(|(key, value)| (Key::String(Text::Borrowed(key)), value)).collect())
    }

    pub(crate) fn structure(name: &'a str, fields: BTreeMap<&'a str, Value<'a>>) -> Result<Value<'a>, Error> {
        let depth = deeper(fields.values())?;
        Ok(Value::Struct(name, Rc::new(Made { depth, inner: fields })))
    }

    /// Something that is there.
    pub(crate) fn some(value: Value<'a>) -> Result<Value<'a>, Error> {
        deeper(std::iter::once(&value))?;
        Ok(Value::Optional(Some(Rc::new(value))))
    }

    fn depth(&self) -> usize {
        match self {
            Value::List(list) => list.depth,
            Value::Map(map) => map.depth,
            Value::Struct(_, fields) => fields.depth,
            Value::Optional(Some(inner)) => inner.depth() + 1,
            _ => 0,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a list, and how long.
    pub(crate) fn length(&self) -> Option<usize> {
        match self {
            Value::List(items) => Some(items.len()),
            Value::Json(Json::Array(items)) => Some(items.len()),
            _ => None,
        }
    }

    /// An item of a list.
    pub(crate) fn item(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Value::List(items) => items.get(index).cloned(),
            Value::Json(Json::Array(items)) => items.get(index).map(Value::of),
            _ => None,
        }
    }

    /// All items of a list; those of a list that was made are not copied.
    pub(crate) fn listed(&self) -> Option<Cow<'_, [Value<'a>]>> {
        match self {
            Value::List(items) => Some(Cow::Borrowed(&items.inner)),
            Value::Json(Json::Array(items)) => Some(Cow::Owned(items.iter().map(Value::of).collect())),
            _ => None,
        }
    }

    /// All items of a list.
    pub(crate) fn items(&self) -> Option<Vec<Value<'a>>> {
        match self {
            Value::List(items) => Some(items.inner.clone()),
            Value::Json(Json::Array(items)) => Some(items.iter().map(Value::of).collect()),
            _ => None,
        }
    }

    /// Whether it is a map, and how many keys it has.
    pub(crate) fn entries(&self) -> Option<usize> {
        match self {
            Value::Map(map) => Some(map.len()),
            Value::Struct(_, fields) => Some(fields.len()),
            Value::Json(Json::Object(entries)) => Some(entries.len()),
            _ => None,
        }
    }

    /// The keys of a map one after the other, with what stands there.
    pub(crate) fn each_pair(&self) -> Option<Box<dyn Iterator<Item = (Key<'a>, Value<'a>)> + '_>> {
        Some(match self {
            Value::Map(map) => Box::new(map.iter().map(|(key, value)| (key.clone(), value.clone()))),
            Value::Struct(_, fields) => {
                Box::new(fields.iter().map(|(key, value)| (Key::String(Text::Borrowed(key)), value.clone())))
            }
            Value::Json(Json::Object(entries)) => {
                Box::new(entries.iter().map(|(key, value)| (Key::String(Text::Borrowed(key)), Value::of(value))))
            }
            _ => return None,
        })
    }

    /// All keys of a map, with what stands there, in one order.
    pub(crate) fn pairs(&self) -> Option<Vec<(Value<'a>, Value<'a>)>> {
        Some(self.each_pair()?.map(|(key, value)| (key.to_value(), value)).collect())
    }

    /// What looking at all of the value costs that is not looked at by steps of their own: items, or entries, and bytes.
    pub(crate) fn weight(&self) -> (usize, usize) {
        match self {
            Value::String(text) => (0, text.len()),
            Value::Bytes(bytes) => (0, bytes.len()),
            Value::Opaque(opaque) => (0, opaque.bytes()),
            Value::Optional(Some(inner)) => inner.weight(),
            other => (other.length().or(other.entries()).unwrap_or_default(), 0),
        }
    }

    /// What making it took; nothing where it is borrowed.
    pub(crate) fn made_weight(&self) -> (usize, usize) {
        match self {
            Value::String(Text::Borrowed(_)) | Value::Json(_) => (0, 0),
            Value::Optional(Some(inner)) => inner.made_weight(),
            other => other.weight(),
        }
    }

    /// What stands under a key. Outer `None`: it is no map.
    pub(crate) fn lookup(&self, key: &Key<'_>) -> Option<Option<Value<'a>>> {
        match (self, key) {
            (Value::Map(map), key) => Some(map.get(key as &dyn AnyKey).cloned()),
            (Value::Struct(_, fields), Key::String(name)) => Some(fields.get(&**name).cloned()),
            (Value::Json(Json::Object(entries)), Key::String(name)) => Some(entries.get(&**name).map(Value::of)),
            (Value::Struct(..) | Value::Json(Json::Object(_)), _) => Some(None),
            _ => None,
        }
    }

    /// The name of its type, as messages and `type()` write it.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Value::Null => "null_type",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Uint(_) => "uint",
            Value::Double(_) => "double",
            Value::String(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Json(Json::Array(_)) | Value::List(_) => "list",
            Value::Json(_) | Value::Map(_) => "map",
            Value::Struct(name, _) => name,
            Value::Timestamp(_) => "google.protobuf.Timestamp",
            Value::Duration(_) => "google.protobuf.Duration",
            Value::Type(_) => "type",
            Value::Optional(_) => "optional_type",
            Value::Opaque(opaque) => opaque.type_name(),
        }
    }

    /// The value as JSON. Errors: what JSON cannot hold, or too much of it.
    pub fn to_json(&self) -> Result<Json, Error> {
        self.write_json(0, &mut Room { nodes: JSON_NODES, bytes: JSON_BYTES, budget: None })
    }

    /// The same, and each part is paid for before it is written.
    pub(crate) fn to_json_within(&self, budget: &Budget) -> Result<Json, Error> {
        self.write_json(0, &mut Room { nodes: JSON_NODES, bytes: JSON_BYTES, budget: Some(budget) })
    }

    fn write_json(&self, depth: usize, room: &mut Room<'_>) -> Result<Json, Error> {
        room.take(depth, self.as_str().map_or(0, str::len))?;
        Ok(match self {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Double(value) => {
                // A whole number is one in JSON, too: `5.0` of a policy means the integer field 5.
                let whole = value.fract() == 0.0 && value.abs() < 9e15;
                match (whole, Number::from_f64(*value)) {
                    (true, _) => Json::from(*value as i64),
                    (false, Some(number)) => Json::Number(number),
                    (false, None) => return Err(Error::new("a number that is not finite has no JSON")),
                }
            }
            Value::String(text) => Json::String(text.to_string()),
            Value::Bytes(bytes) => {
                use base64::Engine as _;
                room.take(depth, bytes.len())?;
                Json::String(base64::engine::general_purpose::STANDARD.encode(bytes))
            }
            Value::Json(json) => copy(json, depth, room)?,
            Value::List(items) => {
                Json::Array(items.iter().map(|item| item.write_json(depth + 1, room)).collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                let mut entries = JsonMap::new();
                for (key, value) in map.iter() {
                    room.text(key.bytes())?;
                    entries.insert(key.spelt(), value.write_json(depth + 1, room)?);
                }
                Json::Object(entries)
            }
            Value::Struct(_, fields) => {
                let mut entries = JsonMap::new();
                for (key, value) in fields.iter() {
                    room.text(key.len())?;
                    entries.insert((*key).to_owned(), value.write_json(depth + 1, room)?);
                }
                Json::Object(entries)
            }
            Value::Timestamp(_) | Value::Duration(_) => Json::String(super::convert::spelt(self)?),
            Value::Optional(Some(inner)) => inner.write_json(depth + 1, room)?,
            Value::Optional(None) => Json::Null,
            Value::Type(_) => return Err(Error::new("a type has no JSON")),
            Value::Opaque(opaque) => Json::String(
                opaque
                    .spelt()
                    .ok_or_else(|| Error::new(format!("a value of type `{}` has no JSON", opaque.type_name())))?,
            ),
        })
    }
}

/// What may still be written.
struct Room<'b> {
    nodes: usize,
    bytes: usize,
    budget: Option<&'b Budget>,
}

impl Room<'_> {
    /// Room for text, of a key or of a value.
    fn text(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_large)?;
        self.budget.map_or(Ok(()), |budget| budget.spend_bytes(bytes))
    }

    fn take(&mut self, depth: usize, bytes: usize) -> Result<(), Error> {
        if depth > JSON_DEPTH {
            return Err(Error::limit(format!("a value nests deeper than {JSON_DEPTH} levels")));
        }
        self.nodes = self.nodes.checked_sub(1).ok_or_else(too_large)?;
        if let Some(budget) = self.budget {
            budget.spend(1)?;
        }
        self.text(bytes)
    }
}

fn too_large() -> Error {
    Error::limit("a value is too large to be written")
}

fn copy(json: &Json, depth: usize, room: &mut Room<'_>) -> Result<Json, Error> {
    room.take(depth, json.as_str().map_or(0, str::len))?;
    Ok(match json {
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| copy(item, depth + 1, room)).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let mut copied = JsonMap::new();
            for (key, value) in entries {
                room.text(key.len())?;
                copied.insert(key.clone(), copy(value, depth + 1, room)?);
            }
            Json::Object(copied)
        }
        other => other.clone(),
    })
}

impl<'a> Key<'a> {
    /// The key that a value is. `None`: it can be none.
    pub(crate) fn of(value: &Value<'a>) -> Option<Key<'a>> {
        Some(match value {
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Number(i128::from(*value)),
            Value::Uint(value) => Key::Number(i128::from(*value)),
            Value::Double(value) if value.fract() == 0.0 && value.abs() < 1.8e19 => Key::Number(*value as i128),
            Value::String(text) => Key::String(text.clone()),
            _ => return None,
        })
    }

    pub(crate) fn to_value(&self) -> Value<'a> {
        match self {
            Key::Bool(value) => Value::Bool(*value),
            Key::Number(value) => match i64::try_from(*value) {
                Ok(value) => Value::Int(value),
                Err(_) => Value::Uint(u64::try_from(*value).unwrap_or(u64::MAX)),
            },
            Key::String(text) => Value::String(text.clone()),
        }
    }

    /// As it stands in JSON and in messages.
    pub(crate) fn spelt(&self) -> String {
        match self {
            Key::Bool(value) => value.to_string(),
            Key::Number(value) => value.to_string(),
            Key::String(text) => text.to_string(),
        }
    }
}
