//! Rules that no schema expresses: ids are unique, references lead somewhere.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::Problem;
use crate::xml::Element;

const PROBLEMS: usize = 100;

fn say(problems: &mut Vec<Problem>, at: impl Into<String>, what: impl Into<String>) {
    if problems.len() < PROBLEMS {
        problems.push(Problem { at: at.into(), what: what.into() });
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// `bom-ref` is unique; dependencies, compositions and affected components name one that is there. Links to other documents (`urn:cdx:`)
/// are not followed. Source: CycloneDX 1.6, `refType` and `refLinkType`.
pub(super) fn cyclonedx(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    // In a formulation the specification's own examples state a resource wherever it is used.
    let mut open = vec![(document, true)];
    while let Some((value, unique)) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(id) = members.get("bom-ref").and_then(Value::as_str)
                    && !known.insert(id)
                    && unique
                {
                    say(&mut problems, "bom-ref", format!("`{id}` names more than one thing"));
                }
                open.extend(members.iter().map(|(key, value)| (value, unique && key != "formulation")));
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (item, unique))),
            _ => {}
        }
    }
    let mut named = |at: String, id: &str| {
        if !id.starts_with("urn:cdx:") && !known.contains(id) {
            say(&mut problems, at, format!("refers to `{id}`, which is not there"));
        }
    };
    for (place, dependency) in list(document, "dependencies").enumerate() {
        named(format!("dependencies[{place}].ref"), text(dependency, "ref").unwrap_or_default());
        for key in ["dependsOn", "provides"] {
            for id in list(dependency, key).filter_map(Value::as_str) {
                named(format!("dependencies[{place}].{key}"), id);
            }
        }
    }
    for (place, composition) in list(document, "compositions").enumerate() {
        for key in ["assemblies", "dependencies", "vulnerabilities"] {
            for id in list(composition, key).filter_map(Value::as_str) {
                named(format!("compositions[{place}].{key}"), id);
            }
        }
    }
    for (place, vulnerability) in list(document, "vulnerabilities").enumerate() {
        for id in list(vulnerability, "affects").filter_map(|affected| text(affected, "ref")) {
            named(format!("vulnerabilities[{place}].affects"), id);
        }
    }
    problems
}

/// What the schema would say with assertions of XML Schema 1.1, which it holds as a comment.
pub(super) fn cyclonedx_xml(root: &Element) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut open = vec![root];
    while let Some(element) = open.pop() {
        if element.child("versionRange").is_some() && !matches!(element.attribute("isExternal"), Some("true" | "1")) {
            say(&mut problems, &element.name, "has a versionRange without being external");
        }
        if element.name == "citation" && element.child("attributedTo").is_none() && element.child("process").is_none() {
            say(&mut problems, &element.name, "has neither `attributedTo` nor `process`");
        }
        open.extend(&element.children);
    }
    problems
}

/// Ids have the form `SPDXRef-[A-Za-z0-9.-]+` and are unique; relationships join elements that are there or in a declared other document.
/// Source: SPDX 2.3, sections 6.3, 7.2, 8.2, 11.1.
pub(super) fn spdx2(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    let documents: HashSet<&str> =
        list(document, "externalDocumentRefs").filter_map(|other| text(other, "externalDocumentId")).collect();
    let elements = ["packages", "files", "snippets"].into_iter().flat_map(|key| {
        list(document, key).enumerate().map(move |(place, element)| (format!("{key}[{place}]"), element))
    });
    for (at, element) in std::iter::once((String::new(), document)).chain(elements) {
        let Some(id) = text(element, "SPDXID") else { continue };
        let body = id.strip_prefix("SPDXRef-").unwrap_or_default();
        if body.is_empty()
            || !body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+'))
        {
            say(
                &mut problems,
                at.as_str(),
                format!("has the id `{id}`, which is none: `SPDXRef-` and letters, digits, `.` or `-`"),
            );
        }
        if !known.insert(id) {
            say(&mut problems, at, format!("has the id `{id}`, which another element has already"));
        }
    }
    if let Some(license) = text(document, "dataLicense").filter(|license| *license != "CC0-1.0") {
        say(&mut problems, "dataLicense", format!("is `{license}` and must be `CC0-1.0`"));
    }
    if let Some(created) = document.pointer("/creationInfo/created").and_then(Value::as_str)
        && !is_utc(created)
    {
        say(&mut problems, "creationInfo.created", format!("is `{created}`, which is no YYYY-MM-DDThh:mm:ssZ"));
    }
    for (place, creator) in list(document.get("creationInfo").unwrap_or(&Value::Null), "creators").enumerate() {
        let kind = creator.as_str().and_then(|creator| creator.split_once(':')).map(|(kind, _)| kind.trim());
        if !matches!(kind, Some("Person" | "Organization" | "Tool")) {
            let at = format!("creationInfo.creators[{place}]");
            say(&mut problems, at, "is neither a Person, an Organization nor a Tool");
        }
    }
    let mut named = |at: String, id: &str| {
        let there = match id.split_once(':') {
            Some((other, _)) => documents.contains(other),
            None => known.contains(id) || matches!(id, "NONE" | "NOASSERTION"),
        };
        if !there {
            say(&mut problems, at, format!("refers to `{id}`, which is not there"));
        }
    };
    for (place, relationship) in list(document, "relationships").enumerate() {
        for key in ["spdxElementId", "relatedSpdxElement"] {
            if let Some(id) = text(relationship, key) {
                named(format!("relationships[{place}].{key}"), id);
            }
        }
    }
    for id in list(document, "documentDescribes").filter_map(Value::as_str) {
        named("documentDescribes".to_owned(), id);
    }
    problems
}

fn is_utc(text: &str) -> bool {
    crate::schema::is_date_time(text) && text.ends_with('Z') && !text.contains('.')
}

/// Ids are unique; relationships join elements that are in the graph, imported, or of SPDX itself. Source: SPDX 3.0.1, Core.
pub(super) fn spdx3(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: HashMap<&str, Option<&str>> = HashMap::new();
    let mut imported: HashSet<&str> = HashSet::new();
    for (place, element) in list(document, "@graph").enumerate() {
        for id in [text(element, "spdxId"), text(element, "@id")].into_iter().flatten() {
            // The same node may be stated in parts (JSON-LD), but it is of one type.
            let ty = text(element, "type");
            if known.insert(id, ty).is_some_and(|other| other != ty) {
                say(
                    &mut problems,
                    format!("@graph[{place}]"),
                    format!("has the id `{id}`, which an element of another type has already"),
                );
            }
        }
        imported.extend(list(element, "import").filter_map(|other| text(other, "externalSpdxId")));
    }
    for (place, element) in list(document, "@graph").enumerate() {
        let ends = list(element, "to")
            .chain(element.get("from"))
            .chain(list(element, "rootElement"))
            .chain(element.get("creationInfo"));
        for id in ends.filter_map(Value::as_str) {
            let of_spdx = id.starts_with("https://spdx.org/") || id.starts_with("spdx:");
            if !known.contains_key(id)
                && !imported.contains(id)
                && !of_spdx
                && id != "NoAssertionElement"
                && id != "NoneElement"
            {
                say(&mut problems, format!("@graph[{place}]"), format!("refers to `{id}`, which is not there"));
            }
        }
    }
    problems
}

/// Artifact ids are unique; both ends of a relationship are artifacts, files or the source.
pub(super) fn syft(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (place, artifact) in list(document, "artifacts").enumerate() {
        match text(artifact, "id") {
            Some(id) if !known.insert(id) => {
                say(
                    &mut problems,
                    format!("artifacts[{place}].id"),
                    format!("is `{id}`, which another one has already"),
                );
            }
            _ => {}
        }
    }
    known.extend(list(document, "files").filter_map(|file| text(file, "id")));
    known.extend(document.get("source").and_then(|source| text(source, "id")));
    for (place, relationship) in list(document, "artifactRelationships").enumerate() {
        for key in ["parent", "child"] {
            if let Some(id) = text(relationship, key).filter(|id| !known.contains(id)) {
                say(
                    &mut problems,
                    format!("artifactRelationships[{place}].{key}"),
                    format!("refers to `{id}`, which is not there"),
                );
            }
        }
    }
    problems
}
