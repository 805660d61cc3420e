//! Which of two files counts when both name the same packages.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Digest, Directness, Package};

use crate::{FileRecord, Found};

/// Lets each file give way to the better one beside it: a manifest to its lock file, a copy to the original, a list to a fuller list.
///
/// `by_path`: the place of each file among `files`.
pub(super) fn give_way(files: &mut [(FileRecord, Option<Digest>)], by_path: &BTreeMap<String, usize>) {
    for (path, &at) in by_path {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let in_directory = |directory: &str, name: &str| {
            let path = if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
            by_path.get(&path).copied()
        };
        let beside = |name: &str| in_directory(directory, name);
        let above = |levels: usize| directory.rsplitn(levels + 1, '/').nth(levels).unwrap_or_default();
        match name {
            "Cargo.toml" => cargo(files, at, directory, &in_directory),
            "META.json" | "META.yml" | "MYMETA.yml" => {
                let better: &[&str] = match name {
                    "META.json" => &["MYMETA.json"],
                    "META.yml" => &["META.json", "MYMETA.json", "MYMETA.yml"],
                    _ => &["MYMETA.json", "META.json"],
                };
                if better.iter().any(|name| beside(name).is_some()) {
                    drop_all(files, at);
                }
            }
            "conanfile.txt" if beside("conan.lock").is_some() => drop_all(files, at),
            "gleam.toml" if beside("manifest.toml").is_some_and(|lock| has_packages(files, lock)) => {
                keep(files, at, |package| package.directness == Directness::Root);
            }
            "Manifest.lock" if in_directory(above(1), "Podfile.lock").is_some() => drop_all(files, at),
            "stack.yaml" if beside("stack.yaml.lock").is_some() => drop_all(files, at),
            // ROOT/TRIPLET/share/PORT/vcpkg.spdx.json, ROOT/vcpkg/status
            "vcpkg.spdx.json" if in_directory(above(3), "vcpkg/status").is_some() => drop_all(files, at),
            "modules.txt" => {
                if let Some(module) = in_directory(above(1), "go.mod") {
                    let listed = of(files, module).map(|found| found.packages.iter());
                    let known: BTreeSet<(String, String)> = listed
                        .into_iter()
                        .flatten()
                        .map(|package| (package.name.clone(), package.version.clone()))
                        .collect();
                    keep(files, at, |package| !known.contains(&(package.name.clone(), package.version.clone())));
                }
            }
            _ => {}
        }
    }
}

/// A crate is locked by the lock file beside it, or by that of the workspace above that has it as a member.
fn cargo(
    files: &mut [(FileRecord, Option<Digest>)],
    at: usize,
    directory: &str,
    in_directory: &dyn Fn(&str, &str) -> Option<usize>,
) {
    let Some(own) = of(files, at).and_then(|found| found.manifest.as_ref()).map(|manifest| manifest.name.clone())
    else {
        return;
    };
    let mut place = directory;
    loop {
        if let Some(lock) = in_directory(place, "Cargo.lock") {
            let member = |package: &Package| {
                package.name == own && matches!(package.directness, Directness::Root | Directness::Workspace)
            };
            let locked = of(files, lock).is_some_and(|found| found.packages.iter().any(member));
            if locked || place == directory {
                drop_all(files, at);
            }
            return;
        }
        if place.is_empty() {
            return;
        }
        place = place.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

fn of(files: &[(FileRecord, Option<Digest>)], at: usize) -> Option<&Found> {
    files.get(at).map(|(file, _)| &file.found)
}

fn has_packages(files: &[(FileRecord, Option<Digest>)], at: usize) -> bool {
    of(files, at).is_some_and(|found| !found.packages.is_empty())
}

fn drop_all(files: &mut [(FileRecord, Option<Digest>)], at: usize) {
    keep(files, at, |_| false);
}

/// Keeps the packages that pass, with the edges and needs between them. Everything else that the file says stays.
fn keep(files: &mut [(FileRecord, Option<Digest>)], at: usize, mut passes: impl FnMut(&Package) -> bool) {
    let Some((file, _)) = files.get_mut(at) else { return };
    let found = &mut file.found;
    let mut places: Vec<Option<usize>> = Vec::with_capacity(found.packages.len());
    let mut kept = 0;
    found.packages.retain(|package| {
        let passes = passes(package);
        places.push(passes.then_some(kept));
        kept += usize::from(passes);
        passes
    });
    let place = |old: usize| places.get(old).copied().flatten();
    found.edges = found.edges.iter().filter_map(|(from, to, kind)| Some((place(*from)?, place(*to)?, *kind))).collect();
    found.requires =
        std::mem::take(&mut found.requires).into_iter().filter_map(|(from, name)| Some((place(from)?, name))).collect();
    found.provides =
        std::mem::take(&mut found.provides).into_iter().filter_map(|(from, name)| Some((place(from)?, name))).collect();
}
