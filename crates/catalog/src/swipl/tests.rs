//! Descriptions as text.

use proptest::prelude::*;

use super::pack;
use crate::syntax::testing::{check, mutate, read};

const PACK: &str = include_str!("testdata/pack.pl");

#[test]
fn packs() {
    check(&pack::LEAF, "pack/hdt/pack.pl", PACK, &["hdt@0.5.2"]);
    let found = read(&pack::LEAF, "pack.pl", PACK.as_bytes());
    assert_eq!(found.packages[0].vendor.as_deref(), Some("Jan Wielemaker"));
    assert_eq!(found.requires, [(0, "rocksdb".to_owned())]);
    check(
        &pack::LEAF,
        "pack.pl",
        "name(a).\nversion(1.2.3).\nx(",
        &["a@1.2.3", "! malformed: line 3: the text ends too early"],
    );
    check(&pack::LEAF, "pack.pl", "version('1').\n", &["! malformed: no fact `name`"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let found = read(&pack::LEAF, "pack.pl", &mutate(PACK.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 2);
    }
}
