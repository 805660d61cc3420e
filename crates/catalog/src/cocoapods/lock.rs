//! `Podfile.lock`.

use std::collections::BTreeSet;

use signet_model::{Directness, PackageKind};

use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `Podfile.lock`, and its copy `Pods/Manifest.lock` where it was kept alone.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cocoapods-lock",
    claims: &[Claim::Name("Podfile.lock"), Claim::Path("Pods/Manifest.lock")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: YAML; `PODS` is a list of `NAME (VERSION)`, or of that as the key of a list of needs `NAME [(RANGE)]`; `DEPENDENCIES` lists what the
/// project needs itself, as `NAME [(RANGE or SOURCE)]`; `SPEC CHECKSUMS` has the SHA-1 of each specification. A subspec is a package: `AFNetworking/Security`.
/// Errors: no YAML mapping, no `PODS`; a pod without version. Source: CocoaPods/Core:lib/cocoapods-core/lockfile.rb.
fn read(input: &Input<'_>) -> Found {
    input.yaml_mapping(|root| {
        let mut found = Found::default();
        let Some(pods) = root.get("PODS") else {
            return Found::unexamined(input.malformed_at(root.lines, "no `PODS`"));
        };
        let direct: Option<BTreeSet<&str>> =
            root.get("DEPENDENCIES").map(|list| list.items().iter().filter_map(Node::as_str).map(name).collect());
        let mut needs = Vec::new();
        for node in pods.items() {
            let (pod, list) = match node.as_str() {
                Some(pod) => (pod, &[][..]),
                None => node.members().first().map_or(("", &[][..]), |(pod, list)| (pod.as_str(), list.items())),
            };
            let version = pod.split_once(" (").and_then(|(_, version)| version.strip_suffix(')'));
            let Some(version) = version.filter(|_| !name(pod).is_empty()) else {
                syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a pod without version"));
                continue;
            };
            let mut package = input.declared_at(PackageKind::CocoaPods, name(pod), version, node.lines);
            if let Some(direct) = &direct {
                package.directness = if direct.contains(name(pod)) { Directness::Direct } else { Directness::Indirect };
            }
            let whole = name(pod).split('/').next().unwrap_or_default();
            if let Some(sum) = root.get("SPEC CHECKSUMS").and_then(|sums| sums.get(whole)).and_then(Node::scalar) {
                package.extra.insert("cocoapods.checksum".to_owned(), sum.to_owned());
            }
            needs
                .extend(list.iter().filter_map(Node::as_str).map(|need| (found.packages.len(), name(need).to_owned())));
            found.packages.push(package);
        }
        found.depend(&needs);
        found
    })
}

/// `A/B` of `A/B (~> 1.0)`.
fn name(pod: &str) -> &str {
    pod.split(" (").next().unwrap_or_default().trim()
}
