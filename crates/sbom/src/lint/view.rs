//! What quality profiles ask of a document, whatever its format.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Format, Lint};

/// A document.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) authors: Vec<String>,
    pub(super) tools: Vec<String>,
    /// An author with an e-mail address or a URL.
    pub(super) has_author_contact: bool,
    pub(super) has_timestamp: bool,
    /// A serial number, namespace or id of the document.
    pub(super) has_uri: bool,
    pub(super) has_relationships: bool,
    pub(super) has_vulnerabilities: bool,
    /// When in its life the software was looked at: a life-cycle phase or the type of the SBOM.
    pub(super) has_context: bool,
    /// CycloneDX from 1.6 or SPDX from 3.0.1.
    pub(super) is_new: bool,
    pub(super) components: Vec<Component>,
}

/// A component.
#[derive(Clone, Debug, Default)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) supplier: Option<String>,
    /// E-mail address or URL of who made it.
    pub(super) has_contact: bool,
    pub(super) has_identifier: bool,
    pub(super) has_hash: bool,
    /// A SHA-512 of the component as it is deployed.
    pub(super) has_sha512: bool,
    pub(super) has_licence: bool,
    pub(super) has_concluded_licence: bool,
    pub(super) has_filename: bool,
    pub(super) has_executable: bool,
    pub(super) has_archive: bool,
    pub(super) has_structured: bool,
    /// What it needs is stated, also when that is nothing.
    pub(super) has_dependencies: bool,
}

impl Component {
    /// Name and version.
    pub(super) fn label(&self) -> String {
        match (self.name.as_str(), self.version.as_str()) {
            ("", _) => "(without a name)".to_owned(),
            (name, "") => name.to_owned(),
            (name, version) => format!("{name} {version}"),
        }
    }
}

impl View {
    pub(super) fn of(lint: &Lint) -> View {
        match lint.format {
            Format::CycloneDxJson | Format::CycloneDxXml => cyclonedx(&lint.document, &lint.spec_version),
            Format::Spdx3Json => spdx3(&lint.document),
            Format::SyftJson => syft(&lint.document),
            _ => spdx2(&lint.document),
        }
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !matches!(*text, "" | "NOASSERTION" | "NONE"))
}

fn own(value: &Value, name: &str) -> String {
    text(value, name).unwrap_or_default().to_owned()
}

/// An organisation or person of CycloneDX with a way to reach it.
fn reachable(who: &Value) -> bool {
    let urls = match who.get("url") {
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::String(url)) => !url.is_empty(),
        _ => false,
    };
    urls || text(who, "email").is_some() || list(who, "contact").any(|person| text(person, "email").is_some())
}

fn cyclonedx(document: &Value, version: &str) -> View {
    let nothing = Value::Null;
    let metadata = document.get("metadata").unwrap_or(&nothing);
    let makers = ["manufacturer", "manufacture", "supplier"].into_iter().filter_map(|key| metadata.get(key));
    let who: Vec<&Value> = list(metadata, "authors").chain(makers).collect();
    let tools = metadata.get("tools").unwrap_or(&nothing);
    let tools = tools.as_array().into_iter().flatten().chain(list(tools, "components")).chain(list(tools, "services"));
    let dependencies: BTreeMap<&str, &Value> =
        list(document, "dependencies").filter_map(|entry| Some((text(entry, "ref")?, entry))).collect();
    let mut components = Vec::new();
    let mut open: Vec<&Value> = list(document, "components").collect();
    open.reverse();
    open.extend(metadata.get("component"));
    while let Some(component) = open.pop() {
        open.extend(list(component, "components"));
        components.push(cyclonedx_component(component, &dependencies));
    }
    View {
        authors: who.iter().filter_map(|who| text(who, "name").or(text(who, "email"))).map(str::to_owned).collect(),
        tools: tools.filter_map(|tool| text(tool, "name")).map(str::to_owned).collect(),
        has_author_contact: who.iter().any(|who| reachable(who)),
        has_timestamp: text(metadata, "timestamp").is_some(),
        has_uri: text(document, "serialNumber").is_some(),
        has_relationships: dependencies.values().any(|entry| list(entry, "dependsOn").next().is_some()),
        has_vulnerabilities: list(document, "vulnerabilities").next().is_some(),
        has_context: list(metadata, "lifecycles").next().is_some(),
        is_new: version.strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 6),
        components,
    }
}

fn cyclonedx_component(component: &Value, dependencies: &BTreeMap<&str, &Value>) -> Component {
    let makers: Vec<&Value> = ["manufacturer", "supplier"]
        .into_iter()
        .filter_map(|key| component.get(key))
        .chain(list(component, "authors"))
        .collect();
    let supplier = ["supplier", "manufacturer"]
        .into_iter()
        .find_map(|key| text(component.get(key)?, "name"))
        .or_else(|| text(component, "publisher"));
    let property = |name: &str| {
        list(component, "properties").any(|pair| text(pair, "name") == Some(name) && text(pair, "value").is_some())
    };
    let sha512 = |holder: &Value| list(holder, "hashes").any(|hash| text(hash, "alg") == Some("SHA-512"));
    let distribution = list(component, "externalReferences")
        .filter(|reference| matches!(text(reference, "type"), Some("distribution" | "distribution-intake")));
    let licences: Vec<&Value> = list(component, "licenses").collect();
    let acknowledged = |choice: &&Value| {
        let holder = choice.get("license").unwrap_or(choice);
        text(holder, "acknowledgement") == Some("concluded")
    };
    Component {
        name: own(component, "name"),
        version: own(component, "version"),
        supplier: supplier.map(str::to_owned),
        has_contact: makers.iter().any(|who| reachable(who)),
        has_identifier: ["purl", "cpe"].iter().any(|key| text(component, key).is_some())
            || component.get("swid").is_some(),
        has_hash: list(component, "hashes").next().is_some(),
        has_sha512: sha512(component) || distribution.into_iter().any(sha512),
        has_licence: !licences.is_empty(),
        has_concluded_licence: licences.iter().any(acknowledged),
        has_filename: property("bsi:component:filename"),
        has_executable: property("bsi:component:executable"),
        has_archive: property("bsi:component:archive"),
        has_structured: property("bsi:component:structured"),
        has_dependencies: text(component, "bom-ref").is_some_and(|id| dependencies.contains_key(id)),
    }
}

fn spdx2(document: &Value) -> View {
    let nothing = Value::Null;
    let info = document.get("creationInfo").unwrap_or(&nothing);
    let creators: Vec<&str> = list(info, "creators").filter_map(Value::as_str).collect();
    let (tools, authors): (Vec<&str>, Vec<&str>) = creators.iter().partition(|creator| creator.starts_with("Tool:"));
    let mut joined: BTreeSet<&str> = BTreeSet::new();
    let mut has_relationships = false;
    for edge in list(document, "relationships") {
        let kind = text(edge, "relationshipType").unwrap_or_default();
        has_relationships |= !matches!(kind, "DESCRIBES" | "DESCRIBED_BY");
        joined.extend(text(edge, "spdxElementId"));
        joined.extend(text(edge, "relatedSpdxElement"));
    }
    let components = list(document, "packages").map(|package| {
        let who = text(package, "supplier");
        let contact = |who: Option<&str>| who.is_some_and(|who| who.contains('@') || who.contains("://"));
        let hash = |name: &str| list(package, "checksums").any(|hash| text(hash, "algorithm") == Some(name));
        Component {
            name: own(package, "name"),
            version: own(package, "versionInfo"),
            supplier: who.map(str::to_owned),
            has_contact: contact(who) || contact(text(package, "originator")),
            has_identifier: list(package, "externalRefs").any(|reference| {
                text(reference, "referenceType")
                    .is_some_and(|ty| ty.contains("purl") || ty.contains("cpe") || ty.contains("swid"))
            }),
            has_hash: list(package, "checksums").next().is_some() || package.get("packageVerificationCode").is_some(),
            has_sha512: hash("SHA512"),
            has_licence: text(package, "licenseDeclared").is_some() || text(package, "licenseConcluded").is_some(),
            has_concluded_licence: text(package, "licenseConcluded").is_some(),
            has_filename: text(package, "packageFileName").is_some(),
            has_dependencies: text(package, "SPDXID").is_some_and(|id| joined.contains(id)),
            ..Component::default()
        }
    });
    View {
        has_author_contact: authors.iter().any(|who| who.contains('@') || who.contains("://")),
        authors: authors.into_iter().map(str::to_owned).collect(),
        tools: tools.into_iter().map(str::to_owned).collect(),
        has_timestamp: text(info, "created").is_some(),
        has_uri: text(document, "documentNamespace").is_some(),
        has_relationships,
        // The annex on security references: advisories and fixes are vulnerability data.
        has_vulnerabilities: list(document, "packages")
            .flat_map(|package| list(package, "externalRefs"))
            .any(|reference| matches!(text(reference, "referenceType"), Some("advisory" | "fix"))),
        components: components.collect(),
        ..View::default()
    }
}

fn spdx3(document: &Value) -> View {
    let graph: Vec<&Value> = match document.get("@graph") {
        Some(Value::Array(graph)) => graph.iter().collect(),
        _ => vec![document],
    };
    let id = |value: &Value| text(value, "spdxId").or_else(|| text(value, "@id")).unwrap_or_default().to_owned();
    let by_id: BTreeMap<String, &Value> = graph.iter().map(|element| (id(element), *element)).collect();
    let ty = |value: &Value| text(value, "type").unwrap_or_default().to_owned();
    let mut view = View { is_new: true, ..View::default() };
    let contact = |agent: &Value| {
        list(agent, "externalIdentifier")
            .any(|identifier| matches!(text(identifier, "externalIdentifierType"), Some("email" | "urlScheme")))
    };
    let (mut needs, mut concluded, mut declared, mut artifacts) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for element in &graph {
        match ty(element).as_str() {
            "CreationInfo" => {
                view.has_timestamp |= text(element, "created").is_some();
                for agent in list(element, "createdBy").filter_map(Value::as_str) {
                    let agent = by_id.get(agent);
                    view.authors.extend(agent.and_then(|agent| text(agent, "name")).map(str::to_owned));
                    view.has_author_contact |= agent.is_some_and(|agent| contact(agent));
                }
                for tool in list(element, "createdUsing").filter_map(Value::as_str) {
                    view.tools.extend(by_id.get(tool).and_then(|tool| text(tool, "name")).map(str::to_owned));
                }
            }
            "SpdxDocument" => view.has_uri |= !id(element).is_empty(),
            "software_Sbom" => view.has_context |= list(element, "software_sbomType").next().is_some(),
            "security_Vulnerability" => view.has_vulnerabilities = true,
            _ => {}
        }
        let Some(from) = text(element, "from") else { continue };
        match text(element, "relationshipType") {
            Some("dependsOn" | "contains" | "hasStaticLink" | "hasDynamicLink") => {
                view.has_relationships = true;
                needs.insert(from.to_owned());
            }
            Some("hasConcludedLicense") => drop(concluded.insert(from.to_owned())),
            Some("hasDeclaredLicense") => drop(declared.insert(from.to_owned())),
            Some("hasDistributionArtifact") => {
                artifacts
                    .extend(list(element, "to").filter_map(Value::as_str).map(|to| (from.to_owned(), to.to_owned())));
            }
            _ => {}
        }
    }
    for element in graph.iter().filter(|element| {
        matches!(ty(element).as_str(), "software_Package" | "ai_AIPackage" | "dataset_DatasetPackage")
    }) {
        let own_id = id(element);
        let file = artifacts.get(&own_id).and_then(|file| by_id.get(file));
        let purposes: Vec<&str> = file
            .into_iter()
            .flat_map(|file| list(file, "software_additionalPurpose"))
            .filter_map(Value::as_str)
            .collect();
        let agents: Vec<&&Value> = ["suppliedBy", "originatedBy"]
            .into_iter()
            .filter_map(|key| element.get(key))
            .flat_map(|named| named.as_array().map_or_else(|| vec![named], |list| list.iter().collect()))
            .filter_map(|named| by_id.get(named.as_str()?))
            .collect();
        let hashes: Vec<&Value> = list(element, "verifiedUsing")
            .chain(file.into_iter().flat_map(|file| list(file, "verifiedUsing")))
            .collect();
        view.components.push(Component {
            name: own(element, "name"),
            version: own(element, "software_packageVersion"),
            supplier: agents.iter().find_map(|agent| text(agent, "name")).map(str::to_owned),
            has_contact: agents.iter().any(|agent| contact(agent)),
            has_identifier: text(element, "software_packageUrl").is_some()
                || list(element, "externalIdentifier").next().is_some(),
            has_hash: !hashes.is_empty(),
            has_sha512: hashes.iter().any(|hash| text(hash, "algorithm") == Some("sha512")),
            has_licence: declared.contains(&own_id) || concluded.contains(&own_id),
            has_concluded_licence: concluded.contains(&own_id),
            has_filename: file.is_some_and(|file| text(file, "name").is_some()),
            has_executable: purposes.contains(&"executable"),
            has_archive: purposes.contains(&"archive"),
            has_structured: purposes.contains(&"container") || purposes.contains(&"firmware"),
            has_dependencies: needs.contains(&own_id),
        });
    }
    view
}

fn syft(document: &Value) -> View {
    let descriptor = document.get("descriptor").and_then(|descriptor| text(descriptor, "name"));
    let components = list(document, "artifacts").map(|artifact| Component {
        name: own(artifact, "name"),
        version: own(artifact, "version"),
        has_identifier: text(artifact, "purl").is_some() || list(artifact, "cpes").next().is_some(),
        has_licence: list(artifact, "licenses").next().is_some(),
        ..Component::default()
    });
    View {
        tools: descriptor.into_iter().map(str::to_owned).collect(),
        has_relationships: list(document, "artifactRelationships").next().is_some(),
        components: components.collect(),
        ..View::default()
    }
}
