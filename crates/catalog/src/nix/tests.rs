use super::*;

#[test]
fn folders() {
    let check = |folder: &str, expected: Option<(&str, &str, Option<&str>)>| {
        let found = entry(folder).map(|entry| (entry.name, entry.version, entry.output));
        assert_eq!(found, expected, "{folder}");
    };
    let mut lines = include_str!("testdata/folders.txt").lines();
    check(lines.next().unwrap(), Some(("glibc", "2.34-210", Some("bin"))));
    check(lines.next().unwrap(), Some(("signet-tool", "1.0", None)));
    check(lines.next().unwrap(), None);
    check("h0cnbmfcn93xm5dg2x27ixhag1cwndga-glibc-2.34-210.drv", None);
    check("h0cnbmfcn93xm5dg2x27ixhag1cwndga-left-1.0.patch", None);
    check("e0cnbmfcn93xm5dg2x27ixhag1cwndga-glibc-2.34", None);
    check("glibc-2.34", None);
    check("", None);
}

proptest::proptest! {
    #[test]
    fn any_name_is_an_entry_or_none(name in "\\PC{0,80}") {
        entry(&name);
    }
}
