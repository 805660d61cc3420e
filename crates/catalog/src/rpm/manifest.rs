//! `var/lib/rpmmanifest/container-manifest-2`.

use signet_model::{PackageKind, Unexamined, UnexaminedKind};

use super::package::{full_version, source};
use crate::{Found, Input};

/// Reads the table of packages.
///
/// Shape: a line per package, ten columns between tabs: NAME, VERSION-RELEASE, INSTALLTIME, BUILDTIME, VENDOR, EPOCH, SIZE, ARCH, EPOCHNUM,
/// SOURCERPM; `(none)` where there is none.
/// Errors: none. A line with other columns becomes an `Unexamined`.
/// Source: microsoft/CBL-Mariner, `toolkit/tools/imagegen/installutils`, the query format.
pub(super) fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let text = String::from_utf8_lossy(input.bytes);
    for (number, line) in (1u32..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let location = input.location.at_lines(number, number);
        let columns: Vec<&str> = line.split('\t').map(str::trim).collect();
        let [name, version, _, _, vendor, epoch, _, arch, _, source_rpm] = columns[..] else {
            let why = format!("line {number} has {} columns; a package has 10", columns.len());
            found.unexamined.push(Unexamined { location, kind: UnexaminedKind::Malformed, by: input.leaf, why });
            continue;
        };
        if name.is_empty() || version.is_empty() {
            let why = format!("line {number} has no name or no version");
            found.unexamined.push(Unexamined { location, kind: UnexaminedKind::Malformed, by: input.leaf, why });
            continue;
        }
        let some = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty() && value != "(none)");
        let epoch = epoch.parse().ok();
        let version = full_version(epoch, version);
        let mut package = input.package(PackageKind::Rpm, name, version.as_str());
        package.locations = vec![location];
        package.source = Some(source(some(source_rpm).as_deref(), epoch, name, &version));
        package.arch = some(arch);
        package.vendor = some(vendor);
        if let Some(source_rpm) = some(source_rpm) {
            package.extra.insert("rpm.source".to_owned(), source_rpm);
        }
        found.packages.push(package);
    }
    found
}
