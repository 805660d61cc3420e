//! Lock files and resource files as text.

use proptest::prelude::*;

use super::{mix, otp, rebar};
use crate::syntax::testing::{check, mutate, read};

const MIX: &str = include_str!("testdata/mix.lock");
const REBAR: &str = include_str!("testdata/rebar.lock");
const APP: &str = include_str!("testdata/app.app");

#[test]
fn mix_lock() {
    check(
        &mix::LEAF,
        "mix.lock",
        MIX,
        &["cowboy@2.9.0 L2-2 -> cowlib@2.11.0", "cowlib@2.11.0 L3-3", "enacl@ L4-4", "local@ L5-5"],
    );
    let found = read(&mix::LEAF, "mix.lock", MIX.as_bytes());
    assert!(found.packages[0].checksums[0].hex.starts_with("2c729f93"));
    assert_eq!(found.packages[1].extra["hex.repository"], "hexpm:org");
    assert_eq!(found.packages[2].extra["hex.revision"], "2f50ba6289f2f2d9fef05d22a396c0bab4f64149");
}

#[test]
fn broken_mix_lock() {
    check(
        &mix::LEAF,
        "mix.lock",
        "%{\n  \"a\": {:hex, :a, \"1.0.0\", \"x\", [:mix], [], \"hexpm\", \"y\"},\n  \"b\": {:hex, },\n}\n",
        &["a@1.0.0 L2-2", "! malformed: line 3: an entry that is no package"],
    );
    check(
        &mix::LEAF,
        "mix.lock",
        "%{\n<<<<<<< HEAD\n  \"a\": {:hex, :a, \"1.0.0\", \"x\"},\n  \"b\": {:hex,\n",
        &["a@1.0.0 L3-3", "! malformed: line 4: the text ends inside brackets"],
    );
    check(&mix::LEAF, "mix.lock", "", &["! malformed: the file is empty"]);
}

#[test]
fn rebar_lock() {
    check(
        &rebar::LEAF,
        "rebar.lock",
        REBAR,
        &[
            "certifi@2.9.0 direct L2-2",
            "idna@6.1.1 indirect L3-3",
            "g@ direct L4-4",
            "! malformed: line 5: an entry that is no package",
        ],
    );
    let found = read(&rebar::LEAF, "rebar.lock", REBAR.as_bytes());
    assert!(found.packages[0].checksums[0].hex.starts_with("266da46b"));
    check(&rebar::LEAF, "rebar.lock", "[].\n", &[]);
    check(&rebar::LEAF, "rebar.lock", "", &["! malformed: no list of packages"]);
    assert_eq!(read(&rebar::LEAF, "rebar.lock", b"{\"1.2.0\",\n[{<<\"a{pkg,<<\"a\">>}]}.").unexamined.len(), 1);
}

#[test]
fn otp_application() {
    check(&otp::LEAF, "lib/my_app/ebin/my_app.app", APP, &["my_app@1.2.3 L2-8"]);
    let found = read(&otp::LEAF, "ebin/my_app.app", APP.as_bytes());
    assert_eq!(found.requires, [(0, "kernel".to_owned()), (0, "stdlib".to_owned())]);
    check(&otp::LEAF, "ebin/a.app", "{application, a, [{vsn, git}]}.", &["a@ L1-1"]);
    check(&otp::LEAF, "ebin/a.app", "x", &["! malformed: no term `{application, ..}`"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..3, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = [
            (&mix::LEAF, "mix.lock", MIX),
            (&rebar::LEAF, "rebar.lock", REBAR),
            (&otp::LEAF, "ebin/my_app.app", APP),
        ][which];
        let found = read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
    }
}
