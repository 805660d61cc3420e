//! Licences from `usr/share/doc/NAME/copyright`.

use signet_model::{License, PackageKind};

use crate::{Found, Input, Owner};

/// Most licences that one file gives: a kernel's file has some hundred paragraphs, with few different ones.
const MAX_LICENSES: usize = 64;

/// The file of a package, and not a chapter of somebody's manual.
pub(super) fn is_of_a_package(path: &str) -> bool {
    let mut parts = path.rsplit('/').skip(1);
    parts.next().is_some_and(|name| !name.is_empty())
        && parts.next() == Some("doc")
        && parts.next() == Some("share")
        && parts.next() == Some("usr")
}

/// Reads a machine-readable file (DEP-5: the first line of each `License:` field, as written) or free text (names of the texts in
/// `/usr/share/common-licenses` that it points to).
///
/// Errors: none. A text in which no licence is named gives none.
/// Source: debian.org, `doc/packaging-manuals/copyright-format/1.0`.
pub(super) fn read(input: &Input<'_>) -> Found {
    let text = String::from_utf8_lossy(input.bytes);
    let mut licenses: Vec<License> = Vec::new();
    let mut add = |value: &str| {
        let value = value.trim().trim_end_matches(['.', ',']);
        let known = licenses.iter().any(|license| license.value == value);
        if !value.is_empty() && value.len() <= 200 && !known && licenses.len() < MAX_LICENSES {
            licenses.push(License { value: value.to_owned() });
        }
    };
    for line in text.lines() {
        if let Some(value) =
            line.split_at_checked("License:".len()).filter(|(name, _)| name.eq_ignore_ascii_case("License:"))
        {
            add(value.1);
        }
    }
    let machine_readable = text.lines().take(40).any(|line| line.to_ascii_lowercase().starts_with("format"));
    if !machine_readable {
        for (_, rest) in
            text.match_indices("/usr/share/common-licenses/").map(|(at, mark)| text.split_at(at + mark.len()))
        {
            let name =
                rest.split(|next: char| !next.is_ascii_alphanumeric() && !matches!(next, '.' | '-' | '_' | '+')).next();
            add(name.unwrap_or_default());
        }
    }
    if licenses.is_empty() {
        return Found::default();
    }
    let name = input.path().rsplit('/').nth(1).unwrap_or_default().to_owned();
    let owner = Owner::Named { kind: PackageKind::Deb, name, arch: None };
    Found { licenses: vec![(owner, licenses)], ..Found::default() }
}
