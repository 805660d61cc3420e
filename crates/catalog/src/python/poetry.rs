//! Poetry's `poetry.lock`.

use std::collections::BTreeSet;

use signet_model::RelationshipKind;

use super::{by_name, declared, normalize};
use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `poetry.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-poetry",
    claims: &[Claim::Name("poetry.lock")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file, version 1 or 2.
///
/// Shape: TOML tables `[[package]]` with `name`, `version`, `[package.dependencies]`; `category = "dev"` (before version 2) or `groups`
/// without `main` (from 2.1 on) means development. Which packages the project names itself is in `pyproject.toml` only.
/// Errors: no TOML; a package without name or version, with its line. Source: python-poetry/poetry:src/poetry/packages/locker.py.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::toml(input, &mut found) else { return found };
    let mut nodes: Vec<&Node> = Vec::new();
    let tables = root.get("package").map_or(&[][..], Node::items).iter();
    for (name, version, node) in document::named_tables(input, &mut found, tables) {
        let mut package = declared(input, name, version, node.lines);
        let groups = node.get("groups").map(Node::items).filter(|groups| !groups.is_empty());
        package.dev = node.str("category") == Some("dev")
            || groups.is_some_and(|groups| !groups.iter().any(|group| group.as_str() == Some("main")));
        package.description = node.str("description").map(str::to_owned).filter(|text| !text.is_empty());
        if let Some(source) = node.get("source").and_then(|source| source.str("url")) {
            package.extra.insert("python.source".to_owned(), source.to_owned());
        }
        found.packages.push(package);
        nodes.push(node);
    }
    let places = by_name(&found.packages);
    let mut edges = BTreeSet::new();
    for (from, node) in nodes.iter().enumerate() {
        for (need, _) in node.members_of("dependencies") {
            // several versions of one name differ by marker: any of them may be meant
            let to = places.get(&normalize(need)).into_iter().flatten();
            edges.extend(to.filter(|to| **to != from).map(|to| (from, *to, RelationshipKind::DependsOn)));
        }
    }
    found.edges = edges.into_iter().collect();
    found
}
