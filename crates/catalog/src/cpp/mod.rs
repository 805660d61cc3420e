//! C and C++: Conan's lock files, manifests and cache; vcpkg's manifests and installed trees.

pub(crate) mod conan_info;
pub(crate) mod conan_lock;
pub(crate) mod conan_txt;
pub(crate) mod reference;
#[cfg(test)]
mod tests;
pub(crate) mod vcpkg_json;
pub(crate) mod vcpkg_spdx;
pub(crate) mod vcpkg_status;

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");
