use signet_model::Location;

use super::*;
use crate::{Found, Input, Owner};

fn look(leaf: &Leaf, path: &str, bytes: &[u8]) -> Found {
    let location = Location::of_path(path);
    (leaf.read)(&Input { location: &location, bytes, binary: None, leaf: leaf.id })
}

/// Rows: name, version, source, source version, state.
#[track_caller]
fn check(text: &str, expected: &[&str], broken: usize) -> Found {
    let found = look(&LEAF, "var/lib/dpkg/status", text.as_bytes());
    let row = |package: &signet_model::Package| {
        let source = package.source.clone().expect("because a deb always has a source");
        let state = package.extra.get("dpkg.status").map_or("-", String::as_str);
        format!("{} {} {} {} {state}", package.name, package.version, source.name, source.version.unwrap_or_default())
    };
    assert_eq!(found.packages.iter().map(row).collect::<Vec<_>>(), expected);
    assert_eq!(found.unexamined.len(), broken, "{:?}", found.unexamined);
    found
}

#[test]
fn a_real_database() {
    let found = check(
        include_str!("testdata/status"),
        &["signet-a 1:1.0-1 signet-source 2.0 installed", "signet-b 1.0 signet-b 1.0 installed"],
        0,
    );
    let a = &found.packages[0];
    assert_eq!((a.arch.as_deref(), a.vendor.as_deref()), (Some("all"), Some("Signet <signet@example.com>")));
    assert_eq!(a.description.as_deref(), Some("first package"));
    assert_eq!(a.locations[0].lines, Some((1, 14)));
    assert_eq!(found.requires, [(0, "signet-b".to_owned()), (0, "mail-server".to_owned()), (0, "other".to_owned())]);
    assert_eq!(found.provides, [(1, "mail-server".to_owned())]);
}

#[test]
fn the_state_decides() {
    for state in ["installed", "unpacked", "half-configured", "half-installed", "triggers-awaited", "triggers-pending"]
    {
        let row = format!("a 1 a 1 {state}");
        check(&format!("Package: a\nStatus: deinstall ok {state}\nVersion: 1\n"), &[row.as_str()], 0);
    }
    for state in ["not-installed", "config-files"] {
        check(&format!("Package: a\nStatus: install ok {state}\nVersion: 1\n"), &[], 0);
    }
    check("Package: a\nVersion: 1\n", &["a 1 a 1 -"], 0);
}

#[test]
fn a_database_of_very_many_records_is_bounded_and_told() {
    let many = "Package: a\nVersion: 1\n\n".repeat(crate::syntax::MAX_PACKAGES + 5);
    let found = look(&LEAF, "var/lib/dpkg/status", many.as_bytes());
    assert_eq!((found.packages.len(), found.unexamined.len()), (crate::syntax::MAX_PACKAGES, 1));
    let broken = look(&LEAF, "var/lib/dpkg/status", "x\n\n".repeat(100_000).as_bytes());
    assert!(broken.unexamined.len() < 1000 && !broken.unexamined.is_empty());
}

#[test]
fn a_broken_record_costs_itself() {
    check(
        "Package: a\nVersion: 1\n\nasdf\n\nVersion: 2\n\nPackage: c\n\nPackage: d\nVersion: 4",
        &["a 1 a 1 -", "d 4 d 4 -"],
        3,
    );
    check("", &[], 0);
    check("\n\n\n", &[], 0);
    check("Package: a\r\nVERSION: 1\r\n\r\npackage: b\r\nversion: 2\r\n", &["a 1 a 1 -", "b 2 b 2 -"], 0);
}

#[test]
fn entries_of_distroless_images() {
    assert!((LEAF.accepts)("var/lib/dpkg/status.d/base"));
    assert!(!(LEAF.accepts)("var/lib/dpkg/status.d/base.md5sums"));
    let found = look(&LEAF, "usr/lib/opkg/status", b"Package: ubus\nVersion: 1\n");
    assert_eq!(found.packages[0].kind, PackageKind::Opkg);
}

#[track_caller]
fn check_files(path: &str, text: &str, name: &str, arch: Option<&str>, files: &[&str]) {
    let found = look(&FILES, path, text.as_bytes());
    let kind = if path.contains("opkg") { PackageKind::Opkg } else { PackageKind::Deb };
    let owner = Owner::Named { kind, name: name.to_owned(), arch: arch.map(str::to_owned) };
    assert_eq!(found.owns, [(owner, files.iter().map(|file| (*file).to_owned()).collect())], "{path}");
}

#[test]
fn lists_of_files() {
    check_files("var/lib/dpkg/info/bash.list", "/.\n/bin\n/bin/bash\n", "bash", None, &["bin", "bin/bash"]);
    check_files("var/lib/dpkg/info/libc6:amd64.list", "/lib/a b\n", "libc6", Some("amd64"), &["lib/a b"]);
    check_files("var/lib/dpkg/status.d/tz.md5sums", "00  usr/a\n11  usr/b c\n", "tz", None, &["usr/a", "usr/b c"]);
    check_files("usr/lib/opkg/info/ubus.list", "/sbin/ubusd\t0100755\n", "ubus", None, &["sbin/ubusd"]);
    assert_eq!(look(&FILES, "var/lib/dpkg/info/x.list", b"/.\n"), Found::default());
}

#[track_caller]
fn check_licenses(text: &str, expected: &[&str]) {
    let found = look(&COPYRIGHT, "usr/share/doc/a/copyright", text.as_bytes());
    let values: Vec<&str> =
        found.licenses.iter().flat_map(|(_, licenses)| licenses).map(|license| license.value.as_str()).collect();
    assert_eq!(values, expected);
}

#[test]
fn licences() {
    check_licenses(
        "Format: https://x\n\nFiles: *\nLicense: GPL-2+\n text\n\nFiles: b\nLicense: MIT or Apache-2.0\n\nLicense: GPL-2+\n",
        &["GPL-2+", "MIT or Apache-2.0"],
    );
    check_licenses(
        "It is in /usr/share/common-licenses/GPL-2, and `/usr/share/common-licenses/LGPL-2.1'.",
        &["GPL-2", "LGPL-2.1"],
    );
    check_licenses("Do what you like.", &[]);
    for (path, is) in [
        ("usr/share/doc/a/copyright", true),
        ("usr/share/doc/a/b/copyright", false),
        ("srv/copyright", false),
        ("copyright", false),
    ] {
        assert_eq!((COPYRIGHT.accepts)(path), is, "{path}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        look(&LEAF, "var/lib/dpkg/status", &bytes);
        look(&FILES, "var/lib/dpkg/info/a.list", &bytes);
        look(&COPYRIGHT, "usr/share/doc/a/copyright", &bytes);
    }

    #[test]
    fn a_damaged_database_loses_only_records(at in 0..600usize, byte: u8) {
        let mut bytes = include_bytes!("testdata/status").to_vec();
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        let found = look(&LEAF, "var/lib/dpkg/status", &bytes);
        proptest::prop_assert!(found.packages.len() + found.unexamined.len() <= 4);
    }
}

#[test]
fn a_version_that_dpkg_would_refuse_costs_its_record() {
    check("Package: a\nVersion: 1:5.#\n\nPackage: b\nVersion: x:1\n\nPackage: c\nVersion: 1:\n", &[], 3);
    check("Package: a\nVersion: 1:2.0~rc1+dfsg-3_4\n", &["a 1:2.0~rc1+dfsg-3_4 a 1:2.0~rc1+dfsg-3_4 -"], 0);
}

#[test]
fn archives() {
    use crate::syntax::testing::{check, mutate, read};
    for (name, bytes) in [
        ("a.deb", &include_bytes!("testdata/signet-demo.xz.deb")[..]),
        ("b.deb", include_bytes!("testdata/signet-demo.zstd.deb")),
        ("c.udeb", include_bytes!("testdata/signet-demo.none.deb")),
    ] {
        check(&ARCHIVE, name, bytes, &["signet-demo@1:1.2-3"]);
        let found = read(&ARCHIVE, name, bytes);
        let package = &found.packages[0];
        assert_eq!((package.presence, package.kind), (signet_model::Presence::Declared, PackageKind::Deb));
        assert_eq!(package.source.as_ref().and_then(|source| source.version.as_deref()), Some("1.1"));
        assert!(found.requires.is_empty() && package.locations[0].lines.is_none());
        // the data is not needed
        assert_eq!(read(&ARCHIVE, name, &bytes[..bytes.len() - 100]).packages.len(), 1);
        for cut in 0..20 {
            read(&ARCHIVE, name, &mutate(bytes, 70 + cut * 13, 0xff, cut, bytes.len()));
        }
    }
    check(&ARCHIVE, "a.deb", "text", &["! malformed: no package of dpkg or opkg"]);
    check(&ARCHIVE, "a.deb", "!<arch>\n", &["! malformed: the package has no member `control.tar`"]);
    let long = format!("!<arch>\n{:<48}{:<10}`\n", "control.tar.gz", 99);
    check(&ARCHIVE, "a.deb", long, &["! malformed: the member `control.tar` is cut off"]);
    let size = format!("!<arch>\n{:<48}{:<10}`\n", "debian-binary", "x");
    check(&ARCHIVE, "a.deb", size, &["! malformed: a header of the archive is damaged"]);
}

proptest::proptest! {
    #[test]
    fn broken_archives_never_panic(which in 0usize..3, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let bytes = [
            &include_bytes!("testdata/signet-demo.xz.deb")[..],
            include_bytes!("testdata/signet-demo.zstd.deb"),
            include_bytes!("testdata/signet-demo.none.deb"),
        ][which];
        let bytes = crate::syntax::testing::mutate(bytes, place, byte, cut, keep);
        proptest::prop_assert!(crate::syntax::testing::read(&ARCHIVE, "a.deb", &bytes).packages.len() <= 1);
    }
}
