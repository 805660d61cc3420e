//! Which files a package brought.

use super::kind_of;
use crate::{Found, Input, Owner};

/// Reads `info/NAME[:ARCH].list` (a path with leading slash in each line, directories too) or `NAME[:ARCH].md5sums` (`HEX  path` without it).
///
/// Errors: none; any text is a list of paths.
/// Source: dpkg, `man/dpkg.pod` ("FILES") and `man/deb-md5sums.pod`.
pub(super) fn read(input: &Input<'_>) -> Found {
    let name = input.name();
    let (stem, sums) = match name.strip_suffix(".md5sums") {
        Some(stem) => (stem, true),
        None => (name.strip_suffix(".list").unwrap_or(name), false),
    };
    let (name, arch) = match stem.split_once(':') {
        Some((name, arch)) => (name, Some(arch.to_owned())),
        None => (stem, None),
    };
    let mut files = Vec::new();
    for line in input.bytes.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let path = match sums {
            true => line.split_once("  ").or_else(|| line.split_once(" *")).map(|(_, path)| path).unwrap_or_default(),
            // opkg writes a tab and the mode after the path.
            false => line.split('\t').next().unwrap_or_default(),
        };
        let path = path.trim_end_matches('\r').trim_start_matches("./").trim_start_matches('/');
        if !path.is_empty() && path != "." {
            files.push(path.to_owned());
        }
    }
    if files.is_empty() {
        return Found::default();
    }
    let owner = Owner::Named { kind: kind_of(input.path()), name: name.to_owned(), arch };
    Found { owns: vec![(owner, files)], ..Found::default() }
}
