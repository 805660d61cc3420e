//! Dart and Flutter: `pubspec.lock`, `pubspec.yaml`.

pub(crate) mod lock;
pub(crate) mod pubspec;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
