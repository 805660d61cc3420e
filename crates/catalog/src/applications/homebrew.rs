//! Formulae and casks of Homebrew.

use signet_model::PackageKind;

use super::COVERAGE;
use crate::{Claim, Found, Input, Leaf};

/// Tells formulae and casks by the folders that hold their receipts.
pub(crate) static LEAF: Leaf = Leaf {
    id: "homebrew",
    claims: &[
        Claim::Name("INSTALL_RECEIPT.json"),
        Claim::Name("source.properties"),
        Claim::Suffix(".wrapper.sh"),
        Claim::Suffix(".rb"),
    ],
    accepts: is_receipt,
    max_size: 16 << 20,
    read,
    coverage: COVERAGE,
};

/// Name, version and what lies below, of `.../Cellar/NAME/VERSION/REST` or `.../Caskroom/...`.
fn place<'a>(path: &'a str, room: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let rest = match path.split_once(&format!("/{room}/")) {
        Some((_, rest)) => rest,
        None => path.strip_prefix(&format!("{room}/"))?,
    };
    let (name, rest) = rest.split_once('/')?;
    let (version, rest) = rest.split_once('/')?;
    (!name.is_empty() && !version.is_empty()).then_some((name, version, rest))
}

fn is_receipt(path: &str) -> bool {
    if let Some((.., rest)) = place(path, "Cellar") {
        return rest == "INSTALL_RECEIPT.json" || rest.strip_prefix(".brew/").is_some_and(|file| !file.contains('/'));
    }
    place(path, "Caskroom").is_some() && !path.ends_with(".rb") && !path.ends_with(".json")
}

/// The folders are the truth: Homebrew keeps what is installed at `Cellar/NAME/VERSION`. Errors: none, the bytes are not needed.
/// Source: docs.brew.sh, "Formula Cookbook", homebrew terminology.
fn read(input: &Input<'_>) -> Found {
    let place = place(input.path(), "Cellar").or_else(|| place(input.path(), "Caskroom"));
    let packages = place.map(|(name, version, _)| input.package(PackageKind::Homebrew, name, version));
    Found { packages: packages.into_iter().collect(), ..Found::default() }
}
