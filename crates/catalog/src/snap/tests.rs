use super::*;
use crate::syntax::testing::{check, mutate, read};

#[test]
fn snaps() {
    check(&LEAF, "meta/snap.yaml", include_str!("testdata/snap.yaml"), &["signet-snap@16.2"]);
    let package = &read(&LEAF, "meta/snap.yaml", include_bytes!("testdata/snap.yaml")).packages[0];
    assert_eq!((package.arch.as_deref(), package.licenses[0].value.as_str()), (Some("amd64"), "Apache-2.0"));
    for broken in ["name: a\n", "version: 1\n", "", "just text"] {
        let found = read(&LEAF, "meta/snap.yaml", broken.as_bytes());
        assert_eq!((found.packages.len(), found.unexamined.len()), (0, 1), "{broken}");
    }
}

#[test]
fn packages_inside() {
    check(
        &PARTS,
        "snap/manifest.yaml",
        include_str!("testdata/manifest.yaml"),
        &[
            "shim-signed@1.56+15.7-0ubuntu1 L3-3",
            "gcc-10-base@10.5.0-1ubuntu1~20.04 L4-4",
            "! malformed: line 5: an entry that is not NAME=VERSION",
        ],
    );
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..400, byte: u8, cut in 0usize..100, keep in 0usize..800) {
        read(&LEAF, "meta/snap.yaml", &mutate(include_bytes!("testdata/snap.yaml"), place, byte, cut, keep));
        read(&PARTS, "snap/manifest.yaml", &mutate(include_bytes!("testdata/manifest.yaml"), place, byte, cut, keep));
    }
}
