//! Work trees and clones, made with the `git` program.

use std::path::Path;
use std::process::Command;

use signet_sources::{DirectoryOptions, GitOptions, GitTree, SourceErrorKind};

use crate::{Seen, chain, write};

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), &[("go.mod".to_owned(), b"module x".to_vec()), ("d/f".to_owned(), b"1".to_vec())]);
    git(directory.path(), &["init", "-q"]);
    git(directory.path(), &["add", "."]);
    git(directory.path(), &["commit", "-q", "-m", "one"]);
    directory
}

fn paths(tree: &GitTree) -> Vec<String> {
    let mut seen = Seen::default();
    tree.walk(&DirectoryOptions::default(), &mut seen).unwrap();
    seen.paths().into_iter().map(str::to_owned).collect()
}

#[test]
fn work_trees_are_looked_at_where_they_lie() {
    let directory = repository();
    let commit = git(directory.path(), &["rev-parse", "HEAD"]);
    std::fs::write(directory.path().join("new"), "x").unwrap();
    let name = directory.path().to_str().unwrap();
    let tree = GitTree::open(name, &GitOptions::default()).unwrap();
    assert_eq!(tree.commit(), Some(commit.as_str()));
    assert_eq!(paths(&tree), ["d", "d/f", "go.mod", "new"]);
    // Packed references, a detached head, a linked work tree.
    git(directory.path(), &["pack-refs", "--all"]);
    assert_eq!(GitTree::open(name, &GitOptions::default()).unwrap().commit(), Some(commit.as_str()));
    let linked = tempfile::tempdir().unwrap();
    let linked = linked.path().join("tree");
    git(directory.path(), &["worktree", "add", "-q", "-b", "side", linked.to_str().unwrap()]);
    let tree = GitTree::open(linked.to_str().unwrap(), &GitOptions::default()).unwrap();
    assert_eq!(tree.commit(), Some(commit.as_str()));
    assert_eq!(paths(&tree), ["d", "d/f", "go.mod"]);
    git(directory.path(), &["checkout", "-q", "--detach"]);
    assert_eq!(GitTree::open(name, &GitOptions::default()).unwrap().commit(), Some(commit.as_str()));
}

#[test]
fn bare_repositories_are_cloned_and_the_clone_goes() {
    let directory = repository();
    let commit = git(directory.path(), &["rev-parse", "HEAD"]);
    let bare = tempfile::tempdir().unwrap();
    git(directory.path(), &["clone", "-q", "--bare", ".", bare.path().join("r.git").to_str().unwrap()]);
    let address = bare.path().join("r.git");
    let tree = GitTree::open(address.to_str().unwrap(), &GitOptions::default()).unwrap();
    assert_eq!(tree.commit(), Some(commit.as_str()));
    assert_eq!(paths(&tree), ["d", "d/f", "go.mod"]);
    let root = tree.root().to_owned();
    drop(tree);
    assert!(!root.exists());
    let options = GitOptions { reference: Some("no-such-branch".to_owned()), offline: false };
    let error = GitTree::open(address.to_str().unwrap(), &options).unwrap_err();
    assert!(chain(&error).contains("no-such-branch"), "{error}");
    let options = GitOptions { reference: Some("--upload-pack=x".to_owned()), offline: false };
    assert_eq!(GitTree::open(address.to_str().unwrap(), &options).unwrap_err().kind, SourceErrorKind::Unsupported);
}

#[test]
fn addresses_that_are_not_cloned() {
    let kind = |value: &str, offline: bool| {
        GitTree::open(value, &GitOptions { reference: None, offline }).map(|_| ()).unwrap_err()
    };
    let error = kind("https://user:secret@git.invalid/x", true);
    assert_eq!(error.to_string(), "cannot clone `https://git.invalid/x`: the network is forbidden");
    assert_eq!(kind("ext::sh -c x", false).kind, SourceErrorKind::NotFound);
    assert_eq!(kind("file:///etc", false).kind, SourceErrorKind::Unsupported);
    assert_eq!(kind("ssh://git.invalid/x", false).kind, SourceErrorKind::Unsupported);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(kind(empty.path().to_str().unwrap(), false).kind, SourceErrorKind::NotFound);
}
