//! Metadata, requirements and lock files, as text.

use proptest::prelude::*;

use super::{metadata, normalize, pdm, pipenv, poetry, project, pylock, requirements, setup_cfg, setup_py, uv};
use crate::Owner;
use crate::syntax::testing::{check, mutate, read};
use crate::syntax::zip::build;

const METADATA: &str = include_str!("testdata/METADATA");
const REQUIREMENTS: &str = include_str!("testdata/requirements.txt");
const PIPFILE: &str = include_str!("testdata/Pipfile.lock");
const POETRY: &str = include_str!("testdata/poetry.lock");
const PDM: &str = include_str!("testdata/pdm.lock");
const PYLOCK: &str = include_str!("testdata/pylock.toml");
const SETUP: &str = include_str!("testdata/setup.py");
const SETUP_CFG: &str = include_str!("testdata/setup.cfg");
const PROJECT: &str = include_str!("testdata/pyproject.toml");
const UV: &str = include_str!("testdata/uv.lock");

#[test]
fn names_compare_in_one_form() {
    for name in ["My.Package", "my-package", "MY_package", "my._-package"] {
        assert_eq!(normalize(name), "my-package");
    }
}

#[test]
fn installed() {
    let leaf = &metadata::LEAF;
    let path = "usr/lib/python3/site-packages/My.Package-1.0.dist-info/METADATA";
    let found = read(leaf, path, METADATA.as_bytes());
    let package = &found.packages[0];
    assert_eq!((package.name.as_str(), package.version.as_str()), ("My.Package", "1.0"));
    assert_eq!(package.licenses[0].value, "MIT License");
    assert_eq!(package.vendor.as_deref(), Some("A. Uthor"));
    assert_eq!(found.requires, [(0, "b".to_owned()), (0, "d".to_owned())]);
    check(leaf, "x/no-version.egg-info", "Name: no-version\n", &["no-version@"]);
    check(leaf, "x/Python-2.7.egg-info", "Name: Python\nVersion: 2.7\n", &[]);
    check(leaf, "x.dist-info/METADATA", "", &["! malformed: no header `Name`: this is no metadata of a package"]);
    assert!((leaf.accepts)("x-1.dist-info/METADATA") && !(leaf.accepts)("x/METADATA"));
    assert!((leaf.accepts)("x.egg/EGG-INFO/PKG-INFO") && !(leaf.accepts)("sdist/PKG-INFO"));
}

#[test]
fn zipped() {
    let leaf = &metadata::LEAF;
    for deflate in [false, true] {
        let egg = build::zip(&[("a.py", b""), ("EGG-INFO/PKG-INFO", METADATA.as_bytes())], deflate);
        check(leaf, "a-1.0.egg", egg, &["My.Package@1.0"]);
    }
    check(leaf, "a.egg", build::zip(&[("a.py", b"")], false), &[]);
    let wheel = build::zip(&[("a-1.dist-info/METADATA", METADATA.as_bytes())], false);
    check(leaf, "a.whl", wheel, &["My.Package@1.0"]);
    check(leaf, "a.egg", "no zip", &["! malformed: no zip archive: the end of the central directory was not found"]);
}

#[test]
fn files_of_a_package() {
    let record = "a/__init__.py,sha256=x,1\n\"a/b,c.py\",,\n../../../bin/a,,\n../../../../../../etc/x,,\n";
    let found = read(&metadata::LEAF, "usr/lib/python3/dist-packages/a_b-1.0.dist-info/RECORD", record.as_bytes());
    let (owner, files) = &found.owns[0];
    assert!(matches!(owner, Owner::Named { name, .. } if name == "a_b"));
    assert_eq!(
        files,
        &["usr/lib/python3/dist-packages/a/__init__.py", "usr/lib/python3/dist-packages/a/b,c.py", "usr/bin/a"]
    );
    let found = read(&metadata::LEAF, "site/a-1.0-py3.egg-info/installed-files.txt", b"../a.py\nPKG-INFO\n");
    assert_eq!(found.owns[0].1, ["site/a.py", "site/a-1.0-py3.egg-info/PKG-INFO"]);
}

#[test]
fn requirement_lines() {
    let rows = [
        "a@1.0 L3-3",
        "b@ L4-4",
        "c@3.0 L5-6",
        "d@ L7-7",
        "e@ L8-8",
        "f@ L9-9",
        "g@ L11-11",
        "! malformed: line 12: no requirement",
        "! malformed: line 13: no requirement",
        "! unresolved: line 14: an address does not tell the name of its package",
    ];
    check(&requirements::LEAF, "requirements.txt", REQUIREMENTS, &rows);
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(REQUIREMENTS.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    check(&requirements::LEAF, "requirements.txt", wide, &rows);
    let found = read(&requirements::LEAF, "requirements.txt", REQUIREMENTS.as_bytes());
    assert_eq!(found.packages[1].extra["python.constraint"], ">= 2.0, != 2.1");
    assert_eq!(found.packages[1].extra["python.minimum"], "2.0");
    assert_eq!(found.packages[6].extra["python.minimum"], "1.0");
    assert_eq!(found.packages[2].checksums.len(), 1);
    assert!((requirements::LEAF.accepts)("app/requirements/base.txt"));
    assert!(!(requirements::LEAF.accepts)("usr/lib/python3/site-packages/x/requirements.txt"));
    assert!(!(requirements::LEAF.accepts)("notes.txt"));
}

#[test]
fn lock_files() {
    check(&pipenv::LEAF, "Pipfile.lock", PIPFILE, &["a@1.0 L4-7 L11-11", "g@ L8-8", "b@2.0 dev L12-12"]);
    check(
        &poetry::LEAF,
        "poetry.lock",
        POETRY,
        &["A@1.0 L2-8 -> b_c@2.0", "b_c@2.0 dev L10-13", "! malformed: line 15: a package without name or version"],
    );
    check(
        &uv::LEAF,
        "uv.lock",
        UV,
        &[
            "app@0.1.0 root L3-10 -> a@1.0 t@1.0",
            "a@1.0 direct L12-16 -> b@2.0",
            "b@1.0 dev indirect L18-20",
            "b@2.0 indirect L22-24",
            "t@1.0 dev direct L26-28",
        ],
    );
}

#[test]
fn more_lock_files() {
    check(
        &pdm::LEAF,
        "pdm.lock",
        PDM,
        &[
            "a@1.0 L5-14 L16-21 -> b@2.0 t@3.0",
            "b@2.0 L23-28",
            "t@3.0 dev L30-33",
            "! malformed: line 35: a package without name",
        ],
    );
    let found = read(&pdm::LEAF, "pdm.lock", PDM.as_bytes());
    assert!(found.packages[0].checksums[0].hex.starts_with("0000"));
    check(
        &pylock::LEAF,
        "pylock.toml",
        PYLOCK,
        &[
            "app@ root L5-7",
            "a@1.0 L9-13 -> app@ b@2.0",
            "b@1.0 dev L15-18",
            "b@2.0 L20-24",
            "! malformed: line 26: a package without name",
        ],
    );
    let found = read(&pylock::LEAF, "pylock.toml", PYLOCK.as_bytes());
    assert_eq!((found.packages[1].checksums.len(), found.packages[3].extra["python.ref"].as_str()), (1, "0123"));
    check(
        &pylock::LEAF,
        "pylock.toml",
        "lock-version = '2.0'\n",
        &["! unsupported: lock version `2.0` is not known; read as version 1.0"],
    );
    for (name, claimed) in
        [("pylock.toml", true), ("pylock.dev.toml", true), ("pylock.a.b.toml", false), ("xpylock.toml", false)]
    {
        assert_eq!((pylock::LEAF.accepts)(name), claimed, "{name}");
    }
}

#[test]
fn projects() {
    check(
        &setup_py::LEAF,
        "setup.py",
        SETUP,
        &[
            "app@0.1.0 root L9-9",
            "t@3.0 direct L4-4",
            "p@4.0 L5-5",
            "a@1.0 direct L14-14",
            "b@ direct L14-14",
            "e@ direct L16-16",
            "i@ direct L17-17",
            "j@ direct L17-17",
            "k@5.0 direct L21-21",
            "s@6.0 dev direct L22-22",
            "q@7.0 L23-23",
            "! malformed: line 19: no requirement",
        ],
    );
    let computed = "! unresolved: line 1: what the project needs is computed by the program";
    check(&setup_py::LEAF, "setup.py", "setup(install_requires=open('x').read())", &[computed]);
    check(&setup_py::LEAF, "setup.py", "R = ['a']\nsetup(install_requires=R)", &[]);
    check(&setup_py::LEAF, "setup.py", "setup(\n)", &[]);
    check(
        &setup_cfg::LEAF,
        "setup.cfg",
        SETUP_CFG,
        &[
            "app@ root L3-3",
            "a@1.0 direct L9-9",
            "b@ direct L10-10",
            "d@1 dev direct L13-13",
            "e@ dev direct L13-13",
            "f@ direct L17-17",
            "g@2 direct L17-17",
            "! malformed: line 12: no requirement",
        ],
    );
    check(
        &project::LEAF,
        "pyproject.toml",
        PROJECT,
        &[
            "app@0.1.0 root L4-4",
            "a@1.0 direct L7-7",
            "b@ direct L7-7",
            "c@ direct L10-10",
            "d@4.0 dev direct L13-13",
            "e@5.0.0 direct L20-20",
            "f@ direct L21-21",
            "g@1.0 direct L22-22",
            "g@ direct L22-22",
            "h@ direct L23-23",
            "i@ dev direct L26-26",
            "j@ dev direct L29-29",
            "k@ dev direct L32-32",
            "! malformed: line 7: no requirement",
        ],
    );
    let found = read(&project::LEAF, "pyproject.toml", PROJECT.as_bytes());
    assert_eq!(found.packages[6].extra["python.minimum"], "1.2");
    check(&project::LEAF, "pyproject.toml", "[tool.ruff]\nx = 1\n", &[]);
    check(&project::LEAF, "pyproject.toml", "[", &["! malformed: line 1: not TOML"]);
}

#[test]
fn broken_lock_files() {
    check(&pipenv::LEAF, "Pipfile.lock", "x", &["! malformed: no JSON: line 1: not a JSON value"]);
    check(&poetry::LEAF, "poetry.lock", "a = 1\nx", &["! malformed: line 2: not TOML"]);
    check(&uv::LEAF, "uv.lock", "[", &["! malformed: line 1: not TOML"]);
    check(
        &uv::LEAF,
        "uv.lock",
        "[[package]]\nname = 'a'\nversion = '1'\n",
        &[
            "a@1 L1-3",
            "! unresolved: 0 packages are the project itself, expected one: which needs are direct is uncertain",
        ],
    );
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..11, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = [
            (&metadata::LEAF, "METADATA", METADATA), (&requirements::LEAF, "requirements.txt", REQUIREMENTS),
            (&pipenv::LEAF, "Pipfile.lock", PIPFILE), (&poetry::LEAF, "poetry.lock", POETRY), (&uv::LEAF, "uv.lock", UV),
            (&metadata::LEAF, "x.dist-info/RECORD", REQUIREMENTS), (&pdm::LEAF, "pdm.lock", PDM),
            (&pylock::LEAF, "pylock.toml", PYLOCK), (&setup_py::LEAF, "setup.py", SETUP),
            (&setup_cfg::LEAF, "setup.cfg", SETUP_CFG), (&project::LEAF, "pyproject.toml", PROJECT),
        ][which];
        let found = read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }
}
