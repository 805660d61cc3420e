//! Python packages: installed (`*.dist-info`, `*.egg-info`, eggs), and named by requirements and lock files.

mod marker;
pub(crate) mod metadata;
pub(crate) mod pdm;
pub(crate) mod pipenv;
pub(crate) mod poetry;
pub(crate) mod project;
pub(crate) mod pylock;
pub(crate) mod requirements;
pub(crate) mod setup_cfg;
pub(crate) mod setup_py;
#[cfg(test)]
mod tests;
pub(crate) mod uv;

use std::collections::BTreeMap;

use signet_model::{Checksum, ChecksumAlgorithm, Package, PackageKind, Presence};

use crate::Input;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// The form in which names are compared: lower case, and one dash for each run of `-`, `_`, `.`.
/// Source: packaging.python.org, "Names and normalization" (PEP 503).
pub(crate) fn normalize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

/// A project's own file, not one that came with an installed package: those name what was never installed.
pub(crate) fn own_file(path: &str) -> bool {
    let path = format!("/{path}");
    let foreign = [
        "/site-packages/",
        "/dist-packages/",
        "/node_modules/",
        "/gems/",
        ".egg-info/",
        ".dist-info/",
        "/usr/share/doc/",
    ];
    !foreign.iter().any(|part| path.contains(part))
}

/// A package that a requirements or lock file names.
fn declared(input: &Input<'_>, name: &str, version: &str, lines: (u32, u32)) -> Package {
    let mut package = input.package(PackageKind::Python, name, version);
    package.presence = Presence::Declared;
    package.locations = vec![input.location.at_lines(lines.0, lines.1)];
    package
}

/// A hash as Python writes it: `sha256:HEX`.
fn checksum(text: &str) -> Option<Checksum> {
    let (algorithm, hex) = text.split_once(':')?;
    let (algorithm, digits) = match algorithm {
        "md5" => (ChecksumAlgorithm::Md5, 32),
        "sha1" => (ChecksumAlgorithm::Sha1, 40),
        "sha256" => (ChecksumAlgorithm::Sha256, 64),
        "sha384" => (ChecksumAlgorithm::Sha384, 96),
        "sha512" => (ChecksumAlgorithm::Sha512, 128),
        _ => return None,
    };
    let whole = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| Checksum { algorithm, hex: hex.to_ascii_lowercase() })
}

/// The name at the start of a requirement, and what follows it.
fn split_name(requirement: &str) -> Option<(&str, &str)> {
    let end = requirement
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b"._-".contains(&b)))
        .unwrap_or(requirement.len());
    let name = requirement.get(..end)?;
    let usable = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    usable.then(|| (name, requirement.get(end..).unwrap_or_default()))
}

/// Versions of one name that a lock file may hold for different markers; more would only make edges explode.
const VERSIONS: usize = 8;

/// Places of packages by normalised name.
pub(crate) fn by_name(packages: &[Package]) -> BTreeMap<String, Vec<usize>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        let versions = places.entry(normalize(&package.name)).or_default();
        if versions.len() < VERSIONS {
            versions.push(at);
        }
    }
    places
}
