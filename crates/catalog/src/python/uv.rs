//! uv's `uv.lock`.

use std::collections::{BTreeSet, VecDeque};

use signet_model::{Directness, RelationshipKind, UnexaminedKind};

use super::{by_name, checksum, declared, normalize};
use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `uv.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-uv",
    claims: &[Claim::Name("uv.lock")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: TOML tables `[[package]]` with `name`, `version`, `source`, `dependencies = [{name, version?}]`, and for the project
/// `optional-dependencies` and `dev-dependencies` by group. The project has the source `virtual` or `editable` with `.`; other such
/// sources are members of its workspace.
/// Errors: no TOML; a package without name; no project, or several at `.`, so that direct needs cannot be told. The packages are kept.
/// Source: docs.astral.sh/uv, "Locking"; astral-sh/uv:crates/uv-resolver/src/lock.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::toml(input, &mut found) else { return found };
    let mut nodes: Vec<&Node> = Vec::new();
    for node in root.get("package").map_or(&[][..], Node::items) {
        let Some(name) = node.str("name") else {
            document::malformed(input, &mut found, node.lines, "a package without name");
            continue;
        };
        let mut package = declared(input, name, node.str("version").unwrap_or_default(), node.lines);
        let source = node.get("source");
        let local = source.and_then(|source| source.str("virtual").or_else(|| source.str("editable")));
        package.directness = match local {
            Some(".") => Directness::Root,
            Some(_) => Directness::Workspace,
            None => Directness::Unknown,
        };
        for fact in ["registry", "git", "url", "path", "directory"] {
            if let Some(place) = source.and_then(|source| source.str(fact)) {
                package.extra.insert("python.source".to_owned(), place.to_owned());
            }
        }
        package.checksums = node.get("sdist").and_then(|sdist| checksum(sdist.str("hash")?)).into_iter().collect();
        found.packages.push(package);
        nodes.push(node);
    }
    let roots = found.packages.iter().filter(|package| package.directness == Directness::Root).count();
    if roots != 1 && !found.packages.is_empty() {
        let why = format!("{roots} packages are the project itself, expected one: which needs are direct is uncertain");
        found.unexamined.push(input.unexamined(UnexaminedKind::Unresolved, why));
    }
    relate(&nodes, &mut found);
    found
}

/// Edges; and from the project and its workspace on, what is direct and what only development needs.
fn relate(nodes: &[&Node], found: &mut Found) {
    let places = by_name(&found.packages);
    let resolve = |need: &Node| -> Vec<usize> {
        let all = need.str("name").and_then(|name| places.get(&normalize(name)));
        let version = need.str("version");
        let fits =
            |at: &&usize| version.is_none_or(|version| found.packages.get(**at).is_some_and(|p| p.version == version));
        all.into_iter().flatten().filter(fits).copied().collect()
    };
    let (mut edges, mut direct, mut needed) = (BTreeSet::new(), BTreeSet::new(), VecDeque::new());
    for (from, node) in nodes.iter().enumerate() {
        let own = node.get("dependencies").map_or(&[][..], Node::items).iter();
        let groups = |list: &str| node.members_of(list).iter().flat_map(|(_, needs)| needs.items()).collect::<Vec<_>>();
        let (optional, dev) = (groups("optional-dependencies"), groups("dev-dependencies"));
        let used: Vec<usize> = own.chain(optional).flat_map(&resolve).collect();
        let dev: Vec<usize> = dev.into_iter().flat_map(&resolve).collect();
        let kind = found.packages.get(from).map(|package| package.directness);
        if matches!(kind, Some(Directness::Root | Directness::Workspace)) {
            direct.extend(used.iter().chain(&dev).copied());
            needed.extend(used.iter().copied());
        }
        edges.extend(
            used.iter().chain(&dev).filter(|to| **to != from).map(|to| (from, *to, RelationshipKind::DependsOn)),
        );
    }
    found.edges = edges.into_iter().collect();
    if direct.is_empty() {
        return;
    }
    let mut next = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (from, to, _) in &found.edges {
        next.entry(*from).or_default().push(*to);
    }
    let mut seen = BTreeSet::new();
    while let Some(at) = needed.pop_front() {
        let project =
            found.packages.get(at).is_some_and(|p| matches!(p.directness, Directness::Root | Directness::Workspace));
        // a workspace member's own needs are in the list already
        if seen.insert(at) && !project {
            needed.extend(next.get(&at).into_iter().flatten());
        }
    }
    for (at, package) in found.packages.iter_mut().enumerate() {
        if package.directness == Directness::Unknown {
            package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
            package.dev = !seen.contains(&at);
        }
    }
}
