//! `pubspec.lock`.

use signet_model::{Checksum, ChecksumAlgorithm, Directness, PackageKind};

use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `pubspec.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "dart-lock",
    claims: &[Claim::Name("pubspec.lock")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: YAML with `packages`: name to `version`, `dependency` (`direct main`, `direct dev`, `direct overridden`, `transitive`), `source`
/// (`hosted`, `git`, `path`, `sdk`) and its `description`; `sdks`: ranges of Dart's and Flutter's versions.
/// Packages of an SDK have the version `0.0.0`, which means that they come with it: `dart.sdk` names it, `dart.minimum` is its lowest version.
/// Errors: no YAML mapping, no `packages`; a package without version. Source: dart.dev/tools/pub; dart-lang/pub:lib/src/lock_file.dart.
fn read(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| {
        let mut found = Found::default();
        if root.get("packages").is_none() {
            return Found::unexamined(input.malformed_at(root.lines, "no `packages`"));
        }
        for (name, node) in root.members_of("packages") {
            let Some(version) = node.get("version").and_then(Node::scalar) else {
                syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a package without version"));
                continue;
            };
            let mut package = input.declared_at(PackageKind::Pub, name, version, node.lines);
            let dependency = node.str("dependency").unwrap_or_default();
            package.directness = match dependency {
                "transitive" => Directness::Indirect,
                "" => Directness::Unknown,
                _ => Directness::Direct,
            };
            package.dev = dependency == "direct dev";
            let description = node.get("description");
            let detail = |key: &str| description.and_then(|node| node.str(key));
            if let Some(hex) =
                detail("sha256").filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            {
                package
                    .checksums
                    .push(Checksum { algorithm: ChecksumAlgorithm::Sha256, hex: hex.to_ascii_lowercase() });
            }
            for (fact, value) in [
                ("dart.source", node.str("source")),
                ("dart.url", detail("url")),
                ("dart.revision", detail("resolved-ref")),
                ("dart.path", detail("path")),
            ] {
                package.extra.extend(value.map(|value| (fact.to_owned(), value.to_owned())));
            }
            if let Some(sdk) = description.and_then(Node::as_str).filter(|_| node.str("source") == Some("sdk")) {
                package.extra.insert("dart.sdk".to_owned(), sdk.to_owned());
                let range = root.get("sdks").and_then(|sdks| sdks.get(sdk)).and_then(Node::scalar);
                let minimum = range.and_then(minimum).map(|version| ("dart.minimum".to_owned(), version.to_owned()));
                package.extra.extend(minimum);
            }
            found.packages.push(package);
        }
        found
    })
}

/// The lowest version of a range: `1.2.3` of `>=1.2.3 <2.0.0`, `^1.2.3` and `1.2.3`.
fn minimum(range: &str) -> Option<&str> {
    let parts = range.split_whitespace();
    let lowest = parts.map(|part| part.trim_start_matches(['^', '='])).find_map(|part| match part.strip_prefix('>') {
        Some(rest) => Some(rest.trim_start_matches('=')),
        None => part.starts_with(|c: char| c.is_ascii_digit()).then_some(part),
    });
    lowest.filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}
