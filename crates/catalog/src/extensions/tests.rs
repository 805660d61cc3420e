//! Manifests, lists and archives.

use proptest::prelude::*;
use signet_model::PackageKind;

use super::{chrome, vscode, vsix};
use crate::FileRecord;
use crate::syntax::testing::{check, mutate, read, rows};
use crate::syntax::zip::build;

const MANIFEST: &str = include_str!("testdata/manifest.json");
const MESSAGES: &str = include_str!("testdata/messages.json");
const LIST: &str = include_str!("testdata/extensions.json");
const HOME: &str = "home/u/.config/chromium/Default/Extensions/abcdefghijklmnopabcdefghijklmnop/1.2.3_0";

/// The extension's name, description and notes when these files lie in its directory.
#[track_caller]
fn check_chrome(files: &[(&crate::Leaf, &str, &str)], name: &str, notes: usize) {
    let record = |(leaf, path, text): &(&crate::Leaf, &str, &str)| {
        let path = format!("{HOME}/{path}");
        assert!((leaf.accepts)(&path), "{path}");
        let found = read(leaf, &path, text.as_bytes());
        (FileRecord { path, link: None, leaf: leaf.id, found }, None)
    };
    let mut records: Vec<_> = files.iter().map(record).collect();
    chrome::settle(&mut records);
    let found = &records[0].0.found;
    assert_eq!(found.packages[0].extra["chrome.name"], name);
    assert_eq!(found.unexamined.len(), notes, "{:?}", found.unexamined);
    assert!(records.iter().all(|(record, _)| record.found.facts.is_empty()));
}

#[test]
fn chrome_extensions() {
    let manifest = (&chrome::LEAF, "manifest.json", MANIFEST);
    check_chrome(&[manifest, (&chrome::MESSAGES, "_locales/en/messages.json", MESSAGES)], "An Extension", 0);
    check_chrome(&[manifest, (&chrome::MESSAGES, "_locales/de/messages.json", MESSAGES)], "__MSG_appName__", 1);
    check_chrome(&[manifest], "__MSG_appName__", 1);
    check_chrome(&[(&chrome::LEAF, "manifest.json", r#"{"name": "N", "version": "1"}"#)], "N", 0);
    let found = read(&chrome::LEAF, &format!("{HOME}/manifest.json"), MANIFEST.as_bytes());
    let package = &found.packages[0];
    assert_eq!(package.kind, PackageKind::ChromeExtension);
    assert_eq!((package.name.as_str(), package.version.as_str()), ("abcdefghijklmnopabcdefghijklmnop", "1.2.3"));
    assert_eq!(package.vendor.as_deref(), Some("a@example.org"));
    check(
        &chrome::LEAF,
        &format!("{HOME}/manifest.json"),
        "{}",
        &["! malformed: a manifest of an extension without name or version"],
    );
    for path in ["manifest.json", "Extensions/abc/1.0/manifest.json", &format!("{HOME}/x/manifest.json")] {
        assert!(!(chrome::LEAF.accepts)(path), "{path}");
    }
    assert!(!(chrome::MESSAGES.accepts)(&format!("{HOME}/_locales/en/x/messages.json")));
}

#[test]
fn vscode_extensions() {
    check(
        &vscode::LIST,
        "home/u/.vscode/extensions/extensions.json",
        LIST,
        &["pub.one@1.0.0 L2-7", "pub.two@2.0.0 L8-8", "! malformed: line 9: an extension without id or version"],
    );
    check(&vscode::LIST, "extensions/extensions.json", "{}", &["! malformed: expected a list of extensions"]);
    let manifest = r#"{"name": "one", "publisher": "pub", "version": "1.0.0", "engines": {"vscode": "*"}}"#;
    let path = "home/u/.vscode/extensions/pub.one-1.0.0/package.json";
    check(&vscode::INSTALLED, path, manifest, &["pub.one@1.0.0"]);
    check(&vscode::INSTALLED, path, r#"{"name": "one", "publisher": "pub", "version": "1.0.0"}"#, &[]);
    let archive = build::zip(&[("extension/package.json", manifest.as_bytes())], true);
    check(&vscode::INSTALLED, "pub.one.vsix", archive, &["pub.one@1.0.0"]);
    assert!((vscode::INSTALLED.accepts)(path) && !(vscode::INSTALLED.accepts)("extensions/package.json"));
}

#[test]
fn archives() {
    let files: [(&str, &[u8]); 5] = [
        ("extension/package.json", br#"{"name": "own", "version": "1"}"#),
        ("extension/node_modules/a/package.json", br#"{"name": "a", "version": "1.0.0"}"#),
        ("extension/node_modules/a/node_modules/@s/b/package.json", br#"{"name": "@s/b", "version": "2.0.0"}"#),
        ("extension/node_modules/c/package.json", b"{"),
        ("extension/node_modules/d/package.json", br#"{"name": " ", "version": "1"}"#),
    ];
    let found = read(&vsix::LEAF, "x.vsix", &build::zip(&files, true));
    let broken = "! malformed: no JSON: line 1: the JSON document ends inside an object";
    assert_eq!(rows(&found), ["a@1.0.0", "@s/b@2.0.0", broken]);
    assert_eq!(found.packages[0].locations[0].path, "x.vsix!/extension/node_modules/a/package.json");
    let none = "! malformed: no zip archive: the end of the central directory was not found";
    check(&vsix::LEAF, "x.vsix", "no zip", &[none]);
}

proptest! {
    #[test]
    fn broken_files_never_panic(which in 0usize..5, place: usize, byte: u8, cut in 0usize..40, keep: usize) {
        let archive = build::zip(&[("extension/node_modules/a/package.json", br#"{"name": "a", "version": "1"}"#)], true);
        let path = format!("{HOME}/manifest.json");
        let (leaf, path, bytes) = [
            (&chrome::LEAF, path.as_str(), MANIFEST.as_bytes()), (&chrome::MESSAGES, "messages.json", MESSAGES.as_bytes()),
            (&vscode::LIST, "extensions/extensions.json", LIST.as_bytes()), (&vsix::LEAF, "x.vsix", &archive),
            (&vscode::INSTALLED, "x.vsix", &archive),
        ][which];
        prop_assert!(read(leaf, path, &mutate(bytes, place, byte, cut, keep)).packages.len() < 20);
    }
}
