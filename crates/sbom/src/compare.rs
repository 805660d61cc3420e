//! Two inventories beside each other, and several as one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::collect::unique;
use signet_model::{Inventory, Location, Package, PackageIndex, PackageKind, Relationship, Unexamined, UnexaminedKind};

/// A package by what stays the same between versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The ecosystem.
    pub kind: PackageKind,
    /// The name as [`Package::name`].
    pub name: String,
}

/// What is in one inventory and not in the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Packages that came, with their versions.
    pub added: Vec<(Name, Vec<String>)>,
    /// Packages that went.
    pub removed: Vec<(Name, Vec<String>)>,
    /// Packages that are in both with other versions: only the old ones, only the new ones. A side is empty where a second version of a
    /// package came or went beside one that stayed.
    pub changed: Vec<(Name, Vec<String>, Vec<String>)>,
    /// Versions that are in both.
    pub same: usize,
}

impl Difference {
    /// Whether both hold the same packages.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

fn by_name(inventory: &Inventory) -> BTreeMap<Name, BTreeSet<String>> {
    let mut found: BTreeMap<Name, BTreeSet<String>> = BTreeMap::new();
    for package in &inventory.packages {
        let name = Name { kind: package.kind, name: package.name.clone() };
        found.entry(name).or_default().insert(package.version.clone());
    }
    found
}

/// What changed from `old` to `new`, each list by ecosystem and name. Where a package lies does not matter, nor how often.
pub fn diff(old: &Inventory, new: &Inventory) -> Difference {
    let (old, mut new) = (by_name(old), by_name(new));
    let list = |versions: BTreeSet<String>| versions.into_iter().collect::<Vec<_>>();
    let mut found = Difference::default();
    for (name, versions) in old {
        match new.remove(&name) {
            None => found.removed.push((name, list(versions))),
            Some(others) => {
                found.same += versions.intersection(&others).count();
                if versions != others {
                    let gone = versions.difference(&others).cloned().collect();
                    let came = others.difference(&versions).cloned().collect();
                    found.changed.push((name, gone, came));
                }
            }
        }
    }
    found.added = new.into_iter().map(|(name, versions)| (name, list(versions))).collect();
    found
}

/// Several inventories as one: a package that several state is there once, with all places, licences, checksums and CPEs of all of them.
///
/// Two are the same package when ecosystem, name, version and purl are. The first distribution stays; packages of another one keep theirs in
/// their purl, and an entry of `unexamined` says so, because advisories are chosen by it.
pub fn merge(inventories: Vec<Inventory>) -> Inventory {
    let mut merged = Inventory::default();
    let mut places: HashMap<(PackageKind, String, String, String), PackageIndex> = HashMap::new();
    for mut inventory in inventories {
        let distro = inventory.distro.take();
        match (&merged.distro, &distro) {
            (Some(first), Some(second)) if (&first.id, &first.version_id) != (&second.id, &second.version_id) => {
                let name = |distro: &signet_model::Distro| {
                    format!("{} {}", distro.id, distro.version_id.as_deref().unwrap_or_default())
                };
                merged.unexamined.push(Unexamined {
                    location: Location::of_path(""),
                    kind: UnexaminedKind::Unsupported,
                    by: "merge",
                    why: format!("the merged documents are of `{}` and `{}`", name(first).trim(), name(second).trim()),
                });
            }
            (None, Some(_)) => merged.distro = distro.clone(),
            _ => {}
        }
        let mut index_of = Vec::with_capacity(inventory.packages.len());
        for mut package in inventory.packages {
            // What the distribution adds to a purl must stay when the package comes under another one.
            let purl = package.purl(distro.as_ref());
            let text = purl.as_ref().map(ToString::to_string).unwrap_or_default();
            if package.kind.is_os() && merged.distro != distro {
                package.stated_purl = purl;
            }
            let key = (package.kind, package.name.clone(), package.version.clone(), text);
            let next = PackageIndex(u32::try_from(merged.packages.len()).unwrap_or(u32::MAX));
            let index = *places.entry(key).or_insert(next);
            match merged.packages.get_mut(index.get()) {
                Some(known) => join(known, package),
                None => merged.packages.push(package),
            }
            index_of.push(index);
        }
        for edge in inventory.relationships {
            if let (Some(from), Some(to)) = (index_of.get(edge.from.get()), index_of.get(edge.to.get()))
                && from != to
            {
                merged.relationships.push(Relationship { from: *from, to: *to, kind: edge.kind });
            }
        }
        merged.executables.extend(inventory.executables.into_iter().map(|mut executable| {
            executable.package = executable.package.and_then(|package| index_of.get(package.get()).copied());
            executable
        }));
        merged.content_sets.extend(inventory.content_sets);
        merged.unexamined.extend(inventory.unexamined);
    }
    ordered(merged)
}

/// Adds what a second statement says of a package that is known.
fn join(known: &mut Package, other: Package) {
    // What is there twice goes at the end: a look into the lists for each item would take their square.
    known.locations.extend(other.locations);
    known.licenses.extend(other.licenses);
    known.checksums.extend(other.checksums);
    known.cpes.extend(other.cpes);
    known.arch = known.arch.take().or(other.arch);
    known.source = known.source.take().or(other.source);
    known.module = known.module.take().or(other.module);
    known.vendor = known.vendor.take().or(other.vendor);
    known.description = known.description.take().or(other.description);
    known.stated_purl = known.stated_purl.take().or(other.stated_purl);
    // One that saw it installed, or needed for more than development, knows more.
    known.presence = known.presence.min(other.presence);
    known.dev &= other.dev;
    known.directness =
        if known.directness == signet_model::Directness::Unknown { other.directness } else { known.directness };
    for (key, value) in other.extra {
        known.extra.entry(key).or_insert(value);
    }
}

/// The order that an inventory promises.
fn ordered(mut merged: Inventory) -> Inventory {
    for package in &mut merged.packages {
        unique(&mut package.locations);
        unique(&mut package.licenses);
        unique(&mut package.checksums);
        unique(&mut package.cpes);
    }
    let mut order: Vec<usize> = (0..merged.packages.len()).collect();
    let key = |index: &usize| {
        merged
            .packages
            .get(*index)
            .map(|package| (package.kind, &package.name, &package.version, package.locations.first()))
    };
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut place = vec![0u32; order.len()];
    for (new, old) in order.iter().enumerate() {
        if let Some(slot) = place.get_mut(*old) {
            *slot = u32::try_from(new).unwrap_or(u32::MAX);
        }
    }
    let at = |old: PackageIndex| PackageIndex(place.get(old.get()).copied().unwrap_or(u32::MAX));
    for edge in &mut merged.relationships {
        (edge.from, edge.to) = (at(edge.from), at(edge.to));
    }
    for executable in &mut merged.executables {
        executable.package = executable.package.map(at);
    }
    let mut packages: Vec<Option<Package>> = merged.packages.into_iter().map(Some).collect();
    merged.packages = order.into_iter().filter_map(|old| packages.get_mut(old).and_then(Option::take)).collect();
    merged.relationships.sort_unstable();
    merged.relationships.dedup();
    merged.executables.sort_by(|a, b| (&a.path, &a.layer).cmp(&(&b.path, &b.layer)));
    merged.executables.dedup();
    merged.content_sets.sort();
    merged.content_sets.dedup();
    merged.unexamined.sort();
    merged.unexamined.dedup();
    merged
}
