//! Ruby gems: installed (`specifications/*.gemspec`), and named by `Gemfile.lock`.

pub(crate) mod gemfile_lock;
pub(crate) mod gemspec;
mod literal;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
