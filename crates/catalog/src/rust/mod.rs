//! Rust crates: linked into programs that cargo-auditable built, and named by `Cargo.lock`.

pub(crate) mod auditable;
pub(crate) mod lock;
pub(crate) mod project;
#[cfg(test)]
mod tests;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A project's own file, not one that lies in the sources of other crates.
fn own_file(path: &str) -> bool {
    let path = format!("/{path}");
    !["/.cargo/registry/", "/cargo/registry/", "/node_modules/", "/vendor/", "/site-packages/", "/usr/share/doc/"]
        .iter()
        .any(|part| path.contains(part))
}
