//! Snaps: `meta/snap.yaml` of the snap itself, and the lists of Debian packages that it was made of.

#[cfg(test)]
mod tests;

use signet_model::{License, PackageKind, SourcePackage, UnexaminedKind};

use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf, any_path};

const COVERAGE: &str = include_str!("coverage.yaml");

/// The snap.
pub(crate) static LEAF: Leaf = Leaf {
    id: "snap",
    claims: &[Claim::Path("meta/snap.yaml")],
    accepts: any_path,
    max_size: 4 << 20,
    read: snap,
    coverage: COVERAGE,
};

/// Debian packages inside it.
pub(crate) static PARTS: Leaf = Leaf {
    id: "snap-packages",
    claims: &[Claim::Path("usr/share/snappy/dpkg.yaml"), Claim::Path("snap/manifest.yaml")],
    accepts: any_path,
    max_size: 16 << 20,
    read: parts,
    coverage: COVERAGE,
};

/// Reads `snap.yaml`: `name`, `version`, `architectures`, `summary`, `license`, `base`.
///
/// Errors: no YAML; no name or no version. Source: snapcraft.io/docs, "The snap format".
fn snap(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| self::manifest(input, root))
}

fn manifest(input: &Input<'_>, root: &Node) -> Found {
    let scalar = |name: &str| root.get(name).and_then(|node| node.scalar()).filter(|value| !value.is_empty());
    let (Some(name), Some(version)) = (scalar("name"), scalar("version")) else {
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "it states no name, or no version"));
    };
    let mut package = input.package(PackageKind::Snap, name, version);
    let architectures: Vec<&str> = root
        .get("architectures")
        .map_or(&[][..], |list| list.items())
        .iter()
        .filter_map(|item| item.as_str())
        .collect();
    package.arch = (architectures.len() == 1).then(|| architectures.join(""));
    package.description = scalar("summary").map(str::to_owned);
    package.licenses.extend(scalar("license").map(|value| License { value: value.to_owned() }));
    if let Some(base) = scalar("base") {
        package.extra.insert("snap.base".to_owned(), base.to_owned());
    }
    Found { packages: vec![package], ..Found::default() }
}

/// Reads `dpkg.yaml` of a base (`packages`) and `manifest.yaml` of any other snap (`primed-stage-packages`): `NAME[:ARCH]=VERSION`.
///
/// Errors: no YAML; an entry without a version. Source: snapcore/core-base, snapcraft `manifest.yaml`.
fn parts(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| stage_packages(input, root))
}

fn stage_packages(input: &Input<'_>, root: &Node) -> Found {
    let mut found = Found::default();
    let lists = [root.get("packages"), root.get("primed-stage-packages")].into_iter();
    for node in lists.flatten().flat_map(|list| list.items()) {
        let whole = node.as_str().and_then(|entry| entry.split_once('='));
        let Some((name, version)) = whole.filter(|(name, version)| !name.is_empty() && !version.is_empty()) else {
            let why = format!("line {}: an entry that is not NAME=VERSION", node.lines.0);
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        };
        if syntax::is_full(input, &mut found) {
            break;
        }
        let (name, arch) = name.split_once(':').map_or((name, None), |(name, arch)| (name, Some(arch)));
        let mut package = input.package(PackageKind::Deb, name, version);
        package.arch = arch.map(str::to_owned);
        package.source = Some(SourcePackage { name: name.to_owned(), version: Some(version.to_owned()) });
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        found.packages.push(package);
    }
    found
}
