//! Extensions of browsers and editors, and the packages that came with them.
//!
//! Claimed: `Extensions/ID/VERSION/manifest.json` of Chromium's family, with the texts of its locales; `extensions/*/package.json` and
//! `extensions/extensions.json` of Visual Studio Code and editors that share its format; `*.vsix`.

pub(crate) mod chrome;
#[cfg(test)]
mod tests;
pub(crate) mod vscode;
pub(crate) mod vsix;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
