//! Records and environment files, as text.

use proptest::prelude::*;

use super::{archive, environment, lock, meta};
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

const PIXI: &str = "version: 6
environments:
  default:
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/bzip2-1.0.8-h4bc722e_7.conda
packages:
- conda: https://conda.anaconda.org/conda-forge/linux-64/bzip2-1.0.8-h4bc722e_7.conda
  sha256: 5ced96500d945fb286c9c838e54fa759aa04a7129c59800f0846b4335cee770d
  depends:
  - libgcc >=13
  license: bzip2-1.0.6
- conda: https://conda.anaconda.org/conda-forge/linux-64/libgcc-14.2.0-h77fa898_1.tar.bz2
- pypi: https://files.pythonhosted.org/packages/x/numpy-2.1.0-cp312.whl
  name: numpy
  version: 2.1.0
- pypi: .
  name: own
- kind: conda
  name: old
  version: '5.1'
- conda: nothing
";

const CONDA_LOCK: &str = "version: 1
package:
- name: openssl
  version: 3.4.0
  manager: conda
  platform: linux-64
  dependencies:
    ca-certificates: ''
  url: https://conda.anaconda.org/conda-forge/linux-64/openssl-3.4.0-hb9d3cd8_0.conda
  hash:
    md5: 23cc74f77eb99315c0360ec3533147a9
  category: main
- name: ca-certificates
  version: 2024.8.30
  manager: conda
- name: black
  version: 24.1.0
  manager: pip
  category: dev
";

#[test]
fn lock_files() {
    check(
        &lock::LEAF,
        "pixi.lock",
        PIXI,
        &[
            "bzip2@1.0.8 L8-12 -> libgcc@14.2.0",
            "libgcc@14.2.0 L13-13",
            "numpy@2.1.0 L14-16",
            "own@ L17-18",
            "old@5.1 L19-21",
            "! malformed: line 22: a package without name or version",
        ],
    );
    let found = read(&lock::LEAF, "pixi.lock", PIXI.as_bytes());
    assert_eq!((found.packages[0].checksums.len(), found.packages[0].licenses.len()), (1, 1));
    assert_eq!(found.packages[0].extra["conda.build"], "h4bc722e_7");
    assert_eq!(found.packages[0].extra["conda.subdir"], "linux-64");
    assert_eq!(found.packages[2].kind, signet_model::PackageKind::Python);
    check(
        &lock::LEAF,
        "conda-lock.yml",
        CONDA_LOCK,
        &[
            "openssl@3.4.0 L3-12 -> ca-certificates@2024.8.30",
            "ca-certificates@2024.8.30 L13-15",
            "black@24.1.0 dev L16-19",
        ],
    );
    assert_eq!(read(&lock::LEAF, "conda-lock.yml", CONDA_LOCK.as_bytes()).packages[0].checksums.len(), 1);
}

/// A package as conda packs it, its record at this path.
fn packed(path: &str) -> Vec<u8> {
    let mut tar = vec![0; 512];
    tar[..path.len()].copy_from_slice(path.as_bytes());
    tar[100..107].copy_from_slice(b"0000644");
    tar[124..135].copy_from_slice(format!("{:011o}", RECORD.len()).as_bytes());
    tar[156] = b'0';
    tar[257..263].copy_from_slice(b"ustar\0");
    tar[148..156].fill(b' ');
    let sum: u32 = tar.iter().map(|byte| u32::from(*byte)).sum();
    tar[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    tar.extend(RECORD.as_bytes());
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let info = zstd::bulk::compress(&tar, 3).unwrap();
    crate::syntax::zip::build::zip(&[("metadata.json", b"{}"), ("info-a-1.0-py_0.tar.zst", &info)], false)
}

#[test]
fn archives() {
    check(&archive::LEAF, "pkgs/a-1.0-py_0.conda", packed("info/index.json"), &["a@1.0"]);
    let found = read(&archive::LEAF, "a.conda", &packed("info/index.json"));
    assert!(found.owns.is_empty() && found.requires.is_empty());
    assert_eq!(found.packages[0].presence, signet_model::Presence::Declared);
    check(&archive::LEAF, "a.conda", packed("info/x"), &["! malformed: the package has no record `info/index.json`"]);
    assert_eq!(read(&archive::LEAF, "a.conda", b"text").unexamined.len(), 1);
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..4, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let (leaf, path, text) = [
            (&meta::LEAF, "conda-meta/a.json", RECORD),
            (&environment::LEAF, "environment.yml", ENVIRONMENT),
            (&lock::LEAF, "pixi.lock", PIXI),
            (&lock::LEAF, "conda-lock.yml", CONDA_LOCK),
        ][which];
        read(&archive::LEAF, "a.conda", &mutate(&packed("info/index.json"), place, byte, cut, keep));
        prop_assert!(read(leaf, path, &mutate(text.as_bytes(), place, byte, cut, keep)).packages.len() < 20);
    }
}
