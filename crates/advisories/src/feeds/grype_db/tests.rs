use proptest::prelude::*;
use signet_model::{Distro, Inventory, Package, PackageKind};

use super::*;
use crate::{Builder, Database, MatchOptions};

const FILE: &[u8] = include_bytes!("testdata/vulnerability.db");

fn compiled() -> (Vec<u8>, Summary) {
    let mut builder = Builder::new(std::io::Cursor::new(Vec::new())).unwrap();
    let summary = read(FILE, &mut |record| builder.put(record)).unwrap();
    builder.feed(feed("file", summary.built, Trust::LocalFile));
    (builder.finish().unwrap().0.into_inner(), summary)
}

fn rpm(name: &str, version: &str, module: Option<&str>) -> Package {
    Package { module: module.map(str::to_owned), ..Package::new(PackageKind::Rpm, name, version) }
}

/// What is found for one package, as `id fixed`, with `!` before what is known not to hold.
#[track_caller]
fn check(release: &str, package: Package, expected: &[&str]) {
    let (bytes, _) = compiled();
    let database = Database::open(&bytes).unwrap();
    let distro = Some(Distro { id: "rhel".to_owned(), version_id: Some(release.to_owned()), ..Distro::default() });
    let inventory = Inventory { distro, packages: vec![package], ..Inventory::default() };
    let options = MatchOptions { cleared: true, ..MatchOptions::default() };
    let found = database.match_inventory(&inventory, &options);
    let mut found: Vec<String> = found
        .findings
        .iter()
        .map(|f| {
            let sign = if f.suppressed.is_some() { "!" } else { "" };
            format!("{sign}{} {}", f.vulnerability.id, f.fix.versions.join(",")).trim_end().to_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn all_that_the_database_carries_is_read() {
    let (bytes, summary) = compiled();
    assert_eq!(summary.built.map(|time| time.to_string()).as_deref(), Some("2026-03-11T00:28:00Z"));
    assert_eq!(summary.unknown.keys().collect::<Vec<_>>(), ["windows:10816"]);
    // The row of minor 3 repeats the major release's and is left out.
    assert_eq!(summary.advisories, 8);
    let database = Database::open(&bytes).unwrap();
    assert_eq!(database.streams().unwrap(), ["Red Hat 9", "Red Hat 9.2", "Red Hat 9.2-EUS", "go", "nvd"]);
    let one = database.vulnerability("CVE-2026-1").unwrap().unwrap();
    assert_eq!(one.description.as_deref(), Some("A fault in glibc"));
    assert_eq!((one.severities["redhat"], one.cvss["redhat"].v3.1), (Severity::High, Some(9.8)));
    assert_eq!(one.kev.map(|kev| (kev.date_added, kev.ransomware)), Some(("2026-02-04".to_owned(), true)));
    assert_eq!(one.epss.map(|epss| epss.score), Some(0.25));
    assert_eq!(one.cwes, ["CWE-787"]);
    let four = database.vulnerability("CVE-2026-4").unwrap().unwrap();
    assert_eq!((four.severities["nvd"], four.cvss["nvd"].v4.1), (Severity::Critical, Some(9.3)));
    assert!(database.is_withdrawn("CVE-2026-5").unwrap());
    let ends = database.lifecycle("Red Hat 9").unwrap().unwrap().end_of_life.unwrap();
    assert_eq!(ends.to_string(), "2032-05-31T00:00:00Z");
    let query = crate::Query { text: "CVE-2026-3".to_owned(), stream: String::new(), most: 9 };
    let hits = database.look_up(&query).unwrap();
    assert_eq!((hits.len(), hits[0].id.as_str(), hits[0].fixed[0].as_str()), (1, "GHSA-aaaa-bbbb-cccc", "1.2.3"));
}

#[test]
fn minor_releases_have_fixes_of_their_own() {
    let cleared = "!CVE-2026-2";
    check("9.2", rpm("glibc", "2.34-60.el9_2.1", None), &[cleared, "CVE-2026-1 2.34-60.el9_2.7"]);
    check("9.2", rpm("glibc", "2.34-60.el9_2.7", None), &["!CVE-2026-1 2.34-60.el9_2.7", cleared]);
    check("9.3", rpm("glibc", "2.34-60.el9_2.7", None), &[cleared, "CVE-2026-1 2.34-100.el9"]);
    check("9.2+eus", rpm("glibc", "2.34-60.el9_2.1", None), &[cleared, "CVE-2026-1 2.34-60.el9_2.9"]);
}

#[test]
fn modules_are_told_apart() {
    check("9.3", rpm("nodejs", "18.1-1", Some("nodejs:18:1:2")), &["CVE-2026-2"]);
    check("9.3", rpm("nodejs", "18.1-1", Some("nodejs:20:1:2")), &[]);
    check("9.3", rpm("nodejs", "18.1-1.module+el9", None), &["CVE-2026-2"]);
}

#[test]
fn another_schema_is_refused() {
    let at = FILE.windows(2).position(|pair| pair == b"db").unwrap();
    assert!(at > 0);
    let mut records = |_| Ok(());
    assert!(matches!(read(b"SQLite format 3\0", &mut records), Err(FeedError::Sqlite(_))));
    let tables = include_bytes!("../../../../pages/src/testdata/tables.sqlite");
    let err = read(tables, &mut records).unwrap_err();
    assert!(matches!(err, FeedError::Sqlite(SqliteError::Missing(_))), "{err}");
}

#[test]
fn listings_are_read() {
    let listing = |status: &str, schema: &str| {
        format!(
            "{{\"status\":\"{status}\",\"schemaVersion\":\"{schema}\",\"built\":\"2026-03-11T00:28:00Z\",\"path\":\"vulnerability-db_v6.1.3.tar.zst\",\"checksum\":\"sha256:{}\"}}",
            "ab".repeat(32)
        )
    };
    let latest = Latest::parse(listing("active", "v6.1.3").as_bytes()).unwrap();
    assert_eq!((latest.path.as_str(), latest.deprecated), ("vulnerability-db_v6.1.3.tar.zst", false));
    assert!(Latest::parse(listing("deprecated", "6.0.2").as_bytes()).unwrap().deprecated);
    for refused in [listing("eol", "v6.1.3"), listing("active", "v5"), "{}".to_owned()] {
        assert!(Latest::parse(refused.as_bytes()).is_err(), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn changed_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in 0.5f64..1.5,
    ) {
        let mut bytes = FILE.to_vec();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        let _ = read(&bytes, &mut |_| Ok(()));
    }
}
