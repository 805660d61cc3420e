//! An inventory as SPDX 3.0.1.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};
use signet_model::{Inventory, Package, Relationship, RelationshipKind, Subject, Timestamp};

use crate::cpe::is_cpe23;
use crate::spdx::write as two;
use crate::spdx::{OWNERSHIP, wire};
use crate::{Serial, TOOL, WriteOptions, identity, properties};

/// Blank node of the one creation information.
const CREATION: &str = "_:creation";

/// The element of a package. Members are in the order of their names, as in all elements.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Software<'a> {
    creation_info: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<[Properties<'a>; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_identifier: Vec<Value>,
    name: &'a Option<String>,
    #[serde(rename = "software_packageUrl", skip_serializing_if = "Option::is_none")]
    purl: Option<&'a str>,
    #[serde(rename = "software_packageVersion", skip_serializing_if = "Option::is_none")]
    version: &'a Option<String>,
    #[serde(rename = "software_primaryPurpose", skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(rename = "software_sourceInfo", skip_serializing_if = "Option::is_none")]
    source_info: &'a Option<String>,
    spdx_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplied_by: Option<String>,
    #[serde(rename = "type")]
    ty: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    verified_using: Vec<Value>,
}

#[derive(Serialize)]
struct Properties<'a> {
    #[serde(rename = "extension_cdxProperty")]
    list: Vec<Property<'a>>,
    #[serde(rename = "type")]
    ty: &'a str,
}

#[derive(Serialize)]
struct Property<'a> {
    #[serde(rename = "extension_cdxPropName")]
    name: &'a str,
    #[serde(rename = "extension_cdxPropValue")]
    value: &'a str,
    #[serde(rename = "type")]
    ty: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Edge<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    creation_info: &'a str,
    from: &'a str,
    relationship_type: &'a str,
    spdx_id: String,
    to: Vec<String>,
    #[serde(rename = "type")]
    ty: &'a str,
}

/// A graph in the making.
struct Graph<'s> {
    base: String,
    /// Where elements go, one a line.
    sink: &'s mut dyn std::io::Write,
    /// JSON that is not there yet.
    elements: Vec<u8>,
    is_first: bool,
    /// The first failure of the sink.
    failed: std::io::Result<()>,
    /// Ids of texts of licences that are there.
    texts: BTreeSet<String>,
    /// Suppliers by name.
    agents: BTreeMap<String, String>,
    /// Licence expressions by text.
    licenses: BTreeMap<String, String>,
}

/// So much is gathered before it goes to the sink.
const CHUNK: usize = 64 * 1024;

impl Graph<'_> {
    /// An element with what every element has, and its id.
    fn element(&mut self, ty: &str, name: &str, members: Value) -> String {
        let id = format!("{}{name}", self.base);
        let mut element = Map::new();
        element.insert("type".to_owned(), ty.into());
        element.insert("spdxId".to_owned(), id.as_str().into());
        element.insert("creationInfo".to_owned(), CREATION.into());
        if let Value::Object(members) = members {
            element.extend(members.into_iter().filter(|(_, value)| !is_nothing(value)));
        }
        self.push(&Value::Object(element));
        id
    }

    fn push(&mut self, element: &impl Serialize) {
        if !std::mem::take(&mut self.is_first) {
            self.elements.extend_from_slice(b",\n");
        }
        // Writing to memory cannot fail.
        let _written = serde_json::to_writer(&mut self.elements, element);
        if self.elements.len() >= CHUNK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.failed.is_ok() {
            self.failed = self.sink.write_all(&self.elements);
        }
        self.elements.clear();
    }

    fn relationship(&mut self, name: &str, from: &str, kind: &str, to: Vec<String>, comment: Option<&str>) {
        if !to.is_empty() {
            let spdx_id = format!("{}Relationship-{name}", self.base);
            let creation_info = CREATION;
            self.push(&Edge { comment, creation_info, from, relationship_type: kind, spdx_id, to, ty: "Relationship" });
        }
    }

    fn agent(&mut self, name: &str) -> String {
        if let Some(id) = self.agents.get(name) {
            return id.clone();
        }
        let hash = two::short_hash(name);
        let id = self.element("Organization", &format!("Organization-{hash}"), json!({"name": name}));
        self.agents.insert(name.to_owned(), id.clone());
        id
    }

    /// The element of an expression; texts that are no ids of the list stand beside it.
    fn license(&mut self, expression: &str, extracted: &BTreeMap<String, wire::Extracted>) -> String {
        if let Some(id) = self.licenses.get(expression) {
            return id.clone();
        }
        let mut custom = Vec::new();
        for (key, found) in extracted.iter().filter(|(key, _)| two::names_license(expression, key)) {
            let members = json!({"name": found.name, "simplelicensing_licenseText": found.extracted_text});
            let name = format!("Text-{key}");
            let known = format!("{}{name}", self.base);
            if self.texts.insert(known.clone()) {
                self.element("simplelicensing_SimpleLicensingText", &name, members);
            }
            let id = known;
            custom.push(json!({"type": "DictionaryEntry", "key": key, "value": id}));
        }
        let members = json!({"simplelicensing_licenseExpression": expression, "simplelicensing_customIdToUri": custom});
        let hash = two::short_hash(expression);
        let id = self.element("simplelicensing_LicenseExpression", &format!("License-{hash}"), members);
        self.licenses.insert(expression.to_owned(), id.clone());
        id
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// The inventory as an SPDX 3.0.1 document in JSON-LD.
///
/// One `SpdxDocument` with one `software_Sbom`, whose root is the artifact, which contains every package. Facts without a field are CycloneDX
/// properties (the extension of SPDX for them), by the names of our CycloneDX. The creation time is required; without one in the options it is
/// the Unix epoch.
pub fn write(subject: &Subject, inventory: &Inventory, options: &WriteOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _written = write_to(subject, inventory, options, &mut bytes);
    bytes
}

/// The same, piece by piece into a sink.
///
/// Errors: those of the sink.
pub fn write_to(
    subject: &Subject,
    inventory: &Inventory,
    options: &WriteOptions,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let ids = identity::package_ids(inventory);
    let serial = match options.serial {
        Serial::Given(uuid) => uuid,
        Serial::ContentDerived => identity::serial_of(inventory, &ids, "spdx3"),
    };
    let base = format!("https://signet.dev/spdx3/{serial}#");
    sink.write_all(b"{\"@context\":\"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\",\"@graph\":[\n")?;
    let mut graph = Graph {
        base,
        sink,
        elements: Vec::new(),
        is_first: true,
        failed: Ok(()),
        texts: BTreeSet::new(),
        agents: BTreeMap::new(),
        licenses: BTreeMap::new(),
    };
    let created = options.timestamp.unwrap_or(Timestamp::UNIX_EPOCH);
    let created = Timestamp::from_second(created.as_second()).unwrap_or(created);
    let author = graph.agent("Signet");
    let version = options.tool_version.as_str();
    let tool = match version {
        "" => TOOL.to_owned(),
        version => format!("{TOOL}-{version}"),
    };
    let tool = graph.element("Tool", "Tool", json!({"name": tool}));
    graph.push(&json!({
        "type": "CreationInfo", "@id": CREATION, "specVersion": "3.0.1", "created": created.to_string(),
        "createdBy": [author], "createdUsing": [tool],
    }));

    let root = two::root(subject);
    let root = package(&mut graph, "Root", &root, &[], &BTreeMap::new());
    let mut contained = Vec::new();
    if let Some(distro) = &inventory.distro {
        contained.push(package(&mut graph, "OperatingSystem", &two::operating_system(distro), &[], &BTreeMap::new()));
    }
    let mut names = Vec::with_capacity(inventory.packages.len());
    for (found, id) in inventory.packages.iter().zip(&ids) {
        let name = format!("Package-{id}");
        let mut extracted = BTreeMap::new();
        let plain = two::plain(found, inventory.distro.as_ref(), String::new(), &mut extracted);
        let facts = facts(found, inventory);
        let spdx_id = package(&mut graph, &name, &plain, &facts, &extracted);
        contained.push(spdx_id.clone());
        names.push((name, spdx_id));
    }
    if options.files {
        for executable in &inventory.executables {
            let hash = json!({"type": "Hash", "algorithm": "sha256", "hashValue": executable.digest.hex()});
            let members = json!({"name": format!("/{}", executable.path), "verifiedUsing": [hash]});
            contained.push(graph.element(
                "software_File",
                &format!("File-{}", two::short_hash(&executable.path)),
                members,
            ));
        }
    }
    graph.relationship("Root-contains", &root, "contains", contained, None);
    edges(&mut graph, &inventory.relationships, &names);

    let name = if subject.name.is_empty() { "." } else { &subject.name };
    let sbom =
        graph.element("software_Sbom", "SBOM", json!({"rootElement": [root], "software_sbomType": ["analyzed"]}));
    let head = json!({
        "name": name, "rootElement": [sbom], "comment": two::unexamined(inventory),
        "profileConformance": ["core", "software", "simpleLicensing"],
    });
    graph.element("SpdxDocument", "Document", head);
    graph.flush();
    graph.failed?;
    graph.sink.write_all(b"\n]}\n")
}

/// What no field of SPDX 3 says of a package.
fn facts(found: &Package, inventory: &Inventory) -> Vec<(String, String)> {
    properties::of_package(found, inventory.distro.as_ref(), [])
        .into_iter()
        .filter(|(name, value)| name != "syft:cpe23" || !is_cpe23(value))
        .collect()
}

/// One relationship for each package and kind.
fn edges(graph: &mut Graph<'_>, edges: &[Relationship], names: &[(String, String)]) {
    let mut grouped: BTreeMap<(usize, &str), Vec<String>> = BTreeMap::new();
    for edge in edges {
        let (from, to, kind) = match edge.kind {
            RelationshipKind::DependsOn => (edge.from, edge.to, "dependsOn"),
            RelationshipKind::ContainedIn => (edge.to, edge.from, "contains"),
            RelationshipKind::OwnedBy => (edge.to, edge.from, "other"),
        };
        if let (Some(_), Some((_, to))) = (names.get(from.get()), names.get(to.get())) {
            grouped.entry((from.get(), kind)).or_default().push(to.clone());
        }
    }
    for ((from, kind), to) in grouped {
        let Some((name, id)) = names.get(from) else { continue };
        let comment =
            (kind == "other").then(|| format!("{OWNERSHIP}: the files of the related packages belong to this one"));
        graph.relationship(&format!("{name}-{kind}"), id, kind, to, comment.as_deref());
    }
}

/// A package by the fields that it would have in SPDX 2.
fn package(
    graph: &mut Graph<'_>,
    name: &str,
    found: &wire::Package,
    facts: &[(String, String)],
    extracted: &BTreeMap<String, wire::Extracted>,
) -> String {
    let some = |text: &Option<String>| text.clone().filter(|text| text != two::NOBODY_SAID);
    let hashes: Vec<Value> = found
        .checksums
        .iter()
        .flatten()
        .map(|hash| {
            let algorithm = hash.algorithm.as_deref().unwrap_or_default().to_ascii_lowercase().replace('-', "");
            json!({"type": "Hash", "algorithm": algorithm, "hashValue": hash.checksum_value})
        })
        .collect();
    let (mut purl, mut identifiers) = (None, Vec::new());
    for reference in found.external_refs.iter().flatten() {
        match reference.reference_type.as_deref() {
            Some("purl") => purl = reference.reference_locator.as_deref(),
            _ => identifiers.push(json!({
                "type": "ExternalIdentifier", "externalIdentifierType": "cpe23", "identifier": reference.reference_locator,
            })),
        }
    }
    let mut pairs: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if facts.is_empty() {
        pairs.extend(found.attribution_texts.iter().flatten().filter_map(|text| text.split_once(": ")));
    }
    let list: Vec<Property<'_>> =
        pairs.into_iter().map(|(name, value)| Property { name, value, ty: "extension_CdxPropertyEntry" }).collect();
    let extension = (!list.is_empty()).then_some([Properties { list, ty: "extension_CdxPropertiesExtension" }]);
    let supplied_by = some(&found.supplier).map(|who| graph.agent(who.trim_start_matches("Organization: ")));
    let purpose = found.primary_package_purpose.as_deref().map(|purpose| match purpose {
        "OPERATING_SYSTEM" => "operatingSystem".to_owned(),
        other => other.to_ascii_lowercase(),
    });
    let id = format!("{}{name}", graph.base);
    graph.push(&Software {
        creation_info: CREATION,
        extension,
        external_identifier: identifiers,
        name: &found.name,
        purl,
        version: &found.version_info,
        purpose,
        source_info: &found.source_info,
        spdx_id: &id,
        summary: &found.summary,
        supplied_by,
        ty: "software_Package",
        verified_using: hashes,
    });
    for (kind, license) in
        [("hasDeclaredLicense", &found.license_declared), ("hasConcludedLicense", &found.license_concluded)]
    {
        if let Some(expression) = some(license) {
            let license = graph.license(&expression, extracted);
            graph.relationship(&format!("{name}-{kind}"), &id, kind, vec![license], None);
        }
    }
    id
}
