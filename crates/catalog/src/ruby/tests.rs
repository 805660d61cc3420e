//! Files as text.

use proptest::prelude::*;
use signet_model::Presence;

use super::{gemfile_lock, gemspec};
use crate::syntax::testing::{check, mutate, read};

const LOCK: &str = include_str!("testdata/Gemfile.lock");
const SPEC: &str = include_str!("testdata/installed.gemspec");
const INSTALLED: &str = "usr/lib/ruby/gems/3.2.0/specifications/example-1.2.3-x86_64-linux.gemspec";

#[test]
fn lock_files() {
    check(
        &gemfile_lock::LEAF,
        "Gemfile.lock",
        LOCK,
        &[
            "from-git@1.0.0 direct L5-5 -> plain@2.0.1",
            "own@0.1.0 workspace L11-11",
            "native@1.15.0 direct L17-17 L18-18 -> plain@2.0.1",
            "plain@2.0.1 indirect L20-20",
            "! malformed: line 16: a gem without name or version",
        ],
    );
    let found = read(&gemfile_lock::LEAF, "Gemfile.lock", LOCK.as_bytes());
    assert_eq!(found.packages[0].extra["gem.source"], "https://example.org/git.git#0123456789abcdef");
    assert_eq!(found.packages[2].extra["gem.platforms"], "arm64-darwin x86_64-linux");
    assert_eq!(found.packages[3].checksums.len(), 1);
    check(
        &gemfile_lock::LEAF,
        "Gemfile.lock",
        "<<<<<<< HEAD\n",
        &["! malformed: line 1: marks of an unfinished merge"],
    );
    assert!((gemfile_lock::LEAF.accepts)("app/gemfiles/rails.gemfile.lock"));
    assert!(!(gemfile_lock::LEAF.accepts)("usr/lib/ruby/gems/3.2.0/gems/a-1.0/Gemfile.lock"));
}

#[test]
fn specifications() {
    check(&gemspec::LEAF, INSTALLED, SPEC, &["example@1.2.3 L6-6"]);
    let found = read(&gemspec::LEAF, INSTALLED, SPEC.as_bytes());
    let package = &found.packages[0];
    assert_eq!(package.licenses.iter().map(|license| license.value.as_str()).collect::<Vec<_>>(), ["Ruby", "MIT"]);
    assert_eq!((package.vendor.as_deref(), package.description.as_deref()), (Some("A, B"), Some("An \"example\".")));
    assert_eq!(package.presence, Presence::Installed);
    assert_eq!(found.requires, [(0, "needed".to_owned())]);
}

#[track_caller]
fn check_own(body: &str, expected: &[&str]) {
    let text = format!("{body}\nend\n");
    check(&gemspec::LEAF, "app/example.gemspec", text, expected);
}

#[test]
fn specifications_of_projects() {
    check_own(
        "V = '3.0.0'.freeze\nGem::Specification.new do |spec|\n spec.name = 'a' # c\n spec.version = V",
        &["a@3.0.0 root L4-4"],
    );
    check_own(
        "Gem::Specification.new do |spec|\n spec.name = 'a'\n spec.version = A::VERSION",
        &["! unresolved: line 3: the version is computed: `A::VERSION`"],
    );
    check_own(
        "Gem::Specification.new do |spec|\n spec.name = 'a'\n spec.version = File.read('VERSION').strip",
        &["! unresolved: line 3: the version is computed: `File.read('VERSION').strip`"],
    );
    check_own("Gem::Specification.new do |s|\n s.name = 'a'", &["! malformed: no version"]);
    check_own(
        "Gem::Specification.new do |s|\n s.name = ''.freeze\n s.version = '1'",
        &["! malformed: line 2: the name is empty"],
    );
    check_own("--- !ruby/object:Gem::Other", &["! malformed: no `Gem::Specification.new`"]);
}

proptest! {
    #[test]
    fn broken_lock_files_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let found = read(&gemfile_lock::LEAF, "Gemfile.lock", &mutate(LOCK.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 20);
        prop_assert!(found.edges.iter().all(|(from, to, _)| *from < found.packages.len() && *to < found.packages.len()));
    }

    #[test]
    fn broken_specifications_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let found = read(&gemspec::LEAF, INSTALLED, &mutate(SPEC.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() + found.unexamined.len() == 1);
    }
}
