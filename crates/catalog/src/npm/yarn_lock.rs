//! yarn's `yarn.lock`: version 1 (its own notation) and 2 or later (YAML).

use std::collections::{BTreeMap, BTreeSet};

use signet_model::{Checksum, ChecksumAlgorithm, Directness, Package, RelationshipKind, Unexamined, UnexaminedKind};

use super::{add_to_list, declared, integrity, merge, split};
use crate::syntax::{self, block_yaml};
use crate::{Claim, Found, Input, Leaf};

/// Reads `yarn.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "yarn-lock",
    claims: &[Claim::Name("yarn.lock")],
    accepts: super::own_lock_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// One block: the patterns it answers (`name@range`), what they resolved to, and what that needs.
#[derive(Default)]
struct Block {
    patterns: Vec<String>,
    version: String,
    resolution: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    checksum: Option<String>,
    needs: Vec<(String, String)>,
    lines: (u32, u32),
}

/// Reads a lock file.
///
/// Shape: blocks `pattern, pattern:` with indented `version`, `resolved`, `integrity`, `dependencies` (version 1: values in quotes without
/// a colon; later: YAML with `resolution` and `checksum`, and a block `__metadata`).
/// The project itself and its workspaces (`0.0.0-use.local`) are left to their `package.json`, which states their version; their blocks tell
/// what is direct.
/// Errors: a line that fits neither notation, a block without version, a protocol that is not known; the other blocks are kept.
/// Source: yarnpkg/yarn:src/lockfile/parse.js; yarnpkg/berry:packages/yarnpkg-parsers/sources/syml.ts.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let yaml = text.lines().any(|line| line.starts_with("__metadata:"));
    let blocks =
        if yaml { berry(input, &text, &mut found.unexamined) } else { classic(input, &text, &mut found.unexamined) };
    let mut by_identity: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut by_pattern: BTreeMap<String, usize> = BTreeMap::new();
    let mut needs: Vec<(usize, &Block)> = Vec::new();
    let (projects, blocks): (Vec<&Block>, Vec<&Block>) = blocks.iter().partition(|block| is_project(block));
    for block in blocks {
        let Some(package) = package(input, block, &mut found.unexamined) else { continue };
        let at = *by_identity.entry((package.name.clone(), package.version.clone())).or_insert(found.packages.len());
        match found.packages.get_mut(at) {
            Some(known) => {
                let ranges = package.extra.get("yarn.patterns").cloned().unwrap_or_default();
                merge(known, package);
                add_to_list(known, "yarn.patterns", &ranges, ", ");
            }
            None => found.packages.push(package),
        }
        by_pattern.extend(block.patterns.iter().map(|pattern| (pattern.clone(), at)));
        needs.push((at, block));
    }
    // later versions leave the protocol out in the list of needs, and put it into patterns
    let find = |(name, range): &(String, String)| {
        [format!("{name}@{range}"), format!("{name}@npm:{range}")].iter().find_map(|p| by_pattern.get(p).copied())
    };
    let mut edges = BTreeSet::new();
    for (from, block) in needs {
        let ends = block.needs.iter().filter_map(find).filter(|to| *to != from);
        edges.extend(ends.map(|to| (from, to, RelationshipKind::DependsOn)));
    }
    found.edges = edges.into_iter().collect();
    if !projects.is_empty() {
        let direct: BTreeSet<usize> = projects.iter().flat_map(|block| &block.needs).filter_map(find).collect();
        for (at, package) in found.packages.iter_mut().enumerate() {
            package.directness = if direct.contains(&at) { Directness::Direct } else { Directness::Indirect };
        }
    }
    found
}

/// Whether a block is the project's own, or that of a member of its workspace. It lists all needs, those for development among them.
fn is_project(block: &Block) -> bool {
    block.version == "0.0.0-use.local"
        || block.resolution.as_deref().and_then(split).is_some_and(|(_, range)| range.starts_with("workspace:"))
}

/// Whether a range names a protocol that yarn does not know: such a block never came from a registry or repository.
fn strange(range: &str) -> bool {
    const KNOWN: &[&str] = &[
        "npm",
        "workspace",
        "patch",
        "file",
        "link",
        "portal",
        "exec",
        "virtual",
        "catalog",
        "jsr",
        "http",
        "https",
        "git",
        "git+ssh",
        "git+http",
        "git+https",
        "git+file",
        "ssh",
        "github",
        "gitlab",
        "bitbucket",
        "gist",
    ];
    match range.split_once(':') {
        // `git@github.com:a/b` and `a/b#semver:1` have a colon, too
        Some((protocol, _)) => {
            protocol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'-') && !KNOWN.contains(&protocol)
        }
        None => false,
    }
}

fn package(input: &Input<'_>, block: &Block, unexamined: &mut Vec<Unexamined>) -> Option<Package> {
    let mut give_up = |kind, why: &str| {
        let mut what = input.unexamined(kind, format!("line {}: {why}", block.lines.0));
        what.location.lines = Some(block.lines);
        syntax::report(unexamined, what);
    };
    let pattern = block.patterns.first().map(String::as_str).unwrap_or_default();
    // a need without a range has a pattern without one
    let (asked, range) = split(pattern).unwrap_or((pattern, ""));
    if asked.is_empty() {
        give_up(UnexaminedKind::Malformed, "a block has no name");
        return None;
    }
    let resolution = block.resolution.as_deref().and_then(split);
    if strange(range) {
        give_up(UnexaminedKind::Unsupported, "the protocol is not known");
        return None;
    }
    if block.version.is_empty() {
        give_up(UnexaminedKind::Malformed, "a block has no version");
        return None;
    }
    // an alias is `asked@npm:real@range`; later versions say the real name in the resolution
    let aliased =
        range.strip_prefix("npm:").filter(|target| target.starts_with(|c: char| c == '@' || c.is_ascii_alphabetic()));
    let aliased = aliased.map(|target| split(target).map_or(target, |(name, _)| name));
    let name = resolution.map(|(name, _)| name).or(aliased).unwrap_or(asked);
    let mut package = declared(input, name, &block.version, Some(block.lines));
    package.checksums = block.integrity.as_deref().map(integrity).unwrap_or_default();
    // `10c0/HEX` or HEX: SHA-512 of the archive that yarn itself made, by the cache key before the slash
    let checksum = block.checksum.as_deref().map(|text| text.rsplit('/').next().unwrap_or(text));
    if let Some(hex) =
        checksum.filter(|hex| hex.len() == 128 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
    {
        package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha512, hex: hex.to_owned() });
    }
    if name != asked {
        package.extra.insert("npm.alias".to_owned(), asked.to_owned());
    }
    if let Some(resolved) = block.resolved.as_ref().or(block.resolution.as_ref()) {
        package.extra.insert("npm.resolved".to_owned(), resolved.clone());
    }
    package.extra.insert("yarn.patterns".to_owned(), block.patterns.join(", "));
    Some(package)
}

/// Version 2 and later.
fn berry(input: &Input<'_>, text: &str, unexamined: &mut Vec<Unexamined>) -> Vec<Block> {
    let (documents, error) = block_yaml::parse_all(text);
    if let Some(error) = error {
        unexamined.push(input.unexamined(UnexaminedKind::Malformed, format!("no lock file of yarn: {error}")));
    }
    let blocks = documents.iter().flat_map(|document| document.members()).filter(|(key, _)| key != "__metadata");
    blocks
        .map(|(key, node)| Block {
            patterns: patterns(key),
            version: node.get("version").and_then(|version| version.scalar()).unwrap_or_default().to_owned(),
            resolution: node.str("resolution").map(str::to_owned),
            checksum: node.get("checksum").and_then(|checksum| checksum.scalar()).map(str::to_owned),
            needs: node
                .members_of("dependencies")
                .iter()
                .filter_map(|(name, range)| Some((name.clone(), range.scalar()?.to_owned())))
                .collect(),
            lines: node.lines,
            ..Block::default()
        })
        .collect()
}

/// `"a@1, a@2"`, or `"a@1", b@2`: commas stand between patterns, and inside of none.
fn patterns(key: &str) -> Vec<String> {
    key.split(", ").map(|pattern| pattern.trim().trim_matches('"').to_owned()).collect()
}

/// Version 1.
fn classic(input: &Input<'_>, text: &str, unexamined: &mut Vec<Unexamined>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut in_needs = false;
    for (index, line) in text.lines().enumerate() {
        let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let level = line.len() - line.trim_start_matches(' ').len();
        let understood = match (level, blocks.last_mut()) {
            (0, _) => match content.strip_suffix(':') {
                Some(key) => {
                    in_needs = false;
                    let lines = (number, number);
                    blocks.push(Block { patterns: patterns(key), lines, ..Block::default() });
                    true
                }
                None => false,
            },
            (2, Some(block)) => {
                block.lines.1 = number;
                in_needs = matches!(content, "dependencies:" | "optionalDependencies:");
                member(block, content)
            }
            (4, Some(block)) => {
                block.lines.1 = number;
                match (in_needs, pair(content)) {
                    (true, Some((name, range))) => {
                        block.needs.push((name, range));
                        true
                    }
                    (false, _) => true,
                    _ => false,
                }
            }
            _ => false,
        };
        if !understood {
            let mut what =
                input.unexamined(UnexaminedKind::Malformed, format!("line {number}: not of a yarn lock file"));
            what.location.lines = Some((number, number));
            syntax::report(unexamined, what);
            // one such line says as much as all
            if blocks.is_empty() {
                return blocks;
            }
        }
    }
    blocks
}

/// A line directly below a block's head.
fn member(block: &mut Block, content: &str) -> bool {
    if content.ends_with(':') {
        return true;
    }
    let Some((name, value)) = pair(content) else { return false };
    match name.as_str() {
        "version" => block.version = value,
        "resolved" => block.resolved = Some(value),
        "integrity" => block.integrity = Some(value),
        _ => {}
    }
    true
}

/// `name value`, each in quotes or not.
fn pair(content: &str) -> Option<(String, String)> {
    let (name, value) = match content.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?,
        None => content.split_once(' ')?,
    };
    let value = value.trim().trim_matches('"');
    (!name.is_empty() && !value.is_empty()).then(|| (name.trim_end_matches(':').to_owned(), value.to_owned()))
}
