use super::*;
use crate::syntax::testing::{check, mutate, read as look};

const SPEC: &[u8] = include_bytes!("testdata/spec.json");

#[test]
fn nodes() {
    check(
        &LEAF,
        "opt/spack/.spack/spec.json",
        SPEC,
        &["signet@1.0 L2-2 -> gmake@4.4.1", "gmake@4.4.1 L3-3", "! malformed: line 5: a node without name or version"],
    );
    assert_eq!(look(&LEAF, "x", SPEC).packages[0].arch.as_deref(), Some("skylake"));
    assert_eq!(look(&LEAF, "x", b"{}").unexamined.len(), 1);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..600, byte: u8, cut in 0usize..200, keep in 0usize..2000) {
        look(&LEAF, "x", &mutate(SPEC, place, byte, cut, keep));
    }
}
