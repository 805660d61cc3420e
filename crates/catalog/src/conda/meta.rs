//! `conda-meta/NAME-VERSION-BUILD.json`: one installed package, and its files.

use signet_model::{Checksum, ChecksumAlgorithm, License, PackageKind, UnexaminedKind};

use crate::syntax::{Node, document};
use crate::{Claim, Found, Input, Leaf, Owner, any_path};

/// Reads what conda, mamba and pixi note of an installed package.
pub(crate) static LEAF: Leaf = Leaf {
    id: "conda-meta",
    claims: &[Claim::In("conda-meta", ".json")],
    accepts: any_path,
    // lists of files: the largest packages have a hundred thousand
    max_size: 32 << 20,
    read: record,
    coverage: super::COVERAGE,
};

/// Reads a record.
///
/// Shape: an object with `name`, `version`, `build`, `channel`, `subdir`, `license`, `md5`, `sha256`, `depends` (match specifications), and `files`
/// (or `paths_data.paths[]._path`), relative to the directory above `conda-meta`.
/// Errors: no JSON object; no name or version. Source: docs.conda.io, "Package metadata"; conda/conda:conda/models/records.py.
pub(super) fn record(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::json_object(input, &mut found) else { return found };
    let text = |name: &str| root.str(name).map(str::trim).filter(|text| !text.is_empty());
    let (Some(name), Some(version)) = (text("name"), text("version")) else {
        let why = "a record of conda without name or version";
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
        return found;
    };
    let mut package = input.package(PackageKind::Conda, name, version);
    package.licenses = text("license").map(|value| License { value: value.to_owned() }).into_iter().collect();
    let sums = [("md5", ChecksumAlgorithm::Md5, 32), ("sha256", ChecksumAlgorithm::Sha256, 64)];
    for (member, algorithm, digits) in sums {
        let whole = |hex: &&str| hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hex = text(member).filter(whole);
        package.checksums.extend(hex.map(|hex| Checksum { algorithm, hex: hex.to_ascii_lowercase() }));
    }
    for member in ["build", "channel", "subdir", "url", "fn"] {
        package.extra.extend(text(member).map(|value| (format!("conda.{member}"), value.to_owned())));
    }
    found.packages.push(package);
    let needs = root.get("depends").map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
    found.requires = needs.filter_map(|need| need.split_whitespace().next()).map(|name| (0, name.to_owned())).collect();
    let files = root.get("files").map_or(&[][..], Node::items).iter().filter_map(Node::as_str);
    let paths = root.get("paths_data").and_then(|data| data.get("paths")).map_or(&[][..], Node::items);
    let mut owned: Vec<&str> = files.collect();
    if owned.is_empty() {
        owned = paths.iter().filter_map(|path| path.str("_path")).collect();
    }
    let directory = input.path().rsplit('/').nth(1).map_or(0, str::len) + input.name().len() + 1;
    let prefix = input.path().get(..input.path().len().saturating_sub(directory)).unwrap_or_default();
    let inside = |path: &&str| !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
    let owned: Vec<String> = owned.into_iter().filter(inside).map(|path| format!("{prefix}{path}")).collect();
    if !owned.is_empty() {
        found.owns.push((Owner::Here(0), owned));
    }
    found
}
