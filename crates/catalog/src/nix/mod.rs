//! The Nix store: folders `nix/store/HASH-NAME-VERSION[-OUTPUT]`. Their names say all, so no file is read: the view of all layers is.

#[cfg(test)]
mod tests;

use signet_image::View;
use signet_model::{Location, Package, PackageKind};

use crate::{Found, Leaf, any_path};

/// Stands in the registry for its name and its coverage: it claims no file.
pub(crate) static LEAF: Leaf = Leaf {
    id: "nix-store",
    claims: &[],
    accepts: any_path,
    max_size: 0,
    read: |_| Found::default(),
    coverage: include_str!("coverage.yaml"),
};

/// Where the store is. Its place is part of every hash, so it is nowhere else.
const STORE: &str = "nix/store";

/// Names of outputs that nixpkgs uses besides `out`, which is not written. Source: NixOS/nixpkgs:doc/stdenv/multiple-output.chapter.md.
const OUTPUTS: &[&str] =
    &["bin", "data", "debug", "dev", "devdoc", "devman", "dist", "doc", "info", "lib", "man", "py", "static", "tools"];

/// A folder of the store: hash, name, version, output.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    hash: &'a str,
    name: &'a str,
    version: &'a str,
    output: Option<&'a str>,
}

/// Takes a folder's name apart; `None` for what has no version: sources, hooks, generated files.
fn entry(folder: &str) -> Option<Entry<'_>> {
    let (hash, rest) = folder.split_at_checked(32)?;
    // Nix's alphabet has no e, o, t and u.
    let is_hash =
        hash.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase() && !b"eotu".contains(&byte));
    let rest = rest.strip_prefix('-').filter(|_| is_hash)?;
    if [".drv", ".patch", ".lock", "-source"].iter().any(|ending| rest.ends_with(ending)) {
        return None;
    }
    let at = rest.match_indices('-').map(|(at, _)| at).find(|at| {
        rest.get(at + 1..).is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    })?;
    let (name, version) = (rest.get(..at)?, rest.get(at + 1..)?);
    let (version, output) = match version.rsplit_once('-') {
        Some((version, output)) if OUTPUTS.contains(&output) => (version, Some(output)),
        _ => (version, None),
    };
    (!name.is_empty()).then_some(Entry { hash, name, version, output })
}

/// Packages of the store with the files that are theirs. Each folder is a package of its own: outputs of one build are told apart by `nix.output`.
pub(crate) fn packages(view: &View) -> Vec<(Package, usize, Vec<String>)> {
    let mut found: Vec<(Package, usize, Vec<String>)> = Vec::new();
    let mut current = "";
    let mut known = false;
    for visible in view.below(STORE) {
        let Some(below) = visible.path.get(STORE.len() + 1..) else { continue };
        let folder = below.split('/').next().unwrap_or_default();
        if folder != current {
            current = folder;
            known = false;
            if let Some(entry) = entry(folder) {
                let mut package = Package::new(PackageKind::Nix, entry.name, entry.version);
                package.found_by = LEAF.id;
                package.locations = vec![Location::of_path(format!("{STORE}/{folder}"))];
                package.extra.insert("nix.output_hash".to_owned(), entry.hash.to_owned());
                if let Some(output) = entry.output {
                    package.extra.insert("nix.output".to_owned(), output.to_owned());
                }
                found.push((package, visible.layer, Vec::new()));
                known = true;
            }
        }
        if known
            && below.len() > folder.len()
            && let Some((_, _, files)) = found.last_mut()
        {
            files.push(visible.path.to_owned());
        }
    }
    found
}
