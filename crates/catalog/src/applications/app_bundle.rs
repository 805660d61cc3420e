//! Application bundles of macOS.

use signet_model::{PackageKind, UnexaminedKind};

use super::COVERAGE;
use crate::syntax::{self, xml};
use crate::{Claim, Found, Input, Leaf};

/// Reads `NAME.app/Contents/Info.plist`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "app-bundle",
    claims: &[Claim::Path("Contents/Info.plist")],
    accepts: of_an_application,
    max_size: 4 << 20,
    read,
    coverage: COVERAGE,
};

/// `.../NAME.app/Contents/Info.plist`.
fn of_an_application(path: &str) -> bool {
    path.rsplit('/').nth(2).is_some_and(|folder| folder.ends_with(".app"))
}

/// Reads a property list in XML: `CFBundleName` (else `CFBundleDisplayName`, else the identifier), `CFBundleShortVersionString` (else
/// `CFBundleVersion`).
///
/// Errors: no XML property list, binary ones included; no name. Source: developer.apple.com, "Information Property List".
fn read(input: &Input<'_>) -> Found {
    if input.bytes.starts_with(b"bplist") {
        return Found::unexamined(input.unexamined(UnexaminedKind::Unsupported, "a binary property list"));
    }
    let malformed = |why: String| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    let root = match xml::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(why) => return malformed(why),
    };
    let pairs = root.children.first().map_or(&[][..], |dictionary| dictionary.children.as_slice());
    let value = |name: &str| {
        let key = pairs.iter().position(|pair| pair.name == "key" && pair.text == name)?;
        pairs
            .get(key + 1)
            .filter(|pair| pair.name == "string")
            .map(|pair| pair.text.as_str())
            .filter(|text| !text.is_empty())
    };
    let names = ["CFBundleName", "CFBundleDisplayName", "CFBundleIdentifier"];
    let Some(name) = names.iter().find_map(|name| value(name)) else {
        return malformed("the bundle has no name".to_owned());
    };
    let version = value("CFBundleShortVersionString").or_else(|| value("CFBundleVersion")).unwrap_or_default();
    let mut package = input.package(PackageKind::Other, name, version);
    package.extra.insert("type".to_owned(), "apple-app-bundle".to_owned());
    if let Some(id) = value("CFBundleIdentifier") {
        package.extra.insert("apple.bundle_identifier".to_owned(), id.to_owned());
    }
    Found { packages: vec![package], ..Found::default() }
}
