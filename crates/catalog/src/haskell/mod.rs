//! Haskell: what Stack and Cabal locked.

pub(crate) mod freeze;
pub(crate) mod stack;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
