//! Packages of Debian, Ubuntu and their relatives, of distroless images, and of opkg (OpenWrt), which keeps the same records.
//!
//! Four leaves: [`LEAF`] reads the records (`var/lib/dpkg/status`, `var/lib/dpkg/status.d/*`, opkg's `status` and `info/*.control`),
//! [`FILES`] which package owns which file (`info/*.list`, `*.md5sums`), [`COPYRIGHT`] the licences (`usr/share/doc/*/copyright`),
//! [`ARCHIVE`] the record in a package that lies about as a file.

mod archive;
mod copyright;
mod files;
mod status;

#[cfg(test)]
mod tests;

use signet_model::PackageKind;

use crate::{Claim, Leaf, any_path};

/// The records of installed packages.
pub static LEAF: Leaf = Leaf {
    id: "dpkg",
    claims: &[
        Claim::Path("lib/dpkg/status"),
        Claim::In("lib/dpkg/status.d", ""),
        Claim::Path("lib/opkg/status"),
        Claim::In("lib/opkg/info", ".control"),
    ],
    accepts: is_record,
    max_size: 64 << 20,
    read: status::read,
    coverage: include_str!("coverage.yaml"),
};

/// `.deb` files, and opkg's `.ipk`, which are made alike. The record stands at the beginning.
pub static ARCHIVE: Leaf = Leaf {
    id: "dpkg-archive",
    claims: &[Claim::Head(".deb"), Claim::Head(".udeb"), Claim::Head(".ipk")],
    accepts: any_path,
    max_size: 16 << 20,
    read: archive::read,
    coverage: include_str!("coverage.yaml"),
};

/// Lists of the files of each package.
pub static FILES: Leaf = Leaf {
    id: "dpkg-files",
    claims: &[
        Claim::In("lib/dpkg/info", ".list"),
        Claim::In("lib/dpkg/info", ".md5sums"),
        Claim::In("lib/dpkg/status.d", ".md5sums"),
        Claim::In("lib/opkg/info", ".list"),
    ],
    accepts: any_path,
    max_size: 64 << 20,
    read: files::read,
    coverage: include_str!("coverage.yaml"),
};

/// Licences of each package.
pub static COPYRIGHT: Leaf = Leaf {
    id: "dpkg-copyright",
    claims: &[Claim::Name("copyright")],
    accepts: copyright::is_of_a_package,
    max_size: 16 << 20,
    read: copyright::read,
    coverage: include_str!("coverage.yaml"),
};

/// Beside the records of `status.d` lie lists of checksums and, in some images, lists of files.
fn is_record(path: &str) -> bool {
    !path.ends_with(".md5sums") && !path.ends_with(".list") && !path.ends_with(".conffiles")
}

/// The ecosystem of a database: opkg's packages have advisories of their own.
fn kind_of(path: &str) -> PackageKind {
    if path.contains("lib/opkg/") || path.ends_with(".ipk") { PackageKind::Opkg } else { PackageKind::Deb }
}
