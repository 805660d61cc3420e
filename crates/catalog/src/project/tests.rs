//! Lock files with their manifests beside them, read by the real leaves.

use super::settle;
use crate::FileRecord;
use crate::syntax::testing::{read, rows};

/// Settles files of one tree and gives the rows of the first.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let records = files.iter().map(|(path, text)| {
        let name = path.rsplit('/').next().unwrap();
        let leaf = *crate::Matcher::new(crate::leaves()).claimants(path).first().unwrap_or_else(|| panic!("{name}"));
        let found = read(leaf, path, text.as_bytes());
        (FileRecord { path: (*path).to_owned(), link: None, leaf: leaf.id, found }, None)
    });
    let mut records: Vec<_> = records.collect();
    settle(&mut records);
    assert_eq!(rows(&records[0].0.found), expected);
}

const YARN: &str = "a@^1.0.0:\n  version \"1.1.0\"\n  dependencies:\n    b \"*\"\nb@*:\n  version \"2.0.0\"\nd@1:\n  version \"1.0.0\"\n";

#[test]
fn yarn() {
    let package =
        r#"{"name": "app", "version": "1.0.0", "dependencies": {"a": "^1.0.0"}, "devDependencies": {"d": "1"}}"#;
    check(
        &[("x/yarn.lock", YARN), ("x/package.json", package)],
        &[
            "a@1.1.0 direct L1-4 -> b@2.0.0",
            "b@2.0.0 indirect L5-6",
            "d@1.0.0 dev direct L7-8",
            "app@1.0.0 root -> a@1.1.0 d@1.0.0",
        ],
    );
    check(
        &[("x/yarn.lock", YARN), ("package.json", package)],
        &["a@1.1.0 L1-4 -> b@2.0.0", "b@2.0.0 L5-6", "d@1.0.0 L7-8"],
    );
    check(&[("yarn.lock", YARN), ("package.json", "{")], &["a@1.1.0 L1-4 -> b@2.0.0", "b@2.0.0 L5-6", "d@1.0.0 L7-8"]);
}

#[test]
fn yarn_workspaces() {
    check(
        &[
            ("yarn.lock", YARN),
            ("package.json", r#"{"private": true, "name": "all", "version": "0.0.0", "workspaces": ["packages/*"]}"#),
            (
                "packages/m/package.json",
                r#"{"name": "m", "version": "0.1.0", "dependencies": {"a": "^1.0.0", "n": "*"}}"#,
            ),
            ("packages/n/package.json", r#"{"name": "n", "version": "0.2.0", "devDependencies": {"d": "1"}}"#),
            ("other/package.json", r#"{"name": "o", "version": "1.0.0", "dependencies": {"b": "*"}}"#),
        ],
        &[
            "a@1.1.0 direct L1-4 -> b@2.0.0",
            "b@2.0.0 indirect L5-6",
            "d@1.0.0 dev direct L7-8",
            "all@0.0.0 root -> m@0.1.0 n@0.2.0",
            "m@0.1.0 workspace -> a@1.1.0 n@0.2.0",
            "n@0.2.0 workspace -> d@1.0.0",
        ],
    );
}

#[test]
fn shrinkwrap_goes_first() {
    let lock = r#"{"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0"}}}"#;
    check(&[("package-lock.json", lock), ("npm-shrinkwrap.json", lock)], &[]);
    check(&[("npm-shrinkwrap.json", lock), ("package-lock.json", lock)], &["a@1.0.0 L1-1"]);
}

#[test]
fn poetry() {
    let lock = "[[package]]\nname = 'Flask'\nversion = '1'\n[package.dependencies]\nclick = '*'\n[[package]]\nname = 'click'\nversion = '7'\n[[package]]\nname = 'pytest'\nversion = '8'\n";
    let project =
        "[tool.poetry.dependencies]\npython = '^3'\nflask = '^1'\n[tool.poetry.group.dev.dependencies]\npytest = '8'\n";
    let rows = ["Flask@1 direct L1-5 -> click@7", "click@7 indirect L6-8", "pytest@8 dev direct L9-11"];
    check(&[("poetry.lock", lock), ("pyproject.toml", project)], &rows);
    let standard = "[project]\nname = 'x'\ndependencies = ['flask >= 1']\n[dependency-groups]\ndev = ['pytest', {include-group = 'y'}]\n";
    check(&[("poetry.lock", lock), ("pyproject.toml", standard)], &rows);
}

#[test]
fn cargo() {
    let lock = "[[package]]\nname = 'app'\nversion = '0.1.0'\ndependencies = ['a', 'd']\n[[package]]\nname = 'a'\nversion = '1.0.0'\nsource = 'r'\n[[package]]\nname = 'd'\nversion = '1.0.0'\nsource = 'r'\n";
    let manifest = "[package]\nname = 'app'\n[target.'cfg(unix)'.dependencies]\nx = {package = 'a', version = '1'}\n[dev-dependencies]\nd = '1'\n";
    check(
        &[("Cargo.lock", lock), ("Cargo.toml", manifest)],
        &["app@0.1.0 root L1-4 -> a@1.0.0 d@1.0.0", "a@1.0.0 direct L5-8", "d@1.0.0 dev direct L9-12"],
    );
}

#[test]
fn go() {
    let sums = "a v1.0.0 h1:x=\nb v1.0.0 h1:y=\nc v1.0.0/go.mod h1:z=\n";
    let module = |go: &str| format!("module m\ngo {go}\nrequire a v1.0.0\n");
    let old = module("1.16");
    check(
        &[("go.mod", &old), ("go.sum", sums)],
        &["m@ root L1-1 -> a@v1.0.0 stdlib@", "a@v1.0.0 direct L3-3", "stdlib@ direct", "b@v1.0.0 indirect L2-2"],
    );
    let new = module("1.17");
    check(&[("go.sum", sums), ("go.mod", &new)], &[]);
    check(
        &[("go.mod", &new), ("go.sum", sums)],
        &["m@ root L1-1 -> a@v1.0.0 stdlib@", "a@v1.0.0 direct L3-3", "stdlib@ direct"],
    );
    check(&[("go.sum", sums)], &["a@v1.0.0 L1-1", "b@v1.0.0 L2-2", "c@v1.0.0 L3-3"]);
}

#[test]
fn composer() {
    let lock = r#"{"packages": [{"name": "a/b", "version": "1"}, {"name": "a/c", "version": "2"}]}"#;
    check(
        &[("composer.lock", lock), ("composer.json", r#"{"require": {"A/B": "^1", "php": "8"}}"#)],
        &["a/b@1 direct L1-1", "a/c@2 indirect L1-1"],
    );
    check(&[("composer.lock", lock), ("composer.json", "{}")], &["a/b@1 L1-1", "a/c@2 L1-1"]);
}

#[test]
fn manifests_give_way_to_lock_files() {
    let lock = "[[package]]\nname = 'm'\nversion = '0.1.0'\n[[package]]\nname = 'n'\nversion = '0.1.0'\n";
    let manifest = |name: &str| format!("[package]\nname = '{name}'\nversion = '0.1.0'\n[dependencies]\na = '1'\n");
    let (member, other) = (manifest("m"), manifest("x"));
    check(&[("c/m/Cargo.toml", &member), ("c/Cargo.lock", lock)], &[]);
    check(&[("c/x/Cargo.toml", &other), ("c/Cargo.lock", lock)], &["x@0.1.0 root L1-3 -> a@", "a@ direct L5-5"]);
    let gleam = "name = 'app'\nversion = '1.0.0'\n[dependencies]\na = '>= 1.0.0'\n";
    let gleam_lock = "packages = [{ name = 'a', version = '1.0.0' }]\n";
    check(&[("gleam.toml", gleam), ("manifest.toml", gleam_lock)], &["app@1.0.0 root L1-4"]);
    check(&[("gleam.toml", gleam), ("manifest.toml", "")], &["app@1.0.0 root L1-4 -> a@", "a@ direct L4-4"]);
    check(&[("stack.yaml", "extra-deps: [a-1.0]\n"), ("stack.yaml.lock", "packages: []\n")], &[]);
    let spdx = r#"{"packages": [{"SPDXID": "SPDXRef-port", "name": "fmt", "versionInfo": "1"}]}"#;
    check(&[("v/x64/share/fmt/vcpkg.spdx.json", spdx), ("v/vcpkg/status", "")], &[]);
    check(&[("v/x64/share/fmt/vcpkg.spdx.json", spdx), ("w/vcpkg/status", "")], &["fmt@1"]);
}

#[test]
fn vendored_modules_are_told_once() {
    let vendored = "# a v1.0.0\n## explicit\na\n# b v1.0.0\nb\n";
    let module = "module m\ngo 1.21\nrequire a v1.0.0\n";
    check(&[("x/vendor/modules.txt", vendored), ("x/go.mod", module)], &["b@v1.0.0 L4-4"]);
}

const PROJECT: &str =
    "[project]\nname = 'app'\nversion = '0.1.0'\ndependencies = ['A >= 1']\n[dependency-groups]\ndev = ['t == 3']\n";

#[test]
fn pdm() {
    let lock = "[[package]]\nname = 'a'\nversion = '1.0'\ndependencies = ['b; python_version < \"4\"']\n[[package]]\nname = 'b'\nversion = '2.0'\n[[package]]\nname = 't'\nversion = '3'\n";
    check(
        &[("pdm.lock", lock), ("pyproject.toml", PROJECT)],
        &[
            "a@1.0 direct L1-4 -> b@2.0",
            "b@2.0 indirect L5-7",
            "t@3 dev direct L8-10",
            "app@0.1.0 root L1-1 -> a@1.0 t@3",
        ],
    );
}

#[test]
fn pylock() {
    let lock =
        "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1.0'\n[[packages]]\nname = 'b'\nversion = '2.0'\n";
    let rows = ["a@1.0 direct L2-4", "b@2.0 indirect L5-7", "app@0.1.0 root L1-1 -> a@1.0"];
    check(&[("x/pylock.toml", lock), ("x/pyproject.toml", PROJECT)], &rows);
    check(&[("x/pylock.test.toml", lock), ("x/pyproject.toml", PROJECT)], &rows);
}

#[test]
fn manifests_that_a_lock_file_answers() {
    let needs = ["app@0.1.0 root L1-1", "A@ direct L4-4", "t@3 dev direct L6-6"];
    check(&[("x/pyproject.toml", PROJECT)], &needs);
    let uv = "[[package]]\nname = 'a'\nversion = '1'\n";
    check(&[("x/pyproject.toml", PROJECT), ("uv.lock", uv)], &[]);
    check(&[("x/pyproject.toml", PROJECT), ("x/uv.lock", "[")], &needs);
    check(&[("x/pyproject.toml", PROJECT), ("y/uv.lock", uv)], &needs);
    check(&[("setup.py", "setup(install_requires=load())"), ("uv.lock", uv)], &[]);
    let deno = r#"{"version": "4", "npm": {"a@1.0.0": {}}}"#;
    check(&[("x/y/deno.json", r#"{"imports": {"a": "npm:a@1"}}"#), ("x/deno.lock", deno)], &[]);
    let bun = r#"{"lockfileVersion": 1, "packages": {"a": ["a@1.0.0"]}}"#;
    // a form of an unknown number is not read, and what it holds stands in the text
    let binary = "#!/usr/bin/env bun\nbun-lockfile-format-v0\n\u{9}\0\0\0";
    check(&[("bun.lockb", binary), ("bun.lock", bun)], &[]);
    let why = "a binary lock file of a format that is not known; `bun install --save-text-lockfile` writes one that is";
    check(&[("bun.lockb", binary)], &[&format!("! unsupported: {why}")]);
}
