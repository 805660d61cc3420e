//! Workflows and actions as text.

use proptest::prelude::*;

use super::{actions, workflows};
use crate::syntax::testing::{check, mutate, read};

const WORKFLOW: &str = include_str!("testdata/workflow.yml");
const ACTION: &str = include_str!("testdata/action.yml");

#[test]
fn steps() {
    check(
        &actions::LEAF,
        ".github/workflows/all.yml",
        WORKFLOW,
        &[
            "actions/checkout@v4 direct L7-7 L9-9",
            "actions/cache@v4.2.2 direct L10-10",
            "actions/setup-go@41dfa10bad2bb2ae585af6ee5bb4d7d973ad74ed direct L11-11",
            "./.github/actions/bootstrap@ direct L12-12",
            "! malformed: line 14: `uses` is no `OWNER/REPOSITORY@REF`",
        ],
    );
    let found = read(&actions::LEAF, ".github/workflows/all.yml", WORKFLOW.as_bytes());
    let purls: Vec<_> = found.packages.iter().map(|package| package.purl(None).map(|purl| purl.to_string())).collect();
    assert_eq!(purls[1].as_deref(), Some("pkg:github/actions/cache@v4.2.2#restore"));
    assert_eq!(purls[3], None);
    check(&actions::LEAF, "action.yml", ACTION, &["actions/setup-go@11 direct L5-5"]);
}

#[test]
fn jobs() {
    check(
        &workflows::LEAF,
        ".github/workflows/all.yml",
        WORKFLOW,
        &["octo/repo@v1.0.0 direct L17-17", "./.github/workflows/x.yml@ direct L19-19"],
    );
}

#[test]
fn what_is_no_workflow() {
    let path = ".github/workflows/a.yml";
    check(&actions::LEAF, path, "jobs:\n  - a\n", &["! malformed: line 1: `jobs` is no mapping"]);
    check(&workflows::LEAF, path, "jobs:\n  - a\n", &[]);
    check(&workflows::LEAF, path, "a: [\n", &[]);
    assert_eq!(read(&actions::LEAF, path, b"a: [\n").unexamined.len(), 1);
}

proptest! {
    #[test]
    fn broken_files_never_panic(action: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let bytes = mutate(if action { ACTION } else { WORKFLOW }.as_bytes(), place, byte, cut, keep);
        prop_assert!(read(&actions::LEAF, "action.yml", &bytes).packages.len() < 20);
        prop_assert!(read(&workflows::LEAF, ".github/workflows/a.yml", &bytes).packages.len() < 20);
    }
}
