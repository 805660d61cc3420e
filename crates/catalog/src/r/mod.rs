//! R: installed packages (`DESCRIPTION`) and lock files of renv.

pub(crate) mod description;
pub(crate) mod renv;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
