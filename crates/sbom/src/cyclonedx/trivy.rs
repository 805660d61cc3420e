//! CycloneDX as Trivy writes it: components under lock files and operating systems, its properties, version 1.7 of the format.
//!
//! Source: aquasecurity/trivy:pkg/sbom/io/encode.go and pkg/sbom/cyclonedx/marshal.go, and its integration tests' documents.

use std::collections::{BTreeMap, HashMap};

use signet_model::{
    Directness, ImageInfo, Inventory, Package, PackageIndex, PackageKind, Presence, Purl, Subject, SubjectKind,
    Timestamp,
};

use super::vulnerability::{self, Findings};
use super::wire::{Bom, Component, Dependency, Metadata, Organization, Tools};
use super::write as ours;
use crate::Uuid;
use crate::graph;
use crate::properties::TRIVY;

/// A result of a scan that packages belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name of the component: the lock file, or the family of an operating system.
    pub name: String,
    /// Version of the component: that of the operating system.
    pub version: Option<String>,
    /// `os-pkgs` or `lang-pkgs`.
    pub class: String,
    /// `npm`, `debian`, `jar`, ...
    pub ty: String,
    /// Its packages.
    pub packages: Vec<PackageIndex>,
    /// Whether the group is a component. Types that gather packages out of many files (`node-pkg`, `jar`, ...) are not: their packages hang on the root.
    pub component: bool,
}

/// The purl as Trivy writes it: no `upstream`, the family as namespace, the release as it stands in the report, an epoch always apart.
/// `os` is family and release (`debian`, `12.5`). A purl that an SBOM stated stays.
///
/// Source: aquasecurity/trivy:pkg/purl/purl.go.
pub fn purl(package: &Package, os: Option<(&str, &str)>) -> Option<Purl> {
    if package.stated_purl.is_some() || !package.kind.is_os() {
        return package.purl(None);
    }
    let (family, release) = os?;
    let namespace = match family {
        "sles" | "slem" => "suse",
        // Older reports write products of SUSE with spaces.
        family if family.starts_with("suse linux") => "suse",
        family if family.starts_with("opensuse") => "opensuse",
        family => family,
    };
    let distro = match package.kind {
        PackageKind::Apk => release.to_owned(),
        _ => format!("{family}-{release}"),
    };
    let epoch = package.epoch().filter(|epoch| *epoch != "0");
    let version = match package.epoch() {
        Some(_) => package.version.split_once(':').map_or("", |(_, rest)| rest),
        None => &package.version,
    };
    let qualifiers = [
        ("arch", package.arch.as_deref()),
        ("distro", Some(distro.as_str())),
        ("epoch", epoch),
        ("modularitylabel", package.module.as_deref()),
    ];
    let qualifiers = qualifiers.into_iter().filter_map(|(key, value)| Some((key, value?)));
    Purl::build(package.kind.purl_type(), Some(namespace), &package.name, Some(version), qualifiers, None).ok()
}

/// Everything that such a document says.
pub struct Document<'a> {
    /// What was examined.
    pub subject: &'a Subject,
    /// What it holds.
    pub inventory: &'a Inventory,
    /// The results, in the report's order. A package in no group hangs on the root.
    pub groups: &'a [Group],
    /// Family and release of the operating system, as the report names them: `debian`, `12.5`.
    pub os: Option<(&'a str, &'a str)>,
    /// More properties of the root under Trivy's names without prefix: `Reference`, `Size`.
    pub root: &'a [(&'a str, String)],
    /// Findings; `None` leaves the section out.
    pub findings: Option<Findings<'a>>,
    /// Version of Trivy that is stated as the tool.
    pub trivy_version: &'a str,
    /// When it was made.
    pub timestamp: Timestamp,
    /// UUIDs for components without a unique purl and for the serial number, in order of use: root, then each group and its packages
    /// (also those named by purl in the end), the serial number last.
    pub uuids: &'a mut dyn FnMut() -> Uuid,
}

/// The document in JSON.
pub fn write(document: Document<'_>) -> Vec<u8> {
    let Document { subject, inventory, groups, os, root: more, findings, trivy_version, timestamp, uuids } = document;
    let root_ref = uuids().to_string();
    let mut refs: Vec<Option<String>> = vec![None; inventory.packages.len()];
    let purls: Vec<Option<String>> =
        inventory.packages.iter().map(|package| purl(package, os).map(|purl| purl.to_string())).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for purl in purls.iter().flatten() {
        *uses.entry(purl).or_default() += 1;
    }
    let graph = graph::build(inventory);
    let layers = layer_digests(subject.image.as_ref());

    let mut components = Vec::new();
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut of_root = Vec::new();
    let rest = Group {
        name: String::new(),
        version: None,
        class: String::new(),
        ty: String::new(),
        packages: (0..inventory.packages.len())
            .filter_map(|index| u32::try_from(index).ok())
            .map(PackageIndex)
            .collect(),
        component: false,
    };
    for group in groups.iter().chain([&rest]) {
        let group_ref = group.component.then(|| uuids().to_string());
        if let Some(group_ref) = &group_ref {
            components.push(group_component(group, group_ref));
            of_root.push(group_ref.clone());
        }
        let mut members = Vec::new();
        for index in group.packages.iter().map(|index| index.get()) {
            let (Some(package), Some(slot)) = (inventory.packages.get(index), refs.get_mut(index)) else { continue };
            if slot.is_some() {
                continue;
            }
            let uuid = uuids();
            let unique = purls.get(index).and_then(Option::as_ref).filter(|purl| uses.get(purl.as_str()) == Some(&1));
            let bom_ref = unique.cloned().unwrap_or_else(|| uuid.to_string());
            *slot = Some(bom_ref.clone());
            let properties = package_properties(package, &group.ty, &layers);
            let component = ours::component(package, None, Some(bom_ref), properties);
            components.push(Component { purl: purls.get(index).cloned().flatten(), ..component });
            members.push(index);
        }
        // A project holds what it needs itself. Without one that hangs on the file, as does whatever no other package needs (so cycles hang in
        // the air, as Trivy's do).
        let directness = |index: usize| inventory.packages.get(index).map(|package| package.directness);
        let has_root = members.iter().any(|index| directness(*index) == Some(Directness::Root));
        let tops = members.iter().filter(|index| match directness(**index) {
            Some(Directness::Direct) => !has_root,
            _ => graph.free.binary_search(index).is_ok(),
        });
        let tops = tops.filter_map(|index| refs.get(*index).cloned().flatten());
        match group_ref {
            Some(group_ref) => edges.entry(group_ref).or_default().extend(tops),
            None => of_root.extend(tops),
        }
    }
    let refs: Vec<String> = refs.into_iter().map(Option::unwrap_or_default).collect();
    for (from, to) in refs.iter().zip(&graph.depends_on) {
        edges.entry(from.clone()).or_default().extend(to.iter().filter_map(|index| refs.get(*index).cloned()));
    }
    edges.insert(root_ref.clone(), of_root);
    components.sort_by(|a, b| a.bom_ref.cmp(&b.bom_ref));

    let serial = uuids();
    let bom = Bom {
        schema: Some("http://cyclonedx.org/schema/bom-1.7.schema.json".to_owned()),
        bom_format: Some("CycloneDX".to_owned()),
        spec_version: Some("1.7".to_owned()),
        serial_number: Some(format!("urn:uuid:{serial}")),
        version: 1,
        metadata: Some(Metadata {
            timestamp: Some(vulnerability::with_offset(timestamp)),
            tools: Some(Tools::Components { components: vec![tool(trivy_version)] }),
            component: Some(root(subject, root_ref, more)),
            properties: None,
        }),
        components,
        dependencies: Some(edges.into_iter().map(|(from, to)| entry(from, to)).collect()),
        compositions: None,
        vulnerabilities: findings.map(|findings| vulnerability::all(inventory, &findings, &refs)),
        properties: None,
    };
    ours::to_json(&bom)
}

fn entry(from: String, mut to: Vec<String>) -> Dependency {
    to.sort_unstable();
    to.dedup();
    to.retain(|other| *other != from);
    Dependency { from: Some(from), depends_on: Some(to) }
}

fn tool(version: &str) -> Component {
    Component {
        ty: Some("application".to_owned()),
        manufacturer: Some(Organization { name: Some("Aqua Security Software Ltd.".to_owned()) }),
        group: Some("aquasecurity".to_owned()),
        name: Some("trivy".to_owned()),
        version: Some(version.to_owned()),
        ..Component::default()
    }
}

fn root(subject: &Subject, bom_ref: String, more: &[(&str, String)]) -> Component {
    let mut pairs = vec![(format!("{TRIVY}SchemaVersion"), "2".to_owned())];
    pairs.extend(subject.image.iter().flat_map(ours::image_properties));
    pairs.extend(more.iter().map(|(name, value)| (format!("{TRIVY}{name}"), value.clone())));
    pairs.sort();
    Component {
        bom_ref: Some(bom_ref),
        ty: Some(if subject.kind == SubjectKind::Image { "container" } else { "application" }.to_owned()),
        name: Some(subject.name.clone()),
        properties: ours::some_properties(pairs),
        ..Component::default()
    }
}

fn group_component(group: &Group, bom_ref: &str) -> Component {
    let is_system = group.class == "os-pkgs";
    Component {
        bom_ref: Some(bom_ref.to_owned()),
        ty: Some(if is_system { "operating-system" } else { "application" }.to_owned()),
        name: Some(group.name.clone()),
        version: group.version.clone(),
        properties: ours::some_properties(vec![
            (format!("{TRIVY}Class"), group.class.clone()),
            (format!("{TRIVY}Type"), group.ty.clone()),
        ]),
        ..Component::default()
    }
}

fn layer_digests(image: Option<&ImageInfo>) -> HashMap<String, String> {
    image
        .iter()
        .flat_map(|image| &image.layers)
        .filter_map(|layer| Some((layer.diff_id.to_string(), layer.digest?.to_string())))
        .collect()
}

fn package_properties(package: &Package, ty: &str, layers: &HashMap<String, String>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            pairs.push((format!("{TRIVY}{name}"), value.to_owned()));
        }
    };
    put("PkgID", &package_id(package).unwrap_or_default());
    put("PkgType", ty);
    let location = package.locations.first();
    if !package.kind.is_os() {
        // A lock file is the group already; files of one package are worth naming.
        if package.presence == Presence::Installed {
            put("FilePath", location.map(|location| location.path.as_str()).unwrap_or_default());
        }
    } else if let Some(source) = &package.source {
        let whole = source.version.as_deref().unwrap_or_default();
        let (epoch, rest) = whole.split_once(':').unwrap_or(("", whole));
        let (version, release) = match package.kind {
            PackageKind::Apk => (rest, ""),
            _ => rest.rsplit_once('-').unwrap_or((rest, "")),
        };
        put("SrcName", &source.name);
        put("SrcVersion", version);
        put("SrcRelease", release);
        put("SrcEpoch", if epoch == "0" { "" } else { epoch });
    }
    put("Modularitylabel", package.module.as_deref().unwrap_or_default());
    if let Some(layer) = location.and_then(|location| location.layer) {
        let diff_id = layer.to_string();
        put("LayerDigest", layers.get(&diff_id).map(String::as_str).unwrap_or_default());
        put("LayerDiffID", &diff_id);
    }
    pairs.sort();
    pairs
}

/// `NAME@VERSION` of packages of operating systems and lock files, for rpm without epoch and with architecture; installed packages of
/// languages have none; `NAME:VERSION` of Maven's. `extra["trivy.pkg_id"]` overrides it, empty for none.
fn package_id(package: &Package) -> Option<String> {
    if let Some(id) = package.extra.get("trivy.pkg_id") {
        return Some(id.clone());
    }
    match (package.kind, &package.arch) {
        (PackageKind::Rpm, Some(arch)) => {
            let version = package.version.split_once(':').map_or(package.version.as_str(), |(_, rest)| rest);
            Some(format!("{}@{version}.{arch}", package.name))
        }
        (PackageKind::Java, _) if package.presence == Presence::Declared => {
            Some(format!("{}:{}", package.name, package.version))
        }
        (kind, _) if kind.is_os() || package.presence == Presence::Declared => {
            Some(format!("{}@{}", package.name, package.version))
        }
        _ => None,
    }
}
