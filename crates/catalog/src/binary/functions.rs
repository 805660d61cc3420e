//! The table of functions that every Go program carries for its stack traces (`runtime.pclntab`). It stays when a program is stripped.
//!
//! Shape: mark (u32), two zeros, the smallest instruction's size, the size of a pointer; then words of that size: functions, files, since Go 1.18 the
//! start of the code, and the offsets of the names, the compilation units, and more. The names end with a zero each, and with them stand
//! those of functions that were inlined everywhere. Before Go 1.16 the names lie among the functions, and are not read here.
//! Source: golang/go `src/debug/gosym/pclntab.go`, `src/cmd/link/internal/ld/pcln.go`.

/// The linker begins the table at a multiple of this.
pub(super) const ALIGNED: usize = 32;

/// Bytes of the mark.
pub(super) const MARK: usize = 8;

/// Sections that are the table.
pub(super) const SECTIONS: &[&str] = &[".gopclntab", "__gopclntab", ".data.rel.ro.gopclntab"];

/// Whether a table may begin so.
pub(super) fn is_mark(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xfa | 0xf0 | 0xf1, 0xff, 0xff, 0xff, 0, 0, 1 | 2 | 4, 4 | 8, ..]
            | [0xff, 0xff, 0xff, 0xfa | 0xf0 | 0xf1, 0, 0, 1 | 2 | 4, 4 | 8, ..]
    )
}

/// The first table in bytes that begin at this offset of a file.
pub(super) fn find(start: u64, bytes: &[u8]) -> Option<&[u8]> {
    let first = usize::try_from(start.next_multiple_of(ALIGNED as u64) - start).ok()?;
    let places = (first..bytes.len()).step_by(ALIGNED);
    places.filter_map(|place| bytes.get(place..)).find(|rest| is_mark(rest) && FunctionTable::read(rest).is_some())
}

/// A table of which the header could be read.
#[derive(Debug)]
pub(crate) struct FunctionTable<'a> {
    bytes: &'a [u8],
    names: usize,
    units: usize,
}

impl<'a> FunctionTable<'a> {
    /// Bytes of the longest header.
    pub(super) const HEADER: usize = 72;

    /// Reads the header. `None`: it is no table, one of another version, or it breaks off.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<FunctionTable<'a>> {
        if !is_mark(bytes) {
            return None;
        }
        let (big, version) = match bytes {
            [0xff, 0xff, 0xff, version, ..] => (true, *version),
            [version, ..] => (false, *version),
            [] => return None,
        };
        let size = usize::from(*bytes.get(7)?);
        let word = |place: usize| -> Option<usize> {
            let at = MARK + place * size;
            let word = bytes.get(at..at + size)?;
            let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
            let value = if big { word.iter().fold(0, fold) } else { word.iter().rev().fold(0, fold) };
            usize::try_from(value).ok()
        };
        let first = if version == 0xfa { 2 } else { 3 };
        let (names, units) = (word(first)?, word(first + 1)?);
        // The parts lie one behind the other, and a program without functions is none.
        (word(0)? > 0 && names >= MARK && names < units && units <= word(first + 2)?).then_some(FunctionTable {
            bytes,
            names,
            units,
        })
    }

    /// Where the names end, from the table's first byte.
    pub(super) fn end(&self) -> usize {
        self.units
    }

    /// The names of all functions, in no order. `None`: not all of them are at hand.
    pub(crate) fn names(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let names = self.bytes.get(self.names..self.units)?;
        Some(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()))
    }
}

#[cfg(test)]
pub(crate) mod build {
    /// A table with these names, as Go 1.16 (`0xfa`), 1.18 (`0xf0`) or 1.20 (`0xf1`) writes it for this size of a pointer.
    pub(crate) fn table(version: u8, size: usize, big: bool, names: &[&str]) -> Vec<u8> {
        let text: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
        let mut words = vec![names.len(), 1];
        if version != 0xfa {
            words.push(0x40_1000);
        }
        let header = 8 + size * (words.len() + 5);
        words.extend([header, header + text.len(), header + text.len() + 8, 0, 0]);
        let mut table = if big { vec![0xff, 0xff, 0xff, version] } else { vec![version, 0xff, 0xff, 0xff] };
        table.extend([0, 0, 1, size as u8]);
        for word in words {
            let bytes = (word as u64).to_le_bytes();
            let mut word = bytes[..size].to_vec();
            if big {
                word.reverse();
            }
            table.extend(word);
        }
        table.extend(text);
        table.extend([0; 16]);
        table
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::build::table;
    use super::*;
    use crate::binary::{Capture, Parts};
    use crate::syntax::testing::mutate;

    const NAMES: &[&str] = &["runtime.main", "a.b/c.(*T).M", "main.main"];

    #[test]
    fn every_layout_gives_its_names() {
        for version in [0xfa, 0xf0, 0xf1] {
            for (size, big) in [(8, false), (4, false), (8, true), (4, true)] {
                let bytes = table(version, size, big, NAMES);
                let table = FunctionTable::read(&bytes).unwrap();
                let names: Vec<String> =
                    table.names().unwrap().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                assert_eq!(names, NAMES, "{version:x} {size} {big}");
                let cut = table.end() - 1;
                assert!(FunctionTable::read(&bytes[..cut]).unwrap().names().is_none(), "the names break off");
            }
        }
        let old = [&[0xfb, 0xff, 0xff, 0xff, 0, 0, 1, 8][..], &[0; 100]].concat();
        assert!(FunctionTable::read(&old).is_none());
    }

    /// Of a large program the table is kept in one pass, however its bytes come.
    #[test]
    fn a_capture_keeps_the_names() {
        let many: Vec<String> = (0..9000).map(|n| format!("example.com/some/module/package.Function{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let at = 3 << 20;
        let table = table(0xf1, 8, false, &many);
        let mut file = vec![1; at];
        file.extend(&table);
        file.resize(at + table.len() + (3 << 20), 2);
        for block in [1 << 16, 4099, at + 3, at + 40, 1 << 23] {
            let mut capture = Capture::new(&[], 0);
            file.chunks(block).for_each(|block| capture.push(block));
            let parts: Parts = capture.finish();
            let kept = parts.rest(at as u64).unwrap();
            assert_eq!(FunctionTable::read(kept).unwrap().names().unwrap().count(), 9000, "blocks of {block}");
            let found = parts.all().find_map(|(start, bytes)| find(start, bytes)).unwrap();
            assert_eq!(found.len(), kept.len());
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(place in 0usize..200, byte: u8, cut in 0usize..200, keep in 0usize..800) {
            let bytes = mutate(&table(0xf1, 8, false, NAMES), place, byte, cut, keep);
            if let Some(table) = FunctionTable::read(&bytes) {
                let names = table.names().map_or(0, Iterator::count);
                prop_assert!(names <= bytes.len());
            }
        }
    }
}
