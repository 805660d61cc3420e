//! Exit codes, thresholds, policies: what a pipeline relies on.

use signet_image::Compression;
use signet_image::build::{ImageBuilder, LayerBuilder};

use crate::harness::{Room, stanza};

const SCAN: &str = "scan --offline --db builtin:sample";

fn policy(vulnerabilities: &str) -> String {
    format!(
        "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: {{ name: ours }}\nspec:\n  vulnerabilities:\n{vulnerabilities}"
    )
}

#[test]
fn exit_codes() {
    let room = Room::with_shop();
    let check = |arguments: &str, code: i32, needles: &[&str]| {
        room.check(&format!("{SCAN} {arguments}"), code, needles);
    };
    // Findings alone are no failure: nobody said what must not pass.
    check("dir:shop", 0, &["4 findings: 3 critical, 1 high", "ONLY the built-in sample"]);
    check("dir:shop --fail-on 'severity >= critical && fixed'", 11, &["1 at or above"]);
    check("dir:shop --fail-on 'epss > 0.99'", 11, &["cannot be told"]);
    check("dir:shop --fail-on 'severity > critical'", 0, &["nothing reaches it"]);
    check("dir:shop --policy builtin:recommended", 10, &["decision: deny"]);
    check("dir:shop --policy builtin:recommended --fail-on true", 10, &["decision: deny", "4 at or above"]);
    check("dir:nowhere", 1, &["`nowhere`"]);
    check("dir:shop --scanners secret", 2, &["the scanner `secret` is not in this version"]);
    check("dir:shop --scanners vulns", 2, &["there is no scanner `vulns`"]);
    check("dir:shop --severity hihg", 2, &["`hihg`"]);
    check("dir:shop --platform linux", 2, &["`linux` is no platform"]);
    check("dir:shop -o jsn", 2, &["there is no format `jsn`"]);
    check("dir:shop -o json -o sarif", 2, &["only one format can go to standard output"]);
    check(
        "dir:shop --policy builtin:strict",
        2,
        &["there is no policy `builtin:strict`", "hint: there is `builtin:recommended`"],
    );
    room.check("scan", 2, &["SOURCE"]);
    room.check("scn dir:shop", 2, &["scan"]);
    room.check("--version", 0, &["signet"]);
    room.check("schema nothing", 2, &["there is no schema `nothing`"]);
}

#[test]
fn what_cannot_be_read_is_not_clean() {
    let room = Room::with_broken();
    let unreadable = "var/lib/dpkg/status";
    room.check(&format!("{SCAN} rootfs:broken"), 13, &["not examined: 1", unreadable]);
    room.check(&format!("{SCAN} rootfs:broken --allow-incomplete"), 0, &["not examined: 1", "warning: "]);
    room.check(&format!("{SCAN} rootfs:broken --fail-on 'severity >= high'"), 11, &["not examined: 1"]);
    room.check("sbom rootfs:broken", 13, &["not examined: 1"]);
    room.check("sbom rootfs:broken --allow-incomplete", 0, &["sample-tls"]);
    // Reports name it in every format that has a place for it.
    for format in ["json", "sarif", "junit", "markdown", "cosign-vuln"] {
        room.check(&format!("{SCAN} rootfs:broken -o {format}"), 13, &[unreadable]);
    }
}

#[test]
fn a_bad_expression_is_underlined() {
    let room = Room::with_shop();
    let run = room.run(&format!("{SCAN} dir:shop --fail-on 'severity >= hihg && fixd'"));
    insta::assert_snapshot!(run.to_string(), @r"
    $ signet scan --offline --db builtin:sample dir:shop --fail-on 'severity >= hihg && fixd'
    [exit code 2]
    --- stderr
    error: `--fail-on` cannot be read
    error: there is no variable `hihg`
      |
    1 | severity >= hihg && fixd
      |             ^^^^
      |
      = hint: did you mean `high`?

    error: there is no variable `fixd`
      |
    1 | severity >= hihg && fixd
      |                     ^^^^
      |
      = hint: did you mean `fixed`?
    ");
}

#[test]
fn what_is_not_known_denies_and_says_what_is_missing() {
    let room = Room::with_shop();
    room.file("loaded.yaml", &policy("    deny: 'loaded'\n"));
    room.check(&format!("{SCAN} dir:shop --policy loaded.yaml"), 10, &["decision: deny", "`loaded`"]);
    room.file("kev.yaml", &policy("    deny: 'kev'\n"));
    // Read in the catalogue and not listed there is known; so three of four pass.
    room.check(&format!("{SCAN} dir:shop --policy kev.yaml -o json"), 10, &["\"subject\": \"CVE-2026-0001"]);
    room.file("old.yaml", &policy("    deny: 'kev'\n    maxAge: 1h\n"));
    room.check(&format!("{SCAN} dir:shop --policy old.yaml"), 10, &["old, more than the 1h allowed"]);
    let clean = Room::with_clean();
    clean.file("old.yaml", &policy("    deny: 'kev'\n    maxAge: 1h\n"));
    clean.check(&format!("{SCAN} dir:clean --policy old.yaml"), 10, &["old, more than the 1h allowed"]);
    clean.check(&format!("{SCAN} dir:clean --policy builtin:recommended"), 0, &["decision: allow"]);
}

#[test]
fn exceptions_of_a_policy() {
    let room = Room::with_shop();
    let excepted = |exceptions: &str| {
        let text = policy(&format!(
            "    deny: 'kev'\n    exceptions:\n    - {{ owner: team-a, reason: not reachable, {exceptions} }}\n"
        ));
        room.file("policy.yaml", &text);
        format!("{SCAN} dir:shop --policy policy.yaml")
    };
    room.check(
        &excepted("id: CVE-2026-0001, until: 2026-12-31"),
        0,
        &["decision: allow", "until 2026-12-31): applied"],
    );
    room.check(
        &excepted("id: CVE-2026-0001, until: 2026-12-31, reviewEvery: 7d, reviewed: 2026-01-01"),
        0,
        &["decision: warn", "review overdue"],
    );
    room.check(
        &excepted("id: CVE-2026-0001, until: 2026-01-15"),
        10,
        &["decision: deny", "until 2026-01-15): expired"],
    );
    room.check(&excepted("id: CVE-2020-0001, until: 2026-12-31"), 10, &["decision: deny", "stale"]);
    room.check(
        &excepted("id: CVE-2026-0001, packages: ['pkg:deb/debian/sample-zip'], until: 2026-12-31"),
        10,
        &["decision: deny"],
    );
    room.file("policy.yaml", &policy("    dney: 'kev'\n"));
    room.check(&format!("{SCAN} dir:shop --policy policy.yaml"), 1, &["policy.yaml:", "dney"]);
}

#[test]
fn without_a_database_nothing_is_clean() {
    let room = Room::with_clean();
    let run = room.run("scan dir:clean --offline");
    insta::assert_snapshot!(run.to_string(), @r"
    $ signet scan dir:clean --offline
    [exit code 1]
    --- stderr
    error: there is no advisory database, and the network is forbidden

    hint: bring one by file with `signet db build`, or give `--db FILE`; `--db builtin:sample` is for a first look
    ");
    room.check("scan dir:clean --skip-db-update", 1, &["hint: `signet db update` fetches it"]);
    room.file("db", "no database");
    room.check("scan dir:clean --db db", 1, &["cannot use the database `db`"]);
    room.check("scan registry.example.com/a:1 --offline --db builtin:sample", 1, &["forbidden by `--offline`"]);
}

#[test]
fn a_wrong_digest_is_refused() {
    let room = Room::new();
    let layer = LayerBuilder::new()
        .file("etc/os-release", crate::harness::OS_RELEASE.as_bytes())
        .file("var/lib/dpkg/status", stanza("sample-tls", "3.0.11-1").as_bytes());
    let image = ImageBuilder::new().layer(layer.finish(), Compression::Gzip, "COPY").build();
    for (path, content) in image.oci_layout(Some("latest")) {
        room.file(&format!("layout/{path}"), "");
        std::fs::write(room.path(&format!("layout/{path}")), content).unwrap();
    }
    // With the memory that a scan of the right bytes left: a file that changed since is read again.
    let whole = format!("{SCAN} oci-dir:layout --platform linux/amd64");
    room.check(&whole, 0, &["no findings", &image.manifest_digest.to_string()]);
    for digest in [image.manifest_digest, image.config_digest, image.layers[0].digest] {
        let blob = room.path(&format!("layout/blobs/sha256/{}", digest.hex()));
        let right = std::fs::read(&blob).unwrap();
        let mut wrong = right.clone();
        let middle = wrong.len() / 2;
        wrong[middle] ^= 1;
        std::fs::write(&blob, &wrong).unwrap();
        room.check(&whole, 1, &["error: "]);
        std::fs::write(&blob, &right).unwrap();
    }
    room.check(&whole, 0, &["no findings"]);

    // An archive without a manifest has no digest but the diffIDs in its configuration.
    let archive = room.path("image.tar");
    let right = image.docker_archive(&["example.org/team/app:1"]);
    std::fs::write(&archive, &right).unwrap();
    let whole = format!("{SCAN} docker-archive:image.tar");
    room.check(&whole, 0, &["no findings"]);
    let text = b"sample-tls";
    let place = right.windows(text.len()).position(|bytes| bytes == text).unwrap();
    let mut wrong = right.clone();
    wrong[place] ^= 1;
    std::fs::write(&archive, &wrong).unwrap();
    room.check(&whole, 1, &["error: "]);
    std::fs::write(&archive, &right).unwrap();
    room.check(&whole, 0, &["no findings"]);
}

/// Mistakes that people make: what happened, where, what next.
#[test]
fn mistakes_come_with_a_hint() {
    let room = Room::with_shop();
    room.file("text", "no SBOM");
    let check = |arguments: &str, code: i32, needles: &[&str]| {
        let run = room.check(&format!("{SCAN} {arguments}"), code, needles);
        assert!(run.talk.starts_with("error: ") && run.talk.matches("hint: ").count() <= 1, "{run}");
        assert!(run.out.is_empty(), "{run}");
    };
    check("dockr:x", 1, &["`dockr:x`", "hint: did you mean `docker:x`?"]);
    check("oci-dir:nowhere", 1, &["`nowhere`", "hint: is the path right? It is taken from `[ROOM]`"]);
    check("dir:nowhere", 1, &["`nowhere`", "hint: is the path right?"]);
    check("sbom:nowhere", 1, &["cannot read the SBOM `nowhere`", "hint: is the path right?"]);
    check("sbom:text", 1, &["neither CycloneDX, SPDX nor Syft JSON"]);
    check("purl:pkg:foo", 2, &["`pkg:foo` is no package URL", "hint: as in `pkg:npm/"]);
    check("purl:npm/x", 2, &["hint: write `purl:pkg:npm/x`"]);
    check("docker:app:1", 1, &["docker is not running here", "hint: start it"]);
    check("docker-archive:text", 1, &["`text`"]);
    check("git:shop", 1, &["there is no `.git` in it"]);
    check("dir:shop --policy missing.yaml", 1, &["cannot read the policy `missing.yaml`", "hint: give the file"]);
    check("dir:shop --vex missing.json", 1, &["cannot read the VEX document `missing.json`"]);
    check("dir:shop -o json=nowhere/x", 1, &["cannot write the report `nowhere/x`", "hint: its folder must exist"]);
    room.check(
        "scan 127.0.0.1:1/a:1 --db builtin:sample",
        1,
        &["no connection to `127.0.0.1:1`", "hint: check the name"],
    );
}
