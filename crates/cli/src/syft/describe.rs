//! What the user says of the source: `--source-name`, `--source-version`, `--source-supplier`, `--base-path`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::render::Format;
use crate::foreign::outputs::Output;
use crate::foreign::sbom::Place;
use crate::source::Examined;

/// What is told of the source in place of what we know.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) supplier: Option<String>,
}

impl Described {
    /// Whether every format has a place for it. Leaving it out in silence would give a document about something else.
    pub(super) fn check(&self, outputs: &[(Output, Format)]) -> Result<()> {
        if self.version.is_none() && self.supplier.is_none() {
            return Ok(());
        }
        for (output, format) in outputs {
            let place = match format {
                Format::Table | Format::Text | Format::Template => continue,
                Format::Sbom(sbom) => sbom.source_place(),
            };
            // A list of packages says nothing of its source.
            if place.is_none() && !output.format.starts_with("purl") {
                bail!("`--source-version` and `--source-supplier` have no place in the format `{}` yet", output.format);
            }
        }
        Ok(())
    }

    /// Puts it into a document.
    pub(super) fn put(&self, format: Format, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let place = match format {
            Format::Sbom(sbom) => sbom.source_place(),
            Format::Table | Format::Text | Format::Template => None,
        };
        let Some(place) = place.filter(|_| self.version.is_some() || self.supplier.is_some()) else {
            return Ok(bytes);
        };
        let mut document: Value = serde_json::from_slice(&bytes).context("our own document is no JSON")?;
        let (source, version, supplier) = match place {
            Place::Syft => (document.pointer_mut("/source"), "version", ("supplier", None)),
            Place::CycloneDx => (document.pointer_mut("/metadata/component"), "version", ("supplier", Some("name"))),
            Place::Spdx => (root(&mut document), "versionInfo", ("supplier", None)),
        };
        let source = source.and_then(Value::as_object_mut).context("the document has no place for its source")?;
        if let Some(text) = &self.version {
            source.insert(version.to_owned(), json!(text));
        }
        if let Some(text) = &self.supplier {
            let value = match (place, supplier.1) {
                (_, Some(key)) => json!({ key: text }),
                (Place::Spdx, None) => json!(format!("Organization: {text}")),
                (_, None) => json!(text),
            };
            source.insert(supplier.0.to_owned(), value);
        }
        let mut bytes = serde_json::to_vec_pretty(&document)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The package that an SPDX document describes.
fn root(document: &mut Value) -> Option<&mut Value> {
    let described = document
        .pointer("/documentDescribes/0")
        .and_then(Value::as_str)
        .or_else(|| {
            let edges = document.get("relationships")?.as_array()?.iter();
            let edge = edges.into_iter().find(|edge| {
                edge.get("relationshipType").and_then(Value::as_str) == Some("DESCRIBES")
                    && edge.get("spdxElementId").and_then(Value::as_str) == Some("SPDXRef-DOCUMENT")
            })?;
            edge.get("relatedSpdxElement")?.as_str()
        })?
        .to_owned();
    let packages = document.get_mut("packages")?.as_array_mut()?;
    packages.iter_mut().find(|package| package.get("SPDXID").and_then(Value::as_str) == Some(described.as_str()))
}

/// Paths as they are seen from `base`, a folder above the source.
pub(super) fn rebase(examined: &mut Examined, source: &str, base: &str) -> Result<()> {
    let folder = source.split_once(':').map_or(source, |(_, path)| path);
    let real = |path: &str| Path::new(path).canonicalize().with_context(|| format!("cannot find the folder `{path}`"));
    if examined.subject.image.is_some() {
        bail!("`--base-path` is for directories, and `{source}` is an image");
    }
    let (folder, base) = (real(folder)?, real(base)?);
    let Ok(below) = folder.strip_prefix(&base) else {
        bail!(
            "`--base-path` must be a folder above the source: `{}` is not below `{}`",
            folder.display(),
            base.display()
        )
    };
    let start = below.to_str().context("a path of the source is no text")?.replace('\\', "/");
    if start.is_empty() || folder.is_file() {
        return Ok(());
    }
    let put = |path: &mut String| *path = format!("{start}/{path}");
    let inventory = &mut examined.inventory;
    inventory.packages.iter_mut().flat_map(|package| &mut package.locations).for_each(|at| put(&mut at.path));
    inventory.unexamined.iter_mut().for_each(|gap| put(&mut gap.location.path));
    inventory.executables.iter_mut().for_each(|executable| put(&mut executable.path));
    Ok(())
}
