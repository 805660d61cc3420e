//! A second pass over a layer for the few files that only turned out to matter afterwards: what links name, what an index led to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer_with};

use crate::layout::{caused, error, layer_algorithms, verify_layer};
use crate::{ImageSource, SourceError, SourceErrorKind};

/// Sees nothing.
pub(crate) struct Ignore;

impl Visitor for Ignore {
    fn visit(&mut self, _: &Entry, _: &mut dyn BufRead) -> io::Result<()> {
        Ok(())
    }
}

/// Streams a layer again and shows the visitor only the files with these paths (as the layer writes them), each once: the last entry where a
/// layer has several. The layer is verified as in the first pass.
///
/// Files up to `max_bytes` are held in memory until the end of the pass, because only then it is known that they are the ones that count;
/// a larger one is an error of the class `TooLarge`.
pub fn reread_files(
    source: &dyn ImageSource,
    layer: usize,
    paths: &BTreeSet<String>,
    limits: &Limits,
    max_bytes: u64,
    visitor: &mut dyn Visitor,
) -> Result<(), SourceError> {
    let doing = || format!("cannot read layer {} again", layer + 1);
    let mut collect = Collect { paths, found: BTreeMap::new(), max_bytes, held: 0, too_large: None };
    let stored = source.open_layer(layer)?;
    let walked = walk_layer_with(stored, layer_algorithms(source.info(), layer), limits, &mut collect);
    if let Some(path) = collect.too_large {
        let doing = format!("{}: `{path}` takes more than {max_bytes} bytes with the files before it", doing());
        return Err(error(SourceErrorKind::TooLarge, doing));
    }
    let read = walked.map_err(|cause| caused(SourceErrorKind::Malformed, doing(), cause))?;
    verify_layer(source.info(), layer, &read)?;
    for (entry, content) in collect.found.into_values() {
        visitor
            .visit(&entry, &mut content.as_slice())
            .map_err(|cause| caused(SourceErrorKind::Malformed, format!("cannot examine `{}`", entry.path), cause))?;
    }
    Ok(())
}

struct Collect<'a> {
    paths: &'a BTreeSet<String>,
    found: BTreeMap<String, (Entry, Vec<u8>)>,
    max_bytes: u64,
    held: u64,
    too_large: Option<String>,
}

impl Visitor for Collect<'_> {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        if entry.kind != EntryKind::File || !self.paths.contains(&entry.path) {
            return Ok(());
        }
        if let Some((_, earlier)) = self.found.remove(&entry.path) {
            self.held -= earlier.len() as u64;
        }
        if entry.size > self.max_bytes - self.held.min(self.max_bytes) {
            self.too_large = Some(entry.path.clone());
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        self.held += bytes.len() as u64;
        self.found.insert(entry.path.clone(), (entry.clone(), bytes));
        Ok(())
    }
}
