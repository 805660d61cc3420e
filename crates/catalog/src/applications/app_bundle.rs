//! Application bundles of macOS.

use signet_model::{PackageKind, UnexaminedKind};

use super::COVERAGE;
use crate::syntax::{self, bplist, xml};
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

/// Reads a property list, in XML or binary: `CFBundleName` (else `CFBundleDisplayName`, else the identifier), `CFBundleShortVersionString` (else
/// `CFBundleVersion`).
///
/// Errors: no property list; no name. Source: developer.apple.com, "Information Property List".
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    let pairs = match input.bytes.starts_with(b"bplist") {
        true => bplist::texts(input.bytes).map_err(str::to_owned),
        false => texts_of_xml(&syntax::text(input.bytes)),
    };
    let pairs = match pairs {
        Ok(pairs) => pairs,
        Err(why) => return malformed(why),
    };
    let value =
        |name: &str| pairs.iter().find(|(key, text)| key == name && !text.is_empty()).map(|(_, text)| text.as_str());
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

/// Keys and texts of the dictionary at the top: `<key>` before its `<string>`.
fn texts_of_xml(text: &str) -> Result<Vec<(String, String)>, String> {
    let root = xml::parse(text)?;
    let nodes = root.children.first().map_or(&[][..], |dictionary| dictionary.children.as_slice());
    let pairs = nodes.iter().zip(nodes.iter().skip(1));
    let texts = pairs.filter(|(key, value)| key.name == "key" && value.name == "string");
    Ok(texts.map(|(key, value)| (key.text.clone(), value.text.clone())).collect())
}
