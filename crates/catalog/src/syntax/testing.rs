//! What the tests of all leaves share: a file in, rows of text out.

use signet_model::{Directness, Location, RelationshipKind};

use super::whole_binary::WholeBinary;
use crate::{Binary, Claim, Found, Input, Leaf};

/// Gives one file to a leaf; as a program, if the leaf reads programs.
pub(crate) fn read(leaf: &Leaf, path: &str, bytes: &[u8]) -> Found {
    let location = Location::of_path(path);
    let program = leaf.claims.contains(&Claim::Executable);
    let binary = WholeBinary::open(bytes).filter(|_| program);
    (leaf.read)(&Input {
        location: &location,
        bytes: if program { &[] } else { bytes },
        binary: binary.as_ref().map(|binary| binary as &dyn Binary),
        leaf: leaf.id,
    })
}

/// One row for each package: `name@version dev direct LFIRST-LAST -> needs`, then `! kind: why` for what was not examined.
pub(crate) fn rows(found: &Found) -> Vec<String> {
    let id = |at: usize| format!("{}@{}", found.packages[at].name, found.packages[at].version);
    let mut rows: Vec<String> = Vec::new();
    for (at, package) in found.packages.iter().enumerate() {
        let mut row = id(at);
        if package.dev {
            row.push_str(" dev");
        }
        if package.directness != Directness::Unknown {
            row.push_str(&format!(" {:?}", package.directness).to_lowercase());
        }
        for (first, last) in package.locations.iter().filter_map(|location| location.lines) {
            row.push_str(&format!(" L{first}-{last}"));
        }
        let needs: Vec<String> = (found.edges.iter())
            .filter(|(from, _, kind)| *from == at && *kind == RelationshipKind::DependsOn)
            .map(|(_, to, _)| id(*to))
            .collect();
        if !needs.is_empty() {
            row.push_str(&format!(" -> {}", needs.join(" ")));
        }
        rows.push(row);
    }
    rows.extend(found.unexamined.iter().map(|what| format!("! {}: {}", what.kind.name(), what.why)));
    rows
}

/// The rows of one file are these.
#[track_caller]
pub(crate) fn check(leaf: &Leaf, path: &str, bytes: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(rows(&read(leaf, path, bytes.as_ref())), expected, "{path}");
}

/// A file with a byte changed, a piece cut out, and the end cut off, as a property test chose them.
pub(crate) fn mutate(bytes: &[u8], place: usize, byte: u8, cut: usize, keep: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let place = place % bytes.len().max(1);
    if let Some(old) = bytes.get_mut(place) {
        *old = byte;
    }
    let end = (place + cut).min(bytes.len());
    bytes.drain(place..end);
    bytes.truncate(keep % (bytes.len() * 4).max(1));
    bytes
}
