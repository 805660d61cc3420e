//! SPDX 2 in any of its forms, in the shape that its JSON has: what the schema speaks of, and what [`super::read`] takes.

use serde_json::{Map, Value};

use super::tag_value;
use crate::lint::Problem;
use crate::xml::{self, Element};
use crate::{Format, Limits, ReadError, schema};

/// A document in the shape of JSON, and problems that the other form has on its own.
///
/// Errors: bytes that are not of the format at all.
pub(crate) fn of(format: Format, bytes: &[u8], limits: &Limits) -> Result<tag_value::Parsed, ReadError> {
    let invalid = |why: String| ReadError::Invalid { format, why };
    match format {
        Format::SpdxTagValue => {
            let text = String::from_utf8_lossy(bytes);
            let mut parsed = tag_value::parse(&text);
            // Copyright texts of old tools are in Latin-1 now and then; the rest of such a document is good.
            if let Err(err) = std::str::from_utf8(bytes) {
                let what = format!("is not UTF-8 at byte {}", err.valid_up_to());
                parsed.problems.push(Problem { at: String::new(), what });
            }
            Ok(parsed)
        }
        Format::SpdxXml => {
            let root = xml::parse_bytes(bytes).map_err(invalid)?;
            let version = root.child("spdxVersion").map(|version| version.text.trim()).unwrap_or_default();
            let document = from_xml(&root, &schema::spdx2(version));
            Ok(tag_value::Parsed { document, problems: Vec::new() })
        }
        Format::SpdxYaml => {
            let nodes = limits.bytes.min(200 << 20);
            let yaml = signet_yaml::Limits { max_bytes: limits.bytes, max_nodes: nodes / 8, ..Default::default() };
            let text = std::str::from_utf8(bytes)
                .map_err(|err| invalid(format!("it is not UTF-8 at byte {}", err.valid_up_to())))?;
            let documents = signet_yaml::parse(text, &yaml).map_err(|err| invalid(err.to_string()))?;
            let [document] = documents.as_slice() else {
                return Err(invalid(format!("it holds {} documents", documents.len())));
            };
            let version = document.root.get("spdxVersion").and_then(|version| version.text()).unwrap_or_default();
            let document = from_yaml(&document.root, &schema::spdx2(version));
            Ok(tag_value::Parsed { document, problems: Vec::new() })
        }
        _ => {
            let document = serde_json::from_slice(bytes).map_err(|err| ReadError::Json { format, err })?;
            Ok(tag_value::Parsed { document, problems: Vec::<Problem>::new() })
        }
    }
}

fn type_of(schema: &Value) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn scalar(text: &str, schema: &Value) -> Value {
    match type_of(schema) {
        "boolean" => text.trim().parse().map_or_else(|_| text.into(), Value::Bool),
        "integer" | "number" => text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    }
}

/// Elements are members, repeated ones lists; the schema says which are.
fn from_xml(element: &Element, schema: &Value) -> Value {
    if type_of(schema) != "object" && element.children.is_empty() {
        return scalar(&element.text, schema);
    }
    let mut members = Map::new();
    for child in &element.children {
        let inner = schema.get("properties").and_then(|known| known.get(&child.name)).unwrap_or(&Value::Null);
        if type_of(inner) == "array" {
            let item = from_xml(child, inner.get("items").unwrap_or(&Value::Null));
            if let Value::Array(list) = members.entry(child.name.clone()).or_insert_with(|| Value::Array(Vec::new())) {
                list.push(item);
            }
        } else if members.insert(child.name.clone(), from_xml(child, inner)).is_some() {
            // Two where one can be: a list, which the schema refuses.
            members.insert(child.name.clone(), Value::Array(Vec::new()));
        }
    }
    if !element.text.trim().is_empty() {
        members.insert("#text".to_owned(), element.text.trim().into());
    }
    Value::Object(members)
}

/// As JSON, but what must be a text stays as it was written: `versionInfo: 1.10`.
fn from_yaml(node: &signet_yaml::Node, schema: &Value) -> Value {
    if let Some(entries) = node.as_map() {
        let known = schema.get("properties");
        let member = |(key, value): &(signet_yaml::Node, signet_yaml::Node)| {
            let key = key.text().unwrap_or_default().to_owned();
            let inner = known.and_then(|known| known.get(&key)).unwrap_or(&Value::Null);
            let value = from_yaml(value, inner);
            (key, value)
        };
        return Value::Object(entries.iter().map(member).collect());
    }
    if let Some(items) = node.as_seq() {
        let inner = schema.get("items").unwrap_or(&Value::Null);
        return Value::Array(items.iter().map(|item| from_yaml(item, inner)).collect());
    }
    match (type_of(schema), node.text()) {
        ("string", Some(text)) if !node.is_null() => text.into(),
        _ => signet_yaml::to_json(node),
    }
}
