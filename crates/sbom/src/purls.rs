//! A plain list of package URLs, one per line.

use std::collections::BTreeSet;

use signet_model::Inventory;

/// The purls of all packages, sorted, without duplicates, each with a line break. A package whose name no purl can carry is left out.
pub fn write(inventory: &Inventory) -> String {
    let purls: BTreeSet<String> = inventory
        .packages
        .iter()
        .filter_map(|package| package.purl(inventory.distro.as_ref()))
        .map(|purl| purl.to_string())
        .collect();
    purls.into_iter().map(|purl| purl + "\n").collect()
}
