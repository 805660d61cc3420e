//! An inventory as Syft's JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use signet_model::{Digest, Distro, ImageInfo, Inventory, Package, RelationshipKind, Subject, SubjectKind};

use super::wire::{
    Annotations, Artifact, Coordinates, Cpe, Descriptor, Document, File, IdLike, License, LicenseObject, Location,
    Overlap, Relationship, Schema, Source,
};
use super::{language, metadata, type_name, wire};
use crate::lazy::Lazy;
use crate::license::{self, Choice};
use crate::{Serial, TOOL, WriteOptions, identity};

const SCHEMA: &str = "16.1.10";
/// Files that edges of ownership name, all together: a package with many places and many owners names all of them in each of its edges.
const OVERLAPS: usize = 1_000_000;

/// The inventory in the shape of Syft's JSON, for tools that read it (Grype above all).
///
/// Artifact ids are ours: Syft's hash Go structures. The format states no time and no serial number; a given one becomes the source's id.
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
        Serial::ContentDerived => identity::serial_of(inventory, &ids, "syft"),
    };
    let source_id = Digest::sha256(serial.to_string().as_bytes()).hex();
    let artifacts = || inventory.packages.iter().zip(&ids).map(|(package, id)| artifact(inventory, package, id));
    let files = files(inventory, options.files);
    let document = Document {
        artifacts: Lazy(artifacts),
        artifact_relationships: Lazy(|| relationships(inventory, &ids, &source_id)),
        files: (!files.is_empty()).then_some(files),
        source: Some(source(subject, source_id.clone())),
        distro: Some(inventory.distro.as_ref().map(distro).unwrap_or_default()),
        descriptor: Some(Descriptor { name: Some(TOOL.to_owned()), version: Some(options.tool_version.clone()) }),
        schema: Some(Schema {
            version: Some(SCHEMA.to_owned()),
            url: Some(format!("https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-{SCHEMA}.json")),
        }),
    };
    serde_json::to_writer_pretty(&mut *sink, &document)?;
    sink.write_all(b"\n")
}

/// The source and its packages, then all edges.
fn relationships(inventory: &Inventory, ids: &[String], source: &str) -> impl Iterator<Item = Relationship> {
    let mut budget = OVERLAPS;
    let edges = inventory.relationships.iter().filter_map(move |edge| {
        let (from, to) = (ids.get(edge.from.get())?, ids.get(edge.to.get())?);
        Some(match edge.kind {
            // The parent is a dependency of the child.
            RelationshipKind::DependsOn => relationship(to, from, "dependency-of", None),
            RelationshipKind::ContainedIn => relationship(to, from, "contains", None),
            RelationshipKind::OwnedBy => {
                let package = inventory.packages.get(edge.from.get());
                let files = package.filter(|package| package.locations.len() <= budget).map(paths).unwrap_or_default();
                budget -= files.len();
                relationship(to, from, "ownership-by-file-overlap", Some(Overlap { files }))
            }
        })
    });
    ids.iter().map(move |id| relationship(source, id, "contains", None)).chain(edges)
}

fn relationship(parent: &str, child: &str, ty: &str, metadata: Option<Overlap>) -> Relationship {
    Relationship { parent: Some(parent.to_owned()), child: Some(child.to_owned()), ty: Some(ty.to_owned()), metadata }
}

fn paths(package: &Package) -> Vec<String> {
    package.locations.iter().map(|location| format!("/{}", location.path)).collect()
}

fn artifact(inventory: &Inventory, package: &Package, id: &str) -> Artifact {
    let (metadata_type, written) = metadata::of_package(package).unzip();
    // Syft's name of a Java package is the artifact alone; the group is in the purl and in the metadata.
    let name = match type_name(package.kind) {
        "java-archive" | "jenkins-plugin" => package.name.rsplit(':').next().unwrap_or_default(),
        _ => &package.name,
    };
    let locations = package.locations.iter().enumerate().map(|(place, location)| Location {
        path: Some(format!("/{}", location.path)),
        layer_id: location.layer.map(|layer| layer.to_string()),
        access_path: Some(format!("/{}", location.path)),
        annotations: Some(Annotations {
            evidence: Some(if place == 0 { "primary" } else { "supporting" }.to_owned()),
            lines: location.lines.map(|(first, last)| format!("{first}-{last}")),
        }),
    });
    let licenses = package.licenses.iter().map(|license| {
        let expression = match license::classify(&license.value) {
            Choice::Id(id) => id.to_owned(),
            Choice::Expression(expression) => expression,
            Choice::Name(_) => String::new(),
        };
        License::Object(LicenseObject {
            value: Some(license.value.clone()),
            spdx_expression: Some(expression),
            ty: Some("declared".to_owned()),
            urls: Some(Vec::new()),
            locations: Some(Vec::new()),
        })
    });
    Artifact {
        id: Some(id.to_owned()),
        name: Some(name.to_owned()),
        version: Some(package.version.clone()),
        ty: Some(type_name(package.kind).to_owned()),
        found_by: Some(package.found_by.to_owned()),
        locations: Some(locations.collect()),
        licenses: Some(licenses.collect()),
        language: Some(language(package.kind).to_owned()),
        cpes: Some(
            package
                .cpes
                .iter()
                .map(|cpe| Cpe::Object { cpe: cpe.clone(), source: Some("declared".to_owned()) })
                .collect(),
        ),
        purl: Some(package.purl(inventory.distro.as_ref()).map(|purl| purl.to_string()).unwrap_or_default()),
        metadata_type: metadata_type.map(str::to_owned),
        written,
        facts: None,
    }
}

/// Files that could not be examined, and executables if asked for; one entry for each path and layer.
fn files(inventory: &Inventory, executables: bool) -> Vec<File> {
    let mut by_place: BTreeMap<(String, Option<String>), File> = BTreeMap::new();
    let place = |path: &str, layer: Option<&Digest>| (format!("/{path}"), layer.map(|layer| layer.to_string()));
    for executable in inventory.executables.iter().filter(|_| executables) {
        let file = by_place.entry(place(&executable.path, executable.layer.as_ref())).or_default();
        let digest = wire::Digest {
            algorithm: Some(executable.digest.algorithm().name().to_owned()),
            value: Some(executable.digest.hex()),
        };
        file.digests = Some(vec![digest]);
    }
    for part in &inventory.unexamined {
        let file = by_place.entry(place(&part.location.path, part.location.layer.as_ref())).or_default();
        file.unknowns.get_or_insert_default().push(format!("{}: {}: {}", part.by, part.kind.name(), part.why));
    }
    by_place
        .into_iter()
        .map(|((path, layer_id), file)| {
            let mut id = Digest::sha256(path.as_bytes()).hex();
            id.truncate(16);
            File { id: Some(id), location: Some(Coordinates { path: Some(path), layer_id }), ..file }
        })
        .collect()
}

fn source(subject: &Subject, id: String) -> Source {
    let (ty, metadata) = match (subject.kind, &subject.image) {
        (_, Some(image)) => ("image", image_metadata(&subject.name, image)),
        (SubjectKind::Image, None) => ("image", json!({ "userInput": subject.name })),
        (SubjectKind::File, None) => ("file", json!({ "path": subject.name })),
        (_, None) => ("directory", json!({ "path": subject.name })),
    };
    let version = subject.image.as_ref().and_then(|image| image.manifest_digest).map(|digest| digest.to_string());
    Source {
        id: Some(id),
        name: Some(subject.name.clone()),
        version: Some(version.unwrap_or_default()),
        ty: Some(ty.to_owned()),
        metadata: Some(metadata),
    }
}

fn image_metadata(name: &str, image: &ImageInfo) -> Value {
    let texts = |list: &[signet_model::ImageRef]| list.iter().map(signet_model::ImageRef::familiar).collect::<Vec<_>>();
    let layers: Vec<Value> = image
        .layers
        .iter()
        .map(|layer| json!({ "mediaType": layer.media_type, "digest": layer.diff_id.to_string(), "size": layer.size }))
        .collect();
    json!({
        "userInput": name,
        "imageID": image.config_digest.to_string(),
        "manifestDigest": image.manifest_digest.map(|digest| digest.to_string()).unwrap_or_default(),
        "mediaType": image.manifest_media_type,
        "tags": texts(&image.tags),
        "imageSize": image.layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size)),
        "layers": layers,
        "repoDigests": texts(&image.repo_digests),
        "architecture": image.platform.architecture,
        "os": image.platform.os,
    })
}

fn distro(distro: &Distro) -> wire::Distro {
    let other = |key: &str| distro.other.get(key).cloned();
    wire::Distro {
        pretty_name: distro.pretty_name.clone(),
        name: distro.name.clone(),
        id: Some(distro.id.clone()),
        id_like: (!distro.id_like.is_empty()).then(|| IdLike::List(distro.id_like.clone())),
        version: distro.version.clone(),
        version_id: distro.version_id.clone(),
        version_codename: distro.codename.clone(),
        build_id: distro.build_id.clone(),
        image_id: distro.image_id.clone(),
        variant_id: distro.variant_id.clone(),
        home_url: other("HOME_URL"),
        support_url: other("SUPPORT_URL"),
        bug_report_url: other("BUG_REPORT_URL"),
        privacy_policy_url: other("PRIVACY_POLICY_URL"),
        cpe_name: distro.cpe_name.clone(),
    }
}
