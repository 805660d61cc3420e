//! Conan's lock files.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, RelationshipKind};

use super::reference::Reference;
use crate::syntax::{self, Node, Value};
use crate::{Claim, Found, Input, Leaf};

/// Reads `conan.lock`, and lock files of the other names that Conan's documentation suggests.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conan-lock",
    claims: &[Claim::Suffix(".lock")],
    accepts,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Anyone may name a lock file anything; what the documentation names so is read.
fn accepts(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let own = ["conan", "release", "debug", "build", "consumer", "app", "linux", "windows", "macos"];
    own.iter().any(|word| name.strip_suffix(".lock").is_some_and(|stem| stem == *word))
        || name.contains("conan") && name.ends_with(".lock")
}

/// Reads a lock file.
///
/// Shape: of Conan 1 (`version` 0.0 to 0.4) an object `graph_lock.nodes` of nodes by id, with `ref` (up to 0.3 `pref`), `requires` and
/// `build_requires` (lists of ids; up to 0.1 objects from reference to id), `path` for the project itself. Of Conan 2 (0.5) lists `requires`,
/// `build_requires`, `python_requires`, `config_requires` of references without edges.
/// What only the build needs is marked as for development: it is no part of what is built.
/// Errors: no JSON object; a reference without name or version, with its line. An object of neither form in a file that is called otherwise
/// than `conan.lock` is another program's and says nothing. Source: conan-io/conan:conans/model/graph_lock.py (1.x), conan/internal/model/lockfile.py.
fn read(input: &Input<'_>) -> Found {
    let named = input.name().contains("conan");
    if !named && !syntax::text(input.bytes).trim_start().starts_with('{') {
        return Found::default();
    }
    input.json_object(|root| match root.get("graph_lock").and_then(|graph| graph.get("nodes")) {
        Some(nodes) => graph(input, nodes),
        None if ["requires", "build_requires", "python_requires"].iter().any(|list| root.get(list).is_some()) => {
            lists(input, root)
        }
        None if named => Found::unexamined(input.malformed_at(root.lines, "neither a graph nor lists of requirements")),
        None => Found::default(),
    })
}

fn lists(input: &Input<'_>, root: &Node) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for (list, dev) in
        [("requires", false), ("build_requires", true), ("python_requires", true), ("config_requires", true)]
    {
        for node in root.get(list).map_or(&[][..], Node::items) {
            let text = node.as_str().or_else(|| node.items().first().and_then(Node::as_str)).unwrap_or_default();
            let Some(reference) = Reference::parse(text) else {
                syntax::report(
                    &mut found.unexamined,
                    input.malformed_at(node.lines, "a reference without name or version"),
                );
                continue;
            };
            if seen.insert(reference_key(text)) {
                let mut package = reference.package(input, node.lines);
                package.dev = dev;
                found.packages.push(package);
            }
        }
    }
    found
}

/// What tells references apart: all but the time.
fn reference_key(text: &str) -> String {
    text.split('%').next().unwrap_or_default().to_owned()
}

fn graph(input: &Input<'_>, nodes: &Node) -> Found {
    let mut found = Found::default();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let needed: BTreeSet<&str> = nodes
        .members()
        .iter()
        .flat_map(|(_, node)| needs(node, "requires").chain(needs(node, "build_requires")))
        .collect();
    let mut roots: Vec<&Node> = Vec::new();
    for (id, node) in nodes.members() {
        let stated = node.str("ref").or_else(|| node.str("pref"));
        // The project is what nobody needs and what has a recipe beside it; without a name it is no package. In lock files of one package alone
        // (`conan lock create --reference`) the first is a package like all others.
        let root = !needed.contains(id.as_str()) && (node.get("path").is_some() || stated.is_none());
        if root {
            roots.push(node);
        }
        let Some(text) = stated else {
            if !root {
                syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a package without reference"));
            }
            continue;
        };
        let Some(reference) = Reference::parse(text) else {
            if !root {
                syntax::report(
                    &mut found.unexamined,
                    input.malformed_at(node.lines, "a reference without name or version"),
                );
            }
            continue;
        };
        let mut package = reference.package(input, node.lines);
        if root {
            package.directness = Directness::Root;
        }
        places.insert(id, found.packages.len());
        found.packages.push(package);
    }
    relate(nodes, &roots, &places, &mut found);
    found
}

/// Ids of the nodes that one needs.
fn needs<'n>(node: &'n Node, list: &str) -> impl Iterator<Item = &'n str> {
    let ids: Vec<&str> = match node.get(list).map(|list| &list.value) {
        Some(Value::Array(ids)) => ids.iter().filter_map(Node::as_str).collect(),
        Some(Value::Object(ids)) => ids.iter().filter_map(|(_, id)| id.as_str()).collect(),
        _ => Vec::new(),
    };
    ids.into_iter()
}

/// Edges, what is direct, and what is needed for the build alone.
fn relate(nodes: &Node, roots: &[&Node], places: &BTreeMap<&str, usize>, found: &mut Found) {
    let (mut edges, mut host) = (BTreeSet::new(), BTreeSet::new());
    for (id, node) in nodes.members() {
        let host_needs: Vec<usize> = needs(node, "requires").filter_map(|id| places.get(id)).copied().collect();
        let build_needs = needs(node, "build_requires").filter_map(|id| places.get(id)).copied();
        if let Some(from) = places.get(id.as_str()) {
            let all = host_needs.iter().copied().chain(build_needs);
            edges.extend(all.filter(|to| to != from).map(|to| (*from, to, RelationshipKind::DependsOn)));
        }
        host.extend(host_needs);
    }
    let direct: BTreeSet<usize> = roots
        .iter()
        .flat_map(|root| needs(root, "requires").chain(needs(root, "build_requires")))
        .filter_map(|id| places.get(id).copied())
        .collect();
    for (at, package) in
        found.packages.iter_mut().enumerate().filter(|(_, package)| package.directness != Directness::Root)
    {
        if !roots.is_empty() {
            package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
        }
    }
    // a need of the build is one that nothing needs to run
    let build: BTreeSet<usize> = nodes
        .members()
        .iter()
        .flat_map(|(_, node)| needs(node, "build_requires"))
        .filter_map(|id| places.get(id).copied())
        .collect();
    for at in build.difference(&host) {
        if let Some(package) = found.packages.get_mut(*at) {
            package.dev = true;
        }
    }
    found.edges = edges.into_iter().collect();
}
