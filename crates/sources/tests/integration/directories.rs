//! Directories: order, links, devices, permissions, rules.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use signet_image::{EntryKind, Limits};
use signet_model::UnexaminedKind;
use signet_sources::{DirectoryOptions, SourceErrorKind, walk_directory, walk_file};

use crate::{Seen, write};

fn tree() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let files = ["b/x", "a", "b-c", "b/y/z", "node_modules/m/package.json", "src/node_modules/m/index.js"];
    write(directory.path(), &files.map(|path| (path.to_owned(), path.as_bytes().to_vec())));
    directory
}

#[test]
fn the_order_is_stable_and_a_directory_comes_before_its_content() {
    let directory = tree();
    let mut seen = Seen::default();
    let read = walk_directory(directory.path(), &DirectoryOptions::default(), &mut seen).unwrap();
    let expected = [
        "a",
        "b",
        "b/x",
        "b/y",
        "b/y/z",
        "b-c",
        "node_modules",
        "node_modules/m",
        "node_modules/m/package.json",
        "src",
        "src/node_modules",
        "src/node_modules/m",
        "src/node_modules/m/index.js",
    ];
    assert_eq!(seen.paths(), expected);
    assert_eq!(read.index.entries().map(|entry| entry.path).collect::<Vec<_>>(), expected);
    assert!(seen.0.iter().all(|(path, kind, content)| *kind != EntryKind::File || path.as_bytes() == content));
    assert!(read.unexamined.is_empty() && read.skipped.is_empty());
}

#[test]
fn rules_leave_things_out() {
    let directory = tree();
    let walk = |dirs: &[&str], files: &[&str]| {
        let own = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect();
        let options = DirectoryOptions { skip_dirs: own(dirs), skip_files: own(files), ..DirectoryOptions::default() };
        let mut seen = Seen::default();
        walk_directory(directory.path(), &options, &mut seen).unwrap();
        seen.0.into_iter().filter(|(_, kind, _)| *kind == EntryKind::File).map(|(path, ..)| path).collect::<Vec<_>>()
    };
    assert_eq!(walk(&["**/node_modules", "b"], &[]), ["a", "b-c"]);
    assert_eq!(walk(&["./node_modules/", "/src", "b/*"], &[]), ["a", "b/x", "b-c"]);
    assert_eq!(walk(&[], &["*", "**/*.js*"]), ["b/x", "b/y/z"]);
    let bad = DirectoryOptions { skip_dirs: vec!["a[".to_owned()], ..DirectoryOptions::default() };
    let error = walk_directory(directory.path(), &bad, &mut Seen::default()).unwrap_err();
    assert_eq!(error.to_string(), "`a[` is no pattern of paths");
}

#[test]
fn links_are_shown_and_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    symlink(outside.path(), root.join("out")).unwrap();
    symlink(outside.path().join("secret"), root.join("file")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let mut seen = Seen::default();
    let read = walk_directory(root, &DirectoryOptions::default(), &mut seen).unwrap();
    assert_eq!(seen.paths(), ["dangling", "file", "loop", "out"]);
    assert!(seen.0.iter().all(|(_, kind, content)| *kind == EntryKind::Symlink && content.is_empty()));
    assert_eq!(read.index.get("dangling").and_then(|entry| entry.link), Some("nowhere"));
    // The root itself may be named through a link.
    let mut again = Seen::default();
    walk_directory(&root.join("loop"), &DirectoryOptions::default(), &mut again).unwrap();
    assert_eq!(again.0.len(), 4);
}

#[test]
fn sockets_are_not_opened_and_names_may_be_anything() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().unwrap();
    let _socket = UnixListener::bind(directory.path().join("socket")).unwrap();
    std::fs::write(directory.path().join(std::ffi::OsStr::from_bytes(b"bad\xFDname")), "x").unwrap();
    let mut seen = Seen::default();
    walk_directory(directory.path(), &DirectoryOptions::default(), &mut seen).unwrap();
    assert_eq!(seen.paths(), ["bad\\xFDname", "socket"]);
    assert_eq!(seen.0[1].1, EntryKind::Special);
}

#[test]
fn what_cannot_be_read_is_named() {
    let directory = tree();
    let locked = directory.path().join("b");
    std::fs::set_permissions(directory.path().join("a"), PermissionsExt::from_mode(0o000)).unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o000)).unwrap();
    let read = walk_directory(directory.path(), &DirectoryOptions::default(), &mut Seen::default()).unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o755)).unwrap();
    // Root may read everything.
    if !read.unexamined.is_empty() {
        let named: Vec<_> = read.unexamined.iter().map(|one| (one.location.path.as_str(), one.kind)).collect();
        assert_eq!(named, [("a", UnexaminedKind::Unreadable), ("b", UnexaminedKind::Unreadable)]);
    }
    // Too deep for one descriptor per level.
    let mut deep = directory.path().join("deep");
    for _ in 0..210 {
        deep.push("d");
    }
    std::fs::create_dir_all(&deep).unwrap();
    let read = walk_directory(directory.path(), &DirectoryOptions::default(), &mut Seen::default()).unwrap();
    assert_eq!(read.unexamined.last().map(|one| one.kind), Some(UnexaminedKind::TooLarge));
}

#[test]
fn limits_and_wrong_roots() {
    let directory = tree();
    let limits = Limits { entries: 3, ..Limits::default() };
    let options = DirectoryOptions { limits, ..DirectoryOptions::default() };
    let kind = |result: Result<_, signet_sources::SourceError>| {
        result.map(|_: signet_sources::DirectoryRead| ()).unwrap_err().kind
    };
    assert_eq!(kind(walk_directory(directory.path(), &options, &mut Seen::default())), SourceErrorKind::TooLarge);
    let plain = DirectoryOptions::default();
    assert_eq!(
        kind(walk_directory(&directory.path().join("no"), &plain, &mut Seen::default())),
        SourceErrorKind::NotFound
    );
    assert_eq!(
        kind(walk_directory(&directory.path().join("a"), &plain, &mut Seen::default())),
        SourceErrorKind::NotFound
    );
}

#[test]
fn single_files() {
    let directory = tree();
    let mut seen = Seen::default();
    let read = walk_file(&directory.path().join("b/x"), &Limits::default(), &mut seen).unwrap();
    assert_eq!((seen.paths(), read.index.len()), (vec!["x"], 1));
    assert_eq!(seen.0[0].2, b"b/x");
    let error = walk_file(&directory.path().join("b"), &Limits::default(), &mut Seen::default()).unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unsupported);
    assert_eq!(
        walk_file(&directory.path().join("no"), &Limits::default(), &mut seen).unwrap_err().kind,
        SourceErrorKind::NotFound
    );
}
