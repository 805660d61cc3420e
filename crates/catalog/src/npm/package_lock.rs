//! npm's `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, Package, RelationshipKind, UnexaminedKind};

use super::{declared, integrity, licenses, merge};
use crate::syntax::{self, Node, Value, document, json};
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
    let mut found = Found::default();
    let mut tree = Tree { input, entries: BTreeMap::new(), links: BTreeMap::new(), broken: Vec::new() };
    let mut listed = false;
    let text = syntax::text(input.bytes);
    let read = json::parse_streamed(&text, "packages", "dependencies", |path, node| {
        listed = true;
        tree.place(path, &node);
    });
    let Some(root) = document::object(input, read, &mut found) else { return found };
    match listed {
        true => tree.name(root.str("name").unwrap_or_default()),
        false => tree.nested("", &root, false, 0),
    }
    for line in std::mem::take(&mut tree.broken) {
        syntax::report(
            &mut found.unexamined,
            malformed(format!("line {line}: expected an object that describes a package")),
        );
    }
    tree.build(&mut found);
    found
}

/// All places of the lock file.
struct Tree<'a> {
    input: &'a Input<'a>,
    entries: BTreeMap<String, Entry>,
    /// `link: true` places, and the directory to which each leads.
    links: BTreeMap<String, String>,
    broken: Vec<u32>,
}

struct Entry {
    directness: Directness,
    /// Names that it needs; of the project and its workspaces those for development, too.
    needs: Vec<String>,
    /// Behind a pointer: it is moved out when all places are known.
    package: Option<Box<Package>>,
}

impl Tree<'_> {
    /// Versions 2 and 3: a member of `packages`.
    fn place(&mut self, path: String, node: &Node) {
        if !matches!(node.value, Value::Object(_)) {
            self.broken.push(node.lines.0);
            return;
        }
        if node.is_true("link") {
            if let Some(target) = node.str("resolved") {
                self.links.insert(path, target.to_owned());
            }
            return;
        }
        let by_path = name_of_path(&path);
        let directness = match (path.as_str(), by_path) {
            ("", _) => Directness::Root,
            (_, Some(_)) => Directness::Unknown,
            (_, None) => Directness::Workspace,
        };
        let stated = node.str("name").filter(|name| !name.is_empty());
        let name = stated.or(by_path).unwrap_or_default();
        let alias = by_path.filter(|by_path| *by_path != name);
        let lists: &[&str] = match directness {
            Directness::Unknown => &["dependencies", "optionalDependencies", "peerDependencies"],
            _ => &["dependencies", "optionalDependencies", "peerDependencies", "devDependencies"],
        };
        let identity = (name, node.str("version").unwrap_or_default());
        let entry = self.entry(node, identity, alias, (directness, node.is_true("dev")), lists);
        self.entries.insert(path, entry);
    }

    /// Names that a place does not state itself: of the project from the head of the file, of a workspace from the link to it or its directory.
    fn name(&mut self, project: &str) {
        let targets: BTreeMap<&String, &String> = self.links.iter().map(|(link, target)| (target, link)).collect();
        for (path, entry) in &mut self.entries {
            let Some(package) = entry.package.as_mut().filter(|package| package.name.is_empty()) else { continue };
            let linked = || targets.get(path).and_then(|link| name_of_path(link));
            let name = match path.as_str() {
                "" => project,
                path => linked().unwrap_or(path.rsplit('/').next().unwrap_or_default()),
            };
            package.name = name.to_owned();
        }
    }

    fn entry(
        &self,
        node: &Node,
        (name, version): (&str, &str),
        alias: Option<&str>,
        (directness, dev): (Directness, bool),
        lists: &[&str],
    ) -> Entry {
        let lines = (directness != Directness::Root).then_some(node.lines);
        let mut package = declared(self.input, name, version, lines);
        package.directness = directness;
        package.dev = dev;
        package.licenses = licenses(node);
        package.checksums = node.str("integrity").map(integrity).unwrap_or_default();
        package.extra.extend(node.str("resolved").map(|resolved| ("npm.resolved".to_owned(), resolved.to_owned())));
        package.extra.extend(alias.map(|alias| ("npm.alias".to_owned(), alias.to_owned())));
        let needs = lists.iter().flat_map(|list| node.members_of(list)).map(|(name, _)| name.clone()).collect();
        package.licenses.shrink_to_fit();
        package.checksums.shrink_to_fit();
        Entry { directness, needs, package: Some(Box::new(package)) }
    }

    /// Version 1, turned into the paths of version 3. The reader of JSON bounds the depth.
    fn nested(&mut self, prefix: &str, node: &Node, dev: bool, depth: usize) {
        for (key, node) in node.members_of("dependencies") {
            if !matches!(node.value, Value::Object(_)) {
                self.broken.push(node.lines.0);
                continue;
            }
            let written = node.str("version").unwrap_or_default();
            let aliased = written.strip_prefix("npm:").and_then(|target| target.rsplit_once('@'));
            let (name, version, alias) = match aliased {
                Some((name, version)) => (name, version, Some(key.as_str())),
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
            let entry = self.entry(node, (name, version), alias, (Directness::Unknown, dev), &["requires"]);
            self.entries.insert(path, entry);
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

    /// What the package at `path` needs, by place.
    fn needs<'t>(&'t self, path: &'t str, entry: &'t Entry) -> impl Iterator<Item = &'t str> {
        entry.needs.iter().filter_map(move |name| self.resolve(path, name))
    }

    fn build(mut self, found: &mut Found) {
        // the packages go out of their places, which are still needed to find each other
        let packages: Vec<Option<Box<Package>>> = self.entries.values_mut().map(|entry| entry.package.take()).collect();
        let mut place: BTreeMap<&str, usize> = BTreeMap::new();
        let mut directs: BTreeSet<&str> = BTreeSet::new();
        let mut has_project = false;
        for (path, entry) in &self.entries {
            if matches!(entry.directness, Directness::Root | Directness::Workspace) {
                has_project |= entry.directness == Directness::Root;
                directs.extend(self.needs(path, entry));
            }
        }
        let mut by_identity: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (path, package) in self.entries.keys().zip(packages) {
            let Some(mut package) = package.filter(|package| !package.name.is_empty()).map(|package| *package) else {
                continue;
            };
            if has_project && package.directness == Directness::Unknown {
                let direct = directs.contains(path.as_str());
                package.directness = if direct { Directness::Direct } else { Directness::Indirect };
            }
            let identity = (package.name.clone(), package.version.clone());
            let at = *by_identity.entry(identity).or_insert(found.packages.len());
            match found.packages.get_mut(at) {
                Some(known) => merge(known, package),
                None => found.packages.push(package),
            }
            place.insert(path, at);
        }
        drop(by_identity);
        let mut edges = BTreeSet::new();
        for (path, entry) in &self.entries {
            let Some(&from) = place.get(path.as_str()) else { continue };
            let needs = self.needs(path, entry).filter_map(|need| place.get(need));
            edges.extend(needs.filter(|to| **to != from).map(|to| (from, *to, RelationshipKind::DependsOn)));
        }
        found.edges = edges.into_iter().collect();
    }
}

fn name_of_path(path: &str) -> Option<&str> {
    path.rsplit_once("node_modules/").map(|(_, name)| name)
}
