//! That the embedded schemas are read whole, and what the interpreters say of small documents.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pattern::Pattern;
use super::*;

/// Calls `visit` with every schema inside a schema.
fn walk(schema: &Value, visit: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    let Value::Object(rules) = schema else { return };
    visit(rules);
    for (key, value) in rules {
        match key.as_str() {
            "properties" | "definitions" | "$defs" | "patternProperties" => {
                value.as_object().into_iter().flatten().for_each(|(_, schema)| walk(schema, visit));
            }
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array().into_iter().flatten().for_each(|schema| walk(schema, visit))
            }
            "items" | "additionalProperties" | "not" | "if" | "then" | "else" => walk(value, visit),
            _ => {}
        }
    }
}

#[test]
fn every_keyword_is_interpreted() {
    const KNOWN: &[&str] = &[
        "$schema",
        "$id",
        "$ref",
        "$defs",
        "definitions",
        "type",
        "const",
        "enum",
        "required",
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "minItems",
        "maxItems",
        "uniqueItems",
        "items",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
    ];
    let mut strange = BTreeSet::new();
    for (name, text) in FILES.iter().filter(|(name, _)| name.ends_with(".json")) {
        let schema: Value = serde_json::from_str(text).unwrap();
        walk(&schema, &mut |rules| {
            strange
                .extend(rules.keys().filter(|key| !KNOWN.contains(&key.as_str())).map(|key| format!("{name}: {key}")));
            if let Some(pattern) = rules.get("pattern").and_then(Value::as_str) {
                assert!(Pattern::ecma(pattern).is_some(), "{name}: {pattern}");
            }
            for pattern in rules.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
                assert!(Pattern::ecma(pattern.0).is_some(), "{name}: {}", pattern.0);
            }
        });
    }
    assert_eq!(strange, BTreeSet::new());
}

#[test]
fn every_element_of_xml_schema_is_interpreted() {
    const KNOWN: &[&str] = &[
        "schema",
        "import",
        "element",
        "complexType",
        "simpleType",
        "sequence",
        "choice",
        "any",
        "anyAttribute",
        "attribute",
        "attributeGroup",
        "simpleContent",
        "extension",
        "restriction",
        "enumeration",
        "pattern",
        "union",
        "minLength",
        "maxLength",
        "minInclusive",
        "maxInclusive",
        "unique",
        "selector",
        "field",
    ];
    for (name, text) in FILES.iter().filter(|(name, _)| name.ends_with(".xsd")) {
        let root = xml::parse(text).unwrap();
        let mut open = vec![&root];
        while let Some(element) = open.pop() {
            assert!(KNOWN.contains(&element.name.as_str()), "{name}: {}", element.name);
            if element.name == "pattern" {
                assert!(Pattern::xsd(element.attribute("value").unwrap()).is_some(), "{name}");
            }
            if element.name == "selector" {
                assert_eq!(element.attribute("xpath"), Some(".//*"), "{name}");
            }
            open.extend(&element.children);
        }
    }
}

#[track_caller]
fn check(document: Value, expected: &[&str]) {
    let found: Vec<String> = check_json(Schema::CycloneDx(6), &document)
        .iter()
        .map(|problem| format!("{}: {}", problem.at, problem.what))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn problems_say_where_and_what() {
    let head = |rest: Value| {
        let mut document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6"});
        document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        document
    };
    check(head(json!({})), &[]);
    check(json!({"specVersion": "1.6"}), &[": lacks `bomFormat`, which is required"]);
    check(head(json!({"version": "1"})), &["version: is a string and must be integer"]);
    check(head(json!({"x": 1})), &[": has a member `x` that the specification does not have"]);
    check(head(json!({"components": [{"type": "library"}]})), &["components[0]: lacks `name`, which is required"]);
    let component = json!({"type": "library", "name": "a"});
    check(head(json!({"components": [component, component]})), &["components: item 1 is there twice"]);
    let hash = json!({"alg": "MD5", "content": "x"});
    check(
        head(json!({"components": [{"type": "library", "name": "a", "hashes": [hash]}]})),
        &[
            "components[0].hashes[0].content: `x` does not have the form `^([a-fA-F0-9]{32}|[a-fA-F0-9]{40}|[a-fA-F0-9]{64}|[a-fA-F0-9]{96}|[a-fA-F0-9]{128})$`",
        ],
    );
    check(head(json!({"metadata": {"timestamp": "yesterday"}})), &["metadata.timestamp: `yesterday` is no date-time"]);
}

#[track_caller]
fn check_xml_text(body: &str, expected: &[&str]) {
    let text = format!("<bom xmlns='http://cyclonedx.org/schema/bom/1.6' version='1'>{body}</bom>");
    let found: Vec<String> = check_xml(6, &xml::parse(&text).unwrap())
        .iter()
        .map(|problem| format!("{}: {}", problem.at, problem.what))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn problems_of_xml_say_where_and_what() {
    check_xml_text("", &[]);
    check_xml_text(
        "<x/>",
        &[
            "bom: `x` is not allowed here; expected `metadata`, `components`, `services`, `externalReferences`, `dependencies`, `compositions`, `properties`, `vulnerabilities`",
        ],
    );
    check_xml_text(
        "<components><component type='library'/></components>",
        &[
            "bom.components.component: something is missing; expected `supplier`, `manufacturer`, `authors`, `author`, `publisher`, `group`, `name`",
        ],
    );
    check_xml_text(
        "<components><component type='book'><name>a</name></component></components>",
        &["bom.components.component: `type` `book` is none of the allowed values"],
    );
    check_xml_text(
        "<components><component type='library' bom-ref='a'><name>a</name></component><component type='library' bom-ref='a'><name>b</name></component></components>",
        &["component: `bom-ref` is `a`, which another element has already"],
    );
    check_xml_text(
        "<metadata><timestamp>soon</timestamp></metadata>",
        &["bom.metadata.timestamp: `soon` is no dateTime"],
    );
    check_xml_text("<o:x xmlns:o='urn:other'><o:y/></o:x>", &[]);
    check_xml_text("text", &["bom: has text, `text`, and must have elements only"]);
}
