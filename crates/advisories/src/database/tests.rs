use std::io::Cursor;

use proptest::prelude::*;
use signet_model::{Cvss, DataSource, Distro, Epss, Inventory, KnownExploited, Package, PackageKind, Severity, Status};

use super::*;
use crate::MatchOptions;
use crate::record::{
    Advisory, Affected, Detail, Feed, GoImport, Lifecycle, Named, ProductKey, Qualifiers, Range, Record, Trust,
};

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
fn what_was_left_out_is_named_and_is_no_feed() {
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    let feed = |name: &str, redistributable| Feed {
        name: name.to_owned(),
        url: "https://example.com".to_owned(),
        data_time: None,
        licence: "none".to_owned(),
        redistributable,
        attribution: String::new(),
        trust: Trust::LocalFile,
    };
    builder.left_out(feed("wolfi", false));
    builder.feed(feed("osv", true));
    builder.feed(feed("suse", false));
    let bytes = builder.finish().unwrap().0.into_inner();
    let database = Database::open(&bytes).unwrap();
    assert_eq!(database.feeds().unwrap(), [feed("osv", true), feed("suse", false)]);
    assert_eq!(database.left_out().unwrap(), [feed("wolfi", false)]);
}

/// A file of this version of the format, as it lies on users' disks: what is written stays the same, and what was written stays readable.
/// `SIGNET_BLESS=1` writes it anew; that wants a new `FORMAT_VERSION`.
#[test]
fn the_format_is_what_it_was() {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/database/testdata/format-2.db");
    let bytes = qualified();
    if std::env::var_os("SIGNET_BLESS").is_some() {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, &bytes).unwrap();
    }
    let kept = std::fs::read(&place).unwrap();
    assert_eq!(u32::from_le_bytes(kept[8..12].try_into().unwrap()), FORMAT_VERSION);
    assert!(kept == bytes, "the bytes of the format changed without a new version");
    let database = Database::open(&kept).unwrap();
    database.verify().unwrap();
    let hits = database.look_up(&Query { text: "CVE-2026-1".to_owned(), stream: "Red".to_owned(), most: 5 }).unwrap();
    let [hit] = hits.as_slice() else { panic!("{hits:?}") };
    assert_eq!((hit.module.as_deref(), hit.unaffected, hit.range.as_str()), (Some("nodejs:18"), true, ">= 1-2.el9"));
    assert_eq!(hit.available.map(|time| time.to_string()).as_deref(), Some("2026-02-03T00:00:00Z"));
    let end = database.lifecycle("Red Hat 9").unwrap().unwrap().end_of_life.unwrap();
    assert_eq!(end.to_string(), "2032-05-31T00:00:00Z");
}

/// One of every kind of record.
fn qualified() -> Vec<u8> {
    let mut builder = Builder::new(Cursor::new(Vec::new())).unwrap();
    let advisory = Advisory {
        stream: "Red Hat 9".to_owned(),
        package: "nodejs".to_owned(),
        named: Named::Any,
        id: "CVE-2026-1".to_owned(),
        vendor_ids: vec!["RHSA-2026:1".to_owned()],
        status: Status::NotAffected,
        severity: Some(Severity::Low),
        affected: Affected {
            vulnerable: vec![Range::All(vec![(crate::record::Op::GreaterOrEqual, "1-2.el9".to_owned())])],
            ..Affected::default()
        },
        fixed: vec!["1-2.el9".to_owned()],
        arches: vec!["x86_64".to_owned()],
        products: vec![7],
        malicious: false,
        source: DataSource { id: "redhat".to_owned(), ..DataSource::default() },
    };
    let qualifiers = Qualifiers {
        unaffected: true,
        module: Some("nodejs:18".to_owned()),
        cpe: Some("cpe:2.3:a:v:p:*:*:*:*:*:*:*:*".to_owned()),
        platforms: vec!["cpe:2.3:o:v:p:*:*:*:*:*:*:*:*".to_owned()],
        imports: vec![GoImport { path: "a/b".to_owned(), symbols: vec!["C".to_owned()] }],
        available: "2026-02-03T10:00:00Z".parse().ok(),
    };
    let ends = Lifecycle { end_of_life: "2032-05-31T00:00:00Z".parse().ok(), end_of_active_support: None };
    let kev = KnownExploited {
        date_added: "2026-02-04".to_owned(),
        due_date: None,
        ransomware: true,
        required_action: Some("Update".to_owned()),
    };
    let cvss = Cvss { v3: (Some("CVSS:3.1/x".to_owned()), Some(9.8)), ..Cvss::default() };
    let detail = Detail {
        aliases: vec!["GHSA-1".to_owned()],
        title: "Title".to_owned(),
        severities: vec![("redhat".to_owned(), Severity::Low)],
        cvss: vec![("nvd".to_owned(), cvss)],
        cwes: vec!["CWE-79".to_owned()],
        references: vec!["https://example.com".to_owned()],
        published: "2026-01-01T00:00:00Z".parse().ok(),
        ..Detail::default()
    };
    let records = [
        Record::Qualified(Box::new(advisory.clone()), Box::new(qualifiers)),
        Record::Advisory(Box::new(Advisory { stream: "npm".to_owned(), named: Named::Library, ..advisory })),
        Record::Detail("CVE-2026-1".to_owned(), Box::new(detail)),
        Record::Withdrawn("CVE-2026-2".to_owned()),
        Record::Products(ProductKey::ContentSet, "rhel-9".to_owned(), vec![7]),
        Record::Kev("CVE-2026-1".to_owned(), Box::new(kev)),
        Record::Epss("CVE-2026-1".to_owned(), Epss { score: 0.25, percentile: 0.9 }),
        Record::Stream("debian 12".to_owned()),
        Record::Lifecycle("Red Hat 9".to_owned(), ends),
    ];
    for record in records {
        builder.put(record).unwrap();
    }
    builder.finish().unwrap().0.into_inner()
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
        every_kind in any::<bool>(),
    ) {
        let mut bytes = if every_kind { qualified() } else { sample() };
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
            let _ = database.lifecycle("Red Hat 9");
            let _ = database.look_up(&Query { text: "nodejs".to_owned(), stream: String::new(), most: 100 });
            let nodejs = Package::new(PackageKind::Rpm, "nodejs", "1-1.module");
            let distro = Distro { id: "rhel".to_owned(), version_id: Some("9.2".to_owned()), ..Distro::default() };
            let host = Inventory { distro: Some(distro), packages: vec![nodejs], ..Inventory::default() };
            let _ = database.match_inventory(&host, &MatchOptions { cleared: true, ..MatchOptions::default() });
        }
    }
}
