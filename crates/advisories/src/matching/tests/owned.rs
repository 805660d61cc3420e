//! Language packages whose files a distribution package owns.

use super::*;

/// Whether the vulnerability of `1.26.5` is suppressed.
#[track_caller]
fn check(system: (&str, &str), owner: Package, name: &str, options: Owned, expected: bool) {
    let stream = governing_streams(&distro(system.0, system.1).unwrap()).remove(0);
    let records = vec![
        record("python", name, "CVE-1", "< 2.0.0", "2.0.0"),
        record(&stream, "python-urllib3", "CVE-2", "", ""),
        // the distribution repaired this one without a new version
        record("python", name, "CVE-3", "< 2.0.0", "2.0.0"),
        record(&stream, "python-urllib3", "CVE-3", "< 1.0.0", "1.0.0"),
    ];
    let edge = Relationship { from: PackageIndex(1), to: PackageIndex(0), kind: RelationshipKind::OwnedBy };
    let inventory = Inventory {
        distro: distro(system.0, system.1),
        packages: vec![owner, Package::new(PackageKind::Python, name, "1.26.5")],
        relationships: vec![edge],
        ..Inventory::default()
    };
    let bytes = compile(records);
    let out = Database::open(&bytes)
        .unwrap()
        .match_inventory(&inventory, &MatchOptions { owned: options, ..MatchOptions::default() });
    let of = |id: &str| {
        let finding = out.findings.iter().find(|f| f.vulnerability.id == id && f.package == PackageIndex(1));
        finding.unwrap().suppressed.as_ref().map(|by| by.kind)
    };
    let suppressed = Some(SuppressionKind::Owned);
    assert_eq!(of("CVE-1"), suppressed.filter(|_| expected), "{system:?} {options:?}");
    assert_eq!(of("CVE-3"), suppressed.filter(|_| options != Owned::Ecosystem), "{system:?} {options:?}");
}

fn deb(version: &str) -> Package {
    os_package(PackageKind::Deb, "python3-urllib3", version, "python-urllib3")
}

fn apk(version: &str) -> Package {
    os_package(PackageKind::Apk, "py3-urllib3", version, "python-urllib3")
}

#[test]
fn who_lists_what_is_open_judges_all() {
    for (options, expected) in
        [(Owned::Auto, true), (Owned::Distribution, true), (Owned::Stated, false), (Owned::Ecosystem, false)]
    {
        check(("debian", "12"), deb("1.26.5-1+deb12u1"), "urllib3", options, expected);
    }
    check(("debian", "12"), deb("1:1.26.5~1"), "urllib3", Owned::Auto, true);
    // Alpine lists what it has repaired, and nothing else.
    check(("alpine", "3.20"), apk("1.26.5-r0"), "urllib3", Owned::Auto, false);
    check(("alpine", "3.20"), apk("1.26.5-r0"), "urllib3", Owned::Distribution, true);
}

#[test]
fn what_took_the_place_of_the_owners_package_is_judged_by_its_ecosystem() {
    check(("debian", "12"), deb("1.25.0-1"), "urllib3", Owned::Auto, false);
    check(("debian", "12"), deb("1.26.50-1"), "urllib3", Owned::Auto, false);
    check(("debian", "12"), deb("1.26.5.1-1"), "urllib3", Owned::Auto, false);
    check(("debian", "12"), deb("1.26.5.0-1"), "urllib3", Owned::Auto, true);
    // what the owner bundles has versions of its own
    check(("debian", "12"), deb("1.25.0-1"), "idna", Owned::Auto, true);
}
