//! Extensions of Chrome, Chromium, Edge, Brave and others: a directory for each version, with a manifest.

use std::collections::BTreeMap;

use signet_model::{Digest, Package, PackageKind, UnexaminedKind};

use crate::syntax::{Node, document};
use crate::{Claim, FileRecord, Found, Input, Leaf};

/// Reads an extension's manifest.
pub(crate) static LEAF: Leaf = Leaf {
    id: "chrome-extension",
    claims: &[Claim::Name("manifest.json")],
    accepts: |path| directory(path).is_some_and(|directory| path.len() == directory.len() + "/manifest.json".len()),
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads the texts of one locale, for the manifest that refers to them.
pub(crate) static MESSAGES: Leaf = Leaf {
    id: "chrome-messages",
    claims: &[Claim::Name("messages.json")],
    accepts: |path| {
        let rest = directory(path).and_then(|directory| path.strip_prefix(directory)?.strip_prefix("/_locales/"));
        rest.is_some_and(|rest| rest.split('/').count() == 2)
    },
    max_size: 4 << 20,
    read: read_messages,
    coverage: super::COVERAGE,
};

/// The fact by which the texts of a locale reach the manifest: `KEY=TEXT`, keys in lower case.
const TEXTS: &str = "extension_text";

/// Texts of one locale that are kept; a manifest refers to two or three, whose names tell nothing.
const MAX_TEXTS: usize = 2000;

/// Longest text that is kept, in characters.
const TEXT: usize = 300;

/// `.../Extensions/ID/VERSION` at the beginning of a path: the id is 32 letters from a to p, the version numbers and a counter (`1.2.3_0`).
fn directory(path: &str) -> Option<&str> {
    let start = if path.starts_with("Extensions/") { 0 } else { path.find("/Extensions/")? + 1 };
    let mut parts = path.get(start..)?.split('/').skip(1);
    let (id, version) = (parts.next()?, parts.next()?);
    let is_id = id.len() == 32 && id.bytes().all(|byte| (b'a'..=b'p').contains(&byte));
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'));
    let end = start + "Extensions/".len() + id.len() + 1 + version.len();
    (is_id && is_version).then(|| path.get(..end)).flatten()
}

/// Reads a manifest, version 2 or 3.
///
/// Shape: an object with `name`, `version`, `description`, `author` (a text, or an object with `email`), `update_url`. A text may be
/// `__MSG_key__`: it stands in `_locales/LOCALE/messages.json` of `default_locale`. The package's name is the id that the directory has.
/// Errors: no JSON object; no name or version. Source: developer.chrome.com, "Manifest file format", "chrome.i18n".
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::jsonc_object(input, &mut found) else { return found };
    let text = |name: &str| root.str(name).map(str::trim).filter(|text| !text.is_empty());
    let id = directory(input.path()).and_then(|directory| directory.rsplit('/').nth(1));
    let (Some(id), Some(name), Some(version)) = (id, text("name"), text("version")) else {
        let why = "a manifest of an extension without name or version";
        found.unexamined.push(input.unexamined(UnexaminedKind::Malformed, why));
        return found;
    };
    let mut package = input.package(PackageKind::ChromeExtension, id, version);
    package.description = text("description").map(str::to_owned);
    let author = root.get("author").and_then(|node| node.as_str().or_else(|| node.str("email")));
    package.vendor = author.map(str::to_owned).filter(|text| !text.is_empty());
    package.extra.insert("chrome.name".to_owned(), name.to_owned());
    for (fact, member) in [("chrome.update_url", "update_url"), ("chrome.locale", "default_locale")] {
        package.extra.extend(text(member).map(|value| (fact.to_owned(), value.to_owned())));
    }
    found.packages.push(package);
    found
}

/// Reads the texts of a locale: an object of objects with `message`. Errors: no JSON object.
fn read_messages(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let Some(root) = document::jsonc_object(input, &mut found) else { return found };
    let line = |(key, node): &(String, Node)| {
        let message: String = node.str("message")?.chars().take(TEXT).collect();
        Some(format!("{}={message}", key.to_ascii_lowercase()))
    };
    let texts = root.members().iter().filter_map(line).take(MAX_TEXTS).collect();
    found.facts.insert(TEXTS, texts);
    found
}

/// Puts the texts of locales into the manifests that refer to them, and tells of those that are not there.
pub(crate) fn settle(files: &mut [(FileRecord, Option<Digest>)]) {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, _) in files.iter_mut().filter(|(file, _)| file.leaf == MESSAGES.id) {
        texts.extend(file.found.facts.remove(TEXTS).map(|lines| (file.path.clone(), lines)));
    }
    for (file, _) in files.iter_mut().filter(|(file, _)| file.leaf == LEAF.id) {
        let directory = file.path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        let Some(package) = file.found.packages.first_mut() else { continue };
        let locale = package.extra.get("chrome.locale").cloned().unwrap_or_default();
        let lines = texts.get(&format!("{directory}/_locales/{locale}/messages.json"));
        let name = package.extra.get("chrome.name").and_then(|name| key(name));
        let description = package.description.as_deref().and_then(key);
        let of =
            |key: &str| lines?.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned));
        let (name, description) = (name.map(|key| of(&key)), description.map(|key| of(&key)));
        let missing = matches!(name, Some(None)) || matches!(description, Some(None));
        put(package, name.flatten(), description.flatten());
        if missing {
            let why = format!("the extension's name or description is a text of locale `{locale}`, which is not there");
            let location = signet_model::Location::of_path(&file.path);
            let what = signet_model::Unexamined { location, kind: UnexaminedKind::Missing, by: LEAF.id, why };
            file.found.unexamined.push(what);
        }
    }
}

fn put(package: &mut Package, name: Option<String>, description: Option<String>) {
    package.extra.extend(name.map(|name| ("chrome.name".to_owned(), name)));
    package.description = description.or(package.description.take());
}

/// `__MSG_appName__` -> `appname`. Keys are compared without case.
fn key(text: &str) -> Option<String> {
    Some(text.strip_prefix("__MSG_")?.strip_suffix("__")?.to_ascii_lowercase())
}
