//! Descriptions and lock files as text.

use proptest::prelude::*;
use signet_model::Presence;

use super::{description, renv};
use crate::syntax::testing::{check, mutate, read};

const DESCRIPTION: &str = include_str!("testdata/DESCRIPTION");
const LOCK: &str = include_str!("testdata/renv.lock");

#[test]
fn descriptions() {
    check(&description::LEAF, "stringr/DESCRIPTION", DESCRIPTION, &["stringr@1.5.0.9000"]);
    let found = read(&description::LEAF, "stringr/DESCRIPTION", DESCRIPTION.as_bytes());
    assert_eq!(found.requires, [(0, "cli".to_owned()), (0, "glue".to_owned())]);
    assert_eq!(found.packages[0].presence, Presence::Installed);
    assert_eq!(found.packages[0].description.as_deref(), Some("Simple, Consistent Wrappers for Strings"));
    check(&description::LEAF, "DESCRIPTION", "Package: mine\nVersion: 0.1\n", &["mine@0.1 root"]);
    check(&description::LEAF, "DESCRIPTION", "a file of another kind\n", &[]);
}

#[test]
fn lock_files() {
    check(
        &renv::LEAF,
        "renv.lock",
        LOCK,
        &[
            "markdown@1.0 L4-7 -> mime@0.12.1",
            "mime@0.12.1 L8-8",
            "BSgenome@1.60.0 L9-9",
            "! malformed: line 10: a package without version",
        ],
    );
    check(&renv::LEAF, "renv.lock", "x", &["! malformed: no JSON: line 1: not a JSON value"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(lock: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, text) = if lock { (&renv::LEAF, LOCK) } else { (&description::LEAF, DESCRIPTION) };
        let found = read(leaf, "x", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 10);
    }
}
