//! .NET packages: deployed with an application (`*.deps.json`, assemblies, single-file programs), and named by the files of NuGet, MSBuild
//! and Paket.

pub(crate) mod assembly;
pub(crate) mod assets;
pub(crate) mod bundle;
pub(crate) mod deps_json;
pub(crate) mod msbuild;
pub(crate) mod packages_config;
pub(crate) mod packages_lock;
pub(crate) mod paket;
mod pe;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use signet_model::{Checksum, ChecksumAlgorithm, Package, PackageKind, Presence};

use crate::Input;
use crate::syntax::{Node, Value, json};

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A project's own file, not one that came inside a package of NuGet or of another ecosystem.
fn own_file(path: &str) -> bool {
    let path = format!("/{path}");
    !["/.nuget/packages/", "/node_modules/", "/site-packages/", "/gems/", "/usr/share/doc/"]
        .iter()
        .any(|part| path.contains(part))
}

/// A package that a project's file names.
fn declared(input: &Input<'_>, name: &str, version: &str, lines: (u32, u32)) -> Package {
    let mut package = input.package(PackageKind::Nuget, name, version);
    package.presence = Presence::Declared;
    package.locations = vec![input.location.at_lines(lines.0, lines.1)];
    package
}

/// The JSON object that a text is, or the reason why it is none.
fn object_of(text: &str) -> Result<Node, String> {
    match json::parse(text) {
        Ok(root) if matches!(root.value, Value::Object(_)) => Ok(root),
        Ok(_) => Err("expected an object".to_owned()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

/// Name and version of a key `Name/1.0.0`.
fn split_key(key: &str) -> Option<(&str, &str)> {
    key.split_once('/').filter(|(name, version)| !name.trim().is_empty() && !version.trim().is_empty())
}

/// NuGet compares names without regard to case. Source: learn.microsoft.com/nuget/nuget-org/id-prefix-reservation, "package ID".
fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// SHA-512 of a package in base64, with or without `sha512-` before it; nothing for the empty text of a project.
fn sha512(text: &str) -> Option<Checksum> {
    let hash = base64::engine::general_purpose::STANDARD.decode(text.strip_prefix("sha512-").unwrap_or(text)).ok()?;
    (hash.len() == 64).then(|| Checksum::from_bytes(ChecksumAlgorithm::Sha512, &hash))
}

/// What a version in a project's file says.
///
/// A plain version is the lowest that is allowed, and NuGet takes the lowest; so it does of a range with an inclusive lower bound.
/// Source: learn.microsoft.com/nuget/concepts/{package-versioning,dependency-resolution}.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// This version.
    Version(String),
    /// One of several, which only the feed can tell: `6.*`, `(1.0,2.0)`.
    Range(String),
}

impl Wanted {
    fn of(text: &str) -> Wanted {
        let text = text.trim();
        let range = || Wanted::Range(text.to_owned());
        let plain = match text.strip_prefix('[') {
            Some(rest) => rest.split([',', ']', ')']).next().unwrap_or_default().trim(),
            None => text,
        };
        match plain.is_empty() || plain.contains(['*', '(', ',', '[']) {
            true => range(),
            false => Wanted::Version(plain.to_owned()),
        }
    }
}
