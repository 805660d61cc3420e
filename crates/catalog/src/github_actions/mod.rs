//! GitHub Actions: what workflows and composite actions use.

pub(crate) mod actions;
#[cfg(test)]
mod tests;
mod uses;
pub(crate) mod workflows;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
