//! `vcpkg/status`: vcpkg's list of installed ports.

use std::collections::BTreeMap;

use signet_model::PackageKind;

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `vcpkg/status`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "vcpkg-status",
    claims: &[Claim::Path("vcpkg/status")],
    accepts: crate::any_path,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the list.
///
/// Shape: paragraphs as dpkg's: `Package`, `Version`, `Port-Version`, `Architecture` (the triplet), `Depends`, `Status` (`install ok installed`). A
/// paragraph with `Feature` belongs to the port of the same name. A later paragraph of a port replaces an earlier one.
/// Errors: a paragraph without name. Source: microsoft/vcpkg-tool:src/vcpkg/statusparagraph.cpp.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let mut ports: BTreeMap<(String, String), Port> = BTreeMap::new();
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    let mut first = 0;
    for (line, number) in text.lines().chain([""]).zip(1u32..) {
        if let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with([' ', '\t'])) {
            if fields.is_empty() {
                first = number;
            }
            fields.insert(name, value.trim());
        } else if line.trim().is_empty() && !fields.is_empty() {
            let lines = (first, number.saturating_sub(1));
            match fields.get("Package").filter(|name| !name.is_empty()) {
                Some(name) => {
                    let key = ((*name).to_owned(), fields.get("Architecture").copied().unwrap_or_default().to_owned());
                    port(&fields, lines, ports.entry(key).or_default());
                }
                None => {
                    syntax::report(&mut found.unexamined, input.malformed_at(lines, "a paragraph without `Package`"))
                }
            }
            fields.clear();
        }
    }
    let mut needs = Vec::new();
    for ((name, triplet), port) in ports.into_iter().filter(|(_, port)| port.installed) {
        let mut package = input.package(PackageKind::Vcpkg, name, port.version);
        package.locations = vec![input.location.at_lines(port.lines.0, port.lines.1)];
        if !triplet.is_empty() {
            package.extra.insert("vcpkg.triplet".to_owned(), triplet);
        }
        package.description = Some(port.description).filter(|text| !text.is_empty());
        needs.extend(port.depends.into_iter().map(|need| (found.packages.len(), need)));
        found.packages.push(package);
    }
    found.depend(&needs);
    found
}

#[derive(Default)]
struct Port {
    version: String,
    description: String,
    lines: (u32, u32),
    installed: bool,
    depends: Vec<String>,
}

fn port(fields: &BTreeMap<&str, &str>, lines: (u32, u32), port: &mut Port) {
    let field = |name: &str| fields.get(name).copied().unwrap_or_default();
    // `fmt`, `fmt[core]`, `fmt:x64-linux`
    let name = |need: &str| need.trim().split(['[', ':', ' ', '(']).next().unwrap_or_default().to_owned();
    port.depends.extend(field("Depends").split(',').map(name).filter(|need| !need.is_empty()));
    if fields.contains_key("Feature") {
        return;
    }
    port.version = match field("Port-Version") {
        "" | "0" => field("Version").to_owned(),
        revision => format!("{}#{revision}", field("Version")),
    };
    port.description = field("Description").to_owned();
    port.lines = lines;
    port.installed = field("Status").ends_with(" installed") && !field("Status").ends_with("not-installed");
}
