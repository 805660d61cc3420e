//! Conan's `conanfile.txt`.

use super::reference::Reference;
use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `conanfile.txt`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conan-file",
    claims: &[Claim::Name("conanfile.txt")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a manifest.
///
/// Shape: sections `[requires]`, `[tool_requires]` (before Conan 2 `[build_requires]`), `[test_requires]`; a reference per line; `#` begins a
/// comment when it does not follow a version as its revision. A range as version (`[>=1.2]`) leaves the version empty.
/// Errors: a line that is no reference. Source: docs.conan.io, "conanfile.txt".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut section = String::new();
    for (line, number) in syntax::text(input.bytes).lines().zip(1u32..) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let dev = match section.as_str() {
            "requires" => false,
            "build_requires" | "tool_requires" | "test_requires" => true,
            _ => continue,
        };
        match Reference::parse(line) {
            Some(reference) => {
                let mut package = reference.package(input, (number, number));
                package.dev = dev;
                package.directness = signet_model::Directness::Direct;
                found.packages.push(package);
            }
            None => syntax::report(
                &mut found.unexamined,
                input.malformed_at((number, number), "no reference `name/version`"),
            ),
        }
    }
    found
}
