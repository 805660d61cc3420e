//! Facts that a format has no field for, as name-value pairs: Syft's and Trivy's names where they exist, else `signet:*`.
//!
//! Sources: anchore/syft:syft/format/internal/cyclonedxutil/helpers, aquasecurity/trivy:pkg/sbom/core/bom.go.

use std::collections::BTreeMap;

use signet_model::{
    Checksum, ChecksumAlgorithm, Digest, Directness, Distro, Inventory, License, Location, Package, Presence,
    RelationshipKind, SourcePackage, SymbolSet,
};

use crate::collect::refine;
use crate::cpe::is_cpe23;

/// Prefix of Trivy's properties.
pub(crate) const TRIVY: &str = "aquasecurity:trivy:";

/// For each package, the properties that say what owns or contains it. `ids` are the document's ids of all packages.
pub(crate) fn links(inventory: &Inventory, ids: &[String]) -> Vec<Vec<(String, String)>> {
    let mut links = vec![Vec::new(); inventory.packages.len()];
    for edge in &inventory.relationships {
        let name = match edge.kind {
            RelationshipKind::OwnedBy => "signet:package:owned-by",
            RelationshipKind::ContainedIn => "signet:package:contained-in",
            RelationshipKind::DependsOn => continue,
        };
        if let (Some(list), Some(id)) = (links.get_mut(edge.from.get()), ids.get(edge.to.get())) {
            list.push((name.to_owned(), id.clone()));
        }
    }
    links
}

/// Everything about a package itself that CycloneDX has no field for, and `links`, sorted by name.
pub(crate) fn of_package(
    package: &Package,
    distro: Option<&Distro>,
    links: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("signet:package:kind".to_owned(), package.kind.name().to_owned()),
        ("syft:package:type".to_owned(), crate::syft::type_name(package.kind).to_owned()),
    ];
    let mut put = |name: String, value: &str| pairs.push((name, value.to_owned()));
    if !package.found_by.is_empty() {
        put("syft:package:foundBy".to_owned(), package.found_by);
    }
    for (place, location) in package.locations.iter().enumerate() {
        put(format!("syft:location:{place}:path"), &format!("/{}", location.path));
        if let Some(layer) = &location.layer {
            put(format!("syft:location:{place}:layerID"), &layer.to_string());
        }
        if let Some((first, last)) = location.lines {
            put(format!("signet:location:{place}:lines"), &format!("{first}-{last}"));
        }
    }
    // The first valid one has a field of its own.
    let first = package.cpes.iter().position(|cpe| is_cpe23(cpe));
    for (_, cpe) in package.cpes.iter().enumerate().filter(|(place, _)| Some(*place) != first) {
        put("syft:cpe23".to_owned(), cpe);
    }
    // What the purl already carries is not said twice.
    let carried = package.purl(distro).map(|purl| purl.to_package());
    let carried = carried.as_ref();
    if package.arch.is_some() && carried.is_none_or(|carried| carried.arch != package.arch) {
        put("signet:package:arch".to_owned(), package.arch.as_deref().unwrap_or_default());
    }
    if package.module.is_some() && carried.is_none_or(|carried| carried.module != package.module) {
        put("signet:package:module".to_owned(), package.module.as_deref().unwrap_or_default());
    }
    if let Some(source) = &package.source
        && carried.is_none_or(|carried| carried.source != package.source)
    {
        put("signet:package:source".to_owned(), &source.name);
        if let Some(version) = &source.version {
            put("signet:package:source-version".to_owned(), version);
        }
    }
    if package.presence == Presence::Declared {
        put("signet:package:presence".to_owned(), "declared");
    }
    if package.dev {
        put("signet:package:dev".to_owned(), "true");
    }
    if package.directness != Directness::Unknown {
        put("signet:package:directness".to_owned(), directness_name(package.directness));
    }
    for checksum in package.checksums.iter().filter(|checksum| crate::cyclonedx::hash_name(checksum).is_none()) {
        put(format!("signet:checksum:{}", checksum.algorithm.name()), &checksum.hex);
    }
    for (key, value) in package.extra.iter().filter(|(key, _)| is_stated(key)) {
        put(format!("signet:extra:{key}"), value);
    }
    pairs.extend(links);
    pairs.sort();
    pairs.dedup();
    pairs
}

/// Whether an extra is for readers. What serves to read a document, and sets of hashes that only matching understands, are not.
fn is_stated(key: &str) -> bool {
    !key.starts_with("sbom.") && key != SymbolSet::FACT
}

fn directness_name(directness: Directness) -> &'static str {
    match directness {
        Directness::Unknown => "unknown",
        Directness::Root => "root",
        Directness::Workspace => "workspace",
        Directness::Direct => "direct",
        Directness::Indirect => "indirect",
    }
}

/// What properties say beside the package itself.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// diffID -> digest of the layer's blob.
    pub(crate) layer: Option<(Digest, Digest)>,
    pub(crate) owned_by: Vec<String>,
    pub(crate) contained_in: Vec<String>,
    /// Trivy's class and type of a component that stands for a lock file or an operating system.
    pub(crate) class: Option<String>,
    pub(crate) ty: Option<String>,
}

/// Reads the properties of a component into the package; names that we do not know are left alone.
pub(crate) fn apply<'a>(package: &mut Package, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Beside {
    let mut beside = Beside::default();
    let mut places: BTreeMap<u32, Location> = BTreeMap::new();
    let mut trivy = Trivy::default();
    let mut epoch = None;
    for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
        if let Some(rest) = name.strip_prefix(TRIVY) {
            trivy.take(rest, value, package, &mut beside);
        } else if let Some(rest) = name.strip_prefix("syft:location:").or_else(|| name.strip_prefix("signet:location:"))
        {
            let Some((place, what)) = rest.split_once(':') else { continue };
            let Ok(place) = place.parse::<u32>() else { continue };
            let location = places.entry(place).or_default();
            match what {
                "path" => location.path = value.trim_start_matches('/').to_owned(),
                "layerID" => location.layer = value.parse().ok(),
                "lines" => {
                    location.lines = value.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                }
                _ => {}
            }
        } else if let Some(rest) = name.strip_prefix("syft:") {
            match rest {
                "package:type" => refine(package, value),
                "cpe23" => package.cpes.push(value.to_owned()),
                "metadata:source" | "metadata:originPackage" => {
                    source_mut(package).name = value.to_owned();
                }
                "metadata:sourceVersion" => source_mut(package).version = Some(value.to_owned()),
                "metadata:architecture" if package.kind.is_os() && package.arch.is_none() => {
                    package.arch = Some(value.to_owned())
                }
                "metadata:epoch" => epoch = Some(value.to_owned()),
                "metadata:modularityLabel" => package.module = Some(value.to_owned()),
                _ => {}
            }
        } else if let Some(rest) = name.strip_prefix("signet:") {
            ours(rest, value, package, &mut beside);
        }
    }
    if let Some(epoch) = epoch.filter(|_| package.kind == signet_model::PackageKind::Rpm && package.epoch().is_none()) {
        package.version = format!("{epoch}:{}", package.version);
    }
    crate::collect::unique(&mut package.cpes);
    places.retain(|_, location| !location.path.is_empty());
    if !places.is_empty() {
        package.locations = places.into_values().collect();
    }
    trivy.finish(package, &mut beside);
    beside
}

fn source_mut(package: &mut Package) -> &mut SourcePackage {
    package.source.get_or_insert_with(|| SourcePackage { name: String::new(), version: None })
}

fn ours(name: &str, value: &str, package: &mut Package, beside: &mut Beside) {
    match name {
        "package:kind" => refine(package, value),
        "package:arch" => package.arch = Some(value.to_owned()),
        "package:module" => package.module = Some(value.to_owned()),
        "package:source" => source_mut(package).name = value.to_owned(),
        "package:source-version" => source_mut(package).version = Some(value.to_owned()),
        "package:presence" if value == "declared" => package.presence = Presence::Declared,
        "package:dev" if value == "true" => package.dev = true,
        "package:directness" => {
            package.directness = match value {
                "root" => Directness::Root,
                "workspace" => Directness::Workspace,
                "direct" => Directness::Direct,
                "indirect" => Directness::Indirect,
                _ => Directness::Unknown,
            }
        }
        "package:owned-by" => beside.owned_by.push(value.to_owned()),
        "package:contained-in" => beside.contained_in.push(value.to_owned()),
        _ => {
            if let Some(key) = name.strip_prefix("extra:").filter(|key| is_stated(key)) {
                package.extra.insert(key.to_owned(), value.to_owned());
            } else if let Some(algorithm) = name.strip_prefix("checksum:").and_then(algorithm_of) {
                package.checksums.push(Checksum { algorithm, hex: value.to_owned() });
            }
        }
    }
}

/// Trivy's parts of a source package's version and of a place, put together when all are there.
#[derive(Default)]
struct Trivy {
    name: Option<String>,
    version: Option<String>,
    release: Option<String>,
    epoch: Option<String>,
    path: Option<String>,
    digest: Option<Digest>,
    diff_id: Option<Digest>,
}

impl Trivy {
    fn take(&mut self, name: &str, value: &str, package: &mut Package, beside: &mut Beside) {
        let text = || Some(value.to_owned());
        match name {
            "SrcName" => self.name = text(),
            "SrcVersion" => self.version = text(),
            "SrcRelease" => self.release = text(),
            "SrcEpoch" => self.epoch = text(),
            "FilePath" => self.path = text(),
            "LayerDigest" => self.digest = value.parse().ok(),
            "LayerDiffID" => self.diff_id = value.parse().ok(),
            "Modularitylabel" => package.module = text(),
            "PkgID" => drop(package.extra.insert("trivy.pkg_id".to_owned(), value.to_owned())),
            "PkgType" => drop(package.extra.insert("trivy.pkg_type".to_owned(), value.to_owned())),
            "Class" => beside.class = text(),
            "Type" => beside.ty = text(),
            _ => {}
        }
    }

    fn finish(self, package: &mut Package, beside: &mut Beside) {
        if let Some(name) = self.name {
            let version = self.version.map(|version| {
                let release = self.release.map(|release| format!("-{release}")).unwrap_or_default();
                let epoch =
                    self.epoch.filter(|epoch| epoch != "0").map(|epoch| format!("{epoch}:")).unwrap_or_default();
                format!("{epoch}{version}{release}")
            });
            package.source = Some(SourcePackage { name, version });
        }
        if self.path.is_some() || self.diff_id.is_some() {
            let path = self.path.unwrap_or_default().trim_start_matches('/').to_owned();
            let lines = package.locations.first().filter(|first| first.path == path).and_then(|first| first.lines);
            let location = Location { path, layer: self.diff_id, lines };
            if !package.locations.iter().any(|known| known.path == location.path && !known.path.is_empty()) {
                package.locations.insert(0, location);
            }
        }
        beside.layer = self.diff_id.zip(self.digest);
    }
}

/// The algorithm of a name in any of the formats' spellings: `SHA-256`, `SHA256`, `sha256`.
pub(crate) fn algorithm_of(name: &str) -> Option<ChecksumAlgorithm> {
    let name = name.to_ascii_lowercase();
    Some(match name.as_str() {
        "md5" => ChecksumAlgorithm::Md5,
        "sha1" | "sha-1" => ChecksumAlgorithm::Sha1,
        "sha224" | "sha-224" => ChecksumAlgorithm::Sha224,
        "sha256" | "sha-256" => ChecksumAlgorithm::Sha256,
        "sha384" | "sha-384" => ChecksumAlgorithm::Sha384,
        "sha512" | "sha-512" => ChecksumAlgorithm::Sha512,
        "blake2b-256" => ChecksumAlgorithm::Blake2b256,
        _ => return None,
    })
}

/// A licence as a document states it; the words for "nobody said" are no licence.
pub(crate) fn license(text: &str) -> Option<License> {
    let text = text.trim();
    (!matches!(text, "" | "NOASSERTION" | "NONE")).then(|| License { value: text.to_owned() })
}
