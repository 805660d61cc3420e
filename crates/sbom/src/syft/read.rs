//! Syft's JSON as an inventory.

use serde_json::Value;
use signet_model::{
    Distro, ImageInfo, LayerInfo, Location, PackageKind, Platform, RelationshipKind, Subject, SubjectKind, Unexamined,
    UnexaminedKind,
};

use super::metadata;
use super::wire::{self, Artifact, Cpe, Document, IdLike, License, Relationship, Source};
use crate::collect::{self, Collector};
use crate::{Format, Limits, ReadError, Sbom, Unread, properties, unread};

/// Newest major version of the schema that we know.
const NEWEST: u32 = 16;

/// Reads a document that [`crate::detect`] takes for Syft's.
///
/// Errors: what is not JSON of the format's types, more of anything than the limits allow.
pub(crate) fn read(bytes: &[u8], limits: &Limits, unread: Option<&mut Unread>) -> Result<Sbom, ReadError> {
    let format = Format::SyftJson;
    let document: Document = unread::from_slice(bytes, unread).map_err(|err| ReadError::Json { format, err })?;
    let spec_version = document.schema.and_then(|schema| schema.version).unwrap_or_default();
    let mut out = Collector::new("syft-json", limits);
    let major: Option<u32> = spec_version.split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major| major > NEWEST) {
        let why = format!("schema version `{spec_version}` is none that is known here, the newest is {NEWEST}.x");
        out.note("schema.version", UnexaminedKind::Unsupported, why);
    }
    out.distro = document.distro.and_then(distro);
    let source = document.source.unwrap_or_default();
    out.other(source.id.as_deref().unwrap_or_default());
    for (place, artifact) in document.artifacts.0.into_iter().enumerate() {
        one(&mut out, artifact, &format!("artifacts[{place}]"))?;
    }
    for file in document.files.unwrap_or_default() {
        out.part()?;
        out.other(file.id.as_deref().unwrap_or_default());
        let place = file.location.unwrap_or_default();
        let location = Location {
            path: place.path.unwrap_or_default().trim_start_matches('/').to_owned(),
            layer: place.layer_id.and_then(|layer| layer.parse().ok()),
            lines: None,
        };
        let by = out.by();
        // Syft's labeller marks files in which it found no package; it examined them.
        let unknowns =
            file.unknowns.unwrap_or_default().into_iter().filter(|why| !why.starts_with("unknowns-labeler:"));
        for why in unknowns {
            out.keep(Unexamined { location: location.clone(), kind: UnexaminedKind::Unreadable, by, why })?;
        }
    }
    for relationship in document.artifact_relationships.0 {
        edge(&mut out, relationship)?;
    }
    Ok(Sbom { format, spec_version, subject: subject(source), inventory: out.finish() })
}

fn one(out: &mut Collector<'_>, found: Artifact, at: &str) -> Result<(), ReadError> {
    out.part()?;
    let id = found.id.filter(|id| !id.is_empty()).unwrap_or_else(|| at.to_owned());
    let name = found.name.unwrap_or_default();
    let version = found.version.unwrap_or_default();
    let purl = found.purl.as_deref().filter(|purl| !purl.is_empty());
    if name.is_empty() && purl.is_none() {
        out.other(&id);
        out.note(at, UnexaminedKind::Malformed, "an artifact has neither name nor purl");
        return Ok(());
    }
    let mut package = out.package(at, purl, &name, &version);
    collect::refine(&mut package, found.ty.as_deref().unwrap_or_default());
    if let Some(facts) = found.facts {
        metadata::apply(facts, &mut package);
    }
    for location in found.locations.unwrap_or_default() {
        let path = location.path.or(location.access_path).unwrap_or_default();
        let lines = location.annotations.and_then(|notes| notes.lines);
        package.locations.push(Location {
            path: path.trim_start_matches('/').to_owned(),
            layer: location.layer_id.and_then(|layer| layer.parse().ok()),
            lines: lines
                .as_deref()
                .and_then(|text| text.split_once('-'))
                .and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?))),
        });
    }
    for license in found.licenses.unwrap_or_default() {
        let text = match license {
            License::Text(text) => Some(text),
            License::Object(object) => object.value.filter(|text| !text.is_empty()).or(object.spdx_expression),
        };
        package.licenses.extend(text.as_deref().and_then(properties::license));
    }
    collect::unique(&mut package.licenses);
    for cpe in found.cpes.unwrap_or_default() {
        package.cpes.push(match cpe {
            Cpe::Object { cpe, .. } | Cpe::Text(cpe) => cpe,
        });
    }
    if let Some(by) = found.found_by.filter(|by| !by.is_empty()) {
        package.extra.insert("syft.found_by".to_owned(), by);
    }
    // What a lock file or manifest names was not seen installed.
    let declared = found.metadata_type.as_deref().is_some_and(|ty| {
        ty.ends_with("-lock-entry")
            || matches!(ty, "go-module-entry" | "python-pip-requirements-entry" | "python-pipfile-lock-entry")
    });
    if declared {
        package.presence = signet_model::Presence::Declared;
    }
    if package.kind == PackageKind::Other && package.stated_purl.is_none() && package.name.is_empty() {
        out.note(at, UnexaminedKind::Malformed, "an artifact has no name");
    }
    out.add(&id, package)
}

fn edge(out: &mut Collector<'_>, found: Relationship) -> Result<(), ReadError> {
    let (Some(parent), Some(child), Some(ty)) = (found.parent, found.child, found.ty) else {
        out.note("artifactRelationships", UnexaminedKind::Malformed, "a relationship lacks a type or one of its ends");
        return Ok(());
    };
    match ty.as_str() {
        "dependency-of" => out.edge(&child, &parent, RelationshipKind::DependsOn),
        "ownership-by-file-overlap" => out.edge(&child, &parent, RelationshipKind::OwnedBy),
        // Between packages only: most are the source and its packages, or a package and its files.
        "contains" if out.package_mut(&parent).is_some() && out.package_mut(&child).is_some() => {
            out.edge(&child, &parent, RelationshipKind::ContainedIn)
        }
        _ => Ok(()),
    }
}

fn distro(found: wire::Distro) -> Option<Distro> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut distro = Distro {
        // Documents before schema 1.1 put the id into the name.
        id: some(found.id).or(found.name.clone().filter(|_| found.pretty_name.is_none()))?.to_ascii_lowercase(),
        version_id: some(found.version_id),
        version: some(found.version),
        name: some(found.name),
        pretty_name: some(found.pretty_name),
        codename: some(found.version_codename),
        id_like: match found.id_like {
            Some(IdLike::List(list)) => list,
            Some(IdLike::Text(text)) => text.split_whitespace().map(str::to_owned).collect(),
            None => Vec::new(),
        },
        cpe_name: some(found.cpe_name),
        variant_id: some(found.variant_id),
        build_id: some(found.build_id),
        image_id: some(found.image_id),
        ..Distro::default()
    };
    for (key, value) in [
        ("HOME_URL", found.home_url),
        ("SUPPORT_URL", found.support_url),
        ("BUG_REPORT_URL", found.bug_report_url),
        ("PRIVACY_POLICY_URL", found.privacy_policy_url),
    ] {
        distro.other.extend(some(value).map(|value| (key.to_owned(), value)));
    }
    Some(distro).filter(|distro| !distro.id.is_empty())
}

fn subject(source: Source) -> Subject {
    let metadata = source.metadata.unwrap_or_default();
    let field = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |name: &str| metadata.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let references = |name: &str| list(name).iter().filter_map(|text| text.as_str()?.parse().ok()).collect();
    let name = source.name.filter(|name| !name.is_empty()).unwrap_or_else(|| field("userInput"));
    let image = field("imageID").parse().ok().map(|config_digest| ImageInfo {
        manifest_digest: field("manifestDigest").parse().ok(),
        index_digest: None,
        config_digest,
        config: Vec::new(),
        manifest_media_type: field("mediaType"),
        platform: Platform { os: field("os"), architecture: field("architecture"), variant: None },
        tags: references("tags"),
        repo_digests: references("repoDigests"),
        layers: list("layers")
            .iter()
            .filter_map(|layer| {
                Some(LayerInfo {
                    diff_id: layer.get("digest")?.as_str()?.parse().ok()?,
                    digest: None,
                    size: layer.get("size").and_then(Value::as_u64).unwrap_or_default(),
                    media_type: layer.get("mediaType").and_then(Value::as_str).unwrap_or_default().to_owned(),
                    created_by: None,
                })
            })
            .collect(),
    });
    Subject { kind: SubjectKind::Sbom, name, image }
}
