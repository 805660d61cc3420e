//! The database built by feed, carried by file, through a registry, and by what changed.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use signet_model::{Digest, ImageRef};
use signet_oci_client::{BlobSource, BlockingClient, ClientOptions, CredentialConfig, media_type};

use crate::harness::{Room, Run};
use crate::peers::{Registry, peers, tool};

/// Wolfi's database, which may not be passed on.
const WOLFI: &str = r#"{"apkurl":"x","archs":["x86_64"],"reponame":"os","urlprefix":"https://packages.wolfi.dev",
    "packages":[{"pkg":{"name":"sample","secfixes":{"1.2.3-r0":["CVE-2026-0009"]}}}]}"#;

/// A record about npm's `left` below a version.
fn osv(id: &str, fixed: &str, modified: &str) -> String {
    json!({
        "schema_version": "1.6.0", "id": id, "modified": modified, "summary": format!("about {id} and {fixed}"),
        "affected": [{"package": {"ecosystem": "npm", "name": "left"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}]}],
    })
    .to_string()
}

/// A room with two feeds, one of which may not be passed on, and `sbom.json` with a vulnerable package.
fn room() -> Room {
    let room = Room::new();
    for n in 0..40 {
        room.file(&format!("osv/{n}.json"), &osv(&format!("CVE-2026-1{n:03}"), "2.0.0", "2026-01-15T00:00:00Z"));
    }
    room.file("wolfi.json", WOLFI);
    room.file(
        "sbom.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"left","version":"1.0.0","purl":"pkg:npm/left@1.0.0"}]}"#,
    );
    room.file("wolfi/etc/os-release", "ID=wolfi\nVERSION_ID=\"20230201\"\n");
    room.file("wolfi/lib/apk/db/installed", "P:sample\nV:1.2.2-r0\nA:x86_64\no:sample\n\n");
    room
}

fn bytes(room: &Room, path: &str) -> Vec<u8> {
    std::fs::read(room.path(path)).unwrap()
}

#[test]
fn only_the_feed_that_changed_is_read_again() {
    let room = room();
    let build = "db build -v --feed osv=osv --feed wolfi=wolfi.json";
    let first = room.check(&format!("{build} -o a.db"), 0, &["40 records"]);
    assert!(!first.talk.contains("nothing has changed"), "{first}");
    room.check(&format!("{build} -o a.db"), 0, &["nothing has changed since the database was built"]);

    room.file("osv/7.json", &osv("CVE-2026-1007", "3.0.0", "2026-01-15T00:00:00Z"));
    let second = room.check(&format!("{build} -o a.db"), 0, &["feed `wolfi`: nothing has changed", "40 records"]);
    assert!(!second.talk.contains("feed `osv`: nothing"), "{second}");
    room.check(&format!("{build} --cache-dir other -o fresh.db"), 0, &[]);
    assert!(bytes(&room, "a.db") == bytes(&room, "fresh.db"), "not what a full build gives");

    // What is kept of a feed is damaged: it is read anew, and nothing of it stays in the database.
    let kept: Vec<_> = std::fs::read_dir(room.path("home/.cache/signet/db/feeds")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 2, "what nothing needs any more is gone");
    for file in &kept {
        let mut damaged = std::fs::read(file.path()).unwrap();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0xff;
        std::fs::write(file.path(), damaged).unwrap();
    }
    room.check(&format!("{build} -o b.db"), 0, &["is read anew", "40 records"]);
    assert!(bytes(&room, "b.db") == bytes(&room, "fresh.db"));
}

#[test]
fn warnings_about_a_feed_are_not_lost_when_it_is_kept() {
    let room = Room::new();
    for n in 0..60 {
        room.file(&format!("osv/{n}.json"), &osv(&format!("CVE-2026-1{n:03}"), "2.0.0", "2026-01-15T00:00:00Z"));
    }
    room.file("osv/broken.json", "{");
    for n in 0..2 {
        room.check(&format!("db build --feed osv=osv -o {n}.db"), 0, &["1 records cannot be read", "broken.json"]);
    }
}

#[test]
fn what_may_not_be_passed_on_is_refused_or_left_out() {
    let room = room();
    room.check("db build --osv osv --feed wolfi=wolfi.json", 0, &["database:"]);
    room.check("scan --offline --skip-db-update dir:wolfi", 0, &["CVE-2026-0009"]);
    let refused = ["may not be passed on: `wolfi`", "`--redistributable-only` leaves it out"];
    room.check("--offline db export out.tar", 1, &refused);
    assert!(!room.path("out.tar").exists());
    room.check("--offline db push registry.example/db:1", 1, &refused);

    room.check("--offline db export out.tar --redistributable-only", 0, &["left out", "`wolfi`", "sha256:"]);
    room.check("--offline db export again.tar --redistributable-only", 0, &[]);
    assert!(bytes(&room, "out.tar") == bytes(&room, "again.tar"), "not the same bytes");

    room.check(
        "--offline --cache-dir other db import out.tar",
        0,
        &["database: 40 advisories", "local-file", "`wolfi`"],
    );
    let info = room.check("--cache-dir other db info -o json", 0, &[]);
    let info: Value = serde_json::from_str(&info.out).unwrap();
    assert_eq!(info["leftOut"][0]["name"], "wolfi");
    assert_eq!(info["origin"]["from"], "out.tar");
    assert_eq!(info["feeds"][0]["name"], "osv");
    let scan = "--offline --cache-dir other scan --skip-db-update";
    room.check(
        &format!("{scan} sbom:sbom.json"),
        0,
        &["CVE-2026-1007", "passed on without data that may not be: `wolfi`"],
    );
    // Nothing is known about it here, and that is not "nothing found".
    room.check(&format!("{scan} dir:wolfi"), 13, &[]);
    // A database that was received cannot be taken apart, and this one need not be.
    room.check("--offline --cache-dir other db export third.tar", 0, &[]);
    room.check("db build --feed wolfi=wolfi.json -o w.db", 0, &[]);
    std::fs::remove_file(room.path("w.db.inputs")).unwrap();
    room.check("db export w.tar --db w.db --redistributable-only", 1, &["was not built here"]);
}

#[test]
fn an_archive_is_believed_in_nothing() {
    let room = room();
    room.check("db build --osv osv", 0, &[]);
    room.check("db export out.tar", 0, &[]);
    room.check("--cache-dir other db import out.tar", 0, &[]);
    room.check("--cache-dir other db import out.tar", 0, &["the one that is installed"]);
    let installed = bytes(&room, "other/db/advisories.db");
    let whole = bytes(&room, "out.tar");
    let mut refused = 0;
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(room.path("damaged.tar"), damaged).unwrap();
        let run = room.run("--cache-dir third db import damaged.tar");
        match run.code {
            0 => assert!(bytes(&room, "third/db/advisories.db") == installed, "another database at {at}"),
            1 => refused += 1,
            _ => panic!("at {at}: {run}"),
        }
        let _ = std::fs::remove_dir_all(room.path("third"));
    }
    assert!(refused > 10, "{refused}");
    std::fs::write(room.path("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    room.check("--cache-dir third db import cut.tar", 1, &[]);
    assert!(!room.path("third/db/advisories.db").exists());
    room.check("db import sbom.json", 1, &["sbom.json"]);

    // Neighbours that install at once do not disturb each other, nor a reader.
    let children: Vec<_> =
        (0..4).map(|_| room.command("-q --cache-dir fourth db import out.tar").spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(bytes(&room, "fourth/db/advisories.db") == installed);
    room.check("--cache-dir fourth db info", 0, &["from out.tar"]);

    // Older data replaces nothing.
    let newer = room.path("osv/1.json");
    std::fs::write(newer, osv("CVE-2026-1001", "2.0.0", "2026-01-16T00:00:00Z")).unwrap();
    room.check("--cache-dir other db build --osv osv", 0, &[]);
    room.check("--cache-dir other db import out.tar", 1, &["older than the installed", "--allow-rollback"]);
    room.check("--cache-dir other db import out.tar --allow-rollback", 0, &[]);
}

#[test]
fn what_changed_makes_the_new_database() {
    let room = room();
    room.check("db build --osv osv -o old.db", 0, &[]);
    room.file("osv/7.json", &osv("CVE-2026-1007", "3.0.0", "2026-01-15T12:00:00Z"));
    room.check("db build --osv osv -o new.db", 0, &[]);
    room.check("db diff old.db new.db -o changed", 0, &["bytes, for a database of"]);
    room.check("db apply changed --db old.db -o made.db", 0, &["database: 40 advisories"]);
    assert!(bytes(&room, "made.db") == bytes(&room, "new.db"));
    room.check("db apply changed --db new.db -o other.db", 1, &["the difference is for the database"]);
    room.check("db apply changed", 1, &["there is no database"]);
    // In place, and not back again.
    std::fs::copy(room.path("old.db"), room.path("here.db")).unwrap();
    room.check("db apply changed --db here.db", 0, &[]);
    room.check("db info --db here.db", 0, &["from changed", "local-file"]);
    room.check("db diff new.db old.db -o back", 0, &[]);
    room.check("db apply back --db here.db", 1, &["--allow-rollback"]);
    let mut damaged = bytes(&room, "changed");
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    std::fs::write(room.path("damaged"), damaged).unwrap();
    room.check("db apply damaged --db old.db -o made.db", 1, &["cannot apply `damaged`"]);
    assert!(bytes(&room, "made.db") == bytes(&room, "new.db"), "the good one was replaced");
}

#[test]
fn a_registry_carries_the_database() {
    if !peers("a_registry_carries_the_database", &["docker-registry", "skopeo"]) {
        return;
    }
    let registry = Registry::start();
    let host = &registry.host;
    let room = room();
    room.check("db build --osv osv", 0, &[]);
    let pushed = room.check(&format!("db push {host}/team/db:1"), 0, &[]);
    let pinned = pushed.out.trim().to_owned();
    assert!(pinned.starts_with(&format!("{host}/team/db@sha256:")), "{pushed}");
    let again = room.check(&format!("db push {host}/team/db:2"), 0, &[]);
    assert_eq!(again.out, pushed.out, "the same bytes have the same digest");

    room.check(&format!("--cache-dir a db pull {host}/team/db:1"), 0, &["database: 40 advisories", "tls-only"]);
    let original = bytes(&room, "home/.cache/signet/db/advisories.db");
    assert!(bytes(&room, "a/db/advisories.db") == original);
    // The files were local to whoever compiled them, and nothing that came after makes that better.
    room.check("--cache-dir a db info", 0, &[&format!("from {host}/team/db:1"), "local-file"]);
    room.check(&format!("--cache-dir b db pull {pinned}"), 0, &["digest-pinned"]);
    let wrong = format!("{host}/team/db:1@sha256:{}", "0".repeat(64));
    room.check(&format!("--cache-dir b db pull {wrong}"), 1, &[]);
    room.check(&format!("--offline --cache-dir c db pull {pinned}"), 1, &["offline"]);
    room.check(&format!("db push {pinned}"), 1, &["give a tag"]);

    // Other tools take it as it is, and bring it back.
    let there = format!("docker://{host}/team/db:1");
    tool("skopeo", &["copy", "--quiet", "--src-tls-verify=false", &there, &archive(&room, "copy.tar")]);
    room.check("--cache-dir d db import copy.tar", 0, &[]);
    assert!(bytes(&room, "d/db/advisories.db") == original);
    room.check("db export out.tar", 0, &[]);
    let elsewhere = format!("docker://{host}/other/db:1");
    tool("skopeo", &["copy", "--quiet", "--dest-tls-verify=false", &archive(&room, "out.tar"), &elsewhere]);
    room.check(&format!("--cache-dir e db pull {host}/other/db:1"), 0, &["database: 40 advisories"]);
    assert!(bytes(&room, "e/db/advisories.db") == original);

    // With the old database, only what changed is fetched.
    std::fs::copy(room.path("a/db/advisories.db"), room.path("old.db")).unwrap();
    room.file("osv/7.json", &osv("CVE-2026-1007", "3.0.0", "2026-01-15T12:00:00Z"));
    room.check("db build --osv osv", 0, &[]);
    room.check(&format!("db push {host}/team/db:3 --since old.db"), 0, &[]);
    let newer = bytes(&room, "home/.cache/signet/db/advisories.db");
    room.check(
        &format!("-v --cache-dir a db pull {host}/team/db:3"),
        0,
        &["the difference from the installed database was taken"],
    );
    assert!(bytes(&room, "a/db/advisories.db") == newer);
    let whole = room.check(&format!("-v --cache-dir f db pull {host}/team/db:3"), 0, &[]);
    assert!(!whole.talk.contains("difference"), "{whole}");
    assert!(bytes(&room, "f/db/advisories.db") == newer);
    room.check(&format!("--cache-dir a db pull {host}/team/db:1"), 1, &["--allow-rollback"]);
    room.check(&format!("--cache-dir a db pull {host}/team/db:1 --allow-rollback"), 0, &[]);

    // An image is no database.
    push_image(&registry, "team/app:1", &[]);
    room.check(&format!("--cache-dir g db pull {host}/team/app:1"), 1, &["no database of Signet"]);
}

fn archive(room: &Room, name: &str) -> String {
    format!("oci-archive:{}", room.path(name).display())
}

fn client() -> BlockingClient {
    BlockingClient::new(ClientOptions::default(), CredentialConfig::default()).unwrap()
}

/// Pushes a manifest with blobs: the first is its configuration. `more` are further members of the manifest.
fn push(reference: &str, blobs: &[(&str, &[u8])], more: Value) -> Digest {
    let reference: ImageRef = reference.parse().unwrap();
    let client = client();
    let mut entries = Vec::new();
    for (kind, blob) in blobs {
        let digest = Digest::sha256(blob);
        client
            .push_blob(&reference, &digest, blob.len() as u64, None, BlobSource::Bytes(blob.to_vec().into()))
            .unwrap();
        entries.push(json!({"mediaType": kind, "digest": digest.to_string(), "size": blob.len()}));
    }
    let config = entries.remove(0);
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": entries,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.push_manifest(&reference, media_type::OCI_MANIFEST, manifest.to_string().into_bytes().into()).unwrap()
}

/// An image whose one layer is this tar stream.
fn push_image(registry: &Registry, name: &str, layer: &[u8]) -> Digest {
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(layer).to_string()]},
    });
    let config = config.to_string();
    let layer = ("application/vnd.oci.image.layer.v1.tar", layer);
    push(&format!("{}/{name}", registry.host), &[(media_type::OCI_CONFIG, config.as_bytes()), layer], json!({}))
}

fn tar(folder: &Path) -> Vec<u8> {
    let output = Command::new("tar").args(["-c", "-C"]).arg(folder).arg(".").output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// A statement in an envelope. The signature is nobody's.
fn attestation(about: &Digest, id: &str) -> Vec<u8> {
    use base64::Engine as _;
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://openvex.dev/ns/v0.2.0",
        "subject": [{"name": "app", "digest": {"sha256": about.hex()}}],
        "predicate": {
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": format!("https://example.com/{id}"), "author": "us",
            "timestamp": "2026-01-15T00:00:00Z", "version": 1,
            "statements": [{"vulnerability": {"name": id}, "products": [{"@id": "pkg:deb/debian/sample-tls"}, {"@id": "pkg:npm/sample-colours"}],
                "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"}],
        },
    });
    let payload = base64::engine::general_purpose::STANDARD.encode(statement.to_string());
    let envelope =
        json!({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "AAAA"}]});
    envelope.to_string().into_bytes()
}

#[track_caller]
fn hidden(run: &Run, expected: &[&str]) {
    assert_eq!(run.ids(true), expected, "{run}");
}

#[test]
fn statements_beside_an_image_are_read_when_they_are_asked_for() {
    if !peers("statements_beside_an_image", &["docker-registry", "tar"]) {
        return;
    }
    let registry = Registry::start();
    let host = &registry.host;
    let room = Room::with_shop();
    let image = push_image(&registry, "team/shop:1", &tar(&room.path("shop")));
    let scan = format!("scan --db builtin:sample -o json {host}/team/shop:1");
    hidden(&room.check(&scan, 0, &[]), &[]);
    hidden(&room.check(&format!("{scan} --vex oci"), 0, &["no VEX statement lies beside"]), &[]);

    // Cosign's tag.
    let dsse = "application/vnd.dsse.envelope.v1+json";
    let cosign = attestation(&image, "CVE-2026-0001");
    let tag = format!("{host}/team/shop:sha256-{}.att", image.hex());
    push(&tag, &[(media_type::OCI_CONFIG, b"{}"), (dsse, &cosign)], json!({}));
    // Not about this image, though it lies beside it.
    let other = attestation(&Digest::sha256(b"other"), "CVE-2026-0002");
    // A bundle under the fallback tag, because this registry has no list of referrers.
    let envelope: Value = serde_json::from_slice(&attestation(&image, "MAL-2026-0001")).unwrap();
    let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundle = json!({"mediaType": kind, "verificationMaterial": {}, "dsseEnvelope": envelope}).to_string();
    let referrer = format!("{host}/team/shop:referrer");
    let subject = json!({"mediaType": media_type::OCI_MANIFEST, "digest": image.to_string(), "size": 1});
    let digest = push(
        &referrer,
        &[("application/vnd.oci.empty.v1+json", b"{}"), (kind, bundle.as_bytes()), (dsse, &other)],
        json!({"artifactType": kind, "subject": subject}),
    );
    let size = client().manifest(&referrer.parse().unwrap()).unwrap().bytes.len();
    let index = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_INDEX,
        "manifests": [{"mediaType": media_type::OCI_MANIFEST, "digest": digest.to_string(), "size": size, "artifactType": kind}],
    });
    let fallback: ImageRef = format!("{host}/team/shop:sha256-{}", image.hex()).parse().unwrap();
    client().push_manifest(&fallback, media_type::OCI_INDEX, index.to_string().into_bytes().into()).unwrap();

    // Nobody asked: nothing of it counts.
    hidden(&room.check(&scan, 0, &[]), &[]);
    let asked = room.check(&format!("{scan} --vex oci"), 0, &["nobody checked who signed them"]);
    hidden(&asked, &["CVE-2026-0001", "MAL-2026-0001"]);
    let report: Value = serde_json::from_str(&asked.out).unwrap();
    let sources: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["suppressed"]["source"].as_str())
        .collect();
    assert_eq!(sources.len(), 2);
    assert!(sources.iter().all(|source| source.contains("unverified")), "{sources:?}");

    room.check("scan --db builtin:sample dir:shop --vex oci", 2, &["images of a registry"]);
    // What is VEX and cannot be read is no silence.
    let mut broken: Value = serde_json::from_slice(&cosign).unwrap();
    broken["payload"] = json!("%%%");
    push(&tag, &[(media_type::OCI_CONFIG, b"{}"), (dsse, broken.to_string().as_bytes())], json!({}));
    room.check(&format!("{scan} --vex oci"), 1, &["no base64"]);
}

/// Serves files of a folder on a port of this machine; what was asked for is counted.
struct Server {
    host: String,
    asked: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Server {
    fn start(folder: std::path::PathBuf) -> Server {
        use std::io::{BufRead as _, BufReader, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked: std::sync::Arc<std::sync::atomic::AtomicUsize> = std::sync::Arc::default();
        let count = std::sync::Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                let _rest = lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
                let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let (status, body) = match std::fs::read(folder.join(path)) {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = (&stream).write_all(head.as_bytes()).and_then(|()| (&stream).write_all(&body));
            }
        });
        Server { host, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[test]
fn repositories_of_statements_are_fetched_and_kept() {
    if !peers("repositories_of_statements", &["tar"]) {
        return;
    }
    let room = Room::with_shop();
    let server = Server::start(room.path("served"));
    let host = &server.host;
    room.file(
        "home/.trivy/vex/repository.yaml",
        &format!("repositories:\n  - {{name: ours, url: 'http://{host}/hub', enabled: true}}\n"),
    );
    room.file(
        "hub-main/index.json",
        r#"{"version":1,"packages":[{"id":"pkg:deb/debian/sample-tls","location":"pkg/vex.json"}]}"#,
    );
    room.file(
        "hub-main/pkg/vex.json",
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex","author":"A","timestamp":"2026-01-01T00:00:00Z","version":1,
        "statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:deb/debian/sample-tls"}],"status":"not_affected",
        "justification":"vulnerable_code_not_present"}]}"#,
    );
    std::fs::create_dir_all(room.path("served/hub")).unwrap();
    let at = |name: &str| room.path(name).display().to_string();
    tool("tar", &["-c", "-z", "-f", &at("served/hub/main.tar.gz"), "-C", &at("."), "hub-main"]);
    let manifest = |spec: &str| {
        json!({"name": "ours", "versions": [{"spec_version": spec, "update_interval": "24h",
            "locations": [{"url": format!("http://{host}/hub/gone.tar.gz")}, {"url": format!("http://{host}/hub/main.tar.gz//hub-main")}]}]})
        .to_string()
    };
    let scan = "scan --db builtin:sample -o json dir:shop --vex repo";
    room.check(&format!("--offline {scan}"), 1, &["must not be fetched"]);
    room.check(scan, 1, &["cannot fetch the VEX repository `ours`"]);
    room.file("served/hub/.well-known/vex-repository.json", &manifest("7"));
    room.check(scan, 1, &["nothing of version 0.1"]);
    room.file("served/hub/.well-known/vex-repository.json", &manifest("0.1"));
    hidden(&room.check(scan, 0, &[]), &["CVE-2026-0001"]);
    // It holds for a day.
    let before = server.asked();
    hidden(&room.check(scan, 0, &[]), &["CVE-2026-0001"]);
    hidden(&room.check(&format!("--offline {scan}"), 0, &[]), &["CVE-2026-0001"]);
    assert_eq!(server.asked(), before);
    // What has run out and cannot be had serves on, and that is told.
    std::fs::remove_dir_all(room.path("served")).unwrap();
    room.file("home/.cache/signet/vex/repositories/ours/updated", "1760000000 before\n");
    hidden(&room.check(scan, 0, &["could not be refreshed"]), &["CVE-2026-0001"]);
    assert!(server.asked() > before);
}

#[test]
fn packed_feeds_are_read() {
    if !peers("packed_feeds_are_read", &["bzip2", "xz", "tar"]) {
        return;
    }
    let room = room();
    room.check("db build --feed osv=osv -o plain.db", 0, &[]);
    let plain = room.check("db info --db plain.db", 0, &["40 advisories"]);
    assert!(plain.out.contains("40 advisories"));
    let at = |name: &str| room.path(name).display().to_string();
    tool("tar", &["-c", "-f", &at("osv.tar"), "-C", &at("osv"), "."]);
    tool("bzip2", &["-k", &at("osv.tar")]);
    tool("xz", &["-k", &at("osv.tar")]);
    tool("bzip2", &["-k", &at("osv/1.json")]);
    for (file, count) in [("osv.tar.bz2", 40), ("osv.tar.xz", 40), ("osv/1.json.bz2", 1)] {
        room.check(&format!("db build --feed osv={file} -o packed.db"), 0, &[&format!("database: {count} advisories")]);
    }
    let mut cut = bytes(&room, "osv.tar.xz");
    cut.truncate(cut.len() / 2);
    std::fs::write(room.path("cut.tar.xz"), cut).unwrap();
    room.check("db build --feed osv=cut.tar.xz -o packed.db", 1, &["cut.tar.xz"]);
}
