//! Manifests as text.

use proptest::prelude::*;

use super::{manifest, project};
use crate::syntax::testing::{check, mutate, read};

const V1: &str = include_str!("testdata/Manifest-v1.toml");
const V2: &str = include_str!("testdata/Manifest-v2.toml");

#[test]
fn manifests() {
    check(&manifest::LEAF, "Manifest.toml", V1, &["Dates@ L1-3", "JSON@0.21.4 L5-9 -> Dates@"]);
    check(&manifest::LEAF, "Manifest.toml", V2, &["A@ L4-9 -> B@1.2.0", "B@1.9.0 L11-12", "B@1.2.0 L14-16"]);
    check(&manifest::LEAF, "Manifest.toml", "x", &["! malformed: line 1: not TOML"]);
    check(
        &manifest::LEAF,
        "Manifest.toml",
        "[[A]]\ndeps = ['B']\n[[B]]\nuuid = 'x'\n[[B]]\nuuid = 'y'\n",
        &[
            "A@ L1-2 -> B@ B@",
            "B@ L3-4",
            "B@ L5-6",
            "! malformed: line 2: several packages are called `B`, and a need does not say which",
        ],
    );
    for (path, expected) in [("a/Manifest-v1.11.toml", true), ("JuliaManifest.toml", true), ("Cargo.toml", false)] {
        assert_eq!((manifest::LEAF.accepts)(path), expected, "{path}");
    }
}

#[test]
fn projects() {
    let text = "name = 'S'\nuuid = '1e83bf80'\nversion = '1.4.3'\n[deps]\nX = 'y'\n";
    check(&project::LEAF, "Project.toml", text, &["S@1.4.3 root L1-5"]);
    check(&project::LEAF, "Project.toml", "[deps]\nX = 'y'\n", &[]);
    let found = read(&project::LEAF, "Project.toml", text.as_bytes());
    assert_eq!(found.packages[0].purl(None).unwrap().to_string(), "pkg:julia/S@1.4.3?uuid=1e83bf80");
}

proptest! {
    #[test]
    fn broken_files_never_panic(v1: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = if v1 { V1 } else { V2 };
        let found = read(&manifest::LEAF, "Manifest.toml", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 10);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }
}
