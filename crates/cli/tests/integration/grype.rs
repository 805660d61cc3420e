//! Grype's data: compiled, searched, matched, explained.

use std::path::{Path, PathBuf};

use crate::harness::Room;

fn database() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../advisories/src/feeds/grype_db/testdata/vulnerability.db")
}

/// A room with `grype.db`, compiled from Grype's.
fn room() -> Room {
    let room = Room::new();
    std::fs::copy(database(), room.path("vulnerability.db")).unwrap();
    room.check("db build --grype-db vulnerability.db -o grype.db", 0, &["without rules", "windows:10816"]);
    room
}

#[test]
fn a_grype_database_is_compiled_and_searched() {
    let room = room();
    room.check("db info --db grype.db", 0, &["grype-db", "2026-03-11", "not to be passed on"]);
    let needles =
        ["high (redhat)", "weakness: CWE-787", "Red Hat 9.2-EUS  glibc", "fixed in 0:2.34-100.el9 since 2026-02-03"];
    room.check("db search cve-2026-1 --db grype.db", 0, &["Red Hat 9  glibc"]);
    room.check("db search CVE-2026-1 --db grype.db", 0, &needles);
    room.check("db search nodejs --db grype.db", 0, &["(module nodejs:18)", "every version"]);
    room.check("db search CVE-2026-5 --db grype.db", 3, &["was withdrawn or rejected"]);
    room.check("db search CVE-2026-1 --db grype.db --stream go", 3, &["nothing about"]);
    room.check("db search CVE-2026-1 --db grype.db --limit 1", 0, &["more than 1 rows"]);
    let found = room.check("db search RHSA-2026:2 --db grype.db -o json", 0, &[]);
    let document: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(document["advisories"][0]["stream"], "Red Hat 9.2");
    // A directory as Grype keeps one.
    std::fs::create_dir(room.path("6")).unwrap();
    std::fs::copy(database(), room.path("6/vulnerability.db")).unwrap();
    room.check("db build --grype-db 6 -o other.db", 0, &[]);
    room.file("empty.db", "nothing");
    room.check("db build --grype-db empty.db -o other.db", 1, &["cannot unpack the Grype database"]);
}

#[test]
fn what_an_advisory_clears_is_shown_and_explained() {
    let room = room();
    let scan = |version: &str, rest: &str| {
        format!("scan purl:pkg:rpm/redhat/glibc@{version}?distro=rhel-9.2 --db grype.db --offline {rest}")
    };
    let open = "2.34-60.el9_2.1";
    let repaired = "2.34-60.el9_2.7";
    assert_eq!(room.check(&scan(open, "-o json"), 0, &[]).ids(false), ["CVE-2026-1"]);
    let quiet = room.check(&scan(repaired, "-o json"), 0, &[]);
    assert_eq!((quiet.ids(false), quiet.ids(true)), (vec![], vec![]));
    let shown =
        room.check(&scan(repaired, "-o json --show-suppressed"), 0, &["\"kind\": \"advisory\"", "is not among"]);
    assert_eq!(shown.ids(true), ["CVE-2026-1", "CVE-2026-2"]);
    let needles = ["CVE-2026-1 holds for glibc", "in the stream `Red Hat 9.2`", "< 0:2.34-60.el9_2.7", "RHSA-2026:2"];
    room.check(&scan(open, "--explain CVE-2026-1"), 0, &needles);
    room.check(
        &scan(repaired, "--explain CVE-2026-1"),
        0,
        &["is suppressed for glibc", "fixed by Red Hat Security Data"],
    );
    room.check(&scan(open, "--explain CVE-2026-3"), 0, &["nothing in this subject has", "go  example.com/Net"]);
    room.check(&scan(open, "--explain CVE-2026-5"), 0, &["was withdrawn or rejected"]);
    // The user knows better which release it is, and that it gets extended updates.
    let subscribed = scan(open, "--distro rhel:9.2+eus -o json");
    assert!(room.check(&subscribed, 0, &["2.34-60.el9_2.9"]).out.contains("CVE-2026-1"));
}

#[test]
fn records_of_vunnel_are_compiled() {
    let room = Room::new();
    room.file(
        "v/alpine/results/3.18/cve-2026-1.json",
        r#"{"schema":"https://example.com/vulnerability/os/schema-1.1.0.json","identifier":"3.18/cve-2026-1","item":{"Vulnerability":{
            "Name":"CVE-2026-1","NamespaceName":"alpine:3.18","FixedIn":[{"Name":"bind","Version":"0","VersionFormat":"apk"},
            {"Name":"dhcp","Version":"4.4.1-r1","VersionFormat":"apk"}]}}}"#,
    );
    room.file("v/alpine/metadata.json", r#"{"provider":"alpine","timestamp":"2026-01-10T00:00:00Z"}"#);
    room.file("none/a.json", "{}");
    room.check("db build --vunnel v -o v.db", 0, &[]);
    room.check("db info --db v.db", 0, &["vunnel", "2026-01-10"]);
    room.check("db build --vunnel none -o n.db", 1, &["there is no record of vunnel"]);
    let dhcp = "scan purl:pkg:apk/alpine/dhcp@4.4.1-r0?distro=alpine-3.18 --db v.db --offline -o json";
    assert_eq!(room.check(dhcp, 0, &[]).ids(false), ["CVE-2026-1"]);
    let bind = "scan purl:pkg:apk/alpine/bind@9.1-r0?distro=alpine-3.18 --db v.db --offline -o json --show-suppressed";
    assert_eq!(room.check(bind, 0, &["never was affected"]).ids(true), ["CVE-2026-1"]);
}
