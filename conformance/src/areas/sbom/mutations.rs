//! Five ways to break an SPDX document against its schema, the same in every form: deterministic, and each breaks one rule only.

use serde_json::{Value, json};

/// A broken document by what was done to it.
pub(super) type Broken = (&'static str, String);

/// The five broken forms of a valid document.
pub(super) fn of(text: &str) -> Vec<Broken> {
    let start = text.trim_start();
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return if document.get("@graph").is_some() { spdx3(&document) } else { spdx2(&document) };
    }
    if start.starts_with('<') {
        xml(text)
    } else if text.lines().any(|line| line.starts_with("SPDXVersion:")) {
        tag_value(text)
    } else {
        yaml(text)
    }
}

fn changed(document: &Value, change: impl FnOnce(&mut Value)) -> String {
    let mut document = document.clone();
    change(&mut document);
    document.to_string()
}

fn push(document: &mut Value, list: &str, entry: Value) {
    match document[list].as_array_mut() {
        Some(entries) => entries.push(entry),
        None => document[list] = json!([entry]),
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(key);
    }
}

fn spdx2(document: &Value) -> Vec<Broken> {
    let relationship =
        json!({"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "NONE", "relationshipType": "LOOKS_LIKE"});
    vec![
        ("required member gone", changed(document, |document| remove(document, "creationInfo"))),
        ("member of another type", changed(document, |document| document["name"] = json!(7))),
        ("unknown member", changed(document, |document| document["packges"] = json!([]))),
        ("value outside of the list", changed(document, |document| push(document, "relationships", relationship))),
        (
            "package without name",
            changed(document, |document| push(document, "packages", json!({"SPDXID": "SPDXRef-x"}))),
        ),
    ]
}

fn spdx3(document: &Value) -> Vec<Broken> {
    let first = |document: &mut Value, ty: &str, change: &dyn Fn(&mut Value)| {
        let graph = document["@graph"].as_array_mut().into_iter().flatten();
        if let Some(element) = graph.into_iter().find(|element| element["type"] == ty) {
            change(element);
        }
    };
    let creation = document["@graph"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|element| element["creationInfo"].as_str())
        .unwrap_or("_:c")
        .to_owned();
    let relationship = json!({
        "type": "Relationship", "spdxId": "urn:broken:relationship", "creationInfo": creation,
        "from": "urn:broken:a", "to": ["urn:broken:a"], "relationshipType": "looksLike",
    });
    let nameless = json!({"type": "software_Package", "name": "x"});
    vec![
        (
            "required member gone",
            changed(document, |document| first(document, "CreationInfo", &|info| remove(info, "created"))),
        ),
        (
            "member of another type",
            changed(document, |document| first(document, "SpdxDocument", &|head| head["name"] = json!(7))),
        ),
        (
            "unknown member",
            changed(document, |document| first(document, "SpdxDocument", &|head| head["nmae"] = json!("x"))),
        ),
        ("value outside of the list", changed(document, |document| push(document, "@graph", relationship))),
        ("package without id", changed(document, |document| push(document, "@graph", nameless))),
    ]
}

fn tag_value(text: &str) -> Vec<Broken> {
    let without =
        |tag: &str| text.lines().filter(|line| !line.starts_with(tag)).map(|line| format!("{line}\n")).collect();
    let mut flagged = String::new();
    for line in text.lines() {
        flagged += &format!("{line}\n");
        if line.starts_with("PackageName:") {
            flagged += "FilesAnalyzed: perhaps\n";
        }
    }
    vec![
        ("required member gone", without("Created:")),
        ("member of another type", flagged),
        ("unknown member", format!("{text}\nPackageNmae: x\n")),
        ("value outside of the list", format!("{text}\nRelationship: SPDXRef-DOCUMENT LOOKS_LIKE NOASSERTION\n")),
        ("package without id", format!("{text}\nPackageName: broken\n")),
    ]
}

fn yaml(text: &str) -> Vec<Broken> {
    let is_top = |line: &str| line.starts_with(|c: char| c.is_ascii_alphabetic());
    let (mut without, mut inside) = (String::new(), false);
    for line in text.lines() {
        if is_top(line) {
            inside = line.starts_with("creationInfo:");
        }
        if !inside {
            without += &format!("{line}\n");
        }
    }
    let behind = |key: &str, more: &str| -> String {
        text.lines()
            .map(|line| if line.starts_with(key) { format!("{line}\n{more}") } else { format!("{line}\n") })
            .collect()
    };
    let retyped =
        text.lines().map(|line| if line.starts_with("name:") { "name: [7]\n".to_owned() } else { format!("{line}\n") });
    vec![
        ("required member gone", without),
        ("member of another type", retyped.collect()),
        ("unknown member", format!("{text}\npackges: []\n")),
        (
            "value outside of the list",
            behind(
                "relationships:",
                "- spdxElementId: SPDXRef-DOCUMENT\n  relatedSpdxElement: NONE\n  relationshipType: LOOKS_LIKE\n",
            ),
        ),
        ("package without name", behind("packages:", "- SPDXID: SPDXRef-x\n")),
    ]
}

fn xml(text: &str) -> Vec<Broken> {
    let at_end = |more: &str| text.replace("</Document>", &format!("{more}</Document>"));
    let between = |open: &str, close: &str| -> String {
        match (text.find(open), text.find(close)) {
            (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to + close.len()..]),
            _ => text.to_owned(),
        }
    };
    let relationship = "<relationships><spdxElementId>SPDXRef-DOCUMENT</spdxElementId><relatedSpdxElement>NONE</relatedSpdxElement><relationshipType>LOOKS_LIKE</relationshipType></relationships>";
    vec![
        ("required member gone", between("<creationInfo>", "</creationInfo>")),
        ("member of another type", text.replacen("<name>", "<name><x/>", 1)),
        ("unknown member", at_end("<packges/>")),
        ("value outside of the list", at_end(relationship)),
        ("package without name", at_end("<packages><SPDXID>SPDXRef-x</SPDXID></packages>")),
    ]
}
