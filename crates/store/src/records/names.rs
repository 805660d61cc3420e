//! Names that are built into the program: a record holds their text, and reading gives the program's own back.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Names besides the ids of the leaves: rooms that give up on something, formats that state packages, facts about an image, and the empty name.
/// A test looks for names in the rooms' code that are missing here.
const OTHERS: &[&str] = &[
    "",
    "advisories",
    "apk_repository",
    "build_nvr",
    "catalog",
    "content_set",
    "cyclonedx",
    "debian_version",
    "image",
    "maven_model",
    "merge",
    "purl",
    "sources",
    "spdx",
    "syft-json",
];

static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let leaves = signet_catalog::leaves().iter().map(|leaf| leaf.id);
    leaves.chain(OTHERS.iter().copied()).map(|name| (name, name)).collect()
});

/// The program's own name of this text. `None`: the record was made by a program that knows other ones.
pub(super) fn find(text: &str) -> Option<&'static str> {
    NAMES.get(text).copied()
}
