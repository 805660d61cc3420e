//! `conaninfo.txt`: a package in Conan's cache.

use signet_model::{Directness, Presence, UnexaminedKind};

use super::reference::Reference;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `conaninfo.txt`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conan-info",
    claims: &[Claim::Name("conaninfo.txt")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads what was built.
///
/// Shape: sections; in `[full_requires]` (Conan 1) and `[requires]` (Conan 2) a reference per line, of which those of Conan 1's `[requires]` are
/// only patterns (`boost/1.Y.Z`). The package's own name stands in the path alone:
/// `data/NAME/VERSION/USER/CHANNEL/package/ID/conaninfo.txt`; Conan 2's cache does not tell it.
/// Errors: a path that names no package, when the file names none either. Source: docs.conan.io/1, "Architecture - Local cache".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let parts: Vec<&str> = input.path().split('/').collect();
    if let [.., name, version, user, channel, "package", _, _] = parts.as_slice()
        && let Some(reference) = Reference::of_cache(name, version, user, channel)
    {
        let mut package = reference.package(input, (1, 1));
        package.presence = Presence::Installed;
        package.locations = vec![input.location.clone()];
        found.packages.push(package);
    }
    let own = found.packages.len();
    let text = syntax::text(input.bytes);
    let full = text.lines().any(|line| line.trim() == "[full_requires]");
    let wanted = if full { "[full_requires]" } else { "[requires]" };
    let mut inside = false;
    let mut needs = Vec::new();
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == wanted;
        } else if inside && !line.is_empty() {
            match Reference::parse(line) {
                Some(reference) => {
                    let mut package = reference.package(input, (number, number));
                    // `1.Y.Z`: a pattern of versions that are compatible
                    if package.version.ends_with(".Z") || package.version.ends_with(".Y") {
                        package.extra.insert("conan.requirement".to_owned(), std::mem::take(&mut package.version));
                    }
                    if own > 0 {
                        needs.push((0, package.name.clone()));
                    }
                    package.directness = Directness::Unknown;
                    found.packages.push(package);
                }
                None => syntax::report(
                    &mut found.unexamined,
                    input.malformed_at((number, number), "no reference `name/version`"),
                ),
            }
        }
    }
    found.depend(&needs);
    if found.packages.is_empty() {
        let why = "neither the path nor the file names a package";
        found.unexamined.push(input.unexamined(UnexaminedKind::Unresolved, why));
    }
    found
}
