//! Lock files as text, programs as sections.

use std::borrow::Cow;
use std::io::Write as _;

use proptest::prelude::*;
use signet_model::Location;

use super::{auditable, lock, project};
use crate::syntax::testing::{check, mutate, read, rows};
use crate::{Binary, BinaryFormat, Input};

const LOCK_V1: &str = include_str!("testdata/Cargo-v1.lock");
const LOCK_V4: &str = include_str!("testdata/Cargo-v4.lock");

struct Section(Option<Vec<u8>>);

impl Binary for Section {
    fn format(&self) -> BinaryFormat {
        BinaryFormat::Elf
    }

    fn size(&self) -> u64 {
        0
    }

    fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.as_deref().filter(|_| name == ".dep-v0").map(Cow::Borrowed)
    }

    fn at_address(&self, _: u64, _: usize) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn data_segment(&self) -> Option<(u64, u64)> {
        None
    }
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn program(section: Option<Vec<u8>>) -> Vec<String> {
    let (location, section) = (Location::of_path("usr/bin/app"), Section(section));
    let input = Input { location: &location, bytes: &[], binary: Some(&section), leaf: auditable::LEAF.id };
    rows(&(auditable::LEAF.read)(&input))
}

#[track_caller]
fn check_program(json: &str, expected: &[&str]) {
    assert_eq!(program(Some(zlib(json.as_bytes()))), expected, "{json}");
}

const CRATES: &str = include_str!("testdata/dep-v0.json");

#[test]
fn programs() {
    check_program(
        CRATES,
        &["a@1.0.0 direct -> b@2.0.0", "app@0.1.0 root -> a@1.0.0 m@3.0.0", "b@2.0.0 indirect", "m@3.0.0 dev direct"],
    );
    assert!(program(None).is_empty());
}

#[test]
fn programs_that_lie() {
    check_program(
        r#"{"packages": [{"name": "a", "version": "1"}]}"#,
        &["a@1", "! malformed: the section .dep-v0: not exactly one package is the root"],
    );
    check_program(
        r#"{"packages": [{"name": "a", "version": "1", "root": true, "dependencies": [1]}, {"name": "b", "version": "1", "dependencies": [0]}]}"#,
        &["a@1 root -> b@1", "b@1 -> a@1", "! malformed: the section .dep-v0: the dependencies form a cycle"],
    );
    check_program(
        r#"{"packages": [{"name": "a", "version": "1", "root": true, "dependencies": [7]}]}"#,
        &["a@1 root", "! malformed: the section .dep-v0: a dependency that is out of range"],
    );
    check_program("{}", &["! malformed: the section .dep-v0: no list of packages"]);
    check_program("x", &["! malformed: the section .dep-v0 holds no JSON: line 1: not a JSON value"]);
    let bomb = zlib(&vec![b' '; 9 << 20]);
    assert_eq!(program(Some(bomb)), ["! too-large: the section .dep-v0 holds more than 8 MiB"]);
    assert_eq!(program(Some(b"no zlib".to_vec())).len(), 1);
}

#[test]
fn lock_files() {
    check(&lock::LEAF, "Cargo.lock", LOCK_V1, &["app@0.1.0 root L1-4 -> a@1.0.0", "a@1.0.0 direct L6-9"]);
    assert_eq!(read(&lock::LEAF, "Cargo.lock", LOCK_V1.as_bytes()).packages[1].checksums.len(), 1);
    check(
        &lock::LEAF,
        "Cargo.lock",
        LOCK_V4,
        &[
            "app@0.1.0 root L4-10 -> a@2.0.0 g@0.1.0",
            "a@1.0.0 indirect L12-16",
            "a@2.0.0 direct L18-21",
            "g@0.1.0 direct L23-27 -> a@1.0.0",
            "! malformed: line 29: a package without name or version",
        ],
    );
    check(&lock::LEAF, "Cargo.lock", "x", &["! malformed: line 1: not TOML"]);
    assert!(!(lock::LEAF.accepts)("root/.cargo/registry/src/x/a-1.0.0/Cargo.lock"));
}

#[test]
fn manifests() {
    check(
        &project::LEAF,
        "Cargo.toml",
        "[package]\nname = 'app'\nversion = '0.1.0'\n[dependencies]\na = '0.3'\nb = {package = 'c', version = '=1.2.3'}\n\
         [dev-dependencies]\nd = {git = 'https://x', rev = 'y'}\n[target.'cfg(unix)'.dependencies]\ne = {git = {x = 1}}\nf = 1\n",
        &[
            "app@0.1.0 root L1-3 -> a@ c@1.2.3 d@",
            "a@ direct L5-5",
            "c@1.2.3 direct L6-6",
            "d@ dev direct L8-8",
            "! malformed: line 10: a dependency that is neither a text nor a table of texts",
            "! malformed: line 11: a dependency that is neither a text nor a table of texts",
        ],
    );
    check(&project::LEAF, "Cargo.toml", "x", &["! malformed: line 1: not TOML"]);
}

proptest! {
    #[test]
    fn broken_lock_files_never_panic(v1: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = if v1 { LOCK_V1 } else { LOCK_V4 };
        let found = read(&lock::LEAF, "Cargo.lock", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }

    #[test]
    fn broken_programs_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        prop_assert!(program(Some(zlib(&mutate(CRATES.as_bytes(), place, byte, cut, keep)))).len() < 20);
        prop_assert!(program(Some(mutate(&zlib(CRATES.as_bytes()), place, byte, cut, keep))).len() < 20);
    }
}
