//! Who needs whom: names in metadata become edges between packages.

use std::collections::HashMap;

use signet_model::{Package, PackageKind, Presence};

/// So many packages of one name are looked at for a need. A hostile database has a hundred thousand of one name that all need one another.
const MAX_ANSWERS: usize = 256;

/// Packages by every name under which they answer a need.
pub(crate) struct Names<'p> {
    packages: &'p [Package],
    by_name: HashMap<(PackageKind, String), Vec<usize>>,
    /// npm: the package whose `package.json` lies at this path.
    by_path: HashMap<&'p str, usize>,
}

impl<'p> Names<'p> {
    /// `provides`: package, and a name besides its own.
    pub(crate) fn new(packages: &'p [Package], provides: &[(usize, String)]) -> Names<'p> {
        let mut by_name: HashMap<(PackageKind, String), Vec<usize>> = HashMap::new();
        let mut by_path = HashMap::new();
        for (place, package) in packages.iter().enumerate() {
            by_name.entry((package.kind, normal(package.kind, &package.name))).or_default().push(place);
            if package.kind == PackageKind::Npm && package.presence == Presence::Installed {
                by_path.extend(package.locations.iter().map(|location| (location.path.as_str(), place)));
            }
        }
        for (place, name) in provides {
            let Some(package) = packages.get(*place) else { continue };
            let name = normal(package.kind, name);
            let own = name == normal(package.kind, &package.name);
            let provided = by_name.entry((package.kind, name)).or_default();
            // The package of that name comes first; each stands once, and what one provides comes in a row.
            if !own && provided.last() != Some(place) {
                provided.push(*place);
            }
        }
        Names { packages, by_name, by_path }
    }

    /// The packages that answer a package's need. Several only where nothing tells them apart.
    pub(crate) fn answer(&self, from: usize, name: &str) -> Vec<usize> {
        let Some(package) = self.packages.get(from) else { return Vec::new() };
        if package.kind == PackageKind::Npm && package.presence == Presence::Installed {
            return self.nearest(package, name).into_iter().collect();
        }
        let Some(found) = self.by_name.get(&(package.kind, normal(package.kind, name))) else { return Vec::new() };
        let found = found.get(..found.len().min(MAX_ANSWERS)).unwrap_or_default();
        let near = |place: &&usize| self.packages.get(**place).is_some_and(|other| same_place(package, other));
        let close: Vec<usize> = found.iter().filter(near).copied().collect();
        let mut answers = if close.is_empty() { found.to_vec() } else { close };
        if package.kind.is_os() {
            // Of a need that several could answer, one was the reason: the one of that very name, else the first.
            let same_arch = |place: &usize| self.packages.get(*place).is_some_and(|other| other.arch == package.arch);
            let best = answers.iter().copied().find(same_arch).or(answers.first().copied());
            answers = best.into_iter().collect();
        }
        answers.retain(|place| *place != from);
        answers
    }

    /// Node's rule: `node_modules` of the package itself, then of each directory above. Source: nodejs.org, `modules.html`, "Loading from
    /// node_modules folders".
    fn nearest(&self, package: &Package, name: &str) -> Option<usize> {
        let mut directory = package.locations.first()?.path.rsplit_once('/').map_or("", |(directory, _)| directory);
        loop {
            let inside = directory.rsplit('/').next() == Some("node_modules");
            if !inside {
                let slash = if directory.is_empty() { "" } else { "/" };
                let path = format!("{directory}{slash}node_modules/{name}/package.json");
                if let Some(place) = self.by_path.get(path.as_str()) {
                    return Some(*place);
                }
            }
            if directory.is_empty() {
                return None;
            }
            directory = directory.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

/// Whether two packages were found in the same file, or in directories side by side (`site-packages/A.dist-info`, `site-packages/B.dist-info`).
fn same_place(one: &Package, other: &Package) -> bool {
    let (Some(one), Some(other)) = (one.locations.first(), other.locations.first()) else { return false };
    let above = |path: &str| path.rsplitn(3, '/').nth(2).map(str::to_owned);
    one.path == other.path
        || (one.layer == other.layer && above(&one.path).is_some() && above(&one.path) == above(&other.path))
}

/// The form in which names are compared. Python: PEP 503. All else is compared as written.
pub(crate) fn normal(kind: PackageKind, name: &str) -> String {
    if kind != PackageKind::Python {
        return name.to_owned();
    }
    let mut normal = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('-');
        }
        normal.push_str(&part.to_ascii_lowercase());
    }
    normal
}
