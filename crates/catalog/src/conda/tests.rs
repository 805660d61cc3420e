//! Records and environment files, as text.

use proptest::prelude::*;

use super::{environment, meta};
use crate::Owner;
use crate::syntax::testing::{check, mutate, read};

const RECORD: &str = include_str!("testdata/a-1.0-py_0.json");
const ENVIRONMENT: &str = include_str!("testdata/environment.yml");

#[test]
fn records() {
    let path = "opt/conda/conda-meta/a-1.0-py_0.json";
    check(&meta::LEAF, path, RECORD, &["a@1.0"]);
    let found = read(&meta::LEAF, path, RECORD.as_bytes());
    let metadata = "opt/conda/lib/python3/site-packages/a-1.0.dist-info/METADATA".to_owned();
    assert_eq!(found.owns, [(Owner::Here(0), vec![metadata])]);
    assert_eq!(found.requires, [(0, "python".to_owned()), (0, "b".to_owned())]);
    let package = &found.packages[0];
    assert_eq!((package.licenses[0].value.as_str(), package.checksums.len()), ("MIT", 1));
    assert_eq!(package.extra["conda.build"], "py_0");
    let relative = read(&meta::LEAF, "conda-meta/a.json", RECORD.as_bytes());
    assert_eq!(relative.owns[0].1, ["lib/python3/site-packages/a-1.0.dist-info/METADATA"]);
    let paths = r#"{"name": "a", "version": "1", "paths_data": {"paths": [{"_path": "bin/a"}, {}]}}"#;
    assert_eq!(read(&meta::LEAF, "x/conda-meta/a.json", paths.as_bytes()).owns[0].1, ["x/bin/a"]);
    for broken in ["{}", r#"{"name": "a"}"#, r#"{"version": "1"}"#, r#"{"name": "", "version": "1"}"#] {
        check(&meta::LEAF, path, broken, &["! malformed: a record of conda without name or version"]);
    }
    check(&meta::LEAF, path, "x", &["! malformed: no JSON: line 1: not a JSON value"]);
}

#[test]
fn environments() {
    check(
        &environment::LEAF,
        "environment.yml",
        ENVIRONMENT,
        &[
            "a@ L4-4",
            "b@1.0 L5-5",
            "c@2.0 L6-6",
            "d@3.0 L7-7",
            "e@ L8-8",
            "f@4.0 L9-9",
            "g@ L10-10",
            "h@ L11-11",
            "i@6.0 L14-14",
            "j@ L15-15",
            "! malformed: line 12: not a dependency of an environment",
            "! malformed: line 13: not a dependency of an environment",
        ],
    );
    let found = read(&environment::LEAF, "environment.yml", ENVIRONMENT.as_bytes());
    let fact = |at: usize, name: &str| found.packages[at].extra.get(name).map(String::as_str);
    assert_eq!((fact(2, "conda.build"), fact(5, "conda.build")), (Some("h1_0"), Some("py_0")));
    assert_eq!((fact(4, "conda.constraint"), fact(6, "conda.constraint")), (Some(">=1.2,<2"), Some(">=5")));
    assert_eq!(fact(5, "conda.channel"), Some("conda-forge"));
    let mapping = "! malformed: expected a mapping that describes an environment";
    check(&environment::LEAF, "environment.yml", "invalid", &[mapping]);
    check(&environment::LEAF, "environment.yml", "", &[mapping]);
    check(&environment::LEAF, "environment.yml", "name: x\ndependencies:\n", &[]);
    check(
        &environment::LEAF,
        "environment.yml",
        "dependencies: a\n",
        &["! malformed: line 1: expected a list of dependencies"],
    );
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..2, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) =
            [(&meta::LEAF, "conda-meta/a.json", RECORD), (&environment::LEAF, "environment.yml", ENVIRONMENT)][which];
        prop_assert!(read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep)).packages.len() < 20);
    }
}
