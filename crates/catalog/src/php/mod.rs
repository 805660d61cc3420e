//! PHP packages: installed and named by Composer, and installed by PEAR and PECL.

pub(crate) mod composer;
pub(crate) mod pear;
mod serialized;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
