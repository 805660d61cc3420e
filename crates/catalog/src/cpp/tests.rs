//! Lock files, manifests and installed trees as text.

use proptest::prelude::*;

use super::{conan_info, conan_lock, conan_txt, vcpkg_json, vcpkg_spdx, vcpkg_status};
use crate::syntax::testing::{check, mutate, read};

const LOCK_V1: &str = include_str!("testdata/conan-v1.lock");
const LOCK_V2: &str = include_str!("testdata/conan-v2.lock");
const INFO: &str = include_str!("testdata/conaninfo.txt");
const MANIFEST: &str = include_str!("testdata/vcpkg.json");
const STATUS: &str = include_str!("testdata/status");
const SPDX: &str = include_str!("testdata/vcpkg.spdx.json");

#[test]
fn conan_graph() {
    check(
        &conan_lock::LEAF,
        "conan.lock",
        LOCK_V1,
        &[
            "app@1.0 root L4-4 -> a@1.2.3 ninja@1.11.1",
            "a@1.2.3 direct L5-8 -> b@cci.20210118",
            "b@cci.20210118 indirect L9-9",
            "ninja@1.11.1 dev direct L10-10",
            "! malformed: line 11: a reference without name or version",
        ],
    );
    let found = read(&conan_lock::LEAF, "conan.lock", LOCK_V1.as_bytes());
    let facts: Vec<_> = found.packages[1].extra.iter().map(|(fact, value)| format!("{fact}={value}")).collect();
    assert_eq!(facts, ["conan.channel=testing", "conan.revision=0123", "conan.user=me"]);
    let purl = found.packages[1].purl(None).map(|purl| purl.to_string());
    assert_eq!(purl.as_deref(), Some("pkg:conan/me/a@1.2.3?channel=testing"));
}

#[test]
fn conan_graph_of_old_versions() {
    check(
        &conan_lock::LEAF,
        "conan.lock",
        r#"{"graph_lock": {"nodes": {
          "x": {"pref": null, "requires": {"a/1@u/c#r": "y"}},
          "y": {"pref": "a/1@u/c#r:id#p"}}}}"#,
        &["a@1 direct L3-3"],
    );
}

#[test]
fn conan_lists() {
    let rows = ["a@1.0 L4-4", "b@2.0 L5-5", "cmake@3.28 dev L7-7"];
    check(&conan_lock::LEAF, "conan.lock", LOCK_V2, &rows);
    check(&conan_lock::LEAF, "release.lock", LOCK_V2, &rows);
}

#[test]
fn lock_files_of_others() {
    for path in ["Cargo.lock", "yarn.lock", "x/flake.lock"] {
        assert!(!(conan_lock::LEAF.accepts)(path), "{path}");
    }
    check(&conan_lock::LEAF, "build.lock", "12345", &[]);
    check(&conan_lock::LEAF, "build.lock", "{}", &[]);
    check(&conan_lock::LEAF, "conan.lock", "{}", &["! malformed: line 1: neither a graph nor lists of requirements"]);
    check(&conan_lock::LEAF, "conan.lock", "x", &["! malformed: no JSON: line 1: not a JSON value"]);
}

#[test]
fn conan_text_files() {
    check(
        &conan_txt::LEAF,
        "conanfile.txt",
        "[requires]\na/1.0 # why\nb/[>=1.2 <2]\nc\n[tool_requires]\ncmake/3.28\n[options]\na:shared=True\n",
        &[
            "a@1.0 direct L2-2",
            "b@ direct L3-3",
            "cmake@3.28 dev direct L6-6",
            "! malformed: line 4: no reference `name/version`",
        ],
    );
    let path = "root/.conan/data/app/0.1/_/_/package/9d1f/conaninfo.txt";
    check(&conan_info::LEAF, path, INFO, &["app@0.1 -> a@1.2.3 b@2.0", "a@1.2.3 L8-8", "b@2.0 L9-9"]);
    check(&conan_info::LEAF, "p/conaninfo.txt", "[requires]\nzlib/1.Y.Z\n", &["zlib@ L2-2"]);
    let nothing = ["! unresolved: neither the path nor the file names a package"];
    check(&conan_info::LEAF, "p/conaninfo.txt", "[settings]\nos=Linux\n", &nothing);
}

#[test]
fn vcpkg() {
    check(
        &vcpkg_json::LEAF,
        "vcpkg.json",
        MANIFEST,
        &[
            "app@0.1.0 root L1-12 -> zlib@1.3.1#2 fmt@ vcpkg-cmake@",
            "zlib@1.3.1#2 direct L6-6",
            "fmt@ direct L7-7",
            "vcpkg-cmake@ dev direct L8-8",
            "! malformed: line 9: a dependency without name",
        ],
    );
    check(
        &vcpkg_status::LEAF,
        "opt/vcpkg_installed/vcpkg/status",
        STATUS,
        &["fmt@11.0.2#1 L1-7 -> zlib@1.3", "zlib@1.3 L15-18", "! malformed: line 25: a paragraph without `Package`"],
    );
    check(&vcpkg_spdx::LEAF, "share/fmt/vcpkg.spdx.json", SPDX, &["fmt@11.0.2#1"]);
    check(&vcpkg_spdx::LEAF, "vcpkg.spdx.json", "{}", &["! malformed: line 1: no package `SPDXRef-port`"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..6, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = [
            (&conan_lock::LEAF, "conan.lock", LOCK_V1),
            (&conan_lock::LEAF, "conan.lock", LOCK_V2),
            (&conan_info::LEAF, "data/a/1/_/_/package/x/conaninfo.txt", INFO),
            (&vcpkg_json::LEAF, "vcpkg.json", MANIFEST),
            (&vcpkg_status::LEAF, "vcpkg/status", STATUS),
            (&vcpkg_spdx::LEAF, "vcpkg.spdx.json", SPDX),
        ][which];
        let found = read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }
}
