//! `signet trivy`, also under the name `trivy`: an image with findings is gated, out of a layout and out of an archive.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use signet_image::Compression;
use signet_image::build::{BuiltImage, ImageBuilder, LayerBuilder};

use super::bolt::{bolt_file, bucket, value};

/// A Trivy database with one fixed CRITICAL, one unfixed CRITICAL and one HIGH.
pub(crate) fn database() -> Vec<u8> {
    let source = r#"{"ID":"debian","Name":"Debian Security Tracker","URL":"https://example.org/debian"}"#;
    let severity = |number: u8| -> &'static str {
        // The writer of test databases wants texts that live on.
        match number {
            4 => r#"{"Title":"bad","Description":"worse","VendorSeverity":{"debian":4,"nvd":4}}"#,
            _ => r#"{"Title":"bad","Description":"worse","VendorSeverity":{"debian":3,"nvd":3}}"#,
        }
    };
    bolt_file(&[
        ("data-source", bucket(&[("debian 12", value(source))])),
        (
            "debian 12",
            bucket(&[
                ("curl", bucket(&[("CVE-2099-0003", value(r#"{"FixedVersion":"8.0-1"}"#))])),
                ("openssl", bucket(&[("CVE-2099-0001", value(r#"{"FixedVersion":"3.0.9-1"}"#))])),
                ("zlib", bucket(&[("CVE-2099-0002", value(r#"{"Status":2}"#))])),
            ]),
        ),
        (
            "vulnerability",
            bucket(&[
                ("CVE-2099-0001", value(severity(4))),
                ("CVE-2099-0002", value(severity(4))),
                ("CVE-2099-0003", value(severity(3))),
            ]),
        ),
    ])
}

/// A Debian image with these versions; what is not named is not installed.
pub(crate) fn image(packages: &[(&str, &str, &str)]) -> BuiltImage {
    image_of("12", packages)
}

fn image_of(release: &str, packages: &[(&str, &str, &str)]) -> BuiltImage {
    let status: String = packages
        .iter()
        .map(|(name, source, version)| {
            format!(
                "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nSource: {source}\nVersion: {version}\n\
                 Maintainer: Somebody <somebody@example.org>\nDescription: a package\n\n"
            )
        })
        .collect();
    let layer = LayerBuilder::new()
        .file("etc/os-release", format!("ID=debian\nVERSION_ID=\"{release}\"\nNAME=\"Debian GNU/Linux\"\n").as_bytes())
        .file("var/lib/dpkg/status", status.as_bytes())
        .finish();
    ImageBuilder::new().layer(layer, Compression::Gzip, "test").build()
}

pub(crate) const CURL: (&str, &str, &str) = ("libcurl4", "curl", "7.88.1-10");
pub(crate) const OLD: (&str, &str, &str) = ("libssl3", "openssl", "3.0.7-1");
const NEW: (&str, &str, &str) = ("libssl3", "openssl", "3.0.9-1");
pub(crate) const ZLIB: (&str, &str, &str) = ("zlib1g", "zlib", "1:1.2.13-1");

struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Stage {
        let stage = Stage(tempfile::tempdir().unwrap());
        let folder = stage.path("cache/db");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("trivy.db"), database()).unwrap();
        let metadata = r#"{"Version":2,"NextUpdate":"3000-01-01T00:00:00Z","UpdatedAt":"2024-01-01T00:00:00Z"}"#;
        std::fs::write(folder.join("metadata.json"), metadata).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The image as OCI layout and as docker archive: their paths.
    fn put(&self, image: &BuiltImage) -> [String; 2] {
        for (name, bytes) in image.oci_layout(Some("latest")) {
            let path = self.path("layout").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::write(self.path("image.tar"), image.docker_archive(&["example.org/team/app:1"])).unwrap();
        ["layout".to_owned(), "image.tar".to_owned()]
    }

    fn run(&self, program: &Path, args: &[&str]) -> Output {
        Command::new(program)
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("TRIVY_CACHE_DIR", self.path("cache"))
            .env("SIGNET_OFFLINE", "true")
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .output()
            .unwrap()
    }

    fn signet(&self, args: &[&str]) -> Output {
        let args: Vec<&str> = std::iter::once("trivy").chain(args.iter().copied()).collect();
        self.run(Path::new(env!("CARGO_BIN_EXE_signet")), &args)
    }

    #[track_caller]
    fn check(&self, args: &[&str], code: i32) -> Output {
        let output = self.signet(args);
        let talk = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{talk}");
        output
    }
}

fn ids(output: &Output) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = report["Results"].as_array().into_iter().flatten();
    let rows = rows.flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten());
    rows.map(|row| row["VulnerabilityID"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_gate_opens_and_closes_as_trivys() {
    let stage = Stage::new();
    let gate =
        ["image", "--skip-db-update", "--scanners", "vuln", "--exit-code", "1", "--severity", "CRITICAL", "--input"];
    let gate = |input: &str, more: &[&str], code: i32| {
        let args: Vec<&str> = gate.iter().copied().chain([input]).chain(more.iter().copied()).collect();
        stage.check(&args, code)
    };
    for input in stage.put(&image(&[CURL, OLD, ZLIB])) {
        let found = ids(&gate(&input, &["-f", "json"], 1));
        assert_eq!(found, ["CVE-2099-0001", "CVE-2099-0002"], "{input}");
        gate(&input, &["--ignore-unfixed"], 1);
        gate(&input, &["--ignore-unfixed=false"], 1);
    }
    for input in stage.put(&image(&[CURL, NEW, ZLIB])) {
        gate(&input, &[], 1);
        gate(&input, &["--ignore-unfixed"], 0);
        gate(&input, &["--ignore-status", "affected"], 0);
    }
    std::fs::write(stage.path(".trivyignore"), "# accepted\nCVE-2099-0002\n").unwrap();
    gate("image.tar", &[], 0);
    let shown = gate("image.tar", &["--show-suppressed", "-f", "json"], 0);
    let report: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let modified = &report["Results"][0]["ExperimentalModifiedFindings"][0];
    assert_eq!((&modified["Status"], &modified["Source"]), (&"ignored".into(), &".trivyignore".into()));
    std::fs::remove_file(stage.path(".trivyignore")).unwrap();
    for input in stage.put(&image(&[NEW])) {
        let found =
            ids(&stage.check(&["i", "--skip-db-update", "-f", "json", "--exit-code", "1", "--input", &input], 0));
        assert!(found.is_empty(), "{input}: {found:?}");
    }
}

#[test]
fn under_the_name_trivy() {
    let stage = Stage::new();
    stage.put(&image(&[OLD]));
    let program = stage.path("trivy");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signet"), &program).unwrap();
    let args = [
        "-q",
        "--cache-dir",
        "cache",
        "image",
        "--exit-code",
        "7",
        "-f",
        "json",
        "--skip-db-update",
        "--input",
        "layout",
    ];
    let output = stage.run(&program, &args);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &report["Results"][0]["Vulnerabilities"][0];
    assert_eq!(report["ArtifactType"], "container_image");
    assert_eq!(report["Results"][0]["Target"], "layout (debian 12)");
    assert_eq!(row["PkgIdentifier"]["PURL"], "pkg:deb/debian/libssl3@3.0.7-1?arch=amd64&distro=debian-12");
    assert_eq!(row["PrimaryURL"], "https://avd.aquasec.com/nvd/cve-2099-0001");
    assert_eq!(row["SeveritySource"], "debian");
    // The scanner for secrets is asked for by default, and is not there.
    assert_eq!(report["Unexamined"][0]["By"], "trivy");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the scanner `secret` is not in this version"));
}

#[test]
fn a_report_is_converted() {
    let stage = Stage::new();
    stage.put(&image(&[OLD, ZLIB]));
    let scan =
        ["image", "--skip-db-update", "--scanners", "vuln", "-f", "json", "-o", "report.json", "--input", "image.tar"];
    stage.check(&scan, 0);
    let again = stage.check(&["convert", "report.json", "-f", "json"], 0);
    assert_eq!(again.stdout, std::fs::read(stage.path("report.json")).unwrap(), "nothing is lost");
    stage.check(&["convert", "report.json", "--ignore-unfixed", "--exit-code", "3"], 3);
    for (format, part) in [
        ("table", "CVE-2099-0002"),
        ("sarif", "\"CVE-2099-0002\""),
        ("cyclonedx", "pkg:deb/debian/libssl3@3.0.7-1?arch=amd64&distro=debian-12"),
        ("spdx-json", "libssl3"),
        ("cosign-vuln", "scanStartedOn"),
    ] {
        let output = stage.check(&["convert", "report.json", "--format", format], 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains(part), "{format}");
    }
}

#[test]
fn errors_are_trivys_errors() {
    let stage = Stage::new();
    for args in [
        &["image", "--no-such-flag", "x"][..],
        &["image", "--skip-db-update"],
        &["fs", "--skip-db-update", "not-there"],
        &["fs", "--scanners", "nothing", "."],
        &["image", "--format", "nothing", "--input", "x"],
        &["--cache-dir", "empty", "fs", "--skip-db-update", "."],
        &["convert", "cache/db/metadata.json"],
    ] {
        stage.check(args, 1);
    }
    let first = stage.signet(&["--cache-dir", "empty", "fs", "--skip-db-update", "."]);
    let talk = String::from_utf8_lossy(&first.stderr);
    assert!(talk.contains("FATAL") && talk.contains("--skip-db-update cannot be specified on the first run"), "{talk}");
}

#[test]
fn a_system_past_its_life_is_told_before_findings() {
    let stage = Stage::new();
    let gate =
        ["image", "--skip-db-update", "--scanners", "vuln", "--exit-code", "3", "-f", "json", "-o", "report.json"];
    let gate = |more: &[&str], code: i32| {
        let args: Vec<&str> =
            gate.iter().copied().chain(["--input", "image.tar"]).chain(more.iter().copied()).collect();
        stage.check(&args, code);
        let bytes = std::fs::read(stage.path("report.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["Metadata"]["OS"]["EOSL"].clone()
    };
    stage.put(&image(&[OLD]));
    assert_eq!(gate(&["--exit-on-eol", "5"], 3), serde_json::Value::Null);
    stage.put(&image_of("8", &[OLD]));
    assert_eq!(gate(&["--exit-on-eol", "5"], 5), true);
    gate(&[], 0);
    stage.check(&["convert", "report.json", "-f", "json", "--exit-on-eol", "6"], 6);
}

#[test]
fn vex_repositories_are_asked_in_order() {
    let stage = Stage::new();
    let write = |path: &str, text: &str| {
        let path = stage.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let document = |status: &str, id: &str| {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex","author":"A","timestamp":"2023-01-01T00:00:00Z","version":1,
            "statements":[{{"vulnerability":{{"name":"{id}"}},"products":[{{"@id":"pkg:deb/debian/libssl3"}}],"status":"{status}",
            "justification":"vulnerable_code_not_present"}}]}}"#
        )
    };
    let index = |name: &str, package: &str| {
        write(
            &format!("cache/vex/repositories/{name}/0.1/index.json"),
            &format!(r#"{{"version":1,"packages":[{{"ID":"{package}","Location":"./doc.json"}}]}}"#),
        );
    };
    stage.put(&image(&[OLD]));
    let gate = [
        "image",
        "--skip-db-update",
        "--scanners",
        "vuln",
        "--exit-code",
        "3",
        "--input",
        "image.tar",
        "--vex",
        "repo",
    ];
    // Statements that were asked for and are not there stop the run.
    stage.check(&[&gate[..], &["--skip-vex-repo-update"]].concat(), 1);
    index("second", "pkg:deb/debian/libssl3");
    write("cache/vex/repositories/second/0.1/doc.json", &document("not_affected", "CVE-2099-0001"));
    let config = "repositories:\n  - {name: idle, enabled: false}\n  - {name: first, enabled: true}\n  - {name: second, enabled: true}\n";
    write(".trivy/vex/repository.yaml", config);
    index("first", "pkg:deb/debian/zlib1g");
    write("cache/vex/repositories/first/0.1/doc.json", &document("affected", "CVE-2099-0001"));
    stage.check(&gate, 0);
    // The first that knows the package speaks, also when it says nothing that helps.
    index("first", "pkg:deb/debian/libssl3");
    stage.check(&gate, 3);
    let by_path =
        ["image", "--skip-db-update", "--scanners", "vuln", "--exit-code", "3", "--input", "image.tar", "--vex"];
    stage.check(&[&by_path[..], &["cache/vex/repositories/second"]].concat(), 0);
    stage.check(&[&by_path[..], &["oci"]].concat(), 1);
}

#[test]
fn statements_to_which_an_sbom_refers_are_read() {
    let stage = Stage::new();
    let sbom = |references: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{{"type":"operating-system","name":"debian","version":"12"}},
            {{"type":"library","name":"libssl3","version":"3.0.8-1","purl":"pkg:deb/debian/libssl3@3.0.8-1?distro=debian-12&upstream=openssl"}}],
            "externalReferences":[{references}]}}"#
        );
        std::fs::create_dir_all(stage.path("sboms/more")).unwrap();
        std::fs::write(stage.path("sboms/a.json"), text).unwrap();
    };
    let refers = |url: &str, more: &str| format!(r#"{{"type":"exploitability-statement","url":"{url}"{more}}}"#);
    let document = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex","author":"A","timestamp":"2023-01-01T00:00:00Z","version":1,
        "statements":[{"vulnerability":{"name":"CVE-2099-0001"},"products":[{"@id":"pkg:deb/debian/libssl3"}],"status":"not_affected",
        "justification":"vulnerable_code_not_present"}]}"#;
    let gate = ["sbom", "--skip-db-update", "--exit-code", "3", "--vex", "sbom-ref", "sboms/a.json"];
    let told = |code: i32, words: &str| {
        let output = stage.check(&gate, code);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(talk.contains(words), "no `{words}` in\n{talk}");
    };
    sbom("");
    told(3, "refers to no VEX document");
    std::fs::write(stage.path("sboms/more/vex.json"), document).unwrap();
    std::fs::write(stage.path("outside.json"), document).unwrap();
    sbom(&refers("./more/vex.json", ""));
    stage.check(&gate, 0);
    let shown = stage.check(&[&gate[..], &["-f", "json", "--show-suppressed"]].concat(), 0);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("nobody checked who says so"));
    stage.check(&["sbom", "--skip-db-update", "--exit-code", "3", "sboms/a.json"], 3);
    let hash = |hash: &str| refers("more/vex.json", &format!(r#","hashes":[{{"alg":"SHA-256","content":"{hash}"}}]"#));
    let digest = signet_model::Digest::sha256(document.as_bytes()).to_string();
    sbom(&hash(digest.strip_prefix("sha256:").unwrap()));
    stage.check(&gate, 0);
    sbom(&hash(&"0".repeat(64)));
    told(1, "is not the one that the SBOM states");
    // What was to be read and is not there, or not to be read, is no silence.
    for (url, words) in [
        ("more/gone.json", "cannot read `more/gone.json`"),
        ("../outside.json", "leads out of the folder"),
        ("/etc/hostname", "leads out of the folder"),
        ("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1", "only `https:` and files"),
        ("file:///etc/hostname", "only `https:` and files"),
        ("https://example.org/vex.json", "offline"),
    ] {
        sbom(&[refers("more/vex.json", ""), refers(url, "")].join(","));
        told(1, words);
    }
    stage.put(&image(&[OLD]));
    stage.check(&["image", "--skip-db-update", "--input", "image.tar", "--vex", "sbom-ref"], 1);
}

#[test]
fn a_config_file_sets_what_nobody_has_set() {
    let stage = Stage::new();
    stage.put(&image(&[OLD, ZLIB]));
    let gate = ["image", "--skip-db-update", "--input", "image.tar"];
    stage.check(&gate, 0);
    let text = "exit-code: 4\nformat: json\nscan:\n  scanners: [vuln]\nvulnerability:\n  ignore-unfixed: true\nunheard: {of: 1}\n";
    std::fs::write(stage.path("trivy.yaml"), text).unwrap();
    assert_eq!(ids(&stage.check(&gate, 4)), ["CVE-2099-0001"]);
    assert_eq!(ids(&stage.check(&[&gate[..], &["--ignore-unfixed=false", "--exit-code", "5"]].concat(), 5)).len(), 2);
    std::fs::rename(stage.path("trivy.yaml"), stage.path("other.yaml")).unwrap();
    stage.check(&gate, 0);
    stage.check(&[&["-c", "other.yaml"][..], &gate].concat(), 4);
    stage.check(&[&["-c", "not-there.yaml"][..], &gate].concat(), 1);
    std::fs::write(stage.path("other.yaml"), "exit-code: {a: b}\n").unwrap();
    stage.check(&[&["-c", "other.yaml"][..], &gate].concat(), 1);
    stage.check(&["image", "--generate-default-config"], 0);
    stage.check(&[&["-c", "trivy-default.yaml"][..], &gate].concat(), 0);
}

#[test]
fn a_table_is_trivys() {
    let stage = Stage::new();
    stage.put(&image(&[OLD]));
    let scan = ["image", "--skip-db-update", "--scanners", "vuln", "--input", "image.tar"];
    let text = |more: &[&str]| {
        let output = stage.check(&[&scan[..], more].concat(), 0);
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = text(&[]);
    assert!(whole.contains("\nReport Summary\n\n┌"), "{whole}");
    assert!(whole.contains("│ image.tar (debian 12) │ debian │        1        │"), "{whole}");
    let title = "\nimage.tar (debian 12)\n=====================\nTotal: 1 (UNKNOWN: 0, LOW: 0, MEDIUM: 0, HIGH: 0, CRITICAL: 1)\n\n┌";
    assert!(whole.contains(title), "{whole}");
    assert!(
        whole.contains("│ libssl3 │ CVE-2099-0001 │ CRITICAL │ fixed  │ 3.0.7-1           │ 3.0.9-1       │ bad"),
        "{whole}"
    );
    assert!(!text(&["--table-mode", "summary"]).contains("Total: 1"));
    assert!(!text(&["--table-mode", "detailed"]).contains("Report Summary"));
    assert!(text(&["--severity", "HIGH,CRITICAL"]).contains("Total: 1 (HIGH: 0, CRITICAL: 1)"));
    stage.check(&[&scan[..], &["--table-mode", "nothing"]].concat(), 1);
}

/// In the manner of the templates that Trivy's users have: text for GitLab, XML, HTML, Security Hub.
#[test]
fn templates_see_what_those_of_trivy_see() {
    let stage = Stage::new();
    let [_, archive] = stage.put(&image(&[CURL, OLD, ZLIB]));
    let check = |template: &str, expected: &str| {
        let args = ["image", "--input", &archive, "--format", "template", "--template", template];
        let output = stage.check(&args, 0);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{template}");
    };
    check(
        "{{ range . }}{{ .Target | regexFind \"[^\\\\s]+\" }} {{ .Class }} {{ len .Misconfigurations }}{{ end }}",
        "image.tar os-pkgs 0",
    );
    check(
        "{{ $n := 0 }}{{ range . }}{{ range .Vulnerabilities }}{{ $n = sum $n 2 }}{{ if eq .Vulnerability.Severity \"CRITICAL\" }}{{ .PkgName }};{{ end }}{{ end }}{{ $n }}{{ end }}",
        "libssl3;zlib1g;6",
    );
    check(
        "{{ range . }}{{ range .Vulnerabilities }}{{ if .FixedVersion }}{{ list .VulnerabilityID .PkgName | join \" - \" | printf \"%q\" }}{{ (index .CVSS \"nvd\").V3Score }}{{ escapeXML .PkgPath }}{{ end }}{{ end }}{{ end }}",
        "\"CVE-2099-0003 - libcurl4\"0\"CVE-2099-0001 - libssl3\"0",
    );
    std::fs::write(stage.path("own.tpl"), "{{ range . }}{{ range .Vulnerabilities }}{{ .VulnerabilityID | sha1sum | trunc 4 }} {{ end }}{{ end }}{{ env \"AWS_REGION\" }}").unwrap();
    check("@own.tpl", "c6b8 2a98 87a3 ");
    let refused = |template: &str, needle: &str| {
        let output = stage.check(&["image", "--input", &archive, "--format", "template", "--template", template], 1);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(talk.contains(needle), "{template}: {talk}");
    };
    refused("@nowhere.tpl", "error retrieving template from path");
    refused("{{ env \"HOME\" }}", "is refused");
    refused("", "needs `--template`");
}
