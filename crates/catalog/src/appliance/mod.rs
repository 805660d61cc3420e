//! Systems that are built as a whole and list what went into them: Container-Optimized OS, Bottlerocket, NetScaler.

pub(crate) mod bottlerocket;
pub(crate) mod cos;
pub(crate) mod netscaler;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
