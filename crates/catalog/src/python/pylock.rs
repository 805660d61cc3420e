//! `pylock.toml`, the lock file that pip, uv and PDM share.

use std::collections::BTreeSet;

use signet_model::{Checksum, Directness, RelationshipKind, UnexaminedKind};

use super::{by_name, checksum, declared, normalize};
use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `pylock.toml` and `pylock.NAME.toml`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-pylock",
    claims: &[Claim::Suffix(".toml")],
    accepts,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Whether a file's name is one that the specification gives lock files.
pub(crate) fn is_name(name: &str) -> bool {
    let middle = name.strip_prefix("pylock.").and_then(|rest| rest.strip_suffix("toml"));
    middle.is_some_and(|middle| middle.is_empty() || middle.ends_with('.') && middle.matches('.').count() == 1)
}

fn accepts(path: &str) -> bool {
    is_name(path.rsplit('/').next().unwrap_or(path)) && super::own_file(path)
}

/// Reads a lock file, version 1.
///
/// Shape: TOML with `lock-version`, and tables `[[packages]]` with `name`, `version` (none for a directory, and where it is not fixed),
/// `dependencies = [{name, version?}]`, one of `vcs`, `directory`, `archive`, or `index` with `sdist` and `wheels`, and `marker`. A package that
/// only a group asks for that is not installed by default is for development.
/// Errors: no TOML; a version that is not known; a package without name, with its lines.
/// Source: packaging.python.org, "pylock.toml Specification" (PEP 751).
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::toml(input, &mut found) else { return found };
    let version = root.str("lock-version").unwrap_or_default();
    if version.split('.').next() != Some("1") {
        let why = format!("lock version `{version}` is not known; read as version 1.0");
        found.unexamined.push(input.unexamined(UnexaminedKind::Unsupported, why));
    }
    let defaults: Vec<&str> =
        root.get("default-groups").map_or(&[][..], Node::items).iter().filter_map(Node::as_str).collect();
    let mut nodes: Vec<&Node> = Vec::new();
    for node in root.get("packages").map_or(&[][..], Node::items) {
        let Some(name) = node.str("name") else {
            document::malformed(input, &mut found, node.lines, "a package without name");
            continue;
        };
        let mut package = declared(input, name, node.str("version").unwrap_or_default(), node.lines);
        package.directness = match node.get("directory").map(|directory| directory.str("path").unwrap_or_default()) {
            Some("." | "") => Directness::Root,
            Some(_) => Directness::Workspace,
            None => Directness::Unknown,
        };
        package.dev = node.str("marker").and_then(only_group).is_some_and(|group| !defaults.contains(&group));
        package.checksums = hashes(node);
        let address = |part: &str| node.get(part).and_then(|part| part.str("url").or_else(|| part.str("path")));
        if let Some(source) =
            node.str("index").or_else(|| ["vcs", "archive", "directory"].into_iter().find_map(address))
        {
            package.extra.insert("python.source".to_owned(), source.to_owned());
        }
        if let Some(commit) = node.get("vcs").and_then(|vcs| vcs.str("commit-id")) {
            package.extra.insert("python.ref".to_owned(), commit.to_owned());
        }
        found.packages.push(package);
        nodes.push(node);
    }
    let places = by_name(&found.packages);
    let mut edges = BTreeSet::new();
    for (from, node) in nodes.iter().enumerate() {
        for need in node.get("dependencies").map_or(&[][..], Node::items) {
            let version = need.str("version");
            let fits = |at: &&usize| {
                version.is_none_or(|version| found.packages.get(**at).is_some_and(|package| package.version == version))
            };
            let named = need.str("name").and_then(|name| places.get(&normalize(name)));
            let ends = named.into_iter().flatten().filter(fits).filter(|to| **to != from);
            edges.extend(ends.map(|to| (from, *to, RelationshipKind::DependsOn)));
        }
    }
    found.edges = edges.into_iter().collect();
    found
}

/// The group of a marker that is nothing but `'GROUP' in dependency_groups`.
fn only_group(marker: &str) -> Option<&str> {
    let group = marker.trim().strip_suffix("dependency_groups")?.trim_end().strip_suffix("in")?.trim();
    let quote = group.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let group = group.get(1..)?.strip_suffix(quote)?;
    (!group.contains(['\'', '"'])).then_some(group)
}

/// Hashes of the source archive; else of the one wheel, when there is one.
fn hashes(node: &Node) -> Vec<Checksum> {
    let wheels = node.get("wheels").map_or(&[][..], Node::items);
    let wheel = wheels.first().filter(|_| wheels.len() == 1);
    let file = node.get("sdist").or_else(|| node.get("archive")).or(wheel);
    let members = file.map_or(&[][..], |file| file.members_of("hashes"));
    members.iter().filter_map(|(name, hex)| checksum(&format!("{name}:{}", hex.as_str()?))).collect()
}
