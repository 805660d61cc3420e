//! Configurations as text.

use proptest::prelude::*;

use super::{config, tool_versions};
use crate::syntax::testing::{check, mutate, read};

const CONFIG: &str = include_str!("testdata/mise.toml");

#[test]
fn configurations() {
    let rows = [
        "terraform@1 direct L2-2",
        "node@20.1.0 direct L3-3",
        "node@22 direct L3-3",
        "python@3.12 direct L4-4",
        "npm:prettier@latest direct L5-5",
    ];
    let mut found = crate::syntax::testing::rows(&read(&config::LEAF, "mise.toml", CONFIG.as_bytes()));
    found.sort_by_key(|row| rows.iter().position(|other| other == row));
    assert_eq!(found, rows);
    check(&config::LEAF, "mise.toml", "x", &["! malformed: line 1: not TOML"]);
}

#[test]
fn lists() {
    check(
        &tool_versions::LEAF,
        ".tool-versions",
        "nodejs 20.1.0 18.0.0 # both\nruby\njava temurin-21.0.1 system\n",
        &[
            "nodejs@20.1.0 direct L1-1",
            "nodejs@18.0.0 direct L1-1",
            "java@temurin-21.0.1 direct L3-3",
            "! malformed: line 2: a tool without version",
        ],
    );
}

proptest! {
    #[test]
    fn broken_files_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = mutate(CONFIG.as_bytes(), place, byte, cut, keep);
        prop_assert!(read(&config::LEAF, "mise.toml", &text).packages.len() < 20);
        prop_assert!(read(&tool_versions::LEAF, ".tool-versions", &text).packages.len() < 100);
    }
}
