//! `Cargo.lock`.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Checksum, ChecksumAlgorithm, Directness, PackageKind, Presence, RelationshipKind};

use crate::syntax::{Node, Value, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `Cargo.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cargo-lock",
    claims: &[Claim::Name("Cargo.lock")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file, versions 1 to 4.
///
/// Shape: TOML tables `[[package]]` with `name`, `version`, `source` and `checksum` unless local, `dependencies` as `name`,
/// `name version` or `name version (source)`: as much as it takes to tell them apart. Version 1 holds checksums in `[metadata]`, and very
/// old files the project in `[root]`. Packages without source are the project, or the members of its workspace when there are several.
/// Errors: no TOML; a package without name or version, with its line. Source: rust-lang/cargo:src/cargo/core/resolver/encode.rs.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::toml(input, &mut found) else { return found };
    let sums: BTreeMap<&str, &str> =
        root.members_of("metadata").iter().filter_map(|(key, node)| Some((key.as_str(), node.as_str()?))).collect();
    let mut nodes: Vec<&Node> = Vec::new();
    let tables = root.get("root").into_iter().chain(root.get("package").map_or(&[][..], Node::items));
    let tables = tables.filter(|node| matches!(node.value, Value::Object(_)));
    for (name, version, node) in document::named_tables(input, &mut found, tables) {
        let mut package = input.package(PackageKind::Cargo, name, version);
        package.presence = Presence::Declared;
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        let source = node.str("source").unwrap_or_default();
        let by_metadata = || sums.get(format!("checksum {name} {version} ({source})").as_str()).copied();
        let hex = node.str("checksum").or_else(by_metadata).unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_ascii_lowercase() });
        }
        if !source.is_empty() {
            package.extra.insert("cargo.source".to_owned(), source.to_owned());
        }
        found.packages.push(package);
        nodes.push(node);
    }
    relate(&nodes, &mut found);
    found
}

fn relate(nodes: &[&Node], found: &mut Found) {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        // dozens of versions of one crate are rare; more would only make the search slow
        let versions = places.entry(node.str("name").unwrap_or_default()).or_default();
        if versions.len() < 1000 {
            versions.push(at);
        }
    }
    let mut edges = BTreeSet::new();
    for (from, node) in nodes.iter().enumerate() {
        for need in node.get("dependencies").map_or(&[][..], Node::items).iter().filter_map(Node::as_str) {
            let mut words = need.split(' ');
            let (name, version, source) = (words.next().unwrap_or_default(), words.next(), words.next());
            let fits = |at: &&usize| {
                let node = nodes.get(**at);
                let same =
                    |key, want: Option<&str>| want.is_none_or(|want| node.and_then(|node| node.str(key)) == Some(want));
                // the source of a need lacks the commit that the package's own may have
                let source = source.map(|source| source.trim_matches(['(', ')']));
                let stated = node.and_then(|node| node.str("source")).unwrap_or_default();
                same("version", version)
                    && source.is_none_or(|source| stated.split('#').next() == source.split('#').next())
            };
            let to = places.get(name).into_iter().flatten().find(fits);
            edges.extend(to.filter(|to| **to != from).map(|to| (from, *to, RelationshipKind::DependsOn)));
        }
    }
    let local: BTreeSet<usize> =
        (0..nodes.len()).filter(|at| nodes.get(*at).is_some_and(|node| node.get("source").is_none())).collect();
    let direct: BTreeSet<usize> =
        edges.iter().filter(|(from, ..)| local.contains(from)).map(|(_, to, _)| *to).collect();
    for (at, package) in found.packages.iter_mut().enumerate() {
        package.directness = match (local.len(), local.contains(&at)) {
            (0, _) => Directness::Unknown,
            (1, true) => Directness::Root,
            (_, true) => Directness::Workspace,
            _ if direct.contains(&at) => Directness::Direct,
            _ => Directness::Indirect,
        };
    }
    found.edges = edges.into_iter().collect();
}
