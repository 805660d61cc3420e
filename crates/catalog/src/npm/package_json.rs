//! `package.json`: an installed package, or a project that states name and version.

use signet_model::{PackageKind, UnexaminedKind};

use crate::syntax::{self, Node, Value, json};
use crate::{Claim, Found, Input, Leaf, Manifest};

/// Reads `package.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "npm-package",
    claims: &[Claim::Name("package.json")],
    accepts,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Below a `node_modules`, only the file of the package itself: deeper ones are helpers (`rxjs/ajax/package.json`).
fn accepts(path: &str) -> bool {
    !format!("/{path}").contains("/usr/share/doc/") && is_own(path)
}

/// Whether a `package.json` is that of a package, and not of a part of one.
pub(crate) fn is_own(path: &str) -> bool {
    let Some(directory) = path.strip_suffix("package.json").map(|path| path.trim_end_matches('/')) else {
        return false;
    };
    let parts: Vec<&str> = directory.split('/').collect();
    match parts.iter().rposition(|part| *part == "node_modules").map(|at| parts.get(at + 1..).unwrap_or_default()) {
        None => true,
        Some([name]) => !name.starts_with('@') && !name.starts_with('.'),
        Some([scope, _name]) => scope.starts_with('@'),
        Some(_) => false,
    }
}

/// Reads the JSON documents of a `package.json`; some writers leave several in one file.
///
/// Shape: an object with `name`, `version`, and facts. Without name or version it is no package.
/// Errors: no JSON, no object, a name that npm could not have installed.
/// Source: docs.npmjs.com/cli/configuring-npm/package-json.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let (documents, error) = json::parse_all(&text);
    let mut found = Found::default();
    for node in &documents {
        match package(input, node, &mut found) {
            Ok(()) => {}
            Err(why) => syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why)),
        }
    }
    if let Some(error) = error {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, format!("no JSON: {error}")));
    }
    found
}

fn package(input: &Input<'_>, node: &Node, found: &mut Found) -> Result<(), String> {
    if !matches!(node.value, Value::Object(_)) {
        return Err(format!("line {}: expected an object", node.lines.0));
    }
    if found.manifest.is_none() && super::own_lock_file(input.path()) {
        found.manifest = manifest(node);
    }
    let (name, version) = (node.str("name").unwrap_or_default().trim(), node.str("version").unwrap_or_default().trim());
    // Unity packages and editor extensions use the same file for other ecosystems
    let foreign = node.get("unity").is_some()
        || node.get("contributes").is_some()
        || node.get("engines").is_some_and(|engines| engines.get("vscode").is_some());
    if name.is_empty() || version.is_empty() || foreign {
        return Ok(());
    }
    if !is_name(name) {
        return Err(format!("`{name}` is no name of an npm package"));
    }
    let mut package = input.package(PackageKind::Npm, name, version);
    package.licenses = super::licenses(node);
    package.vendor = people(node);
    package.description = node.str("description").map(str::to_owned).filter(|text| !text.is_empty());
    let address = |node: &Node| node.as_str().or_else(|| node.str("url")).map(str::to_owned);
    for (fact, member) in [("npm.homepage", "homepage"), ("npm.repository", "repository")] {
        if let Some(value) = node.get(member).and_then(address).filter(|text| !text.is_empty()) {
            package.extra.insert(fact.to_owned(), value);
        }
    }
    let place = found.packages.len();
    found.packages.push(package);
    for needs in ["dependencies", "optionalDependencies"] {
        found.requires.extend(node.members_of(needs).iter().map(|(name, _)| (place, name.clone())));
    }
    Ok(())
}

/// What the project needs, if this is a project: for the lock file beside it.
fn manifest(node: &Node) -> Option<Manifest> {
    let mut manifest = Manifest { name: node.str("name").unwrap_or_default().to_owned(), ..Manifest::default() };
    for (list, dev) in [
        ("dependencies", false),
        ("optionalDependencies", false),
        ("peerDependencies", false),
        ("devDependencies", true),
    ] {
        manifest
            .add(node.members_of(list).iter().filter_map(|(name, range)| Some((name.as_str(), range.as_str()?))), dev);
    }
    let workspaces = node.get("workspaces").map(|node| node.get("packages").unwrap_or(node));
    manifest.members =
        workspaces.map_or(&[][..], Node::items).iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
    (!manifest.needs.is_empty() || !manifest.members.is_empty()).then_some(manifest)
}

/// Names that npm accepts, old capitals included. Source: npm/validate-npm-package-name, "legacy names".
fn is_name(name: &str) -> bool {
    let part = |text: &str| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!'()*".contains(&byte))
    };
    match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
        None => part(name),
    }
}

/// Author, authors, contributors and maintainers, in this order, as `name <email> (url)`.
fn people(node: &Node) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |node: &Node| {
        let person = match &node.value {
            Value::String(text) => text.trim().to_owned(),
            _ => {
                let mut text = node.str("name").unwrap_or_default().to_owned();
                if let Some(email) = node.str("email").filter(|email| !email.is_empty()) {
                    text.push_str(&format!(" <{email}>"));
                }
                if let Some(url) = node.str("url").filter(|url| !url.is_empty()) {
                    text.push_str(&format!(" ({url})"));
                }
                text.trim().to_owned()
            }
        };
        if !person.is_empty() {
            all.push(person);
        }
    };
    for node in ["author", "authors", "contributors", "maintainers"].iter().filter_map(|name| node.get(name)) {
        match &node.value {
            Value::Array(items) => items.iter().for_each(&mut add),
            _ => add(node),
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_files_are_packages() {
        for path in [
            "package.json",
            "app/package.json",
            "app/node_modules/a/package.json",
            "app/node_modules/@s/a/package.json",
            "node_modules/.pnpm/ms@2.1.3/node_modules/ms/package.json",
            "node_modules/a/node_modules/b/package.json",
        ] {
            assert!(accepts(path), "{path}");
        }
        for path in [
            "app/node_modules/rxjs/ajax/package.json",
            "app/node_modules/@s/package.json",
            "app/node_modules/.cache/package.json",
            "app/node_modules/package.json",
            "app/node_modules/@s/a/dist/package.json",
            "usr/share/doc/x/examples/package.json",
        ] {
            assert!(!accepts(path), "{path}");
        }
    }

    #[test]
    fn names() {
        for name in ["a", "@a/b", "JSONStream", "lodash.merge", "a_b"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "@a", "@/b", "a b", "a/b", "@a/b/c", "a$"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
