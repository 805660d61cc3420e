//! Container-Optimized OS.

use signet_model::{PackageKind, UnexaminedKind};

use super::COVERAGE;
use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads `etc/cos-package-info.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cos",
    claims: &[Claim::Path("etc/cos-package-info.json")],
    accepts: any_path,
    max_size: 16 << 20,
    read,
    coverage: COVERAGE,
};

/// Shape: `{installedPackages: [{category, name, version, ebuild_version}], buildTimePackages: [..]}`; `version` is that of the system's build.
/// Errors: no JSON; an entry without name or version. Source: cloud.google.com/container-optimized-os/docs, "Viewing installed packages".
fn read(input: &Input<'_>) -> Found {
    let root = match json::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, error.to_string())),
    };
    let mut found = Found::default();
    for node in root.get("installedPackages").map_or(&[][..], |list| list.items()) {
        let (Some(name), Some(version)) = (node.str("name"), node.str("version")) else {
            let why = format!("line {}: a package without name or version", node.lines.0);
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        };
        if syntax::is_full(input, &mut found) {
            break;
        }
        let mut package = input.package(PackageKind::Other, name, version);
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        package.extra.insert("type".to_owned(), "cos".to_owned());
        for (field, fact) in [("category", "cos.category"), ("ebuild_version", "cos.ebuild_version")] {
            if let Some(value) = node.str(field) {
                package.extra.insert(fact.to_owned(), value.to_owned());
            }
        }
        found.packages.push(package);
    }
    found
}
