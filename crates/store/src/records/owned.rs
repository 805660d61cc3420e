//! The lists of files that packages own.
//!
//! They name most paths of an image, and dpkg's name them twice, so each path has a number: those of the layer's index first, then those that are
//! met besides. A path that has a number is written as the step from the number after the one before it, which mostly is none.
//!
//! ```text
//! number: 0, path: one that is met first and gets the next number; it continues the last path that was written so
//!         1 + step, its sign as in `signed`
//! ```

use std::collections::HashMap;

use signet_catalog::LayerRecord;
use signet_image::LayerIndex;

use super::RecordError;
use super::reader::Reader;
use super::writer::{Writer, unzigzag, zigzag};

/// Writes the lists of one record.
#[derive(Debug)]
pub(super) struct WriteOwned<'v> {
    index: &'v LayerIndex,
    numbers: HashMap<&'v str, usize>,
    /// Paths that the index has not.
    others: Vec<&'v str>,
}

impl<'v> WriteOwned<'v> {
    pub(super) fn new(index: &'v LayerIndex, record: &LayerRecord) -> WriteOwned<'v> {
        let owned: usize = record.files.iter().flat_map(|file| &file.found.owns).map(|(_, files)| files.len()).sum();
        let mut numbers = HashMap::new();
        if owned > 0 {
            // A table that grows hashes all its texts again. dpkg names each file twice.
            numbers.reserve(index.len().max(owned / 2));
            numbers.extend(index.entries().enumerate().map(|(at, entry)| (entry.path, at)));
        }
        WriteOwned { index, numbers, others: Vec::new() }
    }

    fn path(&self, number: usize) -> Option<&'v str> {
        match number.checked_sub(self.index.len()) {
            None => self.index.entry(number).map(|entry| entry.path),
            Some(other) => self.others.get(other).copied(),
        }
    }

    pub(super) fn put(&mut self, to: &mut Writer<'v>, files: &'v [String]) -> Result<(), RecordError> {
        let mut next = 0;
        to.list(files, |to, file| {
            let number =
                if self.path(next) == Some(file) { Some(next) } else { self.numbers.get(file.as_str()).copied() };
            match number {
                Some(number) => {
                    to.number(zigzag(number as i64 - next as i64) + 1);
                    next = number + 1;
                }
                None => {
                    to.number(0);
                    to.path(&mut self.others.last().copied().unwrap_or_default(), file);
                    self.numbers.insert(file, self.index.len() + self.others.len());
                    self.others.push(file);
                }
            }
            Ok(())
        })
    }
}

/// Reads the lists of one record.
#[derive(Debug)]
pub(super) struct ReadOwned<'i> {
    index: &'i LayerIndex,
    /// The paths that the index has not, one behind the other, and where each ends.
    others: String,
    ends: Vec<usize>,
    last: String,
}

impl<'i> ReadOwned<'i> {
    pub(super) fn new(index: &'i LayerIndex) -> ReadOwned<'i> {
        ReadOwned { index, others: String::new(), ends: Vec::new(), last: String::new() }
    }

    fn path(&self, number: usize) -> Option<&str> {
        let Some(other) = number.checked_sub(self.index.len()) else {
            return self.index.entry(number).map(|entry| entry.path);
        };
        let start = match other.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        self.others.get(start..*self.ends.get(other)?)
    }

    pub(super) fn take(&mut self, from: &mut Reader<'_>) -> Result<Vec<String>, RecordError> {
        let mut next: i64 = 0;
        from.list(|from| {
            let Some(step) = from.number()?.checked_sub(1) else {
                from.next_path(&mut self.last)?;
                // Kept here and in the list.
                from.charge(self.last.len() + size_of::<usize>())?;
                self.others.push_str(&self.last);
                self.ends.push(self.others.len());
                return from.owned(&self.last);
            };
            let number = next.checked_add(unzigzag(step)).and_then(|number| usize::try_from(number).ok());
            let Some((number, path)) = number.and_then(|number| Some((number, self.path(number)?))) else {
                return Err(from.damaged("it refers to a path that it has not"));
            };
            // It is smaller than the number of paths.
            next = number as i64 + 1;
            from.owned(path)
        })
    }
}
