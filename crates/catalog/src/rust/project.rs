//! `Cargo.toml`: what the project needs itself.

use signet_model::{Directness, License, Package, PackageKind, RelationshipKind};

use crate::syntax::{self, Node, Value};
use crate::{Claim, Found, Input, Leaf, Manifest};

/// Reads `Cargo.toml`. Its packages are dropped when a lock file lies beside it or above it: that one knows versions.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cargo-project",
    claims: &[Claim::Name("Cargo.toml")],
    accepts: super::own_file,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Keys of a dependency that are texts.
const TEXTS: [&str; 8] = ["version", "git", "branch", "tag", "rev", "path", "registry", "package"];

/// Reads a manifest.
///
/// Shape: `[package]` (`name`, `version`), `[dependencies]`, `[build-dependencies]`, `[dev-dependencies]`, the same below `[target.CFG]`; from a name to a
/// range or a table (`version`, `git`, `path`, `package`: the real name). A range stands in `cargo.requirement`, and only one that allows nothing else
/// (`=1.2.3`) is a version. Members of a workspace say `version.workspace = true`: their version is empty.
/// Errors: no TOML; a dependency that is neither text nor table, or with parts of another kind. Source: doc.rust-lang.org/cargo/reference/manifest.html.
fn read(input: &Input<'_>) -> Found {
    input.toml_table(|root| {
        let mut found = Found::default();
        let own = root.get("package").or_else(|| root.get("project"));
        let name = own.and_then(|package| package.str("name")).unwrap_or_default();
        let mut manifest = Manifest { name: name.to_owned(), ..Manifest::default() };
        if let Some(package) = own.filter(|_| !name.is_empty()) {
            found.packages.push(project(input, name, package));
        }
        let first = found.packages.len();
        let targets = root.members_of("target").iter().map(|(_, node)| node);
        for node in [root].into_iter().chain(targets) {
            for (table, dev) in [
                ("dependencies", false),
                ("build-dependencies", false),
                ("build_dependencies", false),
                ("dev-dependencies", true),
                ("dev_dependencies", true),
            ] {
                let mut needs = Vec::new();
                for (key, node) in node.members_of(table) {
                    let Some((package, range)) = need(input, key, node) else {
                        let what =
                            input.malformed_at(node.lines, "a dependency that is neither a text nor a table of texts");
                        syntax::report(&mut found.unexamined, what);
                        continue;
                    };
                    needs.push((package.name.clone(), range));
                    found.packages.push(Package { dev, ..package });
                }
                manifest.add(needs.iter().map(|(name, range)| (name.as_str(), range.as_str())), dev);
            }
        }
        if first == 1 {
            found.edges = (1..found.packages.len()).map(|to| (0, to, RelationshipKind::DependsOn)).collect();
        }
        if let Some(workspace) = root.get("workspace") {
            let members = workspace.get("members").map_or(&[][..], Node::items).iter();
            manifest.members = members.filter_map(|member| member.as_str().map(str::to_owned)).collect();
        }
        found.manifest = (!manifest.name.is_empty() || !manifest.members.is_empty()).then_some(manifest);
        found
    })
}

fn project(input: &Input<'_>, name: &str, node: &Node) -> Package {
    let version = node.str("version").unwrap_or_default();
    let mut package = input.declared_at(PackageKind::Cargo, name, version, node.lines);
    package.directness = Directness::Root;
    package.licenses = node.str("license").map(|value| License { value: value.to_owned() }).into_iter().collect();
    package.description = node.str("description").map(str::to_owned);
    package
}

/// A need with the range of versions that it accepts.
fn need(input: &Input<'_>, key: &str, node: &Node) -> Option<(Package, String)> {
    let text = |name: &str| node.str(name);
    let range = match &node.value {
        Value::String(range) => range.as_str(),
        Value::Object(_) => {
            let texts = TEXTS.iter().all(|name| node.get(name).is_none_or(|value| value.as_str().is_some()));
            texts.then(|| text("version").unwrap_or_default())?
        }
        _ => return None,
    };
    let exact = range.trim().strip_prefix('=').map(str::trim);
    let exact = exact.filter(|version| version.split('.').count() >= 3 && !version.contains([',', '*']));
    let name = text("package").unwrap_or(key);
    let mut package = input.declared_at(PackageKind::Cargo, name, exact.unwrap_or_default(), node.lines);
    package.directness = Directness::Direct;
    let source = ["git", "path", "registry"].iter().find_map(|name| text(name));
    for (fact, value) in [
        ("cargo.requirement", Some(range).filter(|range| !range.is_empty())),
        ("cargo.source", source),
        ("cargo.revision", text("rev").or_else(|| text("tag")).or_else(|| text("branch"))),
    ] {
        package.extra.extend(value.map(|value| (fact.to_owned(), value.to_owned())));
    }
    Some((package, range.to_owned()))
}
