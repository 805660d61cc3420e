use super::*;
use crate::syntax::testing::{check, mutate, read};

const APP: &str =
    "var/lib/flatpak/app/org.example.Signet/current/active/export/share/metainfo/org.example.Signet.metainfo.xml";
const CHOCO: &str = "ProgramData/chocolatey/lib/signet/signet.nuspec";
const BUNDLE: &str = "Applications/Signet.app/Contents/Info.plist";

#[test]
fn flatpak() {
    let leaf = &flatpak::LEAF;
    check(leaf, APP, include_str!("testdata/app.metainfo.xml"), &["org.example.Signet@2.0"]);
    for broken in ["", "<component", "<component><id>a</id></component>"] {
        assert_eq!(read(leaf, APP, broken.as_bytes()).unexamined.len(), 1, "{broken}");
    }
    assert!((leaf.accepts)(APP) && !(leaf.accepts)("usr/share/metainfo/a.metainfo.xml"));
}

#[test]
fn homebrew() {
    let leaf = &homebrew::LEAF;
    let row = |path: &str, expected: &str| {
        assert!((leaf.accepts)(path), "{path}");
        check(leaf, path, "", &[expected]);
    };
    row("opt/homebrew/Cellar/rclone/1.67.0/INSTALL_RECEIPT.json", "rclone@1.67.0");
    row("Cellar/rclone/1.67.0/.brew/rclone.rb", "rclone@1.67.0");
    row("opt/homebrew/Caskroom/tools/35.0.2/platform-tools/source.properties", "tools@35.0.2");
    row("usr/local/Caskroom/firefox/132.0/firefox.wrapper.sh", "firefox@132.0");
    for path in
        ["INSTALL_RECEIPT.json", "Cellar/a/1/lib/x.rb", "srv/source.properties", "Cellar/a/INSTALL_RECEIPT.json"]
    {
        assert!(!(leaf.accepts)(path), "{path}");
    }
}

#[test]
fn chocolatey() {
    let leaf = &chocolatey::LEAF;
    check(leaf, CHOCO, include_str!("testdata/sample.nuspec"), &["signet.install@1.60.0"]);
    check(leaf, CHOCO, "<package><metadata><id>a</id></metadata></package>", &["a@"]);
    check(leaf, CHOCO, "<package><metadata/></package>", &["! malformed: it states no id"]);
    assert_eq!(read(leaf, CHOCO, b"not xml").unexamined.len(), 1);
    assert!((leaf.accepts)(CHOCO) && !(leaf.accepts)("src/a.nuspec"));
}

#[test]
fn bundles() {
    let leaf = &app_bundle::LEAF;
    check(leaf, BUNDLE, include_str!("testdata/Info.plist"), &["Signet@1.3.1"]);
    let binary = crate::syntax::bplist::tests::bplist(&[("CFBundleIdentifier", "org.x"), ("CFBundleVersion", "7")]);
    check(leaf, BUNDLE, binary, &["org.x@7"]);
    check(leaf, BUNDLE, "bplist00\0", &["! malformed: no binary property list"]);
    check(leaf, BUNDLE, "<plist><dict/></plist>", &["! malformed: the bundle has no name"]);
    assert_eq!(read(leaf, BUNDLE, b"").unexamined.len(), 1);
    assert!((leaf.accepts)(BUNDLE) && !(leaf.accepts)("Library/Frameworks/A.framework/Contents/Info.plist"));
}

proptest::proptest! {
    #[test]
    fn mutated_files_never_panic(place in 0usize..800, byte: u8, cut in 0usize..200, keep in 0usize..2000) {
        read(&flatpak::LEAF, APP, &mutate(include_bytes!("testdata/app.metainfo.xml"), place, byte, cut, keep));
        read(&chocolatey::LEAF, CHOCO, &mutate(include_bytes!("testdata/sample.nuspec"), place, byte, cut, keep));
        read(&app_bundle::LEAF, BUNDLE, &mutate(include_bytes!("testdata/Info.plist"), place, byte, cut, keep));
    }
}
