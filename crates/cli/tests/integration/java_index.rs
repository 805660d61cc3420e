//! Java archives that do not say what they are, named by an index.

use std::path::Path;

use serde_json::Value;

use crate::harness::Room;

const ADVISORY: &str = r#"{"schema_version":"1.6.0","id":"OSV-1","modified":"2026-01-15T00:00:00Z","summary":"s","affected":[{"package":{"ecosystem":"Maven","name":"com.example:thing"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#;

/// An archive with one empty class and nothing that names it.
fn archive() -> Vec<u8> {
    let name = b"A.class";
    let fields =
        |mark: &[u8], more: &[u8]| [mark, &[20, 0, 0, 0, 0, 0], &[0; 16], &[name.len() as u8, 0], more].concat();
    let local = [fields(b"PK\x03\x04", &[0; 2]), name.to_vec()].concat();
    let central = [b"PK\x01\x02".as_slice(), &[20, 0], &fields(b"", &[0; 16]), name].concat();
    let at = (local.len() as u32).to_le_bytes();
    let size = (central.len() as u32).to_le_bytes();
    [local, central, [b"PK\x05\x06".as_slice(), &[0, 0, 0, 0, 1, 0, 1, 0], &size, &at, &[0, 0]].concat()].concat()
}

/// An index in Trivy's form with one archive.
fn index(path: &Path, sha1: &str) {
    let made = rusqlite::Connection::open(path).unwrap();
    made.execute_batch(&format!(
        "CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
         CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT);
         CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);
         CREATE INDEX indices_artifact_idx ON indices(artifact_id);
         CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);
         INSERT INTO artifacts VALUES (7, 'com.example', 'thing');
         INSERT INTO indices VALUES (7, '1.2.3', x'{sha1}', 'jar');"
    ))
    .unwrap();
}

fn package(document: &Value) -> &Value {
    let packages = document["packages"].as_array().unwrap();
    packages.iter().find(|package| package["kind"] == "java" || package["type"] == "java").unwrap_or(&packages[0])
}

#[test]
fn an_archive_without_a_name_is_found_in_the_index() {
    let room = Room::new();
    room.file("osv.json", ADVISORY);
    room.check("db build --osv osv.json -o own.db", 0, &[]);
    std::fs::create_dir_all(room.path("app/lib")).unwrap();
    std::fs::write(room.path("app/lib/whatever.jar"), archive()).unwrap();

    let scan = "--offline scan dir:app --db own.db -o json";
    let before = room.check(scan, 13, &["whatever"]);
    assert_eq!(before.ids(false), Vec::<String>::new());
    let document: Value = serde_json::from_str(&before.out).unwrap();
    let sha1 = package(&document)["checksums"]["sha-1"].as_str().or(package(&document)["checksums"]["sha1"].as_str());
    let sha1 = sha1.unwrap_or_else(|| panic!("no SHA-1 in {}", package(&document))).to_owned();
    index(&room.path("java.db"), &sha1);

    let named = room.check(&format!("{scan} --java-db java.db"), 0, &["com.example:thing"]);
    assert_eq!(named.ids(false), ["OSV-1"]);
    assert!(named.out.contains("named by its SHA-1 through an index"), "{named}");
    room.check(&format!("{scan} --java-db osv.json"), 1, &["cannot use the index of Java archives"]);
    room.check(&format!("{scan} --java-db none.db"), 1, &["cannot use the index of Java archives"]);

    // Installed, it is asked without being named; what is damaged is told and names nothing.
    room.check("db build --java-db java.db", 0, &["is installed"]);
    assert_eq!(room.check(scan, 0, &[]).ids(false), ["OSV-1"]);
    room.check("db build --java-db osv.json", 1, &["holds no index of Java archives"]);
    std::fs::write(room.path("home/.cache/signet/java-db/trivy-java.db"), "damaged").unwrap();
    room.check(scan, 13, &["db update --java-db"]);
}

#[test]
fn an_older_index_does_not_replace_a_newer_one() {
    let room = Room::new();
    let at = |folder: &str, time: &str| {
        room.file(&format!("{folder}/metadata.json"), &format!(r#"{{"Version":1,"UpdatedAt":"{time}"}}"#));
        index(&room.path(&format!("{folder}/trivy-java.db")), &"ab".repeat(20));
    };
    at("old", "2026-01-01T00:00:00Z");
    at("new", "2026-01-10T00:00:00Z");
    room.check("db build --java-db new/trivy-java.db", 0, &["is installed"]);
    room.check("db build --java-db old/trivy-java.db", 1, &["refused without `--allow-rollback`"]);
    room.check("db build --java-db old/trivy-java.db --allow-rollback", 0, &["is installed"]);
    room.file("old/metadata.json", r#"{"Version":2}"#);
    room.check("db build --java-db old/trivy-java.db --allow-rollback", 1, &["not of schema 1"]);
}
