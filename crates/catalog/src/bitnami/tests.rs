use super::*;
use crate::syntax::testing::{check, mutate, read as look};

const LIST: &[u8] = include_bytes!("testdata/components.json");

#[test]
fn components() {
    let path = "opt/bitnami/.bitnami_components.json";
    check(&LEAF, path, LIST, &["gosu@1.14.0-1 L2-2", "! malformed: line 3: the component `nothing` has no version"]);
    assert_eq!(look(&LEAF, path, LIST).packages[0].checksums.len(), 1);
    assert_eq!(look(&LEAF, path, b"[").unexamined.len(), 1);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..600, byte: u8, cut in 0usize..200, keep in 0usize..2000) {
        look(&LEAF, "x", &mutate(LIST, place, byte, cut, keep));
    }
}
