//! SBOMs that lie in an image: what others found in it, or say that they put there.

#[cfg(test)]
mod tests;

use signet_model::{PackageKind, UnexaminedKind};
use signet_sbom::{Limits, ReadError};

use crate::{Claim, Found, Input, Leaf, any_path};

const COVERAGE: &str = include_str!("coverage.yaml");

const CLAIMS: &[Claim] = &[
    Claim::Suffix(".cdx"),
    Claim::Suffix(".cdx.json"),
    Claim::Suffix(".cdx.xml"),
    Claim::Suffix(".spdx"),
    Claim::Suffix(".spdx.json"),
    Claim::Suffix(".spdx.xml"),
    Claim::Suffix(".spdx.yaml"),
    Claim::Suffix(".spdx.yml"),
    Claim::Suffix(".spdx.rdf"),
    Claim::Suffix(".syft.json"),
    Claim::Name("bom.json"),
    Claim::Name("bom.xml"),
    Claim::Name("sbom.json"),
];

/// Reads documents of all formats, components of Bitnami left out.
pub(crate) static LEAF: Leaf =
    Leaf { id: "sbom", claims: CLAIMS, accepts: any_path, max_size: 64 << 20, read: others, coverage: COVERAGE };

/// Reads Bitnami's components out of Bitnami's documents.
pub(crate) static BITNAMI: Leaf = Leaf {
    id: "sbom-bitnami",
    claims: CLAIMS,
    accepts: of_bitnami,
    max_size: 64 << 20,
    read: components,
    coverage: COVERAGE,
};

fn of_bitnami(path: &str) -> bool {
    format!("/{path}").contains("/bitnami/")
}

/// What one document may list. An image's own has a few thousand packages.
const LIMITS: Limits = Limits { bytes: 64 << 20, packages: 100_000, relationships: 1_000_000, depth: 50 };

fn others(input: &Input<'_>) -> Found {
    // In one place the two leaves read the same file; each package is given by one of them.
    let bitnami = of_bitnami(input.path());
    read(input, |kind| !bitnami || kind != PackageKind::Bitnami, true)
}

fn components(input: &Input<'_>) -> Found {
    read(input, |kind| kind == PackageKind::Bitnami, false)
}

/// Packages of a document, each with the document as its place. What the document describes as a whole is not one of them.
///
/// Errors: those of `signet_sbom`. A file that is called `bom.json` and is no SBOM is somebody else's.
fn read(input: &Input<'_>, wanted: impl Fn(PackageKind) -> bool, tell: bool) -> Found {
    let sbom = match signet_sbom::read(input.bytes, &LIMITS) {
        Ok(sbom) => sbom,
        Err(_) if !tell => return Found::default(),
        Err(ReadError::Unknown) if CLAIMS.contains(&Claim::Name(name_of(input))) => return Found::default(),
        Err(error) => {
            let kind = match &error {
                ReadError::TooLarge { .. } => UnexaminedKind::TooLarge,
                ReadError::WrongKind(_) => UnexaminedKind::Unsupported,
                _ => UnexaminedKind::Malformed,
            };
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return Found::unexamined(input.unexamined(kind, format!("{error}{cause}")));
        }
    };
    let mut found = Found::default();
    let mut places = vec![None; sbom.inventory.packages.len()];
    for (old, mut package) in sbom.inventory.packages.into_iter().enumerate() {
        if !wanted(package.kind) {
            continue;
        }
        if let (Some(stated), Some(place)) = (package.locations.first(), places.get_mut(old)) {
            if !stated.path.is_empty() {
                package.extra.insert("sbom.location".to_owned(), stated.path.clone());
            }
            *place = Some(found.packages.len());
        } else if let Some(place) = places.get_mut(old) {
            *place = Some(found.packages.len());
        }
        package.extra.remove("sbom.ref");
        package.found_by = input.leaf;
        package.locations = vec![input.location.clone()];
        found.packages.push(package);
    }
    let place = |index: signet_model::PackageIndex| places.get(index.get()).copied().flatten();
    let edges = sbom.inventory.relationships.iter();
    found.edges = edges.filter_map(|edge| Some((place(edge.from)?, place(edge.to)?, edge.kind))).collect();
    if tell {
        let unread = sbom.inventory.unexamined.into_iter();
        found.unexamined.extend(unread.take(200).map(|what| input.unexamined(what.kind, what.why)));
    }
    found
}

/// The file's name, as one of the names that are claimed.
fn name_of(input: &Input<'_>) -> &'static str {
    let names = CLAIMS.iter().filter_map(|claim| match claim {
        Claim::Name(name) => Some(*name),
        _ => None,
    });
    names.into_iter().find(|name| *name == input.name()).unwrap_or_default()
}
