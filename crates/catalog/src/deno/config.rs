//! `deno.json` and import maps: what a project's names stand for.

use std::collections::BTreeSet;

use signet_model::{Directness, PackageKind};

use super::{Specifier, asked};
use crate::syntax::document;
use crate::{Claim, Found, Input, Leaf};

/// Reads `deno.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "deno-config",
    claims: &[Claim::Name("deno.json"), Claim::Name("deno.jsonc"), Claim::Name("import_map.json")],
    accepts: crate::npm::own_lock_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a configuration or an import map.
///
/// Shape: JSON with comments; `imports` and each of `scopes` map a name to a specifier; a module of JSR states its own `name` (with a scope) and
/// `version`. Names that stand for files are passed over: they are the project's own.
/// Errors: no JSON object. Source: docs.deno.com, "deno.json and package.json".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::jsonc_object(input, &mut found) else { return found };
    if let (Some(name), Some(version)) = (root.str("name").filter(|name| name.starts_with('@')), root.str("version")) {
        let mut project = input.package(PackageKind::Jsr, name, version);
        project.directness = Directness::Root;
        project.presence = signet_model::Presence::Declared;
        found.packages.push(project);
    }
    let mut seen = BTreeSet::new();
    let scopes = root.members_of("scopes").iter().flat_map(|(_, scope)| scope.members());
    for (_, node) in root.members_of("imports").iter().chain(scopes) {
        let Some(written) = node.as_str() else { continue };
        let Some(specifier) = Specifier::parse(written) else { continue };
        if seen.insert((specifier.kind, specifier.name.clone(), specifier.range.clone())) {
            found.packages.push(asked(input, &specifier, written, node.lines));
        }
    }
    for package in found.packages.iter_mut().filter(|package| package.directness == Directness::Unknown) {
        package.directness = Directness::Direct;
    }
    found
}
