//! The main file of a plugin.

use signet_model::{License, PackageKind};

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads the main files of plugins.
pub(crate) static LEAF: Leaf = Leaf {
    id: "wordpress-plugin",
    claims: &[Claim::Suffix(".php")],
    accepts,
    max_size: 8 << 20,
    read,
    coverage: super::COVERAGE,
};

/// WordPress reads so many first bytes of a file for its header.
const HEAD: usize = 8 << 10;

/// Files of which one may be a plugin's main file: directly in its directory, or alone beside the directories.
fn accepts(path: &str) -> bool {
    let path = format!("/{path}");
    let below = ["/wp-content/plugins/", "/wp-content/mu-plugins/"]
        .iter()
        .find_map(|home| path.rsplit_once(home))
        .map(|(_, below)| below);
    below.is_some_and(|below| below.matches('/').count() <= 1)
}

/// Reads the header.
///
/// Shape: lines `Field: value` of a comment in the first 8 KiB, behind any of ` \t/*#@`; `Plugin Name` makes a file a plugin's main one.
/// Fields are found in any case of letters; what closes the comment is cut. A plugin without `Version` has none.
/// Errors: none; a file without the header is another file of the plugin.
/// Source: developer.wordpress.org/plugins/plugin-basics/header-requirements, WordPress:wp-includes/functions.php `get_file_data`.
fn read(input: &Input<'_>) -> Found {
    let head = input.bytes.get(..input.bytes.len().min(HEAD)).unwrap_or_default();
    // old files end their lines with a carriage return alone
    let text = syntax::text(head).replace('\r', "\n");
    let Some(name) = field(&text, "Plugin Name") else { return Found::default() };
    let mut package = input.package(PackageKind::WordpressPlugin, name, field(&text, "Version").unwrap_or_default());
    package.vendor = field(&text, "Author").map(str::to_owned);
    package.description = field(&text, "Description").map(str::to_owned);
    package.licenses = field(&text, "License").map(|value| License { value: value.to_owned() }).into_iter().collect();
    // The name of the directory is what the directory of plugins, and advisories, know it by.
    let mut parts = input.path().rsplit('/');
    let (file, directory) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let alone = matches!(directory, "plugins" | "mu-plugins");
    let slug = if alone { file.trim_end_matches(".php") } else { directory };
    if !slug.is_empty() {
        package.extra.insert("wordpress.slug".to_owned(), slug.to_owned());
    }
    for (fact, name) in [("wordpress.homepage", "Plugin URI"), ("wordpress.author_uri", "Author URI")] {
        if let Some(value) = field(&text, name) {
            package.extra.insert(fact.to_owned(), value.to_owned());
        }
    }
    Found { packages: vec![package], ..Found::default() }
}

/// The first value of a field that is not empty.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let line = line.trim_start_matches([' ', '\t']);
        let line = line.strip_prefix("<?php").unwrap_or(line);
        let line = line.trim_start_matches([' ', '\t', '/', '*', '#', '@']);
        let head = line.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name))?;
        let value = line.get(head.len()..)?.strip_prefix(':')?;
        let value = value.split("*/").next().unwrap_or(value);
        let value = value.split("?>").next().unwrap_or(value).trim();
        (!value.is_empty()).then_some(value)
    })
}
