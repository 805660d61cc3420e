//! `share/PORT/vcpkg.spdx.json`: what vcpkg says of a port that it installed.

use signet_model::{License, PackageKind};

use crate::syntax::Node;
use crate::{Claim, Found, Input, Leaf};

/// Reads `vcpkg.spdx.json`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "vcpkg-spdx",
    claims: &[Claim::Name("vcpkg.spdx.json")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the document of one port.
///
/// Shape: SPDX 2.2 with a package `SPDXRef-port` (`name`, `versionInfo` with `#` and the port's revision, `licenseConcluded` or `licenseDeclared`);
/// the built package and downloaded sources, which stand there, too, are no packages of their own.
/// Errors: no JSON object, or no such package. Source: microsoft/vcpkg-tool:src/vcpkg/spdx.cpp.
fn read(input: &Input<'_>) -> Found {
    input.json_object(|root| {
        let packages = root.get("packages").map_or(&[][..], Node::items);
        let port = packages.iter().find(|node| node.str("SPDXID") == Some("SPDXRef-port"));
        let Some((port, name)) = port.and_then(|port| Some((port, port.str("name")?))) else {
            return Found::unexamined(input.malformed_at(root.lines, "no package `SPDXRef-port`"));
        };
        let mut package = input.package(PackageKind::Vcpkg, name, port.str("versionInfo").unwrap_or_default());
        let license = ["licenseConcluded", "licenseDeclared"].iter().find_map(|key| port.str(key));
        let license = license.filter(|text| !matches!(*text, "NOASSERTION" | "NONE" | ""));
        package.licenses = license.map(|value| License { value: value.to_owned() }).into_iter().collect();
        package.description = port.str("summary").or_else(|| port.str("description")).map(str::to_owned);
        Found { packages: vec![package], ..Found::default() }
    })
}
