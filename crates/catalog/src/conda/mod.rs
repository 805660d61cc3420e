//! Conda packages: installed in an environment, asked for by an environment file, fixed by a lock file, and as files.
//!
//! Claimed: `conda-meta/*.json`; `environment.yml`, `environment.yaml`; `pixi.lock`, `conda-lock.yml`; `*.conda`.

pub(crate) mod archive;
pub(crate) mod environment;
pub(crate) mod lock;
pub(crate) mod meta;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
