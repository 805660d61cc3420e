use proptest::prelude::*;
use serde_json::json;
use signet_model::{Distro, Inventory, Package, PackageKind, SourcePackage};

use super::*;
use crate::{Builder, Database, MatchOptions};

fn record(kind: &str, identifier: &str, item: Value) -> Vec<u8> {
    let schema = format!("https://example.com/schema/vulnerability/{kind}/schema-1.0.0.json");
    serde_json::to_vec(&json!({"schema": schema, "identifier": identifier, "item": item})).unwrap()
}

/// A record of a distribution with one package.
fn distro(namespace: &str, id: &str, fixed: Value) -> Vec<u8> {
    let vulnerability = json!({"Name": id, "NamespaceName": namespace, "Severity": "High", "FixedIn": fixed});
    record("os", &format!("{namespace}/{id}"), json!({"Vulnerability": vulnerability}))
}

fn fix(name: &str, version: &str, more: Value) -> Value {
    let mut fix = json!({"Name": name, "Version": version, "VersionFormat": "rpm", "Module": null});
    for (key, value) in more.as_object().into_iter().flatten() {
        fix[key] = value.clone();
    }
    fix
}

/// Findings for one package, as `id fixed`; with `!` before what is known not to hold.
#[track_caller]
fn check(records: &[Vec<u8>], release: (&str, &str), package: Package, options: MatchOptions, expected: &[&str]) {
    let mut builder = Builder::new(std::io::Cursor::new(Vec::new())).unwrap();
    let mut summary = Summary::default();
    for json in records {
        read("record", json, &mut summary, &mut |record| builder.put(record)).unwrap();
    }
    assert_eq!((summary.records, &summary.unknown_namespaces), (records.len() as u64, &BTreeMap::new()));
    builder.feed(feed("here", None, Trust::LocalFile));
    let bytes = builder.finish().unwrap().0.into_inner();
    let database = Database::open(&bytes).unwrap();
    let (id, version) = release;
    let distro = (!id.is_empty()).then(|| Distro {
        id: id.to_owned(),
        version_id: Some(version.to_owned()),
        ..Distro::default()
    });
    let inventory = Inventory { distro, packages: vec![package], ..Inventory::default() };
    let found = database.match_inventory(&inventory, &MatchOptions { cleared: true, ..options });
    let mut lines: Vec<String> = found
        .findings
        .iter()
        .map(|f| {
            let sign = if f.suppressed.is_some() { "!" } else { "" };
            format!("{sign}{} {}", f.vulnerability.id, f.fix.versions.join(",")).trim_end().to_owned()
        })
        .collect();
    lines.sort();
    assert_eq!(lines, expected);
}

fn package(kind: PackageKind, name: &str, version: &str) -> Package {
    Package::new(kind, name, version)
}

fn of_source(package: Package, name: &str, version: &str) -> Package {
    let version = (!version.is_empty()).then(|| version.to_owned());
    Package { source: Some(SourcePackage { name: name.to_owned(), version }), ..package }
}

fn plain() -> MatchOptions {
    MatchOptions::default()
}

#[test]
fn both_names_are_looked_up_each_with_its_version() {
    use PackageKind::{Apk, Rpm};
    let perl = [distro("rhel:8", "CVE-1", json!([fix("perl", "4:5.26.3-419.el8", json!({}))]))];
    let errno = |source: &str| of_source(package(Rpm, "perl-Errno", "0:1.28-419.el8"), "perl", source);
    // A source package's file name has no epoch, and the fix's is taken for its own.
    check(&perl, ("rhel", "8.4"), errno("5.26.3-418.el8"), plain(), &["CVE-1 4:5.26.3-419.el8"]);
    check(&perl, ("rhel", "8.4"), errno("5.26.3-419.el8"), plain(), &["!CVE-1 4:5.26.3-419.el8"]);
    check(&perl, ("rhel", "8.4"), package(Rpm, "perl", "5.26.3-420.el8"), plain(), &["CVE-1 4:5.26.3-419.el8"]);
    let bind = [distro("alpine:3.18", "CVE-2", json!([fix("bind", "0", json!({}))]))];
    check(
        &bind,
        ("alpine", "3.18.4"),
        of_source(package(Apk, "bind-tools", "9.16-r0"), "bind", ""),
        plain(),
        &["!CVE-2"],
    );
}

#[test]
fn builds_of_minor_releases_reach_their_hosts() {
    let stream = |advisory: &str, version: &str, minor: Option<u32>| json!({"Advisory": advisory, "Version": version, "Minor": minor, "Channels": []});
    let stated = json!({"Advisories": [
        stream("RHSA-1", "0:5.14.0-162.6.1.el9_1", Some(1)), stream("RHSA-3", "0:5.14.0-362.8.1.el9_3", Some(3)),
        stream("RHSA-5", "0:5.14.0-500.el9", None),
    ]});
    let records = [distro("rhel:9", "CVE-1", json!([fix("kernel", "0:5.14.0-500.el9", stated)]))];
    let at = |release: &str, version: &str, expected: &str| {
        check(&records, ("rhel", release), package(PackageKind::Rpm, "kernel", version), plain(), &[expected]);
    };
    at("9.0", "5.14.0-100.el9_0", "CVE-1 5.14.0-162.6.1.el9_1");
    at("9.1", "5.14.0-162.6.1.el9_1", "!CVE-1 5.14.0-162.6.1.el9_1");
    at("9.2", "5.14.0-162.6.1.el9_1", "CVE-1 5.14.0-362.8.1.el9_3");
    at("9.3", "5.14.0-362.8.1.el9_3", "!CVE-1 5.14.0-362.8.1.el9_3");
    at("9.4", "5.14.0-362.8.1.el9_3", "CVE-1 5.14.0-500.el9");
    at("9.9", "5.14.0-500.el9", "!CVE-1 5.14.0-500.el9");
}

#[test]
fn extended_support_repairs_what_the_base_release_leaves_open() {
    let open = || distro("ubuntu:20.04", "CVE-1", json!([fix("ssh", "None", json!({}))]));
    let repaired = || distro("ubuntu:20.04", "CVE-1", json!([fix("ssh", "1:8.2-1", json!({}))]));
    let support = || distro("ubuntu:20.04+esm", "CVE-1", json!([fix("ssh", "1:8.2-4+esm1", json!({}))]));
    let ssh = |version: &str| package(PackageKind::Deb, "ssh", version);
    let subscribed = ("ubuntu", "20.04+ESM");
    check(&[open(), support()], ("ubuntu", "20.04"), ssh("1:8.2-4+esm1"), plain(), &["CVE-1"]);
    check(&[open(), support()], subscribed, ssh("1:8.2-3"), plain(), &["CVE-1 1:8.2-4+esm1"]);
    check(&[open(), support()], subscribed, ssh("1:8.2-4+esm1"), plain(), &["!CVE-1 1:8.2-4+esm1"]);
    check(&[repaired(), support()], subscribed, ssh("1:8.2-3"), plain(), &["!CVE-1 1:8.2-1"]);
    // A build of a later minor release cannot be had with extended updates of an earlier one.
    let later = distro("rhel:8", "CVE-1", json!([fix("rsync", "0:3.1.3-23.el8_10", json!({}))]));
    let rsync = package(PackageKind::Rpm, "rsync", "3.1.3-19.el8");
    check(&[later], ("rhel", "8.4+eus"), rsync, plain(), &["CVE-1"]);
}

#[test]
fn a_rebuild_says_what_is_repaired_and_the_original_what_is_not() {
    let httpd = json!({"Module": "httpd:2.4"});
    let fixed = "0:2.4.37-39.module+el8.4.0+9658+b87b2deb";
    let original = || distro("rhel:8", "CVE-1", json!([fix("httpd", fixed, httpd.clone())]));
    let rebuilt = || {
        record(
            "osv",
            "almalinux8/alsa-1",
            json!({
                "id": "ALSA-1", "related": ["CVE-1"], "database_specific": {"anchore": {"record_type": "advisory"}},
                "affected": [{
                    "package": {"ecosystem": "AlmaLinux:8", "name": "httpd"},
                    "ecosystem_specific": {"rpm_modularity": "httpd:2.4"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.4.37-39.module_el8.4.0+12+aa.alma"}]}],
                }],
            }),
        )
    };
    let host = |version: &str, module: &str| Package {
        module: Some(module.to_owned()),
        ..package(PackageKind::Rpm, "httpd", version)
    };
    let at = |version: &str, module: &str, expected: &[&str]| {
        check(&[original(), rebuilt()], ("almalinux", "8.5"), host(version, module), plain(), expected);
    };
    at("2.4.37-30.module_el8.3.0+1+a", "httpd:2.4:1:2", &["CVE-1 2.4.37-39.module_el8.4.0+12+aa.alma"]);
    // The counter in the original's release is higher, and the build is the repaired one.
    at("2.4.37-39.module_el8.4.0+12+aa.alma", "httpd:2.4:1:2", &["!CVE-1 2.4.37-39.module_el8.4.0+12+aa.alma"]);
    at("2.4.37-30.module_el8.3.0+1+a", "httpd:2.6:1:2", &[]);
}

#[test]
fn github_s_ranges_need_no_commas() {
    let fixed = |range: &str, version: &str| json!({"ecosystem": "gem", "namespace": "github:gem", "name": "rack", "range": range, "identifier": version});
    let advisory = json!({"ghsaId": "GHSA-1", "CVE": ["CVE-1"], "Severity": "High", "Summary": "s", "withdrawn": null,
        "FixedIn": [fixed("< 2.2.19", "2.2.19"), fixed(">= 3.1 < 3.1.17", "3.1.17")]});
    let records =
        [record("github-security-advisory", "github:gem/ghsa-1", json!({"Advisory": advisory, "Vulnerability": {}}))];
    let rack = |version: &str| package(PackageKind::Gem, "rack", version);
    check(&records, ("", ""), rack("2.2.18"), plain(), &["GHSA-1 2.2.19"]);
    check(&records, ("", ""), rack("2.2.19"), plain(), &[]);
    check(&records, ("", ""), rack("3.1.2"), plain(), &["GHSA-1 3.1.17"]);
}

#[test]
fn products_are_found_by_cpe() {
    let part = |criteria: &str, more: Value| {
        let mut part = json!({"criteria": criteria, "vulnerable": true});
        for (key, value) in more.as_object().into_iter().flatten() {
            part[key] = value.clone();
        }
        part
    };
    let java = part("cpe:2.3:a:oracle:jdk:*:*:*:*:*:*:*:*", json!({"versionEndExcluding": "1.8.0_401"}));
    let openssl = part(
        "cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*",
        json!({"versionStartIncluding": "1.1.0", "versionEndExcluding": "1.1.0j"}),
    );
    let windows = json!({"criteria": "cpe:2.3:o:microsoft:windows:-:*:*:*:*:*:*:*", "vulnerable": false});
    let app = part("cpe:2.3:a:openssl:openssl:1.1.0a:*:*:*:*:*:*:*", json!({}));
    let nvd = |id: &str, configurations: Value| {
        record("nvd", id, json!({"cve": {"id": id, "configurations": configurations}}))
    };
    let records = [
        nvd("CVE-1", json!([{"nodes": [{"cpeMatch": [java, openssl]}]}])),
        nvd("CVE-2", json!([{"operator": "AND", "nodes": [{"cpeMatch": [app]}, {"cpeMatch": [windows]}]}])),
        record("eol", "rhel:7", json!({"product": "rhel", "name": "7", "eolFrom": "2024-06-30"})),
    ];
    let with = |kind, name: &str, version: &str, cpe: &str| Package {
        cpes: vec![cpe.to_owned()],
        ..package(kind, name, version)
    };
    let jdk = with(PackageKind::Binary, "jdk", "1.8.0_400", "cpe:2.3:a:oracle:jdk:1.8.0:update400:*:*:*:*:*:*");
    check(&records, ("", ""), jdk, plain(), &["CVE-1 1.8.0_401"]);
    let cpe = "cpe:2.3:a:openssl:openssl:1.1.0a:*:*:*:*:*:*:*";
    let apk = with(PackageKind::Apk, "openssl", "1.1.0a-r0", cpe);
    check(&records, ("alpine", "3.18"), apk, plain(), &["CVE-1 1.1.0j"]);
    let rpm = || with(PackageKind::Rpm, "openssl", "1:1.1.0a-1.el7", cpe);
    let now = "2026-01-01T00:00:00Z".parse().ok();
    let ended = MatchOptions { ended_by_product: true, now, ..MatchOptions::default() };
    check(&records, ("rhel", "7"), rpm(), MatchOptions { now, ..plain() }, &[]);
    check(&records, ("rhel", "7"), rpm(), ended.clone(), &["CVE-1 1.1.0j"]);
    check(&records, ("rhel", "9"), rpm(), ended, &[]);
}

#[test]
fn what_is_not_known_is_counted() {
    let mut summary = Summary::default();
    let mut sink = |_| Ok(());
    read("a", &record("msrc", "x", json!({})), &mut summary, &mut sink).unwrap();
    read("b", &distro("windows:1", "CVE-1", json!([])), &mut summary, &mut sink).unwrap();
    read("c", b"{\"x\": 1}", &mut summary, &mut sink).unwrap();
    read("d", br#"{"provider": "rhel", "timestamp": "2026-03-11T00:28:00Z"}"#, &mut summary, &mut sink).unwrap();
    assert_eq!(summary.unknown_schemas.keys().collect::<Vec<_>>(), ["msrc"]);
    assert_eq!(summary.unknown_namespaces.keys().collect::<Vec<_>>(), ["windows:1"]);
    assert_eq!((summary.skipped.as_slice(), summary.newest.is_some()), (&["c".to_owned()][..], true));
    assert!(read("e", &record("os", "x", json!({"Vulnerability": {}})), &mut summary, &mut sink).is_err());
    assert!(read("f", b"[", &mut summary, &mut sink).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_record_is_read_or_refused(
        kind in prop::sample::select(vec!["os", "github-security-advisory", "nvd", "csaf-vex", "eol", "osv", "epss", "known-exploited"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let item = json!({
            "Vulnerability": {"Name": "ALASKERNEL-5-2-3", "NamespaceName": "rhel:9", "FixedIn": [fix("a", "1.el9", json!({"Advisories": [{"Version": "2.el9_2", "Minor": 4294967295u32}]}))]},
            "Advisory": {"ghsaId": "GHSA-1", "FixedIn": [{"name": "a", "ecosystem": "npm", "range": ">= < 1 ||"}]},
            "cve": {"id": "CVE-1", "configurations": [{"nodes": [{"cpeMatch": [{"criteria": "cpe:2.3:a:b:c:1:-:*:*", "vulnerable": true}]}]}]},
            "product_tree": {"branches": [{"branches": [], "product": {"product_id": "a"}}]}, "vulnerabilities": [{"cve": "CVE-1"}],
            "product": "rhel", "name": "7", "eolFrom": "2024-13-30", "id": "ALSA-1", "epss": 1, "percentile": 2,
        });
        let mut bytes = record(kind, "x", item);
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read("record", &bytes, &mut Summary::default(), &mut |_| Ok(()));
    }
}
