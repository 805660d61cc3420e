//! `packages.config`: the packages of an older .NET Framework project, all of them.

use signet_model::UnexaminedKind;

use super::declared;
use crate::syntax;
use crate::syntax::xml;
use crate::{Claim, Found, Input, Leaf};

/// Reads `packages.config` and `packages.PROJECT.config`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "nuget-config",
    claims: &[Claim::Suffix(".config")],
    accepts,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

fn accepts(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    super::own_file(path) && name.starts_with("packages.")
}

/// Reads the list.
///
/// Shape: `<packages>` with `<package id version targetFramework developmentDependency/>`; versions are exact. What lacks one of the first
/// two was not restored. Errors: no XML, another root, a package without id or version.
/// Source: learn.microsoft.com/nuget/reference/packages-config.
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| input.unexamined(UnexaminedKind::Malformed, why);
    let root = match xml::parse(&syntax::text(input.bytes)) {
        Ok(root) if root.name == "packages" => root,
        Ok(root) => return Found::unexamined(malformed(format!("expected `packages`, found `{}`", root.name))),
        Err(why) => return Found::unexamined(malformed(why)),
    };
    let mut found = Found::default();
    for element in root.children.iter().filter(|element| element.name == "package") {
        let (Some(name), Some(version)) = (element.attribute("id"), element.attribute("version")) else {
            let why = format!("line {}: a package without id or version", element.lines.0);
            syntax::report(&mut found.unexamined, malformed(why));
            continue;
        };
        let mut package = declared(input, name, version, element.lines);
        package.dev = element.attribute("developmentDependency").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        found.packages.push(package);
    }
    found
}
