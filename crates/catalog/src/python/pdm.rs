//! PDM's `pdm.lock`.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::RelationshipKind;

use super::{by_name, checksum, declared, normalize, split_name};
use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `pdm.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-pdm",
    claims: &[Claim::Name("pdm.lock")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file, `lock_version` 2 to 4.
///
/// Shape: TOML tables `[[package]]` with `name`, `version`, `groups` (`default` and others), `dependencies` as requirements, `files` with hashes; a
/// package with extras stands once more with `extras`. A package of a directory or repository may have no version. What is in no group but
/// `dev` is for development; which other groups are optional and which for development only `pyproject.toml` tells.
/// Errors: no TOML; a package without name, with its lines. Source: pdm-project.org, "Lock file"; pdm-project/pdm:src/pdm/formats.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::toml(input, &mut found) else { return found };
    let mut by_identity: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut nodes: Vec<(usize, &Node)> = Vec::new();
    let files = root.get("metadata").and_then(|metadata| metadata.get("files"));
    for node in root.get("package").map_or(&[][..], Node::items) {
        let Some(name) = node.str("name") else {
            document::malformed(input, &mut found, node.lines, "a package without name");
            continue;
        };
        let version = node.str("version").unwrap_or_default();
        let mut package = declared(input, name, version, node.lines);
        let groups = node.get("groups").map_or(&[][..], Node::items);
        package.dev = !groups.is_empty() && groups.iter().all(|group| group.as_str() == Some("dev"));
        package.description = node.str("summary").map(str::to_owned).filter(|text| !text.is_empty());
        // before version 4.1 hashes stand apart
        let apart = files.and_then(|files| files.get(&format!("{name} {version}")));
        let listed = node.get("files").or(apart).map_or(&[][..], Node::items);
        let source = listed.iter().find(|file| file.str("file").is_some_and(|name| !name.ends_with(".whl")));
        package.checksums = source.and_then(|file| checksum(file.str("hash")?)).into_iter().collect();
        for (fact, member) in [("source", "url"), ("source", "git"), ("ref", "revision"), ("path", "path")] {
            let value = node.str(member).map(|value| (format!("python.{fact}"), value.to_owned()));
            package.extra.extend(value);
        }
        let at = *by_identity.entry((name, version)).or_insert(found.packages.len());
        match found.packages.get_mut(at) {
            Some(known) => {
                known.dev &= package.dev;
                known.locations.append(&mut package.locations);
            }
            None => found.packages.push(package),
        }
        nodes.push((at, node));
    }
    let places = by_name(&found.packages);
    let mut edges = BTreeSet::new();
    for (from, node) in nodes {
        let needs = node.get("dependencies").map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
        for (name, _) in needs.filter_map(split_name) {
            // several versions of one name differ by marker: any of them may be meant
            let ends = places.get(&normalize(name)).into_iter().flatten().filter(|to| **to != from);
            edges.extend(ends.map(|to| (from, *to, RelationshipKind::DependsOn)));
        }
    }
    found.edges = edges.into_iter().collect();
    found
}
