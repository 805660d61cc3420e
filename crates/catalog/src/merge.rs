//! All layers together: what is still there, who owns it, what it needs.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use signet_image::View;
use signet_model::{
    Digest, Directness, Distro, Executable, Inventory, License, Location, Package, PackageIndex, PackageKind, Presence,
    Relationship, RelationshipKind, SymbolSet, Unexamined, UnexaminedKind,
};

use crate::dependencies::{Names, normal};
use crate::late::{Target, target_of};
use crate::ownership::{Directories, Owners};
use crate::recognised;
use crate::{Claim, ExecutableRecord, FileRecord, LayerRecord, Matcher, Owner};

/// Merges the records of all layers, base first, each with its diffID (`None` for a directory, which is one layer).
///
/// The outcome depends on what the view shows and not on how it came to be: the same files as one directory or as ten layers give the same
/// packages. Never fails: what could not be read or resolved is in `Inventory::unexamined`.
pub fn merge(matcher: &Matcher, layers: Vec<(Option<Digest>, LayerRecord)>, view: &View) -> Inventory {
    let mut merge = Merge::default();
    merge.unexamined.extend(view.unexamined().iter().cloned());
    merge.open_late(matcher, &layers, view);
    let mut directories = Directories::new(view);
    let executables = executables(&layers, view);
    let diff_ids: Vec<Option<Digest>> = layers.iter().map(|(diff_id, _)| *diff_id).collect();
    let mut files: Vec<(FileRecord, Option<Digest>)> = Vec::new();
    for (place, (diff_id, record)) in layers.into_iter().enumerate() {
        for mut what in record.unexamined {
            if view.visible(place, &what.location.path) {
                let claimed = what.location.path.clone();
                settle(&mut what.location, &claimed, &directories.canonical(&claimed), diff_id);
                merge.unexamined.push(what);
            }
        }
        for file in record.files {
            let shown = match &file.link {
                None => view.visible(place, &file.path),
                Some(link) => {
                    view.resolve(link).is_ok_and(|found| found.layer == place && found.entry.path == file.path)
                }
            };
            if shown {
                files.push((file, diff_id));
            }
        }
    }
    crate::project::settle(&mut files);
    for (file, diff_id) in files {
        merge.file(matcher, file, diff_id, &mut directories);
    }
    if matcher.leaf(crate::nix::LEAF.id).is_some() {
        for (mut package, layer, files) in crate::nix::packages(view) {
            let diff_id = diff_ids.get(layer).copied().flatten();
            package.locations.iter_mut().for_each(|location| location.layer = diff_id);
            merge.owns.push((Subject::Place(merge.packages.len()), files));
            merge.packages.push(package);
        }
    }
    merge.finish(executables, view)
}

/// The visible programs of all layers, under all their names.
fn executables(layers: &[(Option<Digest>, LayerRecord)], view: &View) -> Vec<Executable> {
    let mut known: HashMap<(usize, &str), &ExecutableRecord> = HashMap::new();
    for (place, (_, record)) in layers.iter().enumerate() {
        known.extend(record.executables.iter().map(|file| ((place, file.path.as_str()), file)));
    }
    let mut executables = Vec::new();
    let mut directories = Directories::new(view);
    for (place, (diff_id, record)) in layers.iter().enumerate() {
        let own = record.executables.iter().map(|file| (file.path.as_str(), Some(file)));
        let linked = record.hardlinks.iter().map(|(path, _)| {
            // The content may be in a lower layer.
            let target = view.resolve(path).ok().and_then(|found| known.get(&(found.layer, found.entry.path)).copied());
            (path.as_str(), target)
        });
        for (path, file) in own.chain(linked).filter(|(path, _)| view.visible(place, path)) {
            if let Some(ExecutableRecord { digest, size, .. }) = file {
                let (path, digest, size) = (directories.canonical(path), *digest, *size);
                executables.push(Executable { path, layer: *diff_id, digest, size, package: None });
            }
        }
    }
    executables
}

/// The package that a list speaks of, in the places of `Merge::packages`.
enum Subject {
    Place(usize),
    Named { kind: PackageKind, name: String, arch: Option<String> },
}

#[derive(Default)]
struct Merge {
    packages: Vec<Package>,
    edges: Vec<(usize, usize, RelationshipKind)>,
    requires: Vec<(usize, String)>,
    provides: Vec<(usize, String)>,
    owns: Vec<(Subject, Vec<String>)>,
    licenses: Vec<(Subject, Vec<License>)>,
    distros: Vec<(u8, String, Distro)>,
    facts: BTreeMap<&'static str, Vec<String>>,
    unexamined: Vec<Unexamined>,
}

impl Merge {
    /// What no second pass has read.
    fn open_late(&mut self, matcher: &Matcher, layers: &[(Option<Digest>, LayerRecord)], view: &View) {
        let records: Vec<&LayerRecord> = layers.iter().map(|(_, record)| record).collect();
        for (place, (diff_id, record)) in layers.iter().enumerate() {
            for link in &record.links {
                let why = match target_of(matcher, &records, view, place, link) {
                    Target::Hidden | Target::Read => continue,
                    // A link to nothing has nothing to examine; that a package database leads nowhere is worth telling.
                    Target::Dangling if !is_database(link.leaf) => continue,
                    Target::Dangling => format!("it is a link to `{}`, which is not there", link.target),
                    Target::Unread(..) => format!("it is a link to `{}`, which was not read", link.target),
                };
                let location = Location { layer: *diff_id, ..Location::of_path(&link.path) };
                self.unexamined.push(Unexamined { location, kind: UnexaminedKind::Unreadable, by: link.leaf, why });
            }
            for late in record.parts.iter().filter(|late| view.visible(place, &late.path)) {
                let location = Location { layer: *diff_id, ..Location::of_path(&late.path) };
                let why = "the program is large, and parts of it were not read".to_owned();
                self.unexamined.push(Unexamined { location, kind: UnexaminedKind::TooLarge, by: late.leaf, why });
            }
        }
    }

    fn file(&mut self, matcher: &Matcher, file: FileRecord, layer: Option<Digest>, directories: &mut Directories<'_>) {
        let claimed = file.link.clone().unwrap_or_else(|| file.path.clone());
        // Where it stands, when a layer wrote it through a link of a lower one: as it would in one tree.
        let path = &directories.canonical(&claimed);
        if of_someone_else(path) && describes_a_project(matcher, &file) {
            return;
        }
        let first = self.packages.len();
        let path = path.to_owned();
        let found = file.found;
        let count = found.packages.len();
        let here = |place: usize| (place < count).then(|| first + place);
        for mut package in found.packages {
            package.locations.iter_mut().for_each(|location| settle(location, &claimed, &path, layer));
            self.packages.push(package);
        }
        self.edges.extend(found.edges.into_iter().filter_map(|(from, to, kind)| Some((here(from)?, here(to)?, kind))));
        self.requires.extend(found.requires.into_iter().filter_map(|(from, name)| Some((here(from)?, name))));
        self.provides.extend(found.provides.into_iter().filter_map(|(from, name)| Some((here(from)?, name))));
        let subject = |owner: Owner| match owner {
            Owner::Here(place) => here(place).map(Subject::Place),
            Owner::Named { kind, name, arch } => Some(Subject::Named { kind, name, arch }),
        };
        self.owns.extend(found.owns.into_iter().filter_map(|(owner, files)| Some((subject(owner)?, files))));
        self.licenses
            .extend(found.licenses.into_iter().filter_map(|(owner, licenses)| Some((subject(owner)?, licenses))));
        self.distros.extend(found.distro.map(|(rank, distro)| (rank, path.clone(), distro)));
        for (fact, values) in found.facts {
            self.facts.entry(fact).or_default().extend(values);
        }
        for mut what in found.unexamined {
            settle(&mut what.location, &claimed, &path, layer);
            self.unexamined.push(what);
        }
    }

    fn finish(mut self, mut executables: Vec<Executable>, view: &View) -> Inventory {
        let names = by_name(&self.packages);
        for (subject, licenses) in std::mem::take(&mut self.licenses) {
            for place in places(&subject, &names, &self.packages) {
                if let Some(package) = self.packages.get_mut(place) {
                    let new: Vec<_> =
                        licenses.iter().filter(|license| !package.licenses.contains(license)).cloned().collect();
                    package.licenses.extend(new);
                }
            }
        }

        self.licenses_of_linked_documentation(view);

        // Only these files' owners are of interest.
        let mut directories = Directories::new(view);
        let evidence: Vec<Option<String>> =
            self.packages.iter().map(|package| evidence(package, &mut directories)).collect();
        let needs: Vec<(usize, String)> = self
            .requires
            .iter()
            .filter_map(|(from, name)| Some((*from, directories.canonical(name.strip_prefix('/')?))))
            .collect();
        let programs: Vec<String> = executables.iter().map(|file| file.path.clone()).collect();
        let asked: HashSet<String> =
            evidence.iter().flatten().chain(needs.iter().map(|(_, path)| path)).chain(&programs).cloned().collect();
        let owned: Vec<(usize, &[String])> = self
            .owns
            .iter()
            .flat_map(|(subject, files)| {
                places(subject, &names, &self.packages).into_iter().map(|place| (place, files.as_slice()))
            })
            .collect();
        let is_os = |place: usize| self.packages.get(place).is_some_and(|package| package.kind.is_os());
        let os = Owners::new(owned.iter().copied().filter(|(place, _)| is_os(*place)), &asked, &mut directories);
        let other = Owners::new(owned.iter().copied().filter(|(place, _)| !is_os(*place)), &asked, &mut directories);

        // A program is its owner's, else the package's that lists it, else the package's that was found in it or around it.
        let mut found_in: HashMap<&str, usize> = HashMap::new();
        for (place, path) in evidence.iter().enumerate().rev() {
            if let Some(path) = path {
                let root = self.packages.get(place).is_some_and(|package| package.directness == Directness::Root);
                if root || !found_in.get(path.as_str()).is_some_and(|held| self.is_root(*held)) {
                    found_in.insert(path, place);
                }
            }
        }
        let claimed: Vec<Option<usize>> = programs
            .iter()
            .map(|path| {
                os.of(path)
                    .or_else(|| other.of(path))
                    .or_else(|| found_in.get(path.as_str()).copied())
                    .or_else(|| around(path, &found_in))
            })
            .collect();

        let owner: Vec<Option<usize>> = evidence
            .iter()
            .zip(&self.packages)
            .map(|(path, package)| if package.kind.is_os() { None } else { os.of(path.as_deref()?) })
            .collect();
        let told = recognised::redundant(&self.packages, &evidence, &os, &other);
        let resolver = Names::new(&self.packages, &self.provides);
        let mut edges = std::mem::take(&mut self.edges);
        for (from, name) in &self.requires {
            edges.extend(resolver.answer(*from, name).into_iter().map(|to| (*from, to, RelationshipKind::DependsOn)));
        }
        drop(resolver);
        for (from, path) in &needs {
            if let Some(to) = os.of(path).filter(|to| to != from) {
                edges.push((*from, to, RelationshipKind::DependsOn));
            }
        }
        edges.extend(owner.iter().enumerate().filter_map(|(from, to)| Some((from, (*to)?, RelationshipKind::OwnedBy))));

        let (packages, owner, kept) = recognised::without(self.packages, owner, &told);
        let kept = |place: usize| kept.get(place).copied().flatten();
        let owner: Vec<Option<usize>> = owner.into_iter().map(|owner| owner.and_then(kept)).collect();
        let (packages, moved) = unite(packages, &owner);
        let moved = |place: usize| moved.get(kept(place)?).copied().map(|place| PackageIndex(place as u32));
        let relationships: BTreeSet<Relationship> = edges
            .into_iter()
            .filter_map(|(from, to, kind)| Some(Relationship { from: moved(from)?, to: moved(to)?, kind }))
            .filter(|edge| edge.from != edge.to)
            .collect();
        for (executable, package) in executables.iter_mut().zip(claimed) {
            executable.package = package.and_then(moved);
        }
        executables.sort_by(|a, b| a.path.cmp(&b.path));
        executables.dedup_by(|a, b| a.path == b.path);
        let distro = distro(self.distros, &self.facts);
        // What the image was built as stands for products too (trivy `pkg/detector/ospkg/redhat`).
        let mut sets: BTreeSet<String> = self.facts.remove("content_set").unwrap_or_default().into_iter().collect();
        sets.extend(self.facts.remove("build_nvr").unwrap_or_default());
        self.unexamined.sort();
        self.unexamined.dedup();
        Inventory {
            distro,
            packages,
            relationships: relationships.into_iter().collect(),
            executables,
            content_sets: sets.into_iter().collect(),
            unexamined: self.unexamined,
        }
    }

    /// Packages of one source often share a directory of documentation: `usr/share/doc/libstdc++6` is a link to `gcc-12-base`.
    fn licenses_of_linked_documentation(&mut self, view: &View) {
        let mut known: HashMap<String, Vec<License>> = HashMap::new();
        let mut open = Vec::new();
        for (place, package) in self.packages.iter().enumerate().filter(|(_, package)| package.kind == PackageKind::Deb)
        {
            if package.licenses.is_empty() {
                open.push(place);
            } else {
                known.insert(package.name.clone(), package.licenses.clone());
            }
        }
        for place in open {
            let Some(package) = self.packages.get_mut(place) else { continue };
            let Ok(found) = view.resolve(&format!("usr/share/doc/{}/copyright", package.name)) else { continue };
            if let Some(licenses) = found.path.rsplit('/').nth(1).and_then(|name| known.get(name)) {
                package.licenses.clone_from(licenses);
            }
        }
    }

    fn is_root(&self, place: usize) -> bool {
        self.packages.get(place).is_some_and(|package| package.directness == Directness::Root)
    }
}

/// Names under which lists and licences find a package.
type ByName = HashMap<(PackageKind, String), Vec<usize>>;

fn by_name(packages: &[Package]) -> ByName {
    let mut names = ByName::new();
    let listed = |package: &Package| package.presence == Presence::Installed && !recognised::is_recognised(package);
    for (place, package) in packages.iter().enumerate().filter(|(_, package)| listed(package)) {
        names.entry((package.kind, normal(package.kind, &package.name))).or_default().push(place);
    }
    names
}

/// The packages that a list speaks of: those of its architecture where it names one, else all of the name.
fn places(subject: &Subject, names: &ByName, packages: &[Package]) -> Vec<usize> {
    match subject {
        Subject::Place(place) => vec![*place],
        Subject::Named { kind, name, arch } => {
            let all = names.get(&(*kind, normal(*kind, name))).cloned().unwrap_or_default();
            let same = |place: &usize| packages.get(*place).is_some_and(|package| package.arch == *arch);
            match arch {
                Some(_) => all.into_iter().filter(same).collect(),
                None => all,
            }
        }
    }
}

/// The file that shows that the package is there, as a canonical path; of a package inside an archive, the archive.
fn evidence(package: &Package, directories: &mut Directories<'_>) -> Option<String> {
    // An operating-system package that a program names has that program for evidence, not a database.
    let database = package.kind.is_os() && !recognised::is_recognised(package);
    if database || package.presence == Presence::Declared {
        return None;
    }
    let path = &package.locations.first()?.path;
    Some(directories.canonical(path.split_once("!/").map_or(path.as_str(), |(archive, _)| archive)))
}

/// The npm package in whose directory a file lies: native modules are built there, and no list names them.
fn around(path: &str, found_in: &HashMap<&str, usize>) -> Option<usize> {
    if !path.contains("node_modules/") {
        return None;
    }
    let mut directory = path;
    while let Some((above, _)) = directory.rsplit_once('/') {
        if let Some(place) = found_in.get(format!("{above}/package.json").as_str()) {
            return Some(*place);
        }
        directory = above;
    }
    None
}

/// Whether a leaf's file is the database of an operating system's packages, or states the system itself.
fn is_database(leaf: &str) -> bool {
    matches!(leaf, "dpkg" | "apk" | "rpm" | "rpm-manifest" | "distro")
}

/// Whether a file lies inside a dependency that someone else made: `node_modules/x/test/package-lock.json`, `gems/rbs-2.1.0/Gemfile.lock`.
/// What such files name was never installed. The same answer for an image and for a directory.
fn of_someone_else(path: &str) -> bool {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut parts = directory.split('/').peekable();
    while let Some(part) = parts.next() {
        let holds =
            matches!(part, "node_modules" | "site-packages" | "dist-packages" | "gems" | "vendor" | "bower_components");
        let cache = part == "pkg" && parts.peek() == Some(&"mod") || part == "registry" && parts.peek() == Some(&"src");
        // Directly in the directory itself a file is the project's own (`vendor/modules.txt`, `node_modules/.package-lock.json`).
        if holds && parts.peek().is_some() || cache {
            return true;
        }
    }
    false
}

/// Whether a record comes from a file that says what a project wants, not what is installed: it names only declared packages, or nothing could
/// be read of a file that is claimed by its name.
fn describes_a_project(matcher: &Matcher, file: &FileRecord) -> bool {
    let found = &file.found;
    if !found.packages.is_empty() {
        return found.packages.iter().all(|package| package.presence == Presence::Declared);
    }
    let by_name = |leaf: &&'static crate::Leaf| leaf.claims.iter().all(|claim| matches!(claim, Claim::Name(_)));
    // an installed package's own manifest that is broken stands for the package: that is told
    let installed = file.leaf == crate::npm::package_json::LEAF.id;
    !found.unexamined.is_empty() && !installed && matcher.leaf(file.leaf).as_ref().is_some_and(by_name)
}

/// Completes a location of a record: its layer, and where its file stands.
fn settle(location: &mut Location, claimed: &str, stands: &str, layer: Option<Digest>) {
    location.layer = location.layer.or(layer);
    if claimed != stands
        && let Some(inner) = location.path.strip_prefix(claimed)
    {
        location.path = format!("{stands}{inner}");
    }
}

/// The distribution by the source of the lowest rank, completed by what other files state.
fn distro(mut stated: Vec<(u8, String, Distro)>, facts: &BTreeMap<&'static str, Vec<String>>) -> Option<Distro> {
    stated.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let (_, _, mut distro) = stated.into_iter().next()?;
    let values = |name: &str| facts.get(name).map(Vec::as_slice).unwrap_or_default();
    if distro.id == "debian" {
        // `12.15`; testing and unstable state `trixie/sid`.
        let point =
            values("debian_version").iter().find(|version| version.starts_with(|first: char| first.is_ascii_digit()));
        distro.point_release = point.cloned();
    }
    if distro.id == "alpine" && values("apk_repository").iter().any(|url| url.contains("/edge/")) {
        distro.channel = Some("edge".to_owned());
    }
    Some(distro)
}

/// What tells packages of one name and version apart in ecosystems whose purls have more than these.
pub(crate) fn part(package: &Package) -> Option<&str> {
    let fact = match package.kind {
        PackageKind::Conan => "conan.user",
        PackageKind::GithubAction => "github.path",
        PackageKind::Julia => "julia.uuid",
        _ => return None,
    };
    package.extra.get(fact).map(String::as_str)
}

/// Unites records of the same package (kind, name, version, architecture, owner) and sorts. Copies that an operating-system package owns stay
/// apart from those that it does not: only the former are governed by the distribution's advisories. Gives each old place its new one.
pub(crate) fn unite(packages: Vec<Package>, owner: &[Option<usize>]) -> (Vec<Package>, Vec<usize>) {
    let mut moved = vec![0; packages.len()];
    let mut groups: BTreeMap<_, Vec<(usize, Package)>> = BTreeMap::new();
    for (place, package) in packages.into_iter().enumerate() {
        let owned = owner.get(place).copied().flatten();
        let part = part(&package).map(str::to_owned);
        let key = (package.kind, package.name.clone(), package.version.clone(), package.arch.clone(), part, owned);
        // nearly every group is of one, and a first push would make room for four
        groups.entry(key).or_insert_with(|| Vec::with_capacity(1)).push((place, package));
    }
    // A lock file knows neither owner nor place: what it declares goes to an installed copy, whoever owns that.
    let same = |a: &Package, b: &Package| {
        (a.kind, &a.name, &a.version, &a.arch, part(a)) == (b.kind, &b.name, &b.version, &b.arch, part(b))
    };
    let mut united: Vec<(Package, Vec<usize>)> = Vec::with_capacity(groups.len());
    for (mut package, mut places) in groups.into_values().filter_map(one) {
        let lock_only =
            |(last, _): &mut (Package, Vec<usize>)| last.presence == Presence::Declared && same(last, &package);
        if let Some((declared, others)) = united.pop_if(lock_only) {
            take(&mut package, declared);
            places.extend(others);
        }
        united.push((package, places));
    }
    united.sort_by(|(a, _), (b, _)| {
        let key = |package: &Package| {
            (
                package.kind,
                package.name.clone(),
                package.version.clone(),
                package.locations.first().cloned(),
                package.arch.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let mut sorted = Vec::with_capacity(united.len());
    for (new, (package, places)) in united.into_iter().enumerate() {
        for place in places {
            if let Some(slot) = moved.get_mut(place) {
                *slot = new;
            }
        }
        sorted.push(package);
    }
    (sorted, moved)
}

/// One package of many records: installed ones first, then by location.
fn one(mut group: Vec<(usize, Package)>) -> Option<(Package, Vec<usize>)> {
    group.sort_by(|(_, a), (_, b)| (a.presence, &a.locations).cmp(&(b.presence, &b.locations)));
    let places = group.iter().map(|(place, _)| *place).collect();
    // Only a lock file knows what is needed for development alone; a package's own files do not tell.
    let mut told = group.iter().filter(|(_, package)| package.presence == Presence::Declared).peekable();
    let dev = told.peek().is_some().then(|| told.all(|(_, package)| package.dev));
    let mut group = group.into_iter().map(|(_, package)| package);
    let mut package = group.next()?;
    // A package may stand in a hundred thousand places: each list is looked through once, not once per place.
    let mut locations: Vec<Location> = std::mem::take(&mut package.locations);
    for mut other in group {
        locations.append(&mut other.locations);
        take(&mut package, other);
    }
    let mut seen = HashSet::with_capacity(locations.len());
    locations.retain(|location| seen.insert(location.clone()));
    package.locations = locations;
    package.dev = dev.unwrap_or(package.dev);
    Some((package, places))
}

/// What two programs hold of a module is what either holds; where one of them does not tell, nobody knows.
fn linked(package: &mut Package, other: Option<&String>) {
    let both = match (package.extra.remove(SymbolSet::FACT), other) {
        (Some(one), Some(other)) if one == *other => one,
        (Some(one), Some(other)) if one.len() + other.len() < MOST_LINKED => format!("{one} {other}"),
        _ => return,
    };
    package.extra.insert(SymbolSet::FACT.to_owned(), both);
}

/// Bytes of the sets of linked functions of one package in all programs together. The standard library's set of a program has 20 kB.
const MOST_LINKED: usize = 4 << 20;

/// Adds what another record of the same package knows.
fn take(package: &mut Package, other: Package) {
    fn union<T: PartialEq>(into: &mut Vec<T>, from: Vec<T>) {
        for value in from {
            if !into.contains(&value) {
                into.push(value);
            }
        }
    }
    union(&mut package.locations, other.locations);
    union(&mut package.licenses, other.licenses);
    union(&mut package.checksums, other.checksums);
    union(&mut package.cpes, other.cpes);
    package.presence = package.presence.min(other.presence);
    package.dev = package.dev && other.dev;
    package.directness = match (package.directness, other.directness) {
        (Directness::Unknown, known) | (known, Directness::Unknown) => known,
        (one, other) => one.min(other),
    };
    package.source = package.source.take().or(other.source);
    package.module = package.module.take().or(other.module);
    package.vendor = package.vendor.take().or(other.vendor);
    package.description = package.description.take().or(other.description);
    linked(package, other.extra.get(SymbolSet::FACT));
    for (key, value) in other.extra {
        if key == SymbolSet::FACT {
            continue;
        }
        package.extra.entry(key).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_either_program_holds_is_held() {
        let with = |set: Option<&str>| {
            let mut package = Package::new(PackageKind::Go, "stdlib", "v1.22.1");
            package.extra.extend(set.map(|set| (SymbolSet::FACT.to_owned(), set.to_owned())));
            package
        };
        let united = |sets: &[Option<&str>]| {
            let group = sets.iter().map(|set| with(*set)).enumerate().collect();
            one(group).unwrap().0.extra.remove(SymbolSet::FACT)
        };
        assert_eq!(united(&[Some("a"), Some("b"), Some("b")]).as_deref(), Some("a b b"));
        assert_eq!(united(&[Some("a"), Some("a")]).as_deref(), Some("a"));
        // One that does not tell may hold anything, and a later one does not change that.
        assert_eq!(united(&[Some("a"), None, Some("b")]), None);
        assert_eq!(united(&[None, Some("b")]), None);
        let long = "x".repeat(MOST_LINKED);
        assert_eq!(united(&[Some(&long), Some("a")]), None);
    }
}
