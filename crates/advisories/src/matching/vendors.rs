//! Packages in a distribution's format that the distribution did not build: its advisories say nothing about them.
//!
//! Source: trivy `pkg/fanal/analyzer/pkg/{dpkg/dpkg.go,rpm/rpm.go}`: third parties are listed for dpkg, distributors for rpm.

use signet_model::{Distro, Package, PackageKind};

/// Words in the maintainer of a deb package that a third party built, lower case.
const DEB_THIRD_PARTIES: &[&str] = &[
    "@docker.com",
    "docker",
    "nvidia",
    "cudatools",
    "hashicorp",
    "microsoft",
    "mongodb",
    "nginx packaging",
    "@nginx.com",
    "@f5.com",
    "nodesource",
    "grafana",
    "elastic",
    "gitlab",
    "github",
    "google",
    "oracle",
    "influxdata",
    "datadog",
    "postgresql global",
    "apt.postgresql.org",
    "percona",
    "kubernetes",
    "confluent",
    "hashi",
    "ondřej surý",
];

/// Beginnings of the vendor of an rpm package that a distributor built.
const RPM_DISTRIBUTORS: &[&str] = &[
    "Amazon",
    "CentOS",
    "Fedora Project",
    "Oracle America",
    "Red Hat",
    "AlmaLinux",
    "CloudLinux",
    "VMware",
    "SUSE",
    "openSUSE",
    "Microsoft Corporation",
    "Rocky",
];

/// Whether somebody else than the distribution built the package. A package that names nobody is the distribution's.
pub(super) fn is_third_party(package: &Package, distro: Option<&Distro>) -> bool {
    let Some(vendor) = package.vendor.as_deref().filter(|vendor| !vendor.is_empty()) else { return false };
    match package.kind {
        PackageKind::Deb => {
            let vendor = vendor.to_lowercase();
            // Debian's and Ubuntu's own maintainers use these addresses, whatever their team is called.
            let own = vendor.contains("@debian.org") || vendor.contains(".debian.org") || vendor.contains("ubuntu.com");
            !own && DEB_THIRD_PARTIES.iter().any(|word| vendor.contains(word))
        }
        PackageKind::Rpm => {
            let mariner = distro.is_some_and(|distro| matches!(distro.id.as_str(), "mariner" | "azurelinux"));
            !mariner && !RPM_DISTRIBUTORS.iter().any(|start| vendor.starts_with(start))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: PackageKind, vendor: &str, expected: bool) {
        let package = Package { vendor: Some(vendor.to_owned()), ..Package::new(kind, "p", "1") };
        assert_eq!(is_third_party(&package, None), expected, "{vendor}");
    }

    #[test]
    fn the_distribution_governs_only_its_own() {
        check(PackageKind::Deb, "Docker <support@docker.com>", true);
        check(PackageKind::Deb, "Ubuntu Developers <ubuntu-devel-discuss@lists.ubuntu.com>", false);
        check(PackageKind::Deb, "Debian Docker Team <team+docker@tracker.debian.org>", false);
        check(PackageKind::Rpm, "Red Hat, Inc.", false);
        check(PackageKind::Rpm, "Remi's RPM repository <https://rpms.remirepo.net/>", true);
        check(PackageKind::Rpm, "", false);
        check(PackageKind::Apk, "Somebody <a@example.com>", false);
    }
}
