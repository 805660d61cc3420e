//! Machine-learning models: GGUF files.

pub(crate) mod gguf;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
