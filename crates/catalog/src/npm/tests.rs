//! Lock files and manifests, as text.

use proptest::prelude::*;

use super::{bun_lock, package_json, package_lock, pnpm_lock, yarn_lock};
use crate::syntax::testing::{check, mutate, read};

const LOCK_V3: &str = include_str!("testdata/package-lock-v3.json");
const LOCK_V1: &str = include_str!("testdata/package-lock-v1.json");
const YARN_V1: &str = include_str!("testdata/yarn-v1.lock");
const YARN_BERRY: &str = include_str!("testdata/yarn-berry.lock");
const BUN: &str = include_str!("testdata/bun.lock");
const PNPM_V5: &str = include_str!("testdata/pnpm-lock-v5.yaml");
const PNPM_V6: &str = include_str!("testdata/pnpm-lock-v6.yaml");
const PNPM_V9: &str = include_str!("testdata/pnpm-lock-v9.yaml");

#[test]
fn npm_version_3_finds_by_path() {
    check(
        &package_lock::LEAF,
        "package-lock.json",
        LOCK_V3,
        &[
            "app@1.0.0 root -> a@1.0.1 d@1.0.0",
            "a@1.0.1 direct L8-11 -> b@2.0.0 string-width@4.2.0",
            "b@2.0.0 indirect L12-12",
            "b@3.0.0 dev direct L13-13",
            "d@1.0.0 dev direct L14-14 -> b@3.0.0",
            "string-width@4.2.0 indirect L15-15",
            "wl@0.1.0 workspace L17-17 -> b@3.0.0",
        ],
    );
    let found = read(&package_lock::LEAF, "package-lock.json", LOCK_V3.as_bytes());
    assert_eq!(found.packages[1].checksums[0].hex, "000102030405060708090a0b0c0d0e0f10111213");
    assert_eq!(found.packages[1].licenses[0].value, "MIT");
}

#[test]
fn npm_version_1_nests() {
    check(
        &package_lock::LEAF,
        "package-lock.json",
        LOCK_V1,
        &[
            "a@1.0.1 L4-10 -> b@2.0.0 f@",
            "b@2.0.0 L8-8",
            "b@3.0.0 dev L11-11",
            "f@ L12-12",
            "string-width@4.2.0 L13-13 -> b@3.0.0",
        ],
    );
}

#[test]
fn npm_broken() {
    let leaf = &package_lock::LEAF;
    check(leaf, "package-lock.json", "[]", &["! malformed: expected an object"]);
    check(
        leaf,
        "package-lock.json",
        "{\n\"a\"",
        &["! malformed: no JSON: line 2: expected a colon after a member name"],
    );
    check(
        leaf,
        "package-lock.json",
        "{\"packages\": {\"node_modules/a\": 1,\n\"node_modules/b\": {\"version\": \"1\"}}}",
        &["b@1 L2-2", "! malformed: line 1: expected an object that describes a package"],
    );
    assert!(!(leaf.accepts)("app/node_modules/x/package-lock.json"));
    assert!(!(leaf.accepts)("var/lib/gems/3/gems/x/package-lock.json"));
}

#[test]
fn yarn_version_1() {
    check(
        &yarn_lock::LEAF,
        "yarn.lock",
        YARN_V1,
        &["@s/a@1.0.1 L4-10 -> b@2.0.0 @s/c@1.0.0", "b@2.0.0 L12-13", "@s/c@1.0.0 L15-16", "y@1.2.0 L18-19"],
    );
}

#[test]
fn yarn_berry() {
    check(
        &yarn_lock::LEAF,
        "yarn.lock",
        YARN_BERRY,
        &["a@1.0.1 direct L14-19 -> b@2.0.0", "b@2.0.0 indirect L21-24 L26-29"],
    );
}

#[test]
fn yarn_broken() {
    check(&yarn_lock::LEAF, "yarn.lock", "not a lock file", &["! malformed: line 1: not of a yarn lock file"]);
    check(
        &yarn_lock::LEAF,
        "yarn.lock",
        "a@1:\n  resolved \"x\"\nb@odd:1:\n  version \"1\"\nc@2:\n  version \"2\"\n",
        &[
            "c@2 L5-6",
            "! malformed: line 1: a block has no version",
            "! unsupported: line 3: the protocol is not known",
        ],
    );
}

#[test]
fn bun() {
    check(
        &bun_lock::LEAF,
        "bun.lock",
        BUN,
        &[
            "app@ root -> web@0.1.0 a@1.0.0 d@4.0.0 real@1.5.0",
            "web@0.1.0 workspace L10-14 -> a@1.0.0 b@3.0.0",
            "a@1.0.0 direct L17-17 -> b@2.0.0",
            "b@2.0.0 indirect L18-18",
            "@s/c@ indirect L19-19",
            "d@4.0.0 dev direct L20-20 -> @s/e@5.0.0",
            "@s/e@5.0.0 dev indirect L21-21",
            "real@1.5.0 direct L22-22 -> @s/c@",
            "b@3.0.0 direct L24-24",
            "! malformed: line 25: the first item of a package is not a text",
            "! malformed: line 26: the first item of a package is not `name@version`",
            "! malformed: line 27: expected a list that describes a package",
        ],
    );
    let found = read(&bun_lock::LEAF, "bun.lock", BUN.as_bytes());
    assert_eq!(found.packages[2].checksums.len(), 1);
    assert_eq!(found.packages[4].extra["npm.resolved"], "github:s/c#6609a88");
    assert_eq!(found.packages[7].extra["npm.alias"], "alias");
    check(
        &bun_lock::LEAF,
        "bun.lock",
        r#"{"lockfileVersion": "1"}"#,
        &["! malformed: `lockfileVersion` is not a number"],
    );
    check(
        &bun_lock::LEAF,
        "bun.lock",
        r#"{"lockfileVersion": 7, "packages": {"a": ["a@1"]}}"#,
        &["a@1 dev indirect L1-1", "! unsupported: lock file version 7 is not known; read as version 1"],
    );
    check(&bun_lock::LEAF, "bun.lock", "x", &["! malformed: no JSON: line 1: not a JSON value"]);
}

#[test]
fn pnpm_versions() {
    check(
        &pnpm_lock::LEAF,
        "pnpm-lock.yaml",
        PNPM_V5,
        &[
            "a@1.0.0 direct L11-15 -> b@2.0.0",
            "b@2.0.0 indirect L17-19",
            "@s/d@1.0.0 dev direct L21-22",
            "g@3.0.0 dev indirect L24-27",
        ],
    );
    check(&pnpm_lock::LEAF, "pnpm-lock.yaml", PNPM_V6, &["a@1.0.0 direct L7-10 -> b@2.0.0", "b@2.0.0 indirect L11-12"]);
    check(
        &pnpm_lock::LEAF,
        "pnpm-lock.yaml",
        PNPM_V9,
        &[
            "a@1.0.0 direct L17-19 -> p@1.0.0",
            "p@1.0.0 indirect L20-20",
            "d@1.0.0 dev direct L21-21 -> p@1.0.0 r@4.0.0",
            "r@4.0.0 dev indirect L22-23",
        ],
    );
}

#[test]
fn pnpm_broken() {
    let leaf = &pnpm_lock::LEAF;
    check(leaf, "pnpm-lock.yaml", "", &["! malformed: the file is empty"]);
    check(leaf, "pnpm-lock.yaml", "a: 1\n", &["! malformed: `lockfileVersion` is missing"]);
    check(leaf, "pnpm-lock.yaml", "x\n", &["! malformed: no YAML of a lock file: line 1: expected `key: value`"]);
    check(
        leaf,
        "pnpm-lock.yaml",
        "lockfileVersion: 5.3\npackages:\n  odd:\n    dev: true\n",
        &["! malformed: line 3: `odd` states no name and version"],
    );
}

#[test]
fn package_json_forms() {
    let leaf = &package_json::LEAF;
    check(leaf, "package.json", r#"{"name": "a", "version": "1.0.0"}"#, &["a@1.0.0"]);
    check(leaf, "package.json", r#"{"name": "a"}"#, &[]);
    check(leaf, "package.json", r#"{"name": "a", "version": "1", "engines": {"vscode": "1"}}"#, &[]);
    check(
        leaf,
        "package.json",
        r#"{"name": "a b", "version": "1"}"#,
        &["! malformed: `a b` is no name of an npm package"],
    );
    check(
        leaf,
        "package.json",
        "{\"name\": \"a\", \"version\": \"1\"}\n{",
        &["a@1", "! malformed: no JSON: line 2: the JSON document ends inside an object"],
    );
    let found = read(
        leaf,
        "package.json",
        br#"{"name": "a", "version": "1", "author": {"name": "N", "email": "n@x"}, "contributors": "C",
            "license": {"type": "MIT"}, "licenses": [{"name": "ISC"}, 3, "MIT"], "dependencies": {"b": "1"}}"#,
    );
    assert_eq!(found.packages[0].vendor.as_deref(), Some("N <n@x>, C"));
    assert_eq!(found.packages[0].licenses.iter().map(|l| l.value.as_str()).collect::<Vec<_>>(), ["MIT", "ISC"]);
    assert_eq!(found.requires, [(0, "b".to_owned())]);
}

proptest! {
    #[test]
    fn broken_lock_files_never_panic(
        which in 0usize..8, place: usize, byte: u8, cut in 0usize..40, keep: usize
    ) {
        let (leaf, text) = [
            (&package_lock::LEAF, LOCK_V3), (&package_lock::LEAF, LOCK_V1), (&yarn_lock::LEAF, YARN_V1),
            (&yarn_lock::LEAF, YARN_BERRY), (&pnpm_lock::LEAF, PNPM_V5), (&pnpm_lock::LEAF, PNPM_V6), (&pnpm_lock::LEAF, PNPM_V9),
            (&bun_lock::LEAF, BUN),
        ][which];
        let bytes = mutate(text.as_bytes(), place, byte, cut, keep);
        let found = read(leaf, "lock", &bytes);
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }
}
