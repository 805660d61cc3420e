//! A graph of SPDX 3 as a document of SPDX 2, and that as an inventory.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::bounded::Bounded;
use crate::spdx::read::inventory;
use crate::spdx::wire::{Checksum, CreationInfo, Document, ExternalRef, Extracted, File, Package, Relationship};
use crate::{Format, Limits, ReadError, Sbom};

/// Objects inside objects: as many as the parser of JSON lets through, so that nothing lies deeper.
const DEPTH: usize = 128;

/// Elements by their ids.
type Elements<'v> = HashMap<&'v str, &'v Value>;

/// Reads a document that [`crate::detect`] takes for SPDX 3.
///
/// Errors: what is not JSON, a graph that is none, more of anything than the limits allow.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Sbom, ReadError> {
    let format = Format::Spdx3Json;
    let value: Value = serde_json::from_slice(bytes).map_err(|err| ReadError::Json { format, err })?;
    let mut found = Vec::new();
    match value.get("@graph") {
        Some(Value::Array(graph)) => graph.iter().try_for_each(|element| collect(element, &mut found, 0)),
        Some(_) => return Err(ReadError::Invalid { format, why: "`@graph` is no list".to_owned() }),
        None => collect(&value, &mut found, 0),
    }
    .map_err(|()| ReadError::TooLarge { what: "levels of elements", limit: DEPTH })?;
    if !found.iter().any(|element| text(element, "type").is_some()) {
        return Err(ReadError::Invalid { format, why: "its graph holds no element with a type".to_owned() });
    }
    let elements: Elements<'_> = found.iter().filter_map(|element| Some((id(element)?, *element))).collect();
    let document = document(&found, &elements);
    let versions = found.iter().filter_map(|element| text(element, "specVersion"));
    let spec_version = versions.max().unwrap_or("3.0").to_owned();
    let sbom = inventory(format, document, Vec::new(), limits)?;
    Ok(Sbom { spec_version, ..sbom })
}

/// Every object with an id or a type, also those that stand where they are used.
fn collect<'v>(value: &'v Value, found: &mut Vec<&'v Value>, depth: usize) -> Result<(), ()> {
    if depth > DEPTH {
        return Err(());
    }
    match value {
        Value::Object(members) => {
            if members.contains_key("type") {
                found.push(value);
            }
            members
                .values()
                .filter(|inner| inner.is_object() || inner.is_array())
                .try_for_each(|inner| collect(inner, found, depth + 1))
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, found, depth + 1)),
        _ => Ok(()),
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn id(value: &Value) -> Option<&str> {
    text(value, "spdxId").or_else(|| text(value, "@id"))
}

/// Ids that a member names, whether it is a list or one, and whether the element stands there or is named.
fn ids<'v>(value: &'v Value, name: &str) -> Vec<&'v str> {
    let of = |value: &'v Value| value.as_str().or_else(|| id(value));
    match value.get(name) {
        Some(Value::Array(list)) => list.iter().filter_map(of).collect(),
        Some(one) => of(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn objects<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    let member = value.get(name);
    let list = member.and_then(Value::as_array).into_iter().flatten();
    list.chain(member.filter(|one| one.is_object()))
}

fn document(found: &[&Value], elements: &Elements<'_>) -> Document {
    let of_type = |name: &'static str| found.iter().copied().filter(move |element| text(element, "type") == Some(name));
    let own = |text: Option<&str>| text.map(str::to_owned);
    let head = of_type("SpdxDocument").next();
    let mut licenses: BTreeMap<(&str, bool), Vec<String>> = BTreeMap::new();
    let mut relationships = Vec::new();
    let mut extracted: BTreeMap<String, Extracted> = BTreeMap::new();
    for element in found {
        let Some(kind) = text(element, "relationshipType") else { continue };
        let Some(from) = ids(element, "from").first().copied() else { continue };
        for to in ids(element, "to") {
            if matches!(kind, "hasDeclaredLicense" | "hasConcludedLicense") {
                if let Some(expression) = license(to, elements, &mut extracted) {
                    licenses.entry((from, kind == "hasDeclaredLicense")).or_default().push(expression);
                }
                continue;
            }
            relationships.push(Relationship {
                spdx_element_id: Some(from.to_owned()),
                related_spdx_element: Some(to.to_owned()),
                relationship_type: Some(relationship(kind).to_owned()),
                comment: own(text(element, "comment")),
            });
        }
    }
    let is_package = |element: &&&Value| {
        matches!(text(element, "type"), Some("software_Package" | "ai_AIPackage" | "dataset_DatasetPackage"))
    };
    let packages = found.iter().filter(is_package).map(|element| package(element, elements, &licenses)).collect();
    let files = of_type("software_File")
        .chain(of_type("software_Snippet"))
        .map(|file| File { file_name: own(text(file, "name")), id: own(id(file)) });
    // Everything else that relationships may name is no package.
    let others = found
        .iter()
        .filter(|element| !is_package(element))
        .filter_map(|element| Some(File { file_name: None, id: Some(id(element)?.to_owned()) }));
    let imported = found
        .iter()
        .flat_map(|element| objects(element, "import"))
        .filter_map(|other| Some(File { file_name: None, id: Some(text(other, "externalSpdxId")?.to_owned()) }));
    let mut described = Vec::new();
    let roots = head.into_iter().chain(of_type("software_Sbom")).flat_map(|holder| ids(holder, "rootElement"));
    for root in roots {
        if elements.get(root).is_some_and(|element| is_package(&element)) {
            described.push(root.to_owned());
        }
    }
    let created = found.iter().find_map(|element| text(element, "created"));
    Document {
        spdx_version: Some("SPDX-2.3".to_owned()),
        id: own(head.and_then(|head| id(head))),
        name: own(head.and_then(|head| text(head, "name"))).or_else(|| Some(String::new())),
        creation_info: Some(CreationInfo { created: own(created), ..CreationInfo::default() }),
        comment: own(head.and_then(|head| text(head, "comment"))),
        document_describes: Some(described),
        packages: Bounded(packages),
        // Names of files win over the bare ids.
        files: Bounded(others.chain(imported).chain(files).collect()),
        has_extracted_licensing_infos: Some(extracted.into_values().collect()),
        relationships: Bounded(relationships),
        ..Document::default()
    }
}

/// The name of a relationship in SPDX 2; those without one there say nothing that we model.
fn relationship(kind: &str) -> &'static str {
    match kind {
        "contains" => "CONTAINS",
        "dependsOn" | "hasDynamicLink" | "hasStaticLink" | "hasPrerequisite" => "DEPENDS_ON",
        "hasOptionalDependency" | "hasProvidedDependency" => "DEPENDS_ON",
        "describes" => "DESCRIBES",
        _ => "OTHER",
    }
}

/// The text of a licence element or of a licence that SPDX lists. `None`: nobody asserts one.
fn license(id: &str, elements: &Elements<'_>, extracted: &mut BTreeMap<String, Extracted>) -> Option<String> {
    let tail = id.rsplit(['/', '#']).next().unwrap_or(id);
    if tail.contains("NoAssertionLicense") || tail.contains("NoneLicense") {
        return None;
    }
    let Some(element) = elements.get(id) else {
        return id.strip_prefix("https://spdx.org/licenses/").map(|id| id.trim_end_matches(".html").to_owned());
    };
    for entry in objects(element, "simplelicensing_customIdToUri") {
        let (Some(key), Some(target)) = (text(entry, "key"), text(entry, "value")) else { continue };
        let words = elements.get(target).copied();
        extracted.insert(
            key.to_owned(),
            Extracted {
                license_id: Some(key.to_owned()),
                extracted_text: words.and_then(|words| text(words, "simplelicensing_licenseText")).map(str::to_owned),
                name: words.and_then(|words| text(words, "name")).map(str::to_owned),
            },
        );
    }
    text(element, "simplelicensing_licenseExpression")
        .map(str::to_owned)
        .or_else(|| id.strip_prefix("https://spdx.org/licenses/").map(str::to_owned))
        .or_else(|| text(element, "name").map(str::to_owned))
        .or_else(|| text(element, "simplelicensing_licenseText").filter(|text| text.len() <= 200).map(str::to_owned))
}

fn package(element: &Value, elements: &Elements<'_>, licenses: &BTreeMap<(&str, bool), Vec<String>>) -> Package {
    let own = |name: &str| text(element, name).map(str::to_owned);
    let own_id = id(element).unwrap_or_default();
    let joined = |declared: bool| {
        let list = licenses.get(&(own_id, declared))?;
        match list.as_slice() {
            [one] => Some(one.clone()),
            several => Some(several.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" AND ")),
        }
    };
    let mut external = Vec::new();
    let mut put = |ty: &str, locator: &str| {
        external.push(ExternalRef {
            reference_category: None,
            reference_type: Some(ty.to_owned()),
            reference_locator: Some(locator.to_owned()),
        });
    };
    if let Some(purl) = text(element, "software_packageUrl") {
        put("purl", purl);
    }
    for identifier in objects(element, "externalIdentifier") {
        let Some(locator) = text(identifier, "identifier") else { continue };
        match text(identifier, "externalIdentifierType") {
            Some("packageUrl" | "purl") => put("purl", locator),
            Some("cpe23") => put("cpe23Type", locator),
            Some("cpe22") => put("cpe22Type", locator),
            _ => {}
        }
    }
    let checksums = objects(element, "verifiedUsing").filter_map(|hash| {
        Some(Checksum {
            algorithm: Some(text(hash, "algorithm")?.to_ascii_uppercase().replace('_', "-")),
            checksum_value: Some(text(hash, "hashValue")?.to_owned()),
        })
    });
    let facts =
        objects(element, "extension").flat_map(|extension| objects(extension, "extension_cdxProperty")).filter_map(
            |pair| Some(format!("{}: {}", text(pair, "extension_cdxPropName")?, text(pair, "extension_cdxPropValue")?)),
        );
    let who = |name: &str| {
        let agent = ids(element, name).first().copied()?;
        let name = elements.get(agent).and_then(|agent| text(agent, "name"))?;
        Some(format!("Organization: {name}"))
    };
    let purpose = text(element, "software_primaryPurpose").map(|purpose| match purpose {
        "operatingSystem" => "OPERATING_SYSTEM".to_owned(),
        other => other.to_ascii_uppercase(),
    });
    Package {
        name: own("name"),
        id: Some(own_id.to_owned()),
        version_info: own("software_packageVersion"),
        supplier: who("suppliedBy"),
        originator: who("originatedBy"),
        checksums: Some(checksums.collect()),
        source_info: own("software_sourceInfo"),
        license_concluded: joined(false),
        license_declared: joined(true),
        summary: own("summary"),
        description: own("description"),
        external_refs: Some(external),
        primary_package_purpose: purpose,
        attribution_texts: Some(facts.collect()),
        ..Package::default()
    }
}
