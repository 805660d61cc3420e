//! `*.vsix`: the archive of an editor's extension, and the npm packages that it brings along.

use signet_model::{PackageKind, Unexamined, UnexaminedKind};

use crate::syntax::zip::{Archive, Limits, ZipError};
use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads the packages inside of an archive.
pub(crate) static LEAF: Leaf = Leaf {
    id: "vsix-packages",
    claims: &[Claim::Suffix(".vsix")],
    accepts: any_path,
    max_size: 128 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Bytes of one manifest.
pub(super) const MANIFEST: u64 = 1 << 20;

/// Bytes of all manifests of one archive.
const TOTAL: u64 = 256 << 20;

const ZIP: Limits = Limits { members: 200_000, member_size: MANIFEST };

/// Opens the archive. What is none is noted in `found`.
pub(super) fn open<'a>(input: &Input<'a>, found: &mut Found) -> Option<Archive<'a>> {
    match Archive::open(input.bytes, ZIP) {
        Ok(archive) => Some(archive),
        Err(error) => {
            found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
            None
        }
    }
}

/// Reads an archive.
///
/// Shape: a zip archive with the extension below `extension/`, and `node_modules/**/package.json` in it. A manifest without name or version is no
/// package. Errors: no archive; a manifest that cannot be read, with its place in the archive; limits.
/// Source: code.visualstudio.com/api/working-with-extensions/publishing-extension.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(archive) = open(input, &mut found) else { return found };
    let mut budget = TOTAL;
    let packages = archive.members.iter().filter(|member| is_package(&member.name));
    for member in packages {
        let location = input.location.inside(&member.name);
        let mut give_up = |kind, why: String| {
            let what = Unexamined { location: location.clone(), ..input.unexamined(kind, why) };
            syntax::report(&mut found.unexamined, what);
        };
        let bytes = match archive.read(member, &mut budget) {
            Ok(bytes) => bytes,
            Err(error) => {
                let large = matches!(error, ZipError::Size(_));
                give_up(if large { UnexaminedKind::TooLarge } else { UnexaminedKind::Malformed }, error.to_string());
                continue;
            }
        };
        match json::parse(&syntax::text(&bytes)) {
            Ok(root) => {
                let text = |name: &str| root.str(name).map(str::trim).filter(|text| !text.is_empty());
                if let (Some(name), Some(version)) = (text("name"), text("version")) {
                    let mut package = input.package(PackageKind::Npm, name, version);
                    package.licenses = crate::npm::licenses(&root);
                    package.locations = vec![location];
                    found.packages.push(package);
                }
            }
            Err(error) => give_up(UnexaminedKind::Malformed, format!("no JSON: {error}")),
        }
    }
    if let Some(error) = archive.incomplete {
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, error.to_string()));
    }
    found
}

/// `.../node_modules/NAME/package.json`, `.../node_modules/@SCOPE/NAME/package.json`.
fn is_package(path: &str) -> bool {
    path.contains("node_modules/") && path.ends_with("/package.json") && crate::npm::package_json::is_own(path)
}

#[cfg(test)]
mod tests {
    use super::is_package;

    #[test]
    fn which_members_are_packages() {
        for path in ["extension/node_modules/a/package.json", "extension/node_modules/a/node_modules/@s/b/package.json"]
        {
            assert!(is_package(path), "{path}");
        }
        for path in ["extension/package.json", "extension/node_modules/a/lib/package.json", "node_modules/package.json"]
        {
            assert!(!is_package(path), "{path}");
        }
    }
}
