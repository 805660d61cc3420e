//! Whom the program trusts: chosen, fetched, kept, renewed after the verdict; a bad mirror, a crash and an old copy change nothing in silence.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::harness::{Room, Run};
use crate::repository::Published;
use crate::world::{ISSUER, Key, NAME, SIGNED, Says, World, b64, hex, pem, sha256};

/// A web server of a few lines: what it has, what it was asked for, and whether it answers at all.
#[derive(Clone, Default)]
struct Web {
    address: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    silent: Arc<Mutex<bool>>,
}

impl Web {
    fn start(files: &BTreeMap<String, Vec<u8>>) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let web = Web { address, files: Arc::new(Mutex::new(files.clone())), ..Web::default() };
        let own = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let web = own.clone();
                std::thread::spawn(move || web.answer(stream));
            }
        });
        web
    }

    fn answer(&self, mut stream: std::net::TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut first = String::new();
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                return;
            }
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            self.asked.lock().push(path.clone());
            if *self.silent.lock() {
                std::thread::sleep(Duration::from_secs(60));
                return;
            }
            let found = self.files.lock().get(&path).cloned();
            let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                return;
            }
        }
    }

    fn shows(&self, repository: &Published) {
        *self.files.lock() = repository.files.clone();
    }
}

/// An instance of our own: an authority, logs, a trusted root of them, a signed file, and the flags that ask for its signer.
struct Own {
    room: Room,
    repository: Published,
}

const FLAGS: &str = "--certificate-identity signer@example.com --certificate-oidc-issuer https://issuer.example.com";

impl Own {
    fn new() -> Own {
        let (room, world, key) = (Room::new(), World::new(), Key::new());
        room.file("root.pem", &pem("CERTIFICATE", &world.root));
        room.file("rekor.pub", &world.log.pem());
        room.file("ctfe.pub", &world.certificates.pem());
        let start = "start-time=2024-01-01T00:00:00Z";
        let made = room.check(
            &format!(
                "cosign trusted-root create --fulcio url=https://fulcio.example.com,certificate-chain=root.pem --rekor url=https://rekor.example.com,public-key=rekor.pub,{start} --ctfe url=https://ct.example.com,public-key=ctfe.pub,{start}"
            ),
            0,
            &["trustedroot+json;version=0.1", "PKIX_ECDSA_P256_SHA_256"],
        );
        room.file("trusted_root.json", &made.out);
        room.file("app.txt", "content");
        let certificate = world.issue(&key, &Says::default());
        assert_eq!((NAME, ISSUER), ("signer@example.com", "https://issuer.example.com"));
        let signature = key.sign(b"content");
        let entry = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(b"content"))}},
                "signature": {"content": b64(&signature), "publicKey": {"content": b64(pem("CERTIFICATE", &certificate))}},
            },
        });
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(&certificate)}, "tlogEntries": [world.enter(&entry, SIGNED).in_bundle(true)],
            },
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(b"content"))}, "signature": b64(&signature),
            },
        });
        room.file("app.sigstore.json", &bundle.to_string());
        let repository = Published::new(made.out.as_bytes());
        let own = Own { room, repository };
        own.publish();
        own
    }

    /// Writes the repository to the directory `tuf`, and its first root to `root.json`.
    fn publish(&self) {
        for (name, bytes) in &self.repository.files {
            let path = self.room.path(&format!("tuf/{name}"));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::write(self.room.path("root.json"), self.repository.first_root()).unwrap();
    }

    #[track_caller]
    fn verifies(&self, options: &str, code: i32, needles: &[&str]) -> Run {
        self.room.check(&format!("{options} verify-blob --bundle app.sigstore.json {FLAGS} app.txt"), code, needles)
    }

    /// The one folder of a repository below Cosign's place.
    fn kept(&self) -> std::path::PathBuf {
        let place = self.room.path("home/.sigstore/root");
        let mut folders =
            std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let folder = folders.next().unwrap();
        assert!(folders.next().is_none());
        folder
    }

    fn state(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.kept().join("signet-state.json")).unwrap()).unwrap()
    }

    /// The state as if it had been renewed long ago.
    fn age(&self) {
        let mut state = self.state();
        state["renewed"] = json!("2026-01-01T00:00:00Z");
        std::fs::write(self.kept().join("signet-state.json"), state.to_string()).unwrap();
    }
}

#[test]
fn a_private_instance_is_chosen_and_trusted_without_a_network() {
    let own = Own::new();
    // Nobody knows the authority yet.
    own.verifies("", 12, &["NOT VERIFIED"]);
    let done = own.room.check("--offline trust init --mirror tuf --root root.json", 0, &["with root 1"]);
    assert_eq!(done.out, "");
    let done = own.verifies("--offline", 0, &["verified, 1 of 1"]);
    assert!(!done.talk.contains("warning"), "{done}");
    // What is named wins.
    own.room.file("public.json", std::str::from_utf8(signet_trust::Instance::PublicGood.trusted_root()).unwrap());
    let line = format!("verify-blob --bundle app.sigstore.json --trusted-root public.json {FLAGS} app.txt");
    own.room.check(&line, 12, &["NOT VERIFIED"]);
    // Cosign's layout, for programs and scripts that look there.
    let remote: Value = own.room.json("home/.sigstore/root/remote.json");
    assert!(remote["mirror"].as_str().unwrap().starts_with("file:///"), "{remote}");
    for name in ["root.json", "timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json"] {
        assert!(own.kept().join(name).is_file(), "{name}");
    }
    assert_eq!(
        std::fs::read(own.kept().join("targets/trusted_root.json")).unwrap(),
        own.repository.content["trusted_root.json"]
    );
    own.room.check(
        "trust status",
        0,
        &[
            "repository  file://[ROOM]/tuf",
            "root             1  2050-01-01T00:00:00Z 2 of 3",
            "timestamp        1",
            "https://fulcio.example.com  from 2024-01-01T00:00:00Z until now",
            "https://rekor.example.com",
            "https://ct.example.com",
            "timestamp authority: when something was signed\n  none",
            "it has no signing configuration",
        ],
    );
    let status: Value = serde_json::from_str(&own.room.check("trust status -o json", 0, &[]).out).unwrap();
    assert_eq!(status["roles"][0]["version"], 1);
    assert_eq!(status["builtIn"], false);
}

#[test]
fn the_public_instance_is_trusted_from_the_start() {
    let room = Room::new();
    room.check(
        "trust status",
        0,
        &[
            "https://tuf-repo-cdn.sigstore.dev (the public instance)",
            "what the program was built with",
            "https://fulcio.sigstore.dev",
            "its signing configuration is kept too",
        ],
    );
    let status: Value = serde_json::from_str(&room.check("trust status -o json", 0, &[]).out).unwrap();
    assert_eq!(status["builtIn"], true);
    // The network is forbidden, a directory is none.
    room.check("--offline trust init", 1, &["the network is forbidden", "hint: without a network"]);
    room.check("trust init --mirror nowhere --root root.json", 1, &["neither an address nor a directory"]);
    room.check("trust init --mirror gs://sigstore-tuf-root", 1, &["storage.googleapis.com"]);
    assert!(!room.path("home/.sigstore/root/remote.json").exists());
}

#[test]
fn a_bad_mirror_changes_nothing() {
    let mut own = Own::new();
    own.repository.next();
    let web = Web::start(&own.repository.files);
    own.publish();
    own.room.check(&format!("trust init --mirror {} --root root.json", web.address), 0, &[]);
    let before = own.state();
    // Rolled back, forged, and empty.
    let mut old = Published::new(b"{}");
    web.shows(&old);
    own.room.check("trust refresh", 1, &["cannot renew what is trusted", "threshold not met for role timestamp"]);
    old.files.clear();
    web.shows(&old);
    own.room.check("trust refresh", 1, &["timestamp.json not found"]);
    own.repository.content.insert("trusted_root.json".to_owned(), b"{\"mediaType\":\"nonsense\"}".to_vec());
    own.repository.next();
    web.shows(&own.repository);
    own.room.check("trust refresh", 1, &["`trusted_root.json` of the repository cannot be read"]);
    own.room.check(&format!("trust init --mirror {}", web.address), 1, &["cannot be read"]);
    assert_eq!(own.state(), before);
    own.verifies("", 0, &[]);
    // A good one moves on.
    let good = own.room.read("trusted_root.json").into_bytes();
    own.repository.content.insert("trusted_root.json".to_owned(), good);
    own.repository.next();
    web.shows(&own.repository);
    own.room.check("trust refresh", 0, &["with root 1"]);
    own.room.check("trust status", 0, &["timestamp        4"]);
}

#[test]
fn what_is_kept_and_damaged_is_not_replaced_in_silence() {
    let own = Own::new();
    own.room.check("trust init --mirror tuf --root root.json", 0, &[]);
    let path = own.kept().join("signet-state.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    // The trusted root in it is another one; half of it is missing.
    let mut state = own.state();
    state["files"]["targets/trusted_root.json"] = json!(b64(signet_trust::Instance::PublicGood.trusted_root()));
    for damaged in [state.to_string(), whole[..whole.len() / 2].to_owned()] {
        std::fs::write(&path, damaged).unwrap();
        own.verifies("", 1, &["cannot be used", "hint: `signet trust init --mirror file://[ROOM]/tuf"]);
    }
    own.room.check("trust init --mirror tuf --root root.json", 0, &[]);
    own.verifies("", 0, &[]);
    // A choice of which nothing is kept.
    std::fs::remove_dir_all(own.kept()).unwrap();
    own.verifies("", 1, &["nothing is known of it yet", "hint: `signet trust init"]);
    own.room.file("home/.sigstore/root/remote.json", "{}");
    own.verifies("", 1, &["does not say which repository is trusted"]);
    // Of the public instance there is always something, and it is said which.
    own.room.file("home/.sigstore/root/remote.json", r#"{"mirror":"https://tuf-repo-cdn.sigstore.dev"}"#);
    own.room.file("home/.sigstore/root/tuf-repo-cdn.sigstore.dev/signet-state.json", "{}");
    own.verifies("", 12, &["is not used", "what this program was built with", "NOT VERIFIED"]);
}

#[test]
fn what_cosign_left_is_used_and_what_is_old_is_said() {
    let mut own = Own::new();
    own.repository.timestamp.expires = "2026-01-01T00:00:00Z".to_owned();
    own.repository.publish();
    own.publish();
    // As `cosign initialize` of long ago left it.
    let folder = "home/.sigstore/root/tuf.example.com";
    own.room.file("home/.sigstore/root/remote.json", r#"{"mirror":"https://tuf.example.com"}"#);
    for (from, to) in [
        ("1.root.json", "root.json"),
        ("timestamp.json", "timestamp.json"),
        ("1.snapshot.json", "snapshot.json"),
        ("1.targets.json", "targets.json"),
    ] {
        own.room.file(&format!("{folder}/{to}"), std::str::from_utf8(&own.repository.files[from]).unwrap());
    }
    own.room.file(&format!("{folder}/targets/trusted_root.json"), &own.room.read("trusted_root.json"));
    own.verifies(
        "--offline",
        0,
        &[
            "verified, 1 of 1",
            "warning: the trusted material of `https://tuf.example.com` is out of date",
            "`timestamp`",
            "days ago",
        ],
    );
    own.room.check("trust status", 0, &["by another program", "EXPIRED", "warning: the `timestamp` metadata expired"]);
    own.room.check("trust init --mirror tuf --root root.json", 1, &["timestamp metadata expired"]);
    // Another place, another choice.
    let output = own.room.command("trust status").env("TUF_ROOT", own.room.path("elsewhere")).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("the public instance"));
    let output = own.room.command("trust status").env("TUF_MIRROR", "https://other.example.com").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn renewing_comes_after_the_verdict_once_a_day_and_never_fails_it() {
    let mut own = Own::new();
    let web = Web::start(&own.repository.files);
    own.room.check(&format!("trust init --mirror {} --root root.json", web.address), 0, &[]);
    let asked = || std::mem::take(&mut *web.asked.lock());
    let run = |own: &Own, options: &str| {
        let line = format!("{options} verify-blob --bundle app.sigstore.json {FLAGS} app.txt");
        let output = own.room.command(&line).env("SIGNET_NO_TRUST_REFRESH", "false").output().unwrap();
        Run::new(&line, output.status.code().unwrap(), output.stdout, output.stderr)
    };
    asked();
    // Fresh: nobody is asked. A day old: asked, unless that was forbidden.
    assert_eq!(run(&own, "").code, 0);
    assert_eq!(asked(), Vec::<String>::new());
    own.age();
    assert_eq!(run(&own, "--offline").code, 0);
    own.verifies("", 0, &[]);
    assert_eq!(asked(), Vec::<String>::new());
    own.repository.next();
    web.shows(&own.repository);
    let done = run(&own, "-v");
    assert_eq!(done.code, 0, "{done}");
    assert!(done.talk.contains("renewed what is trusted"), "{done}");
    assert_eq!(asked()[..2], ["2.root.json", "timestamp.json"]);
    assert_ne!(own.state()["renewed"], "2026-01-01T00:00:00Z");
    own.room.check("trust status", 0, &["timestamp        2"]);
    // A mirror that does not answer: the verdict stands, within seconds, and the next run does not ask again.
    std::fs::remove_file(own.kept().join("signet-attempt")).unwrap();
    own.age();
    *web.silent.lock() = true;
    let started = Instant::now();
    let done = run(&own, "-v");
    assert_eq!(done.code, 0, "{done}");
    assert!(done.out.contains("verified, 1 of 1") && done.talk.contains("was not renewed"), "{done}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(asked(), ["2.root.json"]);
    assert_eq!(run(&own, "").code, 0);
    assert_eq!(asked(), Vec::<String>::new());
    // One that lies, too; and a refusal stays a refusal.
    *web.silent.lock() = false;
    web.shows(&Published::new(b"{}"));
    std::fs::remove_file(own.kept().join("signet-attempt")).unwrap();
    own.room.file("app.txt", "changed");
    assert_eq!(run(&own, "").code, 12);
    assert!(!asked().is_empty());
    own.room.check("trust status", 0, &["timestamp        2"]);
}

#[test]
fn several_begin_at_once() {
    let own = Own::new();
    let web = Web::start(&own.repository.files);
    let line = format!("trust init --mirror {} --root root.json", web.address);
    let running: Vec<_> =
        (0..6).map(|_| own.room.command(&line).stderr(std::process::Stdio::null()).spawn().unwrap()).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    own.verifies("", 0, &[]);
}

#[test]
fn cosign_initialize_says_nothing_and_checks_the_root() {
    let own = Own::new();
    let web = Web::start(&own.repository.files);
    let line = format!("cosign initialize --mirror {}", web.address);
    let sums = (hex(&sha256(own.repository.first_root())), "0".repeat(64));
    let wrong = format!("{line} --root root.json --root-checksum sha256:{}", sums.1);
    own.room.check(
        &wrong,
        1,
        &["Error: incorrect checksum for file root.json: expected sha256:000", "error during command execution"],
    );
    own.room.check(&format!("{line} --root root.json --root-checksum md5:00"), 1, &["no checksum"]);
    // Not signed by the public instance's keys.
    own.room.check(&line, 1, &["threshold not met"]);
    assert!(!own.room.path("home/.sigstore/root/remote.json").exists());
    let done = own.room.check(&format!("{line} --root root.json --root-checksum sha256:{}", sums.0), 0, &[]);
    assert_eq!((done.out.as_str(), done.talk.as_str()), ("", ""));
    let remote: Value = own.room.json("home/.sigstore/root/remote.json");
    assert_eq!(remote, json!({"mirror": web.address}));
    own.room.check(&format!("cosign verify-blob --bundle app.sigstore.json {FLAGS} app.txt"), 0, &["Verified OK"]);
    // The root by its address: believed with a warning, or checked.
    let root = format!("{}/1.root.json", web.address);
    own.room.check(
        &format!("{line} --root {root}"),
        0,
        &["WARNING: Fetching initial root from URL without providing its checksum is deprecated"],
    );
    let done = own.room.check(&format!("{line} --root {root} --root-checksum sha256:{}", sums.0), 0, &[]);
    assert_eq!(done.talk, "");
}

#[test]
fn signing_configs_and_trusted_roots_are_made_as_cosign_makes_them() {
    let room = Room::new();
    let service = |url: &str| format!("url={url},api-version=1,start-time=2024-01-01T00:00:00Z,operator=example.com");
    let line = format!(
        "cosign signing-config create --fulcio={},end-time=2025-01-01T00:00:00Z --rekor={} --rekor-config=ANY --oidc-provider={} --tsa={} --tsa-config=EXACT:1 --out config.json",
        service("https://fulcio.example.com"),
        service("https://rekor.example.com"),
        service("https://oauth.example.com"),
        service("https://tsa.example.com")
    );
    room.check(&line, 0, &[]);
    let made = room.json("config.json");
    assert_eq!(made["mediaType"], "application/vnd.dev.sigstore.signingconfig.v0.2+json");
    assert_eq!(
        made["caUrls"],
        json!([{
            "url": "https://fulcio.example.com", "majorApiVersion": 1, "operator": "example.com",
            "validFor": {"start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"},
        }])
    );
    assert_eq!(
        (&made["rekorTlogConfig"], &made["tsaConfig"]),
        (&json!({"selector": "ANY"}), &json!({"selector": "EXACT", "count": 1}))
    );
    let rekor = service("https://rekor.example.com");
    room.check(
        &format!("cosign signing-config create --rekor={rekor}"),
        1,
        &["--rekor-config must be provided when --rekor is specified"],
    );
    room.check("cosign signing-config create --fulcio=url=x", 1, &["missing or empty required key 'api-version'"]);
    let with = room.check(
        "cosign signing-config create --with-default-services --no-default-oidc",
        0,
        &["https://fulcio.sigstore.dev"],
    );
    assert!(!with.out.contains("oauth2"), "{with}");

    let with = room.check(
        "cosign trusted-root create --with-default-services --no-default-tsa",
        0,
        &["https://fulcio.sigstore.dev"],
    );
    let made: Value = serde_json::from_str(&with.out).unwrap();
    assert!(made.get("timestampAuthorities").is_none() && made["tlogs"].as_array().unwrap().len() >= 2, "{with}");
    let world = World::new();
    room.file("root.pem", &pem("CERTIFICATE", &world.root));
    room.file("rekor.pub", &world.log.pem());
    room.check(
        "cosign trusted-root create --certificate-chain root.pem --fulcio-uri https://fulcio.example.com --rekor-key rekor.pub --rekor-url https://rekor.example.com",
        0,
        &["Flag --certificate-chain has been deprecated, use --fulcio instead", "\"commonName\":\"root\""],
    );
    room.check(
        "cosign trusted-root create --tsa url=https://tsa.example.com,certificate-chain=root.pem",
        1,
        &["first certificate in chain must be a leaf certificate"],
    );
    room.check(
        "cosign trusted-root create --rekor url=x,public-key=rekor.pub",
        1,
        &["missing or empty required key 'start-time'"],
    );
    let twice = "--rekor url=x,public-key=rekor.pub,start-time=2024-01-01T00:00:00Z";
    room.check(&format!("cosign trusted-root create {twice} {twice}"), 1, &["error during command execution"]);
}

#[test]
fn the_client_of_conformance_suites() {
    let own = Own::new();
    let web = Web::start(&own.repository.files);
    let line = format!(
        "trust tuf-client --metadata-dir metadata --metadata-url {} --target-name trusted_root.json --target-base-url {}/targets --target-dir got",
        web.address, web.address
    );
    own.room.check(&format!("{line} refresh"), 1, &["`init` comes first"]);
    own.room.check("trust tuf-client --metadata-dir metadata init root.json", 0, &[]);
    own.room.check(&format!("{line} download"), 0, &[]);
    assert_eq!(
        std::fs::read(own.room.path("got/trusted_root.json")).unwrap(),
        own.repository.content["trusted_root.json"]
    );
    let mut names: Vec<String> = std::fs::read_dir(own.room.path("metadata"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["root.json", "root_history", "snapshot.json", "targets.json", "timestamp.json"]);
    let line = line.replace("trusted_root.json", "../up");
    own.room.check(&format!("{line} download"), 1, &["not listed"]);
}
