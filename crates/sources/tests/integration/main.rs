//! Sources from the outside: real files in temporary directories.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod directories;
mod git;
mod images;
mod specs;

use std::io::{self, BufRead};
use std::path::Path;

use signet_image::{Entry, EntryKind, Visitor};

/// Keeps paths, kinds and contents.
#[derive(Default)]
struct Seen(Vec<(String, EntryKind, Vec<u8>)>);

impl Visitor for Seen {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        self.0.push((entry.path.clone(), entry.kind, bytes));
        Ok(())
    }
}

impl Seen {
    fn paths(&self) -> Vec<&str> {
        self.0.iter().map(|(path, ..)| path.as_str()).collect()
    }
}

/// Writes files below a directory.
fn write(root: &Path, files: &[(String, Vec<u8>)]) {
    for (path, content) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// The whole chain of causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
