//! Carton's `cpanfile.snapshot`.

use signet_model::PackageKind;

use crate::syntax;
use crate::{Claim, Found, Input, Leaf};

/// Reads `cpanfile.snapshot`.
pub(crate) static LEAF: Leaf = Leaf {
    id: "perl-snapshot",
    claims: &[Claim::Name("cpanfile.snapshot")],
    accepts: crate::any_path,
    max_size: 16 << 20,
    read,
    coverage: super::COVERAGE,
};

/// Reads a lock file.
///
/// Shape: `# carton snapshot format: version 1.0`, `DISTRIBUTIONS`, then by indentation: two spaces and `NAME-VERSION`; four and `pathname: FILE`,
/// `provides:`, `requirements:`; six and `MODULE VERSION`.
/// Errors: no head; a distribution without version. Source: metacpan.org/dist/Carton, lib/Carton/Snapshot/Parser.pm.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let (mut needs, mut section) = (Vec::new(), "");
    let text = syntax::text(input.bytes);
    if !text.starts_with("# carton snapshot format") {
        return Found::unexamined(input.malformed_at((1, 1), "no head of a snapshot"));
    }
    let mut provides: Vec<(String, usize)> = Vec::new();
    // whether the lines belong to a distribution that was taken
    let mut taken = false;
    for (line, number) in text.lines().zip(1u32..) {
        let content = line.trim();
        let current = found.packages.len().checked_sub(1).filter(|_| taken);
        match (line.len() - line.trim_start().len(), current) {
            (2, _) => {
                // `v` may begin a version: `Foo-Bar-v1.2.3`
                let parts = content.rsplit_once('-').filter(|(name, version)| !name.is_empty() && !version.is_empty());
                taken = parts.is_some();
                match parts {
                    Some((name, version)) => {
                        found.packages.push(input.declared_at(PackageKind::Cpan, name, version, (number, number)));
                    }
                    None => syntax::report(
                        &mut found.unexamined,
                        input.malformed_at((number, number), "a distribution without version"),
                    ),
                }
            }
            (4, Some(at)) => {
                section = content.split(':').next().unwrap_or_default();
                if let (Some(file), Some(package)) = (content.strip_prefix("pathname: "), found.packages.get_mut(at)) {
                    package.extra.insert("perl.pathname".to_owned(), file.to_owned());
                }
            }
            (6, Some(at)) => {
                let module = content.split(' ').next().unwrap_or_default().to_owned();
                match section {
                    "provides" => provides.push((module, at)),
                    "requirements" => needs.push((at, module)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let by_module: std::collections::BTreeMap<&str, usize> =
        provides.iter().map(|(module, at)| (module.as_str(), *at)).collect();
    let edges = needs.iter().filter_map(|(from, module)| Some((*from, *by_module.get(module.as_str())?)));
    let mut edges: Vec<_> = edges
        .filter(|(from, to)| from != to)
        .map(|(from, to)| (from, to, signet_model::RelationshipKind::DependsOn))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    found.edges = edges;
    found
}
