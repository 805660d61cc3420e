//! Conda packages: installed in an environment, and asked for by an environment file.
//!
//! Claimed: `conda-meta/*.json`; `environment.yml`, `environment.yaml`.

pub(crate) mod environment;
pub(crate) mod meta;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
