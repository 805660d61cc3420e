use signet_model::Location;

use super::*;
use crate::Owner;

const SQLITE: &[u8] = include_bytes!("testdata/rpmdb.sqlite");
const WAL: &[u8] = include_bytes!("testdata/rpmdb.sqlite-wal");
const NDB: &[u8] = include_bytes!("testdata/Packages.db");
const BDB: &[u8] = include_bytes!("testdata/Packages");
const BDB_BIG: &[u8] = include_bytes!("testdata/Packages.big-endian");

const RPM: &[u8] = include_bytes!("testdata/signet-demo-1.2-3.noarch.rpm");

fn look(leaf: &Leaf, path: &str, bytes: &[u8]) -> Found {
    let location = Location::of_path(path);
    (leaf.read)(&Input { location: &location, bytes, binary: None, leaf: leaf.id })
}

fn look_at(bytes: &[u8]) -> Found {
    look(&LEAF, "var/lib/rpm/Packages", bytes)
}

fn names(found: &Found) -> Vec<String> {
    found.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

/// The three packages of every fixture, behind `fillers` others.
#[track_caller]
fn check(bytes: &[u8], fillers: usize) {
    let found = look_at(bytes);
    assert_eq!(found.unexamined, []);
    assert_eq!(names(&found)[fillers..], ["signet-libs 1:1.2.3-4.el9", "signet 1.2.3-4.el9"]);
    let [libs, tool] = &found.packages[fillers..] else { panic!("two packages") };
    let source = libs.source.clone().expect("because an rpm always has a source");
    assert_eq!((source.name.as_str(), source.version.as_deref()), ("signet", Some("1:1.2.3-4.el9")));
    assert_eq!(libs.module.as_deref(), Some("signet:1:20260101:abcd"));
    assert_eq!((libs.arch.as_deref(), libs.vendor.as_deref()), (Some("x86_64"), Some("Signet")));
    assert_eq!(libs.licenses[0].value, "MIT");
    assert_eq!(tool.description.as_deref(), Some("about signet"));
    let requires: Vec<&str> = found.requires.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(requires, ["/bin/sh", "libsignet.so.1()(64bit)"]);
    assert!(found.provides.contains(&(fillers, "libsignet.so.1()(64bit)".to_owned())));
    let files = vec!["usr/lib64/libsignet.so.1".to_owned(), "usr/share/doc/signet/readme".to_owned()];
    assert_eq!(found.owns[0], (Owner::Here(fillers), files));
    assert_eq!((found.owns[1].1.len(), found.owns[1].1[199].as_str()), (200, "usr/share/signet/file-0199"));
}

#[test]
fn every_form_of_the_database() {
    check(SQLITE, 30);
    check(NDB, 0);
    check(BDB, 0);
    check(BDB_BIG, 0);
}

#[test]
fn what_is_no_database_is_told() {
    for bytes in [&b""[..], b"Packages", b"SQLite format 3\0", b"RpmP", b"RpmP\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let found = look_at(bytes);
        assert_eq!((found.packages.len(), found.unexamined.len()), (0, 1), "{bytes:?}");
    }
}

#[test]
fn a_log_with_pages_that_count_is_told() {
    let told = |bytes: &[u8]| look(&LEAF, "var/lib/rpm/rpmdb.sqlite-wal", bytes).unexamined.len();
    assert_eq!(told(WAL), 1);
    assert_eq!(told(b""), 0);
    let mut other = WAL.to_vec();
    // Another salt in the header: the frames are of an older log.
    other[16] ^= 1;
    assert_eq!(told(&other), 0);
    let mut torn = WAL.to_vec();
    torn.truncate(32 + 24 + 100);
    assert_eq!(told(&torn), 0);
}

/// Changes one byte or word of a database; the reader must tell, and end.
#[track_caller]
fn check_damaged(bytes: &[u8], at: usize, new: &[u8], why: &str) {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    let found = look_at(&bytes);
    assert!(found.unexamined.iter().any(|what| what.why.contains(why)), "{why:?} is not among {:?}", found.unexamined);
}

#[test]
fn ndb_lies() {
    check_damaged(NDB, 4, &[9], "version 9");
    // CVE-2026-44605: times 4096 this wraps to 4096 in 32 bits.
    check_damaged(NDB, 12, &0x0010_0001u32.to_le_bytes(), "pages of slots");
    check_damaged(NDB, 32, b"Xlot", "no slot at offset 32");
    check_damaged(NDB, 40, &u32::MAX.to_le_bytes(), "outside the file");
    check_damaged(NDB, 44, &[1], "package 1 of the database");
    check_damaged(NDB, 4096 + 12, &u32::MAX.to_le_bytes(), "do not fill");
    check_damaged(NDB, 4096 + 40, b"?", "checksum is wrong");
}

#[test]
fn bdb_lies() {
    // The next page of the first page of a package: itself, another package's, a page that is none, the metadata.
    let next = 3 * 512 + 16;
    check_damaged(BDB, next, &3u32.to_le_bytes(), "belongs to a package already");
    check_damaged(BDB, next, &1u32.to_le_bytes(), "no part of one");
    check_damaged(BDB, next, &0xffffu32.to_le_bytes(), "no part of one");
    check_damaged(BDB, next, &0u32.to_le_bytes(), "no part of one");
    check_damaged(BDB, 24, &[1], "encrypted");
    check_damaged(BDB, 32, &u32::MAX.to_le_bytes(), "it claims");
    check_damaged(BDB, 512 + 20, &u16::MAX.to_le_bytes(), "entries");
}

#[test]
fn sqlite_lies() {
    let interior =
        (1..SQLITE.len() / 512).find(|page| SQLITE[page * 512] == 5).expect("because the table is a tree") * 512;
    let leaf = (1..SQLITE.len() / 512)
        .find(|page| SQLITE[page * 512] == 13 && SQLITE[page * 512 + 4] > 0)
        .expect("because the table has rows")
        * 512;
    let own = (interior / 512 + 1) as u32;
    check_damaged(SQLITE, interior + 8, &own.to_be_bytes(), "used twice");
    check_damaged(SQLITE, interior + 8, &u32::MAX.to_be_bytes(), "behind the end");
    check_damaged(SQLITE, interior + 8, &0u32.to_be_bytes(), "number 0");
    check_damaged(SQLITE, leaf, &[2], "no table has");
    check_damaged(SQLITE, leaf + 8, &u16::MAX.to_be_bytes(), "a cell lies outside of it");
    let place = SQLITE.windows(8).position(|text| text == b"Packages").expect("because the schema names the table");
    let mut other = SQLITE.to_vec();
    for at in place..512 {
        if other[at..].starts_with(b"Packages") {
            other[at] = b'X';
        }
    }
    assert!(look_at(&other).unexamined[0].why.contains("no table"));
}

#[test]
fn headers_lie() {
    let header = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let refused = |bytes: &[u8]| header::Header::read(bytes).is_err();
    assert!(refused(&[]));
    assert!(refused(&header(&[0, 0])));
    assert!(refused(&header(&[u32::MAX, 0])));
    assert!(refused(&header(&[1, u32::MAX, 1000, 6, 0, 1])));
    assert!(refused(&header(&[2, 0, 1000, 6, 0, 1])));
    // A string without an end, an array of 2^32 strings, an offset behind the data.
    let bytes =
        [header(&[4, 4, 1000, 6, 0, 1, 1117, 8, 0, u32::MAX, 1001, 6, 5, 1, 1003, 4, 2, 9]), b"abcd".to_vec()].concat();
    let read = header::Header::read(&bytes).expect("because the index is whole");
    assert_eq!((read.string(1000), read.string(1001)), (None, None));
    assert_eq!((read.strings(1117), read.numbers(1003)), (vec![], vec![]));
}

#[test]
fn sources() {
    let of = |file: Option<&str>, epoch| {
        let source = package::source(file, epoch, "n", "v");
        format!("{} {}", source.name, source.version.unwrap_or_default())
    };
    assert_eq!(of(Some("openssl-libs-3.0.7-27.el9.src.rpm"), Some(1)), "openssl-libs 1:3.0.7-27.el9");
    assert_eq!(of(Some("a-1-2.nosrc.rpm"), None), "a 1-2");
    assert_eq!(of(Some("odd.src.rpm"), None), "n v");
    assert_eq!(of(None, None), "n v");
}

#[test]
fn manifests() {
    let found =
        look(&MANIFEST, "var/lib/rpmmanifest/container-manifest-2", include_bytes!("testdata/container-manifest-2"));
    assert_eq!(
        (names(&found), found.unexamined.len()),
        (vec!["signet-release 2.0-12.cm2".to_owned(), "filesystem 3:1.1-9.cm2".to_owned()], 0)
    );
    assert_eq!(found.packages[0].extra["rpm.source"], "signet-release-2.0-12.cm2.src.rpm");
    assert_eq!(look(&MANIFEST, "container-manifest-2", b"a\tb\n\n\t\t\t\tSigNet\t\t\t\t\t\n").unexamined.len(), 2);
}

#[test]
fn archives() {
    let found = look(&ARCHIVE, "srv/signet-demo.rpm", RPM);
    assert_eq!((names(&found), found.unexamined.len()), (vec!["signet-demo 1:1.2-3".to_owned()], 0));
    let package = &found.packages[0];
    assert_eq!((package.presence, package.arch.as_deref()), (signet_model::Presence::Declared, Some("noarch")));
    assert!(found.owns.is_empty() && found.requires.is_empty(), "its files are not installed");
    // The payload is not needed.
    let payload = RPM.windows(2).rposition(|bytes| bytes == [0x1f, 0x8b]).expect("because it is packed by gzip");
    assert_eq!(look(&ARCHIVE, "a.rpm", &RPM[..payload]).packages.len(), 1);
    let mut source = RPM.to_vec();
    source[7] = 1;
    assert_eq!(look(&ARCHIVE, "a.src.rpm", &source).packages[0].arch.as_deref(), Some("src"));
    for (broken, why) in [
        (&b"not an rpm"[..], "no rpm file"),
        (&RPM[..96], "it is cut off"),
        (&RPM[..5000], "it claims"),
        (&RPM[..3000], "it is cut off"),
        (&[&RPM[..96], &[0; 200]].concat(), "no header at offset 96"),
    ] {
        let found = look(&ARCHIVE, "a.rpm", broken);
        assert_eq!((found.packages.len(), found.unexamined.len()), (0, 1));
        assert!(found.unexamined[0].why.contains(why), "{}", found.unexamined[0].why);
    }
}

/// Damage of any kind neither panics nor makes more packages than there are bytes for.
fn check_survives(bytes: &[u8]) {
    let found = look_at(bytes);
    assert!(found.packages.len() + found.unexamined.len() <= 200);
    look(&LEAF, "var/lib/rpm/rpmdb.sqlite-wal", bytes);
    look(&MANIFEST, "container-manifest-2", bytes);
    look(&ARCHIVE, "a.rpm", bytes);
}

#[test]
fn a_damage_that_once_gave_too_many_is_bounded() {
    // Found by the test below when it allowed 4096: every byte of the page in which it hit, set to the value that it had.
    let at = ((9_227_529_205_741_579_343_u128 * SQLITE.len() as u128) >> 64) as usize;
    for place in at & !511..(at | 511) + 1 {
        let mut bytes = SQLITE.to_vec();
        bytes[place] = 16;
        check_survives(&bytes);
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, form in 0..4usize) {
        check_survives(&[[b"", sqlite::MAGIC, ndb::MAGIC, &BDB[..40]][form], bytes.as_slice()].concat());
        let _ = header::Header::read(&bytes).map(|header| (header.string(1000), header.strings(1000), header.numbers(1000)));
    }

    #[test]
    fn damaged_databases_are_read_without_a_panic(form in 0..4usize, at: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        let mut bytes = [SQLITE, NDB, BDB, RPM][form].to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check_survives(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        check_survives(&bytes);
    }
}
