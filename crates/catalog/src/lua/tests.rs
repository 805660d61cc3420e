//! Rockspecs as text.

use proptest::prelude::*;
use signet_model::Presence;

use super::rockspec::LEAF;
use crate::syntax::testing::{check, mutate, read};

const PLAIN: &str = include_str!("testdata/plain.rockspec");
const JOINED: &str = include_str!("testdata/joined.rockspec");

#[test]
fn rockspecs() {
    check(&LEAF, "kong-3.7.0-0.rockspec", PLAIN, &["kong@3.7.0-0 root"]);
    let found = read(&LEAF, "usr/local/lib/luarocks/rocks-5.1/kong/3.7.0-0/kong-3.7.0-0.rockspec", PLAIN.as_bytes());
    assert_eq!(found.packages[0].presence, Presence::Installed);
    assert_eq!(found.packages[0].licenses[0].value, "Apache 2.0");
    let needs: Vec<&str> = found.requires.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(needs, ["inspect", "luasec", "binaryheap"]);
    check(&LEAF, "a.rockspec", JOINED, &["luasyslog@2.0.1-1 root"]);
    let found = read(&LEAF, "a.rockspec", JOINED.as_bytes());
    assert_eq!(found.packages[0].extra["lua.source"], "git://example.com/luasyslog.git");
    assert_eq!(found.requires, [(0, "lualogging".to_owned())]);
}

#[test]
fn what_a_file_leaves_open_is_in_its_name() {
    check(&LEAF, "a-b-1.0-2.rockspec", "package = f()\nversion = 'x' .. g(1)\n", &["a-b@1.0-2 root"]);
    check(&LEAF, "a.rockspec", "x = 1\n", &["! malformed: no `package`"]);
    check(&LEAF, "a.rockspec", "", &["! malformed: no `package`"]);
    check(&LEAF, "a.rockspec", "package = 'a'\nversion = '1\n", &["a@ root", "! malformed: line 2: a text has no end"]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(plain: bool, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let text = if plain { PLAIN } else { JOINED };
        let found = read(&LEAF, "a-1-1.rockspec", &mutate(text.as_bytes(), place, byte, cut, keep));
        prop_assert!(found.packages.len() < 2);
    }

    #[test]
    fn any_text_never_panics(text in "[-a-z0-9=.,;'\"{}()\\[\\]~<>\\\\é \n]{0,60}") {
        read(&LEAF, "a-1-1.rockspec", text.as_bytes());
    }
}
