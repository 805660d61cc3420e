//! Grype's database as its publisher lists it, over a server of our own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use signet_model::Digest;

use crate::harness::{Room, Run};

/// Files by path, which may change while they are served.
type Files = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Serves files to whoever asks, as long as the test runs. Gives `HOST:PORT`.
fn serve(files: Files) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)).unwrap_or_default();
            let _head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let found = files.lock().iter().find(|(name, _)| *name == path).map(|(_, bytes)| bytes.clone());
            let (status, body) = found.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// A tar archive with this one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut head = [0u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..107].copy_from_slice(b"0000644");
    head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    head[136..147].copy_from_slice(b"00000000000");
    head[148..156].copy_from_slice(b"        ");
    head[156] = b'0';
    head[257..263].copy_from_slice(b"ustar\0");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = [&head[..], content].concat();
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

fn listing(built: &str, archive: &[u8]) -> Vec<u8> {
    let digest = Digest::sha256(archive);
    format!(
        r#"{{"status":"active","schemaVersion":"v6.1.3","built":"{built}","path":"vulnerability-db.tar","checksum":"{digest}"}}"#
    )
    .into_bytes()
}

#[track_caller]
fn check(room: &Room, server: &str, line: &str, code: i32, words: &[&str]) -> Run {
    let mut command = room.command(line);
    command.env("GRYPE_DB_UPDATE_URL", format!("http://{server}/databases"));
    let output = command.output().unwrap();
    let run = Run::new(line, output.status.code().unwrap_or(-1), output.stdout, output.stderr);
    assert_eq!(run.code, code, "{run}");
    for word in words {
        assert!(run.out.contains(word) || run.talk.contains(word), "no `{word}` in\n{run}");
    }
    run
}

#[test]
fn the_published_database_is_fetched_and_used() {
    let room = Room::new();
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../advisories/src/feeds/grype_db/testdata/vulnerability.db");
    let archive = tar("vulnerability.db", &std::fs::read(fixture).unwrap());
    let listed = "/databases/v6/latest.json".to_owned();
    let files: Files = Arc::new(Mutex::new(vec![
        (listed.clone(), listing("2026-03-11T00:00:00Z", &archive)),
        ("/databases/v6/vulnerability-db.tar".to_owned(), archive.clone()),
    ]));
    let server = serve(Arc::clone(&files));
    let check = |line: &str, code: i32, words: &[&str]| check(&room, &server, line, code, words);
    check("grype db list", 0, &["Status:   active", "Schema:   v6.1.3", "/databases/v6/vulnerability-db.tar"]);
    check("grype db list -o json", 0, &["\"checksum\": \"sha256:"]);
    check("grype db check", 100, &["Update available!"]);
    check("grype db update", 0, &["updated to latest version"]);
    check("grype db status", 0, &["Status:    valid"]);
    check("grype db providers", 0, &["grype-db"]);
    let glibc = "grype pkg:rpm/redhat/glibc@2.34-60.el9_2.1?distro=rhel-9.2";
    check(glibc, 0, &["CVE-2026-1"]);

    let stated = |built: &str, of: &[u8]| files.lock()[0] = (listed.clone(), listing(built, of));
    stated("2026-03-10T00:00:00Z", &archive);
    check("grype db check", 0, &["No update available"]);
    stated("2026-03-20T00:00:00Z", &archive);
    check("grype db check", 100, &["Update available!"]);
    // What was not what the listing says never becomes the database.
    stated("2026-03-20T00:00:00Z", b"something else");
    check("grype db update", 1, &["unable to update vulnerability database"]);
    check("--offline grype db list", 1, &["unable to get database listing"]);
    check("--offline grype db status", 0, &["Status:    valid"]);

    room.check("grype db delete", 0, &["deleted"]);
    std::fs::write(room.path("db.tar"), &archive).unwrap();
    room.check("grype db import db.tar", 0, &["imported"]);
    room.check("grype db providers", 0, &["grype-db"]);
    room.file("nonsense", "nothing");
    room.check("grype db import nonsense", 1, &["unable to import"]);
}
