//! An inventory as CycloneDX 1.6.

use signet_model::{Distro, ImageInfo, Inventory, License, Package, PackageKind, Purl, Subject, SubjectKind};

use super::vulnerability::{self, Findings};
use super::wire::{
    Bom, Component, Composition, Dependency, Hash, License as WireLicense, LicenseChoice, Metadata, Organization,
    Property, Tools,
};
use crate::cpe::is_cpe23;
use crate::lazy::Lazy;
use crate::license::{self, Choice};
use crate::{Serial, TOOL, WriteOptions, graph, identity, properties};

/// bom-ref of the artifact itself. It does not hold the name, so that the rest of the document does not depend on it.
const ROOT: &str = "signet:root";
/// bom-ref of the distribution.
const SYSTEM: &str = "signet:operating-system";

/// The inventory as a CycloneDX 1.6 document in JSON, with `vulnerabilities` if findings are given.
///
/// bom-refs are purls with a `package-id`, as Syft writes them. The root depends on the distribution and on every package that no other
/// needs, the distribution on its packages of that kind, so that everything can be reached. Ownership and containment are properties.
pub fn write(
    subject: &Subject,
    inventory: &Inventory,
    findings: Option<Findings<'_>>,
    options: &WriteOptions,
) -> Vec<u8> {
    write_json(6, subject, inventory, findings, options)
}

/// The same in another version of the specification: `minor` of 1.x, from 2 to 7. What the version has no place for is left out.
pub fn write_json(
    minor: u32,
    subject: &Subject,
    inventory: &Inventory,
    findings: Option<Findings<'_>>,
    options: &WriteOptions,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _written = write_json_to(minor, subject, inventory, findings, options, &mut bytes);
    bytes
}

/// The same, piece by piece into a sink.
///
/// Errors: those of the sink.
pub fn write_json_to(
    minor: u32,
    subject: &Subject,
    inventory: &Inventory,
    findings: Option<Findings<'_>>,
    options: &WriteOptions,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let ids = identity::package_ids(inventory);
    let refs = refs(inventory, &ids);
    let bom = bom(subject, inventory, findings, options, &ids, &refs);
    let lazy = Lazy(|| components(minor, inventory, options, &refs));
    serde_json::to_writer_pretty(&mut *sink, &super::version::as_of(minor, bom.with(lazy)))?;
    sink.write_all(b"\n")
}

/// The same in XML: `minor` of 1.x, from 2 to 7.
pub fn write_xml(
    minor: u32,
    subject: &Subject,
    inventory: &Inventory,
    findings: Option<Findings<'_>>,
    options: &WriteOptions,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _written = write_xml_to(minor, subject, inventory, findings, options, &mut bytes);
    bytes
}

/// The same, piece by piece into a sink.
///
/// Errors: those of the sink.
pub fn write_xml_to(
    minor: u32,
    subject: &Subject,
    inventory: &Inventory,
    findings: Option<Findings<'_>>,
    options: &WriteOptions,
    sink: &mut dyn std::io::Write,
) -> std::io::Result<()> {
    let ids = identity::package_ids(inventory);
    let refs = refs(inventory, &ids);
    let bom = super::version::as_of(minor, bom(subject, inventory, findings, options, &ids, &refs));
    super::xml_write::write(minor, &bom, components(minor, inventory, options, &refs), sink)
}

/// A component for the distribution, each package, and each executable if asked for; each is made when it is wanted.
fn components<'a>(
    minor: u32,
    inventory: &'a Inventory,
    options: &WriteOptions,
    refs: &'a [String],
) -> impl Iterator<Item = Component> + use<'a> {
    let distro = inventory.distro.as_ref();
    let packages = inventory.packages.iter().zip(refs).zip(properties::links(inventory, refs));
    let packages = packages.map(move |((package, bom_ref), links)| {
        component(package, distro, Some(bom_ref.clone()), properties::of_package(package, distro, links))
    });
    let files = inventory.executables.iter().filter({
        let wanted = options.files;
        move |_| wanted
    });
    distro.map(operating_system).into_iter().chain(packages).chain(files.map(file)).map(move |mut component| {
        super::version::older(minor, &mut component);
        component
    })
}

fn file(executable: &signet_model::Executable) -> Component {
    let layer = executable.layer.iter().map(|layer| Property::new("syft:location:0:layerID", layer.to_string()));
    let size = Property::new("signet:file:size", executable.size.to_string());
    Component {
        bom_ref: Some(format!("signet:file:/{}", executable.path)),
        ty: Some("file".to_owned()),
        name: Some(format!("/{}", executable.path)),
        hashes: Some(vec![Hash { alg: "SHA-256".to_owned(), content: executable.digest.hex() }]),
        properties: Some(std::iter::once(size).chain(layer).collect()),
        ..Component::default()
    }
}

/// The document without its components.
fn bom(
    subject: &Subject,
    inventory: &Inventory,
    findings: Option<Findings<'_>>,
    options: &WriteOptions,
    ids: &[String],
    refs: &[String],
) -> Bom<()> {
    let serial = match options.serial {
        Serial::Given(uuid) => uuid,
        Serial::ContentDerived => identity::serial_of(inventory, ids, "cyclonedx"),
    };
    Bom {
        schema: Some("http://cyclonedx.org/schema/bom-1.6.schema.json".to_owned()),
        bom_format: Some("CycloneDX".to_owned()),
        spec_version: Some("1.6".to_owned()),
        serial_number: Some(format!("urn:uuid:{serial}")),
        version: 1,
        metadata: Some(Metadata {
            timestamp: options.timestamp.map(|time| time.to_string()),
            tools: Some(Tools::Components {
                components: vec![Component {
                    ty: Some("application".to_owned()),
                    name: Some(TOOL.to_owned()),
                    version: some(&options.tool_version),
                    ..Component::default()
                }],
            }),
            component: Some(root(subject)),
            properties: None,
        }),
        components: (),
        dependencies: Some(dependencies(inventory, refs)),
        compositions: (!inventory.unexamined.is_empty())
            .then(|| vec![Composition { aggregate: "incomplete", assemblies: vec![ROOT.to_owned()] }]),
        vulnerabilities: findings.map(|findings| vulnerability::all(inventory, &findings, refs)),
        properties: document_properties(inventory),
    }
}

/// JSON of our own wire types, which have text keys and finite numbers only, so that writing cannot fail.
pub(super) fn to_json(bom: &Bom<Vec<Component>>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(bom).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Unique by the id inside.
fn refs(inventory: &Inventory, ids: &[String]) -> Vec<String> {
    let distro = inventory.distro.as_ref();
    inventory
        .packages
        .iter()
        .zip(ids)
        .map(|(package, id)| match package.purl(distro).map(|purl| with_id(&purl, id)) {
            Some(purl) => purl,
            None => id.clone(),
        })
        .collect()
}

/// The purl with `package-id=ID` in its place among the qualifiers.
fn with_id(purl: &Purl, id: &str) -> String {
    let qualifiers = purl.qualifiers().iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let all = qualifiers.filter(|(key, _)| *key != "package-id").chain([("package-id", id)]);
    match Purl::build(purl.ty(), purl.namespace(), purl.name(), purl.version(), all, purl.subpath()) {
        Ok(purl) => purl.to_string(),
        // A purl against its type's rules is still a fine text.
        Err(_) => format!("{purl}{}package-id={id}", if purl.qualifiers().is_empty() { '?' } else { '&' }),
    }
}

/// A package as a component. The group of Maven, npm and Composer packages stands apart from the name.
pub(super) fn component(
    package: &Package,
    distro: Option<&Distro>,
    bom_ref: Option<String>,
    properties: Vec<(String, String)>,
) -> Component {
    let purl = package.purl(distro);
    let (group, name) = group_and_name(package);
    let ty = match package.kind {
        PackageKind::Binary | PackageKind::Snap | PackageKind::Flatpak => "application",
        PackageKind::Container => "container",
        PackageKind::Model => "machine-learning-model",
        _ => "library",
    };
    let hashes: Vec<Hash> = package
        .checksums
        .iter()
        .filter_map(|checksum| Some((super::hash_name(checksum)?, &checksum.hex)))
        .map(|(alg, hex)| Hash { alg: alg.to_owned(), content: hex.clone() })
        .collect();
    Component {
        bom_ref,
        ty: Some(ty.to_owned()),
        supplier: package.vendor.clone().map(|name| Organization { name: Some(name) }),
        group,
        name: Some(name),
        version: some(&package.version),
        description: package.description.clone(),
        hashes: (!hashes.is_empty()).then_some(hashes),
        licenses: licenses(&package.licenses),
        cpe: package.cpes.iter().find(|cpe| is_cpe23(cpe)).cloned(),
        purl: purl.map(|purl| purl.to_string()),
        properties: some_properties(properties),
        ..Component::default()
    }
}

pub(super) fn some_properties(pairs: Vec<(String, String)>) -> Option<Vec<Property>> {
    (!pairs.is_empty()).then(|| pairs.into_iter().map(|(name, value)| Property::new(name, value)).collect())
}

fn group_and_name(package: &Package) -> (Option<String>, String) {
    let split = match package.kind {
        PackageKind::Java | PackageKind::JenkinsPlugin => package.name.split_once(':'),
        PackageKind::Npm if package.name.starts_with('@') => package.name.split_once('/'),
        PackageKind::Composer => package.name.split_once('/'),
        _ => None,
    };
    match split {
        Some((group, name)) if !group.is_empty() && !name.is_empty() => (Some(group.to_owned()), name.to_owned()),
        _ => (None, package.name.clone()),
    }
}

/// A list of ids and names, or one expression: the schema allows no mixture. An expression beside others stays as a name.
pub(super) fn licenses(found: &[License]) -> Option<Vec<LicenseChoice>> {
    let named = |id: Option<String>, name: Option<String>| LicenseChoice {
        license: Some(WireLicense { id, name }),
        expression: None,
    };
    let choices: Vec<Choice> = found
        .iter()
        .filter(|license| !license.value.trim().is_empty())
        .map(|license| license::classify(&license.value))
        .collect();
    match choices.as_slice() {
        [] => None,
        [Choice::Expression(expression)] => {
            Some(vec![LicenseChoice { license: None, expression: Some(expression.clone()) }])
        }
        _ => {
            let mut seen = std::collections::HashSet::new();
            let list = choices.into_iter().filter_map(|choice| match choice {
                Choice::Id(id) => seen.insert(id.to_owned()).then(|| named(Some(id.to_owned()), None)),
                Choice::Expression(name) | Choice::Name(name) => {
                    seen.insert(name.clone()).then(|| named(None, Some(name)))
                }
            });
            Some(list.collect())
        }
    }
}

/// The artifact. Whatever depends on where it came from stands here and nowhere else.
fn root(subject: &Subject) -> Component {
    // A directory is a `file` as in Syft's documents: its readers take an application for a package.
    let ty = match subject.kind {
        _ if subject.image.is_some() => "container",
        SubjectKind::Image => "container",
        SubjectKind::Repository => "application",
        SubjectKind::File | SubjectKind::Directory | SubjectKind::RootFs | SubjectKind::Sbom | SubjectKind::Purl => {
            "file"
        }
    };
    let name = if subject.name.is_empty() { "." } else { &subject.name };
    let properties = subject.image.as_ref().map(image_properties).unwrap_or_default();
    Component {
        bom_ref: Some(ROOT.to_owned()),
        ty: Some(ty.to_owned()),
        name: Some(name.to_owned()),
        version: subject.image.as_ref().and_then(|image| image.manifest_digest).map(|digest| digest.to_string()),
        properties: some_properties(properties),
        ..Component::default()
    }
}

/// An image's identity under Trivy's names, which other tools read.
pub(super) fn image_properties(image: &ImageInfo) -> Vec<(String, String)> {
    let mut pairs = vec![(format!("{}ImageID", properties::TRIVY), image.config_digest.to_string())];
    pairs.extend(image.layers.iter().map(|layer| (format!("{}DiffID", properties::TRIVY), layer.diff_id.to_string())));
    pairs.extend(image.tags.iter().map(|tag| (format!("{}RepoTag", properties::TRIVY), tag.familiar())));
    pairs.extend(image.repo_digests.iter().map(|name| (format!("{}RepoDigest", properties::TRIVY), name.familiar())));
    pairs
}

fn operating_system(distro: &Distro) -> Component {
    let mut pairs = vec![("syft:distro:id".to_owned(), distro.id.clone())];
    let mut put = |name: &str, value: &Option<String>| {
        pairs.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
    };
    put("syft:distro:versionID", &distro.version_id);
    put("syft:distro:version", &distro.version);
    put("syft:distro:name", &distro.name);
    put("syft:distro:prettyName", &distro.pretty_name);
    put("syft:distro:versionCodename", &distro.codename);
    put("syft:distro:variantID", &distro.variant_id);
    put("syft:distro:buildID", &distro.build_id);
    put("syft:distro:imageID", &distro.image_id);
    put("syft:distro:cpeName", &distro.cpe_name);
    put("signet:distro:point-release", &distro.point_release);
    put("signet:distro:channel", &distro.channel);
    pairs.extend(
        distro.id_like.iter().enumerate().map(|(place, id)| (format!("syft:distro:idLike:{place}"), id.clone())),
    );
    pairs.sort();
    Component {
        bom_ref: Some(SYSTEM.to_owned()),
        ty: Some("operating-system".to_owned()),
        name: Some(if distro.id.is_empty() { "unknown".to_owned() } else { distro.id.clone() }),
        version: distro.version_id.clone(),
        description: distro.pretty_name.clone(),
        // The CPE of os-release is of the 2.2 form in most distributions, which the schema's pattern accepts only when it is well-formed.
        cpe: None,
        properties: some_properties(pairs),
        ..Component::default()
    }
}

/// One entry for each component, the root first; lists sorted and unique, as the schema demands.
fn dependencies(inventory: &Inventory, refs: &[String]) -> Vec<Dependency> {
    let graph = graph::build(inventory);
    let name = |index: &usize| refs.get(*index).cloned();
    let entry = |from: &str, mut to: Vec<String>| {
        to.sort_unstable();
        to.dedup();
        Dependency { from: Some(from.to_owned()), depends_on: Some(to) }
    };
    let is_system = |index: &&usize| inventory.packages.get(**index).is_some_and(|package| package.kind.is_os());
    let (system, others): (Vec<&usize>, Vec<&usize>) =
        graph.tops.iter().partition(|index| inventory.distro.is_some() && is_system(index));
    let mut of_root: Vec<String> = others.into_iter().filter_map(name).collect();
    let mut entries = Vec::with_capacity(refs.len() + 2);
    if inventory.distro.is_some() {
        of_root.push(SYSTEM.to_owned());
        entries.push(entry(SYSTEM, system.into_iter().filter_map(name).collect()));
    }
    for (from, to) in refs.iter().zip(&graph.depends_on) {
        entries.push(entry(from, to.iter().filter_map(name).collect()));
    }
    entries.sort_by(|a, b| a.from.cmp(&b.from));
    entries.insert(0, entry(ROOT, of_root));
    entries
}

fn document_properties(inventory: &Inventory) -> Option<Vec<Property>> {
    let mut pairs = Vec::new();
    for (place, unexamined) in inventory.unexamined.iter().enumerate() {
        let mut put =
            |what: &str, value: &str| pairs.push((format!("signet:unexamined:{place}:{what}"), value.to_owned()));
        put("path", &unexamined.location.path);
        put("kind", unexamined.kind.name());
        put("by", unexamined.by);
        put("why", &unexamined.why);
    }
    pairs.extend(inventory.content_sets.iter().map(|set| ("signet:content-set".to_owned(), set.clone())));
    some_properties(pairs)
}
