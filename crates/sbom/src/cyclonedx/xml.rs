//! CycloneDX in XML, in the shape that its JSON has, as far as readers and quality profiles look. Source: CycloneDX/specification,
//! `schema/bom-1.*.xsd` beside `bom-1.*.schema.json`.

use serde_json::{Map, Value};

use crate::xml::Element;

/// Where the specification's namespaces begin.
pub(crate) const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/1.";

/// The minor version that a root element's namespace names.
pub(crate) fn minor(root: &Element) -> Option<u32> {
    root.namespace.strip_prefix(NAMESPACE).and_then(|minor| minor.parse().ok())
}

/// The document in the shape of JSON.
///
/// Errors: another root element or namespace, in one sentence.
pub(crate) fn to_json(root: &Element) -> Result<Value, String> {
    let minor = minor(root).filter(|_| root.name == "bom");
    let minor = minor.ok_or_else(|| format!("the root is `{}` of the namespace `{}`", root.name, root.namespace))?;
    let mut document = object(root);
    document.insert("bomFormat".to_owned(), "CycloneDX".into());
    document.insert("specVersion".to_owned(), format!("1.{minor}").into());
    Ok(Value::Object(document))
}

/// Lists that have an element around them, and what each item is called.
const LISTS: &[(&str, &[&str])] = &[
    ("components", &["component"]),
    ("services", &["service"]),
    ("hashes", &["hash"]),
    ("externalReferences", &["reference"]),
    ("properties", &["property"]),
    ("authors", &["author"]),
    ("lifecycles", &["lifecycle"]),
    ("compositions", &["composition"]),
    ("vulnerabilities", &["vulnerability"]),
    ("occurrences", &["occurrence"]),
    ("affects", &["target"]),
    ("annotations", &["annotation"]),
];

/// Members of JSON that are lists of one kind of element that may stand several times without an element around.
const REPEATED: &[&str] = &["contact", "url", "swhid", "omniborId", "identity"];

/// Text elements that are objects or numbers in JSON, and parts that are no part of our model; they are left out.
const LEFT_OUT: &[&str] = &[
    "pedigree",
    "releaseNotes",
    "modelCard",
    "cryptoProperties",
    "formulation",
    "declarations",
    "definitions",
    "text",
];

fn object(element: &Element) -> Map<String, Value> {
    let mut members = Map::new();
    for attribute in element.attributes.iter().filter(|attribute| attribute.namespace.is_empty()) {
        let value = match attribute.name.as_str() {
            "version" if element.name == "bom" => {
                attribute.value.trim().parse::<u64>().map_or_else(|_| attribute.value.as_str().into(), Value::from)
            }
            "isExternal" => (attribute.value.trim() == "true").into(),
            _ => attribute.value.as_str().into(),
        };
        members.insert(attribute.name.clone(), value);
    }
    for child in element.children.iter().filter(|child| child.namespace == element.namespace) {
        let name = child.name.as_str();
        if LEFT_OUT.contains(&name) {
            continue;
        }
        if let Some((_, items)) = LISTS.iter().find(|(list, _)| *list == name) {
            let items = child.children.iter().filter(|item| items.contains(&item.name.as_str()));
            members.insert(name.to_owned(), items.map(item).collect());
        } else if REPEATED.contains(&name)
            && !(name == "url" && matches!(element.name.as_str(), "reference" | "license" | "source"))
        {
            if let Value::Array(list) = members.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                list.push(value(child));
            }
        } else {
            let found = match name {
                "licenses" => licenses(child),
                "dependencies" if element.name == "bom" => child.children.iter().map(dependency).collect(),
                "dependencies" | "assemblies" => references(child),
                "tools" => tools(child),
                "line" | "offset" => {
                    child.text.trim().parse::<u32>().map_or_else(|_| child.text.as_str().into(), Value::from)
                }
                _ => value(child),
            };
            members.insert(name.to_owned(), found);
        }
    }
    members
}

/// A text, or an object where there are elements inside.
fn value(element: &Element) -> Value {
    let own = element.attributes.iter().any(|attribute| attribute.namespace.is_empty());
    match element.children.is_empty() && !own {
        true => element.text.as_str().into(),
        false => Value::Object(object(element)),
    }
}

fn item(element: &Element) -> Value {
    let mut members = object(element);
    match element.name.as_str() {
        "hash" => drop(members.insert("content".to_owned(), element.text.trim().into())),
        "property" => drop(members.insert("value".to_owned(), element.text.as_str().into())),
        _ => {}
    }
    Value::Object(members)
}

fn licenses(element: &Element) -> Value {
    let choice = |license: &Element| {
        let mut members = Map::new();
        match license.name.as_str() {
            "expression" => {
                members.insert("expression".to_owned(), license.text.trim().into());
                members.extend(object(license));
            }
            "expression-detailed" => members.extend(object(license)),
            _ => drop(members.insert("license".to_owned(), object(license).into())),
        }
        Value::Object(members)
    };
    element.children.iter().filter(|child| child.namespace == element.namespace).map(choice).collect()
}

fn references(element: &Element) -> Value {
    element.children.iter().filter_map(|child| child.attribute("ref")).map(Value::from).collect()
}

fn dependency(element: &Element) -> Value {
    let inner = |name: &str| -> Value {
        element
            .children
            .iter()
            .filter(|child| child.name == name)
            .filter_map(|child| child.attribute("ref"))
            .map(Value::from)
            .collect()
    };
    let mut members = Map::new();
    members.insert("ref".to_owned(), element.attribute("ref").unwrap_or_default().into());
    members.insert("dependsOn".to_owned(), inner("dependency"));
    if element.child("provides").is_some() {
        members.insert("provides".to_owned(), inner("provides"));
    }
    Value::Object(members)
}

/// A list of tools until 1.4, an object with components and services since.
fn tools(element: &Element) -> Value {
    if element.child("components").is_some() || element.child("services").is_some() {
        return Value::Object(object(element));
    }
    element.children.iter().filter(|child| child.name == "tool").map(item).collect()
}
