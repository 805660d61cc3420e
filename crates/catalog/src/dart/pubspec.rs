//! `pubspec.yaml`.

use signet_model::{Directness, PackageKind, Presence};

use crate::syntax::Node;
use crate::{Claim, Found, Input, Leaf};

/// Reads `pubspec.yaml`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "dart-pubspec",
    claims: &[Claim::Name("pubspec.yaml")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a package's manifest: of the project, or of a package that lies in Pub's cache.
///
/// Shape: YAML with `name`, `version`, `description`, `repository`. Needs are ranges, which the lock file resolves: they are not listed.
/// Errors: no YAML mapping; no `name`. Source: dart.dev/tools/pub/pubspec.
fn read(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| {
        let Some(name) = root.str("name") else {
            return Found::unexamined(input.malformed_at(root.lines, "no `name`"));
        };
        let version = root.get("version").and_then(Node::scalar).unwrap_or_default();
        let mut package = input.package(PackageKind::Pub, name, version);
        package.description =
            root.str("description").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let path = format!("/{}", input.path());
        let cached = [".pub-cache/", "/pub-cache/", "/hosted/pub.dev/", "/hosted/pub.dartlang.org/"];
        if !cached.iter().any(|part| path.contains(part)) {
            package.presence = Presence::Declared;
            package.directness = Directness::Root;
        }
        Found { packages: vec![package], ..Found::default() }
    })
}
