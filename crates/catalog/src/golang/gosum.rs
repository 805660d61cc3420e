//! `go.sum`.

use std::collections::BTreeMap;

use signet_model::{PackageKind, Presence, UnexaminedKind};

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `go.sum`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "go-sum",
    claims: &[Claim::Name("go.sum")],
    accepts: super::own_file,
    max_size: 32 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a checksum file.
///
/// Shape: lines `MODULE VERSION[/go.mod] h1:BASE64`. Of several versions of a module the last counts, as the file is sorted and Go selects
/// the highest. A line with `/go.mod` tells only that a module file was read; a module that has no other line may not be part of any
/// build, and carries `go.sum` = `graph`.
/// The file is no list of what is built: beside a `go.mod` that lists everything (Go 1.17 and later) only its hashes count.
/// Errors: a line of another form, once, with its number. Source: go.dev/ref/mod, "go.sum files".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let mut last: BTreeMap<&str, (&str, &str, u32)> = BTreeMap::new();
    for (line, number) in text.lines().zip(1u32..) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [module, version, sum] if version.starts_with('v') && sum.starts_with("h1:") => {
                match version.strip_suffix("/go.mod") {
                    None => {
                        last.insert(module, (version, sum, number));
                    }
                    Some(version) if last.get(module).is_none_or(|(_, sum, _)| sum.is_empty()) => {
                        last.insert(module, (version, "", number));
                    }
                    Some(_) => {}
                }
            }
            _ if found.unexamined.is_empty() => {
                let mut what =
                    input.unexamined(UnexaminedKind::Malformed, format!("line {number}: no `MODULE VERSION HASH`"));
                what.location.lines = Some((number, number));
                syntax::report(&mut found.unexamined, what);
            }
            _ => {}
        }
    }
    for (module, (version, sum, number)) in last {
        let mut package = input.package(PackageKind::Go, module, version);
        package.presence = Presence::Declared;
        package.locations = vec![input.location.at_lines(number, number)];
        match sum {
            "" => package.extra.insert("go.sum".to_owned(), "graph".to_owned()),
            sum => package.extra.insert("go.h1".to_owned(), sum.to_owned()),
        };
        found.packages.push(package);
    }
    found
}
