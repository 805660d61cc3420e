//! pnpm's `pnpm-lock.yaml`, lock file versions 5 to 9.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use signet_model::{Directness, RelationshipKind, UnexaminedKind};

use super::{add_to_list, declared, integrity, merge};
use crate::syntax::{self, Node, Value, block_yaml};
use crate::{Claim, Found, Input, Leaf};

/// Reads `pnpm-lock.yaml`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "pnpm-lock",
    claims: &[Claim::Name("pnpm-lock.yaml")],
    accepts: super::own_lock_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: `packages` by dependency path: `/name/1.0.0_peers` (version 5), `/name@1.0.0(peers)` (6), `name@1.0.0` (9, with the peers in
/// `snapshots`); packages of repositories and archives state `name` and `version`. Needs are at the top (one project), or by project in
/// `importers`. From pnpm 11 on an earlier document may list pnpm's own packages: the last document is the project's.
/// One package per name and version, whatever its peers: `pnpm.keys` lists the dependency paths.
/// Errors: what is not YAML or has no `lockfileVersion`; a key that states no name or version.
/// Source: github.com/pnpm/spec, `lockfile/*.md`.
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| input.unexamined(UnexaminedKind::Malformed, why);
    let (documents, error) = block_yaml::parse_all(&syntax::text(input.bytes));
    let mut found = Found::default();
    if let Some(error) = error {
        found.unexamined.push(malformed(format!("no YAML of a lock file: {error}")));
    }
    let Some(root) = documents.last() else {
        if found.unexamined.is_empty() {
            found.unexamined.push(malformed("the file is empty".to_owned()));
        }
        return found;
    };
    let Some(version) = root.get("lockfileVersion").and_then(Node::scalar) else {
        found.unexamined.push(malformed("`lockfileVersion` is missing".to_owned()));
        return found;
    };
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if !(5..=9).contains(&major) {
        let why = format!("lock file version {version} is not known; read as version 9");
        found.unexamined.push(input.unexamined(UnexaminedKind::Unsupported, why));
    }
    Lock { input, root, slashes: major <= 5, v9: major >= 9 || !(5..=9).contains(&major) }.read(&mut found);
    found
}

struct Lock<'a> {
    input: &'a Input<'a>,
    root: &'a Node,
    /// Version 5: `/name/1.0.0_peers`.
    slashes: bool,
    /// Version 9: needs are in `snapshots`, `dev` is not stated.
    v9: bool,
}

impl Lock<'_> {
    fn read(&self, found: &mut Found) {
        let packages = self.root.members_of("packages");
        // in version 9 a package without snapshot would be an error of pnpm: list it all the same
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut by_identity: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (key, node) in packages {
            let stated = node.str("name").zip(node.get("version").and_then(Node::scalar));
            let parts = self.parts(key);
            let identity = match (stated, &parts) {
                (Some((name, version)), _) => Some((name.to_owned(), version.to_owned())),
                (None, Some((name, version))) => {
                    let version = node.get("version").and_then(Node::scalar).unwrap_or(version);
                    let version = if version.contains([':', '/']) { "" } else { version };
                    Some((node.str("name").unwrap_or(name).to_owned(), version.to_owned()))
                }
                (None, None) => None,
            };
            let Some((name, version)) = identity else {
                let mut what = self.input.unexamined(
                    UnexaminedKind::Malformed,
                    format!("line {}: `{key}` states no name and version", node.lines.0),
                );
                what.location.lines = Some(node.lines);
                syntax::report(&mut found.unexamined, what);
                continue;
            };
            let mut package = declared(self.input, &name, &version, Some(node.lines));
            package.dev = node.is_true("dev");
            if let Some(resolution) = node.get("resolution") {
                package.checksums = resolution.str("integrity").map(integrity).unwrap_or_default();
                if let Some(place) = resolution.str("tarball").or_else(|| resolution.str("repo")) {
                    package.extra.insert("npm.resolved".to_owned(), place.to_owned());
                }
            }
            package.extra.insert("pnpm.keys".to_owned(), key.clone());
            let at = *by_identity.entry((name, version)).or_insert(found.packages.len());
            match found.packages.get_mut(at) {
                Some(known) => {
                    merge(known, package);
                    add_to_list(known, "pnpm.keys", key, " ");
                }
                None => found.packages.push(package),
            }
            places.insert(key, at);
        }
        self.relate(&places, found);
    }

    /// Edges, directness, and in version 9 what only development needs.
    fn relate(&self, packages: &BTreeMap<&str, usize>, found: &mut Found) {
        let snapshots = if self.v9 { self.root.members_of("snapshots") } else { self.root.members_of("packages") };
        let mut places = packages.clone();
        for (key, _) in snapshots.iter().filter(|_| self.v9) {
            let base = key.split_once('(').map_or(key.as_str(), |(base, _)| base);
            if let Some(&at) = packages.get(base) {
                places.insert(key, at);
                if let Some(package) = found.packages.get_mut(at) {
                    add_to_list(package, "pnpm.keys", key, " ");
                }
            }
        }
        let mut edges = BTreeSet::new();
        for (key, node) in snapshots {
            let Some(&from) = places.get(key.as_str()) else { continue };
            for (name, version) in
                ["dependencies", "optionalDependencies"].iter().flat_map(|list| node.members_of(list))
            {
                if let Some(to) = self.find(&places, name, version).filter(|to| *to != from) {
                    edges.insert((from, to, RelationshipKind::DependsOn));
                }
            }
        }
        found.edges = edges.into_iter().collect();
        let mut needed: VecDeque<usize> = VecDeque::new();
        let mut direct: BTreeSet<usize> = BTreeSet::new();
        let importers = self.root.members_of("importers").iter().map(|(_, node)| node);
        for project in importers.chain([self.root]) {
            for (list, dev) in [("dependencies", false), ("optionalDependencies", false), ("devDependencies", true)] {
                for (name, need) in project.members_of(list) {
                    // `name: version`, or `name: {specifier, version}`
                    let Some(at) = self.find(&places, name, need.get("version").unwrap_or(need)) else { continue };
                    direct.insert(at);
                    if !dev {
                        needed.push_back(at);
                    }
                }
            }
        }
        for (at, package) in found.packages.iter_mut().enumerate() {
            package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
        }
        if self.v9 && !direct.is_empty() {
            let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (from, to, _) in &found.edges {
                next.entry(*from).or_default().push(*to);
            }
            let mut seen: BTreeSet<usize> = BTreeSet::new();
            while let Some(at) = needed.pop_front() {
                if seen.insert(at) {
                    needed.extend(next.get(&at).into_iter().flatten());
                }
            }
            for (at, package) in found.packages.iter_mut().enumerate() {
                package.dev = !seen.contains(&at);
            }
        }
    }

    /// The package that a need `name: version` is. An alias states the whole dependency path as its version.
    fn find(&self, places: &BTreeMap<&str, usize>, name: &str, version: &Node) -> Option<usize> {
        let version = match &version.value {
            Value::String(text) | Value::Number(text) => text.as_str(),
            _ => return None,
        };
        if version.starts_with("link:") {
            return None;
        }
        let candidates = match (self.slashes, self.v9) {
            (true, _) => [format!("/{name}/{version}"), version.to_owned()],
            (false, false) => [format!("/{name}@{version}"), version.to_owned()],
            (false, true) => [format!("{name}@{version}"), version.to_owned()],
        };
        candidates.iter().find_map(|key| places.get(key.as_str()).copied())
    }

    /// Name and version of a dependency path, without peers.
    fn parts(&self, key: &str) -> Option<(String, String)> {
        let key = key.strip_prefix('/').unwrap_or(key);
        let (name, version) = if self.slashes {
            // a registry's host may stand first: `registry.example/name/1.0.0`
            let scope_at = key.find('@').filter(|at| *at == 0 || key.as_bytes().get(at - 1) == Some(&b'/'));
            let key = scope_at.and_then(|at| key.get(at..)).unwrap_or(key);
            let mut parts = key.split('/');
            let first = parts.next()?;
            let rest: Vec<&str> = parts.collect();
            match (first.starts_with('@'), rest.as_slice()) {
                (true, [name, version, ..]) => (format!("{first}/{name}"), *version),
                (false, [version]) => (first.to_owned(), *version),
                (false, [name, version]) if first.contains('.') => ((*name).to_owned(), *version),
                (false, [version, ..]) => (first.to_owned(), *version),
                _ => return None,
            }
        } else {
            let key = key.split_once('(').map_or(key, |(key, _)| key);
            let from = usize::from(key.starts_with('@'));
            let at = key.get(from..)?.find('@')? + from;
            (key.get(..at)?.to_owned(), key.get(at + 1..)?)
        };
        let version = version.split(['(', '_']).next().unwrap_or_default();
        (!name.is_empty() && !version.is_empty()).then(|| (name, version.to_owned()))
    }
}
