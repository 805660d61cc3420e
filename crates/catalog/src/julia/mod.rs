//! Julia: `Manifest.toml` and `Project.toml`.

pub(crate) mod manifest;
pub(crate) mod project;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
