//! npm's `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, Package, RelationshipKind, UnexaminedKind};

use super::{declared, integrity, licenses, merge};
use crate::syntax::{self, Node, Value, json};
use crate::{Claim, Found, Input, Leaf};

/// Reads npm's lock files.
pub(crate) static LEAF: Leaf = Leaf {
    id: "npm-lock",
    claims: &[Claim::Name("package-lock.json"), Claim::Name("npm-shrinkwrap.json")],
    accepts: super::own_lock_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Directories above a package in which a dependency is looked for; npm's deepest trees have about thirty.
const ANCESTORS: usize = 64;

/// Longest path of a place that is believed: trees of npm stay far below. It bounds the work of looking upward.
const PATH: usize = 1024;

/// Reads a lock file.
///
/// Shape: version 1 nests `dependencies`; versions 2 and 3 list `packages` by path (`node_modules/a/node_modules/b`), with the project
/// at the empty path and workspaces at paths without `node_modules`. Version 2 holds both; `packages` is used.
/// One package per name and version: places of the same one are joined, their lines kept.
/// Errors: no JSON, or neither of the two members. An entry that is no object is reported with its line.
/// Source: docs.npmjs.com/cli/configuring-npm/package-lock-json.
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| input.unexamined(UnexaminedKind::Malformed, why);
    let root = match json::parse(&syntax::text(input.bytes)) {
        Ok(root) if matches!(root.value, Value::Object(_)) => root,
        Ok(_) => return Found::unexamined(malformed("expected an object".to_owned())),
        Err(error) => return Found::unexamined(malformed(format!("no JSON: {error}"))),
    };
    let mut tree = Tree::default();
    let mut found = Found::default();
    match root.get("packages") {
        Some(packages) if !packages.members().is_empty() => tree.flat(&root, packages),
        _ => {
            tree.v1 = true;
            tree.nested("", &root, false, 0);
        }
    }
    for line in std::mem::take(&mut tree.broken) {
        syntax::report(
            &mut found.unexamined,
            malformed(format!("line {line}: expected an object that describes a package")),
        );
    }
    tree.build(input, &mut found);
    found
}

/// All places of the lock file.
#[derive(Default)]
struct Tree<'a> {
    entries: BTreeMap<String, Entry<'a>>,
    /// `link: true` places, and the directory to which each leads.
    links: BTreeMap<String, String>,
    /// Whether it is version 1, where `dependencies` are nested packages and `requires` are needs.
    v1: bool,
    broken: Vec<u32>,
}

struct Entry<'a> {
    name: String,
    version: String,
    directness: Directness,
    dev: bool,
    alias: Option<String>,
    node: &'a Node,
}

impl<'a> Tree<'a> {
    /// Versions 2 and 3.
    fn flat(&mut self, root: &'a Node, packages: &'a Node) {
        for (path, node) in packages.members() {
            if let Some(target) = node.str("resolved").filter(|_| node.is_true("link")) {
                self.links.insert(path.clone(), target.to_owned());
            }
        }
        let targets: BTreeMap<String, String> =
            self.links.iter().map(|(link, target)| (target.clone(), link.clone())).collect();
        for (path, node) in packages.members() {
            if !matches!(node.value, Value::Object(_)) {
                self.broken.push(node.lines.0);
                continue;
            }
            if node.is_true("link") {
                continue;
            }
            let stated = node.str("name").filter(|name| !name.is_empty());
            let by_path = path.rsplit_once("node_modules/").map(|(_, name)| name);
            let linked = || targets.get(path).and_then(|link| name_of_path(link));
            let (name, directness) = match (path.as_str(), by_path) {
                ("", _) => (stated.or_else(|| root.str("name")).unwrap_or_default(), Directness::Root),
                (_, Some(name)) => (stated.unwrap_or(name), Directness::Unknown),
                (path, None) => {
                    let last = path.rsplit('/').next().unwrap_or_default();
                    (stated.or_else(linked).unwrap_or(last), Directness::Workspace)
                }
            };
            let alias = by_path.filter(|by_path| *by_path != name).map(str::to_owned);
            let version = node.str("version").unwrap_or_default().to_owned();
            self.entries.insert(
                path.clone(),
                Entry { name: name.to_owned(), version, directness, dev: node.is_true("dev"), alias, node },
            );
        }
    }

    /// Version 1, turned into the paths of version 3. The reader of JSON bounds the depth.
    fn nested(&mut self, prefix: &str, node: &'a Node, dev: bool, depth: usize) {
        for (key, node) in node.members_of("dependencies") {
            if !matches!(node.value, Value::Object(_)) {
                self.broken.push(node.lines.0);
                continue;
            }
            let written = node.str("version").unwrap_or_default();
            let aliased = written.strip_prefix("npm:").and_then(|target| target.rsplit_once('@'));
            let (name, version, alias) = match aliased {
                Some((name, version)) => (name, version, Some(key.clone())),
                // a path or an address is no version
                None if written.contains(':') => (key.as_str(), "", None),
                None => (key.as_str(), written, None),
            };
            let path = format!("{prefix}node_modules/{key}");
            if path.len() > PATH {
                self.broken.push(node.lines.0);
                continue;
            }
            // what lies inside of a development package is there for it alone
            let dev = dev || node.is_true("dev");
            if depth < ANCESTORS {
                self.nested(&format!("{path}/"), node, dev, depth + 1);
            } else if !node.members_of("dependencies").is_empty() {
                self.broken.push(node.lines.0);
            }
            let (name, version) = (name.to_owned(), version.to_owned());
            self.entries.insert(path, Entry { name, version, directness: Directness::Unknown, dev, alias, node });
        }
    }

    /// Where a package at `path` finds `name`: in the `node_modules` of its own directory, or of one above.
    fn resolve(&self, path: &str, name: &str) -> Option<&str> {
        if path.len() + name.len() > PATH {
            return None;
        }
        let mut directory = Some(path);
        for _ in 0..ANCESTORS {
            let here = directory?;
            if here != "node_modules" && !here.ends_with("/node_modules") {
                let candidate = match here {
                    "" => format!("node_modules/{name}"),
                    _ => format!("{here}/node_modules/{name}"),
                };
                let candidate = self.links.get(&candidate).unwrap_or(&candidate);
                if let Some((path, _)) = self.entries.get_key_value(candidate) {
                    return Some(path);
                }
            }
            directory = match here.rsplit_once('/') {
                Some((parent, _)) => Some(parent),
                None if here.is_empty() => None,
                None => Some(""),
            };
        }
        None
    }

    /// What the package at `path` needs; development needs only of the project and its workspaces.
    fn needs(&self, path: &str, entry: &Entry<'a>) -> Vec<&str> {
        let project = matches!(entry.directness, Directness::Root | Directness::Workspace);
        let lists: &[&str] = match project {
            true => &["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"],
            false => &["dependencies", "optionalDependencies", "peerDependencies"],
        };
        let lists = if self.v1 { &["requires"][..] } else { lists };
        lists
            .iter()
            .flat_map(|list| entry.node.members_of(list))
            .filter_map(|(name, _)| self.resolve(path, name))
            .collect()
    }

    fn build(&self, input: &Input<'_>, found: &mut Found) {
        let mut by_identity: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut place: BTreeMap<&str, usize> = BTreeMap::new();
        let mut directs: BTreeSet<&str> = BTreeSet::new();
        let mut has_project = false;
        for (path, entry) in &self.entries {
            if matches!(entry.directness, Directness::Root | Directness::Workspace) {
                has_project |= entry.directness == Directness::Root;
                directs.extend(self.needs(path, entry));
            }
        }
        for (path, entry) in &self.entries {
            if entry.name.is_empty() {
                continue;
            }
            let mut package = self.package(input, entry);
            if has_project && package.directness == Directness::Unknown {
                let direct = directs.contains(path.as_str());
                package.directness = if direct { Directness::Direct } else { Directness::Indirect };
            }
            let at = *by_identity.entry((&entry.name, &entry.version)).or_insert(found.packages.len());
            match found.packages.get_mut(at) {
                Some(known) => merge(known, package),
                None => found.packages.push(package),
            }
            place.insert(path, at);
        }
        let mut edges = BTreeSet::new();
        for (path, entry) in &self.entries {
            let Some(&from) = place.get(path.as_str()) else { continue };
            let needs = self.needs(path, entry).into_iter().filter_map(|need| place.get(need));
            edges.extend(needs.filter(|to| **to != from).map(|to| (from, *to, RelationshipKind::DependsOn)));
        }
        found.edges = edges.into_iter().collect();
    }

    fn package(&self, input: &Input<'_>, entry: &Entry<'a>) -> Package {
        let node = entry.node;
        let lines = (entry.directness != Directness::Root).then_some(node.lines);
        let mut package = declared(input, &entry.name, &entry.version, lines);
        package.directness = entry.directness;
        package.dev = entry.dev;
        package.licenses = licenses(node);
        package.checksums = node.str("integrity").map(integrity).unwrap_or_default();
        if let Some(resolved) = node.str("resolved") {
            package.extra.insert("npm.resolved".to_owned(), resolved.to_owned());
        }
        if let Some(alias) = &entry.alias {
            package.extra.insert("npm.alias".to_owned(), alias.clone());
        }
        package
    }
}

fn name_of_path(path: &str) -> Option<&str> {
    path.rsplit_once("node_modules/").map(|(_, name)| name)
}
