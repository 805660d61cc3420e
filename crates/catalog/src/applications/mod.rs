//! Applications that come with a manifest of their own: Flatpak, Homebrew, Chocolatey, and the bundles of macOS.

pub(crate) mod app_bundle;
pub(crate) mod chocolatey;
pub(crate) mod flatpak;
pub(crate) mod homebrew;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
