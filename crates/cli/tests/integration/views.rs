//! Views of a report: the page, other systems' formats, templates, baselines, comparisons, licences, the base image.

use serde_json::Value;
use signet_image::Compression;
use signet_image::build::{ImageBuilder, LayerBuilder};

use crate::harness::{Room, stanza};

const SCAN: &str = "scan --offline --db builtin:sample";

/// The room with the shop, whose names try to be markup.
fn hostile() -> Room {
    let room = Room::with_shop();
    let name = "<script>alert(1)</script>\\\" onload='x";
    room.file(
        "shop/app/node_modules/evil/package.json",
        &format!("{{\"name\": \"evil\", \"version\": \"{name}\", \"license\": \"{name}\"}}"),
    );
    room
}

#[test]
fn the_page_is_whole_and_safe() {
    let room = hostile();
    let run = room.check(
        &format!("{SCAN} dir:shop --scanners vuln,license -o html --policy builtin:recommended"),
        10,
        &["By severity", "Fix availability", "By package", "CVE-2026-0001", "Decision: deny", "<h2>Licences</h2>"],
    );
    let page = run.out;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the hostile name is shown as text");
    assert!(!page.contains("<script>alert"), "and never as markup");
    assert_eq!(page.matches("<script").count(), 1, "one script, which is ours");
    for needle in [" src=", "<link", "<img", "<iframe", "url(", "@import", "javascript:"] {
        assert!(!page.contains(needle), "the page fetches or runs something: {needle}");
    }
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let clean = Room::with_clean();
    clean.check(&format!("{SCAN} dir:clean -o html"), 0, &["No findings"]);
    Room::with_broken().check(&format!("{SCAN} rootfs:broken -o html"), 13, &["Not examined", "var/lib/dpkg/status"]);
}

#[test]
fn gitlab() {
    let room = hostile();
    let run = room.check(&format!("{SCAN} dir:shop -o gitlab"), 0, &[]);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["version"], "15.0.6");
    assert_eq!(report["scan"]["type"], "container_scanning");
    assert_eq!(report["scan"]["start_time"], "2026-01-16T00:00:00");
    let found = report["vulnerabilities"].as_array().unwrap();
    assert_eq!(found.len(), 4);
    let first = &found[0];
    assert_eq!(first["location"]["operating_system"], "debian 12");
    assert_eq!(first["location"]["image"], "shop");
    assert_eq!(first["severity"], "Critical");
    assert!(first["identifiers"][0]["value"].as_str().unwrap().len() > 3, "{first}");
    // The same finding has the same id in every run, and another has another.
    let again: Value = serde_json::from_str(&room.run(&format!("{SCAN} dir:shop -o gitlab")).out).unwrap();
    assert_eq!(first["id"], again["vulnerabilities"][0]["id"]);
    let ids: std::collections::HashSet<&str> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4);
    // What is suppressed is no issue there; what was not examined is told.
    let filtered: Value =
        serde_json::from_str(&room.run(&format!("{SCAN} dir:shop --severity high -o gitlab")).out).unwrap();
    assert_eq!(filtered["vulnerabilities"].as_array().unwrap().len(), 1);
    let broken: Value =
        serde_json::from_str(&Room::with_broken().check(&format!("{SCAN} rootfs:broken -o gitlab"), 13, &[]).out)
            .unwrap();
    assert_eq!(broken["scan"]["messages"][0]["level"], "warn");
}

#[test]
fn github() {
    let room = Room::with_shop();
    let mut command = room.command(&format!("{SCAN} dir:shop -o github"));
    command
        .env("GITHUB_SHA", "abc")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_JOB", "build")
        .env("GITHUB_RUN_ID", "7");
    let output = command.output().unwrap();
    let snapshot: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(snapshot["version"], 0);
    assert_eq!(snapshot["sha"], "abc");
    assert_eq!(snapshot["job"]["correlator"], "build");
    assert_eq!(snapshot["scanned"], "2026-01-16T00:00:00Z");
    let manifests = snapshot["manifests"].as_object().unwrap();
    assert_eq!(manifests["shop (debian)"]["resolved"].as_object().unwrap().len(), 2, "{manifests:#?}");
    let npm = &manifests["app/node_modules/sample-templates/package.json"];
    assert_eq!(npm["file"]["source_location"], "app/node_modules/sample-templates/package.json");
    let purl = "pkg:npm/sample-templates@2.4.0";
    assert_eq!(npm["resolved"][purl]["package_url"], purl);
    assert_eq!(npm["resolved"][purl]["scope"], "runtime");
}

#[test]
fn templates() {
    let room = Room::with_shop();
    room.file("rows.tpl", "{{ range .findings }}{{ .id }},{{ .name }},{{ join \"|\" .fixedIn }}\n{{ end }}");
    let run = room.check(&format!("{SCAN} dir:shop -o template --template @rows.tpl"), 0, &["CVE-2026-0001,"]);
    assert_eq!(run.out.lines().count(), 4, "{run}");
    room.check(
        &format!("{SCAN} dir:shop -o template=out.txt --template '{{{{ len .findings }}}} of {{{{ .subject.name }}}}'"),
        0,
        &[],
    );
    assert_eq!(room.read("out.txt"), "4 of shop");
    room.file("wrong.tpl", "a\n{{ frobnicate .x }}");
    room.check(
        &format!("{SCAN} dir:shop -o template --template wrong.tpl"),
        1,
        &["wrong.tpl:2: there is no function `frobnicate`"],
    );
    room.file("env.tpl", "{{ getEnv \"HOME\" }}");
    room.check(
        &format!("{SCAN} dir:shop -o template --template env.tpl"),
        1,
        &["`getEnv`: the variable `HOME` is refused"],
    );
    room.check(&format!("{SCAN} dir:shop -o template"), 2, &["needs `--template FILE`"]);
    room.check(&format!("{SCAN} dir:shop --template rows.tpl"), 2, &["needs `--output template`"]);
}

#[test]
fn a_baseline_leaves_what_is_new() {
    let room = Room::with_shop();
    room.check(&format!("{SCAN} dir:shop -o json=all.json"), 0, &[]);
    // Known: not counted, but shown; the malicious package counts all the same.
    let run = room.check(&format!("{SCAN} dir:shop --baseline all.json --fail-on true -o json"), 11, &[]);
    assert_eq!(run.ids(true).len(), 3, "{run}");
    assert_eq!(run.ids(false), ["MAL-2026-0001"], "{run}");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["baseline"]["known"], 3);
    assert_eq!(report["baseline"]["countedAgain"], 1);
    assert_eq!(report["findings"][1]["suppressed"]["kind"], "baseline");
    // A policy counts what is new, too: the known exploited one was known.
    room.file("kev.yaml", "apiVersion: signet.dev/v1\nkind: TrustPolicy\nmetadata: { name: ours }\nspec:\n  vulnerabilities:\n    deny: 'kev'\n");
    room.check(&format!("{SCAN} dir:shop --policy kev.yaml"), 10, &[]);
    room.check(&format!("{SCAN} dir:shop --policy kev.yaml --baseline all.json"), 0, &["decision: allow"]);
    // What became known to be exploited since counts again.
    let mut before = room.json("all.json");
    for finding in before["findings"].as_array_mut().unwrap() {
        finding.as_object_mut().unwrap().remove("kev");
    }
    room.file("before.json", &before.to_string());
    room.check(
        &format!("{SCAN} dir:shop --policy kev.yaml --baseline before.json"),
        10,
        &["2 more count all the same"],
    );
    // What is gone is listed, in every format that has a place for it.
    std::fs::remove_dir_all(room.path("shop/app/node_modules/sample-templates")).unwrap();
    for (format, needle) in [
        ("table", "fixed: high"),
        ("json", "\"fixed\": ["),
        ("markdown", "fixed: high"),
        ("html", "Since the baseline"),
        ("sarif", "\"baselineState\": \"unchanged\""),
        ("junit", "fixed since all.json"),
        ("gitlab", "1 fixed since"),
    ] {
        room.check(&format!("{SCAN} dir:shop --baseline all.json -o {format}"), 0, &[needle]);
    }
}

#[test]
fn a_broken_baseline_is_no_empty_one() {
    let room = Room::with_shop();
    room.check("sbom dir:shop -o json=sbom.json", 0, &[]);
    room.file("text", "no report");
    room.file("other.json", "{\"a\": 1}");
    room.file("future.json", "{\"schemaVersion\": 2, \"tool\": {\"name\": \"signet\"}}");
    room.file("broken.json", "{\"schemaVersion\": 1, \"tool\": {\"name\": \"signet\"}, \"subject\": {\"kind\": \"file\", \"name\": \"x\"}, \"packages\": [], \"findings\": [{\"package\": 3}]}");
    for (file, needle) in [
        ("missing.json", "cannot use the baseline `missing.json`"),
        ("text", "it is no JSON"),
        ("other.json", "neither of Signet nor of Trivy"),
        ("future.json", "schema version 2"),
        ("broken.json", "finding 0"),
        ("sbom.json", "holds packages and no findings"),
    ] {
        room.check(&format!("{SCAN} dir:shop --baseline {file}"), 1, &[needle]);
    }
}

#[test]
fn a_report_is_read_back_as_it_was() {
    let room = Room::with_shop();
    room.check(&format!("{SCAN} dir:shop -o json=a.json"), 0, &[]);
    let run = room.check("diff a.json a.json --offline", 0, &["0 came, 0 went, 0 changed"]);
    insta::assert_snapshot!(run.out, @r"
    shop -> shop

    packages: 0 came, 0 went, 0 changed, 4 the same

    findings: 0 came, 0 went, 0 changed, 4 the same
    ");
    // The source itself against its report: what is read back is what was written.
    room.check(
        "diff a.json dir:shop --offline --db builtin:sample",
        0,
        &["packages: 0 came, 0 went, 0 changed, 4", "findings: 0 came, 0 went, 0 changed, 4"],
    );
}

#[test]
fn differences() {
    let room = Room::with_shop();
    room.check(&format!("{SCAN} dir:shop -o json=before.json"), 0, &[]);
    room.check("sbom dir:shop -o cyclonedx-json=before.cdx.json -o spdx-json=before.spdx.json", 0, &[]);
    room.file("shop/var/lib/dpkg/status", &(stanza("sample-tls", "3.0.11-1") + &stanza("sample-zip", "1.2.13-1")));
    std::fs::remove_dir_all(room.path("shop/app/node_modules/sample-templates")).unwrap();
    room.file("shop/app/node_modules/new/package.json", "{\"name\": \"new\", \"version\": \"1.0.0\"}");
    let run = room.check("diff before.json dir:shop --offline --db builtin:sample", 0, &[]);
    insta::assert_snapshot!(run.out);
    let json: Value =
        serde_json::from_str(&room.run("diff before.json dir:shop --offline --db builtin:sample -o json").out).unwrap();
    assert_eq!(json["packages"]["came"][0]["name"], "new");
    assert_eq!(json["packages"]["changed"][0]["before"][0], "3.0.9-1");
    assert_eq!(json["findings"]["went"].as_array().unwrap().len(), 2);
    room.check(
        "diff before.json dir:shop --offline --db builtin:sample -o markdown",
        0,
        &["| went | critical | CVE-2026-0001 |", "### Packages"],
    );
    // SBOMs against the directory; and the other way round something came, which can be gated.
    for sbom in ["before.cdx.json", "before.spdx.json"] {
        room.check(
            &format!("diff {sbom} dir:shop --packages-only"),
            0,
            &["packages: 1 came, 1 went, 1 changed, 2 the same", "findings: not compared"],
        );
        room.check(
            &format!("diff dir:shop {sbom} --offline --db builtin:sample --fail-on 'severity >= critical'"),
            11,
            &["findings: 2 came", "1 of those that came at or above"],
        );
    }
    room.check("diff before.json dir:shop --offline --db builtin:sample --fail-on true", 0, &["0 of those that came"]);
    // A report without findings cannot be compared with one that has some.
    room.check("sbom dir:shop -o json=sbom.json", 0, &[]);
    room.check("diff before.json sbom.json", 13, &["`shop` holds no findings"]);
    room.check("diff before.json sbom.json --packages-only", 0, &["not compared"]);
    room.check("diff before.json nowhere:x --packages-only --offline", 1, &[]);
    room.check("diff before.json", 2, &[]);
}

#[test]
fn licences() {
    let room = Room::new();
    for (name, licence) in
        [("a", "MIT"), ("b", "GPL-3.0-only"), ("c", "(MIT OR GPL-3.0-only)"), ("d", "AGPL-3.0-only"), ("e", "Our Own")]
    {
        let package = format!("{{\"name\": \"{name}\", \"version\": \"1.0.0\", \"license\": \"{licence}\"}}");
        room.file(&format!("app/node_modules/{name}/package.json"), &package);
    }
    let scan = format!("{SCAN} dir:app --scanners vuln,license");
    let run = room.check(&scan, 0, &["0 denied"]);
    insta::assert_snapshot!(run.out.split("no findings").last().unwrap());
    room.check(&format!("{scan} --license-deny restricted,forbidden"), 11, &["5 licences, 2 denied, 0 ignored"]);
    room.check(
        &format!("{scan} --license-deny forbidden --ignored-licenses AGPL-3.0-only"),
        0,
        &["4 licences, 0 denied, 1 ignored"],
    );
    room.check(&format!("{scan} --license-deny mit -o sarif"), 11, &["licence-notice", "which is denied"]);
    room.check(&format!("{scan} --license-deny mit -o junit"), 11, &["the licence is denied"]);
    let report: Value = serde_json::from_str(&room.check(&format!("{scan} -o json"), 0, &[]).out).unwrap();
    assert_eq!(report["licenses"][0]["category"], "forbidden");
    assert_eq!(report["licenses"].as_array().unwrap().len(), 5);
    room.check(&format!("{SCAN} dir:app --license-deny mit"), 2, &["need `--scanners vuln,license`"]);
    room.check(&format!("{SCAN} dir:app --scanners license"), 2, &["needs `vuln`"]);
}

/// An image of a base with one package and a layer of its own, which rewrites the package list and brings another.
fn image(room: &Room) -> Vec<String> {
    let base = LayerBuilder::new()
        .file("etc/os-release", crate::harness::OS_RELEASE.as_bytes())
        .file("var/lib/dpkg/status", stanza("sample-tls", "3.0.9-1").as_bytes());
    let own = LayerBuilder::new()
        .file("var/lib/dpkg/status", (stanza("sample-tls", "3.0.9-1") + &stanza("sample-zip", "1.2.13-1")).as_bytes())
        .file(
            "app/node_modules/sample-templates/package.json",
            b"{\"name\": \"sample-templates\", \"version\": \"2.4.0\"}",
        );
    let (base, own) = (base.finish(), own.finish());
    let write = |name: &str, image: &signet_image::build::BuiltImage| {
        for (path, content) in image.oci_layout(Some("latest")) {
            room.file(&format!("{name}/{path}"), "");
            std::fs::write(room.path(&format!("{name}/{path}")), content).unwrap();
        }
    };
    write("base", &ImageBuilder::new().layer(base.clone(), Compression::Gzip, "ADD rootfs").build());
    let whole = ImageBuilder::new()
        .layer(base, Compression::Gzip, "ADD rootfs")
        .layer(own, Compression::Gzip, "RUN apt-get")
        .build();
    write("app", &whole);
    whole.layers.iter().map(|layer| layer.digest.to_string()).collect()
}

#[test]
fn own_and_inherited() {
    let room = Room::new();
    let layers = image(&room);
    let scan = format!("{SCAN} oci-dir:app --platform linux/amd64");
    let check = |base: &str| {
        let run = room.check(&format!("{scan} --base {base} -o json"), 0, &[]);
        let report: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!(report["base"]["layers"], 1, "{run}");
        let origins: Vec<(&str, &str)> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| (finding["name"].as_str().unwrap(), finding["origin"].as_str().unwrap()))
            .collect();
        // The list of packages was written again by the own layer, and what the base brought is the base's still.
        assert_eq!(origins, [("sample-tls", "base"), ("sample-zip", "own"), ("sample-templates", "own")], "{run}");
    };
    check("oci-dir:base");
    check(&layers[0]);
    let table = room.check(&format!("{scan} --base oci-dir:base"), 0, &["2 of this image's own, 1 from its base"]);
    assert!(table.out.contains("FROM"), "{table}");
    room.check(
        &format!("{scan} --base oci-dir:base --fail-on '!base && fixed && severity >= critical'"),
        0,
        &["nothing reaches it"],
    );
    room.check(&format!("{scan} --base oci-dir:base -o html"), 0, &["By layer", "only own", "base image"]);
    room.check(&format!("{scan} --base oci-dir:base -o markdown"), 0, &["1 from its base"]);
    // Another image is no base, and what is no image has none.
    room.check(
        &format!("{SCAN} oci-dir:base --platform linux/amd64 --base oci-dir:app"),
        1,
        &["is not the base of this image"],
    );
    room.check(&format!("{scan} --base sha256:{}", "0".repeat(64)), 1, &["no layer of the image has the digest"]);
    let shop = Room::with_shop();
    shop.check(&format!("{SCAN} dir:shop --base x"), 2, &["`--base` is for images"]);
}
