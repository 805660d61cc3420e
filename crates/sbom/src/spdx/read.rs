//! SPDX 2 as an inventory.

use std::collections::{BTreeMap, HashMap, HashSet};

use signet_model::{
    Checksum, Distro, ImageInfo, LayerInfo, License, Location, PackageKind, Platform, RelationshipKind, SourcePackage,
    Subject, SubjectKind, Unexamined, UnexaminedKind,
};

use super::OWNERSHIP;
use super::wire::{self, Document, Relationship};
use crate::collect::{self, Collector};
use crate::{Format, Limits, ReadError, Sbom, Unread, license, properties, unread};

/// Packages of Trivy that stand for a lock file: id -> (path, type).
type Groups = HashMap<String, (String, String)>;

/// What packages say of the document, and the document of packages.
struct Around {
    subject: Subject,
    /// Texts of licences that are no ids of the list.
    texts: HashMap<String, String>,
    /// What the document describes and what could be a package if there is no other.
    skipped: Vec<wire::Package>,
    groups: Groups,
}

/// Reads a document that [`crate::detect`] takes for SPDX 2, in any of its forms.
///
/// Errors: what is not of the format or has other types, a version other than 2.x, more of anything than the limits allow. Lines of
/// tag-value text that are no fields become notes in `inventory.unexamined`.
pub(crate) fn read(
    format: Format,
    bytes: &[u8],
    limits: &Limits,
    unread: Option<&mut Unread>,
) -> Result<Sbom, ReadError> {
    let json = |err| ReadError::Json { format, err };
    if format == Format::SpdxJson {
        return inventory(format, unread::from_slice(bytes, unread).map_err(json)?, Vec::new(), limits);
    }
    let parsed = super::tree(format, bytes, limits)?;
    inventory(format, unread::from_value(parsed.document, unread).map_err(json)?, parsed.problems, limits)
}

pub(super) fn inventory(
    format: Format,
    document: Document,
    problems: Vec<crate::lint::Problem>,
    limits: &Limits,
) -> Result<Sbom, ReadError> {
    let spec_version = document.spdx_version.clone().unwrap_or_default();
    if !spec_version.starts_with("SPDX-2.") {
        return Err(ReadError::Invalid { format, why: format!("`spdxVersion` is `{spec_version}`, not SPDX-2.x") });
    }
    let relationships = document.relationships.0;
    let packages = document.packages.0;
    let texts: HashMap<String, String> = document
        .has_extracted_licensing_infos
        .unwrap_or_default()
        .into_iter()
        .filter_map(|info| {
            let text = info.extracted_text.filter(|text| !text.is_empty() && text.len() <= 200);
            Some((info.license_id?, info.name.filter(|name| !matches!(name.as_str(), "" | "NOASSERTION")).or(text)?))
        })
        .collect();

    let described = described(document.document_describes.unwrap_or_default(), &relationships);
    let files: BTreeMap<String, String> =
        document.files.0.into_iter().filter_map(|file| Some((file.id?, file.file_name.unwrap_or_default()))).collect();

    let mut out = Collector::new("spdx", limits);
    for problem in problems {
        out.note(&problem.at, UnexaminedKind::Malformed, problem.what);
    }
    let subject = Subject { kind: SubjectKind::Sbom, name: document.name.unwrap_or_default(), image: None };
    let mut around = Around { subject, texts, skipped: Vec::new(), groups: HashMap::new() };
    out.other(document.id.as_deref().unwrap_or("SPDXRef-DOCUMENT"));
    for end in ["NOASSERTION", "NONE"] {
        out.other(end);
    }
    files.keys().for_each(|id| out.other(id));
    let roots: HashSet<&str> = described.iter().map(String::as_str).collect();
    for (place, package) in packages.into_iter().enumerate() {
        let id = package.id.clone().unwrap_or_default();
        let is_root = roots.contains(id.as_str());
        one(&mut out, package, &format!("packages[{place}]"), is_root, &mut around)?;
    }
    // A document of one thing describes it and lists nothing else.
    if out.is_empty() {
        for package in std::mem::take(&mut around.skipped) {
            one(&mut out, package, "documentDescribes", false, &mut around)?;
        }
    }
    note_unexamined(&mut out, document.comment.as_deref().unwrap_or_default())?;
    for relationship in relationships {
        edge(&mut out, relationship, &files, &around.groups)?;
    }
    Ok(Sbom { format, spec_version, subject: around.subject, inventory: out.finish() })
}

/// Ids of what the document describes.
fn described(listed: Vec<String>, relationships: &[Relationship]) -> HashSet<String> {
    let mut ids: HashSet<String> = listed.into_iter().collect();
    for relationship in relationships {
        let (from, to) = (&relationship.spdx_element_id, &relationship.related_spdx_element);
        match relationship.relationship_type.as_deref() {
            Some("DESCRIBES") => ids.extend(to.clone()),
            Some("DESCRIBED_BY") => ids.extend(from.clone()),
            _ => {}
        }
    }
    ids
}

fn one(
    out: &mut Collector<'_>,
    mut found: wire::Package,
    at: &str,
    is_root: bool,
    document: &mut Around,
) -> Result<(), ReadError> {
    out.part()?;
    let id = found.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| at.to_owned());
    let name = found.name.clone().unwrap_or_default();
    let version = found.version_info.clone().filter(|version| version != "NOASSERTION").unwrap_or_default();
    let references = found.external_refs.take().unwrap_or_default();
    let locators = |ty: &'static str| {
        references
            .iter()
            .filter(move |reference| {
                reference
                    .reference_type
                    .as_deref()
                    .is_some_and(|found| found == ty || found.ends_with(&format!("/{ty}")))
            })
            .filter_map(|reference| reference.reference_locator.as_deref())
    };
    let purl = locators("purl").next();
    let purpose = found.primary_package_purpose.take().unwrap_or_default();
    let purpose = purpose.as_str();
    let facts = found.attribution_texts.take().unwrap_or_default();
    let comments: Vec<String> =
        found.annotations.take().unwrap_or_default().into_iter().filter_map(|note| note.comment).collect();
    let is_artifact = matches!(purpose, "CONTAINER" | "OPERATING_SYSTEM" | "FILE" | "SOURCE" | "OTHER")
        || purl.is_none_or(|purl| purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/"));

    // Before 2.3 there is no purpose; Trivy's ids tell.
    let is_system = purpose.replace('-', "_") == "OPERATING_SYSTEM" || id.starts_with("SPDXRef-OperatingSystem");
    if is_system && purl.is_none() {
        if out.distro.is_none() {
            let version_id = (!version.is_empty()).then(|| version.clone());
            let id = collect::id_of_family(&name.to_ascii_lowercase()).to_owned();
            out.distro = Some(Distro { id, version_id, pretty_name: found.summary.clone(), ..Distro::default() });
        }
        out.other(&id);
        return Ok(());
    }
    // The artifact itself is no package of it, unless it is one that can be matched. Before 2.3 our ids and Syft's tell.
    let is_ours = id.starts_with("SPDXRef-DocumentRoot");
    let is_plain = matches!(purpose, "" | "APPLICATION" | "LIBRARY" | "FRAMEWORK") && !is_ours;
    if is_root && is_artifact && (!is_plain || version.is_empty()) {
        document.subject.name = name.clone();
        document.subject.image = image(&facts, &version);
        out.other(&id);
        if !is_ours && !id.ends_with("#Root") && !matches!(purpose, "CONTAINER" | "OPERATING_SYSTEM" | "FILE") {
            let references = Some(references);
            document.skipped.push(wire::Package {
                external_refs: references,
                attribution_texts: Some(facts),
                primary_package_purpose: None,
                ..found
            });
        }
        return Ok(());
    }
    // Trivy's lock file.
    let is_group = id.starts_with("SPDXRef-Application-")
        || (purpose == "SOURCE" && comments.iter().chain(&facts).any(|text| text.starts_with("Class: ")));
    if purl.is_none() && version.is_empty() && is_group {
        let ty = facts.iter().chain(&comments).find_map(|text| text.strip_prefix("Type: "));
        // The path is the name since there is a type, before that the source information; `Java` and the like gather many files.
        let (path, ty) = match ty {
            Some(ty) => (name.as_str(), ty.to_owned()),
            None => (found.source_info.as_deref().unwrap_or_default(), name.clone()),
        };
        let gathers = matches!(path, "Java" | "Node.js" | "Python" | "Ruby" | "Conda");
        document.groups.insert(id.clone(), (if gathers { String::new() } else { path.to_owned() }, ty));
        out.other(&id);
        return Ok(());
    }
    if purpose == "FILE" && purl.is_none() {
        out.other(&id);
        return Ok(());
    }
    if name.is_empty() && purl.is_none() {
        out.note(at, UnexaminedKind::Malformed, "a package has neither name nor purl");
        out.other(&id);
        return Ok(());
    }

    let mut package = out.package(at, purl, &name, &version);
    let pairs: Vec<(String, &str)> = facts.iter().chain(&comments).filter_map(|text| fact(text)).collect();
    properties::apply(&mut package, pairs.iter().map(|(name, value)| (name.as_str(), *value)));
    if let Some(source) = found.source_info.as_deref().and_then(source).filter(|_| package.kind.is_os()) {
        package.source = Some(source);
    }
    if purpose == "CONTAINER" && purl.is_none() {
        package.kind = PackageKind::Container;
    }
    package.cpes.extend(locators("cpe23Type").chain(locators("cpe22Type")).map(str::to_owned));
    collect::unique(&mut package.cpes);
    let who = found.supplier.filter(|who| who != "NOASSERTION").or(found.originator);
    package.vendor = who
        .as_deref()
        .filter(|who| *who != "NOASSERTION")
        .map(|who| who.trim_start_matches("Organization: ").trim_start_matches("Person: ").to_owned());
    package.description = found.summary.or(found.description).filter(|text| !text.is_empty());
    package.licenses = licenses(found.license_declared, found.license_concluded, &document.texts);
    for checksum in found.checksums.unwrap_or_default() {
        let algorithm = checksum.algorithm.as_deref().and_then(properties::algorithm_of);
        if let (Some(algorithm), Some(hex)) = (algorithm, checksum.checksum_value) {
            package.checksums.push(Checksum { algorithm, hex: hex.to_ascii_lowercase() });
        }
    }
    package.checksums.sort();
    package.checksums.dedup();
    if package.locations.is_empty() {
        package.locations = places(found.source_info.as_deref().unwrap_or_default());
    }
    out.add(&id, package)
}

/// `NAME: VALUE` as a property. Trivy's names stand without their prefix here.
fn fact(text: &str) -> Option<(String, &str)> {
    let (name, value) = text.split_once(": ")?;
    if name.contains(char::is_whitespace) {
        return None;
    }
    let is_prefixed = name.starts_with("signet:") || name.starts_with("syft:") || name.starts_with(properties::TRIVY);
    Some((if is_prefixed { name.to_owned() } else { format!("{}{name}", properties::TRIVY) }, value))
}

/// `built package from: NAME VERSION`, as Trivy writes it.
fn source(text: &str) -> Option<SourcePackage> {
    let (name, version) = text.strip_prefix("built package from: ")?.split_once(' ')?;
    Some(SourcePackage { name: name.to_owned(), version: Some(version.to_owned()) })
}

/// Paths of `acquired package info from ...: /a, /b`, as Syft writes them too.
fn places(text: &str) -> Vec<Location> {
    let Some((_, list)) = text.strip_prefix("acquired package info from ").and_then(|rest| rest.split_once(": "))
    else {
        return Vec::new();
    };
    list.split(", ")
        .filter_map(|path| path.strip_prefix('/'))
        .filter(|path| !path.is_empty())
        .map(Location::of_path)
        .collect()
}

fn licenses(declared: Option<String>, concluded: Option<String>, texts: &HashMap<String, String>) -> Vec<License> {
    let said = |text: &Option<String>| text.as_deref().and_then(properties::license).is_some();
    let text = if said(&declared) { declared } else { concluded };
    let mut found = Vec::new();
    for part in
        text.as_deref().and_then(properties::license).map(|all| license::split_and(&all.value)).unwrap_or_default()
    {
        let value = texts.get(&part).cloned().unwrap_or(part);
        found.extend(properties::license(&value));
    }
    collect::unique(&mut found);
    found
}

/// The image that the described package names by its id.
fn image(facts: &[String], version: &str) -> Option<ImageInfo> {
    let values = |name: &str| -> Vec<String> {
        facts.iter().filter_map(|text| text.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned)).collect()
    };
    let config_digest = values("ImageID").first()?.parse().ok()?;
    let layer = |diff_id| LayerInfo { diff_id, digest: None, size: 0, media_type: String::new(), created_by: None };
    Some(ImageInfo {
        manifest_digest: version.parse().ok(),
        index_digest: None,
        config_digest,
        config: Vec::new(),
        manifest_media_type: String::new(),
        platform: Platform::default(),
        tags: values("RepoTag").iter().filter_map(|text| text.parse().ok()).collect(),
        repo_digests: values("RepoDigest").iter().filter_map(|text| text.parse().ok()).collect(),
        layers: values("DiffID").iter().filter_map(|text| text.parse().ok()).map(layer).collect(),
    })
}

fn edge(
    out: &mut Collector<'_>,
    found: Relationship,
    files: &BTreeMap<String, String>,
    groups: &Groups,
) -> Result<(), ReadError> {
    let (Some(from), Some(to)) = (found.spdx_element_id, found.related_spdx_element) else {
        out.note("relationships", UnexaminedKind::Malformed, "a relationship lacks one of its ends");
        return Ok(());
    };
    // Elements of other documents are not here.
    if from.starts_with("DocumentRef-") || to.starts_with("DocumentRef-") {
        return Ok(());
    }
    let kind = found.relationship_type.unwrap_or_default().to_ascii_uppercase();
    let comment = found.comment.unwrap_or_default();
    if let Some((path, ty)) = groups.get(&from) {
        place(out, &to, path);
        if let Some(package) = out.package_mut(&to) {
            package.extra.insert("trivy.type".to_owned(), ty.clone());
        }
    }
    match kind.as_str() {
        "DEPENDS_ON" => out.edge(&from, &to, RelationshipKind::DependsOn),
        kind if kind.ends_with("DEPENDENCY_OF") => out.edge(&to, &from, RelationshipKind::DependsOn),
        "CONTAINS" | "CONTAINED_BY" => {
            let (outer, inner) = if kind == "CONTAINS" { (from, to) } else { (to, from) };
            if let Some(path) = files.get(&inner) {
                place(out, &outer, path);
            }
            if out.is_other(&outer) || out.is_other(&inner) {
                return Ok(());
            }
            out.edge(&inner, &outer, RelationshipKind::ContainedIn)
        }
        "OTHER" if comment.starts_with(OWNERSHIP) => out.edge(&to, &from, RelationshipKind::OwnedBy),
        "OTHER" if comment.starts_with("evident-by") => {
            if let Some(path) = files.get(&to) {
                place(out, &from, path);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A file as evidence of a package that states no place of its own; a layer that it states is kept.
fn place(out: &mut Collector<'_>, id: &str, path: &str) {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    if let Some(package) = out.package_mut(id)
        && !path.is_empty()
        && package.locations.iter().all(|location| location.path.is_empty())
    {
        let layer = package.locations.first().and_then(|location| location.layer);
        package.locations = vec![Location { path: path.to_owned(), layer, lines: None }];
    }
}

/// What the program that wrote the document could not examine is not examined here either.
fn note_unexamined(out: &mut Collector<'_>, comment: &str) -> Result<(), ReadError> {
    use UnexaminedKind::{Malformed, Missing, TooLarge, Unreadable, Unresolved, Unsupported};
    let by = out.by();
    for line in comment.lines().filter_map(|line| line.strip_prefix("signet:unexamined: ")) {
        let mut parts = line.splitn(3, ": ");
        let (kind, path, why) = (parts.next(), parts.next(), parts.next());
        let kind = [Malformed, TooLarge, Unsupported, Unresolved, Missing]
            .into_iter()
            .find(|known| Some(known.name()) == kind)
            .unwrap_or(Unreadable);
        let location = Location::of_path(path.unwrap_or_default());
        out.keep(Unexamined { location, kind, by, why: why.unwrap_or_default().to_owned() })?;
    }
    Ok(())
}
