//! OCaml: opam's package descriptions, lock files and lists of a switch.

mod format;
pub(crate) mod install;
pub(crate) mod opam;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
