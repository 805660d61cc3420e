//! `Manifest.toml`.

use std::collections::BTreeMap;

use signet_model::{PackageKind, RelationshipKind};

use crate::syntax::{self, Node, Value};
use crate::{Claim, Found, Input, Leaf};

/// Reads `Manifest.toml`, `JuliaManifest.toml` and those of one version of Julia (`Manifest-v1.11.toml`).
pub(crate) static LEAF: Leaf = Leaf {
    id: "julia-manifest",
    claims: &[Claim::Suffix(".toml")],
    accepts,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

fn accepts(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.strip_prefix("Julia").unwrap_or(name);
    stem == "Manifest.toml" || stem.starts_with("Manifest-v") && stem.ends_with(".toml")
}

/// Reads a lock file, formats 1 and 2.
///
/// Shape: TOML; of format 2 `manifest_format`, `julia_version` and tables `[[deps.NAME]]`, of format 1 tables `[[NAME]]`, with `uuid`, `version`,
/// `git-tree-sha1`, `path`, `repo-url`, and `deps`: a list of names, or a table from name to uuid where a name stands for several packages.
/// A package of the standard library has no version of its own: it has that of Julia, where the file tells it (`julia.stdlib`).
/// Errors: no TOML; a need that names several packages, all of which get an edge. Source: pkgdocs.julialang.org, "Manifest.toml".
fn read(input: &Input<'_>) -> Found {
    input.toml_table(|root| {
        let mut found = Found::default();
        let julia = root.str("julia_version");
        let tables = match root.get("deps") {
            Some(deps) if root.get("manifest_format").is_some() => deps.members(),
            _ => root.members(),
        };
        let mut nodes: Vec<&Node> = Vec::new();
        for (name, list) in tables {
            for node in list.items().iter().filter(|node| matches!(node.value, Value::Object(_))) {
                let own = node.str("version");
                let version = own.or(julia.filter(|_| node.get("path").is_none())).unwrap_or_default();
                let mut package = input.declared_at(PackageKind::Julia, name, version, node.lines);
                if own.is_none() && node.get("path").is_none() {
                    package.extra.insert("julia.stdlib".to_owned(), "true".to_owned());
                }
                for (fact, key) in [
                    ("julia.uuid", "uuid"),
                    ("julia.tree", "git-tree-sha1"),
                    ("julia.path", "path"),
                    ("julia.source", "repo-url"),
                ] {
                    package.extra.extend(node.str(key).map(|value| (fact.to_owned(), value.to_owned())));
                }
                found.packages.push(package);
                nodes.push(node);
            }
        }
        relate(input, &nodes, &mut found);
        found
    })
}

fn relate(input: &Input<'_>, nodes: &[&Node], found: &mut Found) {
    let mut needs = Vec::new();
    let mut entries: BTreeMap<&str, usize> = BTreeMap::new();
    found.packages.iter().for_each(|package| *entries.entry(package.name.as_str()).or_default() += 1);
    let several = |name: &&str| entries.get(name).is_some_and(|count| *count > 1);
    let mut unclear = Vec::new();
    let by_uuid: BTreeMap<&str, usize> =
        nodes.iter().enumerate().filter_map(|(at, node)| Some((node.str("uuid")?, at))).collect();
    let mut edges = Vec::new();
    for (from, node) in nodes.iter().enumerate() {
        let Some(deps) = node.get("deps") else { continue };
        if let Some(name) = deps.items().iter().filter_map(Node::as_str).find(|name| several(name)) {
            unclear.push(input.malformed_at(
                deps.lines,
                &format!("several packages are called `{name}`, and a need does not say which"),
            ));
        }
        needs.extend(deps.items().iter().filter_map(Node::as_str).map(|name| (from, name.to_owned())));
        let to = deps.members().iter().filter_map(|(_, uuid)| by_uuid.get(uuid.as_str()?).copied());
        edges.extend(to.filter(|to| *to != from).map(|to| (from, to, RelationshipKind::DependsOn)));
    }
    unclear.into_iter().for_each(|what| syntax::report(&mut found.unexamined, what));
    found.depend(&needs);
    found.edges.extend(edges);
}
