//! The rules for each pair of files.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use signet_model::{Digest, Directness, Package, RelationshipKind};

use super::{Manifest, Need, dotnet};
use crate::python::{by_name, normalize};
use crate::{FileRecord, Found};

/// Directories with a lock file that are settled with the manifests of workspace members; a workspace has at most some thousands.
const MEMBERS: usize = 10_000;

/// Lets the files of each directory complete each other.
///
/// `npm-shrinkwrap.json` goes before `package-lock.json`; `package.json`, `pyproject.toml` and `Cargo.toml` tell the lock file beside them
/// what is direct and what only development needs, and list their needs themselves only without one; Maven's projects are put together; hashes of
/// `go.sum` go to the modules of `go.mod`, and the rest of it is dropped where `go.mod` lists everything. Manifests and copies give way to what is
/// beside them ([`super::precedence`], [`super::superseded`]). Files without a partner stay as they are.
pub(crate) fn settle(files: &mut [(FileRecord, Option<Digest>)]) {
    let mut by_path: BTreeMap<String, usize> = BTreeMap::new();
    for (at, (file, _)) in files.iter().enumerate() {
        // an editor's extension is read from the same file, and says nothing of the project
        if file.leaf == crate::extensions::vscode::INSTALLED.id {
            continue;
        }
        // a path in several layers: the upper one stands last
        by_path.insert(file.link.clone().unwrap_or_else(|| file.path.clone()), at);
    }
    for (path, &at) in &by_path {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let beside = |name: &str| {
            let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            by_path.get(&path).copied()
        };
        match name {
            "package-lock.json" if beside("npm-shrinkwrap.json").is_some() => clear(files, at),
            "yarn.lock" => {
                if let Some(manifest) = beside("package.json") {
                    yarn(files, &by_path, directory, at, manifest);
                }
            }
            "poetry.lock" | "pdm.lock" => {
                if let Some(project) = beside("pyproject.toml") {
                    python(files, at, project, name);
                }
            }
            name if crate::python::pylock::is_name(name) => {
                if let Some(project) = beside("pyproject.toml") {
                    python(files, at, project, name);
                }
            }
            "Cargo.lock" => cargo(files, &by_path, directory, at),
            "go.sum" => {
                if let Some(module) = beside("go.mod") {
                    go(files, at, module);
                }
            }
            "composer.lock" => {
                if let Some(manifest) = beside("composer.json") {
                    composer(files, at, manifest);
                }
            }
            "paket.dependencies" => {
                if let Some(lock) = beside("paket.lock") {
                    dotnet::paket(files, at, lock);
                }
            }
            name if [".csproj", ".fsproj", ".vbproj"].iter().any(|suffix| name.ends_with(suffix)) => {
                dotnet::central(files, &by_path, directory, at);
            }
            _ => {}
        }
    }
    dotnet::assemblies(files);
    super::precedence::give_way(files, &by_path);
    super::superseded::drop_answered(files, &by_path);
    crate::extensions::chrome::settle(files);
    super::maven::settle(files);
}

pub(super) fn found(files: &mut [(FileRecord, Option<Digest>)], at: usize) -> Option<&mut Found> {
    files.get_mut(at).map(|(file, _)| &mut file.found)
}

fn manifest(files: &[(FileRecord, Option<Digest>)], at: usize) -> Option<&Manifest> {
    files.get(at).and_then(|(file, _)| file.found.manifest.as_ref())
}

fn clear(files: &mut [(FileRecord, Option<Digest>)], at: usize) {
    if let Some(found) = found(files, at) {
        found.packages.clear();
        found.edges.clear();
    }
}

/// A project or workspace member, its own package where it has one, and what it needs.
struct Project {
    package: Option<Package>,
    needs: Vec<Need>,
}

/// Puts the projects into the lock file's graph: direct, indirect, and (unless the lock file said so itself) for development only.
fn apply(lock: &mut Found, projects: Vec<Project>, dev_known: bool, resolve: impl Fn(&Need) -> Vec<usize>) {
    let count = lock.packages.len();
    let (mut direct, mut queue) = (BTreeSet::new(), VecDeque::new());
    let mut owns: Vec<(Option<usize>, Vec<Need>)> = Vec::new();
    for project in projects {
        let own = project.package.map(|package| {
            lock.packages.push(package);
            lock.packages.len() - 1
        });
        owns.push((own, project.needs));
    }
    let members: BTreeMap<String, usize> = (count..lock.packages.len())
        .filter_map(|at| lock.packages.get(at).map(|package| (package.name.clone(), at)))
        .collect();
    for (own, needs) in &owns {
        for need in needs {
            let targets = resolve(need);
            let member = members.get(&need.name).filter(|_| targets.is_empty()).copied();
            direct.extend(targets.iter().copied());
            if !need.dev {
                queue.extend(targets.iter().copied());
            }
            if let Some(own) = *own {
                let ends = targets.into_iter().chain(member).filter(|to| *to != own);
                lock.edges.extend(ends.map(|to| (own, to, RelationshipKind::DependsOn)));
            }
        }
    }
    // the project as a whole is what its workspace holds
    if let Some((Some(root), _)) = owns.first() {
        let others = owns.iter().skip(1).filter_map(|(own, _)| *own);
        lock.edges.extend(others.map(|to| (*root, to, RelationshipKind::DependsOn)));
    }
    let used = reach(&lock.edges, queue);
    let project = |package: &Package| matches!(package.directness, Directness::Root | Directness::Workspace);
    for (at, package) in lock.packages.iter_mut().enumerate().take(count).filter(|(_, package)| !project(package)) {
        package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
        if !dev_known {
            package.dev = !used.contains(&at);
        }
    }
    lock.edges.sort_unstable();
    lock.edges.dedup();
}

/// All places that can be reached.
pub(crate) fn reach(edges: &[(usize, usize, RelationshipKind)], mut queue: VecDeque<usize>) -> BTreeSet<usize> {
    let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (from, to, _) in edges {
        next.entry(*from).or_default().push(*to);
    }
    let mut seen = BTreeSet::new();
    while let Some(at) = queue.pop_front() {
        if seen.insert(at) {
            queue.extend(next.get(&at).into_iter().flatten());
        }
    }
    seen
}

fn yarn(
    files: &mut [(FileRecord, Option<Digest>)],
    by_path: &BTreeMap<String, usize>,
    directory: &str,
    lock: usize,
    root: usize,
) {
    let Some(members) = manifest(files, root).map(|manifest| manifest.members.clone()) else { return };
    let mut projects = Vec::new();
    let mut add = |at: usize, directness| {
        let Some((file, layer)) = files.get(at) else { return };
        let Some(manifest) = &file.found.manifest else { return };
        let package = file.found.packages.first().cloned().map(|mut package| {
            package.directness = directness;
            package.locations.iter_mut().for_each(|location| location.layer = *layer);
            package
        });
        projects.push(Project { package, needs: manifest.needs.clone() });
    };
    add(root, Directness::Root);
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let below = by_path.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    for (path, at) in below.filter(|(path, _)| path.ends_with("/package.json")).take(MEMBERS) {
        let relative = path.get(prefix.len()..).and_then(|path| path.strip_suffix("/package.json")).unwrap_or_default();
        if members.iter().any(|pattern| matches(pattern, relative)) {
            add(*at, Directness::Workspace);
        }
    }
    let Some(lock) = found(files, lock) else { return };
    let mut patterns: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, package) in lock.packages.iter().enumerate() {
        let listed = package.extra.get("yarn.patterns").map(String::as_str).unwrap_or_default();
        patterns.extend(listed.split(", ").map(|pattern| (pattern.to_owned(), at)));
        let asked = package.extra.get("npm.alias").unwrap_or(&package.name);
        names.entry(asked.clone()).or_default().push(at);
    }
    apply(lock, projects, false, |need| {
        let exact = [format!("{}@{}", need.name, need.range), format!("{}@npm:{}", need.name, need.range)];
        let exact = exact.iter().find_map(|pattern| patterns.get(pattern).copied());
        // a range such as `latest` or a patch is written differently in the lock file: a name with one version leaves no doubt
        let only =
            || names.get(&need.name).filter(|places| places.len() == 1).and_then(|places| places.first().copied());
        exact.or_else(only).into_iter().collect()
    });
}

/// Whether a directory is one that a workspace pattern names: `packages/*`, `./apps/web`, `tools/**`.
fn matches(pattern: &str, directory: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_start_matches("./").trim_end_matches('/').split('/').collect();
    let parts: Vec<&str> = directory.split('/').collect();
    // `**` takes any number of parts: dynamic programming over the pattern keeps this linear in both
    let mut reached = vec![false; parts.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for piece in pattern {
        let mut next = vec![false; parts.len() + 1];
        for (at, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            if piece == "**" {
                next.iter_mut().skip(at).for_each(|slot| *slot = true);
            } else if let (Some(part), Some(slot)) = (parts.get(at), next.get_mut(at + 1)) {
                *slot |= match piece.split_once('*') {
                    Some((before, after)) => {
                        part.len() >= before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
                    }
                    None => piece == *part,
                };
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

/// The lock files of Python that do not hold the project: `poetry.lock`, `pdm.lock`, `pylock.toml`.
fn python(files: &mut [(FileRecord, Option<Digest>)], lock: usize, project: usize, name: &str) {
    let Some(needs) = manifest(files, project).map(|manifest| manifest.needs.clone()) else { return };
    let own = |package: &&Package| package.directness == Directness::Root;
    let package = files.get(project).and_then(|(file, layer)| {
        let mut package = file.found.packages.iter().find(own).cloned()?;
        package.locations.iter_mut().for_each(|location| location.layer = *layer);
        Some(package)
    });
    let Some(lock) = found(files, lock) else { return };
    let known = lock.packages.iter().any(|package| package.directness == Directness::Root);
    let names = by_name(&lock.packages);
    // the lock file's own categories and groups go before what the manifest lets one guess; pip writes no edges that one could follow
    let blind = crate::python::pylock::is_name(name) && lock.edges.is_empty();
    let dev_known = blind || lock.packages.iter().any(|package| package.dev);
    // other tools list what Poetry installs, and the project beside it is not installed
    let project = Project { package: package.filter(|_| name != "poetry.lock" && !known), needs };
    apply(lock, vec![project], dev_known, |need| names.get(&normalize(&need.name)).cloned().unwrap_or_default());
}

/// Marks what only the development needs of the project and its members lead to.
fn cargo(files: &mut [(FileRecord, Option<Digest>)], by_path: &BTreeMap<String, usize>, directory: &str, lock: usize) {
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let below = by_path.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    let manifests: BTreeMap<String, Vec<Need>> = below
        .filter(|(path, _)| path.ends_with("Cargo.toml"))
        .take(MEMBERS)
        .filter_map(|(_, at)| manifest(files, *at))
        .filter(|manifest| !manifest.name.is_empty() && !manifest.needs.is_empty())
        .map(|manifest| (manifest.name.clone(), manifest.needs.clone()))
        .collect();
    let Some(lock) = found(files, lock) else { return };
    let local = |package: &Package| matches!(package.directness, Directness::Root | Directness::Workspace);
    let mut development: BTreeSet<(usize, usize, RelationshipKind)> = BTreeSet::new();
    for (from, package) in lock.packages.iter().enumerate().filter(|(_, package)| local(package)) {
        let Some(needs) = manifests.get(&package.name) else { continue };
        let used: BTreeSet<&str> = needs.iter().filter(|need| !need.dev).map(|need| need.name.as_str()).collect();
        let dev: BTreeSet<&str> = needs.iter().filter(|need| need.dev).map(|need| need.name.as_str()).collect();
        development.extend(lock.edges.iter().copied().filter(|(at, to, _)| {
            let name = lock.packages.get(*to).map(|package| package.name.as_str()).unwrap_or_default();
            *at == from && dev.contains(name) && !used.contains(name)
        }));
    }
    if manifests.is_empty() {
        return;
    }
    let edges: Vec<_> = lock.edges.iter().filter(|edge| !development.contains(edge)).copied().collect();
    let roots: VecDeque<usize> =
        lock.packages.iter().enumerate().filter(|(_, package)| local(package)).map(|(at, _)| at).collect();
    if roots.is_empty() {
        return;
    }
    let used = reach(&edges, roots);
    for (at, package) in lock.packages.iter_mut().enumerate() {
        package.dev = !used.contains(&at);
    }
}

fn go(files: &mut [(FileRecord, Option<Digest>)], sums: usize, module: usize) {
    let Some(listed) = found(files, sums).map(|sums| std::mem::take(&mut sums.packages)) else { return };
    let Some(module) = found(files, module) else { return };
    let hashes: BTreeMap<(&str, &str), &str> = listed
        .iter()
        .filter_map(|package| {
            Some(((package.name.as_str(), package.version.as_str()), package.extra.get("go.h1")?.as_str()))
        })
        .collect();
    for package in &mut module.packages {
        if let Some(hash) = hashes.get(&(package.name.as_str(), package.version.as_str())) {
            package.extra.insert("go.h1".to_owned(), (*hash).to_owned());
        }
    }
    // before Go 1.17 `go.mod` lists only what the module imports itself; what is built besides has a hash here
    let minimum = module.packages.iter().find_map(|package| package.extra.get("go.minimum"));
    let minor = minimum.and_then(|version| version.strip_prefix("v1.")?.split('.').next()?.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor >= 17) {
        return;
    }
    let names: BTreeSet<String> = module.packages.iter().map(|package| package.name.clone()).collect();
    let replaced: BTreeSet<String> = module
        .packages
        .iter()
        .filter_map(|package| package.extra.get("go.replaces")?.split_once('@').map(|(name, _)| name.to_owned()))
        .collect();
    let more = listed.into_iter().filter(|package| {
        package.extra.contains_key("go.h1") && !names.contains(&package.name) && !replaced.contains(&package.name)
    });
    module.packages.extend(more.map(|mut package| {
        package.directness = Directness::Indirect;
        package
    }));
}

/// What `composer.json` names itself is direct.
fn composer(files: &mut [(FileRecord, Option<Digest>)], lock: usize, manifest: usize) {
    let Some(needs) = self::manifest(files, manifest).map(|manifest| manifest.needs.clone()) else { return };
    let named: BTreeSet<String> = needs.iter().map(|need| need.name.to_lowercase()).collect();
    let Some(lock) = found(files, lock) else { return };
    for package in &mut lock.packages {
        let direct = named.contains(&package.name.to_lowercase());
        package.directness = if direct { Directness::Direct } else { Directness::Indirect };
    }
}

#[cfg(test)]
mod patterns {
    use super::matches;

    #[test]
    fn workspaces() {
        for (pattern, directory, expected) in [
            ("packages/*", "packages/a", true),
            ("packages/*", "packages/a/b", false),
            ("./apps/web/", "apps/web", true),
            ("tools/**", "tools/a/b", true),
            ("**/x", "a/b/x", true),
            ("pre*", "prefix", true),
            ("c", "d", false),
        ] {
            assert_eq!(matches(pattern, directory), expected, "{pattern} {directory}");
        }
    }
}
