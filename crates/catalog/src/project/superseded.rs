//! Manifests whose needs a lock file tells better.
//!
//! A manifest says `requests >= 2`, the lock file beside it `requests 2.32.5`. Where both are there, what the manifest asks for would only stand
//! twice in the list, once without a version.

use std::collections::BTreeMap;

use signet_model::Digest;

use super::settle::found;
use crate::FileRecord;

/// Drops what manifests ask for where a lock file answers it, in the same directory or in one above (a workspace has one lock file for all).
/// A lock file that names nothing answers nothing: it may be broken.
pub(super) fn drop_answered(files: &mut [(FileRecord, Option<Digest>)], by_path: &BTreeMap<String, usize>) {
    let mut answered = Vec::new();
    for (path, at) in by_path {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let locks: &[&str] = match files.get(*at).map(|(file, _)| file.leaf) {
            Some("python-project" | "python-setup" | "python-setup-cfg") => {
                &["poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"]
            }
            Some("deno-config" | "deno-source") => &["deno.lock"],
            // what the binary form holds stands in the text
            Some("bun-lockb") if name == "bun.lockb" => &["bun.lock"],
            _ => continue,
        };
        let names_something = |at: &usize| files.get(*at).is_some_and(|(file, _)| !file.found.packages.is_empty());
        let mut above = Some(directory);
        while let Some(directory) = above {
            let slash = if directory.is_empty() { "" } else { "/" };
            let lock = |name: &&str| by_path.get(&format!("{directory}{slash}{name}")).is_some_and(names_something);
            if locks.iter().any(lock) {
                answered.push(*at);
                break;
            }
            above = match directory.rsplit_once('/') {
                Some((parent, _)) => Some(parent),
                None if directory.is_empty() => None,
                None => Some(""),
            };
        }
    }
    for at in answered {
        if let Some(found) = found(files, at) {
            found.packages.clear();
            found.edges.clear();
            // that a program computes its needs, or that a form is not read, matters no more
            found.unexamined.retain(|what| what.kind == signet_model::UnexaminedKind::Malformed);
        }
    }
}
