//! `*.deps.json`: what an application was published with.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, PackageKind, RelationshipKind, UnexaminedKind};

use super::{folded, object_of, sha512, split_key};
use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf, Owner};

/// Reads `*.deps.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "dotnet-deps",
    claims: &[Claim::Suffix(".deps.json")],
    accepts: crate::any_path,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// What the SDK puts before the name of a runtime that is deployed with the application.
const RUNTIME_PACK: &str = "runtimepack.";

fn read(input: &Input<'_>) -> Found {
    read_text(input, &syntax::text(input.bytes))
}

/// Reads a dependency manifest, wherever it was found: in a file of its own, or inside a single-file program.
///
/// Shape: `libraries` by `Name/Version` with `type` (`project`, `package`, `runtimepack`, `reference`, ...) and `sha512`; `targets` by
/// framework with the assets and needs of each; `runtimeTarget.name` says which target counts.
/// A package of which the target deploys nothing (reference assemblies, packages that only name others) is no component of the
/// application: it is left out, and needs go through it. Without the target all are kept.
/// Errors: no JSON object; a name without a version.
/// Source: dotnet/runtime:docs/design/features/host-component-dependencies-resolution.md, dotnet/sdk:documentation/specs/runtime-configuration-file.md.
pub(super) fn read_text(input: &Input<'_>, text: &str) -> Found {
    let malformed = |why: String| input.unexamined(UnexaminedKind::Malformed, why);
    let root = match object_of(text) {
        Ok(root) => root,
        Err(why) => return Found::unexamined(malformed(why)),
    };
    let libraries = root.members_of("libraries");
    if root.get("libraries").is_none() && root.get("targets").is_none() {
        return Found::unexamined(malformed("neither libraries nor targets".to_owned()));
    }
    let target = Target::of(&root);
    let mut found = Found::default();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut projects: Vec<usize> = Vec::new();
    for (key, library) in libraries {
        let Some((name, version)) = split_key(key) else {
            let what = malformed(format!("line {}: `{key}` has no name or no version", library.lines.0));
            syntax::report(&mut found.unexamined, what);
            continue;
        };
        let kind = library.str("type").unwrap_or_default().to_ascii_lowercase();
        let known = matches!(kind.as_str(), "project" | "package" | "runtimepack");
        let entry = target.libraries.get(&folded(key)).copied();
        let deploys = kind == "project" || target.libraries.is_empty() || entry.is_none_or(has_assets);
        if !known || !deploys {
            continue;
        }
        let mut package = input.package(PackageKind::Nuget, name.strip_prefix(RUNTIME_PACK).unwrap_or(name), version);
        if input.binary.is_none() {
            package.locations = vec![input.location.at_lines(library.lines.0, library.lines.1)];
        }
        package.checksums.extend(library.str("sha512").and_then(sha512));
        package.extra.insert("dotnet.type".to_owned(), kind.clone());
        let place = found.packages.len();
        if kind == "project" {
            package.directness = Directness::Workspace;
            projects.push(place);
        }
        // the files of a single-file program lie inside of it
        let beside = entry.filter(|_| input.binary.is_none());
        if let Some(files) = beside.map(|entry| files(input, entry)).filter(|files| !files.is_empty()) {
            found.owns.push((Owner::Here(place), files));
        }
        found.packages.push(package);
        places.insert(folded(key), place);
    }
    target.connect(&mut found, &places, &projects);
    found
}

/// The target that the application runs as.
#[derive(Default)]
struct Target<'a> {
    /// By folded key.
    libraries: BTreeMap<String, &'a Node>,
}

impl<'a> Target<'a> {
    fn of(root: &'a Node) -> Target<'a> {
        let runtime = root.get("runtimeTarget");
        let name = runtime.and_then(|node| node.str("name").or_else(|| node.as_str())).unwrap_or_default();
        let libraries = root.get("targets").map_or(&[][..], |targets| targets.members_of(name));
        Target { libraries: libraries.iter().map(|(key, node)| (folded(key), node)).collect() }
    }

    /// The keys that a library needs.
    fn needs(&self, key: &str) -> Vec<String> {
        let node = self.libraries.get(key);
        let needs = node.map_or(&[][..], |node| node.members_of("dependencies"));
        needs.iter().filter_map(|(name, version)| Some(folded(&format!("{name}/{}", version.as_str()?)))).collect()
    }

    /// Edges, through what was left out, and what the root project needs itself.
    fn connect(&self, found: &mut Found, places: &BTreeMap<String, usize>, projects: &[usize]) {
        let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut named: BTreeSet<usize> = BTreeSet::new();
        let mut direct: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        // A package that is left out leads on; each such is walked through once for each library that needs it.
        let mut steps = 1_000_000usize;
        for (key, from) in places {
            let mut queue: Vec<(String, bool)> = self.needs(key).into_iter().map(|need| (need, true)).collect();
            let mut seen: BTreeSet<String> = BTreeSet::new();
            while let Some((need, own)) = queue.pop() {
                steps = steps.saturating_sub(1);
                if steps == 0 || !seen.insert(need.clone()) {
                    continue;
                }
                match places.get(&need) {
                    Some(to) if to == from => {}
                    Some(to) => {
                        edges.insert((*from, *to));
                        named.insert(*to);
                        if own {
                            direct.entry(*from).or_default().insert(*to);
                        }
                    }
                    None => queue.extend(self.needs(&need).into_iter().map(|need| (need, false))),
                }
            }
        }
        let mut roots = projects.iter().filter(|project| !named.contains(project));
        if let (Some(root), None) = (roots.next(), roots.next()) {
            let needs = direct.get(root).cloned().unwrap_or_default();
            for (at, package) in found.packages.iter_mut().enumerate() {
                package.directness = match package.directness {
                    Directness::Workspace if at == *root => Directness::Root,
                    Directness::Workspace => Directness::Workspace,
                    // a root that needs nothing is a manifest that was cut
                    known if needs.is_empty() => known,
                    _ if needs.contains(&at) => Directness::Direct,
                    _ => Directness::Indirect,
                };
            }
        }
        found.edges = edges.into_iter().map(|(from, to)| (from, to, RelationshipKind::DependsOn)).collect();
    }
}

/// Members of a target's library that list files which are deployed.
const ASSETS: [&str; 4] = ["runtime", "native", "runtimeTargets", "resources"];

fn has_assets(library: &Node) -> bool {
    ASSETS.iter().any(|list| !library.members_of(list).is_empty())
}

/// Paths of the deployed files: assets of the application's own platform lie flat beside the manifest, those of a language in a directory
/// of its name, those of other platforms as the package has them.
fn files(input: &Input<'_>, library: &Node) -> Vec<String> {
    let directory = input.path().rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut files = BTreeSet::new();
    for list in ASSETS {
        for (asset, facts) in library.members_of(list) {
            let name = asset.rsplit('/').next().unwrap_or(asset);
            let below = match (list, facts.str("locale")) {
                ("resources", Some(locale)) => format!("{locale}/{name}"),
                ("runtimeTargets", _) => asset.clone(),
                _ => name.to_owned(),
            };
            if !name.is_empty() && name != "_._" && !below.split('/').any(|part| part == "..") {
                files.insert(if directory.is_empty() { below } else { format!("{directory}/{below}") });
            }
        }
    }
    files.into_iter().collect()
}
