//! `renv.lock`.

use signet_model::PackageKind;

use crate::syntax::{self, Node};
use crate::{Claim, Found, Input, Leaf};

/// Reads `renv.lock`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "r-renv",
    claims: &[Claim::Name("renv.lock")],
    accepts: crate::any_path,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: an object with `R` (`Version`, `Repositories`), `Bioconductor` and `Packages`: name to `Package`, `Version`, `Source` (`Repository`,
/// `Bioconductor`, `GitHub`, ...), `Repository`, `RemoteSha`, `Hash`, and `Requirements`, a list of names (since renv 1.1 inside `Depends`,
/// `Imports` and `LinkingTo`).
/// Errors: no JSON object; a package without version. Source: rstudio.github.io/renv, "lockfiles".
fn read(input: &Input<'_>) -> Found {
    input.json_object(|root| {
        let mut found = Found::default();
        let mut needs: Vec<(usize, String)> = Vec::new();
        for (key, node) in root.members_of("Packages") {
            let Some(version) = node.str("Version") else {
                syntax::report(&mut found.unexamined, input.malformed_at(node.lines, "a package without version"));
                continue;
            };
            let mut package =
                input.declared_at(PackageKind::Cran, node.str("Package").unwrap_or(key), version, node.lines);
            for (fact, key) in [
                ("r.source", "Source"),
                ("r.repository", "Repository"),
                ("r.revision", "RemoteSha"),
                ("r.hash", "Hash"),
            ] {
                package.extra.extend(node.str(key).map(|value| (fact.to_owned(), value.to_owned())));
            }
            for list in ["Requirements", "Depends", "Imports", "LinkingTo"] {
                let names = node.get(list).map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
                let name = |need: &str| need.split('(').next().unwrap_or_default().trim().to_owned();
                needs.extend(names.map(|need| (found.packages.len(), name(need))));
            }
            found.packages.push(package);
        }
        found.depend(&needs);
        found
    })
}
