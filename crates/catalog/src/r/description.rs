//! `DESCRIPTION`.

use signet_model::{Directness, License, PackageKind, Presence};

use crate::syntax::{self, headers};
use crate::{Claim, Found, Input, Leaf};

/// Reads `DESCRIPTION`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "r-description",
    claims: &[Claim::Name("DESCRIPTION")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a package's description.
///
/// Shape: fields as in mail headers: `Package`, `Version`, `License`, `Title`, `Depends`, `Imports`, `LinkingTo`, `Repository`; `Built` only once it is
/// installed. Without `Built` it is the source of a project.
/// Errors: none. A file without `Package` is not R's; a package without `Version` is told with an empty one. Source: "Writing R Extensions", 1.1.1.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let (headers, _) = headers::parse(&text, headers::Folding::Lines);
    let get = |name| headers::get(&headers, name);
    let Some(name) = get("Package") else { return Found::default() };
    let mut package = input.package(PackageKind::Cran, name, get("Version").unwrap_or_default());
    package.licenses = get("License").map(|value| License { value: value.to_owned() }).into_iter().collect();
    package.description = get("Title").map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
    package.vendor = get("Maintainer").map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    if get("Built").is_none() {
        package.presence = Presence::Declared;
        package.directness = Directness::Root;
    }
    for (fact, field) in [("r.repository", "Repository"), ("r.built", "Built"), ("r.revision", "RemoteSha")] {
        package.extra.extend(get(field).map(|value| (fact.to_owned(), value.to_owned())));
    }
    let lists = ["Depends", "Imports", "LinkingTo"].into_iter().filter_map(get);
    let names = lists.flat_map(|list| list.split(',')).map(|need| need.split('(').next().unwrap_or_default().trim());
    let requires = names.filter(|need| !need.is_empty() && *need != "R").map(|need| (0, need.to_owned())).collect();
    Found { packages: vec![package], requires, ..Found::default() }
}
