//! Lists of what a switch holds: one `NAME.VERSION` a line.

use std::collections::BTreeSet;

use signet_model::PackageKind;

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `.opam-switch/install`, where it is a list (opam itself keeps a directory of that name).
pub(crate) static LEAF: Leaf = Leaf {
    id: "opam-install",
    claims: &[Claim::Path(".opam-switch/install")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a list.
///
/// Shape: the output of `opam list --short --columns=package`: `NAME.VERSION` a line, `#` begins a comment. A name holds no full stop.
/// Errors: a line without both; the others are kept.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    let text = syntax::text(input.bytes);
    for (line, number) in text.lines().zip(1u32..) {
        let Some(entry) = line.split('#').next().unwrap_or_default().split_whitespace().next() else { continue };
        match entry.split_once('.').filter(|(name, version)| !name.is_empty() && !version.is_empty()) {
            Some((name, version)) if seen.insert(entry) => {
                let mut package = input.package(PackageKind::Opam, name, version);
                package.locations = vec![input.location.at_lines(number, number)];
                found.packages.push(package);
            }
            Some(_) => {}
            None => syntax::report(&mut found.unexamined, input.malformed_at((number, number), "no `NAME.VERSION`")),
        }
    }
    found
}
