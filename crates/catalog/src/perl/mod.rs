//! Perl: distributions of CPAN.

pub(crate) mod meta;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
