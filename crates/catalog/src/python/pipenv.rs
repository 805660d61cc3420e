//! pipenv's `Pipfile.lock`.

use std::collections::BTreeMap;

use super::{checksum, declared};
use crate::syntax::document;
use crate::{Claim, Found, Input, Leaf};

/// Reads `Pipfile.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "python-pipenv",
    claims: &[Claim::Name("Pipfile.lock")],
    accepts: super::own_file,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: an object with `_meta` and one object for each category (`default`, `develop`, others); name to `version` (`==1.0`), `hashes`.
/// What a category other than `default` alone holds is for development when the category is `develop`.
/// A package from a repository or path has no version here.
/// Errors: no JSON object. Source: pipenv.pypa.io, "Pipfile.lock".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::json_object(input, &mut found) else { return found };
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (category, packages) in root.members().iter().filter(|(category, _)| category != "_meta") {
        for (name, node) in packages.members() {
            let version = node.str("version").unwrap_or_default().trim_start_matches('=');
            let dev = category == "develop";
            if let Some(known) =
                places.get(&(name.clone(), version.to_owned())).and_then(|at| found.packages.get_mut(*at))
            {
                known.dev &= dev;
                known.locations.push(input.location.at_lines(node.lines.0, node.lines.1));
                continue;
            }
            let mut package = declared(input, name, version, node.lines);
            package.dev = dev;
            package.checksums = node
                .get("hashes")
                .map_or(&[][..], |hashes| hashes.items())
                .iter()
                .filter_map(|hash| checksum(hash.as_str()?))
                .collect();
            for fact in ["git", "ref", "path", "file"] {
                if let Some(value) = node.str(fact) {
                    package.extra.insert(format!("python.{fact}"), value.to_owned());
                }
            }
            places.insert((name.clone(), version.to_owned()), found.packages.len());
            found.packages.push(package);
        }
    }
    found
}
