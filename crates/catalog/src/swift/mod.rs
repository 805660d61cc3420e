//! Swift's package manager: `Package.resolved`.

pub(crate) mod resolved;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
