//! Notations that several leaves share, read with positions: JSON, block YAML, mail headers, zip directories.
//!
//! Nothing here knows a package. Every reader is bounded in depth and memory and says at which line it gave up.

pub(crate) mod any_yaml;
pub(crate) mod block_yaml;
pub(crate) mod bplist;
pub(crate) mod document;
pub(crate) mod headers;
pub(crate) mod json;
mod node;
pub(crate) mod terms;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod toml;
pub(crate) mod unpack;
#[cfg(test)]
pub(crate) mod whole_binary;
pub(crate) mod xml;
pub(crate) mod zip;

pub(crate) use node::{Node, Value};
use signet_model::Unexamined;

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// Line, counted from 1.
    pub(crate) line: u32,
    /// What was wrong, without a full stop.
    pub(crate) what: &'static str,
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Parts of one file that are reported one by one; the next says that there are more. A file made of broken lines must not cost more than
/// it weighs.
const REPORTED: usize = 200;

/// Packages that one database of an operating system may name; distributions have a few thousand. More are told, and not kept: each takes a
/// kilobyte or two, and a record of one a dozen bytes.
pub(crate) const MAX_PACKAGES: usize = 100_000;

/// Whether a database has named as many packages as are kept; tells it, once.
pub(crate) fn is_full(input: &crate::Input<'_>, found: &mut crate::Found) -> bool {
    let full = found.packages.len() >= MAX_PACKAGES;
    let why = || format!("more than {MAX_PACKAGES} packages");
    if full && found.unexamined.last().is_none_or(|last| last.why != why()) {
        found.unexamined.push(input.unexamined(signet_model::UnexaminedKind::TooLarge, why()));
    }
    full
}

/// Adds what could not be read, up to a number per file.
pub(crate) fn report(list: &mut Vec<Unexamined>, what: Unexamined) {
    match list.len() {
        before if before < REPORTED => list.push(what),
        REPORTED => {
            list.push(Unexamined { why: format!("{}; and more of the file could not be read", what.why), ..what })
        }
        _ => {}
    }
}

/// Text of a file: UTF-8 with or without a byte order mark, or UTF-16 with one. Bytes that are neither become U+FFFD.
pub(crate) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes).into(),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes).into(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

#[cfg(test)]
mod tests {
    use signet_model::{Location, UnexaminedKind};

    use super::*;

    #[test]
    fn text_of_bytes() {
        assert_eq!(text(b"\xef\xbb\xbfa"), "a");
        assert_eq!(text(b"\xff\xfea\0\xe9\0"), "a\u{e9}");
        assert_eq!(text(b"\xfe\xff\0a"), "a");
        assert_eq!(text(b"a\xff"), "a\u{fffd}");
    }

    #[test]
    fn reports_end() {
        let mut list = Vec::new();
        for line in 0..1000 {
            let why = format!("line {line}");
            report(
                &mut list,
                Unexamined { location: Location::default(), kind: UnexaminedKind::Malformed, by: "x", why },
            );
        }
        assert_eq!(list.len(), REPORTED + 1);
        assert_eq!(list[REPORTED].why, "line 200; and more of the file could not be read");
    }
}
