//! Records of every format version are kept as files. A change of the form without a new version fails here, and so does one of its meaning.
//!
//! After a change of the form: raise `FORMAT_VERSION` and run the tests with `SIGNET_BLESS=1`, which writes the files of the new version and never
//! replaces one that is there.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::generate::Generate;
use crate::records::*;

fn file(name: &str, version: u8) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name.replace("{version}", &version.to_string()))
}

/// The golden file of this version; written first when the tests are blessed and it is missing.
fn golden(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = file(name, FORMAT_VERSION);
    if std::env::var_os("SIGNET_BLESS").is_some() && !path.exists() {
        std::fs::write(&path, make()).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|err| panic!("{}: {err}; write it with SIGNET_BLESS=1", path.display()))
}

/// `decode` gives what the record says, and the record written again.
#[track_caller]
fn check(kind: &str, sample: Vec<u8>, decode: impl Fn(&[u8]) -> Result<(String, Vec<u8>), RecordError>) {
    let record = golden(&format!("{kind}-v{{version}}.record"), || sample);
    let (text, again) = decode(&record).unwrap();
    assert!(again == record, "{kind}: what is written has changed: raise FORMAT_VERSION");
    let said = golden(&format!("{kind}-v{{version}}.txt"), || text.clone().into_bytes());
    assert_eq!(text, String::from_utf8(said).unwrap(), "{kind}: what a record means has changed: raise FORMAT_VERSION");
    for version in (1..).take_while(|version| *version < FORMAT_VERSION) {
        let older = std::fs::read(file(&format!("{kind}-v{{version}}.record"), version)).unwrap();
        let refused = RecordError::Version { found: version, known: FORMAT_VERSION };
        assert_eq!(decode(&older), Err(refused), "files of all versions are kept, and refused as older ones");
    }
}

#[test]
fn layers() {
    let index = Generate::full(7, 12).index();
    let mut generate = Generate::full(7, 2);
    let record = generate.record();
    let sample = encode_layer(&index, &record, &generate.list_of_unexamined()).unwrap();
    check("layer", sample, |bytes| {
        let (index, record, unexamined) = decode_layer(bytes)?;
        let mut text = String::new();
        for (at, entry) in index.entries().enumerate() {
            writeln!(text, "{} {entry:?}", index.sequence(at)).unwrap();
        }
        for (name, paths) in [
            ("whiteouts", index.whiteouts().collect::<Vec<_>>()),
            ("opaques", index.opaques().collect()),
            ("duplicates", index.duplicates().collect()),
        ] {
            writeln!(text, "{name} {paths:?}").unwrap();
        }
        writeln!(text, "{record:#?}\n{unexamined:#?}").unwrap();
        Ok((text, encode_layer(&index, &record, &unexamined)?))
    });
}

#[test]
fn inventories() {
    let sample = encode_inventory(&Generate::full(7, 2).inventory()).unwrap();
    check("inventory", sample, |bytes| {
        let inventory = decode_inventory(bytes)?;
        Ok((format!("{inventory:#?}\n"), encode_inventory(&inventory)?))
    });
}
