//! CocoaPods: `Podfile.lock`.

pub(crate) mod lock;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
