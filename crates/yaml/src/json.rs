//! The tree as JSON, as `kubectl` would send it.

use base64::Engine as _;
use serde_json::{Map, Number, Value as Json};

use crate::{Node, Value};

/// The JSON value of a node. Keys that are no strings become their JSON text (`on: 1` gives `"true"`), as sigs.k8s.io/yaml does.
///
/// Not-a-number and infinities, which JSON lacks, become `null`; binary data becomes base64 again. Positions, tags and styles are lost.
/// Recursion is bounded by [`crate::Limits::DEPTH_CEILING`].
pub fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::Number((*value).into()),
        Value::UInt(value) => Json::Number((*value).into()),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.clone()),
        Value::Binary(bytes) => Json::String(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::Sequence(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Mapping(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key_name(key), to_json(value))).collect::<Map<_, _>>())
        }
    }
}

/// The name that a key has in JSON. Two keys of one mapping never share it.
pub(crate) fn key_name(key: &Node) -> String {
    match &key.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::UInt(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Binary(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
        Value::Sequence(_) | Value::Mapping(_) => String::new(),
    }
}
