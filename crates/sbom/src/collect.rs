//! What readers have in common: components come in with the ids of their document, an inventory in stable order goes out.

use std::collections::{HashMap, HashSet};

use signet_model::{
    Distro, Inventory, Location, Package, PackageIndex, PackageKind, Purl, Relationship, RelationshipKind, Unexamined,
    UnexaminedKind,
};

use crate::{Limits, ReadError};

/// The key of [`Package::extra`] that holds the component's id in its document.
pub(crate) const REF: &str = "sbom.ref";
/// So many references that lead nowhere are named one by one; the rest is counted.
const NAMED_DANGLING: usize = 20;
/// So many parts that cannot be understood are named one by one; the rest is counted.
const NAMED_NOTES: usize = 1000;

/// One end of an edge: the place of a package that is known already, else the id.
enum End {
    At(usize),
    Id(Box<str>),
}

pub(crate) struct Collector<'l> {
    by: &'static str,
    limits: &'l Limits,
    packages: Vec<Package>,
    by_ref: HashMap<String, usize>,
    /// Ids of what is no package: the root, the operating system, files.
    others: HashSet<String>,
    edges: Vec<(End, End, RelationshipKind)>,
    /// Whether packages keep their ids; a conversion needs none.
    pub(crate) with_refs: bool,
    pub(crate) distro: Option<Distro>,
    unexamined: Vec<Unexamined>,
    /// Notes that are only counted.
    unnamed: usize,
    /// Parts that could have been packages; ids alone cost memory too.
    parts: usize,
}

impl<'l> Collector<'l> {
    pub(crate) fn new(by: &'static str, limits: &'l Limits) -> Collector<'l> {
        Collector {
            by,
            limits,
            packages: Vec::new(),
            by_ref: HashMap::new(),
            others: HashSet::new(),
            edges: Vec::new(),
            with_refs: true,
            distro: None,
            unexamined: Vec::new(),
            unnamed: 0,
            parts: 0,
        }
    }

    /// Counts one more component, package or file of the document, whatever comes of it.
    ///
    /// Errors: more than the limits allow.
    pub(crate) fn part(&mut self) -> Result<(), ReadError> {
        self.parts += 1;
        match self.parts > self.limits.packages {
            true => Err(ReadError::TooLarge { what: "components", limit: self.limits.packages }),
            false => Ok(()),
        }
    }

    /// A package from what every format says of it. A purl that cannot be read leaves name and version, and a note.
    pub(crate) fn package(&mut self, at: &str, purl: Option<&str>, name: &str, version: &str) -> Package {
        let purl =
            purl.map(str::trim).filter(|text| !text.is_empty()).and_then(|text| match Purl::parse_lenient(text) {
                Ok(purl) => Some(purl),
                Err(err) => {
                    self.note(at, UnexaminedKind::Malformed, err.to_string());
                    None
                }
            });
        let mut package = match purl {
            Some(purl) => {
                let mut package = purl.to_package();
                // The component's own spelling where it is the same package: PyPI names, Go modules that were split elsewhere.
                if names_the_same(&purl, package.kind, name) {
                    package.name = name.to_owned();
                }
                // The same for versions: purls of PyPI fold case, those of rpm may lack the epoch that the component states.
                let fuller = version.strip_suffix(package.version.as_str()).is_some_and(|epoch| epoch.ends_with(':'));
                if package.version.is_empty() || fuller || version.eq_ignore_ascii_case(&package.version) {
                    package.version = version.to_owned();
                }
                package
            }
            None => Package::new(PackageKind::Other, name, version),
        };
        package.found_by = self.by;
        package
    }

    /// Takes a package. Two components of one id are both kept, and a note says so: edges go to the first.
    pub(crate) fn add(&mut self, id: &str, mut package: Package) -> Result<(), ReadError> {
        if self.packages.len() >= self.limits.packages {
            return Err(ReadError::TooLarge { what: "components", limit: self.limits.packages });
        }
        if !id.is_empty() {
            if self.with_refs {
                package.extra.insert(REF.to_owned(), id.to_owned());
            }
            if self.by_ref.contains_key(id) {
                self.note(id, UnexaminedKind::Malformed, format!("`{id}` names more than one component"));
            } else {
                self.by_ref.insert(id.to_owned(), self.packages.len());
            }
        }
        self.packages.push(package);
        Ok(())
    }

    /// An id that may stand in edges without naming a package.
    pub(crate) fn other(&mut self, id: &str) {
        self.others.insert(id.to_owned());
    }

    pub(crate) fn is_other(&self, id: &str) -> bool {
        self.others.contains(id) && !self.by_ref.contains_key(id)
    }

    pub(crate) fn package_mut(&mut self, id: &str) -> Option<&mut Package> {
        self.by_ref.get(id).and_then(|index| self.packages.get_mut(*index))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    pub(crate) fn edge(&mut self, from: &str, to: &str, kind: RelationshipKind) -> Result<(), ReadError> {
        if self.edges.len() >= self.limits.relationships {
            return Err(ReadError::TooLarge { what: "relationships", limit: self.limits.relationships });
        }
        let (from, to) = (self.end(from), self.end(to));
        self.edges.push((from, to, kind));
        Ok(())
    }

    fn end(&self, id: &str) -> End {
        self.by_ref.get(id).map_or_else(|| End::Id(id.into()), |place| End::At(*place))
    }

    pub(crate) fn note(&mut self, at: &str, kind: UnexaminedKind, why: impl Into<String>) {
        if self.unexamined.len() >= NAMED_NOTES {
            self.unnamed += 1;
            return;
        }
        self.unexamined.push(Unexamined { location: Location::of_path(at), kind, by: self.by, why: why.into() });
    }

    /// What the document itself says was not examined. It counts as a part, so that a list of them is bounded as well.
    ///
    /// Errors: more than the limits allow.
    pub(crate) fn keep(&mut self, unexamined: Unexamined) -> Result<(), ReadError> {
        self.part()?;
        self.unexamined.push(unexamined);
        Ok(())
    }

    pub(crate) fn by(&self) -> &'static str {
        self.by
    }

    /// Resolves edges, sorts, and gives the distribution that the packages' purls name when the document has none of its own.
    pub(crate) fn finish(mut self) -> Inventory {
        let mut pairs = Vec::new();
        let mut dangling = 0usize;
        for (from, to, kind) in std::mem::take(&mut self.edges) {
            let place = |end: &End| match end {
                End::At(place) => Some(*place),
                End::Id(id) => self.by_ref.get(&**id).copied(),
            };
            match (place(&from), place(&to)) {
                (Some(from), Some(to)) if from != to => pairs.push((from, to, kind)),
                (Some(_), Some(_)) => {}
                (found, _) => {
                    let missing = match if found.is_none() { from } else { to } {
                        End::Id(id) => String::from(id),
                        End::At(_) => continue,
                    };
                    if !self.others.contains(&missing) {
                        dangling += 1;
                        if dangling <= NAMED_DANGLING {
                            self.note(
                                &missing,
                                UnexaminedKind::Unresolved,
                                "a relationship names a component that is not there",
                            );
                        }
                    }
                }
            }
        }
        let mut more = |kind, why| {
            self.unexamined.push(Unexamined { location: Location::of_path(""), kind, by: self.by, why });
        };
        if dangling > NAMED_DANGLING {
            let why = format!("{} more relationships name components that are not there", dangling - NAMED_DANGLING);
            more(UnexaminedKind::Unresolved, why);
        }
        if self.unnamed > 0 {
            more(UnexaminedKind::Malformed, format!("{} more parts could not be understood", self.unnamed));
        }
        if self.distro.is_none() {
            self.distro = distro_of_purls(&self.packages);
        }

        let mut order: Vec<usize> = (0..self.packages.len()).collect();
        let key = |index: &usize| {
            self.packages.get(*index).map(|package| {
                (package.kind, &package.name, &package.version, package.locations.first(), package.extra.get(REF))
            })
        };
        order.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut place = vec![0u32; order.len()];
        for (new, old) in order.iter().enumerate() {
            if let Some(slot) = place.get_mut(*old) {
                *slot = u32::try_from(new).unwrap_or(u32::MAX);
            }
        }
        let at = |old: usize| PackageIndex(place.get(old).copied().unwrap_or(u32::MAX));
        let mut relationships: Vec<Relationship> =
            pairs.into_iter().map(|(from, to, kind)| Relationship { from: at(from), to: at(to), kind }).collect();
        relationships.sort_unstable();
        relationships.dedup();

        // In place: a second list of a large document's packages would be its largest part in memory.
        let mut packages = self.packages;
        for start in 0..place.len() {
            while let Some(target) = place.get(start).map(|target| *target as usize).filter(|target| *target != start) {
                if target >= packages.len() {
                    break;
                }
                packages.swap(start, target);
                place.swap(start, target);
            }
        }
        self.unexamined.sort();
        self.unexamined.dedup();
        Inventory { distro: self.distro, packages, relationships, unexamined: self.unexamined, ..Inventory::default() }
    }
}

/// Takes repeated items out and keeps the order of the others, in linear time: the lists of one component are as long as its author likes.
pub(crate) fn unique<T: Eq + std::hash::Hash>(list: &mut Vec<T>) {
    if list.len() < 2 {
        return;
    }
    let mut seen = HashSet::with_capacity(list.len());
    let first: Vec<bool> = list.iter().map(|item| seen.insert(item)).collect();
    let mut first = first.into_iter();
    list.retain(|_| first.next().unwrap_or(true));
}

/// Whether the component's own name says the same as the purl and more: PyPI names as written, Go modules split elsewhere, and any name
/// of a type without rules. Everywhere else the purl has the form that advisories use.
fn names_the_same(purl: &Purl, kind: PackageKind, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    match kind {
        PackageKind::Other => true,
        PackageKind::Python => Package::new(kind, name, "").purl(None).is_some_and(|other| other.name() == purl.name()),
        PackageKind::Go => {
            let parts = [purl.namespace(), Some(purl.name()), purl.subpath()];
            parts.into_iter().flatten().collect::<Vec<_>>().join("/") == name
        }
        _ => false,
    }
}

/// The distribution that most operating-system packages name; by name where two are equal.
fn distro_of_purls(packages: &[Package]) -> Option<Distro> {
    let mut votes: Vec<(Distro, usize)> = Vec::new();
    for distro in packages.iter().filter_map(|package| package.stated_purl.as_ref()?.distro()) {
        if let Some((_, count)) = votes.iter_mut().find(|(known, _)| *known == distro) {
            *count += 1;
        } else if votes.len() < 16 {
            // A document of a single system has one or two spellings; more are noise.
            votes.push((distro, 1));
        }
    }
    votes.into_iter().max_by_key(|(distro, count)| (*count, distro.version_id.is_some())).map(|(distro, _)| distro)
}

/// The kind of a name as we write it ([`PackageKind::name`]) or as Syft does (`type` of its artifacts).
pub(crate) fn kind_of_name(name: &str) -> Option<PackageKind> {
    Some(match name {
        "go-module" | "go" => PackageKind::Go,
        "java-archive" | "java" => PackageKind::Java,
        "rust-crate" => PackageKind::Cargo,
        "php-composer" => PackageKind::Composer,
        "php-pear" | "php-pecl" | "pear" => PackageKind::Pear,
        "dart-pub" => PackageKind::Pub,
        "dotnet" | "nuget" => PackageKind::Nuget,
        "erlang-otp" => PackageKind::Otp,
        "lua-rocks" => PackageKind::LuaRocks,
        "R-package" => PackageKind::Cran,
        "pod" => PackageKind::CocoaPods,
        "swiplpack" => PackageKind::SwiplPack,
        "jsr" => PackageKind::Jsr,
        "chrome-extension" => PackageKind::ChromeExtension,
        "vscode-extension" => PackageKind::VscodeExtension,
        "github-action" | "github-action-workflow" => PackageKind::GithubAction,
        "jenkins-plugin" => PackageKind::JenkinsPlugin,
        "wordpress-plugin" => PackageKind::WordpressPlugin,
        "linux-kernel" => PackageKind::LinuxKernel,
        "linux-kernel-module" => PackageKind::LinuxKernelModule,
        "apk" => PackageKind::Apk,
        "deb" => PackageKind::Deb,
        "rpm" => PackageKind::Rpm,
        "alpm" => PackageKind::Alpm,
        "portage" => PackageKind::Portage,
        "opkg" => PackageKind::Opkg,
        "npm" => PackageKind::Npm,
        "python" => PackageKind::Python,
        "cargo" => PackageKind::Cargo,
        "gem" => PackageKind::Gem,
        "composer" => PackageKind::Composer,
        "pub" => PackageKind::Pub,
        "swift" => PackageKind::Swift,
        "cocoapods" => PackageKind::CocoaPods,
        "conan" => PackageKind::Conan,
        "vcpkg" => PackageKind::Vcpkg,
        "hex" => PackageKind::Hex,
        "otp" => PackageKind::Otp,
        "hackage" => PackageKind::Hackage,
        "opam" => PackageKind::Opam,
        "cran" => PackageKind::Cran,
        "luarocks" => PackageKind::LuaRocks,
        "julia" => PackageKind::Julia,
        "cpan" => PackageKind::Cpan,
        "gleam" => PackageKind::Gleam,
        "conda" => PackageKind::Conda,
        "nix" => PackageKind::Nix,
        "bitnami" => PackageKind::Bitnami,
        "snap" => PackageKind::Snap,
        "homebrew" => PackageKind::Homebrew,
        "flatpak" => PackageKind::Flatpak,
        "spack" => PackageKind::Spack,
        "binary" => PackageKind::Binary,
        "model" => PackageKind::Model,
        "container" => PackageKind::Container,
        "other" => PackageKind::Other,
        _ => return None,
    })
}

/// Narrows a kind that the purl's type leaves open (`pkg:maven` of a Jenkins plugin, `pkg:generic` of a binary).
pub(crate) fn refine(package: &mut Package, name: &str) {
    if let Some(kind) = kind_of_name(name)
        && (package.stated_purl.is_none() || kind.purl_type() == package.kind.purl_type())
    {
        package.kind = kind;
    }
}

/// The `ID` of os-release of a family as Trivy names it.
/// Source: aquasecurity/trivy:pkg/fanal/types/const.go; the ids are those of the distributions' os-release files.
pub(crate) fn id_of_family(family: &str) -> &str {
    match family {
        "redhat" => "rhel",
        "alma" => "almalinux",
        "amazon" => "amzn",
        "oracle" => "ol",
        "cbl-mariner" => "mariner",
        "opensuse.leap" | "opensuse-leap" => "opensuse-leap",
        "opensuse.tumbleweed" | "opensuse-tumbleweed" => "opensuse-tumbleweed",
        "suse linux enterprise server" | "sles" => "sles",
        "suse linux enterprise micro" | "slem" => "sle-micro",
        other => other,
    }
}
