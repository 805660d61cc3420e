//! WordPress: plugins, by the comment at the head of their main file.

pub(crate) mod plugin;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
