//! YAML files of feeds as values of ours.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use signet_yaml::{Node, Value};

/// The first document of a file.
pub(crate) fn one<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value = value(bytes)?;
    serde_json::from_value(value).map_err(|err| err.to_string())
}

/// The first document as JSON in which every scalar is the text that was written: a version without quotes (`1.10`) must not become a number.
/// Null stays null.
pub(crate) fn value(bytes: &[u8]) -> Result<Json, String> {
    let documents = signet_yaml::parse_bytes(bytes, &signet_yaml::Limits::default()).map_err(|err| err.to_string())?;
    let document = documents.into_iter().next().ok_or_else(|| "there is no document".to_owned())?;
    Ok(texts(&document.root))
}

/// Recursion is bounded by the parser's depth limit.
fn texts(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Sequence(items) => Json::Array(items.iter().map(texts).collect()),
        Value::Mapping(entries) => Json::Object(
            entries.iter().map(|(key, value)| (key.text().unwrap_or_default().to_owned(), texts(value))).collect(),
        ),
        _ => Json::String(node.text().unwrap_or_default().to_owned()),
    }
}
