//! What an image held at several moments of its making, as one inventory.

use std::collections::{HashMap, HashSet};

use signet_model::{Inventory, Location, Package, PackageIndex, PackageKind, Relationship, RelationshipKind};

use crate::merge::{part, unite};

/// Unites two inventories of one image: each package once, with the locations of both. What a package is owned by tells copies apart, as in
/// [`crate::merge`]. The distribution is `later`'s, and `earlier`'s only where `later` has none; content sets are `later`'s.
pub fn join(later: Inventory, earlier: Inventory) -> Inventory {
    let owners = owners(&[&later, &earlier]);
    let shift = later.packages.len();
    let (packages, moved) = unite(later.packages.into_iter().chain(earlier.packages).collect(), &owners);
    let moved = |place: PackageIndex, shift: usize| {
        moved.get((place.0 as usize).checked_add(shift)?).map(|place| PackageIndex(*place as u32))
    };
    let edge = |edge: Relationship, shift: usize| {
        Some(Relationship { from: moved(edge.from, shift)?, to: moved(edge.to, shift)?, kind: edge.kind })
    };
    let mut relationships: Vec<Relationship> = later.relationships.into_iter().filter_map(|it| edge(it, 0)).collect();
    relationships.extend(earlier.relationships.into_iter().filter_map(|it| edge(it, shift)));
    relationships.retain(|edge| edge.from != edge.to);
    relationships.sort();
    relationships.dedup();
    let mut executables = later.executables;
    executables.iter_mut().for_each(|file| file.package = file.package.and_then(|place| moved(place, 0)));
    executables.extend(earlier.executables.into_iter().map(|mut file| {
        file.package = file.package.and_then(|place| moved(place, shift));
        file
    }));
    // The sort is stable: of one file the later inventory says whose it is.
    executables.sort_by(|a, b| (&a.path, a.layer).cmp(&(&b.path, b.layer)));
    executables.dedup_by(|a, b| (&a.path, a.layer) == (&b.path, b.layer));
    let mut unexamined = later.unexamined;
    unexamined.extend(earlier.unexamined);
    unexamined.sort();
    unexamined.dedup();
    Inventory {
        distro: later.distro.or(earlier.distro),
        packages,
        relationships,
        executables,
        content_sets: later.content_sets,
        unexamined,
    }
}

/// Adds to the packages of `later` the layers in which `earlier` has them too, at the same paths. No package is added; what could not be
/// examined in either may hide such a layer, and is kept.
pub fn deepen(mut later: Inventory, earlier: Inventory) -> Inventory {
    let mut places: HashMap<Identity<'_>, Vec<&Location>> = HashMap::new();
    for package in &earlier.packages {
        places.entry(identity(package)).or_default().extend(&package.locations);
    }
    for package in &mut later.packages {
        let Some(others) = places.get(&identity(package)) else { continue };
        let paths: HashSet<&str> = package.locations.iter().map(|location| location.path.as_str()).collect();
        let known: HashSet<&Location> = package.locations.iter().collect();
        let new = |location: &&&Location| paths.contains(location.path.as_str()) && !known.contains(**location);
        let new: Vec<Location> = others.iter().filter(new).map(|location| (*location).clone()).collect();
        package.locations.extend(new);
    }
    later.unexamined.extend(earlier.unexamined.iter().cloned());
    later.unexamined.sort();
    later.unexamined.dedup();
    later
}

/// What makes two records speak of the same package.
type Identity<'a> = (PackageKind, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

fn identity(package: &Package) -> Identity<'_> {
    (package.kind, &package.name, &package.version, package.arch.as_deref(), part(package))
}

/// For each package of all these inventories a number of the package that owns it; the same owner has the same number in each of them.
fn owners(inventories: &[&Inventory]) -> Vec<Option<usize>> {
    let mut numbers: HashMap<Identity<'_>, usize> = HashMap::new();
    let mut all = Vec::new();
    for inventory in inventories {
        let first = all.len();
        all.resize(first + inventory.packages.len(), None);
        for edge in inventory.relationships.iter().filter(|edge| edge.kind == RelationshipKind::OwnedBy) {
            let owner = inventory.packages.get(edge.to.0 as usize);
            let owned = all.get_mut(first.saturating_add(edge.from.0 as usize));
            if let (Some(owner), Some(owned)) = (owner, owned) {
                let next = numbers.len();
                *owned = Some(*numbers.entry(identity(owner)).or_insert(next));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signet_model::{Digest, Distro, Presence};

    use super::*;

    /// An inventory of npm packages, each with the layer in which it lies, the first of them owned by the deb `owner`.
    fn inventory(packages: &[(&str, u8)], owner: Option<&str>) -> Inventory {
        let mut inventory = Inventory::default();
        for (name, layer) in packages {
            let mut package = Package::new(PackageKind::Npm, *name, "1.0.0");
            let location =
                Location { layer: Some(Digest::sha256(&[*layer])), ..Location::of_path(format!("app/{name}")) };
            package.locations.push(location);
            inventory.packages.push(package);
        }
        if let Some(owner) = owner {
            let to = PackageIndex(inventory.packages.len() as u32);
            inventory.packages.push(Package::new(PackageKind::Deb, owner, "1"));
            inventory.relationships.push(Relationship { from: PackageIndex(0), to, kind: RelationshipKind::OwnedBy });
        }
        inventory
    }

    #[track_caller]
    fn check(inventory: &Inventory, wanted: &[(&str, usize, Option<&str>)]) {
        let name = |place: PackageIndex| inventory.packages[place.0 as usize].name.as_str();
        let found: Vec<(&str, usize, Option<&str>)> = (0..inventory.packages.len() as u32)
            .map(|place| (&inventory.packages[place as usize], PackageIndex(place)))
            .filter(|(package, _)| package.kind == PackageKind::Npm)
            .map(|(package, place)| (package.name.as_str(), package.locations.len(), inventory.owner(place).map(name)))
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn each_package_stands_once_with_the_layers_of_both() {
        let later = inventory(&[("b", 2), ("c", 2)], None);
        let joined = join(later.clone(), inventory(&[("a", 1), ("b", 1), ("c", 2)], None));
        check(&joined, &[("a", 1, None), ("b", 2, None), ("c", 1, None)]);
        check(&deepen(later, joined), &[("b", 2, None), ("c", 1, None)]);
    }

    #[test]
    fn owned_copies_stay_apart_from_others() {
        let owned = || inventory(&[("a", 1)], Some("deb-a"));
        check(&join(owned(), owned()), &[("a", 1, Some("deb-a"))]);
        check(
            &join(owned(), inventory(&[("z", 1), ("a", 1)], None)),
            &[("a", 1, None), ("a", 1, Some("deb-a")), ("z", 1, None)],
        );
        // Another number in the other inventory, and the same owner.
        let mut other = inventory(&[("a", 2)], Some("deb-a"));
        other.packages.push(Package::new(PackageKind::Npm, "z", "1.0.0"));
        check(&join(other, owned()), &[("a", 2, Some("deb-a")), ("z", 0, None)]);
    }

    #[test]
    fn the_later_distribution_counts() {
        let of = |id: &str| Inventory {
            distro: Some(Distro { id: id.to_owned(), ..Distro::default() }),
            ..Inventory::default()
        };
        let id = |inventory: Inventory| inventory.distro.map(|distro| distro.id);
        assert_eq!(id(join(of("debian"), of("alpine"))).as_deref(), Some("debian"));
        assert_eq!(id(join(Inventory::default(), of("alpine"))).as_deref(), Some("alpine"));
    }

    fn any_inventory() -> impl Strategy<Value = Inventory> {
        let package = (0u8..4, 0u8..3, any::<bool>());
        (proptest::collection::vec(package, 0..6), proptest::option::of("deb-[ab]")).prop_map(|(packages, owner)| {
            let names: Vec<(String, u8)> =
                packages.iter().map(|(name, layer, _)| (format!("p{name}"), *layer)).collect();
            let names: Vec<(&str, u8)> = names.iter().map(|(name, layer)| (name.as_str(), *layer)).collect();
            let owner = owner.filter(|_| !names.is_empty());
            let mut inventory = inventory(&names, owner.as_deref());
            for (package, (_, _, declared)) in inventory.packages.iter_mut().zip(packages) {
                package.presence = if declared { Presence::Declared } else { Presence::Installed };
            }
            inventory
        })
    }

    proptest! {
        #[test]
        fn nothing_of_either_is_lost(later in any_inventory(), earlier in any_inventory()) {
            let joined = join(later.clone(), earlier.clone());
            for package in later.packages.iter().chain(&earlier.packages) {
                let same: Vec<&Package> =
                    joined.packages.iter().filter(|other| identity(other) == identity(package)).collect();
                prop_assert!(!same.is_empty());
                for location in &package.locations {
                    prop_assert!(same.iter().any(|other| other.locations.contains(location)));
                }
                prop_assert!(same.iter().any(|other| other.presence <= package.presence));
            }
            prop_assert!(later.relationships.is_empty() || !joined.relationships.is_empty());
            let deep = deepen(later.clone(), earlier);
            let names = |inventory: &Inventory| -> Vec<String> {
                inventory.packages.iter().map(|package| package.name.clone()).collect()
            };
            prop_assert_eq!(names(&deep), names(&later));
        }
    }
}
