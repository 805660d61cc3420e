//! `project.assets.json`: what `dotnet restore` resolved for one project.

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Directness, RelationshipKind, UnexaminedKind};

use super::{declared, folded, object_of, sha512, split_key};
use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `project.assets.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "nuget-assets",
    claims: &[Claim::Name("project.assets.json")],
    accepts: super::own_file,
    max_size: 128 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the result of a restore.
///
/// Shape: `libraries` by `Name/Version` with `type` (`package`, `project`) and `sha512`; `targets` by framework and runtime, with the needs
/// of each library as ranges; `projectFileDependencyGroups` by framework: what the project names, as `Name >= 1.0`;
/// `project.frameworks.*.dependencies` with `suppressParent: All` for what only the build needs.
/// Errors: no JSON object; a library without name or version.
/// Source: NuGet/NuGet.Client:src/NuGet.Core/NuGet.ProjectModel/LockFile/LockFileFormat.cs.
fn read(input: &Input<'_>) -> Found {
    let root = match object_of(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let mut found = Found::default();
    if root.get("libraries").is_none() && root.get("targets").is_none() {
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "neither libraries nor targets"));
    }
    let groups = root.members_of("projectFileDependencyGroups").iter();
    let direct: BTreeSet<String> = groups
        .flat_map(|(_, group)| group.items())
        .filter_map(|item| item.as_str()?.split_whitespace().next().map(folded))
        .collect();
    let suppressed = suppressed(&root);
    let targets = root.members_of("targets");
    let in_targets = targets.iter().flat_map(|(_, target)| target.members());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (key, library) in root.members_of("libraries").iter().chain(in_targets) {
        if places.contains_key(&folded(key)) {
            continue;
        }
        let kind = library.str("type").unwrap_or_default();
        let project = kind.eq_ignore_ascii_case("project");
        if !project && !kind.eq_ignore_ascii_case("package") {
            continue;
        }
        let Some((name, version)) = split_key(key) else {
            let why = format!("line {}: `{key}` has no name or no version", library.lines.0);
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        };
        let mut package = declared(input, name, version, library.lines);
        package.checksums.extend(library.str("sha512").and_then(sha512));
        package.dev = suppressed.contains(&folded(name));
        package.directness = match (project, direct.is_empty(), direct.contains(&folded(name))) {
            (true, ..) => Directness::Workspace,
            (_, true, _) => Directness::Unknown,
            (.., true) => Directness::Direct,
            _ => Directness::Indirect,
        };
        places.insert(folded(key), found.packages.len());
        found.packages.push(package);
    }
    found.edges = edges(targets, &places);
    found
}

/// Needs are ranges; each target resolves a name to one version.
fn edges(targets: &[(String, Node)], places: &BTreeMap<String, usize>) -> Vec<(usize, usize, RelationshipKind)> {
    let mut edges = BTreeSet::new();
    for (_, target) in targets {
        let resolved: BTreeMap<String, usize> = (target.members().iter())
            .filter_map(|(key, _)| Some((folded(split_key(key)?.0), *places.get(&folded(key))?)))
            .collect();
        for (key, library) in target.members() {
            let Some(from) = places.get(&folded(key)) else { continue };
            let needs = library.members_of("dependencies").iter();
            let to = needs.filter_map(|(name, _)| resolved.get(&folded(name))).filter(|to| *to != from);
            edges.extend(to.map(|to| (*from, *to, RelationshipKind::DependsOn)));
        }
    }
    edges.into_iter().collect()
}

/// Names of what the project keeps from those that use it (`PrivateAssets="all"`): analyzers, build tasks.
fn suppressed(root: &Node) -> BTreeSet<String> {
    let frameworks = root.get("project").map_or(&[][..], |project| project.members_of("frameworks"));
    let dependencies = frameworks.iter().flat_map(|(_, framework)| framework.members_of("dependencies"));
    dependencies
        .filter(|(_, node)| node.str("suppressParent").is_some_and(|text| text.eq_ignore_ascii_case("all")))
        .map(|(name, _)| folded(name))
        .collect()
}
