//! `pyproject.toml`: the project and what it needs, also for the lock file beside it.

use signet_model::Directness;

use super::{declared, requirements, split_name};
use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf, Manifest};

/// Reads `pyproject.toml`.
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
/// Shape: `[project]` with `name`, `version`, `dependencies` and `optional-dependencies`; `[dependency-groups]`; Poetry's own
/// `[tool.poetry.dependencies]`, `dev-dependencies` and `group.NAME.dependencies`; `dev-dependencies` of PDM and uv. All groups but the main one are
/// for development. Needs are packages that have a version only where one is fixed, as those of a requirements file; where a lock file lies
/// beside, that tells them instead.
/// Errors: no TOML; a need that is no requirement, with its lines. Source: packaging.python.org, "pyproject.toml specification", "Dependency
/// groups"; python-poetry.org/docs/pyproject.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::toml(input, &mut found) else { return found };
    let tool = |name: &str| root.get("tool").and_then(|tool| tool.get(name));
    let (project, poetry) = (root.get("project"), tool("poetry"));
    let mut reader = Reader { input, found, manifest: Manifest::default() };
    for node in [project, poetry].into_iter().flatten() {
        reader.project(node);
    }
    if let Some(project) = project {
        reader.requirements(project.get("dependencies"), false);
        project.members_of("optional-dependencies").iter().for_each(|(_, list)| reader.requirements(Some(list), false));
    }
    root.members_of("dependency-groups").iter().for_each(|(_, list)| reader.requirements(Some(list), true));
    if let Some(poetry) = poetry {
        reader.table(poetry.get("dependencies"), false);
        reader.table(poetry.get("dev-dependencies"), true);
        for (name, group) in poetry.members_of("group") {
            reader.table(group.get("dependencies"), name != "main");
        }
    }
    if let Some(pdm) = tool("pdm") {
        pdm.members_of("dev-dependencies").iter().for_each(|(_, list)| reader.requirements(Some(list), true));
    }
    reader.requirements(tool("uv").and_then(|uv| uv.get("dev-dependencies")), true);
    let Reader { mut found, manifest, .. } = reader;
    found.manifest = (!manifest.needs.is_empty()).then_some(manifest);
    found
}

struct Reader<'a> {
    input: &'a Input<'a>,
    found: Found,
    manifest: Manifest,
}

impl Reader<'_> {
    /// The project itself, by the first table that names it.
    fn project(&mut self, node: &Node) {
        let Some(name) = node.str("name").filter(|name| !name.is_empty() && self.manifest.name.is_empty()) else {
            return;
        };
        let version = node.str("version").unwrap_or_default();
        let mut package = declared(self.input, name, version, (node.lines.0, node.lines.0));
        package.directness = Directness::Root;
        self.found.packages.push(package);
        self.manifest.name = name.to_owned();
    }

    /// A list of requirements as texts. Tables in it include other groups, which are lists of their own.
    fn requirements(&mut self, list: Option<&Node>, dev: bool) {
        for item in list.map_or(&[][..], Node::items) {
            let Some(text) = item.as_str().map(str::trim) else { continue };
            let first = self.found.packages.len();
            requirements::line(self.input, text, item.lines, &mut self.found);
            self.mark(first, dev);
            self.manifest.add(split_name(text).into_iter().map(|(name, rest)| (name, rest.trim())), dev);
        }
    }

    /// Poetry's table of names and constraints. Several constraints for different markers stand in a list.
    fn table(&mut self, table: Option<&Node>, dev: bool) {
        for (name, node) in table.map_or(&[][..], Node::members).iter().filter(|(name, _)| name != "python") {
            let one = std::slice::from_ref(node);
            let constraints = if node.items().is_empty() { one } else { node.items() };
            for node in constraints {
                let range = node.as_str().or_else(|| node.str("version")).unwrap_or_default().trim();
                let first = self.found.packages.len();
                let fixed = range.trim_start_matches('=').trim();
                let exact = fixed.starts_with(|c: char| c.is_ascii_digit()) && !fixed.contains([',', '*', '|', ' ']);
                let mut package = declared(self.input, name, if exact { fixed } else { "" }, node.lines);
                if !exact && !range.is_empty() {
                    package.extra.insert("python.constraint".to_owned(), range.to_owned());
                    package.extra.extend(minimum(range).map(|lowest| ("python.minimum".to_owned(), lowest.to_owned())));
                }
                for (fact, member) in [("source", "git"), ("source", "url"), ("path", "path")] {
                    package.extra.extend(node.str(member).map(|text| (format!("python.{fact}"), text.to_owned())));
                }
                self.found.packages.push(package);
                self.mark(first, dev);
                self.manifest.add(std::iter::once((name.as_str(), range)), dev);
            }
        }
    }

    fn mark(&mut self, first: usize, dev: bool) {
        for package in self.found.packages.iter_mut().skip(first) {
            package.dev = dev;
            package.directness = Directness::Direct;
        }
    }
}

/// The lowest version that a constraint of Poetry allows, where its first part tells one: `^1.2` -> `1.2`.
fn minimum(range: &str) -> Option<&str> {
    let first = range.split(['|', ',']).next()?.trim();
    let lowest = first.strip_prefix(">=").or_else(|| first.strip_prefix("~=")).unwrap_or(first);
    let lowest = lowest.trim_start_matches(['^', '~']).trim().trim_end_matches(".*");
    (lowest.starts_with(|c: char| c.is_ascii_digit()) && !lowest.contains('*')).then_some(lowest)
}
