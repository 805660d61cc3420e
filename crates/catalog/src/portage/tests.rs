use super::*;
use crate::syntax::testing::{check, mutate, read as look};

const HOME: &str = "var/db/pkg/app-misc/signet-tool-1.2.3_p4-r5";

#[test]
fn names_and_versions() {
    let check = |text: &str, expected: Option<(&str, &str)>| assert_eq!(split(text), expected, "{text}");
    check("signet-tool-1.2.3_p4-r5", Some(("signet-tool", "1.2.3_p4-r5")));
    check("skopeo-1.5.1", Some(("skopeo", "1.5.1")));
    check("Capture-Tiny-0.480.0-r1", Some(("Capture-Tiny", "0.480.0-r1")));
    check("font-r1-2", Some(("font-r1", "2")));
    for odd in ["", "2.580.0", "Getopt-Long", "{}", "-1", "a-r1"] {
        check(odd, None);
    }
}

#[test]
fn packages() {
    check(&LEAF, &format!("{HOME}/CONTENTS"), include_str!("testdata/CONTENTS"), &["app-misc/signet-tool@1.2.3_p4-r5"]);
    let found = look(&LEAF, &format!("{HOME}/CONTENTS"), include_bytes!("testdata/CONTENTS"));
    let files = ["usr/bin/signet", "usr/share/signet/a file", "usr/bin/sealer"].map(str::to_owned);
    assert_eq!(found.owns, [(Owner::Here(0), files.to_vec())]);
    check(&LEAF, &format!("{HOME}/PF"), "signet-tool-1.2.3_p4-r5\n", &["app-misc/signet-tool@1.2.3_p4-r5"]);
    check(&LEAF, &format!("{HOME}/PF"), "", &["! malformed: `` is not NAME-VERSION"]);
    assert!(of_a_package(&format!("{HOME}/PF")) && !of_a_package("usr/src/PF") && !of_a_package("PF"));
}

#[test]
fn licences() {
    let found = look(&LICENSE, &format!("{HOME}/LICENSE"), b"Apache-2.0 || ( MIT BSD ) doc? ( FDL-1.3 ) MIT\n");
    let names: Vec<&str> = found.licenses[0].1.iter().map(|license| license.value.as_str()).collect();
    assert_eq!(names, ["Apache-2.0", "BSD", "FDL-1.3", "MIT"]);
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..400, byte: u8, cut in 0usize..100, keep in 0usize..800) {
        let bytes = mutate(include_bytes!("testdata/CONTENTS"), place, byte, cut, keep);
        for (leaf, name) in [(&LEAF, "CONTENTS"), (&LEAF, "PF"), (&LICENSE, "LICENSE")] {
            look(leaf, &format!("{HOME}/{name}"), &bytes);
        }
    }
}
