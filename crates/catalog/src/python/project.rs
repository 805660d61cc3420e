//! `pyproject.toml`: what the project needs itself, for the lock file beside it.

use signet_model::UnexaminedKind;

use super::split_name;
use crate::syntax::{self, Node, toml};
use crate::{Claim, Found, Input, Leaf, Manifest};

/// Reads `pyproject.toml`. It finds no packages.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-project",
    claims: &[Claim::Name("pyproject.toml")],
    accepts: super::own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a project file.
///
/// Shape: `[project]` with `dependencies` and `optional-dependencies`, `[dependency-groups]`; Poetry's own `[tool.poetry.dependencies]`,
/// `dev-dependencies` and `group.NAME.dependencies`. All groups but the main one are for development.
/// Errors: no TOML. Source: packaging.python.org, "pyproject.toml specification"; python-poetry.org/docs/pyproject.
fn read(input: &Input<'_>) -> Found {
    let root = match toml::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, error.to_string())),
    };
    let mut manifest = Manifest::default();
    if let Some(project) = root.get("project") {
        manifest.name = project.str("name").unwrap_or_default().to_owned();
        requirements(&mut manifest, project.get("dependencies"), false);
        for (_, list) in project.members_of("optional-dependencies") {
            requirements(&mut manifest, Some(list), false);
        }
    }
    for (_, list) in root.members_of("dependency-groups") {
        requirements(&mut manifest, Some(list), true);
    }
    if let Some(poetry) = root.get("tool").and_then(|tool| tool.get("poetry")) {
        table(&mut manifest, poetry.get("dependencies"), false);
        table(&mut manifest, poetry.get("dev-dependencies"), true);
        for (name, group) in poetry.members_of("group") {
            table(&mut manifest, group.get("dependencies"), name != "main");
        }
    }
    let manifest = (!manifest.needs.is_empty()).then_some(manifest);
    Found { manifest, ..Found::default() }
}

/// A list of requirements as texts.
fn requirements(manifest: &mut Manifest, list: Option<&Node>, dev: bool) {
    let items = list.map_or(&[][..], Node::items).iter().filter_map(|item| split_name(item.as_str()?.trim()));
    manifest.add(items.map(|(name, rest)| (name, rest.trim())), dev);
}

/// Poetry's table of names and constraints.
fn table(manifest: &mut Manifest, table: Option<&Node>, dev: bool) {
    let members = table.map_or(&[][..], Node::members).iter().filter(|(name, _)| name != "python");
    let range = |node: &Node| node.as_str().or_else(|| node.str("version")).unwrap_or_default().to_owned();
    let members: Vec<(String, String)> = members.map(|(name, node)| (name.clone(), range(node))).collect();
    manifest.add(members.iter().map(|(name, range)| (name.as_str(), range.as_str())), dev);
}
