//! Whether an advisory speaks of this package at all, its name and version aside.

use signet_model::{Distro, Package, PackageKind, Suppression, SuppressionKind, SymbolSet};

use crate::cpe::Cpe;
use crate::database::{AdvisoryRow, DatabaseError, StoredQualifiers};

/// What is known of a package's RPM module.
enum Module<'p> {
    /// Nothing: an SBOM that states none.
    Unknown,
    /// It is of none.
    None,
    /// `name:stream:version:context`.
    Label(&'p str),
}

fn of(package: &Package) -> Module<'_> {
    match package.module.as_deref() {
        Some(label) if !label.is_empty() => Module::Label(label),
        // The release says that there was a module, and somebody lost its name.
        _ if package.version.contains(".module") => Module::Unknown,
        // Only rpm's own database tells that there is none.
        _ if package.found_by == "rpm" => Module::None,
        _ => Module::Unknown,
    }
}

/// Whether the package is of the module that the advisory speaks of.
pub(super) fn module(qualifiers: StoredQualifiers<'_>, package: &Package) -> bool {
    let Some(wanted) = qualifiers.module().filter(|_| package.kind == PackageKind::Rpm) else { return true };
    match of(package) {
        // A build of a module is not the package outside of all modules.
        Module::Unknown => !wanted.is_empty() || !package.version.contains(".module"),
        Module::None => wanted.is_empty(),
        Module::Label(label) => {
            let rest = label.strip_prefix(wanted);
            !wanted.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        }
    }
}

/// Whether one of the platforms that the product must run on can be this one. Only those are told apart that name an operating system or an
/// ecosystem (grype `pkg/qualifier/platformcpe`).
pub(super) fn platform(qualifiers: StoredQualifiers<'_>, package: &Package, distro: Option<&Distro>) -> bool {
    let mut platforms = qualifiers.platforms().peekable();
    if platforms.peek().is_none() {
        return true;
    }
    platforms.any(|text| {
        let Some(cpe) = Cpe::parse(text) else { return true };
        if cpe.product == "wordpress" || cpe.target_software == "wordpress" {
            return package.kind == PackageKind::WordpressPlugin;
        }
        let Some(distro) = distro else { return true };
        match (cpe.vendor.as_str(), cpe.product.as_str()) {
            ("microsoft", product) if product.starts_with("windows") => distro.id == "windows",
            ("canonical", "ubuntu_linux") => distro.id == "ubuntu",
            ("debian", "debian_linux") => distro.id == "debian",
            _ => true,
        }
    })
}

/// What a Go program says of the functions that an advisory names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Linked {
    /// The advisory names none, or the program does not tell.
    #[default]
    Unknown,
    /// It holds one of them, or seems to.
    Yes,
    /// It holds none; the sentence says of what.
    No(String),
}

impl Linked {
    /// Of two advisories about one vulnerability, the one that names functions speaks for the one that names none; and what one of them
    /// finds is there.
    pub(super) fn and(self, other: Linked) -> Linked {
        match (self, other) {
            (Linked::Yes, _) | (_, Linked::Yes) => Linked::Yes,
            (Linked::No(why), _) | (_, Linked::No(why)) => Linked::No(why),
            _ => Linked::Unknown,
        }
    }

    /// The trace in a finding that does not count.
    pub(super) fn suppression(self, source: &str) -> Option<Suppression> {
        let Linked::No(why) = self else { return None };
        Some(Suppression {
            kind: SuppressionKind::Advisory,
            source: source.to_owned(),
            status: "not_affected".to_owned(),
            statement: Some(why),
        })
    }
}

/// Names that are shown of those that are not there.
const SHOWN: usize = 4;

/// Whether a Go program holds one of the functions that the advisory names, as far as it lists its packages (`go.packages`) or has a set of
/// its functions ([`SymbolSet`]). Source: pkg.go.dev/golang.org/x/vuln, "Binary mode".
pub(super) fn linked(row: AdvisoryRow<'_>, package: &Package) -> Result<Linked, DatabaseError> {
    let listed = package.extra.get("go.packages");
    let set = package.extra.get(SymbolSet::FACT);
    if package.kind != PackageKind::Go || listed.is_none() && set.is_none() {
        return Ok(Linked::Unknown);
    }
    let imports = row.qualifiers()?.imports();
    if imports.is_empty() {
        return Ok(Linked::Unknown);
    }
    let mut absent = Vec::new();
    for (path, symbols) in imports {
        // A path outside of the module is one that we do not understand.
        let inside =
            path.strip_prefix(package.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if path.is_empty() || !inside && !matches!(package.name.as_str(), "stdlib" | "toolchain") {
            return Ok(Linked::Unknown);
        }
        let there = listed.is_none_or(|listed| listed.split_ascii_whitespace().any(|have| have == path))
            && set.is_none_or(|set| SymbolSet::holds(set, SymbolSet::hash(path, "")));
        if !there {
            absent.push(format!("the package `{path}`"));
            continue;
        }
        let held = |symbol: &&str| set.is_none_or(|set| SymbolSet::holds(set, SymbolSet::hash(path, symbol)));
        if symbols.is_empty() || symbols.iter().any(held) {
            return Ok(Linked::Yes);
        }
        absent.extend(symbols.iter().map(|symbol| format!("`{path}.{symbol}`")));
    }
    let more = absent.len().saturating_sub(SHOWN);
    absent.truncate(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Ok(Linked::No(format!("the program does not hold what is vulnerable: {}{more}", absent.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rpm(version: &str, label: Option<&str>, found_by: &'static str) -> Package {
        Package { module: label.map(str::to_owned), found_by, ..Package::new(PackageKind::Rpm, "p", version) }
    }

    #[test]
    fn a_module_is_told_by_label_or_build() {
        let shown = |package: &Package| match of(package) {
            Module::Unknown => "unknown".to_owned(),
            Module::None => "none".to_owned(),
            Module::Label(label) => label.to_owned(),
        };
        assert_eq!(shown(&rpm("1-2.el8", Some("nodejs:12:1:2"), "rpm")), "nodejs:12:1:2");
        assert_eq!(shown(&rpm("1-2.module+el8", None, "rpm")), "unknown");
        assert_eq!(shown(&rpm("1-2.el8", None, "rpm")), "none");
        assert_eq!(shown(&rpm("1-2.el8", Some(""), "syft-json")), "unknown");
    }
}
