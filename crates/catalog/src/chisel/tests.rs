use super::*;
use crate::syntax::testing::{check, mutate, read as look};

const PATH: &str = "var/lib/chisel/manifest.wall";
const MANIFEST: &[u8] = include_bytes!("testdata/manifest.json");

fn wall(text: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(text, 3).unwrap()
}

#[test]
fn packages_and_their_files() {
    check(&LEAF, PATH, wall(MANIFEST), &["signet-files@13ubuntu10.2", "signet-none@1.0"]);
    let found = look(&LEAF, PATH, &wall(MANIFEST));
    assert_eq!(found.owns, [(Owner::Here(0), vec!["usr/bin/signet".to_owned()])]);
    assert_eq!(found.packages[0].arch.as_deref(), Some("amd64"));
}

#[test]
fn what_is_no_manifest() {
    let refused = |bytes: &[u8]| {
        let found = look(&LEAF, PATH, bytes);
        assert_eq!((found.packages.len(), found.unexamined.len()), (0, 1), "{:?}", found.unexamined);
    };
    refused(b"");
    refused(b"not compressed");
    refused(&wall(b""));
    refused(&wall(b"{\"kind\":\"package\",\"name\":\"a\",\"version\":\"1\"}\n"));
    refused(&wall(b"{\"jsonwall\":\"1.0\"}\n{\"kind\":\"package\",\"name\":\"a\"}\n"));
    refused(&wall(MANIFEST)[..40]);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..800, byte: u8, cut in 0usize..200, keep in 0usize..4000) {
        look(&LEAF, PATH, &mutate(&wall(MANIFEST), place, byte, cut, keep));
        look(&LEAF, PATH, &wall(&mutate(MANIFEST, place, byte, cut, keep)));
    }
}
