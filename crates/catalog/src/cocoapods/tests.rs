//! Lock files as text.

use proptest::prelude::*;

use super::lock;
use crate::syntax::testing::{check, mutate, read};

const LOCK: &str = include_str!("testdata/Podfile.lock");

#[test]
fn lock_file() {
    check(
        &lock::LEAF,
        "Podfile.lock",
        LOCK,
        &[
            "Alamofire@5.4.0 direct L2-2",
            "AppCenter@4.2.0 direct L3-4 -> AppCenter/Core@4.2.0",
            "AppCenter/Core@4.2.0 indirect L5-5",
            "! malformed: line 6: a pod without version",
        ],
    );
    let found = read(&lock::LEAF, "Podfile.lock", LOCK.as_bytes());
    assert_eq!(found.packages[2].extra["cocoapods.checksum"], "87ef6eefd8ade4df59e88951288587429f3dd2a5");
    assert_eq!(found.packages[2].purl(None).unwrap().to_string(), "pkg:cocoapods/AppCenter@4.2.0#Core");
}

#[test]
fn what_is_no_lock_file() {
    check(&lock::LEAF, "Podfile.lock", "bogus", &["! malformed: expected an object"]);
    check(&lock::LEAF, "Podfile.lock", "", &["! malformed: expected an object"]);
    check(&lock::LEAF, "Podfile.lock", "COCOAPODS: 1.0\n", &["! malformed: line 1: no `PODS`"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let found = read(&lock::LEAF, "Podfile.lock", &mutate(LOCK.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 10);
    }
}
