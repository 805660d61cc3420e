//! `trivy server` and `--server`: our client, a client that speaks as Trivy's does, one that speaks JSON, and what goes wrong between them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::{Value, json};
use signet_twirp::cache::{BlobInfo, MissingBlobsRequest, MissingBlobsResponse, PutBlobRequest};
use signet_twirp::common::{Application, Os, Package, PackageInfo};
use signet_twirp::scanner::{ScanOptions, ScanRequest, ScanResponse};
use signet_twirp::{Body, Form, Limits, decode, encode};

use super::bolt::{bolt_file, bucket, value};
use super::trivy::{CURL, OLD, ZLIB, image};

fn database() -> Vec<u8> {
    let debian = r#"{"ID":"debian","Name":"Debian Security Tracker","URL":"https://example.org/debian"}"#;
    let npm = r#"{"ID":"ghsa","Name":"GitHub Security Advisory npm","URL":"https://example.org/npm"}"#;
    let bad = r#"{"Title":"bad","Description":"worse","Severity":"CRITICAL","VendorSeverity":{"debian":4,"nvd":4,"ghsa":3},
        "CVSS":{"nvd":{"V3Vector":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","V3Score":9.8}},"CweIDs":["CWE-79"],
        "References":["https://example.org/first","https://example.org/second"],
        "PublishedDate":"2024-01-02T03:04:05Z","LastModifiedDate":"2024-01-02T03:04:05.678Z"}"#;
    bolt_file(&[
        ("data-source", bucket(&[("debian 12", value(debian)), ("npm::GitHub Security Advisory npm", value(npm))])),
        (
            "debian 12",
            bucket(&[
                ("curl", bucket(&[("CVE-2099-0003", value(r#"{"FixedVersion":"8.0-1"}"#))])),
                ("openssl", bucket(&[("CVE-2099-0001", value(r#"{"FixedVersion":"3.0.9-1"}"#))])),
                ("zlib", bucket(&[("CVE-2099-0002", value(r#"{"Status":2}"#))])),
            ]),
        ),
        (
            "npm::GitHub Security Advisory npm",
            bucket(&[(
                "left-pad",
                bucket(&[(
                    "CVE-2099-0004",
                    value(r#"{"PatchedVersions":["1.3.0, 1.2.9"],"VulnerableVersions":["<1.2.9"]}"#),
                )]),
            )]),
        ),
        (
            "vulnerability",
            bucket(&[
                ("CVE-2099-0001", value(bad)),
                ("CVE-2099-0002", value(bad)),
                ("CVE-2099-0003", value(r#"{"Description":"only a text without a title"}"#)),
                ("CVE-2099-0004", value(bad)),
            ]),
        ),
    ])
}

/// A folder with a database, an image, a project and a root file system.
struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Stage {
        let stage = Stage(tempfile::tempdir().unwrap());
        let write = |name: &str, bytes: &[u8]| {
            let path = stage.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        write("cache/db/trivy.db", &database());
        write(
            "cache/db/metadata.json",
            br#"{"Version":2,"NextUpdate":"3000-01-01T00:00:00Z","UpdatedAt":"2024-01-01T00:00:00Z"}"#,
        );
        write("image.tar", &image(&[CURL, OLD, ZLIB]).docker_archive(&["example.org/team/app:1"]));
        let lock = json!({"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": {
            "": {"name": "app", "version": "1.0.0", "dependencies": {"left-pad": "1.2.0", "dep": "1.0.0"}},
            "node_modules/left-pad": {"version": "1.2.0", "license": "MIT"},
            "node_modules/dep": {"version": "1.0.0", "dependencies": {"left-pad": "1.2.0"}},
            "node_modules/dep/node_modules/left-pad": {"version": "1.1.0"},
        }});
        write("project/package-lock.json", lock.to_string().as_bytes());
        write("root/etc/os-release", b"ID=debian\nVERSION_ID=\"12\"\n");
        write("root/var/lib/dpkg/status", b"Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib\nVersion: 1:1.2.13-1\n\n");
        for (folder, version) in [("a", "1.2.0"), ("b", "1.2.0"), ("c", "1.3.0")] {
            let package = json!({"name": "left-pad", "version": version}).to_string();
            write(&format!("root/{folder}/node_modules/left-pad/package.json"), package.as_bytes());
        }
        write("vex.json", br#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/v","author":"x","timestamp":"2024-01-01T00:00:00Z","version":1,
            "statements":[{"vulnerability":{"name":"CVE-2099-0002"},"products":[{"@id":"pkg:deb/debian/zlib1g"}],"status":"not_affected","justification":"component_not_present"}]}"#);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
        command
            .arg("trivy")
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .stdin(Stdio::null());
        command
    }

    /// Without a server.
    fn alone(&self, args: &[&str]) -> Output {
        self.command(args).env("TRIVY_CACHE_DIR", self.path("cache")).env("SIGNET_OFFLINE", "true").output().unwrap()
    }

    /// As a client: with a cache of its own, in which there is no database.
    fn client(&self, server: &str, args: &[&str]) -> Output {
        self.command(args).env("TRIVY_CACHE_DIR", self.path("client")).env("TRIVY_SERVER", server).output().unwrap()
    }

    fn serve(&self, args: &[&str]) -> Served {
        let args: Vec<&str> =
            ["server", "--listen", "localhost:0", "--skip-db-update"].iter().chain(args).copied().collect();
        let mut child =
            self.command(&args).env("TRIVY_CACHE_DIR", self.path("cache")).stderr(Stdio::piped()).spawn().unwrap();
        let mut talk = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(talk.read_line(&mut line).unwrap() > 0, "the server ended: {said}");
            if let Some(rest) = line.split("Listening ").nth(1) {
                break rest.trim().trim_end_matches("...").to_owned();
            }
            said += &line;
        };
        Served { child, address, _talk: talk }
    }
}

/// A running server.
struct Served {
    child: Child,
    address: String,
    _talk: BufReader<ChildStderr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Served {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One request over a connection of its own: status, head, body.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_lowercase(), answer[end..].to_vec())
    }

    fn protobuf<A: Body>(&self, route: &str, request: &impl Body) -> A {
        let body = encode(Form::Protobuf, request).unwrap();
        let (status, head, body) =
            self.ask("POST", &format!("/twirp/{route}"), &[("Content-Type", "application/protobuf")], &body);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        assert!(head.contains("content-type: application/protobuf"), "{head}");
        decode(Form::Protobuf, &body, &Limits::default()).unwrap()
    }

    fn json(&self, route: &str, request: &Value) -> (u16, Value) {
        let path = format!("/twirp/{route}");
        let (status, _, body) =
            self.ask("POST", &path, &[("Content-Type", "application/json")], request.to_string().as_bytes());
        (status, serde_json::from_slice(&body).unwrap())
    }
}

#[track_caller]
fn well(output: &Output, code: i32) -> String {
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{talk}\n{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_server_gives_the_report_that_there_would_be_without_it() {
    let stage = Stage::new();
    let served = stage.serve(&[]);
    let check = |line: &str, found: usize| {
        let args: Vec<&str> = line.split(' ').collect();
        let alone = well(&stage.alone(&args), 5);
        let client = well(&stage.client(&served.url(), &args), 5);
        assert_eq!(client, alone, "{line}");
        assert_eq!(alone.matches("CVE-2099-").count() / alone.matches("avd.aquasec.com").count().max(1) > 0, found > 0);
        let ids = alone.matches("\"VulnerabilityID\"").count();
        assert!(!line.contains("json") || ids == found, "{line}: {ids} findings\n{alone}");
    };
    check("image --input image.tar --format json --exit-code 5", 3);
    check("image --input image.tar --format table --exit-code 5", 3);
    check("image --input image.tar --format sarif --exit-code 5", 3);
    check("image --input image.tar --format json --exit-code 5 --vex vex.json --show-suppressed", 3);
    check("image --input image.tar --format json --exit-code 5 --ignore-unfixed --list-all-pkgs=false", 2);
    check("fs project --format json --exit-code 5 --scanners vuln,license", 2);
    check("repo project --format json --exit-code 5 --scanners vuln", 2);
    check("rootfs root --format json --exit-code 5 --scanners vuln", 3);
    check("rootfs root --format json --exit-code 5 --scanners vuln --pkg-types library --vuln-severity-source ghsa", 2);
    // An SBOM of the image is judged as the image is.
    well(&stage.alone(&["image", "--input", "image.tar", "--format", "cyclonedx", "--output", "bom.json"]), 0);
    check("sbom bom.json --format json --exit-code 5", 3);
    // The client needs no database.
    assert!(!stage.path("client/db").exists() && !stage.path("client/signet/db").exists());
}

#[test]
fn a_client_of_trivy_is_answered() {
    let stage = Stage::new();
    let served = stage.serve(&["--cache-backend", "fs"]);
    let blobs = || vec!["sha256:base".to_owned(), "sha256:top".to_owned()];
    let asked = MissingBlobsRequest { artifact_id: "sha256:image".to_owned(), blob_ids: blobs() };
    let missing: MissingBlobsResponse = served.protobuf("trivy.cache.v1.Cache/MissingBlobs", &asked);
    assert_eq!((missing.missing_artifact, missing.missing_blob_ids), (true, blobs()));
    let zlib = Package {
        id: "zlib1g@1:1.2.13-1".to_owned(),
        name: "zlib1g".to_owned(),
        version: "1.2.13".to_owned(),
        release: "1".to_owned(),
        epoch: 1,
        src_name: "zlib".to_owned(),
        src_version: "1.2.13".to_owned(),
        src_release: "1".to_owned(),
        src_epoch: 1,
        ..Package::default()
    };
    let pad = |path: &str| Package {
        name: "left-pad".to_owned(),
        version: "1.2.0".to_owned(),
        file_path: path.to_owned(),
        ..Package::default()
    };
    let node = |path: &str| Application {
        r#type: "node-pkg".to_owned(),
        file_path: path.to_owned(),
        packages: vec![pad(path)],
    };
    let base = BlobInfo {
        schema_version: 2,
        os: Some(Os { family: "debian".to_owned(), name: "12.5".to_owned(), ..Os::default() }),
        package_infos: vec![PackageInfo { file_path: "var/lib/dpkg/status".to_owned(), packages: vec![zlib] }],
        applications: vec![node("a/package.json"), node("b/package.json")],
        digest: "sha256:blob1".to_owned(),
        diff_id: "sha256:layer1".to_owned(),
        // A file with a secret: `rule_id` is `aws`.
        secrets: vec![signet_twirp::common::Secret {
            filepath: "/key".to_owned(),
            findings: vec![vec![0x0a, 3, b'a', b'w', b's']],
        }],
        ..BlobInfo::default()
    };
    let top = BlobInfo {
        schema_version: 2,
        whiteout_files: vec!["b".to_owned()],
        diff_id: "sha256:layer2".to_owned(),
        ..BlobInfo::default()
    };
    for (id, info) in blobs().into_iter().zip([base, top]) {
        let put = PutBlobRequest { diff_id: id, blob_info: Some(info) };
        let _: signet_twirp::cache::Empty = served.protobuf("trivy.cache.v1.Cache/PutBlob", &put);
    }
    let missing: MissingBlobsResponse = served.protobuf("trivy.cache.v1.Cache/MissingBlobs", &asked);
    assert!(missing.missing_blob_ids.is_empty());
    drop(served);
    // What was sent outlives the server.
    let served = stage.serve(&[]);
    let request = |scanners: &[&str]| ScanRequest {
        target: "debian:12".to_owned(),
        artifact_id: "sha256:image".to_owned(),
        blob_ids: blobs(),
        options: Some(ScanOptions {
            pkg_types: vec!["os".to_owned(), "library".to_owned()],
            scanners: scanners.iter().map(|name| (*name).to_owned()).collect(),
            ..ScanOptions::default()
        }),
    };
    let answer: ScanResponse = served.protobuf("trivy.scanner.v1.Scanner/Scan", &request(&["vuln", "secret"]));
    let summary: Vec<(&str, &str, &str, Vec<&str>)> = answer
        .results
        .iter()
        .map(|result| {
            let found = result.vulnerabilities.iter().map(|found| found.vulnerability_id.as_str()).collect();
            (result.class.as_str(), result.r#type.as_str(), result.target.as_str(), found)
        })
        .collect();
    assert_eq!(
        summary,
        [
            ("os-pkgs", "debian", "debian:12 (debian 12.5)", vec!["CVE-2099-0002"]),
            ("lang-pkgs", "node-pkg", "Node.js", vec!["CVE-2099-0004"]),
            ("secret", "", "/key", vec![]),
        ]
    );
    let zlib = &answer.results[0].vulnerabilities[0];
    assert_eq!((zlib.installed_version.as_str(), zlib.status, zlib.severity), ("1:1.2.13-1", 2, 4));
    assert_eq!(zlib.layer.as_ref().unwrap().diff_id, "sha256:layer1");
    let names = zlib.pkg_identifier.clone().unwrap_or_default();
    assert!(names.purl.starts_with("pkg:deb/debian/zlib1g@1.2.13-1") && !names.uid.is_empty(), "{names:?}");
    let pad = &answer.results[1].vulnerabilities[0];
    assert_eq!((pad.pkg_path.as_str(), pad.fixed_version.as_str()), ("a/package.json", "1.3.0, 1.2.9"));
    let secret = &answer.results[2].secrets[0];
    assert!(secret.starts_with(&[0x0a, 3, b'a', b'w', b's', 0x52]), "the layer is added: {secret:?}");
    let answer: ScanResponse = served.protobuf("trivy.scanner.v1.Scanner/Scan", &request(&[]));
    assert!(answer.results.iter().all(|result| result.vulnerabilities.is_empty()), "nothing was asked for");

    // A blob that went away is no empty blob.
    let delete = json!({"blob_ids": ["sha256:top"]});
    assert_eq!(served.json("trivy.cache.v1.Cache/DeleteBlobs", &delete), (200, json!({})));
    let body = encode(Form::Protobuf, &request(&["vuln"])).unwrap();
    let path = "/twirp/trivy.scanner.v1.Scanner/Scan";
    let (status, head, body) = served.ask("POST", path, &[("Content-Type", "application/protobuf")], &body);
    let error: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, error["code"].as_str()), (500, Some("internal")), "{error}");
    assert!(head.contains("content-type: application/json") && error["msg"].to_string().contains("sha256:top"));
}

#[test]
fn json_is_spoken_too() {
    let stage = Stage::new();
    let served = stage.serve(&[]);
    let put = json!({"diffId": "one", "blobInfo": {"schemaVersion": 2, "applications": [
        {"type": "npm", "libraries": [{"name": "left-pad", "version": "1.2.0", "unheardOf": {"a": 1}}]}]}});
    assert_eq!(served.json("trivy.cache.v1.Cache/PutBlob", &put), (200, json!({})));
    let scan = json!({"target": "x", "artifact_id": "x", "blob_ids": ["one"],
        "options": {"vuln_type": ["library"], "security_checks": ["vuln"]}});
    let (status, answer) = served.json("trivy.scanner.v1.Scanner/Scan", &scan);
    assert_eq!(status, 200, "{answer}");
    let found = &answer["results"][0]["vulnerabilities"][0];
    assert_eq!(found["vulnerability_id"], "CVE-2099-0004");
    assert_eq!((&found["severity"], &found["severity_source"]), (&json!("HIGH"), &json!("ghsa")));
    assert_eq!(found["published_date"], "2024-01-02T03:04:05Z");
    assert_eq!(answer["os"], Value::Null);
}

#[test]
fn wrong_requests_are_told_why() {
    let stage = Stage::new();
    let served = stage.serve(&["--token", "open sesame"]);
    let token = ("Trivy-Token", "open sesame");
    let check = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], status: u16, needle: &str| {
        let (got, _, answer) = served.ask(method, path, headers, body);
        let answer = String::from_utf8(answer).unwrap();
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert!(answer.contains(needle), "{method} {path}: {answer}");
    };
    let scan = "/twirp/trivy.scanner.v1.Scanner/Scan";
    let form = ("Content-Type", "application/protobuf");
    check("GET", "/healthz", &[], b"", 200, "ok");
    check("GET", "/version", &[], b"", 200, "\"VulnerabilityDB\":{");
    check("POST", scan, &[form], b"", 401, r#"{"code":"unauthenticated","msg":"invalid token"}"#);
    check("POST", scan, &[form, ("Trivy-Token", "open sesamE")], b"", 401, "unauthenticated");
    check("GET", scan, &[token], b"", 404, "bad_route");
    check("POST", scan, &[token, ("Content-Type", "text/plain")], b"", 404, "unexpected Content-Type");
    check("POST", "/twirp/trivy.scanner.v1.Scanner/Else", &[token, form], b"", 404, "bad_route");
    check("POST", "/elsewhere", &[token, form], b"", 404, "twirp_invalid_route");
    check("POST", scan, &[token, form], b"\x0a\xff", 400, "malformed");
    check("POST", scan, &[token, form, ("Content-Encoding", "gzip")], b"\x1f\x8b", 400, "malformed");
    check("POST", "/twirp/trivy.cache.v1.Cache/PutBlob", &[token, form], b"", 400, "empty layer info");
    // Announced and never read.
    let mut stream = TcpStream::connect(&served.address).unwrap();
    let head = format!(
        "POST {scan} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTrivy-Token: open sesame\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 429 ") && answer.contains("resource_exhausted"), "{answer}");

    let run = |args: &[&str]| {
        let all: Vec<&str> = ["image", "--input", "image.tar"].iter().chain(args).copied().collect();
        stage.client(&served.url(), &all)
    };
    well(&run(&["--token", "open sesame"]), 0);
    let refused = run(&["--token", "wrong"]);
    assert_eq!(well(&refused, 1), "");
    let talk = String::from_utf8_lossy(&refused.stderr);
    assert!(talk.contains("FATAL") && talk.contains("unauthenticated") && !talk.contains("wrong"), "{talk}");
}

#[test]
fn other_headers_and_prefixes() {
    let stage = Stage::new();
    let served = stage.serve(&["--token", "t", "--token-header", "X-Token", "--path-prefix", "a/b"]);
    let run = |args: &[&str]| {
        let all: Vec<&str> = ["fs", "project"].iter().chain(args).copied().collect();
        stage.client(&served.url(), &all)
    };
    well(&run(&["--token", "t", "--token-header", "X-Token", "--path-prefix", "a/b"]), 0);
    well(&run(&["--custom-headers", "x-token: t", "--path-prefix", "a/b"]), 0);
    well(&run(&["--custom-headers", "x-token: t"]), 1);
    well(&run(&["--token", "t", "--path-prefix", "a/b"]), 1);
}

/// Answers every request with these bytes.
fn rogue(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut head = [0; 4096];
            let _read = stream.read(&mut head);
            let _sent = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn a_server_that_fails_is_never_a_clean_target() {
    let stage = Stage::new();
    let check = |server: &str, needle: &str| {
        let output = stage.client(server, &["image", "--input", "image.tar", "--format", "json"]);
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{server}: {talk}");
        assert!(output.stdout.is_empty(), "{server}: a report was written");
        assert!(talk.contains("FATAL") && talk.contains(needle), "{server}: {talk}");
    };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    check(&format!("http://{closed}"), "no connection to");
    check("localhost:4954", "`http://HOST:PORT`");
    check(&rogue("HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops"), "500: oops");
    check(
        &rogue("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"),
        "no Trivy server",
    );
    check(
        &rogue(
            "HTTP/1.1 200 OK\r\nContent-Type: application/protobuf\r\nContent-Length: 50\r\nConnection: close\r\n\r\n\u{8}\u{1}",
        ),
        "broke",
    );
    check(
        &rogue(
            "HTTP/1.1 200 OK\r\nContent-Type: application/protobuf\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\u{12}\u{7f}",
        ),
        "malformed",
    );
    check(
        &rogue("HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        "302",
    );
    // A finding about a package that was not sent: field 3 of the answer with `CVE-1` in `x`.
    check(
        &rogue(
            "HTTP/1.1 200 OK\r\nContent-Type: application/protobuf\r\nContent-Length: 16\r\nConnection: close\r\n\r\n\u{1a}\u{e}\u{12}\u{a}\u{a}\u{5}CVE-1\u{12}\u{1}x2\u{0}",
        ),
        "was not asked about",
    );
    let offline = stage
        .command(&["image", "--input", "image.tar", "--server", &format!("http://{closed}")])
        .env("TRIVY_CACHE_DIR", stage.path("client"))
        .env("SIGNET_OFFLINE", "true")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&offline.stderr).contains("the network is forbidden"));
    assert_eq!(offline.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn the_server_ends_in_good_order() {
    let stage = Stage::new();
    let mut served = stage.serve(&[]);
    // A connection that is open and idle does not hold it up.
    let _idle = TcpStream::connect(&served.address).unwrap();
    let id = served.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ended = served.child.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(TcpStream::connect(&served.address).is_err());
}
