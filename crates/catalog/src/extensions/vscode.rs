//! Extensions of Visual Studio Code: the list that the editor keeps, and each extension's own manifest.

use signet_model::{License, PackageKind, UnexaminedKind};

use crate::syntax::{self, Node, Value, document, json};
use crate::{Claim, Found, Input, Leaf};

/// Reads the editor's list.
pub(crate) static LIST: Leaf = Leaf {
    id: "vscode-extensions",
    claims: &[Claim::Path("extensions/extensions.json")],
    accepts: crate::any_path,
    max_size: 8 << 20,
    read: read_list,
    coverage: super::COVERAGE,
};

/// Reads an installed extension, or one in an archive.
pub(crate) static INSTALLED: Leaf = Leaf {
    id: "vscode-extension",
    claims: &[Claim::Name("package.json"), Claim::Suffix(".vsix")],
    accepts,
    max_size: 128 << 20,
    read: read_installed,
    coverage: super::COVERAGE,
};

/// Largest `package.json`, in bytes; the reader of npm packages tells of a larger one.
const PACKAGE_JSON: usize = 4 << 20;

/// `extensions/PUBLISHER.NAME-VERSION/package.json`.
fn accepts(path: &str) -> bool {
    let mut parts = path.rsplit('/').skip(1);
    path.ends_with(".vsix")
        || parts.next().is_some_and(|directory| !directory.is_empty()) && parts.next() == Some("extensions")
}

/// Reads the list.
///
/// Shape: a list of objects with `identifier.id` (`publisher.name`), `version`, `location`, `metadata` (`publisherDisplayName`, `targetPlatform`).
/// Errors: no JSON list; an entry without id or version, with its lines.
/// Source: microsoft/vscode:src/vs/platform/extensionManagement/common/extensionsProfileScannerService.ts.
fn read_list(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let root = match json::parse_relaxed(&syntax::text(input.bytes)) {
        Ok(root) if matches!(root.value, Value::Array(_)) => root,
        Ok(_) => {
            return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "expected a list of extensions"));
        }
        Err(error) => {
            return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, format!("no JSON: {error}")));
        }
    };
    for node in root.items() {
        let id = node.get("identifier").and_then(|identifier| identifier.str("id")).filter(|id| !id.is_empty());
        let (Some(id), Some(version)) = (id, node.str("version")) else {
            document::malformed(input, &mut found, node.lines, "an extension without id or version");
            continue;
        };
        let mut package = input.package(PackageKind::VscodeExtension, id, version);
        package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
        let metadata = |name: &str| node.get("metadata").and_then(|metadata| metadata.str(name)).map(str::to_owned);
        package.vendor = metadata("publisherDisplayName");
        let platform = metadata("targetPlatform").filter(|platform| platform != "undefined");
        package.extra.extend(platform.map(|platform| ("vscode.platform".to_owned(), platform)));
        let place = node.get("location").and_then(|location| location.str("path").or_else(|| location.str("fsPath")));
        package.extra.extend(place.map(|place| ("vscode.location".to_owned(), place.to_owned())));
        found.packages.push(package);
    }
    found
}

/// Reads an extension's manifest: that file, or `extension/package.json` of an archive. Without `engines.vscode` and a publisher it is none.
/// Errors: no JSON object; what the archive refuses.
fn read_installed(input: &Input<'_>) -> Found {
    if !input.name().ends_with(".vsix") {
        // what is broken here is told by the reader of npm packages, to whom every such file belongs
        let mut found = Found::default();
        if input.bytes.len() > PACKAGE_JSON {
            return found;
        }
        if let Ok(root) = json::parse_relaxed(&syntax::text(input.bytes)) {
            manifest(input, &root, &mut found);
        }
        return found;
    }
    let mut found = Found::default();
    // a broken archive is told by the reader of its packages
    let Some(archive) = super::vsix::open(input, &mut Found::default()) else { return found };
    let member = archive.members.iter().find(|member| member.name == "extension/package.json");
    let bytes = member.and_then(|member| archive.read(member, &mut { super::vsix::MANIFEST }).ok());
    if let Some(root) = bytes.and_then(|bytes| json::parse_relaxed(&syntax::text(&bytes)).ok()) {
        manifest(input, &root, &mut found);
    }
    found
}

/// Source: code.visualstudio.com/api/references/extension-manifest.
fn manifest(input: &Input<'_>, root: &Node, found: &mut Found) {
    let text = |name: &str| root.str(name).map(str::trim).filter(|text| !text.is_empty());
    let (Some(publisher), Some(name), Some(version)) = (text("publisher"), text("name"), text("version")) else {
        return;
    };
    if root.get("engines").and_then(|engines| engines.get("vscode")).is_none() {
        return;
    }
    let mut package = input.package(PackageKind::VscodeExtension, format!("{publisher}.{name}"), version);
    package.vendor = Some(publisher.to_owned());
    package.description = text("description").filter(|text| !text.starts_with('%')).map(str::to_owned);
    package.licenses = text("license").map(|value| License { value: value.to_owned() }).into_iter().collect();
    found.packages.push(package);
}
