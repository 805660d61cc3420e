//! pacman's local database: `var/lib/pacman/local/NAME-VERSION-RELEASE/{desc,files}` of Arch Linux and its kin.

#[cfg(test)]
mod tests;

use signet_model::{License, PackageKind, SourcePackage, UnexaminedKind};

use crate::syntax;
use crate::{Claim, Found, Input, Leaf, Owner};

const COVERAGE: &str = include_str!("coverage.yaml");

/// What is installed.
pub(crate) static LEAF: Leaf = Leaf {
    id: "pacman",
    claims: &[Claim::Name("desc")],
    accepts: of_a_package,
    max_size: 4 << 20,
    read: desc,
    coverage: COVERAGE,
};

/// Whose files are whose.
pub(crate) static FILES: Leaf = Leaf {
    id: "pacman-files",
    claims: &[Claim::Name("files")],
    accepts: of_a_package,
    max_size: 64 << 20,
    read: files,
    coverage: COVERAGE,
};

/// `.../pacman/local/FOLDER/NAME`.
fn of_a_package(path: &str) -> bool {
    let mut parts = path.rsplit('/').skip(2);
    parts.next() == Some("local") && parts.next() == Some("pacman")
}

/// Sections of a database file: `%NAME%`, then one value per line up to an empty line.
fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut current = "";
    text.lines().filter_map(move |line| {
        let line = line.trim_end();
        match line.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) {
            Some(name) => current = name,
            None if line.is_empty() => current = "",
            None if !current.is_empty() => return Some((current, line)),
            None => {}
        }
        None
    })
}

/// Reads `desc`. Errors: no `%NAME%` or no `%VERSION%`. Source: pacman, `lib/libalpm/be_local.c`.
fn desc(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut package = input.package(PackageKind::Alpm, "", "");
    let mut found = Found::default();
    let mut base = String::new();
    for (section, value) in sections(&text) {
        match section {
            "NAME" => package.name = value.to_owned(),
            "VERSION" => package.version = value.to_owned(),
            "BASE" => base = value.to_owned(),
            "ARCH" => package.arch = Some(value.to_owned()),
            "DESC" => package.description = Some(value.to_owned()),
            "PACKAGER" => package.vendor = Some(value.to_owned()),
            "LICENSE" => package.licenses.push(License { value: value.to_owned() }),
            "DEPENDS" => found.requires.push((0, unversioned(value).to_owned())),
            "PROVIDES" => found.provides.push((0, unversioned(value).to_owned())),
            _ => {}
        }
    }
    if package.name.is_empty() || package.version.is_empty() {
        let what = if package.name.is_empty() { "NAME" } else { "VERSION" };
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, format!("there is no %{what}%")));
    }
    let name = if base.is_empty() { package.name.clone() } else { base };
    package.source = Some(SourcePackage { name, version: Some(package.version.clone()) });
    found.packages.push(package);
    found
}

/// `name>=1.2` without its range; the version of a shared object (`libx.so=1-64`) belongs to its name.
fn unversioned(need: &str) -> &str {
    if need.contains(".so=") {
        return need;
    }
    need.split(['<', '>', '=', ':']).next().unwrap_or(need).trim()
}

/// Reads `files`: the folder's name says which package the list is of.
fn files(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let folder = input.path().rsplit('/').nth(1).unwrap_or_default();
    // NAME-VERSION-RELEASE, of which only the name may hold a hyphen.
    let Some((name, _)) = folder.rsplit_once('-').and_then(|(rest, _)| rest.rsplit_once('-')) else {
        let why = "the folder is not called NAME-VERSION-RELEASE";
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    };
    let owned: Vec<String> = sections(&text)
        .filter(|(section, path)| *section == "FILES" && !path.ends_with('/'))
        .map(|(_, path)| path.to_owned())
        .collect();
    let owner = Owner::Named { kind: PackageKind::Alpm, name: name.to_owned(), arch: None };
    Found { owns: vec![(owner, owned)], ..Found::default() }
}
