//! `Cargo.toml`: what the project needs itself, for the lock file beside it.

use signet_model::UnexaminedKind;

use crate::syntax::{self, Node, toml};
use crate::{Claim, Found, Input, Leaf, Manifest};

/// Reads `Cargo.toml`. It finds no packages.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cargo-project",
    claims: &[Claim::Name("Cargo.toml")],
    accepts: super::own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a manifest.
///
/// Shape: `[dependencies]`, `[build-dependencies]`, `[dev-dependencies]`, the same below `[target.CFG]`; a dependency that is called
/// otherwise here states its real name as `package`. Errors: no TOML. Source: doc.rust-lang.org/cargo/reference/manifest.html.
fn read(input: &Input<'_>) -> Found {
    let root = match toml::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, error.to_string())),
    };
    let name = root.get("package").and_then(|package| package.str("name")).unwrap_or_default().to_owned();
    let mut manifest = Manifest { name, ..Manifest::default() };
    let targets = root.members_of("target").iter().map(|(_, node)| node);
    for node in [&root].into_iter().chain(targets) {
        for (table, dev) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
            let range = |node: &Node| node.as_str().or_else(|| node.str("version")).unwrap_or_default().to_owned();
            let needs: Vec<(String, String)> = (node.members_of(table).iter())
                .map(|(name, node)| (node.str("package").unwrap_or(name).to_owned(), range(node)))
                .collect();
            manifest.add(needs.iter().map(|(name, range)| (name.as_str(), range.as_str())), dev);
        }
    }
    if let Some(workspace) = root.get("workspace") {
        let members = workspace.get("members").map_or(&[][..], Node::items).iter();
        manifest.members = members.filter_map(|member| member.as_str().map(str::to_owned)).collect();
    }
    let manifest = (!manifest.name.is_empty() || !manifest.members.is_empty()).then_some(manifest);
    Found { manifest, ..Found::default() }
}
