//! `Package.resolved`.

use signet_model::{Package, PackageKind};

use crate::syntax::{self, Node, Value};
use crate::{Claim, Found, Input, Leaf};

/// Reads `Package.resolved`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "swift-resolved",
    claims: &[Claim::Name("Package.resolved"), Claim::Name(".package.resolved")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file, versions 1 to 3.
///
/// Shape: an object with a number `version` and `pins` (version 1: inside `object`) of `identity` and `location` (version 1: `package` and
/// `repositoryURL`) and `state` (`version`, `branch`, `revision`). A package's name is its repository without scheme and `.git`, as purl and
/// advisories have it; from a registry it is the identity. A branch or commit without version leaves the version empty.
/// Errors: no JSON object; a version that is no number from 1 to 3 (what can be read is kept); a pin without name.
/// Source: swiftlang/swift-package-manager:Sources/PackageGraph/ResolvedPackagesStore.swift.
fn read(input: &Input<'_>) -> Found {
    input.json_object(|root| {
        let mut found = Found::default();
        let version = root.get("version").map(|node| &node.value);
        if !matches!(version, Some(Value::Number(number)) if matches!(number.as_str(), "1" | "2" | "3")) {
            found.unexamined.push(input.malformed_at(root.lines, "`version` is no number from 1 to 3"));
        }
        let pins = root.get("pins").or_else(|| root.get("object")?.get("pins"));
        for node in pins.map_or(&[][..], Node::items) {
            match pin(input, node) {
                Some(package) => found.packages.push(package),
                None => syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a pin without name")),
            }
        }
        found
    })
}

fn pin(input: &Input<'_>, node: &Node) -> Option<Package> {
    let identity = node.str("identity").or_else(|| node.str("package")).unwrap_or_default();
    let location = node.str("location").or_else(|| node.str("repositoryURL")).unwrap_or_default();
    let name = if location.is_empty() || node.str("kind") == Some("registry") {
        identity.to_owned()
    } else {
        repository(location)
    };
    if name.is_empty() {
        return None;
    }
    let state = node.get("state");
    let state = |key: &str| state.and_then(|state| state.str(key));
    let mut package = input.declared_at(PackageKind::Swift, name, state("version").unwrap_or_default(), node.lines);
    for (fact, value) in [
        ("swift.identity", Some(identity)),
        ("swift.location", Some(location)),
        ("swift.branch", state("branch")),
        ("swift.revision", state("revision")),
    ] {
        let value = value.filter(|value| !value.is_empty());
        package.extra.extend(value.map(|value| (fact.to_owned(), value.to_owned())));
    }
    Some(package)
}

/// `github.com/apple/swift-nio` of `https://github.com/apple/swift-nio.git` and `git@github.com:apple/swift-nio.git`.
fn repository(location: &str) -> String {
    let rest = location.split_once("://").map_or(location, |(_, rest)| rest);
    let rest = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => rest,
    };
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix(".git").unwrap_or(rest);
    // the colon of `HOST:PATH`, as ssh writes it; before a port stands a scheme
    match rest.split_once(':') {
        Some((host, path)) if !location.contains("://") && !host.contains('/') => format!("{host}/{path}"),
        _ => rest.to_owned(),
    }
}
