//! Descriptions and lists as text.

use proptest::prelude::*;
use signet_model::Presence;

use super::{install, opam};
use crate::syntax::testing::{check, mutate, read};

const OPAM: &str = include_str!("testdata/app.opam");
const LOCKED: &str = include_str!("testdata/app.opam.locked");

#[test]
fn descriptions() {
    check(&opam::LEAF, "app.opam", OPAM, &["app@1.5.0 root"]);
    let found = read(&opam::LEAF, "app.opam", OPAM.as_bytes());
    assert_eq!(found.packages[0].licenses.len(), 2);
    assert_eq!(found.packages[0].checksums.len(), 1);
    assert_eq!(found.requires, [(0, "dune".to_owned()), (0, "astring".to_owned())]);
    check(
        &opam::LEAF,
        "app.opam.locked",
        LOCKED,
        &["app@dev root -> dune@3.7.2 alcotest@1.7.0", "dune@3.7.2 L5-5", "alcotest@1.7.0 dev L6-6"],
    );
    let switch =
        read(&opam::LEAF, "root/.opam/default/.opam-switch/packages/dune.3.7.2/opam", b"opam-version: \"2.0\"\n");
    assert_eq!((switch.packages[0].version.as_str(), switch.packages[0].presence), ("3.7.2", Presence::Installed));
    check(&opam::LEAF, "x.opam", "a: [", &["! malformed: line 1: a bracket is not closed"]);
}

#[test]
fn which_files() {
    for (path, expected) in [
        ("usr/bin/opam", false),
        ("home/a/.opam/repo/default/packages/a/a.1/opam", false),
        ("x/.opam-switch/packages/a.1/opam", true),
        ("alcotest.opam", true),
    ] {
        assert_eq!((opam::LEAF.accepts)(path), expected, "{path}");
    }
}

#[test]
fn lists() {
    check(
        &install::LEAF,
        ".opam-switch/install",
        "# list\ndune.3.7.2\n\ncore_kernel.0.15.1 # why\ndune.3.7.2\nbroken\n",
        &["dune@3.7.2 L2-2", "core_kernel@0.15.1 L4-4", "! malformed: line 6: no `NAME.VERSION`"],
    );
}

proptest! {
    #[test]
    fn broken_files_never_panic(locked: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = if locked { LOCKED } else { OPAM };
        let bytes = mutate(text.as_bytes(), place, byte, cut, keep);
        prop_assert!(read(&opam::LEAF, "app.opam.locked", &bytes).packages.len() < 20);
        prop_assert!(read(&install::LEAF, "install", &bytes).packages.len() < 40);
    }

    #[test]
    fn any_text_never_panics(text in "[-a-z0-9:\"{}()<>\\[\\]=&|#*\\\\é \n]{0,60}") {
        read(&opam::LEAF, "a.opam", text.as_bytes());
    }
}
