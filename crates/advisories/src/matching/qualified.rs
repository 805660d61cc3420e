//! Whether an advisory speaks of this package at all, its name and version aside.

use signet_model::{Distro, Package, PackageKind};

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

/// Whether a Go program holds one of the packages that the advisory names. A program that does not list its packages may hold any.
pub(super) fn imports(row: AdvisoryRow<'_>, package: &Package) -> Result<bool, DatabaseError> {
    let Some(own) = package.extra.get("go.packages").filter(|_| package.kind == PackageKind::Go) else {
        return Ok(true);
    };
    let imports = row.qualifiers()?.imports();
    Ok(imports.is_empty() || imports.iter().any(|(path, _)| own.split_ascii_whitespace().any(|have| have == *path)))
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
