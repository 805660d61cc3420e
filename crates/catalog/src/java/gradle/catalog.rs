//! Version catalogs: `gradle/libs.versions.toml`.

use signet_model::{Package, UnexaminedKind};

use super::super::declared;
use crate::syntax::{self, Node, Value, toml};
use crate::{Claim, Found, Input, Leaf};

/// Reads version catalogs.
pub(crate) static LEAF: Leaf = Leaf {
    id: "gradle-catalog",
    claims: &[Claim::Suffix(".versions.toml")],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::super::COVERAGE,
};

/// The usual name anywhere, other names in a directory `gradle`, where Gradle looks for them.
fn accepts(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    parts.next() == Some("libs.versions.toml") || parts.next() == Some("gradle")
}

/// What an entry says of its version.
enum Version {
    Exact(String),
    Range(String),
    Nowhere,
    Unknown(String),
}

/// Reads one catalog.
///
/// Shape: `[libraries]` with `alias = "group:artifact:version"` or `{module = "group:artifact"}` or `{group, name}`, with `version` as text, as
/// `{ref = "alias"}` of `[versions]`, or as `{strictly, require, prefer, reject}`; `[plugins]` with `id` and `version`, which stand for the
/// artifact `ID:ID.gradle.plugin` and are needed by the build alone.
/// Errors: no TOML; an entry of another shape; a version that the catalog leaves to others. The rest is kept.
/// Source: docs.gradle.org/current/userguide/version_catalogs.html.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let root = match toml::parse(&text) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, error.to_string())),
    };
    let versions = root.members_of("versions");
    let mut found = Found::default();
    for (table, plugin) in [("libraries", false), ("plugins", true)] {
        let mut entries: Vec<&(String, Node)> = root.members_of(table).iter().collect();
        entries.sort_by_key(|(_, node)| node.lines);
        for (alias, node) in entries {
            let mut give_up = |kind, why: String| {
                let mut what = input.unexamined(kind, format!("line {}: {why}", node.lines.0));
                what.location.lines = Some(node.lines);
                syntax::report(&mut found.unexamined, what);
            };
            let Some((group, artifact, version)) = entry(node, versions, plugin) else {
                give_up(UnexaminedKind::Malformed, format!("`{alias}` names no artifact"));
                continue;
            };
            let mut package: Package = declared(input, &group, &artifact, "", Some(node.lines));
            package.dev = plugin;
            package.extra.insert("gradle.alias".to_owned(), alias.clone());
            match version {
                Version::Exact(version) => package.version = version,
                Version::Range(range) => {
                    give_up(
                        UnexaminedKind::Unresolved,
                        format!("`{alias}`: a repository chooses the version, within `{range}`"),
                    );
                    package.extra.insert("gradle.range".to_owned(), range);
                }
                Version::Nowhere => {
                    give_up(UnexaminedKind::Unresolved, format!("`{alias}` has no version in this catalog"));
                }
                Version::Unknown(name) => {
                    give_up(UnexaminedKind::Unresolved, format!("`{alias}`: there is no version `{name}`"));
                }
            }
            found.packages.push(package);
        }
    }
    found
}

fn entry(node: &Node, versions: &[(String, Node)], plugin: bool) -> Option<(String, String, Version)> {
    let whole = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some(text) = node.as_str() {
        let mut parts = text.splitn(if plugin { 2 } else { 3 }, ':');
        let group = whole(parts.next()?)?;
        if plugin {
            return Some((group.clone(), marker(&group), of_text(parts.next().unwrap_or_default())));
        }
        return Some((group, whole(parts.next()?)?, of_text(parts.next().unwrap_or_default())));
    }
    let version = match node.get("version") {
        None => Version::Nowhere,
        Some(version) => match version.str("ref") {
            None => of_node(version),
            Some(name) => match versions.iter().find(|(alias, _)| same_alias(alias, name)) {
                Some((_, version)) => of_node(version),
                None => Version::Unknown(name.to_owned()),
            },
        },
    };
    if plugin {
        let id = whole(node.str("id")?)?;
        return Some((id.clone(), marker(&id), version));
    }
    let (group, artifact) = match node.str("module") {
        Some(module) => module.split_once(':')?,
        None => (node.str("group")?, node.str("name")?),
    };
    Some((whole(group)?, whole(artifact)?, version))
}

fn marker(id: &str) -> String {
    format!("{id}.gradle.plugin")
}

/// `-`, `_` and `.` are the same in aliases.
fn same_alias(one: &str, other: &str) -> bool {
    let plain = |c: char| if matches!(c, '-' | '_') { '.' } else { c };
    one.chars().map(plain).eq(other.chars().map(plain))
}

fn of_node(node: &Node) -> Version {
    match &node.value {
        Value::String(text) => of_text(text),
        Value::Object(_) => {
            // a single version says more than the range around it
            let stated = ["strictly", "require", "prefer"].map(|name| of_text(node.str(name).unwrap_or_default()));
            let mut range = Version::Nowhere;
            for version in stated {
                match version {
                    Version::Exact(_) => return version,
                    Version::Range(_) if matches!(range, Version::Nowhere) => range = version,
                    _ => {}
                }
            }
            range
        }
        _ => Version::Nowhere,
    }
}

/// Source: docs.gradle.org/current/userguide/dependency_versions.html, "Version ranges".
fn of_text(text: &str) -> Version {
    let text = text.trim();
    let text = text.strip_suffix("!!").unwrap_or(text);
    if text.is_empty() {
        Version::Nowhere
    } else if text.starts_with(['[', '(', ']']) || text.ends_with('+') || text.starts_with("latest.") {
        Version::Range(text.to_owned())
    } else {
        Version::Exact(text.to_owned())
    }
}
