//! bzip2 and xz, in which some publishers pack their feeds.

use std::io::Read;

/// Memory that an xz stream may claim for its dictionary, in KiB; the strongest preset needs 65 MiB.
const XZ_MEMORY: u32 = 256 << 10;

/// The unpacked stream, and the name of what is in it; `None`: the bytes are neither bzip2 nor xz. The reader bounds what it takes.
pub(super) fn stream<'b>(name: &str, bytes: &'b [u8]) -> Option<(String, Box<dyn Read + 'b>)> {
    let reader: Box<dyn Read + 'b> = if bytes.starts_with(b"BZh") {
        Box::new(bzip2::read::MultiBzDecoder::new(bytes))
    } else if bytes.starts_with(b"\xfd7zXZ\0") {
        Box::new(lzma_rust2::XzReader::new_mem_limit(bytes, true, XZ_MEMORY))
    } else {
        return None;
    };
    let endings = [(".bz2", ""), (".xz", ""), (".tbz2", ".tar"), (".tbz", ".tar"), (".txz", ".tar")];
    let inner = endings.iter().find_map(|(from, to)| Some(format!("{}{to}", name.strip_suffix(from)?)));
    Some((inner.unwrap_or_else(|| name.to_owned()), reader))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf 'a feed\n' | bzip2` and `| xz`.
    const BZIP2: &[u8] = include_bytes!("testdata/feed.bz2");
    const XZ: &[u8] = include_bytes!("testdata/feed.xz");

    #[track_caller]
    fn check(name: &str, bytes: &[u8], expected: Option<&str>) {
        let found = stream(name, bytes).map(|(name, mut reader)| {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "a feed\n");
            name
        });
        assert_eq!(found.as_deref(), expected, "{name}");
    }

    #[test]
    fn both_are_unpacked_and_named() {
        check("a.xml.bz2", BZIP2, Some("a.xml"));
        check("a.tar.xz", XZ, Some("a.tar"));
        check("a.txz", XZ, Some("a.tar"));
        check("a", BZIP2, Some("a"));
        check("a.bz2", b"{}", None);
        let two = [BZIP2, BZIP2].concat();
        let mut text = String::new();
        stream("a", &two).unwrap().1.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a feed\na feed\n", "streams one behind the other");
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        for bytes in [BZIP2, XZ] {
            for cut in 6..bytes.len() {
                if let Some((_, mut reader)) = stream("a", &bytes[..cut]) {
                    assert!(reader.read_to_end(&mut Vec::new()).is_err(), "cut at {cut} of {}", bytes.len());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(flips in prop::collection::vec((0usize..200, 1u8..), 1..4), second: bool) {
            let mut bytes = if second { XZ } else { BZIP2 }.to_vec();
            for (at, bits) in flips {
                let at = at % bytes.len();
                bytes[at] ^= bits;
            }
            if let Some((_, reader)) = stream("a", &bytes) {
                let _read = reader.take(1 << 20).read_to_end(&mut Vec::new());
            }
        }
    }
}
