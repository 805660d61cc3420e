//! Lock files and manifests as text.

use proptest::prelude::*;
use signet_model::Presence;

use super::{lock, pubspec};
use crate::syntax::testing::{check, mutate, read};

const LOCK: &str = include_str!("testdata/pubspec.lock");

#[test]
fn lock_file() {
    check(
        &lock::LEAF,
        "pubspec.lock",
        LOCK,
        &[
            "crypto@3.0.3 direct L3-10",
            "git_one@1.11.20 indirect L11-19",
            "flutter_test@0.0.0 dev direct L20-24",
            "! malformed: line 25: a package without version",
        ],
    );
    let found = read(&lock::LEAF, "pubspec.lock", LOCK.as_bytes());
    assert_eq!(found.packages[0].checksums.len(), 1);
    assert_eq!(found.packages[1].extra["dart.revision"], "3f7b3a6350e73c7dcac45301c0e18fbd42af02f7");
    assert_eq!(found.packages[2].extra["dart.minimum"], "3.24.5");
    check(&lock::LEAF, "pubspec.lock", "packages: {}\n", &[]);
    check(&lock::LEAF, "pubspec.lock", "", &["! malformed: expected an object"]);
    check(&lock::LEAF, "pubspec.lock", "sdks: {}\n", &["! malformed: line 1: no `packages`"]);
}

#[test]
fn manifest() {
    check(&pubspec::LEAF, "app/pubspec.yaml", "name: app\nversion: 1.2.0+3\n", &["app@1.2.0+3 root"]);
    check(&pubspec::LEAF, "pubspec.yaml", "dependencies: {}\n", &["! malformed: line 1: no `name`"]);
    let cached =
        read(&pubspec::LEAF, "root/.pub-cache/hosted/pub.dev/a-1.0.0/pubspec.yaml", b"name: a\nversion: 1.0.0\n");
    assert_eq!(cached.packages[0].presence, Presence::Installed);
}

proptest! {
    #[test]
    fn broken_files_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = mutate(LOCK.as_bytes(), place, byte, cut, keep);
        prop_assert!(read(&lock::LEAF, "pubspec.lock", &text).packages.len() < 20);
        prop_assert!(read(&pubspec::LEAF, "pubspec.yaml", &text).packages.len() < 2);
    }
}
