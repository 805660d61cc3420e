//! Layers, views and manifests from the outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod chunked;
mod layers;
mod lazy;
mod manifests;
mod tars;
mod views;

use std::io::{self, BufRead};

use signet_image::{Entry, EntryKind, LayerError, LayerRead, Limits, Visitor, walk_layer};

/// Keeps what a visitor sees: path, kind, and the content of files.
#[derive(Default)]
struct Seen(Vec<(String, EntryKind, Vec<u8>)>);

impl Visitor for Seen {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        let mut bytes = Vec::new();
        // Enough for every test, and no trap where a header claims terabytes of zeros.
        std::io::Read::read_to_end(&mut std::io::Read::take(content, 1 << 20), &mut bytes)?;
        self.0.push((entry.path.clone(), entry.kind, bytes));
        Ok(())
    }
}

fn walk(stored: &[u8]) -> Result<(LayerRead, Seen), LayerError> {
    let mut seen = Seen::default();
    walk_layer(stored, &Limits::default(), &mut seen).map(|read| (read, seen))
}

/// `path=content` for files, `path/` for directories, `path -> target` for links.
fn listing(stored: &[u8]) -> Vec<String> {
    let (read, seen) = walk(stored).unwrap();
    seen.0
        .iter()
        .map(|(path, kind, content)| match kind {
            EntryKind::File => format!("{path}={}", String::from_utf8_lossy(content)),
            EntryKind::Directory => format!("{path}/"),
            EntryKind::Symlink => {
                format!("{path} -> {}", read.index.get(path).and_then(|entry| entry.link).unwrap_or_default())
            }
            EntryKind::Hardlink => {
                format!("{path} => {}", read.index.get(path).and_then(|entry| entry.link).unwrap_or_default())
            }
            EntryKind::Special => format!("{path}!"),
        })
        .collect()
}
