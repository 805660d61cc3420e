//! Rules for the files of .NET projects.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Digest, Directness, Package, Unexamined, UnexaminedKind};

use crate::{FileRecord, Owner};

type Files = [(FileRecord, Option<Digest>)];

/// An assembly that the manifest of an application lists is a file of the package that it stands for, not a package of its own.
pub(super) fn assemblies(files: &mut Files) {
    let listed: BTreeSet<String> = (files.iter())
        .filter(|(file, _)| file.leaf == "dotnet-deps")
        .flat_map(|(file, _)| file.found.owns.iter())
        .filter(|(owner, _)| matches!(owner, Owner::Here(_)))
        .flat_map(|(_, paths)| paths.iter().map(|path| path.to_lowercase()))
        .collect();
    if listed.is_empty() {
        return;
    }
    for (file, _) in files.iter_mut().filter(|(file, _)| file.leaf == "dotnet-assembly") {
        if listed.contains(&file.path.to_lowercase()) {
            file.found.packages.clear();
        }
    }
}

/// Gives a project's references without a version that of the nearest central list above it. What has none there stays open.
pub(super) fn central(files: &mut Files, by_path: &BTreeMap<String, usize>, directory: &str, project: usize) {
    let Some(needs) = files.get(project).and_then(|(file, _)| file.found.manifest.as_ref()).map(|m| m.needs.clone())
    else {
        return;
    };
    let mut above = Some(directory);
    let mut versions: BTreeMap<String, Package> = BTreeMap::new();
    while let Some(directory) = above {
        let slash = if directory.is_empty() { "" } else { "/" };
        if let Some(list) =
            by_path.get(&format!("{directory}{slash}Directory.Packages.props")).and_then(|at| files.get(*at))
        {
            versions = list.0.found.packages.iter().map(|p| (p.name.to_lowercase(), p.clone())).collect();
            break;
        }
        above = match directory.rsplit_once('/') {
            Some((above, _)) => Some(above),
            None if directory.is_empty() => None,
            None => Some(""),
        };
    }
    let Some((file, _)) = files.get_mut(project) else { return };
    for need in needs {
        match versions.get(&need.name.to_lowercase()) {
            Some(package) => {
                let mut package = package.clone();
                package.directness = Directness::Direct;
                package.dev = need.dev;
                package.found_by = file.leaf;
                package.name.clone_from(&need.name);
                let mut location = signet_model::Location::of_path(file.link.as_deref().unwrap_or(&file.path));
                location.lines = None;
                package.locations = vec![location];
                file.found.packages.push(package);
            }
            None => {
                let location = signet_model::Location::of_path(file.link.as_deref().unwrap_or(&file.path));
                let why = format!("the version of {} is in no file above", need.name);
                let what = Unexamined { location, kind: UnexaminedKind::Unresolved, by: file.leaf, why };
                crate::syntax::report(&mut file.found.unexamined, what);
            }
        }
    }
}

/// The lock file has what the manifest beside it names: what that names itself is direct, and it needs no packages of its own.
pub(super) fn paket(files: &mut Files, manifest: usize, lock: usize) {
    let Some(named) = files.get_mut(manifest).map(|(file, _)| std::mem::take(&mut file.found.packages)) else { return };
    let key = |package: &Package| (package.extra.get("paket.group").cloned(), package.name.to_lowercase());
    let named: BTreeSet<_> = named.iter().map(key).collect();
    let Some((lock, _)) = files.get_mut(lock) else { return };
    for package in &mut lock.found.packages {
        let direct = named.contains(&key(package));
        package.directness = if direct { Directness::Direct } else { Directness::Indirect };
    }
}
