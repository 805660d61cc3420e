//! `deno.lock`.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{
    Checksum, ChecksumAlgorithm, Directness, Package, PackageKind, Presence, RelationshipKind, UnexaminedKind,
};

use super::{Specifier, asked};
use crate::npm::{integrity, split};
use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf};

/// Reads `deno.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "deno-lock",
    claims: &[Claim::Name("deno.lock")],
    accepts: crate::npm::own_lock_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file, version 1 to 5.
///
/// Shape: version 1 is a map of addresses to hashes. Later: `remote` is that map; `npm` and `jsr` list packages as `name@version` (npm with
/// `_peer@version` behind it) with `integrity` and `dependencies`; `specifiers` map `npm:name@range` and `jsr:...` to what they resolved to, and
/// `workspace` lists the specifiers of the project. Version 2 has `npm.packages` and `npm.specifiers`, version 3 has `npm`, `jsr` and
/// `specifiers` in `packages`. Modules of the web are packages where their address tells name and version; one note tells how many do not.
/// Errors: no JSON object; a key without name or version, with its lines. Source: denoland/deno_lockfile.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::json_object(input, &mut found) else { return found };
    let version = root.get("version").and_then(Node::scalar).unwrap_or("1");
    if !matches!(version, "1" | "2" | "3" | "4" | "5") {
        let why = format!("lock file version {version} is not known; read as version 5");
        found.unexamined.push(input.unexamined(UnexaminedKind::Unsupported, why));
    }
    let inner = root.get("packages").unwrap_or(&root);
    let npm = inner.get("npm");
    let mut lock = Lock { input, places: BTreeMap::new(), found };
    lock.packages("npm", npm.map_or(&[], |npm| npm.get("packages").unwrap_or(npm).members()));
    lock.packages("jsr", inner.members_of("jsr"));
    let specifiers = match (npm.and_then(|npm| npm.get("specifiers")), version) {
        (Some(node), "2") => node.members().iter().map(|(key, node)| (format!("npm:{key}"), node)).collect(),
        _ => inner.members_of("specifiers").iter().map(|(key, node)| (key.clone(), node)).collect::<Vec<_>>(),
    };
    let resolved: BTreeMap<&str, usize> = specifiers
        .iter()
        .filter_map(|(specifier, node)| Some((specifier.as_str(), lock.resolve(specifier, node.as_str()?)?)))
        .collect();
    lock.edges("npm", npm.map_or(&[], |npm| npm.get("packages").unwrap_or(npm).members()), &resolved);
    lock.edges("jsr", inner.members_of("jsr"), &resolved);
    lock.directness(root.get("workspace"), &resolved);
    lock.remote(if version == "1" { root.members() } else { root.members_of("remote") });
    lock.found
}

struct Lock<'a> {
    input: &'a Input<'a>,
    /// Places by registry and key without peers.
    places: BTreeMap<(&'static str, String), usize>,
    found: Found,
}

impl Lock<'_> {
    fn packages(&mut self, registry: &'static str, members: &[(String, Node)]) {
        let kind = if registry == "npm" { PackageKind::Npm } else { PackageKind::Jsr };
        for (key, node) in members {
            let base = without_peers(key);
            let Some((name, version)) = split(base).filter(|(_, version)| !version.is_empty()) else {
                document::malformed(self.input, &mut self.found, node.lines, "a package without name or version");
                continue;
            };
            let mut package = self.declared(kind, name, version, node.lines);
            package.checksums = match node.str("integrity") {
                Some(hex) if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    vec![Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_ascii_lowercase() }]
                }
                text => text.map(integrity).unwrap_or_default(),
            };
            if let Some(archive) = node.str("tarball") {
                package.extra.insert("npm.resolved".to_owned(), archive.to_owned());
            }
            let place = self.found.packages.len();
            // several sets of peers are one package
            match self.places.entry((registry, base.to_owned())) {
                std::collections::btree_map::Entry::Occupied(known) => {
                    let known = self.found.packages.get_mut(*known.get());
                    known.into_iter().for_each(|known| known.locations.append(&mut package.locations));
                }
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert(place);
                    self.found.packages.push(package);
                }
            }
        }
    }

    fn declared(&self, kind: PackageKind, name: &str, version: &str, lines: (u32, u32)) -> Package {
        let mut package = self.input.package(kind, name, version);
        package.presence = Presence::Declared;
        package.locations = vec![self.input.location.at_lines(lines.0, lines.1)];
        package
    }

    fn place(&self, registry: &'static str, key: &str) -> Option<usize> {
        self.places.get(&(registry, without_peers(key).to_owned())).copied()
    }

    /// What a specifier resolved to: `1.0.0`, or (to version 3) `npm:name@1.0.0`, `name@1.0.0`.
    fn resolve(&self, specifier: &str, target: &str) -> Option<usize> {
        let (registry, asked) = match specifier.split_once(':')? {
            ("npm", asked) => ("npm", asked),
            ("jsr", asked) => ("jsr", asked),
            _ => return None,
        };
        let target = target.strip_prefix(registry).and_then(|rest| rest.strip_prefix(':')).unwrap_or(target);
        let name = split(asked).map_or(asked, |(name, _)| name);
        self.place(registry, target).or_else(|| self.place(registry, &format!("{name}@{target}")))
    }

    fn edges(&mut self, registry: &'static str, members: &[(String, Node)], resolved: &BTreeMap<&str, usize>) {
        let mut names: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for ((of, key), place) in &self.places {
            if let Some((name, _)) = split(key).filter(|_| *of == registry) {
                names.entry(name).or_default().push(*place);
            }
        }
        let mut edges: BTreeSet<_> = self.found.edges.iter().copied().collect();
        for (key, node) in members {
            let Some(from) = self.place(registry, key) else { continue };
            for list in ["dependencies", "optionalDependencies"].iter().filter_map(|list| node.get(list)) {
                // a map to `name@version` (to version 3), or a list of `name`, `name@version`, `alias@npm:name@version`, `jsr:...`
                let needs = list.members().iter().filter_map(|(_, need)| need.as_str());
                for need in needs.chain(list.items().iter().filter_map(Node::as_str)) {
                    let real = need.split_once("@npm:").map_or(need, |(_, real)| real);
                    let only = || {
                        let bare = real.rsplit_once(':').map_or(real, |(_, bare)| bare);
                        names.get(bare).filter(|all| all.len() == 1).and_then(|all| all.first().copied())
                    };
                    let to = resolved.get(need).copied().or_else(|| self.place(registry, real)).or_else(only);
                    edges.extend(to.filter(|to| *to != from).map(|to| (from, to, RelationshipKind::DependsOn)));
                }
            }
        }
        self.found.edges = edges.into_iter().collect();
    }

    /// The project names what `workspace` lists; before, every specifier is one of the project.
    fn directness(&mut self, workspace: Option<&Node>, resolved: &BTreeMap<&str, usize>) {
        let mut direct: BTreeSet<usize> = BTreeSet::new();
        if let Some(workspace) = workspace {
            let members = workspace.members_of("members").iter().map(|(_, member)| member);
            for node in std::iter::once(workspace).chain(members) {
                let lists =
                    [node.get("dependencies"), node.get("packageJson").and_then(|node| node.get("dependencies"))];
                let named = lists.into_iter().flatten().flat_map(Node::items).filter_map(Node::as_str);
                direct.extend(named.filter_map(|specifier| resolved.get(specifier).copied()));
            }
        }
        if direct.is_empty() {
            return;
        }
        for (at, package) in self.found.packages.iter_mut().enumerate() {
            package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
        }
    }

    fn remote(&mut self, members: &[(String, Node)]) {
        let mut seen: BTreeMap<(PackageKind, String, String), usize> = BTreeMap::new();
        for (at, package) in self.found.packages.iter().enumerate() {
            seen.insert((package.kind, package.name.clone(), package.version.clone()), at);
        }
        let (mut nameless, mut lines) = (0u32, None);
        for (address, node) in members.iter().filter(|(address, _)| address.contains("://")) {
            let specifier = Specifier::parse(address).filter(|specifier| !specifier.range.is_empty());
            let Some(specifier) = specifier else {
                nameless = nameless.saturating_add(1);
                lines = lines.or(Some(node.lines));
                continue;
            };
            let package = asked(self.input, &specifier, address, node.lines);
            let identity = (package.kind, package.name.clone(), package.version.clone());
            // a module is many files: the first stands for it
            seen.entry(identity).or_insert_with(|| {
                self.found.packages.push(package);
                self.found.packages.len() - 1
            });
        }
        if let Some(lines) = lines {
            let why = format!("{nameless} modules of the web whose addresses tell no name and version");
            document::note(self.input, &mut self.found, lines, UnexaminedKind::Unresolved, &why);
        }
    }
}

/// `react-dom@18.2.0_react@18.2.0` -> `react-dom@18.2.0`. A name may hold `_`, a version does not.
fn without_peers(key: &str) -> &str {
    let Some((name, rest)) = split(key) else { return key };
    let version = rest.split('_').next().unwrap_or_default();
    key.get(..name.len() + 1 + version.len()).unwrap_or(key)
}
