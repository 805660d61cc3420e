//! The build information that the Go linker leaves in a program.

use std::borrow::Cow;

use crate::Binary;

/// First bytes of the record. It stands at a multiple of 16. Source: golang/go:src/debug/buildinfo/buildinfo.go.
const MAGIC: &[u8] = b"\xff Go buildinf:";

/// Bytes of a data segment that are searched when there is no section of that name; the linker puts the record first.
const SEARCH: u64 = 4 << 20;

/// Longest text that is believed. The largest real module lists have a few hundred kilobytes.
const TEXT: u64 = 16 << 20;

/// What the linker recorded, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BuildInfo {
    /// `go1.22.1`, perhaps with more behind it.
    pub(super) go_version: String,
    /// Lines `path`, `mod`, `dep`, `=>`, `build`; empty for programs built without modules.
    pub(super) modules: String,
}

/// Reads the record.
///
/// Shape: 14 bytes of magic, pointer size, flags (1 = big-endian, 2 = inline). Inline, since Go 1.18: at 32 a uvarint length and the
/// version, then a uvarint length and the module text. Before: at 16 two pointers to Go string headers {pointer, length}.
/// The module text stands between two marks of 16 bytes.
/// `Ok(None)` when there is no record: no Go program. Errors: a record that breaks off, in one sentence.
pub(super) fn read(binary: &dyn Binary) -> Result<Option<BuildInfo>, &'static str> {
    let section = [".go.buildinfo", "__go_buildinfo"].iter().find_map(|name| binary.section(name));
    let found = section.as_deref().and_then(find).map(Cow::Borrowed);
    let found = match found {
        Some(record) => Some(record.into_owned()),
        None => {
            let segment = binary
                .data_segment()
                .and_then(|(address, size)| binary.at_address(address, usize::try_from(size.min(SEARCH)).unwrap_or(0)));
            segment.as_deref().and_then(find).map(<[u8]>::to_vec)
        }
    };
    let Some(record) = found else { return Ok(None) };
    let flags = record.get(15).copied().ok_or("the build information breaks off")?;
    let (version, modules) = match flags & 2 {
        0 => pointed(binary, &record, flags & 1 == 1)?,
        _ => inline(&record)?,
    };
    Ok(Some(BuildInfo { go_version: String::from_utf8_lossy(&version).into_owned(), modules: unframe(&modules) }))
}

/// The record from its magic on.
fn find(data: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find_iter(data, MAGIC).find(|at| at % 16 == 0);
    // some linkers align the section differently: any place is better than none
    at.or_else(|| memchr::memmem::find(data, MAGIC)).and_then(|at| data.get(at..))
}

type Texts = (Vec<u8>, Vec<u8>);

fn inline(record: &[u8]) -> Result<Texts, &'static str> {
    let broken = "the build information breaks off";
    let (version, rest) = text(record.get(32..).ok_or(broken)?).ok_or(broken)?;
    // a program built without modules may end here
    let (modules, _) = text(rest).unwrap_or_default();
    Ok((version.to_vec(), modules.to_vec()))
}

/// A uvarint length and that many bytes.
fn text(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length: u64 = 0;
    for (at, byte) in data.iter().take(9).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let rest = data.get(at + 1..)?;
            let length = usize::try_from(length).ok()?;
            return Some((rest.get(..length)?, rest.get(length..)?));
        }
    }
    None
}

fn pointed(binary: &dyn Binary, record: &[u8], big: bool) -> Result<Texts, &'static str> {
    let size = usize::from(record.get(14).copied().unwrap_or_default());
    if size != 4 && size != 8 {
        return Err("the build information states a pointer size that does not exist");
    }
    let word = |data: &[u8], at: usize| -> Option<u64> {
        let bytes = data.get(at..at + size)?;
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
    };
    let string = |at: usize| -> Option<Vec<u8>> {
        let header = binary.at_address(word(record, at)?, 2 * size)?;
        let (address, length) = (word(&header, 0)?, word(&header, size)?);
        if length > TEXT {
            return None;
        }
        let length = usize::try_from(length).ok()?;
        let text = if length == 0 { Cow::default() } else { binary.at_address(address, length)? };
        (text.len() == length).then(|| text.into_owned())
    };
    let version = string(16).ok_or("the build information points outside of the program")?;
    Ok((version, string(16 + size).unwrap_or_default()))
}

/// The module text without its two marks.
fn unframe(modules: &[u8]) -> String {
    let framed = modules.len() >= 33 && modules.get(modules.len() - 17) == Some(&b'\n');
    let inner = if framed { modules.get(16..modules.len() - 16).unwrap_or_default() } else { &[] };
    String::from_utf8_lossy(inner).into_owned()
}

#[cfg(test)]
pub(super) mod build {
    use super::*;
    use crate::BinaryFormat;

    /// A program that is nothing but a data segment at this address.
    pub(in crate::golang) struct Bare {
        pub(in crate::golang) address: u64,
        pub(in crate::golang) data: Vec<u8>,
        pub(in crate::golang) named: bool,
    }

    impl Binary for Bare {
        fn format(&self) -> BinaryFormat {
            BinaryFormat::Elf
        }

        fn size(&self) -> u64 {
            self.data.len() as u64
        }

        fn section(&self, name: &str) -> Option<Cow<'_, [u8]>> {
            (self.named && name == ".go.buildinfo").then_some(Cow::Borrowed(&self.data))
        }

        fn at_address(&self, address: u64, len: usize) -> Option<Cow<'_, [u8]>> {
            let rest = self.data.get(usize::try_from(address.checked_sub(self.address)?).ok()?..)?;
            Some(Cow::Borrowed(rest.get(..len).unwrap_or(rest)))
        }

        fn data_segment(&self) -> Option<(u64, u64)> {
            Some((self.address, self.data.len() as u64))
        }
    }

    fn framed(modules: &str) -> Vec<u8> {
        [&[0x30; 16][..], modules.as_bytes(), &[0xf9; 16]].concat()
    }

    /// A record as Go 1.18 and later write it.
    pub(in crate::golang) fn inline(version: &str, modules: &str) -> Vec<u8> {
        let mut data = [MAGIC, &[8, 2], &[0; 16]].concat();
        for text in [version.as_bytes().to_vec(), framed(modules)] {
            let mut length = text.len();
            while length >= 0x80 {
                data.push(length as u8 | 0x80);
                length >>= 7;
            }
            data.push(length as u8);
            data.extend(text);
        }
        data
    }

    /// A record as Go wrote it before, in a segment at this address.
    pub(in crate::golang) fn pointed(address: u64, size: u8, big: bool, version: &str, modules: &str) -> Vec<u8> {
        let word = |value: u64| match (size, big) {
            (8, true) => value.to_be_bytes().to_vec(),
            (8, false) => value.to_le_bytes().to_vec(),
            (_, true) => (value as u32).to_be_bytes().to_vec(),
            (_, false) => (value as u32).to_le_bytes().to_vec(),
        };
        let modules = framed(modules);
        let headers = address + 32;
        let texts = headers + 4 * u64::from(size);
        let mut data = [MAGIC, &[size, u8::from(big)]].concat();
        data.extend(word(headers));
        data.extend(word(headers + 2 * u64::from(size)));
        data.resize(32, 0);
        for value in [texts, version.len() as u64, texts + version.len() as u64, modules.len() as u64] {
            data.extend(word(value));
        }
        data.extend(version.as_bytes());
        data.extend(modules);
        data
    }
}
