//! Well-known programs that no package manager knows: `node` from a tarball, `redis-server` built in a Dockerfile, a JDK that was unpacked.
//!
//! A program is told by its file's name and by what its bytes say of its version, both of which stand in a table ([`table`]). While the file
//! streams by, [`Scan`] looks for the marks of those rows alone that its name allows; a bounded window around a mark goes to a small pattern
//! that gives the version. So a file under any other name costs a look at its name, and a large one is never kept in memory.
//!
//! Scripts and files beside a program that state a version in plain text (`VERSION` of Go, `release` of Java) are leaves as any other: [`side`].
//! What a package of an operating system owns is not told a second time; merging sees to that.

mod glob;
mod product;
mod scan;
pub(crate) mod side;
mod table;

#[cfg(test)]
mod tests;

use crate::{Claim, Found, Input, Leaf, Owner};

pub(crate) use scan::Scan;

const COVERAGE: &str = include_str!("coverage.yaml");

/// Reads what the pass over a program told of its version.
pub(crate) static LEAF: Leaf =
    Leaf { id: "binary", claims: &[Claim::Executable], accepts: known_name, max_size: 0, read, coverage: COVERAGE };

/// A program that was recognised: a row of the table and the version that its bytes state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// Place of the row.
    pub(crate) row: usize,
    /// The version as the program writes it.
    pub(crate) version: String,
}

/// Whether some program of the table has this file name.
fn known_name(path: &str) -> bool {
    table::named(file_name(path)).next().is_some()
}

/// Gives the programs that the pass over this file recognised. A known name whose bytes state no version is an ordinary program: nothing is told.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    for sighting in input.binary.map(crate::Binary::sightings).unwrap_or_default() {
        let Some(program) = table::row(sighting.row) else { continue };
        let launchers = launchers(input.path(), program.product.name, &sighting.version);
        if !launchers.is_empty() {
            found.owns.push((Owner::Here(found.packages.len()), launchers));
        }
        found.packages.push(program.product.package(input, &sighting.version));
    }
    found
}

/// The programs that do nothing but start what a shared library holds: they state no version, and belong to it. `usr/local/bin/python3.9` of
/// `usr/local/lib/libpython3.9.so.1.0`.
fn launchers(path: &str, product: &str, version: &str) -> Vec<String> {
    let Some((directory, name)) = path.rsplit_once('/').filter(|(_, name)| name.starts_with("lib")) else {
        return Vec::new();
    };
    let parts: Vec<&str> = directory.split('/').collect();
    let Some(home) = parts.iter().rposition(|part| matches!(*part, "lib" | "lib64")) else { return Vec::new() };
    let home = parts.get(..home).unwrap_or_default().join("/");
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let names = match product {
        "python" => vec!["python".to_owned(), format!("python{major}"), format!("python{major}.{minor}")],
        "pypy" => vec!["pypy".to_owned(), "pypy3".to_owned(), name.replace("lib", "").replace("-c.so", "")],
        "ruby" | "perl" | "node" | "julia" => vec![product.to_owned(), format!("{product}{major}.{minor}")],
        _ => Vec::new(),
    };
    let bin = if home.is_empty() { "bin".to_owned() } else { format!("{home}/bin") };
    names.into_iter().map(|name| format!("{bin}/{name}")).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
