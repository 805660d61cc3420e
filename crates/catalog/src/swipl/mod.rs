//! SWI-Prolog: packs.

pub(crate) mod pack;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
