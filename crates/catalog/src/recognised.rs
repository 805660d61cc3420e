//! Packages that were recognised in a program itself, and when they say nothing that another package does not say better.

use std::collections::{HashMap, HashSet};

use signet_model::{Directness, Package, PackageKind};

use crate::ownership::Owners;

/// Whether the package was told from a program's own bytes or the files beside it, and not from a database.
pub(crate) fn is_recognised(package: &Package) -> bool {
    let leaves = [
        crate::classifier::LEAF.id,
        crate::classifier::side::LEAF.id,
        crate::elf::LEAF.id,
        crate::java::runtime::LEAF.id,
    ];
    leaves.contains(&package.found_by)
}

/// Places of recognised packages that are not told a second time: the file belongs to a package of the operating system, or of another manager
/// that knows its files; or the program names the same Go module and version itself. `evidence` holds the canonical path of each package's file.
pub(crate) fn redundant(
    packages: &[Package],
    evidence: &[Option<String>],
    os: &Owners,
    other: &Owners,
) -> HashSet<usize> {
    let mut modules: HashMap<&str, Vec<&Package>> = HashMap::new();
    for (package, path) in packages.iter().zip(evidence) {
        if let (PackageKind::Go, Directness::Root, Some(path)) = (package.kind, package.directness, path) {
            modules.entry(path).or_default().push(package);
        }
    }
    let managed = |path: &str| {
        let owner = other.of(path).and_then(|owner| packages.get(owner));
        owner.is_some_and(|owner| {
            matches!(owner.kind, PackageKind::Bitnami | PackageKind::Nix | PackageKind::Conda | PackageKind::Homebrew)
        })
    };
    let same = |package: &Package, module: &Package| {
        let name = package.stated_purl.as_ref().filter(|purl| purl.ty() == "golang").map(|purl| {
            purl.namespace().map_or(purl.name().to_owned(), |namespace| format!("{namespace}/{}", purl.name()))
        });
        name.is_some_and(|name| name == module.name)
            && module.version.trim_start_matches('v').split('+').next() == Some(package.version.as_str())
    };
    let places = packages.iter().zip(evidence).enumerate().filter(|(_, (package, _))| is_recognised(package));
    places
        .filter_map(|(place, (package, path))| {
            let path = path.as_deref()?;
            let told = os.of(path).is_some()
                || managed(path)
                || modules.get(path).is_some_and(|modules| modules.iter().any(|module| same(package, module)));
            told.then_some(place)
        })
        .collect()
}

/// Leaves packages out. Gives the others with what belongs to them, and the new place of each old one.
pub(crate) fn without<T>(
    packages: Vec<Package>,
    with: Vec<T>,
    left_out: &HashSet<usize>,
) -> (Vec<Package>, Vec<T>, Vec<Option<usize>>) {
    let mut places = Vec::with_capacity(packages.len());
    let mut next = 0;
    for place in 0..packages.len() {
        let kept = !left_out.contains(&place);
        places.push(kept.then_some(next));
        next += usize::from(kept);
    }
    let kept = packages.into_iter().zip(with).enumerate().filter(|(place, _)| !left_out.contains(place));
    let (packages, with) = kept.map(|(_, pair)| pair).unzip();
    (packages, with, places)
}
