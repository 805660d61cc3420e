//! One pass over a program that looks for the marks of the rows which its name allows.

use std::collections::BTreeMap;

use memchr::memmem::Finder;

use super::table::{self, Mark, Program, Sign};
use super::{Sighting, file_name};

/// Most bytes of context on one side of a mark. Rows ask for less.
pub(super) const REACH: usize = 1024;

/// Blocks are gathered up to this many bytes, so that the marks of a row are looked for in data that is still in the processor's cache.
const GATHERED: usize = 256 << 10;

/// Longest token in front of whose end a NUL is looked for.
const TOKEN: usize = 48;

/// Looks at a program as it streams by. Memory: two blocks' worth, whatever the program's size.
#[derive(Debug)]
pub(crate) struct Scan<'n> {
    name: &'n str,
    /// Rows that are still looked for.
    open: Vec<Row>,
    /// What is not yet decided, and what stands in front of it as context.
    buffer: Vec<u8>,
    /// Where in `buffer` the first mark may lie that was not looked at.
    decided: usize,
}

#[derive(Debug)]
struct Row {
    place: usize,
    program: &'static Program,
    finders: Vec<Option<Finder<'static>>>,
    /// The sign that was found, by its place, and the version.
    best: Option<(usize, String)>,
}

impl Row {
    /// How many of its signs are still worth looking for: a sign counts more than all behind it.
    fn worth(&self) -> usize {
        self.best.as_ref().map_or(self.program.signs.len(), |(sign, _)| *sign)
    }
}

impl<'n> Scan<'n> {
    /// A pass over the program at this path; `None` when no row has its name.
    pub(crate) fn new(path: &'n str) -> Option<Scan<'n>> {
        let name = file_name(path);
        let finder = |sign: &Sign| match sign.mark {
            Mark::Text(text) => Some(Finder::new(text)),
            Mark::Version | Mark::CString => None,
        };
        let open: Vec<Row> = table::named(name)
            .map(|(place, program)| Row {
                place,
                program,
                finders: program.signs.iter().map(finder).collect(),
                best: None,
            })
            .collect();
        (!open.is_empty()).then_some(Scan { name, open, buffer: Vec::new(), decided: 0 })
    }

    /// Takes the next bytes of the file.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.done() {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= GATHERED {
            self.settle(false);
        }
    }

    /// Looks at a whole file.
    pub(crate) fn whole(mut self, bytes: &[u8]) -> Vec<Sighting> {
        look(self.name, &mut self.open, bytes, 0, bytes.len());
        self.sightings()
    }

    /// What was recognised in all bytes.
    pub(crate) fn finish(mut self) -> Vec<Sighting> {
        self.settle(true);
        self.sightings()
    }

    fn done(&self) -> bool {
        self.open.iter().all(|row| row.worth() == 0)
    }

    fn settle(&mut self, last: bool) {
        // A mark is looked at when all of its context is at hand.
        let until = if last { self.buffer.len() } else { self.buffer.len().saturating_sub(2 * REACH) };
        look(self.name, &mut self.open, &self.buffer, self.decided, until);
        let gone = until.saturating_sub(REACH);
        self.buffer.drain(..gone);
        self.decided = until - gone;
    }

    /// Of one family the first row in the order of the table counts: a Percona server is no MySQL.
    fn sightings(self) -> Vec<Sighting> {
        let mut families: BTreeMap<&str, Sighting> = BTreeMap::new();
        for row in self.open {
            if let Some((_, version)) = row.best {
                families.entry(row.program.family()).or_insert(Sighting { row: row.place, version });
            }
        }
        families.into_values().collect()
    }
}

/// Looks at the marks in `from..until` of the bytes, in the order of the signs and then of the places.
fn look(name: &str, rows: &mut [Row], bytes: &[u8], from: usize, until: usize) {
    for row in rows {
        for place in 0..row.worth() {
            let Some(sign) = row.program.signs.get(place) else { break };
            let try_at = |start: usize, end: usize| {
                let window = bytes.get(start.saturating_sub(sign.before.min(REACH))..)?;
                let len = end.saturating_add(sign.after.min(REACH)) - start.saturating_sub(sign.before.min(REACH));
                let version = sign.version(row.place, place, window.get(..len).unwrap_or(window))?;
                (row.program.agrees)(name, &version).then_some(version)
            };
            let found = match (sign.mark, row.finders.get(place).and_then(Option::as_ref)) {
                (Mark::Text(text), Some(finder)) => {
                    let region = bytes.get(from..(until + text.len()).min(bytes.len())).unwrap_or_default();
                    finder
                        .find_iter(region)
                        .map(|at| from + at)
                        .take_while(|at| *at < until)
                        .find_map(|at| try_at(at, at + text.len()))
                }
                (mark, _) => versions(bytes, from, until)
                    .filter(|(_, end)| mark != Mark::CString || ends_as_c_string(bytes, *end))
                    .find_map(|(start, end)| try_at(start, end)),
            };
            if let Some(version) = found {
                row.best = Some((place, version));
                break;
            }
        }
    }
}

/// Places of what looks like a version: digits, a dot, digits. Gives the start and the end of `1.2` in `v1.2.3-rc1`.
fn versions(bytes: &[u8], from: usize, until: usize) -> impl Iterator<Item = (usize, usize)> {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    memchr::memchr_iter(b'.', bytes.get(from..until).unwrap_or_default()).map(move |dot| from + dot).filter_map(
        move |dot| {
            let mut start = dot;
            while start > 0 && dot - start < 8 && digit(start - 1) {
                start -= 1;
            }
            let mut end = dot + 1;
            while end - dot < 8 && digit(end) {
                end += 1;
            }
            let first_dot = start == 0 || bytes.get(start - 1) != Some(&b'.');
            (start < dot && end > dot + 1 && first_dot).then_some((start, end))
        },
    )
}

/// Whether the token goes on to a NUL: a string of C, or one that Go's linker was given.
fn ends_as_c_string(bytes: &[u8], end: usize) -> bool {
    let rest = bytes.get(end..).unwrap_or_default();
    rest.iter()
        .take(TOKEN)
        .find(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_' | b'~')))
        .is_some_and(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_across_blocks_is_found() {
        let mut file = vec![1u8; 700_000];
        for at in [0, 5, (256 << 10) - 9, 300_000, 699_970] {
            file.fill(1);
            file[at..at + 16].copy_from_slice(b"memcached 1.6.18");
            for block in [4_096, 65_536, 300_001] {
                let mut scan = Scan::new("usr/bin/memcached").unwrap();
                file.chunks(block).for_each(|block| scan.push(block));
                let found = scan.finish();
                assert_eq!(found.len(), 1, "at {at} in blocks of {block}");
                assert_eq!(found[0].version, "1.6.18");
            }
            assert_eq!(Scan::new("memcached").unwrap().whole(&file)[0].version, "1.6.18");
        }
    }

    #[test]
    fn versions_are_found_by_their_first_dot() {
        let text = b"v1.2.3 x.5 10. 4.4. 1..2 12345678901.2";
        let found: Vec<&[u8]> = versions(text, 0, text.len()).map(|(start, end)| &text[start..end]).collect();
        assert_eq!(found, [b"1.2".as_slice(), b"4.4", b"45678901.2"]);
    }
}
