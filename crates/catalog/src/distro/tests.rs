use signet_model::{Distro, Location};

use super::*;

fn look(leaf: &Leaf, path: &str, bytes: &[u8]) -> Found {
    let location = Location::of_path(path);
    (leaf.read)(&Input { location: &location, bytes, binary: None, leaf: leaf.id })
}

/// `expected`: id, VERSION_ID, name, version.
#[track_caller]
fn check(path: &str, text: &str, expected: [&str; 4]) {
    assert!((LEAF.accepts)(path), "{path} is not claimed");
    let found = look(&LEAF, path, text.as_bytes());
    assert_eq!(found.unexamined, [], "{path}");
    let (_, distro) = found.distro.expect(path);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    assert_eq!(
        [distro.id.clone(), text(&distro.version_id), text(&distro.name), text(&distro.version)],
        expected.map(str::to_owned),
        "{path}"
    );
}

#[track_caller]
fn check_refused(path: &str, text: &str) {
    let found = look(&LEAF, path, text.as_bytes());
    assert_eq!((found.distro, found.unexamined.len()), (None, 1), "{path}: {text:?}");
}

#[test]
fn os_release() {
    let text = include_str!("testdata/os-release");
    check("etc/os-release", text, ["example", "7.1", "Example \"Linux\" $1", "7.1 (Quoted Name)"]);
    check("usr/lib/os-release", "ID=Debian\r\nVERSION_ID='12'\r\n", ["debian", "12", "", ""]);
    check("etc/os-release", "NAME=\"No Id\"\nVERSION_ID=8\n", ["", "8", "No Id", ""]);
    check("etc/os-release", "ID=arch # rolling\n", ["arch", "", "", ""]);
    check_refused("etc/os-release", "");
    check_refused("usr/lib/os-release", "\u{0}\u{1}\u{2} no assignment");
    let distro = look(&LEAF, "etc/os-release", text.as_bytes()).distro.expect("because the file states one").1;
    assert_eq!(distro.id_like, ["debian", "ubuntu"]);
    assert_eq!(distro.other["HOME_URL"], "https://example.com/");
}

#[test]
fn releases_of_red_hat_and_its_relatives() {
    check("etc/redhat-release", "CentOS release 5.7 (Final)\n", ["centos", "5.7", "CentOS", "5.7"]);
    check(
        "etc/redhat-release",
        "CentOS Linux release 7.9.2009 (Core)\n",
        ["centos", "7.9.2009", "CentOS", "7.9.2009 (Core)"],
    );
    let rhel = "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n";
    check("etc/redhat-release", rhel, ["rhel", "7.9", "Red Hat Enterprise Linux", "7.9 (Maipo)"]);
    check(
        "etc/rocky-release",
        "Rocky Linux release 9.3 (Blue Onyx)",
        ["rocky", "9.3", "Rocky Linux", "9.3 (Blue Onyx)"],
    );
    check("etc/fedora-release", "Fedora release 39 (Thirty Nine)\n", ["fedora", "39", "Fedora", "39 (Thirty Nine)"]);
    check("etc/system-release", "Amazon Linux release 2 (Karoo)\n", ["amzn", "2", "Amazon Linux", "2 (Karoo)"]);
    check_refused("etc/redhat-release", "");
    check_refused("etc/redhat-release", "something else\n");
}

#[test]
fn other_sources() {
    check("etc/system-release-cpe", "cpe:/o:centos:linux:6:GA\n", ["centos", "6", "centos", "6"]);
    check("etc/system-release-cpe", "cpe:2.3:o:amazon:amazon_linux:2\n", ["amzn", "2", "amazon", "2"]);
    check("etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\n", ["ubuntu", "22.04", "Ubuntu", ""]);
    check("etc/alpine-release", "3.20.1\n", ["alpine", "3.20.1", "Alpine Linux", ""]);
    check("etc/debian_version", "12.5\n", ["debian", "12", "Debian GNU/Linux", ""]);
    check("etc/debian_version", "trixie/sid\n", ["debian", "", "Debian GNU/Linux", ""]);
    check("bin/busybox", "\u{7f}ELF..BusyBox v1.36.1 (2024)\0", ["busybox", "1.36.1", "BusyBox", "1.36.1"]);
    check_refused("etc/debian_version", "");
    check_refused("etc/system-release-cpe", "cpe:/o");
    assert_eq!(look(&LEAF, "bin/busybox", b"\x7fELF nothing"), Found::default());
}

#[test]
fn the_order_of_sources() {
    let order = [
        "etc/os-release",
        "usr/lib/os-release",
        "etc/system-release-cpe",
        "etc/redhat-release",
        "etc/centos-release",
        "etc/alpine-release",
    ];
    let texts = ["ID=a", "ID=a", "cpe:/o:a:b:1", "A release 1", "A release 1", "1"];
    let ranks: Vec<u8> = order
        .iter()
        .zip(texts)
        .map(|(path, text)| look(&LEAF, path, text.as_bytes()).distro.expect("because the file states one").0)
        .collect();
    assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
}

#[test]
fn only_files_at_the_root_count() {
    for path in ["snap/core/etc/os-release", "home/etc/redhat-release", "opt/bin/busybox"] {
        assert!(!(LEAF.accepts)(path), "{path}");
    }
}

#[test]
fn content_sets() {
    let found = look(
        &CONTENT_SETS,
        "root/buildinfo/content_manifests/a.json",
        br#"{"content_sets": ["b", "a"], "metadata": {}}"#,
    );
    assert_eq!(found.facts["content_set"], ["b", "a"]);
    assert_eq!(look(&CONTENT_SETS, "a.json", b"{}"), Found::default());
    assert_eq!(look(&CONTENT_SETS, "a.json", b"{").unexamined.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, claim in 0..LEAF.claims.len()) {
        if let Claim::Path(path) = LEAF.claims[claim] {
            let found = look(&LEAF, path, &bytes);
            proptest::prop_assert!(found.packages.is_empty());
            let _: Option<(u8, Distro)> = found.distro;
        }
    }
}
