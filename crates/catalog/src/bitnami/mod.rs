//! Components of Bitnami's images: `opt/bitnami/.bitnami_components.json`. Newer images carry SPDX documents, which `documents` reads.

#[cfg(test)]
mod tests;

use signet_model::{Checksum, ChecksumAlgorithm, PackageKind, UnexaminedKind};

use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the list of components.
pub(crate) static LEAF: Leaf = Leaf {
    id: "bitnami",
    claims: &[Claim::Name(".bitnami_components.json")],
    accepts: any_path,
    max_size: 4 << 20,
    read,
    coverage: include_str!("coverage.yaml"),
};

/// Shape: `{NAME: {arch, digest (SHA-256), distro, type, version}}`.
/// Errors: no JSON; a component without version. Source: files of published images, bitnami/minideb.
fn read(input: &Input<'_>) -> Found {
    let root = match json::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, error.to_string())),
    };
    let mut found = Found::default();
    for (name, node) in root.members() {
        let Some(version) = node.str("version") else {
            let why = format!("line {}: the component `{name}` has no version", node.lines.0);
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        };
        let mut package = input.package(PackageKind::Bitnami, name.as_str(), version);
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        package.arch = node.str("arch").map(str::to_owned);
        if let Some(hex) = node.str("digest").filter(|hex| hex.len() == 64) {
            package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_owned() });
        }
        if let Some(distro) = node.str("distro") {
            package.extra.insert("bitnami.distro".to_owned(), distro.to_owned());
        }
        found.packages.push(package);
    }
    found
}
