use super::*;
use crate::syntax::testing::{check, mutate, read};

const HOME: &str = "var/lib/pacman/local/signet-libs-1:1.2.3-4";

#[test]
fn packages() {
    check(&LEAF, &format!("{HOME}/desc"), include_str!("testdata/desc"), &["signet-libs@1:1.2.3-4"]);
    let found = read(&LEAF, &format!("{HOME}/desc"), include_bytes!("testdata/desc"));
    let package = &found.packages[0];
    assert_eq!(package.source.as_ref().unwrap().name, "signet");
    assert_eq!((package.arch.as_deref(), package.licenses.len()), (Some("x86_64"), 2));
    assert_eq!(found.requires, [(0, "glibc".to_owned()), (0, "sh".to_owned())]);
    assert_eq!(found.provides, [(0, "libsignet.so=1-64".to_owned())]);
    check(&LEAF, "desc", "%NAME%\na\n\n%VERSION%\n1-1", &["a@1-1"]);
    check(&LEAF, "desc", "%NME%\na\n", &["! malformed: there is no %NAME%"]);
    check(&LEAF, "desc", "%NAME%\na\n\n1-1\n", &["! malformed: there is no %VERSION%"]);
}

#[test]
fn ownership() {
    let found = read(&FILES, &format!("{HOME}/files"), include_bytes!("testdata/files"));
    let owner = Owner::Named { kind: PackageKind::Alpm, name: "signet-libs".to_owned(), arch: None };
    assert_eq!(found.owns, [(owner, vec!["usr/lib/libsignet.so.1".to_owned()])]);
    assert_eq!(read(&FILES, "var/lib/pacman/local/odd/files", b"").unexamined.len(), 1);
}

#[test]
fn only_the_local_database() {
    assert!(of_a_package("var/lib/pacman/local/a-1-1/desc"));
    assert!(!of_a_package("var/lib/pacman/sync/a-1-1/desc") && !of_a_package("desc"));
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..2000, byte: u8, cut in 0usize..200, keep in 0usize..4000) {
        read(&LEAF, "desc", &mutate(include_bytes!("testdata/desc"), place, byte, cut, keep));
        read(&FILES, "a/files", &mutate(include_bytes!("testdata/files"), place, byte, cut, keep));
    }
}
