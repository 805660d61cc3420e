//! Cabal's `cabal.project.freeze`.

use signet_model::PackageKind;

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `cabal.project.freeze`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "cabal-freeze",
    claims: &[Claim::Name("cabal.project.freeze")],
    accepts: crate::any_path,
    max_size: 4 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads frozen constraints.
///
/// Shape: a field `constraints:` whose value goes on over indented lines: `any.NAME ==VERSION`, separated by commas. Constraints of flags
/// (`tls +compat`) and of what comes with the compiler (`any.base installed`) name no version and are passed over. `--` begins a comment.
/// Errors: a file with neither constraints nor any other field. Source: cabal.readthedocs.io, "cabal.project.freeze".
fn read(input: &Input<'_>) -> Found {
    let text = syntax::text(input.bytes);
    let mut found = Found::default();
    let (mut inside, mut fields) = (false, 0);
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.split("--").next().unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        let value = match line.split_once(':') {
            Some((field, value)) if !line.starts_with([' ', '\t']) => {
                fields += 1;
                inside = field.trim().eq_ignore_ascii_case("constraints");
                value
            }
            _ => line,
        };
        for constraint in value.split(',').filter(|_| inside) {
            let Some((name, version)) = constraint.split_once("==") else { continue };
            let name = name.trim();
            let name = name.split_once('.').map_or(name, |(_, name)| name);
            let version = version.split_whitespace().next().unwrap_or_default();
            if !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains('*') {
                found.packages.push(input.declared_at(PackageKind::Hackage, name, version, (number, number)));
            }
        }
    }
    if fields == 0 {
        found.unexamined.push(input.malformed_at((1, 1), "no field of a Cabal project"));
    }
    found
}
