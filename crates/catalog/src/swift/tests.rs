//! Lock files as text.

use proptest::prelude::*;

use super::resolved;
use crate::syntax::testing::{check, mutate, read};

const V1: &str = include_str!("testdata/Package-v1.resolved");
const V3: &str = include_str!("testdata/Package-v3.resolved");

#[test]
fn versions() {
    check(&resolved::LEAF, "Package.resolved", V1, &["github.com/apple/swift-nio@2.0.0 L4-8"]);
    check(
        &resolved::LEAF,
        "Package.resolved",
        V3,
        &[
            "github.com/Quick/Nimble@9.2.1 L4-9",
            "github.com/apple/swift-mmio@ L10-14",
            "mona.LinkedList@1.2.0 L15-15",
            "! malformed: line 16: a pin without name",
        ],
    );
    let found = read(&resolved::LEAF, "Package.resolved", V3.as_bytes());
    assert_eq!(found.packages[0].purl(None).unwrap().to_string(), "pkg:swift/github.com/Quick/Nimble@9.2.1");
}

#[test]
fn what_is_no_lock_file() {
    let no_number = ["! malformed: line 1: `version` is no number from 1 to 3"];
    check(&resolved::LEAF, "Package.resolved", r#"{"version": "2"}"#, &no_number);
    check(&resolved::LEAF, "Package.resolved", "", &["! malformed: no JSON: line 1: the JSON document ends too early"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(v1: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = if v1 { V1 } else { V3 };
        let found = read(&resolved::LEAF, "Package.resolved", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 10);
    }
}
