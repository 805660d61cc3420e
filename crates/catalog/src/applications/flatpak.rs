//! AppStream metadata of Flatpak applications.

use signet_model::{PackageKind, UnexaminedKind};

use super::COVERAGE;
use crate::syntax::{self, xml};
use crate::{Claim, Found, Input, Leaf};

/// Reads `*.metainfo.xml` of installed applications.
pub(crate) static LEAF: Leaf = Leaf {
    id: "flatpak",
    claims: &[Claim::Suffix("metainfo.xml")],
    accepts: of_an_application,
    max_size: 16 << 20,
    read,
    coverage: COVERAGE,
};

fn of_an_application(path: &str) -> bool {
    format!("/{path}").contains("/flatpak/app/")
}

/// Reads a component: `id`, and the newest of `releases`, which stands first.
///
/// Errors: no XML; no id; no release. Source: freedesktop.org, AppStream specification, "Upstream metadata".
fn read(input: &Input<'_>) -> Found {
    let malformed = |why: String| Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    let root = match xml::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(why) => return malformed(why),
    };
    let releases = root.children.iter().find(|child| child.name == "releases");
    let version = releases.and_then(|list| list.children.iter().find_map(|release| release.attribute("version")));
    let (Some(id), Some(version)) = (root.child_text("id"), version) else {
        return malformed("it states no id, or no release".to_owned());
    };
    let mut package = input.package(PackageKind::Flatpak, id, version);
    package.vendor = root.child_text("developer_name").map(str::to_owned);
    package.description = root.child_text("summary").map(str::to_owned);
    Found { packages: vec![package], ..Found::default() }
}
