//! `gleam.toml`.

use signet_model::{Directness, License, PackageKind, RelationshipKind};

use crate::syntax::Node;
use crate::{Claim, Found, Input, Leaf};

/// Reads `gleam.toml`. What it needs is dropped when a manifest lies beside it.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gleam-project",
    claims: &[Claim::Name("gleam.toml")],
    accepts: own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Not a package's own file below `build/packages`.
pub(super) fn own_file(path: &str) -> bool {
    !format!("/{path}").contains("/build/packages/")
}

/// Reads a project: itself, and what it needs.
///
/// Shape: TOML with `name`, `version`, `licences`, `[dependencies]` and `[dev-dependencies]` from name to a range (`>= 1.0.0 and < 2.0.0`) or a
/// table with `version`, `path` or `git`. The range stands in `gleam.requirement`, the version is empty.
/// Errors: no TOML. Source: gleam.run/writing-gleam/gleam-toml.
fn read(input: &Input<'_>) -> Found {
    input.toml_table(|root| {
        let mut found = Found::default();
        if let Some(name) = root.str("name") {
            let version = root.str("version").unwrap_or_default();
            let mut package = input.declared_at(PackageKind::Gleam, name, version, root.lines);
            package.directness = Directness::Root;
            let licenses = root.get("licences").map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
            package.licenses = licenses.map(|value| License { value: value.to_owned() }).collect();
            found.packages.push(package);
        }
        let own = found.packages.len();
        for (table, dev) in [("dependencies", false), ("dev-dependencies", true), ("dev_dependencies", true)] {
            for (name, node) in root.members_of(table) {
                let mut package = input.declared_at(PackageKind::Gleam, name, "", node.lines);
                package.directness = Directness::Direct;
                package.dev = dev;
                let range = node.as_str().or_else(|| node.str("version"));
                package.extra.extend(range.map(|range| ("gleam.requirement".to_owned(), range.to_owned())));
                if own > 0 {
                    found.edges.push((0, found.packages.len(), RelationshipKind::DependsOn));
                }
                found.packages.push(package);
            }
        }
        found
    })
}
