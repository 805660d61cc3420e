//! asdf's `.tool-versions`, which mise reads, too.

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `.tool-versions`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "tool-versions",
    claims: &[Claim::Name(".tool-versions")],
    accepts: crate::any_path,
    max_size: 1 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a list of tools.
///
/// Shape: lines `TOOL VERSION...`; of several versions all may be used. `system` is what the machine has, `path:` a directory, `ref:` a commit: none of
/// them is a version. `#` begins a comment.
/// Errors: a line without version. Source: asdf-vm.com/manage/configuration.html.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    for (line, number) in syntax::text(input.bytes).lines().zip(1u32..) {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(name) = words.next() else { continue };
        let versions: Vec<&str> = words.collect();
        if versions.is_empty() {
            syntax::report(&mut found.unexamined, input.malformed_at((number, number), "a tool without version"));
        }
        let known = versions.iter().filter(|version| **version != "system" && !version.contains(':'));
        found.packages.extend(known.map(|version| super::tool(input, name, version, (number, number))));
    }
    found
}
