//! `Project.toml`.

use signet_model::{Directness, PackageKind};

use crate::{Claim, Found, Input, Leaf};

/// Reads `Project.toml`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "julia-project",
    claims: &[Claim::Name("Project.toml"), Claim::Name("JuliaProject.toml")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a project: its own package, if it is one. What it needs is a list of names, which the manifest resolves.
///
/// Shape: TOML with `name`, `uuid`, `version`; an environment has none of them.
/// Errors: no TOML. Source: pkgdocs.julialang.org, "Project.toml".
fn read(input: &Input<'_>) -> Found {
    input.toml_table(|root| {
        let (Some(name), Some(uuid)) = (root.str("name"), root.str("uuid")) else { return Found::default() };
        let version = root.str("version").unwrap_or_default();
        let mut package = input.declared_at(PackageKind::Julia, name, version, root.lines);
        package.directness = Directness::Root;
        package.extra.insert("julia.uuid".to_owned(), uuid.to_owned());
        Found { packages: vec![package], ..Found::default() }
    })
}
