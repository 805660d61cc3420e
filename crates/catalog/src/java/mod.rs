//! Java archives: jars, and what wraps them, however deeply they are nested.

pub(crate) mod archive;
mod file_name;
mod groups;
mod identity;
mod pom;
#[cfg(test)]
mod tests;

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
