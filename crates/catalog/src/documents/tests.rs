use super::*;
use crate::syntax::testing::{mutate, read as look, rows};

const DOCUMENT: &[u8] = include_bytes!("testdata/app.cdx.json");

fn names(found: &Found) -> Vec<String> {
    found.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

#[test]
fn packages_of_a_document() {
    let found = look(&LEAF, "app/app.cdx.json", DOCUMENT);
    assert_eq!(names(&found), ["left 1.0", "right 2.0", "nginx 1.25.1-0"], "{:?}", rows(&found));
    assert!(
        found
            .packages
            .iter()
            .all(|package| package.found_by == "sbom" && package.locations[0].path == "app/app.cdx.json")
    );
    assert_eq!(found.edges.len(), 1);
}

#[test]
fn bitnami_is_told_apart() {
    let path = "opt/bitnami/nginx/.spdx-nginx.spdx";
    assert_eq!(names(&look(&LEAF, path, DOCUMENT)), ["left 1.0", "right 2.0"]);
    assert_eq!(names(&look(&BITNAMI, path, DOCUMENT)), ["nginx 1.25.1-0"]);
    assert!((BITNAMI.accepts)(path) && !(BITNAMI.accepts)("app/a.spdx"));
}

#[test]
fn what_is_no_document() {
    assert_eq!(look(&LEAF, "a.cdx.json", b"not json").unexamined.len(), 1);
    assert_eq!(look(&LEAF, "a.cdx.json", b"{}").unexamined.len(), 1);
    assert_eq!(look(&LEAF, "bom.json", b"{\"parts\": []}"), Found::default(), "somebody else's bill of material");
    assert_eq!(look(&BITNAMI, "opt/bitnami/a.spdx", b"no"), Found::default(), "the other leaf tells it");
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..900, byte: u8, cut in 0usize..200, keep in 0usize..4000) {
        look(&LEAF, "a.cdx.json", &mutate(DOCUMENT, place, byte, cut, keep));
    }
}
