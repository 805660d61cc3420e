//! Bytes that are no record, were one, or want to be a large one.

use proptest::prelude::*;

use super::generate::Generate;
use crate::records::*;

fn layer(seed: u64) -> Vec<u8> {
    let mut generate = Generate::new(seed, 4);
    let (index, record) = (generate.index(), generate.record());
    encode_layer(&index, &record, &generate.list_of_unexamined()).unwrap()
}

fn inventory(seed: u64) -> Vec<u8> {
    encode_inventory(&Generate::new(seed, 6).inventory()).unwrap()
}

/// Small enough that a reader that does not count what it takes is found out by the time that it takes.
const MEMORY: usize = 8 << 20;

/// Whatever is read, is read without a panic; and what is taken for a record is one: it can be written and reads back the same.
fn read(bytes: &[u8]) {
    if let Ok(value) = decode_inventory_within(bytes, MEMORY)
        && let Ok(again) = encode_inventory(&value)
    {
        assert_eq!(decode_inventory(&again).unwrap(), value);
    }
    if let Ok(value) = decode_layer_within(bytes, MEMORY)
        && let Ok(again) = encode_layer(&value.0, &value.1, &value.2)
    {
        assert_eq!(decode_layer(&again).unwrap(), value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes(seed: u64, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for mut bytes in [layer(seed), inventory(seed)] {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            read(&bytes);
        }
    }

    #[test]
    fn cut_and_pasted_bytes(seed: u64, a: prop::sample::Index, b: prop::sample::Index) {
        for bytes in [layer(seed), inventory(seed)] {
            let (a, b) = (a.index(bytes.len()), b.index(bytes.len()));
            read(&[&bytes[..a], &bytes[b..]].concat());
        }
    }

    #[test]
    fn random_bytes(kind in prop::sample::select(vec![b'L', b'I']), body: Vec<u8>) {
        read(&body);
        read(&[&b"SGNT"[..], &[kind, FORMAT_VERSION], &body].concat());
    }
}

#[test]
fn no_beginning_of_a_record_is_one() {
    let (layer, inventory) = (layer(1), inventory(1));
    for end in 0..layer.len() {
        assert!(decode_layer(&layer[..end]).is_err(), "{end} of {} bytes", layer.len());
    }
    for end in 0..inventory.len() {
        assert!(decode_inventory(&inventory[..end]).is_err(), "{end} of {} bytes", inventory.len());
    }
}

#[track_caller]
fn check(body: &[u8], error: RecordError) {
    let bytes = [&b"SGNTI"[..], &[FORMAT_VERSION], body].concat();
    assert_eq!(decode_inventory(&bytes), Err(error));
}

#[test]
fn what_is_wrong_is_named() {
    let empty = [0, 0, 0, 0, 0, 0];
    let damaged = |at, what| RecordError::Damaged { at, what };
    check(&empty[..5], damaged(11, "it ends too early"));
    check(&[&empty[..], &[7]].concat(), damaged(12, "bytes follow the end"));
    check(&[9], damaged(7, "a flag is neither set nor unset"));
    check(&[0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0], damaged(12, "a list is longer than the record"));
    check(&[[0xFF; 16].as_slice(), &[0]].concat(), damaged(7, "a flag is neither set nor unset"));
    check(&[&[0], [0xFF; 16].as_slice()].concat(), damaged(17, "a number has more than 64 bits"));
    // An edge from package 0, of which there is none.
    check(&[0, 0, 1, 0, 0, 0, 0, 0, 0], damaged(10, "it refers to a package that it has not"));
    // A content set by the number of a text, of which there is none.
    check(&[0, 0, 0, 0, 1, 2, 0], damaged(12, "it refers to a text that it has not"));
    check(&[0, 0, 0, 0, 1, 3, 0xFF, 0], damaged(13, "a text is not UTF-8"));
    // A distribution whose other fields hold `k` twice: one of the values would be lost.
    let twice = [2, 3, b'k', 1, 2, 1];
    check(&[&[1, 1], [0; 10].as_slice(), &twice].concat(), damaged(24, "the keys of a map are not in order"));
}

#[test]
fn another_version_or_kind_is_refused() {
    let (mut layer, inventory) = (layer(1), inventory(1));
    assert_eq!(decode_layer(&inventory), Err(RecordError::Kind));
    assert_eq!(decode_inventory(&layer), Err(RecordError::Kind));
    assert_eq!(decode_layer(b"{\"json\": true}"), Err(RecordError::Kind));
    for version in [0, FORMAT_VERSION + 1, 255] {
        layer[5] = version;
        assert_eq!(decode_layer(&layer), Err(RecordError::Version { found: version, known: FORMAT_VERSION }));
    }
}

#[test]
fn a_small_record_of_a_large_value_is_refused() {
    let text = "x".repeat(10_000);
    let inventory = Inventory { content_sets: vec![text; 2_000], ..Inventory::default() };
    let bytes = encode_inventory(&inventory).unwrap();
    assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
    assert_eq!(decode_inventory_within(&bytes, MEMORY), Err(RecordError::TooLarge { limit: MEMORY }));
    assert_eq!(decode_inventory_within(&bytes, 128 << 20).unwrap(), inventory);

    // Paths that share their beginning grow as quickly.
    let mut to = begin(Kind::Layer);
    let directory = "d".repeat(10_000);
    to.count(2_001);
    let paths: Vec<String> =
        std::iter::once(directory.clone()).chain((0..2_000).map(|at| format!("{directory}/{at:05}"))).collect();
    let mut previous = "";
    for path in &paths {
        to.path(&mut previous, path);
        [0, 0, 0].into_iter().for_each(|zero| to.byte(zero));
    }
    let bytes = [to.finish(), vec![0; 16]].concat();
    assert!(bytes.len() < 50_000, "{} bytes", bytes.len());
    assert_eq!(decode_layer_within(&bytes, MEMORY), Err(RecordError::TooLarge { limit: MEMORY }));
}

#[test]
fn paths_of_a_layer_are_in_order_and_stay_inside_the_root() {
    let record = |paths: &[&str]| {
        let mut to = begin(Kind::Layer);
        to.count(paths.len());
        for path in paths {
            to.count(0);
            to.plain(path);
            [0, 0, 0].into_iter().for_each(|zero| to.byte(zero));
        }
        // Three lists of markers and duplicates, six of the record, one of what could not be read.
        [to.finish(), vec![0; 10]].concat()
    };
    assert_eq!(decode_layer(&record(&["a", "a/b", "a-b"])).unwrap().0.len(), 3);
    for paths in [&["b", "a"][..], &["a", "a"], &["a-b", "a/b"], &["../x"], &["/x"], &["a//b"], &["a/./b"], &["a/"]] {
        assert!(matches!(decode_layer(&record(paths)), Err(RecordError::Damaged { .. })), "{paths:?}");
    }
}

#[test]
fn files_of_a_package_are_among_the_paths_of_the_record() {
    let record = |step: u64| {
        let mut to = begin(Kind::Layer);
        // A layer of one path.
        to.count(1);
        to.count(0);
        to.plain("a");
        [0, 0, 0].into_iter().for_each(|zero| to.byte(zero));
        [0, 0, 0].into_iter().for_each(|zero| to.byte(zero));
        // One file, of which no link and the leaf `dpkg` is known, and in it one list of one path, of the package at place 0.
        to.count(1);
        to.text("");
        to.maybe_text(None);
        to.name("dpkg").unwrap();
        [0, 0, 0, 0, 1, 0, 0].into_iter().for_each(|byte| to.byte(byte));
        to.count(1);
        to.number(step);
        [0, 0, 0, 0, 0].into_iter().for_each(|zero| to.byte(zero));
        // Five more lists of the record, and what could not be read.
        [to.finish(), vec![0; 6]].concat()
    };
    let (_, layer, _) = decode_layer(&record(1)).unwrap();
    assert_eq!(layer.files[0].found.owns[0].1, ["a"]);
    // One step forward, one back, as far as a number goes.
    for step in [3, 2, u64::MAX, u64::MAX - 1] {
        let err = decode_layer(&record(step)).unwrap_err();
        assert!(
            matches!(err, RecordError::Damaged { what: "it refers to a path that it has not", .. }),
            "{step}: {err}"
        );
    }
}
