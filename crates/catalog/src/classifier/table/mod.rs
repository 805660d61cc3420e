//! The table: which file names and which marks tell a program.
//!
//! Patterns are ours. They were written from what the programs' own sources and their `--version` say, and tried on the programs.

mod databases;
mod golang;
mod java;
mod languages;
mod servers;
mod tools;

use std::sync::OnceLock;

use regex::bytes::Regex;

use super::glob;
use super::product::Product;

/// Where a look is worth its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// At this text.
    Text(&'static [u8]),
    /// At everything that looks like a version.
    Version,
    /// At everything that looks like a version and goes on to a NUL.
    CString,
}

/// A mark and what has to stand around it.
#[derive(Debug)]
pub(super) struct Sign {
    pub(super) mark: Mark,
    /// So many bytes in front of the mark are looked at,
    pub(super) before: usize,
    /// and so many behind it.
    pub(super) after: usize,
    /// A pattern over bytes (no Unicode, `.` is any byte); its first group that takes part is the version.
    pub(super) pattern: &'static str,
}

/// A sign at a text.
const fn at(mark: &'static str, before: usize, after: usize, pattern: &'static str) -> Sign {
    Sign { mark: Mark::Text(mark.as_bytes()), before, after, pattern }
}

/// A sign at any version that ends a string of C.
const fn string(before: usize, after: usize, pattern: &'static str) -> Sign {
    Sign { mark: Mark::CString, before, after, pattern }
}

/// A sign at any version.
const fn anywhere(before: usize, after: usize, pattern: &'static str) -> Sign {
    Sign { mark: Mark::Version, before, after, pattern }
}

/// One row: a product and how its program is told.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) product: Product,
    /// File names, with `*` for any run of characters.
    pub(super) files: &'static [&'static str],
    /// The best sign first: the first that is anywhere in the file gives the version.
    pub(super) signs: &'static [Sign],
    /// Of the rows of one family only the first that is found counts. Empty: the product's name is its family.
    pub(super) family: &'static str,
    /// Whether a version can be that of a file of this name.
    pub(super) agrees: fn(name: &str, version: &str) -> bool,
}

impl Program {
    const fn new(product: Product, files: &'static [&'static str], signs: &'static [Sign]) -> Program {
        Program { product, files, signs, family: "", agrees: |_, _| true }
    }

    /// The family, or the name of the product that is a family of its own.
    pub(super) const fn family(&self) -> &'static str {
        if self.family.is_empty() { self.product.name } else { self.family }
    }

    const fn of_family(self, family: &'static str) -> Program {
        Program { family, ..self }
    }

    const fn if_agrees(self, agrees: fn(&str, &str) -> bool) -> Program {
        Program { agrees, ..self }
    }
}

static TABLES: [&[Program]; 6] =
    [languages::ROWS, java::ROWS, servers::ROWS, databases::ROWS, golang::ROWS, tools::ROWS];

fn rows() -> impl Iterator<Item = &'static Program> {
    TABLES.iter().copied().flatten()
}

/// The row at a place.
pub(super) fn row(place: usize) -> Option<&'static Program> {
    rows().nth(place)
}

/// The rows that allow this file name, with their places.
pub(super) fn named(name: &str) -> impl Iterator<Item = (usize, &'static Program)> {
    rows().enumerate().filter(move |(_, program)| program.files.iter().any(|file| glob::fits(file, name)))
}

/// Patterns by row and sign, compiled when first used: most runs need a dozen of them.
static PATTERNS: OnceLock<Vec<Vec<OnceLock<Option<Regex>>>>> = OnceLock::new();

impl Sign {
    /// The version that a window states, at most 64 bytes of it.
    pub(super) fn version(&self, row: usize, sign: usize, window: &[u8]) -> Option<String> {
        let patterns =
            PATTERNS.get_or_init(|| rows().map(|row| row.signs.iter().map(|_| OnceLock::new()).collect()).collect());
        let pattern = patterns.get(row)?.get(sign)?.get_or_init(|| compile(self.pattern)).as_ref()?;
        let groups = pattern.captures(window)?;
        let version = groups.iter().skip(1).flatten().next()?.as_bytes();
        (version.len() <= 64).then(|| String::from_utf8_lossy(version).into_owned())
    }
}

/// A test compiles them all, so that none is missing at run time.
fn compile(pattern: &str) -> Option<Regex> {
    regex::bytes::RegexBuilder::new(pattern).unicode(false).dot_matches_new_line(true).build().ok()
}

/// Whether the version agrees with what the file's name says behind `stem`.
fn as_named(stem: &str, name: &str, version: &str) -> bool {
    glob::begins(version, &glob::version_in(name, stem))
}

#[cfg(test)]
mod tests {
    use super::super::scan::REACH;
    use super::*;

    #[test]
    fn rows_are_sound() {
        for program in rows() {
            let name = program.product.name;
            assert!(!program.files.is_empty() && !program.signs.is_empty(), "{name}");
            for file in program.files {
                assert!(*file != "*" && !file.contains('/'), "{name}: {file}");
            }
            for sign in program.signs {
                let pattern = compile(sign.pattern).unwrap_or_else(|| panic!("{name}: {}", sign.pattern));
                assert!(pattern.captures_len() > 1, "{name}: no group in {}", sign.pattern);
                assert!(sign.before <= REACH && sign.after <= REACH, "{name}");
                assert!(sign.mark != Mark::Text(b""), "{name}");
            }
            assert!(program.product.cpes.iter().all(|cpe| cpe.matches(':').count() == 1), "{name}");
        }
    }
}
