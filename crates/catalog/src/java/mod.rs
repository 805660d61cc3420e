//! Java: archives however deeply they are nested, programs built from them, runtimes, and the projects of Maven, Gradle, sbt and Bazel.

pub(crate) mod archive;
pub(crate) mod bazel;
#[cfg(test)]
mod build_tests;
pub(crate) mod bundle;
mod file_name;
pub(crate) mod gradle;
mod groups;
mod identity;
mod index;
pub(crate) mod maven;
pub(crate) mod native_image;
mod pom;
pub(crate) mod runtime;
pub(crate) mod sbt;
#[cfg(test)]
mod tests;
mod xml;

pub use index::{IndexError, Indexed, JavaIndex, name_by_index};
use signet_model::{Package, PackageKind, Presence};

use crate::Input;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// File names of archives in the format of jars. `.rar` is a resource adapter here; an archive of the tool of that name is left alone.
const SUFFIXES: &[&str] = &[
    ".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".kar", ".far", ".lpkg", ".rar", ".zap", ".aar",
    ".ejb",
];

/// Whether a file is to be read as an archive.
fn is_archive(name: &str) -> bool {
    SUFFIXES.iter().any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

/// A package that a file of a build names.
fn declared(input: &Input<'_>, group: &str, artifact: &str, version: &str, lines: Option<(u32, u32)>) -> Package {
    let name = if group.is_empty() { artifact.to_owned() } else { format!("{group}:{artifact}") };
    let mut package = input.package(PackageKind::Java, name, version);
    package.presence = Presence::Declared;
    if let Some((first, last)) = lines {
        package.locations = vec![input.location.at_lines(first, last)];
    }
    package
}
