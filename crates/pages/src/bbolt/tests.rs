use proptest::prelude::*;

use super::*;
use crate::testing::{Node, PAGE, bolt_file, bucket, value};

fn sample() -> Vec<u8> {
    const KEYS: [&str; 24] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v",
        "w", "x",
    ];
    let many: Vec<(&'static str, Node)> = KEYS.iter().map(|key| (*key, value(&format!("value of {key}")))).collect();
    bolt_file(&[
        ("empty", bucket(&[])),
        ("inline", bucket(&[("k", value("v"))])),
        ("large", bucket(&[("blob", Node::Value(vec![7; 5 * PAGE]))])),
        ("many", bucket(&many)),
        ("nested", bucket(&[("inner", bucket(&many)), ("z", value("1"))])),
        ("plain", value("top")),
    ])
}

/// All keys with their values, as lines; descends as deep as a Trivy database does.
fn walk(bucket: &Bucket<'_, '_>, depth: usize, out: &mut Vec<String>) -> Result<(), BoltError> {
    for item in bucket.iter() {
        let (key, entry) = item?;
        let key = String::from_utf8_lossy(key);
        match entry {
            Entry::Value(bytes) => out.push(format!("{}{key}={}", " ".repeat(depth), bytes.len())),
            Entry::Bucket(inner) => {
                out.push(format!("{}{key}/{}", " ".repeat(depth), if inner.is_inline() { " inline" } else { "" }));
                if depth < 4 {
                    walk(&inner, depth + 1, out)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn everything_is_found_in_order() {
    let file = sample();
    let bolt = Bolt::open(&file).unwrap();
    let mut lines = Vec::new();
    walk(&bolt.root(), 0, &mut lines).unwrap();
    assert_eq!(lines[..6], ["empty/ inline", "inline/ inline", " k=1", "large/", " blob=5120", "many/"]);
    assert_eq!(lines.len(), 6 + 24 + 2 + 24 + 2);
    let many = bolt.root().bucket(b"many").unwrap().unwrap();
    assert!(matches!(many.get(b"q").unwrap(), Some(Entry::Value(b"value of q"))));
    assert!(many.get(b"aa").unwrap().is_none());
    assert!(many.get(b"").unwrap().is_none());
    assert!(many.get(b"zz").unwrap().is_none());
    assert!(bolt.root().bucket(b"plain").unwrap().is_none(), "a value is no bucket");
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut file = sample();
    change(&mut file);
    let walked = Bolt::open(&file).and_then(|bolt| walk(&bolt.root(), 0, &mut Vec::new()));
    let err = walked.expect_err("this damage must be seen").to_string();
    assert!(err.contains(expected), "{err}");
}

/// The page that the second meta page names as root.
fn root_page(file: &[u8]) -> usize {
    u64_at(file, PAGE + 16 + 16).unwrap() as usize * PAGE
}

#[test]
fn damage_is_named_with_its_place() {
    refused(|file| file.clear(), "no bbolt file");
    refused(|file| file.truncate(70), "no bbolt file");
    refused(|file| file.truncate(file.len() - 1), "the file is cut");
    refused(
        |file| {
            let at = root_page(file);
            file[at] ^= 1
        },
        "says that it is page",
    );
    refused(
        |file| {
            let at = root_page(file);
            file[at + 8] = 9
        },
        "neither branch nor leaf",
    );
    refused(
        |file| {
            let at = root_page(file);
            file[at + 10..at + 12].fill(0xff)
        },
        "claims 65535 elements",
    );
    refused(
        |file| {
            let at = root_page(file);
            file[at + 12..at + 16].fill(0xff)
        },
        "outside the file",
    );
    // The root is a branch: its first child becomes itself.
    refused(
        |file| {
            let at = root_page(file);
            let id = (at / PAGE) as u64;
            file[at + 24..at + 32].copy_from_slice(&id.to_le_bytes());
        },
        "deeper than 32",
    );
}

#[test]
fn a_broken_meta_page_leaves_the_other() {
    let mut file = sample();
    file[PAGE + 16 + 60] ^= 1;
    // The first transaction had an empty root.
    let bolt = Bolt::open(&file).unwrap();
    assert_eq!(bolt.root().iter().count(), 0);
    let mut file = sample();
    file[16 + 60] ^= 1;
    let bolt = Bolt::open(&file).unwrap();
    assert_eq!(bolt.root().iter().count(), 6);
}

#[test]
fn shared_pages_do_not_multiply() {
    // Each element of a branch names the same child, several levels deep: honest work would be 4^n.
    let mut file = sample();
    let pages = file.len() / PAGE;
    let at = root_page(&file);
    for n in 0..2 {
        let element = at + 16 + n * 16;
        let child = u64_at(&file, at + 24).unwrap();
        file[element + 8..element + 16].copy_from_slice(&child.to_le_bytes());
    }
    let bolt = Bolt::open(&file).unwrap();
    let mut total = 0usize;
    for _ in 0..100_000 {
        match bolt.root().iter().try_fold(0, |count, item| item.map(|_| count + 1)) {
            Ok(count) => total += count,
            Err(err) => {
                assert_eq!(err.why, BoltFault::Circle);
                assert!(total < pages * 64 * PAGE);
                return;
            }
        }
    }
    panic!("the budget never ran out");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_files_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<Option<prop::sample::Index>>()) {
        let mut file = sample();
        for (place, byte) in changes {
            let at = place.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            let length = cut.index(file.len());
            file.truncate(length);
        }
        if let Ok(bolt) = Bolt::open(&file) {
            let _ = walk(&bolt.root(), 0, &mut Vec::new());
            let _ = bolt.root().get(b"many");
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        prop_assert!(Bolt::open(&bytes).is_err());
    }
}
