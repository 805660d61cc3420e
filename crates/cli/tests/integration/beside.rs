//! What lies beside images, moved, shown and found by the program: between registries and layouts, byte for byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Value, json};
use signet_model::Digest;

use crate::harness::Room;
use crate::pushable::writable::{Faults, Writable};
use crate::seal::{Author, Way, payload, refer, run, sign, statement};
use crate::shelf::{INDEX, MANIFEST, Shelf};
use crate::world::b64;

const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// Debian's registry, until it is dropped.
struct Real {
    child: Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn real() -> Option<Real> {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '{host}'}}\n",
        folder.path().join("data").display()
    );
    let config = folder.path().join("config.yml");
    std::fs::write(&config, text).unwrap();
    let started =
        Command::new("docker-registry").arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(child) = started else {
        assert!(std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "docker-registry is required here");
        eprintln!("SKIPPED: docker-registry is not installed");
        return None;
    };
    for _ in 0..100 {
        if TcpStream::connect(&host).is_ok() {
            return Some(Real { child, host, _folder: folder });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("docker-registry did not start");
}

/// An index of two platforms as `app:1`, the index signed in both layouts, and one platform by a bundle.
fn signed_index(shelf: &Shelf, author: &Author) -> (Digest, Digest) {
    let (one, two) = (shelf.image("one"), shelf.image("two"));
    let entry = |digest: &Digest, architecture: &str| {
        let manifest: Value = json!({"mediaType": MANIFEST, "digest": digest.to_string(), "size": shelf.size(digest)});
        let mut manifest = manifest;
        manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        manifest
    };
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(&one, "amd64"), entry(&two, "arm64")],
    });
    let index: Digest = shelf.manifest(Some("1"), &index)["digest"].as_str().unwrap().parse().unwrap();
    sign(shelf, author, &index, Way::Tag);
    sign(shelf, author, &index, Way::Listed);
    refer(shelf, &one, &author.bundle(&statement(&one, SIGN)), true);
    (index, one)
}

#[test]
fn a_signed_image_travels_through_a_real_registry_and_a_layout() {
    for keyless in [false, true] {
        let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(keyless));
        let (index, platform) = signed_index(&shelf, &author);
        let flags = author.flags(&room);
        let both = [": verified, 2 of 2 signatures"];
        run(&room, &format!("verify {flags} {}/app:1", shelf.host), 0, &both);
        let mut source = shelf.host.clone();
        if let Some(real) = real() {
            let copied = run(&room, &format!("copy {}/app:1 {}/there:2", shelf.host, real.host), 0, &["3 beside it"]);
            assert_eq!(copied.out, format!("{}/there@{index}\n", real.host));
            run(&room, &format!("verify {flags} {}/there:2", real.host), 0, &both);
            run(&room, &format!("verify {flags} {}/there@{platform}", real.host), 0, &["1 of 1"]);
            // Again is no change, and another image needs force.
            run(&room, &format!("copy {}/app:1 {}/there:2", shelf.host, real.host), 0, &[]);
            run(&room, &format!("copy {}/app:one {}/there:2", shelf.host, real.host), 1, &["already", "--force"]);
            run(&room, &format!("copy -f {}/app:one {}/there:2", shelf.host, real.host), 0, &[]);
            run(&room, &format!("copy -f {}/app:1 {}/app:1", shelf.host, real.host), 0, &[]);
            source.clone_from(&real.host);
            run(&room, &format!("save --dir saved {source}/app:1"), 0, &["3 manifests of the image, 3 beside it"]);
        } else {
            run(&room, &format!("save --dir saved {source}/app:1"), 0, &["3 manifests of the image, 3 beside it"]);
        }
        // From the layout, without any network.
        run(&room, &format!("--offline verify {flags} --local-image saved"), 0, &both);
        run(&room, &format!("--offline verify {flags} --local-image saved:1"), 0, &both);
        run(&room, &format!("--offline verify {flags} --local-image saved@{platform}"), 0, &["1 of 1"]);
        run(&room, &format!("cosign verify {flags} --local-image saved"), 0, &["Verification for saved"]);
        run(&room, "verify --key other.pub --local-image saved", 1, &["other.pub"]);
        run(&room, &format!("verify {flags} --local-image saved:9"), 1, &["no image with the tag"]);
        run(&room, &format!("verify {flags} --local-image nowhere"), 1, &["no OCI image layout"]);

        // Cosign's layouts list no referrer, and tell signatures by their kind alone.
        let mut listed = room.json("saved/index.json");
        let entries = listed["manifests"].as_array_mut().unwrap();
        entries.retain(|entry| entry["annotations"]["kind"].is_string());
        for entry in entries.iter_mut() {
            entry["annotations"].as_object_mut().unwrap().remove("org.opencontainers.image.ref.name");
        }
        let ours = room.read("saved/index.json");
        room.file("saved/index.json", &listed.to_string());
        run(&room, &format!("verify {flags} --local-image saved"), 0, &both);
        room.file("saved/index.json", &ours);

        // And back into registries that do and do not list referrers.
        for lists in [true, false] {
            let registry = Writable::start(Faults { lists, ..Faults::default() });
            let place = format!("{}/app:1", registry.standin.host);
            let loaded = run(&room, &format!("load --dir saved {place}"), 0, &[]);
            assert_eq!(loaded.out, format!("{}/app@{index}\n", registry.standin.host));
            run(&room, &format!("verify {flags} {place}"), 0, &both);
            let held = registry.contents.lock().manifests["1"].1.clone();
            assert_eq!(Digest::sha256(&held), index);
            let fallback = registry.contents.lock().manifests.contains_key(&format!("sha256-{}", index.hex()));
            assert_eq!(fallback, !lists);
        }
        // A byte of the layout turns: nothing verifies, and it is said which blob.
        let path = room.path(&format!("saved/blobs/sha256/{}", index.hex()));
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() = b' ';
        std::fs::write(&path, bytes).unwrap();
        run(&room, &format!("verify {flags} --local-image saved"), 1, &["other bytes", "hash to"]);
        run(&room, &format!("load --dir saved {source}/app:9"), 1, &["other bytes"]);
    }
}

#[test]
fn copying_takes_what_is_asked_for_and_mounts_what_is_there() {
    let (room, author) = (Room::new(), Author::new(false));
    let registry = Writable::start(Faults { lists: true, ..Faults::default() });
    let host = registry.standin.host.clone();
    let layer = vec![7; 100_000];
    let image = registry.image("1", &[&layer]);
    room.file("sbom.json", "{\"spdxVersion\":\"SPDX-2.3\"}");
    run(
        &room,
        &format!("attach --artifact-type application/spdx+json sbom.json {host}/app:1"),
        0,
        &["the registry lists it"],
    );
    room.file("payload", &String::from_utf8(payload(&image)).unwrap());
    room.file("sig", &b64(author.key.sign(&payload(&image))));
    run(&room, &format!("cosign attach signature --signature sig --payload payload {host}/app:1"), 0, &[]);
    let before = registry.standin.log().len();
    run(&room, &format!("copy --only sig {host}/app:1 {host}/team/mirror:1"), 0, &["1 beside it"]);
    let contents = registry.contents.lock();
    let under = |name: &str| contents.manifests.contains_key(&format!("team/mirror/{name}"));
    assert!(under("1") && under(&image.to_string()) && under(&format!("sha256-{}.sig", image.hex())));
    assert!(contents.blobs.contains_key(&format!("team/mirror/{}", Digest::sha256(&layer))));
    drop(contents);
    let log = registry.standin.log().split_off(before);
    let read = |request: &&crate::pushable::standin::Request| {
        request.method == "GET" && request.target.contains(&format!("blobs/{}", Digest::sha256(&layer)))
    };
    assert_eq!(log.iter().filter(read).count(), 0, "what is mounted is not read");
}

#[test]
fn files_are_attached_shown_downloaded_and_cleaned() {
    for lists in [true, false] {
        let room = Room::new();
        let registry = Writable::start(Faults { lists, only_digests: !lists, ..Faults::default() });
        let host = &registry.standin.host;
        let image = registry.image("1", &[]);
        let app = format!("{host}/app:1");
        let document = "{\"spdxVersion\":\"SPDX-2.3\",\n \"packages\":[]}";
        room.file("sbom.spdx.json", document);
        room.file("log.txt", "lines");
        let how = if lists { "the registry lists it" } else { "fallback tag" };
        let sbom = run(&room, &format!("attach --artifact-type application/spdx+json sbom.spdx.json {app}"), 0, &[how]);
        let report = "attach --artifact-type application/vnd.example.report -a made.by=me sbom.spdx.json:application/json log.txt:text/plain";
        run(&room, &format!("{report} {host}/app@{image}"), 0, &[how]);
        run(&room, &format!("attach --artifact-type nonsense sbom.spdx.json {app}"), 2, &["no media type"]);
        run(&room, &format!("attach --artifact-type a/b nowhere.json {app}"), 1, &["nowhere.json"]);
        run(&room, &format!("attach --artifact-type a/b log.txt {host}/app:9"), 1, &["cannot resolve the image"]);

        let tree = run(
            &room,
            &format!("tree {app}"),
            0,
            &["application/vnd.example.report", "text/plain log.txt, 5 bytes", "nothing of this was verified"],
        );
        assert!(tree.out.starts_with(&format!("{app}\n{image} (image)\n├── ")), "{tree}");
        let below = run(&room, &format!("tree -o json {app}"), 0, &[]);
        let below: Value = serde_json::from_str(&below.out).unwrap();
        assert_eq!(below["below"].as_array().unwrap().len(), 2);
        let got = run(&room, &format!("download sbom {app}"), 0, &["not verified"]);
        assert_eq!(got.out, document);
        let digest = sbom.out.trim().rsplit_once('@').unwrap().1.to_owned();
        // What lies beside what lies beside.
        run(&room, &format!("attach --artifact-type a/nested log.txt {host}/app@{digest}"), 0, &[]);
        let tree = run(&room, &format!("tree {app}"), 0, &[" a/nested"]);
        assert!(tree.out.contains("    └── ") || tree.out.contains("│   └── "), "{tree}");

        run(&room, &format!("clean --type sbom {app}"), 1, &["nobody said yes"]);
        run(&room, &format!("clean --type sbom -f {app}"), 0, &["removed ", digest.as_str()]);
        run(&room, &format!("download sbom {app}"), 3, &["no SBOM"]);
        run(&room, &format!("clean --type signature -f {app}"), 0, &["nothing of that kind"]);
        run(&room, &format!("clean -f {app}"), 0, &["removed "]);
        run(&room, &format!("tree {app}"), 0, &["nothing lies beside it"]);
        assert!(registry.contents.lock().manifests.contains_key("1"), "the image stays");
        let fallback = format!("{host}/app:sha256-{}\n", image.hex());
        assert_eq!(run(&room, &format!("triangulate --type referrers {app}"), 0, &[]).out, fallback);
    }
}

#[test]
fn cleaning_removes_what_is_about_the_image_alone() {
    let room = Room::new();
    let registry = Writable::start(Faults::default());
    let host = &registry.standin.host;
    let (image, other) = (registry.image("1", &[]), registry.image("2", &[b"other"]));
    let app = format!("{host}/app:1");
    room.file("log.txt", "lines");
    let attached = run(&room, &format!("attach --artifact-type a/log log.txt {app}"), 0, &[]);
    let log = attached.out.trim().rsplit_once('@').unwrap().1.to_owned();
    // A list under the fallback tag that names the image itself, another one, and something that is gone.
    let gone = Digest::sha256(b"gone");
    let entries: Vec<Value> = [image.to_string(), other.to_string(), gone.to_string(), log.clone()]
        .iter()
        .map(|digest| json!({"mediaType": MANIFEST, "digest": digest, "size": 1}))
        .collect();
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    let fallback = format!("sha256-{}", image.hex());
    {
        let mut contents = registry.contents.lock();
        let place = contents.manifests.get_mut(&fallback).unwrap();
        place.1 = list.into();
    }
    let done = run(
        &room,
        &format!("clean -f {app}"),
        1,
        &["it is listed beside the image and is not about it", &image.to_string(), &other.to_string()],
    );
    for digest in [&log, &gone.to_string()] {
        assert!(done.to_string().contains(&format!("removed {host}/app@{digest}")), "{done}");
    }
    let contents = registry.contents.lock();
    for name in ["1".to_owned(), "2".to_owned(), image.to_string(), other.to_string()] {
        assert!(contents.manifests.contains_key(&name), "{name} stays");
    }
    assert!(!contents.manifests.contains_key(&log));
    let left = String::from_utf8_lossy(&contents.manifests[&fallback].1).into_owned();
    assert!(left.contains(&other.to_string()) && !left.contains(&gone.to_string()), "{left}");
}

#[test]
fn a_tree_that_bites_its_tail_ends() {
    let (room, shelf) = (Room::new(), Shelf::start());
    let (one, two) = (shelf.image("one"), shelf.image("two"));
    run(&room, &format!("save --dir loop {}/app:one", shelf.host), 0, &[]);
    run(&room, &format!("save --dir loop {}/app:two", shelf.host), 0, &[]);
    let mut index = room.json("loop/index.json");
    for (of, holds) in [(&one, &two), (&two, &one)] {
        let name = format!("sha256-{}.sig", of.hex());
        index["manifests"].as_array_mut().unwrap().push(json!({
            "mediaType": MANIFEST, "digest": holds.to_string(), "size": shelf.size(holds),
            "annotations": {"org.opencontainers.image.ref.name": name},
        }));
    }
    room.file("loop/index.json", &index.to_string());
    let tree = run(&room, "tree --local-image loop:one", 0, &["(above already)"]);
    assert_eq!(tree.out.matches(&one.to_string()).count(), 2, "{tree}");

    // Each index names the next one eight times over.
    let mut below = one;
    let mut size = shelf.size(&one);
    let mut media = MANIFEST;
    for _ in 0..5 {
        let entry = json!({"mediaType": media, "digest": below.to_string(), "size": size});
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": vec![entry; 8]}).to_string();
        below = Digest::sha256(index.as_bytes());
        (size, media) = (index.len(), INDEX);
        room.file(&format!("loop/blobs/sha256/{}", below.hex()), &index);
    }
    run(&room, &format!("tree --local-image loop@{below}"), 1, &["more than 10000 lines"]);
}

#[test]
fn nothing_in_a_layout_is_left_out_in_silence() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    sign(&shelf, &author, &image, Way::Listed);
    let save = format!("save --dir saved {}/app:1", shelf.host);
    run(&room, &save, 0, &["1 beside it"]);
    let tree = |code: i32, words: &[&str]| run(&room, "tree --local-image saved", code, words);

    // Blanks before a manifest are JSON all the same.
    let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::sha256(b"{}").to_string(), "size": 2});
    let late = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "a/late", "config": config, "layers": [],
        "subject": {"mediaType": MANIFEST, "digest": image.to_string(), "size": shelf.size(&image)},
    });
    let late = format!(" \n\t{late}");
    room.file(&format!("saved/blobs/sha256/{}", Digest::sha256(late.as_bytes()).hex()), &late);
    tree(0, &["a/late"]);

    // Other bytes under the name of what refers to the image; saving again mends them.
    let index = room.json("saved/index.json");
    let mut listed = index["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap());
    let referrer = listed.rfind(|digest| **digest != image.to_string()).unwrap();
    let blob = format!("saved/blobs/sha256/{}", referrer.strip_prefix("sha256:").unwrap());
    for bytes in ["{}", "other"] {
        room.file(&blob, bytes);
        tree(1, &["other bytes"]);
    }
    run(&room, &save, 0, &[]);
    tree(0, &["a/late", referrer]);
    std::fs::remove_file(room.path(&blob)).unwrap();
    tree(1, &["index.json", "which is not there"]);
}

#[test]
fn what_cosign_attaches_is_verified() {
    let (room, author) = (Room::new(), Author::new(false));
    let registry = Writable::start(Faults::default());
    let image = registry.image("1", &[]);
    let app = format!("{}/app:1", registry.standin.host);
    let flags = format!("{} --insecure-ignore-tlog", author.flags(&room));
    room.file("payload", &String::from_utf8(payload(&image)).unwrap());
    room.file("sig", &b64(author.key.sign(&payload(&image))));
    run(&room, &format!("cosign attach signature --signature sig --payload payload {app}"), 0, &[]);
    run(&room, &format!("cosign verify {flags} {app}"), 0, &["The cosign claims were validated"]);
    let kind = "https://example.com/p/v1";
    room.file("att.json", &author.envelope(&statement(&image, kind)).to_string());
    run(
        &room,
        &format!("cosign attach attestation --attestation att.json {app}"),
        0,
        &["Using payload from: att.json"],
    );
    run(&room, &format!("verify-attestation {flags} --type {kind} {app}"), 0, &["1 of 1"]);
    run(
        &room,
        &format!("tree {app}"),
        0,
        &["signature, made by a key", "attestation of type https://example.com/p/v1"],
    );
    room.file("bad.json", "{\"payloadType\":\"text/plain\",\"signatures\":[]}");
    run(
        &room,
        &format!("cosign attach attestation --attestation bad.json {app}"),
        1,
        &["invalid payloadType text/plain"],
    );
    room.file("empty", "");
    run(&room, &format!("cosign attach signature --signature empty {app}"), 1, &["Error: empty signature"]);
    // Another image under the name is not written over.
    let other = Writable::start(Faults::default());
    other.image("1", &[b"x"]);
    let there = format!("{}/app:1", other.standin.host);
    run(&room, &format!("cosign copy {app} {there}"), 1, &["already"]);
    run(&room, &format!("cosign copy -f {app} {there}"), 0, &["Copying ", ".sig to "]);
    run(&room, &format!("cosign verify {flags} {there}"), 0, &[]);
    run(&room, &format!("cosign save --dir saved {app}"), 0, &[]);
    run(&room, &format!("cosign load --dir saved {}/app:2", other.standin.host), 0, &[]);
    run(&room, &format!("cosign verify {flags} {}/app:2", other.standin.host), 0, &[]);
    run(&room, &format!("cosign clean -f --type signature {app}"), 0, &["Removed "]);
    run(&room, &format!("cosign verify {flags} {app}"), 10, &["no signatures found"]);
}

#[test]
fn a_bundle_is_shown_and_not_believed() {
    for keyless in [false, true] {
        let (room, author) = (Room::new(), Author::new(keyless));
        let image = Digest::sha256(b"image");
        room.file("b.json", &String::from_utf8(author.bundle(&statement(&image, SIGN))).unwrap());
        let shown = run(&room, "bundle inspect b.json", 0, &["NOT VERIFIED", "log entry", SIGN, &image.hex()]);
        assert_eq!(shown.out.contains("vouched for"), keyless, "{shown}");
        let json = run(&room, "bundle inspect -o json b.json", 0, &[]);
        let json: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(json["verified"], false);
        assert_eq!(json["statement"]["subjects"][0]["digest"]["sha256"], image.hex());
        room.file("none.json", "{}");
        run(&room, "bundle inspect none.json", 1, &["no Sigstore bundle"]);
    }
}

/// What was asked, from when to when.
pub(crate) type Asked = Arc<Mutex<Vec<(Instant, Instant, String)>>>;

/// Between the program and a registry: each request waits, and it is noted when.
pub(crate) fn slow(target: String, wait: Duration) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let log: Arc<Mutex<Vec<(Instant, Instant, String)>>> = Arc::default();
    let kept = Arc::clone(&log);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (log, target) = (Arc::clone(&kept), target.clone());
            std::thread::spawn(move || pass_on(stream, &target, wait, &log));
        }
    });
    (host, log)
}

fn pass_on(
    mut stream: TcpStream,
    target: &str,
    wait: Duration,
    log: &Mutex<Vec<(Instant, Instant, String)>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    if reader.fill_buf().is_ok_and(|bytes| bytes.first() == Some(&0x16)) {
        return None;
    }
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let started = Instant::now();
    std::thread::sleep(wait);
    let mut behind = TcpStream::connect(target).ok()?;
    behind.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    behind.read_to_end(&mut answer).ok()?;
    log.lock().push((started, Instant::now(), head.lines().next()?.to_owned()));
    stream.write_all(&answer).ok()
}

#[test]
fn four_round_trips_find_and_fetch_three_signatures() {
    for listed in [true, false] {
        let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(true));
        let image = shelf.image("1");
        sign(&shelf, &author, &image, Way::Tag);
        let subject = json!({"mediaType": MANIFEST, "digest": image.to_string(), "size": 1});
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let entries: Vec<Value> = (0..2)
            .map(|_| {
                let layer = shelf.blob(bundle, &author.bundle(&statement(&image, SIGN)));
                shelf.layers(None, &[layer], &json!({"artifactType": bundle, "subject": subject}))
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        match listed {
            true => shelf.put(&format!("referrers/{image}"), INDEX, index.to_string().as_bytes()),
            false => {
                shelf.manifest(Some(&format!("sha256-{}", image.hex())), &index);
            }
        }
        let (host, log) = slow(shelf.host.clone(), Duration::from_millis(400));
        let flags = author.flags(&room);
        run(&room, &format!("verify {flags} {host}/app:1"), 0, &["3 of 3 signatures"]);
        let mut log = log.lock().clone();
        log.sort();
        // A wave ends when its first answer is there: what is asked later may depend on it.
        let (mut waves, mut end) = (0, None);
        for (started, finished, _) in &log {
            if end.is_none_or(|end| *started >= end) {
                waves += 1;
                end = Some(*finished);
            }
        }
        assert!(waves <= 4, "{waves} round trips: {log:#?}");
        assert!(log.len() <= 10, "{} requests: {log:#?}", log.len());
    }
}

/// Answers each path by this function, for ever.
fn hostile(answer: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (own, answer) = (host.clone(), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (own, answer) = (own.clone(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().ok()?);
                if reader.fill_buf().is_ok_and(|bytes| bytes.first() == Some(&0x16)) {
                    return None;
                }
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if reader.read_line(&mut head).ok()? == 0 {
                        return None;
                    }
                }
                let path = head.split(' ').nth(1)?.to_owned();
                stream.write_all(answer(&own, &path).as_bytes()).ok()
            });
        }
    });
    host
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[test]
fn a_registry_without_end_or_elsewhere_meets_a_limit() {
    let (room, author) = (Room::new(), Author::new(false));
    let flags = author.flags(&room);
    let manifest = crate::pushable::standin::manifest(b"{}", &[]);
    let json = format!("content-type: {INDEX}\r\n");

    // Pages that go on for ever, each with one entry and another address.
    let image = manifest.clone();
    let host = hostile(move |_, path| match path.split_once("referrers/") {
        Some((_, rest)) => {
            let number: u32 = rest.rsplit_once("page=").and_then(|(_, number)| number.parse().ok()).unwrap_or(0);
            let digest = Digest::sha256(&number.to_be_bytes());
            let body = format!(
                r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{{"mediaType":"{MANIFEST}","digest":"{digest}","size":1}}]}}"#
            );
            let base = rest.split('?').next().unwrap();
            let link = format!("{json}link: </v2/app/referrers/{base}?page={}>; rel=\"next\"\r\n", number + 1);
            reply("200 OK", &link, &body)
        }
        None if path.ends_with("/manifests/1") => reply("200 OK", &format!("content-type: {MANIFEST}\r\n"), &image),
        None => reply("404 Not Found", "", "{}"),
    });
    run(&room, &format!("verify {flags} {host}/app:1"), 1, &["more than 100 entries"]);

    // The list is at another host, which must not be asked.
    let elsewhere = hostile(|_, _| panic!("somebody asked"));
    let image = manifest.clone();
    let host = hostile(move |_, path| {
        if path.contains("referrers/") {
            let link = format!("content-type: {INDEX}\r\nlink: <http://{elsewhere}/more>; rel=\"next\"\r\n");
            return reply("200 OK", &link, &format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[]}}"#));
        }
        match path.ends_with("/manifests/1") {
            true => reply("200 OK", &format!("content-type: {MANIFEST}\r\n"), &image),
            false => reply("404 Not Found", "", "{}"),
        }
    });
    run(&room, &format!("verify {flags} {host}/app:1"), 1, &["leads to another host"]);

    // A circle of redirects.
    let host = hostile(|own, path| reply("307 X", &format!("location: http://{own}{path}x\r\n"), ""));
    run(&room, &format!("verify {flags} {host}/app:1"), 1, &["redirects more than"]);

    // The manifest that a tag named is another one when it is copied by its digest.
    let host = hostile(move |_, path| match path.rsplit('/').next() {
        Some("1") => reply("200 OK", &format!("content-type: {MANIFEST}\r\n"), &manifest),
        Some(name) if name.starts_with("sha256:") && path.contains("/manifests/") => {
            reply("200 OK", &format!("content-type: {MANIFEST}\r\n"), &manifest.replace("layers", "layers "))
        }
        _ => reply("404 Not Found", "", "{}"),
    });
    let digest = Digest::sha256(crate::pushable::standin::manifest(b"{}", &[]).as_bytes());
    run(&room, &format!("verify {flags} {host}/app@{digest}"), 1, &["hash to"]);
    run(&room, &format!("tree {host}/app@{digest}"), 1, &["hash to"]);
}

#[test]
fn lines_of_articles_about_attached_sboms() {
    let room = Room::new();
    let registry = Writable::start(Faults::default());
    registry.image("latest", &[]);
    std::fs::create_dir_all(room.path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signet"), room.path("bin/cosign")).unwrap();
    room.file("sbom.spdx.json", r#"{"spdxVersion":"SPDX-2.3","packages":[{"name":"zlib1g"},{"name":"bash"}]}"#);
    let line = |text: &str| {
        // The image of the articles, in a registry that is here.
        let text = text.replace("myapp:latest", &format!("{}/app:latest", registry.standin.host));
        let path = format!("{}:/usr/bin:/bin", room.path("bin").display());
        let done = Command::new("sh")
            .args(["-c", &text])
            .env_clear()
            .env("PATH", path)
            .env("HOME", room.path("home"))
            .current_dir(room.folder())
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(0), "$ {text}\n{}", String::from_utf8_lossy(&done.stderr));
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    let (_, talk) = line("cosign attach sbom --sbom sbom.spdx.json myapp:latest");
    for words in
        ["WARNING: SBOM attachments are deprecated", "does not sign them", ".sbom] with mediaType [text/spdx+json]."]
    {
        assert!(talk.contains(words), "{talk}");
    }
    let (whole, talk) = line("cosign download sbom myapp:latest");
    assert_eq!(whole, room.read("sbom.spdx.json"));
    assert!(talk.contains("Found SBOM of media type: text/spdx+json"), "{talk}");
    if Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("SIGNET_REQUIRE_PEERS").is_none(), "jq is required here");
        eprintln!("SKIPPED: jq is not installed");
        return;
    }
    let (names, _) = line("cosign download sbom myapp:latest | jq .packages[].name | sort | head -30");
    assert_eq!(names, "\"bash\"\n\"zlib1g\"\n");
}

#[test]
fn the_images_of_a_file_are_each_verified() {
    let (room, shelf, author) = (Room::new(), Shelf::start(), Author::new(false));
    let image = shelf.image("1");
    sign(&shelf, &author, &image, Way::Tag);
    shelf.image("2");
    let (flags, host) = (author.flags(&room), shelf.host.clone());
    room.file(
        "Dockerfile",
        &format!("ARG V=1\nFROM {host}/app:${{V}} AS build\nFROM scratch\nCOPY --from=build /a /b\n"),
    );
    let good = format!("Extracted image(s): {host}/app:1");
    run(&room, &format!("cosign dockerfile verify {flags} Dockerfile"), 0, &[good.as_str()]);
    // One of two is not signed, and the first being good does not hide it.
    room.file("Dockerfile", &format!("FROM {host}/app:1\nFROM {host}/app:2\n"));
    run(&room, &format!("cosign dockerfile verify {flags} Dockerfile"), 10, &["no signatures found"]);
    room.file("Dockerfile", "FROM ${NOWHERE}\n");
    run(&room, &format!("cosign dockerfile verify {flags} Dockerfile"), 1, &["line 1", "NOWHERE"]);
    let pod = |tag: &str| format!("kind: Pod\nspec:\n  containers:\n  - name: a\n    image: {host}/app:{tag}\n");
    room.file("pod.yaml", &pod("1"));
    run(&room, &format!("cosign manifest verify {flags} pod.yaml"), 0, &[good.as_str()]);
    room.file("pod.yaml", &format!("{}---\n{}", pod("1"), pod("2")));
    run(&room, &format!("cosign manifest verify {flags} pod.yaml"), 10, &["no signatures found"]);
    room.file("pod.yaml", "kind: ConfigMap\n");
    run(&room, &format!("cosign manifest verify {flags} pod.yaml"), 1, &["no images found"]);
}
