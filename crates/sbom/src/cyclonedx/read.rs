//! CycloneDX 1.2 to 1.7 in JSON as an inventory.

use std::collections::{BTreeMap, HashMap};

use signet_model::{
    Checksum, Digest, Directness, Distro, ImageInfo, Inventory, LayerInfo, Location, PackageKind, Platform,
    RelationshipKind, Subject, SubjectKind, Unexamined, UnexaminedKind,
};

use super::stream::{Document, Head};
use super::wire::{Component, Dependency, LicenseChoice, Property};
use crate::collect::{self, Collector};
use crate::properties::{self, TRIVY};
use crate::{Format, Limits, ReadError, Sbom, Unread, unread};

/// Newest minor version of CycloneDX 1 that we know.
const NEWEST: u32 = 7;

/// Reads a document that [`crate::detect`] takes for CycloneDX.
///
/// Errors: what is not JSON of the format's types, a version other than 1.x, more of anything than the limits allow. A component that
/// lacks a name, a purl that cannot be read, a reference to nothing become notes in `inventory.unexamined`.
pub(crate) fn read(bytes: &[u8], limits: &Limits, unread: Option<&mut Unread>) -> Result<Sbom, ReadError> {
    let mut reader = Reader::new(limits, unread.is_none());
    let mut head = Head::default();
    let parsed = unread::seed_slice(bytes, unread, Document { reader: &mut reader, head: &mut head });
    inventory(Format::CycloneDxJson, parsed, reader, head)
}

/// The same for a document in XML, 1.0 to 1.7.
///
/// Errors: also what is not well-formed or has another root element.
pub(crate) fn read_xml(bytes: &[u8], limits: &Limits, unread: Option<&mut Unread>) -> Result<Sbom, ReadError> {
    let format = Format::CycloneDxXml;
    let root = crate::xml::parse_bytes(bytes).map_err(|why| ReadError::Invalid { format, why })?;
    let document = super::xml_to_json(&root).map_err(|why| ReadError::Invalid { format, why })?;
    drop(root);
    let mut reader = Reader::new(limits, unread.is_none());
    let mut head = Head::default();
    let parsed = unread::seed_value(document, unread, Document { reader: &mut reader, head: &mut head });
    inventory(format, parsed, reader, head)
}

fn inventory(
    format: Format,
    parsed: serde_json::Result<()>,
    mut reader: Reader<'_>,
    head: Head,
) -> Result<Sbom, ReadError> {
    match (parsed, head.stopped) {
        (_, Some(reason)) => return Err(reason),
        (Err(err), None) => return Err(ReadError::Json { format, err }),
        (Ok(()), None) => {}
    }
    if let Some(name) = head.bom_format.filter(|name| *name != "CycloneDX") {
        return Err(ReadError::Invalid { format, why: format!("`bomFormat` is `{name}`") });
    }
    let spec_version = head.spec_version.unwrap_or_default();
    let minor: u32 = spec_version
        .strip_prefix("1.")
        .and_then(|minor| minor.parse().ok())
        .ok_or_else(|| ReadError::Invalid { format, why: format!("`specVersion` is `{spec_version}`, not 1.x") })?;
    if minor > NEWEST {
        let why = format!("version {spec_version} is newer than 1.{NEWEST}, the newest that is known here");
        reader.out.note("specVersion", UnexaminedKind::Unsupported, why);
    }
    let mut subject = Subject { kind: SubjectKind::Sbom, name: String::new(), image: None };
    let metadata = head.metadata.unwrap_or_default();
    let mut properties = head.properties.unwrap_or_default();
    properties.extend(metadata.properties.unwrap_or_default());
    if let Some(root) = metadata.component {
        subject.name = whole_name(&root);
        subject.image = image(&root);
        reader.root(root)?;
    }
    let mut services = head.services.unwrap_or_default();
    while let Some(service) = services.pop() {
        reader.out.part()?;
        reader.out.other(service.bom_ref.as_deref().unwrap_or_default());
        services.extend(service.services.unwrap_or_default());
    }
    for dependency in head.early {
        reader.dependencies(dependency)?;
    }
    reader.unexamined(&properties)?;

    let Reader { out, layers, .. } = reader;
    let mut inventory: Inventory = out.finish();
    inventory.content_sets = texts(&properties, "signet:content-set");
    if let Some(image) = &mut subject.image {
        for layer in &mut image.layers {
            layer.digest = layers.get(&layer.diff_id).copied();
        }
    }
    Ok(Sbom { format, spec_version, subject, inventory })
}

pub(super) struct Reader<'l> {
    out: Collector<'l>,
    limits: &'l Limits,
    /// diffID -> digest of the blob, as packages state it.
    layers: BTreeMap<Digest, Digest>,
    /// Components of Trivy that stand for a lock file: ref -> (path, type).
    groups: HashMap<String, (String, String)>,
}

impl<'l> Reader<'l> {
    /// `with_refs`: packages keep their ids of the document.
    fn new(limits: &'l Limits, with_refs: bool) -> Reader<'l> {
        let mut out = Collector::new("cyclonedx", limits);
        out.with_refs = with_refs;
        Reader { out, limits, layers: BTreeMap::new(), groups: HashMap::new() }
    }

    /// One entry of the graph.
    pub(super) fn dependencies(&mut self, dependency: Dependency) -> Result<(), ReadError> {
        let from = dependency.from.unwrap_or_default();
        for to in dependency.depends_on.unwrap_or_default() {
            self.dependency(&from, &to)?;
        }
        Ok(())
    }

    /// The artifact itself is a package only where it has the purl of one.
    fn root(&mut self, mut root: Component) -> Result<(), ReadError> {
        let nested = root.components.take().unwrap_or_default();
        let bom_ref = root.bom_ref.clone().unwrap_or_default();
        let purl = root.purl.clone().unwrap_or_default();
        let is_package = !purl.is_empty() && !purl.starts_with("pkg:oci/") && !purl.starts_with("pkg:docker/");
        if is_package && root.ty.as_deref() != Some("container") {
            self.component(root, "metadata.component", None, 1)?;
            if let Some(package) = self.out.package_mut(&bom_ref) {
                package.directness = Directness::Root;
            }
        } else {
            self.out.other(&bom_ref);
        }
        for (place, component) in nested.into_iter().enumerate() {
            self.component(component, &format!("metadata.component.components[{place}]"), None, 2)?;
        }
        Ok(())
    }

    /// One component and those inside it. The depth of recursion is that of the JSON, which its parser bounds, and `limits.depth`.
    pub(super) fn component(
        &mut self,
        mut component: Component,
        at: &str,
        parent: Option<&str>,
        depth: usize,
    ) -> Result<(), ReadError> {
        if depth > self.limits.depth {
            return Err(ReadError::TooLarge { what: "levels of components", limit: self.limits.depth });
        }
        self.out.part()?;
        let nested = component.components.take().unwrap_or_default();
        // Without an id of its own nothing can name it; its place keeps it apart.
        let bom_ref = component.bom_ref.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| at.to_owned());
        let is_package = self.single(component, &bom_ref, at)?;
        if is_package && let Some(parent) = parent {
            self.out.edge(&bom_ref, parent, RelationshipKind::ContainedIn)?;
        }
        let parent = if is_package { Some(bom_ref.as_str()) } else { parent };
        for (place, inner) in nested.into_iter().enumerate() {
            self.component(inner, &format!("{at}.components[{place}]"), parent, depth + 1)?;
        }
        Ok(())
    }

    /// A component without regard to what is inside. Gives whether it is a package.
    fn single(&mut self, component: Component, bom_ref: &str, at: &str) -> Result<bool, ReadError> {
        let name = whole_name(&component);
        let version = component.version.as_deref().unwrap_or_default();
        let ty = component.ty.as_deref().unwrap_or_default();
        let purl = component.purl.as_deref().filter(|purl| !purl.is_empty());
        if ty.is_empty() {
            self.out.note(at, UnexaminedKind::Malformed, "a component states no type");
        }
        if name.is_empty() && purl.is_none() {
            self.out.other(bom_ref);
            self.out.note(at, UnexaminedKind::Malformed, "a component has neither name nor purl");
            return Ok(false);
        }
        let list = component.properties.as_deref().unwrap_or_default();
        let mut package = self.out.package(at, purl, &name, version);
        let beside = properties::apply(&mut package, pairs(list));
        self.layers.extend(beside.layer);
        match ty {
            "operating-system" if purl.is_none() => {
                let found = distro(&name, version, list, beside.ty.as_deref());
                match &self.out.distro {
                    None => self.out.distro = Some(found),
                    // A cluster lists the system of each node.
                    Some(known) if known.id == found.id && known.version_id == found.version_id => {}
                    Some(_) => {
                        self.out.note(at, UnexaminedKind::Unsupported, format!("a second operating system, `{name}`"))
                    }
                }
                self.out.other(bom_ref);
                return Ok(false);
            }
            // Trivy's component for a lock file, and files as such: evidence, not packages.
            "application" if purl.is_none() && beside.class.is_some() => {
                self.groups.insert(bom_ref.to_owned(), (name, beside.ty.unwrap_or_default()));
                self.out.other(bom_ref);
                return Ok(false);
            }
            "file" | "data" | "cryptographic-asset" if purl.is_none() => {
                self.out.other(bom_ref);
                return Ok(false);
            }
            "container" if purl.is_none() => package.kind = PackageKind::Container,
            "machine-learning-model" if purl.is_none() => package.kind = PackageKind::Model,
            _ => {}
        }

        let who = component.supplier.or(component.manufacturer).and_then(|who| who.name).or(component.publisher);
        package.vendor = who.filter(|who| !who.is_empty());
        package.description = component.description.filter(|text| !text.is_empty());
        package.licenses = licenses(component.licenses.unwrap_or_default());
        if let Some(cpe) = component.cpe.filter(|cpe| !cpe.is_empty() && !package.cpes.contains(cpe)) {
            package.cpes.insert(0, cpe);
        }
        collect::unique(&mut package.cpes);
        for hash in component.hashes.unwrap_or_default() {
            if let Some(algorithm) = properties::algorithm_of(&hash.alg) {
                package.checksums.push(Checksum { algorithm, hex: hash.content.to_ascii_lowercase() });
            }
        }
        package.checksums.sort();
        package.checksums.dedup();
        if package.locations.is_empty() {
            for occurrence in component.evidence.and_then(|evidence| evidence.occurrences).unwrap_or_default() {
                let path = occurrence.location.unwrap_or_default();
                let lines = occurrence.line.map(|line| (line, line));
                package.locations.push(Location { path: path.trim_start_matches('/').to_owned(), layer: None, lines });
            }
        }
        if let Some(scope) = component.scope.filter(|scope| scope != "required") {
            package.extra.insert("cyclonedx.scope".to_owned(), scope);
        }
        for owner in &beside.owned_by {
            self.out.edge(bom_ref, owner, RelationshipKind::OwnedBy)?;
        }
        for container in &beside.contained_in {
            self.out.edge(bom_ref, container, RelationshipKind::ContainedIn)?;
        }
        self.out.add(bom_ref, package)?;
        Ok(true)
    }

    /// Edges from what is no package say where a package belongs, not what it needs.
    fn dependency(&mut self, from: &str, to: &str) -> Result<(), ReadError> {
        let group = self.groups.get(from).cloned();
        match group {
            Some((path, ty)) => {
                if let Some(package) = self.out.package_mut(to) {
                    if package.directness == Directness::Unknown {
                        package.directness = Directness::Direct;
                    }
                    if package.locations.iter().all(|location| location.path.is_empty()) {
                        let layer = package.locations.first().and_then(|location| location.layer);
                        package.locations = vec![Location { path: path.clone(), layer, lines: None }];
                    }
                    package.extra.insert("trivy.group".to_owned(), path);
                    package.extra.insert("trivy.type".to_owned(), ty);
                }
                self.out.edge(from, to, RelationshipKind::DependsOn)
            }
            None => self.out.edge(from, to, RelationshipKind::DependsOn),
        }
    }

    /// What the program that wrote the document could not examine is not examined here either.
    fn unexamined(&mut self, list: &[Property]) -> Result<(), ReadError> {
        let mut found: BTreeMap<u32, (String, UnexaminedKind, String)> = BTreeMap::new();
        for (name, value) in pairs(list) {
            let Some((place, what)) = name.strip_prefix("signet:unexamined:").and_then(|rest| rest.split_once(':'))
            else {
                continue;
            };
            let Ok(place) = place.parse() else {
                self.out.note(
                    name,
                    UnexaminedKind::Malformed,
                    "a part that was not examined is told without its number",
                );
                continue;
            };
            let entry =
                found.entry(place).or_insert_with(|| (String::new(), UnexaminedKind::Unreadable, String::new()));
            match what {
                "path" => entry.0 = value.to_owned(),
                "kind" => entry.1 = kind_of(value),
                "why" => entry.2 = value.to_owned(),
                _ => {}
            }
        }
        let by = self.out.by();
        for (path, kind, why) in found.into_values() {
            self.out.keep(Unexamined { location: Location::of_path(path), kind, by, why })?;
        }
        Ok(())
    }
}

fn kind_of(name: &str) -> UnexaminedKind {
    use UnexaminedKind::{Malformed, Missing, TooLarge, Unreadable, Unresolved, Unsupported};
    [Malformed, TooLarge, Unsupported, Unresolved, Missing]
        .into_iter()
        .find(|kind| kind.name() == name)
        .unwrap_or(Unreadable)
}

fn pairs(list: &[Property]) -> impl Iterator<Item = (&str, &str)> {
    list.iter().filter_map(|property| Some((property.name.as_deref()?, property.value.as_deref()?)))
}

fn texts(list: &[Property], name: &str) -> Vec<String> {
    pairs(list).filter(|(other, _)| *other == name).map(|(_, value)| value.to_owned()).collect()
}

/// Group and name as the ecosystems join them: `group:artifact` for Maven, else with a slash. A name that has the group inside already is whole.
fn whole_name(component: &Component) -> String {
    let name = component.name.clone().unwrap_or_default();
    let group = component.group.as_deref().unwrap_or_default();
    if group.is_empty() || name.starts_with(&format!("{group}/")) || name.starts_with(&format!("{group}:")) {
        return name;
    }
    let is_maven = component.purl.as_deref().is_some_and(|purl| purl.starts_with("pkg:maven/"));
    format!("{group}{}{name}", if is_maven { ':' } else { '/' })
}

fn licenses(choices: Vec<LicenseChoice>) -> Vec<signet_model::License> {
    let mut found: Vec<signet_model::License> = Vec::new();
    for choice in choices {
        let text = match choice.license {
            Some(license) => license.id.or(license.name),
            None => choice.expression,
        };
        found.extend(text.as_deref().and_then(properties::license));
    }
    collect::unique(&mut found);
    found
}

/// The distribution that an operating-system component states. Trivy's families have names of their own.
fn distro(name: &str, version: &str, list: &[Property], trivy_type: Option<&str>) -> Distro {
    let mut distro = Distro { id: name.to_owned(), ..Distro::default() };
    distro.version_id = (!version.is_empty()).then(|| version.to_owned());
    if trivy_type.is_some()
        || list.iter().any(|property| property.name.as_deref().is_some_and(|name| name.starts_with(TRIVY)))
    {
        distro.id = collect::id_of_family(trivy_type.unwrap_or(name)).to_owned();
        // `2 (Karoo)`: the release of Amazon Linux with its name.
        if let Some((number, rest)) = version.split_once(' ').filter(|(_, rest)| rest.starts_with('(')) {
            distro.version = Some(format!("{number} {rest}"));
            distro.version_id = Some(number.to_owned());
        }
    }
    for (name, value) in pairs(list) {
        let text = Some(value.to_owned());
        match name {
            "syft:distro:id" => distro.id = value.to_owned(),
            "syft:distro:versionID" => distro.version_id = text,
            "syft:distro:version" => distro.version = text,
            "syft:distro:name" => distro.name = text,
            "syft:distro:prettyName" => distro.pretty_name = text,
            "syft:distro:versionCodename" => distro.codename = text,
            "syft:distro:variantID" => distro.variant_id = text,
            "syft:distro:buildID" => distro.build_id = text,
            "syft:distro:imageID" => distro.image_id = text,
            "syft:distro:cpeName" => distro.cpe_name = text,
            "signet:distro:point-release" => distro.point_release = text,
            "signet:distro:channel" => distro.channel = text,
            _ if name.starts_with("syft:distro:idLike:") => distro.id_like.push(value.to_owned()),
            _ => {}
        }
    }
    distro.id = distro.id.to_ascii_lowercase();
    distro
}

/// The image that the document names by its id, with as much as the document says.
fn image(root: &Component) -> Option<ImageInfo> {
    let list = root.properties.as_deref().unwrap_or_default();
    let config_digest: Digest = texts(list, &format!("{TRIVY}ImageID")).first()?.parse().ok()?;
    let references =
        |name: &str| texts(list, &format!("{TRIVY}{name}")).iter().filter_map(|text| text.parse().ok()).collect();
    let layer = |diff_id| LayerInfo { diff_id, digest: None, size: 0, media_type: String::new(), created_by: None };
    Some(ImageInfo {
        manifest_digest: root.version.as_deref().and_then(|version| version.parse().ok()),
        index_digest: None,
        config_digest,
        config: Vec::new(),
        manifest_media_type: String::new(),
        platform: Platform::default(),
        tags: references("RepoTag"),
        repo_digests: references("RepoDigest"),
        layers: texts(list, &format!("{TRIVY}DiffID")).iter().filter_map(|text| text.parse().ok()).map(layer).collect(),
    })
}
