use signet_model::{Checksum, ChecksumAlgorithm, Location};

use super::*;
use crate::{Found, Input, Owner};

fn look(bytes: &[u8]) -> Found {
    let location = Location::of_path("lib/apk/db/installed");
    (LEAF.read)(&Input { location: &location, bytes, binary: None, leaf: LEAF.id })
}

#[track_caller]
fn check(text: &str, expected: &[&str], broken: usize) -> Found {
    let found = look(text.as_bytes());
    assert_eq!(
        found.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(found.unexamined.len(), broken, "{:?}", found.unexamined);
    found
}

#[test]
fn records() {
    let found = check(
        include_str!("testdata/installed"),
        &["signet-libs 1.2.3-r0", "signet 1.2.3-r0", ".build-deps 20260101.000000"],
        0,
    );
    let (libs, tool) = (&found.packages[0], &found.packages[1]);
    assert_eq!(libs.arch.as_deref(), Some("x86_64"));
    assert_eq!(libs.source.as_ref().map(|source| source.name.as_str()), Some("signet-src"));
    assert_eq!(tool.source.as_ref().map(|source| source.name.as_str()), Some("signet"));
    assert_eq!(libs.licenses[0].value, "MIT AND Apache-2.0");
    let sum =
        Checksum { algorithm: ChecksumAlgorithm::Sha1, hex: "da39a3ee5e6b4b0d3255bfef95601890afd80709".to_owned() };
    assert_eq!(libs.checksums, [sum]);
    assert_eq!(found.packages[2].extra["apk.virtual"], "true");
    assert_eq!(
        found.requires,
        [(1, "so:libsignet.so.1".to_owned()), (1, "/bin/sh".to_owned()), (1, "musl".to_owned())]
    );
    assert_eq!(found.provides, [(0, "so:libsignet.so.1".to_owned())]);
    assert_eq!(
        found.owns,
        [(
            Owner::Here(0),
            vec!["readme".to_owned(), "usr/lib/libsignet.so.1".to_owned(), "usr/lib/libsignet.so.1.2".to_owned()]
        )]
    );
}

#[test]
fn a_broken_record_costs_itself() {
    check("asdf\n\nyolo\n", &[], 2);
    check("P:a\nV:1\n\nP:b\n\nV:2\n\nP:c\nV:3\nno field\n\nP:d\nV:4", &["a 1", "d 4"], 3);
    check("", &[], 0);
    check("P:a\r\nV:1\r\nC:Q1not-base64\r\n", &["a 1"], 0);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        look(&bytes);
    }

    #[test]
    fn a_damaged_database_loses_only_records(at in 0..500usize, byte: u8) {
        let mut bytes = include_bytes!("testdata/installed").to_vec();
        if let Some(slot) = bytes.get_mut(at) {
            *slot = byte;
        }
        let found = look(&bytes);
        proptest::prop_assert!(found.packages.len() + found.unexamined.len() <= 4);
    }
}
