//! Layers with a table of contents, read in parts: the same as whole, or an error.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use proptest::prelude::*;
use signet_image::lazy::{Contents, LazyError, LazyRead, Mark, Wanted};
use signet_image::{Entry, EntryKind, Limits, Visitor, walk_layer};
use signet_model::Digest;

use crate::chunked::{Chunked, Format, Item, file, header, noise, other, write};

const BOTH: [Format; 2] = [Format::Estargz, Format::ZstdChunked];
const CHUNK: usize = 64 << 10;
const BIG: usize = 2 << 20;

/// As a cataloger: reads files under `claimed/` and such as begin like a program whole, of others their first bytes.
#[derive(Default, Debug, PartialEq, Eq)]
struct Reads(BTreeMap<String, Option<Digest>>);

impl Visitor for Reads {
    fn visit(&mut self, entry: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
        let mut head = Vec::new();
        let read = content.take(64).read_to_end(&mut head).and_then(|_| {
            if entry.path.starts_with("claimed/") || head.starts_with(b"\x7fELF") {
                content.read_to_end(&mut head)?;
                return Ok(true);
            }
            Ok(false)
        });
        // Catalogers note what they cannot read and go on; the walk must find out by itself.
        let whole = read.unwrap_or_default();
        self.0.insert(entry.path.clone(), (whole && entry.kind == EntryKind::File).then(|| Digest::sha256(&head)));
        Ok(())
    }
}

fn mark(layer: &Chunked) -> Mark {
    let annotations = layer.annotations.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Mark::of(annotations, layer.blob.len() as u64).unwrap()
}

/// Reads a layer lazily from these bytes.
fn lazily(mark: &Mark, blob: &[u8], limits: &Limits) -> Result<(LazyRead, Reads, u64), LazyError> {
    let mut given = 0;
    let mut open = |range: Range<u64>| -> io::Result<Box<dyn Read + Send>> {
        let (start, end) = (range.start as usize, range.end as usize);
        let bytes = blob.get(start..end).ok_or(io::ErrorKind::InvalidInput)?.to_vec();
        given += bytes.len() as u64;
        Ok(Box::new(io::Cursor::new(bytes)))
    };
    let contents = Contents::fetch(mark, blob.len() as u64, &mut open, limits)?;
    let mut reads = Reads::default();
    let wanted = |entry: &Entry| if entry.path.starts_with("claimed/") { Wanted::Whole } else { Wanted::Start };
    let read = contents.walk(&mut open, limits, &wanted, &mut reads)?;
    Ok((read, reads, given))
}

/// A small system with one big file that nobody claims.
fn system() -> Vec<Item> {
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.extend(noise(3 * CHUNK, 3));
    vec![
        other(b'5', "./", ""),
        other(b'5', "claimed/", ""),
        file("claimed/status", 0o644, b"Package: a\n"),
        file("claimed/list", 0o600, &noise(5 * CHUNK / 2, 1)),
        file("data/.wh.old", 0o644, b""),
        file("data/model", 0o644, &noise(BIG, 2)),
        other(b'2', "data/link", "../claimed/status"),
        other(b'1', "data/hard", "claimed/status"),
        other(b'6', "data/pipe", ""),
        file("data/empty", 0o644, b""),
        file("usr/program", 0o644, &program),
        file("usr/text", 0o644, b"text"),
        file("usr/zeros", 0o644, &vec![0; 300_000]),
    ]
}

fn plain(_: &mut Vec<String>) {}

#[test]
fn a_layer_in_parts_says_what_the_whole_says() {
    for format in BOTH {
        let layer = write(format, &system(), CHUNK, &plain);
        let mut whole = Reads::default();
        let read = walk_layer(layer.blob.as_slice(), &Limits::default(), &mut whole).unwrap();
        assert_eq!(read.diff_id, layer.diff_id);
        let (lazy, reads, given) = lazily(&mark(&layer), &layer.blob, &Limits::default()).unwrap();
        assert_eq!(lazy.index, read.index, "{format:?}");
        assert_eq!(reads, whole, "{format:?}");
        assert!(
            reads.0["usr/program"].is_some() && reads.0["claimed/list"].is_some() && reads.0["data/model"].is_none()
        );
        assert_eq!(lazy.fetched, given, "{format:?}");
        let size = layer.blob.len() as u64;
        assert!(given * 100 < size * 30, "{format:?}: {given} of {size} bytes, {} requests", lazy.requests);
        assert!(lazy.requests < 10, "{format:?}: {} requests", lazy.requests);
    }
}

#[test]
fn what_is_needed_whole_is_not_read_in_parts() {
    for format in BOTH {
        let layer = write(format, &[file("claimed/all", 0o644, &noise(BIG, 4))], CHUNK, &plain);
        let err = lazily(&mark(&layer), &layer.blob, &Limits::default()).unwrap_err();
        assert!(matches!(err, LazyError::NotWorth { .. }), "{format:?}: {err}");
    }
}

/// Every lie must be an error.
#[track_caller]
fn refused(format: Format, items: &[Item], lie: impl Fn(&mut Vec<String>)) -> LazyError {
    let layer = write(format, items, CHUNK, &lie);
    match lazily(&mark(&layer), &layer.blob, &Limits::default()) {
        Err(err) => err,
        Ok((_, reads, _)) => panic!("{format:?} passed: {reads:?}"),
    }
}

/// Replaces in the first line that names this.
fn change(lines: &mut [String], name: &str, from: &str, to: &str) {
    let line = lines.iter_mut().find(|line| line.contains(name)).unwrap();
    assert!(line.contains(from), "{line}");
    *line = line.replacen(from, to, 1);
}

#[test]
fn a_table_that_lies_is_refused() {
    for format in BOTH {
        let items = system();
        let find = |lines: &[String], name: &str| lines.iter().position(|line| line.contains(name)).unwrap();
        // Leaves a file out, with and without content.
        for name in ["\"claimed/status\"", "data/empty", "data/link", "usr/text", "data/.wh.old"] {
            let err = refused(format, &items, |lines| {
                let at = find(lines, name);
                lines.remove(at);
            });
            assert!(
                matches!(err, LazyError::Disagree { .. } | LazyError::Part { .. } | LazyError::Contents { .. }),
                "{name}: {err}"
            );
        }
        // The big file too, all lines of it.
        refused(format, &items, |lines| lines.retain(|line| !line.contains("data/model")));
        // Says something else about an entry.
        for (name, from, to) in [
            ("claimed/status", "claimed/status", "hidden/status"),
            ("claimed/status", "\"mode\":420", "\"mode\":493"),
            ("data/link", "../claimed", "../hidden"),
            ("data/hard", "linkName\":\"claimed", "linkName\":\"hidden"),
            ("data/pipe", "fifo", "dir"),
            ("data/pipe", "fifo", "door"),
            ("usr/text", "\"size\":4", "\"size\":3"),
            ("usr/text", "\"size\":4", "\"size\":5"),
            ("usr/text", "\"size\":4", "\"size\":0"),
            ("usr/text", "\"size\":4", "\"size\":-1"),
            ("usr/text", "\"size\":4", "\"size\":4,\"innerOffset\":1"),
            ("data/empty", "\"mode\"", "\"size\":1,\"offset\":1,\"mode\""),
        ] {
            refused(format, &items, |lines| change(lines, name, from, to));
        }
        // An entry that the archive does not have.
        refused(format, &items, |lines| lines.push("{\"type\":\"dir\",\"name\":\"more\",\"mode\":493}".to_owned()));
        // Chunks that overlap, stand before each other, or outside.
        for offset in ["1", "18446744073709551615", "99999999"] {
            refused(format, &items, |lines| {
                let at = find(lines, "usr/text");
                let line = &lines[at];
                let start = line.find("\"offset\":").unwrap() + 9;
                let end = start + line[start..].find([',', '}']).unwrap();
                lines[at] = format!("{}{offset}{}", &line[..start], &line[end..]);
            });
        }
        refused(format, &items, |lines| {
            let at = find(lines, "\"chunk\"");
            lines.swap(at, at + 1);
        });
        refused(format, &items, |lines| {
            let at = find(lines, "\"chunk\"");
            lines.remove(at);
        });
        refused(format, &items, |lines| change(lines, "\"chunk\"", "\"chunkOffset\":65536", "\"chunkOffset\":65535"));
        refused(format, &items, |lines| lines.insert(0, "{\"type\":\"chunk\",\"name\":\"x\",\"offset\":3}".to_owned()));
        // The digest of a chunk that is read.
        let err = refused(format, &items, |lines| {
            let line = lines.iter_mut().find(|line| line.contains("usr/text")).unwrap();
            *line = line.replace(&Digest::sha256(b"text").to_string(), &Digest::sha256(b"tex").to_string());
        });
        assert!(matches!(err, LazyError::Part { .. }), "{err}");
        refused(format, &items, |lines| {
            let at = find(lines, "usr/text");
            lines[at] = lines[at].replace("sha256:", "sha256;");
        });
        if format == Format::ZstdChunked {
            refused(format, &items, |lines| change(lines, "usr/text", "\"endOffset\":", "\"endOffset\":1"));
            refused(format, &items, |lines| change(lines, "usr/text", "\"endOffset\":", "\"endOffset\":1,\"x\":"));
        }
    }
}

#[test]
fn bytes_that_are_not_those_of_the_table_are_refused() {
    for format in BOTH {
        let layer = write(format, &system(), CHUNK, &plain);
        let good = mark(&layer);
        let (lazy, reads, _) = lazily(&good, &layer.blob, &Limits::default()).unwrap();
        // One wrong byte anywhere is seen, or lies where nobody looked; it never changes what is said.
        let step = layer.blob.len() / 100;
        let mut seen = 0;
        for at in (0..layer.blob.len()).step_by(step).chain(layer.blob.len() - 120..layer.blob.len()) {
            let mut blob = layer.blob.clone();
            blob[at] ^= 0x41;
            match lazily(&good, &blob, &Limits::default()) {
                Err(_) => seen += 1,
                Ok((other, others, _)) => {
                    assert_eq!((other.index, others), (lazy.index.clone(), Reads(reads.0.clone())))
                }
            }
        }
        assert!(seen > 10, "{format:?}: {seen}");
        let other = match &good {
            Mark::Estargz { .. } => Mark::Estargz { toc: Digest::sha256(b"other") },
            Mark::ZstdChunked { position, .. } => {
                Mark::ZstdChunked { toc: Digest::sha256(b"other"), position: position.clone() }
            }
        };
        let err = lazily(&other, &layer.blob, &Limits::default()).unwrap_err();
        assert!(matches!(err, LazyError::Digest { .. }), "{err}");
    }
}

/// Where the archive of a layer ends and its table of contents begins.
fn archive_end(layer: &Chunked) -> usize {
    match mark(layer) {
        Mark::ZstdChunked { position, .. } => position.start as usize,
        Mark::Estargz { .. } => {
            let digits = &layer.blob[layer.blob.len() - 35..layer.blob.len() - 19];
            usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
        }
    }
}

/// A registry that changes the headers between the chunks, which no digest covers.
#[test]
fn a_header_that_the_table_does_not_know_is_refused() {
    for format in BOTH {
        let items = |name: &str| [file(name, 0o644, b"Package: a\n"), file("data/model", 0o644, &noise(700_000, 5))];
        let honest = write(format, &items("claimed/status"), CHUNK, &plain);
        // Of the same packed length, so that the honest table fits the forged bytes.
        let forged = (b'a'..=b'z').find_map(|letter| {
            let name = format!("claime{}/status", char::from(letter));
            let forged = write(format, &items(&name), CHUNK, &plain);
            (name != "claimed/status" && archive_end(&forged) == archive_end(&honest)).then_some(forged)
        });
        let blob = [&forged.unwrap().blob[..archive_end(&honest)], &honest.blob[archive_end(&honest)..]].concat();
        assert!(lazily(&mark(&honest), &honest.blob, &Limits::default()).is_ok());
        let err = lazily(&mark(&honest), &blob, &Limits::default()).unwrap_err();
        assert!(matches!(err, LazyError::Disagree { .. }), "{format:?}: {err}");
    }
}

/// Entries that hide behind a chunk, in the same member, are found where that member is looked at.
#[test]
fn entries_behind_a_chunk_are_seen() {
    for format in BOTH {
        let hidden = file("hidden", 0o644, b"12345");
        let mut items = system();
        let at = items.iter().position(|item| item.name == "usr/text").unwrap();
        let mut content = b"text".to_vec();
        content.resize(512, 0);
        content.extend(header(&hidden));
        content.extend(b"12345");
        items[at].content = content;
        let err = refused(format, &items, |lines| {
            let at = lines.iter().position(|line| line.contains("usr/text")).unwrap();
            let size = 512 + 512 + 5;
            lines[at] = lines[at]
                .replace(&format!("\"size\":{size}"), "\"size\":4,\"chunkSize\":4")
                .replace(&Digest::sha256(&items_content(&items)).to_string(), &Digest::sha256(b"text").to_string());
        });
        assert!(matches!(err, LazyError::Disagree { .. } | LazyError::Part { .. }), "{err}");
    }
}

/// The same where header and table agree about the file, and the entry hides in the rest of its member.
#[test]
fn entries_in_the_rest_of_a_member_are_seen() {
    for format in BOTH {
        let hidden = file("hidden", 0o644, b"");
        let mut items = system();
        let at = items.iter().position(|item| item.name == "usr/text").unwrap();
        // A block long, so that all that follows stands where it would stand without the hidden entry.
        items[at].content = vec![b't'; 512];
        items[at].behind = header(&hidden);
        let layer = write(format, &items, CHUNK, &plain);
        let whole = walk_layer(layer.blob.as_slice(), &Limits::default(), &mut Reads::default()).unwrap();
        assert!(whole.index.get("hidden").is_some(), "a plain reader sees it");
        let err = refused(format, &items, plain);
        assert!(matches!(err, LazyError::Disagree { .. } | LazyError::Part { .. }), "{err}");
    }
}

fn items_content(items: &[Item]) -> Vec<u8> {
    items.iter().find(|item| item.name == "usr/text").unwrap().content.clone()
}

#[test]
fn annotations_that_fit_nothing_are_no_mark() {
    let digest = Digest::sha256(b"x").to_string();
    let chunked = |position: &str| {
        Mark::of(
            [
                ("io.containers.zstd-chunked.manifest-checksum", &*digest),
                ("io.containers.zstd-chunked.manifest-position", position),
            ],
            1000,
        )
    };
    assert!(matches!(chunked("500:100:200:1"), Some(Mark::ZstdChunked { position, .. }) if position == (500..600)));
    for position in [
        "",
        "1",
        "500:100:200:2",
        "500:501:9:1",
        "500:0:9:1",
        "8:1:9:1",
        "18446744073709551615:1:1:1",
        "a:b:c:d",
        "500:1:1:1:1",
    ] {
        assert_eq!(chunked(position), None, "{position}");
    }
    let key = "containerd.io/snapshot/stargz/toc.digest";
    assert!(matches!(Mark::of([(key, &*digest)], 1000), Some(Mark::Estargz { .. })));
    assert_eq!(Mark::of([(key, "sha256:1")], 1000), None);
    assert_eq!(Mark::of([("other", &*digest)], 1000), None);
}

#[test]
fn limits_are_kept() {
    let layer = write(Format::ZstdChunked, &system(), CHUNK, &plain);
    let limits = Limits { layer_bytes: 1 << 20, ..Limits::default() };
    assert!(matches!(lazily(&mark(&layer), &layer.blob, &limits), Err(LazyError::TooLarge { .. })));
    let limits = Limits { path_bytes: 5, ..Limits::default() };
    assert!(matches!(lazily(&mark(&layer), &layer.blob, &limits), Err(LazyError::TooLarge { .. })));
    let limits = Limits { index_bytes: 50, ..Limits::default() };
    assert!(matches!(lazily(&mark(&layer), &layer.blob, &limits), Err(LazyError::TooLarge { .. })));
    // A bomb in the place of the table.
    let bomb = zstd::encode_all(vec![b' '; 100 << 20].as_slice(), 1).unwrap();
    let mut blob = vec![0; 9];
    blob.extend(&bomb);
    let position = 9..blob.len() as u64;
    let mark = Mark::ZstdChunked { toc: Digest::sha256(&bomb), position };
    assert!(matches!(lazily(&mark, &blob, &Limits::default()), Err(LazyError::TooLarge { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Whatever a table says, nothing panics, and what is said is what the whole layer says.
    #[test]
    fn changed_tables_never_mislead(
        estargz: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let format = if estargz { Format::Estargz } else { Format::ZstdChunked };
        let items = vec![
            file("claimed/a", 0o644, b"first"),
            file("data/b", 0o644, &noise(400_000, 9)),
            other(b'2', "l", "data/b"),
            file("claimed/c", 0o755, b"third"),
        ];
        let layer = write(format, &items, 100_000, &|lines| {
            for (line, place, byte) in &edits {
                let line = line.get_mut(lines.as_mut_slice());
                let mut bytes = std::mem::take(line).into_bytes();
                // Digits mostly: offsets and sizes are what leads somewhere.
                let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
                let at = *place.get(&digits);
                bytes[at] = if *byte < 200 { b'0' + byte % 10 } else { *byte & 0x7F };
                *line = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        let mut whole = Reads::default();
        let read = walk_layer(layer.blob.as_slice(), &Limits::default(), &mut whole).unwrap();
        if let Ok((lazy, reads, _)) = lazily(&mark(&layer), &layer.blob, &Limits::default()) {
            prop_assert_eq!(lazy.index, read.index);
            prop_assert_eq!(reads, whole);
        }
    }
}
