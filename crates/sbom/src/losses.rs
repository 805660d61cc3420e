//! What a conversion loses: found by trying, so that no table can be wrong.
//!
//! One package of each shape (kind, and which facts it has) is written alone and read again; what does not come back is lost for all packages
//! of that shape.

use std::collections::BTreeMap;

use signet_model::{
    Inventory, License, Location, Package, PackageIndex, PackageKind, Relationship, RelationshipKind, Subject,
    SubjectKind, SymbolSet,
};

use crate::collect::REF;
use crate::{Limits, Target, WriteOptions, write};

/// Shapes that are tried; a document with more has its rarest ones counted as lost in part.
const SHAPES: usize = 2000;

/// One kind of fact that the target has no place for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// What: `supplier`, `layers of locations`, `relationships "owned by"`.
    pub what: String,
    /// How many packages, relationships or entries had it.
    pub count: usize,
}

/// The members of a document that the reader passed over, with the number of times: `components.externalReferences`.
pub type Unread = BTreeMap<String, usize>;

/// What is lost when an inventory is written in a format. Sorted by name; empty: nothing.
pub fn losses(target: Target, subject: &Subject, inventory: &Inventory) -> Vec<Loss> {
    let mut lost: BTreeMap<String, usize> = BTreeMap::new();
    let mut shapes: BTreeMap<Shape, (&Package, usize)> = BTreeMap::new();
    for package in &inventory.packages {
        let shape = Shape::of(package);
        let full = shapes.len() >= SHAPES;
        match shapes.get_mut(&shape) {
            Some((_, count)) => *count += 1,
            None if full => *lost.entry("facts of rare kinds of packages (not examined)".to_owned()).or_default() += 1,
            None => drop(shapes.insert(shape, (package, 1))),
        }
    }
    for (package, count) in shapes.into_values() {
        for what in of_package(target, package, inventory) {
            *lost.entry(what.to_owned()).or_default() += count;
        }
    }
    for (kind, name) in [
        (RelationshipKind::DependsOn, "relationships \"depends on\""),
        (RelationshipKind::OwnedBy, "relationships \"owned by\""),
        (RelationshipKind::ContainedIn, "relationships \"contained in\""),
    ] {
        let count = inventory.relationships.iter().filter(|edge| edge.kind == kind).count();
        if count > 0 && !keeps_edges(target, kind) {
            lost.insert(name.to_owned(), count);
        }
    }
    for (what, count) in of_document(target, subject, inventory) {
        if count > 0 {
            lost.insert(what.to_owned(), count);
        }
    }
    lost.into_iter().map(|(what, count)| Loss { what, count }).collect()
}

/// Which facts a package has, without what they say.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    kind: PackageKind,
    /// Facts that are there, one bit each.
    facts: u32,
    state: (signet_model::Presence, signet_model::Directness),
    checksums: Vec<signet_model::ChecksumAlgorithm>,
    extra: Vec<String>,
}

impl Shape {
    fn of(package: &Package) -> Shape {
        let facts = [
            package.version.is_empty(),
            package.arch.is_some(),
            package.source.is_some(),
            package.source.as_ref().is_some_and(|source| source.version.is_some()),
            package.source.as_ref().is_some_and(|source| source.name == package.name),
            package.source.as_ref().is_some_and(|source| source.version.as_deref() == Some(&package.version)),
            package.module.is_some(),
            package.vendor.is_some(),
            package.licenses.is_empty(),
            package.licenses.len() > 1,
            package.locations.is_empty(),
            package.locations.len() > 1,
            package.locations.iter().any(|place| place.layer.is_some()),
            package.locations.iter().any(|place| place.lines.is_some()),
            package.dev,
            package.stated_purl.is_some(),
            package.stated_purl.as_ref().is_some_and(|purl| !purl.qualifiers().is_empty()),
            package.cpes.is_empty(),
            package.cpes.len() > 1,
            package.description.is_some(),
            package.epoch().is_some(),
            package.name.contains(['/', ':']),
        ];
        let facts = facts.iter().enumerate().filter(|(_, fact)| **fact).fold(0, |bits, (place, _)| bits | 1 << place);
        Shape {
            kind: package.kind,
            facts,
            state: (package.presence, package.directness),
            checksums: package.checksums.iter().map(|checksum| checksum.algorithm).collect(),
            extra: package.extra.keys().filter(|key| is_fact(key)).cloned().collect(),
        }
    }
}

/// Whether an extra says something of the package, not of the document that it came from.
fn is_fact(key: &str) -> bool {
    key != REF && key != "syft.found_by" && key != SymbolSet::FACT
}

fn nobody() -> Subject {
    Subject { kind: SubjectKind::Directory, name: String::new(), image: None }
}

/// The package after a journey through the format; `None`: it did not come back.
fn journey(target: Target, package: &Package, inventory: &Inventory) -> Option<Package> {
    match target {
        Target::Purls | Target::GithubJson => {
            let mut back = package.purl(inventory.distro.as_ref())?.to_package();
            if target == Target::GithubJson {
                back.dev = package.dev;
                back.directness = package.directness;
                back.locations
                    .extend(package.locations.first().cloned().map(|place| Location { lines: None, ..place }));
            }
            Some(back)
        }
        _ => {
            let alone =
                Inventory { distro: inventory.distro.clone(), packages: vec![package.clone()], ..Inventory::default() };
            let bytes = write(target, &nobody(), &alone, &WriteOptions::default());
            crate::read(&bytes, &Limits::default()).ok()?.inventory.packages.into_iter().next()
        }
    }
}

fn of_package(target: Target, package: &Package, inventory: &Inventory) -> Vec<&'static str> {
    let Some(back) = journey(target, package, inventory) else { return vec!["whole packages"] };
    let distro = inventory.distro.as_ref();
    let sorted = |list: &[License]| {
        let mut list: Vec<&str> = list.iter().map(|license| license.value.trim()).collect();
        list.sort_unstable();
        list.join("\n")
    };
    let paths = |package: &Package| package.locations.iter().map(|place| place.path.clone()).collect::<Vec<_>>();
    let layers = |package: &Package| package.locations.iter().map(|place| place.layer).collect::<Vec<_>>();
    let lines = |package: &Package| package.locations.iter().map(|place| place.lines).collect::<Vec<_>>();
    let sums = |package: &Package| {
        let mut sums = package.checksums.clone();
        sums.sort();
        sums
    };
    let cpes = |package: &Package| {
        let mut cpes = package.cpes.clone();
        cpes.sort();
        cpes
    };
    let extra = |package: &Package| -> Vec<(String, String)> {
        package.extra.iter().filter(|(key, _)| is_fact(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let same_paths = paths(package) == paths(&back);
    [
        ("names", package.name != back.name),
        ("versions", package.version != back.version),
        ("ecosystems", package.kind != back.kind),
        (
            "package URLs",
            package.purl(distro).map(|purl| purl.to_string()) != back.purl(distro).map(|purl| purl.to_string()),
        ),
        ("architectures", package.arch != back.arch),
        ("source packages", package.source != back.source),
        ("modularity labels", package.module != back.module),
        ("suppliers", package.vendor != back.vendor),
        ("licences", sorted(&package.licenses) != sorted(&back.licenses)),
        ("checksums", sums(package) != sums(&back)),
        ("locations", !same_paths),
        ("layers of locations", same_paths && layers(package) != layers(&back)),
        ("lines of locations", same_paths && lines(package) != lines(&back)),
        ("installed or only declared", package.presence != back.presence),
        ("direct or indirect", package.directness != back.directness),
        ("development only", package.dev != back.dev),
        ("CPEs", cpes(package) != cpes(&back)),
        ("descriptions", package.description != back.description),
        ("facts of one ecosystem", extra(package) != extra(&back)),
    ]
    .into_iter()
    .filter_map(|(what, lost)| lost.then_some(what))
    .collect()
}

fn keeps_edges(target: Target, kind: RelationshipKind) -> bool {
    if target == Target::GithubJson {
        return kind == RelationshipKind::DependsOn;
    }
    let packages = vec![Package::new(PackageKind::Deb, "a", "1"), Package::new(PackageKind::Npm, "b", "1")];
    let edge = Relationship { from: PackageIndex(1), to: PackageIndex(0), kind };
    let two = Inventory { packages, relationships: vec![edge], ..Inventory::default() };
    let bytes = write(target, &nobody(), &two, &WriteOptions::default());
    crate::read(&bytes, &Limits::default()).is_ok_and(|back| back.inventory.relationships == two.relationships)
}

/// Facts of the whole: the distribution, the image, what was not examined.
fn of_document(target: Target, subject: &Subject, inventory: &Inventory) -> Vec<(&'static str, usize)> {
    // A package keeps the document one of a known shape.
    let whole = Inventory {
        distro: inventory.distro.clone(),
        packages: vec![Package::new(PackageKind::Npm, "a", "1")],
        content_sets: inventory.content_sets.clone(),
        unexamined: inventory.unexamined.iter().take(1000).cloned().collect(),
        executables: inventory.executables.iter().take(1).cloned().collect(),
        ..Inventory::default()
    };
    let bytes = write(target, subject, &whole, &WriteOptions::default());
    let back = crate::read(&bytes, &Limits::default()).ok();
    let kept = back.as_ref().map(|back| &back.inventory);
    let image = |subject: &Subject| subject.image.as_ref().map(|image| (image.config_digest, image.layers.len()));
    let lost = |is: bool| usize::from(is);
    vec![
        ("the distribution", lost(inventory.distro.is_some() && kept.is_none_or(|kept| kept.distro.is_none()))),
        (
            "details of the distribution",
            lost(kept.is_some_and(|kept| kept.distro.is_some() && kept.distro != inventory.distro)),
        ),
        ("the image", lost(image(subject) != back.as_ref().and_then(|back| image(&back.subject)))),
        (
            "content sets",
            lost(kept.is_none_or(|kept| kept.content_sets != whole.content_sets)) * inventory.content_sets.len(),
        ),
        (
            "what could not be examined",
            lost(kept.is_none_or(|kept| kept.unexamined.len() != whole.unexamined.len())) * inventory.unexamined.len(),
        ),
        // Written on demand only, and read by nobody as executables.
        ("executables", inventory.executables.len()),
    ]
}
