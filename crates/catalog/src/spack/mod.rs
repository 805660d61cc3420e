//! Spack: `.spack/spec.json` beside what it installed.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use signet_model::{PackageKind, RelationshipKind, UnexaminedKind};

use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the concrete specification of an installed package.
pub(crate) static LEAF: Leaf = Leaf {
    id: "spack",
    claims: &[Claim::Path(".spack/spec.json")],
    accepts: any_path,
    max_size: 64 << 20,
    read,
    coverage: include_str!("coverage.yaml"),
};

/// Shape: `{spec: {_meta: {version}, nodes: [{name, version, arch: {platform, platform_os, target}, hash, external?, dependencies: [{name,
/// hash}]}]}}`. What is `external` was not installed by Spack but found on the system, and is left to the one who owns it.
///
/// Errors: no JSON; no list of nodes; a node without name or version. Source: spack/spack:`lib/spack/spack/spec.py`, specfile format 2 to 5.
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| input.unexamined(UnexaminedKind::Malformed, why);
    let root = match json::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(malformed(error.to_string())),
    };
    let Some(nodes) = root.get("spec").and_then(|spec| spec.get("nodes")) else {
        return Found::unexamined(malformed("there is no list of nodes".to_owned()));
    };
    let mut found = Found::default();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut needs: Vec<(usize, &str)> = Vec::new();
    for node in nodes.items() {
        let (Some(name), Some(version)) = (node.str("name"), node.str("version")) else {
            let why = format!("line {}: a node without name or version", node.lines.0);
            syntax::report(&mut found.unexamined, malformed(why));
            continue;
        };
        if node.get("external").is_some_and(|external| !external.members().is_empty()) {
            continue;
        }
        if syntax::is_full(input, &mut found) {
            break;
        }
        let place = found.packages.len();
        let mut package = input.package(PackageKind::Spack, name, version);
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        let target = node.get("arch").and_then(|arch| arch.get("target"));
        package.arch = target.and_then(|target| target.as_str().or_else(|| target.str("name"))).map(str::to_owned);
        if let Some(hash) = node.str("hash") {
            places.insert(hash, place);
            package.extra.insert("spack.hash".to_owned(), hash.to_owned());
        }
        let dependencies = node.get("dependencies").map_or(&[][..], |list| list.items());
        needs.extend(dependencies.iter().filter_map(|need| Some((place, need.str("hash")?))));
        found.packages.push(package);
    }
    let edges = needs.iter().filter_map(|(from, hash)| Some((*from, *places.get(hash)?, RelationshipKind::DependsOn)));
    found.edges = edges.filter(|(from, to, _)| from != to).collect();
    found.edges.sort_unstable();
    found.edges.dedup();
    found
}
