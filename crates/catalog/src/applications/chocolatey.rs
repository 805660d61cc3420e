//! Chocolatey's packages on Windows.

use signet_model::{PackageKind, UnexaminedKind};

use super::COVERAGE;
use crate::syntax::{self, xml};
use crate::{Claim, Found, Input, Leaf};

/// Reads `chocolatey/lib/NAME/NAME.nuspec`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "chocolatey",
    claims: &[Claim::Suffix(".nuspec")],
    accepts: is_installed,
    max_size: 4 << 20,
    read,
    coverage: COVERAGE,
};

fn is_installed(path: &str) -> bool {
    format!("/{}", path.to_ascii_lowercase()).contains("/chocolatey/lib/")
}

/// Reads `metadata` of a nuspec: `id`, `version`, `authors`, `summary`.
///
/// Errors: no XML, no `metadata`, no id. A package without version is listed without one.
/// Source: learn.microsoft.com, "nuspec file reference".
fn read(input: &Input<'_>) -> Found {
    let root = match xml::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let Some(metadata) = root.children.iter().find(|child| child.name == "metadata") else {
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "there is no `metadata`"));
    };
    let Some(id) = metadata.child_text("id") else {
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "it states no id"));
    };
    let mut package = input.package(PackageKind::Other, id, metadata.child_text("version").unwrap_or_default());
    package.vendor = metadata.child_text("authors").map(str::to_owned);
    package.description = metadata.child_text("summary").map(str::to_owned);
    package.extra.insert("type".to_owned(), "chocolatey".to_owned());
    Found { packages: vec![package], ..Found::default() }
}
