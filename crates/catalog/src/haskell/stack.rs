//! Stack's `stack.yaml.lock` and `stack.yaml`.

use signet_model::{Package, PackageKind};

use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `stack.yaml.lock`.
pub(crate) static LOCK: Leaf = Leaf {
    id: "stack-lock",
    claims: &[Claim::Name("stack.yaml.lock")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read: read_lock,
    coverage: super::COVERAGE,
};

/// Reads `stack.yaml`. What it names is dropped when a lock file lies beside it.
pub(crate) static PROJECT: Leaf = Leaf {
    id: "stack-project",
    claims: &[Claim::Name("stack.yaml")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read: read_project,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: YAML; `packages` is a list of `completed` and `original`. What was completed is `hackage: NAME-VERSION@sha256:HEX,SIZE`, or a repository or
/// archive with `name`, `version`, `commit`, `url`. Packages of a snapshot are named by the snapshot alone: its URL stands in `haskell.snapshot`.
/// Errors: no YAML mapping; a package without name. Source: docs.haskellstack.org, "Lock files"; commercialhaskell/pantry.
fn read_lock(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| {
        let mut found = Found::default();
        let snapshot = root.get("snapshots").and_then(|list| list.items().first());
        let snapshot = snapshot.and_then(|snapshot| snapshot.get("completed")?.str("url"));
        for node in root.get("packages").map_or(&[][..], Node::items) {
            match package(input, node.get("completed").unwrap_or(node), node.lines) {
                Some(mut package) => {
                    package.extra.extend(snapshot.map(|url| ("haskell.snapshot".to_owned(), url.to_owned())));
                    found.packages.push(package);
                }
                None => syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a package without name")),
            }
        }
        found
    })
}

/// Reads a project.
///
/// Shape: YAML; `extra-deps` is a list of `NAME-VERSION[@sha256:HEX,SIZE]` or of repositories and archives, whose name is not told.
/// Errors: no YAML mapping. Source: docs.haskellstack.org, "Project-level configuration".
fn read_project(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| {
        let nodes = root.get("extra-deps").map_or(&[][..], Node::items);
        // a directory of the project is no package by itself
        let named = nodes.iter().filter(|node| node.as_str().is_none_or(|text| !text.starts_with('.')));
        let packages = named.filter_map(|node| match node.as_str() {
            Some(text) => hackage(input, text, node.lines),
            None => package(input, node, node.lines),
        });
        Found { packages: packages.collect(), ..Found::default() }
    })
}

fn package(input: &Input<'_>, node: &Node, lines: (u32, u32)) -> Option<Package> {
    if let Some(text) = node.str("hackage") {
        return hackage(input, text, lines);
    }
    let version = node.get("version").and_then(Node::scalar).unwrap_or_default();
    let mut package = input.declared_at(PackageKind::Hackage, node.str("name")?, version, lines);
    for (fact, key) in [("haskell.source", "git"), ("haskell.source", "url"), ("haskell.revision", "commit")] {
        package.extra.extend(node.get(key).and_then(Node::scalar).map(|value| (fact.to_owned(), value.to_owned())));
    }
    Some(package)
}

/// `NAME-VERSION[@REVISION]`; without a version the name alone.
fn hackage(input: &Input<'_>, text: &str, lines: (u32, u32)) -> Option<Package> {
    let (id, revision) = text.split_once('@').unwrap_or((text, ""));
    let id = id.trim();
    let is_version = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let (name, version) = match id.rsplit_once('-') {
        Some((name, version)) if is_version(version) => (name, version),
        _ => (id, ""),
    };
    // a path, an address or a broken line is no name: `a b`, `x/y.tar.gz`
    let usable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let mut package = input.declared_at(PackageKind::Hackage, usable.then_some(name)?, version, lines);
    if !revision.is_empty() {
        package.extra.insert("haskell.cabal".to_owned(), revision.to_owned());
    }
    Some(package)
}
