//! One pass: compression, digests, markers.

use std::io::{self, BufRead, Read};

use proptest::prelude::*;
use signet_image::build::{LayerBuilder, pack};
use signet_image::{Compression, Entry, LayerError, Limits, Visitor, walk_layer};
use signet_model::{Digest, UnexaminedKind};

use crate::{listing, walk};

fn sample() -> Vec<u8> {
    let big: Vec<u8> = (0..600_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    LayerBuilder::new().directory("d").file("d/big", &big).file("d/small", b"small").finish()
}

#[track_caller]
fn check(stored: &[u8], tar: &[u8], compression: Compression) {
    let (read, seen) = walk(stored).unwrap();
    assert_eq!(read.digest, Digest::sha256(stored), "over the stored bytes");
    assert_eq!(read.diff_id, Digest::sha256(tar), "over the tar stream");
    assert_eq!((read.size, read.uncompressed_size), (stored.len() as u64, tar.len() as u64));
    assert_eq!(read.compression, compression);
    assert_eq!(
        seen.0.last().map(|(path, _, content)| (path.as_str(), content.as_slice())),
        Some(("d/small", &b"small"[..]))
    );
}

#[test]
fn every_packing_gives_the_same_tar() {
    let tar = sample();
    check(&tar, &tar, Compression::None);
    check(&pack(&tar, Compression::Gzip), &tar, Compression::Gzip);
    check(&pack(&tar, Compression::Zstd), &tar, Compression::Zstd);
    let (a, b) = tar.split_at(1_000_001);
    let both = |compression| [pack(a, compression), pack(b, compression)].concat();
    check(&both(Compression::Gzip), &tar, Compression::Gzip);
    check(&both(Compression::Zstd), &tar, Compression::Zstd);
    // Empty members stand at the end of eStargz layers; skippable frames hold the index of zstd:chunked ones.
    let with_empty = [pack(&tar, Compression::Gzip), pack(b"", Compression::Gzip)].concat();
    check(&with_empty, &tar, Compression::Gzip);
    let skippable = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    check(&[&skippable[..], &pack(&tar, Compression::Zstd), &skippable].concat(), &tar, Compression::Zstd);
}

#[test]
fn a_visitor_may_leave_content_unread() {
    struct Lazy;
    impl Visitor for Lazy {
        fn visit(&mut self, _: &Entry, content: &mut dyn BufRead) -> io::Result<()> {
            content.read_exact(&mut [0; 0])
        }
    }
    let tar = sample();
    let stored = pack(&tar, Compression::Gzip);
    let read = walk_layer(stored.as_slice(), &Limits::default(), &mut Lazy).unwrap();
    assert_eq!((read.digest, read.diff_id), (Digest::sha256(&stored), Digest::sha256(&tar)));
}

#[test]
fn readers_that_give_single_bytes() {
    struct Drip<'a>(&'a [u8]);
    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = out.len().min(1);
            self.0.read(&mut out[..len])
        }
    }
    let tar = LayerBuilder::new().file("a", b"x").finish();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let stored = pack(&tar, compression);
        let read = walk_layer(Drip(&stored), &Limits::default(), &mut crate::Seen::default()).unwrap();
        assert_eq!((read.diff_id, read.compression), (Digest::sha256(&tar), compression));
    }
}

#[test]
fn cut_and_broken_streams_are_errors_with_an_offset() {
    let tar = sample();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let stored = pack(&tar, compression);
        for len in [5, 100, stored.len() / 2, stored.len() - 1] {
            let error = walk(&stored[..len]).map(|(read, _)| read.size).unwrap_err();
            assert_eq!(error.kind(), UnexaminedKind::Malformed, "{error} at {len}");
            assert!(error.to_string().contains("offset"), "{error}");
        }
        let mut flipped = stored.clone();
        let middle = stored.len() / 2;
        flipped[middle..middle + 20].fill(0xAA);
        // Zstandard may carry no checksum of its own: then the diffID tells.
        assert!(walk(&flipped).map_or(true, |(read, _)| read.diff_id != Digest::sha256(&tar)));
    }
}

#[test]
fn a_reader_that_fails_is_told_from_broken_bytes() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the line went dead"));
            }
            self.0.read(out)
        }
    }
    let tar = sample();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let stored = pack(&tar, compression);
        let cut = &stored[..stored.len() / 2];
        let error = walk_layer(Failing(cut), &Limits::default(), &mut crate::Seen::default()).unwrap_err();
        assert!(
            matches!(&error, LayerError::Read { source, .. } if source.to_string() == "the line went dead"),
            "{error:?}"
        );
    }
}

#[test]
fn an_error_of_the_visitor_ends_the_walk() {
    struct Refuses;
    impl Visitor for Refuses {
        fn visit(&mut self, _: &Entry, _: &mut dyn BufRead) -> io::Result<()> {
            Err(io::Error::other("no more"))
        }
    }
    let error = walk_layer(sample().as_slice(), &Limits::default(), &mut Refuses).unwrap_err();
    assert_eq!(error.to_string(), "cannot examine `d`");
}

#[test]
fn what_follows_the_last_member_is_said_and_hashed() {
    let stored = [pack(&sample(), Compression::Gzip), b"rest".to_vec()].concat();
    let (read, _) = walk(&stored).unwrap();
    assert_eq!(read.digest, Digest::sha256(&stored));
    assert!(read.unexamined[0].why.starts_with("bytes that are no gzip member"), "{:?}", read.unexamined);
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let stored = pack(&LayerBuilder::new().file("zeros", &vec![0; 4 << 20]).finish(), Compression::Zstd);
    let limits = Limits { layer_bytes: 1 << 20, ..Limits::default() };
    let error = walk_layer(stored.as_slice(), &limits, &mut crate::Seen::default()).unwrap_err();
    assert_eq!(error.to_string(), "the layer unpacks to more than 1048576 bytes");
}

#[test]
fn markers_are_kept_in_the_index_and_shown_to_nobody() {
    let tar = LayerBuilder::new()
        .file("etc/.wh.passwd", b"")
        .file("var/.wh..wh..opq", b"")
        .file(".wh..wh..opq", b"")
        .file(".wh..wh.aufs", b"")
        .file(".wh..wh.plnk/1.2", b"x")
        .file("a.wh.b", b"plain")
        .finish();
    assert_eq!(listing(&tar), ["a.wh.b=plain"]);
    let (read, _) = walk(&tar).unwrap();
    assert_eq!(read.index.whiteouts().collect::<Vec<_>>(), ["etc/passwd"]);
    assert_eq!(read.index.opaques().collect::<Vec<_>>(), ["", "var"]);
}

#[test]
fn duplicates_are_noted_and_the_last_one_counts() {
    let tar = LayerBuilder::new().file("a", b"1").directory("d").file("./a", b"22").directory("d").finish();
    let (read, _) = walk(&tar).unwrap();
    assert_eq!(read.index.duplicates().collect::<Vec<_>>(), ["a"]);
    assert_eq!(read.index.get("a").map(|entry| entry.size), Some(2));
    assert_eq!(read.index.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_streams_never_panic(
        gzip in any::<bool>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let tar = LayerBuilder::new().file("a", &[7; 3000]).file("b", b"x").finish();
        let mut stored = pack(&tar, if gzip { Compression::Gzip } else { Compression::Zstd });
        for (at, byte) in edits {
            let at = at.index(stored.len());
            stored[at] = byte;
        }
        if let Ok((read, _)) = walk(&stored) {
            prop_assert_eq!(read.digest, Digest::sha256(&stored));
        }
    }
}
