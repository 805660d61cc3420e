//! Portage's database of installed packages: `var/db/pkg/CATEGORY/NAME-VERSION/{CONTENTS,LICENSE,PF}` of Gentoo and its kin.

#[cfg(test)]
mod tests;

use signet_model::{License, PackageKind, UnexaminedKind};

use crate::syntax;
use crate::{Claim, Found, Input, Leaf, Owner};

const COVERAGE: &str = include_str!("coverage.yaml");

/// What is installed, and whose files are whose.
pub(crate) static LEAF: Leaf = Leaf {
    id: "portage",
    claims: &[Claim::Name("CONTENTS"), Claim::Name("PF")],
    accepts: of_a_package,
    max_size: 64 << 20,
    read,
    coverage: COVERAGE,
};

/// Licences.
pub(crate) static LICENSE: Leaf = Leaf {
    id: "portage-license",
    claims: &[Claim::Name("LICENSE")],
    accepts: of_a_package,
    max_size: 1 << 20,
    read: license,
    coverage: COVERAGE,
};

/// `.../db/pkg/CATEGORY/FOLDER/NAME`.
fn of_a_package(path: &str) -> bool {
    let mut parts = path.rsplit('/').skip(3);
    parts.next() == Some("pkg") && parts.next() == Some("db")
}

/// Splits `NAME-VERSION[-rN]`: the version begins at the last hyphen before a digit that only a revision may follow.
/// Source: Gentoo, Package Manager Specification 3.1 and 3.2.
fn split(text: &str) -> Option<(&str, &str)> {
    let end = match text.rsplit_once('-') {
        Some((rest, revision)) if is_revision(revision) => rest,
        _ => text,
    };
    let (name, version) = end.rsplit_once('-')?;
    let digit = version.starts_with(|first: char| first.is_ascii_digit());
    (digit && !name.is_empty()).then(|| (name, text.get(name.len() + 1..).unwrap_or_default()))
}

fn is_revision(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Category and folder of a package's file.
fn place<'a>(input: &'a Input<'_>) -> (&'a str, &'a str) {
    let mut parts = input.path().rsplit('/').skip(1);
    let folder = parts.next().unwrap_or_default();
    (parts.next().unwrap_or_default(), folder)
}

/// Reads `CONTENTS` (`obj PATH MD5 TIME`, `sym PATH -> TARGET TIME`, `dir PATH`) and `PF` (`NAME-VERSION`).
///
/// The folder names the package; `PF`, which holds the same, is read so that a database without `CONTENTS` is not missed.
/// Errors: a name that is not `NAME-VERSION`. Source: portage, `lib/portage/dbapi/vartree.py`.
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let (category, folder) = place(input);
    let stated = if input.name() == "PF" { text.trim() } else { folder };
    let Some((name, version)) = split(stated) else {
        let why = format!("`{}` is not NAME-VERSION", stated.chars().take(100).collect::<String>());
        return Found::unexamined(input.unexamined(UnexaminedKind::Malformed, why));
    };
    let mut found = Found::default();
    found.packages.push(input.package(PackageKind::Portage, format!("{category}/{name}"), version));
    if input.name() == "CONTENTS" {
        found.owns.push((Owner::Here(0), text.lines().filter_map(owned).collect()));
    }
    found
}

/// The path of a line, without leading slash. Paths may hold spaces.
fn owned(line: &str) -> Option<String> {
    let path = match line.split_once(' ')? {
        ("obj", rest) => rest.rsplit_once(' ')?.0.rsplit_once(' ')?.0,
        ("sym", rest) => rest.split_once(" -> ")?.0,
        _ => return None,
    };
    Some(path.trim_start_matches('/').to_owned())
}

/// Reads `LICENSE`: names, with `|| ( ... )` for a choice and `flag? ( ... )` for conditions. Source: Package Manager Specification 8.2.
fn license(input: &Input<'_>) -> Found {
    let (category, folder) = place(input);
    let Some((name, _)) = split(folder) else { return Found::default() };
    let text = syntax::text(input.bytes);
    let words = text.split_whitespace().filter(|word| !matches!(*word, "||" | "(" | ")") && !word.ends_with('?'));
    let mut names: Vec<&str> = words.take(100).collect();
    names.sort_unstable();
    names.dedup();
    let licenses = names.into_iter().map(|value| License { value: value.to_owned() }).collect();
    let owner = Owner::Named { kind: PackageKind::Portage, name: format!("{category}/{name}"), arch: None };
    Found { licenses: vec![(owner, licenses)], ..Found::default() }
}
