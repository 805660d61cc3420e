//! bun's lock file in text, `bun.lock`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use signet_model::{Directness, Package, RelationshipKind, UnexaminedKind};

use super::{declared, integrity, merge, split};
use crate::project::reach;
use crate::syntax::{Node, Value, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `bun.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "bun-lock",
    claims: &[Claim::Name("bun.lock")],
    accepts: super::own_lock_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Longest key that is believed: places in a tree of npm stay far below. It bounds the work of looking upward.
const KEY: usize = 1024;

/// Reads a lock file, version 0 or 1.
///
/// Shape: JSON with trailing commas; `workspaces` by directory (the project at the empty one) with name, version and needs by list;
/// `packages` by place in the tree (`a/b` is the `b` that only `a` sees): a list of `name@version`, and by kind of source a registry or tag,
/// an object with needs, and an integrity hash. What comes from a repository, archive or directory states no version.
/// Errors: no JSON; no `lockfileVersion`; an entry that is no list or begins with no `name@`, with its lines.
/// Source: bun.sh/docs/install/lockfile; oven-sh/bun:src/install/lockfile/bun.lock.zig.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::jsonc_object(input, &mut found) else { return found };
    match root.get("lockfileVersion").map(|node| &node.value) {
        Some(Value::Number(version)) if matches!(version.as_str(), "0" | "1") => {}
        Some(Value::Number(version)) => {
            let why = format!("lock file version {version} is not known; read as version 1");
            found.unexamined.push(input.unexamined(UnexaminedKind::Unsupported, why));
        }
        _ => {
            let why = "`lockfileVersion` is not a number";
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
            return found;
        }
    }
    let mut lock = Lock::default();
    lock.workspaces(input, &root, &mut found);
    for (key, node) in root.members_of("packages") {
        if let Err(why) = lock.entry(input, key, node, &mut found) {
            document::malformed(input, &mut found, node.lines, why);
        }
    }
    lock.relate(&mut found);
    found
}

#[derive(Default)]
struct Lock<'a> {
    /// Places of packages by key.
    keys: BTreeMap<&'a str, usize>,
    by_identity: BTreeMap<(String, String), usize>,
    /// Place of a workspace's package by its directory.
    directories: BTreeMap<&'a str, usize>,
    /// Key prefix in which a workspace looks for its needs, its package if it has a name, and the needs.
    projects: Vec<(&'a str, Option<usize>, &'a Node)>,
    /// Package and needs by key.
    entries: Vec<(&'a str, usize, &'a Node)>,
}

impl<'a> Lock<'a> {
    fn workspaces(&mut self, input: &Input<'_>, root: &'a Node, found: &mut Found) {
        for (directory, node) in root.members_of("workspaces") {
            let name = node.str("name").unwrap_or_default();
            let project = directory.is_empty();
            let mut place = None;
            if !name.is_empty() {
                let lines = (!project).then_some(node.lines);
                let mut package = declared(input, name, node.str("version").unwrap_or_default(), lines);
                package.directness = if project { Directness::Root } else { Directness::Workspace };
                place = Some(self.add(package, found));
                self.directories.extend(place.map(|place| (directory.as_str(), place)));
            }
            // versions that only one workspace sees stand below its name
            self.projects.push((if project { "" } else { name }, place, node));
        }
    }

    fn add(&mut self, package: Package, found: &mut Found) -> usize {
        let identity = (package.name.clone(), package.version.clone());
        let at = *self.by_identity.entry(identity).or_insert(found.packages.len());
        match found.packages.get_mut(at) {
            Some(known) => merge(known, package),
            None => found.packages.push(package),
        }
        at
    }

    fn entry(
        &mut self,
        input: &Input<'_>,
        key: &'a str,
        node: &'a Node,
        found: &mut Found,
    ) -> Result<(), &'static str> {
        let first = node.items().first().ok_or("expected a list that describes a package")?;
        let resolution = first.as_str().ok_or("the first item of a package is not a text")?;
        let (name, source) = split(resolution).ok_or("the first item of a package is not `name@version`")?;
        if key.len() > KEY {
            return Err("a package lies too deep");
        }
        if let Some(directory) = source.strip_prefix("workspace:") {
            if let Some(place) = self.directories.get(directory) {
                self.keys.insert(key, *place);
                return Ok(());
            }
        } else if source == "root:" {
            if let Some(place) = self.directories.get("") {
                self.keys.insert(key, *place);
            }
            return Ok(());
        }
        let version = if source.contains([':', '/']) { "" } else { source };
        let mut package = declared(input, name, version, Some(node.lines));
        let texts = || node.items().iter().skip(1).filter_map(Node::as_str);
        package.checksums = texts().next_back().map(integrity).unwrap_or_default();
        let resolved = if version.is_empty() { Some(source) } else { texts().next().filter(|text| text.contains(':')) };
        if let Some(resolved) = resolved.filter(|text| !text.is_empty()) {
            package.extra.insert("npm.resolved".to_owned(), resolved.to_owned());
        }
        if last_name(key) != name {
            package.extra.insert("npm.alias".to_owned(), last_name(key).to_owned());
        }
        let place = self.add(package, found);
        self.keys.insert(key, place);
        if let Some(needs) = node.items().iter().find(|item| matches!(item.value, Value::Object(_))) {
            self.entries.push((key, place, needs));
        }
        Ok(())
    }

    /// The package that a need of the package at `key` means: the nearest on the way up.
    fn resolve(&self, key: &str, need: &str) -> Option<usize> {
        let mut above = key;
        loop {
            let candidate = if above.is_empty() { need.to_owned() } else { format!("{above}/{need}") };
            if let Some(place) = self.keys.get(candidate.as_str()) {
                return Some(*place);
            }
            if above.is_empty() {
                return None;
            }
            above = parent(above);
        }
    }

    /// Edges; and from the project and its workspaces on, what is direct and what only development needs.
    fn relate(&self, found: &mut Found) {
        const USED: [&str; 3] = ["dependencies", "optionalDependencies", "peerDependencies"];
        let places = |key: &str, node: &Node, lists: &[&str]| -> Vec<usize> {
            let names = lists.iter().flat_map(|list| node.members_of(list));
            names.filter_map(|(name, _)| self.resolve(key, name)).collect()
        };
        let mut edges = BTreeSet::new();
        for (key, from, node) in &self.entries {
            let needs = places(key, node, &USED);
            edges.extend(needs.into_iter().filter(|to| to != from).map(|to| (*from, to, RelationshipKind::DependsOn)));
        }
        let (mut direct, mut queue) = (BTreeSet::new(), VecDeque::new());
        let mut own = Vec::new();
        for (key, place, node) in &self.projects {
            let (used, dev) = (places(key, node, &USED), places(key, node, &["devDependencies"]));
            direct.extend(used.iter().chain(&dev).copied());
            queue.extend(used.iter().copied());
            let ends = used.into_iter().chain(dev);
            if let Some(from) = *place {
                own.extend(ends.filter(|to| *to != from).map(|to| (from, to, RelationshipKind::DependsOn)));
            }
        }
        // the members of a workspace begin on their own, so their edges are not followed
        let used = reach(&edges.iter().copied().collect::<Vec<_>>(), queue);
        for (at, package) in found.packages.iter_mut().enumerate() {
            if package.directness == Directness::Unknown {
                package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
                package.dev = !used.contains(&at);
            }
        }
        edges.extend(own);
        found.edges = edges.into_iter().collect();
    }
}

/// `a/@s/b` -> `a`; `@s/b` -> the top.
fn parent(key: &str) -> &str {
    let above = key.rsplit_once('/').map_or("", |(above, _)| above);
    let last = above.rsplit('/').next().unwrap_or_default();
    match last.starts_with('@') {
        true => above.strip_suffix(last).unwrap_or_default().trim_end_matches('/'),
        false => above,
    }
}

/// `a/@s/b` -> `@s/b`.
fn last_name(key: &str) -> &str {
    key.get(parent(key).len()..).unwrap_or_default().trim_start_matches('/')
}
