use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::*;

fn records(json: &str) -> (Vec<Record>, Summary) {
    let mut records = Vec::new();
    let mut summary = Summary::default();
    read("test.json", json.as_bytes(), &mut summary, &mut |record| {
        records.push(record);
        Ok(())
    })
    .unwrap();
    (records, summary)
}

fn advisories(json: &str) -> Vec<Advisory> {
    records(json)
        .0
        .into_iter()
        .filter_map(|record| if let Record::Advisory(advisory) = record { Some(*advisory) } else { None })
        .collect()
}

/// Ranges of a record with these events, in words.
#[track_caller]
fn events(events: &str, expected: &[&str]) {
    let json = format!(
        r#"{{"id":"GHSA-1","affected":[{{"package":{{"ecosystem":"npm","name":"a"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}]}}"#
    );
    let made = advisories(&json);
    let ranges: Vec<String> = made[0]
        .affected
        .vulnerable
        .iter()
        .map(|range| match range {
            Range::All(all) => all.iter().map(|(op, v)| format!("{} {v}", op.sign())).collect::<Vec<_>>().join(", "),
            Range::Words(text) => text.clone(),
        })
        .collect();
    assert_eq!(ranges, expected, "{events}");
}

#[test]
fn events_become_ranges() {
    events(r#"{"introduced":"0"},{"fixed":"1.2.0"}"#, &["< 1.2.0"]);
    events(r#"{"introduced":"1.0.0"},{"last_affected":"1.2.0"}"#, &[">= 1.0.0, <= 1.2.0"]);
    events(r#"{"introduced":"1.0.0"}"#, &[">= 1.0.0"]);
    events(r#"{"introduced":"0"}"#, &[""]);
    events(
        r#"{"fixed":"2.3.0"},{"introduced":"2.0.0"},{"introduced":"0"},{"fixed":"1.2.0"}"#,
        &["< 1.2.0", ">= 2.0.0, < 2.3.0"],
    );
    events(r#"{"introduced":"1.0.0"},{"last_affected":"1.0.0"}"#, &[">= 1.0.0, <= 1.0.0"]);
    events(
        r#"{"introduced":"1.0.0"},{"fixed":"1.1.0"},{"introduced":"1.1.0"},{"fixed":"1.2.0"}"#,
        &[">= 1.0.0, < 1.1.0", ">= 1.1.0, < 1.2.0"],
    );
    events(r#"{"introduced":"0"},{"limit":"*"}"#, &[""]);
    events(r#"{"introduced":"0"},{"limit":"2.0.0"}"#, &["< 2.0.0"]);
}

#[test]
fn distributions_speak_of_cves() {
    let json = r#"{"id":"DEBIAN-CVE-2024-1","upstream":["CVE-2024-1"],"affected":[{"package":{"ecosystem":"Debian:12","name":"curl"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"7.88-1"}]}],"ecosystem_specific":{"urgency":"unimportant"}}]}"#;
    let made = advisories(json);
    assert_eq!(
        (made[0].id.as_str(), made[0].stream.as_str(), made[0].named),
        ("CVE-2024-1", "debian 12", Named::Source)
    );
    assert_eq!(
        (made[0].severity, made[0].vendor_ids.as_slice()),
        (Some(Severity::Low), &["DEBIAN-CVE-2024-1".to_owned()][..])
    );
    let json = r#"{"id":"RLSA-2024:1","upstream":["CVE-2","CVE-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected":[{"package":{"ecosystem":"Rocky Linux:9","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0:7-1"}]}]}]}"#;
    let (records, _) = records(json);
    let ids: Vec<&str> = records
        .iter()
        .filter_map(|record| match record {
            Record::Advisory(advisory) => Some(advisory.id.as_str()),
            Record::Detail(id, detail) if detail.severity == Some(Severity::Critical) => Some(id),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["CVE-1", "CVE-2", "CVE-1", "CVE-2"]);
}

#[test]
fn languages_keep_their_ids_and_aliases() {
    let json = r#"{"id":"GHSA-1","summary":"s","details":"d","aliases":["CVE-1"],"modified":"2024-01-01T00:00:00Z","published":"0001-01-01T00:00:00Z",
        "database_specific":{"severity":"MODERATE","cwe_ids":["CWE-79"]},"references":[{"type":"WEB","url":"https://example.com"}],
        "affected":[{"package":{"ecosystem":"PyPI","name":"Zope.Interface"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]},{"type":"GIT","events":[]}],"versions":["1.0","1.1"]}]}"#;
    let (records, summary) = records(json);
    let Record::Advisory(advisory) = &records[0] else { panic!("{records:?}") };
    assert_eq!((advisory.package.as_str(), advisory.source.id.as_str()), ("zope-interface", "ghsa"));
    let Record::Detail(id, detail) = &records[1] else { panic!("{records:?}") };
    assert_eq!((id.as_str(), detail.aliases.as_slice()), ("GHSA-1", &["CVE-1".to_owned()][..]));
    assert_eq!(detail.severities, [("ghsa".to_owned(), Severity::Medium)]);
    assert_eq!((detail.published, detail.cwes.as_slice()), (None, &["CWE-79".to_owned()][..]));
    assert_eq!(summary.newest.unwrap().to_string(), "2024-01-01T00:00:00Z");
}

#[test]
fn what_is_left_out_is_counted() {
    let (_, summary) = records(
        r#"{"id":"A-1","affected":[{"package":{"ecosystem":"Android","name":"x"},"versions":["1"]},
        {"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]},{"package":{"ecosystem":"npm","name":"x"}}]}"#,
    );
    assert_eq!(summary.unknown_ecosystems, [("Android".to_owned(), 1)].into());
    assert_eq!((summary.git_only, summary.without_versions, summary.advisories), (1, 1, 0));
    let (records_of, summary) = records(r#"{"id":"A-1","withdrawn":"2024-01-01T00:00:00Z"}"#);
    assert_eq!((records_of, summary.withdrawn), (vec![Record::Withdrawn("A-1".to_owned())], 1));
    let (none, summary) = records(r#"{"updated":"2024"}"#);
    assert_eq!((none.len(), summary.skipped), (0, vec!["test.json".to_owned()]));
    assert!(read("x.json", b"{", &mut Summary::default(), &mut |_| Ok(())).is_err());
    assert!(read("x.json", br#"{"id":5}"#, &mut Summary::default(), &mut |_| Ok(())).is_err());
}

#[test]
fn malicious_packages_are_critical() {
    let made = advisories(
        r#"{"id":"MAL-2024-1","affected":[{"package":{"ecosystem":"npm","name":"evil"},"versions":["1.0.0"]}]}"#,
    );
    assert_eq!((made[0].malicious, made[0].severity), (true, Some(Severity::Critical)));
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn archives_are_read_within_limits() {
    let bytes = archive(&[("a/1.json", r#"{"id":"A-1"}"#), ("README.md", "no"), ("2.json", r#"{"id":"A-2"}"#)]);
    let read = |bytes: &[u8], limits| read_zip(bytes, limits, &mut |_| Ok(()));
    assert_eq!(read(&bytes, ZipLimits::default()).unwrap().records, 2);
    let limits = ZipLimits::default();
    for tight in [
        ZipLimits { entries: 2, ..limits },
        ZipLimits { entry_bytes: 5, ..limits },
        ZipLimits { total_bytes: 15, ..limits },
    ] {
        assert!(matches!(read(&bytes, tight), Err(FeedError::TooLarge { .. })), "{tight:?}");
    }
    assert!(matches!(read(&bytes[..bytes.len() / 2], limits), Err(FeedError::Zip { .. })));
    let broken = archive(&[("1.json", r#"{"id":"A-1"}"#), ("2.json", "{")]);
    let summary = read(&broken, limits).unwrap();
    assert_eq!((summary.records, summary.malformed[0].0.as_str()), (1, "2.json"));
    let names: Vec<String> = (0..101).map(|n| format!("{n}.json")).collect();
    let rotten = archive(&names.iter().map(|name| (name.as_str(), "{")).collect::<Vec<_>>());
    assert!(matches!(read(&rotten, limits), Err(FeedError::Json { .. })));
}

proptest! {
    #[test]
    fn mutated_archives_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = archive(&[("1.json", r#"{"id":"A-1","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["1.0.0"]}]}"#)]);
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read_zip(&bytes, ZipLimits::default(), &mut |_| Ok(()));
    }
}
