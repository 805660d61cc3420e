//! Go modules: linked into programs, and named by `go.mod` and `go.sum`.

pub(crate) mod binary;
mod buildinfo;
pub(crate) mod gomod;
pub(crate) mod gosum;
mod ldflags;
mod symbols;
#[cfg(test)]
mod tests;
pub(crate) mod vendor;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// The name under which the Go vulnerability database lists the standard library.
const STDLIB: &str = "stdlib";

/// A project's own file: not of a module in the module cache, nor of a vendored copy or test data, whose needs were never built.
fn own_file(path: &str) -> bool {
    let path = format!("/{path}");
    !["/pkg/mod/", "/vendor/", "/testdata/", "/usr/share/doc/"].iter().any(|part| path.contains(part))
}

/// `v1.22.1` of `go1.22.1`, `go1.22.1 X:boringcrypto`, `go1.22.1-suffix`, `go1.22.1 (Red Hat 1.22.1-2.el9)`; `None` for development builds.
fn toolchain_version(text: &str) -> Option<String> {
    let version = text.trim().strip_prefix("go")?;
    let version = version.split([' ', '-', '+']).next().unwrap_or_default();
    version.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("v{version}"))
}
