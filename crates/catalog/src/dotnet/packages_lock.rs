//! NuGet's `packages.lock.json`.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, RelationshipKind, UnexaminedKind};

use super::{declared, folded, object_of, sha512};
use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `packages.lock.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "nuget-lock",
    claims: &[Claim::Name("packages.lock.json")],
    accepts: super::own_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: `dependencies` by framework (`net8.0`, `net8.0/linux-x64`), then by name: `type` (`Direct`, `Transitive`, `CentralTransitive`,
/// `Project`), `resolved`, `contentHash` (SHA-512, base64), `dependencies` by name. Projects of the same solution have no version.
/// One package per name and version: the frameworks' entries are joined. Errors: no JSON object; a package without `resolved`.
/// Source: learn.microsoft.com/nuget/consume-packages/package-references-in-project-files, "locking dependencies".
fn read(input: &Input<'_>) -> Found {
    let root = match object_of(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let mut found = Found::default();
    let Some(frameworks) = root.get("dependencies") else {
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "no member `dependencies`"));
    };
    let mut by_id: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut by_framework: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for (framework, packages) in frameworks.members() {
        let places = by_framework.entry(framework).or_default();
        for (name, node) in packages.members() {
            let kind = node.str("type").unwrap_or_default();
            if kind.eq_ignore_ascii_case("project") {
                continue;
            }
            let Some(version) = node.str("resolved").filter(|version| !version.is_empty() && !name.is_empty()) else {
                let why = format!("line {}: `{name}` has no resolved version", node.lines.0);
                syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
                continue;
            };
            let id = (folded(name), version.to_owned());
            let place = *by_id.entry(id).or_insert(found.packages.len());
            let direct = if kind.eq_ignore_ascii_case("direct") { Directness::Direct } else { Directness::Indirect };
            match found.packages.get_mut(place) {
                Some(known) => {
                    known.directness = known.directness.min(direct);
                    known.locations.push(input.location.at_lines(node.lines.0, node.lines.1));
                }
                None => {
                    let mut package = declared(input, name, version, node.lines);
                    package.directness = direct;
                    package.checksums.extend(node.str("contentHash").and_then(sha512));
                    found.packages.push(package);
                }
            }
            places.insert(folded(name), place);
        }
    }
    let mut edges = BTreeSet::new();
    for (framework, packages) in frameworks.members() {
        // What is the same for every runtime stands below the framework alone.
        let base = framework.split_once('/').map_or(framework.as_str(), |(base, _)| base);
        let lookup = |name: &str| {
            let name = folded(name);
            [framework.as_str(), base].iter().find_map(|framework| by_framework.get(*framework)?.get(&name).copied())
        };
        for (name, node) in packages.members() {
            let Some(from) = by_framework.get(framework.as_str()).and_then(|places| places.get(&folded(name))) else {
                continue;
            };
            let needs = node.get("dependencies").map_or(&[][..], Node::members).iter();
            let to = needs.filter_map(|(need, _)| lookup(need)).filter(|to| to != from);
            edges.extend(to.map(|to| (*from, to, RelationshipKind::DependsOn)));
        }
    }
    found.edges = edges.into_iter().collect();
    found
}
