//! `signet grype`: Grype's flags, configuration, outputs and exit codes.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use signet_image::Compression;
use signet_image::build::{ImageBuilder, LayerBuilder};

use crate::harness::{OS_RELEASE, Room, Run, stanza};

/// The shop and the sample database: two criticals of Debian packages, one of them fixed, a high one and a malicious one of npm.
fn room() -> Room {
    Room::with_shop()
}

/// Runs a line with the sample database.
fn run(room: &Room, line: &str, input: Option<&str>) -> Run {
    let mut command = room.command(line);
    command.env("SIGNET_DB", "builtin:sample").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _sent = stdin.write_all(input.unwrap_or_default().as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr)
}

#[track_caller]
fn check(room: &Room, line: &str, code: i32, words: &[&str]) -> Run {
    let run = run(room, line, None);
    assert_eq!(run.code, code, "{run}");
    for word in words {
        assert!(run.out.contains(word) || run.talk.contains(word), "no `{word}` in\n{run}");
    }
    run
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out).unwrap_or_else(|err| panic!("{err} in\n{run}"))
}

fn ids(document: &Value, list: &str) -> Vec<String> {
    let rows = document[list].as_array().into_iter().flatten();
    let mut ids: Vec<String> = rows.map(|row| row["vulnerability"]["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn what_a_later_layer_replaces_is_matched_where_it_is_wanted() {
    let room = room();
    let layer = |version: &str| {
        let status = stanza("sample-tls", version);
        LayerBuilder::new().file("etc/os-release", OS_RELEASE.as_bytes()).file("var/lib/dpkg/status", status.as_bytes())
    };
    let image = ImageBuilder::new()
        .layer(layer("3.0.9-1").finish(), Compression::Gzip, "base")
        .layer(layer("3.0.11-1").finish(), Compression::Gzip, "upgrade")
        .build();
    std::fs::write(room.path("upgraded.tar"), image.docker_archive(&["example.org/upgraded:1"])).unwrap();
    check(&room, "grype upgraded.tar", 0, &["No vulnerabilities found"]);
    let document = json(&check(&room, "grype upgraded.tar -o json --scope all-layers", 0, &[]));
    assert_eq!(ids(&document, "matches"), ["CVE-2026-0001"]);
    let output = room
        .command("grype upgraded.tar -o json")
        .envs([("SIGNET_DB", "builtin:sample"), ("GRYPE_SEARCH_SCOPE", "all-layers")])
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("CVE-2026-0001"));
    check(&room, "grype upgraded.tar --scope deep-squashed", 0, &["No vulnerabilities found"]);
}

#[test]
fn the_document_is_grypes() {
    let room = room();
    let document = json(&check(&room, "grype dir:shop -o json", 0, &[]));
    let matches = document["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 4);
    let tls = matches.iter().find(|found| found["artifact"]["name"] == "sample-tls").unwrap();
    let record = &tls["vulnerability"];
    assert_eq!(record["id"], "CVE-2026-0001");
    assert_eq!(record["severity"], "Critical");
    assert_eq!(record["fix"]["state"], "fixed");
    assert_eq!(record["fix"]["versions"][0], "3.0.11-1");
    assert!(record["risk"].is_number() && record["cvss"].is_array() && record["urls"].is_array());
    assert!(tls["relatedVulnerabilities"].is_array());
    let detail = &tls["matchDetails"][0];
    assert_eq!((&detail["type"], &detail["matcher"]), (&"exact-direct-match".into(), &"dpkg-matcher".into()));
    assert_eq!(detail["searchedBy"]["distro"]["type"], "debian");
    assert!(detail["found"]["versionConstraint"].as_str().unwrap().ends_with("(deb)"));
    assert_eq!(tls["artifact"]["type"], "deb");
    assert_eq!(tls["artifact"]["locations"][0]["path"], "/var/lib/dpkg/status");
    assert_eq!(document["source"]["type"], "directory");
    assert_eq!((&document["distro"]["name"], &document["distro"]["version"]), (&"debian".into(), &"12".into()));
    assert_eq!(document["descriptor"]["name"], "grype");
    assert!(document["descriptor"]["db"]["status"]["built"].is_string());

    let document = json(&check(&room, "grype dir:shop -o json --by-cve", 0, &[]));
    assert!(ids(&document, "matches").contains(&"CVE-2026-0001".to_owned()));
    for (format, word) in [("sarif", "\"CVE-2026-0001\""), ("cyclonedx-json", "\"CycloneDX\""), ("table", "NAME")] {
        check(&room, &format!("grype dir:shop -o {format}"), 0, &[word]);
    }
    check(&room, "grype dir:shop -o json=a.json -o table=b.txt", 0, &[]);
    assert!(room.read("b.txt").contains("(kev)") || room.read("b.txt").contains("RISK"));
    assert_eq!(ids(&room.json("a.json"), "matches").len(), 4);
}

#[test]
fn exit_codes_are_grypes() {
    let room = room();
    check(&room, "grype dir:shop", 0, &[]);
    check(&room, "grype dir:shop --fail-on critical", 2, &["at or above the severity threshold: critical"]);
    check(&room, "grype dir:shop -f negligible -o json", 2, &["\"matches\""]);
    // In XML too, in which our own reader finds what the schema wants.
    check(&room, "grype dir:shop -o cyclonedx=found.xml", 0, &[]);
    let xml = room.read("found.xml");
    assert!(xml.contains("<vulnerability>") && xml.contains("<severity>critical</severity>"), "{xml}");
    check(&room, "grype sbom:found.xml -o json", 0, &["CVE-2026-0001"]);
    check(&room, "grype pkg:deb/debian/sample-tls@3.0.11-1?distro=debian-12 -f low", 0, &["No vulnerabilities found"]);
    check(&room, "grype pkg:deb/debian/sample-tls@3.0.9-1 --distro debian:12 -f low", 2, &["sample-tls"]);
    for (line, words) in [
        ("grype dir:shop -f soon", "bad --fail-on severity value 'soon'"),
        ("grype dir:shop -o nonsense", "unsupported output format"),
        ("grype dir:shop -o template -t x", "cannot read the template"),
        ("grype dir:shop -o template", "needs `-t FILE`"),
        ("grype dir:shop --sort-by size", "unknown order"),
        ("grype dir:shop --ignore-states soon", "unknown fix state soon"),
        ("grype dir:absent", "could not determine source"),
        ("grype cpe:2.3:a:b:c:1:*:*:*:*:*:*:*", "not in this version"),
        ("grype dir:shop --no-such-flag", "unexpected argument"),
    ] {
        check(&room, line, 1, &[words]);
    }
    // A database that is too old is no database, unless its age was accepted.
    let late = |check: &str| {
        let mut command = room.command("grype dir:shop");
        let command = command.env("SIGNET_DB", "builtin:sample").env("SOURCE_DATE_EPOCH", "1800000000");
        command.env("GRYPE_DB_VALIDATE_AGE", check).output().unwrap()
    };
    assert_eq!(late("true").status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late("true").stderr).contains("max allowed age is 5 days"));
    assert_eq!(late("false").status.code(), Some(0));
}

#[test]
fn matches_are_ignored_as_grype_does() {
    let room = room();
    let count = |line: &str| {
        let document = json(&check(&room, &format!("grype dir:shop -o json {line}"), 0, &[]));
        (ids(&document, "matches").len(), ids(&document, "ignoredMatches").len())
    };
    // The malicious one has no fix but its removal, so a filter for fixes never hides it.
    assert_eq!(count("--only-fixed"), (3, 1));
    assert_eq!(count("--only-notfixed"), (2, 2));
    assert_eq!(count("--ignore-states fixed,not-fixed,wont-fix,unknown"), (1, 3));
    room.file(
        ".grype.yaml",
        "fail-on-severity: critical\nignore:\n  - vulnerability: CVE-2026-0001\n    include-aliases: true\n    reason: accepted\n  - package: {type: npm, name: sample-.*}\n",
    );
    let run = check(&room, "grype dir:shop -o json", 2, &["note: configured by `.grype.yaml`"]);
    let document = json(&run);
    assert_eq!((ids(&document, "matches").len(), ids(&document, "ignoredMatches").len()), (1, 3));
    let rules = document["ignoredMatches"].as_array().unwrap().iter().map(|row| &row["appliedIgnoreRules"][0]);
    assert!(rules.into_iter().any(|rule| rule["reason"] == "accepted"));
    check(&room, "grype dir:shop --show-suppressed", 2, &["(suppressed)"]);
    let document = check(&room, "grype dir:shop -o cyclonedx-json", 2, &[]);
    assert!(!document.out.contains("CVE-2026-0001"), "what is ignored is in no format: {document}");
    room.file(".grype.yaml", "ignore:\n  - vulnerabilty: CVE-2026-0001\n");
    check(&room, "grype dir:shop", 1, &["unknown field `vulnerabilty`"]);
    std::fs::remove_file(room.path(".grype.yaml")).unwrap();
    room.file(
        "vex.json",
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex","author":"A","timestamp":"2026-01-12T00:00:00Z","version":1,
        "statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:deb/debian/sample-tls"}],
        "status":"not_affected","justification":"vulnerable_code_not_present"}]}"#,
    );
    assert_eq!(count("--vex vex.json"), (3, 1));
    check(&room, "grype dir:shop --vex vex.json --show-suppressed", 0, &["(suppressed by VEX)"]);
}

#[test]
fn sboms_and_purls_are_sources() {
    let room = room();
    room.check("syft dir:shop -o cyclonedx-json=c.json -o spdx-json=s.json -o syft-json=y.json -o purls=p.txt", 0, &[]);
    for source in ["sbom:c.json", "sbom:./s.json", "sbom:y.json", "./c.json", "y.json", "purl:p.txt"] {
        let document = json(&check(&room, &format!("grype {source} -o json"), 0, &[]));
        assert_eq!(ids(&document, "matches").len(), 4, "{source}");
    }
    let piped = run(&room, "grype -o json", Some(&room.read("c.json")));
    assert_eq!(ids(&json(&piped), "matches").len(), 4, "{piped}");
    assert_eq!(run(&room, "grype", Some("nonsense")).code, 1);
}

#[test]
fn findings_are_explained() {
    let room = room();
    let document = check(&room, "grype dir:shop -o json", 0, &[]).out;
    let told = run(&room, "grype explain --id CVE-2026-0001", Some(&document));
    assert_eq!(told.code, 0, "{told}");
    for word in [
        "CVE-2026-0001 from debian:distro:debian:12 (Critical)",
        "Package: sample-tls, version: 3.0.9-1",
        "evidence at /var/lib/dpkg/status",
        "URLs:",
    ] {
        assert!(told.out.contains(word), "no `{word}` in\n{told}");
    }
    assert_eq!(run(&room, "grype explain --id CVE-1", Some(&document)).code, 1);
    assert_eq!(run(&room, "grype explain --id CVE-1", Some("nonsense")).code, 1);
}

#[test]
fn names_are_matched_as_products_where_asked_for() {
    let room = room();
    room.file(
        "nvd.json",
        r#"{"vulnerabilities":[{"cve":{"id":"CVE-2026-7","descriptions":[{"lang":"en","value":"bad"}],
        "configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":"cpe:2.3:a:oddlib:oddlib:*:*:*:*:*:*:*:*","versionEndExcluding":"2.0"}]}]}]}}]}"#,
    );
    room.check("db build --feed nvd=nvd.json -o own.db", 0, &[]);
    room.check("grype db import own.db", 0, &["imported"]);
    let part = |version: &str, more: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{{"type":"library","name":"oddlib","version":"{version}"{more}}}]}}"#
        );
        room.file("part.json", &text);
    };
    part("1.5", "");
    assert_eq!(ids(&json(&room.check("--offline grype sbom:part.json -o json", 0, &[])), "matches").len(), 0);
    let found = json(&room.check("--offline grype sbom:part.json -o json --add-cpes-if-none", 0, &["guessed from"]));
    assert_eq!(ids(&found, "matches"), ["CVE-2026-7"]);
    let detail = &found["matches"][0]["matchDetails"][0];
    assert_eq!(detail["type"], "cpe-match");
    assert!(detail["found"]["signet:notes"][0].as_str().unwrap().contains("confidence: low"));
    assert_eq!(found["matches"][0]["artifact"]["cpes"][0], "cpe:2.3:a:oddlib:oddlib:1.5:*:*:*:*:*:*:*");
    // A stated one stands alone, and is not called a guess.
    part("1.5", r#","cpe":"cpe:2.3:a:other:other:1.5:*:*:*:*:*:*:*""#);
    let found = json(&room.check("--offline grype sbom:part.json -o json --add-cpes-if-none", 0, &[]));
    assert_eq!(ids(&found, "matches").len(), 0);
    part("1.5", r#","cpe":"cpe:2.3:a:oddlib:oddlib:1.5:*:*:*:*:*:*:*""#);
    let found = room.check("--offline grype sbom:part.json -o json --add-cpes-if-none", 0, &["CVE-2026-7"]);
    assert!(!found.out.contains("guessed from"), "{found}");
    part("2.0", "");
    let found = json(&room.check("--offline grype sbom:part.json -o json --add-cpes-if-none", 0, &[]));
    assert_eq!(ids(&found, "matches").len(), 0);
}

#[test]
fn the_database_is_kept_under_grypes_words() {
    let room = room();
    check(&room, "grype db status", 0, &["Status:    valid"]);
    check(&room, "grype db status -o json", 0, &["\"valid\": true"]);
    check(&room, "grype db providers", 0, &["DATE CAPTURED", "epss"]);
    check(&room, "grype db search CVE-2026-0001", 0, &["2026-01-10  Critical"]);
    check(&room, "grype db search vuln CVE-2026-0001 -o json", 0, &["\"severity\": \"Critical\""]);
    check(&room, "grype db search CVE-1", 0, &["No results found"]);
    for line in ["--pkg sample-tls", "--pkg sample-tls --distro debian:12", "--pkg sample-tls --vuln CVE-2026-0001"] {
        check(
            &room,
            &format!("grype db search {line}"),
            0,
            &["CVE-2026-0001", "VERSION CONSTRAINT", "distro:debian:12"],
        );
    }
    check(&room, "grype db search CVE-2026-0001 --distro debian:12", 0, &["sample-tls", "(deb)"]);
    for line in
        ["--pkg CVE-2026-0001", "--pkg sample-tls --vuln CVE-1", "--pkg sample-tls --ecosystem npm", "--pkg sample"]
    {
        check(&room, &format!("grype db search {line}"), 0, &["No results found"]);
    }
    let rows = json(&check(&room, "grype db search --pkg sample-tls -o json", 0, &[]));
    let row = rows.as_array().unwrap().iter().find(|row| row["vulnerability"]["id"] == "CVE-2026-0001").unwrap();
    let package = &row["packages"][0];
    assert_eq!(package["package"], serde_json::json!({"name": "sample-tls", "ecosystem": "deb"}));
    assert_eq!(package["detail"]["ranges"][0]["fix"]["version"], "3.0.11-1");
    check(&room, "grype db search --pkg sample-tls --limit 1", 0, &["sample-tls"]);
    for (line, words) in [
        ("--pkg a --ecosystem nonsense", "no advisories are known for the ecosystem"),
        ("--pkg a --distro nonsense:1", "no advisories are known for the distribution"),
        ("--ecosystem npm CVE-2026-0001", "`--pkg` names it"),
        ("", "at least one vulnerability or package"),
    ] {
        check(&room, &format!("grype db search {line}"), 1, &[words]);
    }
    check(&room, "--offline grype db list", 1, &["unable to get database listing"]);
    check(&room, "grype db diff", 1, &["removed `grype db diff`", "`signet db diff`"]);
    // Without an installed one there is an update, and nobody has to be asked.
    check(&room, "grype db check", 100, &["Update available!"]);

    room.file("osv.json", r#"{"schema_version":"1.6.0","id":"OSV-1","modified":"2026-01-15T00:00:00Z","summary":"s","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#);
    room.check("db build --osv osv.json -o own.db", 0, &[]);
    room.check("grype db status", 1, &["no vulnerability database"]);
    room.check("grype db import own.db", 0, &["imported"]);
    room.check("grype db status", 0, &["Status:    valid"]);
    room.check("--offline grype pkg:npm/a@1.0.0 --fail-on unknown", 1, &["bad --fail-on"]);
    room.check("--offline grype pkg:npm/a@1.0.0", 0, &["OSV-1"]);
    room.check("--offline grype db check", 1, &["unable to check for vulnerability database update"]);
    room.check("grype db delete", 0, &["deleted"]);
    room.check("grype db status", 1, &["no vulnerability database"]);

    room.check("grype config", 0, &["# GRYPE_FAIL_ON_SEVERITY", "# GRYPE_SEARCH_SCOPE", "scope: \"squashed\""]);
    room.check("grype version", 0, &["Application:     grype"]);
}
