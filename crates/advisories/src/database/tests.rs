use std::io::Cursor;

use proptest::prelude::*;
use signet_model::{DataSource, Inventory, Package, PackageKind, Severity, Status};

use super::*;
use crate::MatchOptions;
use crate::record::{Advisory, Affected, Detail, Feed, Named, Range, Record, Trust};

fn sample() -> Vec<u8> {
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    builder.feed(Feed {
        name: "test".to_owned(),
        url: "https://example.com/db".to_owned(),
        data_time: "2026-01-01T00:00:00Z".parse().ok(),
        licence: "CC0-1.0".to_owned(),
        redistributable: true,
        attribution: "by us".to_owned(),
        trust: Trust::DigestPinned("sha256:00".to_owned()),
    });
    for n in 0..200 {
        let advisory = Advisory {
            stream: "npm".to_owned(),
            package: format!("package-{}", n % 50),
            named: Named::Library,
            id: format!("CVE-2024-{n}"),
            vendor_ids: vec![format!("GHSA-{n}")],
            status: Status::Unknown,
            severity: None,
            affected: Affected {
                vulnerable: vec![Range::before(Some("1.0.0"), &format!("2.{n}.0"))],
                ..Affected::default()
            },
            fixed: vec![format!("2.{n}.0")],
            arches: Vec::new(),
            products: Vec::new(),
            malicious: false,
            source: DataSource { id: "ghsa".to_owned(), name: "GitHub".to_owned(), ..DataSource::default() },
        };
        builder.put(Record::Advisory(Box::new(advisory))).unwrap();
        let detail = Detail {
            title: format!("Title {n}"),
            severities: vec![("nvd".to_owned(), Severity::High)],
            ..Detail::default()
        };
        builder.put(Record::Detail(format!("CVE-2024-{n}"), Box::new(detail))).unwrap();
    }
    let (out, report) = builder.finish().unwrap();
    let bytes = out.into_inner();
    assert_eq!((report.advisories, report.packages, report.size), (200, 50, bytes.len() as u64));
    bytes
}

fn inventory() -> Inventory {
    let packages = (0..60).map(|n| Package::new(PackageKind::Npm, format!("package-{n}"), "1.5.0")).collect();
    Inventory { packages, ..Inventory::default() }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    assert_eq!(sample(), sample());
}

#[test]
fn what_went_in_comes_out() {
    let bytes = sample();
    let database = Database::open(&bytes).unwrap();
    database.verify().unwrap();
    assert_eq!(database.streams().unwrap(), ["npm"]);
    let contents = database.contents();
    assert_eq!((contents.advisories, contents.vulnerabilities, contents.packages), (200, 200, 50));
    let feeds = database.feeds().unwrap();
    assert_eq!((feeds[0].name.as_str(), &feeds[0].trust), ("test", &Trust::DigestPinned("sha256:00".to_owned())));
    let vulnerability = database.vulnerability("CVE-2024-7").unwrap().unwrap();
    assert_eq!(vulnerability.title.as_deref(), Some("Title 7"));
    assert_eq!(vulnerability.severities["nvd"], Severity::High);
    assert!(database.vulnerability("CVE-2024-999").unwrap().is_none());
    assert_eq!(database.match_inventory(&inventory(), &MatchOptions::default()).findings.len(), 200);
}

#[test]
fn an_empty_database_opens() {
    let (out, _) = Builder::new(Cursor::new(Vec::new())).unwrap().finish().unwrap();
    let bytes = out.into_inner();
    let database = Database::open(&bytes).unwrap();
    database.verify().unwrap();
    assert!(database.vulnerability("CVE-1").unwrap().is_none());
    assert_eq!(database.match_inventory(&inventory(), &MatchOptions::default()).unexamined.len(), 1);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Vec<u8>), expected: fn(&DatabaseError) -> bool) {
    let mut bytes = sample();
    change(&mut bytes);
    let err = Database::open(&bytes).and_then(|database| database.verify()).unwrap_err();
    assert!(expected(&err), "{err}");
}

#[test]
fn damage_is_refused() {
    refused(|bytes| bytes.clear(), |err| *err == DatabaseError::Foreign);
    refused(|bytes| bytes.truncate(100), |err| matches!(err, DatabaseError::Cut { .. }));
    refused(|bytes| bytes.truncate(bytes.len() - 1), |err| matches!(err, DatabaseError::Cut { .. }));
    refused(|bytes| bytes.push(0), |err| matches!(err, DatabaseError::Cut { .. }));
    refused(|bytes| bytes[8] = 9, |err| *err == DatabaseError::Version { found: 9 });
    refused(|bytes| bytes[40] ^= 1, |err| *err == DatabaseError::Header);
    refused(|bytes| bytes[600] ^= 1, |err| matches!(err, DatabaseError::Body { .. }));
    refused(
        |bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 1
        },
        |err| matches!(err, DatabaseError::Body { .. }),
    );
}

/// The header's own digest made right again, so that a change in it reaches the code behind.
fn seal(bytes: &mut [u8]) {
    let digest = signet_model::Digest::sha256(&bytes[..format::HEADER_DIGEST]);
    bytes[format::HEADER_DIGEST..format::HEADER_DIGEST + 32].copy_from_slice(digest.as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_files_never_panic(
        header in prop::collection::vec((24usize..416, any::<u8>()), 0..3),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let mut bytes = sample();
        for (at, byte) in header {
            bytes[at] = byte;
        }
        for (place, byte) in changes {
            let at = format::HEADER + place.index(bytes.len() - format::HEADER);
            bytes[at] = byte;
        }
        seal(&mut bytes);
        if let Ok(database) = Database::open(&bytes) {
            let _ = database.match_inventory(&inventory(), &MatchOptions::default());
            let _ = database.vulnerability("CVE-2024-7");
            let _ = database.feeds();
        }
    }
}
