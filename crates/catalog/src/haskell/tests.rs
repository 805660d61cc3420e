//! Lock files as text.

use proptest::prelude::*;

use super::{freeze, stack};
use crate::syntax::testing::{check, mutate, read};

const LOCK: &str = include_str!("testdata/stack.yaml.lock");
const PROJECT: &str = include_str!("testdata/stack.yaml");
const FREEZE: &str = include_str!("testdata/cabal.project.freeze");

#[test]
fn stack_files() {
    check(
        &stack::LOCK,
        "stack.yaml.lock",
        LOCK,
        &["hasql-pool@0.5.2.2 L2-7", "kore@0.60.0.0 L8-13", "! malformed: line 14: a package without name"],
    );
    let found = read(&stack::LOCK, "stack.yaml.lock", LOCK.as_bytes());
    assert_eq!(found.packages[0].extra["haskell.snapshot"], "https://example.com/lts/19/8.yaml");
    check(&stack::LOCK, "stack.yaml.lock", "packages:\n", &[]);
    check(&stack::PROJECT, "stack.yaml", PROJECT, &["stm@2.5.0.2 L4-4", "acme-missiles@ L5-5"]);
    assert_eq!(read(&stack::PROJECT, "stack.yaml", b"packages\n- a: [\n").unexamined.len(), 1);
}

#[test]
fn cabal_freeze() {
    check(&freeze::LEAF, "cabal.project.freeze", FREEZE, &["Cabal@3.2.1.0 L2-2", "HTTP@4000.3.16 L5-5"]);
    check(&freeze::LEAF, "cabal.project.freeze", "x\n", &["! malformed: line 1: no field of a Cabal project"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..3, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, text) = [(&stack::LOCK, LOCK), (&stack::PROJECT, PROJECT), (&freeze::LEAF, FREEZE)][which];
        let found = read(leaf, "x", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
    }
}
