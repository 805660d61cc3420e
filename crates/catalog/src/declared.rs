//! What leaves of lock files and manifests do alike: read a whole document, name a package at its lines, turn needs into edges.

use std::collections::BTreeMap;

use signet_model::{Package, PackageKind, Presence, RelationshipKind, Unexamined, UnexaminedKind};

use crate::syntax::{self, Node, Value, any_yaml, json, toml};
use crate::{Found, Input};

/// Packages of one name that a need may mean; more would only make edges explode.
const VERSIONS: usize = 8;

/// Edges in one file: a lock file of ten thousand packages has about fifty thousand.
const EDGES: usize = 1_000_000;

impl Input<'_> {
    /// A package that this file only names, at its lines.
    pub(crate) fn declared_at(
        &self,
        kind: PackageKind,
        name: impl Into<String>,
        version: impl Into<String>,
        lines: (u32, u32),
    ) -> Package {
        let mut package = self.package(kind, name, version);
        package.presence = Presence::Declared;
        package.locations = vec![self.location.at_lines(lines.0, lines.1)];
        package
    }

    /// A part of this file that is not what it should be: `line N: WHY`.
    pub(crate) fn malformed_at(&self, lines: (u32, u32), why: &str) -> Unexamined {
        let mut what = self.unexamined(UnexaminedKind::Malformed, format!("line {}: {why}", lines.0));
        what.location.lines = Some(lines);
        what
    }

    /// Reads the file as a JSON object. Errors: no JSON, or something else than an object.
    pub(crate) fn json_object(&self, read: impl FnOnce(&Node) -> Found) -> Found {
        let root = json::parse(&syntax::text(self.bytes)).map_err(|error| format!("no JSON: {error}"));
        self.object(root, read)
    }

    /// Reads the file as TOML. Errors: no TOML.
    pub(crate) fn toml_table(&self, read: impl FnOnce(&Node) -> Found) -> Found {
        let root = toml::parse(&syntax::text(self.bytes)).map_err(|error| error.to_string());
        self.object(root, read)
    }

    /// Reads the first document of the file as a YAML mapping. Errors: no YAML, or something else than a mapping.
    pub(crate) fn yaml_mapping(&self, read: impl FnOnce(&Node) -> Found) -> Found {
        let root = any_yaml::parse(&syntax::text(self.bytes)).map_err(|error| format!("no YAML: {error}"));
        self.object(root, read)
    }

    fn object(&self, root: Result<Node, String>, read: impl FnOnce(&Node) -> Found) -> Found {
        match root {
            Ok(root) if matches!(root.value, Value::Object(_)) => read(&root),
            Ok(_) => Found::unexamined(self.unexamined(UnexaminedKind::Malformed, "expected an object")),
            Err(why) => Found::unexamined(self.unexamined(UnexaminedKind::Malformed, why)),
        }
    }
}

impl Found {
    /// Turns needs (place of a package, name of what it needs) into edges between the packages of this file.
    pub(crate) fn depend(&mut self, needs: &[(usize, String)]) {
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, package) in self.packages.iter().enumerate() {
            let versions = places.entry(package.name.as_str()).or_default();
            if versions.len() < VERSIONS {
                versions.push(at);
            }
        }
        let edges = needs.iter().flat_map(|(from, name)| {
            let to = places.get(name.as_str()).into_iter().flatten();
            to.filter(move |to| *to != from).map(move |to| (*from, *to, RelationshipKind::DependsOn))
        });
        let mut edges: Vec<_> = edges.take(EDGES).collect();
        edges.sort_unstable();
        edges.dedup();
        self.edges.extend(edges);
    }
}
