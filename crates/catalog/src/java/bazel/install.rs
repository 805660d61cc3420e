//! `maven_install.json`: what rules_jvm_external pinned.

use std::collections::BTreeMap;

use signet_model::{Checksum, ChecksumAlgorithm, Package, RelationshipKind, UnexaminedKind};

use super::super::declared;
use super::coordinates;
use crate::syntax::{self, Node, json};
use crate::{Found, Input};

/// Reads one lock file.
///
/// Shape of version 2 and 3: `{version: "2", artifacts: {"group:artifact[:packaging[:classifier]]": {version, shasums: {jar: HEX}}},
/// dependencies: {"group:artifact": ["group:artifact"]}}`. Shape before: `{dependency_tree: {dependencies: [{coord, sha256,
/// directDependencies: [coord]}]}}`. A file with neither is another program's.
/// Errors: no JSON, an entry that names no artifact; the others are kept.
/// Source: github.com/bazel-contrib/rules_jvm_external:private/rules/v2_lock_file.bzl and v1_lock_file.bzl.
pub(super) fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let root = match json::parse(&text) {
        Ok(root) => root,
        Err(error) => {
            return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, format!("no JSON: {error}")));
        }
    };
    let mut found = Found::default();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut needs: Vec<(usize, String)> = Vec::new();
    if let Some(tree) = root.get("dependency_tree") {
        for node in tree.get("dependencies").map_or(&[][..], Node::items) {
            let coord = node.str("coord").unwrap_or_default();
            let sum = node.str("sha256");
            let Some(place) = add(input, coord, None, sum, node, &mut found, &mut places) else { continue };
            let direct =
                node.get("directDependencies").or_else(|| node.get("dependencies")).map_or(&[][..], Node::items);
            needs.extend(direct.iter().filter_map(Node::as_str).map(|need| (place, need.to_owned())));
        }
    } else if root
        .get("artifacts")
        .is_some_and(|artifacts| artifacts.members().iter().any(|(name, _)| name.contains(':')))
    {
        for (name, node) in root.members_of("artifacts") {
            let version = node.get("version").and_then(Node::scalar).unwrap_or_default();
            let sum = node.get("shasums").and_then(|sums| sums.str("jar").or_else(|| sums.str("aar")));
            add(input, name, Some(version), sum, node, &mut found, &mut places);
        }
        for (from, list) in root.members_of("dependencies") {
            if let Some(place) = places.get(&short(from)) {
                needs.extend(list.items().iter().filter_map(Node::as_str).map(|need| (*place, need.to_owned())));
            }
        }
    }
    for (from, need) in needs {
        if let Some(to) = places.get(&short(&need)).filter(|to| **to != from) {
            found.edges.push((from, *to, RelationshipKind::DependsOn));
        }
    }
    found.edges.sort_unstable();
    found.edges.dedup();
    found
}

/// `group:artifact` of longer coordinates.
fn short(coordinates: &str) -> String {
    coordinates.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")
}

fn add(
    input: &Input<'_>,
    name: &str,
    version: Option<&str>,
    sum: Option<&str>,
    node: &Node,
    found: &mut Found,
    places: &mut BTreeMap<String, usize>,
) -> Option<usize> {
    let parsed = match version {
        Some(version) => coordinates(name).map(|(group, artifact, _)| (group, artifact, version)),
        None => coordinates(name),
    };
    let Some((group, artifact, version)) = parsed else {
        let why = format!("line {}: an entry that names no artifact", node.lines.0);
        syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
        return None;
    };
    // several packagings and classifiers of one version are one package
    if let Some(place) = places.get(&short(name)) {
        let same = |package: &Package| package.version == version;
        if found.packages.get(*place).is_some_and(same) {
            return Some(*place);
        }
    }
    let mut package = declared(input, group, artifact, version, Some(node.lines));
    if let Some(hex) = sum.filter(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_ascii_lowercase() });
    }
    places.insert(short(name), found.packages.len());
    found.packages.push(package);
    Some(found.packages.len() - 1)
}
