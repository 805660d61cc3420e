//! Bottlerocket.

use signet_model::{PackageKind, SourcePackage, UnexaminedKind};

use super::COVERAGE;
use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads `usr/share/bottlerocket/application-inventory.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "bottlerocket",
    claims: &[Claim::Path("usr/share/bottlerocket/application-inventory.json")],
    accepts: any_path,
    max_size: 16 << 20,
    read,
    coverage: COVERAGE,
};

/// Shape: `{Content: [{Name, Version, Release, Epoch, Architecture, Publisher, Summary}]}`: packages of rpm, without its database.
/// Errors: no JSON; an entry without name or version. Source: bottlerocket-os/bottlerocket, "software inventory".
fn read(input: &Input<'_>) -> Found {
    let root = match json::parse(&syntax::text(input.bytes)) {
        Ok(root) => root,
        Err(error) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, error.to_string())),
    };
    let mut found = Found::default();
    for node in root.get("Content").map_or(&[][..], |list| list.items()) {
        let (Some(name), Some(version)) = (node.str("Name"), node.str("Version")) else {
            let why = format!("line {}: a package without name or version", node.lines.0);
            syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
            continue;
        };
        if syntax::is_full(input, &mut found) {
            break;
        }
        let epoch = node.get("Epoch").and_then(|epoch| epoch.scalar()).filter(|epoch| !matches!(*epoch, "" | "0"));
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let release = node.str("Release").filter(|release| !release.is_empty());
        let release = release.map(|release| format!("-{release}")).unwrap_or_default();
        let mut package = input.package(PackageKind::Rpm, name, format!("{epoch}{version}{release}"));
        package.arch = node.str("Architecture").map(str::to_owned);
        package.vendor = node.str("Publisher").map(str::to_owned);
        package.description = node.str("Summary").map(str::to_owned);
        package.source = Some(SourcePackage { name: name.to_owned(), version: Some(package.version.clone()) });
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        found.packages.push(package);
    }
    found
}
