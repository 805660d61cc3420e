use std::io::Cursor;

use proptest::prelude::*;
use signet_model::{DataSource, Severity, Status};

use super::*;
use crate::database::{Builder, Database};
use crate::record::{Advisory, Affected, Detail, Named, Range, Record};

/// A database of `count` advisories, of which those in `changed` have another fix, an alias and another text, and those in `gone` are not there.
fn database(count: usize, changed: &[usize], gone: &[usize]) -> Vec<u8> {
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    for n in (0..count).filter(|n| !gone.contains(n)) {
        let new = changed.contains(&n);
        let fixed = if new { format!("9.{n}.1-changed") } else { format!("2.{n}.0") };
        let advisory = Advisory {
            stream: if n % 3 == 0 { "npm" } else { "debian 12" }.to_owned(),
            package: format!("package-{}", n % (count / 4 + 1)),
            named: Named::Library,
            id: format!("CVE-2024-{n}"),
            vendor_ids: vec![format!("GHSA-{n}")],
            status: Status::Unknown,
            severity: None,
            affected: Affected { vulnerable: vec![Range::before(Some("1.0.0"), &fixed)], ..Affected::default() },
            fixed: vec![fixed],
            arches: Vec::new(),
            products: Vec::new(),
            malicious: false,
            source: DataSource { id: "ghsa".to_owned(), name: "GitHub".to_owned(), ..DataSource::default() },
        };
        builder.put(Record::Advisory(Box::new(advisory))).unwrap();
        let detail = Detail {
            title: format!("Title {n} {new}"),
            aliases: if new { vec![format!("GHSA-new-{n}")] } else { vec![format!("GHSA-old-{n}")] },
            severities: vec![("nvd".to_owned(), Severity::High)],
            ..Detail::default()
        };
        builder.put(Record::Detail(format!("CVE-2024-{n}"), Box::new(detail))).unwrap();
    }
    builder.finish().unwrap().0.into_inner()
}

#[track_caller]
fn check(old: &[u8], new: &[u8], most: usize) {
    let delta = diff(old, new).unwrap();
    let mut made = Vec::new();
    let info = apply(old, &delta, 1 << 30, &mut made).unwrap();
    assert!(made == new, "another file");
    Database::open(&made).unwrap().verify().unwrap();
    assert_eq!(info.result, Database::open(new).unwrap().digest());
    let mut packed = flate2::read::ZlibEncoder::new(&delta[..], flate2::Compression::default());
    let size = std::io::copy(&mut packed, &mut std::io::sink()).unwrap();
    assert!(size <= most as u64, "{size} bytes packed");
}

#[test]
fn old_and_difference_give_the_very_bytes_of_the_new() {
    let old = database(3000, &[], &[]);
    assert!(old.len() > 500_000);
    check(&old, &old, 1000);
    let new = database(3000, &[5, 77, 1500], &[]);
    check(&old, &new, 10_000);
    check(&new, &old, 10_000);
    check(&old, &database(3000, &[1], &[0, 2, 2999]), 20_000);
    check(&old, &database(3500, &[7], &[]), 100_000);
    check(&database(0, &[], &[]), &old, old.len());
    check(&old, &database(0, &[], &[]), 2000);
}

#[test]
fn what_it_was_not_made_for_is_refused() {
    let (old, new) = (database(300, &[], &[]), database(300, &[7], &[]));
    let delta = diff(&old, &new).unwrap();
    let tried = |base: &[u8], delta: &[u8], most: u64| apply(base, delta, most, &mut Vec::new());
    assert!(matches!(tried(&new, &delta, 1 << 30), Err(DeltaError::OtherBase { .. })));
    assert!(matches!(tried(&old, &delta, 1000), Err(DeltaError::TooLarge { .. })));
    assert!(matches!(tried(b"other", &delta, 1 << 30), Err(DeltaError::Base(_))));
    assert!(matches!(tried(&old, &old, 1 << 30), Err(DeltaError::Foreign)));
    assert!(matches!(tried(&old, &delta[..delta.len() - 1], 1 << 30), Err(DeltaError::Damaged { .. })));
    let mut other = delta.clone();
    other[8] = 9;
    assert!(matches!(tried(&old, &other, 1 << 30), Err(DeltaError::Version { found: 9 })));
    let mut other = delta.clone();
    other[50] ^= 1;
    assert!(matches!(tried(&old, &other, 1 << 30), Err(DeltaError::OtherResult { .. })));
    // A bomb: one piece of the old file over and over.
    let mut bomb = delta[..HEAD].to_vec();
    for _ in 0..100_000 {
        bomb.push(SAME);
        crate::bytes::put_varint(&mut bomb, 0);
        crate::bytes::put_varint(&mut bomb, 0);
    }
    bomb.extend([SAME, 0, 0x80, 0x80, 0x80, 0x80, 0x08]);
    assert!(matches!(tried(&old, &bomb, 1 << 30), Err(DeltaError::Damaged { .. })));
}

proptest! {
    #[test]
    fn any_change_of_records_returns(changed in prop::collection::vec(0usize..400, 0..20), gone in prop::collection::vec(0usize..400, 0..20)) {
        let (old, new) = (database(400, &gone, &changed), database(400, &changed, &gone));
        let mut made = Vec::new();
        apply(&old, &diff(&old, &new).unwrap(), 1 << 30, &mut made).unwrap();
        prop_assert!(made == new);
    }

    #[test]
    fn damage_never_panics_and_never_gives_another_file(flips in prop::collection::vec((0usize..100_000, 1u8..), 1..4), cut in 0usize..100_000) {
        let (old, new) = (database(200, &[], &[]), database(200, &[3, 150], &[9]));
        let whole = diff(&old, &new).unwrap();
        let mut delta = whole.clone();
        for (at, bits) in flips {
            let at = at % delta.len();
            delta[at] ^= bits;
        }
        if cut % 3 == 0 {
            delta.truncate(cut % (delta.len() + 1));
        }
        let mut made = Vec::new();
        if apply(&old, &delta, 1 << 22, &mut made).is_ok() {
            let good = Database::open(&made).is_ok_and(|database| database.verify().is_ok());
            prop_assert!(!good || made == new);
        }
        prop_assert!(made.len() <= 1 << 22);
    }

    #[test]
    fn damaged_databases_are_never_a_panic(flips in prop::collection::vec((0usize..100_000, 1u8..), 1..4)) {
        let old = database(100, &[], &[]);
        let mut new = database(100, &[3], &[]);
        for (at, bits) in flips {
            // The header keeps its digest: what lies behind it is what was never verified.
            let at = crate::database::format::HEADER + at % (new.len() - crate::database::format::HEADER);
            new[at] ^= bits;
        }
        for (old, new) in [(&old, &new), (&new, &old)] {
            if let Ok(delta) = diff(old, new) {
                let mut made = Vec::new();
                apply(old, &delta, 1 << 30, &mut made).unwrap();
                prop_assert!(made == *new);
            }
        }
    }
}
