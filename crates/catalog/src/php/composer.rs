//! Composer: `composer.lock`, `composer.json`, and `vendor/composer/installed.json`.

use std::collections::BTreeSet;

use signet_model::{Checksum, ChecksumAlgorithm, License, Package, PackageKind, Presence, UnexaminedKind};

use crate::syntax::{self, Node, Value, json};
use crate::{Claim, Found, Input, Leaf, Manifest};

/// Reads `composer.lock`.
pub(crate) static LOCK: Leaf = Leaf {
    id: "composer-lock",
    claims: &[Claim::Name("composer.lock")],
    accepts: own_file,
    max_size: 32 << 20,
    read: read_lock,
    coverage: super::COVERAGE,
};

/// Reads `composer.json`. It finds no packages.
pub(crate) static PROJECT: Leaf = Leaf {
    id: "composer-project",
    claims: &[Claim::Name("composer.json")],
    accepts: own_file,
    max_size: 4 << 20,
    read: read_project,
    coverage: super::COVERAGE,
};

/// Reads the list that Composer keeps of what it installed.
pub(crate) static INSTALLED: Leaf = Leaf {
    id: "composer-installed",
    claims: &[Claim::Name("installed.json")],
    accepts: crate::any_path,
    max_size: 32 << 20,
    read: read_installed,
    coverage: super::COVERAGE,
};

/// A project's own file, not one that came with an installed package.
fn own_file(path: &str) -> bool {
    let path = format!("/{path}");
    !["/vendor/", "/node_modules/", "/usr/share/doc/"].iter().any(|part| path.contains(part))
}

fn document(input: &Input<'_>) -> Result<Node, String> {
    match json::parse(&syntax::text(input.bytes)) {
        Ok(root) if matches!(root.value, Value::Object(_) | Value::Array(_)) => Ok(root),
        Ok(_) => Err("expected an object".to_owned()),
        Err(error) => Err(format!("no JSON: {error}")),
    }
}

/// Reads a lock file.
///
/// Shape: lists `packages` and `packages-dev` of packages, each with `name`, `version`, `license`, `require`, `dist.shasum` (SHA-1).
/// Errors: no JSON object; a package without name or version.
/// Source: getcomposer.org/doc/01-basic-usage.md, composer/composer:src/Composer/Package/Locker.php.
fn read_lock(input: &Input<'_>) -> Found {
    let root = match document(input) {
        Ok(root) if matches!(root.value, Value::Object(_)) => root,
        Ok(_) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "expected an object")),
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let mut found = Found::default();
    for (list, dev) in [("packages", false), ("packages-dev", true)] {
        for node in root.get(list).map_or(&[][..], Node::items) {
            add(input, &mut found, node, Presence::Declared, dev);
        }
    }
    found
}

/// Reads the list of installed packages.
///
/// Shape: of Composer 1 a list of packages, of Composer 2 an object with `packages` and the names in `dev-package-names`.
/// Errors: as of a lock file. Source: composer/composer:src/Composer/Repository/FilesystemRepository.php.
fn read_installed(input: &Input<'_>) -> Found {
    // Moved elsewhere the list is still Composer's if it reads like it; only in its own place a file must be it.
    let at_home = format!("/{}", input.location.path).ends_with("/composer/installed.json");
    let root = match document(input) {
        Ok(root) if at_home || is_list(&root) => root,
        Err(why) if at_home => {
            return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
        }
        Ok(_) | Err(_) => return Found::default(),
    };
    let mut found = Found::default();
    let dev: BTreeSet<&str> =
        root.get("dev-package-names").map_or(&[][..], Node::items).iter().filter_map(Node::as_str).collect();
    let packages = match &root.value {
        Value::Array(items) => items.as_slice(),
        _ => match root.get("packages") {
            Some(packages) => packages.items(),
            None => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, "no list of packages")),
        },
    };
    for node in packages {
        let dev = node.str("name").is_some_and(|name| dev.contains(name));
        add(input, &mut found, node, Presence::Installed, dev);
    }
    found
}

/// Whether this is a list of `vendor/name` packages with versions.
fn is_list(root: &Node) -> bool {
    let packages = match &root.value {
        Value::Array(items) => items.as_slice(),
        _ => root.get("packages").map_or(&[][..], Node::items),
    };
    let named = |node: &Node| node.str("name").is_some_and(|name| name.contains('/')) && node.str("version").is_some();
    !packages.is_empty() && packages.iter().all(named)
}

fn add(input: &Input<'_>, found: &mut Found, node: &Node, presence: Presence, dev: bool) {
    let stated = |name: &str| node.str(name).map(str::trim).filter(|text| !text.is_empty());
    let (Some(name), Some(version)) = (stated("name"), stated("version")) else {
        let why = format!("line {}: a package without name or version", node.lines.0);
        return syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
    };
    let mut package = input.package(PackageKind::Composer, name, version);
    package.locations = vec![input.location.at_lines(node.lines.0, node.lines.1)];
    package.presence = presence;
    package.dev = dev;
    describe(&mut package, node);
    let place = found.packages.len();
    found.packages.push(package);
    // `php` and `ext-json` are the platform's
    let needs = node.members_of("require").iter().map(|(need, _)| need).filter(|need| need.contains('/'));
    found.requires.extend(needs.map(|need| (place, need.clone())));
    let others = ["provide", "replace"].iter().flat_map(|list| node.members_of(list));
    found.provides.extend(others.map(|(name, _)| (place, name.clone())));
}

fn describe(package: &mut Package, node: &Node) {
    let mut licenses: Vec<&str> = Vec::new();
    if let Some(node) = node.get("license") {
        licenses.extend(node.as_str().into_iter().chain(node.items().iter().filter_map(Node::as_str)));
    }
    let licenses = licenses.into_iter().map(str::trim).filter(|text| !text.is_empty());
    package.licenses = licenses.map(|text| License { value: text.to_owned() }).collect();
    package.description = node.str("description").map(str::to_owned).filter(|text| !text.is_empty());
    let authors: Vec<&str> = node
        .get("authors")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|author| author.str("name").filter(|name| !name.is_empty()))
        .take(64)
        .collect();
    package.vendor = (!authors.is_empty()).then(|| authors.join(", "));
    let hash = node.get("dist").and_then(|dist| dist.str("shasum")).unwrap_or_default();
    if hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        package.checksums.push(Checksum { algorithm: ChecksumAlgorithm::Sha1, hex: hash.to_ascii_lowercase() });
    }
    let source = node.get("source").or_else(|| node.get("dist"));
    if let Some(url) = source.and_then(|source| source.str("url")).filter(|url| !url.is_empty()) {
        let reference = source.and_then(|source| source.str("reference")).unwrap_or_default();
        let separator = if reference.is_empty() { "" } else { "#" };
        package.extra.insert("composer.source".to_owned(), format!("{url}{separator}{reference}"));
    }
}

/// Reads a manifest: what the project needs itself, for the lock file beside it.
///
/// Shape: an object with `require` and `require-dev` by name. Errors: no JSON object. Source: getcomposer.org/doc/04-schema.md.
fn read_project(input: &Input<'_>) -> Found {
    let root = match document(input) {
        Ok(root) => root,
        Err(why) => return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why)),
    };
    let mut manifest = Manifest { name: root.str("name").unwrap_or_default().to_owned(), ..Manifest::default() };
    for (list, dev) in [("require", false), ("require-dev", true)] {
        let needs = root.members_of(list).iter().filter(|(name, _)| name.contains('/'));
        manifest.add(needs.filter_map(|(name, range)| Some((name.as_str(), range.as_str()?))), dev);
    }
    Found { manifest: (!manifest.needs.is_empty()).then_some(manifest), ..Found::default() }
}
