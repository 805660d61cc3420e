use super::*;
use crate::syntax::testing::{check, mutate, read};

#[test]
fn bases() {
    check(
        &dockerfile::LEAF,
        "Dockerfile",
        include_str!("testdata/Dockerfile"),
        &[
            "nginx@1.27.4 L4-4",
            "localhost:5000/team/app@2 L5-6",
            "debian@sha256:5a271780516b718910041c0993952f14371490216692290d234a9b231d102e1c L10-10",
            "alpine@latest L11-11",
        ],
    );
    check(&dockerfile::LEAF, "Dockerfile", "# escape=`\nFROM a `\n AS b\nFROM b\n", &["a@latest L2-3"]);
    check(&dockerfile::LEAF, "Dockerfile", "", &[]);
}

#[test]
fn services() {
    let rows = ["ghcr.io/acme/api@1.2.0 L2-2", "redis@7 L7-7"];
    check(&compose::LEAF, "compose.yaml", include_str!("testdata/compose.yaml"), &rows);
}

#[test]
fn builds() {
    let path = "root/buildinfo/Dockerfile-ubi8-8.3-227";
    let text = b"LABEL com.redhat.component=\"ubi8-container\" \\\n  architecture=\"x86_64\"\n";
    assert_eq!(read(&buildinfo::LEAF, path, text).facts["build_nvr"], ["ubi8-container-8.3-227-x86_64"]);
    assert_eq!(read(&buildinfo::LEAF, path, b"LABEL com.redhat.component=a\n").unexamined.len(), 1);
}

#[test]
fn variables() {
    let variables = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())]);
    let check =
        |text: &str, expected: Option<&str>| assert_eq!(expand(text, &variables).as_deref(), expected, "{text}");
    check("x$A-${A}$$", Some("x1-1$"));
    check("${E:-d}${E-d}${B-d}${A:+y}${B:+y}", Some("ddy"));
    check("$B", None);
    check("${B}", None);
    check("${A", None);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..600, byte: u8, cut in 0usize..200, keep in 0usize..2000) {
        read(&dockerfile::LEAF, "Dockerfile", &mutate(include_bytes!("testdata/Dockerfile"), place, byte, cut, keep));
        read(&compose::LEAF, "compose.yaml", &mutate(include_bytes!("testdata/compose.yaml"), place, byte, cut, keep));
        read(&buildinfo::LEAF, "root/buildinfo/Dockerfile-a-1-2", &mutate(b"LABEL com.redhat.component=a architecture=\"x\"", place, byte, cut, keep));
    }
}
