//! One archive, and those inside of it.

use std::collections::{BTreeMap, BTreeSet};

use sha1::Digest as _;
use signet_model::{
    Checksum, ChecksumAlgorithm, License, Location, Package, PackageKind, RelationshipKind, UnexaminedKind,
};

use super::identity::{self, Identity};
use super::pom::{self, Pom};
use super::{file_name, is_archive};
use crate::syntax::headers::{self, Folding, Header};
use crate::syntax::zip::{Archive, Limits, Member, ZipError};
use crate::syntax::{self};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads Java archives.
pub(crate) static LEAF: Leaf = Leaf {
    id: "java-archive",
    claims: &[
        Claim::Suffix(".jar"),
        Claim::Suffix(".war"),
        Claim::Suffix(".ear"),
        Claim::Suffix(".par"),
        Claim::Suffix(".sar"),
        Claim::Suffix(".nar"),
        Claim::Suffix(".jpi"),
        Claim::Suffix(".hpi"),
        Claim::Suffix(".kar"),
        Claim::Suffix(".far"),
        Claim::Suffix(".lpkg"),
        Claim::Suffix(".rar"),
        Claim::Suffix(".zap"),
        Claim::Suffix(".aar"),
        Claim::Suffix(".ejb"),
    ],
    accepts: any_path,
    max_size: 128 << 20,
    read,
    coverage: super::COVERAGE,
};

/// What one top archive may cost, with everything inside of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Archives in archives in archives.
    pub(super) depth: u32,
    /// Archives in all.
    pub(super) archives: u32,
    /// Descriptors (manifest, poms) of one archive.
    pub(super) descriptors: usize,
    /// Bytes inflated in all.
    pub(super) total: u64,
    /// Members of one archive; bytes of one member.
    pub(super) zip: Limits,
    /// Bytes of one descriptor (manifest, pom).
    pub(super) descriptor: u64,
}

pub(super) const BOUNDS: Bounds = Bounds {
    depth: 32,
    archives: 50_000,
    descriptors: 20_000,
    total: 1 << 30,
    zip: Limits { members: 500_000, member_size: 64 << 20 },
    descriptor: 4 << 20,
};

fn read(input: &Input<'_>) -> Found {
    read_within(input, BOUNDS)
}

/// Reads an archive and those inside of it.
///
/// Packages: each `pom.properties` (several where an archive is shaded); the archive itself, which is one of these, or what manifest and
/// file name say, or its file name without a version. Each archive has its SHA-1, by which public indexes list it.
/// Edges: what lies inside is contained in the archive around it.
/// Errors: no zip archive, a broken or encrypted member, a limit reached; the rest is kept.
pub(super) fn read_within(input: &Input<'_>, bounds: Bounds) -> Found {
    let mut walk = Walk::new(input, bounds);
    // resource adapters share their suffix with archives of another format
    if !(input.name().ends_with(".rar") && input.bytes.starts_with(b"Rar!")) {
        walk.archive(input.bytes, input.location, input.name(), 0);
    }
    walk.found
}

/// A walk through one top archive or bundle.
pub(super) struct Walk<'a> {
    input: &'a Input<'a>,
    bounds: Bounds,
    budget: u64,
    archives: u32,
    found: Found,
}

/// What the members of an archive say about it.
#[derive(Default)]
struct Descriptors {
    /// With the directory of each.
    properties: Vec<(String, Pom)>,
    xmls: Vec<(String, Pom)>,
    manifest: Vec<Header>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(input: &'a Input<'a>, bounds: Bounds) -> Walk<'a> {
        Walk { input, bounds, budget: bounds.total, archives: 0, found: Found::default() }
    }

    pub(super) fn finish(self) -> Found {
        self.found
    }

    /// Takes the bytes of a member from the budget. `false`: it is too large.
    pub(super) fn take(&mut self, size: u64) -> bool {
        let left = self.budget.checked_sub(size).filter(|_| size <= self.bounds.zip.member_size);
        self.budget = left.unwrap_or(self.budget);
        left.is_some()
    }

    /// Reads an archive that lies in a bundle.
    pub(super) fn inner(&mut self, bytes: &[u8], at: &Location, name: &str) {
        if self.count(at) {
            self.archive(bytes, at, name.rsplit('/').next().unwrap_or_default(), 1);
        }
    }

    /// Counts one more archive. `false`: the limit is reached, which is said once, where it happened; a member for each would be the next bomb.
    fn count(&mut self, at: &Location) -> bool {
        self.archives = self.archives.saturating_add(1);
        if self.archives == self.bounds.archives {
            let why = format!("more than {} archives", self.bounds.archives);
            self.give_up(at, UnexaminedKind::TooLarge, why);
        }
        self.archives < self.bounds.archives
    }

    pub(super) fn give_up(&mut self, at: &Location, kind: UnexaminedKind, why: impl Into<String>) {
        let what = self.input.unexamined(kind, why);
        syntax::report(&mut self.found.unexamined, signet_model::Unexamined { location: at.clone(), ..what });
    }

    pub(super) fn refuse(&mut self, at: &Location, error: ZipError) {
        let kind = match error {
            ZipError::Members | ZipError::Size(_) => UnexaminedKind::TooLarge,
            ZipError::Method(_) => UnexaminedKind::Unsupported,
            _ => UnexaminedKind::Malformed,
        };
        self.give_up(at, kind, error.to_string());
    }

    /// Reads one archive. Returns the place of its own package.
    fn archive(&mut self, bytes: &[u8], at: &Location, file: &str, depth: u32) -> Option<usize> {
        let archive = match Archive::open(bytes, self.bounds.zip) {
            Ok(archive) => archive,
            Err(error) => {
                self.refuse(at, error);
                return None;
            }
        };
        if let Some(error) = archive.incomplete {
            self.refuse(at, error);
        }
        let descriptors = self.descriptors(&archive, at);
        let own = self.packages(bytes, at, file, descriptors);
        self.members(&archive, at, own, depth);
        own
    }

    /// Reads the archives in an archive or bundle; `own` is the place of its own package.
    pub(super) fn members(&mut self, archive: &Archive<'_>, at: &Location, own: Option<usize>, depth: u32) {
        for member in archive.members.iter().filter(|member| is_archive(&member.name)) {
            let inner = at.inside(&member.name);
            if !self.count(&inner) {
                break;
            }
            if depth + 1 >= self.bounds.depth {
                self.give_up(
                    &inner,
                    UnexaminedKind::TooLarge,
                    format!("nested deeper than {} archives", self.bounds.depth),
                );
                continue;
            }
            let before = self.found.packages.len();
            match archive.read(member, &mut self.budget) {
                Ok(content) => {
                    let name = member.name.rsplit('/').next().unwrap_or_default();
                    let inner = self.archive(&content, &inner, name, depth + 1);
                    // without an own package of the inner archive, all that it holds is inside of this one
                    if let Some(own) = own {
                        let inside = match inner {
                            Some(inner) => inner..inner + 1,
                            None => before..self.found.packages.len(),
                        };
                        self.found.edges.extend(inside.map(|at| (at, own, RelationshipKind::ContainedIn)));
                    }
                }
                Err(error) => self.refuse(&inner, error),
            }
        }
    }

    fn descriptors(&mut self, archive: &Archive<'_>, at: &Location) -> Descriptors {
        let mut descriptors = Descriptors::default();
        for member in &archive.members {
            let (directory, name) = member.name.rsplit_once('/').unwrap_or(("", &member.name));
            let maven = format!("/{directory}").contains("/META-INF/maven/");
            let wanted =
                name == "pom.properties" || (name == "pom.xml" && maven) || member.name == "META-INF/MANIFEST.MF";
            if !wanted {
                continue;
            }
            if descriptors.properties.len() + descriptors.xmls.len() >= self.bounds.descriptors {
                self.give_up(
                    at,
                    UnexaminedKind::TooLarge,
                    format!("more than {} descriptors", self.bounds.descriptors),
                );
                break;
            }
            let Some(text) = self.descriptor(archive, member, at) else { continue };
            match name {
                "pom.properties" => descriptors.properties.push((directory.to_owned(), pom::properties(&text))),
                "pom.xml" => match pom::xml(text.as_bytes()) {
                    Ok(pom) => descriptors.xmls.push((directory.to_owned(), pom)),
                    Err((kind, why)) => self.give_up(&at.inside(&member.name), kind, why),
                },
                _ => descriptors.manifest = headers::parse(&text, Folding::Joined).0,
            }
        }
        descriptors
    }

    fn descriptor(&mut self, archive: &Archive<'_>, member: &Member, at: &Location) -> Option<String> {
        let cap = self.bounds.descriptor.min(self.budget);
        let mut left = cap;
        match archive.read(member, &mut left) {
            Ok(bytes) => {
                self.budget = self.budget.saturating_sub(cap.saturating_sub(left));
                Some(syntax::text(&bytes).into_owned())
            }
            Err(error) => {
                self.refuse(&at.inside(&member.name), error);
                None
            }
        }
    }

    /// Adds the packages that the descriptors name, and the archive itself, whose place is returned.
    fn packages(&mut self, bytes: &[u8], at: &Location, file: &str, descriptors: Descriptors) -> Option<usize> {
        let Descriptors { mut properties, xmls, manifest } = descriptors;
        let known: BTreeMap<String, usize> =
            properties.iter().enumerate().map(|(at, (directory, _))| (directory.clone(), at)).collect();
        for (directory, xml) in xmls {
            match known.get(&directory).and_then(|at| properties.get_mut(*at)) {
                Some((_, pom)) => pom.licenses = xml.licenses,
                None => properties.push((directory, xml)),
            }
        }
        let (mut poms, mut seen): (Vec<Pom>, BTreeSet<Pom>) = Default::default();
        for (directory, pom) in properties {
            match pom.is_whole() {
                true if seen.insert(pom.clone()) => poms.push(pom),
                true => {}
                false => {
                    let why = "the Maven descriptor does not state artifact and version without variables";
                    self.give_up(&at.inside(&directory), UnexaminedKind::Unresolved, why);
                }
            }
        }
        let first = self.found.packages.len();
        let own_pom = identity::own_pom(file, &poms, &manifest);
        for pom in &poms {
            let identity =
                Identity { group: pom.group.clone(), artifact: pom.artifact.clone(), version: pom.version.clone() };
            let mut package = self.package(at, &identity);
            package.licenses = pom.licenses.iter().map(|value| License { value: value.clone() }).collect();
            self.found.packages.push(package);
        }
        let own = match own_pom {
            Some(place) => first + place,
            None => {
                let fallback = || {
                    let artifact = file_name::split(file).0.to_owned();
                    Identity { artifact, ..Identity::default() }
                };
                let identity = identity::stated(file, &manifest).or_else(|| poms.is_empty().then(fallback));
                // a shaded archive that says nothing of itself: what it holds stands side by side
                let identity = identity?;
                let known =
                    poms.iter().position(|pom| pom.artifact == identity.artifact && pom.version == identity.version);
                match known {
                    Some(place) => first + place,
                    None => {
                        let package = self.package(at, &identity);
                        self.found.packages.push(package);
                        self.found.packages.len() - 1
                    }
                }
            }
        };
        let hash = Checksum::from_bytes(ChecksumAlgorithm::Sha1, &sha1::Sha1::digest(bytes));
        if let Some(package) = self.found.packages.get_mut(own) {
            package.checksums.push(hash);
            describe(package, &manifest, file);
        }
        let others = (first..self.found.packages.len()).filter(|place| *place != own);
        self.found.edges.extend(others.map(|place| (place, own, RelationshipKind::ContainedIn)));
        Some(own)
    }

    fn package(&self, at: &Location, identity: &Identity) -> Package {
        let name = match identity.group.as_str() {
            "" => identity.artifact.clone(),
            group => format!("{group}:{}", identity.artifact),
        };
        let mut package = self.input.package(PackageKind::Java, name, identity.version.clone());
        package.locations = vec![at.clone()];
        package
    }
}

/// Facts of the manifest about the archive itself.
fn describe(package: &mut Package, manifest: &[Header], file: &str) {
    if (file.ends_with(".hpi") || file.ends_with(".jpi")) && headers::get(manifest, "Plugin-Version").is_some() {
        package.kind = PackageKind::JenkinsPlugin;
    }
    if package.licenses.is_empty() {
        let stated = headers::get(manifest, "Bundle-License").unwrap_or_default();
        // a comma-separated list with attributes behind semicolons; addresses are told by their names
        for part in stated.split(',') {
            let value = part.split(';').next().unwrap_or_default().trim().trim_matches('"');
            if !value.is_empty() && value != "<<EXTERNAL>>" {
                package.licenses.push(License { value: value.to_owned() });
            }
        }
    }
    let vendor = ["Implementation-Vendor", "Bundle-Vendor", "Specification-Vendor"];
    package.vendor = vendor.iter().find_map(|name| headers::get(manifest, name)).map(str::to_owned);
    for (fact, name) in [
        ("java.main_class", "Main-Class"),
        ("java.symbolic_name", "Bundle-SymbolicName"),
        ("java.module", "Automatic-Module-Name"),
    ] {
        if let Some(value) = headers::get(manifest, name) {
            package.extra.insert(fact.to_owned(), value.to_owned());
        }
    }
}
