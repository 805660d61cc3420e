//! Dialects of tar, and what is wrong with broken ones.

use proptest::prelude::*;
use signet_image::build::{LayerBuilder, header, pax_record, seal};
use signet_image::{LayerError, Limits, walk_layer};
use signet_model::UnexaminedKind;

use crate::{Seen, listing, walk};

#[track_caller]
fn check(tar: &[u8], expected: &[&str]) {
    assert_eq!(listing(tar), expected);
}

#[track_caller]
fn refused(tar: &[u8], expected: &str) {
    let error = walk(tar).map(|(read, _)| read.index).expect_err("it must be refused");
    assert_eq!(error.to_string(), expected);
}

fn block(edit: impl FnOnce(&mut [u8; 512])) -> [u8; 512] {
    let mut block = header(b'0', b"a", b"", 0o644, 1);
    edit(&mut block);
    seal(&mut block);
    block
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

/// An extended header with these records.
fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let records: Vec<u8> = records.iter().flat_map(|(key, value)| pax_record(key, value.as_bytes())).collect();
    [header(b'x', b"pax", b"", 0o644, records.len() as u64).to_vec(), padded(&records)].concat()
}

fn tar(parts: &[&[u8]]) -> Vec<u8> {
    [parts.concat(), vec![0; 1024]].concat()
}

#[test]
fn plain_entries() {
    let tar = LayerBuilder::new()
        .directory("./etc")
        .file("/etc/passwd", b"root")
        .symlink("etc/link", "../passwd")
        .hardlink("etc/hard", "./etc/passwd")
        .entry(b'6', "dev/pipe", "", 0o600, b"")
        .file("../../up", b"clamped")
        .finish();
    check(
        &tar,
        &["etc/", "etc/passwd=root", "etc/link -> ../passwd", "etc/hard => etc/passwd", "dev/pipe!", "up=clamped"],
    );
}

#[test]
fn long_names_by_pax_gnu_and_prefix() {
    let long = format!("{}/file", "d".repeat(150));
    check(&LayerBuilder::new().file(&long, b"x").finish(), &[&format!("{long}=x")]);
    let gnu = tar(&[
        &header(b'L', b"././@LongLink", b"", 0, long.len() as u64 + 1),
        &padded(format!("{long}\0").as_bytes()),
        &header(b'K', b"././@LongLink", b"", 0, 5),
        &padded(b"where"),
        &header(b'2', b"short", b"other", 0o777, 0),
    ]);
    check(&gnu, &[&format!("{long} -> where")]);
    let prefixed = block(|block| block[345..350].copy_from_slice(b"pre/x"));
    check(&tar(&[&prefixed, &padded(b"1")]), &["pre/x/a=1"]);
    // GNU keeps the access time there.
    let times = block(|block| {
        block[257..265].copy_from_slice(b"ustar  \0");
        block[345..357].copy_from_slice(b"14000000000\0");
    });
    check(&tar(&[&times, &padded(b"1")]), &["a=1"]);
}

#[test]
fn old_tars_know_directories_by_their_slash() {
    let v7 = block(|block| {
        block[0..2].copy_from_slice(b"d/");
        block[124..136].fill(0);
        block[156] = 0;
        block[257..265].fill(0);
    });
    check(&tar(&[&v7]), &["d/"]);
}

#[test]
fn base_256_sizes() {
    let large = block(|block| {
        block[124..136].fill(0);
        block[124] = 0x80;
        block[135] = 3;
    });
    check(&tar(&[&large, &padded(b"abc")]), &["a=abc"]);
}

#[test]
fn the_size_of_a_pax_record_counts_and_not_the_one_of_the_header() {
    // CVE-2025-62518: a reader that believes the header's 0 takes the content for headers.
    let inner = LayerBuilder::new().file("smuggled", b"x").finish();
    let outer = tar(&[
        &pax(&[("size", &inner.len().to_string())]),
        &header(b'0', b"archive", b"", 0o644, 0),
        &inner,
        &header(b'0', b"after", b"", 0o644, 0),
    ]);
    let (read, _) = walk(&outer).unwrap();
    let paths: Vec<&str> = read.index.entries().map(|entry| entry.path).collect();
    assert_eq!(paths, ["after", "archive"]);
    // It does not count for the long name between the two.
    let between = tar(&[
        &pax(&[("size", "3")]),
        &header(b'L', b"././@LongLink", b"", 0, 5),
        &padded(b"named"),
        &header(b'0', b"a", b"", 0o644, 0),
        &padded(b"abc"),
    ]);
    check(&between, &["named=abc"]);
    // Links and directories have no content, whatever a size says: the next header follows at once.
    let link = tar(&[&header(b'1', b"l", b"a", 0o644, 512), &header(b'0', b"b", b"", 0o644, 0)]);
    check(&link, &["l => a", "b="]);
}

#[test]
fn sparse_files_read_as_if_they_were_whole() {
    let old = block(|block| {
        block[156] = b'S';
        block[257..265].copy_from_slice(b"ustar  \0");
        block[124..136].copy_from_slice(b"00000000004\0");
        block[345..386].fill(0);
        block[386..398].copy_from_slice(b"00000000003\0");
        block[398..410].copy_from_slice(b"00000000002\0");
        block[482] = 1;
        block[483..495].copy_from_slice(b"00000000012\0");
    });
    let mut more = [0; 512];
    more[..12].copy_from_slice(b"00000000006\0");
    more[12..24].copy_from_slice(b"00000000002\0");
    let next = header(b'0', b"next", b"", 0o644, 0);
    check(&tar(&[&old, &more, &padded(b"abcd"), &next]), &["a=\0\0\0ab\0cd\0\0", "next="]);

    let by_pax = |records: &[(&str, &str)], content: &[u8]| {
        tar(&[&pax(records), &header(b'0', b"x", b"", 0o644, content.len() as u64), &padded(content), &next])
    };
    let expected = ["real=\0ab\0\0c", "next="];
    let v00 = [
        ("path", "real"),
        ("GNU.sparse.size", "6"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.offset", "1"),
        ("GNU.sparse.numbytes", "2"),
        ("GNU.sparse.offset", "5"),
        ("GNU.sparse.numbytes", "1"),
    ];
    check(&by_pax(&v00, b"abc"), &expected);
    let v01 = [("GNU.sparse.name", "real"), ("GNU.sparse.size", "6"), ("GNU.sparse.map", "1,2,5,1")];
    check(&by_pax(&v01, b"abc"), &expected);
    let v10 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.realsize", "6"),
    ];
    check(&by_pax(&v10, &[padded(b"2\n1\n2\n5\n1\n"), b"abc".to_vec()].concat()), &expected);
}

#[test]
fn sparse_files_that_lie() {
    let map = |map: &str, size: &str| {
        tar(&[
            &pax(&[("GNU.sparse.name", "s"), ("GNU.sparse.size", size), ("GNU.sparse.map", map)]),
            &header(b'0', b"x", b"", 0o644, 3),
            &padded(b"abc"),
        ])
    };
    for (text, size) in
        [("5,1,1,2", "6"), ("1,9", "6"), ("0,9", "9"), ("18446744073709551615,1", "6"), ("1,2,2,1", "6")]
    {
        assert!(matches!(walk(&map(text, size)), Err(LayerError::Tar(_))), "{text} in {size}");
    }
    // Eight exbibytes of zeros: listed without being made, and a visitor that wants them all is stopped.
    let huge = map("0,3", "9223372036854775807");
    let (read, _) = walk(&huge).unwrap();
    assert_eq!(read.index.get("s").map(|entry| entry.size), Some(i64::MAX as u64));
    let limits = Limits { sparse_zero_bytes: 4096, ..Limits::default() };
    let error = walk_layer(huge.as_slice(), &limits, &mut Seen::default()).unwrap_err();
    assert_eq!(error.kind(), UnexaminedKind::TooLarge);
}

#[test]
fn broken_archives_name_the_offset() {
    let good = LayerBuilder::new().file("a", b"x").file("b", b"yy").finish();
    let mut checksum = good.clone();
    checksum[1024] ^= 1;
    refused(&checksum, "the tar stream is broken at offset 1024: the checksum of a header is wrong");
    refused(&good[..512], "the tar stream ends at offset 512, inside the content of an entry");
    refused(&good[..1100], "the tar stream ends at offset 1100, inside a header");
    refused(b"this is no archive", "the tar stream ends at offset 18, inside a header");
    let negative = block(|block| block[124..136].fill(0xFF));
    refused(&tar(&[&negative]), "the tar stream is broken at offset 0: the size in a header is no number");
    let lonely = tar(&[&pax(&[("path", "x")])]);
    refused(&lonely, "the tar stream is broken at offset 1024: an extended header is followed by no entry");
    let nul = tar(&[&pax(&[("path", "a\0b")]), &header(b'0', b"x", b"", 0, 0)]);
    refused(&nul, "the tar stream is broken at offset 512: a PAX name holds a NUL");
}

#[test]
fn archives_may_end_early_or_go_on() {
    let good = LayerBuilder::new().file("a", b"x").finish();
    check(&good[..1024], &["a=x"]);
    check(&good[..513], &["a=x"]);
    check(b"", &[]);
    check(&[0; 10240], &[]);
    let lone = [&good[..1024], &[0; 512], &good[..1024]].concat();
    check(&lone, &["a=x", "a=x"]);
    // Behind the end marker runtimes see nothing, and neither do we; but we say so.
    let second = LayerBuilder::new().file("hidden", b"x").finish();
    let (read, seen) = walk(&[good.clone(), second].concat()).unwrap();
    assert_eq!(seen.0.len(), 1);
    assert_eq!(
        read.unexamined[0].why,
        "the layer goes on at offset 2048, behind the end of its archive at 2048; container runtimes do not read that"
    );
    assert_eq!(read.unexamined[0].location.layer, Some(read.diff_id));
}

#[test]
fn what_cannot_be_looked_at_is_named() {
    let strange = tar(&[
        &header(b'M', b"volume", b"", 0o644, 3),
        &padded(b"abc"),
        &header(b'0', b"a/.wh.", b"", 0o644, 0),
        &header(b'0', b"./", b"", 0o644, 0),
        &header(b'g', b"global", b"", 0o644, 9),
        &padded(b"9 path=x\n"),
        &header(b'0', b"b", b"", 0o644, 0),
    ]);
    let (read, seen) = walk(&strange).unwrap();
    assert_eq!(seen.0.len(), 1);
    let kinds: Vec<(&str, UnexaminedKind)> =
        read.unexamined.iter().map(|one| (one.location.path.as_str(), one.kind)).collect();
    use UnexaminedKind::{Malformed, Unsupported};
    assert_eq!(kinds, [("volume", Unsupported), ("a/.wh.", Malformed), ("", Malformed), ("", Unsupported)]);
}

#[test]
fn limits_are_named() {
    let tar = LayerBuilder::new().file("a", b"x").file("b", b"x").finish();
    let check = |limits: Limits| {
        let error = walk_layer(tar.as_slice(), &limits, &mut Seen::default()).unwrap_err();
        assert_eq!(error.kind(), UnexaminedKind::TooLarge, "{error}");
    };
    check(Limits { entries: 1, ..Limits::default() });
    check(Limits { layer_bytes: 1000, ..Limits::default() });
    check(Limits { index_bytes: 30, ..Limits::default() });
    check(Limits { path_bytes: 0, ..Limits::default() });
}

/// Tars with a bit of everything.
fn samples() -> Vec<Vec<u8>> {
    let long = "long/".repeat(40);
    let small = LayerBuilder::new()
        .directory("usr")
        .file(&format!("{long}x"), b"content")
        .symlink("lib", "usr/lib")
        .hardlink("h", &format!("{long}x"))
        .whiteout("etc/passwd")
        .opaque("var")
        .finish();
    let sparse = tar(&[
        &pax(&[
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "real"),
            ("GNU.sparse.realsize", "6"),
        ]),
        &header(b'0', b"x", b"", 0o644, 515),
        &padded(b"2\n1\n2\n5\n1\n"),
        &padded(b"abc"),
    ]);
    vec![small, sparse]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = walk(&bytes);
    }

    #[test]
    fn changed_archives_never_panic_and_stay_inside(
        sample in 0usize..2,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        repair in any::<bool>(),
    ) {
        let mut bytes = samples()[sample].clone();
        for (at, byte) in &edits {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if repair {
            // Right checksums let the changes through to what lies behind them.
            for chunk in bytes.chunks_exact_mut(512) {
                if &chunk[257..262] == b"ustar" {
                    let block: &mut [u8; 512] = chunk.try_into().unwrap();
                    seal(block);
                }
            }
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok((read, _)) = walk(&bytes) {
            for entry in read.index.entries() {
                prop_assert!(!entry.path.starts_with('/'));
                prop_assert!(entry.path.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
