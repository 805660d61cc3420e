//! Tools that mise and asdf install: `mise.toml`, `.tool-versions`.

pub(crate) mod config;
#[cfg(test)]
mod tests;
pub(crate) mod tool_versions;

use signet_model::{Directness, Package, PackageKind};

use crate::Input;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A tool; its version as written: `1`, `22.1.0`, `latest`, `temurin-21`.
fn tool(input: &Input<'_>, name: &str, version: &str, lines: (u32, u32)) -> Package {
    let mut package = input.declared_at(PackageKind::Other, name, version, lines);
    package.directness = Directness::Direct;
    package.extra.insert("mise.tool".to_owned(), name.to_owned());
    package
}
