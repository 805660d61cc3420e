//! JavaScript packages: installed (`package.json`), and named by the lock files of npm, yarn, pnpm and bun.

pub(crate) mod bun_lock;
pub(crate) mod bun_lockb;
pub(crate) mod package_json;
pub(crate) mod package_lock;
pub(crate) mod pnpm_lock;
#[cfg(test)]
mod tests;
pub(crate) mod yarn_lock;

use base64::Engine as _;
use signet_model::{Checksum, ChecksumAlgorithm, Directness, License, Package, PackageKind, Presence};

use crate::Input;
use crate::syntax::{Node, Value};

/// What this folder's leaves can tell.
const COVERAGE: &str = include_str!("coverage.yaml");

/// A project's own lock file, not one that came with an installed package: those name what was never installed.
pub(crate) fn own_lock_file(path: &str) -> bool {
    !format!("/{path}").contains("/node_modules/") && !path.contains("/gems/")
}

/// Splits `name@range`, with the scope's own `@` in mind.
pub(crate) fn split(pattern: &str) -> Option<(&str, &str)> {
    let from = usize::from(pattern.starts_with('@'));
    let at = pattern.get(from..)?.find('@')? + from;
    let (name, range) = (pattern.get(..at)?, pattern.get(at + 1..)?);
    (!name.is_empty()).then_some((name, range))
}

/// A package that a lock file names.
pub(crate) fn declared(input: &Input<'_>, name: &str, version: &str, lines: Option<(u32, u32)>) -> Package {
    let mut package = input.package(PackageKind::Npm, name, version);
    package.presence = Presence::Declared;
    if let Some((first, last)) = lines {
        package.locations = vec![input.location.at_lines(first, last)];
    }
    package
}

/// Hashes of a subresource-integrity text: `sha512-BASE64 sha1-BASE64`. Others are passed over.
pub(crate) fn integrity(text: &str) -> Vec<Checksum> {
    let known = |part: &str| {
        let (algorithm, hash) = part.split_once('-')?;
        let algorithm = match algorithm {
            "sha1" => ChecksumAlgorithm::Sha1,
            "sha256" => ChecksumAlgorithm::Sha256,
            "sha384" => ChecksumAlgorithm::Sha384,
            "sha512" => ChecksumAlgorithm::Sha512,
            _ => return None,
        };
        let hash = base64::engine::general_purpose::STANDARD.decode(hash).ok()?;
        Some(Checksum::from_bytes(algorithm, &hash))
    };
    text.split_whitespace().filter_map(known).collect()
}

/// Licences of a `license` or `licenses` member: a text, an object with `type` or `name`, or a list of these.
/// Source: docs.npmjs.com/cli/configuring-npm/package-json, "license".
pub(crate) fn licenses(node: &Node) -> Vec<License> {
    fn collect(node: &Node, into: &mut Vec<License>) {
        let mut add = |text: &str| {
            let value = text.trim().to_owned();
            if !value.is_empty() && !into.iter().any(|known| known.value == value) {
                into.push(License { value });
            }
        };
        match &node.value {
            Value::String(text) => add(text),
            Value::Object(_) => {
                if let Some(text) = node.str("type").filter(|text| !text.is_empty()).or_else(|| node.str("name")) {
                    add(text);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for node in ["license", "licenses"].iter().filter_map(|name| node.get(name)) {
        collect(node, &mut found);
        node.items().iter().for_each(|item| collect(item, &mut found));
    }
    found
}

/// Adds to a list in `extra`, up to 4 KiB: the list is for people and for few exact outputs, and must not grow with a hostile file.
fn add_to_list(package: &mut Package, fact: &str, item: &str, separator: &str) {
    let list = package.extra.entry(fact.to_owned()).or_default();
    if list.len() < 4096 && !list.split(separator).any(|known| known == item) {
        if !list.is_empty() {
            list.push_str(separator);
        }
        list.push_str(item);
    }
}

/// Joins two facts about one package that a lock file holds at several places.
pub(crate) fn merge(into: &mut Package, other: Package) {
    into.dev &= other.dev;
    into.directness = match (into.directness, other.directness) {
        (Directness::Unknown, other) => other,
        (known, Directness::Unknown) => known,
        (one, other) => one.min(other),
    };
    into.locations.extend(other.locations);
    for checksum in other.checksums {
        // one archive has a few hashes; a file that states hundreds is made to be slow
        if into.checksums.len() < 16 && !into.checksums.contains(&checksum) {
            into.checksums.push(checksum);
        }
    }
    for (name, value) in other.extra {
        into.extra.entry(name).or_insert(value);
    }
}
