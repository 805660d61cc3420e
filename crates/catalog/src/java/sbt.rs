//! `build.sbt.lock` of the plugin sbt-dependency-lock.

use signet_model::{Checksum, ChecksumAlgorithm, UnexaminedKind};

use super::declared;
use crate::syntax::{self, Node, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads lock files of sbt.
pub(crate) static LEAF: Leaf = Leaf {
    id: "sbt-lock",
    claims: &[Claim::Suffix(".sbt.lock")],
    accepts: any_path,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Configurations that nothing ships.
const TESTS: &[&str] =
    &["test", "it", "test-internal", "it-internal", "scala-tool", "scala-doc-tool", "plugin", "docs"];

/// Reads one lock file.
///
/// Shape: `{lockVersion: 1, dependencies: [{org, name, version, artifacts: [{name, hash: "sha1:HEX"}], configurations: [..]}]}`.
/// Errors: no JSON, no list of dependencies, another version of the format (what looks alike is read), an entry without name or version.
/// Source: github.com/stringbean/sbt-dependency-lock, "Lockfile format".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let root = match json::parse(&text) {
        Ok(root) => root,
        Err(error) => {
            return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, format!("no JSON: {error}")));
        }
    };
    let mut found = Found::default();
    match root.get("lockVersion").and_then(Node::scalar) {
        Some("1") => {}
        version => {
            let why = format!("version {} of the lock file is not known", version.unwrap_or("(none)"));
            found.unexamined.push(input.unexamined(UnexaminedKind::Unsupported, why));
        }
    }
    let Some(dependencies) = root.get("dependencies") else {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, "there is no list of dependencies"));
        return found;
    };
    for node in dependencies.items() {
        let get = |name: &str| node.str(name).unwrap_or_default();
        if get("name").is_empty() || get("version").is_empty() {
            let why = format!("line {}: a dependency without name or version", node.lines.0);
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        }
        let mut package = declared(input, get("org"), get("name"), get("version"), Some(node.lines));
        let configurations: Vec<&str> =
            node.get("configurations").map_or(&[][..], Node::items).iter().filter_map(Node::as_str).collect();
        package.dev = !configurations.is_empty() && configurations.iter().all(|name| TESTS.contains(name));
        if !configurations.is_empty() {
            package.extra.insert("sbt.configurations".to_owned(), configurations.join(","));
        }
        // several artifacts are several classifiers of one version: none of their hashes is the package's
        if let [artifact] = node.get("artifacts").map_or(&[][..], Node::items)
            && let Some(hex) = artifact.str("hash").and_then(|hash| hash.strip_prefix("sha1:"))
        {
            package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha1, hex: hex.to_ascii_lowercase() });
        }
        found.packages.push(package);
    }
    found
}
