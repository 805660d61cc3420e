//! Metadata and lock files as text.

use proptest::prelude::*;

use super::{meta, snapshot};
use crate::syntax::testing::{check, mutate, read};

const JSON: &str = include_str!("testdata/META.json");
const YAML: &str = include_str!("testdata/META.yml");
const SNAPSHOT: &str = include_str!("testdata/cpanfile.snapshot");

#[test]
fn metadata() {
    check(&meta::LEAF, "root/.cpan/build/x/META.json", JSON, &["ExtUtils-Helpers@0.028"]);
    check(&meta::LEAF, "app/MYMETA.json", JSON, &["ExtUtils-Helpers@0.028 root"]);
    let found = read(&meta::LEAF, "root/.cpan/META.json", JSON.as_bytes());
    assert_eq!(found.requires, [(0, "File-Basename".to_owned())]);
    check(&meta::LEAF, "root/.cpan/META.yml", YAML, &["Class-Data-Inheritable@0.08"]);
    check(&meta::LEAF, ".cpan/META.json", "{\"version\": \"1\"}", &[]);
    check(&meta::LEAF, ".cpan/META.json", "null", &["! malformed: expected an object"]);
    check(&meta::LEAF, ".cpan/META.yml", "words", &["! malformed: expected an object"]);
    assert!(!(meta::LEAF.accepts)("usr/share/postgresql/extension/META.json"));
}

#[test]
fn snapshots() {
    check(
        &snapshot::LEAF,
        "cpanfile.snapshot",
        SNAPSHOT,
        &[
            "Try-Tiny@0.31 L3-3",
            "URI@v5.34 L9-9 -> Try-Tiny@0.31",
            "! malformed: line 15: a distribution without version",
        ],
    );
    check(&snapshot::LEAF, "cpanfile.snapshot", "x", &["! malformed: line 1: no head of a snapshot"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..3, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = [
            (&meta::LEAF, ".cpan/META.json", JSON),
            (&meta::LEAF, ".cpan/META.yml", YAML),
            (&snapshot::LEAF, "cpanfile.snapshot", SNAPSHOT),
        ][which];
        let found = read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
    }
}
