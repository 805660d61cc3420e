//! vcpkg's manifest, `vcpkg.json`.

use std::collections::BTreeMap;

use signet_model::{Directness, License, PackageKind, RelationshipKind};

use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `vcpkg.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "vcpkg-manifest",
    claims: &[Claim::Name("vcpkg.json")],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Ports of vcpkg itself and of its registries are recipes, not projects.
fn accepts(path: &str) -> bool {
    !format!("/{path}").contains("/ports/") && !format!("/{path}").contains("/buildtrees/")
}

/// Reads a manifest.
///
/// Shape: an object with `name`, one of `version`, `version-semver`, `version-date` and `version-string`, `port-version`, `dependencies` (names, or
/// objects with `name`, `version>=`, `host`), `overrides` (`name` and an exact version). Other versions come from the registry's baseline and stay
/// empty; the lowest that is allowed stands in `vcpkg.minimum`.
/// Errors: no JSON object; a dependency without name. Source: learn.microsoft.com/vcpkg/reference/vcpkg-json.
fn read(input: &Input<'_>) -> Found {
    input.json_object(|root| {
        let mut found = Found::default();
        let root_version = version(root);
        if let Some(name) = root.str("name") {
            let mut package = input.declared_at(PackageKind::Vcpkg, name, root_version.unwrap_or_default(), root.lines);
            package.directness = Directness::Root;
            package.licenses =
                root.str("license").map(|value| License { value: value.to_owned() }).into_iter().collect();
            found.packages.push(package);
        }
        let own = found.packages.len();
        let overrides: BTreeMap<&str, String> = root
            .get("overrides")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|node| Some((node.str("name")?, version(node)?)))
            .collect();
        for node in root.get("dependencies").map_or(&[][..], Node::items) {
            let Some(name) = node.as_str().or_else(|| node.str("name")) else {
                syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a dependency without name"));
                continue;
            };
            let version = overrides.get(name).cloned().unwrap_or_default();
            let mut package = input.declared_at(PackageKind::Vcpkg, name, version, node.lines);
            package.directness = Directness::Direct;
            package.dev = node.is_true("host");
            if let Some(minimum) = node.str("version>=") {
                package.extra.insert("vcpkg.minimum".to_owned(), minimum.to_owned());
            }
            if own > 0 {
                found.edges.push((0, found.packages.len(), RelationshipKind::DependsOn));
            }
            found.packages.push(package);
        }
        found
    })
}

/// `1.2.3`, `1.2.3#4` with the number of the port's revision.
fn version(node: &Node) -> Option<String> {
    let keys = ["version", "version-semver", "version-date", "version-string"];
    let version = keys.iter().find_map(|key| node.str(key))?;
    match node.get("port-version").and_then(Node::scalar).filter(|port| *port != "0") {
        Some(port) => Some(format!("{version}#{port}")),
        None => Some(version.to_owned()),
    }
}
